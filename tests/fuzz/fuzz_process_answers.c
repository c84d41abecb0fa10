/* The input is a line of JSON that a fresh process of the last comparison, or a worker, writes: a plan, a result, a
 * sample. */
#include <math.h>
#include <stdlib.h>

#include "fuzz.h"
#include "tuner/target/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    tune_block_plan plan;
    tune_block_result result;
    tune_sample sample;
    /* What was read is written and read again. */
    if (tune_wire_read_plan(json, &plan)) {
        json_t *again = tune_wire_plan(&plan);
        if (!again || !tune_wire_read_plan(again, &plan)) abort();
        json_decref(again);
    }
    if (tune_wire_read_result(json, &result)) {
        json_t *again = tune_wire_result(&result);
        if (!again || !tune_wire_read_result(again, &result)) abort();
        json_decref(again);
    }
    if (tune_wire_read_sample(json, &sample)) {
        json_t *again = tune_wire_sample(&sample);
        if (!again || !tune_wire_read_sample(again, &sample)) abort();
        json_decref(again);
    }
    json_decref(json);
    return 0;
}
