/* The table of tunables: every runtime parameter of the engine is declared in one row. Help, JSON checks, search
 * ranges, database columns and plot axes all read it. */
#ifndef XLSTM_TUNABLE_H
#define XLSTM_TUNABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum xlstm_tunable_id {
    XLSTM_TUNE_SCHEDULER,      /* choice: queued, ray, recurrent */
    XLSTM_TUNE_CHUNK_SIZE,     /* tokens of one chunk of the chunkwise form */
    XLSTM_TUNE_HEADS_PER_BAND, /* heads of one task */
    /* Number of threads in prefill. `ray` has no workers of its own: its actors run on the process's pool with the
     * default number of threads, and tools leave the value at its default there unless it is tuned. */
    XLSTM_TUNE_WORKERS,
    XLSTM_TUNE_SEGMENT,        /* tokens that go through the layers together in prefill */
    XLSTM_TUNE_DECODE_WORKERS, /* threads of decode */
    XLSTM_TUNE_PINNING,        /* choice: none, compact, spread */
    XLSTM_TUNE_WEIGHTS,        /* choice: stored, or a weight format; at load */
    XLSTM_TUNE_HUGE_PAGES,     /* choice: off, on, auto; at load */
    XLSTM_TUNE_COMPUTE,        /* choice: auto, f32, bf16, int8: what products are made in */
    XLSTM_TUNE_HEAD_WEIGHTS,   /* choice: same, or a weight format; of embedding and head, at load */
    XLSTM_TUNE_STATE,          /* choice: f32, bf16, f16: format of the state's C, at load */
    /* Of devices of the kind "vulkan" alone. Choices that are numbers: xlstm_tunable_number. */
    XLSTM_TUNE_GPU_ROWS,      /* choice: auto, 1, 2, 4, 8: rows of weights of a team in products of few tokens */
    XLSTM_TUNE_GPU_UNROLL,    /* choice: auto, 1, 2, 4: pieces of each row that are in flight there */
    XLSTM_TUNE_GPU_GROUP,     /* choice: auto, 64 to 1024: invocations of a workgroup there */
    XLSTM_TUNE_GPU_SPLIT,     /* choice: auto, 1, 2, 4, 8: teams that share the columns of a row there */
    XLSTM_TUNE_GPU_TILE,      /* choice: auto, small, square, wide: tiles of the matrix units */
    XLSTM_TUNE_GPU_SUBGROUPS, /* choice: auto, off: whether sums go through subgroups */
    XLSTM_TUNE_GPU_BLOCKS,    /* choice: all, 1, 2, 4, 8, 16: blocks of the model in a submission */
    XLSTM_TUNE_GPU_WAIT,      /* choice: sleep, spin: how the host waits */
    XLSTM_TUNE_GPU_CHAIN,     /* choice: auto, 1 to 16: steps of greedy decoding in a submission */
    XLSTM_TUNE_GPU_STREAMS,   /* choice: auto, 1 to 8: submissions under way there */
    XLSTM_TUNE_GPU_OVERLAP,   /* choice: off, on: whether dispatches wait for one another without barriers there */
    XLSTM_TUNABLE_COUNT
} xlstm_tunable_id;

enum { XLSTM_SCHED_QUEUED, XLSTM_SCHED_RAY, XLSTM_SCHED_RECURRENT };
enum { XLSTM_HEAD_WEIGHTS_SAME }; /* as the tunable `weights`; other choices: the weight formats, as there */
enum { XLSTM_WEIGHTS_STORED };    /* other choices: the weight formats, by their names */
enum { XLSTM_STATE_F32, XLSTM_STATE_BF16, XLSTM_STATE_F16 };
enum { XLSTM_COMPUTE_AUTO, XLSTM_COMPUTE_F32, XLSTM_COMPUTE_BF16, XLSTM_COMPUTE_INT8 };
enum { XLSTM_GPU_AUTO }; /* the first choice of each that has `auto`, and `all` */
enum { XLSTM_TILE_AUTO, XLSTM_TILE_SMALL, XLSTM_TILE_SQUARE, XLSTM_TILE_WIDE };
enum { XLSTM_SUBGROUPS_AUTO, XLSTM_SUBGROUPS_OFF };
enum { XLSTM_OVERLAP_OFF, XLSTM_OVERLAP_ON };
enum { XLSTM_WAIT_SLEEP, XLSTM_WAIT_SPIN };
enum { XLSTM_PIN_NONE, XLSTM_PIN_COMPACT, XLSTM_PIN_SPREAD };
enum { XLSTM_HUGE_PAGES_OFF, XLSTM_HUGE_PAGES_ON, XLSTM_HUGE_PAGES_AUTO };

/* What a change of the parameter can change, as a set of bits. */
enum {
    XLSTM_AFFECTS_PREFILL = 1,
    XLSTM_AFFECTS_DECODE = 2,
    XLSTM_AFFECTS_MEMORY = 4,
    XLSTM_AFFECTS_NUMERICS = 8, /* beyond float32 rounding */
    XLSTM_AFFECTS_LOAD = 16     /* takes effect when the checkpoint is opened, not on a session */
};

typedef enum xlstm_tunable_type { XLSTM_TYPE_INT, XLSTM_TYPE_CHOICE } xlstm_tunable_type;

typedef struct xlstm_tunable {
    xlstm_tunable_id id;
    const char *name; /* "chunk_size"; flags accept '-' for '_' */
    const char *unit; /* "tokens", "heads", "threads" or "" */
    const char *text; /* one line for help */
    xlstm_tunable_type type;
    int64_t min, max;           /* inclusive bounds on any model and machine; choices: 0 … count - 1 */
    int64_t preset;             /* default before the model and machine are known; 0: depends on them */
    const char *const *choices; /* NULL-terminated names of a choice, else NULL */
    unsigned affects;           /* XLSTM_AFFECTS_* */
    const char *in_force;       /* one line: when two values have the same effect; NULL: they never have */
    const char *device;         /* the one kind of devices that has it ("vulkan"); NULL: every kind */
} xlstm_tunable;

typedef struct xlstm_model xlstm_model;
typedef struct xlstm_hparams xlstm_hparams;       /* model.h */
typedef struct xlstm_model_info xlstm_model_info; /* model.h */

/* A value for each row of the table, by id. Its size is fixed, so that a library with more tunables works with
 * programs that were built with fewer. Initialise it with xlstm_settings_init, and read and write it with the
 * functions below. */
typedef struct xlstm_settings {
    int64_t opaque[64];
} xlstm_settings;

/* The value of an id; 0 outside the table. */
XLSTM_API int64_t xlstm_settings_get(const xlstm_settings *settings, int id);
/* Sets a value without checking it; without effect outside the table. */
XLSTM_API void xlstm_settings_set(xlstm_settings *settings, int id, int64_t value);

/* Row of an id; NULL outside the table. Static storage. */
XLSTM_API const xlstm_tunable *xlstm_tunable_get(int id);
/* Row of a name ('-' and '_' alike); NULL where there is none. */
XLSTM_API const xlstm_tunable *xlstm_tunable_find(const char *name);

/* What a model of these hyper-parameters and this machine have: 1 … num_heads, 1 … logical CPUs, and the row's
 * bounds where nothing is counted. `hparams` may be NULL: then the machine alone. Without effect outside the table.
 */
XLSTM_API void xlstm_tunable_limits(int id, const xlstm_hparams *hparams, int64_t *min, int64_t *max);
/* The range inside these limits that is worth a search, and the default. Any out pointer may be NULL. */
XLSTM_API void xlstm_tunable_range(int id, const xlstm_hparams *hparams, int64_t *min, int64_t *max,
                                   int64_t *preset);

/* What a tunable can be on a device. */
typedef struct xlstm_tunable_span {
    bool there;       /* the device has it; else it has no effect */
    int64_t min, max; /* worth a search, and no more than the device can do */
    int64_t preset;
} xlstm_tunable_span;
/* Fills spans[0 … XLSTM_TUNABLE_COUNT) for a device (a name of xlstm_device_at; NULL: the first) and a model
 * (`hparams` NULL: the device alone). EUNSUPPORTED where there is no such kind of device. */
XLSTM_API int xlstm_tunable_spans(const char *device, const xlstm_hparams *hparams, xlstm_tunable_span *spans,
                                  xlstm_error *err);
/* Whether a device (a name of xlstm_device_at; NULL: the first) is of a kind that has the tunable. */
XLSTM_API bool xlstm_tunable_is_on(int id, const char *device);
/* The number that a choice is the name of; 0 where its name is no number. */
XLSTM_API int64_t xlstm_tunable_number(int id, int64_t choice);

/* Sets every value to its default for such a model (NULL: the machine alone). */
XLSTM_API void xlstm_settings_init(xlstm_settings *settings, const xlstm_hparams *hparams);

/* What else, besides the settings, decides how a request is run. */
typedef struct xlstm_work {
    int64_t heads;          /* of the model; 0: unknown */
    int64_t stored_weights; /* XLSTM_WEIGHTS_* of all stored matrices; XLSTM_WEIGHTS_STORED: several, or unknown */
    int64_t prompt_tokens;  /* fed at once; 0: unknown */
    int64_t auto_compute;   /* XLSTM_COMPUTE_* that `auto` stands for; XLSTM_COMPUTE_AUTO: unknown */
    int64_t few_tokens;     /* fed at once that `compute` does not reach, see there; 0: unknown, taken to be 8 */
    int64_t few_in_bf16;  /* 1: `compute` bf16, asked for by name, reaches those too; 0: it does not, or unknown */
    int64_t reserved[10]; /* 0: what rules of later tunables may want to know */
} xlstm_work;

/* A request of `prompt_tokens` tokens to a model; either description of it may be NULL, then what it would say is
 * unknown. */
XLSTM_API void xlstm_work_init(xlstm_work *work, const xlstm_hparams *hparams, const xlstm_model_info *info,
                               int64_t prompt_tokens);
/* The value that is in force when this one is set, whatever the other settings are: heads are limited to the
 * model's heads, a chunk and a segment to the prompt's tokens. */
XLSTM_API int64_t xlstm_tunable_effective(int id, int64_t value, const xlstm_work *work);
/* The settings that are in force when these are set: each value is limited as above, and then by the others (a
 * chunk is no longer than its segment, the scheduler recurrent has no chunks, and one thread alone is not pinned).
 * Settings with equal results are run in the same way; the backend runs by this function too. `out` may be
 * `settings`. What is unknown limits nothing. */
XLSTM_API void xlstm_settings_effective(const xlstm_settings *settings, const xlstm_work *work,
                                        xlstm_settings *out);

/* Bound on the relative L2 error of logits and states that a value of the tunable `compute` causes, beside that of
 * the weights' format: what `xltune verify` allows. 0: none beyond float32 rounding; also for auto, which is to be
 * resolved before. */
XLSTM_API double xlstm_compute_tolerance(int64_t compute);

/* Sets one value from text: an integer or the name of a choice. EARG names the parameter and what is accepted. */
XLSTM_API int xlstm_settings_parse(xlstm_settings *settings, int id, const char *text, xlstm_error *err);
/* Checks every value against the table's hard bounds; EARG names the first that is out. */
XLSTM_API int xlstm_settings_check(const xlstm_settings *settings, xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
