#include "tuner/report/page_columns.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "tuner/report/marks.h"
#include "tuner/report/page_json.h"
#include "tuner/report/timeline.h"

enum { DIGITS = 6 }; /* of measured values, which are noisier than that */

static void put_comma(FILE *out, size_t i) {
    if (i) fputc(',', out);
}

static void put_number(FILE *out, double value, int digits) {
    if (isfinite(value)) fprintf(out, "%.*g", digits, value);
    else fputs("null", out);
}

static void put_metric(FILE *out, const tune_report *r, int metric) {
    tune_page_put_text(out, r->run.metrics.at[metric].name);
    fputs(":[", out);
    for (size_t i = 0; i < r->trials; i++) {
        put_comma(out, i);
        put_number(out, r->stored[i].metric[metric], DIGITS);
    }
    fputc(']', out);
}

static bool is_measured(const tune_report *r, int metric) {
    for (size_t i = 0; i < r->trials; i++) {
        if (isfinite(r->stored[i].metric[metric])) return true;
    }
    return false;
}

/* The reasons of trials that failed repeat themselves, so each text is written once. */
static void put_reasons(FILE *out, const tune_report *r) {
    json_t *number = json_object(), *texts = json_array();
    fputs(",\"reason\":{", out);
    size_t written = 0;
    for (size_t i = 0; i < r->trials; i++) {
        const char *reason = r->stored[i].reason;
        if (!reason) continue;
        json_t *known = json_object_get(number, reason);
        if (!known) {
            json_object_set_new(number, reason, json_integer((json_int_t)json_array_size(texts)));
            json_array_append_new(texts, json_string(reason));
            known = json_object_get(number, reason);
        }
        if (!known) continue; /* not UTF-8 */
        put_comma(out, written++);
        fprintf(out, "\"%zu\":%lld", i, (long long)json_integer_value(known));
    }
    fputs("},\"reasons\":", out);
    tune_page_put_json(out, texts);
    json_decref(number);
    json_decref(texts);
}

void tune_page_put_trials(FILE *out, const tune_report *r) {
    fprintf(out, "\"trials\":{\"count\":%zu,\"status\":\"", r->trials);
    for (size_t i = 0; i < r->trials; i++) fputc('0' + (int)r->stored[i].status, out);
    fputs("\",\"level\":[", out);
    for (size_t p = 0; p < r->parameters; p++) {
        put_comma(out, p);
        fputc('[', out);
        for (size_t i = 0; i < r->trials; i++) fprintf(out, "%s%d", i ? "," : "", r->trial[i].level[p]);
        fputc(']', out);
    }
    fputs("],\"value\":[", out);
    for (size_t i = 0; i < r->trials; i++) {
        put_comma(out, i);
        put_number(out, r->trial[i].ok ? r->trial[i].value : NAN, DIGITS);
    }
    fputs("],\"samples\":[", out);
    for (size_t i = 0; i < r->trials; i++) {
        put_comma(out, i);
        /* Where the study has no count, the samples are few enough to be counted. */
        const bool stored = r->stored[i].samples > 0 || !r->samples;
        fprintf(out, "%zu", stored ? (size_t)r->stored[i].samples : tune_report_trial_samples(r, &r->trial[i]));
    }
    fputs("],\"metric\":{", out);
    size_t written = 0;
    for (int m = 0; m < r->run.metrics.count; m++) {
        if (!is_measured(r, m)) continue;
        put_comma(out, written++);
        put_metric(out, r, m);
    }
    fputs("},\"front\":[", out);
    written = 0;
    for (size_t i = 0; i < r->trials; i++) {
        if (!r->trial[i].front) continue;
        put_comma(out, written++);
        fprintf(out, "%zu", i);
    }
    fputs("]", out);
    put_reasons(out, r);
    fputc('}', out);
}

int tune_page_put_samples(FILE *out, const tune_report *r, xlstm_error *err) {
    tune_timeline line;
    int status = tune_report_timeline(r, &line, err);
    if (status) return status;
    fputs("\"samples\":{\"trial\":[", out);
    for (size_t i = 0; i < line.points; i++)
        fprintf(out, "%s%ld", i ? "," : "", r->sample[line.point[i].sample].trial);
    fputs("],\"at\":[", out);
    for (size_t i = 0; i < line.points; i++) {
        put_comma(out, i);
        put_number(out, line.point[i].at, 9);
    }
    fputs("],\"value\":[", out);
    for (size_t i = 0; i < line.points; i++) {
        put_comma(out, i);
        put_number(out, r->sample[line.point[i].sample].seen, DIGITS);
    }
    /* 1: in use; 2: an outlier; the causes from 4 on */
    fputs("],\"flags\":[", out);
    for (size_t i = 0; i < line.points; i++) {
        const tune_report_sample *s = &r->sample[line.point[i].sample];
        fprintf(out, "%s%u", i ? "," : "", s->causes << 2 | (unsigned)line.point[i].outlier << 1 | s->used);
    }
    fputs("],\"median\":[", out);
    for (size_t i = 0; i < line.points; i++) {
        put_comma(out, i);
        if (isfinite(line.point[i].median)) put_number(out, line.point[i].median, DIGITS);
        else fputc('0', out); /* shorter than null; a median is above 0 */
    }
    fputs("]},\"pauses\":[", out);
    for (size_t i = 0; i < line.pauses; i++) {
        char text[64];
        tune_pause_text(text, sizeof text, &line.pause[i]);
        fprintf(out, "%s{\"at\":%.9g,\"seconds\":%.6g,\"text\":\"%s\"}", i ? "," : "", line.pause[i].at,
                line.pause[i].seconds, text);
    }
    fputc(']', out);
    tune_timeline_clear(&line);
    return XLSTM_OK;
}
