#include "cli/watchdog.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/output.h"
#include "base/system.h"
#include "base/thread.h"

#define MIB 1048576.0

struct cli_watchdog {
    cli_watchdog_options options;
    xl_log *log;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the members up to the atomics, and the log */
    pthread_cond_t wake;
    bool ending, above_soft;
    atomic_bool release;
    atomic_ullong hard_rss; /* resident bytes when the hard limit was exceeded; 0: it was not */
};

static uint64_t limit_of(const cli_config *cfg, const char *mb, const char *pct) {
    double limit = cli_num(cfg, mb) * MIB;
    if (!(limit > 0)) limit = cli_num(cfg, pct) * (double)xl_memory_total();
    return limit > 0 && limit < 0x1p63 ? (uint64_t)limit : 0;
}

void cli_watchdog_options_read(const cli_config *cfg, cli_watchdog_options *options) {
    *options = (cli_watchdog_options){.soft = limit_of(cfg, "mem_soft_mb", "mem_soft_pct"),
                                      .hard = limit_of(cfg, "mem_hard_mb", "mem_hard_pct"),
                                      .poll_ms = cli_int(cfg, "mem_every"),
                                      .log_path = cli_str(cfg, "mem_log")};
    for (size_t i = 0; i < cli_list_count(cfg, "mem_action"); i++) {
        const char *action = cli_list_str(cfg, "mem_action", i);
        if (!strcmp(action, "warn")) options->warn = true;
        if (!strcmp(action, "empty_cache")) options->release = true;
    }
}

static void look(cli_watchdog *w, bool log) {
    uint64_t rss = xl_memory_resident();
    if (w->log && log) {
        xl_log_line(w->log, "%.6f,%.1f,%.1f,%.1f,%.1f,%.1f", xl_wall_s(), (double)rss / MIB,
                    (double)xl_memory_available() / MIB, (double)xl_memory_total() / MIB, 0.0, 0.0);
    }
    bool above = w->options.soft && rss > w->options.soft;
    bool crossed = above && !w->above_soft;
    if (crossed && w->options.warn) {
        cli_notice("memory: %.0f MiB resident, over the soft limit of %.0f MiB%s", (double)rss / MIB,
                   (double)w->options.soft / MIB, w->options.release ? ", releasing caches" : "");
    }
    if (crossed && w->options.release) atomic_store(&w->release, true);
    w->above_soft = above;
    if (w->options.hard && rss > w->options.hard && !atomic_load(&w->hard_rss)) atomic_store(&w->hard_rss, rss);
}

void cli_watchdog_look(cli_watchdog *w) {
    pthread_mutex_lock(&w->mutex);
    look(w, false);
    pthread_mutex_unlock(&w->mutex);
}

static void *watch(void *user) {
    cli_watchdog *w = user;
    pthread_mutex_lock(&w->mutex);
    for (;;) {
        look(w, true);
        if (w->ending) break;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += (time_t)(w->options.poll_ms / 1000);
        until.tv_nsec += (long)(w->options.poll_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (!w->ending && pthread_cond_timedwait(&w->wake, &w->mutex, &until) != ETIMEDOUT) {
        }
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

int cli_watchdog_start(cli_watchdog **out, const cli_watchdog_options *options, xlstm_error *err) {
    cli_watchdog *w = calloc(1, sizeof *w);
    if (!w) return xl_fail(err, XLSTM_ENOMEM, "memory watchdog: out of memory");
    w->options = *options;
    if (w->options.poll_ms < 50) w->options.poll_ms = 50;
    atomic_init(&w->release, false);
    atomic_init(&w->hard_rss, 0);
    int status = options->log_path ? xl_log_open(&w->log, options->log_path, err) : XLSTM_OK;
    if (status) goto fail;
    if (w->log) xl_log_line(w->log, "ts,rss_mb,avail_mb,total_mb,mps_alloc_mb,mps_reserved_mb");
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->wake, NULL);
    int failed = xl_thread_start(&w->thread, watch, w);
    if (!failed) {
        *out = w;
        return XLSTM_OK;
    }
    status = xl_fail(err, XLSTM_EIO, "memory watchdog: cannot start a thread: %s", strerror(failed));
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
fail:
    xl_log_close(w->log, NULL);
    free(w);
    return status;
}

int cli_watchdog_stop(cli_watchdog *w, xlstm_error *err) {
    if (!w) return XLSTM_OK;
    pthread_mutex_lock(&w->mutex);
    w->ending = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    int status = xl_log_close(w->log, err);
    free(w);
    return status;
}

bool cli_watchdog_hard(const cli_watchdog *w, uint64_t *rss, uint64_t *limit) {
    uint64_t passed = atomic_load(&w->hard_rss);
    if (rss) *rss = passed;
    if (limit) *limit = w->options.hard;
    return passed != 0;
}

bool cli_watchdog_take_release(cli_watchdog *w) {
    return atomic_exchange(&w->release, false);
}
