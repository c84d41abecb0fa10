#include "tuner/report/page_json.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

static void put_escaped(const char *text, size_t bytes, FILE *out) {
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        if (c == '<' || c == '>' || c == '&') fprintf(out, "\\u%04x", (unsigned)c);
        else fputc(c, out);
    }
}

static int put_part(const char *text, size_t bytes, void *out) {
    put_escaped(text, bytes, out);
    return 0;
}

/* Everything beyond ASCII is written as \uXXXX: the line separators U+2028 and U+2029 too, and the page does not
 * depend on an encoding. */
void tune_page_put_json(FILE *out, const json_t *json) {
    json_dump_callback(json, put_part, out,
                       JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

void tune_page_put_text(FILE *out, const char *text) {
    const size_t bytes = text ? strlen(text) : 0;
    fputc('"', out);
    for (size_t i = 0; i < bytes;) {
        uint32_t cp;
        const int step = xl_utf8_step(text + i, bytes - i, &cp);
        if (step <= 0) cp = 0xfffd;
        if (cp >= 0x10000)
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
        else if (cp < 0x20 || cp > 0x7e || strchr("\"\\<>&", (int)cp)) fprintf(out, "\\u%04x", cp);
        else fputc((int)cp, out);
        i += step > 0 ? (size_t)step : step < 0 ? (size_t)-step : bytes - i;
    }
    fputc('"', out);
}

json_t *tune_page_date(double seconds) {
    return fabs(seconds) < 1e15 ? json_integer((json_int_t)llround(seconds)) : json_null();
}
