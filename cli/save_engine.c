/* Continues the prompt of a run by libxlstm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/save_outputs.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/value.h"

/* ---- rows ---- */

/* Sets one tunable from a cell of the table. The names that the original has for backends are accepted. */
static int set_tunable(xlstm_settings *settings, const xlstm_tunable *tunable, const char *cell, const char *path,
                       size_t line, const char *column, xlstm_error *err) {
    int key = cli_key_find(tunable->name, CLI(save_outputs), false);
    char message[CLI_MESSAGE];
    json_t *value = cli_value_from_text(cli_key_at(key), cell, message);
    if (!value) return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %s: %.300s", path, line, column, message);
    int status = XLSTM_OK;
    if (json_is_string(value)) status = xlstm_settings_parse(settings, tunable->id, json_string_value(value), err);
    else xlstm_settings_set(settings, tunable->id, json_integer_value(value));
    json_decref(value);
    return status;
}

static int read_row(const cli_saver *s, const xl_csv *csv, const char *path, size_t index, cli_saved_row *out,
                    xlstm_error *err) {
    size_t line = csv->lines[index + 1];
    const char *backend = xl_csv_cell(csv, index, xl_csv_column(csv, "backend"));
    if (!backend[0] || strlen(backend) >= sizeof out->name.backend || strpbrk(backend, "/\\"))
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: backend \"%.80s\", ray or queued is wanted", path, line,
                       backend);
    int failed = cli_settings(s->cfg, NULL, &out->settings, err);
    if (!failed)
        failed = set_tunable(&out->settings, xlstm_tunable_get(XLSTM_TUNE_SCHEDULER), backend, path, line,
                             "backend", err);
    bool heads = false, chunk = false, workers = false;
    for (size_t column = 0; column < csv->columns && !failed; column++) {
        const xlstm_tunable *tunable = xlstm_tunable_find(csv->cells[column]);
        const char *cell = xl_csv_cell(csv, index, (int)column);
        if (!tunable || !cell[0]) continue;
        failed = set_tunable(&out->settings, tunable, cell, path, line, csv->cells[column], err);
        heads |= tunable->id == XLSTM_TUNE_HEADS_PER_BAND;
        chunk |= tunable->id == XLSTM_TUNE_CHUNK_SIZE;
        workers |= tunable->id == XLSTM_TUNE_WORKERS;
    }
    if (failed) return failed;
    if (!heads || !chunk)
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: no %s, a number is wanted", path, line,
                       heads ? "chunk_size" : "heads_per_band");
    snprintf(out->name.backend, sizeof out->name.backend, "%s", backend);
    out->name.heads_per_band = xlstm_settings_get(&out->settings, XLSTM_TUNE_HEADS_PER_BAND);
    out->name.chunk_size = xlstm_settings_get(&out->settings, XLSTM_TUNE_CHUNK_SIZE);
    out->name.workers = workers ? xlstm_settings_get(&out->settings, XLSTM_TUNE_WORKERS) : -1;
    out->name.row = (int64_t)index;
    return XLSTM_OK;
}

/* ---- continuations ---- */

/* Opens the model with the row's load-time tunables; does nothing where it is already open with the same ones. */
static int open_for(cli_saver *s, const xlstm_settings *wanted, xlstm_error *err) {
    bool same = s->model != NULL;
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
        if ((xlstm_tunable_get(i)->affects & XLSTM_AFFECTS_LOAD) &&
            xlstm_settings_get(wanted, i) != xlstm_settings_get(&s->loaded, i))
            same = false;
    }
    if (same) return XLSTM_OK;
    xlstm_model_close(s->model);
    s->model = NULL;
    s->loaded = *wanted;
    xlstm_model_options options = {.settings = wanted,
                                   .device = cli_str(s->cfg, "device"),
                                   .cpu_mask = cli_str(s->cfg, "cpu_mask"),
                                   .cancel = cli_signals_cancel};
    const char *path = cli_model_path(s->cfg, err);
    return path ? xlstm_model_open(&s->model, path, &options, err) : XLSTM_ENOTFOUND;
}

/* Writes `count` tokens of the greedy continuation of the prompt into ids. */
static int continue_prompt(cli_saver *s, xlstm_session *session, int32_t *ids, size_t count, xlstm_error *err) {
    int64_t vocab_size = xlstm_model_hparams(s->model)->vocab_size;
    xlstm_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    xlstm_sampler *sampler = NULL;
    float *logits = xl_aligned_alloc((size_t)vocab_size, sizeof *logits);
    int status = logits ? xlstm_sampler_create(&sampler, &greedy, vocab_size, err)
                        : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) status = xlstm_prefill(session, s->ids, s->ids_count, XLSTM_LOGITS_LAST, logits, err);
    for (size_t i = 0; i < count && !status; i++) {
        ids[i] = xlstm_sampler_draw(sampler, logits);
        if (i + 1 < count) status = xlstm_decode(session, ids[i], logits, err);
    }
    xlstm_sampler_destroy(sampler);
    xl_aligned_free(logits);
    return status;
}

/* Generates the continuation under the settings of a row; the caller owns *text. */
static int run(cli_saver *s, const cli_saved_row *row, char **text, size_t *bytes, xlstm_error *err) {
    const xlstm_settings *settings = &row->settings;
    size_t count = (size_t)cli_int(s->cfg, "new");
    xlstm_session *session = NULL;
    int32_t *ids = xl_array(count, sizeof *ids);
    int status =
        ids ? open_for(s, settings, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu tokens", count);
    if (!status) status = xlstm_session_create(&session, s->model, settings, err);
    if (!status) xlstm_session_set_cancel(session, cli_signals_cancel, NULL);
    if (!status) status = continue_prompt(s, session, ids, count, err);
    if (!status) status = xlstm_tokenizer_decode(s->tokenizer, ids, count, false, text, bytes, err);
    xlstm_session_destroy(session);
    free(ids);
    return status;
}

/* Clips values above the model's limits, with one notice for each tunable. */
static void clip(cli_saver *s, const xlstm_hparams *hparams) {
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        int64_t least = 0;
        size_t clipped = 0;
        for (size_t i = 0; i < s->count; i++) {
            xlstm_settings *settings = &s->rows[i].settings;
            int64_t value = xlstm_settings_get(settings, id);
            if (s->rows[i].left_out || !cli_clip(id, &value, hparams)) continue;
            xlstm_settings_set(settings, id, value);
            least = value;
            clipped++;
        }
        if (clipped)
            cli_notice("%s of %zu rows clipped to the model's %lld %s", t->name, clipped, (long long)least,
                       t->unit);
    }
}

static int prepare(cli_saver *s, xlstm_error *err) {
    xlstm_hparams hparams;
    const char *dir = cli_model_path(s->cfg, err);
    int status = dir ? xlstm_tokenizer_open(&s->tokenizer, dir, err) : XLSTM_ENOTFOUND;
    if (!status) status = xlstm_checkpoint_inspect(dir, &hparams, NULL, err);
    if (!status) clip(s, &hparams);
    if (!status)
        status = cli_encode_prompt(s->cfg, s->tokenizer, NULL, s->prompt, s->prompt_bytes, true, &s->ids,
                                   &s->ids_count, err);
    if (!status && !s->ids_count)
        status = xl_fail(err, XLSTM_EARG,
                         "the prompt is empty and the tokenizer has no BOS: there is nothing to continue");
    return status;
}

static bool same(const cli_saved_row *a, const cli_saved_row *b) {
    return !memcmp(&a->settings, &b->settings, sizeof a->settings);
}

static const char *const columns[] = {"backend", "heads_per_band", "chunk_size", NULL};
const cli_continuer cli_continuer_engine = {
    .columns = columns, .read_row = read_row, .prepare = prepare, .run = run, .same = same};
