/* Opens studies, holds the schema and its migrations, and prepares and runs statements. */
#include "tuner/study/study.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/study/study_impl.h"

#define BUSY_MS 60000

/* The metrics of all runs that were made before runs stored lists of their own. */
#define METRIC_0(name, unit, larger, of_point, part, least, share, affected)                                       \
    "{\"name\":\"" name "\",\"unit\":\"" unit "\",\"larger_is_better\":" larger ",\"of_point\":" of_point          \
    ",\"part\":" part ",\"least\":" least ",\"least_share\":" share ",\"affected\":" affected "}"
#define METRICS_0                                                                                                                                                     \
    "{\"parts\":4,\"objective\":4,\"seconds\":4,\"apart\":[2,3],\"metrics\":[" METRIC_0("prefill_tok_s", "tok/s", "true", "false", "-1", "0", "0", "1") "," METRIC_0( \
        "decode_tok_s", "tok/s", "true", "false", "-1", "0", "0",                                                                                                     \
        "2") "," METRIC_0("prefill_s", "s", "false", "false", "0", "0", "0",                                                                                          \
                          "1") "," METRIC_0("decode_s", "s", "false", "false", "1", "0", "0",                                                                         \
                                            "2") "," METRIC_0("request_s", "s", "false", "false", "-1", "0", "0",                                                     \
                                                              "3") "," METRIC_0("ttft_ms", "ms", "false", "false",                                                    \
                                                                                "-1", "0", "0",                                                                       \
                                                                                "1") "," METRIC_0("peak_mb",                                                          \
                                                                                                  "MiB", "false",                                                     \
                                                                                                  "false", "3",                                                       \
                                                                                                  "0.5", "0.01",                                                      \
                                                                                                  "4") "," METRIC_0("kl",                                             \
                                                                                                                    "nats",                                           \
                                                                                                                    "false",                                          \
                                                                                                                    "true",                                           \
                                                                                                                    "-1",                                             \
                                                                                                                    "0",                                              \
                                                                                                                    "0.02",                                           \
                                                                                                                    "8") "," METRIC_0("energy_j",                     \
                                                                                                                                      "J",                            \
                                                                                                                                      "false",                        \
                                                                                                                                      "false",                        \
                                                                                                                                      "2",                            \
                                                                                                                                      "0",                            \
                                                                                                                                      "0",                            \
                                                                                                                                      "3") "," METRIC_0("ppl",        \
                                                                                                                                                        "",           \
                                                                                                                                                        "false",      \
                                                                                                                                                        "true",       \
                                                                                                                                                        "-1",         \
                                                                                                                                                        "0",          \
                                                                                                                                                        "1e-05",      \
                                                                                                                                                        "8") "]}"
const char tune_study_metrics_0[] = METRICS_0;

const char *const tune_study_steps[] = {
    "CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);"
    "CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL,"
    " backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL,"
    " seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL,"
    " checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,"
    " new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL,"
    " space TEXT NOT NULL, baseline TEXT, result TEXT);"
    "CREATE INDEX run_checkpoint ON run(checkpoint, device);"
    "CREATE TABLE trial (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
    " params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER,"
    " prefill_s REAL, decode_s REAL, prefill_tok_s REAL, decode_tok_s REAL, request_s REAL, ttft_ms REAL,"
    " peak_mb REAL, kl REAL, energy_j REAL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT "
    "NULL, "
    "token_hash TEXT,"
    " in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;"
    "CREATE TABLE sample (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, at REAL NOT NULL, prefill_s REAL, decode_s REAL, energy_j REAL, peak_mb REAL,"
    " value REAL, used INTEGER NOT NULL, why TEXT);"
    "CREATE INDEX sample_run ON sample(run, trial);"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);",
    "ALTER TABLE trial ADD COLUMN ppl REAL;",
    "ALTER TABLE sample ADD COLUMN causes INTEGER NOT NULL DEFAULT 0;"
    "UPDATE sample SET causes = (why = 'warm-up') + 2 * (why = 'stopped early') + 4 * (why LIKE '%steal time%')"
    " + 8 * (why LIKE '%switches%') + 16 * (why LIKE '%others used%') + 32 * (why LIKE '%MHz%')"
    " + 64 * (why LIKE '%degrees%') WHERE why IS NOT NULL;",
    "ALTER TABLE run ADD COLUMN metrics TEXT NOT NULL DEFAULT '" METRICS_0 "';"
    "CREATE TABLE trial_4 (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
    " params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER,"
    " metrics TEXT NOT NULL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL,"
    " token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number))"
    " WITHOUT ROWID;"
    "INSERT INTO trial_4 SELECT run, number, params, key, status, reason, duplicate_of,"
    " json_object('prefill_tok_s', prefill_tok_s, 'decode_tok_s', decode_tok_s, 'prefill_s', prefill_s, 'decode_s',"
    " decode_s, 'request_s', request_s, 'ttft_ms', ttft_ms, 'peak_mb', peak_mb, 'kl', kl, 'energy_j', energy_j, "
    "'ppl',"
    " ppl), value, spread, told, ratios, samples, token_hash, in_force, started, seconds FROM trial;"
    "DROP TABLE trial; ALTER TABLE trial_4 RENAME TO trial;"
    "CREATE TABLE sample_4 (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, at REAL NOT NULL, parts TEXT NOT NULL, value REAL, used INTEGER NOT NULL, why TEXT,"
    " causes INTEGER NOT NULL);"
    "INSERT INTO sample_4 SELECT id, run, trial, stage, block, process, seq, at, json_array(prefill_s, decode_s,"
    " energy_j, peak_mb), value, used, why, causes FROM sample;"
    "DROP TABLE sample; ALTER TABLE sample_4 RENAME TO sample;"
    "CREATE INDEX sample_run ON sample(run, trial);",
    /* json_patch leaves out what is NULL. */
    "DROP INDEX run_checkpoint;"
    "ALTER TABLE run ADD COLUMN target TEXT NOT NULL DEFAULT 'engine';"
    "ALTER TABLE run ADD COLUMN identity TEXT NOT NULL DEFAULT '{}';"
    "ALTER TABLE run ADD COLUMN workload TEXT NOT NULL DEFAULT '{}';"
    "ALTER TABLE run ADD COLUMN build TEXT NOT NULL DEFAULT '{}';"
    "UPDATE run SET identity = json_object('device', device, 'checkpoint', checkpoint),"
    " workload = json_patch(json_object('prompt_tokens', prompt_tokens, 'new', new_tokens),"
    " json_object('prompt_hash', prompt_hash)), build = json_object('kernels', kernels);"
    "ALTER TABLE run DROP COLUMN device; ALTER TABLE run DROP COLUMN checkpoint;"
    "ALTER TABLE run DROP COLUMN kernels; ALTER TABLE run DROP COLUMN prompt_tokens;"
    "ALTER TABLE run DROP COLUMN new_tokens; ALTER TABLE run DROP COLUMN prompt_hash;"
    "CREATE INDEX run_identity ON run(target, identity);"};
const int tune_study_step_count = sizeof tune_study_steps / sizeof *tune_study_steps;

static const char *const status_names[] = {"ok", "duplicate", "failed", "timeout", "infeasible"};
const char *tune_trial_status_name(int status) {
    return status >= 0 && status < TUNE_TRIAL_STATUS_COUNT ? status_names[status] : NULL;
}

int tune_trial_status_find(const char *name) {
    for (int i = 0; name && i < TUNE_TRIAL_STATUS_COUNT; i++) {
        if (!strcmp(name, status_names[i])) return i;
    }
    return -1;
}

int tune_study_fail(tune_study *s, const char *doing, xlstm_error *err) {
    int code = sqlite3_errcode(s->db);
    const char *text = sqlite3_errmsg(s->db);
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: %s: %s; the file is not a study or is damaged: move it away, or put back a copy",
                       s->path, doing, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return xl_fail(err, XLSTM_EIO, "%s: %s: another process has held the study for over %d s", s->path, doing,
                       BUSY_MS / 1000);
    case SQLITE_FULL:
        return xl_fail(err, XLSTM_EIO, "%s: %s: the disk is full", s->path, doing);
    case SQLITE_READONLY:
        return xl_fail(err, XLSTM_EIO, "%s: %s: the file or its folder cannot be written", s->path, doing);
    case SQLITE_CANTOPEN:
        return xl_fail(err, XLSTM_EIO,
                       "%s: %s: it, or its log beside it, cannot be opened; a copy in a folder of your own can",
                       s->path, doing);
    case SQLITE_NOMEM:
        return xl_fail(err, XLSTM_ENOMEM, "%s: %s: out of memory", s->path, doing);
    default:
        return xl_fail(err, XLSTM_EIO, "%s: %s: %s", s->path, doing, text);
    }
}

int tune_study_exec(tune_study *s, const char *sql, const char *doing, xlstm_error *err) {
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) return tune_study_fail(s, doing, err);
    return XLSTM_OK;
}

static int prepare(tune_study *s, sqlite3_stmt **out, const char *doing, xlstm_error *err, const char *sql,
                   const char *types, va_list *args) {
    *out = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, out, NULL) != SQLITE_OK) return tune_study_fail(s, doing, err);
    for (int i = 0; types[i]; i++) {
        int code;
        /* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): both callers start the list. */
        if (types[i] == 's') {
            const char *text = va_arg(*args, const char *);
            code =
                text ? sqlite3_bind_text(*out, i + 1, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(*out, i + 1);
        } else if (types[i] == 'd') {
            double value = va_arg(*args, double);
            code = isnan(value) ? sqlite3_bind_null(*out, i + 1) : sqlite3_bind_double(*out, i + 1, value);
        } else {
            code = sqlite3_bind_int64(*out, i + 1, va_arg(*args, int64_t));
        }
        /* NOLINTEND(clang-analyzer-valist.Uninitialized) */
        if (code != SQLITE_OK) {
            sqlite3_finalize(*out);
            *out = NULL;
            return tune_study_fail(s, doing, err);
        }
    }
    return XLSTM_OK;
}

int tune_study_prepare(tune_study *s, sqlite3_stmt **out, const char *doing, xlstm_error *err, const char *sql,
                       const char *types, ...) {
    va_list args;
    va_start(args, types);
    int status = prepare(s, out, doing, err, sql, types, &args);
    va_end(args);
    return status;
}

int tune_study_run_sql(tune_study *s, const char *doing, xlstm_error *err, const char *sql, const char *types,
                       ...) {
    sqlite3_stmt *q;
    va_list args;
    va_start(args, types);
    int status = prepare(s, &q, doing, err, sql, types, &args);
    va_end(args);
    if (status) return status;
    int code;
    do code = sqlite3_step(q);
    while (code == SQLITE_ROW);
    if (code != SQLITE_DONE) status = tune_study_fail(s, doing, err);
    sqlite3_finalize(q);
    return status;
}

int tune_study_begin(tune_study *s, xlstm_error *err) {
    return tune_study_exec(s, "BEGIN IMMEDIATE", "starting to write", err);
}

int tune_study_end(tune_study *s, int status, xlstm_error *err) {
    if (!status) status = tune_study_exec(s, "COMMIT", "writing", err);
    if (status) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static int pragma(tune_study *s, const char *name, int64_t *value, xlstm_error *err) {
    char sql[64];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA %s", name);
    sqlite3_stmt *q;
    int status = tune_study_prepare(s, &q, "reading", err, sql, "");
    if (status) return status;
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) *value = sqlite3_column_int64(q, 0);
    else status = tune_study_fail(s, "reading", err);
    sqlite3_finalize(q);
    return status;
}

/* Brings the schema up to date. The version is read inside a write transaction, so that only one of several
 * processes that open an old file at once migrates it. */
static int migrate(tune_study *s, const char *const *steps, int count, xlstm_error *err) {
    int status = tune_study_begin(s, err);
    if (status) return status;
    int64_t version = 0, application = 0;
    status = pragma(s, "user_version", &version, err);
    if (!status) status = pragma(s, "application_id", &application, err);
    if (!status && application != TUNE_STUDY_APPLICATION) {
        int64_t objects = 0;
        sqlite3_stmt *q;
        status = tune_study_prepare(s, &q, "reading", err, "SELECT count(*) FROM sqlite_master", "");
        if (!status && sqlite3_step(q) == SQLITE_ROW) objects = sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
        if (!status && (objects || version))
            status = xl_fail(err, XLSTM_EFORMAT, "%s: a database of something else, not a study", s->path);
    }
    for (int64_t i = version; !status && i < count; i++)
        status = tune_study_exec(s, steps[i], "bringing its schema up to date", err);
    if (!status && version < count) {
        char sql[96];
        sqlite3_snprintf(sizeof sql, sql, "PRAGMA user_version = %d; PRAGMA application_id = %d", count,
                         TUNE_STUDY_APPLICATION);
        status = tune_study_exec(s, sql, "bringing its schema up to date", err);
    }
    return tune_study_end(s, status, err);
}

static int version_check(tune_study *s, int count, bool *current, xlstm_error *err) {
    int64_t version = 0, application = 0;
    int status = pragma(s, "user_version", &version, err);
    if (!status) status = pragma(s, "application_id", &application, err);
    if (status) return status;
    if (application == TUNE_STUDY_APPLICATION && version > count)
        return xl_fail(err, XLSTM_EFORMAT, "%s: schema version %lld, this xltune knows up to %d: use the newer one",
                       s->path, (long long)version, count);
    *current = application == TUNE_STUDY_APPLICATION && version == count;
    return XLSTM_OK;
}

/* Sets write-ahead logging. Where two processes change a file's journal mode at the same time, SQLite returns
 * "busy" at once instead of waiting, so this waits. */
static int write_ahead(tune_study *s, xlstm_error *err) {
    enum { STEP_MS = 5 };
    for (int waited = 0;; waited += STEP_MS) {
        int code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (code == SQLITE_OK) return XLSTM_OK;
        if ((code & 0xff) != SQLITE_BUSY || waited >= BUSY_MS) return tune_study_fail(s, "opening", err);
        sqlite3_sleep(STEP_MS);
    }
}

static tune_study *study_new(const char *path, xlstm_error *err) {
    tune_study *s = calloc(1, sizeof *s);
    if (s && (s->path = strdup(path))) return s;
    free(s);
    xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    return NULL;
}

static int open_database(tune_study *s, const char *name, int flags, xlstm_error *err) {
    sqlite3_close(s->db);
    s->db = NULL;
    if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? tune_study_fail(s, "opening", err)
                     : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_extended_result_codes(s->db, 1);
    return XLSTM_OK;
}

int tune_study_open_steps(tune_study **out, const char *path, bool create, const char *const *steps, int count,
                          xlstm_error *err) {
    *out = NULL;
    if (!create && !xl_is_file(path)) return xl_fail(err, XLSTM_ENOTFOUND, "%s: no such study", path);
    tune_study *s = study_new(path, err);
    if (!s) return XLSTM_ENOMEM;
    bool current = false;
    int status = open_database(s, path, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), err);
    if (!status) status = version_check(s, count, &current, err);
    if (!status) status = write_ahead(s, err);
    /* A commit survives the death of the process at any moment. Where the machine loses power the last commits may
     * be lost, but the database stays consistent. */
    if (!status) {
        status = tune_study_exec(s, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", "opening", err);
    }
    if (!status && !current) status = migrate(s, steps, count, err);
    if (status) tune_study_close(s);
    else *out = s;
    return status;
}

int tune_study_open(tune_study **out, const char *path, bool create, xlstm_error *err) {
    return tune_study_open_steps(out, path, create, tune_study_steps, tune_study_step_count, err);
}

/* ---- opening for reading only ---- */

static bool may_write(const char *path) {
    char *folder = xl_path_folder(path);
    bool may = folder && !access(folder, W_OK) && !access(path, W_OK);
    free(folder);
    return may;
}

/* Returns "file:PATH?QUERY", malloc'd, in which characters with a meaning in such names are escaped. */
static char *uri(const char *path, const char *query) {
    static const char digits[] = "0123456789ABCDEF";
    char *name = malloc(strlen("file:") + 3 * strlen(path) + strlen(query) + 2), *to = name;
    if (!name) return NULL;
    to = stpcpy(to, "file:");
    for (; *path; path++) {
        if (!strchr("%?#", *path)) {
            *to++ = *path;
            continue;
        }
        *to++ = '%';
        *to++ = digits[(unsigned char)*path >> 4];
        *to++ = digits[*path & 15];
    }
    *to++ = '?';
    memcpy(to, query, strlen(query) + 1);
    return name;
}

/* Whether there is a write-ahead log with commits that are not in the database file yet. */
static bool has_log(const char *path) {
    struct stat st;
    char *log = xl_format("%s-wal", path);
    bool has = log && !stat(log, &st) && st.st_size > 0;
    free(log);
    return has;
}

static int open_read_only(tune_study *s, const char *query, bool *current, xlstm_error *err) {
    char *name = uri(s->path, query);
    int status = name ? open_database(s, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err)
                      : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    if (!status) status = version_check(s, tune_study_step_count, current, err);
    free(name);
    return status;
}

/* Copies an old file, which may not be changed, into memory, and brings the copy up to date. */
static int migrate_copy(tune_study *s, xlstm_error *err) {
    sqlite3 *file = s->db;
    s->db = NULL;
    int status = open_database(s, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    sqlite3_backup *copy = status ? NULL : sqlite3_backup_init(s->db, "main", file, "main");
    if (!status && (!copy || sqlite3_backup_step(copy, -1) != SQLITE_DONE)) {
        sqlite3_backup_finish(copy);
        copy = NULL;
        status = tune_study_fail(s, "reading", err);
    }
    sqlite3_backup_finish(copy);
    sqlite3_close(file);
    return status ? status : migrate(s, tune_study_steps, tune_study_step_count, err);
}

static int open_protected(tune_study **out, const char *path, xlstm_error *err) {
    tune_study *s = study_new(path, err);
    if (!s) return XLSTM_ENOMEM;
    bool current = false;
    int status = open_read_only(s, "mode=ro", &current, err);
    const int code = sqlite3_errcode(s->db) & 0xff;
    /* SQLite needs to write an index of the write-ahead log beside the file, even where there is no log. Without a
     * log the file is complete and can be read as an immutable one. */
    if (status && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !has_log(path))
        status = open_read_only(s, "immutable=1", &current, err);
    if (!status && !current) status = migrate_copy(s, err);
    if (status) tune_study_close(s);
    else *out = s;
    return status;
}

int tune_study_open_reading(tune_study **out, const char *path, xlstm_error *err) {
    *out = NULL;
    if (!xl_is_file(path)) return xl_fail(err, XLSTM_ENOTFOUND, "%s: no such study", path);
    tune_study *s = NULL;
    int status = may_write(path) ? tune_study_open(&s, path, false, err) : open_protected(&s, path, err);
    if (!status) status = tune_study_exec(s, "PRAGMA query_only = ON", "opening", err);
    if (status) tune_study_close(s);
    else *out = s;
    return status;
}

int tune_study_open_memory(tune_study **out, xlstm_error *err) {
    return tune_study_open_steps(out, ":memory:", true, tune_study_steps, tune_study_step_count, err);
}

void tune_study_close(tune_study *study) {
    if (!study) return;
    sqlite3_close(study->db);
    free(study->path);
    free(study);
}

char *tune_study_text(sqlite3_stmt *q, int column, bool *ok) {
    const unsigned char *text = sqlite3_column_text(q, column);
    if (!text) {
        if (sqlite3_column_type(q, column) != SQLITE_NULL) *ok = false;
        return NULL;
    }
    size_t bytes = (size_t)sqlite3_column_bytes(q, column) + 1;
    char *copy = malloc(bytes);
    if (!copy) *ok = false;
    else memcpy(copy, text, bytes);
    return copy;
}

double tune_study_real(sqlite3_stmt *q, int column) {
    return sqlite3_column_type(q, column) == SQLITE_NULL ? NAN : sqlite3_column_double(q, column);
}

const char *tune_study_stage(const char *name) {
    static const char *const stages[] = {"search", "check", "final"};
    for (size_t i = 0; name && i < sizeof stages / sizeof *stages; i++) {
        if (!strcmp(name, stages[i])) return stages[i];
    }
    return stages[0];
}
