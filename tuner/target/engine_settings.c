#include "tuner/target/engine_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

json_t *tune_engine_settings_json(const xlstm_settings *settings) {
    static const int first[] = {XLSTM_TUNE_WORKERS, XLSTM_TUNE_HEADS_PER_BAND, XLSTM_TUNE_CHUNK_SIZE};
    json_t *j = json_object();
    const xlstm_tunable *scheduler = xlstm_tunable_get(XLSTM_TUNE_SCHEDULER);
    json_object_set_new(j, "backend",
                        json_string(scheduler->choices[xlstm_settings_get(settings, XLSTM_TUNE_SCHEDULER)]));
    for (int i = 0; i < 3; i++)
        json_object_set_new(j, xlstm_tunable_get(first[i])->name,
                            json_integer(xlstm_settings_get(settings, first[i])));
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        if (json_object_get(j, t->name)) continue;
        /* What one kind of devices has alone is said where it was set. */
        if (t->device && xlstm_settings_get(settings, id) == t->preset) continue;
        json_t *value = t->choices ? json_string(t->choices[xlstm_settings_get(settings, id)])
                                   : json_integer(xlstm_settings_get(settings, id));
        json_object_set_new(j, t->name, value);
    }
    return j;
}

int tune_engine_settings_read(const json_t *object, xlstm_settings *settings, xlstm_error *err) {
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        const json_t *j = json_object_get(object, t->name);
        if (!j) continue;
        if (json_is_string(j)) {
            int status = xlstm_settings_parse(settings, id, json_string_value(j), err);
            if (status) return status;
        } else if (json_is_integer(j)) {
            xlstm_settings_set(settings, id, json_integer_value(j));
        } else {
            return xl_fail(err, XLSTM_EFORMAT, "%s: found neither a number nor a name", t->name);
        }
    }
    return xlstm_settings_check(settings, err);
}

tune_named *tune_engine_schedule(const xlstm_session *session, xl_intern *texts, size_t *count) {
    enum { ENTRIES = 64 };
    tune_named all[ENTRIES];
    xlstm_schedule_entry entry;
    size_t n = 0;
    *count = 0;
    for (int i = 0; n < ENTRIES && xlstm_session_schedule(session, i, &entry); i++) {
        const char *key = xl_intern_text(texts, entry.key);
        const char *text = entry.text ? xl_intern_text(texts, entry.text) : NULL;
        if (!key || (entry.text && !text)) return NULL;
        all[n++] = (tune_named){key, {.number = (double)entry.value, .text = text}};
    }
    tune_named *list = xl_array(n, sizeof *list);
    if (!list) return NULL;
    memcpy(list, all, n * sizeof *all);
    *count = n;
    return list;
}

/* Finds a device by its name, which may be the kind's alone or "KIND:0" for the first of a kind. */
static bool find_device(const char *name, xlstm_device_info *out) {
    const size_t kind = strcspn(name, ":");
    const bool first = !name[kind] || !strcmp(name + kind, ":0");
    for (int i = 0; !xlstm_device_at(i, out); i++) {
        if (!strcmp(out->name, name) || (first && strlen(out->name) == kind && !strncmp(out->name, name, kind)))
            return true;
    }
    return false;
}

bool tune_engine_identity(const char *device, const char *checkpoint, tune_named_list *out) {
    xlstm_device_info info;
    char kind[sizeof info.name];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(device, ":"), device);
    tune_named facts[3] = {{"device", {.text = kind}}, {"checkpoint", {.text = checkpoint}}};
    size_t count = 2;
    /* The processor is described by the machine. */
    if (strcmp(kind, xlstm_device_kind_at(0)) != 0 && find_device(device, &info))
        facts[count++] = (tune_named){"gpu", {.text = info.text}};
    return tune_named_copy(out, facts, count);
}

bool tune_engine_workload(int64_t prompt_tokens, int64_t new_tokens, const char *prompt_hash,
                          tune_named_list *out) {
    const tune_named facts[] = {{"prompt_tokens", {.number = (double)prompt_tokens}},
                                {"new", {.number = (double)new_tokens}},
                                {"prompt_hash", {.text = prompt_hash}}};
    return tune_named_copy(out, facts, prompt_hash ? 3 : 2);
}

uint64_t tune_engine_key(const xlstm_settings *settings, const xlstm_work *work) {
    xlstm_settings s;
    xlstm_settings_effective(settings, work, &s);
    /* FNV-1a over the bytes of the values, low bytes first. */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
        for (int shift = 0; shift < 64; shift += 8) {
            hash ^= ((uint64_t)xlstm_settings_get(&s, i) >> shift) & 0xff;
            hash *= UINT64_C(0x100000001b3);
        }
    }
    return hash;
}
