#include "tuner/target/engine_space.h"

#include "base/error.h"

unsigned tune_engine_affects(const xlstm_tunable *tunable) {
    static const struct {
        unsigned engine, tuner;
    } bits[] = {{XLSTM_AFFECTS_PREFILL, TUNE_AFFECTS_FIRST},
                {XLSTM_AFFECTS_DECODE, TUNE_AFFECTS_SECOND},
                {XLSTM_AFFECTS_MEMORY, TUNE_AFFECTS_MEMORY},
                {XLSTM_AFFECTS_NUMERICS, TUNE_AFFECTS_OUTPUT},
                {XLSTM_AFFECTS_LOAD, TUNE_AFFECTS_OPENING}};
    unsigned affects = 0;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        if (tunable->affects & bits[i].engine) affects |= bits[i].tuner;
    }
    return affects;
}

int tune_known_tunables(const char *device, const xlstm_hparams *hparams, tune_known *out, size_t *count,
                        xlstm_error *err) {
    xlstm_tunable_span spans[XLSTM_TUNABLE_COUNT];
    *count = 0;
    const int status = xlstm_tunable_spans(device, hparams, spans, err);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT && !status; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        if (!spans[id].there) continue;
        out[(*count)++] = (tune_known){.name = t->name,
                                       .affects = tune_engine_affects(t),
                                       .choices = t->choices,
                                       .min = (double)spans[id].min,
                                       .max = (double)spans[id].max,
                                       .preset = (double)spans[id].preset,
                                       .hard_min = (double)t->min,
                                       .hard_max = (double)t->max};
    }
    return status;
}

int tune_space_original(int64_t heads_min, int64_t heads_max, int64_t chunks_min, int64_t chunks_max,
                        int64_t workers_min, int64_t workers_max, tune_space **out, xlstm_error *err) {
    *out = NULL;
    tune_space *s = tune_space_create();
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    const struct {
        int id;
        int64_t min, max;
    } rows[] = {{XLSTM_TUNE_HEADS_PER_BAND, heads_min, heads_max},
                {XLSTM_TUNE_CHUNK_SIZE, chunks_min, chunks_max},
                {XLSTM_TUNE_WORKERS, workers_min, workers_max}};
    for (size_t i = 0; i < (workers_max > 0 ? 3 : 2); i++) {
        const xlstm_tunable *t = xlstm_tunable_get(rows[i].id);
        int status = tune_space_add_range(s, t->name, tune_engine_affects(t), rows[i].min, rows[i].max, 1, err);
        if (status) {
            tune_space_destroy(s);
            return status;
        }
    }
    int64_t quarter = (chunks_max - chunks_min) / 4;
    tune_space_set_original(s, 0, TUNE_DRAW_ANY, 1, 2);
    tune_space_set_original(s, 1, TUNE_DRAW_ENDS, quarter > 1 ? (uint32_t)quarter : 1, 0);
    if (workers_max > 0) tune_space_set_original(s, 2, TUNE_DRAW_ANY, 1, 0);
    *out = s;
    return XLSTM_OK;
}
