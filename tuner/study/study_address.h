/* Where a study is: a file, or a database on a server, postgresql://USER@HOST:PORT/DATABASE. */
#ifndef TUNE_STUDY_ADDRESS_H
#define TUNE_STUDY_ADDRESS_H

#include <stdbool.h>

/* Whether it is the address of a server. */
bool tune_study_is_server(const char *study);

/* The study that a run folder names: itself where it is a server's address or an absolute path, else in the folder.
 * malloc'd; NULL when out of memory. */
char *tune_study_in_folder(const char *folder, const char *study);
/* Itself where it is a server's address, else the absolute path. malloc'd; NULL when out of memory. */
char *tune_study_absolute(const char *study);

/* Takes the password out of a server's address in place, wherever in `text` the address stands, and remembers it
 * for tune_study_password; so that no copy of the text, and no list of processes, shows it. Other texts stay as
 * they are. */
void tune_study_hide_password(char *text);
/* The password that was taken out of this address; NULL: there was none. */
const char *tune_study_password(const char *address);

#endif
