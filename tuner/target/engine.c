#include "tuner/target/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fnv.h"
#include "base/intern.h"
#include "base/memory.h"
#include "tuner/target/engine_probe.h"
#include "tuner/target/engine_score.h"
#include "tuner/target/last_points.h"

/* One opened copy of the checkpoint. */
typedef struct copy {
    xlstm_model *model;
    xlstm_session *session;
    xlstm_settings load; /* settings with which it was opened */
    bool cold;           /* whether no request was run on it yet */
    bool clocked;        /* its device has clocks of its own, which sleep while it is idle */
    xlstm_settings warm; /* those of its last request, where it is clocked */
} copy;

/* What is known of a candidate besides its times. */
typedef struct memo {
    int64_t candidate;
    bool looked;
    double kl, ppl, peak_mb; /* NAN: not determined */
    char token_hash[33];
    tune_named *in_force; /* [in_force_count]: the schedule of its last sample; names and texts are the engine's */
    size_t in_force_count;
} memo;

struct tune_engine {
    tune_engine_options options;
    char checkpoint[65]; /* fingerprint of the checkpoint, as opened first or as asked for; "": none yet */
    int32_t *ids;
    int64_t vocab;
    copy copies[2];
    int32_t *tokens, *baseline_tokens; /* [new] */
    float *margins;                    /* [new + 1]: distance between the baseline's two largest logits */
    bool have_baseline;
    float *logits; /* [V] */
    tune_engine_scores scores;
    tune_recent recent; /* the places in `memos` */
    memo memos[TUNE_RECENT];
    xl_intern texts; /* names and texts of schedules */
    double busy_at;  /* time of xl_now_s at which the last request ended */
    double stop_at;  /* time of xl_now_s after which the current request is hopeless; INFINITY */
    bool stopped;
};

/* ---- copies of the checkpoint ---- */

static void copy_close(copy *c) {
    xlstm_session_destroy(c->session);
    xlstm_model_close(c->model);
    *c = (copy){0};
}

static bool same_load(const xlstm_settings *a, const xlstm_settings *b) {
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
        if ((xlstm_tunable_get(i)->affects & XLSTM_AFFECTS_LOAD) &&
            xlstm_settings_get(a, i) != xlstm_settings_get(b, i))
            return false;
    }
    return true;
}

static int cancelled(void *user) {
    tune_engine *e = user;
    if (e->options.cancel && e->options.cancel(e->options.user)) return 1;
    if (xl_now_s() <= e->stop_at) return 0;
    e->stopped = true;
    return 1;
}

/* Checks that a checkpoint is the same as the first one, because times of different ones cannot be compared. */
static int check_same(tune_engine *e, const char *fingerprint, xlstm_error *err) {
    if (!e->checkpoint[0]) snprintf(e->checkpoint, sizeof e->checkpoint, "%s", fingerprint);
    if (!strcmp(e->checkpoint, fingerprint)) return XLSTM_OK;
    return xl_fail(err, XLSTM_ECHANGED,
                   "%s: the checkpoint was replaced during the run: found %.8s, began with %.8s",
                   e->options.model_dir, fingerprint, e->checkpoint);
}

/* Where a folder that held the checkpoint before does not hold one any more, the error is that it changed. */
static int changed(const tune_engine *e, int status, xlstm_error *err) {
    if (!e->checkpoint[0] || (status != XLSTM_ENOTFOUND && status != XLSTM_EFORMAT)) return status;
    xlstm_error why = {0};
    if (err) why = *err;
    return xl_fail(err, XLSTM_ECHANGED, "the checkpoint was changed during the run: %.900s", why.text);
}

static int copy_open(tune_engine *e, copy *c, const xlstm_settings *settings, xlstm_error *err) {
    xlstm_model_options o = {.settings = settings,
                             .device = e->options.device,
                             .cpu_mask = e->options.cpu_mask,
                             .cancel = cancelled,
                             .user = e};
    int status = changed(e, xlstm_model_open(&c->model, e->options.model_dir, &o, err), err);
    if (!status) {
        xlstm_model_info info;
        xlstm_model_get_info(c->model, &info);
        status = check_same(e, info.fingerprint, err);
        c->clocked = strcmp(info.device, xlstm_device_kind_at(0)) != 0;
    }
    if (!status) status = xlstm_session_create(&c->session, c->model, settings, err);
    if (status) {
        copy_close(c);
        return status;
    }
    xlstm_session_set_cancel(c->session, cancelled, e);
    c->load = *settings;
    c->cold = true;
    return XLSTM_OK;
}

/* Finds or opens the copy for these settings, and configures it. The baseline's copy stays open where memory
 * suffices for two. */
static int acquire(tune_engine *e, const xlstm_settings *settings, copy **out, xlstm_error *err) {
    int slot = -1, status = XLSTM_OK;
    for (int i = 0; i < 2 && slot < 0; i++) {
        if (e->copies[i].model && same_load(&e->copies[i].load, settings)) slot = i;
    }
    if (slot < 0) {
        slot = e->copies[0].model ? 1 : 0;
        copy *other = &e->copies[1 - slot];
        copy_close(&e->copies[slot]);
        if (other->model && !tune_probe_fits_twice(other->model)) copy_close(other);
        status = copy_open(e, &e->copies[slot], settings, err);
    } else {
        status = xlstm_session_configure(e->copies[slot].session, settings, err);
    }
    *out = &e->copies[slot];
    return status;
}

/* ---- tokens ---- */

/* Returns the index of the largest logit (the smallest such index), and in *margin its distance to the next
 * one. */
static int32_t best_of(const float *logits, int64_t vocab, float *margin) {
    int64_t best = 0;
    float first = logits[0], second = -INFINITY;
    for (int64_t i = 1; i < vocab; i++) {
        float x = logits[i];
        if (x > first) {
            second = first;
            first = x;
            best = i;
        } else if (x > second) {
            second = x;
        }
    }
    *margin = first - second;
    return (int32_t)best;
}

static int64_t steps(const tune_engine *e) {
    return e->options.new_tokens > 1 ? e->options.new_tokens - 1 : 1;
}

/* Runs the request. margins: [new + 1] to fill, for which the host looks at all logits; or NULL. */
static int request(tune_engine *e, copy *c, float *margins, double seconds[2], xlstm_error *err) {
    float margin;
    xlstm_session_reset(c->session);
    double start = xl_now_s();
    int status = xlstm_prefill(c->session, e->ids, e->options.count, XLSTM_LOGITS_LAST, e->logits, err);
    if (status) return status;
    e->tokens[0] = best_of(e->logits, e->vocab, margins ? margins : &margin);
    double middle = xl_now_s();
    if (!margins) status = xlstm_decode_greedy(c->session, e->tokens[0], e->tokens + 1, (size_t)steps(e), err);
    for (int64_t i = 0; margins && i < steps(e) && !status; i++) {
        status = xlstm_decode(c->session, e->tokens[i], e->logits, err);
        if (!status) e->tokens[i + 1] = best_of(e->logits, e->vocab, &margins[i + 1]);
    }
    seconds[0] = middle - start;
    seconds[1] = xl_now_s() - middle;
    return status;
}

static int compare_tokens(const tune_engine *e, xlstm_error *err) {
    const tune_engine_options *o = &e->options;
    for (int64_t i = 0; i < o->new_tokens; i++) {
        if (e->tokens[i] == e->baseline_tokens[i]) continue;
        if (o->require_identical)
            return xl_fail(err, XLSTM_EMISMATCH,
                           "token %lld is %ld, the baseline's %ld, and identical ones are required", (long long)i,
                           (long)e->tokens[i], (long)e->baseline_tokens[i]);
        /* After a near-tie the two continue different texts, so that later tokens cannot be compared. */
        if (o->numerics || (double)e->margins[i] <= TUNE_TOKEN_MARGIN) return XLSTM_OK;
        return xl_fail(err, XLSTM_EMISMATCH, "token %lld is %ld, the baseline's %ld by a margin of %.3g, over %g",
                       (long long)i, (long)e->tokens[i], (long)e->baseline_tokens[i], (double)e->margins[i],
                       TUNE_TOKEN_MARGIN);
    }
    return XLSTM_OK;
}

/* ---- measuring ---- */

/* The memo of a candidate; a new one where it has none, or has lost its place to those that came after it. */
static memo *memo_of(tune_engine *e, int64_t candidate) {
    int at = tune_recent_find(&e->recent, candidate);
    if (at >= 0) return &e->memos[at];
    at = tune_recent_put(&e->recent, candidate);
    free(e->memos[at].in_force);
    e->memos[at] = (memo){.candidate = candidate, .kl = NAN, .ppl = NAN, .peak_mb = NAN};
    return &e->memos[at];
}

/* Determines the peak of memory in a request that is not timed. Before it, freed memory is returned and no other
 * copy is open, so that the peak does not depend on what ran before. The buffers for scoring are not counted. */
static int look_at_memory(tune_engine *e, copy *c, memo *m, xlstm_error *err) {
    double seconds[2], energy;
    for (int i = 0; i < 2; i++) {
        if (&e->copies[i] != c) copy_close(&e->copies[i]);
    }
    xlstm_session_trim(c->session);
    tune_probe_settle();
    tune_probe probe;
    tune_probe_begin(&probe);
    int status = request(e, c, NULL, seconds, err);
    tune_probe_end(&probe, &energy, &m->peak_mb);
    m->peak_mb -= (double)tune_engine_scores_bytes(&e->scores) / 0x1p20;
    c->cold = false;
    return status;
}

/* Determines what is needed only once while a candidate has its memo, before it is timed. */
static int first_look(tune_engine *e, copy *c, memo *m, xlstm_error *err) {
    if (m->looked) return XLSTM_OK;
    const tune_engine_options *o = &e->options;
    int status =
        o->score ? tune_engine_scores_reserve(&e->scores, o->count, (size_t)steps(e), e->vocab, err) : XLSTM_OK;
    /* What earlier candidates freed lies in pieces, which a long search would collect otherwise. */
    if (!o->memory) tune_probe_settle();
    if (!status && o->memory) status = look_at_memory(e, c, m, err);
    if (!status && o->score)
        status = tune_engine_score(&e->scores, c->session, e->ids, o->count, m->candidate == TUNE_BASELINE, &m->kl,
                                   &m->ppl, err);
    if (status) return status;
    m->looked = true;
    if (m->kl < TUNE_KL_ROUNDING) m->kl = 0;
    if (m->kl > o->max_kl)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "KL to the baseline %.3g nats a token, at most %g is allowed",
                       m->kl, o->max_kl);
    return XLSTM_OK;
}

static double cost_of(const tune_engine *e, const memo *m, const double parts[TUNE_PARTS]) {
    /* A cost must be positive, but the baseline's own divergence is zero. */
    if (e->options.objective == TUNE_KL) return m->kl + TUNE_KL_ROUNDING;
    if (e->options.objective == TUNE_PPL) return m->ppl;
    return tune_engine_cost(e->options.objective, parts);
}

static bool is_time(int objective) {
    return objective != TUNE_PEAK_MB && objective != TUNE_ENERGY_J && !tune_engine_metrics.at[objective].of_point;
}

/* Returns the time from the start of a request at which it exceeds a cost; INFINITY where the cost is not a
 * time. */
static double time_limit(const tune_engine *e, double limit) {
    switch (e->options.objective) {
    case TUNE_REQUEST_S:
    case TUNE_PREFILL_S:
    case TUNE_PREFILL_TOK_S:
    case TUNE_TTFT_MS:
        return limit;
    default:
        return INFINITY;
    }
}

/* Wakes a GPU, whose clocks have fallen where it was idle, by requests that are not timed; the first with other
 * settings also makes their shaders. */
static int wake(tune_engine *e, copy *c, const xlstm_settings *settings, xlstm_error *err) {
    const double idle_s = 0.01, wake_s = 0.15, start = xl_now_s();
    double seconds[2];
    int status = XLSTM_OK;
    if (!c->clocked || (!memcmp(&c->warm, settings, sizeof *settings) && start - e->busy_at < idle_s))
        return XLSTM_OK;
    do status = request(e, c, NULL, seconds, err);
    while (!status && xl_now_s() - start < wake_s);
    c->warm = *settings;
    return status;
}

static int run(tune_engine *e, copy *c, memo *m, const xlstm_settings *settings, unsigned repeats, double limit,
               tune_reading *out, xlstm_error *err) {
    const bool baseline = m->candidate == TUNE_BASELINE;
    float *margins = baseline && !e->have_baseline ? e->margins : NULL;
    double seconds[2], sum[2] = {0, 0};
    /* The first request on a copy reads its pages from disk, so it is not timed; nor is the one for margins. */
    if (c->cold || margins) {
        int status = request(e, c, margins, seconds, err);
        if (status) return status;
        c->cold = false;
    }
    const int awake = wake(e, c, settings, err);
    if (awake) return awake;
    tune_probe probe;
    tune_probe_begin(&probe);
    for (unsigned r = 0; r < repeats; r++) {
        double start = xl_now_s();
        e->stop_at = start + time_limit(e, limit);
        e->stopped = false;
        int status = request(e, c, NULL, seconds, err);
        e->stop_at = INFINITY;
        if (status == XLSTM_ECANCELLED && e->stopped) {
            *out = (tune_reading){.cost = xl_now_s() - start, .parts = {xl_now_s() - start, NAN, NAN, NAN}};
            return TUNE_STOPPED;
        }
        if (status) return status;
        sum[0] += seconds[0];
        sum[1] += seconds[1];
    }
    e->busy_at = xl_now_s();
    *out = (tune_reading){.cost = 0};
    for (int i = 0; i < TUNE_PARTS; i++) out->parts[i] = NAN;
    out->parts[TUNE_PART_PREFILL_S] = sum[0] / repeats;
    out->parts[TUNE_PART_DECODE_S] = sum[1] / repeats;
    tune_probe_end(&probe, &out->parts[TUNE_PART_ENERGY_J], &out->parts[TUNE_PART_PEAK_MB]);
    out->parts[TUNE_PART_ENERGY_J] /= repeats;
    if (e->options.memory) out->parts[TUNE_PART_PEAK_MB] = m->peak_mb;
    out->cost = cost_of(e, m, out->parts);
    /* Whether a sample is long enough for the clock depends on its time, whatever the objective. */
    out->timed_s =
        tune_engine_cost(is_time(e->options.objective) ? e->options.objective : TUNE_REQUEST_S, out->parts);
    xl_fnv_hex(e->tokens, (size_t)e->options.new_tokens * sizeof *e->tokens, m->token_hash);
    char head[17];
    memcpy(head, m->token_hash, 16);
    head[16] = 0;
    out->hash = strtoull(head, NULL, 16);
    tune_named *in_force = tune_engine_schedule(c->session, &e->texts, &m->in_force_count);
    free(m->in_force);
    m->in_force = in_force;
    if (!in_force) return xl_fail(err, XLSTM_ENOMEM, "schedule: out of memory");
    if (baseline && !e->have_baseline) {
        memcpy(e->baseline_tokens, e->tokens, (size_t)e->options.new_tokens * sizeof *e->tokens);
        e->have_baseline = true;
    }
    return baseline ? XLSTM_OK : compare_tokens(e, err);
}

int tune_engine_measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                        xlstm_error *err) {
    tune_engine *e = self;
    copy *c;
    xlstm_settings settings;
    xlstm_error why = {0};
    if (candidate != TUNE_BASELINE && !e->have_baseline) {
        int status = tune_engine_measure(self, TUNE_BASELINE, 1, INFINITY, out, err);
        if (status) return status;
    }
    memo *m = memo_of(e, candidate);
    e->options.settings_of(e->options.ctx, candidate, &settings);
    int status = acquire(e, &settings, &c, &why);
    if (!status) status = first_look(e, c, m, &why);
    if (!status) status = run(e, c, m, &settings, repeats, limit, out, &why);
    if (status < 0) {
        /* Where memory does not suffice for a candidate, only that candidate fails. */
        if ((status == XLSTM_ENOMEM || status == XLSTM_EDEVICEMEM) && candidate != TUNE_BASELINE)
            status = XLSTM_EUNSUPPORTED;
        xl_fail(err, status, "%s", why.text);
    }
    return status;
}

int tune_engine_outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    const tune_engine *e = self;
    const int at = tune_recent_find(&e->recent, candidate);
    tune_outcome_init(out);
    if (at < 0)
        return xl_fail(err, XLSTM_EINTERNAL, "candidate %lld was not measured lately", (long long)candidate);
    const memo *m = &e->memos[at];
    out->metric[TUNE_KL] = m->kl;
    out->metric[TUNE_PPL] = m->ppl;
    memcpy(out->token_hash, m->token_hash, sizeof out->token_hash);
    return tune_named_copy(&out->in_force, m->in_force, m->in_force_count)
               ? XLSTM_OK
               : xl_fail(err, XLSTM_ENOMEM, "schedule: out of memory");
}

int tune_engine_create(tune_engine **out, const tune_engine_options *options, xlstm_error *err) {
    tune_engine *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
    e->options = *options;
    e->stop_at = INFINITY;
    if (options->checkpoint) snprintf(e->checkpoint, sizeof e->checkpoint, "%s", options->checkpoint);
    size_t tokens = (size_t)(options->new_tokens > 1 ? options->new_tokens : 1) + 1;
    xlstm_settings settings;
    copy *c;
    int status = XLSTM_OK;
    e->ids = xl_array(options->count, sizeof *e->ids);
    e->tokens = xl_array(tokens, sizeof *e->tokens);
    e->baseline_tokens = xl_array(tokens, sizeof *e->baseline_tokens);
    e->margins = xl_array(tokens, sizeof *e->margins);
    if (!e->ids || !e->tokens || !e->baseline_tokens || !e->margins) {
        status = xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
        goto out;
    }
    memcpy(e->ids, options->ids, options->count * sizeof *e->ids);
    options->settings_of(options->ctx, TUNE_BASELINE, &settings);
    status = acquire(e, &settings, &c, err);
    if (status) goto out;
    e->vocab = xlstm_model_hparams(c->model)->vocab_size;
    e->logits = xl_array((size_t)e->vocab, sizeof *e->logits);
    if (!e->logits) status = xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
out:
    if (status) tune_engine_destroy(e);
    else *out = e;
    return status;
}

void tune_engine_destroy(tune_engine *engine) {
    if (!engine) return;
    copy_close(&engine->copies[0]);
    copy_close(&engine->copies[1]);
    free(engine->ids);
    free(engine->tokens);
    free(engine->baseline_tokens);
    free(engine->margins);
    free(engine->logits);
    tune_engine_scores_clear(&engine->scores);
    for (int i = 0; i < TUNE_RECENT; i++) free(engine->memos[i].in_force);
    xl_intern_clear(&engine->texts);
    free(engine);
}

int tune_engine_unchanged(tune_engine *e, xlstm_error *err) {
    xlstm_model_info info;
    int status = changed(e, xlstm_checkpoint_inspect(e->options.model_dir, NULL, &info, err), err);
    return status ? status : check_same(e, info.fingerprint, err);
}

xlstm_model *tune_engine_model(tune_engine *engine) {
    return engine->copies[0].model;
}
