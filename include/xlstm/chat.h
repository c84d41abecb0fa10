/* A conversation as the text that a chat model was trained on. */
#ifndef XLSTM_CHAT_H
#define XLSTM_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One message. Both are UTF-8 and NUL-terminated. */
typedef struct xlstm_message {
    const char *role; /* "system", "user", "assistant", or another that the template knows */
    const char *content;
} xlstm_message;

/* A chat template: the part of Jinja that such templates use (docs/chat.md), with the results of the transformers
 * library. Immutable; shareable between threads. */
typedef struct xlstm_chat_template xlstm_chat_template;

/* Reads the template of a checkpoint's folder: chat_template.jinja, else chat_template in tokenizer_config.json.
 * `name` chooses one where there are several (additional_chat_templates/NAME.jinja, or the list in
 * tokenizer_config.json); NULL is "default". A name that holds a '/' or ends in .jinja is a file, which is read in
 * the place of the folder's own. The special tokens come from tokenizer_config.json. ENOTFOUND: the
 * folder has no template, or none of that name. EFORMAT names the line that is no Jinja, EUNSUPPORTED the statement
 * that is not known here. On success *out is the caller's. */
XLSTM_API int xlstm_chat_template_open(xlstm_chat_template **out, const char *dir, const char *name,
                                       xlstm_error *err);
/* The same from the template's own text (UTF-8). `name` is for messages; `tokens` is NULL or a JSON object of
 * special tokens, {"bos_token": "<s>", "eos_token": "</s>"}. Both are copied. */
XLSTM_API int xlstm_chat_template_parse(xlstm_chat_template **out, const char *text, size_t bytes, const char *name,
                                        const char *tokens, xlstm_error *err);
XLSTM_API void xlstm_chat_template_close(xlstm_chat_template *chat);

/* Writes the messages as text. add_generation_prompt: the text ends where the assistant's answer begins.
 * `variables` is NULL or a JSON object of further variables of the template, such as {"enable_thinking": false,
 * "tools": […]}; its member `messages`, a list of objects, stands in the place of the messages (count is then 0).
 *
 * *text is malloc'd, NUL-terminated (the NUL not counted in *bytes), the caller's. BOS is in it where the template
 * writes it: encode it without another. Special tokens that a message holds as text are not told from those that
 * the template writes.
 *
 * EARG: the template refuses the messages, with its own words (a role that it does not know, two users in a row),
 * or a text is not UTF-8. EUNSUPPORTED names what the template does that is not known here or is against Jinja's
 * rules, and its line; also where it needs more than 10 million steps or nests too deep. ENOMEM: it needs more than
 * 64 MiB. */
XLSTM_API int xlstm_chat_render(const xlstm_chat_template *chat, const xlstm_message *messages, size_t count,
                                bool add_generation_prompt, const char *variables, char **text, size_t *bytes,
                                xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
