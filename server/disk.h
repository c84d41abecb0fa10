/* Files of states are read and written by a thread of their own, so that running streams never wait for a disk. */
#ifndef SERVE_DISK_H
#define SERVE_DISK_H

#include <stdbool.h>

#include <xlstm/xlstm.h>

typedef enum serve_errand_kind { SERVE_LOAD, SERVE_SAVE, SERVE_REMOVE } serve_errand_kind;

typedef struct serve_errand serve_errand;
struct serve_errand {
    serve_errand_kind kind;
    char *path;             /* malloc'd; the errand's */
    xlstm_session *session; /* of LOAD and SAVE, nobody else's meanwhile; whose it is then `done` decides */
    void (*done)(void *owner, serve_errand *errand);
    void *owner, *subject; /* for `done` */
    int status;            /* ENOTFOUND: LOAD found no file */
    xlstm_error err;
    serve_errand *next;
};

typedef struct serve_disk serve_disk;

/* `wake` is called from the disk's thread whenever an errand is done. */
int serve_disk_create(serve_disk **out, void (*wake)(void *user), void *user, xlstm_error *err);
/* Finishes all errands, and settles them. NULL is accepted. */
void serve_disk_destroy(serve_disk *disk);
/* Takes over the errand, which is malloc'd. */
void serve_disk_submit(serve_disk *disk, serve_errand *errand);
/* Calls `done` of what is done, in the caller's thread. */
void serve_disk_settle(serve_disk *disk);
/* Whether there is something to settle; and the number of errands on their way. */
bool serve_disk_ready(serve_disk *disk);
int serve_disk_pending(serve_disk *disk);

#endif
