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
/* Seconds since 1970 have more digits than the numbers of a page, and are whole there; null: they are no date. A
 * new reference; NULL when out of memory. */
json_t *tune_page_date(double seconds);

#endif
