/* xltune judge: scores saved continuations. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/work.h"
#include "tuner/scores/outputs.h"

static const cli_spec spec = {
    .command = CLI(judge),
    .summary = "Scores the continuations of a run by the model's own probabilities.",
    .details = "Reads every *.txt file in the folder and writes ratings.csv and ratings.jsonl\n"
               "there, with avg_logprob (the mean log-probability of a token given the prompt\n"
               "and the tokens before it), ppl = exp(-avg_logprob), len_tokens, and distinct2\n"
               "and distinct3 (the share of word n-grams that are distinct). The prompt must be\n"
               "the one that was continued; if none is given, it is taken from the run.\n",
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

static int judge(cli_config *cfg, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_model *model = NULL;
    xlstm_settings settings;
    char *prompt = NULL;
    size_t bytes = 0;
    tune_scores_summary summary;
    char *folder = cli_outputs_folder(cfg, err);
    int status = folder ? cli_run_prompt(cfg, &prompt, &bytes, err) : err->status;
    if (!status) status = cli_open_tokenizer(cfg, &tokenizer, err);
    if (!status) status = cli_open_model(cfg, &model, cli_signals_cancel, NULL, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, err);
    if (!status) {
        tune_scores_options options = {.model = model,
                                       .tokenizer = tokenizer,
                                       .settings = &settings,
                                       .prompt = prompt,
                                       .prompt_bytes = bytes,
                                       .folder = folder,
                                       .cancel = cli_signals_cancel,
                                       .progress = progress};
        status = tune_scores_folder(&options, &summary, err);
    }
    if (!status) {
        say(&summary, folder);
    }
    free(folder);
    free(prompt);
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return status;
}

static const char *missing(const cli_config *cfg) {
    return cli_has(cfg, "run") || cli_has(cfg, "outputs") ? NULL : "--run RUN or --outputs DIR is wanted";
}

static int run(int argc, char **argv) {
    return cli_work_run(&spec, argc, argv, missing, judge);
}

const cli_command cli_cmd_judge = {"score the continuations of a run", run};
