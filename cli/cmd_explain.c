/* xltune explain: a run in words. */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/config.h"
#include "tuner/report/report.h"

static const cli_spec spec = {
    .name = "explain",
    .command = CLI_EXPLAIN,
    .summary = "says what a run found, what that rests on, and what was never tried",
    .arguments = "[RUN]",
    .max_arguments = 1,
};

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code >= 0) return code;
    const char *folder = cli_positional_count(cfg) ? cli_positional(cfg, 0) : cli_str(cfg, "run");
    tune_report *report = NULL;
    tune_analysis *analysis = malloc(sizeof *analysis);
    tune_report_options options = {0};
    xlstm_error err = {0};
    if (!folder) {
        code = cli_usage(cfg, "no run folder: xltune explain RUN");
        goto out;
    }
    const tune_writer *writer = cli_bool(cfg, "json") ? &tune_writer_json : &tune_writer_text;
    int status = analysis ? tune_report_read(&report, folder, &err) : XLSTM_ENOMEM;
    if (!status) status = tune_report_analyse(report, analysis, &err);
    if (!status) status = writer->write(report, analysis, &options, &err);
    code = status ? cli_fail(cfg, &err) : 0;
out:
    tune_report_free(report);
    free(analysis);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_explain = {"explain", "say what a run found and what that rests on", run};
