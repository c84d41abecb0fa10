/* xltune params: the table of tunables on this model and machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"

static const cli_spec spec = {
    .command = CLI(params),
    .instead = "a checkpoint is given with --model",
    .summary = "Lists every tunable of the device with its type, its range and default for this\n"
               "model and machine, and what it affects.",
};

static const struct {
    unsigned bit;
    const char *name;
} effects[] = {{XLSTM_AFFECTS_PREFILL, "prefill"},
               {XLSTM_AFFECTS_DECODE, "decode"},
               {XLSTM_AFFECTS_MEMORY, "memory"},
               {XLSTM_AFFECTS_NUMERICS, "numerics"},
               {XLSTM_AFFECTS_LOAD, "load"}};
enum { EFFECTS = sizeof effects / sizeof effects[0] };

static json_t *describe(const xlstm_tunable *t, const xlstm_tunable_span *span) {
    const int64_t min = span->min, max = span->max, preset = span->preset;
    bool choice = t->type == XLSTM_TYPE_CHOICE;
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "name", t->name, "type", choice ? "choice" : "int", "unit",
                            t->unit, "text", t->text);
    if (choice) {
        json_t *names = json_array();
        for (int64_t i = min; i <= max && t->choices[i]; i++)
            json_array_append_new(names, json_string(t->choices[i]));
        json_object_set_new(row, "choices", names);
        json_object_set_new(row, "default", json_string(t->choices[preset]));
    } else {
        json_object_set_new(row, "min", json_integer(min));
        json_object_set_new(row, "max", json_integer(max));
        json_object_set_new(row, "default", json_integer(preset));
    }
    json_t *affects = json_array();
    for (int i = 0; i < EFFECTS; i++) {
        if (t->affects & effects[i].bit) json_array_append_new(affects, json_string(effects[i].name));
    }
    json_object_set_new(row, "affects", affects);
    if (t->in_force) json_object_set_new(row, "in_force", json_string(t->in_force));
    return row;
}

static void join(const json_t *names, const char *separator, char *out, size_t size) {
    size_t i, used = 0;
    const json_t *name;
    out[0] = 0;
    json_array_foreach(names, i, name) {
        if (used >= size) break;
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? separator : "", json_string_value(name));
    }
}

static void print_row(const json_t *row) {
    char range[96], preset[32], affects[64];
    const json_t *choices = json_object_get(row, "choices"), *value = json_object_get(row, "default");
    if (choices) {
        join(choices, " | ", range, sizeof range);
        snprintf(preset, sizeof preset, "%s", json_string_value(value));
    } else {
        snprintf(range, sizeof range, "%lld to %lld %s", (long long)json_integer_value(json_object_get(row, "min")),
                 (long long)json_integer_value(json_object_get(row, "max")),
                 json_string_value(json_object_get(row, "unit")));
        snprintf(preset, sizeof preset, "%lld", (long long)json_integer_value(value));
    }
    join(json_object_get(row, "affects"), ", ", affects, sizeof affects);
    printf("%s (%s)\n  ", json_string_value(json_object_get(row, "name")),
           json_string_value(json_object_get(row, "type")));
    cli_print_wrapped(json_string_value(json_object_get(row, "text")), 2, 2);
    char line[512];
    const char *in_force = json_string_value(json_object_get(row, "in_force"));
    snprintf(line, sizeof line, "%s, default %s; affects %s%s%s", range, preset, affects, in_force ? "; " : "",
             in_force ? in_force : "");
    fputs("  ", stdout);
    cli_print_wrapped(line, 2, 2);
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err = {0};
    xlstm_hparams hparams;
    xlstm_tunable_span spans[XLSTM_TUNABLE_COUNT];
    json_t *rows = json_array();
    const char *dir = cli_model_path(cfg, &err);
    int status = dir ? xlstm_checkpoint_inspect(dir, &hparams, NULL, &err) : XLSTM_ENOTFOUND;
    if (!status) status = xlstm_tunable_spans(cli_str(cfg, "device"), &hparams, spans, &err);
    if (status) {
        code = cli_fail(cfg, &err);
        goto out;
    }
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        if (spans[id].there) json_array_append_new(rows, describe(xlstm_tunable_get(id), &spans[id]));
    }
    if (cli_bool(cfg, "json")) {
        if (cli_print_json(rows, JSON_INDENT(2), stdout, &err)) {
            code = cli_fail(cfg, &err);
            goto out;
        }
    } else {
        size_t i;
        const json_t *row;
        json_array_foreach(rows, i, row) print_row(row);
    }
    code = 0;
out:
    json_decref(rows);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_params = {"list the tunables", run};
