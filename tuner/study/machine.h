/* Facts about this machine, which are stored with every run, and a fingerprint that decides which results are
 * comparable. */
#ifndef TUNE_STUDY_MACHINE_H
#define TUNE_STUDY_MACHINE_H

#include <jansson.h>

#include <xlstm/status.h>

typedef struct tune_machine {
    char fingerprint[33]; /* hexadecimal; from processor, number of cores, caches, memory and operating system */
    json_t *info; /* object, owned: cpu, logical_cpus, cores, caches, memory_mb, os, kernel, arch, governor, host */
} tune_machine;

/* Reads /proc and /sys on Linux, sysctl on a Mac. Kernel version, governor and host name are recorded, but are not
 * part of the fingerprint. On success the caller frees *machine with tune_machine_clear. */
int tune_machine_read(tune_machine *machine, xlstm_error *err);
void tune_machine_clear(tune_machine *machine);

#endif
