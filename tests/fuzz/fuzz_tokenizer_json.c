/* The input is a tokenizer.json. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <xlstm/tokenizer.h>

#include "base/file.h"
#include "base/output.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] = "The state of <|end|> it's  12 \xC3\xA9.";
    char folder[] = "/tmp/xltune-fuzz-XXXXXX";
    if (!mkdtemp(folder)) abort();
    char *path = xl_path_join(folder, "tokenizer.json");
    xlstm_tokenizer *tokenizer;
    xlstm_error err;
    FILE *file = fopen(path, "wb"); /* xl_file_write would wait for the disk */
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
    if (!xlstm_tokenizer_open(&tokenizer, folder, &err)) {
        int32_t *ids;
        size_t count, bytes;
        char *decoded;
        if (!xlstm_tokenizer_encode(tokenizer, text, sizeof text - 1, true, &ids, &count, &err)) {
            if (xlstm_tokenizer_decode(tokenizer, ids, count, true, &decoded, &bytes, &err)) abort();
            free(decoded);
            free(ids);
        }
        xlstm_tokenizer_close(tokenizer);
    }
    unlink(path);
    rmdir(folder);
    free(path);
    return 0;
}
