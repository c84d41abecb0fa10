/* xltune explain: a run in words. */
#include "cli/command.h"
#include "cli/report.h"

static const cli_spec spec = {
    .command = CLI(explain),
    .summary = "says what a run found, what that rests on, and what was never tried",
    .arguments = "[RUN]",
    .max_arguments = 1,
};

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code >= 0) return code;
    const tune_report_options options = {0};
    const tune_writer *writer = cli_bool(cfg, "json") ? &tune_writer_json : &tune_writer_text;
    code = cli_report_write(cfg, "xltune explain RUN", writer, &options);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_explain = {"say what a run found and what that rests on", run};
