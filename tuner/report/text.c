/* Writes the sentences of the report to standard output, 80 columns wide. */
#include <stdio.h>
#include <string.h>

#include "tuner/report/words.h"

#define WIDTH 79
#define INDENT 2

/* Prints a paragraph, wrapped between words. */
static void paragraph(const char *text) {
    int at = 0;
    for (const char *word = text; *word;) {
        int length = (int)strcspn(word, " ");
        if (at && at + 1 + length > WIDTH) at = 0;
        if (at == 0) at = printf("%s%*s", word == text ? "" : "\n", INDENT, "");
        else at += printf(" ");
        at += printf("%.*s", length, word);
        word += length;
        word += strspn(word, " ");
    }
    putchar('\n');
}

static int write_run(const tune_report *report, const tune_analysis *analysis, xlstm_error *err) {
    tune_words w;
    int status = tune_words_make(&w, report, analysis, err);
    if (status) return status;
    for (size_t s = 0; s < w.sections; s++) {
        printf("%s%s\n", s ? "\n" : "", w.section[s].title);
        for (size_t i = 0; i < w.section[s].lines; i++) {
            const tune_line *line = &w.section[s].line[i];
            if (line->table) printf("%*s%s\n", INDENT, "", line->text);
            else paragraph(line->text);
        }
    }
    tune_words_clear(&w);
    return XLSTM_OK;
}

static int write_text(const tune_analysed *runs, size_t count, const tune_report_options *options,
                      xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (i) putchar('\n');
        status = write_run(runs[i].report, runs[i].analysis, err);
    }
    return status;
}

const tune_writer tune_writer_text = {"text", write_text};
