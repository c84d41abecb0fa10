/* The one table of configuration keys. A key is a flag (`--prompt-file`) and a member of a JSON config
 * (`"prompt_file"`) alike; '-' and '_' are interchangeable. The engine's tunables add one key each. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* The commands, by the rows of commands.def. */
enum {
#define COMMAND(id, name) CLI_COMMAND_##id,
#include "cli/commands.def"
#undef COMMAND
    CLI_COMMAND_COUNT
};

/* A set of commands: which use a key. CLI(save_outputs) is the set of one. */
typedef uint64_t cli_commands;
#define CLI(id) (UINT64_C(1) << CLI_COMMAND_##id)
#define CLI_ALL UINT64_MAX
/* Commands that run a model and so take the tunables. */
#define CLI_ENGINE                                                                                                 \
    (CLI(optimize) | CLI(save_outputs) | CLI(judge) | CLI(generate) | CLI(bench) | CLI(perplexity) | CLI(verify))
/* Commands whose tunables start from the golden profile and the best snapshot. */
#define CLI_TUNED (CLI(optimize) | CLI(save_outputs) | CLI(generate) | CLI(bench))

typedef enum cli_type {
    CLI_INT,      /* integer inside [min, max] */
    CLI_NUM,      /* number inside [min, max] */
    CLI_STR,      /* any text */
    CLI_WORD,     /* a text that can be a part of a file's name; may be empty */
    CLI_BOOL,     /* true or false; 0 and 1 are accepted; `--no-x` on the command line */
    CLI_CHOICE,   /* one of `choices` */
    CLI_DURATION, /* seconds, or text with a unit: 90s, 30m, 2h; inside [min, max] seconds */
    CLI_INTS,     /* list of integers inside [min, max]: [16, 32] or "16,32,64-128+32,1-8*2" */
    CLI_CHOICES,  /* list of names out of `choices`: ["a", "b"] or "a,b" */
    CLI_NAMES,    /* the same of any names; `choices` (or NULL) are those that help and completion offer */
    CLI_OBJECT,   /* JSON object, not checked further here; on the command line as JSON text */
    CLI_INERT     /* a key of the original that has no effect here; any value is accepted, with one notice */
} cli_type;

/* Sections of the help, in this order. */
typedef enum cli_group {
    CLI_GROUP_INPUT,
    CLI_GROUP_SEARCH,
    CLI_GROUP_MEASURE,
    CLI_GROUP_ENGINE,
    CLI_GROUP_SAMPLING,
    CLI_GROUP_OUTPUT,
    CLI_GROUP_MEMORY,
    CLI_GROUP_CONFIG,
    CLI_GROUP_INERT,
    CLI_GROUP_COUNT
} cli_group;

/* One row. Two rows may share a name where commands differ in default, range or type. */
typedef struct cli_key {
    const char *name; /* "prompt_file" */
    cli_group group;
    cli_type type;
    cli_commands commands; /* that use it; others ignore it */
    double min, max;       /* INT, NUM, DURATION, INTS; both 0: any */
    const char *preset;    /* default as it would be typed; NULL: unset */
    const char *choices;   /* "ga|random"; '|' between names, aliases as "name=alias" after them */
    const char *metavar;   /* "FILE"; NULL: from the type */
    const char *text;      /* help line without a full stop */
    int tunable;           /* XLSTM_TUNE_* + 1; 0: no tunable */
} cli_key;

/* Other spellings of a key: flags and JSON members alike, except where flag_only. */
typedef struct cli_alias {
    const char *alias, *name;
    cli_commands commands;
    bool flag_only;
    const char *both; /* a second key that gets the same value; NULL: none */
} cli_alias;

/* All rows, tunables included. */
int cli_key_count(void);
const cli_key *cli_key_at(int index);

/* Index of the row that `command` uses under that name or alias ('-' and '_' alike), else of another command's
 * row, else -1. flag: the name comes from the command line. */
int cli_key_find(const char *name, cli_commands command, bool flag);

/* Index of the second key that a flag sets (`-t` both workers and decode_workers); -1: it sets one. */
int cli_key_second(const char *name, cli_commands command);

/* Gives the command's other spellings of a key, one at each call: n is 0 at first, then what the last call
 * returned; returns 0 where there are no more. */
int cli_key_alias(const cli_key *key, cli_commands command, int n, const char **alias);

/* Nearest known name among the keys and aliases of `command`; in a config, where the keys of all commands may
 * stand, then of the others. NULL where none is near. */
const char *cli_key_nearest(const char *name, cli_commands command, bool flag);

/* Name of the one command in `command`: "save-outputs". */
const char *cli_command_name(cli_commands command);
/* Names of the commands in `commands`, as "optimize, bench". */
void cli_command_names(cli_commands commands, char *out, int size);

#endif
