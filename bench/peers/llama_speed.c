/* Prefill and decode of a llama by llama.cpp, behind a warm-up; llama_bench.py builds and calls it.
 *
 *   llama_speed MODEL.gguf THREADS PROMPT NEW SAMPLES
 *
 * Prints for each sample "prefill SECONDS CPU" for a prompt of random tokens up to the logits of its last, and
 * "decode SECONDS CPU" for NEW tokens, one after the other, from an empty context; CPU is processor time of all
 * threads. Everything else is as the library has it by default. */
#include <llama.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep_silent(enum ggml_log_level level, const char *text, void *user) {
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
    (void)user;
}

/* Feeds `count` tokens from an empty context, `step` at a time, and prints what that took; name NULL: nothing. */
static void feed(const char *name, struct llama_context *context, llama_token *tokens, int count, int step) {
    llama_memory_clear(llama_get_memory(context), true);
    const double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i += step) {
        if (llama_decode(context, llama_batch_get_one(tokens + i, count - i < step ? count - i : step))) {
            fprintf(stderr, "llama_speed: llama_decode failed\n");
            exit(1);
        }
        llama_synchronize(context);
    }
    if (name) printf("%s %.6f %.6f\n", name, now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv) {
    const int threads = argc == 6 ? atoi(argv[2]) : 0, prompt = argc == 6 ? atoi(argv[3]) : 0;
    const int new = argc == 6 ? atoi(argv[4]) : 0, samples = argc == 6 ? atoi(argv[5]) : 0;
    const int most = prompt > new ? prompt : new;
    if (threads < 1 || prompt < 1 || new < 1 || samples < 1) {
        fprintf(stderr, "usage: llama_speed MODEL.gguf THREADS PROMPT NEW SAMPLES\n");
        return 2;
    }
    llama_log_set(keep_silent, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    struct llama_context_params wanted = llama_context_default_params();
    wanted.n_ctx = (uint32_t)most;
    wanted.n_batch = (uint32_t)most;
    wanted.n_threads = wanted.n_threads_batch = threads;
    struct llama_context *context = model ? llama_init_from_model(model, wanted) : NULL;
    llama_token *tokens = malloc((size_t)most * sizeof *tokens);
    if (!context || !tokens) {
        fprintf(stderr, "llama_speed: %s cannot be loaded\n", argv[1]);
        return 1;
    }
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    srand(1);
    for (int i = 0; i < most; i++) tokens[i] = rand() % vocab;
    feed(NULL, context, tokens, prompt, most);
    feed(NULL, context, tokens, 1, 1);
    for (int i = 0; i < samples; i++) {
        feed("prefill", context, tokens, prompt, most);
        feed("decode", context, tokens, new, 1);
    }
    llama_free(context);
    llama_model_free(model);
    free(tokens);
    return 0;
}
