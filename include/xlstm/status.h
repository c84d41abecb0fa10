/* Status codes and error texts of libxlstm. */
#ifndef XLSTM_STATUS_H
#define XLSTM_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define XLSTM_API __attribute__((visibility("default")))
#define XLSTM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define XLSTM_API
#define XLSTM_PRINTF(f, a)
#endif

/* Every function that can fail returns one of these as an int: 0 on success, negative on failure. */
#define XLSTM_STATUS_MAP(X)                                                                                        \
    X(OK, 0, "success")                                                                                            \
    X(ENOMEM, -1, "out of memory")                                                                                 \
    X(EIO, -2, "input or output failed")                                                                           \
    X(EFORMAT, -3, "malformed file")                                                                               \
    X(EARG, -4, "argument out of range")                                                                           \
    X(EUNSUPPORTED, -5, "not supported")                                                                           \
    X(ECANCELLED, -6, "cancelled")                                                                                 \
    X(EMISMATCH, -7, "does not belong to this checkpoint or machine")                                              \
    X(ENOTFOUND, -8, "not found")                                                                                  \
    X(EINTERNAL, -9, "internal error")                                                                             \
    X(ENOTFINITE, -10, "no finite number is left")                                                                 \
    X(ECHANGED, -11, "a file changed while it was in use")                                                         \
    X(EDEVICE, -12, "the device failed")                                                                           \
    X(EDEVICEMEM, -13, "out of device memory")

typedef enum xlstm_status {
#define XLSTM_STATUS_ENUM(name, value, text) XLSTM_##name = (value),
    XLSTM_STATUS_MAP(XLSTM_STATUS_ENUM)
#undef XLSTM_STATUS_ENUM
} xlstm_status;

/* Filled on failure by every function that takes one; NULL is accepted everywhere. `text` is one line without
 * a newline that names the file, the key, what was found and what was wanted. Plain data: nothing to free. */
typedef struct xlstm_error {
    int status;
    char text[1024];
} xlstm_error;

/* "EFORMAT" for XLSTM_EFORMAT; "UNKNOWN" for a value that is not a status. Static storage. */
XLSTM_API const char *xlstm_status_name(int status);

/* "malformed file" for XLSTM_EFORMAT. Static storage. */
XLSTM_API const char *xlstm_status_text(int status);

#ifdef __cplusplus
}
#endif
#endif
