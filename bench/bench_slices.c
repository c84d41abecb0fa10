/* How long a server takes, and how long its streams wait, where prompts are read in the slices of server/slices.h:
 * its own code on a simulated engine, in simulated time. A step with d sequences and n tokens of prompts takes base
 * + each_decode * d + (n = 1: each_decode; n > 1: fixed + each * n; n = 0: nothing) milliseconds: one token of a
 * prompt is a step of one more sequence, and more of them are another pass over the weights on a GPU (fixed), or
 * nearly free on a processor that has the weights in hand anyway (fixed: 0). One machine has the times that were
 * measured on an H200 instead, scattered, and what a shape of a step takes longer that is not among the last 16: of
 * its runs with twenty seeds there are the medians, and the worst. usage: bench_slices      CSV: machine, streams,
 * tokens of each prompt, tokens a second until the last answer, the median time to a first token in ms, the median
 * and the 99th percentile of the gaps between tokens in ms */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "server/slices.h"

enum { ANSWER = 128, READERS = 8, STREAMS_MAX = 64, GAPS_MAX = STREAMS_MAX * ANSWER, SEEDS = 20, RECORDINGS = 16 };

typedef struct machine {
    const char *name;
    double base, each_decode, fixed, each; /* ms */
    bool measured;                         /* on an H200; the numbers before do not count */
} machine;

/* xLSTM-7B's shape in bfloat16 on an H200 (serve-steps-h200.csv): milliseconds of a step by its sequences, and
 * longer by the tokens of prompts; what a new shape takes longer. */
typedef struct point {
    double at, ms;
} point;
static const point decode_ms[] = {{1, 4.36}, {2, 5.4},   {4, 5.5},   {8, 5.9},
                                  {16, 7.0}, {32, 8.95}, {33, 11.8}, {64, 12.9}},
                   prompt_ms[] = {{1, 0.3},  {2, 2.45}, {8, 2.7},  {9, 4.1},    {16, 4.1}, {48, 5.6},
                                  {96, 7.3}, {97, 16},  {128, 16}, {256, 18.5}, {512, 25}};
static const double recording_ms = 1.5, tile_ms = 3;

static double between(const point *points, size_t count, double at) {
    size_t i = 1;
    while (i + 1 < count && points[i].at < at) i++;
    const point a = points[i - 1], b = points[i];
    return a.ms + (b.ms - a.ms) * (at - a.at) / (b.at - a.at);
}

typedef struct stream {
    int64_t left, made;
    double last, first;
} stream;

typedef struct figures {
    double rate, first_ms, gap_ms, gap99_ms;
} figures;

typedef struct recordings {
    int64_t shapes[RECORDINGS][2];
    int next;
} recordings;

static double measured_ms(recordings *r, xl_rng *rng, int64_t decodes, int64_t tokens) {
    double ms = decodes ? between(decode_ms, sizeof decode_ms / sizeof *decode_ms, (double)decodes) : 4;
    if (tokens) ms += between(prompt_ms, sizeof prompt_ms / sizeof *prompt_ms, (double)tokens);
    /* A tile of 64 rows instead of 32. */
    if (decodes <= 32 && decodes + tokens > 32 && tokens && tokens < 16) ms += tile_ms;
    bool found = false;
    for (int i = 0; i < RECORDINGS; i++) found |= r->shapes[i][0] == decodes && r->shapes[i][1] == tokens;
    if (!found) {
        r->shapes[r->next][0] = decodes;
        r->shapes[r->next][1] = tokens;
        r->next = (r->next + 1) % RECORDINGS;
        ms += recording_ms;
    }
    return ms * exp(0.02 * xl_rng_normal(rng));
}

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

/* What a server runs before it says that it is ready. */
static void make_known(serve_slices *s, recordings *r, xl_rng *rng) {
    for (int i = 0; i < 4; i++) serve_slices_learn(s, 1, 0, measured_ms(r, rng, 1, 0) / 1e3);
    for (int turn = 0;; turn++) {
        const int64_t tokens = serve_slices_probe(s, turn);
        if (!tokens) break;
        serve_slices_learn(s, 1, tokens, measured_ms(r, rng, 1, tokens) / 1e3);
    }
}

/* The first request comes alone, the others while its prompt is read. */
static figures serve(const machine *m, int streams, int64_t prompt, uint64_t seed) {
    static double gaps[GAPS_MAX];
    double firsts[STREAMS_MAX], now = 0;
    stream all[STREAMS_MAX];
    int gap_count = 0, over = 0, turn = 0;
    serve_slices slices;
    recordings known = {{{0}}, 0};
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    serve_slices_init(&slices, 0, 512);
    if (m->measured) make_known(&slices, &known, &rng);
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
        const double ms = m->measured ? measured_ms(&known, &rng, decodes, tokens) : step_ms(m, decodes, tokens);
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

static void print(const char *name, const char *which, int streams, int prompt, const figures *f) {
    printf("\"%s%s\",%d,%d,%.1f,%.1f,%.2f,%.2f\n", name, which, streams, prompt, f->rate, f->first_ms, f->gap_ms,
           f->gap99_ms);
}

static int by_rate(const void *a, const void *b) {
    const figures *x = a, *y = b;
    return (x->rate > y->rate) - (x->rate < y->rate);
}

int main(void) {
    static const machine machines[] = {
        /* xLSTM-7B's shape in bfloat16 on an H200: decoding as measured (gpu-h200-many.csv, serve-gpu-h200.csv),
         * the fixed part about a pass over the weights. */
        {"gpu 7b", 4.0, 0.12, 5, 0.06, false},
        {"gpu 7b, slower pass", 4.0, 0.12, 10, 0.06, false},
        {.name = "gpu 7b, measured", .measured = true},
        {"2 cores 160m", 11, 0.3, 0, 1, false},
        {"2 cores 160m, slower", 21, 0.5, 0, 1.75, false},
        {"2 cores 160m, a part for each slice", 11, 0.3, 3, 0.6, false},
        {"16 cores 1.3b", 20, 0.5, 1, 0.4, false},
    };
    static const int streams[] = {2, 8, 32, 64}, prompts[] = {25, 500, 4000};
    printf("machine,streams,prompt_tokens,tok_s,first_ms,gap_ms,gap_p99_ms\n");
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        for (size_t p = 0; p < sizeof prompts / sizeof *prompts; p++)
            for (size_t k = 0; k < sizeof streams / sizeof *streams; k++) {
                figures f[SEEDS];
                const int count = machines[i].measured ? SEEDS : 1;
                for (int seed = 0; seed < count; seed++)
                    f[seed] = serve(&machines[i], streams[k], prompts[p], (uint64_t)seed + 1);
                qsort(f, (size_t)count, sizeof *f, by_rate);
                print(machines[i].name, "", streams[k], prompts[p], &f[count / 2]);
                if (count > 1) print(machines[i].name, ", the worst", streams[k], prompts[p], &f[0]);
            }
    return 0;
}
