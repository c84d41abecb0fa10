/* Executors: batches of tokens in segments, each one submission. */
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vk_segment.h"
#include "base/error.h"

void xl_vk_configure(xl_executor *e, const xlstm_settings *settings) {
    e->settings = *settings;
}

int xl_vk_executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                          xlstm_error *err) {
    xl_executor *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    e->plan = plan;
    xl_vk_configure(e, settings);
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = plan->device->family};
    VkResult result = vkCreateCommandPool(plan->device->handle, &pool, NULL, &e->pool);
    if (result) {
        xl_vk_executor_destroy(e);
        return xl_vk_fail(plan->device, result, "preparing to run", err);
    }
    int status = plan->device->profiled ? xl_vk_profile_begin(e, err) : XLSTM_OK;
    if (status) {
        xl_vk_executor_destroy(e);
        return status;
    }
    *out = e;
    return XLSTM_OK;
}

void xl_vk_executor_destroy(xl_executor *e) {
    if (!e) return;
    xl_vk_trim(e);
    xl_vk_profile_end(e);
    vkDestroyCommandPool(e->plan->device->handle, e->pool, NULL);
    free(e->now.commands);
    for (size_t i = 0; i < XL_VK_RECORDINGS; i++) free(e->earlier[i].commands);
    free(e);
}

typedef struct watch {
    const xl_batch *batch;
    bool stop;
} watch;

static void poll_cancel(void *ctx) {
    watch *w = ctx;
    if (!w->stop && w->batch->cancel) w->stop = w->batch->cancel(w->batch->user) != 0;
}

static int run_segment(xl_executor *e, const xl_vk_shape *shape, watch *w, float *logits, xlstm_error *err) {
    uint64_t value = 0;
    xl_device *device = e->plan->device;
    int status = xl_vk_record(e, shape, err);
    if (!status) status = xl_vk_upload_end(device, err);
    for (uint32_t i = 0; i < e->now.count && !status; i++)
        status = xl_vk_submit(device, &e->now.commands[i], 1, NULL, NULL, &value, err);
    bool spins = xlstm_settings_get(&e->settings, XLSTM_TUNE_GPU_WAIT) == XLSTM_WAIT_SPIN;
    if (!status)
        status = (spins ? xl_vk_spin : xl_vk_wait)(device, value, w->batch->cancel ? poll_cancel : NULL, w, err);
    if (status) return status;
    xl_vk_profile_add(e);
    if (shape->kept)
        memcpy(logits, e->logits.host, (size_t)shape->kept * (size_t)e->plan->program.vocab * sizeof *logits);
    return XLSTM_OK;
}

/* The states of the segment's slices, which lie between two places of the batch, have moved on. */
static void turn_phases(const xl_batch *batch, xl_vk_cursor from, xl_vk_cursor to, bool steps) {
    for (; from.feed < to.feed || (from.feed == to.feed && from.token < to.token); from.feed++, from.token = 0) {
        const xl_feed *feed = &batch->feeds[from.feed];
        int64_t end = from.feed == to.feed ? to.token : (int64_t)feed->count;
        feed->state->phase ^= steps ? (uint32_t)(end - from.token) & 1 : 1;
    }
}

int xl_vk_run(xl_executor *e, const xl_batch *batch, xlstm_error *err) {
    const xl_program *p = &e->plan->program;
    if (atomic_load(&e->plan->device->lost))
        return xl_fail(err, XLSTM_EDEVICE, "%s: the device was lost", e->plan->device->properties.deviceName);
    int64_t total = 0;
    bool decode = true;
    for (size_t i = 0; i < batch->count; i++) {
        total += (int64_t)batch->feeds[i].count;
        decode &= batch->feeds[i].decode;
    }
    const xlstm_work work = {.heads = p->heads,
                             .prompt_tokens = total,
                             .auto_compute = xl_vk_auto_compute(e->plan),
                             .few_tokens = xl_vk_few_tokens(e->plan)};
    xlstm_settings v;
    xlstm_settings_effective(&e->settings, &work, &v);
    const xl_vk_limits limit = xl_vk_find_limits(e, &v);
    int status = xl_vk_reserve_for(e, batch, &limit, err);
    if (status) return status;

    watch w = {.batch = batch};
    xl_vk_cursor at = {.logits = batch->logits};
    uint64_t chunks = 0, submissions = 0;
    int64_t longest = 0, segment_rows = 0;
    while (at.feed < batch->count) {
        xl_vk_cursor from = at;
        poll_cancel(&w);
        if (w.stop) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
        const xl_vk_shape s = xl_vk_next_segment(e, batch, &at, &limit, p);
        status = run_segment(e, &s, &w, at.logits, err);
        if (status) return status;
        turn_phases(batch, from, at, limit.steps);
        if (s.kept) at.logits += (size_t)s.kept * (size_t)p->vocab;
        chunks += s.chunks;
        submissions++;
        longest = s.longest > longest ? s.longest : longest;
        segment_rows = s.rows > segment_rows ? s.rows : segment_rows;
    }
    if (w.stop) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    const int64_t few = limit.integers ? XLSTM_COMPUTE_INT8 : XLSTM_COMPUTE_F32;
    const int64_t many = limit.matrix ? XLSTM_COMPUTE_BF16 : XLSTM_COMPUTE_F32;
    const int64_t used = segment_rows > (int64_t)xl_vk_few_tokens(e->plan) ? many : few;
    if (decode) {
        e->done.decode_compute = used;
        e->done.ahead = 1;
        e->done.overlap = 0;
        return XLSTM_OK;
    }
    xlstm_settings_set(&v, XLSTM_TUNE_CHUNK_SIZE, longest ? longest : segment_rows);
    xlstm_settings_set(&v, XLSTM_TUNE_SEGMENT, segment_rows);
    xlstm_settings_set(&v, XLSTM_TUNE_COMPUTE, used);
    e->done.settings = v;
    e->done.bands = (p->heads + limit.band - 1) / limit.band;
    e->done.chunks = (int64_t)chunks * p->blocks * e->done.bands;
    e->done.submissions = (int64_t)submissions;
    return XLSTM_OK;
}

static xlstm_schedule_entry setting(const xl_executor *e, xlstm_tunable_id id) {
    const xlstm_tunable *row = xlstm_tunable_get(id);
    int64_t value = xlstm_settings_get(&e->done.settings, id);
    return (xlstm_schedule_entry){row->name, row->choices ? row->choices[value] : NULL, value};
}

bool xl_vk_schedule(const xl_executor *e, int index, xlstm_schedule_entry *out) {
    const xlstm_schedule_entry entries[] = {
        setting(e, XLSTM_TUNE_SCHEDULER),
        setting(e, XLSTM_TUNE_CHUNK_SIZE),
        setting(e, XLSTM_TUNE_HEADS_PER_BAND),
        {"bands", NULL, e->done.bands},
        setting(e, XLSTM_TUNE_SEGMENT),
        setting(e, XLSTM_TUNE_COMPUTE),
        {"decode_compute", xlstm_tunable_get(XLSTM_TUNE_COMPUTE)->choices[e->done.decode_compute],
         e->done.decode_compute},
        {"decode_ahead", NULL, e->done.ahead},
        {"decode_overlap", NULL, e->done.overlap},
        {"chunks", NULL, e->done.chunks},
        {"submissions", NULL, e->done.submissions},
        {"lanes", NULL, xl_vk_lanes(e->plan->device, e->now.shape.knobs.subgroups)},
    };
    const int count = (int)(sizeof entries / sizeof *entries);
    if (index < 0 || index >= count + e->time_count) return false;
    *out = index < count
               ? entries[index]
               : (xlstm_schedule_entry){e->times[index - count].name, NULL, (int64_t)e->times[index - count].ns};
    return true;
}
