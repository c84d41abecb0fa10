#include "format/checkpoint_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xlstm/tensor_file.h>

#include "base/error.h"
#include "base/file.h"
#include "format/recognize.h"

/* What a file given in the place of a folder is. */
static int explain_file(const char *path, xlstm_error *err) {
    char begin[512];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(begin, 1, sizeof begin, f) : 0;
    if (f) fclose(f);
    const char *what = n ? xl_recognize(begin, n) : NULL;
    if (what) return xl_fail(err, XLSTM_EFORMAT, "%s: is %s", path, what);
    xlstm_tensor_file *file;
    if (xlstm_tensor_file_open(&file, path, NULL))
        return xl_fail(err, XLSTM_EFORMAT, "%s: is a file, wanted a checkpoint's folder", path);
    const char *kind = xlstm_tensor_file_metadata(file, "kind");
    int status =
        kind && !strncmp(kind, "xlstm-state", 11)
            ? xl_fail(err, XLSTM_EFORMAT,
                      "%s: is a state file of generate's --save-state, no checkpoint: give it to "
                      "--load-state, and the checkpoint's folder as the model",
                      path)
            : xl_fail(err, XLSTM_EFORMAT,
                      "%s: is a file of tensors; wanted the folder that holds it with its config.json", path);
    xlstm_tensor_file_close(file);
    return status;
}

int xl_check_folder(const char *path, xlstm_error *err) {
    struct stat st;
    if (stat(path, &st))
        return errno == ENOENT ? xl_fail(err, XLSTM_ENOTFOUND, "%s: no such folder", path)
                               : xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return XLSTM_OK;
    if (S_ISREG(st.st_mode)) return explain_file(path, err);
    return xl_fail(err, XLSTM_EFORMAT, "%s: is not a folder, wanted a checkpoint's folder", path);
}

static bool holds(const char *dir, const char *name) {
    char *path = xl_path_join(dir, name);
    bool there = path && (xl_is_file(path) || xl_is_folder(path));
    free(path);
    return there;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n > m && !strcmp(name + n - m, end);
}

/* The first file of the folder, in the order of the system, whose name ends so; false where there is none. */
static bool find_ending(const char *dir, const char *end, char *name, size_t size) {
    DIR *d = opendir(dir);
    bool found = false;
    const struct dirent *entry;
    while (d && !found && (entry = readdir(d))) {
        found = ends_with(entry->d_name, end) && holds(dir, entry->d_name);
        if (found) snprintf(name, size, "%s", entry->d_name);
    }
    if (d) closedir(d);
    return found;
}

const char *xl_explain_link(const char *dir, const char *name, char *text, size_t size) {
    char *path = xl_path_join(dir, name), to[192];
    struct stat st;
    const ssize_t n = path && stat(path, &st) ? readlink(path, to, sizeof to - 1) : -1;
    text[0] = 0;
    if (n >= 0)
        snprintf(text, size, " (%s is a link to %.*s, which is not there: download it again)", name, (int)n, to);
    free(path);
    return text;
}

const char *xl_explain_folder(const char *dir, char *text, size_t size) {
    static const char *const wanted[] = {"config.json", "model.safetensors", "model.safetensors.index.json",
                                         "tokenizer.json"};
    static const struct {
        const char *file, *what;
    } known[] = {
        {"run_meta.json",
         "this is the folder of a run of optimize; the run's checkpoint is named in run_meta.json"},
        {"summary.csv", "this is the folder of a run of optimize, no checkpoint"},
        {"snapshots", "this is a folder of the Hugging Face cache: give a folder under its snapshots/"},
        {"adapter_config.json", "this is an adapter (PEFT): merge it into its base model and save that"},
        {"pytorch_model.bin",
         "it holds pytorch_model.bin: save the model with save_pretrained(…, safe_serialization=True)"},
        {"pytorch_model.bin.index.json",
         "it holds pytorch_model.bin files: save the model with save_pretrained(…, safe_serialization=True)"},
        {"model_index.json", "this is a pipeline of diffusers, no language model"},
    };
    static const char *const endings[] = {".gguf", ".safetensors", ".bin", ".pt", ".pth"};
    char name[128];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (*xl_explain_link(dir, wanted[i], text, size)) return text;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!holds(dir, known[i].file)) continue;
        snprintf(text, size, " (%s)", known[i].what);
        return text;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (!find_ending(dir, endings[i], name, sizeof name)) continue;
        snprintf(text, size, " (it holds %s; wanted config.json beside model.safetensors or its shards)", name);
        return text;
    }
    return text;
}
