/* xltune judge: scores saved continuations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/judge_via.h"
#include "cli/progress.h"
#include "cli/save_outputs.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/work.h"
#include "tuner/scores/model_scorer.h"
#include "tuner/scores/outputs.h"
#include "tuner/target/targets.h"

static const cli_spec spec = {
    .command = CLI(judge),
    .instead = "a run is given with --run, a folder of texts with --outputs",
    .summary = "Scores the continuations of a run by the model's own probabilities.",
    .details = "Reads every *.txt file in the folder and writes ratings.csv and ratings.jsonl\n"
               "there, with avg_logprob (the mean log-probability of a token given the prompt\n"
               "and the tokens before it), ppl = exp(-avg_logprob), len_tokens, and distinct2\n"
               "and distinct3 (the share of word n-grams that are distinct). The prompt must be\n"
               "the one that was continued; if none is given, it is taken from the run. The\n"
               "outputs of a run that tuned a worker are scored by that worker, if it can.\n"
               "\nWith --via another language model compares the different texts pair by pair\n"
               "and says which is better, or that neither is: opinions.csv holds the share of\n"
               "its comparisons that each text won (a tie counts half), opinions.jsonl every\n"
               "answer. The order of a pair is by lot and turned at each repeat; how often\n"
               "repeats agree, and how often the first text was preferred, is printed. A key\n"
               "for the server is read from $XLTUNE_VIA_KEY.\n",
};

static void progress(void *user, size_t done, size_t total) {
    cli_progress("judge: file", done, total);
}

static void say(const tune_scores_summary *s, const char *name) {
    const char *folder = cli_plain(name);
    if (s->files == 1) printf("1 continuation in %s", folder);
    else if (s->distinct == 1) printf("all %zu continuations in %s are identical", s->files, folder);
    else if (s->distinct == s->files) printf("%zu continuations in %s, no two alike", s->files, folder);
    else
        printf("%zu continuations in %s: %zu different texts, the most frequent in %zu files", s->files, folder,
               s->distinct, s->most_alike);
    if (s->empty == s->files) printf(s->files == 1 ? "; it is empty" : "; all are empty");
    else if (s->empty) printf("; %zu of them empty", s->empty);
    if (s->empty < s->files && s->distinct == 1) printf("; avg_logprob %.4f", s->best);
    else if (s->empty < s->files) printf("; avg_logprob %.4f to %.4f", s->worst, s->best);
    putchar('\n');
}

/* The run that the outputs are of, malloc'd; NULL where that is not known. */
static char *run_of(const cli_config *cfg) {
    const char *run = cli_str(cfg, "run"), *outputs = cli_str(cfg, "outputs");
    return run ? strdup(run) : outputs ? xl_path_join(outputs, "..") : NULL;
}

typedef struct by_target {
    tune_target target;
    tune_passage prompt;
} by_target;

static int score_by_target(void *self, const char *text, size_t bytes, double *sum, size_t *tokens,
                           xlstm_error *err) {
    const by_target *by = self;
    const tune_passage passage = {text, bytes};
    const size_t valid = xl_utf8_valid(text, bytes);
    if (valid < bytes)
        return xl_fail(err, XLSTM_EFORMAT, "not UTF-8: byte 0x%02x at offset %zu", (unsigned char)text[valid],
                       valid);
    return by->target.score_text(by->target.self, &by->prompt, &passage, sum, tokens, err);
}

/* Scores by libxlstm. */
static int judge_by_model(cli_config *cfg, tune_scores_options *options, const tune_passage *prompt,
                          tune_scores_summary *summary, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_model *model = NULL;
    tune_model_scorer *scorer = NULL;
    xlstm_settings settings;
    int status = cli_open_tokenizer(cfg, &tokenizer, err);
    if (!status) status = cli_open_model(cfg, &model, cli_signals_cancel, NULL, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, err);
    if (!status) {
        const tune_model_scorer_options by = {.model = model,
                                              .tokenizer = tokenizer,
                                              .settings = &settings,
                                              .prompt = prompt->text,
                                              .prompt_bytes = prompt->bytes,
                                              .cancel = cli_signals_cancel};
        status = tune_model_scorer_open(&scorer, &by, err);
    }
    if (!status) {
        options->scorer = tune_model_scorer_scorer(scorer);
        status = tune_scores_folder(options, summary, err);
    }
    tune_model_scorer_close(scorer);
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return status;
}

static int judge(cli_config *cfg, xlstm_error *err) {
    char *prompt = NULL, *folder = cli_outputs_folder(cfg, err), *of_run = run_of(cfg);
    by_target by = {.prompt = {0}};
    const tune_target_class *class;
    tune_scores_summary summary;
    int status = folder ? cli_run_prompt(cfg, &prompt, &by.prompt.bytes, err) : err->status;
    by.prompt.text = prompt;
    if (!status) status = cli_run_target(cfg, of_run, &by.target, &class, err);
    tune_scores_options options = {
        .scorer = {.score = score_by_target, .self = &by}, .folder = folder, .progress = progress};
    if (!status)
        status = by.target.score_text ? tune_scores_folder(&options, &summary, err)
                                      : judge_by_model(cfg, &options, &by.prompt, &summary, err);
    if (!status) say(&summary, folder);
    if (!status && cli_has(cfg, "via")) {
        cli_flush();
        status = cli_judge_via(cfg, folder, prompt, err);
    }
    tune_target_close(&by.target);
    free(folder);
    free(of_run);
    free(prompt);
    return status;
}

static const char *missing(const cli_config *cfg) {
    return cli_has(cfg, "run") || cli_has(cfg, "outputs") ? NULL : "--run RUN or --outputs DIR is wanted";
}

static int run(int argc, char **argv) {
    return cli_work_run(&spec, argc, argv, missing, judge);
}

const cli_command cli_cmd_judge = {"score the continuations of a run", run};
