/* What happens where there is no memory for a JSON value. */
#ifndef CLI_JSON_MEMORY_H
#define CLI_JSON_MEMORY_H

/* To be called once, before anything is read. From then on the program ends with one line and exit code 1 where
 * there is no memory for a JSON value. Without this, Jansson's NULL would be mistaken for an invalid value and the
 * message would be wrong. */
void cli_memory_prepare(void);

#endif
