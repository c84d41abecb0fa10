/* Parses the command line: flags go into the highest configuration layer, everything else becomes a positional
 * argument. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/config_impl.h"
#include "cli/value.h"

/* Flags of other programs that have no counterpart here, and why not or what stands in their place. */
static const char *why_absent(const char *name) {
    static const struct {
        const char *name, *why;
    } absent[] = {
        {"ctx_size", "the state of an xLSTM has one size, however long the context is"},
        {"c", "the state of an xLSTM has one size, however long the context is"},
        {"n_ctx", "the state of an xLSTM has one size, however long the context is"},
        {"n_gpu_layers", "a model runs on one device as a whole, see --device"},
        {"gpu_layers", "a model runs on one device as a whole, see --device"},
        {"ngl", "a model runs on one device as a whole, see --device"},
        {"fa", "an xLSTM has no attention"},
        {"flash_attn", "an xLSTM has no attention"},
        {"b", "--segment says how many tokens of a prompt go through the layers together"},
        {"ub", "--segment says how many tokens of a prompt go through the layers together"},
        {"batch_size", "--segment says how many tokens of a prompt go through the layers together"},
        {"ubatch_size", "--segment says how many tokens of a prompt go through the layers together"},
        {"i", "xltune chat talks with a model"},
        {"interactive", "xltune chat talks with a model"},
        {"conversation", "xltune chat talks with a model"},
        {"cnv", "xltune chat talks with a model"},
        {"max_length", "--max-new-tokens counts the new tokens, without the prompt"},
        {"do_sample", "--temperature above 0 samples"},
        {"num_beams", "there is no beam search"},
    };
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        if (!xl_name_distance(name, absent[i].name)) return absent[i].why;
    }
    return NULL;
}

static int unknown(cli_config *cfg, const char *flag, const char *name) {
    const char *why = why_absent(name);
    if (why) return cli_usage(cfg, "unknown option %s: %s", flag, why);
    const char *near = cli_key_nearest(name, cfg->spec->command, true);
    if (!near) return cli_usage(cfg, "unknown option %s", flag);
    char spelled[64];
    snprintf(spelled, sizeof spelled, "%s", near);
    for (char *c = spelled; *c; c++) {
        if (*c == '_') *c = '-';
    }
    return cli_usage(cfg, "unknown option %s, did you mean --%s?", flag, spelled);
}

/* Returns the row of a flag, or -1. *negated becomes true for `--no-x` where x is a boolean. */
static int flag_row(const char *name, bool letter, cli_commands command, bool *negated) {
    int row = letter ? cli_key_find_letter(name, command) : cli_key_find(name, command, true);
    *negated = false;
    if (row < 0 && (!strncmp(name, "no-", 3) || !strncmp(name, "no_", 3))) {
        row = cli_key_find(name + 3, command, true);
        if (row >= 0 && cli_key_at(row)->type != CLI_BOOL) row = -1;
        *negated = row >= 0;
    }
    return row;
}

static bool looks_like_flag(const char *text) {
    return text[0] == '-' && text[1] == '-' && text[2];
}

/* Reads the flag argv[*i] and its value, which may be the next argument; *i then moves on to it. Returns CLI_GO_ON
 * or the exit code. */
static int take_flag(cli_config *cfg, int argc, char **argv, int *i) {
    const char *flag = argv[*i];
    const char *name = flag + (flag[1] == '-' ? 2 : 1);
    char plain[128];
    size_t length = strcspn(name, "=");
    if (length >= sizeof plain) return cli_usage(cfg, "unknown option %.40s...", flag);
    memcpy(plain, name, length);
    plain[length] = 0;
    const char *value = name[length] ? name + length + 1 : NULL;
    char shown[140];
    snprintf(shown, sizeof shown, "%.*s%s", (int)(name - flag), flag, plain);

    if (!strcmp(shown, "-h") || !strcmp(plain, "help")) {
        cli_help_print(cfg->spec);
        return 0;
    }
    bool negated;
    int row = flag_row(plain, flag[1] != '-' && !plain[1], cfg->spec->command, &negated);
    if (row < 0) return unknown(cfg, shown, plain);
    const cli_key *key = cli_key_at(row);

    if (key->type == CLI_BOOL) {
        if (negated && value) return cli_usage(cfg, "%s takes no value", shown);
        if (!value) value = negated ? "false" : "true";
    } else if (key->type == CLI_INERT) {
        /* Which flags of the original take a value is not known here, so a word that follows is taken for the
         * value. */
        if (!value && *i + 1 < argc && argv[*i + 1][0] != '-') ++*i;
        cli_add_inert(cfg, key->name);
        return CLI_GO_ON;
    } else if (!value) {
        if (*i + 1 >= argc || looks_like_flag(argv[*i + 1])) {
            char wanted[384];
            cli_value_wanted(key, wanted, sizeof wanted);
            return cli_usage(cfg, "%s: found nothing, wanted %s", shown, wanted);
        }
        value = argv[++*i];
    }
    /* As an unset variable of a shell gives it: --model "$MODEL". */
    if (!*value && cli_key_is_path(key)) return cli_usage(cfg, "%s: found nothing, wanted a name", shown);
    char message[CLI_MESSAGE];
    json_t *parsed = cli_value_from_text(key, value, message);
    if (!parsed) return cli_usage(cfg, "%s: %s", shown, message);
    parsed = cli_value_home(key, parsed);
    if (!parsed) return cli_usage(cfg, "%s: $HOME is no UTF-8, or memory is out", shown);
    if (!(key->commands & cfg->spec->command)) {
        char names[160];
        cli_command_names(key->commands, names, sizeof names);
        cli_notice("%s has no effect on %s; it belongs to %s", shown, cli_command_name(cfg->spec->command), names);
        json_decref(parsed);
        return CLI_GO_ON;
    }
    json_t **given = cfg->value[CLI_LAYER_COMMAND_LINE];
    if ((key->type == CLI_TEXTS || key->type == CLI_NAMES) && given[row]) {
        json_array_extend(given[row], parsed);
        json_decref(parsed);
        return CLI_GO_ON;
    }
    json_decref(given[row]);
    given[row] = parsed;
    /* A list is not copied to the second key: every element of one would then be combined with every element of the
     * other. */
    const int second = cli_key_second(plain, cfg->spec->command);
    if (second >= 0 && json_array_size(parsed) < 2) {
        json_decref(given[second]);
        given[second] = json_incref(parsed);
    }
    return CLI_GO_ON;
}

/* Takes the words after "--" as the value of the command's key for them. */
static int take_rest(cli_config *cfg, int count, char **words) {
    json_t *list = json_array(), **slot = &cfg->value[CLI_LAYER_COMMAND_LINE][cli_row(cfg, cfg->spec->rest)];
    for (int i = 0; i < count; i++) {
        if (json_array_append_new(list, json_string(words[i]))) {
            json_decref(list);
            return cli_usage(cfg, "the word %d after -- is not UTF-8", i + 1);
        }
    }
    json_decref(*slot);
    *slot = list;
    return CLI_GO_ON;
}

int cli_args_parse(cli_config *cfg, int argc, char **argv) {
    bool flags = true;
    for (int i = 1; i < argc; i++) {
        if (flags && !strcmp(argv[i], "--")) {
            flags = false;
            if (!cfg->spec->rest || i + 1 == argc) continue;
            const int code = take_rest(cfg, argc - i - 1, argv + i + 1);
            if (code != CLI_GO_ON) return code;
            break;
        } else if (flags && argv[i][0] == '-' && argv[i][1]) {
            int code = take_flag(cfg, argc, argv, &i);
            if (code != CLI_GO_ON) return code;
        } else if (cfg->positional_count >= cfg->spec->max_arguments) {
            const char *instead = cfg->spec->instead;
            return cli_usage(cfg, "unexpected argument '%s'%s%s", argv[i], instead ? "; " : "",
                             instead ? instead : "");
        } else {
            cfg->positional[cfg->positional_count++] = argv[i];
        }
    }
    if (cfg->positional_count < cfg->spec->min_arguments) {
        return cli_usage(cfg, "missing argument %s", cfg->spec->arguments);
    }
    int prompt = cli_row(cfg, "prompt"), file = cli_row(cfg, "prompt_file");
    json_t **given = cfg->value[CLI_LAYER_COMMAND_LINE];
    if (prompt >= 0 && file >= 0 && given[prompt] && given[file]) {
        return cli_usage(cfg, "--prompt and --prompt-file exclude each other");
    }
    return CLI_GO_ON;
}
