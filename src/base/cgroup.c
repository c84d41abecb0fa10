#include "base/cgroup.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 1024 };

/* Opens folder/name; NULL where there is none. */
static FILE *open_in(const char *folder, const char *name) {
    char path[PATH_BYTES];
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path ? fopen(path, "r") : NULL;
}

/* The number in a file; `otherwise` where there is none, as in "max" or -1. */
static uint64_t number_in(const char *folder, const char *name, uint64_t otherwise) {
    FILE *file = open_in(folder, name);
    if (!file) return otherwise;
    long long value = -1;
    if (fscanf(file, "%lld", &value) != 1 || value < 0) value = -1;
    fclose(file);
    return value < 0 ? otherwise : (uint64_t)value;
}

/* The sum of the values of both keys in the group's memory.stat. */
static uint64_t page_cache(const char *folder, const char *inactive, const char *active) {
    FILE *file = open_in(folder, "memory.stat");
    if (!file) return 0;
    char key[64];
    unsigned long long value = 0, sum = 0;
    while (fscanf(file, "%63s %llu", key, &value) == 2)
        if (!strcmp(key, inactive) || !strcmp(key, active)) sum += value;
    fclose(file);
    return (uint64_t)sum;
}

static void limit_memory(xl_group_limits *out, uint64_t max, uint64_t used, uint64_t cache) {
    used = used > cache ? used - cache : 0;
    const uint64_t left = max > used ? max - used : 0;
    if (max < out->memory) out->memory = max;
    if (left < out->memory_left) out->memory_left = left;
}

static void limit_cpus(xl_group_limits *out, double quota, double period) {
    if (quota > 0 && period > 0 && quota / period < out->cpus) out->cpus = quota / period;
}

static void read_version2(const char *folder, xl_group_limits *out) {
    const uint64_t max = number_in(folder, "memory.max", UINT64_MAX);
    if (max != UINT64_MAX)
        limit_memory(out, max, number_in(folder, "memory.current", 0),
                     page_cache(folder, "inactive_file", "active_file"));
    FILE *file = open_in(folder, "cpu.max");
    if (!file) return;
    double quota, period;
    if (fscanf(file, "%lf %lf", &quota, &period) == 2) limit_cpus(out, quota, period);
    fclose(file);
}

static void read_version1_cpu(const char *folder, xl_group_limits *out) {
    limit_cpus(out, (double)number_in(folder, "cpu.cfs_quota_us", 0),
               (double)number_in(folder, "cpu.cfs_period_us", 0));
}

static void read_version1_memory(const char *folder, xl_group_limits *out) {
    /* No limit is spelled as the largest whole number of pages. */
    const uint64_t max = number_in(folder, "memory.limit_in_bytes", UINT64_MAX);
    if (max < (uint64_t)INT64_MAX / 2)
        limit_memory(out, max, number_in(folder, "memory.usage_in_bytes", 0),
                     page_cache(folder, "total_inactive_file", "total_active_file"));
}

/* Reads the group `path` below `mount`, and each above it up to `mount` itself. In a container the path may be that
 * of the host and lead nowhere; then what lies at the mount is the process's own. */
static void read_upward(const char *root, const char *mount, const char *path,
                        void (*read)(const char *folder, xl_group_limits *out), xl_group_limits *out) {
    char folder[PATH_BYTES];
    const int base = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s", root, mount);
    if (base < 0 || base >= (int)sizeof folder) return;
    if (snprintf(folder + base, sizeof folder - (size_t)base, "%s", path) >= (int)sizeof folder - base)
        folder[base] = 0;
    for (;;) {
        read(folder, out);
        char *slash = strrchr(folder + base, '/');
        if (!slash) return;
        *slash = 0;
    }
}

/* Whether `name` is in a list with commas. */
static bool lists(const char *list, const char *name) {
    const size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, name, n) && (at[n] == ',' || !at[n])) return true;
    }
    return false;
}

/* "NUMBER:CONTROLLERS:PATH"; version 2 has no controllers here. */
static void read_line(const char *root, char *line, xl_group_limits *out) {
    char mount[128];
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) return;
    *controllers++ = *path++ = 0;
    if (!*controllers) {
        read_upward(root, "", path, read_version2, out);
        read_upward(root, "/unified", path, read_version2, out); /* where both versions are mounted */
        return;
    }
    if (snprintf(mount, sizeof mount, "/%s", controllers) >= (int)sizeof mount) return;
    if (lists(controllers, "memory")) read_upward(root, mount, path, read_version1_memory, out);
    if (!lists(controllers, "cpu")) return;
    read_upward(root, mount, path, read_version1_cpu, out);
    if (strcmp(mount, "/cpu") != 0) read_upward(root, "/cpu", path, read_version1_cpu, out);
}

void xl_group_limits_read(const char *root, xl_group_limits *out) {
    *out = (xl_group_limits){.cpus = INFINITY, .memory = UINT64_MAX, .memory_left = UINT64_MAX};
    char name[PATH_BYTES], line[PATH_BYTES];
    if (snprintf(name, sizeof name, "%s/proc/self/cgroup", root) >= (int)sizeof name) return;
    FILE *file = fopen(name, "r");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        read_line(root, line, out);
    }
    fclose(file);
}
