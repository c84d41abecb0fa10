#include "cli/sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/streams.h"

int cli_sink_open(cli_sink *s, const char *path, bool flows, xlstm_error *err) {
    *s = (cli_sink){.path = path && strcmp(path, "-") != 0 ? path : NULL};
    if (flows && s->path) {
        int status = xl_output_open(&s->file, s->path, err);
        if (!status) status = xl_output_stream(s->file, &s->stream, err);
        if (status) xl_output_abort(s->file);
        return status;
    }
    s->collected = !flows || isatty(STDOUT_FILENO);
    s->stream = s->collected ? open_memstream(&s->text, &s->bytes) : stdout;
    return s->stream ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
}

static int close_collected(cli_sink *s, int status, xlstm_error *err) {
    if (!xl_text_end(s->stream, &s->text) && !status) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status && s->path) status = xl_file_write(s->path, s->text, s->bytes, err);
    else if (!status) cli_put(s->text, s->bytes);
    free(s->text);
    return status;
}

int cli_sink_close(cli_sink *s, int status, xlstm_error *err) {
    if (s->collected) return close_collected(s, status, err);
    /* What standard output could not take is reported at the very end; see cli_streams_finish. */
    if (!s->file) return ferror(s->stream) ? XLSTM_OK : status;
    if (!status) return xl_output_commit(s->file, err);
    if (ferror(s->stream)) {
        const xlstm_error why = *err; /* it does not know the file */
        status = xl_fail(err, XLSTM_EIO, "%s: %s", s->path, why.text);
    }
    xl_output_abort(s->file);
    return status;
}
