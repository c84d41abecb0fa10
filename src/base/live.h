/* What a running command tells `xltune top`: one small JSON file a process, written anew about once a second, in
 * $XDG_RUNTIME_DIR/xltune, or where that is not set in a folder of the user's own below the temporary one. */
#ifndef XL_BASE_LIVE_H
#define XL_BASE_LIVE_H

#include <stdint.h>

#include <xlstm/status.h>

typedef struct xl_live xl_live;

/* The folder, malloc'd; NULL when out of memory. */
char *xl_live_folder(void);

/* Begins to tell of this process. Returns NULL where that is not possible: no command fails because nobody can
 * look on, and every function here accepts NULL. One thread at a time. */
xl_live *xl_live_open(const char *command);
/* Removes the file. */
void xl_live_close(xl_live *live);

/* Facts that last until they are set anew; a NULL text, or a number that is not finite, takes one away. Names that
 * `top` shows: model, device, stage (texts); batch, workers, bands, done, total, limit_bytes (numbers). */
void xl_live_text(xl_live *live, const char *name, const char *value);
void xl_live_number(xl_live *live, const char *name, double value);
/* Tokens so far: generated, and read of prompts. Their speeds come from two counts at different times. */
void xl_live_tokens(xl_live *live, uint64_t generated, uint64_t prompt);
/* The file's time has come where it is a second old; cheap otherwise, so it may be called at every token. */
void xl_live_tick(xl_live *live);

#endif
