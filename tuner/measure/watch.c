/* Watches what else the machine does while a sample is taken. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "tuner/measure/stats.h"
#include "tuner/measure/timing.h"

/* seconds; the kernel counts processor time in ticks of 10 ms, which in this time is 4 % of a processor */
#define WINDOW_S 0.25
#define FREQUENCIES 31
#define TOGETHER_S 1e-3 /* counters and clock that were read within this time count as simultaneous */
#define RETAKES 5

typedef struct snapshot {
    double at, busy, steal, own; /* in seconds; busy and steal over all processors, own of this process */
    double children;             /* seconds of the processes that it started and that have ended */
    double queued;               /* seconds in which this thread could have run but had no processor */
    long switches;
    unsigned continued;
    bool machine; /* whether busy and steal are known */
} snapshot;

struct tune_watch {
    tune_watch_limits limits;
    int cpus;
    double tick_s;
    snapshot begin;
    snapshot older, newer; /* earlier readings, to which short samples are extended */
    double frequency[FREQUENCIES];
    size_t frequencies;
    double temperature, temperature_at;
};

void tune_watch_limits_init(tune_watch_limits *limits) {
    *limits = (tune_watch_limits){
        .steal = 0.02, .neighbours = 0.15, .switches = 200, .frequency = 0.08, .hot_c = 95, .halted_s = 0.5};
}

static void read_machine(const tune_watch *watch, snapshot *s) {
#ifdef __linux__
    FILE *f = fopen("/proc/stat", "re");
    if (!f) return;
    char line[512];
    if (fgets(line, sizeof line, f) && !strncmp(line, "cpu ", 4)) {
        /* The fields are user nice system idle iowait irq softirq steal. */
        unsigned long long t[8] = {0};
        char *at = line + 4;
        int n = 0;
        for (; n < 8; n++) {
            char *end;
            t[n] = strtoull(at, &end, 10);
            if (end == at) break;
            at = end;
        }
        s->machine = n == 8;
        s->busy = (double)(t[0] + t[1] + t[2] + t[5] + t[6]) * watch->tick_s;
        s->steal = (double)t[7] * watch->tick_s;
    }
    fclose(f);
#else
    (void)watch;
    (void)s;
#endif
}

static double read_queued(void) {
    unsigned long long queued = 0;
#ifdef __linux__
    unsigned long long ran;
    FILE *f = fopen("/proc/thread-self/schedstat", "re");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &ran, &queued) != 2) queued = 0;
    fclose(f);
#endif
    return 1e-9 * (double)queued;
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static atomic_uint continued;

void tune_watch_continued(void) {
    atomic_fetch_add(&continued, 1);
}

/* Reads counters and clock at one moment. Where this thread lost the processor between the two, the time that
 * others used in the gap would be counted in a window that does not contain it, so the reading is repeated. */
static snapshot take(const tune_watch *watch) {
    snapshot s;
    for (int again = 0; again <= RETAKES; again++) {
        s = (snapshot){0};
        double start = xl_now_s();
        read_machine(watch, &s);
        struct rusage use;
        if (!getrusage(RUSAGE_SELF, &use)) {
            s.switches = use.ru_nivcsw;
            s.own = seconds(use.ru_utime) + seconds(use.ru_stime);
        }
        /* Programs that were run as a part of the sample are no neighbours. */
        if (!getrusage(RUSAGE_CHILDREN, &use)) s.children = seconds(use.ru_utime) + seconds(use.ru_stime);
        s.queued = read_queued();
        s.continued = atomic_load(&continued);
        s.at = xl_now_s();
        if (s.at - start < TOGETHER_S) break;
    }
    return s;
}

/* Measures the frequency by the time of a chain of dependent additions, which take one cycle each. The fastest of
 * three rounds of about 15 microseconds contains no interrupt. */
double tune_frequency_mhz(void) {
    enum { LINKS = 40000 };
    double best = INFINITY;
    for (int round = 0; round < 3; round++) {
        uint64_t start = xl_now_ns();
        uint64_t x = start;
        for (int i = 0; i < LINKS; i++) {
#if defined(__GNUC__)
            __asm__ volatile("" : "+r"(x)); /* prevents the compiler from shortening the chain */
#endif
            x += 3;
        }
        best = fmin(best, (double)(xl_now_ns() - start));
    }
    return 1e3 * LINKS / best;
}

static double hottest_c(void) {
#ifdef __linux__
    double hottest = NAN;
    for (int i = 0; i < 16; i++) {
        char path[64], text[32];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", i);
        FILE *f = fopen(path, "re");
        if (!f) break;
        if (fgets(text, sizeof text, f)) {
            double c = strtod(text, NULL) / 1000;
            if (c > 0 && c < 200 && !(c <= hottest)) hottest = c;
        }
        fclose(f);
    }
    return hottest;
#else
    return NAN;
#endif
}

int tune_watch_create(tune_watch **out, const tune_watch_limits *limits, xlstm_error *err) {
    tune_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return xl_fail(err, XLSTM_ENOMEM, "watch: out of memory");
    watch->limits = *limits;
    long cpus = sysconf(
        _SC_NPROCESSORS_ONLN); /* all processors and not only the allowed ones, as /proc/stat counts all of them */
    watch->cpus = cpus > 0 ? (int)cpus : xl_cpu_count();
    long ticks = sysconf(_SC_CLK_TCK);
    watch->tick_s = ticks > 0 ? 1.0 / (double)ticks : 0.01;
    watch->temperature = hottest_c();
    watch->temperature_at = xl_now_s();
    watch->older = watch->newer = watch->begin = take(watch);
    *out = watch;
    return 0;
}

void tune_watch_destroy(tune_watch *watch) {
    free(watch);
}

void tune_watch_begin(tune_watch *watch) {
    watch->begin = take(watch);
    if (watch->begin.at - watch->newer.at >= WINDOW_S) {
        watch->older = watch->newer;
        watch->newer = watch->begin;
    }
}

static void judge_frequency(tune_watch *watch, tune_disturbance *d) {
    d->frequency_mhz = tune_frequency_mhz();
    size_t known = watch->frequencies < FREQUENCIES ? watch->frequencies : FREQUENCIES;
    if (known >= 5) {
        double usual = tune_median(watch->frequency, known);
        if (fabs(d->frequency_mhz / usual - 1) > watch->limits.frequency) d->reasons |= TUNE_CLOCK;
    }
    watch->frequency[watch->frequencies++ % FREQUENCIES] = d->frequency_mhz;
}

void tune_watch_end(tune_watch *watch, tune_disturbance *out) {
    snapshot end = take(watch);
    *out = (tune_disturbance){0};
    double span = fmax(end.at - watch->begin.at, 1e-9);
    long switches = end.switches - watch->begin.switches;
    out->switches = (double)switches / span;

    const snapshot *from = &watch->begin;
    if (span < WINDOW_S) from = end.at - watch->newer.at >= WINDOW_S ? &watch->newer : &watch->older;
    double window = end.at - from->at;
    /* Soon after the start the window is still too short to judge by. */
    if (end.machine && from->machine && window >= WINDOW_S * 0.9) {
        double whole = window * watch->cpus;
        /* Ticks that end just inside the window could make the share larger than 1. */
        out->steal = fmin(1, fmax(0, (end.steal - from->steal) / whole));
        out->neighbours = fmin(
            1, fmax(0, (end.busy - from->busy - (end.own - from->own) - (end.children - from->children)) / whole));
    }
    if (out->steal > watch->limits.steal) out->reasons |= TUNE_STEAL;
    if (out->neighbours > watch->limits.neighbours) out->reasons |= TUNE_NEIGHBOURS;
    if (switches >= 3 && out->switches > watch->limits.switches && out->neighbours > 0.03) {
        out->reasons |= TUNE_SWITCHED;
    }
    out->halted_s = fmax(0, span - (end.own - watch->begin.own) - (end.queued - watch->begin.queued));
    if (out->halted_s > watch->limits.halted_s || end.continued != watch->begin.continued)
        out->reasons |= TUNE_HALTED;
    judge_frequency(watch, out);
    /* Read at most once a second, because some sensors answer slowly and temperature changes slowly. */
    if (end.at - watch->temperature_at > 1) {
        watch->temperature = hottest_c();
        watch->temperature_at = end.at;
    }
    out->temperature_c = watch->temperature;
    if (out->temperature_c >= watch->limits.hot_c) out->reasons |= TUNE_HOT;
}

int tune_disturbance_text(char *text, size_t bytes, const tune_disturbance *d) {
    char all[256] = "";
    size_t at = 0;
    const char *comma = "";
#define ADD(...)                                                                                                   \
    do {                                                                                                           \
        at += (size_t)snprintf(all + at, sizeof all - at, "%s", comma);                                            \
        at += (size_t)snprintf(all + at, sizeof all - at, __VA_ARGS__);                                            \
        comma = ", ";                                                                                              \
    } while (0)
    if (d->reasons & TUNE_HALTED) ADD("stopped or waiting for %.1f s", d->halted_s);
    if (d->reasons & TUNE_STEAL) ADD("%.0f %% steal time", 100 * d->steal);
    if (d->reasons & TUNE_NEIGHBOURS) ADD("others used %.0f %% of the processors", 100 * d->neighbours);
    if (d->reasons & TUNE_SWITCHED) ADD("%.0f involuntary switches/s", d->switches);
    if (d->reasons & TUNE_CLOCK) ADD("frequency at %.0f MHz", d->frequency_mhz);
    if (d->reasons & TUNE_HOT) ADD("%.0f degrees", d->temperature_c);
#undef ADD
    return snprintf(text, bytes, "%s", all[0] ? all : "undisturbed");
}
