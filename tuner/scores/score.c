#include "tuner/scores/score.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { STRETCH_TOKENS = 256, STRETCH_FLOATS = 8 << 20, LONGEST_GRAM = 3 };

double tune_log_softmax(const float *logits, int64_t vocab_size, int32_t id) {
    float top = logits[0];
    for (int64_t i = 1; i < vocab_size; i++) {
        if (logits[i] > top) top = logits[i];
    }
    double sum = 0;
    for (int64_t i = 0; i < vocab_size; i++) sum += exp((double)logits[i] - top);
    return (double)logits[id] - top - log(sum);
}

/* Computes the log-probability of a token from the logits before it, and adds it to *sum. `position` is its index
 * among the scored tokens. */
static int score_token(const tune_continuation *text, const float *logits, size_t position, double *sum,
                       double *logprobs, xlstm_error *err) {
    const int32_t id = text->ids[position];
    double logprob = tune_log_softmax(logits, text->vocab_size, id);
    if (!isfinite(logprob))
        return xl_fail(err, XLSTM_ENOTFINITE,
                       "token %zu of the text (id %ld, counted from 0): its log-probability is %g, not finite: the "
                       "weights or the state hold NaN or infinity",
                       position, (long)id, logprob);
    *sum += logprob;
    if (logprobs) logprobs[position] = logprob;
    return text->seen ? text->seen(text->seen_user, logits, err) : XLSTM_OK;
}

int tune_score_tokens(xlstm_session *session, const tune_continuation *text, double *sum, double *logprobs,
                      tune_progress_fn progress, void *user, xlstm_error *err) {
    const int32_t *ids = text->ids;
    const size_t count = text->count;
    const int64_t vocab_size = text->vocab_size;
    *sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return xl_fail(err, XLSTM_EARG, "token %zu has id %ld, 0 to %lld are the model's", i, (long)ids[i],
                           (long long)vocab_size - 1);
    }
    size_t stretch = STRETCH_FLOATS / (size_t)vocab_size;
    if (stretch > STRETCH_TOKENS) stretch = STRETCH_TOKENS;
    if (!stretch) stretch = 1;
    float *rows = xl_aligned_alloc(stretch * (size_t)vocab_size, sizeof *rows);
    if (!rows) return xl_fail(err, XLSTM_ENOMEM, "out of memory for the logits of %zu tokens", stretch);
    int status = XLSTM_OK;
    const float *before = text->logits;
    for (size_t done = 0; done < count;) {
        status = score_token(text, before, done, sum, logprobs, err);
        if (status) break;
        size_t n = count - 1 - done < stretch ? count - 1 - done : stretch;
        if (n) status = xlstm_prefill(session, ids + done, n, XLSTM_LOGITS_ALL, rows, err);
        if (status) break;
        done++;
        /* Row i holds the logits after ids[done - 1 + i]. Those of the last row belong to the first token of the
         * next round. */
        for (size_t i = 0; i + 1 < n && !status; i++, done++)
            status = score_token(text, rows + i * (size_t)vocab_size, done, sum, logprobs, err);
        if (status) break;
        if (n) before = rows + (n - 1) * (size_t)vocab_size;
        if (progress) progress(user, done, count);
    }
    xl_aligned_free(rows);
    return status;
}

/* ---- words ---- */

typedef struct word {
    const char *text;
    size_t bytes, index;
} word;

typedef struct gram {
    uint32_t word[LONGEST_GRAM];
} gram;

static bool is_space(uint32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000;
}

/* Finds the words and returns their number; where `words` is NULL it only counts them. */
static size_t find_words(const char *text, size_t bytes, word *words) {
    size_t count = 0, start = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes;) {
        uint32_t cp = 0;
        int length = xl_utf8_step(text + i, bytes - i, &cp);
        bool space = length > 0 && is_space(cp);
        if (!space && !inside) start = i;
        if (space && inside) {
            if (words) words[count] = (word){text + start, i - start, count};
            count++;
        }
        inside = !space;
        i += length > 0 ? (size_t)length : 1;
    }
    if (inside) {
        if (words) words[count] = (word){text + start, bytes - start, count};
        count++;
    }
    return count;
}

static int by_text(const void *a, const void *b) {
    const word *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_words(const void *a, const void *b) {
    const gram *x = a, *y = b;
    for (int i = 0; i < LONGEST_GRAM; i++) {
        if (x->word[i] != y->word[i]) return x->word[i] < y->word[i] ? -1 : 1;
    }
    return 0;
}

double tune_distinct(const char *text, size_t bytes, int n) {
    size_t count = find_words(text, bytes, NULL), grams = count + 1 - (size_t)n, distinct = 0;
    if (count < (size_t)n) return 0;
    word *words = xl_array(count, sizeof *words);
    uint32_t *kind = xl_array(count, sizeof *kind);
    gram *list = xl_array(grams, sizeof *list);
    double share = -1;
    if (!words || !kind || !list) goto out;
    find_words(text, bytes, words);
    qsort(words, count, sizeof *words, by_text);
    uint32_t kinds = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && by_text(&words[i - 1], &words[i])) kinds++;
        kind[words[i].index] = kinds;
    }
    for (size_t i = 0; i < grams; i++) {
        list[i] = (gram){{0}};
        for (int j = 0; j < n; j++) list[i].word[j] = kind[i + (size_t)j];
    }
    qsort(list, grams, sizeof *list, by_words);
    for (size_t i = 0; i < grams; i++) distinct += !i || by_words(&list[i - 1], &list[i]);
    share = (double)distinct / (double)grams;
out:
    free(words);
    free(kind);
    free(list);
    return share;
}
