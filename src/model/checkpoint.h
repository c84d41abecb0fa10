/* The files of a checkpoint folder, opened and compared with what its config asks for. No weight is read. */
#ifndef XL_MODEL_CHECKPOINT_H
#define XL_MODEL_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/model.h>

#include "model/layout.h"
#include "weights/formats.h"

/* One tensor of the files. */
typedef struct xl_stored {
    char name[XL_NAME_MAX];     /* canonical; "" where the stored name has no canonical form */
    const xlstm_tensor *tensor; /* owned by the file */
    int format;                 /* an xl_format_id; -1: of no weight format */
    size_t file;                /* index into files */
} xl_stored;

typedef struct xl_checkpoint {
    char *dir;
    xlstm_hparams hparams; /* flags as the files have them */
    xlstm_tensor_file **files;
    size_t file_count;
    xl_stored *stored; /* [stored_count] sorted by name */
    size_t stored_count;
    xlstm_tensor_spec *specs; /* [spec_count] what the config asks for, each found in `stored` with its shape */
    size_t spec_count;
} xl_checkpoint;

/* The key of a tensor file's metadata that names the tensors in blocks and their formats
 * (docs/formats/converted-folder.md). */
#define XL_BLOCKS_KEY "blocks"

/* Opens dir/config.json and dir/model.safetensors or the shards of dir/model.safetensors.index.json. Afterwards
 * every tensor of the layout is there in its shape, in F32, F16 or BF16 or, for a matrix, in blocks, and nothing
 * else is, but for tensors without elements. What the files hold counts more than the config's flags: hparams says
 * fused, tied, add_out_norm and out_norm_bias as they have it. EFORMAT lists what is missing, mis-shaped, of a
 * wrong dtype, unexpected or there twice, or says that the names have a wrapper's prefix. Release with
 * xl_checkpoint_close, also on failure.
 */
int xl_checkpoint_open(xl_checkpoint *out, const char *dir, xlstm_error *err);
void xl_checkpoint_close(xl_checkpoint *checkpoint);

/* By canonical name; NULL where there is none. */
const xl_stored *xl_checkpoint_find(const xl_checkpoint *checkpoint, const char *name);

/* Refuses values of a tensor that the format cannot hold: finite ones that would become infinite, and in blocks of
 * shared scales all that are not finite. `first` is the first value's element of the tensor. */
int xl_check_range(const char *dir, const char *tensor, xl_format_id format, const float *values, size_t count,
                   size_t first, xlstm_error *err);

/* Bytes of C, held in that format, n and m of one sequence. */
uint64_t xl_state_bytes(const xlstm_hparams *hparams, xl_format_id format);

/* Fills everything that the files tell: all except load_seconds, device and kernels. Reads the fingerprint's
 * sample. */
int xl_checkpoint_info(const xl_checkpoint *checkpoint, xlstm_model_info *info, xlstm_error *err);

#endif
