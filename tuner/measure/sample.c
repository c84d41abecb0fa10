#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "tuner/measure/stats.h"
#include "tuner/measure/timing.h"

/* Where so many of the last RECENT samples were disturbed, the machine is considered busy: taking a sample again
 * would only cost time. */
#define RECENT 16
#define RECENT_BUSY 12
#define SOON_BUSY 6 /* the same where all of the first samples, this many, were disturbed */
#define STEADY 0.05
#define FAR_TOO_SHORT 0.25 /* of the shortest span; times vary, and a small shortfall costs little accuracy */
#define LEAST_WARM 4       /* runs before lack of time may end a warm-up: a cold sample does more harm */

/* Candidates whose repeats are remembered: a search measures its baseline, its best ones and the newest again, and
 * what was forgotten costs one more short sample. */
enum { LEARNT = 1024 };

typedef struct learnt {
    int64_t candidate;
    unsigned repeats;
} learnt;

struct tune_sampler {
    tune_sampler_options options;
    tune_clock clock;
    tune_watch *watch;
    double born_s;
    learnt learnt[LEARNT]; /* of the candidates that were measured last, the very last one at the end */
    size_t learnt_count;
    unsigned recent; /* bit set: which of the last samples were disturbed */
    tune_sampler_counts counts;
};

void tune_sampler_options_init(tune_sampler_options *options) {
    *options = (tune_sampler_options){.retakes = 3, .watch = true};
    tune_watch_limits_init(&options->limits);
}

static double now(const tune_sampler *s) {
    return s->options.now_s ? s->options.now_s(s->options.now_ctx) : xl_now_s();
}

int tune_sampler_create(tune_sampler **out, const tune_sampler_options *options, xlstm_error *err) {
    if (!options->measure) return xl_fail(err, XLSTM_EARG, "sampler: no measuring function");
    tune_sampler *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "sampler: out of memory");
    s->options = *options;
    int status = 0;
    if (options->watch) status = tune_watch_create(&s->watch, &options->limits, err);
    if (status) {
        tune_sampler_destroy(s);
        return status;
    }
    if (options->now_s) s->clock = (tune_clock){.resolution_s = 1e-9, .overhead_s = 0, .shortest_s = 1e-6};
    else tune_clock_calibrate(&s->clock);
    s->born_s = now(s);
    *out = s;
    return 0;
}

void tune_sampler_destroy(tune_sampler *s) {
    if (!s) return;
    tune_watch_destroy(s->watch);
    free(s);
}

/* Takes an entry out of the list and puts another one at its end. */
static void put_last(tune_sampler *s, size_t out, learnt entry) {
    memmove(&s->learnt[out], &s->learnt[out + 1], (s->learnt_count - out - 1) * sizeof entry);
    s->learnt[s->learnt_count - 1] = entry;
}

/* Returns the repeats of a candidate, which becomes the last one; 0: they are not known. */
static unsigned find_learnt(tune_sampler *s, int64_t candidate) {
    for (size_t i = s->learnt_count; i-- > 0;) {
        if (s->learnt[i].candidate != candidate) continue;
        put_last(s, i, s->learnt[i]);
        return s->learnt[s->learnt_count - 1].repeats;
    }
    return 0;
}

static void learn(tune_sampler *s, int64_t candidate, unsigned repeats) {
    const learnt entry = {candidate, repeats};
    if (find_learnt(s, candidate)) s->learnt[s->learnt_count - 1] = entry;
    else if (s->learnt_count < LEARNT) s->learnt[s->learnt_count++] = entry;
    else put_last(s, 0, entry);
}

static int measure_once(tune_sampler *s, int64_t candidate, unsigned repeats, double limit, tune_sample *out,
                        xlstm_error *err) {
    *out = (tune_sample){.candidate = candidate, .repeats = repeats};
    double start = now(s);
    out->start_s = start - s->born_s;
    if (s->watch) tune_watch_begin(s->watch);
    int status = s->options.measure(s->options.ctx, candidate, repeats, limit, &out->reading, err);
    if (s->watch) tune_watch_end(s->watch, &out->disturbance);
    out->seconds = now(s) - start;
    if (status < 0) return status;
    if (!(out->reading.cost > 0) || !isfinite(out->reading.cost)) {
        return xl_fail(err, XLSTM_EINTERNAL, "candidate %lld: cost is %g, wanted a positive number",
                       (long long)candidate, out->reading.cost);
    }
    out->stopped = status == TUNE_STOPPED;
    s->counts.taken++;
    s->counts.stopped += out->stopped;
    s->counts.seconds += out->seconds;
    s->recent = (s->recent << 1 | (out->disturbance.reasons != 0)) & ((1u << RECENT) - 1);
    return status;
}

/* Does the same with as many repeats as the clock needs; an attempt that was too short is reported as warm-up. The
 * number that was learnt may be too small: a first attempt that was cold or was interrupted looked long enough. */
static int measure_long(tune_sampler *s, int64_t candidate, double limit, tune_sample *out, xlstm_error *err) {
    unsigned known = find_learnt(s, candidate), repeats = known ? known : 1;
    for (;;) {
        int status = measure_once(s, candidate, repeats, limit, out, err);
        if (status) return status;
        double span = out->reading.timed_s > 0 ? out->reading.timed_s : out->reading.cost;
        if (known && span * repeats >= s->clock.shortest_s * FAR_TOO_SHORT) return 0;
        unsigned wanted = tune_clock_repeats(&s->clock, span);
        if (wanted <= repeats) {
            learn(s, candidate, repeats);
            return 0;
        }
        out->warmup = true;
        s->counts.warmup++;
        if (s->options.on_sample) s->options.on_sample(s->options.on_sample_ctx, out);
        repeats = wanted;
        learn(s, candidate, repeats);
        known = repeats;
    }
}

static void report(const tune_sampler *s, const tune_sample *sample) {
    if (s->options.on_sample) s->options.on_sample(s->options.on_sample_ctx, sample);
}

int tune_sampler_take_once(tune_sampler *s, int64_t candidate, double limit, tune_sample *out, xlstm_error *err) {
    int status = measure_long(s, candidate, limit, out, err);
    if (status >= 0) report(s, out);
    return status;
}

static int bits(unsigned x) {
    int n = 0;
    for (; x; x &= x - 1) n++;
    return n;
}

bool tune_sampler_busy(const tune_sampler *s) {
    int disturbed = bits(s->recent);
    return disturbed >= RECENT_BUSY || (disturbed >= SOON_BUSY && (uint64_t)disturbed == s->counts.taken);
}

int tune_sampler_take(tune_sampler *s, int64_t candidate, double limit, tune_sample *out, xlstm_error *err) {
    for (int again = 0;; again++) {
        int status = measure_long(s, candidate, limit, out, err);
        if (status < 0) return status;
        if (!out->disturbance.reasons) {
            report(s, out);
            return status;
        }
        /* A busy machine disturbs all samples alike, but a process that was stopped disturbs only one. */
        const bool halted = out->disturbance.reasons & TUNE_HALTED;
        if (again >= s->options.retakes || (tune_sampler_busy(s) && !halted)) {
            s->counts.kept_disturbed++;
            report(s, out);
            return status;
        }
        out->set_aside = true;
        s->counts.set_aside++;
        report(s, out);
    }
}

int tune_sampler_warm(tune_sampler *s, int64_t candidate, int most, double seconds, double deadline_s, double limit,
                      tune_sample *out, xlstm_error *err) {
    double fastest = INFINITY, start = now(s);
    tune_sample sample = {.candidate = candidate};
    int status = 0;
    for (int i = 0; i < most; i++) {
        status = measure_long(s, candidate, limit, &sample, err);
        if (status < 0) return status;
        sample.warmup = true;
        s->counts.warmup++;
        report(s, &sample);
        bool steady =
            i > 0 && sample.reading.cost <= fastest * (1 + STEADY) && sample.reading.cost >= fastest * (1 - STEADY);
        fastest = fmin(fastest, sample.reading.cost);
        bool late = (i + 1 >= LEAST_WARM && now(s) - start > seconds) || tune_sampler_seconds(s) >= deadline_s;
        if (status == TUNE_STOPPED || steady || late) break;
    }
    if (out) *out = sample;
    return status;
}

void tune_sampler_get_counts(const tune_sampler *s, tune_sampler_counts *out) {
    *out = s->counts;
}

double tune_sampler_seconds(const tune_sampler *s) {
    return now(s) - s->born_s;
}
