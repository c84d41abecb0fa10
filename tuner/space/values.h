/* Values of a parameter: as text and JSON, when two are the same, and which index one has among many. */
#ifndef TUNE_SPACE_VALUES_H
#define TUNE_SPACE_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/space/expr.h"

/* A value as text: integers without a point, other numbers as %.9g. Returns out. */
char *tune_value_print(tune_value v, char *out, size_t bytes);
/* A value as JSON; a new reference. */
json_t *tune_value_json(tune_value v);
/* The reverse: a number, or a text that stays the JSON's. False for anything else (NULL too), *v as it was. */
bool tune_value_from_json(const json_t *json, tune_value *v);

/* Texts by content, numbers by value; a text is never a number. */
bool tune_value_same(tune_value a, tune_value b);

/* Index of a value among up to `room` of them in constant time. The values themselves stay with the caller, who
 * passes the same array to each call. */
typedef struct tune_value_map {
    uint32_t *slot;
    size_t mask;
} tune_value_map;

/* False when out of memory. */
bool tune_value_map_init(tune_value_map *m, size_t room);
void tune_value_map_release(tune_value_map *m);
/* UINT32_MAX where it is not there. */
uint32_t tune_value_map_find(const tune_value_map *m, const tune_value *values, tune_value v);
/* Puts values[index] into the map; the index of an equal one that is there already, else `index`. */
uint32_t tune_value_map_add(tune_value_map *m, const tune_value *values, uint32_t index);

#endif
