/* `xltune COMMAND -h`, generated from the table of keys. */
#include <stdio.h>
#include <string.h>

#include "cli/config_impl.h"
#include "cli/value.h"

enum { WIDTH = 79, COLUMN = 30 };

static const char *const titles[CLI_GROUP_COUNT] = {
    [CLI_GROUP_INPUT] = "Input",
    [CLI_GROUP_SEARCH] = "Search",
    [CLI_GROUP_COMMAND] = "Command (target exec)",
    [CLI_GROUP_CLUSTER] = "Cluster",
    [CLI_GROUP_SERVER] = "Server",
    [CLI_GROUP_MEASURE] = "Work",
    [CLI_GROUP_ENGINE] = "Engine (a profile or the best snapshot may change these defaults)",
    [CLI_GROUP_SAMPLING] = "Sampling",
    [CLI_GROUP_OPINION] = "Opinions of another model",
    [CLI_GROUP_OUTPUT] = "Output",
    [CLI_GROUP_MEMORY] = "Memory",
    [CLI_GROUP_CONFIG] = "Configuration",
    [CLI_GROUP_INERT] = "Flags of the original (see xltune -h), accepted without effect",
};

/* Puts the first `bytes` of a text. */
static void put_wrapped(FILE *out, const char *text, size_t bytes, int at, int indent) {
    const char *stop = text + bytes;
    int gap = at > indent; /* spaces before the next word; 0: it begins its line */
    while (text < stop) {
        int length = 0;
        while (text + length < stop && text[length] != ' ') length++;
        if (gap && at + gap + length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            gap = 0;
        }
        fprintf(out, "%*s", gap, "");
        at += gap + length;
        for (const char *end = text + length; text < end; text++) fputc(*text == CLI_TIE ? ' ' : *text, out);
        for (gap = 0; text < stop && *text == ' '; text++) gap++;
    }
    fputc('\n', out);
}

void cli_print_wrapped(const char *text, int at, int indent) {
    put_wrapped(stdout, text, strlen(text), at, indent);
}

void cli_put_folded(FILE *out, const char *text, int indent) {
    while (*text) {
        const size_t length = strcspn(text, "\n");
        put_wrapped(out, text, length, 0, indent);
        text += length + (text[length] == '\n');
    }
}

static const char *metavar(const cli_key *key) {
    if (key->metavar) return key->metavar;
    switch (key->type) {
    case CLI_INT:
        return "N";
    case CLI_NUM:
        return "X";
    case CLI_CHOICE:
        return "NAME";
    case CLI_INTS:
        return "N,N";
    case CLI_CHOICES:
    case CLI_NAMES:
        return "NAMES";
    case CLI_DURATION:
        return "TIME";
    default:
        return "TEXT";
    }
}

/* Appends the engine's own default for a tunable; returns the length that was written. */
static int default_of_tunable(int id, char *out, size_t size) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    if (t->type == XLSTM_TYPE_CHOICE) return snprintf(out, size, " (default %s)", t->choices[t->preset]);
    if (t->preset) return snprintf(out, size, " (default %lld)", (long long)t->preset);
    return snprintf(out, size, " (default: from model and machine)");
}

static void print_key(const cli_key *key, cli_commands command) {
    char flag[80], text[2048], names[1024] = "";
    bool off = key->type == CLI_BOOL && key->preset && !strcmp(key->preset, "true");
    snprintf(flag, sizeof flag, "  --%s%s", off ? "no-" : "", key->name);
    for (char *c = flag + 2; *c; c++) {
        if (*c == '_') *c = '-';
    }
    if (key->type != CLI_BOOL) {
        size_t used = strlen(flag);
        snprintf(flag + used, sizeof flag - used, " %s", metavar(key));
    }
    int used = snprintf(text, sizeof text, "%s%s", off ? "do not " : "", key->text);
    if (key->choices) {
        char one[64];
        for (int n = 0; cli_choice_name(key, n, one, sizeof one); n++) {
            size_t at = strlen(names);
            snprintf(names + at, sizeof names - at, "%s%s", n ? ", " : "", one);
        }
        used += snprintf(text + used, sizeof text - (size_t)used, " [%s]", names);
    }
    if (key->type != CLI_BOOL && key->preset && *key->preset) {
        const bool quoted = key->type == CLI_STR || key->type == CLI_WORD;
        used += snprintf(text + used, sizeof text - (size_t)used, quoted ? " (default '%s')" : " (default %s)",
                         key->preset);
    } else if (key->tunable) {
        used += default_of_tunable(key->tunable - 1, text + used, sizeof text - (size_t)used);
    }
    const char *alias;
    for (int n = 0, first = 1; (n = cli_key_alias(key, command, n, &alias)) && !off; first = 0) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s%s", first ? "; also " : ", ",
                         alias[1] ? "--" : "-", alias);
        for (char *c = text + used - strlen(alias); *c; c++) {
            if (*c == '_') *c = '-';
        }
    }
    int width = printf("%s", flag);
    if (width >= COLUMN) {
        putchar('\n');
        width = 0;
    }
    printf("%*s", COLUMN - width, "");
    cli_print_wrapped(text, COLUMN, COLUMN);
}

static void print_inert(cli_commands command) {
    int at = 0;
    for (int row = 0; row < cli_key_count(); row++) {
        const cli_key *key = cli_key_at(row);
        if (key->type != CLI_INERT || !(key->commands & command)) continue;
        char flag[64];
        snprintf(flag, sizeof flag, "--%s", key->name);
        for (char *c = flag; *c; c++) {
            if (*c == '_') *c = '-';
        }
        int length = (int)strlen(flag);
        if (!at || at + 1 + length > WIDTH) {
            printf("%s ", at ? "\n" : "");
            at = 1;
        }
        at += printf(" %s", flag);
    }
    putchar('\n');
}

void cli_help_print(const cli_spec *spec) {
    int width = printf("usage: xltune %s [options]", cli_command_name(spec->command));
    if (spec->arguments) {
        bool fits = width + 1 + (int)strlen(spec->arguments) <= WIDTH;
        printf("%s%s", fits ? " " : "\n           ", spec->arguments);
    }
    printf("\n%s\n", spec->summary);
    for (int group = 0; group < CLI_GROUP_INERT; group++) {
        bool titled = false;
        for (int row = 0; row < cli_key_count(); row++) {
            const cli_key *key = cli_key_at(row);
            if ((int)key->group != group || !(key->commands & spec->command)) continue;
            if (!titled) printf("\n%s:\n", titles[group]);
            titled = true;
            print_key(key, spec->command);
        }
    }
    if (spec->lists || spec->details) putchar('\n');
    if (spec->lists) spec->lists();
    if (spec->details) printf("%s", spec->details);
    printf("\n%s:\n", titles[CLI_GROUP_INERT]);
    print_inert(spec->command);
}
