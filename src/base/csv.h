/* Comma-separated values (RFC 4180): a header and rows of as many cells; lines end in LF or CRLF. */
#ifndef XL_BASE_CSV_H
#define XL_BASE_CSV_H

#include <stddef.h>

#include <xlstm/status.h>

typedef struct xl_csv {
    size_t rows, columns; /* rows without the header */
    const char **cells;   /* header first, row by row; NUL-terminated, never NULL */
    size_t *lines;        /* line of each row in the file, header first, from 1 */
    char *text;           /* what cells points into */
} xl_csv;

/* Reads a file of at most `limit` bytes. EFORMAT names the line that has another number of cells than the header,
 * a quote that never ends, or a NUL. A byte order mark and empty lines are passed over. On success free *csv. */
int xl_csv_read(xl_csv *csv, const char *path, size_t limit, xlstm_error *err);
void xl_csv_free(xl_csv *csv);

/* Index of a column by its name; -1 where there is none. */
int xl_csv_column(const xl_csv *csv, const char *name);
const char *xl_csv_cell(const xl_csv *csv, size_t row, int column);

#endif
