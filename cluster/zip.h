/* A zip archive in memory, as Ray wants its packages: files with their permissions, in the order in which they are
 * added, always dated 1980-01-01, so that the same files give the same bytes and therefore the same name. */
#ifndef CLUSTER_ZIP_H
#define CLUSTER_ZIP_H

#include <stddef.h>

#include <xlstm/status.h>

typedef struct cluster_zip cluster_zip;

/* An archive that may grow to `limit` bytes, at most 2 GiB; NULL when out of memory. */
cluster_zip *cluster_zip_create(size_t limit);
void cluster_zip_free(cluster_zip *zip);
/* Adds a file. `name` is relative, with '/' between its parts; `mode` are its permissions, 0755. XLSTM_EUNSUPPORTED
 * where the archive would become larger than its limit or has 65,535 files. */
int cluster_zip_add(cluster_zip *zip, const char *name, const void *data, size_t bytes, unsigned mode,
                    xlstm_error *err);
/* Ends the archive, after which nothing can be added. The bytes live as long as it. */
int cluster_zip_end(cluster_zip *zip, const void **data, size_t *bytes, xlstm_error *err);

#endif
