/* Checked sizes and aligned memory. */
#ifndef XL_BASE_MEMORY_H
#define XL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define XL_CACHE_LINE 64

/* *out = a * b (a + b); false, *out untouched, where that does not fit. */
static inline bool xl_mul(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}
static inline bool xl_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

/* `count` elements of `size` bytes at a 64-byte boundary, not cleared; NULL on overflow or where there is none.
 * A count of zero gives a valid pointer. Release with xl_aligned_free (NULL is accepted). */
void *xl_aligned_alloc(size_t count, size_t size);
void *xl_aligned_calloc(size_t count, size_t size);
void xl_aligned_free(void *p);

/* malloc'd array with checked size; count zero gives a valid pointer. Release with free. */
void *xl_array(size_t count, size_t size);

/* An array that grows for as long as a process lives: like realloc, with the sizes given. Returns the array, which
 * had room for `from` bytes (0: NULL), with room for `to`, which is no less and more than 0; NULL where memory is
 * out, and the array is then as before. One of XL_STRETCHED bytes or more has pages of its own, so that growing it
 * copies nothing on Linux, leaves no hole in the heap, and takes no memory for what was not written yet. */
#define XL_STRETCHED ((size_t)1 << 18)
void *xl_stretch(void *array, size_t from, size_t to);
/* Frees an array with room for so many bytes (0: NULL). */
void xl_stretch_free(void *array, size_t bytes);

/* malloc'd formatted string; NULL when out of memory. */
char *xl_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Closes what open_memstream opened for *text. False where memory ran out on the way: then the text lacks a part,
 * or is NULL, although closing it succeeds. The text stays the caller's. */
bool xl_text_end(FILE *out, char *const *text);

#endif
