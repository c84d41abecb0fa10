/* xltune fresh-process: one fresh process of the last comparison. Only `optimize` starts it, so the help leaves it
 * out. */
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/faults.h"
#include "cli/signals.h"
#include "tuner/target/fresh.h"

static int run(int argc, char **argv) {
    (void)argc;
    (void)argv;
    /* The parent process reads standard output, so a fault is reported there, as JSON; the parent prints the
     * message. */
    static char before[64];
    snprintf(before, sizeof before, "{\"error\": {\"status\": %d, \"text\": \"", XLSTM_ECHANGED);
    cli_signals_install_continue();
    cli_faults_install(STDOUT_FILENO, before, CLI_FAULT_TEXT "\"}}\n");
    return tune_fresh_main();
}

const cli_command cli_cmd_fresh_process = {.summary = NULL, .run = run};
