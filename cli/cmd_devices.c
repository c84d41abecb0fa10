/* xltune devices: lists the devices that can run a model. */
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"

static const cli_spec spec = {
    .command = CLI(devices),
    .summary = "Lists the devices of this machine that models can run on, the default first,\n"
               "by the names that --device takes.",
};

enum { INDENT = 11 };

/* A line is wrapped where a person reads it; a program gets one for each device. */
static int print_table(void) {
    xlstm_device_info device;
    for (int i = 0; !xlstm_device_at(i, &device); i++) {
        char text[sizeof device.text + 40];
        const int used = snprintf(text, sizeof text, "%s", device.text);
        if (device.memory_bytes)
            snprintf(text + used, sizeof text - (size_t)used, ", %.1f GB", (double)device.memory_bytes * 1e-9);
        printf("%-10s ", device.name);
        if (isatty(STDOUT_FILENO)) cli_print_wrapped(text, INDENT, INDENT);
        else printf("%s\n", text);
    }
    return 0;
}

static int print_json(const cli_config *cfg) {
    xlstm_error err = {0};
    xlstm_device_info device;
    json_t *rows = json_array();
    for (int i = 0; !xlstm_device_at(i, &device); i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I}", "name", device.name, "text", device.text,
                                              "memory_bytes", (json_int_t)device.memory_bytes));
    int code = cli_print_json(rows, JSON_INDENT(2), stdout, &err) ? cli_fail(cfg, &err) : 0;
    json_decref(rows);
    return code;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    code = cli_bool(cfg, "json") ? print_json(cfg) : print_table();
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_devices = {"list the devices that models can run on", run};
