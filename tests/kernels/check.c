/* Tests every kernel of one instruction set against the plain C oracle: random data, shapes with tails, unaligned
 * pointers, poisoned outputs with canaries around them, and inputs that end where the next page may not be read.
 *
 *   check ISA [--bench] [--seed N]        ISA: avx2, avx512, neon, c (the oracle against itself and float64)
 *
 * amx_emulated is the oracle with the products of AMX, whose instructions are emulated (emulated/immintrin.h).
 *
 * Where an instruction set changes the products alone, or those of one arithmetic, the rest is that of a smaller
 * one, under whose name it is checked. The exit status is 77 where this processor lacks the instruction set. */
#include <stdlib.h>

#include "base/cpu.h"
#include "check.h"

#define EMULATED "amx_emulated"

/* The plain C table with what AMX replaces in it. */
void xl_kernels_init_amx_emulated(xl_kernels *table);

static bool same_but_products(const xl_kernels *a, const xl_kernels *b) {
    xl_kernels c = *a;
    c.name = b->name;
    c.prepare_int8 = b->prepare_int8;
    memcpy(c.multiply_int8, b->multiply_int8, sizeof c.multiply_int8);
    memcpy(c.gemm, b->gemm, sizeof c.gemm);
    return !memcmp(&c, b, sizeof c);
}

/* Makes the table of the next smaller instruction set that this processor has too, and that differs in products
 * alone. False: there is none. */
static bool all_but_products(const char *mask, xl_kernels *smaller) {
    static char names[] = XL_CPU_MASKS;
    bool found = false;
    for (char *name = strtok(names, "|"); name && strcmp(name, mask) != 0; name = strtok(NULL, "|")) {
        xl_kernels other;
        memset(&other, 0, sizeof other);
        xl_kernels_init(&other, (unsigned)xl_cpu_flags_masked(name));
        if (!strcmp(name, "c") || strcmp(other.name, name) != 0 || !same_but_products(&isa, &other)) continue;
        *smaller = other;
        found = true;
    }
    return found;
}

int main(int argc, char **argv) {
    uint64_t seed = 1;
    const char *mask = argc > 1 ? argv[1] : "c";
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--bench")) bench = true;
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) seed = strtoull(argv[++i], NULL, 10);
    }
    const bool emulated = !strcmp(mask, EMULATED);
    int flags = emulated ? 0 : xl_cpu_flags_masked(mask);
    if (flags < 0) {
        fprintf(stderr, "check: '%s' is no instruction set\n", mask);
        return 2;
    }
    xl_kernels_init(&ref, 0);
    xl_kernels_init(&isa, (unsigned)flags);
    if (emulated) {
        xl_kernels_init_amx_emulated(&isa);
        isa.name = EMULATED;
    } else if (strcmp(isa.name, mask)) {
        printf("this processor has no %s\n", mask);
        return 77;
    }
    xl_rng_seed(&rng, seed);
    xl_kernels smaller = ref;
    const bool known = emulated || all_but_products(mask, &smaller);
    check_products(known ? &smaller : NULL);
    if (known) {
        printf("%s: all but some products is that of %s\n", isa.name, smaller.name);
    } else {
        check_formats();
        check_vectors();
        check_elements();
        check_cell();
    }
    printf("%s: %d failures\n", isa.name, failures);
    return failures > 0;
}
