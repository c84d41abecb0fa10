/* Configuration of a command: one table of keys (keys.c), five layers (built-in defaults, golden profile, best
 * snapshot, config file, command line), each value with its source.
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
 * A key that a getter names must be in the table for the command (an assertion says so). */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "cli/keys.h"

typedef struct cli_config cli_config;

typedef struct cli_spec {
    cli_commands command;  /* CLI(generate) */
    const char *summary;   /* first line of the help */
    const char *arguments; /* positional arguments for the usage line, "[RUN]"; NULL: none */
    int min_arguments, max_arguments;
    void (*lists)(void); /* prints what comes before the details; NULL: nothing */
    const char *details; /* printed below the options, at most 80 columns wide; NULL: nothing */
} cli_spec;

typedef enum cli_layer {
    CLI_LAYER_DEFAULT,
    CLI_LAYER_PROFILE,
    CLI_LAYER_BEST,
    CLI_LAYER_CONFIG,
    CLI_LAYER_COMMAND_LINE
} cli_layer;

/* In the place of an exit code: the command goes on. */
enum { CLI_GO_ON = -1 };

/* Reads the command line and everything it names. Returns CLI_GO_ON with *out the caller's (free it), else the
 * exit code: 0 after `-h` or `--print-effective-config`, 2 after a usage error, 1 after a bad config file, with
 * the one line already on standard error. Notices (inert keys, XLSTM_* variables, default model) go there too. */
int cli_config_parse(cli_config **out, const cli_spec *spec, int argc, char **argv);
void cli_config_free(cli_config *cfg);

/* Whether the key has a value, from any layer. */
bool cli_has(const cli_config *cfg, const char *key);
/* Whether a config file or the command line gave the value. */
bool cli_is_set(const cli_config *cfg, const char *key);
cli_layer cli_layer_of(const cli_config *cfg, const char *key);
/* "default", "profile golden_ray", "best best/ray_latest.json", "config c.json", "command line". */
const char *cli_source(const cli_config *cfg, const char *key);

/* Values; 0, NULL, false where there is none. Strings and lists live as long as cfg. */
int64_t cli_int(const cli_config *cfg, const char *key);
double cli_num(const cli_config *cfg, const char *key); /* INT too; DURATION in seconds */
bool cli_bool(const cli_config *cfg, const char *key);
const char *cli_str(const cli_config *cfg, const char *key); /* CHOICE too, in its main spelling */
size_t cli_list_count(const cli_config *cfg, const char *key);
int64_t cli_list_int(const cli_config *cfg, const char *key, size_t index);
const char *cli_list_str(const cli_config *cfg, const char *key, size_t index);
const json_t *cli_object(const cli_config *cfg, const char *key); /* borrowed */

int cli_positional_count(const cli_config *cfg);
const char *cli_positional(const cli_config *cfg, int index); /* NULL past the end */

/* Every key that the command uses and that has a value, as {"key": value}; the caller's. */
json_t *cli_effective_json(const cli_config *cfg);
/* The same as {"key": {"value": …, "source": "…"}}. */
json_t *cli_provenance_json(const cli_config *cfg);
/* Path of the config file as given, or NULL; and {"key": source} is in cli_provenance_json. */
const char *cli_config_file(const cli_config *cfg);

/* The checkpoint's folder, looked up as documented; NULL with *err where it does not exist. Lives as long as cfg.
 */
const char *cli_model_path(cli_config *cfg, xlstm_error *err);

/* A prompt's ids (malloc'd), BOS first where `bos` and the tokenizer has one; a text that brings its own BOS
 * besides is told in a notice. `name` is the text's file for messages, NULL: the configured prompt's. Errors as of
 * xlstm_tokenizer_encode. */
int cli_encode_prompt(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *name, const char *text,
                      size_t bytes, bool bos, int32_t **ids, size_t *count, xlstm_error *err);

/* Opens the tokenizer of that folder. */
int cli_open_tokenizer(cli_config *cfg, xlstm_tokenizer **tokenizer, xlstm_error *err);

/* Opens the model with the configured load-time tunables, `--device` and `--cpu-mask`. */
int cli_open_model(cli_config *cfg, xlstm_model **model, xlstm_cancel_fn cancel, void *user, xlstm_error *err);

/* Clips a value to the limits of a model with these hyper-parameters; true where that changed it. */
bool cli_clip(int tunable, int64_t *value, const xlstm_hparams *hparams);

/* The tunables as configured. A value above the model's limit (heads) is clipped, with one notice for each tunable.
 * hparams may be NULL where the model is not known yet. In commands with `backend` the scheduler is the backend's;
 * in bench each tunable has the first element of its list. */
int cli_settings(cli_config *cfg, const xlstm_hparams *hparams, xlstm_settings *settings, xlstm_error *err);

/* The search bounds `heads_min` … `workers_max`, clipped to the model and the machine with one notice. `what` is
 * "heads", "chunks" or "workers". */
int cli_bounds(cli_config *cfg, const xlstm_hparams *hparams, const char *what, int64_t *low, int64_t *high,
               xlstm_error *err);

/* The prompt to the byte, malloc'd, NUL-terminated (not counted): prompt_file (beside the config, here, in
 * prompts/, in the installed data; "-" is standard input), prompt, or for `generate` without either what is piped
 * into it. */
int cli_prompt_text(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err);

/* Whether no setting names a prompt and standard input is a pipe or file that holds one; this reads it. */
bool cli_prompt_piped(cli_config *cfg);

/* The bytes of a file, or of standard input for NULL and "-"; malloc'd, NUL-terminated (the NUL is not counted). */
int cli_input_text(const char *path, char **text, size_t *bytes, xlstm_error *err);
/* Prints the words of `text` on standard output from column `at` on, wrapped at 80 columns, with further lines
 * indented and a newline at the end. */
void cli_print_wrapped(const char *text, int at, int indent);

/* Prints one line on standard error, "xltune: …". */
void cli_notice(const char *format, ...) XLSTM_PRINTF(1, 2);
/* Prints "xltune generate: text" on standard error; returns 1. */
int cli_fail(const cli_config *cfg, const xlstm_error *err);
/* The same as a usage error with a hint at -h; returns 2. */
int cli_usage(const cli_config *cfg, const char *format, ...) XLSTM_PRINTF(2, 3);

#endif
