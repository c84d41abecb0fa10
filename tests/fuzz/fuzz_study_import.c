/* The input is a run as `study export` writes it. One that is accepted must be exported again, and the same run
 * must be refused a second time. */
#include <stdlib.h>

#include "fuzz.h"
#include "tuner/study/study.h"

static tune_study *study; /* is empty between inputs; opening one takes long */

static void close_study(void) {
    tune_study_close(study);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    xlstm_error err = {.status = XLSTM_OK};
    tune_import file = {.name = "fuzz", .text = (const char *)data, .bytes = size};
    if (!study) {
        if (tune_study_open_memory(&study, &err)) abort();
        atexit(close_study);
    }
    int status = tune_study_import(study, &file, 1, &err);
    if (status) {
        if (status != err.status || !err.text[0]) abort();
        return 0;
    }
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out || tune_study_export(study, file.run, out, &err) || fclose(out)) abort();
    free(text);
    tune_import again = {.name = "fuzz", .text = (const char *)data, .bytes = size};
    if (tune_study_import(study, &again, 1, &err) != XLSTM_EARG) abort();
    if (tune_study_run_remove(study, file.run, &err)) abort();
    return 0;
}
