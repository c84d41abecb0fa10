#include "cli/json_out.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

size_t cli_json_shown(size_t flags) {
    return isatty(STDOUT_FILENO) ? flags | JSON_ENSURE_ASCII : flags;
}

int cli_print_json(const json_t *document, size_t flags, FILE *out, xlstm_error *err) {
    if (!document)
        return xl_fail(err, XLSTM_ENOTFINITE,
                       "no JSON: a figure is not finite or a text is not UTF-8, which JSON cannot hold");
    char *text = json_dumps(document, out == stdout ? cli_json_shown(flags) : flags);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "no JSON: out of memory, or a text that is not UTF-8");
    /* Failures of standard output are reported when it is closed (cli/streams.h). */
    fputs(text, out);
    fputc('\n', out);
    free(text);
    return XLSTM_OK;
}
