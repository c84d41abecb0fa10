#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer/pattern.h"
#include "format/tokenizer/split.h"

const char xl_gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static bool holds_lookahead(const xl_bytes *pattern) {
    for (size_t i = 0; pattern->data && i + 3 <= pattern->size; i++) {
        if (!memcmp(pattern->data + i, "(?=", 3)) return true;
    }
    return false;
}

int xl_split_compile(xl_split *split, const char *pattern, size_t bytes, bool literal, const char *path,
                     xlstm_error *err) {
    xl_bytes text = {NULL, 0, 0};
    int status = XLSTM_OK, error = 0;
    PCRE2_SIZE offset = 0;
    uint32_t options = literal ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for a regular expression", path);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    if (!literal) {
        status = xl_pattern_translate(pattern, bytes, &text, path, err);
        if (status) goto out;
        pattern = text.data ? text.data : "";
    }
    /* Where a match begins with (?=a), PCRE2 10.42 looks for a second a behind it: "(?=a)b?a" then misses "a". */
    if (holds_lookahead(&text)) options |= PCRE2_NO_START_OPTIMIZE;
    split->code =
        pcre2_compile((PCRE2_SPTR)pattern, literal ? bytes : text.size, options, &error, &offset, context);
    if (!split->code) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(error, message, sizeof message);
        status = xl_fail(err, XLSTM_EUNSUPPORTED,
                         "%s: pre_tokenizer: regular expression, in PCRE2's syntax \"%.*s\": %s at byte %zu", path,
                         (int)xl_utf8_valid(pattern, text.size < 300 ? text.size : 300), pattern,
                         (const char *)message, (size_t)offset);
        goto out;
    }
    split->jit = !pcre2_jit_compile(split->code, PCRE2_JIT_COMPLETE);
out:
    pcre2_compile_context_free(context);
    free(text.data);
    return status;
}

void xl_split_free(xl_split *split) {
    pcre2_code_free(split->code);
    split->code = NULL;
}

/* ---- running the steps ---- */

static int run_steps(xl_splitter *e, int step, const char *text, size_t bytes);

/* Two neighbouring stretches, matched or not, become one piece. */
static bool joins(xl_behavior behavior, bool previous, bool matched) {
    switch (behavior) {
    case XL_MERGED_WITH_PREVIOUS:
        return matched && !previous;
    case XL_MERGED_WITH_NEXT:
        return previous && !matched;
    case XL_CONTIGUOUS:
        return matched == previous;
    default:
        return false;
    }
}

typedef struct cutter {
    xl_splitter *splitter;
    int step;
    const char *text;
    size_t start, stop; /* the piece that may still grow */
    bool open, matched; /* there is one; its last stretch matched */
} cutter;

static int cutter_end(cutter *c) {
    if (!c->open || c->start == c->stop) return XLSTM_OK;
    return run_steps(c->splitter, c->step + 1, c->text + c->start, c->stop - c->start);
}

/* Takes the next stretch of the text. */
static int cutter_take(cutter *c, size_t start, size_t stop, bool matched) {
    const xl_split *split = &c->splitter->steps[c->step];
    matched ^= split->invert;
    if (c->open && joins(split->behavior, c->matched, matched)) {
        c->stop = stop;
        c->matched = matched;
        return XLSTM_OK;
    }
    int status = cutter_end(c);
    c->start = start;
    c->stop = stop;
    c->matched = matched;
    c->open = !(matched && split->behavior == XL_REMOVED);
    return status;
}

static int match(xl_splitter *e, int step, const char *text, size_t bytes, size_t from) {
    const xl_split *split = &e->steps[step];
    pcre2_match_data *data = e->levels[step].match;
    if (split->jit)
        return pcre2_jit_match(split->code, (PCRE2_SPTR)text, bytes, from, PCRE2_NO_UTF_CHECK, data, e->context);
    return pcre2_match(split->code, (PCRE2_SPTR)text, bytes, from, PCRE2_NO_UTF_CHECK, data, e->context);
}

static int prepare_level(xl_splitter *e, int step) {
    if (!e->context) {
        e->context = pcre2_match_context_create(NULL);
        if (!e->context) return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for a regular expression's match");
        /* With this limit a hostile pattern ends in an error instead of running for hours. */
        pcre2_set_match_limit(e->context, 20000000);
        pcre2_set_heap_limit(e->context, 256 << 10);
        e->stack = pcre2_jit_stack_create(32 << 10, 8 << 20, NULL);
        if (e->stack) pcre2_jit_stack_assign(e->context, NULL, e->stack);
    }
    if (!e->levels[step].match)
        e->levels[step].match = pcre2_match_data_create_from_pattern(e->steps[step].code, NULL);
    if (!e->levels[step].match)
        return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for a regular expression's match");
    return XLSTM_OK;
}

static int cut(xl_splitter *e, int step, const char *text, size_t bytes) {
    int status = prepare_level(e, step);
    if (status) return status;
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(e->levels[step].match);
    cutter c = {.splitter = e, .step = step, .text = text};
    size_t from = 0, done = 0;
    bool matched_before = false;
    while (!status && from <= bytes) {
        int count = match(e, step, text, bytes, from);
        if (count == PCRE2_ERROR_NOMATCH) break;
        if (count < 0) {
            PCRE2_UCHAR message[160];
            pcre2_get_error_message(count, message, sizeof message);
            return xl_fail(e->err, XLSTM_EFORMAT, "%s: pre_tokenizer: the regular expression cannot be matched: %s",
                           e->path, (const char *)message);
        }
        size_t start = found[0], stop = found[1];
        /* \K inside a lookaround can make a match that ends before it starts */
        if (start > stop || start < done)
            return xl_fail(e->err, XLSTM_EFORMAT, "%s: pre_tokenizer: the regular expression moves backwards",
                           e->path);
        if (start == stop && matched_before && stop == done) {
            /* an empty match directly behind the last match does not count */
            if (from >= bytes) break;
            int length = xl_utf8_step(text + from, bytes - from, NULL);
            from += length > 0 ? (size_t)length : 1;
            continue;
        }
        if (start > done) status = cutter_take(&c, done, start, false);
        if (!status) status = cutter_take(&c, start, stop, true);
        from = done = stop;
        matched_before = true;
    }
    if (!status && done < bytes) status = cutter_take(&c, done, bytes, false);
    return status ? status : cutter_end(&c);
}

static int run_steps(xl_splitter *e, int step, const char *text, size_t bytes) {
    if (step == e->step_count) return e->word(e->user, text, bytes);
    const xl_split *split = &e->steps[step];
    if (split->prefix_space && text[0] != ' ') {
        xl_bytes *prefixed = &e->levels[step].prefixed;
        prefixed->size = 0;
        if (!xl_bytes_append(prefixed, " ", 1) || !xl_bytes_append(prefixed, text, bytes))
            return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for %zu bytes of text", bytes);
        text = prefixed->data;
        bytes = prefixed->size;
    }
    return split->code ? cut(e, step, text, bytes) : run_steps(e, step + 1, text, bytes);
}

int xl_split_text(xl_splitter *e, const char *text, size_t bytes) {
    return bytes ? run_steps(e, 0, text, bytes) : XLSTM_OK;
}

void xl_splitter_free(xl_splitter *splitter) {
    for (int i = 0; i < XL_SPLIT_STEPS; i++) {
        pcre2_match_data_free(splitter->levels[i].match);
        free(splitter->levels[i].prefixed.data);
    }
    pcre2_match_context_free(splitter->context);
    pcre2_jit_stack_free(splitter->stack);
}
