#include <xlstm/xlstm.h>

const char *xlstm_version(void) {
    return XL_VERSION;
}
