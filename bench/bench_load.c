/* Load time of checkpoints beside its lower bound, which is the time to read and convert the same files in
 * parallel and nothing else.
 *
 *   bench_load [-r ROUNDS] [-t THREADS] DIR...
 *
 * For each folder and each weight format, opening the checkpoint and the bound are timed in turns, ROUNDS times
 * each; the medians are printed. The bound reads every safetensors file of the folder by pread, in pieces of 1 MiB
 * into one buffer for each thread. Where opening converts, it converts each piece into memory as large as the
 * converted weights, newly allocated each time as opening does. Files are in the page cache after the first round,
 * which is not reported. */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernels/kernels.h"

enum { FILES = 64, ROUNDS_MAX = 99 };
#define PIECE ((size_t)1 << 20)

typedef struct bound {
    int fd[FILES];
    size_t pieces[FILES], bytes[FILES]; /* number of pieces before the file's first, and the file's size */
    int files;
    size_t total;
    xl_format_id from, to;
    xl_kernels kernels;
    char *memory; /* of the converted weights; NULL where nothing is converted */
    char *buffers;
    atomic_int failed;
} bound;

static void read_piece(void *ctx, int64_t index, int thread) {
    bound *b = ctx;
    int f = b->files - 1;
    while (b->pieces[f] > (size_t)index) f--;
    size_t first = ((size_t)index - b->pieces[f]) * PIECE, left = b->bytes[f] - first;
    size_t n = left < PIECE ? left : PIECE, size = xl_format_row_bytes(b->from, 1);
    char *buffer = b->buffers + (size_t)thread * 2 * PIECE;
    if (pread(b->fd[f], buffer, n, (off_t)first) != (ssize_t)n) atomic_store(&b->failed, 1);
    if (!b->memory) return;
    char *out = b->memory + (size_t)index * (PIECE / size) * xl_format_row_bytes(b->to, 1);
    if (b->from == XL_FORMAT_F32) b->kernels.from_f32[b->to]((const float *)(const void *)buffer, out, n / size);
    else b->kernels.to_f32[b->from](buffer, (float *)(void *)out, n / size);
}

static double take_bound(bound *b, int threads) {
    double start = xl_now_s();
    size_t elements = b->total * PIECE / xl_format_row_bytes(b->from, 1),
           bytes = elements * xl_format_row_bytes(b->to, 1);
    b->memory = NULL;
    if (b->from != b->to) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return -1;
        b->memory = memory;
    }
    xl_pool_run(xl_pool_shared(), threads, (int64_t)b->total, read_piece, b);
    double seconds = xl_now_s() - start;
    if (b->memory) munmap(b->memory, bytes);
    return atomic_load(&b->failed) ? -1 : seconds;
}

static int open_files(bound *b, const char *dir) {
    DIR *d = opendir(dir);
    if (!d) return -1;
    const struct dirent *entry;
    while ((entry = readdir(d)) && b->files < FILES) {
        const char *dot = strrchr(entry->d_name, '.');
        struct stat st;
        if (!dot || strcmp(dot, ".safetensors") != 0) continue;
        char *path = xl_path_join(dir, entry->d_name);
        int fd = path ? open(path, O_RDONLY) : -1;
        free(path);
        if (fd < 0 || fstat(fd, &st)) continue;
        b->fd[b->files] = fd;
        b->bytes[b->files] = (size_t)st.st_size;
        b->pieces[b->files++] = b->total;
        b->total += ((size_t)st.st_size + PIECE - 1) / PIECE;
    }
    closedir(d);
    return b->files ? 0 : -1;
}

static double take_open(const char *dir, int64_t weights, int64_t huge, int threads) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_WEIGHTS, weights);
    xlstm_settings_set(&settings, XLSTM_TUNE_HUGE_PAGES, huge);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, threads);
    xlstm_model_options options = {.settings = &settings};
    xlstm_error err;
    xlstm_model *model;
    double start = xl_now_s();
    if (xlstm_model_open(&model, dir, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    double seconds = xl_now_s() - start;
    xlstm_model_close(model);
    return seconds;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static int bench(const char *dir, int rounds, int threads) {
    static const struct {
        const char *name;
        xl_format_id format; /* COUNT: as stored */
        int64_t huge;
    } ways[] = {{"stored", XL_FORMAT_COUNT, 0},
                {"stored, huge pages", XL_FORMAT_COUNT, 1},
                {"f32", XL_FORMAT_F32, 0},
                {"bf16", XL_FORMAT_BF16, 0}};
    xlstm_model_info info;
    xlstm_error err;
    bound b = {.files = 0};
    if (xlstm_checkpoint_inspect(dir, NULL, &info, &err) || open_files(&b, dir)) {
        fprintf(stderr, "%s: %s\n", dir, err.text);
        return 1;
    }
    xlstm_dtype most = XLSTM_F32;
    for (int i = 0; i < XLSTM_DTYPE_COUNT; i++) {
        if (info.stored_bytes_by[i] > info.stored_bytes_by[most]) most = (xlstm_dtype)i;
    }
    b.from = most == XLSTM_F16 ? XL_FORMAT_F16 : most == XLSTM_BF16 ? XL_FORMAT_BF16 : XL_FORMAT_F32;
    xl_kernels_init(&b.kernels, xl_cpu_flags());
    b.buffers = xl_aligned_alloc((size_t)threads, 2 * PIECE);
    for (size_t w = 0; b.buffers && w < sizeof ways / sizeof *ways; w++) {
        double opened[ROUNDS_MAX], bounds[ROUNDS_MAX];
        b.to = ways[w].format == XL_FORMAT_COUNT ? b.from : ways[w].format;
        if (w > 1 && b.to == b.from) continue;
        for (int r = -1; r < rounds; r++) {
            int at = r < 0 ? 0 : r;
            opened[at] = take_open(dir, ways[w].format == XL_FORMAT_COUNT ? 0 : 1 + (int64_t)ways[w].format,
                                   ways[w].huge, threads);
            bounds[at] = take_bound(&b, threads);
            if (opened[at] < 0 || bounds[at] < 0) return 1;
        }
        double open_s = median(opened, rounds), bound_s = median(bounds, rounds);
        printf("| %s | %s | %s | %.2f | %.3f | %.3f | %.2f | %.2f |\n", dir, xlstm_dtype_name(most), ways[w].name,
               (double)info.stored_bytes * 1e-9, open_s, bound_s, open_s / bound_s,
               (double)info.stored_bytes * 1e-9 / open_s);
        fflush(stdout);
    }
    xl_aligned_free(b.buffers);
    for (int f = 0; f < b.files; f++) close(b.fd[f]);
    return 0;
}

int main(int argc, char **argv) {
    int rounds = 5, threads = xl_cpu_count(), status = 0, option;
    while ((option = getopt(argc, argv, "r:t:")) != -1) {
        int n = option == '?' ? 0 : atoi(optarg);
        if (n < 1 || n > ROUNDS_MAX) {
            fprintf(stderr, "usage: bench_load [-r ROUNDS] [-t THREADS] DIR...\n");
            return 2;
        }
        *(option == 'r' ? &rounds : &threads) = n;
    }
    printf("| checkpoint | stored | held as | GB | open s | read + convert s | ratio | GB/s |\n"
           "|---|---|---|---|---|---|---|---|\n");
    for (int i = optind; i < argc; i++) status |= bench(argv[i], rounds, threads);
    return status;
}
