/* States of a machine, as the ratios of fresh processes show them: levels between which the ratio jumps.
 *
 * On a virtual machine the speed of several threads may have two or three values, each of which lasts for some
 * processes: two virtual processors share a core, or they do not. Processes are not independent then, and the mean
 * over the states, each for the time that the machine takes it, is known only after enough changes of state have
 * been seen. docs/measurement.md says how the limits below were chosen, and has the simulations. */
#ifndef TUNE_MEASURE_STATES_H
#define TUNE_MEASURE_STATES_H

#include <stdbool.h>

enum {
    TUNE_PROCESSES_MOST = 256,
    TUNE_STATES_MOST = 3,
    TUNE_STATES_CHANGES = 7,    /* changes of state that are needed for a statement about the long run */
    TUNE_STATES_PROCESSES = 20, /* processes, */
    TUNE_STATES_VISITS = 2      /* and visits to each state */
};

typedef struct tune_state {
    int processes; /* number of processes in the state */
    int visits;    /* number of unbroken sequences of them */
    double mean;   /* mean of their values */
} tune_state;

typedef struct tune_states {
    int count; /* 1 … TUNE_STATES_MOST; 0: no values */
    tune_state at[TUNE_STATES_MOST];
    int changes;  /* number of changes of state from one process to the next */
    double sd;    /* standard deviation of the values within the states */
    bool wanders; /* there is one state, whose neighbouring values are more alike than chance makes them */
    unsigned char of[TUNE_PROCESSES_MOST]; /* the state of each process, an index of `at` */
} tune_states;

/* Finds the states in n values (n ≤ TUNE_PROCESSES_MOST) in their order in time, the lowest first. Where the values
 * do not fall into clearly separate groups there is one. */
void tune_states_find(const double *x, int n, tune_states *out);
/* Does the same where the state of each process is known from elsewhere: `of` holds n numbers less than
 * `count`. */
void tune_states_given(const double *x, const unsigned char *of, int n, int count, tune_states *out);
/* Whether a label of each process, a positive number that something else than its value gives, explains the values:
 * it falls into groups, and they are the states that were found in the values, or the values of one state differ
 * between them by more than chance makes them. Then *states, which was found in the values, becomes that of the
 * label, the state with the lowest values first. */
bool tune_states_labelled(const double *x, const double *label, int n, tune_states *states);
/* Whether enough changes were seen for a statement on the mean over the states. */
bool tune_states_enough(const tune_states *states, int n);
/* Computes the interval of that mean at a level in (0, 1); only where there were enough changes. */
void tune_states_interval(const double *x, int n, const tune_states *states, double level, double *low,
                          double *high);

#endif
