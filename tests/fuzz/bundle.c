#include "bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char place[64];

static void remove_place(void) {
    rmdir(place); /* which is empty, unless the target aborted */
}

const char *bundle_folder(void) {
    snprintf(place, sizeof place, "%s/xltune-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(place)) abort();
    atexit(remove_place);
    return place;
}

static void path_of(char path[256], const char *folder, const char *name) {
    snprintf(path, 256, "%s/%s", folder, name);
}

static void write_file(const char *folder, const char *name, const uint8_t *data, size_t size) {
    char path[256];
    path_of(path, folder, name);
    FILE *file = fopen(path, "wb"); /* xl_file_write would wait for the disk */
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
}

/* The next line "#file", or the end. */
static const uint8_t *next_mark(const uint8_t *at, const uint8_t *end) {
    static const char mark[] = "#file ";
    const uint8_t *begin = at;
    for (; at < end; at++) {
        const size_t left = (size_t)(end - at);
        if ((at == begin || at[-1] == '\n') && left >= sizeof mark - 1 && !memcmp(at, mark, sizeof mark - 1))
            return at;
        const uint8_t *line = memchr(at, '\n', left);
        if (!line) return end;
        at = line;
    }
    return end;
}

void bundle_write(const char *folder, const char *const *names, const uint8_t *data, size_t size) {
    char path[256];
    for (int i = 0; names[i]; i++) {
        path_of(path, folder, names[i]);
        unlink(path);
    }
    if (!size) return;
    const uint8_t *end = data + size, *at = next_mark(data, end);
    if (at != data) write_file(folder, names[0], data, (size_t)(at - data));
    while (at < end) {
        const uint8_t *name = at + 6, *line = memchr(name, '\n', (size_t)(end - name));
        if (!line) return;
        at = next_mark(line + 1, end);
        for (int i = 0; names[i]; i++) {
            if (strlen(names[i]) == (size_t)(line - name) && !memcmp(names[i], name, (size_t)(line - name)))
                write_file(folder, names[i], line + 1, (size_t)(at - line - 1));
        }
    }
}
