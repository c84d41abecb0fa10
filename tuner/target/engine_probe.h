/* Measures what a request takes besides time: memory and energy, where the system reports them. */
#ifndef TUNE_ENGINE_PROBE_H
#define TUNE_ENGINE_PROBE_H

#include <stdbool.h>
#include <xlstm/model.h>

typedef struct tune_probe {
    double energy_uj; /* microjoules; NAN: not reported */
    bool peak_reset;  /* whether the peak of resident memory was reset at the beginning */
} tune_probe;

/* Returns freed memory to the system. */
void tune_probe_settle(void);
void tune_probe_begin(tune_probe *probe);
/* Returns energy in joules and peak in MiB; NAN where unknown. */
void tune_probe_end(const tune_probe *probe, double *energy_j, double *peak_mb);

/* Whether this machine reports the energy of the processor package, and whether it can report the peak of memory
 * since a given moment. */
bool tune_engine_has_energy(void);
bool tune_engine_has_peak(void);

/* Whether another copy of the model's resident weights would fit into the memory that is available now. */
bool tune_probe_fits_twice(const xlstm_model *model);

#endif
