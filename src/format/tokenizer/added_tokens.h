/* Finding added tokens in a text. */
#ifndef XL_FORMAT_ADDED_TOKENS_H
#define XL_FORMAT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

enum {
    XL_ADDED_NODES = 1 << 24,       /* bytes of all added tokens together */
    XL_ADDED_LENGTH_LIMIT = 1 << 12 /* bytes of one; bounds the work a byte of text costs */
};

typedef struct xl_added {
    int32_t id;
    bool single_word, lstrip, rstrip;
} xl_added;

/* A trie over bytes. Node 0 is the root; edges lie in one hash table keyed by node << 8 | byte. */
typedef struct xl_trie {
    uint32_t *edge_key, *edge_node; /* key + 1; 0: empty */
    size_t edges, edge_slots;
    int32_t *node_added; /* index into added, -1: no token ends here */
    size_t nodes, node_capacity;
    xl_added *added;
    size_t count, added_capacity;
    bool first[256]; /* some token begins with this byte */
} xl_trie;
void xl_trie_free(xl_trie *trie);
/* Adds a token; of two with the same text the first stays. */
int xl_trie_add(xl_trie *trie, const char *text, size_t bytes, xl_added added, xlstm_error *err);

typedef struct xl_span {
    size_t start, stop;
    int32_t id; /* -1: text between added tokens */
} xl_span;
/* Walks a text (valid UTF-8) from left to right: the leftmost, then longest, added token wins. */
typedef struct xl_added_scan {
    const xl_trie *trie;
    const char *text;
    size_t bytes, position, done; /* where the search goes on; what has been given out */
    xl_span found;                /* token that follows the text just given out */
    bool holds;
} xl_added_scan;
/* The next span, in order; false at the end. */
bool xl_added_next(xl_added_scan *scan, xl_span *span);

#endif
