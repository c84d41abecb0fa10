/* xltune plot: draws the pictures of a run. */
#include "cli/command.h"
#include "cli/report_write.h"

static const cli_spec spec = {
    .command = CLI(plot),
    .summary = "Draws a run as PNG and SVG: its speeds, every tunable, the search and the\n"
               "noise.",
    .arguments = "[RUN]",
    .max_arguments = 1,
    .details = "Reads the run's study, or in a folder without one summary.csv, trials.jsonl and\n"
               "best.json; and outputs/ratings.csv if there is one. The pictures are written\n"
               "into the run folder, or into the folder that --out names.\n",
};

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    tune_report_options options = {
        .folder = cli_str(cfg, "out"), .unit = cli_report_unit, .wrote = cli_report_wrote};
    const tune_writer *const writers[] = {&tune_writer_png, NULL};
    code = cli_report_write(cfg, "--run DIR", writers, &options);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_plot = {"draw a run", run};
