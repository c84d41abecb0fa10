/* Writes runs as one page that opens from a disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/report/compare.h"
#include "tuner/report/page.h"
#include "tuner/report/page_facts.h"
#include "tuner/report/page_json.h"

enum { COMPARED = 12 }; /* with more runs, only neighbours are compared: pairs grow with the square */

static json_t *compared(const tune_report *a, const tune_report *b) {
    const tune_compared sides[2] = {{&a->run, a->stored, a->trials}, {&b->run, b->stored, b->trials}};
    return tune_compare_runs(&sides[0], &sides[1]);
}

/* Writes the comparisons of pairs as {"0 1": …}. */
static void put_comparisons(FILE *out, const tune_analysed *runs, size_t count) {
    size_t written = 0;
    fputs("\"comparisons\":{", out);
    for (size_t a = 0; a < count; a++) {
        for (size_t b = a + 1; b < count; b++) {
            if (count > COMPARED && b > a + 1) continue;
            json_t *j = compared(runs[a].report, runs[b].report);
            fprintf(out, "%s\"%zu %zu\":", written++ ? "," : "", a, b);
            tune_page_put_json(out, j);
            json_decref(j);
        }
    }
    fputc('}', out);
}

static int make_facts(char **text, const tune_analysed *runs, size_t count, tune_unit_fn unit, xlstm_error *err) {
    size_t bytes;
    int status = XLSTM_OK;
    FILE *out = open_memstream(text, &bytes);
    if (!out) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    fputs("{\"live\":false,\"runs\":[", out);
    for (size_t i = 0; i < count && !status; i++) {
        if (i) fputs(",\n", out);
        status = tune_page_facts(out, runs[i].report, runs[i].analysis, unit, err);
    }
    fputs("],\n", out);
    if (!status) put_comparisons(out, runs, count);
    fputc('}', out);
    if (!xl_text_end(out, text) && !status) status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    if (status) free(*text);
    return status;
}

static int write_html(const tune_analysed *runs, size_t count, const tune_report_options *options,
                      xlstm_error *err) {
    char *facts, *text;
    size_t bytes;
    int status = make_facts(&facts, runs, count, options->unit, err);
    if (status) return status;
    status = tune_page_make(&text, &bytes, options->page, facts, "'none'", err);
    free(facts);
    if (status) return status;
    status = xl_file_write(options->file, text, bytes, err);
    free(text);
    if (!status && options->wrote && strcmp(options->file, "-") != 0) options->wrote(options->ctx, options->file);
    return status;
}

const tune_writer tune_writer_html = {"html", write_html};
