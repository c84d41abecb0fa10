/* JSON that stands inside HTML. Failure to write is left to the stream. */
#ifndef TUNE_REPORT_PAGE_JSON_H
#define TUNE_REPORT_PAGE_JSON_H

#include <stdio.h>

#include <jansson.h>

/* Writes JSON such that it may stand between the tags of a script element: no character of it is '<', '>' or '&',
 * or ends a line of a script. */
void tune_page_put_json(FILE *out, const json_t *json);
/* Does the same with a text, as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void tune_page_put_text(FILE *out, const char *text);

#endif
