/* A sampler's part of a state file: the tokens that it accepted, how long ago, and the state of its generator. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "runtime/sampler.h"

static const char ids_name[] = "sampler.ids", ages_name[] = "sampler.ages";

void xl_sampler_state_free(xl_sampler_state *state) {
    free(state->ids);
    free(state->ages);
    *state = (xl_sampler_state){0};
}

static int reserve(xl_sampler_state *state, size_t count, xlstm_error *err) {
    state->ids = xl_array(count + 1, sizeof *state->ids);
    state->ages = xl_array(count + 1, sizeof *state->ages);
    state->count = count;
    if (state->ids && state->ages) return XLSTM_OK;
    xl_sampler_state_free(state);
    return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu tokens of a sampler", count);
}

int xl_sampler_state_take(xl_sampler_state *out, const xlstm_sampler *sampler, xlstm_error *err) {
    size_t count = 0;
    for (int64_t id = 0; id < sampler->vocab; id++) count += sampler->last[id] != 0;
    int status = reserve(out, count, err);
    if (status) return status;
    out->seed = sampler->options.seed;
    out->rng = sampler->rng;
    for (int64_t id = 0, i = 0; id < sampler->vocab; id++) {
        if (!sampler->last[id]) continue;
        out->ids[i] = (int32_t)id;
        out->ages[i++] = (int64_t)(sampler->accepted - sampler->last[id]);
    }
    return XLSTM_OK;
}

void xl_sampler_state_restore(const xl_sampler_state *state, xlstm_sampler *sampler) {
    int64_t oldest = -1;
    for (size_t i = 0; i < state->count; i++) oldest = state->ages[i] > oldest ? state->ages[i] : oldest;
    sampler->accepted = (uint64_t)(oldest + 1);
    memset(sampler->last, 0, (size_t)sampler->vocab * sizeof *sampler->last);
    for (size_t i = 0; i < state->count; i++)
        sampler->last[state->ids[i]] = sampler->accepted - (uint64_t)state->ages[i];
    sampler->options.seed = state->seed;
    sampler->rng = state->rng;
}

void xl_sampler_state_tensors(const xl_sampler_state *state, xlstm_tensor tensors[XL_SAMPLER_TENSORS]) {
    int64_t count = (int64_t)state->count;
    tensors[0] = (xlstm_tensor){.name = ages_name,
                                .dtype = XLSTM_I64,
                                .rank = 1,
                                .shape = {count},
                                .data = state->ages,
                                .bytes = state->count * sizeof *state->ages};
    tensors[1] = (xlstm_tensor){.name = ids_name,
                                .dtype = XLSTM_I32,
                                .rank = 1,
                                .shape = {count},
                                .data = state->ids,
                                .bytes = state->count * sizeof *state->ids};
}

void xl_sampler_state_generator(const xl_sampler_state *state, char text[XL_GENERATOR_DIGITS + 1]) {
    for (int i = 0; i < 4; i++) snprintf(text + 16 * i, 17, "%016" PRIx64, state->rng.s[i]);
}

static bool read_generator(const char *text, xl_rng *rng) {
    if (!text || strlen(text) != XL_GENERATOR_DIGITS) return false;
    uint64_t any = 0;
    for (int i = 0; i < 4; i++) {
        char word[17] = {0};
        memcpy(word, text + 16 * i, 16);
        for (int j = 0; j < 16; j++)
            if (!isxdigit((unsigned char)word[j])) return false;
        rng->s[i] = strtoull(word, NULL, 16);
        any |= rng->s[i];
    }
    return any != 0; /* a generator whose state is all zeros gives only zeros */
}

static bool read_seed(const char *text, uint64_t *seed) {
    if (!text || *text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return !*end && !errno;
}

static int check_tokens(const xl_sampler_state *state, int64_t vocab, const char *path, xlstm_error *err) {
    for (size_t i = 0; i < state->count; i++) {
        int64_t id = state->ids[i], least = i ? (int64_t)state->ids[i - 1] + 1 : 0;
        if (id < least || id >= vocab)
            return xl_fail(err, XLSTM_EFORMAT, "%s: %s[%zu] is %" PRId64 ", wanted %" PRId64 " to %" PRId64, path,
                           ids_name, i, id, least, vocab - 1);
        if (state->ages[i] < 0 || state->ages[i] == INT64_MAX)
            return xl_fail(err, XLSTM_EFORMAT, "%s: %s[%zu] is %" PRId64 ", wanted a number of tokens", path,
                           ages_name, i, state->ages[i]);
    }
    return XLSTM_OK;
}

int xl_sampler_state_read(xl_sampler_state *out, const xlstm_tensor_file *file, int64_t vocab, const char *path,
                          xlstm_error *err) {
    *out = (xl_sampler_state){0};
    const char *seed = xlstm_tensor_file_metadata(file, "sampler_seed");
    if (!read_seed(seed, &out->seed))
        return xl_fail(err, XLSTM_EFORMAT, "%s: sampler_seed '%.40s', wanted a number from 0", path,
                       seed ? seed : "(none)");
    const char *generator = xlstm_tensor_file_metadata(file, "sampler_generator");
    if (!read_generator(generator, &out->rng))
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: sampler_generator '%.80s', wanted %d hexadecimal digits that are not all 0", path,
                       generator ? generator : "(none)", XL_GENERATOR_DIGITS);
    const xlstm_tensor *ids = xlstm_tensor_file_find(file, ids_name);
    const xlstm_tensor *ages = xlstm_tensor_file_find(file, ages_name);
    if (!ids || ids->dtype != XLSTM_I32 || ids->rank != 1)
        return xl_fail(err, XLSTM_EFORMAT, "%s: %s is missing or not I32 [tokens]", path, ids_name);
    if (!ages || ages->dtype != XLSTM_I64 || ages->rank != 1 || ages->shape[0] != ids->shape[0])
        return xl_fail(err, XLSTM_EFORMAT, "%s: %s is missing or not I64 [%" PRId64 "], as %s has it", path,
                       ages_name, ids->shape[0], ids_name);
    int status = reserve(out, (size_t)ids->shape[0], err);
    if (status) return status;
    if (out->count) {
        memcpy(out->ids, ids->data, ids->bytes);
        memcpy(out->ages, ages->data, ages->bytes);
    }
    status = check_tokens(out, vocab, path, err);
    if (status) xl_sampler_state_free(out);
    return status;
}
