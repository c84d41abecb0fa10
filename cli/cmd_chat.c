/* xltune chat: a conversation at a terminal, or through a pipe. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/line_input.h"
#include "cli/progress.h"
#include "cli/request_line.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/talk.h"

static const cli_spec spec = {
    .command = CLI(chat),
    .instead = "a checkpoint is given with --model",
    .summary = "Talks with a model, line by line. The checkpoint's chat template puts the\n"
               "messages into the form that it was trained on; without one, what you type is\n"
               "continued as it is.",
    .details = "A line that ends in \\ goes on in the next, and so does a text from \"\"\" to \"\"\".\n"
               "Ctrl-C ends the answer, Ctrl-D the program. Lines that begin with / are\n"
               "commands: /retry, /reset, /save FILE, /load FILE, /info, /help, /quit; // is a\n"
               "plain /. Without a template an empty line lets the model go on.\n\n"
               "/save writes the model's state, which has one size however long the\n"
               "conversation is, and the messages to FILE.json. generate --load-state continues\n"
               "it too. A snapshot is for a request of known length, so none is used here;\n"
               "--profile best/ray_latest.json takes the settings of one.\n",
};

static const char help[] = "/retry        another answer in the place of the last\n"
                           "/reset        begin again\n"
                           "/save FILE    write the conversation: its state, and FILE.json with the messages\n"
                           "/load FILE    go on with a conversation that was written\n"
                           "/info         length of the conversation, speed of the last answer\n"
                           "/quit         end, as Ctrl-D does\n"
                           "//...         a text that begins with /\n"
                           "\\ at the end of a line, or \"\"\" around lines, makes a text of several lines.\n";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* Ctrl-C ends an answer or a line that is typed, not the program. Nothing that it or another signal interrupts is
 * restarted: the program may be waiting for a line. */
static void take_interrupts(void) {
    static const int others[] = {SIGTERM, SIGHUP};
    struct sigaction action;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (sigaction(others[i], NULL, &action)) continue;
        action.sa_flags &= ~SA_RESTART;
        sigaction(others[i], &action, NULL);
    }
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
}

static bool stopped(void) {
    return interrupted || cli_signals_stop();
}

typedef struct room {
    cli_config *cfg;
    xlstm_tokenizer *tokenizer;
    xlstm_chat_template *chat;
    xlstm_model *model;
    serve_stops stops;
    cli_talk *talk;
    cli_line_input *in;
    bool answering; /* a part of the answer was shown */
    char last;      /* its last character */
    bool failed;    /* something went wrong in a pipe */
} room;

static int must_stop(void *user) {
    room *r = user;
    if (r->in && !r->answering && cli_line_input_person(r->in)) cli_progress("reading", 0, 0);
    return stopped();
}

static void put(void *user, const char *text, size_t bytes) {
    room *r = user;
    cli_progress_end();
    char *copy = xl_array(bytes + 1, 1);
    if (!copy) return;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    r->last = copy[bytes - 1];
    cli_put(copy, bytes);
    cli_flush();
    free(copy);
    r->answering = true;
}

/* ---- what is said ---- */

static void tell(room *r, const xlstm_error *err) {
    cli_say("chat", "%s", err->text);
    r->failed = true;
}

static void finish_answer(room *r, int status, const xlstm_error *err) {
    cli_progress_end();
    if (r->answering && r->last != '\n') putchar('\n');
    if (!r->answering && !status) putchar('\n');
    cli_flush();
    if (status == XLSTM_ECANCELLED && interrupted) cli_notice("stopped before the text was read; it was not said");
    else if (status && status != XLSTM_ECANCELLED) tell(r, err);
}

static void answer(room *r, const char *text) {
    xlstm_error err;
    interrupted = 0;
    r->answering = false;
    finish_answer(r, text ? cli_talk_say(r->talk, text, &err) : cli_talk_retry(r->talk, &err), &err);
}

static void info(const room *r) {
    double seconds;
    const uint64_t made = cli_talk_answer(r->talk, &seconds);
    xlstm_model_info model;
    xlstm_model_get_info(r->model, &model);
    fprintf(stderr, "%llu tokens so far, a state of %.1f MiB; the last answer: %llu tokens, %.1f tok/s\n",
            (unsigned long long)cli_talk_position(r->talk), (double)model.state_bytes / 1048576,
            (unsigned long long)made, seconds > 0 ? (double)made / seconds : 0.0);
}

/* Carries out a line that begins with '/'. Returns false where it ends the program. */
static bool command(room *r, char *line) {
    const size_t length = strcspn(line, " \t");
    char *rest = line + length;
    while (*rest == ' ' || *rest == '\t') *rest++ = 0;
    xlstm_error err;
    int status = XLSTM_OK;
    if (!strcmp(line, "/quit") || !strcmp(line, "/exit") || !strcmp(line, "/bye")) return false;
    if (!strcmp(line, "/help") || !strcmp(line, "/?")) fputs(help, stderr);
    else if (!strcmp(line, "/info")) info(r);
    else if (!strcmp(line, "/reset")) status = cli_talk_reset(r->talk, &err);
    else if (!strcmp(line, "/retry")) answer(r, NULL);
    else if (!strcmp(line, "/save") || !strcmp(line, "/load")) {
        if (!*rest) status = xl_fail(&err, XLSTM_EARG, "%s: wanted the name of a file", line);
        else status = line[1] == 's' ? cli_talk_save(r->talk, rest, &err) : cli_talk_load(r->talk, rest, &err);
    } else {
        status = xl_fail(&err, XLSTM_EARG, "unknown command %s (see /help)", line);
    }
    if (status) tell(r, &err);
    else if (rest != line + length && cli_line_input_person(r->in))
        cli_notice("%s: %llu tokens", rest, (unsigned long long)cli_talk_position(r->talk));
    return true;
}

/* ---- what is typed ---- */

static bool append(xl_bytes *text, const char *line) {
    return xl_bytes_append(text, line, strlen(line));
}

/* Reads a text of one or several lines, and a NUL behind it. */
static cli_line read_text(room *r, xl_bytes *text) {
    static const char quotes[] = "\"\"\"";
    const char *line;
    size_t length;
    bool quoted = false, more = true;
    text->size = 0;
    for (bool first = true; more; first = false) {
        const cli_line got = cli_line_input_read(r->in, first ? "> " : ". ", &line, &length);
        if (got == CLI_LINE_END && !first) break;
        if (got != CLI_LINE_TEXT) return got;
        if (first && !strncmp(line, quotes, 3)) {
            quoted = true;
            line += 3;
            length -= 3;
        }
        bool ended = false;
        if (quoted && length >= 3 && !strcmp(line + length - 3, quotes)) {
            ended = true;
            length -= 3;
        }
        const bool goes_on = !quoted && length && line[length - 1] == '\\';
        if (!xl_bytes_append(text, line, goes_on ? length - 1 : length)) return CLI_LINE_END;
        more = quoted ? !ended : goes_on;
        if (more && !append(text, "\n")) return CLI_LINE_END;
    }
    return xl_bytes_append(text, "", 1) ? CLI_LINE_TEXT : CLI_LINE_END;
}

static void talk(room *r) {
    xl_bytes text = {NULL, 0, 0};
    const bool person = cli_line_input_person(r->in);
    if (person)
        cli_notice("%s; /help says what can be typed, Ctrl-D ends",
                   r->chat ? "talking by the checkpoint's chat template"
                           : "no chat template: what you type is continued as it is");
    for (bool on = true; on && !cli_signals_stop() && !ferror(stdout);) {
        const cli_line got = read_text(r, &text);
        if (got == CLI_LINE_INTERRUPTED) {
            if (person && interrupted) putchar('\n'); /* by a signal: the line was not ended */
            interrupted = 0;
            continue;
        }
        if (got == CLI_LINE_END || !text.data) {
            if (person) putchar('\n');
            break;
        }
        char *said = text.data;
        if (strlen(said) + 1 < text.size) {
            xlstm_error err;
            xl_fail(&err, XLSTM_EFORMAT, "a text with a NUL byte in it was not said");
            tell(r, &err);
            continue;
        }
        cli_line_input_remember(r->in, said);
        if (said[0] == '/' && said[1] != '/') on = command(r, said);
        else if (*said || !r->chat) answer(r, said + (said[0] == '/'));
    }
    free(text.data);
}

static int open_room(room *r, xlstm_error *err) {
    cli_config *cfg = r->cfg;
    xlstm_settings settings;
    int status = cli_open_tokenizer(cfg, &r->tokenizer, err);
    if (!status) status = cli_open_chat_template(cfg, &r->chat, err);
    if (status == XLSTM_ENOTFOUND &&
        (!cli_has(cfg, "chat_template") || !strcmp(cli_str(cfg, "chat_template"), "none")))
        status = r->tokenizer ? XLSTM_OK : status;
    if (!status && cli_has(cfg, "stop")) status = cli_stops(cli_object(cfg, "stop"), &r->stops, err);
    if (!status && !r->chat && cli_has(cfg, "system"))
        status = xl_fail(err, XLSTM_EARG, "system: a message of the system wants a chat template");
    if (!status) status = cli_open_model(cfg, &r->model, must_stop, r, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(r->model), &settings, err);
    if (status) return status;
    cli_talk_options options = {.model = r->model,
                                .tokenizer = r->tokenizer,
                                .settings = settings,
                                .chat = r->chat,
                                .system = cli_str(cfg, "system"),
                                .max_tokens = cli_int(cfg, "max_new_tokens"),
                                .stops = &r->stops,
                                .interrupted = must_stop,
                                .put = put,
                                .user = r};
    cli_sampling(cfg, &options.sampling);
    status = cli_talk_create(&r->talk, &options, err);
    if (status) return status;
    r->in = cli_line_input_open(stopped);
    return r->in ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
}

static int run(int argc, char **argv) {
    room r = {.last = '\n'};
    int code = cli_config_parse(&r.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    cli_signals_install();
    xlstm_error err = {0};
    int status = open_room(&r, &err);
    if (!status) {
        take_interrupts();
        talk(&r);
    }
    code = cli_signals_code();
    if (!code && status) code = cli_fail(r.cfg, &err);
    if (!code && r.failed && r.in && !cli_line_input_person(r.in)) code = 1;
    cli_line_input_close(r.in);
    cli_talk_destroy(r.talk);
    serve_stops_clear(&r.stops);
    xlstm_model_close(r.model);
    xlstm_chat_template_close(r.chat);
    xlstm_tokenizer_close(r.tokenizer);
    cli_config_free(r.cfg);
    return code;
}

const cli_command cli_cmd_chat = {"talk with a model", run};
