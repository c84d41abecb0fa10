/* Several objectives: the sort and the crowding against their definitions, and the search that uses them. */

#include "base/rng.h"
#include "helper.h"
#include "tuner/search/pareto.h"
#include "tuner/search/strategy.h"

enum { MOST = 60 };

/* Few distinct values, so that some points are equal in one objective or in all. */
static int invent(xl_rng *rng, double *v, int *objectives) {
    int n = (int)xl_rng_below(rng, MOST) + 1, levels = 1 + (int)xl_rng_below(rng, 12);
    *objectives = 1 + (int)xl_rng_below(rng, 4);
    for (int i = 0; i < n * *objectives; i++) {
        v[i] = (double)xl_rng_below(rng, (uint64_t)levels) / 4 - 1;
        if (!xl_rng_below(rng, 40)) v[i] = INFINITY;
    }
    return n;
}

static bool beats(const double *a, const double *b, int m) {
    int worse = 0, better = 0;
    for (int k = 0; k < m; k++) {
        worse += a[k] > b[k];
        better += a[k] < b[k];
    }
    return !worse && better;
}

/* By definition: removes the points that no remaining one beats, again and again. */
static void peel(const double *v, int n, int m, int *rank) {
    for (int i = 0; i < n; i++) rank[i] = -1;
    for (int r = 0, left = n; left; r++) {
        int out[MOST], count = 0;
        for (int i = 0; i < n; i++) {
            bool beaten = rank[i] >= 0;
            for (int j = 0; j < n && !beaten; j++) beaten = rank[j] < 0 && beats(v + j * m, v + i * m, m);
            if (!beaten) out[count++] = i;
        }
        assert_true(count > 0);
        for (int i = 0; i < count; i++) rank[out[i]] = r;
        left -= count;
    }
}

static void ranks_are_those_of_peeling(void **state) {
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    int most = 0;
    for (int round = 0; round < 500; round++) {
        double v[MOST * 4];
        int m, n = invent(&rng, v, &m), wanted[MOST], found[MOST];
        peel(v, n, m, wanted);
        assert_int_equal(tune_pareto_rank(v, (size_t)n, m, found, NULL), 0);
        for (int i = 0; i < n; i++) {
            assert_int_equal(found[i], wanted[i]);
            if (found[i] > most) most = found[i];
        }
    }
    assert_true(most > 5);
}

/* By definition: the next smaller and the next larger value of the same rank, found by looking at all. */
static double crowding_of(const double *v, int n, int m, const int *rank, int i) {
    double sum = 0;
    for (int k = 0; k < m; k++) {
        double x = v[i * m + k], low = INFINITY, high = -INFINITY, below = -INFINITY, above = INFINITY;
        for (int j = 0; j < n; j++) {
            double y = v[j * m + k];
            if (rank[j] != rank[i]) continue;
            low = fmin(low, y);
            high = fmax(high, y);
            if (j == i) continue;
            if (y < x || (y == x && j < i)) below = fmax(below, y);
            else above = fmin(above, y);
        }
        bool first = true, last = true;
        for (int j = 0; j < n; j++) {
            double y = v[j * m + k];
            if (j == i || rank[j] != rank[i]) continue;
            if (y < x || (y == x && j < i)) first = false;
            else last = false;
        }
        if (!(high - low > 0)) continue;
        if (first || last) sum = INFINITY;
        else if (isfinite(high)) sum += (above - below) / (high - low);
    }
    return sum;
}

static void crowding_is_that_of_the_neighbours(void **state) {
    xl_rng rng;
    xl_rng_seed(&rng, 2);
    int finite = 0;
    for (int round = 0; round < 500; round++) {
        double v[MOST * 4], crowding[MOST];
        int m, n = invent(&rng, v, &m), rank[MOST];
        assert_int_equal(tune_pareto_rank(v, (size_t)n, m, rank, NULL), 0);
        assert_int_equal(tune_pareto_crowding(v, (size_t)n, m, rank, crowding, NULL), 0);
        for (int i = 0; i < n; i++) {
            double wanted = crowding_of(v, n, m, rank, i);
            finite += isfinite(wanted) && wanted > 0;
            if (isfinite(wanted) ? !(fabs(crowding[i] - wanted) < 1e-12) : crowding[i] != wanted)
                fail_msg("round %d, point %d: found %g, wanted %g", round, i, crowding[i], wanted);
        }
    }
    assert_true(finite > 300);
}

/* ---- the search ---- */

static tune_space *box(int params, int values) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < params; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(tune_space_add_range(s, name, 0, 1, values, 1, NULL), 0);
    }
    assert_int_equal(tune_space_seal(s, NULL), 0);
    return s;
}

/* p0 trades one objective against the other, each other parameter has a best value of its own, and every ninth
 * point fails. */
static void trade(const tune_space *s, uint32_t point, double v[2]) {
    double g = 1, x = 0;
    for (size_t i = 0; i < tune_space_params(s); i++) {
        double at = (double)tune_space_index(s, point)[i] / (tune_space_param(s, i)->count - 1);
        if (i == 0) x = at;
        else g += fabs(at - 0.2 * (double)i);
    }
    v[0] = g + x;
    v[1] = g * g - 2 * x - 2; /* any sign */
    if (point % 9 == 4) v[0] = NAN;
}

static tune_strategy *make(const char *name, const tune_space *s, uint64_t seed) {
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.seed = seed;
    o.objectives = 2;
    assert_int_equal(tune_strategy_create(name, s, &o, &t, NULL), 0);
    return t;
}

static void a_seed_gives_the_same_proposals_and_none_twice(void **state) {
    tune_space *s = box(4, 6);
    tune_strategy *a = make("nsga2", s, 5), *b = make("nsga2", s, 5), *other = make("nsga2", s, 6);
    uint8_t seen[1296] = {0};
    int differ = 0;
    for (int i = 0; i < 300; i++) {
        tune_proposal x, y, z;
        double v[2];
        assert_int_equal(tune_strategy_ask(a, &x, NULL), 0);
        assert_int_equal(tune_strategy_ask(b, &y, NULL), 0);
        assert_int_equal(tune_strategy_ask(other, &z, NULL), 0);
        assert_int_equal(x.point, y.point);
        assert_false(x.again);
        assert_int_equal(seen[x.point]++, 0);
        differ += x.point != z.point;
        trade(s, x.point, v);
        assert_int_equal(tune_strategy_tell_all(a, x.point, v, 1, NULL), 0);
        assert_int_equal(tune_strategy_tell_all(b, x.point, v, 1, NULL), 0);
        trade(s, z.point, v);
        assert_int_equal(tune_strategy_tell_all(other, z.point, v, 1, NULL), 0);
    }
    assert_true(differ > 250);
    tune_strategy_destroy(a);
    tune_strategy_destroy(b);
    tune_strategy_destroy(other);
    tune_space_destroy(s);
}

static void a_small_space_is_measured_whole(void **state) {
    for (int params = 1; params <= 3; params++) {
        tune_space *s = box(params, 5);
        tune_strategy *t = make("nsga2", s, 1);
        uint8_t seen[125] = {0};
        uint32_t best = TUNE_NO_POINT;
        double least = INFINITY, v[2];
        size_t n = 0;
        for (; !tune_strategy_done(t); n++) {
            tune_proposal p;
            assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
            assert_int_equal(seen[p.point]++, 0);
            trade(s, p.point, v);
            if (v[0] < least) {
                least = v[0];
                best = p.point;
            }
            assert_int_equal(tune_strategy_tell_all(t, p.point, v, 1, NULL), 0);
        }
        assert_int_equal(n, tune_space_size(s));
        double estimate = tune_strategy_best(t).estimate;
        assert_int_equal(tune_strategy_best(t).point, best);
        assert_true(fabs(estimate - least) < 1e-12);
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), XLSTM_EARG);
        tune_strategy_destroy(t);
        tune_space_destroy(s);
    }
}

static void nothing_but_failures_ends(void **state) {
    tune_space *s = box(2, 6);
    tune_strategy *t = make("nsga2", s, 1);
    const double failed[] = {NAN, 1}, half[] = {1, NAN};
    for (int i = 0; i < 36; i++) {
        tune_proposal p;
        assert_false(tune_strategy_done(t));
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(tune_strategy_tell_all(t, p.point, i % 2 ? failed : half, 1, NULL), 0);
    }
    assert_true(tune_strategy_done(t));
    assert_int_equal(tune_strategy_best(t).point, TUNE_NO_POINT);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

/* Returns the number of points of the true front that were proposed. */
static int found(const char *name, const tune_space *s, const uint8_t *front, uint64_t seed, int budget) {
    tune_strategy *t = make(name, s, seed);
    int hits = 0;
    uint8_t *seen = calloc(tune_space_size(s), 1);
    for (int i = 0; i < budget; i++) {
        tune_proposal p;
        double v[2];
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        hits += front[p.point] && !seen[p.point];
        seen[p.point] = 1;
        trade(s, p.point, v);
        assert_int_equal(tune_strategy_tell_all(t, p.point, v, 1, NULL), 0);
    }
    free(seen);
    tune_strategy_destroy(t);
    return hits;
}

static void all_objectives_steer(void **state) {
    tune_space *s = box(4, 8);
    uint32_t size = (uint32_t)tune_space_size(s);
    uint8_t *front = calloc(size, 1);
    int members = 0, both = 0, first = 0;
    for (uint32_t i = 0; i < size; i++) {
        double v[2], w[2];
        trade(s, i, v);
        front[i] = !isnan(v[0]);
        for (uint32_t j = 0; j < size && front[i]; j++) {
            trade(s, j, w);
            if (!isnan(w[0])) front[i] = !beats(w, v, 2);
        }
        members += front[i];
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        both += found("nsga2", s, front, seed, 150);
        first += found("auto", s, front, seed, 150);
    }
    assert_true(members >= 8);
    /* In 10 runs: most of the front, and more of it than a search by the first objective alone finds. */
    assert_true(both > 10 * members * 7 / 10);
    assert_true(both > first);
    free(front);
    tune_space_destroy(s);
}

static void told_again_is_averaged(void **state) {
    tune_space *s = box(1, 3);
    tune_strategy *t = make("nsga2", s, 1);
    for (int i = 0; i < 3; i++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        for (int again = 0; again < 2; again++) {
            const double v[] = {p.point == 1 ? 2 : again ? 9 : 1, 0};
            assert_int_equal(tune_strategy_tell_all(t, p.point, v, 1, NULL), 0);
        }
    }
    assert_int_equal(tune_strategy_best(t).point, 1);
    assert_int_equal(tune_strategy_best(t).samples, 2);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void one_objective_looks_at_the_first(void **state) {
    tune_space *s = box(3, 4);
    tune_strategy_options o;
    tune_strategy_options_init(&o);
    o.seed = 3;
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        if (c->tell_all) continue;
        tune_strategy *all = make(c->name, s, 3), *one;
        assert_int_equal(tune_strategy_create(c->name, s, &o, &one, NULL), 0);
        for (int i = 0; i < 40; i++) {
            tune_proposal x, y;
            double v[2];
            assert_int_equal(tune_strategy_ask(all, &x, NULL), 0);
            assert_int_equal(tune_strategy_ask(one, &y, NULL), 0);
            assert_int_equal(x.point, y.point);
            trade(s, x.point, v);
            assert_int_equal(tune_strategy_tell_all(all, x.point, v, 1, NULL), 0);
            assert_int_equal(tune_strategy_tell(one, x.point, v[0], 1, NULL), 0);
        }
        tune_strategy_destroy(all);
        tune_strategy_destroy(one);
    }
    tune_space_destroy(s);
}

static void bad_calls_are_refused(void **state) {
    tune_space *s = box(2, 3);
    xlstm_error err;
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.objectives = TUNE_OBJECTIVES + 1;
    assert_int_equal(tune_strategy_create("nsga2", s, &o, &t, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "17 objectives, wanted at most 16"));
    t = make("nsga2", s, 1);
    const double infinite[] = {1, INFINITY}, negative[] = {-1, 1};
    assert_int_equal(tune_strategy_tell_all(t, 0, infinite, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell_all(t, 0, negative, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell(t, 0, 1, 1, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "told one value, wanted 2"));
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_peeling),
        cmocka_unit_test(crowding_is_that_of_the_neighbours),
        cmocka_unit_test(a_seed_gives_the_same_proposals_and_none_twice),
        cmocka_unit_test(a_small_space_is_measured_whole),
        cmocka_unit_test(nothing_but_failures_ends),
        cmocka_unit_test(all_objectives_steer),
        cmocka_unit_test(told_again_is_averaged),
        cmocka_unit_test(one_objective_looks_at_the_first),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
