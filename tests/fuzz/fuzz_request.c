/* The input is the body of a request to the server; its first byte chooses the form. */
#include <stdlib.h>

#include "base/utf8.h"
#include "server/body.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    serve_body body;
    serve_refusal why;
    if (!size) return 0;
    const serve_form form = data[0] % 3;
    if (!serve_body_read(&body, form, (const char *)data + 1, size - 1, 4096, &why)) {
        char *json = serve_refusal_json(&why);
        if (why.code < 400 || !why.text[0] || !json) abort();
        free(json);
        return 0;
    }
    /* What the rest of the server relies on. */
    const serve_params *p = &body.params;
    if (p->n < 1 || p->n > SERVE_CHOICES_MAX || p->max_tokens < 0 || p->max_tokens > 4096) abort();
    if (p->top_logprobs < -1 || p->top_logprobs > SERVE_TOP_MAX || p->stops.count > SERVE_STOPS_MAX) abort();
    if (form == SERVE_CHAT ? !json_array_size(body.messages) : !body.prompt_count) abort();
    for (size_t i = 0; i < body.prompt_count; i++) {
        const serve_prompt *prompt = &body.prompts[i];
        if (!prompt->text == !prompt->ids) abort();
        if (prompt->text && xl_utf8_valid(prompt->text, prompt->bytes) != prompt->bytes) abort();
    }
    xlstm_sampler *sampler;
    if (xlstm_sampler_create(&sampler, &p->sampling, 8, NULL)) abort();
    xlstm_sampler_destroy(sampler);
    serve_body_clear(&body);
    return 0;
}
