/* xltune info: what a checkpoint contains, and how much memory and time it takes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/streams.h"

static const cli_spec spec = {
    .command = CLI(info),
    .instead = "a checkpoint is given with --model",
    .summary = "Prints the shapes and sizes of a checkpoint.",
    .details = "Only config.json and the headers of the tensor files are read, no weights.\n"
               "Bytes are given as stored and for each value of --weights. A decoded token\n"
               "reads all weights except the embedding, of which it reads one row.\n",
};

/* Memory that the checkpoint takes with every matrix in one weight format, and how much of it is read for each
 * decoded token; both in bytes. */
enum { FORMATS_MAX = 32 };
typedef struct cost {
    const char *name;
    uint64_t resident, read;
} cost;

/* Fills costs, one entry for each weight format, and sets *count. */
static int price(const xlstm_hparams *h, cost costs[FORMATS_MAX], int *count, xlstm_error *err) {
    for (*count = 0; *count < FORMATS_MAX; ++*count) {
        cost *c = &costs[*count];
        if (xlstm_weight_format_at(*count, &c->name, NULL, NULL)) break;
        int status = xlstm_weight_format_cost(*count, h, &c->resident, &c->read, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Floating-point operations per prefilled token in the linear layers: two for each weight. The embedding does
 * none unless it is also the head. */
static double linear_flops(const xlstm_hparams *h, const xlstm_tensor_spec *specs, size_t count) {
    double weights = 0;
    for (size_t i = 0; i < count; i++) {
        if (specs[i].rank == 2 && (i || h->tie_word_embeddings))
            weights += (double)specs[i].shape[0] * (double)specs[i].shape[1];
    }
    return 2 * weights;
}

/* Formats a number as "6,865,424,896". */
static const char *grouped(uint64_t x, char text[32]) {
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, x), used = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

/* Formats an amount as "13.32 GB", with decimal prefixes. */
static const char *amount(double bytes, char text[32]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, 32, unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

static void print_shapes(const xlstm_hparams *h) {
    printf("embedding_dim     %" PRId64 "\n", h->embedding_dim);
    printf("num_blocks        %" PRId64 "\n", h->num_blocks);
    printf("num_heads         %" PRId64 " (q and k %" PRId64 ", v %" PRId64 " each)\n", h->num_heads, h->qk_head,
           h->v_head);
    printf("vocab_size        %" PRId64 "\n", h->vocab_size);
    printf("qk_dim, v_dim     %" PRId64 ", %" PRId64 "\n", h->qk_dim, h->v_dim);
    printf("ffn_dim           %" PRId64 "\n", h->ffn_dim);
    printf("soft caps         gates %g, logits %g\n", h->gate_soft_cap, h->output_logit_soft_cap);
    printf("eps               norms %g, cell %g\n", h->norm_eps, h->eps);
    printf("form              %s%s%s%s\n", h->fused ? "fused" : "single", h->use_bias ? ", biases" : "",
           h->add_out_norm ? "" : ", no out norm", h->tie_word_embeddings ? ", tied head" : "");
    char ids[2][24];
    const int64_t values[2] = {h->bos_token_id, h->eos_token_id};
    for (int i = 0; i < 2; i++) {
        if (values[i] < 0) snprintf(ids[i], sizeof ids[i], "none");
        else snprintf(ids[i], sizeof ids[i], "%" PRId64, values[i]);
    }
    printf("bos, eos          %s, %s\n", ids[0], ids[1]);
}

/* Names the matrices whose rows do not end at the end of a block of a format. */
static void print_uneven_rows(const xlstm_hparams *h, const cost *costs, int count) {
    const int64_t widths[] = {h->embedding_dim, h->v_dim, h->ffn_dim};
    for (int f = 0; f < count; f++) {
        for (int i = 0; i < 3; i++) {
            int held = f;
            int64_t filled = widths[i];
            bool seen = false;
            for (int j = 0; j < i; j++) seen |= widths[j] == widths[i];
            if (seen || xlstm_weight_format_rows(f, widths[i], &held, &filled)) continue;
            if (held != f)
                printf("%s: rows of %" PRId64 " are too short for its blocks and are held in %s\n", costs[f].name,
                       widths[i], costs[held].name);
            if (filled != widths[i])
                printf("%s: rows of %" PRId64 " are filled up to %" PRId64 "\n", costs[held].name, widths[i],
                       filled);
        }
    }
}

static void print_text(const char *dir, const xlstm_hparams *h, const xlstm_model_info *info, const cost *costs,
                       int count, double flops) {
    char text[32];
    printf("checkpoint        %s\n", cli_plain(dir));
    /* On a terminal the line fits, and what is copied from it is whole. */
    printf("fingerprint%s%s\n", isatty(STDOUT_FILENO) ? "  " : "       ", info->fingerprint);
    print_shapes(h);
    printf("parameters        %s\n", grouped(info->parameters, text));
    printf("stored            %s in %" PRIu64 " file%s", amount((double)info->stored_bytes, text), info->files,
           info->files == 1 ? "" : "s");
    const char *before = " (";
    for (int i = 0; i < XLSTM_DTYPE_COUNT; i++) {
        if (!info->stored_bytes_by[i]) continue;
        printf("%s%s %s", before, xlstm_dtype_name((xlstm_dtype)i), amount((double)info->stored_bytes_by[i], text));
        before = ", ";
    }
    printf(")\n");
    if (info->stored_bytes_by[XLSTM_U8])
        printf("in blocks         %s\n",
               info->stored_weights ? costs[info->stored_weights - 1].name : "of several formats");
    printf("state             %s a sequence\n", amount((double)info->state_bytes, text));
    printf("prefill           %.3g GFLOP a token in the linear layers\n\n", flops * 1e-9);
    printf("%-17s %12s %16s\n", "--weights", "in memory", "read per token");
    printf("%-17s %12s", "stored", amount((double)info->resident_bytes, text));
    printf(" %16s\n", amount((double)info->decode_read_bytes, text));
    for (int f = 0; f < count; f++) {
        printf("%-17s %12s", costs[f].name, amount((double)costs[f].resident, text));
        printf(" %16s\n", amount((double)costs[f].read, text));
    }
    print_uneven_rows(h, costs, count);
}

static json_t *id_json(int64_t id) {
    return id < 0 ? json_null() : json_integer(id);
}

static json_t *cost_json(uint64_t resident, uint64_t read) {
    return json_pack("{s:I, s:I}", "resident_bytes", (json_int_t)resident, "decode_read_bytes", (json_int_t)read);
}

static json_t *to_json(const char *dir, const xlstm_hparams *h, const xlstm_model_info *info, const cost *costs,
                       int count, double flops) {
    json_t *by = json_object(), *weights = json_object();
    for (int i = 0; i < XLSTM_DTYPE_COUNT; i++) {
        if (info->stored_bytes_by[i])
            json_object_set_new(by, xlstm_dtype_name((xlstm_dtype)i),
                                json_integer((json_int_t)info->stored_bytes_by[i]));
    }
    json_object_set_new(weights, "stored", cost_json(info->resident_bytes, info->decode_read_bytes));
    for (int f = 0; f < count; f++)
        json_object_set_new(weights, costs[f].name, cost_json(costs[f].resident, costs[f].read));
    json_t *root =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:I, s:f, s:o}", "checkpoint", dir, "fingerprint",
                  info->fingerprint, "parameters", (json_int_t)info->parameters, "files", (json_int_t)info->files,
                  "stored_bytes", (json_int_t)info->stored_bytes, "stored_bytes_by", by, "state_bytes",
                  (json_int_t)info->state_bytes, "prefill_linear_flop_per_token", flops, "weights", weights);
    json_t *shapes = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "embedding_dim", (json_int_t)h->embedding_dim,
        "num_blocks", (json_int_t)h->num_blocks, "num_heads", (json_int_t)h->num_heads, "vocab_size",
        (json_int_t)h->vocab_size, "qk_dim", (json_int_t)h->qk_dim, "v_dim", (json_int_t)h->v_dim, "qk_head",
        (json_int_t)h->qk_head, "v_head", (json_int_t)h->v_head, "ffn_dim", (json_int_t)h->ffn_dim);
    json_t *rest = json_pack("{s:f, s:f, s:f, s:f, s:b, s:b, s:b, s:b, s:o, s:o}", "gate_soft_cap",
                             h->gate_soft_cap, "output_logit_soft_cap", h->output_logit_soft_cap, "norm_eps",
                             h->norm_eps, "eps", h->eps, "use_bias", h->use_bias, "add_out_norm", h->add_out_norm,
                             "fused", h->fused, "tie_word_embeddings", h->tie_word_embeddings, "bos_token_id",
                             id_json(h->bos_token_id), "eos_token_id", id_json(h->eos_token_id));
    json_object_update(shapes, rest);
    json_object_set_new(root, "hparams", shapes);
    json_decref(rest);
    return root;
}

static int info(cli_config *cfg, xlstm_error *err) {
    xlstm_hparams h;
    xlstm_model_info figures;
    xlstm_tensor_spec *specs = NULL;
    size_t count = 0;
    cost costs[FORMATS_MAX];
    int formats = 0;
    const char *dir = cli_model_path(cfg, err);
    if (!dir) return err->status;
    int status = xlstm_checkpoint_inspect(dir, &h, &figures, err);
    if (!status) status = xlstm_checkpoint_layout(&h, NULL, &count, err);
    if (status) return status;
    specs = xl_array(count, sizeof *specs);
    if (!specs) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    status = xlstm_checkpoint_layout(&h, specs, &count, err);
    if (!status) status = price(&h, costs, &formats, err);
    if (!status) {
        double flops = linear_flops(&h, specs, count);
        if (cli_bool(cfg, "json")) {
            json_t *root = to_json(dir, &h, &figures, costs, formats, flops);
            status = cli_print_json(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15), stdout, err);
            json_decref(root);
        } else {
            print_text(dir, &h, &figures, costs, formats, flops);
        }
    }
    free(specs);
    return status;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err = {0};
    code = info(cfg, &err) ? cli_fail(cfg, &err) : 0;
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_info = {"print the shapes and sizes of a checkpoint", run};
