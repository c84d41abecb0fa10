#include "tuner/report/page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"

enum { PARTS = 32 };
#define FILE_MOST ((size_t)16 << 20)

#define POLICY "<meta http-equiv=\"Content-Security-Policy\" content=\"\">"
#define FACTS "<script type=\"application/json\" id=\"facts\"></script>"

/* A line that stands for a file. */
static const struct {
    const char *before, *after; /* what stands around the file's name */
    const char *element;        /* the element that takes its place */
} kinds[] = {{"<link rel=\"stylesheet\" href=\"", "\">", "style"}, {"<script src=\"", "\"></script>", "script"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct part {
    const char *line; /* in the template */
    int kind;
    char *text;
    size_t bytes;
    char hash[48]; /* "sha256-…" without quotes is 51; this is the base64 alone */
} part;

typedef struct page {
    char *template;
    size_t parts;
    part part[PARTS];
} page;

/* Writes 32 bytes, given as hexadecimal digits, in base64. */
static void base64_of_hex(const char hex[65], char out[48]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char byte[33] = {0};
    char *at = out;
    for (int i = 0; i < 32; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        byte[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    for (int i = 0; i < 33; i += 3) {
        const unsigned bits = (unsigned)byte[i] << 16 | (unsigned)byte[i + 1] << 8 | byte[i + 2];
        for (int k = 18; k >= 0; k -= 6) *at++ = digits[bits >> k & 63];
    }
    at[-1] = '='; /* 32 bytes leave one place over */
    *at = 0;
}

/* A file that contained the end of its own element would end it early. */
static bool ends_element(const char *text, const char *element) {
    const size_t length = strlen(element);
    for (const char *at = text; (at = strstr(at, "</")); at += 2) {
        if (!strncasecmp(at + 2, element, length)) return true;
    }
    return false;
}

static int read_part(page *p, const char *folder, const char *line, size_t length, xlstm_error *err) {
    for (int k = 0; k < KINDS; k++) {
        const size_t before = strlen(kinds[k].before), after = strlen(kinds[k].after);
        if (length <= before + after || strncmp(line, kinds[k].before, before) != 0 ||
            strncmp(line + length - after, kinds[k].after, after) != 0)
            continue;
        if (p->parts == PARTS)
            return xl_fail(err, XLSTM_EFORMAT, "%s/page.html: names more than %d files", folder, PARTS);
        part *made = &p->part[p->parts];
        char *path = xl_format("%s/%.*s", folder, (int)(length - before - after), line + before), hex[65];
        int status = path ? xl_file_read(path, FILE_MOST, &made->text, &made->bytes, err)
                          : xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
        if (!status) p->parts++;
        if (!status && (strlen(made->text) != made->bytes || ends_element(made->text, kinds[k].element)))
            status = xl_fail(err, XLSTM_EFORMAT, "%s: contains </%s or a NUL, and so cannot be put into a page",
                             path, kinds[k].element);
        free(path);
        if (status) return status;
        made->line = line;
        made->kind = k;
        xl_sha256 hash;
        xl_sha256_init(&hash);
        xl_sha256_update(&hash, made->text, made->bytes);
        xl_sha256_hex(&hash, hex);
        base64_of_hex(hex, made->hash);
        return XLSTM_OK;
    }
    return XLSTM_OK;
}

static void put_policy(FILE *out, const page *p, const char *connect) {
    fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'", out);
    for (int k = 0; k < KINDS; k++) {
        fprintf(out, "; %s-src", kinds[k].element);
        for (size_t i = 0; i < p->parts; i++) {
            if (p->part[i].kind == k) fprintf(out, " 'sha256-%s'", p->part[i].hash);
        }
    }
    fprintf(out, "; connect-src %s; img-src data:; base-uri 'none'; form-action 'none'\">", connect);
}

/* Writes a line of the template, or what it stands for. */
static void put_line(FILE *out, const page *p, const char *line, size_t length, const char *facts,
                     const char *connect) {
    for (size_t i = 0; i < p->parts; i++) {
        if (p->part[i].line != line) continue;
        const char *element = kinds[p->part[i].kind].element;
        fprintf(out, "<%s>", element);
        fwrite(p->part[i].text, 1, p->part[i].bytes, out);
        fprintf(out, "</%s>", element);
        return;
    }
    if (length == strlen(POLICY) && !strncmp(line, POLICY, length)) {
        put_policy(out, p, connect);
    } else if (length == strlen(FACTS) && !strncmp(line, FACTS, length)) {
        fwrite(FACTS, 1, length - strlen("</script>"), out);
        fprintf(out, "%s</script>", facts);
    } else {
        fwrite(line, 1, length, out);
    }
}

int tune_page_make(char **text, size_t *bytes, const char *folder, const char *facts, const char *connect,
                   xlstm_error *err) {
    page *p = calloc(1, sizeof *p);
    char *path = xl_path_join(folder, "page.html");
    size_t size;
    int status = p && path ? xl_file_read(path, FILE_MOST, &p->template, &size, err)
                           : xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    const char *next;
    for (const char *line = status ? NULL : p->template; line && !status; line = next) {
        const size_t length = strcspn(line, "\n");
        next = line[length] ? line + length + 1 : NULL;
        status = read_part(p, folder, line, length, err);
    }
    FILE *out = status ? NULL : open_memstream(text, bytes);
    if (!status && !out) status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    for (const char *line = status ? NULL : p->template; line; line = next) {
        const size_t length = strcspn(line, "\n");
        next = line[length] ? line + length + 1 : NULL;
        put_line(out, p, line, length, facts, connect);
        if (next) fputc('\n', out);
    }
    if (out && !xl_text_end(out, text)) {
        free(*text);
        status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    }
    for (size_t i = 0; p && i < p->parts; i++) free(p->part[i].text);
    if (p) free(p->template);
    free(p);
    free(path);
    return status;
}
