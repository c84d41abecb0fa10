#include "cli/hub_cache.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { COMMIT_MOST = 128 }; /* bytes of a file that names a commit */

static bool is_word(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i])) return false;
    }
    return n && s[0] != '.';
}

bool cli_hub_name(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && is_word(name, (size_t)(slash - name)) && is_word(slash + 1, strlen(slash + 1));
}

char *cli_hub_cache(void) {
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value) return xl_format("%s%s", value, places[i].below);
    }
    return NULL;
}

/* The commit that the folder's branch main names; malloc'd; NULL: none. */
static char *main_commit(const char *folder) {
    char *path = xl_path_join(folder, "refs/main"), *text = NULL;
    size_t bytes = 0;
    if (!path || xl_file_read(path, COMMIT_MOST, &text, &bytes, NULL)) text = NULL;
    free(path);
    while (text && bytes && isspace((unsigned char)text[bytes - 1])) text[--bytes] = 0;
    if (text && is_word(text, bytes)) return text;
    free(text);
    return NULL;
}

/* The only entry of a folder; malloc'd; NULL where there is none or more than one. */
static char *only_entry(const char *folder) {
    DIR *d = opendir(folder);
    char *only = NULL;
    size_t count = 0;
    for (const struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] == '.') continue;
        free(only);
        only = count++ ? NULL : xl_format("%s", entry->d_name);
    }
    if (d) closedir(d);
    return only;
}

char *cli_hub_snapshot(const char *folder) {
    char *all = xl_path_join(folder, "snapshots"), *own = xl_path_join(folder, "config.json");
    char *commit = NULL, *path = NULL;
    if (all && own && xl_is_folder(all) && !xl_is_file(own)) {
        commit = main_commit(folder);
        if (!commit) commit = only_entry(all);
        path = commit ? xl_path_join(all, commit) : NULL;
    }
    if (path && !xl_is_folder(path)) {
        free(path);
        path = NULL;
    }
    free(commit);
    free(own);
    free(all);
    return path;
}

char *cli_hub_find(const char *name) {
    const char *slash = strchr(name, '/');
    if (!cli_hub_name(name)) return NULL;
    char *cache = cli_hub_cache(), *path = NULL;
    char *folder = cache ? xl_format("%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1) : NULL;
    if (folder) path = cli_hub_snapshot(folder);
    free(folder);
    free(cache);
    return path;
}

/* The last part of a path, which ends where *end says, without slashes behind it; *end becomes where it begins. */
static char *take_last(const char *path, size_t *end) {
    while (*end > 1 && path[*end - 1] == '/') --*end;
    const size_t behind = *end;
    while (*end && path[*end - 1] != '/') --*end;
    return xl_format("%.*s", (int)(behind - *end), path + *end);
}

char *cli_hub_model_name(const char *path) {
    size_t end = strlen(path);
    char *own = take_last(path, &end);
    if (own && (!strcmp(own, ".") || !strcmp(own, ".."))) {
        char *real = realpath(path, NULL), *name = real && strcmp(real, path) ? cli_hub_model_name(real) : NULL;
        free(real);
        if (name) free(own);
        return name ? name : own;
    }
    char *all = take_last(path, &end), *folder = take_last(path, &end), *name = NULL;
    if (own && all && folder && !strcmp(all, "snapshots") && !strncmp(folder, "models--", 8)) {
        const char *lab = folder + 8, *dashes = strstr(lab, "--");
        if (dashes) name = xl_format("%.*s/%s", (int)(dashes - lab), lab, dashes + 2);
        if (name && !cli_hub_name(name)) {
            free(name);
            name = NULL;
        }
    }
    free(folder);
    free(all);
    if (name) free(own);
    return name ? name : own;
}
