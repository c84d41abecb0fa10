#include "cli/json_memory.h"

#include <stdlib.h>

#include <jansson.h>

#include "base/output.h"
#include "cli/streams.h"

static void *get(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (memory) return memory;
    cli_say(NULL, "out of memory for %zu bytes", bytes);
    xl_output_drop_all();
    exit(1);
}

void cli_memory_prepare(void) {
    json_set_alloc_funcs(get, free);
}
