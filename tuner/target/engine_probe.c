#include "tuner/target/engine_probe.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define RAPL "/sys/class/powercap/intel-rapl:0/"

/* Reads the number in a small system file; NAN where there is none. */
static double number_in(const char *path) {
    double value = NAN;
    FILE *f = fopen(path, "re");
    if (!f) return NAN;
    if (fscanf(f, "%lf", &value) != 1) value = NAN;
    fclose(f);
    return value;
}

/* Reads a line of a /proc file that is in kB; returns MiB. */
static double mib_of(const char *path, const char *key) {
    char line[256];
    double value = NAN;
    FILE *f = fopen(path, "re");
    if (!f) return NAN;
    while (isnan(value) && fgets(line, sizeof line, f)) {
        size_t length = strlen(key);
        if (strncmp(line, key, length) == 0) value = strtod(line + length, NULL) / 1024;
    }
    fclose(f);
    return value;
}

bool tune_engine_has_energy(void) {
    return !isnan(number_in(RAPL "energy_uj"));
}

bool tune_engine_has_peak(void) {
    tune_probe probe;
    double energy, peak;
    tune_probe_begin(&probe);
    tune_probe_end(&probe, &energy, &peak);
    return !isnan(peak);
}

void tune_probe_settle(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void tune_probe_begin(tune_probe *probe) {
    *probe = (tune_probe){.energy_uj = number_in(RAPL "energy_uj")};
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    probe->peak_reset = write(fd, "5", 1) == 1;
    close(fd);
}

void tune_probe_end(const tune_probe *probe, double *energy_j, double *peak_mb) {
    *energy_j = *peak_mb = NAN;
    if (!isnan(probe->energy_uj)) {
        double used = number_in(RAPL "energy_uj") - probe->energy_uj;
        if (used < 0) used += number_in(RAPL "max_energy_range_uj");
        *energy_j = used / 1e6;
    }
    if (probe->peak_reset) *peak_mb = mib_of("/proc/self/status", "VmHWM:");
}

bool tune_probe_fits_twice(const xlstm_model *model) {
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    double free_mb = mib_of("/proc/meminfo", "MemAvailable:");
    /* A copy in another format may need twice the bytes of this one. */
    return isnan(free_mb) || 2 * (double)info.resident_bytes / 0x1p20 < 0.8 * free_mb;
}
