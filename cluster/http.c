#include "cluster/http.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void cluster_answer_clear(cluster_answer *answer) {
    free(answer->data);
    *answer = (cluster_answer){0};
}

#ifdef XL_HAVE_CURL

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#define CONNECT_MS 10000L
/* A transfer that moves less than one byte a second for so long has failed. */
#define SILENT_S 60L
#define FIRST_ROOM ((size_t)1 << 14)

struct cluster_http {
    CURL *curl;
    char *address;
    char *authorization; /* the header's line; NULL: none */
    long silent_s;
    int (*cancel)(void *user);
    void *user;
};

/* What arrives of one answer. */
typedef struct arriving {
    char *data;
    size_t bytes, room, limit;
    bool too_long, no_memory;
} arriving;

static size_t on_data(char *data, size_t size, size_t count, void *ctx) {
    arriving *a = ctx;
    const size_t n = size * count;
    if (n > a->limit - a->bytes) {
        a->too_long = true;
        return 0;
    }
    if (n >= a->room - a->bytes) {
        size_t room = a->room * 2 > a->bytes + n + 1 ? a->room * 2 : a->bytes + n + 1;
        char *grown = realloc(a->data, room);
        if (!grown) {
            a->no_memory = true;
            return 0;
        }
        a->data = grown;
        a->room = room;
    }
    memcpy(a->data + a->bytes, data, n);
    a->bytes += n;
    a->data[a->bytes] = 0;
    return n;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const cluster_http *http = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return http->cancel && http->cancel(http->user);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start(void) {
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Whether a part of the address is there and not `usual`. */
static bool has(CURLU *url, CURLUPart part, const char *usual) {
    char *text = NULL;
    bool there = !curl_url_get(url, part, &text, 0) && text && (!usual || strcmp(text, usual) != 0);
    curl_free(text);
    return there;
}

static int check_address(const char *address, char **out, xlstm_error *err) {
    CURLU *url = curl_url();
    char *scheme = NULL;
    int status = XLSTM_OK;
    if (!url) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    /* An address with a password is not repeated in a message. */
    if (curl_url_set(url, CURLUPART_URL, address, CURLU_NON_SUPPORT_SCHEME) ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0)) {
        status = xl_fail(err, XLSTM_EARG, "found %s, wanted an address as http://HEAD:8265",
                         strchr(address, '@') ? "no address" : address);
    } else if (has(url, CURLUPART_USER, NULL) || has(url, CURLUPART_PASSWORD, NULL)) {
        status = xl_fail(err, XLSTM_EARG,
                         "the address holds a name or a password, which every process list shows; "
                         "set RAY_AUTH_TOKEN for a cluster that wants a token");
    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        status = xl_fail(err, XLSTM_EARG, "found %s, wanted the address of the head's dashboard, http://HEAD:8265",
                         address);
    } else if (has(url, CURLUPART_PATH, "/") || has(url, CURLUPART_QUERY, NULL) ||
               has(url, CURLUPART_FRAGMENT, NULL)) {
        status = xl_fail(err, XLSTM_EARG, "found %s, wanted nothing after the port: http://HEAD:8265", address);
    } else {
        *out = strdup(address);
        if (!*out) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        else if ((*out)[strlen(*out) - 1] == '/') (*out)[strlen(*out) - 1] = 0;
    }
    curl_free(scheme);
    curl_url_cleanup(url);
    return status;
}

int cluster_http_open(cluster_http **out, const cluster_http_options *options, xlstm_error *err) {
    *out = NULL;
    pthread_once(&once, start);
    if (started) return xl_fail(err, XLSTM_EIO, "libcurl: %s", curl_easy_strerror(started));
    cluster_http *http = calloc(1, sizeof *http);
    if (!http) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    http->silent_s = options->silent_s ? options->silent_s : SILENT_S;
    http->cancel = options->cancel;
    http->user = options->user;
    int status = check_address(options->address, &http->address, err);
    if (!status && options->token) {
        http->authorization = xl_format("Authorization: Bearer %s", options->token);
        if (!http->authorization) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        else if (strpbrk(options->token, "\r\n"))
            status = xl_fail(err, XLSTM_EARG, "the token for the cluster has more than one line");
    }
    http->curl = status ? NULL : curl_easy_init();
    if (!status && !http->curl) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (status) cluster_http_close(http);
    else *out = http;
    return status;
}

void cluster_http_close(cluster_http *http) {
    if (!http) return;
    curl_easy_cleanup(http->curl);
    free(http->address);
    free(http->authorization);
    free(http);
}

const char *cluster_http_address(const cluster_http *http) {
    return http->address;
}

static bool add_line(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer) *list = longer;
    return longer != NULL;
}

/* Sets what every request has; false when out of memory. */
static bool prepare(cluster_http *http, const char *method, const char *url, struct curl_slist *lines, char *why,
                    arriving *answer) {
    CURL *c = http->curl;
    curl_easy_reset(c);
    bool ok = !curl_easy_setopt(c, CURLOPT_URL, url) && !curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, http->silent_s);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, http);
    return ok;
}

static int failure(const cluster_http *http, const char *method, const char *path, CURLcode code, const char *why,
                   const arriving *answer, xlstm_error *err) {
    if (code == CURLE_ABORTED_BY_CALLBACK) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    if (code == CURLE_OUT_OF_MEMORY || answer->no_memory) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (answer->too_long)
        return xl_fail(err, XLSTM_EFORMAT, "%s: %s %s: the answer is longer than %zu bytes", http->address, method,
                       path, answer->limit);
    return xl_fail(err, XLSTM_EIO, "%s: %s", http->address, *why ? why : curl_easy_strerror(code));
}

int cluster_http_ask(cluster_http *http, const char *method, const char *path, const void *body, size_t bytes,
                     const char *type, size_t limit, cluster_answer *out, xlstm_error *err) {
    char why[CURL_ERROR_SIZE] = "";
    arriving answer = {.data = malloc(FIRST_ROOM), .room = FIRST_ROOM, .limit = limit};
    struct curl_slist *lines = NULL;
    char *url = xl_format("%s%s", http->address, path);
    char *content = body ? xl_format("Content-Type: %s", type) : NULL;
    bool ok = url && answer.data && (!body || content);
    int status;
    *out = (cluster_answer){0};
    ok = ok && (!body || (add_line(&lines, content) && add_line(&lines, "Expect:")));
    ok = ok && (!http->authorization || add_line(&lines, http->authorization));
    ok = ok && prepare(http, method, url, lines, why, &answer);
    if (ok && body) {
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bytes);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body); /* it is not copied */
    }
    if (ok) {
        answer.data[0] = 0;
        const CURLcode code = curl_easy_perform(http->curl);
        status = code ? failure(http, method, path, code, why, &answer, err) : XLSTM_OK;
    } else {
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    if (!status) {
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &out->code);
        out->data = answer.data;
        out->bytes = answer.bytes;
    } else {
        free(answer.data);
    }
    curl_slist_free_all(lines);
    free(url);
    free(content);
    return status;
}

#else

int cluster_http_open(cluster_http **out, const cluster_http_options *options, xlstm_error *err) {
    (void)options;
    *out = NULL;
    return xl_fail(err, XLSTM_EUNSUPPORTED,
                   "this xltune was built without libcurl, so it can reach no other machine");
}

void cluster_http_close(cluster_http *http) {
    (void)http;
}

const char *cluster_http_address(const cluster_http *http) {
    (void)http;
    return "";
}

int cluster_http_ask(cluster_http *http, const char *method, const char *path, const void *body, size_t bytes,
                     const char *type, size_t limit, cluster_answer *out, xlstm_error *err) {
    (void)http, (void)method, (void)path, (void)body, (void)bytes, (void)type, (void)limit;
    *out = (cluster_answer){0};
    return xl_fail(err, XLSTM_EUNSUPPORTED, "this xltune was built without libcurl");
}

#endif
