#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer/normal_form.h"

/* Code points below U+0300 are starters in normal form that compose with nothing before them; their lead bytes are
 * below this one. */
enum { FIRST_LEAD = 0xCC, LONGEST_DECOMPOSITION = 16 };

typedef struct points {
    utf8proc_int32_t *data;
    size_t count, capacity;
} points;

static int class_of(utf8proc_int32_t cp) {
    return utf8proc_get_property(cp)->combining_class;
}

/* Stable sort of a run of non-starters by combining class, by counting: hostile runs may be long. */
static bool order_run(utf8proc_int32_t *run, size_t n) {
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++) sorted = class_of(run[i - 1]) <= class_of(run[i]);
    if (sorted) return true;
    utf8proc_int32_t *copy = malloc(n * sizeof *copy);
    if (!copy) return false;
    memcpy(copy, run, n * sizeof *copy);
    size_t at[257] = {0};
    for (size_t i = 0; i < n; i++) at[class_of(copy[i]) + 1]++;
    for (int c = 1; c < 257; c++) at[c] += at[c - 1];
    for (size_t i = 0; i < n; i++) run[at[class_of(copy[i])]++] = copy[i];
    free(copy);
    return true;
}

static bool order(points *p) {
    size_t i = 0;
    while (i < p->count) {
        size_t start = i;
        while (i < p->count && class_of(p->data[i])) i++;
        if (i - start > 1 && !order_run(p->data + start, i - start)) return false;
        i++;
    }
    return true;
}

/* Composes points[0, n) in place and returns how many are left; negative on failure. utf8proc drops U+11A7, one
 * before the first trailing consonant, after a Hangul syllable of two letters; it is a starter that composes with
 * nothing before it, so that every one begins a part of its own. */
static utf8proc_ssize_t compose(utf8proc_int32_t *data, size_t n) {
    enum { BEFORE_TRAILING = 0x11A7 };
    size_t made = 0;
    for (size_t start = 0, stop; start < n; start = stop) {
        stop = start + 1;
        while (stop < n && data[stop] != BEFORE_TRAILING) stop++;
        utf8proc_ssize_t part = utf8proc_normalize_utf32(data + start, (utf8proc_ssize_t)(stop - start),
                                                         (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
        if (part < 0) return part;
        memmove(data + made, data + start, (size_t)part * sizeof *data);
        made += (size_t)part;
    }
    return (utf8proc_ssize_t)made;
}

/* Normalizes one stretch of text, whose borders are starters that compose with nothing across them. */
static bool stretch(const char *text, size_t bytes, points *p, xl_bytes *out) {
    p->count = 0;
    for (size_t i = 0; i < bytes;) {
        uint32_t cp = 0;
        i += (size_t)xl_utf8_step(text + i, bytes - i, &cp);
        utf8proc_int32_t *grown = xl_grow(p->data, &p->capacity, p->count + LONGEST_DECOMPOSITION, sizeof *grown);
        if (!grown) return false;
        p->data = grown;
        int boundary = 0;
        utf8proc_ssize_t n =
            utf8proc_decompose_char((utf8proc_int32_t)cp, p->data + p->count, LONGEST_DECOMPOSITION,
                                    UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
        if (n < 0 || n > LONGEST_DECOMPOSITION) {
            p->data[p->count] = (utf8proc_int32_t)cp;
            n = 1;
        }
        p->count += (size_t)n;
    }
    if (!order(p)) return false;
    utf8proc_ssize_t n = compose(p->data, p->count);
    if (n < 0 || !xl_bytes_reserve(out, 4 * (size_t)n)) return false;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out->size += (size_t)xl_utf8_put((uint32_t)p->data[i], out->data + out->size);
    return true;
}

int xl_nfc(const char *text, size_t bytes, xl_bytes *out, bool *same, xlstm_error *err) {
    size_t i = 0;
    while (i < bytes && (unsigned char)text[i] < FIRST_LEAD) i++;
    *same = i == bytes;
    if (*same) return XLSTM_OK;
    points p = {NULL, 0, 0};
    int status = XLSTM_OK;
    size_t done = 0;
    while (i < bytes) {
        size_t start = i;
        if (start > done) { /* the character before may take part */
            do start--;
            while (start > done && ((unsigned char)text[start] & 0xC0) == 0x80);
        }
        while (i < bytes && (unsigned char)text[i] >= FIRST_LEAD) {
            i++;
            while (i < bytes && ((unsigned char)text[i] & 0xC0) == 0x80) i++;
        }
        if (!xl_bytes_append(out, text + done, start - done) || !stretch(text + start, i - start, &p, out)) {
            status = xl_fail(err, XLSTM_ENOMEM, "out of memory while normalizing %zu bytes of text", bytes);
            break;
        }
        done = i;
        while (i < bytes && (unsigned char)text[i] < FIRST_LEAD) i++;
    }
    if (!status && !xl_bytes_append(out, text + done, bytes - done))
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory while normalizing %zu bytes of text", bytes);
    free(p.data);
    return status;
}
