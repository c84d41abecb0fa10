#include "base/mapped.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(xl_mapped *) first;

void xl_mapped_add(xl_mapped *mapping, const void *begin, size_t bytes, const char *path) {
    pthread_mutex_lock(&lock);
    *mapping = (xl_mapped){.begin = begin, .path = path, .bytes = bytes, .next = atomic_load(&first)};
    atomic_store(&first, mapping);
    pthread_mutex_unlock(&lock);
}

void xl_mapped_remove(xl_mapped *mapping) {
    pthread_mutex_lock(&lock);
    xl_mapped *before = NULL, *m = atomic_load(&first);
    for (; m && m != mapping; m = m->next) before = m;
    if (m && before) before->next = m->next;
    else if (m) atomic_store(&first, m->next);
    pthread_mutex_unlock(&lock);
}

const char *xl_mapped_path(const void *address) {
    for (const xl_mapped *m = atomic_load(&first); m; m = m->next) {
        uintptr_t begin = (uintptr_t)m->begin, at = (uintptr_t)address;
        if (at >= begin && at - begin < m->bytes) return m->path;
    }
    return NULL;
}
