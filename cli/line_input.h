/* Lines from a person: with editing and history where standard input and output are a terminal and the program was
 * built with libedit, plain ones elsewhere. */
#ifndef CLI_LINE_INPUT_H
#define CLI_LINE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_line_input cli_line_input;

typedef enum cli_line { CLI_LINE_TEXT, CLI_LINE_END, CLI_LINE_INTERRUPTED } cli_line;

/* `stopped` is asked while a line is waited for: true ends it. NULL when out of memory. */
cli_line_input *cli_line_input_open(bool (*stopped)(void));
void cli_line_input_close(cli_line_input *in);
/* Whether a person is at the terminal, so that prompts are shown. */
bool cli_line_input_person(const cli_line_input *in);
/* Reads a line; *line (without its newline, NUL-terminated) has *length bytes, among which there may be NULs, and
 * lives until the next call. INTERRUPTED: by Ctrl-C or `stopped`; what was typed of a line by then is kept where
 * there is no editing. */
cli_line cli_line_input_read(cli_line_input *in, const char *prompt, const char **line, size_t *length);
/* Adds what was said to the history. */
void cli_line_input_remember(cli_line_input *in, const char *text);

#endif
