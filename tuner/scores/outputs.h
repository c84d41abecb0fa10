/* The ratings of the continuations of a run. */
#ifndef TUNE_OUTPUTS_H
#define TUNE_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/session.h>
#include <xlstm/tokenizer.h>

#include "tuner/scores/score.h"

typedef struct tune_scores_options {
    xlstm_model *model;
    const xlstm_tokenizer *tokenizer;
    const xlstm_settings *settings; /* NULL: defaults */
    const char *prompt;             /* UTF-8; BOS is put first */
    size_t prompt_bytes;
    const char *folder;        /* its *.txt are read, sorted by name */
    xlstm_cancel_fn cancel;    /* NULL, or polled */
    tune_progress_fn progress; /* NULL, or called with files done and to do */
    void *user;                /* of both */
} tune_scores_options;

typedef struct tune_scores_summary {
    size_t files, empty; /* read; without a token */
    size_t distinct;     /* different texts, which were scored once each */
    size_t most_alike;   /* files that hold the most frequent text */
    double best, worst;  /* avg_logprob; 0 where nothing was scored */
} tune_scores_summary;

/* Scores every *.txt of the folder and writes ratings.csv and ratings.jsonl there, each atomically. Columns: file,
 * backend, heads_per_band, chunk_size, workers, avg_logprob, ppl, len_tokens, distinct2, distinct3. A continuation
 * is tokenized by itself; one without tokens has null avg_logprob and ppl (empty cells). Nothing is written where a
 * file cannot be read, is no UTF-8, or there is none (ENOTFOUND). */
int tune_scores_folder(const tune_scores_options *options, tune_scores_summary *summary, xlstm_error *err);

#endif
