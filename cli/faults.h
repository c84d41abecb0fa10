/* Faults of the machine that end a command with a line instead of a bare signal. */
#ifndef CLI_FAULTS_H
#define CLI_FAULTS_H

/* From now on a mapped file that became shorter, or that cannot be read any more, ends the process with exit code 1
 * and one line that names it: `before` PATH `after` on descriptor `fd`. The texts are kept, not copied. */
void cli_faults_install(int fd, const char *before, const char *after);
/* The usual text for `after`. */
#define CLI_FAULT_TEXT ": the file became shorter while it was in use, or cannot be read any more"

#endif
