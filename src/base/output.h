/* Everything that is written to a path goes through these functions, so that all outputs follow the same rules:
 *
 * "-" (and /dev/stdout) is standard output, and /dev/fd/N is that descriptor, written from where it stands.
 *
 * A FIFO, a device or a socket is written in place. A FIFO that nobody opens for reading within XL_FIFO_WAIT_S
 * (base/file.h) is an error, so that no command waits for ever.
 *
 * A symbolic link is followed: the link stays, and its target is written whether it exists or not.
 *
 * Anything else is written into a temporary file beside it, which is synced and renamed over it: a reader sees the
 * old file or the new one, never a part. A file that exists keeps its mode and, where that is allowed, its owner; a
 * file that may not be written is left alone.
 *
 * Every failure is EIO (ENOMEM where memory ran out) with the path and the system's reason. */
#ifndef XL_BASE_OUTPUT_H
#define XL_BASE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <xlstm/status.h>

/* A file that appears whole at the end. */
typedef struct xl_output xl_output;

int xl_output_open(xl_output **out, const char *path, xlstm_error *err);
/* Looks, before the work whose result will be written, whether that can be written at all: fails as the opening
 * will fail where the path is a folder, or where the folder that it would be made in is not there or not writable.
 * Makes and changes nothing. */
int xl_output_look(const char *path, xlstm_error *err);
int xl_output_write(xl_output *o, const void *data, size_t bytes, xlstm_error *err);
/* Returns a stream that writes into the output, in place of xl_output_write. It belongs to o: a commit writes what
 * it still holds and reports what it could not write. */
int xl_output_stream(xl_output *o, FILE **stream, xlstm_error *err);
/* Puts what was written in place. Releases o on success and on failure. */
int xl_output_commit(xl_output *o, xlstm_error *err);
/* Drops what was written (in place it stays as far as it came) and releases o, which may be NULL. */
void xl_output_abort(xl_output *o);
/* Removes the temporary files of all outputs that are open, for a process that ends at once where no memory is
 * left. May be called at any time by any thread; what is released afterwards is released as ever. */
void xl_output_drop_all(void);
/* The file that another program may write instead of xl_output_write: it exists and is empty. It lives as long as
 * o; NULL where o is a descriptor. */
const char *xl_output_name(const xl_output *o);

/* Removes the temporary files in a folder of processes that are gone: killed, or ended with the machine. */
void xl_output_sweep(const char *folder);

/* The whole of an output at once. */
int xl_file_write(const char *path, const void *data, size_t bytes, xlstm_error *err);

/* A table that grows line by line while others look on: made with its folder, written in place, each line flushed.
 * The first failure is kept until the end, so that a full disk does not stop the work in between. */
typedef struct xl_log xl_log;

int xl_log_open(xl_log **out, const char *path, xlstm_error *err);
void xl_log_line(xl_log *log, const char *format, ...) XLSTM_PRINTF(2, 3); /* the newline is added */
/* Releases the log, which may be NULL; tells the first failure. */
int xl_log_close(xl_log *log, xlstm_error *err);

/* Writes everything to a descriptor; 0, or -1 with errno. */
int xl_write_all(int fd, const void *data, size_t bytes);

#endif
