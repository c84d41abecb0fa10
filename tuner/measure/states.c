#include "tuner/measure/states.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/measure/stats.h"
#include "tuner/measure/strata.h"

/* ---- finding states ---- */

/* Two states count as separate where the gap between their values is at least LEAST_GAP, and at least separation()
 * times the standard deviation within the states. With few values a gap in pure noise looks large, which the
 * second term of separation() allows for; with three groups even more so, which its factor allows for. */
#define LEAST_GAP 0.005 /* a ratio that changes by half a percent is no mood worth telling */

static double separation(int n, int groups) {
    return (1.5 + 30.0 / n) * (groups > 2 ? 1.2 : 1);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

_Static_assert(TUNE_PROCESSES_MOST <= UCHAR_MAX + 1, "where a group begins fits into a byte");

typedef struct sums {
    double values, squares;
} sums;

static sums and_value(sums s, double value) {
    return (sums){s.values + value, s.squares + value * value};
}

/* The partition of n sorted values into `groups` that has the least sum of squares within them (dynamic
 * programming over the ends of the groups). Group g is cut[g - 1] … cut[g] - 1. Returns that sum. */
static double divide(const double *sorted, int n, int groups, int cut[TUNE_STATES_MOST]) {
    double table[2][TUNE_PROCESSES_MOST + 1], *before = table[0], *cost = table[1];
    unsigned char from[TUNE_STATES_MOST][TUNE_PROCESSES_MOST + 1];
    const double middle = sorted[n / 2];
    for (int end = 0; end <= n; end++) before[end] = end ? INFINITY : 0;
    for (int g = 0; g < groups; g++) {
        sums to_end = {0};
        for (int end = 0; end <= n; end++) {
            if (end) to_end = and_value(to_end, sorted[end - 1] - middle);
            sums to_begin = {0};
            cost[end] = INFINITY;
            from[g][end] = 0;
            for (int begin = 0; begin < end; begin++) {
                if (begin) to_begin = and_value(to_begin, sorted[begin - 1] - middle);
                const double s = to_end.values - to_begin.values;
                const double within = fmax(0, to_end.squares - to_begin.squares - s * s / (end - begin));
                if (before[begin] + within >= cost[end]) continue;
                cost[end] = before[begin] + within;
                from[g][end] = (unsigned char)begin;
            }
        }
        double *swap = before;
        before = cost;
        cost = swap;
    }
    for (int g = groups - 1, end = n; g >= 0; g--) {
        cut[g] = end;
        end = from[g][end];
    }
    return before[n];
}

/* Whether neighbours in time are more alike than chance makes them: compares the first autocorrelation with its
 * scatter in noise. */
static bool neighbours_alike(const double *x, int n) {
    double mean = tune_mean(x, (size_t)n), products = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
        if (i + 1 < n) products += (x[i] - mean) * (x[i + 1] - mean);
    }
    return n >= 8 && squares > 0 && (products / squares + 1.0 / n) * sqrt(n) > 1.65;
}

void tune_states_given(const double *x, const unsigned char *of, int n, int count, tune_states *out) {
    assert(n >= 0 && n <= TUNE_PROCESSES_MOST && count >= 1 && count <= TUNE_STATES_MOST);
    *out = (tune_states){.count = n ? count : 0};
    double squares = 0;
    for (int i = 0; i < n; i++) {
        tune_state *s = &out->at[of[i]];
        out->of[i] = of[i];
        s->mean += (x[i] - s->mean) / ++s->processes;
        if (i && of[i] == of[i - 1]) continue;
        s->visits++;
        out->changes += i > 0;
    }
    for (int i = 0; i < n; i++) squares += (x[i] - out->at[of[i]].mean) * (x[i] - out->at[of[i]].mean);
    out->sd = n > count ? sqrt(squares / (n - count)) : 0;
    out->wanders = count == 1 && neighbours_alike(x, n);
}

void tune_states_find(const double *x, int n, tune_states *out) {
    double sorted[TUNE_PROCESSES_MOST], threshold[TUNE_STATES_MOST] = {0};
    unsigned char of[TUNE_PROCESSES_MOST];
    int count = 1;
    assert(n >= 0 && n <= TUNE_PROCESSES_MOST);
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int groups = 2; groups <= TUNE_STATES_MOST && groups + 3 < n; groups++) {
        int cut[TUNE_STATES_MOST];
        double within = sqrt(divide(sorted, n, groups, cut) / (n - groups)), between[TUNE_STATES_MOST];
        bool separate = true;
        for (int g = 0; g + 1 < groups; g++) {
            double gap = sorted[cut[g]] - sorted[cut[g] - 1];
            between[g] = (sorted[cut[g]] + sorted[cut[g] - 1]) / 2;
            separate &= gap >= fmax(separation(n, groups) * within, LEAST_GAP);
        }
        if (!separate) continue;
        count = groups;
        memcpy(threshold, between, sizeof threshold);
    }
    for (int i = 0; i < n; i++) {
        of[i] = 0;
        while (of[i] + 1 < count && x[i] > threshold[of[i]]) of[i]++;
    }
    tune_states_given(x, of, n, count, out);
}

/* ---- labels ---- */

#define LABEL_CHANCE 0.0025 /* of a label that has nothing to do with the values, were processes independent; */
#define LABEL_EXPLAINS 0.5  /* as they are not, it must explain so much of their variance, too, */
#define LABEL_AGREES 0.9    /* or agree with the states in the values for so many of the processes */
#define LABEL_PROCESSES 8
#define SAME 1e-20 /* squares of logarithms that differ by rounding alone */

/* Renumbers the groups of a label so that the one with the lowest mean of the values is the first. */
static void by_mean(const double *x, int n, const tune_states *groups, unsigned char *of) {
    tune_states s;
    int rank[TUNE_STATES_MOST] = {0};
    tune_states_given(x, groups->of, n, groups->count, &s);
    for (int i = 0; i < s.count; i++) {
        for (int k = 0; k < s.count; k++)
            rank[i] += s.at[k].mean < s.at[i].mean || (k < i && s.at[k].mean == s.at[i].mean);
    }
    for (int i = 0; i < n; i++) of[i] = (unsigned char)rank[groups->of[i]];
}

static double within(const tune_states *s, int n) {
    return s->sd * s->sd * (n - s->count);
}

bool tune_states_labelled(const double *x, const double *label, int n, tune_states *states) {
    double logs[TUNE_PROCESSES_MOST];
    unsigned char of[TUNE_PROCESSES_MOST];
    tune_states groups, by_label, none;
    if (n < LABEL_PROCESSES) return false;
    for (int i = 0; i < n; i++) {
        if (!(label[i] > 0) || isinf(label[i])) return false;
        logs[i] = log(label[i]);
    }
    tune_states_find(logs, n, &groups);
    if (groups.count < 2) {
        /* A state that changed while a label was taken leaves values between the levels, so that there is no gap.
         */
        const double threshold = tune_two_levels(label, (size_t)n);
        if (!(threshold > 0)) return false;
        for (int i = 0; i < n; i++) of[i] = label[i] > threshold;
        tune_states_given(logs, of, n, 2, &groups);
    }
    for (int i = 0; i < groups.count; i++) {
        if (groups.at[i].processes < 2) return false;
    }
    by_mean(x, n, &groups, of);
    tune_states_given(x, of, n, groups.count, &by_label);
    if (states->count > 1) {
        int same = 0;
        for (int i = 0; i < n; i++) same += states->of[i] == of[i];
        if (groups.count != states->count || same < LABEL_AGREES * n) return false;
    } else {
        memset(of, 0, (size_t)n);
        tune_states_given(x, of, n, 1, &none);
        double rest = within(&by_label, n), explained = within(&none, n) - rest;
        double df = groups.count - 1, df_rest = n - groups.count;
        /* Values that are all the same, as some targets state them, leave nothing to explain. */
        if (explained <= SAME) return false;
        if (explained < LABEL_EXPLAINS * (explained + rest)) return false;
        if (explained / df < rest / df_rest * tune_f_quantile(1 - LABEL_CHANCE, df, df_rest)) return false;
    }
    *states = by_label;
    return true;
}

/* ---- the mean over them ---- */

bool tune_states_enough(const tune_states *s, int n) {
    bool enough = s->count > 1 && n >= TUNE_STATES_PROCESSES && s->changes >= TUNE_STATES_CHANGES;
    for (int i = 0; i < s->count; i++) enough &= s->at[i].visits >= TUNE_STATES_VISITS;
    return enough;
}

/* Returns P(N < n) of a Poisson distributed number with this mean. */
static double poisson_below(int n, double mean) {
    double term = exp(-mean), sum = 0;
    for (int i = 0; i < n; i++) {
        sum += term;
        term *= mean / (i + 1);
    }
    return sum;
}

/* Returns the smallest mean for which `visits` or more are seen with probability p, given that at least `least`
 * were. */
static double least_visits(int visits, int least, double p) {
    if (visits <= least && least > 0) return 0;
    double low = 0, high = visits;
    for (int i = 0; i < 60; i++) {
        double mean = (low + high) / 2;
        if ((1 - poisson_below(visits, mean)) < p * (1 - poisson_below(least, mean))) low = mean;
        else high = mean;
    }
    return low;
}

/* Degrees of freedom behind a state's mean stay: two for each end of a stay that was seen, were the stays
 * exponential. Stays of whole processes scatter less, the shorter they are. */
static double stay_df(const tune_state *s, bool lasts) {
    double ends = s->visits - (lasts ? 0.5 : 0);
    return 2 * ends / fmax(0.5, 1 - ends / s->processes);
}

/* How far the comparison is from having more changes of state than it needs: 1 where it has just enough, near 0
 * where it has many. Just enough is often a matter of luck: where states last long, a claim is made when the stays
 * happened to be short. What is said of the long run is the more careful, the nearer this is to 1; by how much was
 * found by simulation. */
static double haste(const tune_states *s) {
    return fmin(1, (double)TUNE_STATES_CHANGES / s->changes);
}

/* Two states. The odds of being in the rarer one are its mean stay over the other's, and a ratio of two mean
 * stays follows an F distribution (the availability of a machine that fails and is repaired is estimated so). A
 * statement is made only where enough changes were seen, so where few are to be expected it is made just when
 * there happened to be many: the lower bound on the odds is therefore that of a number of visits of which it is
 * known beforehand that it is not small. */
static void interval_of_two(const double *x, int n, const tune_states *s, double level, double *low, double *high) {
    const int rare = s->at[1].processes <= s->at[0].processes, usual = 1 - rare;
    const tune_state *r = &s->at[rare], *u = &s->at[usual];
    const double miss = (1 - level) / (1 + 4 * haste(s)), p = 1 - miss / 2;
    double df_rare = stay_df(r, s->of[n - 1] == rare), df_usual = stay_df(u, s->of[n - 1] == usual);
    double odds = (double)r->processes / u->processes;
    double over = odds * tune_f_quantile(p, df_rare, df_usual);
    double under = odds / tune_f_quantile(p, df_usual, df_rare);
    under *= least_visits(r->visits, TUNE_STATES_CHANGES / 2, miss / 2) / least_visits(r->visits, 0, miss / 2);
    double share = odds / (1 + odds), apart = r->mean - u->mean;
    double noise = tune_t_quantile(0.5 + level / 2, n - 1) * s->sd / sqrt(n);
    double less = hypot((share - under / (1 + under)) * apart, noise);
    double more = hypot((over / (1 + over) - share) * apart, noise);
    double mean = tune_mean(x, (size_t)n);
    *low = mean - (apart > 0 ? less : more);
    *high = mean + (apart > 0 ? more : less);
}

/* Solves a[count][count] y = b in place by elimination with pivots; y is left in b. False where it is singular. */
static bool solve(double a[TUNE_STATES_MOST][TUNE_STATES_MOST], double b[TUNE_STATES_MOST], int count) {
    for (int k = 0; k < count; k++) {
        int pivot = k;
        for (int i = k + 1; i < count; i++) pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
        if (!(fabs(a[pivot][k]) > 1e-12)) return false;
        for (int j = 0; j < count; j++) {
            const double swap = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = swap;
        }
        const double swap = b[k];
        b[k] = b[pivot];
        b[pivot] = swap;
        for (int i = 0; i < count; i++) {
            const double factor = i == k ? 0 : a[i][k] / a[k][k];
            for (int j = 0; j < count; j++) a[i][j] -= factor * a[k][j];
            b[i] -= factor * b[k];
        }
    }
    for (int k = 0; k < count; k++) b[k] /= a[k][k];
    return true;
}

/* The variance of one value's share in the mean over a long time, of a Markov chain with the transitions that were
 * seen: 2 sum(share f y) - sum(share f f), where f are the states' means less the mean of all and y solves
 * (I - P + the shares in each row) y = f. */
static double chain_variance(const tune_states *s, int n) {
    double seen[TUNE_STATES_MOST][TUNE_STATES_MOST] = {0}, a[TUNE_STATES_MOST][TUNE_STATES_MOST];
    double f[TUNE_STATES_MOST], y[TUNE_STATES_MOST], share[TUNE_STATES_MOST], mean = 0, variance = 0;
    for (int i = 1; i < n; i++) seen[s->of[i - 1]][s->of[i]]++;
    for (int k = 0; k < s->count; k++) {
        share[k] = (double)s->at[k].processes / n;
        mean += share[k] * s->at[k].mean;
    }
    for (int k = 0; k < s->count; k++) {
        double from = 0;
        for (int j = 0; j < s->count; j++) from += seen[k][j];
        for (int j = 0; j < s->count; j++) a[k][j] = (k == j) - seen[k][j] / fmax(1, from) + share[j];
        f[k] = y[k] = s->at[k].mean - mean;
    }
    if (!solve(a, y, s->count)) return INFINITY;
    for (int k = 0; k < s->count; k++) variance += share[k] * f[k] * (2 * y[k] - f[k]);
    return fmax(0, variance);
}

/* Any number of states. A rare state makes the variance uncertain, so its visits are the degrees of freedom. */
static double chain_half(int n, const tune_states *s, double level) {
    int fewest = s->at[0].visits;
    for (int i = 1; i < s->count; i++) fewest = s->at[i].visits < fewest ? s->at[i].visits : fewest;
    const double p = 1 - (1 - level) / (1 + 4 * haste(s)) / 2;
    return tune_t_quantile(p, 2 * fewest) * sqrt((chain_variance(s, n) + s->sd * s->sd) / n);
}

void tune_states_interval(const double *x, int n, const tune_states *s, double level, double *low, double *high) {
    if (s->count == 2) {
        interval_of_two(x, n, s, level, low, high);
        return;
    }
    double mean = tune_mean(x, (size_t)n), half = chain_half(n, s, level);
    *low = mean - half;
    *high = mean + half;
}
