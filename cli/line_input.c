#include "cli/line_input.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#ifdef XL_HAVE_LIBEDIT
#include <histedit.h>
#endif

#include "base/bytes.h"

struct cli_line_input {
    bool person;
    bool (*stopped)(void);
    const char *prompt;
    xl_bytes input; /* without the editor: what was read */
    size_t used;    /* bytes of it that were given away as lines */
#ifdef XL_HAVE_LIBEDIT
    char *line;
    EditLine *edit; /* NULL: no editing */
    History *history;
    bool interrupted; /* by Ctrl-C while the line was typed */
    bool ahead;       /* what is read may have been typed before the editor took the terminal */
#endif
};

#ifdef XL_HAVE_LIBEDIT
static char *prompt_of(EditLine *edit) {
    cli_line_input *in = NULL;
    el_get(edit, EL_CLIENTDATA, &in);
    return (char *)(uintptr_t)in->prompt;
}

/* Reads a character for libedit, which by itself would read on after a signal. Ctrl-C as a key, and whatever
 * `stopped` says, ends the line; it is asked often, because a signal may come before the read, or to another
 * thread. A Ctrl-D that was typed before the editor took the terminal, during an answer for example, is read as a
 * zero byte, which libedit would take for the quoting of the next key. */
static int read_key(EditLine *edit, wchar_t *key) {
    cli_line_input *in = NULL;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    el_get(edit, EL_CLIENTDATA, &in);
    for (;;) {
        char byte = 0;
        struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
        in->interrupted = in->stopped();
        if (!in->interrupted && poll(&fd, 1, in->ahead ? 0 : 100) < 1) {
            in->ahead = false;
            continue;
        }
        const ssize_t got = in->interrupted ? 0 : read(STDIN_FILENO, &byte, 1);
        in->interrupted = in->interrupted || (got == 1 && byte == 3);
        if (in->interrupted) *key = L'\n';
        if (in->interrupted || got <= 0) return in->interrupted ? 1 : (int)got;
        if (got == 1 && !byte) {
            if (!in->ahead) continue;
            byte = 4;
        }
        const size_t used = mbrtowc(key, &byte, 1, &state);
        if (used == (size_t)-2) continue;
        if (used == (size_t)-1) *key = L'?';
        return 1;
    }
}

/* Editing needs the terminal's kind of characters; numbers stay as they are. */
static void open_editor(cli_line_input *in) {
    HistEvent event;
    setlocale(LC_CTYPE, "");
    in->history = history_init();
    in->edit = el_init("xltune", stdin, stdout, stderr);
    if (!in->edit || !in->history) return;
    history(in->history, &event, H_SETSIZE, 1000);
    el_set(in->edit, EL_CLIENTDATA, in);
    el_set(in->edit, EL_PROMPT, prompt_of);
    el_set(in->edit, EL_EDITOR, "emacs");
    el_set(in->edit, EL_SIGNAL, 0);
    el_set(in->edit, EL_HIST, history, in->history);
    el_source(in->edit, NULL);
    el_set(in->edit, EL_SETTY, "-d", "intr=", NULL);
    el_set(in->edit, EL_GETCFN, read_key);
}
#endif

cli_line_input *cli_line_input_open(bool (*stopped)(void)) {
    cli_line_input *in = calloc(1, sizeof *in);
    if (!in) return NULL;
    in->stopped = stopped;
    in->person = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
#ifdef XL_HAVE_LIBEDIT
    if (in->person) open_editor(in);
#endif
    return in;
}

void cli_line_input_close(cli_line_input *in) {
    if (!in) return;
#ifdef XL_HAVE_LIBEDIT
    if (in->edit) el_end(in->edit);
    if (in->history) history_end(in->history);
    free(in->line);
#endif
    free(in->input.data);
    free(in);
}

bool cli_line_input_person(const cli_line_input *in) {
    return in->person;
}

/* Gives what was read up to here as a line. */
static cli_line give(cli_line_input *in, char *end, const char **line, size_t *length) {
    *line = in->input.data;
    *length = (size_t)(end - in->input.data);
    in->used = *length + 1;
    *end = 0;
    return CLI_LINE_TEXT;
}

/* Input is waited for a tenth of a second at a time: `stopped` may come true just before a wait. */
static cli_line read_plain(cli_line_input *in, const char **line, size_t *length) {
    enum { CHUNK = 4096 };
    xl_bytes *b = &in->input;
    if (in->person) {
        fputs(in->prompt, stdout);
        fflush(stdout);
    }
    if (in->used) {
        b->size = in->used < b->size ? b->size - in->used : 0;
        memmove(b->data, b->data + in->used, b->size);
        in->used = 0;
    }
    for (size_t searched = 0;;) {
        char *end = b->size > searched ? memchr(b->data + searched, '\n', b->size - searched) : NULL;
        if (end) return give(in, end, line, length);
        searched = b->size;
        struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
        if (in->stopped()) return CLI_LINE_INTERRUPTED;
        if (poll(&fd, 1, 100) < 1) continue;
        if (!xl_bytes_reserve(b, CHUNK + 1)) return CLI_LINE_END;
        const ssize_t got = read(STDIN_FILENO, b->data + b->size, CHUNK);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return b->size ? give(in, b->data + b->size, line, length) : CLI_LINE_END;
        b->size += (size_t)got;
    }
}

cli_line cli_line_input_read(cli_line_input *in, const char *prompt, const char **line, size_t *length) {
    in->prompt = prompt;
#ifdef XL_HAVE_LIBEDIT
    if (in->edit) {
        int count = 0;
        errno = 0;
        in->interrupted = false;
        in->ahead = true;
        const char *got = el_gets(in->edit, &count);
        if (in->interrupted) return CLI_LINE_INTERRUPTED;
        if (!got) return errno == EINTR ? CLI_LINE_INTERRUPTED : CLI_LINE_END;
        free(in->line);
        in->line = strndup(got, strcspn(got, "\n"));
        if (!in->line) return CLI_LINE_END;
        *line = in->line;
        *length = strlen(in->line);
        return CLI_LINE_TEXT;
    }
#endif
    return read_plain(in, line, length);
}

void cli_line_input_remember(cli_line_input *in, const char *text) {
#ifdef XL_HAVE_LIBEDIT
    HistEvent event;
    if (in->edit && *text) history(in->history, &event, H_ENTER, text);
#else
    (void)in;
    (void)text;
#endif
}
