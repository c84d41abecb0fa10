/* The input is a space file, the object "space" of a configuration. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tuner/space/space.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tune_space *space = NULL;
    xlstm_error err = {.status = XLSTM_OK};
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    int status = object ? tune_space_from_json(object, NULL, 0, &space, &err) : XLSTM_OK;
    if (status && (status != err.status || !err.text[0])) abort();
    if (!status) tune_space_destroy(space);
    json_decref(object);
    return 0;
}
