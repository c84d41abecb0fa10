/* A study in a file, by SQLite in WAL mode. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/study/database.h"

enum { KEPT = 8 }; /* prepared statements */
#define BUSY_MS 60000
#define CACHE_KIB "512"        /* pages of the database in memory */
#define APPLICATION 0x786c7475 /* "xltu": PRAGMA application_id of a study */

static const tune_database_class sqlite_class;

typedef struct sqlite_database {
    tune_database base;
    sqlite3 *db;
    sqlite3_stmt *kept[KEPT]; /* statements that ended, for when they are wanted again; NULL: none */
    unsigned turn;            /* the next place in `kept` */
} sqlite_database;

typedef struct sqlite_rows {
    sqlite_database *database;
    sqlite3_stmt *statement;
    const char *doing;
} sqlite_rows;

static sqlite_database *of(tune_database *db) {
    return (sqlite_database *)db;
}

static sqlite_rows *in(tune_rows *rows) {
    return (sqlite_rows *)rows;
}

/* Reports a failure of SQLite: the file, what was being done, SQLite's message, and advice. Returns the status. */
static int failed(const sqlite_database *s, const char *doing, xlstm_error *err) {
    int code = sqlite3_errcode(s->db);
    const char *text = sqlite3_errmsg(s->db), *name = s->base.name;
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: %s: %s; the file is not a study or is damaged: move it away, or put back a copy", name,
                       doing, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return xl_fail(err, XLSTM_EIO, "%s: %s: another process has held the study for over %d s", name, doing,
                       BUSY_MS / 1000);
    case SQLITE_FULL:
        return xl_fail(err, XLSTM_EIO, "%s: %s: the disk is full", name, doing);
    case SQLITE_READONLY:
        return xl_fail(err, XLSTM_EIO, "%s: %s: the file or its folder cannot be written", name, doing);
    case SQLITE_CANTOPEN:
        return xl_fail(err, XLSTM_EIO,
                       "%s: %s: it, or its log beside it, cannot be opened; a copy in a folder of your own can",
                       name, doing);
    case SQLITE_NOMEM:
        return xl_fail(err, XLSTM_ENOMEM, "%s: %s: out of memory", name, doing);
    default:
        return xl_fail(err, XLSTM_EIO, "%s: %s: %s", name, doing, text);
    }
}

static int sqlite_exec(tune_database *db, const char *sql, const char *doing, xlstm_error *err) {
    if (sqlite3_exec(of(db)->db, sql, NULL, NULL, NULL) != SQLITE_OK) return failed(of(db), doing, err);
    return XLSTM_OK;
}

static int sqlite_begin(tune_database *db, bool alone, xlstm_error *err) {
    (void)alone; /* only one process writes at a time in any case */
    static const char doing[] = "starting to write";
    /* Where memory runs out, taking back what was begun may fail too. */
    const int status = sqlite3_get_autocommit(of(db)->db) ? XLSTM_OK : sqlite_exec(db, "ROLLBACK", doing, err);
    return status ? status : sqlite_exec(db, "BEGIN IMMEDIATE", doing, err);
}

/* ---- statements ---- */

/* Takes a statement that was prepared before; NULL: there is none. */
static sqlite3_stmt *take_kept(sqlite_database *s, const char *sql) {
    for (int i = 0; i < KEPT; i++) {
        sqlite3_stmt *found = s->kept[i];
        if (!found || strcmp(sqlite3_sql(found), sql) != 0) continue;
        s->kept[i] = NULL;
        return found;
    }
    return NULL;
}

static void drop_kept(sqlite_database *s) {
    for (int i = 0; i < KEPT; i++) {
        sqlite3_finalize(s->kept[i]);
        s->kept[i] = NULL;
    }
}

static void sqlite_end(tune_rows *rows) {
    sqlite_rows *r = in(rows);
    sqlite_database *s = r->database;
    if (r->statement) {
        sqlite3_reset(r->statement);
        sqlite3_clear_bindings(r->statement);
        const unsigned place = s->turn++ % KEPT;
        sqlite3_finalize(s->kept[place]);
        s->kept[place] = r->statement;
    }
    free(rows);
}

static int bind(sqlite3_stmt *statement, int at, const tune_argument *a) {
    if (a->type == 's' && a->text) return sqlite3_bind_text(statement, at, a->text, -1, SQLITE_TRANSIENT);
    if (a->type == 'i') return sqlite3_bind_int64(statement, at, a->integer);
    if (a->type == 'd' && !isnan(a->real)) return sqlite3_bind_double(statement, at, a->real);
    return sqlite3_bind_null(statement, at);
}

static int sqlite_query(tune_database *db, tune_rows **out, const char *sql, const tune_argument *arguments,
                        int count, const char *doing, xlstm_error *err) {
    sqlite_database *s = of(db);
    sqlite_rows *rows = calloc(1, sizeof *rows);
    *out = NULL;
    if (!rows) return xl_fail(err, XLSTM_ENOMEM, "%s: %s: out of memory", db->name, doing);
    *rows = (sqlite_rows){.database = s, .doing = doing};
    int code = SQLITE_OK;
    rows->statement = take_kept(s, sql);
    if (!rows->statement) code = sqlite3_prepare_v2(s->db, sql, -1, &rows->statement, NULL);
    for (int i = 0; code == SQLITE_OK && i < count; i++) code = bind(rows->statement, i + 1, &arguments[i]);
    if (code == SQLITE_OK) {
        *out = (tune_rows *)rows;
        return XLSTM_OK;
    }
    int status = failed(s, doing, err);
    sqlite_end((tune_rows *)rows);
    return status;
}

/* Whether the row's texts are in memory, where sqlite_text finds them. */
static bool has_texts(sqlite3_stmt *statement) {
    for (int i = 0; i < sqlite3_data_count(statement); i++) {
        if (sqlite3_column_type(statement, i) == SQLITE_TEXT && !sqlite3_column_text(statement, i)) return false;
    }
    return true;
}

static int sqlite_next(tune_rows *rows, xlstm_error *err) {
    int code = sqlite3_step(in(rows)->statement);
    if (code == SQLITE_ROW)
        return has_texts(in(rows)->statement) ? 1 : failed(in(rows)->database, in(rows)->doing, err);
    return code == SQLITE_DONE ? 0 : failed(in(rows)->database, in(rows)->doing, err);
}

static const char *sqlite_text(tune_rows *rows, int column) {
    return (const char *)sqlite3_column_text(in(rows)->statement, column);
}

static int64_t sqlite_integer(tune_rows *rows, int column) {
    return sqlite3_column_int64(in(rows)->statement, column);
}

static double sqlite_real(tune_rows *rows, int column) {
    return sqlite3_column_type(in(rows)->statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(in(rows)->statement, column);
}

static const char *sqlite_column(tune_rows *rows, int column) {
    return sqlite3_column_name(in(rows)->statement, column);
}

/* ---- the schema's version ---- */

static int number_of(tune_database *db, const char *sql, int64_t *value, xlstm_error *err) {
    tune_rows *rows;
    int status = sqlite_query(db, &rows, sql, NULL, 0, "reading", err);
    if (status) return status;
    status = sqlite_next(rows, err);
    if (status > 0) *value = sqlite_integer(rows, 0);
    sqlite_end(rows);
    return status < 0 ? status : XLSTM_OK;
}

static int sqlite_version(tune_database *db, int64_t *version, xlstm_error *err) {
    int64_t application = 0, objects = 0;
    *version = 0;
    int status = number_of(db, "PRAGMA user_version", version, err);
    if (!status) status = number_of(db, "PRAGMA application_id", &application, err);
    if (status || application == APPLICATION) return status;
    status = number_of(db, "SELECT count(*) FROM sqlite_master", &objects, err);
    if (!status && (objects || *version))
        status = xl_fail(err, XLSTM_EFORMAT, "%s: a database of something else, not a study", db->name);
    return status;
}

static int sqlite_set_version(tune_database *db, int64_t version, xlstm_error *err) {
    char sql[96];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA user_version = %lld; PRAGMA application_id = %d", (long long)version,
                     APPLICATION);
    return sqlite_exec(db, sql, "bringing its schema up to date", err);
}

/* ---- opening ---- */

static void now(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    (void)values;
    sqlite3_result_double(context, xl_wall_s());
}

/* Sets write-ahead logging. Where two processes change a file's journal mode at the same time, SQLite returns
 * "busy" at once instead of waiting, so this waits. */
static int write_ahead(sqlite_database *s, xlstm_error *err) {
    enum { STEP_MS = 5 };
    for (int waited = 0;; waited += STEP_MS) {
        int code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (code == SQLITE_OK) return XLSTM_OK;
        if ((code & 0xff) != SQLITE_BUSY || waited >= BUSY_MS) return failed(s, "opening", err);
        sqlite3_sleep(STEP_MS);
    }
}

static void sqlite_close_database(tune_database *db) {
    if (!db) return;
    drop_kept(of(db));
    sqlite3_close(of(db)->db);
    free(db->name);
    free(db);
}

static sqlite_database *new_database(const char *path, xlstm_error *err) {
    sqlite_database *s = calloc(1, sizeof *s);
    if (s && (s->base.name = strdup(path))) {
        s->base.class = &sqlite_class;
        return s;
    }
    free(s);
    xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    return NULL;
}

static int open_database(sqlite_database *s, const char *name, int flags, xlstm_error *err) {
    drop_kept(s);
    sqlite3_close(s->db);
    s->db = NULL;
    if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? failed(s, "opening", err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->base.name);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    /* A search adds rows at the ends of its tables and reads few of them again, so that a large cache would only
     * make a long search grow. */
    if (sqlite3_exec(s->db, "PRAGMA cache_size = -" CACHE_KIB, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, "opening", err);
    sqlite3_extended_result_codes(s->db, 1);
    if (sqlite3_create_function(s->db, "xltune_now", 0, SQLITE_UTF8, NULL, now, NULL, NULL) != SQLITE_OK)
        return failed(s, "opening", err);
    return XLSTM_OK;
}

int tune_sqlite_open(tune_database **out, const char *path, bool create, xlstm_error *err) {
    int64_t version;
    *out = NULL;
    if (!create && !xl_is_file(path)) return xl_fail(err, XLSTM_ENOTFOUND, "%s: no such study", path);
    sqlite_database *s = new_database(path, err);
    if (!s) return XLSTM_ENOMEM;
    int status = open_database(s, path, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), err);
    /* A file of something else is refused before anything in it is changed. */
    if (!status) status = sqlite_version(&s->base, &version, err);
    if (!status) status = write_ahead(s, err);
    /* A commit survives the death of the process at any moment. Where the machine loses power, the commits since
     * the last call of `settle` may be lost, but the database stays consistent. */
    if (!status)
        status = sqlite_exec(&s->base, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", "opening", err);
    if (status) sqlite_close_database(&s->base);
    else *out = &s->base;
    return status;
}

/* A commit under "full" syncs the log, and with it every commit before. The version is written as it is, so that
 * there is something to commit. */
static int sqlite_settle(tune_database *db, xlstm_error *err) {
    static const char doing[] = "waiting for the disk";
    int64_t version;
    int status = sqlite_exec(db, "PRAGMA synchronous = FULL", doing, err);
    if (status) return status;
    status = sqlite_exec(db, "BEGIN IMMEDIATE", doing, err);
    if (!status) {
        status = sqlite_version(db, &version, err);
        if (!status) status = sqlite_set_version(db, version, err);
        if (!status) status = sqlite_exec(db, "COMMIT", doing, err);
        if (status) sqlite_exec(db, "ROLLBACK", doing, NULL);
    }
    const int back = sqlite_exec(db, "PRAGMA synchronous = NORMAL", doing, status ? NULL : err);
    return status ? status : back;
}

static int sqlite_read_only(tune_database *db, xlstm_error *err) {
    return sqlite_exec(db, "PRAGMA query_only = ON", "opening", err);
}

/* ---- opening for reading only ---- */

bool tune_sqlite_may_write(const char *path) {
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
    bool has = !log || (!stat(log, &st) && st.st_size > 0); /* without memory it must be supposed */
    free(log);
    return has;
}

static int open_read_only(sqlite_database *s, const char *query, int64_t *version, xlstm_error *err) {
    char *name = uri(s->base.name, query);
    int status = name ? open_database(s, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err)
                      : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->base.name);
    if (!status) status = sqlite_version(&s->base, version, err);
    free(name);
    return status;
}

/* Puts a copy of the database in memory in its place. */
static int copy_to_memory(sqlite_database *s, xlstm_error *err) {
    sqlite3 *file = s->db;
    drop_kept(s);
    s->db = NULL;
    int status = open_database(s, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    sqlite3_backup *copy = status ? NULL : sqlite3_backup_init(s->db, "main", file, "main");
    if (!status && (!copy || sqlite3_backup_step(copy, -1) != SQLITE_DONE)) {
        sqlite3_backup_finish(copy);
        copy = NULL;
        status = failed(s, "reading", err);
    }
    sqlite3_backup_finish(copy);
    sqlite3_close(file);
    return status;
}

int tune_sqlite_open_protected(tune_database **out, const char *path, int64_t version, xlstm_error *err) {
    int64_t found = 0;
    *out = NULL;
    sqlite_database *s = new_database(path, err);
    if (!s) return XLSTM_ENOMEM;
    int status = open_read_only(s, "mode=ro", &found, err);
    const int code = sqlite3_errcode(s->db) & 0xff;
    /* SQLite needs to write an index of the write-ahead log beside the file, even where there is no log. Without a
     * log the file is complete and can be read as an immutable one. */
    if (status && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !has_log(path))
        status = open_read_only(s, "immutable=1", &found, err);
    if (!status && found < version) status = copy_to_memory(s, err);
    if (status) sqlite_close_database(&s->base);
    else *out = &s->base;
    return status;
}

static const tune_database_class sqlite_class = {.skip_locked = "",
                                                 .version = sqlite_version,
                                                 .set_version = sqlite_set_version,
                                                 .begin = sqlite_begin,
                                                 .exec = sqlite_exec,
                                                 .query = sqlite_query,
                                                 .next = sqlite_next,
                                                 .text = sqlite_text,
                                                 .integer = sqlite_integer,
                                                 .real = sqlite_real,
                                                 .column = sqlite_column,
                                                 .end = sqlite_end,
                                                 .settle = sqlite_settle,
                                                 .read_only = sqlite_read_only,
                                                 .close = sqlite_close_database};
