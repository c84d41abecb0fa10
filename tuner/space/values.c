#include "tuner/space/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

bool tune_value_same(tune_value a, tune_value b) {
    if (a.text || b.text) return a.text && b.text && !strcmp(a.text, b.text);
    return a.number == b.number;
}

static uint64_t hash(tune_value v) {
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    if (v.text) {
        for (const char *c = v.text; *c; c++) h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        return h ^ h >> 29;
    }
    double x = v.number + 0.0; /* 0 and -0 have the same hash */
    memcpy(&h, &x, sizeof h);
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

bool tune_value_map_init(tune_value_map *m, size_t room) {
    size_t slots = 16;
    while (slots < 2 * room) slots *= 2;
    m->mask = slots - 1;
    m->slot = xl_array(slots, sizeof *m->slot);
    if (m->slot) memset(m->slot, 0xff, slots * sizeof *m->slot);
    return m->slot != NULL;
}

void tune_value_map_release(tune_value_map *m) {
    free(m->slot);
    *m = (tune_value_map){0};
}

/* Returns the slot of this value, or the empty slot where it belongs. */
static uint32_t *slot_of(const tune_value_map *m, const tune_value *values, tune_value v) {
    for (size_t at = hash(v) & m->mask;; at = (at + 1) & m->mask) {
        if (m->slot[at] == UINT32_MAX || tune_value_same(values[m->slot[at]], v)) return &m->slot[at];
    }
}

uint32_t tune_value_map_find(const tune_value_map *m, const tune_value *values, tune_value v) {
    return *slot_of(m, values, v);
}

uint32_t tune_value_map_add(tune_value_map *m, const tune_value *values, uint32_t index) {
    uint32_t *slot = slot_of(m, values, values[index]);
    if (*slot == UINT32_MAX) *slot = index;
    return *slot;
}

/* A range reaches its end where it misses it by less than this share of a step. */
#define CLOSE 1e-9

/* How many numbers a range of so many steps, whole or not, has. */
static size_t numbers_in(double steps) {
    return steps < (double)(SIZE_MAX / 4) ? (size_t)floor(steps + CLOSE) + 1 : SIZE_MAX / 4;
}

size_t tune_values_steps(double min, double max, double step, tune_value *out, size_t room) {
    /* Fifteen digits of the largest number; the sums may be wrong in the digits behind them. */
    const double largest = fmax(fabs(min), fabs(max));
    const int behind = largest > 0 ? (int)fmax(0, 14 - floor(log10(largest))) : 0;
    const size_t count = numbers_in(max / step - min / step);
    char text[512];
    for (size_t i = 0; i < count && i < room; i++) {
        snprintf(text, sizeof text, "%.*f", behind, min + (double)i * step);
        out[i] = (tune_value){.number = strtod(text, NULL) + 0.0};
    }
    return count;
}

size_t tune_values_factors(double min, double max, double factor, tune_value *out, size_t room) {
    const size_t count = numbers_in((log(max) - log(min)) / log(factor));
    char text[64];
    for (size_t i = 0; i < count && i < room; i++) {
        snprintf(text, sizeof text, "%.14e", min * pow(factor, (double)i));
        out[i] = (tune_value){.number = strtod(text, NULL)};
    }
    return count;
}

char *tune_value_print(tune_value v, char *out, size_t bytes) {
    char number[XL_NUMBER_TEXT];
    if (v.text) snprintf(out, bytes, "%s", v.text);
    else if (v.number == floor(v.number) && fabs(v.number) < 0x1p63) snprintf(out, bytes, "%.0f", v.number);
    else snprintf(out, bytes, "%s", xl_number_text(number, v.number));
    return out;
}

json_t *tune_value_json(tune_value v) {
    if (v.text) return json_string(v.text);
    if (v.number == floor(v.number) && fabs(v.number) < 0x1p63) return json_integer((json_int_t)v.number);
    return json_real(v.number);
}

bool tune_value_from_json(const json_t *json, tune_value *v) {
    if (json_is_string(json)) *v = (tune_value){.text = json_string_value(json)};
    else if (json_is_number(json)) *v = (tune_value){.number = json_number_value(json)};
    else return false;
    return true;
}
