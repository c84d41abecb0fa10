/* The input is what a worker says of itself: a line of JSON. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tuner/target/worker_description.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tune_worker_description is;
    xlstm_error err = {.status = XLSTM_OK};
    json_t *answer = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return 0;
    }
    int status = tune_worker_description_read(&is, answer, &err);
    if (status && (status != err.status || !err.text[0])) abort();
    /* Each tunable that was accepted can be named. */
    for (size_t i = 0; !status && i < is.count; i++) {
        json_t *names = json_pack("[s]", is.known[i].name), *tune = tune_worker_description_tune(&is, names);
        if (json_array_size(tune) != 1) abort();
        json_decref(names);
        json_decref(tune);
    }
    tune_worker_description_clear(&is);
    return 0;
}
