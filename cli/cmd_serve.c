/* xltune serve: answers requests of OpenAI's and llama-server's forms over HTTP. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/hub_cache.h"
#include "cli/live_facts.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "server/http_server.h"

static const cli_spec spec = {
    .command = CLI(serve),
    .instead = "a checkpoint is given with --model",
    .summary = "Answers requests over HTTP in the forms of OpenAI's API and of llama-server:\n"
               "/v1/completions, /v1/chat/completions, /v1/models, /completion, /tokenize,\n"
               "/detokenize, /health and /metrics.",
    .details = "To try it, from another terminal:\n"
               "  curl http://127.0.0.1:8080/completion -d '{\"prompt\": \"Hi\", \"n_predict\": 16}'\n"
               "\n"
               "After Ctrl-C (SIGINT), SIGTERM or SIGHUP no connection is taken any more, and\n"
               "running answers get --drain-limit to end; a second signal ends the program at\n"
               "once. The exit code is then 130, 143 or 129.\n"
               "\n"
               "A snapshot is for a request of known length, so none is used here;\n"
               "--profile best/ray_latest.json takes the settings of one.\n"
               "\n"
               "On a GPU with matrix units --compute is auto unless it is given: float32 would\n"
               "be several times slower there.\n",
};

typedef struct service {
    cli_config *cfg;
    xlstm_tokenizer *tokenizer;
    xlstm_model *model;
    serve_chat *chat;
    serve_access *access;
    serve_scheduler *scheduler;
    serve_http *http;
    serve_metrics metrics;
    xl_live *live; /* what `xltune top` shows */
    char *name;    /* of the model, as clients see it */
} service;

static uint64_t mib(const service *s, const char *key) {
    return (uint64_t)(cli_num(s->cfg, key) * 1048576);
}

/* Bytes of one sequence: its state, what it draws from, and a row of logits. */
static uint64_t sequence_bytes(const service *s) {
    xlstm_model_info info;
    xlstm_model_get_info(s->model, &info);
    const uint64_t vocab = (uint64_t)xlstm_model_hparams(s->model)->vocab_size;
    return info.state_bytes + vocab * (32 + sizeof(float)) + 65536;
}

static int64_t max_sequences(const service *s, uint64_t cache_bytes) {
    enum { MOST = 1024 };
    const int64_t asked = cli_int(s->cfg, "max_streams");
    if (asked) return asked;
    const uint64_t available = xlstm_model_memory_available(s->model);
    const uint64_t free = available > cache_bytes ? available - cache_bytes : 0;
    const uint64_t fit = free / 2 / sequence_bytes(s);
    return fit < 1 ? 1 : fit > MOST ? MOST : (int64_t)fit;
}

/* Weights that were copied are memory that the program did not take before, so it is said. */
static void tell_huge_pages(service *s) {
    xlstm_model_info info;
    xlstm_model_get_info(s->model, &info);
    serve_gauge(&s->metrics.huge_page_bytes, info.huge_page_bytes);
    if (info.huge_page_bytes)
        cli_notice("%.0f MB of weights are in huge pages (--huge-pages off leaves what it can in the mapped file)",
                   (double)info.huge_page_bytes * 1e-6);
}

static int open_model(service *s, xlstm_error *err) {
    const char *path = cli_model_path(s->cfg, err);
    if (!path) return XLSTM_ENOTFOUND;
    s->name = cli_hub_model_name(path);
    if (!s->name) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    int status = xlstm_tokenizer_open(&s->tokenizer, path, err);
    if (!status) status = serve_chat_open(&s->chat, path, err);
    if (!status && serve_chat_problem(s->chat))
        cli_notice("/v1/chat/completions is refused: %s", serve_chat_problem(s->chat));
    if (!status) status = cli_open_model(s->cfg, &s->model, cli_signals_cancel, NULL, err);
    if (!status) tell_huge_pages(s);
    return status;
}

static bool on_gpu(const service *s) {
    xlstm_model_info info;
    xlstm_model_get_info(s->model, &info);
    return strcmp(info.device, "cpu") != 0;
}

/* In float32 an answer is the same alone and beside others. A GPU with matrix units has many times the speed
 * without it, which is why one is bought, so there it is to be asked for. */
static void choose_compute(const service *s, xlstm_settings *settings) {
    xlstm_model_info info;
    xlstm_model_get_info(s->model, &info);
    if (!on_gpu(s) || cli_layer_of(s->cfg, "compute") != CLI_LAYER_DEFAULT) return;
    xlstm_settings_set(settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_AUTO);
    if (info.auto_compute == XLSTM_COMPUTE_BF16)
        cli_notice(
            "products are made in bfloat16 (--compute f32 is slower, and gives the same answer beside others)");
}

static void note(const char *text) {
    cli_notice("%s", text);
}

static int start_engine(service *s, xlstm_error *err) {
    serve_scheduler_options o = {.model = s->model,
                                 .tokenizer = s->tokenizer,
                                 .batch_size = cli_int(s->cfg, "max_batch"),
                                 .slice = cli_int(s->cfg, "slice"),
                                 .max_itl_s = cli_num(s->cfg, "max_itl_ms") * 1e-3,
                                 .max_queue = cli_int(s->cfg, "max_queue"),
                                 .cache_bytes = mib(s, "cache_mb"),
                                 .cache_folder = cli_str(s->cfg, "cache_dir"),
                                 .cache_folder_bytes = mib(s, "cache_dir_mb"),
                                 .metrics = &s->metrics,
                                 .note = note,
                                 .warm_up = on_gpu(s),
                                 .cancel = cli_signals_cancel};
    o.max_sequences = max_sequences(s, o.cache_bytes);
    int status = cli_settings(s->cfg, xlstm_model_hparams(s->model), &o.settings, err);
    if (!status) choose_compute(s, &o.settings);
    if (!status) s->live = cli_live_open(s->cfg, s->model, &o.settings);
    return status ? status : serve_scheduler_create(&s->scheduler, &o, err);
}

/* As many files as the system allows: each connection is one. */
static void raise_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* What can be refused without the model is, before it is loaded, which may take minutes. */
static int open_door(service *s, xlstm_error *err) {
    const serve_http_options o = {.access = s->access,
                                  .host = cli_str(s->cfg, "host"),
                                  .port = (int)cli_int(s->cfg, "port"),
                                  .max_connections = cli_int(s->cfg, "max_connections"),
                                  .body_bytes = (size_t)mib(s, "max_body_mb"),
                                  .idle_s = cli_num(s->cfg, "idle_limit")};
    const char *sessions = cli_str(s->cfg, "sessions");
    raise_files();
    int status = serve_http_open(&s->http, &o, err);
    if (!status && sessions) status = serve_conversations_open(sessions, err);
    return status;
}

static int start_answers(service *s, xlstm_error *err) {
    const serve_desk desk = {.scheduler = s->scheduler,
                             .tokenizer = s->tokenizer,
                             .chat = s->chat,
                             .metrics = &s->metrics,
                             .model_name = s->name,
                             .max_tokens = cli_int(s->cfg, "max_tokens"),
                             .request_s = cli_num(s->cfg, "request_limit"),
                             .sessions = cli_str(s->cfg, "sessions")};
    return serve_http_start(s->http, &desk, err);
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

/* Memory that malloc keeps. */
typedef struct spare {
    uint64_t requests; /* that had come when it was given back */
    double idle_since; /* 0: requests run */
} spare;

/* malloc keeps the pages of what was freed, mostly states of streams, where something in use lies behind them. Once
 * nothing has run for a while, they go back to the system. */
static void give_back(const service *s, spare *kept) {
#ifdef __GLIBC__
    const double idle_s = 2, now = xl_now_s();
    const uint64_t requests = serve_read(&s->metrics.requests);
    if (serve_scheduler_busy(s->scheduler) || serve_http_busy(s->http)) {
        kept->idle_since = 0;
    } else if (kept->idle_since <= 0) {
        kept->idle_since = now;
    } else if (now - kept->idle_since > idle_s && requests != kept->requests) {
        malloc_trim(0);
        *kept = (spare){.requests = requests};
    }
#else
    (void)s;
    (void)kept;
#endif
}

static void run_until_stopped(service *s) {
    spare kept = {0};
    cli_notice("serving %s at %s", s->name, serve_http_address(s->http));
    while (!cli_signals_stop()) {
        serve_http_look(s->http);
        cli_live_tell(s->live, &s->metrics);
        give_back(s, &kept);
        nap();
    }
    cli_notice("%s: running answers get %g s to end", cli_signals_name(), cli_num(s->cfg, "drain_limit"));
    serve_scheduler_close(s->scheduler);
    serve_http_close_door(s->http);
    const double end = xl_now_s() + cli_num(s->cfg, "drain_limit");
    while (xl_now_s() < end && (serve_scheduler_busy(s->scheduler) || serve_http_busy(s->http))) {
        serve_http_look(s->http);
        nap();
    }
}

/* Starts the server's threads, which are to leave signals to this one. */
static int start_threads(service *s, xlstm_error *err) {
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGCONT);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    int status = start_engine(s, err);
    if (!status) status = start_answers(s, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static int serve(service *s, xlstm_error *err) {
    if (!serve_http_is_there()) return serve_http_open(&s->http, NULL, err);
    int status = serve_access_create(&s->access, cli_str(s->cfg, "api_key_file"), getenv("XLTUNE_API_KEY"), err);
    if (!status) status = open_door(s, err);
    if (!status) status = open_model(s, err);
    if (!status) status = start_threads(s, err);
    if (!status) run_until_stopped(s);
    return status;
}

static int run(int argc, char **argv) {
    service s = {0};
    int code = cli_config_parse(&s.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    cli_signals_install();
    xlstm_error err = {0};
    const int status = serve(&s, &err);
    const bool stopped = cli_signals_code() && (!status || status == XLSTM_ECANCELLED);
    code = stopped ? cli_signals_code() : status ? cli_fail(s.cfg, &err) : 0;
    serve_http_stop(s.http); /* before the scheduler, which its threads ask */
    serve_scheduler_destroy(s.scheduler);
    serve_access_destroy(s.access);
    xl_live_close(s.live);
    free(s.name);
    serve_chat_close(s.chat);
    xlstm_model_close(s.model);
    xlstm_tokenizer_close(s.tokenizer);
    cli_config_free(s.cfg);
    return code;
}

const cli_command cli_cmd_serve = {"answer requests over HTTP", run};
