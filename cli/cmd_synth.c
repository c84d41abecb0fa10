/* xltune synth: writes a checkpoint of random weights. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/pool.h"
#include "base/rng.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/synth_tokenizer.h"

static const cli_spec spec = {
    .command = CLI(synth),
    .instead = "the new folder is given with --out",
    .summary = "Writes a checkpoint of random weights.",
    .details = "The sizes are 160m (768 wide, 12 blocks, 8 heads), 1.3b (2048, 24, 8) and 7b\n"
               "(4096, 32, 8), each with a vocabulary of 50304, or DxBxHxV. The weights are\n"
               "scaled so that activations and logits stay moderate, and forget gates lie\n"
               "between 0.95 and 0.998. A tokenizer is written too: the embedded one, cut or\n"
               "filled to the size of the vocabulary. The folder must be new or empty. A shard\n"
               "holds up to 5 GB. The same seed gives the same weights on every machine.\n",
};

#define SHARD_BYTES ((uint64_t)5000000000)
/* Tensors are made in pieces. Each piece has a random sequence of its own, so that any thread may make any piece
 * and the result is always the same. */
#define PIECE ((size_t)1 << 17) /* elements of a piece */
#define BATCH 16                /* pieces that are made while the previous batch is written */

/* How the values of a tensor are chosen: mean + spread * (a nearly normal number), or equal steps between `from`
 * and `to`. */
typedef struct filling {
    double mean, spread;
    bool steps;
    double from, to;
} filling;

typedef struct piece {
    size_t tensor, first, count;
} piece;

typedef struct batch {
    piece pieces[BATCH];
    int count;
    char *data; /* BATCH pieces of PIECE elements one after the other */
} batch;

typedef struct synth {
    cli_config *cfg;
    const char *out;
    xlstm_hparams h;
    xlstm_dtype dtype;
    uint64_t seed;
    xlstm_tensor_spec *specs;
    size_t count, shards;
    size_t *shard; /* [count]: the shard of each tensor */
    uint64_t bytes;
    uint64_t parameters, made; /* elements of all tensors, and of those written so far */
    bool made_folder;
    int folder; /* open, with a lock on it; -1: not yet */
    xlstm_tensor_writer *writer;
    batch batches[2];
    const batch *writing;
    batch *making;
    int write_status;
    xlstm_error *write_error;
} synth;

static const struct {
    const char *name;
    int64_t width, blocks, heads, vocab;
} known[] = {{"160m", 768, 12, 8, 50304}, {"1.3b", 2048, 24, 8, 50304}, {"7b", 4096, 32, 8, 50304}};

static size_t elements_of(const xlstm_tensor_spec *s) {
    return (size_t)s->shape[0] * (s->rank == 2 ? (size_t)s->shape[1] : 1);
}

/* The width of the feed-forward layer: 2.667 times the embedding's, rounded up to a multiple of 64 as the reader of
 * config.json does. */
static int64_t ffn_size(int64_t width) {
    return (int64_t)floor(((double)width * 2.667 + 63) / 64) * 64;
}

static int read_like(synth *s, const char *like, xlstm_error *err) {
    long long v[4] = {0, 0, 0, 0};
    int end = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (xl_name_distance(like, known[i].name)) continue;
        v[0] = known[i].width;
        v[1] = known[i].blocks;
        v[2] = known[i].heads;
        v[3] = known[i].vocab;
    }
    if (!v[0] && (sscanf(like, "%9lldx%5lldx%5lldx%9lld%n", &v[0], &v[1], &v[2], &v[3], &end) != 4 || like[end]))
        return xl_fail(err, XLSTM_EARG, "--like '%.60s', wanted 160m, 1.3b, 7b or DxBxHxV", like);
    if (v[0] < 2 || v[0] > 1 << 20 || v[1] < 1 || v[2] < 1 || v[3] < 3 || v[0] % 2 || v[0] / 2 % v[2])
        return xl_fail(
            err, XLSTM_EARG,
            "--like '%.60s': width %lld, blocks %lld, heads %lld, vocabulary %lld; wanted an even width up "
            "to 1048576 whose half is a multiple of the heads, at least one block, a vocabulary from 3",
            like, v[0], v[1], v[2], v[3]);
    s->h = (xlstm_hparams){.embedding_dim = v[0],
                           .num_blocks = v[1],
                           .num_heads = v[2],
                           .vocab_size = v[3],
                           .qk_dim = v[0] / 2,
                           .v_dim = v[0],
                           .ffn_dim = ffn_size(v[0]),
                           .add_out_norm = true};
    return XLSTM_OK;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

/* Chooses the values of a tensor. The residual branches are scaled down by the number of blocks, so that their sum
 * stays about as large as the embedding. */
static filling filling_of(const synth *s, const xlstm_tensor_spec *t) {
    double fan_in = t->rank == 2 ? 1 / sqrt((double)t->shape[1]) : 0;
    if (ends_with(t->name, "igate_preact.bias")) return (filling){.mean = -1, .spread = 0.5};
    if (ends_with(t->name, "fgate_preact.bias")) return (filling){.steps = true, .from = 3, .to = 6};
    if (t->rank == 1) return (filling){.mean = 1, .spread = 0.02};
    if (ends_with(t->name, "embeddings.weight")) return (filling){.spread = 1};
    if (ends_with(t->name, "gate_preact.weight") && t->shape[0] == s->h.num_heads)
        return (filling){.spread = 0.3 * fan_in};
    if (ends_with(t->name, "out_proj.weight") || ends_with(t->name, "proj_down.weight"))
        return (filling){.spread = fan_in / sqrt(2 * (double)s->h.num_blocks)};
    if (ends_with(t->name, "lm_head.weight")) return (filling){.spread = 2 * fan_in};
    return (filling){.spread = fan_in};
}

static void store(void *out, size_t i, float x, xlstm_dtype dtype) {
    if (dtype == XLSTM_F32) ((float *)out)[i] = x;
    else ((uint16_t *)out)[i] = dtype == XLSTM_BF16 ? xl_f32_to_bf16(x) : xl_f32_to_f16(x);
}

/* Makes the values of one piece. The sum of four 16-bit uniform numbers is close enough to normal, never more than
 * 3.5 standard deviations from the mean, and needs one random word per value. */
static void make_piece(const synth *s, const piece *p, void *out) {
    const xlstm_tensor_spec *t = &s->specs[p->tensor];
    filling f = filling_of(s, t);
    size_t n = elements_of(t);
    if (f.steps) {
        for (size_t i = 0; i < p->count; i++)
            store(out, i, (float)(f.from + (f.to - f.from) * (double)(p->first + i) / (double)(n > 1 ? n - 1 : 1)),
                  s->dtype);
        return;
    }
    xl_rng rng;
    xl_rng_seed(&rng, s->seed * 0x9e3779b97f4a7c15u + p->tensor * 0xbf58476d1ce4e5b9u + p->first / PIECE);
    /* A uniform 16-bit number has the variance (2^32 - 1) / 12. */
    const double deviation = sqrt(4 * (4294967296.0 - 1) / 12);
    const float scale = (float)(f.spread / deviation), mean = (float)f.mean;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t x = xl_rng_next(&rng);
        int sum = (int)(x & 0xffff) + (int)(x >> 16 & 0xffff) + (int)(x >> 32 & 0xffff) + (int)(x >> 48);
        store(out, i, mean + scale * (float)(sum - 2 * 65535), s->dtype);
    }
}

static void write_batch(synth *s) {
    const batch *b = s->writing;
    size_t size = xlstm_dtype_size(s->dtype);
    for (int i = 0; i < b->count && !s->write_status; i++)
        s->write_status = xlstm_tensor_writer_append(s->writer, b->data + (size_t)i * PIECE * size,
                                                     b->pieces[i].count * size, s->write_error);
}

/* Task 0 writes the previous batch, the other tasks make the pieces of this one. */
static void run_task(void *ctx, int64_t task, int thread) {
    synth *s = ctx;
    if (task == 0) {
        write_batch(s);
    } else {
        const piece *p = &s->making->pieces[task - 1];
        make_piece(s, p, s->making->data + (size_t)(task - 1) * PIECE * xlstm_dtype_size(s->dtype));
    }
}

/* Fills `b` with the next pieces of the shard, from *tensor and *first on. */
static void next_pieces(const synth *s, size_t shard, size_t *tensor, size_t *first, batch *b) {
    b->count = 0;
    while (b->count < BATCH && *tensor < s->count) {
        size_t n = elements_of(&s->specs[*tensor]);
        if (s->shard[*tensor] != shard || *first >= n) {
            ++*tensor;
            *first = 0;
            continue;
        }
        size_t left = n - *first;
        b->pieces[b->count++] = (piece){*tensor, *first, left < PIECE ? left : PIECE};
        *first += PIECE;
    }
}

static char *shard_name(const synth *s, size_t shard) {
    return s->shards == 1 ? xl_format("model.safetensors")
                          : xl_format("model-%05zu-of-%05zu.safetensors", shard + 1, s->shards);
}

static int write_shard(synth *s, size_t shard, xlstm_error *err) {
    char *name = shard_name(s, shard), *path = name ? xl_path_join(s->out, name) : NULL;
    xlstm_tensor *tensors = calloc(s->count, sizeof *tensors);
    size_t count = 0, tensor = 0, first = 0;
    int status = XLSTM_OK, turn = 0;
    if (!path || !tensors) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->out);
        goto out;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->shard[i] != shard) continue;
        tensors[count] = (xlstm_tensor){.name = s->specs[i].name, .dtype = s->dtype, .rank = s->specs[i].rank};
        memcpy(tensors[count++].shape, s->specs[i].shape, sizeof s->specs[i].shape);
    }
    status = xlstm_tensor_writer_begin(&s->writer, path, tensors, count, "{\"format\":\"pt\"}", err);
    if (status) goto out;
    s->write_status = XLSTM_OK;
    s->write_error = err;
    s->batches[0].count = s->batches[1].count = 0;
    do {
        s->making = &s->batches[turn];
        s->writing = &s->batches[!turn];
        turn = !turn;
        next_pieces(s, shard, &tensor, &first, s->making);
        xl_pool_run(xl_pool_shared(), xl_cpu_count(), 1 + s->making->count, run_task, s);
        status = s->write_status;
        for (int i = 0; i < s->making->count; i++) s->made += s->making->pieces[i].count;
        cli_progress("writing the checkpoint: million parameters", s->made / 1000000, s->parameters / 1000000 + 1);
        if (!status && cli_signals_stop()) status = xl_fail(err, XLSTM_ECANCELLED, "%s: stopped", s->out);
    } while (!status && s->making->count);
    if (status) xlstm_tensor_writer_abort(s->writer);
    else status = xlstm_tensor_writer_finish(s->writer, err);
    s->writer = NULL;
out:
    free(tensors);
    free(path);
    free(name);
    return status;
}

static int write_json(const synth *s, const char *name, const json_t *value, xlstm_error *err) {
    char *path = xl_path_join(s->out, name), *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    char *line = text ? xl_format("%s\n", text) : NULL;
    int status = path && line ? xl_file_write(path, line, strlen(line), err)
                              : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->out);
    free(line);
    free(text);
    free(path);
    return status;
}

static int write_index(const synth *s, xlstm_error *err) {
    json_t *map = json_object();
    for (size_t i = 0; i < s->count; i++) {
        char *name = shard_name(s, s->shard[i]);
        json_object_set_new(map, s->specs[i].name, json_string(name ? name : ""));
        free(name);
    }
    json_t *root = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)s->bytes, "weight_map", map);
    int status = root ? write_json(s, "model.safetensors.index.json", root, err)
                      : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->out);
    json_decref(root);
    return status;
}

static int write_config(const synth *s, xlstm_error *err) {
    static const char *const torch[] = {
        [XLSTM_F32] = "float32", [XLSTM_F16] = "float16", [XLSTM_BF16] = "bfloat16"};
    const xlstm_hparams *h = &s->h;
    json_t *root = json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:i, s:f, s:f, s:f, s:f, s:b, s:b, s:s, s:b, "
        "s:i, "
        "s:i, s:i, s:s}",
        "architectures", "xLSTMForCausalLM", "model_type", "xlstm", "embedding_dim", (json_int_t)h->embedding_dim,
        "hidden_size", (json_int_t)h->embedding_dim, "num_blocks", (json_int_t)h->num_blocks, "num_hidden_layers",
        (json_int_t)h->num_blocks, "num_heads", (json_int_t)h->num_heads, "vocab_size", (json_int_t)h->vocab_size,
        "qk_dim_factor", 0.5, "v_dim_factor", 1.0, "ffn_proj_factor", 2.667, "ffn_round_up_to_multiple_of", 64,
        "gate_soft_cap", 15.0, "output_logit_soft_cap", 30.0, "norm_eps", 1e-6, "eps", 1e-6, "use_bias", 0,
        "add_out_norm", 1, "weight_mode", "single", "tie_word_embeddings", 0, "bos_token_id", 0, "eos_token_id", 0,
        "pad_token_id", 1, "torch_dtype", torch[s->dtype]);
    int status =
        root ? write_json(s, "config.json", root, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->out);
    json_decref(root);
    return status;
}

/* The folder must be new or empty, so that no file of the user is ever overwritten, and stays this process's own:
 * of two that begin at once both would find it empty. Where a file system has no locks there is none. */
static int prepare_folder(synth *s, xlstm_error *err) {
    struct stat st;
    int status = XLSTM_OK;
    if (stat(s->out, &st)) {
        s->made_folder = true;
        status = xl_make_folder(s->out, err);
    }
    if (status) return status;
    s->folder = open(s->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder >= 0 && flock(s->folder, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return xl_fail(err, XLSTM_EARG, "%s: another process is writing into it, wanted a new or empty folder",
                       s->out);
    DIR *dir = s->folder < 0 ? NULL : opendir(s->out);
    if (!dir) return xl_fail(err, XLSTM_EIO, "%s: %s", s->out, strerror(errno));
    const struct dirent *entry;
    while (!status && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = xl_fail(err, XLSTM_EARG, "%s: not empty (%.80s), wanted a new or empty folder", s->out,
                             entry->d_name);
    }
    closedir(dir);
    return status;
}

static int check_space(const synth *s, xlstm_error *err) {
    struct statvfs fs;
    if (statvfs(s->out, &fs)) return XLSTM_OK;
    uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (space > s->bytes + s->bytes / 100) return XLSTM_OK;
    return xl_fail(err, XLSTM_EIO, "%s: %.2f GB are needed, %.2f GB are free", s->out, (double)s->bytes * 1e-9,
                   (double)space * 1e-9);
}

/* Lists the tensors and assigns each to a shard. */
static int plan(synth *s, xlstm_error *err) {
    int status = xlstm_checkpoint_layout(&s->h, NULL, &s->count, err);
    if (status) return status;
    s->specs = xl_array(s->count, sizeof *s->specs);
    s->shard = xl_array(s->count, sizeof *s->shard);
    for (int i = 0; i < 2; i++) s->batches[i].data = xl_aligned_alloc(BATCH * PIECE, xlstm_dtype_size(s->dtype));
    if (!s->specs || !s->shard || !s->batches[0].data || !s->batches[1].data)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->out);
    status = xlstm_checkpoint_layout(&s->h, s->specs, &s->count, err);
    uint64_t filled = 0;
    for (size_t i = 0; i < s->count && !status; i++) {
        uint64_t bytes = (uint64_t)elements_of(&s->specs[i]) * xlstm_dtype_size(s->dtype);
        if (filled && filled + bytes > SHARD_BYTES) {
            s->shards++;
            filled = 0;
        }
        filled += bytes;
        s->bytes += bytes;
        s->parameters += elements_of(&s->specs[i]);
        s->shard[i] = s->shards;
    }
    s->shards++;
    return status;
}

/* Removes the files written so far, because a part of a checkpoint is of no use. */
static void clean_up(const synth *s) {
    for (size_t i = 0; i < s->shards; i++) {
        char *name = shard_name(s, i), *path = name ? xl_path_join(s->out, name) : NULL;
        if (path) unlink(path);
        free(path);
        free(name);
    }
    char *index = xl_path_join(s->out, "model.safetensors.index.json");
    if (index) unlink(index);
    free(index);
    for (const char *const *name = cli_synth_tokenizer_files; *name; name++) {
        char *path = xl_path_join(s->out, *name);
        if (path) unlink(path);
        free(path);
    }
    if (s->made_folder) rmdir(s->out);
}

static int make(synth *s, xlstm_error *err) {
    double start = xl_now_s();
    int status = plan(s, err);
    if (!status) status = prepare_folder(s, err);
    if (status) return status;
    status = check_space(s, err);
    for (size_t i = 0; i < s->shards && !status; i++) status = write_shard(s, i, err);
    cli_progress_end();
    if (!status && s->shards > 1) status = write_index(s, err);
    if (!status) status = cli_synth_tokenizer(s->out, s->h.vocab_size, err);
    /* Written last, because without it the folder is not a checkpoint. */
    if (!status) status = write_config(s, err);
    if (status) {
        clean_up(s);
        return status;
    }
    printf("%s: %" PRIu64 " parameters, %.2f GB in %zu file%s, %.1f s\n", cli_plain(s->out), s->parameters,
           (double)s->bytes * 1e-9, s->shards, s->shards == 1 ? "" : "s", xl_now_s() - start);
    return XLSTM_OK;
}

static int run(int argc, char **argv) {
    synth s = {.folder = -1};
    int code = cli_config_parse(&s.cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err = {0};
    if (!cli_has(s.cfg, "like") || !cli_has(s.cfg, "out")) {
        code = cli_usage(s.cfg, "%s is missing", cli_has(s.cfg, "like") ? "--out DIR" : "--like NAME");
        goto out;
    }
    if (read_like(&s, cli_str(s.cfg, "like"), &err)) {
        code = cli_usage(s.cfg, "%s", err.text);
        goto out;
    }
    cli_signals_install();
    const char *dtype = cli_str(s.cfg, "dtype");
    s.dtype = !strcmp(dtype, "f32") ? XLSTM_F32 : !strcmp(dtype, "f16") ? XLSTM_F16 : XLSTM_BF16;
    s.out = cli_str(s.cfg, "out");
    s.seed = (uint64_t)cli_int(s.cfg, "seed");
    int status = make(&s, &err);
    code = status == XLSTM_ECANCELLED && cli_signals_code() ? cli_signals_code()
           : status                                         ? cli_fail(s.cfg, &err)
                                                            : 0;
out:
    for (int i = 0; i < 2; i++) xl_aligned_free(s.batches[i].data);
    free(s.specs);
    free(s.shard);
    if (s.folder >= 0) close(s.folder);
    cli_config_free(s.cfg);
    return code;
}

const cli_command cli_cmd_synth = {"write a checkpoint of random weights", run};
