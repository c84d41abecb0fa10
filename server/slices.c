#include "server/slices.h"

#include <math.h>
#include <stdlib.h>

static const int64_t sizes[SERVE_SLICE_SIZES] = {1,  2,   3,   4,   6,   8,   12,  16,   24,   32,   48,   64,
                                                 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

/* Where no bound is given, a step with prompts takes at most `stretch` times one without: a stream waits for its
 * next token no longer than for two. Where the least that can be read takes longer than that allows, as on a GPU
 * that reads all weights once more for it, such a step may take `fixed` times the least longer, so that most of its
 * time is spent on tokens: small slices would not make it shorter, and only make more of them. And it may take what
 * the smallest slice takes that reads a token in at most `nearly` times the least time that is known: where larger
 * slices were measured (serve_slices_probe), many small ones would keep their streams waiting for longer in all. */
static const double stretch = 2, fixed = 3, nearly = 1.5;

/* The share of the bound that is planned with; the rest is for what cannot be foreseen. A step beyond the bound
 * takes `down` from it, and each of the others gives `up`, so that it settles where one step in three hundred is
 * late: disturbed ones are late too, and together they are to be fewer than one in a hundred. One that took
 * more than `far` times the bound was disturbed, and a smaller slice would not have helped it. */
static const double margin_first = 0.82, margin_least = 0.7, margin_most = 0.95, down = 0.03, up = 0.0001,
                    far = 1.5;

/* The share of a size's samples that must fit. */
#define FIT_SHARE 0.7

enum {
    KNOWN = 4,        /* samples of a size that make it known: before, it is being tried, and may be late */
    PLAIN_LAST = 11,  /* of the steps without prompts count: more, and the bound follows the machine too slowly */
    PLAIN_EVERY = 16, /* steps with prompts at most behind one without */
    FIRST = 1         /* of the sizes, as long as nothing is known: two tokens, whose time bounds the fixed part */
};

void serve_slices_init(serve_slices *s, double bound_s, int64_t most) {
    *s = (serve_slices){.bound_s = bound_s, .most = most, .margin = margin_first};
    while (s->sizes < SERVE_SLICE_SIZES && sizes[s->sizes] <= most) s->sizes++;
}

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What a share of the last `most` measurements does not exceed: one that was disturbed counts as one. */
static double quantile(const serve_samples *m, size_t most, double share) {
    double sorted[SERVE_SAMPLES];
    const size_t count = m->seen < most ? m->seen : most;
    for (size_t i = 0; i < count; i++) sorted[i] = m->seconds[(m->seen - 1 - i) % SERVE_SAMPLES];
    qsort(sorted, count, sizeof *sorted, rising);
    return sorted[(size_t)(share * (double)(count - 1) + 0.5)];
}

static void add(serve_samples *m, double seconds, uint64_t step) {
    m->seconds[m->seen++ % SERVE_SAMPLES] = seconds;
    m->last = step;
}

static int class_of(int64_t decodes) {
    int at = 0;
    while (at + 1 < SERVE_PLAIN_SIZES && (INT64_C(1) << at) < decodes) at++;
    return at;
}

/* Of the nearest number of sequences that is known; 0: none is. */
static double plain(const serve_slices *s, int64_t decodes) {
    const int at = class_of(decodes);
    for (int d = 0; d < SERVE_PLAIN_SIZES; d++) {
        if (at >= d && s->plain[at - d].seen) return quantile(&s->plain[at - d], PLAIN_LAST, 0.5);
        if (at + d < SERVE_PLAIN_SIZES && s->plain[at + d].seen)
            return quantile(&s->plain[at + d], PLAIN_LAST, 0.5);
    }
    return 0;
}

/* The largest size below that was measured so often; -1: none was. */
static int below(const serve_slices *s, int size, uint32_t samples) {
    int at = size - 1;
    while (at >= 0 && s->extra[at].seen < samples) at--;
    return at;
}

/* What a size takes by what the smaller ones take. Each token more takes at most what the tokens before it took on
 * average, since a part is the same for all sizes, and at least half of that; between the two, what the last two
 * sizes say. 0: no smaller one is known. One that is being tried does not speak for larger ones, where others do.
 */
static double extrapolated(const serve_slices *s, int size) {
    int known = below(s, size, KNOWN), before;
    if (known < FIRST) known = below(s, size, 1);
    if (known < 0) return 0;
    const double seconds = quantile(&s->extra[known], SERVE_SAMPLES, 0.5), average = seconds / (double)sizes[known];
    double each = average / 2;
    before = below(s, known, KNOWN);
    if (before >= 0 && s->extra[known].seen >= KNOWN) {
        const double slope =
            (seconds - quantile(&s->extra[before], SERVE_SAMPLES, 0.5)) / (double)(sizes[known] - sizes[before]);
        each = slope < each ? each : slope > average ? average : slope;
    }
    return seconds + each * (double)(sizes[size] - sizes[known]);
}

/* A size that was not tried is, where smaller ones say that it fits. One that took too long is expected to take
 * less as time goes by, and so is tried again, soon where little is known of it: but only where smaller ones, which
 * were measured since, say that it fits. */
static bool fits(const serve_slices *s, int size, double room) {
    const serve_samples *m = &s->extra[size];
    if (m->seen) {
        /* Of few samples the shortest: what else happens only makes them longer. */
        const double seconds = quantile(m, SERVE_SAMPLES, m->seen < KNOWN ? 0 : FIT_SHARE),
                     age = (double)(s->step - m->last);
        if (seconds <= room) return true;
        if (seconds * exp(-age * (0.0002 + 0.01 / ((double)m->seen * m->seen))) > room) return false;
    }
    return extrapolated(s, size) <= room;
}

/* What a step takes longer for any tokens of a prompt, in seconds: what the cheapest known size does. A single
 * token does not count where others are known, since it may be a step of one more sequence. 0: nothing is known. */
static double least_extra(const serve_slices *s) {
    double least = 0;
    for (int i = 1; i < s->sizes; i++) {
        if (!s->extra[i].seen) continue;
        const double seconds = quantile(&s->extra[i], SERVE_SAMPLES, 0.5);
        if (least <= 0 || seconds < least) least = seconds;
    }
    return least > 0 || !s->extra[0].seen ? least : quantile(&s->extra[0], SERVE_SAMPLES, 0.5);
}

/* Of sizes that were measured before anything was asked for: what the smallest takes longer of those that read a
 * token nearly as fast as any that is known. Nothing larger than the known ones is looked for; where time goes by
 * tokens, it is a small one. 0: nothing is known. */
static double thrifty_extra(const serve_slices *s) {
    double each[SERVE_SLICE_SIZES], best = INFINITY; /* seconds a token */
    if (!s->probed) return 0;
    for (int i = FIRST; i < s->sizes; i++) {
        const serve_samples *m = &s->extra[i];
        each[i] = m->seen >= KNOWN ? quantile(m, SERVE_SAMPLES, 0.5) / (double)sizes[i] : INFINITY;
        if (each[i] < best) best = each[i];
    }
    for (int i = FIRST; i < s->sizes; i++)
        if (each[i] < INFINITY && each[i] <= nearly * best) return quantile(&s->extra[i], SERVE_SAMPLES, FIT_SHARE);
    return 0;
}

/* Of a step that takes `usual` without prompts, in seconds. */
static double bound_of(const serve_slices *s, double usual) {
    if (s->bound_s > 0) return s->bound_s;
    const double twice = stretch * usual, worth = usual + fixed * least_extra(s);
    const double thrifty = (usual + 1.02 * thrifty_extra(s)) / s->margin; /* that size fits */
    const double most = worth > twice ? worth : twice;
    return thrifty > most ? thrifty : most;
}

int64_t serve_slices_probe(serve_slices *s, int turn) {
    enum { EACH = KNOWN + 1, APART = 2 }; /* the first of a size may count for nothing */
    const int64_t at = FIRST + (int64_t)(turn / EACH) * APART;
    s->probed = true;
    return at < s->sizes ? sizes[at] : 0;
}

int64_t serve_slices_choose(serve_slices *s, int64_t decodes) {
    if (!decodes) return s->most;
    const serve_samples *without = &s->plain[class_of(decodes)];
    if (!without->seen || s->step - without->last >= PLAIN_EVERY) return 0;
    const double usual = plain(s, decodes);
    const double room = bound_of(s, usual) * s->margin - usual;
    int best = 0, last = FIRST;
    for (int i = 0; i < s->sizes; i++)
        if (s->extra[i].seen > 1 && i >= last) last = i + 1;
    for (int i = 1; i < s->sizes && i <= last; i++)
        if (fits(s, i, room)) best = i;
    return sizes[best];
}

void serve_slices_learn(serve_slices *s, int64_t decodes, int64_t tokens, double seconds) {
    s->step++;
    if (!decodes) return;
    if (!tokens) {
        add(&s->plain[class_of(decodes)], seconds, s->step);
        return;
    }
    const double usual = plain(s, decodes), extra = seconds - usual;
    for (int i = 0; i < s->sizes; i++) {
        if (sizes[i] != tokens) continue;
        const double late = usual > 0 ? seconds / bound_of(s, usual) : 0;
        const bool first = !s->begun[i];
        s->begun[i] = true;
        if (first && late > far) continue; /* what a GPU is given was compiled */
        if (late > 0 && late < far && s->extra[i].seen >= KNOWN) {
            s->margin += late > 1 ? -down : up;
            s->margin = s->margin < margin_least ? margin_least : s->margin > margin_most ? margin_most : s->margin;
        }
        add(&s->extra[i], extra > 0 ? extra : 0, s->step);
    }
}
