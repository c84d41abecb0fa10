#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/tokenizer_parts.h"

void *xl_grow(void *array, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity && array) return array;
    size_t wanted = *capacity < SIZE_MAX / 2 && *capacity * 2 > need ? *capacity * 2 : need;
    if (wanted < 16) wanted = 16;
    size_t bytes;
    if (!xl_mul(wanted, size, &bytes)) return NULL;
    void *grown = realloc(array, bytes);
    if (grown) *capacity = wanted;
    return grown;
}

bool xl_bytes_reserve(xl_bytes *bytes, size_t more) {
    size_t need;
    if (!xl_add(bytes->size, more, &need)) return false;
    char *grown = xl_grow(bytes->data, &bytes->capacity, need, 1);
    if (!grown) return false;
    bytes->data = grown;
    return true;
}

bool xl_bytes_append(xl_bytes *bytes, const void *data, size_t size) {
    if (!size) return true;
    if (!xl_bytes_reserve(bytes, size)) return false;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

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

int xl_encoder_push(xl_encoder *e, int32_t id) {
    if (e->count == e->capacity) {
        int32_t *grown = xl_grow(e->ids, &e->capacity, e->count + 1, sizeof *grown);
        if (!grown) return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for %zu token ids", e->count);
        e->ids = grown;
    }
    e->ids[e->count++] = id;
    return XLSTM_OK;
}

/* Text without added tokens of the raw kind: normalize it, then look for those of the normalized kind. */
static int encode_gap(xl_encoder *e, const char *text, size_t bytes) {
    if (e->tokenizer->nfc) {
        bool same;
        e->normal.size = 0;
        int status = xl_nfc(text, bytes, &e->normal, &same, e->err);
        if (status) return status;
        if (!same) {
            text = e->normal.data;
            bytes = e->normal.size;
        }
    }
    xl_added_scan scan = {.trie = &e->tokenizer->normalized, .text = text, .bytes = bytes};
    xl_span span;
    while (xl_added_next(&scan, &span)) {
        int status = span.id < 0 ? xl_encode_piece(e, text + span.start, span.stop - span.start)
                                 : xl_encoder_push(e, span.id);
        if (status) return status;
    }
    return XLSTM_OK;
}

static int encode_text(xl_encoder *e, const char *text, size_t bytes) {
    xl_added_scan scan = {.trie = &e->tokenizer->raw, .text = text, .bytes = bytes};
    xl_span span;
    while (xl_added_next(&scan, &span)) {
        int status =
            span.id < 0 ? encode_gap(e, text + span.start, span.stop - span.start) : xl_encoder_push(e, span.id);
        if (status) return status;
    }
    return XLSTM_OK;
}

static void encoder_free(xl_encoder *e) {
    free(e->ids);
    free(e->normal.data);
    for (int i = 0; i < XL_SPLIT_STEPS; i++) {
        pcre2_match_data_free(e->levels[i].match);
        free(e->levels[i].prefixed.data);
    }
    pcre2_match_context_free(e->context);
    pcre2_jit_stack_free(e->stack);
    free(e->cache);
    free(e->symbols);
    free(e->heap);
}

int xlstm_tokenizer_encode(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, bool bos,
                           int32_t **ids, size_t *count, xlstm_error *err) {
    if (bytes > XL_TEXT_LIMIT)
        return xl_fail(err, XLSTM_EARG, "text of %zu bytes, at most %d are accepted", bytes, XL_TEXT_LIMIT);
    size_t valid = xl_utf8_valid(text, bytes);
    if (valid < bytes)
        return xl_fail(err, XLSTM_EFORMAT, "text is not UTF-8: byte 0x%02x at offset %zu",
                       (unsigned char)text[valid], valid);
    xl_encoder e = {.tokenizer = tokenizer, .err = err};
    int status = XLSTM_OK;
    e.ids = xl_grow(NULL, &e.capacity, bytes / 4 + 16, sizeof *e.ids);
    if (!e.ids) status = xl_fail(err, XLSTM_ENOMEM, "out of memory for a text of %zu bytes", bytes);
    if (!status && bos && tokenizer->bos >= 0) status = xl_encoder_push(&e, tokenizer->bos);
    if (!status) status = encode_text(&e, text, bytes);
    if (!status) {
        *ids = e.ids;
        *count = e.count;
        e.ids = NULL;
    }
    encoder_free(&e);
    return status;
}
