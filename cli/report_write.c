#include "cli/report_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

static bool is_setting(const char *name) {
    return xlstm_tunable_find(name) != NULL;
}

int cli_report_write(cli_config *cfg, const char *hint, const tune_writer *const *writers,
                     const tune_report_options *options) {
    const char *folder = cli_positional_count(cfg) ? cli_positional(cfg, 0) : cli_str(cfg, "run");
    if (!folder) return cli_usage(cfg, "no run folder: %s", hint);
    tune_report *report = NULL;
    tune_analysis *analysis = malloc(sizeof *analysis);
    xlstm_error err = {0};
    int status = analysis ? tune_report_read(&report, folder, is_setting, &err)
                          : xl_fail(&err, XLSTM_ENOMEM, "out of memory");
    if (!status) status = tune_report_analyse(report, analysis, &err);
    for (; !status && *writers; writers++) status = (*writers)->write(report, analysis, options, &err);
    tune_report_free(report);
    free(analysis);
    return status ? cli_fail(cfg, &err) : 0;
}
