/* The body of a request, JSON from anyone, checked. */
#ifndef SERVE_BODY_H
#define SERVE_BODY_H

#include <jansson.h>

#include "server/job.h"

/* Whose words a request and its answer are in. */
typedef enum serve_form {
    SERVE_COMPLETION, /* OpenAI's /v1/completions */
    SERVE_CHAT,       /* OpenAI's /v1/chat/completions */
    SERVE_PLAIN       /* llama-server's /completion */
} serve_form;

enum { SERVE_PROMPTS_MAX = 32, SERVE_NAME_MAX = 64 };

/* Text or ids. */
typedef struct serve_prompt {
    char *text; /* malloc'd; NULL: ids */
    size_t bytes;
    int32_t *ids;
    size_t count;
} serve_prompt;

typedef struct serve_body {
    serve_form form;
    serve_params params;
    bool seeded; /* params.sampling.seed was given */
    serve_prompt prompts[SERVE_PROMPTS_MAX];
    size_t prompt_count;
    json_t *messages; /* CHAT: [{"role": text, "content": text}], not empty, without NUL in them */
    char *variables;  /* CHAT: further variables of the template, a JSON object; malloc'd, NULL: none */
    bool stream, usage, no_cache;
    char conversation[SERVE_NAME_MAX + 1], from[SERVE_NAME_MAX + 1]; /* names of conversations; "": none */
} serve_body;

/* Why a request is refused, as OpenAI's errors say it. */
typedef struct serve_refusal {
    int code;          /* of HTTP */
    const char *type;  /* "invalid_request_error" */
    const char *name;  /* a code for programs, "context_length_exceeded"; NULL: none */
    const char *allow; /* of 405: the methods that there are, "GET, HEAD"; NULL: none */
    char param[48];    /* the key that is wrong; "": none */
    char text[512];
} serve_refusal;

void serve_refusal_set(serve_refusal *why, int code, const char *type, const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static inline bool serve_refused(void) {
    return false;
}
/* The same as an expression of the value false, so that a failing function can end with it, and analyzers see that.
 */
#define serve_refuse(why, ...) (serve_refusal_set((why), __VA_ARGS__), serve_refused())
/* {"error": {...}}; malloc'd, NULL when out of memory. */
char *serve_refusal_json(const serve_refusal *why);

/* Reads a JSON object. A new reference, or NULL with *why filled. */
json_t *serve_json_read(const char *data, size_t bytes, serve_refusal *why);

/* Reads the body of a request in that form. max_tokens: of a choice at most; more that are asked for become as
 * many. On success *out is to be cleared; on failure it is clear already. */
bool serve_body_read(serve_body *out, serve_form form, const char *data, size_t bytes, int64_t max_tokens,
                     serve_refusal *why);
void serve_body_clear(serve_body *body);

#endif
