/* Which pictures a run gets, and the look they share. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/report/draw.h"

#define CATEGORIES 14
#define TEMPORARY ".tmp"

draw_unit draw_time_unit(double largest_s) {
    return largest_s < 2 ? (draw_unit){1e3, "ms"} : (draw_unit){1, "s"};
}

void draw_axis_label(const drawing *d, const char *axis, const tune_parameter *p) {
    const char *unit = d->options->unit ? d->options->unit(p->name) : NULL;
    char text[128];
    if (unit && *unit) snprintf(text, sizeof text, "%.60s (%s)", p->name, unit);
    else snprintf(text, sizeof text, "%.60s", p->name);
    fprintf(d->out, "set %slabel ", axis);
    tune_plot_quote(d->out, text);
    fputc('\n', d->out);
}

bool draw_by_category(const tune_parameter *p) {
    return !p->numeric || p->levels <= CATEGORIES;
}

void draw_parameter_axis(const drawing *d, const char *axis, const tune_parameter *p) {
    draw_axis_label(d, axis, p);
    if (!draw_by_category(p)) {
        double low = p->number[0], high = p->number[p->levels - 1], margin = 0.04 * (high - low);
        fprintf(d->out, "set %srange [%.9g:%.9g]\nset %stics auto\n", axis, low - margin, high + margin, axis);
        return;
    }
    fprintf(d->out, "set %srange [-0.6:%.9g]\nset %stics (", axis, (double)p->levels - 0.4, axis);
    size_t step = (p->levels + CATEGORIES - 1) / CATEGORIES;
    for (size_t i = 0; i < p->levels; i += step) {
        if (i) fputs(", ", d->out);
        tune_plot_quote(d->out, p->text[i]);
        fprintf(d->out, " %zu", i);
    }
    fputs(")\n", d->out);
}

double draw_position(const tune_parameter *p, int level) {
    return draw_by_category(p) ? level : p->number[level];
}

/* Widths in pixels of the font that every picture uses, measured on it: exact enough to set marks apart. */
#define LETTER 10.0
#define MARK 34
#define GAP 26

void draw_legend(const drawing *d, const draw_mark *marks, bool panels) {
    double width = -GAP, y = panels ? 0.06 : 0.05;
    for (const draw_mark *m = marks; m->text; m++) width += MARK + LETTER * (double)strlen(m->text) + GAP;
    double at = (d->width - width) / 2;
    if (!panels) fputs("set bmargin at screen 0.21\n", d->out);
    int tag = 20;
    for (const draw_mark *m = marks; m->text; m++, tag++) {
        double from = at / d->width, to = (at + MARK - 10) / d->width;
        if (m->point) {
            fprintf(d->out, "set label %d '' at screen %.5f,%.5f point pt %d ps %.2f lw 1.8 lc rgb '%s'\n",
                    tag + 40, (from + to) / 2, y, m->point, m->size, m->color);
        } else {
            fprintf(d->out,
                    "set arrow %d from screen %.5f,%.5f to screen %.5f,%.5f nohead lw 2 dt %d lc rgb '%s'\n", tag,
                    from, y, to, y, m->dashed ? 2 : 1, m->color);
        }
        fprintf(d->out, "set label %d ", tag);
        tune_plot_quote(d->out, m->text);
        fprintf(d->out, " at screen %.5f,%.5f left textcolor rgb '" DRAW_INK "'\n", (at + MARK) / d->width, y);
        at += MARK + LETTER * (double)strlen(m->text) + GAP;
    }
}

void draw_panels(const drawing *d, int panels, const char *title) {
    double left = 110.0 / d->width, between = 120.0 / d->width;
    fprintf(d->out,
            "set multiplot layout 1,%d margins %.4f,0.985,0.26,0.79 spacing %.4f,0\n"
            "set label 1 ",
            panels, left, between);
    tune_plot_quote(d->out, title);
    fputs(" at screen 0.5,0.93 center font ',20' textcolor rgb '" DRAW_INK "'\n", d->out);
}

void draw_range(const drawing *d, const char *axis, double low, double high) {
    if (!(low <= high)) return;
    double margin = high > low ? 0.08 * (high - low) : fmax(fabs(high) * 0.05, 1e-9);
    fprintf(d->out, "set %srange [%.9g:%.9g]\n", axis, low - margin, high + margin);
}

/* ---- files ---- */

/* Header names are somebody else's: in a file's name only letters, digits, '-' and '_' of them stay. */
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

typedef struct file_list {
    char **path; /* without TEMPORARY */
    size_t n, room;
} file_list;

static int remember(file_list *list, char *path, xlstm_error *err) {
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 32;
        char **grown = realloc(list->path, room * sizeof *grown);
        if (!grown) {
            free(path);
            return xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
        }
        list->path = grown;
        list->room = room;
    }
    list->path[list->n++] = path;
    return 0;
}

static int emit(drawing *d, const picture *p, const char *folder, file_list *files, xlstm_error *err) {
    static const char *const suffixes[] = {"png", "svg"};
    char name[160];
    d->width = p->width;
    picture_name(name, sizeof name, p, d->report, d->parameter);
    for (int i = 0; i < 2; i++) {
        char *path = xl_format("%s/%s.%s", folder, name, suffixes[i]);
        char *temporary = path ? xl_format("%s" TEMPORARY, path) : NULL;
        if (!temporary) {
            free(path);
            return xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
        }
        fputs("reset\n", d->out);
        if (i == 0) {
            fprintf(d->out,
                    "set terminal pngcairo noenhanced size %d,%d font 'sans,15' linewidth 1.5 background "
                    "'#ffffff'\n",
                    p->width, p->height);
        } else {
            fprintf(d->out,
                    "set terminal svg noenhanced size %d,%d font 'sans,15' linewidth 1.5 background "
                    "'#ffffff' dynamic\n",
                    p->width, p->height);
        }
        fputs("set output ", d->out);
        tune_plot_quote_path(d->out, temporary);
        fputc('\n', d->out);
        free(temporary);
        style(d->out);
        p->draw(d);
        fputs("unset output\n", d->out);
        int status = remember(files, path, err);
        if (status) return status;
    }
    return 0;
}

static int emit_all(drawing *d, const picture *list, const char *folder, file_list *files, xlstm_error *err) {
    int status = 0;
    for (const picture *p = list; p->name && !status; p++) {
        bool each = strstr(p->name, "%s") != NULL;
        size_t times = each ? d->report->parameters : 1;
        for (size_t i = 0; i < times && !status; i++) {
            d->parameter = each ? i : d->report->parameters;
            if (p->wanted(d)) status = emit(d, p, folder, files, err);
        }
    }
    return status;
}

/* Pictures come into place whole or not at all. */
static int put_in_place(const file_list *files, const tune_report_options *options, xlstm_error *err) {
    int status = 0;
    for (size_t i = 0; i < files->n && !status; i++) {
        char *temporary = xl_format("%s" TEMPORARY, files->path[i]);
        if (!temporary) return xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
        if (rename(temporary, files->path[i])) {
            status = xl_fail(err, XLSTM_EIO, "%s: %s", files->path[i], strerror(errno));
        } else if (options->wrote) {
            options->wrote(options->ctx, files->path[i]);
        }
        free(temporary);
    }
    return status;
}

static void remove_rest(const file_list *files) {
    for (size_t i = 0; i < files->n; i++) {
        char *temporary = xl_format("%s" TEMPORARY, files->path[i]);
        if (temporary) unlink(temporary);
        free(temporary);
    }
}

static int write_pictures(const tune_report *report, const tune_analysis *analysis,
                          const tune_report_options *options, xlstm_error *err) {
    const char *folder = options->folder ? options->folder : report->folder;
    char *script = NULL;
    size_t bytes;
    file_list files = {0};
    drawing d = {.report = report, .analysis = analysis, .options = options};
    int status = xl_make_folder(folder, err);
    if (status) return status;
    if (access(folder, W_OK)) return xl_fail(err, XLSTM_EIO, "%s: %s", folder, strerror(errno));
    d.out = open_memstream(&script, &bytes);
    if (!d.out) return xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
    fputs("set encoding utf8\n", d.out);
    status = emit_all(&d, draw_original, folder, &files, err);
    if (!status) status = emit_all(&d, draw_insight, folder, &files, err);
    if (fclose(d.out) && !status) status = xl_fail(err, XLSTM_ENOMEM, "pictures: out of memory");
    if (!status && files.n == 0) {
        status =
            xl_fail(err, XLSTM_EFORMAT, "%s/summary.csv: no trial with a speed, nothing to draw", report->folder);
    }
    if (!status) status = tune_gnuplot_run(options->gnuplot, script, err);
    if (!status) status = put_in_place(&files, options, err);
    if (status) remove_rest(&files);
    for (size_t i = 0; i < files.n; i++) free(files.path[i]);
    free(files.path);
    free(script);
    return status;
}

const tune_writer tune_writer_pictures = {"pictures", write_pictures};

const tune_writer *tune_writer_find(const char *name) {
    static const tune_writer *const all[] = {&tune_writer_pictures, &tune_writer_text, &tune_writer_json,
                                             &tune_writer_csv};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!strcmp(all[i]->name, name)) return all[i];
    }
    return NULL;
}
