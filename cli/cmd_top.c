/* xltune top: what the commands that run now are doing. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/live.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/signals.h"
#include "cli/streams.h"

static const cli_spec spec = {
    .command = CLI(top),
    .summary = "Shows what optimize, generate and serve are doing on this machine: tokens a\n"
               "second, sequences in a batch, memory and its limit, threads, bands, device.",
    .details = "The view is renewed once a second; q or Ctrl-C ends it. Where standard output\n"
               "is no terminal, it is printed once. A process tells of itself in a small file\n"
               "in $XDG_RUNTIME_DIR/xltune, or in /tmp/xltune-UID.\n",
};

enum { FILE_LIMIT = 1 << 20, STALLED_S = 5 };

static int is_process_file(const struct dirent *entry) {
    const char *name = entry->d_name;
    const size_t digits = strspn(name, "0123456789");
    return digits && !strcmp(name + digits, ".json");
}

/* The facts of one process; NULL where there is no such process any more, whose file is then removed. */
static json_t *read_process(const char *folder, const char *name) {
    char *path = xl_path_join(folder, name), *data = NULL;
    size_t bytes = 0;
    json_t *facts = NULL;
    const long pid = strtol(name, NULL, 10);
    if (path && pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH) unlink(path);
    else if (path && !xl_file_read(path, FILE_LIMIT, &data, &bytes, NULL)) facts = json_loadb(data, bytes, 0, NULL);
    if (facts && (!json_is_object(facts) || json_integer_value(json_object_get(facts, "pid")) != pid)) {
        json_decref(facts);
        facts = NULL;
    }
    free(data);
    free(path);
    return facts;
}

/* The processes, the oldest first. */
static json_t *read_all(void) {
    char *folder = xl_live_folder();
    struct dirent **entries = NULL;
    json_t *list = json_array();
    const int found = folder ? scandir(folder, &entries, is_process_file, alphasort) : 0;
    for (int i = 0; i < found; i++) {
        json_t *facts = read_process(folder, entries[i]->d_name);
        free(entries[i]);
        if (!facts) continue;
        const double age = xl_wall_s() - json_number_value(json_object_get(facts, "updated"));
        json_object_set_new(facts, "stalled", json_boolean(age > STALLED_S));
        size_t at = json_array_size(list);
        const double started = json_number_value(json_object_get(facts, "started"));
        while (at && json_number_value(json_object_get(json_array_get(list, at - 1), "started")) > started) at--;
        json_array_insert_new(list, at, facts);
    }
    free(entries);
    free(folder);
    return list;
}

/* ---- the table ---- */

static void cell(const json_t *facts, const char *name, const char *format, char *out, size_t size) {
    const json_t *value = json_object_get(facts, name);
    snprintf(out, size, "-");
    if (json_is_number(value)) snprintf(out, size, format, json_number_value(value)); /* NOLINT: our own formats */
}

static double number(const json_t *facts, const char *name) {
    return json_number_value(json_object_get(facts, name));
}

static const char *word(const json_t *facts, const char *name) {
    const char *text = json_string_value(json_object_get(facts, name));
    return text ? text : "-";
}

/* Prints a line that is cut to the width, between characters. */
static void put_line(char *line, int width) {
    xl_utf8_clean(line);
    size_t at = 0;
    for (int columns = 0; line[at] && columns < width; columns++) {
        const int bytes = xl_utf8_step(line + at, strlen(line + at), NULL);
        at += bytes > 0 ? (size_t)bytes : 1;
    }
    printf("%.*s%s\n", (int)at, line, isatty(STDOUT_FILENO) ? "\033[K" : "");
}

static void put_process(const json_t *f, int width) {
    char tokens[24], prompt[24], batch[24], workers[24], bands[24], memory[48], line[1024], done[64] = "";
    cell(f, "tokens_s", "%.1f", tokens, sizeof tokens);
    cell(f, "prompt_tokens_s", "%.1f", prompt, sizeof prompt);
    cell(f, "batch", "%.0f", batch, sizeof batch);
    cell(f, "workers", "%.0f", workers, sizeof workers);
    cell(f, "bands", "%.0f", bands, sizeof bands);
    const double limit = number(f, "limit_bytes") > 0 ? number(f, "limit_bytes") : (double)xl_memory_total();
    snprintf(memory, sizeof memory, "%.0f/%.0f", number(f, "rss_bytes") / 1048576, limit / 1048576);
    snprintf(line, sizeof line, "%7.0f %-9.9s %-9.9s %8s %9s %5s %7s %5s %13s", number(f, "pid"),
             word(f, "command"), word(f, "device"), tokens, prompt, batch, workers, bands, memory);
    put_line(line, width);
    const long s = (long)(xl_wall_s() - number(f, "started") + 0.5);
    if (number(f, "total") > 0)
        snprintf(done, sizeof done, ", %s %.0f/%.0f", word(f, "stage"), number(f, "done"), number(f, "total"));
    else if (json_object_get(f, "stage"))
        snprintf(done, sizeof done, ", %s %.0f", word(f, "stage"), number(f, "done"));
    snprintf(line, sizeof line, "        %ld:%02ld:%02ld%s%s, %s%s%s", s / 3600, s / 60 % 60, s % 60, done,
             json_is_true(json_object_get(f, "stalled")) ? ", no news" : "", word(f, "model"),
             json_object_get(f, "params") ? ", " : "", json_object_get(f, "params") ? word(f, "params") : "");
    put_line(line, width);
}

static void put_table(const json_t *list, int width, int height) {
    char line[256];
    const size_t count = json_array_size(list), room = height > 4 ? (size_t)(height - 3) / 2 : 1;
    snprintf(line, sizeof line, "%7s %-9s %-9s %8s %9s %5s %7s %5s %13s", "PID", "COMMAND", "DEVICE", "TOK/S",
             "PROMPT/S", "BATCH", "THREADS", "BANDS", "MEMORY MiB");
    if (count) put_line(line, width);
    for (size_t i = 0; i < count && i < room; i++) put_process(json_array_get(list, i), width);
    if (count > room) snprintf(line, sizeof line, "and %zu more", count - room);
    else snprintf(line, sizeof line, "%s", count ? "" : "nothing runs");
    if (line[0]) put_line(line, width);
}

/* ---- the view ---- */

static void size_of_terminal(int *width, int *height) {
    struct winsize size;
    *width = 80;
    *height = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row) return;
    *width = size.ws_col;
    *height = size.ws_row;
}

/* Keys come at once and are not shown; false where standard input is no terminal. */
static bool take_keys(struct termios *before) {
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, before)) return false;
    struct termios now = *before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    return !tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static void watch(void) {
    struct termios before;
    const bool keys = take_keys(&before);
    printf("\033[?1049h"); /* the terminal's other screen, so that the first comes back */
    for (bool on = true; on && !cli_signals_stop() && !ferror(stdout);) {
        int width, height;
        json_t *list = read_all();
        size_of_terminal(&width, &height);
        printf("\033[H");
        put_table(list, width, height);
        printf("\033[J");
        json_decref(list);
        if (!cli_flush()) break;
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char key;
        if (poll(&in, keys ? 1 : 0, 1000) == 1) on = read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
    }
    printf("\033[?1049l");
    cli_flush();
    if (keys) tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    cli_signals_install();
    xlstm_error err;
    int status = XLSTM_OK;
    if (cli_bool(cfg, "json")) {
        json_t *document = json_pack("{s:o}", "processes", read_all());
        status = cli_print_json(document, JSON_INDENT(2) | JSON_REAL_PRECISION(14), stdout, &err);
        json_decref(document);
    } else if (cli_bool(cfg, "once") || !isatty(STDOUT_FILENO)) {
        int width, height;
        json_t *list = read_all();
        size_of_terminal(&width, &height);
        put_table(list, isatty(STDOUT_FILENO) ? width : 1000, 1000000);
        json_decref(list);
    } else {
        watch();
    }
    code = status ? cli_fail(cfg, &err) : 0;
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_top = {"watch what runs now", run};
