/* Faults of the machine, such as a mapped file that shrinks, that should end a command with a message. */
#ifndef CLI_FAULTS_H
#define CLI_FAULTS_H

/* From this call on, a mapped file that became shorter or that cannot be read any more ends the process with exit
 * code 1 and one line that names it: `before` PATH `after`, written to descriptor `fd`. The pointers are kept, so
 * the texts must live until the end of the process. */
void cli_faults_install(int fd, const char *before, const char *after);
/* The usual text for `after`. */
#define CLI_FAULT_TEXT ": the file became shorter while it was in use, or cannot be read any more"

#endif
