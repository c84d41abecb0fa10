/* The memory of the machine and of this process, and where its program is. */
#ifndef XL_BASE_SYSTEM_H
#define XL_BASE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of physical memory, or the control group's limit where that is lower; 0 where it is not known. */
uint64_t xl_memory_total(void);
/* Bytes that can be had without swapping, page cache that can be given up included, control group's limit
 * respected; 0 where it is not known. */
uint64_t xl_memory_available(void);
/* Whether the system gives huge pages to memory of this process that asks for them (Linux: transparent huge pages,
 * always or where they are advised, and not switched off for the process). */
bool xl_huge_pages_offered(void);
/* Bytes of this process's resident set; 0 where it is not known. */
uint64_t xl_memory_resident(void);
/* Bytes of the last-level cache of a CPU; 0 where it is not known. */
uint64_t xl_cache_bytes(void);
/* Writes the path of the program that this process runs. Returns false where it is not known or does not fit. */
bool xl_program_path(char *path, size_t bytes);

#endif
