/* Where a result comes from: the head of every file in bench/results. */
#ifndef BENCH_ORIGIN_H
#define BENCH_ORIGIN_H

#include <stdio.h>

/* Comment lines: date, machine, command (program names without their folders). */
void bench_origin(FILE *out, int argc, char **argv);

#endif
