/* The origin of a result, which is the head of every file in bench/results. */
#ifndef BENCH_ORIGIN_H
#define BENCH_ORIGIN_H

#include <stdio.h>

/* Writes comment lines with date, machine and command (program names without their folders). */
void bench_origin(FILE *out, int argc, char **argv);

#endif
