#include "base/csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"

typedef struct parser {
    const char *path;
    char *in, *out; /* cells are unquoted in place; out never passes in */
    size_t line;
    xlstm_error *err;
} parser;

/* Reads one cell, NUL-terminated; *ends is set to whether it was the last of its line. */
static int read_cell(parser *p, const char **cell, bool *ends) {
    *cell = p->out;
    bool quoted = *p->in == '"';
    size_t start = p->line;
    if (quoted) {
        p->in++;
        for (;; p->in++) {
            if (!*p->in)
                return xl_fail(p->err, XLSTM_EFORMAT, "%s: line %zu: a quote that never ends", p->path, start);
            if (*p->in == '"' && *++p->in != '"') break;
            if (*p->in == '\n') p->line++;
            *p->out++ = *p->in;
        }
    }
    while (*p->in && *p->in != ',' && *p->in != '\n') {
        if (*p->in == '\r' && (p->in[1] == '\n' || !p->in[1])) {
            p->in++;
            continue;
        }
        if (quoted)
            return xl_fail(p->err, XLSTM_EFORMAT, "%s: line %zu: text after a closing quote", p->path, p->line);
        *p->out++ = *p->in++;
    }
    *ends = *p->in != ',';
    if (*p->in == '\n') p->line++;
    if (*p->in) p->in++;
    *p->out++ = 0;
    return XLSTM_OK;
}

static bool is_empty_line(const char *in) {
    return *in == '\n' || (*in == '\r' && in[1] == '\n');
}

static int push_row(xl_csv *csv, size_t line, size_t *capacity, size_t count) {
    if (count <= *capacity) {
        csv->lines[count - 1] = line;
        return XLSTM_OK;
    }
    size_t wanted = *capacity ? *capacity * 2 : 64, bytes;
    if (!xl_mul(wanted, csv->columns * sizeof *csv->cells, &bytes)) return XLSTM_ENOMEM;
    const char **cells = realloc(csv->cells, bytes);
    if (!cells) return XLSTM_ENOMEM;
    csv->cells = cells;
    size_t *lines = realloc(csv->lines, wanted * sizeof *lines);
    if (!lines) return XLSTM_ENOMEM;
    csv->lines = lines;
    *capacity = wanted;
    csv->lines[count - 1] = line;
    return XLSTM_OK;
}

static size_t count_columns(const char *in) {
    size_t columns = 1;
    bool quoted = false;
    for (; *in && (quoted || *in != '\n'); in++) {
        if (*in == '"') quoted = !quoted;
        columns += *in == ',' && !quoted;
    }
    return columns;
}

static int parse(xl_csv *csv, parser *p) {
    size_t capacity = 0, count = 0;
    while (*p->in) {
        if (is_empty_line(p->in)) {
            p->in += *p->in == '\r' ? 2 : 1;
            p->line++;
            continue;
        }
        size_t line = p->line, cells = 0;
        if (!count) csv->columns = count_columns(p->in);
        if (csv->columns > XL_CSV_COLUMNS)
            return xl_fail(p->err, XLSTM_EFORMAT, "%s: more than %d columns", p->path, XL_CSV_COLUMNS);
        int status = push_row(csv, line, &capacity, ++count);
        if (status) return xl_fail(p->err, status, "%s: out of memory", p->path);
        for (bool ends = false; !ends; cells++) {
            const char *cell;
            status = read_cell(p, &cell, &ends);
            if (status) return status;
            if (cells < csv->columns) csv->cells[(count - 1) * csv->columns + cells] = cell;
        }
        if (cells != csv->columns)
            return xl_fail(p->err, XLSTM_EFORMAT, "%s: line %zu: found %zu cells, wanted %zu as in the header",
                           p->path, line, cells, csv->columns);
    }
    if (!count) return xl_fail(p->err, XLSTM_EFORMAT, "%s: empty, wanted a header", p->path);
    csv->rows = count - 1;
    return XLSTM_OK;
}

int xl_csv_parse(xl_csv *csv, const char *name, char *text, xlstm_error *err) {
    *csv = (xl_csv){.text = text};
    parser p = {name, text, text, 1, err};
    p.in += xl_utf8_mark(text, strlen(text));
    int status = parse(csv, &p);
    if (status) xl_csv_free(csv);
    return status;
}

int xl_csv_read(xl_csv *csv, const char *path, size_t limit, xlstm_error *err) {
    *csv = (xl_csv){0};
    char *text;
    size_t bytes;
    int status = xl_file_read(path, limit, &text, &bytes, err);
    if (status) return status;
    const char *nul = memchr(text, 0, bytes);
    if (!nul) return xl_csv_parse(csv, path, text, err);
    size_t line = 1;
    for (const char *c = text; c < nul; c++) line += *c == '\n';
    free(text);
    return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: a NUL byte, wanted text", path, line);
}

void xl_csv_free(xl_csv *csv) {
    free(csv->cells);
    free(csv->lines);
    free(csv->text);
    memset(csv, 0, sizeof *csv);
}

int xl_csv_column(const xl_csv *csv, const char *name) {
    for (size_t i = 0; i < csv->columns; i++) {
        if (!strcmp(csv->cells[i], name)) return (int)i;
    }
    return -1;
}

const char *xl_csv_cell(const xl_csv *csv, size_t row, int column) {
    return column < 0 ? "" : csv->cells[(row + 1) * csv->columns + (size_t)column];
}

int xl_csv_number(const xl_csv *csv, const char *path, size_t row, int column, double *out, xlstm_error *err) {
    const char *cell = xl_csv_cell(csv, row, column);
    *out = NAN;
    if (!*cell || xl_number_read(cell, out)) return XLSTM_OK;
    return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %.60s is %.60s, wanted a number", path, csv->lines[row + 1],
                   csv->cells[column], cell);
}

/* ---- writing ---- */

void xl_csv_put_text(FILE *out, const char *text) {
    if (!text) return;
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"') putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

void xl_csv_put_number(FILE *out, double value, int digits) {
    char text[XL_NUMBER_TEXT];
    if (!isfinite(value)) return;
    if (digits) fprintf(out, "%.*g", digits, value);
    else fputs(xl_number_text(text, value), out);
}
