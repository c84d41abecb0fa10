#include "cli/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/signals.h"

enum { META_LIMIT = 64 << 20 };

char *cli_outputs_folder(const cli_config *cfg, xlstm_error *err) {
    const char *outputs = cli_str(cfg, "outputs"), *run = cli_str(cfg, "run");
    if (!outputs && !run) {
        xl_fail(err, XLSTM_EARG, "--run RUN or --outputs DIR is wanted");
        return NULL;
    }
    char *folder = outputs ? strdup(outputs) : xl_path_join(run, "outputs");
    if (!folder) xl_fail(err, XLSTM_ENOMEM, "outputs: out of memory");
    return folder;
}

/* Returns the prompt stored in run_meta.json, malloc'd; NULL where there is none. */
static char *prompt_of_run(const char *run) {
    char *path = xl_path_join(run, "run_meta.json"), *data = NULL, *prompt = NULL;
    size_t bytes;
    if (path && xl_is_file(path) && !xl_file_read(path, META_LIMIT, &data, &bytes, NULL)) {
        json_t *meta = json_loadb(data, bytes, 0, NULL);
        const char *text = json_string_value(json_object_get(meta, "prompt"));
        if (text) {
            prompt = strdup(text);
            cli_notice("prompt taken from %s", path);
        }
        json_decref(meta);
    }
    free(data);
    free(path);
    return prompt;
}

int cli_run_prompt(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err) {
    const char *file = cli_str(cfg, "prompt_file"), *run = cli_str(cfg, "run"), *outputs = cli_str(cfg, "outputs");
    *text = NULL;
    if (!file && cli_layer_of(cfg, "prompt") == CLI_LAYER_DEFAULT) {
        char *above = !run && outputs ? xl_path_join(outputs, "..") : NULL;
        *text = run || above ? prompt_of_run(run ? run : above) : NULL;
        free(above);
        if (*text) *bytes = strlen(*text);
    }
    int status = *text ? XLSTM_OK : cli_prompt_text(cfg, text, bytes, err);
    if (status) return status;
    size_t valid = xl_utf8_valid(*text, *bytes);
    if (valid == *bytes) return XLSTM_OK;
    status = xl_fail(err, XLSTM_EFORMAT, "%s: not UTF-8: byte 0x%02x at offset %zu", file ? file : "prompt",
                     (unsigned char)(*text)[valid], valid);
    free(*text);
    *text = NULL;
    return status;
}

int cli_exit_code(const cli_config *cfg, int status, const xlstm_error *err) {
    int code = cli_signals_code();
    if (!status) return 0;
    if (status != XLSTM_ECANCELLED || !code) return cli_fail(cfg, err);
    cli_notice("stopped by %s", cli_signals_name());
    return code;
}

int cli_work_run(const cli_spec *spec, int argc, char **argv, const char *(*missing)(const cli_config *cfg),
                 int (*work)(cli_config *cfg, xlstm_error *err)) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    const char *wanted = missing(cfg);
    if (wanted) {
        code = cli_usage(cfg, "%s", wanted);
    } else {
        xlstm_error err = {0};
        cli_signals_install();
        int status = work(cfg, &err);
        code = cli_exit_code(cfg, status, &err);
    }
    cli_config_free(cfg);
    return code;
}
