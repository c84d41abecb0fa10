#include "base/system.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>

#include "base/cgroup.h"
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <sys/sysctl.h>
#endif

#ifdef __linux__

/* Value of "name: N kB" in /proc/meminfo, in bytes; 0 where there is none. */
static uint64_t meminfo(const char *name) {
    FILE *file = fopen("/proc/meminfo", "r");
    if (!file) return 0;
    char line[256];
    unsigned long long kib = 0;
    size_t n = strlen(name);
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, name, n) && line[n] == ':' && sscanf(line + n + 1, "%llu", &kib) == 1) break;
    }
    fclose(file);
    return (uint64_t)kib * 1024;
}

static uint64_t number_in(const char *folder, const char *name) {
    char path[512];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return 0;
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    unsigned long long value = 0;
    if (fscanf(file, "%llu", &value) != 1) value = 0;
    fclose(file);
    return (uint64_t)value;
}

uint64_t xl_memory_total(void) {
    const uint64_t total = meminfo("MemTotal");
    xl_group_limits limits;
    xl_group_limits_read("", &limits);
    return limits.memory < total ? limits.memory : total;
}

uint64_t xl_memory_available(void) {
    const uint64_t available = meminfo("MemAvailable");
    xl_group_limits limits;
    xl_group_limits_read("", &limits);
    return limits.memory_left < available ? limits.memory_left : available;
}

uint64_t xl_memory_resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    unsigned long long size = 0, resident = 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool xl_huge_pages_offered(void) {
#ifdef PR_GET_THP_DISABLE
    if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1) return false;
#endif
    char line[64];
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (!file) return false;
    const bool read = fgets(line, sizeof line, file);
    fclose(file);
    return read && (strstr(line, "[always]") || strstr(line, "[madvise]"));
}

#elif defined(__APPLE__)

uint64_t xl_memory_total(void) {
    uint64_t bytes = 0;
    size_t size = sizeof bytes;
    return sysctlbyname("hw.memsize", &bytes, &size, NULL, 0) ? 0 : bytes;
}

uint64_t xl_memory_available(void) {
    vm_statistics64_data_t vm;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&vm, &count)) return 0;
    uint64_t pages = (uint64_t)vm.free_count + vm.inactive_count + vm.purgeable_count;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t xl_memory_resident(void) {
    mach_task_basic_info_data_t task;
    mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
    if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&task, &count)) return 0;
    return task.resident_size;
}

#else

uint64_t xl_memory_total(void) {
    return 0;
}
uint64_t xl_memory_available(void) {
    return 0;
}
uint64_t xl_memory_resident(void) {
    return 0;
}

#endif

#ifndef __linux__
bool xl_huge_pages_offered(void) {
    return false;
}
#endif

uint64_t xl_cache_bytes(void) {
#if defined(__APPLE__)
    static const char *const names[] = {"hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize"};
    for (int i = 0; i < 3; i++) {
        uint64_t bytes = 0;
        size_t size = sizeof bytes;
        if (!sysctlbyname(names[i], &bytes, &size, NULL, 0) && bytes) return bytes;
    }
#elif defined(__linux__)
    /* Not sysconf: glibc adds up the caches of a whole package on some processors. */
    for (int level = 3; level > 0; level--) {
        char folder[64];
        snprintf(folder, sizeof folder, "/sys/devices/system/cpu/cpu0/cache/index%d", level);
        uint64_t kib = number_in(folder, "size");
        if (kib) return kib * 1024;
    }
#endif
    return 0;
}

bool xl_program_path(char *path, size_t bytes) {
#if defined(__APPLE__)
    uint32_t room = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    return !_NSGetExecutablePath(path, &room);
#else
    const ssize_t n = readlink("/proc/self/exe", path, bytes);
    if (n < 0 || (size_t)n >= bytes) return false;
    path[n] = 0;
    return true;
#endif
}
