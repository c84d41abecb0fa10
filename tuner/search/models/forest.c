#include "tuner/search/models/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { MAX_COLUMNS = 192, MAX_TRIES = 64, ABREAST = 4 /* trees that a prediction descends at once */ };

/* A test: row[a] + sign * row[b] <= threshold, over the features of a point; with sign 0 only one feature. */
typedef struct node {
    uint8_t a, b;
    int8_t sign;
    bool leaf;
    float threshold;
    uint32_t left; /* index of the left child; the right child follows it */
} node;

typedef struct leaf_stats {
    float mean, squares;
    uint32_t count;
} leaf_stats;

typedef struct tree {
    node *nodes;
    leaf_stats *stats;
    size_t room;
} tree;

/* Where the features of a parameter are in a row. */
typedef struct columns {
    const tune_param *param;
    uint8_t first; /* column of its position; or the first of one column per value, 1 for the value it has */
    uint8_t count;
    float *table;      /* [values]: positions from 0 to 1; then [values]: logarithms, where scaled */
    uint8_t logarithm; /* column of the logarithm, where scaled */
    bool scaled;
} columns;

struct tune_forest {
    const tune_space *space;
    tune_forest_params params;
    columns params_of[TUNE_SPACE_PARAMS];
    size_t dims;
    uint8_t single[MAX_COLUMNS], scaled[TUNE_SPACE_PARAMS]; /* columns to split on alone, and in pairs */
    size_t single_count, scaled_count, width;
    tree *trees;
    int next; /* the oldest tree, which is grown anew next */
    bool grown;
    /* working memory of fit */
    uint32_t *order;
    float *rows, *y;
    size_t room;
};

static bool add_columns(tune_forest *f, columns *c) {
    const tune_param *p = c->param;
    if (p->count < 2) return true;
    size_t wanted = p->ordered ? 1 : p->count < 32 ? p->count : 32;
    if (f->width + wanted + 1 > MAX_COLUMNS)
        return true; /* the model ignores features for which there is no column */
    c->first = (uint8_t)f->width;
    c->count = (uint8_t)wanted;
    c->table = xl_array(2 * p->count, sizeof *c->table);
    if (!c->table) return false;
    c->scaled = p->ordered;
    for (uint32_t v = 0; v < p->count; v++) {
        c->table[v] = (float)v / (float)(p->count - 1);
        c->scaled = c->scaled && p->values[v].number > 0;
        c->table[p->count + v] = c->scaled ? (float)log(p->values[v].number) : 0;
    }
    for (size_t i = 0; i < wanted; i++) f->single[f->single_count++] = (uint8_t)f->width++;
    if (c->scaled) {
        c->logarithm = (uint8_t)f->width;
        f->scaled[f->scaled_count++] = (uint8_t)f->width++;
    }
    return true;
}

int tune_forest_create(const tune_space *space, const tune_forest_params *params, tune_forest **out,
                       xlstm_error *err) {
    *out = NULL;
    tune_forest *f = calloc(1, sizeof *f);
    if (!f) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory");
    f->space = space;
    f->params = *params;
    f->dims = tune_space_params(space);
    f->trees = calloc((size_t)params->trees, sizeof *f->trees);
    if (!f->trees) goto fail;
    for (size_t i = 0; i < f->dims; i++) {
        f->params_of[i].param = tune_space_param(space, i);
        if (!add_columns(f, &f->params_of[i])) goto fail;
    }
    *out = f;
    return XLSTM_OK;
fail:
    tune_forest_destroy(f);
    return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the model");
}

void tune_forest_destroy(tune_forest *f) {
    if (!f) return;
    for (size_t i = 0; i < f->dims; i++) free(f->params_of[i].table);
    for (int i = 0; f->trees && i < f->params.trees; i++) {
        free(f->trees[i].nodes);
        free(f->trees[i].stats);
    }
    free(f->trees);
    free(f->order);
    free(f->rows);
    free(f->y);
    free(f);
}

static void features_of(const tune_forest *f, uint32_t point, float *row) {
    const uint16_t *index = tune_space_index(f->space, point);
    for (size_t i = 0; i < f->dims; i++) {
        const columns *c = &f->params_of[i];
        if (!c->count) continue;
        if (c->param->ordered) {
            row[c->first] = c->table[index[i]];
            if (c->scaled) row[c->logarithm] = c->table[c->param->count + index[i]];
        } else {
            for (uint8_t v = 0; v < c->count; v++) row[c->first + v] = index[i] == v;
        }
    }
}

static inline bool goes_left(const node *n, const float *row) {
    return row[n->a] + (float)n->sign * row[n->b] <= n->threshold;
}

static size_t leaf_of(const tree *t, const float *row) {
    size_t at = 0;
    while (!t->nodes[at].leaf) at = t->nodes[at].left + !goes_left(&t->nodes[at], row);
    return at;
}

/* Finds the leaves of `n` trees, at most ABREAST. Step by step in all of them, because a single descent mostly
 * waits. */
static void leaves_of(const tree *t, int n, const float *row, const leaf_stats **leaf) {
    uint32_t at[ABREAST] = {0};
    for (int below = n; below;) {
        below = 0;
        for (int k = 0; k < n; k++) {
            const node *here = &t[k].nodes[at[k]];
            const uint32_t child = here->left + !goes_left(here, row);
            at[k] = here->leaf ? at[k] : child;
            below += !here->leaf;
        }
    }
    for (int k = 0; k < n; k++) leaf[k] = &t[k].stats[at[k]];
}

static leaf_stats summarize(const tune_forest *f, size_t first, size_t count) {
    double sum = 0, squares = 0;
    for (size_t i = first; i < first + count; i++) sum += (double)f->y[f->order[i]];
    double mean = sum / (double)count;
    for (size_t i = first; i < first + count; i++) {
        double d = (double)f->y[f->order[i]] - mean;
        squares += d * d;
    }
    return (leaf_stats){(float)mean, (float)squares, (uint32_t)count};
}

/* Splits need many small random numbers of moderate quality: splitmix64, reduced by a multiplication. */
static uint32_t small_random(uint64_t *state, size_t below) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((z >> 32) * below) >> 32);
}

static float small_uniform(uint64_t *state) {
    return (float)small_random(state, 1 << 24) * 0x1p-24f;
}

/* Draws a random test that separates two samples; returns false where the two that were drawn do not differ in
 * it. */
static bool draw_split(const tune_forest *f, size_t first, size_t count, node *n, uint64_t *rng) {
    *n = (node){0};
    if (f->scaled_count > 1 && small_uniform(rng) < (float)f->params.pairs) {
        size_t a = small_random(rng, f->scaled_count);
        size_t b = (a + 1 + small_random(rng, f->scaled_count - 1)) % f->scaled_count;
        n->a = f->scaled[a];
        n->b = f->scaled[b];
        n->sign = small_random(rng, 2) ? 1 : -1;
    } else {
        n->a = n->b = f->single[small_random(rng, f->single_count)];
    }
    const float *x = f->rows + f->width * f->order[first + small_random(rng, count)];
    const float *y = f->rows + f->width * f->order[first + small_random(rng, count)];
    float from = x[n->a] + (float)n->sign * x[n->b], to = y[n->a] + (float)n->sign * y[n->b];
    if (from == to) return false;
    /* The smaller value goes left and the larger one right, whatever rounding does. */
    float low = from < to ? from : to, high = from < to ? to : from;
    n->threshold = low + (high - low) * small_uniform(rng);
    if (!(n->threshold < high)) n->threshold = low;
    return true;
}

/* Returns the best of some random splits of the samples from order[first] on; a leaf where none was found. */
static node choose_split(const tune_forest *f, size_t first, size_t count, uint64_t *rng) {
    node split[MAX_TRIES];
    float left[MAX_TRIES], total = 0;
    double best_gain = -INFINITY;
    uint32_t lefts[MAX_TRIES];
    int tries = 0, wanted = f->params.tries < MAX_TRIES ? f->params.tries : MAX_TRIES;
    for (int i = 0; i < 2 * wanted && tries < wanted; i++) tries += draw_split(f, first, count, &split[tries], rng);
    for (int t = 0; t < tries; t++) {
        left[t] = 0;
        lefts[t] = 0;
    }
    for (size_t i = first; i < first + count; i++) {
        const float *row = f->rows + f->width * f->order[i];
        float y = f->y[f->order[i]];
        total += y;
        for (int t = 0; t < tries; t++) {
            bool is_left = goes_left(&split[t], row);
            /* Without a branch, because it would be mispredicted half of the time. */
            left[t] += y * (float)is_left;
            lefts[t] += is_left;
        }
    }
    node best = {.leaf = true};
    for (int t = 0; t < tries; t++) {
        double lower = (double)left[t], right = (double)total - lower;
        double gain = lower * lower / lefts[t] + right * right / (double)(count - lefts[t]);
        if (gain <= best_gain) continue;
        best_gain = gain;
        best = split[t];
    }
    return best;
}

static int reserve(tree *t, size_t count, xlstm_error *err) {
    if (2 * count <= t->room) return XLSTM_OK;
    free(t->nodes);
    free(t->stats);
    t->room = 4 * count;
    t->nodes = xl_array(t->room, sizeof *t->nodes);
    t->stats = xl_array(t->room, sizeof *t->stats);
    if (t->nodes && t->stats) return XLSTM_OK;
    t->room = 0;
    return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the model");
}

/* Moves the samples that go left to the front; returns their number. */
static size_t partition(tune_forest *f, const node *split, size_t first, size_t count) {
    size_t left = first, right = first + count;
    while (left < right) {
        if (goes_left(split, f->rows + f->width * f->order[left])) {
            left++;
            continue;
        }
        uint32_t swap = f->order[--right];
        f->order[right] = f->order[left];
        f->order[left] = swap;
    }
    return left - first;
}

static int grow_tree(tune_forest *f, tree *t, size_t count, uint64_t *rng, xlstm_error *err) {
    struct {
        size_t first, count;
        uint32_t at;
    } stack[64]; /* the larger part is pushed first, so at most log2(count) + 1 entries wait */
    int status = reserve(t, count, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++) f->order[i] = (uint32_t)i;
    uint32_t nodes = 1;
    size_t depth = 1;
    stack[0].first = 0;
    stack[0].count = count;
    stack[0].at = 0;
    while (depth) {
        depth--;
        size_t first = stack[depth].first, n = stack[depth].count;
        uint32_t at = stack[depth].at;
        t->nodes[at] = (node){.leaf = true};
        t->stats[at] = summarize(f, first, n);
        if (n < (size_t)f->params.leaf || n < 2 || t->stats[at].squares <= 0) continue;
        node split = choose_split(f, first, n, rng);
        if (split.leaf) continue;
        size_t lefts = partition(f, &split, first, n);
        split.left = nodes;
        t->nodes[at] = split;
        nodes += 2;
        bool left_first = lefts > n - lefts;
        for (int i = 0; i < 2; i++, depth++) {
            bool is_left = left_first == (i == 0);
            stack[depth].first = is_left ? first : first + lefts;
            stack[depth].count = is_left ? lefts : n - lefts;
            stack[depth].at = split.left + !is_left;
        }
    }
    return XLSTM_OK;
}

int tune_forest_fit(tune_forest *f, const uint32_t *point, const float *y, size_t count, int grow, xl_rng *rng,
                    xlstm_error *err) {
    if (count > f->room) {
        size_t cells;
        free(f->order);
        free(f->rows);
        free(f->y);
        f->room = 2 * count;
        f->order = xl_array(f->room, sizeof *f->order);
        f->y = xl_array(f->room, sizeof *f->y);
        f->rows = xl_mul(f->room, f->width, &cells) ? xl_array(cells, sizeof *f->rows) : NULL;
        if (!f->order || !f->rows || !f->y) {
            f->room = 0;
            return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the model");
        }
    }
    for (size_t i = 0; i < count; i++) features_of(f, point[i], f->rows + i * f->width);
    memcpy(f->y, y, count * sizeof *y);
    if (!f->grown || grow > f->params.trees) grow = f->params.trees;
    uint64_t state = xl_rng_next(rng);
    for (int i = 0; i < grow; i++) {
        int status = grow_tree(f, &f->trees[f->next], count, &state, err);
        if (status) return status;
        f->next = (f->next + 1) % f->params.trees;
    }
    f->grown = true;
    return XLSTM_OK;
}

void tune_forest_add(tune_forest *f, uint32_t point, float y) {
    float row[MAX_COLUMNS];
    features_of(f, point, row);
    for (int i = 0; f->grown && i < f->params.trees; i++) {
        leaf_stats *s = &f->trees[i].stats[leaf_of(&f->trees[i], row)];
        float before = y - s->mean;
        s->mean += before / (float)++s->count;
        s->squares += before * (y - s->mean);
    }
}

void tune_forest_predict(const tune_forest *f, uint32_t point, double *mean, double *variance) {
    float row[MAX_COLUMNS];
    double sum = 0, squares = 0, inside = 0;
    row[0] = 0; /* leaves look at it too, and a space of fixed parameters has no column */
    features_of(f, point, row);
    for (int i = 0; i < f->params.trees; i += ABREAST) {
        const int n = f->params.trees - i < ABREAST ? f->params.trees - i : ABREAST;
        const leaf_stats *leaf[ABREAST];
        /* The usual number is a constant, for the loops to be unrolled. */
        if (n == ABREAST) leaves_of(f->trees + i, ABREAST, row, leaf);
        else leaves_of(f->trees + i, n, row, leaf);
        for (int k = 0; k < n; k++) {
            const double m = (double)leaf[k]->mean;
            sum += m;
            squares += m * m;
            inside += (double)(leaf[k]->squares / (float)leaf[k]->count);
        }
    }
    double trees = f->params.trees;
    *mean = sum / trees;
    *variance = fmax(squares / trees - *mean * *mean, 0) + inside / trees;
}
