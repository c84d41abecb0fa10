/* Runs that leave a study as JSON and come into another: long lists, rows one at a time, and what is refused. */
#include "base/error.h"
#include "study_rows.h"
#include "tuner/study/study_impl.h"

/* The JSON text of a run, owned by the caller. */
static char *exported(tune_study *s, int64_t run) {
    char *path = test_path("exported.json");
    xlstm_error err;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    must(tune_study_export(s, run, out, &err), &err);
    assert_int_equal(fclose(out), 0);
    free(path);
    return test_read(test_folder, "exported.json");
}

static size_t line_of(const char *text, const char *part) {
    const char *end = strstr(text, part);
    size_t line = 1;
    assert_non_null(end);
    for (; text < end; text++) line += *text == '\n';
    return line;
}

/* Exports a run of many trials and samples. */
static void many_rows(const char *path, size_t count, char **text) {
    tune_study *s;
    xlstm_error err;
    tune_run_row run = sample_run("many");
    tune_sample_row *samples = calloc(count, sizeof *samples);
    must(tune_study_open(&s, path, true, &err), &err);
    must(tune_study_run_add(s, &run, &err), &err);
    for (size_t i = 0; i < count; i++) {
        tune_trial_row t = sample_trial((int)i, 1);
        must(tune_study_trial_add(s, run.id, &t, NULL, 0, &err), &err);
        samples[i] =
            (tune_sample_row){.trial = (int64_t)i, .stage = "search", .seq = (int64_t)i, .at = 1, .value = 2};
    }
    must(tune_study_samples_add(s, run.id, samples, count, &err), &err);
    must(tune_study_event_add(s, run.id, "note", "a \"[text]\\", &err), &err);
    *text = exported(s, run.id);
    must(tune_study_run_remove(s, run.id, &err), &err);
    free(samples);
    tune_study_close(s);
}

/* A copy of a text in which one part is put in the place of another. */
static char *with(const char *text, const char *old, const char *put) {
    const char *at = strstr(text, old);
    char *out = malloc(strlen(text) + strlen(put) + 1);
    if (!at) fail_msg("no '%s' in %s", old, text);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, put, at + strlen(old));
    return out;
}

static void refuse(tune_study *s, const char *text, int wanted, const char *said) {
    xlstm_error err;
    tune_run_row none;
    tune_import file = {"many.json", text, strlen(text), 0};
    assert_int_equal(tune_study_import(s, &file, 1, &err), wanted);
    if (!strstr(err.text, said)) fail_msg("found '%s', wanted '%s'", err.text, said);
    assert_int_equal(tune_study_run_find(s, "many", &none, &err), XLSTM_ENOTFOUND);
}

/* Lists that are longer than what is read and stored at a time. */
static void long_lists(void **state) {
    enum { MANY = 150 };
    char *path = place("many.sqlite"), *text = NULL, *again, said[100];
    tune_study *s;
    xlstm_error err;
    many_rows(path, MANY, &text);
    must(tune_study_open(&s, path, false, &err), &err);

    /* The last trial comes twice; a mistake among the last samples; one in an event; a comma too few. */
    char *twice = with(text, "\"trial\": 149,\n   \"params\"", "\"trial\": 3,\n   \"params\"");
    refuse(s, twice, XLSTM_EARG, "has trial 3 already");
    char *used = with(text, "\"seq\": 149,", "\"seq\": \"149\",");
    snprintf(said, sizeof said, "many.json: line %zu: samples[149].seq: found another type, wanted an integer",
             line_of(used, "\"seq\": \"149\"") - 5);
    refuse(s, used, XLSTM_EFORMAT, said);
    char *event = with(text, "\"kind\": \"note\"", "\"kind\": null");
    refuse(s, event, XLSTM_EFORMAT, "events[0].kind: found another type, wanted text");
    char *comma = with(text, "  },\n  {\n   \"trial\": 100,", "  }\n  {\n   \"trial\": 100,");
    snprintf(said, sizeof said, "many.json: line %zu, column 3: ']' expected",
             line_of(comma, "  {\n   \"trial\": 100,"));
    refuse(s, comma, XLSTM_EFORMAT, said);
    char *bracket = with(text, "\"told\": null", "\"told\": ]");
    snprintf(said, sizeof said, "many.json: line %zu, ", line_of(bracket, "\"told\": ]"));
    refuse(s, bracket, XLSTM_EFORMAT, said);
    char *lists = with(text, "\"samples\": [", "\"trials\": [");
    refuse(s, lists, XLSTM_EFORMAT, "duplicate object key");

    /* The members may come in any order, and others are passed over. */
    char *run = strstr(text, " \"run\": {"), *trials = strstr(text, " \"trials\": ["),
         *turned = malloc(strlen(text) + 100);
    assert_true(run && trials && run < trials);
    const size_t end = strlen(trials) - strlen("\n}");
    sprintf(turned, "{%.*s,\n \"more\": [{\"a\": [1, null]}],\n%.*s \"format\": \"xltune-run\", \"version\": 2}",
            (int)end, trials, (int)(trials - run), run);
    tune_import file = {"turned.json", turned, strlen(turned), 0};
    must(tune_study_import(s, &file, 1, &err), &err);
    again = exported(s, file.run);
    assert_string_equal(text, again);
    tune_study_close(s);
    char *const all[] = {path, text, again, twice, used, event, comma, bracket, lists, turned};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* What a test sees of rows that are read one at a time. */
typedef struct seen {
    size_t rows, most;
    tune_trial_row kept;
} seen;

static int see(seen *s, xlstm_error *err) {
    return ++s->rows == s->most ? xl_fail(err, XLSTM_EARG, "enough") : XLSTM_OK;
}

static int see_trial(void *ctx, tune_trial_row *row, xlstm_error *err) {
    seen *s = ctx;
    assert_int_equal(row->index, s->rows);
    if (row->index == 3) {
        s->kept = *row;
        *row = (tune_trial_row){0};
    }
    return see(s, err);
}

static int see_sample(void *ctx, const tune_sample_row *row, xlstm_error *err) {
    assert_int_equal(row->seq, ((seen *)ctx)->rows);
    return see(ctx, err);
}

static int see_event(void *ctx, tune_event_row *row, xlstm_error *err) {
    assert_string_equal(row->kind, "note");
    return see(ctx, err);
}

/* Reading ends where a visit fails, and the study can be used on. A row may be kept. A merge carries rows of all
 * kinds, more than it stores at a time, or none. */
static void one_row_at_a_time(void **state) {
    enum { MANY = 150 };
    char *path = place("rows.sqlite"), *other = place("other.sqlite"), *text = NULL;
    tune_study *s, *to;
    tune_run_row run;
    xlstm_error err;
    size_t added;
    many_rows(path, MANY, &text);
    tune_import file = {"many.json", text, strlen(text), 0};
    must(tune_study_open(&s, path, false, &err), &err);
    must(tune_study_import(s, &file, 1, &err), &err);

    seen trials = {.most = 5}, samples = {.most = 140}, events = {.most = 1};
    assert_int_equal(tune_study_trials_each(s, file.run, see_trial, &trials, &err), XLSTM_EARG);
    assert_int_equal(tune_study_samples_each(s, file.run, see_sample, &samples, &err), XLSTM_EARG);
    assert_int_equal(tune_study_events_each(s, file.run, see_event, &events, &err), XLSTM_EARG);
    assert_string_equal(err.text, "enough");
    assert_true(trials.rows == 5 && samples.rows == 140 && events.rows == 1);
    assert_true(trials.kept.index == 3 && trials.kept.key && trials.kept.params.count);
    tune_trial_row_clear(&trials.kept);
    samples = (seen){0};
    must(tune_study_samples_each(s, file.run, see_sample, &samples, &err), &err);
    assert_int_equal(samples.rows, MANY);

    must(tune_study_open(&to, other, true, &err), &err);
    must(tune_study_merge(to, path, &added, &err), &err);
    assert_int_equal(added, 1);
    must(tune_study_run_find(to, "many", &run, &err), &err);
    char *again = exported(to, run.id);
    assert_string_equal(text, again);
    tune_run_row_clear(&run);
    tune_study_close(to);

    /* A reader that cannot take it all is told, and an empty list is one. */
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(tune_study_export(s, file.run, full, &err), XLSTM_EIO);
        assert_true(ferror(full));
        assert_non_null(strstr(err.text, "cannot write"));
        fclose(full);
    }
    run = sample_run("empty");
    must(tune_study_run_add(s, &run, &err), &err);
    char *empty = exported(s, run.id);
    assert_non_null(strstr(empty, " \"trials\": [],\n \"samples\": [],\n \"events\": []\n}"));
    tune_study_close(s);
    char *const all[] = {path, other, text, again, empty};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* A list that is missing and a member of the run that has another name are found before anything is stored, whether
 * the lists themselves are read then or not. */
static void refuses_members(char *text) {
    static const char *const member[][2] = {{"\n \"trials\":", "run file.trials: wanted an array"},
                                            {"\n \"samples\":", "run file.samples: wanted an array"},
                                            {"\n \"events\":", "run file.events: wanted an array"},
                                            {"\"objective\":", "objective"}};
    for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
        char *at = strstr(text, member[i][0]);
        assert_non_null(at);
        at = strchr(at, '"') + 1;
        const char first = *at;
        *at = 'X';
        for (int lists = 0; lists < 2; lists++) {
            xlstm_error err;
            tune_imports *read;
            tune_import file = {"one.json", text, strlen(text), 0};
            assert_int_equal(tune_imports_read(&read, &file, 1, lists, &err), XLSTM_EFORMAT);
            if (!strstr(err.text, member[i][1])) fail_msg("%s", err.text);
            tune_imports_free(read);
        }
        *at = first;
    }
    for (int lists = 0; lists < 2; lists++) {
        xlstm_error err;
        tune_imports *read;
        tune_import file = {"one.json", text, strlen(text), 0};
        must(tune_imports_read(&read, &file, 1, lists, &err), &err);
        tune_imports_free(read);
    }
}

static void exchange(void **state) {
    char *a = place("a.sqlite"), *b = place("b.sqlite");
    fill(a, "ra", "m1");
    fill(b, "rb", "m2");
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, a, false, &err), &err);
    size_t added;
    must(tune_study_merge(s, b, &added, &err), &err);
    assert_int_equal(added, 1);
    must(tune_study_merge(s, b, &added, &err), &err);
    assert_int_equal(added, 0);

    tune_run_row found;
    must(tune_study_run_find(s, "rb", &found, &err), &err);
    must(tune_study_run_update(s, found.id, TUNE_RUN_FINISHED, NULL, NULL, "{\"x\":1}", &err), &err);
    tune_run_row_clear(&found);
    must(tune_study_run_find(s, "rb", &found, &err), &err);
    assert_string_equal(found.machine, "m2");
    assert_int_equal(found.trials, 5);
    char *one = exported(s, found.id);
    tune_import file[2] = {{"one.json", one, strlen(one), 0}, {"one.json", one, strlen(one), 0}};
    assert_int_equal(tune_study_import(s, file, 1, &err), XLSTM_EARG);
    must(tune_study_run_remove(s, found.id, &err), &err);
    /* The same run twice, and a valid file beside an invalid one: nothing is stored in either case. */
    assert_int_equal(tune_study_import(s, file, 2, &err), XLSTM_EARG);
    file[1] = (tune_import){"two.json", "{}", 2, 0};
    assert_int_equal(tune_study_import(s, file, 2, &err), XLSTM_EFORMAT);
    assert_memory_equal(err.text, "two.json: ", 10);
    tune_run_row none;
    assert_int_equal(tune_study_run_find(s, "rb", &none, &err), XLSTM_ENOTFOUND);
    must(tune_study_import(s, file, 1, &err), &err);
    char *two = exported(s, file[0].run);
    tune_trial_row *trials;
    size_t count;
    must(tune_study_trials(s, file[0].run, &trials, &count, &err), &err);
    assert_int_equal(count, 5);
    assert_int_equal(trials[3].params.count, 1);
    assert_true(tune_named_find(&trials[3].params, "chunk_size")->number == 64);
    assert_int_equal(trials[3].point, TUNE_NO_POINT);
    assert_int_equal(trials[3].told.count, 3);
    assert_true(trials[3].told.value[0] == 0.1 && isnan(trials[3].told.value[1]) && trials[3].told.value[2] == 0.5);
    assert_true(trials[3].joined && !trials[2].joined);
    assert_int_equal(trials[3].ratios.count, 2);
    assert_true(trials[3].ratios.value[1] == 0.25);
    tune_trial_rows_free(trials, count);
    assert_string_equal(one, two);
    tune_run_row again;
    must(tune_study_run_find(s, "rb", &again, &err), &err);
    assert_true(again.created == 1000 && again.finished == found.finished && again.finished > 1000);
    assert_string_equal(again.state, TUNE_RUN_FINISHED);
    assert_string_equal(again.folder, found.folder);
    assert_string_equal(again.mode, "random");
    assert_string_equal(again.meta, "{\"new\":64}");
    assert_string_equal(again.space, "{\"chunk_size\":[16,32]}");
    assert_string_equal(again.result, "{\"x\":1}");
    assert_true(again.seed == 1337 && again.metrics.count == tune_engine_metrics.count);
    tune_run_row_clear(&again);
    tune_run_row_clear(&found);
    tune_event_row *events;
    must(tune_study_events(s, file[0].run, &events, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_true(events[0].at > 1e9 && events[0].at < 1e11);
    assert_string_equal(events[0].kind, "start");
    assert_string_equal(events[0].text, "began");
    tune_event_rows_free(events, count);

    /* With one invalid member anywhere, nothing is stored. */
    must(tune_study_run_remove(s, file[0].run, &err), &err);
    char *seconds = strstr(one, "\"status\": \"failed\"");
    assert_non_null(seconds);
    memcpy(seconds, "\"status\": \"faileD\"", 18);
    assert_int_equal(tune_study_import(s, file, 1, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "trials[4].status"));
    assert_int_equal(tune_study_run_find(s, "rb", &found, &err), XLSTM_ENOTFOUND);
    memcpy(seconds, "\"status\": \"failed\"", 18);
    char *joined = strstr(one, "\"joined\"");
    assert_non_null(joined);
    memcpy(joined, "\"joineD\"", 8);
    assert_int_equal(tune_study_import(s, file, 1, &err), XLSTM_EFORMAT);
    char named[80];
    snprintf(named, sizeof named, "one.json: line %zu: trials[3].told: element 3 is not a number, wanted",
             line_of(one, "\"trial\": 3,") - 1);
    assert_non_null(strstr(err.text, named));
    for (size_t cut = 0; cut < strlen(one); cut += 97) {
        file[0].bytes = cut;
        assert_int_equal(tune_study_import(s, file, 1, &err), XLSTM_EFORMAT);
    }
    memcpy(joined, "\"joined\"", 8);
    refuses_members(one);
    free(one);
    free(two);
    tune_study_close(s);
    free(a);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(one_row_at_a_time),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
