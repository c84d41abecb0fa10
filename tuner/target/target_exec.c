/* A command as a target: any program, with the parameters' values put into its arguments. It takes of the
 * configuration
 *
 *   command                   its words, with {name} for a value; "shell": they are a line for /bin/sh instead
 *   space, or tune            what is searched; any names
 *   baseline                  {"name": value}: the settings before the search; of the others the first value
 *   setup, prepare, cleanup   commands around it: before a point is measured after another one, before each
 * execution, and when a point is left metrics                   what it prints (printed.h), beside wall_s, cpu_s
 * and peak_mb expect                    exit codes of a success output_hash               what must be the same as
 * with the baseline: "stdout", "none", or a file time_limit, memory_limit  of one execution: seconds, MiB
 */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/sha256.h"
#include "tuner/target/child.h"
#include "tuner/target/last_points.h"
#include "tuner/target/printed.h"
#include "tuner/target/target.h"
#include "tuner/target/template.h"

enum { WALL, CPU, PEAK, OWN_METRICS }; /* metrics, and parts of a sample */

#define KEEP_BYTES (16u << 20)           /* of each stream, for the metrics that are found in it */
#define OUTPUT_LIMIT (UINT64_C(4) << 30) /* of what a command prints */
#define HASH_LIMIT ((size_t)1 << 30)     /* of a file whose content must stay the same */
#define PATIENCE 10                      /* a command may take so many times the baseline's time, and … */
#define GRACE_S 10                       /* … so many seconds more, where no limit is given */
#define FIRST_S 3600                     /* the baseline itself, where no limit is given */
#define MARK_S 315619200                 /* 1980-01-02, which every file system can store: "not written yet" */

/* Exact metrics of a point. */
typedef struct known_point {
    uint64_t hash;
    double metric[TUNE_METRICS];
} known_point;

typedef struct exec_target {
    tune_target *target;
    tune_metrics metrics;
    tune_printed *printed;
    json_t *config; /* a copy of the keys above */
    bool shell;
    const char *hashed; /* "stdout", "none", or the name of a file with places */
    double time_limit;  /* seconds; 0: none was given */
    uint64_t memory;    /* bytes; 0: no limit */
    double longest;     /* of the baseline, seconds */
    uint64_t hash;      /* of the baseline's output; 0: not known yet */
    uint64_t early;     /* of the output of other settings, while the baseline's is not known; 0: none */
    bool opened;
    int64_t candidate;  /* the one whose setup was run */
    tune_recent recent; /* the points that are known, */
    known_point known[TUNE_RECENT];
} exec_target;

/* ---- one execution ---- */

static const json_t *words_of(const exec_target *e, const char *key) {
    return json_object_get(e->config, key);
}

static bool is_expected(const exec_target *e, int code) {
    const json_t *expect = json_object_get(e->config, "expect");
    for (size_t i = 0; i < json_array_size(expect); i++) {
        if (json_integer_value(json_array_get(expect, i)) == code) return true;
    }
    return !json_array_size(expect) && code == 0;
}

static int describe_end(const char *key, const tune_child_options *o, const tune_child_result *r,
                        xlstm_error *err) {
    const char *colon = r->last_line[0] ? ": " : "";
    char number[XL_NUMBER_TEXT];
    if (r->end == TUNE_CHILD_TOO_LONG)
        return xl_fail(err, XLSTM_EIO, "%s: ended after %s s, its time limit", key,
                       xl_number_rounded(number, o->seconds, 3));
    if (r->end == TUNE_CHILD_TOO_LOUD)
        return xl_fail(err, XLSTM_EIO, "%s: ended after printing %llu bytes", key,
                       (unsigned long long)OUTPUT_LIMIT);
    if (r->end == TUNE_CHILD_KILLED)
        return xl_fail(err, XLSTM_EIO, "%s: ended by signal %d (%s)%s%s", key, r->code, strsignal(r->code), colon,
                       r->last_line);
    return xl_fail(err, XLSTM_EIO, "%s: exit code %d%s%s", key, r->code, colon, r->last_line);
}

/* Runs the command of that key, where there is one. `result`: NULL: only its success counts. */
static int run(const exec_target *e, const char *key, const tune_named_list *values, double seconds,
               tune_child_result *result, xlstm_error *err) {
    const json_t *words = words_of(e, key);
    tune_child_result own;
    if (!json_array_size(words)) return XLSTM_OK;
    char **argv = tune_template_fill(words, values, e->shell);
    if (!argv) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", key);
    const bool main = result != NULL;
    const tune_child_options o = {.argv = argv,
                                  .seconds = seconds,
                                  .memory = main ? e->memory : 0,
                                  .output = OUTPUT_LIMIT,
                                  .keep = main && e->printed ? KEEP_BYTES : 4096,
                                  .discard = main && strcmp(e->hashed, "stdout") != 0 &&
                                             !tune_printed_needs_output(e->printed),
                                  .cancel = e->target->cancel,
                                  .user = e->target->user};
    if (!result) result = &own;
    int status = tune_child_run(&o, result, err);
    if (!status && (result->end != TUNE_CHILD_EXITED || (main ? !is_expected(e, result->code) : result->code != 0)))
        status = describe_end(key, &o, result, err);
    if (!main || status) tune_child_clear(result);
    tune_template_free(argv);
    return status;
}

static double time_limit(const exec_target *e) {
    if (e->time_limit > 0) return e->time_limit;
    return e->longest > 0 ? PATIENCE * e->longest + GRACE_S : FIRST_S;
}

/* ---- points ---- */

static int leave(exec_target *e, xlstm_error *err) {
    tune_named_list values = {0};
    if (!e->opened) return XLSTM_OK;
    e->opened = false;
    if (!tune_target_settings(e->target, e->candidate, &values)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    const int status = run(e, "cleanup", &values, FIRST_S, NULL, err);
    tune_named_clear(&values);
    return status;
}

static int open_point(void *self, int64_t candidate, xlstm_error *err) {
    exec_target *e = self;
    tune_named_list values = {0};
    int status = leave(e, err);
    if (!status && !tune_target_settings(e->target, candidate, &values))
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    /* What the setup of a point that failed has left is cleaned up too. */
    e->opened = !status;
    e->candidate = candidate;
    if (!status) status = run(e, "setup", &values, FIRST_S, NULL, err);
    tune_named_clear(&values);
    return status;
}

/* A file that the command has to write. It may be there before, from another point: then it gets a time of change
 * that nothing which is written now has. */
typedef struct written_file {
    char *path; /* NULL: no file is compared, or out of memory */
    bool marked;
    struct timespec before, mark; /* when it was changed, and what stands there instead */
} written_file;

static struct timespec changed_at(const struct stat *st) {
#ifdef __APPLE__
    return st->st_mtimespec;
#else
    return st->st_mtim;
#endif
}

static bool set_time(const char *path, struct timespec changed) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, changed};
    return !utimensat(AT_FDCWD, path, times, 0);
}

/* One that is no regular file, or whose time this user must not set, is not marked. */
static written_file mark_file(const exec_target *e, const tune_named_list *values) {
    const struct timespec mark = {.tv_sec = MARK_S};
    written_file f = {0};
    struct stat st;
    if (!strcmp(e->hashed, "stdout") || !strcmp(e->hashed, "none")) return f;
    f.path = tune_template_fill_text(e->hashed, values);
    if (!f.path || stat(f.path, &st) || !S_ISREG(st.st_mode)) return f;
    f.before = changed_at(&st);
    /* What the file system makes of the time is read back. */
    f.marked = set_time(f.path, mark) && !stat(f.path, &st);
    f.mark = changed_at(&st);
    return f;
}

/* Whether the file is as it was when it was marked; it then gets its time back. */
static bool is_unwritten(written_file *f) {
    struct stat st;
    bool same = f->marked && !stat(f->path, &st);
    if (same) {
        const struct timespec now = changed_at(&st);
        same = now.tv_sec == f->mark.tv_sec && now.tv_nsec == f->mark.tv_nsec;
    }
    if (same) set_time(f->path, f->before);
    f->marked = false;
    return same;
}

static int hash_of_file(const char *path, bool unwritten, uint64_t *hash, xlstm_error *err) {
    char *data = NULL, hex[33];
    size_t bytes = 0;
    xlstm_error why = {0};
    int status = !path       ? xl_fail(&why, XLSTM_ENOMEM, "out of memory")
                 : unwritten ? xl_fail(&why, XLSTM_EIO, "%s: the command did not write it", path)
                             : xl_file_read(path, HASH_LIMIT, &data, &bytes, &why);
    if (status) xl_fail(err, status, "output_hash: %s", why.text);
    if (!status) {
        xl_fnv_hex(data, bytes, hex);
        hex[16] = 0;
        *hash = strtoull(hex, NULL, 16) | 1;
    }
    free(data);
    return status;
}

/* Compares the output with the baseline's. That is measured first in a search, but not always in a process of the
 * last comparison: what came before it is compared when it is known. */
static int check_output(exec_target *e, int64_t candidate, uint64_t hash, xlstm_error *err) {
    const bool first = !e->hash && candidate == TUNE_BASELINE;
    uint64_t *wanted = e->hash || first ? &e->hash : &e->early;
    if (first) e->hash = hash;
    if (!*wanted) *wanted = hash;
    if (hash == *wanted && !(first && e->early && e->early != hash)) return XLSTM_OK;
    if (candidate == TUNE_BASELINE && !first)
        return xl_fail(err, XLSTM_EMISMATCH,
                       "the output of the command changes from one execution to the next; "
                       "output_hash says what must stay the same (none: nothing)");
    return xl_fail(err, XLSTM_EMISMATCH, "the output is not the baseline's");
}

static void remember(exec_target *e, int64_t candidate, uint64_t hash, const double *metric) {
    known_point *k = &e->known[tune_recent_put(&e->recent, candidate)];
    k->hash = hash;
    memcpy(k->metric, metric, sizeof k->metric);
}

/* One execution, added to the sums in `parts`. `left`: the seconds after which it is hopeless. */
static int execute(exec_target *e, int64_t candidate, const tune_named_list *values, double left, tune_reading *out,
                   xlstm_error *err) {
    tune_child_result r;
    double parts[TUNE_PARTS] = {0}, metric[TUNE_METRICS];
    uint64_t hash = 0;
    for (int i = 0; i < TUNE_METRICS; i++) metric[i] = NAN;
    int status = run(e, "prepare", values, FIRST_S, NULL, err), read = XLSTM_OK;
    if (status) return status;
    const double limit = time_limit(e);
    xlstm_error why = {0};
    written_file file = mark_file(e, values);
    status = run(e, "command", values, fmin(limit, left), &r, &why);
    const bool unwritten = is_unwritten(&file);
    if (!status && !strcmp(e->hashed, "stdout")) hash = r.hash;
    else if (!status && strcmp(e->hashed, "none") != 0) read = hash_of_file(file.path, unwritten, &hash, err);
    free(file.path);
    if (status && left < limit && why.status == XLSTM_EIO && strstr(why.text, "its time limit")) {
        out->parts[WALL] += left;
        return TUNE_STOPPED;
    }
    if (status) return xl_fail(err, status, "%s", why.text);
    status = read;
    if (!status && hash) status = check_output(e, candidate, hash, err);
    if (!status) status = tune_printed_read(e->printed, &r, values, parts, metric, err);
    parts[WALL] = r.wall_s;
    parts[CPU] = fmax(r.cpu_s, 1e-6);
    parts[PEAK] = r.peak_mb;
    for (int i = 0; i < e->metrics.parts; i++) out->parts[i] += parts[i];
    out->hash = hash;
    if (candidate == TUNE_BASELINE) e->longest = fmax(e->longest, r.wall_s);
    tune_child_clear(&r);
    if (!status) remember(e, candidate, hash, metric);
    return status;
}

static int measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    exec_target *e = self;
    tune_named_list values = {0};
    *out = (tune_reading){.parts = {0}};
    if (!tune_target_settings(e->target, candidate, &values)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = e->opened && e->candidate == candidate ? XLSTM_OK : open_point(e, candidate, err);
    for (unsigned i = 0; !status && i < repeats; i++) {
        /* Only where the time is what is optimized a long time says that a point is hopeless. */
        const double left = e->target->objective == WALL ? limit * repeats - out->parts[WALL] : INFINITY;
        status = left > 0 ? execute(e, candidate, &values, left, out, err) : TUNE_STOPPED;
    }
    for (int i = 0; i < e->metrics.parts; i++) out->parts[i] /= repeats;
    for (int i = e->metrics.parts; i < TUNE_PARTS; i++) out->parts[i] = NAN;
    if (status == TUNE_STOPPED) out->cost = out->parts[WALL];
    tune_named_clear(&values);
    return status;
}

static double cost(void *self, int objective, const double parts[TUNE_PARTS]) {
    const exec_target *e = self;
    const tune_metric *m = &e->metrics.at[objective];
    const double value = parts[m->part < 0 ? WALL : m->part];
    return m->part >= 0 && m->larger_is_better ? 1 / value : value;
}

static int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    const exec_target *e = self;
    (void)err;
    const int at = tune_recent_find(&e->recent, candidate);
    if (at < 0) return XLSTM_OK;
    memcpy(out->metric, e->known[at].metric, sizeof out->metric);
    const unsigned long long hash = e->known[at].hash;
    if (hash) snprintf(out->token_hash, sizeof out->token_hash, "%016llx", hash);
    return XLSTM_OK;
}

/* ---- what is the same ---- */

/* The hash of the program's file; "" where which program runs depends on the point, or is a shell's business. */
static int program_hash(const exec_target *e, char text[65], xlstm_error *err) {
    const char *word = json_string_value(json_array_get(words_of(e, "command"), 0));
    char *path = NULL, *data = NULL;
    size_t bytes;
    text[0] = 0;
    if (e->shell || strpbrk(word, "{}")) return XLSTM_OK;
    if (!(path = tune_child_path(word)))
        return xl_fail(err, XLSTM_EARG, "command: found no program '%s' that can be run", word);
    const int status = xl_file_read(path, HASH_LIMIT, &data, &bytes, err);
    if (!status) {
        xl_sha256 hash;
        xl_sha256_init(&hash);
        xl_sha256_update(&hash, data, bytes);
        xl_sha256_hex(&hash, text);
    }
    free(data);
    free(path);
    return status;
}

/* Called before the fresh processes of a verdict, which set up their points themselves, so the one that is set up
 * here is cleaned up. */
static int unchanged(void *self, xlstm_error *err) {
    exec_target *e = self;
    char now[65];
    const tune_value *then = tune_named_find(&e->target->identity, "program");
    int status = leave(e, err);
    if (status) return status;
    status = program_hash(e, now, err);
    if (status) return xl_fail(err, XLSTM_ECHANGED, "the program of the command is gone");
    if (!then || !strcmp(then->text, now)) return XLSTM_OK;
    return xl_fail(err, XLSTM_ECHANGED, "the program of the command was replaced while it was measured");
}

static int state_facts(exec_target *e, xlstm_error *err) {
    static const char *const keys[] = {"setup", "prepare", "cleanup"};
    char program[65];
    int status = program_hash(e, program, err);
    char *command = tune_template_text(words_of(e, "command")), *text[3] = {0};
    tune_named identity[2], work[4];
    size_t facts = 0, works = 0;
    identity[facts++] = (tune_named){"command", {.text = command}};
    if (program[0]) identity[facts++] = (tune_named){"program", {.text = program}};
    for (int i = 0; i < 3; i++) {
        text[i] = tune_template_text(words_of(e, keys[i]));
        if (text[i] && text[i][0]) work[works++] = (tune_named){keys[i], {.text = text[i]}};
    }
    const bool ok = command && text[0] && text[1] && text[2] &&
                    tune_named_copy(&e->target->identity, identity, facts) &&
                    tune_named_copy(&e->target->workload, work, works);
    if (!status && !ok) status = xl_fail(err, XLSTM_ENOMEM, "command: out of memory");
    free(command);
    for (int i = 0; i < 3; i++) free(text[i]);
    return status;
}

/* ---- describe ---- */

static int set_metrics(exec_target *e, xlstm_error *err) {
    e->metrics =
        (tune_metrics){.count = OWN_METRICS,
                       .parts = OWN_METRICS,
                       .objective = WALL,
                       .seconds = WALL,
                       .apart = {-1, -1},
                       .at = {{.name = "wall_s", .unit = "s", .part = WALL},
                              {.name = "cpu_s", .unit = "s", .part = CPU},
                              {.name = "peak_mb", .unit = "MiB", .part = PEAK, .least = 0.5, .least_share = 0.02}}};
    return tune_printed_create(&e->printed, json_object_get(e->config, "metrics"), &e->metrics, err);
}

/* The value of a parameter before the search. */
static int baseline_value(const json_t *given, const tune_param *p, tune_value *out, xlstm_error *err) {
    const json_t *value = json_object_get(given, p->name);
    *out = p->declared[0];
    if (!value || tune_value_from_json(value, out)) return XLSTM_OK;
    return xl_fail(err, XLSTM_EFORMAT, "baseline: %s: wanted a number or a text", p->name);
}

/* `settings` is the baseline of a run that goes on, or of the parent process. */
static int set_baseline(exec_target *e, const json_t *settings, xlstm_error *err) {
    tune_space *space = e->target->declared;
    const json_t *given = settings ? settings : tune_target_before(e->config);
    const size_t count = tune_space_params(space);
    tune_named all[TUNE_SPACE_PARAMS];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given, key, value) {
        const int at = tune_space_find_param(space, key);
        if (at < 0) return xl_fail(err, XLSTM_EARG, "baseline: %s is no parameter of the space", key);
        const tune_param *p = tune_space_param(space, (size_t)at);
        const int status =
            settings ? XLSTM_OK : tune_target_check_before(key, value, p->declared, p->declared_count, err);
        if (status) return status;
    }
    for (size_t i = 0; i < count; i++) {
        const tune_param *p = tune_space_param(space, i);
        const int status = baseline_value(given, p, &all[i].value, err);
        if (status) return status;
        all[i].name = p->name;
        tune_space_set_preset(space, i, all[i].value);
    }
    return tune_named_copy(&e->target->baseline, all, count)
               ? XLSTM_OK
               : xl_fail(err, XLSTM_ENOMEM, "baseline: out of memory");
}

static int check_places(const exec_target *e, xlstm_error *err) {
    static const char *const keys[] = {"command", "setup", "prepare", "cleanup"};
    bool used[TUNE_SPACE_PARAMS] = {false};
    const tune_space *space = e->target->declared;
    int status = XLSTM_OK;
    for (int i = 0; !status && i < 4; i++)
        status = tune_template_check(keys[i], words_of(e, keys[i]), space, used, err);
    for (int i = 1; !status && !e->shell && i < 4; i++)
        status = tune_template_no_shell(keys[i], words_of(e, keys[i]), err);
    json_t *names = json_array();
    if (strcmp(e->hashed, "stdout") != 0) json_array_append_new(names, json_string(e->hashed));
    for (size_t i = 0; i < tune_printed_files(e->printed); i++)
        json_array_append_new(names, json_string(tune_printed_file(e->printed, i)));
    bool named[TUNE_SPACE_PARAMS] = {false};
    if (!status) status = tune_template_check("names of files", names, space, named, err);
    json_decref(names);
    for (size_t i = 0; !status && i < tune_space_params(space); i++) {
        if (!used[i])
            status =
                xl_fail(err, XLSTM_EARG, "command: {%s} stands nowhere in it, so that parameter changes nothing",
                        tune_space_param(space, i)->name);
    }
    return status;
}

static void close_exec(void *self) {
    exec_target *e = self;
    leave(e, NULL);
    tune_printed_destroy(e->printed);
    json_decref(e->config);
    free(e);
}

static int describe(tune_target *out, const tune_target_options *options, xlstm_error *err) {
    exec_target *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "command: out of memory");
    *e = (exec_target){.target = out, .config = json_deep_copy(options->config)};
    out->self = e;
    out->close = close_exec;
    out->metrics = &e->metrics;
    out->measure = measure;
    out->cost = cost;
    out->outcome = outcome;
    out->unchanged = unchanged;
    out->elsewhere = true;
    const json_t *hashed = json_object_get(e->config, "output_hash");
    e->shell = json_is_true(json_object_get(e->config, "shell"));
    e->hashed = json_is_string(hashed) ? json_string_value(hashed) : "stdout";
    e->time_limit = json_number_value(json_object_get(e->config, "time_limit"));
    e->memory = (uint64_t)(json_number_value(json_object_get(e->config, "memory_limit")) * (1 << 20));
    if (!json_array_size(words_of(e, "command")))
        return xl_fail(err, XLSTM_EARG, "command: found nothing, wanted a command after --");
    const json_t *space = json_object_get(e->config, "space"), *tune = json_object_get(e->config, "tune");
    if (!json_is_object(space) && !json_array_size(tune))
        return xl_fail(err, XLSTM_EARG, "space: found nothing, wanted --space or --tune with the values to try");
    int status = set_metrics(e, err);
    if (!status) status = tune_target_space(NULL, 0, e->config, &out->declared, err);
    if (!status) status = set_baseline(e, options->settings, err);
    if (!status) status = check_places(e, err);
    if (!status) status = tune_space_seal(out->declared, err);
    out->space = out->declared;
    return status ? status : state_facts(e, err);
}

const tune_target_class tune_target_exec = {
    .name = "exec",
    .summary =
        "any command, given after --, with {name} for the value of a parameter; wall_s, cpu_s, peak_mb, or what "
        "it prints",
    .of_command = true,
    .describe = describe};
