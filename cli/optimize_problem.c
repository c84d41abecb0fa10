/* xltune optimize: presents the engine, the prompt and the space to the driver as a problem. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "tuner/target/engine_probe.h"
#include "tuner/target/engine_space.h"

/* ---- settings ---- */

/* Converts a value of the space into a setting. Texts were checked when the space was made. */
static int64_t setting_of(const xlstm_tunable *t, tune_value value) {
    xlstm_settings s = {{0}};
    if (!value.text) return (int64_t)value.number;
    xlstm_settings_parse(&s, (int)t->id, value.text, NULL);
    return xlstm_settings_get(&s, t->id);
}

/* The settings that a candidate stands for. In a placebo run they are not the ones that are measured. */
static void nominal_settings(const cli_job *job, int64_t candidate, xlstm_settings *out) {
    *out = job->baseline;
    for (size_t i = 0; candidate >= 0 && i < tune_space_params(job->space); i++) {
        const xlstm_tunable *t = job->tunable[i];
        if (t) xlstm_settings_set(out, t->id, setting_of(t, tune_space_value(job->space, (uint32_t)candidate, i)));
    }
}

void cli_job_settings(void *ctx, int64_t candidate, xlstm_settings *out) {
    const cli_job *job = ctx;
    nominal_settings(job, job->placebo ? TUNE_BASELINE_TRIAL : candidate, out);
}

static bool settings_list(void *ctx, int64_t candidate, tune_named_list *out) {
    xlstm_settings settings;
    nominal_settings(ctx, candidate, &settings);
    json_t *j = tune_engine_settings_json(&settings);
    const bool ok = j && !tune_named_from_json(out, j, NULL);
    json_decref(j);
    return ok;
}

static uint64_t canonical_key(void *ctx, const tune_space *space, const tune_value *values) {
    const cli_job *job = ctx;
    xlstm_settings settings = job->baseline;
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const xlstm_tunable *t = job->tunable[i];
        if (t) xlstm_settings_set(&settings, t->id, setting_of(t, values[i]));
    }
    return tune_engine_key(&settings, &job->work);
}

/* Compares nominal settings in a placebo run too: a candidate that stands for the baseline needs no comparison with
 * it. */
static bool is_baseline(void *ctx, int64_t candidate) {
    const cli_job *job = ctx;
    xlstm_settings settings;
    nominal_settings(job, candidate, &settings);
    return tune_engine_key(&settings, &job->work) == tune_engine_key(&job->baseline, &job->work);
}

static int measure(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    const cli_job *job = ctx;
    return tune_engine_measure(job->engine, candidate, repeats, limit, out, err);
}

static int unchanged(void *ctx, xlstm_error *err) {
    const cli_job *job = ctx;
    return tune_engine_unchanged(job->engine, err);
}

static void derive(void *ctx, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    const cli_job *job = ctx;
    tune_engine_derive((int64_t)job->count, job->new_tokens, parts, metric);
}

static double cost(void *ctx, int objective, const double parts[TUNE_PARTS]) {
    return tune_engine_cost(objective, parts);
}

static int outcome(void *ctx, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    const cli_job *job = ctx;
    return tune_engine_outcome(job->engine, candidate, out, err);
}

static int spawn(void *ctx, int64_t winner, const tune_block_plan *plan, tune_sample_fn on_sample, void *sample_ctx,
                 tune_block_result *out, xlstm_error *err) {
    cli_job *job = ctx;
    tune_fresh f = {
        .program = job->program, .argument = cli_command_name(CLI(fresh_process)), .engine = &job->engine_options};
    cli_job_settings(job, TUNE_BASELINE_TRIAL, &f.baseline);
    cli_job_settings(job, winner, &f.winner);
    return tune_fresh_run(&f, winner, plan, on_sample, sample_ctx, out, err);
}

/* ---- the space ---- */

/* Returns the names given with --tune as one text, malloc'd, each with its range where that was set by flags such
 * as --heads-min; NULL, with *err filled, on failure. */
static char *tuned_names(cli_config *cfg, const xlstm_hparams *hparams, xlstm_error *err) {
    char *text = strdup("");
    for (size_t i = 0; text && i < cli_list_count(cfg, "tune"); i++) {
        const char *name = cli_list_str(cfg, "tune", i);
        char *grown = NULL;
        const xlstm_tunable *t = xlstm_tunable_find(name);
        for (int b = 0; t && b < CLI_BOUND_COUNT && !grown; b++) {
            int64_t low, high;
            if (cli_bound_at[b].tunable != (int)t->id) continue;
            if (!cli_is_set(cfg, cli_bound_at[b].min) && !cli_is_set(cfg, cli_bound_at[b].max)) continue;
            if (cli_bounds(cfg, hparams, b, &low, &high, err)) {
                free(text);
                return NULL;
            }
            grown = xl_format("%s%s%s=%lld:%lld", text, *text ? "," : "", t->name, (long long)low, (long long)high);
        }
        if (!grown) grown = xl_format("%s%s%s", text, *text ? "," : "", name);
        free(text);
        text = grown;
    }
    if (!text) xl_fail(err, XLSTM_ENOMEM, "tune: out of memory");
    return text;
}

/* Merges values of a parameter that have the same effect for this prompt and model, whatever the other settings
 * are. */
static int merge_equal(cli_job *job, size_t param, xlstm_error *err) {
    const tune_param *p = tune_space_param(job->space, param);
    const xlstm_tunable *t = job->tunable[param];
    int64_t *comes_to = xl_array(p->declared_count, sizeof *comes_to);
    if (!comes_to) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    for (uint32_t v = 0; v < p->declared_count; v++)
        comes_to[v] = xlstm_tunable_effective((int)t->id, setting_of(t, p->declared[v]), &job->work);
    int status = tune_space_merge(job->space, param, comes_to, err);
    free(comes_to);
    return status;
}

/* Whether settings that differ only in this parameter may be equal in effect; found out by trying some. */
static bool may_be_equal(const cli_job *job, size_t param) {
    enum { TRIES = 256 };
    const tune_param *p = tune_space_param(job->space, param);
    tune_value values[TUNE_SPACE_PARAMS];
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (int i = 0; p->declared_count > 1 && i < TRIES; i++) {
        for (size_t k = 0; k < tune_space_params(job->space); k++) {
            const tune_param *q = tune_space_param(job->space, k);
            values[k] = q->declared[xl_rng_below(&rng, q->declared_count)];
        }
        const uint32_t one = (uint32_t)xl_rng_below(&rng, p->declared_count);
        const uint32_t other = (one + 1 + (uint32_t)xl_rng_below(&rng, p->declared_count - 1)) % p->declared_count;
        values[param] = p->declared[one];
        const uint64_t key = tune_space_key(job->space, values);
        values[param] = p->declared[other];
        if (tune_space_key(job->space, values) == key) return true;
    }
    return false;
}

char *cli_job_equal_text(const cli_job *job) {
    const tune_space *space = job->space;
    const size_t settings = tune_space_settings(space);
    char size[32];
    if (settings == tune_space_size(space)) return NULL;
    const bool one = tune_space_size(space) == 1;
    char *text = xl_format(
        "%s%zu settings make only %s %s in effect for a prompt of %zu tokens; %s measured once",
        tune_space_counted(space) ? "" : "up to ", settings, tune_space_size_print(space, size, sizeof size),
        one ? "point, being equal" : "points that differ", job->count, one ? "it is" : "each is");
    for (size_t i = 0; text && i < tune_space_params(space); i++) {
        const xlstm_tunable *t = job->tunable[i];
        if (!t || !t->in_force || !may_be_equal(job, i)) continue;
        char *grown = xl_format("%s; %s", text, t->in_force);
        free(text);
        text = grown;
    }
    return text;
}

/* Whether the space is given by `space` and not by `tune`. Where both are given, the one of the higher layer
 * counts. */
static bool is_space_object(const cli_config *cfg) {
    const bool names = cli_list_count(cfg, "tune") > 0;
    return cli_object(cfg, "space") && !(names && cli_layer_of(cfg, "tune") > cli_layer_of(cfg, "space"));
}

static int make_space(cli_job *job, xlstm_error *err) {
    cli_config *cfg = job->cfg;
    const xlstm_hparams *hparams = &job->hparams;
    tune_known known[XLSTM_TUNABLE_COUNT];
    tune_known_tunables(hparams, known);
    int status;
    if (is_space_object(cfg)) {
        status = tune_space_from_json(cli_object(cfg, "space"), known, XLSTM_TUNABLE_COUNT, &job->space, err);
    } else if (cli_list_count(cfg, "tune")) {
        char *names = tuned_names(cfg, hparams, err);
        if (!names) return err->status;
        status = tune_space_from_names(names, known, XLSTM_TUNABLE_COUNT, &job->space, err);
        free(names);
    } else {
        int64_t heads[2], chunks[2], workers[2] = {0, 0};
        status = cli_bounds(cfg, hparams, CLI_BOUND_HEADS, &heads[0], &heads[1], err);
        if (!status) status = cli_bounds(cfg, hparams, CLI_BOUND_CHUNKS, &chunks[0], &chunks[1], err);
        if (!status && strcmp(cli_str(cfg, "backend"), "queued") == 0)
            status = cli_bounds(cfg, hparams, CLI_BOUND_WORKERS, &workers[0], &workers[1], err);
        if (!status)
            status = tune_space_original(heads[0], heads[1], chunks[0], chunks[1], workers[0], workers[1],
                                         &job->space, err);
    }
    if (status) return status;
    for (size_t i = 0; i < tune_space_params(job->space); i++) {
        const xlstm_tunable *t = job->tunable[i] = xlstm_tunable_find(tune_space_param(job->space, i)->name);
        tune_value value = {0};
        if (!t) continue;
        status = merge_equal(job, i, err);
        if (status) return status;
        if (t->choices) value.text = t->choices[xlstm_settings_get(&job->baseline, t->id)];
        else value.number = (double)xlstm_settings_get(&job->baseline, t->id);
        tune_space_set_preset(job->space, i, value);
    }
    tune_space_set_canonical(job->space, canonical_key, job);
    return tune_space_seal(job->space, err);
}

/* ---- opening ---- */

static int read_objectives(cli_job *job, xlstm_error *err) {
    size_t n = cli_list_count(job->cfg, "objective");
    for (size_t i = 0; i < n; i++) {
        const char *name = cli_list_str(job->cfg, "objective", i);
        int metric = tune_metrics_find(&tune_engine_metrics, name);
        if (metric < 0) {
            const char *names[TUNE_METRICS];
            for (int m = 0; m < tune_engine_metrics.count; m++) names[m] = tune_engine_metrics.at[m].name;
            int near = xl_nearest_name(name, names, tune_engine_metrics.count);
            return xl_fail(
                err, XLSTM_EARG,
                "objective: found %s%s%s%s, wanted request_s, prefill_tok_s, decode_tok_s, ttft_ms, peak_mb, "
                "kl, ppl or energy_j",
                name, near < 0 ? "" : " (did you mean ", near < 0 ? "" : names[near], near < 0 ? "" : "?)");
        }
        if (metric == TUNE_ENERGY_J && !tune_engine_has_energy())
            return xl_fail(err, XLSTM_EUNSUPPORTED,
                           "objective: energy_j: this machine does not report its energy (RAPL)");
        if (metric == TUNE_PEAK_MB && !tune_engine_has_peak())
            return xl_fail(err, XLSTM_EUNSUPPORTED,
                           "objective: peak_mb: this system does not report a process's peak of memory");
        for (int k = 0; k < job->objectives; k++) {
            if ((int)job->objective[k] == metric)
                return xl_fail(err, XLSTM_EARG, "objective: %s is given twice", name);
        }
        job->objective[job->objectives++] = metric;
    }
    if (!job->objectives) job->objective[job->objectives++] = TUNE_REQUEST_S;
    return XLSTM_OK;
}

static int read_prompt(cli_job *job, const char *model, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    int status = cli_prompt_text(job->cfg, &job->prompt, &job->prompt_bytes, err);
    if (!status) status = xlstm_tokenizer_open(&tokenizer, model, err);
    if (!status)
        status = cli_encode_prompt(job->cfg, tokenizer, NULL, job->prompt, job->prompt_bytes, true, &job->ids,
                                   &job->count, err);
    xlstm_tokenizer_close(tokenizer);
    if (!status && job->count == 0)
        status = xl_fail(err, XLSTM_EARG, "prompt: found no token, wanted at least one (the tokenizer has no BOS)");
    return status;
}

/* Loading is not cancelled by the first signal; a second one ends the process. */
static int never(void *user) {
    (void)user;
    return 0;
}

static void find_program(cli_job *job, const char *argv0) {
    ssize_t n = readlink("/proc/self/exe", job->program, sizeof job->program - 1);
    if (n > 0) job->program[n] = 0;
    else snprintf(job->program, sizeof job->program, "%s", argv0);
}

static bool objective_is(const cli_job *job, int metric) {
    bool found = false;
    for (int i = 0; i < job->objectives; i++) found |= job->objective[i] == metric;
    return found;
}

static int open_all(cli_job *job, const char *model, const json_t *stored, xlstm_error *err) {
    cli_config *cfg = job->cfg;
    xlstm_model_info info;
    int status = xlstm_checkpoint_inspect(model, &job->hparams, &info, err);
    if (status) return status;
    snprintf(job->checkpoint, sizeof job->checkpoint, "%s", info.fingerprint);
    xlstm_work_init(&job->work, &job->hparams, &info, (int64_t)job->count);
    status = cli_settings(cfg, &job->hparams, &job->baseline, err);
    if (!status && stored) status = tune_engine_settings_read(stored, &job->baseline, err);
    if (!status) status = make_space(job, err);
    if (status) return status;
    const bool numerics = tune_space_affects(job->space) & TUNE_AFFECTS_OUTPUT;
    const double max_kl = cli_has(cfg, "max_kl") ? cli_num(cfg, "max_kl") : INFINITY;
    job->engine_options = (tune_engine_options){
        .model_dir = model,
        .checkpoint = job->checkpoint,
        .device = cli_str(cfg, "device"),
        .cpu_mask = cli_str(cfg, "cpu_mask"),
        .ids = job->ids,
        .count = job->count,
        .new_tokens = job->new_tokens,
        .objective = job->objective[0],
        .score = numerics || objective_is(job, TUNE_KL) || objective_is(job, TUNE_PPL) || isfinite(max_kl),
        .memory = objective_is(job, TUNE_PEAK_MB),
        .max_kl = max_kl,
        .numerics = numerics,
        .require_identical = cli_bool(cfg, "require_identical"),
        .cancel = never,
        .settings_of = cli_job_settings,
        .ctx = job,
    };
    return tune_engine_create(&job->engine, &job->engine_options, err);
}

int cli_job_open(cli_job *job, cli_config *cfg, const char *argv0, const json_t *stored) {
    xlstm_error err = {0};
    *job = (cli_job){.cfg = cfg, .new_tokens = cli_int(cfg, "new"), .placebo = cli_bool(cfg, "placebo")};
    find_program(job, argv0);
    int status = read_objectives(job, &err);
    if (status == XLSTM_EARG) return cli_usage(cfg, "%s", err.text);
    if (!status && job->new_tokens < 1)
        return cli_usage(cfg, "new: found %lld, wanted at least 1", (long long)job->new_tokens);
    if (job->placebo && cli_str(cfg, "study"))
        return cli_usage(
            cfg,
            "placebo: its points do not run the settings in their names, so they are kept out of a shared study");
    if (cli_object(cfg, "space") && cli_list_count(cfg, "tune") &&
        cli_layer_of(cfg, "space") == cli_layer_of(cfg, "tune"))
        return cli_usage(cfg, "tune and space both define what is searched: give only one of them");
    const char *model = status ? NULL : cli_model_path(cfg, &err);
    if (model) status = read_prompt(job, model, &err);
    if (!status && model) status = open_all(job, model, stored, &err);
    if (status || !model) return cli_fail(cfg, &err);
    job->target = (tune_target){.self = job,
                                .space = job->space,
                                .metrics = &tune_engine_metrics,
                                .derive = derive,
                                .cost = cost,
                                .measure = measure,
                                .unchanged = unchanged,
                                .outcome = outcome,
                                .settings = settings_list,
                                .is_baseline = is_baseline,
                                .spawn = spawn};
    return CLI_GO_ON;
}

void cli_job_close(cli_job *job) {
    tune_engine_destroy(job->engine);
    tune_space_destroy(job->space);
    free(job->prompt);
    free(job->ids);
    *job = (cli_job){0};
}
