/* The input is what a command printed whose metrics are found by a pattern and by paths into JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tuner/target/printed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] =
        "{\"rate\": {\"regex\": \"([0-9.e+-]+) MB/s\", \"better\": \"larger\"},"
        " \"score\": {\"json\": \"results.0.score\", \"better\": \"larger\", \"exact\": true},"
        " \"size\": {\"bytes\": \"stdout\", \"unit\": \"B\", \"better\": \"smaller\", \"exact\": true}}";
    tune_metrics metrics = {0};
    tune_printed *printed = NULL;
    xlstm_error err = {.status = XLSTM_OK};
    double parts[TUNE_METRIC_PARTS], metric[TUNE_METRICS];
    json_t *object = json_loads(text, 0, NULL);
    tune_named_list none = {0};
    char *copy = malloc(size + 1), nothing[1] = "";
    if (!object || !copy || tune_printed_create(&printed, object, &metrics, &err)) abort();
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    const tune_child_result result = {.text = {copy, nothing}, .bytes = {size, 0}, .out_bytes = size};
    int status = tune_printed_read(printed, &result, &none, parts, metric, &err);
    if (status && (status != err.status || !err.text[0])) abort();
    tune_printed_destroy(printed);
    json_decref(object);
    free(copy);
    return 0;
}
