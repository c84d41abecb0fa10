/* xltune generate: generates text from a checkpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/watchdog.h"

static const cli_spec spec = {
    .command = CLI(generate),
    .summary = "Continues a prompt. The text goes to standard output, everything else to\n"
               "standard error.",
    .details = "SIGINT, SIGTERM and SIGHUP end the program after the current token, with exit\n"
               "code 130, 143 or 129. SIGUSR1 releases caches. Exit code 3 means that the hard\n"
               "memory limit was reached.\n",
};

typedef struct generation {
    cli_config *cfg;
    cli_watchdog *watchdog;
    xlstm_tokenizer *tokenizer;
    xlstm_model *model;
    xlstm_session *session;
    xlstm_sampler *sampler;
    xlstm_decoder *decoder;
    float *logits;
    int32_t *ids; /* tokens to feed first */
    size_t count;
    xl_log *stats;
    int64_t made;
    double start_s, load_s, prefill_s, decode_s;
    bool prefilling;
    bool cancelled; /* during prefill: the state then belongs to no whole number of tokens */
} generation;

static int cancel(void *user) {
    const generation *g = user;
    if (g->prefilling) cli_progress("reading the prompt", 0, 0);
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
    xlstm_sampling sampling = {.temperature = cli_num(cfg, "temperature"),
                               .top_k = cli_int(cfg, "top_k"),
                               .top_p = cli_num(cfg, "top_p"),
                               .min_p = cli_num(cfg, "min_p"),
                               .repetition_penalty = cli_num(cfg, "repetition_penalty"),
                               .repeat_last_n = cli_int(cfg, "repeat_last_n"),
                               .seed = (uint64_t)cli_int(cfg, "seed")};
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

static void log_step(generation *g, int64_t step, double dt_s) {
    if (!g->stats || step < 1 || step % cli_int(g->cfg, "stats_every")) return;
    xl_log_line(g->stats, "%lld,%.3f,%.3f,%.3f,%.3f", (long long)step, dt_s * 1e3, g->decode_s * 1e3,
                dt_s > 0 ? 1 / dt_s : 0.0, g->decode_s > 0 ? (double)step / g->decode_s : 0.0);
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
        double start = xl_now_s();
        status = xlstm_decode(g->session, xlstm_session_pending(g->session), g->logits, err);
        if (status) break;
        int32_t id = xlstm_sampler_draw(g->sampler, g->logits);
        double dt = xl_now_s() - start;
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
        status = xlstm_decoder_push(g->decoder, id, &text, &bytes, err);
        if (!status && !put(text, bytes)) break;
    }
    int ended = xlstm_decoder_finish(g->decoder, &text, &bytes, status ? NULL : err);
    if (!ended) put(text, bytes);
    return status ? status : ended;
}

static void report(const generation *g) {
    if (isatty(STDOUT_FILENO)) putchar('\n');
    if (!cli_flush()) return;
    double total = xl_now_s() - g->start_s;
    int64_t steps = g->made > 1 ? g->made - 1 : 0;
    fprintf(stderr, "Timing: total=%.3fs load=%.3fs prefill=%.3fs decode=%.3fs\n", total, g->load_s, g->prefill_s,
            g->decode_s);
    fprintf(stderr, "Throughput: prefill=%.1f tok/s (%zu tokens) decode=%.1f tok/s (%lld tokens)\n",
            g->prefill_s > 0 ? (double)g->count / g->prefill_s : 0.0, g->count,
            g->decode_s > 0 ? (double)steps / g->decode_s : 0.0, (long long)g->made);
}

static int generate(generation *g, xlstm_error *err) {
    g->start_s = xl_now_s();
    int status = prepare(g, err);
    if (status) return status;
    double start = xl_now_s();
    status = load(g, err);
    if (status) return status;
    g->load_s = xl_now_s() - start;
    cli_watchdog_look(g->watchdog);
    if (must_stop(g)) return xl_fail(err, XLSTM_ECANCELLED, "stopped before the prompt was read");
    status = feed(g, err);
    if (!status) status = decode(g, err);
    const char *to = cli_str(g->cfg, "save_state");
    if (!status && to) status = xlstm_state_save_with(g->session, g->sampler, to, err);
    if (!status) report(g);
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
    cli_signals_install();
    xlstm_error err = {0};
    cli_watchdog_options watch;
    cli_watchdog_options_read(g.cfg, &watch);
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
    xl_aligned_free(g.logits);
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
