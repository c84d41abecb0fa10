#include "tuner/measure/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/measure/stats.h"

#define COLD 0.05    /* a first sample is called cold only where it is slower by at least this share */
#define DROPS 3      /* samples of one candidate that may be dropped as warm-up, at most */
#define EXCESSES 64  /* ratios of first to later samples that are kept, to learn how cold first ones are */
#define WARM_RUNS 12 /* runs of the baseline until it is steady, at most */
#define STALE_S 0.5  /* seconds, or twice its duration: how old a neighbouring baseline sample may be */

typedef struct arm {
    tune_race_entry entry;
    double *values; /* [n]: ln(cost / baseline's cost) */
    double *costs;
    int n, room;
    double parts[TUNE_PARTS]; /* sums over the samples */
    double first_parts[TUNE_PARTS];
    double ss;          /* sum of the squared deviations of `values` from their mean */
    bool first_checked; /* whether the first sample is known to be warm */
    int dropped;        /* number of samples dropped as warm-up */
    double first_value; /* value of the very first sample */
    bool warm;          /* whether the candidate has run in this process */
} arm;

/* A sample whose value is computed after the next baseline sample. */
typedef struct waiting {
    arm *arm;
    double cost, mid_s;
} waiting;

struct tune_race {
    tune_sampler *sampler;
    tune_race_options options;
    int64_t baseline, incumbent;
    arm *arms; /* arms[0] is the baseline */
    size_t count, room;
    double *base_cost, *base_at;
    size_t base_n, base_room;
    double base_end_s;
    bool ready;     /* whether the baseline is warm */
    bool backwards; /* whether the next round runs in reverse order */
    double ss;      /* sum of squared deviations, pooled over all arms, and its degrees of freedom */
    int df;
    double excess[EXCESSES];
    size_t excesses;
    double t_df, t_value; /* the last degrees of freedom and their quantile of Student's t */
    tune_finalist *finalists;
    int finalist_count;
};

static const char *const effort_names[] = {"quick", "normal", "thorough"};

int tune_effort_parse(const char *name) {
    for (int i = 0; i < 3; i++) {
        if (!strcmp(effort_names[i], name)) return i;
    }
    return -1;
}

const char *tune_effort_name(tune_effort effort) {
    return effort_names[effort];
}

void tune_race_options_init(tune_race_options *options, tune_effort effort) {
    static const tune_race_options by_effort[] = {
        [TUNE_QUICK] = {.first = 1, .most = 2, .finalists = 3, .playoff = 6},
        [TUNE_NORMAL] = {.first = 1, .most = 4, .finalists = 6, .playoff = 16},
        [TUNE_THOROUGH] = {.first = 2, .most = 8, .finalists = 10, .playoff = 40},
    };
    *options = by_effort[effort];
    options->level = 0.90;
    options->hopeless = 1.5;
    options->deadline_s = INFINITY;
}

static arm *find(const tune_race *race, int64_t candidate) {
    for (size_t i = race->count; i-- > 0;) {
        if (race->arms[i].entry.candidate == candidate) return &race->arms[i];
    }
    return NULL;
}

/* Makes room for `more` arms now, so that pointers to arms stay valid while they are added. */
static int reserve(tune_race *race, size_t more, xlstm_error *err) {
    if (race->count + more <= race->room) return 0;
    size_t room = 2 * race->room + more + 16;
    arm *arms = realloc(race->arms, room * sizeof *arms);
    if (!arms) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->arms = arms;
    race->room = room;
    return 0;
}

static arm *add_arm(tune_race *race, int64_t candidate) {
    arm *a = &race->arms[race->count++];
    *a = (arm){.entry = {.candidate = candidate, .outcome = TUNE_RACE_UNTIMED, .value = NAN, .cost = NAN}};
    return a;
}

static void drop_last(tune_race *race) {
    arm *a = &race->arms[--race->count];
    free(a->values);
    free(a->costs);
}

int tune_race_create(tune_race **out, tune_sampler *sampler, int64_t baseline, const tune_race_options *options,
                     xlstm_error *err) {
    tune_race *race = calloc(1, sizeof *race);
    if (!race) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->sampler = sampler;
    race->options = *options;
    race->baseline = race->incumbent = baseline;
    int status = reserve(race, 1, err);
    if (status) {
        tune_race_destroy(race);
        return status;
    }
    add_arm(race, baseline)->entry.value = 0;
    *out = race;
    return 0;
}

void tune_race_destroy(tune_race *race) {
    if (!race) return;
    for (size_t i = 0; i < race->count; i++) {
        free(race->arms[i].values);
        free(race->arms[i].costs);
    }
    free(race->arms);
    free(race->base_cost);
    free(race->base_at);
    free(race->finalists);
    free(race);
}

static void refresh(tune_race *race, arm *a) {
    race->ss -= a->ss;
    a->ss = a->n > 1 ? tune_variance(a->values, (size_t)a->n) * (a->n - 1) : 0;
    race->ss += a->ss;
    a->entry.samples = a->n;
    a->entry.value = tune_mean(a->values, (size_t)a->n);
    a->entry.cost = tune_mean(a->costs, (size_t)a->n);
    for (int p = 0; p < TUNE_PARTS; p++) a->entry.parts[p] = a->parts[p] / a->n;
}

static int push(tune_race *race, arm *a, double value, double cost, xlstm_error *err) {
    if (a->n == a->room) {
        int room = a->room ? 2 * a->room : 4;
        double *values = realloc(a->values, (size_t)room * sizeof *values);
        if (values) a->values = values;
        double *costs = values ? realloc(a->costs, (size_t)room * sizeof *costs) : NULL;
        if (costs) a->costs = costs;
        if (!values || !costs) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        a->room = room;
    }
    a->values[a->n] = value;
    a->costs[a->n++] = cost;
    race->df += a->n > 1;
    return 0;
}

int tune_race_restore(tune_race *race, int64_t candidate, const double *values, int n, double cost,
                      const double parts[TUNE_PARTS], xlstm_error *err) {
    if (n < 1) return xl_fail(err, XLSTM_EARG, "race: %d values to restore, wanted at least one", n);
    if (find(race, candidate)) {
        return xl_fail(err, XLSTM_EARG, "race: candidate %lld is known already", (long long)candidate);
    }
    int status = reserve(race, 1, err);
    if (status) return status;
    arm *a = add_arm(race, candidate);
    for (int i = 0; i < n && !status; i++) status = push(race, a, values[i], cost, err);
    if (status) return status;
    for (int p = 0; p < TUNE_PARTS; p++) a->parts[p] = n * parts[p];
    a->first_checked = true;
    refresh(race, a);
    a->entry.outcome = TUNE_RACE_SURVIVED;
    if (a->entry.value < find(race, race->incumbent)->entry.value) {
        race->incumbent = candidate;
        a->entry.outcome = TUNE_RACE_NEW_INCUMBENT;
    }
    return 0;
}

static bool late(const tune_race *race) {
    return tune_sampler_seconds(race->sampler) >= race->options.deadline_s;
}

/* ---- estimates of the noise ---- */

/* Returns by how much first samples are slower, as a logarithm: a quantile of the observed values, or 0 where
 * these are no larger than the noise. */
static double coldness(const tune_race *race, double p) {
    size_t n = race->excesses < EXCESSES ? race->excesses : EXCESSES;
    if (n == 0 || tune_median(race->excess, n) < COLD) return 0;
    return fmax(0, tune_quantile(race->excess, n, p));
}

static void learn_excess(tune_race *race, double excess) {
    race->excess[race->excesses++ % EXCESSES] = excess;
}

/* Scatter pooled over all arms but one (NULL: over all). */
static double scatter_without(const tune_race *race, const arm *without, double *df) {
    double ss = race->ss, n = race->df;
    if (without && without->n > 1) {
        ss = fmax(0, ss - without->ss);
        n -= without->n - 1;
    }
    if (n < 8 && race->base_n > 1) {
        /* With few samples, the baseline's own scatter is added. The logarithm of a ratio to the mean of two
         * neighbours has 1.5 times the variance of a sample, and half of the squared difference of two neighbours
         * estimates the latter. Successive differences share a sample, which is why they count 2 / 3. */
        for (size_t i = 1; i < race->base_n; i++) {
            double d = log(race->base_cost[i] / race->base_cost[i - 1]);
            ss += 1.5 * d * d / 2 * 2 / 3;
            n += 2.0 / 3;
        }
    }
    if (df) *df = n;
    return n > 0 ? sqrt(ss / n) : NAN;
}

double tune_race_scatter(const tune_race *race, double *df) {
    return scatter_without(race, NULL, df);
}

/* Half the width of the interval for the difference of two values. The baseline's
 * value is 0 by definition and has no error. */
static double half_width(tune_race *race, int na, int nb) {
    double df, sd = tune_race_scatter(race, &df);
    if (!(df > 0)) return INFINITY;
    df = df < 1 ? 1 : floor(df);
    if (df > 200) df = INFINITY;
    if (race->t_df != df) {
        race->t_df = df;
        race->t_value = tune_t_quantile(0.5 + race->options.level / 2, df);
    }
    return race->t_value * sd * sqrt(1.0 / na + (nb ? 1.0 / nb : 0));
}

/* ---- measuring ---- */

static int take_baseline(tune_race *race, xlstm_error *err) {
    if (race->base_n == race->base_room) {
        size_t room = race->base_room ? 2 * race->base_room : 64;
        double *cost = realloc(race->base_cost, room * sizeof *cost);
        if (cost) race->base_cost = cost;
        double *at = cost ? realloc(race->base_at, room * sizeof *at) : NULL;
        if (at) race->base_at = at;
        if (!cost || !at) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        race->base_room = room;
    }
    tune_sample sample;
    int status = tune_sampler_take(race->sampler, race->baseline, INFINITY, &sample, err);
    if (status < 0) return status;
    race->base_cost[race->base_n] = sample.reading.cost;
    race->base_at[race->base_n++] = sample.start_s + sample.seconds / 2;
    race->base_end_s = sample.start_s + sample.seconds;
    arm *a = &race->arms[0];
    a->warm = true;
    a->n++;
    a->entry.samples = a->n;
    for (int p = 0; p < TUNE_PARTS; p++) {
        a->parts[p] += sample.reading.parts[p];
        a->entry.parts[p] = a->parts[p] / a->n;
    }
    a->entry.hash = sample.reading.hash;
    a->entry.cost = tune_mean(race->base_cost, race->base_n);
    a->entry.outcome = TUNE_RACE_SURVIVED;
    return 0;
}

static int warm_baseline(tune_race *race, xlstm_error *err) {
    if (race->ready) return 0;
    tune_sample first, last;
    double left = race->options.deadline_s - tune_sampler_seconds(race->sampler);
    int status = tune_sampler_warm(race->sampler, race->baseline, 1, INFINITY, INFINITY, INFINITY, &first, err);
    if (status < 0 || late(race)) return status < 0 ? status : 0;
    status = tune_sampler_warm(race->sampler, race->baseline, WARM_RUNS, left / 5, race->options.deadline_s,
                               INFINITY, &last, err);
    if (status < 0) return status;
    learn_excess(race, log(first.reading.cost / last.reading.cost));
    race->ready = true;
    return 0;
}

/* Makes sure that there is a baseline sample recent enough to be the left neighbour of the next samples. */
static int left_neighbour(tune_race *race, xlstm_error *err) {
    if (race->base_n) {
        double age = tune_sampler_seconds(race->sampler) - race->base_end_s;
        if (age <= fmax(STALE_S, 2 * race->base_cost[race->base_n - 1])) return 0;
    }
    return take_baseline(race, err);
}

static double baseline_log_at(const tune_race *race, size_t left, double at) {
    double a = log(race->base_cost[left]);
    if (left + 1 >= race->base_n) return a;
    double b = log(race->base_cost[left + 1]);
    double span = race->base_at[left + 1] - race->base_at[left];
    double share = span > 0 ? (at - race->base_at[left]) / span : 0.5;
    return a + (b - a) * fmin(1, fmax(0, share));
}

/* Compares a candidate's first sample with the one after it and drops it where it was warm-up. The next one is
 * then the first, and is checked in the same way, until one stays. */
static void check_first(tune_race *race, arm *a) {
    if (a->first_checked || a->n < 2) return;
    /* The scatter leaves this arm out, because a cold sample would inflate it. */
    double df, sd = scatter_without(race, a, &df), excess = a->values[0] - a->values[1];
    if (!a->dropped) a->first_value = a->values[0];
    a->first_checked = excess <= COLD || (df >= 3 && excess <= 4 * sd) || a->dropped >= DROPS;
    if (a->first_checked) {
        learn_excess(race, a->first_value - (a->dropped ? a->entry.value : a->values[1]));
        return;
    }
    memmove(a->values, a->values + 1, (size_t)(a->n - 1) * sizeof *a->values);
    memmove(a->costs, a->costs + 1, (size_t)(a->n - 1) * sizeof *a->costs);
    a->n--;
    a->dropped++;
    race->df--;
    for (int p = 0; p < TUNE_PARTS; p++) {
        a->parts[p] -= a->first_parts[p];
        a->first_parts[p] = a->parts[p] / a->n;
    }
    refresh(race, a);
}

/* Returns the cost above which a candidate without samples is hopeless. */
static double hopeless_cost(const tune_race *race, const arm *incumbent) {
    if (!race->base_n) return INFINITY;
    const double last = race->base_cost[race->base_n - 1];
    double cost = exp(log(last) + incumbent->entry.value + coldness(race, 0.9)) * race->options.hopeless;
    return fmax(cost, fmax(last, tune_mean(race->base_cost, race->base_n)));
}

/* Takes one sample of an arm. Returns only failures that end the race; *taken says whether `out` was filled. */
static int sample_arm(tune_race *race, arm *a, const arm *incumbent, waiting *out, bool *taken, xlstm_error *err) {
    *taken = false;
    tune_sample sample;
    xlstm_error why = {0};
    double limit = a->n == 0 ? hopeless_cost(race, incumbent) : INFINITY;
    int status = tune_sampler_take(race->sampler, a->entry.candidate, limit, &sample, &why);
    if (tune_ends_everything(status)) {
        if (err) *err = why;
        return status;
    }
    if (status < 0) {
        a->entry.outcome = TUNE_RACE_FAILED;
        a->entry.status = status;
        snprintf(a->entry.text, sizeof a->entry.text, "%.255s", why.text);
        return 0;
    }
    a->warm = true;
    a->entry.hash = sample.reading.hash;
    if (a->n == 0) memcpy(a->first_parts, sample.reading.parts, sizeof a->first_parts);
    if (status == TUNE_STOPPED) {
        a->entry.outcome = TUNE_RACE_STOPPED;
        a->entry.samples = 1;
        a->entry.cost = sample.reading.cost;
        a->entry.value = log(sample.reading.cost / race->base_cost[race->base_n - 1]);
        memcpy(a->entry.parts, sample.reading.parts, sizeof a->entry.parts);
        return 0;
    }
    for (int p = 0; p < TUNE_PARTS; p++) a->parts[p] += sample.reading.parts[p];
    *out = (waiting){a, sample.reading.cost, sample.start_s + sample.seconds / 2};
    *taken = true;
    return 0;
}

/* Runs one round: the baseline, each of the arms in one order or its reverse, the baseline. Arms that fail or are
 * stopped get that outcome. */
static int run_round(tune_race *race, arm *const *arms, int count, const arm *incumbent, waiting *wait,
                     xlstm_error *err) {
    int status = left_neighbour(race, err);
    if (status) return status;
    size_t left = race->base_n - 1;
    int waits = 0;
    for (int i = 0; i < count && !late(race); i++) {
        bool taken;
        arm *a = arms[race->backwards ? count - 1 - i : i];
        status = sample_arm(race, a, incumbent, &wait[waits], &taken, err);
        if (status) return status;
        waits += taken;
    }
    race->backwards = !race->backwards;
    if (waits == 0) return 0;
    if (!late(race)) status = take_baseline(race, err);
    for (int i = 0; i < waits && !status; i++) {
        arm *a = wait[i].arm;
        double value = log(wait[i].cost) - baseline_log_at(race, left, wait[i].mid_s);
        status = push(race, a, value, wait[i].cost, err);
        if (status) break;
        refresh(race, a);
        check_first(race, a);
    }
    return status;
}

/* Corrects the value of a candidate with a single sample, which may be cold, by what that usually costs. */
static void correct_single(const tune_race *race, arm *a) {
    if (a->n == 1 && !a->first_checked && !a->dropped) a->entry.value = a->values[0] - coldness(race, 0.5);
}

/* Decides on an arm after a round; returns true where it needs no more samples. */
static bool decide(tune_race *race, arm *a) {
    const tune_race_options *o = &race->options;
    /* The remaining samples may be warm-up as well. */
    if (a->dropped && !a->first_checked) return false;
    arm *incumbent = find(race, race->incumbent);
    double difference = a->entry.value - incumbent->entry.value;
    double half = half_width(race, a->n, incumbent == &race->arms[0] ? 0 : incumbent->n);
    double cold = a->n == 1 && !a->first_checked && !a->dropped ? coldness(race, 0.9) : 0;
    bool slower = a->n >= o->first && difference - cold - half > 0;
    if (slower && !(o->worthy && o->worthy(o->worthy_ctx, &a->entry))) {
        a->entry.outcome = TUNE_RACE_OUT;
        return true;
    }
    bool ends = a->n >= o->most || (a->n > 1 && a->n >= o->first && difference + half < 0);
    if (!ends) return false;
    a->entry.outcome = difference < 0 ? TUNE_RACE_NEW_INCUMBENT : TUNE_RACE_SURVIVED;
    if (difference < 0) race->incumbent = a->entry.candidate;
    return true;
}

int tune_race_take_baseline(tune_race *race, xlstm_error *err) {
    int status = late(race) ? TUNE_TIME_UP : warm_baseline(race, err);
    if (status) return status;
    return late(race) ? TUNE_TIME_UP : take_baseline(race, err);
}

int tune_race_run(tune_race *race, const int64_t *candidates, int count, tune_race_entry *out, xlstm_error *err) {
    arm **alive = calloc((size_t)count + 1, sizeof(arm *));
    waiting *wait = calloc((size_t)count + 1, sizeof *wait);
    int status = 0, left = 0;
    if (!alive || !wait) status = xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    if (!status) status = reserve(race, (size_t)count, err);
    for (int i = 0; i < count && !status; i++) {
        if (find(race, candidates[i])) {
            status = xl_fail(err, XLSTM_EARG, "race: candidate %lld is known already", (long long)candidates[i]);
            break;
        }
        alive[left++] = add_arm(race, candidates[i]);
    }
    if (!status && !late(race)) status = warm_baseline(race, err);
    for (int round = 0; left > 0 && !status && !late(race); round++) {
        arm *incumbent = find(race, race->incumbent);
        int members = left;
        /* From the second round on the incumbent is sampled too, so that lucky samples of its own do not eliminate
         * better candidates. */
        if (round > 0 && incumbent != &race->arms[0] && incumbent->n < 4 * race->options.most) {
            bool inside = false;
            for (int i = 0; i < left; i++) inside |= alive[i] == incumbent;
            if (!inside) alive[members++] = incumbent;
        }
        status = run_round(race, alive, members, incumbent, wait, err);
        int kept = 0;
        for (int i = 0; i < left && !status; i++) {
            arm *a = alive[i];
            if (a->entry.outcome == TUNE_RACE_FAILED || a->entry.outcome == TUNE_RACE_STOPPED) continue;
            if (a->n == 0 || !decide(race, a)) alive[kept++] = a;
        }
        if (!status) left = kept;
    }
    /* Candidates whose measurement the deadline ended are ranked by the samples they have. */
    for (int i = 0; i < left && !status; i++) {
        if (alive[i]->n == 0) continue;
        bool better = alive[i]->entry.value < find(race, race->incumbent)->entry.value;
        alive[i]->entry.outcome = better && alive[i]->n > 1 ? TUNE_RACE_NEW_INCUMBENT : TUNE_RACE_SURVIVED;
        if (alive[i]->entry.outcome == TUNE_RACE_NEW_INCUMBENT) race->incumbent = alive[i]->entry.candidate;
    }
    for (int i = 0; i < count && !status; i++) {
        arm *a = find(race, candidates[i]);
        correct_single(race, a);
        out[i] = a->entry;
    }
    /* Candidates that got no sample before the deadline are removed, so that they can be raced later. */
    while (race->count > 1 && race->arms[race->count - 1].n == 0 &&
           race->arms[race->count - 1].entry.outcome == TUNE_RACE_UNTIMED)
        drop_last(race);
    free(alive);
    free(wait);
    return status;
}

/* ---- the playoff ---- */

/* The value plus one standard error: of two candidates that look alike this prefers the one that is known
 * better. */
static double careful_value(const tune_race *race, const arm *a) {
    double sd = tune_race_scatter(race, NULL);
    return a->entry.value + (isnan(sd) ? 0 : sd / sqrt(a->n));
}

static int keep_best(const tune_race *race, arm **arms, int count, int keep) {
    for (int i = 0; i < keep && i < count; i++) {
        int best = i;
        for (int j = i + 1; j < count; j++) {
            if (careful_value(race, arms[j]) < careful_value(race, arms[best])) best = j;
        }
        arm *swap = arms[i];
        arms[i] = arms[best];
        arms[best] = swap;
    }
    return keep < count ? keep : count;
}

/* Drops the arms that are slower than the best by more than the interval. arms[0] is the best. */
static int drop_slower(tune_race *race, arm **arms, int count) {
    int kept = 1;
    for (int i = 1; i < count; i++) {
        double difference = arms[i]->entry.value - arms[0]->entry.value;
        if (difference <= half_width(race, arms[i]->n, arms[0]->n)) arms[kept++] = arms[i];
    }
    return kept;
}

static int playoff(tune_race *race, arm **arms, int *count, waiting *wait, xlstm_error *err) {
    int stages = 0, status = 0;
    for (int n = *count; n > 1; n = (n + 1) / 2) stages++;
    if (stages == 0) return 0;
    int samples = (race->options.playoff + stages - 1) / stages;
    for (int i = 0; i < *count && !late(race); i++) {
        /* Candidates that were restored have not run in this process yet and must be warmed up. */
        if (arms[i]->warm) continue;
        status = tune_sampler_warm(race->sampler, arms[i]->entry.candidate, 3, INFINITY, race->options.deadline_s,
                                   INFINITY, NULL, err);
        if (status < 0) return status;
        arms[i]->warm = true;
    }
    while (*count > 1 && !late(race)) {
        for (int i = 0; i<samples && * count> 1 && !late(race); i++) {
            status = run_round(race, arms, *count, arms[0], wait, err);
            if (status) return status;
            int kept = 0;
            for (int j = 0; j < *count; j++) {
                if (arms[j]->entry.outcome != TUNE_RACE_FAILED) arms[kept++] = arms[j];
            }
            *count = keep_best(race, arms, kept, kept);
            if (i > 0 && *count > 1) *count = drop_slower(race, arms, *count);
        }
        *count = keep_best(race, arms, *count, (*count + 1) / 2);
    }
    return 0;
}

static int remember_finalists(tune_race *race, arm *const *arms, int count, xlstm_error *err) {
    race->finalist_count = 0;
    tune_finalist *list = realloc(race->finalists, ((size_t)count + 1) * sizeof *list);
    if (!list) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->finalists = list;
    race->finalist_count = count;
    for (int i = 0; i < count; i++)
        list[i] = (tune_finalist){.candidate = arms[i]->entry.candidate,
                                  .before = arms[i]->entry.value,
                                  .after = arms[i]->entry.value,
                                  .samples_before = arms[i]->n,
                                  .samples = arms[i]->n};
    return 0;
}

/* Sorts by value; failed candidates come last. */
static int by_after(const void *a, const void *b) {
    const tune_finalist *x = a, *y = b;
    if (isnan(x->after) || isnan(y->after)) return isnan(x->after) - isnan(y->after);
    return (x->after > y->after) - (x->after < y->after);
}

static void settle_finalists(tune_race *race) {
    for (int i = 0; i < race->finalist_count; i++) {
        tune_finalist *f = &race->finalists[i];
        const arm *a = find(race, f->candidate);
        f->after = a->entry.outcome == TUNE_RACE_FAILED ? NAN : a->entry.value;
        f->samples = a->n;
    }
    if (race->finalist_count)
        qsort(race->finalists, (size_t)race->finalist_count, sizeof *race->finalists, by_after);
}

const tune_finalist *tune_race_finalists(const tune_race *race, int *count) {
    *count = race->finalist_count;
    return race->finalists;
}

void tune_race_set_deadline(tune_race *race, double deadline_s) {
    race->options.deadline_s = deadline_s;
}

int tune_race_finish(tune_race *race, int64_t *winner, xlstm_error *err) {
    *winner = race->baseline;
    arm **arms = calloc(race->count + 1, sizeof(arm *));
    waiting *wait = calloc(race->count + 1, sizeof *wait);
    int status = 0, count = 0;
    race->finalist_count = 0;
    if (!arms || !wait) {
        status = xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        goto done;
    }
    for (size_t i = 1; i < race->count; i++) {
        tune_race_outcome o = race->arms[i].entry.outcome;
        if (race->arms[i].n > 0 && o != TUNE_RACE_FAILED && o != TUNE_RACE_STOPPED) arms[count++] = &race->arms[i];
    }
    if (count == 0) goto done;
    count = keep_best(race, arms, count, race->options.finalists);
    status = remember_finalists(race, arms, count, err);
    if (!status && !late(race)) status = warm_baseline(race, err);
    if (!status) status = playoff(race, arms, &count, wait, err);
    settle_finalists(race);
    if (status || count == 0) goto done;
    keep_best(race, arms, count, 1);
    if (arms[0]->entry.value < 0) {
        *winner = arms[0]->entry.candidate;
        arms[0]->entry.outcome = TUNE_RACE_NEW_INCUMBENT;
    }
    race->incumbent = *winner;
done:
    free(arms);
    free(wait);
    return status;
}

bool tune_race_get(const tune_race *race, int64_t candidate, tune_race_entry *out) {
    const arm *a = find(race, candidate);
    if (a) *out = a->entry;
    return a;
}

int64_t tune_race_incumbent(const tune_race *race) {
    return race->incumbent;
}

const double *tune_race_values(const tune_race *race, int64_t candidate, int *n) {
    const arm *a = find(race, candidate);
    *n = a && a != &race->arms[0] ? a->n : 0;
    return *n ? a->values : NULL;
}

const double *tune_race_baseline_costs(const tune_race *race, size_t *n) {
    *n = race->base_n;
    return race->base_cost;
}
