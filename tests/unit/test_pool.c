/* The pool of threads: every task runs once, phases are in order, more threads than processors, sharing, and
 * forking. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/pool.h"
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
    int64_t value[2][WIDTH]; /* ordinary memory: only the barrier orders the accesses */
    atomic_int wrong;
    int phases;
} phases;

static void add_neighbours(void *ctx, xl_team *team, int thread) {
    phases *p = ctx;
    for (int phase = 0; phase < p->phases; phase++) {
        const int64_t *from = p->value[phase % 2];
        int64_t *to = p->value[(phase + 1) % 2];
        for (int64_t i = xl_team_claim(team); i < WIDTH; i = xl_team_claim(team))
            to[i] = (from[i] + 3 * from[(i + 1) % WIDTH]) % 1000003;
        xl_team_barrier(team);
    }
    if (thread >= xl_team_size(team)) atomic_store(&p->wrong, 1);
}

static void phases_follow_each_other(void **state) {
    const int threads[] = {1, 2, 3, 5, 33, XL_POOL_MAX};
    int64_t wanted[WIDTH];
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        phases p = {.phases = threads[t] > 32 ? PHASES / 10 : PHASES};
        for (int i = 0; i < WIDTH; i++) p.value[0][i] = i;
        xl_pool_parallel(xl_pool_shared(), threads[t], add_neighbours, &p);
        phases alone = {.phases = p.phases};
        for (int i = 0; i < WIDTH; i++) alone.value[0][i] = i;
        xl_pool_parallel(NULL, 1, add_neighbours, &alone);
        memcpy(wanted, alone.value[p.phases % 2], sizeof wanted);
        assert_memory_equal(p.value[p.phases % 2], wanted, sizeof wanted);
        assert_int_equal(atomic_load(&p.wrong), 0);
    }
}

static void count_idle(void *ctx) {
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void wait_for_the_last(void *ctx, xl_team *team, int thread) {
    if (thread == 1) usleep(100000);
    if (thread == 0) xl_team_barrier_idle(team, count_idle, ctx);
    else xl_team_barrier(team);
}

static void a_long_wait_calls_back(void **state) {
    atomic_int calls = 0;
    xl_pool_parallel(xl_pool_shared(), 2, wait_for_the_last, &calls);
    assert_in_range(atomic_load(&calls), 1, 1000);
    atomic_store(&calls, 0);
    xl_pool_parallel(xl_pool_shared(), 1, wait_for_the_last, &calls);
    assert_int_equal(atomic_load(&calls), 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),     cmocka_unit_test(few_tasks_and_none),
        cmocka_unit_test(phases_follow_each_other), cmocka_unit_test(a_long_wait_calls_back),
        cmocka_unit_test(many_short_regions),       cmocka_unit_test(region_inside_a_region_runs_alone),
        cmocka_unit_test(callers_take_turns),       cmocka_unit_test(a_forked_child_has_a_pool),
        cmocka_unit_test(pinned_threads_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
