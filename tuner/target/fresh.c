#include "tuner/target/fresh.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/target/targets.h"
#include "tuner/target/wire.h"

#define LINE_MOST (64 << 20)

extern char **environ;

enum { BASELINE = TUNE_BASELINE, WINNER = 0 };

/* ---- the parent process ---- */

/* The request of the target, with the winner's values as the only point of its space. */
static char *compose(const tune_target *target, const tune_named_list *baseline, int64_t winner,
                     const tune_block_plan *plan) {
    json_t *j = json_deep_copy(target->request), *config = json_object_get(j, "config");
    json_object_set_new(config, "space", tune_space_point_json(target->space, (uint32_t)winner));
    json_object_set_new(j, "settings", tune_named_json(baseline));
    json_object_set_new(j, "plan", tune_wire_plan(plan));
    char *line = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(j);
    char *whole = line ? xl_format("%s\n", line) : NULL;
    free(line);
    return whole;
}

typedef struct child {
    pid_t pid;
    int in, out; /* the parent's ends of its standard input and output */
} child;

/* Starts the process in a group of its own, so that Ctrl-C on the terminal does not reach it; the parent ends
 * it. */
static int start(const tune_target *target, child *c, xlstm_error *err) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, code = 0;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *arguments[] = {(char *)(uintptr_t)target->program, (char *)(uintptr_t)target->program_argument, NULL};
    if (pipe(in) || pipe(out)) code = errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (!code) {
        posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        for (int i = 0; i < 2; i++) {
            posix_spawn_file_actions_addclose(&actions, in[i]);
            posix_spawn_file_actions_addclose(&actions, out[i]);
        }
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes, 0);
        code = posix_spawn(&c->pid, target->program, &actions, &attributes, arguments, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (in[0] >= 0) close(in[0]);
    if (out[1] >= 0) close(out[1]);
    if (code) {
        if (in[1] >= 0) close(in[1]);
        if (out[0] >= 0) close(out[0]);
        return xl_fail(err, XLSTM_EIO, "%s: cannot be started: %s", target->program, strerror(code));
    }
    c->in = in[1];
    c->out = out[0];
    return XLSTM_OK;
}

static int send_all(int fd, const char *line, xlstm_error *err) {
    size_t left = strlen(line);
    while (left) {
        ssize_t n = write(fd, line, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return xl_fail(err, XLSTM_EIO, "fresh process: %s", strerror(errno));
        line += n;
        left -= (size_t)n;
    }
    return XLSTM_OK;
}

typedef struct answer {
    tune_sample_fn on_sample;
    void *ctx;
    int64_t winner;
    tune_block_result *out;
    bool done, began[2]; /* of the baseline and the winner */
    int64_t busy;        /* with which of them it is, where one of them began */
} answer;

/* With which of the two it was when it ended without a word. Where it computes itself, the winner may have damaged
 * the memory that the baseline then uses, or taken what the baseline then lacks. */
static tune_culprit suspect(const tune_target *target, const answer *a) {
    if (!a->began[0] && !a->began[1]) return TUNE_CULPRIT_EITHER;
    if (a->busy != BASELINE) return TUNE_CULPRIT_WINNER;
    return target->elsewhere || !a->began[1] ? TUNE_CULPRIT_BASELINE : TUNE_CULPRIT_EITHER;
}

static int ended_early(const tune_target *target, const answer *a, xlstm_error *err) {
    static const char *const with[] = {[TUNE_CULPRIT_EITHER] = "",
                                       [TUNE_CULPRIT_BASELINE] = ", while it ran the baseline",
                                       [TUNE_CULPRIT_WINNER] = ", while it ran the winner"};
    a->out->culprit = suspect(target, a);
    return xl_fail(err, XLSTM_EIO, "fresh process: ended without a result%s", with[a->out->culprit]);
}

static int read_line(answer *a, const char *line, xlstm_error *err) {
    json_error_t bad;
    json_t *j = json_loads(line, 0, &bad);
    const json_t *sample = json_object_get(j, "sample"), *result = json_object_get(j, "result");
    const json_t *failure = json_object_get(j, "error"), *begins = json_object_get(j, "begins");
    tune_sample s;
    int status = XLSTM_OK;
    if (sample && tune_wire_read_sample(sample, &s)) {
        if (s.candidate != BASELINE) s.candidate = a->winner;
        a->on_sample(a->ctx, &s);
    } else if (json_is_integer(begins)) {
        a->busy = json_integer_value(begins);
        a->began[a->busy != BASELINE] = true;
    } else if (result && tune_wire_read_result(result, a->out)) {
        a->done = true;
    } else if (failure) {
        int code = (int)json_integer_value(json_object_get(failure, "status"));
        const char *why = json_string_value(json_object_get(failure, "text"));
        a->out->culprit = tune_wire_read_culprit(failure);
        status = xl_fail(err, code < 0 ? code : XLSTM_EINTERNAL, "%s", why ? why : "failed");
    } else {
        status = xl_fail(err, XLSTM_EFORMAT, "fresh process: an answer that is none");
    }
    json_decref(j);
    return status;
}

/* Reads lines up to the result, and checks five times a second whether the run was cancelled. */
static int listen(const tune_target *target, const child *c, answer *a, xlstm_error *err) {
    char *buffer = NULL;
    size_t used = 0, room = 0;
    int status = XLSTM_OK;
    while (!status && !a->done) {
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        int ready = poll(&p, 1, 200);
        if (target->cancel && target->cancel(target->user)) status = xl_fail(err, XLSTM_ECANCELLED, "stopped");
        if (status || ready == 0 || (ready < 0 && errno == EINTR)) continue;
        if (used + 65536 > room) {
            room = 2 * room + 65536;
            char *grown = room <= LINE_MOST ? realloc(buffer, room) : NULL;
            if (!grown) {
                status = xl_fail(err, XLSTM_ENOMEM, "fresh process: out of memory");
                break;
            }
            buffer = grown;
        }
        ssize_t n = read(c->out, buffer + used, room - used - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            status = ended_early(target, a, err);
            break;
        }
        used += (size_t)n;
        for (char *newline; !status && !a->done && (newline = memchr(buffer, '\n', used));) {
            *newline = 0;
            status = read_line(a, buffer, err);
            size_t taken = (size_t)(newline - buffer) + 1;
            memmove(buffer, buffer + taken, used - taken);
            used -= taken;
        }
    }
    free(buffer);
    return status;
}

static int run_program(const tune_target *target, const tune_named_list *baseline, int64_t winner,
                       const tune_block_plan *plan, tune_sample_fn on_sample, void *ctx, tune_block_result *out,
                       xlstm_error *err) {
    child c = {.pid = -1, .in = -1, .out = -1};
    answer a = {.on_sample = on_sample, .ctx = ctx, .winner = winner, .out = out};
    char *line = compose(target, baseline, winner, plan);
    if (!line) return xl_fail(err, XLSTM_ENOMEM, "fresh process: out of memory");
    int status = start(target, &c, err);
    *out = (tune_block_result){0};
    if (status) {
        out->culprit = TUNE_CULPRIT_NEITHER;
        free(line);
        return status;
    }
    /* Writing to a process that died early must not end the parent. */
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before);
    status = send_all(c.in, line, err);
    if (!status) status = listen(target, &c, &a, err);
    sigaction(SIGPIPE, &before, NULL);
    free(line);
    close(c.in);
    close(c.out);
    if (status) kill(c.pid, SIGKILL);
    while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool tune_fresh_possible(const tune_target *target) {
    return target->spawn || (target->class && target->program);
}

int tune_fresh_run(const tune_target *target, const tune_named_list *baseline, int64_t winner,
                   const tune_block_plan *plan, tune_sample_fn on_sample, void *ctx, tune_block_result *out,
                   xlstm_error *err) {
    tune_named_list own = {0};
    if (target->spawn) return target->spawn(target->self, baseline, winner, plan, on_sample, ctx, out, err);
    if (!baseline && !tune_target_settings(target, TUNE_BASELINE, &own))
        return xl_fail(err, XLSTM_ENOMEM, "fresh process: out of memory");
    int status = run_program(target, baseline ? baseline : &own, winner, plan, on_sample, ctx, out, err);
    tune_named_clear(&own);
    return status;
}

/* ---- the fresh process ---- */

static void say(const char *key, json_t *value) {
    json_t *j = json_pack("{s:o}", key, value);
    char *line = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    if (line) printf("%s\n", line);
    fflush(stdout);
    free(line);
    json_decref(j);
}

/* The most threads that either side uses; INT_MAX: as many as there are processors. */
static int threads_of(const tune_target *target) {
    if (!target->threads) return INT_MAX;
    const int baseline = target->threads(target->self, BASELINE), winner = target->threads(target->self, WINNER);
    return baseline > winner ? baseline : winner;
}

static void on_sample(void *ctx, const tune_sample *sample) {
    say("sample", tune_wire_sample(sample));
}

typedef struct teller {
    tune_meter meter;
    bool told;
    int64_t last; /* the side that it told last */
} teller;

/* Says which side begins, because a process that is killed can say nothing any more. */
static int tell_and_measure(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                            xlstm_error *err) {
    teller *t = ctx;
    if (!t->told || t->last != candidate) say("begins", json_integer((json_int_t)candidate));
    t->told = true;
    t->last = candidate;
    return tune_meter_measure(&t->meter, candidate, repeats, limit, out, err);
}

static int answer_request(const json_t *j, tune_culprit *culprit, xlstm_error *err) {
    tune_block_plan plan;
    tune_block_result result = {0};
    tune_target target;
    tune_sampler *sampler = NULL;
    const char *name = json_string_value(json_object_get(j, "target"));
    const tune_target_options options = {.config = json_object_get(j, "config"),
                                         .settings = json_object_get(j, "settings")};
    if (!name || !json_is_object(options.config) || !tune_wire_read_plan(json_object_get(j, "plan"), &plan))
        return xl_fail(err, XLSTM_EFORMAT, "request: target, config and plan are wanted");
    int status = tune_target_open(&target, name, &options, err);
    *culprit = TUNE_CULPRIT_NEITHER;
    if (status) return status;
    teller told = {.meter = {.target = &target}};
    tune_sampler_options sampling;
    tune_sampler_options_init(&sampling);
    sampling.measure = tell_and_measure;
    sampling.ctx = &told;
    sampling.on_sample = on_sample;
    tune_target_watch(&target, &sampling.limits);
    status = tune_sampler_create(&sampler, &sampling, err);
    plan.gauge_threads = threads_of(&target);
    if (!status) status = tune_blocks_run(sampler, BASELINE, WINNER, &plan, &result, err);
    if (!status) say("result", tune_wire_result(&result));
    *culprit = result.culprit;
    tune_sampler_destroy(sampler);
    tune_target_close(&target);
    return status;
}

int tune_fresh_main(void) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    xlstm_error err = {0};
    char *line = NULL;
    size_t room = 0;
    json_error_t bad;
    json_t *j = NULL;
    tune_culprit culprit = TUNE_CULPRIT_NEITHER;
    int status;
    if (getline(&line, &room, stdin) <= 0)
        status = xl_fail(&err, XLSTM_EFORMAT, "request: nothing on standard input");
    else if (!(j = json_loads(line, 0, &bad))) status = xl_fail(&err, XLSTM_EFORMAT, "request: %s", bad.text);
    else status = answer_request(j, &culprit, &err);
    if (status) say("error", tune_wire_failure(status, err.text, culprit));
    json_decref(j);
    free(line);
    return status ? 1 : 0;
}
