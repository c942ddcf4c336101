/* The floor of traps: a handler that leaves by siglongjmp, and what it leaves to. */
#include "native.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

static _Thread_local sigjmp_buf *volatile here;
static struct sigaction before;

static void leave(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    siglongjmp(*here, 1);
}

bool bench_raw_handler_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = leave;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    return sigaction(SIGSEGV, &action, &before) == 0;
}

bool bench_raw_handler_uninstall(void) { return sigaction(SIGSEGV, &before, NULL) == 0; }

/* Whether the body returned. */
bool bench_raw_catch(void (*body)(void *), void *env)
{
    sigjmp_buf place;
    sigjmp_buf *const outer = here;
    bool returned = false;
    if (sigsetjmp(place, 0) == 0) {
        here = &place;
        body(env);
        returned = true;
    }
    here = outer;
    return returned;
}

void bench_touch(void *address) { *(volatile uint8_t *)address = 1; }

void bench_do_nothing(void *unused) { (void)unused; }
