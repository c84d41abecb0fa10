#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer/bpe.h"
#include "format/tokenizer/normal_form.h"

int64_t xlstm_tokenizer_size(const xlstm_tokenizer *tokenizer) {
    return tokenizer->size;
}

int32_t xlstm_tokenizer_bos(const xlstm_tokenizer *tokenizer) {
    return tokenizer->bos;
}

int32_t xlstm_tokenizer_eos(const xlstm_tokenizer *tokenizer) {
    return tokenizer->eos;
}

bool xlstm_tokenizer_ends_text(const xlstm_tokenizer *tokenizer, int32_t id) {
    for (size_t i = 0; i < tokenizer->end_count; i++) {
        if (tokenizer->ends[i] == id) return true;
    }
    return false;
}

bool xlstm_tokenizer_is_special(const xlstm_tokenizer *tokenizer, int32_t id) {
    return id >= 0 && id < tokenizer->size && tokenizer->tokens[id].special;
}

enum { TEXT_LIMIT = 1 << 30 }; /* bytes of one text */

/* One call of encode. */
typedef struct encoder {
    const xlstm_tokenizer *tokenizer;
    xl_bytes normal;
    xl_splitter splitter;
    xl_word_encoder words;
} encoder;

/* Handles text between the added tokens that are matched before normalization: normalizes it, then looks for those
 * that are matched after it. */
static int encode_gap(encoder *e, const char *text, size_t bytes) {
    if (e->tokenizer->nfc) {
        bool same;
        e->normal.size = 0;
        int status = xl_nfc(text, bytes, &e->normal, &same, e->words.err);
        if (status) return status;
        if (!same) {
            text = e->normal.data;
            bytes = e->normal.size;
        }
    }
    xl_added_scan scan = {.trie = &e->tokenizer->normalized, .text = text, .bytes = bytes};
    xl_span span;
    while (xl_added_next(&scan, &span)) {
        int status = span.id < 0 ? xl_split_text(&e->splitter, text + span.start, span.stop - span.start)
                                 : xl_word_encoder_push(&e->words, span.id);
        if (status) return status;
    }
    return XLSTM_OK;
}

static int encode_text(encoder *e, const char *text, size_t bytes) {
    xl_added_scan scan = {.trie = &e->tokenizer->raw, .text = text, .bytes = bytes};
    xl_span span;
    while (xl_added_next(&scan, &span)) {
        int status = span.id < 0 ? encode_gap(e, text + span.start, span.stop - span.start)
                                 : xl_word_encoder_push(&e->words, span.id);
        if (status) return status;
    }
    return XLSTM_OK;
}

int xlstm_tokenizer_encode(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, bool bos,
                           int32_t **ids, size_t *count, xlstm_error *err) {
    if (bytes > TEXT_LIMIT)
        return xl_fail(err, XLSTM_EARG, "text of %zu bytes, at most %d are accepted", bytes, TEXT_LIMIT);
    size_t valid = xl_utf8_valid(text, bytes);
    if (valid < bytes)
        return xl_fail(err, XLSTM_EFORMAT, "text is not UTF-8: byte 0x%02x at offset %zu",
                       (unsigned char)text[valid], valid);
    encoder e = {.tokenizer = tokenizer, .words = {.tokenizer = tokenizer, .err = err}};
    e.splitter = (xl_splitter){.steps = tokenizer->steps,
                               .step_count = tokenizer->step_count,
                               .path = tokenizer->path,
                               .word = xl_encode_word,
                               .user = &e.words,
                               .err = err};
    int status = XLSTM_OK;
    e.words.ids = xl_grow(NULL, &e.words.capacity, bytes / 4 + 16, sizeof *e.words.ids);
    if (!e.words.ids) status = xl_fail(err, XLSTM_ENOMEM, "out of memory for a text of %zu bytes", bytes);
    if (!status && bos && tokenizer->bos >= 0) status = xl_word_encoder_push(&e.words, tokenizer->bos);
    if (!status) status = encode_text(&e, text, bytes);
    if (!status) {
        *ids = e.words.ids;
        *count = e.words.count;
        e.words.ids = NULL;
    }
    free(e.normal.data);
    xl_splitter_free(&e.splitter);
    xl_word_encoder_free(&e.words);
    return status;
}
