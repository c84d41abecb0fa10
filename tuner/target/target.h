/* A target is what is tuned: something with a space of settings that can be measured, behind one table of
 * functions. The engine (engine.h) is one; tests use simulated ones. The rest of the tuner knows no model. */
#ifndef TUNE_TARGET_H
#define TUNE_TARGET_H

#include <jansson.h>

#include "tuner/measure/final.h"
#include "tuner/measure/timing.h"
#include "tuner/metric/metric.h"
#include "tuner/space/named.h"
#include "tuner/space/space.h"

/* What is known of a measured candidate besides its samples. */
typedef struct tune_outcome {
    char token_hash[33];         /* of the outputs; "" where there are none */
    double metric[TUNE_METRICS]; /* metrics that are properties of the point (tune_metric.of_point); NAN: unknown */
    tune_named_list in_force;    /* settings really used; owned by the receiver, may be empty */
} tune_outcome;

/* UTF-8, which may hold NUL. */
typedef struct tune_passage {
    const char *text;
    size_t bytes;
} tune_passage;

typedef struct tune_target_class tune_target_class;

typedef struct tune_target {
    void *self;
    const tune_space *space;     /* sealed; owned by the target */
    const tune_metrics *metrics; /* owned by the target */
    /* Times of two measurements can be compared where these facts are the same, and the machine: {"device": "cpu",
     * "checkpoint": "…"}. They may not change during a run. */
    tune_named_list identity;
    tune_named_list
        workload;          /* what one execution does: numbers, which are alike within a factor of two, and texts */
    tune_named_list build; /* what it runs with that may change and is worth knowing: {"kernels": "avx2"} */
    tune_named_list baseline; /* every setting in force before the search, by name */
    int objective;            /* the metric of which measure gives the cost */
    char *equal; /* one sentence on why there are fewer points than settings; NULL where there are not */
    /* Filled by tune_target_open; a target that is made in another way has none, and its comparisons run in this
     * process. */
    bool elsewhere; /* other processes do the work while this one waits */
    const tune_target_class *class;
    json_t *request;      /* what a fresh process needs to open it too; a target may add to "config" of it */
    tune_space *declared; /* the space, where tune_target_declare made it */
    const char *program, *program_argument;
    int (*cancel)(void *user); /* non-zero ends what is going on; may be NULL */
    void *user;

    /* Prepares a candidate, whose samples follow; called again where another candidate was sampled in between. A
     * failure is one of measure. NULL: nothing is to be prepared. */
    int (*open)(void *self, int64_t candidate, xlstm_error *err);
    /* Takes a sample of a candidate; the parts of the reading are those of the metrics, and its cost, unless it is
     * set, follows from them (cost) or, where a property of the point is optimized, from `outcome`. The baseline is
     * measured first. XLSTM_EUNSUPPORTED: the candidate is infeasible (too little memory, or a limit that it
     * exceeds). XLSTM_ECANCELLED, XLSTM_ENOMEM and XLSTM_ECHANGED end the run; any other failure is the candidate's
     * own. */
    tune_measure_fn measure;
    /* Computes the metrics that follow from mean parts. The others are left as they are; they are NAN before the
     * call. NULL: each metric is its part of the sample. */
    void (*derive)(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]);
    /* Returns the positive number to minimise for an objective: the metric itself, or the time behind a rate; for
     * a property of the point, which has no samples, the seconds of an execution. NULL:
     * the metric's part of the sample, and the seconds of an execution for a metric without one. */
    double (*cost)(void *self, int objective, const double parts[TUNE_PARTS]);
    /* Checks that what is measured is the same as when the run began; called before a verdict. May be NULL. A
     * failure ends the run. */
    int (*unchanged)(void *self, xlstm_error *err);
    /* Describes a measured candidate. May be NULL. A failure ends the run. */
    int (*outcome)(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err);
    /* Lists every setting of a candidate by name; the caller owns the list. Returns false when out of memory. NULL:
     * the baseline's, with the values of the point. */
    bool (*settings)(void *self, int64_t candidate, tune_named_list *out);
    /* Whether a point is equal in effect to the baseline's settings. NULL: it is where its settings are the
     * same. */
    bool (*is_baseline)(void *self, int64_t candidate);
    /* Runs a plan for the baseline and the winner in a process of its own, and reports its samples (with candidates
     * as here). `baseline`: other settings to compare the winner with; NULL: those of the baseline.
     * XLSTM_ECANCELLED and XLSTM_ECHANGED end the comparison; any other failure loses only this process. NULL: a
     * process of `program` is started, which opens the target anew (fresh.h). */
    int (*spawn)(void *self, const tune_named_list *baseline, int64_t winner, const tune_block_plan *plan,
                 tune_sample_fn on_sample, void *ctx, tune_block_result *out, xlstm_error *err);
    /* Continues a prompt, UTF-8, by `count` tokens, each the likeliest, with these settings. *text is malloc'd,
     * NUL-terminated. NULL: the target continues no text. */
    int (*continue_text)(void *self, const tune_named_list *settings, const tune_passage *prompt, size_t count,
                         char **text, size_t *bytes, xlstm_error *err);
    /* The sum of the natural log-probabilities of the tokens of a text, each given the prompt and the tokens before
     * it, with the settings of the baseline; and the number of tokens. NULL: the target scores no text. */
    int (*score_text)(void *self, const tune_passage *prompt, const tune_passage *text, double *sum, size_t *tokens,
                      xlstm_error *err);
    /* How many threads compute for a candidate; INT_MAX: one for each processor. NULL: so many. */
    int (*threads)(void *self, int64_t candidate);
    void (*close)(void *self); /* frees what describe made; may be NULL */
} tune_target;

/* ---- a row of targets.def ---- */

typedef struct tune_target_options {
    const json_t *config;   /* the configuration in force, by key: a target takes what it knows of it */
    const json_t *settings; /* of the baseline, by name; what is missing is as the target has it; NULL: all of it */
    /* This program, and the argument with which it is a fresh process (tune_fresh_main); NULL: there are none, and
     * comparisons run in this process. */
    const char *program, *program_argument;
    int (*cancel)(void *user);
    void *user;
    /* Others measure, and this process only proposes. A target may then leave closed what it would measure: its
     * identity and build hold what is known without that, and measure, unchanged and outcome may be NULL. */
    bool only_proposed;
    const char
        *argument; /* what follows "NAME:" where the target was named; NULL: nothing. Set by tune_target_open */
} tune_target_options;

struct tune_target_class {
    const char *name, *summary;  /* what --target takes, and a line of the help */
    const tune_metrics *metrics; /* NULL: they are known when it is described */
    int (*can_measure)(int metric,
                       xlstm_error *err); /* XLSTM_EUNSUPPORTED: not on this machine; NULL: all can be */
    const char *argument;                 /* what is to follow "NAME:", for the help; NULL: nothing may */
    bool of_checkpoint; /* a request to the checkpoint and the prompt that the configuration names */
    bool of_command;    /* the command that the configuration names */
    /* It is told the checkpoint and the prompt that the configuration names, and may use them or not: model_path,
     * an absolute path, where one is given, and the text of the prompt as "prompt". */
    bool told_request;
    const char *argument_folder; /* the argument is the name of a program, which is looked for in this folder of the
                                    installed data too; NULL: it is not */
    /* Fills the members of the target above `class`, and its functions. `out` stays where it is until close, so
     * that `self` may point to it. After a failure close is called too, where it is set. */
    int (*describe)(tune_target *out, const tune_target_options *options, xlstm_error *err);
};

/* ---- what a describe function needs ---- */

/* The space that a configuration asks for, over the parameters of a target, not yet sealed: its object "space", its
 * names "tune", or the whole range of each. */
int tune_target_space(const tune_known *known, size_t count, const json_t *config, tune_space **out,
                      xlstm_error *err);
/* The presets of the parameters, and what `settings` (NULL: nothing) says instead. */
int tune_target_baseline(const tune_known *known, size_t count, const json_t *settings, tune_named_list *out,
                         xlstm_error *err);

/* The settings before the search that a configuration names: its object "baseline", or the settings of a snapshot
 * that this object is. NULL: it names none. */
const json_t *tune_target_before(const json_t *config);
/* XLSTM_EARG unless the value before the search is one that the parameter may have: a number between the least and
 * the greatest of its values where these are numbers, else one of them. */
int tune_target_check_before(const char *name, const json_t *given, const tune_value *values, size_t count,
                             xlstm_error *err);

/* Both for a target whose settings are its parameters alone: makes and seals the space, and the baseline.
 * tune_target_close frees them. */
int tune_target_declare(tune_target *out, const tune_known *known, size_t count, const tune_target_options *options,
                        xlstm_error *err);
/* The first of the objectives that the configuration names; NULL: none. */
const char *tune_target_objective_name(const json_t *config);
/* The same as a metric, or the metrics' own; -1: it is no metric. */
int tune_target_objective(const tune_metrics *metrics, const json_t *config);

/* ---- for whoever measures ---- */

/* A setting of a candidate, by name; it must have one of this name. */
tune_value tune_target_value(const tune_target *target, int64_t candidate, const char *name);
/* Every setting of a candidate, owned by the caller; false when out of memory. */
bool tune_target_settings(const tune_target *target, int64_t candidate, tune_named_list *out);
/* A tune_measure_fn whose context is a meter: opens a candidate that is another than the last one, and measures. */
typedef struct tune_meter {
    const tune_target *target;
    bool opened;
    int64_t candidate; /* the last one that was opened */
} tune_meter;
int tune_meter_measure(void *meter, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                       xlstm_error *err);

/* Sets what a sampler of this target should call a disturbance, where that is not the usual. */
void tune_target_watch(const tune_target *target, tune_watch_limits *limits);
/* Whether a candidate is the baseline or equal in effect to it, so that there is nothing to compare. */
bool tune_target_is_baseline(const tune_target *target, int64_t candidate);
/* Computes all metrics that follow from mean parts; NAN for the others. */
void tune_target_metrics(const tune_target *target, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]);
double tune_target_cost(const tune_target *target, int objective, const double parts[TUNE_PARTS]);
/* Returns the seconds of one execution; NAN where the parts do not contain it. */
double tune_target_seconds(const tune_target *target, const double parts[TUNE_PARTS]);
/* Sets everything to unknown. */
void tune_outcome_init(tune_outcome *out);

#endif
