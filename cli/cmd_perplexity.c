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
#include "tuner/scores/divergence.h"
#include "tuner/scores/score.h"

static const cli_spec spec = {
    .command = CLI(perplexity),
    .instead = "a text is given with --file",
    .summary = "Computes the perplexity of a text file.",
    .details = "The text is fed after a BOS token, and every token is scored by the logits\n"
               "before it. The state is carried through the whole text. nll is the mean\n"
               "negative natural log-probability of a token, and ppl = exp(nll). If the\n"
               "tokenizer has no BOS token, the first token is not scored.\n"
               "ppl_error is one standard error of ppl. --kl-base and then --kl with other\n"
               "settings on the same text tell how far the predictions move: KL divergence\n"
               "(mean, median, 99 %, largest), share of tokens with the same most probable\n"
               "next token, and the ratio of the perplexities.\n",
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

/* What becomes of the logits beside the score: written, compared, or neither. */
typedef struct outcome {
    tune_logits_writer *base;
    tune_comparison *comparison;
    double nll, nll_error, seconds;
    tune_divergence divergence;
} outcome;

static int keep_logits(void *user, const float *logits, xlstm_error *err) {
    const outcome *o = user;
    int status = o->base ? tune_logits_append(o->base, logits, err) : XLSTM_OK;
    if (!status && o->comparison) status = tune_comparison_add(o->comparison, logits, err);
    return status;
}

/* The format of the weights, for those who read the file later. */
static const char *weights_name(const xlstm_settings *settings) {
    return xlstm_tunable_get(XLSTM_TUNE_WEIGHTS)->choices[xlstm_settings_get(settings, XLSTM_TUNE_WEIGHTS)];
}

static int open_files(outcome *o, const cli_config *cfg, const xlstm_model *model, const xlstm_settings *settings,
                      const tune_text *text, xlstm_error *err) {
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    int status = XLSTM_OK;
    if (cli_has(cfg, "kl")) status = tune_comparison_open(&o->comparison, cli_str(cfg, "kl"), text, err);
    if (status || !cli_has(cfg, "kl_base")) return status;
    status =
        tune_logits_begin(&o->base, cli_str(cfg, "kl_base"), text, info.fingerprint, weights_name(settings), err);
    double gigabytes = (double)(text->count - 1) * (double)text->vocab_size * sizeof(float) * 1e-9;
    if (!status && gigabytes >= 1)
        cli_notice("%s takes %.1f GB: %zu tokens times %lld logits", cli_str(cfg, "kl_base"), gigabytes,
                   text->count - 1, (long long)text->vocab_size);
    return status;
}

static int score(outcome *o, xlstm_model *model, const xlstm_settings *settings, const tune_text *text,
                 xlstm_error *err) {
    xlstm_session *session = NULL;
    const size_t scored = text->count - 1;
    double sum, start = xl_now_s();
    float *logits = xl_aligned_alloc((size_t)text->vocab_size, sizeof *logits);
    double *logprobs = xl_array(scored, sizeof *logprobs);
    int status = logits && logprobs ? xlstm_session_create(&session, model, settings, err)
                                    : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) xlstm_session_set_cancel(session, cli_signals_cancel, NULL);
    if (!status) status = xlstm_prefill(session, text->ids, 1, XLSTM_LOGITS_LAST, logits, err);
    const tune_continuation rest = {text->ids + 1, scored, logits, text->vocab_size, keep_logits, o};
    if (!status) status = tune_score_tokens(session, &rest, &sum, logprobs, progress, NULL, err);
    if (!status) tune_mean_error(logprobs, scored, &o->nll, &o->nll_error);
    o->nll = -o->nll;
    o->seconds = xl_now_s() - start;
    xlstm_session_destroy(session);
    xl_aligned_free(logits);
    free(logprobs);
    return status;
}

static json_t *divergence_json(const tune_divergence *d) {
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "kl_mean", d->kl_mean, "kl_mean_error",
                     d->kl_mean_error, "kl_median", d->kl_median, "kl_p99", d->kl_p99, "kl_max", d->kl_max,
                     "same_top", d->same_top, "same_top_error", d->same_top_error, "base_ppl", d->base_ppl,
                     "ppl_ratio", d->ppl_ratio, "ppl_ratio_error", d->ratio_error);
}

static int report(const cli_config *cfg, const outcome *o, size_t tokens, xlstm_error *err) {
    double ppl = exp(o->nll);
    if (!isfinite(ppl))
        return xl_fail(err, XLSTM_ENOTFINITE, "ppl is not finite: exp of nll %.6g over %zu tokens", o->nll, tokens);
    const tune_divergence *d = o->comparison ? &o->divergence : NULL;
    if (cli_bool(cfg, "json")) {
        json_t *object = json_pack("{s:I,s:f,s:f,s:f}", "tokens", (json_int_t)tokens, "nll", o->nll, "ppl", ppl,
                                   "ppl_error", ppl * o->nll_error);
        json_t *more = d ? divergence_json(d) : NULL;
        if (object && d && json_object_update(object, more)) {
            json_decref(object);
            object = NULL;
        }
        json_decref(more);
        int status = cli_print_json(object, JSON_COMPACT, stdout, err);
        json_decref(object);
        return status;
    }
    printf("tokens %zu\nnll %.6f\nppl %.4f\nppl_error %.4f\n", tokens, o->nll, ppl, ppl * o->nll_error);
    if (d)
        printf("kl_mean %.6f ± %.6f\nkl_median %.6f\nkl_p99 %.6f\nkl_max %.6f\nsame_top %.3f %% ± %.3f %%\n"
               "base_ppl %.4f\nppl_ratio %.6f ± %.6f\n",
               d->kl_mean, d->kl_mean_error, d->kl_median, d->kl_p99, d->kl_max, 100 * d->same_top,
               100 * d->same_top_error, d->base_ppl, d->ppl_ratio, d->ratio_error);
    if (cli_flush()) fprintf(stderr, "%.2f s, %.1f tok/s\n", o->seconds, (double)tokens / o->seconds);
    return XLSTM_OK;
}

static int perplexity(cli_config *cfg, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_model *model = NULL;
    xlstm_settings settings;
    int32_t *ids = NULL;
    size_t count = 0;
    outcome o = {0};
    int status = cli_open_tokenizer(cfg, &tokenizer, err);
    if (!status) status = read_tokens(cfg, tokenizer, &ids, &count, err);
    if (!status) status = cli_open_model(cfg, &model, cli_signals_cancel, NULL, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, err);
    const tune_text text = {ids, count, model ? xlstm_model_hparams(model)->vocab_size : 0};
    if (!status) status = open_files(&o, cfg, model, &settings, &text, err);
    if (!status) status = score(&o, model, &settings, &text, err);
    if (!status && o.comparison) tune_comparison_sum_up(o.comparison, &o.divergence);
    if (!status && o.base) {
        status = tune_logits_finish(o.base, err);
        o.base = NULL;
    }
    if (!status) status = report(cfg, &o, count - 1, err);
    tune_logits_abort(o.base);
    tune_comparison_close(o.comparison);
    free(ids);
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return status;
}

static const char *missing(const cli_config *cfg) {
    if (!cli_has(cfg, "file")) return "--file FILE is wanted (- is standard input)";
    const char *base = cli_str(cfg, "kl_base");
    return base && !strcmp(base, "-") ? "--kl-base: a file is wanted, standard output is the report's" : NULL;
}

static int run(int argc, char **argv) {
    return cli_work_run(&spec, argc, argv, missing, perplexity);
}

const cli_command cli_cmd_perplexity = {"compute the perplexity of a text", run};
