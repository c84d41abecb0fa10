/* xltune bench: the speed of prefill and decode, for one set of settings or for every combination of listed
 * values. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "cli/bench_limits.h"
#include "cli/bench_table.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/measure/timing.h"
#include "tuner/study/machine.h"

static const cli_spec spec = {
    .command = CLI(bench),
    .instead = "a checkpoint is given with --model",
    .summary = "Measures prefill (pp) and decode (tg) in tokens a second. Options take lists,\n"
               "and every combination is measured, one sample of each in turn. Warm-up runs are\n"
               "not counted.",
    .details = "A list is written as 16,32,64 or 16-64+16 or 16-64*2. If --prompt or\n"
               "--prompt-file is given and -p is not, the length of that prompt is measured.\n"
               "-p 0 or -n 0 leaves that kind of test out. Combinations that differ in weights\n"
               "or huge_pages need the checkpoint to be opened again and are measured one after\n"
               "the other. The column t/s holds the mean and the standard deviation, and 95 %\n"
               "the interval of the mean, which is given from five samples on. --profile\n"
               "original gives the defaults of the original. With --roofline the limits of\n"
               "the machine are measured before each sample and after it, and the column of\n"
               "limit holds the median of the samples' shares and half the width of their\n"
               "95 % interval.\n",
};

enum { MOST_ROWS = 100000, WARM_UPS = 3 };

typedef struct bench {
    cli_config *cfg;
    bench_table table;
    xlstm_settings *settings; /* every combination; those that share one opening of the model are neighbours */
    size_t combinations;
    int32_t *ids; /* of the prompt */
    size_t count;
    float *logits;
    int32_t *chosen; /* room for the longest decode */
    bench_limits limits;
    tune_watch *watch;     /* notices what else the machine did during a sample */
    char disturbance[128]; /* what disturbed the first sample that was disturbed */
} bench;

/* ---- memory ---- */

/* Only Linux lets a process reset its peak of resident memory; elsewhere the peak is that of the whole run so
 * far. */
static void forget_peak(void) {
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

static uint64_t peak_bytes(void) {
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %llu", &kib) == 1) break;
    }
    if (f) fclose(f);
    if (kib) return (uint64_t)kib * 1024;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage)) return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

/* ---- what is measured ---- */

static size_t list_count(const bench *b, const char *key) {
    size_t n = cli_has(b->cfg, key) ? cli_list_count(b->cfg, key) : 0;
    return n ? n : 1;
}

/* Sets tunable `id` to the given element of its list; without a list it keeps the value that cli_settings gave. A
 * value above the model's limit is clipped. */
static int set_element(const bench *b, int id, size_t element, const xlstm_hparams *hparams, xlstm_settings *s,
                       xlstm_error *err) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    if (!cli_has(b->cfg, t->name) || cli_list_count(b->cfg, t->name) < 2) return XLSTM_OK;
    if (t->type == XLSTM_TYPE_CHOICE) {
        return xlstm_settings_parse(s, id, cli_list_str(b->cfg, t->name, element), err);
    }
    xlstm_settings_set(s, id, cli_list_int(b->cfg, t->name, element));
    int64_t value = xlstm_settings_get(s, id);
    cli_clip(id, &value, hparams);
    xlstm_settings_set(s, id, value);
    return XLSTM_OK;
}

/* Prints one notice for a list with values above the model's limit. cli_settings has told of the first element. */
static void tell_clipped(const bench *b, const xlstm_tunable *t, const xlstm_hparams *hparams) {
    for (size_t i = 1; t->type != XLSTM_TYPE_CHOICE && i < list_count(b, t->name); i++) {
        int64_t wanted = cli_list_int(b->cfg, t->name, i), value = wanted;
        if (!cli_clip(t->id, &value, hparams)) continue;
        cli_notice("%s %lld clipped to the model's %lld %s", t->name, (long long)wanted, (long long)value, t->unit);
        return;
    }
}

/* Makes the list of combinations. Tunables that act when the model is loaded vary slowest, so that the model is
 * opened as seldom as possible. */
static int combine(bench *b, const xlstm_model *model, xlstm_error *err) {
    int order[XLSTM_TUNABLE_COUNT], n = 0;
    for (int load = 1; load >= 0; load--) {
        for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
            if (!!(xlstm_tunable_get(id)->affects & XLSTM_AFFECTS_LOAD) == load) order[n++] = id;
        }
    }
    size_t total = 1;
    for (int i = 0; i < n; i++) {
        if (!xl_mul(total, list_count(b, xlstm_tunable_get(order[i])->name), &total) || total > MOST_ROWS) {
            return xl_fail(err, XLSTM_EARG, "found lists of over %d combinations, wanted fewer", MOST_ROWS);
        }
    }
    b->settings = xl_array(total, sizeof *b->settings);
    if (!b->settings) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu combinations", total);
    const xlstm_hparams *hparams = xlstm_model_hparams(model);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) tell_clipped(b, xlstm_tunable_get(id), hparams);
    xlstm_settings first;
    int status = cli_settings(b->cfg, hparams, &first, err);
    for (size_t i = 0; i < total && !status; i++) {
        size_t rest = i;
        b->settings[i] = first;
        for (int j = n - 1; j >= 0 && !status; j--) {
            size_t length = list_count(b, xlstm_tunable_get(order[j])->name);
            status = set_element(b, order[j], rest % length, hparams, &b->settings[i], err);
            rest /= length;
        }
    }
    b->combinations = total;
    return status;
}

static bool same_model(const xlstm_settings *a, const xlstm_settings *b) {
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        if ((xlstm_tunable_get(id)->affects & XLSTM_AFFECTS_LOAD) &&
            xlstm_settings_get(a, id) != xlstm_settings_get(b, id))
            return false;
    }
    return true;
}

/* Makes the rows: for each combination first the prompt lengths and then the generation lengths, so that the rows
 * of one combination are neighbours. */
static int make_rows(bench *b, xlstm_error *err) {
    size_t prompts = list_count(b, "n_prompt"), news = list_count(b, "new");
    size_t repeats = (size_t)cli_int(b->cfg, "repeats"), most = 0;
    if (!xl_mul(b->combinations, prompts + news, &most) || most > MOST_ROWS) {
        return xl_fail(err, XLSTM_EARG, "found lists of over %d tests, wanted fewer", MOST_ROWS);
    }
    b->table.rows = calloc(most ? most : 1, sizeof *b->table.rows);
    if (!b->table.rows) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu tests", most);
    for (size_t i = 0; i < b->combinations; i++) {
        for (size_t j = 0; j < prompts + news; j++) {
            bench_row row = {.settings = b->settings[i]};
            if (j >= prompts) {
                row.n_gen = cli_list_int(b->cfg, "new", j - prompts);
            } else {
                row.n_prompt =
                    cli_has(b->cfg, "n_prompt") ? cli_list_int(b->cfg, "n_prompt", j) : (int64_t)b->count;
            }
            if (!bench_tokens(&row)) continue;
            row.seconds = xl_array(repeats, sizeof *row.seconds);
            row.limits_ts = xl_array(repeats, sizeof *row.limits_ts);
            if (!row.seconds || !row.limits_ts) {
                free(row.seconds);
                free(row.limits_ts);
                return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu samples", repeats);
            }
            b->table.rows[b->table.count++] = row;
        }
    }
    if (!b->table.count)
        return xl_fail(err, XLSTM_EARG,
                       "n_prompt, new: found nothing to measure, wanted a test of at least one token");
    return XLSTM_OK;
}

/* Sets the ids of the prompt: the configured prompt where there is one, else as many tokens as the longest test
 * needs, BOS and then random ones, as llama-bench does. */
static int make_prompt(bench *b, const char *model_path, int64_t vocabulary, xlstm_error *err) {
    xlstm_tokenizer *tokenizer = NULL;
    int status = XLSTM_OK;
    if (!cli_has(b->cfg, "n_prompt")) {
        char *text = NULL;
        size_t bytes = 0;
        status = xlstm_tokenizer_open(&tokenizer, model_path, err);
        if (!status) status = cli_prompt_text(b->cfg, &text, &bytes, err);
        if (!status)
            status = cli_encode_prompt(b->cfg, tokenizer, NULL, text, bytes, true, &b->ids, &b->count, err);
        free(text);
        xlstm_tokenizer_close(tokenizer);
        return status;
    }
    int64_t most = 1;
    for (size_t i = 0; i < cli_list_count(b->cfg, "n_prompt"); i++) {
        int64_t n = cli_list_int(b->cfg, "n_prompt", i);
        if (n > most) most = n;
    }
    b->ids = xl_array((size_t)most, sizeof *b->ids);
    if (!b->ids) return xl_fail(err, XLSTM_ENOMEM, "out of memory for a prompt of %lld tokens", (long long)most);
    b->count = (size_t)most;
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (size_t i = 0; i < b->count; i++) b->ids[i] = (int32_t)xl_rng_below(&rng, (uint64_t)vocabulary);
    return XLSTM_OK;
}

/* Work of a row's test. Prefill: two operations per weight of the linear layers for each token, and the head once.
 * Decode: for each token all weights are read once, and the state is read and written. */
static double work_of(const bench_row *row, const xlstm_hparams *hp, const xlstm_model_info *info) {
    if (row->n_gen) return (double)row->n_gen * (double)(info->decode_read_bytes + 2 * info->state_bytes);
    double d = (double)hp->embedding_dim, qk = (double)hp->qk_dim, v = (double)hp->v_dim;
    double block = d * (2 * qk + 3 * v + 2 * (double)hp->num_heads + 3 * (double)hp->ffn_dim);
    return 2 * ((double)row->n_prompt * (double)hp->num_blocks * block + d * (double)hp->vocab_size);
}

/* Runs the row's test once from an empty state. *seconds is the time of the prefill up to the logits of the last
 * token, or of n_gen times feeding one token and choosing the most likely next one. */
static int run_test(const bench *b, xlstm_session *session, const bench_row *row, double *seconds,
                    xlstm_error *err) {
    xlstm_session_reset(session);
    double start = xl_now_s();
    int status = XLSTM_OK;
    if (row->n_prompt) {
        status = xlstm_prefill(session, b->ids, (size_t)row->n_prompt, XLSTM_LOGITS_LAST, b->logits, err);
    }
    if (row->n_gen && !status)
        status = xlstm_decode_greedy(session, b->count ? b->ids[0] : 0, b->chosen, (size_t)row->n_gen, err);
    *seconds = xl_now_s() - start;
    return status;
}

/* Runs a test until its time is steady: a run, not the first one, is within 5 % of the fastest so far. */
static int warm_up(const bench *b, xlstm_session *session, const bench_row *row, xlstm_error *err) {
    double fastest = INFINITY, seconds;
    for (int i = 0; i < WARM_UPS; i++) {
        int status = run_test(b, session, row, &seconds, err);
        if (status) return status;
        if (i && seconds < 1.05 * fastest) break;
        if (seconds < fastest) fastest = seconds;
    }
    return XLSTM_OK;
}

/* Shows the progress of loading the model, and lets a signal cancel it. */
static int show_load(void *user) {
    cli_progress("loading the model", 0, 0);
    return cli_signals_cancel(user);
}

/* Where the device's time went in all samples and warm-ups of a session. */
static void print_profile(const xlstm_session *session) {
    static const char mark[] = "ns ";
    xlstm_schedule_entry entry;
    for (int i = 0; xlstm_session_schedule(session, i, &entry); i++) {
        if (!strncmp(entry.key, mark, strlen(mark)))
            fprintf(stderr, "%12.3f ms  %s\n", (double)entry.value * 1e-6, entry.key + strlen(mark));
    }
}

/* Measures the rows [first, last), which use the same opened model. Samples are taken in turn, in one order and
 * then in the reverse, so that a drift of the machine's speed affects all rows alike. */
static int measure(bench *b, xlstm_model *model, size_t first, size_t last, xlstm_error *err) {
    size_t count = last - first;
    xlstm_session **sessions = calloc(count, sizeof(xlstm_session *));
    int status = sessions ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu sessions", count);
    for (size_t i = 0; i < count && !status; i++) {
        bench_row *row = &b->table.rows[first + i];
        /* Neighbouring rows with the same settings share a session. */
        if (i && !memcmp(&row->settings, &b->table.rows[first + i - 1].settings, sizeof row->settings)) {
            sessions[i] = sessions[i - 1];
        } else {
            status = xlstm_session_create(&sessions[i], model, &row->settings, err);
            if (status) break;
            xlstm_session_set_cancel(sessions[i], cli_signals_cancel, NULL);
        }
        status = warm_up(b, sessions[i], row, err);
    }
    /* From here on a row holds the settings in force. */
    for (size_t i = 0; i < count && !status; i++) {
        xlstm_session_settings(sessions[i], &b->table.rows[first + i].settings);
        bench_limits_choose(&b->limits, &b->table.rows[first + i]);
    }
    bench_row *done = NULL; /* of the last sample */
    int64_t repeats = cli_int(b->cfg, "repeats");
    for (int64_t r = 0; r < repeats && !status; r++) {
        for (size_t k = 0; k < count && !status; k++) {
            size_t i = r % 2 ? count - 1 - k : k;
            bench_row *row = &b->table.rows[first + i];
            double seconds;
            tune_disturbance disturbance;
            status = bench_limits_between(&b->limits, done, row, err);
            done = NULL;
            if (status) break;
            cli_progress("measuring: sample", (size_t)r * count + k, (size_t)repeats * count);
            forget_peak();
            tune_watch_begin(b->watch);
            status = run_test(b, sessions[i], row, &seconds, err);
            tune_watch_end(b->watch, &disturbance);
            if (status) break;
            if (disturbance.reasons) {
                row->disturbed++;
                if (!b->disturbance[0]) tune_disturbance_text(b->disturbance, sizeof b->disturbance, &disturbance);
            }
            uint64_t peak = peak_bytes();
            if (peak > row->peak_bytes) row->peak_bytes = peak;
            row->seconds[row->samples++] = seconds;
            done = row;
        }
    }
    if (done) {
        int failed = bench_limits_between(&b->limits, done, NULL, err);
        if (!status) status = failed;
    }
    cli_progress_end();
    for (size_t i = 0; sessions && !status && i < count; i++) {
        if (cli_bool(b->cfg, "profile_gpu") && (!i || sessions[i] != sessions[i - 1])) print_profile(sessions[i]);
    }
    for (size_t i = 0; sessions && i < count; i++) {
        if (!i || sessions[i] != sessions[i - 1]) xlstm_session_destroy(sessions[i]);
    }
    free(sessions);
    return status;
}

static int measure_all(bench *b, xlstm_error *err) {
    const char *path = cli_model_path(b->cfg, err);
    if (!path) return XLSTM_ENOTFOUND;
    b->table.model_path = path;
    const char *slash = strrchr(path, '/');
    b->table.model = slash && slash[1] ? slash + 1 : path;
    xlstm_model *model = NULL;
    xlstm_settings opened;
    int status = cli_settings(b->cfg, NULL, &opened, err);
    size_t at = 0;
    while (!status) {
        xlstm_model_options options = {.settings = &opened,
                                       .device = cli_str(b->cfg, "device"),
                                       .cpu_mask = cli_str(b->cfg, "cpu_mask"),
                                       .cancel = show_load,
                                       .profile = cli_bool(b->cfg, "profile_gpu")};
        status = xlstm_model_open(&model, path, &options, err);
        cli_progress_end();
        if (status) break;
        if (!b->settings) {
            int64_t vocabulary = xlstm_model_hparams(model)->vocab_size;
            xlstm_model_get_info(model, &b->table.info);
            b->logits = xl_aligned_alloc((size_t)vocabulary, sizeof *b->logits);
            if (!b->logits) status = xl_fail(err, XLSTM_ENOMEM, "logits: out of memory");
            if (!status) status = make_prompt(b, path, vocabulary, err);
            if (!status) status = combine(b, model, err);
            if (!status) status = make_rows(b, err);
            int64_t longest = 0;
            for (size_t i = 0; i < b->table.count; i++)
                if (b->table.rows[i].n_gen > longest) longest = b->table.rows[i].n_gen;
            b->chosen = xl_array((size_t)longest, sizeof *b->chosen);
            if (!status && !b->chosen) status = xl_fail(err, XLSTM_ENOMEM, "out of memory for tokens");
        }
        xlstm_model_info info;
        xlstm_model_get_info(model, &info);
        size_t end = at;
        for (; !status && end < b->table.count; end++) {
            if (!same_model(&b->table.rows[end].settings, &b->table.rows[at].settings)) break;
            b->table.rows[end].load_s = info.load_seconds;
            b->table.rows[end].work = work_of(&b->table.rows[end], xlstm_model_hparams(model), &info);
        }
        if (!status && end > at) status = measure(b, model, at, end, err);
        xlstm_model_close(model);
        model = NULL;
        at = end;
        if (status || at >= b->table.count) break;
        opened = b->table.rows[at].settings;
    }
    return status;
}

/* Disturbed samples are counted like the others, but the reader of the table is told of them. */
static void say_disturbance(const bench *b) {
    size_t samples = 0, disturbed = 0;
    for (size_t i = 0; i < b->table.count; i++) {
        samples += b->table.rows[i].samples;
        disturbed += b->table.rows[i].disturbed;
    }
    if (disturbed) {
        cli_notice("%zu of %zu samples were disturbed by other work on the machine (%s at first) and count all the "
                   "same: on a quiet machine the speeds may be higher",
                   disturbed, samples, b->disturbance);
    }
}

static void describe_run(bench_table *table) {
    tune_machine machine = {{0}, NULL};
    if (!tune_machine_read(&machine, NULL)) {
        const char *cpu = json_string_value(json_object_get(machine.info, "cpu"));
        snprintf(table->cpu, sizeof table->cpu, "%s", cpu ? cpu : "unknown");
        tune_machine_clear(&machine);
    }
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local)) strftime(table->time, sizeof table->time, "%Y-%m-%dT%H:%M:%S%z", &local);
}

static int print(const bench_table *table, const char *format) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    int failed = !out || bench_print(table, format, out);
    if (out && !xl_text_end(out, &text)) failed = 1;
    if (!failed) cli_put(text, bytes);
    free(text);
    return failed;
}

static int run(int argc, char **argv) {
    bench b = {0};
    int code = cli_config_parse(&b.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    cli_signals_install();
    xlstm_error err = {0};
    describe_run(&b.table);
    tune_watch_limits limits;
    tune_watch_limits_init(&limits);
    int status = tune_watch_create(&b.watch, &limits, &err);
    if (!status && cli_bool(b.cfg, "roofline"))
        status = bench_limits_open(&b.limits, cli_str(b.cfg, "device"), &b.table.roofline, &err);
    if (!status) status = measure_all(&b, &err);
    /* After a signal, what was measured before it is printed. */
    if (!status || status == XLSTM_ECANCELLED) {
        if (print(&b.table, cli_str(b.cfg, "output"))) status = xl_fail(&err, XLSTM_ENOMEM, "bench: out of memory");
        if (status != XLSTM_ENOMEM) say_disturbance(&b);
    }
    code = status == XLSTM_ECANCELLED && cli_signals_code() ? cli_signals_code()
           : status                                         ? cli_fail(b.cfg, &err)
                                                            : 0;
    for (size_t i = 0; i < b.table.count; i++) {
        free(b.table.rows[i].seconds);
        free(b.table.rows[i].limits_ts);
    }
    bench_limits_close(&b.limits);
    free(b.table.rows);
    tune_watch_destroy(b.watch);
    free(b.settings);
    free(b.ids);
    free(b.chosen);
    xl_aligned_free(b.logits);
    cli_config_free(b.cfg);
    return code;
}

const cli_command cli_cmd_bench = {"measure prefill and decode speed", run};
