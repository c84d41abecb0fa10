/* Where prompts, checkpoints and the installed data are looked for. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/system.h"
#include "cli/config_impl.h"
#include "cli/hub_cache.h"

static const size_t TEXT_LIMIT = (size_t)1 << 30;

static bool exists(const char *path) {
    return !access(path, F_OK);
}

static char *if_exists(char *path) {
    if (path && exists(path)) return path;
    free(path);
    return NULL;
}

/* Looks in `folder` as seen from the program's own. malloc'd, absolute; NULL where it is not there. */
static char *beside_program(const char *folder, const char *name) {
    char program[PATH_MAX];
    if (!xl_program_path(program, sizeof program)) return NULL;
    char *own = xl_path_folder(program), *place = own ? xl_path_join(own, folder) : NULL;
    char *joined = place ? xl_path_join(place, name) : NULL, *path = joined ? realpath(joined, NULL) : NULL;
    free(joined);
    free(place);
    free(own);
    return path;
}

/* Installed data comes first: as seen from the program, which may have been moved with its data, then where the
 * build was told to install it. A program in a build folder, which lies in that of the source, finds the source. */
char *cli_data_path(const char *name) {
    char *path = beside_program("../share/xltune", name);
    if (!path) path = if_exists(xl_path_join(cli_data_folder(), name));
    return path ? path : beside_program("../..", name);
}

char *cli_find_path(const cli_config *cfg, const char *name, const char *key, const char *folder) {
    if (name[0] == '/') return if_exists(strdup(name));
    char *path = NULL;
    if (cfg->config_path && cli_layer_of(cfg, key) == CLI_LAYER_CONFIG) {
        char *beside = xl_path_folder(cfg->config_path);
        path = beside ? if_exists(xl_path_join(beside, name)) : NULL;
        free(beside);
    }
    if (!path) path = if_exists(strdup(name));
    if (!path && folder) {
        char *inside = xl_path_join(folder, name);
        path = inside ? if_exists(strdup(inside)) : NULL;
        if (!path && inside) path = cli_data_path(inside);
        free(inside);
    }
    return path;
}

char *cli_default_model(void) {
    const char *named = getenv("XLTUNE_MODEL");
    if (named && *named) return strdup(named);
    char *path = cli_data_path("models/tiny-literature");
    return path ? path : if_exists(strdup("models/tiny-literature"));
}

/* Takes the path over, NULL included. The folder of a model in the Hugging Face cache becomes that of its snapshot,
 * and where there is no path `name` may be a model that is there. */
static char *look_in_hub_cache(char *path, const char *name) {
    char *snapshot = path ? cli_hub_snapshot(path) : cli_hub_find(name);
    if (!snapshot) return path;
    cli_notice("model %s (%s in the Hugging Face cache)", snapshot, name);
    free(path);
    return snapshot;
}

static char *default_model(xlstm_error *err) {
    const char *named = getenv("XLTUNE_MODEL");
    if (named && *named) {
        if (xl_is_folder(named)) cli_notice("model %s (from $XLTUNE_MODEL)", named);
        char *found = look_in_hub_cache(xl_is_folder(named) ? strdup(named) : NULL, named);
        if (found) return found;
        xl_fail(err, XLSTM_ENOTFOUND, "$XLTUNE_MODEL: found %s, wanted a checkpoint folder", named);
        return NULL;
    }
    char *path = cli_default_model();
    if (path) {
        cli_notice("model %s (the embedded one)", path);
    } else {
        xl_fail(err, XLSTM_ENOTFOUND,
                "no model: give --model DIR or set XLTUNE_MODEL; the embedded one is not in %s/models",
                cli_data_folder());
    }
    return path;
}

const char *cli_model_path(cli_config *cfg, xlstm_error *err) {
    if (cfg->model_path) return cfg->model_path;
    const char *name = cli_str(cfg, "model_path");
    if (!name) {
        cfg->model_path = default_model(err);
        return cfg->model_path;
    }
    cfg->model_path = look_in_hub_cache(cli_find_path(cfg, name, "model_path", "models"), name);
    if (cfg->model_path) return cfg->model_path;
    char *cache = cli_hub_name(name) ? cli_hub_cache() : NULL;
    if (cache)
        xl_fail(err, XLSTM_ENOTFOUND, "model_path (%s): found no folder %s, nor that model in %s: hf download %s",
                cli_source(cfg, "model_path"), name, cache, name);
    else
        xl_fail(err, XLSTM_ENOTFOUND, "model_path (%s): found no folder %s, wanted a checkpoint's",
                cli_source(cfg, "model_path"), name);
    free(cache);
    return NULL;
}

static int read_stream(FILE *in, char **text, size_t *bytes, xlstm_error *err) {
    size_t used = 0, capacity = 1 << 16;
    char *buffer = malloc(capacity);
    while (buffer) {
        used += fread(buffer + used, 1, capacity - 1 - used, in);
        if (used < capacity - 1) break;
        capacity *= 2;
        char *grown = realloc(buffer, capacity);
        if (!grown) free(buffer);
        buffer = grown;
    }
    if (!buffer) return xl_fail(err, XLSTM_ENOMEM, "standard input: out of memory");
    if (ferror(in)) {
        free(buffer);
        return xl_fail(err, XLSTM_EIO, "standard input: cannot read");
    }
    buffer[used] = 0;
    *text = buffer;
    *bytes = used;
    return XLSTM_OK;
}

int cli_input_text(const char *path, char **text, size_t *bytes, xlstm_error *err) {
    if (!path || !strcmp(path, "-")) return read_stream(stdin, text, bytes, err);
    return xl_file_read(path, TEXT_LIMIT, text, bytes, err);
}

/* Standard input can be read only once, but the prompt is needed several times, so it is kept. */
static int read_input(cli_config *cfg, xlstm_error *err) {
    return cfg->input ? XLSTM_OK : cli_input_text(NULL, &cfg->input, &cfg->input_bytes, err);
}

bool cli_prompt_piped(cli_config *cfg) {
    struct stat input;
    return cfg->spec->command == CLI(generate) && !cli_has(cfg, "prompt_file") &&
           cli_layer_of(cfg, "prompt") == CLI_LAYER_DEFAULT && !fstat(STDIN_FILENO, &input) &&
           (S_ISFIFO(input.st_mode) || S_ISREG(input.st_mode) || S_ISSOCK(input.st_mode)) &&
           !read_input(cfg, NULL) && cfg->input_bytes;
}

static int copy(const char *from, size_t size, char **text, size_t *bytes, xlstm_error *err) {
    *text = malloc(size + 1);
    if (!*text) return xl_fail(err, XLSTM_ENOMEM, "prompt: out of memory");
    memcpy(*text, from, size);
    (*text)[size] = 0;
    *bytes = size;
    return XLSTM_OK;
}

int cli_prompt_text(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err) {
    const char *name = cli_str(cfg, "prompt_file");
    if (name ? !strcmp(name, "-") : cli_prompt_piped(cfg)) {
        int status = read_input(cfg, err);
        return status ? status : copy(cfg->input, cfg->input_bytes, text, bytes, err);
    }
    if (!name) {
        const char *prompt = cli_str(cfg, "prompt");
        return copy(prompt ? prompt : "", prompt ? strlen(prompt) : 0, text, bytes, err);
    }
    char *path = cli_find_path(cfg, name, "prompt_file", "prompts");
    if (!path) {
        return xl_fail(err, XLSTM_ENOTFOUND, "prompt_file (%s): found no file %s, nor one in prompts/",
                       cli_source(cfg, "prompt_file"), name);
    }
    int status = cli_input_text(path, text, bytes, err);
    free(path);
    return status;
}
