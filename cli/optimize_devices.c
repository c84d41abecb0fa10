#include "cli/optimize_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/streams.h"
#include "tuner/study/study_address.h"
#include "tuner/target/guard.h"
#include "tuner/target/targets.h"

#define END_S 15.0 /* an agent that was asked to end may finish its sample for so long, */
#define STOP_S 2.0 /* and for so long where the user waits: what it measures is lost in any case */
enum {
    STARTS_MOST = 4,
    LINE = 400,
    INDENT = 10,
    CODE_DEVICE = 4 /* exit code of a command that lost its device */
};

typedef struct device {
    xlstm_device_info info;
    tune_guard agent;
    int starts;
    bool failed;
    char *log;
    char last[LINE]; /* what the agent printed last, or what is to be said instead */
} device;

struct cli_devices {
    device *at; /* [count] */
    size_t count;
    char program[4096];
    const char *study, *fleet;
    size_t failed; /* the last one that did; count: none */
    int code;      /* its exit code */
};

/* ---- which ---- */

static size_t kind_length(const char *name) {
    return strcspn(name, ":");
}

static bool is_kind(const char *name, const char *kind, size_t length) {
    return kind_length(name) == length && strlen(kind) >= length && !strncmp(name, kind, length);
}

bool cli_devices_meant(const char *name) {
    return name && (!strcmp(name, "all") || !strcmp(name + kind_length(name), ":all"));
}

static const char *misuse(const cli_config *cfg, const char *name) {
    const tune_target_class *class = tune_target_find(cli_str(cfg, "target"));
    const char *processor = xlstm_device_kind_at(0);
    if (class && !class->of_checkpoint)
        return "device: several are for the target engine; another target is measured by --agents N";
    if (cli_has(cfg, "agents") || cli_str(cfg, "ray_address"))
        return "device and agents: all devices have agents of their own, which are started here: give only one of "
               "the two";
    if (strcmp(name, "all") != 0 && is_kind(processor, name, kind_length(name)))
        return "device: all processors are one device, cpu";
    return NULL;
}

static int find(cli_devices *d, const char *wanted, xlstm_error *err) {
    const char *processor = xlstm_device_kind_at(0);
    const bool any = !strcmp(wanted, "all");
    xlstm_device_info info;
    for (int i = 0; !xlstm_device_at(i, &info); i++) {
        if (any ? is_kind(info.name, processor, strlen(processor))
                : !is_kind(info.name, wanted, kind_length(wanted)))
            continue;
        device *more = realloc(d->at, (d->count + 1) * sizeof *more);
        if (!more) return xl_fail(err, XLSTM_ENOMEM, "device: out of memory");
        d->at = more;
        d->at[d->count++] = (device){.info = info, .agent = {.order = -1, .report = -1}};
    }
    d->failed = d->count;
    if (d->count) return XLSTM_OK;
    return xl_fail(err, XLSTM_ENOTFOUND, "device '%.60s': none is here beside the processor (see xltune devices)",
                   wanted);
}

int cli_devices_open(cli_devices **out, const cli_config *cfg, const char *program) {
    const char *name = cli_str(cfg, "device");
    xlstm_error err = {0};
    *out = NULL;
    if (!cli_devices_meant(name)) return CLI_GO_ON;
    const char *wrong = misuse(cfg, name);
    if (wrong) return cli_usage(cfg, "%s", wrong);
    cli_devices *d = calloc(1, sizeof *d);
    int status = d ? find(d, name, &err) : xl_fail(&err, XLSTM_ENOMEM, "device: out of memory");
    if (status) {
        cli_devices_close(d);
        return cli_fail(cfg, &err);
    }
    snprintf(d->program, sizeof d->program, "%s", program);
    *out = d;
    return CLI_GO_ON;
}

const char *cli_devices_first(const cli_devices *d) {
    return d ? d->at[0].info.name : NULL;
}

int cli_devices_count(const cli_devices *d) {
    return (int)d->count;
}

void cli_devices_print(const cli_devices *d) {
    for (size_t i = 0; i < d->count; i++) printf("%s%s", i ? ", " : "", d->at[i].info.name);
}

/* ---- the agents ---- */

static int start(const cli_devices *d, device *at, xlstm_error *err) {
    char *const argv[] = {(char *)(uintptr_t)d->program,
                          "agent",
                          "--study",
                          (char *)(uintptr_t)d->study,
                          "--fleet",
                          (char *)(uintptr_t)d->fleet,
                          "--device",
                          at->info.name,
                          NULL};
    const int log = open(at->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log < 0) return xl_fail(err, XLSTM_EIO, "%s: %s", at->log, strerror(errno));
    const int streams[3] = {-1, log, log};
    int status = tune_guard_start(argv, 0, streams, &at->agent, err);
    at->starts++;
    close(log);
    return status;
}

int cli_devices_start(cli_devices *d, const char *study, const char *fleet, const char *folder, xlstm_error *err) {
    const char *password = tune_study_password(study);
    d->study = study;
    d->fleet = fleet;
    if (password) setenv("PGPASSWORD", password, 0);
    int status = xl_make_folder(folder, err);
    for (size_t i = 0; !status && i < d->count; i++) {
        d->at[i].log = xl_format("%s/%s.log", folder, d->at[i].info.name);
        status = d->at[i].log ? start(d, &d->at[i], err) : xl_fail(err, XLSTM_ENOMEM, "device: out of memory");
    }
    return status;
}

/* Reads the last line of an agent's log, without the name of the command in front of it. */
static void read_last(device *at) {
    static const char command[] = "xltune agent: ";
    char tail[4 * LINE];
    const int fd = at->log ? open(at->log, O_RDONLY | O_CLOEXEC) : -1;
    const off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    ssize_t n = fd < 0 || size <= 0 ? 0 : pread(fd, tail, sizeof tail - 1, from);
    if (fd >= 0) close(fd);
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' ')) n--;
    tail[n > 0 ? n : 0] = 0;
    const char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    if (!strncmp(line, command, sizeof command - 1)) line += sizeof command - 1;
    snprintf(at->last, sizeof at->last, "%s", cli_plain(line));
}

/* An agent has ended though the search goes on. */
static void take_end(cli_devices *d, device *at, void (*say)(void *ctx, const char *text), void *ctx) {
    tune_guard_report report;
    xlstm_error err;
    char text[LINE + 200];
    tune_guard_end(&at->agent, &report);
    read_last(at);
    const int code = WIFEXITED(report.status) ? WEXITSTATUS(report.status) : -1;
    /* An agent whose proposing process was stopped for a while has ended well; it is needed again. */
    const bool again = code <= 0 && at->starts < STARTS_MOST;
    if (code < 0)
        snprintf(at->last, sizeof at->last, "signal %d", WIFSIGNALED(report.status) ? WTERMSIG(report.status) : 0);
    snprintf(text, sizeof text, "%s: its agent has ended: %s; %s", at->info.name, at->last,
             again ? "it is started again" : "the device is left out");
    say(ctx, text);
    if (again && !start(d, at, &err)) return;
    if (again) snprintf(at->last, sizeof at->last, "%.*s", LINE - 1, err.text);
    at->failed = true;
    d->failed = (size_t)(at - d->at);
    d->code = code;
}

int cli_devices_tend(cli_devices *d, void (*say)(void *ctx, const char *text), void *ctx) {
    int there = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->at[i].agent.pid && tune_guard_has_ended(&d->at[i].agent)) take_end(d, &d->at[i], say, ctx);
        there += d->at[i].agent.pid != 0;
    }
    return there;
}

int cli_devices_failure(const cli_devices *d, xlstm_error *err) {
    const device *at = d->failed < d->count ? &d->at[d->failed] : NULL;
    if (!at) return XLSTM_OK;
    return xl_fail(err, d->code == CODE_DEVICE ? XLSTM_EDEVICE : XLSTM_EIO, "no device is left; %s: %s (%s)",
                   at->info.name, at->last, at->log);
}

void cli_devices_end(cli_devices *d, bool at_once) {
    const double patience = at_once ? STOP_S : END_S, until = xl_now_s() + patience;
    size_t left = 0;
    for (size_t i = 0; i < d->count; i++) tune_guard_signal(&d->at[i].agent, SIGTERM);
    do {
        left = 0;
        for (size_t i = 0; i < d->count; i++) left += d->at[i].agent.pid && !tune_guard_has_ended(&d->at[i].agent);
        if (left) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    } while (left && xl_now_s() < until);
    for (size_t i = 0; i < d->count; i++) {
        tune_guard_report report;
        if (!d->at[i].agent.pid) continue;
        const bool killed = !tune_guard_has_ended(&d->at[i].agent);
        tune_guard_end(&d->at[i].agent, &report);
        if (!killed) read_last(&d->at[i]);
        else snprintf(d->at[i].last, LINE, "its agent was busy for another %.0f s and was killed", patience);
    }
}

void cli_devices_report(const cli_devices *d) {
    for (size_t i = 0; i < d->count; i++) {
        const device *at = &d->at[i];
        char text[LINE + sizeof at->info.text + 20];
        snprintf(text, sizeof text, "%s%s (%s)", at->failed ? "left out: " : "", at->last, at->info.text);
        printf("%-9s ", at->info.name);
        cli_print_wrapped(text, INDENT, INDENT);
    }
    cli_flush();
}

void cli_devices_close(cli_devices *d) {
    if (!d) return;
    cli_devices_end(d, true);
    for (size_t i = 0; i < d->count; i++) free(d->at[i].log);
    free(d->at);
    free(d);
}
