#include "cli/study_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/json_out.h"
#include "cli/streams.h"
#include "cli/study_open.h"

static bool format_is(const cli_config *cfg, const char *name) {
    return cli_is_set(cfg, "format") && strcmp(cli_str(cfg, "format"), name) == 0;
}

/* Adds what a target says of a run, as members of their own. */
static void add_facts(json_t *j, const tune_named_list *facts) {
    for (size_t i = 0; i < facts->count; i++)
        json_object_set_new(j, facts->item[i].name, tune_value_json(facts->item[i].value));
}

static json_t *run_json(const tune_run_row *r) {
    json_t *result = cli_study_json(r->result);
    json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:f}", "id", (json_int_t)r->id, "uid",
                          r->uid, "folder", r->folder, "backend", r->backend, "state", r->state, "mode", r->mode,
                          "objective", r->objective, "trials", (json_int_t)r->trials, "target", r->target,
                          "machine", r->machine, "created", r->created);
    add_facts(j, &r->identity);
    add_facts(j, &r->workload);
    json_t *verdict = json_object_get(result, "verdict");
    json_object_set_new(j, "verdict", verdict ? json_incref(verdict) : json_null());
    json_decref(result);
    return j;
}

/* The runs that are listed. */
typedef struct list {
    json_t *all;   /* an array of what run_json returns */
    json_t *named; /* an array: for each of them whether --study PLACE and its number name it */
} list;

static void add_run(list *l, const tune_run_row *run, bool named) {
    json_array_append_new(l->all, run_json(run));
    json_array_append_new(l->named, json_boolean(named));
}

/* Adds the runs of a study in a file, or on a server. */
static int list_study(const char *path, list *l, xlstm_error *err) {
    tune_study *study = NULL;
    tune_run_row *runs = NULL;
    size_t count = 0;
    int status = tune_study_open_reading(&study, path, err);
    if (!status) status = tune_study_runs(study, &runs, &count, err);
    for (size_t i = 0; i < count; i++) add_run(l, &runs[i], true);
    tune_run_rows_free(runs, count);
    tune_study_close(study);
    return status;
}

/* Adds the runs of a place to the list: a study, a run folder, or a folder of run folders. */
static int list_place(const char *place, list *l, xlstm_error *err) {
    cli_opened o = {0};
    int status = XLSTM_OK;
    if (!xl_is_folder(place)) return list_study(place, l, err);
    if (cli_is_bare_study(place)) {
        char *path = xl_path_join(place, TUNE_STUDY_FILE);
        status = path ? list_study(path, l, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
        free(path);
        return status;
    }
    if (cli_has_file(place, "run_meta.json")) {
        status = cli_open_folder(place, &o, err);
        if (!status) add_run(l, &o.run, false);
        cli_opened_close(&o);
        return status;
    }
    struct dirent **names;
    int n = scandir(place, &names, NULL, alphasort);
    if (n < 0) return xl_fail(err, XLSTM_EIO, "%s: cannot be read", place);
    for (int i = 0; i < n; i++) {
        char *folder = names[i]->d_name[0] == '.' ? NULL : xl_path_join(place, names[i]->d_name);
        /* Folders that are not runs of ours, such as those of the original, are left out. */
        if (folder && xl_is_folder(folder) && !cli_open_folder(folder, &o, NULL)) add_run(l, &o.run, false);
        cli_opened_close(&o);
        free(folder);
        free(names[i]);
    }
    free(names);
    return status;
}

static void list_csv(FILE *out, const json_t *r, const char *when) {
    const char *const texts[] = {cli_study_last_part(cli_study_text(r, "folder")), cli_study_text(r, "state"),
                                 cli_study_text(r, "mode")};
    fprintf(out, "%lld", (long long)json_integer_value(json_object_get(r, "id")));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fputc(',', out);
        xl_csv_put_text(out, texts[i]);
    }
    fprintf(out, ",%lld,", (long long)json_integer_value(json_object_get(r, "trials")));
    xl_csv_put_text(out, cli_study_text(r, "objective"));
    fprintf(out, ",%s,", when);
    xl_csv_put_text(out, cli_study_text(r, "verdict"));
    fputc('\n', out);
}

/* What a terminal of 80 columns has room for; a longer name has a line of its own. */
static void list_narrow(FILE *out, const json_t *r, const char *id) {
    enum { NAME = 26, BEFORE = 55, WIDTH = 80 };
    const char *name = cli_plain(cli_study_last_part(cli_study_text(r, "folder")));
    if (strlen(name) > NAME) fprintf(out, "%4s  %s\n%4s  %-*s", id, name, "", NAME, "");
    else fprintf(out, "%4s  %-*s", id, NAME, name);
    fprintf(out, "  %-11s  %6lld  ", cli_plain(cli_study_text(r, "state")),
            (long long)json_integer_value(json_object_get(r, "trials")));
    /* A verdict of many words goes on in the line below. */
    const char *left = cli_plain(cli_study_text(r, "verdict"));
    while (strlen(left) > WIDTH - BEFORE) {
        int length = WIDTH - BEFORE;
        while (length && left[length] != ' ') length--;
        if (!length) break;
        fprintf(out, "%.*s\n%*s", length, left, BEFORE, "");
        left += length + 1;
    }
    fprintf(out, "%s\n", left);
}

/* One line for each run, which scripts read. */
static void list_wide(FILE *out, const json_t *r, const char *id, const char *when) {
    fprintf(out, "%4s  %-36s %-11s %-7s %6lld  %-14s %s  %s\n", id,
            cli_plain(cli_study_last_part(cli_study_text(r, "folder"))), cli_plain(cli_study_text(r, "state")),
            cli_plain(cli_study_text(r, "mode")), (long long)json_integer_value(json_object_get(r, "trials")),
            cli_plain(cli_study_text(r, "objective")), when, cli_plain(cli_study_text(r, "verdict")));
}

static void list_text(FILE *out, const list *l, bool narrow) {
    if (narrow) fprintf(out, "%4s  %-26s  %-11s  %6s  %s\n", "id", "run", "state", "trials", "verdict");
    else
        fprintf(out, "%4s  %-36s %-11s %-7s %6s  %-14s %-19s  %s\n", "id", "run", "state", "mode", "trials",
                "objective", "created", "verdict");
    for (size_t i = 0; i < json_array_size(l->all); i++) {
        const json_t *r = json_array_get(l->all, i);
        char when[32], id[24] = "-"; /* a run folder is named by itself: nearly all of them have the id 1 */
        cli_study_when(json_real_value(json_object_get(r, "created")), when, sizeof when);
        if (json_is_true(json_array_get(l->named, i)))
            snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_object_get(r, "id")));
        if (narrow) list_narrow(out, r, id);
        else list_wide(out, r, id, when);
    }
}

int cli_study_list(cli_config *cfg, FILE *out, xlstm_error *err) {
    list l = {json_array(), json_array()};
    int status = XLSTM_OK, places = cli_positional_count(cfg) - 1;
    if (cli_str(cfg, "study")) status = list_place(cli_str(cfg, "study"), &l, err);
    for (int i = 1; !status && i <= places; i++) status = list_place(cli_positional(cfg, i), &l, err);
    if (!status && !places && !cli_str(cfg, "study")) {
        if (xl_is_folder("runs")) status = list_place("runs", &l, err);
        else status = xl_fail(err, XLSTM_ENOTFOUND, "runs: no such folder; name a study or a run folder");
    }
    if (!status && format_is(cfg, "json")) {
        status = cli_print_json(l.all, JSON_INDENT(2) | JSON_REAL_PRECISION(17), out, err);
    } else if (!status && format_is(cfg, "csv")) {
        fputs("id,run,state,mode,trials,objective,created,verdict\n", out);
        for (size_t i = 0; i < json_array_size(l.all); i++) {
            const json_t *r = json_array_get(l.all, i);
            char when[32];
            cli_study_when(json_real_value(json_object_get(r, "created")), when, sizeof when);
            list_csv(out, r, when);
        }
    } else if (!status) {
        list_text(out, &l, cli_study_narrow(cfg));
    }
    json_decref(l.all);
    json_decref(l.named);
    return status;
}
