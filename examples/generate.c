/* Prints the greedy continuation of a prompt. To build it against the installed library and run it:
 *
 *   cc generate.c $(pkg-config --cflags --libs xlstm) -o generate
 *   ./generate models/tiny-literature "It was a dark and" 40 */
#include <stdio.h>
#include <stdlib.h>

#include <xlstm/xlstm.h>

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s FOLDER PROMPT [TOKENS]\n", argv[0]);
        return 2;
    }
    long wanted = argc > 3 ? strtol(argv[3], NULL, 10) : 40;
    xlstm_error err;
    xlstm_model *model = NULL;
    xlstm_tokenizer *tokenizer = NULL;
    xlstm_session *session = NULL;
    xlstm_sampler *sampler = NULL;
    xlstm_decoder *decoder = NULL;
    float *logits = NULL;
    int32_t *ids = NULL;
    size_t count = 0, prompt_bytes = 0;
    while (argv[2][prompt_bytes]) prompt_bytes++;

    int status = xlstm_model_open(&model, argv[1], NULL, &err);
    if (!status) status = xlstm_tokenizer_open(&tokenizer, argv[1], &err);
    if (!status) status = xlstm_tokenizer_encode(tokenizer, argv[2], prompt_bytes, true, &ids, &count, &err);
    if (!status) status = xlstm_session_create(&session, model, NULL, &err);
    if (!status) status = xlstm_decoder_create(&decoder, tokenizer, false, &err);
    const xlstm_sampling greedy = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    if (!status) status = xlstm_sampler_create(&sampler, &greedy, xlstm_model_hparams(model)->vocab_size, &err);
    if (status) goto out;

    logits = malloc((size_t)xlstm_model_hparams(model)->vocab_size * sizeof *logits);
    if (!logits) {
        fprintf(stderr, "%s: out of memory\n", argv[0]);
        status = XLSTM_ENOMEM;
        goto end;
    }
    status = xlstm_prefill(session, ids, count, XLSTM_LOGITS_LAST, logits, &err);
    for (long i = 0; i < wanted && !status; i++) {
        int32_t id = xlstm_sampler_draw(sampler, logits);
        const char *text;
        size_t bytes;
        if (xlstm_tokenizer_ends_text(tokenizer, id)) break;
        status = xlstm_decoder_push(decoder, id, &text, &bytes, &err);
        if (!status) fwrite(text, 1, bytes, stdout);
        if (!status) status = xlstm_decode(session, id, logits, &err);
    }
    putchar('\n');
out:
    if (status) fprintf(stderr, "%s: %s\n", argv[0], err.text);
end:
    free(logits);
    free(ids);
    xlstm_decoder_destroy(decoder);
    xlstm_sampler_destroy(sampler);
    xlstm_session_destroy(session);
    xlstm_tokenizer_close(tokenizer);
    xlstm_model_close(model);
    return status ? 1 : 0;
}
