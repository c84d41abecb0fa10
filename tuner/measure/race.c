#include "tuner/measure/race.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/measure/race_impl.h"
#include "tuner/measure/stats.h"

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
    options->parts = TUNE_PARTS;
    options->level = 0.90;
    options->hopeless = 1.5;
    options->deadline_s = INFINITY;
}

int tune_race_create(tune_race **out, tune_sampler *sampler, int64_t baseline, const tune_race_options *options,
                     xlstm_error *err) {
    tune_race *race = calloc(1, sizeof *race);
    if (!race) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->sampler = sampler;
    race->options = *options;
    race->baseline = race->incumbent = baseline;
    race->condition = TUNE_NO_STRATUM;
    int status = tune_strata_create(&race->strata, err);
    if (!status) status = tune_race_reserve(race, 1, err);
    if (!status) {
        tune_race_add(race, baseline)->value = 0;
        status = tune_race_make_room(race, &race->arms[0], 0, err);
    }
    if (status) tune_race_destroy(race);
    else *out = race;
    return status;
}

void tune_race_destroy(tune_race *race) {
    if (!race) return;
    for (size_t i = 0; i < race->count; i++) {
        free(race->arms[i].why);
        free(race->arms[i].values);
    }
    xl_stretch_free(race->arms, race->room * sizeof *race->arms);
    xl_stretch_free(race->chain, race->chains * sizeof *race->chain);
    free(race->changed);
    tune_strata_destroy(race->strata);
    free(race->base_cost);
    free(race->finalists);
    free(race);
}

/* ---- the candidates, and an index of them ---- */

static size_t chain_of(const tune_race *race, int64_t candidate) {
    return (size_t)(((uint64_t)candidate * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (race->chains - 1);
}

tune_arm *tune_race_find(const tune_race *race, int64_t candidate) {
    uint32_t at = race->chains ? race->chain[chain_of(race, candidate)] : 0;
    while (at && race->arms[at - 1].candidate != candidate) at = race->arms[at - 1].next;
    return at ? &race->arms[at - 1] : NULL;
}

/* Puts the arm at `index` at the head of its chain. */
static void put_in_chain(tune_race *race, size_t index) {
    uint32_t *head = &race->chain[chain_of(race, race->arms[index].candidate)];
    race->arms[index].next = *head;
    *head = (uint32_t)index + 1;
}

/* Makes the index anew for so many arms; they are put in by their order, so that the last one heads its chain. */
static int reindex(tune_race *race, size_t room, xlstm_error *err) {
    size_t chains = race->chains ? race->chains : 16;
    while (chains < room) chains *= 2;
    if (chains == race->chains) return XLSTM_OK;
    uint32_t *chain = xl_stretch(race->chain, race->chains * sizeof *chain, chains * sizeof *chain);
    if (!chain) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    memset(chain, 0, chains * sizeof *chain);
    race->chain = chain;
    race->chains = chains;
    for (size_t i = 0; i < race->count; i++) put_in_chain(race, i);
    return XLSTM_OK;
}

/* Makes room for `more` arms now, so that pointers to arms stay valid while they are added. */
int tune_race_reserve(tune_race *race, size_t more, xlstm_error *err) {
    if (race->count + more <= race->room) return 0;
    size_t room = 2 * race->room + more + 16;
    if (room >= UINT32_MAX) return xl_fail(err, XLSTM_ENOMEM, "race: too many candidates");
    int status = reindex(race, room, err);
    if (status) return status;
    tune_arm *arms = xl_stretch(race->arms, race->room * sizeof *arms, room * sizeof *arms);
    if (!arms) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    race->arms = arms;
    race->room = room;
    return 0;
}

tune_arm *tune_race_add(tune_race *race, int64_t candidate) {
    tune_arm *a = &race->arms[race->count];
    *a = (tune_arm){.candidate = candidate, .outcome = TUNE_RACE_UNTIMED, .value = NAN, .cost = NAN};
    put_in_chain(race, race->count++);
    return a;
}

void tune_race_drop_last(tune_race *race) {
    tune_arm *a = &race->arms[--race->count];
    race->chain[chain_of(race, a->candidate)] = a->next;
    free(a->why);
    free(a->values);
}

/* ---- which of them changed ---- */

int tune_race_mark(tune_race *race, tune_arm *a, xlstm_error *err) {
    if (a->changed) return XLSTM_OK;
    if (race->changes == race->changes_room) {
        const size_t room = race->changes_room ? 2 * race->changes_room : 16;
        int64_t *more = realloc(race->changed, room * sizeof *more);
        if (!more) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
        race->changed = more;
        race->changes_room = room;
    }
    race->changed[race->changes++] = a->candidate;
    a->changed = true;
    return XLSTM_OK;
}

const int64_t *tune_race_changes(const tune_race *race, size_t *count) {
    *count = race->changes;
    return race->changed;
}

void tune_race_forget_changes(tune_race *race) {
    for (size_t i = 0; i < race->changes; i++) {
        tune_arm *a = tune_race_find(race, race->changed[i]);
        if (a) a->changed = false;
    }
    race->changes = 0;
}

/* ---- their values ---- */

tune_race_entry tune_race_entry_of(const tune_race *race, const tune_arm *a) {
    const int samples = a->n ? a->n : a->outcome == TUNE_RACE_STOPPED;
    tune_race_entry e = {.candidate = a->candidate,
                         .outcome = a->outcome,
                         .samples = samples,
                         .value = a->value,
                         .cost = a->cost,
                         .hash = a->hash,
                         .status = a->status,
                         .text = a->why};
    for (int p = 0; p < TUNE_PARTS; p++) {
        e.parts[p] = p >= race->options.parts ? NAN
                     : a->values              ? tune_race_sums(a)[p] / (samples ? samples : 1)
                                              : 0;
    }
    return e;
}

/* The state in which a sample was taken. */
static int state_of(const tune_race *race, const tune_arm *a, int sample) {
    const tune_race_cost *s = &tune_race_samples(a)[sample];
    return tune_strata_of(race->strata, s->before, s->after);
}

/* The number and the mean of an arm's samples in a state. */
static int in_state(const tune_race *race, const tune_arm *a, int state, double *mean) {
    int n = 0;
    *mean = 0;
    for (int i = 0; i < a->n; i++) {
        if (state_of(race, a, i) == state) *mean += (a->values[i] - *mean) / ++n;
    }
    return n;
}

/* Adds to the effect of the states what an arm tells of it; sign -1: takes it away, because its samples are about
 * to change. Looking at all arms for each trial would take long in a long search. */
static void tell_effect(tune_race *race, const tune_arm *a, int sign) {
    double mean[TUNE_STRATA_MOST];
    if (a->n < 2 || a == &race->arms[0] || tune_strata_count(race->strata) == 1) return;
    const int n0 = in_state(race, a, 0, &mean[0]), n1 = in_state(race, a, 1, &mean[1]);
    if (!n0 || !n1) return;
    const double weight = (double)n0 * n1 / (n0 + n1);
    race->effect += sign * weight * (mean[1] - mean[0]);
    race->effect_weight += sign * weight;
}

static void scatter_of(tune_race *race, tune_arm *a) {
    race->ss -= a->ss;
    race->df -= a->df;
    a->ss = a->df = 0;
    if (tune_strata_count(race->strata) == 1) {
        a->df = a->n > 1 ? a->n - 1 : 0;
        a->ss = a->df ? tune_variance(a->values, (size_t)a->n) * a->df : 0;
    }
    for (int state = 0; tune_strata_count(race->strata) > 1 && state < TUNE_STRATA_MOST; state++) {
        double mean;
        const int n = in_state(race, a, state, &mean);
        a->df += n > 1 ? n - 1 : 0;
        for (int i = 0; n > 1 && i < a->n; i++) {
            if (state_of(race, a, i) == state) a->ss += (a->values[i] - mean) * (a->values[i] - mean);
        }
    }
    race->ss += a->ss;
    race->df += a->df;
}

void tune_race_refresh(tune_race *race, tune_arm *a) {
    double cost = 0;
    scatter_of(race, a);
    for (int i = 0; i < a->n; i++) cost += tune_race_samples(a)[i].cost;
    a->value = tune_mean(a->values, (size_t)a->n);
    a->cost = cost / a->n;
}

void tune_race_restate(tune_race *race) {
    race->ss = race->df = 0;
    race->effect = race->effect_weight = 0;
    for (size_t i = 1; i < race->count; i++) {
        race->arms[i].ss = race->arms[i].df = 0;
        scatter_of(race, &race->arms[i]);
        tell_effect(race, &race->arms[i], 1);
    }
}

int tune_race_make_room(const tune_race *race, tune_arm *a, int room, xlstm_error *err) {
    const size_t parts = (size_t)race->options.parts;
    if (a->values && room <= a->room) return XLSTM_OK;
    tune_arm more = *a;
    more.room = room;
    more.values =
        malloc((size_t)room * (sizeof *a->values + sizeof(tune_race_cost)) + (parts + 1) * sizeof(double));
    if (!more.values) return xl_fail(err, XLSTM_ENOMEM, "race: out of memory");
    for (int i = 0; i < a->room && i < a->n; i++) {
        more.values[i] = a->values[i];
        tune_race_samples(&more)[i] = tune_race_samples(a)[i];
    }
    for (size_t p = 0; p < parts; p++) tune_race_sums(&more)[p] = a->values ? tune_race_sums(a)[p] : 0;
    free(a->values);
    *a = more;
    return XLSTM_OK;
}

int tune_race_push(tune_race *race, tune_arm *a, double value, const tune_race_cost *sample, xlstm_error *err) {
    const int status = a->n < a->room ? XLSTM_OK : tune_race_make_room(race, a, a->room ? 2 * a->room : 1, err);
    if (status) return status;
    tell_effect(race, a, -1);
    a->values[a->n] = value;
    tune_race_samples(a)[a->n++] = *sample;
    tell_effect(race, a, 1);
    return XLSTM_OK;
}

void tune_race_drop_first(tune_race *race, tune_arm *a, const double parts[TUNE_PARTS]) {
    tell_effect(race, a, -1);
    a->values[0] = a->values[1];
    tune_race_samples(a)[0] = tune_race_samples(a)[1];
    a->n = 1;
    memcpy(tune_race_sums(a), parts, (size_t)race->options.parts * sizeof *parts);
    tune_race_refresh(race, a);
}

int tune_race_restore(tune_race *race, int64_t candidate, const double *values, int n, double cost,
                      const double parts[TUNE_PARTS], xlstm_error *err) {
    if (n < 1) return xl_fail(err, XLSTM_EARG, "race: %d values to restore, wanted at least one", n);
    if (tune_race_find(race, candidate)) {
        return xl_fail(err, XLSTM_EARG, "race: candidate %lld is known already", (long long)candidate);
    }
    int status = tune_race_reserve(race, 1, err);
    if (status) return status;
    tune_arm *a = tune_race_add(race, candidate);
    for (int i = 0; i < n && !status; i++) {
        const tune_race_cost sample = {cost, TUNE_NO_STRATUM, TUNE_NO_STRATUM};
        status = tune_race_push(race, a, values[i], &sample, err);
    }
    if (status) return status;
    for (int p = 0; p < race->options.parts; p++) tune_race_sums(a)[p] = n * parts[p];
    a->first_checked = true;
    tune_race_refresh(race, a);
    a->outcome = TUNE_RACE_SURVIVED;
    if (a->value < tune_race_find(race, race->incumbent)->value) {
        race->incumbent = candidate;
        a->outcome = TUNE_RACE_NEW_INCUMBENT;
    }
    return 0;
}

double tune_race_coldness(const tune_race *race, double p) {
    size_t n = race->excesses < TUNE_EXCESSES ? race->excesses : TUNE_EXCESSES;
    if (n == 0 || tune_median(race->excess, n) < TUNE_COLD) return 0;
    return fmax(0, tune_quantile(race->excess, n, p));
}

void tune_race_learn(tune_race *race, double excess) {
    race->excess[race->excesses++ % TUNE_EXCESSES] = excess;
}

double tune_race_scatter_without(const tune_race *race, const tune_arm *without, double *df) {
    double ss = race->ss, n = race->df;
    if (without) {
        ss = fmax(0, ss - without->ss);
        n -= without->df;
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
    return tune_race_scatter_without(race, NULL, df);
}

double tune_race_difference(const tune_race *race, const tune_arm *a, const tune_arm *b, double *weight) {
    const bool baseline = b == &race->arms[0]; /* its value is 0 by definition and has no error */
    if (tune_strata_count(race->strata) == 1) {
        *weight = 1 / (1.0 / a->n + (baseline ? 0 : 1.0 / b->n));
        return a->value - b->value;
    }
    double sum = 0;
    *weight = 0;
    for (int state = 0; state < TUNE_STRATA_MOST; state++) {
        double mean_a, mean_b = 0;
        const int na = in_state(race, a, state, &mean_a), nb = baseline ? 1 : in_state(race, b, state, &mean_b);
        if (!na || !nb) continue;
        const double w = baseline ? na : (double)na * nb / (na + nb);
        sum += w * (mean_a - mean_b);
        *weight += w;
    }
    return *weight > 0 ? sum / *weight : NAN;
}

double tune_race_half_width(tune_race *race, double weight) {
    double df, sd = tune_race_scatter(race, &df);
    if (!(df > 0) || !(weight > 0)) return INFINITY;
    df = df < 1 ? 1 : floor(df);
    if (df > 200) df = INFINITY;
    if (race->t_df != df) {
        race->t_df = df;
        race->t_value = tune_t_quantile(0.5 + race->options.level / 2, df);
    }
    return race->t_value * sd * sqrt(1 / weight);
}

double tune_race_state_effect(const tune_race *race) {
    /* One arm's weight is at least a half; less is rounding. */
    return race->effect_weight > 0.25 ? race->effect / race->effect_weight : 0;
}

double tune_race_standing(const tune_race *race, const tune_arm *a) {
    if (a->n == 0 || a == &race->arms[0] || tune_strata_count(race->strata) == 1) return a->value;
    const double often = tune_strata_share(race->strata, 1), effect = tune_race_state_effect(race);
    double sum = 0;
    /* Samples of an unknown state count where there are no others. */
    int known = 0;
    for (int i = 0; i < a->n; i++) {
        const int state = state_of(race, a, i);
        if (state == TUNE_NO_STRATUM) continue;
        sum += a->values[i] + (state == 0 ? often : often - 1) * effect;
        known++;
    }
    const double corrected = a->value - tune_mean(a->values, (size_t)a->n); /* for a cold first sample */
    return known ? sum / known + corrected : a->value;
}

bool tune_race_get(const tune_race *race, int64_t candidate, tune_race_entry *out) {
    const tune_arm *a = tune_race_find(race, candidate);
    if (a) *out = tune_race_entry_of(race, a);
    return a;
}

int64_t tune_race_incumbent(const tune_race *race) {
    return race->incumbent;
}

const double *tune_race_values(const tune_race *race, int64_t candidate, int *n) {
    const tune_arm *a = tune_race_find(race, candidate);
    *n = a && a != &race->arms[0] ? a->n : 0;
    return *n ? a->values : NULL;
}

const double *tune_race_baseline_costs(const tune_race *race, size_t *n) {
    *n = race->base_n;
    return race->base_cost;
}

const tune_strata *tune_race_strata(const tune_race *race) {
    return race->strata;
}

const tune_finalist *tune_race_finalists(const tune_race *race, int *count) {
    *count = race->finalist_count;
    return race->finalists;
}

void tune_race_set_deadline(tune_race *race, double deadline_s) {
    race->options.deadline_s = deadline_s;
}
