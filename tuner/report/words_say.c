#include "tuner/report/words_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void tune_say_heading(tune_words *w, const char *about, const char *title) {
    if (w->out_of_memory || w->sections == TUNE_SECTIONS) return;
    char *copy = strdup(title);
    if (copy) {
        xl_utf8_clean(copy);
        w->section[w->sections++] = (tune_section){.about = about, .title = copy};
    } else {
        w->out_of_memory = true;
    }
}

static void add_line(tune_words *w, bool table, const char *format, va_list args) {
    char text[4096];
    if (w->out_of_memory || !w->sections) return;
    tune_section *s = &w->section[w->sections - 1];
    vsnprintf(text, sizeof text, format, args);
    xl_utf8_clean(text);
    tune_line *grown = realloc(s->line, (s->lines + 1) * sizeof *grown);
    if (grown) s->line = grown;
    char *copy = grown ? strdup(text) : NULL;
    if (copy) s->line[s->lines++] = (tune_line){table, copy};
    else w->out_of_memory = true;
}

void tune_say(tune_words *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_line(w, false, format, args);
    va_end(args);
}

void tune_say_row(tune_words *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_line(w, true, format, args);
    va_end(args);
}
