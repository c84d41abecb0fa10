/* The limits of the device, measured with the shaders that run the model. */
#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

int xl_vk_roofline(xlstm_roofline *out, const xl_device *device, int threads, double seconds, xlstm_error *err) {
    return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: the limits are not measured", device->name);
}
