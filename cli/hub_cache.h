/* Models in the cache in which Hugging Face's tools keep what they have downloaded. Nothing is ever fetched. */
#ifndef CLI_HUB_CACHE_H
#define CLI_HUB_CACHE_H

#include <stdbool.h>

/* Whether a name can be that of a model there: "NX-AI/xLSTM-7b". */
bool cli_hub_name(const char *name);

/* The folder of all models: $HF_HUB_CACHE, hub in $HF_HOME, huggingface/hub in $XDG_CACHE_HOME or in ~/.cache.
 * malloc'd; NULL where none of them is set, or when out of memory. */
char *cli_hub_cache(void);

/* The checkpoint of a model's folder in the cache ("…/models--NX-AI--xLSTM-7b"): the snapshot that its branch main
 * was when it was last downloaded, or the only one. malloc'd; NULL where `folder` is no such folder but a
 * checkpoint's or something else, or holds several without a main. */
char *cli_hub_snapshot(const char *folder);

/* The checkpoint of a model of that name; malloc'd; NULL where the cache has none. */
char *cli_hub_find(const char *name);

/* The name of the model whose checkpoint is the folder `path`: "NX-AI/xLSTM-7b" for a snapshot in the cache,
 * otherwise the last part of the path. malloc'd; NULL when out of memory. */
char *cli_hub_model_name(const char *path);

#endif
