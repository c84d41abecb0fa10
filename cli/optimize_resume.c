/* xltune optimize --resume: turns the run's stored configuration into arguments again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "cli/optimize.h"
#include "cli/streams.h"
#include "tuner/run/run_meta.h"

/* Returns the name of the key that an argument sets, where it is a flag that optimize knows; NULL otherwise. */
static const char *key_of(const char *argument) {
    char plain[128];
    if (argument[0] != '-' || !argument[1]) return NULL;
    const char *name = argument + (argument[1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    if (length >= sizeof plain) return NULL;
    memcpy(plain, name, length);
    plain[length] = 0;
    int row = cli_key_find(plain, CLI(optimize), true);
    if (row < 0 && (!strncmp(plain, "no-", 3) || !strncmp(plain, "no_", 3)))
        row = cli_key_find(plain + 3, CLI(optimize), true);
    return row < 0 ? NULL : cli_key_at(row)->name;
}

const char *cli_resume_folder(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *key = key_of(argv[i]);
        if (!key || strcmp(key, "resume") != 0) continue;
        const char *value = strchr(argv[i], '=');
        if (value) return value + 1;
        return i + 1 < argc ? argv[i + 1] : NULL;
    }
    return NULL;
}

json_t *cli_resume_meta(const char *folder) {
    xlstm_error err = {0};
    json_t *meta = NULL;
    if (tune_run_meta_read(folder, &meta, &err)) cli_say("optimize", "%s", err.text);
    return meta;
}

/* Returns --key=value as it would be typed, malloc'd; NULL when out of memory. */
static char *typed(const char *key, cli_type type, const json_t *value) {
    if (json_is_boolean(value)) return xl_format("--%s=%s", key, json_is_true(value) ? "true" : "false");
    if (json_is_string(value)) return xl_format("--%s=%s", key, json_string_value(value));
    if (json_is_integer(value)) return xl_format("--%s=%lld", key, (long long)json_integer_value(value));
    if (json_is_real(value)) {
        char digits[XL_NUMBER_TEXT];
        return xl_format("--%s=%s", key, xl_number_text(digits, json_real_value(value)));
    }
    if (json_is_array(value) && type != CLI_WORDS) {
        char *text = xl_format("--%s=", key);
        for (size_t i = 0; text && i < json_array_size(value); i++) {
            const json_t *one = json_array_get(value, i);
            char *grown = json_is_string(one)
                              ? xl_format("%s%s%s", text, i ? "," : "", json_string_value(one))
                              : xl_format("%s%s%lld", text, i ? "," : "", (long long)json_integer_value(one));
            free(text);
            text = grown;
        }
        return text;
    }
    char *dumped = json_dumps(value, JSON_COMPACT), *text = dumped ? xl_format("--%s=%s", key, dumped) : NULL;
    free(dumped);
    return text;
}

/* The keys that may be given together with --resume: those that raise a limit, and those that do not change the
 * run. */
static bool may_be_given(const char *key) {
    static const char *const names[] = {"resume",      "trials", "generations", "budget",
                                        "spread",      "effort", "best_dir",    "print_effective_config",
                                        "ray_address", "nodes",  "resources",   "ship"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(key, names[i])) return true;
    }
    return false;
}

/* Keys that are not typed again, because the settings and the prompt themselves are stored in run_meta.json. */
static bool is_replaced(const char *key) {
    static const char *const names[] = {"prompt", "prompt_file",           "config", "profile", "best",
                                        "resume", "print_effective_config"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(key, names[i])) return true;
    }
    return false;
}

static bool is_among(const char *key, const char *const *names) {
    for (; *names; names++) {
        if (!strcmp(key, *names)) return true;
    }
    return false;
}

char **cli_typed_arguments(const json_t *meta, const char *command, const char *const *except, int *out_count) {
    json_t *effective = json_object_get(meta, "effective_args"), *value;
    const json_t *sources = json_object_get(meta, "config_source");
    size_t count = 0;
    char **all = calloc(json_object_size(effective) + 4, sizeof *all);
    const char *key, *prompt = json_string_value(json_object_get(meta, "prompt"));
    bool ok = all;
    if (ok) ok = (all[count++] = strdup(command)) != NULL;
    if (ok) ok = (all[count++] = strdup("--no-best")) != NULL;
    if (ok && prompt) ok = (all[count++] = xl_format("--prompt=%s", prompt)) != NULL;
    json_object_foreach(effective, key, value) {
        int row = cli_key_find(key, CLI(optimize), false);
        if (!ok || json_is_null(value) || is_replaced(key) || is_among(key, except) || row < 0 ||
            cli_key_at(row)->type == CLI_INERT)
            continue;
        /* A default that is typed would count as given by the user. Only `mode` is typed in any case, because it
         * was decided from other keys. */
        const char *source = json_string_value(json_object_get(sources, key));
        if (source && !strcmp(source, "default") && strcmp(key, "mode") != 0) continue;
        ok = (all[count++] = typed(key, cli_key_at(row)->type, value)) != NULL;
    }
    *out_count = (int)count;
    if (ok) return all;
    cli_resume_free(all);
    return NULL;
}

int cli_resume_arguments(const json_t *meta, int argc, char **argv, int *out_count, char ***out) {
    static const char *const none[] = {NULL};
    for (int i = 1; i < argc; i++) {
        const char *given = key_of(argv[i]);
        if (!given || may_be_given(given)) continue;
        cli_say("optimize",
                "%s cannot change on resume; only trials, generations, budget and effort may be raised (see xltune "
                "optimize -h)",
                argv[i]);
        return 2;
    }
    int count = 0;
    char **all = cli_typed_arguments(meta, argv[0], none, &count);
    char **more = all ? realloc(all, ((size_t)count + (size_t)argc) * sizeof *all) : NULL;
    bool ok = more;
    if (more) all = more;
    for (int i = 1; ok && i < argc; i++) {
        ok = (all[count] = strdup(argv[i])) != NULL;
        count += ok;
    }
    if (ok) all[count] = NULL;
    if (!ok) {
        cli_resume_free(all);
        cli_say("optimize", "out of memory");
        return 1;
    }
    *out_count = count;
    *out = all;
    return CLI_GO_ON;
}

void cli_resume_free(char **arguments) {
    for (char **a = arguments; a && *a; a++) free(*a);
    free(arguments);
}

void cli_resume_hint(const char *log_dir, const json_t *effective) {
    char *newest;
    int64_t trials = 0;
    tune_run_find_interrupted(log_dir, effective, &newest, &trials);
    if (newest)
        cli_notice("the same search was interrupted after %lld trials; `xltune optimize --resume %s` continues it "
                   "(this run starts anew)",
                   (long long)trials, newest);
    free(newest);
}
