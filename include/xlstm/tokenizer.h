/* Text to ids and back: byte-level BPE as a tokenizer.json describes it, with the results of the Hugging Face
 * tokenizers library. (Its Unicode tables are older: marks that Unicode has assigned a combining class since are
 * put in order here and not there.) */
#ifndef XLSTM_TOKENIZER_H
#define XLSTM_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xlstm_tokenizer xlstm_tokenizer;

/* Opens `dir`/tokenizer.json (tokenizer_config.json, generation_config.json and config.json beside it are read
 * where they are there, for BOS and EOS). On success *out is the caller's. Immutable; shareable between threads. */
XLSTM_API int xlstm_tokenizer_open(xlstm_tokenizer **out, const char *dir, xlstm_error *err);
XLSTM_API void xlstm_tokenizer_close(xlstm_tokenizer *tokenizer);

XLSTM_API int64_t xlstm_tokenizer_size(const xlstm_tokenizer *tokenizer); /* largest id + 1 */
/* The token that is put before a text: the bos_token of tokenizer_config.json, or the one that the template in
 * tokenizer.json puts first. Without a tokenizer_config.json it may also be config.json's bos_token_id, where that
 * is a special token, or a token with one of the usual names. -1: none. */
XLSTM_API int32_t xlstm_tokenizer_bos(const xlstm_tokenizer *tokenizer);
/* The tokenizer's own end-of-text token; config.json's eos_token_id only where the tokenizer agrees. -1: none. */
XLSTM_API int32_t xlstm_tokenizer_eos(const xlstm_tokenizer *tokenizer);
/* Whether a text ends at this token. Such tokens are the one above, those of generation_config.json (unless that
 * file only repeats config.json, _from_model_config), and those of config.json that are special in the tokenizer.
 */
XLSTM_API bool xlstm_tokenizer_ends_text(const xlstm_tokenizer *tokenizer, int32_t id);
XLSTM_API bool xlstm_tokenizer_is_special(const xlstm_tokenizer *tokenizer, int32_t id);

/* Encodes `bytes` bytes of UTF-8 (NUL is legal inside). Added tokens in the text become their ids. bos: put BOS
 * first. *ids is malloc'd, the caller's to free; *count its length. Invalid UTF-8 is EFORMAT with the byte offset.
 */
XLSTM_API int xlstm_tokenizer_encode(const xlstm_tokenizer *tokenizer, const char *text, size_t bytes, bool bos,
                                     int32_t **ids, size_t *count, xlstm_error *err);

/* Decodes ids to UTF-8; bytes that are not valid UTF-8 become U+FFFD as the reference library does. *text is
 * malloc'd, NUL-terminated (the NUL not counted in *bytes), the caller's. An id without a token (the padding of a
 * vocabulary) gives no text; a negative one is EARG. */
XLSTM_API int xlstm_tokenizer_decode(const xlstm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                     bool keep_special, char **text, size_t *bytes, xlstm_error *err);

/* Streaming decode: holds back bytes until they form whole characters. */
typedef struct xlstm_decoder xlstm_decoder;
XLSTM_API int xlstm_decoder_create(xlstm_decoder **out, const xlstm_tokenizer *tokenizer, bool keep_special,
                                   xlstm_error *err);
XLSTM_API void xlstm_decoder_destroy(xlstm_decoder *decoder);
/* Feeds one id; *text points at *bytes bytes of whole characters (possibly 0), valid until the next call. */
XLSTM_API int xlstm_decoder_push(xlstm_decoder *decoder, int32_t id, const char **text, size_t *bytes,
                                 xlstm_error *err);
/* Gives the text that is left (U+FFFD for an incomplete character). */
XLSTM_API int xlstm_decoder_finish(xlstm_decoder *decoder, const char **text, size_t *bytes, xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
