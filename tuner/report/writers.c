/* The list of writers. A new writer is a file that ends in its const entry, and a row here. */
#include <string.h>

#include "tuner/report/report.h"

const tune_writer *const tune_writers[] = {&tune_writer_text, &tune_writer_json, &tune_writer_csv, &tune_writer_png,
                                           NULL};

const tune_writer *tune_writer_find(const char *name) {
    for (const tune_writer *const *w = tune_writers; *w; w++) {
        if (!strcmp((*w)->name, name)) return *w;
    }
    return NULL;
}
