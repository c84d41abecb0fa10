/* Memory of JSON values. */
#ifndef CLI_JSON_MEMORY_H
#define CLI_JSON_MEMORY_H

/* To be called once, before anything is read. From then on, where there is no memory for a JSON value (an argument
 * or a setting, for instance), the program ends with one line and exit code 1. Otherwise the NULL would be taken
 * for a bad value, and the message would be untrue. */
void cli_memory_prepare(void);

#endif
