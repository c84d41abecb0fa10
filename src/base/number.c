#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *xl_number_text(char out[XL_NUMBER_TEXT], double value) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, XL_NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    return out;
}

const char *xl_number_rounded(char out[XL_NUMBER_TEXT], double value, int digits) {
    const double size = fabs(value);
    const bool whole = size >= pow(10, digits) - 0.5 && size < 1e15;
    snprintf(out, XL_NUMBER_TEXT, whole ? "%.*f" : "%.*g", whole ? 0 : digits, value);
    return out;
}

bool xl_number_read(const char *text, double *out) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}
