#include "tuner/target/printed.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tuner/target/template.h"

typedef enum kind { KIND_REGEX, KIND_JSON, KIND_BYTES } kind;
static const char *const kinds[] = {"regex", "json", "bytes"};

/* The quotient of two numbers up to this and from its reciprocal on is a number too. */
#define LARGEST 1e150

typedef struct look {
    char name[32];
    kind kind;
    char *what; /* the expression, the path, or the file's name; "stdout" */
    regex_t regex;
    bool compiled;
    int stream; /* 0: standard output, 1: standard error */
    bool exact;
    int part, metric;
} look;

struct tune_printed {
    size_t count;
    look at[TUNE_METRICS];
};

/* ---- declared ---- */

static int wanted(const char *name, const char *key, const char *what, xlstm_error *err) {
    return xl_fail(err, XLSTM_EFORMAT, "metrics: %s.%s: wanted %s", name, key, what);
}

static int read_key(look *l, tune_metric *m, const char *key, const json_t *value, xlstm_error *err) {
    const char *text = json_string_value(value);
    for (int i = 0; i < 3; i++) {
        if (strcmp(key, kinds[i]) != 0) continue;
        if (!text || !*text) return wanted(l->name, key, "a text", err);
        if (l->what)
            return xl_fail(err, XLSTM_EFORMAT, "metrics: %s: found %s and %s, wanted one of them", l->name,
                           kinds[l->kind], key);
        l->kind = (kind)i;
        l->what = strdup(text);
        return l->what ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "metrics: out of memory");
    }
    if (!strcmp(key, "unit")) {
        if (!text || strlen(text) >= sizeof m->unit) return wanted(l->name, key, "a text of at most 15 bytes", err);
        snprintf(m->unit, sizeof m->unit, "%s", text);
    } else if (!strcmp(key, "better")) {
        if (!text || (strcmp(text, "larger") != 0 && strcmp(text, "smaller") != 0))
            return wanted(l->name, key, "\"larger\" or \"smaller\"", err);
        m->larger_is_better = !strcmp(text, "larger");
    } else if (!strcmp(key, "from")) {
        if (!text || (strcmp(text, "stdout") != 0 && strcmp(text, "stderr") != 0))
            return wanted(l->name, key, "\"stdout\" or \"stderr\"", err);
        l->stream = !strcmp(text, "stderr");
    } else if (!strcmp(key, "exact")) {
        if (!json_is_boolean(value)) return wanted(l->name, key, "true or false", err);
        l->exact = json_is_true(value);
    } else {
        return xl_fail(err, XLSTM_EFORMAT,
                       "metrics: %s: unknown key \"%s\", wanted regex, json, bytes, from, unit, better or exact",
                       l->name, key);
    }
    return XLSTM_OK;
}

static bool is_name(const char *name) {
    const size_t length = strlen(name);
    return length && length < sizeof((look *)NULL)->name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static int add(tune_printed *p, const char *name, const json_t *object, tune_metrics *metrics, xlstm_error *err) {
    if (!is_name(name))
        return xl_fail(err, XLSTM_EARG, "metrics: found '%.40s', wanted a name of at most 31 letters, digits and _",
                       name);
    if (tune_metrics_find(metrics, name) >= 0)
        return xl_fail(err, XLSTM_EARG, "metrics: %s is there already", name);
    if (!json_is_object(object)) return xl_fail(err, XLSTM_EFORMAT, "metrics: %s: wanted an object", name);
    if (metrics->count == TUNE_METRICS) return xl_fail(err, XLSTM_EARG, "metrics: more than %d", TUNE_METRICS);
    look *l = &p->at[p->count++];
    tune_metric *m = &metrics->at[metrics->count];
    snprintf(l->name, sizeof l->name, "%s", name);
    *m = (tune_metric){.part = -1};
    snprintf(m->name, sizeof m->name, "%s", name);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const int status = read_key(l, m, key, value, err);
        if (status) return status;
    }
    if (!l->what) return xl_fail(err, XLSTM_EFORMAT, "metrics: %s: wanted regex, json or bytes", name);
    if (l->kind == KIND_REGEX) {
        const int code = regcomp(&l->regex, l->what, REG_EXTENDED | REG_NEWLINE);
        char why[80] = "";
        if (code) regerror(code, &l->regex, why, sizeof why);
        if (code) return xl_fail(err, XLSTM_EARG, "metrics: %s.regex: %s", name, why);
        l->compiled = true;
    }
    m->of_point = l->exact;
    if (!l->exact && metrics->parts == TUNE_METRIC_PARTS)
        return xl_fail(err, XLSTM_EARG, "metrics: at most %d that are not exact", TUNE_METRIC_PARTS - 3);
    m->part = l->part = l->exact ? -1 : metrics->parts++;
    l->metric = metrics->count++;
    return XLSTM_OK;
}

int tune_printed_create(tune_printed **out, const json_t *object, tune_metrics *metrics, xlstm_error *err) {
    tune_printed *p = calloc(1, sizeof *p);
    if (!p) return xl_fail(err, XLSTM_ENOMEM, "metrics: out of memory");
    const char *name;
    json_t *value;
    int status = XLSTM_OK;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (!status) status = add(p, name, value, metrics, err);
    }
    if (status) tune_printed_destroy(p);
    else *out = p;
    return status;
}

void tune_printed_destroy(tune_printed *p) {
    for (size_t i = 0; p && i < p->count; i++) {
        if (p->at[i].compiled) regfree(&p->at[i].regex);
        free(p->at[i].what);
    }
    free(p);
}

static bool is_file(const look *l) {
    return l->kind == KIND_BYTES && strcmp(l->what, "stdout") != 0;
}

bool tune_printed_needs_output(const tune_printed *p) {
    for (size_t i = 0; i < p->count; i++) {
        if (!is_file(&p->at[i]) && !p->at[i].stream) return true;
    }
    return false;
}

size_t tune_printed_files(const tune_printed *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++) n += is_file(&p->at[i]);
    return n;
}

const char *tune_printed_file(const tune_printed *p, size_t index) {
    for (size_t i = 0; i < p->count; i++) {
        if (is_file(&p->at[i]) && !index--) return p->at[i].what;
    }
    return NULL;
}

/* ---- found ---- */

/* What was looked for in the output. */
typedef struct finding {
    double value; /* NAN: nothing, or no number */
    char cut[40]; /* not empty: the text of which a comma would have cut off a part, and value is NAN */
} finding;

/* Reads the number at the beginning of a text, which has `bytes`. Another notation than ours is not read in part:
 * 3,14 is not 3, and 1,234 is not 1. */
static void read_found(const char *text, size_t bytes, finding *out) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || end > text + bytes) return;
    const bool cut = end + 1 < text + bytes && *end == ',' && end[1] >= '0' && end[1] <= '9';
    *out = (finding){.value = cut ? NAN : value};
    if (cut) snprintf(out->cut, sizeof out->cut, "%.*s", (int)(bytes < 39 ? bytes : 39), text);
}

static finding by_regex(const look *l, const char *text, size_t bytes) {
    regmatch_t m[2] = {{-1, -1}, {-1, -1}};
    const char *const end = text + bytes;
    finding found = {.value = NAN};
    int flags = 0;
    /* A NUL ends what regexec looks at, like the end of a line. */
    for (; text < end; text++, flags = 0) {
        while (*text && !regexec(&l->regex, text, 2, m, flags)) {
            const regmatch_t *at = m[1].rm_so >= 0 ? &m[1] : &m[0];
            read_found(text + at->rm_so, (size_t)(at->rm_eo - at->rm_so), &found);
            text += m[0].rm_eo > 0 ? m[0].rm_eo : 1;
            flags = REG_NOTBOL;
        }
        text += strlen(text);
    }
    return found;
}

static double by_path(const look *l, const json_t *j) {
    char name[128];
    for (const char *at = l->what; j && *at;) {
        const size_t length = strcspn(at, ".");
        snprintf(name, sizeof name, "%.*s", (int)(length < 127 ? length : 127), at);
        const bool number = strspn(name, "0123456789") == strlen(name);
        if (!json_is_array(j)) j = json_object_get(j, name);
        else j = number ? json_array_get(j, (size_t)strtoul(name, NULL, 10)) : NULL;
        at += length + (at[length] == '.');
    }
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static double by_json(const look *l, const char *text, size_t bytes) {
    json_t *j = json_loadb(text, bytes, 0, NULL);
    if (!j) { /* the last line that is not empty */
        while (bytes && strchr(" \r\n\t", text[bytes - 1])) bytes--;
        size_t begin = bytes;
        while (begin && text[begin - 1] != '\n') begin--;
        j = json_loadb(text + begin, bytes - begin, 0, NULL);
    }
    const double value = by_path(l, j);
    json_decref(j);
    return value;
}

static double by_size(const look *l, const tune_child_result *result, const tune_named_list *values) {
    if (!is_file(l)) return (double)result->out_bytes;
    char *path = tune_template_fill_text(l->what, values);
    struct stat st;
    const double size = path && !stat(path, &st) ? (double)st.st_size : NAN;
    free(path);
    return size;
}

static finding find_in(const look *l, const tune_child_result *result, int stream) {
    const char *text = result->text[stream];
    finding found = {.value = NAN};
    if (l->kind == KIND_REGEX) found = by_regex(l, text, result->bytes[stream]);
    else found.value = by_json(l, text, result->bytes[stream]);
    return found;
}

/* No number was found: where it was looked for, and what people usually have overlooked. */
static int nothing(const look *l, const tune_child_result *result, xlstm_error *err) {
    static const char *const name[] = {"standard output", "standard error"};
    if (is_file(l)) return xl_fail(err, XLSTM_EIO, "%s: there is no file '%s'", l->name, l->what);
    const int other = !l->stream;
    char there[96] = "";
    if (!isnan(find_in(l, result, other).value))
        snprintf(there, sizeof there, "; there is one in %s, which \"from\": \"%s\" looks at", name[other],
                 other ? "stderr" : "stdout");
    else if (l->kind == KIND_REGEX && strstr(l->what, "\\d"))
        snprintf(there, sizeof there, "; in a POSIX expression a digit is [0-9] and not \\d");
    return xl_fail(err, XLSTM_EIO, "%s: no number is found by %s '%s' in %s%s", l->name, kinds[l->kind], l->what,
                   name[l->stream], there);
}

int tune_printed_read(const tune_printed *p, const tune_child_result *result, const tune_named_list *values,
                      double *parts, double *metric, xlstm_error *err) {
    for (size_t i = 0; i < p->count; i++) {
        const look *l = &p->at[i];
        finding found = {.value = NAN};
        if (l->kind == KIND_BYTES) found.value = by_size(l, result, values);
        else found = find_in(l, result, l->stream);
        const double value = found.value;
        if (found.cut[0])
            return xl_fail(err, XLSTM_EIO, "%s: found '%s', wanted a number without a comma", l->name, found.cut);
        if (isnan(value)) return nothing(l, result, err);
        if (fabs(value) > LARGEST)
            return xl_fail(err, XLSTM_EIO, "%s: found %g, wanted a number of at most %g", l->name, value, LARGEST);
        if (!l->exact && !(value > 0))
            return xl_fail(err, XLSTM_EIO, "%s: found %g, wanted a number above 0", l->name, value);
        if (!l->exact && value < 1 / LARGEST)
            return xl_fail(err, XLSTM_EIO, "%s: found %g, wanted a number of at least %g", l->name, value,
                           1 / LARGEST);
        if (l->exact) metric[l->metric] = value;
        else parts[l->part] = value;
    }
    return XLSTM_OK;
}
