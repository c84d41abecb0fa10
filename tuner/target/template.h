/* A command with places for values: "zstd -{level} -c {file}". `{name}` stands for the value of a parameter, `{{`
 * and
 * `}}` for the braces themselves. */
#ifndef TUNE_TEMPLATE_H
#define TUNE_TEMPLATE_H

#include <jansson.h>

#include "tuner/space/named.h"

/* Checks every place in `words` (an array of texts; NULL: none): its name must be a parameter of `space`, which is
 * then marked in `used` ([parameters of the space]). XLSTM_EARG names `key` and the place. */
int tune_template_check(const char *key, const json_t *words, const tune_space *space, bool *used,
                        xlstm_error *err);

/* Refuses words that are meant for a shell, where none reads them: "&&", "|", ">", "file;" and their kin would be
 * arguments of the program that comes first. XLSTM_EARG names `key` and the word. */
int tune_template_no_shell(const char *key, const json_t *words, xlstm_error *err);

/* Returns the words with the values put in, malloc'd one by one, in a list that ends with NULL; with `shell` as
 * {"/bin/sh", "-c", words joined by spaces}. The words must have been checked, and `values` must have every
 * parameter. NULL when out of memory. */
char **tune_template_fill(const json_t *words, const tune_named_list *values, bool shell);
/* The same for one text; malloc'd. */
char *tune_template_fill_text(const char *text, const tune_named_list *values);
void tune_template_free(char **words);

/* Returns the words as they would be typed, for people: joined by spaces, those with spaces in quotes; malloc'd. */
char *tune_template_text(const json_t *words);

#endif
