// Functions whose built-in forms may be far less exact than float32 allows (Vulkan, "Precision of SPIR-V Instructions").
// The polynomials are those of the Cephes library's single-precision functions (Moshier, 1984-1992, freely usable).

float exp_exact(float x) {
    if (is_nan(x)) return x;
    if (x > 88.72283) return uintBitsToFloat(0x7f800000u);
    if (x < -103.0) return 0.0;
    float k = floor(x * 1.44269504088896341 + 0.5);
    precise float r = x - k * 0.693359375; // exact: the constant has few bits
    r = r + k * 2.12194440e-4;
    float p = ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r +
               1.6666665459e-1) * r + 5.0000001201e-1;
    precise float y = p * r * r + r + 1.0;
    // In two steps, so that results below 2^-126 and the largest ones come out too.
    int half_k = int(k) / 2;
    return y * uintBitsToFloat(uint(half_k + 127) << 23) * uintBitsToFloat(uint(int(k) - half_k + 127) << 23);
}

// log(1 + u), 0 <= u <= 1, by the series of the inverse hyperbolic tangent
float log1p_exact(float u) {
    float s = u / (2.0 + u), z = s * s;
    float sum = 1.0 / 17.0;
    sum = sum * z + 1.0 / 15.0;
    sum = sum * z + 1.0 / 13.0;
    sum = sum * z + 1.0 / 11.0;
    sum = sum * z + 1.0 / 9.0;
    sum = sum * z + 1.0 / 7.0;
    sum = sum * z + 1.0 / 5.0;
    sum = sum * z + 1.0 / 3.0;
    return 2.0 * (s + s * z * sum);
}

float sigmoid(float x) {
    float e = exp_exact(-abs(x));
    return is_nan(x) ? x : x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

float tanh_exact(float x) {
    float a = abs(x);
    if (is_nan(x)) return x;
    if (a >= 0.625) {
        float y = a > 10.0 ? 1.0 : 1.0 - 2.0 / (exp_exact(2.0 * a) + 1.0);
        return x < 0.0 ? -y : y;
    }
    float z = x * x;
    return ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z -
            3.33332819422e-1) * z * x + x;
}

// cap tanh(x / cap); cap 0: x
float soft_cap(float x, float cap) { return cap > 0.0 ? cap * tanh_exact(x / cap) : x; }

// Two values as bfloat16, rounded to the nearest even one; the first in the lower half.
uint bf16_bits(float x) {
    uint bits = floatBitsToUint(x);
    return is_nan(x) ? 0x7fc0u : bits + 0x7fffu + (bits >> 16 & 1u) >> 16;
}
uint bf16_pair(float a, float b) { return bf16_bits(a) | bf16_bits(b) << 16; }

// ---- sums in two floats, where float32 alone would lose what the cell needs ----

struct Pair {
    float hi, lo;
};

Pair add_floats(float a, float b) {
    precise float s = a + b;
    precise float t = s - a;
    precise float low = (a - (s - t)) + (b - t);
    return Pair(s, low);
}

Pair add_pairs(Pair a, Pair b) {
    Pair s = add_floats(a.hi, b.hi);
    precise float low = s.lo + (a.lo + b.lo);
    return add_floats(s.hi, low);
}

Pair less(Pair a, Pair b) { return add_pairs(a, Pair(-b.hi, -b.lo)); }
bool is_less(Pair a, Pair b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); }
Pair largest(Pair a, Pair b) { return is_less(a, b) ? b : a; }

// log sigmoid(f). A decay beyond e^-1e5 forgets everything, and differences of running sums stay exact enough.
Pair log_sigmoid(float f) {
    if (is_nan(f)) return Pair(f, 0.0);
    float part = f < 0.0 ? max(f, -1e5) : 0.0;
    return add_floats(part, -log1p_exact(exp_exact(-abs(f))));
}

// -inf becomes a number so far down that its exponential is zero.
float input_gate(float i) { return i < -1e30 ? -1e30 : i; }
