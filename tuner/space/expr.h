/* Conditions between parameters: a small, safe expression language, a subset of Python's, in which such
 * constraints are usually written. Numbers are float64, texts are compared by content, and truth is 1 or 0.
 *
 *   or, and, not                        short-circuit, as in Python
 *   == != < <= > >=  in  not in         chained: 32 <= a * b <= 1024;  a in [1, 2, 4];  name in ("x", 'y')
 *   + - * / // % **  unary + -          // and % round towards minus infinity; division by zero makes the value NaN
 *   x if c else y   min() max() abs()   ( … )  numbers  "text"  True  False  names
 *
 * A comparison with NaN is false. Comparing the order of a text and a number, and arithmetic on texts, also give
 * NaN. */
#ifndef TUNE_EXPR_H
#define TUNE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

/* A number, or a text where `text` is not NULL (not owned). */
typedef struct tune_value {
    double number;
    const char *text;
} tune_value;

typedef struct tune_expr tune_expr;

/* Compiles `source` (at most 4096 characters, at most 64 levels deep). Names are replaced by their index in
 * `names`. XLSTM_EARG says what was found and where, and the nearest known name. The caller frees *out with
 * tune_expr_destroy. */
int tune_expr_parse(const char *source, const char *const *names, size_t count, tune_expr **out, xlstm_error *err);
void tune_expr_destroy(tune_expr *e);

/* Returns the value where name i has the value values[i]. Texts in the result live as long as `values` and `e`. */
tune_value tune_expr_value(const tune_expr *e, const tune_value *values);
/* Returns whether the value is true as in Python: neither 0 nor ""; NaN counts as false. */
bool tune_expr_true(const tune_expr *e, const tune_value *values);

/* Returns the largest index of a name that the expression uses, or -1. It can be evaluated once all names up to
 * that index have values. */
int tune_expr_last_name(const tune_expr *e);
/* Whether it uses name i; only for the first 64 names. */
bool tune_expr_uses(const tune_expr *e, int name);
const char *tune_expr_source(const tune_expr *e);

#endif
