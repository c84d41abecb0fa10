/* xltune optimize --device all: an agent for each GPU of this machine, started, followed and ended by the proposing
 * process. They end with it, whichever way it ends. */
#ifndef CLI_OPTIMIZE_DEVICES_H
#define CLI_OPTIMIZE_DEVICES_H

#include "cli/config.h"

typedef struct cli_devices cli_devices;

/* Whether a value of --device means several devices: "all", which are those of every kind but the first, the
 * processor; or "KIND:all", which are those of one kind. */
bool cli_devices_meant(const char *device);
/* Finds them where --device means several; else *out is NULL. Returns CLI_GO_ON, or an exit code after printing the
 * reason. Starts nothing; `program` is this program, to be run for them. */
int cli_devices_open(cli_devices **out, const cli_config *cfg, const char *program);
/* The name of the first one; NULL where `devices` is NULL. Lives as long as `devices`. */
const char *cli_devices_first(const cli_devices *devices);
int cli_devices_count(const cli_devices *devices);
/* Prints their names, "vulkan, vulkan:1". */
void cli_devices_print(const cli_devices *devices);

/* Starts an agent on each. `fleet` names the search in the study. What they print is kept in files
 * `folder`/DEVICE.log, which is made. To be called once. */
int cli_devices_start(cli_devices *devices, const char *study, const char *fleet, const char *folder,
                      xlstm_error *err);
/* Looks after the agents, and returns how many there are. One that has failed is left out, with a sentence that
 * names its device and the reason; one that was killed, by a driver that crashed for instance, is started again a
 * few times. */
int cli_devices_tend(cli_devices *devices, void (*say)(void *ctx, const char *text), void *ctx);
/* Says why the last one that was left out has failed; returns the status. */
int cli_devices_failure(const cli_devices *devices, xlstm_error *err);
/* Asks the agents to end, and kills those that do not within 15 seconds; `at_once`: within two, because the user
 * waits. What a killed one measured is measured again when its lease has run out, if the search is continued. */
void cli_devices_end(cli_devices *devices, bool at_once);
/* Prints a line for each device: what its agent measured. */
void cli_devices_report(const cli_devices *devices);
/* Ends them and frees everything. NULL is accepted. */
void cli_devices_close(cli_devices *devices);

#endif
