/* Batches of tokens through the program, a segment at a time, each segment in one region of the pool. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "base/error.h"
#include "base/memory.h"

static void poll_cancel(void *argument) {
    xl_cpu_stopped(argument, 0);
}

enum { EMBEDDED_TOKENS = 8 }; /* of a task */

static void embed(void *ctx, int64_t task, int thread) {
    const segment *s = ctx;
    const xl_executor *e = s->executor;
    const xl_program *program = &e->plan->program;
    const xl_matrix *w = &program->ops[0].out[0].w->m;
    const int64_t width = program->width[XL_SLOT_X], end = (task + 1) * EMBEDDED_TOKENS;
    (void)thread;
    for (int64_t i = task * EMBEDDED_TOKENS; i < end && i < s->rows; i++)
        e->plan->device->kernels.to_f32[w->format]((const char *)w->data + (size_t)e->ids[i] * w->stride,
                                                   e->slot[XL_SLOT_X] + i * width, (size_t)width);
}

/* Moves the rows that are wanted after the last cell to the front, in the residual stream and the cell's output:
 * the operations that follow read nothing else. */
static void gather(const segment *s) {
    static const xl_slot slots[] = {XL_SLOT_X, XL_SLOT_H};
    const xl_executor *e = s->executor;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        int64_t width = e->plan->program.width[slots[i]];
        float *rows = e->slot[slots[i]];
        for (int64_t r = 0; r < s->kept; r++) {
            if (e->kept[r] != r) memcpy(rows + r * width, rows + e->kept[r] * width, (size_t)width * sizeof(float));
        }
    }
}

/* Runs the whole program. */
static void run_segment(segment *s) {
    const xl_plan *plan = s->executor->plan;
    xl_cpu_profile *profile = s->executor->profile;
    for (size_t i = 0; i < plan->program.count; i++) {
        const xl_op *op = &plan->program.ops[i];
        int64_t rows = i > plan->last_cell ? s->kept : s->rows;
        /* The other threads may take all of an operation's work before the thread that polls gets any. */
        if (!rows || xl_cpu_stopped(s, 0)) break;
        if (profile) xl_cpu_profile_begin(profile, op);
        if (i == plan->last_cell + 1 && s->scattered) gather(s);
        switch (op->kind) {
        case XL_OP_EMBED:
            xl_cpu_phase(s, (rows + EMBEDDED_TOKENS - 1) / EMBEDDED_TOKENS, embed, s);
            break;
        case XL_OP_CELL:
            xl_cpu_cell(s, op);
            break;
        case XL_OP_PROJECT:
        case XL_OP_GATED:
        case XL_OP_LOGITS:
            xl_cpu_product(s, op, rows);
            break;
        }
        if (profile) xl_cpu_profile_end(profile);
    }
}

static size_t whole_lines(size_t floats) {
    enum { LINE = XL_CACHE_LINE / sizeof(float) };
    return (floats + LINE - 1) / LINE * LINE;
}

static void drop_tokens(xl_executor *e) {
    xl_aligned_free(e->slots);
    free(e->ids);
    free(e->slices);
    free(e->kept);
    free(e->arrived);
    e->slots = NULL;
    e->ids = NULL;
    e->slices = NULL;
    e->kept = NULL;
    e->arrived = NULL;
    e->tokens = 0;
}

static int reserve_tokens(xl_executor *e, size_t tokens, xlstm_error *err) {
    if (tokens <= e->tokens) return XLSTM_OK;
    const xl_plan *plan = e->plan;
    size_t width = whole_lines(plan->widest_input), floats, packed = xl_cpu_packed_floats(plan, (int64_t)tokens);
    for (int i = 0; i < XL_SLOT_COUNT; i++) width += whole_lines((size_t)plan->program.width[i]);
    drop_tokens(e);
    e->slots = xl_mul(width, tokens, &floats) && xl_add(floats, packed, &floats)
                   ? xl_aligned_alloc(floats, sizeof(float))
                   : NULL;
    e->ids = xl_array(tokens, sizeof *e->ids);
    e->slices = xl_array(tokens, sizeof *e->slices);
    e->kept = xl_array(tokens, sizeof *e->kept);
    size_t chunks;
    if (xl_mul(tokens, (size_t)plan->program.heads, &chunks)) e->arrived = xl_array(chunks, sizeof *e->arrived);
    if (!e->slots || !e->ids || !e->slices || !e->kept || !e->arrived) {
        drop_tokens(e);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the activations of a segment of %zu tokens", tokens);
    }
    float *at = e->slots;
    for (int i = 0; i < XL_SLOT_COUNT; i++) {
        e->slot[i] = at;
        at += whole_lines((size_t)plan->program.width[i]) * tokens;
    }
    e->normed = at;
    e->packed = at + whole_lines(plan->widest_input) * tokens;
    e->tokens = tokens;
    return XLSTM_OK;
}

static void drop_scratch(xl_executor *e) {
    xl_aligned_free(e->scratch);
    e->scratch = NULL;
    e->scratch_floats = 0;
    e->scratch_threads = 0;
}

static int reserve_scratch(xl_executor *e, size_t tokens, size_t chunk, int threads, xlstm_error *err) {
    const xl_program *p = &e->plan->program;
    size_t floats = xl_cpu_product_scratch(e->plan, (int64_t)tokens), all;
    size_t cell = xl_mlstm_chunk_scratch((int64_t)chunk, p->qk_head, p->v_head);
    if (p->state_format != XL_FORMAT_F32) cell += xl_cpu_c_floats(e->plan);
    floats = whole_lines(floats > cell ? floats : cell);
    if (floats <= e->scratch_floats && threads <= e->scratch_threads) return XLSTM_OK;
    if (floats < e->scratch_floats) floats = e->scratch_floats;
    if (threads < e->scratch_threads) threads = e->scratch_threads;
    drop_scratch(e);
    e->scratch = xl_mul(floats, (size_t)threads, &all) ? xl_aligned_alloc(all, sizeof(float)) : NULL;
    if (!e->scratch)
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for %d times %zu bytes of scratch", threads,
                       floats * sizeof(float));
    e->scratch_floats = floats;
    e->scratch_threads = threads;
    return XLSTM_OK;
}

static void drop_tasks(xl_executor *e) {
    free(e->tasks);
    free(e->driver.ready);
    free(e->own);
    e->tasks = NULL;
    e->driver.ready = NULL;
    e->own = NULL;
    e->task_room = 0;
    e->own_room = 0;
}

static int reserve_tasks(xl_executor *e, size_t count, size_t own, xlstm_error *err) {
    if (count <= e->task_room && own <= e->own_room) return XLSTM_OK;
    if (count < e->task_room) count = e->task_room;
    if (own < e->own_room) own = e->own_room;
    drop_tasks(e);
    e->tasks = xl_array(count, sizeof *e->tasks);
    e->driver.ready = xl_array(count, sizeof *e->driver.ready);
    e->own = xl_array(own ? own : 1, sizeof *e->own);
    if (!e->tasks || !e->driver.ready || !e->own) {
        drop_tasks(e);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu tasks of the cell", count);
    }
    e->task_room = count;
    e->own_room = own;
    return XLSTM_OK;
}

void xl_cpu_trim(xl_executor *e) {
    drop_tokens(e);
    drop_scratch(e);
    drop_tasks(e);
}

void xl_cpu_executor_destroy(xl_executor *e) {
    if (!e) return;
    xl_cpu_trim(e);
    pthread_mutex_destroy(&e->driver.lock);
    xl_cpu_profile_destroy(e->profile);
    free(e);
}

void xl_cpu_configure(xl_executor *e, const xlstm_settings *settings) {
    e->settings = *settings;
}

void xl_cpu_observe(xl_executor *e, xl_observe_fn fn, void *user) {
    e->observe = fn;
    e->observe_user = user;
}

int xl_cpu_executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                           xlstm_error *err) {
    xl_executor *e = calloc(1, sizeof *e);
    if (e && plan->device->profiled) e->profile = xl_cpu_profile_create();
    if (!e || (plan->device->profiled && !e->profile)) {
        free(e);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    e->plan = plan;
    xl_cpu_configure(e, settings);
    pthread_mutex_init(&e->driver.lock, NULL);
    *out = e;
    return XLSTM_OK;
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Where a batch stands between segments. */
typedef struct cursor {
    size_t feed;
    int64_t token;
    float *logits;
} cursor;

/* Takes the next tokens of the batch, `room` at most, as slices of the segment. */
static void fill_segment(segment *s, cursor *at, int64_t room) {
    xl_executor *e = s->executor;
    s->logits = at->logits;
    while (s->rows < room && at->feed < s->batch->count) {
        const xl_feed *feed = &s->batch->feeds[at->feed];
        int64_t left = (int64_t)feed->count - at->token, unwanted = (int64_t)(feed->count - feed->logit_rows);
        slice part = {.feed = feed, .token = at->token, .row = s->rows, .count = min64(left, room - s->rows)};
        e->slices[s->slices++] = part;
        memcpy(e->ids + part.row, feed->ids + part.token, (size_t)part.count * sizeof *e->ids);
        for (int64_t t = part.token > unwanted ? part.token : unwanted; t < part.token + part.count; t++) {
            int64_t row = part.row + t - part.token;
            s->scattered |= row != s->kept;
            e->kept[s->kept++] = row;
        }
        s->rows += part.count;
        at->token += part.count;
        if (at->token == (int64_t)feed->count) {
            at->feed++;
            at->token = 0;
        }
    }
    if (s->kept) at->logits += s->kept * e->plan->program.vocab;
}

static xl_compute compute_of(int64_t choice) {
    switch (choice) {
    case XLSTM_COMPUTE_BF16:
        return XL_COMPUTE_BF16;
    case XLSTM_COMPUTE_INT8:
        return XL_COMPUTE_INT8;
    default:
        return XL_COMPUTE_F32;
    }
}

int xl_cpu_run(xl_executor *e, const xl_batch *batch, xlstm_error *err) {
    const xl_program *p = &e->plan->program;
    int64_t total = 0;
    bool decode = true;
    for (size_t i = 0; i < batch->count; i++) {
        total += (int64_t)batch->feeds[i].count;
        decode &= batch->feeds[i].decode;
    }
    e->few_in_bf16 = e->plan->bf16 && xlstm_settings_get(&e->settings, XLSTM_TUNE_COMPUTE) == XLSTM_COMPUTE_BF16;
    const xlstm_work work = {.heads = p->heads,
                             .prompt_tokens = total,
                             .auto_compute = xl_cpu_auto_compute(e->plan),
                             .few_in_bf16 = e->few_in_bf16};
    xlstm_settings v;
    xlstm_settings_effective(&e->settings, &work, &v);
    if (total <= XL_FEW_TOKENS && !e->plan->integers && !e->few_in_bf16)
        xlstm_settings_set(&v, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    const int64_t length = xlstm_settings_get(&v, XLSTM_TUNE_SEGMENT);
    const int64_t chunk = xlstm_settings_get(&v, XLSTM_TUNE_CHUNK_SIZE);
    const int64_t band = xlstm_settings_get(&v, XLSTM_TUNE_HEADS_PER_BAND);
    const int scheduler = decode ? XLSTM_SCHED_RECURRENT : (int)xlstm_settings_get(&v, XLSTM_TUNE_SCHEDULER);
    const int threads = (int)xlstm_settings_get(&v, decode ? XLSTM_TUNE_DECODE_WORKERS : XLSTM_TUNE_WORKERS);
    e->compute = compute_of(xlstm_settings_get(&v, XLSTM_TUNE_COMPUTE));
    int status = reserve_tokens(e, (size_t)length, err);
    /* Token by token, the cell needs no scratch. */
    if (!status)
        status = reserve_scratch(e, (size_t)length, scheduler == XLSTM_SCHED_RECURRENT ? 1 : (size_t)chunk, threads,
                                 err);
    if (status) return status;

    xl_pool *pool = xl_pool_shared();
    xl_pool_pin(pool, (xl_pinning)xlstm_settings_get(&v, XLSTM_TUNE_PINNING));
    int64_t chunks = 0;
    int most = 0, used = 1;
    cursor at = {.logits = batch->logits};
    while (at.feed < batch->count) {
        segment s = {.executor = e, .batch = batch, .chunk_size = chunk, .scheduler = scheduler};
        fill_segment(&s, &at, length);
        xl_cpu_plan_cell(&s, band, threads);
        status = reserve_tasks(e, (size_t)s.tasks, xl_cpu_own_floats(&s), err);
        if (status) return status;
        xl_cpu_cut_cell(&s, band);
        xl_region region = xl_region_begin(pool, threads);
        region.eager = s.rows > XL_FEW_TOKENS;
        /* A caller that waits long for the others still asks whether to go on. */
        region.idle = batch->cancel ? poll_cancel : NULL;
        region.idle_ctx = &s;
        used = region.threads;
        s.region = &region;
        run_segment(&s);
        xl_region_end(&region);
        if (atomic_load(&s.stop)) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
        chunks += atomic_load(&s.chunks);
        if (atomic_load(&s.most_in_flight) > most) most = atomic_load(&s.most_in_flight);
    }
    if (decode) {
        e->done.decode_threads = used;
        return XLSTM_OK;
    }
    e->done = (done){.settings = v,
                     .bands = (p->heads + band - 1) / band,
                     .threads = used,
                     .decode_threads = e->done.decode_threads,
                     .chunks = chunks,
                     .max_in_flight = most};
    return XLSTM_OK;
}

static xlstm_schedule_entry setting(const done *d, int id) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    const int64_t value = xlstm_settings_get(&d->settings, id);
    return (xlstm_schedule_entry){t->name, t->choices ? t->choices[value] : NULL, value};
}

bool xl_cpu_schedule(const xl_executor *e, int index, xlstm_schedule_entry *out) {
    const done *d = &e->done;
    const xlstm_schedule_entry entries[] = {
        setting(d, XLSTM_TUNE_SCHEDULER),
        setting(d, XLSTM_TUNE_CHUNK_SIZE),
        setting(d, XLSTM_TUNE_HEADS_PER_BAND),
        {"bands", NULL, d->bands},
        {"threads", NULL, d->threads},
        setting(d, XLSTM_TUNE_SEGMENT),
        {"decode_threads", NULL, d->decode_threads},
        setting(d, XLSTM_TUNE_COMPUTE),
        {"chunks", NULL, d->chunks},
        {"max_in_flight", NULL, d->max_in_flight},
    };
    const int count = sizeof entries / sizeof *entries;
    if (index >= count && e->profile) return xl_cpu_profile_entry(e->profile, index - count, out);
    if (index < 0 || index >= count) return false;
    *out = entries[index];
    return true;
}
