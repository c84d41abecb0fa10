/* Greedy decoding: the device chooses the tokens itself, so that steps follow one another without the host, which
 * submits them ahead and reads what was chosen from a ring. */
#include <stdlib.h>

#include "backend/vulkan/vk_segment.h"
#include "base/error.h"
#include "base/memory.h"

/* How many steps are under way: so many submissions of so many steps each. */
typedef struct pace {
    uint32_t chain, streams;
} pace;

/* Steps of a submission, and submissions, where the tunables say auto: enough to hide the host, few enough that a
 * text comes evenly. Software has nothing to hide. */
static pace find_pace(const xl_executor *e) {
    enum { CHAIN = 4, STREAMS = 2 };
    const xl_device *device = e->plan->device;
    const bool soft = device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    const xlstm_settings *v = &e->settings;
    pace p = {
        .chain = (uint32_t)xlstm_tunable_number(XLSTM_TUNE_GPU_CHAIN, xlstm_settings_get(v, XLSTM_TUNE_GPU_CHAIN)),
        .streams =
            (uint32_t)xlstm_tunable_number(XLSTM_TUNE_GPU_STREAMS, xlstm_settings_get(v, XLSTM_TUNE_GPU_STREAMS))};
    if (!p.chain) p.chain = soft ? 1 : CHAIN;
    if (!p.streams) p.streams = soft ? 1 : STREAMS;
    /* Timestamps are read before they are written again, and so many blocks of a submission leave no room for
     * steps. */
    if (e->queries) p = (pace){1, 1};
    if (xlstm_settings_get(v, XLSTM_TUNE_GPU_BLOCKS) != XLSTM_GPU_AUTO) p.chain = 1;
    return p;
}

size_t xl_vk_greedy_ahead(const xl_executor *e) {
    const pace p = find_pace(e);
    return (size_t)p.chain * p.streams;
}

/* A submission that is under way. */
typedef struct flight {
    uint64_t value; /* of the timeline when it is done */
    uint32_t steps;
} flight;

typedef struct run {
    xl_executor *executor;
    const xl_greedy *greedy;
    size_t seen; /* steps whose tokens were read */
    bool stop;
} run;

static void poll_cancel(void *ctx) {
    run *r = ctx;
    if (!r->stop && r->greedy->cancel) r->stop = r->greedy->cancel(r->greedy->user) != 0;
}

/* Submits so many steps. */
static int submit(xl_executor *e, uint32_t steps, flight *out, xlstm_error *err) {
    VkCommandBuffer list[XL_VK_RING];
    int status = XLSTM_OK;
    out->steps = steps;
    if (e->now.count == 1) {
        for (uint32_t i = 0; i < steps; i++) list[i] = e->now.commands[0];
        return xl_vk_submit(e->plan->device, list, steps, NULL, NULL, &out->value, err);
    }
    for (uint32_t i = 0; i < e->now.count && !status; i++)
        status = xl_vk_submit(e->plan->device, &e->now.commands[i], 1, NULL, NULL, &out->value, err);
    return status;
}

/* Waits for a submission and reads the tokens that it chose. */
static int land(run *r, const flight *f, xlstm_error *err) {
    xl_executor *e = r->executor;
    const size_t count = r->greedy->count;
    const bool spins = xlstm_settings_get(&e->settings, XLSTM_TUNE_GPU_WAIT) == XLSTM_WAIT_SPIN;
    int status = (spins ? xl_vk_spin : xl_vk_wait)(e->plan->device, f->value,
                                                   r->greedy->cancel ? poll_cancel : NULL, r, err);
    if (status) return status;
    xl_vk_profile_add(e);
    const int32_t *ring = e->chosen.host;
    for (uint32_t i = 0; i < f->steps; i++, r->seen++)
        for (size_t s = 0; s < count; s++)
            r->greedy->out[r->seen * count + s] = ring[r->seen % XL_VK_RING * count + s];
    for (size_t i = 0; i < f->steps * count; i++) {
        if (r->greedy->out[(r->seen - f->steps) * count + i] != XL_VK_UNORDERED) continue;
        atomic_store(&e->plan->device->unordered, true);
        return xl_fail(
            err, XLSTM_EDEVICE,
            "%s: dispatches do not begin in the order in which they were submitted, as gpu_overlap wants",
            e->plan->device->properties.deviceName);
    }
    return XLSTM_OK;
}

static int fly(run *r, const pace *p, xlstm_error *err) {
    flight flights[XL_VK_RING] = {{0}};
    const size_t steps = r->greedy->steps;
    size_t sent = 0;
    uint32_t first = 0, under_way = 0;
    int status = XLSTM_OK;
    poll_cancel(r);
    while (!status && r->seen < steps && !r->stop) {
        while (!status && sent < steps && under_way < p->streams) {
            const size_t left = steps - sent;
            const uint32_t n = left < p->chain ? (uint32_t)left : p->chain;
            status = submit(r->executor, n, &flights[(first + under_way) % XL_VK_RING], err);
            if (status) break;
            sent += n;
            under_way++;
        }
        if (status) break;
        status = land(r, &flights[first], err);
        first = (first + 1) % XL_VK_RING;
        under_way--;
    }
    /* Nothing of the executor is left in use. */
    if (status || under_way) xl_vk_settle(r->executor->plan->device);
    return status;
}

/* The sequences as a batch of one token each. */
static int describe(xl_executor *e, const xl_greedy *g, xl_feed *feeds, xl_vk_shape *out, xlstm_error *err) {
    const xl_program *p = &e->plan->program;
    for (size_t i = 0; i < g->count; i++)
        feeds[i] = (xl_feed){.state = g->states[i], .ids = &g->ids[i], .count = 1, .logit_rows = 1, .decode = true};
    const xl_batch batch = {.feeds = feeds, .count = g->count};
    const xlstm_work work = {.heads = p->heads,
                             .prompt_tokens = (int64_t)g->count,
                             .auto_compute = xl_vk_auto_compute(e->plan),
                             .few_tokens = xl_vk_few_tokens(e->plan)};
    xlstm_settings v;
    xlstm_settings_effective(&e->settings, &work, &v);
    xl_vk_limits limit = xl_vk_find_limits(e, &v);
    limit.greedy = true;
    /* One recording holds them all. */
    if (limit.rows < (int64_t)g->count) limit.rows = (int64_t)g->count;
    if (limit.chunks < (int64_t)g->count) limit.chunks = (int64_t)g->count;
    if (limit.kept < (int64_t)g->count || g->count > XL_VK_GREEDY_MAX)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%zu sequences at once, %lld at most", g->count,
                       (long long)(limit.kept < XL_VK_GREEDY_MAX ? limit.kept : XL_VK_GREEDY_MAX));
    int status = xl_vk_reserve_for(e, &batch, &limit, err);
    if (status) return status;
    xl_vk_cursor at = {0};
    *out = xl_vk_next_segment(e, &batch, &at, &limit, p);
    for (size_t i = 0; i < g->count; i++) e->turns[i] = 0;
    if (limit.matrix && (int64_t)g->count > xl_vk_few_tokens(e->plan)) e->done.decode_compute = XLSTM_COMPUTE_BF16;
    else e->done.decode_compute = limit.integers ? XLSTM_COMPUTE_INT8 : XLSTM_COMPUTE_F32;
    return XLSTM_OK;
}

int xl_vk_greedy(xl_executor *e, const xl_greedy *g, xlstm_error *err) {
    xl_device *device = e->plan->device;
    if (atomic_load(&device->lost))
        return xl_fail(err, XLSTM_EDEVICE, "%s: the device was lost", device->properties.deviceName);
    const pace p = find_pace(e);
    xl_vk_shape shape;
    run r = {.executor = e, .greedy = g};
    xl_feed *feeds = xl_array(g->count, sizeof *feeds);
    if (!feeds) return xl_fail(err, XLSTM_ENOMEM, "out of memory for a batch of %zu", g->count);
    int status = describe(e, g, feeds, &shape, err);
    free(feeds);
    if (!status) status = xl_vk_record(e, &shape, err);
    if (!status) status = xl_vk_upload_end(device, err);
    if (!status) status = fly(&r, &p, err);
    if (!status && r.stop) status = xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    if (status) return status;
    for (size_t i = 0; i < g->count; i++) g->states[i]->phase ^= (uint32_t)g->steps & 1;
    e->done.ahead = (int64_t)p.chain * p.streams;
    e->done.overlap = e->now.ordered;
    return XLSTM_OK;
}
