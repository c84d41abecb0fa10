#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *xl_aligned_alloc(size_t count, size_t size) {
    size_t bytes;
    if (!xl_mul(count, size, &bytes) || !xl_add(bytes, XL_CACHE_LINE, &bytes)) return NULL;
    void *p = NULL;
    if (posix_memalign(&p, XL_CACHE_LINE, bytes - bytes % XL_CACHE_LINE)) return NULL;
    return p;
}

void *xl_aligned_calloc(size_t count, size_t size) {
    void *p = xl_aligned_alloc(count, size);
    if (p) memset(p, 0, count * size);
    return p;
}

void xl_aligned_free(void *p) {
    free(p);
}

void *xl_array(size_t count, size_t size) {
    size_t bytes;
    if (!xl_mul(count, size, &bytes)) return NULL;
    return malloc(bytes ? bytes : 1);
}

void *xl_stretch(void *array, size_t from, size_t to) {
    if (to < XL_STRETCHED) return realloc(array, to);
#ifdef __linux__
    if (from >= XL_STRETCHED) {
        void *moved = mremap(array, from, to, MREMAP_MAYMOVE);
        return moved == MAP_FAILED ? NULL : moved;
    }
#endif
    void *more = mmap(NULL, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) return NULL;
    if (from) memcpy(more, array, from);
    xl_stretch_free(array, from);
    return more;
}

void xl_stretch_free(void *array, size_t bytes) {
    if (bytes < XL_STRETCHED) free(array);
    else munmap(array, bytes);
}

char *xl_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) return NULL;
    char *text = malloc((size_t)n + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

bool xl_text_end(FILE *out, char *const *text) {
    const bool lost = ferror(out);
    return !fclose(out) && !lost && *text;
}
