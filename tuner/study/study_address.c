#include "tuner/study/study_address.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const char *const schemes[] = {"postgresql://", "postgres://"};

/* What was taken out of addresses. A password belongs to its own address alone and is sent nowhere else. */
enum { SECRETS = 8 };
static struct { char *address, *password; } secrets[SECRETS];

/* Length of the scheme with which `text` begins; 0: another one, or none. */
static size_t scheme_of(const char *text) {
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t length = strlen(schemes[i]);
        if (!strncmp(text, schemes[i], length)) return length;
    }
    return 0;
}

bool tune_study_is_server(const char *study) {
    return scheme_of(study) > 0;
}

char *tune_study_in_folder(const char *folder, const char *study) {
    return tune_study_is_server(study) ? strdup(study) : xl_path_join(folder, study);
}

char *tune_study_absolute(const char *study) {
    if (study[0] == '/' || tune_study_is_server(study)) return strdup(study);
    char *here = getcwd(NULL, 0), *all = here ? xl_path_join(here, study) : NULL;
    free(here);
    return all;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of the text, in which %XX stands for a byte; NULL when out of memory. */
static char *decoded(const char *text, size_t length) {
    char *copy = malloc(length + 1), *to = copy;
    for (size_t i = 0; copy && i < length; i++) {
        const int high = text[i] == '%' && i + 2 < length ? digit_of(text[i + 1]) : -1;
        const int low = high < 0 ? -1 : digit_of(text[i + 2]);
        *to++ = low < 0 ? text[i] : (char)(high * 16 + low);
        if (low >= 0) i += 2;
    }
    if (copy) *to = 0;
    return copy;
}

/* Takes the password. */
static void remember(const char *address, char *password) {
    size_t i = 0;
    while (i + 1 < SECRETS && secrets[i].address && strcmp(secrets[i].address, address) != 0) i++;
    free(secrets[i].address);
    free(secrets[i].password);
    secrets[i].address = strdup(address);
    secrets[i].password = password;
}

/* Removes `length` bytes at `at`, and leaves no trace of what was behind them. */
static void cut(char *at, size_t length) {
    const size_t rest = strlen(at + length);
    memmove(at, at + length, rest);
    memset(at + rest, 0, length);
}

/* Removes password=TEXT and sslpassword=TEXT from the part of an address that begins with '?'. Returns the
 * password, malloc'd; NULL: there was none. */
static char *take_from_query(char *query) {
    static const char *const keys[] = {"password=", "sslpassword="};
    char *password = NULL;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const size_t name = strlen(keys[k]);
        for (char *at = query + 1; (at = strstr(at, keys[k]));) {
            if (at[-1] != '?' && at[-1] != '&') {
                at += name;
                continue;
            }
            const size_t length = strcspn(at + name, "&");
            if (k == 0 && !password) password = decoded(at + name, length);
            cut(at, name + length + (at[name + length] == '&'));
        }
    }
    return password;
}

void tune_study_hide_password(char *text) {
    char *address = NULL, *at = NULL, *password = NULL;
    for (size_t i = 0; !address && i < sizeof schemes / sizeof *schemes; i++) address = strstr(text, schemes[i]);
    if (!address) return;
    char *user = address + scheme_of(address);
    /* A password may hold an '@' that nobody escaped, so the last one before the path counts. */
    for (size_t i = strcspn(user, "/?"); i > 0 && !at; i--) at = user[i - 1] == '@' ? &user[i - 1] : NULL;
    char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (colon) {
        password = decoded(colon + 1, (size_t)(at - colon) - 1);
        cut(colon, (size_t)(at - colon));
    }
    char *query = strchr(user, '?'), *other = query ? take_from_query(query) : NULL;
    if (other) {
        free(password);
        password = other;
    }
    if (password) remember(address, password);
}

const char *tune_study_password(const char *address) {
    for (size_t i = 0; i < SECRETS && secrets[i].address; i++) {
        if (!strcmp(secrets[i].address, address)) return secrets[i].password;
    }
    return NULL;
}
