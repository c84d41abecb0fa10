/* Decides which pictures a run gets, and draws them. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/report/draw.h"

/* ---- files ---- */

/* Makes the name of a picture's file. Parameter names may come from a foreign CSV header, so only letters, digits,
 * '-' and '_' of them are used. */
static void picture_name(char *name, size_t size, const picture *p, const tune_report *r, size_t parameter) {
    char clean[80];
    const char *from = parameter < r->parameters ? r->parameter[parameter].name : "";
    size_t n = 0;
    for (; *from && n + 1 < sizeof clean; from++) {
        clean[n++] = isalnum((unsigned char)*from) || *from == '-' || *from == '_' ? *from : '_';
    }
    clean[n] = '\0';
    const char *gap = strstr(p->name, "%s");
    if (gap) snprintf(name, size, "%.*s%s%s", (int)(gap - p->name), p->name, clean, gap + 2);
    else snprintf(name, size, "%s", p->name);
}

static void style(FILE *out) {
    fputs("set border 3 lc rgb '#5b6673' lw 1\n"
          "set tics nomirror out scale 0.6 textcolor rgb '" DRAW_INK "'\n"
          "set grid ytics lt 1 lc rgb '#e4e9ed' lw 1\n"
          "set style fill solid 0.9 noborder\n"
          "set boxwidth 0.62\n"
          "set pointsize 1\n"
          "set samples 500\n"
          "set format x '%g'\nset format y '%g'\n"
          "unset key\n"
          "set title font ',19' textcolor rgb '" DRAW_INK "'\n"
          "set xlabel textcolor rgb '" DRAW_INK "'\n"
          "set ylabel textcolor rgb '" DRAW_INK "'\n"
          "set cblabel textcolor rgb '" DRAW_INK "'\n",
          out);
}

/* ---- one picture: both of its files are put into place, or neither ---- */

static const struct {
    const char *suffix, *end, *terminal; /* end: the last bytes of a complete file */
} forms[] = {
    {"png", "IEND\256B`\202", "pngcairo noenhanced size %d,%d font 'sans,15' linewidth 1.5 background '#ffffff'"},
    {"svg", "</svg>", "svg noenhanced size %d,%d font 'sans,15' linewidth 1.5 background '#ffffff' dynamic"}};
enum { FORMS = sizeof forms / sizeof *forms };

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
}

static void put_form(drawing *d, const picture *p, int form, const char *path) {
    fputs("reset\nset encoding utf8\nset terminal ", d->out);
    fprintf(d->out, forms[form].terminal, p->width, p->height); /* NOLINT: the format is from the table above */
    fputs("\nset output ", d->out);
    tune_plot_quote_path(d->out, path);
    fputc('\n', d->out);
    style(d->out);
    p->draw(d);
    fputs("unset output\n", d->out);
}

/* Whether a file is complete, which its last bytes show; gnuplot does not check that its output was written. */
static bool is_whole(const char *path, const char *end) {
    char tail[16];
    const size_t length = strlen(end);
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fseek(f, -(long)sizeof tail, SEEK_END) ? 0 : fread(tail, 1, sizeof tail, f);
    fclose(f);
    while (n && tail[n - 1] == '\n') n--;
    return n >= length && !memcmp(tail + n - length, end, length);
}

/* Draws both files under temporary names and checks them before the first is put into place. */
static int draw_files(drawing *d, const picture *p, char *const *path, xl_output **file, xlstm_error *err) {
    char *script = NULL;
    size_t bytes;
    d->width = p->width;
    d->height = p->height;
    d->out = open_memstream(&script, &bytes);
    if (!d->out) return no_memory(err);
    for (int i = 0; i < FORMS; i++) put_form(d, p, i, xl_output_name(file[i]));
    int status =
        !xl_text_end(d->out, &script) ? no_memory(err) : tune_gnuplot_run(d->options->gnuplot, script, err);
    free(script);
    for (int i = 0; i < FORMS && !status; i++) {
        if (xl_is_file(xl_output_name(file[i])) && !is_whole(xl_output_name(file[i]), forms[i].end))
            status =
                xl_fail(err, XLSTM_EIO,
                        "%s: gnuplot could not write all of it: is the disk full? What was there stays", path[i]);
    }
    for (int i = 0; i < FORMS && !status; i++) {
        status = xl_output_commit(file[i], err);
        file[i] = NULL;
        if (!status && d->options->wrote) d->options->wrote(d->options->ctx, path[i]);
    }
    return status;
}

static int emit(drawing *d, const picture *p, const char *folder, xlstm_error *err) {
    char name[160], *path[FORMS] = {NULL};
    xl_output *file[FORMS] = {NULL};
    int status = 0;
    picture_name(name, sizeof name, p, d->report, d->parameter);
    for (int i = 0; i < FORMS && !status; i++) {
        path[i] = xl_format("%s/%s.%s", folder, name, forms[i].suffix);
        status = path[i] ? xl_output_open(&file[i], path[i], err) : no_memory(err);
    }
    if (!status) status = draw_files(d, p, path, file, err);
    for (int i = 0; i < FORMS; i++) {
        xl_output_abort(file[i]);
        free(path[i]);
    }
    return status;
}

/* ---- all of them ---- */

/* The result of drawing all pictures. One that fails does not prevent the others; `first` is the first failure. */
typedef struct outcome {
    size_t drawn, failed;
    int status;
    xlstm_error first;
} outcome;

static void emit_all(drawing *d, const picture *list, const char *folder, outcome *to) {
    for (const picture *p = list; p->name; p++) {
        bool each = strstr(p->name, "%s") != NULL;
        size_t times = each ? d->report->parameters : 1;
        for (size_t i = 0; i < times; i++) {
            d->parameter = each ? i : d->report->parameters;
            if (to->status == XLSTM_EUNSUPPORTED || !p->wanted(d)) continue; /* without gnuplot all would fail */
            xlstm_error err = {0};
            int status = emit(d, p, folder, &err);
            to->drawn += status == 0;
            if (status && to->failed++ == 0) {
                to->status = status;
                to->first = err;
            }
        }
    }
}

static int write_run(const tune_report *report, const tune_analysis *analysis, const tune_report_options *options,
                     xlstm_error *err) {
    static const picture *const lists[] = {draw_original, draw_insight, draw_noise, draw_map};
    const char *folder = options->folder ? options->folder : report->folder;
    drawing d = {.report = report, .analysis = analysis, .options = options};
    outcome got = {0};
    int status = xl_make_folder(folder, err);
    if (status) return status;
    if (access(folder, W_OK))
        return xl_fail(err, XLSTM_EIO, "%s: %s%s", folder, strerror(errno),
                       options->folder ? "" : "; --out DIR draws the pictures elsewhere");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) emit_all(&d, lists[i], folder, &got);
    if (got.drawn == 0 && got.failed == 0) {
        return xl_fail(err, XLSTM_EFORMAT, "%s/summary.csv: no trial with a speed, nothing to draw",
                       report->folder);
    }
    if (got.failed == 0) return 0;
    if (got.drawn == 0) return xl_fail(err, got.status, "%s", got.first.text);
    return xl_fail(err, got.status, "%s (%zu picture%s drawn, %zu not)", got.first.text, got.drawn,
                   got.drawn == 1 ? "" : "s", got.failed);
}

static int write_pictures(const tune_analysed *runs, size_t count, const tune_report_options *options,
                          xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = write_run(runs[i].report, runs[i].analysis, options, err);
    return status;
}

const tune_writer tune_writer_png = {"png", write_pictures};
