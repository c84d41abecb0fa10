#include "cluster/zip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"

enum { FILES_MOST = 65534, NAME_MOST = 4096, LOCAL = 30, CENTRAL = 46, END = 22 };
/* 1980-01-01, the first day that the format knows, at midnight. */
enum { DATE = 1 << 5 | 1, VERSION = 20, UNIX = 3, DEFLATED = 8, UTF8_NAMES = 1 << 11 };

typedef struct buffer {
    unsigned char *at;
    size_t bytes, room;
} buffer;

struct cluster_zip {
    buffer files, directory;
    size_t limit;
    unsigned count;
};

cluster_zip *cluster_zip_create(size_t limit) {
    cluster_zip *zip = calloc(1, sizeof *zip);
    if (zip) zip->limit = limit < (size_t)INT32_MAX ? limit : (size_t)INT32_MAX;
    return zip;
}

void cluster_zip_free(cluster_zip *zip) {
    if (!zip) return;
    free(zip->files.at);
    free(zip->directory.at);
    free(zip);
}

static bool reserve(buffer *b, size_t more) {
    size_t need;
    if (!xl_add(b->bytes, more, &need)) return false;
    if (need <= b->room) return true;
    const size_t room = need > b->room * 2 ? need : b->room * 2;
    unsigned char *grown = realloc(b->at, room);
    if (!grown) return false;
    b->at = grown;
    b->room = room;
    return true;
}

/* The numbers of the format are little-endian. The room was reserved. */
static void put(buffer *b, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) b->at[b->bytes++] = (unsigned char)(value >> (8 * i));
}

static void put_bytes(buffer *b, const void *data, size_t bytes) {
    memcpy(b->at + b->bytes, data, bytes);
    b->bytes += bytes;
}

/* Deflates `data` to the end of the buffer; false when out of memory. */
static bool deflate_to(buffer *b, const void *data, size_t bytes, size_t *packed) {
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    const size_t room = deflateBound(&z, (uLong)bytes);
    bool ok = reserve(b, room);
    if (ok) {
        z.next_in = (Bytef *)(uintptr_t)data;
        z.avail_in = (uInt)bytes;
        z.next_out = b->at + b->bytes;
        z.avail_out = (uInt)room;
        ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
        *packed = z.total_out;
        b->bytes += *packed;
    }
    deflateEnd(&z);
    return ok;
}

/* What the header before a file and its entry in the directory have in common. */
static void put_facts(buffer *b, uint32_t crc, size_t packed, size_t bytes, size_t name) {
    put(b, VERSION, 2);
    put(b, UTF8_NAMES, 2);
    put(b, DEFLATED, 2);
    put(b, 0, 2);
    put(b, DATE, 2);
    put(b, crc, 4);
    put(b, (uint32_t)packed, 4);
    put(b, (uint32_t)bytes, 4);
    put(b, (uint32_t)name, 2);
    put(b, 0, 2);
}

int cluster_zip_add(cluster_zip *zip, const char *name, const void *data, size_t bytes, unsigned mode,
                    xlstm_error *err) {
    const size_t length = strlen(name), at = zip->files.bytes;
    size_t packed;
    if (!length || length > NAME_MOST)
        return xl_fail(err, XLSTM_EARG, "%.80s: found a name of %zu bytes, wanted 1 to %d", name, length,
                       NAME_MOST);
    if (zip->count >= FILES_MOST || bytes > zip->limit)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: the package would become larger than %zu MiB or %d files",
                       name, zip->limit >> 20, FILES_MOST);
    if (!reserve(&zip->files, LOCAL + length) || !reserve(&zip->directory, CENTRAL + length))
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    zip->files.bytes += LOCAL + length;
    if (!deflate_to(&zip->files, data, bytes, &packed)) {
        zip->files.bytes = at;
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    const size_t end = zip->files.bytes;
    if (end + zip->directory.bytes > zip->limit) {
        zip->files.bytes = at;
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: the package would become larger than %zu MiB", name,
                       zip->limit >> 20);
    }
    const uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
    zip->files.bytes = at;
    put(&zip->files, 0x04034b50, 4);
    put_facts(&zip->files, crc, packed, bytes, length);
    put_bytes(&zip->files, name, length);
    zip->files.bytes = end;

    put(&zip->directory, 0x02014b50, 4);
    put(&zip->directory, UNIX << 8 | VERSION, 2);
    put_facts(&zip->directory, crc, packed, bytes, length);
    put(&zip->directory, 0, 2); /* no comment */
    put(&zip->directory, 0, 4); /* the first disk, no inner attributes */
    put(&zip->directory, (uint32_t)(0100000u | (mode & 0777u)) << 16, 4);
    put(&zip->directory, (uint32_t)at, 4);
    put_bytes(&zip->directory, name, length);
    zip->count++;
    return XLSTM_OK;
}

int cluster_zip_end(cluster_zip *zip, const void **data, size_t *bytes, xlstm_error *err) {
    const size_t start = zip->files.bytes, directory = zip->directory.bytes;
    if (!reserve(&zip->files, directory + END)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (directory) put_bytes(&zip->files, zip->directory.at, directory);
    put(&zip->files, 0x06054b50, 4);
    put(&zip->files, 0, 4);
    put(&zip->files, zip->count, 2);
    put(&zip->files, zip->count, 2);
    put(&zip->files, (uint32_t)directory, 4);
    put(&zip->files, (uint32_t)start, 4);
    put(&zip->files, 0, 2);
    *data = zip->files.at;
    *bytes = zip->files.bytes;
    return XLSTM_OK;
}
