/* xltune study: shows what studies contain, and exchanges and compares runs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/sink.h"
#include "cli/streams.h"
#include "cli/study_compare.h"
#include "cli/study_list.h"
#include "cli/study_open.h"
#include "tuner/report/compare.h"
#include "tuner/run/snapshot.h"
#include "tuner/run/table.h"
#include "tuner/study/study.h"
#include "tuner/study/study_address.h"

#define IMPORT_MOST ((size_t)64 << 30) /* it is not held in memory */

static const cli_spec spec = {
    .command = CLI(study),
    .summary = "Lists, shows, exchanges and compares the runs of studies.",
    .arguments = "list|show|best|export|import|merge|compare [RUN ...]",
    .min_arguments = 1,
    .max_arguments = 64,
    .details = "  study list [PLACE ...]       list the runs in studies, in run folders, and in\n"
               "                               folders of run folders\n"
               "  study show RUN               show a run: its settings, trials and history\n"
               "  study best RUN               show its result and where it was measured;\n"
               "                               --out FILE writes it\n"
               "  study export RUN --out FILE  write the whole run as JSON or its trials as csv\n"
               "  study import FILE ...        put exported runs into --study FILE, all or none\n"
               "  study merge STUDY ...        put every run of other studies into --study FILE\n"
               "  study compare A B            say how the winners of two runs compare, by way\n"
               "                               of the baselines of both, or why that cannot be\n"
               "                               said; and list the times of points in both\n"
               "RUN is a run folder, or with --study FILE the name or number of a run in it. A\n"
               "point that was measured on another machine or by another version is only a\n"
               "proposal: a run that uses the study (optimize --study) measures it again.\n",
};

static bool as_json(const cli_config *cfg) {
    return cli_is_set(cfg, "format") && strcmp(cli_str(cfg, "format"), "json") == 0;
}

static bool as_csv(const cli_config *cfg) {
    return cli_is_set(cfg, "format") && strcmp(cli_str(cfg, "format"), "csv") == 0;
}

static int print_json(FILE *out, const json_t *j, xlstm_error *err) {
    return cli_print_json(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17), out, err);
}

/* Text for people, of which long lines are wrapped where it goes to a terminal. */
typedef struct text_out {
    FILE *out, *stream; /* where it goes, and what it is written to */
    char *text;         /* what was written, where the two are not the same */
    size_t bytes;
} text_out;

static int text_open(text_out *t, const cli_config *cfg, FILE *out, xlstm_error *err) {
    *t = (text_out){.out = out, .stream = out};
    if (cli_study_narrow(cfg)) t->stream = open_memstream(&t->text, &t->bytes);
    return t->stream ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
}

static int text_close(text_out *t, int indent, xlstm_error *err) {
    int status = XLSTM_OK;
    if (t->stream == t->out) return status;
    if (fclose(t->stream) || !t->text) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    else cli_put_folded(t->out, t->text, indent);
    free(t->text);
    return status;
}

/* ---- one run ---- */

static json_t *baseline_settings(const cli_opened *o) {
    json_t *meta = cli_study_json(o->run.meta), *settings = json_object_get(meta, "settings");
    settings = settings ? json_incref(settings) : json_object();
    json_decref(meta);
    return settings;
}

/* Returns all settings of a trial: the baseline's, replaced by the trial's own where it has any. */
static json_t *trial_settings(const json_t *baseline, const tune_trial_row *trial) {
    json_t *all = json_deep_copy(baseline), *params = tune_named_json(&trial->params);
    json_object_update(all, params);
    json_t *scheduler = json_object_get(params, "scheduler");
    if (scheduler) json_object_set(all, "backend", scheduler);
    json_decref(params);
    return all;
}

/* Where the rows of a table go. */
typedef struct table_out {
    FILE *out;
    const tune_metrics *metrics;
    json_t *baseline;
} table_out;

static int put_csv_row(void *ctx, tune_trial_row *trial, xlstm_error *err) {
    const table_out *t = ctx;
    json_t *settings = trial_settings(t->baseline, trial);
    tune_table_csv_row(t->out, t->metrics, t->baseline, trial, settings);
    json_decref(settings);
    return ferror(t->out) ? xl_fail(err, XLSTM_EIO, "cannot write: %s", strerror(errno)) : XLSTM_OK;
}

static int trials_csv(FILE *out, const cli_opened *o, xlstm_error *err) {
    table_out t = {out, &o->run.metrics, baseline_settings(o)};
    tune_table_csv_header(out, t.metrics, t.baseline);
    int status = tune_study_trials_each(o->study, o->run.id, put_csv_row, &t, err);
    json_decref(t.baseline);
    return status;
}

static int whole_json(FILE *out, const cli_opened *o, xlstm_error *err) {
    int status = tune_study_export(o->study, o->run.id, out, err);
    if (!status) fputc('\n', out);
    return status;
}

/* The length at which a fact is cut: hashes are, at 16 digits. */
static int shown_length(const char *text) {
    const size_t length = strlen(text);
    return length >= 32 && strspn(text, "0123456789abcdef") == length ? 16 : (int)length;
}

/* Ends a line with facts, "device cpu, checkpoint 0123…"; hashes are cut. `before` stands before the first. */
static void show_facts(FILE *out, const char *before, const tune_named_list *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        const tune_value v = facts->item[i].value;
        char number[64];
        const char *text = v.text ? cli_plain(v.text) : tune_value_print(v, number, sizeof number);
        fprintf(out, "%s%s %.*s", i ? ", " : before, facts->item[i].name, shown_length(text), text);
    }
    fputc('\n', out);
}

static void show_text(FILE *out, const cli_opened *o, const tune_trial_row *trials, size_t count,
                      const tune_event_row *events, size_t event_count) {
    const tune_run_row *r = &o->run;
    json_t *machine = cli_study_json(r->machine_info), *result = cli_study_json(r->result);
    char when[32];
    cli_study_when(r->created, when, sizeof when);
    fprintf(out, "run         %s (%s)\n", cli_plain(r->folder), cli_plain(r->state));
    fprintf(out, "began       %s, xltune %s", when, cli_plain(r->version));
    show_facts(out, ", ", &r->build);
    fprintf(out, "machine     %s, %lld CPUs (%.8s)\n", cli_plain(cli_study_text(machine, "cpu")),
            (long long)json_integer_value(json_object_get(machine, "logical_cpus")), cli_plain(r->machine));
    fprintf(out, "target      %s", cli_plain(r->target));
    show_facts(out, ", ", &r->identity);
    if (r->workload.count) {
        fprintf(out, "workload   ");
        show_facts(out, " ", &r->workload);
    }
    fprintf(out, "search      %s, seed %lld, objective %s, backend %s\n", cli_plain(r->mode), (long long)r->seed,
            cli_plain(r->objective), cli_plain(r->backend));
    fprintf(out, "\n%5s %-10s %14s %14s %10s  %s\n", "trial", "status", tune_metrics_name(&r->metrics, 0),
            tune_metrics_name(&r->metrics, 1), "ratio", "settings");
    for (size_t i = 0; i < count; i++) {
        const tune_trial_row *t = &trials[i];
        fprintf(out, "%5lld %-10s ", (long long)t->index, tune_trial_status_name((int)t->status));
        if (isfinite(t->metric[0])) fprintf(out, "%14.6g %14.6g %10.4f", t->metric[0], t->metric[1], t->value);
        else fprintf(out, "%14s %14s %10s", "", "", "");
        fprintf(out, "  %s%s%s\n", cli_plain(t->key), t->reason ? "  # " : "",
                t->reason ? cli_plain(t->reason) : "");
    }
    fprintf(out, "\nverdict     %s\n",
            json_is_object(result) ? cli_plain(cli_study_text(result, "verdict_text")) : "none yet");
    for (size_t i = 0; i < event_count; i++) {
        /* Measurements, which --format json prints. */
        if (!strcmp(events[i].kind, "comparison") || !strcmp(events[i].kind, "condition")) continue;
        cli_study_when(events[i].at, when, sizeof when);
        json_t *what =
            cli_study_json(events[i].text); /* the text of some events is JSON that contains a sentence */
        const char *words = json_string_value(json_object_get(json_object_get(what, "found"), "text"));
        fprintf(out, "%s  %s: %s\n", when, cli_plain(events[i].kind), cli_plain(words ? words : events[i].text));
        json_decref(what);
    }
    json_decref(machine);
    json_decref(result);
}

static int do_show(cli_config *cfg, FILE *out, xlstm_error *err) {
    cli_opened o;
    tune_trial_row *trials = NULL;
    tune_event_row *events = NULL;
    size_t count = 0, event_count = 0;
    int status = cli_open_run(cfg, cli_positional(cfg, 1), &o, err);
    if (!status && as_json(cfg)) {
        status = whole_json(out, &o, err);
    } else if (!status && as_csv(cfg)) {
        status = trials_csv(out, &o, err);
    } else if (!status) {
        status = tune_study_trials(o.study, o.run.id, &trials, &count, err);
        if (!status) status = tune_study_events(o.study, o.run.id, &events, &event_count, err);
        text_out t = {0};
        if (!status) status = text_open(&t, cfg, out, err);
        if (!status) show_text(t.stream, &o, trials, count, events, event_count);
        if (!status) status = text_close(&t, 12, err);
    }
    tune_trial_rows_free(trials, count);
    tune_event_rows_free(events, event_count);
    cli_opened_close(&o);
    return status;
}

/* Prints the result as a profile: params, metrics, and the circumstances under which they were measured. */
static int do_best(cli_config *cfg, FILE *out, xlstm_error *err) {
    cli_opened o;
    int status = cli_open_run(cfg, cli_positional(cfg, 1), &o, err);
    if (status) return status;
    json_t *j = cli_study_json(o.run.result);
    if (!json_is_object(j)) {
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: has no result yet", o.run.folder);
    } else {
        tune_snapshot_circumstances(j, &o.run);
        status = print_json(out, j, err);
    }
    json_decref(j);
    cli_opened_close(&o);
    return status;
}

static int do_export(cli_config *cfg, FILE *out, xlstm_error *err) {
    cli_opened o;
    int status = cli_open_run(cfg, cli_positional(cfg, 1), &o, err);
    const char *path = cli_str(cfg, "out"), *ending = path ? strrchr(path, '.') : NULL;
    const bool csv = as_csv(cfg) || (!as_json(cfg) && ending && !strcmp(ending, ".csv"));
    if (!status) status = csv ? trials_csv(out, &o, err) : whole_json(out, &o, err);
    cli_opened_close(&o);
    return status;
}

/* ---- import into a study ---- */

static bool is_there(const char *path) {
    tune_study *study = NULL;
    const bool there = !tune_study_open_reading(&study, path, NULL);
    tune_study_close(study);
    return there;
}

/* A study that is not there yet is made after all files were checked, so that a wrong one leaves none behind. Into
 * another one they are read only once, since nothing stays of what turns out to be wrong. */
static int do_import(cli_config *cfg, FILE *out, xlstm_error *err) {
    tune_study *study = NULL;
    tune_imports *runs = NULL;
    const size_t count = (size_t)cli_positional_count(cfg) - 1;
    tune_import *files = calloc(count + 1, sizeof *files);
    xl_text *texts = calloc(count + 1, sizeof *texts);
    int status = files && texts ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; !status && i < count; i++) {
        files[i].name = cli_positional(cfg, (int)i + 1);
        status = xl_is_folder(files[i].name)
                     ? xl_fail(err, XLSTM_EARG,
                               "%s: a folder, wanted a file that study export wrote; study merge takes run folders",
                               files[i].name)
                     : xl_text_open(&texts[i], files[i].name, IMPORT_MOST, err);
        files[i].text = texts[i].data;
        files[i].bytes = texts[i].bytes;
    }
    if (!status) status = tune_imports_read(&runs, files, count, !is_there(cli_str(cfg, "study")), err);
    if (!status) status = tune_study_open(&study, cli_str(cfg, "study"), true, err);
    if (!status) status = tune_imports_store(runs, study, err);
    for (size_t i = 0; i < count && !status; i++)
        fprintf(out, "%s: run %lld\n", cli_plain(files[i].name), (long long)files[i].run);
    tune_imports_free(runs);
    for (size_t i = 0; i < count && texts; i++) xl_text_close(&texts[i]);
    free(texts);
    free(files);
    tune_study_close(study);
    return status;
}

/* The study that a place stands for: malloc'd, NULL when out of memory. */
static char *study_at(const char *place) {
    return xl_is_folder(place) ? xl_path_join(place, TUNE_STUDY_FILE) : strdup(place);
}

/* Whether a place has a study that can be read. */
static int look_at(const char *place, xlstm_error *err) {
    tune_study *study = NULL;
    char *path = study_at(place);
    if (path && xl_is_folder(place) && !xl_is_file(path)) {
        free(path);
        return xl_fail(err, XLSTM_ENOTFOUND, "%s: holds no %s, wanted a study or a run folder (several: %s/*)",
                       place, TUNE_STUDY_FILE, place);
    }
    int status = path ? tune_study_open_reading(&study, path, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(path);
    tune_study_close(study);
    return status;
}

static int do_merge(cli_config *cfg, FILE *out, xlstm_error *err) {
    tune_study *study = NULL;
    int status = XLSTM_OK;
    for (int i = 1; !status && i < cli_positional_count(cfg); i++) status = look_at(cli_positional(cfg, i), err);
    if (!status) status = tune_study_open(&study, cli_str(cfg, "study"), true, err);
    for (int i = 1; !status && i < cli_positional_count(cfg); i++) {
        const char *place = cli_positional(cfg, i);
        char *path = study_at(place);
        size_t added = 0;
        status = path ? tune_study_merge(study, path, &added, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
        if (!status) fprintf(out, "%s: %zu run%s added\n", cli_plain(place), added, added == 1 ? "" : "s");
        free(path);
    }
    tune_study_close(study);
    return status;
}

/* ---- compare ---- */

static int do_compare(cli_config *cfg, FILE *out, xlstm_error *err) {
    cli_opened o[2] = {{0}, {0}};
    tune_trial_row *trials[2] = {NULL, NULL};
    size_t count[2] = {0, 0};
    int status = XLSTM_OK;
    for (int i = 0; !status && i < 2; i++) {
        status = cli_open_run(cfg, cli_positional(cfg, i + 1), &o[i], err);
        if (!status) status = tune_study_trials(o[i].study, o[i].run.id, &trials[i], &count[i], err);
    }
    if (!status) {
        const tune_compared side[2] = {{&o[0].run, trials[0], count[0]}, {&o[1].run, trials[1], count[1]}};
        json_t *j = tune_compare_runs(&side[0], &side[1]);
        if (as_json(cfg)) status = print_json(out, j, err);
        else if (as_csv(cfg)) cli_compare_text(out, j, true);
        else {
            text_out t = {0};
            status = text_open(&t, cfg, out, err);
            if (!status) cli_compare_text(t.stream, j, false);
            if (!status) status = text_close(&t, 3, err);
        }
        json_decref(j);
    }
    for (int i = 0; i < 2; i++) {
        tune_trial_rows_free(trials[i], count[i]);
        cli_opened_close(&o[i]);
    }
    return status;
}

/* ---- the table of actions ---- */

typedef struct action {
    const char *name;
    int least, most; /* number of arguments after the action's name */
    bool into;       /* whether it needs --study to write to */
    bool flows;      /* whether its output may be longer than memory holds */
    int (*run)(cli_config *cfg, FILE *out, xlstm_error *err);
} action;

static const action actions[] = {
    {"list", 0, 63, false, false, cli_study_list}, {"show", 1, 1, false, true, do_show},
    {"best", 1, 1, false, false, do_best},         {"export", 1, 1, false, true, do_export},
    {"import", 1, 63, true, false, do_import},     {"merge", 1, 63, true, false, do_merge},
    {"compare", 2, 2, false, false, do_compare},
};
enum { ACTIONS = sizeof actions / sizeof *actions };

static int run_action(cli_config *cfg) {
    const char *name = cli_positional(cfg, 0), *names[ACTIONS];
    const int given = cli_positional_count(cfg) - 1;
    const action *a = NULL;
    for (int i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].name;
        if (!strcmp(names[i], name)) a = &actions[i];
    }
    if (!a) {
        int near = xl_nearest_name(name, names, ACTIONS);
        return cli_usage(cfg, "unknown action %s%s%s%s", name, near < 0 ? "" : ", did you mean ",
                         near < 0 ? "" : names[near], near < 0 ? "" : "?");
    }
    if (given < a->least || given > a->most)
        return cli_usage(cfg, "%s: found %d arguments, wanted %s%d", name, given,
                         a->least == a->most ? "" : "at least ", a->least);
    if (a->into && !cli_str(cfg, "study")) return cli_usage(cfg, "%s: which study? --study FILE is wanted", name);
    xlstm_error err = {0};
    cli_sink s;
    int status = cli_sink_open(&s, cli_str(cfg, "out"), a->flows, &err);
    if (!status) status = cli_sink_close(&s, a->run(cfg, s.stream, &err), &err);
    return status ? cli_fail(cfg, &err) : 0;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    code = run_action(cfg);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_study = {"list, show, exchange and compare runs", run};
