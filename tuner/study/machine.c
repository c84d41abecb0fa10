#include "tuner/study/machine.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"

/* Every fact counts: without one of them this would be taken for another machine. So *ok is cleared where one
 * cannot be had for want of memory or descriptors, while a fact that the system does not tell is left out. */

/* Stores a value, whose reference it takes. */
static void put(json_t *object, const char *key, json_t *value, int *ok) {
    if (!value || json_object_set_new(object, key, value)) *ok = 0;
}

static void put_text(json_t *object, const char *key, const char *text, int *ok) {
    if (text && *text) put(object, key, json_string(text), ok);
}

#ifdef __linux__
static FILE *open_fact(const char *path, int *ok) {
    FILE *f = fopen(path, "re");
    if (!f && (errno == ENOMEM || errno == EMFILE || errno == ENFILE)) *ok = 0;
    return f;
}

/* Reads the first line of a small system file, without its newline; "" where there is none. */
static void line(const char *path, char *out, size_t size, int *ok) {
    out[0] = 0;
    FILE *f = open_fact(path, ok);
    if (!f) return;
    if (!fgets(out, (int)size, f)) out[0] = 0;
    out[strcspn(out, "\n")] = 0;
    fclose(f);
}

static void processor(char *out, size_t size, int *ok) {
    static const char *const keys[] = {"model name", "Model", "Hardware", "CPU part"};
    char text[256], part[64] = "";
    out[0] = 0;
    FILE *f = open_fact("/proc/cpuinfo", ok);
    if (!f) return;
    while (!out[0] && fgets(text, sizeof text, f)) {
        char *colon = strchr(text, ':');
        if (!colon) continue;
        text[strcspn(text, "\n")] = 0;
        for (int i = 0; i < 4; i++) {
            if (strncmp(text, keys[i], strlen(keys[i])) != 0 || colon[1] != ' ') continue;
            if (i == 3) snprintf(part, sizeof part, "CPU part %s", colon + 2);
            else snprintf(out, size, "%s", colon + 2);
        }
    }
    fclose(f);
    if (!out[0]) snprintf(out, size, "%s", part);
}

/* Counts the cores behind the logical processors: the distinct pairs of package and core. */
static int cores(int *ok) {
    enum { MOST = 4096 };
    static const char base[] = "/sys/devices/system/cpu/cpu";
    int *seen = malloc(MOST * sizeof *seen), count = 0;
    if (!seen) {
        *ok = 0;
        return 0;
    }
    for (int cpu = 0; cpu < MOST; cpu++) {
        char path[128], core[32], package[32];
        snprintf(path, sizeof path, "%s%d/topology/core_id", base, cpu);
        line(path, core, sizeof core, ok);
        if (!core[0]) break;
        snprintf(path, sizeof path, "%s%d/topology/physical_package_id", base, cpu);
        line(path, package, sizeof package, ok);
        int id = (int)(strtol(package, NULL, 10) * 65536 + strtol(core, NULL, 10)), known = 0;
        for (int i = 0; i < count; i++) known |= seen[i] == id;
        if (!known) seen[count++] = id;
    }
    free(seen);
    return count;
}

static json_t *caches(int *ok) {
    json_t *all = json_object();
    for (int i = 0; all && i < 16; i++) {
        char path[128], level[16], type[32], size[32], name[64];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        line(path, level, sizeof level, ok);
        if (!level[0]) break;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
        line(path, type, sizeof type, ok);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        line(path, size, sizeof size, ok);
        snprintf(name, sizeof name, "L%s%s", level,
                 !strcmp(type, "Data")          ? "d"
                 : !strcmp(type, "Instruction") ? "i"
                                                : "");
        put(all, name, json_string(size), ok);
    }
    return all;
}

static void read_system(json_t *info, int *ok) {
    char text[256];
    processor(text, sizeof text, ok);
    put_text(info, "cpu", text, ok);
    int n = cores(ok);
    if (n > 0) put(info, "cores", json_integer(n), ok);
    put(info, "caches", caches(ok), ok);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) put(info, "memory_mb", json_integer((json_int_t)pages * page / (1024 * 1024)), ok);
    line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text, ok);
    put_text(info, "governor", text, ok);
    FILE *f = open_fact("/etc/os-release", ok);
    while (f && fgets(text, sizeof text, f)) {
        if (strncmp(text, "PRETTY_NAME=\"", 13) != 0) continue;
        text[13 + strcspn(text + 13, "\"\n")] = 0;
        put_text(info, "os", text + 13, ok);
    }
    if (f) fclose(f);
}
#else
static void read_system(json_t *info, int *ok) {
#ifdef __APPLE__
    static const struct {
        const char *key, *name;
    } sizes[] = {{"L1d", "hw.l1dcachesize"}, {"L1i", "hw.l1icachesize"}, {"L2", "hw.l2cachesize"}};
    char text[256];
    size_t size = sizeof text;
    if (!sysctlbyname("machdep.cpu.brand_string", text, &size, NULL, 0)) put_text(info, "cpu", text, ok);
    int n = 0;
    size = sizeof n;
    if (!sysctlbyname("hw.physicalcpu", &n, &size, NULL, 0)) put(info, "cores", json_integer(n), ok);
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t bytes = 0;
        size = sizeof bytes;
        if (!sysctlbyname(sizes[i].name, &bytes, &size, NULL, 0) && bytes > 0)
            put(all, sizes[i].key, json_integer(bytes), ok);
    }
    put(info, "caches", all, ok);
    int64_t memory = 0;
    size = sizeof memory;
    if (!sysctlbyname("hw.memsize", &memory, &size, NULL, 0))
        put(info, "memory_mb", json_integer(memory / (1024 * 1024)), ok);
    put_text(info, "os", "macOS", ok);
#endif
}
#endif

int tune_machine_read(tune_machine *machine, xlstm_error *err) {
    int ok = 1;
    struct utsname name;
    char *identity = NULL;
    *machine = (tune_machine){.info = json_object()};
    if (!machine->info) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    read_system(machine->info, &ok);
    put(machine->info, "logical_cpus", json_integer(xl_cpu_count()), &ok);
    if (!uname(&name)) {
        put_text(machine->info, "kernel", name.release, &ok);
        put_text(machine->info, "arch", name.machine, &ok);
        put_text(machine->info, "system", name.sysname, &ok);
        put_text(machine->info, "host", name.nodename, &ok);
    }
    /* The memory is rounded to GiB, because how much of it the kernel reserves varies from version to version. */
    json_int_t memory = json_integer_value(json_object_get(machine->info, "memory_mb"));
    json_t *facts = json_pack(
        "{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:I}", "cpu", json_object_get(machine->info, "cpu"), "cores",
        json_object_get(machine->info, "cores"), "logical_cpus", json_object_get(machine->info, "logical_cpus"),
        "caches", json_object_get(machine->info, "caches"), "arch", json_object_get(machine->info, "arch"),
        "system", json_object_get(machine->info, "system"), "memory_gb", (memory + 512) / 1024);
    if (facts) identity = json_dumps(facts, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(facts);
    if (!ok || !identity) {
        free(identity);
        tune_machine_clear(machine);
        return xl_fail(err, XLSTM_ENOMEM, "facts of this machine cannot be read: out of memory or of open files");
    }
    xl_fnv_hex(identity, strlen(identity), machine->fingerprint);
    free(identity);
    return XLSTM_OK;
}

void tune_machine_clear(tune_machine *machine) {
    if (!machine) return;
    json_decref(machine->info);
    machine->info = NULL;
}
