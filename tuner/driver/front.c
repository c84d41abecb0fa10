#include "tuner/driver/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* Smaller is better, what is unknown is worst. */
static double cost(const double *metric, tune_metric objective) {
    double value = metric[objective];
    if (isnan(value)) return INFINITY;
    return tune_metric_larger_is_better((int)objective) ? -value : value;
}

bool tune_front_beats(const double *a, const double *b, const tune_metric *objective, int objectives) {
    bool better = false;
    for (int i = 0; i < objectives; i++) {
        double x = cost(a, objective[i]), y = cost(b, objective[i]);
        if (x > y) return false;
        better |= x < y;
    }
    return better;
}

size_t tune_front(const tune_trial_row *trials, size_t count, const tune_metric *objective, int objectives,
                  bool *member) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        member[i] = trials[i].status == TUNE_TRIAL_OK;
        for (size_t k = 0; member[i] && k < count; k++) {
            if (trials[k].status != TUNE_TRIAL_OK || k == i) continue;
            member[i] = !tune_front_beats(trials[k].metric, trials[i].metric, objective, objectives);
        }
        found += member[i];
    }
    return found;
}

int tune_front_write(const tune_problem *problem, const tune_keeper *keeper, const tune_metric *objective,
                     int objectives, xlstm_error *err) {
    size_t count, bytes = 0;
    const tune_trial_row *trials = tune_keeper_trials(keeper, &count);
    bool *member = xl_array(count, sizeof *member);
    char *path = xl_path_join(tune_keeper_folder(keeper), "pareto.csv"), *text = NULL;
    FILE *out = open_memstream(&text, &bytes);
    int status = XLSTM_OK;
    if (!member || !path || !out) {
        status = xl_fail(err, XLSTM_ENOMEM, "pareto.csv: out of memory");
        goto out;
    }
    size_t left = tune_front(trials, count, objective, objectives, member);
    fputs("trial", out);
    for (int i = 0; i < objectives; i++) fprintf(out, ",%s", tune_metric_name((int)objective[i]));
    for (size_t i = 0; i < tune_space_params(problem->space); i++)
        fprintf(out, ",%s", tune_space_param(problem->space, i)->name);
    fputc('\n', out);
    for (; left; left--) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            if (!member[i]) continue;
            if (best == count || cost(trials[i].metric, objective[0]) < cost(trials[best].metric, objective[0]))
                best = i;
        }
        member[best] = false;
        fprintf(out, "%lld", (long long)trials[best].index);
        for (int i = 0; i < objectives; i++) {
            double value = trials[best].metric[objective[i]];
            if (isfinite(value)) fprintf(out, ",%.9g", value);
            else fputc(',', out);
        }
        json_t *params = json_loads(trials[best].params, 0, NULL);
        for (size_t i = 0; i < tune_space_params(problem->space); i++) {
            const json_t *value = json_object_get(params, tune_space_param(problem->space, i)->name);
            if (json_is_string(value)) fprintf(out, ",%s", json_string_value(value));
            else fprintf(out, ",%.9g", json_number_value(value));
        }
        json_decref(params);
        fputc('\n', out);
    }
out:
    if (out && fclose(out) && !status) status = xl_fail(err, XLSTM_ENOMEM, "pareto.csv: out of memory");
    if (!status) status = xl_file_write(path, text, bytes, err);
    free(member);
    free(path);
    free(text);
    return status;
}
