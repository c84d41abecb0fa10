/* The mLSTM cell of a segment: chunks x bands of heads of every slice, by the scheduler asked for. A head's norm
 * and output gate follow its chunk at once, while its values are in the cache. */
#include "backend/cpu/cpu_impl.h"

/* A head of a slice: its state and where its rows begin in the slots. */
typedef struct head_view {
    float *c, *n, *m;
    int64_t row, head;
} head_view;

static head_view view_head(const segment *s, const xl_op *op, const slice *part, int64_t head) {
    const xl_plan *plan = s->executor->plan;
    const xl_program *p = &plan->program;
    float *c = part->feed->state->data + (size_t)op->block * plan->block_floats;
    float *n = c + p->heads * p->qk_head * p->v_head, *m = n + p->heads * p->qk_head;
    return (head_view){.c = c + head * p->qk_head * p->v_head,
                       .n = n + head * p->qk_head,
                       .m = m + head,
                       .row = part->row,
                       .head = head};
}

/* Applies norm and output gate to `length` rows of one head, from `row` on. */
static void finish_head(const segment *s, const xl_op *op, int64_t head, int64_t row, int64_t length) {
    const xl_executor *e = s->executor;
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
                                    .dv = dv,
                                    .q = e->slot[XL_SLOT_Q] + at * dqk,
                                    .k = e->slot[XL_SLOT_K] + at * dqk,
                                    .v = e->slot[XL_SLOT_V] + at * dv,
                                    .igate = e->slot[XL_SLOT_I][at],
                                    .fgate = e->slot[XL_SLOT_F][at],
                                    .c = v->c,
                                    .n = v->n,
                                    .m = v->m,
                                    .eps = (float)p->eps,
                                    .h = e->slot[XL_SLOT_H] + at * dv};
        e->plan->device->kernels.mlstm_step(&step);
    }
    finish_head(s, op, v->head, v->row + first, length);
}

static void run_chunk(const segment *s, const xl_op *op, int thread, const head_view *v, int64_t first,
                      int64_t length) {
    const xl_executor *e = s->executor;
    const xl_program *p = &e->plan->program;
    int64_t dqk = p->qk_head, dv = p->v_head, heads = p->heads, at = (v->row + first) * heads + v->head;
    const xl_mlstm_chunk chunk = {
        .length = length,
        .dqk = dqk,
        .dv = dv,
        .q = e->slot[XL_SLOT_Q] + at * dqk,
        .k = e->slot[XL_SLOT_K] + at * dqk,
        .v = e->slot[XL_SLOT_V] + at * dv,
        .q_stride = heads * dqk,
        .k_stride = heads * dqk,
        .v_stride = heads * dv,
        .igate = e->slot[XL_SLOT_I] + at,
        .fgate = e->slot[XL_SLOT_F] + at,
        .i_stride = heads,
        .f_stride = heads,
        .c = v->c,
        .n = v->n,
        .m = v->m,
        .eps = (float)p->eps,
        .h = e->slot[XL_SLOT_H] + at * dv,
        .h_stride = heads * dv,
        .scratch = xl_cpu_scratch(e, thread),
    };
    e->plan->device->kernels.mlstm_chunk(&chunk);
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

int64_t xl_cpu_cut_cell(const segment *s, int64_t heads_per_band, cell_task *tasks) {
    int64_t heads = s->executor->plan->program.heads, count = 0;
    for (int64_t i = 0; i < s->slices; i++) {
        const slice *part = &s->executor->slices[i];
        /* For a decoded token each head is a task. */
        int64_t band = part->feed->decode ? 1 : heads_per_band;
        for (int64_t first = 0; first < heads; first += band, count++) {
            int64_t end = first + band < heads ? first + band : heads;
            if (tasks) tasks[count] = (cell_task){.slice = part, .first = first, .end = end};
        }
    }
    return count;
}

/* Runs the task through its whole slice, head by head, so that one head's state stays in the cache. */
static void run_task(segment *s, const xl_op *op, int thread, const cell_task *task) {
    const slice *part = task->slice;
    int64_t chunks = 0;
    begin_task(s);
    for (int64_t head = task->first; head < task->end; head++) {
        head_view v = view_head(s, op, part, head);
        for (int64_t t = 0; t < part->count && !xl_cpu_stopped(s, thread); t += s->chunk_size) {
            int64_t length = part->count - t < s->chunk_size ? part->count - t : s->chunk_size;
            if (by_steps(s, part)) {
                run_steps(s, op, &v, t, length);
            } else {
                run_chunk(s, op, thread, &v, t, length);
                chunks += head == task->first;
            }
        }
    }
    end_task(s, chunks);
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
        for (int64_t head = band->first; head < band->end; head++) {
            head_view v = view_head(s, op, part, head);
            if (by_steps(s, part)) run_steps(s, op, &v, first, length);
            else run_chunk(s, op, thread, &v, first, length);
        }
        band->at = first + length;
        end_task(s, !by_steps(s, part));
    }
}

void xl_cpu_cell(segment *s, const xl_op *op) {
    cell c = {s, op};
    if (s->scheduler != XLSTM_SCHED_RAY) {
        xl_region_run(s->region, s->tasks, run_queued, &c);
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
    xl_region_run(s->region, s->tasks < s->region->threads ? s->tasks : s->region->threads, run_ray, &c);
}
