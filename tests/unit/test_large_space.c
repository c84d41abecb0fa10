/* A space far too large to be enumerated: twelve parameters of ten values, 10^12 settings. */
#include <sys/resource.h>

#include "helper.h"
#include "tuner/search/strategy.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

enum { PARAMS = 12, VALUES = 10, PROPOSALS = 220, LIMIT_KIB = 100 << 10 };

/* `conditions`: half of the parameters may not be far from the one before. */
static tune_space *huge(bool conditions) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < PARAMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(tune_space_add_range(s, name, 0, 1, VALUES, 1, NULL), 0);
    }
    for (int i = 1; conditions && i < PARAMS; i += 2) {
        char rule[32];
        snprintf(rule, sizeof rule, "p%d * p%d <= 30", i, i - 1);
        assert_int_equal(tune_space_add_condition(s, rule, NULL), 0);
    }
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_false(tune_space_counted(s));
    return s;
}

/* A valley along which the parameters depend on each other. */
static double valley(const tune_space *s, uint32_t point) {
    double y = 1, before = 3;
    for (size_t i = 0; i < PARAMS; i++) {
        const double x = tune_space_value(s, point, i).number;
        y += (x - before) * (x - before) / 100;
        before = 0.5 * x + 2;
    }
    return y;
}

/* KiB; bytes on a Mac. */
static long largest_memory(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
#ifdef __APPLE__
    return use.ru_maxrss / 1024;
#else
    return use.ru_maxrss;
#endif
}

static void proposes_at_once(void **state) {
    const long before = largest_memory();
    for (int conditions = 0; conditions < 2; conditions++) {
        tune_space *s = huge(conditions);
        tune_strategy_options o;
        tune_strategy *t;
        double best = INFINITY, first = INFINITY;
        tune_strategy_options_init(&o);
        o.seed = 5;
        assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), 0);
        for (int i = 0; i < PROPOSALS; i++) {
            tune_proposal p;
            assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
            const double y = valley(s, p.point);
            best = fmin(best, y);
            if (i < 20) first = fmin(first, y);
            assert_int_equal(tune_strategy_tell(t, p.point, y, NAN, NULL), 0);
            /* Only what was measured is remembered, and what was looked at for the last proposal. */
            assert_true(tune_space_known(s) <= (size_t)i + 8192);
        }
        assert_true(best - 1 < (first - 1) / 3);
        print_message("%ld KiB\n", largest_memory() - before);
        tune_strategy_destroy(t);
        tune_space_destroy(s);
    }
    if (!SANITIZED) assert_true(largest_memory() - before < LIMIT_KIB);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(proposes_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
