/* The importance of a checkpoint's columns: the mean squares of what its matrices multiply in a text. */
#include <xlstm/convert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xlstm/tensor_file.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/layout.h"
#include "model/model.h"
#include "runtime/session.h"

enum { STRETCH_TOKENS = 128, PRODUCTS = 4 }; /* of a block */

/* The sums of squares of one product's input. */
typedef struct input {
    const xl_weight *w; /* the product's first */
    int64_t cols;
    double *sum; /* [cols] */
    float *mean; /* [cols] */
    int64_t rows;
} input;

typedef struct measurement {
    xlstm_model *model;
    input *inputs; /* PRODUCTS of each block, then the head */
    size_t count;
} measurement;

static void see(void *user, const xl_op *op, const float *x, int64_t rows, int64_t cols) {
    const measurement *m = user;
    input *in = NULL;
    for (size_t i = 0; i < m->count && !in; i++) {
        if (m->inputs[i].w == op->out[0].w) in = &m->inputs[i];
    }
    if (!in || in->cols != cols) return;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < cols; j++) in->sum[j] += (double)x[r * cols + j] * (double)x[r * cols + j];
    }
    in->rows += rows;
}

static int prepare(measurement *m, xlstm_error *err) {
    const xlstm_hparams *h = &m->model->hparams;
    m->count = PRODUCTS * (size_t)h->num_blocks + 1;
    m->inputs = calloc(m->count, sizeof *m->inputs);
    if (!m->inputs) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->count; i++) {
        const xl_block *b = &m->model->blocks[i / PRODUCTS];
        const xl_weight *products[PRODUCTS] = {&b->q, &b->out_proj, &b->gate, &b->down};
        input *in = &m->inputs[i];
        in->w = i + 1 == m->count ? &m->model->lm_head : products[i % PRODUCTS];
        in->cols = in->w->m.cols;
        in->sum = calloc((size_t)in->cols, sizeof *in->sum);
        in->mean = calloc((size_t)in->cols, sizeof *in->mean);
        if (!in->sum || !in->mean) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    return XLSTM_OK;
}

static int feed(xlstm_session *session, const int32_t *ids, size_t count,
                void (*progress)(void *user, uint64_t done, uint64_t total), void *user, xlstm_error *err) {
    float *logits = xl_aligned_alloc(STRETCH_TOKENS, (size_t)session->model->hparams.vocab_size * sizeof *logits);
    int status = logits ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    for (size_t done = 0; done < count && !status;) {
        size_t n = count - done < STRETCH_TOKENS ? count - done : STRETCH_TOKENS;
        status = xlstm_prefill(session, ids + done, n, XLSTM_LOGITS_ALL, logits, err);
        done += n;
        if (!status && progress) progress(user, done, count);
    }
    xl_aligned_free(logits);
    return status;
}

/* The tensors that multiply the same input, as in model/layout.c: those of separate projections, then fused ones.
 */
static const char *const names[PRODUCTS][2][5] = {
    {{"mlstm_layer.q", "mlstm_layer.k", "mlstm_layer.v", "mlstm_layer.ogate_preact", NULL},
     {"mlstm_layer.qkv_opreact", NULL}},
    {{"mlstm_layer.out_proj", NULL}, {"mlstm_layer.out_proj", NULL}},
    {{"ffn.proj_up_gate", "ffn.proj_up", NULL}, {"ffn.proj_up_gate_z", NULL}},
    {{"ffn.proj_down", NULL}, {"ffn.proj_down", NULL}},
};

static int write(const measurement *m, const char *path, xlstm_error *err) {
    const xlstm_hparams *h = &m->model->hparams;
    size_t room = 8 * (size_t)h->num_blocks + 1, count = 0;
    xlstm_tensor *tensors = xl_array(room, sizeof *tensors);
    char(*texts)[XL_NAME_MAX] = xl_array(room, sizeof *texts);
    int status = tensors && texts ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < m->count && !status; i++) {
        static const char *const head[] = {"lm_head", NULL}, *const tied[] = {"backbone.embeddings", NULL};
        const input *in = &m->inputs[i];
        bool last = i + 1 == m->count;
        const char *const *part = !last ? names[i % PRODUCTS][h->fused] : h->tie_word_embeddings ? tied : head;
        for (int64_t j = 0; j < in->cols; j++) in->mean[j] = in->rows ? (float)(in->sum[j] / (double)in->rows) : 0;
        for (; *part; part++, count++) {
            char name[XL_NAME_MAX];
            snprintf(name, sizeof name, "%s.weight", *part);
            if (last) memcpy(texts[count], name, sizeof name);
            else xl_block_tensor_name((int64_t)(i / PRODUCTS), name, texts[count]);
            tensors[count] = (xlstm_tensor){.name = texts[count],
                                            .dtype = XLSTM_F32,
                                            .rank = 1,
                                            .shape = {in->cols},
                                            .data = in->mean,
                                            .bytes = (size_t)in->cols * sizeof *in->mean};
        }
    }
    if (!status) status = xlstm_tensor_file_write(path, tensors, count, "{\"kind\":\"xltune-importance-1\"}", err);
    free(texts);
    free(tensors);
    return status;
}

int xlstm_importance_write(const char *path, xlstm_model *model, const int32_t *ids, size_t count,
                           void (*progress)(void *user, uint64_t done, uint64_t total), xlstm_cancel_fn cancel,
                           void *user, xlstm_error *err) {
    measurement m = {.model = model};
    xlstm_session *session = NULL;
    if (!count) return xl_fail(err, XLSTM_EARG, "%s: no tokens to measure the importance on", path);
    if (!model->backend->observe)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%s' does not show its inputs, wanted cpu",
                       model->info.device);
    int status = prepare(&m, err);
    if (!status) status = xlstm_session_create(&session, model, NULL, err);
    if (!status) {
        xlstm_session_set_cancel(session, cancel, user);
        model->backend->observe(session->executor, see, &m);
        status = feed(session, ids, count, progress, user, err);
    }
    if (!status) status = write(&m, path, err);
    xlstm_session_destroy(session);
    for (size_t i = 0; m.inputs && i < m.count; i++) {
        free(m.inputs[i].sum);
        free(m.inputs[i].mean);
    }
    free(m.inputs);
    return status;
}
