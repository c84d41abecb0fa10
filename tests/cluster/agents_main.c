/* agents_main ADDRESS RUN FOLDER PROGRAM NODES [WORD...]: keeps agents on a Ray cluster as `xltune optimize` does,
 * with PROGRAM in the place of xltune, until standard input ends or no agent is left. Prints what is said, and at
 * the end "over: REASON" or "ended". */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/agents.h"

static void say(const char *text) {
    printf("%s\n", text);
    fflush(stdout);
}

int main(int argc, char **argv) {
    xlstm_error err = {0};
    cluster_agents *agents;
    if (argc < 6) return 2;
    const cluster_agents_options options = {
        .address = argv[1], .package = {.program = argv[4]}, .nodes = strtoul(argv[5], NULL, 10), .say = say};
    int status = cluster_agents_open(&agents, &options, &err);
    if (!status) status = cluster_agents_start(agents, argv[2], (const char *const *)(argv + 6), argv[3], &err);
    if (status) {
        printf("failed: %s\n", err.text);
        cluster_agents_close(agents);
        return 1;
    }
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    bool over = false;
    while (!over && poll(&input, 1, 200) == 0) over = cluster_agents_are_over(agents, &err);
    cluster_agents_close(agents);
    if (over) printf("over: %s\n", err.text);
    else printf("ended\n");
    return 0;
}
