/* Turns configured values into what the engine takes: settings, search bounds, and the opened model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/config_impl.h"
#include "cli/progress.h"

bool cli_clip(int tunable, int64_t *value, const xlstm_hparams *hparams) {
    xlstm_work work;
    xlstm_work_init(&work, hparams, NULL, 0);
    int64_t wanted = *value;
    *value = xlstm_tunable_effective(tunable, wanted, &work);
    return *value < wanted;
}

static void tell_clipped(cli_config *cfg, int id, int64_t wanted, int64_t value) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    if (cfg->told_clipped[id]) return;
    cli_notice("%s %lld clipped to the model's %lld %s", t->name, (long long)wanted, (long long)value, t->unit);
    cfg->told_clipped[id] = true;
}

static int set_tunable(cli_config *cfg, const cli_key *key, const json_t *value, cli_layer layer,
                       const xlstm_hparams *hparams, xlstm_settings *settings, xlstm_error *err) {
    int id = key->tunable - 1;
    if (json_is_array(value)) value = json_array_get(value, 0);
    if (json_is_string(value)) return xlstm_settings_parse(settings, id, json_string_value(value), err);
    const bool asked = layer >= CLI_LAYER_CONFIG;
    int64_t given = json_integer_value(value), wanted = given, high;
    if (cli_clip(id, &wanted, hparams) && asked) tell_clipped(cfg, id, given, wanted);
    /* A value above what the machine has (workers) is accepted only where the user gave it. */
    xlstm_tunable_range(id, hparams, NULL, &high, NULL);
    if (wanted > high && !asked) wanted = high;
    xlstm_settings_set(settings, id, wanted);
    return XLSTM_OK;
}

int cli_settings(cli_config *cfg, const xlstm_hparams *hparams, xlstm_settings *settings, xlstm_error *err) {
    xlstm_settings_init(settings, hparams);
    for (int row = 0; row < cfg->rows; row++) {
        const cli_key *key = cli_key_at(row);
        if (!key->tunable || !(key->commands & cfg->spec->command)) continue;
        cli_layer layer;
        const json_t *value = cli_value(cfg, row, &layer);
        int status = value ? set_tunable(cfg, key, value, layer, hparams, settings, err) : XLSTM_OK;
        if (status) return status;
    }
    if (cfg->spec->command & CLI_TUNED) {
        int status = xlstm_settings_parse(settings, XLSTM_TUNE_SCHEDULER, cli_backend_name(cfg), err);
        if (status) return status;
    }
    return xlstm_settings_check(settings, err);
}

typedef struct bounds {
    int64_t low, high; /* after clipping */
    int64_t wanted_low, wanted_high;
} bounds;

static int64_t into(int64_t value, int64_t min, int64_t max) {
    return value < min ? min : value > max ? max : value;
}

const cli_bound cli_bound_at[CLI_BOUND_COUNT] = {
    {"heads", "heads_min", "heads_max", XLSTM_TUNE_HEADS_PER_BAND, false},
    {"chunks", "chunks_min", "chunks_max", XLSTM_TUNE_CHUNK_SIZE, false},
    {"workers", "workers_min", "workers_max", XLSTM_TUNE_WORKERS, true},
};

static int read_bounds(const cli_config *cfg, const xlstm_hparams *hparams, const cli_bound *keys, bounds *out,
                       xlstm_error *err) {
    int64_t least = 1, most = INT64_MAX;
    xlstm_tunable_limits(keys->tunable, hparams, &least, &most);
    out->wanted_low = cli_int(cfg, keys->min);
    out->wanted_high = cli_int(cfg, keys->max);
    if (out->wanted_low > out->wanted_high) {
        /* Where one bound is given that lies beyond the other's default, the default moves with it. */
        bool low_set = cli_is_set(cfg, keys->min), high_set = cli_is_set(cfg, keys->max);
        if (low_set && high_set) {
            return xl_fail(err, XLSTM_EARG, "%s: found %lld, wanted at most %s, %lld", keys->min,
                           (long long)out->wanted_low, keys->max, (long long)out->wanted_high);
        }
        if (high_set) {
            out->wanted_low = out->wanted_high;
        } else {
            out->wanted_high = out->wanted_low;
        }
    }
    out->low = into(out->wanted_low, least, most);
    out->high = into(out->wanted_high, out->low, most);
    return XLSTM_OK;
}

/* Prints one line about all bounds that were clipped and that matter to this run. */
static void tell_bounds(cli_config *cfg, const xlstm_hparams *hparams, int asked) {
    char text[256];
    size_t used = 0;
    if (cfg->told_bounds) return;
    for (int i = 0; i < CLI_BOUND_COUNT; i++) {
        const cli_bound *keys = &cli_bound_at[i];
        bounds b;
        if (keys->queued_only && i != asked && strcmp(cli_backend_name(cfg), "queued") != 0) continue;
        if (read_bounds(cfg, hparams, keys, &b, NULL)) continue;
        if (b.low == b.wanted_low && b.high == b.wanted_high) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %lld to %lld instead of %lld to %lld",
                                 used ? ", " : "", keys->name, (long long)b.low, (long long)b.high,
                                 (long long)b.wanted_low, (long long)b.wanted_high);
    }
    if (!used) return;
    cli_notice("bounds clipped to this model and machine: %s", text);
    cfg->told_bounds = true;
}

int cli_bounds(cli_config *cfg, const xlstm_hparams *hparams, int bound, int64_t *low, int64_t *high,
               xlstm_error *err) {
    bounds b;
    int status = read_bounds(cfg, hparams, &cli_bound_at[bound], &b, err);
    if (status) return status;
    tell_bounds(cfg, hparams, bound);
    *low = b.low;
    *high = b.high;
    return XLSTM_OK;
}

int cli_encode_prompt(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *name, const char *text,
                      size_t bytes, bool bos, int32_t **ids, size_t *count, xlstm_error *err) {
    xlstm_error inner;
    if (!name) name = cli_str(cfg, "prompt_file");
    int status = xlstm_tokenizer_encode(tokenizer, text, bytes, bos, ids, count, &inner);
    if (status) return xl_fail(err, status, "%s: %.900s", name ? name : "prompt", inner.text);
    int32_t begin = xlstm_tokenizer_bos(tokenizer);
    if (bos && begin >= 0 && *count >= 2 && (*ids)[1] == begin)
        cli_notice("%s: begins with the BOS token %ld, and another is put before it; leave it out of the text",
                   name ? name : "prompt", (long)begin);
    return XLSTM_OK;
}

int cli_open_tokenizer(cli_config *cfg, xlstm_tokenizer **tokenizer, xlstm_error *err) {
    const char *path = cli_model_path(cfg, err);
    return path ? xlstm_tokenizer_open(tokenizer, path, err) : XLSTM_ENOTFOUND;
}

/* A loading step whose progress is shown and that can be cancelled. */
typedef struct shown_load {
    xlstm_cancel_fn cancel;
    void *user;
} shown_load;

static int show_load(void *user) {
    const shown_load *load = user;
    cli_progress("loading the model", 0, 0);
    return load->cancel ? load->cancel(load->user) : 0;
}

int cli_open_model(cli_config *cfg, xlstm_model **model, xlstm_cancel_fn cancel, void *user, xlstm_error *err) {
    const char *path = cli_model_path(cfg, err);
    if (!path) return XLSTM_ENOTFOUND;
    xlstm_settings settings;
    int status = cli_settings(cfg, NULL, &settings, err);
    if (status) return status;
    shown_load load = {cancel, user};
    xlstm_model_options options = {.settings = &settings,
                                   .device = cli_str(cfg, "device"),
                                   .cpu_mask = cli_str(cfg, "cpu_mask"),
                                   .cancel = show_load,
                                   .user = &load};
    status = xlstm_model_open(model, path, &options, err);
    cli_progress_end();
    return status;
}
