/* Writes the report's tables importance.csv and interactions.csv. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/report/report.h"

static void put_share(FILE *out, const tune_share *s) {
    const double values[] = {s->share, s->low, s->high};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        fputc(',', out);
        xl_csv_put_number(out, values[i], 6);
    }
}

static int save(const char *folder, const char *name, const char *text, const tune_report_options *options,
                xlstm_error *err) {
    char *path = xl_path_join(folder, name);
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", name);
    int status = xl_file_write(path, text, strlen(text), err);
    if (!status && options->wrote) options->wrote(options->ctx, path);
    free(path);
    return status;
}

static int write_run(const tune_report *r, const tune_analysis *a, const tune_report_options *options,
                     xlstm_error *err) {
    const char *folder = options->folder ? options->folder : r->folder;
    char *text = NULL;
    size_t bytes;
    int status = 0;
    if (!xl_is_folder(folder)) status = xl_make_folder(folder, err);
    for (int table = 0; table < 2 && !status; table++) {
        FILE *out = open_memstream(&text, &bytes);
        if (!out) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
        fputs(table == 0 ? "parameter,share,low,high,values_tried\n" : "a,b,share,low,high,tried,possible\n", out);
        for (size_t p = 0; p < r->parameters && table == 0; p++) {
            xl_csv_put_text(out, r->parameter[p].name);
            put_share(out, &a->importance[p]);
            fprintf(out, ",%zu\n", r->parameter[p].levels);
        }
        for (size_t k = 0; k < a->pairs && table == 1; k++) {
            const tune_pair *p = &a->pair[k];
            xl_csv_put_text(out, r->parameter[p->a].name);
            fputc(',', out);
            xl_csv_put_text(out, r->parameter[p->b].name);
            put_share(out, &p->strength);
            fprintf(out, ",%zu,%zu\n", p->tried, p->possible);
        }
        if (!xl_text_end(out, &text)) status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
        if (!status) status = save(folder, table == 0 ? "importance.csv" : "interactions.csv", text, options, err);
        free(text);
        text = NULL;
    }
    return status;
}

static int write_csv(const tune_analysed *runs, size_t count, const tune_report_options *options,
                     xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = write_run(runs[i].report, runs[i].analysis, options, err);
    return status;
}

const tune_writer tune_writer_csv = {"csv", write_csv};
