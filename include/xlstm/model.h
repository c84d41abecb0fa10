/* A checkpoint in memory. */
#ifndef XLSTM_MODEL_H
#define XLSTM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>
#include <xlstm/tensor_file.h>
#include <xlstm/tunable.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hyper-parameters as config.json gives them, derived sizes filled in. */
struct xlstm_hparams {
    int64_t embedding_dim; /* D */
    int64_t num_blocks;
    int64_t num_heads;  /* NH */
    int64_t vocab_size; /* V */
    int64_t qk_dim;     /* D * qk_dim_factor, over all heads */
    int64_t v_dim;      /* D * v_dim_factor, over all heads */
    int64_t qk_head;    /* dqk = qk_dim / NH */
    int64_t v_head;     /* dv = v_dim / NH */
    int64_t ffn_dim;    /* F */
    double gate_soft_cap;
    double output_logit_soft_cap;
    double norm_eps;
    double eps;
    bool use_bias, add_out_norm, fused, tie_word_embeddings;
    bool out_norm_bias;                 /* the norm before the head has a bias too; only with use_bias */
    int64_t bos_token_id, eos_token_id; /* -1: absent */
};

struct xlstm_model_info {
    uint64_t parameters;                        /* elements of all tensors of the checkpoint */
    uint64_t stored_bytes;                      /* bytes of all tensors in the files */
    uint64_t stored_bytes_by[XLSTM_DTYPE_ROOM]; /* the same by dtype */
    int64_t stored_weights;     /* the choice of the tunable `weights` that names the format of all stored matrices;
                                   XLSTM_WEIGHTS_STORED where they have several formats */
    uint64_t resident_bytes;    /* bytes of weights as held in memory (mapped pages included) */
    uint64_t decode_read_bytes; /* weight bytes that one decoded token reads */
    uint64_t state_bytes;       /* state C, n, m of one sequence, over all blocks, as a model holds it; in float32
                                   before opening */
    uint64_t files;             /* shards */
    /* Hexadecimal, NUL-terminated: SHA-256 of the hyper-parameters and, for each tensor in the published order, of
     * its name, dtype, shape and a sample of its bytes: up to 8 blocks of 1 KiB, evenly spread from its beginning
     * to its end (the whole tensor up to 32 KiB). The same weights in other shards have the same fingerprint. */
    char fingerprint[65];
    double load_seconds; /* what opening took */
    /* Bound on the relative L2 error of logits that the formats of weights and state in memory cause; 0 where
     * weights are held exactly as they are stored, and the state in float32. */
    double weights_tolerance;
    const char *device; /* a name of xlstm_device_at; NULL before opening */
    /* The kernels in force: on a CPU the table, by the name of its mask ("c", "avx2", "avx512", …);
     * "vulkan-subgroup" or "vulkan-shared" by how a device of Vulkan sums. */
    const char *kernels;
    int64_t auto_compute; /* XLSTM_COMPUTE_*: what the tunable `compute` stands for where it is `auto`;
                             XLSTM_COMPUTE_AUTO before opening */
    int64_t few_tokens;   /* so many at once or fewer are not computed in bf16 where `compute` is auto, since they
                             would not be faster; 0 before opening */
    uint64_t huge_page_bytes; /* bytes of weights in memory that asked for huge pages (the tunable `huge_pages`); 0
                                 where they are in mapped files or in usual pages, and before opening */
    bool few_in_bf16; /* few_tokens or fewer are computed in bf16 all the same where `compute` is bf16 itself and
                         not auto; false before opening */
};

/* A device that models can be opened on. */
typedef struct xlstm_device_info {
    char name[32];         /* "cpu", "vulkan", "vulkan:1" */
    char text[128];        /* what it is, for people */
    uint64_t memory_bytes; /* 0: unknown */
} xlstm_device_info;

/* The index-th device of this machine, 0, 1, …, the default first; ENOTFOUND past the last. */
XLSTM_API int xlstm_device_at(int index, xlstm_device_info *out);

/* The index-th kind of device that the library was built with: "cpu", and "vulkan" where it can use Vulkan. NULL
 * past the last. A kind's name also stands for its first device. Static storage; no driver is started. */
XLSTM_API const char *xlstm_device_kind_at(int index);

/* Describes the index-th format in which weights can be held: its name as in the tunable `weights`, one line of
 * text, and its bits per value, overhead included. Out pointers may be NULL. ENOTFOUND past the last format. */
XLSTM_API int xlstm_weight_format_at(int index, const char **name, const char **text, double *bits);

/* How a matrix of `cols` columns is held where the index-th format was asked for: *held is the index of the format,
 * which has shorter blocks where the row would be too short for those of that one, and *filled is the columns to
 * which a row is filled up with zeros. Out pointers may be NULL. ENOTFOUND past the last format. */
XLSTM_API int xlstm_weight_format_rows(int index, int64_t cols, int *held, int64_t *filled);

/* Computes the bytes that a checkpoint with these hyper-parameters takes with its matrices held in that format, and
 * how many of them a decoded token reads. In a format of blocks the projections of the input and forget gates are
 * held in float32. Any out pointer may be NULL. ENOTFOUND for an index past the last format; ENOMEM. */
XLSTM_API int xlstm_weight_format_cost(int index, const xlstm_hparams *hparams, uint64_t *resident_bytes,
                                       uint64_t *decode_read_bytes, xlstm_error *err);

/* Returns non-zero to stop. Called from the thread that called the library. */
typedef int (*xlstm_cancel_fn)(void *user);

typedef struct xlstm_model_options {
    const xlstm_settings
        *settings;          /* load-time tunables (weights, huge_pages, workers for loading); NULL: defaults */
    const char *device;     /* a name of xlstm_device_at; NULL: the first */
    const char *cpu_mask;   /* "c", "avx2", "avx512", …: no instruction set beyond it; NULL: the best */
    xlstm_cancel_fn cancel; /* polled while loading, at least at the beginning and at the end; may be NULL */
    void *user;
    /* The schedule also says where the device's time went, in nanoseconds since the session or batch began: keys
     * "ns …" by operation, on a GPU by kernel too, and kernels then run one after another; on a CPU by the clock of
     * the wall, and also what of it one thread worked alone and what threads waited. */
    bool profile;
} xlstm_model_options;

/* Opens the checkpoint in folder `dir` (config.json, and model.safetensors or shards with their index). The error
 * names all tensors that are missing, unexpected or of the wrong shape. Weights that already have the wanted format
 * stay mapped. options may be NULL. On success *out is the caller's, to close after its sessions. A model is
 * immutable and may be shared between threads and sessions. */
XLSTM_API int xlstm_model_open(xlstm_model **out, const char *dir, const xlstm_model_options *options,
                               xlstm_error *err);
XLSTM_API void xlstm_model_close(xlstm_model *model);
XLSTM_API const xlstm_hparams *xlstm_model_hparams(const xlstm_model *model);
XLSTM_API void xlstm_model_get_info(const xlstm_model *model, xlstm_model_info *info);
/* Bytes that the model's device can give at the moment; on a CPU those of the machine or of the control group. A
 * device that does not tell what others hold gives the size of its memory. Thread-safe. */
XLSTM_API uint64_t xlstm_model_memory_available(const xlstm_model *model);

/* Reads and checks a checkpoint's config and tensor headers without loading weights. In *info the weights are
 * counted as stored, load_seconds is 0, and kernels and device are NULL. Both out pointers may be NULL. */
XLSTM_API int xlstm_checkpoint_inspect(const char *dir, xlstm_hparams *hparams, xlstm_model_info *info,
                                       xlstm_error *err);

/* One tensor that a checkpoint with these hyper-parameters must hold, for writers of checkpoints. */
typedef struct xlstm_tensor_spec {
    char name[128];
    int rank;
    int64_t shape[2];
} xlstm_tensor_spec;
/* Fills specs[0 … *count) in the published order and sets *count to the number filled; with specs NULL it only
 * counts. EARG where *count is too small or a size is less than 1. hparams->fused chooses between separate and
 * fused projections. */
XLSTM_API int xlstm_checkpoint_layout(const xlstm_hparams *hparams, xlstm_tensor_spec *specs, size_t *count,
                                      xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
