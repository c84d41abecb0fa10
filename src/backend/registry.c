/* The backends that are built in. */
#include <string.h>

#include "backend/backend.h"

#define BACKEND(id) extern const xl_backend xl_backend_##id;
#include "backend/backends.def"
#undef BACKEND

static const xl_backend *const backends[] = {
#define BACKEND(id) &xl_backend_##id,
#include "backend/backends.def"
#undef BACKEND
};

enum { COUNT = sizeof backends / sizeof *backends };

const xl_backend *xl_backend_find(const char *device) {
    if (!device) return backends[0];
    size_t length = strcspn(device, ":");
    for (int i = 0; i < COUNT; i++) {
        if (strlen(backends[i]->name) == length && !strncmp(backends[i]->name, device, length)) return backends[i];
    }
    return NULL;
}

const xl_backend *xl_backend_at(int index) {
    return index >= 0 && index < COUNT ? backends[index] : NULL;
}
