/* The two layers that come from files of settings: the golden profile of the backend, and the newest snapshot that
 * was measured under the same circumstances. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/config_impl.h"
#include "tuner/run/snapshot.h"
#include "tuner/study/machine.h"
#include "tuner/target/engine_settings.h"
#include "tuner/target/targets.h"

static bool tuned(const cli_config *cfg) {
    return cfg->spec->command & CLI_TUNED;
}

const char *cli_backend_name(const cli_config *cfg) {
    const char *key = cfg->spec->command == CLI(optimize) ? "backend" : "scheduler";
    int row = cli_row(cfg, key);
    const json_t *value = row < 0 ? NULL : cli_value(cfg, row, NULL);
    if (json_is_array(value)) value = json_array_get(value, 0);
    return value ? json_string_value(value) : "ray";
}

/* Prints a notice where a profile was measured on another machine or with another version, because its settings may
 * not be the best ones here. */
static void say_origin(const char *path, const json_t *object) {
    const json_t *print = json_object_get(object, "fingerprint");
    const char *machine = json_string_value(json_object_get(print, "machine"));
    const char *version = json_string_value(json_object_get(object, "version"));
    tune_machine here = {{0}, NULL};
    if (!machine || tune_machine_read(&here, NULL)) return;
    if (strcmp(machine, here.fingerprint) != 0)
        cli_notice("%s was measured on another machine (%.8s, this one is %.8s): its settings are in force; "
                   "`xltune optimize` finds out whether they are good here",
                   path, machine, here.fingerprint);
    else if (version && strcmp(version, xlstm_version()) != 0)
        cli_notice("%s was measured by version %s: its settings are in force; `xltune optimize` finds out whether "
                   "they are still good",
                   path, version);
    tune_machine_clear(&here);
}

/* Profiles and snapshots set only tunables. Other members describe the run that wrote them and are ignored. */
int cli_profile_load(cli_config *cfg, xlstm_error *err) {
    if (!tuned(cfg)) return XLSTM_OK;
    const char *wanted = cli_str(cfg, "profile");
    char *name = wanted ? strdup(wanted) : xl_format("golden_%s", cli_backend_name(cfg));
    char *relative = name ? xl_format("profiles/%s.json", name) : NULL;
    char *path = NULL;
    json_t *object = NULL;
    int status = XLSTM_OK;
    if (!relative) {
        status = xl_fail(err, XLSTM_ENOMEM, "profile: out of memory");
        goto out;
    }
    if (wanted && xl_is_file(wanted)) {
        path = strdup(wanted);
    } else {
        path = cli_data_path(relative);
    }
    if (!path) {
        /* Not every scheduler has a profile, so only one that was asked for by name must exist. */
        if (wanted) {
            status = xl_fail(err, XLSTM_ENOTFOUND, "profile (%s): found no profile %s in %s/profiles",
                             cli_source(cfg, "profile"), wanted, cli_data_folder());
        }
        goto out;
    }
    cfg->source[CLI_LAYER_PROFILE] = xl_format("profile %s", name);
    status = cli_json_read(path, &object, err);
    if (!status && !cfg->source[CLI_LAYER_PROFILE]) status = xl_fail(err, XLSTM_ENOMEM, "profile: out of memory");
    if (!status) status = cli_layer_add(cfg, CLI_LAYER_PROFILE, object, path, err);
    if (!status) say_origin(path, object);
out:
    json_decref(object);
    free(path);
    free(relative);
    free(name);
    return status;
}

/* Whether there is one request, which a snapshot may be for. The prompts of a conversation, of a server and of
 * --jsonl are not known before they come, and reading ahead would take them from the command. */
static bool has_request(const cli_config *cfg) {
    switch (cfg->spec->command) {
    case CLI(chat):
    case CLI(serve):
        return false;
    case CLI(generate):
        return !cli_bool(cfg, "jsonl");
    default:
        return true;
    }
}

/* Number of tokens of the prompt with BOS; 0 where they cannot be counted, for which the command itself will report
 * the reason. */
static int64_t prompt_tokens(cli_config *cfg, const char *model) {
    xlstm_tokenizer *tokenizer = NULL;
    char *text = NULL;
    size_t bytes = 0, count = 0;
    int32_t *ids = NULL;
    if (!xlstm_tokenizer_open(&tokenizer, model, NULL) && !cli_prompt_text(cfg, &text, &bytes, NULL) &&
        xlstm_tokenizer_encode(tokenizer, text, bytes, true, &ids, &count, NULL)) {
        count = 0;
    }
    free(ids);
    free(text);
    xlstm_tokenizer_close(tokenizer);
    return (int64_t)count;
}

static int64_t new_tokens(const cli_config *cfg) {
    switch (cfg->spec->command) {
    case CLI(generate):
        return cli_int(cfg, "max_new_tokens");
    case CLI(bench):
        return cli_list_int(cfg, "new", 0);
    default:
        return cli_int(cfg, "new");
    }
}

static int64_t bench_prompt(const cli_config *cfg) {
    return cfg->spec->command == CLI(bench) ? cli_list_int(cfg, "n_prompt", 0) : 0;
}

/* Whether a snapshot was measured here, with this checkpoint and for such a request. */
static bool fits(const json_t *snapshot, const char *machine, const char *device, const char *checkpoint,
                 int64_t prompt, int64_t new_count) {
    tune_named_list identity = {0}, workload = {0};
    const bool ok = tune_engine_identity(device, checkpoint, &identity) &&
                    tune_engine_workload(prompt, new_count, NULL, &workload) &&
                    tune_snapshot_fits(snapshot, machine, &identity, &workload);
    tune_named_clear(&identity);
    tune_named_clear(&workload);
    return ok;
}

/* Whether what is tuned is the engine; another target has no use for its settings. */
static bool is_engine(const cli_config *cfg) {
    if (cfg->spec->command != CLI(optimize)) return true;
    const tune_target_class *target = tune_target_find(cli_str(cfg, "target"));
    return target && target->of_checkpoint;
}

int cli_best_load(cli_config *cfg, xlstm_error *err) {
    if (!tuned(cfg) || !cli_bool(cfg, "best") || !is_engine(cfg) || !has_request(cfg)) return XLSTM_OK;
    char *path = xl_format("%s/%s_latest.json", cli_str(cfg, "best_dir"), cli_backend_name(cfg));
    json_t *snapshot = NULL;
    tune_machine machine = {{0}, NULL};
    xlstm_model_info info;
    int status = path ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "best_dir: out of memory");
    if (status || !xl_is_file(path)) goto out;
    status = cli_json_read(path, &snapshot, err);
    if (status) goto out;
    /* Errors of the model or the prompt are ignored here, because the command itself will report them. */
    const char *model = cli_model_path(cfg, NULL);
    if (!model || xlstm_checkpoint_inspect(model, NULL, &info, NULL) || tune_machine_read(&machine, NULL)) goto out;
    int64_t prompt = bench_prompt(cfg);
    if (!prompt) prompt = prompt_tokens(cfg, model);
    if (!prompt ||
        !fits(snapshot, machine.fingerprint, cli_str(cfg, "device"), info.fingerprint, prompt, new_tokens(cfg))) {
        goto out;
    }
    cfg->source[CLI_LAYER_BEST] = xl_format("best %s", path);
    status = cfg->source[CLI_LAYER_BEST]
                 ? cli_layer_add(cfg, CLI_LAYER_BEST, json_object_get(snapshot, "params"), path, err)
                 : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    if (!status) say_origin(path, snapshot);
out:
    tune_machine_clear(&machine);
    json_decref(snapshot);
    free(path);
    return status;
}
