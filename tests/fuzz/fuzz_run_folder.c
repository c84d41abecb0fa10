/* The input is a run's folder without a study: summary.csv, and run_meta.json, best.json, trials.jsonl and
 * pareto.csv. An accepted one must be analysed and said in words. */
#include <stdlib.h>
#include <unistd.h>

#include "bundle.h"
#include "fuzz.h"
#include "tuner/report/report.h"
#include "tuner/report/report_json.h"
#include "tuner/run/run_meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"summary.csv",  "run_meta.json", "best.json",
                                        "trials.jsonl", "pareto.csv",    NULL};
    static const char *folder;
    tune_report *report = NULL;
    json_t *json = NULL;
    xlstm_error err = {.status = XLSTM_OK};
    if (!folder) folder = bundle_folder();
    bundle_write(folder, names, data, size);
    int status = tune_run_meta_read(folder, &json, &err);
    if (status ? status != err.status || !err.text[0] : !json_is_object(json)) abort();
    json_decref(status ? NULL : json);
    status = tune_report_read(&report, folder, NULL, &err);
    if (status && (status != err.status || !err.text[0] || report)) abort();
    if (!status) {
        tune_analysis *analysis = calloc(1, sizeof *analysis);
        if (analysis && !tune_report_analyse(report, analysis, &err) &&
            !tune_report_json(&json, report, analysis, true, &err)) {
            if (!json_is_object(json)) abort();
            json_decref(json);
        }
        free(analysis);
        tune_report_free(report);
    }
    bundle_write(folder, names, NULL, 0);
    return 0;
}
