#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/cpu.h"

static const xl_backend *const backends[] = {&xl_backend_cpu};

enum { COUNT = sizeof backends / sizeof *backends };

const xl_backend *xl_backend_find(const char *name) {
    if (!name) return backends[0];
    for (int i = 0; i < COUNT; i++) {
        if (!strcmp(backends[i]->name, name)) return backends[i];
    }
    return NULL;
}

const char *xl_backend_name(int index) {
    return index >= 0 && index < COUNT ? backends[index]->name : NULL;
}
