#include "bench/origin.h"

#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cpu.h"

static void processor(char *text, size_t bytes) {
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(text, bytes, "?");
    while (f && fgets(line, sizeof line, f)) {
        char *at = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !at) continue;
        snprintf(text, bytes, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
        break;
    }
    if (f) fclose(f);
}

void bench_origin(FILE *out, int argc, char **argv) {
    struct utsname u;
    struct tm tm;
    char date[64], cpu[256];
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M %Z", localtime_r(&now, &tm));
    processor(cpu, sizeof cpu);
    uname(&u);
    fprintf(out, "# date: %s\n# machine: %s, %d logical processors, %s %s\n# command:", date, cpu, xl_cpu_count(),
            u.sysname, u.machine);
    for (int i = 0; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        fprintf(out, " %s", slash ? slash + 1 : argv[i]);
    }
    fputc('\n', out);
}
