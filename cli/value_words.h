/* The words of a command, and lists of texts. */
#ifndef CLI_VALUE_WORDS_H
#define CLI_VALUE_WORDS_H

#include <jansson.h>

enum { CLI_LIST_MOST = 4096 }; /* elements of a list */

/* A copy of a list of 1 to CLI_LIST_MOST texts; NULL where it is something else. */
json_t *cli_value_texts(const json_t *json);
/* Words in one text stay one until it is known whether a shell reads it: a string, or the list that the text is in
 * JSON. NULL as of cli_value_words. */
json_t *cli_value_text_of_words(const char *text);
/* The words of a text, which is split at spaces outside quotes, or is a JSON list of them. NULL where a quote is
 * not closed, where there are none, or when out of memory. */
json_t *cli_value_words(const char *text);

#endif
