/* Numbers as text. */
#ifndef XL_BASE_NUMBER_H
#define XL_BASE_NUMBER_H

#include <stdbool.h>

enum { XL_NUMBER_TEXT = 32 };

/* Writes as few digits as read back as the same number ("0.1", "1e+30"); returns `out`. */
const char *xl_number_text(char out[XL_NUMBER_TEXT], double value);

/* Writes a number for people, rounded to `digits` significant digits but with every digit before the point: of
 * three 0.0123, 1.5 and 12346. Below 0.0001 and from 1e15 with an exponent. Returns `out`. */
const char *xl_number_rounded(char out[XL_NUMBER_TEXT], double value, int digits);

/* Reads a text that is a finite number and nothing else; false where it is none (*out is not changed). */
bool xl_number_read(const char *text, double *out);

#endif
