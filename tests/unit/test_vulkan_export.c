/* What the Vulkan backend shares with another interface: a block of memory that a second device of Vulkan, opened
 * by this test, imports and reads; and timelines that it waits for and raises. Skipped where the device shares
 * nothing. */
#include <fcntl.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "helper.h"

#include "backend/vulkan/vulkan_impl.h"

enum { BYTES = 4096 };

static xl_device *open_device(void) {
    const xl_device_options options = {.name = "vulkan"};
    xl_device *device = NULL;
    assert_int_equal(xl_vk_device_open(&device, &options, NULL), XLSTM_OK);
    return device;
}

/* Imports a shared block; `fd` becomes the import's. */
static void import_block(xl_vk_block *out, xl_device *device, const xl_vk_block *shared, int fd) {
    *out = (xl_vk_block){.device = device, .bytes = shared->bytes};
    const VkExternalMemoryBufferCreateInfo external = {.sType =
                                                           VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                       .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    const VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                       .pNext = &external,
                                       .size = shared->bytes,
                                       .usage = XL_VK_BLOCK_USAGE};
    assert_int_equal(vkCreateBuffer(device->handle, &buffer, NULL, &out->buffer), VK_SUCCESS);
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device->handle, out->buffer, &needs);
    const VkMemoryDedicatedAllocateInfo dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                     .buffer = out->buffer};
    const VkImportMemoryFdInfoKHR import = {.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
                                            .pNext = &dedicated,
                                            .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
                                            .fd = fd};
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .pNext = &import,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .pNext = &flags,
                                         .allocationSize = needs.size,
                                         .memoryTypeIndex = device->memory_type[XL_VK_DEVICE]};
    assert_int_equal(vkAllocateMemory(device->handle, &memory, NULL, &out->memory), VK_SUCCESS);
    assert_int_equal(vkBindBufferMemory(device->handle, out->buffer, out->memory, 0), VK_SUCCESS);
}

static void another_device_reads_a_block(void **state) {
    (void)state;
    xl_device *device = open_device(), *other = open_device();
    xl_vk_block block, seen, host;
    unsigned char data[BYTES], back[BYTES];
    xlstm_error err;
    int fd = -1;
    assert_int_equal(xl_vk_block_alloc(&block, device, XL_VK_DEVICE, BYTES, "a test", NULL), XLSTM_OK);
    assert_int_equal(xl_vk_block_alloc(&host, device, XL_VK_UPLOAD, BYTES, "a test", NULL), XLSTM_OK);
    /* The host's own memory is for no one else. */
    assert_int_equal(xl_vk_block_export(&host, &fd, &err), XLSTM_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "cannot be shared"));
    if (!device->exportable) {
        assert_int_equal(xl_vk_block_export(&block, &fd, NULL), XLSTM_EUNSUPPORTED);
        printf("skipped: %s shares no memory\n", device->properties.deviceName);
    } else {
        assert_int_equal(xl_vk_block_export(&block, &fd, NULL), XLSTM_OK);
        assert_true(fcntl(fd, F_GETFD) >= 0);
        import_block(&seen, other, &block, fd);
        for (int i = 0; i < BYTES; i++) data[i] = (unsigned char)(i * 7 + 1);
        assert_int_equal(xl_vk_upload((xl_vk_span){&block, 0}, data, BYTES, NULL), XLSTM_OK);
        assert_int_equal(xl_vk_upload_end(device, NULL), XLSTM_OK);
        xl_vk_settle(device);
        assert_int_equal(xl_vk_download((xl_vk_span){&seen, 0}, back, BYTES, NULL), XLSTM_OK);
        assert_memory_equal(back, data, BYTES);
        /* And the other way. */
        assert_int_equal(xl_vk_clear((xl_vk_span){&seen, 256}, 256, NULL), XLSTM_OK);
        assert_int_equal(xl_vk_download((xl_vk_span){&block, 0}, back, BYTES, NULL), XLSTM_OK);
        memset(data + 256, 0, 256);
        assert_memory_equal(back, data, BYTES);
        xl_vk_block_free(&seen);
    }
    const bool shared = device->exportable;
    xl_vk_block_free(&block);
    xl_vk_block_free(&host);
    xl_vk_device_close(other);
    xl_vk_device_close(device);
    if (!shared) TEST_SKIP("the device shares no memory");
}

/* Waits for a value and raises another, with an empty command buffer between. A device may raise the semaphores of
 * one submission one after the other, so both are waited for. */
static void cross(xl_device *device, VkSemaphore from, VkSemaphore to, uint64_t number) {
    const xl_vk_point wait = {from, number}, raise = {to, number};
    uint64_t value;
    assert_int_equal(xl_vk_begin(device, device->once, 0, NULL), XLSTM_OK);
    assert_int_equal(vkEndCommandBuffer(device->once), VK_SUCCESS);
    assert_int_equal(xl_vk_submit(device, &device->once, 1, &wait, &raise, &value, NULL), XLSTM_OK);
    assert_int_equal(xl_vk_wait(device, value, NULL, NULL, NULL), XLSTM_OK);
    const VkSemaphoreWaitInfo raised = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                        .semaphoreCount = 1,
                                        .pSemaphores = &to,
                                        .pValues = &number};
    assert_int_equal(vkWaitSemaphores(device->handle, &raised, UINT64_C(10000000000)), VK_SUCCESS);
}

static uint64_t counter(const xl_device *device, VkSemaphore semaphore) {
    uint64_t value = 0;
    assert_int_equal(vkGetSemaphoreCounterValue(device->handle, semaphore, &value), VK_SUCCESS);
    return value;
}

static void a_submission_waits_for_one_timeline_and_raises_the_other(void **state) {
    (void)state;
    xl_device *device = open_device();
    if (!device->signals) {
        int fd = -1;
        assert_int_equal(xl_vk_crossing_export(device, XL_VK_TO_OTHER, &fd, NULL), XLSTM_EUNSUPPORTED);
        assert_true(device->crossings[XL_VK_TO_OTHER] == VK_NULL_HANDLE && fd == -1);
        printf("skipped: %s shares no timelines\n", device->properties.deviceName);
        xl_vk_device_close(device);
        skip();
    }
    xl_device *other = open_device();
    PFN_vkImportSemaphoreFdKHR import =
        (PFN_vkImportSemaphoreFdKHR)vkGetDeviceProcAddr(other->handle, "vkImportSemaphoreFdKHR");
    assert_non_null(import);
    for (int i = 0; i < XL_VK_CROSSINGS; i++) {
        int fd = -1;
        assert_int_equal(xl_vk_crossing_export(device, (xl_vk_crossing)i, &fd, NULL), XLSTM_OK);
        const VkImportSemaphoreFdInfoKHR info = {.sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
                                                 .semaphore = other->crossings[i],
                                                 .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT,
                                                 .fd = fd};
        assert_int_equal(import(other->handle, &info), VK_SUCCESS);
    }
    for (uint64_t number = 1; number <= 3; number++) {
        const VkSemaphoreSignalInfo begin = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
                                             .semaphore = other->crossings[XL_VK_FROM_OTHER],
                                             .value = number};
        assert_int_equal(vkSignalSemaphore(other->handle, &begin), VK_SUCCESS);
        cross(device, device->crossings[XL_VK_FROM_OTHER], device->crossings[XL_VK_TO_OTHER], number);
        assert_int_equal(counter(other, other->crossings[XL_VK_TO_OTHER]), number);
    }
    xl_vk_device_close(other);
    xl_vk_device_close(device);
}

/* The same without another device: every device has timelines. */
static void a_submission_has_points(void **state) {
    (void)state;
    xl_device *device = open_device();
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
                                            .initialValue = 1};
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkSemaphore from, to;
    assert_int_equal(vkCreateSemaphore(device->handle, &info, NULL, &from), VK_SUCCESS);
    assert_int_equal(vkCreateSemaphore(device->handle, &info, NULL, &to), VK_SUCCESS);
    const VkSemaphoreSignalInfo begin = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO, .semaphore = from, .value = 5};
    assert_int_equal(vkSignalSemaphore(device->handle, &begin), VK_SUCCESS);
    cross(device, from, to, 5);
    assert_int_equal(counter(device, to), 5);
    vkDestroySemaphore(device->handle, from, NULL);
    vkDestroySemaphore(device->handle, to, NULL);
    xl_vk_device_close(device);
}

int main(void) {
    xlstm_device_info device;
    bool found = false;
    for (int i = 0; !xlstm_device_at(i, &device); i++) found |= !strncmp(device.name, "vulkan", strlen("vulkan"));
    if (!found) {
        printf("skipped: no Vulkan device is here\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_device_reads_a_block),
        cmocka_unit_test(a_submission_waits_for_one_timeline_and_raises_the_other),
        cmocka_unit_test(a_submission_has_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
