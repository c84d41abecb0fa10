/* Drawing a token from logits. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xlstm/session.h>

#include "base/error.h"
#include "base/memory.h"
#include "runtime/sampler.h"

typedef xl_candidate candidate;

static int check(const xlstm_sampling *o, int64_t vocab, xlstm_error *err) {
    if (vocab < 1 || vocab > INT32_MAX)
        return xl_fail(err, XLSTM_EARG, "vocabulary of %lld, wanted 1 to 2147483647", (long long)vocab);
    if (!(o->temperature >= 0) || isinf(o->temperature))
        return xl_fail(err, XLSTM_EARG, "temperature: %g, wanted 0 or more", o->temperature);
    if (o->top_k < 0) return xl_fail(err, XLSTM_EARG, "top_k: %lld, wanted 0 or more", (long long)o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return xl_fail(err, XLSTM_EARG, "top_p: %g, wanted above 0, at most 1", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1)) return xl_fail(err, XLSTM_EARG, "min_p: %g, wanted 0 to 1", o->min_p);
    if (!(o->repetition_penalty > 0) || isinf(o->repetition_penalty))
        return xl_fail(err, XLSTM_EARG, "repetition_penalty: %g, wanted above 0", o->repetition_penalty);
    if (o->repeat_last_n < -1)
        return xl_fail(err, XLSTM_EARG, "repeat_last_n: %lld, wanted -1 or more", (long long)o->repeat_last_n);
    return XLSTM_OK;
}

int xlstm_sampler_create(xlstm_sampler **out, const xlstm_sampling *options, int64_t vocab_size, xlstm_error *err) {
    *out = NULL;
    int status = check(options, vocab_size, err);
    if (status) return status;
    xlstm_sampler *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    s->options = *options;
    s->vocab = vocab_size;
    xl_rng_seed(&s->rng, options->seed);
    s->candidates = xl_array((size_t)vocab_size, sizeof *s->candidates);
    s->weights = xl_array((size_t)vocab_size, sizeof *s->weights);
    s->last = calloc((size_t)vocab_size, sizeof *s->last);
    if (!s->candidates || !s->weights || !s->last) {
        xlstm_sampler_destroy(s);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for a sampler over %lld tokens", (long long)vocab_size);
    }
    *out = s;
    return XLSTM_OK;
}

void xlstm_sampler_destroy(xlstm_sampler *sampler) {
    if (!sampler) return;
    free(sampler->candidates);
    free(sampler->weights);
    free(sampler->last);
    free(sampler);
}

void xlstm_sampler_accept(xlstm_sampler *s, int32_t id) {
    if (id >= 0 && id < s->vocab) s->last[id] = ++s->accepted;
}

uint64_t xlstm_sampler_seed(const xlstm_sampler *sampler) {
    return sampler->options.seed;
}

void xlstm_sampler_reseed(xlstm_sampler *sampler, uint64_t seed) {
    sampler->options.seed = seed;
    xl_rng_seed(&sampler->rng, seed);
}

/* How many of the latest tokens are penalised. */
static uint64_t window(const xlstm_sampling *o) {
    if (o->repetition_penalty == 1) return 0;
    return o->repeat_last_n < 0 ? UINT64_MAX : (uint64_t)o->repeat_last_n;
}

static bool before(const candidate *a, const candidate *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void sink(candidate *heap, int64_t n, int64_t at) {
    candidate moved = heap[at];
    for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* Makes candidates of the logits, with the penalty applied; NaN can never be drawn. Returns the best. */
static candidate gather(xlstm_sampler *s, const float *logits) {
    candidate best = {-INFINITY, 0};
    double penalty = s->options.repetition_penalty;
    uint64_t latest = window(&s->options);
    for (int64_t i = 0; i < s->vocab; i++) {
        double logit = isnan(logits[i]) ? -INFINITY : (double)logits[i];
        if (s->last[i] && s->accepted - s->last[i] < latest) logit = logit > 0 ? logit / penalty : logit * penalty;
        s->candidates[i] = (candidate){logit, (int32_t)i};
        if (logit > best.logit) best = s->candidates[i];
    }
    return best;
}

/* Taking the best from a heap repeatedly costs less than sorting all, since only a few are kept. The k best end up
 * in order at the back of the array: candidates[vocab - 1] is the best. */
typedef struct ranking {
    candidate *heap;
    int64_t left;
} ranking;

static candidate take_best(ranking *r) {
    candidate best = r->heap[0];
    r->heap[0] = r->heap[--r->left];
    r->heap[r->left] = best;
    sink(r->heap, r->left, 0);
    return best;
}

int32_t xlstm_sampler_draw(xlstm_sampler *s, const float *logits) {
    const xlstm_sampling *o = &s->options;
    candidate best = gather(s, logits);
    if (o->temperature == 0 || isinf(best.logit)) return best.id;

    int64_t n = s->vocab, kept = o->top_k && o->top_k < n ? o->top_k : n;
    bool ranked = kept < n || o->top_p < 1;
    double total = 0, lowest = o->min_p > 0 ? log(o->min_p) : -INFINITY, sum = 0;
    ranking r = {s->candidates, n};
    if (ranked) {
        for (int64_t i = n / 2 - 1; i >= 0; i--) sink(s->candidates, n, i);
    }
    if (kept < n) {
        for (int64_t i = 0; i < kept; i++) total += exp((take_best(&r).logit - best.logit) / o->temperature);
    } else if (o->top_p < 1) {
        for (int64_t i = 0; i < n; i++) total += exp((s->candidates[i].logit - best.logit) / o->temperature);
    }
    int64_t count = 0;
    for (int64_t i = 0; i < kept; i++) {
        if (ranked && i >= n - r.left) take_best(&r);
        const candidate *c = ranked ? &s->candidates[n - 1 - i] : &s->candidates[i];
        double x = (c->logit - best.logit) / o->temperature, weight = exp(x);
        /* top-p keeps the token that crosses the share; min-p looks at the tokens that top-p left. */
        if (o->top_p < 1 && sum >= o->top_p * total && i > 0) break;
        sum += weight;
        s->weights[i] = x >= lowest ? weight : 0;
        count = i + 1;
    }
    double drawn = 0;
    for (int64_t i = 0; i < count; i++) drawn += s->weights[i];
    double point = xl_rng_uniform(&s->rng) * drawn;
    int32_t id = best.id;
    for (int64_t i = 0; i < count; i++) {
        if (s->weights[i] <= 0) continue;
        id = ranked ? s->candidates[n - 1 - i].id : s->candidates[i].id;
        point -= s->weights[i];
        if (point < 0) break;
    }
    return id;
}
