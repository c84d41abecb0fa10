/* What a study bears: many agents on one database, and a study of many trials.
 *
 * usage: bench_fleet agents STUDY AGENTS SECONDS SLEEP_MS   agents that sleep instead of measuring, each with a
 * connection bench_fleet trials STUDY TRIALS [keep]             fills a study and times what is done with it */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/tasks.h"

static void must(int status, const xlstm_error *err) {
    if (!status) return;
    fprintf(stderr, "bench_fleet: %s\n", err->text);
    exit(1);
}

static char *text(const char *s) {
    return (char *)(uintptr_t)s;
}

static int64_t begin_run(tune_study *study, const char *uid) {
    xlstm_error err;
    tune_run_row run = {.uid = text(uid),
                        .folder = text("/nowhere"),
                        .backend = text("bench"),
                        .state = text(TUNE_RUN_FINISHED),
                        .mode = text("random"),
                        .objective = text("request_s"),
                        .machine = text("m"),
                        .machine_info = text("{}"),
                        .target = text("bench"),
                        .version = text("0"),
                        .created = 1,
                        .meta = text("{}"),
                        .space = text("{}")};
    tune_study_first_metrics(&run.metrics);
    must(tune_study_run_add(study, &run, &err), &err);
    return run.id;
}

/* ---- agents ---- */

typedef struct agent {
    const char *study;
    int64_t run;
    int number;
    double sleep_s, until;
    pthread_barrier_t *begin; /* all are connected, and `until` is set */
    double *claim_s, *idle_s; /* [n]: each claim that found a task, and the wait before it */
    size_t n, room;
} agent;

static void nap(double s) {
    nanosleep(&(struct timespec){.tv_sec = (time_t)s, .tv_nsec = (long)(1e9 * (s - floor(s)))}, NULL);
}

static void *work(void *ctx) {
    agent *a = ctx;
    tune_study *study;
    xlstm_error err;
    char uid[16];
    snprintf(uid, sizeof uid, "n%d", a->number);
    must(tune_study_open(&study, a->study, false, &err), &err);
    pthread_barrier_wait(a->begin);
    pthread_barrier_wait(a->begin);
    double free_since = xl_now_s(), wait = 0.005;
    while (xl_now_s() < a->until) {
        tune_task task;
        bool found, taken;
        const double began = xl_now_s();
        must(tune_study_task_claim(study, a->run, uid, 30, &task, &found, &err), &err);
        if (!found) {
            nap(wait);
            wait = fmin(0.25, 2 * wait);
            continue;
        }
        wait = 0.005;
        if (a->n == a->room) {
            a->room = a->room ? 2 * a->room : 256;
            a->claim_s = realloc(a->claim_s, a->room * sizeof(double));
            a->idle_s = realloc(a->idle_s, a->room * sizeof(double));
        }
        a->claim_s[a->n] = xl_now_s() - began;
        a->idle_s[a->n++] = began - free_since;
        nap(a->sleep_s);
        must(tune_study_task_finish(study, &task, "{}", NULL, NULL, 0, &taken, &err), &err);
        tune_task_clear(&task);
        free_since = xl_now_s();
    }
    tune_study_close(study);
    return NULL;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *x, size_t n, double q) {
    return n ? x[(size_t)(q * (double)(n - 1))] : NAN;
}

/* Keeps tasks ahead of the agents, as the proposing process does. */
static void propose(tune_study *study, int64_t run, int agents, int64_t next, double until) {
    xlstm_error err;
    while (xl_now_s() < until) {
        tune_rows *q;
        int status = XLSTM_OK;
        must(tune_study_query(study, &q, "counting", &err,
                              "SELECT count(*) FROM task WHERE run = $1 AND state = 'proposed'", "i", run),
             &err);
        const int64_t open = tune_rows_next(study, q, &status, &err) ? study->db->class->integer(q, 0) : 0;
        tune_rows_end(study, q);
        must(status, &err);
        for (int64_t i = open; i < 2 * agents; i++)
            must(tune_study_task_add(study, run, TUNE_WORK_TRIAL, next++, "{\"point\":{\"a\":1}}", NULL, &err),
                 &err);
        nap(0.01);
    }
}

static int agents(const char *name, int count, double seconds, double sleep_s) {
    tune_study *study;
    xlstm_error err;
    char uid[40];
    snprintf(uid, sizeof uid, "bench-%.0f", xl_wall_s());
    must(tune_study_open(&study, name, true, &err), &err);
    const int64_t run = begin_run(study, uid);
    agent *all = calloc((size_t)count, sizeof *all);
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 18);
    pthread_barrier_t begin;
    pthread_barrier_init(&begin, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        all[i] = (agent){.study = name, .run = run, .number = i, .sleep_s = sleep_s, .begin = &begin};
        if (pthread_create(&threads[i], &small, work, &all[i])) return 1;
        nap(0.005);
    }
    for (int i = 0; i < 2 * count; i++)
        must(tune_study_task_add(study, run, TUNE_WORK_TRIAL, i, "{\"point\":{\"a\":1}}", NULL, &err), &err);
    pthread_barrier_wait(&begin);
    const double until = xl_now_s() + seconds;
    for (int i = 0; i < count; i++) all[i].until = until;
    pthread_barrier_wait(&begin);
    propose(study, run, count, 2 * count, until);
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        n += all[i].n;
    }
    double *claim = malloc((n + 1) * sizeof *claim), *idle = malloc((n + 1) * sizeof *idle);
    size_t used = 0, idled = 0;
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < all[i].n; k++) {
            claim[used++] = all[i].claim_s[k];
            if (k) idle[idled++] = all[i].idle_s[k]; /* the first claim waits for the first proposals */
        }
        free(all[i].claim_s);
        free(all[i].idle_s);
    }
    qsort(claim, used, sizeof *claim, by_size);
    qsort(idle, idled, sizeof *idle, by_size);
    printf("agents,seconds,sleep_ms,claims,claims_s,claim_p50_ms,claim_p99_ms,idle_p99_ms,idle_max_ms\n");
    printf("%d,%.0f,%.0f,%zu,%.0f,%.2f,%.2f,%.2f,%.2f\n", count, seconds, 1e3 * sleep_s, n, (double)n / seconds,
           1e3 * quantile(claim, used, 0.5), 1e3 * quantile(claim, used, 0.99), 1e3 * quantile(idle, idled, 0.99),
           1e3 * quantile(idle, idled, 1));
    must(tune_study_run_remove(study, run, &err), &err);
    tune_study_close(study);
    free(claim);
    free(idle);
    free(all);
    free(threads);
    return 0;
}

/* ---- trials ---- */

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* cpu_s: of this process alone, so without the server's. */
static void say(const char *what, double since) {
    static double before;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const double cpu = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    printf("%s,%.3f,%.3f,%.0f\n", what, xl_now_s() - since, cpu - before, (double)used.ru_maxrss / 1024);
    fflush(stdout);
    before = cpu;
}

static int trials(const char *name, int64_t count, bool keep) {
    tune_study *study;
    xlstm_error err;
    tune_run_row *runs;
    tune_trial_row *rows;
    tune_known_point *points;
    size_t n;
    char uid[40];
    snprintf(uid, sizeof uid, "bench-%.0f", xl_wall_s());
    printf("what,seconds,cpu_s,peak_mb\n");
    double at = xl_now_s();
    must(tune_study_open(&study, name, true, &err), &err);
    say("make", at);
    const int64_t run = begin_run(study, uid);
    at = xl_now_s();
    must(tune_study_run_sql(
             study, "filling", &err,
             "INSERT INTO trial(run, number, params, key, status, metrics, value, spread, told, ratios, samples, "
             "token_hash, started, seconds) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i "
             "+ 1 < "
             "$1) SELECT CAST($2 AS BIGINT), i, '{\"heads_per_band\":' || (i % 64) || ',\"chunk_size\":' || i || "
             "'}', "
             "'heads_per_band=' || (i % 64) || ' chunk_size=' || i, 'ok', '{\"prefill_s\":0.25,\"decode_s\":0.5}', "
             "1 + i * 1e-7, 0.01, '[0.5,null,null]', '[0.01,-0.02,0.015]', 3, '00112233445566778899aabbccddeeff', "
             "1000.0 + i, 0.5 FROM n",
             "ii", count, run),
         &err);
    say("fill", at);
    tune_study_close(study);
    at = xl_now_s();
    must(tune_study_open(&study, name, false, &err), &err);
    say("open", at);
    at = xl_now_s();
    must(tune_study_runs(study, &runs, &n, &err), &err);
    say("list", at);
    at = xl_now_s();
    must(tune_study_known(study, &runs[0], -1, 6, &points, &n, &err), &err);
    say("first points for a new run", at);
    tune_known_points_free(points, n);
    tune_run_rows_free(runs, 1);
    at = xl_now_s();
    for (int64_t i = 0; i < 100; i++) {
        tune_task task;
        bool found, taken;
        tune_trial_row row = {.index = count + i,
                              .key = text("a=1"),
                              .status = TUNE_TRIAL_OK,
                              .duplicate_of = -1,
                              .value = 1,
                              .spread = NAN,
                              .samples = 1};
        must(tune_study_task_add(study, run, TUNE_WORK_TRIAL, count + i, "{}", NULL, &err), &err);
        must(tune_study_task_claim(study, run, "n", 30, &task, &found, &err), &err);
        must(tune_study_task_finish(study, &task, "{}", &row, NULL, 0, &taken, &err), &err);
        tune_task_clear(&task);
    }
    say("propose claim and store 100 trials", at);
    at = xl_now_s();
    must(tune_study_trials(study, run, &rows, &n, &err), &err);
    say("read all trials", at);
    tune_trial_rows_free(rows, n);
    at = xl_now_s();
    if (!keep) must(tune_study_run_remove(study, run, &err), &err);
    if (!keep) say("remove", at);
    tune_study_close(study);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "agents"))
        return agents(argv[2], atoi(argv[3]), atof(argv[4]), atof(argv[5]) / 1e3);
    if ((argc == 4 || argc == 5) && !strcmp(argv[1], "trials"))
        return trials(argv[2], strtoll(argv[3], NULL, 10), argc == 5 && !strcmp(argv[4], "keep"));
    fprintf(stderr, "usage: bench_fleet agents STUDY AGENTS SECONDS SLEEP_MS | trials STUDY TRIALS [keep]\n");
    return 2;
}
