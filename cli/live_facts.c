#include "cli/live_facts.h"

#include <string.h>

xl_live *cli_live_open(cli_config *cfg, const xlstm_model *model, const xlstm_settings *settings) {
    xl_live *live = xl_live_open(cli_command_name(cli_config_command(cfg)));
    if (!live) return NULL;
    const xlstm_hparams *hparams = xlstm_model_hparams(model);
    xlstm_model_info info;
    xlstm_work work;
    xlstm_settings force;
    xlstm_model_get_info(model, &info);
    xlstm_work_init(&work, hparams, &info, 0);
    xlstm_settings_effective(settings, &work, &force);
    const int64_t heads = xlstm_settings_get(&force, XLSTM_TUNE_HEADS_PER_BAND);
    xl_live_text(live, "model", cli_model_path(cfg, NULL));
    xl_live_text(live, "device", info.device);
    xl_live_number(live, "workers", (double)xlstm_settings_get(&force, XLSTM_TUNE_DECODE_WORKERS));
    const int64_t bands = heads > 0 ? (hparams->num_heads + heads - 1) / heads : 0;
    if (bands) xl_live_number(live, "bands", (double)bands);
    xl_live_tick(live);
    return live;
}

void cli_live_tell(xl_live *live, const serve_metrics *metrics) {
    if (!live) return;
    xl_live_tokens(live, serve_read(&metrics->generated_tokens),
                   serve_read(&metrics->prompt_tokens) - serve_read(&metrics->cached_tokens));
    xl_live_number(live, "batch", (double)serve_read(&metrics->sequences));
    xl_live_number(live, "queued", (double)serve_read(&metrics->queued));
    xl_live_tick(live);
}
