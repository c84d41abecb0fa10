#include "format/model_config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "format/foreign_json.h"

#define CONFIG_LIMIT ((size_t)16 << 20)

/* These limits keep every product of two sizes inside int64; they are far above any model. */
#define MAX_WIDTH ((int64_t)1 << 24)
#define MAX_BLOCKS ((int64_t)1 << 16)
#define MAX_VOCABULARY ((int64_t)INT32_MAX)

/* The config that is being read. The first failure is kept, and later reads do nothing. */
typedef struct reader {
    const char *path;
    json_t *root;
    xlstm_error *err;
    int status;
} reader;

/* A value as short text for a message. */
static const char *value_text(json_t *value, char text[64]) {
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    snprintf(text, 64, "%.60s", dump ? dump : "?");
    free(dump);
    return text;
}

/* The field's value; NULL where it is missing or null, or an earlier field failed. */
static json_t *field(reader *r, const char *key) {
    json_t *value = r->status ? NULL : json_object_get(r->root, key);
    return json_is_null(value) ? NULL : value;
}

static void refuse(reader *r, const char *key, json_t *value, const char *wanted) {
    char text[64];
    r->status =
        xl_fail(r->err, XLSTM_EFORMAT, "%s: %s is %s, wanted %s", r->path, key, value_text(value, text), wanted);
}

static int64_t integer(reader *r, const char *key, int64_t preset, int64_t min, int64_t max) {
    json_t *value = field(r, key);
    if (!value) return preset;
    int64_t n = json_integer_value(value);
    if (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)) &&
        fabs(json_real_value(value)) < 1e15)
        n = (int64_t)json_real_value(value);
    else if (!json_is_integer(value)) n = min - 1;
    if (n < min || n > max) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "an integer from %" PRId64 " to %" PRId64, min, max);
        refuse(r, key, value, wanted);
    }
    return n;
}

/* One size with two names. */
static int64_t size(reader *r, const char *key, const char *other, int64_t preset, int64_t max) {
    int64_t a = integer(r, key, 0, 1, max), b = integer(r, other, 0, 1, max);
    if (!r->status && a && b && a != b)
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s is %" PRId64 " but %s is %" PRId64 ", wanted the same",
                            r->path, key, a, other, b);
    return a ? a : b ? b : preset;
}

/* A number in (0, max], or [0, max] where zero is allowed. */
static double number(reader *r, const char *key, double preset, bool zero, double max) {
    json_t *value = field(r, key);
    if (!value) return preset;
    double x = json_is_number(value) ? json_number_value(value) : -1;
    if (!(x <= max) || x < 0 || (x == 0 && !zero)) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "a number %s to %g", zero ? "from 0" : "over 0", max);
        refuse(r, key, value, wanted);
    }
    return x;
}

/* A cap must not be null: to the reference null means no cap, and guessing 15 or 30 would be silently wrong. */
static double cap(reader *r, const char *key, double preset) {
    json_t *value = r->status ? NULL : json_object_get(r->root, key);
    if (value && json_is_null(value))
        r->status = xl_fail(r->err, XLSTM_EUNSUPPORTED, "%s: %s is null, wanted a number over 0", r->path, key);
    return number(r, key, preset, false, 1e30);
}

static bool boolean(reader *r, const char *key, bool preset) {
    json_t *value = field(r, key);
    if (!value) return preset;
    if (!json_is_boolean(value)) refuse(r, key, value, "true or false");
    return json_is_true(value);
}

/* A token id, the first of a list, or -1. */
static int64_t token(reader *r, const char *key, int64_t vocab_size) {
    json_t *value = field(r, key);
    if (json_is_array(value)) {
        value = json_array_get(value, 0);
        if (json_is_null(value)) value = NULL;
    }
    if (!value) return -1;
    const int64_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < -1 || id >= vocab_size) {
        char wanted[128];
        snprintf(wanted, sizeof wanted, "an id from 0 to %" PRId64 " (vocab_size less 1), a list of such, or null",
                 vocab_size - 1);
        refuse(r, key, value, wanted);
    }
    return id;
}

/* D * factor as the reference cuts it; a multiple of the heads. */
static int64_t inner_size(reader *r, const char *key, double preset, const xlstm_hparams *h) {
    double factor = number(r, key, preset, false, 1024);
    if (r->status || h->num_heads < 1) return 0;
    int64_t n = (int64_t)((double)h->embedding_dim * factor);
    if (n < h->num_heads || n % h->num_heads || n > MAX_WIDTH)
        r->status = xl_fail(r->err, XLSTM_EFORMAT,
                            "%s: %s %g of width %" PRId64 " is %" PRId64 ", wanted a multiple of num_heads %" PRId64
                            " up to %" PRId64,
                            r->path, key, factor, h->embedding_dim, n, h->num_heads, MAX_WIDTH);
    return n;
}

static int64_t ffn_size(reader *r, const xlstm_hparams *h) {
    double factor = number(r, "ffn_proj_factor", 2.667, false, 1024);
    int64_t multiple = integer(r, "ffn_round_up_to_multiple_of", 64, 1, MAX_WIDTH);
    if (r->status) return 0;
    /* Python's floor division of floats: exact remainder first, then the quotient. */
    double x = (double)h->embedding_dim * factor + (double)multiple - 1;
    int64_t n = (int64_t)floor((x - fmod(x, (double)multiple)) / (double)multiple + 0.5) * multiple;
    if (n < 1 || n > MAX_WIDTH)
        r->status = xl_fail(r->err, XLSTM_EFORMAT,
                            "%s: ffn_proj_factor %g of width %" PRId64 " is %" PRId64 ", wanted 1 to %" PRId64,
                            r->path, factor, h->embedding_dim, n, MAX_WIDTH);
    return n;
}

static bool fused(reader *r) {
    json_t *value = field(r, "weight_mode");
    if (!value) return false;
    const char *mode = json_string_value(value);
    if (!mode || (strcmp(mode, "single") && strcmp(mode, "fused")))
        refuse(r, "weight_mode", value, "\"single\" or \"fused\"");
    return mode && !strcmp(mode, "fused");
}

/* The reference writes "xlstm"; a folder of another architecture is refused before its sizes are looked at. */
static void check_model_type(reader *r) {
    json_t *value = field(r, "model_type");
    const char *type = json_string_value(value);
    if (type && !strcasestr(type, "lstm")) {
        char text[64];
        r->status = xl_fail(r->err, XLSTM_EUNSUPPORTED, "%s: model_type is %s, wanted \"xlstm\"", r->path,
                            value_text(value, text));
    }
}

/* Every key that read_fields looks at; whatever else a config holds is skipped unread. */
static xl_json_use used(size_t depth, const char *const keys[], char first) {
    static const char *const list[] = {"model_type",
                                       "embedding_dim",
                                       "hidden_size",
                                       "num_blocks",
                                       "num_heads",
                                       "vocab_size",
                                       "num_hidden_layers",
                                       "qk_dim_factor",
                                       "v_dim_factor",
                                       "ffn_proj_factor",
                                       "norm_eps",
                                       "ffn_round_up_to_multiple_of",
                                       "gate_soft_cap",
                                       "eps",
                                       "use_bias",
                                       "output_logit_soft_cap",
                                       "add_out_norm",
                                       "weight_mode",
                                       "tie_word_embeddings",
                                       "bos_token_id",
                                       "eos_token_id",
                                       NULL};
    return xl_json_listed(keys[depth], list) ? XL_JSON_USE : XL_JSON_IGNORE;
}

static void read_fields(reader *r, xlstm_hparams *h) {
    check_model_type(r);
    h->embedding_dim = size(r, "embedding_dim", "hidden_size", 4096, MAX_WIDTH);
    h->num_blocks = size(r, "num_blocks", "num_hidden_layers", 32, MAX_BLOCKS);
    h->num_heads = integer(r, "num_heads", 8, 1, MAX_WIDTH);
    h->vocab_size = integer(r, "vocab_size", 50304, 1, MAX_VOCABULARY);
    h->qk_dim = inner_size(r, "qk_dim_factor", 0.5, h);
    h->v_dim = inner_size(r, "v_dim_factor", 1, h);
    h->ffn_dim = ffn_size(r, h);
    h->gate_soft_cap = cap(r, "gate_soft_cap", 15);
    h->output_logit_soft_cap = cap(r, "output_logit_soft_cap", 30);
    h->norm_eps = number(r, "norm_eps", 1e-6, true, 1);
    h->eps = number(r, "eps", 1e-6, true, 1);
    h->use_bias = boolean(r, "use_bias", false);
    h->out_norm_bias = h->use_bias;
    h->add_out_norm = boolean(r, "add_out_norm", true);
    h->tie_word_embeddings = boolean(r, "tie_word_embeddings", false);
    h->fused = fused(r);
    h->bos_token_id = token(r, "bos_token_id", h->vocab_size);
    h->eos_token_id = token(r, "eos_token_id", h->vocab_size);
    if (r->status) return;
    h->qk_head = h->qk_dim / h->num_heads;
    h->v_head = h->v_dim / h->num_heads;
}

int xl_config_parse(xlstm_hparams *out, const char *path, const char *text, size_t bytes, xlstm_error *err) {
    memset(out, 0, sizeof *out);
    json_t *root;
    int status = xl_json_read(&root, path, text, bytes, 0, used, err);
    if (status) return status;
    reader r = {.path = path, .root = root, .err = err};
    read_fields(&r, out);
    json_decref(root);
    return r.status;
}

int xl_config_read(xlstm_hparams *out, const char *dir, xlstm_error *err) {
    char *path = xl_path_join(dir, "config.json"), *text = NULL;
    size_t bytes;
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    int status = xl_file_read(path, CONFIG_LIMIT, &text, &bytes, err);
    if (!status) status = xl_config_parse(out, path, text, bytes, err);
    free(text);
    free(path);
    return status;
}
