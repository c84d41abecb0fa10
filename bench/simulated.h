/* A simulated program with known true times under one kind of noise, and the whole procedure of a search on it,
 * for benchmarks and tests of verdicts. Time is virtual, so a run takes milliseconds. */
#ifndef BENCH_SIMULATED_H
#define BENCH_SIMULATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/measure/final.h"

typedef enum sim_noise {
    SIM_STEADY,    /* independent samples, sd 2 % */
    SIM_DRIFTING,  /* sd 1.5 %, a 10 % random walk, and an 8 % oscillation with a period of about 150 samples */
    SIM_BURSTY,    /* sd 1 %, and bursts of +30 % that last 6 samples, 6 % of the time, and are not noticed */
    SIM_HEAVY,     /* 1 % times |Student's t with 2 degrees of freedom|: no finite variance */
    SIM_FIRST_RUN, /* sd 1.5 %; a point's first run in a process takes 50 % longer, its second 10 % */
    SIM_PLACEMENT, /* sd 1 %; in each process each point has an offset of sd 1.5 % */
    SIM_RECORDED,  /* factors from a recording, from a random position on */
    SIM_NOISES
} sim_noise;
const char *sim_noise_name(sim_noise noise);

/* A recording: factors near 1, in order of time. */
typedef struct sim_recording {
    const char *name;
    double *factor;
    size_t n;
} sim_recording;
/* Reads the column `times` (numbers joined by ';') of a CSV or .csv.gz file, or where there is none the column
 * `cost`. */
int sim_recording_read(sim_recording *out, const char *name, const char *path, xlstm_error *err);
void sim_recording_clear(sim_recording *recording);

typedef struct sim_setup {
    sim_noise noise;
    const sim_recording *recording; /* for SIM_RECORDED */
    int points;                     /* besides the baseline, in a random order */
    double better;                  /* one point is faster by this share (speed-up); 0: all are equal */
    tune_effort effort;
    double budget_s; /* virtual seconds for the whole run, where a sample takes about 1; INFINITY */
    uint64_t seed;
} sim_setup;

typedef struct sim_outcome {
    bool picked_right; /* the search's winner is the better point */
    bool compared;     /* whether there was a last comparison: the search's winner was not the baseline */
    tune_final final;
    double truth; /* true value of ln(baseline / winner) */
    int search_samples, final_samples;
    double seconds;        /* virtual duration of the run */
    bool one_sample_right; /* whether choosing by one sample of each point would have found the better point */
    bool one_sample_claims;
    double one_sample_gain; /* the gain that it would have claimed */
} sim_outcome;

/* Makes one whole run: race, playoff, last comparison. */
int sim_run(const sim_setup *setup, sim_outcome *out, xlstm_error *err);

#endif
