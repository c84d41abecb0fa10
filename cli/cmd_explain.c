/* xltune explain: describes a run in words. */
#include "cli/command.h"
#include "cli/report_write.h"

static const cli_spec spec = {
    .command = CLI(explain),
    .summary = "Says what a run found, on which measurements that rests, and what was never\n"
               "tried.",
    .arguments = "[RUN]",
    .max_arguments = 1,
    .details = "With --out DIR two tables are written there: importance.csv, how much of the\n"
               "differences between trials each setting explains, and interactions.csv, which\n"
               "settings influence each other.\n",
};

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    const tune_report_options options = {.folder = cli_str(cfg, "out")};
    const tune_writer *const writers[] = {cli_bool(cfg, "json") ? &tune_writer_json : &tune_writer_text,
                                          options.folder ? &tune_writer_csv : NULL, NULL};
    code = cli_report_write(cfg, "xltune explain RUN", writers, &options);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_explain = {"say what a run found and on what that rests", run};
