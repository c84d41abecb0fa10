#include "format/recognize.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The beginnings of files that are known; the first that matches counts. Where `text` is set, blanks before the
 * beginning are skipped. */
static const struct {
    const char *begin;
    bool text;
    const char *what;
} signatures[] = {
    {"version https://git-lfs", true,
     "a Git LFS pointer, not the file itself: fetch it with 'git lfs pull' in its folder, or download it again"},
    {"<!doctype html", true, "an HTML page, not the file itself: the download gave a web page; download it again"},
    {"<html", true, "an HTML page, not the file itself: the download gave a web page; download it again"},
    {"<?xml", true, "an XML page, not the file itself: the download gave an error page; download it again"},
    {"GGUF", false,
     "a GGUF file, the format of llama.cpp: a folder with config.json and safetensors files is wanted"},
    {"GGML", false, "a GGML file of llama.cpp: a folder with config.json and safetensors files is wanted"},
    {"PK\x03\x04", false,
     "a zip archive, as torch.save writes: save the model with save_pretrained(…, safe_serialization=True)"},
    {"\x80\x02", false, "a Python pickle: save the model with save_pretrained(…, safe_serialization=True)"},
    {"\x1f\x8b", false, "compressed with gzip: unpack it first"},
};

const char *xl_recognize(const void *data, size_t bytes) {
    const char *p = data;
    size_t blanks = 0;
    if (!bytes) return "empty: the download may not have finished";
    while (blanks < bytes && p[blanks] && strchr(" \t\r\n", p[blanks])) blanks++;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        size_t skip = signatures[i].text ? blanks : 0, n = strlen(signatures[i].begin);
        if (bytes - skip < n) continue;
        if (signatures[i].text ? !strncasecmp(p + skip, signatures[i].begin, n)
                               : !memcmp(p, signatures[i].begin, n))
            return signatures[i].what;
    }
    return NULL;
}
