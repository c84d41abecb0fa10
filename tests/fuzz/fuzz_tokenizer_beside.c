/* The input is what stands beside tokenizer.json: tokenizer_config.json, generation_config.json and config.json.
 * What is accepted must name tokens that the tokenizer has. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/chat.h>
#include <xlstm/tokenizer.h>

#include "base/file.h"
#include "bundle.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"tokenizer_config.json", "generation_config.json", "config.json", NULL};
    static const char *folder;
    static char link[256];
    xlstm_tokenizer *tokenizer;
    xlstm_chat_template *chat;
    xlstm_error err = {.status = XLSTM_OK};
    if (!folder) folder = bundle_folder();
    bundle_write(folder, names, data, size);
    char *path = xl_path_join(folder, "tokenizer.json");
    if (!path || strlen(path) >= sizeof link) abort();
    strcpy(link, path);
    free(path);
    if (symlink(XL_SOURCE_DIR "/tests/fuzz/corpus/tokenizer_json/added.json", link)) abort();
    int status = xlstm_tokenizer_open(&tokenizer, folder, &err);
    if (status && (status != err.status || !err.text[0])) abort();
    if (!status) {
        const int32_t known = (int32_t)xlstm_tokenizer_size(tokenizer);
        if (xlstm_tokenizer_bos(tokenizer) >= known || xlstm_tokenizer_eos(tokenizer) >= known) abort();
        xlstm_tokenizer_close(tokenizer);
    }
    status = xlstm_chat_template_open(&chat, folder, NULL, &err);
    if (status ? !err.text[0] : !chat) abort();
    if (!status) xlstm_chat_template_close(chat);
    unlink(link);
    bundle_write(folder, names, NULL, 0);
    return 0;
}
