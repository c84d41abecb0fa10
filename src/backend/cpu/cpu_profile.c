/* Where the time of a CPU's threads goes: every operation's wall time, what of it the calling thread spends alone,
 * and what threads wait in the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/cpu/cpu_impl.h"

enum { OTHER_OPS = XL_OP_LOGITS + 1, KINDS = OTHER_OPS + 2 };
static const char *const names[KINDS] = {
    [XL_OP_EMBED] = "embed",   [XL_OP_PROJECT] = "qkvo", [XL_OP_GATED] = "gated", [XL_OP_CELL] = "cell",
    [XL_OP_LOGITS] = "logits", [OTHER_OPS] = "out",      [OTHER_OPS + 1] = "down"};

/* What is counted of a kind of operation, each in nanoseconds of the wall clock. */
enum { ALL, ALONE, WAITING, PARTS };
static const char *const parts[PARTS] = {
    [ALL] = "", [ALONE] = ", one thread alone", [WAITING] = ", waiting, mean of threads"};

/* A thread's time inside tasks of the phase at hand. */
typedef struct busy {
    _Alignas(XL_CACHE_LINE) uint64_t ns;
} busy;

struct xl_cpu_profile {
    uint64_t ns[KINDS][PARTS];
    char key[KINDS][PARTS][48];
    int kind;         /* of the operation at hand */
    uint64_t between; /* the last operation of a run and the first of the next */
    uint64_t begun, ended, in_phases;
    xl_task_fn fn;
    void *ctx;
    busy busy[XL_POOL_MAX];
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

xl_cpu_profile *xl_cpu_profile_create(void) {
    xl_cpu_profile *p = xl_aligned_calloc(1, sizeof *p);
    for (int k = 0; p && k < KINDS; k++)
        for (int i = 0; i < PARTS; i++) snprintf(p->key[k][i], sizeof p->key[k][i], "ns %s%s", names[k], parts[i]);
    return p;
}

void xl_cpu_profile_destroy(xl_cpu_profile *p) {
    xl_aligned_free(p);
}

static int kind_of(const xl_op *op) {
    if (op->kind != XL_OP_PROJECT) return (int)op->kind;
    return op->from == XL_SLOT_H ? OTHER_OPS : op->from == XL_SLOT_U ? OTHER_OPS + 1 : XL_OP_PROJECT;
}

void xl_cpu_profile_begin(xl_cpu_profile *p, const xl_op *op) {
    p->kind = kind_of(op);
    p->in_phases = 0;
    p->begun = now();
    if (op->kind == XL_OP_EMBED && p->ended) p->between += p->begun - p->ended;
}

void xl_cpu_profile_end(xl_cpu_profile *p) {
    p->ended = now();
    const uint64_t all = p->ended - p->begun;
    p->ns[p->kind][ALL] += all;
    p->ns[p->kind][ALONE] += all - p->in_phases;
}

static void timed(void *ctx, int64_t task, int thread) {
    xl_cpu_profile *p = ctx;
    const uint64_t start = now();
    p->fn(p->ctx, task, thread);
    p->busy[thread].ns += now() - start;
}

void xl_cpu_profile_phase(xl_cpu_profile *p, const xl_region *region, int64_t tasks, xl_task_fn fn, void *ctx) {
    uint64_t sum = 0;
    if (tasks <= 1 || region->threads == 1) {
        xl_region_run(region, tasks, fn, ctx);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    for (int i = 0; i < region->threads; i++) p->busy[i].ns = 0;
    const uint64_t start = now();
    xl_region_run(region, tasks, timed, p);
    const uint64_t all = now() - start;
    for (int i = 0; i < region->threads; i++) sum += p->busy[i].ns;
    const uint64_t mean = sum / (uint64_t)region->threads;
    p->in_phases += all;
    p->ns[p->kind][WAITING] += all > mean ? all - mean : 0;
}

bool xl_cpu_profile_entry(const xl_cpu_profile *p, int index, xlstm_schedule_entry *out) {
    if (index < 0 || index > KINDS * PARTS) return false;
    if (index == KINDS * PARTS) {
        *out = (xlstm_schedule_entry){"ns between runs", NULL, (int64_t)p->between};
        return true;
    }
    const int kind = index / PARTS, part = index % PARTS;
    *out = (xlstm_schedule_entry){p->key[kind][part], NULL, (int64_t)p->ns[kind][part]};
    return true;
}
