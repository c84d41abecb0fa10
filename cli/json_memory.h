/* Memory of JSON values. */
#ifndef CLI_JSON_MEMORY_H
#define CLI_JSON_MEMORY_H

/* Once, before anything is read. From now on a JSON value, an argument or a setting for instance, that finds no
 * memory ends the program: one line, exit code 1. The alternative, a NULL that is taken for a bad value, tells the
 * user something untrue. */
void cli_memory_prepare(void);

#endif
