/* What the machine is like at a moment, seen in a few milliseconds without the program that is measured: on a
 * virtual machine the processors may share a core or not, and a neighbour may load the memory or not. */
#ifndef TUNE_MEASURE_GAUGE_H
#define TUNE_MEASURE_GAUGE_H

#include <stddef.h>

#include <xlstm/status.h>

typedef enum tune_quantity {
    TUNE_TOGETHER,  /* how fast a processor computes while all of them do, as a share of its speed alone */
    TUNE_READING,   /* bytes read from memory by all processors at once, in GB a second */
    TUNE_FREQUENCY, /* of one processor, in MHz, by timing a chain of additions */
    TUNE_QUANTITIES
} tune_quantity;
const char *tune_quantity_name(int quantity); /* returns "together", "read_gb_s" or "mhz" */
enum { TUNE_QUANTITY_TEXT = 64 };             /* bytes of its text, at most */
/* Writes a value in words: "each processor at 57 % beside the others", "memory at 61.2 GB/s", "3200 MHz". */
void tune_quantity_print(char *text, size_t bytes, int quantity, double value);

typedef struct tune_condition {
    double value[TUNE_QUANTITIES]; /* NAN: not known */
} tune_condition;
/* A condition of which nothing is known. */
void tune_condition_init(tune_condition *condition);

typedef struct tune_gauge tune_gauge;
/* `threads` processors are looked at, at most those that the process may use; each thread is bound to one of them.
 * ENOMEM. */
int tune_gauge_create(tune_gauge **out, int threads, xlstm_error *err);
void tune_gauge_destroy(tune_gauge *gauge);
/* Takes some thirty milliseconds. Nothing else of the process should be computing. */
void tune_gauge_take(tune_gauge *gauge, tune_condition *out);

#endif
