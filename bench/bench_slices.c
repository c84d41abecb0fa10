/* How long a server takes, and how long its streams wait, where prompts are read in the slices of server/slices.h:
 * its own code on a simulated engine, in simulated time. A step with d sequences and n tokens of prompts takes base
 * + each_decode * d + (n = 1: each_decode; n > 1: fixed + each * n; n = 0: nothing) milliseconds: one token of a
 * prompt is a step of one more sequence, and more of them are another pass over the weights on a GPU (fixed), or
 * nearly free on a processor that has the weights in hand anyway (fixed: 0). usage: bench_slices      CSV: machine,
 * streams, tokens of each prompt, tokens a second until the last answer, the median time to a first token in ms,
 * the median and the 99th percentile of the gaps between tokens in ms */
#include <stdio.h>
#include <stdlib.h>

#include "server/slices.h"

enum { ANSWER = 128, READERS = 8, STREAMS_MAX = 64, GAPS_MAX = STREAMS_MAX * ANSWER };

typedef struct machine {
    const char *name;
    double base, each_decode, fixed, each; /* ms */
} machine;

typedef struct stream {
    int64_t left, made;
    double last, first;
} stream;

typedef struct figures {
    double rate, first_ms, gap_ms, gap99_ms;
} figures;

static double step_ms(const machine *m, int64_t decodes, int64_t tokens) {
    const double prompt = tokens == 0 ? 0 : tokens == 1 ? m->each_decode : m->fixed + m->each * (double)tokens;
    return m->base + m->each_decode * (double)decodes + prompt;
}

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, int count, double share) {
    qsort(values, (size_t)count, sizeof *values, rising);
    return values[(int)(share * (count - 1) + 0.5)];
}

/* The first request comes alone, the others while its prompt is read. */
static figures serve(const machine *m, int streams, int64_t prompt) {
    static double gaps[GAPS_MAX];
    double firsts[STREAMS_MAX], now = 0;
    stream all[STREAMS_MAX];
    int gap_count = 0, over = 0, turn = 0;
    serve_slices slices;
    serve_slices_init(&slices, 0, 512);
    for (int i = 0; i < streams; i++) all[i] = (stream){.left = prompt};
    for (int64_t step = 0; over < streams; step++) {
        const int here = step ? streams : 1;
        int64_t decodes = 0, tokens = 0, taken[STREAMS_MAX] = {0};
        bool decoding[STREAMS_MAX];
        for (int i = 0; i < here; i++) decodes += decoding[i] = !all[i].left && all[i].made < ANSWER;
        const int64_t budget = serve_slices_choose(&slices, decodes);
        for (int i = 0, readers = 0; i < here && readers < READERS && tokens < budget; i++) {
            const int at = (turn + i) % here;
            if (!all[at].left) continue;
            taken[at] = all[at].left < budget - tokens ? all[at].left : budget - tokens;
            tokens += taken[at];
            readers++;
            if (readers == READERS || tokens >= budget) turn = at + 1;
        }
        const double ms = step_ms(m, decodes, tokens);
        now += ms;
        serve_slices_learn(&slices, decodes, tokens, ms / 1e3);
        for (int i = 0; i < here; i++) {
            stream *s = &all[i];
            if (decoding[i]) gaps[gap_count++] = now - s->last;
            const bool read = taken[i] && taken[i] == s->left;
            s->left -= taken[i];
            if (read) s->first = now;
            if (read || decoding[i]) {
                s->made++;
                s->last = now;
                over += s->made == ANSWER;
            }
        }
    }
    for (int i = 0; i < streams; i++) firsts[i] = all[i].first;
    return (figures){.rate = (double)streams * ANSWER / now * 1e3,
                     .first_ms = quantile(firsts, streams, 0.5),
                     .gap_ms = quantile(gaps, gap_count, 0.5),
                     .gap99_ms = quantile(gaps, gap_count, 0.99)};
}

int main(void) {
    static const machine machines[] = {
        /* xLSTM-7B's shape in bfloat16 on an H200: decoding as measured (gpu-h200-many.csv, serve-gpu-h200.csv),
         * the fixed part about a pass over the weights. */
        {"gpu 7b", 4.0, 0.12, 5, 0.06},
        {"gpu 7b, slower pass", 4.0, 0.12, 10, 0.06},
        {"2 cores 160m", 11, 0.3, 0, 1},
        {"2 cores 160m, slower", 21, 0.5, 0, 1.75},
        {"2 cores 160m, a part for each slice", 11, 0.3, 3, 0.6},
        {"16 cores 1.3b", 20, 0.5, 1, 0.4},
    };
    static const int streams[] = {2, 8, 32, 64}, prompts[] = {25, 500, 4000};
    printf("machine,streams,prompt_tokens,tok_s,first_ms,gap_ms,gap_p99_ms\n");
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        for (size_t p = 0; p < sizeof prompts / sizeof *prompts; p++)
            for (size_t k = 0; k < sizeof streams / sizeof *streams; k++) {
                const figures f = serve(&machines[i], streams[k], prompts[p]);
                printf("\"%s\",%d,%d,%.1f,%.1f,%.2f,%.2f\n", machines[i].name, streams[k], prompts[p], f.rate,
                       f.first_ms, f.gap_ms, f.gap99_ms);
            }
    return 0;
}
