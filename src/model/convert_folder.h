/* The folder that a checkpoint is converted into: what may be in it before, and what stands beside the tensors. */
#ifndef XL_MODEL_CONVERT_FOLDER_H
#define XL_MODEL_CONVERT_FOLDER_H

#include <stdint.h>

#include <xlstm/status.h>

#include "model/checkpoint.h"

/* Makes the folder `out`, which must be new or empty, or hold the marker of this very conversion, a file with this
 * text at the path `marker`. In one that is continued, what a killed process was writing is removed. EARG, EIO. */
int xl_convert_folder_begin(const char *out, const char *marker, const char *text, xlstm_error *err);
/* Writes the index of the tensors, of `bytes` altogether, where one is needed; copies what else belongs to a
 * checkpoint, config.json last; and removes the marker. */
int xl_convert_folder_finish(const xl_checkpoint *source, const char *out, uint64_t bytes, const char *marker,
                             xlstm_error *err);
/* The name of a file without its folder; a part of `path`. */
const char *xl_convert_name(const char *path);

#endif
