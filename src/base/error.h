/* Filling an xlstm_error. */
#ifndef XL_BASE_ERROR_H
#define XL_BASE_ERROR_H

#include <xlstm/status.h>

/* Stores status and the formatted text (cut to fit, cleaned with xl_utf8_clean) in err, which may be NULL. */
void xl_error_set(xlstm_error *err, int status, const char *format, ...) XLSTM_PRINTF(3, 4);

/* The same as an expression of the value `status`, so that a failing function can end with `return xl_fail(err,
 * XLSTM_EIO, …)`. `status` is evaluated twice and must have no side effects. It is a macro so that analyzers see
 * that a failure is never 0. */
static inline int xl_failed(int status) {
    return status;
}
#define xl_fail(err, status, ...) (xl_error_set((err), (status), __VA_ARGS__), xl_failed(status))

/* Edit distance between two names, in which '-' equals '_' and case is ignored; for "did you mean". */
unsigned xl_name_distance(const char *a, const char *b);

/* Index of the only one of `count` names that begins with `name`, of three letters or more; -1 where there is none
 * or several do. */
int xl_continued_name(const char *name, const char *const *names, int count);

/* Index of the nearest of `count` names, or -1 where none is within a third of the longer name's length. The only
 * one that begins with `name` is nearer than one that differs in two letters or more. */
int xl_nearest_name(const char *name, const char *const *names, int count);

#endif
