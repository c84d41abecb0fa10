/* xltune report: writes runs as a page for a browser. */
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/config_impl.h"
#include "cli/report_write.h"

static const cli_spec spec = {
    .command = CLI(report),
    .summary = "Writes runs as one page for a browser: the verdict in words, every sample and\n"
               "trial in pictures and tables, and the settings to copy.",
    .arguments = "[RUN ...]",
    .max_arguments = 64,
    .details = "The page is one file, needs no network, and can be sent to others. It holds\n"
               "everything that it shows: names of folders, the machine, settings, times. With\n"
               "several runs it also shows where they differ and how their winners compare.\n",
};

static int write_page(cli_config *cfg) {
    const tune_writer *const writers[] = {&tune_writer_html, NULL};
    const char *file = cli_str(cfg, "html");
    const char *run = cli_positional_count(cfg) ? cli_positional(cfg, 0) : cli_str(cfg, "run");
    xlstm_error err = {0};
    if (!file && cli_positional_count(cfg) > 1)
        return cli_usage(cfg, "which file? With several runs --html FILE is wanted");
    char *page = cli_data_path("web"), *beside = file || !run ? NULL : xl_path_join(run, "report.html");
    int code;
    if (!page) {
        xl_fail(&err, XLSTM_ENOTFOUND, "the page's files are not in %s/web: is the program installed whole?",
                cli_data_folder());
        code = cli_fail(cfg, &err);
    } else {
        const tune_report_options options = {
            .unit = cli_report_unit, .file = file ? file : beside, .page = page, .wrote = cli_report_wrote};
        code = cli_report_write(cfg, "xltune report RUN", writers, &options);
    }
    free(page);
    free(beside);
    return code;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    code = write_page(cfg);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_report = {"write runs as a page for a browser", run};
