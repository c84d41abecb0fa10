/* Monotonic time. */
#ifndef XL_BASE_CLOCK_H
#define XL_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start; never runs backwards. */
uint64_t xl_now_ns(void);
/* The same in seconds. */
double xl_now_s(void);
/* Seconds since 1970, wall clock. */
double xl_wall_s(void);

#endif
