#include "tuner/study/trial_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define JOINED "joined"

/* ---- numbers ---- */

static json_t *numbers_json(const tune_numbers *n) {
    json_t *j = n->count ? json_array() : json_null();
    for (size_t i = 0; j && i < n->count; i++) {
        if (!json_array_append_new(j, xl_json_number(n->value[i]))) continue;
        json_decref(j);
        return NULL;
    }
    return j;
}

/* Reads the first `count` elements of the array. */
static int numbers_read(tune_numbers *out, const json_t *array, size_t count, xlstm_error *err) {
    if (!count) return XLSTM_OK;
    if (!(out->value = xl_array(count, sizeof *out->value))) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *j = json_array_get(array, i);
        if (!json_is_number(j) && !json_is_null(j))
            return xl_fail(err, XLSTM_EFORMAT, "element %zu is not a number, wanted an array of numbers", i);
        out->value[i] = json_is_number(j) ? json_number_value(j) : NAN;
    }
    return XLSTM_OK;
}

static bool is_none(const json_t *value) {
    return !value || json_is_null(value);
}

static int no_array(xlstm_error *err) {
    return xl_fail(err, XLSTM_EFORMAT, "found another type, wanted an array of numbers");
}

json_t *tune_ratios_json(const tune_trial_row *trial) {
    return numbers_json(&trial->ratios);
}

int tune_ratios_read(tune_trial_row *trial, const json_t *value, xlstm_error *err) {
    if (is_none(value)) return XLSTM_OK;
    if (!json_is_array(value)) return no_array(err);
    return numbers_read(&trial->ratios, value, json_array_size(value), err);
}

json_t *tune_told_json(const tune_trial_row *trial) {
    json_t *j = numbers_json(&trial->told);
    if (!j || !trial->joined) return j;
    if (json_is_null(j)) j = json_array();
    if (!j || !json_array_append_new(j, json_string(JOINED))) return j;
    json_decref(j);
    return NULL;
}

int tune_told_read(tune_trial_row *trial, const json_t *value, xlstm_error *err) {
    if (is_none(value)) return XLSTM_OK;
    if (!json_is_array(value)) return no_array(err);
    const size_t n = json_array_size(value);
    const char *last = n ? json_string_value(json_array_get(value, n - 1)) : NULL;
    trial->joined = last && !strcmp(last, JOINED);
    return numbers_read(&trial->told, value, n - trial->joined, err);
}

json_t *tune_params_json(const tune_trial_row *trial) {
    return tune_named_json(&trial->params);
}

int tune_params_read(tune_trial_row *trial, const json_t *value, xlstm_error *err) {
    return tune_named_from_json(&trial->params, value, err);
}
