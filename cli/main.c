#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/faults.h"
#include "cli/json_memory.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/study/study_address.h"

typedef struct row {
    const char *name;
    const cli_command *command;
} row;

static const row rows[] = {
#define COMMAND(id, name) {name, &cli_cmd_##id},
#include "cli/commands.def"
#undef COMMAND
};
enum { ROWS = sizeof rows / sizeof *rows };

static int usage(void) {
    printf("usage: xltune COMMAND [options]\n"
           "Runs xLSTM checkpoints and finds the fastest runtime parameters for them.\n\n");
    for (const row *r = rows; r < rows + ROWS; r++) {
        if (r->command->summary) printf("  %-14s %s\n", r->name, r->command->summary);
    }
    printf("\n  xltune COMMAND -h   the options of a command\n"
           "  xltune --version    the version\n\n"
           "xltune follows a set of Python programs that tune xLSTM-7B with PyTorch; the\n"
           "help calls them 'the original'. Their flags, configs and run folders work here.\n");
    return 0;
}

static const row *find(const char *name) {
    for (const row *r = rows; r < rows + ROWS; r++) {
        /* '-' and '_' are interchangeable in commands as in flags. */
        if (!xl_name_distance(r->name, name)) return r;
    }
    return NULL;
}

static int unknown(const char *name) {
    const char *names[ROWS] = {NULL};
    int count = 0;
    for (const row *r = rows; r < rows + ROWS; r++) {
        if (r->command->summary) names[count++] = r->name;
    }
    int near = xl_nearest_name(name, names, count);
    cli_say(NULL, "unknown %s %s%s%s%s (see xltune -h)", name[0] == '-' ? "option" : "command", name,
            near < 0 ? "" : ", did you mean ", near < 0 ? "" : names[near], near < 0 ? "" : "?");
    return 2;
}

/* A checkpoint may have thousands of shards, each of them an open file. */
static void allow_many_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(int argc, char **argv) {
    const char *name = argv[1];
    if (!strcmp(name, "-h") || !strcmp(name, "--help") || (!strcmp(name, "help") && argc == 2)) return usage();
    if (!strcmp(name, "--version") || !strcmp(name, "-V") || (!strcmp(name, "version") && argc == 2)) {
        printf("xltune %s\n", xlstm_version());
        return 0;
    }
    const row *command;
    if (!strcmp(name, "help")) {
        char *help[] = {argv[2], (char[]){"-h"}, NULL};
        command = find(argv[2]);
        return command ? command->command->run(2, help) : unknown(argv[2]);
    }
    command = find(name);
    return command ? command->command->run(argc - 1, argv + 1) : unknown(name);
}

int main(int argc, char **argv) {
    /* First of all, because the list of processes shows the arguments. */
    for (int i = 1; i < argc; i++) tune_study_hide_password(argv[i]);
    cli_signals_install_release();
    cli_streams_prepare();
    cli_memory_prepare();
    cli_faults_install(STDERR_FILENO, "xltune: ", CLI_FAULT_TEXT "\n");
    allow_many_files();
    if (argc < 2) {
        cli_say(NULL, "missing command (see xltune -h)");
        return 2;
    }
    const row *command = find(argv[1]);
    return cli_streams_finish(command ? command->name : NULL, run(argc, argv));
}
