/* The input is a regular expression in Oniguruma's syntax. Its translation must be UTF-8, be accepted or rejected
 * by PCRE2 without harm, and not grow without bound. */
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/utf8.h"
#include "format/tokenizer/pattern.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *pattern = (const char *)data;
    if (xl_utf8_valid(pattern, size) < size) return 0;
    xl_bytes out = {NULL, 0, 0};
    xlstm_error err;
    if (!xl_pattern_translate(pattern, size, &out, "pattern", &err)) {
        if (out.size > 400 * size + 16 || xl_utf8_valid(out.data, out.size) < out.size) abort();
        int error;
        PCRE2_SIZE offset;
        PCRE2_SPTR text = (PCRE2_SPTR)(out.data ? out.data : "");
        pcre2_code_free(pcre2_compile(text, out.size, PCRE2_UTF | PCRE2_MULTILINE, &error, &offset, NULL));
    } else if (!err.text[0]) {
        abort();
    }
    free(out.data);
    return 0;
}
