/* The input is a saved state of the checkpoint tests/data/f32-sharded. One that is refused leaves the session as it
 * was; one that is loaded can go on. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/file.h"
#include "base/memory.h"
#include "bundle.h"
#include "fuzz.h"

static xlstm_model *model;
static xlstm_session *session;
static xlstm_sampler *sampler;
static float *logits;
static char *path;
static const char *folder;

static void close_all(void) {
    xlstm_sampler_destroy(sampler);
    xlstm_session_destroy(session);
    xlstm_model_close(model);
    xl_aligned_free(logits);
    free(path);
}

static void open_all(void) {
    const xlstm_sampling sampling = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    const xlstm_model_options options = {0};
    atexit(close_all);
    if (xlstm_model_open(&model, XL_SOURCE_DIR "/tests/data/f32-sharded", &options, NULL)) abort();
    const int64_t vocab = xlstm_model_hparams(model)->vocab_size;
    folder = bundle_folder();
    path = xl_path_join(folder, "state");
    logits = xl_aligned_alloc((size_t)vocab, sizeof *logits);
    if (!path || !logits || xlstm_session_create(&session, model, NULL, NULL) ||
        xlstm_sampler_create(&sampler, &sampling, vocab, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"state", NULL};
    xlstm_error err = {.status = XLSTM_OK};
    if (!model) open_all();
    xlstm_session_reset(session);
    bundle_write(folder, names, data, size);
    for (int with = 0; with < 2; with++) {
        int status =
            with ? xlstm_state_load_with(session, sampler, path, &err) : xlstm_state_load(session, path, &err);
        if (status && (status != err.status || !err.text[0])) abort();
        /* Numbers that are finite may still grow beyond what float32 holds, which the session says. */
        status = xlstm_decode(session, 1, logits, &err);
        if (status && status != XLSTM_ENOTFINITE) abort();
        if (status) xlstm_session_reset(session);
    }
    bundle_write(folder, names, NULL, 0);
    return 0;
}
