/* What machine this is: recorded with every run, and a name for it that decides which results are comparable. */
#ifndef TUNE_STUDY_MACHINE_H
#define TUNE_STUDY_MACHINE_H

#include <jansson.h>

#include <xlstm/status.h>

typedef struct tune_machine {
    char fingerprint[33]; /* hexadecimal; same processor, core count, caches, memory and system: same name */
    json_t *info;         /* object, owned: cpu, logical_cpus, cores, caches, memory_mb, os, kernel, arch, governor,
                             host; a fact that the system does not tell is absent */
} tune_machine;

/* Reads /proc and /sys on Linux, sysctl on a Mac. Kernel version, governor and host name are recorded but are no
 * part of the fingerprint. */
int tune_machine_read(tune_machine *machine, xlstm_error *err);
void tune_machine_clear(tune_machine *machine);

#endif
