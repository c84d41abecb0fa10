/* xltune fresh-process: the other side of the last comparison; started by optimize alone and left out of the help.
 */
#include <stddef.h>

#include "cli/command.h"
#include "cli/optimize.h"

static int run(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return tune_fresh_main();
}

const cli_command cli_cmd_fresh_process = {.summary = NULL, .run = run};
