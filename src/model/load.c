/* Weights into memory: how much, where, and the parallel reading and conversion. */
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "format/safetensors.h"
#include "model/store.h"

/* Bytes of the file that a task takes: large enough for a disk, small enough to share out and to cancel. */
#define TASK_BYTES ((size_t)1 << 20)
/* Bytes read at once when they are converted: they are still in the nearest caches then. */
#define READ_BYTES ((size_t)64 << 10)
/* Tasks that the disk is asked for ahead of the one at hand. */
#define TASKS_AHEAD 8

static size_t weight_elements(const xl_weight *w) {
    return (size_t)w->rows * (size_t)w->cols;
}

static size_t weight_bytes(const xl_weight *w, xlstm_dtype dtype) {
    return weight_elements(w) * xlstm_dtype_size(dtype);
}

/* What the model takes with every matrix in `dtype`, vectors included; DTYPE_COUNT: as it is bound. */
static uint64_t model_bytes(const struct xlstm_model *model, const xl_parts *parts, xlstm_dtype dtype) {
    uint64_t total = model->store->vector_count * sizeof(float);
    for (size_t i = 0; i < parts->count; i++) {
        const xl_weight *w = parts->list[i].weight;
        total += weight_bytes(w, dtype == XLSTM_DTYPE_COUNT ? w->dtype : dtype);
    }
    return total;
}

static int check_fits(const struct xlstm_model *model, const xl_parts *parts, uint64_t available,
                      xlstm_error *err) {
    uint64_t need = model_bytes(model, parts, XLSTM_DTYPE_COUNT);
    if (!available || need <= available) return XLSTM_OK;
    uint64_t wide = model_bytes(model, parts, XLSTM_F32), narrow = model_bytes(model, parts, XLSTM_BF16);
    char advice[120];
    if (narrow <= available)
        snprintf(advice, sizeof advice, "%sweights bf16 or f16 (%.2f GB) would fit",
                 wide <= available ? "any of f32, " : "", (double)narrow * 1e-9);
    else
        snprintf(advice, sizeof advice, "weights bf16 or f16 need %.2f GB and would not fit either",
                 (double)narrow * 1e-9);
    return xl_fail(err, XLSTM_ENOMEM, "%s: the weights take %.2f GB, %.2f GB of memory are available; %s",
                   model->store->checkpoint.dir, (double)need * 1e-9, (double)available * 1e-9, advice);
}

int xl_plan_memory(struct xlstm_model *model, xl_parts *parts, bool huge_pages, uint64_t available,
                   xlstm_error *err) {
    xl_store *store = model->store;
    int status = check_fits(model, parts, available, err);
    if (status) return status;
    size_t total = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const xl_part *part = &parts->list[i];
        if (part->in_place) continue;
        if (!part->follows) total = (total + XL_CACHE_LINE - 1) / XL_CACHE_LINE * XL_CACHE_LINE;
        if (!xl_add(total, weight_bytes(part->weight, part->weight->dtype), &total))
            return xl_fail(err, XLSTM_ENOMEM, "%s: weights overflow the address space", store->checkpoint.dir);
    }
    if (total) {
        void *memory = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return xl_fail(err, XLSTM_ENOMEM, "%s: no memory for %.2f GB of weights", store->checkpoint.dir,
                           (double)total * 1e-9);
        store->memory = memory;
        store->bytes = total;
#ifdef MADV_HUGEPAGE
        if (huge_pages) (void)madvise(memory, total, MADV_HUGEPAGE);
#endif
    }
    size_t used = 0;
    for (size_t i = 0; i < parts->count; i++) {
        xl_part *part = &parts->list[i];
        if (part->in_place) {
            part->weight->data = (const char *)part->stored->tensor->data + part->first;
            continue;
        }
        if (!part->follows) used = (used + XL_CACHE_LINE - 1) / XL_CACHE_LINE * XL_CACHE_LINE;
        part->weight->data = store->memory + used;
        used += weight_bytes(part->weight, part->weight->dtype);
    }
    return XLSTM_OK;
}

/* A piece of a part: elements [first, first + count). */
typedef struct task {
    const xl_part *part;
    size_t first, count;
} task;

typedef struct loader {
    struct xlstm_model *model;
    task *tasks;
    size_t count;
    char *buffers; /* READ_BYTES of file and as many floats as they hold, a thread */
    xlstm_cancel_fn cancel;
    void *user;
    atomic_int status; /* the first failure; others stop when they see it */
    atomic_flag reporting;
    xlstm_error *err;
} loader;

#define BUFFER_BYTES (READ_BYTES + READ_BYTES / 2 * sizeof(float))

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

/* Splits the parts into tasks, in the order in which the disk holds them. */
static int make_tasks(loader *l, const xl_parts *parts) {
    for (int pass = 0; pass < 2; pass++) {
        size_t count = 0;
        for (size_t i = 0; i < parts->count; i++) {
            const xl_part *part = &parts->list[i];
            size_t step = TASK_BYTES / xlstm_dtype_size(part->stored->tensor->dtype);
            size_t elements = weight_elements(part->weight);
            for (size_t first = 0; first < elements; first += step, count++) {
                if (!pass) continue;
                l->tasks[count] = (task){
                    .part = part, .first = first, .count = elements - first < step ? elements - first : step};
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
    size_t size = xlstm_dtype_size(t->part->stored->tensor->dtype);
    *first = t->part->first + t->first * size;
    *bytes = t->count * size;
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

/* The largest magnitude that rounds to a finite number of the format; what lies above becomes infinity. */
static float largest_of(xlstm_dtype dtype) {
    return dtype == XLSTM_F16 ? nextafterf(65520, 0) : dtype == XLSTM_BF16 ? nextafterf(0x1.ffp127f, 0) : INFINITY;
}

static bool overflows(float value, float most) {
    return fabsf(value) > most && fabsf(value) <= FLT_MAX;
}

/* Refuses finite values that the narrower format cannot hold. `first` is the first value's element of the tensor.
 */
static int check_range(const loader *l, const task *t, const float *values, size_t count, size_t first,
                       xlstm_error *err) {
    const float most = largest_of(t->part->weight->dtype);
    size_t i = 0;
    while (i < count && !overflows(values[i], most)) i++;
    if (i == count) return XLSTM_OK;
    const char *narrow = t->part->weight->dtype == XLSTM_F16 ? "f16" : "bf16";
    return xl_fail(err, XLSTM_EUNSUPPORTED,
                   "%s: tensor '%.200s': value %zu is %g, which overflows %s; wanted weights stored%s",
                   l->model->store->checkpoint.dir, t->part->stored->tensor->name, first + i, (double)values[i],
                   narrow, most < 1e6F ? ", f32 or bf16" : " or f32");
}

static int convert(const loader *l, const task *t, char *buffer, xlstm_error *err) {
    const xl_part *part = t->part;
    const xl_kernels *k = &l->model->kernels;
    const xlstm_tensor_file *file = l->model->store->checkpoint.files[part->stored->file];
    xlstm_dtype from = part->stored->tensor->dtype, to = part->weight->dtype;
    size_t first, bytes, size = xlstm_dtype_size(from), to_size = xlstm_dtype_size(to);
    task_range(t, &first, &bytes);
    /* The block is ours until the model is handed out; the weight's pointer is const for everybody else. */
    char *out =
        l->model->store->memory + ((const char *)part->weight->data - l->model->store->memory) + t->first * to_size;
    if (from == to) return xl_tensor_file_read(file, part->stored->tensor, first, out, bytes, err);
    float *wide = (float *)(void *)(buffer + READ_BYTES);
    for (size_t done = 0; done < bytes;) {
        size_t n = bytes - done < READ_BYTES ? bytes - done : READ_BYTES, elements = n / size;
        int status = xl_tensor_file_read(file, part->stored->tensor, first + done, buffer, n, err);
        if (status) return status;
        if (to == XLSTM_F32) {
            k->to_f32[from](buffer, (float *)(void *)out, elements);
        } else {
            const float *floats = from == XLSTM_F32 ? (const float *)(const void *)buffer : wide;
            if (from != XLSTM_F32) k->to_f32[from](buffer, wide, elements);
            status = check_range(l, t, floats, elements, (first + done) / size, err);
            if (status) return status;
            k->from_f32[to](floats, out, elements);
        }
        done += n;
        out += elements * to_size;
    }
    return XLSTM_OK;
}

/* Asks the caller whether to go on; on its own thread alone. */
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
    int status = XLSTM_OK;
    if (!l.buffers || make_tasks(&l, parts)) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", model->store->checkpoint.dir);
        goto out;
    }
    /* The other threads may take every task before this one gets its first. */
    poll_cancel(&l);
    if (!atomic_load(&l.status)) xl_pool_run(xl_pool_shared(), threads, (int64_t)l.count, run_task, &l);
    poll_cancel(&l);
    status = atomic_load(&l.status);
out:
    free(l.tasks);
    xl_aligned_free(l.buffers);
    return status;
}
