/* What the files of `xltune optimize` share. */
#ifndef CLI_OPTIMIZE_H
#define CLI_OPTIMIZE_H

#include "cli/config.h"
#include "tuner/driver/driver.h"
#include "tuner/driver/recording.h"
#include "tuner/target/engine.h"

/* The name of the hidden command that a fresh process of the last comparison is. */

/* ---- the engine as a problem (optimize_problem.c) ---- */

typedef struct cli_job {
    cli_config *cfg;
    xlstm_settings baseline;
    tune_space *space;
    const xlstm_tunable *tunable[TUNE_SPACE_PARAMS]; /* of each parameter; NULL: none of the engine's */
    xlstm_hparams hparams;
    xlstm_work work; /* of a request: decides which settings are one */
    char *prompt;    /* text, prompt_bytes long */
    size_t prompt_bytes;
    int32_t *ids; /* with BOS */
    size_t count;
    int64_t new_tokens;
    bool placebo; /* every candidate runs the baseline's settings */
    int objective[TUNE_METRICS];
    int objectives;
    char program[4096]; /* this program, to be run again */
    tune_engine_options engine_options;
    char checkpoint[65]; /* its fingerprint when the run began */
    tune_engine *engine;
    tune_target target;
} cli_job;

/* Reads objectives and prompt, opens the checkpoint, makes the space. Returns CLI_GO_ON, or an exit code after the
 * reason was printed. The job is to be closed in either case. `stored` (the settings of a resumed run; NULL: as
 * configured) are the baseline. */
int cli_job_open(cli_job *job, cli_config *cfg, const char *argv0, const json_t *stored);
void cli_job_close(cli_job *job);
/* One line on why there are fewer points than settings, malloc'd; NULL where there are not. */
char *cli_job_equal_text(const cli_job *job);
/* The settings that a point, or the baseline, is measured with. */
void cli_job_settings(void *job, int64_t candidate, xlstm_settings *out);

/* ---- going on with a run (optimize_resume.c) ---- */

/* The RUN of `--resume RUN` among the arguments; NULL: none. */
const char *cli_resume_folder(int argc, char **argv);
/* Reads the run's run_meta.json; NULL after the reason was printed. */
json_t *cli_resume_meta(const char *folder);
/* The arguments as if the run's configuration had been typed, followed by the arguments of this call. Fails (exit
 * code, reason printed) where anything is given but what may be raised. *out is freed with cli_resume_free. Returns
 * CLI_GO_ON otherwise. */
int cli_resume_arguments(const json_t *meta, int argc, char **argv, int *out_count, char ***out);
void cli_resume_free(char **arguments);
/* Prints a notice where a run with this configuration was interrupted in log_dir. */
void cli_resume_hint(const char *log_dir, const json_t *effective);

/* ---- what is shown (optimize_show.c) ---- */

enum { CLI_FINALISTS = 5 }; /* shown at the end, at most */

typedef struct cli_show {
    bool terminal;  /* a bar that is drawn over, on standard error; else lines on standard output */
    int width;      /* of what is drawn now */
    double last;    /* xl_now_s of the last drawing */
    int tenths;     /* of a recording that have a line */
    int total, old; /* proposals (0: unknown), of these from before */
    bool headed;    /* it was said what the lines of trials hold */
    int64_t finalist[CLI_FINALISTS]; /* trials, best first, of the last playoff */
    int finalists;
    const cli_job *job;
} cli_show;
void cli_show_init(cli_show *show, const cli_job *job, int total);
tune_watcher cli_show_watcher(cli_show *show);
void cli_show_clear(cli_show *show);
/* Prints the winner, the baseline, the verdict, and the front of several objectives. */
void cli_show_result(const cli_show *show, const tune_keeper *keeper, const tune_drive_result *result);
/* Prints how much was recorded, the fastest point and the baseline. */
void cli_show_recording(const tune_keeper *keeper, const tune_recording *recording);

/* ---- the curated snapshots (optimize_best.c) ---- */

/* The params of the newest snapshot that another machine measured for the same checkpoint, device and workload;
 * they are worth a try, and a notice says so. A new reference; NULL: there is none. */
json_t *cli_best_elsewhere(const cli_job *job, const tune_run_row *run);
/* Writes best/<backend>_latest.json and a dated copy where the winner is better than the matching snapshot. The two
 * are compared afresh where that snapshot was not the baseline. *text says what was done, malloc'd; NULL where
 * there is nothing to say. */
int cli_best_write(const cli_job *job, const tune_keeper *keeper, const tune_drive_options *options,
                   const tune_drive_result *result, char **text, xlstm_error *err);

#endif
