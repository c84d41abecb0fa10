/* The engine as a target: libxlstm, a checkpoint and a prompt. It takes of the configuration
 *
 *   model_path, device, cpu_mask    as for xlstm_model_open
 *   ids                             the prompt's tokens with BOS, an array
 *   new                             how many tokens are generated
 *   space, tune, or bounds          what is searched; bounds: {"heads": [2, 8], "chunks": [16, 64], "workers":
 * null} max_kl, require_identical, placebo checkpoint, numerics_tuned      for fresh processes: the fingerprint
 * that is wanted, and whether tunables that change numerics are searched
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tuner/target/engine.h"
#include "tuner/target/engine_probe.h"
#include "tuner/target/engine_space.h"

typedef struct engine_target {
    tune_engine *engine;
    tune_space *space;
    const xlstm_tunable *tunable[TUNE_SPACE_PARAMS]; /* of each parameter; NULL: it is none of the engine's */
    xlstm_settings baseline;
    xlstm_hparams hparams;
    xlstm_work work; /* decides which settings are equal in effect */
    char checkpoint[65];
    int32_t *ids; /* [count], with BOS */
    size_t count;
    int64_t new_tokens;
    bool placebo; /* every candidate runs the baseline's settings */
} engine_target;

/* ---- settings ---- */

/* Converts a value of the space into a setting. Texts were checked when the space was made. */
static int64_t setting_of(const xlstm_tunable *t, tune_value value) {
    xlstm_settings s = {{0}};
    if (!value.text) return (int64_t)value.number;
    xlstm_settings_parse(&s, (int)t->id, value.text, NULL);
    return xlstm_settings_get(&s, t->id);
}

/* The settings that a candidate stands for. In a placebo run they are not the ones that are measured. */
static void nominal_settings(const engine_target *e, int64_t candidate, xlstm_settings *out) {
    *out = e->baseline;
    for (size_t i = 0; candidate >= 0 && i < tune_space_params(e->space); i++) {
        const xlstm_tunable *t = e->tunable[i];
        if (t) xlstm_settings_set(out, t->id, setting_of(t, tune_space_value(e->space, (uint32_t)candidate, i)));
    }
}

static void measured_settings(void *self, int64_t candidate, xlstm_settings *out) {
    const engine_target *e = self;
    nominal_settings(e, e->placebo ? TUNE_BASELINE : candidate, out);
}

/* All tunables that say something here: those of other devices are left out, but none that the space has. */
static bool list_settings(const engine_target *e, const xlstm_settings *settings, tune_named_list *out) {
    json_t *j = tune_engine_settings_json(settings);
    for (size_t i = 0; j && i < tune_space_params(e->space); i++) {
        const xlstm_tunable *t = e->tunable[i];
        if (!t || json_object_get(j, t->name)) continue;
        const int64_t value = xlstm_settings_get(settings, t->id);
        json_object_set_new(j, t->name, t->choices ? json_string(t->choices[value]) : json_integer(value));
    }
    const bool ok = j && !tune_named_from_json(out, j, NULL);
    json_decref(j);
    return ok;
}

static bool settings_of(void *self, int64_t candidate, tune_named_list *out) {
    xlstm_settings settings;
    nominal_settings(self, candidate, &settings);
    return list_settings(self, &settings, out);
}

static uint64_t canonical_key(void *self, const tune_space *space, const tune_value *values) {
    const engine_target *e = self;
    xlstm_settings settings = e->baseline;
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const xlstm_tunable *t = e->tunable[i];
        if (t) xlstm_settings_set(&settings, t->id, setting_of(t, values[i]));
    }
    return tune_engine_key(&settings, &e->work);
}

/* Compares nominal settings in a placebo run too: a candidate that stands for the baseline needs no comparison with
 * it. */
static bool is_baseline(void *self, int64_t candidate) {
    const engine_target *e = self;
    xlstm_settings settings;
    nominal_settings(e, candidate, &settings);
    return tune_engine_key(&settings, &e->work) == tune_engine_key(&e->baseline, &e->work);
}

/* ---- measuring ---- */

static int measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    const engine_target *e = self;
    return tune_engine_measure(e->engine, candidate, repeats, limit, out, err);
}

static int unchanged(void *self, xlstm_error *err) {
    const engine_target *e = self;
    return tune_engine_unchanged(e->engine, err);
}

static void derive(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    const engine_target *e = self;
    tune_engine_derive((int64_t)e->count, e->new_tokens, parts, metric);
}

static double cost(void *self, int objective, const double parts[TUNE_PARTS]) {
    (void)self;
    return tune_engine_cost(objective, parts);
}

static int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    const engine_target *e = self;
    return tune_engine_outcome(e->engine, candidate, out, err);
}

static int threads(void *self, int64_t candidate) {
    static const int tunables[] = {XLSTM_TUNE_WORKERS, XLSTM_TUNE_DECODE_WORKERS};
    xlstm_settings settings;
    int64_t most = 1;
    measured_settings(self, candidate, &settings);
    for (int i = 0; i < 2; i++) {
        const int64_t count = xlstm_settings_get(&settings, tunables[i]);
        if (count <= 0) return INT_MAX; /* as many as there are processors */
        most = count > most ? count : most;
    }
    return most < INT_MAX ? (int)most : INT_MAX;
}

static void close_target(void *self) {
    engine_target *e = self;
    tune_engine_destroy(e->engine);
    tune_space_destroy(e->space);
    free(e->ids);
    free(e);
}

/* ---- the space ---- */

/* Values of a parameter that have the same effect for this prompt and model are one value. */
static int merge_equal(engine_target *e, size_t param, xlstm_error *err) {
    const tune_param *p = tune_space_param(e->space, param);
    const xlstm_tunable *t = e->tunable[param];
    int64_t *comes_to = xl_array(p->declared_count, sizeof *comes_to);
    if (!comes_to) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    for (uint32_t v = 0; v < p->declared_count; v++)
        comes_to[v] = xlstm_tunable_effective((int)t->id, setting_of(t, p->declared[v]), &e->work);
    int status = tune_space_merge(e->space, param, comes_to, err);
    free(comes_to);
    return status;
}

/* The original's space within bounds; a range that is missing is not searched. */
static int original_space(const json_t *bounds, tune_space **out, xlstm_error *err) {
    static const char *const names[] = {"heads", "chunks", "workers"};
    int64_t range[3][2] = {{0}};
    for (int i = 0; i < 3; i++) {
        const json_t *pair = json_object_get(bounds, names[i]);
        for (size_t k = 0; k < 2; k++) range[i][k] = json_integer_value(json_array_get(pair, k));
    }
    return tune_space_original(range[0][0], range[0][1], range[1][0], range[1][1], range[2][0], range[2][1], out,
                               err);
}

static int make_space(engine_target *e, const json_t *config, xlstm_error *err) {
    tune_known known[XLSTM_TUNABLE_COUNT];
    const json_t *bounds = json_object_get(config, "bounds");
    size_t count = 0;
    int status =
        tune_known_tunables(json_string_value(json_object_get(config, "device")), &e->hparams, known, &count, err);
    if (!status)
        status = json_is_object(bounds) && !json_is_object(json_object_get(config, "space"))
                     ? original_space(bounds, &e->space, err)
                     : tune_target_space(known, count, config, &e->space, err);
    for (size_t i = 0; !status && i < tune_space_params(e->space); i++) {
        const xlstm_tunable *t = e->tunable[i] = xlstm_tunable_find(tune_space_param(e->space, i)->name);
        tune_value value = {0};
        if (!t) continue;
        status = merge_equal(e, i, err);
        if (t->choices) value.text = t->choices[xlstm_settings_get(&e->baseline, t->id)];
        else value.number = (double)xlstm_settings_get(&e->baseline, t->id);
        if (!status) tune_space_set_preset(e->space, i, value);
    }
    if (status) return status;
    tune_space_set_canonical(e->space, canonical_key, e);
    return tune_space_seal(e->space, err);
}

/* Whether settings that differ only in this parameter may have the same effect: tried on a random sample. */
static bool may_be_equal(const engine_target *e, size_t param) {
    enum { TRIES = 256 };
    const tune_param *p = tune_space_param(e->space, param);
    tune_value values[TUNE_SPACE_PARAMS];
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (int i = 0; p->declared_count > 1 && i < TRIES; i++) {
        for (size_t k = 0; k < tune_space_params(e->space); k++) {
            const tune_param *q = tune_space_param(e->space, k);
            values[k] = q->declared[xl_rng_below(&rng, q->declared_count)];
        }
        const uint32_t one = (uint32_t)xl_rng_below(&rng, p->declared_count);
        const uint32_t other = (one + 1 + (uint32_t)xl_rng_below(&rng, p->declared_count - 1)) % p->declared_count;
        values[param] = p->declared[one];
        const uint64_t key = tune_space_key(e->space, values);
        values[param] = p->declared[other];
        if (tune_space_key(e->space, values) == key) return true;
    }
    return false;
}

static char *equal_text(const engine_target *e) {
    const tune_space *space = e->space;
    const size_t settings = tune_space_settings(space);
    char size[32];
    if (settings == tune_space_size(space)) return NULL;
    const bool one = tune_space_size(space) == 1;
    char *text = xl_format("%s%zu settings make only %s %s in effect for a prompt of %zu tokens; %s measured once",
                           tune_space_counted(space) ? "" : "up to ", settings,
                           tune_space_size_print(space, size, sizeof size),
                           one ? "point, being equal" : "points that differ", e->count, one ? "it is" : "each is");
    for (size_t i = 0; text && i < tune_space_params(space); i++) {
        const xlstm_tunable *t = e->tunable[i];
        if (!t || !t->in_force || !may_be_equal(e, i)) continue;
        char *grown = xl_format("%s; %s", text, t->in_force);
        free(text);
        text = grown;
    }
    return text;
}

/* ---- describing ---- */

static bool is_objective(const json_t *config, int metric) {
    const json_t *names = json_object_get(config, "objective");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name && tune_metrics_find(&tune_engine_metrics, name) == metric) return true;
    }
    return false;
}

static int can_measure(int metric, xlstm_error *err) {
    if (metric == TUNE_ENERGY_J && !tune_engine_has_energy())
        return xl_fail(err, XLSTM_EUNSUPPORTED,
                       "objective: energy_j: this machine does not report its energy (RAPL)");
    if (metric == TUNE_PEAK_MB && !tune_engine_has_peak())
        return xl_fail(err, XLSTM_EUNSUPPORTED,
                       "objective: peak_mb: this system does not report a process's peak of memory");
    return XLSTM_OK;
}

static int read_prompt(engine_target *e, const json_t *config, xlstm_error *err) {
    const json_t *list = json_object_get(config, "ids");
    e->count = json_array_size(list);
    e->new_tokens = json_integer_value(json_object_get(config, "new"));
    if (!e->count || e->new_tokens < 1)
        return xl_fail(err, XLSTM_EARG, "engine: found a prompt of %zu tokens and %lld new, wanted both", e->count,
                       (long long)e->new_tokens);
    e->ids = xl_array(e->count, sizeof *e->ids);
    if (!e->ids) return xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
    for (size_t i = 0; i < e->count; i++) e->ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return XLSTM_OK;
}

/* `kernels`: NULL where the checkpoint is not open. */
static bool state_facts(tune_target *out, const engine_target *e, const char *device, const char *kernels) {
    char hash[33];
    xl_fnv_hex(e->ids, e->count * sizeof *e->ids, hash);
    const tune_named build = {"kernels", {.text = kernels}};
    return tune_engine_identity(device, e->checkpoint, &out->identity) &&
           tune_engine_workload((int64_t)e->count, e->new_tokens, hash, &out->workload) &&
           tune_named_copy(&out->build, &build, kernels ? 1 : 0) && list_settings(e, &e->baseline, &out->baseline);
}

/* The strings of `config` outlive the target. */
static int open_engine(tune_target *out, engine_target *e, json_t *config, xlstm_error *err) {
    const json_t *tuned = json_object_get(config, "numerics_tuned"), *max_kl = json_object_get(config, "max_kl");
    const bool numerics = tuned ? json_is_true(tuned) : (tune_space_affects(e->space) & TUNE_AFFECTS_OUTPUT) != 0;
    const double most = json_is_number(max_kl) ? json_number_value(max_kl) : INFINITY;
    const tune_engine_options o = {
        .model_dir = json_string_value(json_object_get(config, "model_path")),
        .checkpoint = e->checkpoint,
        .device = json_string_value(json_object_get(config, "device")),
        .cpu_mask = json_string_value(json_object_get(config, "cpu_mask")),
        .ids = e->ids,
        .count = e->count,
        .new_tokens = e->new_tokens,
        .objective = tune_target_objective(&tune_engine_metrics, config),
        .score = numerics || is_objective(config, TUNE_KL) || is_objective(config, TUNE_PPL) || isfinite(most),
        .memory = is_objective(config, TUNE_PEAK_MB),
        .max_kl = most,
        .numerics = numerics,
        .require_identical = json_is_true(json_object_get(config, "require_identical")),
        .cancel = out->cancel,
        .user = out->user,
        .settings_of = measured_settings,
        .ctx = e,
    };
    json_object_set_new(config, "checkpoint", json_string(e->checkpoint));
    json_object_set_new(config, "numerics_tuned", json_boolean(numerics));
    return tune_engine_create(&e->engine, &o, err);
}

static int prepare(tune_target *out, engine_target *e, const tune_target_options *options, xlstm_error *err) {
    json_t *config = json_object_get(out->request, "config");
    const char *model = json_string_value(json_object_get(config, "model_path"));
    const char *wanted = json_string_value(json_object_get(config, "checkpoint"));
    xlstm_model_info info;
    if (!model) return xl_fail(err, XLSTM_EARG, "engine: no model_path");
    int status = read_prompt(e, config, err);
    if (!status) status = xlstm_checkpoint_inspect(model, &e->hparams, &info, err);
    if (status) return status;
    snprintf(e->checkpoint, sizeof e->checkpoint, "%s", wanted ? wanted : info.fingerprint);
    xlstm_work_init(&e->work, &e->hparams, &info, (int64_t)e->count);
    xlstm_settings_init(&e->baseline, NULL);
    status = tune_engine_settings_read(options->settings, &e->baseline, err);
    if (!status) status = make_space(e, config, err);
    if (!status && !options->only_proposed) status = open_engine(out, e, config, err);
    if (status) return status;
    const char *device = json_string_value(json_object_get(config, "device")), *kernels = NULL;
    if (e->engine) {
        xlstm_model_get_info(tune_engine_model(e->engine), &info);
        device = info.device;
        kernels = info.kernels;
    }
    return state_facts(out, e, device ? device : xlstm_device_kind_at(0), kernels)
               ? XLSTM_OK
               : xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
}

static int describe(tune_target *out, const tune_target_options *options, xlstm_error *err) {
    engine_target *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "engine: out of memory");
    e->placebo = json_is_true(json_object_get(options->config, "placebo"));
    out->self = e;
    out->close = close_target;
    int status = prepare(out, e, options, err);
    if (status) return status;
    out->equal = equal_text(e);
    out->space = e->space;
    out->metrics = &tune_engine_metrics;
    out->derive = derive;
    out->cost = cost;
    if (e->engine) {
        out->measure = measure;
        out->unchanged = unchanged;
        out->outcome = outcome;
    }
    out->settings = settings_of;
    out->is_baseline = is_baseline;
    out->threads = threads;
    return XLSTM_OK;
}

const tune_target_class tune_target_engine = {.name = "engine",
                                              .summary = "libxlstm: a prompt and new tokens of a checkpoint",
                                              .metrics = &tune_engine_metrics,
                                              .can_measure = can_measure,
                                              .of_checkpoint = true,
                                              .describe = describe};
