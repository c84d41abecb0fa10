#include "tuner/driver/interaction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/measure/stats.h"

#define EVENT "interaction"
#define LEAST_ROUNDS 4
#define MOST_ROUNDS 64
#define WARM_RUNS 3
/* Each run computes two intervals, and a false alarm would send the user after an effect that does not exist, so
 * the confidence level is high. */
#define LEVEL 0.99
#define VAGUE 0.10 /* an interval that reaches further allows no conclusion */

enum { FIRST, SECOND, PARTS };
enum { JOINED = PARTS, CANDIDATES }; /* indexes of candidates, after those of the two partners */

static const unsigned part_bit[PARTS] = {TUNE_AFFECTS_FIRST, TUNE_AFFECTS_SECOND};

typedef struct check {
    const tune_interaction_job *job;
    bool there[CANDIDATES];
    uint32_t point[CANDIDATES];      /* the point of a part differs from the joined point in the other part only */
    double log_s[CANDIDATES][PARTS]; /* logarithms of the seconds in the current round */
    double difference[PARTS][MOST_ROUNDS];
    int rounds;
} check;

enum { PART_NAME = sizeof((tune_metric *)0)->name };

/* Writes the name of a part: its metric without the unit, as "prefill" for prefill_s. */
static void part_name(const check *c, int part, char name[PART_NAME]) {
    tune_metrics_stem(c->job->metrics, c->job->metrics->apart[part], name);
}

int tune_interaction_rounds(tune_effort effort) {
    static const int rounds[] = {[TUNE_QUICK] = 6, [TUNE_NORMAL] = 10, [TUNE_THOROUGH] = 20};
    return rounds[effort];
}

/* Whether two points have the same values of all parameters that affect a part. */
static bool agree(const tune_space *space, uint32_t a, uint32_t b, int part) {
    for (size_t i = 0; i < tune_space_params(space); i++) {
        if (!(tune_space_param(space, i)->affects & part_bit[part])) continue;
        tune_value x = tune_space_value(space, a, i), y = tune_space_value(space, b, i);
        if (x.text && y.text ? strcmp(x.text, y.text) != 0 : x.number != y.number) return false;
    }
    return true;
}

static bool find_partners(check *c) {
    size_t count;
    const tune_trial_mark *all = tune_keeper_marks(c->job->keeper, &count);
    const tune_space *space = c->job->space;
    c->point[JOINED] = c->job->joined;
    for (size_t i = 0; i < count; i++) {
        const uint32_t point = all[i].status == TUNE_TRIAL_OK ? all[i].point : TUNE_NO_POINT;
        if (point == TUNE_NO_POINT) continue;
        c->there[JOINED] |= point == c->job->joined;
        for (int p = 0; p < PARTS; p++) {
            if (c->there[p] || !agree(space, point, c->job->joined, p) ||
                agree(space, point, c->job->joined, 1 - p))
                continue;
            c->there[p] = true;
            c->point[p] = point;
        }
    }
    return c->there[JOINED] && (c->there[FIRST] || c->there[SECOND]);
}

static bool late(const check *c) {
    return tune_sampler_seconds(c->job->sampler) >= c->job->deadline_s;
}

static int take(check *c, int candidate, xlstm_error *err) {
    tune_sample s;
    const tune_metrics *metrics = c->job->metrics;
    int status = tune_sampler_take(c->job->sampler, c->point[candidate], INFINITY, &s, err);
    for (int p = 0; !status && p < PARTS; p++)
        c->log_s[candidate][p] = log(s.reading.parts[metrics->at[metrics->apart[p]].part]);
    return status;
}

static int run_round(check *c, xlstm_error *err) {
    static const int order[2][CANDIDATES] = {{FIRST, JOINED, SECOND}, {SECOND, JOINED, FIRST}};
    int status = XLSTM_OK;
    for (int i = 0; !status && i < CANDIDATES; i++) {
        int candidate = order[c->rounds % 2][i];
        if (c->there[candidate]) status = take(c, candidate, err);
    }
    for (int p = 0; !status && p < PARTS; p++)
        c->difference[p][c->rounds] = c->there[p] ? c->log_s[JOINED][p] - c->log_s[p][p] : 0;
    c->rounds += !status;
    return status;
}

static int measure(check *c, xlstm_error *err) {
    int status = XLSTM_OK;
    for (int i = 0; !status && i < CANDIDATES && !late(c); i++) {
        if (!c->there[i]) continue;
        status = tune_sampler_warm(c->job->sampler, c->point[i], WARM_RUNS, INFINITY, c->job->deadline_s, INFINITY,
                                   NULL, err);
    }
    while (!status && c->rounds < c->job->rounds && c->rounds < MOST_ROUNDS && !late(c)) status = run_round(c, err);
    return status;
}

/* ---- in words ---- */

/* Writes the text about one part; returns its length. */
static int describe_part(const check *c, char *text, size_t bytes, int part, const tune_interval *t) {
    double value = 100 * expm1(t->mean), low = 100 * expm1(t->low), high = 100 * expm1(t->high);
    char name[PART_NAME], other[PART_NAME];
    part_name(c, part, name);
    part_name(c, 1 - part, other);
    if (t->low > 0 || t->high < 0)
        return snprintf(text, bytes,
                        "%s at the joined point took %.1f %% %s than beside other %s settings [%+.1f, %+.1f]", name,
                        fabs(value), value > 0 ? "more" : "less", other, low, high);
    if (t->low < -VAGUE || t->high > VAGUE)
        return snprintf(text, bytes,
                        "%s at the joined point, compared with other %s settings: %+.1f %% [%+.1f, %+.1f], "
                        "too noisy to tell",
                        name, other, value, low, high);
    return snprintf(text, bytes,
                    "%s at the joined point took as long as beside other %s settings, within noise: "
                    "%+.1f %% [%+.1f, %+.1f]",
                    name, other, value, low, high);
}

static void describe(const check *c, const tune_interval *interval, bool interact, char *text, size_t bytes) {
    bool vague = false;
    size_t used = 0;
    for (int p = 0; p < PARTS; p++) {
        if (!c->there[p]) continue;
        if (used) used += (size_t)snprintf(text + used, bytes - used, "; ");
        used += (size_t)describe_part(c, text + used, bytes - used, p, &interval[p]);
        vague |= interval[p].low < -VAGUE || interval[p].high > VAGUE;
    }
    snprintf(text + used, bytes - used, "; %s (%.0f %% intervals over %d rounds)",
             interact ? "they interact, so a search of both together might find another point"
             : vague  ? "whether they interact is not known"
                      : "no interaction is seen",
             100 * LEVEL, c->rounds);
}

static json_t *to_json(const check *c, size_t trials) {
    tune_interval interval[PARTS];
    bool interact = false;
    char text[640], name[PART_NAME];
    json_t *found = json_pack("{s:i, s:f}", "rounds", c->rounds, "level", LEVEL);
    for (int p = 0; p < PARTS; p++) {
        if (!c->there[p]) continue;
        interval[p] = tune_mean_interval(c->difference[p], (size_t)c->rounds, LEVEL);
        interact |= interval[p].low > 0 || interval[p].high < 0;
        part_name(c, p, name);
        json_object_set_new(found, name,
                            json_pack("{s:f, s:f, s:f}", "value", expm1(interval[p].mean), "low",
                                      expm1(interval[p].low), "high", expm1(interval[p].high)));
    }
    describe(c, interval, interact, text, sizeof text);
    json_object_set_new(found, "interact", json_boolean(interact));
    json_object_set_new(found, "text", json_string(text));
    return json_pack("{s:I, s:o}", "trials", (json_int_t)trials, "found", found);
}

/* ---- the run's stored event ---- */

int tune_interaction_found(const tune_keeper *keeper, json_t **found, xlstm_error *err) {
    tune_event_row *events = NULL;
    size_t count = 0;
    const int64_t trials = tune_keeper_next(keeper);
    *found = NULL;
    int status = tune_study_events(tune_keeper_study(keeper), tune_keeper_run(keeper)->id, &events, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(events[i].kind, EVENT) != 0) continue;
        json_t *j = json_loads(events[i].text, 0, NULL), *what = json_object_get(j, "found");
        if (what && json_integer_value(json_object_get(j, "trials")) == (json_int_t)trials) {
            json_decref(*found);
            *found = json_incref(what);
        }
        json_decref(j);
    }
    tune_event_rows_free(events, count);
    return status;
}

int tune_interaction_check(const tune_interaction_job *job, xlstm_error *err) {
    check *c = calloc(1, sizeof *c);
    json_t *known = NULL;
    xlstm_error why = {0};
    if (!c) return xl_fail(err, XLSTM_ENOMEM, "interaction: out of memory");
    c->job = job;
    int status = tune_interaction_found(job->keeper, &known, err);
    if (status || known || !find_partners(c)) goto out;
    status = measure(c, &why);
    if (tune_ends_everything(status)) {
        if (err) *err = why;
        goto out;
    }
    /* Any other failure is that of one point, which was measured before; the rounds that are complete are used. */
    status = XLSTM_OK;
    if (c->rounds < LEAST_ROUNDS) goto out;
    json_t *j = to_json(c, (size_t)tune_keeper_next(job->keeper));
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    status = text ? tune_keeper_event(job->keeper, EVENT, text, err)
                  : xl_fail(err, XLSTM_ENOMEM, "interaction: out of memory");
    free(text);
    json_decref(j);
out:
    json_decref(known);
    free(c);
    return status;
}
