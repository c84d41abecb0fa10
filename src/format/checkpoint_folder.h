/* Paths that are given as a checkpoint's folder and are none. */
#ifndef XL_CHECKPOINT_FOLDER_H
#define XL_CHECKPOINT_FOLDER_H

#include <stddef.h>

#include <xlstm/status.h>

/* Fails, with what `path` is and what to do, where it cannot be a checkpoint's folder: ENOTFOUND where nothing is
 * there; EFORMAT for a file (a model.safetensors, a saved state, a .gguf, …). XLSTM_OK for any folder. */
int xl_check_folder(const char *path, xlstm_error *err);

/* Where `name` is a link in the folder to what is not there, a sentence that says so, " (…)", for the end of a
 * message; otherwise "". Writes to text[0 … size) and returns it. */
const char *xl_explain_link(const char *dir, const char *name, char *text, size_t size);

/* A sentence that says what a folder without the file `missing` seems to be and what to do, " (…)", for the end of
 * a message; "" where nothing is known. Writes to text[0 … size) and returns it. */
const char *xl_explain_folder(const char *dir, char *text, size_t size);

#endif
