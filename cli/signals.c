#include "cli/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "tuner/measure/timing.h"

/* Any thread may run a handler, and any may ask. */
static atomic_int stop; /* number of the first signal */
static atomic_bool release;

static void on_stop(int number) {
    int none = 0;
    atomic_compare_exchange_strong(&stop, &none, number);
}

static void on_release(int number) {
    (void)number;
    atomic_store(&release, true);
}

/* A sample during which the process was stopped, by Ctrl-Z for example, is not a valid measurement. */
static void on_continue(int number) {
    (void)number;
    tune_watch_continued();
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    action.sa_handler = handler;
    sigaction(number, &action, NULL);
}

void cli_signals_install_release(void) {
    handle(SIGUSR1, on_release);
}

void cli_signals_install_continue(void) {
    handle(SIGCONT, on_continue);
}

void cli_signals_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    cli_signals_install_release();
    cli_signals_install_continue();
    /* The handler acts once, so that a second signal ends the process at once. */
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    action.sa_handler = on_stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* Under nohup SIGHUP is ignored, and must stay so, because the program is meant to outlive the terminal. */
    struct sigaction hangup;
    if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

int cli_signals_stop(void) {
    return atomic_load(&stop);
}

int cli_signals_code(void) {
    const int number = atomic_load(&stop);
    return number ? 128 + number : 0;
}

const char *cli_signals_name(void) {
    switch (atomic_load(&stop)) {
    case SIGINT:
        return "SIGINT";
    case SIGTERM:
        return "SIGTERM";
    case SIGHUP:
        return "SIGHUP";
    default:
        return "";
    }
}

bool cli_signals_take_release(void) {
    return atomic_exchange(&release, false);
}

int cli_signals_cancel(void *user) {
    (void)user;
    return atomic_load(&stop) != 0;
}
