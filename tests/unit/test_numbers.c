/* 16-bit formats, SHA-256, numbers written for people, and figures of the system's memory. */
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/half.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "base/system.h"
#include "helper.h"

/* Returns the value of a float16 from its fields, by the definition in the standard. */
static double value_of_f16(unsigned x) {
    int exponent = (int)(x >> 10 & 31), fraction = (int)(x & 1023);
    double sign = x & 0x8000 ? -1 : 1;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    if (!exponent) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

static void every_f16_value(void **state) {
    for (unsigned x = 0; x < 65536; x++) {
        float f = xl_f16_to_f32((uint16_t)x);
        double wanted = value_of_f16(x);
        if (isnan(wanted)) {
            assert_true(isnan(f));
            assert_true(isnan(xl_f16_to_f32(xl_f32_to_f16(f))));
        } else {
            assert_true((double)f == wanted && !signbit(f) == !signbit(wanted));
            assert_int_equal(xl_f32_to_f16(f), x);
        }
    }
}

/* The nearest value, found by search among the neighbours; ties go to the even fraction. */
static void f16_rounds_to_nearest_even(void **state) {
    for (unsigned x = 0; x < 0x7c00; x++) {
        double low = value_of_f16(x), high = x == 0x7bff ? 65536.0 : value_of_f16(x + 1), middle = (low + high) / 2;
        unsigned even = x & 1 ? x + 1 : x;
        assert_int_equal(xl_f32_to_f16((float)middle), even);
        assert_int_equal(xl_f32_to_f16(nextafterf((float)middle, 0.0f)), x);
        assert_int_equal(xl_f32_to_f16(nextafterf((float)middle, 1e9f)), x + 1);
        assert_int_equal(xl_f32_to_f16(-(float)middle), even | 0x8000);
    }
    assert_int_equal(xl_f32_to_f16(1e30f), 0x7c00);
    assert_int_equal(xl_f32_to_f16(1e-30f), 0);
    assert_int_equal(xl_f32_to_f16(-0.0f), 0x8000);
}

static void bf16_rounds_to_nearest_even(void **state) {
    for (unsigned x = 0; x < 0x7f80; x++) {
        assert_int_equal(xl_f32_to_bf16(xl_bf16_to_f32((uint16_t)x)), x);
        uint32_t middle = x << 16 | 0x8000;
        assert_int_equal(xl_f32_to_bf16(xl_float_from_bits(middle)), x & 1 ? x + 1 : x);
        assert_int_equal(xl_f32_to_bf16(xl_float_from_bits(middle - 1)), x);
        assert_int_equal(xl_f32_to_bf16(xl_float_from_bits(middle + 1)), x + 1);
    }
    assert_true(isnan(xl_bf16_to_f32(xl_f32_to_bf16(xl_float_from_bits(0x7fffffff)))));
    assert_true(isnan(xl_bf16_to_f32(xl_f32_to_bf16(xl_float_from_bits(0xff800001)))));
    assert_int_equal(xl_f32_to_bf16(-INFINITY), 0xff80);
}

static void sha256_vectors(void **state) {
    static const struct {
        const char *text, *digest;
        int repeat;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1},
        {"aaaaaaaaaa", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 100000},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        xl_sha256 hash;
        char text[65];
        xl_sha256_init(&hash);
        for (int r = 0; r < vectors[i].repeat; r++)
            xl_sha256_update(&hash, vectors[i].text, strlen(vectors[i].text));
        xl_sha256_hex(&hash, text);
        assert_string_equal(text, vectors[i].digest);
    }
}

static void sha256_pieces(void **state) {
    unsigned char data[1000];
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)xl_rng_next(&rng);
    for (size_t n = 0; n < sizeof data; n += 37) {
        char whole[65], pieces[65];
        xl_sha256 hash;
        xl_sha256_init(&hash);
        xl_sha256_update(&hash, data, n);
        xl_sha256_hex(&hash, whole);
        xl_sha256_init(&hash);
        for (size_t at = 0; at < n;) {
            size_t take = 1 + xl_rng_below(&rng, 90);
            if (take > n - at) take = n - at;
            xl_sha256_update(&hash, data + at, take);
            at += take;
        }
        xl_sha256_hex(&hash, pieces);
        assert_string_equal(whole, pieces);
    }
}

static void memory_figures_are_plausible(void **state) {
    uint64_t total = xl_memory_total(), available = xl_memory_available(), resident = xl_memory_resident();
    if (!total) TEST_SKIP("the system does not tell how much memory it has");
    assert_in_range(available, 1, total);
    assert_in_range(resident, 1, total);
}

static void huge_pages_can_be_switched_off(void **state) {
#if defined(__linux__) && defined(PR_SET_THP_DISABLE)
    char line[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (file) {
        assert_non_null(fgets(line, sizeof line, file));
        fclose(file);
    }
    assert_int_equal(xl_huge_pages_offered(), *line && !strstr(line, "[never]"));
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)) TEST_SKIP("a process cannot switch huge pages off here");
    assert_false(xl_huge_pages_offered());
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
#else
    assert_false(xl_huge_pages_offered());
#endif
}

static void numbers_for_people_are_written_out(void **state) {
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {{0.0123456, 3, "0.0123"}, {1.5, 3, "1.5"},   {99.4, 2, "99"},    {99.5, 2, "100"},
                 {134.9, 2, "135"},        {999.4, 3, "999"}, {999.6, 3, "1000"}, {12345.6, 3, "12346"},
                 {-1234, 3, "-1234"},      {0, 3, "0"},       {5e-5, 3, "5e-05"}, {1e15, 3, "1e+15"},
                 {INFINITY, 3, "inf"}};
    char text[XL_NUMBER_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(xl_number_rounded(text, cases[i].value, cases[i].digits), cases[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_for_people_are_written_out),
        cmocka_unit_test(every_f16_value),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(sha256_pieces),
        cmocka_unit_test(memory_figures_are_plausible),
        cmocka_unit_test(huge_pages_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
