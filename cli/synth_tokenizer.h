/* The tokenizer of a checkpoint of random weights. */
#ifndef CLI_SYNTH_TOKENIZER_H
#define CLI_SYNTH_TOKENIZER_H

#include <stdint.h>

#include <xlstm/status.h>

/* The files that cli_synth_tokenizer writes; ends with NULL. */
extern const char *const cli_synth_tokenizer_files[];

/* Writes a byte-level tokenizer for `vocab` ids (at least 3) into the folder: that of the embedded checkpoint, cut
 * to the vocabulary where that is smaller. Ids beyond its own have their number as text (" 5000"), so that every id
 * has a text; no text is encoded to them. With fewer than 258 ids there is no room for all bytes, and those that
 * are missing become padding. Id 0 begins and ends a text, id 1 is padding. */
int cli_synth_tokenizer(const char *dir, int64_t vocab, xlstm_error *err);

#endif
