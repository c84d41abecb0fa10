#include "model/block_map.h"

#include <string.h>

#include "base/error.h"
#include "format/json_reader.h"

/* The format of blocks of that name; -1 where there is none. */
static int block_format(const char *name) {
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        if (xl_format_get(f)->block > 1 && !strcmp(name, xl_format_get(f)->name)) return f;
    }
    return -1;
}

int xl_block_map_read(const char *where, char *text, size_t bytes, xl_block_map_fn found, void *user,
                      xlstm_error *err) {
    xl_json_reader r;
    xl_json_string name;
    xl_json_open(&r, where, text, bytes, err);
    while (xl_json_member(&r, &name)) {
        if (!xl_json_check(&r, &name)) break;
        if (xl_json_peek(&r) != '"')
            return xl_fail(err, XLSTM_EFORMAT, "%s: '%.200s' is not the name of a format", where, name.text);
        const char *format = xl_json_text(&r);
        if (!format) break;
        const int id = block_format(format);
        if (id < 0)
            return xl_fail(err, XLSTM_EUNSUPPORTED,
                           "%s: '%.200s' has format '%.40s', which this version does not know", where, name.text,
                           format);
        const char *wrong = found(user, name.text, (xl_format_id)id);
        if (wrong) return xl_fail(err, XLSTM_EFORMAT, "%s: '%.200s': %s", where, name.text, wrong);
    }
    return xl_json_close(&r);
}
