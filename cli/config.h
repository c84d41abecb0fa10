/* The configuration of a command: one table of keys (keys.c) and five layers (built-in defaults, golden profile,
 * best snapshot, config file, command line), each value with its source.
 *
 *   static const cli_spec spec = {.command = CLI(info), .summary = "Prints ..."};
 *   static int run(int argc, char **argv) {
 *       cli_config *cfg = NULL;
 *       int code = cli_config_parse(&cfg, &spec, argc, argv);
 *       if (code >= 0) return code;
 *       …
 *       cli_config_free(cfg);
 *   }
 *
 * A key that is passed to one of the functions below must be in the table for the command; an assertion checks
 * that. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "cli/keys.h"

typedef struct cli_config cli_config;

typedef struct cli_spec {
    cli_commands command;  /* CLI(generate) */
    const char *summary;   /* the first line of the help */
    const char *arguments; /* positional arguments as shown in the usage line, "[RUN]"; NULL: none */
    int min_arguments, max_arguments;
    const char *instead; /* how to give what people give as an argument too many; NULL: nothing in particular */
    const char *rest;    /* the key (of type WORDS) that the words after "--" are for; NULL: they are arguments */
    void (*lists)(void); /* prints lists that come before the details; may be NULL */
    const char *details; /* printed below the options, at most 80 columns wide; may be NULL */
} cli_spec;

typedef enum cli_layer {
    CLI_LAYER_DEFAULT,
    CLI_LAYER_PROFILE,
    CLI_LAYER_BEST,
    CLI_LAYER_CONFIG,
    CLI_LAYER_COMMAND_LINE
} cli_layer;

/* Returned in the place of an exit code where the command continues. */
enum { CLI_GO_ON = -1 };

/* Reads the command line and everything it names. Returns CLI_GO_ON with *out, which the caller frees, or the exit
 * code: 0 after `-h` or `--print-effective-config`, 2 after a usage error, 1 after a bad config file; the message
 * was then printed on standard error. Notices (keys without effect, XLSTM_* variables, the default model) are
 * printed there too. */
int cli_config_parse(cli_config **out, const cli_spec *spec, int argc, char **argv);
void cli_config_free(cli_config *cfg);

/* The one command of this configuration, as CLI(generate). */
cli_commands cli_config_command(const cli_config *cfg);
/* Whether any layer gives the key a value. */
bool cli_has(const cli_config *cfg, const char *key);
/* Whether a config file or the command line gave the value. */
bool cli_is_set(const cli_config *cfg, const char *key);
cli_layer cli_layer_of(const cli_config *cfg, const char *key);
/* The source of the value: "default", "profile golden_ray", "best best/ray_latest.json", "config c.json" or
 * "command line". */
const char *cli_source(const cli_config *cfg, const char *key);

/* The functions from here to cli_positional return values; 0, NULL or false where there is none. Strings and lists
 * live as long as cfg. */
int64_t cli_int(const cli_config *cfg, const char *key);
double cli_num(const cli_config *cfg, const char *key); /* also of INT keys; of DURATION in seconds */
bool cli_bool(const cli_config *cfg, const char *key);
const char *cli_str(const cli_config *cfg, const char *key); /* also of CHOICE keys, in the main spelling */
size_t cli_list_count(const cli_config *cfg, const char *key);
int64_t cli_list_int(const cli_config *cfg, const char *key, size_t index);
const char *cli_list_str(const cli_config *cfg, const char *key, size_t index);
const json_t *cli_object(const cli_config *cfg, const char *key); /* borrowed */

int cli_positional_count(const cli_config *cfg);
const char *cli_positional(const cli_config *cfg, int index); /* NULL past the end */

/* Returns every key that the command uses and that has a value, as {"key": value}, owned by the caller. */
json_t *cli_effective_json(const cli_config *cfg);
/* The same as {"key": {"value": …, "source": "…"}}. */
json_t *cli_provenance_json(const cli_config *cfg);
/* Gives a key of texts a value as if it had been typed. */
int cli_set_str(cli_config *cfg, const char *key, const char *value, xlstm_error *err);

/* The path of the config file as given, or NULL. The source of each key is in cli_provenance_json. */
const char *cli_config_file(const cli_config *cfg);

/* The folder of the checkpoint, found as documented for model_path. NULL, with *err filled, where it does not
 * exist. Lives as long as cfg. */
const char *cli_model_path(cli_config *cfg, xlstm_error *err);

/* Looks for a relative path that a key has beside the config that gave it, in the current folder, in `folder`
 * there, and in `folder` of the installed data. malloc'd; NULL where it is in none of them. */
char *cli_find_path(const cli_config *cfg, const char *name, const char *key, const char *folder);

/* Encodes a prompt. *ids is malloc'd; BOS comes first where `bos` is true and the tokenizer has one, and a notice
 * is printed where the text itself begins with BOS too. `name` is the text's file for messages; NULL: that of the
 * configured prompt. Errors as of xlstm_tokenizer_encode. */
int cli_encode_prompt(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *name, const char *text,
                      size_t bytes, bool bos, int32_t **ids, size_t *count, xlstm_error *err);

/* Opens the tokenizer of the folder that cli_model_path returns. */
int cli_open_tokenizer(cli_config *cfg, xlstm_tokenizer **tokenizer, xlstm_error *err);

/* Opens the model with the configured load-time tunables, `--device` and `--cpu-mask`. */
int cli_open_model(cli_config *cfg, xlstm_model **model, xlstm_cancel_fn cancel, void *user, xlstm_error *err);

/* Clips a value to the limits of a model with these hyper-parameters; returns whether that changed it. */
bool cli_clip(int tunable, int64_t *value, const xlstm_hparams *hparams);

/* Fills *settings with the tunables as configured. A value above the model's limit (heads) is clipped, with one
 * notice for each tunable. hparams may be NULL where the model is not known yet. In commands that have the key
 * `backend`, it names the scheduler; in bench each tunable gets the first element of its list. */
int cli_settings(cli_config *cfg, const xlstm_hparams *hparams, xlstm_settings *settings, xlstm_error *err);

/* The keys that limit the search of a tunable, as in the original. */
typedef struct cli_bound {
    const char *name;      /* "heads" */
    const char *min, *max; /* keys */
    int tunable;           /* XLSTM_TUNE_* */
    bool queued_only;      /* only the scheduler `queued` searches it, unless it is asked for by name */
} cli_bound;
enum { CLI_BOUND_HEADS, CLI_BOUND_CHUNKS, CLI_BOUND_WORKERS, CLI_BOUND_COUNT };
extern const cli_bound cli_bound_at[CLI_BOUND_COUNT];

/* The bounds CLI_BOUND_* as configured, clipped to the model and the machine, with one notice. */
int cli_bounds(cli_config *cfg, const xlstm_hparams *hparams, int bound, int64_t *low, int64_t *high,
               xlstm_error *err);

/* The bytes of the prompt, unchanged, malloc'd and NUL-terminated (the NUL is not counted). Taken from prompt_file,
 * which is looked for beside the config, in the current folder, in prompts/ and in the installed data ("-" is
 * standard input); or from `prompt`; or for `generate`, where both are missing, from a pipe on standard input. */
int cli_prompt_text(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err);

/* Whether no setting names a prompt and standard input is a pipe or file that is not empty. Reads standard
 * input. */
bool cli_prompt_piped(cli_config *cfg);

/* The bytes of a file, or of standard input for NULL and "-"; malloc'd, NUL-terminated (the NUL is not counted). */
int cli_input_text(const char *path, char **text, size_t *bytes, xlstm_error *err);
/* Prints the words of `text` on standard output, from column `at` on, wrapped at 80 columns; further lines are
 * indented by `indent`. A newline ends the text. A CLI_TIE is printed as a space at which no line is broken. */
#define CLI_TIE '\x1f'
void cli_print_wrapped(const char *text, int at, int indent);
/* Puts lines, of which the long ones are wrapped so. */
void cli_put_folded(FILE *out, const char *text, int indent);

/* Prints one line, "xltune: …", on standard error. */
void cli_notice(const char *format, ...) XLSTM_PRINTF(1, 2);
/* Prints "xltune generate: text" on standard error; returns 1. */
int cli_fail(const cli_config *cfg, const xlstm_error *err);
/* Prints a usage error with a hint at -h on standard error; returns 2. */
int cli_usage(const cli_config *cfg, const char *format, ...) XLSTM_PRINTF(2, 3);

#endif
