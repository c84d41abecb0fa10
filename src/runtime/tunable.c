/* The table of tunables, with the rules of each, and settings made from it. */
#include <xlstm/tunable.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/pool.h"
#include "model/model.h"
#include "weights/formats.h"

enum { COUNT_MAX = 1 << 30 }; /* tokens and heads: more than any prompt or model has */

static const char *const schedulers[] = {"queued", "ray", "recurrent", NULL};
static const char *const pinnings[] = {"none", "compact", "spread", NULL};
static const char *const weights[] = {"stored",
#define FORMAT(id, name) #name,
#include "weights/formats.def"
#undef FORMAT
                                      NULL};
static const char *const head_weights[] = {"same",
#define FORMAT(id, name) #name,
#include "weights/formats.def"
#undef FORMAT
                                           NULL};
static const char *const computes[] = {"auto", "f32", "bf16", "int8", NULL};
static const char *const states[] = {"f32", "bf16", "f16", NULL};
static const char *const huge_pages[] = {"off", "on", "auto", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const gpu_rows[] = {"auto", "1", "2", "4", "8", NULL};
static const char *const gpu_unrolls[] = {"auto", "1", "2", "4", NULL};
static const char *const gpu_groups[] = {"auto", "64", "128", "256", "512", "1024", NULL};
static const char *const gpu_splits[] = {"auto", "1", "2", "4", "8", NULL};
static const char *const gpu_tiles[] = {"auto", "small", "square", "wide", NULL};
static const char *const gpu_subgroups[] = {"auto", "off", NULL};
static const char *const gpu_blocks[] = {"all", "1", "2", "4", "8", "16", NULL};
static const char *const gpu_chains[] = {"auto", "1", "2", "4", "8", "16", NULL};
static const char *const gpu_streams[] = {"auto", "1", "2", "4", "8", NULL};
static const char *const gpu_waits[] = {"sleep", "spin", NULL};

/* A tunable with all that is particular to it. What is NULL or 0 has the value named in its comment. */
typedef struct tunable_row {
    xlstm_tunable shown;
    int64_t useful_min, useful_max; /* worth a search; 0: all that there are */
    /* How many there are of what is counted; NULL: any number up to shown.max. hparams may be NULL. */
    int64_t (*limit)(const xlstm_hparams *hparams);
    /* The default; NULL: shown.preset. */
    int64_t (*preset)(const xlstm_hparams *hparams);
    /* The value in force, whatever the other settings are; NULL: the value itself. */
    int64_t (*effective)(int64_t value, const xlstm_work *work);
    /* The value in force beside the others, each of which `effective` has limited; NULL: the value itself. */
    int64_t (*beside)(int64_t value, const xlstm_settings *others);
} tunable_row;

/* ---- rules ---- */

/* limit 0: unknown. */
static int64_t at_most(int64_t value, int64_t limit) {
    return limit > 0 && value > limit ? limit : value;
}

static int64_t count_heads(const xlstm_hparams *hparams) {
    return hparams ? hparams->num_heads : COUNT_MAX;
}

static int64_t count_cpus(const xlstm_hparams *hparams) {
    (void)hparams;
    return at_most(xl_cpu_count(), XL_POOL_MAX);
}

static int64_t useful_cpus(const xlstm_hparams *hparams) {
    (void)hparams;
    return at_most(xl_cpu_useful(), XL_POOL_MAX);
}

/* Four bands for each thread, where there are so many heads, let threads of unequal speed end together. */
static int64_t band_of_heads(const xlstm_hparams *hparams) {
    const int64_t band = hparams ? hparams->num_heads / (4 * useful_cpus(hparams)) : 1;
    return band > 1 ? band : 1;
}

static int64_t within_heads(int64_t value, const xlstm_work *work) {
    return at_most(value, work->heads);
}

static int64_t within_prompt(int64_t value, const xlstm_work *work) {
    return at_most(value, work->prompt_tokens);
}

static int64_t format_held(int64_t value, const xlstm_work *work) {
    return value == XLSTM_WEIGHTS_STORED ? work->stored_weights : value;
}

static int64_t compute_resolved(int64_t value, const xlstm_work *work) {
    const int64_t few = work->few_tokens ? work->few_tokens : XL_FEW_TOKENS;
    const bool reached = value == XLSTM_COMPUTE_INT8 || (value == XLSTM_COMPUTE_BF16 && work->few_in_bf16);
    if (work->prompt_tokens > 0 && work->prompt_tokens <= few && !reached) return XLSTM_COMPUTE_F32;
    if (value != XLSTM_COMPUTE_AUTO) return value;
    /* What it comes to differs from bf16 in few tokens, and from f32 in more. */
    if (work->few_in_bf16 && work->auto_compute == XLSTM_COMPUTE_BF16) return value;
    return work->auto_compute;
}

static int64_t chunk_within_segment(int64_t value, const xlstm_settings *others) {
    const int64_t segment = xlstm_settings_get(others, XLSTM_TUNE_SEGMENT);
    return xlstm_settings_get(others, XLSTM_TUNE_SCHEDULER) == XLSTM_SCHED_RECURRENT ? segment
                                                                                     : at_most(value, segment);
}

static int64_t pinning_of_several(int64_t value, const xlstm_settings *others) {
    return xlstm_settings_get(others, XLSTM_TUNE_WORKERS) == 1 &&
                   xlstm_settings_get(others, XLSTM_TUNE_DECODE_WORKERS) == 1
               ? XLSTM_PIN_NONE
               : value;
}

/* The two lists of formats have the same order. */
static int64_t head_as_weights(int64_t value, const xlstm_settings *others) {
    return value == XLSTM_HEAD_WEIGHTS_SAME ? xlstm_settings_get(others, XLSTM_TUNE_WEIGHTS) : value;
}

/* ---- the table ---- */

#define BY_PRODUCT "auto is by the size of each product, and what the device cannot do is the most that it can"

static const tunable_row table[XLSTM_TUNABLE_COUNT] = {
    {.shown =
         {XLSTM_TUNE_SCHEDULER, "scheduler", "",
          "order of the mLSTM cell's work in prefill: each band of heads through a whole segment (queued), all "
          "bands one chunk at a time (ray), or token by token (recurrent)",
          XLSTM_TYPE_CHOICE, 0, 2, XLSTM_SCHED_QUEUED, schedulers, XLSTM_AFFECTS_PREFILL, NULL, NULL}},
    {.shown = {XLSTM_TUNE_CHUNK_SIZE, "chunk_size", "tokens", "tokens in one chunk of the chunkwise mLSTM cell",
               XLSTM_TYPE_INT, 1, COUNT_MAX, 64, NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY,
               "a chunk is no longer than its segment or the prompt, and the scheduler recurrent has no chunks",
               NULL},
     .useful_min = 8,
     .useful_max = 1024,
     .effective = within_prompt,
     .beside = chunk_within_segment},
    {.shown = {XLSTM_TUNE_HEADS_PER_BAND, "heads_per_band", "heads",
               "heads in a band, which is one task of the mLSTM cell", XLSTM_TYPE_INT, 1, COUNT_MAX, 0, NULL,
               XLSTM_AFFECTS_PREFILL, "a band has no more heads than the model", NULL},
     .limit = count_heads,
     .preset = band_of_heads,
     .effective = within_heads},
    {.shown = {XLSTM_TUNE_WORKERS, "workers", "threads", "number of threads in prefill", XLSTM_TYPE_INT, 1,
               XL_POOL_MAX, 0, NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY, NULL, NULL},
     .limit = count_cpus,
     .preset = useful_cpus},
    {.shown = {XLSTM_TUNE_SEGMENT, "segment", "tokens", "tokens that go through the layers together in prefill",
               XLSTM_TYPE_INT, 1, COUNT_MAX, 512, NULL, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_MEMORY,
               "a segment is no longer than the prompt", NULL},
     .useful_min = 16,
     .useful_max = 8192,
     .effective = within_prompt},
    {.shown = {XLSTM_TUNE_DECODE_WORKERS, "decode_workers", "threads", "number of threads in decode",
               XLSTM_TYPE_INT, 1, XL_POOL_MAX, 0, NULL, XLSTM_AFFECTS_DECODE, NULL, NULL},
     .limit = count_cpus,
     .preset = useful_cpus},
    {.shown = {XLSTM_TUNE_PINNING, "pinning", "",
               "whether threads are bound to CPUs, close together (compact) or far apart (spread)",
               XLSTM_TYPE_CHOICE, 0, 2, XLSTM_PIN_NONE, pinnings, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE,
               "with one thread in prefill and one in decode, nothing is bound", NULL},
     .beside = pinning_of_several},
    {.shown = {XLSTM_TUNE_WEIGHTS, "weights", "", "format of the weights", XLSTM_TYPE_CHOICE, 0, XL_FORMAT_COUNT,
               XLSTM_WEIGHTS_STORED, weights,
               XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_NUMERICS |
                   XLSTM_AFFECTS_LOAD,
               "stored is the format of the checkpoint's matrices, where they share one", NULL},
     .effective = format_held},
    {.shown = {XLSTM_TUNE_HUGE_PAGES, "huge_pages", "",
               "whether weights are held in huge pages, where the system has them; those of a mapped file are "
               "copied for that",
               XLSTM_TYPE_CHOICE, 0, 2, XLSTM_HUGE_PAGES_OFF, huge_pages,
               XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_LOAD,
               "auto is on where the system has huge pages and the copy takes at most half of the memory that is "
               "available, else off",
               NULL},
     .useful_max = XLSTM_HUGE_PAGES_ON},
    {.shown =
         {XLSTM_TUNE_COMPUTE, "compute", "",
          "what is multiplied: float32 values, values rounded to bfloat16, or values rounded to 8-bit "
          "integers in blocks of 32; sums are float32, and gates are computed in float32 always",
          XLSTM_TYPE_CHOICE, 0, 3, XLSTM_COMPUTE_AUTO, computes,
          XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_NUMERICS,
          "auto is bf16 where no matrix is held finer than that and the processor multiplies it faster, else "
          "f32; up to 8 tokens at once, as in decode, are computed in int8 where that is asked for and the "
          "weights are integers, in bf16 where that is asked for by name, the weights are bf16 and the processor "
          "has AVX512-BF16, or AMX and the matrix at least 4 MB, else in f32 (on a GPU with matrix units up to 2 "
          "where weights are bf16, up to 32 where they are f32)",
          NULL},
     .effective = compute_resolved},
    {.shown = {XLSTM_TUNE_HEAD_WEIGHTS, "head_weights", "", "format of the embedding and the head",
               XLSTM_TYPE_CHOICE, 0, XL_FORMAT_COUNT, XLSTM_HEAD_WEIGHTS_SAME, head_weights,
               XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_NUMERICS |
                   XLSTM_AFFECTS_LOAD,
               "same is the format of weights", NULL},
     .beside = head_as_weights},
    {.shown = {XLSTM_TUNE_STATE, "state", "",
               "format of the recurrent state's matrices in memory; its vectors are float32 always",
               XLSTM_TYPE_CHOICE, 0, 2, XLSTM_STATE_F32, states,
               XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE | XLSTM_AFFECTS_MEMORY | XLSTM_AFFECTS_NUMERICS |
                   XLSTM_AFFECTS_LOAD,
               NULL, NULL}},
    {.shown = {XLSTM_TUNE_GPU_ROWS, "gpu_rows", "", "rows of weights of a team in a GPU's products of few tokens",
               XLSTM_TYPE_CHOICE, 0, 4, XLSTM_GPU_AUTO, gpu_rows, XLSTM_AFFECTS_DECODE, BY_PRODUCT, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_UNROLL, "gpu_unroll", "",
               "pieces of each of these rows that are on their way from memory at the same time", XLSTM_TYPE_CHOICE,
               0, 3, XLSTM_GPU_AUTO, gpu_unrolls, XLSTM_AFFECTS_DECODE, BY_PRODUCT, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_GROUP, "gpu_group", "",
               "invocations of a workgroup in a GPU's products of few tokens", XLSTM_TYPE_CHOICE, 0, 5,
               XLSTM_GPU_AUTO, gpu_groups, XLSTM_AFFECTS_DECODE, BY_PRODUCT, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_SPLIT, "gpu_split", "", "teams that share the columns of a row there",
               XLSTM_TYPE_CHOICE, 0, 4, XLSTM_GPU_AUTO, gpu_splits, XLSTM_AFFECTS_DECODE, BY_PRODUCT, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_TILE, "gpu_tile", "",
               "tokens and rows that a workgroup multiplies by a GPU's matrix units: 16, 32 or 64 x 64, 128 x "
               "128 or 128 x 192",
               XLSTM_TYPE_CHOICE, 0, 3, XLSTM_TILE_AUTO, gpu_tiles, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE,
               BY_PRODUCT, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_SUBGROUPS, "gpu_subgroups", "",
               "whether a GPU sums through subgroups, where it can (auto), or through shared memory (off)",
               XLSTM_TYPE_CHOICE, 0, 1, XLSTM_SUBGROUPS_AUTO, gpu_subgroups,
               XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE, NULL, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_BLOCKS, "gpu_blocks", "", "blocks of the model that are submitted to a GPU at once",
               XLSTM_TYPE_CHOICE, 0, 5, XLSTM_GPU_AUTO, gpu_blocks, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE,
               NULL, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_WAIT, "gpu_wait", "",
               "whether the host sleeps until a GPU is done, or asks it all the time, which takes a processor",
               XLSTM_TYPE_CHOICE, 0, 1, XLSTM_WAIT_SLEEP, gpu_waits, XLSTM_AFFECTS_PREFILL | XLSTM_AFFECTS_DECODE,
               NULL, "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_CHAIN, "gpu_chain", "",
               "steps that are submitted to a GPU at once where it chooses the tokens itself, as greedy decoding "
               "lets it",
               XLSTM_TYPE_CHOICE, 0, 5, XLSTM_GPU_AUTO, gpu_chains, XLSTM_AFFECTS_DECODE,
               "auto is 4, and 1 on a software device; with gpu_blocks a submission is a step at most", "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_STREAMS, "gpu_streams", "", "such submissions that are under way at the same time",
               XLSTM_TYPE_CHOICE, 0, 4, XLSTM_GPU_AUTO, gpu_streams, XLSTM_AFFECTS_DECODE,
               "auto is 2, and 1 on a software device", "vulkan"}},
    {.shown = {XLSTM_TUNE_GPU_OVERLAP, "gpu_overlap", "",
               "whether a GPU's dispatches wait for one another themselves there instead of at barriers, and bring "
               "weights "
               "meanwhile; for devices that begin dispatches in their order",
               XLSTM_TYPE_CHOICE, 0, 1, XLSTM_OVERLAP_OFF, switches, XLSTM_AFFECTS_DECODE, NULL, "vulkan"}},
};
_Static_assert(XL_FEW_TOKENS == 8, "the text of compute says the number");

double xlstm_compute_tolerance(int64_t compute) {
    static const double tolerance[] = {[XLSTM_COMPUTE_BF16] = 0.15, [XLSTM_COMPUTE_INT8] = 0.3};
    return compute >= 0 && compute <= XLSTM_COMPUTE_INT8 ? tolerance[compute] : 0;
}

static const tunable_row *row_of(int id) {
    return id >= 0 && id < XLSTM_TUNABLE_COUNT ? &table[id] : NULL;
}

const xlstm_tunable *xlstm_tunable_get(int id) {
    const tunable_row *row = row_of(id);
    return row ? &row->shown : NULL;
}

const xlstm_tunable *xlstm_tunable_find(const char *name) {
    for (int i = 0; name && i < XLSTM_TUNABLE_COUNT; i++) {
        if (!xl_name_distance(name, table[i].shown.name)) return &table[i].shown;
    }
    return NULL;
}

void xlstm_tunable_limits(int id, const xlstm_hparams *hparams, int64_t *min, int64_t *max) {
    const tunable_row *row = row_of(id);
    if (!row) return;
    *min = row->shown.min;
    *max = row->limit ? row->limit(hparams) : row->shown.max;
}

void xlstm_tunable_range(int id, const xlstm_hparams *hparams, int64_t *min, int64_t *max, int64_t *preset) {
    const tunable_row *row = row_of(id);
    if (!row) return;
    int64_t low, high;
    xlstm_tunable_limits(id, hparams, &low, &high);
    if (min) *min = row->useful_min ? row->useful_min : low;
    if (max) *max = row->useful_max ? row->useful_max : high;
    if (preset) *preset = row->preset ? row->preset(hparams) : row->shown.preset;
}

bool xlstm_tunable_is_on(int id, const char *device) {
    const tunable_row *row = row_of(id);
    const xl_backend *backend = xl_backend_find(device);
    return row && backend && (!row->shown.device || !strcmp(row->shown.device, backend->name));
}

int64_t xlstm_tunable_number(int id, int64_t choice) {
    const tunable_row *row = row_of(id);
    return row && row->shown.choices && choice >= 0 && choice <= row->shown.max
               ? strtoll(row->shown.choices[choice], NULL, 10)
               : 0;
}

int xlstm_tunable_spans(const char *device, const xlstm_hparams *hparams, xlstm_tunable_span *spans,
                        xlstm_error *err) {
    const xl_backend *backend = xl_backend_find(device);
    if (!backend) return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s': there is no such kind", device);
    int64_t most[XLSTM_TUNABLE_COUNT];
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        xlstm_tunable_span *span = &spans[id];
        *span = (xlstm_tunable_span){.there = xlstm_tunable_is_on(id, device)};
        xlstm_tunable_range(id, hparams, &span->min, &span->max, &span->preset);
        most[id] = span->max;
    }
    if (backend->limit_tunables) backend->limit_tunables(device, most);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) spans[id].max = most[id];
    return XLSTM_OK;
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
                         .prompt_tokens = prompt_tokens,
                         .auto_compute = info ? info->auto_compute : XLSTM_COMPUTE_AUTO,
                         .few_tokens = info ? info->few_tokens : 0,
                         .few_in_bf16 = info ? info->few_in_bf16 : 0};
}

int64_t xlstm_tunable_effective(int id, int64_t value, const xlstm_work *work) {
    const tunable_row *row = row_of(id);
    return row && row->effective ? row->effective(value, work) : value;
}

void xlstm_settings_effective(const xlstm_settings *settings, const xlstm_work *work, xlstm_settings *out) {
    xlstm_settings each = *settings;
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++)
        each.opaque[id] = xlstm_tunable_effective(id, each.opaque[id], work);
    *out = each;
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        if (table[id].beside) out->opaque[id] = table[id].beside(each.opaque[id], &each);
    }
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
        int status = check_value(&table[i].shown, settings->opaque[i], err);
        if (status) return status;
    }
    return XLSTM_OK;
}
