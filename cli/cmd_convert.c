/* xltune convert: writes a checkpoint anew with its weights in another format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/convert.h>
#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"

static const cli_spec spec = {
    .command = CLI(convert),
    .instead = "a checkpoint is given with --model, the new folder with --out",
    .summary = "Writes a checkpoint with its weights in another format.",
    .details = "The new folder loads by mapping, without conversion, and gives the same results\n"
               "as the old one with --weights and --head-weights. bf16 and f16 are read by\n"
               "other programs too; the formats in blocks are xltune's own. The folder must be\n"
               "new or empty. A conversion that was stopped is continued by the same command,\n"
               "and its folder is no checkpoint before it is complete. With --calibrate, the\n"
               "errors of 4- and 6-bit weights count by the mean square of what they multiply\n"
               "in that text.\n",
};

static void progress(void *user, uint64_t done, uint64_t total) {
    cli_progress("converting: MB", (size_t)(done / 1000000), (size_t)(total / 1000000 + 1));
}

static int64_t choice_of(const char *value, xlstm_tunable_id id) {
    const char *const *choices = xlstm_tunable_get(id)->choices;
    for (int64_t i = 0; value && choices[i]; i++) {
        if (!strcmp(choices[i], value)) return i;
    }
    return 0;
}

static void count_tokens(void *user, uint64_t done, uint64_t total) {
    (void)user;
    cli_progress("calibrating: token", (size_t)done, (size_t)total);
}

/* Runs the text through the checkpoint as it is stored, and writes the importance of its columns. */
static int calibrate(cli_config *cfg, const char *dir, const char *importance, xlstm_error *err) {
    const char *path = cli_str(cfg, "calibrate");
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_model *model = NULL;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t bytes, count = 0;
    int status = cli_open_tokenizer(cfg, &tokenizer, err);
    if (!status) status = cli_input_text(path, &text, &bytes, err);
    if (!status) status = cli_encode_prompt(cfg, tokenizer, path, text, bytes, true, &ids, &count, err);
    const xlstm_model_options options = {.cancel = cli_signals_cancel};
    if (!status) status = xlstm_model_open(&model, dir, &options, err);
    if (!status)
        status = xlstm_importance_write(importance, model, ids, count, count_tokens, cli_signals_cancel, NULL, err);
    cli_progress_end();
    free(ids);
    free(text);
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return status;
}

static int convert(cli_config *cfg, xlstm_error *err) {
    const char *dir = cli_model_path(cfg, err), *out = cli_str(cfg, "out");
    if (!dir) return err->status;
    double start = xl_now_s();
    xlstm_convert_result result;
    const char *importance = cli_str(cfg, "importance");
    char *own = NULL; /* beside the folder, and removed when that is complete */
    if (cli_has(cfg, "calibrate")) {
        if (!importance) importance = own = xl_format("%s.importance", out);
        int failed =
            importance ? calibrate(cfg, dir, importance, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
        if (failed) {
            free(own);
            return failed;
        }
    }
    const xlstm_convert_options options = {.weights = choice_of(cli_str(cfg, "weights"), XLSTM_TUNE_WEIGHTS),
                                           .head_weights =
                                               choice_of(cli_str(cfg, "head_weights"), XLSTM_TUNE_HEAD_WEIGHTS),
                                           .importance = importance,
                                           .cancel = cli_signals_cancel,
                                           .progress = progress};
    int status = xlstm_checkpoint_convert(dir, out, &options, &result, err);
    cli_progress_end();
    if (own && !status) unlink(own);
    free(own);
    if (status) return status;
    const char *unit = result.source_bytes < 1000000000 ? "MB" : "GB";
    const double scale = result.source_bytes < 1000000000 ? 1e-6 : 1e-9;
    printf("%s: %.2f %s of %.2f %s in %llu file%s, %.1f s\n", cli_plain(out), (double)result.bytes * scale, unit,
           (double)result.source_bytes * scale, unit, (unsigned long long)result.files,
           result.files == 1 ? "" : "s", xl_now_s() - start);
    return XLSTM_OK;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err = {0};
    if (!cli_has(cfg, "weights") || !cli_has(cfg, "out")) {
        code = cli_usage(cfg, "%s is missing", cli_has(cfg, "weights") ? "--out DIR" : "--weights FORMAT");
    } else {
        cli_signals_install();
        int status = convert(cfg, &err);
        code = status == XLSTM_ECANCELLED && cli_signals_code() ? cli_signals_code()
               : status                                         ? cli_fail(cfg, &err)
                                                                : 0;
    }
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_convert = {"write a checkpoint with its weights in another format", run};
