#include "cli/dash_runs.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/report_write.h"
#include "tuner/report/compare.h"
#include "tuner/report/page_facts.h"
#include "tuner/report/page_json.h"
#include "tuner/study/study_address.h"

enum { KEPT = 8 }; /* runs of which the facts are kept */
#define META_MOST ((size_t)64 << 20)

/* A run of the list. */
typedef struct entry {
    char *uid, *study;
    char *folder; /* NULL: the run is read from the study alone */
    char *stamp;  /* changes whenever the run's facts do */
    char *files;  /* changes whenever the study's files do; NULL: not known */
    bool running;
    double created;
    json_t *card;
} entry;

/* Facts that were made before. */
typedef struct kept {
    char *uid, *stamp, *text;
    size_t bytes;
    unsigned long used;
} kept;

struct cli_dash {
    char *study, *folder;
    pthread_mutex_t lock; /* of the list */
    entry *entries;
    size_t count;
    pthread_mutex_t reading; /* one run is read at a time; also of what follows */
    kept kept[KEPT];
    unsigned long uses;
};

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "out of memory");
}

static void clear_entry(entry *e) {
    free(e->uid);
    free(e->study);
    free(e->folder);
    free(e->stamp);
    free(e->files);
    json_decref(e->card);
    *e = (entry){0};
}

/* A list that is being made. */
typedef struct list {
    entry *at;
    size_t count;
} list;

static void clear_list(list *l) {
    for (size_t i = 0; i < l->count; i++) clear_entry(&l->at[i]);
    free(l->at);
    *l = (list){0};
}

/* ---- an entry ---- */

static json_t *parsed(const char *text) {
    return text ? json_loads(text, 0, NULL) : NULL;
}

/* What the list shows of a run: members of the same names as those of its facts. */
static json_t *card_of(const tune_run_row *run) {
    json_t *result = parsed(run->result), *report = json_object(), *card = json_object(), *metrics = json_array();
    json_object_set(report, "speedup", json_object_get(result, "speedup"));
    json_object_set(report, "verdict", json_object_get(result, "verdict"));
    json_object_set(report, "params", json_object_get(result, "params"));
    /* The list needs the interval, not what it was made from. */
    json_t *speedup = json_object_get(report, "speedup"), *slim = json_object();
    static const char *const members[] = {"value", "low", "high", "level", "processes"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set(slim, members[i], json_object_get(speedup, members[i]));
    if (json_is_object(speedup)) json_object_set(report, "speedup", slim);
    json_decref(slim);
    for (int i = 0; i < run->metrics.count; i++)
        json_array_append_new(
            metrics, json_pack("{s:s, s:s}", "name", run->metrics.at[i].name, "unit", run->metrics.at[i].unit));
    const char *slash = run->folder ? strrchr(run->folder, '/') : NULL;
    json_object_set_new(card, "uid", xl_json_text(run->uid));
    json_object_set_new(card, "name", xl_json_text(slash && slash[1] ? slash + 1 : run->folder));
    json_object_set_new(card, "backend", xl_json_text(run->backend));
    json_object_set_new(card, "target", xl_json_text(run->target));
    json_object_set_new(card, "version", xl_json_text(run->version));
    json_object_set_new(card, "machine", parsed(run->machine_info));
    json_object_set_new(card, "identity", tune_named_json(&run->identity));
    json_object_set_new(card, "workload", tune_named_json(&run->workload));
    json_object_set_new(card, "build", tune_named_json(&run->build));
    json_object_set_new(card, "state", xl_json_text(run->state));
    json_object_set_new(card, "objective", xl_json_text(run->objective));
    json_object_set_new(card, "created", tune_page_date(run->created));
    json_object_set_new(card, "count", json_integer(run->trials));
    json_object_set_new(card, "final", json_boolean(!json_is_false(json_object_get(result, "final"))));
    json_object_set_new(card, "metrics", metrics);
    json_object_set_new(card, "report", report);
    json_decref(result);
    return card;
}

static int fill_entry(entry *e, const tune_run_row *run, const char *study, const char *folder, xlstm_error *err) {
    *e = (entry){.uid = strdup(run->uid),
                 .study = strdup(study),
                 .folder = folder ? strdup(folder) : NULL,
                 .stamp = xl_format("%lld %s %.17g %zu", (long long)run->trials, run->state, run->finished,
                                    run->result ? strlen(run->result) : 0),
                 .running = !strcmp(run->state, TUNE_RUN_RUNNING),
                 .created = run->created,
                 .card = card_of(run)};
    if (e->uid && e->study && e->stamp && e->card && !(folder && !e->folder)) return XLSTM_OK;
    clear_entry(e);
    return no_memory(err);
}

static int add(list *l, const tune_run_row *run, const char *study, const char *folder, xlstm_error *err) {
    entry *grown = realloc(l->at, (l->count + 1) * sizeof *grown);
    if (!grown) return no_memory(err);
    l->at = grown;
    int status = fill_entry(&l->at[l->count], run, study, folder, err);
    l->count += status == 0;
    return status;
}

/* ---- looking ---- */

static int add_study(list *l, const char *path, xlstm_error *err) {
    tune_study *study = NULL;
    tune_run_row *rows = NULL;
    size_t count = 0;
    int status = tune_study_open_reading(&study, path, err);
    if (!status) status = tune_study_runs(study, &rows, &count, err);
    for (size_t i = 0; i < count && !status; i++) status = add(l, &rows[i], path, NULL, err);
    tune_run_rows_free(rows, count);
    tune_study_close(study);
    return status;
}

/* Writes when the files of a study were changed last, and their sizes; NULL where that is not known. */
static char *files_of(const char *study) {
    static const char *const suffixes[] = {"", "-wal"};
    char *text = strdup("");
    if (tune_study_is_server(study)) {
        free(text);
        return NULL;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && text; i++) {
        struct stat at = {0};
        char *path = xl_format("%s%s", study, suffixes[i]), *longer = NULL;
        if (path && !stat(path, &at)) {
#ifdef __APPLE__
            const struct timespec changed = at.st_mtimespec;
#else
            const struct timespec changed = at.st_mtim;
#endif
            longer = xl_format("%s %lld.%09ld %lld", text, (long long)changed.tv_sec, changed.tv_nsec,
                               (long long)at.st_size);
        }
        free(path);
        if (!longer) continue;
        free(text);
        text = longer;
    }
    return text;
}

/* Takes over what is known of a folder whose study was not changed since. Whether a process still works on a run
 * shows in no file, so runs that are going on are always read anew. */
static bool keep_known(const cli_dash *d, list *l, const char *folder, const char *files) {
    for (size_t i = 0; i < d->count; i++) {
        const entry *e = &d->entries[i];
        if (!e->folder || !files || !e->files || strcmp(e->folder, folder) != 0) continue;
        if (e->running || strcmp(e->files, files) != 0) return false;
        entry *grown = realloc(l->at, (l->count + 1) * sizeof *grown);
        if (!grown) return false;
        l->at = grown;
        l->at[l->count] = (entry){.uid = strdup(e->uid),
                                  .study = strdup(e->study),
                                  .folder = strdup(e->folder),
                                  .stamp = strdup(e->stamp),
                                  .files = strdup(e->files),
                                  .created = e->created,
                                  .card = json_incref(e->card)};
        entry *made = &l->at[l->count];
        if (made->uid && made->study && made->folder && made->stamp && made->files) {
            l->count++;
            return true;
        }
        clear_entry(made);
        return false;
    }
    return false;
}

/* Adds the run of a folder. XLSTM_ENOTFOUND where it is not a run of ours. */
static int add_folder(const cli_dash *d, list *l, const char *folder, xlstm_error *err) {
    char *path = xl_path_join(folder, "run_meta.json"), *data = NULL, *database = NULL, *files = NULL;
    size_t bytes;
    json_t *meta = NULL;
    tune_study *study = NULL;
    tune_run_row run = {0};
    int status = !path               ? no_memory(err)
                 : !xl_is_file(path) ? xl_fail(err, XLSTM_ENOTFOUND, "%s: no such file", path)
                                     : xl_file_read(path, META_MOST, &data, &bytes, err);
    if (!status) meta = json_loadb(data, bytes, 0, NULL);
    const char *name = json_string_value(json_object_get(meta, "study"));
    const char *uid = json_string_value(json_object_get(meta, "uid"));
    if (!status && (!name || !uid)) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: names no study", path);
    if (!status) {
        database = tune_study_is_server(name) ? strdup(name) : xl_path_join(folder, name);
        files = database ? files_of(database) : NULL;
        if (!database) status = no_memory(err);
    }
    if (!status && !keep_known(d, l, folder, files)) {
        status = tune_study_open_reading(&study, database, err);
        if (!status) status = tune_study_run_find(study, uid, &run, err);
        if (!status) status = add(l, &run, database, folder, err);
        if (!status) {
            l->at[l->count - 1].files = files;
            files = NULL;
        }
    }
    tune_run_row_clear(&run);
    tune_study_close(study);
    json_decref(meta);
    free(path);
    free(data);
    free(database);
    free(files);
    return status;
}

static int add_folders(const cli_dash *d, list *l, xlstm_error *err) {
    if (!xl_is_folder(d->folder))
        return xl_fail(err, XLSTM_ENOTFOUND, "%s: no such folder; name a folder of runs, or --study", d->folder);
    char *meta = xl_path_join(d->folder, "run_meta.json");
    const bool single = meta && xl_is_file(meta);
    free(meta);
    if (single) return add_folder(d, l, d->folder, err);
    struct dirent **names;
    const int n = scandir(d->folder, &names, NULL, alphasort);
    if (n < 0) return xl_fail(err, XLSTM_EIO, "%s: cannot be read", d->folder);
    for (int i = 0; i < n; i++) {
        char *folder = names[i]->d_name[0] == '.' ? NULL : xl_path_join(d->folder, names[i]->d_name);
        /* Folders that are not runs of ours are left out, and so is one that is being made. */
        if (folder && xl_is_folder(folder)) (void)add_folder(d, l, folder, NULL);
        free(folder);
        free(names[i]);
    }
    free(names);
    return XLSTM_OK;
}

static int order(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->running != y->running) return y->running - x->running;
    if (x->created != y->created) return (x->created < y->created) - (x->created > y->created);
    return strcmp(x->uid, y->uid);
}

static bool same_list(const cli_dash *d, const list *l) {
    if (d->count != l->count) return false;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(d->entries[i].uid, l->at[i].uid) != 0 || strcmp(d->entries[i].stamp, l->at[i].stamp) != 0)
            return false;
    }
    return true;
}

int cli_dash_look(cli_dash *d, bool *changed, xlstm_error *err) {
    list found = {0};
    int status = d->study ? add_study(&found, d->study, err) : add_folders(d, &found, err);
    *changed = false;
    if (status) {
        clear_list(&found);
        return status;
    }
    if (found.count) qsort(found.at, found.count, sizeof *found.at, order);
    pthread_mutex_lock(&d->lock);
    *changed = !same_list(d, &found);
    list before = {d->entries, d->count};
    d->entries = found.at;
    d->count = found.count;
    pthread_mutex_unlock(&d->lock);
    clear_list(&before);
    return XLSTM_OK;
}

/* ---- answers ---- */

int cli_dash_list(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err) {
    cli_dash *d = dash;
    FILE *out = open_memstream(text, bytes);
    if (!out) return no_memory(err);
    fputs("{\"runs\":[", out);
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->count; i++) {
        if (i) fputc(',', out);
        tune_page_put_json(out, d->entries[i].card);
    }
    pthread_mutex_unlock(&d->lock);
    fputs("]}", out);
    if (xl_text_end(out, text)) return XLSTM_OK;
    free(*text);
    return no_memory(err);
}

/* Copies what is needed to read a run. */
static int find(cli_dash *d, const char *uid, entry *out, xlstm_error *err) {
    int status = xl_fail(err, XLSTM_ENOTFOUND, "%.80s: there is no such run", uid ? uid : "(none)");
    *out = (entry){0};
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->count && uid; i++) {
        const entry *e = &d->entries[i];
        if (strcmp(e->uid, uid) != 0) continue;
        *out = (entry){.uid = strdup(e->uid),
                       .study = strdup(e->study),
                       .folder = e->folder ? strdup(e->folder) : NULL,
                       .stamp = strdup(e->stamp)};
        status = out->uid && out->study && out->stamp ? XLSTM_OK : no_memory(err);
        break;
    }
    pthread_mutex_unlock(&d->lock);
    if (status) clear_entry(out);
    return status;
}

static int make_facts(const entry *e, char **text, size_t *bytes, xlstm_error *err) {
    tune_report *report = NULL;
    tune_analysis *analysis = malloc(sizeof *analysis);
    FILE *out = NULL;
    int status = !analysis   ? no_memory(err)
                 : e->folder ? tune_report_read(&report, e->folder, NULL, err)
                             : tune_report_read_from(&report, e->study, e->uid, err);
    if (!status) status = tune_report_analyse(report, analysis, err);
    if (!status && !(out = open_memstream(text, bytes))) status = no_memory(err);
    if (!status) status = tune_page_facts(out, report, analysis, cli_report_unit, err);
    if (out && !xl_text_end(out, text) && !status) status = no_memory(err);
    if (out && status) free(*text);
    tune_report_free(report);
    free(analysis);
    return status;
}

/* Keeps the facts in the place of those that were not asked for for the longest time. */
static void keep(cli_dash *d, const entry *e, const char *text, size_t bytes) {
    kept *place = &d->kept[0];
    for (int i = 0; i < KEPT; i++) {
        kept *k = &d->kept[i];
        if (k->uid && !strcmp(k->uid, e->uid)) {
            place = k;
            break;
        }
        if (k->used < place->used) place = k;
    }
    free(place->uid);
    free(place->stamp);
    free(place->text);
    *place = (kept){.uid = strdup(e->uid), .stamp = strdup(e->stamp), .text = malloc(bytes + 1), .bytes = bytes};
    if (!place->uid || !place->stamp || !place->text) {
        free(place->uid);
        free(place->stamp);
        free(place->text);
        *place = (kept){0};
        return;
    }
    memcpy(place->text, text, bytes + 1);
    place->used = ++d->uses;
}

static bool take_kept(cli_dash *d, const entry *e, char **text, size_t *bytes) {
    for (int i = 0; i < KEPT; i++) {
        kept *k = &d->kept[i];
        if (!k->uid || strcmp(k->uid, e->uid) != 0 || strcmp(k->stamp, e->stamp) != 0) continue;
        if (!(*text = malloc(k->bytes + 1))) return false;
        memcpy(*text, k->text, k->bytes + 1);
        *bytes = k->bytes;
        k->used = ++d->uses;
        return true;
    }
    return false;
}

int cli_dash_run(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err) {
    cli_dash *d = dash;
    entry e;
    int status = find(d, a, &e, err);
    if (status) return status;
    pthread_mutex_lock(&d->reading);
    if (!take_kept(d, &e, text, bytes)) {
        status = make_facts(&e, text, bytes, err);
        if (!status) keep(d, &e, *text, *bytes);
    }
    pthread_mutex_unlock(&d->reading);
    clear_entry(&e);
    return status;
}

int cli_dash_compare(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err) {
    cli_dash *d = dash;
    const char *uid[2] = {a, b};
    entry e[2] = {{0}, {0}};
    tune_study *study[2] = {NULL, NULL};
    tune_run_row run[2] = {{0}, {0}};
    tune_trial_row *trials[2] = {NULL, NULL};
    size_t count[2] = {0, 0};
    int status = XLSTM_OK;
    for (int i = 0; i < 2 && !status; i++) {
        status = find(d, uid[i], &e[i], err);
        if (!status) status = tune_study_open_reading(&study[i], e[i].study, err);
        if (!status) status = tune_study_run_find(study[i], e[i].uid, &run[i], err);
        if (!status) status = tune_study_trials(study[i], run[i].id, &trials[i], &count[i], err);
    }
    if (!status) {
        const tune_compared sides[2] = {{&run[0], trials[0], count[0]}, {&run[1], trials[1], count[1]}};
        json_t *j = tune_compare_runs(&sides[0], &sides[1]);
        *text = json_dumps(j, JSON_COMPACT);
        *bytes = *text ? strlen(*text) : 0;
        if (!*text) status = no_memory(err);
        json_decref(j);
    }
    for (int i = 0; i < 2; i++) {
        tune_trial_rows_free(trials[i], count[i]);
        tune_run_row_clear(&run[i]);
        tune_study_close(study[i]);
        clear_entry(&e[i]);
    }
    return status;
}

/* ---- the whole ---- */

int cli_dash_create(cli_dash **out, const char *study, const char *folder, xlstm_error *err) {
    cli_dash *d = calloc(1, sizeof *d);
    *out = d;
    if (!d) return no_memory(err);
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->reading, NULL);
    d->study = study ? strdup(study) : NULL;
    d->folder = study ? NULL : strdup(folder);
    if (d->study || d->folder) return XLSTM_OK;
    cli_dash_free(d);
    *out = NULL;
    return no_memory(err);
}

void cli_dash_free(cli_dash *d) {
    if (!d) return;
    list l = {d->entries, d->count};
    clear_list(&l);
    for (int i = 0; i < KEPT; i++) {
        free(d->kept[i].uid);
        free(d->kept[i].stamp);
        free(d->kept[i].text);
    }
    free(d->study);
    free(d->folder);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->reading);
    free(d);
}
