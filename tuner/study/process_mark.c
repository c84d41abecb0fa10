#include "tuner/study/process_mark.h"

#ifdef __linux__
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { START = 22 }; /* which field of /proc/PID/stat it is, from 1 */

/* Reads the start of a file, without the line's end. */
static bool read_text(const char *path, char *text, size_t bytes) {
    FILE *f = fopen(path, "r");
    const size_t n = f ? fread(text, 1, bytes - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return n > 0;
}

/* Where the machine and the numbers of its processes are the same: two texts. */
static bool read_place(char boot[64], char space[64]) {
    const ssize_t n = readlink("/proc/self/ns/pid", space, 63);
    if (n <= 0) return false;
    space[n] = 0;
    return read_text("/proc/sys/kernel/random/boot_id", boot, 64);
}

/* Reads the number, the state and the start of a process, in ticks of the clock since the boot. `folder`: "self" or
 * its number. Its first thread says the same as the process; an emulator of processors puts a file of its own, with
 * a start of its own, in the place of that of the process. */
static bool read_stat(const char *folder, long long pid, long long *number, char *state, long long *start) {
    char path[96], text[1024];
    snprintf(path, sizeof path, "/proc/%s/task/%lld/stat", folder, pid);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld", number) != 1) return false;
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    if (!at || sscanf(at, ") %c", state) != 1) return false;
    for (int field = 2; at && field < START; field++) at = strchr(at + 1, ' ');
    return at && sscanf(at, "%lld", start) == 1;
}

/* Whether /proc shows processes by the numbers that this process knows them by; it may be that of another space. */
static bool read_self(long long *start) {
    long long number;
    char state;
    return read_stat("self", (long long)getpid(), &number, &state, start) && number == (long long)getpid();
}

json_t *tune_process_mark(void) {
    char boot[64], space[64];
    long long start;
    if (!read_place(boot, space) || !read_self(&start)) return NULL;
    return json_pack("{s:s, s:s, s:I, s:I}", "boot", boot, "space", space, "pid", (json_int_t)getpid(), "start",
                     (json_int_t)start);
}

bool tune_process_is_gone(const json_t *mark) {
    char boot[64], space[64], name[32], state;
    const char *its_boot = json_string_value(json_object_get(mark, "boot"));
    const char *its_space = json_string_value(json_object_get(mark, "space"));
    const long long pid = json_integer_value(json_object_get(mark, "pid"));
    const long long began = json_integer_value(json_object_get(mark, "start"));
    long long start, number;
    if (!its_boot || !its_space || pid < 1 || pid > INT_MAX || began < 1) return false;
    if (!read_place(boot, space) || strcmp(boot, its_boot) != 0 || strcmp(space, its_space) != 0) return false;
    /* Signal 0 only asks, and tells of processes that /proc may hide from this user. */
    if (kill((pid_t)pid, 0) && errno == ESRCH) return true;
    snprintf(name, sizeof name, "%lld", pid);
    if (!read_self(&start) || !read_stat(name, pid, &number, &state, &start) || number != pid) return false;
    return start != began || state == 'Z' || state == 'X';
}
#else
json_t *tune_process_mark(void) {
    return NULL;
}

bool tune_process_is_gone(const json_t *mark) {
    (void)mark;
    return false;
}
#endif
