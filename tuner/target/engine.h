/* The engine as a target. What is measured is a request to a checkpoint under given settings: a prompt and a
 * number of greedy tokens.
 *
 * The checkpoint is opened once, and again only for settings that take effect when it is loaded. At most two
 * copies are open, or one where memory does not suffice for two. A measurement is a whole request from an empty
 * state: prefill of the prompt, then `new` tokens, even where the text ends before. */
#ifndef TUNE_TARGET_ENGINE_H
#define TUNE_TARGET_ENGINE_H

#include <xlstm/xlstm.h>

#include "tuner/target/engine_metrics.h"
#include "tuner/target/engine_settings.h"
#include "tuner/target/target.h"

typedef struct tune_engine tune_engine;

typedef struct tune_engine_options {
    const char *model_dir;
    const char *checkpoint;        /* the fingerprint that it must have; NULL: any */
    const char *device, *cpu_mask; /* as for xlstm_model_open */
    const int32_t *ids;            /* the prompt with BOS; copied */
    size_t count;
    int64_t new_tokens;
    int objective;
    bool score; /* for every candidate, determine perplexity and KL divergence from the baseline */
    /* For every candidate, determine the peak of memory in a request of its own; otherwise the peak is that of the
     * whole process. */
    bool memory;
    double max_kl;          /* candidates with a larger divergence are infeasible; INFINITY */
    bool numerics;          /* numerics are tuned: other tokens are scored and are not a failure */
    bool require_identical; /* other tokens are a failure even after a near-tie */
    xlstm_cancel_fn cancel; /* may be NULL */
    void *user;
    /* Gives the settings of a candidate. */
    void (*settings_of)(void *ctx, int64_t candidate, xlstm_settings *out);
    void *ctx;
} tune_engine_options;

/* Opens the checkpoint with the baseline's settings. The strings must outlive the engine. XLSTM_ECHANGED, here or
 * in a later measurement, where the folder holds another checkpoint, because times of the two could not be
 * compared. */
int tune_engine_create(tune_engine **out, const tune_engine_options *options, xlstm_error *err);
void tune_engine_destroy(tune_engine *engine);
/* Checks that the folder still holds the checkpoint with which the engine was made; XLSTM_ECHANGED where it does
 * not. */
int tune_engine_unchanged(tune_engine *engine, xlstm_error *err);
/* Returns the copy on which the baseline runs; valid until something is measured. */
xlstm_model *tune_engine_model(tune_engine *engine);

/* Functions for tune_target: measure and outcome; `self` is the engine. A token that differs from the baseline's
 * fails the candidate where the baseline's margin between its two largest logits exceeds TUNE_TOKEN_MARGIN and
 * numerics are not tuned. */
int tune_engine_measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                        xlstm_error *err);
int tune_engine_outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err);
#define TUNE_TOKEN_MARGIN 1e-3
/* The divergence is the mean over the prompt, or over as many of its first tokens as fit into 64 MiB of the
 * baseline's logits, or the mean over steps of decode behind it, whichever is larger. A smaller value than this is
 * float32 rounding (between schedules about 1e-12) and is reported as 0. The perplexity is that of the whole
 * prompt. */
#define TUNE_KL_ROUNDING 1e-7

#endif
