#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

enum { BACKLOG = 1024 };

static int bound_port(int fd) {
    struct sockaddr_storage a;
    socklen_t bytes = sizeof a;
    memset(&a, 0, sizeof a);
    if (getsockname(fd, (struct sockaddr *)&a, &bytes)) return 0;
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port)
                                   : ntohs(((struct sockaddr_in *)&a)->sin_port);
}

static int failed(const char *host, int port, int code, xlstm_error *err) {
    return xl_fail(err, XLSTM_EIO, "%s port %d: %s", host, port, strerror(code));
}

int serve_bind(int *fd, char address[SERVE_ADDRESS], const char *host, int port, xlstm_error *err) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list;
    char service[16], bare[256];
    size_t bytes = strlen(host);
    snprintf(service, sizeof service, "%d", port);
    if (bytes > 2 && bytes < sizeof bare && host[0] == '[' && host[bytes - 1] == ']')
        snprintf(bare, sizeof bare, "%.*s", (int)bytes - 2, host + 1);
    else snprintf(bare, sizeof bare, "%s", host);
    *fd = -1;
    if (bytes >= sizeof bare)
        return xl_fail(err, XLSTM_EARG, "host %.40s...: %zu bytes, wanted at most %zu", host, bytes,
                       sizeof bare - 1);
    const int code = getaddrinfo(bare, service, &hints, &list);
    if (code) return xl_fail(err, XLSTM_EIO, "host %s: %s", host, gai_strerror(code));
    int last = 0;
    for (const struct addrinfo *a = list; a && *fd < 0; a = a->ai_next) {
        const int on = 1, s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (s < 0) {
            last = errno;
            continue;
        }
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(s, a->ai_addr, a->ai_addrlen)) {
            last = errno;
            close(s);
            continue;
        }
        *fd = s;
    }
    freeaddrinfo(list);
    if (*fd < 0) return failed(host, port, last, err);
    snprintf(address, SERVE_ADDRESS, strchr(bare, ':') ? "http://[%s]:%d" : "http://%s:%d", bare, bound_port(*fd));
    return XLSTM_OK;
}

int serve_listen(int fd, const char *host, int port, xlstm_error *err) {
    return listen(fd, BACKLOG) ? failed(host, port, errno, err) : XLSTM_OK;
}
