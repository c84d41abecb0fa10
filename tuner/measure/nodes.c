#include "tuner/measure/nodes.h"

#include <math.h>
#include <string.h>

#include "tuner/measure/stats.h"

#define DOUBT 0.01             /* how often a node that is like the others would be set aside, over all nodes */
#define LEAST_DIFFERENCE 0.005 /* smaller differences between nodes do not matter, however sure they are */
#define EXPECTED 4             /* so many nodes' worth of scatter is what is expected of machines of one kind */
#define SHARE 0.1              /* of the chance that the interval misses: that of leaving a node out by chance */

static void count_processes(const tune_final *f, const int *of, int count, tune_nodes *out) {
    *out = (tune_nodes){.count = count, .left = count};
    for (int i = 0; i < f->processes; i++) {
        tune_node_ratio *n = &out->at[of[i]];
        const double d = f->process[i] - n->mean;
        n->mean += d / ++n->processes;
        n->ss += d * (f->process[i] - n->mean);
    }
}

/* The variance of processes within the nodes that count, and its degrees of freedom (0: it is not known). */
static double within(const tune_nodes *s, int *df) {
    double ss = 0;
    *df = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->at[i].aside) continue;
        ss += s->at[i].ss;
        *df += s->at[i].processes - 1;
    }
    return *df > 0 ? ss / *df : 0;
}

/* Mean of 1 / processes over the nodes that count. */
static double mean_share(const tune_nodes *s) {
    double sum = 0;
    for (int i = 0; i < s->count; i++) sum += s->at[i].aside ? 0 : 1.0 / s->at[i].processes;
    return sum / s->left;
}

/* Mean and sum of squares of the nodes' means, without node `except` (-1: with all). Returns how many there are. */
static int over_nodes(const tune_nodes *s, int except, double *mean, double *ss) {
    int n = 0;
    *mean = *ss = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->at[i].aside || i == except) continue;
        const double d = s->at[i].mean - *mean;
        *mean += d / ++n;
        *ss += d * (s->at[i].mean - *mean);
    }
    return n;
}

/* Whether a node lies too far from the others by their own scatter alone, whatever that is (Grubbs' test). `doubt`:
 * how often one of nodes that are alike would. */
static bool outlies(const tune_nodes *s, int i, double doubt) {
    double mean, ss;
    const int others = over_nodes(s, i, &mean, &ss);
    if (others < 2) return false;
    const double error = sqrt(ss / (others - 1) * (1 + 1.0 / others));
    return fabs(s->at[i].mean - mean) > error * tune_t_quantile(1 - doubt / (2 * s->left), others - 1);
}

/* The node that lies furthest from the others, in units of what is likely, if that is too far; -1: there is none.
 */
static int odd_one(const tune_nodes *s) {
    int df_within, odd = -1;
    const double var = within(s, &df_within);
    const int expected = df_within > 0 ? EXPECTED : 0;
    const double usual = LEAST_DIFFERENCE * LEAST_DIFFERENCE + var * mean_share(s);
    double furthest = 0;
    for (int i = 0; i < s->count; i++) {
        double mean, ss;
        if (s->at[i].aside) continue;
        const int others = over_nodes(s, i, &mean, &ss), df = expected + others - 1;
        const double apart = fabs(s->at[i].mean - mean);
        if (df < 1 || apart < LEAST_DIFFERENCE) continue;
        const double error = sqrt((expected * usual + ss) / df * (1 + 1.0 / others));
        const double far = apart / (error * tune_t_quantile(1 - DOUBT / (2 * s->left), df));
        if (far > 1 && far > furthest) {
            furthest = far;
            odd = i;
        }
    }
    return odd;
}

/* Whether a node differs from the mean of the others by more than the scatter of processes makes likely. */
static bool differ(const tune_nodes *s) {
    int df;
    const double sd = sqrt(within(s, &df));
    for (int i = 0; df > 0 && i < s->count; i++) {
        double mean, ss, share = 0;
        if (s->at[i].aside) continue;
        const int others = over_nodes(s, i, &mean, &ss);
        for (int k = 0; k < s->count; k++) share += s->at[k].aside || k == i ? 0 : 1.0 / s->at[k].processes;
        const double apart = fabs(s->at[i].mean - mean);
        const double error = sd * sqrt(1.0 / s->at[i].processes + share / others / others);
        if (apart > LEAST_DIFFERENCE && apart > error * tune_t_quantile(1 - DOUBT / (2 * s->left), df)) return true;
    }
    return false;
}

/* Takes the processes of the nodes that are set aside out of the result, and out of `of`. */
static void leave_out(tune_final *f, int *of, const tune_nodes *s) {
    int n = 0;
    for (int i = 0; i < f->processes; i++) {
        if (s->at[of[i]].aside) {
            f->processes_aside++;
            f->blocks_aside += f->blocks_of[i];
            f->blocks -= f->blocks_of[i];
            f->kept -= f->kept_of[i];
            continue;
        }
        for (int q = 0; q < TUNE_QUANTITIES; q++) f->condition[q][n] = f->condition[q][i];
        f->at[n] = f->at[i];
        f->blocks_of[n] = f->blocks_of[i];
        f->kept_of[n] = f->kept_of[i];
        of[n] = of[i];
        f->process[n++] = f->process[i];
    }
    f->processes = n;
}

/* Mean over the nodes that count, and half its interval; *f has the processes of these nodes. Of the chance that
 * the interval misses, the share that leaving nodes out may have is not used. */
static double interval(const tune_final *f, const tune_nodes *s, double *mean) {
    const double miss = (1 - f->level) * (s->count > 2 ? 1 - SHARE : 1), n = f->processes;
    double ss;
    const int nodes = over_nodes(s, -1, mean, &ss);
    return fmax(tune_t_quantile(1 - miss / 2, nodes - 1) * sqrt(ss / (nodes - 1) / nodes),
                tune_t_quantile(0.5 + f->level / 2, n - 1) * tune_sd(f->process, (size_t)n) / sqrt(n));
}

/* low, high: the interval with the nodes that are unsure. */
static void judge_several(tune_final *f, tune_nodes *s, double low, double high) {
    static const unsigned char one[TUNE_PROCESSES_MOST];
    double mean;
    int df;
    const double half = interval(f, s, &mean), these = sqrt(within(s, &df) * mean_share(s) / s->left);
    const double half_these = df > 0 ? tune_t_quantile(0.5 + f->level / 2, df) * these : INFINITY;
    s->these_low = mean - half_these;
    s->these_high = mean + half_these;
    s->rest_low = mean - half;
    s->rest_high = mean + half;
    f->machines = s->left;
    f->unsure = s->unsure;
    f->scope = TUNE_SCOPE_MACHINES;
    tune_states_given(f->process, one, f->processes, 1, &f->states);
    f->states.wanders = false;
    f->label = TUNE_QUANTITIES;
    f->log_ratio = mean;
    f->log_low = fmin(s->rest_low, low);
    f->log_high = fmax(s->rest_high, high);
    f->speedup = expm1(mean);
    f->low = expm1(f->log_low);
    f->high = expm1(f->log_high);
    f->verdict = tune_final_decide(f);
}

/* Sets nodes aside that disagree with the others, which are more than half. Where those that are left disagree
 * among themselves there is no group with which a node could disagree, and all count. */
static void set_aside(tune_nodes *s, double level) {
    for (int odd; s->left > 2 && 2 * (s->left - 1) > s->count && (odd = odd_one(s)) >= 0; s->left--) {
        s->at[odd].unsure = s->unsure || !outlies(s, odd, SHARE * (1 - level));
        s->unsure += s->at[odd].unsure;
        s->at[odd].aside = true;
    }
    s->disagree = differ(s);
    if (!s->disagree || s->left == s->count) return;
    for (int i = 0; i < s->count; i++) s->at[i].aside = s->at[i].unsure = false;
    s->unsure = 0;
    s->left = s->count;
}

/* The interval with the nodes that are unsure, whose processes then no longer count. */
static void judge_with_unsure(tune_final *f, int *of, tune_nodes *s, double *low, double *high) {
    double mean;
    for (int i = 0; i < s->count; i++) s->at[i].aside = s->at[i].aside && !s->at[i].unsure;
    leave_out(f, of, s);
    const double half = interval(f, s, &mean);
    *low = mean - half;
    *high = mean + half;
    for (int i = 0; i < s->count; i++) s->at[i].aside = s->at[i].aside || s->at[i].unsure;
}

void tune_nodes_judge(tune_final *f, const int *of, int count, tune_nodes *out) {
    double low = INFINITY, high = -INFINITY;
    int on[TUNE_PROCESSES_MOST];
    memcpy(on, of, (size_t)f->processes * sizeof *of);
    count_processes(f, of, count, out);
    if (count > 1) set_aside(out, f->level);
    if (out->unsure) judge_with_unsure(f, on, out, &low, &high);
    if (out->left < count) leave_out(f, on, out);
    if (out->left > 1) {
        judge_several(f, out, low, high);
        return;
    }
    f->machines = 1;
    out->these_low = out->rest_low = f->log_low;
    out->these_high = out->rest_high = f->log_high;
}
