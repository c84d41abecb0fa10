/* xltune verify: compares a checkpoint's outputs with a golden file. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/signals.h"

static const cli_spec spec = {
    .command = CLI(verify),
    .instead = "a golden file is given with --golden",
    .summary = "Checks a checkpoint against a golden file.",
    .details = "Runs the input_ids of the golden file from an empty state and compares logits,\n"
               "final states and the greedy continuation with those of the file. Prints the\n"
               "largest absolute error and the relative L2 error of each tensor, and exits with\n"
               "0 only if all are inside the tolerance. Any tunable may be given, and the\n"
               "results must not depend on it. The default tolerance is 2e-5, also for stored\n"
               "bf16 and f16 weights; it is 0.02 where --weights rounds to f16, 0.15 where it\n"
               "rounds to bf16 or where --compute is bf16, and 0.3 where --compute is int8.\n",
};

/* Tolerance for float32 arithmetic on weights as they are stored. Where weights are rounded when they are loaded,
 * each format has a tolerance of its own: heads with a long memory accumulate the rounding errors of the
 * weights. */
#define TOLERANCE_EXACT 2e-5

/* The contents of the golden file. Pointers are either into the open file or owned by this struct. */
typedef struct golden {
    xlstm_tensor_file *file;
    const char *path;
    int32_t *ids; /* [count] */
    size_t count;
    const xlstm_tensor *logits; /* [rows, V] or NULL */
    size_t rows;
    int32_t *greedy; /* [greedy_count] */
    size_t greedy_count;
    float *margins; /* [greedy_count] or NULL */
} golden;

/* What was computed from the checkpoint. */
typedef struct result {
    float *logits;        /* [rows, V]: of the last `rows` positions */
    float **c, **n, **m;  /* [blocks]: the states after the whole input */
    int64_t *greedy;      /* [greedy_count] */
    size_t compared, bad; /* numbers of tensors */
    double worst;         /* relative error of the worst tensor */
    char worst_name[64];
    double tolerance;
    int64_t compute; /* in force */
    json_t *report;  /* array with one object for each tensor */
} result;

/* Reads a one-dimensional integer tensor as ids, each checked against the size of the vocabulary. */
static int read_ids(const golden *g, const char *name, int64_t vocab, int32_t **out, size_t *count,
                    xlstm_error *err) {
    const xlstm_tensor *t = xlstm_tensor_file_find(g->file, name);
    *count = 0;
    if (!t) return XLSTM_OK;
    if (t->rank != 1 || (t->dtype != XLSTM_I64 && t->dtype != XLSTM_I32))
        return xl_fail(err, XLSTM_EFORMAT, "%s: '%s' is %s of rank %d, wanted I64 or I32 of rank 1", g->path, name,
                       xlstm_dtype_name(t->dtype), t->rank);
    size_t n = (size_t)t->shape[0];
    *out = xl_array(n, sizeof **out);
    if (!*out) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", g->path);
    for (size_t i = 0; i < n; i++) {
        int64_t id;
        int32_t narrow;
        if (t->dtype == XLSTM_I64) {
            memcpy(&id, (const char *)t->data + i * sizeof id, sizeof id);
        } else {
            memcpy(&narrow, (const char *)t->data + i * sizeof narrow, sizeof narrow);
            id = narrow;
        }
        if (id < 0 || id >= vocab)
            return xl_fail(err, XLSTM_EFORMAT, "%s: '%s'[%zu] is %" PRId64 ", wanted 0 to %" PRId64, g->path, name,
                           i, id, vocab - 1);
        (*out)[i] = (int32_t)id;
    }
    *count = n;
    return XLSTM_OK;
}

static bool is_float(const xlstm_tensor *t) {
    return t->dtype == XLSTM_F32 || t->dtype == XLSTM_F64 || t->dtype == XLSTM_F16 || t->dtype == XLSTM_BF16;
}

static int check_state_names(const golden *g, const xlstm_hparams *h, xlstm_error *err) {
    for (size_t i = 0; i < xlstm_tensor_file_count(g->file); i++) {
        const xlstm_tensor *t = xlstm_tensor_file_at(g->file, i);
        if (strncmp(t->name, "state.", 6) != 0) continue;
        char *end;
        long block = strtol(t->name + 6, &end, 10);
        bool known = end != t->name + 6 && end[0] == '.' && strchr("cnm", end[1]) && end[1] && !end[2];
        if (!known || block < 0 || block >= h->num_blocks)
            return xl_fail(err, XLSTM_EMISMATCH, "%s: '%.80s' is not a state of a model of %" PRId64 " blocks",
                           g->path, t->name, h->num_blocks);
        int64_t wanted[3] = {h->num_heads, end[1] == 'm' ? 1 : h->qk_head, h->v_head};
        int rank = end[1] == 'c' ? 3 : 2;
        bool same = t->rank == rank && is_float(t);
        for (int r = 0; same && r < rank; r++) same = t->shape[r] == wanted[r];
        if (!same)
            return xl_fail(err, XLSTM_EMISMATCH,
                           "%s: '%.80s' has another shape or dtype than %" PRId64 " heads of %" PRId64 " x %" PRId64
                           " have",
                           g->path, t->name, h->num_heads, h->qk_head, h->v_head);
    }
    return XLSTM_OK;
}

static int golden_open(golden *g, const char *path, const xlstm_hparams *h, xlstm_error *err) {
    g->path = path;
    int status = xlstm_tensor_file_open(&g->file, path, err);
    if (!status) status = read_ids(g, "input_ids", h->vocab_size, &g->ids, &g->count, err);
    if (!status && !g->count) status = xl_fail(err, XLSTM_EFORMAT, "%s: 'input_ids' is missing or empty", path);
    if (!status) status = read_ids(g, "greedy_ids", h->vocab_size, &g->greedy, &g->greedy_count, err);
    if (!status) status = check_state_names(g, h, err);
    if (status) return status;
    g->logits = xlstm_tensor_file_find(g->file, "logits");
    if (g->logits) {
        const xlstm_tensor *t = g->logits;
        if (t->rank != 2 || t->shape[1] != h->vocab_size || t->shape[0] < 1 || (size_t)t->shape[0] > g->count ||
            !is_float(t))
            return xl_fail(err, XLSTM_EMISMATCH, "%s: 'logits' is no [1 … %zu, %" PRId64 "] of numbers", path,
                           g->count, h->vocab_size);
        g->rows = (size_t)t->shape[0];
    }
    const xlstm_tensor *margin = xlstm_tensor_file_find(g->file, "greedy_margin");
    if (margin && g->greedy_count) {
        g->margins = xl_array(g->greedy_count, sizeof *g->margins);
        if (!g->margins) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        return xlstm_tensor_to_f32(margin, 0, g->greedy_count, g->margins, err);
    }
    return XLSTM_OK;
}

static void golden_close(golden *g) {
    xlstm_tensor_file_close(g->file);
    free(g->ids);
    free(g->greedy);
    free(g->margins);
}

static int32_t largest(const float *logits, int64_t n) {
    int32_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        if (logits[i] > logits[best]) best = (int32_t)i;
    }
    return best;
}

/* Feeds the input: in one call where the logits of all positions or of the last are wanted, else in two, split
 * before the rows that the golden file holds. */
static int feed(xlstm_session *session, const golden *g, size_t rows, int64_t vocab, float *logits,
                xlstm_error *err) {
    size_t before = rows == 1 ? 0 : g->count - rows;
    int status = XLSTM_OK;
    if (before) status = xlstm_prefill(session, g->ids, before, XLSTM_LOGITS_NONE, NULL, err);
    if (!status)
        status = xlstm_prefill(session, g->ids + before, g->count - before,
                               rows == 1 ? XLSTM_LOGITS_LAST : XLSTM_LOGITS_ALL, logits, err);
    return status;
}

static int compute(result *r, const golden *g, xlstm_session *session, const xlstm_hparams *h, xlstm_error *err) {
    size_t blocks = (size_t)h->num_blocks, vocab = (size_t)h->vocab_size, heads = (size_t)h->num_heads;
    size_t qk = (size_t)h->qk_head, v = (size_t)h->v_head, rows = g->rows ? g->rows : 1, values;
    r->logits = xl_mul(rows, vocab, &values) ? xl_aligned_alloc(values, sizeof *r->logits) : NULL;
    r->c = calloc(blocks, sizeof *r->c);
    r->n = calloc(blocks, sizeof *r->n);
    r->m = calloc(blocks, sizeof *r->m);
    r->greedy = xl_array(g->greedy_count, sizeof *r->greedy);
    if (!r->logits || !r->c || !r->n || !r->m || !r->greedy)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu rows of logits", g->path, rows);
    int status = feed(session, g, rows, h->vocab_size, r->logits, err);
    for (size_t i = 0; i < blocks && !status; i++) {
        r->c[i] = xl_array(heads * qk * v, sizeof(float));
        r->n[i] = xl_array(heads * qk, sizeof(float));
        r->m[i] = xl_array(heads, sizeof(float));
        status = r->c[i] && r->n[i] && r->m[i]
                     ? xlstm_state_get(session, (int64_t)i, r->c[i], r->n[i], r->m[i], err)
                     : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", g->path);
    }
    float *next = xl_array(vocab, sizeof *next);
    if (!next && !status) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", g->path);
    const float *logits = r->logits + (rows - 1) * vocab;
    for (size_t i = 0; i < g->greedy_count && !status; i++) {
        r->greedy[i] = largest(logits, h->vocab_size);
        if (i + 1 == g->greedy_count) break;
        status = xlstm_decode(session, (int32_t)r->greedy[i], next, err);
        logits = next;
    }
    free(next);
    return status;
}

static void judge(result *r, const char *name, double absolute, double relative, bool good) {
    r->compared++;
    r->bad += !good;
    bool worse = relative > r->worst || !isfinite(relative);
    if (!good && (r->bad == 1 || worse)) snprintf(r->worst_name, sizeof r->worst_name, "%.60s", name);
    if (worse) r->worst = relative;
    json_array_append_new(r->report,
                          json_pack("{s:s, s:o, s:o, s:b}", "tensor", name, "max_abs", xl_json_number(absolute),
                                    "rel_l2", xl_json_number(relative), "ok", good));
}

/* Compares `got` with the golden tensor of that name and records its relative error over the whole tensor. Does
 * nothing where the golden file has no such tensor. */
static int compare(result *r, const golden *g, const char *name, const float *got, bool either, xlstm_error *err) {
    const xlstm_tensor *t = xlstm_tensor_file_find(g->file, name);
    if (!t) return XLSTM_OK;
    enum { STEP = 1024 };
    float wanted[STEP];
    size_t count = t->bytes / xlstm_dtype_size(t->dtype);
    double largest_error = 0, errors = 0, squares = 0;
    for (size_t first = 0; first < count; first += STEP) {
        size_t n = count - first < STEP ? count - first : STEP;
        int status = xlstm_tensor_to_f32(t, first, n, wanted, err);
        if (status) return status;
        for (size_t i = 0; i < n; i++) {
            double difference = fabs((double)got[first + i] - wanted[i]);
            errors += difference * difference;
            squares += (double)wanted[i] * wanted[i];
            if (!(difference <= largest_error)) largest_error = difference;
        }
    }
    double relative = errors == 0 ? 0 : sqrt(errors / squares);
    judge(r, name, largest_error, relative, relative <= r->tolerance || (either && largest_error <= r->tolerance));
    return XLSTM_OK;
}

/* Compares the greedy ids. The first one that differs is accepted where the golden's two largest logits are nearer
 * to each other than the tolerance. Ids after that are not compared, because they continue another text. */
static void compare_greedy(result *r, const golden *g, char *note, size_t size) {
    note[0] = 0;
    for (size_t i = 0; i < g->greedy_count; i++) {
        if (r->greedy[i] == g->greedy[i]) continue;
        bool tie = g->margins && g->margins[i] < r->tolerance;
        snprintf(note, size, "token %zu is %" PRId64 ", golden %d%s", i, r->greedy[i], (int)g->greedy[i],
                 tie ? ", a near tie; the rest is not compared" : "");
        judge(r, "greedy_ids", tie ? 0 : 1, tie ? 0 : 1, tie);
        return;
    }
    if (g->greedy_count) judge(r, "greedy_ids", 0, 0, true);
}

static int compare_all(result *r, const golden *g, const xlstm_hparams *h, char *note, size_t size,
                       xlstm_error *err) {
    int status = g->logits ? compare(r, g, "logits", r->logits, false, err) : XLSTM_OK;
    for (int64_t i = 0; i < h->num_blocks && !status; i++) {
        char name[64];
        snprintf(name, sizeof name, "state.%" PRId64 ".c", i);
        status = compare(r, g, name, r->c[i], false, err);
        name[strlen(name) - 1] = 'n';
        if (!status) status = compare(r, g, name, r->n[i], false, err);
        name[strlen(name) - 1] = 'm';
        if (!status) status = compare(r, g, name, r->m[i], true, err);
    }
    if (status) return status;
    compare_greedy(r, g, note, size);
    if (!r->compared)
        return xl_fail(err, XLSTM_EFORMAT, "%s: no logits, state.* or greedy_ids to compare with", g->path);
    return XLSTM_OK;
}

static int dump(const result *r, const golden *g, const xlstm_hparams *h, const char *path, xlstm_error *err) {
    size_t blocks = (size_t)h->num_blocks, count = 0, room = 2 + 3 * blocks;
    int64_t rows = g->rows ? (int64_t)g->rows : 1, heads = h->num_heads;
    xlstm_tensor *tensors = calloc(room, sizeof *tensors);
    char(*names)[40] = calloc(room, sizeof *names);
    int status = XLSTM_OK;
    if (!tensors || !names) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        goto out;
    }
    tensors[count++] = (xlstm_tensor){
        .name = "logits", .dtype = XLSTM_F32, .rank = 2, .shape = {rows, h->vocab_size}, .data = r->logits};
    for (size_t i = 0; i < blocks; i++) {
        const float *data[3] = {r->c[i], r->n[i], r->m[i]};
        for (int part = 0; part < 3; part++) {
            snprintf(names[count], sizeof names[count], "state.%zu.%c", i, "cnm"[part]);
            tensors[count] = (xlstm_tensor){.name = names[count],
                                            .dtype = XLSTM_F32,
                                            .rank = part == 0 ? 3 : 2,
                                            .shape = {heads, part == 2 ? 1 : h->qk_head, h->v_head},
                                            .data = data[part]};
            count++;
        }
    }
    tensors[count++] = (xlstm_tensor){.name = "greedy_ids",
                                      .dtype = XLSTM_I64,
                                      .rank = 1,
                                      .shape = {(int64_t)g->greedy_count},
                                      .data = r->greedy};
    for (size_t i = 0; i < count; i++) {
        tensors[i].bytes = xlstm_dtype_size(tensors[i].dtype);
        for (int k = 0; k < tensors[i].rank; k++) tensors[i].bytes *= (size_t)tensors[i].shape[k];
    }
    status = xlstm_tensor_file_write(path, tensors, count, "{\"source\":\"xltune verify\"}", err);
out:
    free(tensors);
    free(names);
    return status;
}

/* The tolerance of float32 arithmetic, of weights that are not held as stored, or of products that round. */
static double default_tolerance(const xlstm_model_info *info, int64_t compute) {
    double rounding = xlstm_compute_tolerance(compute), tolerance = TOLERANCE_EXACT;
    if (info->weights_tolerance > tolerance) tolerance = info->weights_tolerance;
    return rounding > tolerance ? rounding : tolerance;
}

/* Returns the name of the choice of the tunable `compute` that is in force. */
static const char *compute_name(int64_t compute) {
    return xlstm_tunable_get(XLSTM_TUNE_COMPUTE)->choices[compute];
}

static int print_report(const result *r, const golden *g, const xlstm_model_info *info, const char *note,
                        bool as_json, xlstm_error *err) {
    if (as_json) {
        json_t *root = json_pack("{s:s, s:s, s:s, s:I, s:f, s:b, s:O}", "golden", g->path, "kernels", info->kernels,
                                 "compute", compute_name(r->compute), "tokens", (json_int_t)g->count, "tolerance",
                                 r->tolerance, "ok", r->bad == 0, "tensors", r->report);
        if (note[0]) json_object_set_new(root, "note", json_string(note));
        int status = cli_print_json(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6), stdout, err);
        json_decref(root);
        return status;
    }
    printf("%-16s %12s %12s\n", "tensor", "max abs", "rel L2");
    size_t i;
    const json_t *row;
    json_array_foreach(r->report, i, row) {
        const char *name = json_string_value(json_object_get(row, "tensor"));
        bool good = json_is_true(json_object_get(row, "ok"));
        const json_t *absolute = json_object_get(row, "max_abs"), *relative = json_object_get(row, "rel_l2");
        if (!strcmp(name, "greedy_ids")) {
            printf("%-16s %25s  %s%s%s\n", name, good ? "equal" : "differ", good ? "ok" : "FAIL",
                   note[0] ? ": " : "", note);
        } else {
            printf("%-16s %12.3g %12.3g  %s\n", name, json_is_null(absolute) ? NAN : json_number_value(absolute),
                   json_is_null(relative) ? INFINITY : json_number_value(relative), good ? "ok" : "FAIL");
        }
    }
    printf("%zu tokens, kernels %s, compute %s, tolerance %g: %s\n", g->count, info->kernels,
           compute_name(r->compute), r->tolerance, r->bad ? "FAIL" : "all inside");
    return XLSTM_OK;
}

static int verify(cli_config *cfg, xlstm_model *model, xlstm_session *session, golden *g, result *r,
                  xlstm_error *err) {
    const xlstm_hparams *h = xlstm_model_hparams(model);
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    xlstm_settings settings;
    int status = golden_open(g, cli_str(cfg, "golden"), h, err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, err);
    if (status) return status;
    xlstm_session_settings(session, &settings);
    r->compute = xlstm_settings_get(&settings, XLSTM_TUNE_COMPUTE);
    r->tolerance = cli_has(cfg, "tolerance") ? cli_num(cfg, "tolerance") : default_tolerance(&info, r->compute);
    r->report = json_array();
    status = compute(r, g, session, h, err);
    if (status) return status;
    char note[120];
    status = compare_all(r, g, h, note, sizeof note, err);
    if (status) return status;
    if (cli_has(cfg, "dump")) status = dump(r, g, h, cli_str(cfg, "dump"), err);
    if (status) return status;
    status = print_report(r, g, &info, note, cli_bool(cfg, "json"), err);
    if (status) return status;
    if (r->bad)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: %zu of %zu tensors are outside tolerance %g, the worst is %s",
                       g->path, r->bad, r->compared, r->tolerance, r->worst_name);
    return XLSTM_OK;
}

static void free_result(result *r, int64_t blocks) {
    for (int64_t i = 0; i < blocks; i++) {
        if (r->c) free(r->c[i]);
        if (r->n) free(r->n[i]);
        if (r->m) free(r->m[i]);
    }
    free(r->c);
    free(r->n);
    free(r->m);
    free(r->greedy);
    xl_aligned_free(r->logits);
    json_decref(r->report);
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err = {0};
    xlstm_model *model = NULL;
    xlstm_session *session = NULL;
    xlstm_settings settings;
    golden g = {.file = NULL};
    result r = {.report = NULL};
    int64_t blocks = 0;
    if (!cli_has(cfg, "golden")) {
        code = cli_usage(cfg, "--golden FILE is missing");
        goto out;
    }
    cli_signals_install();
    int status = cli_open_model(cfg, &model, cli_signals_cancel, NULL, &err);
    if (!status) status = cli_settings(cfg, xlstm_model_hparams(model), &settings, &err);
    if (!status) status = xlstm_session_create(&session, model, &settings, &err);
    if (!status) {
        blocks = xlstm_model_hparams(model)->num_blocks;
        xlstm_session_set_cancel(session, cli_signals_cancel, NULL);
        status = verify(cfg, model, session, &g, &r, &err);
    }
    code = status == XLSTM_ECANCELLED && cli_signals_code() ? cli_signals_code() : status ? cli_fail(cfg, &err) : 0;
out:
    free_result(&r, blocks);
    golden_close(&g);
    xlstm_session_destroy(session);
    xlstm_model_close(model);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_verify = {"check a checkpoint against a golden file", run};
