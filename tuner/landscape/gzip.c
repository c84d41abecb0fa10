#include "tuner/landscape/gzip.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"

#define GZIP_WINDOW (15 + 16) /* zlib's code for gzip's header and checksum */
#define PIECE ((size_t)1 << 30)

bool tune_gzip_is(const char *data, size_t bytes) {
    return bytes >= 2 && !memcmp(data, "\x1f\x8b", 2);
}

typedef struct text {
    char *data;
    size_t used, room;
} text;

static bool make_room(text *t) {
    if (t->used + 1 < t->room) return true;
    size_t room = t->room ? 2 * t->room : (size_t)1 << 16;
    char *grown = realloc(t->data, room);
    if (!grown) return false;
    t->data = grown;
    t->room = room;
    return true;
}

static uInt piece(size_t bytes) {
    return (uInt)(bytes < PIECE ? bytes : PIECE);
}

/* Unpacks one member of the file; *data then points behind it. */
static int unpack_member(z_stream *z, const char *path, const char **data, const char *end, size_t limit, text *out,
                         xlstm_error *err) {
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        if (!make_room(out)) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        z->next_in = (z_const Bytef *)(uintptr_t)*data;
        z->avail_in = piece((size_t)(end - *data));
        z->next_out = (Bytef *)out->data + out->used;
        z->avail_out = piece(out->room - out->used - 1);
        const uInt room = z->avail_out;
        code = inflate(z, Z_NO_FLUSH);
        *data = (const char *)z->next_in;
        out->used += room - z->avail_out;
        if (code == Z_BUF_ERROR || (code == Z_OK && *data == end && z->avail_out))
            return xl_fail(err, XLSTM_EFORMAT, "%s: cut off: its gzip data end in the middle", path);
        if (code == Z_MEM_ERROR) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        if (code != Z_OK && code != Z_STREAM_END)
            return xl_fail(err, XLSTM_EFORMAT, "%s: damaged gzip data: %s", path,
                           z->msg ? z->msg : "no reason given");
        if (out->used > limit) return xl_fail(err, XLSTM_EFORMAT, "%s: more than %zu bytes", path, limit);
    }
    return XLSTM_OK;
}

int tune_gzip_unpack(const char *path, const char *data, size_t bytes, size_t limit, char **out, size_t *out_bytes,
                     xlstm_error *err) {
    const char *end = data + bytes;
    text t = {0};
    z_stream z = {0};
    *out = NULL;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    int status = XLSTM_OK;
    do {
        status = unpack_member(&z, path, &data, end, limit, &t, err);
        if (status || data == end) break;
        if (!tune_gzip_is(data, (size_t)(end - data)))
            status = xl_fail(err, XLSTM_EFORMAT, "%s: something else follows its gzip data", path);
    } while (!status && inflateReset(&z) == Z_OK);
    inflateEnd(&z);
    if (status) {
        free(t.data);
        return status;
    }
    t.data[t.used] = 0;
    *out = t.data;
    *out_bytes = t.used;
    return XLSTM_OK;
}

int tune_gzip_pack(const char *path, const char *data, size_t bytes, char **out, size_t *out_bytes,
                   xlstm_error *err) {
    z_stream z = {0};
    *out = NULL;
    if (bytes > PIECE) return xl_fail(err, XLSTM_EARG, "%s: %zu bytes are too many to pack", path, bytes);
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    uLong most = deflateBound(&z, (uLong)bytes);
    char *packed = most <= UINT_MAX ? malloc(most) : NULL;
    if (packed) {
        z.next_in = (z_const Bytef *)(uintptr_t)data;
        z.avail_in = (uInt)bytes;
        z.next_out = (Bytef *)packed;
        z.avail_out = (uInt)most;
    }
    bool whole = packed && deflate(&z, Z_FINISH) == Z_STREAM_END;
    *out_bytes = z.total_out;
    deflateEnd(&z);
    if (!whole) {
        free(packed);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    }
    *out = packed;
    return XLSTM_OK;
}
