/* The pre-tokenizer: cuts text into words by a list of steps. */
#ifndef XL_FORMAT_SPLIT_H
#define XL_FORMAT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/bytes.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { XL_SPLIT_STEPS = 16 };

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
/* Compiles a pattern in Oniguruma's syntax, as far as it is known to mean the same in PCRE2 (pattern.h), or with
 * `literal` a text that stands for itself. `path` is for the error. */
int xl_split_compile(xl_split *split, const char *pattern, size_t bytes, bool literal, const char *path,
                     xlstm_error *err);
void xl_split_free(xl_split *split);

/* Takes a word; a status other than XLSTM_OK ends the cutting. */
typedef int (*xl_word_fn)(void *user, const char *word, size_t bytes);

/* What a step needs while it runs. */
typedef struct xl_level {
    pcre2_match_data *match;
    xl_bytes prefixed;
} xl_level;

/* The steps at work on one text after another. The first five members are the caller's to set. */
typedef struct xl_splitter {
    const xl_split *steps; /* [step_count] */
    int step_count;
    const char *path; /* of tokenizer.json, for errors */
    xl_word_fn word;
    void *user;
    xlstm_error *err;
    xl_level levels[XL_SPLIT_STEPS];
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
} xl_splitter;
/* Cuts a piece of normalized text and gives its words, in order, to splitter->word. */
int xl_split_text(xl_splitter *splitter, const char *text, size_t bytes);
/* Frees what the steps needed. */
void xl_splitter_free(xl_splitter *splitter);

#endif
