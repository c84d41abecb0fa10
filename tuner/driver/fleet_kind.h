/* A fleet at work and its kinds of nodes, shared by the files of the fleet. Private to tuner/driver. */
#ifndef TUNE_DRIVER_FLEET_KIND_H
#define TUNE_DRIVER_FLEET_KIND_H

#include "tuner/driver/fleet_options.h"
#include "tuner/driver/proposer.h"

/* A proposal whose result has not been told yet. */
typedef struct tune_pending {
    int64_t number;
    uint32_t point;
    int64_t twin; /* the trial that measures the same point, of which this one becomes a duplicate; -1: none */
} tune_pending;

/* Nodes of one kind, and the run in which they are searched. */
typedef struct tune_kind {
    char *name;
    tune_target target;       /* space and baseline of this kind; nothing can be measured with it */
    tune_space *space;        /* where the kind has another space than this machine's; NULL */
    tune_named_list baseline; /* the same */
    tune_keeper *keeper;      /* the trials without a gap from the first on */
    int64_t run;
    tune_proposer *proposer;
    int64_t *trial_of; /* [points]: the trial that measures or measured a point; -1: none */
    size_t points;
    tune_pending *pending;
    size_t pending_count, pending_room;
    int64_t next;   /* number of the next proposal */
    int limit;      /* number of proposals; 0: none */
    double trial_s; /* seconds that trials took, and how many there were */
    int trial_n;
    int nodes; /* how many of its nodes are there */
    bool exhausted, ended;
    tune_drive_result result;
} tune_kind;

typedef struct tune_fleet tune_fleet;
struct tune_fleet {
    /* Looks at nodes and results, tells the strategies, and proposes; does not wait. Positive: something had come.
     */
    int (*turn)(tune_fleet *f, xlstm_error *err);
    tune_study *study;
    const tune_fleet_options *options;
    tune_kind **kind; /* [kinds] */
    size_t kinds;
    tune_node_row *nodes; /* as they were at the last look */
    size_t node_count;
    double looked;  /* when that was, by xl_now_s */
    double started; /* by tune_drive_now */
    double until;   /* when the budget's search ends, by the database's clock; INFINITY: at no time */
    bool told_neighbours;
    char waiting[160]; /* the last sentence on what is waited for */
};

bool tune_fleet_stopped(const tune_fleet *f);
void tune_fleet_note(const tune_fleet *f, const char *text);
/* Whether a node can be given work. */
bool tune_fleet_is_there(const tune_fleet *f, const tune_node_row *node);
/* Nodes of this machine whose process was killed are not there any more, and do not keep their tasks until their
 * leases end. */
int tune_fleet_look_for_dead(tune_fleet *f, xlstm_error *err);
void tune_fleet_nap(double seconds);

/* Describes the target as the kind's nodes do. Where they have the space and baseline of this machine that is the
 * target as it is here; else the space is made from what they say, and settings that would be equal in effect are
 * not known as such. */
int tune_kind_describe(tune_kind *kind, const tune_target *here, const tune_node_row *node, xlstm_error *err);
/* Makes room for what is known of each point that the space has by now. */
int tune_kind_reserve(tune_kind *kind, xlstm_error *err);
int tune_kind_add_pending(tune_kind *kind, int64_t number, uint32_t point, int64_t twin, xlstm_error *err);
void tune_kind_free(tune_kind *kind);

#endif
