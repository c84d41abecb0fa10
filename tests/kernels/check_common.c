#include "check.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

xl_kernels ref, isa;
xl_rng rng;
bool bench;
int failures;

enum { CANARY = 64, CANARY_BYTE = 0xA5 };

region make(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + CANARY + page - 1) / page * page;
    region r = {.mapped = body + page, .bytes = bytes};
    r.map = mmap(NULL, r.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r.map == MAP_FAILED || mprotect(r.map + body, page, PROT_NONE)) {
        perror("mmap");
        exit(1);
    }
    r.data = r.map + body - bytes;
    memset(r.data - CANARY, CANARY_BYTE, CANARY);
    memset(r.data, 0xFF, bytes); /* NaN in every format */
    return r;
}

void drop(region r, const char *what) {
    for (int i = 0; i < CANARY; i++)
        if ((unsigned char)r.data[i - CANARY] != CANARY_BYTE) {
            printf("FAIL %s: wrote before its output\n", what);
            failures++;
            break;
        }
    munmap(r.map, r.mapped);
}

float *floats(region r) {
    return (float *)(void *)r.data;
}

region random_floats(size_t n, double scale) {
    region r = make(n * sizeof(float));
    for (size_t i = 0; i < n; i++) floats(r)[i] = (float)(scale * xl_rng_normal(&rng));
    return r;
}

region copy_of(region from) {
    region r = make(from.bytes);
    memcpy(r.data, from.data, from.bytes);
    return r;
}

double distance(const float *a, const float *b, size_t n) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) {
            if (isfinite(a[i])) norm += (double)a[i] * a[i];
            continue;
        }
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += (double)b[i] * b[i];
    }
    return difference == 0 ? 0 : norm == 0 ? INFINITY : sqrt(difference / norm);
}

void expect(const char *what, double got, double limit) {
    if (got <= limit) return;
    printf("FAIL %s: %s off the oracle by %.3g, at most %.3g allowed\n", isa.name, what, got, limit);
    failures++;
}

double thread_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

const char *name_of(int format) {
    return xl_format_get(format)->name;
}

size_t bytes_of(int format, size_t n) {
    return xl_format_row_bytes((xl_format_id)format, (int64_t)n);
}

void multiply(const xl_kernels *table, const xl_matrix *w, const float *x, float *y) {
    region prepared = make(xl_prepared_bytes(w->cols));
    const void *vector = x;
    if (table->prepare[w->format]) {
        table->prepare[w->format](x, w->cols, prepared.data);
        vector = prepared.data;
    }
    table->matvec[w->format](w, vector, y);
    drop(prepared, "prepare");
}

xl_matrix random_matrix(region *r, int format, int64_t rows, int64_t cols, size_t gap, size_t odd) {
    size_t bytes = bytes_of(format, (size_t)cols), stride = bytes + gap * xl_format_get(format)->block_bytes;
    *r = make((size_t)(rows - 1) * stride + bytes + odd);
    for (int64_t i = 0; i < rows; i++) {
        region row = random_floats((size_t)cols, 1);
        ref.from_f32[format](floats(row), r->data + (size_t)i * stride, (size_t)cols);
        drop(row, "row");
    }
    return (xl_matrix){
        .data = r->data, .format = (xl_format_id)format, .rows = rows, .cols = cols, .stride = stride};
}

double worst(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        if (fabsf(a[i]) < 1e-35f && fabsf(b[i]) < 1e-35f) continue;
        double relative = fabs((double)a[i] - b[i]) / fabs((double)b[i]);
        if (relative > most) most = relative;
    }
    return most;
}
