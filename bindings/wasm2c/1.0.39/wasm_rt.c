/* Traps, threads, exceptions and tables of the runtime for wasm2c 1.0.39. See wasm-rt.h and wasm-rt-impl.h. */
#if defined(__linux__)
#define _GNU_SOURCE /* pthread_getattr_np */
#endif
#include "wasm-rt-impl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "wasm_rt_memory.h"

/* --- a thread's state --------------------------------------------------------------------------------------------- */

WASM_RT_THREAD_LOCAL jmp_buf wasm_rt_jmp_buf;
#if WASM_RT_STACK_DEPTH_COUNT
WASM_RT_THREAD_LOCAL uint32_t wasm_rt_call_stack_depth;
#endif

static WASM_RT_THREAD_LOCAL struct {
    bool catching;             /* wasm_rt_jmp_buf leads somewhere */
    uint32_t depth_to_restore; /* the calls that were under way when it was set */
    WASM_RT_UNWIND_TARGET *unwind_target;
    wasm_rt_tag_t exception_tag;
    uint32_t exception_size;
    /* Aligned for whatever lies in it. */
    union {
        uint8_t bytes[WASM_RT_EXCEPTION_BYTES];
        uint64_t alignment;
    } exception;
    bool prepared;         /* what follows is set */
    void *signal_stack;    /* ours; NULL if the thread had one */
    uintptr_t stack_start; /* the lowest address of the stack; 0: not known */
    uintptr_t stack_size;
} self;

static _Noreturn void die(const char *what) {
    fprintf(stderr, "wasm_rt: %s\n", what);
    abort();
}

/* --- traps -------------------------------------------------------------------------------------------------------- */

#ifdef WASM_RT_TRAP_HANDLER
void WASM_RT_TRAP_HANDLER(wasm_rt_trap_t trap);
#endif

static void remember_depth(void) {
#if WASM_RT_STACK_DEPTH_COUNT
    self.depth_to_restore = wasm_rt_call_stack_depth;
#endif
}

static void restore_depth(void) {
#if WASM_RT_STACK_DEPTH_COUNT
    wasm_rt_call_stack_depth = self.depth_to_restore;
#endif
}

void wasm_rt_trap(wasm_rt_trap_t trap) {
    restore_depth();
#ifdef WASM_RT_TRAP_HANDLER
    WASM_RT_TRAP_HANDLER(trap);
    die("the host's handler of traps has returned");
#else
    if (!self.catching) {
        fprintf(stderr, "wasm_rt: a trap outside of wasm_rt_catch: %s\n", wasm_rt_strerror(trap));
        abort();
    }
    longjmp(wasm_rt_jmp_buf, (int)trap);
#endif
}

const char *wasm_rt_strerror(wasm_rt_trap_t trap) {
    switch (trap) {
    case WASM_RT_TRAP_NONE: return "no trap";
    case WASM_RT_TRAP_OOB: return "out of bounds access of a memory or table";
    case WASM_RT_TRAP_INT_OVERFLOW: return "integer overflow";
    case WASM_RT_TRAP_DIV_BY_ZERO: return "integer divide by zero";
    case WASM_RT_TRAP_INVALID_CONVERSION: return "invalid conversion to integer";
    case WASM_RT_TRAP_UNREACHABLE: return "unreachable";
    case WASM_RT_TRAP_CALL_INDIRECT: return "indirect call of no such function, or of one of another type";
    case WASM_RT_TRAP_NULL_REF: return "null reference";
    case WASM_RT_TRAP_UNCAUGHT_EXCEPTION: return "uncaught exception";
    case WASM_RT_TRAP_UNALIGNED: return "unaligned atomic";
    case WASM_RT_TRAP_EXHAUSTION: return "call stack exhausted";
    case WASM_RT_TRAP_NOT_SHARED: return "expected shared memory";
    case WASM_RT_TRAP_TOO_MANY_WAITERS: return "too many waiters";
    case WASM_RT_TRAP_INTERRUPTED: return "the host ended a wait";
    case WASM_RT_TRAP_NO_MEMORY: return "a memory could not be made";
    }
    return "no such trap";
}

void wasm_rt_begin_try(void) {
    wasm_rt_init_thread();
    remember_depth();
    self.unwind_target = NULL;
    self.catching = true;
}

wasm_rt_trap_t wasm_rt_catch(void (*body)(void *env), void *env) {
    wasm_rt_init_thread();
    /* What was there before comes back whichever way we leave; volatile, as setjmp asks of what outlives it. */
    jmp_buf outer;
    memcpy(&outer, &wasm_rt_jmp_buf, sizeof outer);
    WASM_RT_UNWIND_TARGET *volatile outer_target = self.unwind_target;
    const volatile bool outer_catching = self.catching;
    const volatile uint32_t outer_depth = self.depth_to_restore;

    int trap = setjmp(wasm_rt_jmp_buf);
    if (trap == 0) {
        remember_depth();
        self.unwind_target = NULL;
        self.catching = true;
        body(env);
    }
    memcpy(&wasm_rt_jmp_buf, &outer, sizeof outer);
    self.unwind_target = outer_target;
    self.catching = outer_catching;
    self.depth_to_restore = outer_depth;
    return (wasm_rt_trap_t)trap;
}

/* --- exceptions --------------------------------------------------------------------------------------------------- */

WASM_RT_UNWIND_TARGET *wasm_rt_get_unwind_target(void) { return self.unwind_target; }
void wasm_rt_set_unwind_target(WASM_RT_UNWIND_TARGET *target) { self.unwind_target = target; }
wasm_rt_tag_t wasm_rt_exception_tag(void) { return self.exception_tag; }
uint32_t wasm_rt_exception_size(void) { return self.exception_size; }
void *wasm_rt_exception(void) { return self.exception.bytes; }

void wasm_rt_load_exception(wasm_rt_tag_t tag, uint32_t size, const void *values) {
    if (size > WASM_RT_EXCEPTION_BYTES) {
        wasm_rt_trap(WASM_RT_TRAP_EXHAUSTION);
    }
    self.exception_tag = tag;
    self.exception_size = size;
    if (size > 0) {
        memmove(self.exception.bytes, values, size);
    }
}

void wasm_rt_throw(void) {
    if (self.unwind_target == NULL) {
        wasm_rt_trap(WASM_RT_TRAP_UNCAUGHT_EXCEPTION);
    }
#if WASM_RT_STACK_DEPTH_COUNT
    wasm_rt_call_stack_depth = self.unwind_target->depth;
#endif
    longjmp(self.unwind_target->place, 1);
}

/* --- faults ------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
/* Written under the lock; read without it by assertions of generated code, which may come from any thread. */
static bool initialized;

#if WASM_RT_INSTALL_SIGNAL_HANDLER

/* What was there before us; written before our handler is installed, never while it is. */
static struct sigaction before_segv;
static struct sigaction before_bus;

/*
 * A fault this near to the end of a stack means that the stack is too small: below it by one large frame, above it by
 * what the system keeps free between the main thread's stack and its neighbour.
 */
#define NEAR_STACK_END (((uintptr_t)1 << 20) + ((uintptr_t)64 << 10))

static bool is_end_of_stack(uintptr_t address) {
    uintptr_t above = self.stack_size / 2 < NEAR_STACK_END ? self.stack_size / 2 : NEAR_STACK_END;
    return self.stack_start != 0 && address + NEAR_STACK_END >= self.stack_start && address < self.stack_start + above;
}

/* Not ours: does what would have been done if we were not there. */
static void pass_on(int signal_number, siginfo_t *info, void *context) {
    struct sigaction *before = signal_number == SIGBUS ? &before_bus : &before_segv;
    bool has_handler = (before->sa_flags & SA_SIGINFO) != 0 ||
                       (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN);
    if (!has_handler) {
        if (before->sa_handler == SIG_IGN && info->si_code <= 0) {
            return; /* sent by a process, and not wanted */
        }
        /* Without a handler the instruction faults again and ends the process. What was sent comes only once. */
        struct sigaction standard;
        memset(&standard, 0, sizeof standard);
        standard.sa_handler = SIG_DFL;
        sigaction(signal_number, &standard, NULL);
        if (info->si_code <= 0) {
            raise(signal_number);
        }
        return;
    }
    sigset_t mask = before->sa_mask;
    if ((before->sa_flags & SA_NODEFER) == 0) {
        sigaddset(&mask, signal_number);
    }
    sigset_t outer_mask;
    pthread_sigmask(SIG_BLOCK, &mask, &outer_mask);
    if ((before->sa_flags & SA_SIGINFO) != 0) {
        before->sa_sigaction(signal_number, info, context);
    } else {
        before->sa_handler(signal_number);
    }
    pthread_sigmask(SIG_SETMASK, &outer_mask, NULL);
}

/*
 * The signal is not blocked meanwhile (SA_NODEFER), so leaving by longjmp leaves nothing to undo, and setjmp need not
 * save the mask, which would cost a system call for each call of a guest.
 */
static void on_fault(int signal_number, siginfo_t *info, void *context) {
    int error = errno;
    if (self.catching && info->si_code > 0) {
        if (wasm_rt_memory_is_guard(info->si_addr)) {
            errno = error;
            wasm_rt_trap(WASM_RT_TRAP_OOB);
        }
        if (is_end_of_stack((uintptr_t)info->si_addr)) {
            errno = error;
            wasm_rt_trap(WASM_RT_TRAP_EXHAUSTION);
        }
    }
    pass_on(signal_number, info, context);
    errno = error;
}

/* Puts ours in front of what is there, which is remembered. */
static void install_handler(int signal_number, struct sigaction *before, bool *in_chain) {
    struct sigaction present;
    if (sigaction(signal_number, NULL, &present) != 0) {
        die("the present handler of faults could not be asked for");
    }
    /* Somebody came after us and passes on to us: once more in front of that would be a circle. */
    bool reached = *in_chain && ((present.sa_flags & SA_SIGINFO) != 0 ||
                                 (present.sa_handler != SIG_DFL && present.sa_handler != SIG_IGN));
    if (reached) {
        return;
    }
    /* Before ours is there: another thread's fault may come at once. */
    *before = present;
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&ours.sa_mask);
    if (sigaction(signal_number, &ours, NULL) != 0) {
        die("the handler of faults could not be installed");
    }
    *in_chain = true;
}

/* Puts back what was there, unless somebody has come after us, who may pass faults on to us. */
static void remove_handler(int signal_number, const struct sigaction *before, bool *in_chain) {
    struct sigaction present;
    if (sigaction(signal_number, NULL, &present) == 0 && (present.sa_flags & SA_SIGINFO) != 0 &&
        present.sa_sigaction == on_fault && sigaction(signal_number, before, NULL) == 0) {
        *in_chain = false;
    }
}

static bool segv_in_chain;
static bool bus_in_chain;

static void install_handlers(void) {
    install_handler(SIGSEGV, &before_segv, &segv_in_chain);
    install_handler(SIGBUS, &before_bus, &bus_in_chain);
}

static void remove_handlers(void) {
    remove_handler(SIGSEGV, &before_segv, &segv_in_chain);
    remove_handler(SIGBUS, &before_bus, &bus_in_chain);
}

/* Where the calling thread's stack lies; where the system does not tell, its end is not recognised. */
static void find_stack(void) {
#if defined(__linux__)
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return;
    }
    void *start = NULL;
    size_t size = 0;
    if (pthread_attr_getstack(&attributes, &start, &size) == 0) {
        self.stack_start = (uintptr_t)start;
        self.stack_size = size;
    }
    pthread_attr_destroy(&attributes);
#elif defined(__APPLE__)
    self.stack_size = pthread_get_stacksize_np(pthread_self());
    self.stack_start = (uintptr_t)pthread_get_stackaddr_np(pthread_self()) - self.stack_size;
#endif
}

/* Room for the largest signal frames there are, and for a handler of the host's that we pass faults on to. */
#define SIGNAL_STACK_BYTES ((size_t)128 << 10)

static void prepare_thread(void) {
    find_stack();
    stack_t present;
    memset(&present, 0, sizeof present);
    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) {
        return; /* the host's own */
    }
    stack_t ours;
    memset(&ours, 0, sizeof ours);
    ours.ss_sp = malloc(SIGNAL_STACK_BYTES);
    ours.ss_size = SIGNAL_STACK_BYTES;
    if (ours.ss_sp == NULL || sigaltstack(&ours, NULL) != 0) {
        die("no memory for a thread's signal stack");
    }
    self.signal_stack = ours.ss_sp;
}

static void unprepare_thread(void) {
    if (self.signal_stack == NULL) {
        return;
    }
    stack_t present;
    memset(&present, 0, sizeof present);
    if (sigaltstack(NULL, &present) == 0 && present.ss_sp == self.signal_stack) {
        stack_t none;
        memset(&none, 0, sizeof none);
        none.ss_flags = SS_DISABLE;
        none.ss_size = SIGNAL_STACK_BYTES; /* macOS wants a size here too */
        sigaltstack(&none, NULL);
    }
    free(self.signal_stack);
    self.signal_stack = NULL;
}

#else

static void install_handlers(void) {}
static void remove_handlers(void) {}
static void prepare_thread(void) {}
static void unprepare_thread(void) {}

#endif

/* Runs wasm_rt_free_thread when a thread ends. */
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;

static void on_thread_end(void *value) {
    (void)value;
    wasm_rt_free_thread();
}

static void make_thread_end(void) {
    if (pthread_key_create(&thread_end, on_thread_end) != 0) {
        die("no thread-specific key is left");
    }
}

void wasm_rt_init_thread(void) {
    if (self.prepared) {
        return;
    }
    prepare_thread();
    self.prepared = true;
    pthread_once(&thread_end_once, make_thread_end);
    /* Any value but NULL has the destructor run. */
    pthread_setspecific(thread_end, &self);
}

void wasm_rt_free_thread(void) {
    if (self.prepared) {
        unprepare_thread();
        self.prepared = false;
        self.catching = false;
    }
}

void wasm_rt_init(void) {
    pthread_mutex_lock(&init_lock);
    if (!initialized) {
        install_handlers();
        __atomic_store_n(&initialized, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&init_lock);
    wasm_rt_init_thread();
}

bool wasm_rt_is_initialized(void) { return __atomic_load_n(&initialized, __ATOMIC_ACQUIRE); }

void wasm_rt_free(void) {
    pthread_mutex_lock(&init_lock);
    if (initialized) {
        remove_handlers();
        __atomic_store_n(&initialized, false, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&init_lock);
    wasm_rt_free_thread();
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* Room for `elements` of `bytes` each, the old ones kept; NULL if there is none. Never asks for nothing. */
static void *resized(void *data, uint64_t elements, size_t bytes) {
    if (elements > WASM_RT_MAX_TABLE_ELEMENTS) {
        return NULL;
    }
    return realloc(data, elements == 0 ? bytes : (size_t)elements * bytes);
}

#define DEFINE_TABLE(name)                                                                                             \
    void wasm_rt_allocate_##name##_table(wasm_rt_##name##_table_t *table, uint64_t elements, uint64_t max_elements) {  \
        table->data = resized(NULL, elements, sizeof *table->data);                                                    \
        if (table->data == NULL) {                                                                                     \
            fprintf(stderr, "wasm_rt: no memory for a table of %llu elements (at most %llu)\n",                        \
                    (unsigned long long)elements, (unsigned long long)WASM_RT_MAX_TABLE_ELEMENTS);                     \
            abort();                                                                                                   \
        }                                                                                                              \
        table->size = elements;                                                                                        \
        table->max_size = max_elements;                                                                                \
        for (uint64_t i = 0; i < elements; i++) {                                                                      \
            table->data[i] = wasm_rt_##name##_null_value;                                                              \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    uint64_t wasm_rt_grow_##name##_table(wasm_rt_##name##_table_t *table, uint64_t delta, wasm_rt_##name##_t value) {  \
        const uint64_t previous = table->size;                                                                         \
        if (delta == 0) {                                                                                              \
            return previous;                                                                                           \
        }                                                                                                              \
        if (table->max_size < previous || delta > table->max_size - previous) {                                        \
            return UINT64_MAX;                                                                                         \
        }                                                                                                              \
        void *data = resized(table->data, previous + delta, sizeof *table->data);                                      \
        if (data == NULL) {                                                                                            \
            return UINT64_MAX;                                                                                         \
        }                                                                                                              \
        table->data = data;                                                                                            \
        table->size = previous + delta;                                                                                \
        for (uint64_t i = previous; i < table->size; i++) {                                                            \
            table->data[i] = value;                                                                                    \
        }                                                                                                              \
        return previous;                                                                                               \
    }                                                                                                                  \
                                                                                                                       \
    void wasm_rt_free_##name##_table(wasm_rt_##name##_table_t *table) {                                                \
        free(table->data);                                                                                             \
        memset(table, 0, sizeof *table);                                                                               \
    }

DEFINE_TABLE(funcref)
DEFINE_TABLE(externref)
DEFINE_TABLE(exnref)
