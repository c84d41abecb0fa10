/* A model from a folder, and its weights, for tests of what is bound. */
#ifndef TESTS_MODEL_WEIGHTS_H
#define TESTS_MODEL_WEIGHTS_H

#include <xlstm/model.h>

#include "helper.h"
#include "model/store.h"

static inline xlstm_model *open_model(const char *dir, int64_t weights, int64_t huge_pages, int64_t workers) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_WEIGHTS, weights);
    xlstm_settings_set(&settings, XLSTM_TUNE_HUGE_PAGES, huge_pages);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers);
    xlstm_model_options options = {.settings = &settings};
    xlstm_error err;
    xlstm_model *model;
    if (xlstm_model_open(&model, dir, &options, &err)) fail_msg("%s: %s", dir, err.text);
    return model;
}

/* Returns element (r, c) of a weight as float32. */
static inline float weight_at(const xl_weight *w, int64_t r, int64_t c) {
    const char *row = (const char *)w->m.data + (size_t)r * w->m.stride;
    float *values = calloc((size_t)w->m.cols, sizeof *values), value;
    xl_format_get((int)w->m.format)->to_f32(row, values, (size_t)w->m.cols);
    value = values[c];
    free(values);
    return value;
}

#endif
