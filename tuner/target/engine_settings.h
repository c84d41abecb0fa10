/* The engine's settings and schedules by name, and the key of settings that are equal in effect. */
#ifndef TUNE_ENGINE_SETTINGS_H
#define TUNE_ENGINE_SETTINGS_H

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/intern.h"
#include "tuner/space/named.h"

/* {"backend": …, "workers": 2, …}: all tunables by name, choices as text, and the scheduler as "backend" too. */
json_t *tune_engine_settings_json(const xlstm_settings *settings);
/* The reverse; a setting that is missing stays as it is. EFORMAT names the member. */
int tune_engine_settings_read(const json_t *object, xlstm_settings *settings, xlstm_error *err);
/* Lists what the session's last request was run with: [count], for the caller to free, with names and texts that
 * belong to the set. NULL when out of memory; *count is then 0. */
tune_named *tune_engine_schedule(const xlstm_session *session, xl_intern *texts, size_t *count);

/* What identifies an engine, and what a request is, as facts of a target (tune_target.identity, workload). `device`
 * is a name that xlstm_device_at gives; of several of one kind ("vulkan:1") the fact is the kind, and for all but
 * the first kind another fact says which product and driver it is, where it is here. `prompt_hash` may be NULL.
 * False when out of memory. */
bool tune_engine_identity(const char *device, const char *checkpoint, tune_named_list *out);
bool tune_engine_workload(int64_t prompt_tokens, int64_t new_tokens, const char *prompt_hash, tune_named_list *out);

/* Settings that have the same effect for this work (xlstm_settings_effective) have the same key. */
uint64_t tune_engine_key(const xlstm_settings *settings, const xlstm_work *work);

#endif
