#include "tuner/search/models/gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    BINS = 64,   /* values of one parameter that the model distinguishes, at most */
    LEARN = 120, /* samples from which the likelihood is computed, at most */
    BATCH = 64,  /* points predicted at once */
    STRIP = 16   /* of them, those that are solved at once; divides BATCH */
};
/* The ways in which two values of a parameter can differ. */
enum { FAR, OTHER, TWOS, WEIGHTS };

/* Normal priors of the logarithms of the weights, of the shares of pairs and of the product (as log odds against
 * single parameters), and of the nugget; and the standard deviation of a Metropolis step. */
static const double weight_mean[WEIGHTS] = {0.5, -1.5, -1.0}, weight_sd = 1.2;
static const double share_mean = 0, share_sd = 1.5, nugget_mean = -4.6, nugget_sd = 1.2, step_sd = 0.7;

/* A parameter with more than one value. */
typedef struct dimension {
    size_t param;
    uint32_t bins;
    bool has[WEIGHTS];
    uint8_t *bin;               /* [values]: the bin of each value */
    float at[BINS], twos[BINS]; /* coordinates of the bins, from 0 to 1 */
} dimension;

typedef struct hyper {
    double weight[TUNE_SPACE_PARAMS][WEIGHTS];
    double pairs, product;
    double nugget; /* variance that belongs to a single point, as a share of the scale */
} hyper;

/* Factors of the three parts of the covariance. */
typedef struct shares {
    float single, pairs, product;
} shares;

struct tune_gp {
    const tune_space *space;
    dimension *dim;
    size_t dims;
    hyper now;
    double likelihood;
    float *table; /* [dims][BINS][BINS]: similarity of two values, from 0 to 1 */
    float *spare; /* [BINS][BINS]: working memory */
    /* Results of the last fit: */
    size_t count;
    size_t expected;    /* points after the samples whose values are not known: only variances depend on them */
    uint8_t *bins;      /* [samples][dims] */
    double *y, *noise;  /* [samples] */
    double *alpha;      /* [samples]: inverse covariance times (y - mean), in units of the scale */
    double mean, scale; /* scale: variance for which a covariance of 1 stands */
    double noise_scale; /* the scale by which the noise was divided */
    double *factor;     /* [count][count]: lower half of the Cholesky factor, by columns */
    float *factor_row;  /* [count + expected][count + expected]: the same by rows, and that of the others */
    float *solved;      /* [samples][BATCH]: working memory of predict */
};

static uint32_t bin_of(const dimension *d, const tune_param *p, uint32_t value) {
    return (uint32_t)((uint64_t)value * d->bins / p->count);
}

/* Maps the values of all bins from [least, most] to [0, 1]; returns false where they are all equal. */
static bool spread(float *x, uint32_t n) {
    float least = x[0], most = x[0];
    for (uint32_t b = 1; b < n; b++) {
        least = fminf(least, x[b]);
        most = fmaxf(most, x[b]);
    }
    for (uint32_t b = 0; b < n && most > least; b++) x[b] = (x[b] - least) / (most - least);
    return most > least;
}

static bool make_dimension(const tune_space *space, size_t param, dimension *d) {
    const tune_param *p = tune_space_param(space, param);
    *d = (dimension){.param = param, .bins = p->count < BINS ? p->count : BINS};
    d->bin = xl_array(p->count, sizeof *d->bin);
    if (!d->bin) return false;
    bool positive = p->ordered, whole = p->ordered;
    for (uint32_t v = 0; p->ordered && v < p->count; v++) {
        double number = p->values[v].number;
        positive = positive && number > 0;
        whole = whole && number == floor(number) && fabs(number) < 0x1p52;
    }
    for (uint32_t v = 0; v < p->count; v++) {
        uint32_t b = bin_of(d, p, v);
        double number = p->ordered ? p->values[v].number : 0;
        int64_t integer = whole ? (int64_t)fabs(number) : 0;
        d->bin[v] = (uint8_t)b;
        d->at[b] = (float)(positive ? log(number) : number);
        d->twos[b] = integer ? (float)__builtin_ctzll((uint64_t)integer) : 0;
    }
    /* With only two values, whether they are equal says everything. */
    d->has[OTHER] = true;
    d->has[FAR] = p->ordered && p->count > 2 && spread(d->at, d->bins);
    d->has[TWOS] = whole && p->count > 2 && spread(d->twos, d->bins);
    return true;
}

static void fill_table(const dimension *d, const double *weight, float *table) {
    double far = exp(weight[FAR]), other = exp(weight[OTHER]), twos = exp(weight[TWOS]);
    for (uint32_t a = 0; a < d->bins; a++) {
        table[a * BINS + a] = 1;
        for (uint32_t b = 0; b < a; b++) {
            double alike = exp(-other);
            double r = d->has[FAR] ? far * fabs((double)d->at[a] - (double)d->at[b]) : 0;
            alike *= (1 + r) * exp(-r);
            if (d->has[TWOS]) alike *= exp(-twos * fabs((double)d->twos[a] - (double)d->twos[b]));
            table[a * BINS + b] = table[b * BINS + a] = (float)alike;
        }
    }
}

int tune_gp_create(const tune_space *space, tune_gp **out, xlstm_error *err) {
    *out = NULL;
    const size_t params = tune_space_params(space), n = TUNE_GP_SAMPLES;
    tune_gp *g = calloc(1, sizeof *g);
    if (!g) goto fail;
    g->space = space;
    g->dim = calloc(params, sizeof *g->dim);
    for (size_t i = 0; g->dim && i < params; i++) {
        if (tune_space_param(space, i)->count < 2) continue;
        if (!make_dimension(space, i, &g->dim[g->dims])) goto fail;
        g->dims++;
    }
    g->table = xl_array(g->dims * BINS * BINS, sizeof *g->table);
    g->spare = xl_array(BINS * BINS, sizeof *g->spare);
    g->bins = xl_array(n * g->dims, sizeof *g->bins);
    g->y = xl_array(n, sizeof *g->y);
    g->noise = xl_array(n, sizeof *g->noise);
    g->alpha = xl_array(n, sizeof *g->alpha);
    g->factor = xl_array(n * n, sizeof *g->factor);
    g->factor_row = xl_array(n * n, sizeof *g->factor_row);
    g->solved = xl_array(n * BATCH, sizeof *g->solved);
    if (!g->dim || !g->table || !g->spare || !g->bins || !g->y || !g->noise || !g->alpha || !g->factor ||
        !g->factor_row || !g->solved)
        goto fail;
    g->now = (hyper){.pairs = share_mean, .product = share_mean, .nugget = nugget_mean};
    for (size_t d = 0; d < g->dims; d++) {
        memcpy(g->now.weight[d], weight_mean, sizeof weight_mean);
        fill_table(&g->dim[d], g->now.weight[d], g->table + d * BINS * BINS);
    }
    *out = g;
    return XLSTM_OK;
fail:
    tune_gp_destroy(g);
    return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the model");
}

void tune_gp_destroy(tune_gp *g) {
    if (!g) return;
    for (size_t i = 0; g->dim && i < g->dims; i++) free(g->dim[i].bin);
    free(g->dim);
    free(g->table);
    free(g->spare);
    free(g->bins);
    free(g->y);
    free(g->noise);
    free(g->alpha);
    free(g->factor);
    free(g->factor_row);
    free(g->solved);
    free(g);
}

/* ---- covariance ---- */

static shares shares_of(const tune_gp *g, const hyper *h) {
    const double n = (double)g->dims, pairs = n > 1 ? exp(h->pairs) : 0, product = exp(h->product);
    const double all = 1 + pairs + product;
    return (shares){.single = (float)(1 / all / n),
                    .pairs = n > 1 ? (float)(pairs / all / (n * (n - 1))) : 0,
                    .product = (float)(product / all)};
}

/* Returns the covariance of two points, which is 1 for equal points. */
static inline float covariance(const tune_gp *g, const uint8_t *a, const uint8_t *b, shares s) {
    float sum = 0, squares = 0, product = 1;
    const float *table = g->table;
    for (size_t d = 0; d < g->dims; d++, table += BINS * BINS) {
        float alike = table[a[d] * BINS + b[d]];
        sum += alike;
        squares += alike * alike;
        product *= alike;
    }
    return s.single * sum + s.pairs * (sum * sum - squares) + s.product * product;
}

static void bins_of(const tune_gp *g, uint32_t point, uint8_t *bins) {
    const uint16_t *index = tune_space_index(g->space, point);
    for (size_t d = 0; d < g->dims; d++) bins[d] = g->dim[d].bin[index[g->dim[d].param]];
}

/* ---- fit ---- */

static double normal(double x, double mean, double sd) {
    double z = (x - mean) / sd;
    return -0.5 * z * z;
}

static double log_prior(const tune_gp *g, const hyper *h) {
    double sum = normal(h->pairs, share_mean, share_sd) + normal(h->product, share_mean, share_sd) +
                 normal(h->nugget, nugget_mean, nugget_sd);
    for (size_t d = 0; d < g->dims; d++) {
        for (int w = 0; w < WEIGHTS; w++) sum += normal(h->weight[d][w], weight_mean[w], weight_sd);
    }
    return sum;
}

/* Computes the Cholesky factor of the covariance of the first n samples, in place. Returns half the logarithm of
 * the determinant; INFINITY where the matrix is not positive definite. */
static double decompose(tune_gp *g, const hyper *h, size_t n) {
    const shares s = shares_of(g, h);
    const double nugget = exp(h->nugget);
    double half = 0;
    for (size_t j = 0; j < n; j++) {
        double *column = g->factor + j * n;
        const uint8_t *at = g->bins + j * g->dims;
        for (size_t i = j; i < n; i++) column[i] = (double)covariance(g, g->bins + i * g->dims, at, s);
        column[j] += nugget + g->noise[j] / g->noise_scale;
        for (size_t k = 0; k < j; k++) {
            const double *left = g->factor + k * n, f = left[j];
            for (size_t i = j; i < n; i++) column[i] -= f * left[i];
        }
        if (!(column[j] > 1e-10)) return INFINITY;
        const double root = sqrt(column[j]);
        for (size_t i = j; i < n; i++) column[i] /= root;
        half += log(root);
    }
    return half;
}

/* Returns the logarithm of the posterior of the hyper-parameters up to a constant, from the first n samples. Also
 * sets mean, scale and the factor, and alpha to the inverse of the factor times (y - mean). */
static double posterior(tune_gp *g, const hyper *h, size_t n) {
    double one[TUNE_GP_SAMPLES], *a = g->alpha, up = 0, down = 0, sum = 0;
    const double half = decompose(g, h, n);
    if (half == INFINITY) return -INFINITY;
    memcpy(a, g->y, n * sizeof *a);
    for (size_t i = 0; i < n; i++) one[i] = 1;
    for (size_t j = 0; j < n; j++) {
        const double *column = g->factor + j * n;
        a[j] /= column[j];
        one[j] /= column[j];
        for (size_t i = j + 1; i < n; i++) {
            a[i] -= column[i] * a[j];
            one[i] -= column[i] * one[j];
        }
        up += one[j] * a[j];
        down += one[j] * one[j];
    }
    g->mean = up / down;
    for (size_t i = 0; i < n; i++) {
        a[i] -= g->mean * one[i];
        sum += a[i] * a[i];
    }
    g->scale = fmax(sum / (double)n, 1e-12);
    return -0.5 * (double)n * log(g->scale) - half + log_prior(g, h);
}

/* Makes one Metropolis step: changes the weights of one parameter, or the shares and the nugget. */
static void step(tune_gp *g, size_t n, xl_rng *rng) {
    hyper next = g->now;
    const size_t d = xl_rng_below(rng, g->dims + 1);
    float *table = d < g->dims ? g->table + d * BINS * BINS : NULL;
    if (table) {
        for (int w = 0; w < WEIGHTS; w++) {
            if (g->dim[d].has[w]) next.weight[d][w] += step_sd * xl_rng_normal(rng);
        }
        memcpy(g->spare, table, BINS * BINS * sizeof *table);
        fill_table(&g->dim[d], next.weight[d], table);
    } else {
        next.product += step_sd * xl_rng_normal(rng);
        next.pairs += step_sd * xl_rng_normal(rng);
        next.nugget += step_sd * xl_rng_normal(rng);
    }
    const double likelihood = posterior(g, &next, n);
    if (log(1 - xl_rng_uniform(rng)) < likelihood - g->likelihood) {
        g->now = next;
        g->likelihood = likelihood;
    } else if (table) {
        memcpy(table, g->spare, BINS * BINS * sizeof *table);
    }
}

/* Returns the scale by which noise is divided: that of the last fit, and before the first the samples'
 * variance. */
static double scale_before(const tune_gp *g) {
    double mean = 0, squares = 0, n = (double)g->count;
    if (g->scale > 0) return g->scale;
    for (size_t i = 0; i < g->count; i++) mean += g->y[i] / n;
    for (size_t i = 0; i < g->count; i++) squares += (g->y[i] - mean) * (g->y[i] - mean) / n;
    return fmax(squares, 1e-12);
}

int tune_gp_fit(tune_gp *g, const uint32_t *point, const float *y, const float *noise, size_t count, int steps,
                xl_rng *rng, xlstm_error *err) {
    g->count = count;
    g->expected = 0;
    for (size_t i = 0; i < count; i++) {
        bins_of(g, point[i], g->bins + i * g->dims);
        g->y[i] = (double)y[i];
        g->noise[i] = (double)noise[i];
    }
    g->noise_scale = scale_before(g);
    const size_t learn = count < LEARN ? count : LEARN;
    if (steps) g->likelihood = posterior(g, &g->now, learn);
    for (int i = 0; i < steps; i++) step(g, learn, rng);
    while (posterior(g, &g->now, count) == -INFINITY) {
        if (g->now.nugget > 0) return xl_fail(err, XLSTM_EINTERNAL, "search: the model's covariance is singular");
        g->now.nugget += 1;
    }
    for (size_t j = count; j-- > 0;) {
        const double *column = g->factor + j * count;
        double a = g->alpha[j];
        for (size_t i = j + 1; i < count; i++) a -= column[i] * g->alpha[i];
        g->alpha[j] = a / column[j];
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++) g->factor_row[i * count + j] = (float)g->factor[j * count + i];
    }
    return XLSTM_OK;
}

/* ---- prediction ---- */

void tune_gp_sample(const tune_gp *g, size_t i, double *mean, double *variance) {
    double x[TUNE_GP_SAMPLES], diagonal = 0; /* diagonal: of the inverse covariance */
    const double noise = g->noise[i] / g->noise_scale;
    const size_t n = g->count;
    for (size_t j = i; j < n; j++) x[j] = j == i;
    for (size_t j = i; j < n; j++) {
        const double *column = g->factor + j * n;
        x[j] /= column[j];
        for (size_t k = j + 1; k < n; k++) x[k] -= column[k] * x[j];
        diagonal += x[j] * x[j];
    }
    *mean = g->y[i] - noise * g->alpha[i];
    *variance = fmax(noise - noise * noise * diagonal, 0) * g->scale;
}

/* The points of a batch, side by side. A batch that is not full ends with points of bin 0, whose results are not
 * used. */
typedef struct batch {
    uint8_t bins[TUNE_SPACE_PARAMS][BATCH];
    double sum[BATCH];
    float left[BATCH];
} batch;

/* Sets x to the covariances of sample i with the points, each computed in the order of `covariance`. */
static void covariances(const tune_gp *g, size_t i, const batch *b, shares s, float *x) {
    float sum[BATCH] = {0}, squares[BATCH] = {0}, product[BATCH];
    const uint8_t *bins = g->bins + i * g->dims;
    for (size_t p = 0; p < BATCH; p++) product[p] = 1;
    for (size_t d = 0; d < g->dims; d++) {
        const float *table = g->table + (d * BINS + bins[d]) * BINS;
        float alike[BATCH];
        for (size_t p = 0; p < BATCH; p++) alike[p] = table[b->bins[d][p]];
        for (size_t p = 0; p < BATCH; p++) {
            sum[p] += alike[p];
            squares[p] += alike[p] * alike[p];
            product[p] *= alike[p];
        }
    }
    for (size_t p = 0; p < BATCH; p++)
        x[p] = s.single * sum[p] + s.pairs * (sum[p] * sum[p] - squares[p]) + s.product * product[p];
}

/* Subtracts from x, which is row i of `solved`, what the rows before it explain. Each strip of the row stays in
 * registers until it is done. */
static void subtract_before(const tune_gp *g, size_t i, const float *row, float *x) {
    for (size_t first = 0; first < BATCH; first += STRIP) {
        float strip[STRIP];
        memcpy(strip, x + first, sizeof strip);
        for (size_t j = 0; j < i; j++) {
            const float *before = g->solved + j * BATCH + first, f = row[j];
            for (size_t p = 0; p < STRIP; p++) strip[p] -= f * before[p];
        }
        memcpy(x + first, strip, sizeof strip);
    }
}

static void predict_batch(const tune_gp *g, const uint32_t *point, size_t m, shares s, double *mean,
                          double *variance) {
    batch b = {0};
    for (size_t p = 0; p < m; p++) {
        uint8_t bins[TUNE_SPACE_PARAMS];
        bins_of(g, point[p], bins);
        for (size_t d = 0; d < g->dims; d++) b.bins[d][p] = bins[d];
        b.left[p] = 1;
    }
    const size_t n = g->count + g->expected;
    for (size_t i = 0; i < n; i++) {
        float *x = g->solved + i * BATCH;
        const float *row = g->factor_row + i * n;
        covariances(g, i, &b, s, x);
        for (size_t p = 0; p < BATCH; p++) b.sum[p] += (double)x[p] * g->alpha[i];
        subtract_before(g, i, row, x);
        const float f = 1 / row[i];
        for (size_t p = 0; p < BATCH; p++) {
            x[p] *= f;
            b.left[p] -= x[p] * x[p];
        }
    }
    for (size_t p = 0; p < m; p++) {
        mean[p] = g->mean + b.sum[p];
        variance[p] = g->scale * (double)fmaxf(b.left[p], 1e-6f);
    }
}

void tune_gp_predict(const tune_gp *g, const uint32_t *point, size_t count, double *mean, double *variance) {
    const shares s = shares_of(g, &g->now);
    for (size_t i = 0; i < count; i += BATCH) {
        size_t m = count - i < BATCH ? count - i : BATCH;
        predict_batch(g, point + i, m, s, mean + i, variance + i);
    }
}

void tune_gp_expect(tune_gp *g, const uint32_t *point, size_t count, double *mean) {
    double variance[TUNE_GP_SAMPLES];
    const size_t before = g->count, n = before + count;
    const shares s = shares_of(g, &g->now);
    const float one = 1 + (float)exp(g->now.nugget);
    g->expected = 0;
    tune_gp_predict(g, point, count, mean, variance);
    for (size_t i = before; i-- > 0;)
        memmove(g->factor_row + i * n, g->factor_row + i * before, (i + 1) * sizeof(float));
    for (size_t i = before; i < n; i++) {
        uint8_t *bins = g->bins + i * g->dims;
        float *row = g->factor_row + i * n, left = one;
        bins_of(g, point[i - before], bins);
        for (size_t j = 0; j < i; j++) {
            const float *other = g->factor_row + j * n;
            float x = covariance(g, g->bins + j * g->dims, bins, s);
            for (size_t k = 0; k < j; k++) x -= row[k] * other[k];
            row[j] = x / other[j];
            left -= row[j] * row[j];
        }
        row[i] = sqrtf(fmaxf(left, 1e-6f));
        g->alpha[i] = 0;
    }
    g->expected = count;
}
