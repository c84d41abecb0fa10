/* The live page's server: who is let in, what is answered, and the stream of events. Spoken to as a browser does,
 * over the loopback interface. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <xlstm/status.h>

#include "base/error.h"
#include "helper.h"
#include "server/live_page.h"

static const char page[] = "<!doctype html><title>a page</title>";

/* Tells which arguments came, or fails as they say. */
static int make_echo(void *ctx, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err) {
    if (a && !strcmp(a, "missing")) return xl_fail(err, XLSTM_ENOTFOUND, "no run of that name");
    if (a && !strcmp(a, "wrong")) return xl_fail(err, XLSTM_EARG, "a is no number");
    if (a && !strcmp(a, "broken")) return xl_fail(err, XLSTM_EIO, "the disk is gone");
    *text = xl_format("{\"ctx\":\"%s\",\"a\":\"%s\",\"b\":\"%s\"}", (const char *)ctx, a ? a : "-", b ? b : "-");
    *bytes = strlen(*text);
    return XLSTM_OK;
}

static const serve_live_answer answers[] = {{"echo", make_echo}, {NULL, NULL}};
static char context[] = "the run's";
static serve_live *live;
static int port;
static char token[128], cookie[256];

static serve_live_options options_at(int at) {
    return (serve_live_options){
        .port = at, .page = page, .page_bytes = sizeof page - 1, .answers = answers, .ctx = context};
}

/* A connection to the server that gives up after a minute. */
static int connect_there(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval minute = {.tv_sec = 60};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to), 0);
    return fd;
}

static void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until `wanted` has come, or to the end where that is NULL; 0-terminated in `to`. */
static void read_until(int fd, const char *wanted, char *to, size_t size) {
    size_t had = 0;
    to[0] = 0;
    while (had + 1 < size && !(wanted && strstr(to, wanted))) {
        const ssize_t n = recv(fd, to + had, size - 1 - had, 0);
        if (n < 0 && errno == EINTR) continue; /* the process was stopped and goes on */
        assert_true(n >= 0);
        if (!n) break;
        had += (size_t)n;
        to[had] = 0;
    }
    if (wanted && !strstr(to, wanted)) fail_msg("'%s' did not come: %s", wanted, to);
}

/* What is answered to a request with these further header lines; static. Host NULL: the server's own. */
static const char *ask(const char *method, const char *path, const char *host, const char *headers,
                       const char *body) {
    static char reply[8192];
    char own[64];
    snprintf(own, sizeof own, "127.0.0.1:%d", port);
    char *request = xl_format("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n%s", method, path,
                              host ? host : own, headers, body);
    const int fd = connect_there();
    send_text(fd, request);
    read_until(fd, NULL, reply, sizeof reply);
    close(fd);
    free(request);
    return reply;
}

static int code_of(const char *reply) {
    int code = 0;
    assert_int_equal(sscanf(reply, "HTTP/1.1 %d", &code), 1);
    return code;
}

static const char *get(const char *path, const char *headers) {
    return ask("GET", path, NULL, headers, "");
}

static int start(void **state) {
    (void)state;
    xlstm_error err = {0};
    const serve_live_options o = options_at(0);
    if (serve_live_start(&live, &o, &err)) return -1;
    if (sscanf(serve_live_address(live), "http://127.0.0.1:%d/?token=%127s", &port, token) != 2) return -1;
    snprintf(cookie, sizeof cookie, "Cookie: xltune_dash_%d=%s\r\n", port, token);
    return 0;
}

static int stop(void **state) {
    (void)state;
    serve_live_stop(live);
    live = NULL;
    return 0;
}

static void token_becomes_a_cookie(void **state) {
    (void)state;
    char path[192], wanted[256];
    assert_int_equal(strlen(token), 48);
    snprintf(path, sizeof path, "/?token=%s", token);
    const char *reply = get(path, "");
    assert_int_equal(code_of(reply), 303);
    snprintf(wanted, sizeof wanted, "Set-Cookie: xltune_dash_%d=%s; HttpOnly; SameSite=Strict; Path=/\r\n", port,
             token);
    assert_non_null(strstr(reply, wanted));
    assert_non_null(strstr(reply, "Location: /\r\n"));
    reply = get("/", cookie);
    assert_int_equal(code_of(reply), 200);
    assert_non_null(strstr(reply, page));
    assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(reply, "X-Frame-Options: DENY\r\n"));
    assert_non_null(strstr(reply, "Cross-Origin-Resource-Policy: same-origin\r\n"));
    assert_non_null(strstr(reply, "Cache-Control: no-store\r\n"));
}

static void others_are_not_let_in(void **state) {
    (void)state;
    char line[300], path[192];
    static const char *const paths[] = {"/", "/events", "/api/echo", "/api/none", "/?token="};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(code_of(get(paths[i], "")), 403);
        assert_null(strstr(get(paths[i], ""), page));
    }
    /* Tokens that are shorter, longer, or wrong in one letter; and the right one in another server's cookie. */
    for (int kind = 0; kind < 4; kind++) {
        char other[160];
        snprintf(other, sizeof other, "%s%s", token, kind == 1 ? "0" : "");
        if (kind == 0) other[47] = 0;
        if (kind == 2) other[0] = other[0] == 'a' ? 'b' : 'a';
        snprintf(line, sizeof line, "Cookie: xltune_dash_%d=%s\r\n", kind == 3 ? port + 1 : port, other);
        assert_int_equal(code_of(get("/", line)), 403);
        snprintf(path, sizeof path, "/?token=%s", other);
        if (kind < 3) assert_int_equal(code_of(get(path, "")), 403);
    }
    /* The token in the address opens the page alone. */
    snprintf(path, sizeof path, "/api/echo?token=%s", token);
    assert_int_equal(code_of(get(path, "")), 403);
}

/* A name that someone else made point to this machine is refused even with the cookie. */
static void other_hosts_are_refused(void **state) {
    (void)state;
    char host[64];
    static const struct {
        const char *name;
        int by, code;
    } hosts[] = {{"127.0.0.1", 0, 200},    {"LocalHost", 0, 200},  {"127.0.0.1", 1, 403},
                 {"evil.example", 0, 403}, {"127.0.0.10", 0, 403}, {"localhost.evil.example", 0, 403}};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        snprintf(host, sizeof host, "%s:%d", hosts[i].name, port + hosts[i].by);
        assert_int_equal(code_of(ask("GET", "/", host, cookie, "")), hosts[i].code);
    }
    assert_int_equal(code_of(ask("GET", "/", "127.0.0.1", cookie, "")), 403);
}

static void only_get_is_answered(void **state) {
    (void)state;
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS"};
    char headers[400];
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        snprintf(headers, sizeof headers, "%sContent-Length: 5\r\n", cookie);
        assert_int_equal(code_of(ask(methods[i], "/api/echo", NULL, headers, "hello")), 405);
    }
    const char *reply = ask("HEAD", "/", NULL, cookie, "");
    assert_int_equal(code_of(reply), 200);
    assert_null(strstr(reply, page));
}

static void answers_are_made(void **state) {
    (void)state;
    const char *reply = get("/api/echo", cookie);
    assert_int_equal(code_of(reply), 200);
    assert_non_null(strstr(reply, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(reply, "{\"ctx\":\"the run's\",\"a\":\"-\",\"b\":\"-\"}"));
    assert_non_null(strstr(get("/api/echo?b=2&a=x%20y", cookie), "\"a\":\"x y\",\"b\":\"2\""));
    reply = get("/api/echo?a=missing", cookie);
    assert_int_equal(code_of(reply), 404);
    assert_non_null(strstr(reply, "no run of that name\n"));
    assert_int_equal(code_of(get("/api/echo?a=wrong", cookie)), 400);
    reply = get("/api/echo?a=broken", cookie);
    assert_int_equal(code_of(reply), 500);
    assert_non_null(strstr(reply, "the disk is gone\n"));
    static const char *const nothing[] = {"/api/", "/api/ech", "/api/echoes", "/echo", "/api", "/page"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        assert_int_equal(code_of(get(nothing[i], cookie)), 404);
}

/* Whoever comes late gets the newest event first; both get what is told later; the stop ends both streams. */
static void events_are_told(void **state) {
    (void)state;
    char got[4096];
    char *request = xl_format("GET /events HTTP/1.1\r\nHost: localhost:%d\r\n%s\r\n", port, cookie);
    int streams[2];
    assert_true(serve_live_tell(live, "{\"trial\":0}"));
    assert_true(serve_live_tell(live, "{\"trial\":1}"));
    for (int i = 0; i < 2; i++) {
        streams[i] = connect_there();
        send_text(streams[i], request);
        read_until(streams[i], "data: {\"trial\":1}\n\n", got, sizeof got);
        assert_non_null(strstr(got, "Content-Type: text/event-stream\r\n"));
        assert_null(strstr(got, "\"trial\":0"));
    }
    /* One that is longer than what is sent at a time. */
    enum { LONG = 200000 };
    char *lengthy = malloc(LONG + 1), *all = malloc(2 * LONG);
    assert_non_null(lengthy);
    assert_non_null(all);
    memset(lengthy, 'x', LONG);
    lengthy[LONG] = 0;
    assert_true(serve_live_tell(live, lengthy));
    for (int i = 0; i < 2; i++) {
        read_until(streams[i], "x\n\n", all, 2 * LONG);
        size_t letters = 0;
        for (const char *c = all; *c; c++) letters += *c == 'x';
        assert_int_equal(letters, LONG);
    }
    assert_true(serve_live_tell(live, "{\"trial\":3}"));
    for (int i = 0; i < 2; i++) read_until(streams[i], "data: {\"trial\":3}\n\n", got, sizeof got);
    /* One leaves without a word. */
    close(streams[0]);
    assert_true(serve_live_tell(live, "{\"trial\":4}"));
    read_until(streams[1], "data: {\"trial\":4}\n\n", got, sizeof got);
    serve_live_stop(live);
    live = NULL;
    read_until(streams[1], NULL, got, sizeof got);
    close(streams[1]);
    free(request);
    free(lengthy);
    free(all);
}

static void taken_port_is_told(void **state) {
    (void)state;
    serve_live *second = live;
    xlstm_error err = {0};
    const serve_live_options o = options_at(port);
    char wanted[64];
    assert_int_equal(serve_live_start(&second, &o, &err), XLSTM_EIO);
    assert_null(second);
    snprintf(wanted, sizeof wanted, "port %d", port);
    assert_non_null(strstr(err.text, wanted));
    serve_live_stop(NULL);
    assert_int_equal(code_of(get("/", cookie)), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(token_becomes_a_cookie, start, stop),
        cmocka_unit_test_setup_teardown(others_are_not_let_in, start, stop),
        cmocka_unit_test_setup_teardown(other_hosts_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(only_get_is_answered, start, stop),
        cmocka_unit_test_setup_teardown(answers_are_made, start, stop),
        cmocka_unit_test_setup_teardown(events_are_told, start, stop),
        cmocka_unit_test_setup_teardown(taken_port_is_told, start, stop),
    };
    return serve_live_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
