/* config.json of a checkpoint -> hyper-parameters. */
#ifndef XL_MODEL_CONFIG_H
#define XL_MODEL_CONFIG_H

#include <stddef.h>

#include <xlstm/model.h>

/* Parses the text of a config.json. Unknown fields are skipped, whatever their values. A field that is missing or
 * null takes the published model's value (4096 wide, 32 blocks, 8 heads, vocabulary 50304, …); ids become -1.
 * Either spelling of a size counts (embedding_dim or hidden_size, num_blocks or num_hidden_layers); two that differ
 * are an error. Derived sizes are computed as in the reference: qk and v are D times their factor, cut to an
 * integer; F is D * ffn_proj_factor rounded up to the multiple by floor((x + M - 1) / M) * M in floating point.
 * Everything is range-checked: EFORMAT or EUNSUPPORTED with `path`, the field, its value and what was wanted. */
int xl_config_parse(xlstm_hparams *out, const char *path, const char *text, size_t bytes, xlstm_error *err);

/* The same from dir/config.json. */
int xl_config_read(xlstm_hparams *out, const char *dir, xlstm_error *err);

#endif
