#include "tuner/scores/divergence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <xlstm/tensor_file.h>

#include "base/error.h"
#include "base/memory.h"

static const char KIND[] = "xltune-logits-1";

/* ---- writing ---- */

struct tune_logits_writer {
    xlstm_tensor_writer *file;
    size_t row_bytes;
};

int tune_logits_begin(tune_logits_writer **out, const char *path, const tune_text *text, const char *fingerprint,
                      const char *settings, xlstm_error *err) {
    *out = NULL;
    const int64_t count = (int64_t)text->count;
    const xlstm_tensor tensors[] = {
        {.name = "ids", .dtype = XLSTM_I32, .rank = 1, .shape = {count}},
        {.name = "logits", .dtype = XLSTM_F32, .rank = 2, .shape = {count - 1, text->vocab_size}}};
    json_t *metadata = json_pack("{s:s, s:s, s:s}", "kind", KIND, "checkpoint", fingerprint, "settings", settings);
    char *line = metadata ? json_dumps(metadata, JSON_COMPACT) : NULL;
    json_decref(metadata);
    tune_logits_writer *w = calloc(1, sizeof *w);
    int status = w && line ? xlstm_tensor_writer_begin(&w->file, path, tensors, 2, line, err)
                           : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    free(line);
    if (!status) status = xlstm_tensor_writer_append(w->file, text->ids, text->count * sizeof *text->ids, err);
    if (status) {
        tune_logits_abort(w);
        return status;
    }
    w->row_bytes = (size_t)text->vocab_size * sizeof(float);
    *out = w;
    return XLSTM_OK;
}

int tune_logits_append(tune_logits_writer *writer, const float *logits, xlstm_error *err) {
    return xlstm_tensor_writer_append(writer->file, logits, writer->row_bytes, err);
}

int tune_logits_finish(tune_logits_writer *writer, xlstm_error *err) {
    int status = xlstm_tensor_writer_finish(writer->file, err);
    free(writer);
    return status;
}

void tune_logits_abort(tune_logits_writer *writer) {
    if (!writer) return;
    xlstm_tensor_writer_abort(writer->file);
    free(writer);
}

/* ---- comparing ---- */

struct tune_comparison {
    xlstm_tensor_file *file;
    const xlstm_tensor *logits;
    tune_text text;
    float *base;  /* [vocab_size] one row of the file */
    double *kl;   /* [count - 1] */
    double *more; /* [count - 1] surprise of Q less that of P */
    double base_nats;
    char path[256]; /* for messages */
    size_t done, same_top;
};

static int check_file(tune_comparison *c, const char *path, xlstm_error *err) {
    const char *kind = xlstm_tensor_file_metadata(c->file, "kind");
    const xlstm_tensor *ids = xlstm_tensor_file_find(c->file, "ids");
    c->logits = xlstm_tensor_file_find(c->file, "logits");
    if (!kind || strcmp(kind, KIND) != 0 || !ids || !c->logits)
        return xl_fail(err, XLSTM_EFORMAT, "%s: is no file of logits, wanted one that --kl-base wrote", path);
    if (ids->dtype != XLSTM_I32 || ids->rank != 1 || ids->shape[0] < 2 || c->logits->dtype != XLSTM_F32 ||
        c->logits->rank != 2 || c->logits->shape[0] != ids->shape[0] - 1)
        return xl_fail(err, XLSTM_EFORMAT, "%s: ids or logits have a wrong dtype or shape", path);
    if (c->logits->shape[1] != c->text.vocab_size)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: logits of a vocabulary of %lld, the model's has %lld", path,
                       (long long)c->logits->shape[1], (long long)c->text.vocab_size);
    const size_t count = (size_t)ids->shape[0];
    if (count != c->text.count)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: logits of a text of %zu tokens, this text has %zu", path, count,
                       c->text.count);
    for (size_t i = 0; i < count; i++) {
        int32_t id;
        memcpy(&id, (const char *)ids->data + i * sizeof id, sizeof id);
        if (id != c->text.ids[i])
            return xl_fail(err, XLSTM_EMISMATCH, "%s: logits of another text: token %zu is %ld, wanted %ld", path,
                           i, (long)id, (long)c->text.ids[i]);
    }
    return XLSTM_OK;
}

int tune_comparison_open(tune_comparison **out, const char *path, const tune_text *text, xlstm_error *err) {
    *out = NULL;
    tune_comparison *c = calloc(1, sizeof *c);
    if (!c) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    c->text = *text;
    strncpy(c->path, path, sizeof c->path - 1);
    int status = xlstm_tensor_file_open(&c->file, path, err);
    if (!status) status = check_file(c, path, err);
    if (!status) {
        c->base = xl_array((size_t)text->vocab_size, sizeof *c->base);
        c->kl = xl_array(text->count, sizeof *c->kl);
        c->more = xl_array(text->count, sizeof *c->more);
        if (!c->base || !c->kl || !c->more) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    }
    if (status) {
        tune_comparison_close(c);
        return status;
    }
    *out = c;
    return XLSTM_OK;
}

void tune_comparison_close(tune_comparison *comparison) {
    if (!comparison) return;
    xlstm_tensor_file_close(comparison->file);
    free(comparison->base);
    free(comparison->kl);
    free(comparison->more);
    free(comparison);
}

/* Index of the largest value, the first of equal ones, and the logarithm of the sum of exponentials. */
static int64_t top_of(const float *logits, int64_t n, double *log_sum) {
    int64_t top = 0;
    for (int64_t i = 1; i < n; i++) top = logits[i] > logits[top] ? i : top;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += exp((double)logits[i] - logits[top]);
    *log_sum = logits[top] + log(sum);
    return top;
}

int tune_comparison_add(tune_comparison *c, const float *logits, xlstm_error *err) {
    const int64_t n = c->text.vocab_size;
    const size_t row = (size_t)n * sizeof *c->base;
    memcpy(c->base, (const char *)c->logits->data + c->done * row, row);
    double of_base, of_this, kl = 0;
    c->same_top += top_of(c->base, n, &of_base) == top_of(logits, n, &of_this);
    for (int64_t i = 0; i < n; i++) {
        double log_p = c->base[i] - of_base;
        kl += exp(log_p) * (log_p - (logits[i] - of_this));
    }
    const int32_t id = c->text.ids[c->done + 1];
    c->kl[c->done] = fmax(0, kl);
    c->more[c->done] = (of_this - logits[id]) - (of_base - c->base[id]);
    c->base_nats += of_base - c->base[id];
    if (!isfinite(kl) || !isfinite(c->more[c->done]))
        return xl_fail(err, XLSTM_ENOTFINITE,
                       "%s: token %zu: the divergence is not finite: a logit is NaN or infinite", c->path, c->done);
    c->done++;
    return XLSTM_OK;
}

void tune_mean_error(const double *values, size_t n, double *mean, double *error) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) square += (values[i] - *mean) * (values[i] - *mean);
    *error = n > 1 ? sqrt(square / (double)(n - 1) / (double)n) : 0;
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The value below which a share of n sorted values lies, interpolated. */
static double quantile(const double *sorted, size_t n, double share) {
    double at = share * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

void tune_comparison_sum_up(tune_comparison *c, tune_divergence *out) {
    const size_t n = c->done;
    double more, more_error;
    tune_mean_error(c->kl, n, &out->kl_mean, &out->kl_mean_error);
    tune_mean_error(c->more, n, &more, &more_error);
    qsort(c->kl, n, sizeof *c->kl, by_size);
    out->kl_median = quantile(c->kl, n, 0.5);
    out->kl_p99 = quantile(c->kl, n, 0.99);
    out->kl_max = c->kl[n - 1];
    out->same_top = (double)c->same_top / (double)n;
    out->same_top_error = sqrt(out->same_top * (1 - out->same_top) / (double)n);
    out->base_ppl = exp(c->base_nats / (double)n);
    out->ppl_ratio = exp(more);
    out->ratio_error = out->ppl_ratio * more_error;
}
