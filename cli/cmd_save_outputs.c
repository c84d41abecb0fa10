/* xltune save-outputs: writes a greedy continuation for each row of a run's summary.csv. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/save_outputs.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/work.h"
#include "tuner/target/targets.h"

static const cli_spec spec = {
    .command = CLI(save_outputs),
    .instead = "a run is given with --run",
    .summary = "Continues the prompt once for each row of RUN/summary.csv, with that row's\n"
               "settings, and saves the texts.",
    .details = "A continuation is greedy and exactly --new tokens long; end of text does not\n"
               "stop it. The files are named, with rows counted from 0,\n"
               "b=<backend>__h=<heads_per_band>__ck=<chunk_size>[__w=<workers>]__i=<row>.txt\n"
               "Every column that is named like a tunable sets that tunable, and an empty cell\n"
               "leaves its default. Infeasible trials are left out. If no prompt is given, it\n"
               "is taken from the run.\n\n"
               "The rows of a run that tuned a worker are continued by that worker, if it can;\n"
               "parts that its settings do not have are left out of the names, and so are its\n"
               "failed trials.\n",
};

typedef struct progress {
    char *folder;
    size_t done, runs;
} progress;

/* ---- summary.csv ---- */

static int read_summary(cli_saver *s, xlstm_error *err) {
    char *path = xl_path_join(cli_str(s->cfg, "run"), "summary.csv");
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "summary.csv: out of memory");
    xl_csv csv = {0};
    int status = xl_csv_read(&csv, path, XL_CSV_BYTES, err);
    for (const char *const *needed = s->by->columns; *needed && !status; needed++) {
        if (xl_csv_column(&csv, *needed) < 0)
            status = xl_fail(err, XLSTM_EFORMAT, "%s: no column %s", path, *needed);
    }
    if (!status && !csv.rows) status = xl_fail(err, XLSTM_EFORMAT, "%s: no rows, trials are wanted", path);
    if (!status) s->rows = calloc(csv.rows, sizeof *s->rows);
    if (!status && !s->rows) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (; s->count < csv.rows && !status; s->count++) {
        cli_saved_row *row = &s->rows[s->count];
        row->left_out = !strcmp(xl_csv_cell(&csv, s->count, xl_csv_column(&csv, "status")), "infeasible");
        if (!row->left_out) status = s->by->read_row(s, &csv, path, s->count, row, err);
        s->left_out += row->left_out;
    }
    xl_csv_free(&csv);
    free(path);
    return status;
}

/* ---- continuations ---- */

static int write_row(cli_saver *s, const cli_saved_row *r, const char *text, size_t bytes, progress *p,
                     xlstm_error *err) {
    char *name = tune_output_name_format(&r->name), *path = name ? xl_path_join(p->folder, name) : NULL;
    int status =
        path ? xl_file_write(path, text, bytes, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", p->folder);
    free(name);
    free(path);
    p->done++;
    cli_progress("save-outputs: row", p->done, s->count - s->left_out);
    return status;
}

static bool same_settings(const cli_saver *s, size_t a, size_t b) {
    return !s->rows[a].left_out && !s->rows[b].left_out && s->by->same(&s->rows[a], &s->rows[b]);
}

/* Generates one continuation and writes it for this row and all later rows with the same settings. */
static int save_row(cli_saver *s, size_t index, progress *p, xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < index; i++) {
        if (same_settings(s, i, index)) return XLSTM_OK;
    }
    int status = s->by->run(s, &s->rows[index], &text, &bytes, err);
    p->runs++;
    for (size_t i = index; i < s->count && !status; i++) {
        if (same_settings(s, i, index)) status = write_row(s, &s->rows[i], text, bytes, p, err);
    }
    free(text);
    return status;
}

static int prepare(cli_saver *s, progress *p, xlstm_error *err) {
    const tune_target_class *class;
    int status = cli_run_target(s->cfg, cli_str(s->cfg, "run"), &s->target, &class, err);
    s->by = class && !class->of_checkpoint ? &cli_continuer_target : &cli_continuer_engine;
    if (!status && s->by == &cli_continuer_target && !s->target.continue_text)
        status = xl_fail(err, XLSTM_EARG, "%s: it tuned %s, which continues no text", cli_str(s->cfg, "run"),
                         class->name);
    if (!status) status = read_summary(s, err);
    if (!status) status = cli_run_prompt(s->cfg, &s->prompt, &s->prompt_bytes, err);
    if (!status && s->by->prepare) status = s->by->prepare(s, err);
    if (status) return status;
    p->folder = cli_outputs_folder(s->cfg, err);
    return p->folder ? xl_make_folder(p->folder, err) : err->status;
}

static void clear(cli_saver *s) {
    for (size_t i = 0; i < s->count; i++) tune_named_clear(&s->rows[i].of_target);
    free(s->rows);
    free(s->prompt);
    free(s->ids);
    tune_target_close(&s->target);
    xlstm_model_close(s->model);
    xlstm_tokenizer_close(s->tokenizer);
    cli_config_free(s->cfg);
}

static int run(int argc, char **argv) {
    cli_saver s = {0};
    progress p = {0};
    int code = cli_config_parse(&s.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (!cli_has(s.cfg, "run")) {
        code = cli_usage(s.cfg, "--run RUN is wanted");
    } else {
        xlstm_error err = {0};
        cli_signals_install();
        int status = prepare(&s, &p, &err);
        for (size_t i = 0; i < s.count && !status; i++) {
            if (!s.rows[i].left_out) status = save_row(&s, i, &p, &err);
        }
        if (!status) {
            printf("%zu continuation%s in %s, %zu setting%s run", p.done, p.done == 1 ? "" : "s",
                   cli_plain(p.folder), p.runs, p.runs == 1 ? "" : "s");
            if (s.left_out) printf(", %zu %s ones left out", s.left_out, s.target.class ? "failed" : "infeasible");
            putchar('\n');
        }
        code = cli_exit_code(s.cfg, status, &err);
    }
    free(p.folder);
    clear(&s);
    return code;
}

const cli_command cli_cmd_save_outputs = {"continue the prompt for each row of a run", run};
