#include "base/affinity.h"

#include <stddef.h>

#ifdef __linux__

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef XL_HAVE_HWLOC
#include <hwloc.h>
#endif

struct xl_affinity {
    cpu_set_t all;
    int count;
    int compact[CPU_SETSIZE]; /* allowed CPUs, neighbours first */
    int spread[CPU_SETSIZE];  /* allowed CPUs, the farthest first */
};

/* Takes halves, quarters and so on: each CPU is as far as possible from those before it, and the hardware threads
 * of a core come last, because neighbours in the compact order are neighbours in the machine. */
static void spread_out(xl_affinity *a) {
    int used = 0, width = 1;
    while (width < a->count) width *= 2;
    for (int i = 0; i < width; i++) {
        int mirrored = 0;
        for (int bit = 1, value = i; bit < width; bit *= 2, value /= 2) mirrored = mirrored * 2 + value % 2;
        if (mirrored < a->count) a->spread[used++] = a->compact[mirrored];
    }
}

/* Lists the allowed CPUs in the order of the machine's tree; false where hwloc sees other CPUs than the kernel
 * allows. */
static bool order_by_topology(xl_affinity *a) {
#ifdef XL_HAVE_HWLOC
    hwloc_topology_t topology;
    /* Without it, as in a container that has no /sys, hwloc would complain on standard error. */
    if (access("/sys/devices/system/cpu", R_OK) || hwloc_topology_init(&topology)) return false;
    int seen = 0;
    if (!hwloc_topology_load(topology)) {
        int units = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
        for (int i = 0; i < units; i++) {
            const struct hwloc_obj *unit = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
            if (unit && unit->os_index < CPU_SETSIZE && CPU_ISSET(unit->os_index, &a->all))
                a->compact[seen++] = (int)unit->os_index;
        }
    }
    hwloc_topology_destroy(topology);
    return seen == a->count;
#else
    return false;
#endif
}

static void order_by_number(xl_affinity *a) {
    for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &a->all)) a->compact[seen++] = cpu;
    }
}

xl_affinity *xl_affinity_create(void) {
    xl_affinity *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    if (sched_getaffinity(0, sizeof a->all, &a->all)) {
        free(a);
        return NULL;
    }
    a->count = CPU_COUNT(&a->all);
    if (!order_by_topology(a)) order_by_number(a);
    spread_out(a);
    return a;
}

void xl_affinity_destroy(xl_affinity *affinity) {
    free(affinity);
}

void xl_affinity_pin(const xl_affinity *affinity, pthread_t thread, int pinning, int index) {
    cpu_set_t one;
    const cpu_set_t *set = &affinity->all;
    if (pinning != XL_PIN_NONE && affinity->count > 0) {
        const int *order = pinning == XL_PIN_COMPACT ? affinity->compact : affinity->spread;
        CPU_ZERO(&one);
        CPU_SET(order[index % affinity->count], &one);
        set = &one;
    }
    pthread_setaffinity_np(thread, sizeof *set, set);
}

#else

xl_affinity *xl_affinity_create(void) {
    return NULL;
}

void xl_affinity_destroy(xl_affinity *affinity) {}

void xl_affinity_pin(const xl_affinity *affinity, pthread_t thread, int pinning, int index) {}

#endif
