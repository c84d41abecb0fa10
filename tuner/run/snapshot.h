/* Curated snapshots: `best/<backend>_latest.json` and `best/<backend>_<timestamp>.json`, one JSON object:
 *
 *   {"params": {"chunk_size": 64, …},          what was searched, by name
 *    "metrics": {…},                           as in best.json
 *    "backend": "ray",
 *    "fingerprint": {
 *      "machine": "…",                         tune_machine.fingerprint
 *      "device": "cpu", "checkpoint": "…",     the target's identity
 *      "prompt_tokens": 512, "new": 64},       the numbers of its workload
 *    "version": "0.1.0", "created": "2026-01-31T12:00:00"}
 *
 * More keys may follow. A snapshot is loaded for, and competes with, the same machine, identity and class of
 * workload alone. */
#ifndef TUNE_RUN_SNAPSHOT_H
#define TUNE_RUN_SNAPSHOT_H

#include <stdbool.h>

#include <jansson.h>

#include "tuner/study/study.h"

/* Reads a file that may be missing; NULL where there is no JSON in it. */
json_t *tune_snapshot_read(const char *path);

/* Whether a snapshot was measured on this machine, with this identity and a workload of this class. */
bool tune_snapshot_fits(const json_t *snapshot, const char *machine, const tune_named_list *identity,
                        const tune_named_list *workload);

/* Sets what a snapshot says of the circumstances of a run: backend, fingerprint, build and version. */
void tune_snapshot_circumstances(json_t *snapshot, const tune_run_row *run);

/* Writes the result of a run to `latest` and to a dated file in `folder`. */
int tune_snapshot_write(const char *folder, const char *latest, const tune_run_row *run, xlstm_error *err);

#endif
