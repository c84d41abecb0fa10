/* Weights into memory: how much, where, and the parallel reading and conversion. */
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xlstm/tunable.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/system.h"
#include "format/safetensors.h"
#include "model/host.h"
#include "model/store.h"

/* Bytes of the file that a task takes: large enough for a disk, small enough to share out and to cancel. */
#define TASK_BYTES ((size_t)1 << 20)
/* Bytes read at once when they are converted: they are still in the nearest caches then. */
#define READ_BYTES ((size_t)64 << 10)
/* A group of parts begins at such a multiple, for the widest loads of any device. */
#define PART_ALIGNMENT ((size_t)256)
/* For how many tasks ahead the disk is asked. */
#define TASKS_AHEAD 8

static size_t matrix_bytes(const xl_matrix *m, xl_format_id format) {
    return (size_t)m->rows * xl_format_row_bytes(format, m->cols);
}

/* Bytes of the model with every matrix in `format`, vectors included; FORMAT_COUNT: as it is bound. */
static uint64_t model_bytes(const struct xlstm_model *model, const xl_parts *parts, xl_format_id format) {
    uint64_t total = model->store->vector_count * sizeof(float);
    for (size_t i = 0; i < parts->count; i++) {
        const xl_matrix *m = &parts->list[i].weight->m;
        total += matrix_bytes(m, format == XL_FORMAT_COUNT ? m->format : xl_format_of_rows(format, m->cols));
    }
    return total;
}

static int check_fits(const struct xlstm_model *model, const xl_parts *parts, uint64_t available,
                      xlstm_error *err) {
    uint64_t need = model_bytes(model, parts, XL_FORMAT_COUNT);
    if (!available || need <= available) return XLSTM_OK;
    int failure = model->backend->uses_host_memory ? XLSTM_ENOMEM : XLSTM_EDEVICEMEM;
    char fitting[120] = "";
    int smallest = 0;
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        uint64_t bytes = model_bytes(model, parts, (xl_format_id)f);
        if (bytes < model_bytes(model, parts, (xl_format_id)smallest)) smallest = f;
        size_t at = strlen(fitting);
        if (bytes <= available)
            snprintf(fitting + at, sizeof fitting - at, "%s%s (%.2f GB)", at ? ", " : "", xl_format_get(f)->name,
                     (double)bytes * 1e-9);
    }
    if (fitting[0])
        return xl_fail(err, failure,
                       "%s: the weights take %.2f GB, %.2f GB of memory are available; of the formats of --weights "
                       "these would fit: %s",
                       model->store->checkpoint.dir, (double)need * 1e-9, (double)available * 1e-9, fitting);
    return xl_fail(
        err, failure,
        "%s: the weights take %.2f GB, %.2f GB of memory are available; the smallest format of --weights, "
        "%s, needs %.2f GB and would not fit either",
        model->store->checkpoint.dir, (double)need * 1e-9, (double)available * 1e-9, xl_format_get(smallest)->name,
        (double)model_bytes(model, parts, (xl_format_id)smallest) * 1e-9);
}

/* Bytes of a part and of those that follow it. */
static bool group_bytes(const xl_parts *parts, size_t first, size_t *bytes) {
    *bytes = 0;
    for (size_t i = first; i < parts->count && (i == first || parts->list[i].follows); i++) {
        const xl_matrix *m = &parts->list[i].weight->m;
        size_t one;
        if (!xl_mul((size_t)m->rows, m->stride, &one) || !xl_add(*bytes, one, bytes)) return false;
    }
    return true;
}

/* Says of every part that is copied in which buffer it lies, and where; sizes[b] becomes the bytes of buffer b.
 * A buffer holds whole groups, and at most `most` bytes (0: any number). */
static int place_parts(const struct xlstm_model *model, xl_parts *parts, size_t most, size_t *sizes,
                       size_t *buffers, xlstm_error *err) {
    size_t total = 0;
    *buffers = 0;
    for (size_t i = 0; i < parts->count; i++) {
        xl_part *part = &parts->list[i];
        size_t group = 0, begin = total;
        if (part->in_place) {
            part->weight->m.data = (const char *)part->stored->tensor->data + part->first;
            continue;
        }
        if (!part->follows || !*buffers) {
            begin = (total + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
            if (!group_bytes(parts, i, &group) || begin + group < begin)
                return xl_fail(err, XLSTM_ENOMEM, "%s: weights overflow the address space",
                               model->store->checkpoint.dir);
            if (!*buffers || (most && begin + group > most)) {
                ++*buffers;
                begin = 0;
            }
        }
        part->weight->offset = begin;
        part->buffer = *buffers - 1;
        total = begin + (size_t)part->weight->m.rows * part->weight->m.stride;
        sizes[part->buffer] = total;
    }
    return XLSTM_OK;
}

bool xl_decide_huge_pages(int64_t choice, bool offered, uint64_t copied, uint64_t available) {
    if (choice != XLSTM_HUGE_PAGES_AUTO) return choice == XLSTM_HUGE_PAGES_ON;
    return offered && copied <= available / 2;
}

/* Bytes of the weights that could stay where they are mapped. */
static uint64_t mapped_bytes(const xl_parts *parts) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const xl_matrix *m = &parts->list[i].weight->m;
        if (parts->list[i].can_stay) bytes += (uint64_t)m->rows * m->stride;
    }
    return bytes;
}

/* Makes the buffers that are needed with or without huge pages; none are left after a failure. */
static int make_buffers(struct xlstm_model *model, xl_parts *parts, bool huge_pages, xlstm_error *err) {
    xl_store *store = model->store;
    const xl_backend *backend = model->backend;
    size_t count = 0, *sizes = xl_array(parts->count, sizeof *sizes);
    for (size_t i = 0; i < parts->count; i++) parts->list[i].in_place = parts->list[i].can_stay && !huge_pages;
    store->buffer_count = 0;
    store->buffers = calloc(parts->count + 1, sizeof *store->buffers);
    int status = sizes && store->buffers
                     ? place_parts(model, parts, backend->buffer_max ? backend->buffer_max(model->device) : 0,
                                   sizes, &count, err)
                     : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", store->checkpoint.dir);
    uint64_t bytes = 0;
    for (; store->buffer_count < count && !status; store->buffer_count += !status) {
        status = backend->buffer_create(&store->buffers[store->buffer_count], model->device,
                                        sizes[store->buffer_count], huge_pages, err);
        bytes += sizes[store->buffer_count];
    }
    free(sizes);
    if (status) {
        while (store->buffer_count) backend->buffer_destroy(store->buffers[--store->buffer_count]);
        free(store->buffers);
        store->buffers = NULL;
    }
    model->info.huge_page_bytes = huge_pages && !status ? bytes : 0;
    return status;
}

int xl_plan_memory(struct xlstm_model *model, xl_parts *parts, int64_t huge_pages, uint64_t available,
                   xlstm_error *err) {
    const xl_backend *backend = model->backend;
    int status = check_fits(model, parts, available, err);
    if (status) return status;
    const bool huge = xl_decide_huge_pages(huge_pages, backend->uses_host_memory && xl_huge_pages_offered(),
                                           mapped_bytes(parts), available);
    status = make_buffers(model, parts, huge, err);
    if (status && huge && huge_pages == XLSTM_HUGE_PAGES_AUTO) status = make_buffers(model, parts, false, err);
    for (size_t i = 0; i < parts->count && !status; i++) {
        const xl_part *part = &parts->list[i];
        xl_weight *w = part->weight;
        if (part->in_place) continue;
        w->buffer = model->store->buffers[part->buffer];
        const char *host = backend->buffer_host(w->buffer);
        if (host) w->m.data = host + w->offset;
    }
    return status;
}

/* A piece of a part: rows [first, first + count). */
typedef struct task {
    const xl_part *part;
    size_t first, count;
} task;

typedef struct loader {
    struct xlstm_model *model;
    xl_host host; /* converts */
    task *tasks;
    size_t count;
    char *buffers; /* BUFFER_BYTES a thread */
    xlstm_cancel_fn cancel;
    void *user;
    atomic_int status; /* the first failure; others stop when they see it */
    atomic_flag reporting;
    xlstm_error *err;
} loader;

/* For each thread: bytes of the file, as many floats as they hold, and what these become in the widest format. */
#define FLOATS_MAX (READ_BYTES / 2)
#define BUFFER_BYTES (READ_BYTES + 2 * FLOATS_MAX * sizeof(float))

static void stop(loader *l, const xlstm_error *why) {
    if (atomic_flag_test_and_set(&l->reporting)) return;
    if (l->err) *l->err = *why;
    atomic_store(&l->status, why->status);
}

static int by_place(const void *a, const void *b) {
    const task *x = a, *y = b;
    if (x->part->stored->file != y->part->stored->file)
        return x->part->stored->file < y->part->stored->file ? -1 : 1;
    uintptr_t p = (uintptr_t)x->part->stored->tensor->data, q = (uintptr_t)y->part->stored->tensor->data;
    if (p != q) return p < q ? -1 : 1;
    if (x->part->first != y->part->first) return x->part->first < y->part->first ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Bytes of a row in the file. */
static size_t stored_row(const xl_part *part) {
    return xl_format_row_bytes(part->from, part->weight->m.cols);
}

/* Splits the parts into tasks, in the order in which the disk holds them. */
static int make_tasks(loader *l, const xl_parts *parts) {
    for (int pass = 0; pass < 2; pass++) {
        size_t count = 0;
        for (size_t i = 0; i < parts->count; i++) {
            const xl_part *part = &parts->list[i];
            size_t rows = (size_t)part->weight->m.rows, step = TASK_BYTES / stored_row(part);
            if (!step) step = 1;
            for (size_t first = 0; first < rows; first += step, count++) {
                if (pass)
                    l->tasks[count] =
                        (task){.part = part, .first = first, .count = rows - first < step ? rows - first : step};
            }
        }
        if (pass) break;
        l->tasks = xl_array(count, sizeof *l->tasks);
        if (!l->tasks) return XLSTM_ENOMEM;
        l->count = count;
    }
    qsort(l->tasks, l->count, sizeof *l->tasks, by_place);
    return XLSTM_OK;
}

/* The range of the stored tensor, in bytes, that a task reads. */
static void task_range(const task *t, size_t *first, size_t *bytes) {
    *first = t->part->first + t->first * stored_row(t->part);
    *bytes = t->count * stored_row(t->part);
}

/* Makes the mapped pages of a task resident, so that the first token does not wait for them. */
static void touch(const task *t) {
    static const size_t page_guess = 4096;
    size_t first, bytes;
    task_range(t, &first, &bytes);
    const char *data = (const char *)t->part->stored->tensor->data + first;
#ifdef MADV_POPULATE_READ
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skew = (uintptr_t)data % page;
    if (!madvise((void *)((uintptr_t)data - skew), bytes + skew, MADV_POPULATE_READ)) return;
#endif
    const volatile char *p = data;
    for (size_t i = 0; i < bytes; i += page_guess) (void)p[i];
    (void)p[bytes - 1];
}

int xl_check_range(const char *dir, const char *tensor, xl_format_id format, const float *values, size_t count,
                   size_t first, xlstm_error *err) {
    const xl_format_row *to = xl_format_get((int)format);
    size_t i = 0;
    if (to->block > 1) {
        while (i < count && fabsf(values[i]) <= to->largest) i++;
    } else {
        while (i < count && !(fabsf(values[i]) > to->largest && fabsf(values[i]) <= FLT_MAX)) i++;
    }
    if (i == count) return XLSTM_OK;
    char wider[120] = "stored";
    const char *last = NULL;
    for (int f = 0; f <= XL_FORMAT_COUNT; f++) {
        if (f < XL_FORMAT_COUNT && !(xl_format_get(f)->largest >= fabsf(values[i]))) continue;
        size_t at = strlen(wider);
        if (last) snprintf(wider + at, sizeof wider - at, "%s%s", f < XL_FORMAT_COUNT ? ", " : " or ", last);
        last = f < XL_FORMAT_COUNT ? xl_format_get(f)->name : NULL;
    }
    return xl_fail(err, XLSTM_EUNSUPPORTED,
                   "%s: tensor '%.200s': value %zu is %g, which overflows %s; wanted weights %s", dir, tensor,
                   first + i, (double)values[i], to->name, wider);
}

/* Writes `bytes` bytes to the weight's place in the buffer, from byte `at` of the weight. */
static int put(const loader *l, const xl_weight *w, size_t at, const void *data, size_t bytes, xlstm_error *err) {
    return l->model->backend->buffer_write(w->buffer, w->offset + at, data, bytes, err);
}

/* Converts a run of `n` elements from byte `first` of the stored tensor to byte `at` of the weight; they are copied
 * where the formats are the same, and go through float32 otherwise. */
static int convert_run(const loader *l, const xl_part *part, size_t first, size_t at, size_t n, char *buffer,
                       xlstm_error *err) {
    const xl_backend *backend = l->model->backend;
    const xl_weight *w = part->weight;
    xlstm_tensor_file *file = l->model->store->checkpoint.files[part->stored->file];
    xl_format_id to = w->m.format;
    float *floats = (float *)(void *)(buffer + READ_BYTES);
    char *out = (char *)(floats + FLOATS_MAX);
    char *host = backend->buffer_host(w->buffer);
    const xl_format_row *from_row = xl_format_get((int)part->from);
    /* A whole number of blocks of every format. */
    size_t piece = READ_BYTES / from_row->block_bytes * (size_t)from_row->block;
    if (piece > FLOATS_MAX) piece = FLOATS_MAX;
    for (size_t done = 0; done < n; done += piece) {
        size_t count = n - done < piece ? n - done : piece;
        size_t from_at = first + xl_format_offset(part->from, (int64_t)done);
        size_t to_at = at + xl_format_offset(to, (int64_t)done);
        size_t bytes = xl_format_row_bytes(part->from, (int64_t)count);
        size_t to_bytes = xl_format_row_bytes(to, (int64_t)count);
        char *target = host ? host + w->offset + to_at : out;
        int status;
        if (part->from == to) {
            status = xl_tensor_file_read(file, part->stored->tensor, from_at, host ? target : buffer, bytes, err);
            if (!status && !host) status = put(l, w, to_at, buffer, bytes, err);
            if (status) return status;
            continue;
        }
        status = xl_tensor_file_read(file, part->stored->tensor, from_at, buffer, bytes, err);
        if (status) return status;
        if (to == XL_FORMAT_F32) {
            l->host.backend->to_f32(l->host.device, part->from, buffer, (float *)(void *)target, count);
        } else {
            const float *values = part->from == XL_FORMAT_F32 ? (const float *)(const void *)buffer : floats;
            if (part->from != XL_FORMAT_F32)
                l->host.backend->to_f32(l->host.device, part->from, buffer, floats, count);
            size_t element = from_at / from_row->block_bytes * (size_t)from_row->block;
            status = xl_check_range(l->model->store->checkpoint.dir, part->stored->tensor->name, to, values, count,
                                    element, err);
            if (status) return status;
            l->host.backend->from_f32(l->host.device, to, values, target, count);
        }
        if (!host) status = put(l, w, to_at, target, to_bytes, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Converts the rows of a task: as one run where rows end with a block and follow one another, else row by row. */
static int convert(const loader *l, const task *t, char *buffer, xlstm_error *err) {
    const xl_part *part = t->part;
    const xl_matrix *m = &part->weight->m;
    size_t cols = (size_t)m->cols, from_row = stored_row(part);
    bool whole = m->cols % xl_format_get((int)m->format)->block == 0 &&
                 m->cols % xl_format_get((int)part->from)->block == 0 &&
                 m->stride == xl_format_row_bytes(m->format, m->cols);
    size_t runs = whole ? 1 : t->count, n = whole ? t->count * cols : cols;
    for (size_t i = 0; i < runs; i++) {
        size_t row = t->first + i;
        int status = convert_run(l, part, part->first + row * from_row, row * m->stride, n, buffer, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Asks the caller whether to go on; only on the caller's thread. */
static void poll_cancel(loader *l) {
    if (atomic_load(&l->status) || !l->cancel || !l->cancel(l->user)) return;
    xlstm_error err;
    xl_fail(&err, XLSTM_ECANCELLED, "%s: loading was cancelled", l->model->store->checkpoint.dir);
    stop(l, &err);
}

static void run_task(void *ctx, int64_t index, int thread) {
    loader *l = ctx;
    if (thread == 0) poll_cancel(l);
    if (atomic_load(&l->status)) return;
    xlstm_error err = {.status = XLSTM_OK};
    const task *t = &l->tasks[index];
    if ((size_t)index + TASKS_AHEAD < l->count) {
        const task *ahead = t + TASKS_AHEAD;
        size_t first, bytes;
        task_range(ahead, &first, &bytes);
        xl_tensor_file_prefetch(l->model->store->checkpoint.files[ahead->part->stored->file],
                                ahead->part->stored->tensor, first, bytes);
    }
    if (t->part->in_place) {
        touch(t);
    } else if (convert(l, t, l->buffers + (size_t)thread * BUFFER_BYTES, &err)) {
        stop(l, &err);
    }
}

int xl_load_parts(struct xlstm_model *model, const xl_parts *parts, int threads, xlstm_cancel_fn cancel, void *user,
                  xlstm_error *err) {
    loader l = {.model = model, .cancel = cancel, .user = user, .err = err, .reporting = ATOMIC_FLAG_INIT};
    if (threads < 1) threads = 1;
    if (threads > XL_POOL_MAX) threads = XL_POOL_MAX;
    l.buffers = xl_aligned_alloc((size_t)threads, BUFFER_BYTES);
    int status = xl_host_open(&l.host, model->backend, model->device, err);
    if (status) goto out;
    if (!l.buffers || make_tasks(&l, parts)) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", model->store->checkpoint.dir);
        goto out;
    }
    /* The other threads may take all tasks before this one gets its first, so it asks once more. */
    poll_cancel(&l);
    if (!atomic_load(&l.status)) xl_pool_run(xl_pool_shared(), threads, (int64_t)l.count, run_task, &l);
    poll_cancel(&l);
    status = atomic_load(&l.status);
out:
    xl_host_close(&l.host);
    free(l.tasks);
    xl_aligned_free(l.buffers);
    return status;
}
