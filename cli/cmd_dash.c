/* xltune dash: shows runs in a browser while they go on. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/config_impl.h"
#include "cli/dash_runs.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "server/live_page.h"
#include "tuner/report/page.h"

static const cli_spec spec = {
    .command = CLI(dash),
    .summary = "Shows runs in a browser while they go on: the page of `report`, kept up to\n"
               "date.",
    .arguments = "[DIR]",
    .max_arguments = 1,
    .details = "DIR is a run folder or a folder of run folders (default: runs). The page is\n"
               "served on 127.0.0.1 alone, to browsers that opened the printed address, which\n"
               "holds a token. From another machine: ssh -L PORT:127.0.0.1:PORT, with --port.\n"
               "Nothing is written; Ctrl-C ends it.\n",
};

enum { LOOK_EVERY = 10, STEP_NS = 100000000 }; /* once a second, and ten times a second whether to end */

static const serve_live_answer answers[] = {
    {"runs", cli_dash_list}, {"run", cli_dash_run}, {"compare", cli_dash_compare}, {0}};

static int tell(serve_live *live, cli_dash *dash, xlstm_error *err) {
    char *text;
    size_t bytes;
    int status = cli_dash_list(dash, NULL, NULL, &text, &bytes, err);
    if (status) return status;
    if (!serve_live_tell(live, text)) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(text);
    return status;
}

/* Looks for news until a signal ends it. A study that cannot be read for a while, such as one on a server, is said
 * once and tried again. */
static int watch(serve_live *live, cli_dash *dash, xlstm_error *err) {
    bool failing = false;
    for (int step = 1; !cli_signals_stop(); step++) {
        nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
        if (step % LOOK_EVERY) continue;
        bool changed;
        xlstm_error why = {0};
        const bool failed = cli_dash_look(dash, &changed, &why);
        if (failed && !failing) cli_notice("%s; trying again", why.text);
        failing = failed;
        int status = !failed && changed ? tell(live, dash, err) : XLSTM_OK;
        if (status) return status;
    }
    return XLSTM_OK;
}

static int show(cli_config *cfg) {
    xlstm_error err = {0};
    cli_dash *dash = NULL;
    serve_live *live = NULL;
    char *page = NULL, *web = cli_data_path("web");
    size_t bytes = 0;
    bool changed;
    const char *folder = cli_positional_count(cfg) ? cli_positional(cfg, 0) : "runs";
    int status =
        web ? XLSTM_OK
            : xl_fail(&err, XLSTM_ENOTFOUND, "the page's files are not in %s/web: is the program installed whole?",
                      cli_data_folder());
    if (!status) status = cli_dash_create(&dash, cli_str(cfg, "study"), folder, &err);
    if (!status) status = cli_dash_look(dash, &changed, &err);
    if (!status) status = tune_page_make(&page, &bytes, web, "{\"live\":true}", "'self'", &err);
    const serve_live_options options = {
        .port = (int)cli_int(cfg, "port"), .page = page, .page_bytes = bytes, .answers = answers, .ctx = dash};
    if (!status) status = serve_live_start(&live, &options, &err);
    if (!status) status = tell(live, dash, &err);
    if (!status) {
        cli_signals_install(); /* who reads the address may end this at once */
        printf("%s\n", serve_live_address(live));
        cli_flush();
        status = watch(live, dash, &err);
    }
    serve_live_stop(live);
    cli_dash_free(dash);
    free(page);
    free(web);
    return status ? cli_fail(cfg, &err) : cli_signals_code();
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (cli_str(cfg, "study") && cli_positional_count(cfg))
        code = cli_usage(cfg, "found --study and a folder, wanted one of them");
    else code = show(cfg);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_dash = {"show runs in a browser while they go on", run};
