/*
 * Faults that become results: the part that Rust cannot have. A function that setjmp returns to twice, and the jump out of
 * a signal handler, are C's; so no frame of Rust is ever jumped over. What is a memory's, Rust knows and is asked.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
/* The checks of fortified builds take the way from an alternate stack for a mistake worth a system call. */
#undef _FORTIFY_SOURCE

#include "trap.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#endif

#if defined(__linux__) && !defined(SS_AUTODISARM)
#define SS_AUTODISARM (1U << 31)
#endif

/* How a thread computes: rounding, and which exceptions trap. Systems give handlers defaults of theirs, with which a jump out
 * of a handler would go on. */
struct controls {
#if defined(__x86_64__) || defined(__i386__)
    uint32_t mxcsr;
    uint16_t x87;
#elif defined(__aarch64__)
    uint64_t fpcr;
#else
    char none;
#endif
};

static inline void save(struct controls *of)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(of->mxcsr), "=m"(of->x87));
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(of->fpcr));
#else
    of->none = 0;
#endif
}

static inline void restore(const struct controls *of)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(of->mxcsr), "m"(of->x87));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(of->fpcr));
#else
    (void)of;
#endif
}

/* A catch that has not returned. On the stack of its thread. */
struct frame {
    struct frame *outer;
    /* Where what was found about the fault goes. */
    void *found;
    struct controls controls;
#if defined(SS_AUTODISARM)
    /* The alternate stack, if the system has taken it away for the handler, to be set again. */
    stack_t disarmed;
#endif
    sigjmp_buf jump;
};

/* What a thread has of its own. A handler may be the first to touch it on its thread, and must not have to allocate it. */
struct own {
    struct frame *innermost;
    /* Whether the thread has an alternate stack, or cannot have one. */
    int is_armed;
};

#if defined(__linux__) && !defined(__ANDROID__)
static __thread struct own own_of_thread __attribute__((tls_model("initial-exec")));
static inline struct own *own(void) { return &own_of_thread; }
#else
/* Thread-local variables may be allocated at first sight here: a word of the thread library is not. The object is made when
 * the thread is armed; a thread without one has no catch. */
static pthread_key_t own_key;
static pthread_once_t own_key_once = PTHREAD_ONCE_INIT;
static int has_own_key;
static void make_own_key(void) { has_own_key = pthread_key_create(&own_key, free) == 0; }
static inline struct own *own(void) { return has_own_key ? pthread_getspecific(own_key) : NULL; }
#endif

/* So many handlers that other code has set above ours can be there, each with an installation of ours above it. */
#define LEVELS 8

static wasm_memory_trap_recognizer *recognize;

/* What was there before the handler of each level was set. */
struct installed {
    int number;
    int levels;
    struct sigaction previous[LEVELS];
};

static struct installed installed[] = {{.number = SIGSEGV}, {.number = SIGBUS}};

#define SIGNALS (sizeof installed / sizeof installed[0])

/* Whether the processor faulted, and nobody sent the signal. */
static int is_fault(const siginfo_t *info) { return info->si_code > 0 && info->si_code <= 0x100; }

/* Whether the page is there, and what is behind it is not: see `wasm_memory_trap_recognizer`. */
static int is_bus_error(int number, const siginfo_t *info)
{
#if defined(__linux__)
    /* The signal has other reasons too: addresses that are not aligned, memory that is broken. */
    return number == SIGBUS && info->si_code == BUS_ADRERR ? 2 : 0;
#else
    (void)info;
    return number == SIGBUS;
#endif
}

/* Has the handler that was there before do what it would have done. */
static void pass_on(struct sigaction *previous, int number, siginfo_t *info, void *context)
{
    const struct sigaction action = *previous;
    if (action.sa_handler == SIG_IGN && !is_fault(info)) return;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        /* The instruction faults again when this returns, or the signal is sent again: now for the default. No system
         * ignores a fault. */
        struct sigaction fresh;
        memset(&fresh, 0, sizeof fresh);
        fresh.sa_handler = SIG_DFL;
        sigaction(number, &fresh, NULL);
        if (!is_fault(info)) raise(number);
        return;
    }
    if (action.sa_flags & (int)SA_RESETHAND) {
        previous->sa_handler = SIG_DFL;
        previous->sa_flags = 0;
    }
    sigset_t blocked = action.sa_mask, before;
    if (!(action.sa_flags & SA_NODEFER)) sigaddset(&blocked, number);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    if (action.sa_flags & SA_SIGINFO) {
        action.sa_sigaction(number, info, context);
    } else {
        action.sa_handler(number);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* In the build where system calls fail on demand (src/sys/injection.rs), whether the next one does. */
#if defined(WASM_MEMORY_INJECTION)
extern int wasm_memory_injection_refuses_call(void);
#define REFUSED() (wasm_memory_injection_refuses_call() && (errno = EPERM) != 0)
#else
#define REFUSED() 0
#endif

/*
 * Whether the system called the handler, as it was set by `install_one`, or somebody else's handler did.
 *
 * A system call for each trap would restore the mask; it takes a third of the time of a trap. When the system called us it
 * has blocked nothing, and there is nothing to restore; when a handler above ours was called, it has blocked what that one
 * had asked for, and that one has called ours, or jumped here. The two cannot be told apart by how we are called. But the
 * system has a handler return to the function that was set with the handler, for which C libraries take one of their own
 * whoever sets a handler (Android's takes what the caller has), and so to a function of ours only if ours is the handler that
 * the system knows. Who asks the system itself, past the C library, for what is set, and sets that again with another mask,
 * would have to take another function too.
 */
#if defined(__linux__) && !defined(__ANDROID__) && defined(__x86_64__) && defined(__LP64__)

/* Where the frame of a signal keeps a register, by DWARF's number of it: so many bytes from the stack pointer. */
#define KEPT(number, at) ".cfi_escape 0x10, " #number ", 3, 0x77, (" #at " & 0x7f) | 0x80, " #at " >> 7\n\t"

/* The instructions are those of C libraries, by which debuggers and some unwinders know the place; others go by what is said
 * here about registers. Both look at the byte before, too. The text behind it makes it a function like no other: linkers may
 * make one of two that are alike, and the C library's is one. */
extern void wasm_memory_trap_return(void) __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n\t"
        ".p2align 4\n\t"
        ".cfi_startproc\n\t"
        ".cfi_signal_frame\n\t"
        ".cfi_escape 0x0f, 4, 0x77, (160 & 0x7f) | 0x80, 160 >> 7, 0x06\n\t" /* the caller's stack pointer */
        KEPT(8, 40) KEPT(9, 48) KEPT(10, 56) KEPT(11, 64) KEPT(12, 72) KEPT(13, 80) KEPT(14, 88) KEPT(15, 96)
        KEPT(5, 104) KEPT(4, 112) KEPT(6, 120) KEPT(3, 128) KEPT(1, 136) KEPT(0, 144) KEPT(2, 152) KEPT(7, 160)
        KEPT(16, 168)
        "nop\n\t"
        ".globl wasm_memory_trap_return\n\t"
        ".hidden wasm_memory_trap_return\n\t"
        ".type wasm_memory_trap_return, @function\n"
        "wasm_memory_trap_return:\n\t"
        "movq $15, %rax\n\t" /* rt_sigreturn */
        "syscall\n\t"
        ".cfi_endproc\n\t"
        ".size wasm_memory_trap_return, . - wasm_memory_trap_return\n\t"
        ".ascii \"wasm_memory\"\n\t"
        ".popsection");

#define IS_CALLED_BY_SYSTEM() (__builtin_return_address(0) == (void *)(uintptr_t)wasm_memory_trap_return)

/* What the system call takes. */
struct system_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static long exchange_action(int number, const struct system_action *fresh, struct system_action *before)
{
    return syscall(SYS_rt_sigaction, number, fresh, before, sizeof before->mask);
}

/* Has the handler, which was set right before, return to the function above. Without that all is well, but slower. */
static void set_return(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct system_action action, before;
    if (REFUSED() || exchange_action(number, NULL, &action) != 0) return;
    /* Somebody has set another one meanwhile, or the same in another way, or calls the handlers of this process, as sanitizers
     * do. */
    if (action.handler != handler || action.mask != 0 || !(action.flags & SA_NODEFER)) return;
    action.restorer = wasm_memory_trap_return;
    if (REFUSED() || exchange_action(number, &action, &before) != 0 || before.handler == handler) return;
    /* Somebody has set another one between the two, which is to stay. What is set meanwhile, in this microsecond, is lost: who
     * sets handlers while others do has to agree with them. */
    exchange_action(number, &before, NULL);
}
#else
#define IS_CALLED_BY_SYSTEM() 0
static void set_return(int number, void (*handler)(int, siginfo_t *, void *)) { (void)number, (void)handler; }
#endif

static void on_signal(int level, int is_called_by_system, int number, siginfo_t *info, void *context)
{
    struct own *thread = own();
    struct frame *frame = thread ? thread->innermost : NULL;
    if (frame && is_fault(info)) {
        const int answer = recognize((uintptr_t)info->si_addr, is_bus_error(number, info), frame->found);
        if (answer == WASM_MEMORY_TRAP_AGAIN) return;
        if (answer == WASM_MEMORY_TRAP_END) {
            thread->innermost = frame->outer;
            const ucontext_t *interrupted = context;
#if defined(SS_AUTODISARM)
            if (interrupted->uc_stack.ss_flags & (int)SS_AUTODISARM) frame->disarmed = interrupted->uc_stack;
#endif
            /* Nothing is blocked for this handler, but perhaps for one above it, which will never get to its end. */
            if (!is_called_by_system) pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
            siglongjmp(frame->jump, 1);
        }
    }
    const int before = errno;
    for (size_t i = 0; i < SIGNALS; i++) {
        if (installed[i].number == number) pass_on(&installed[i].previous[level], number, info, context);
    }
    errno = before;
}

/* A function for each level: a handler above one of ours that hands the signal down calls the one that it has replaced,
 * and so gets to what was there before that, and not back to itself. */
#define LEVEL(n) \
    static void on_signal_##n(int number, siginfo_t *info, void *context) \
    { \
        on_signal(n, IS_CALLED_BY_SYSTEM(), number, info, context); \
    }
LEVEL(0) LEVEL(1) LEVEL(2) LEVEL(3) LEVEL(4) LEVEL(5) LEVEL(6) LEVEL(7)
#undef LEVEL

static void (*const handlers[LEVELS])(int, siginfo_t *, void *) = {
    on_signal_0, on_signal_1, on_signal_2, on_signal_3, on_signal_4, on_signal_5, on_signal_6, on_signal_7,
};

/* Whether the handler that the system calls now is the topmost of ours. */
static int is_on_top(const struct installed *of, const struct sigaction *now)
{
    return of->levels > 0 && (now->sa_flags & SA_SIGINFO) && now->sa_sigaction == handlers[of->levels - 1];
}

static int install_one(struct installed *of)
{
    struct sigaction now;
    if (REFUSED() || sigaction(of->number, NULL, &now) != 0) return errno;
    if (is_on_top(of, &now)) return 0;
    if (of->levels == LEVELS) return EAGAIN;
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = handlers[of->levels];
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&ours.sa_mask);
    /* Before the handler can be called, and again if somebody has set another one meanwhile. A child that is forked in
     * between has a level too many, which is none of its handlers; one too few would have ours call itself. */
    const int level = of->levels++;
    of->previous[level] = now;
    if (REFUSED() || sigaction(of->number, &ours, &now) != 0) {
        of->levels--;
        return errno;
    }
    of->previous[level] = now;
    set_return(of->number, handlers[level]);
    return 0;
}

static void uninstall_one(struct installed *of)
{
    struct sigaction now;
    /* Below a handler of somebody else's, ours has to stay: it may be what that one calls. */
    if (sigaction(of->number, NULL, &now) != 0 || !is_on_top(of, &now)) return;
    if (sigaction(of->number, &of->previous[of->levels - 1], NULL) == 0) of->levels--;
}

int wasm_memory_trap_install(wasm_memory_trap_recognizer *recognizer)
{
    recognize = recognizer;
#if !(defined(__linux__) && !defined(__ANDROID__))
    pthread_once(&own_key_once, make_own_key);
    if (!has_own_key) return EAGAIN;
#endif
    for (size_t i = 0; i < SIGNALS; i++) {
        const int error = install_one(&installed[i]);
        if (error != 0) {
            while (i-- > 0) uninstall_one(&installed[i]);
            return error;
        }
    }
    return 0;
}

void wasm_memory_trap_uninstall(void)
{
    for (size_t i = 0; i < SIGNALS; i++) uninstall_one(&installed[i]);
}

int wasm_memory_trap_set_armed(int is_armed)
{
#if !(defined(__linux__) && !defined(__ANDROID__))
    if (is_armed && !own()) {
        struct own *made = calloc(1, sizeof *made);
        if (!made || pthread_setspecific(own_key, made) != 0) {
            free(made);
            return ENOMEM;
        }
    }
#endif
    struct own *thread = own();
    if (thread) thread->is_armed = is_armed;
    return 0;
}

enum wasm_memory_trap_outcome wasm_memory_trap_catch(void (*body)(void *), void *env, void *found)
{
    struct own *thread = own();
    if (!thread || !thread->is_armed) return WASM_MEMORY_TRAP_UNARMED;
    struct frame frame;
    frame.outer = thread->innermost;
    frame.found = found;
    save(&frame.controls);
#if defined(SS_AUTODISARM)
    frame.disarmed.ss_size = 0;
#endif
    if (sigsetjmp(frame.jump, 0) != 0) {
        restore(&frame.controls);
#if defined(SS_AUTODISARM)
        if (frame.disarmed.ss_size != 0) sigaltstack(&frame.disarmed, NULL);
#endif
        return WASM_MEMORY_TRAP_CAUGHT;
    }
    thread->innermost = &frame;
    body(env);
    thread->innermost = frame.outer;
    return WASM_MEMORY_TRAP_RETURNED;
}

void *wasm_memory_trap_suspend(void)
{
    struct own *thread = own();
    if (!thread) return NULL;
    struct frame *frame = thread->innermost;
    thread->innermost = NULL;
    return frame;
}

void wasm_memory_trap_resume(void *frame)
{
    struct own *thread = own();
    if (thread) thread->innermost = frame;
}
