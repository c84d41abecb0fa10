/* Elementary functions on vectors, within about one unit in the last place of float32 over their whole range. */

/* e^x: argument reduction by ln 2 in two parts, then a polynomial on |r| <= ln(2)/2 (Cephes, Moshier). Overflows to
 * infinity, underflows through the subnormals to 0, NaN stays NaN. */
static inline vf v_exp(vf x) {
    x = v_max(v_set(-105.0f), v_min(v_set(89.0f), x));
    vf n = v_round(v_mul(x, v_set(0x1.715476p+0f)));
    vf r = v_fma(n, v_set(-0x1.62e400p-1f), x);
    r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);
    vf p = v_set(1.9875691500e-4f);
    p = v_fma(p, r, v_set(1.3981999507e-3f));
    p = v_fma(p, r, v_set(8.3334519073e-3f));
    p = v_fma(p, r, v_set(4.1665795894e-2f));
    p = v_fma(p, r, v_set(1.6666665459e-1f));
    p = v_fma(p, r, v_set(5.0000001201e-1f));
    p = v_fma(p, v_mul(r, r), r);
    return v_ldexp(v_add(p, v_set(1.0f)), n);
}

/* tanh: an odd polynomial near 0, where 1 - 2/(e^2x + 1) would cancel (Cephes, Moshier). */
static inline vf v_tanh(vf x) {
    vf size = v_abs(x), z = v_mul(x, x);
    vf p = v_set(-5.70498872745e-3f);
    p = v_fma(p, z, v_set(2.06390887954e-2f));
    p = v_fma(p, z, v_set(-5.37397155531e-2f));
    p = v_fma(p, z, v_set(1.33314422036e-1f));
    p = v_fma(p, z, v_set(-3.33332819422e-1f));
    vf small = v_fma(v_mul(p, z), x, x);
    vf e = v_exp(v_add(size, size));
    vf large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(e, v_set(1.0f))));
    return v_select_less(size, v_set(0.625f), small, v_copysign(large, x));
}

static inline vf v_sigmoid(vf x) {
    return v_div(v_set(1.0f), v_add(v_set(1.0f), v_exp(v_sub(v_set(0.0f), x))));
}

/* log sigmoid(x) = min(x, 0) - log(1 + u), u = e^-|x| in (0, 1]; log(1 + u) = 2 atanh(s) with s = u / (2 + u)
 * at most 1/3, whose series converges by 1/9 a term. */
static inline vf v_log_sigmoid(vf x) {
    vf u = v_exp(v_sub(v_set(0.0f), v_abs(x)));
    vf s = v_div(u, v_add(u, v_set(2.0f))), z = v_mul(s, s);
    vf p = v_set(1.0f / 15);
    p = v_fma(p, z, v_set(1.0f / 13));
    p = v_fma(p, z, v_set(1.0f / 11));
    p = v_fma(p, z, v_set(1.0f / 9));
    p = v_fma(p, z, v_set(1.0f / 7));
    p = v_fma(p, z, v_set(1.0f / 5));
    p = v_fma(p, z, v_set(1.0f / 3));
    vf atanh = v_fma(v_mul(p, z), s, s);
    return v_sub(v_min(x, v_set(0.0f)), v_add(atanh, atanh));
}
