#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "tuner/measure/timing.h"

static volatile sig_atomic_t stop, release;

static void on_stop(int number) {
    if (!stop) stop = number;
}

static void on_release(int number) {
    (void)number;
    release = 1;
}

/* A sample during which the process was stopped, by Ctrl-Z for example, is not a valid measurement. */
static void on_continue(int number) {
    (void)number;
    tune_watch_continued();
}

void cli_signals_install_continue(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    action.sa_handler = on_continue;
    sigaction(SIGCONT, &action, NULL);
}

void cli_signals_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    action.sa_handler = on_release;
    sigaction(SIGUSR1, &action, NULL);
    cli_signals_install_continue();
    /* The handler acts once, so that a second signal ends the process at once. */
    action.sa_flags |= (int)SA_RESETHAND;
    action.sa_handler = on_stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* Under nohup SIGHUP is ignored, and must stay so, because the program is meant to outlive the terminal. */
    struct sigaction hangup;
    if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

int cli_signals_stop(void) {
    return (int)stop;
}

int cli_signals_code(void) {
    return stop ? 128 + (int)stop : 0;
}

const char *cli_signals_name(void) {
    switch (stop) {
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
    bool asked = release != 0;
    release = 0;
    return asked;
}

int cli_signals_cancel(void *user) {
    (void)user;
    return stop != 0;
}
