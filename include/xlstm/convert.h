/* Writing a checkpoint anew with its weights in another format, so that it loads by mapping. */
#ifndef XLSTM_CONVERT_H
#define XLSTM_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/model.h>
#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xlstm_convert_options {
    int64_t weights, head_weights; /* choices of the tunables of these names */
    int threads;                   /* 0: all processors */
    /* NULL, or a file with the importance of columns (docs/formats/importance.md): how much the square of an error
     * counts where a scale is searched. */
    const char *importance;
    /* Called from the calling thread; either may be NULL. Bytes of the source's tensors, and of all of them. */
    xlstm_cancel_fn cancel;
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
} xlstm_convert_options;

typedef struct xlstm_convert_result {
    uint64_t source_bytes, bytes; /* of tensors */
    uint64_t files;
} xlstm_convert_result;

/* Converts the checkpoint in folder `dir` to folder `out`, which must be new or empty, or hold an unfinished
 * conversion of the same checkpoint with the same options: that one is continued. Each tensor file becomes one of
 * the same name; tokenizer and configs are copied, config.json last, so that a folder is no checkpoint before it is
 * complete. Opening the result gives the same weights as opening the source with these options. The memory needed
 * is some tens of megabytes, whatever the checkpoint's size. `result` may be NULL. EUNSUPPORTED where a value
 * overflows the format; ECANCELLED leaves what a later call continues. */
XLSTM_API int xlstm_checkpoint_convert(const char *dir, const char *out, const xlstm_convert_options *options,
                                       xlstm_convert_result *result, xlstm_error *err);

/* Writes a file of importance for a checkpoint's matrices: the mean square of each column's input while the ids,
 * which begin with BOS where the tokenizer has one, are fed to the model. `progress` (tokens) and `cancel` may be
 * NULL; they are called from the calling thread. EUNSUPPORTED on a device that does not show its inputs. */
XLSTM_API int xlstm_importance_write(const char *path, xlstm_model *model, const int32_t *ids, size_t count,
                                     void (*progress)(void *user, uint64_t done, uint64_t total),
                                     xlstm_cancel_fn cancel, void *user, xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
