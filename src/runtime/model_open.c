/* A checkpoint by the public options: the settings become what the model is opened with. */
#include <xlstm/model.h>
#include <xlstm/tunable.h>

#include "model/model.h"

int xlstm_model_open(xlstm_model **out, const char *dir, const xlstm_model_options *options, xlstm_error *err) {
    static const xlstm_model_options none;
    xlstm_settings settings;
    *out = NULL;
    if (!options) options = &none;
    if (options->settings) settings = *options->settings;
    else xlstm_settings_init(&settings, NULL);
    int status = xlstm_settings_check(&settings, err);
    if (status) return status;
    static const xl_format_id states[] = {
        [XLSTM_STATE_F32] = XL_FORMAT_F32, [XLSTM_STATE_BF16] = XL_FORMAT_BF16, [XLSTM_STATE_F16] = XL_FORMAT_F16};
    const xl_model_request request = {.weights = xlstm_settings_get(&settings, XLSTM_TUNE_WEIGHTS),
                                      .head_weights = xlstm_settings_get(&settings, XLSTM_TUNE_HEAD_WEIGHTS),
                                      .state_format = states[xlstm_settings_get(&settings, XLSTM_TUNE_STATE)],
                                      .huge_pages = xlstm_settings_get(&settings, XLSTM_TUNE_HUGE_PAGES),
                                      .threads = (int)xlstm_settings_get(&settings, XLSTM_TUNE_WORKERS),
                                      .device = options->device,
                                      .cpu_mask = options->cpu_mask,
                                      .profile = options->profile,
                                      .cancel = options->cancel,
                                      .user = options->user};
    return xl_model_open(out, dir, &request, err);
}
