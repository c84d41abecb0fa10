#include "model/host.h"

#include <stddef.h>

int xl_host_open(xl_host *host, const xl_backend *backend, xl_device *device, xlstm_error *err) {
    *host = (xl_host){.backend = backend, .device = device};
    if (backend && backend->from_f32) return XLSTM_OK;
    const xl_device_options options = {.name = NULL};
    host->backend = xl_backend_find(NULL);
    host->device = NULL;
    int status = host->backend->device_open(&host->device, &options, err);
    host->is_own = !status;
    return status;
}

void xl_host_close(xl_host *host) {
    if (host->is_own) host->backend->device_close(host->device);
    *host = (xl_host){0};
}
