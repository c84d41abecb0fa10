#include "weights/formats.h"

#define FORMAT(id, name) extern const xl_format_row xl_format_##name;
#include "weights/formats.def"
#undef FORMAT

static const xl_format_row *const table[XL_FORMAT_COUNT] = {
#define FORMAT(id, name) &xl_format_##name,
#include "weights/formats.def"
#undef FORMAT
};

const xl_format_row *xl_format_get(int format) {
    return format >= 0 && format < XL_FORMAT_COUNT ? table[format] : NULL;
}

xl_format_id xl_format_of_rows(xl_format_id wanted, int64_t cols) {
    int64_t block = table[wanted]->block, filled = (cols + block - 1) / block * block;
    return filled - cols > cols / 4 ? table[wanted]->short_rows : wanted;
}

size_t xl_format_row_bytes(xl_format_id format, int64_t cols) {
    const xl_format_row *row = table[format];
    return (size_t)((cols + row->block - 1) / row->block) * row->block_bytes;
}

size_t xl_format_offset(xl_format_id format, int64_t col) {
    const xl_format_row *row = table[format];
    return (size_t)(col / row->block) * row->block_bytes;
}

xl_matrix xl_matrix_rows(const xl_matrix *w, int64_t first, int64_t count) {
    xl_matrix part = *w;
    part.data = (const char *)w->data + (size_t)first * w->stride;
    part.rows = count;
    return part;
}
