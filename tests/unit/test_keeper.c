/* What a run keeps in memory of its trials: marks, and where they were asked for whole rows, of which equal names
 * and texts are stored once; and how its files are made again from the study. */
#include "simulation.h"
#include "study_rows.h"
#include "tuner/driver/keeper.h"
#include "tuner/study/study_impl.h"

typedef struct world {
    char *path;
    tune_study *study;
    tune_run_row run;
    tune_keeper *keeper;
} world;

static world begin(const char *name) {
    world w = {.path = place(name), .run = sample_run(name)};
    xlstm_error err;
    must(tune_study_open(&w.study, w.path, true, &err), &err);
    must(tune_study_run_add(w.study, &w.run, &err), &err);
    return w;
}

static void open_keeper(world *w) {
    xlstm_error err;
    must(tune_keeper_open(&w->keeper, w->study, &w->run, "the run", NULL, &err), &err);
}

static void end(world *w) {
    tune_keeper_close(w->keeper);
    tune_study_close(w->study);
    free(w->path);
}

/* A row whose names and texts are the caller's for the moment, so that one that is not copied shows. */
static void with_row(int64_t index, const char *in_force, const char *hash, const char *how,
                     int (*use)(world *, const tune_trial_row *, xlstm_error *), world *w) {
    xlstm_error err;
    char *texts[] = {in_force ? strdup(in_force) : NULL, hash ? strdup(hash) : NULL, strdup(how), strdup("how"),
                     strdup("chunk_size")};
    tune_named params[] = {{texts[3], {.text = texts[2]}}, {texts[4], {.number = 16.0 * (double)index}}};
    double told[] = {0.5, NAN, 2}, ratios[] = {0.25 * (double)index};
    tune_trial_row t = sample_trial(index, 1);
    t.params = (tune_named_list){params, 2};
    t.in_force = texts[0];
    t.token_hash = texts[1];
    t.told = (tune_numbers){told, 3};
    t.ratios = (tune_numbers){ratios, 1};
    must(use(w, &t, &err), &err);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
}

static int add(world *w, const tune_trial_row *t, xlstm_error *err) {
    const tune_sample_row sample = one_sample(t->index, 1);
    return tune_keeper_add(w->keeper, t, &t->params, &sample, 1, err);
}

static int add_beside(world *w, const tune_trial_row *t, xlstm_error *err) {
    return tune_study_trial_add(w->study, w->run.id, t, NULL, 0, err);
}

static int change(world *w, const tune_trial_row *t, xlstm_error *err) {
    return tune_keeper_change(w->keeper, t, err);
}

static void check_text(const char *found, const char *wanted) {
    if (wanted) assert_string_equal(found, wanted);
    else assert_null(found);
}

static void check_row(const world *w, size_t index, const char *in_force, const char *hash, const char *how) {
    xlstm_error err;
    tune_trial_row t;
    size_t count;
    must(tune_keeper_read(w->keeper, (int64_t)index, &t, &err), &err);
    assert_int_equal(t.index, index);
    check_text(t.in_force, in_force);
    check_text(t.token_hash, hash);
    assert_string_equal(t.key, "chunk_size=16");
    assert_int_equal(t.params.count, 2);
    assert_string_equal(tune_named_find(&t.params, "how")->text, how);
    const tune_value *chunks = tune_named_find(&t.params, "chunk_size");
    assert_true(chunks->number == 16.0 * (double)index && !chunks->text);
    assert_int_equal(t.told.count, 3);
    assert_true(t.told.value[2] == 2 && t.ratios.value[0] == 0.25 * (double)index);
    const tune_trial_mark *m = tune_keeper_marks(w->keeper, &count);
    assert_true(index < count && m[index].value == t.value && m[index].samples == t.samples);
    assert_true(m[index].status == t.status && m[index].duplicate_of == -1 && m[index].point == t.point);
    tune_trial_row_clear(&t);
}

#define FIRST "{\"threads\":1}"
#define OTHER "{\"threads\":2}"

static void check_rows(const world *w) {
    check_row(w, 0, FIRST, "abc", "slow");
    check_row(w, 1, OTHER, "def", "slow");
    check_row(w, 2, NULL, NULL, "fast");
    check_row(w, 3, FIRST, "abc", "fast");
}

/* Trials 0 and 3 have the same settings in force and tokens, and all have the same names. */
static void check_shared(const world *w) {
    xlstm_error err;
    size_t count;
    const tune_trial_row *t;
    must(tune_keeper_rows(w->keeper, &t, &count, &err), &err);
    assert_int_equal(count, tune_keeper_next(w->keeper));
    assert_ptr_equal(t[0].in_force, t[3].in_force);
    assert_ptr_equal(t[0].token_hash, t[3].token_hash);
    assert_ptr_not_equal(t[0].in_force, t[1].in_force);
    for (size_t i = 1; i < count; i++) {
        assert_ptr_equal(t[i].params.item[0].name, t[0].params.item[0].name);
        assert_ptr_equal(t[i].params.item[1].name, t[0].params.item[1].name);
    }
    assert_ptr_equal(t[2].params.item[0].value.text, t[3].params.item[0].value.text);
}

static void equal_texts_are_stored_once(void **state) {
    world w = begin("keeper_texts");
    open_keeper(&w);
    with_row(0, FIRST, "abc", "slow", add, &w);
    with_row(1, OTHER, "def", "slow", add, &w);
    with_row(2, NULL, NULL, "fast", add, &w);
    with_row(3, FIRST, "abc", "fast", add, &w);
    check_rows(&w);
    check_shared(&w);

    /* They are whole after many more, and those of a study that is opened again are shared too. */
    for (int i = 4; i < 200; i++) {
        char how[16];
        snprintf(how, sizeof how, "way %d", i % 50);
        with_row(i, i % 2 ? FIRST : OTHER, how, how, add, &w);
    }
    for (int again = 0; again < 2; again++) {
        check_rows(&w);
        check_shared(&w);
        check_row(&w, 150, OTHER, "way 0", "way 0");
        assert_int_equal(tune_keeper_next(w.keeper), 200);
        tune_keeper_close(w.keeper);
        open_keeper(&w);
    }
    end(&w);
}

/* What a change replaces is gone, and what the other trials have is not. The row may be the keeper's own. */
static void a_change_leaves_the_others(void **state) {
    world w = begin("keeper_change");
    xlstm_error err;
    size_t count;
    open_keeper(&w);
    with_row(0, FIRST, "abc", "slow", add, &w);
    with_row(1, FIRST, "abc", "slow", add, &w);
    with_row(2, FIRST, "abc", "slow", add, &w);
    with_row(1, OTHER, "def", "fast", change, &w);
    const tune_trial_row *rows;
    must(tune_keeper_rows(w.keeper, &rows, &count, &err), &err);
    must(tune_keeper_change(w.keeper, &rows[2], &err), &err);
    with_row(0, OTHER, "def", "fast", change, &w);
    with_row(0, FIRST, "abc", "slow", change, &w);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(tune_keeper_next(w.keeper), 3);
        check_row(&w, 0, FIRST, "abc", "slow");
        check_row(&w, 1, OTHER, "def", "fast");
        check_row(&w, 2, FIRST, "abc", "slow");
        tune_keeper_close(w.keeper);
        open_keeper(&w);
    }
    tune_trial_row t = sample_trial(3, 1);
    assert_int_equal(tune_keeper_change(w.keeper, &t, &err), XLSTM_EINTERNAL);
    t.index = -1;
    assert_int_equal(tune_keeper_change(w.keeper, &t, &err), XLSTM_EINTERNAL);
    end(&w);
}

/* Trials behind one that is missing are not the keeper's yet, and neither is one that the study has already. */
static void trials_end_at_a_gap(void **state) {
    world w = begin("keeper_gap");
    xlstm_error err;
    with_row(0, FIRST, "abc", "slow", add_beside, &w);
    with_row(1, FIRST, "abc", "fast", add_beside, &w);
    with_row(3, OTHER, "abc", "slow", add_beside, &w);
    open_keeper(&w);
    assert_int_equal(tune_keeper_next(w.keeper), 2);
    check_row(&w, 1, FIRST, "abc", "fast");
    with_row(2, OTHER, "abc", "slow", add, &w);
    check_row(&w, 2, OTHER, "abc", "slow");
    const tune_trial_row t = sample_trial(3, 1);
    assert_int_equal(add(&w, &t, &err), XLSTM_EARG);
    assert_int_equal(tune_keeper_next(w.keeper), 3);
    tune_keeper_close(w.keeper);
    open_keeper(&w);
    assert_int_equal(tune_keeper_next(w.keeper), 4);
    end(&w);

    /* A first trial that is missing leaves none. */
    w = begin("keeper_no_first");
    with_row(1, FIRST, "abc", "fast", add_beside, &w);
    open_keeper(&w);
    assert_int_equal(tune_keeper_next(w.keeper), 0);
    end(&w);

    /* Neither does one with a number that no trial has, although as many trials come before 1 as should. */
    w = begin("keeper_negative");
    with_row(-1, FIRST, "abc", "fast", add_beside, &w);
    with_row(1, FIRST, "abc", "fast", add_beside, &w);
    open_keeper(&w);
    assert_int_equal(tune_keeper_next(w.keeper), 0);
    with_row(0, OTHER, "abc", "slow", add, &w);
    check_row(&w, 0, OTHER, "abc", "slow");
    end(&w);
}

/* ---- the files made again ---- */

enum { LONG = 5000 };

typedef struct told {
    int begun, ready;
    int64_t next;  /* trial that is to come */
    int64_t extra; /* a trial with one more sample of its own */
    double sum;    /* of the values of all samples */
} told;

static int on_begin(void *ctx, const tune_space *space, const tune_named_list *baseline, xlstm_error *err) {
    told *t = ctx;
    assert_non_null(space);
    assert_int_equal(baseline->count, 3);
    t->begun++;
    return XLSTM_OK;
}

static int on_trial(void *ctx, const tune_trial_row *trial, const tune_named_list *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err) {
    told *t = ctx;
    const double value = (double)trial->index;
    assert_int_equal(trial->index, t->next++);
    assert_int_equal(settings->count, 3);
    assert_true(tune_named_find(settings, "a")->number == 1 + (double)(trial->index % 8));
    assert_int_equal(count, trial->index == t->extra ? 3 : 2);
    assert_true(samples[0].trial == trial->index && samples[0].value == value);
    assert_true(samples[1].trial == TUNE_BASELINE_TRIAL && samples[1].block == trial->index);
    if (count == 3) assert_true(samples[2].trial == trial->index && samples[2].value == 0.5);
    for (size_t i = 0; i < count; i++) t->sum += samples[i].value;
    return XLSTM_OK;
}

static int on_ready(void *ctx, xlstm_error *err) {
    told *t = ctx;
    t->ready++;
    return XLSTM_OK;
}

typedef struct visited {
    const tune_space *space;
    int64_t next, last; /* last: the visit that fails; 0: none */
} visited;

static int visit(void *ctx, const tune_trial_row *row, xlstm_error *err) {
    visited *v = ctx;
    assert_int_equal(row->index, v->next++);
    assert_true(tune_space_value(v->space, row->point, 0).number == 1 + (double)(row->index % 8));
    assert_true(row->value == 1);
    return v->last && row->index == v->last ? xl_fail(err, XLSTM_ECANCELLED, "enough") : XLSTM_OK;
}

static void add_long(world *w, int64_t index) {
    xlstm_error err;
    tune_named ab[] = {{"a", {.number = 1 + (double)(index % 8)}}, {"b", {.number = 2}}};
    tune_trial_row t = sample_trial(index, 1);
    tune_sample_row samples[] = {one_sample(index, (double)index), one_sample(TUNE_BASELINE_TRIAL, 1)};
    samples[0].block = samples[1].block = index;
    t.params = (tune_named_list){ab, 2};
    must(tune_keeper_add(w->keeper, &t, &t.params, samples, 2, &err), &err);
}

/* However many trials there are, each comes with its own samples, and with those of the baseline beside it. */
static void files_are_made_again(void **state) {
    world w = begin("keeper_files");
    told t = {.extra = 2047};
    simulation sim;
    xlstm_error err;
    const tune_keeper_files files = {.ctx = &t, .begin = on_begin, .trial = on_trial, .ready = on_ready};
    simulation_init(&sim);
    open_keeper(&w);
    for (int64_t i = 0; i < LONG; i++) add_long(&w, i);
    tune_keeper_close(w.keeper);
    /* Samples of other stages belong to no trial's row, and a later one of the search to the trial that it is of.
     */
    tune_sample_row later[] = {one_sample(3, 0.25), one_sample(t.extra, 0.5), one_sample(TUNE_BASELINE_TRIAL, 0.25),
                               one_sample(LONG, 0.25)};
    later[0].stage = "check";
    later[1].block = LONG;
    later[2].stage = "final";
    later[2].block = 4;
    must(tune_study_samples_add(w.study, w.run.id, later, 4, &err), &err);
    must(tune_keeper_open(&w.keeper, w.study, &w.run, "the run", &files, &err), &err);
    must(tune_keeper_rebuild(w.keeper, &sim.target, &err), &err);
    assert_int_equal(t.next, LONG);
    assert_true(t.sum == 0.5 * LONG * (LONG - 1) + LONG + 0.5);
    assert_true(t.begun == 1 && t.ready == 1);
    size_t count;
    const tune_trial_mark *marks = tune_keeper_marks(w.keeper, &count);
    for (size_t i = 0; i < count; i++)
        assert_true(tune_space_value(sim.space, marks[i].point, 0).number == 1 + (double)(i % 8));
    visited v = {.space = sim.space};
    must(tune_keeper_each(w.keeper, visit, &v, &err), &err);
    assert_int_equal(v.next, LONG);
    v = (visited){.space = sim.space, .last = 2100};
    assert_int_equal(tune_keeper_each(w.keeper, visit, &v, &err), XLSTM_ECANCELLED);
    assert_int_equal(v.next, 2101);
    /* A study that lacks a trial which was there is refused, whichever way it is read. */
    tune_trial_row row;
    const tune_trial_row *rows;
    must(tune_study_run_sql(w.study, "losing", &err, "DELETE FROM trial WHERE number = 3000", ""), &err);
    assert_int_equal(tune_keeper_read(w.keeper, 3000, &row, &err), XLSTM_ECHANGED);
    assert_non_null(strstr(err.text, "lost trial 3000"));
    assert_int_equal(tune_keeper_read(w.keeper, LONG, &row, &err), XLSTM_EINTERNAL);
    assert_int_equal(tune_keeper_read(w.keeper, -1, &row, &err), XLSTM_EINTERNAL);
    v = (visited){.space = sim.space};
    assert_int_equal(tune_keeper_each(w.keeper, visit, &v, &err), XLSTM_ECHANGED);
    assert_int_equal(tune_keeper_rows(w.keeper, &rows, &count, &err), XLSTM_ECHANGED);
    t = (told){.extra = t.extra};
    assert_int_equal(tune_keeper_rebuild(w.keeper, &sim.target, &err), XLSTM_ECHANGED);
    assert_true(t.next < 3000 && !t.ready);
    tune_space_destroy(sim.space);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_are_stored_once),
        cmocka_unit_test(a_change_leaves_the_others),
        cmocka_unit_test(trials_end_at_a_gap),
        cmocka_unit_test(files_are_made_again),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
