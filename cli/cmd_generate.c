/* xltune generate: generates text from a checkpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/system.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/live_facts.h"
#include "cli/many.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/watchdog.h"

static const cli_spec spec = {
    .command = CLI(generate),
    .instead = "a prompt is given with --prompt",
    .summary = "Continues a prompt. The text goes to standard output, everything else to\n"
               "standard error.",
    .details = "With --json, a continuation is one line: {\"index\": 0, \"text\": ..., \"finish\":\n"
               "\"stop\" or \"length\", \"prompt_tokens\": N, \"tokens\": N}; with \"stop\" where a stop\n"
               "text was found, \"choice\" with --n, and \"logprobs\" with --logprobs. With\n"
               "--jsonl, each line of standard input is {\"prompt\": ...}, or {\"messages\":\n"
               "[{\"role\": ..., \"content\": ...}, ...]} for a checkpoint with a chat template.\n"
               "It may hold an \"id\", and any of --max-new-tokens, --n, --logprobs and the\n"
               "options of sampling under their names. The prompts are continued together, and\n"
               "the lines of output are in the order of the input. A snapshot is for a prompt\n"
               "of known length, so none is used then.\n"
               "\n"
               "SIGINT, SIGTERM and SIGHUP end the program after the current token, with exit\n"
               "code 130, 143 or 129. SIGUSR1 releases caches. Exit code 3 means that the hard\n"
               "memory limit was reached.\n",
};

/* Tokens that the device has chosen and that were not given out yet. */
enum { AHEAD_MAX = 128 };
typedef struct ahead {
    bool on; /* the device may choose: nothing but the likeliest tokens is wanted */
    int32_t ids[AHEAD_MAX];
    size_t count, used;
    double each_s; /* of a token, as last seen; 0: not yet */
} ahead;

typedef struct generation {
    cli_config *cfg;
    cli_watchdog *watchdog;
    xlstm_tokenizer *tokenizer;
    xlstm_model *model;
    xlstm_session *session;
    xlstm_sampler *sampler;
    xlstm_decoder *decoder;
    ahead ahead;
    float *logits;
    int32_t *ids; /* tokens to feed first */
    size_t count;
    serve_stops stops;
    xl_bytes held;  /* text that may be the beginning of a stop text */
    bool stopped;   /* at a stop text */
    bool line_open; /* what was printed last does not end its line */
    cli_many many;  /* with --json, --jsonl, --n or --logprobs */
    xl_live *live;
    uint64_t limit; /* of memory, in bytes; 0: none */
    xl_log *stats;
    int64_t made;
    double start_s, load_s, prefill_s, decode_s;
    bool prefilling;
    bool cancelled; /* during prefill: the state then belongs to no whole number of tokens */
} generation;

static int cancel(void *user) {
    const generation *g = user;
    if (g->prefilling) cli_progress("reading the prompt", 0, 0);
    xl_live_tick(g->live);
    return cli_signals_cancel(NULL) || cli_watchdog_hard(g->watchdog, NULL, NULL);
}

static bool must_stop(const generation *g) {
    return cancel((void *)(uintptr_t)g) != 0;
}

/* Called between tokens: releases caches where SIGUSR1 or the soft memory limit asked for it. */
static void release_if_asked(generation *g) {
    bool asked = cli_signals_take_release();
    bool soft = cli_watchdog_take_release(g->watchdog);
    if (!asked && !soft) return;
    uint64_t before = xl_memory_resident();
    xlstm_session_trim(g->session);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    if (asked) {
        cli_notice("SIGUSR1: caches released, %.1f MiB resident before, %.1f after", (double)before / 1048576,
                   (double)xl_memory_resident() / 1048576);
    }
}

/* Opens what is cheap to open first, so that a wrong path is reported before a large model is loaded. */
static int prepare(generation *g, xlstm_error *err) {
    cli_config *cfg = g->cfg;
    const char *path = cli_model_path(cfg, err);
    if (!path) return XLSTM_ENOTFOUND;
    int status = xlstm_tokenizer_open(&g->tokenizer, path, err);
    if (status) return status;
    if (cli_has(cfg, "stop")) status = cli_stops(cli_object(cfg, "stop"), &g->stops, err);
    if (status || cli_bool(cfg, "jsonl")) return status;
    bool resumed = cli_has(cfg, "load_state");
    /* The default prompt is used only where nothing else is given to start from. */
    bool prompt = !resumed || cli_has(cfg, "prompt_file") || cli_layer_of(cfg, "prompt") > CLI_LAYER_DEFAULT ||
                  cli_prompt_piped(cfg);
    if (prompt) {
        char *text = NULL;
        size_t bytes = 0;
        status = cli_prompt_text(cfg, &text, &bytes, err);
        if (!status)
            status = cli_encode_prompt(cfg, g->tokenizer, NULL, text, bytes, !resumed, &g->ids, &g->count, err);
        free(text);
        if (status) return status;
    }
    if (!g->count && !resumed) {
        return xl_fail(err, XLSTM_EARG, "prompt: found no text, wanted some: this tokenizer has no BOS token");
    }
    const char *stats = cli_str(cfg, "stats_log");
    if (!stats) return XLSTM_OK;
    status = xl_log_open(&g->stats, stats, err);
    if (!status) xl_log_line(g->stats, "step,dt_ms,cum_ms,inst_tok_s,avg_tok_s");
    return status;
}

static int load(generation *g, xlstm_error *err) {
    cli_config *cfg = g->cfg;
    int status = cli_open_model(cfg, &g->model, cancel, g, err);
    if (status) return status;
    xlstm_settings settings;
    status = cli_settings(cfg, xlstm_model_hparams(g->model), &settings, err);
    if (!status) status = xlstm_session_create(&g->session, g->model, &settings, err);
    if (status) return status;
    int64_t vocabulary = xlstm_model_hparams(g->model)->vocab_size;
    g->live = cli_live_open(cfg, g->model, &settings);
    xl_live_number(g->live, "batch", 1);
    if (g->limit) xl_live_number(g->live, "limit_bytes", (double)g->limit);
    xlstm_sampling sampling;
    cli_sampling(cfg, &sampling);
    /* A state that is saved stands at the last token, and each step of a log is timed. */
    g->ahead.on = sampling.temperature == 0 && sampling.repetition_penalty == 1 && !cli_has(cfg, "save_state") &&
                  !cli_has(cfg, "stats_log") && xlstm_greedy_ahead(g->session) > 1;
    status = xlstm_sampler_create(&g->sampler, &sampling, vocabulary, err);
    if (!status) status = xlstm_decoder_create(&g->decoder, g->tokenizer, false, err);
    if (status) return status;
    g->logits = xl_aligned_alloc((size_t)vocabulary, sizeof *g->logits);
    if (!g->logits) return xl_fail(err, XLSTM_ENOMEM, "logits: out of memory");
    return XLSTM_OK;
}

/* A sampler that was loaded with a state continues where it was saved; a seed given by the user that differs from
 * its own restarts it. */
static void use_seed(generation *g) {
    uint64_t seed = (uint64_t)cli_int(g->cfg, "seed");
    if (cli_layer_of(g->cfg, "seed") > CLI_LAYER_DEFAULT && seed != xlstm_sampler_seed(g->sampler))
        xlstm_sampler_reseed(g->sampler, seed);
}

/* Feeds the prompt or the saved state. A state file holds the state after every token but the last, which is
 * pending: feeding it gives the logits from which to continue. */
static int feed(generation *g, xlstm_error *err) {
    const char *from = cli_str(g->cfg, "load_state");
    size_t known = 0; /* number of ids that came with the state, so that the sampler knows them already */
    if (from) {
        int status = xlstm_state_load_with(g->session, g->sampler, from, err);
        if (status) return status;
        use_seed(g);
        int32_t pending = xlstm_session_pending(g->session);
        if (pending >= 0) {
            int32_t *longer = realloc(g->ids, (g->count + 1) * sizeof *longer);
            if (!longer) return xl_fail(err, XLSTM_ENOMEM, "prompt: out of memory");
            memmove(longer + 1, longer, g->count * sizeof *longer);
            longer[0] = pending;
            g->ids = longer;
            g->count++;
            known = 1;
        }
        if (!g->count) return xl_fail(err, XLSTM_EARG, "%s: holds no pending token; give a prompt", from);
    }
    for (size_t i = known; i < g->count; i++) xlstm_sampler_accept(g->sampler, g->ids[i]);
    xlstm_session_set_cancel(g->session, cancel, g);
    double start = xl_now_s();
    g->prefilling = true;
    int status = xlstm_prefill(g->session, g->ids, g->count - 1, XLSTM_LOGITS_NONE, NULL, err);
    g->prefilling = false;
    cli_progress_end();
    g->cancelled = status == XLSTM_ECANCELLED;
    /* From here on no step is cancelled half-way: a token that was begun is finished. */
    xlstm_session_set_cancel(g->session, NULL, NULL);
    g->prefill_s = xl_now_s() - start;
    return status ? status : xlstm_session_set_pending(g->session, g->ids[g->count - 1], err);
}

/* Writes text to standard output. Returns false where that failed; cli_streams_finish reports it at the end. */
static bool put(const char *text, size_t bytes) {
    return !bytes || (fwrite(text, 1, bytes, stdout) == bytes && cli_flush());
}

/* Writes text, but not what is, or may be, the beginning of a stop text. `last`: nothing follows. */
static int put_held(generation *g, const char *text, size_t bytes, bool last, xlstm_error *err) {
    int found;
    if (!xl_bytes_append(&g->held, text, bytes)) return xl_fail(err, XLSTM_ENOMEM, "out of memory for the text");
    const size_t ready = serve_stops_scan(&g->stops, &g->held, last, &found);
    g->stopped = found >= 0;
    if (!put(g->held.data, ready)) g->stopped = true;
    if (ready) g->line_open = g->held.data[ready - 1] != '\n';
    if (ready) memmove(g->held.data, g->held.data + ready, g->held.size - ready);
    g->held.size = g->stopped ? 0 : g->held.size - ready;
    return XLSTM_OK;
}

static void log_step(generation *g, int64_t step, double dt_s) {
    if (!g->stats || step < 1 || step % cli_int(g->cfg, "stats_every")) return;
    xl_log_line(g->stats, "%lld,%.3f,%.3f,%.3f,%.3f", (long long)step, dt_s * 1e3, g->decode_s * 1e3,
                dt_s > 0 ? 1 / dt_s : 0.0, g->decode_s > 0 ? (double)step / g->decode_s : 0.0);
}

/* How many tokens to ask the device for: what it makes in a moment that nobody notices, of `left` at most. */
static size_t tokens_ahead(const generation *g, int64_t left) {
    const double moment_s = 0.1;
    size_t n = xlstm_greedy_ahead(g->session);
    if (!(g->ahead.each_s > 0)) return 1;
    if ((double)n * g->ahead.each_s > moment_s) n = (size_t)(moment_s / g->ahead.each_s);
    if (n > AHEAD_MAX) n = AHEAD_MAX;
    if ((int64_t)n > left) n = (size_t)left;
    return n ? n : 1;
}

/* The next token of the text, of which `left` are wanted; *seconds: what it took. */
static int next_token(generation *g, int64_t left, int32_t *id, double *seconds, xlstm_error *err) {
    ahead *a = &g->ahead;
    const double start = xl_now_s();
    int status = XLSTM_OK;
    if (a->on && a->used < a->count) {
        *id = a->ids[a->used++];
    } else if (a->on) {
        a->count = tokens_ahead(g, left);
        a->used = 1;
        status = xlstm_decode_greedy(g->session, xlstm_session_pending(g->session), a->ids, a->count, err);
        *id = a->ids[0];
        a->each_s = (xl_now_s() - start) / (double)a->count;
    } else {
        status = xlstm_decode(g->session, xlstm_session_pending(g->session), g->logits, err);
        if (!status) *id = xlstm_sampler_draw(g->sampler, g->logits);
    }
    *seconds = xl_now_s() - start;
    return status;
}

static int decode(generation *g, xlstm_error *err) {
    int64_t most = cli_int(g->cfg, "max_new_tokens");
    const char *text;
    size_t bytes;
    int status = XLSTM_OK;
    for (int64_t step = 0; step < most && !status; step++) {
        cli_watchdog_look(g->watchdog);
        if (must_stop(g)) break;
        release_if_asked(g);
        int32_t id;
        double dt;
        status = next_token(g, most - step, &id, &dt, err);
        if (status) break;
        /* The logits for the first token are the prompt's last, so its time belongs to the prompt. */
        if (step) {
            g->decode_s += dt;
        } else {
            g->prefill_s += dt;
        }
        status = xlstm_session_set_pending(g->session, id, err);
        if (status) break;
        xlstm_sampler_accept(g->sampler, id);
        log_step(g, step, dt);
        if (xlstm_tokenizer_ends_text(g->tokenizer, id)) break;
        g->made++;
        xl_live_tokens(g->live, (uint64_t)g->made, g->count);
        status = xlstm_decoder_push(g->decoder, id, &text, &bytes, err);
        if (!status) status = put_held(g, text, bytes, false, err);
        if (g->stopped) break;
    }
    if (status || g->stopped) return status;
    status = xlstm_decoder_finish(g->decoder, &text, &bytes, err);
    return status ? status : put_held(g, text, bytes, true, err);
}

/* Whether both streams go to the same pipe or file, so that what one ends with meets what the other begins with. */
static bool streams_are_one(void) {
    struct stat out, err;
    return !fstat(STDOUT_FILENO, &out) && !fstat(STDERR_FILENO, &err) && out.st_dev == err.st_dev &&
           out.st_ino == err.st_ino;
}

/* Ends the line of the text where a person would see what comes next in the same line. Returns false where the text
 * could not be written. */
static bool end_line(const generation *g) {
    bool terminal = isatty(STDOUT_FILENO);
    if (terminal) putchar('\n');
    if (!cli_flush()) return false;
    if (!terminal && g->line_open && streams_are_one()) fputc('\n', stderr);
    return true;
}

static void report(const generation *g) {
    double total = xl_now_s() - g->start_s;
    int64_t steps = g->made > 1 ? g->made - 1 : 0;
    fprintf(stderr, "Timing: total=%.3fs load=%.3fs prefill=%.3fs decode=%.3fs\n", total, g->load_s, g->prefill_s,
            g->decode_s);
    fprintf(stderr, "Throughput: prefill=%.1f tok/s (%zu tokens) decode=%.1f tok/s (%lld tokens)\n",
            g->prefill_s > 0 ? (double)g->count / g->prefill_s : 0.0, g->count,
            g->decode_s > 0 ? (double)steps / g->decode_s : 0.0, (long long)g->made);
}

/* Whether the output is lines of JSON. */
static bool in_json(const cli_config *cfg) {
    return cli_bool(cfg, "json") || cli_bool(cfg, "jsonl") || cli_int(cfg, "n") > 1 || cli_has(cfg, "logprobs");
}

static const char *wrong_together(const cli_config *cfg) {
    static const char *const alone[] = {"load_state", "save_state", "stats_log"};
    static char text[128];
    for (size_t i = 0; i < sizeof alone / sizeof *alone && in_json(cfg); i++) {
        if (!cli_has(cfg, alone[i])) continue;
        snprintf(text, sizeof text, "--%s: not with --json, --jsonl, --n or --logprobs", alone[i]);
        text[strcspn(text, "_")] = '-';
        return text;
    }
    if (cli_bool(cfg, "jsonl") && (cli_layer_of(cfg, "prompt") > CLI_LAYER_DEFAULT || cli_has(cfg, "prompt_file")))
        return "--jsonl reads the prompts from standard input, so no other can be given";
    return NULL;
}

/* With lines of JSON: many continuations in one engine. */
static int generate_many(generation *g, xlstm_error *err) {
    xlstm_settings settings;
    xlstm_error no_chat = {0};
    xlstm_chat_template *chat = NULL;
    const bool jsonl = cli_bool(g->cfg, "jsonl");
    const double start = xl_now_s();
    int status = cli_open_model(g->cfg, &g->model, cancel, g, err);
    if (!status) status = cli_settings(g->cfg, xlstm_model_hparams(g->model), &settings, err);
    if (status) return status;
    g->load_s = xl_now_s() - start;
    /* What is wrong with the template is said where a line needs it. */
    if (jsonl && cli_open_chat_template(g->cfg, &chat, &no_chat)) chat = NULL;
    cli_many *m = &g->many;
    *m = (cli_many){.context = {.cfg = g->cfg, .tokenizer = g->tokenizer, .chat = chat, .no_chat = no_chat.text},
                    .model = g->model,
                    .settings = &settings,
                    .watchdog = g->watchdog};
    int32_t *ids = g->ids;
    g->ids = NULL;
    status = cli_many_run(m, jsonl, ids, g->count, err);
    xlstm_chat_template_close(chat);
    if (status) return status;
    fprintf(stderr, "Timing: total=%.3fs load=%.3fs\n", xl_now_s() - g->start_s, g->load_s);
    fprintf(stderr, "Throughput: %.1f tok/s (%llu tokens of %llu prompts of %llu tokens, together)\n",
            m->seconds > 0 ? (double)m->tokens / m->seconds : 0.0, (unsigned long long)m->tokens,
            (unsigned long long)m->prompts, (unsigned long long)m->prompt_tokens);
    return XLSTM_OK;
}

static int generate(generation *g, xlstm_error *err) {
    g->start_s = xl_now_s();
    int status = prepare(g, err);
    if (status) return status;
    if (in_json(g->cfg)) return generate_many(g, err);
    /* A long generation is not lost because its state cannot be written at the end. */
    const char *to = cli_str(g->cfg, "save_state");
    status = to ? xl_output_look(to, err) : XLSTM_OK;
    if (status) return status;
    double start = xl_now_s();
    status = load(g, err);
    if (status) return status;
    g->load_s = xl_now_s() - start;
    cli_watchdog_look(g->watchdog);
    if (must_stop(g)) return xl_fail(err, XLSTM_ECANCELLED, "stopped before the prompt was read");
    status = feed(g, err);
    if (status) return status;
    status = decode(g, err);
    bool written = false;
    if (!status || g->line_open) written = end_line(g);
    if (!status && to) status = xlstm_state_save_with(g->session, g->sampler, to, err);
    if (!status && written) report(g);
    return status;
}

/* Turns the end of the run into an exit code and prints the reason. Memory limits and signals come before other
 * failures, which may be their consequences. */
static int exit_code(const generation *g, int status, const xlstm_error *err) {
    uint64_t rss, limit;
    const char *lost =
        g->cancelled && cli_has(g->cfg, "save_state") ? "; within the prompt, no state was saved" : "";
    if (status && status != XLSTM_ECANCELLED) return cli_fail(g->cfg, err);
    if (cli_watchdog_hard(g->watchdog, &rss, &limit)) {
        cli_say("generate", "stopped: %.0f MiB resident, over the hard limit of %.0f MiB%s", (double)rss / 1048576,
                (double)limit / 1048576, lost);
        return 3;
    }
    int code = cli_signals_code();
    if (code) {
        cli_say("generate", "stopped by %s%s", cli_signals_name(), lost);
        return code;
    }
    return status ? cli_fail(g->cfg, err) : 0;
}

static int run(int argc, char **argv) {
    generation g = {0};
    int code = cli_config_parse(&g.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    const char *wrong = wrong_together(g.cfg);
    if (wrong) {
        code = cli_usage(g.cfg, "%s", wrong);
        cli_config_free(g.cfg);
        return code;
    }
    cli_signals_install();
    xlstm_error err = {0};
    cli_watchdog_options watch;
    cli_watchdog_options_read(g.cfg, &watch);
    g.limit = watch.hard;
    int status = cli_watchdog_start(&g.watchdog, &watch, &err);
    if (status) {
        code = cli_fail(g.cfg, &err);
    } else {
        status = generate(&g, &err);
        code = exit_code(&g, status, &err);
    }
    /* A failure to write a log is reported only where nothing worse happened. */
    status = cli_watchdog_stop(g.watchdog, &err);
    if (!status) status = xl_log_close(g.stats, &err);
    else xl_log_close(g.stats, NULL);
    if (status && !code) code = cli_fail(g.cfg, &err);
    xl_live_close(g.live);
    xl_aligned_free(g.logits);
    serve_stops_clear(&g.stops);
    free(g.held.data);
    xlstm_decoder_destroy(g.decoder);
    xlstm_sampler_destroy(g.sampler);
    xlstm_session_destroy(g.session);
    xlstm_model_close(g.model);
    xlstm_tokenizer_close(g.tokenizer);
    free(g.ids);
    cli_config_free(g.cfg);
    return code;
}

const cli_command cli_cmd_generate = {"continue a prompt", run};
