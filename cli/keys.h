/* The one table of configuration keys. A key is a flag (`--prompt-file`) and a member of a JSON config
 * (`"prompt_file"`) alike; '-' and '_' are interchangeable. The engine's tunables add one key each. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>

/* Commands, as bits: which commands use a key. */
enum {
    CLI_OPTIMIZE = 1 << 0,
    CLI_SAVE_OUTPUTS = 1 << 1,
    CLI_JUDGE = 1 << 2,
    CLI_PLOT = 1 << 3,
    CLI_GENERATE = 1 << 4,
    CLI_BENCH = 1 << 5,
    CLI_PERPLEXITY = 1 << 6,
    CLI_TOKENIZE = 1 << 7,
    CLI_DETOKENIZE = 1 << 8,
    CLI_VERIFY = 1 << 9,
    CLI_PARAMS = 1 << 10,
    CLI_INFO = 1 << 11,
    CLI_SYNTH = 1 << 12,
    CLI_STUDY = 1 << 13,
    CLI_REPLAY = 1 << 14,
    CLI_EXPLAIN = 1 << 15,
    CLI_ALL = (1 << 16) - 1,
    /* Commands that run a model and so take the tunables. */
    CLI_ENGINE =
        CLI_OPTIMIZE | CLI_SAVE_OUTPUTS | CLI_JUDGE | CLI_GENERATE | CLI_BENCH | CLI_PERPLEXITY | CLI_VERIFY,
    /* Commands whose tunables start from the golden profile and the best snapshot. */
    CLI_TUNED = CLI_OPTIMIZE | CLI_SAVE_OUTPUTS | CLI_GENERATE | CLI_BENCH
};

typedef enum cli_type {
    CLI_INT,      /* integer inside [min, max] */
    CLI_NUM,      /* number inside [min, max] */
    CLI_STR,      /* any text */
    CLI_WORD,     /* a text that can be a part of a file's name; may be empty */
    CLI_BOOL,     /* true or false; 0 and 1 are accepted; `--no-x` on the command line */
    CLI_CHOICE,   /* one of `choices` */
    CLI_DURATION, /* seconds, or text with a unit: 90s, 30m, 2h; inside [min, max] seconds */
    CLI_INTS,     /* list of integers inside [min, max]: [16, 32] or "16,32,64-128+32,1-8*2" */
    CLI_CHOICES,  /* list of names out of `choices` (any, where NULL): ["a", "b"] or "a,b" */
    CLI_OBJECT,   /* JSON object, not checked further here; on the command line as JSON text */
    CLI_INERT     /* a key of the original without effect here: any value, said once */
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
    unsigned commands;   /* bits of the commands that use it; others ignore it */
    double min, max;     /* INT, NUM, DURATION, INTS; both 0: any */
    const char *preset;  /* default as it would be typed; NULL: unset */
    const char *choices; /* "ga|random"; '|' between names, aliases as "name=alias" after them */
    const char *metavar; /* "FILE"; NULL: from the type */
    const char *text;    /* help line without a full stop */
    int tunable;         /* XLSTM_TUNE_* + 1; 0: no tunable */
} cli_key;

/* Other spellings of a key: flags and JSON members alike, except where flag_only. */
typedef struct cli_alias {
    const char *alias, *name;
    unsigned commands;
    bool flag_only;
} cli_alias;

/* All rows, tunables included. */
int cli_key_count(void);
const cli_key *cli_key_at(int index);

/* Index of the row that `command` uses under that name or alias ('-' and '_' alike), else of another command's
 * row, else -1. flag: the name comes from the command line. */
int cli_key_find(const char *name, unsigned command, bool flag);

/* Nearest known name among keys and aliases, those of `command` first; NULL where none is near. */
const char *cli_key_nearest(const char *name, unsigned command, bool flag);

/* Names of the commands in `commands`, as "optimize, bench". */
void cli_command_names(unsigned commands, char *out, int size);

#endif
