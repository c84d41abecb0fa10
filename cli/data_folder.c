/* The one file that knows the prefix, so that another one compiles this alone. */
#include "cli/config_impl.h"

const char *cli_data_folder(void) {
    return XL_DATADIR;
}
