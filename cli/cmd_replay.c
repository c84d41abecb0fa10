/* xltune replay: runs search strategies against a space that was measured exhaustively. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/streams.h"
#include "tuner/landscape/replay.h"

static const cli_spec spec = {
    .command = CLI(replay),
    .instead = "a measured space is given with --landscape",
    .summary = "Runs search strategies against a space that was measured exhaustively.",
    .details = "A replay runs until both --budget and the landscape's time budget are spent.\n"
               "The time budget is the time in which random search gets 95 % of the way from\n"
               "the median to the optimum. The output gives the mean share of the optimum (the\n"
               "optimum over the true time of the best point) after n evaluations, and P, the\n"
               "performance over the time budget: 0 is as good as random search, 1 is the\n"
               "optimum. P is not defined (null in JSON) where random search reaches the\n"
               "optimum within that time, as in a space of a handful of rows.\n\n"
               "--noise says what a strategy is told about a row: its recorded time (none), the\n"
               "mean of R of its recorded repeats (native:R), or the mean of R draws with a\n"
               "relative standard deviation S (gauss:S:R). With halves, the even repeats\n"
               "(counted from 0) give the true times and the optimum, and the strategy is told\n"
               "the mean of the odd repeats, or of R of them (halves:R). No sample then judges\n"
               "a choice that it took part in.\n\n"
               "With --pending N a strategy is asked for N points before it is told the first,\n"
               "as by N workers: it then knows less at each choice. From then on the value of\n"
               "the point that was asked for first is told, and one more point is asked for.\n",
};

/* Fills `out` with the numbers of evaluations after which results are reported (1, 2, 5, 10, 25, 50, … up to the
 * budget) and returns how many there are. */
static size_t report_counts(size_t budget, size_t *out) {
    static const size_t steps[] = {1, 2, 5, 10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400};
    size_t n = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && steps[i] < budget; i++) out[n++] = steps[i];
    out[n++] = budget;
    return n;
}

/* Prints a line and frees it; it is wrapped where a person reads it. */
static void put_line(char *line) {
    if (line && isatty(STDOUT_FILENO)) cli_print_wrapped(line, 0, 4);
    else printf("%s\n", line ? line : "out of memory");
    free(line);
}

static void print_text(const tune_landscape *l, const tune_replay_options *o, const tune_trace *traces,
                       const tune_replay_score *score) {
    size_t counts[16], n = report_counts((size_t)o->budget, counts);
    put_line(xl_format("%s on %s: %zu rows, %zu valid, optimum %.6g ms, median %.6g ms", o->strategy,
                       cli_plain(l->name), l->rows, l->valid, l->optimum, l->median));
    printf("  evaluations  share of the optimum, mean of %d runs\n", o->seeds);
    for (size_t i = 0; i < n; i++) {
        printf("  %11zu  %.4f\n", counts[i], tune_replay_share(l, traces, o->seeds, counts[i]));
    }
    char performance[40] = "";
    if (isfinite(score->performance)) snprintf(performance, sizeof performance, "P %.3f; ", score->performance);
    else put_line(strdup("  P not defined: random search is at the optimum within the time that is scored"));
    put_line(xl_format("  %sthe winner's estimate is off by %+.2f %% (mean magnitude %.2f %%); %.1f %% repeats",
                       performance, 100 * score->over, 100 * score->abs, 100 * score->repeats));
}

static json_t *score_json(const tune_landscape *l, const tune_replay_options *o, const tune_trace *traces,
                          const tune_replay_score *score) {
    size_t counts[16], n = report_counts((size_t)o->budget, counts);
    json_t *shares = json_object();
    for (size_t i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof key, "%zu", counts[i]);
        json_object_set_new(shares, key, json_real(tune_replay_share(l, traces, o->seeds, counts[i])));
    }
    return json_pack("{s:s, s:s, s:i, s:I, s:i, s:o, s:o, s:f, s:f, s:f}", "landscape", l->name, "strategy",
                     o->strategy, "seeds", o->seeds, "first_seed", (json_int_t)o->search.seed, "pending",
                     o->pending, "share", shares, "P", xl_json_number(score->performance), "over", score->over,
                     "abs", score->abs, "repeats", score->repeats);
}

static void append_trace(FILE *file, const tune_landscape *l, const tune_replay_options *o,
                         const tune_trace *traces) {
    for (int run = 0; run < o->seeds; run++) {
        for (size_t i = 0; i < traces[run].count; i++) {
            const tune_step *s = &traces[run].steps[i];
            xl_csv_put_text(file, l->name);
            fprintf(file, ",%s,%" PRIu64 ",%zu,%u,", o->strategy, o->search.seed + (uint64_t)run, i + 1, s->row);
            xl_csv_put_number(file, s->observed, 9);
            fprintf(file, ",%u,", s->best_row);
            if (s->estimate > 0) xl_csv_put_number(file, s->estimate, 9);
            fputc('\n', file);
        }
    }
}

static int replay_strategy(const tune_landscape *l, const tune_replay_options *o, tune_trace *traces, FILE *trace,
                           json_t *results, xlstm_error *err) {
    tune_replay_score score;
    int status = tune_replay(l, o, traces, err);
    if (!status) status = tune_replay_scores(l, traces, o->seeds, &score, err);
    if (!status && results && json_array_append_new(results, score_json(l, o, traces, &score)))
        status = xl_fail(err, XLSTM_ENOTFINITE, "replay: a score of %s is not finite", o->strategy);
    if (!status && !results) print_text(l, o, traces, &score);
    if (!status && trace) append_trace(trace, l, o, traces);
    tune_traces_release(traces, o->seeds);
    return status;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err;
    tune_landscape *l = NULL;
    tune_trace *traces = NULL;
    FILE *trace = NULL;
    char *trace_text = NULL;
    size_t trace_bytes = 0;
    json_t *results = NULL;
    int status = XLSTM_OK;
    const char *path = cli_str(cfg, "landscape"), *trace_path = cli_str(cfg, "trace");
    tune_replay_options o = {.budget = (int)cli_int(cfg, "budget"),
                             .seeds = (int)cli_int(cfg, "seeds"),
                             .pending = (int)cli_int(cfg, "pending")};
    tune_strategy_options_init(&o.search);
    o.search.seed = (uint64_t)cli_int(cfg, "first_seed");
    code = 1;
    if (!path) {
        code = cli_usage(cfg, "no landscape given, wanted --landscape FILE");
        goto end;
    }
    if (tune_noise_parse(cli_str(cfg, "noise"), &o.noise, &err)) {
        code = cli_usage(cfg, "%s", err.text);
        goto end;
    }
    size_t strategies = cli_list_count(cfg, "strategy");
    for (size_t i = 0; i < strategies; i++) {
        if (!tune_strategy_check(cli_list_str(cfg, "strategy", i), &err)) continue;
        code = cli_usage(cfg, "%s", err.text);
        goto end;
    }
    status = tune_landscape_read(path, &l, &err);
    if (!status && o.noise.halves) status = tune_landscape_halve(l, &err);
    if (status) goto end;
    traces = xl_array((size_t)o.seeds, sizeof *traces);
    if (cli_bool(cfg, "json")) results = json_array();
    if (trace_path) trace = open_memstream(&trace_text, &trace_bytes);
    if (!traces || (trace_path && !trace)) {
        status = xl_fail(&err, XLSTM_ENOMEM, "replay: out of memory");
        goto end;
    }
    if (trace) fputs("landscape,strategy,seed,eval,row,observed_ms,best_row,best_estimate_ms\n", trace);
    for (size_t i = 0; i < strategies && !status; i++) {
        o.strategy = cli_list_str(cfg, "strategy", i);
        status = replay_strategy(l, &o, traces, trace, results, &err);
    }
    if (!status && trace) {
        bool failed = !xl_text_end(trace, &trace_text);
        trace = NULL;
        status = failed ? xl_fail(&err, XLSTM_ENOMEM, "replay: out of memory for the trace")
                        : xl_file_write(trace_path, trace_text, trace_bytes, &err);
    }
    if (!status && results)
        status = cli_print_json(strategies == 1 ? json_array_get(results, 0) : results,
                                JSON_INDENT(2) | JSON_REAL_PRECISION(6), stdout, &err);
    code = status != 0;
end:
    if (status) code = cli_fail(cfg, &err);
    if (trace) fclose(trace);
    free(trace_text);
    free(traces);
    json_decref(results);
    tune_landscape_destroy(l);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_replay = {"run search strategies against a measured space", run};
