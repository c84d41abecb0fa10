#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "format/tokenizer/bpe.h"

enum { CACHE_SLOTS_FIRST = 256, CACHE_SLOTS_LIMIT = 1 << 17 };

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    return x ^ x >> 32;
}

static uint64_t hash_bytes(const char *data, size_t n) {
    uint64_t h = mix(n + 1);
    for (; n >= 8; data += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        h = mix(h ^ word);
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < n; i++) tail |= (uint64_t)(unsigned char)data[i] << 8 * i;
    return mix(h ^ tail);
}

/* Slots for `count` entries at a load of at most a half, a power of two; 0 where that does not fit. */
static size_t slots_for(size_t count) {
    size_t slots = 16;
    while (slots / 2 < count) {
        if (slots > SIZE_MAX / 4) return 0;
        slots *= 2;
    }
    return slots;
}

/* ---- merges ---- */

static size_t merge_slot(const xlstm_tokenizer *t, uint64_t pair) {
    size_t mask = t->merge_slots - 1, i = (size_t)mix(pair) & mask;
    while (t->merges[i].id >= 0 && t->merges[i].pair != pair) i = (i + 1) & mask;
    return i;
}

static const xl_merge *merge_of(const xlstm_tokenizer *t, int32_t left, int32_t right) {
    const xl_merge *merge = &t->merges[merge_slot(t, (uint64_t)(uint32_t)left << 32 | (uint32_t)right)];
    return merge->id >= 0 ? merge : NULL;
}

int xl_merges_reserve(xlstm_tokenizer *t, size_t count, xlstm_error *err) {
    t->merge_slots = slots_for(count);
    t->merges = t->merge_slots ? xl_array(t->merge_slots, sizeof *t->merges) : NULL;
    if (!t->merges) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu merges", t->path, count);
    for (size_t i = 0; i < t->merge_slots; i++) t->merges[i] = (xl_merge){0, 0, -1};
    return XLSTM_OK;
}

void xl_merges_add(xlstm_tokenizer *t, int32_t left, int32_t right, int32_t rank, int32_t id) {
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    t->merges[merge_slot(t, pair)] = (xl_merge){pair, rank, id};
}

/* ---- whole words, for ignore_merges ---- */

static size_t text_slot(const xlstm_tokenizer *t, const char *word, size_t bytes) {
    size_t mask = t->by_text_slots - 1, i = (size_t)hash_bytes(word, bytes) & mask;
    for (; t->by_text[i] >= 0; i = (i + 1) & mask) {
        const xl_token *token = &t->tokens[t->by_text[i]];
        if (token->bytes == bytes && !memcmp(t->text.data + token->start, word, bytes)) break;
    }
    return i;
}

int xl_by_text_build(xlstm_tokenizer *t, xlstm_error *err) {
    t->by_text_slots = slots_for((size_t)t->size);
    t->by_text = t->by_text_slots ? xl_array(t->by_text_slots, sizeof *t->by_text) : NULL;
    if (!t->by_text) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", t->path);
    for (size_t i = 0; i < t->by_text_slots; i++) t->by_text[i] = -1;
    for (int32_t id = 0; id < t->size; id++) {
        const xl_token *token = &t->tokens[id];
        if (token->mapped && token->bytes) t->by_text[text_slot(t, t->text.data + token->start, token->bytes)] = id;
    }
    return XLSTM_OK;
}

int xl_word_encoder_push(xl_word_encoder *e, int32_t id) {
    if (e->count == e->capacity) {
        int32_t *grown = xl_grow(e->ids, &e->capacity, e->count + 1, sizeof *grown);
        if (!grown) return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for %zu token ids", e->count);
        e->ids = grown;
    }
    e->ids[e->count++] = id;
    return XLSTM_OK;
}

/* ---- merging by priority: the lowest rank, of equals the leftmost ---- */

static bool before(const xl_candidate *a, const xl_candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void heap_push(xl_candidate *heap, size_t *n, xl_candidate candidate) {
    size_t i = (*n)++;
    while (i && before(&candidate, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = candidate;
}

static xl_candidate heap_pop(xl_candidate *heap, size_t *n) {
    xl_candidate top = heap[0], last = heap[--*n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= *n) break;
        if (child + 1 < *n && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &last)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static void propose(xl_word_encoder *e, size_t *n, int32_t left) {
    int32_t right = left < 0 ? -1 : e->symbols[left].next;
    if (right < 0) return;
    const xl_merge *merge = merge_of(e->tokenizer, e->symbols[left].id, e->symbols[right].id);
    if (merge) heap_push(e->heap, n, (xl_candidate){merge->rank, left, merge->id});
}

static void merge_all(xl_word_encoder *e, size_t count) {
    xl_symbol *symbols = e->symbols;
    size_t candidates = 0;
    for (size_t i = 0; i + 1 < count; i++) propose(e, &candidates, (int32_t)i);
    while (candidates) {
        xl_candidate top = heap_pop(e->heap, &candidates);
        xl_symbol *left = &symbols[top.position];
        if (left->id < 0 || left->next < 0) continue;
        xl_symbol *right = &symbols[left->next];
        const xl_merge *merge = merge_of(e->tokenizer, left->id, right->id);
        if (!merge || merge->id != top.id) continue; /* the pair has changed since */
        left->id = top.id;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0) symbols[left->next].previous = top.position;
        propose(e, &candidates, left->previous);
        propose(e, &candidates, top.position);
    }
}

static int no_memory(xl_word_encoder *e, size_t bytes) {
    return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for a word of %zu bytes", bytes);
}

/* Turns a word's bytes into symbols; those outside the vocabulary become the unknown token, or nothing where there
 * is none. */
static size_t start_symbols(xl_word_encoder *e, const char *word, size_t bytes) {
    const xlstm_tokenizer *t = e->tokenizer;
    size_t count = 0;
    bool unknown = false;
    for (size_t i = 0; i < bytes; i++) {
        int32_t id = t->byte_id[(unsigned char)word[i]];
        if (id < 0) {
            if (t->unk < 0 || (unknown && t->fuse_unk)) continue;
            unknown = true;
            id = t->unk;
        } else {
            unknown = false;
        }
        e->symbols[count] = (xl_symbol){id, (int32_t)count - 1, (int32_t)count + 1};
        count++;
    }
    if (count) e->symbols[count - 1].next = -1;
    return count;
}

static int encode_new(xl_word_encoder *e, const char *word, size_t bytes) {
    const xlstm_tokenizer *t = e->tokenizer;
    if (t->ignore_merges) {
        int32_t id = t->by_text[text_slot(t, word, bytes)];
        if (id >= 0) return xl_word_encoder_push(e, id);
    }
    xl_symbol *symbols = xl_grow(e->symbols, &e->symbol_capacity, bytes, sizeof *symbols);
    if (!symbols) return no_memory(e, bytes);
    e->symbols = symbols;
    /* each merge takes one candidate's pair away and proposes at most two */
    xl_candidate *heap = xl_grow(e->heap, &e->heap_capacity, 3 * bytes, sizeof *heap);
    if (!heap) return no_memory(e, bytes);
    e->heap = heap;
    size_t count = start_symbols(e, word, bytes);
    merge_all(e, count);
    for (int32_t i = count ? 0 : -1; i >= 0; i = symbols[i].next) {
        int status = xl_word_encoder_push(e, symbols[i].id);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* ---- words seen before ---- */

static size_t cache_slot(const xl_cached *cache, size_t slots, const char *word, size_t bytes) {
    size_t mask = slots - 1, i = (size_t)hash_bytes(word, bytes) & mask;
    while (cache[i].bytes && (cache[i].bytes != bytes || memcmp(cache[i].word, word, bytes))) i = (i + 1) & mask;
    return i;
}

/* Where memory is short the cache stays as it is: it only saves time. */
static void cache_grow(xl_word_encoder *e) {
    size_t slots = e->cache_slots ? e->cache_slots * 4 : CACHE_SLOTS_FIRST;
    xl_cached *bigger = slots <= CACHE_SLOTS_LIMIT ? calloc(slots, sizeof *bigger) : NULL;
    if (!bigger) return;
    for (size_t i = 0; i < e->cache_slots; i++) {
        const xl_cached *old = &e->cache[i];
        if (old->bytes) bigger[cache_slot(bigger, slots, old->word, old->bytes)] = *old;
    }
    free(e->cache);
    e->cache = bigger;
    e->cache_slots = slots;
}

int xl_encode_word(void *encoder, const char *word, size_t bytes) {
    xl_word_encoder *e = encoder;
    if (bytes > XL_CACHED_WORD) return encode_new(e, word, bytes);
    if (e->cache_count * 2 >= e->cache_slots) cache_grow(e);
    if (!e->cache_slots) return encode_new(e, word, bytes);
    xl_cached *slot = &e->cache[cache_slot(e->cache, e->cache_slots, word, bytes)];
    if (slot->bytes) {
        for (uint32_t i = 0; i < slot->count; i++) {
            int status = xl_word_encoder_push(e, e->ids[slot->first + i]);
            if (status) return status;
        }
        return XLSTM_OK;
    }
    size_t first = e->count;
    int status = encode_new(e, word, bytes);
    if (status || e->cache_count * 2 >= e->cache_slots || e->count > UINT32_MAX) return status;
    slot->first = (uint32_t)first;
    slot->count = (uint32_t)(e->count - first);
    memcpy(slot->word, word, bytes);
    slot->bytes = (unsigned char)bytes;
    e->cache_count++;
    return XLSTM_OK;
}

void xl_word_encoder_free(xl_word_encoder *e) {
    free(e->ids);
    free(e->cache);
    free(e->symbols);
    free(e->heap);
}
