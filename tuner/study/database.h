/* A database behind one table of functions, so that the rest of the study does not know which one it is: SQLite
 * (database_sqlite.c), or PostgreSQL by libpq (database_postgres.c). Private to tuner/study.
 *
 * Statements are written once, in the SQL that both understand: parameters are $1, $2, … in the order of their
 * first use, a conflict is named (ON CONFLICT (…) DO …), changed rows come back by RETURNING, and xltune_now() is
 * the database's own clock in seconds since 1970. What must differ is in the schema (schema.c) and in
 * `skip_locked`. */
#ifndef TUNE_STUDY_DATABASE_H
#define TUNE_STUDY_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/status.h>

typedef struct tune_database tune_database;
typedef struct tune_rows tune_rows; /* the rows of a statement, one at a time */

/* A value for a parameter: `type` is s (text, NULL is SQL NULL), i (integer) or d (real, NaN is SQL NULL). */
typedef struct tune_argument {
    char type;
    const char *text;
    int64_t integer;
    double real;
} tune_argument;

/* `doing` says what a statement is for, in messages: "adding a trial". */
typedef struct tune_database_class {
    bool server; /* whether it is PostgreSQL */
    /* At the end of a SELECT whose rows this transaction claims: rows that another one is claiming are left out. */
    const char *skip_locked;
    /* The version of the schema; 0 where there is none yet. XLSTM_EFORMAT: it is a database of something else. */
    int (*version)(tune_database *db, int64_t *version, xlstm_error *err);
    int (*set_version)(tune_database *db, int64_t version, xlstm_error *err);
    /* Begins a transaction that writes. `alone`: while it lasts no other process changes the schema. */
    int (*begin)(tune_database *db, bool alone, xlstm_error *err);
    /* Runs statements without parameters and without rows; also COMMIT and ROLLBACK. */
    int (*exec)(tune_database *db, const char *sql, const char *doing, xlstm_error *err);
    /* Begins one statement; on success the caller ends *out with `end`. Only one may be in progress. */
    int (*query)(tune_database *db, tune_rows **out, const char *sql, const tune_argument *arguments, int count,
                 const char *doing, xlstm_error *err);
    /* Moves to the next row. Returns 1, 0 at the end, or a negative status. */
    int (*next)(tune_rows *rows, xlstm_error *err);
    /* Values of the current row; NULL, 0 and NaN for SQL NULL. A text is valid until the next call of `next` or
     * `end`. */
    const char *(*text)(tune_rows *rows, int column);
    int64_t (*integer)(tune_rows *rows, int column);
    double (*real)(tune_rows *rows, int column);
    const char *(*column)(tune_rows *rows, int column); /* its name */
    void (*end)(tune_rows *rows);
    /* Whether the last failure was a lost connection that is there again now, after waiting for it if need be, so
     * that what was done may be done again. NULL: there is no connection. */
    bool (*revived)(tune_database *db);
    /* Waits until everything that was committed is on the disk. NULL: each commit waits for that. */
    int (*settle)(tune_database *db, xlstm_error *err);
    int (*read_only)(tune_database *db, xlstm_error *err); /* refuses to write from now on */
    void (*close)(tune_database *db);
} tune_database_class;

/* Both kinds begin with this. */
struct tune_database {
    const tune_database_class *class;
    char *name; /* what messages call it: a path, or an address without secrets */
    /* Set before a statement with so many rows that they are not to be held in memory together. Where the
     * connection is lost such a statement fails, and any other is repeated. */
    bool many;
    bool once; /* set before a statement that is not repeated where the connection is lost */
};

/* Open a file, ":memory:" for one in memory alone. */
int tune_sqlite_open(tune_database **out, const char *path, bool create, xlstm_error *err);
/* Open a file that may not be written, or whose folder may not. Where its schema is older than `version`, *out is a
 * copy in memory, which can be brought up to date. */
int tune_sqlite_open_protected(tune_database **out, const char *path, int64_t version, xlstm_error *err);
/* Whether a file and its folder may be written. */
bool tune_sqlite_may_write(const char *path);

/* Connects to a server. XLSTM_EUNSUPPORTED where xltune was built without libpq. */
int tune_postgres_open(tune_database **out, const char *url, xlstm_error *err);

#endif
