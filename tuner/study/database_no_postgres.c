/* In the place of database_postgres.c where xltune is built without libpq. */
#include <stddef.h>

#include "base/error.h"
#include "tuner/study/database.h"

int tune_postgres_open(tune_database **out, const char *url, xlstm_error *err) {
    (void)url;
    *out = NULL;
    return xl_fail(err, XLSTM_EUNSUPPORTED,
                   "study: this xltune was built without PostgreSQL (libpq); a study in a file works");
}
