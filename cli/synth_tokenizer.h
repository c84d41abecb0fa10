/* The tokenizer that goes with a checkpoint of random weights. */
#ifndef CLI_SYNTH_TOKENIZER_H
#define CLI_SYNTH_TOKENIZER_H

#include <stdint.h>

#include <xlstm/status.h>

/* The names of the files that cli_synth_tokenizer writes; the list ends with NULL. */
extern const char *const cli_synth_tokenizer_files[];

/* Writes a byte-level tokenizer for `vocab` ids (at least 3) into the folder: that of the embedded checkpoint, cut
 * to the vocabulary where that is smaller. Ids beyond it get their number as text (" 5000"), so that every id has a
 * text; encoding never produces them. With fewer than 258 ids there is no room for all bytes, and the missing ones
 * are encoded as padding. Id 0 begins and ends a text, id 1 is padding. */
int cli_synth_tokenizer(const char *dir, int64_t vocab, xlstm_error *err);

#endif
