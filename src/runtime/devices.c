/* The devices that models can run on, and the formats that weights can be held in. */
#include <stdlib.h>
#include <string.h>

#include <xlstm/model.h>
#include <xlstm/roofline.h>

#include "backend/backend.h"
#include "base/error.h"
#include "base/pool.h"

int xlstm_device_at(int index, xlstm_device_info *out) {
    for (int b = 0; index >= 0 && xl_backend_at(b); b++) {
        int first = index;
        for (int i = 0; xl_backend_at(b)->describe(i, out); i++, index--) {
            if (i == first) return XLSTM_OK;
        }
    }
    return XLSTM_ENOTFOUND;
}

const char *xlstm_device_kind_at(int index) {
    const xl_backend *backend = xl_backend_at(index);
    return backend ? backend->name : NULL;
}

int xlstm_weight_format_at(int index, const char **name, const char **text, double *bits) {
    const xl_format_row *row = xl_format_get(index);
    if (!row) return XLSTM_ENOTFOUND;
    if (name) *name = row->name;
    if (text) *text = row->text;
    if (bits) *bits = 8.0 * (double)row->block_bytes / (double)row->block;
    return XLSTM_OK;
}

int xlstm_weight_format_rows(int index, int64_t cols, int *held, int64_t *filled) {
    if (!xl_format_get(index)) return XLSTM_ENOTFOUND;
    xl_format_id format = xl_format_of_rows((xl_format_id)index, cols);
    int64_t block = xl_format_get((int)format)->block;
    if (held) *held = (int)format;
    if (filled) *filled = (cols + block - 1) / block * block;
    return XLSTM_OK;
}

struct xlstm_probe {
    const xl_backend *backend;
    xl_device *device;
    int threads;
};

int xlstm_probe_open(xlstm_probe **out, const char *device_name, int threads, xlstm_error *err) {
    *out = NULL;
    if (threads < 0 || threads > XL_POOL_MAX)
        return xl_fail(err, XLSTM_EARG, "threads is %d, wanted 0 … %d", threads, XL_POOL_MAX);
    const xl_backend *backend = xl_backend_find(device_name);
    if (!backend)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s' is of no kind that is built in", device_name);
    xlstm_probe *probe = calloc(1, sizeof *probe);
    if (!probe) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    probe->backend = backend;
    probe->threads = threads;
    const xl_device_options options = {.name = device_name};
    int status = backend->device_open(&probe->device, &options, err);
    if (status) free(probe);
    else *out = probe;
    return status;
}

int xlstm_probe_measure(xlstm_probe *probe, unsigned limits, double seconds, xlstm_roofline *out,
                        xlstm_error *err) {
    if (limits & ~(unsigned)XLSTM_LIMIT_ALL)
        return xl_fail(err, XLSTM_EARG, "limits is %u, wanted 0 … %d", limits, XLSTM_LIMIT_ALL);
    if (!(seconds >= 0.001 && seconds <= 60))
        return xl_fail(err, XLSTM_EARG, "seconds is %g, wanted 0.001 … 60", seconds);
    return probe->backend->roofline(out, probe->device, probe->threads, limits, seconds, err);
}

void xlstm_probe_close(xlstm_probe *probe) {
    if (!probe) return;
    probe->backend->device_close(probe->device);
    free(probe);
}

double xlstm_roofline_rate(const xlstm_roofline *roofline, unsigned limit) {
    switch (limit) {
    case XLSTM_LIMIT_STREAM:
        return roofline->stream_gb_s;
    case XLSTM_LIMIT_CACHED:
        return roofline->cached_gb_s;
    case XLSTM_LIMIT_SGEMM:
        return roofline->sgemm_gflop_s;
    case XLSTM_LIMIT_BF16:
        return roofline->bf16_gflop_s;
    case XLSTM_LIMIT_INT8:
        return roofline->int8_gflop_s;
    default:
        return 0;
    }
}

int xlstm_roofline_measure(xlstm_roofline *out, const char *device_name, int threads, double seconds,
                           xlstm_error *err) {
    if (!(seconds >= 0.1 && seconds <= 60))
        return xl_fail(err, XLSTM_EARG, "seconds is %g, wanted 0.1 … 60", seconds);
    xlstm_probe *probe;
    int status = xlstm_probe_open(&probe, device_name, threads, err);
    if (!status) status = xlstm_probe_measure(probe, XLSTM_LIMIT_ALL, seconds / XLSTM_LIMIT_COUNT, out, err);
    xlstm_probe_close(probe);
    return status;
}
