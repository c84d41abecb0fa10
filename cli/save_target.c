/* Continues the prompt of a run by the target that it tuned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/save_outputs.h"
#include "cli/signals.h"

/* Sets a value from a cell, in the type that the target has it in. */
static int set_value(tune_named *item, const char *cell, const char *path, size_t line, xlstm_error *err) {
    char *end;
    if (item->value.text) {
        item->value.text = cell;
        return XLSTM_OK;
    }
    item->value.number = strtod(cell, &end);
    if (!*end) return XLSTM_OK;
    return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %s: found '%.80s', wanted a number", path, line, item->name,
                   cell);
}

static int64_t number_of(const tune_named_list *list, const char *name) {
    const tune_value *value = tune_named_find(list, name);
    return value && !value->text ? (int64_t)value->number : -1;
}

/* Every column that is named like a setting of the target sets it; an empty cell leaves the baseline's. */
static int read_row(const cli_saver *s, const xl_csv *csv, const char *path, size_t index, cli_saved_row *out,
                    xlstm_error *err) {
    const tune_named_list *base = &s->target.baseline;
    const char *state = xl_csv_cell(csv, index, xl_csv_column(csv, "status"));
    /* What crashed or hung in the search would do so again. */
    out->left_out = state[0] && strcmp(state, "ok") != 0 && strcmp(state, "duplicate") != 0;
    if (out->left_out) return XLSTM_OK;
    tune_named *item = xl_array(base->count, sizeof *item);
    int status = item ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; !status && i < base->count; i++) {
        item[i] = base->item[i];
        const char *cell = xl_csv_cell(csv, index, xl_csv_column(csv, item[i].name));
        if (cell[0]) status = set_value(&item[i], cell, path, csv->lines[index + 1], err);
    }
    if (!status && !tune_named_copy(&out->of_target, item, base->count))
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    free(item);
    if (status) return status;
    out->name = (tune_output_name){.heads_per_band = number_of(&out->of_target, "heads_per_band"),
                                   .chunk_size = number_of(&out->of_target, "chunk_size"),
                                   .workers = number_of(&out->of_target, "workers"),
                                   .row = (int64_t)index};
    snprintf(out->name.backend, sizeof out->name.backend, "%s", s->target.class->name);
    return XLSTM_OK;
}

static int run(cli_saver *s, const cli_saved_row *row, char **text, size_t *bytes, xlstm_error *err) {
    const tune_passage prompt = {s->prompt, s->prompt_bytes};
    return s->target.continue_text(s->target.self, &row->of_target, &prompt, (size_t)cli_int(s->cfg, "new"), text,
                                   bytes, err);
}

static bool same(const cli_saved_row *a, const cli_saved_row *b) {
    return tune_named_same(&a->of_target, &b->of_target);
}

static const char *const columns[] = {NULL};
const cli_continuer cli_continuer_target = {.columns = columns, .read_row = read_row, .run = run, .same = same};
