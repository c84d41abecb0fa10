/* Speed of the engine beside the limits of this machine; each figure is from a process of its own.
 *
 *   bench_engine [-r ROUNDS] [-p TOKENS[,TOKENS…]] [-n NEW] CHECKPOINT[:WEIGHTS] …
 *
 * Each round goes over all checkpoints, so that drift affects them alike. A process opens the checkpoint (WEIGHTS:
 * stored, f32, bf16 or f16), prefills and decodes, and then measures the roofline and the lower bound of loading:
 * reading the same file with all threads and converting it, without keeping the result. Prints CSV, a line for
 * each process. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xlstm/roofline.h>
#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernels/kernels.h"

enum { LENGTHS = 8, PIECE = 4 << 20 };

typedef struct request {
    const char *folder, *weights;
    int64_t lengths[LENGTHS];
    int length_count;
    int64_t new_tokens;
} request;

static int die(const xlstm_error *err) {
    fprintf(stderr, "bench_engine: %s\n", err->text);
    return 1;
}

/* ---- the lower bound of loading ---- */

typedef struct reading {
    int fd;
    size_t bytes;
    xl_kernels kernels;
    float *converted; /* NULL: only read */
    char *buffers;
    atomic_bool failed;
} reading;

static void read_piece(void *ctx, int64_t task, int thread) {
    reading *r = ctx;
    size_t first = (size_t)task * PIECE, n = r->bytes - first < PIECE ? r->bytes - first : PIECE;
    char *buffer = r->buffers + (size_t)thread * PIECE;
    if (pread(r->fd, buffer, n, (off_t)first) != (ssize_t)n) atomic_store(&r->failed, true);
    if (r->converted) r->kernels.to_f32[XLSTM_BF16](buffer, r->converted + first / 2, n / 2);
}

/* Returns the seconds that reading every shard once with all threads takes, and converting it to float32 where
 * asked for. */
static double load_floor(const char *folder, bool convert) {
    char *path = xl_path_join(folder, "model.safetensors");
    struct stat info;
    reading r = {.fd = path ? open(path, O_RDONLY) : -1};
    double seconds = NAN;
    int threads = xl_cpu_count();
    if (r.fd >= 0 && !fstat(r.fd, &info)) {
        xl_kernels_init(&r.kernels, xl_cpu_flags());
        double start = xl_now_s();
        r.bytes = (size_t)info.st_size;
        r.buffers = xl_aligned_alloc((size_t)threads, PIECE);
        if (convert) r.converted = xl_aligned_alloc(r.bytes / 2 + 1, sizeof(float));
        if (r.buffers && (r.converted || !convert)) {
            xl_pool_run(xl_pool_shared(), threads, (int64_t)((r.bytes + PIECE - 1) / PIECE), read_piece, &r);
            if (!atomic_load(&r.failed)) seconds = xl_now_s() - start;
        }
    }
    if (r.fd >= 0) close(r.fd);
    xl_aligned_free(r.converted);
    xl_aligned_free(r.buffers);
    free(path);
    return seconds;
}

/* ---- one process ---- */

/* Returns the multiplications and additions for one prefilled token: those of the blocks' matrices, and those of
 * the chunkwise cell (per token on average over a chunk its row of the weights, reading C and updating C). */
static double flops_a_token(const xlstm_hparams *h, int64_t chunk) {
    double d = (double)h->embedding_dim, qk = (double)h->qk_dim, v = (double)h->v_dim, f = (double)h->ffn_dim;
    double linear = d * (2 * qk + 2 * v + 2 * (double)h->num_heads) + v * d + 3 * d * f;
    double dqk = (double)h->qk_head, dv = (double)h->v_head;
    double cell = (double)h->num_heads * ((double)(chunk + 1) * (dqk + dv) / 2 + 2 * dqk * dv);
    return 2 * (double)h->num_blocks * (linear + cell);
}

static int measure(const request *q, int round) {
    xlstm_error err;
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    if (xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, q->weights, &err)) return die(&err);
    xlstm_model_options options = {.settings = &settings};
    xlstm_model *model;
    xlstm_session *session;
    double start = xl_now_s();
    if (xlstm_model_open(&model, q->folder, &options, &err)) return die(&err);
    double load_s = xl_now_s() - start;
    if (xlstm_session_create(&session, model, NULL, &err)) return die(&err);
    const xlstm_hparams *h = xlstm_model_hparams(model);
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    int64_t longest = 0;
    for (int i = 0; i < q->length_count; i++) longest = q->lengths[i] > longest ? q->lengths[i] : longest;
    int32_t *ids = xl_array((size_t)longest, sizeof *ids);
    float *logits = xl_array((size_t)h->vocab_size, sizeof *logits);
    if (!ids || !logits) return 1;
    for (int64_t i = 0; i < longest; i++) ids[i] = (int32_t)((i * 7919 + 13) % h->vocab_size);

    double prefill[LENGTHS];
    if (xlstm_prefill(session, ids, 16, XLSTM_LOGITS_LAST, logits, &err)) return die(&err); /* warm-up */
    for (int i = 0; i < q->length_count; i++) {
        xlstm_session_reset(session);
        start = xl_now_s();
        if (xlstm_prefill(session, ids, (size_t)q->lengths[i], XLSTM_LOGITS_LAST, logits, &err)) return die(&err);
        prefill[i] = (double)q->lengths[i] / (xl_now_s() - start);
    }
    int64_t chunk_size = xlstm_session_schedule_value(session, "chunk_size");
    start = xl_now_s();
    for (int64_t i = 0; i < q->new_tokens; i++)
        if (xlstm_decode(session, ids[i % longest], logits, &err)) return die(&err);
    double decode = (double)q->new_tokens / (xl_now_s() - start);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    double peak_mb = (double)usage.ru_maxrss / 1e6;
#else
    double peak_mb = (double)usage.ru_maxrss * 1024 / 1e6;
#endif
    double flops = flops_a_token(h, chunk_size), read = (double)info.decode_read_bytes;
    double parameters = (double)info.parameters;
    xlstm_session_destroy(session);
    xlstm_model_close(model);

    xlstm_roofline roof;
    if (xlstm_roofline_measure(&roof, NULL, 0, 1.5, &err)) return die(&err);
    double floor_s = load_floor(q->folder, !strcmp(q->weights, "f32"));
    /* Weights that fit into the cache are compared with the cache's bandwidth. */
    double bandwidth = read < (double)roof.cache_bytes ? roof.cached_gb_s : roof.stream_gb_s;
    const char *name = strrchr(q->folder, '/');
    for (int i = 0; i < q->length_count; i++)
        printf("%d,%s,%s,%.0f,%d,%.3f,%.3f,%.0f,%" PRId64 ",%.1f,%.1f,%.3f,%.2f,%.1f,%.3f,%.1f,%.1f,%.1f\n", round,
               name && name[1] ? name + 1 : q->folder, q->weights, parameters, roof.threads, load_s, floor_s,
               peak_mb, q->lengths[i], prefill[i], prefill[i] * flops / 1e9,
               prefill[i] * flops / 1e9 / roof.sgemm_gflop_s, decode, decode * read / 1e9,
               decode * read / 1e9 / bandwidth, roof.stream_gb_s, roof.cached_gb_s, roof.sgemm_gflop_s);
    free(ids);
    free(logits);
    return fflush(stdout) ? 1 : 0;
}

static bool parse_lengths(request *q, const char *text) {
    q->length_count = 0;
    while (*text && q->length_count < LENGTHS) {
        char *end;
        long long n = strtoll(text, &end, 10);
        if (end == text || n < 16 || n > 1000000) return false;
        q->lengths[q->length_count++] = n;
        text = *end == ',' ? end + 1 : end;
        if (*end && *end != ',') return false;
    }
    return q->length_count > 0 && !*text;
}

int main(int argc, char **argv) {
    request q = {.lengths = {512, 2048}, .length_count = 2, .new_tokens = 32};
    int rounds = 3, option;
    while ((option = getopt(argc, argv, "r:p:n:")) != -1) {
        if (option == 'r') rounds = atoi(optarg);
        else if (option == 'n') q.new_tokens = atoi(optarg);
        if (option == '?' || rounds < 1 || q.new_tokens < 1 || (option == 'p' && !parse_lengths(&q, optarg))) {
            fprintf(stderr, "usage: bench_engine [-r ROUNDS] [-p TOKENS,…] [-n NEW] CHECKPOINT[:WEIGHTS] …\n");
            return 2;
        }
    }
    printf("round,checkpoint,weights,parameters,threads,load_s,load_floor_s,peak_mb,prompt,prefill_tok_s,"
           "prefill_gflop_s,prefill_share,decode_tok_s,decode_gb_s,decode_share,stream_gb_s,cached_gb_s,"
           "sgemm_gflop_s\n");
    fflush(stdout);
    for (int round = 1; round <= rounds; round++)
        for (int i = optind; i < argc; i++) {
            char *folder = xl_format("%s", argv[i]), *colon = folder ? strrchr(folder, ':') : NULL;
            if (!folder) return 1;
            if (colon) *colon = 0;
            q.folder = folder;
            q.weights = colon ? colon + 1 : "stored";
            pid_t child = fork(); /* before there are any threads, because the pool belongs to the child */
            if (child == 0) _exit(measure(&q, round));
            int status = 0;
            if (child < 0 || waitpid(child, &status, 0) < 0 || status) return 1;
            free(folder);
        }
    return 0;
}
