/* How many tokens of prompts may be read beside a decode, so that running streams get their next token in time. It
 * is learnt from the steps that were run, whatever the machine. */
#ifndef SERVE_SLICES_H
#define SERVE_SLICES_H

#include <stdbool.h>
#include <stdint.h>

enum { SERVE_SLICE_SIZES = 24, SERVE_PLAIN_SIZES = 9, SERVE_SAMPLES = 31 };

/* The last measurements of one thing. */
typedef struct serve_samples {
    double seconds[SERVE_SAMPLES];
    uint32_t seen;
    uint64_t last; /* number of the step of the last one */
} serve_samples;

typedef struct serve_slices {
    double bound_s; /* of a step; 0: twice what it takes without prompts at the moment */
    int64_t most;   /* tokens */
    double margin;  /* share of the bound that is planned with */
    int sizes;      /* of the table below, that are at most `most` */
    uint64_t step;
    serve_samples extra[SERVE_SLICE_SIZES]; /* that a step takes longer by so many tokens */
    bool probed; /* larger sizes than the bound would have chosen were measured: they may be worth their time */
    bool begun[SERVE_SLICE_SIZES];          /* such a step was run: the first may prepare what later ones find */
    serve_samples plain[SERVE_PLAIN_SIZES]; /* without prompts, by the power of two that its sequences reach */
} serve_slices;

/* bound_s as above; most: 1 … 65536 tokens. */
void serve_slices_init(serve_slices *s, double bound_s, int64_t most);
/* Tokens of prompts beside a sequence for the turn-th (from 0) of the steps that make a machine known before it is
 * asked for anything, every other size some times in a row; 0: those were all. */
int64_t serve_slices_probe(serve_slices *s, int turn);
/* Tokens for the next step, in which so many sequences are decoded. 0 now and then: a step without prompts is to
 * show how long that takes at the moment. Never twice in a row for the same number of sequences. */
int64_t serve_slices_choose(serve_slices *s, int64_t decodes);
/* A step with so many decodes and tokens of prompts took so long. */
void serve_slices_learn(serve_slices *s, int64_t decodes, int64_t tokens, double seconds);

#endif
