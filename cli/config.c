/* The values of a configuration: stored by layer, read together with their sources, and merged from JSON. */
#include "cli/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/config_impl.h"
#include "cli/streams.h"
#include "cli/value.h"
#include "tuner/study/study_address.h"
#include "tuner/target/targets.h"

void cli_notice(const char *format, ...) {
    va_list args;
    va_start(args, format);
    cli_say_list(NULL, format, args);
    va_end(args);
}

int cli_fail(const cli_config *cfg, const xlstm_error *err) {
    cli_say(cli_command_name(cfg->spec->command), "%s", err->text);
    return err->status == XLSTM_EDEVICE || err->status == XLSTM_EDEVICEMEM ? 4 : 1;
}

int cli_usage(const cli_config *cfg, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_say(cli_command_name(cfg->spec->command), "%s (see xltune %s -h)", text,
            cli_command_name(cfg->spec->command));
    return 2;
}

int cli_row(const cli_config *cfg, const char *key) {
    int row = cli_key_find(key, cfg->spec->command, false);
    return row >= 0 && (cli_key_at(row)->commands & cfg->spec->command) ? row : -1;
}

const json_t *cli_value(const cli_config *cfg, int row, cli_layer *layer) {
    for (int l = CLI_LAYER_COMMAND_LINE; l >= 0; l--) {
        const json_t *value = cfg->value[l][row];
        if (!value) continue;
        if (json_is_null(value)) {
            l = CLI_LAYER_DEFAULT;
            value = cfg->value[l][row];
        }
        if (layer) *layer = (cli_layer)l;
        return value;
    }
    if (layer) *layer = CLI_LAYER_DEFAULT;
    return NULL;
}

static const json_t *get(const cli_config *cfg, const char *key, cli_layer *layer) {
    int row = cli_row(cfg, key);
    assert(row >= 0 && "a key that the command uses");
    return cli_value(cfg, row, layer);
}

cli_commands cli_config_command(const cli_config *cfg) {
    return cfg->spec->command;
}

bool cli_has(const cli_config *cfg, const char *key) {
    return get(cfg, key, NULL) != NULL;
}

cli_layer cli_layer_of(const cli_config *cfg, const char *key) {
    cli_layer layer;
    get(cfg, key, &layer);
    return layer;
}

bool cli_is_set(const cli_config *cfg, const char *key) {
    return cli_layer_of(cfg, key) >= CLI_LAYER_CONFIG;
}

const char *cli_source(const cli_config *cfg, const char *key) {
    return cfg->source[cli_layer_of(cfg, key)];
}

int64_t cli_int(const cli_config *cfg, const char *key) {
    return json_integer_value(get(cfg, key, NULL));
}

double cli_num(const cli_config *cfg, const char *key) {
    return json_number_value(get(cfg, key, NULL));
}

bool cli_bool(const cli_config *cfg, const char *key) {
    return json_is_true(get(cfg, key, NULL));
}

const char *cli_str(const cli_config *cfg, const char *key) {
    return json_string_value(get(cfg, key, NULL));
}

size_t cli_list_count(const cli_config *cfg, const char *key) {
    return json_array_size(get(cfg, key, NULL));
}

int64_t cli_list_int(const cli_config *cfg, const char *key, size_t index) {
    return json_integer_value(json_array_get(get(cfg, key, NULL), index));
}

const char *cli_list_str(const cli_config *cfg, const char *key, size_t index) {
    return json_string_value(json_array_get(get(cfg, key, NULL), index));
}

const json_t *cli_object(const cli_config *cfg, const char *key) {
    return get(cfg, key, NULL);
}

int cli_positional_count(const cli_config *cfg) {
    return cfg->positional_count;
}

const char *cli_positional(const cli_config *cfg, int index) {
    return index >= 0 && index < cfg->positional_count ? cfg->positional[index] : NULL;
}

const char *cli_config_file(const cli_config *cfg) {
    return cfg->config_path;
}

int cli_set_str(cli_config *cfg, const char *key, const char *value, xlstm_error *err) {
    json_t *object = json_pack("{s:s}", key, value);
    int status = object ? cli_layer_add(cfg, CLI_LAYER_COMMAND_LINE, object, key, err)
                        : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", key);
    json_decref(object);
    return status;
}

static json_t *effective(const cli_config *cfg, bool with_source) {
    json_t *out = json_object();
    for (int row = 0; out && row < cfg->rows; row++) {
        const cli_key *key = cli_key_at(row);
        if (!(key->commands & cfg->spec->command) || key->type == CLI_INERT) continue;
        if (!strcmp(key->name, "print_effective_config")) continue;
        cli_layer layer;
        const json_t *value = cli_value(cfg, row, &layer);
        if (!value) continue;
        json_t *copy = json_deep_copy(value);
        if (with_source) copy = json_pack("{s:o, s:s}", "value", copy, "source", cfg->source[layer]);
        if (json_object_set_new(out, key->name, copy)) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

json_t *cli_effective_json(const cli_config *cfg) {
    return effective(cfg, false);
}

json_t *cli_provenance_json(const cli_config *cfg) {
    return effective(cfg, true);
}

void cli_add_inert(cli_config *cfg, const char *name) {
    if (cfg->inert) {
        size_t n = strlen(name);
        for (const char *p = cfg->inert; (p = strstr(p, name)); p += n) {
            if ((p == cfg->inert || p[-1] == ' ') && (!p[n] || p[n] == ',')) return;
        }
    }
    char *longer = cfg->inert ? xl_format("%s, %s", cfg->inert, name) : strdup(name);
    if (!longer) return;
    free(cfg->inert);
    cfg->inert = longer;
}

/* No copy of a configuration holds the password of a study's address. */
static void hide_password(json_t *root) {
    const char *study = json_string_value(json_object_get(root, "study"));
    char *copy = study ? strdup(study) : NULL;
    if (copy) {
        tune_study_hide_password(copy);
        json_object_set_new(root, "study", json_string(copy));
    }
    free(copy);
}

int cli_json_read(const char *path, json_t **object, xlstm_error *err) {
    char *text;
    size_t bytes;
    int status = xl_file_read(path, (size_t)16 << 20, &text, &bytes, err);
    if (status) return status;
    json_error_t bad;
    const size_t mark = xl_utf8_mark(text, bytes);
    json_t *root = json_loadb(text + mark, bytes - mark, JSON_REJECT_DUPLICATES, &bad);
    free(text);
    if (!root) {
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %d, column %d: %s", path, bad.line, bad.column, bad.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return xl_fail(err, XLSTM_EFORMAT, "%s: found no JSON object at the top, wanted {\"key\": value, ...}",
                       path);
    }
    hide_password(root);
    *object = root;
    return XLSTM_OK;
}

static bool holds(const json_t *object, const char *name) {
    return json_object_get(object, name) != NULL;
}

/* An object may be in a file of its own, which is looked for beside the config that names it first. */
static json_t *object_in_file(const cli_config *cfg, const cli_key *key, const char *name, char *message) {
    char *folder = cfg->config_path ? xl_path_folder(cfg->config_path) : NULL;
    char *beside = folder ? xl_path_join(folder, name) : NULL;
    json_t *value = cli_value_from_text(key, beside && xl_is_file(beside) ? beside : name, message);
    free(beside);
    free(folder);
    return value;
}

static int add_member(cli_config *cfg, cli_layer layer, const char *name, const json_t *json, const char *file,
                      xlstm_error *err) {
    cli_commands command = cfg->spec->command;
    int row = cli_key_find(name, command, false);
    if (row < 0) {
        const char *near = cli_key_nearest(name, command, false);
        return xl_fail(err, XLSTM_EFORMAT, "%s: unknown key \"%s\"%s%s%s", file, name,
                       near ? ", did you mean \"" : "; xltune COMMAND -h lists them", near ? near : "",
                       near ? "\"?" : "");
    }
    const cli_key *key = cli_key_at(row);
    if (!(key->commands & command)) return XLSTM_OK;
    if (key->type == CLI_INERT) {
        /* `streams` concerns GPUs; 0 asks for nothing, so it needs no notice. */
        bool zero = !strcmp(key->name, "streams") && json_is_integer(json) && !json_integer_value(json);
        if (!json_is_null(json) && !zero) cli_add_inert(cfg, key->name);
        return XLSTM_OK;
    }
    char message[CLI_MESSAGE];
    json_t *value = json_is_null(json) ? json_null()
                    : key->type == CLI_OBJECT && json_string_length(json)
                        ? object_in_file(cfg, key, json_string_value(json), message)
                        : cli_value_from_json(key, json, message);
    if (!value) return xl_fail(err, XLSTM_EFORMAT, "%s: %s: %s", file, name, message);
    if (json_is_string(value) && !json_string_length(value) && cli_key_is_path(key)) {
        json_decref(value);
        return xl_fail(err, XLSTM_EFORMAT, "%s: %s: found nothing, wanted a name, or null for none", file, name);
    }
    value = cli_value_home(key, value);
    if (!value) return xl_fail(err, XLSTM_ENOMEM, "%s: %s: $HOME is no UTF-8, or memory is out", file, name);
    json_decref(cfg->value[layer][row]);
    cfg->value[layer][row] = value;
    return XLSTM_OK;
}

/* The first setting of a best.json that is none of the engine's, which a run of another target wrote; NULL: none.
 */
static const char *foreign_setting(json_t *object) {
    const char *name;
    json_t *value;
    if (!json_is_string(json_object_get(object, "verdict"))) return NULL;
    json_object_foreach(json_object_get(object, "params"), name, value) {
        const int row = cli_key_find(name, CLI(generate), false);
        if (row < 0 || !cli_key_at(row)->tunable) return name;
    }
    return NULL;
}

int cli_layer_add(cli_config *cfg, cli_layer layer, json_t *object, const char *file, xlstm_error *err) {
    /* Members of a nested object override those beside it; the object that belongs to this command comes last. */
    bool search = cfg->spec->command == CLI(optimize);
    const char *nested[] = {"params", search ? "runner" : "optimizer", search ? "optimizer" : "runner"};
    bool snapshot = json_is_object(json_object_get(object, "params"));
    const char *name, *of = json_string_value(json_object_get(object, "backend"));
    const tune_target_class *target = snapshot && of ? tune_target_find(of) : NULL;
    if (target && !target->of_checkpoint)
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: a snapshot of target %s; `xltune optimize --target %s%s%s --baseline FILE` begins with "
                       "its settings",
                       file, of, of, target->argument ? ":" : "", target->argument ? target->argument : "");
    if (json_is_object(json_object_get(object, "effective_args")))
        return xl_fail(
            err, XLSTM_EFORMAT,
            "%s: this tells of a run (run_meta.json) and is no config; `xltune optimize --resume RUN` goes "
            "on with the run, and the best.json beside it holds what it found",
            file);
    const char *foreign = snapshot ? foreign_setting(object) : NULL;
    if (foreign)
        return xl_fail(
            err, XLSTM_EFORMAT,
            "%s: params: found \"%s\", which is no setting of the engine; where a run of another target "
            "wrote this file, `xltune optimize --target TARGET --baseline FILE` begins with its settings",
            file, foreign);
    json_t *json;
    json_object_foreach(object, name, json) {
        const char *key = name; /* a copy, because the loop macro still needs `name` */
        if (!strcmp(name, "optimizer") || !strcmp(name, "runner") || !strcmp(name, "params")) {
            if (json_is_object(json) || json_is_null(json)) continue;
            return xl_fail(err, XLSTM_EFORMAT, "%s: %s: wanted a JSON object", file, name);
        }
        /* In a best.json or a snapshot only the parameters are used, and members that are no keys are ignored. */
        if (snapshot && cli_key_find(name, cfg->spec->command, false) < 0) continue;
        /* In a configuration for both programs of the original, `backend` names the search's backend and there is
         * another key for the runner's. Each command takes the one that is meant for it. */
        if (!strcmp(name, "backend") && cfg->spec->command != CLI(optimize)) {
            if (holds(object, "chunkwise_backend") || holds(object, "scheduler")) continue;
            if (cli_row(cfg, "scheduler") >= 0) key = "scheduler";
        }
        int status = add_member(cfg, layer, key, json, file, err);
        if (status) return status;
    }
    for (int i = 0; i < 3; i++) {
        json_t *inner = json_object_get(object, nested[i]);
        if (!json_is_object(inner)) continue;
        char *where = xl_format("%s: %s", file, nested[i]);
        if (!where) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", file);
        int status = cli_layer_add(cfg, layer, inner, where, err);
        free(where);
        if (status) return status;
    }
    return XLSTM_OK;
}

void cli_config_free(cli_config *cfg) {
    if (!cfg) return;
    for (int l = 0; l < CLI_LAYERS; l++) {
        for (int row = 0; cfg->value[l] && row < cfg->rows; row++) json_decref(cfg->value[l][row]);
        free(cfg->value[l]);
        free(cfg->source[l]);
    }
    free((void *)cfg->positional);
    free(cfg->config_path);
    free(cfg->model_path);
    free(cfg->input);
    free(cfg->inert);
    free(cfg);
}
