/* The input is a landscape, as CSV with its spaces.json or as a cache file of Kernel Tuner; either may be gzip. An
 * accepted one must hold together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bundle.h"
#include "fuzz.h"
#include "tuner/landscape/landscape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"one.csv", "spaces.json", NULL};
    static const char *folder;
    static char path[256];
    tune_landscape *l;
    xlstm_error err = {.status = XLSTM_OK};
    if (!folder) {
        folder = bundle_folder();
        char *joined = xl_path_join(folder, names[0]);
        if (!joined || strlen(joined) >= sizeof path) abort();
        strcpy(path, joined);
        free(joined);
    }
    bundle_write(folder, names, data, size);
    int status = tune_landscape_read(path, &l, &err);
    if (status && (status != err.status || !err.text[0] || l)) abort();
    if (!status) {
        if (!l->rows || l->valid > l->rows) abort();
        for (size_t i = 1; i < l->valid; i++)
            if (l->sorted[i - 1] > l->sorted[i]) abort();
        for (size_t i = 0; i < l->rows; i++)
            if (l->sample_first[i] > l->sample_first[i + 1]) abort();
        tune_landscape_destroy(l);
    }
    bundle_write(folder, names, NULL, 0);
    return 0;
}
