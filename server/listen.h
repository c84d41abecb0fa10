/* A socket to listen at. */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <xlstm/status.h>

enum { SERVE_ADDRESS = 288 }; /* bytes of "http://HOST:PORT"; a host's name has up to 253 */

/* Takes an address; port 0: one that is free. Who connects is refused until serve_listen. *fd is the caller's, -1
 * on failure; address says where, "http://[::1]:8080". EIO where it cannot be had, EARG where no host's name is as
 * long. */
int serve_bind(int *fd, char address[SERVE_ADDRESS], const char *host, int port, xlstm_error *err);
/* Listens at the address that serve_bind took. EIO where another program took it too and was first to listen. */
int serve_listen(int fd, const char *host, int port, xlstm_error *err);

#endif
