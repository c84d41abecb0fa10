/* Plain C oracle: the mLSTM cell, one token and one chunk at a time (Beck et al., "xLSTM 7B", 2025). */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* Columns that are summed in float64 at a time; keeps the sums on the stack for any head size. */
enum { COLUMNS = 32 };

double xl_log_sigmoid(double f) {
    double value = f >= 0 ? -log1p(exp(-f)) : f - log1p(exp(f));
    return value < -1e5 ? -1e5 : value;
}

double xl_input_gate(double i) {
    return i < -1e30 ? -1e30 : i;
}

void xl_mlstm_gates(float *m, float igate, float fgate, float *forget, float *input) {
    double kept = xl_log_sigmoid(fgate) + *m, i = xl_input_gate(igate);
    *m = (float)(kept > i ? kept : i);
    *forget = (float)exp(kept - *m);
    *input = (float)exp(i - *m);
}

void xl_ref_mlstm_step(const xl_mlstm_step *step) {
    const xl_format_row *format = xl_format_get((int)step->c_format);
    int64_t dqk = step->dqk, dv = step->dv;
    const float *q = step->q, *k = step->k, *v = step->v;
    float *n = step->n, forget, input;
    xl_mlstm_gates(step->m, step->igate, step->fgate, &forget, &input);
    double scale = 1 / sqrt((double)dqk), product = 0;
    for (int64_t i = 0; i < dqk; i++) {
        n[i] = forget * n[i] + input * k[i];
        product += (double)n[i] * q[i];
    }
    double denominator = fmax(fabs(product * scale), exp(-(double)*step->m)) + step->eps;
    for (int64_t first = 0; first < dv; first += COLUMNS) {
        int64_t width = dv - first < COLUMNS ? dv - first : COLUMNS;
        double sum[COLUMNS] = {0};
        for (int64_t i = 0; i < dqk; i++) {
            char *stored = (char *)step->c + (size_t)(i * step->c_stride + first) * format->block_bytes;
            float row[COLUMNS], ik = input * k[i];
            format->to_f32(stored, row, (size_t)width);
            for (int64_t j = 0; j < width; j++) {
                row[j] = forget * row[j] + ik * v[first + j];
                sum[j] += (double)q[i] * row[j];
            }
            format->from_f32(row, stored, (size_t)width);
        }
        for (int64_t j = 0; j < width; j++) step->h[first + j] = (float)(sum[j] * scale / denominator);
    }
}

void xl_mlstm_chunk_gates(const xl_mlstm_chunk *chunk, double *a, double *b, float *m) {
    double sum = 0, highest = -INFINITY, m_prev = *chunk->m;
    for (int64_t t = 0; t < chunk->length; t++) {
        sum += xl_log_sigmoid(chunk->fgate[t * chunk->f_stride]);
        b[t] = sum;
        a[t] = xl_input_gate(chunk->igate[t * chunk->i_stride]) - sum;
        if (a[t] > highest) highest = a[t];
        m[t] = (float)(sum + (m_prev > highest ? m_prev : highest));
    }
}

/* h of token t: row [t] of the weights (float64 rounded to float32) in `weights`, denominator from their sum. */
static void chunk_token(const xl_mlstm_chunk *chunk, int64_t t, const double *a, double b, float m,
                        float *weights) {
    int64_t dqk = chunk->dqk, dv = chunk->dv;
    const float *q = chunk->q + t * chunk->q_stride;
    double scale = 1 / sqrt((double)dqk), product = 0, inter = exp(b + (double)*chunk->m - m);
    for (int64_t s = 0; s <= t; s++) {
        const float *k = chunk->k + s * chunk->k_stride;
        double dot = 0;
        for (int64_t i = 0; i < dqk; i++) dot += (double)q[i] * k[i];
        weights[s] = (float)(dot * scale * exp(b + a[s] - m));
        product += weights[s];
    }
    double carried = 0;
    for (int64_t i = 0; i < dqk; i++) carried += (double)q[i] * chunk->n[i];
    product += inter * scale * carried;
    double denominator = fmax(fabs(product), exp(-(double)m)) + chunk->eps;
    for (int64_t first = 0; first < dv; first += COLUMNS) {
        int64_t width = dv - first < COLUMNS ? dv - first : COLUMNS;
        double sum[COLUMNS] = {0};
        for (int64_t i = 0; i < dqk; i++)
            for (int64_t j = 0; j < width; j++) sum[j] += (double)q[i] * chunk->c[i * chunk->c_stride + first + j];
        for (int64_t j = 0; j < width; j++) sum[j] *= inter * scale;
        for (int64_t s = 0; s <= t; s++)
            for (int64_t j = 0; j < width; j++)
                sum[j] += (double)weights[s] * chunk->v[s * chunk->v_stride + first + j];
        for (int64_t j = 0; j < width; j++)
            chunk->h[t * chunk->h_stride + first + j] = (float)(sum[j] / denominator);
    }
}

void xl_ref_mlstm_chunk(const xl_mlstm_chunk *chunk) {
    int64_t length = chunk->length, dqk = chunk->dqk, dv = chunk->dv;
    double *a = (double *)(void *)chunk->scratch, *b = a + length;
    float *m = (float *)(b + length), *weights = m + length;
    xl_mlstm_chunk_gates(chunk, a, b, m);
    for (int64_t t = 0; t < length; t++) chunk_token(chunk, t, a, b[t], m[t], weights);

    double b_end = b[length - 1], m_end = m[length - 1], decay = exp(b_end + *chunk->m - m_end);
    for (int64_t s = 0; s < length; s++) weights[s] = (float)exp(b_end + a[s] - m_end);
    for (int64_t i = 0; i < dqk; i++) {
        const float *k = chunk->k + i;
        double sum_n = decay * chunk->n[i];
        for (int64_t s = 0; s < length; s++) sum_n += (double)weights[s] * k[s * chunk->k_stride];
        chunk->n[i] = (float)sum_n;
        for (int64_t first = 0; first < dv; first += COLUMNS) {
            int64_t width = dv - first < COLUMNS ? dv - first : COLUMNS;
            float *row = chunk->c + i * chunk->c_stride + first;
            double sum[COLUMNS];
            for (int64_t j = 0; j < width; j++) sum[j] = decay * row[j];
            for (int64_t s = 0; s < length; s++) {
                double wk = (double)weights[s] * k[s * chunk->k_stride];
                for (int64_t j = 0; j < width; j++) sum[j] += wk * chunk->v[s * chunk->v_stride + first + j];
            }
            for (int64_t j = 0; j < width; j++) row[j] = (float)sum[j];
        }
    }
    *chunk->m = m[length - 1];
}
