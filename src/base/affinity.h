/* Binding of threads to logical CPUs, through hwloc's view of the machine where that is built in. */
#ifndef XL_BASE_AFFINITY_H
#define XL_BASE_AFFINITY_H

#include <pthread.h>

/* Where threads may run. COMPACT: threads of consecutive numbers as near to each other as possible (hardware
 * threads of a core, then cores of a cache); SPREAD: as far from each other as possible. Without effect where the
 * system has no affinity. */
typedef enum xl_pinning { XL_PIN_NONE, XL_PIN_COMPACT, XL_PIN_SPREAD } xl_pinning;

typedef struct xl_affinity xl_affinity;

/* Reads the machine and the CPUs that the calling thread may use. NULL where the system has no affinity or memory
 * ran out. */
xl_affinity *xl_affinity_create(void);
void xl_affinity_destroy(xl_affinity *affinity);

/* Binds `thread`, number `index` of its team, to one CPU as an xl_pinning says (numbers beyond the CPUs wrap
 * around); XL_PIN_NONE gives it all CPUs back. A refusal by the system leaves the thread as it was. */
void xl_affinity_pin(const xl_affinity *affinity, pthread_t thread, int pinning, int index);

#endif
