/* Lines through a pipe, as `xltune chat` reads them: whole ones, and waits that end when the program is to stop. */
#include "cli/line_input.h"
#include "helper.h"

static int to;       /* the pipe's other end */
static int patience; /* how often the program is asked before it is to stop; negative: it goes on */

static bool stopped(void) {
    return patience >= 0 && patience-- == 0;
}

static cli_line_input *in;

static int start(void **state) {
    int ends[2];
    if (pipe(ends) || dup2(ends[0], STDIN_FILENO) < 0) return -1;
    close(ends[0]);
    to = ends[1];
    patience = -1;
    in = cli_line_input_open(stopped);
    return in ? 0 : -1;
}

static int stop(void **state) {
    cli_line_input_close(in);
    if (to >= 0) close(to);
    return 0;
}

static void type(const char *text) {
    assert_int_equal(write(to, text, strlen(text)), (ssize_t)strlen(text));
}

static void end(void) {
    close(to);
    to = -1;
}

static void comes(const char *wanted) {
    const char *line = NULL;
    size_t length = 0;
    assert_int_equal(cli_line_input_read(in, "> ", &line, &length), CLI_LINE_TEXT);
    assert_string_equal(line, wanted);
    assert_int_equal(length, strlen(wanted));
}

static void ends_as(cli_line wanted) {
    const char *line;
    size_t length;
    assert_int_equal(cli_line_input_read(in, "> ", &line, &length), wanted);
}

static void lines_come_one_by_one(void **state) {
    enum { LONG = 9000 };
    char lengthy[LONG + 2];
    assert_false(cli_line_input_person(in));
    type("one\n\ntwo words\n");
    comes("one");
    comes("");
    comes("two words");
    memset(lengthy, 'x', LONG);
    memcpy(lengthy + LONG, "\n", 2);
    type(lengthy);
    type("last");
    end();
    lengthy[LONG] = 0;
    comes(lengthy);
    comes("last"); /* without a newline */
    ends_as(CLI_LINE_END);
    ends_as(CLI_LINE_END);
}

/* A NUL ends no line: who reads it can tell. */
static void a_nul_belongs_to_its_line(void **state) {
    (void)state;
    static const char bytes[] = "a\0b\nc\n\0";
    const char *line = NULL;
    size_t length = 0;
    assert_int_equal(write(to, bytes, sizeof bytes - 1), (ssize_t)sizeof bytes - 1);
    end();
    assert_int_equal(cli_line_input_read(in, "> ", &line, &length), CLI_LINE_TEXT);
    assert_int_equal(length, 3);
    assert_memory_equal(line, "a\0b", 4);
    comes("c");
    assert_int_equal(cli_line_input_read(in, "> ", &line, &length), CLI_LINE_TEXT);
    assert_int_equal(length, 1);
    assert_memory_equal(line, "\0", 2);
    ends_as(CLI_LINE_END);
}

/* A signal may come just before the wait, which nothing interrupts then. */
static void a_wait_ends_when_the_program_is_to_stop(void **state) {
    patience = 0;
    ends_as(CLI_LINE_INTERRUPTED);
    patience = 3;
    ends_as(CLI_LINE_INTERRUPTED);
    type("half ");
    patience = 1;
    ends_as(CLI_LINE_INTERRUPTED);
    type("a line\n");
    comes("half a line");
    end();
    ends_as(CLI_LINE_END);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_one_by_one, start, stop),
        cmocka_unit_test_setup_teardown(a_nul_belongs_to_its_line, start, stop),
        cmocka_unit_test_setup_teardown(a_wait_ends_when_the_program_is_to_stop, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
