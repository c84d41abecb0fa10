/* Where prompts begin alike. */
#ifndef SERVE_RECENT_H
#define SERVE_RECENT_H

#include "server/core.h"

/* How many tokens the prompt has in common with one of the last; it joins them. */
size_t serve_common(serve_scheduler *s, const int32_t *ids, size_t count);
void serve_recent_clear(serve_scheduler *s);

#endif
