/* Numbers as text. */
#ifndef XL_BASE_NUMBER_H
#define XL_BASE_NUMBER_H

#include <stdbool.h>

enum { XL_NUMBER_TEXT = 32 };

/* Writes as few digits as read back as the same number ("0.1", "1e+30"); returns `out`. */
const char *xl_number_text(char out[XL_NUMBER_TEXT], double value);

/* Reads a text that is a finite number and nothing else; false where it is none (*out is not changed). */
bool xl_number_read(const char *text, double *out);

#endif
