/* The sections of a report's words, and building them. A failure is remembered in the words, and later calls do
 * nothing. */
#ifndef TUNE_REPORT_WORDS_SAY_H
#define TUNE_REPORT_WORDS_SAY_H

#include <stdbool.h>
#include <stddef.h>

enum { TUNE_SECTIONS = 16 };

/* A paragraph, or one line of a table, which is not wrapped. */
typedef struct tune_line {
    bool table;
    char *text; /* UTF-8 without control characters */
} tune_line;

typedef struct tune_section {
    const char *about; /* a fixed name such as "verdict", by which other forms place it; static storage */
    char *title;
    size_t lines;
    tune_line *line;
} tune_section;

typedef struct tune_words {
    size_t sections;
    tune_section section[TUNE_SECTIONS]; /* the title of the first section is the run's folder */
    bool out_of_memory;
} tune_words;

enum { TUNE_ROW_WIDTH = 77 }; /* of a table, in columns */

/* Begins a section with this title. `about` is static. */
void tune_say_heading(tune_words *words, const char *about, const char *title);
/* Adds a paragraph to the last section, or a line of a table. The formats are those of printf. */
void tune_say(tune_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tune_say_row(tune_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
