/* Puts a command's configuration together: command line, defaults, config file, profile, best snapshot. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/config_impl.h"
#include "cli/json_out.h"
#include "cli/streams.h"
#include "cli/value.h"
#include "cli/value_words.h"

extern char **environ;

/* Returns the value that the engine uses for a tunable that nothing sets, as `xltune params` prints it. */
static json_t *engine_default(const cli_key *key, const xlstm_hparams *hparams) {
    const int id = key->tunable - 1;
    const xlstm_tunable *t = xlstm_tunable_get(id);
    int64_t preset;
    xlstm_tunable_range(id, hparams, NULL, NULL, &preset);
    json_t *value = t->type == XLSTM_TYPE_CHOICE ? json_string(t->choices[preset]) : json_integer(preset);
    return key->type == CLI_INTS || key->type == CLI_CHOICES ? json_pack("[o]", value) : value;
}

/* Adds the defaults that depend on model and machine, for --print-effective-config, which shows every value in
 * force. */
static void add_late_defaults(cli_config *cfg) {
    xlstm_hparams hparams;
    const int model_row = cli_row(cfg, "model_path");
    char *embedded = model_row < 0 || cli_value(cfg, model_row, NULL) ? NULL : cli_default_model();
    if (embedded) cfg->value[CLI_LAYER_DEFAULT][model_row] = json_string(embedded);
    free(embedded);
    const char *model = model_row < 0 ? NULL : cli_model_path(cfg, NULL);
    const bool known = model && !xlstm_checkpoint_inspect(model, &hparams, NULL, NULL);
    for (int row = 0; row < cfg->rows; row++) {
        const cli_key *key = cli_key_at(row);
        if (!key->tunable || !(key->commands & cfg->spec->command) || cli_value(cfg, row, NULL)) continue;
        json_decref(cfg->value[CLI_LAYER_DEFAULT][row]);
        cfg->value[CLI_LAYER_DEFAULT][row] = engine_default(key, known ? &hparams : NULL);
    }
}

/* Prints one key a line, which is easy to read for people and still JSON for programs. */
static int print_effective(const cli_config *cfg) {
    json_t *all = cli_provenance_json(cfg);
    const char *name;
    json_t *entry, *model = json_object_get(all, "model_path");
    const char *named = getenv("XLTUNE_MODEL");
    if (model && named && *named && cli_layer_of(cfg, "model_path") == CLI_LAYER_DEFAULT)
        json_object_set_new(model, "source", json_string("$XLTUNE_MODEL"));
    const char *comma = "{\n";
    json_object_foreach(all, name, entry) {
        char *text =
            json_dumps(json_object_get(entry, "value"), cli_json_shown(JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)));
        char *source = json_dumps(json_object_get(entry, "source"), cli_json_shown(JSON_ENCODE_ANY));
        printf("%s  \"%s\": {\"value\": %s, \"source\": %s}", comma, name, text ? text : "null",
               source ? source : "null");
        comma = ",\n";
        free(text);
        free(source);
    }
    printf("%s\n}\n", all && json_object_size(all) ? "" : "{");
    json_decref(all);
    return 0;
}

static void drop(cli_config *cfg, const char *key) {
    int row = cli_row(cfg, key);
    for (int l = 0; row >= 0 && l < CLI_LAYERS; l++) {
        json_decref(cfg->value[l][row]);
        cfg->value[l][row] = NULL;
    }
}

/* Of two keys that exclude each other, keeps the one from the higher layer; `first` where both are of one layer. */
static void choose_one(cli_config *cfg, const char *first, const char *second) {
    if (cli_row(cfg, first) < 0 || cli_row(cfg, second) < 0 || !cli_has(cfg, first) || !cli_has(cfg, second))
        return;
    drop(cfg, cli_layer_of(cfg, second) > cli_layer_of(cfg, first) ? first : second);
}

static int add_defaults(cli_config *cfg) {
    for (int row = 0; row < cfg->rows; row++) {
        const cli_key *key = cli_key_at(row);
        if (!key->preset || !(key->commands & cfg->spec->command)) continue;
        char message[CLI_MESSAGE];
        cfg->value[CLI_LAYER_DEFAULT][row] = cli_value_from_text(key, key->preset, message);
        assert(cfg->value[CLI_LAYER_DEFAULT][row] && "defaults satisfy their own row");
    }
    return XLSTM_OK;
}

static int add_config(cli_config *cfg, xlstm_error *err) {
    int row = cli_row(cfg, "config");
    const char *path = row < 0 ? NULL : json_string_value(cli_value(cfg, row, NULL));
    if (!path) return XLSTM_OK;
    json_t *object;
    int status = cli_json_read(path, &object, err);
    if (status) return status;
    cfg->config_path = strdup(path);
    cfg->source[CLI_LAYER_CONFIG] = xl_format("config %s", path);
    status = cfg->config_path && cfg->source[CLI_LAYER_CONFIG]
                 ? cli_layer_add(cfg, CLI_LAYER_CONFIG, object, path, err)
                 : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    json_decref(object);
    return status;
}

static void tell_environment(void) {
    char names[160];
    size_t used = 0;
    for (char **e = environ; *e; e++) {
        if (strncmp(*e, "XLSTM_", 6) != 0) continue;
        int length = (int)strcspn(*e, "=");
        if (used < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used ? ", " : "", length, *e);
        }
    }
    if (used) cli_notice("environment variables that have no effect; use flags or a config: %s", names);
}

/* Splits what is given as one text for the words of a command, except where it is a line for a shell, which reads
 * quotes itself. */
static int settle_words(cli_config *cfg, xlstm_error *err) {
    const bool shell = cli_row(cfg, "shell") >= 0 && cli_bool(cfg, "shell");
    for (int row = 0; row < cfg->rows; row++) {
        if (cli_key_at(row)->type != CLI_WORDS) continue;
        for (int l = 0; l < CLI_LAYERS; l++) {
            json_t **value = &cfg->value[l][row];
            const char *text = json_string_value(*value);
            if (!text) continue;
            json_t *words = shell ? json_pack("[s]", text) : cli_value_words(text);
            if (!words) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", cli_key_at(row)->name);
            json_decref(*value);
            *value = words;
        }
    }
    return XLSTM_OK;
}

static cli_config *create(const cli_spec *spec, int argc) {
    cli_config *cfg = calloc(1, sizeof *cfg);
    if (!cfg) return NULL;
    cfg->spec = spec;
    cfg->rows = cli_key_count();
    bool good = (cfg->positional = calloc((size_t)argc + 1, sizeof *cfg->positional)) != NULL;
    for (int l = 0; l < CLI_LAYERS; l++) {
        good = good && (cfg->value[l] = calloc((size_t)cfg->rows, sizeof **cfg->value)) != NULL;
    }
    good = good && (cfg->source[CLI_LAYER_DEFAULT] = strdup("default")) &&
           (cfg->source[CLI_LAYER_COMMAND_LINE] = strdup("command line"));
    if (good) return cfg;
    cli_config_free(cfg);
    return NULL;
}

int cli_config_parse(cli_config **out, const cli_spec *spec, int argc, char **argv) {
    xlstm_error err = {0};
    cli_config *cfg = create(spec, argc);
    if (!cfg) {
        cli_say(cli_command_name(spec->command), "out of memory");
        return 1;
    }
    int code = cli_args_parse(cfg, argc, argv);
    if (code != CLI_GO_ON) goto out;
    add_defaults(cfg);
    tell_environment();
    if (add_config(cfg, &err) || settle_words(cfg, &err) || cli_profile_load(cfg, &err)) {
        code = cli_fail(cfg, &err);
        goto out;
    }
    choose_one(cfg, "prompt_file", "prompt");
    /* bench measures given prompt lengths, or a prompt where that comes from a higher layer. */
    choose_one(cfg, "n_prompt", "prompt_file");
    choose_one(cfg, "n_prompt", "prompt");
    if (cli_best_load(cfg, &err)) {
        code = cli_fail(cfg, &err);
        goto out;
    }
    if (cfg->inert) cli_notice("settings of the original, accepted without effect: %s", cfg->inert);
    if (cli_bool(cfg, "print_effective_config")) {
        add_late_defaults(cfg);
        code = print_effective(cfg);
        goto out;
    }
    *out = cfg;
    return CLI_GO_ON;
out:
    cli_config_free(cfg);
    return code;
}
