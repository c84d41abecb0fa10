/* Reads JSON that other programs wrote. A member that is not used never stops a load, whatever its value: numbers
 * that fit no type, NaN and Infinity, lone surrogates, bytes that are not UTF-8, a repeated key. Members that are
 * used are read strictly. */
#ifndef XL_FORMAT_FOREIGN_JSON_H
#define XL_FORMAT_FOREIGN_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <xlstm/status.h>

typedef enum xl_json_use {
    XL_JSON_IGNORE, /* the member is taken out before anything looks at it */
    XL_JSON_USE,    /* its value is read strictly, with all that lies in it */
    XL_JSON_ENTER   /* its value is an object, whose members are asked about one by one; anything else is used */
} xl_json_use;

/* Asked of every member: keys[0 … depth] lead to it, the document's own members have depth 0; `first` is the first
 * character of its value. Of a key longer than XL_JSON_KEY_MAX - 1 bytes the beginning is given; a character that
 * is written as an escape and is not ASCII is given as '?'. */
#define XL_JSON_KEY_MAX 64
#define XL_JSON_DEPTH_MAX 4
typedef xl_json_use (*xl_json_use_fn)(size_t depth, const char *const keys[], char first);

/* Whether `key` is in a list that ends with NULL. */
bool xl_json_listed(const char *key, const char *const *list);

/* Parses text[0 … bytes), an object. Used keys that come twice in one object must have equal values. On success
 * *out is the caller's to release. `flags` are Jansson's; EFORMAT names `path`, what was found (a Git LFS pointer,
 * a web page, …) or the line and column. A byte order mark at the beginning is skipped. */
int xl_json_read(json_t **out, const char *path, const char *text, size_t bytes, size_t flags, xl_json_use_fn use,
                 xlstm_error *err);

#endif
