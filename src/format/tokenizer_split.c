#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer_parts.h"

const char xl_gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* The patterns are written for Oniguruma, where \s is Unicode's White_Space; PCRE2's holds U+180E as well. Its \w
 * is alphabetic, mark, decimal digit or connector. */
#define WHITE                                                                                                      \
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define WORD "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}"

static bool append_text(xl_bytes *out, const char *text) {
    return xl_bytes_append(out, text, strlen(text));
}

/* What stands for the escape \c in PCRE2; NULL where it is the same. */
static const char *translate_escape(char c, bool in_class) {
    switch (c) {
    case 's':
        return in_class ? WHITE : "[" WHITE "]";
    case 'S':
        return in_class ? "\\S\\x{180e}" : "[^" WHITE "]";
    case 'w':
        return in_class ? WORD : "[" WORD "]";
    case 'W':
        return in_class ? NULL : "[^" WORD "]";
    case 'h':
        return in_class ? "0-9a-fA-F" : "[0-9a-fA-F]";
    default:
        return NULL;
    }
}

/* Rewrites a pattern for PCRE2. Sets within classes have no counterpart there: *set tells of one. */
static bool translate(const char *pattern, size_t bytes, xl_bytes *out, bool *set) {
    bool in_class = false;
    size_t first = 0; /* where the first member of the class stands; a ']' there is one */
    for (size_t i = 0; i < bytes; i++) {
        char c = pattern[i], next = i + 1 < bytes ? pattern[i + 1] : 0;
        size_t length = 1;
        const char *other = NULL;
        if (c == '\\' && i + 1 < bytes) {
            other = translate_escape(next, in_class);
            length = 2;
        } else if (!in_class && c == '[') {
            in_class = true;
            first = i + 1 + (next == '^');
        } else if (in_class && c == ']' && i > first) {
            in_class = false;
        } else if (in_class && c == '[' && next == ':') {
            const char *end = memchr(pattern + i, ']', bytes - i);
            if (end) length = (size_t)(end - pattern) + 1 - i;
        } else if (in_class && (c == '[' || (c == '&' && next == '&'))) {
            *set = true;
        }
        if (other ? !append_text(out, other) : !xl_bytes_append(out, pattern + i, length)) return false;
        i += length - 1;
    }
    return true;
}

int xl_split_compile(xl_split *split, const char *pattern, size_t bytes, bool literal, const char *path,
                     xlstm_error *err) {
    xl_bytes text = {NULL, 0, 0};
    int status = XLSTM_OK;
    bool set = false;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    /* '^' and '$' are those of lines in Oniguruma's syntax */
    options |= literal ? PCRE2_LITERAL : PCRE2_MULTILINE;
    if (literal) options &= ~(uint32_t)(PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context || !(literal ? xl_bytes_append(&text, pattern, bytes) : translate(pattern, bytes, &text, &set))) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for a regular expression", path);
        goto out;
    }
    if (set) {
        status = xl_fail(err, XLSTM_EUNSUPPORTED,
                         "%s: pre_tokenizer: regular expression \"%.*s\": a class inside a class", path,
                         (int)(bytes < 200 ? bytes : 200), pattern);
        goto out;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    split->code =
        pcre2_compile((PCRE2_SPTR)(text.data ? text.data : ""), text.size, options, &error, &offset, context);
    if (!split->code) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(error, message, sizeof message);
        status = xl_fail(err, XLSTM_EFORMAT, "%s: pre_tokenizer: regular expression \"%.*s\": %s at offset %zu",
                         path, (int)(bytes < 200 ? bytes : 200), pattern, (const char *)message, (size_t)offset);
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

static int run_steps(xl_encoder *e, int step, const char *text, size_t bytes);

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
    xl_encoder *encoder;
    int step;
    const char *text;
    size_t start, stop; /* the piece that may still grow */
    bool open, matched; /* there is one; its last stretch matched */
} cutter;

static int cutter_end(cutter *c) {
    if (!c->open || c->start == c->stop) return XLSTM_OK;
    return run_steps(c->encoder, c->step + 1, c->text + c->start, c->stop - c->start);
}

/* Takes the next stretch of the text. */
static int cutter_take(cutter *c, size_t start, size_t stop, bool matched) {
    const xl_split *split = &c->encoder->tokenizer->steps[c->step];
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

static int match(xl_encoder *e, int step, const char *text, size_t bytes, size_t from) {
    const xl_split *split = &e->tokenizer->steps[step];
    pcre2_match_data *data = e->levels[step].match;
    if (split->jit)
        return pcre2_jit_match(split->code, (PCRE2_SPTR)text, bytes, from, PCRE2_NO_UTF_CHECK, data, e->context);
    return pcre2_match(split->code, (PCRE2_SPTR)text, bytes, from, PCRE2_NO_UTF_CHECK, data, e->context);
}

static int prepare_level(xl_encoder *e, int step) {
    if (!e->context) {
        e->context = pcre2_match_context_create(NULL);
        if (!e->context) return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for a regular expression's match");
        /* A hostile pattern ends in an error instead of running for hours. */
        pcre2_set_match_limit(e->context, 20000000);
        pcre2_set_heap_limit(e->context, 256 << 10);
        e->stack = pcre2_jit_stack_create(32 << 10, 8 << 20, NULL);
        if (e->stack) pcre2_jit_stack_assign(e->context, NULL, e->stack);
    }
    if (!e->levels[step].match)
        e->levels[step].match = pcre2_match_data_create_from_pattern(e->tokenizer->steps[step].code, NULL);
    if (!e->levels[step].match)
        return xl_fail(e->err, XLSTM_ENOMEM, "out of memory for a regular expression's match");
    return XLSTM_OK;
}

static int cut(xl_encoder *e, int step, const char *text, size_t bytes) {
    int status = prepare_level(e, step);
    if (status) return status;
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(e->levels[step].match);
    cutter c = {.encoder = e, .step = step, .text = text};
    size_t from = 0, done = 0;
    bool matched_before = false;
    while (!status && from <= bytes) {
        int count = match(e, step, text, bytes, from);
        if (count == PCRE2_ERROR_NOMATCH) break;
        if (count < 0) {
            PCRE2_UCHAR message[160];
            pcre2_get_error_message(count, message, sizeof message);
            return xl_fail(e->err, XLSTM_EFORMAT, "%s: pre_tokenizer: the regular expression cannot be matched: %s",
                           e->tokenizer->path, (const char *)message);
        }
        size_t start = found[0], stop = found[1];
        /* \K inside a lookaround can make a match that ends before it starts */
        if (start > stop || start < done)
            return xl_fail(e->err, XLSTM_EFORMAT, "%s: pre_tokenizer: the regular expression moves backwards",
                           e->tokenizer->path);
        if (start == stop && matched_before && stop == done) {
            /* an empty match right after the last one does not count */
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

static int run_steps(xl_encoder *e, int step, const char *text, size_t bytes) {
    if (step == e->tokenizer->step_count) return xl_encode_word(e, text, bytes);
    const xl_split *split = &e->tokenizer->steps[step];
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

int xl_encode_piece(xl_encoder *e, const char *text, size_t bytes) {
    return bytes ? run_steps(e, 0, text, bytes) : XLSTM_OK;
}
