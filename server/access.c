#include "server/access.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

enum { DIGITS = 64, SHORTEST = 8, FILE_MAX = 1 << 20 };

typedef struct digest {
    char text[DIGITS + 1]; /* SHA-256 of a key */
} digest;

struct serve_access {
    digest *keys;
    size_t count, room;
};

static digest digest_of(const char *key, size_t bytes) {
    digest d;
    xl_sha256 hash;
    xl_sha256_init(&hash);
    xl_sha256_update(&hash, key, bytes);
    xl_sha256_hex(&hash, d.text);
    return d;
}

static int add(serve_access *a, const char *key, size_t bytes, const char *from, int line, xlstm_error *err) {
    for (size_t i = 0; i < bytes; i++) {
        if (key[i] <= ' ' || key[i] == 127)
            return xl_fail(err, XLSTM_EFORMAT, "%s: line %d: a key holds a space or control character", from, line);
    }
    if (bytes < SHORTEST)
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %d: a key of %zu characters, wanted at least %d", from, line,
                       bytes, SHORTEST);
    digest *keys = xl_grow(a->keys, &a->room, a->count + 1, sizeof *keys);
    if (!keys) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    a->keys = keys;
    a->keys[a->count++] = digest_of(key, bytes);
    return XLSTM_OK;
}

static int read_file(serve_access *a, const char *path, xlstm_error *err) {
    char *data;
    size_t bytes;
    int status = xl_file_read(path, FILE_MAX, &data, &bytes, err), number = 0;
    if (status) return status;
    for (char *line = data; line && !status;) {
        char *next = strchr(line, '\n');
        if (next) *next++ = 0;
        number++;
        line += strspn(line, " \t\r");
        size_t length = strlen(line);
        while (length && strchr(" \t\r", line[length - 1])) length--;
        if (length && *line != '#') status = add(a, line, length, path, number, err);
        line = next;
    }
    free(data);
    if (!status && !a->count) status = xl_fail(err, XLSTM_EFORMAT, "%s: holds no key", path);
    return status;
}

int serve_access_create(serve_access **out, const char *file, const char *key, xlstm_error *err) {
    *out = NULL;
    serve_access *a = calloc(1, sizeof *a);
    if (!a) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = file ? read_file(a, file, err) : XLSTM_OK;
    if (!status && key && *key) status = add(a, key, strlen(key), "XLTUNE_API_KEY", 1, err);
    if (status) serve_access_destroy(a);
    else *out = a;
    return status;
}

void serve_access_destroy(serve_access *access) {
    if (!access) return;
    free(access->keys);
    free(access);
}

size_t serve_access_count(const serve_access *access) {
    return access->count;
}

bool serve_access_allows(const serve_access *access, const char *authorization, char owner[17]) {
    const char *key = authorization ? authorization : "";
    bool found = false;
    if (!strncasecmp(key, "Bearer ", 7)) key += 7;
    key += strspn(key, " ");
    const digest given = digest_of(key, strlen(key));
    for (size_t i = 0; i < access->count; i++) {
        unsigned differs = 0;
        for (int k = 0; k < DIGITS; k++) differs |= (unsigned)(access->keys[i].text[k] ^ given.text[k]);
        found |= !differs;
    }
    memcpy(owner, given.text, 16);
    owner[16] = 0;
    return found;
}

bool serve_access_is_loopback(const char *host) {
    return !strcasecmp(host, "localhost") || !strcmp(host, "::1") || !strcmp(host, "[::1]") ||
           (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == strlen(host));
}

/* "127.0.0.1:8080", "[::1]", "localhost". */
static bool is_local_name(const char *text) {
    char host[64];
    size_t bytes = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/");
    if (bytes >= sizeof host || bytes > strlen(text)) return false;
    memcpy(host, text, bytes);
    host[bytes] = 0;
    const char *rest = text + bytes;
    if (*rest == ':') rest += 1 + strspn(rest + 1, "0123456789");
    return !*rest && serve_access_is_loopback(host);
}

bool serve_access_is_local(const char *host, const char *origin) {
    if (host && !is_local_name(host)) return false;
    if (!origin) return true;
    if (!strncmp(origin, "http://", 7)) return is_local_name(origin + 7);
    return !strncmp(origin, "https://", 8) && is_local_name(origin + 8);
}
