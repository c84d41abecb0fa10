#include "cli/report_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/streams.h"

static bool is_setting(const char *name) {
    return xlstm_tunable_find(name) != NULL;
}

static int read_run(tune_analysed *out, const char *folder, xlstm_error *err) {
    tune_report *report = NULL;
    tune_analysis *analysis = malloc(sizeof *analysis);
    int status =
        analysis ? tune_report_read(&report, folder, is_setting, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status) status = tune_report_analyse(report, analysis, err);
    *out = (tune_analysed){report, analysis};
    return status;
}

static void free_run(tune_analysed *run) {
    tune_report_free((tune_report *)(uintptr_t)run->report);
    free((tune_analysis *)(uintptr_t)run->analysis);
}

int cli_report_write(cli_config *cfg, const char *hint, const tune_writer *const *writers,
                     const tune_report_options *options) {
    const int named = cli_positional_count(cfg);
    const char *other = named ? NULL : cli_str(cfg, "run");
    const size_t count = named ? (size_t)named : other ? 1 : 0;
    if (!count) return cli_usage(cfg, "no run folder: %s", hint);
    tune_analysed *runs = calloc(count, sizeof *runs);
    xlstm_error err = {0};
    int status = runs ? XLSTM_OK : xl_fail(&err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < count && !status; i++)
        status = read_run(&runs[i], other ? other : cli_positional(cfg, (int)i), &err);
    for (; !status && *writers; writers++) status = (*writers)->write(runs, count, options, &err);
    for (size_t i = 0; i < count && runs; i++) free_run(&runs[i]);
    free(runs);
    return status ? cli_fail(cfg, &err) : 0;
}

const char *cli_report_unit(const char *parameter) {
    const xlstm_tunable *t = xlstm_tunable_find(parameter);
    if (!t) return NULL;
    return t->unit ? t->unit : "";
}

void cli_report_wrote(void *ctx, const char *path) {
    printf("%s\n", cli_plain(path));
}
