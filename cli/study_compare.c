#include "cli/study_compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "cli/streams.h"

static const char *text_of(const json_t *j, const char *key) {
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "";
}

void cli_compare_text(FILE *out, const json_t *j, bool csv) {
    const json_t *points = json_object_get(j, "points"), *differ = json_object_get(j, "differ");
    const json_t *metric = json_object_get(j, "metric");
    const char *name = text_of(metric, "name"), *unit = text_of(metric, "unit");
    if (csv) fprintf(out, "point,a_%s,b_%s\n", name, name);
    for (int side = 0; side < 2 && !csv; side++) {
        const json_t *s = json_object_get(j, side ? "b" : "a");
        char *params = json_dumps(json_object_get(s, "params"), JSON_COMPACT | JSON_ENCODE_ANY);
        fprintf(out, "%s  %s\n   best %s\n   %s\n", side ? "B" : "A", cli_plain(text_of(s, "run")),
                params ? cli_plain(params) : "none", cli_plain(text_of(s, "verdict")));
        free(params);
    }
    if (!csv && json_array_size(differ)) {
        fputs("they differ in:", out);
        for (size_t i = 0; i < json_array_size(differ); i++)
            fprintf(out, " %s", json_string_value(json_array_get(differ, i)));
        fputc('\n', out);
    }
    if (!csv) {
        fprintf(out, "%s\n", text_of(json_object_get(j, "winners"), "text"));
        const size_t n = json_array_size(points);
        if (n)
            fprintf(out, "%zu point%s in both; %s in A and in B, from the searches' own samples, as they were:\n",
                    n, n == 1 ? "" : "s", name);
        else fputs("no point was measured in both\n", out);
    }
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *p = json_array_get(points, i);
        const double a = json_real_value(json_object_get(p, "a")), b = json_real_value(json_object_get(p, "b"));
        if (csv) {
            xl_csv_put_text(out, text_of(p, "point"));
            fputc(',', out);
            xl_csv_put_number(out, a, 9);
            fputc(',', out);
            xl_csv_put_number(out, b, 9);
            fputc('\n', out);
        } else
            fprintf(out, "  %10.4g%s%s %10.4g%s%s  %s\n", a, *unit ? " " : "", unit, b, *unit ? " " : "", unit,
                    cli_plain(text_of(p, "point")));
    }
}
