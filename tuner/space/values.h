/* Values of parameters: as text, as JSON, compared, and looked up among many. */
#ifndef TUNE_SPACE_VALUES_H
#define TUNE_SPACE_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/space/expr.h"

/* Writes a value as text: integers without a point, and of other numbers as many digits as it
 * takes to read back the same. Returns out. */
char *tune_value_print(tune_value v, char *out, size_t bytes);
/* Returns a value as JSON; the caller owns the reference. */
json_t *tune_value_json(tune_value v);
/* Reads a value from JSON: a number, or a text, which stays owned by the JSON. Returns false for anything else,
 * NULL included, and leaves *v as it was. */
bool tune_value_from_json(const json_t *json, tune_value *v);

/* Compares texts by content and numbers by value; a text never equals a number. */
bool tune_value_same(tune_value a, tune_value b);

/* Both write the numbers of a range in rising order, each rounded so that 0.1 + 0.2 is 0.3, and return how many
 * there are, of which they write `room` at most; max is the last where the range reaches it. min <= max, all
 * finite. steps:    min, min + step, min + 2 step, …          step > 0 factors:  min, min factor, min factor^2, …
 * min > 0, factor > 1 */
size_t tune_values_steps(double min, double max, double step, tune_value *out, size_t room);
size_t tune_values_factors(double min, double max, double factor, tune_value *out, size_t room);

/* Finds the index of a value among up to `room` values in constant time. The values stay with the caller, who
 * passes the same array to each call. */
typedef struct tune_value_map {
    uint32_t *slot;
    size_t mask;
} tune_value_map;

/* Returns false when out of memory. */
bool tune_value_map_init(tune_value_map *m, size_t room);
void tune_value_map_release(tune_value_map *m);
/* Returns the index; UINT32_MAX where the value is missing. */
uint32_t tune_value_map_find(const tune_value_map *m, const tune_value *values, tune_value v);
/* Adds values[index] to the map. Returns the index of an equal value that is already there, else `index`. */
uint32_t tune_value_map_add(tune_value_map *m, const tune_value *values, uint32_t index);

#endif
