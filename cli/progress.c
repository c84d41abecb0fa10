#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static struct {
    char what[64];      /* "": no step is in progress */
    double began, last; /* by the clock */
    bool drawn, terminal;
} step;
static double (*now_s)(void) = xl_now_s;

void cli_progress_use_clock(double (*clock)(void)) {
    now_s = clock;
}

void cli_progress(const char *what, size_t done, size_t total) {
    if (total && done >= total) {
        cli_progress_end();
        return;
    }
    const double now = now_s();
    if (!step.what[0] || strcmp(step.what, what) != 0) {
        cli_progress_end();
        snprintf(step.what, sizeof step.what, "%s", what);
        step.began = now;
        step.last = 0;
        step.terminal = isatty(STDERR_FILENO);
    }
    if (!step.terminal || now - step.began < 0.5 || now - step.last < 0.1) return;
    step.last = now;
    step.drawn = true;
    if (total) fprintf(stderr, "\r%s %zu/%zu\033[K", step.what, done, total);
    else fprintf(stderr, "\r%s, %.0f s\033[K", step.what, now - step.began);
}

void cli_progress_end(void) {
    if (step.drawn) fputs("\r\033[K", stderr);
    step.drawn = false;
    step.what[0] = 0;
}
