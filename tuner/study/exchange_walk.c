#include "tuner/study/exchange_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const char *const tune_run_list_names[TUNE_LISTS] = {"trials", "samples", "events"};

/* A place in the text of a file. */
typedef struct cursor {
    const tune_import *file;
    size_t at;
    xlstm_error *err;
} cursor;

size_t tune_run_file_line(const tune_import *file, size_t at) {
    size_t line = 1;
    const char *text = file->text, *end = text + (at < file->bytes ? at : file->bytes);
    while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
        line++;
        text++;
    }
    return line;
}

/* ---- one value ---- */

/* Reports what a parser that began at the cursor found: its line and column are counted from there. */
static int wrong(const cursor *c, int line, int column, const char *what) {
    const char *text = c->file->text;
    size_t before = 0;
    while (before < c->at && text[c->at - before - 1] != '\n') before++;
    return xl_fail(c->err, XLSTM_EFORMAT, "%s: line %zu, column %zu: %s", c->file->name,
                   tune_run_file_line(c->file, c->at) + (size_t)line - 1,
                   (line > 1 ? 0 : before) + (size_t)(column > 0 ? column : 0), what);
}

static int wanted(const cursor *c, const char *what) {
    char text[100];
    const bool end = c->at == c->file->bytes;
    snprintf(text, sizeof text, "%s expected%s", what, end ? " near end of file" : "");
    return wrong(c, 1, !end, text);
}

/* Returns the next character that is not a space, without passing it; 0 at the end. */
static char ahead(cursor *c) {
    const tune_import *f = c->file;
    while (c->at < f->bytes && f->text[c->at] && strchr(" \t\r\n", f->text[c->at])) c->at++;
    return c->at < f->bytes ? f->text[c->at] : '\0';
}

/* Parses a value and passes it. Returns NULL after reporting why there is none. */
static json_t *value(cursor *c, size_t flags) {
    json_error_t bad;
    json_t *j = json_loadb(c->file->text + c->at, c->file->bytes - c->at,
                           JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | flags, &bad);
    if (j) c->at += (size_t)bad.position;
    else wrong(c, bad.line, bad.column, bad.text);
    return j;
}

/* Passes an array without looking at what is in it. Returns false at the end of the text. */
static bool skip_array(cursor *c) {
    const char *text = c->file->text;
    size_t depth = 0;
    for (; c->at < c->file->bytes; c->at++) {
        const char ch = text[c->at];
        if (ch == '"') {
            for (c->at++; c->at < c->file->bytes && text[c->at] != '"'; c->at++) c->at += text[c->at] == '\\';
        } else if (ch == '[' || ch == '{') {
            depth++;
        } else if ((ch == ']' || ch == '}') && !--depth) {
            c->at++;
            return true;
        }
    }
    c->at = c->file->bytes;
    return false;
}

/* ---- members ---- */

static int list_of(const char *key) {
    for (int i = 0; i < TUNE_LISTS; i++)
        if (!strcmp(key, tune_run_list_names[i])) return i;
    return -1;
}

/* Passes a member. Of the members that are not known only the form is checked. */
static int member(tune_run_file *f, cursor *c, json_t *seen) {
    if (ahead(c) != '"') return wanted(c, "string or '}'");
    const size_t begin = c->at;
    json_t *name = value(c, JSON_DECODE_ANY);
    if (!name) return XLSTM_EFORMAT;
    const char *key = json_string_value(name);
    const int list = list_of(key);
    int status = XLSTM_OK;
    if (json_object_get(seen, key)) {
        const cursor there = {c->file, begin, c->err};
        status = wrong(&there, 1, 1, "duplicate object key");
    }
    if (!status && ahead(c) != ':') status = wanted(c, "':'");
    if (!status) {
        json_object_set_new(seen, key, json_true());
        c->at++;
        if (ahead(c) == '[' && list >= 0) {
            f->found[list] = true;
            f->from[list] = c->at;
            if (!skip_array(c)) status = wanted(c, "']'");
            f->to[list] = c->at;
        } else {
            if (!strcmp(key, "run")) f->run_at = c->at;
            json_t *v = value(c, JSON_DECODE_ANY);
            if (!v) status = XLSTM_EFORMAT;
            const bool known = !strcmp(key, "run") || !strcmp(key, "format") || !strcmp(key, "version");
            if (v && known) json_object_set(f->root, key, v);
            json_decref(v);
        }
    }
    json_decref(name);
    return status;
}

static int find_members(tune_run_file *f, cursor *c) {
    json_t *seen = json_object();
    int status = XLSTM_OK;
    bool more = true;
    c->at++;
    if (ahead(c) == '}') {
        c->at++;
        more = false;
    }
    while (more && !status) {
        status = member(f, c, seen);
        if (status) break;
        const char next = ahead(c);
        if (next != ',' && next != '}') status = wanted(c, "'}'");
        else c->at++;
        more = next == ',';
    }
    if (!status) {
        ahead(c);
        if (c->at < c->file->bytes) status = wanted(c, "end of file");
    }
    json_decref(seen);
    return status;
}

int tune_run_file_find(tune_run_file *out, const tune_import *file, xlstm_error *err) {
    cursor c = {file, 0, err};
    *out = (tune_run_file){.file = file, .root = json_object()};
    if (!out->root) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", file->name);
    if (ahead(&c) != '{') { /* anything else is no run, if it is JSON at all */
        json_t *other = value(&c, 0);
        json_decref(other);
        return other ? XLSTM_OK : XLSTM_EFORMAT;
    }
    int status = find_members(out, &c);
    /* A mistake within a list may look like one behind it. */
    for (int i = 0; status && i < TUNE_LISTS; i++) {
        if (out->found[i] && tune_run_file_walk(out, (tune_run_list)i, NULL, NULL, err)) break;
    }
    return status;
}

void tune_run_file_clear(tune_run_file *f) {
    json_decref(f->root);
    *f = (tune_run_file){0};
}

int tune_run_file_walk(const tune_run_file *f, tune_run_list list, tune_run_visit visit, void *ctx,
                       xlstm_error *err) {
    cursor c = {f->file, f->from[list] + 1, err};
    int status = XLSTM_OK;
    if (!f->found[list] || ahead(&c) == ']') return status;
    for (size_t index = 0; !status; index++) {
        ahead(&c);
        const size_t at = c.at;
        json_t *element = value(&c, JSON_DECODE_ANY);
        if (!element) return XLSTM_EFORMAT;
        if (visit) status = visit(ctx, index, element, at, err);
        json_decref(element);
        if (status) break;
        const char next = ahead(&c);
        if (next == ']' && c.at + 1 == f->to[list]) break;
        if (next != ',') status = wanted(&c, "']'");
        c.at++;
    }
    return status;
}
