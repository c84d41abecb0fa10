/* The mLSTM cell of a segment: chunks x bands of heads of every slice, by the scheduler asked for. A head's norm
 * and output gate follow its chunk at once, while its values are in the cache. */
#include "backend/cpu/cpu_impl.h"

#include <assert.h>
#include <string.h>

enum {
    COLUMNS_LEAST = 32,
    PARTS_A_THREAD = 2,
    DECODE_TASKS = 4 /* of a thread */
};                   /* columns of a head that a task has: whole panels of every kernel */

/* A task's columns of a head of a slice: their state, where the head's rows begin in the slots, and its number. */
typedef struct head_view {
    char *c;
    float *n, *m;
    int64_t row, head, column, columns;
} head_view;

static size_t c_bytes_each(const xl_plan *plan) {
    return xl_format_get((int)plan->program.state_format)->block_bytes;
}

static head_view view_head(const segment *s, const xl_op *op, const cell_task *task, int64_t head) {
    const xl_plan *plan = s->executor->plan;
    const xl_program *p = &plan->program;
    const xl_cpu_block b = xl_cpu_block_of(task->slice->feed->state, op->block);
    float *own = task->own ? task->own + (head - task->first) * (p->qk_head + 1) : NULL;
    return (head_view){
        .c = b.c + (size_t)(head * p->qk_head * p->v_head + task->column) * c_bytes_each(plan),
        .n = own ? own : b.n + head * p->qk_head,
        .m = own ? own + p->qk_head : b.m + head,
        .row = task->slice->row,
        .head = head,
        .column = task->column,
        .columns = task->columns,
    };
}

/* Applies norm and output gate to `length` rows of one head, from `row` on, once all of its columns are there. */
static void finish_head(const segment *s, const xl_op *op, int64_t head, int64_t row, int64_t length) {
    const xl_executor *e = s->executor;
    if (s->parts > 1 && atomic_fetch_add(&e->arrived[row * e->plan->program.heads + head], 1) + 1 < s->parts)
        return;
    const xl_kernels *k = &e->plan->device->kernels;
    int64_t dv = e->plan->program.v_head, width = e->plan->program.width[XL_SLOT_H];
    const float *bias = op->norm_bias ? op->norm_bias + head * dv : NULL;
    for (int64_t t = row; t < row + length; t++) {
        float *h = e->slot[XL_SLOT_H] + t * width + head * dv;
        k->head_norm(h, op->norm + head * dv, bias, op->norm_eps, 1, dv, h);
        k->sigmoid_mul(e->slot[XL_SLOT_O] + t * width + head * dv, h, h, dv);
    }
}

static void run_steps(const segment *s, const xl_op *op, const head_view *v, int64_t first, int64_t length) {
    const xl_executor *e = s->executor;
    const xl_program *p = &e->plan->program;
    int64_t dqk = p->qk_head, dv = p->v_head, heads = p->heads;
    for (int64_t t = v->row + first; t < v->row + first + length; t++) {
        int64_t at = t * heads + v->head;
        const xl_mlstm_step step = {.dqk = dqk,
                                    .dv = v->columns,
                                    .q = e->slot[XL_SLOT_Q] + at * dqk,
                                    .k = e->slot[XL_SLOT_K] + at * dqk,
                                    .v = e->slot[XL_SLOT_V] + at * dv + v->column,
                                    .igate = e->slot[XL_SLOT_I][at],
                                    .fgate = e->slot[XL_SLOT_F][at],
                                    .c = v->c,
                                    .c_format = p->state_format,
                                    .c_stride = dv,
                                    .n = v->n,
                                    .m = v->m,
                                    .eps = (float)p->eps,
                                    .h = e->slot[XL_SLOT_H] + at * dv + v->column};
        e->plan->device->kernels.mlstm_step(&step);
    }
    finish_head(s, op, v->head, v->row + first, length);
}

/* C in a float32 of its own [dqk, columns], from or to the state. */
static void copy_c(const xl_plan *plan, const head_view *v, float *c, bool from_state) {
    const xl_program *p = &plan->program;
    const xl_kernels *k = &plan->device->kernels;
    const size_t row = (size_t)p->v_head * c_bytes_each(plan), columns = (size_t)v->columns;
    for (int64_t i = 0; i < p->qk_head; i++, c += columns) {
        char *stored = v->c + (size_t)i * row;
        if (from_state) k->to_f32[p->state_format](stored, c, columns);
        else k->from_f32[p->state_format](c, stored, columns);
    }
}

static void run_chunk(const segment *s, const xl_op *op, int thread, const head_view *v, int64_t first,
                      int64_t length) {
    const xl_executor *e = s->executor;
    const xl_program *p = &e->plan->program;
    int64_t dqk = p->qk_head, dv = p->v_head, heads = p->heads, at = (v->row + first) * heads + v->head;
    const bool rounded = p->state_format != XL_FORMAT_F32;
    float *scratch = xl_cpu_scratch(e, thread), *c = (float *)(void *)v->c;
    if (rounded) {
        c = scratch;
        scratch += xl_cpu_c_floats(e->plan);
        copy_c(e->plan, v, c, true);
    }
    const xl_mlstm_chunk chunk = {
        .length = length,
        .dqk = dqk,
        .dv = v->columns,
        .q = e->slot[XL_SLOT_Q] + at * dqk,
        .k = e->slot[XL_SLOT_K] + at * dqk,
        .v = e->slot[XL_SLOT_V] + at * dv + v->column,
        .q_stride = heads * dqk,
        .k_stride = heads * dqk,
        .v_stride = heads * dv,
        .igate = e->slot[XL_SLOT_I] + at,
        .fgate = e->slot[XL_SLOT_F] + at,
        .i_stride = heads,
        .f_stride = heads,
        .c = c,
        .c_stride = rounded ? v->columns : dv,
        .n = v->n,
        .m = v->m,
        .eps = (float)p->eps,
        .h = e->slot[XL_SLOT_H] + at * dv + v->column,
        .h_stride = heads * dv,
        .scratch = scratch,
    };
    e->plan->device->kernels.mlstm_chunk(&chunk);
    if (rounded) copy_c(e->plan, v, c, false);
    finish_head(s, op, v->head, v->row + first, length);
}

/* A decoded token has no chunks, and `recurrent` makes none. */
static bool by_steps(const segment *s, const slice *part) {
    return part->feed->decode || s->scheduler == XLSTM_SCHED_RECURRENT;
}

static void begin_task(segment *s) {
    int now = atomic_fetch_add(&s->in_flight, 1) + 1, most = atomic_load(&s->most_in_flight);
    while (now > most && !atomic_compare_exchange_weak(&s->most_in_flight, &most, now)) {
    }
}

static void end_task(segment *s, int64_t chunks) {
    atomic_fetch_sub(&s->in_flight, 1);
    atomic_fetch_add(&s->chunks, chunks);
}

/* Heads of a band of a slice. */
static int64_t band_of(const segment *s, const slice *part, int64_t heads_per_band) {
    return part->feed->decode ? s->decode_band : heads_per_band;
}

/* Heads of decoded tokens that are a task: one where there are few, since a task takes some microseconds, and where
 * there are many as leave each thread DECODE_TASKS. */
static int64_t plan_decode_band(const segment *s, int threads) {
    const int64_t heads = s->executor->plan->program.heads;
    int64_t decoded = 0;
    for (int64_t i = 0; i < s->slices; i++) decoded += s->executor->slices[i].feed->decode;
    const int64_t band = decoded * heads / ((int64_t)threads * DECODE_TASKS);
    return band < 1 ? 1 : band > heads ? heads : band;
}

/* Where there are fewer bands than work for all threads, columns of heads are cut too. What is computed of q, k and
 * n alone is then computed once for each part: some hundredths of the whole. */
void xl_cpu_plan_cell(segment *s, int64_t heads_per_band, int threads) {
    const xl_program *p = &s->executor->plan->program;
    assert(p->v_head > 0 && s->slices > 0);
    const int64_t wanted = threads > 1 ? (int64_t)threads * PARTS_A_THREAD : 1;
    int64_t bands = 0, parts = p->v_head / COLUMNS_LEAST;
    s->decode_band = plan_decode_band(s, threads);
    for (int64_t i = 0; i < s->slices; i++) {
        const int64_t band = band_of(s, &s->executor->slices[i], heads_per_band);
        bands += (p->heads + band - 1) / band;
    }
    if (parts > (wanted + bands - 1) / bands) parts = (wanted + bands - 1) / bands;
    if (parts < 1) parts = 1;
    s->columns = ((p->v_head + parts - 1) / parts + COLUMNS_LEAST - 1) / COLUMNS_LEAST * COLUMNS_LEAST;
    if (s->columns > p->v_head) s->columns = p->v_head;
    s->parts = (p->v_head + s->columns - 1) / s->columns;
    s->tasks = bands * s->parts;
}

size_t xl_cpu_own_floats(const segment *s) {
    const xl_program *p = &s->executor->plan->program;
    return s->parts > 1 ? (size_t)(s->slices * s->parts * p->heads * (p->qk_head + 1)) : 0;
}

void xl_cpu_cut_cell(const segment *s, int64_t heads_per_band) {
    const xl_program *p = &s->executor->plan->program;
    cell_task *task = s->executor->tasks;
    float *own = s->executor->own;
    for (int64_t i = 0; i < s->slices; i++) {
        const slice *part = &s->executor->slices[i];
        const int64_t band = band_of(s, part, heads_per_band);
        for (int64_t first = 0; first < p->heads; first += band)
            for (int64_t column = 0; column < p->v_head; column += s->columns, task++) {
                const int64_t left = p->v_head - column, end = first + band;
                *task = (cell_task){.slice = part,
                                    .first = first,
                                    .end = end < p->heads ? end : p->heads,
                                    .column = column,
                                    .columns = left < s->columns ? left : s->columns,
                                    .own = s->parts > 1 ? own : NULL};
                if (task->own) own += (task->end - task->first) * (p->qk_head + 1);
            }
    }
}

/* Copies n and m of a task's heads from the state, where it has its own, or back. */
static void copy_own(const segment *s, const xl_op *op, const cell_task *task, bool from_state) {
    const xl_program *p = &s->executor->plan->program;
    const xl_cpu_block b = xl_cpu_block_of(task->slice->feed->state, op->block);
    float *own = task->own;
    for (int64_t head = task->first; own && head < task->end; head++, own += p->qk_head + 1) {
        float *n = b.n + head * p->qk_head;
        memcpy(from_state ? own : n, from_state ? n : own, (size_t)p->qk_head * sizeof *n);
        if (from_state) own[p->qk_head] = b.m[head];
        else b.m[head] = own[p->qk_head];
    }
}

/* Runs the task through its whole slice, head by head, so that one head's state stays in the cache. */
static void run_task(segment *s, const xl_op *op, int thread, const cell_task *task) {
    const slice *part = task->slice;
    int64_t chunks = 0;
    const bool decode = part->feed->decode; /* which is not reported */
    if (!decode) begin_task(s);
    copy_own(s, op, task, true);
    for (int64_t head = task->first; head < task->end; head++) {
        head_view v = view_head(s, op, task, head);
        for (int64_t t = 0; t < part->count && !xl_cpu_stopped(s, thread); t += s->chunk_size) {
            int64_t length = part->count - t < s->chunk_size ? part->count - t : s->chunk_size;
            if (by_steps(s, part)) {
                run_steps(s, op, &v, t, length);
            } else {
                run_chunk(s, op, thread, &v, t, length);
                chunks += head == task->first && !task->column;
            }
        }
    }
    if (!decode) end_task(s, chunks);
}

typedef struct cell {
    segment *s;
    const xl_op *op;
} cell;

static void run_queued(void *ctx, int64_t task, int thread) {
    const cell *c = ctx;
    run_task(c->s, c->op, thread, &c->s->executor->tasks[task]);
}

/* Puts a returned task (-1: none) behind those that are ready, unless its last chunk is done, and takes the first
 * that is ready; -1 where none is. Tasks in flight keep their threads, so there is nothing to wait for. */
static int64_t next_task(xl_executor *e, int64_t returned) {
    driver *d = &e->driver;
    int64_t next = -1;
    pthread_mutex_lock(&d->lock);
    if (returned >= 0 && e->tasks[returned].at < e->tasks[returned].slice->count)
        d->ready[d->put++ % (uint64_t)d->tasks] = returned;
    if (d->take < d->put) next = d->ready[d->take++ % (uint64_t)d->tasks];
    pthread_mutex_unlock(&d->lock);
    return next;
}

/* Each band is an actor with at most one chunk in flight; the driver hands out its next chunk when one returns. */
static void run_ray(void *ctx, int64_t task, int thread) {
    const cell *c = ctx;
    segment *s = c->s;
    const xl_op *op = c->op;
    xl_executor *e = s->executor;
    (void)task;
    for (int64_t i = next_task(e, -1); i >= 0 && !xl_cpu_stopped(s, thread); i = next_task(e, i)) {
        cell_task *band = &e->tasks[i];
        const slice *part = band->slice;
        int64_t first = band->at,
                length = part->count - first < s->chunk_size ? part->count - first : s->chunk_size;
        begin_task(s);
        if (!first) copy_own(s, op, band, true);
        for (int64_t head = band->first; head < band->end; head++) {
            head_view v = view_head(s, op, band, head);
            if (by_steps(s, part)) run_steps(s, op, &v, first, length);
            else run_chunk(s, op, thread, &v, first, length);
        }
        band->at = first + length;
        end_task(s, !by_steps(s, part) && !band->column);
    }
}

static void run_tasks(segment *s, const xl_op *op) {
    cell c = {s, op};
    if (s->scheduler != XLSTM_SCHED_RAY) {
        xl_cpu_phase(s, s->tasks, run_queued, &c);
        return;
    }
    driver *d = &s->executor->driver;
    d->tasks = s->tasks;
    d->take = 0;
    d->put = 0;
    for (int64_t i = 0; i < s->tasks; i++) {
        s->executor->tasks[i].at = 0;
        d->ready[d->put++] = i;
    }
    /* Each thread asks the driver again and again. */
    xl_cpu_phase(s, s->tasks < s->region->threads ? s->tasks : s->region->threads, run_ray, &c);
}

void xl_cpu_cell(segment *s, const xl_op *op) {
    const xl_executor *e = s->executor;
    if (s->parts > 1) memset(e->arrived, 0, (size_t)(s->rows * e->plan->program.heads) * sizeof *e->arrived);
    run_tasks(s, op);
    /* All parts of a head end with the same n and m. */
    for (int64_t i = 0; s->parts > 1 && i < s->tasks; i++)
        if (!e->tasks[i].column) copy_own(s, op, &e->tasks[i], false);
}
