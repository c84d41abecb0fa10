/* Converts one configuration value from JSON or text into its normal form and checks it against the key's row. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <jansson.h>

#include "cli/keys.h"

enum { CLI_MESSAGE = 512 };

/* Normal forms: INT integer, NUM and DURATION real, STR and CHOICE string (the main spelling), BOOL boolean, INTS
 * array of integers, CHOICES and TEXTS array of strings, WORDS array of strings, or a string that is still to be
 * split (cli_value_words) or to be left as it is for a shell, OBJECT object, INERT the value itself. On success the
 * caller owns the result; on failure NULL is returned, and `message` [CLI_MESSAGE] says "found …, wanted …". */
json_t *cli_value_from_json(const cli_key *key, const json_t *json, char *message);
json_t *cli_value_from_text(const cli_key *key, const char *text, char *message);

/* Whether the value names a file or a folder, of which none has an empty name. */
bool cli_key_is_path(const cli_key *key);
/* Replaces "~" and "~/" at the beginning of a path by $HOME, as a shell does, but not in --out=~/x or in a file.
 * Takes the reference to `value` and returns a new one; NULL when out of memory. */
json_t *cli_value_home(const cli_key *key, json_t *value);

/* Describes what the key accepts: "an integer from 1 to 256". `size` is that of `out` in bytes. */
void cli_value_wanted(const cli_key *key, char *out, size_t size);

/* Writes the n-th main spelling of a choice key into `out`, at most `size` bytes; returns false past the end. */
bool cli_choice_name(const cli_key *key, int n, char *out, size_t size);

#endif
