#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer/vocabulary.h"

struct xlstm_decoder {
    const xlstm_tokenizer *tokenizer;
    bool keep_special;
    xl_bytes held; /* bytes that have not yet become whole characters */
    xl_bytes out;
};

int xlstm_decoder_create(xlstm_decoder **out, const xlstm_tokenizer *tokenizer, bool keep_special,
                         xlstm_error *err) {
    xlstm_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return xl_fail(err, XLSTM_ENOMEM, "out of memory for a decoder");
    decoder->tokenizer = tokenizer;
    decoder->keep_special = keep_special;
    *out = decoder;
    return XLSTM_OK;
}

void xlstm_decoder_destroy(xlstm_decoder *decoder) {
    if (!decoder) return;
    free(decoder->held.data);
    free(decoder->out.data);
    free(decoder);
}

static int take(xlstm_decoder *d, int32_t id, xlstm_error *err) {
    const xlstm_tokenizer *t = d->tokenizer;
    if (id < 0) return xl_fail(err, XLSTM_EARG, "token id %ld, 0 or more is wanted", (long)id);
    if (id >= t->size || !t->tokens[id].known) return XLSTM_OK;
    const xl_token *token = &t->tokens[id];
    if (token->special && !d->keep_special) return XLSTM_OK;
    if (!xl_bytes_append(&d->held, t->text.data + token->start, token->bytes))
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for decoded text");
    return XLSTM_OK;
}

/* Moves whole characters from held to out; with `last` everything. */
static int release(xlstm_decoder *d, bool last, xlstm_error *err) {
    static const char replacement[3] = {'\xEF', '\xBF', '\xBD'};
    const char *s = d->held.data;
    size_t n = d->held.size, i = 0;
    while (i < n) {
        size_t whole = xl_utf8_valid(s + i, n - i);
        if (!xl_bytes_append(&d->out, s + i, whole)) goto memory;
        i += whole;
        if (i == n) break;
        int broken = xl_utf8_step(s + i, n - i, NULL);
        if (!broken && !last) break;
        if (!xl_bytes_append(&d->out, replacement, sizeof replacement)) goto memory;
        i += broken ? (size_t)-broken : n - i;
    }
    if (i) memmove(d->held.data, d->held.data + i, n - i);
    d->held.size = n - i;
    return XLSTM_OK;
memory:
    return xl_fail(err, XLSTM_ENOMEM, "out of memory for decoded text");
}

int xlstm_decoder_push(xlstm_decoder *decoder, int32_t id, const char **text, size_t *bytes, xlstm_error *err) {
    decoder->out.size = 0;
    int status = take(decoder, id, err);
    if (!status) status = release(decoder, false, err);
    if (status) return status;
    *text = decoder->out.size ? decoder->out.data : "";
    *bytes = decoder->out.size;
    return XLSTM_OK;
}

int xlstm_decoder_finish(xlstm_decoder *decoder, const char **text, size_t *bytes, xlstm_error *err) {
    decoder->out.size = 0;
    int status = release(decoder, true, err);
    if (status) return status;
    *text = decoder->out.size ? decoder->out.data : "";
    *bytes = decoder->out.size;
    return XLSTM_OK;
}

int xlstm_tokenizer_decode(const xlstm_tokenizer *tokenizer, const int32_t *ids, size_t count, bool keep_special,
                           char **text, size_t *bytes, xlstm_error *err) {
    xlstm_decoder *decoder;
    int status = xlstm_decoder_create(&decoder, tokenizer, keep_special, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++) status = take(decoder, ids[i], err);
    if (!status) status = release(decoder, true, err);
    if (!status && !xl_bytes_append(&decoder->out, "", 1))
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory for decoded text");
    if (!status) {
        *text = decoder->out.data;
        *bytes = decoder->out.size - 1;
        decoder->out = (xl_bytes){NULL, 0, 0};
    }
    xlstm_decoder_destroy(decoder);
    return status;
}
