/* Unicode normal form C. */
#ifndef XL_FORMAT_NORMAL_FORM_H
#define XL_FORMAT_NORMAL_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

#include "base/bytes.h"

/* Writes the NFC of valid UTF-8 to *out (appended) and sets *same = false; where the text is in that form already
 * *same = true and nothing is written. Linear in the text, also for long runs of combining marks. */
int xl_nfc(const char *text, size_t bytes, xl_bytes *out, bool *same, xlstm_error *err);

#endif
