/* Opening and closing of checkpoints. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"
#include "model/store.h"

static int choose_device(struct xlstm_model *model, const xlstm_model_options *options, xlstm_error *err) {
    if (options->device && strcmp(options->device, "cpu"))
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s', wanted cpu", options->device);
    int flags = xl_cpu_flags_masked(options->cpu_mask);
    if (flags < 0)
        return xl_fail(err, XLSTM_EARG, "cpu mask '%.60s', wanted c, avx2, avx512 or neon", options->cpu_mask);
    model->cpu_flags = (unsigned)flags;
    xl_kernels_init(&model->kernels, model->cpu_flags);
    return XLSTM_OK;
}

/* Files that no weight is used in any more are closed. */
static void close_unused(xl_store *store, const xl_parts *parts) {
    xl_checkpoint *c = &store->checkpoint;
    for (size_t f = 0; f < c->file_count; f++) {
        bool used = false;
        for (size_t i = 0; i < parts->count && !used; i++)
            used = parts->list[i].in_place && parts->list[i].stored->file == f;
        if (used) continue;
        xlstm_tensor_file_close(c->files[f]);
        c->files[f] = NULL;
    }
    free(c->stored);
    free(c->specs);
    c->stored = NULL;
    c->specs = NULL;
    c->stored_count = c->spec_count = 0;
}

static void count_bytes(struct xlstm_model *model, const xl_parts *parts) {
    xlstm_model_info *info = &model->info;
    uint64_t vectors = 0, matrices = 0;
    for (size_t i = 0; i < model->store->checkpoint.spec_count; i++) {
        const xlstm_tensor_spec *spec = &model->store->checkpoint.specs[i];
        if (spec->rank == 1) vectors += (uint64_t)spec->shape[0] * sizeof(float);
    }
    for (size_t i = 0; i < parts->count; i++) {
        const xl_weight *w = parts->list[i].weight;
        matrices += (uint64_t)w->rows * (uint64_t)w->cols * xlstm_dtype_size(w->dtype);
    }
    info->resident_bytes = matrices + vectors;
    info->decode_read_bytes = info->resident_bytes;
    if (!model->hparams.tie_word_embeddings) {
        /* Of the embedding a token reads one row. */
        uint64_t row = (uint64_t)model->embedding.cols * xlstm_dtype_size(model->embedding.dtype);
        info->decode_read_bytes -= row * (uint64_t)(model->embedding.rows - 1);
    }
}

int xlstm_model_open(xlstm_model **out, const char *dir, const xlstm_model_options *options, xlstm_error *err) {
    static const xlstm_model_options none;
    double start = xl_now_s();
    xlstm_settings settings;
    xl_parts parts = {.list = NULL};
    *out = NULL;
    if (!options) options = &none;
    if (options->settings) {
        settings = *options->settings;
    } else {
        xlstm_settings_init(&settings, NULL);
    }
    int64_t weights = settings.v[XLSTM_TUNE_WEIGHTS];
    bool huge_pages = settings.v[XLSTM_TUNE_HUGE_PAGES] != 0;
    struct xlstm_model *model = calloc(1, sizeof *model);
    int status = XLSTM_OK;
    if (model) model->store = calloc(1, sizeof *model->store);
    if (!model || !model->store) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
        goto fail;
    }
    status = xlstm_settings_check(&settings, err);
    if (!status) status = choose_device(model, options, err);
    if (!status) status = xl_checkpoint_open(&model->store->checkpoint, dir, err);
    if (!status) status = xl_checkpoint_info(&model->store->checkpoint, &model->info, err);
    if (status) goto fail;
    model->hparams = model->store->checkpoint.hparams;
    status = xl_bind(model, weights, huge_pages, &parts, err);
    if (!status) status = xl_plan_memory(model, &parts, huge_pages, xl_memory_available(), err);
    if (!status)
        status =
            xl_load_parts(model, &parts, (int)settings.v[XLSTM_TUNE_WORKERS], options->cancel, options->user, err);
    if (status) goto fail;
    if (model->hparams.tie_word_embeddings) model->lm_head = model->embedding;
    count_bytes(model, &parts);
    close_unused(model->store, &parts);
    free(parts.list);
    model->info.device = "cpu";
    model->info.kernels = model->kernels.name;
    model->info.load_seconds = xl_now_s() - start;
    *out = model;
    return XLSTM_OK;
fail:
    free(parts.list);
    xlstm_model_close(model);
    return status;
}

void xlstm_model_close(xlstm_model *model) {
    if (!model) return;
    if (model->store) {
        if (model->store->memory) munmap(model->store->memory, model->store->bytes);
        xl_aligned_free(model->store->vectors);
        xl_checkpoint_close(&model->store->checkpoint);
    }
    free(model->store);
    free(model->blocks);
    free(model);
}

const xlstm_hparams *xlstm_model_hparams(const xlstm_model *model) {
    return &model->hparams;
}

void xlstm_model_get_info(const xlstm_model *model, xlstm_model_info *info) {
    *info = model->info;
}
