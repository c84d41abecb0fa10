/* Curated snapshots: `best/<backend>_latest.json` and `best/<backend>_<timestamp>.json`, each one JSON object:
 *
 *   {"params": {"chunk_size": 64, …},          tunables, by their names
 *    "metrics": {…},                           as in best.json
 *    "backend": "ray",
 *    "fingerprint": {
 *      "machine": "…",                         tune_machine.fingerprint
 *      "device": "cpu",
 *      "checkpoint": "…",                      xlstm_model_info.fingerprint
 *      "prompt_tokens": 512,                   with BOS
 *      "new": 64},
 *    "version": "0.1.0", "created": "2026-01-31T12:00:00"}
 *
 * More keys may follow. A snapshot is loaded only on the same machine and for the same device, checkpoint and
 * workload class, and a new winner competes with it only then. */
#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* Whether two token counts belong to one workload class: they differ by a factor of at most two. Zero counts as
 * one. */
bool cli_workload_alike(int64_t a, int64_t b);

/* Whether a snapshot was measured on this machine, for this device, checkpoint and workload class. */
bool cli_snapshot_fits(const json_t *snapshot, const char *machine, const char *device, const char *checkpoint,
                       int64_t prompt_tokens, int64_t new_tokens);

#endif
