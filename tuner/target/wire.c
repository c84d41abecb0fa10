#include "tuner/target/wire.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes 64 bits as text, because integers in JSON are signed. */
static json_t *bits(uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return json_string(text);
}

static json_t *numbers(const double *values, int count) {
    json_t *j = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(j, xl_json_number(values[i]));
    return j;
}

static bool read_number(const json_t *object, const char *key, double missing, double *out) {
    const json_t *j = json_object_get(object, key);
    *out = json_is_number(j) ? json_number_value(j) : missing;
    return json_is_number(j) || json_is_null(j);
}

static bool read_int(const json_t *object, const char *key, int *out) {
    const json_t *j = json_object_get(object, key);
    *out = (int)json_integer_value(j);
    return json_is_integer(j);
}

static bool read_bits(const json_t *object, const char *key, uint64_t *out) {
    const char *text = json_string_value(json_object_get(object, key));
    *out = text ? strtoull(text, NULL, 10) : 0;
    return text;
}

/* Reads at least `least` numbers; those missing after them become NAN. */
static bool read_numbers(const json_t *object, const char *key, double *out, int count, int least) {
    const json_t *j = json_object_get(object, key);
    if (!json_is_array(j) || json_array_size(j) < (size_t)least || json_array_size(j) > (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        const json_t *value = json_array_get(j, (size_t)i);
        out[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    return true;
}

json_t *tune_wire_plan(const tune_block_plan *plan) {
    return json_pack("{s:i, s:i, s:i, s:o, s:o}", "blocks", plan->blocks, "quads", plan->quads, "spare",
                     plan->spare, "deadline_s", xl_json_number(plan->deadline_s), "seed", bits(plan->seed));
}

bool tune_wire_read_plan(const json_t *j, tune_block_plan *plan) {
    return read_int(j, "blocks", &plan->blocks) && read_int(j, "quads", &plan->quads) &&
           read_int(j, "spare", &plan->spare) && read_number(j, "deadline_s", INFINITY, &plan->deadline_s) &&
           read_bits(j, "seed", &plan->seed);
}

json_t *tune_wire_result(const tune_block_result *r) {
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "blocks", r->blocks,
                     "disturbed", r->disturbed, "kept", r->kept, "log_ratio", numbers(r->log_ratio, r->blocks),
                     "baseline_cost", xl_json_number(r->baseline_cost), "winner_cost",
                     xl_json_number(r->winner_cost), "baseline_parts", numbers(r->baseline_parts, TUNE_PARTS),
                     "winner_parts", numbers(r->winner_parts, TUNE_PARTS), "baseline_hash", bits(r->baseline_hash),
                     "winner_hash", bits(r->winner_hash), "seconds", xl_json_number(r->seconds), "at",
                     xl_json_number(r->at), "before", numbers(r->before.value, TUNE_QUANTITIES), "after",
                     numbers(r->after.value, TUNE_QUANTITIES));
}

json_t *tune_wire_failure(int status, const char *text, tune_culprit culprit) {
    return json_pack("{s:i, s:s, s:i}", "status", status, "text", text, "culprit", (int)culprit);
}

tune_culprit tune_wire_read_culprit(const json_t *j) {
    const json_int_t n = json_integer_value(json_object_get(j, "culprit"));
    return n > 0 && n < TUNE_CULPRIT_COUNT ? (tune_culprit)n : TUNE_CULPRIT_EITHER;
}

bool tune_wire_read_result(const json_t *j, tune_block_result *r) {
    *r = (tune_block_result){.at = json_number_value(json_object_get(j, "at"))};
    /* Results of version 0.1 have neither that nor a condition. */
    if (!read_numbers(j, "before", r->before.value, TUNE_QUANTITIES, TUNE_QUANTITIES))
        tune_condition_init(&r->before);
    if (!read_numbers(j, "after", r->after.value, TUNE_QUANTITIES, TUNE_QUANTITIES)) tune_condition_init(&r->after);
    return read_int(j, "blocks", &r->blocks) && r->blocks >= 0 && r->blocks <= TUNE_BLOCKS_MOST &&
           read_int(j, "disturbed", &r->disturbed) && read_int(j, "kept", &r->kept) &&
           read_numbers(j, "log_ratio", r->log_ratio, r->blocks, r->blocks) &&
           read_number(j, "baseline_cost", NAN, &r->baseline_cost) &&
           read_number(j, "winner_cost", NAN, &r->winner_cost) &&
           read_numbers(j, "baseline_parts", r->baseline_parts, TUNE_PARTS, 0) &&
           read_numbers(j, "winner_parts", r->winner_parts, TUNE_PARTS, 0) &&
           read_bits(j, "baseline_hash", &r->baseline_hash) && read_bits(j, "winner_hash", &r->winner_hash) &&
           read_number(j, "seconds", NAN, &r->seconds);
}

enum { SEEN = 6 }; /* how many numbers describe a disturbance */

json_t *tune_wire_sample(const tune_sample *s) {
    const tune_disturbance *d = &s->disturbance;
    const double seen[SEEN] = {d->steal,         d->neighbours,    d->switches,
                               d->frequency_mhz, d->temperature_c, d->halted_s};
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:b, s:b}", "candidate", (json_int_t)s->candidate,
                     "cost", xl_json_number(s->reading.cost), "parts", numbers(s->reading.parts, TUNE_PARTS),
                     "hash", bits(s->reading.hash), "start_s", xl_json_number(s->start_s), "seconds",
                     xl_json_number(s->seconds), "reasons", (int)d->reasons, "seen", numbers(seen, SEEN), "warmup",
                     s->warmup, "set_aside", s->set_aside);
}

bool tune_wire_read_sample(const json_t *j, tune_sample *s) {
    const json_t *candidate = json_object_get(j, "candidate");
    double seen[SEEN];
    int reasons;
    *s = (tune_sample){.candidate = json_integer_value(candidate), .repeats = 1};
    bool ok = json_is_integer(candidate) && read_number(j, "cost", NAN, &s->reading.cost) &&
              read_numbers(j, "parts", s->reading.parts, TUNE_PARTS, 0) && read_bits(j, "hash", &s->reading.hash) &&
              read_number(j, "start_s", NAN, &s->start_s) && read_number(j, "seconds", NAN, &s->seconds) &&
              read_int(j, "reasons", &reasons) && read_numbers(j, "seen", seen, SEEN, SEEN);
    if (!ok) return false;
    s->disturbance = (tune_disturbance){.reasons = (unsigned)reasons,
                                        .steal = seen[0],
                                        .neighbours = seen[1],
                                        .switches = seen[2],
                                        .frequency_mhz = seen[3],
                                        .temperature_c = seen[4],
                                        .halted_s = seen[5]};
    s->warmup = json_is_true(json_object_get(j, "warmup"));
    s->set_aside = json_is_true(json_object_get(j, "set_aside"));
    return true;
}
