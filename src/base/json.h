/* Values as JSON and CSV want them. */
#ifndef XL_BASE_JSON_H
#define XL_BASE_JSON_H

#include <math.h>
#include <stdio.h>

#include <jansson.h>

/* JSON has no NaN and no infinity: null stands for both. A new reference; NULL when out of memory. */
static inline json_t *xl_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* null for NULL. A new reference; NULL when out of memory or where the text is not UTF-8. */
static inline json_t *xl_json_text(const char *value) {
    return value ? json_string(value) : json_null();
}

/* A value as a cell of CSV (base/csv.h): texts quoted where they have to be, reals with so many significant digits
 * (0: as few as read back as the same number), nothing for null, NULL, lists and objects. */
void xl_json_put_cell(FILE *out, const json_t *value, int digits);

#endif
