/* What the oracle's files share, and the scalar part of the cell that every instruction set uses. */
#ifndef XL_KERNELS_REF_H
#define XL_KERNELS_REF_H

#include "kernels/kernels.h"

/* log sigmoid(f) in float64. Finite also for f = -inf: a decay this strong forgets everything, and differences of
 * running sums stay exact enough. */
double xl_log_sigmoid(double f);

/* The input gate as the cell uses it: -inf becomes a number so far down that its exponential is zero. */
double xl_input_gate(double i);

/* One token's gates: *m becomes m' = max(logf + m, i), rounded to float32; *forget = e^(logf + m - m') and
 * *input = e^(i - m') belong to that rounded m'. */
void xl_mlstm_gates(float *m, float igate, float fgate, float *forget, float *input);

/* Gates of a whole chunk, in float64. For t < length: b[t] = sum of logf up to t, a[t] = i_t - b[t], and m[t] the
 * running stabilizer max(b_t + m_prev, max_s<=t (b_t + a_s)) rounded to float32. */
void xl_mlstm_chunk_gates(const xl_mlstm_chunk *chunk, double *a, double *b, float *m);

extern const xl_gemm xl_ref_gemm[XL_COMPUTE_COUNT];

/* Rounds x [n] to blocks, the last one filled up with zeros. */
void xl_int8_quantize(const float *x, int64_t n, xl_int8_block *to);
/* Columns first … first + depth - 1 of a row of w, which begin a block of its format: as they are where the format
 * holds integers in blocks of this size, else rounded; `values` has room for `depth` floats. */
void xl_int8_weights(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t first, int64_t depth,
                     float *values, xl_int8_block *to);

void xl_ref_prepare_int8(const float *x, int64_t cols, xl_int8_block *out);
void xl_ref_multiply_int8(const xl_product *p);

void xl_ref_mlstm_step(const xl_mlstm_step *step);
void xl_ref_mlstm_chunk(const xl_mlstm_chunk *chunk);

#endif
