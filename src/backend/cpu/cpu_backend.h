/* The CPU backend: chunks x head bands and tiles of dense products on the process's pool of threads. */
#ifndef XL_CPU_BACKEND_H
#define XL_CPU_BACKEND_H

#include "backend/backend.h"

extern const xl_backend xl_backend_cpu;

#endif
