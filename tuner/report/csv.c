#include "tuner/report/csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#define MOST_BYTES ((size_t)64 << 20)
#define MOST_COLUMNS 1000

typedef struct reader {
    const char *path;
    char *at, *end;
    size_t line;
    xlstm_error *err;
} reader;

/* One field, unquoted in place and NUL-terminated. *last: it ended the row. */
static int read_field(reader *r, char **field, bool *last) {
    char *to = r->at;
    *field = to;
    *last = false;
    bool quoted = r->at < r->end && *r->at == '"';
    size_t start = r->line;
    if (quoted) r->at++;
    for (;;) {
        if (r->at == r->end) {
            if (quoted) {
                return xl_fail(r->err, XLSTM_EFORMAT, "%s: line %zu: a quoted field never ends", r->path, start);
            }
            *last = true;
            break;
        }
        char c = *r->at++;
        if (c == '\0') return xl_fail(r->err, XLSTM_EFORMAT, "%s: line %zu: a zero byte", r->path, r->line);
        if (quoted) {
            if (c == '\n') r->line++;
            if (c != '"') *to++ = c;
            else if (r->at < r->end && *r->at == '"') *to++ = *r->at++;
            else quoted = false;
            continue;
        }
        if (c == ',') break;
        if (c == '\r' && r->at < r->end && *r->at == '\n') continue;
        if (c == '\n') {
            r->line++;
            *last = true;
            break;
        }
        *to++ = c;
    }
    /* `to` never passes what was read: the file's own terminator or the separator makes room for the NUL. */
    *to = '\0';
    return 0;
}

static int grow(tune_csv *csv, size_t *room, reader *r) {
    if (csv->rows < *room) return 0;
    size_t more = *room ? 2 * *room : 64, cells, bytes;
    char **grown = NULL;
    size_t *lines = NULL;
    if (xl_mul(more, csv->columns, &cells) && xl_mul(cells, sizeof *grown, &bytes)) {
        grown = realloc(csv->cells, bytes);
        if (grown) csv->cells = grown;
        lines = realloc(csv->line, more * sizeof *lines);
        if (lines) csv->line = lines;
    }
    if (!grown || !lines) return xl_fail(r->err, XLSTM_ENOMEM, "%s: out of memory", r->path);
    *room = more;
    return 0;
}

static bool empty_line(const reader *r) {
    return r->at < r->end && (*r->at == '\n' || (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n'));
}

static int read_header(tune_csv *csv, reader *r) {
    csv->header = xl_array(MOST_COLUMNS, sizeof *csv->header);
    if (!csv->header) return xl_fail(r->err, XLSTM_ENOMEM, "%s: out of memory", r->path);
    bool last = false;
    while (!last) {
        if (csv->columns == MOST_COLUMNS) {
            return xl_fail(r->err, XLSTM_EFORMAT, "%s: over %d columns", r->path, MOST_COLUMNS);
        }
        int status = read_field(r, &csv->header[csv->columns], &last);
        if (status) return status;
        csv->columns++;
    }
    return 0;
}

static int read_row(tune_csv *csv, reader *r) {
    size_t line = r->line, fields = 0;
    bool last = false;
    while (!last) {
        char *field;
        int status = read_field(r, &field, &last);
        if (status) return status;
        if (fields < csv->columns) csv->cells[csv->rows * csv->columns + fields] = field;
        fields++;
    }
    if (fields != csv->columns) {
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: line %zu: %zu fields, the header has %zu", r->path, line, fields,
                       csv->columns);
    }
    csv->line[csv->rows++] = line;
    return 0;
}

int tune_csv_read(tune_csv *out, const char *path, xlstm_error *err) {
    *out = (tune_csv){0};
    size_t bytes, room = 0;
    int status = xl_file_read(path, MOST_BYTES, &out->data, &bytes, err);
    if (status) return status;
    reader r = {.path = path, .at = out->data, .end = out->data + bytes, .line = 1, .err = err};
    if (bytes >= 3 && !memcmp(r.at, "\xef\xbb\xbf", 3)) r.at += 3;
    while (empty_line(&r)) {
        r.at += *r.at == '\r' ? 2 : 1;
        r.line++;
    }
    if (r.at == r.end) status = xl_fail(err, XLSTM_EFORMAT, "%s: empty, wanted a header and rows", path);
    if (!status) status = read_header(out, &r);
    while (!status && r.at < r.end) {
        if (empty_line(&r)) {
            r.at += *r.at == '\r' ? 2 : 1;
            r.line++;
            continue;
        }
        status = grow(out, &room, &r);
        if (!status) status = read_row(out, &r);
    }
    if (status) tune_csv_clear(out);
    return status;
}

void tune_csv_clear(tune_csv *csv) {
    free(csv->header);
    free(csv->cells);
    free(csv->line);
    free(csv->data);
    *csv = (tune_csv){0};
}

int tune_csv_column(const tune_csv *csv, const char *name) {
    for (size_t i = 0; i < csv->columns; i++) {
        if (!strcmp(csv->header[i], name)) return (int)i;
    }
    return -1;
}

const char *tune_csv_cell(const tune_csv *csv, size_t row, int column) {
    return column < 0 ? "" : csv->cells[row * csv->columns + (size_t)column];
}

int tune_csv_number(const tune_csv *csv, const char *path, size_t row, int column, double *out, xlstm_error *err) {
    const char *cell = tune_csv_cell(csv, row, column);
    *out = NAN;
    if (!*cell) return 0;
    char *end;
    double value = strtod(cell, &end);
    if (end == cell || *end || !isfinite(value)) {
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %.60s is %.60s, wanted a number", path, csv->line[row],
                       csv->header[column], cell);
    }
    *out = value;
    return 0;
}
