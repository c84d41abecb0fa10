/* The parts of a tokenizer, each in a file of its own:
 *   tokenizer_load.c   tokenizer.json -> struct xlstm_tokenizer: vocabulary, merges, added tokens
 *   tokenizer_steps.c  tokenizer.json's normalizer, pre-tokenizer and decoder
 *   tokenizer_ends.c   which tokens begin and end a text, from the files beside tokenizer.json too
 *   tokenizer_added.c  finding added tokens in a text
 *   tokenizer_nfc.c    Unicode normal form C
 *   tokenizer_split.c  the pre-tokenizer: text -> words
 *   tokenizer_bpe.c    a word -> ids
 *   tokenizer_decode.c ids -> text
 *   tokenizer.c        the public functions of encoding
 * Everything behind a `const xlstm_tokenizer *` is immutable; what one call changes lies in its xl_encoder. */
#ifndef XL_FORMAT_TOKENIZER_PARTS_H
#define XL_FORMAT_TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/tokenizer.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Limits on what a file may ask for. */
enum {
    XL_TOKENIZER_FILE_LIMIT = 256 << 20, /* bytes of tokenizer.json */
    XL_TOKENIZER_ID_LIMIT = 1 << 24,     /* ids are below this */
    XL_ADDED_LENGTH_LIMIT = 1 << 12,     /* bytes of one added token; bounds the work a byte of text costs */
    XL_SPLIT_STEPS = 16,                 /* steps of a pre-tokenizer */
    XL_TEXT_LIMIT = 1 << 30              /* bytes of one text to encode */
};

/* A growing run of bytes. */
typedef struct xl_bytes {
    char *data;
    size_t size, capacity;
} xl_bytes;
/* False, nothing changed, when out of memory. */
bool xl_bytes_reserve(xl_bytes *bytes, size_t more);
bool xl_bytes_append(xl_bytes *bytes, const void *data, size_t size);

/* Returns the malloc'd array (NULL at first), moved where that is needed so that at least `need` elements of `size`
 * bytes fit; NULL, nothing changed, when out of memory. */
void *xl_grow(void *array, size_t *capacity, size_t need, size_t size);

/* ---- added tokens ---- */

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

/* ---- normal form ---- */

/* Writes the NFC of valid UTF-8 to *out (appended) and sets *same = false; where the text is in that form already
 * *same = true and nothing is written. Linear in the text, also for long runs of combining marks. */
int xl_nfc(const char *text, size_t bytes, xl_bytes *out, bool *same, xlstm_error *err);

/* ---- pre-tokenizer ---- */

typedef enum xl_behavior {
    XL_REMOVED,
    XL_ISOLATED,
    XL_MERGED_WITH_PREVIOUS,
    XL_MERGED_WITH_NEXT,
    XL_CONTIGUOUS
} xl_behavior;

typedef struct xl_split {
    pcre2_code *code; /* NULL: the step does not split */
    bool jit;
    xl_behavior behavior;
    bool invert;
    bool prefix_space; /* puts a space before a piece that has none */
} xl_split;
/* GPT-2's pattern, what ByteLevel splits by. */
extern const char xl_gpt2_pattern[];
/* Compiles a pattern in Oniguruma's syntax as far as it is known to mean the same in PCRE2 (pattern.h), or with
 * `literal` text that stands for itself. `path` is for the error. */
int xl_split_compile(xl_split *split, const char *pattern, size_t bytes, bool literal, const char *path,
                     xlstm_error *err);
void xl_split_free(xl_split *split);

/* ---- byte-pair encoding ---- */

typedef struct xl_merge {
    uint64_t pair; /* left << 32 | right */
    int32_t rank;
    int32_t id; /* -1: empty slot */
} xl_merge;

typedef struct xl_token {
    uint32_t start, bytes; /* in xlstm_tokenizer.text */
    bool known, special;
    bool mapped; /* written in ByteLevel's alphabet: it can be a word */
} xl_token;

struct xlstm_tokenizer {
    char *path; /* of tokenizer.json */
    xl_token *tokens;
    int64_t size; /* largest id + 1 */
    xl_bytes text;
    int32_t byte_id[256]; /* -1: not in the vocabulary */
    int32_t unk;
    bool fuse_unk, ignore_merges, nfc;
    xl_merge *merges; /* open addressing */
    size_t merge_slots, merge_count;
    int32_t *by_text; /* ids by their bytes, open addressing, -1 empty; only with ignore_merges */
    size_t by_text_slots;
    xl_split steps[XL_SPLIT_STEPS];
    int step_count;
    xl_trie raw, normalized; /* added tokens looked for before and after normalization */
    int32_t bos, eos;
    int32_t *ends; /* [end_count] tokens at which a text ends, eos among them */
    size_t end_count, end_capacity;
};

/* Fills tokenizer->merges; of equal pairs the later one counts. */
int xl_merges_reserve(xlstm_tokenizer *tokenizer, size_t count, xlstm_error *err);
void xl_merges_add(xlstm_tokenizer *tokenizer, int32_t left, int32_t right, int32_t rank, int32_t id);
/* Fills tokenizer->by_text from the tokens there are. */
int xl_by_text_build(xlstm_tokenizer *tokenizer, xlstm_error *err);

/* ---- reading the files ---- */

/* Jansson's values are borrowed by all of these. */
typedef struct xl_tokenizer_json {
    const char *path;
    xlstm_tokenizer *tokenizer;
    struct json_t *vocab;
    xlstm_error *err;
} xl_tokenizer_json;
/* The id of an added token or of one in the vocabulary; -1: none. */
int32_t xl_tokenizer_find(const xl_tokenizer_json *in, const struct json_t *root, const char *text, size_t bytes);
/* An optional boolean member; false returned, err filled, where it is something else. */
bool xl_json_flag(const xl_tokenizer_json *in, const struct json_t *object, const char *where, const char *key,
                  bool preset, bool *out);
int xl_read_steps(xl_tokenizer_json *in, const struct json_t *root);
int xl_read_ends(xl_tokenizer_json *in, const struct json_t *root, const char *dir);

/* ---- one call of encode ---- */

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

typedef struct xl_level {
    pcre2_match_data *match;
    xl_bytes prefixed;
} xl_level;

typedef struct xl_encoder {
    const xlstm_tokenizer *tokenizer;
    xlstm_error *err;
    int32_t *ids;
    size_t count, capacity;
    xl_bytes normal;
    xl_level levels[XL_SPLIT_STEPS];
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    xl_cached *cache;
    size_t cache_slots, cache_count;
    xl_symbol *symbols;
    size_t symbol_capacity;
    xl_candidate *heap;
    size_t heap_capacity;
} xl_encoder;

int xl_encoder_push(xl_encoder *encoder, int32_t id);
/* Pre-tokenizes a piece of normalized text and encodes its words. */
int xl_encode_piece(xl_encoder *encoder, const char *text, size_t bytes);
/* Encodes one word; the cache is looked at first. */
int xl_encode_word(xl_encoder *encoder, const char *word, size_t bytes);

#endif
