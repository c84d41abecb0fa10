/* Binding of threads to logical CPUs, through hwloc's view of the machine where that is built in. */
#ifndef XL_BASE_AFFINITY_H
#define XL_BASE_AFFINITY_H

#include <pthread.h>

typedef struct xl_affinity xl_affinity;

/* Reads the machine and the CPUs that the calling thread may use. NULL where the system has no affinity or memory
 * ran out. */
xl_affinity *xl_affinity_create(void);
void xl_affinity_destroy(xl_affinity *affinity);

/* Binds `thread`, number `index` of its team, to one CPU as an xl_pinning says (numbers beyond the CPUs wrap
 * around); XL_PIN_NONE gives it all CPUs back. A refusal by the system leaves the thread as it was. */
void xl_affinity_pin(const xl_affinity *affinity, pthread_t thread, int pinning, int index);

#endif
