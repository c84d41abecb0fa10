/* The main function of every fuzz target. It runs the target on each file, and on each file of each folder, that
 * is named; with `--runs N` also on N damaged copies of them (`--seed S`), so that the corpus serves as a test.
 * With clang the targets can be linked with -fsanitize=fuzzer instead of this file. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "fuzz.h"

enum { INPUTS = 1024, LIMIT = 1 << 24 };

typedef struct input {
    char *data;
    size_t bytes;
} input;

static input inputs[INPUTS];
static size_t count;

static int add_file(const char *path) {
    xlstm_error err;
    if (count == INPUTS || xl_file_read(path, LIMIT, &inputs[count].data, &inputs[count].bytes, &err)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)inputs[count].data, inputs[count].bytes);
    count++;
    return 0;
}

static int add(const char *path) {
    if (!xl_is_folder(path)) return add_file(path);
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), bad = n < 0;
    for (int i = 0; i < n; i++) {
        char *file = xl_path_join(path, entries[i]->d_name);
        if (!bad && file && xl_is_file(file)) bad = add_file(file);
        free(file);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    return bad;
}

/* Runs the target on a copy with a few bytes changed, inserted, removed or moved, which is sometimes cut short. */
static void run_damaged(xl_rng *rng) {
    const input *from = &inputs[xl_rng_below(rng, count)];
    size_t bytes = from->bytes, room = from->bytes + 64;
    char *data = malloc(room);
    if (!data) return;
    memcpy(data, from->data, bytes);
    for (uint64_t n = 1 + xl_rng_below(rng, 6); n; n--) {
        size_t at = bytes ? xl_rng_below(rng, bytes) : 0, length = 1 + xl_rng_below(rng, 8);
        switch (xl_rng_below(rng, 6)) {
        case 0:
            if (bytes) data[at] = (char)xl_rng_below(rng, 256);
            break;
        case 1:
            if (bytes) data[at] ^= (char)(1 << xl_rng_below(rng, 8));
            break;
        case 2:
            if (bytes + length > room) break;
            memmove(data + at + length, data + at, bytes - at);
            for (size_t i = 0; i < length; i++) data[at + i] = (char)xl_rng_below(rng, 256);
            bytes += length;
            break;
        case 3:
            if (at + length > bytes) break;
            memmove(data + at, data + at + length, bytes - at - length);
            bytes -= length;
            break;
        case 4:
            if (at + length > bytes) break;
            memmove(data + xl_rng_below(rng, bytes - length + 1), data + at, length);
            break;
        default:
            if (!xl_rng_below(rng, 8)) bytes = at;
        }
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, bytes);
    free(data);
}

int main(int argc, char **argv) {
    long runs = 0;
    uint64_t seed = 1;
    int bad = 0;
    for (int i = 1; i < argc && !bad; i++) {
        if (!strcmp(argv[i], "--runs") && i + 1 < argc) runs = strtol(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc) seed = strtoull(argv[++i], NULL, 10);
        else bad = add(argv[i]);
    }
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    for (long i = 0; i < runs && count && !bad; i++) run_damaged(&rng);
    printf("%zu inputs, %ld damaged copies\n", count, runs);
    for (size_t i = 0; i < count; i++) free(inputs[i].data);
    return bad || !count;
}
