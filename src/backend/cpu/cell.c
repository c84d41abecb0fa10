/* The mLSTM cell of a segment: chunks x bands of heads, by the scheduler asked for. A head's norm and output gate
 * follow its chunk at once, while its values are in the cache. */
#include "backend/cpu/internal.h"

/* Norms and gates tokens [first, first + length) of one head. */
static void finish_head(const segment *s, const xl_op *op, int64_t head, int64_t first, int64_t length) {
    const xl_context *context = s->context;
    const xl_kernels *k = &context->plan->device->kernels;
    int64_t dv = context->plan->program.v_head, width = context->plan->program.width[XL_SLOT_H];
    const float *bias = op->norm_bias ? op->norm_bias + head * dv : NULL;
    for (int64_t t = first; t < first + length; t++) {
        float *h = context->slot[XL_SLOT_H] + t * width + head * dv;
        k->head_norm(h, op->norm + head * dv, bias, op->norm_eps, 1, dv, h);
        k->sigmoid_mul(context->slot[XL_SLOT_O] + t * width + head * dv, h, h, dv);
    }
}

static void run_steps(const segment *s, const xl_op *op, int64_t head, int64_t first, int64_t length) {
    const xl_context *context = s->context;
    const xl_program *p = &context->plan->program;
    int64_t dqk = p->qk_head, dv = p->v_head, heads = p->heads;
    float *c = context->state + (size_t)op->block * context->plan->block_floats;
    float *n = c + heads * dqk * dv, *m = n + heads * dqk;
    for (int64_t t = first; t < first + length; t++)
        context->plan->device->kernels.mlstm_step(
            c + head * dqk * dv, n + head * dqk, m + head, context->slot[XL_SLOT_Q] + t * heads * dqk + head * dqk,
            context->slot[XL_SLOT_K] + t * heads * dqk + head * dqk,
            context->slot[XL_SLOT_V] + t * heads * dv + head * dv, context->slot[XL_SLOT_I][t * heads + head],
            context->slot[XL_SLOT_F][t * heads + head], dqk, dv, (float)p->eps,
            context->slot[XL_SLOT_H] + t * heads * dv + head * dv);
    finish_head(s, op, head, first, length);
}

static void run_chunk(const segment *s, const xl_op *op, int thread, int64_t head, int64_t first, int64_t length) {
    const xl_context *context = s->context;
    const xl_program *p = &context->plan->program;
    int64_t dqk = p->qk_head, dv = p->v_head, heads = p->heads;
    float *c = context->state + (size_t)op->block * context->plan->block_floats;
    float *n = c + heads * dqk * dv, *m = n + heads * dqk;
    const xl_mlstm_chunk chunk = {
        .length = length,
        .dqk = dqk,
        .dv = dv,
        .q = context->slot[XL_SLOT_Q] + (first * heads + head) * dqk,
        .k = context->slot[XL_SLOT_K] + (first * heads + head) * dqk,
        .v = context->slot[XL_SLOT_V] + (first * heads + head) * dv,
        .q_stride = heads * dqk,
        .k_stride = heads * dqk,
        .v_stride = heads * dv,
        .igate = context->slot[XL_SLOT_I] + first * heads + head,
        .fgate = context->slot[XL_SLOT_F] + first * heads + head,
        .i_stride = heads,
        .f_stride = heads,
        .c = c + head * dqk * dv,
        .n = n + head * dqk,
        .m = m + head,
        .eps = (float)p->eps,
        .h = context->slot[XL_SLOT_H] + (first * heads + head) * dv,
        .h_stride = heads * dv,
        .scratch = xl_cpu_scratch(context, thread),
    };
    context->plan->device->kernels.mlstm_chunk(&chunk);
    finish_head(s, op, head, first, length);
}

static void begin_task(segment *s) {
    int now = atomic_fetch_add(&s->in_flight, 1) + 1, most = atomic_load(&s->most_in_flight);
    while (now > most && !atomic_compare_exchange_weak(&s->most_in_flight, &most, now)) {
    }
}

static void end_task(segment *s, uint64_t chunks) {
    atomic_fetch_sub(&s->in_flight, 1);
    atomic_fetch_add(&s->chunks, chunks);
}

typedef struct band {
    int64_t first, end; /* heads */
} band;

static band band_at(const segment *s, int64_t index) {
    int64_t heads = s->context->plan->program.heads;
    band b = {index * s->heads_per_band, (index + 1) * s->heads_per_band};
    if (b.end > heads) b.end = heads;
    return b;
}

/* The band through the whole segment. Head by head, so that one head's state stays in the cache. */
static void run_band(segment *s, const xl_op *op, int thread, band b) {
    uint64_t chunks = 0;
    begin_task(s);
    for (int64_t head = b.first; head < b.end; head++) {
        for (int64_t t = 0; t < s->count && !xl_cpu_stopped(s, thread); t += s->chunk_size) {
            int64_t length = s->count - t < s->chunk_size ? s->count - t : s->chunk_size;
            if (s->scheduler == XLSTM_SCHED_RECURRENT) {
                run_steps(s, op, head, t, length);
            } else {
                run_chunk(s, op, thread, head, t, length);
                chunks += head == b.first;
            }
        }
    }
    end_task(s, chunks);
}

static void run_queued(segment *s, const xl_op *op, xl_team *team, int thread, int64_t bands) {
    for (int64_t i = xl_team_claim(team); i < bands; i = xl_team_claim(team))
        run_band(s, op, thread, band_at(s, i));
}

/* Hands a returned band (-1: none) behind those that are ready, unless its last chunk is done, and takes the first
 * that is; -1 where none is ready. Whoever is in flight then keeps its thread, so there is nothing to wait for. */
static int64_t next_band(driver *d, int64_t returned, const segment *s) {
    int64_t next = -1;
    pthread_mutex_lock(&d->lock);
    if (returned >= 0 && d->at[returned] < s->count) d->ready[d->put++ % d->bands] = returned;
    if (d->take < d->put) next = d->ready[d->take++ % d->bands];
    pthread_mutex_unlock(&d->lock);
    return next;
}

/* Band actors with at most one chunk in flight each; the driver hands out the next chunk as one returns. */
static void run_ray(segment *s, const xl_op *op, xl_team *team, int thread, int64_t bands) {
    driver *d = &s->context->driver;
    if (thread == 0) {
        d->bands = bands;
        d->take = 0;
        d->put = 0;
        for (int64_t i = 0; i < bands; i++) {
            d->at[i] = 0;
            d->ready[d->put++] = i;
        }
    }
    xl_team_barrier(team);
    for (int64_t i = next_band(d, -1, s); i >= 0 && !xl_cpu_stopped(s, thread); i = next_band(d, i, s)) {
        band b = band_at(s, i);
        int64_t first = d->at[i], length = s->count - first < s->chunk_size ? s->count - first : s->chunk_size;
        begin_task(s);
        for (int64_t head = b.first; head < b.end; head++) run_chunk(s, op, thread, head, first, length);
        d->at[i] = first + length;
        end_task(s, 1);
    }
}

void xl_cpu_cell(segment *s, const xl_op *op, xl_team *team, int thread) {
    int64_t bands = (s->context->plan->program.heads + s->heads_per_band - 1) / s->heads_per_band;
    if (s->scheduler == XLSTM_SCHED_RAY) run_ray(s, op, team, thread, bands);
    else run_queued(s, op, team, thread, bands);
}
