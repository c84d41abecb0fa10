/* Errors of Vulkan calls. */
#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

int xl_vk_fail(xl_device *device, VkResult result, const char *what, xlstm_error *err) {
    const char *name = device ? device->properties.deviceName : "vulkan";
    switch (result) {
    case VK_ERROR_DEVICE_LOST:
        if (device) atomic_store(&device->lost, true);
        return xl_fail(err, XLSTM_EDEVICE, "%s: the device was lost while %s", name, what);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return xl_fail(err, XLSTM_EDEVICEMEM, "%s: out of device memory while %s", name, what);
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of host memory while %s", name, what);
    case VK_ERROR_INCOMPATIBLE_DRIVER:
    case VK_ERROR_INITIALIZATION_FAILED:
        return xl_fail(err, XLSTM_EUNSUPPORTED, "vulkan: no driver could be started (result %d)", (int)result);
    default:
        return xl_fail(err, XLSTM_EDEVICE, "%s: %s failed with Vulkan result %d", name, what, (int)result);
    }
}
