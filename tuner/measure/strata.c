#include "tuner/measure/strata.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/measure/stats.h"

#define RECENT 256       /* conditions from which the states are found; a machine may change its habits */
#define LOOSEST 3        /* standard deviations of either level: two outliers are no level */
#define LEAST_APART 0.03 /* levels of a quantity that are nearer than 3 % are no states */

struct tune_strata {
    tune_condition *all;
    int n, room;
    int quantity; /* TUNE_QUANTITIES: one state */
    double threshold;
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tune_two_levels(const double *x, size_t n) {
    double *log_x = malloc((n + 1) * sizeof *log_x), threshold = 0, best = INFINITY, sum = 0, squares = 0;
    if (!log_x || n < 8) goto done;
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0) || isinf(x[i])) goto done;
        log_x[i] = log(x[i]);
    }
    qsort(log_x, n, sizeof *log_x, by_value);
    const double middle = log_x[n / 2];
    for (size_t i = 0; i < n; i++) {
        sum += log_x[i] - middle;
        squares += (log_x[i] - middle) * (log_x[i] - middle);
    }
    double low_sum = 0, low_squares = 0;
    for (size_t k = 1; k < n; k++) { /* the first k are the lower level */
        const double d = log_x[k - 1] - middle, low_n = (double)k, high_n = (double)(n - k);
        low_sum += d;
        low_squares += d * d;
        const double high_sum = sum - low_sum;
        const double within =
            low_squares - low_sum * low_sum / low_n + (squares - low_squares) - high_sum * high_sum / high_n;
        if (k < 2 || n - k < 2 || within >= best) continue;
        best = within;
        const double apart = high_sum / high_n - low_sum / low_n, sd = sqrt(fmax(0, within) / (double)(n - 2));
        const double low_sd = sqrt(fmax(0, low_squares / low_n - low_sum * low_sum / low_n / low_n));
        const double high_sd =
            sqrt(fmax(0, (squares - low_squares) / high_n - high_sum * high_sum / high_n / high_n));
        const bool two = apart >= LEAST_APART && apart >= (4 + 20.0 / (double)n) * sd &&
                         apart >= LOOSEST * fmax(low_sd, high_sd);
        threshold = two ? exp((log_x[k - 1] + log_x[k]) / 2) : 0;
    }
done:
    free(log_x);
    return threshold;
}

int tune_strata_create(tune_strata **out, xlstm_error *err) {
    *out = calloc(1, sizeof **out);
    if (!*out) return xl_fail(err, XLSTM_ENOMEM, "strata: out of memory");
    (*out)->quantity = TUNE_QUANTITIES;
    return XLSTM_OK;
}

void tune_strata_destroy(tune_strata *strata) {
    if (!strata) return;
    free(strata->all);
    free(strata);
}

/* Copies the recent values of a quantity; returns their number. */
static size_t recent(const tune_strata *s, int quantity, double x[RECENT]) {
    const int first = s->n > RECENT ? s->n - RECENT : 0;
    for (int i = first; i < s->n; i++) x[i - first] = s->all[i].value[quantity];
    return (size_t)(s->n - first);
}

int tune_strata_add(tune_strata *s, const tune_condition *condition, xlstm_error *err) {
    double x[RECENT] = {0};
    if (s->n == s->room) {
        const int room = s->room ? 2 * s->room : 64;
        tune_condition *all = realloc(s->all, (size_t)room * sizeof *all);
        if (!all) return xl_fail(err, XLSTM_ENOMEM, "strata: out of memory");
        s->all = all;
        s->room = room;
    }
    s->all[s->n++] = *condition;
    for (s->quantity = 0; s->quantity < TUNE_QUANTITIES; s->quantity++) {
        const size_t n = recent(s, s->quantity, x);
        s->threshold = tune_two_levels(x, n);
        if (s->threshold > 0) break;
    }
    return s->n - 1;
}

int tune_strata_count(const tune_strata *s) {
    return s->quantity < TUNE_QUANTITIES ? TUNE_STRATA_MOST : 1;
}

int tune_strata_quantity(const tune_strata *s) {
    return s->quantity;
}

static int state_of(const tune_strata *s, int number) {
    if (number < 0 || number >= s->n) return TUNE_NO_STRATUM;
    const double value = s->all[number].value[s->quantity];
    return isnan(value) ? TUNE_NO_STRATUM : value > s->threshold;
}

int tune_strata_of(const tune_strata *s, int before, int after) {
    if (s->quantity >= TUNE_QUANTITIES) return 0;
    const int state = state_of(s, before);
    return state == state_of(s, after) ? state : TUNE_NO_STRATUM;
}

double tune_strata_share(const tune_strata *s, int state) {
    double x[RECENT] = {0};
    size_t in = 0;
    if (s->quantity >= TUNE_QUANTITIES) return 1;
    const size_t n = recent(s, s->quantity, x);
    for (size_t i = 0; i < n; i++) in += (x[i] > s->threshold) == (state > 0);
    return (double)in / (double)n;
}

double tune_strata_level(const tune_strata *s, int state) {
    double x[RECENT] = {0};
    size_t n = 0, in = 0;
    if (s->quantity >= TUNE_QUANTITIES) return NAN;
    n = recent(s, s->quantity, x);
    for (size_t i = 0; i < n; i++) {
        if ((x[i] > s->threshold) == (state > 0)) x[in++] = x[i];
    }
    return tune_median(x, in);
}
