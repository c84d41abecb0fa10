/* Which key a flag or a member of a config means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/keys.h"

static bool same(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) return false;
    }
    return *a == *b;
}

static int find_row(const char *name, cli_commands command) {
    int other = -1;
    for (int i = 0; i < cli_key_count(); i++) {
        const cli_key *key = cli_key_at(i);
        if (!same(key->name, name)) continue;
        if (key->commands & command) return i;
        if (other < 0) other = i;
    }
    return other;
}

/* The row that an alias of the command stands for; -1: there is no such alias. */
static int find_alias(const char *name, cli_commands command, bool flag) {
    int count;
    const cli_alias *all = cli_key_aliases(&count);
    for (int i = 0; i < count; i++) {
        if (!same(all[i].alias, name) || !(all[i].commands & command)) continue;
        if (!all[i].flag_only || flag) return find_row(all[i].name, command);
    }
    return -1;
}

int cli_key_find(const char *name, cli_commands command, bool flag) {
    const int row = find_row(name, command);
    if (row >= 0 && (cli_key_at(row)->commands & command)) return row;
    const int alias = find_alias(name, command, flag);
    return alias >= 0 ? alias : row;
}

int cli_key_find_letter(const char *letter, cli_commands command) {
    const int alias = find_alias(letter, command, true);
    return alias >= 0 ? alias : cli_key_find(letter, command, true);
}

int cli_key_second(const char *name, cli_commands command) {
    int count;
    const cli_alias *all = cli_key_aliases(&count);
    for (const cli_alias *a = all; a < all + count; a++) {
        if (a->both && (a->commands & command) && same(a->alias, name)) return find_row(a->both, command);
    }
    return -1;
}

int cli_key_alias(const cli_key *key, cli_commands command, int n, const char **alias) {
    int count;
    const cli_alias *all = cli_key_aliases(&count);
    for (; n < count; n++) {
        const cli_alias *a = &all[n];
        if (!(a->commands & command)) continue;
        if (!same(a->name, key->name) && !(a->both && same(a->both, key->name))) continue;
        /* Where the command has a key of the alias's name, that key is meant; but for a letter behind one dash. */
        const int row = find_row(a->alias, command);
        if (a->alias[1] && row >= 0 && (cli_key_at(row)->commands & command)) continue;
        *alias = a->alias;
        return n + 1;
    }
    return 0;
}

const char *cli_key_nearest(const char *name, cli_commands command, bool flag) {
    int aliases;
    const cli_alias *alias = cli_key_aliases(&aliases);
    const char **names = xl_array((size_t)cli_key_count() + (size_t)aliases, sizeof *names), *found = NULL;
    /* For a flag only keys of this command are suggested. */
    for (int own = 1; names && !found && own >= (flag ? 1 : 0); own--) {
        int count = 0;
        for (int i = 0; i < cli_key_count(); i++) {
            const cli_key *key = cli_key_at(i);
            const bool named = key->name[1] && !(flag && key->type == CLI_INERT);
            if (named && !!(key->commands & command) == own) names[count++] = key->name;
        }
        int nearest = xl_continued_name(name, names, count);
        for (int i = 0; i < aliases; i++) {
            bool single = !alias[i].alias[1];
            if (!single && (flag || !alias[i].flag_only) && !!(alias[i].commands & command) == own)
                names[count++] = alias[i].alias;
        }
        if (nearest < 0) nearest = xl_nearest_name(name, names, count);
        if (nearest >= 0) found = names[nearest];
    }
    free(names);
    return found;
}
