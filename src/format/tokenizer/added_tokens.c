#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/tokenizer/added_tokens.h"

static size_t edge_slot(const xl_trie *trie, uint32_t key) {
    size_t mask = trie->edge_slots - 1;
    size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (trie->edge_key[i] && trie->edge_key[i] != key) i = (i + 1) & mask;
    return i;
}

static uint32_t edge_key(uint32_t node, unsigned char byte) {
    return (node << 8 | byte) + 1;
}

/* The child of a node; 0 where there is none (the root is no one's child). */
static uint32_t child(const xl_trie *trie, uint32_t node, unsigned char byte) {
    uint32_t key = edge_key(node, byte);
    size_t i = edge_slot(trie, key);
    return trie->edge_key[i] ? trie->edge_node[i] : 0;
}

static bool grow_edges(xl_trie *trie) {
    if (trie->edge_slots && trie->edges * 2 < trie->edge_slots) return true;
    xl_trie bigger = *trie;
    bigger.edge_slots = trie->edge_slots ? trie->edge_slots * 2 : 64;
    bigger.edge_key = calloc(bigger.edge_slots, sizeof *bigger.edge_key);
    bigger.edge_node = calloc(bigger.edge_slots, sizeof *bigger.edge_node);
    if (!bigger.edge_key || !bigger.edge_node) {
        free(bigger.edge_key);
        free(bigger.edge_node);
        return false;
    }
    for (size_t i = 0; i < trie->edge_slots; i++) {
        if (!trie->edge_key[i]) continue;
        size_t j = edge_slot(&bigger, trie->edge_key[i]);
        bigger.edge_key[j] = trie->edge_key[i];
        bigger.edge_node[j] = trie->edge_node[i];
    }
    free(trie->edge_key);
    free(trie->edge_node);
    trie->edge_slots = bigger.edge_slots;
    trie->edge_key = bigger.edge_key;
    trie->edge_node = bigger.edge_node;
    return true;
}

static bool new_node(xl_trie *trie) {
    int32_t *grown = xl_grow(trie->node_added, &trie->node_capacity, trie->nodes + 1, sizeof *grown);
    if (!grown) return false;
    trie->node_added = grown;
    trie->node_added[trie->nodes++] = -1;
    return true;
}

int xl_trie_add(xl_trie *trie, const char *text, size_t bytes, xl_added added, xlstm_error *err) {
    if (!trie->nodes && !new_node(trie)) return xl_fail(err, XLSTM_ENOMEM, "out of memory for added tokens");
    uint32_t node = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!grow_edges(trie)) return xl_fail(err, XLSTM_ENOMEM, "out of memory for added tokens");
        uint32_t next = child(trie, node, (unsigned char)text[i]);
        if (!next) {
            if (trie->nodes >= XL_ADDED_NODES - 1)
                return xl_fail(err, XLSTM_EFORMAT, "added tokens: more than %d bytes in all", XL_ADDED_NODES);
            next = (uint32_t)trie->nodes;
            if (!new_node(trie)) return xl_fail(err, XLSTM_ENOMEM, "out of memory for added tokens");
            uint32_t key = edge_key(node, (unsigned char)text[i]);
            size_t slot = edge_slot(trie, key);
            trie->edge_key[slot] = key;
            trie->edge_node[slot] = next;
            trie->edges++;
        }
        node = next;
    }
    if (trie->node_added[node] >= 0) return XLSTM_OK;
    xl_added *grown = xl_grow(trie->added, &trie->added_capacity, trie->count + 1, sizeof *grown);
    if (!grown) return xl_fail(err, XLSTM_ENOMEM, "out of memory for added tokens");
    trie->added = grown;
    trie->added[trie->count] = added;
    trie->node_added[node] = (int32_t)trie->count++;
    trie->first[(unsigned char)text[0]] = true;
    return XLSTM_OK;
}

void xl_trie_free(xl_trie *trie) {
    free(trie->edge_key);
    free(trie->edge_node);
    free(trie->node_added);
    free(trie->added);
    memset(trie, 0, sizeof *trie);
}

static bool is_space(uint32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || cp == 0x20 || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000;
}

/* A character of a word (Unicode Technical Standard 18, annex C): letters, marks, digits, connectors, joiners. */
static bool is_word(uint32_t cp) {
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        /* joiners, and the circled and squared letters, which are alphabetic symbols */
        return cp == 0x200C || cp == 0x200D || (cp >= 0x24B6 && cp <= 0x24E9) || (cp >= 0x1F130 && cp <= 0x1F149) ||
               (cp >= 0x1F150 && cp <= 0x1F169) || (cp >= 0x1F170 && cp <= 0x1F189);
    }
}

/* Start of the character that ends before `end`; end > 0. */
static size_t character_before(const char *text, size_t end) {
    do end--;
    while (end && ((unsigned char)text[end] & 0xC0) == 0x80);
    return end;
}

static bool word_before(const char *text, size_t end) {
    if (!end) return false;
    size_t start = character_before(text, end);
    uint32_t cp = 0;
    return xl_utf8_step(text + start, end - start, &cp) > 0 && is_word(cp);
}

static bool word_after(const char *text, size_t start, size_t bytes) {
    uint32_t cp = 0;
    return start < bytes && xl_utf8_step(text + start, bytes - start, &cp) > 0 && is_word(cp);
}

/* The longest token that begins at `start`: its length, its index in *index; 0 where there is none. */
static size_t longest(const xl_trie *trie, const char *text, size_t bytes, size_t start, int32_t *index) {
    size_t length = 0;
    uint32_t node = 0;
    for (size_t i = start; i < bytes; i++) {
        node = child(trie, node, (unsigned char)text[i]);
        if (!node) break;
        if (trie->node_added[node] >= 0) {
            *index = trie->node_added[node];
            length = i + 1 - start;
        }
    }
    return length;
}

/* Finds the next token that counts, and its stretch of text, including the spaces that it takes along. */
static bool find(xl_added_scan *scan, xl_span *span) {
    const xl_trie *trie = scan->trie;
    const char *text = scan->text;
    while (trie->count && scan->position < scan->bytes) {
        size_t start = scan->position;
        if (!trie->first[(unsigned char)text[start]]) {
            scan->position++;
            continue;
        }
        int32_t index = -1;
        size_t length = longest(trie, text, scan->bytes, start, &index);
        if (!length) {
            scan->position++;
            continue;
        }
        const xl_added *added = &trie->added[index];
        size_t stop = start + length;
        scan->position = stop;
        if (added->single_word && (word_before(text, start) || word_after(text, stop, scan->bytes))) continue;
        if (added->lstrip) {
            while (start > scan->done) {
                size_t before = character_before(text, start);
                uint32_t cp = 0;
                if (before < scan->done || xl_utf8_step(text + before, start - before, &cp) <= 0 || !is_space(cp))
                    break;
                start = before;
            }
            /* What the token before has taken along is not taken again, be it the token itself. */
            if (start < scan->done) start = scan->done;
        }
        if (added->rstrip) {
            uint32_t cp = 0;
            int step;
            while (stop < scan->bytes && (step = xl_utf8_step(text + stop, scan->bytes - stop, &cp)) > 0 &&
                   is_space(cp))
                stop += (size_t)step;
        }
        if (start >= stop) continue;
        *span = (xl_span){start, stop, added->id};
        return true;
    }
    return false;
}

bool xl_added_next(xl_added_scan *scan, xl_span *span) {
    if (scan->holds) {
        scan->holds = false;
        *span = scan->found;
        scan->done = span->stop;
        return true;
    }
    if (!find(scan, &scan->found)) {
        if (scan->done >= scan->bytes) return false;
        *span = (xl_span){scan->done, scan->bytes, -1};
        scan->done = scan->bytes;
        return true;
    }
    if (scan->found.start > scan->done) {
        scan->holds = true;
        *span = (xl_span){scan->done, scan->found.start, -1};
        return true;
    }
    *span = scan->found;
    scan->done = span->stop;
    return true;
}
