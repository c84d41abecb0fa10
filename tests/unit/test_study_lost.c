/* Connections to a PostgreSQL server that are lost: each message of each call of the study is lost on its way, or
 * its answer is, and the call does what it does otherwise, once. Also servers that cannot be used, and what is said
 * of them then. The first needs a server (tests/postgres.py), the others play one. */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "study_calls.h"

/* ---- between the study and the server ---- */

enum { NONE, ITS_WAY, ITS_ANSWER }; /* what is lost of a message */

static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    int door, stop[2];
    char folder[80], behind[108]; /* that it listens in; the server's socket */
    int left, kind;               /* messages of the client until the one that is lost; 0: none is to be */
    int refused;                  /* connections that are closed at once after that */
} between = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lose(int at, int kind, int refused) {
    pthread_mutex_lock(&between.lock);
    between.left = at;
    between.kind = kind;
    between.refused = refused;
    pthread_mutex_unlock(&between.lock);
}

/* Whether what was to be lost was. */
static bool was_lost(void) {
    pthread_mutex_lock(&between.lock);
    const bool lost = !between.left;
    pthread_mutex_unlock(&between.lock);
    return lost;
}

/* What becomes of the message at hand. */
static int fate(void) {
    pthread_mutex_lock(&between.lock);
    const int kind = between.left && !--between.left ? between.kind : NONE;
    pthread_mutex_unlock(&between.lock);
    return kind;
}

static bool is_refused(void) {
    pthread_mutex_lock(&between.lock);
    const bool refused = !between.left && between.refused;
    if (refused) between.refused--;
    pthread_mutex_unlock(&between.lock);
    return refused;
}

static bool passed_on(int to, const char *data, size_t bytes) {
    for (ssize_t n; bytes; data += n, bytes -= (size_t)n) {
        n = send(to, data, bytes, MSG_NOSIGNAL);
        if (n <= 0) return false;
    }
    return true;
}

/* Until one of them closes, or something is lost. False: the test is over. */
static bool relay(int client, int server) {
    static const char ready[] = {'Z', 0, 0, 0, 5}; /* and the state of the transaction: the answer is whole */
    static char data[1 << 16];
    char last[sizeof ready + 1] = {0};
    bool silent = false;
    for (;;) {
        struct pollfd at[] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {between.stop[0], POLLIN, 0}};
        assert_true(poll(at, 3, -1) > 0);
        if (at[2].revents) return false;
        if (at[0].revents) {
            const ssize_t n = recv(client, data, sizeof data, 0);
            if (n <= 0) return true;
            const int kind = silent || *data == 'X' ? NONE : fate(); /* X: goodbye */
            if (kind == ITS_WAY) return true;
            if (kind == ITS_ANSWER) silent = true;
            if (!passed_on(server, data, (size_t)n)) return true;
        }
        if (at[1].revents) {
            const ssize_t n = recv(server, data, sizeof data, 0);
            if (n <= 0) return true;
            if (!silent && !passed_on(client, data, (size_t)n)) return true;
            const size_t kept = (size_t)n < sizeof last ? (size_t)n : sizeof last;
            memmove(last, last + kept, sizeof last - kept);
            memcpy(last + sizeof last - kept, data + n - kept, kept);
            if (silent && !memcmp(last, ready, sizeof ready)) return true;
        }
    }
}

static int socket_of(struct sockaddr_un *address, const char *path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address->sun_path);
    snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    return fd;
}

static void *stand_between(void *user) {
    (void)user;
    for (bool on = true; on;) {
        struct sockaddr_un address;
        struct pollfd at[] = {{between.door, POLLIN, 0}, {between.stop[0], POLLIN, 0}};
        assert_true(poll(at, 2, -1) > 0);
        if (at[1].revents) break;
        const int client = accept(between.door, NULL, NULL);
        assert_true(client >= 0);
        if (!is_refused()) {
            const int server = socket_of(&address, between.behind);
            assert_int_equal(connect(server, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
            on = relay(client, server);
            close(server);
        }
        close(client);
    }
    return NULL;
}

static void go_between(void) {
    struct sockaddr_un address;
    char *door;
    snprintf(between.folder, sizeof between.folder, "%s", test_folder);
    snprintf(between.behind, sizeof between.behind, "%s/.s.PGSQL.%s", getenv("PGHOST"), getenv("PGPORT"));
    door = xl_format("%s/.s.PGSQL.%s", between.folder, getenv("PGPORT"));
    unlink(door);
    between.door = socket_of(&address, door);
    free(door);
    assert_int_equal(bind(between.door, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    assert_int_equal(listen(between.door, 8), 0);
    assert_int_equal(pipe(between.stop), 0);
    lose(0, NONE, 0);
    assert_int_equal(pthread_create(&between.thread, NULL, stand_between, NULL), 0);
}

static void go_away(void) {
    assert_int_equal(write(between.stop[1], "", 1), 1);
    pthread_join(between.thread, NULL);
    close(between.door);
    close(between.stop[0]);
    close(between.stop[1]);
}

/* ---- the study as it was ---- */

static const char *const tables[] = {"machine", "run", "trial", "sample", "event", "fleet", "node", "task"};
enum { TABLES = sizeof tables / sizeof *tables };

static void do_sql(tune_study *s, const char *sql) {
    xlstm_error err;
    must(s->db->class->exec(s->db, sql, "a test", &err), &err);
}

static void do_to_all(tune_study *s, const char *format, bool backwards) {
    for (int i = 0; i < TABLES; i++) {
        const char *table = tables[backwards ? TABLES - 1 - i : i];
        char *sql = xl_format(format, table, table);
        do_sql(s, sql);
        free(sql);
    }
}

static void keep(tune_study *s) {
    do_sql(s, "CREATE SCHEMA kept");
    do_to_all(s, "CREATE TABLE kept.%s AS TABLE %s", false);
}

static void restore(tune_study *s, call made) {
    do_sql(s, "BEGIN");
    do_to_all(s, "DELETE FROM %s", true);
    do_to_all(s, "INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM kept.%s", false);
    /* A node has one task in hand at a time. */
    if (made == claim_task) do_sql(s, "UPDATE task SET state = 'proposed', node = NULL WHERE state = 'claimed'");
    do_sql(s, "COMMIT");
}

static char *exported_text; /* of the other study's run */

static int import(tune_study *s, xlstm_error *err) {
    tune_import file = {"one.json", exported_text, strlen(exported_text), 0};
    const int status = tune_study_import(s, &file, 1, err);
    if (!status) assert_true(file.run > 0);
    return status;
}

static void export_other(void) {
    tune_study *s;
    tune_run_row run;
    size_t bytes;
    xlstm_error err;
    FILE *out = open_memstream(&exported_text, &bytes);
    must(tune_study_open(&s, other, false, &err), &err);
    must(tune_study_run_find(s, "elsewhere", &run, &err), &err);
    must(tune_study_export(s, run.id, out, &err), &err);
    tune_run_row_clear(&run);
    tune_study_close(s);
    assert_int_equal(fclose(out), 0);
}

static void need_server(void) {
    if (!on_server()) TEST_SKIP("no PostgreSQL server is there");
}

/* ---- what is lost is done again, once ---- */

static void each_message_is_lost(void **state) {
    (void)state;
    need_server();
    char *path, *second = place("lost_other");
    tune_study *direct = filled("lost", &path), *s;
    xlstm_error err = {0};
    fill(second, "elsewhere", "m3");
    other = second;
    export_other();
    go_between();
    char *address = xl_format("postgresql:///lost?host=%s", between.folder);
    must(tune_study_open(&s, address, false, &err), &err);
    keep(direct);
    int lost = 0;
    const size_t count = sizeof calls / sizeof *calls;
    for (size_t i = 0; i <= count; i++) {
        const call make = i < count ? calls[i].make : import;
        const char *name = i < count ? calls[i].name : "import";
        s->metrics_run = 0;
        restore(direct, make);
        if (make(s, &err)) fail_msg("%s: %s", name, err.text);
        char *wanted = contents(direct);
        for (int kind = ITS_WAY; kind <= ITS_ANSWER; kind++) {
            for (int at = 1;; at++, lost++) {
                restore(direct, make);
                s->metrics_run = 0; /* as in a study that was just opened */
                lose(at, kind, 0);
                const int status = make(s, &err);
                const bool over = !was_lost();
                lose(0, NONE, 0);
                char *found = contents(direct);
                if (status) fail_msg("%s: message %d, %d: %s", name, at, kind, err.text);
                if (strcmp(found, wanted) != 0)
                    fail_msg("%s: message %d, %d leaves %s where %s was wanted", name, at, kind, found, wanted);
                free(found);
                if (over) break;
            }
        }
        free(wanted);
    }
    print_message("%d messages lost\n", lost);
    free(exported_text);
    tune_study_close(s);
    emptied(direct);
    go_away();
    free(address);
    free(path);
    free(second);
}

/* A server that is started anew takes its time. */
static void a_server_comes_back(void **state) {
    (void)state;
    need_server();
    char *path = place("back"), *address;
    tune_study *s, *second;
    xlstm_error err = {0};
    fill(path, "first", "m1");
    go_between();
    address = xl_format("postgresql:///back?host=%s", between.folder);
    must(tune_study_open(&s, address, false, &err), &err);
    lose(1, ITS_WAY, 2);
    must(read_runs(s, &err), &err);
    lose(1, ITS_ANSWER, 1);
    must(add_run(s, &err), &err);
    tune_study_close(s);
    /* Where the study is open already, one that is opened beside it waits too. */
    must(tune_study_open(&s, path, false, &err), &err);
    for (int at = 1; at <= 2; at++) {
        for (int kind = ITS_WAY; kind <= ITS_ANSWER; kind++) {
            lose(at, kind, 2);
            must(tune_study_open(&second, address, false, &err), &err);
            assert_true(was_lost());
            must(read_runs(second, &err), &err);
            tune_study_close(second);
        }
    }
    tune_study_close(s);
    /* The first message of a connection is its greeting: one that is lost then was never there. */
    lose(1, ITS_WAY, 0);
    assert_int_equal(tune_study_open(&second, address, false, &err), XLSTM_EIO);
    assert_null(second);
    assert_non_null(strstr(err.text, "postgresql:///back: no connection: "));
    assert_null(strchr(err.text, '\n'));
    /* The one that was lost while the schema was looked at is there again. */
    lose(3, ITS_WAY, 0);
    must(tune_study_open(&second, address, false, &err), &err);
    tune_study_close(second);
    go_away();
    free(address);
    free(path);
}

/* Of two transactions that are in each other's way the server ends one, which may try again. */
static void the_beaten_may_try_again(void **state) {
    (void)state;
    need_server();
    char *path = place("beaten");
    tune_study *s, *second;
    xlstm_error err = {0};
    fill(path, "first", "m1");
    must(tune_study_open(&s, path, false, &err), &err);
    must(tune_study_open(&second, path, false, &err), &err);
    const tune_database_class *class = s->db->class;
    must(class->begin(s->db, false, &err), &err);
    do_sql(s, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM run");
    do_sql(second, "UPDATE run SET seed = 1");
    assert_int_equal(class->exec(s->db, "UPDATE run SET seed = 2", "trying", &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "trying: could not serialize access"));
    assert_true(class->revived(s->db));
    assert_false(class->revived(s->db)); /* once */
    must(class->begin(s->db, false, &err), &err);
    do_sql(s, "UPDATE run SET seed = 2");
    do_sql(s, "COMMIT");
    /* A transaction in which something failed is not committed, though the server does not call that an error. */
    must(class->begin(s->db, false, &err), &err);
    do_sql(s, "UPDATE run SET seed = 3");
    assert_int_equal(class->exec(s->db, "SELECT nothing", "trying", &err), XLSTM_EIO);
    assert_false(class->revived(s->db));
    assert_int_equal(class->exec(s->db, "COMMIT", "writing", &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "the server took it back"));
    tune_run_row run;
    must(tune_study_run_find(second, "first", &run, &err), &err);
    assert_int_equal(run.seed, 2);
    tune_run_row_clear(&run);
    tune_study_close(second);
    tune_study_close(s);
    free(path);
}

/* What the server says is told in one line, with what can be done. */
static void what_a_server_refuses(void **state) {
    (void)state;
    need_server();
    char *path = place("refused");
    tune_study *s, *other_study;
    xlstm_error err = {0};
    assert_int_equal(tune_study_open(&s, "postgresql:///no_such_study", false, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "postgresql:///no_such_study: no connection: "));
    assert_non_null(strstr(err.text, "a database is made by `createdb`"));
    /* A user who may connect and nothing else. */
    must(tune_study_open(&s, "postgresql:///postgres", false, &err), &err);
    do_sql(s, "DO $$ BEGIN CREATE ROLE guest; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    tune_study_close(s);
    char *address = xl_format("%s?options=-c%%20role%%3Dguest", path);
    assert_int_equal(tune_study_open(&s, address, true, &err), XLSTM_EIO);
    assert_null(s);
    assert_non_null(strstr(err.text, "the user needs CREATE on the database"));
    assert_null(strstr(err.text, "role"));
    free(address);
    must(tune_study_open(&s, path, true, &err), &err);
    const tune_database_class *class = s->db->class;
    assert_int_equal(
        class->exec(s->db, "DO $$ BEGIN RAISE 'no memory' USING ERRCODE = '53200'; END $$", "trying", &err),
        XLSTM_ENOMEM);
    assert_non_null(strstr(err.text, "refused: trying: no memory"));
    assert_int_equal(class->exec(s->db, "DO $$ BEGIN RAISE E'\\n two \\t\\n lines\\n'; END $$", "trying", &err),
                     XLSTM_EIO);
    assert_non_null(strstr(err.text, "trying: two lines"));
    assert_string_equal(strstr(err.text, "two lines"), "two lines");
    /* Rows that come one by one end with an error as others do, and with the last one. */
    tune_rows *rows;
    int got = 0, next;
    for (int last = 9; last <= 10; last++) {
        char *sql = xl_format("SELECT 1 / (10 - n) FROM generate_series(1, %d) AS n", last);
        s->db->many = true;
        must(class->query(s->db, &rows, sql, NULL, 0, "dividing", &err), &err);
        for (got = 0; (next = class->next(rows, &err)) > 0; got++) continue;
        class->end(rows);
        free(sql);
        assert_int_equal(got, 9);
        assert_int_equal(next, last == 9 ? 0 : XLSTM_EIO);
    }
    assert_non_null(strstr(err.text, "dividing: division by zero"));
    /* A study that is read only refuses to write, and says why. */
    must(tune_study_open_reading(&other_study, path, &err), &err);
    assert_int_equal(add_run(other_study, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "read-only transaction"));
    tune_study_close(other_study);
    tune_study_close(s);
    free(path);
}

/* ---- what is no server of studies ---- */

/* Greets one client after the other with these bytes, once something came of it, and hangs up. */
typedef struct greeter {
    int door;
    const char *bytes;
    size_t count;
    int clients;
} greeter;

static void *greet(void *user) {
    const greeter *g = user;
    char data[1024];
    for (int i = 0; i < g->clients; i++) {
        const int client = accept(g->door, NULL, NULL);
        if (recv(client, data, sizeof data, 0) > 0) passed_on(client, g->bytes, g->count);
        shutdown(client, SHUT_WR);
        while (recv(client, data, sizeof data, 0) > 0) continue;
        close(client);
    }
    return NULL;
}

static void no_servers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *says, *advises;
    } kinds[] = {
        {"", 0, "no connection: ", ""},
        {"R\0\0\0\x08\0\0\0\x03", 9, "password", "; the password comes from PGPASSWORD or ~/.pgpass"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, "no connection: ", ""},
        {"E\0\0\0\x25SFATAL\0C57P03\0Mtoo many\nclients\0\0", 38, "too many clients", ""},
    };
    xlstm_error err = {0};
    tune_study *s;
    char *none = test_path("no passwords"); /* nor those of who runs the test */
    unsetenv("PGPASSWORD");
    setenv("PGPASSFILE", none, 1);
    free(none);
    if (tune_study_open(&s, "postgresql://[x/one", true, &err) == XLSTM_EUNSUPPORTED)
        TEST_SKIP("built without libpq");
    assert_null(s);
    assert_non_null(strstr(err.text, "not understood, wanted postgresql://USER@HOST:PORT/DATABASE"));
    char *nowhere = xl_format("postgresql:///one?host=%s/nowhere", test_folder);
    assert_int_equal(tune_study_open(&s, nowhere, true, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "postgresql:///one: no connection: "));
    free(nowhere);
    char *door = test_path(".s.PGSQL.5999"),
         *address = xl_format("postgresql://u@/one?host=%s&port=5999", test_folder);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct sockaddr_un at;
        pthread_t thread;
        greeter g = {socket_of(&at, door), kinds[i].bytes, kinds[i].count, 1};
        unlink(door);
        assert_int_equal(bind(g.door, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
        assert_int_equal(listen(g.door, 8), 0);
        assert_int_equal(pthread_create(&thread, NULL, greet, &g), 0);
        assert_int_equal(tune_study_open(&s, address, true, &err), XLSTM_EIO);
        assert_null(s);
        if (!strstr(err.text, kinds[i].says) || !strstr(err.text, kinds[i].advises) || strchr(err.text, '\n'))
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(strncmp(err.text, "postgresql://u@/one: no connection: ", 36), 0);
        pthread_join(thread, NULL);
        close(g.door);
    }
    free(address);
    free(door);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_message_is_lost),
                                       cmocka_unit_test(a_server_comes_back),
                                       cmocka_unit_test(the_beaten_may_try_again),
                                       cmocka_unit_test(what_a_server_refuses), cmocka_unit_test(no_servers)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
