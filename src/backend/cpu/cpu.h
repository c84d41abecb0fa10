/* The CPU backend: chunks x head bands and tiles of dense products on the process's pool of threads. */
#ifndef XL_BACKEND_CPU_H
#define XL_BACKEND_CPU_H

#include "backend/backend.h"

extern const xl_backend xl_backend_cpu;

#endif
