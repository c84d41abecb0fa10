/* Scores of the continuations of a run (ratings.csv). */
#ifndef TUNE_OUTPUTS_H
#define TUNE_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/scores/score.h"

/* What scores a text: the sum of the natural log-probabilities of its tokens, each given the prompt and the tokens
 * before it, and the number of tokens, which may be 0. The text is UTF-8. */
typedef struct tune_scorer {
    int (*score)(void *self, const char *text, size_t bytes, double *sum, size_t *tokens, xlstm_error *err);
    void *self;
} tune_scorer;

typedef struct tune_scores_options {
    tune_scorer scorer;
    const char *folder;        /* its files *.txt are read, sorted by name */
    tune_progress_fn progress; /* may be NULL; called with the number of files done and their total */
    void *user;                /* argument of progress */
} tune_scores_options;

typedef struct tune_scores_summary {
    size_t files, empty; /* files that were read, and those without a token */
    size_t distinct;     /* number of different texts; each was scored once */
    size_t most_alike;   /* number of files that hold the most frequent text */
    double best, worst;  /* lowest and highest avg_logprob; 0 where nothing was scored */
} tune_scores_summary;

/* Scores every *.txt of the folder and writes ratings.csv and ratings.jsonl there, each atomically. Columns: file,
 * backend, heads_per_band, chunk_size, workers, avg_logprob, ppl, len_tokens, distinct2, distinct3. A continuation
 * is tokenized by itself; where it has no tokens, avg_logprob and ppl are null (empty cells). Nothing is written
 * where a file cannot be read or is not UTF-8, or where there is no file (XLSTM_ENOTFOUND). */
int tune_scores_folder(const tune_scores_options *options, tune_scores_summary *summary, xlstm_error *err);

#endif
