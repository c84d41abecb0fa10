/* What a verdict is worth on a machine that changes its state: thousands of last comparisons on simulated processes
 * whose ratio depends on a state that lasts. Prints a table; --out writes it as CSV. See docs/measurement.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "bench/origin.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

enum { RECORDING_MOST = 1024 };

/* One process takes about so long, and the ratio is that of its state with this scatter; a block's is its
 * process's with that scatter. */
#define PROCESS_S 2.0
#define PROCESS_SD 0.012
#define BLOCK_SD 0.015

typedef enum kind { STATES, WANDERING, RECORDING, INDEPENDENT } kind;

typedef struct noise {
    char name[96];
    kind kind;
    int states;     /* 2: at 0 and `shift`; 3: at `shift`, 0 and minus `shift` */
    double stay;    /* processes that the rarest state lasts on average */
    double share;   /* of the state at `shift`; two others have the rest in equal parts */
    double shift;   /* of the log ratio between neighbouring states */
    double rho, sd; /* WANDERING: correlation of neighbours, standard deviation */
    int block;      /* RECORDING: played from a random place again after so many processes; 0: never */
} noise;

typedef struct options {
    int runs;
    const char *out, *recording, *only;
    double spread_s; /* virtual */
    double budget_s; /* virtual; INFINITY: none */
    const char *label;
} options;

static double recorded[RECORDING_MOST], recorded_within[RECORDING_MOST];
static int recorded_count;

typedef struct world {
    const noise *noise;
    bool alike;                /* both programs are alike in every state */
    double true_log;           /* mean of the log ratio over the states */
    xl_rng rng, chance;        /* chance: of the label, so that it changes nothing else */
    double clock, state_clock; /* the states live on while nobody measures */
    int state;
    double walk;
    int at, left;      /* in the recording */
    const char *label; /* "good": of the state; "useless": of another that lasts as long; NULL: none */
    int other;         /* that other */
    double truth;      /* sum of the states' log ratios over the processes */
    int processes;
} world;

static void shares(const noise *n, double share[3], double level[3]) {
    share[0] = n->states == 2 ? 1 - n->share : (1 - n->share) / 2;
    share[1] = n->share;
    share[2] = n->states == 2 ? 0 : (1 - n->share) / 2;
    level[0] = n->states == 2 ? 0 : -n->shift;
    level[1] = n->shift;
    level[2] = 0;
}

static void next_state(world *w) {
    double share[3], level[3], rarest = 1;
    shares(w->noise, share, level);
    for (int s = 0; s < w->noise->states; s++) rarest = fmin(rarest, share[s]);
    if (xl_rng_uniform(&w->rng) >= rarest / (w->noise->stay * share[w->state])) return;
    if (w->noise->states == 2) w->state = 1 - w->state;
    else w->state = (w->state + 1 + (int)xl_rng_below(&w->rng, 2)) % 3;
}

/* One process's time passes. */
static void pass(world *w) {
    const noise *n = w->noise;
    if (xl_rng_uniform(&w->chance) < (w->other ? 1.0 / 5 : 0.3 / 0.7 / 5)) w->other = !w->other;
    if (n->kind == STATES) next_state(w);
    else if (n->kind == WANDERING)
        w->walk = n->rho * w->walk + n->sd * sqrt(1 - n->rho * n->rho) * xl_rng_normal(&w->rng);
    else if (n->kind == RECORDING) {
        bool again = n->block && --w->left <= 0;
        w->at = again ? (int)xl_rng_below(&w->rng, (uint64_t)recorded_count) : (w->at + 1) % recorded_count;
        if (again) w->left = n->block;
    }
}

static void begin(world *w, const noise *n, bool alike, double better, uint64_t seed) {
    *w = (world){.noise = n, .alike = alike, .true_log = log1p(better), .left = n->block};
    xl_rng_seed(&w->rng, seed);
    xl_rng_seed(&w->chance, seed + 1);
    w->other = xl_rng_uniform(&w->chance) < 0.3;
    if (n->kind == STATES) {
        double share[3], level[3], u = xl_rng_uniform(&w->rng);
        shares(n, share, level);
        while (w->state + 1 < n->states && u > share[w->state]) u -= share[w->state++];
    } else if (n->kind == WANDERING) w->walk = n->sd * xl_rng_normal(&w->rng);
    else if (n->kind == RECORDING) w->at = (int)xl_rng_below(&w->rng, (uint64_t)recorded_count);
}

/* The log ratio of the state that the machine is in, less its mean over the states. */
static double of_state(const world *w) {
    const noise *n = w->noise;
    if (n->kind == STATES) {
        double share[3], level[3], mean = 0;
        shares(n, share, level);
        for (int s = 0; s < n->states; s++) mean += share[s] * level[s];
        return level[w->state] - mean;
    }
    return n->kind == WANDERING ? w->walk : 0;
}

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    world *w = ctx;
    *out = (tune_block_result){.blocks = plan->blocks, .baseline_cost = 1, .winner_cost = 1};
    double state = w->alike ? 0 : of_state(w), luck = PROCESS_SD * xl_rng_normal(&w->rng), block_sd = BLOCK_SD;
    if (w->noise->kind == RECORDING) { /* holds the scatter of its processes */
        state = w->alike ? 0 : recorded[w->at];
        luck = w->alike ? recorded_within[w->at] : 0;
        block_sd = 0;
    }
    for (int b = 0; b < plan->blocks; b++)
        out->log_ratio[b] = w->true_log + state + luck + block_sd * xl_rng_normal(&w->rng);
    tune_condition_init(&out->before);
    if (w->label) {
        const int shown = strcmp(w->label, "good") ? w->other : w->noise->kind == STATES ? w->state : state > 0;
        out->before.value[TUNE_TOGETHER] = (0.57 + 0.2 * shown) * (1 + 0.01 * xl_rng_normal(&w->chance));
    }
    out->after = out->before;
    w->truth += w->true_log + state;
    w->processes++;
    out->seconds = PROCESS_S;
    w->clock += PROCESS_S;
    while (w->state_clock + PROCESS_S <= w->clock) {
        pass(w);
        w->state_clock += PROCESS_S;
    }
    return 0;
}

static double clock_of(void *ctx) {
    return ((world *)ctx)->clock;
}

static int wait_in(void *ctx, double seconds) {
    world *w = ctx;
    w->clock += seconds;
    while (w->state_clock + PROCESS_S <= w->clock) {
        pass(w);
        w->state_clock += PROCESS_S;
    }
    return 0;
}

typedef struct sums {
    int runs, better, worse, student_better;
    int claims[3], covered[3]; /* by scope: of the long run's mean for LONG_RUN, else of the measured time's */
    int false_better, student_covered;
    int labelled;
    double width[3], width_student, width_student_long, processes, states;
} sums;

static void add(sums *s, const world *w, const tune_final *f) {
    const bool long_run = f->scope == TUNE_SCOPE_LONG_RUN;
    double truth = long_run ? w->true_log : w->truth / w->processes;
    tune_interval t = tune_mean_interval(f->process, (size_t)f->processes, f->level);
    s->runs++;
    s->labelled += f->label < TUNE_QUANTITIES;
    s->better += f->log_low > 0;
    s->worse += f->log_high < 0;
    s->student_better += t.low > 0;
    s->false_better += f->log_low > 0 && truth <= 1e-12;
    s->claims[f->scope]++;
    s->covered[f->scope] += f->log_low <= truth && truth <= f->log_high;
    s->student_covered += t.low <= w->true_log && w->true_log <= t.high;
    s->width[f->scope] += f->log_high - f->log_low;
    s->width_student += t.high - t.low;
    if (long_run) s->width_student_long += t.high - t.low;
    s->processes += f->processes;
    s->states += f->states.count;
}

static const char *const header =
    "noise,states,stay,share_pct,shift_pct,effort,spread_s,alike,better_pct,runs,processes,states_seen,"
    "long_run_claimed_pct,long_run_covered_pct,long_run_covered_se,long_run_width_pct,student_width_there_pct,"
    "time_claimed_pct,time_covered_pct,time_width_pct,one_state_claimed_pct,one_state_covered_pct,"
    "one_state_width_pct,announced_pct,announced_falsely_pct,announced_worse_pct,student_covers_long_run_pct,"
    "student_width_pct,student_announced_pct,label,label_used_pct";

static double percent(double part, double whole) {
    return whole > 0 ? 100 * part / whole : NAN;
}

static void number(FILE *f, double x) {
    if (isfinite(x)) fprintf(f, ",%.2f", x);
    else fputs(",", f);
}

static void print_row(FILE *csv, const options *o, const noise *n, tune_effort effort, bool alike, double better,
                      const sums *s) {
    const int l = TUNE_SCOPE_LONG_RUN, t = TUNE_SCOPE_TIME, one = TUNE_SCOPE_STATE;
    double se = s->claims[l] ? 100 * sqrt(0.95 * 0.05 / s->claims[l]) : NAN;
    double cover = percent(s->covered[l], s->claims[l]);
    printf(
        "%-22s %-8s %-5s %3.0f %%  long run %5.1f %% covered %5.1f (se %4.1f)%s width %5.1f (Student %5.1f)  time "
        "%5.1f %% covered %5.1f width %5.1f  one state %5.1f %% covered %5.1f  better %5.1f (false %4.1f)  Student "
        "covers %5.1f\n",
        n->name, tune_effort_name(effort), alike ? "alike" : "", 100 * better, percent(s->claims[l], s->runs),
        cover, se, cover < 95 - 2 * se ? " LOW" : "", percent(s->width[l], s->claims[l]),
        percent(s->width_student_long, s->claims[l]), percent(s->claims[t], s->runs),
        percent(s->covered[t], s->claims[t]), percent(s->width[t], s->claims[t]), percent(s->claims[one], s->runs),
        percent(s->covered[one], s->claims[one]), percent(s->better, s->runs), percent(s->false_better, s->runs),
        percent(s->student_covered, s->runs));
    fflush(stdout);
    if (!csv) return;
    fprintf(csv, "%s,%d,%g,%g,%g,%s,%g,%d,%g,%d", n->name, n->states, n->stay, 100 * n->share, 100 * n->shift,
            tune_effort_name(effort), o->spread_s, alike, 100 * better, s->runs);
    const double numbers[] = {s->processes / s->runs,
                              s->states / s->runs,
                              percent(s->claims[l], s->runs),
                              cover,
                              se,
                              percent(s->width[l], s->claims[l]),
                              percent(s->width_student_long, s->claims[l]),
                              percent(s->claims[t], s->runs),
                              percent(s->covered[t], s->claims[t]),
                              percent(s->width[t], s->claims[t]),
                              percent(s->claims[one], s->runs),
                              percent(s->covered[one], s->claims[one]),
                              percent(s->width[one], s->claims[one]),
                              percent(s->better, s->runs),
                              percent(s->false_better, s->runs),
                              percent(s->worse, s->runs),
                              percent(s->student_covered, s->runs),
                              percent(s->width_student, s->runs),
                              percent(s->student_better, s->runs)};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) number(csv, numbers[i]);
    fprintf(csv, ",%s", o->label ? o->label : "");
    number(csv, percent(s->labelled, s->runs));
    fputs("\n", csv);
    fflush(csv);
}

static int run_many(const options *o, const noise *n, tune_effort effort, bool alike, double better, sums *s) {
    *s = (sums){0};
    for (int i = 0; i < o->runs; i++) {
        world w;
        tune_final f;
        xlstm_error err;
        tune_final_options final;
        begin(&w, n, alike, better, (uint64_t)i * 7919 + (uint64_t)(1e4 * better) + 31);
        w.label = o->label;
        tune_final_options_init(&final, effort);
        final.now_s = clock_of;
        final.now_ctx = &w;
        final.budget_s = o->budget_s;
        final.spread_whole = o->spread_s > 0;
        final.spread_s = final.spread_whole ? o->spread_s : isfinite(o->budget_s) ? 0.9 * o->budget_s : 0;
        final.wait = wait_in;
        final.wait_ctx = &w;
        if (tune_final_run(&final, run_process, &w, &f, &err)) {
            fprintf(stderr, "honesty_states: %s\n", err.text);
            return 1;
        }
        add(s, &w, &f);
    }
    return 0;
}

/* Whether a list separated by commas holds the name. */
static bool listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length])) return true;
    }
    return false;
}

static int run_noise(const options *o, FILE *csv, const noise *n) {
    static const double better[] = {0, 0, 0.02, 0.05, 0.10};
    if (o->only && !listed(o->only, n->name)) return 0;
    for (tune_effort effort = TUNE_QUICK; effort <= TUNE_THOROUGH; effort++) {
        for (size_t i = 0; i < sizeof better / sizeof *better; i++) {
            sums s;
            if (run_many(o, n, effort, i == 0, better[i], &s)) return 1;
            print_row(csv, o, n, effort, i == 0, better[i], &s);
        }
    }
    return 0;
}

/* The log ratios, less their mean, and what is left of each without its state. */
static int read_recording(const char *path, xlstm_error *err) {
    xl_csv csv = {0};
    char *text;
    size_t bytes;
    int status = xl_file_read(path, 1 << 20, &text, &bytes, err);
    if (!status) status = xl_csv_parse(&csv, path, text, err);
    if (status) return status;
    int one = xl_csv_column(&csv, "decode_tok_s_1_worker"), two = xl_csv_column(&csv, "decode_tok_s_2_workers");
    for (size_t row = 0; one >= 0 && two >= 0 && row < csv.rows && recorded_count < RECORDING_MOST; row++) {
        double a = strtod(xl_csv_cell(&csv, row, one), NULL), b = strtod(xl_csv_cell(&csv, row, two), NULL);
        recorded[recorded_count++] = log(b / a);
    }
    xl_csv_free(&csv);
    if (recorded_count < 16 || recorded_count > TUNE_PROCESSES_MOST)
        return xl_fail(err, XLSTM_EFORMAT, "%s: %d rows with both speeds, wanted 16 to %d", path, recorded_count,
                       TUNE_PROCESSES_MOST);
    double mean = tune_mean(recorded, (size_t)recorded_count);
    tune_states states;
    tune_states_find(recorded, recorded_count, &states);
    for (int i = 0; i < recorded_count; i++) {
        recorded_within[i] = recorded[i] - states.at[states.of[i]].mean;
        recorded[i] -= mean;
    }
    return XLSTM_OK;
}

static int usage(void) {
    printf("usage: honesty_states [--runs N] [--noise NAME,..] [--spread S] [--recording FILE] [--out FILE]\n"
           "Last comparisons of simulated processes on a machine that changes its state.\n"
           "  --runs N          comparisons of each case (2000)\n"
           "  --noise NAME,..   these kinds alone\n"
           "  --spread S        virtual seconds over which the processes are spread, two each (0)\n"
           "  --budget S        virtual seconds for the comparison (no limit)\n"
           "  --label KIND      good or useless: each process has a label, of its state or of another one (none)\n"
           "  --recording FILE  speeds with one worker and with two, side by side\n"
           "                    (bench/recordings/decode-two-regimes.csv)\n"
           "  --out FILE        CSV\n");
    return 0;
}

static int run_all(const options *o, FILE *csv) {
    static const double stays[] = {2, 5, 15}, shares[] = {0.10, 0.30, 0.50}, shifts[] = {0.30, 0.10, 0.03};
    noise n = {.kind = INDEPENDENT, .name = "independent"};
    if (run_noise(o, csv, &n)) return 1;
    for (int shift = 0; shift < 3; shift++) {
        for (int states = 2; states <= 3; states++) {
            for (int i = 0; i < 9; i++) {
                n = (noise){.kind = STATES,
                            .states = states,
                            .stay = stays[i / 3],
                            .share = shares[i % 3],
                            .shift = shifts[shift]};
                snprintf(n.name, sizeof n.name, "states-%d-stay-%g-share-%g-shift-%g", states, n.stay,
                         100 * n.share, 100 * n.shift);
                if (run_noise(o, csv, &n)) return 1;
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        n = (noise){.kind = WANDERING, .rho = i ? 0.9 : 0.5, .sd = 0.03};
        snprintf(n.name, sizeof n.name, "wandering-%g", n.rho);
        if (run_noise(o, csv, &n)) return 1;
    }
    for (int i = 0; i < 2; i++) {
        n = (noise){.kind = RECORDING, .block = i ? 10 : 0};
        snprintf(n.name, sizeof n.name, i ? "recording-in-blocks" : "recording");
        if (run_noise(o, csv, &n)) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    options o = {.runs = 2000, .budget_s = INFINITY, .recording = "bench/recordings/decode-two-regimes.csv"};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--runs")) o.runs = atoi(value);
        else if (!strcmp(argv[i], "--noise")) o.only = value;
        else if (!strcmp(argv[i], "--label")) o.label = value;
        else if (!strcmp(argv[i], "--budget")) o.budget_s = strtod(value, NULL);
        else if (!strcmp(argv[i], "--spread")) o.spread_s = strtod(value, NULL);
        else if (!strcmp(argv[i], "--recording")) o.recording = value;
        else if (!strcmp(argv[i], "--out")) o.out = value;
        else return usage();
    }
    xlstm_error err;
    if (read_recording(o.recording, &err)) {
        fprintf(stderr, "honesty_states: %s\n", err.text);
        return 1;
    }
    FILE *csv = o.out ? fopen(o.out, "w") : NULL;
    if (o.out && !csv) {
        perror(o.out);
        return 1;
    }
    if (csv) {
        bench_origin(csv, argc, argv);
        fprintf(csv, "%s\n", header);
    }
    int failed = run_all(&o, csv);
    if (csv && fclose(csv)) failed = 1;
    return failed;
}
