/* The target of a run, for the commands that ask it for texts. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/optimize.h"
#include "cli/save_outputs.h"
#include "cli/signals.h"
#include "tuner/run/run_meta.h"
#include "tuner/target/targets.h"

static int is_stopped(void *user) {
    (void)user;
    return cli_signals_stop() != 0;
}

static int open_target(cli_config *cfg, const char *name, const json_t *meta, tune_target *out, xlstm_error *err) {
    const json_t *then = json_object_get(meta, "effective_args");
    json_t *config = then ? json_deep_copy(then) : json_object();
    json_object_del(config, "objective"); /* another target may have been named */
    const char *model = cli_is_set(cfg, "model_path") ? cli_model_path(cfg, err) : NULL;
    int status = model || !cli_is_set(cfg, "model_path") ? XLSTM_OK : XLSTM_ENOTFOUND;
    char *real = model ? realpath(model, NULL) : NULL;
    if (real) json_object_set_new(config, "model_path", json_string(real));
    if (json_object_get(meta, "prompt")) json_object_set(config, "prompt", json_object_get(meta, "prompt"));
    const tune_target_options options = {
        .config = config, .settings = json_object_get(meta, "settings"), .cancel = is_stopped};
    if (!status) status = tune_target_open(out, name, &options, err);
    free(real);
    json_decref(config);
    return status;
}

int cli_run_target(cli_config *cfg, const char *run, tune_target *out, const tune_target_class **class,
                   xlstm_error *err) {
    const char *given = cli_str(cfg, "target");
    json_t *meta = NULL, *own = NULL;
    *out = (tune_target){0};
    if (run) tune_run_meta_read(run, &meta, NULL); /* a folder of the original has another one, or none */
    const char *then = json_string_value(json_object_get(json_object_get(meta, "effective_args"), "target"));
    char *name = given ? cli_target_name(cfg, given) : strdup(then ? then : "engine");
    *class = name ? tune_target_find(name) : NULL;
    int status = name ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "target: out of memory");
    if (!status && (!*class || (*class)->told_request)) {
        /* The settings of another target than the run's are not this one's. */
        if (!then || strcmp(name, then) != 0) own = json_pack("{s:O*}", "prompt", json_object_get(meta, "prompt"));
        status = open_target(cfg, name, own ? own : meta, out, err);
    }
    free(name);
    json_decref(own);
    json_decref(meta);
    return status;
}
