/* What many tests need: cmocka with its headers, a folder for the program's files, and the comparison of
 * arrays. */
#ifndef TESTS_HELPER_H
#define TESTS_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

/* A folder for this program, which exists between test_make_folder and test_remove_folder; these are given to
 * cmocka_run_group_tests. It is in memory where the system has such a file system with room for many tests at once
 * (a container's may have 64 MB), because some tests sync thousands of files. */
static char test_folder[64];

static inline bool test_memory_has_room(void) {
    struct statvfs room;
    return !access("/dev/shm", W_OK) && !statvfs("/dev/shm", &room) &&
           (uint64_t)room.f_bavail * room.f_frsize >= (uint64_t)1 << 30;
}

static inline int test_make_folder(void **state) {
    (void)state;
    snprintf(test_folder, sizeof test_folder, "%s/xltune-test-XXXXXX",
             test_memory_has_room() ? "/dev/shm" : "/tmp");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int test_remove_folder(void **state) {
    (void)state;
    char *command = xl_format("rm -rf '%s'", test_folder);
    int status = system(command); /* NOLINT: a folder of our own */
    free(command);
    return status;
}

/* Returns the path of a file in the folder, owned by the caller. */
static inline char *test_path(const char *name) {
    return xl_path_join(test_folder, name);
}

/* Writes a file of these bytes into the folder; folders in `name` are created. */
static inline void test_put_bytes(const char *name, const void *data, size_t bytes) {
    char *path = test_path(name), *parent = xl_path_folder(path);
    assert_int_equal(xl_make_folder(parent, NULL), 0);
    assert_int_equal(xl_file_write(path, data, bytes, NULL), 0);
    free(parent);
    free(path);
}

static inline void test_put(const char *name, const char *text) {
    test_put_bytes(name, text, strlen(text));
}

/* Returns the text of a file, owned by the caller. */
static inline char *test_read(const char *folder, const char *name) {
    char *path = xl_path_join(folder, name), *data;
    size_t bytes;
    xlstm_error err;
    if (xl_file_read(path, 1 << 24, &data, &bytes, &err)) fail_msg("%s", err.text);
    free(path);
    return data;
}

/* Skips the test at hand and says why. */
#define TEST_SKIP(...)                                                                                             \
    do {                                                                                                           \
        print_message("skipped: " __VA_ARGS__);                                                                    \
        print_message("\n");                                                                                       \
        skip();                                                                                                    \
    } while (0)

/* a - b| / |b| over n values, where |b| = 0 counts as 1. */
static inline double test_relative_error(const float *a, const float *b, size_t n) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(difference / (size > 0 ? size : 1));
}

/* How many entries a folder has whose names do not begin with a dot. */
static inline int test_entries(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

#endif
