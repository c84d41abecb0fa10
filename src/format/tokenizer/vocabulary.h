/* What a tokenizer.json says, as encoding and decoding use it. Everything behind a `const xlstm_tokenizer *` is
 * immutable. The folder's files, each of which includes only those before it:
 *   added_tokens   finding added tokens in a text
 *   normal_form    Unicode normal form C
 *   pattern        a regular expression in Oniguruma's syntax -> one for PCRE2
 *   split          the pre-tokenizer: text -> words
 *   vocabulary.h   struct xlstm_tokenizer
 *   bpe            merges; a word -> ids
 *   encode, decode the public functions: text -> ids, ids -> text
 *   tokenizer_json what the readers share
 *   read_steps     normalizer, pre-tokenizer and decoder
 *   read_ends      which tokens begin and end a text, from the files beside tokenizer.json too
 *   read_tokenizer tokenizer.json -> struct xlstm_tokenizer: vocabulary, merges, added tokens */
#ifndef XL_FORMAT_VOCABULARY_H
#define XL_FORMAT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/tokenizer.h>

#include "format/tokenizer/added_tokens.h"
#include "format/tokenizer/split.h"

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

#endif
