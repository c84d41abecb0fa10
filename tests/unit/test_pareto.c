/* Several objectives: the sort and the crowding against their definitions, and the search that uses them. */

#include "base/rng.h"
#include "helper.h"
#include "tuner/search/cells.h"
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

/* ---- the hypervolume that a point adds ---- */

/* By definition, where all values are whole numbers: counts the unit cubes within the reference that `x` beats or
 * equals and no point of the front does. */
static int cubes(const double *front, size_t points, int m, int reference, const double *x) {
    int count = 0, all = 1;
    for (int k = 0; k < m; k++) all *= reference;
    for (int c = 0; c < all; c++) {
        double at[TUNE_CELLS_OBJECTIVES] = {0};
        bool mine = true, taken = false;
        for (int k = 0, rest = c; k < m; k++, rest /= reference) {
            at[k] = rest % reference;
            mine &= x[k] <= at[k];
        }
        for (size_t i = 0; i < points && mine; i++) {
            bool beaten = true;
            for (int k = 0; k < m; k++) beaten &= front[i * (size_t)m + (size_t)k] <= at[k];
            taken |= beaten;
        }
        count += mine && !taken;
    }
    return count;
}

static void a_gain_is_the_volume_that_is_added(void **state) {
    enum { REFERENCE = 7 };
    static tune_cells c;
    xl_rng rng;
    xl_rng_seed(&rng, 4);
    const double reference[] = {REFERENCE, REFERENCE, REFERENCE};
    int positive = 0;
    for (int round = 0; round < 400; round++) {
        double v[20 * TUNE_CELLS_OBJECTIVES] = {0}, x[TUNE_CELLS_OBJECTIVES] = {0};
        double below[TUNE_CELLS_OBJECTIVES][TUNE_CELLS_EDGES] = {{0}};
        const int m = 1 + (int)xl_rng_below(&rng, TUNE_CELLS_OBJECTIVES);
        const size_t points = xl_rng_below(&rng, 21);
        for (size_t i = 0; i < points * (size_t)m; i++) v[i] = (double)xl_rng_below(&rng, REFERENCE + 1);
        tune_cells_cut(&c, v, points, m, reference);
        for (int k = 0; k < m; k++) {
            x[k] = (double)xl_rng_below(&rng, REFERENCE + 1);
            for (size_t e = 0; e < c.edges; e++) below[k][e] = fmax(c.edge[k][e] - x[k], 0);
        }
        const int wanted = cubes(v, points, m, REFERENCE, x);
        const double found = tune_cells_gain(&c, below);
        if (fabs(found - wanted) > 1e-9) fail_msg("round %d: found %g, wanted %d", round, found, wanted);
        positive += wanted > 0;
    }
    assert_true(positive > 50);
    /* The largest front of which none beats another. */
    double v[TUNE_CELLS_POINTS * 3];
    for (int i = 0; i < TUNE_CELLS_POINTS; i++) {
        v[3 * i] = i;
        v[3 * i + 1] = TUNE_CELLS_POINTS - i;
        v[3 * i + 2] = (i * 37) % TUNE_CELLS_POINTS;
    }
    const double far[] = {1000, 1000, 1000};
    tune_cells_cut(&c, v, TUNE_CELLS_POINTS, 3, far);
    assert_true(c.count > TUNE_CELLS_POINTS && c.count <= TUNE_CELLS);
}

/* ---- the search ---- */

static const char *const both[] = {"ehvi", "nsga2"};

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

static void seeds_decide(const char *name, int proposals) {
    tune_space *s = box(4, 6);
    tune_strategy *a = make(name, s, 5), *b = make(name, s, 5), *other = make(name, s, 6);
    uint8_t seen[1296] = {0};
    int differ = 0;
    for (int i = 0; i < proposals; i++) {
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
    assert_true(differ > proposals * 5 / 6);
    tune_strategy_destroy(a);
    tune_strategy_destroy(b);
    tune_strategy_destroy(other);
    tune_space_destroy(s);
}

static void a_seed_gives_the_same_proposals_and_none_twice(void **state) {
    seeds_decide("nsga2", 300);
    seeds_decide("ehvi", 60);
}

/* Several points that are asked for before the first is told are all different. */
static void points_in_flight_are_not_proposed_again(void **state) {
    for (int n = 0; n < 2; n++) {
        tune_space *s = box(2, 6);
        tune_strategy *t = make(both[n], s, 1);
        uint8_t seen[36] = {0};
        uint32_t flight[12];
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 12; i++) {
                tune_proposal p;
                assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
                assert_int_equal(seen[p.point]++, 0);
                flight[i] = p.point;
            }
            for (int i = 0; i < 12; i++) {
                double v[2];
                trade(s, flight[i], v);
                assert_int_equal(tune_strategy_tell_all(t, flight[i], v, 1, NULL), 0);
            }
        }
        assert_true(tune_strategy_done(t));
        tune_strategy_destroy(t);
        tune_space_destroy(s);
    }
}

static void measured_whole(const char *name) {
    for (int params = 1; params <= 3; params++) {
        tune_space *s = box(params, 5);
        tune_strategy *t = make(name, s, 1);
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

static void a_small_space_is_measured_whole(void **state) {
    for (int n = 0; n < 2; n++) measured_whole(both[n]);
}

static void fails(const char *name) {
    tune_space *s = box(2, 6);
    tune_strategy *t = make(name, s, 1);
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

static void nothing_but_failures_ends(void **state) {
    for (int n = 0; n < 2; n++) fails(both[n]);
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
    int members = 0, nsga2 = 0, ehvi = 0, first = 0;
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
        nsga2 += found("nsga2", s, front, seed, 150);
        first += found("auto", s, front, seed, 150);
    }
    for (uint64_t seed = 1; seed <= 2; seed++) ehvi += found("ehvi", s, front, seed, 100);
    assert_true(members >= 8);
    /* In 10 runs: most of the front, and more of it than a search by the first objective alone finds. */
    assert_true(nsga2 > 10 * members * 7 / 10);
    assert_true(nsga2 > first);
    /* With two models for each objective 100 proposals are enough for that. */
    assert_true(ehvi > 2 * members * 7 / 10);
    free(front);
    tune_space_destroy(s);
}

static void averages(const char *name) {
    tune_space *s = box(1, 3);
    tune_strategy *t = make(name, s, 1);
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

static void told_again_is_averaged(void **state) {
    for (int n = 0; n < 2; n++) averages(both[n]);
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
    for (int n = 0; n < 2; n++) {
        t = make(both[n], s, 1);
        const double infinite[] = {1, INFINITY}, negative[] = {-1, 1};
        assert_int_equal(tune_strategy_tell_all(t, 0, infinite, 1, &err), XLSTM_EARG);
        assert_int_equal(tune_strategy_tell_all(t, 0, negative, 1, &err), XLSTM_EARG);
        assert_int_equal(tune_strategy_tell(t, 0, 1, 1, &err), XLSTM_EARG);
        assert_non_null(strstr(err.text, "told one value, wanted 2"));
        tune_strategy_destroy(t);
    }
    tune_space_destroy(s);
}

/* Of more objectives than three, and of one that is constant, 0, or of any sign, the search still proposes. */
static void many_objectives_are_searched(void **state) {
    tune_space *s = box(3, 5);
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.objectives = 6;
    assert_int_equal(tune_strategy_create("ehvi", s, &o, &t, NULL), 0);
    uint8_t seen[125] = {0};
    for (int i = 0; i < 30; i++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(seen[p.point]++, 0);
        const uint16_t *x = tune_space_index(s, p.point);
        const double v[] = {1 + x[0], 5 - x[0], 0, 3, -(double)x[1], x[2] * 1e300};
        assert_int_equal(tune_strategy_tell_all(t, p.point, v, 1, NULL), 0);
    }
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_peeling),
        cmocka_unit_test(crowding_is_that_of_the_neighbours),
        cmocka_unit_test(a_gain_is_the_volume_that_is_added),
        cmocka_unit_test(a_seed_gives_the_same_proposals_and_none_twice),
        cmocka_unit_test(points_in_flight_are_not_proposed_again),
        cmocka_unit_test(a_small_space_is_measured_whole),
        cmocka_unit_test(nothing_but_failures_ends),
        cmocka_unit_test(all_objectives_steer),
        cmocka_unit_test(told_again_is_averaged),
        cmocka_unit_test(one_objective_looks_at_the_first),
        cmocka_unit_test(many_objectives_are_searched),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
