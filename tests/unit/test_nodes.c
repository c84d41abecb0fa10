/* What several machines of one kind say about one ratio. */
#include "helper.h"

#include "base/rng.h"
#include "tuner/measure/final.h"
#include "tuner/measure/nodes.h"
#include "tuner/measure/stats.h"

typedef struct fleet {
    tune_final final;
    tune_nodes nodes;
    int of[TUNE_PROCESSES_MOST];
} fleet;

/* `turns` processes on each of `count` nodes with these effects, which scatter by sd. */
static void play(fleet *f, const double *effect, int count, int turns, double sd, uint64_t seed) {
    xl_rng rng;
    *f = (fleet){.final = {.label = TUNE_QUANTITIES}};
    xl_rng_seed(&rng, seed);
    const int n = count * turns;
    for (int i = 0; i < n; i++) {
        f->of[i] = i % count;
        f->final.process[i] = effect[i % count] + sd * xl_rng_normal(&rng);
        f->final.at[i] = i;
        f->final.blocks_of[i] = 2 + i % count;
        f->final.blocks += f->final.blocks_of[i];
        f->final.kept_of[i] = i % count == 2;
        f->final.kept += i % count == 2;
    }
    tune_final_judge(f->final.process, n, n, 0.95, &f->final);
    tune_nodes_judge(&f->final, f->of, count, &f->nodes);
}

static void one_node_is_no_block(void **state) {
    fleet f;
    tune_final alone = {0};
    const double effect[] = {0.05};
    play(&f, effect, 1, 8, 0.005, 1);
    tune_final_judge(f.final.process, 8, 8, 0.95, &alone);
    assert_int_equal(f.nodes.left, 1);
    assert_true(f.final.log_low == alone.log_low && f.final.log_high == alone.log_high);
    assert_int_equal(f.final.scope, alone.scope);
}

static void alike_nodes_keep_together(void **state) {
    const double effect[] = {0.1, 0.1, 0.1, 0.1};
    int aside = 0, covered = 0;
    enum { RUNS = 400 };
    for (int run = 0; run < RUNS; run++) {
        fleet f;
        play(&f, effect, 4, 3, 0.01, 100 + (uint64_t)run);
        aside += f.nodes.left < 4;
        covered += f.final.log_low <= 0.1 && f.final.log_high >= 0.1;
        assert_int_equal(f.final.scope, TUNE_SCOPE_MACHINES);
        assert_int_equal(f.final.states.count, 1); /* nodes are no states of a machine */
    }
    assert_true(aside <= RUNS / 50);
    assert_true(covered >= RUNS * 93 / 100);
}

/* Where nodes scatter much more than expected of machines of one kind, some are set aside for it, and the interval
 * holds with them, so that it holds the mean of the kind as often as it says. */
static void nodes_that_scatter_count(void **state) {
    enum { RUNS = 4000, MOST = 8 };
    static const double scatter[] = {0, 0.005, 0.02, 0.05};
    for (int count = 2; count <= MOST; count = count < 4 ? count + 1 : 2 * count) {
        for (size_t k = 0; k < sizeof scatter / sizeof *scatter; k++) {
            int sure = 0, covered = 0;
            xl_rng rng;
            xl_rng_seed(&rng, (uint64_t)count);
            for (int run = 0; run < RUNS; run++) {
                double effect[MOST];
                fleet f;
                for (int i = 0; i < count; i++) effect[i] = 0.1 + scatter[k] * xl_rng_normal(&rng);
                play(&f, effect, count, 3, 0.01, 1 + (uint64_t)run);
                sure += f.nodes.left + f.nodes.unsure < count;
                covered += f.final.log_low <= 0.1 && f.final.log_high >= 0.1;
            }
            if (sure > RUNS * 9 / 1000 || covered < RUNS * 940 / 1000)
                print_error("%d nodes that scatter by %g: %d left out, %d covered\n", count, scatter[k], sure,
                            covered);
            assert_true(sure <= RUNS * 9 / 1000);
            assert_true(covered >= RUNS * 940 / 1000);
        }
    }
}

/* The interval of these nodes alone is that of the mean of their means, by the scatter within them. */
static void these_nodes_alone(void **state) {
    enum { NODES = 4, TURNS = 3 };
    const double effect[NODES] = {0.1, 0.101, 0.099, 0.1};
    fleet f;
    play(&f, effect, NODES, TURNS, 0.01, 7);
    assert_int_equal(f.nodes.left, NODES);
    double mean = 0, within = 0;
    for (int k = 0; k < NODES; k++) {
        double own = 0;
        for (int i = k; i < NODES * TURNS; i += NODES) own += f.final.process[i] / TURNS;
        for (int i = k; i < NODES * TURNS; i += NODES)
            within += pow(f.final.process[i] - own, 2) / (NODES * (TURNS - 1));
        mean += own / NODES;
    }
    const double half = tune_t_quantile(0.975, NODES * (TURNS - 1)) * sqrt(within / (NODES * TURNS));
    assert_true(fabs(f.nodes.these_low - (mean - half)) < 1e-9 && fabs(f.nodes.these_high - (mean + half)) < 1e-9);
}

static void an_odd_one_is_set_aside(void **state) {
    double effect[] = {0.1, 0.1, 0.3, 0.1};
    fleet f;
    char text[600];
    play(&f, effect, 4, 3, 0.01, 5);
    assert_int_equal(f.nodes.left, 3);
    assert_true(f.nodes.at[2].aside && !f.nodes.at[0].aside && !f.nodes.disagree);
    assert_int_equal(f.final.processes, 9);
    assert_int_equal(f.final.machines, 3);
    assert_true(f.final.log_low > 0.05 && f.final.log_high < 0.15);
    assert_int_equal(f.final.verdict, TUNE_VERDICT_BETTER);
    tune_final_text(text, sizeof text, &f.final);
    assert_non_null(strstr(text, "over processes and 3 machines"));
    /* The blocks of the others are in use, and all of them are as many as is usual. */
    assert_int_equal(f.final.blocks, 3 * (2 + 3 + 5));
    assert_int_equal(f.final.blocks_aside, 3 * 4);
    assert_int_equal(f.final.processes_aside, 3);
    assert_int_equal(f.final.kept, 0);
    /* The same difference is no sign where all of them differ. */
    effect[0] = -0.1;
    effect[1] = 0.05;
    play(&f, effect, 4, 3, 0.01, 5);
    assert_int_equal(f.nodes.left, 4);
    assert_true(f.nodes.disagree);
    assert_true(f.final.log_low < -0.1 && f.final.log_high > 0.3);
    assert_int_equal(f.final.verdict, TUNE_VERDICT_NONE);
    /* Half a percent is not worth it, however sure it is. */
    const double close[] = {0.1, 0.1, 0.1, 0.104};
    play(&f, close, 4, 8, 0.0001, 7);
    assert_true(f.nodes.left == 4 && !f.nodes.disagree);
}

/* Two that are alike cannot prove that the third is not: it is set aside, and the interval holds with it and
 * without it. */
static void an_odd_one_of_three(void **state) {
    enum { RUNS = 400 };
    int named = 0, sure = 0, both = 0;
    for (int run = 0; run < RUNS; run++) {
        const double three[] = {0.1, 0.1, 0.3};
        fleet f;
        play(&f, three, 3, 4, 0.01, 1 + (uint64_t)run);
        named += f.nodes.at[2].aside && f.nodes.left == 2;
        sure += f.nodes.at[2].aside && !f.nodes.unsure;
        assert_int_equal(f.final.unsure, f.nodes.unsure);
        if (!f.nodes.unsure) continue;
        assert_true(f.nodes.at[2].unsure && f.nodes.unsure == 1 && !f.nodes.disagree);
        assert_int_equal(f.final.processes, 8);
        assert_int_equal(f.final.machines, 2);
        assert_int_equal(f.final.blocks, 4 * (2 + 3));
        assert_int_equal(f.final.blocks_aside, 4 * 4);
        /* The estimate is that of the two; the interval is at least that of three means, and that without the
         * third. */
        const double mean = (f.nodes.at[0].mean + f.nodes.at[1].mean) / 2;
        const double all = (2 * mean + f.nodes.at[2].mean) / 3;
        double ss = 0;
        for (int i = 0; i < 3; i++) ss += pow(f.nodes.at[i].mean - all, 2);
        const double half = tune_t_quantile(0.975, 2) * sqrt(ss / 2 / 3);
        assert_true(fabs(f.final.log_ratio - mean) < 1e-12);
        assert_true(f.final.log_low < all - half && f.final.log_high > all + half);
        assert_true(f.final.log_low > all - 1.06 * half || f.final.log_low == f.nodes.rest_low);
        assert_true(f.final.log_low <= f.nodes.rest_low && f.final.log_high >= f.nodes.rest_high);
        both += f.final.log_low < f.nodes.rest_low && f.nodes.rest_high < 0.3;
    }
    if (named < RUNS * 95 / 100 || sure > RUNS * 15 / 100 || both < RUNS / 2)
        print_error("%d named, %d of them surely; wider with it %d\n", named, sure, both);
    assert_true(named >= RUNS * 95 / 100);
    assert_true(sure <= RUNS * 15 / 100);
    assert_true(both >= RUNS / 2);
}

/* The verdict does not say that there was no time for processes which ran, on a machine that was set aside. */
static void time_for_more(void **state) {
    const double three[] = {0.1, 0.1, 0.3};
    for (int turns = 2; turns <= 3; turns++) {
        fleet f;
        char text[600];
        play(&f, three, 3, turns, 0.003, 3);
        assert_int_equal(f.nodes.left, 2);
        assert_int_equal(f.final.processes, 2 * turns);
        tune_final_text(text, sizeof text, &f.final);
        assert_int_equal(strstr(text, "there was time for no more") != NULL, turns == 2);
    }
}

/* Two that lie on either side of six hide each other, so the first is unsure, and the second is no surer although
 * it then lies far from six that are alike. */
static void unsure_of_two(void **state) {
    enum { NODES = 8 };
    const double effect[NODES] = {0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.025};
    int two = 0;
    for (uint64_t run = 0; run < 50; run++) {
        fleet f;
        play(&f, effect, NODES, 4, 0.003, 1 + run);
        if (f.nodes.left != 6) continue;
        two++;
        assert_true(f.nodes.at[2].aside && f.nodes.at[7].aside);
        assert_true(f.nodes.at[2].unsure && f.nodes.at[7].unsure && f.nodes.unsure == 2);
        assert_int_equal(f.final.processes, 24);
        assert_int_equal(f.final.processes_aside, 8);
        assert_int_equal(f.final.blocks, 4 * (2 + 3 + 5 + 6 + 7 + 8));
        assert_true(f.final.log_low < f.nodes.rest_low && f.final.log_high > f.nodes.rest_high);
    }
    assert_true(two > 40);
}

/* One is off so far that the others are sure of it, and of another they are not: the interval holds with that
 * alone. */
static void sure_of_one(void **state) {
    enum { NODES = 8 };
    const double effect[NODES] = {0.094, 0.106, 2.0, 0.1, 0.094, 0.106, 0.145, 0.1};
    int mixed = 0;
    for (uint64_t run = 0; run < 50; run++) {
        fleet f;
        play(&f, effect, NODES, 4, 0.01, 1 + run);
        if (!f.nodes.at[6].unsure) continue;
        mixed++;
        assert_true(f.nodes.at[2].aside && !f.nodes.at[2].unsure && f.nodes.at[6].aside);
        assert_true(f.nodes.unsure == 1 && f.nodes.left == 6);
        assert_true(f.final.log_high > f.nodes.rest_high && f.final.log_high < 0.3);
        assert_int_equal(f.final.processes, 24);
        assert_int_equal(f.final.processes_aside, 8);
        assert_int_equal(f.final.blocks, 4 * (2 + 3 + 5 + 6 + 7 + 9));
        assert_int_equal(f.final.blocks_aside, 4 * (4 + 8));
        assert_int_equal(f.final.kept, 0);
    }
    assert_true(mixed > 10);
}

/* Two camps of two, 3 % apart: that is beyond what six processes, which scatter by 1 %, make likely of four nodes,
 * and 1.4 % is not. */
static void camps_disagree(void **state) {
    for (int camp = 0; camp < 2; camp++) {
        fleet f = {.final = {.label = TUNE_QUANTITIES}};
        const double apart = camp ? 0.03 : 0.014;
        for (int i = 0; i < 24; i++) {
            f.of[i] = i % 4;
            f.final.process[i] = 0.1 + (i % 4 < 2 ? 1 : -1) * apart / 2 + (i / 4 % 2 ? 1 : -1) * 0.00913;
            f.final.at[i] = i;
        }
        tune_final_judge(f.final.process, 24, 24, 0.95, &f.final);
        tune_nodes_judge(&f.final, f.of, 4, &f.nodes);
        assert_int_equal(f.nodes.left, 4);
        assert_int_equal(f.nodes.disagree, camp);
    }
}

static void two_nodes_know_little(void **state) {
    const double effect[] = {0.1, 0.3};
    fleet f;
    play(&f, effect, 2, 6, 0.01, 8);
    assert_int_equal(f.nodes.left, 2);
    assert_true(f.nodes.disagree);
    assert_true(f.final.log_low < 0.1 && f.final.log_high > 0.3);
    const double alike[] = {0.1, 0.1};
    play(&f, alike, 2, 6, 0.01, 9);
    assert_false(f.nodes.disagree);
    assert_true(f.nodes.these_low > 0.08 && f.nodes.these_high < 0.12);
    assert_true(f.final.log_low <= f.nodes.these_low && f.final.log_high >= f.nodes.these_high - 0.005);
}

/* A node that ran one process only, and one that ran more. */
static void turns_that_differ(void **state) {
    fleet f = {.final = {.process = {0.1, 0.11, 0.1, 0.09, 0.12}, .label = TUNE_QUANTITIES}, .of = {0, 1, 0, 0, 2}};
    tune_final_judge(f.final.process, 5, 5, 0.95, &f.final);
    tune_nodes_judge(&f.final, f.of, 3, &f.nodes);
    assert_int_equal(f.nodes.at[0].processes, 3);
    assert_true(fabs(f.final.log_ratio - (0.29 / 3 + 0.11 + 0.12) / 3) < 1e-12);
    /* No node has two: the scatter of processes is not known. */
    f = (fleet){.final = {.process = {0.1, 0.11, 0.12}, .label = TUNE_QUANTITIES}, .of = {0, 1, 2}};
    tune_final_judge(f.final.process, 3, 3, 0.95, &f.final);
    tune_nodes_judge(&f.final, f.of, 3, &f.nodes);
    assert_true(f.nodes.left == 3 && !f.nodes.disagree && isfinite(f.final.log_low));
}

/* The comparison itself gives each machine as many turns, and does not take machines for states of one. */
typedef struct turns {
    xl_rng rng;
    int machines, at;
    double effect[4], sd;
} turns;

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    turns *t = ctx;
    (void)err;
    const double x = t->effect[t->at++ % t->machines] + t->sd * xl_rng_normal(&t->rng);
    *out = (tune_block_result){.blocks = plan->blocks};
    for (int i = 0; i < plan->blocks; i++) out->log_ratio[i] = x;
    return 0;
}

static void whole_turns(void **state) {
    for (int machines = 2; machines <= 4; machines++) {
        turns t = {.machines = machines, .effect = {0, 0.2, 0.01, -0.02}, .sd = 4e-3};
        tune_final_options o;
        tune_final f;
        tune_final_options_init(&o, TUNE_NORMAL);
        xl_rng_seed(&t.rng, 3);
        o.machines = machines;
        o.budget_s = 1e6;
        assert_int_equal(tune_final_run(&o, run_process, &t, &f, NULL), 0);
        assert_int_equal(f.processes % machines, 0);
        assert_true(f.processes <= 24 + machines && f.processes >= 8);
        /* Two say so little that all the turns are used. */
        if (machines == 2) assert_int_equal(f.processes, 24);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_node_is_no_block),
                                       cmocka_unit_test(alike_nodes_keep_together),
                                       cmocka_unit_test(nodes_that_scatter_count),
                                       cmocka_unit_test(these_nodes_alone),
                                       cmocka_unit_test(an_odd_one_is_set_aside),
                                       cmocka_unit_test(an_odd_one_of_three),
                                       cmocka_unit_test(time_for_more),
                                       cmocka_unit_test(unsure_of_two),
                                       cmocka_unit_test(sure_of_one),
                                       cmocka_unit_test(camps_disagree),
                                       cmocka_unit_test(two_nodes_know_little),
                                       cmocka_unit_test(turns_that_differ),
                                       cmocka_unit_test(whole_turns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
