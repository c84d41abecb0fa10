/* The limits that Linux's control groups set to this process, in both versions of their files. */
#ifndef XL_BASE_CGROUP_H
#define XL_BASE_CGROUP_H

#include <stdint.h>

typedef struct xl_group_limits {
    double cpus;     /* processors' worth of time the process may use at most; INFINITY: no limit */
    uint64_t memory; /* bytes; UINT64_MAX: no limit */
    uint64_t
        memory_left; /* under the limit that leaves least, page cache that can be given up not counted as used */
} xl_group_limits;

/* Reads the limits of the process's groups and of all groups above them. `root` stands before /proc and /sys: ""
 * for the system's own, a folder in tests. What cannot be read is no limit. */
void xl_group_limits_read(const char *root, xl_group_limits *out);

#endif
