/* The pool of threads: every task runs once, phases are in order, more threads than processors, sharing, and
 * forking. And the stacks of threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/pool.h"
#include "base/thread.h"
#include "helper.h"

enum { TASKS = 1000 };

typedef struct record {
    atomic_int done[TASKS];
    atomic_int highest_thread;
} record;

static void mark(void *ctx, int64_t task, int thread) {
    record *r = ctx;
    atomic_fetch_add(&r->done[task], 1);
    int highest = atomic_load(&r->highest_thread);
    while (thread > highest && !atomic_compare_exchange_weak(&r->highest_thread, &highest, thread)) {
    }
}

static void every_task_runs_once(void **state) {
    xl_pool *pool = xl_pool_create();
    assert_non_null(pool);
    const int threads[] = {-3, 0, 1, 2, 3, 7, 64, XL_POOL_MAX, 100000};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        record *r = calloc(1, sizeof *r);
        int used = xl_pool_run(pool, threads[i], TASKS, mark, r);
        assert_in_range(used, 1, XL_POOL_MAX);
        if (threads[i] >= 1 && threads[i] <= XL_POOL_MAX) assert_int_equal(used, threads[i]);
        for (int t = 0; t < TASKS; t++) assert_int_equal(atomic_load(&r->done[t]), 1);
        assert_true(atomic_load(&r->highest_thread) < used);
        free(r);
    }
    xl_pool_destroy(pool);
}

static void few_tasks_and_none(void **state) {
    record *r = calloc(1, sizeof *r);
    xl_pool *pool = xl_pool_shared();
    assert_int_equal(xl_pool_run(pool, 8, 0, mark, r), 1);
    assert_int_equal(xl_pool_run(pool, 8, -5, mark, r), 1);
    assert_int_equal(atomic_load(&r->done[0]), 0);
    assert_int_equal(xl_pool_run(pool, 8, 3, mark, r), 3);
    assert_int_equal(xl_pool_run(NULL, 8, 3, mark, r), 1);
    for (int t = 0; t < 3; t++) assert_int_equal(atomic_load(&r->done[t]), 2);
    assert_int_equal(atomic_load(&r->done[3]), 0);
    free(r);
}

enum { PHASES = 300, WIDTH = 97 };

typedef struct phases {
    int64_t value[2][WIDTH]; /* ordinary memory: only the end of a phase orders the accesses */
    int phase;
} phases;

static void add_neighbours(void *ctx, int64_t task, int thread) {
    phases *p = ctx;
    const int64_t *from = p->value[p->phase % 2];
    p->value[(p->phase + 1) % 2][task] = (from[task] + 3 * from[(task + 1) % WIDTH]) % 1000003;
}

static void run_phases(xl_pool *pool, int threads, phases *p, int count) {
    for (int i = 0; i < WIDTH; i++) p->value[0][i] = i;
    xl_region region = xl_region_begin(pool, threads);
    for (p->phase = 0; p->phase < count; p->phase++) xl_region_run(&region, WIDTH, add_neighbours, p);
    xl_region_end(&region);
}

static void phases_follow_each_other(void **state) {
    const int threads[] = {1, 2, 3, 5, 33, XL_POOL_MAX};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        const int count = threads[t] > 32 ? PHASES / 10 : PHASES;
        phases p = {.phase = 0}, alone = {.phase = 0};
        run_phases(xl_pool_shared(), threads[t], &p, count);
        run_phases(NULL, 1, &alone, count);
        assert_memory_equal(p.value[count % 2], alone.value[count % 2], sizeof p.value[0]);
    }
}

typedef struct held {
    atomic_int begun, idled, wrong;
    int by_caller;
} held;

/* One task is held by another thread than the caller, until the caller has been idle. */
static void hold(void *ctx, int64_t task, int thread) {
    held *h = ctx;
    if (thread == 0) {
        while (!atomic_load(&h->begun)) usleep(100);
        h->by_caller++;
        return;
    }
    if (atomic_fetch_add(&h->begun, 1)) return;
    for (int i = 0; i < 60000 && !atomic_load(&h->idled); i++) usleep(1000);
    if (!atomic_load(&h->idled)) atomic_store(&h->wrong, 1);
}

static void count_idle(void *ctx) {
    atomic_fetch_add(&((held *)ctx)->idled, 1);
}

static void a_long_wait_calls_back(void **state) {
    held h = {.by_caller = 0};
    xl_region region = xl_region_begin(xl_pool_shared(), 2);
    region.eager = true;
    region.idle = count_idle;
    region.idle_ctx = &h;
    xl_region_run(&region, 6, hold, &h);
    xl_region_end(&region);
    assert_true(atomic_load(&h.idled) > 0);
    assert_int_equal(atomic_load(&h.wrong), 0);
    assert_int_equal(h.by_caller, 5);
}

/* A worker that does not come takes nothing, and the caller does all of a phase that is short. */
static void nobody_waits_for_a_sleeper(void **state) {
    record *r = calloc(1, sizeof *r);
    xl_region region = xl_region_begin(xl_pool_shared(), 2);
    usleep(20000); /* long past any spin */
    for (int i = 0; i < 100; i++) xl_region_run(&region, 4, mark, r);
    xl_region_end(&region);
    for (int t = 0; t < 4; t++) assert_int_equal(atomic_load(&r->done[t]), 100);
    free(r);
}

typedef struct meeting {
    atomic_int here, wrong;
} meeting;

static void meet(void *ctx, xl_team *team, int thread) {
    meeting *m = ctx;
    for (int i = 1; i <= 50; i++) {
        atomic_fetch_add(&m->here, 1);
        xl_team_barrier(team);
        if (atomic_load(&m->here) != i * xl_team_size(team)) atomic_store(&m->wrong, 1);
        xl_team_barrier(team);
    }
    if (thread >= xl_team_size(team)) atomic_store(&m->wrong, 1);
}

static void a_team_is_there_at_once(void **state) {
    const int threads[] = {1, 2, 3, 9};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        meeting m = {.here = 0};
        assert_int_equal(xl_pool_parallel(xl_pool_shared(), threads[t], meet, &m), threads[t]);
        assert_int_equal(atomic_load(&m.here), 50 * threads[t]);
        assert_int_equal(atomic_load(&m.wrong), 0);
    }
}

/* Regions so short that workers are still leaving the previous one, and so far apart that workers sleep in
 * between. */
static void many_short_regions(void **state) {
    record *r = calloc(1, sizeof *r);
    for (int i = 0; i < 3000; i++) xl_pool_run(xl_pool_shared(), 2 + i % 3, 4, mark, r);
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        xl_pool_run(xl_pool_shared(), 4, 4, mark, r);
    }
    for (int t = 0; t < 4; t++) assert_int_equal(atomic_load(&r->done[t]), 3020);
    free(r);
}

static void run_inner(void *ctx, int64_t task, int thread) {
    if (xl_pool_run(xl_pool_shared(), 4, 10, mark, ctx) != 1) abort();
}

static void region_inside_a_region_runs_alone(void **state) {
    record *r = calloc(1, sizeof *r);
    assert_int_equal(xl_pool_run(xl_pool_shared(), 2, 8, run_inner, r), 2);
    for (int t = 0; t < 10; t++) assert_int_equal(atomic_load(&r->done[t]), 8);
    free(r);
}

static void *call_often(void *ctx) {
    for (int i = 0; i < 200; i++) xl_pool_run(xl_pool_shared(), 3, 20, mark, ctx);
    return NULL;
}

static void callers_take_turns(void **state) {
    record *r = calloc(1, sizeof *r);
    pthread_t callers[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&callers[i], NULL, call_often, r), 0);
    for (int i = 0; i < 4; i++) pthread_join(callers[i], NULL);
    for (int t = 0; t < 20; t++) assert_int_equal(atomic_load(&r->done[t]), 800);
    free(r);
}

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

static void a_forked_child_has_a_pool(void **state) {
#ifdef THREAD_SANITIZER
    TEST_SKIP("the thread sanitizer does not allow threads in a forked child");
#endif
    if (getenv("XLTUNE_TEST_EMULATED")) TEST_SKIP("qemu cannot start threads in a forked child");
    record *r = calloc(1, sizeof *r);
    xl_pool_run(xl_pool_shared(), 3, 8, mark, r);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        int used = xl_pool_run(xl_pool_shared(), 3, 8, mark, r);
        int ok = used == 3;
        for (int t = 0; t < 8; t++) ok = ok && atomic_load(&r->done[t]) == 2;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(r);
}

static void pinned_threads_work(void **state) {
    xl_pool *pool = xl_pool_create();
    record *r = calloc(1, sizeof *r);
    const xl_pinning modes[] = {XL_PIN_COMPACT, XL_PIN_SPREAD, XL_PIN_NONE};
    for (int i = 0; i < 3; i++) {
        xl_pool_pin(pool, modes[i]);
        xl_pool_run(pool, 5, TASKS, mark, r);
    }
    for (int t = 0; t < TASKS; t++) assert_int_equal(atomic_load(&r->done[t]), 3);
    free(r);
    xl_pool_destroy(pool);
}

#ifdef __linux__
static void *own_stack(void *user) {
    pthread_attr_t own;
    void *lowest;
    assert_int_equal(pthread_getattr_np(pthread_self(), &own), 0);
    assert_int_equal(pthread_attr_getstack(&own, &lowest, user), 0);
    pthread_attr_destroy(&own);
    return NULL;
}

static size_t stack_of_a_thread(void) {
    pthread_t thread;
    size_t bytes = 0;
    assert_int_equal(xl_thread_start(&thread, own_stack, &bytes), 0);
    pthread_join(thread, NULL);
    return bytes;
}

/* Small stacks by default, as after `ulimit -s 64`, are too small for a thread; large ones are not made smaller. */
static void a_thread_has_room(void **state) {
    pthread_attr_t before, other;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    pthread_attr_init(&other);
    pthread_attr_setstacksize(&other, (size_t)64 << 10);
    assert_int_equal(pthread_setattr_default_np(&other), 0);
    assert_true(stack_of_a_thread() >= XL_THREAD_STACK);
    pthread_attr_setstacksize(&other, 3 * XL_THREAD_STACK);
    assert_int_equal(pthread_setattr_default_np(&other), 0);
    assert_true(stack_of_a_thread() >= 3 * XL_THREAD_STACK);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&other);
    pthread_attr_destroy(&before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),       cmocka_unit_test(few_tasks_and_none),
        cmocka_unit_test(phases_follow_each_other),   cmocka_unit_test(a_long_wait_calls_back),
        cmocka_unit_test(nobody_waits_for_a_sleeper), cmocka_unit_test(a_team_is_there_at_once),
        cmocka_unit_test(many_short_regions),         cmocka_unit_test(region_inside_a_region_runs_alone),
        cmocka_unit_test(callers_take_turns),         cmocka_unit_test(a_forked_child_has_a_pool),
        cmocka_unit_test(pinned_threads_work),
#ifdef __linux__
        cmocka_unit_test(a_thread_has_room),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
