/* A worker as a target: a program that stays and is asked in lines of JSON (docs/worker-protocol.md). It is named
 * by the argument, `worker:PROGRAM`, with what stands after -- as its arguments; a name that ends in .py is run by
 * python3, or by the program that XLTUNE_PYTHON names. Of the configuration it also takes `space` or `tune`,
 * `baseline`, `time_limit` and `memory_limit`, and the worker is told `model_path`, `prompt` and `new`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/sha256.h"
#include "tuner/target/child.h"
#include "tuner/target/last_points.h"
#include "tuner/target/target.h"
#include "tuner/target/worker.h"
#include "tuner/target/worker_description.h"

#define PROGRAM_LIMIT ((size_t)1 << 30)
#define PATIENCE 10 /* an answer may take so many times as long as the longest for the baseline … */
#define GRACE_S 60  /* … and so many seconds more, where no limit is given: a point may have to be prepared */
#define FIRST_S 3600
#define CLOCK_SHARE 1.02 /* times that a worker reports may be so much longer than the whole answer took, … */
#define CLOCK_S 1e-3     /* … and so many seconds */

/* Exact metrics of a point. */
typedef struct known_point {
    char hash[33];
    double metric[TUNE_METRICS];
} known_point;

typedef struct worker_target {
    tune_target *target;
    tune_worker *worker;
    tune_worker_description is;
    json_t *config;     /* what describe is asked with */
    char *program;      /* the path of its file */
    char digest[65];    /* of that file */
    double time_limit;  /* seconds of an answer; 0: none was given */
    double longest;     /* the baseline's longest answer for one execution, seconds */
    char hash[33];      /* of the baseline's output; "": not known */
    char early[33];     /* of the output of other settings, while the baseline's is not known; "": none */
    tune_recent recent; /* the points that are known, */
    known_point known[TUNE_RECENT];
} worker_target;

/* ---- asking ---- */

static double time_limit(const worker_target *w, unsigned repeats) {
    if (w->time_limit > 0) return w->time_limit * repeats;
    return w->longest > 0 ? PATIENCE * w->longest * repeats + GRACE_S : FIRST_S;
}

static int ask_description(worker_target *w, json_t **answer, xlstm_error *err) {
    json_t *request =
        json_pack("{s:s, s:i, s:O}", "do", "describe", "protocol", TUNE_WORKER_PROTOCOL, "config", w->config);
    const int status = request ? tune_worker_ask(w->worker, request, fmax(time_limit(w, 1), 60), answer, err)
                               : xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    json_decref(request);
    if (status) return status;
    const char *why = json_string_value(json_object_get(*answer, "error"));
    if (!why) return XLSTM_OK;
    xl_fail(err, XLSTM_EARG, "worker: %.400s", why);
    json_decref(*answer);
    *answer = NULL;
    return XLSTM_EARG;
}

/* A program that was started anew describes itself first, and must do so as before. */
static int greet(worker_target *w, xlstm_error *err) {
    json_t *answer = NULL;
    const int status = ask_description(w, &answer, err);
    if (status) return status;
    const bool same = json_equal(answer, w->is.answer);
    json_decref(answer);
    if (same) return XLSTM_OK;
    tune_worker_stop(w->worker);
    return xl_fail(err, XLSTM_EFORMAT, "worker: describes itself otherwise than when the run began");
}

/* Asks what is no description, of a worker that has described itself. Takes over `request`, NULL when out of
 * memory. *took: the seconds of the answer. */
static int ask(worker_target *w, json_t *request, double seconds, json_t **answer, double *took, xlstm_error *err) {
    bool running = false;
    int status =
        request ? tune_worker_look(w->worker, &running, err) : xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    if (!status && !running) status = greet(w, err);
    double began = xl_now_s();
    if (!status) status = tune_worker_ask(w->worker, request, seconds, answer, err);
    if (status && running && tune_worker_misspoke(w->worker)) {
        /* Perhaps it belongs to the point before: a new process tells. */
        status = greet(w, err);
        began = xl_now_s();
        if (!status) status = tune_worker_ask(w->worker, request, seconds, answer, err);
    }
    *took = xl_now_s() - began;
    json_decref(request);
    const json_t *error = status ? NULL : json_object_get(*answer, "error");
    if (!error) return status;
    const bool infeasible = json_is_true(json_object_get(*answer, "infeasible"));
    const char *why = json_string_value(error);
    status = xl_fail(err, infeasible ? XLSTM_EUNSUPPORTED : XLSTM_EIO, "worker: %.400s", why ? why : "failed");
    json_decref(*answer);
    *answer = NULL;
    return status;
}

static json_t *point_of(const worker_target *w, int64_t candidate) {
    tune_named_list settings = {0};
    json_t *point = tune_target_settings(w->target, candidate, &settings) ? tune_named_json(&settings) : NULL;
    tune_named_clear(&settings);
    return point;
}

/* ---- an answer ---- */

/* A number of the metric: positive where it is the objective, else any. */
static int read_number(const worker_target *w, const json_t *from, int metric, double *out, xlstm_error *err) {
    const tune_metric *m = &w->is.metrics.at[metric];
    const json_t *value = json_object_get(from, m->name);
    *out = json_number_value(value);
    const bool positive = metric == w->target->objective || metric == w->is.metrics.seconds;
    if (json_is_number(value) && isfinite(*out) && (!positive || *out > 0)) return XLSTM_OK;
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    xl_fail(err, XLSTM_EFORMAT, "worker: %s: found %.40s, wanted a %snumber", m->name, text ? text : "nothing",
            positive ? "positive " : "");
    free(text);
    return XLSTM_EFORMAT;
}

static int read_samples(const worker_target *w, const json_t *answer, unsigned repeats, double took,
                        tune_reading *out, xlstm_error *err) {
    const json_t *samples = json_object_get(answer, "samples");
    const tune_metrics *m = &w->is.metrics;
    double seconds = 0;
    char number[2][XL_NUMBER_TEXT];
    if (json_array_size(samples) != repeats)
        return xl_fail(err, XLSTM_EFORMAT, "worker: samples: found %zu, wanted %u", json_array_size(samples),
                       repeats);
    for (unsigned s = 0; s < repeats; s++) {
        for (int i = 0; i < m->count; i++) {
            double value;
            if (m->at[i].part < 0) continue;
            const int status = read_number(w, json_array_get(samples, s), i, &value, err);
            if (status) return status;
            out->parts[m->at[i].part] += value / repeats;
            if (i == m->seconds) seconds += value;
        }
    }
    if (seconds > took * CLOCK_SHARE + CLOCK_S)
        return xl_fail(err, XLSTM_EFORMAT, "worker: %s: found %s s in all, while the answer took %s s",
                       m->at[m->seconds].name, xl_number_rounded(number[0], seconds, 3),
                       xl_number_rounded(number[1], took, 3));
    return XLSTM_OK;
}

/* Whether a setting that is declared to affect the output is another than the baseline's. */
static bool may_differ(const worker_target *w, int64_t candidate) {
    for (size_t i = 0; i < w->is.count; i++) {
        const tune_value a = tune_target_value(w->target, candidate, w->is.known[i].name);
        const tune_value b = tune_target_value(w->target, TUNE_BASELINE, w->is.known[i].name);
        const bool same =
            a.text && b.text ? !strcmp(a.text, b.text) : !a.text && !b.text && !(a.number != b.number);
        if (!same && (w->is.known[i].affects & TUNE_AFFECTS_OUTPUT)) return true;
    }
    return false;
}

static int read_output(worker_target *w, const json_t *answer, int64_t candidate, char hash[33], xlstm_error *err) {
    const json_t *output = json_object_get(answer, "output");
    hash[0] = 0;
    if (output && !json_is_string(output)) return xl_fail(err, XLSTM_EFORMAT, "worker: output: wanted a text");
    if (!output) {
        if (!w->hash[0]) return XLSTM_OK;
        return xl_fail(err, XLSTM_EFORMAT, "worker: output: found nothing, while the baseline has one");
    }
    xl_fnv_hex(json_string_value(output), json_string_length(output), hash);
    /* The baseline is measured first in a search, but not always in a process of the last comparison: what came
     * before it is compared when it is known. */
    const bool first = !w->hash[0] && candidate == TUNE_BASELINE;
    if (candidate != TUNE_BASELINE && may_differ(w, candidate)) return XLSTM_OK;
    char *wanted = w->hash[0] || first ? w->hash : w->early;
    if (!wanted[0]) snprintf(wanted, sizeof w->hash, "%s", hash);
    if (!strcmp(wanted, hash) && !(first && w->early[0] && strcmp(w->early, hash) != 0)) return XLSTM_OK;
    if (candidate == TUNE_BASELINE && !first)
        return xl_fail(err, XLSTM_EMISMATCH, "worker: its output changes from one execution to the next");
    return xl_fail(err, XLSTM_EMISMATCH, "worker: the output is not the baseline's");
}

static int remember(worker_target *w, const json_t *answer, int64_t candidate, const char *hash, xlstm_error *err) {
    const json_t *exact = json_object_get(answer, "exact");
    known_point point = {0};
    snprintf(point.hash, sizeof point.hash, "%s", hash);
    for (int i = 0; i < TUNE_METRICS; i++) point.metric[i] = NAN;
    for (int i = 0; i < w->is.metrics.count; i++) {
        if (w->is.metrics.at[i].part >= 0) continue;
        const int status = read_number(w, exact, i, &point.metric[i], err);
        if (status) return status;
    }
    w->known[tune_recent_put(&w->recent, candidate)] = point;
    return XLSTM_OK;
}

static int read_answer(worker_target *w, const json_t *answer, int64_t candidate, unsigned repeats, double took,
                       tune_reading *out, xlstm_error *err) {
    char hash[33];
    int status = read_samples(w, answer, repeats, took, out, err);
    if (!status) status = read_output(w, answer, candidate, hash, err);
    if (!status) status = remember(w, answer, candidate, hash, err);
    if (status || !hash[0]) return status;
    char half[17];
    snprintf(half, sizeof half, "%.16s", hash);
    out->hash = strtoull(half, NULL, 16) | 1;
    return XLSTM_OK;
}

static int measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    worker_target *w = self;
    json_t *answer = NULL;
    double took;
    (void)limit;
    *out = (tune_reading){.parts = {0}};
    int status = ask(
        w, json_pack("{s:s, s:o, s:i}", "do", "measure", "point", point_of(w, candidate), "repeats", (int)repeats),
        time_limit(w, repeats), &answer, &took, err);
    if (!status) status = read_answer(w, answer, candidate, repeats, took, out, err);
    if (!status && candidate == TUNE_BASELINE) w->longest = fmax(w->longest, took / repeats);
    for (int i = w->is.metrics.parts; i < TUNE_PARTS; i++) out->parts[i] = NAN;
    json_decref(answer);
    return status;
}

/* ---- texts ---- */

static json_t *text_of(const tune_passage *passage) {
    return json_stringn(passage->text, passage->bytes);
}

static int continue_text(void *self, const tune_named_list *settings, const tune_passage *prompt, size_t count,
                         char **text, size_t *bytes, xlstm_error *err) {
    worker_target *w = self;
    json_t *answer = NULL;
    double took;
    int status = ask(w,
                     json_pack("{s:s, s:o, s:o, s:I}", "do", "continue", "point", tune_named_json(settings),
                               "prompt", text_of(prompt), "new", (json_int_t)count),
                     time_limit(w, 1), &answer, &took, err);
    const json_t *found = status ? NULL : json_object_get(answer, "text");
    if (!status && !json_is_string(found))
        status = xl_fail(err, XLSTM_EFORMAT, "worker: found no \"text\" in its answer to continue");
    if (!status) {
        *bytes = json_string_length(found);
        *text = malloc(*bytes + 1);
        if (*text) memcpy(*text, json_string_value(found), *bytes + 1);
        else status = xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    }
    json_decref(answer);
    return status;
}

static int score_text(void *self, const tune_passage *prompt, const tune_passage *text, double *sum, size_t *tokens,
                      xlstm_error *err) {
    worker_target *w = self;
    json_t *answer = NULL;
    double took;
    int status = ask(w,
                     json_pack("{s:s, s:o, s:o, s:o}", "do", "score", "point", point_of(w, TUNE_BASELINE), "prompt",
                               text_of(prompt), "text", text_of(text)),
                     time_limit(w, 1), &answer, &took, err);
    const json_t *logprob = json_object_get(answer, "logprob"), *count = json_object_get(answer, "tokens");
    if (!status && (!json_is_number(logprob) || !json_is_integer(count) || json_integer_value(count) < 0))
        status = xl_fail(err, XLSTM_EFORMAT,
                         "worker: its answer to score: wanted \"logprob\", a number, and \"tokens\", a count");
    if (!status) {
        *sum = json_number_value(logprob);
        *tokens = (size_t)json_integer_value(count);
    }
    json_decref(answer);
    return status;
}

static double cost(void *self, int objective, const double parts[TUNE_PARTS]) {
    const worker_target *w = self;
    const tune_metric *m = &w->is.metrics.at[objective];
    if (m->part < 0) return parts[w->is.metrics.at[w->is.metrics.seconds].part];
    return m->larger_is_better ? 1 / parts[m->part] : parts[m->part];
}

static int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    const worker_target *w = self;
    (void)err;
    const int at = tune_recent_find(&w->recent, candidate);
    if (at < 0) return XLSTM_OK;
    memcpy(out->metric, w->known[at].metric, sizeof out->metric);
    snprintf(out->token_hash, sizeof out->token_hash, "%s", w->known[at].hash);
    return XLSTM_OK;
}

/* ---- what is the same ---- */

static int digest_of(const char *path, char out[65], xlstm_error *err) {
    char *data = NULL;
    size_t bytes;
    const int status = xl_file_read(path, PROGRAM_LIMIT, &data, &bytes, err);
    if (!status) {
        xl_sha256 hash;
        xl_sha256_init(&hash);
        xl_sha256_update(&hash, data, bytes);
        xl_sha256_hex(&hash, out);
    }
    free(data);
    return status;
}

/* Called before the fresh processes of a verdict, which have workers of their own; the one here would only hold
 * memory meanwhile. */
static int unchanged(void *self, xlstm_error *err) {
    worker_target *w = self;
    char now[65];
    tune_worker_stop(w->worker);
    if (digest_of(w->program, now, NULL)) return xl_fail(err, XLSTM_ECHANGED, "the worker %s is gone", w->program);
    if (!strcmp(now, w->digest)) return XLSTM_OK;
    return xl_fail(err, XLSTM_ECHANGED, "the worker %s was replaced while it was measured", w->program);
}

static int state_facts(worker_target *w, const json_t *words, xlstm_error *err) {
    tune_named identity[34];
    size_t count = 0;
    char *arguments = json_array_size(words) ? json_dumps(words, JSON_COMPACT) : strdup("");
    identity[count++] = (tune_named){"program", {.text = w->digest}};
    if (arguments && arguments[0]) identity[count++] = (tune_named){"arguments", {.text = arguments}};
    for (size_t i = 0; i < w->is.identity.count; i++) identity[count++] = w->is.identity.item[i];
    const bool ok = arguments && tune_named_copy(&w->target->identity, identity, count) &&
                    tune_named_copy(&w->target->workload, w->is.workload.item, w->is.workload.count) &&
                    tune_named_copy(&w->target->build, w->is.build.item, w->is.build.count);
    free(arguments);
    return ok ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
}

/* ---- describe ---- */

static int create_worker(worker_target *w, const tune_target_options *options, xlstm_error *err) {
    const json_t *words = json_object_get(options->config, "command");
    const size_t length = strlen(options->argument), count = json_array_size(words);
    const bool script = length > 3 && !strcmp(options->argument + length - 3, ".py");
    const char *python = getenv("XLTUNE_PYTHON");
    w->program = script ? strdup(options->argument) : tune_child_path(options->argument);
    if (!w->program || !xl_is_file(w->program))
        return xl_fail(err, XLSTM_EARG, "worker: found no program '%s' that can be run", options->argument);
    if (script && python && *python) {
        char *path = tune_child_path(python);
        if (!path) return xl_fail(err, XLSTM_EARG, "XLTUNE_PYTHON: found no program '%s' that can be run", python);
        free(path);
    }
    int status = digest_of(w->program, w->digest, err);
    char **argv = status ? NULL : xl_array(count + 3, sizeof *argv);
    if (status) return status;
    if (!argv) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    size_t n = 0;
    if (script) argv[n++] = (char *)(uintptr_t)(python && *python ? python : "python3");
    argv[n++] = w->program;
    for (size_t i = 0; i < count; i++) argv[n++] = (char *)(uintptr_t)json_string_value(json_array_get(words, i));
    argv[n] = NULL;
    const uint64_t memory =
        (uint64_t)(json_number_value(json_object_get(options->config, "memory_limit")) * (1 << 20));
    w->worker = tune_worker_create(argv, memory, w->target->cancel, w->target->user);
    free(argv);
    return w->worker ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
}

/* `new`: the value is the user's, and not that of a run that goes on. */
static int check_before(const worker_target *w, const char *name, const json_t *value, bool new, xlstm_error *err) {
    size_t at = 0, count = 0;
    while (at < w->is.count && strcmp(w->is.known[at].name, name) != 0) at++;
    if (at == w->is.count) return xl_fail(err, XLSTM_EARG, "baseline: the worker has no tunable %s", name);
    const tune_known *k = &w->is.known[at];
    while (k->choices && k->choices[count]) count++;
    if (!k->choices) count = 2;
    tune_value *values = xl_array(count, sizeof *values);
    if (!values) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    for (size_t i = 0; i < count; i++)
        values[i] = (tune_value){.number = k->choices ? 0
                                           : i        ? k->max
                                                      : k->min,
                                 .text = k->choices ? k->choices[i] : NULL};
    const int status = new ? tune_target_check_before(name, value, values, count, err) : XLSTM_OK;
    free(values);
    return status;
}

static int declare(worker_target *w, const tune_target_options *options, xlstm_error *err) {
    json_t *config = json_deep_copy(options->config);
    const json_t *tune = json_object_get(config, "tune");
    const char *name;
    json_t *value;
    if (json_is_object(json_object_get(config, "space"))) {
        json_object_foreach(json_object_get(config, "space"), name, value) {
            json_t *whole = json_is_true(value) ? json_object_get(w->is.space, name) : NULL;
            if (whole) json_object_set(json_object_get(config, "space"), name, whole);
        }
    } else if (json_array_size(tune))
        json_object_set_new(config, "tune", tune_worker_description_tune(&w->is, tune));
    else json_object_set(config, "space", w->is.space);
    tune_target_options own = *options;
    own.config = config;
    if (!own.settings) own.settings = tune_target_before(config);
    int status = XLSTM_OK;
    json_object_foreach((json_t *)(uintptr_t)own.settings, name, value) {
        status = check_before(w, name, value, !options->settings, err);
        if (status) break;
    }
    if (!status) status = tune_target_declare(w->target, w->is.known, w->is.count, &own, err);
    json_decref(config);
    return status;
}

static void close_worker(void *self) {
    worker_target *w = self;
    tune_worker_destroy(w->worker);
    tune_worker_description_clear(&w->is);
    json_decref(w->config);
    free(w->program);
    free(w);
}

static int describe(tune_target *out, const tune_target_options *options, xlstm_error *err) {
    static const char *const told[] = {"model_path", "prompt", "new"};
    worker_target *w = calloc(1, sizeof *w);
    if (!w) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    *w = (worker_target){.target = out, .config = json_object()};
    out->self = w;
    out->close = close_worker;
    out->metrics = &w->is.metrics;
    out->measure = measure;
    out->cost = cost;
    out->outcome = outcome;
    out->unchanged = unchanged;
    out->elsewhere = true;
    w->time_limit = json_number_value(json_object_get(options->config, "time_limit"));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        json_t *value = json_object_get(options->config, told[i]);
        if (value) json_object_set(w->config, told[i], value);
    }
    json_t *answer = NULL;
    int status = create_worker(w, options, err);
    if (!status) status = ask_description(w, &answer, err);
    if (!status) status = tune_worker_description_read(&w->is, answer, err);
    if (!status && w->is.can_continue) out->continue_text = continue_text;
    if (!status && w->is.can_score) out->score_text = score_text;
    if (!status) status = declare(w, options, err);
    return status ? status : state_facts(w, json_object_get(options->config, "command"), err);
}

const tune_target_class tune_target_worker = {
    .name = "worker",
    .summary = "a program that stays and is asked in lines of JSON, given by its name; its arguments after --",
    .argument = "PROGRAM",
    .argument_folder = "targets",
    .of_command = true,
    .told_request = true,
    .describe = describe};
