/* Estimates the importance of parameters and their interactions from the points that a search happened to
 * visit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/report/marks.h"
#include "tuner/report/report.h"

#define LEAST_POINTS 6 /* fewer points allow no estimate */
#define LEAST_SPARE 2  /* points beyond the number that the levels' means always fit exactly */
#define GROUPS 30      /* of the jackknife */
#define PASSES 30      /* of backfitting, at most */
#define SETTLED 1e-13  /* change of an effect below which there is no need of a further pass */
#define BINS 8         /* a parameter with more numeric values is divided into this many bins */
#define RIDGE 0.25     /* pulls the mean of a level with few visits towards zero */

/* The distinct points, with the values of their parameters replaced by small level numbers. */
typedef struct table {
    size_t n, parameters;
    double *y;  /* [n]: ln(value) */
    int *level; /* [n * parameters] */
    int levels[TUNE_REPORT_PARAMETERS];
    bool in[TUNE_REPORT_PARAMETERS]; /* whether the parameter has at least two levels */
    double *effect;                  /* [parameters * most]: scratch space */
    double *fitted, *sum;
    int *count;
    int most;
} table;

typedef struct estimate {
    double importance[TUNE_REPORT_PARAMETERS], unexplained;
    double pair[TUNE_REPORT_PAIRS];
} estimate;

static void clear(table *t) {
    free(t->y);
    free(t->level);
    free(t->effect);
    free(t->fitted);
    free(t->sum);
    free(t->count);
}

static int bin(const tune_parameter *p, int level) {
    if (level < 0) return (int)(p->levels <= BINS ? p->levels : BINS); /* an empty value is a level of its own */
    if (p->levels <= BINS) return level;
    return (int)((size_t)level * BINS / p->levels);
}

static int build(const tune_report *r, table *t, xlstm_error *err) {
    *t = (table){.parameters = r->parameters, .most = BINS + 1};
    size_t n = r->trials + 1, most = (size_t)t->most;
    t->y = xl_array(n, sizeof *t->y);
    t->level = xl_array(n * (r->parameters + 1), sizeof *t->level);
    t->effect = xl_array((r->parameters + 1) * most, sizeof *t->effect);
    t->fitted = xl_array(n, sizeof *t->fitted);
    t->sum = xl_array(most * most, sizeof *t->sum);
    t->count = xl_array(most * most, sizeof *t->count);
    if (!t->y || !t->level || !t->effect || !t->fitted || !t->sum || !t->count) {
        clear(t);
        return xl_fail(err, XLSTM_ENOMEM, "analysis: out of memory");
    }
    const bool cold =
        tune_report_cold_first(r); /* the time of a cold first row is that of the warm-up, not of its settings */
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *trial = &r->trial[i];
        if (!trial->ok || trial->duplicate || !(trial->value > 0) || (cold && i == 0)) continue;
        t->y[t->n] = log(trial->value);
        for (size_t p = 0; p < r->parameters; p++) {
            t->level[t->n * t->parameters + p] = bin(&r->parameter[p], trial->level[p]);
        }
        t->n++;
    }
    for (size_t p = 0; p < r->parameters; p++) {
        t->levels[p] = (int)(r->parameter[p].levels < BINS ? r->parameter[p].levels : BINS) + 1;
        for (size_t i = 1; i < t->n; i++) {
            t->in[p] |= t->level[i * t->parameters + p] != t->level[p];
        }
    }
    return 0;
}

/* Whether point i belongs to group g of `groups`, which is left out; g < 0: none is. */
static bool left_out(size_t i, int g, size_t groups) {
    return g >= 0 && i % groups == (size_t)g;
}

/* Fits the additive model of the parameters in `with` and stores its residuals in t->fitted. Returns the sum of
 * squares before the fit, and in *left that after it. */
static double backfit(table *t, const bool *with, int g, size_t groups, size_t *used, double *left) {
    double mean = 0, total = 0;
    *used = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (left_out(i, g, groups)) continue;
        mean += t->y[i];
        ++*used;
    }
    mean /= (double)*used;
    for (size_t i = 0; i < t->n; i++) {
        t->fitted[i] = t->y[i] - mean;
        if (!left_out(i, g, groups)) total += t->fitted[i] * t->fitted[i];
    }
    memset(t->effect, 0, t->parameters * (size_t)t->most * sizeof *t->effect);
    double change = INFINITY; /* the largest one of an effect in the last pass */
    for (int pass = 0; pass < PASSES && change > SETTLED; pass++) {
        change = 0;
        for (size_t p = 0; p < t->parameters; p++) {
            if (!with[p]) continue;
            double *effect = t->effect + p * (size_t)t->most;
            memset(t->sum, 0, (size_t)t->most * sizeof *t->sum);
            memset(t->count, 0, (size_t)t->most * sizeof *t->count);
            for (size_t i = 0; i < t->n; i++) {
                if (left_out(i, g, groups)) continue;
                int l = t->level[i * t->parameters + p];
                t->sum[l] += t->fitted[i] + effect[l];
                t->count[l]++;
            }
            for (size_t i = 0; i < t->n; i++) t->fitted[i] += effect[t->level[i * t->parameters + p]];
            for (int l = 0; l < t->levels[p]; l++) {
                const double now = t->count[l] ? t->sum[l] / (t->count[l] + RIDGE) : 0;
                change = fmax(change, fabs(now - effect[l]));
                effect[l] = now;
            }
            for (size_t i = 0; i < t->n; i++) t->fitted[i] -= effect[t->level[i * t->parameters + p]];
        }
    }
    *left = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!left_out(i, g, groups)) *left += t->fitted[i] * t->fitted[i];
    }
    return total;
}

/* Counts the levels of a parameter among the points that are not left out. */
static int levels_seen(const table *t, size_t p, int g, size_t groups) {
    bool visited[BINS + 1] = {false};
    int seen = 0;
    for (size_t i = 0; i < t->n; i++) {
        int l = t->level[i * t->parameters + p];
        if (left_out(i, g, groups) || visited[l]) continue;
        visited[l] = true;
        seen++;
    }
    return seen;
}

/* Returns the mean of what a parameter explains alone and what it explains beyond all others, so that parameters
 * which the search always changed together share what cannot be told apart. The share that level means of pure
 * noise would explain is subtracted, as in an analysis of variance. */
static double main_share(table *t, size_t p, int g, size_t groups, double total, double left_all, double noise) {
    bool alone[TUNE_REPORT_PARAMETERS] = {false}, others[TUNE_REPORT_PARAMETERS];
    memcpy(others, t->in, sizeof others);
    alone[p] = true;
    others[p] = false;
    size_t used;
    double left, chance = (levels_seen(t, p, g, groups) - 1) * noise;
    backfit(t, alone, g, groups, &used, &left);
    double first = fmax(0, total - left - chance);
    backfit(t, others, g, groups, &used, &left);
    double last = fmax(0, left - left_all - chance);
    return fmin(1, (first + last) / 2 / total);
}

static double pair_share(table *t, size_t a, size_t b, int g, size_t groups, double total) {
    int most = t->most, cells = 0, n = 0;
    memset(t->sum, 0, (size_t)most * (size_t)most * sizeof *t->sum);
    memset(t->count, 0, (size_t)most * (size_t)most * sizeof *t->count);
    double all = 0, between = 0, left = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (left_out(i, g, groups)) continue;
        int cell = t->level[i * t->parameters + a] * most + t->level[i * t->parameters + b];
        cells += t->count[cell] == 0;
        t->sum[cell] += t->fitted[i];
        t->count[cell]++;
        all += t->fitted[i];
        left += t->fitted[i] * t->fitted[i];
        n++;
    }
    int free_cells = (t->levels[a] - 1) + (t->levels[b] - 1) + 1; /* already fitted by the main effects */
    for (int c = 0; c < most * most; c++) {
        if (t->count[c]) between += t->sum[c] * t->sum[c] / t->count[c];
    }
    between -= all * all / n;
    int df = cells - free_cells, rest = n - cells;
    if (df <= 0 || rest <= 0)
        return NAN; /* where each cell was visited once, an interaction cannot be told from noise */
    double share = (between - df * (left - between) / rest) / total;
    return fmin(1, fmax(0, share));
}

/* Returns the number of points beyond those that the means of the levels use up. A parameter of which every level
 * was visited once would explain everything, and so nothing. */
static int spare_points(const table *t, size_t used, int g, size_t groups) {
    int df = (int)used - 1;
    for (size_t p = 0; p < t->parameters; p++) {
        if (t->in[p]) df -= levels_seen(t, p, g, groups) - 1;
    }
    return df;
}

static void estimate_all(table *t, int g, size_t groups, estimate *out) {
    size_t used, pair = 0;
    double left, total = backfit(t, t->in, g, groups, &used, &left);
    const int df = spare_points(t, used, g, groups);
    *out = (estimate){0};
    if (!(total > 0)) return;
    double noise = left / (df > 1 ? df : 1);
    out->unexplained = fmin(1, noise * (double)(used - 1) / total);
    for (size_t a = 0; a < t->parameters; a++) {
        for (size_t b = a + 1; b < t->parameters; b++, pair++) {
            out->pair[pair] = t->in[a] && t->in[b] ? pair_share(t, a, b, g, groups, total) : NAN;
        }
    }
    for (size_t p = 0; p < t->parameters; p++) {
        if (t->in[p]) out->importance[p] = main_share(t, p, g, groups, total, left, noise);
    }
}

/* Makes the jackknife's interval. Groups without which there is no estimate are skipped. */
static tune_share interval(double whole, const double *parts, size_t groups) {
    double mean = 0, ss = 0, n = 0;
    for (size_t g = 0; g < groups; g++) {
        if (isnan(parts[g])) continue;
        mean += parts[g];
        n++;
    }
    if (isnan(whole) || n < 2) return (tune_share){whole, NAN, NAN};
    mean /= n;
    for (size_t g = 0; g < groups; g++) {
        if (!isnan(parts[g])) ss += (parts[g] - mean) * (parts[g] - mean);
    }
    double half = tune_t_quantile(0.975, n - 1) * sqrt(ss * (n - 1) / n);
    return (tune_share){whole, fmax(0, whole - half), fmin(1, whole + half)};
}

static size_t distinct_pairs(const tune_report *r, size_t a, size_t b) {
    size_t la = r->parameter[a].levels + 1, lb = r->parameter[b].levels + 1, n = 0;
    bool *seen = calloc(la * lb, sizeof *seen);
    if (!seen) return 0;
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (t->level[a] < 0 || t->level[b] < 0) continue;
        bool *cell = &seen[(size_t)t->level[a] * lb + (size_t)t->level[b]];
        n += !*cell;
        *cell = true;
    }
    free(seen);
    return n;
}

static int stronger(const void *x, const void *y) {
    double a = ((const tune_pair *)x)->strength.share, b = ((const tune_pair *)y)->strength.share;
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a < b) - (a > b);
}

int tune_report_analyse(const tune_report *r, tune_analysis *out, xlstm_error *err) {
    *out = (tune_analysis){.unexplained = NAN};
    table t;
    int status = build(r, &t, err);
    if (status) return status;
    out->used = t.n;
    for (size_t a = 0; a < r->parameters; a++) {
        out->importance[a] = (tune_share){NAN, NAN, NAN};
        for (size_t b = a + 1; b < r->parameters; b++) {
            tune_pair *p = &out->pair[out->pairs++];
            *p = (tune_pair){.a = a,
                             .b = b,
                             .strength = {NAN, NAN, NAN},
                             .tried = distinct_pairs(r, a, b),
                             .possible = r->parameter[a].levels * r->parameter[b].levels};
        }
    }
    size_t groups = t.n < GROUPS ? t.n : GROUPS;
    const bool enough = t.n >= LEAST_POINTS && spare_points(&t, t.n, -1, groups) >= LEAST_SPARE;
    estimate *all = enough ? malloc((groups + 1) * sizeof *all) : NULL;
    double *parts = malloc((groups + 1) * sizeof *parts);
    if (!parts || (enough && !all)) {
        status = xl_fail(err, XLSTM_ENOMEM, "analysis: out of memory");
    } else if (all) {
        estimate_all(&t, -1, groups, &all[groups]);
        for (size_t g = 0; g < groups; g++) estimate_all(&t, (int)g, groups, &all[g]);
        out->unexplained = all[groups].unexplained;
        for (size_t p = 0; p < r->parameters; p++) {
            if (!t.in[p]) continue;
            for (size_t g = 0; g < groups; g++) parts[g] = all[g].importance[p];
            out->importance[p] = interval(all[groups].importance[p], parts, groups);
        }
        for (size_t k = 0; k < out->pairs; k++) {
            for (size_t g = 0; g < groups; g++) parts[g] = all[g].pair[k];
            out->pair[k].strength = interval(all[groups].pair[k], parts, groups);
        }
        qsort(out->pair, out->pairs, sizeof *out->pair, stronger);
    }
    free(all);
    free(parts);
    clear(&t);
    return status;
}

int tune_report_noise(const tune_report *r, tune_noise *out, xlstm_error *err) {
    double *x = xl_array(r->samples + 1, sizeof *x);
    if (!x) return xl_fail(err, XLSTM_ENOMEM, "analysis: out of memory");
    size_t n = 0;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0) continue;
        if (s->used && s->seen > 0) x[n++] = s->seen;
    }
    tune_describe_noise(x, n, out);
    free(x);
    return 0;
}
