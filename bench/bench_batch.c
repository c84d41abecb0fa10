/* Decode of many sequences at once: tokens a second, all sequences together, of a checkpoint on a device. A CSV row
 * a number of sequences, with the median and the range of the rounds. With -p it also says on standard error where
 * the device's time went in all rounds, by operation, which takes more time than without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { SEQUENCES_MAX = 1024, ROUNDS_MAX = 100 };

static int die(const xlstm_error *err) {
    fprintf(stderr, "bench_batch: %s\n", err->text);
    return 1;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Greedy decoding of all sessions, each from the token of its number; the first call of all is not timed. */
static int measure(xlstm_model *model, const xlstm_settings *settings, int count, int steps, int rounds,
                   double *speeds, xlstm_error *err) {
    size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    xlstm_session *sessions[SEQUENCES_MAX] = {0};
    int32_t ids[SEQUENCES_MAX];
    xlstm_batch *batch = NULL;
    int32_t *chosen = xl_array((size_t)count * (size_t)steps, sizeof *chosen);
    int status = chosen ? xlstm_batch_create(&batch, model, settings, err) : XLSTM_ENOMEM;
    for (int i = 0; i < count && !status; i++) {
        ids[i] = (int32_t)((size_t)i % vocab);
        status = xlstm_session_create(&sessions[i], model, settings, err);
    }
    for (int r = -1; r < rounds && !status; r++) {
        double start = xl_now_s();
        status = xlstm_batch_greedy(batch, sessions, ids, (size_t)count, chosen, (size_t)steps, err);
        if (r >= 0) speeds[r] = (double)count * steps / (xl_now_s() - start);
    }
    xlstm_schedule_entry entry;
    for (int i = 0; !status && xlstm_batch_schedule(batch, i, &entry); i++) {
        if (!strncmp(entry.key, "ns ", 3))
            fprintf(stderr, "%12.3f ms  %s\n", (double)entry.value * 1e-6, entry.key + 3);
    }
    for (int i = 0; i < count; i++) xlstm_session_destroy(sessions[i]);
    xlstm_batch_destroy(batch);
    free(chosen);
    return status;
}

/* Sets a tunable from NAME=VALUE. */
static int set(xlstm_settings *settings, char *text, xlstm_error *err) {
    char *value = strchr(text, '=');
    if (!value) return xl_fail(err, XLSTM_EARG, "-s %s: wanted NAME=VALUE", text);
    *value++ = 0;
    const xlstm_tunable *row = xlstm_tunable_find(text);
    if (!row) return xl_fail(err, XLSTM_EARG, "-s %s: there is no such tunable", text);
    return xlstm_settings_parse(settings, (int)row->id, value, err);
}

int main(int argc, char **argv) {
    const char *device = NULL, *counts = "1,8,32", *weights = "stored";
    int steps = 32, rounds = 5, option;
    bool profile = false;
    xlstm_error err;
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    while ((option = getopt(argc, argv, "d:b:n:r:w:s:p")) != -1) {
        switch (option) {
        case 'd':
            device = optarg;
            break;
        case 'b':
            counts = optarg;
            break;
        case 'n':
            steps = atoi(optarg);
            break;
        case 'r':
            rounds = atoi(optarg);
            break;
        case 'w':
            weights = optarg;
            break;
        case 's':
            if (set(&settings, optarg, &err)) return die(&err);
            break;
        case 'p':
            profile = true;
            break;
        default:
            return 2;
        }
    }
    if (optind != argc - 1 || steps < 1 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_batch [-d DEVICE] [-b 1,8,32] [-n STEPS] [-r ROUNDS] [-w WEIGHTS] [-s "
                        "NAME=VALUE]... [-p] MODEL\n");
        return 2;
    }
    xlstm_model *model;
    xlstm_model_info info;
    if (xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, weights, &err)) return die(&err);
    const xlstm_model_options options = {.settings = &settings, .device = device, .profile = profile};
    if (xlstm_model_open(&model, argv[optind], &options, &err)) return die(&err);
    xlstm_model_get_info(model, &info);
    printf("device,kernels,parameters,weights,sequences,steps,rounds,median_ts,low_ts,high_ts\n");
    for (const char *at = counts; *at; at += strcspn(at, ","), at += *at == ',') {
        double speeds[ROUNDS_MAX];
        int count = atoi(at);
        if (count < 1 || count > SEQUENCES_MAX) {
            fprintf(stderr, "bench_batch: %d sequences, wanted 1 to %d\n", count, SEQUENCES_MAX);
            return 2;
        }
        if (measure(model, &settings, count, steps, rounds, speeds, &err)) return die(&err);
        qsort(speeds, (size_t)rounds, sizeof *speeds, compare);
        printf("%s,%s,%llu,%s,%d,%d,%d,%.1f,%.1f,%.1f\n", info.device, info.kernels,
               (unsigned long long)info.parameters, weights, count, steps, rounds, speeds[rounds / 2], speeds[0],
               speeds[rounds - 1]);
        fflush(stdout);
    }
    xlstm_model_close(model);
    return 0;
}
