/* The command table: a subcommand is one file cmd_<name>.c that ends in one const entry. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

typedef struct cli_command {
    const char *name;    /* "save-outputs" */
    const char *summary; /* one line for `xltune -h` */
    /* argv[0] is the command's name. Returns the process's exit code. */
    int (*run)(int argc, char **argv);
} cli_command;

/* Every subcommand, in the order of the help; ends with NULL. */
extern const cli_command *const cli_commands[];

#endif
