/* The input is a file for --config, or a snapshot (best.json), for each of the commands in turn; its first byte
 * chooses. */
#include <stdlib.h>

#include "cli/config_impl.h"
#include "fuzz.h"

static int merge(const cli_spec *spec, const uint8_t *data, size_t size) {
    cli_config *cfg = calloc(1, sizeof *cfg);
    xlstm_error err = {.status = XLSTM_OK};
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    int status = XLSTM_OK;
    if (!cfg) abort();
    cfg->spec = spec;
    cfg->rows = cli_key_count();
    for (int l = 0; l < CLI_LAYERS; l++) {
        cfg->value[l] = calloc((size_t)cfg->rows, sizeof(json_t *));
        if (!cfg->value[l]) abort();
    }
    if (json_is_object(object)) status = cli_layer_add(cfg, CLI_LAYER_CONFIG, object, "fuzz", &err);
    if (status && (status != err.status || !err.text[0])) abort();
    if (!status) {
        xlstm_settings settings;
        json_t *all = cli_effective_json(cfg);
        if (!all) abort();
        json_decref(all);
        if (cli_settings(cfg, NULL, &settings, &err) && !err.text[0]) abort();
    }
    json_decref(object);
    cli_config_free(cfg);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const cli_spec specs[] = {
        {.command = CLI(optimize)}, {.command = CLI(generate)}, {.command = CLI(serve)}, {.command = CLI(bench)}};
    return size ? merge(&specs[data[0] % 4], data + 1, size - 1) : 0;
}
