#include "server/slices.h"

#include <math.h>
#include <stdlib.h>

static const int64_t sizes[SERVE_SLICE_SIZES] = {1,  2,   3,   4,   6,   8,   12,  16,   24,   32,   48,   64,
                                                 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

/* Where no bound is given, a step with prompts takes at most `stretch` times one without: a stream waits for its
 * next token no longer than for two. Where the least that can be read takes longer than that allows, as on a GPU
 * that reads all weights once more for it, such a step may take `fixed` times the least longer, so that most of its
 * time is spent on tokens: small slices would not make it shorter, and only make more of them. */
static const double stretch = 2, fixed = 3;

/* The share of the bound that is planned with; the rest is for what cannot be foreseen. A step beyond the bound
 * takes `down` from it, and each of the others gives `up`, so that it settles where one step in three hundred is
 * late: disturbed ones are late too, and together they are to be fewer than one in a hundred. One that took
 * more than `far` times the bound was disturbed, and a smaller slice would not have helped it. */
static const double margin_first = 0.82, margin_least = 0.7, margin_most = 0.95, down = 0.03, up = 0.0001,
                    far = 1.5;

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

/* What a size takes by what the smaller ones take. Each token more takes at most what the tokens before it took on
 * average, since a part is the same for all sizes, and at least half of that; between the two, what the last two
 * sizes say. 0: no smaller one is known. */
static double extrapolated(const serve_slices *s, int size) {
    int known = size - 1, before;
    while (known >= 0 && !s->extra[known].seen) known--;
    if (known < 0) return 0;
    const double seconds = quantile(&s->extra[known], SERVE_SAMPLES, 0.5), average = seconds / (double)sizes[known];
    double each = average / 2;
    for (before = known - 1; before >= 0 && s->extra[before].seen < KNOWN; before--) {
    }
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
        const double seconds = quantile(m, SERVE_SAMPLES, 0.7), age = (double)(s->step - m->last);
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

/* Of a step that takes `usual` without prompts, in seconds. */
static double bound_of(const serve_slices *s, double usual) {
    if (s->bound_s > 0) return s->bound_s;
    const double twice = stretch * usual, worth = usual + fixed * least_extra(s);
    return worth > twice ? worth : twice;
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
