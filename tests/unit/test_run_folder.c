/* Making run folders: a name is taken by mkdir, and what a killed process left is removed. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "helper.h"
#include "tuner/run/run.h"
#include "tuner/run/run_folder.h"
#include "tuner/target/engine_metrics.h"

#define NAME "ray_20260102_030405"

static void touch(const char *folder, const char *name) {
    char *path = xl_format("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    free(path);
}

static bool exists(const char *name) {
    char *path = test_path(name);
    bool there = xl_is_folder(path);
    free(path);
    return there;
}

static bool is_file(const char *name) {
    char *path = test_path(name);
    bool there = xl_is_file(path);
    free(path);
    return there;
}

static char *dead_start(const char *name) {
    char *path = test_path(name);
    assert_int_equal(mkdir(path, 0777), 0);
    touch(path, "study.sqlite");
    touch(path, "study.sqlite-wal");
    touch(path, "run_meta.json.tmp17");
    return path;
}

/* Where the folder cannot be locked it is not left behind. */
static void test_no_descriptors(void **state) {
    struct rlimit was, none;
    char *folder = NULL;
    int lock = -1;
    xlstm_error err;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int status = tune_run_folder_make(test_folder, NAME "_none", &folder, &lock, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(status, XLSTM_EIO);
    assert_non_null(strstr(err.text, NAME "_none"));
    assert_false(exists(NAME "_none"));
    /* With descriptors the same name is free. */
    assert_int_equal(tune_run_folder_make(test_folder, NAME "_none", &folder, &lock, &err), XLSTM_OK);
    assert_true(exists(NAME "_none"));
    assert_non_null(strstr(folder, NAME "_none"));
    close(lock);
    tune_run_folder_discard(folder);
    free(folder);
}

/* Processes that start at the same time with one name each get a folder of their own. */
static void test_at_once(void **state) {
    enum { PROCESSES = 8 };
    pid_t child[PROCESSES];
    int go[2];
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        if (child[i]) continue;
        char byte, *folder = NULL;
        int lock = -1;
        xlstm_error err;
        close(go[1]);
        if (read(go[0], &byte, 1) < 0) _exit(3);
        tune_run_folder_sweep(test_folder);
        if (tune_run_folder_make(test_folder, NAME "_at", &folder, &lock, &err)) _exit(1);
        char *meta = xl_path_join(folder, TUNE_RUN_META);
        int fd = open(meta, O_WRONLY | O_CREAT | O_EXCL, 0666);
        _exit(fd < 0 ? 2 : 0);
    }
    close(go[0]);
    close(go[1]);
    int folders = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        waitpid(child[i], &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    for (int n = 1; n <= 20 * PROCESSES; n++) {
        char name[64];
        snprintf(name, sizeof name, n == 1 ? NAME "_at/" TUNE_RUN_META : NAME "_at_%d/" TUNE_RUN_META, n);
        folders += is_file(name);
    }
    assert_int_equal(folders, PROCESSES);
}

static void test_sweep(void **state) {
    char *dead = dead_start(NAME "_dead"), *run = dead_start(NAME "_run"), *kept = dead_start(NAME "_notes");
    char *other = dead_start("notes"), *alive = NULL;
    int lock;
    xlstm_error err;
    touch(run, TUNE_RUN_META);
    touch(kept, "notes.txt");
    assert_int_equal(tune_run_folder_make(test_folder, NAME "_alive", &alive, &lock, &err), 0);
    tune_run_folder_sweep(test_folder);
    assert_false(exists(NAME "_dead"));
    assert_true(exists(NAME "_run"));
    assert_true(exists(NAME "_notes"));
    assert_true(exists("notes"));
    assert_true(exists(NAME "_alive"));
    close(lock);
    tune_run_folder_sweep(test_folder);
    assert_false(exists(NAME "_alive"));
    free(dead);
    free(run);
    free(kept);
    free(other);
    free(alive);
}

static int entries(const char *folder) {
    char command[160];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *f = popen(command, "r");
    int n = -1;
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

/* A run that cannot start leaves neither a folder nor a row in the study that it shares. */
static void test_failed_start(void **state) {
    char empty[] = "{}", name[] = "ray", meta[] = "{}";
    char *logs = test_path("logs"), *bad = test_path("no/such/place.sqlite");
    xlstm_error err;
    tune_run *k = NULL;
    tune_run_row row = {.backend = name,
                        .mode = name,
                        .objective = name,
                        .machine = name,
                        .machine_info = empty,
                        .target = name,
                        .version = name,
                        .meta = meta,
                        .space = empty,
                        .metrics = tune_engine_metrics};
    assert_int_not_equal(tune_run_create(&k, logs, "x", bad, &row, &err), 0);
    assert_int_equal(entries(logs), 0);
    assert_int_equal(tune_run_create(&k, logs, "x", NULL, &row, &err), 0);
    assert_int_equal(entries(logs), 1);
    char *file = xl_path_join(tune_run_folder(k), TUNE_RUN_META);
    assert_true(xl_is_file(file));
    tune_run_close(k, TUNE_RUN_FINISHED);
    free(file);
    free(logs);
    free(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_failed_start),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
