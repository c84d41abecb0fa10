/* The measuring role: a node of a fleet (tuner/study/tasks.h). It claims tasks, measures them beside its own
 * baseline, and stores what came of them, until the fleet ends. */
#ifndef TUNE_DRIVER_AGENT_H
#define TUNE_DRIVER_AGENT_H

#include "tuner/driver/options.h"
#include "tuner/study/tasks.h"
#include "tuner/target/target.h"

#define TUNE_LEASE_S 30.0    /* a node that is not heard of for so long has lost its task */
#define TUNE_PATIENCE_S 60.0 /* an agent whose proposing process is not heard of for so long ends */

typedef struct tune_agent_options {
    const tune_node_row *node;       /* what it registers as; its uid is new */
    const tune_drive_options *drive; /* of measuring: effort, repeats, objectives, stop */
    double lease_s, patience_s;
    void (*note)(void *ctx, const char *text); /* a sentence for the user; may be NULL */
    void *note_ctx;
} tune_agent_options;

typedef struct tune_agent_result {
    int trials, checks, processes; /* tasks that it finished: of the search, the playoff and the last comparison */
    int lost;                      /* tasks that were no longer its own when they were finished */
} tune_agent_result;

/* Works until the fleet ends, its proposing process is gone, or it is stopped; then it has left the fleet and
 * returned its task. A negative status where the node cannot measure (the baseline fails), or the study is gone. */
int tune_agent_run(const tune_target *target, tune_study *study, const tune_agent_options *options,
                   tune_agent_result *result, xlstm_error *err);

/* By how many seconds this machine's clock is ahead of another one, which was `there` when it was asked, at some
 * time between `before` and `after` of this one's. *doubt is the error that this has at most, half the time
 * between. */
double tune_agent_clock_ahead(double before, double after, double there, double *doubt);

/* What makes nodes one kind, as JSON text, and its hash, 32 hexadecimal digits and a NUL. The text is malloc'd;
 * NULL when out of memory. */
char *tune_agent_about(const tune_target *target, const char *target_name, const char *machine,
                       const json_t *machine_info, const char *version, char kind[33]);

#endif
