/* Who may ask: API keys, and where there are none, only what this machine's own user can mean. */
#ifndef SERVE_ACCESS_H
#define SERVE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

typedef struct serve_access serve_access;

/* Keys from a file, one a line ('#' begins a comment; NULL: no file), and one from a text (NULL or "": none).
 * EFORMAT where a key is shorter than 8 characters, or has spaces. */
int serve_access_create(serve_access **out, const char *file, const char *key, xlstm_error *err);
void serve_access_destroy(serve_access *access);
size_t serve_access_count(const serve_access *access);

/* Whether "Bearer KEY" (NULL: no header) names a key. `owner` then becomes a name for it that tells nothing of it,
 * for files. The time this takes does not depend on how much of a key is right. */
bool serve_access_allows(const serve_access *access, const char *authorization, char owner[17]);

/* Without keys: whether the request comes from a program of this machine, and not from a page in its browser that
 * was loaded from elsewhere, which the browser tells by Host and Origin (NULL: no such header). */
bool serve_access_is_local(const char *host, const char *origin);

/* Whether an address to listen at is this machine's own alone. */
bool serve_access_is_loopback(const char *host);

#endif
