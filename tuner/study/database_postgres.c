/* A study on a PostgreSQL server, by libpq. It lives in the schema "xltune" of the database. */
#include <libpq-fe.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/database.h"
#include "tuner/study/study_address.h"

/* How long a lost connection is tried again, because a server that is started anew is back by then. */
#define REVIVE_S 60.0
#define IDLE_MS "10000"          /* milliseconds that a transaction may wait for its next statement */
#define SCHEMA_LOCK "2020373621" /* "xltu": the key of the lock under which the schema is changed */
#define SCHEMA "xltune"

static const tune_database_class postgres_class;

typedef struct postgres_database {
    tune_database base;
    PGconn *connection;
    bool inside;                    /* a transaction is open, or was when the connection was lost */
    bool lost;                      /* the last failure was that of the connection, */
    bool beaten;                    /* or another transaction's victory over this one (a deadlock) */
    struct postgres_database *next; /* of the open ones */
} postgres_database;

/* The studies that this process has open on servers. */
static struct {
    pthread_mutex_t lock;
    postgres_database *first;
} open_ones = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct postgres_rows {
    postgres_database *database;
    const char *doing;
    PGresult *result; /* that of the current row, or all rows */
    int row;          /* within the result; -1: before the first */
} postgres_rows;

static postgres_database *of(tune_database *db) {
    return (postgres_database *)db;
}

static postgres_rows *in(tune_rows *rows) {
    return (postgres_rows *)rows;
}

/* ---- failures ---- */

/* Makes one line of a message of libpq; returns its argument. */
static char *one_line(char *text) {
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        const char plain = *c == '\n' || *c == '\t' ? ' ' : *c;
        if (plain == ' ' && (!used || text[used - 1] == ' ')) continue;
        text[used++] = plain;
    }
    while (used && text[used - 1] == ' ') used--;
    text[used] = 0;
    return text;
}

static int not_connected(const tune_database *db, PGconn *connection, xlstm_error *err) {
    char text[600];
    snprintf(text, sizeof text, "%s", connection ? PQerrorMessage(connection) : "out of memory");
    one_line(text);
    const char *advice = "";
    if (strstr(text, "password")) advice = "; the password comes from PGPASSWORD or ~/.pgpass";
    else if (strstr(text, "SSL")) advice = "; PGSSLMODE or ?sslmode= says how much of TLS is wanted";
    else if (strstr(text, "does not exist")) advice = "; a database is made by `createdb`";
    return xl_fail(err, XLSTM_EIO, "%s: no connection: %s%s", db->name, text, advice);
}

static bool is_connected(const postgres_database *s) {
    return PQstatus(s->connection) == CONNECTION_OK;
}

/* Whether an error of this code means that the server has gone or goes: what libpq itself reports has no code. */
static bool means_lost(const postgres_database *s, const char *state) {
    return !is_connected(s) || !state || !strncmp(state, "08", 2) || !strncmp(state, "57P", 3);
}

/* Reports what the server said, and forgets it. */
static int failed(postgres_database *s, PGresult *result, const char *doing, xlstm_error *err) {
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    char text[600];
    snprintf(text, sizeof text, "%s", primary ? primary : PQerrorMessage(s->connection));
    one_line(text);
    int status = state && !strcmp(state, "53200") ? XLSTM_ENOMEM : XLSTM_EIO;
    s->lost = means_lost(s, state);
    s->beaten = state && !strncmp(state, "40", 2);
    if (state && !strcmp(state, "42501")) /* insufficient_privilege */
        xl_fail(err, status, "%s: %s: %s; the user needs CREATE on the database, or a schema " SCHEMA " of its own",
                s->base.name, doing, text);
    else xl_fail(err, status, "%s: %s: %s", s->base.name, doing, text);
    PQclear(result);
    return status;
}

/* ---- statements ---- */

/* What every session begins with. Where the network parts a client from the server in the middle of a transaction,
 * the server ends it soon, because others wait for the rows that it has locked. */
static int set_up(postgres_database *s, xlstm_error *err) {
    PGresult *r = PQexec(s->connection, "SET search_path = " SCHEMA "; SET client_min_messages = warning; "
                                        "SET idle_in_transaction_session_timeout = " IDLE_MS "; "
                                        "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
                                        "SET tcp_keepalives_count = 3");
    if (PQresultStatus(r) != PGRES_COMMAND_OK) return failed(s, r, "opening", err);
    PQclear(r);
    return XLSTM_OK;
}

static bool postgres_revived(tune_database *db) {
    postgres_database *s = of(db);
    if (s->beaten) {
        s->beaten = false;
        PQclear(PQexec(s->connection, "ROLLBACK"));
        s->inside = false;
        return true;
    }
    if (!s->lost) return false;
    const double until = xl_now_s() + REVIVE_S;
    s->inside = false;
    for (double nap = 0.05; xl_now_s() < until; nap = fmin(1, 2 * nap)) {
        PQreset(s->connection);
        s->lost = false;
        if (is_connected(s) && !set_up(s, NULL)) return true;
        nanosleep(&(struct timespec){.tv_sec = (time_t)nap, .tv_nsec = (long)(1e9 * (nap - floor(nap)))}, NULL);
    }
    return false;
}

static int postgres_exec(tune_database *db, const char *sql, const char *doing, xlstm_error *err) {
    postgres_database *s = of(db);
    PGresult *r = PQexec(s->connection, sql);
    const ExecStatusType code = PQresultStatus(r);
    if (!strcmp(sql, "COMMIT") || !strcmp(sql, "ROLLBACK")) s->inside = s->inside && !is_connected(s);
    if (code != PGRES_COMMAND_OK && code != PGRES_TUPLES_OK && code != PGRES_EMPTY_QUERY)
        return failed(s, r, doing, err);
    /* The commit of a transaction that had failed rolls it back, and is no error to the server. */
    const bool undone = !strcmp(sql, "COMMIT") && strcmp(PQcmdStatus(r), "COMMIT") != 0;
    PQclear(r);
    return undone ? xl_fail(err, XLSTM_EIO, "%s: %s: the server took it back", db->name, doing) : XLSTM_OK;
}

static void postgres_end(tune_rows *rows) {
    postgres_rows *r = in(rows);
    PQclear(r->result);
    for (PGresult *rest; (rest = PQgetResult(r->database->connection));) PQclear(rest);
    free(r);
}

/* Sends a statement and waits for its first result. */
static int send_query(postgres_database *s, postgres_rows *rows, const char *sql, const char *const *values,
                      int count, bool many, xlstm_error *err) {
    rows->result = NULL;
    if (PQsendQueryParams(s->connection, sql, count, NULL, values, NULL, NULL, 0)) {
        if (many) PQsetSingleRowMode(s->connection);
        rows->result = PQgetResult(s->connection);
    }
    const ExecStatusType code = PQresultStatus(rows->result);
    if (code == PGRES_SINGLE_TUPLE || code == PGRES_TUPLES_OK || code == PGRES_COMMAND_OK) return XLSTM_OK;
    int status = failed(s, rows->result, rows->doing, err);
    rows->result = NULL;
    for (PGresult *rest; (rest = PQgetResult(s->connection));) PQclear(rest);
    return status;
}

static int postgres_query(tune_database *db, tune_rows **out, const char *sql, const tune_argument *arguments,
                          int count, const char *doing, xlstm_error *err) {
    enum { NUMBER = 40 };
    postgres_database *s = of(db);
    postgres_rows *rows = calloc(1, sizeof *rows);
    const char **values = xl_array((size_t)count + 1, sizeof *values);
    char *numbers = xl_array((size_t)count + 1, NUMBER);
    int status = XLSTM_OK;
    *out = NULL;
    if (!rows || !values || !numbers) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: %s: out of memory", db->name, doing);
        goto out;
    }
    *rows = (postgres_rows){.database = s, .doing = doing, .row = -1};
    for (int i = 0; i < count; i++) {
        const tune_argument *a = &arguments[i];
        char *number = numbers + (size_t)i * NUMBER;
        values[i] = a->type == 's' ? a->text : number;
        if (a->type == 'i') snprintf(number, NUMBER, "%lld", (long long)a->integer);
        else if (a->type == 'd' && isnan(a->real)) values[i] = NULL;
        else if (a->type == 'd') snprintf(number, NUMBER, "%.17g", a->real);
    }
    const bool many = db->many, once = db->once;
    db->many = db->once = false;
    do status = send_query(s, rows, sql, values, count, many, err);
    while (status && !s->inside && !once && postgres_revived(db));
out:
    free(values);
    free(numbers);
    if (status) free(rows);
    else *out = (tune_rows *)rows;
    return status;
}

static int postgres_next(tune_rows *rows, xlstm_error *err) {
    postgres_rows *r = in(rows);
    if (++r->row < PQntuples(r->result)) return 1;
    if (r->row > 0 && PQresultStatus(r->result) == PGRES_SINGLE_TUPLE) {
        PQclear(r->result);
        r->result = PQgetResult(r->database->connection);
        r->row = 0;
    }
    const ExecStatusType code = PQresultStatus(r->result);
    if (code == PGRES_SINGLE_TUPLE) return 1;
    if (!r->result || code == PGRES_TUPLES_OK || code == PGRES_COMMAND_OK) return 0;
    int status = failed(r->database, r->result, r->doing, err);
    r->result = NULL;
    return status;
}

static const char *postgres_text(tune_rows *rows, int column) {
    const postgres_rows *r = in(rows);
    return PQgetisnull(r->result, r->row, column) ? NULL : PQgetvalue(r->result, r->row, column);
}

static int64_t postgres_integer(tune_rows *rows, int column) {
    const char *text = postgres_text(rows, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

static double postgres_real(tune_rows *rows, int column) {
    const char *text = postgres_text(rows, column);
    return text ? strtod(text, NULL) : NAN;
}

static const char *postgres_column(tune_rows *rows, int column) {
    return PQfname(in(rows)->result, column);
}

/* ---- transactions and the schema ---- */

static int postgres_begin(tune_database *db, bool alone, xlstm_error *err) {
    postgres_database *s = of(db);
    const char *sql = alone ? "BEGIN; SELECT pg_advisory_xact_lock(" SCHEMA_LOCK
                              "); DO $$ BEGIN IF to_regnamespace('" SCHEMA "') IS NULL THEN CREATE SCHEMA " SCHEMA
                              "; END IF; END $$"
                            : "BEGIN";
    int status;
    do status = postgres_exec(db, sql, "starting to write", err);
    while (status && postgres_revived(db));
    s->inside = true;
    if (status) postgres_exec(db, "ROLLBACK", "starting to write", NULL);
    return status;
}

static int postgres_version(tune_database *db, int64_t *version, xlstm_error *err) {
    tune_rows *rows;
    *version = 0;
    int status = postgres_query(db, &rows, "SELECT to_regclass('" SCHEMA ".schema_version') IS NOT NULL", NULL, 0,
                                "reading its version", err);
    if (status) return status;
    bool there = postgres_next(rows, NULL) > 0 && postgres_text(rows, 0)[0] == 't';
    postgres_end(rows);
    if (!there) return XLSTM_OK;
    status = postgres_query(db, &rows, "SELECT version FROM schema_version", NULL, 0, "reading its version", err);
    if (status) return status;
    status = postgres_next(rows, err);
    if (status > 0) *version = postgres_integer(rows, 0);
    postgres_end(rows);
    return status < 0 ? status : XLSTM_OK;
}

static int postgres_set_version(tune_database *db, int64_t version, xlstm_error *err) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL); DELETE FROM schema_version; "
             "INSERT INTO schema_version VALUES (%lld)",
             (long long)version);
    return postgres_exec(db, sql, "bringing its schema up to date", err);
}

static int postgres_read_only(tune_database *db, xlstm_error *err) {
    return postgres_exec(db, "SET default_transaction_read_only = on", "opening", err);
}

/* ---- opening ---- */

static void enlist(postgres_database *s) {
    pthread_mutex_lock(&open_ones.lock);
    s->next = open_ones.first;
    open_ones.first = s;
    pthread_mutex_unlock(&open_ones.lock);
}

static void delist(const postgres_database *s) {
    pthread_mutex_lock(&open_ones.lock);
    postgres_database **at = &open_ones.first;
    while (*at && *at != s) at = &(*at)->next;
    if (*at) *at = s->next;
    pthread_mutex_unlock(&open_ones.lock);
}

/* Whether this process has this study open already. */
static bool is_open(const char *name) {
    pthread_mutex_lock(&open_ones.lock);
    const postgres_database *s = open_ones.first;
    while (s && strcmp(s->base.name, name) != 0) s = s->next;
    pthread_mutex_unlock(&open_ones.lock);
    return s != NULL;
}

static void postgres_close(tune_database *db) {
    if (!db) return;
    delist(of(db));
    PQfinish(of(db)->connection);
    free(db->name);
    free(db);
}

/* Connects by what the address says; the environment (PGSSLMODE, PGPASSWORD, …) and ~/.pgpass say the rest. */
static PGconn *connect_to(const char *address) {
    const char *password = tune_study_password(address);
    /* Later ones win, so that the address can say otherwise than the first ones. A server that is cut off is
     * noticed within half a minute, also where its answer is waited for. */
    const char *const keys[] = {"fallback_application_name",
                                "connect_timeout",
                                "tcp_user_timeout",
                                "keepalives_idle",
                                "keepalives_interval",
                                "keepalives_count",
                                "dbname",
                                "client_encoding",
                                password ? "password" : NULL,
                                NULL};
    const char *const values[] = {"xltune", "30", "30000", "10", "5", "3", address, "UTF8", password, NULL};
    return PQconnectdbParams(keys, values, 1);
}

/* A failure is reported where it happens; libpq would print what else a server says. */
static void ignore_notice(void *ctx, const char *text) {
    (void)ctx;
    (void)text;
}

static int understand(const tune_database *db, const char *address, xlstm_error *err) {
    PQconninfoOption *parsed = PQconninfoParse(address, NULL);
    if (!parsed)
        return xl_fail(err, XLSTM_EARG, "%s: not understood, wanted postgresql://USER@HOST:PORT/DATABASE",
                       db->name);
    PQconninfoFree(parsed);
    return XLSTM_OK;
}

int tune_postgres_open(tune_database **out, const char *url, xlstm_error *err) {
    postgres_database *s = calloc(1, sizeof *s);
    char *address = strdup(url);
    *out = NULL;
    if (address) tune_study_hide_password(address);
    if (!s || !address || !(s->base.name = strndup(address, strcspn(address, "?")))) {
        free(s);
        free(address);
        return xl_fail(err, XLSTM_ENOMEM, "study: out of memory");
    }
    s->base.class = &postgres_class;
    int status = understand(&s->base, address, err);
    if (!status) s->connection = connect_to(address);
    free(address);
    if (s->connection) PQsetNoticeProcessor(s->connection, ignore_notice, NULL);
    if (!status && !is_connected(s)) {
        status = not_connected(&s->base, s->connection, err);
        s->lost = s->connection != NULL;
    } else if (!status) {
        status = set_up(s, err);
    }
    /* A server that did answer is being started anew, as where an open connection is lost; one that does not answer
     * at first is told of at once. */
    if (status && s->lost && is_open(s->base.name) && postgres_revived(&s->base)) status = XLSTM_OK;
    if (status) {
        postgres_close(&s->base);
        return status;
    }
    enlist(s);
    *out = &s->base;
    return XLSTM_OK;
}

static const tune_database_class postgres_class = {.server = true,
                                                   .skip_locked = " FOR UPDATE SKIP LOCKED",
                                                   .version = postgres_version,
                                                   .set_version = postgres_set_version,
                                                   .begin = postgres_begin,
                                                   .exec = postgres_exec,
                                                   .query = postgres_query,
                                                   .next = postgres_next,
                                                   .text = postgres_text,
                                                   .integer = postgres_integer,
                                                   .real = postgres_real,
                                                   .column = postgres_column,
                                                   .end = postgres_end,
                                                   .revived = postgres_revived,
                                                   .read_only = postgres_read_only,
                                                   .close = postgres_close};
