/* A tensor file on disk: opened, its header checked, its data mapped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "format/recognize.h"
#include "format/safetensors.h"

struct xlstm_tensor_file {
    char *path;
    int fd;
    void *map;
    xl_mapped mapped;
    size_t bytes; /* of the whole file, mapped */
    xl_safetensors header;
};

static int read_at(int fd, const char *path, size_t offset, void *data, size_t bytes, xlstm_error *err) {
    char *p = data;
    while (bytes) {
        ssize_t n = pread(fd, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return xl_fail(err, XLSTM_EIO, "%s: %s", path, n ? strerror(errno) : "file ended early");
        p += n;
        offset += (size_t)n;
        bytes -= (size_t)n;
    }
    return XLSTM_OK;
}

/* The header is read and not used through the mapping, so that it cannot change between check and use. */
static int load_header(xlstm_tensor_file *file, size_t *data_offset, xlstm_error *err) {
    unsigned char prefix[8];
    if (file->bytes < sizeof prefix)
        return xl_fail(err, XLSTM_EFORMAT, "%s: %zu bytes, a safetensors file has at least 8", file->path,
                       file->bytes);
    int status = read_at(file->fd, file->path, 0, prefix, sizeof prefix, err);
    if (status) return status;
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > XL_SAFETENSORS_HEADER_LIMIT)
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: no safetensors file: header of %llu bytes, at most %zu are accepted", file->path,
                       (unsigned long long)length, XL_SAFETENSORS_HEADER_LIMIT);
    if (length > file->bytes - sizeof prefix)
        return xl_fail(err, XLSTM_EFORMAT, "%s: header of %llu bytes in a file of %zu", file->path,
                       (unsigned long long)length, file->bytes);
    char *text = xl_array((size_t)length, 1);
    if (!text)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for a header of %llu bytes", file->path,
                       (unsigned long long)length);
    *data_offset = sizeof prefix + (size_t)length;
    status = read_at(file->fd, file->path, sizeof prefix, text, (size_t)length, err);
    if (!status)
        status =
            xl_safetensors_parse(&file->header, file->path, text, (size_t)length, file->bytes - *data_offset, err);
    free(text);
    return status;
}

/* Says what a file without a valid header is, where that can be told from its beginning. */
static int explain(const xlstm_tensor_file *file, int status, xlstm_error *err) {
    char begin[512];
    size_t n = file->bytes < sizeof begin ? file->bytes : sizeof begin;
    if (status != XLSTM_EFORMAT || read_at(file->fd, file->path, 0, begin, n, NULL)) return status;
    const char *what = xl_recognize(begin, n);
    return what ? xl_fail(err, XLSTM_EFORMAT, "%s: is %s", file->path, what) : status;
}

int xlstm_tensor_file_open(xlstm_tensor_file **out, const char *path, xlstm_error *err) {
    *out = NULL;
    xlstm_tensor_file *file = calloc(1, sizeof *file);
    if (!file) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    file->map = MAP_FAILED;
    int status = XLSTM_OK;
    struct stat st;
    size_t data_offset = 0;
    file->path = strdup(path);
    /* Non-blocking, so that a pipe is refused below and not waited for. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (!file->path) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        goto fail;
    }
    if (file->fd < 0) {
        status = xl_fail(err, errno == ENOENT ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s", path, strerror(errno));
        goto fail;
    }
    if (fstat(file->fd, &st) || !S_ISREG(st.st_mode)) {
        status = xl_fail(err, XLSTM_EIO, "%s: not a regular file", path);
        goto fail;
    }
    if ((uint64_t)st.st_size > SIZE_MAX) {
        status = xl_fail(err, XLSTM_EUNSUPPORTED, "%s: larger than the address space", path);
        goto fail;
    }
    file->bytes = (size_t)st.st_size;
    status = load_header(file, &data_offset, err);
    if (status) {
        status = explain(file, status, err);
        goto fail;
    }
    file->map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->fd, 0);
    if (file->map == MAP_FAILED) {
        status = xl_fail(err, XLSTM_EIO, "%s: cannot map %zu bytes: %s", path, file->bytes, strerror(errno));
        goto fail;
    }
    xl_mapped_add(&file->mapped, file->map, file->bytes, file->path);
    xl_safetensors_place(&file->header, (const char *)file->map + data_offset);
    *out = file;
    return XLSTM_OK;
fail:
    xlstm_tensor_file_close(file);
    return status;
}

void xlstm_tensor_file_close(xlstm_tensor_file *file) {
    if (!file) return;
    xl_safetensors_release(&file->header);
    xl_mapped_remove(&file->mapped);
    if (file->map != MAP_FAILED) munmap(file->map, file->bytes);
    if (file->fd >= 0) close(file->fd);
    free(file->path);
    free(file);
}

size_t xlstm_tensor_file_count(const xlstm_tensor_file *file) {
    return file->header.count;
}

const xlstm_tensor *xlstm_tensor_file_at(const xlstm_tensor_file *file, size_t index) {
    return index < file->header.count ? &file->header.tensors[index] : NULL;
}

const xlstm_tensor *xlstm_tensor_file_find(const xlstm_tensor_file *file, const char *name) {
    return xl_safetensors_find(&file->header, name);
}

const char *xlstm_tensor_file_metadata(const xlstm_tensor_file *file, const char *key) {
    for (size_t i = 0; i < file->header.metadata_count; i++) {
        if (!strcmp(file->header.metadata[i].key, key)) return file->header.metadata[i].value;
    }
    return NULL;
}

const char *xl_tensor_file_path(const xlstm_tensor_file *file) {
    return file->path;
}

static size_t position(const xlstm_tensor_file *file, const xlstm_tensor *tensor, size_t first) {
    return (size_t)((const char *)tensor->data - (const char *)file->map) + first;
}

int xl_tensor_file_read(const xlstm_tensor_file *file, const xlstm_tensor *tensor, size_t first, void *data,
                        size_t bytes, xlstm_error *err) {
    return read_at(file->fd, file->path, position(file, tensor, first), data, bytes, err);
}

void xl_tensor_file_prefetch(const xlstm_tensor_file *file, const xlstm_tensor *tensor, size_t first,
                             size_t bytes) {
#ifdef POSIX_FADV_WILLNEED
    (void)posix_fadvise(file->fd, (off_t)position(file, tensor, first), (off_t)bytes, POSIX_FADV_WILLNEED);
#endif
}
