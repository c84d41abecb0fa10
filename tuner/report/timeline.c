#include "tuner/report/timeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/measure/stats.h"

#define PAUSE 20.0 /* multiple of the usual time between samples from which on the run is taken to have paused */
#define LEAST_PAUSE 1.0 /* seconds */
#define GAP 0.02        /* share of the whole time that stands for a pause */

/* Whether it is a sample of the baseline that describes the noise. */
static bool is_noise(const tune_report_sample *s) {
    return s->trial < 0 && s->used && s->seen > 0;
}

/* Returns the time between two samples from which on it counts as a pause. `scratch` has room for all samples. */
static double pause_from(const tune_report *r, double *scratch) {
    double last = NAN;
    size_t n = 0;
    for (size_t i = 0; i < r->samples; i++) {
        if (!isfinite(r->sample[i].at)) continue;
        if (isfinite(last)) scratch[n++] = r->sample[i].at - last;
        last = r->sample[i].at;
    }
    return fmax(PAUSE * (n ? tune_median(scratch, n) : 0), LEAST_PAUSE);
}

/* Puts the samples of which the time is known on the time at work. The list of pauses has room for all of them. */
static void walk(const tune_report *r, double pause, tune_timeline *out) {
    double last = NAN, at = 0;
    for (size_t i = 0; i < r->samples; i++) {
        const double now = r->sample[i].at, gap = isfinite(last) ? now - last : 0;
        if (!isfinite(now)) continue;
        last = now;
        if (gap >= pause) out->pause[out->pauses++] = (tune_pause){.at = at, .seconds = gap};
        else at += gap;
        out->point[out->points++] =
            (tune_timeline_point){.sample = i, .at = at, .after_pause = gap >= pause, .median = NAN};
    }
    out->gap = GAP * at;
    size_t pauses = 0;
    for (size_t i = 0; i < out->points; i++) {
        if (out->point[i].after_pause) {
            out->pause[pauses].at += ((double)pauses + 0.5) * out->gap;
            pauses++;
        }
        out->point[i].at += (double)pauses * out->gap;
    }
}

/* The moving median begins anew after a pause. */
static void moving_median(const tune_report *r, tune_timeline *out) {
    double window[TUNE_TIMELINE_WINDOW];
    size_t n = 0;
    for (size_t i = 0; i < out->points; i++) {
        const tune_report_sample *s = &r->sample[out->point[i].sample];
        if (out->point[i].after_pause) n = 0;
        if (!is_noise(s)) continue;
        window[n++ % TUNE_TIMELINE_WINDOW] = s->seen;
        out->point[i].median = tune_median(window, n < TUNE_TIMELINE_WINDOW ? n : TUNE_TIMELINE_WINDOW);
    }
}

/* Marks the outliers. `x` has room for all samples. */
static int mark_outliers(const tune_report *r, double *x, tune_timeline *out, xlstm_error *err) {
    tune_noise noise;
    int status = tune_report_noise(r, &noise, err);
    if (status || noise.n < 4) return status;
    size_t n = 0, point = 0, at = 0;
    for (size_t i = 0; i < r->samples; i++) {
        if (is_noise(&r->sample[i])) x[n++] = r->sample[i].seen;
    }
    for (size_t i = 0; i < r->samples; i++) {
        double off;
        while (point < out->points && out->point[point].sample < i) point++;
        if (!is_noise(&r->sample[i])) continue;
        if (point < out->points && out->point[point].sample == i)
            out->point[point].outlier = tune_noise_is_outlier(x, n, at, &noise, &off);
        at++;
    }
    return XLSTM_OK;
}

int tune_report_timeline(const tune_report *r, tune_timeline *out, xlstm_error *err) {
    double *scratch = xl_array(r->samples + 1, sizeof *scratch);
    *out = (tune_timeline){.point = xl_array(r->samples + 1, sizeof *out->point),
                           .pause = xl_array(r->samples + 1, sizeof *out->pause)};
    int status =
        scratch && out->point && out->pause ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    if (!status) {
        walk(r, pause_from(r, scratch), out);
        moving_median(r, out);
        status = mark_outliers(r, scratch, out, err);
    }
    free(scratch);
    if (status) tune_timeline_clear(out);
    return status;
}

void tune_timeline_clear(tune_timeline *timeline) {
    free(timeline->point);
    free(timeline->pause);
    *timeline = (tune_timeline){0};
}

void tune_pause_text(char *text, size_t bytes, const tune_pause *pause) {
    const double s = pause->seconds;
    if (s < 180) snprintf(text, bytes, "pause of %.0f s", s);
    else if (s < 3 * 3600) snprintf(text, bytes, "pause of %.0f min", s / 60);
    else snprintf(text, bytes, "pause of %.0f h", s / 3600);
}
