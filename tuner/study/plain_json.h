/* Reads the plain JSON that studies mostly hold, several times as fast as a parser of all of JSON does. What is not
 * plain (spaces, texts, escapes, unusual numbers, mistakes) is left to that one. Private to tuner/study. */
#ifndef TUNE_STUDY_PLAIN_JSON_H
#define TUNE_STUDY_PLAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "tuner/metric/metric.h"

enum { TUNE_PLAIN_NUMBERS = 64 };

/* Reads an array of numbers and null (NAN); false where it is not plain or has more than TUNE_PLAIN_NUMBERS. */
bool tune_plain_numbers(const char *text, double out[TUNE_PLAIN_NUMBERS], size_t *count);
/* Reads an object of numbers and null by the names of metrics, in their order, all or the first ones; the others
 * are NAN. False where it is not plain, and then *values is undefined. */
bool tune_plain_metrics(const char *text, const tune_metrics *metrics, double values[TUNE_METRICS]);

#endif
