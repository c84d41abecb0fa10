/* Speed of the tokenizer.
 *
 *   bench_tokenizer [DIR [TEXT]]
 *
 * Prints one CSV row for each direction, the median of the samples in processor time of this thread. DIR holds a
 * tokenizer.json. A sample encodes the whole TEXT again and again until 4 MB are done; each call begins with an
 * empty cache of words. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <xlstm/xlstm.h>

#include "base/file.h"

enum { SAMPLES = 11, SAMPLE_BYTES = 4 << 20 };

static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void row(const char *what, size_t bytes, size_t tokens, double *seconds) {
    qsort(seconds, SAMPLES, sizeof *seconds, by_value);
    double median = seconds[SAMPLES / 2];
    printf("%s,%zu,%zu,%.6f,%.6f,%.6f,%.2f\n", what, bytes, tokens, median, seconds[0], seconds[SAMPLES - 1],
           (double)bytes / median / 1e6);
}

/* Adds the seconds of one encoding and one decoding to *encode_s and *decode_s. */
static int once(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, size_t *tokens, double *encode_s,
                double *decode_s, xlstm_error *err) {
    int32_t *ids;
    char *decoded;
    size_t back;
    double start = processor_s();
    int status = xlstm_tokenizer_encode(tokenizer, text, bytes, false, &ids, tokens, err);
    if (status) return status;
    *encode_s += processor_s() - start;
    start = processor_s();
    status = xlstm_tokenizer_decode(tokenizer, ids, *tokens, true, &decoded, &back, err);
    *decode_s += processor_s() - start;
    free(ids);
    if (!status) free(decoded);
    return status;
}

static int measure(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, xlstm_error *err) {
    double encode_s[SAMPLES] = {0}, decode_s[SAMPLES] = {0};
    size_t calls = bytes ? SAMPLE_BYTES / bytes + 1 : 1, tokens = 0;
    for (int i = 0; i < SAMPLES; i++) {
        for (size_t call = 0; call < calls; call++) {
            int status = once(tokenizer, text, bytes, &tokens, &encode_s[i], &decode_s[i], err);
            if (status) return status;
        }
    }
    puts("what,bytes,tokens,median_s,min_s,max_s,mb_s");
    row("encode", calls * bytes, calls * tokens, encode_s);
    row("decode", calls * bytes, calls * tokens, decode_s);
    return 0;
}

int main(int argc, char **argv) {
    const char *dir = argc > 1 ? argv[1] : "models/tiny-literature";
    const char *path = argc > 2 ? argv[2] : "prompts/long_form.txt";
    xlstm_error err;
    xlstm_tokenizer *tokenizer = NULL;
    char *text = NULL;
    size_t bytes = 0;
    int status = xlstm_tokenizer_open(&tokenizer, dir, &err);
    if (!status) status = xl_file_read(path, 1 << 28, &text, &bytes, &err);
    if (!status) status = measure(tokenizer, text, bytes, &err);
    if (status) fprintf(stderr, "bench_tokenizer: %s\n", err.text);
    free(text);
    xlstm_tokenizer_close(tokenizer);
    return status ? 1 : 0;
}
