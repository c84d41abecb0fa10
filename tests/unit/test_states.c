/* States of a machine: found in values that are written down here, and what they make of a verdict. */
#include "helper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

/* The thread sanitizer has memory of its own for what was written, which a new process does inherit. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define HAS_SHADOW
#endif
#elif defined(__SANITIZE_THREAD__)
#define HAS_SHADOW
#endif
#if defined MADV_DONTFORK && !defined HAS_SHADOW
#define INHERITANCE_IS_SEEN
#endif

/* A letter is a process: 'a' at 0.30, 'b' at 0.60, 'c' at 0.80, each a little off, always the same. */
static int values(const char *letters, double *x) {
    int n = 0;
    for (; letters[n]; n++) {
        const double level = letters[n] == 'a' ? 0.30 : letters[n] == 'b' ? 0.60 : 0.80;
        x[n] = level + 0.004 * ((n * 5) % 7 - 3);
    }
    return n;
}

static tune_final judged(const char *letters) {
    double x[TUNE_PROCESSES_MOST];
    tune_final f = {0};
    int n = values(letters, x);
    f.blocks = 3 * n;
    tune_final_judge(x, n, 8, 0.95, &f);
    return f;
}

static void levels_are_found(void **state) {
    double x[TUNE_PROCESSES_MOST];
    tune_states s;
    tune_states_find(x, values("aaabbaab", x), &s);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.at[0].processes, 5);
    assert_int_equal(s.at[1].processes, 3);
    assert_int_equal(s.at[0].visits, 2);
    assert_int_equal(s.at[1].visits, 2);
    assert_int_equal(s.changes, 3);
    assert_true(fabs(s.at[1].mean - 0.6) < 0.01);
    assert_memory_equal(s.of, "\0\0\0\1\1\0\0\1", 8);
    tune_states_find(x, values("ccaabbccaabbabc", x), &s);
    assert_int_equal(s.count, 3);
    tune_states_find(x, values("aaaaaaaaaaaa", x), &s);
    assert_int_equal(s.count, 1);
    assert_false(s.wanders);
    tune_states_find(x, 0, &s);
    assert_int_equal(s.count, 0);
    x[0] = 1;
    tune_states_find(x, 1, &s);
    assert_int_equal(s.count, 1);
    /* Steps that nobody would call a mood, however clear they are. */
    for (int i = 0; i < 12; i++) x[i] = i % 3 ? 0.100 : 0.103;
    tune_states_find(x, 12, &s);
    assert_int_equal(s.count, 1);
}

static void a_ratio_that_wanders(void **state) {
    double x[24];
    tune_states s;
    for (int i = 0; i < 24; i++) x[i] = 0.03 * sin(i / 4.0);
    tune_states_find(x, 24, &s);
    assert_int_equal(s.count, 1);
    assert_true(s.wanders);
}

static void the_verdict_says_what_it_holds_for(void **state) {
    char text[512];
    tune_final f = judged("aaaaaaaaaaaa");
    assert_int_equal(f.scope, TUNE_SCOPE_STATE);
    tune_final_text(text, sizeof text, &f);
    assert_non_null(strstr(text, "; one state of the machine in the time of measuring)"));
    f = judged("aaaaabbbbbaa");
    assert_int_equal(f.scope, TUNE_SCOPE_TIME);
    f.span_s = 22;
    tune_final_text(text, sizeof text, &f);
    assert_non_null(strstr(text, "; of these 22 seconds alone: 7 processes at +3"));
    assert_non_null(strstr(text, "--spread 1h"));
    f = judged("aaabaabbaaabaaabbaaaabaaabba");
    assert_int_equal(f.scope, TUNE_SCOPE_LONG_RUN);
    f.span_s = 7300;
    tune_final_text(text, sizeof text, &f);
    assert_non_null(strstr(text, "; of the long run: 19 processes at +3"));
    assert_non_null(strstr(text, "12 changes in 2 hours)"));
    f = judged("aaabaabbaaabaaabbaa"); /* as many changes, too few processes */
    assert_int_equal(f.scope, TUNE_SCOPE_TIME);
    f = judged("abababaaaaaaaaaaaaaaaaac"); /* one state seen once */
    assert_int_equal(f.scope, TUNE_SCOPE_TIME);
}

/* The long run's interval is never narrower than that of independent processes, and wider where states last. */
static void stays_widen_the_interval(void **state) {
    double x[TUNE_PROCESSES_MOST];
    int n = values("aaaaaabbbbaaaaaabbbbbaaaaaabbbaaaaabbbb", x);
    tune_interval t = tune_mean_interval(x, (size_t)n, 0.95);
    tune_final f = judged("aaaaaabbbbaaaaaabbbbbaaaaaabbbaaaaabbbb");
    assert_int_equal(f.scope, TUNE_SCOPE_LONG_RUN);
    assert_true(f.log_high - f.log_low > 1.5 * (t.high - t.low));
    assert_true(f.log_low > 0.30 && f.log_high < 0.60);
    f = judged("abacbcabacbacbacabacbcab"); /* three: the self-normalized interval */
    assert_int_equal(f.scope, TUNE_SCOPE_LONG_RUN);
    assert_int_equal(f.states.count, 3);
    assert_true(f.log_low < f.log_ratio && f.log_ratio < f.log_high);
}

/* A label tells states apart that the values alone do not, and one of something else changes nothing. */
static void labels_explain_or_not(void **state) {
    enum { N = 24 };
    double x[N], good[N], other[N];
    tune_states s;
    xl_rng rng;
    xl_rng_seed(&rng, 3);
    for (int i = 0; i < N; i++) {
        const int up = i / 3 % 3 == 2;
        x[i] = 0.04 * up + 0.012 * xl_rng_normal(&rng);
        good[i] = (up ? 0.57 : 0.99) * (1 + 0.01 * xl_rng_normal(&rng)); /* the slow processors are better here */
        other[i] = (i % 4 ? 0.57 : 0.99) * (1 + 0.01 * xl_rng_normal(&rng));
    }
    tune_states_find(x, N, &s);
    assert_int_equal(s.count, 1);
    assert_false(tune_states_labelled(x, other, N, &s));
    assert_int_equal(s.count, 1);
    assert_true(tune_states_labelled(x, good, N, &s));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.at[0].processes, 18);
    assert_true(s.at[0].mean < s.at[1].mean);
    for (int i = 0; i < N; i++) assert_int_equal(s.of[i], i / 3 % 3 == 2);
    good[5] = NAN;
    tune_states_find(x, N, &s);
    assert_false(tune_states_labelled(x, good, N, &s));
    /* Where the values show the states, a label that disagrees has no say. */
    int n = values("aaabaabbaaabaaabbaaaabaa", x);
    assert_int_equal(n, N);
    tune_states_find(x, N, &s);
    assert_false(tune_states_labelled(x, other, N, &s));
    assert_int_equal(s.count, 2);
}

/* Values that are all the same, as a target may state them, are one state whatever a label says. */
static void same_values_are_one_state(void **state) {
    enum { N = 12 };
    double x[N], label[N];
    tune_states s;
    for (int i = 0; i < N; i++) {
        x[i] = 1.0986122886681098;
        label[i] = i % 3 ? 2590 : 1200;
    }
    tune_states_find(x, N, &s);
    assert_int_equal(s.count, 1);
    assert_false(tune_states_labelled(x, label, N, &s));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.at[0].processes, N);
    /* Nor are they where the last digit differs. */
    for (int i = 0; i < N; i++) x[i] += label[i] > 2000 ? 4e-16 : 0;
    tune_states_find(x, N, &s);
    assert_false(tune_states_labelled(x, label, N, &s));
    assert_int_equal(s.count, 1);
}

static void the_verdict_names_the_label(void **state) {
    double x[TUNE_PROCESSES_MOST];
    tune_final f = {0};
    int n = values("aaabaabbaaabaaabbaaaabaaabba", x);
    for (int i = 0; i < n; i++) f.condition[TUNE_TOGETHER][i] = x[i] > 0.45 ? 0.99 : 0.57 + 0.001 * (i % 3);
    tune_final_judge(x, n, 8, 0.95, &f);
    f.blocks = 3 * n;
    assert_int_equal(f.label, TUNE_TOGETHER);
    char text[1024];
    tune_final_text(text, sizeof text, &f);
    assert_non_null(strstr(text, "(each processor at 57 % beside the others), 9 at +"));
    assert_non_null(strstr(text, "(each processor at 99 % beside the others), 12 changes in"));
}

#ifdef INHERITANCE_IS_SEEN
/* The most memory that a process started from here has taken before it did anything, in KiB. */
static long least_memory(void) {
    const pid_t child = fork();
    if (!child) _exit(0);
    struct rusage use = {0};
    assert_true(child > 0 && wait4(child, NULL, 0, &use) == child);
    return use.ru_maxrss;
}

/* The target exec measures what a command takes, which is never less than what it had from us. */
static void the_gauge_is_not_inherited(void **state) {
    tune_gauge *gauge;
    tune_condition c;
    (void)state;
    if (getenv("XLTUNE_TEST_EMULATED")) TEST_SKIP("qemu lets a child have memory that is not for it");
    assert_int_equal(tune_gauge_create(&gauge, 1, NULL), 0);
    const long before = least_memory();
    tune_gauge_take(gauge, &c);
    assert_true(c.value[TUNE_READING] > 0);
    const long after = least_memory();
    if (after > before + 16 * 1024) fail_msg("%ld KiB before, %ld KiB after", before, after);
    tune_gauge_destroy(gauge);
}
#endif

static void the_machine_is_gauged(void **state) {
    tune_gauge *gauge;
    tune_condition c;
    assert_int_equal(tune_gauge_create(&gauge, 1000, NULL), 0);
    tune_gauge_take(gauge, &c);
    /* A machine that is busy or paused makes any of them small, and the one that is a ratio large too. */
    if (!isnan(c.value[TUNE_TOGETHER])) assert_true(c.value[TUNE_TOGETHER] > 0 && isfinite(c.value[TUNE_TOGETHER]));
    assert_true(c.value[TUNE_READING] > 1e-6 && c.value[TUNE_READING] < 1e5);
    assert_true(c.value[TUNE_FREQUENCY] > 1e-3 && c.value[TUNE_FREQUENCY] < 20000);
    tune_gauge_destroy(gauge);
    tune_gauge_destroy(NULL);
    assert_int_equal(tune_gauge_create(&gauge, 1, NULL), 0);
    tune_gauge_take(gauge, &c);
    assert_true(isnan(c.value[TUNE_TOGETHER])); /* one processor has no others */
    tune_gauge_destroy(gauge);
}

static void quantiles_of_f(void **state) {
    const double wanted[][4] = {{0.975, 4, 10, 4.46834}, {0.95, 1, 1, 161.4476}, {0.99, 8, 6, 8.10165}};
    for (int i = 0; i < 3; i++) {
        double f = tune_f_quantile(wanted[i][0], wanted[i][1], wanted[i][2]);
        if (fabs(f - wanted[i][3]) > 2e-4 * wanted[i][3]) fail_msg("%g for %g", f, wanted[i][3]);
    }
    double t = tune_t_quantile(0.975, 12);
    assert_true(fabs(tune_f_quantile(0.95, 1, 12) - t * t) < 1e-6);
    assert_true(isnan(tune_f_quantile(0, 1, 1)) && isnan(tune_f_quantile(0.5, 0, 1)));
}

/* Two states that last for three processes on average, a third of the time the upper: where the long run is claimed
 * its mean is covered. The margin is three standard errors; Student's interval covers it in about three of four. */
static void the_long_run_is_covered(void **state) {
    int claims = 0, covered = 0, student = 0;
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    for (int run = 0; run < 2000; run++) {
        double x[48];
        int now = xl_rng_uniform(&rng) < 1.0 / 3;
        for (int i = 0; i < 48; i++) {
            x[i] = 0.3 * now + 0.015 * xl_rng_normal(&rng);
            if (xl_rng_uniform(&rng) < (now ? 1.0 / 3 : 1.0 / 6)) now = 1 - now;
        }
        tune_final f = {0};
        tune_final_judge(x, 48, 8, 0.95, &f);
        if (f.scope != TUNE_SCOPE_LONG_RUN) continue;
        tune_interval t = tune_mean_interval(x, 48, 0.95);
        claims++;
        covered += f.log_low <= 0.1 && 0.1 <= f.log_high;
        student += t.low <= 0.1 && 0.1 <= t.high;
    }
    if (claims < 1500) fail_msg("%d of 2000 claimed the long run", claims);
    if (covered < (0.95 - 3 * sqrt(0.0475 / claims)) * claims) fail_msg("%d of %d covered", covered, claims);
    if (student > 0.9 * claims)
        fail_msg("Student's interval covered %d of %d: the test shows nothing", student, claims);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_found),
        cmocka_unit_test(a_ratio_that_wanders),
        cmocka_unit_test(the_verdict_says_what_it_holds_for),
        cmocka_unit_test(stays_widen_the_interval),
        cmocka_unit_test(labels_explain_or_not),
        cmocka_unit_test(same_values_are_one_state),
        cmocka_unit_test(the_verdict_names_the_label),
        cmocka_unit_test(the_machine_is_gauged),
#ifdef INHERITANCE_IS_SEEN
        cmocka_unit_test(the_gauge_is_not_inherited),
#endif
        cmocka_unit_test(quantiles_of_f),
        cmocka_unit_test(the_long_run_is_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
