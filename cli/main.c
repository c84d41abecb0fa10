#include <stdio.h>
#include <string.h>

#include <xlstm/xlstm.h>

#include "cli/command.h"

const cli_command *const cli_commands[] = {NULL};

int main(int argc, char **argv) {
    if (argc > 1) {
        for (const cli_command *const *c = cli_commands; *c; c++) {
            if (!strcmp((*c)->name, argv[1])) return (*c)->run(argc - 1, argv + 1);
        }
    }
    printf("xltune %s\n", xlstm_version());
    return 0;
}
