#include "tuner/scores/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/utf8.h"
#include "tuner/scores/output_name.h"

enum { OUTPUT_LIMIT = 64 << 20 };

typedef struct rating {
    char *file;
    char *text;
    size_t bytes, tokens;
    size_t same_as; /* index of the first file with this text */
    double logprob, distinct2, distinct3;
    tune_output_name name;
} rating;

typedef struct ratings {
    rating *list;
    size_t count;
} ratings;

/* ---- the folder ---- */

static int is_text_file(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 4 && !strcmp(entry->d_name + n - 4, ".txt");
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_file(const char *folder, rating *r, xlstm_error *err) {
    char *path = xl_path_join(folder, r->file);
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    int status = xl_file_read(path, OUTPUT_LIMIT, &r->text, &r->bytes, err);
    free(path);
    return status;
}

static int read_folder(const char *folder, ratings *all, xlstm_error *err) {
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, is_text_file, by_name);
    if (found < 0 && errno == ENOENT)
        return xl_fail(err, XLSTM_ENOTFOUND,
                       "%s: no such folder; `xltune save-outputs --run RUN` writes the outputs", folder);
    if (found < 0) return xl_fail(err, XLSTM_EIO, "%s: %s", folder, strerror(errno));
    int status = XLSTM_OK;
    all->list = calloc(found ? (size_t)found : 1, sizeof *all->list);
    if (!all->list) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    else if (!found)
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no *.txt, outputs of save-outputs are wanted", folder);
    for (int i = 0; i < found && !status; i++) {
        rating *r = &all->list[all->count++];
        r->file = strdup(entries[i]->d_name);
        status = r->file ? read_file(folder, r, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
        if (!status && xl_utf8_valid(r->file, strlen(r->file)) < strlen(r->file))
            status = xl_fail(err, XLSTM_EFORMAT, "%s: the name of %s is not UTF-8", folder, r->file);
        if (status) break;
        tune_output_name_parse(r->file, &r->name);
        for (r->same_as = 0; r->same_as < all->count - 1; r->same_as++) {
            const rating *other = &all->list[r->same_as];
            if (other->same_as == r->same_as && other->bytes == r->bytes && !memcmp(other->text, r->text, r->bytes))
                break;
        }
    }
    for (int i = 0; i < found; i++) free(entries[i]);
    free(entries);
    return status;
}

static void ratings_free(ratings *all) {
    for (size_t i = 0; i < all->count; i++) {
        free(all->list[i].file);
        free(all->list[i].text);
    }
    free(all->list);
}

/* ---- scores ---- */

static int score(const tune_scores_options *o, rating *r, xlstm_error *err) {
    double sum = 0;
    xlstm_error inner = {0};
    int status = o->scorer.score(o->scorer.self, r->text, r->bytes, &sum, &r->tokens, &inner);
    if (status) return xl_fail(err, status, "%s/%s: %s", o->folder, r->file, inner.text);
    r->logprob = r->tokens ? sum / (double)r->tokens : 0;
    r->distinct2 = tune_distinct(r->text, r->bytes, 2);
    r->distinct3 = tune_distinct(r->text, r->bytes, 3);
    if (r->distinct2 < 0 || r->distinct3 < 0) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", r->file);
    return XLSTM_OK;
}

static size_t most_alike(const ratings *all) {
    size_t most = 0;
    for (size_t i = 0; i < all->count; i++) {
        size_t alike = 0;
        for (size_t k = i; k < all->count; k++) alike += all->list[k].same_as == i;
        if (alike > most) most = alike;
    }
    return most;
}

static int score_all(const tune_scores_options *o, ratings *all, tune_scores_summary *summary, xlstm_error *err) {
    int status = XLSTM_OK;
    bool any = false;
    for (size_t i = 0; i < all->count && !status; i++) {
        rating *r = &all->list[i];
        if (r->same_as == i) {
            status = score(o, r, err);
            summary->distinct++;
        } else {
            const rating *first = &all->list[r->same_as];
            r->tokens = first->tokens;
            r->logprob = first->logprob;
            r->distinct2 = first->distinct2;
            r->distinct3 = first->distinct3;
        }
        if (!r->tokens) {
            summary->empty++;
        } else {
            if (!any || r->logprob > summary->best) summary->best = r->logprob;
            if (!any || r->logprob < summary->worst) summary->worst = r->logprob;
            any = true;
        }
        if (o->progress) o->progress(o->user, i + 1, all->count);
    }
    summary->files = all->count;
    summary->most_alike = most_alike(all);
    return status;
}

/* ---- files ---- */

static json_t *number_or_null(int64_t value) {
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *to_json(const rating *r) {
    bool scored = r->tokens && isfinite(r->logprob) && isfinite(exp(-r->logprob));
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:f,s:f}", "file", r->file, "backend",
                     xl_json_text(r->name.backend[0] ? r->name.backend : NULL), "heads_per_band",
                     number_or_null(r->name.heads_per_band), "chunk_size", number_or_null(r->name.chunk_size),
                     "workers", number_or_null(r->name.workers), "avg_logprob",
                     xl_json_number(scored ? r->logprob : NAN), "ppl",
                     xl_json_number(scored ? exp(-r->logprob) : NAN), "len_tokens", (json_int_t)r->tokens,
                     "distinct2", r->distinct2, "distinct3", r->distinct3);
}

static void put_row(FILE *csv, FILE *jsonl, json_t *object, bool header) {
    const char *key, *separator = "";
    json_t *value;
    json_object_foreach(object, key, value) {
        fputs(separator, csv);
        if (header) fputs(key, csv);
        else xl_json_put_cell(csv, value, 12);
        separator = ",";
    }
    putc('\n', csv);
    if (header) return;
    json_dumpf(object, jsonl, JSON_COMPACT);
    putc('\n', jsonl);
}

static int write_beside(const char *folder, const char *name, const char *data, size_t bytes, xlstm_error *err) {
    char *path = xl_path_join(folder, name);
    int status =
        path ? xl_file_write(path, data, bytes, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    free(path);
    return status;
}

static int write_ratings(const char *folder, const ratings *all, xlstm_error *err) {
    char *csv_text = NULL, *jsonl_text = NULL;
    size_t csv_bytes = 0, jsonl_bytes = 0;
    FILE *csv = open_memstream(&csv_text, &csv_bytes), *jsonl = open_memstream(&jsonl_text, &jsonl_bytes);
    bool good = csv && jsonl;
    for (size_t i = 0; i < all->count && good; i++) {
        json_t *object = to_json(&all->list[i]);
        good = object != NULL;
        if (good && !i) put_row(csv, jsonl, object, true);
        if (good) put_row(csv, jsonl, object, false);
        json_decref(object);
    }
    if (csv && !xl_text_end(csv, &csv_text)) good = false;
    if (jsonl && !xl_text_end(jsonl, &jsonl_text)) good = false;
    int status = good ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for ratings", folder);
    if (!status) status = write_beside(folder, "ratings.csv", csv_text, csv_bytes, err);
    if (!status) status = write_beside(folder, "ratings.jsonl", jsonl_text, jsonl_bytes, err);
    free(csv_text);
    free(jsonl_text);
    return status;
}

int tune_scores_folder(const tune_scores_options *options, tune_scores_summary *summary, xlstm_error *err) {
    ratings all = {NULL, 0};
    *summary = (tune_scores_summary){0};
    int status = read_folder(options->folder, &all, err);
    if (!status) status = score_all(options, &all, summary, err);
    if (!status) status = write_ratings(options->folder, &all, err);
    ratings_free(&all);
    return status;
}
