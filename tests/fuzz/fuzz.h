/* The interface of a fuzz target: one function that may reject its input, but must not crash, leak or have
 * undefined behaviour. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
