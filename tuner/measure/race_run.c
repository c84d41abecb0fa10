#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/measure/race_impl.h"
#include "tuner/measure/stats.h"

#define DROPS 3      /* samples of one candidate that may be dropped as warm-up, at most */
#define WARM_RUNS 12 /* runs of the baseline until it is steady, at most */
#define STALE_S 0.5  /* seconds, or twice its duration: how old a neighbouring baseline sample may be */
#define LOOK_S 0.5   /* seconds between two looks at the machine's condition, at least, */
#define LOOKS 25     /* and this many times as long as a look takes */
#define SHORT_S 0.25 /* seconds; a look leaves the caches cold, which a sample as short as that would notice */

/* A sample whose value is computed after the next baseline sample. */
typedef struct waiting {
    tune_arm *arm;
    double cost, mid_s;
    double parts[TUNE_PARTS];
} waiting;

static bool late(const tune_race *race) {
    return tune_sampler_seconds(race->sampler) >= race->options.deadline_s;
}

/* ---- measuring ---- */

static int take_baseline(tune_race *race, xlstm_error *err) {
    if (race->base_n == race->base_room) {
        size_t room = race->base_room ? 2 * race->base_room : 64;
        double *cost = realloc(race->base_cost, room * sizeof *cost);
        if (!cost) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        race->base_cost = cost;
        race->base_room = room;
    }
    tune_sample sample;
    int status = tune_sampler_take(race->sampler, race->baseline, INFINITY, &sample, err);
    if (status < 0) return status;
    race->base_cost[race->base_n] = sample.reading.cost;
    race->base_at[race->base_n++ % 2] = sample.start_s + sample.seconds / 2;
    tune_total_add(&race->base_total, sample.reading.cost);
    race->base_end_s = sample.start_s + sample.seconds;
    tune_arm *a = &race->arms[0];
    a->warm = true;
    a->n++;
    for (int p = 0; p < race->options.parts; p++) tune_race_sums(a)[p] += sample.reading.parts[p];
    a->hash = sample.reading.hash;
    a->cost = race->base_total.sum / (double)race->base_n;
    a->outcome = TUNE_RACE_SURVIVED;
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
    tune_race_learn(race, log(first.reading.cost / last.reading.cost));
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

/* The baseline's cost at a moment; `left` is its last sample, or the one before that. */
static double baseline_log_at(const tune_race *race, size_t left, double at) {
    double a = log(race->base_cost[left]);
    if (left + 1 >= race->base_n) return a;
    double b = log(race->base_cost[left + 1]);
    double begin = race->base_at[left % 2], span = race->base_at[(left + 1) % 2] - begin;
    double share = span > 0 ? (at - begin) / span : 0.5;
    return a + (b - a) * fmin(1, fmax(0, share));
}

/* Compares a candidate's first sample with the one after it and drops it where it was warm-up. The next one is
 * then the first, and is checked in the same way, until one stays. `parts` are those of the last sample. */
static void check_first(tune_race *race, tune_arm *a, const double parts[TUNE_PARTS]) {
    if (a->first_checked || a->n < 2) return;
    /* The scatter leaves this arm out, because a cold sample would inflate it. */
    double df, sd = tune_race_scatter_without(race, a, &df), excess = a->values[0] - a->values[1];
    if (!a->dropped) a->first_value = a->values[0];
    a->first_checked = excess <= TUNE_COLD || (df >= 3 && excess <= 4 * sd) || a->dropped >= DROPS;
    if (a->first_checked) {
        tune_race_learn(race, a->first_value - (a->dropped ? a->value : a->values[1]));
        return;
    }
    a->dropped++;
    tune_race_drop_first(race, a, parts);
}

/* Returns the cost above which a candidate without samples is hopeless. */
static double hopeless_cost(const tune_race *race, const tune_arm *incumbent) {
    if (!race->base_n) return INFINITY;
    const double last = race->base_cost[race->base_n - 1];
    double cost = exp(log(last) + incumbent->value + tune_race_coldness(race, 0.9)) * race->options.hopeless;
    return fmax(cost, fmax(last, race->base_total.sum / (double)race->base_n));
}

/* Returns the status where it ends the race, with its error; else 0, and the arm is out where it failed. */
static int fail_arm(tune_arm *a, int status, const xlstm_error *why, xlstm_error *err) {
    if (tune_ends_everything(status)) {
        if (err) *err = *why;
        return status;
    }
    if (status >= 0) return 0;
    a->outcome = TUNE_RACE_FAILED;
    a->status = status;
    free(a->why);
    a->why = strdup(why->text);
    return 0;
}

/* Takes one sample of an arm. Returns only failures that end the race; *taken says whether `out` was filled. */
static int sample_arm(tune_race *race, tune_arm *a, const tune_arm *incumbent, waiting *out, bool *taken,
                      xlstm_error *err) {
    *taken = false;
    tune_sample sample;
    xlstm_error why = {0};
    double limit = a->n == 0 ? hopeless_cost(race, incumbent) : INFINITY;
    int status = tune_race_make_room(race, a, a->room ? a->room : 1, err);
    if (status) return status;
    double *sums = tune_race_sums(a);
    status = tune_sampler_take(race->sampler, a->candidate, limit, &sample, &why);
    if (status < 0) return fail_arm(a, status, &why, err);
    a->warm = true;
    a->hash = sample.reading.hash;
    if (status == TUNE_STOPPED) {
        a->outcome = TUNE_RACE_STOPPED;
        a->cost = sample.reading.cost;
        a->value = log(sample.reading.cost / race->base_cost[race->base_n - 1]);
        memcpy(sums, sample.reading.parts, (size_t)race->options.parts * sizeof *sums);
        return 0;
    }
    for (int p = 0; p < race->options.parts; p++) sums[p] += sample.reading.parts[p];
    *out = (waiting){.arm = a, .cost = sample.reading.cost, .mid_s = sample.start_s + sample.seconds / 2};
    memcpy(out->parts, sample.reading.parts, sizeof out->parts);
    *taken = true;
    return 0;
}

/* Looks at the machine's condition where the last look is old. A round begins and ends with it, so that its samples
 * lie between two conditions; the end of one is the begin of the next. */
static int look(tune_race *race, xlstm_error *err) {
    const double begin = tune_sampler_seconds(race->sampler);
    if (!race->options.condition || late(race)) return XLSTM_OK;
    if (race->condition >= 0 && begin - race->condition_s < fmax(LOOK_S, LOOKS * race->condition_for))
        return XLSTM_OK;
    tune_condition condition;
    const int states = tune_strata_count(race->strata);
    race->options.condition(race->options.condition_ctx, &condition);
    const int number = tune_strata_add(race->strata, &condition, err);
    if (number < 0) return number;
    race->condition = number;
    race->condition_s = tune_sampler_seconds(race->sampler);
    race->condition_for = race->condition_s - begin;
    if (states > 1 || tune_strata_count(race->strata) > 1) tune_race_restate(race);
    if (!race->base_n || race->base_cost[race->base_n - 1] > SHORT_S) return XLSTM_OK;
    tune_sample cold;
    const int status = tune_sampler_warm(race->sampler, race->baseline, 1, INFINITY, race->options.deadline_s,
                                         INFINITY, &cold, err);
    return status < 0 ? status : XLSTM_OK;
}

/* Runs one round: the baseline, each of the arms in one order or its reverse, the baseline. Arms that fail or are
 * stopped get that outcome. */
static int run_round(tune_race *race, tune_arm *const *arms, int count, const tune_arm *incumbent, waiting *wait,
                     xlstm_error *err) {
    int status = look(race, err);
    const int before = race->condition;
    if (!status) status = left_neighbour(race, err);
    if (status) return status;
    size_t left = race->base_n - 1;
    int waits = 0;
    for (int i = 0; i < count && !late(race); i++) {
        bool taken;
        tune_arm *a = arms[race->backwards ? count - 1 - i : i];
        status = sample_arm(race, a, incumbent, &wait[waits], &taken, err);
        if (status) return status;
        waits += taken;
    }
    race->backwards = !race->backwards;
    if (waits == 0) return 0;
    if (!late(race)) status = take_baseline(race, err);
    if (!status) status = look(race, err);
    for (int i = 0; i < waits && !status; i++) {
        tune_arm *a = wait[i].arm;
        const tune_race_cost cost = {wait[i].cost, before, race->condition};
        status = tune_race_mark(race, a, err);
        if (!status)
            status =
                tune_race_push(race, a, log(wait[i].cost) - baseline_log_at(race, left, wait[i].mid_s), &cost, err);
        if (status) break;
        tune_race_refresh(race, a);
        check_first(race, a, wait[i].parts);
    }
    return status;
}

/* Corrects the value of a candidate with a single sample, which may be cold, by what that usually costs. */
static void correct_single(const tune_race *race, tune_arm *a) {
    if (a->n == 1 && !a->first_checked && !a->dropped) a->value = a->values[0] - tune_race_coldness(race, 0.5);
}

/* Decides on an tune_arm after a round; returns true where it needs no more samples. */
static bool decide(tune_race *race, tune_arm *a) {
    const tune_race_options *o = &race->options;
    /* The remaining samples may be warm-up as well. */
    if (a->dropped && !a->first_checked) return false;
    tune_arm *incumbent = tune_race_find(race, race->incumbent);
    double weight, difference = tune_race_difference(race, a, incumbent, &weight);
    /* The incumbent runs beside it from the second round on, so they soon have samples in the same state. */
    if (!(weight > 0)) {
        if (a->n >= o->most) a->outcome = TUNE_RACE_SURVIVED;
        return a->n >= o->most;
    }
    double half = tune_race_half_width(race, weight);
    double cold = a->n == 1 && !a->first_checked && !a->dropped ? tune_race_coldness(race, 0.9) : 0;
    bool slower = a->n >= o->first && difference - cold - half > 0;
    const tune_race_entry entry = tune_race_entry_of(race, a);
    if (slower && !(o->worthy && o->worthy(o->worthy_ctx, &entry))) {
        a->outcome = TUNE_RACE_OUT;
        return true;
    }
    bool ends = a->n >= o->most || (a->n > 1 && a->n >= o->first && difference + half < 0);
    if (!ends) return false;
    a->outcome = difference < 0 ? TUNE_RACE_NEW_INCUMBENT : TUNE_RACE_SURVIVED;
    if (difference < 0) race->incumbent = a->candidate;
    return true;
}

int tune_race_take_baseline(tune_race *race, xlstm_error *err) {
    int status = late(race) ? TUNE_TIME_UP : warm_baseline(race, err);
    if (status) return status;
    return late(race) ? TUNE_TIME_UP : take_baseline(race, err);
}

int tune_race_run(tune_race *race, const int64_t *candidates, int count, tune_race_entry *out, xlstm_error *err) {
    tune_arm **alive = calloc((size_t)count + 1, sizeof(tune_arm *));
    waiting *wait = calloc((size_t)count + 1, sizeof *wait);
    int status = 0, left = 0;
    if (!alive || !wait) status = xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    if (!status) status = tune_race_reserve(race, (size_t)count, err);
    for (int i = 0; i < count && !status; i++) {
        if (tune_race_find(race, candidates[i])) {
            status = xl_fail(err, XLSTM_EARG, "race: candidate %lld is known already", (long long)candidates[i]);
            break;
        }
        alive[left++] = tune_race_add(race, candidates[i]);
    }
    if (!status && !late(race)) status = warm_baseline(race, err);
    for (int round = 0; left > 0 && !status && !late(race); round++) {
        tune_arm *incumbent = tune_race_find(race, race->incumbent);
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
            tune_arm *a = alive[i];
            if (a->outcome == TUNE_RACE_FAILED || a->outcome == TUNE_RACE_STOPPED) continue;
            if (a->n == 0 || !decide(race, a)) alive[kept++] = a;
        }
        if (!status) left = kept;
    }
    /* Candidates whose measurement the deadline ended are ranked by the samples they have. */
    for (int i = 0; i < left && !status; i++) {
        if (alive[i]->n == 0) continue;
        double weight;
        bool better = tune_race_difference(race, alive[i], tune_race_find(race, race->incumbent), &weight) < 0;
        alive[i]->outcome = better && alive[i]->n > 1 ? TUNE_RACE_NEW_INCUMBENT : TUNE_RACE_SURVIVED;
        if (alive[i]->outcome == TUNE_RACE_NEW_INCUMBENT) race->incumbent = alive[i]->candidate;
    }
    for (int i = 0; i < count && !status; i++) {
        tune_arm *a = tune_race_find(race, candidates[i]);
        correct_single(race, a);
        out[i] = tune_race_entry_of(race, a);
        out[i].value = tune_race_standing(race, a);
    }
    /* Candidates that got no sample before the deadline are removed, so that they can be raced later. */
    while (race->count > 1 && race->arms[race->count - 1].n == 0 &&
           race->arms[race->count - 1].outcome == TUNE_RACE_UNTIMED)
        tune_race_drop_last(race);
    free(alive);
    free(wait);
    return status;
}

/* ---- the playoff ---- */

/* The value plus one standard error: of two candidates that look alike this prefers the one that is known
 * better. */
static double careful_value(const tune_race *race, const tune_arm *a, double sd) {
    return tune_race_standing(race, a) + (isnan(sd) ? 0 : sd / sqrt(a->n));
}

static int keep_best(const tune_race *race, tune_arm **arms, int count, int keep) {
    const double sd = tune_race_scatter(race, NULL);
    for (int i = 0; i < keep && i < count; i++) {
        int best = i;
        double least = careful_value(race, arms[i], sd);
        for (int j = i + 1; j < count; j++) {
            const double value = careful_value(race, arms[j], sd);
            if (!(value < least)) continue;
            best = j;
            least = value;
        }
        tune_arm *swap = arms[i];
        arms[i] = arms[best];
        arms[best] = swap;
    }
    return keep < count ? keep : count;
}

/* Drops the arms that are slower than the best by more than the interval. arms[0] is the best. */
static int drop_slower(tune_race *race, tune_arm **arms, int count) {
    int kept = 1;
    for (int i = 1; i < count; i++) {
        double weight, difference = tune_race_difference(race, arms[i], arms[0], &weight);
        if (!(difference > tune_race_half_width(race, weight))) arms[kept++] = arms[i];
    }
    return kept;
}

static int without_failed(tune_arm **arms, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (arms[i]->outcome != TUNE_RACE_FAILED) arms[kept++] = arms[i];
    }
    return kept;
}

static int playoff(tune_race *race, tune_arm **arms, int *count, waiting *wait, xlstm_error *err) {
    int stages = 0, status = 0;
    for (int n = *count; n > 1; n = (n + 1) / 2) stages++;
    if (stages == 0) return 0;
    int samples = (race->options.playoff + stages - 1) / stages;
    for (int i = 0; i < *count && !late(race); i++) {
        /* Candidates that were restored have not run in this process yet and must be warmed up. */
        if (arms[i]->warm) continue;
        xlstm_error why = {0};
        status = tune_sampler_warm(race->sampler, arms[i]->candidate, 3, INFINITY, race->options.deadline_s,
                                   INFINITY, NULL, &why);
        status = fail_arm(arms[i], status, &why, err);
        if (status) return status;
        arms[i]->warm = true;
    }
    *count = without_failed(arms, *count);
    while (*count > 1 && !late(race)) {
        for (int i = 0; i<samples && * count> 1 && !late(race); i++) {
            status = run_round(race, arms, *count, arms[0], wait, err);
            if (status) return status;
            *count = without_failed(arms, *count);
            *count = keep_best(race, arms, *count, *count);
            if (i > 0 && *count > 1) *count = drop_slower(race, arms, *count);
        }
        *count = keep_best(race, arms, *count, (*count + 1) / 2);
    }
    return 0;
}

static int remember_finalists(tune_race *race, tune_arm *const *arms, int count, xlstm_error *err) {
    race->finalist_count = 0;
    tune_finalist *list = realloc(race->finalists, ((size_t)count + 1) * sizeof *list);
    if (!list) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->finalists = list;
    race->finalist_count = count;
    for (int i = 0; i < count; i++)
        list[i] = (tune_finalist){.candidate = arms[i]->candidate,
                                  .before = arms[i]->value,
                                  .after = arms[i]->value,
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
        const tune_arm *a = tune_race_find(race, f->candidate);
        f->after = a->outcome == TUNE_RACE_FAILED ? NAN : a->value;
        f->samples = a->n;
    }
    if (race->finalist_count)
        qsort(race->finalists, (size_t)race->finalist_count, sizeof *race->finalists, by_after);
}

int tune_race_finish(tune_race *race, int64_t *winner, xlstm_error *err) {
    *winner = race->baseline;
    tune_arm **arms = calloc(race->count + 1, sizeof(tune_arm *));
    waiting *wait = calloc((size_t)race->options.finalists + 1, sizeof *wait);
    int status = 0, count = 0;
    race->finalist_count = 0;
    if (!arms || !wait) {
        status = xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        goto done;
    }
    for (size_t i = 1; i < race->count; i++) {
        tune_race_outcome o = race->arms[i].outcome;
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
    if (arms[0]->value < 0) {
        *winner = arms[0]->candidate;
        arms[0]->outcome = TUNE_RACE_NEW_INCUMBENT;
    }
    race->incumbent = *winner;
done:
    free(arms);
    free(wait);
    return status;
}
