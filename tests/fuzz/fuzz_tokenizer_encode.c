/* The input is a text for the embedded tokenizer: what it encodes must decode again, with the same result at once
 * and as a stream. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xlstm/tokenizer.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static xlstm_tokenizer *tokenizer;
    if (!tokenizer && xlstm_tokenizer_open(&tokenizer, XL_SOURCE_DIR "/models/tiny-literature", NULL)) abort();
    int32_t *ids;
    size_t count, bytes, used = 0, n;
    if (xlstm_tokenizer_encode(tokenizer, (const char *)data, size, false, &ids, &count, NULL)) return 0;
    char *whole;
    const char *piece;
    xlstm_decoder *decoder;
    if (xlstm_tokenizer_decode(tokenizer, ids, count, true, &whole, &bytes, NULL)) abort();
    if (xlstm_decoder_create(&decoder, tokenizer, true, NULL)) abort();
    for (size_t i = 0; i <= count; i++) {
        if (i < count ? xlstm_decoder_push(decoder, ids[i], &piece, &n, NULL)
                      : xlstm_decoder_finish(decoder, &piece, &n, NULL))
            abort();
        if (n > bytes - used || memcmp(whole + used, piece, n) != 0) abort();
        used += n;
    }
    if (used != bytes) abort();
    xlstm_decoder_destroy(decoder);
    free(whole);
    free(ids);
    return 0;
}
