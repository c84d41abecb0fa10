/* Reads a large JSON document piece by piece, in one pass and without building it in memory. Strings are unescaped
 * in place and end with a NUL, so that names can be used as they lie in the text.
 *
 * What is read is read strictly. What is skipped may be anything that looks like JSON: numbers that fit no type,
 * NaN and Infinity, lone surrogates, bytes that are not UTF-8, any depth of brackets (see foreign_json.h, which has
 * the same leniency for documents that are small enough to be built).
 *
 *     xl_json_open(&r, path, text, bytes, err);
 *     while (xl_json_member(&r, &key)) {
 *         if (!strcmp(key.text, "size")) good = xl_json_integer(&r, &size);
 *         else xl_json_skip(&r);
 *     }
 *     status = xl_json_close(&r);
 *
 * After a failure every function does nothing and the loops end; `status` and `err` keep the first failure. */
#ifndef XL_FORMAT_JSON_READER_H
#define XL_FORMAT_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

typedef struct xl_json_reader {
    const char *path; /* for messages */
    char *at, *end, *line_begin;
    size_t line;
    bool fresh; /* nothing of the object or array at hand has been read */
    xlstm_error *err;
    int status;
} xl_json_reader;

/* A string as it lies in the document's memory. */
typedef struct xl_json_string {
    const char *text;
    const char *flaw; /* why it may be skipped and not used; NULL where it is good */
    size_t line, column;
} xl_json_string;

/* Begins to read text[0 … bytes), which is changed in place and must stay while its strings are used, and enters
 * the object that it must be. A byte order mark is skipped. EFORMAT says what the text is where it is something
 * else. */
void xl_json_open(xl_json_reader *r, const char *path, char *text, size_t bytes, xlstm_error *err);
/* Checks that nothing follows the object that was read to its end. Returns the status of the whole reading. */
int xl_json_close(xl_json_reader *r);

/* The first character of the value at hand; 0 at the end of the text and after a failure. */
char xl_json_peek(xl_json_reader *r);
/* Enters the object or array at hand. */
void xl_json_enter(xl_json_reader *r);
/* Goes to the next member of an object; its value is then at hand and must be read or skipped. False at the end of
 * the object, which is left, and after a failure. The key may have a flaw: see xl_json_check. */
bool xl_json_member(xl_json_reader *r, xl_json_string *key);
/* The same for an array. */
bool xl_json_element(xl_json_reader *r);

/* Reads the string at hand, which must be one (xl_json_peek gives '"') without a flaw; NULL after a failure. */
const char *xl_json_text(xl_json_reader *r);
/* Reads an integer. False, and nothing is read, where the value at hand is something else or does not fit. */
bool xl_json_integer(xl_json_reader *r, int64_t *value);
/* Skips the value at hand. */
void xl_json_skip(xl_json_reader *r);

/* Fails where a string that is going to be used has a flaw. */
bool xl_json_check(xl_json_reader *r, const xl_json_string *string);

#endif
