#include <stdio.h>
#include <string.h>

#include <xlstm/xlstm.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/streams.h"

extern const cli_command cli_cmd_bench;
extern const cli_command cli_cmd_detokenize;
extern const cli_command cli_cmd_explain;
extern const cli_command cli_cmd_fresh_process;
extern const cli_command cli_cmd_generate;
extern const cli_command cli_cmd_info;
extern const cli_command cli_cmd_judge;
extern const cli_command cli_cmd_optimize;
extern const cli_command cli_cmd_params;
extern const cli_command cli_cmd_perplexity;
extern const cli_command cli_cmd_plot;
extern const cli_command cli_cmd_replay;
extern const cli_command cli_cmd_save_outputs;
extern const cli_command cli_cmd_study;
extern const cli_command cli_cmd_synth;
extern const cli_command cli_cmd_tokenize;
extern const cli_command cli_cmd_verify;

/* One row a command, sorted as the help shows them. */
/* clang-format off */
const cli_command *const cli_commands[] = {
    &cli_cmd_bench,
    &cli_cmd_detokenize,
    &cli_cmd_explain,
    &cli_cmd_fresh_process,
    &cli_cmd_generate,
    &cli_cmd_info,
    &cli_cmd_judge,
    &cli_cmd_optimize,
    &cli_cmd_params,
    &cli_cmd_perplexity,
    &cli_cmd_plot,
    &cli_cmd_replay,
    &cli_cmd_save_outputs,
    &cli_cmd_study,
    &cli_cmd_synth,
    &cli_cmd_tokenize,
    &cli_cmd_verify,
    NULL,
};
/* clang-format on */

static int usage(void) {
    printf("usage: xltune COMMAND [options]\n"
           "Runs xLSTM checkpoints and finds the fastest runtime parameters for them.\n\n");
    for (const cli_command *const *c = cli_commands; *c; c++) {
        if ((*c)->summary) printf("  %-14s %s\n", (*c)->name, (*c)->summary);
    }
    printf("\n  xltune COMMAND -h   the command's options\n  xltune --version\n");
    return 0;
}

static const cli_command *find(const char *name) {
    for (const cli_command *const *c = cli_commands; *c; c++) {
        /* '-' and '_' are interchangeable in commands as in flags. */
        if (!xl_name_distance((*c)->name, name)) return *c;
    }
    return NULL;
}

static int unknown(const char *name) {
    enum { MOST = 64 };
    const char *names[MOST] = {NULL};
    int count = 0;
    for (const cli_command *const *c = cli_commands; *c && count < MOST; c++) {
        if ((*c)->summary) names[count++] = (*c)->name;
    }
    int near = xl_nearest_name(name, names, count);
    cli_say(NULL, "unknown %s %s%s%s%s (see xltune -h)", name[0] == '-' ? "option" : "command", name,
            near < 0 ? "" : ", did you mean ", near < 0 ? "" : names[near], near < 0 ? "" : "?");
    return 2;
}

static int run(int argc, char **argv) {
    const char *name = argv[1];
    if (!strcmp(name, "-h") || !strcmp(name, "--help") || (!strcmp(name, "help") && argc == 2)) return usage();
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("xltune %s\n", xlstm_version());
        return 0;
    }
    const cli_command *command;
    if (!strcmp(name, "help")) {
        char *help[] = {argv[2], (char[]){"-h"}, NULL};
        command = find(argv[2]);
        return command ? command->run(2, help) : unknown(argv[2]);
    }
    command = find(name);
    return command ? command->run(argc - 1, argv + 1) : unknown(name);
}

int main(int argc, char **argv) {
    cli_streams_prepare();
    if (argc < 2) {
        cli_say(NULL, "missing command (see xltune -h)");
        return 2;
    }
    const cli_command *command = find(argv[1]);
    return cli_streams_finish(command ? command->name : NULL, run(argc, argv));
}
