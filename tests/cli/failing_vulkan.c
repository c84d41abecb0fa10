/* A library to preload into a program: its FAIL_SUBMIT-th submission to a Vulkan device finds the device lost, and
 * its FAIL_MEMORY-th allocation there finds no memory. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* As in vulkan.h, on systems whose handles are pointers. */
enum { DEVICE_LOST = -4, OUT_OF_DEVICE_MEMORY = -2 };
typedef int submit_fn(void *queue, unsigned count, const void *submits, void *fence);
typedef int allocate_fn(void *device, const void *info, const void *allocator, void *out);

#define SHOWN __attribute__((visibility("default")))

SHOWN submit_fn vkQueueSubmit;
SHOWN allocate_fn vkAllocateMemory;

/* Whether this is the call that fails, or a later one. */
static int fails(const char *name, long *calls) {
    const char *at = getenv(name);
    return at && ++*calls >= atol(at);
}

int vkQueueSubmit(void *queue, unsigned count, const void *submits, void *fence) {
    static long calls;
    submit_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "vkQueueSubmit");
    memcpy(&next, &symbol, sizeof next);
    return fails("FAIL_SUBMIT", &calls) ? DEVICE_LOST : next(queue, count, submits, fence);
}

int vkAllocateMemory(void *device, const void *info, const void *allocator, void *out) {
    static long calls;
    allocate_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "vkAllocateMemory");
    memcpy(&next, &symbol, sizeof next);
    return fails("FAIL_MEMORY", &calls) ? OUT_OF_DEVICE_MEMORY : next(device, info, allocator, out);
}
