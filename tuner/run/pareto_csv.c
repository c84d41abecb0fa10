#include "tuner/run/pareto_csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/driver/front.h"

static void write_row(FILE *out, const tune_pareto *p, const tune_trial_row *t) {
    fprintf(out, "%lld", (long long)t->index);
    for (int i = 0; i < p->objectives; i++) {
        double value = t->metric[p->objective[i]];
        fputc(',', out);
        xl_csv_put_number(out, value, 9);
    }
    for (size_t i = 0; i < tune_space_params(p->space); i++) {
        const tune_value *v = tune_named_find(&t->params, tune_space_param(p->space, i)->name);
        fputc(',', out);
        if (v && v->text) xl_csv_put_text(out, v->text);
        else xl_csv_put_number(out, v ? v->number : NAN, 0);
    }
    fputc('\n', out);
}

int tune_pareto_write(const char *folder, const tune_pareto *p, xlstm_error *err) {
    size_t bytes = 0;
    size_t *front = xl_array(p->count, sizeof *front);
    char *path = xl_path_join(folder, "pareto.csv"), *text = NULL;
    FILE *out = open_memstream(&text, &bytes);
    int status = XLSTM_OK;
    if (!front || !path || !out) {
        status = xl_fail(err, XLSTM_ENOMEM, "pareto.csv: out of memory");
        goto out;
    }
    size_t n = tune_front(p->metrics, p->trials, p->count, p->objective, p->objectives, front);
    fputs("trial", out);
    for (int i = 0; i < p->objectives; i++) fprintf(out, ",%s", tune_metrics_name(p->metrics, p->objective[i]));
    for (size_t i = 0; i < tune_space_params(p->space); i++) {
        fputc(',', out);
        xl_csv_put_text(out, tune_space_param(p->space, i)->name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < n; i++) write_row(out, p, &p->trials[front[i]]);
out:
    if (out && !xl_text_end(out, &text) && !status)
        status = xl_fail(err, XLSTM_ENOMEM, "pareto.csv: out of memory");
    if (!status) status = xl_file_write(path, text, bytes, err);
    free(front);
    free(path);
    free(text);
    return status;
}
