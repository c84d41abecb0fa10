/* Declarations that the files of `xltune optimize` share. */
#ifndef CLI_OPTIMIZE_H
#define CLI_OPTIMIZE_H

#include "cli/config.h"
#include "cli/optimize_devices.h"
#include "cluster/agents.h"
#include "tuner/driver/driver.h"
#include "tuner/driver/recording.h"
#include "tuner/run/run.h"
#include "tuner/target/target.h"

/* ---- the target (optimize_target.c) ---- */

typedef struct cli_job {
    cli_config *cfg;
    const tune_target_class *class;
    char *name; /* of the target, with its argument; a program that was found has its whole path */
    tune_target target;
    /* Of a target that is told a request. */
    char *prompt; /* text, prompt_bytes long */
    size_t prompt_bytes;
    /* Of a target of a checkpoint. */
    xlstm_hparams hparams;
    int32_t *ids; /* [count], with BOS */
    size_t count;
    int64_t new_tokens;
    bool placebo;       /* every candidate runs the baseline's settings */
    bool proposes;      /* other processes measure; nothing is opened that only they need */
    const char *device; /* of those of --device all the one that stands for them; NULL: the configured one */
    int objective[TUNE_METRICS];
    int objectives;
    char *program; /* this program, to be run again */
} cli_job;

/* Reads what the configuration says for the target that it names, and opens that. Returns CLI_GO_ON, or an exit
 * code after printing the reason. The job must be closed in both cases. `stored` are the settings of a resumed run,
 * which become the baseline; NULL: the configured settings do. `device`: where several are meant, the one that
 * stands for them, in whose agents all is measured; NULL: the configured one is meant. It outlives the job. */
int cli_job_open(cli_job *job, cli_config *cfg, const char *argv0, const json_t *stored, const char *device);
void cli_job_close(cli_job *job);
/* The path of this program, malloc'd; NULL when out of memory. */
char *cli_find_program(const char *argv0);
/* The value of the key `target`, where its argument is the name of a program with the whole path of that, if it is
 * found beside the config, here or among the installed targets; malloc'd, NULL when out of memory. */
char *cli_target_name(const cli_config *cfg, const char *value);
/* What one of the two parts of the time that are searched apart is called: "prefill". Static storage. */
const char *cli_part_name(const cli_job *job, int part);

/* What the configuration says of the search (optimize_options.c); it stops on a signal. */
void cli_job_options(const cli_job *job, tune_drive_options *options);

/* ---- beginning and continuing a run (optimize_run.c) ---- */

/* A kind of nodes, for whose runs other facts hold than for this machine. */
typedef struct cli_kind {
    const char *fleet, *kind;
    const json_t *about; /* as tune_agent_about made it */
} cli_kind;

/* *first: the points to try first, an array of objects of params. kind: NULL is this machine. */
int cli_run_begin(cli_job *job, const tune_drive_options *options, const cli_kind *kind, tune_run **run,
                  json_t **first, xlstm_error *err);
/* The text of run_meta.json as a run on this machine would have it; malloc'd. */
int cli_run_describe(cli_job *job, const tune_drive_options *options, char **meta, xlstm_error *err);
/* What was raised becomes the configuration of the run. EMISMATCH where it cannot go on; then *run is NULL, and the
 * run's state is the one that it had. */
int cli_run_continue(const cli_job *job, const char *folder, json_t *meta, tune_run **run, xlstm_error *err);

/* ---- resuming a run (optimize_resume.c) ---- */

/* Returns the RUN of `--resume RUN` among the arguments; NULL where there is none. */
const char *cli_resume_folder(int argc, char **argv);
/* Reads the run's run_meta.json. Returns NULL after printing the reason. */
json_t *cli_resume_meta(const char *folder);
/* Makes arguments as if the run's configuration had been typed, followed by the arguments of this call. Returns
 * CLI_GO_ON, with *out to be freed by cli_resume_free; or an exit code, with the reason printed, where an argument
 * is given that may not be changed in a resumed run. */
int cli_resume_arguments(const json_t *meta, int argc, char **argv, int *out_count, char ***out);
void cli_resume_free(char **arguments);
/* Makes the arguments alone that say what a stored configuration says, without the keys in `except`, which ends
 * with NULL. The first one is the command's name. NULL when out of memory. */
char **cli_typed_arguments(const json_t *meta, const char *command, const char *const *except, int *count);
/* Prints a notice where log_dir holds an interrupted run with this configuration. */
void cli_resume_hint(const char *log_dir, const json_t *effective);

/* ---- a search that other processes measure (optimize_fleet.c) ---- */

/* Proposes until the fleet's searches have ended; returns the exit code. `meta`: of a run of the fleet that is
 * continued; NULL: a new one is begun. Agents are started on a cluster (`agents`, which is closed) or on `devices`
 * of this machine for it; both NULL: they come by themselves. */
int cli_fleet_search(cli_job *job, tune_drive_options *options, const json_t *meta, cluster_agents *agents,
                     cli_devices *devices);

/* ---- what is shown (optimize_show.c) ---- */

enum { CLI_FINALISTS = 5 }; /* number of trials listed at the end, at most */

typedef struct cli_show {
    bool terminal; /* true: a progress bar on standard error; false: lines on standard output */
    int width;     /* columns of the line on the terminal now */
    double last;   /* when it was drawn last, by xl_now_s */
    int tenths;    /* tenths of a recording for which a line was printed */
    int total,
        old; /* number of proposals (0: unknown), and how many of them came from the run before it was resumed */
    bool headed;                     /* the explanation of the lines of trials was printed */
    int64_t finalist[CLI_FINALISTS]; /* trials of the last playoff, best first */
    int finalists;
    const cli_job *job;
    struct xl_live *live; /* what `xltune top` shows */
} cli_show;
void cli_show_init(cli_show *show, const cli_job *job, int total);
tune_watcher cli_show_watcher(cli_show *show);
void cli_show_clear(cli_show *show);
/* Clears the line, and tells nobody any more. */
void cli_show_end(cli_show *show);
/* Prints the winner, the baseline, the verdict, and the front of several objectives. */
void cli_show_result(const cli_show *show, const tune_run *run, const tune_drive_result *result);
/* Prints how many points were recorded, the fastest point and the baseline. */
void cli_show_recording(const tune_run *run, const tune_recording *recording);

/* ---- the curated snapshots (optimize_best.c) ---- */

/* The params of the newest snapshot that another machine measured for the same checkpoint, device and workload, as
 * a first point to try; a notice says so. The caller owns the reference; NULL: there is none. */
json_t *cli_best_elsewhere(const cli_job *job, const tune_run_row *run);
/* Writes best/<backend>_latest.json and a copy with the date in its name, where the winner is better than the
 * snapshot that is there for the same circumstances. Where that snapshot was not the baseline, the two are compared
 * in fresh processes. *text says what was done, malloc'd; NULL where there is nothing to say. Returns a status. */
int cli_best_write(const cli_job *job, const tune_run *run, const tune_drive_options *options,
                   const tune_drive_result *result, char **text, xlstm_error *err);

#endif
