/* UTF-8, one sequence at a time. */
#ifndef XL_BASE_UTF8_H
#define XL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks at the sequence that begins at s; n > 0 bytes are there. Returns
 *   1 … 4  length of a valid sequence, its code point in *cp (which may be NULL);
 *   0      all n bytes are the beginning of a valid sequence that is cut off;
 *   -1 … -3  so many bytes are broken: the maximal subpart of an ill-formed sequence (Unicode 15, section 3.9),
 *          what one U+FFFD stands for. */
int xl_utf8_step(const char *s, size_t n, uint32_t *cp);

/* Offset of the first byte that does not belong to a valid sequence; n where all do. */
size_t xl_utf8_valid(const char *s, size_t n);

/* Bytes of the mark of byte order that texts from some editors and shells begin with: 3, or 0 where there is none.
 */
size_t xl_utf8_mark(const char *s, size_t n);

/* Writes a code point up to U+10FFFF; returns its length, 1 … 4. */
int xl_utf8_put(uint32_t cp, char out[4]);

/* Makes a text from outside fit to be shown on one line of a terminal: every control character (C0, DEL, C1), every
 * mark that breaks lines or changes the direction of writing, and every broken sequence becomes one '?', in place.
 */
void xl_utf8_clean(char *text);
/* Whether xl_utf8_clean would change nothing. */
bool xl_utf8_is_clean(const char *text);

#endif
