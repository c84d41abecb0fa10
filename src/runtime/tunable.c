/* The table of tunables, and settings made from it. */
#include <xlstm/tunable.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/pool.h"
#include "model/model.h"
#include "weights/formats.h"

enum {
    COUNT_MAX = 1 << 30, /* tokens and heads: more than any prompt or model has */
    PRESET_CHUNK = 64,
    PRESET_SEGMENT = 512
};

static const char *const schedulers[] = {"queued", "ray", "recurrent", NULL};
static const char *const pinnings[] = {"none", "compact", "spread", NULL};
#define FORMAT_NAME(id, name) #name,
static const char *const weights[] = {"stored", XL_FORMATS(FORMAT_NAME) NULL};
#undef FORMAT_NAME
static const char *const switches[] = {"off", "on", NULL};

static const xlstm_tunable table[XLSTM_TUNABLE_COUNT] = {
    {XLSTM_TUNE_SCHEDULER, "scheduler", "",
     "order of the mLSTM cell's work in prefill: each band of heads through a whole segment (queued), all bands "
     "one chunk at a time (ray), or token by token (recurrent)",
     XLSTM_TYPE_CHOICE, 0, 2, XLSTM_SCHED_QUEUED, schedulers, XLSTM_AFFECTS_PREFILL, NULL},
    {XLSTM_TUNE_CHUNK_SIZE, "chunk_size", "tokens", "tokens in one chunk of the chunkwise mLSTM cell",
     XLSTM_TYPE_INT, 1, COUNT_MAX, PRESET_CHUNK, NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY,
     "a chunk is no longer than its segment or the prompt, and the scheduler recurrent has no chunks"},
    {XLSTM_TUNE_HEADS_PER_BAND, "heads_per_band", "heads", "heads in a band, which is one task of the mLSTM cell",
     XLSTM_TYPE_INT, 1, COUNT_MAX, 0, NULL, XLSTM_AFFECTS_PREFILL, "a band has no more heads than the model"},
    {XLSTM_TUNE_WORKERS, "workers", "threads", "number of threads in prefill", XLSTM_TYPE_INT, 1, XL_POOL_MAX, 0,
     NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY, NULL},
    {XLSTM_TUNE_SEGMENT, "segment", "tokens", "tokens that go through the layers together in prefill",
     XLSTM_TYPE_INT, 1, COUNT_MAX, PRESET_SEGMENT, NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY,
     "a segment is no longer than the prompt"},
    {XLSTM_TUNE_DECODE_WORKERS, "decode_workers", "threads", "number of threads in decode", XLSTM_TYPE_INT, 1,
     XL_POOL_MAX, 0, NULL, XLSTM_AFFECTS_DECODE, NULL},
    {XLSTM_TUNE_PINNING, "pinning", "",
     "whether threads are bound to CPUs, close together (compact) or far apart (spread)", XLSTM_TYPE_CHOICE, 0, 2,
     XLSTM_PIN_NONE, pinnings, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE, NULL},
    {XLSTM_TUNE_WEIGHTS, "weights", "", "format of the weights in memory", XLSTM_TYPE_CHOICE, 0, XL_FORMAT_COUNT,
     XLSTM_WEIGHTS_STORED, weights,
     XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_NUMERICS |
         XLSTM_AFFECTS_LOAD,
     "stored is the format of the checkpoint's matrices, where they share one"},
    {XLSTM_TUNE_HUGE_PAGES, "huge_pages", "", "whether weights are held in huge pages, where the system has them",
     XLSTM_TYPE_CHOICE, 0, 1, 0, switches,
     XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_LOAD, NULL},
};

const xlstm_tunable *xlstm_tunable_get(int id) {
    return id >= 0 && id < XLSTM_TUNABLE_COUNT ? &table[id] : NULL;
}

const xlstm_tunable *xlstm_tunable_find(const char *name) {
    for (int i = 0; name && i < XLSTM_TUNABLE_COUNT; i++) {
        if (!xl_name_distance(name, table[i].name)) return &table[i];
    }
    return NULL;
}

void xlstm_tunable_range(int id, const xlstm_hparams *hparams, int64_t *min, int64_t *max, int64_t *preset) {
    const xlstm_tunable *row = xlstm_tunable_get(id);
    if (!row) return;
    int64_t low = row->min, high = row->max, value = row->preset;
    int64_t cpus = xl_cpu_count() < XL_POOL_MAX ? xl_cpu_count() : XL_POOL_MAX;
    switch (id) {
    case XLSTM_TUNE_CHUNK_SIZE:
        low = 8;
        high = 1024;
        break;
    case XLSTM_TUNE_SEGMENT:
        low = 16;
        high = 8192;
        break;
    case XLSTM_TUNE_HEADS_PER_BAND:
        /* Four bands for each thread, where there are so many heads, let threads of unequal speed end together. */
        if (hparams) high = hparams->num_heads;
        value = hparams ? hparams->num_heads / (4 * cpus) : 1;
        if (value < 1) value = 1;
        break;
    case XLSTM_TUNE_WORKERS:
    case XLSTM_TUNE_DECODE_WORKERS:
        high = cpus;
        value = cpus;
        break;
    default:
        break;
    }
    if (min) *min = low;
    if (max) *max = high;
    if (preset) *preset = value;
}

_Static_assert(XLSTM_TUNABLE_COUNT <= sizeof(xlstm_settings) / sizeof(int64_t), "settings have room for every row");

int64_t xlstm_settings_get(const xlstm_settings *settings, int id) {
    return id >= 0 && id < XLSTM_TUNABLE_COUNT ? settings->opaque[id] : 0;
}

void xlstm_settings_set(xlstm_settings *settings, int id, int64_t value) {
    if (id >= 0 && id < XLSTM_TUNABLE_COUNT) settings->opaque[id] = value;
}

void xlstm_settings_init(xlstm_settings *settings, const xlstm_hparams *hparams) {
    *settings = (xlstm_settings){{0}};
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) xlstm_tunable_range(i, hparams, NULL, NULL, &settings->opaque[i]);
}

/* ---- what is in force ---- */

void xlstm_work_init(xlstm_work *work, const xlstm_hparams *hparams, const xlstm_model_info *info,
                     int64_t prompt_tokens) {
    *work = (xlstm_work){.heads = hparams ? hparams->num_heads : 0,
                         .stored_weights = info ? info->stored_weights : XLSTM_WEIGHTS_STORED,
                         .prompt_tokens = prompt_tokens};
}

/* limit 0: unknown. */
static int64_t at_most(int64_t value, int64_t limit) {
    return limit > 0 && value > limit ? limit : value;
}

int64_t xlstm_tunable_effective(int id, int64_t value, const xlstm_work *work) {
    switch (id) {
    case XLSTM_TUNE_CHUNK_SIZE:
    case XLSTM_TUNE_SEGMENT:
        return at_most(value, work->prompt_tokens);
    case XLSTM_TUNE_HEADS_PER_BAND:
        return at_most(value, work->heads);
    case XLSTM_TUNE_WEIGHTS:
        return value == XLSTM_WEIGHTS_STORED ? work->stored_weights : value;
    default:
        return value;
    }
}

void xlstm_settings_effective(const xlstm_settings *settings, const xlstm_work *work, xlstm_settings *out) {
    *out = *settings;
    int64_t *v = out->opaque;
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) v[id] = xlstm_tunable_effective(id, v[id], work);
    v[XLSTM_TUNE_CHUNK_SIZE] = at_most(v[XLSTM_TUNE_CHUNK_SIZE], v[XLSTM_TUNE_SEGMENT]);
    if (v[XLSTM_TUNE_SCHEDULER] == XLSTM_SCHED_RECURRENT) v[XLSTM_TUNE_CHUNK_SIZE] = v[XLSTM_TUNE_SEGMENT];
}

/* "queued, ray or recurrent" */
static void list_choices(const xlstm_tunable *row, char *text, size_t bytes) {
    text[0] = 0;
    for (int64_t i = 0; i <= row->max; i++) {
        if (i) strncat(text, i == row->max ? " or " : ", ", bytes - strlen(text) - 1);
        strncat(text, row->choices[i], bytes - strlen(text) - 1);
    }
}

static int parse_choice(int64_t *value, const xlstm_tunable *row, const char *text, xlstm_error *err) {
    for (int64_t i = 0; i <= row->max; i++) {
        if (!strcmp(text, row->choices[i])) {
            *value = i;
            return XLSTM_OK;
        }
    }
    char wanted[256];
    list_choices(row, wanted, sizeof wanted);
    int nearest = xl_nearest_name(text, row->choices, (int)row->max + 1);
    if (nearest < 0) return xl_fail(err, XLSTM_EARG, "%s: '%.100s', wanted %s", row->name, text, wanted);
    return xl_fail(err, XLSTM_EARG, "%s: '%.100s', wanted %s; did you mean '%s'?", row->name, text, wanted,
                   row->choices[nearest]);
}

static int check_value(const xlstm_tunable *row, int64_t value, xlstm_error *err) {
    if (value >= row->min && value <= row->max) return XLSTM_OK;
    int64_t nearest = value < row->min ? row->min : row->max;
    if (row->type == XLSTM_TYPE_CHOICE) {
        char wanted[256];
        list_choices(row, wanted, sizeof wanted);
        return xl_fail(err, XLSTM_EARG, "%s: choice %lld, wanted %s", row->name, (long long)value, wanted);
    }
    return xl_fail(err, XLSTM_EARG, "%s: %lld %s, wanted %lld to %lld; the nearest is %lld", row->name,
                   (long long)value, row->unit, (long long)row->min, (long long)row->max, (long long)nearest);
}

int xlstm_settings_parse(xlstm_settings *settings, int id, const char *text, xlstm_error *err) {
    const xlstm_tunable *row = xlstm_tunable_get(id);
    if (!row) return xl_fail(err, XLSTM_EARG, "tunable %d, wanted 0 to %d", id, XLSTM_TUNABLE_COUNT - 1);
    int64_t value = 0;
    int status = XLSTM_OK;
    if (row->type == XLSTM_TYPE_CHOICE) {
        status = parse_choice(&value, row, text, err);
    } else {
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9' : text[0] >= '0' && text[0] <= '9';
        if (!digits || *end)
            return xl_fail(err, XLSTM_EARG, "%s: '%.100s' is not an integer, wanted %lld to %lld", row->name, text,
                           (long long)row->min, (long long)row->max);
        value = number;
        status = check_value(row, value, err);
    }
    if (!status) settings->opaque[id] = value;
    return status;
}

int xlstm_settings_check(const xlstm_settings *settings, xlstm_error *err) {
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
        int status = check_value(&table[i], settings->opaque[i], err);
        if (status) return status;
    }
    return XLSTM_OK;
}
