#include "model/checkpoint.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "format/checkpoint_folder.h"
#include "format/model_config.h"
#include "format/safetensors.h"
#include "format/shard_index.h"
#include "model/block_map.h"

#define INDEX_LIMIT ((size_t)256 << 20)

static int out_of_memory(const xl_checkpoint *c, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", c->dir ? c->dir : "checkpoint");
}

/* Two kinds of problems: tensors that are wanted and missing or wrong, and tensors that are there and not wanted.
 * Each has its share of an error's text, so that names that are there are shown beside those that are missing. */
enum { WRONG, STRANGE, KINDS };

/* Problems found, as many as fit, and the number of all. */
typedef struct problems {
    char text[KINDS][500];
    size_t used[KINDS], count, left_out, missing;
} problems;

static void problem(problems *p, int kind, const char *format, ...) XLSTM_PRINTF(3, 4);
static void problem(problems *p, int kind, const char *format, ...) {
    static const size_t share[KINDS] = {[WRONG] = 500, [STRANGE] = 260};
    char line[300];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0) return;
    size_t *used = &p->used[kind];
    p->count++;
    if (*used + strlen(line) + 3 > share[kind]) {
        p->left_out++;
        return;
    }
    *used += (size_t)snprintf(p->text[kind] + *used, share[kind] - *used, "%s%s", *used ? "; " : "", line);
}

static int report(const problems *p, const xl_checkpoint *c, xlstm_error *err) {
    if (!p->count) return XLSTM_OK;
    char more[40] = "", there[200] = "";
    if (p->left_out) snprintf(more, sizeof more, "; and %zu more", p->left_out);
    if (p->missing && !p->used[STRANGE]) {
        size_t used = 0;
        for (size_t i = 0; i < c->stored_count && i < 2; i++)
            used += (size_t)snprintf(there + used, sizeof there - used, "%s'%.60s'",
                                     i ? ", " : "; there are: ", c->stored[i].tensor->name);
    }
    return xl_fail(err, XLSTM_EFORMAT, "%.160s: %zu tensor%s wrong: %s%s%s%s%s", c->dir, p->count,
                   p->count == 1 ? " is" : "s are", p->text[WRONG], p->used[WRONG] && p->used[STRANGE] ? "; " : "",
                   p->text[STRANGE], more, there);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_file(xl_checkpoint *c, const char *name, xlstm_error *err) {
    char *path = xl_path_join(c->dir, name);
    xlstm_tensor_file **grown = realloc(c->files, (c->file_count + 1) * sizeof(xlstm_tensor_file *));
    if (grown) c->files = grown;
    int status =
        path && grown ? xlstm_tensor_file_open(&c->files[c->file_count], path, err) : out_of_memory(c, err);
    if (!status) c->file_count++;
    free(path);
    return status;
}

/* Opens every shard that the index names, in order of their names. */
static int open_shards(xl_checkpoint *c, const xl_shard_index *index, const char *path, xlstm_error *err) {
    for (size_t i = 0; i < index->file_count; i++) {
        int status = add_file(c, index->files[i], err);
        if (status == XLSTM_ENOTFOUND)
            status = xl_fail(err, status, "%s/%s: no such file, which %s names: the download may not have finished",
                             c->dir, index->files[i], path);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Says which tensors are not where the index has them. The checkpoint's files are those of the index, in order. */
static void check_index(const xl_checkpoint *c, const xl_shard_index *index, problems *p) {
    size_t at = 0;
    for (size_t i = 0; i < index->count; i++) {
        const xl_sharded *t = &index->tensors[i];
        if (strcmp(index->files[at], t->file)) {
            const char **file = bsearch(&t->file, index->files, index->file_count, sizeof *file, by_text);
            at = (size_t)(file - index->files);
        }
        assert(c->files);
        if (!xlstm_tensor_file_find(c->files[at], t->tensor))
            problem(p, WRONG, "'%.128s' is not in %.80s as the index says", t->tensor, t->file);
    }
}

static int open_files(xl_checkpoint *c, problems *p, xlstm_error *err) {
    char *single = xl_path_join(c->dir, "model.safetensors");
    char *index = xl_path_join(c->dir, "model.safetensors.index.json"), *text;
    size_t bytes;
    int status;
    if (!single || !index) {
        status = out_of_memory(c, err);
    } else if (xl_is_file(single)) {
        status = add_file(c, "model.safetensors", err);
    } else if (!xl_is_file(index)) {
        char why[256];
        status = xl_fail(err, XLSTM_ENOTFOUND,
                         "%s: neither model.safetensors nor model.safetensors.index.json is there%s", c->dir,
                         xl_explain_folder(c->dir, why, sizeof why));
    } else {
        status = xl_file_read(index, INDEX_LIMIT, &text, &bytes, err);
        if (status) goto out;
        xl_shard_index shards;
        status = xl_shard_index_parse(&shards, index, text, bytes, err);
        if (status) goto out;
        status = open_shards(c, &shards, index, err);
        if (!status) check_index(c, &shards, p);
        xl_shard_index_release(&shards);
    }
out:
    free(index);
    free(single);
    return status;
}

static int by_name(const void *a, const void *b) {
    const xl_stored *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->tensor->name, y->tensor->name);
}

static int plain_format(xlstm_dtype dtype) {
    return dtype == XLSTM_F32    ? XL_FORMAT_F32
           : dtype == XLSTM_F16  ? XL_FORMAT_F16
           : dtype == XLSTM_BF16 ? XL_FORMAT_BF16
                                 : -1;
}

/* A file whose metadata names the formats of tensors of bytes. */
typedef struct block_file {
    const xlstm_tensor_file *file;
    xl_stored *stored; /* its tensors */
} block_file;

static const char *set_format(void *user, const char *name, xl_format_id format) {
    const block_file *b = user;
    const xlstm_tensor *t = xlstm_tensor_file_find(b->file, name);
    if (!t || t->dtype != XLSTM_U8) return "no tensor of bytes has that name";
    b->stored[t - xlstm_tensor_file_at(b->file, 0)].format = (int)format;
    return NULL;
}

/* Gives the tensors of file `f`, which `stored` lists, the formats that the file's metadata names for bytes. */
static int read_blocks(const xl_checkpoint *c, size_t f, xl_stored *stored, xlstm_error *err) {
    const char *map = xlstm_tensor_file_metadata(c->files[f], XL_BLOCKS_KEY);
    if (!map) return XLSTM_OK;
    char *text = strdup(map), *where = xl_format("%s: metadata " XL_BLOCKS_KEY, xl_tensor_file_path(c->files[f]));
    block_file b = {c->files[f], stored};
    int status =
        text && where ? xl_block_map_read(where, text, strlen(text), set_format, &b, err) : out_of_memory(c, err);
    free(text);
    free(where);
    return status;
}

static int collect(xl_checkpoint *c, xlstm_error *err) {
    size_t total = 0;
    assert(c->files || !c->file_count);
    for (size_t f = 0; f < c->file_count; f++) total += xlstm_tensor_file_count(c->files[f]);
    c->stored = xl_array(total, sizeof *c->stored);
    if (!c->stored) return out_of_memory(c, err);
    for (size_t f = 0; f < c->file_count; f++) {
        for (size_t i = 0; i < xlstm_tensor_file_count(c->files[f]); i++) {
            xl_stored *s = &c->stored[c->stored_count++];
            s->tensor = xlstm_tensor_file_at(c->files[f], i);
            s->file = f;
            s->format = plain_format(s->tensor->dtype);
            if (!xl_canonical_name(s->tensor->name, s->name)) s->name[0] = 0;
        }
        int status = read_blocks(c, f, c->stored + c->stored_count - xlstm_tensor_file_count(c->files[f]), err);
        if (status) return status;
    }
    qsort(c->stored, c->stored_count, sizeof *c->stored, by_name);
    return XLSTM_OK;
}

static int compare_name(const void *key, const void *element) {
    const xl_stored *s = element;
    return strcmp(key, s->name);
}

const xl_stored *xl_checkpoint_find(const xl_checkpoint *c, const char *name) {
    return c->stored_count ? bsearch(name, c->stored, c->stored_count, sizeof *c->stored, compare_name) : NULL;
}

static void check_tensor(const xlstm_tensor_spec *spec, const xl_stored *s, problems *p) {
    char wanted[64], found[120], there[64];
    xl_shape_text(spec->rank, spec->shape, wanted, sizeof wanted);
    if (!s) {
        problem(p, WRONG, "missing '%s' %s", spec->name, wanted);
        p->missing++;
        return;
    }
    const xlstm_tensor *t = s->tensor;
    if (t->dtype == XLSTM_U8 && s->format >= 0) {
        /* Rows of bytes, each as long as the blocks of its columns. */
        const int64_t shape[2] = {spec->shape[0],
                                  (int64_t)xl_format_row_bytes((xl_format_id)s->format, spec->shape[1])};
        if (spec->rank != 2 || t->rank != 2 || t->shape[0] != shape[0] || t->shape[1] != shape[1])
            problem(p, WRONG, "'%.128s' is %s of %s, wanted %s for %s", t->name,
                    xl_shape_text(t->rank, t->shape, found, sizeof found), xl_format_get(s->format)->name,
                    spec->rank == 2 ? xl_shape_text(2, shape, there, sizeof there) : "no blocks", wanted);
        return;
    }
    bool same = t->rank == spec->rank;
    for (int i = 0; same && i < t->rank; i++) same = t->shape[i] == spec->shape[i];
    if (!same)
        problem(p, WRONG, "'%.128s' is %s, wanted %s%s", t->name,
                xl_shape_text(t->rank, t->shape, found, sizeof found), wanted,
                t->bytes ? "" : ": it was saved without its values, as DeepSpeed ZeRO-3 does");
    else if (t->dtype != XLSTM_F32 && t->dtype != XLSTM_F16 && t->dtype != XLSTM_BF16)
        problem(p, WRONG, "'%.128s' is %s, wanted F32, F16 or BF16", t->name, xlstm_dtype_name(t->dtype));
}

static int compare_spec(const void *a, const void *b) {
    const xlstm_tensor_spec *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Compares the layout with the files: both sorted by name, walked together. */
static int check_layout(const xl_checkpoint *c, problems *p, xlstm_error *err) {
    const xlstm_tensor_spec **sorted = xl_array(c->spec_count, sizeof *sorted);
    if (!sorted) return out_of_memory(c, err);
    for (size_t i = 0; i < c->spec_count; i++) {
        sorted[i] = &c->specs[i];
        check_tensor(&c->specs[i], xl_checkpoint_find(c, c->specs[i].name), p);
    }
    qsort(sorted, c->spec_count, sizeof *sorted, compare_spec);
    size_t next = 0;
    for (size_t i = 0; i < c->stored_count; i++) {
        const xl_stored *s = &c->stored[i];
        while (next < c->spec_count && strcmp(sorted[next]->name, s->name) < 0) next++;
        bool wanted = next < c->spec_count && !strcmp(sorted[next]->name, s->name);
        if (i && s->name[0] && !strcmp(s->name, c->stored[i - 1].name))
            problem(p, WRONG, "'%.128s' is there twice ('%.128s')", s->tensor->name, c->stored[i - 1].tensor->name);
        else if (!wanted && s->tensor->bytes) problem(p, STRANGE, "unexpected '%.128s'", s->tensor->name);
    }
    free(sorted);
    return XLSTM_OK;
}

/* Whether the files hold a tensor of that name, with values: some programs leave empty ones where a tensor was. */
static bool holds(const xl_checkpoint *c, const char *name) {
    const xl_stored *s = xl_checkpoint_find(c, name);
    return s && s->tensor->bytes;
}

/* Where the files and the config's flags differ, the files count. */
static void detect_form(xl_checkpoint *c) {
    xlstm_hparams *h = &c->hparams;
    bool single = holds(c, "backbone.blocks.0.mlstm_layer.q.weight");
    bool fused = holds(c, "backbone.blocks.0.mlstm_layer.qkv_opreact.weight");
    if (single != fused) h->fused = fused;
    if (h->tie_word_embeddings && holds(c, "lm_head.weight")) {
        if (holds(c, "backbone.embeddings.weight")) {
            h->tie_word_embeddings = false;
        } else {
            /* Writers keep either of the two names of one tensor. */
            xl_stored *head = (xl_stored *)(uintptr_t)xl_checkpoint_find(c, "lm_head.weight");
            snprintf(head->name, sizeof head->name, "backbone.embeddings.weight");
            qsort(c->stored, c->stored_count, sizeof *c->stored, by_name);
        }
    }
    if (holds(c, "backbone.out_norm.weight")) h->add_out_norm = true;
    h->out_norm_bias = h->use_bias && holds(c, "backbone.out_norm.bias");
}

/* Refuses a state_dict of a wrapped model, in which every name has a prefix, and one of another class, in which
 * every name begins otherwise. */
static int check_wrapper(const xl_checkpoint *c, xlstm_error *err) {
    static const char *const first[] = {"backbone.embeddings.weight", "embedding.weight"};
    if (xl_checkpoint_find(c, "backbone.embeddings.weight")) return XLSTM_OK;
    for (size_t i = 0; i < c->stored_count; i++) {
        const char *name = c->stored[i].tensor->name;
        for (int k = 0; k < 2; k++) {
            size_t n = strlen(name), m = strlen(first[k]);
            if (n <= m || strcmp(name + n - m, first[k]) || name[n - m - 1] != '.') continue;
            return xl_fail(
                err, XLSTM_EFORMAT,
                "%.160s: names begin with '%.*s' ('%.128s'), wanted '%s': a wrapper of the model was saved "
                "(DataParallel, torch.compile, a trainer); save the state_dict of the model inside it",
                c->dir, (int)(n - m < 60 ? n - m : 60), name, name, first[k]);
        }
        const char *end = strstr(name, "embeddings.weight");
        if (!end || strcmp(end, "embeddings.weight") || (end > name && end[-1] != '.')) continue;
        return xl_fail(err, XLSTM_EFORMAT, "%.160s: the embedding's name is '%.128s', wanted '%s': %s", c->dir,
                       name, first[0],
                       end == name ? "a model without its head was saved (xLSTMModel); save the xLSTMForCausalLM"
                                   : "the model was saved from another class than xLSTMForCausalLM");
    }
    return XLSTM_OK;
}

/* config.json of a folder that may be something else. */
static int read_config(xl_checkpoint *c, xlstm_error *err) {
    int status = xl_check_folder(c->dir, err);
    if (status) return status;
    xlstm_hparams hparams = {0};
    status = xl_config_read(&hparams, c->dir, err);
    c->hparams = hparams;
    if (status != XLSTM_ENOTFOUND) return status;
    char why[256];
    return xl_fail(err, status, "%s/config.json: no such file%s", c->dir,
                   xl_explain_folder(c->dir, why, sizeof why));
}

int xl_checkpoint_open(xl_checkpoint *c, const char *dir, xlstm_error *err) {
    memset(c, 0, sizeof *c);
    problems p = {.used = 0};
    c->dir = strdup(dir);
    if (!c->dir) return out_of_memory(c, err);
    int status = read_config(c, err);
    if (!status) status = open_files(c, &p, err);
    if (!status) status = collect(c, err);
    if (!status) status = check_wrapper(c, err);
    if (status) return status;
    detect_form(c);
    status = xlstm_checkpoint_layout(&c->hparams, NULL, &c->spec_count, err);
    if (status) return status;
    c->specs = xl_array(c->spec_count, sizeof *c->specs);
    if (!c->specs) return out_of_memory(c, err);
    status = xlstm_checkpoint_layout(&c->hparams, c->specs, &c->spec_count, err);
    if (!status) status = check_layout(c, &p, err);
    return status ? status : report(&p, c, err);
}

void xl_checkpoint_close(xl_checkpoint *c) {
    /* In the reverse order, in which each mapping is the first of the list of mappings. */
    for (size_t i = c->file_count; i-- > 0;) xlstm_tensor_file_close(c->files[i]);
    free(c->files);
    free(c->stored);
    free(c->specs);
    free(c->dir);
    memset(c, 0, sizeof *c);
}

static void hash_number(xl_sha256 *hash, int64_t x) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)x >> 8 * i & 0xff);
    xl_sha256_update(hash, bytes, sizeof bytes);
}

static void hash_real(xl_sha256 *hash, double x) {
    char text[40];
    int n = snprintf(text, sizeof text, "%.17g", x);
    xl_sha256_update(hash, text, (size_t)n + 1);
}

static void hash_hparams(xl_sha256 *hash, const xlstm_hparams *h) {
    const int64_t sizes[] = {
        h->embedding_dim, h->num_blocks,   h->num_heads, h->vocab_size,         h->qk_dim, h->v_dim, h->ffn_dim,
        h->use_bias,      h->add_out_norm, h->fused,     h->tie_word_embeddings};
    const double reals[] = {h->gate_soft_cap, h->output_logit_soft_cap, h->norm_eps, h->eps};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) hash_number(hash, sizes[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) hash_real(hash, reals[i]);
}

/* Up to BLOCKS blocks of BLOCK bytes, the first at the beginning, the last at the end. */
static int hash_sample(xl_sha256 *hash, const xl_checkpoint *c, const xl_stored *s, xlstm_error *err) {
    enum { BLOCK = 1024, BLOCKS = 8 };
    static const size_t whole = (size_t)BLOCK * BLOCKS;
    unsigned char block[BLOCK];
    size_t bytes = s->tensor->bytes, count = bytes > whole ? BLOCKS : (bytes + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < count; i++) {
        size_t first = bytes > whole ? (bytes - BLOCK) / (BLOCKS - 1) * i : i * BLOCK;
        if (bytes > whole && i + 1 == BLOCKS) first = bytes - BLOCK;
        size_t n = bytes - first < BLOCK ? bytes - first : BLOCK;
        int status = xl_tensor_file_read(c->files[s->file], s->tensor, first, block, n, err);
        if (status) return status;
        xl_sha256_update(hash, block, n);
    }
    return XLSTM_OK;
}

/* The choice of the tunable `weights` with which all matrices would be held as they are stored. */
static int64_t common_format(const xl_checkpoint *c) {
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        bool all = true;
        for (size_t i = 0; i < c->spec_count && all; i++) {
            const xlstm_tensor_spec *spec = &c->specs[i];
            const xl_stored *s = xl_checkpoint_find(c, spec->name);
            if (spec->rank != 2 || !s) continue;
            all = s->format == (int)xl_held_format((xl_format_id)f, xl_is_gate(spec->name), spec->shape[1]);
        }
        if (all) return 1 + f;
    }
    return XLSTM_WEIGHTS_STORED;
}

int xl_checkpoint_info(const xl_checkpoint *c, xlstm_model_info *info, xlstm_error *err) {
    const xlstm_hparams *h = &c->hparams;
    xl_sha256 hash;
    memset(info, 0, sizeof *info);
    info->files = c->file_count;
    xl_sha256_init(&hash);
    hash_hparams(&hash, h);
    for (size_t i = 0; i < c->spec_count; i++) {
        const xlstm_tensor_spec *spec = &c->specs[i];
        const xl_stored *s = xl_checkpoint_find(c, spec->name);
        size_t elements, bytes;
        if (!s || !xl_tensor_size(XLSTM_U8, spec->rank, spec->shape, &elements, &bytes))
            return xl_fail(err, XLSTM_EINTERNAL, "%s: '%s' is missing although it was found before", c->dir,
                           spec->name);
        bytes = s->tensor->bytes;
        info->parameters += elements;
        info->stored_bytes += bytes;
        info->stored_bytes_by[s->tensor->dtype] += bytes;
        uint64_t held = spec->rank == 2 ? bytes : elements * sizeof(float);
        bool embedding = i == 0 && !h->tie_word_embeddings;
        info->resident_bytes += held;
        info->decode_read_bytes += embedding ? held / (uint64_t)h->vocab_size : held;
        xl_sha256_update(&hash, spec->name, strlen(spec->name) + 1);
        hash_number(&hash, s->tensor->dtype == XLSTM_U8 ? XLSTM_DTYPE_ROOM + s->format : (int64_t)s->tensor->dtype);
        for (int r = 0; r < spec->rank; r++) hash_number(&hash, spec->shape[r]);
        int status = hash_sample(&hash, c, s, err);
        if (status) return status;
    }
    info->state_bytes = xl_state_bytes(h, XL_FORMAT_F32);
    xl_sha256_hex(&hash, info->fingerprint);
    info->stored_weights = common_format(c);
    return XLSTM_OK;
}

uint64_t xl_state_bytes(const xlstm_hparams *h, xl_format_id format) {
    const uint64_t keys = (uint64_t)h->qk_head, each = xl_format_get((int)format)->block_bytes;
    return (uint64_t)h->num_blocks * (uint64_t)h->num_heads *
           (keys * (uint64_t)h->v_head * each + (keys + 1) * sizeof(float));
}

int xlstm_checkpoint_inspect(const char *dir, xlstm_hparams *hparams, xlstm_model_info *info, xlstm_error *err) {
    xl_checkpoint c;
    int status = xl_checkpoint_open(&c, dir, err);
    if (!status && hparams) *hparams = c.hparams;
    if (!status && info) status = xl_checkpoint_info(&c, info, err);
    xl_checkpoint_close(&c);
    return status;
}
