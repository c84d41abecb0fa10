/* Opening and closing of checkpoints. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/forward.h"
#include "model/store.h"

int xl_model_open_device(struct xlstm_model *model, const xl_device_options *options, xlstm_error *err) {
    const char *device = options->name;
    model->backend = xl_backend_find(device);
    if (!model->backend) {
        char names[120] = "";
        for (int i = 0; xl_backend_at(i); i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " or " : "",
                     xl_backend_at(i)->name);
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s', wanted %s", device, names);
    }
    return model->backend->device_open(&model->device, options, err);
}

int xl_model_make_plan(struct xlstm_model *model, xlstm_error *err) {
    xl_program program = {0};
    int status = xl_forward_build(&program, model, err);
    if (!status) status = model->backend->plan_create(&model->plan, model->device, &program, err);
    free((void *)(uintptr_t)program.ops);
    return status;
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
        const xl_part *part = &parts->list[i];
        const xl_matrix *m = &part->weight->m;
        const xl_format_row *format = xl_format_get((int)m->format);
        matrices += (uint64_t)m->rows * m->stride;
        /* float32 holds each of the others exactly. */
        if (part->from != m->format && format->tolerance > info->weights_tolerance)
            info->weights_tolerance = format->tolerance;
    }
    const double of_state = xl_format_get((int)model->state_format)->tolerance;
    if (of_state > info->weights_tolerance) info->weights_tolerance = of_state;
    info->resident_bytes = matrices + vectors;
    info->decode_read_bytes = info->resident_bytes;
    if (!model->hparams.tie_word_embeddings) {
        /* A token reads only one row of the embedding. */
        info->decode_read_bytes -= (uint64_t)model->embedding.m.stride * (uint64_t)(model->embedding.m.rows - 1);
    }
}

int xl_model_open(struct xlstm_model **out, const char *dir, const xl_model_request *request, xlstm_error *err) {
    double start = xl_now_s();
    xl_parts parts = {.list = NULL};
    *out = NULL;
    struct xlstm_model *model = calloc(1, sizeof *model);
    int status = XLSTM_OK;
    if (model) model->store = calloc(1, sizeof *model->store);
    if (!model || !model->store) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
        goto fail;
    }
    const xl_device_options device = {
        .name = request->device, .cpu_mask = request->cpu_mask, .profile = request->profile};
    status = xl_model_open_device(model, &device, err);
    if (!status) status = xl_checkpoint_open(&model->store->checkpoint, dir, err);
    if (!status) status = xl_checkpoint_info(&model->store->checkpoint, &model->info, err);
    if (status) goto fail;
    model->hparams = model->store->checkpoint.hparams;
    model->state_format = request->state_format;
    model->info.state_bytes = xl_state_bytes(&model->hparams, model->state_format);
    status = xl_bind(model, request, &parts, err);
    if (!status)
        status = xl_plan_memory(model, &parts, request->huge_pages, model->backend->memory_available(model->device),
                                err);
    if (!status) status = xl_load_parts(model, &parts, request->threads, request->cancel, request->user, err);
    if (status) goto fail;
    if (model->hparams.tie_word_embeddings) model->lm_head = model->embedding;
    status = xl_model_make_plan(model, err);
    if (status) goto fail;
    count_bytes(model, &parts);
    close_unused(model->store, &parts);
    free(parts.list);
    model->info.device = model->backend->device_name(model->device);
    model->info.kernels = model->backend->device_kernels(model->device);
    model->info.auto_compute =
        model->backend->auto_compute ? model->backend->auto_compute(model->plan) : XLSTM_COMPUTE_F32;
    model->info.few_tokens = model->backend->few_tokens ? model->backend->few_tokens(model->plan) : XL_FEW_TOKENS;
    model->info.few_in_bf16 = model->backend->few_in_bf16 && model->backend->few_in_bf16(model->plan);
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
    if (model->plan) model->backend->plan_destroy(model->plan);
    if (model->store) {
        for (size_t i = 0; i < model->store->buffer_count; i++)
            model->backend->buffer_destroy(model->store->buffers[i]);
        free(model->store->buffers);
        xl_aligned_free(model->store->vectors);
        xl_checkpoint_close(&model->store->checkpoint);
    }
    if (model->device) model->backend->device_close(model->device);
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

uint64_t xlstm_model_memory_available(const xlstm_model *model) {
    return model->backend->memory_available(model->device);
}
