#include "server/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

struct serve_chat {
    xlstm_chat_template *template; /* NULL: there is none */
    char *problem;                 /* why the template that is there cannot be used; NULL: it can */
};

int serve_chat_open(serve_chat **out, const char *dir, xlstm_error *err) {
    *out = NULL;
    serve_chat *chat = calloc(1, sizeof *chat);
    if (!chat) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xlstm_error why;
    int status = xlstm_chat_template_open(&chat->template, dir, NULL, &why);
    /* Whoever does not chat can do without. But a template that only memory was missing for is not passed over. */
    if (status && status != XLSTM_ENOTFOUND && status != XLSTM_ENOMEM) {
        chat->problem = strdup(why.text);
        status = chat->problem ? XLSTM_OK : XLSTM_ENOMEM;
    }
    if (status == XLSTM_ENOMEM) {
        serve_chat_close(chat);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for the chat template", dir);
    }
    *out = chat;
    return XLSTM_OK;
}

void serve_chat_close(serve_chat *chat) {
    if (!chat) return;
    xlstm_chat_template_close(chat->template);
    free(chat->problem);
    free(chat);
}

const char *serve_chat_problem(const serve_chat *chat) {
    return chat->problem;
}

static bool no_memory(serve_refusal *why) {
    return serve_refuse(why, 503, "server_error", NULL, "out of memory");
}

static bool put(xl_bytes *out, const char *text) {
    return xl_bytes_append(out, text, strlen(text));
}

/* "User: …", a line each message; where the answer is to begin, "Assistant:". */
static bool render_plainly(const json_t *messages, bool generation, xl_bytes *out) {
    const json_t *message;
    size_t i;
    bool ok = true;
    json_array_foreach((json_t *)(uintptr_t)messages, i, message) {
        const char *role = json_string_value(json_object_get(message, "role"));
        const char *content = json_string_value(json_object_get(message, "content"));
        const bool system = !strcmp(role, "system");
        const char name[2] = {(char)(*role >= 'a' && *role <= 'z' ? *role - 'a' + 'A' : *role), 0};
        if (!system) ok = ok && put(out, name) && put(out, role + 1) && put(out, ": ");
        ok = ok && put(out, content) && put(out, "\n");
    }
    return ok && (!generation || put(out, "Assistant:"));
}

static bool render_by_template(const serve_chat *chat, const json_t *messages, bool generation,
                               const char *variables, char **text, size_t *bytes, serve_refusal *why) {
    const json_t *message;
    size_t i;
    xlstm_message *list = xl_array(json_array_size(messages), sizeof *list);
    xlstm_error err = {0};
    if (!list) return no_memory(why);
    json_array_foreach((json_t *)(uintptr_t)messages, i, message) {
        list[i] = (xlstm_message){json_string_value(json_object_get(message, "role")),
                                  json_string_value(json_object_get(message, "content"))};
    }
    const int status = xlstm_chat_render(chat->template, list, i, generation, variables, text, bytes, &err);
    free(list);
    if (!status) return true;
    if (status == XLSTM_ENOMEM) return serve_refuse(why, 503, "server_error", NULL, "%s", err.text);
    return serve_refuse(why, 400, "invalid_request_error", "messages", "%s", err.text);
}

/* The text of messages; malloc'd. */
static bool render(const serve_chat *chat, const json_t *messages, bool generation, const char *variables,
                   char **text, size_t *bytes, serve_refusal *why) {
    xl_bytes out = {0};
    if (chat->problem) return serve_refuse(why, 501, "server_error", NULL, "%s", chat->problem);
    if (chat->template) return render_by_template(chat, messages, generation, variables, text, bytes, why);
    if (!render_plainly(messages, generation, &out)) {
        free(out.data);
        return no_memory(why);
    }
    *text = out.data;
    *bytes = out.size;
    return true;
}

static bool encode(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, bool bos, int32_t **ids,
                   size_t *count, serve_refusal *why) {
    xlstm_error err = {0};
    if (!xlstm_tokenizer_encode(tokenizer, text, bytes, bos, ids, count, &err)) return true;
    if (err.status == XLSTM_ENOMEM) return no_memory(why);
    return serve_refuse(why, 400, "invalid_request_error", "prompt", "%s", err.text);
}

/* Other conversations will begin with the same system message: the state behind it is worth keeping. */
static void mark_system(serve_job *job, const serve_body *body, const serve_chat *chat,
                        const xlstm_tokenizer *tokenizer, bool bos) {
    json_t *leading = json_array(), *message;
    serve_refusal why;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t i, bytes = 0, count = 0, same = 0;
    json_array_foreach(body->messages, i, message) {
        if (strcmp(json_string_value(json_object_get(message, "role")), "system") != 0) break;
        json_array_append(leading, message);
    }
    const size_t system = json_array_size(leading);
    if (system && system < json_array_size(body->messages) &&
        render(chat, leading, false, body->variables, &text, &bytes, &why) &&
        encode(tokenizer, text, bytes, bos, &ids, &count, &why)) {
        while (same < count && same < job->count && ids[same] == job->ids[same]) same++;
        job->marks = same ? malloc(sizeof *job->marks) : NULL;
        if (job->marks) job->marks[job->mark_count++] = same;
    }
    json_decref(leading);
    free(text);
    free(ids);
}

/* Without a template nothing but the next line tells where an answer ends. */
static bool end_before_user(serve_job *job) {
    serve_stops *stops = &job->params.stops;
    return stops->count == SERVE_STOPS_MAX || serve_stops_add(stops, "\nUser:", 6);
}

bool serve_prompt_fill(serve_job *job, const serve_body *body, size_t index, const serve_chat *chat,
                       const xlstm_tokenizer *tokenizer, serve_refusal *why) {
    job->bos = xlstm_tokenizer_bos(tokenizer);
    if (!body->messages) {
        const serve_prompt *p = &body->prompts[index];
        if (p->text) return encode(tokenizer, p->text, p->bytes, true, &job->ids, &job->count, why);
        job->ids = xl_array(p->count, sizeof *job->ids);
        if (!job->ids) return no_memory(why);
        if (p->count) memcpy(job->ids, p->ids, p->count * sizeof *job->ids);
        job->count = p->count;
        return true;
    }
    char *text = NULL;
    size_t bytes = 0;
    const bool bos = !chat->template; /* a template writes its own */
    if (!render(chat, body->messages, true, body->variables, &text, &bytes, why)) return false;
    bool ok = encode(tokenizer, text, bytes, bos, &job->ids, &job->count, why);
    free(text);
    if (ok) mark_system(job, body, chat, tokenizer, bos);
    if (ok && bos && !end_before_user(job)) ok = no_memory(why);
    return ok;
}
