#include "weights/fit.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void xl_fit_take(xl_fit_values *v, const float *src, const float *importance, size_t count) {
    v->count = (int)count;
    memcpy(v->x, src, count * sizeof *src);
    for (size_t i = 0; i < count; i++) v->weight[i] = importance ? importance[i] : 1;
}

/* Sums over a block's values x, their whole numbers q and weights w. */
typedef struct sums {
    float q, xq, qq;
} sums;

static sums add_up(const xl_fit_values *v, float inverse, float shift, float low, float high) {
    enum { LANES = 8 };
    float q1[LANES] = {0}, xq[LANES] = {0}, qq[LANES] = {0};
    for (int first = 0; first < v->count; first += LANES) {
        int n = v->count - first < LANES ? v->count - first : LANES;
        for (int l = 0; l < n; l++) {
            float x = v->x[first + l], q = xl_fit_round(x * inverse + shift, low, high);
            float wq = v->weight[first + l] * q;
            q1[l] += wq;
            xq[l] += wq * x;
            qq[l] += wq * q;
        }
    }
    sums s = {0, 0, 0};
    for (int l = 0; l < LANES; l++) {
        s.q += q1[l];
        s.xq += xq[l];
        s.qq += qq[l];
    }
    return s;
}

float xl_fit_scale(const xl_fit_values *v, int half) {
    float most = 0;
    for (int i = 0; i < v->count; i++) most = fabsf(v->x[i]) > fabsf(most) ? v->x[i] : most;
    if (most == 0) return 0;
    float best = most / (float)-half, gain = -1;
    for (int t = -XL_FIT_SIDE; t <= XL_FIT_SIDE; t++) {
        float inverse = ((float)-half + XL_FIT_STEP * (float)t) / most;
        sums s = add_up(v, inverse, 0, (float)-half, (float)(half - 1));
        /* With the best scale, s.xq / s.qq, the error is the sum of w x² less this. */
        if (s.qq > 0 && s.xq * s.xq > gain * s.qq) {
            gain = s.xq * s.xq / s.qq;
            best = s.xq / s.qq;
        }
    }
    return best;
}

void xl_fit_scale_and_offset(const xl_fit_values *v, int most, float *scale, float *offset) {
    float low = 0, high = 0, sw = 0, sx = 0;
    for (int i = 0; i < v->count; i++) {
        low = v->x[i] < low ? v->x[i] : low;
        high = v->x[i] > high ? v->x[i] : high;
        sw += v->weight[i];
        sx += v->weight[i] * v->x[i];
    }
    *scale = (high - low) / (float)most;
    *offset = -low;
    float gain = -1;
    for (int t = -XL_FIT_SIDE; t <= XL_FIT_SIDE && high > low; t++) {
        float inverse = ((float)most + XL_FIT_STEP * (float)t) / (high - low);
        sums s = add_up(v, inverse, -low * inverse, 0, (float)most);
        float determinant = sw * s.qq - s.q * s.q, a = 0, b = 0;
        if (determinant > 0) {
            a = (sw * s.xq - s.q * sx) / determinant;
            b = (s.q * s.xq - s.qq * sx) / determinant; /* x is near a q - b */
        }
        if (!(determinant > 0) || b < 0) {
            if (!(s.qq > 0)) continue;
            a = s.xq / s.qq;
            b = 0;
        }
        /* The sum of w x² less the error, for this scale and offset. */
        float better = 2 * a * s.xq - 2 * b * sx - a * a * s.qq + 2 * a * b * s.q - b * b * sw;
        if (a > 0 && better > gain) {
            gain = better;
            *scale = a;
            *offset = b;
        }
    }
}
