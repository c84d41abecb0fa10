/* Inputs that are several files of one folder: a line "#file NAME" begins a file, and what follows up to the next
 * such line is its content. */
#ifndef TESTS_FUZZ_BUNDLE_H
#define TESTS_FUZZ_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

/* A new folder, in memory where the system has such a place. The pointer is static; called once. */
const char *bundle_folder(void);
/* Writes the files of an input whose names are in `names` (which ends with NULL) into the folder, after removing
 * all of `names` from it. What stands before the first line "#file" is the first name's content. */
void bundle_write(const char *folder, const char *const *names, const uint8_t *data, size_t size);

#endif
