#include "tuner/landscape/replay.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/rng.h"

/* FREE_LIMIT: a run ends after this many proposals in a row that cost nothing, because the strategy has nothing
 * new. */
enum { FREE_LIMIT = 1000000, SCORE_POINTS = 1000 };

int tune_noise_parse(const char *text, tune_noise *out, xlstm_error *err) {
    *out = (tune_noise){.repeats = 1};
    char *end;
    bool good = true;
    if (!strcmp(text, "none")) return XLSTM_OK;
    const char *repeats = NULL;
    if (!strncmp(text, "halves", 6) && (!text[6] || text[6] == ':')) {
        *out = (tune_noise){.kind = TUNE_NOISE_NATIVE, .halves = true};
        if (!text[6]) return XLSTM_OK;
        repeats = text + 7;
    } else if (!strncmp(text, "native:", 7)) {
        out->kind = TUNE_NOISE_NATIVE;
        repeats = text + 7;
    } else if (!strncmp(text, "gauss:", 6)) {
        out->kind = TUNE_NOISE_GAUSS;
        out->sd = strtod(text + 6, &end);
        good = end != text + 6 && *end == ':' && out->sd >= 0 && out->sd < 1;
        repeats = good ? end + 1 : NULL;
    }
    if (repeats) {
        long n = strtol(repeats, &end, 10);
        good = end != repeats && !*end && n >= 1 && n <= 1000000;
        out->repeats = (int)n;
        if (good) return XLSTM_OK;
    }
    return xl_fail(err, XLSTM_EARG,
                   "noise: found \"%s\", wanted none, native:R, gauss:S:R, halves or halves:R with R repeats "
                   "from 1 and a relative standard deviation S from 0 to 1",
                   text);
}

static double observe(const tune_landscape *l, uint32_t row, const tune_noise *noise, xl_rng *rng) {
    double time = l->time[row], sum = 0;
    size_t first = l->sample_first[row], samples = l->sample_first[row + 1] - first;
    if (isnan(time) || noise->kind == TUNE_NOISE_NONE) return time;
    if (noise->kind == TUNE_NOISE_NATIVE && !samples) return time;
    if (!noise->repeats) {
        for (size_t i = 0; i < samples; i++) sum += l->samples[first + i];
        return sum / (double)samples;
    }
    for (int i = 0; i < noise->repeats; i++) {
        if (noise->kind == TUNE_NOISE_NATIVE) sum += l->samples[first + xl_rng_below(rng, samples)];
        else sum += time * fmax(1 + noise->sd * xl_rng_normal(rng), 0.01);
    }
    return sum / noise->repeats;
}

typedef struct replay {
    const tune_landscape *l;
    const tune_replay_options *o;
    tune_trace *traces;
    atomic_int status;
    xlstm_error error; /* that of the run that set status */
} replay;

static int add_step(tune_trace *t, size_t *room, tune_step step, xlstm_error *err) {
    if (t->count == *room) {
        *room = *room ? 2 * *room : 512;
        tune_step *more = realloc(t->steps, *room * sizeof *more);
        if (!more) return xl_fail(err, XLSTM_ENOMEM, "replay: out of memory");
        t->steps = more;
    }
    t->steps[t->count++] = step;
    return XLSTM_OK;
}

/* A run in progress. */
typedef struct run_state {
    const tune_landscape *l;
    const tune_replay_options *o;
    tune_strategy *strategy;
    tune_proposal *flight; /* [pending]: a ring of the points that were asked for and not told */
    size_t first, flying;  /* the oldest of them, and their number */
    double *known;         /* [rows]: the last observation of each row; 0: none */
    xl_rng rng;
    double spent;
    int free_proposals; /* number of proposals in a row that cost nothing */
    size_t room;        /* of the trace */
} run_state;

/* Asks for points until `pending` of them are in flight, or the strategy has no other before it is told one. */
static int ask_ahead(run_state *r, size_t pending, size_t wanted, xlstm_error *err) {
    while (r->flying < pending && r->flying < wanted && !tune_strategy_done(r->strategy)) {
        tune_proposal p;
        int status = tune_strategy_ask(r->strategy, &p, err);
        if (status == XLSTM_EARG && r->flying) return XLSTM_OK;
        if (status) return status;
        r->flight[(r->first + r->flying++) % pending] = p;
    }
    return XLSTM_OK;
}

/* Measures the oldest point in flight and tells the result. */
static int measure_oldest(run_state *r, size_t pending, tune_trace *trace, xlstm_error *err) {
    const tune_landscape *l = r->l;
    const tune_proposal p = r->flight[r->first];
    r->first = (r->first + 1) % pending;
    r->flying--;
    if (!p.again && r->known[p.point] != 0) {
        r->free_proposals++;
        return tune_strategy_tell(r->strategy, p.point, r->known[p.point], 0, err);
    }
    r->free_proposals = 0;
    double value = observe(l, p.point, &r->o->noise, &r->rng);
    r->known[p.point] = value;
    r->spent += l->cost[p.point];
    int status = tune_strategy_tell(r->strategy, p.point, value, l->cost[p.point], err);
    if (status) return status;
    tune_best best = tune_strategy_best(r->strategy);
    bool any = best.point != TUNE_NO_POINT;
    return add_step(trace, &r->room,
                    (tune_step){p.point, any ? best.point : p.point, value, any ? best.estimate : 0}, err);
}

static int run_one(const tune_landscape *l, const tune_replay_options *o, int run, tune_trace *trace,
                   xlstm_error *err) {
    const size_t pending = o->pending > 1 ? (size_t)o->pending : 1;
    const size_t budget = (size_t)o->budget, limit = o->brief ? budget : budget + 64 * l->rows;
    tune_strategy_options search = o->search;
    search.seed += (uint64_t)run;
    search.budget = o->budget;
    run_state r = {.l = l, .o = o};
    r.known = calloc(l->rows, sizeof *r.known);
    r.flight = xl_array(pending, sizeof *r.flight);
    int status = r.known && r.flight ? tune_strategy_create(o->strategy, l->space, &search, &r.strategy, err)
                                     : xl_fail(err, XLSTM_ENOMEM, "replay: out of memory");
    xl_rng_seed(&r.rng, search.seed ^ UINT64_C(0x6e6f697365)); /* a stream apart from the strategy's */
    while (!status && (trace->count < budget || r.spent < l->t95) && trace->count < limit) {
        status = ask_ahead(&r, pending, limit - trace->count, err);
        if (status || !r.flying) break;
        status = measure_oldest(&r, pending, trace, err);
        if (r.free_proposals > FREE_LIMIT) break;
    }
    tune_strategy_destroy(r.strategy);
    free(r.flight);
    free(r.known);
    return status;
}

static void run_task(void *context, int64_t task, int thread) {
    replay *r = context;
    xlstm_error error;
    if (atomic_load(&r->status)) return;
    int status = run_one(r->l, r->o, (int)task, &r->traces[task], &error);
    int none = 0;
    if (status && atomic_compare_exchange_strong(&r->status, &none, status)) r->error = error;
}

int tune_replay(const tune_landscape *l, const tune_replay_options *o, tune_trace *traces, xlstm_error *err) {
    memset(traces, 0, (size_t)o->seeds * sizeof *traces);
    replay r = {.l = l, .o = o, .traces = traces};
    xl_pool_run(xl_pool_shared(), o->threads > 0 ? o->threads : xl_cpu_count(), o->seeds, run_task, &r);
    int status = atomic_load(&r.status);
    if (status && err) *err = r.error;
    return status;
}

void tune_traces_release(tune_trace *traces, int seeds) {
    for (int i = 0; i < seeds; i++) {
        free(traces[i].steps);
        traces[i] = (tune_trace){0};
    }
}

/* ---- scores ---- */

double tune_replay_share(const tune_landscape *l, const tune_trace *traces, int seeds, size_t n) {
    double sum = 0;
    for (int i = 0; i < seeds; i++) {
        if (!traces[i].count) continue;
        double time = l->time[traces[i].steps[n < traces[i].count ? n - 1 : traces[i].count - 1].best_row];
        sum += isnan(time) ? 0 : l->optimum / time;
    }
    return sum / seeds;
}

/* Expected best value of random search at time t, in ms. */
static double random_at(const tune_landscape *l, double t) {
    double n = (double)l->valid, k = fmax(t / l->cost_per_eval, 1), f = k * (n + 1) / (k + 1);
    size_t low = (size_t)f < l->valid - 1 ? (size_t)f : l->valid - 1;
    size_t high = low + 1 < l->valid - 1 ? low + 1 : l->valid - 1;
    double a = l->sorted[l->valid - 1 - low], b = l->sorted[l->valid - 1 - high];
    return a + (b - a) * (f - floor(f));
}

/* Returns the number of valid rows that are faster. */
static size_t rank_of(const tune_landscape *l, double time) {
    size_t low = 0, high = l->valid;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->sorted[middle] < time) low = middle + 1;
        else high = middle;
    }
    return low;
}

static double score_time(const tune_landscape *l, int i) {
    return l->t01 + (l->t95 - l->t01) * i / (SCORE_POINTS - 1);
}

static void add_ranks(const tune_landscape *l, const tune_trace *t, double *ranks, int *runs) {
    double spent = t->count ? l->cost[t->steps[0].row] : 0;
    size_t at = 0, rank = 0;
    bool valid = false;
    for (int i = 0; i < SCORE_POINTS; i++) {
        while (at < t->count && spent <= score_time(l, i)) {
            double time = l->time[t->steps[at].best_row];
            if (!isnan(time)) {
                rank = rank_of(l, time);
                valid = true;
            }
            if (++at < t->count) spent += l->cost[t->steps[at].row];
        }
        if (!valid) continue;
        ranks[i] += (double)rank;
        runs[i]++;
    }
}

static int performance(const tune_landscape *l, const tune_trace *traces, int seeds, double *out,
                       xlstm_error *err) {
    double *ranks = calloc(SCORE_POINTS, sizeof *ranks), sum = 0, reached = l->sorted[l->valid - 1];
    int *runs = calloc(SCORE_POINTS, sizeof *runs);
    if (!ranks || !runs) {
        free(ranks);
        free(runs);
        return xl_fail(err, XLSTM_ENOMEM, "replay: out of memory");
    }
    for (int i = 0; i < seeds; i++) add_ranks(l, &traces[i], ranks, runs);
    for (int i = 0; i < SCORE_POINTS; i++) {
        if (runs[i]) {
            size_t rank = (size_t)rint(ranks[i] / runs[i]);
            reached = l->sorted[rank < l->valid - 1 ? rank : l->valid - 1];
        }
        double base = random_at(l, score_time(l, i));
        sum += (base - reached) / (base - l->optimum);
    }
    free(ranks);
    free(runs);
    *out = sum / SCORE_POINTS;
    return XLSTM_OK;
}

int tune_replay_scores(const tune_landscape *l, const tune_trace *traces, int seeds, tune_replay_score *out,
                       xlstm_error *err) {
    *out = (tune_replay_score){0};
    int status = performance(l, traces, seeds, &out->performance, err);
    if (status) return status;
    uint32_t *last_run = calloc(l->rows, sizeof *last_run);
    if (!last_run) return xl_fail(err, XLSTM_ENOMEM, "replay: out of memory");
    int finished = 0, judged = 0;
    for (int i = 0; i < seeds; i++) {
        const tune_trace *t = &traces[i];
        if (!t->count) continue;
        double spent = 0;
        size_t distinct = 0;
        for (size_t j = 0; j < t->count; j++) {
            spent += l->cost[t->steps[j].row];
            distinct += last_run[t->steps[j].row] != (uint32_t)i + 1;
            last_run[t->steps[j].row] = (uint32_t)i + 1;
        }
        finished++;
        out->repeats += 1 - (double)distinct / (double)t->count;
        out->short_runs += spent < l->t95 && t->count < l->rows;
        const tune_step *end = &t->steps[t->count - 1];
        if (end->estimate > 0 && !isnan(l->time[end->best_row])) {
            double error = l->time[end->best_row] / end->estimate - 1;
            out->over += error;
            out->abs += fabs(error);
            judged++;
        }
    }
    free(last_run);
    if (finished) out->repeats /= finished;
    if (judged) {
        out->over /= judged;
        out->abs /= judged;
    }
    return XLSTM_OK;
}
