/* The page of the report. web/page.html names its style sheets and scripts, each on a line of its own; here their
 * contents are put in their places, so that the page needs no other file and no network. */
#ifndef TUNE_REPORT_PAGE_H
#define TUNE_REPORT_PAGE_H

#include <stddef.h>

#include <xlstm/status.h>

/* Makes the page from page.html in `folder`. `facts` is the JSON that goes into its element "facts"; it must hold
 * no
 * '<'. `connect` is the source that the page may connect to, as a content security policy names it: "'none'", or
 * "'self'". The policy allows the scripts and style sheets of the page and nothing else. *text is malloc'd and
 * NUL-terminated. XLSTM_ENOTFOUND, XLSTM_EIO or XLSTM_EFORMAT name the file. */
int tune_page_make(char **text, size_t *bytes, const char *folder, const char *facts, const char *connect,
                   xlstm_error *err);

#endif
