/* The names of the commands, as they are typed. */
#include <assert.h>
#include <stdio.h>

#include "cli/keys.h"

static const char *const command_names[] = {
#define COMMAND(id, name) name,
#include "cli/commands.def"
#undef COMMAND
};
static_assert(CLI_COMMAND_COUNT <= 64, "a set of commands is 64 bits");

const char *cli_command_name(cli_commands command) {
    for (int id = 0; id < CLI_COMMAND_COUNT; id++) {
        if (command == UINT64_C(1) << id) return command_names[id];
    }
    assert(!"one command");
    return "";
}

void cli_command_names(cli_commands commands, char *out, int size) {
    int used = 0;
    out[0] = 0;
    for (int id = 0; id < CLI_COMMAND_COUNT; id++) {
        if (!(commands & UINT64_C(1) << id) || used >= size) continue;
        used += snprintf(out + used, (size_t)(size - used), "%s%s", used ? ", " : "", command_names[id]);
    }
}
