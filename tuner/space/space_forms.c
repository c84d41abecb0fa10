/* Reads the two forms in which a user can give a space: the `space` object of a config and the text of
 * `--tune`. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "tuner/space/space.h"

/* A range with at most this many values is searched completely, a longer one by its powers of two. */
enum { WHOLE_RANGE = 64 };

static const tune_known *find_known(const char *name, const tune_known *known, size_t count, xlstm_error *err) {
    const char *names[TUNE_SPACE_PARAMS] = {0};
    size_t n = count < TUNE_SPACE_PARAMS ? count : TUNE_SPACE_PARAMS;
    for (size_t i = 0; i < n; i++) {
        names[i] = known[i].name;
        if (!xl_name_distance(name, known[i].name)) return &known[i];
    }
    char all[512] = "";
    int near = xl_nearest_name(name, names, (int)n);
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof all; i++) {
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    if (near >= 0)
        xl_fail(err, XLSTM_EARG, "space: unknown parameter \"%s\"; did you mean \"%s\"?", name, names[near]);
    else xl_fail(err, XLSTM_EARG, "space: unknown parameter \"%s\", wanted one of %s", name, all);
    return NULL;
}

static tune_value preset_of(const tune_known *k) {
    return k->choices ? (tune_value){.text = k->choices[(size_t)k->preset]} : (tune_value){.number = k->preset};
}

static int add_useful(tune_space *s, const tune_known *k, xlstm_error *err) {
    tune_value values[WHOLE_RANGE + 64];
    size_t n = 0;
    if (k->choices) {
        for (size_t i = (size_t)k->min; i <= (size_t)k->max && n < WHOLE_RANGE; i++)
            values[n++] = (tune_value){.text = k->choices[i]};
    } else if (k->max - k->min < WHOLE_RANGE) {
        return tune_space_add_range(s, k->name, k->affects, (int64_t)k->min, (int64_t)k->max, 1, err);
    } else {
        for (double v = 1; v <= k->max && n < WHOLE_RANGE; v *= 2) {
            bool preset_first = k->preset >= k->min && k->preset > v / 2 && k->preset < v;
            if (preset_first) values[n++] = (tune_value){.number = k->preset};
            if (v >= k->min) values[n++] = (tune_value){.number = v};
        }
    }
    return tune_space_add_list(s, k->name, k->affects, values, n, err);
}

static bool is_whole(double x) {
    return x == floor(x);
}

/* Checks a value given by the user against the parameter's limits or choices. */
static int check_value(const char *name, const tune_known *k, tune_value v, xlstm_error *err) {
    if (!k) return XLSTM_OK;
    if (!k->choices) {
        if (!v.text && (k->fractions || is_whole(v.number)) && v.number >= k->hard_min && v.number <= k->hard_max)
            return XLSTM_OK;
        char text[64];
        return xl_fail(err, XLSTM_EARG, "space: %s: found %s, wanted %s from %.15g to %.15g", name,
                       tune_value_print(v, text, sizeof text), k->fractions ? "a number" : "an integer",
                       k->hard_min, k->hard_max);
    }
    char all[256] = "";
    size_t used = 0;
    for (const char *const *c = k->choices; *c && used < sizeof all; c++) {
        if (v.text && !strcmp(v.text, *c)) return XLSTM_OK;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", *c);
    }
    char text[64];
    return xl_fail(err, XLSTM_EARG, "space: %s: found %s, wanted one of %s", name,
                   tune_value_print(v, text, sizeof text), all);
}

static int add_checked(tune_space *s, const char *name, const tune_known *k, const tune_value *values, size_t count,
                       xlstm_error *err) {
    for (size_t i = 0; i < count; i++) {
        int status = check_value(name, k, values[i], err);
        if (status) return status;
    }
    return tune_space_add_list(s, k ? k->name : name, k ? k->affects : 0, values, count, err);
}

/* A range of numbers: by steps, or by factors or powers of two. */
typedef struct bounds {
    double min, max, step;
    double factor; /* 0: none */
    bool powers;
} bounds;

/* Adds a range whose numbers are not all whole, or that goes by factors. */
static int add_numbers(tune_space *s, const char *name, const tune_known *k, const bounds *b, xlstm_error *err) {
    tune_value *values = xl_array(TUNE_SPACE_VALUES, sizeof *values);
    if (!values) return xl_fail(err, XLSTM_ENOMEM, "space: %s: out of memory", name);
    const size_t count = b->factor > 0 ? tune_values_factors(b->min, b->max, b->factor, values, TUNE_SPACE_VALUES)
                                       : tune_values_steps(b->min, b->max, b->step, values, TUNE_SPACE_VALUES);
    const int status = count <= TUNE_SPACE_VALUES
                           ? add_checked(s, name, k, values, count, err)
                           : xl_fail(err, XLSTM_EARG, "space: %s: more than %d values from %.15g to %.15g", name,
                                     TUNE_SPACE_VALUES, b->min, b->max);
    free(values);
    return status;
}

static int add_bounds(tune_space *s, const char *name, const tune_known *k, const bounds *b, xlstm_error *err) {
    const double most = 0x1p53; /* beyond it not every whole number is a double */
    int status = check_value(name, k, (tune_value){.number = b->min}, err);
    if (!status) status = check_value(name, k, (tune_value){.number = b->max}, err);
    if (status) return status;
    if (b->max < b->min)
        return xl_fail(err, XLSTM_EARG, "space: %s: min %.15g is greater than max %.15g", name, b->min, b->max);
    if (fabs(b->min) > most || fabs(b->max) > most)
        return xl_fail(err, XLSTM_EARG, "space: %s: wanted bounds between -2^53 and 2^53", name);
    if (!b->powers && !b->factor && !(b->step > 0))
        return xl_fail(err, XLSTM_EARG, "space: %s: step %.15g, wanted more than 0", name, b->step);
    if (b->factor && (!(b->factor > 1) || !(b->min > 0)))
        return xl_fail(err, XLSTM_EARG, "space: %s: wanted a factor greater than 1, and a min greater than 0",
                       name);
    const char *own = k ? k->name : name;
    const unsigned affects = k ? k->affects : 0;
    const bool whole = is_whole(b->min) && is_whole(b->max);
    if (b->powers) return tune_space_add_powers(s, own, affects, (int64_t)b->min, (int64_t)b->max, err);
    if (b->factor > 0 || !whole || !is_whole(b->step)) return add_numbers(s, name, k, b, err);
    return tune_space_add_range(s, own, affects, (int64_t)b->min, (int64_t)b->max, (int64_t)fmin(b->step, most),
                                err);
}

/* ---- JSON ---- */

static const char *type_name(const json_t *j) {
    static const char *const names[] = {"an object", "a list", "a text", "an integer",
                                        "a number",  "true",   "false",  "null"};
    return names[json_typeof(j)];
}

static int json_value(const char *name, const json_t *j, tune_value *out, xlstm_error *err) {
    if (json_is_integer(j)) {
        const json_int_t given = json_integer_value(j);
        const double held = (double)given;
        if (held >= 0x1p63 || (json_int_t)held != given)
            return xl_fail(err, XLSTM_EARG,
                           "space: %s: found %lld, wanted a number that a double can hold (or a text)", name,
                           (long long)given);
    }
    if (json_is_string(j)) *out = (tune_value){.text = json_string_value(j)};
    else if (json_is_number(j)) *out = (tune_value){.number = json_number_value(j)};
    else return xl_fail(err, XLSTM_EFORMAT, "space: %s: found %s, wanted a number or a text", name, type_name(j));
    return XLSTM_OK;
}

static int json_bounds(tune_space *s, const char *name, const tune_known *k, const json_t *j, xlstm_error *err) {
    enum { MIN, MAX, STEP, FACTOR, POWERS, KEYS };
    static const char *const keys[] = {"min", "max", "step", "factor", "powers_of_two"};
    bounds b = {k ? k->min : 0, k ? k->max : 0, 1, 0, false};
    double *const bound[] = {&b.min, &b.max, &b.step, &b.factor};
    bool given[KEYS] = {false};
    const bool fractions = !k || k->fractions;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)j, key, value) {
        int at = 0;
        while (at < KEYS && strcmp(key, keys[at]) != 0) at++;
        if (at == KEYS) {
            int near = xl_nearest_name(key, keys, KEYS);
            return xl_fail(
                err, XLSTM_EFORMAT, "space: %s: unknown key \"%s\", wanted %s%s%s", name, key,
                near < 0 ? "min, max, step, factor or powers_of_two (or a list of values in the object's place)"
                         : "\"",
                near < 0 ? "" : keys[near], near < 0 ? "" : "\"");
        }
        const bool any_number = at == FACTOR || (at < FACTOR && fractions);
        if (at == POWERS ? !json_is_boolean(value)
            : any_number ? !json_is_number(value)
                         : !json_is_integer(value)) {
            return xl_fail(err, XLSTM_EFORMAT, "space: %s.%s: found %s, wanted %s", name, key, type_name(value),
                           at == POWERS ? "true or false"
                           : any_number ? "a number"
                                        : "an integer");
        }
        given[at] = at != POWERS || json_is_true(value);
        if (at < POWERS) *bound[at] = json_number_value(value);
    }
    b.powers = given[POWERS];
    if (!k && (!given[MIN] || !given[MAX]))
        return xl_fail(err, XLSTM_EFORMAT, "space: %s: wanted min and max", name);
    if (given[POWERS] + given[STEP] + given[FACTOR] > 1)
        return xl_fail(err, XLSTM_EFORMAT, "space: %s: step, factor and powers_of_two exclude each other", name);
    if (given[FACTOR] && !b.factor) b.factor = -1; /* to be refused, and not to be none */
    if (b.powers && !(is_whole(b.min) && is_whole(b.max)))
        return xl_fail(err, XLSTM_EFORMAT, "space: %s: powers_of_two wanted whole bounds; \"factor\": 2 takes any",
                       name);
    return add_bounds(s, name, k, &b, err);
}

static int json_list(tune_space *s, const char *name, const tune_known *k, const json_t *j, xlstm_error *err) {
    size_t count = json_array_size(j);
    tune_value *values = xl_array(count, sizeof *values);
    if (!values) return xl_fail(err, XLSTM_ENOMEM, "space: %s: out of memory", name);
    int status = XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++) status = json_value(name, json_array_get(j, i), &values[i], err);
    if (!status) status = add_checked(s, name, k, values, count, err);
    free(values);
    return status;
}

static int json_param(tune_space *s, const char *name, const json_t *j, const tune_known *known, size_t known_count,
                      xlstm_error *err) {
    const tune_known *k = NULL;
    if (known) {
        k = find_known(name, known, known_count, err);
        if (!k) return XLSTM_EARG;
    }
    int status;
    if (json_is_object(j)) {
        status = json_bounds(s, name, k, j, err);
    } else if (json_is_array(j)) {
        status = json_list(s, name, k, j, err);
    } else if (json_is_true(j) && k) {
        status = add_useful(s, k, err);
    } else {
        tune_value v;
        status = json_value(name, j, &v, err);
        if (!status) status = add_checked(s, name, k, &v, 1, err);
    }
    if (!status && k) tune_space_set_preset(s, tune_space_params(s) - 1, preset_of(k));
    return status;
}

int tune_space_from_json(const json_t *object, const tune_known *known, size_t known_count, tune_space **out,
                         xlstm_error *err) {
    *out = NULL;
    if (!json_is_object(object)) {
        return xl_fail(err, XLSTM_EFORMAT, "space: found %s, wanted an object of parameters", type_name(object));
    }
    tune_space *s = tune_space_create();
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    int status = XLSTM_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (!strcmp(key, "conditions")) continue;
        status = json_param(s, key, value, known, known_count, err);
        if (status) goto fail;
    }
    const json_t *conditions = json_object_get(object, "conditions");
    if (conditions && !json_is_array(conditions)) {
        status = xl_fail(err, XLSTM_EFORMAT, "space: conditions: found %s, wanted a list of texts",
                         type_name(conditions));
        goto fail;
    }
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        const json_t *c = json_array_get(conditions, i);
        status = json_is_string(c) ? tune_space_add_condition(s, json_string_value(c), err)
                                   : xl_fail(err, XLSTM_EFORMAT, "space: conditions[%zu]: found %s, wanted a text",
                                             i, type_name(c));
        if (status) goto fail;
    }
    if (!tune_space_params(s)) {
        status = xl_fail(err, XLSTM_EARG, "space: no parameter is named");
        goto fail;
    }
    *out = s;
    return XLSTM_OK;
fail:
    tune_space_destroy(s);
    return status;
}

/* ---- the text of --tune ---- */

enum { WRITTEN_MOST = 256 }; /* values of a parameter in --tune */

/* Reads a value as text where the parameter has choices, else as a number where it is one. Of a parameter that is
 * not known, a number that would be written otherwise (08, 1.10, 0x3, inf) is a text, since it may be a word of a
 * command. */
static tune_value text_value(const tune_known *k, const char *text) {
    char *end, written[64];
    double x = strtod(text, &end);
    if ((k && k->choices) || end == text || *end) return (tune_value){.text = text};
    const tune_value number = {.number = x};
    if (!k && (!isfinite(x) || strcmp(tune_value_print(number, written, sizeof written), text) != 0))
        return (tune_value){.text = text};
    return number;
}

/* Reads "a|b|c", which is cut up. Either all values are numbers, or of a parameter that is not known all are texts.
 */
static int read_values(const char *name, const tune_known *k, char *text, tune_value values[WRITTEN_MOST],
                       size_t *count, xlstm_error *err) {
    bool texts = false;
    size_t n = 0;
    const char *written[WRITTEN_MOST];
    for (char *v = text, *next; v; v = next) {
        next = strchr(v, '|');
        if (next) *next++ = 0;
        if (!*v)
            return xl_fail(err, XLSTM_EARG, "space: %s: an empty value; --space takes one: {\"%s\": [\"\", ...]}",
                           name, name);
        if (n == WRITTEN_MOST)
            return xl_fail(err, XLSTM_EARG, "space: %s: more than %d values", name, WRITTEN_MOST);
        written[n] = v;
        values[n] = text_value(k, v);
        texts |= values[n++].text != NULL;
    }
    for (size_t i = 0; i < n && texts && !k; i++) values[i] = (tune_value){.text = written[i]};
    *count = n;
    return XLSTM_OK;
}

static int names_bounds(tune_space *s, const char *name, const tune_known *k, char *text, xlstm_error *err) {
    char *max_text = strchr(text, ':');
    *max_text++ = 0;
    char *step_text = strchr(max_text, ':');
    if (step_text) *step_text++ = 0;
    bounds b = {.step = 1};
    const bool by_factor = step_text && *step_text == 'x';
    if (!xl_number_read(text, &b.min) || !xl_number_read(max_text, &b.max) ||
        (step_text && !xl_number_read(step_text + by_factor, by_factor ? &b.factor : &b.step))) {
        return xl_fail(err, XLSTM_EARG, "space: %s: wanted MIN:MAX, MIN:MAX:STEP or MIN:MAX:xFACTOR in numbers",
                       name);
    }
    b.powers = b.factor == 2 && is_whole(b.min) && is_whole(b.max);
    if (b.powers) b.factor = 0;
    else if (by_factor && !b.factor) b.factor = -1; /* to be refused, and not to be none */
    return add_bounds(s, name, k, &b, err);
}

/* Whether a text begins as a name does, and not as an option, a number or a sign. */
static bool begins_name(const char *p) {
    return isalpha((unsigned char)*p) || *p == '_' || (unsigned char)*p >= 0x80;
}

static int names_param(tune_space *s, char *item, const tune_known *known, size_t known_count, xlstm_error *err) {
    char *values_text = strchr(item, '=');
    if (values_text) *values_text++ = 0;
    const tune_known *k = known ? find_known(item, known, known_count, err) : NULL;
    if (known && !k) return XLSTM_EARG;
    int status;
    if (!k && !begins_name(item)) {
        status =
            xl_fail(err, XLSTM_EARG,
                    "space: found '%s', wanted NAME=VALUES, as in n=1:8 or n=a|b|c; values are separated by |, and "
                    "those with a comma are given with --space",
                    item);
    } else if (!values_text && !k) {
        status = xl_fail(err, XLSTM_EARG, "space: %s: wanted values, as in %s=1:8 or %s=a|b", item, item, item);
    } else if (!values_text) {
        status = add_useful(s, k, err);
    } else if (strchr(values_text, ':')) {
        status = names_bounds(s, item, k, values_text, err);
    } else {
        tune_value values[WRITTEN_MOST];
        size_t n = 0;
        status = read_values(item, k, values_text, values, &n, err);
        if (!status) status = add_checked(s, item, k, values, n, err);
    }
    if (!status && k) tune_space_set_preset(s, tune_space_params(s) - 1, preset_of(k));
    return status;
}

/* Whether the word at `p` begins an item of its own: it names a parameter, or nothing but blanks follows. The word
 * of an option, as in "flags=-O2|-O3 -march=native", does not. */
static bool begins_item(const char *p) {
    const size_t word = strcspn(p, ", ");
    return !word || (begins_name(p) && memchr(p, '=', word));
}

/* Takes the next item off *rest, "name=values" or "name". Items end at commas and at blanks; with `own_values` a
 * blank after which no name follows belongs to a value, as in "how=by row|by column". NULL at the end. */
static char *next_item(char **rest, bool own_values) {
    char *item = *rest + strspn(*rest, ", "), *p = item;
    if (!*item) return NULL;
    for (;; p += strspn(p, " ")) {
        p += strcspn(p, ", ");
        if (*p != ' ' || !own_values || begins_item(p + strspn(p, " "))) break;
    }
    if (*p) *p++ = 0;
    *rest = p;
    return item;
}

int tune_space_from_names(const char *text, const tune_known *known, size_t known_count, tune_space **out,
                          xlstm_error *err) {
    *out = NULL;
    int status = XLSTM_OK;
    tune_space *s = tune_space_create();
    char *copy = xl_format("%s", text);
    if (!s || !copy) {
        status = xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
        goto end;
    }
    char *rest = copy;
    for (char *item = next_item(&rest, !known); item && !status; item = next_item(&rest, !known)) {
        status = names_param(s, item, known, known_count, err);
    }
    if (!status && !tune_space_params(s)) status = xl_fail(err, XLSTM_EARG, "space: no parameter is named");
    if (!status) {
        *out = s;
        s = NULL;
    }
end:
    free(copy);
    tune_space_destroy(s);
    return status;
}
