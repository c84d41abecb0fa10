#include "cli/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

/* Where a conversation stands, beside the model's state. */
typedef struct place {
    int32_t pending; /* the token that comes next but was not fed; -1: none */
    size_t ids, text;
    size_t messages;
} place;

struct cli_talk {
    cli_talk_options o;
    xlstm_session *session, *before; /* `before`: at the last turn's beginning */
    place at, start;
    bool can_retry;
    bool refed; /* in this turn the whole conversation was read anew */
    bool stale; /* `text` is not what the state stands behind, so that the next turn must do so */
    json_t *messages;
    xl_bytes text; /* what was fed and answered, as text */
    int32_t *ids;  /* the same as tokens, for the repetition penalty */
    size_t room;
    char *said; /* in the last turn */
    uint64_t turn, made;
    double seconds;
    float *logits;
};

void cli_talk_destroy(cli_talk *t) {
    if (!t) return;
    xlstm_session_destroy(t->before);
    xlstm_session_destroy(t->session);
    json_decref(t->messages);
    free(t->text.data);
    free(t->ids);
    free(t->said);
    xl_aligned_free(t->logits);
    free(t);
}

static int add_message(cli_talk *t, const char *role, const char *content, size_t bytes, xlstm_error *err) {
    json_t *text = json_stringn(content, bytes);
    if (!text) return xl_fail(err, XLSTM_EFORMAT, "the text is not UTF-8");
    json_array_append_new(t->messages, json_pack("{s:s, s:o}", "role", role, "content", text));
    t->at.messages++;
    return XLSTM_OK;
}

int cli_talk_create(cli_talk **out, const cli_talk_options *options, xlstm_error *err) {
    cli_talk *t = calloc(1, sizeof *t);
    if (!t) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    t->o = *options;
    t->logits = xl_aligned_alloc((size_t)xlstm_model_hparams(options->model)->vocab_size, sizeof *t->logits);
    int status = t->logits ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "logits: out of memory");
    if (!status) status = xlstm_session_create(&t->session, options->model, &options->settings, err);
    if (!status) status = xlstm_session_create(&t->before, options->model, &options->settings, err);
    if (!status) status = cli_talk_reset(t, err);
    if (status) cli_talk_destroy(t);
    else *out = t;
    return status;
}

int cli_talk_reset(cli_talk *t, xlstm_error *err) {
    xlstm_session_reset(t->session);
    t->at = (place){.pending = -1};
    t->can_retry = t->stale = false;
    t->text.size = 0;
    json_decref(t->messages);
    t->messages = json_array();
    return t->o.system ? add_message(t, "system", t->o.system, strlen(t->o.system), err) : XLSTM_OK;
}

/* Remembers where a turn begins, and goes back there. */
static int begin_turn(cli_talk *t, xlstm_error *err) {
    t->start = t->at;
    t->refed = false;
    return xlstm_session_copy_state(t->before, t->session, err);
}

static int undo_turn(cli_talk *t, xlstm_error *err) {
    t->at = t->start;
    t->text.size = t->at.text;
    if (t->refed) t->stale = true;
    while (json_array_size(t->messages) > t->at.messages)
        json_array_remove(t->messages, json_array_size(t->messages) - 1);
    return xlstm_session_copy_state(t->session, t->before, err);
}

/* ---- reading ---- */

static int keep_ids(cli_talk *t, const int32_t *ids, size_t count, xlstm_error *err) {
    int32_t *grown = xl_grow(t->ids, &t->room, t->at.ids + count, sizeof *grown);
    if (!grown) return xl_fail(err, XLSTM_ENOMEM, "out of memory for the conversation");
    t->ids = grown;
    if (count) memcpy(t->ids + t->at.ids, ids, count * sizeof *ids);
    t->at.ids += count;
    return XLSTM_OK;
}

static int keep_text(cli_talk *t, const char *text, size_t bytes, xlstm_error *err) {
    if (!xl_bytes_append(&t->text, text, bytes))
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the conversation");
    t->at.text = t->text.size;
    return XLSTM_OK;
}

/* Feeds the pending token and all of the text but its last token, which is pending then. */
static int feed(cli_talk *t, const char *text, size_t bytes, bool bos, xlstm_error *err) {
    int32_t *ids = NULL, pending = t->at.pending;
    size_t count = 0;
    int status = xlstm_tokenizer_encode(t->o.tokenizer, text, bytes, bos, &ids, &count, err);
    if (status) return status;
    if (!count && pending < 0) status = xl_fail(err, XLSTM_EARG, "there is no text to continue");
    xlstm_session_set_cancel(t->session, t->o.interrupted, t->o.user);
    if (!status && count && pending >= 0)
        status = xlstm_prefill(t->session, &pending, 1, XLSTM_LOGITS_NONE, NULL, err);
    if (!status && count) status = xlstm_prefill(t->session, ids, count - 1, XLSTM_LOGITS_NONE, NULL, err);
    xlstm_session_set_cancel(t->session, NULL, NULL);
    if (!status && count) t->at.pending = ids[count - 1];
    if (!status) status = keep_ids(t, ids, count, err);
    if (!status) status = keep_text(t, text, bytes, err);
    free(ids);
    return status;
}

/* Feeds what the template adds to what was fed; all of it anew where it changed that. */
static int feed_messages(cli_talk *t, xlstm_error *err) {
    json_t *object = json_pack("{s:O}", "messages", t->messages);
    char *variables = json_dumps(object, 0), *text = NULL;
    size_t bytes = 0;
    json_decref(object);
    if (!variables) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = xlstm_chat_render(t->o.chat, NULL, 0, true, variables, &text, &bytes, err);
    free(variables);
    if (status) return status;
    const size_t known = t->text.size;
    if (!t->stale && known <= bytes && (!known || !memcmp(text, t->text.data, known))) {
        status = feed(t, text + known, bytes - known, false, err);
    } else {
        xlstm_session_reset(t->session);
        t->refed = true;
        t->stale = false;
        t->at.pending = -1;
        t->at.ids = 0;
        t->text.size = 0;
        status = feed(t, text, bytes, false, err);
    }
    free(text);
    return status;
}

/* ---- answering ---- */

typedef struct answer {
    cli_talk *talk;
    xlstm_sampler *sampler;
    xlstm_decoder *decoder;
    xl_bytes held; /* may be the beginning of a stop text */
    xl_bytes text; /* the answer */
    bool stopped;
} answer;

static int take_text(answer *a, const char *text, size_t bytes, bool last, xlstm_error *err) {
    cli_talk *t = a->talk;
    int found;
    int status = keep_text(t, text, bytes, err);
    if (status || !xl_bytes_append(&a->held, text, bytes))
        return status ? status : xl_fail(err, XLSTM_ENOMEM, "out of memory for the answer");
    const size_t ready = serve_stops_scan(t->o.stops, &a->held, last, &found);
    a->stopped = found >= 0;
    if (!xl_bytes_append(&a->text, a->held.data, ready))
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the answer");
    if (ready) t->o.put(t->o.user, a->held.data, ready);
    if (ready) memmove(a->held.data, a->held.data + ready, a->held.size - ready);
    a->held.size -= ready;
    return XLSTM_OK;
}

/* The text of a special token, which the template will write where the answer ends. */
static int keep_end(cli_talk *t, int32_t id, xlstm_error *err) {
    char *text;
    size_t bytes;
    int status = xlstm_tokenizer_decode(t->o.tokenizer, &id, 1, true, &text, &bytes, err);
    if (status) return status;
    status = keep_text(t, text, bytes, err);
    free(text);
    return status;
}

static int draw(answer *a, xlstm_error *err) {
    cli_talk *t = a->talk;
    const char *text;
    size_t bytes;
    int status = XLSTM_OK;
    const double start = xl_now_s();
    for (t->made = 0; (int64_t)t->made < t->o.max_tokens && !a->stopped && !status;) {
        if (t->o.interrupted(t->o.user)) break;
        status = xlstm_decode(t->session, t->at.pending, t->logits, err);
        if (status) break;
        const int32_t id = xlstm_sampler_draw(a->sampler, t->logits);
        xlstm_sampler_accept(a->sampler, id);
        t->at.pending = id;
        status = keep_ids(t, &id, 1, err);
        if (status) break;
        if (xlstm_tokenizer_ends_text(t->o.tokenizer, id)) {
            status = keep_end(t, id, err);
            break;
        }
        t->made++;
        status = xlstm_decoder_push(a->decoder, id, &text, &bytes, err);
        if (!status) status = take_text(a, text, bytes, false, err);
    }
    t->seconds = xl_now_s() - start;
    if (status || a->stopped) return status;
    status = xlstm_decoder_finish(a->decoder, &text, &bytes, err);
    return status ? status : take_text(a, text, bytes, true, err);
}

static int give_answer(cli_talk *t, xlstm_error *err) {
    answer a = {.talk = t};
    xlstm_sampling sampling = t->o.sampling;
    sampling.seed += t->turn++;
    int status = xlstm_sampler_create(&a.sampler, &sampling, xlstm_model_hparams(t->o.model)->vocab_size, err);
    if (!status) status = xlstm_decoder_create(&a.decoder, t->o.tokenizer, false, err);
    for (size_t i = 0; i < t->at.ids && !status; i++) xlstm_sampler_accept(a.sampler, t->ids[i]);
    if (!status) status = draw(&a, err);
    if (!status && t->o.chat)
        status = add_message(t, "assistant", a.text.size ? a.text.data : "", a.text.size, err);
    xlstm_decoder_destroy(a.decoder);
    xlstm_sampler_destroy(a.sampler);
    free(a.held.data);
    free(a.text.data);
    return status;
}

/* A turn from where the conversation stands. */
static int turn(cli_talk *t, const char *text, xlstm_error *err) {
    int status = begin_turn(t, err);
    if (status) return status;
    if (t->o.chat) {
        status = add_message(t, "user", text, strlen(text), err);
        if (!status) status = feed_messages(t, err);
    } else {
        status = feed(t, text, strlen(text), t->at.pending < 0 && !xlstm_session_position(t->session), err);
    }
    if (!status) status = give_answer(t, err);
    t->can_retry = !status;
    /* The error at hand is what is told; going back to a copied state does not fail. */
    if (status) undo_turn(t, NULL);
    return status;
}

int cli_talk_say(cli_talk *t, const char *text, xlstm_error *err) {
    char *said = strdup(text);
    if (!said) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(t->said);
    t->said = said;
    return turn(t, t->said, err);
}

int cli_talk_retry(cli_talk *t, xlstm_error *err) {
    if (!t->can_retry) return xl_fail(err, XLSTM_EARG, "there is no answer to replace");
    const int status = undo_turn(t, err);
    return status ? status : turn(t, t->said, err);
}

/* ---- files ---- */

int cli_talk_save(const cli_talk *t, const char *path, xlstm_error *err) {
    char *beside = xl_format("%s.json", path);
    json_t *text = json_stringn(t->text.size ? t->text.data : "", t->stale ? 0 : t->text.size);
    json_t *object = json_pack("{s:I, s:O, s:o}", "position", (json_int_t)xlstm_session_position(t->session),
                               "messages", t->messages, "text", text ? text : json_null());
    char *data = json_dumps(object, JSON_INDENT(1));
    json_decref(object);
    int status = beside && data ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    if (!status) status = xlstm_session_set_pending(t->session, t->at.pending, err);
    if (!status) status = xlstm_state_save(t->session, path, err);
    if (!status) status = xl_file_write(beside, data, strlen(data), err);
    free(data);
    free(beside);
    return status;
}

static int read_messages(const char *path, json_t **out, xlstm_error *err) {
    enum { LIMIT = 256 << 20 };
    char *data;
    size_t bytes;
    json_error_t bad;
    int status = xl_file_read(path, LIMIT, &data, &bytes, err);
    if (status) return status;
    json_t *object = json_loadb(data, bytes, JSON_ALLOW_NUL, &bad);
    free(data);
    if (!json_is_integer(json_object_get(object, "position")) ||
        !json_is_array(json_object_get(object, "messages")) || !json_is_string(json_object_get(object, "text"))) {
        json_decref(object);
        return xl_fail(err, XLSTM_EFORMAT, "%s: wanted an object with position, messages and text%s%s", path,
                       object ? "" : ": ", object ? "" : bad.text);
    }
    *out = object;
    return XLSTM_OK;
}

int cli_talk_load(cli_talk *t, const char *path, xlstm_error *err) {
    char *beside = xl_format("%s.json", path);
    json_t *object = NULL;
    xlstm_session *loaded = NULL;
    if (!beside) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    int status = read_messages(beside, &object, err);
    if (!status) status = xlstm_session_create(&loaded, t->o.model, &t->o.settings, err);
    if (!status) status = xlstm_state_load(loaded, path, err);
    if (!status &&
        (uint64_t)json_integer_value(json_object_get(object, "position")) != xlstm_session_position(loaded))
        status = xl_fail(err, XLSTM_EMISMATCH, "%s: does not belong to %s: its position is another", beside, path);
    if (!status) {
        const json_t *text = json_object_get(object, "text");
        json_decref(t->messages);
        t->messages = json_incref(json_object_get(object, "messages"));
        t->text.size = 0;
        t->at = (place){.pending = xlstm_session_pending(loaded), .messages = json_array_size(t->messages)};
        t->can_retry = false;
        t->stale = !json_string_length(text) && xlstm_session_position(loaded);
        status = xlstm_session_copy_state(t->session, loaded, err);
        if (!status) status = keep_text(t, json_string_value(text), json_string_length(text), err);
    }
    xlstm_session_destroy(loaded);
    json_decref(object);
    free(beside);
    return status;
}

uint64_t cli_talk_position(const cli_talk *t) {
    return xlstm_session_position(t->session);
}

uint64_t cli_talk_answer(const cli_talk *t, double *seconds) {
    *seconds = t->seconds;
    return t->made;
}
