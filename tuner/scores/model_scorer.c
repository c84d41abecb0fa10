#include "tuner/scores/model_scorer.h"

#include <stdlib.h>

#include <xlstm/model.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/scores/score.h"

struct tune_model_scorer {
    const xlstm_tokenizer *tokenizer;
    int64_t vocab_size;
    /* A session that has read the prompt, and one that continues from there for each text. */
    xlstm_session *prompt, *work;
    float *logits; /* [vocab_size]: those after the prompt */
};

static int feed_prompt(tune_model_scorer *s, const tune_model_scorer_options *o, xlstm_error *err) {
    int32_t *ids;
    size_t count;
    int status = xlstm_tokenizer_encode(o->tokenizer, o->prompt, o->prompt_bytes, true, &ids, &count, err);
    if (status) return status;
    if (!count)
        status =
            xl_fail(err, XLSTM_EARG, "the prompt is empty and the tokenizer has no BOS: nothing to go on from");
    else status = xlstm_prefill(s->prompt, ids, count, XLSTM_LOGITS_LAST, s->logits, err);
    xlstm_session_trim(s->prompt);
    free(ids);
    return status;
}

int tune_model_scorer_open(tune_model_scorer **out, const tune_model_scorer_options *o, xlstm_error *err) {
    tune_model_scorer *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "out of memory for scores");
    s->tokenizer = o->tokenizer;
    s->vocab_size = xlstm_model_hparams(o->model)->vocab_size;
    s->logits = xl_aligned_alloc((size_t)s->vocab_size, sizeof *s->logits);
    int status = s->logits ? xlstm_session_create(&s->prompt, o->model, o->settings, err)
                           : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) status = xlstm_session_create(&s->work, o->model, o->settings, err);
    if (!status) {
        xlstm_session_set_cancel(s->prompt, o->cancel, o->user);
        xlstm_session_set_cancel(s->work, o->cancel, o->user);
        status = feed_prompt(s, o, err);
    }
    if (status) tune_model_scorer_close(s);
    else *out = s;
    return status;
}

void tune_model_scorer_close(tune_model_scorer *s) {
    if (!s) return;
    xlstm_session_destroy(s->prompt);
    xlstm_session_destroy(s->work);
    xl_aligned_free(s->logits);
    free(s);
}

static int score(void *self, const char *text, size_t bytes, double *sum, size_t *tokens, xlstm_error *err) {
    tune_model_scorer *s = self;
    int32_t *ids;
    *sum = 0;
    int status = xlstm_tokenizer_encode(s->tokenizer, text, bytes, false, &ids, tokens, err);
    if (status || !*tokens) {
        if (!status) free(ids);
        return status;
    }
    const tune_continuation all = {.ids = ids, .count = *tokens, .logits = s->logits, .vocab_size = s->vocab_size};
    status = xlstm_session_copy_state(s->work, s->prompt, err);
    if (!status) status = tune_score_tokens(s->work, &all, sum, NULL, NULL, NULL, err);
    free(ids);
    return status;
}

tune_scorer tune_model_scorer_scorer(tune_model_scorer *scorer) {
    return (tune_scorer){.score = score, .self = scorer};
}
