/* What the checks of kernels share: memory with guards around it, distances, times, random matrices.
 *
 * `ref` is the plain C table, the oracle; `isa` the one under test. Every check prints what fails and counts it. */
#ifndef TESTS_KERNELS_CHECK_H
#define TESTS_KERNELS_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "weights/blocks.h"

extern xl_kernels ref, isa;
extern xl_rng rng;
extern bool bench; /* --bench: print times */
extern int failures;

/* Memory that is preceded by a canary and followed by a page that faults. */
typedef struct region {
    char *map, *data;
    size_t mapped, bytes;
} region;

/* `bytes` of memory, filled with what is NaN in every format. */
region make(size_t bytes);
/* Looks at the canary and frees it. */
void drop(region r, const char *what);
float *floats(region r);
/* n normally distributed values times `scale`. */
region random_floats(size_t n, double scale);
region copy_of(region from);

/* Relative L2 distance; infinity where only one of the two has NaN or infinity at a place. */
double distance(const float *a, const float *b, size_t n);
/* The largest relative error of any value; values below 1e-35 count as 0. */
double worst(const float *a, const float *b, size_t n);
/* A failure where got > limit. */
void expect(const char *what, double got, double limit);

const char *name_of(int format);
/* Bytes of n values in that format. */
size_t bytes_of(int format, size_t n);
/* Computes y = w x with the preparation that the format has in this table. */
void multiply(const xl_kernels *table, const xl_matrix *w, const float *x, float *y);
/* Random rows of a format, in *r; the memory between rows is poisoned. */
xl_matrix random_matrix(region *r, int format, int64_t rows, int64_t cols, size_t gap, size_t odd);

/* Nanoseconds of this thread's processor time. */
double thread_ns(void);

/* Nanoseconds of processor time of one call: the best of 10 batches of at least 2 ms. */
#define TIME(ns, call)                                                                                             \
    do {                                                                                                           \
        double taken_ = 0;                                                                                         \
        int64_t calls_ = 1;                                                                                        \
        (ns) = INFINITY;                                                                                           \
        for (int round_ = 0; round_ < 10; round_ += taken_ >= 2e6) {                                               \
            double start_ = thread_ns();                                                                           \
            for (int64_t i_ = 0; i_ < calls_; i_++) call;                                                          \
            taken_ = thread_ns() - start_;                                                                         \
            if (taken_ < 2e6) calls_ *= 2;                                                                         \
            else if (taken_ / (double)calls_ < (ns)) (ns) = taken_ / (double)calls_;                               \
        }                                                                                                          \
    } while (0)
/* Prints the times of the oracle and the kernel, and the kernel's `work` per nanosecond. */
#define BENCH(work, unit, title, of_ref, of_isa)                                                                   \
    do {                                                                                                           \
        if (bench) {                                                                                               \
            double c_, v_;                                                                                         \
            TIME(c_, of_ref);                                                                                      \
            TIME(v_, of_isa);                                                                                      \
            printf("%-40s c %10.0f ns   %s %10.0f ns   x%5.1f   %7.2f %s\n", title, c_, isa.name, v_, c_ / v_,     \
                   (double)(work) / v_, unit);                                                                     \
        }                                                                                                          \
    } while (0)

void check_formats(void);
void check_vectors(void);
void check_elements(void);
void check_cell(void);
/* smaller: a table that is checked on its own and has all kernels but the products in common with `isa`; the
 * products in an arithmetic in which both are the same are left out. NULL: there is none. */
void check_products(const xl_kernels *smaller);

#endif
