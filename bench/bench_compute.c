/* Prefill in each arithmetic, on one checkpoint, in one interleaved run: a sample of each in turn; and decode
 * behind it.
 *
 *   bench_compute MODEL [--weights stored] [--tokens 512] [--new 0] [--workers 1] [--rounds 9]
 *                 [--compute f32,bf16,int8]
 *
 * CSV on standard output, a row for each sample. Beside the clock it gives the processor time of the whole process:
 * on a machine with other work, and with one worker, that is the time that this machine would take alone, but for
 * what the others take of its caches. GFLOP/s counts the products of the linear layers alone. A row of `test`
 * decode is --new tokens, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"

enum { MOST = 8 };

static int die(const xlstm_error *err) {
    fprintf(stderr, "bench_compute: %s\n", err->text);
    return 1;
}

static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations of the linear layers for a token, and the head's for one row of logits. */
static double operations(const xlstm_hparams *hp, double tokens) {
    double d = (double)hp->embedding_dim, block = d * (2 * (double)hp->qk_dim + 3 * (double)hp->v_dim +
                                                       2 * (double)hp->num_heads + 3 * (double)hp->ffn_dim);
    return 2 * (tokens * (double)hp->num_blocks * block + d * (double)hp->vocab_size);
}

int main(int argc, char **argv) {
    const char *weights = "stored", *workers = "1", *wanted = "f32,bf16,int8";
    size_t tokens = 512, new = 0;
    int rounds = 9;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--weights")) weights = argv[i + 1];
        if (!strcmp(argv[i], "--tokens")) tokens = strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--new")) new = strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--workers")) workers = argv[i + 1];
        if (!strcmp(argv[i], "--rounds")) rounds = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--compute")) wanted = argv[i + 1];
    }
    if (argc < 2 || !tokens) {
        fprintf(stderr,
                "usage: bench_compute MODEL [--weights W] [--tokens N] [--new N] [--workers N] [--rounds N] "
                "[--compute LIST]\n");
        return 2;
    }
    xlstm_error err = {0};
    xlstm_model *model = NULL;
    xlstm_model_info info;
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    if (xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, weights, &err) ||
        xlstm_settings_parse(&settings, XLSTM_TUNE_WORKERS, workers, &err) ||
        xlstm_settings_parse(&settings, XLSTM_TUNE_DECODE_WORKERS, workers, &err))
        return die(&err);
    const xlstm_model_options options = {.settings = &settings};
    if (xlstm_model_open(&model, argv[1], &options, &err)) return die(&err);
    xlstm_model_get_info(model, &info);
    const xlstm_hparams *hp = xlstm_model_hparams(model);

    int32_t *ids = xl_array(tokens, sizeof *ids);
    float *logits = xl_array((size_t)hp->vocab_size, sizeof *logits);
    if (!ids || !logits) return 1;
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (size_t i = 0; i < tokens; i++) ids[i] = (int32_t)xl_rng_below(&rng, (uint64_t)hp->vocab_size);

    xlstm_session *session[MOST];
    char list[128], *names[MOST];
    int count = 0;
    snprintf(list, sizeof list, "%s", wanted);
    for (char *name = strtok(list, ","); name && count < MOST; name = strtok(NULL, ","), count++) {
        names[count] = name;
        if (xlstm_settings_parse(&settings, XLSTM_TUNE_COMPUTE, name, &err) ||
            xlstm_session_create(&session[count], model, &settings, &err) ||
            xlstm_prefill(session[count], ids, tokens, XLSTM_LOGITS_LAST, logits, &err))
            return die(&err);
    }
    puts("checkpoint,kernels,weights,workers,compute,tokens,round,seconds,cpu_seconds,tok_s,cpu_tok_s,cpu_gflop_s,"
         "test");
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < 2 * count; i++) {
            const bool decode = i % 2;
            const size_t done = decode ? new : tokens;
            if (!done) continue;
            xlstm_session *at = session[i / 2];
            if (!decode) xlstm_session_reset(at);
            double cpu = processor_s(), start = xl_now_s();
            if (!decode && xlstm_prefill(at, ids, tokens, XLSTM_LOGITS_LAST, logits, &err)) return die(&err);
            for (size_t t = 0; decode && t < new; t++)
                if (xlstm_decode(at, ids[t % tokens], logits, &err)) return die(&err);
            double seconds = xl_now_s() - start, used = processor_s() - cpu;
            /* A decoded token has a row of logits each. */
            const double all = decode ? (double)new *operations(hp, 1) : operations(hp, (double)tokens);
            printf("%s,%s,%s,%s,%s,%zu,%d,%.6f,%.6f,%.2f,%.2f,%.1f,%s\n", argv[1], info.kernels, weights, workers,
                   names[i / 2], done, round, seconds, used, (double)done / seconds, (double)done / used,
                   all / used / 1e9, decode ? "decode" : "prefill");
            fflush(stdout);
        }
    for (int i = 0; i < count; i++) xlstm_session_destroy(session[i]);
    xlstm_model_close(model);
    free(ids);
    free(logits);
    return 0;
}
