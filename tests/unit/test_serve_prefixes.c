/* The server's cache of prefixes: what is kept where memory, the folder and the disk have limits, which of the
 * states goes first, and that a file that is missing, damaged or none of the cache's does no harm. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "helper.h"
#include "server/prefixes.h"

#define DEMO XL_SOURCE_DIR "/models/tiny-literature"

static xlstm_model *model;
static serve_metrics metrics;
static uint64_t entry_bytes; /* of a state with its logits, in memory */
static size_t vocab;
static xlstm_settings settings;

/* ---- the disk, which has done its errands only when the test says so ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void wake(void *user) {
    (void)user;
    pthread_mutex_lock(&lock);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void settle(serve_disk *d) {
    while (serve_disk_pending(d)) {
        pthread_mutex_lock(&lock);
        while (!serve_disk_ready(d)) pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        serve_disk_settle(d);
    }
}

/* ---- states ---- */

/* The k-th text: ids that differ from all others' in the first one. */
typedef struct text {
    int32_t ids[24];
    size_t count;
} text;

static text text_of(int k, size_t count) {
    text t = {.count = count};
    for (size_t i = 0; i < count; i++) t.ids[i] = (int32_t)(i ? 10 + (int)i : 100 + k);
    return t;
}

static xlstm_session *behind(const text *t, float *logits) {
    xlstm_session *s;
    assert_int_equal(xlstm_session_create(&s, model, &settings, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(s, t->ids, t->count, XLSTM_LOGITS_LAST, logits, NULL), XLSTM_OK);
    return s;
}

enum { LENGTH = 16 };

/* Keeps the state behind the k-th text. */
static void put(serve_prefixes *p, int k) {
    float *logits = xl_array(vocab, sizeof *logits);
    const text t = text_of(k, LENGTH);
    serve_prefixes_put(p, t.ids, t.count, behind(&t, logits), logits);
    free(logits);
}

static bool has(const serve_prefixes *p, int k) {
    const text t = text_of(k, LENGTH);
    return serve_prefixes_has(p, t.ids, t.count);
}

/* Looks for the k-th text and a few tokens more; a state that is found must go on as one that read it all. */
static serve_found find(serve_prefixes *p, int k) {
    const text t = text_of(k, LENGTH + 4);
    xlstm_session *s;
    size_t length;
    float *known, *logits = xl_array(2 * vocab, sizeof *logits);
    assert_int_equal(xlstm_session_create(&s, model, &settings, NULL), XLSTM_OK);
    const serve_found found = serve_prefixes_find(p, t.ids, t.count, s, &length, &known);
    assert_null(known);
    assert_int_equal(length, found == SERVE_FOUND_STATE ? LENGTH : 0);
    assert_int_equal(xlstm_session_position(s), length);
    if (found == SERVE_FOUND_STATE) {
        xlstm_session *wanted = behind(&t, logits);
        assert_int_equal(
            xlstm_prefill(s, t.ids + length, t.count - length, XLSTM_LOGITS_LAST, logits + vocab, NULL), XLSTM_OK);
        const double error = test_relative_error(logits + vocab, logits, vocab);
        if (error > 1e-5) fail_msg("off by %g", error);
        xlstm_session_destroy(wanted);
    }
    xlstm_session_destroy(s);
    free(logits);
    return found;
}

/* ---- caches ---- */

static char told[700]; /* the last note */
static int notes;

static void take_note(const char *line) {
    snprintf(told, sizeof told, "%s", line);
    notes++;
}

typedef struct cache {
    serve_disk *disk;
    serve_prefixes *p;
    char *folder, *inside; /* the cache's, and this checkpoint's in it */
} cache;

static cache open_cache(const char *name, uint64_t states, uint64_t folder_bytes) {
    cache c = {.folder = name ? test_path(name) : NULL};
    xlstm_error err;
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    if (name) c.inside = xl_format("%s/%.16s", c.folder, info.fingerprint);
    assert_int_equal(serve_disk_create(&c.disk, wake, NULL, &err), XLSTM_OK);
    const serve_prefixes_options o = {.model = model,
                                      .memory_bytes = states * entry_bytes,
                                      .folder = c.folder,
                                      .folder_bytes = folder_bytes,
                                      .disk = c.disk,
                                      .metrics = &metrics,
                                      .note = take_note};
    notes = 0;
    if (serve_prefixes_create(&c.p, &o, &err)) fail_msg("%s", err.text);
    return c;
}

static void close_cache(cache *c) {
    serve_disk_destroy(c->disk);
    serve_prefixes_destroy(c->p);
    free(c->folder);
    free(c->inside);
}

/* Files of the cache, and others. */
static int files_in(const char *folder) {
    DIR *dir = opendir(folder);
    int count = 0;
    assert_non_null(dir);
    for (const struct dirent *d; (d = readdir(dir));) count += d->d_name[0] != '.';
    closedir(dir);
    return count;
}

static uint64_t file_room(int files) {
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    return (uint64_t)files * (info.state_bytes + 65536);
}

static void the_oldest_goes_first(void **state) {
    cache c = open_cache(NULL, 2, 0);
    put(c.p, 0);
    put(c.p, 1);
    assert_int_equal(serve_read(&metrics.cache_bytes), 2 * entry_bytes);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_STATE); /* used again: the other is the oldest now */
    put(c.p, 2);
    assert_true(has(c.p, 0) && !has(c.p, 1) && has(c.p, 2));
    assert_int_equal(find(c.p, 1), SERVE_FOUND_NOTHING);
    assert_int_equal(serve_read(&metrics.cache_states), 2);
    /* One that is there already is no other. */
    put(c.p, 2);
    assert_int_equal(serve_read(&metrics.cache_states), 2);
    assert_int_equal(serve_read(&metrics.cache_bytes), 2 * entry_bytes);
    /* Without a folder nothing can be flushed, and nothing is lost by it. */
    serve_prefixes_flush(c.p);
    assert_int_equal(find(c.p, 2), SERVE_FOUND_STATE);
    close_cache(&c);
    /* Where there is no room for one, none is kept. */
    c = open_cache(NULL, 1, 0);
    close_cache(&c);
    const uint64_t bytes = entry_bytes;
    entry_bytes--;
    c = open_cache(NULL, 1, 0);
    put(c.p, 0);
    assert_int_equal(serve_read(&metrics.cache_states), 0);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_NOTHING);
    close_cache(&c);
    entry_bytes = bytes;
}

/* Logits that come later are added; a whole prompt is found where they are known, and only then. */
static void whole_prompts(void **state) {
    cache c = open_cache(NULL, 4, 0);
    float *logits = xl_array(vocab, sizeof *logits), *known;
    const text t = text_of(0, LENGTH);
    xlstm_session *s = behind(&t, logits);
    size_t length;
    serve_prefixes_put(c.p, t.ids, t.count, behind(&t, logits), NULL);
    assert_int_equal(serve_prefixes_find(c.p, t.ids, t.count, s, &length, &known), SERVE_FOUND_NOTHING);
    serve_prefixes_put(c.p, t.ids, t.count, behind(&t, logits), logits);
    assert_int_equal(serve_read(&metrics.cache_states), 1);
    assert_int_equal(serve_read(&metrics.cache_bytes), entry_bytes);
    assert_int_equal(serve_prefixes_find(c.p, t.ids, t.count, s, &length, &known), SERVE_FOUND_STATE);
    assert_int_equal(length, LENGTH);
    assert_memory_equal(known, logits, vocab * sizeof *logits);
    free(known);
    /* Of two beginnings the longer; one that is longer than the prompt is of no use. */
    const text longer = text_of(0, LENGTH + 2);
    serve_prefixes_put(c.p, longer.ids, longer.count, behind(&longer, logits), NULL);
    assert_int_equal(serve_prefixes_find(c.p, t.ids, t.count, s, &length, &known), SERVE_FOUND_STATE);
    assert_int_equal(length, LENGTH);
    free(known);
    const text most = text_of(0, LENGTH + 4);
    assert_int_equal(serve_prefixes_find(c.p, most.ids, most.count, s, &length, &known), SERVE_FOUND_STATE);
    assert_int_equal(length, LENGTH + 2);
    free(known);
    xlstm_session_destroy(s);
    free(logits);
    close_cache(&c);
}

static void what_leaves_memory_goes_to_the_folder(void **state) {
    cache c = open_cache("two files", 1, file_room(2));
    put(c.p, 0);
    put(c.p, 1);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_NOTHING); /* on its way */
    put(c.p, 0);                                         /* and not kept twice */
    settle(c.disk);
    assert_int_equal(serve_read(&metrics.cache_disk_states), 1);
    put(c.p, 2);
    settle(c.disk);
    assert_int_equal(files_in(c.inside), 2);
    /* The folder is full: the state that was used last longest ago makes room. */
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK); /* as long as it is being read */
    settle(c.disk);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_STATE);
    assert_int_equal(files_in(c.inside), 2);
    assert_int_equal(serve_read(&metrics.cache_disk_states), 2);
    assert_int_equal(serve_read(&metrics.cache_states), 1);
    assert_int_equal(find(c.p, 1), SERVE_FOUND_NOTHING);
    put(c.p, 3); /* the first one's file is there still: it is not written again */
    settle(c.disk);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK);
    settle(c.disk);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_STATE);
    close_cache(&c);
    /* After a restart what is in the folder is known. */
    c = open_cache("two files", 1, file_room(2));
    assert_int_equal(serve_read(&metrics.cache_disk_states), 2);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK);
    settle(c.disk);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_STATE);
    close_cache(&c);
}

/* What is read back makes room in memory, which makes room in the folder: that must not be its own. */
static void the_only_file_is_read_back(void **state) {
    cache c = open_cache("one file", 1, file_room(1));
    put(c.p, 0);
    put(c.p, 1);
    settle(c.disk);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(find(c.p, 0), round ? SERVE_FOUND_STATE : SERVE_FOUND_ON_DISK);
        settle(c.disk);
        assert_int_equal(find(c.p, 0), SERVE_FOUND_STATE);
        assert_int_equal(serve_read(&metrics.cache_states), 1);
        assert_int_equal(serve_read(&metrics.cache_disk_states), 1);
    }
    close_cache(&c);
}

/* A disk that is slow does not fill memory: of many states that leave it at once a few are written. */
static void few_are_written_at_once(void **state) {
    enum { ALL = 12, AT_ONCE = 8 };
    cache c = open_cache("slow", 1, file_room(100));
    for (int k = 0; k < ALL; k++) put(c.p, k);
    assert_int_equal(serve_disk_pending(c.disk), AT_ONCE);
    settle(c.disk);
    assert_int_equal(serve_read(&metrics.cache_disk_states), AT_ONCE);
    assert_int_equal(files_in(c.inside), AT_ONCE);
    for (int k = 0; k < ALL; k++) assert_int_equal(has(c.p, k), k < AT_ONCE || k == ALL - 1);
    /* At the end the rest is written. */
    serve_prefixes_flush(c.p);
    settle(c.disk);
    assert_int_equal(files_in(c.inside), AT_ONCE + 1);
    assert_int_equal(serve_read(&metrics.cache_states), 0);
    close_cache(&c);
    /* A folder that may not hold even one holds none. */
    c = open_cache("small", 1, file_room(1) - 1);
    put(c.p, 0);
    put(c.p, 1);
    settle(c.disk);
    assert_int_equal(files_in(c.inside), 0);
    assert_true(!has(c.p, 0) && has(c.p, 1));
    assert_int_equal(notes, 1);
    assert_non_null(
        strstr(told, "nothing is written into --cache-dir, and the cache goes on in memory: a state has "));
    close_cache(&c);
    /* All that the folder may hold is being written: the next one finds no room. */
    c = open_cache("busy", 1, file_room(1));
    for (int k = 0; k < 3; k++) put(c.p, k);
    settle(c.disk);
    assert_int_equal(files_in(c.inside), 1);
    assert_true(has(c.p, 0) && !has(c.p, 1) && has(c.p, 2));
    close_cache(&c);
}

/* The name of a file of the cache that is none of names [count]. */
static char *another(const char *folder, char *const *names, int count) {
    DIR *dir = opendir(folder);
    char *found = NULL;
    assert_non_null(dir);
    for (const struct dirent *d; (d = readdir(dir));) {
        bool known = strncmp(d->d_name, "prefix-", 7) != 0;
        for (int i = 0; i < count; i++) known |= !strcmp(d->d_name, names[i]);
        if (known) continue;
        assert_null(found);
        found = strdup(d->d_name);
    }
    closedir(dir);
    assert_non_null(found);
    return found;
}

static void a_disk_that_fails_is_done_without(void **state) {
    cache c = open_cache("gone", 1, file_room(10));
    put(c.p, 0);
    put(c.p, 1);
    settle(c.disk);
    assert_int_equal(serve_read(&metrics.cache_disk_states), 1);
    /* The file is taken away, and then the folder. */
    char *remove = xl_format("rm -f '%s'/prefix-*", c.inside);
    assert_int_equal(system(remove), 0); /* NOLINT: files of our own */
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK);
    settle(c.disk);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_NOTHING);
    assert_int_equal(serve_read(&metrics.cache_disk_states), 0);
    assert_int_equal(find(c.p, 1), SERVE_FOUND_STATE);
    assert_int_equal(rmdir(c.inside), 0);
    put(c.p, 2);
    settle(c.disk);
    assert_true(!has(c.p, 1) && has(c.p, 2));
    assert_int_equal(serve_read(&metrics.cache_disk_states), 0);
    assert_int_equal(serve_read(&metrics.cache_states), 1);
    assert_int_equal(find(c.p, 2), SERVE_FOUND_STATE);
    free(remove);
    /* It is told, and told once. */
    assert_int_equal(notes, 1);
    assert_non_null(strstr(told, "nothing is written into --cache-dir, and the cache goes on in memory: "));
    assert_non_null(strstr(told, "No such file or directory"));
    put(c.p, 3);
    settle(c.disk);
    assert_int_equal(notes, 1);
    close_cache(&c);
    /* A file that turns out to be damaged while the server ends is removed all the same. */
    c = open_cache("damaged", 1, file_room(10));
    put(c.p, 0);
    put(c.p, 1);
    settle(c.disk);
    char *name = another(c.inside, NULL, 0), *damaged = xl_path_join(c.inside, name);
    assert_int_equal(xl_file_write(damaged, "", 0, NULL), XLSTM_OK);
    assert_int_equal(find(c.p, 0), SERVE_FOUND_ON_DISK);
    serve_disk_destroy(c.disk);
    c.disk = NULL;
    assert_int_equal(files_in(c.inside), 0);
    assert_false(has(c.p, 0));
    free(name);
    free(damaged);
    close_cache(&c);
    /* A file stands where the folder is to be. */
    xlstm_error err;
    serve_prefixes *p;
    test_put("no folder", "");
    char *path = test_path("no folder");
    const serve_prefixes_options o = {.model = model, .memory_bytes = 1, .folder = path, .metrics = &metrics};
    assert_int_equal(serve_prefixes_create(&p, &o, &err), XLSTM_EIO);
    assert_null(p);
    assert_non_null(strstr(err.text, "cannot make folder"));
    free(path);
}

/* What is in the folder and not the cache's is neither counted nor touched; of the others those that were written
 * first go first, whatever their names. */
static void a_folder_of_before(void **state) {
    static const struct timespec times[] = {{2000, 900}, {1000, 999}, {2000, 500}};
    static const char digits[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    static const char *const others[] = {"notes.txt",
                                         "prefix-0-%sf.safetensors",
                                         "prefix--%sf.safetensors",
                                         "prefix-x-%sf.safetensors",
                                         "prefix-16x%sf.safetensors",
                                         "prefix-16-%sg.safetensors",
                                         "prefix-16-%s.safetensors",
                                         "prefix-16-%sf.safetensorz"};
    enum { OTHERS = sizeof others / sizeof *others };
    char *names[3];
    cache c = open_cache("before", 1, file_room(10));
    put(c.p, 0);
    for (int k = 0; k < 3; k++) {
        put(c.p, k + 1);
        settle(c.disk);
        names[k] = another(c.inside, names, k);
        const struct timespec both[] = {times[k], times[k]};
        char *path = xl_path_join(c.inside, names[k]);
        assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
        free(path);
    }
    for (int i = 0; i < OTHERS; i++) {
        char name[160];
        snprintf(name, sizeof name, others[i], digits);
        char *path = xl_path_join(c.inside, name);
        assert_int_equal(xl_file_write(path, "", 0, NULL), XLSTM_OK);
        free(path);
    }
    char *folder = xl_format("%s/prefix-16-%sf.safetensors", c.inside, digits);
    assert_int_equal(mkdir(folder, 0777), 0);
    free(folder);
    close_cache(&c);
    c = open_cache("before", 1, file_room(3));
    assert_int_equal(serve_read(&metrics.cache_disk_states), 3);
    /* Each further file takes the place of the oldest. */
    static const int order[] = {1, 2, 0};
    bool gone[3] = {0};
    put(c.p, 10);
    for (int i = 0; i < 3; i++) {
        put(c.p, 11 + i);
        settle(c.disk);
        gone[order[i]] = true;
        for (int k = 0; k < 3; k++) {
            char *path = xl_path_join(c.inside, names[k]);
            assert_int_equal(xl_is_file(path), !gone[k]);
            free(path);
        }
        assert_int_equal(files_in(c.inside), 3 + OTHERS + 1);
    }
    for (int k = 0; k < 3; k++) free(names[k]);
    close_cache(&c);
}

static int open_model(void **state) {
    xlstm_error err;
    if (test_make_folder(state) || xlstm_model_open(&model, DEMO, NULL, &err)) return -1;
    vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    entry_bytes = 1 << 24;
    cache c = open_cache(NULL, 1, 0);
    put(c.p, 0);
    entry_bytes = serve_read(&metrics.cache_bytes);
    close_cache(&c);
    return 0;
}

static int close_model(void **state) {
    xlstm_model_close(model);
    return test_remove_folder(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_oldest_goes_first),
                                       cmocka_unit_test(whole_prompts),
                                       cmocka_unit_test(what_leaves_memory_goes_to_the_folder),
                                       cmocka_unit_test(the_only_file_is_read_back),
                                       cmocka_unit_test(few_are_written_at_once),
                                       cmocka_unit_test(a_disk_that_fails_is_done_without),
                                       cmocka_unit_test(a_folder_of_before)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
