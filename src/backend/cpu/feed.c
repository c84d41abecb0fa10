/* Tokens through the program, a segment at a time, each segment in one region of the pool. */
#include "backend/cpu/internal.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"

bool xl_cpu_stopped(segment *s, int thread) {
    if (atomic_load_explicit(&s->stop, memory_order_relaxed)) return true;
    if (thread || !s->feed->cancel || !s->feed->cancel(s->feed->user)) return false;
    atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    return true;
}

static void poll_cancel(void *argument) {
    xl_cpu_stopped(argument, 0);
}

/* A caller that waits for long work of others still asks whether to go on. */
static void wait_for_team(segment *s, xl_team *team, int thread) {
    if (thread || !s->feed->cancel) xl_team_barrier(team);
    else xl_team_barrier_idle(team, poll_cancel, s);
}

static void embed(segment *s, const xl_op *op, xl_team *team) {
    enum { TOKENS = 8 };
    const xl_context *context = s->context;
    const xl_matrix *w = &op->out[0].w;
    int64_t width = context->plan->program.width[XL_SLOT_X];
    size_t row_bytes = (size_t)w->ld * xlstm_dtype_size(w->dtype);
    for (int64_t t = xl_team_claim(team) * TOKENS; t < s->count; t = xl_team_claim(team) * TOKENS) {
        for (int64_t i = t; i < s->count && i < t + TOKENS; i++)
            context->plan->device->kernels.to_f32[w->dtype]((const char *)w->data +
                                                                (size_t)s->feed->ids[s->first + i] * row_bytes,
                                                            context->slot[XL_SLOT_X] + i * width, (size_t)width);
    }
}

/* The whole program on one thread of the team. Barriers are met even when the segment is stopped, since threads
 * may learn of that at different times. */
static void run_segment(void *argument, xl_team *team, int thread) {
    segment *s = argument;
    const xl_plan *plan = s->context->plan;
    for (size_t i = 0; i < plan->program.count; i++) {
        const xl_op *op = &plan->program.ops[i];
        int64_t from = i > plan->last_cell ? s->wanted : 0;
        if (from == s->count) break;
        /* The others may take all of an operation's work before the thread that polls gets any. */
        if (!thread) xl_cpu_stopped(s, thread);
        switch (op->kind) {
        case XL_OP_EMBED:
            embed(s, op, team);
            break;
        case XL_OP_CELL:
            xl_cpu_cell(s, op, team, thread);
            break;
        case XL_OP_PROJECT:
        case XL_OP_GATED:
        case XL_OP_LOGITS:
            xl_cpu_product(s, op, team, thread, from);
            break;
        }
        wait_for_team(s, team, thread);
    }
}

static size_t whole_lines(size_t floats) {
    enum { LINE = XL_CACHE_LINE / sizeof(float) };
    return (floats + LINE - 1) / LINE * LINE;
}

/* Room for segments of `tokens` tokens on `threads` threads; grows only. */
static int reserve(xl_context *context, size_t tokens, size_t chunk, int threads, xlstm_error *err) {
    const xl_plan *plan = context->plan;
    if (tokens > context->tokens) {
        size_t width = whole_lines(plan->widest_input), floats;
        for (int i = 0; i < XL_SLOT_COUNT; i++) width += whole_lines((size_t)plan->program.width[i]);
        xl_aligned_free(context->slots);
        context->tokens = 0;
        context->slots = xl_mul(width, tokens, &floats) ? xl_aligned_alloc(floats, sizeof(float)) : NULL;
        if (!context->slots)
            return xl_fail(err, XLSTM_ENOMEM, "out of memory for the activations of a segment of %zu tokens",
                           tokens);
        float *at = context->slots;
        for (int i = 0; i < XL_SLOT_COUNT; i++) {
            context->slot[i] = at;
            at += whole_lines((size_t)plan->program.width[i]) * tokens;
        }
        context->normed = at;
        context->tokens = tokens;
    }
    size_t floats = xl_cpu_product_scratch(plan, (int64_t)tokens), all;
    size_t cell = xl_mlstm_chunk_scratch((int64_t)chunk, plan->program.qk_head, plan->program.v_head);
    floats = whole_lines(floats > cell ? floats : cell);
    if (floats > context->scratch_floats || threads > context->scratch_threads) {
        if (floats < context->scratch_floats) floats = context->scratch_floats;
        if (threads < context->scratch_threads) threads = context->scratch_threads;
        xl_aligned_free(context->scratch);
        context->scratch_floats = 0;
        context->scratch_threads = 0;
        context->scratch = xl_mul(floats, (size_t)threads, &all) ? xl_aligned_alloc(all, sizeof(float)) : NULL;
        if (!context->scratch)
            return xl_fail(err, XLSTM_ENOMEM, "out of memory for %d times %zu bytes of scratch", threads,
                           floats * sizeof(float));
        context->scratch_floats = floats;
        context->scratch_threads = threads;
    }
    return XLSTM_OK;
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int xl_cpu_feed(xl_context *context, const xl_feed *feed, xlstm_error *err) {
    const int64_t *v = context->settings.v;
    int64_t total = (int64_t)feed->count, unwanted = total - (int64_t)feed->logit_rows;
    int64_t length = min64(v[XLSTM_TUNE_SEGMENT], total), chunk = min64(v[XLSTM_TUNE_CHUNK_SIZE], length);
    /* A decoded token has no chunks: each head is a task. */
    int64_t band = feed->decode ? 1 : min64(v[XLSTM_TUNE_HEADS_PER_BAND], context->plan->program.heads);
    int threads = (int)min64(v[feed->decode ? XLSTM_TUNE_DECODE_WORKERS : XLSTM_TUNE_WORKERS], XL_POOL_MAX);
    int status = reserve(context, (size_t)length, (size_t)chunk, threads, err);
    if (status) return status;

    xl_pool *pool = xl_pool_shared();
    xl_pool_pin(pool, (xl_pinning)v[XLSTM_TUNE_PINNING]);
    uint64_t chunks = 0;
    int most = 0, used = 1;
    for (int64_t first = 0; first < total; first += length) {
        segment s = {.context = context,
                     .feed = feed,
                     .first = first,
                     .count = min64(length, total - first),
                     .chunk_size = chunk,
                     .heads_per_band = band,
                     .scheduler = feed->decode ? XLSTM_SCHED_RECURRENT : (int)v[XLSTM_TUNE_SCHEDULER]};
        s.wanted = unwanted <= first ? 0 : min64(unwanted - first, s.count);
        used = xl_pool_parallel(pool, threads, run_segment, &s);
        if (atomic_load(&s.stop)) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
        chunks += atomic_load(&s.chunks);
        if (atomic_load(&s.most_in_flight) > most) most = atomic_load(&s.most_in_flight);
    }
    if (feed->decode) {
        context->done.decode_threads = used;
        return XLSTM_OK;
    }
    context->done.scheduler = v[XLSTM_TUNE_SCHEDULER];
    context->done.chunk_size = chunk;
    context->done.heads_per_band = band;
    context->done.bands = (context->plan->program.heads + band - 1) / band;
    context->done.threads = used;
    context->done.segment = length;
    context->done.chunks = chunks;
    context->done.max_in_flight = (uint64_t)most;
    return XLSTM_OK;
}
