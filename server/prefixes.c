#include "server/prefixes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/sha256.h"

enum { DIGITS = 64, ENTRIES_MAX = 65536, WRITES_MAX = 8 };

typedef enum place { MEMORY, WRITING, ON_DISK, READING } place;

typedef struct entry {
    uint64_t length;       /* tokens */
    char name[DIGITS + 1]; /* SHA-256 of the ids, each as 4 bytes, the lowest first */
    place place;
    bool on_disk;           /* its file is there, or will be */
    uint64_t used;          /* by a clock that counts */
    xlstm_session *session; /* NULL where ON_DISK */
    float *logits;          /* NULL: not known */
} entry;

struct serve_prefixes {
    serve_prefixes_options o;
    char *folder; /* of this checkpoint; NULL: none */
    entry **entries;
    size_t count, room;
    size_t vocab;
    uint64_t state_bytes, file_bytes; /* of one */
    uint64_t memory, clock;           /* bytes in memory */
    size_t on_disk;                   /* files */
    int writes;
    bool told; /* that the folder cannot be written */
};

static uint64_t bytes_of(const serve_prefixes *p, const entry *e) {
    return p->state_bytes + sizeof *e + (e->logits ? p->vocab * sizeof(float) : 0);
}

static void tell(serve_prefixes *p) {
    size_t states = 0;
    for (size_t i = 0; i < p->count; i++) states += p->entries[i]->place == MEMORY;
    serve_gauge(&p->o.metrics->cache_states, states);
    serve_gauge(&p->o.metrics->cache_bytes, p->memory);
    serve_gauge(&p->o.metrics->cache_disk_states, p->on_disk);
}

static void hash_ids(xl_sha256 *hash, const int32_t *ids, size_t count) {
    unsigned char bytes[1024];
    for (size_t i = 0; i < count;) {
        size_t used = 0;
        for (; i < count && used < sizeof bytes; i++)
            for (int k = 0; k < 4; k++) bytes[used++] = (unsigned char)((uint32_t)ids[i] >> (8 * k));
        xl_sha256_update(hash, bytes, used);
    }
}

static char *path_of(const serve_prefixes *p, const entry *e) {
    return xl_format("%s/prefix-%llu-%s.safetensors", p->folder, (unsigned long long)e->length, e->name);
}

/* Frees an entry and takes it out of the list. */
static void drop(serve_prefixes *p, entry *e) {
    for (size_t i = 0; i < p->count; i++) {
        if (p->entries[i] != e) continue;
        p->entries[i] = p->entries[--p->count];
        break;
    }
    if (e->place == MEMORY) p->memory -= bytes_of(p, e);
    if (e->on_disk) p->on_disk--;
    xlstm_session_destroy(e->session);
    free(e->logits);
    free(e);
}

static entry *add(serve_prefixes *p, uint64_t length, const char *name) {
    if (p->count == ENTRIES_MAX) return NULL;
    entry **entries = xl_grow(p->entries, &p->room, p->count + 1, sizeof(entry *));
    entry *e = entries ? calloc(1, sizeof *e) : NULL;
    if (entries) p->entries = entries;
    if (!e) return NULL;
    e->length = length;
    memcpy(e->name, name, DIGITS + 1);
    e->used = ++p->clock;
    p->entries[p->count++] = e;
    return e;
}

/* False when out of memory: nothing was done. */
static bool submit(serve_prefixes *p, entry *e, serve_errand_kind kind, xlstm_session *session,
                   void (*done)(void *owner, serve_errand *errand)) {
    serve_errand *errand = calloc(1, sizeof *errand);
    char *path = path_of(p, e);
    if (!errand || !path) {
        free(errand);
        free(path);
        return false;
    }
    *errand =
        (serve_errand){.kind = kind, .path = path, .session = session, .done = done, .owner = p, .subject = e};
    serve_disk_submit(p->o.disk, errand);
    return true;
}

static void removed(void *owner, serve_errand *errand) {
    (void)owner;
    (void)errand;
}

/* Forgets an entry and its file. */
static void discard(serve_prefixes *p, entry *e) {
    if (e->on_disk) submit(p, e, SERVE_REMOVE, NULL, removed);
    drop(p, e);
}

/* A disk that is full stays so for a while: one line of it is enough. */
static void tell_trouble(serve_prefixes *p, const char *why) {
    char text[700];
    if (p->told || !p->o.note) return;
    p->told = true;
    snprintf(text, sizeof text, "nothing is written into --cache-dir, and the cache goes on in memory: %s", why);
    p->o.note(text);
}

static void written(void *owner, serve_errand *errand) {
    serve_prefixes *p = owner;
    entry *e = errand->subject;
    p->writes--;
    xlstm_session_destroy(e->session);
    e->session = NULL;
    e->place = ON_DISK;
    if (errand->status) {
        tell_trouble(p, errand->err.text);
        drop(p, e);
    }
    tell(p);
}

static entry *oldest(const serve_prefixes *p, place where) {
    entry *found = NULL;
    for (size_t i = 0; i < p->count; i++) {
        entry *e = p->entries[i];
        if (e->place == where && (!found || e->used < found->used)) found = e;
    }
    return found;
}

static bool make_room_on_disk(serve_prefixes *p) {
    if (!p->folder || p->o.folder_bytes < p->file_bytes) return false;
    while ((p->on_disk + 1) * p->file_bytes > p->o.folder_bytes) {
        entry *e = oldest(p, ON_DISK);
        if (!e) return false;
        discard(p, e);
    }
    return true;
}

/* Takes an entry out of memory: to the folder, unless so many are on their way there, or away. */
static void put_out(serve_prefixes *p, entry *e, int writes_most) {
    p->memory -= bytes_of(p, e);
    free(e->logits);
    e->logits = NULL;
    if (e->on_disk) {
        e->place = ON_DISK;
        xlstm_session_destroy(e->session);
        e->session = NULL;
        return;
    }
    e->place = WRITING;
    if (p->writes >= writes_most || !make_room_on_disk(p) || !submit(p, e, SERVE_SAVE, e->session, written)) {
        drop(p, e);
        return;
    }
    e->on_disk = true;
    p->on_disk++;
    p->writes++;
}

static void make_room(serve_prefixes *p, uint64_t bytes) {
    while (p->memory + bytes > p->o.memory_bytes) {
        entry *e = oldest(p, MEMORY);
        if (!e) return;
        put_out(p, e, WRITES_MAX);
    }
}

void serve_prefixes_flush(serve_prefixes *p) {
    /* All may be written now: nobody waits for them. */
    for (entry *e; p->folder && (e = oldest(p, MEMORY));) put_out(p, e, INT_MAX);
    tell(p);
}

/* "prefix-123-<64 digits>.safetensors" */
static bool parse_name(const char *file, uint64_t *length, char name[DIGITS + 1]) {
    char *end;
    if (strncmp(file, "prefix-", 7) != 0 || file[7] < '1' || file[7] > '9') return false;
    *length = strtoull(file + 7, &end, 10);
    if (*end != '-' || strlen(end + 1) != DIGITS + strlen(".safetensors")) return false;
    if (strspn(end + 1, "0123456789abcdef") != DIGITS || strcmp(end + 1 + DIGITS, ".safetensors") != 0)
        return false;
    memcpy(name, end + 1, DIGITS);
    name[DIGITS] = 0;
    return true;
}

typedef struct file {
    struct timespec time;
    uint64_t length;
    char name[DIGITS + 1];
} file;

static int by_time(const void *a, const void *b) {
    const struct timespec *x = &((const file *)a)->time, *y = &((const file *)b)->time;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static int list_folder(serve_prefixes *p, xlstm_error *err) {
    int status = xl_make_folder(p->folder, err);
    if (status) return status;
    xl_output_sweep(p->folder);
    DIR *dir = opendir(p->folder);
    if (!dir)
        return xl_fail(err, errno == ENOMEM ? XLSTM_ENOMEM : XLSTM_EIO, "%s: cannot be read: %s", p->folder,
                       strerror(errno));
    file *files = NULL;
    size_t count = 0, room = 0;
    for (struct dirent *d; !status && (d = readdir(dir)) && count < ENTRIES_MAX / 2;) {
        file f;
        struct stat st;
        if (!parse_name(d->d_name, &f.length, f.name)) continue;
        if (fstatat(dirfd(dir), d->d_name, &st, 0) || !S_ISREG(st.st_mode)) continue;
#ifdef __APPLE__
        f.time = st.st_mtimespec;
#else
        f.time = st.st_mtim;
#endif
        file *more = xl_grow(files, &room, count + 1, sizeof *files);
        if (!more) {
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", p->folder);
        } else {
            files = more;
            files[count++] = f;
        }
    }
    closedir(dir);
    if (count) qsort(files, count, sizeof *files, by_time);
    for (size_t i = 0; i < count && !status; i++) {
        entry *e = add(p, files[i].length, files[i].name);
        if (!e) break;
        e->place = ON_DISK;
        e->on_disk = true;
        p->on_disk++;
    }
    free(files);
    return status;
}

int serve_prefixes_create(serve_prefixes **out, const serve_prefixes_options *options, xlstm_error *err) {
    *out = NULL;
    serve_prefixes *p = calloc(1, sizeof *p);
    if (!p) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xlstm_model_info info;
    xlstm_model_get_info(options->model, &info);
    p->o = *options;
    p->vocab = (size_t)xlstm_model_hparams(options->model)->vocab_size;
    p->state_bytes = info.state_bytes;
    p->file_bytes = info.state_bytes + 65536; /* and its header */
    int status = XLSTM_OK;
    if (options->folder) {
        p->folder = xl_format("%s/%.16s", options->folder, info.fingerprint);
        status = p->folder ? list_folder(p, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    if (status) {
        serve_prefixes_destroy(p);
        return status;
    }
    p->o.folder = NULL;
    if (p->folder && p->o.folder_bytes < p->file_bytes) {
        char text[160];
        snprintf(text, sizeof text, "a state has %.1f MiB, and its folder may have %.1f MiB",
                 (double)p->file_bytes / 1048576, (double)p->o.folder_bytes / 1048576);
        tell_trouble(p, text);
    }
    tell(p);
    *out = p;
    return XLSTM_OK;
}

void serve_prefixes_destroy(serve_prefixes *p) {
    if (!p) return;
    while (p->count) drop(p, p->entries[p->count - 1]);
    free(p->entries);
    free(p->folder);
    free(p);
}

static entry *get(const serve_prefixes *p, uint64_t length, const char *name) {
    for (size_t i = 0; i < p->count; i++) {
        entry *e = p->entries[i];
        if (e->length == length && !memcmp(e->name, name, DIGITS)) return e;
    }
    return NULL;
}

static int by_length(const void *a, const void *b) {
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    return (x->length > y->length) - (x->length < y->length);
}

/* The entry of the longest beginning that can be used. */
static entry *longest(const serve_prefixes *p, const int32_t *ids, size_t count) {
    entry **usable = xl_array(p->count, sizeof(entry *)), *best = NULL;
    size_t n = 0, fed = 0;
    char name[DIGITS + 1] = "";
    if (!usable) return NULL;
    for (size_t i = 0; i < p->count; i++) {
        entry *e = p->entries[i];
        const bool fits = e->length < count || (e->length == count && e->logits);
        if (fits && e->place != WRITING) usable[n++] = e;
    }
    if (n) qsort(usable, n, sizeof(entry *), by_length);
    xl_sha256 hash;
    xl_sha256_init(&hash);
    for (size_t i = 0; i < n; i++) {
        if (usable[i]->length != fed) {
            hash_ids(&hash, ids + fed, (size_t)usable[i]->length - fed);
            fed = (size_t)usable[i]->length;
            xl_sha256 here = hash;
            xl_sha256_hex(&here, name);
        }
        if (!memcmp(usable[i]->name, name, DIGITS)) best = usable[i];
    }
    free(usable);
    return best;
}

static void have_read(void *owner, serve_errand *errand) {
    serve_prefixes *p = owner;
    entry *e = errand->subject;
    if (errand->status) {
        discard(p, e); /* what cannot be read is of no use */
    } else {
        make_room(p, bytes_of(p, e)); /* it is READING still, so that its own file is not what makes room */
        e->place = MEMORY;
        e->used = ++p->clock;
        p->memory += bytes_of(p, e);
    }
    tell(p);
}

serve_found serve_prefixes_find(serve_prefixes *p, const int32_t *ids, size_t count, xlstm_session *session,
                                size_t *length, float **logits) {
    *length = 0;
    *logits = NULL;
    entry *e = p->count ? longest(p, ids, count) : NULL;
    if (!e) return SERVE_FOUND_NOTHING;
    e->used = ++p->clock;
    if (e->place == ON_DISK) {
        if (xlstm_session_create(&e->session, p->o.model, NULL, NULL)) return SERVE_FOUND_NOTHING;
        if (!submit(p, e, SERVE_LOAD, e->session, have_read)) {
            xlstm_session_destroy(e->session);
            e->session = NULL;
            return SERVE_FOUND_NOTHING;
        }
        e->place = READING;
    }
    if (e->place == READING) return SERVE_FOUND_ON_DISK;
    if (e->length == count) {
        *logits = xl_array(p->vocab, sizeof(float));
        if (!*logits) return SERVE_FOUND_NOTHING;
        memcpy(*logits, e->logits, p->vocab * sizeof(float));
    }
    if (xlstm_session_copy_state(session, e->session, NULL)) {
        free(*logits);
        *logits = NULL;
        xlstm_session_reset(session);
        return SERVE_FOUND_NOTHING;
    }
    *length = (size_t)e->length;
    return SERVE_FOUND_STATE;
}

static void name_of(const int32_t *ids, size_t count, char name[DIGITS + 1]) {
    xl_sha256 hash;
    xl_sha256_init(&hash);
    hash_ids(&hash, ids, count);
    xl_sha256_hex(&hash, name);
}

bool serve_prefixes_has(const serve_prefixes *p, const int32_t *ids, size_t count) {
    char name[DIGITS + 1];
    name_of(ids, count, name);
    return get(p, count, name) != NULL;
}

void serve_prefixes_put(serve_prefixes *p, const int32_t *ids, size_t count, xlstm_session *session,
                        const float *logits) {
    char name[DIGITS + 1];
    name_of(ids, count, name);
    entry *e = get(p, count, name);
    const uint64_t need = p->state_bytes + sizeof *e + p->vocab * sizeof(float);
    if (need > p->o.memory_bytes || (e && (e->place != MEMORY || e->logits || !logits))) {
        if (e) e->used = ++p->clock;
        xlstm_session_destroy(session);
        return;
    }
    if (e) {
        xlstm_session_destroy(session); /* the same state: only the logits are new */
        p->memory -= bytes_of(p, e);
    } else {
        make_room(p, need);
        e = add(p, count, name);
        if (!e) {
            xlstm_session_destroy(session);
            return;
        }
        e->place = MEMORY;
        e->session = session;
    }
    if (logits && (e->logits = xl_array(p->vocab, sizeof(float))))
        memcpy(e->logits, logits, p->vocab * sizeof(float));
    e->used = ++p->clock;
    p->memory += bytes_of(p, e);
    tell(p);
}
