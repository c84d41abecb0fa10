#include "base/thread.h"

int xl_thread_start(pthread_t *thread, void *(*run)(void *user), void *user) {
    pthread_attr_t how;
    size_t bytes;
    int code = pthread_attr_init(&how);
    if (code) return code;
    /* Where the size cannot be set, the thread gets what the system gives. */
    if (!pthread_attr_getstacksize(&how, &bytes) && bytes < XL_THREAD_STACK)
        (void)pthread_attr_setstacksize(&how, XL_THREAD_STACK);
    code = pthread_create(thread, &how, run, user);
    pthread_attr_destroy(&how);
    return code;
}
