#include "tuner/study/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

/* A process that only asks whether a folder is free holds its lock for an instant, so the lock is tried several
 * times. */
enum { TRIES = 40, WAIT_NS = 5000000 };

/* Whether the path still names the folder that was opened; another process may have removed it since. */
static bool is_there(int fd, const char *folder) {
    struct stat opened, named;
    return !fstat(fd, &opened) && !stat(folder, &named) && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

int tune_run_lock(int *lock, const char *folder, xlstm_error *err) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = 0;
    if (fd < 0)
        return xl_fail(err, errno == ENOENT ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < TRIES; i++) {
        if (!flock(fd, LOCK_EX | LOCK_NB)) {
            failed = 0;
            break;
        }
        failed = errno;
        if (failed != EWOULDBLOCK && failed != EINTR) break;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    int status = XLSTM_OK;
    if (failed == EWOULDBLOCK || failed == EINTR)
        status = xl_fail(err, XLSTM_EARG, "%s: another process is working on this run", folder);
    else if (failed) status = xl_fail(err, XLSTM_EIO, "%s: cannot be locked: %s", folder, strerror(failed));
    else if (!is_there(fd, folder)) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such folder any more", folder);
    if (status) close(fd);
    else *lock = fd;
    return status;
}

bool tune_run_is_free(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR;
    bool idle = flock(fd, LOCK_SH | LOCK_NB) == 0;
    close(fd);
    return idle;
}
