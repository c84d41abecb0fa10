#include "cluster/package.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <link.h>
#endif

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"

#define PROGRAM "xltune"
#define SCRIPT "run.sh"
#define LIBRARIES "lib"
#define MODEL "model"
enum { DEPTH_MOST = 16, LIBRARIES_MOST = 256 };

/* Ray unpacks without the permissions. A node's own libraries are preferred. `.pgpass` is there only where the user
 * has sent it, and libpq wants it to be readable by its owner alone. %s: the kind of processor that the program is
 * for, as `uname -m` has it; a shell would take a program for another one for a script and run it. 132 is the end
 * by the signal for an instruction that there is not. */
static const char script[] =
    "# Starts xltune in the working folder of a Ray job. Ends with 126 where this node cannot run the program at "
    "all.\n"
    "wanted='%s'\n"
    "cannot() {\n"
    "    echo \"xltune: node $(uname -n): $1\" >&2\n"
    "    exit 126\n"
    "}\n"
    "try() {\n"
    "    said=$(./" PROGRAM " --version 2>&1 >/dev/null)\n"
    "    result=$?\n"
    "}\n"
    "umask 077\n"
    "cd \"$(dirname \"$0\")\" || exit 1\n"
    "chmod u+x " PROGRAM " || exit 1\n"
    "if [ -f .pgpass ]; then\n"
    "    chmod 600 .pgpass || exit 1\n"
    "    PGPASSFILE=$PWD/.pgpass\n"
    "    export PGPASSFILE\n"
    "fi\n"
    "found=$(uname -m)\n"
    "[ \"${wanted:-$found}\" = \"$found\" ] ||\n"
    "    cannot \"found a processor of kind $found, wanted $wanted, which the program that was sent is for; "
    "build\"\\\n"
    "\" xltune there and start 'xltune agent' by hand\"\n"
    "try\n"
    "if [ $result -ne 0 ] && [ $result -ne 132 ]; then\n"
    "    LD_LIBRARY_PATH=$PWD/" LIBRARIES "${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n"
    "    export LD_LIBRARY_PATH\n"
    "    try\n"
    "fi\n"
    "if [ $result -eq 132 ]; then\n"
    "    name=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)\n"
    "    cannot \"its processor (${name:-$found}) lacks instructions that the program that was sent was built "
    "for;\"\\\n"
    "\" build it for the oldest processor of the cluster\"\n"
    "fi\n"
    "[ $result -eq 0 ] || cannot \"it cannot run the program that was sent: $(echo \"$said\" | tail -n 1)\"\n"
    "exec ./" PROGRAM " \"$@\"\n";

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- collecting ---- */

static int add_file(cluster_zip *zip, const char *path, const char *name, unsigned mode, xlstm_error *err) {
    char *data;
    size_t bytes;
    int status = xl_file_read(path, CLUSTER_PACKAGE_MOST * 4, &data, &bytes, err);
    if (status) return status;
    status = cluster_zip_add(zip, name, data, bytes, mode, err);
    free(data);
    return status;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_tree(cluster_zip *zip, const char *path, const char *name, int depth, xlstm_error *err);

static int add_folder(cluster_zip *zip, const char *path, const char *name, int depth, xlstm_error *err) {
    struct dirent **entries;
    const int n = scandir(path, &entries, NULL, by_name);
    int status = XLSTM_OK;
    if (n < 0) return xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
    if (depth >= DEPTH_MOST) status = xl_fail(err, XLSTM_EARG, "%s: folders are nested too deeply", path);
    for (int i = 0; i < n; i++) {
        const char *entry = entries[i]->d_name;
        if (!status && strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0) {
            char *inner = xl_path_join(path, entry), *inner_name = xl_path_join(name, entry);
            status = inner && inner_name ? add_tree(zip, inner, inner_name, depth + 1, err)
                                         : xl_fail(err, XLSTM_ENOMEM, "out of memory");
            free(inner);
            free(inner_name);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* Adds a file, or a folder with all that is in it; links are followed. */
static int add_tree(cluster_zip *zip, const char *path, const char *name, int depth, xlstm_error *err) {
    struct stat is;
    if (stat(path, &is)) return xl_fail(err, XLSTM_ENOTFOUND, "%s: %s", path, strerror(errno));
    if (S_ISDIR(is.st_mode)) return add_folder(zip, path, name, depth, err);
    if (S_ISREG(is.st_mode)) return add_file(zip, path, name, is.st_mode & 0777, err);
    return xl_fail(err, XLSTM_EARG, "%s: found neither a file nor a folder", path);
}

/* The sum of the sizes of the files in a folder, or SIZE_MAX where one of them cannot be had. */
static size_t folder_bytes(const char *path, int depth) {
    DIR *folder = depth < DEPTH_MOST ? opendir(path) : NULL;
    const struct dirent *entry;
    size_t sum = folder ? 0 : SIZE_MAX;
    while (folder && sum != SIZE_MAX && (entry = readdir(folder))) {
        struct stat is;
        char *inner = xl_path_join(path, entry->d_name);
        size_t more = 0;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) more = 0;
        else if (!inner || stat(inner, &is)) more = SIZE_MAX;
        else if (S_ISDIR(is.st_mode)) more = folder_bytes(inner, depth + 1);
        else more = (size_t)is.st_size;
        if (!xl_add(sum, more, &sum)) sum = SIZE_MAX;
        free(inner);
    }
    if (folder) closedir(folder);
    return sum;
}

/* ---- the program ---- */

/* The kind of processor that an ELF file of 64 bits is for, as `uname -m` has it; "" where that is not known. */
static const char *machine_of(const char *data, size_t bytes) {
    static const struct {
        int code;
        const char *little, *big;
    } known[] = {{62, "x86_64", ""}, {183, "aarch64", "aarch64_be"}, {243, "riscv64", ""}, {21, "ppc64le", "ppc64"},
                 {22, "", "s390x"},  {258, "loongarch64", ""}};
    const unsigned char *at = (const unsigned char *)data;
    if (bytes < 64 || memcmp(data, "\177ELF\2", 5) != 0 || (at[5] != 1 && at[5] != 2)) return "";
    const bool big = at[5] == 2;
    const int code = big ? at[18] << 8 | at[19] : at[19] << 8 | at[18];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code) return big ? known[i].big : known[i].little;
    return "";
}

/* Adds the program, and the script that starts it. */
static int add_program(cluster_zip *zip, const char *path, xlstm_error *err) {
    char *data;
    size_t bytes;
    int status = xl_file_read(path, CLUSTER_PACKAGE_MOST * 4, &data, &bytes, err);
    if (status) return status;
    char *text = xl_format(script, machine_of(data, bytes));
    if (!text) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status) status = cluster_zip_add(zip, SCRIPT, text, strlen(text), 0755, err);
    if (!status) status = cluster_zip_add(zip, PROGRAM, data, bytes, 0755, err);
    free(text);
    free(data);
    return status;
}

/* ---- the libraries of this process ---- */

typedef struct library_list {
    char *path[LIBRARIES_MOST];
    int count;
} library_list;

#ifdef __linux__
/* The C library belongs to the node's loader and is not sent. */
static bool is_of_the_system(const char *name) {
    static const char *const stems[] = {"ld-linux", "ld64",        "libc.so",    "libm.so",     "libdl.so",
                                        "librt.so", "libpthread.", "libresolv.", "linux-vdso.", "linux-gate.",
                                        "libnss_",  "libmvec.so",  "libasan.",   "libtsan.",    "libubsan."};
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        if (!strncmp(name, stems[i], strlen(stems[i]))) return true;
    }
    return false;
}

static int on_library(struct dl_phdr_info *info, size_t size, void *ctx) {
    library_list *list = ctx;
    (void)size;
    if (!info->dlpi_name || info->dlpi_name[0] != '/' || is_of_the_system(last_part(info->dlpi_name))) return 0;
    if (list->count < LIBRARIES_MOST && (list->path[list->count] = strdup(info->dlpi_name))) list->count++;
    return 0;
}
#endif

static int by_last_part(const void *a, const void *b) {
    return strcmp(last_part(*(char *const *)a), last_part(*(char *const *)b));
}

static int add_libraries(cluster_zip *zip, int *count, xlstm_error *err) {
    library_list list = {.count = 0};
    int status = XLSTM_OK;
#ifdef __linux__
    dl_iterate_phdr(on_library, &list);
#endif
    qsort(list.path, (size_t)list.count, sizeof *list.path, by_last_part);
    for (int i = 0; i < list.count; i++) {
        char *name = xl_path_join(LIBRARIES, last_part(list.path[i]));
        if (!status)
            status =
                name ? add_file(zip, list.path[i], name, 0755, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
        free(name);
        free(list.path[i]);
    }
    *count = list.count;
    return status;
}

/* ---- the package ---- */

/* The name that a shipped path gets, malloc'd. */
static int ship_name(const char *path, char **name, xlstm_error *err) {
    static const char *const taken[] = {PROGRAM, SCRIPT, LIBRARIES, MODEL};
    char *real = realpath(path, NULL);
    *name = NULL;
    if (!real) return xl_fail(err, XLSTM_ENOTFOUND, "ship: %s: %s", path, strerror(errno));
    const char *part = last_part(real);
    int status = *part ? XLSTM_OK : xl_fail(err, XLSTM_EARG, "ship: %s: the root folder cannot be sent", path);
    for (size_t i = 0; !status && i < sizeof taken / sizeof *taken; i++) {
        if (!strcmp(part, taken[i]))
            status =
                xl_fail(err, XLSTM_EARG, "ship: %s: the name %s is taken in the package; rename it", path, part);
    }
    if (!status && !(*name = strdup(part))) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(real);
    return status;
}

/* Where the checkpoint lies in what is shipped at `path` as `name`, malloc'd; NULL: it is not in it. */
static char *model_in(const char *model, const char *path, const char *name) {
    char *real = realpath(path, NULL), *out = NULL;
    const size_t length = real ? strlen(real) : 0;
    if (real && !strncmp(model, real, length) && (!model[length] || model[length] == '/'))
        out = xl_format("%s%s", name, model + length);
    free(real);
    return out;
}

static int add_ships(cluster_package *out, const cluster_package_options *o, const char *model, xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < o->ships; i++) {
        char *name;
        status = ship_name(o->ship[i], &name, err);
        if (!status) status = add_tree(out->zip, o->ship[i], name, 0, err);
        if (!status && model && !out->model) out->model = model_in(model, o->ship[i], name);
        free(name);
    }
    return status;
}

static int add_all(cluster_package *out, const cluster_package_options *o, const char *model, xlstm_error *err) {
    int libraries = 0;
    bool sent = false;
    int status = add_program(out->zip, o->program, err);
    if (!status) status = add_libraries(out->zip, &libraries, err);
    if (!status) status = add_ships(out, o, model, err);
    if (!status && model && !out->model) {
        sent = folder_bytes(model, 0) <= CLUSTER_MODEL_MOST;
        if (sent) status = add_tree(out->zip, model, MODEL, 0, err);
        if (!(out->model = strdup(sent ? MODEL : model)) && !status)
            status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    if (!status) {
        out->words = xl_format("%s and %d libraries%s%s", PROGRAM, libraries, sent ? ", the checkpoint" : "",
                               o->ships ? ", what --ship names" : "");
        if (!out->words) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    return status;
}

int cluster_package_make(cluster_package *out, const cluster_package_options *o, xlstm_error *err) {
    *out = (cluster_package){.zip = cluster_zip_create(CLUSTER_PACKAGE_MOST)};
    char *model = o->model ? realpath(o->model, NULL) : NULL;
    int status = out->zip ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status && o->model && !model) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: %s", o->model, strerror(errno));
    if (!status) status = add_all(out, o, model, err);
    if (!status) status = cluster_zip_end(out->zip, &out->data, &out->bytes, err);
    if (!status) {
        xl_sha256 hash;
        char hex[65];
        xl_sha256_init(&hash);
        xl_sha256_update(&hash, out->data, out->bytes);
        xl_sha256_hex(&hash, hex);
        snprintf(out->name, sizeof out->name, "_ray_pkg_%.32s.zip", hex);
    }
    free(model);
    if (status) cluster_package_clear(out);
    return status;
}

void cluster_package_clear(cluster_package *package) {
    cluster_zip_free(package->zip);
    free(package->model);
    free(package->words);
    *package = (cluster_package){0};
}

/* ---- the command ---- */

char *cluster_package_command(const char *const *arguments) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return NULL;
    /* `exec`: Ray ends the process that it has started, and none below it, when a node dies. */
    fprintf(out, "exec sh " SCRIPT);
    for (; *arguments; arguments++) {
        fprintf(out, " '");
        for (const char *c = *arguments; *c; c++) {
            if (*c == '\'') fputs("'\\''", out);
            else fputc(*c, out);
        }
        fputc('\'', out);
    }
    const bool bad = ferror(out) != 0;
    if (xl_text_end(out, &text) && !bad) return text;
    free(text);
    return NULL;
}
