#include "cli/json_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int cli_print_json(const json_t *document, size_t flags, FILE *out, xlstm_error *err) {
    if (!document)
        return xl_fail(err, XLSTM_ENOTFINITE,
                       "no JSON: a figure is not finite or a text is not UTF-8, which JSON cannot hold");
    char *text = json_dumps(document, flags);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "no JSON: out of memory, or a text that is not UTF-8");
    bool written = fputs(text, out) >= 0 && fputc('\n', out) != EOF;
    int why = errno;
    free(text);
    return written ? XLSTM_OK : xl_fail(err, XLSTM_EIO, "standard output: cannot write: %s", strerror(why));
}
