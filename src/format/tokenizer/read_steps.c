#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "format/tokenizer/read_steps.h"

enum { SEQUENCE_DEPTH = 8 };

static const char *type_of(const json_t *object) {
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "?";
}

static int wrong(const xl_tokenizer_json *in, const char *key, const json_t *value, const char *wanted) {
    if (!value || json_is_null(value))
        return xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: %s is %s, %s is wanted", in->path, key,
                       value ? "null" : "not there", wanted);
    return xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: %s of type \"%.40s\", %s is wanted", in->path, key,
                   type_of(value), wanted);
}

/* ---- normalizer ---- */

static int read_normalizer(const xl_tokenizer_json *in, const json_t *value, int depth) {
    if (!value || json_is_null(value)) return XLSTM_OK;
    const char *type = type_of(value);
    if (!strcmp(type, "NFC")) {
        in->tokenizer->nfc = true;
        return XLSTM_OK;
    }
    const json_t *list = json_object_get(value, "normalizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(list) || depth >= SEQUENCE_DEPTH)
        return wrong(in, "normalizer", value, "NFC, a Sequence of it, or null");
    int status = XLSTM_OK;
    for (size_t i = 0; i < json_array_size(list) && !status; i++)
        status = read_normalizer(in, json_array_get(list, i), depth + 1);
    return status;
}

/* ---- pre-tokenizer ---- */

/* The next free step; NULL, the error filled (EUNSUPPORTED), where there is none. */
static xl_split *new_step(const xl_tokenizer_json *in) {
    xlstm_tokenizer *t = in->tokenizer;
    if (t->step_count < XL_SPLIT_STEPS) return &t->steps[t->step_count++];
    xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: pre_tokenizer has more than %d steps", in->path, XL_SPLIT_STEPS);
    return NULL;
}

static int read_byte_level(const xl_tokenizer_json *in, const json_t *value) {
    bool prefix, regex;
    if (!xl_json_flag(in, value, "pre_tokenizer", "add_prefix_space", true, &prefix) ||
        !xl_json_flag(in, value, "pre_tokenizer", "use_regex", true, &regex))
        return XLSTM_EFORMAT;
    if (!prefix && !regex) return XLSTM_OK;
    xl_split *split = new_step(in);
    if (!split) return XLSTM_EUNSUPPORTED;
    split->prefix_space = prefix;
    split->behavior = XL_ISOLATED;
    return regex ? xl_split_compile(split, xl_gpt2_pattern, strlen(xl_gpt2_pattern), false, in->path, in->err)
                 : XLSTM_OK;
}

static int read_split(const xl_tokenizer_json *in, const json_t *value) {
    static const char *const behaviors[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                            "Contiguous"};
    const json_t *pattern = json_object_get(value, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex"), *string = json_object_get(pattern, "String");
    const json_t *text = regex ? regex : string;
    if (!json_is_string(text))
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: pre_tokenizer Split has no pattern.Regex and no pattern.String",
                       in->path);
    const char *name = json_string_value(json_object_get(value, "behavior"));
    int behavior = 0;
    while (behavior < 5 && !(name && !strcmp(name, behaviors[behavior]))) behavior++;
    if (behavior == 5)
        return xl_fail(in->err, XLSTM_EFORMAT,
                       "%s: pre_tokenizer Split has behavior \"%.40s\", Removed, Isolated, "
                       "MergedWithPrevious, MergedWithNext or Contiguous is wanted",
                       in->path, name ? name : "?");
    bool invert;
    if (!xl_json_flag(in, value, "pre_tokenizer", "invert", false, &invert)) return XLSTM_EFORMAT;
    xl_split *split = new_step(in);
    if (!split) return XLSTM_EUNSUPPORTED;
    split->behavior = (xl_behavior)behavior;
    split->invert = invert;
    return xl_split_compile(split, json_string_value(text), json_string_length(text), !regex, in->path, in->err);
}

static int read_digits(const xl_tokenizer_json *in, const json_t *value) {
    bool single;
    if (!xl_json_flag(in, value, "pre_tokenizer", "individual_digits", false, &single)) return XLSTM_EFORMAT;
    xl_split *split = new_step(in);
    if (!split) return XLSTM_EUNSUPPORTED;
    split->behavior = single ? XL_ISOLATED : XL_CONTIGUOUS;
    return xl_split_compile(split, "\\p{N}", 5, false, in->path, in->err);
}

/* *byte_level: one was there, and nothing may follow it. */
static int read_pre_tokenizer(const xl_tokenizer_json *in, const json_t *value, int depth, bool *byte_level) {
    const char *type = type_of(value);
    if (*byte_level) return wrong(in, "pre_tokenizer after ByteLevel", value, "ByteLevel as the last step");
    if (!strcmp(type, "ByteLevel")) {
        *byte_level = true;
        return read_byte_level(in, value);
    }
    if (!strcmp(type, "Split")) return read_split(in, value);
    if (!strcmp(type, "Digits")) return read_digits(in, value);
    const json_t *list = json_object_get(value, "pretokenizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(list) || depth >= SEQUENCE_DEPTH)
        return wrong(in, "pre_tokenizer", value, "ByteLevel, Split, Digits or a Sequence of them");
    int status = XLSTM_OK;
    for (size_t i = 0; i < json_array_size(list) && !status; i++)
        status = read_pre_tokenizer(in, json_array_get(list, i), depth + 1, byte_level);
    return status;
}

/* ---- decoder ---- */

static int read_decoder(const xl_tokenizer_json *in, const json_t *value, int depth) {
    if (!value || json_is_null(value) || !strcmp(type_of(value), "ByteLevel")) return XLSTM_OK;
    const json_t *list = json_object_get(value, "decoders");
    if (strcmp(type_of(value), "Sequence") != 0 || json_array_size(list) != 1 || depth >= SEQUENCE_DEPTH)
        return wrong(in, "decoder", value, "ByteLevel");
    return read_decoder(in, json_array_get(list, 0), depth + 1);
}

int xl_read_steps(xl_tokenizer_json *in, const json_t *root) {
    bool byte_level = false;
    int status = read_normalizer(in, json_object_get(root, "normalizer"), 0);
    if (!status) status = read_pre_tokenizer(in, json_object_get(root, "pre_tokenizer"), 0, &byte_level);
    if (!status && !byte_level)
        status = xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: pre_tokenizer has no ByteLevel step, one is wanted",
                         in->path);
    if (!status) status = read_decoder(in, json_object_get(root, "decoder"), 0);
    return status;
}
