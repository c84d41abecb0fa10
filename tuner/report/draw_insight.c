/* Pictures of what a search did and learnt: progress, last comparison, importance, Pareto front, perplexity. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"
#include "tuner/report/facts.h"

/* ---- search_progress ---- */

/* A recording's rows are in the order of a shuffled round, so they show no progress. */
static bool progress_wanted(const drawing *d) {
    size_t n = 0;
    if (tune_report_is_recording(d->report)) return false;
    for (size_t i = 0; i < d->report->trials; i++) n += d->report->trial[i].ok && d->report->trial[i].value > 0;
    return n > 1;
}

static void draw_progress(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const bool ratio = tune_report_has_ratio(r), cold = tune_report_cold_first(r);
    const double request = tune_report_baseline_speed(r).request_s;
    double largest = 0, best = INFINITY;
    size_t duplicates = 0, failed = 0;
    draw_range y = DRAW_NOTHING;
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].value > largest) largest = r->trial[i].value;
    }
    const draw_unit unit = ratio ? (draw_unit){1, ""} : draw_time_unit(largest);
    const double baseline = ratio ? 1 : request * unit.scale;
    fputs("$trials << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        failed += !t->ok;
        duplicates += t->duplicate;
        if (!t->ok || t->duplicate || !(t->value > 0)) continue;
        if (!(cold && i == 0)) fprintf(out, "%zu %.9g\n", i, t->value * unit.scale);
        draw_include(&y, t->value * unit.scale);
    }
    fputs("EOD\n$duplicates << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (t->duplicate && t->value > 0) fprintf(out, "%zu %.9g\n", i, t->value * unit.scale);
    }
    draw_include(&y, baseline);
    fputs("EOD\n$failed << EOD\n", out); /* failed trials have no time and are drawn above all others */
    if (failed) draw_include(&y, y.high + 0.06 * (y.high - y.low));
    for (size_t i = 0; i < r->trials; i++) {
        if (!r->trial[i].ok) fprintf(out, "%zu %.9g\n", i, y.high);
    }
    fputs("EOD\n$best << EOD\n", out);
    for (size_t i = cold; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (t->ok && t->value > 0) best = fmin(best, t->value);
        if (isfinite(best)) fprintf(out, "%zu %.9g\n", i, best * unit.scale);
    }
    fputs("EOD\nset title 'Progress of the search'\nset xlabel 'trial'\n", out);
    if (ratio) draw_label(d, "y", tune_report_ratio_name(r), draw_under_one(d));
    else draw_label(d, "y", tune_report_time_name(r), unit.name);
    draw_counts(d, "x", 0, r->trials ? r->trials - 1 : 0);
    draw_values(d, "y", y);
    draw_mark marks[DRAW_MARKS] = {{0}};
    int n = 0;
    if (isfinite(baseline)) marks[n++] = draw_mark_baseline_line;
    marks[n++] = (draw_mark){"best so far", 0, 0, DRAW_ORANGE, false};
    marks[n++] = draw_mark_trials;
    if (duplicates) marks[n++] = (draw_mark){"duplicates", 6, 1.1, DRAW_GREY, false};
    if (failed) marks[n++] = (draw_mark){"failed or stopped", 2, 1.1, DRAW_RED, false};
    if (cold) marks[n++] = draw_mark_cold;
    draw_legend(d, marks, false);
    fputs("plot ", out);
    if (isfinite(baseline)) fprintf(out, "%.9g " DRAW_AS_BASELINE_LINE ", ", baseline);
    fputs("$best using 1:2 with steps lw 2.2 lc rgb '" DRAW_ORANGE "' notitle, $trials using 1:2 " DRAW_AS_TRIAL,
          out);
    if (duplicates) {
        fputs(", $duplicates using 1:2 with points pt 6 ps 1.1 lc rgb '" DRAW_GREY "' notitle", out);
    }
    if (failed) fputs(", $failed using 1:2 with points pt 2 ps 1.1 lw 1.6 lc rgb '" DRAW_RED "' notitle", out);
    if (cold) fprintf(out, ", '+' using (0):(%.9g) every ::0::0 " DRAW_AS_COLD, r->trial[0].value * unit.scale);
    fputc('\n', out);
}

/* ---- final_comparison ---- */

enum { DRAW_STATES = 3 };

static double number_at(const json_t *array, size_t i) {
    return json_number_value(json_array_get(array, i));
}

static bool final_wanted(const drawing *d) {
    tune_comparison c = tune_report_comparison(d->report);
    return c.log_ratios && json_array_size(c.log_ratios) >= 2 && isfinite(c.value) && isfinite(c.low) &&
           isfinite(c.high);
}

static void draw_final(const drawing *d) {
    FILE *out = d->out;
    tune_comparison c = tune_report_comparison(d->report);
    size_t n = json_array_size(c.log_ratios);
    draw_range y = DRAW_NOTHING;
    draw_include(&y, 0);
    draw_include(&y, 100 * c.low);
    draw_include(&y, 100 * c.high);
    /* Drawn over time where that is known, each process in the colour of its state. */
    const bool timed = json_array_size(c.begun_s) == n && number_at(c.begun_s, n - 1) > 0;
    draw_range x = DRAW_NOTHING;
    fputs("$process << EOD\n", out);
    for (size_t i = 0; i < n; i++) {
        const json_t *ratio = json_array_get(c.log_ratios, i);
        if (!json_is_number(ratio)) continue;
        double speedup = expm1(json_number_value(ratio)), at = timed ? number_at(c.begun_s, i) : (double)i + 1;
        fprintf(out, "%.9g %.9g %d\n", at, 100 * speedup,
                (int)json_integer_value(json_array_get(c.state_of, i)) % DRAW_STATES);
        draw_include(&x, at);
        draw_include(&y, 100 * speedup);
    }
    fprintf(out,
            "EOD\nset title 'The last comparison'\nset xlabel '%s'\n"
            "set ylabel '%s than the baseline by (%%)'\n",
            timed ? "seconds since the first process began" : "fresh process",
            tune_report_timed(d->report) ? "faster" : "better");
    if (timed) draw_values(d, "x", x);
    else draw_counts(d, "x", 1, n);
    draw_values(d, "y", y);
    fprintf(out,
            "set object 1 rectangle from graph 0,first %.9g to graph 1,first %.9g fc rgb '" DRAW_ORANGE
            "' fs transparent solid 0.18 noborder behind\n",
            100 * c.low, 100 * c.high);
    char mean[64];
    snprintf(mean, sizeof mean, "mean and its %.0f %% interval", 100 * (isfinite(c.level) ? c.level : 0.95));
    static const char *const colour[DRAW_STATES] = {DRAW_BLUE, DRAW_GREEN, DRAW_RED};
    const size_t states = json_array_size(c.states);
    char name[DRAW_STATES][64];
    draw_mark marks[DRAW_STATES + 3] = {{"processes", 7, 1.2, DRAW_BLUE, false}};
    size_t m = states < 2;
    for (size_t i = 0; states > 1 && i < states && i < DRAW_STATES; i++) {
        snprintf(name[i], sizeof name[i], "at %+.0f %%",
                 100 * json_number_value(json_object_get(json_array_get(c.states, i), "value")));
        marks[m++] = (draw_mark){name[i], 7, 1.2, colour[i], false};
    }
    marks[m++] = (draw_mark){mean, 0, 0, DRAW_ORANGE, false};
    marks[m++] = draw_mark_baseline_line;
    draw_legend(d, marks, false);
    fprintf(out, "plot 0 " DRAW_AS_BASELINE_LINE ", %.9g with lines lw 2 lc rgb '" DRAW_ORANGE "' notitle",
            100 * c.value);
    if (states > 1) fputs(", $process using 1:2 with lines lw 1 lc rgb '" DRAW_GREY "' notitle", out);
    for (size_t i = 0; i < (states > 1 ? DRAW_STATES : 1); i++)
        fprintf(out, ", $process using 1:($3 == %zu ? $2 : NaN) with points pt 7 ps 1.2 lc rgb '%s' notitle", i,
                colour[i]);
    fputc('\n', out);
}

/* ---- importance ---- */

enum { IMPORTANCE_BARS = 12 };

static bool has_share(const drawing *d, size_t p) {
    return isfinite(d->analysis->importance[p].share) && tune_report_tuned(d->report, d->report->parameter[p].name);
}

static bool importance_wanted(const drawing *d) {
    for (size_t p = 0; p < d->report->parameters; p++) {
        if (has_share(d, p)) return true;
    }
    return false;
}

static void draw_importance(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    size_t order[TUNE_REPORT_PARAMETERS], n = 0;
    for (size_t p = 0; p < r->parameters; p++) {
        if (!has_share(d, p)) continue;
        size_t at = n++;
        for (; at > 0 && d->analysis->importance[order[at - 1]].share < d->analysis->importance[p].share; at--) {
            order[at] = order[at - 1];
        }
        order[at] = p;
    }
    if (n > IMPORTANCE_BARS) n = IMPORTANCE_BARS;
    fputs("$share << EOD\n", out);
    for (size_t i = 0; i < n; i++) {
        const tune_share *s = &d->analysis->importance[order[i]];
        fprintf(out, "%.9g %zu %.9g %.9g\n", 100 * s->share, n - i, 100 * s->low, 100 * s->high);
    }
    const double rest = d->analysis->unexplained;
    fputs("EOD\nset title 'What the differences between trials come from'\n"
          "set xlabel 'share of the differences (%), with 95 % interval'\nset xrange [0:100]\n"
          "set grid noytics xtics lt 1 lc rgb '#e4e9ed' lw 1\nset ytics scale 0 (",
          out);
    for (size_t i = 0; i < n; i++) {
        tune_plot_quote(out, r->parameter[order[i]].name);
        fprintf(out, " %zu, ", n - i);
    }
    fprintf(out, "'combinations, noise' 0)\nset yrange [%.9g:%.9g]\n", isfinite(rest) ? -0.6 : 0.4,
            (double)n + 0.6);
    fputs("plot $share using ($1/2):2:($1/2):(0.3) with boxxyerror fc rgb '" DRAW_BLUE "'"
          ", $share using 1:2:3:4 with xerrorbars pt -1 lw 2 lc rgb '" DRAW_ORANGE "'",
          out);
    if (isfinite(rest)) {
        fprintf(out, ", '+' using (%.9g):(0):(%.9g):(0.3) every ::0::0 with boxxyerror fc rgb '" DRAW_GREY "'",
                50 * rest, 50 * rest);
    }
    fputc('\n', out);
}

/* ---- speed_vs_perplexity ---- */

static bool ppl_wanted(const drawing *d) {
    for (size_t i = 0; i < d->report->trials; i++) {
        if (d->report->trial[i].ok && isfinite(d->report->trial[i].ppl)) return true;
    }
    return false;
}

static void draw_ppl(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    static const char *const names[] = {"prefill", "decode"};
    const tune_baseline_speed b = tune_report_baseline_speed(r);
    const double baseline[2] = {b.prefill_tok_s, b.decode_tok_s};
    const bool known = isfinite(baseline[0]) && isfinite(baseline[1]);
    draw_range x = DRAW_NOTHING, y[2] = {DRAW_NOTHING, DRAW_NOTHING};
    fputs("$rated << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        const double speed[2] = {t->prefill_tok_s, t->decode_tok_s};
        if (!isfinite(t->ppl) || !t->ok) continue;
        fprintf(out, "%.9g", t->ppl);
        draw_include(&x, t->ppl);
        for (int k = 0; k < 2; k++) {
            if (isfinite(speed[k])) fprintf(out, " %.9g", speed[k]);
            else fputs(" NaN", out);
            draw_include(&y[k], speed[k]);
        }
        fputc('\n', out);
    }
    fputs("EOD\n", out);
    draw_panels(d, 2, "Speed against perplexity of the continuation");
    fputs("set xlabel 'perplexity (lower is likelier text)'\nset grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n",
          out);
    for (int k = 0; k < 2; k++) {
        if (known) draw_include(&y[k], baseline[k]);
        fprintf(out, "set title '%s' font ',16'\nset ylabel '%s (tok/s)'\n", names[k], names[k]);
        /* Most parameters do not change the text, so a single perplexity for all trials is the usual picture. */
        draw_values(d, "x", x);
        draw_values(d, "y", y[k]);
        if (k == 0) {
            draw_legend(d,
                        known ? (const draw_mark[]){draw_mark_trials, draw_mark_baseline_line, {0}}
                              : (const draw_mark[]){draw_mark_trials, {0}},
                        true);
        }
        fputs("plot NaN notitle", out);
        if (known) fprintf(out, ", %.9g " DRAW_AS_BASELINE_LINE, baseline[k]);
        fprintf(out, ", $rated using 1:%d " DRAW_AS_TRIAL "\nunset label\nunset arrow\n", k + 2);
    }
    fputs("unset multiplot\n", out);
}

enum { FRONT_PANELS = 3 };

/* ---- pareto_front: the first objective against each other one ---- */

static bool front_wanted(const drawing *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->report->trials && d->report->objectives > 1; i++) n += d->report->trial[i].front;
    return n > 0;
}

static void objective_label(const drawing *d, const char *axis, const char *name) {
    const tune_metrics *metrics = &d->report->run.metrics;
    const int metric = tune_metrics_find(metrics, name);
    const char *unit = metric < 0 ? "" : metrics->at[metric].unit;
    draw_label(d, axis, name, unit);
}

static void draw_front(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const int panels = r->objectives - 1 < FRONT_PANELS ? r->objectives - 1 : FRONT_PANELS;
    draw_panels(d, panels, "Pareto front: trials that no other beats in everything");
    bool known = false;
    for (int k = 1; k <= panels; k++)
        known |= isfinite(tune_report_baseline(r, 0)) && isfinite(tune_report_baseline(r, k));
    const draw_mark marks[] = {{"trials", 7, 1.0, DRAW_GREY, false},
                               {"front", 7, 1.4, DRAW_ORANGE, false},
                               known ? draw_mark_baseline : (draw_mark){0},
                               {0}};
    fputs("set grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n", out);
    for (int k = 1; k <= panels; k++) {
        const double base[2] = {tune_report_baseline(r, 0), tune_report_baseline(r, k)};
        draw_range range[2] = {DRAW_NOTHING, DRAW_NOTHING};
        fputs("$all << EOD\n", out);
        for (size_t i = 0; i < r->trials; i++) {
            const tune_report_trial *t = &r->trial[i];
            const double at[2] = {t->objective[0], t->objective[k]};
            if (!t->ok || !isfinite(at[0]) || !isfinite(at[1])) continue;
            fprintf(out, "%.9g %.9g %d\n", at[0], at[1], t->front);
            for (int axis = 0; axis < 2; axis++) draw_include(&range[axis], at[axis]);
        }
        fputs("EOD\n", out);
        const bool there = isfinite(base[0]) && isfinite(base[1]);
        for (int axis = 0; axis < 2 && there; axis++) draw_include(&range[axis], base[axis]);
        if (there) fprintf(out, "$base << EOD\n%.9g %.9g\nEOD\n", base[0], base[1]);
        objective_label(d, "x", r->objective[0]);
        objective_label(d, "y", r->objective[k]);
        draw_values(d, "x", range[0]);
        draw_values(d, "y", range[1]);
        if (k == 1) draw_legend(d, marks, true);
        fputs("plot NaN notitle, $all using 1:2 with points pt 7 ps 1.0 lc rgb '#669aa5b1' notitle, "
              "$all using 1:($3 == 1 ? $2 : NaN) with points pt 7 ps 1.4 lc rgb '" DRAW_ORANGE "' notitle",
              out);
        if (there) fputs(", $base using 1:2 " DRAW_AS_BASELINE, out);
        fputs("\nunset label\nunset arrow\n", out);
    }
    fputs("unset multiplot\n", out);
}

const picture draw_insight[] = {
    {"search_progress", 960, 600, progress_wanted, draw_progress},
    {"final_comparison", 960, 560, final_wanted, draw_final},
    {"importance", 960, 480, importance_wanted, draw_importance},
    {"pareto_front", 1200, 560, front_wanted, draw_front},
    {"speed_vs_perplexity", 1200, 560, ppl_wanted, draw_ppl},
    {0},
};
