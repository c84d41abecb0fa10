/* How far the predictions for a text are from those of other weights: the logits of a run are kept in a file
 * (docs/formats/logits.md), and those of another run are compared with them token by token. */
#ifndef TUNE_DIVERGENCE_H
#define TUNE_DIVERGENCE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

/* A text as it is fed, BOS included: the logits behind each of ids[0 … count - 2] foresee the id after it. */
typedef struct tune_text {
    const int32_t *ids; /* [count] */
    size_t count;       /* > 1 */
    int64_t vocab_size;
} tune_text;

/* ---- writing ---- */

typedef struct tune_logits_writer tune_logits_writer;

/* Begins a file of `text->count - 1` rows of logits, which are appended in the order of the text. `fingerprint` of
 * the checkpoint and `settings`, a line, are kept in the file for people. On success *out is the caller's, to
 * finish or to abort. */
int tune_logits_begin(tune_logits_writer **out, const char *path, const tune_text *text, const char *fingerprint,
                      const char *settings, xlstm_error *err);
int tune_logits_append(tune_logits_writer *writer, const float *logits, xlstm_error *err);
/* The file appears when all rows were appended. Releases the writer, also when it fails. */
int tune_logits_finish(tune_logits_writer *writer, xlstm_error *err);
void tune_logits_abort(tune_logits_writer *writer);

/* ---- comparing ---- */

/* P is the file's run and Q the one that is compared. Errors are one standard error, with tokens taken as
 * independent. */
typedef struct tune_divergence {
    double kl_mean, kl_mean_error;    /* of the sum over the vocabulary of P log(P / Q), in nats */
    double kl_median, kl_p99, kl_max; /* over the tokens */
    double same_top, same_top_error;  /* share of tokens for which both have the same most probable next one */
    double base_ppl, ppl_ratio, ratio_error; /* perplexity of Q over that of P */
} tune_divergence;

typedef struct tune_comparison tune_comparison;

/* Opens a file of logits. EFORMAT where it is no such file or has impossible shapes, EMISMATCH where its text or
 * its vocabulary is another. */
int tune_comparison_open(tune_comparison **out, const char *path, const tune_text *text, xlstm_error *err);
void tune_comparison_close(tune_comparison *comparison);
/* Compares the next row. ENOTFINITE where either run has a logit that is not finite. */
int tune_comparison_add(tune_comparison *comparison, const float *logits, xlstm_error *err);
/* Sums up what was added, which is at least one row. */
void tune_comparison_sum_up(tune_comparison *comparison, tune_divergence *out);

/* Mean of n > 0 values, and the standard error of the mean (0 for a single value). */
void tune_mean_error(const double *values, size_t n, double *mean, double *error);

#endif
