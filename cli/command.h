/* The command table. A command is one file cmd_<id>.c that ends in `const cli_command cli_cmd_<id>`, and one row of
 * commands.def, which gives it its name. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

typedef struct cli_command {
    const char *summary; /* one line for `xltune -h`; NULL: not listed there */
    /* argv[0] is the command's name. Returns the process's exit code. */
    int (*run)(int argc, char **argv);
} cli_command;

#define COMMAND(id, name) extern const cli_command cli_cmd_##id;
#include "cli/commands.def"
#undef COMMAND

#endif
