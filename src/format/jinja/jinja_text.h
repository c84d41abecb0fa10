/* Values as text, and what characters are. */
#ifndef XL_FORMAT_JINJA_TEXT_H
#define XL_FORMAT_JINJA_TEXT_H

#include "format/jinja/jinja_value.h"

/* Append a value as Python's str() and repr() give it. A function, a macro, a loop or a namespace has no text. */
bool xl_jinja_put_str(xl_jinja_run *r, const xl_jinja_value *value);
bool xl_jinja_put_repr(xl_jinja_run *r, const xl_jinja_value *value);
/* The value of str(); a STRING is returned as it is. */
bool xl_jinja_str(xl_jinja_run *r, const xl_jinja_value *value, xl_jinja_string *out);

/* How JSON is written; all are as in Python's json.dumps. */
typedef struct xl_jinja_json {
    xl_jinja_string item, key;     /* separators */
    const xl_jinja_string *indent; /* of one level; NULL: all on one line */
    bool ascii, sort;
} xl_jinja_json;
bool xl_jinja_put_json(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_json *how);

/* Length in bytes of the white space character (as of Python's str.isspace) at the beginning, or at the end, of a
 * text; 0 where there is none. */
size_t xl_jinja_space(const char *text, size_t bytes);
size_t xl_jinja_space_before(const char *text, size_t bytes);
/* Length in bytes of the end of a line at text[at], as Python's splitlines sees it; 0 where a line goes on. */
size_t xl_jinja_line_end(xl_jinja_string text, size_t at);
/* The code point at text[*at], which is moved behind it. A byte that is not UTF-8 is given as 0xDC00 + byte. */
uint32_t xl_jinja_next(xl_jinja_string text, size_t *at);
/* Number of code points. */
size_t xl_jinja_length(xl_jinja_string text);
/* Offset of the index-th code point; the number of bytes where there are fewer. */
size_t xl_jinja_offset(xl_jinja_string text, size_t index);

bool xl_jinja_is_space(uint32_t cp);
bool xl_jinja_is_upper(uint32_t cp);
bool xl_jinja_is_lower(uint32_t cp);
bool xl_jinja_is_letter(uint32_t cp);
bool xl_jinja_is_digit(uint32_t cp);
/* Appends a character in capitals or in small letters. */
bool xl_jinja_put_upper(xl_jinja_run *r, uint32_t cp);
bool xl_jinja_put_lower(xl_jinja_run *r, uint32_t cp);

#endif
