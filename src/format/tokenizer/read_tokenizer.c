#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/checkpoint_folder.h"
#include "format/foreign_json.h"
#include "format/tokenizer/bpe.h"
#include "format/tokenizer/normal_form.h"
#include "format/tokenizer/read_ends.h"
#include "format/tokenizer/read_steps.h"
#include "format/tokenizer/tokenizer_json.h"

enum { ALPHABET_END = 324, MERGE_LIMIT = 1 << 24, FILE_LIMIT = 256 << 20 };

/* ByteLevel's alphabet: bytes that are printable in Latin-1 stand for themselves, the others, in order, for U+0100
 * and on (Radford et al., 2019). */
typedef struct alphabet {
    uint16_t character[256];
    int16_t byte[ALPHABET_END]; /* -1: not in the alphabet */
} alphabet;

static void alphabet_init(alphabet *a) {
    for (int i = 0; i < ALPHABET_END; i++) a->byte[i] = -1;
    int other = 256;
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
        a->character[b] = (uint16_t)(printable ? b : other++);
        a->byte[a->character[b]] = (int16_t)b;
    }
}

/* Appends the bytes that a token stands for: decoded by the alphabet where the whole token is written in it, else
 * as they are. */
static bool append_token(xlstm_tokenizer *t, const alphabet *a, const char *text, size_t bytes, xl_token *token) {
    size_t start = t->text.size;
    if (start + bytes > UINT32_MAX || !xl_bytes_reserve(&t->text, bytes)) return false;
    token->mapped = true;
    for (size_t i = 0; i < bytes && token->mapped;) {
        uint32_t cp = 0;
        i += (size_t)xl_utf8_step(text + i, bytes - i, &cp);
        token->mapped = cp < ALPHABET_END && a->byte[cp] >= 0;
        if (token->mapped) t->text.data[t->text.size++] = (char)a->byte[cp];
    }
    if (!token->mapped) {
        t->text.size = start;
        if (!xl_bytes_append(&t->text, text, bytes)) return false;
    }
    token->start = (uint32_t)start;
    token->bytes = (uint32_t)(t->text.size - start);
    token->known = true;
    return true;
}

static int no_memory(const xl_tokenizer_json *in) {
    return xl_fail(in->err, XLSTM_ENOMEM, "%s: out of memory", in->path);
}

static bool read_id(const json_t *value, int32_t *id) {
    if (!json_is_integer(value)) return false;
    json_int_t n = json_integer_value(value);
    if (n < 0 || n >= XL_TOKENIZER_ID_LIMIT) return false;
    *id = (int32_t)n;
    return true;
}

static int grow_tokens(const xl_tokenizer_json *in, int64_t size) {
    xlstm_tokenizer *t = in->tokenizer;
    if (size <= 0 || size <= t->size) return XLSTM_OK;
    xl_token *grown = realloc(t->tokens, (size_t)size * sizeof *grown);
    if (!grown) return no_memory(in);
    memset(grown + t->size, 0, (size_t)(size - t->size) * sizeof *grown);
    t->tokens = grown;
    t->size = size;
    return XLSTM_OK;
}

/* ---- vocabulary ---- */

static int read_vocab(xl_tokenizer_json *in, const alphabet *a) {
    xlstm_tokenizer *t = in->tokenizer;
    int64_t size = 0;
    const char *text;
    json_t *value;
    json_object_foreach(in->vocab, text, value) {
        int32_t id;
        if (!read_id(value, &id)) {
            char *seen = json_dumps(value, JSON_ENCODE_ANY);
            int status = xl_fail(in->err, XLSTM_EFORMAT,
                                 "%s: model.vocab[\"%.100s\"] is %.40s, an integer from 0 to %d is wanted",
                                 in->path, text, seen ? seen : "?", XL_TOKENIZER_ID_LIMIT - 1);
            free(seen);
            return status;
        }
        if (id >= size) size = (int64_t)id + 1;
    }
    for (int b = 0; b < 256; b++) {
        char character[5] = {0};
        xl_utf8_put(a->character[b], character);
        t->byte_id[b] = xl_vocab_id(in->vocab, character);
    }
    int status = grow_tokens(in, size);
    if (status || !t->tokens) return status;
    json_object_foreach(in->vocab, text, value) {
        xl_token *token = &t->tokens[json_integer_value(value)];
        if (token->known) {
            return xl_fail(in->err, XLSTM_EFORMAT,
                           "%s: model.vocab[\"%.100s\"] is %lld, an id that another token has", in->path, text,
                           (long long)json_integer_value(value));
        }
        if (!append_token(t, a, text, strlen(text), token)) return no_memory(in);
    }
    return XLSTM_OK;
}

/* ---- merges ---- */

/* The two halves of a merge: "a b" or ["a", "b"]; *bytes is the length of the first. */
static bool merge_halves(const json_t *merge, const char **a, size_t *bytes, const char **b) {
    if (json_is_string(merge)) {
        const char *text = json_string_value(merge), *space = strchr(text, ' ');
        if (strlen(text) != json_string_length(merge) || !space || strchr(space + 1, ' ')) return false;
        *a = text;
        *bytes = (size_t)(space - text);
        *b = space + 1;
        return true;
    }
    if (!json_is_array(merge) || json_array_size(merge) != 2) return false;
    const json_t *first = json_array_get(merge, 0), *second = json_array_get(merge, 1);
    if (!json_is_string(first) || !json_is_string(second)) return false;
    *a = json_string_value(first);
    *b = json_string_value(second);
    *bytes = strlen(*a);
    return *bytes == json_string_length(first) && strlen(*b) == json_string_length(second);
}

static int read_merge(const xl_tokenizer_json *in, const json_t *merge, size_t index, xl_bytes *name) {
    const char *a, *b;
    size_t bytes;
    if (!merge_halves(merge, &a, &bytes, &b))
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model.merges[%zu] is neither \"a b\" nor [\"a\", \"b\"]",
                       in->path, index);
    name->size = 0;
    if (!xl_bytes_append(name, a, bytes) || !xl_bytes_append(name, "", 1)) return no_memory(in);
    int32_t left = xl_vocab_id(in->vocab, name->data), right = xl_vocab_id(in->vocab, b);
    name->size = bytes;
    if (!xl_bytes_append(name, b, strlen(b) + 1)) return no_memory(in);
    int32_t merged = xl_vocab_id(in->vocab, name->data);
    if (left < 0 || right < 0 || merged < 0)
        return xl_fail(
            in->err, XLSTM_EFORMAT,
            "%s: model.merges[%zu] makes \"%.100s\" of \"%.*s\" and \"%.100s\": %s is not in model.vocab", in->path,
            index, name->data, (int)(bytes < 100 ? bytes : 100), a, b,
            left < 0    ? "the first half"
            : right < 0 ? "the second half"
                        : "the whole");
    xl_merges_add(in->tokenizer, left, right, (int32_t)index, merged);
    return XLSTM_OK;
}

static int read_merges(const xl_tokenizer_json *in, const json_t *model) {
    const json_t *merges = json_object_get(model, "merges");
    size_t count = json_array_size(merges);
    if (!json_is_array(merges) || count > MERGE_LIMIT)
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model.merges is not an array of at most %d merges", in->path,
                       MERGE_LIMIT);
    int status = xl_merges_reserve(in->tokenizer, count, in->err);
    xl_bytes name = {NULL, 0, 0};
    for (size_t i = 0; i < count && !status; i++) {
        const json_t *merge = json_array_get(merges, i);
        /* the head line of an old merges.txt */
        if (json_is_string(merge) && !strncmp(json_string_value(merge), "#version", 8)) continue;
        status = read_merge(in, merge, i, &name);
    }
    free(name.data);
    return status;
}

/* ---- model ---- */

static bool absent(const json_t *value) {
    return !value || json_is_null(value);
}

static int unsupported(const xl_tokenizer_json *in, const char *key, const char *wanted) {
    return xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: model.%s is set, %s is wanted", in->path, key, wanted);
}

static int read_model(xl_tokenizer_json *in, const json_t *root, const alphabet *a) {
    xlstm_tokenizer *t = in->tokenizer;
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model))
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model is missing or no object", in->path);
    const json_t *type = json_object_get(model, "type");
    if (type && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
        return xl_fail(in->err, XLSTM_EUNSUPPORTED, "%s: model.type is \"%.40s\", \"BPE\" is wanted", in->path,
                       json_is_string(type) ? json_string_value(type) : "?");
    bool byte_fallback;
    if (!xl_json_flag(in, model, "model", "fuse_unk", false, &t->fuse_unk) ||
        !xl_json_flag(in, model, "model", "ignore_merges", false, &t->ignore_merges) ||
        !xl_json_flag(in, model, "model", "byte_fallback", false, &byte_fallback))
        return XLSTM_EFORMAT;
    if (byte_fallback) return unsupported(in, "byte_fallback", "false");
    const json_t *dropout = json_object_get(model, "dropout");
    if (!absent(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return unsupported(in, "dropout", "null");
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (int i = 0; i < 2; i++) {
        const json_t *affix = json_object_get(model, affixes[i]);
        if (!absent(affix) && !(json_is_string(affix) && !json_string_length(affix)))
            return unsupported(in, affixes[i], "null");
    }
    in->vocab = json_object_get(model, "vocab");
    if (!json_is_object(in->vocab))
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model.vocab is missing or no object", in->path);
    int status = read_vocab(in, a);
    if (!status) status = read_merges(in, model);
    if (!status && t->ignore_merges) status = xl_by_text_build(t, in->err);
    const json_t *unk = json_object_get(model, "unk_token");
    if (status || absent(unk)) return status;
    if (!json_is_string(unk))
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model.unk_token is not a string", in->path);
    t->unk = xl_vocab_id(in->vocab, json_string_value(unk));
    if (t->unk < 0)
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: model.unk_token \"%.100s\" is not in model.vocab", in->path,
                       json_string_value(unk));
    return XLSTM_OK;
}

/* ---- added tokens ---- */

/* The entry's id is checked and within tokens. */
static int read_added(const xl_tokenizer_json *in, const alphabet *a, const json_t *entry, size_t index) {
    xlstm_tokenizer *t = in->tokenizer;
    char where[48];
    snprintf(where, sizeof where, "added_tokens[%zu]", index);
    const json_t *content = json_object_get(entry, "content");
    const char *text = json_string_value(content);
    size_t bytes = json_string_length(content);
    int32_t id = (int32_t)json_integer_value(json_object_get(entry, "id"));
    if (!text || !bytes || bytes > XL_ADDED_LENGTH_LIMIT)
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: %s.content is missing, empty, or longer than %d bytes",
                       in->path, where, XL_ADDED_LENGTH_LIMIT);
    bool special, normalized;
    xl_added added = {.id = id};
    if (!xl_json_flag(in, entry, where, "special", false, &special) ||
        !xl_json_flag(in, entry, where, "normalized", !special, &normalized) ||
        !xl_json_flag(in, entry, where, "single_word", false, &added.single_word) ||
        !xl_json_flag(in, entry, where, "lstrip", false, &added.lstrip) ||
        !xl_json_flag(in, entry, where, "rstrip", false, &added.rstrip))
        return XLSTM_EFORMAT;
    int32_t known = strlen(text) == bytes ? xl_vocab_id(in->vocab, text) : -1;
    if (known >= 0 && known != id)
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: %s \"%.100s\" has id %ld, model.vocab gives it %ld", in->path,
                       where, text, (long)id, (long)known);
    xl_token *token = &t->tokens[id];
    if (known < 0 && token->known)
        return xl_fail(in->err, XLSTM_EFORMAT, "%s: %s \"%.100s\" has id %ld, which another token has", in->path,
                       where, text, (long)id);
    token->special = special;
    xl_bytes normal = {NULL, 0, 0};
    bool same = true;
    int status = XLSTM_OK;
    if (normalized && t->nfc) status = xl_nfc(text, bytes, &normal, &same, in->err);
    if (!same) {
        text = normal.data;
        bytes = normal.size;
    }
    if (!status && known < 0 && !append_token(t, a, text, bytes, token)) status = no_memory(in);
    if (!status) status = xl_trie_add(normalized ? &t->normalized : &t->raw, text, bytes, added, in->err);
    free(normal.data);
    return status;
}

static int read_all_added(const xl_tokenizer_json *in, const json_t *root, const alphabet *a) {
    const json_t *list = json_object_get(root, "added_tokens");
    if (absent(list)) return XLSTM_OK;
    if (!json_is_array(list)) return xl_fail(in->err, XLSTM_EFORMAT, "%s: added_tokens is not an array", in->path);
    int32_t last = -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        int32_t id;
        if (!read_id(json_object_get(json_array_get(list, i), "id"), &id))
            return xl_fail(in->err, XLSTM_EFORMAT, "%s: added_tokens[%zu].id is not an integer from 0 to %d",
                           in->path, i, XL_TOKENIZER_ID_LIMIT - 1);
        if (id > last) last = id;
    }
    int status = grow_tokens(in, (int64_t)last + 1);
    for (size_t i = 0; i < json_array_size(list) && !status; i++)
        status = read_added(in, a, json_array_get(list, i), i);
    return status;
}

/* ---- open and close ---- */

static int no_tokenizer(const char *dir, xlstm_error *err) {
    char why[256];
    char *config = xl_path_join(dir, "config.json");
    bool checkpoint = config && xl_is_file(config);
    free(config);
    if (*xl_explain_link(dir, "tokenizer.json", why, sizeof why))
        return xl_fail(err, XLSTM_ENOTFOUND, "%s/tokenizer.json: no such file%s", dir, why);
    return xl_fail(err, XLSTM_ENOTFOUND, "%s/tokenizer.json: no such file%s", dir,
                   checkpoint ? "; copy it, with tokenizer_config.json, from where the checkpoint was published"
                              : xl_explain_folder(dir, why, sizeof why));
}

/* The keys of a tokenizer.json that are read. */
static xl_json_use used(size_t depth, const char *const keys[], char first) {
    static const char *const whole[] = {"normalizer", "pre_tokenizer", "post_processor",
                                        "decoder",    "added_tokens",  NULL};
    static const char *const model[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "vocab",
                                        "merges",
                                        NULL};
    if (!depth && !strcmp(keys[0], "model")) return XL_JSON_ENTER;
    return xl_json_listed(keys[depth], depth ? model : whole) ? XL_JSON_USE : XL_JSON_IGNORE;
}

int xlstm_tokenizer_open(xlstm_tokenizer **out, const char *dir, xlstm_error *err) {
    alphabet a;
    alphabet_init(&a);
    char *data = NULL;
    json_t *root = NULL;
    xlstm_tokenizer *t = calloc(1, sizeof *t);
    char *path = xl_path_join(dir, "tokenizer.json");
    int status = XLSTM_OK;
    if (!t || !path) {
        free(path);
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
        goto out;
    }
    t->path = path;
    t->unk = t->bos = t->eos = -1;
    size_t bytes;
    status = xl_check_folder(dir, err);
    if (!status && !xl_is_file(path)) status = no_tokenizer(dir, err);
    if (!status) status = xl_file_read(path, FILE_LIMIT, &data, &bytes, err);
    if (status) goto out;
    status = xl_json_read(&root, path, data, bytes, JSON_ALLOW_NUL, used, err);
    free(data);
    data = NULL;
    if (status) goto out;
    xl_tokenizer_json in = {path, t, NULL, err};
    status = read_model(&in, root, &a);
    if (!status) status = xl_read_steps(&in, root);
    if (!status) status = read_all_added(&in, root, &a);
    if (!status) status = xl_read_ends(&in, root, dir);
out:
    free(data);
    json_decref(root);
    if (status) xlstm_tokenizer_close(t);
    else *out = t;
    return status;
}

void xlstm_tokenizer_close(xlstm_tokenizer *t) {
    if (!t) return;
    free(t->path);
    free(t->ends);
    free(t->tokens);
    free(t->text.data);
    free(t->merges);
    free(t->by_text);
    for (int i = 0; i < XL_SPLIT_STEPS; i++) xl_split_free(&t->steps[i]);
    xl_trie_free(&t->raw);
    xl_trie_free(&t->normalized);
    free(t);
}
