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

bool xl_number_read(const char *text, double *out) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}
