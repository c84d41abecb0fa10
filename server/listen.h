/* A socket to listen at. */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <xlstm/status.h>

/* Listens at an address; port 0: one that is free. *fd is the caller's; address says where, "http://[::1]:8080". */
int serve_listen(int *fd, char address[128], const char *host, int port, xlstm_error *err);

#endif
