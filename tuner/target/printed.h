/* Metrics that a program prints, or that the size of a file is: what the key "metrics" of a configuration declares.
 */
#ifndef TUNE_PRINTED_H
#define TUNE_PRINTED_H

#include <jansson.h>

#include "tuner/metric/metric.h"
#include "tuner/space/named.h"
#include "tuner/target/child.h"

typedef struct tune_printed tune_printed;

/* Reads
 *
 *   {"rate":  {"regex": "([0-9.]+) MB/s", "from": "stderr", "unit": "MB/s", "better": "larger"},
 *    "score": {"json": "results.0.score", "better": "larger", "exact": true},
 *    "size":  {"bytes": "out-{level}.zst", "unit": "B", "exact": true}}
 *
 * regex: a POSIX extended regular expression; its first group, or all of the match, is the number, of the last
 * match in what is printed. json: a path into the printed JSON (all of it, or its last line). bytes: the size of a
 * file, or of what is printed ("stdout"). exact: it is a property of the point, the same each time, so that there
 * is one value without noise. Adds them to `metrics`; those that are not exact become its next parts. XLSTM_EFORMAT
 * or XLSTM_EARG names the metric and the key. `object` may be NULL: there are none. */
int tune_printed_create(tune_printed **out, const json_t *object, tune_metrics *metrics, xlstm_error *err);
void tune_printed_destroy(tune_printed *printed);

/* Whether any of them looks at standard output. */
bool tune_printed_needs_output(const tune_printed *printed);
/* The number of names of files, and such a name with its places. */
size_t tune_printed_files(const tune_printed *printed);
const char *tune_printed_file(const tune_printed *printed, size_t index);

/* Finds the values of all of them in what a program left: of those that are parts in parts[], of the exact ones in
 * metric[]. A value must be a number, and above 0 where it is a part. A failure names the metric. */
int tune_printed_read(const tune_printed *printed, const tune_child_result *result, const tune_named_list *values,
                      double *parts, double *metric, xlstm_error *err);

#endif
