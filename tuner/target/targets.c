#include "tuner/target/targets.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"

#define TARGET(id) extern const tune_target_class tune_target_##id;
#include "tuner/target/targets.def"
#undef TARGET

const tune_target_class *const tune_targets[] = {
#define TARGET(id) &tune_target_##id,
#include "tuner/target/targets.def"
#undef TARGET
    NULL};

const tune_target_class *tune_target_find(const char *name) {
    const size_t length = strcspn(name, ":");
    for (int i = 0; tune_targets[i]; i++) {
        if (strlen(tune_targets[i]->name) == length && !strncmp(tune_targets[i]->name, name, length))
            return tune_targets[i];
    }
    return NULL;
}

static int unknown(const char *name, xlstm_error *err) {
    const char *names[sizeof tune_targets / sizeof *tune_targets];
    int count = 0;
    for (; tune_targets[count]; count++) names[count] = tune_targets[count]->name;
    const int near = xl_nearest_name(name, names, count);
    return xl_fail(err, XLSTM_EARG, "target: found %s%s%s%s, wanted a name that `xltune optimize -h` lists", name,
                   near < 0 ? "" : " (did you mean ", near < 0 ? "" : names[near], near < 0 ? "" : "?)");
}

int tune_target_open(tune_target *out, const char *name, const tune_target_options *options, xlstm_error *err) {
    const tune_target_class *class = tune_target_find(name);
    tune_target_options own = *options;
    *out = (tune_target){0};
    if (!class) return unknown(name, err);
    const char *colon = strchr(name, ':');
    own.argument = colon ? colon + 1 : NULL;
    if (own.argument && !class->argument)
        return xl_fail(err, XLSTM_EARG, "target: %s takes no argument, found '%s'", class->name, own.argument);
    if (!own.argument && class->argument)
        return xl_fail(err, XLSTM_EARG, "target: found %s, wanted %s:%s", name, class->name, class->argument);
    out->request = json_pack("{s:s, s:o}", "target", name, "config", json_deep_copy(options->config));
    if (!out->request) return xl_fail(err, XLSTM_ENOMEM, "target: out of memory");
    out->class = class;
    out->program = options->program;
    out->program_argument = options->program_argument;
    out->cancel = options->cancel;
    out->user = options->user;
    int status = class->describe(out, &own, err);
    if (!status && (out->objective = tune_target_objective(out->metrics, options->config)) < 0)
        status = tune_metrics_unknown(out->metrics, tune_target_objective_name(options->config), err);
    if (status) tune_target_close(out);
    return status;
}

void tune_target_close(tune_target *target) {
    if (target->close && target->self) target->close(target->self);
    tune_named_clear(&target->identity);
    tune_named_clear(&target->workload);
    tune_named_clear(&target->build);
    tune_named_clear(&target->baseline);
    tune_space_destroy(target->declared);
    json_decref(target->request);
    free(target->equal);
    *target = (tune_target){0};
}
