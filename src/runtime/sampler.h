/* A sampler's inside, shared by the files of src/runtime. */
#ifndef XL_RUNTIME_SAMPLER_H
#define XL_RUNTIME_SAMPLER_H

#include <xlstm/session.h>
#include <xlstm/tensor_file.h>

#include "base/rng.h"

typedef struct xl_candidate {
    double logit;
    int32_t id;
} xl_candidate;

struct xlstm_sampler {
    xlstm_sampling options; /* seed: the one that rng was started from */
    int64_t vocab;
    xl_rng rng;
    xl_candidate *candidates; /* [vocab] */
    double *weights;          /* [vocab] */
    uint64_t *last;           /* [vocab] value of `accepted` after the token's last sight; 0: never seen */
    uint64_t accepted;        /* tokens that it was told of */
};

/* What a state file says of a sampler. */
typedef struct xl_sampler_state {
    uint64_t seed;
    xl_rng rng;
    size_t count;  /* different tokens that it was told of */
    int32_t *ids;  /* [count] ascending; NULL: the file holds no sampler */
    int64_t *ages; /* [count] tokens that came after the last sight of the one in `ids` */
} xl_sampler_state;
enum { XL_SAMPLER_TENSORS = 2, XL_GENERATOR_DIGITS = 64 };
void xl_sampler_state_free(xl_sampler_state *state);
int xl_sampler_state_take(xl_sampler_state *out, const xlstm_sampler *sampler, xlstm_error *err);
/* Both cannot fail: restore is of a state over the same vocabulary. */
void xl_sampler_state_restore(const xl_sampler_state *state, xlstm_sampler *sampler);
void xl_sampler_state_tensors(const xl_sampler_state *state, xlstm_tensor tensors[XL_SAMPLER_TENSORS]);
/* The generator as hexadecimal digits, with a NUL. */
void xl_sampler_state_generator(const xl_sampler_state *state, char text[XL_GENERATOR_DIGITS + 1]);
/* Reads and checks a file's tensors and metadata; `path` is for the error. */
int xl_sampler_state_read(xl_sampler_state *out, const xlstm_tensor_file *file, int64_t vocab, const char *path,
                          xlstm_error *err);

#endif
