/* What several machines of one kind say about one ratio: the last comparison's processes ran on them in turn, and
 * the machine (node) is a block with an effect of its own, as if drawn from all machines of the kind.
 *
 * The estimate is the mean of the nodes' means. Half the interval's width is Student's for these means, which holds
 * however much the nodes differ, or that of independent processes where that is larger. With two nodes it is wide,
 * because two say little about a third.
 *
 * A node that disagrees with the others is set aside. The test knows what is expected of machines of one kind, that
 * they differ by half a percent and by the scatter of their processes, because the scatter of few nodes is known
 * badly (a moderated t-test, after G. K. Smyth, "Linear models and empirical Bayes methods for assessing
 * differential expression in microarray experiments", 2004). Where machines scatter more than expected, it sets
 * nodes aside that are like the others. So a second test, which expects nothing, has to agree: the node has to lie
 * so far from the others as nodes of whatever scatter seldom do (F. E. Grubbs, "Sample criteria for testing
 * outlying observations", 1950, in the form with Student's distribution, for the node that lies furthest). A node
 * of which it is not sure stays aside, and the interval is the smallest that holds both that with it and that
 * without it.
 *
 * So the interval holds the mean of the kind as often as it says, however much machines scatter: it is that of all
 * nodes or holds it, unless the second test is wrong, and of the chance of missing a tenth is kept for that.
 * docs/cluster.md has simulations. */
#ifndef TUNE_MEASURE_NODES_H
#define TUNE_MEASURE_NODES_H

#include <stdbool.h>

#include "tuner/measure/final.h"

enum { TUNE_NODES_MOST = 16 };

typedef struct tune_node_ratio {
    int processes;
    double mean; /* of the log ratios of its processes */
    double ss;   /* sum of their squared distances from it */
    bool aside;  /* it disagrees with the others, and its processes do not count */
    bool unsure; /* it is set aside, and the others are too few to be sure of it: the interval also holds with it */
} tune_node_ratio;

typedef struct tune_nodes {
    int count, left; /* number of nodes, and of those that are not set aside */
    int unsure;      /* of those that are set aside: with how many of them the interval also holds */
    tune_node_ratio at[TUNE_NODES_MOST];
    bool disagree; /* those that are left differ by more than the scatter of their processes, and by half a percent
                    */
    /* The interval for the mean over these very nodes, for logarithms; of another node it says nothing. */
    double these_low, these_high;
    double rest_low, rest_high; /* the interval without those that are set aside, for logarithms */
} tune_nodes;

/* Judges a comparison again whose process i (in f->process) ran on node of[i], in 0 … count - 1; each node ran at
 * least one, and 1 ≤ count ≤ TUNE_NODES_MOST. Where more than two nodes took part those that disagree are set
 * aside, one after the other, and *f becomes the result of the rest. With one node left *f is as tune_final_judge
 * makes it. */
void tune_nodes_judge(tune_final *f, const int *of, int count, tune_nodes *out);

#endif
