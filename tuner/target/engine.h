/* The engine as a target: a request to a checkpoint, which is a prompt and a number of greedy tokens, under any
 * settings.
 *
 * The checkpoint is opened once, and again only for settings that take effect at load. At most two copies are open,
 * or one where memory does not hold two. A measurement is a whole request from an empty state: prefill of the
 * prompt, then `new` tokens, whether or not the text ends. */
#ifndef TUNE_TARGET_ENGINE_H
#define TUNE_TARGET_ENGINE_H

#include <xlstm/xlstm.h>

#include "tuner/target/engine_metrics.h"
#include "tuner/target/engine_settings.h"
#include "tuner/target/target.h"

typedef struct tune_engine tune_engine;

typedef struct tune_engine_options {
    const char *model_dir;
    const char *checkpoint;        /* the fingerprint that it must have; NULL: whichever it has */
    const char *device, *cpu_mask; /* as for xlstm_model_open */
    const int32_t *ids;            /* the prompt with BOS; copied */
    size_t count;
    int64_t new_tokens;
    int objective;
    bool score;    /* KL to the baseline and perplexity are determined for every candidate */
    bool memory;   /* the peak of memory is determined for every candidate, in a request of its own; otherwise it is
                      the process's */
    double max_kl; /* more is infeasible; INFINITY */
    bool numerics; /* numerics are tuned: other tokens are scored and are no failure */
    bool require_identical; /* other tokens are a failure even after a near-tie */
    xlstm_cancel_fn cancel; /* may be NULL */
    void *user;
    /* The settings of a candidate. */
    void (*settings_of)(void *ctx, int64_t candidate, xlstm_settings *out);
    void *ctx;
} tune_engine_options;

/* Opens the checkpoint with the baseline's settings. The strings must outlive the engine. ECHANGED, here or in a
 * later measurement, where the folder holds another checkpoint: times of the two could not be compared. */
int tune_engine_create(tune_engine **out, const tune_engine_options *options, xlstm_error *err);
void tune_engine_destroy(tune_engine *engine);
/* Whether the folder still holds the checkpoint that the engine was made with; ECHANGED where it does not. */
int tune_engine_unchanged(tune_engine *engine, xlstm_error *err);
/* The copy that the baseline runs on, until something is measured. */
xlstm_model *tune_engine_model(tune_engine *engine);

/* tune_measure_fn and tune_target's outcome; `self` is the engine. A token that differs from the baseline's fails
 * the candidate where the baseline's margin between its two best logits exceeds TUNE_TOKEN_MARGIN and numerics are
 * not tuned. */
int tune_engine_measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                        xlstm_error *err);
int tune_engine_outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err);
#define TUNE_TOKEN_MARGIN 1e-3
/* The divergence is the mean over the prompt, or over as many of its first tokens as fit into 64 MiB of the
 * baseline's logits. Below this value it is float32 rounding (schedules differ by about 1e-12) and is given as 0.
 * The perplexity is that of the whole prompt. */
#define TUNE_KL_ROUNDING 1e-7

/* ---- a fresh process ---- */

/* What the fresh process is told; `program` is run with `argument` as its one argument. */
typedef struct tune_fresh {
    const char *program, *argument;
    const tune_engine_options *engine;
    xlstm_settings baseline, winner;
} tune_fresh;
/* tune_target's spawn for candidates TUNE_BASELINE and `winner`. */
int tune_fresh_run(const tune_fresh *fresh, int64_t winner, const tune_block_plan *plan, tune_sample_fn on_sample,
                   void *ctx, tune_block_result *out, xlstm_error *err);
/* The side of the fresh process: reads one request from standard input, answers on standard output, returns the
 * exit code. */
int tune_fresh_main(void);

#endif
