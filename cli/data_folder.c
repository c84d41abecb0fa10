/* The only file compiled with the installation prefix, so that changing the prefix recompiles nothing else. */
#include "cli/config_impl.h"

const char *cli_data_folder(void) {
    return XL_DATADIR;
}
