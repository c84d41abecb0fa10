/* xltune perplexity: how well the model predicts a text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/json_out.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/work.h"
#include "tuner/scores/score.h"

static const cli_spec spec = {
    .command = CLI(perplexity),
    .summary = "Computes the perplexity of a text file.",
    .details = "The text is fed after a BOS token, and every token is scored by the logits\n"
               "before it. The state is carried through the whole text. nll is the mean\n"
               "negative natural log-probability of a token, and ppl = exp(nll). If the\n"
               "tokenizer has no BOS token, the first token is not scored.\n",
};

static void progress(void *user, size_t done, size_t total) {
    cli_progress("perplexity: token", done, total);
}

static int read_tokens(cli_config *cfg, const xlstm_tokenizer *tokenizer, int32_t **ids, size_t *count,
                       xlstm_error *err) {
    const char *path = cli_str(cfg, "file");
    char *text;
    size_t bytes;
    int status = cli_input_text(path, &text, &bytes, err);
    if (status) return status;
    status = cli_encode_prompt(cfg, tokenizer, path, text, bytes, true, ids, count, err);
    free(text);
    if (status) return status;
    if (*count >= 2) return XLSTM_OK;
    free(*ids);
    *ids = NULL;
    return xl_fail(err, XLSTM_EARG, "%s: no token to score, a text is wanted", path);
}

static int score(xlstm_model *model, const xlstm_settings *settings, const int32_t *ids, size_t count, double *sum,
                 xlstm_error *err) {
    int64_t vocab_size = xlstm_model_hparams(model)->vocab_size;
    xlstm_session *session = NULL;
    float *logits = xl_aligned_alloc((size_t)vocab_size, sizeof *logits);
    int status = logits ? xlstm_session_create(&session, model, settings, err)
                        : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) xlstm_session_set_cancel(session, cli_signals_cancel, NULL);
    if (!status) status = xlstm_prefill(session, ids, 1, XLSTM_LOGITS_LAST, logits, err);
    const tune_continuation text = {ids + 1, count - 1, logits, vocab_size};
    if (!status) status = tune_score_tokens(session, &text, sum, NULL, progress, NULL, err);
    xlstm_session_destroy(session);
    xl_aligned_free(logits);
    return status;
}

static int report(const cli_config *cfg, size_t tokens, double nll, double seconds, xlstm_error *err) {
    double ppl = exp(nll);
    if (!isfinite(ppl))
        return xl_fail(err, XLSTM_ENOTFINITE, "ppl is not finite: exp of nll %.6g over %zu tokens", nll, tokens);
    if (cli_bool(cfg, "json")) {
        json_t *object = json_pack("{s:I,s:f,s:f}", "tokens", (json_int_t)tokens, "nll", nll, "ppl", ppl);
        int status = cli_print_json(object, JSON_COMPACT, stdout, err);
        json_decref(object);
        return status;
    }
    printf("tokens %zu\nnll %.6f\nppl %.4f\n", tokens, nll, ppl);
    if (cli_flush()) fprintf(stderr, "%.2f s, %.1f tok/s\n", seconds, (double)tokens / seconds);
    return XLSTM_OK;
}

static int perplexity(cli_config *cfg, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_model *model = NULL;
    xlstm_settings settings;
    int32_t *ids = NULL;
    size_t count = 0;
    double sum = 0;
    int status = cli_open_tokenizer(cfg, &tokenizer, err);
    if (!status) status = read_tokens(cfg, tokenizer, &ids, &count, err);
    if (!status) status = cli_open_model(cfg, &model, cli_signals_cancel, NULL, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, err);
    double start = xl_now_s();
    if (!status) status = score(model, &settings, ids, count, &sum, err);
    if (!status) status = report(cfg, count - 1, -sum / (double)(count - 1), xl_now_s() - start, err);
    free(ids);
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return status;
}

static const char *missing(const cli_config *cfg) {
    return cli_has(cfg, "file") ? NULL : "--file FILE is wanted (- is standard input)";
}

static int run(int argc, char **argv) {
    return cli_work_run(&spec, argc, argv, missing, perplexity);
}

const cli_command cli_cmd_perplexity = {"compute the perplexity of a text", run};
