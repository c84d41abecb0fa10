#include <math.h>

#include "base/clock.h"
#include "tuner/measure/timing.h"

void tune_clock_calibrate(tune_clock *clock) {
    /* The smallest difference between two different readings is the resolution plus the time of a call. The
     * smallest of several rounds contains no interrupt. */
    double step = INFINITY, overhead = INFINITY;
    for (int round = 0; round < 200; round++) {
        uint64_t start = xl_now_ns(), now = start;
        while (now == start) now = xl_now_ns();
        step = fmin(step, (double)(now - start));
    }
    for (int round = 0; round < 50; round++) {
        uint64_t start = xl_now_ns();
        for (int i = 0; i < 50; i++) (void)xl_now_ns();
        overhead = fmin(overhead, (double)(xl_now_ns() - start) / 51);
    }
    clock->resolution_s = 1e-9 * step;
    clock->overhead_s = 1e-9 * overhead;
    /* At least a millisecond, because in a shorter sample a single interrupt adds more than 0.1 %. */
    clock->shortest_s = fmax(1e-3, 1e3 * (clock->resolution_s + clock->overhead_s));
}

unsigned tune_clock_repeats(const tune_clock *clock, double once_s) {
    if (!(once_s > 0)) return 1;
    double repeats = ceil(clock->shortest_s / once_s);
    return repeats < 1 ? 1 : repeats > 1e6 ? 1000000 : (unsigned)repeats;
}
