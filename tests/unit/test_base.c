#include <poll.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/largest.h"
#include "base/memory.h"
#include "base/rng.h"
#include "helper.h"

static void checked_sizes(void **state) {
    size_t out = 7;
    assert_false(xl_mul(SIZE_MAX / 2, 3, &out));
    assert_int_equal(out, 7);
    assert_true(xl_mul(6, 7, &out));
    assert_int_equal(out, 42);
    assert_null(xl_aligned_alloc(SIZE_MAX, 2));
    void *p = xl_aligned_alloc(0, 4);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % XL_CACHE_LINE, 0);
    xl_aligned_free(p);
}

/* What was written stays when an array grows, also where it gets pages of its own, and an array that is too large
 * leaves the one before as it was. */
static void arrays_are_stretched(void **state) {
    size_t room = 0, filled = 0;
    uint32_t *array = NULL;
    for (size_t more = 3; more < 8 * XL_STRETCHED / sizeof *array; more = 2 * more + 1) {
        uint32_t *longer = xl_stretch(array, room * sizeof *array, more * sizeof *array);
        assert_non_null(longer);
        array = longer;
        room = more;
        for (size_t i = 0; i < filled; i++) assert_int_equal(array[i], (uint32_t)(i * 2654435761u));
        for (; filled < room; filled++) array[filled] = (uint32_t)(filled * 2654435761u);
        if (room * sizeof *array < XL_STRETCHED / 4)
            assert_null(xl_stretch(array, room * sizeof *array, SIZE_MAX / 2));
    }
    assert_true(room * sizeof *array > XL_STRETCHED);
    assert_null(xl_stretch(array, room * sizeof *array, SIZE_MAX / 2));
    for (size_t i = 0; i < filled; i++) assert_int_equal(array[i], (uint32_t)(i * 2654435761u));
    xl_stretch_free(array, room * sizeof *array);
    xl_stretch_free(NULL, 0);
}

static void error_is_one_line(void **state) {
    xlstm_error err;
    assert_int_equal(xl_fail(&err, XLSTM_EARG, "a\nb %d", 3), XLSTM_EARG);
    assert_string_equal(err.text, "a?b 3");
    assert_string_equal(xlstm_status_name(err.status), "EARG");
    for (int status = 0; status > -100; status--) { /* every status has a name and a text, and so has none at all */
        assert_true(*xlstm_status_name(status) != 0);
        assert_true(*xlstm_status_text(status) != 0);
    }
    assert_int_equal(xl_fail(NULL, XLSTM_EIO, "x"), XLSTM_EIO);
}

static void nearest_name(void **state) {
    const char *names[] = {"chunk_size", "heads_per_band", "workers"};
    assert_int_equal(xl_nearest_name("chunk-sise", names, 3), 0);
    assert_int_equal(xl_nearest_name("worker", names, 3), 2);
    assert_int_equal(xl_nearest_name("zzzzzz", names, 3), -1);
    /* The beginning of one name alone is that name, however much is left out. */
    const char *begun[] = {"agent", "generate", "save-outputs", "study", "stop", "convert"};
    assert_int_equal(xl_nearest_name("gen", begun, 6), 1);
    assert_int_equal(xl_nearest_name("SAVE_OUT", begun, 6), 2);
    assert_int_equal(xl_continued_name("sto", begun, 6), 4);
    assert_int_equal(xl_continued_name("st", begun, 6), -1);
    assert_int_equal(xl_nearest_name("stu", begun, 6), 3);
    assert_int_equal(xl_nearest_name("stob", begun, 6), 4);
    assert_int_equal(xl_continued_name("con", begun, 6), 5);
    assert_int_equal(xl_continued_name("generated", begun, 6), -1);
    const char *both[] = {"prompt_file", "prompt"};
    assert_int_equal(xl_continued_name("prompt", both, 2), -1);
    assert_int_equal(xl_nearest_name("promp", both, 2), 1);
}

static void random_stream(void **state) {
    xl_rng a, b;
    xl_rng_seed(&a, 1);
    xl_rng_seed(&b, 1);
    double sum = 0, square = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t below = xl_rng_below(&a, 10);
        assert_true(below < 10);
        assert_int_equal(below, xl_rng_below(&b, 10));
        double z = xl_rng_normal(&a);
        xl_rng_normal(&b);
        sum += z;
        square += z * z;
    }
    assert_true(sum / 20000 < 0.03 && sum / 20000 > -0.03);
    assert_true(square / 20000 > 0.95 && square / 20000 < 1.05);
}

static void files_are_whole(void **state) {
    char *deep = test_path("a/b");
    assert_int_equal(xl_make_folder(deep, NULL), 0);
    char *path = xl_path_join(deep, "f");
    assert_int_equal(xl_file_write(path, "one\0two", 7, NULL), 0);
    char *data;
    size_t bytes;
    xlstm_error err;
    assert_int_equal(xl_file_read(path, 100, &data, &bytes, &err), 0);
    assert_int_equal(bytes, 7);
    assert_memory_equal(data, "one\0two", 8);
    free(data);
    assert_int_equal(xl_file_read(path, 6, &data, &bytes, &err), XLSTM_EFORMAT);
    assert_int_equal(xl_file_read(deep, 100, &data, &bytes, &err), XLSTM_EIO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(xl_file_read(path, 6, &data, &bytes, &err), XLSTM_ENOTFOUND);
    assert_int_equal(rmdir(deep), 0); /* no temporary is left behind */
    free(path);
    free(deep);
}

/* What a killed process left goes; what a living one writes, and what has another name, stays. */
static void left_files_are_swept(void **state) {
    char *folder = test_path("left"), *target = xl_path_join(folder, "f");
    xl_output *o;
    assert_int_equal(xl_make_folder(folder, NULL), 0);
    assert_int_equal(xl_output_open(&o, target, NULL), 0);
    const pid_t gone = fork();
    if (!gone) _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    const struct {
        long pid;
        const char *rest;
        bool left;
    } files[] = {{gone, "-0.tmp", true},       {gone, "-4711.tmp", true},      {getpid(), "-999999.tmp", true},
                 {getppid(), "-0.tmp", false}, {gone, "-0.tmp.txt", false},    {gone, "-.tmp", false},
                 {gone, ".tmp", false},        {gone, "-0.safetensors", false}};
    char name[8][64];
    for (int i = 0; i < 8; i++) {
        snprintf(name[i], sizeof name[i], "left/xltune-%ld%s", files[i].pid, files[i].rest);
        test_put(name[i], "x");
    }
    test_put("left/xltune--1-0.tmp", "x");
    xl_output_sweep(folder);
    for (int i = 0; i < 8; i++) {
        char *path = test_path(name[i]);
        assert_int_equal(access(path, F_OK) != 0, files[i].left);
        free(path);
    }
    assert_int_equal(access(xl_output_name(o), F_OK), 0);
    assert_int_equal(xl_output_commit(o, NULL), 0);
    assert_int_equal(access(target, F_OK), 0);
    xl_output_sweep(target); /* is no folder */
    free(target);
    free(folder);
}

/* A second process waits for the folder's lock until the first gives it back, and no file is left. */
static void a_folder_is_locked(void **state) {
    int lock, ends[2];
    char *folder = test_path("locked"), byte = 0;
    assert_int_equal(xl_make_folder(folder, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(xl_folder_lock(&lock, folder, NULL), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(lock); /* the parent's, which would be held here too */
        int mine, failed = xl_folder_lock(&mine, folder, NULL);
        failed |= write(ends[1], &byte, 1) != 1;
        xl_folder_unlock(&mine);
        _exit(failed != 0);
    }
    struct pollfd waiting = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 200), 0);
    xl_folder_unlock(&lock);
    assert_int_equal(lock, -1);
    assert_int_equal(poll(&waiting, 1, -1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(rmdir(folder), 0);
    xlstm_error err;
    assert_int_equal(xl_folder_lock(&lock, folder, &err), XLSTM_EIO);
    assert_true(lock == -1 && strstr(err.text, folder));
    free(folder);
}

/* What a process that ends at once was writing is removed; what it had put in place, and what was there before,
 * stays. */
static void outputs_are_dropped(void **state) {
    (void)state;
    xl_output *done, *one, *two;
    char *paths[] = {test_path("dropped-done"), test_path("dropped-one"), test_path("dropped-two")};
    assert_int_equal(xl_file_write(paths[1], "old", 3, NULL), 0);
    assert_int_equal(xl_output_open(&done, paths[0], NULL), 0);
    assert_int_equal(xl_output_open(&one, paths[1], NULL), 0);
    assert_int_equal(xl_output_open(&two, paths[2], NULL), 0);
    assert_int_equal(xl_output_commit(done, NULL), 0);
    char *names[] = {strdup(xl_output_name(one)), strdup(xl_output_name(two))};
    const pid_t child = fork();
    if (!child) { /* they are not the child's */
        xl_output_drop_all();
        _exit(!xl_is_file(names[0]) || !xl_is_file(names[1]));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    xl_output_drop_all();
    for (int i = 0; i < 2; i++) assert_false(xl_is_file(names[i]));
    assert_true(xl_is_file(paths[0]) && xl_is_file(paths[1]));
    assert_false(xl_is_file(paths[2]));
    /* In another order than they were opened, and one whose file is gone. */
    assert_int_equal(xl_output_commit(one, NULL), XLSTM_EIO);
    xl_output_abort(two);
    xl_output_drop_all();
    assert_int_equal(xl_output_open(&one, paths[2], NULL), 0);
    assert_int_equal(xl_output_commit(one, NULL), 0);
    assert_true(xl_is_file(paths[2]));
    for (int i = 0; i < 3; i++) free(paths[i]);
    for (int i = 0; i < 2; i++) free(names[i]);
}

/* Equal bytes are stored once, also after the set has grown many times; a part of them, or the same text without
 * its end, is something else. */
static void bytes_are_stored_once(void **state) {
    enum { TEXTS = 3000 };
    static const char *kept[TEXTS];
    xl_intern set = {0};
    char text[32];
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < TEXTS; i++) {
            snprintf(text, sizeof text, "text %d", i);
            const char *own = xl_intern_text(&set, text);
            assert_string_equal(own, text);
            assert_ptr_not_equal(own, text);
            assert_int_equal((uintptr_t)own % _Alignof(max_align_t), 0);
            if (pass) assert_ptr_equal(own, kept[i]);
            else kept[i] = own;
        }
        assert_int_equal(set.count, TEXTS);
    }
    const char *part = xl_intern_put(&set, "text 1", 6), *more = xl_intern_put(&set, "text 1\0x", 8);
    assert_int_equal(set.count, TEXTS + 2);
    assert_ptr_not_equal(part, kept[1]);
    assert_memory_equal(more, "text 1\0x", 8);
    assert_ptr_equal(xl_intern_put(&set, "text 1", 7), kept[1]);
    const void *nothing = xl_intern_put(&set, NULL, 0);
    assert_non_null(nothing);
    assert_ptr_equal(xl_intern_put(&set, text, 0), nothing);
    xl_intern_clear(&set);
    assert_int_equal(set.count, 0);
    assert_string_equal(xl_intern_text(&set, "again"), "again");
    xl_intern_clear(&set);
}

/* The first of the largest, wherever it stands in the blocks that are looked at together, and beside what is no
 * number. */
static void largest_of_many(void **state) {
    enum { MOST = 200 };
    float x[MOST];
    for (int n = 1; n <= MOST; n++) {
        for (int at = 0; at < n; at++) {
            for (int i = 0; i < n; i++) x[i] = i % 7 == 3 ? NAN : -1.0f - (float)(i * 37 % 101);
            x[at] = 2;
            if (n - at > 5) x[at + 5] = 2;
            assert_int_equal(xl_largest(x, n), at);
        }
    }
    for (int i = 0; i < MOST; i++) x[i] = i % 2 ? NAN : -INFINITY;
    assert_int_equal(xl_largest(x, MOST), 0);
    x[70] = -3;
    x[199] = -2;
    assert_int_equal(xl_largest(x, MOST), 199);
    assert_int_equal(xl_largest(x, MOST - 1), 70);
    assert_int_equal(xl_largest(x, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest_of_many),       cmocka_unit_test(checked_sizes),
        cmocka_unit_test(arrays_are_stretched),  cmocka_unit_test(error_is_one_line),
        cmocka_unit_test(nearest_name),          cmocka_unit_test(random_stream),
        cmocka_unit_test(files_are_whole),       cmocka_unit_test(a_folder_is_locked),
        cmocka_unit_test(left_files_are_swept),  cmocka_unit_test(outputs_are_dropped),
        cmocka_unit_test(bytes_are_stored_once),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
