/* A library to preload into a program: its FAIL_SUBMIT-th submission to a Vulkan device finds the device lost, and
 * its FAIL_MEMORY-th allocation there finds no memory; with FAIL_ON only if that is the device of this number,
 * counted from 0. The device of the number OTHER_PRODUCT is called "another product". */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* As in vulkan.h, on systems whose handles are pointers. */
enum { DEVICE_LOST = -4, OUT_OF_DEVICE_MEMORY = -2 };
typedef int submit_fn(void *queue, unsigned count, const void *submits, void *fence);
typedef int allocate_fn(void *device, const void *info, const void *allocator, void *out);
typedef int enumerate_fn(void *instance, unsigned *count, void **out);
typedef int create_fn(void *physical, const void *info, const void *allocator, void **out);
typedef void properties_fn(void *physical, void *out);
enum { DEVICES = 16, NAME_AT = 36 /* of deviceName in VkPhysicalDeviceProperties2 */ };

#define SHOWN __attribute__((visibility("default")))

SHOWN submit_fn vkQueueSubmit;
SHOWN allocate_fn vkAllocateMemory;
SHOWN enumerate_fn vkEnumeratePhysicalDevices;
SHOWN create_fn vkCreateDevice;
SHOWN properties_fn vkGetPhysicalDeviceProperties2;

static void *physical_devices[DEVICES]; /* as listed last */
static int opened = -1;

static int number_of(const void *physical) {
    for (int i = 0; i < DEVICES; i++) {
        if (physical_devices[i] == physical) return i;
    }
    return -1;
}

/* Whether this is the call that fails, or a later one. */
static int fails(const char *name, long *calls) {
    const char *at = getenv(name), *on = getenv("FAIL_ON");
    return at && (!on || atoi(on) == opened) && ++*calls >= atol(at);
}

int vkEnumeratePhysicalDevices(void *instance, unsigned *count, void **out) {
    enumerate_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "vkEnumeratePhysicalDevices");
    memcpy(&next, &symbol, sizeof next);
    const int result = next(instance, count, out);
    for (unsigned i = 0; out && i < *count && i < DEVICES; i++) physical_devices[i] = out[i];
    return result;
}

int vkCreateDevice(void *physical, const void *info, const void *allocator, void **out) {
    create_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "vkCreateDevice");
    memcpy(&next, &symbol, sizeof next);
    opened = number_of(physical);
    return next(physical, info, allocator, out);
}

void vkGetPhysicalDeviceProperties2(void *physical, void *out) {
    const char *other = getenv("OTHER_PRODUCT");
    properties_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "vkGetPhysicalDeviceProperties2");
    memcpy(&next, &symbol, sizeof next);
    next(physical, out);
    if (other && atoi(other) == number_of(physical)) strcpy((char *)out + NAME_AT, "another product");
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
