#include "base/live.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"

struct xl_live {
    pid_t owner;
    json_t *facts;
    char *path, *aside;
    double written, counted; /* on the clock of xl_now_s; when the file was, and the tokens were last */
    uint64_t generated, prompt, old_generated, old_prompt;
};

char *xl_live_folder(void) {
    const char *folder = getenv("XDG_RUNTIME_DIR"), *temporary = getenv("TMPDIR");
    if (folder && folder[0] == '/') return xl_format("%s/xltune", folder);
    return xl_format("%s/xltune-%ld", temporary && temporary[0] == '/' ? temporary : "/tmp", (long)getuid());
}

/* A folder of this user's alone: what another one made is not used. */
static bool own_folder(const char *path) {
    struct stat found;
    if (mkdir(path, 0700) && errno != EEXIST) return false;
    return !lstat(path, &found) && S_ISDIR(found.st_mode) && found.st_uid == getuid();
}

/* What this process tells, for a program that ends by exit() in the midst of it, as where memory is out. */
static xl_live *open_now;

static void remove_at_exit(void) {
    if (!open_now || open_now->owner != getpid()) return;
    unlink(open_now->aside);
    unlink(open_now->path);
}

xl_live *xl_live_open(const char *command) {
    static bool registered;
    char *folder = xl_live_folder();
    xl_live *live = folder && own_folder(folder) ? calloc(1, sizeof *live) : NULL;
    if (live) {
        live->path = xl_format("%s/%ld.json", folder, (long)getpid());
        live->aside = xl_format("%s/%ld.new", folder, (long)getpid());
        live->facts =
            json_pack("{s:I, s:s, s:f}", "pid", (json_int_t)getpid(), "command", command, "started", xl_wall_s());
        live->counted = xl_now_s();
        live->owner = getpid();
        if (!live->path || !live->aside || !live->facts) {
            xl_live_close(live);
            live = NULL;
        } else {
            open_now = live;
            registered = registered || !atexit(remove_at_exit);
        }
    }
    free(folder);
    return live;
}

void xl_live_close(xl_live *live) {
    if (!live) return;
    if (open_now == live) open_now = NULL;
    if (live->path) unlink(live->path);
    json_decref(live->facts);
    free(live->path);
    free(live->aside);
    free(live);
}

void xl_live_text(xl_live *live, const char *name, const char *value) {
    if (!live) return;
    json_t *text = value ? json_string(value) : NULL;
    if (text) json_object_set_new(live->facts, name, text);
    else json_object_del(live->facts, name);
}

void xl_live_number(xl_live *live, const char *name, double value) {
    if (!live) return;
    if (!isfinite(value)) json_object_del(live->facts, name);
    else if (value == floor(value) && fabs(value) < 1e15)
        json_object_set_new(live->facts, name, json_integer((json_int_t)value));
    else json_object_set_new(live->facts, name, json_real(value));
}

void xl_live_tokens(xl_live *live, uint64_t generated, uint64_t prompt) {
    if (!live) return;
    live->generated = generated;
    live->prompt = prompt;
}

static void count(xl_live *live, double now) {
    const double seconds = now - live->counted;
    if (!live->generated && !live->prompt) return;
    xl_live_number(live, "tokens", (double)live->generated);
    xl_live_number(live, "prompt_tokens", (double)live->prompt);
    if (seconds <= 0) return;
    xl_live_number(live, "tokens_s", (double)(live->generated - live->old_generated) / seconds);
    xl_live_number(live, "prompt_tokens_s", (double)(live->prompt - live->old_prompt) / seconds);
    live->counted = now;
    live->old_generated = live->generated;
    live->old_prompt = live->prompt;
}

void xl_live_tick(xl_live *live) {
    const double now = live ? xl_now_s() : 0;
    if (!live || (live->written > 0 && now - live->written < 1)) return;
    live->written = now;
    count(live, now);
    xl_live_number(live, "updated", xl_wall_s());
    xl_live_number(live, "rss_bytes", (double)xl_memory_resident());
    /* Not synced: it is worth nothing after a crash. */
    if (json_dump_file(live->facts, live->aside, JSON_COMPACT) || rename(live->aside, live->path))
        unlink(live->aside);
}
