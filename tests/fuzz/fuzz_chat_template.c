/* The input is a chat template. It must be refused, or rendered within its limits. */
#include <stdlib.h>
#include <string.h>

#include <xlstm/chat.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const xlstm_message messages[] = {
        {"system", "Be brief."}, {"user", " Hi \n"}, {"assistant", "é<think>"}};
    xlstm_chat_template *chat;
    xlstm_error err = {0};
    char *text = NULL;
    size_t bytes = 0;
    if (xlstm_chat_template_parse(&chat, (const char *)data, size, "t",
                                  "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}", &err)) {
        if (!err.text[0]) abort();
        return 0;
    }
    int status =
        xlstm_chat_render(chat, messages, 3, true, "{\"tools\": [{\"function\": {\"name\": \"f\", \"n\": 1.5}}]}",
                          &text, &bytes, &err);
    if (status ? !err.text[0] : strlen(text) > bytes) abort();
    free(text);
    xlstm_chat_template_close(chat);
    return 0;
}
