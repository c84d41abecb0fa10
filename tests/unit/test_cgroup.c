/* Limits of control groups and the cores of a machine, read from trees of files as Linux shows them. */
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/cpu.h"
#include "helper.h"

static char root[] = "/tmp/xltune-cgroup.XXXXXX";

static int make_root(void **state) {
    snprintf(root, sizeof root, "/tmp/xltune-cgroup.XXXXXX");
    return mkdtemp(root) ? 0 : 1;
}

static int remove_root(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

/* Writes a file below the root, and the folders that it needs. */
static void put(const char *path, const char *text) {
    char name[512];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = strchr(name + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static xl_group_limits limits(void) {
    xl_group_limits out;
    xl_group_limits_read(root, &out);
    return out;
}

static void nothing_is_no_limit(void **state) {
    assert_true(isinf(limits().cpus));
    assert_true(limits().memory == UINT64_MAX);
    put("/proc/self/cgroup", "0::/\n");
    assert_true(isinf(limits().cpus));
    assert_true(limits().memory_left == UINT64_MAX);
}

static void version_2_takes_the_lowest_on_the_way_up(void **state) {
    put("/proc/self/cgroup", "0::/user.slice/job\n");
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
    assert_true(isinf(limits().cpus));
    put("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
    assert_true(limits().cpus == 2.5);
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "150000 100000\n");
    assert_true(limits().cpus == 1.5);
    put("/sys/fs/cgroup/user.slice/job/memory.max", "max\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "1000000\n");
    put("/sys/fs/cgroup/user.slice/memory.current", "700000\n");
    put("/sys/fs/cgroup/user.slice/memory.stat", "anon 600000\ninactive_file 80000\nactive_file 20000\n");
    assert_int_equal(limits().memory, 1000000);
    assert_int_equal(limits().memory_left, 400000);
}

static void version_1_has_a_tree_for_each_controller(void **state) {
    put("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/box\n3:cpuset:/other\n2:cpu,cpuacct:/box\n0::/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(isinf(limits().cpus));
    assert_true(limits().memory == UINT64_MAX);
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "300000\n");
    assert_true(limits().cpus == 3);
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000\n");
    put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "6000\n");
    put("/sys/fs/cgroup/memory/box/memory.stat", "cache 9\ntotal_inactive_file 2000\n");
    assert_int_equal(limits().memory, 5000);
    assert_int_equal(limits().memory_left, 1000);
}

/* The tree is mounted from the process's own group on, but the path is the host's. */
static void a_container_sees_its_limit_at_the_mount(void **state) {
    put("/proc/self/cgroup", "5:cpuacct,cpu:/docker/0123\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_true(limits().cpus == 0.5);
}

static void nonsense_is_no_limit(void **state) {
    put("/proc/self/cgroup", "\n0:\n::\n0::/a\n2:cpu:/a\n4:memory:relative\n");
    put("/sys/fs/cgroup/a/cpu.max", "many few\n");
    put("/sys/fs/cgroup/a/memory.max", "-3\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "0\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
    assert_true(isinf(limits().cpus));
    assert_true(limits().memory == UINT64_MAX);
}

static bool all(const void *ctx, int cpu) {
    return true;
}

static bool but_one(const void *ctx, int cpu) {
    return cpu != *(const int *)ctx;
}

static void hardware_threads_of_a_core_count_once(void **state) {
    assert_int_equal(xl_cpu_cores(root, all, NULL, 4), 4); /* nothing is known */
    put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
    put("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
    put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3\n");
    put("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3\n");
    put("/sys/devices/system/cpu/cpu4/topology/thread_siblings_list", "4-5\n");
    put("/sys/devices/system/cpu/cpu5/topology/thread_siblings_list", "4-5\n");
    assert_int_equal(xl_cpu_cores(root, all, NULL, 6), 3);
    const int first = 0, last = 5;
    assert_int_equal(xl_cpu_cores(root, but_one, &first, 6), 3); /* its other thread stands for the core */
    assert_int_equal(xl_cpu_cores(root, but_one, &last, 6), 3);
}

static void this_machine_has_a_core(void **state) {
    assert_in_range(xl_cpu_useful(), 1, xl_cpu_count());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_no_limit, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_2_takes_the_lowest_on_the_way_up, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1_has_a_tree_for_each_controller, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_container_sees_its_limit_at_the_mount, make_root, remove_root),
        cmocka_unit_test_setup_teardown(nonsense_is_no_limit, make_root, remove_root),
        cmocka_unit_test_setup_teardown(hardware_threads_of_a_core_count_once, make_root, remove_root),
        cmocka_unit_test(this_machine_has_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
