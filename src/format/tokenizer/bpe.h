/* Byte-pair encoding of words. */
#ifndef XL_FORMAT_BPE_H
#define XL_FORMAT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/tokenizer/vocabulary.h"

/* Fills tokenizer->merges; of equal pairs the later one counts. */
int xl_merges_reserve(xlstm_tokenizer *tokenizer, size_t count, xlstm_error *err);
void xl_merges_add(xlstm_tokenizer *tokenizer, int32_t left, int32_t right, int32_t rank, int32_t id);
/* Fills tokenizer->by_text from the tokens there are. */
int xl_by_text_build(xlstm_tokenizer *tokenizer, xlstm_error *err);

/* ---- words to ids ---- */

typedef struct xl_symbol {
    int32_t id, previous, next; /* id -1: merged away */
} xl_symbol;
typedef struct xl_candidate {
    int32_t rank, position, id;
} xl_candidate;

/* A word seen before in this call and where its ids stand in the output. */
enum { XL_CACHED_WORD = 23 };
typedef struct xl_cached {
    uint32_t first;
    uint32_t count;
    char word[XL_CACHED_WORD];
    unsigned char bytes; /* 0: empty slot */
} xl_cached;

/* Encodes the words of one text. */
typedef struct xl_word_encoder {
    const xlstm_tokenizer *tokenizer;
    xlstm_error *err;
    int32_t *ids; /* [count] so far */
    size_t count, capacity;
    xl_cached *cache;
    size_t cache_slots, cache_count;
    xl_symbol *symbols;
    size_t symbol_capacity;
    xl_candidate *heap;
    size_t heap_capacity;
} xl_word_encoder;

/* Appends an id. */
int xl_word_encoder_push(xl_word_encoder *encoder, int32_t id);
/* Encodes one word, an xl_word_fn of a word encoder; the cache is looked at first. */
int xl_encode_word(void *encoder, const char *word, size_t bytes);
/* Frees everything, ids too. */
void xl_word_encoder_free(xl_word_encoder *encoder);

#endif
