/* xltune optimize: what the configuration says, as the options of a target. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "tuner/run/table.h"
#include "tuner/target/engine_settings.h"
#include "tuner/target/targets.h"

/* ---- objectives ---- */

/* The metrics' own objective where none was asked for. */
static int read_objectives(cli_job *job, const tune_metrics *metrics, xlstm_error *err) {
    const size_t n = cli_is_set(job->cfg, "objective") ? cli_list_count(job->cfg, "objective") : 0;
    job->objectives = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = cli_list_str(job->cfg, "objective", i);
        const int metric = tune_metrics_find(metrics, name);
        if (metric < 0) return tune_metrics_unknown(metrics, name, err);
        for (int k = 0; k < job->objectives; k++) {
            if (job->objective[k] == metric) return xl_fail(err, XLSTM_EARG, "objective: %s is given twice", name);
        }
        job->objective[job->objectives++] = metric;
    }
    if (!job->objectives) job->objective[job->objectives++] = metrics->objective;
    return XLSTM_OK;
}

/* ---- the space ---- */

/* Whether the space is given by `space` and not by `tune`. Where both are given, the one of the higher layer
 * counts. */
static bool is_space_object(const cli_config *cfg) {
    const bool names = cli_list_count(cfg, "tune") > 0;
    return cli_object(cfg, "space") && !(names && cli_layer_of(cfg, "tune") > cli_layer_of(cfg, "space"));
}

/* One name of --tune, with its range where that was set by flags such as --heads-min; malloc'd. */
static char *tuned_name(const cli_job *job, const char *name, xlstm_error *err) {
    const xlstm_tunable *t = job->class->of_checkpoint ? xlstm_tunable_find(name) : NULL;
    for (int b = 0; t && b < CLI_BOUND_COUNT; b++) {
        int64_t low, high;
        if (cli_bound_at[b].tunable != (int)t->id) continue;
        if (!cli_is_set(job->cfg, cli_bound_at[b].min) && !cli_is_set(job->cfg, cli_bound_at[b].max)) continue;
        if (cli_bounds(job->cfg, &job->hparams, b, &low, &high, err)) return NULL;
        return xl_format("%s=%lld:%lld", t->name, (long long)low, (long long)high);
    }
    return strdup(name);
}

static int set_tuned(const cli_job *job, json_t *options, xlstm_error *err) {
    json_t *names = json_array();
    json_object_set_new(options, "tune", names);
    for (size_t i = 0; i < cli_list_count(job->cfg, "tune"); i++) {
        xlstm_error why = {0};
        char *name = tuned_name(job, cli_list_str(job->cfg, "tune", i), &why);
        if (!name)
            return xl_fail(err, why.status ? why.status : XLSTM_ENOMEM, "%s",
                           why.status ? why.text : "tune: out of memory");
        json_array_append_new(names, json_string(name));
        free(name);
    }
    return XLSTM_OK;
}

/* Sets the bounds of the original's space. */
static int set_bounds(const cli_job *job, json_t *options, xlstm_error *err) {
    const bool queued = strcmp(cli_str(job->cfg, "backend"), "queued") == 0;
    json_t *bounds = json_object();
    json_object_set_new(options, "bounds", bounds);
    for (int b = 0; b < CLI_BOUND_COUNT; b++) {
        int64_t low, high;
        if (cli_bound_at[b].queued_only && !queued) continue;
        const int status = cli_bounds(job->cfg, &job->hparams, b, &low, &high, err);
        if (status) return status;
        json_object_set_new(bounds, cli_bound_at[b].name, json_pack("[I, I]", (json_int_t)low, (json_int_t)high));
    }
    return XLSTM_OK;
}

/* One of "space", "tune" and "bounds" says what is searched. */
static int set_space(const cli_job *job, json_t *options, xlstm_error *err) {
    if (is_space_object(job->cfg)) return XLSTM_OK;
    json_object_del(options, "space");
    if (cli_list_count(job->cfg, "tune")) return set_tuned(job, options, err);
    return job->class->of_checkpoint ? set_bounds(job, options, err) : XLSTM_OK;
}

/* ---- a request to a checkpoint ---- */

static int read_prompt(cli_job *job, const char *model, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    int status = cli_prompt_text(job->cfg, &job->prompt, &job->prompt_bytes, err);
    if (status || !job->class->of_checkpoint) return status;
    status = xlstm_tokenizer_open(&tokenizer, model, err);
    if (!status)
        status = cli_encode_prompt(job->cfg, tokenizer, NULL, job->prompt, job->prompt_bytes, true, &job->ids,
                                   &job->count, err);
    xlstm_tokenizer_close(tokenizer);
    if (!status && job->count == 0)
        status = xl_fail(err, XLSTM_EARG, "prompt: found no token, wanted at least one (the tokenizer has no BOS)");
    return status;
}

/* Sets what a request to the checkpoint is; *settings: those of the baseline, of the stored run where there is one.
 */
static int set_request(cli_job *job, const char *model, const json_t *stored, json_t *options, json_t **settings,
                       xlstm_error *err) {
    xlstm_settings baseline;
    json_t *ids = json_array();
    json_object_set_new(options, "ids", ids);
    json_object_set_new(options, "model_path", json_string(model));
    for (size_t i = 0; i < job->count; i++) json_array_append_new(ids, json_integer(job->ids[i]));
    int status = xlstm_checkpoint_inspect(model, &job->hparams, NULL, err);
    if (!status) status = cli_settings(job->cfg, &job->hparams, &baseline, err);
    if (!status && stored) status = tune_engine_settings_read(stored, &baseline, err);
    if (!status) *settings = tune_engine_settings_json(&baseline);
    return status;
}

/* What a target is told that is not libxlstm. */
static int tell_request(const cli_job *job, const char *model, json_t *options, xlstm_error *err) {
    json_t *prompt = json_stringn(job->prompt, job->prompt_bytes);
    if (!prompt) return xl_fail(err, XLSTM_EFORMAT, "prompt: not UTF-8, which a worker is told in JSON");
    json_object_set_new(options, "prompt", prompt);
    json_object_del(options, "prompt_file");
    if (model) {
        char *real = realpath(model, NULL);
        json_object_set_new(options, "model_path", json_string(real ? real : model));
        free(real);
    }
    return XLSTM_OK;
}

/* ---- opening ---- */

char *cli_target_name(const cli_config *cfg, const char *value) {
    /* The server under a load is a worker that comes with xltune. */
    if (!strcmp(value, "serve")) value = "worker:serve_load.py";
    const tune_target_class *class = tune_target_find(value);
    const char *program = class && class->argument_folder ? strchr(value, ':') : NULL;
    const size_t length = program ? strlen(++program) : 0;
    /* Other names without a folder are looked for in PATH. */
    if (!length || (!strchr(program, '/') && (length < 4 || strcmp(program + length - 3, ".py") != 0)))
        return strdup(value);
    char *found = cli_find_path(cfg, program, "target", class->argument_folder);
    char *real = found ? realpath(found, NULL) : NULL;
    char *name = real ? xl_format("%s:%s", class->name, real) : strdup(value);
    free(found);
    free(real);
    return name;
}

char *cli_find_program(const char *argv0) {
    char path[4096];
    return strdup(xl_program_path(path, sizeof path) ? path : argv0);
}

/* A command may take long, so it is ended; a sample of the engine is finished. */
static int is_stopped(void *user) {
    (void)user;
    return cli_signals_stop() != 0;
}

static int open_target(cli_job *job, const char *model, const json_t *stored, xlstm_error *err) {
    const tune_target_class *class = job->class;
    json_t *options = cli_effective_json(job->cfg), *names = json_array(), *settings = NULL;
    int status = options ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "optimize: out of memory");
    for (int i = 0; class->metrics && i < job->objectives; i++)
        json_array_append_new(names, json_string(tune_metrics_name(class->metrics, job->objective[i])));
    if (class->metrics) json_object_set(options, "objective", names);
    else if (!cli_is_set(job->cfg, "objective")) json_object_del(options, "objective");
    if (!status && job->device) json_object_set_new(options, "device", json_string(job->device));
    if (!status && class->of_checkpoint) status = set_request(job, model, stored, options, &settings, err);
    if (!status && class->told_request) status = tell_request(job, model, options, err);
    if (!status) status = set_space(job, options, err);
    const tune_target_options how = {.config = options,
                                     .settings = class->of_checkpoint ? settings : stored,
                                     .program = job->program,
                                     .cancel = class->of_command ? is_stopped : NULL,
                                     .only_proposed = job->proposes,
                                     .program_argument = cli_command_name(CLI(fresh_process))};
    if (!status) status = tune_target_open(&job->target, job->name, &how, err);
    json_decref(options);
    json_decref(names);
    json_decref(settings);
    return status;
}

/* What is no usage of this target, or of any; NULL: nothing. */
static const char *misuse(const cli_job *job) {
    const cli_config *cfg = job->cfg;
    if (job->placebo && !job->class->of_checkpoint) return "placebo: only the target engine has one";
    if (job->placebo && cli_str(cfg, "study"))
        return "placebo: its points do not run the settings in their names, so they are kept out of a shared study";
    if (cli_list_count(cfg, "command") && !job->class->of_command)
        return "command: it is for --target exec and --target worker; another target runs none";
    if (cli_object(cfg, "space") && cli_list_count(cfg, "tune") &&
        cli_layer_of(cfg, "space") == cli_layer_of(cfg, "tune"))
        return "tune and space both define what is searched: give only one of them";
    return NULL;
}

int cli_job_open(cli_job *job, cli_config *cfg, const char *argv0, const json_t *stored, const char *device) {
    xlstm_error err = {0};
    const char *name = cli_str(cfg, "target");
    char *whole = cli_target_name(cfg, name);
    *job = (cli_job){.cfg = cfg,
                     .class = tune_target_find(whole ? whole : name),
                     .name = whole,
                     .program = cli_find_program(argv0),
                     .new_tokens = cli_int(cfg, "new"),
                     .placebo = cli_bool(cfg, "placebo"),
                     .proposes = device || cli_has(cfg, "agents") || cli_str(cfg, "ray_address"),
                     .device = device};
    if (!job->class) {
        const tune_target_options none = {.config = NULL};
        tune_target_open(&job->target, name, &none, &err);
        return cli_usage(cfg, "%s", err.text);
    }
    if (job->class->metrics && read_objectives(job, job->class->metrics, &err))
        return cli_usage(cfg, "%s", err.text);
    for (int i = 0; job->class->can_measure && i < job->objectives; i++) {
        if (job->class->can_measure(job->objective[i], &err)) return cli_fail(cfg, &err);
    }
    if (job->class->of_checkpoint && job->new_tokens < 1)
        return cli_usage(cfg, "new: found %lld, wanted at least 1", (long long)job->new_tokens);
    const char *wrong = misuse(job);
    if (wrong) return cli_usage(cfg, "%s", wrong);
    if (!job->name || !job->program) return cli_usage(cfg, "target: out of memory");
    const bool told = job->class->told_request, any = job->class->of_checkpoint || told;
    const bool has_model = job->class->of_checkpoint || (told && cli_has(cfg, "model_path"));
    const char *model = has_model ? cli_model_path(cfg, &err) : NULL;
    if (has_model && !model) return cli_fail(cfg, &err);
    int status = any ? read_prompt(job, model, &err) : XLSTM_OK;
    if (!status) status = open_target(job, model, stored, &err);
    if (!status) status = tune_table_check(job->target.metrics, job->target.space, &err);
    if (status) return cli_fail(cfg, &err);
    if (!job->class->metrics && read_objectives(job, job->target.metrics, &err))
        return cli_usage(cfg, "%s", err.text);
    return CLI_GO_ON;
}

void cli_job_close(cli_job *job) {
    tune_target_close(&job->target);
    free(job->prompt);
    free(job->name);
    free(job->program);
    free(job->ids);
    *job = (cli_job){0};
}

const char *cli_part_name(const cli_job *job, int part) {
    static char name[2][32];
    const tune_metrics *metrics = job->target.metrics;
    tune_metrics_stem(metrics, metrics->apart[part], name[part]);
    return name[part];
}
