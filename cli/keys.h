/* The one table of configuration keys. A key is both a flag (`--prompt-file`) and a member of a JSON config
 * (`"prompt_file"`); '-' and '_' are interchangeable. Each tunable of the engine adds a key. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* The commands, in the order of commands.def. */
enum {
#define COMMAND(id, name) CLI_COMMAND_##id,
#include "cli/commands.def"
#undef COMMAND
    CLI_COMMAND_COUNT
};

/* A set of commands, such as those that use a key. CLI(save_outputs) is the set that holds that one command. */
typedef uint64_t cli_commands;
#define CLI(id) (UINT64_C(1) << CLI_COMMAND_##id)
#define CLI_ALL UINT64_MAX
/* The commands that run a model and therefore have the tunables as keys. */
#define CLI_ENGINE                                                                                                 \
    (CLI(optimize) | CLI(save_outputs) | CLI(judge) | CLI(generate) | CLI(bench) | CLI(perplexity) | CLI(verify) | \
     CLI(serve) | CLI(chat))
/* The commands whose numbers are meant to be compared, and that whose answers must not depend on what else is
 * asked; they compute in float32 unless told otherwise. */
#define CLI_EXACT (CLI(judge) | CLI(perplexity) | CLI(verify) | CLI(serve))
/* The commands whose tunables start from the golden profile and the best snapshot. */
#define CLI_TUNED (CLI(optimize) | CLI(save_outputs) | CLI(generate) | CLI(chat) | CLI(bench) | CLI(serve))

typedef enum cli_type {
    CLI_INT,      /* integer within [min, max] */
    CLI_NUM,      /* number within [min, max] */
    CLI_STR,      /* any text */
    CLI_WORD,     /* a text that can be part of a file name; may be empty */
    CLI_BOOL,     /* true or false; 0 and 1 are accepted; `--no-x` on the command line */
    CLI_CHOICE,   /* one of `choices` */
    CLI_DURATION, /* seconds, or text with a unit: 90s, 30m, 2h; within [min, max] seconds */
    CLI_INTS,     /* list of integers within [min, max]: [16, 32] or "16,32,64-128+32,1-8*2" */
    CLI_CHOICES,  /* list of names from `choices`: ["a", "b"] or "a,b" */
    CLI_NAMES,    /* list of any names; `choices` (may be NULL) are those that help and completion offer */
    CLI_OBJECT,   /* JSON object, checked by the command; on the command line JSON text, or the name of a file */
    CLI_TEXTS,    /* a list of texts; the flag may be given several times, each time with one */
    CLI_WORDS,    /* the words of a command: a list of texts, or one text that is split at spaces outside quotes */
    CLI_INERT /* a key of the original that has no effect here; any value is accepted, with one notice for all of
                 them */
} cli_type;

/* Sections of the help, in this order. */
typedef enum cli_group {
    CLI_GROUP_INPUT,
    CLI_GROUP_SEARCH,
    CLI_GROUP_COMMAND,
    CLI_GROUP_CLUSTER,
    CLI_GROUP_SERVER,
    CLI_GROUP_MEASURE,
    CLI_GROUP_ENGINE,
    CLI_GROUP_SAMPLING,
    CLI_GROUP_OPINION,
    CLI_GROUP_OUTPUT,
    CLI_GROUP_MEMORY,
    CLI_GROUP_CONFIG,
    CLI_GROUP_INERT,
    CLI_GROUP_COUNT
} cli_group;

/* One row. Two rows may have the same name where default, range or type differ between commands. */
typedef struct cli_key {
    const char *name; /* "prompt_file" */
    cli_group group;
    cli_type type;
    cli_commands commands; /* the commands that use it; others ignore it */
    double min, max;       /* for INT, NUM, DURATION and INTS; both 0: no limits */
    const char *preset;    /* the default as it would be typed; NULL: none */
    const char *choices;   /* "ga|random": names separated by '|'; aliases follow as "name=alias" */
    const char *metavar;   /* "FILE"; NULL: chosen by type */
    const char *text;      /* text for the help, without a full stop */
    int tunable;           /* XLSTM_TUNE_* + 1; 0: not a tunable */
} cli_key;

/* Another spelling of a key. It is accepted as a flag and as a JSON member, or only as a flag where flag_only is
 * set. */
typedef struct cli_alias {
    const char *alias, *name;
    cli_commands commands;
    bool flag_only;
    const char *both; /* a second key that gets the same value; may be NULL */
} cli_alias;

/* The rows of the table, tunables included. */
int cli_key_count(void);
const cli_key *cli_key_at(int index);
/* All aliases, and their number. */
const cli_alias *cli_key_aliases(int *count);

/* ---- which key is meant (key_find.c) ---- */

/* Index of the row that `command` uses under that name or alias ('-' and '_' are the same); where it uses none,
 * that of another command's row; else -1. `flag` says that the name comes from the command line. */
int cli_key_find(const char *name, cli_commands command, bool flag);

/* The same for a flag of one letter behind a single dash: a letter that is an alias goes before a key of that name,
 * so that -n and --n may differ. */
int cli_key_find_letter(const char *letter, cli_commands command);

/* Index of the second key that a flag sets, as `-t` sets both workers and decode_workers; -1: it sets only one. */
int cli_key_second(const char *name, cli_commands command);

/* Returns the command's other spellings of a key, one at each call. `n` is 0 at the first call, and later what the
 * call before returned. Returns 0 when there are no more. */
int cli_key_alias(const cli_key *key, cli_commands command, int n, const char **alias);

/* Nearest known name among the keys and aliases of `command`. For a member of a config, which may hold the keys of
 * all commands, those of the others come next. NULL where none is near. */
const char *cli_key_nearest(const char *name, cli_commands command, bool flag);

/* ---- names of commands (command_names.c) ---- */

/* Name of the one command that the set `command` holds: "save-outputs". */
const char *cli_command_name(cli_commands command);
/* Writes the names of the commands in the set, as "optimize, bench". `size` is that of `out` in bytes. */
void cli_command_names(cli_commands commands, char *out, int size);

#endif
