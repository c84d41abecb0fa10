/* xltune save-outputs: writes a greedy continuation for each row of a run's summary.csv. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/value.h"
#include "cli/work.h"
#include "tuner/run/run_meta.h"
#include "tuner/scores/output_name.h"
#include "tuner/target/targets.h"

static const cli_spec spec = {
    .command = CLI(save_outputs),
    .summary = "Continues the prompt once for each row of RUN/summary.csv, with that row's\n"
               "settings, and saves the texts.",
    .details = "A continuation is greedy and exactly --new tokens long; end of text does not\n"
               "stop it. The files are named, with rows counted from 0,\n"
               "b=<backend>__h=<heads_per_band>__ck=<chunk_size>[__w=<workers>]__i=<row>.txt\n"
               "Every column that is named like a tunable sets that tunable, and an empty cell\n"
               "leaves its default. Infeasible trials are left out. If no prompt is given, it\n"
               "is taken from the run.\n",
};

/* One row of summary.csv. */
typedef struct row {
    tune_output_name name;
    xlstm_settings settings;
    bool infeasible; /* the row has no settings that can run */
} row;

typedef struct saver {
    cli_config *cfg;
    xlstm_tokenizer *tokenizer;
    xlstm_model *model;
    xlstm_settings loaded; /* settings with which the model was opened */
    int32_t *prompt;
    size_t prompt_count;
    row *rows;
    size_t count, done, left_out, runs;
    char *folder;
} saver;

/* ---- summary.csv ---- */

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

static const char *cell_of(const xl_csv *csv, size_t index, const char *column) {
    int at = xl_csv_column(csv, column);
    return at < 0 ? "" : xl_csv_cell(csv, index, at);
}

static int read_row(const saver *s, const xl_csv *csv, const char *path, size_t index, row *out, xlstm_error *err) {
    size_t line = csv->lines[index + 1];
    const char *backend = cell_of(csv, index, "backend"), *status = cell_of(csv, index, "status");
    out->infeasible = !strcmp(status, "infeasible");
    if (out->infeasible) return XLSTM_OK;
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

static int read_summary(saver *s, xlstm_error *err) {
    char *path = xl_path_join(cli_str(s->cfg, "run"), "summary.csv");
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "summary.csv: out of memory");
    xl_csv csv = {0};
    int status = xl_csv_read(&csv, path, XL_CSV_BYTES, err);
    static const char *const needed[] = {"backend", "heads_per_band", "chunk_size"};
    for (int i = 0; i < 3 && !status; i++) {
        if (xl_csv_column(&csv, needed[i]) < 0)
            status = xl_fail(err, XLSTM_EFORMAT, "%s: no column %s", path, needed[i]);
    }
    if (!status && !csv.rows) status = xl_fail(err, XLSTM_EFORMAT, "%s: no rows, trials are wanted", path);
    if (!status) s->rows = calloc(csv.rows, sizeof *s->rows);
    if (!status && !s->rows) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < csv.rows && !status; i++) {
        status = read_row(s, &csv, path, i, &s->rows[i], err);
        s->left_out += s->rows[i].infeasible;
        s->count++;
    }
    xl_csv_free(&csv);
    free(path);
    return status;
}

/* ---- continuations ---- */

/* Opens the model with the row's load-time tunables; does nothing where it is already open with the same ones. */
static int open_for(saver *s, const xlstm_settings *wanted, xlstm_error *err) {
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
static int continue_prompt(saver *s, xlstm_session *session, int32_t *ids, size_t count, xlstm_error *err) {
    int64_t vocab_size = xlstm_model_hparams(s->model)->vocab_size;
    xlstm_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    xlstm_sampler *sampler = NULL;
    float *logits = xl_aligned_alloc((size_t)vocab_size, sizeof *logits);
    int status = logits ? xlstm_sampler_create(&sampler, &greedy, vocab_size, err)
                        : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) status = xlstm_prefill(session, s->prompt, s->prompt_count, XLSTM_LOGITS_LAST, logits, err);
    for (size_t i = 0; i < count && !status; i++) {
        ids[i] = xlstm_sampler_draw(sampler, logits);
        if (i + 1 < count) status = xlstm_decode(session, ids[i], logits, err);
    }
    xlstm_sampler_destroy(sampler);
    xl_aligned_free(logits);
    return status;
}

/* Generates the continuation under these settings; the caller owns *text. */
static int run_settings(saver *s, const xlstm_settings *settings, char **text, size_t *bytes, xlstm_error *err) {
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
    s->runs++;
    return status;
}

static int write_row(saver *s, const row *r, const char *text, size_t bytes, xlstm_error *err) {
    char *name = tune_output_name_format(&r->name), *path = name ? xl_path_join(s->folder, name) : NULL;
    int status =
        path ? xl_file_write(path, text, bytes, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->folder);
    free(name);
    free(path);
    s->done++;
    cli_progress("save-outputs: row", s->done, s->count - s->left_out);
    return status;
}

static bool same_settings(const row *a, const row *b) {
    return !a->infeasible && !b->infeasible && !memcmp(&a->settings, &b->settings, sizeof a->settings);
}

/* Generates one continuation and writes it for this row and all later rows with the same settings. */
static int save_row(saver *s, size_t index, xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < index; i++) {
        if (same_settings(&s->rows[i], &s->rows[index])) return XLSTM_OK;
    }
    int status = run_settings(s, &s->rows[index].settings, &text, &bytes, err);
    for (size_t i = index; i < s->count && !status; i++) {
        if (same_settings(&s->rows[i], &s->rows[index])) status = write_row(s, &s->rows[i], text, bytes, err);
    }
    free(text);
    return status;
}

/* Clips values above the model's limits, with one notice for each tunable. */
static void clip(saver *s, const xlstm_hparams *hparams) {
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        int64_t least = 0;
        size_t clipped = 0;
        for (size_t i = 0; i < s->count; i++) {
            xlstm_settings *settings = &s->rows[i].settings;
            int64_t value = xlstm_settings_get(settings, id);
            if (s->rows[i].infeasible || !cli_clip(id, &value, hparams)) continue;
            xlstm_settings_set(settings, id, value);
            least = value;
            clipped++;
        }
        if (clipped)
            cli_notice("%s of %zu rows clipped to the model's %lld %s", t->name, clipped, (long long)least,
                       t->unit);
    }
}

/* Only libxlstm can continue a prompt with a trial's settings. A folder of the original names no target. */
static int check_target(const saver *s, xlstm_error *err) {
    json_t *meta = NULL;
    const char *run = cli_str(s->cfg, "run");
    if (tune_run_meta_read(run, &meta, NULL)) return XLSTM_OK;
    const char *target = json_string_value(json_object_get(meta, "target"));
    const tune_target_class *class = target ? tune_target_find(target) : NULL;
    const int status = !target || (class && class->of_checkpoint)
                           ? XLSTM_OK
                           : xl_fail(err, XLSTM_EARG,
                                     "%s: it tuned %s, whose settings cannot continue a prompt here", run, target);
    json_decref(meta);
    return status;
}

static int prepare(saver *s, xlstm_error *err) {
    char *prompt = NULL;
    size_t bytes = 0;
    xlstm_hparams hparams;
    int status = check_target(s, err);
    if (!status) status = read_summary(s, err);
    if (!status) status = cli_run_prompt(s->cfg, &prompt, &bytes, err);
    const char *dir = status ? NULL : cli_model_path(s->cfg, err);
    if (!status) status = dir ? xlstm_tokenizer_open(&s->tokenizer, dir, err) : XLSTM_ENOTFOUND;
    if (!status) status = xlstm_checkpoint_inspect(dir, &hparams, NULL, err);
    if (!status) clip(s, &hparams);
    if (!status)
        status =
            cli_encode_prompt(s->cfg, s->tokenizer, NULL, prompt, bytes, true, &s->prompt, &s->prompt_count, err);
    if (!status && !s->prompt_count)
        status = xl_fail(err, XLSTM_EARG,
                         "the prompt is empty and the tokenizer has no BOS: there is nothing to continue");
    free(prompt);
    if (status) return status;
    s->folder = cli_outputs_folder(s->cfg, err);
    return s->folder ? xl_make_folder(s->folder, err) : err->status;
}

static int run(int argc, char **argv) {
    saver s = {0};
    int code = cli_config_parse(&s.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (!cli_has(s.cfg, "run")) {
        code = cli_usage(s.cfg, "--run RUN is wanted");
    } else {
        xlstm_error err = {0};
        cli_signals_install();
        int status = prepare(&s, &err);
        for (size_t i = 0; i < s.count && !status; i++) {
            if (!s.rows[i].infeasible) status = save_row(&s, i, &err);
        }
        if (!status) {
            printf("%zu continuation%s in %s, %zu setting%s run", s.done, s.done == 1 ? "" : "s",
                   cli_plain(s.folder), s.runs, s.runs == 1 ? "" : "s");
            if (s.left_out) printf(", %zu infeasible ones left out", s.left_out);
            putchar('\n');
        }
        code = cli_exit_code(s.cfg, status, &err);
    }
    free(s.prompt);
    free(s.rows);
    free(s.folder);
    xlstm_model_close(s.model);
    xlstm_tokenizer_close(s.tokenizer);
    cli_config_free(s.cfg);
    return code;
}

const cli_command cli_cmd_save_outputs = {"continue the prompt for each row of a run", run};
