/* Scores by a checkpoint in libxlstm. */
#ifndef TUNE_MODEL_SCORER_H
#define TUNE_MODEL_SCORER_H

#include <xlstm/session.h>
#include <xlstm/tokenizer.h>

#include "tuner/scores/outputs.h"

typedef struct tune_model_scorer_options {
    xlstm_model *model;
    const xlstm_tokenizer *tokenizer;
    const xlstm_settings *settings; /* may be NULL: the defaults */
    const char *prompt;             /* UTF-8; BOS is put before it */
    size_t prompt_bytes;
    xlstm_cancel_fn cancel; /* may be NULL; polled */
    void *user;             /* argument of cancel */
} tune_model_scorer_options;

typedef struct tune_model_scorer tune_model_scorer;

/* Reads the prompt. On success *out is the caller's to close; model and tokenizer must outlive it. XLSTM_EARG where
 * there is no token to go on from. */
int tune_model_scorer_open(tune_model_scorer **out, const tune_model_scorer_options *options, xlstm_error *err);
void tune_model_scorer_close(tune_model_scorer *scorer);
/* A text is tokenized by itself. XLSTM_EFORMAT where it is not UTF-8. */
tune_scorer tune_model_scorer_scorer(tune_model_scorer *scorer);

#endif
