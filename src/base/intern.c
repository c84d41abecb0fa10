#include "base/intern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct xl_intern_entry {
    uint64_t hash;
    size_t bytes;
    _Alignas(max_align_t) unsigned char data[];
} entry;

/* FNV-1a with 64 bits. */
static uint64_t hash_of(const unsigned char *data, size_t bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

/* The slot of equal bytes, or the free one in which they belong. */
static entry **find(const xl_intern *set, uint64_t hash, const void *data, size_t bytes) {
    for (size_t i = (size_t)hash;; i++) {
        entry **at = &set->slot[i & (set->slots - 1)];
        if (!*at) return at;
        if ((*at)->hash == hash && (*at)->bytes == bytes && !memcmp((*at)->data, data, bytes)) return at;
    }
}

/* Keeps at least half of the slots free. */
static int make_room(xl_intern *set) {
    if (2 * (set->count + 1) <= set->slots) return 1;
    xl_intern larger = {.slots = set->slots ? 2 * set->slots : 16, .count = set->count};
    if (!(larger.slot = calloc(larger.slots, sizeof(entry *)))) return 0;
    for (size_t i = 0; i < set->slots; i++) {
        entry *old = set->slot[i];
        if (old) *find(&larger, old->hash, old->data, old->bytes) = old;
    }
    free(set->slot);
    *set = larger;
    return 1;
}

const void *xl_intern_put(xl_intern *set, const void *data, size_t bytes) {
    const uint64_t hash = hash_of(data, bytes);
    size_t whole;
    if (!make_room(set)) return NULL;
    entry **at = find(set, hash, data, bytes);
    if (*at) return (*at)->data;
    entry *new = xl_add(sizeof *new, bytes, &whole) ? malloc(whole) : NULL;
    if (!new) return NULL;
    new->hash = hash;
    new->bytes = bytes;
    if (bytes) memcpy(new->data, data, bytes);
    *at = new;
    set->count++;
    return new->data;
}

const char *xl_intern_text(xl_intern *set, const char *text) {
    return xl_intern_put(set, text, strlen(text) + 1);
}

void xl_intern_clear(xl_intern *set) {
    for (size_t i = 0; i < set->slots; i++) free(set->slot[i]);
    free(set->slot);
    *set = (xl_intern){0};
}
