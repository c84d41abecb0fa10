#include "tuner/study/schema.h"

#include <stddef.h>

#include "base/error.h"

/* The metrics of all runs that were made before runs stored lists of their own. */
#define METRIC_0(name, unit, larger, of_point, part, least, share, affected)                                       \
    "{\"name\":\"" name "\",\"unit\":\"" unit "\",\"larger_is_better\":" larger ",\"of_point\":" of_point          \
    ",\"part\":" part ",\"least\":" least ",\"least_share\":" share ",\"affected\":" affected "}"
#define METRICS_0                                                                                                                                                     \
    "{\"parts\":4,\"objective\":4,\"seconds\":4,\"apart\":[2,3],\"metrics\":[" METRIC_0("prefill_tok_s", "tok/s", "true", "false", "-1", "0", "0", "1") "," METRIC_0( \
        "decode_tok_s", "tok/s", "true", "false", "-1", "0", "0",                                                                                                     \
        "2") "," METRIC_0("prefill_s", "s", "false", "false", "0", "0", "0",                                                                                          \
                          "1") "," METRIC_0("decode_s", "s", "false", "false", "1", "0", "0",                                                                         \
                                            "2") "," METRIC_0("request_s", "s", "false", "false", "-1", "0", "0",                                                     \
                                                              "3") "," METRIC_0("ttft_ms", "ms", "false", "false",                                                    \
                                                                                "-1", "0", "0",                                                                       \
                                                                                "1") "," METRIC_0("peak_mb",                                                          \
                                                                                                  "MiB", "false",                                                     \
                                                                                                  "false", "3",                                                       \
                                                                                                  "0.5", "0.01",                                                      \
                                                                                                  "4") "," METRIC_0("kl",                                             \
                                                                                                                    "nats",                                           \
                                                                                                                    "false",                                          \
                                                                                                                    "true",                                           \
                                                                                                                    "-1",                                             \
                                                                                                                    "0",                                              \
                                                                                                                    "0.02",                                           \
                                                                                                                    "8") "," METRIC_0("energy_j",                     \
                                                                                                                                      "J",                            \
                                                                                                                                      "false",                        \
                                                                                                                                      "false",                        \
                                                                                                                                      "2",                            \
                                                                                                                                      "0",                            \
                                                                                                                                      "0",                            \
                                                                                                                                      "3") "," METRIC_0("ppl",        \
                                                                                                                                                        "",           \
                                                                                                                                                        "false",      \
                                                                                                                                                        "true",       \
                                                                                                                                                        "-1",         \
                                                                                                                                                        "0",          \
                                                                                                                                                        "1e-05",      \
                                                                                                                                                        "8") "]}"
const char tune_study_metrics_0[] = METRICS_0;

/* PostgreSQL was first written at this version. */
#define POSTGRES_5                                                                                                 \
    "CREATE TABLE machine (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, fingerprint TEXT NOT NULL "     \
    "UNIQUE,"                                                                                                      \
    " info TEXT NOT NULL);"                                                                                        \
    "CREATE TABLE run (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, uid TEXT NOT NULL UNIQUE,"          \
    " folder TEXT NOT NULL, backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL,"                       \
    " objective TEXT NOT NULL, seed BIGINT NOT NULL, machine BIGINT NOT NULL REFERENCES machine(id),"              \
    " version TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, finished DOUBLE PRECISION, meta TEXT NOT NULL,"    \
    " space TEXT NOT NULL, baseline TEXT, result TEXT, metrics TEXT NOT NULL, target TEXT NOT NULL,"               \
    " identity TEXT NOT NULL, workload TEXT NOT NULL, build TEXT NOT NULL);"                                       \
    "CREATE INDEX run_identity ON run(target, identity);"                                                          \
    "CREATE TABLE trial (run BIGINT NOT NULL REFERENCES run(id) ON DELETE CASCADE, number BIGINT NOT NULL,"        \
    " params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of BIGINT,"            \
    " metrics TEXT NOT NULL, value DOUBLE PRECISION, spread DOUBLE PRECISION, told TEXT, ratios TEXT,"             \
    " samples BIGINT NOT NULL, token_hash TEXT, in_force TEXT, started DOUBLE PRECISION NOT NULL,"                 \
    " seconds DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, number));"                                              \
    "CREATE TABLE sample (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, run BIGINT NOT NULL"             \
    " REFERENCES run(id) ON DELETE CASCADE, trial BIGINT NOT NULL, stage TEXT NOT NULL, block BIGINT NOT NULL,"    \
    " process BIGINT NOT NULL, seq BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL, parts TEXT NOT NULL,"            \
    " value DOUBLE PRECISION, used BIGINT NOT NULL, why TEXT, causes BIGINT NOT NULL);"                            \
    "CREATE INDEX sample_run ON sample(run, trial);"                                                               \
    "CREATE TABLE event (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, run BIGINT NOT NULL"              \
    " REFERENCES run(id) ON DELETE CASCADE, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL, text TEXT NOT "      \
    "NULL);"                                                                                                       \
    "CREATE INDEX event_run ON event(run);"                                                                        \
    "CREATE FUNCTION xltune_now() RETURNS DOUBLE PRECISION LANGUAGE SQL AS"                                        \
    " 'SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)';"

/* A fleet is one search by several processes: one proposes, the nodes measure (tasks.h). Both databases understand
 * these words. */
#define FLEET                                                                                                      \
    "ALTER TABLE run ADD COLUMN fleet TEXT; ALTER TABLE run ADD COLUMN kind TEXT;"                                 \
    "CREATE INDEX run_fleet ON run(fleet, kind);"                                                                  \
    "CREATE TABLE fleet (uid TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, target TEXT NOT NULL,"                \
    " meta TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL);"                     \
    "CREATE TABLE node (uid TEXT NOT NULL PRIMARY KEY, fleet TEXT NOT NULL REFERENCES fleet(uid) ON DELETE "       \
    "CASCADE,"                                                                                                     \
    " kind TEXT NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,"              \
    " began DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL);"                                           \
    "CREATE INDEX node_fleet ON node(fleet, kind);"                                                                \
    "CREATE TABLE task (run BIGINT NOT NULL REFERENCES run(id) ON DELETE CASCADE, work TEXT NOT NULL,"             \
    " number BIGINT NOT NULL, what TEXT NOT NULL, wanted TEXT, state TEXT NOT NULL, node TEXT,"                    \
    " lease DOUBLE PRECISION, turn BIGINT NOT NULL, result TEXT, PRIMARY KEY (run, work, number));"                \
    "CREATE INDEX task_state ON task(run, state, work, number);"

const tune_study_step tune_study_steps[] = {
    {"CREATE TABLE machine (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, info TEXT NOT NULL);"
     "CREATE TABLE run (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL,"
     " backend TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, objective TEXT NOT NULL,"
     " seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES machine(id), device TEXT NOT NULL,"
     " checkpoint TEXT NOT NULL, kernels TEXT NOT NULL, version TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,"
     " new_tokens INTEGER NOT NULL, prompt_hash TEXT, created REAL NOT NULL, finished REAL, meta TEXT NOT NULL,"
     " space TEXT NOT NULL, baseline TEXT, result TEXT);"
     "CREATE INDEX run_checkpoint ON run(checkpoint, device);"
     "CREATE TABLE trial (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
     " params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER,"
     " prefill_s REAL, decode_s REAL, prefill_tok_s REAL, decode_tok_s REAL, request_s REAL, ttft_ms REAL,"
     " peak_mb REAL, kl REAL, energy_j REAL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT "
     "NULL, "
     "token_hash TEXT,"
     " in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;"
     "CREATE TABLE sample (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
     " trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL,"
     " seq INTEGER NOT NULL, at REAL NOT NULL, prefill_s REAL, decode_s REAL, energy_j REAL, peak_mb REAL,"
     " value REAL, used INTEGER NOT NULL, why TEXT);"
     "CREATE INDEX sample_run ON sample(run, trial);"
     "CREATE TABLE event (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
     " at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);",
     ""},
    {"ALTER TABLE trial ADD COLUMN ppl REAL;", ""},
    {"ALTER TABLE sample ADD COLUMN causes INTEGER NOT NULL DEFAULT 0;"
     "UPDATE sample SET causes = (why = 'warm-up') + 2 * (why = 'stopped early') + 4 * (why LIKE '%steal time%')"
     " + 8 * (why LIKE '%switches%') + 16 * (why LIKE '%others used%') + 32 * (why LIKE '%MHz%')"
     " + 64 * (why LIKE '%degrees%') WHERE why IS NOT NULL;",
     ""},
    {"ALTER TABLE run ADD COLUMN metrics TEXT NOT NULL DEFAULT '" METRICS_0 "';"
     "CREATE TABLE trial_4 (run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
     " params TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, duplicate_of INTEGER,"
     " metrics TEXT NOT NULL, value REAL, spread REAL, told TEXT, ratios TEXT, samples INTEGER NOT NULL,"
     " token_hash TEXT, in_force TEXT, started REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (run, number))"
     " WITHOUT ROWID;"
     "INSERT INTO trial_4 SELECT run, number, params, key, status, reason, duplicate_of,"
     " json_object('prefill_tok_s', prefill_tok_s, 'decode_tok_s', decode_tok_s, 'prefill_s', prefill_s, "
     "'decode_s',"
     " decode_s, 'request_s', request_s, 'ttft_ms', ttft_ms, 'peak_mb', peak_mb, 'kl', kl, 'energy_j', energy_j, "
     "'ppl',"
     " ppl), value, spread, told, ratios, samples, token_hash, in_force, started, seconds FROM trial;"
     "DROP TABLE trial; ALTER TABLE trial_4 RENAME TO trial;"
     "CREATE TABLE sample_4 (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
     " trial INTEGER NOT NULL, stage TEXT NOT NULL, block INTEGER NOT NULL, process INTEGER NOT NULL,"
     " seq INTEGER NOT NULL, at REAL NOT NULL, parts TEXT NOT NULL, value REAL, used INTEGER NOT NULL, why TEXT,"
     " causes INTEGER NOT NULL);"
     "INSERT INTO sample_4 SELECT id, run, trial, stage, block, process, seq, at, json_array(prefill_s, decode_s,"
     " energy_j, peak_mb), value, used, why, causes FROM sample;"
     "DROP TABLE sample; ALTER TABLE sample_4 RENAME TO sample;"
     "CREATE INDEX sample_run ON sample(run, trial);",
     ""},
    /* json_patch leaves out what is NULL. */
    {"DROP INDEX run_checkpoint;"
     "ALTER TABLE run ADD COLUMN target TEXT NOT NULL DEFAULT 'engine';"
     "ALTER TABLE run ADD COLUMN identity TEXT NOT NULL DEFAULT '{}';"
     "ALTER TABLE run ADD COLUMN workload TEXT NOT NULL DEFAULT '{}';"
     "ALTER TABLE run ADD COLUMN build TEXT NOT NULL DEFAULT '{}';"
     "UPDATE run SET identity = json_object('device', device, 'checkpoint', checkpoint),"
     " workload = json_patch(json_object('prompt_tokens', prompt_tokens, 'new', new_tokens),"
     " json_object('prompt_hash', prompt_hash)), build = json_object('kernels', kernels);"
     "ALTER TABLE run DROP COLUMN device; ALTER TABLE run DROP COLUMN checkpoint;"
     "ALTER TABLE run DROP COLUMN kernels; ALTER TABLE run DROP COLUMN prompt_tokens;"
     "ALTER TABLE run DROP COLUMN new_tokens; ALTER TABLE run DROP COLUMN prompt_hash;"
     "CREATE INDEX run_identity ON run(target, identity);",
     POSTGRES_5},
    {FLEET, NULL}};
const int tune_study_step_count = sizeof tune_study_steps / sizeof *tune_study_steps;

static int newer(const tune_database *db, int64_t version, int count, xlstm_error *err) {
    return xl_fail(err, XLSTM_EFORMAT, "%s: schema version %lld, this xltune knows up to %d: use the newer one",
                   db->name, (long long)version, count);
}

/* The version is read again inside a transaction, so that only one of several processes that open an old study at
 * once migrates it. */
int tune_study_migrate(tune_database *db, const tune_study_step *steps, int count, xlstm_error *err) {
    static const char doing[] = "bringing its schema up to date";
    int64_t version = 0;
    int status = db->class->version(db, &version, err);
    if (status || version == count) return status;
    if (version > count) return newer(db, version, count, err);
    status = db->class->begin(db, true, err);
    if (status) return status;
    status = db->class->version(db, &version, err);
    if (!status && version > count) status = newer(db, version, count, err);
    for (int64_t i = version; !status && i < count; i++) {
        const char *sql = db->class->server && steps[i].postgres ? steps[i].postgres : steps[i].sql;
        status = db->class->exec(db, sql, doing, err);
    }
    if (!status && version < count) status = db->class->set_version(db, count, err);
    if (!status) status = db->class->exec(db, "COMMIT", doing, err);
    if (status) db->class->exec(db, "ROLLBACK", doing, NULL);
    return status;
}
