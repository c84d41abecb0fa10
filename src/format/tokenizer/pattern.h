/* From a regular expression in Oniguruma's syntax (its default, Ruby's), which tokenizer.json holds, to one for
 * PCRE2 that matches the same. The pattern is parsed, and only what is known to mean the same in the form written
 * is let through; everything else is refused by name.
 *   pattern_text.c   the pattern being read, the other being written
 *   pattern_names.c  the sets of characters behind \w, [:punct:], \p{Han} and the like
 *   pattern_class.c  bracketed classes: ranges, names, classes within classes, intersections
 *   pattern.c        alternatives, groups, quantifiers, anchors */
#ifndef XL_FORMAT_PATTERN_H
#define XL_FORMAT_PATTERN_H

#include <stddef.h>

#include <xlstm/status.h>

#include "base/bytes.h"

/* Appends the pattern for PCRE2, with PCRE2_UTF, PCRE2_MULTILINE, line feed as the only newline, without PCRE2_UCP.
 * `pattern` is valid UTF-8. EFORMAT where Oniguruma too would refuse it, EUNSUPPORTED where it would not; the error
 * names the file, the pattern, the construct and its byte. */
int xl_pattern_translate(const char *pattern, size_t bytes, xl_bytes *out, const char *path, xlstm_error *err);

#endif
