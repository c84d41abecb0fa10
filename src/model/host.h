/* Conversion of weights with the kernels of this processor, whatever device they go to. */
#ifndef XL_MODEL_HOST_H
#define XL_MODEL_HOST_H

#include <stdbool.h>

#include "backend/backend.h"

typedef struct xl_host {
    const xl_backend *backend; /* one that converts */
    xl_device *device;
    bool is_own; /* the device was opened here */
} xl_host;

/* With `backend` and its device where it converts, else with a device of the first backend. Begin with {0}. */
int xl_host_open(xl_host *host, const xl_backend *backend, xl_device *device, xlstm_error *err);
void xl_host_close(xl_host *host);

#endif
