/* Guards that are touched become a status: wasm_memory_trap_handlers_install, wasm_memory_catch_trap; and what the host's
 * own handlers of SIGSEGV and SIGBUS still get. Most tests run in a child, which starts without any handler. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: the signals here are those of Linux");
    return 0;
}

#else

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>

#if defined(__GLIBC__)
#include <execinfo.h>
#endif

#include "support/engines.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000U
#endif

static uint64_t host_page;

/* ---- memories to touch ---- */

typedef struct {
    host_t host;
    wasm_memory_t *memory;
    volatile uint8_t *base;
    uint64_t length;
} scene_t;

static scene_t scene; /* one for each process, GUARDED, of one page, with a guard before it */

static scene_t scene_made(uint64_t pages, uint64_t maximum) {
    wasm_config_t *const config = wasm_config_new();
    scene_t made;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_guard_before_memory_set(config, true);
    made.host = host_with(config);
    made.memory = memory_of(made.host, pages_32(pages, maximum));
    made.base = wasm_memory_view(made.memory)->base;
    made.length = wasm_memory_view(made.memory)->byte_length;
    return made;
}

static void scene_delete(scene_t old) {
    wasm_memory_delete(old.memory);
    host_delete(old.host);
}

static volatile uint8_t *guard(void) { return scene.base + wasm_memory_view(scene.memory)->byte_length; }

/* ---- bodies ---- */

static void write_to(void *address) { *(volatile uint8_t *)address = 1; }
static void read_from(void *address) { (void)*(volatile uint8_t *)address; }
static void do_nothing(void *unused) { (void)unused; }
static void count_up(void *count) { ++*(volatile int *)count; }

static void *pointer(volatile uint8_t *address) { return (void *)(uintptr_t)address; }

static wasm_memory_trap_t fresh_trap(void) {
    wasm_memory_trap_t trap;
    memset(&trap, 0x5a, sizeof trap);
    trap.struct_size = sizeof trap;
    return trap;
}

static bool check_trap(wasm_memory_trap_t trap, wasm_memory_fault_kind_t kind, const wasm_memory_t *memory,
                       volatile uint8_t *address, const char *file, int line) {
    const wasm_memory_view_t *const view = memory == NULL ? NULL : wasm_memory_view(memory);
    bool holds = check_equal(trap.struct_size, sizeof trap, file, line, "struct_size");
    holds = check_equal((uint64_t)trap.kind, (uint64_t)kind, file, line, "kind") && holds;
    holds = check_equal(trap.offset, view == NULL ? 0 : (uint64_t)(uintptr_t)address - (uint64_t)(uintptr_t)view->base, file,
                        line, "offset") &&
            holds;
    holds = check_equal(trap.byte_length, view == NULL ? 0 : view->byte_length, file, line, "length") && holds;
    holds = check_equal(trap.address, (uintptr_t)address, file, line, "address") && holds;
    return check_report(trap.view == view, file, line, "the memory's view", ": it is another") && holds;
}
#define CHECK_TRAP(trap, kind, memory, address) check_trap(trap, kind, memory, address, __FILE__, __LINE__)
#define CHECK_NO_TRAP(trap) check_trap(trap, WASM_MEMORY_FAULT_FOREIGN, NULL, NULL, __FILE__, __LINE__)

/* A touch of the guard is caught, as always. */
static bool check_catches(const char *file, int line) {
    wasm_memory_trap_t trap = fresh_trap();
    const wasm_memory_status_t status = wasm_memory_catch_trap(write_to, pointer(guard() + 5), &trap);
    return check_status(status, WASM_MEMORY_OUT_OF_BOUNDS, file, line, "a touch of the guard") &&
           check_trap(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, guard() + 5, file, line);
}
#define CHECK_CATCHES() check_catches(__FILE__, __LINE__)

static void install(void) { CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK); }
static void uninstall(void) { CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK); }

/* ---- processes ---- */

/* What children count, for this process to see. */
static volatile int *told;

static void hung(int signal) {
    (void)signal;
    _exit(97);
}

typedef struct {
    void (*body)(void);
} plain_t;

static void run_plain(void *plain) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = hung;
    sigaction(SIGALRM, &action, NULL);
    alarm(is_watched() ? 120 : 30);
    ((plain_t *)plain)->body();
}

/* The exit status of a child that runs it, or minus the signal that ended it; 97: it hung. */
static int status_of(void (*body)(void)) {
    plain_t plain;
    plain.body = body;
    memset((void *)(uintptr_t)told, 0, 64 * sizeof *told);
    return in_child(run_plain, &plain);
}

/* A test whose body runs in a child that ends well. */
#define CHILD_TEST(name)                                       \
    static void name##_in_child(void);                         \
    TEST(name) { CHECK_EQ(status_of(name##_in_child), 0); }    \
    static void name##_in_child(void)

/* A core file of an address space of gigabytes would be no help. */
static void no_core(void) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

/* ---- what sigaction says ---- */

typedef struct {
    struct sigaction of[65];
} actions_t;

static actions_t actions_now(void) {
    actions_t actions;
    int signal;
    memset(&actions, 0, sizeof actions);
    for (signal = 1; signal < 65; signal++) sigaction(signal, NULL, &actions.of[signal]);
    return actions;
}

static bool same_action(const struct sigaction *left, const struct sigaction *right) {
    int signal;
    /* The C library adds that flag to what it sets, and does not hide it. */
    if (((unsigned)(left->sa_flags ^ right->sa_flags) & ~SA_RESTORER) != 0) return false;
    if (left->sa_flags & SA_SIGINFO ? left->sa_sigaction != right->sa_sigaction : left->sa_handler != right->sa_handler)
        return false;
    for (signal = 1; signal < 65; signal++)
        if (sigismember(&left->sa_mask, signal) != sigismember(&right->sa_mask, signal)) return false;
    return true;
}

static bool check_actions(const actions_t *before, const char *file, int line) {
    const actions_t after = actions_now();
    bool holds = true;
    int signal;
    for (signal = 1; signal < 65; signal++)
        if (!check_report(same_action(&before->of[signal], &after.of[signal]), file, line, "the handlers as before",
                          ": they are others")) {
            printf("  of signal %d\n", signal);
            holds = false;
        }
    return holds;
}
#define CHECK_ACTIONS(before) check_actions(before, __FILE__, __LINE__)

static void set_action(int signal, void (*handler)(int), void (*with_info)(int, siginfo_t *, void *), int flags,
                       int blocked) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    if (blocked != 0) sigaddset(&action.sa_mask, blocked);
    action.sa_flags = flags;
    if (with_info != NULL)
        action.sa_sigaction = with_info;
    else
        action.sa_handler = handler;
    CHECK_EQ(sigaction(signal, &action, NULL), 0);
}

static bool same_mask(const sigset_t *left, const sigset_t *right) {
    int signal;
    for (signal = 1; signal < 65; signal++)
        if (sigismember(left, signal) != sigismember(right, signal)) return false;
    return true;
}

static sigset_t mask_now(void) {
    sigset_t mask;
    sigemptyset(&mask);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return mask;
}

static bool is_blocked(int signal) {
    const sigset_t mask = mask_now();
    return sigismember(&mask, signal) == 1;
}

/* ---- only on request ---- */

CHILD_TEST(nothing_is_installed_unless_asked_for) {
    const actions_t before = actions_now();
    wasm_memory_trap_t trap = fresh_trap();
    stack_t stack_before, stack_after;
    int runs = 0;
    sigaltstack(NULL, &stack_before);
    scene = scene_made(1, 2);
    CHECK_ACTIONS(&before);
    CHECK_STATUS(wasm_memory_catch_trap(count_up, &runs, &trap), WASM_MEMORY_UNSUPPORTED);
    CHECK_EQ(runs, 0);
    CHECK_NO_TRAP(trap);
    CHECK_STATUS(wasm_memory_catch_trap(count_up, &runs, NULL), WASM_MEMORY_UNSUPPORTED);
    CHECK_EQ(runs, 0);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_ACTIONS(&before);
    sigaltstack(NULL, &stack_after);
    CHECK(stack_after.ss_flags == stack_before.ss_flags && stack_after.ss_sp == stack_before.ss_sp);
    scene_delete(scene);
    CHECK_ACTIONS(&before);
}

CHILD_TEST(two_signals_are_taken_and_given_back) {
    const actions_t before = actions_now();
    actions_t within;
    int signal;
    install();
    within = actions_now();
    for (signal = 1; signal < 65; signal++)
        CHECK(same_action(&before.of[signal], &within.of[signal]) == (signal != SIGSEGV && signal != SIGBUS));
    for (signal = SIGBUS; signal <= SIGSEGV; signal += SIGSEGV - SIGBUS) {
        const unsigned flags = (unsigned)within.of[signal].sa_flags, wanted = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        CHECK_EQ(flags & (wanted | SA_RESETHAND), wanted);
    }
    uninstall();
    CHECK_ACTIONS(&before);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_ACTIONS(&before);
}

static void never_called(int signal) { _exit(90 + (signal == 0)); }

CHILD_TEST(any_handler_that_was_there_is_given_back_as_it_was) {
    static const int flags[] = {0,
                                SA_RESTART,
                                SA_NODEFER,
                                (int)SA_RESETHAND,
                                SA_ONSTACK,
                                SA_NODEFER | (int)SA_RESETHAND | SA_ONSTACK | SA_RESTART};
    size_t i;
    scene = scene_made(1, 2);
    for (i = 0; i < 3 * sizeof flags / sizeof *flags; i++) {
        actions_t before;
        set_action(SIGSEGV, i % 3 == 0 ? never_called : i % 3 == 1 ? SIG_IGN : SIG_DFL, NULL, flags[i / 3], SIGUSR1);
        set_action(SIGBUS, never_called, NULL, flags[i / 3], SIGUSR2);
        before = actions_now();
        install();
        CHECK_CATCHES();
        install();
        uninstall();
        CHECK_CATCHES();
        uninstall();
        CHECK_ACTIONS(&before);
    }
    scene_delete(scene);
}

CHILD_TEST(installs_are_counted) {
    const actions_t before = actions_now();
    int i;
    scene = scene_made(1, 2);
    for (i = 0; i < 100; i++) install();
    for (i = 0; i < 99; i++) {
        uninstall();
        CHECK_CATCHES();
    }
    uninstall();
    CHECK_ACTIONS(&before);
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_UNSUPPORTED);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    for (i = 0; i < 100; i++) {
        install();
        CHECK_CATCHES();
        uninstall();
        CHECK_ACTIONS(&before);
    }
    scene_delete(scene);
}

/* ---- what is caught ---- */

CHILD_TEST(a_body_that_returns_is_ok) {
    wasm_memory_trap_t trap = fresh_trap();
    int runs = 0;
    install();
    CHECK_STATUS(wasm_memory_catch_trap(count_up, &runs, &trap), WASM_MEMORY_OK);
    CHECK_EQ(runs, 1);
    CHECK_NO_TRAP(trap);
    CHECK_STATUS(wasm_memory_catch_trap(count_up, &runs, NULL), WASM_MEMORY_OK);
    CHECK_EQ(runs, 2);
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_OK);
}

CHILD_TEST(a_touch_of_a_guard_is_out_of_bounds) {
    const uint64_t offsets[] = {0, 1, 4095, 4096, PAGE, PAGE + 1, GIB, 4 * GIB - PAGE - 1};
    wasm_memory_trap_t trap;
    char words[32];
    size_t i;
    scene = scene_made(1, 4);
    install();
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        volatile uint8_t *const address = guard() + offsets[i];
        trap = fresh_trap();
        CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(address), &trap), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, address);
        snprintf(words, sizeof words, "%" PRIu64, PAGE + offsets[i]);
        CHECK_LAST_ERROR(words);
        CHECK_LAST_ERROR("65536");
        trap = fresh_trap();
        CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(address), &trap), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, address);
        CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(address), NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    }
    /* Before the base the offset wraps. */
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base - 1), &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, scene.base - 1);
    CHECK_EQ(trap.offset, UINT64_MAX);
    /* After growth the same touch is none. */
    CHECK_STATUS(wasm_memory_try_grow(scene.memory, 1, NULL), WASM_MEMORY_OK);
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + PAGE), &trap), WASM_MEMORY_OK);
    CHECK_NO_TRAP(trap);
    CHECK_CATCHES();
    scene_delete(scene);
}

/* Not looked up by sanitizers, which would read what lies before its address. */
#if defined(__clang__)
__attribute__((no_sanitize("undefined")))
#endif
static void jump_to(void *address) {
    union {
        void *address;
        void (*code)(void);
    } to;
    to.address = address;
    to.code();
}

CHILD_TEST(code_that_jumps_into_a_guard_is_caught) {
    wasm_memory_trap_t trap = fresh_trap();
    scene = scene_made(1, 4);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(jump_to, pointer(guard() + 64), &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, guard() + 64);
    scene_delete(scene);
}

static void copy_across(void *unused) {
    uint8_t bytes[64] = {0};
    (void)unused;
    memcpy(pointer(guard() - 32), bytes, sizeof bytes);
}

static void number_across(void *unused) {
    (void)unused;
    *(volatile uint64_t *)(void *)pointer(guard() - 3) = 1;
}

/* The first byte of a guard that an access over the end touches is what the system says. */
CHILD_TEST(an_access_across_the_end_is_caught) {
    wasm_memory_trap_t trap = fresh_trap();
    scene = scene_made(1, 4);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(copy_across, NULL, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(trap.kind, WASM_MEMORY_FAULT_GUARD);
    CHECK(trap.offset >= PAGE && trap.offset < PAGE + 64);
    CHECK_STATUS(wasm_memory_catch_trap(number_across, NULL, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(trap.offset >= PAGE && trap.offset < PAGE + 8);
    scene_delete(scene);
}

static int file_of(uint64_t length) {
    const int file = memfd_create("trap", MFD_CLOEXEC);
    CHECK(file >= 0);
    CHECK_EQ(ftruncate(file, (off_t)length), 0);
    return file;
}

CHILD_TEST(a_protected_range_is_protected) {
    wasm_memory_trap_t trap = fresh_trap();
    const int file = file_of(host_page);
    scene = scene_made(1, 4);
    install();
    CHECK_STATUS(wasm_memory_protect(scene.memory, 0, host_page, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_protect(scene.memory, host_page, host_page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 2 * host_page, file, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
                 WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(scene.base + 8), &trap), WASM_MEMORY_PROTECTED);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_PROTECTED, scene.memory, scene.base + 8);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + host_page + 7), &trap), WASM_MEMORY_PROTECTED);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_PROTECTED, scene.memory, scene.base + host_page + 7);
    CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(scene.base + host_page + 7), &trap), WASM_MEMORY_OK);
    CHECK_NO_TRAP(trap);
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + 2 * host_page), &trap), WASM_MEMORY_PROTECTED);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_PROTECTED, scene.memory, scene.base + 2 * host_page);
    CHECK_STATUS(wasm_memory_protect(scene.memory, 0, 2 * host_page, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + 8), NULL), WASM_MEMORY_OK);
    close(file);
    scene_delete(scene);
}

CHILD_TEST(a_file_that_was_cut_short_is_io) {
    wasm_memory_trap_t trap = fresh_trap();
    const int file = file_of(2 * host_page);
    scene = scene_made(1, 4);
    install();
    CHECK_STATUS(wasm_memory_map_file(scene.memory, host_page, file, 0, 2 * host_page, WASM_MEMORY_MAP_SHARED),
                 WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + 2 * host_page + 9), NULL), WASM_MEMORY_OK);
    CHECK_EQ(ftruncate(file, (off_t)host_page), 0);
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + host_page), NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + 2 * host_page + 9), &trap), WASM_MEMORY_IO);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_ACCESSIBLE, scene.memory, scene.base + 2 * host_page + 9);
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(scene.base + 2 * host_page + 9), &trap), WASM_MEMORY_IO);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_ACCESSIBLE, scene.memory, scene.base + 2 * host_page + 9);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    close(file);
    scene_delete(scene);
}

CHILD_TEST(a_file_for_reading_that_was_cut_short_is_io) {
    wasm_memory_trap_t trap = fresh_trap();
    const int file = file_of(2 * host_page);
    scene = scene_made(1, 4);
    install();
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 0, file, 0, 2 * host_page, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
    CHECK_EQ(ftruncate(file, (off_t)host_page), 0);
    CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(scene.base), NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(read_from, pointer(scene.base + host_page + 9), &trap), WASM_MEMORY_IO);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_ACCESSIBLE, scene.memory, scene.base + host_page + 9);
    trap = fresh_trap();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(scene.base + host_page + 9), &trap), WASM_MEMORY_PROTECTED);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_PROTECTED, scene.memory, scene.base + host_page + 9);
    close(file);
    scene_delete(scene);
}

/* ---- arguments ---- */

CHILD_TEST(null_and_small_structs_are_answered) {
    size_t size;
    scene = scene_made(1, 2);
    install();
    {
        wasm_memory_trap_t trap = fresh_trap();
        CHECK_STATUS(wasm_memory_catch_trap(NULL, NULL, &trap), WASM_MEMORY_NULL_ARGUMENT);
        CHECK_NO_TRAP(trap);
        CHECK_STATUS(wasm_memory_catch_trap(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    }
    for (size = 0; size <= sizeof(wasm_memory_trap_t) + 32; size++) {
        union {
            wasm_memory_trap_t trap;
            uint8_t bytes[sizeof(wasm_memory_trap_t) + 64];
        } room;
        const wasm_memory_trap_t *const trap = &room.trap;
        int runs = 0;
        size_t i;
        memset(room.bytes, 0x5a, sizeof room.bytes);
        room.trap.struct_size = size;
        if (size < sizeof(size_t)) {
            CHECK_STATUS(wasm_memory_catch_trap(count_up, &runs, &room.trap), WASM_MEMORY_INVALID_ARGUMENT);
            CHECK_EQ(runs, 0);
        } else {
            CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(guard() + 3), &room.trap), WASM_MEMORY_OUT_OF_BOUNDS);
#define FITS(field) (size >= offsetof(wasm_memory_trap_t, field) + sizeof trap->field)
            if (FITS(kind)) CHECK_EQ(trap->kind, WASM_MEMORY_FAULT_GUARD);
            if (FITS(offset)) CHECK_EQ(trap->offset, PAGE + 3);
            if (FITS(byte_length)) CHECK_EQ(trap->byte_length, PAGE);
            if (FITS(address)) CHECK_EQ(trap->address, (uintptr_t)(guard() + 3));
            if (FITS(view)) CHECK(trap->view == wasm_memory_view(scene.memory));
#undef FITS
        }
        CHECK_EQ(trap->struct_size, size);
        for (i = most(size, sizeof(size_t)); i < sizeof room.bytes; i++)
            if (room.bytes[i] != 0x5a) break;
        CHECK_EQ(i, sizeof room.bytes);
    }
    scene_delete(scene);
}

/* ---- what is not ours: the default action ---- */

enum { NULL_POINTER = 0, GUARD_OUTSIDE, OWN_PAGE, NON_CANONICAL, FOREIGN_FILE, FOREIGN_KINDS };

static void touch_foreign(void *kind) {
    volatile uint8_t *address = NULL;
    switch (*(int *)kind) {
        case NULL_POINTER: address = (volatile uint8_t *)(uintptr_t)*(volatile int *)kind; break;
        case GUARD_OUTSIDE: address = guard(); break;
        case OWN_PAGE:
            address = (volatile uint8_t *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            break;
        case NON_CANONICAL: address = (volatile uint8_t *)((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 2)); break;
        default: {
            const int file = file_of(host_page);
            address = (volatile uint8_t *)mmap(NULL, (size_t)host_page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            if (ftruncate(file, 0) != 0) _exit(91);
            break;
        }
    }
    *address = 1;
}

static int foreign_kind;

static void die_by_default(void) {
    no_core();
    scene = scene_made(1, 2);
    install();
    if (foreign_kind == GUARD_OUTSIDE)
        touch_foreign(&foreign_kind); /* no catch_trap runs */
    else
        wasm_memory_catch_trap(touch_foreign, &foreign_kind, NULL);
    _exit(92);
}

TEST(a_fault_that_is_not_ours_ends_the_process_as_ever) {
    for (foreign_kind = 0; foreign_kind < FOREIGN_KINDS; foreign_kind++)
        CHECK_EQ(status_of(die_by_default), foreign_kind == FOREIGN_FILE ? -SIGBUS : -SIGSEGV);
}

/* What is ignored and yet happens: Linux ends the process rather than have it fault for ever. */
static void die_though_ignored(void) {
    no_core();
    scene = scene_made(1, 2);
    set_action(SIGSEGV, SIG_IGN, NULL, 0, 0);
    set_action(SIGBUS, SIG_IGN, NULL, 0, 0);
    install();
    CHECK_CATCHES();
    kill(getpid(), SIGSEGV);
    raise(SIGBUS);
    told[0] = 1;
    wasm_memory_catch_trap(touch_foreign, &foreign_kind, NULL);
    _exit(92);
}

TEST(signals_that_are_ignored_stay_so_and_faults_cannot_be) {
    foreign_kind = NULL_POINTER;
    CHECK_EQ(status_of(die_though_ignored), -SIGSEGV);
    CHECK_EQ(told[0], 1);
    foreign_kind = FOREIGN_FILE;
    CHECK_EQ(status_of(die_though_ignored), -SIGBUS);
    CHECK_EQ(told[0], 1);
}

static bool in_a_body;
static int sent_signal;

static void send_it(void *unused) {
    (void)unused;
    if (kill(getpid(), sent_signal) != 0) _exit(93);
    _exit(94);
}

static void die_of_what_was_sent(void) {
    no_core();
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    if (in_a_body)
        wasm_memory_catch_trap(send_it, NULL, NULL);
    else
        send_it(NULL);
}

TEST(a_signal_that_was_sent_ends_the_process_as_ever) {
    for (sent_signal = SIGBUS; sent_signal <= SIGSEGV; sent_signal += SIGSEGV - SIGBUS) {
        in_a_body = false;
        CHECK_EQ(status_of(die_of_what_was_sent), -sent_signal);
        in_a_body = true;
        CHECK_EQ(status_of(die_of_what_was_sent), -sent_signal);
    }
}

static uint64_t recurse(volatile uint8_t *before) {
    volatile uint8_t frame[4096];
    frame[0] = before == NULL ? 1 : before[0];
    return frame[0] == 0 ? 0 : recurse(frame) + frame[0];
}
static void overflow_the_stack(void *unused) {
    (void)unused;
    told[1] = (int)recurse(NULL);
}

static void die_of_the_stack(void) {
    const struct rlimit small = {1 << 20, 1 << 20};
    no_core();
    setrlimit(RLIMIT_STACK, &small);
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    wasm_memory_catch_trap(overflow_the_stack, NULL, NULL);
    _exit(92);
}

TEST(a_stack_that_overflows_ends_the_process_as_ever) { CHECK_EQ(status_of(die_of_the_stack), -SIGSEGV); }

/* ---- what is not ours: the host's handler ---- */

static volatile int host_calls;
static volatile int host_signal;
static siginfo_t host_info;
static sigset_t host_mask;
static volatile bool host_on_stack;
static sigjmp_buf host_return;
static uint8_t host_stack[65536];

static void look_around(int signal) {
    stack_t stack;
    host_calls++;
    host_signal = signal;
    host_mask = mask_now();
    sigaltstack(NULL, &stack);
    host_on_stack = (stack.ss_flags & SS_ONSTACK) != 0;
}

static void host_plain(int signal) {
    look_around(signal);
    siglongjmp(host_return, 1);
}

static void host_with_info(int signal, siginfo_t *info, void *context) {
    if (context == NULL) _exit(95);
    host_info = *info;
    look_around(signal);
    siglongjmp(host_return, 1);
}

/* A fault of the host inside a body that is inside of what the host's handler leaves for: the host jumps within the
   body, over no frame of ours. */
static void fault_and_recover(void *kind) {
    if (sigsetjmp(host_return, 1) == 0) touch_foreign(kind);
}

static wasm_memory_status_t foreign_in_body(int kind) {
    wasm_memory_trap_t trap = fresh_trap();
    const wasm_memory_status_t status = wasm_memory_catch_trap(fault_and_recover, &kind, &trap);
    CHECK_NO_TRAP(trap);
    return status;
}

CHILD_TEST(a_handler_of_one_argument_gets_what_is_not_ours) {
    int kind;
    scene = scene_made(1, 2);
    set_action(SIGSEGV, host_plain, NULL, 0, 0);
    set_action(SIGBUS, host_plain, NULL, 0, 0);
    install();
    for (kind = 0; kind < FOREIGN_KINDS; kind++) {
        const sigset_t before = mask_now();
        sigset_t after;
        if (kind == GUARD_OUTSIDE) continue;
        host_calls = 0;
        CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK);
        CHECK_EQ(host_calls, 1);
        CHECK_EQ(host_signal, kind == FOREIGN_FILE ? SIGBUS : SIGSEGV);
        after = mask_now();
        CHECK(same_mask(&before, &after));
        CHECK_CATCHES();
        CHECK_EQ(host_calls, 1);
    }
    /* A guard that no body touches is the host's too. */
    kind = GUARD_OUTSIDE;
    fault_and_recover(&kind);
    CHECK_EQ(host_calls, 2);
    CHECK_CATCHES();
    CHECK_EQ(host_calls, 2);
    scene_delete(scene);
}

CHILD_TEST(a_handler_of_three_arguments_gets_all_of_them_with_its_mask) {
    static const int flags[] = {0, SA_NODEFER, SA_ONSTACK, SA_ONSTACK | SA_NODEFER};
    size_t i;
    int kind;
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = host_stack;
    stack.ss_size = sizeof host_stack;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    scene = scene_made(1, 2);
    for (i = 0; i < sizeof flags / sizeof *flags; i++) {
        set_action(SIGSEGV, NULL, host_with_info, SA_SIGINFO | flags[i], SIGUSR1);
        set_action(SIGBUS, NULL, host_with_info, SA_SIGINFO | flags[i], SIGUSR2);
        install();
        kind = NULL_POINTER;
        CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK);
        CHECK_EQ(host_signal, SIGSEGV);
        CHECK_EQ(host_info.si_signo, SIGSEGV);
        CHECK(host_info.si_addr == NULL);
        CHECK(host_info.si_code == SEGV_MAPERR);
        CHECK_EQ(sigismember(&host_mask, SIGUSR1), 1);
        CHECK_EQ(sigismember(&host_mask, SIGUSR2), 0);
        CHECK_EQ(sigismember(&host_mask, SIGSEGV), (flags[i] & SA_NODEFER) == 0);
        if (flags[i] & SA_ONSTACK) CHECK(host_on_stack);
        CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGSEGV));
        kind = FOREIGN_FILE;
        CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK);
        CHECK_EQ(host_info.si_signo, SIGBUS);
        CHECK(host_info.si_code == BUS_ADRERR);
        CHECK_EQ(sigismember(&host_mask, SIGUSR1), 0);
        CHECK_EQ(sigismember(&host_mask, SIGUSR2), 1);
        CHECK_EQ(sigismember(&host_mask, SIGBUS), (flags[i] & SA_NODEFER) == 0);
        CHECK_CATCHES();
        uninstall();
    }
    scene_delete(scene);
}

/* Hosts report where they crashed: unwinding from a handler below ours goes through our frames and the system's. */
#if defined(__GLIBC__)
static void *volatile faulting_caller;
static volatile bool has_found_caller;

static void look_for_the_caller(int signal) {
    void *frames[64];
    const int count = backtrace(frames, 64);
    int i;
    (void)signal;
    for (i = 0; i < count; i++)
        if (frames[i] == faulting_caller) has_found_caller = true;
    siglongjmp(host_return, 1);
}

__attribute__((noinline)) static int touch_null_for(int calls) {
    faulting_caller = __builtin_return_address(0);
    *(volatile int *)pointer(NULL) = calls;
    return calls + 1;
}
#endif

CHILD_TEST(a_handler_below_ours_can_unwind_to_the_fault) {
#if defined(__GLIBC__)
    volatile int calls = 0;
    set_action(SIGSEGV, look_for_the_caller, NULL, 0, 0);
    set_action(SIGBUS, look_for_the_caller, NULL, 0, 0);
    install();
    if (sigsetjmp(host_return, 1) == 0) calls = touch_null_for(calls);
    CHECK_EQ(calls, 0);
    CHECK(has_found_caller);
#endif
}

/* A handler that makes the page accessible and returns: the instruction goes on, with the mask that it had. */
static uint8_t *lazy_page;

static void make_accessible(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    host_calls++;
    host_mask = mask_now();
    if ((uint8_t *)info->si_addr < lazy_page || (uint8_t *)info->si_addr >= lazy_page + host_page) _exit(95);
    mprotect(lazy_page, (size_t)host_page, PROT_READ | PROT_WRITE);
}

CHILD_TEST(a_handler_that_mends_and_returns_does_so) {
    const sigset_t before = mask_now();
    sigset_t after;
    int i;
    scene = scene_made(1, 2);
    set_action(SIGSEGV, NULL, make_accessible, SA_SIGINFO, SIGUSR1);
    lazy_page = (uint8_t *)mmap(NULL, (size_t)host_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install();
    for (i = 0; i < 100; i++) {
        CHECK_STATUS(wasm_memory_catch_trap(write_to, lazy_page + i, NULL), WASM_MEMORY_OK);
        CHECK_EQ(host_calls, i + 1);
        CHECK_EQ(sigismember(&host_mask, SIGUSR1), 1);
        CHECK_EQ(lazy_page[i], 1);
        after = mask_now();
        CHECK(same_mask(&before, &after));
        mprotect(lazy_page, (size_t)host_page, PROT_NONE);
        CHECK_CATCHES();
    }
    scene_delete(scene);
}

/* SA_RESETHAND: called once, and the next fault has the default action. */
static void die_at_the_second(void) {
    int kind = NULL_POINTER;
    no_core();
    scene = scene_made(1, 2);
    set_action(SIGSEGV, host_plain, NULL, (int)SA_RESETHAND, 0);
    install();
    CHECK_CATCHES();
    CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK);
    CHECK_EQ(host_calls, 1);
    CHECK_CATCHES();
    told[0] = host_calls + 100 * (check_state.failures != 0);
    foreign_in_body(kind);
    told[0] = 50;
}

TEST(a_handler_for_one_signal_is_called_for_one) {
    CHECK_EQ(status_of(die_at_the_second), -SIGSEGV);
    CHECK_EQ(told[0], 1);
}

static void note_signal(int signal) { look_around(signal); }

static void send_many(void *unused) {
    union sigval value;
    (void)unused;
    kill(getpid(), SIGSEGV);
    raise(SIGSEGV);
    raise(SIGBUS);
    value.sival_ptr = pointer(guard()); /* looks like an address of ours */
    sigqueue(getpid(), SIGSEGV, value);
    {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        info.si_code = SI_QUEUE;
        info.si_addr = pointer(guard());
        syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV, &info);
        info.si_code = SI_TKILL;
        syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info);
    }
}

CHILD_TEST(signals_that_were_sent_are_not_traps) {
    wasm_memory_trap_t trap = fresh_trap();
    scene = scene_made(1, 2);
    set_action(SIGSEGV, note_signal, NULL, 0, 0);
    set_action(SIGBUS, note_signal, NULL, 0, 0);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(send_many, NULL, &trap), WASM_MEMORY_OK);
    CHECK_NO_TRAP(trap);
    CHECK_EQ(host_calls, 6);
    send_many(NULL);
    CHECK_EQ(host_calls, 12);
    CHECK_CATCHES();
    CHECK_EQ(host_calls, 12);
    scene_delete(scene);
}

/* ---- a handler that is set later ---- */

static struct sigaction below;

/* What it does not know it passes on to what was there before it, as handlers should. */
static void chaining_handler(int signal, siginfo_t *info, void *context) {
    told[2]++;
    host_calls++;
    if (told[2] > 1000) _exit(96); /* endless */
    if (below.sa_flags & SA_SIGINFO)
        below.sa_sigaction(signal, info, context);
    else if (below.sa_handler == SIG_DFL)
        set_action(signal, SIG_DFL, NULL, 0, 0);
    else
        below.sa_handler(signal);
}

static void set_chaining_handler(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = chaining_handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    CHECK_EQ(sigaction(SIGSEGV, &action, &below), 0);
}

CHILD_TEST(a_handler_set_later_that_chains_to_ours_leaves_us_our_traps) {
    const sigset_t before = mask_now();
    sigset_t after;
    int i;
    scene = scene_made(1, 2);
    set_action(SIGSEGV, host_plain, NULL, 0, 0);
    install();
    set_chaining_handler();
    for (i = 1; i <= 10; i++) {
        CHECK_CATCHES();
        CHECK_EQ(told[2], i);
        after = mask_now();
        /* The other handler blocks SIGSEGV while it runs; nobody returns from it to unblock it. */
        CHECK(same_mask(&before, &after));
    }
    host_calls = 0;
    CHECK_STATUS(foreign_in_body(NULL_POINTER), WASM_MEMORY_OK);
    CHECK_EQ(host_calls, 2);
    CHECK_CATCHES();
    scene_delete(scene);
}

/*
 * The same, by a handler of one instruction: it jumps to ours, with the stack and all registers as the system left them. How
 * ours is called does not tell the two apart. It was tried, and with such a handler the second trap ended the process: the
 * signal had stayed blocked.
 */
#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__)
#define HAS_JUMPING_HANDLER
extern void (*jumping_to)(int, siginfo_t *, void *);
void (*jumping_to)(int, siginfo_t *, void *);
extern void jumping_handler(int signal, siginfo_t *info, void *context);
__asm__(".pushsection .text\n\t"
        ".globl jumping_handler\n\t"
        ".type jumping_handler, @function\n"
        "jumping_handler:\n\t"
        "jmp *jumping_to(%rip)\n\t"
        ".size jumping_handler, . - jumping_handler\n\t"
        ".popsection");
#endif

CHILD_TEST(a_handler_set_later_that_jumps_to_ours_leaves_nothing_blocked) {
#if defined(HAS_JUMPING_HANDLER)
    const sigset_t before = mask_now();
    sigset_t after;
    struct sigaction ours;
    int i;
    scene = scene_made(1, 2);
    install();
    CHECK_EQ(sigaction(SIGSEGV, NULL, &ours), 0);
    jumping_to = ours.sa_sigaction;
    set_action(SIGSEGV, NULL, jumping_handler, SA_SIGINFO | SA_ONSTACK, SIGUSR1);
    for (i = 0; i < 3; i++) {
        CHECK_CATCHES();
        after = mask_now();
        CHECK(same_mask(&before, &after));
    }
    /* Ours, set again by somebody else as it was found, and with a mask that it did not have. */
    CHECK_EQ(sigaction(SIGSEGV, &ours, NULL), 0);
    CHECK_CATCHES();
    set_action(SIGSEGV, NULL, ours.sa_sigaction, SA_SIGINFO | SA_ONSTACK, SIGUSR1);
    for (i = 0; i < 3; i++) {
        CHECK_CATCHES();
        after = mask_now();
        CHECK(same_mask(&before, &after));
    }
    scene_delete(scene);
#endif
}

CHILD_TEST(a_handler_set_later_that_does_not_chain_has_everything) {
    struct sigaction ours;
    int kind = GUARD_OUTSIDE;
    scene = scene_made(1, 2);
    install();
    sigaction(SIGSEGV, NULL, &ours);
    set_action(SIGSEGV, host_plain, NULL, 0, 0);
    CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK); /* the guard, inside a body */
    CHECK_EQ(host_calls, 1);
    CHECK_EQ(sigaction(SIGSEGV, &ours, NULL), 0);
    CHECK_CATCHES();
    CHECK_EQ(host_calls, 1);
    uninstall();
    scene_delete(scene);
}

CHILD_TEST(the_last_uninstall_leaves_a_handler_above_in_place) {
    actions_t before, after;
    int kind = NULL_POINTER;
    scene = scene_made(1, 2);
    set_action(SIGSEGV, host_plain, NULL, 0, 0);
    install();
    set_chaining_handler();
    before = actions_now();
    uninstall();
    after = actions_now();
    CHECK(same_action(&before.of[SIGSEGV], &after.of[SIGSEGV]));
    CHECK(after.of[SIGBUS].sa_handler == SIG_DFL); /* nobody is above there */
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_UNSUPPORTED);
    /* Ours is called, and passes everything on. */
    host_calls = 0;
    fault_and_recover(&kind);
    CHECK_EQ(host_calls, 2);
    kind = GUARD_OUTSIDE;
    fault_and_recover(&kind);
    CHECK_EQ(host_calls, 4);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);

    /* Again: theirs chains to ours, which must not chain to theirs. */
    told[2] = 0;
    install();
    CHECK_CATCHES();
    CHECK(told[2] <= 1);
    host_calls = 0;
    told[2] = 0;
    kind = NULL_POINTER;
    CHECK_STATUS(foreign_in_body(kind), WASM_MEMORY_OK);
    CHECK(host_calls >= 1 && host_calls <= 3);
    CHECK(told[2] <= 2);
    CHECK_CATCHES();
    uninstall();
    host_calls = 0;
    fault_and_recover(&kind);
    CHECK(host_calls >= 1 && host_calls <= 3);
    install();
    CHECK_CATCHES();
    uninstall();
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    scene_delete(scene);
}

/* The same above the default action: it ends the process, and no recursion does. */
static void die_after_reinstalls(void) {
    int i;
    no_core();
    scene = scene_made(1, 2);
    install();
    set_chaining_handler();
    for (i = 0; i < 5; i++) {
        uninstall();
        install();
        CHECK_CATCHES();
    }
    told[0] = 1 + 100 * (check_state.failures != 0);
    told[2] = 0;
    foreign_kind = NULL_POINTER;
    wasm_memory_catch_trap(touch_foreign, &foreign_kind, NULL);
    _exit(92);
}

TEST(reinstalling_below_another_handler_makes_no_circle) {
    CHECK_EQ(status_of(die_after_reinstalls), -SIGSEGV);
    CHECK_EQ(told[0], 1);
    CHECK(told[2] <= 10);
}

/* A handler above that goes again, and puts back what it found. */
CHILD_TEST(a_handler_that_comes_and_goes_leaves_everything_as_it_was) {
    const actions_t before = actions_now();
    scene = scene_made(1, 2);
    install();
    set_chaining_handler();
    CHECK_CATCHES();
    CHECK_EQ(sigaction(SIGSEGV, &below, NULL), 0);
    CHECK_CATCHES();
    uninstall();
    CHECK_ACTIONS(&before);

    /* It goes after our last uninstall: what it puts back is ours, which passes everything on. */
    install();
    set_chaining_handler();
    uninstall();
    CHECK_EQ(sigaction(SIGSEGV, &below, NULL), 0);
    install();
    CHECK_CATCHES();
    uninstall();
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_UNSUPPORTED);
    scene_delete(scene);
}

static void die_of_ours_left_behind(void) {
    no_core();
    scene = scene_made(1, 2);
    install();
    set_chaining_handler();
    uninstall();
    sigaction(SIGSEGV, &below, NULL); /* ours, of which nobody is left */
    foreign_kind = NULL_POINTER;
    touch_foreign(&foreign_kind);
    _exit(92);
}

TEST(ours_put_back_after_the_last_uninstall_passes_everything_on) {
    CHECK_EQ(status_of(die_of_ours_left_behind), -SIGSEGV);
}

/* ---- nested, in turn, in handlers ---- */

typedef struct {
    int depth, reached, trapped;
    bool catches[8];
} nest_t;

static void nested(void *env) {
    nest_t *const nest = (nest_t *)env;
    const int depth = nest->depth;
    nest->reached++;
    if (depth < 7) {
        wasm_memory_trap_t trap = fresh_trap();
        nest->depth++;
        CHECK_STATUS(wasm_memory_catch_trap(nested, nest, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, guard() + depth + 1);
        nest->trapped++;
    }
    write_to(pointer(guard() + depth));
    _exit(92);
}

CHILD_TEST(the_innermost_catches_and_the_outer_ones_go_on) {
    nest_t nest;
    wasm_memory_trap_t trap = fresh_trap();
    scene = scene_made(1, 2);
    install();
    memset(&nest, 0, sizeof nest);
    CHECK_STATUS(wasm_memory_catch_trap(nested, &nest, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, guard());
    CHECK_EQ(nest.reached, 8);
    CHECK_EQ(nest.trapped, 7);
    CHECK_CATCHES();
    scene_delete(scene);
}

static void inner_returns(void *unused) {
    (void)unused;
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_OK);
    write_to(pointer(guard()));
    _exit(92);
}

CHILD_TEST(after_an_inner_one_has_returned_the_outer_one_catches) {
    scene = scene_made(1, 2);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(inner_returns, NULL, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_CATCHES();
    scene_delete(scene);
}

static void catch_in_handler(int signal) {
    (void)signal;
    if (CHECK_CATCHES()) host_calls++;
}

static void interrupted(void *unused) {
    (void)unused;
    raise(SIGUSR1);
    write_to(pointer(guard()));
    _exit(92);
}

CHILD_TEST(a_handler_may_catch_traps_of_its_own) {
    scene = scene_made(1, 2);
    set_action(SIGUSR1, catch_in_handler, NULL, 0, 0);
    install();
    raise(SIGUSR1);
    CHECK_EQ(host_calls, 1);
    CHECK_STATUS(wasm_memory_catch_trap(interrupted, NULL, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(host_calls, 2);
    set_action(SIGUSR1, catch_in_handler, NULL, SA_ONSTACK, 0);
    CHECK_STATUS(wasm_memory_catch_trap(interrupted, NULL, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(host_calls, 3);
    scene_delete(scene);
}

/* The host's own handler of SIGSEGV catches one too, and returns: the fault happens again and the host mends it. */
static void catch_in_fault_handler(int signal, siginfo_t *info, void *context) {
    catch_in_handler(signal);
    make_accessible(signal, info, context);
}

CHILD_TEST(a_handler_of_faults_may_catch_traps_of_its_own) {
    scene = scene_made(1, 2);
    set_action(SIGSEGV, NULL, catch_in_fault_handler, SA_SIGINFO | SA_NODEFER, 0);
    lazy_page = (uint8_t *)mmap(NULL, (size_t)host_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(write_to, lazy_page, NULL), WASM_MEMORY_OK);
    CHECK_EQ(host_calls, 2);
    CHECK_CATCHES();
    scene_delete(scene);
}

CHILD_TEST(a_hundred_thousand_in_a_row_leave_nothing) {
    const uint64_t times = steps_of(100000);
    const uint64_t mappings = process_mappings();
    uint64_t i, before;
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    before = process_mappings();
    for (i = 0; i < times; i++) {
        wasm_memory_trap_t trap = fresh_trap();
        volatile uint8_t *const address = guard() + i % (4 * GIB - PAGE);
        if (!CHECK_STATUS(wasm_memory_catch_trap(write_to, pointer(address), &trap), WASM_MEMORY_OUT_OF_BOUNDS)) break;
        if (!CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, address)) break;
    }
    if (!is_watched()) CHECK_EQ(process_mappings(), before); /* what watches may map memory of its own */
    CHECK(before >= mappings);
    scene_delete(scene);
}

/* ---- the state of the thread ---- */

CHILD_TEST(the_signal_mask_is_as_before) {
    sigset_t some, before, after;
    scene = scene_made(1, 2);
    install();
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &some, NULL);
    before = mask_now();
    CHECK_CATCHES();
    after = mask_now();
    CHECK(same_mask(&before, &after));
    sigemptyset(&some);
    pthread_sigmask(SIG_SETMASK, &some, NULL);
    before = mask_now();
    CHECK_CATCHES();
    after = mask_now();
    CHECK(same_mask(&before, &after));
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_OK);
    after = mask_now();
    CHECK(same_mask(&before, &after));
    scene_delete(scene);
}

static void set_errno_and_trap(void *unused) {
    (void)unused;
    errno = 1234;
    write_to(pointer(guard()));
}

CHILD_TEST(errno_is_what_the_body_left) {
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    errno = 77;
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_OK);
    CHECK_EQ(errno, 77);
    wasm_memory_catch_trap(write_to, pointer(guard()), NULL);
    CHECK_EQ(errno, 77);
    wasm_memory_catch_trap(set_errno_and_trap, NULL, NULL);
    CHECK_EQ(errno, 1234);
    scene_delete(scene);
}

/* The control words of the processor: how it rounds, which exceptions it masks. Not by fenv.h, which wants libm. */
typedef struct {
    uint64_t first, second;
} control_t;

#if defined(__x86_64__)
static control_t control_now(void) {
    uint32_t mxcsr = 0;
    uint16_t x87 = 0;
    control_t now;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    now.first = mxcsr & ~UINT32_C(0x3f); /* without the flags of what happened */
    now.second = x87;
    return now;
}
static void control_set(control_t to) {
    const uint32_t mxcsr = (uint32_t)to.first;
    const uint16_t x87 = (uint16_t)to.second;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
}
static control_t control_of(unsigned mode) {
    const control_t made = {0x1f80 | mode << 13, 0x37f | mode << 10};
    return made;
}
#elif defined(__aarch64__)
static control_t control_now(void) {
    control_t now = {0, 0};
    __asm__ volatile("mrs %0, fpcr" : "=r"(now.first));
    return now;
}
static void control_set(control_t to) { __asm__ volatile("msr fpcr, %0" : : "r"(to.first)); }
static control_t control_of(unsigned mode) {
    const control_t made = {(uint64_t)mode << 22, 0};
    return made;
}
#else
static control_t control_now(void) {
    const control_t none = {0, 0};
    return none;
}
static void control_set(control_t to) { (void)to; }
static control_t control_of(unsigned mode) {
    (void)mode;
    return control_now();
}
#endif

static void round_otherwise_and_trap(void *unused) {
    (void)unused;
    control_set(control_of(1));
    write_to(pointer(guard()));
}

/* How numbers are rounded is the caller's: a call that returns has kept it, as the ABI has it. */
CHILD_TEST(the_rounding_mode_is_the_callers) {
    unsigned mode;
    scene = scene_made(1, 2);
    install();
    for (mode = 0; mode < 4; mode++) {
        const control_t wanted = control_of(mode);
        control_t found;
        control_set(wanted);
        wasm_memory_catch_trap(write_to, pointer(guard()), NULL);
        found = control_now();
        CHECK(found.first == wanted.first && found.second == wanted.second);
        control_set(wanted);
        wasm_memory_catch_trap(round_otherwise_and_trap, NULL, NULL);
        found = control_now();
        control_set(control_of(0));
        CHECK(found.first == wanted.first && found.second == wanted.second);
    }
    scene_delete(scene);
}

/* Many values live over the call, in whatever registers there are. */
CHILD_TEST(what_the_caller_has_in_registers_is_there_afterwards) {
    volatile uint64_t source = 3;
    uint64_t a = source, b = a * 3, c = b * 5, d = c * 7, e = d * 11, f = e * 13, g = f * 17, h = g * 19;
    double p = (double)source, q = p * 1.5, r = q * 2.5, s = r * 3.5;
    int i;
    scene = scene_made(1, 2);
    install();
    for (i = 0; i < 100; i++) {
        wasm_memory_catch_trap(write_to, pointer(guard()), NULL);
        a += b, b ^= c, c += d, d ^= e, e += f, f ^= g, g += h, h ^= a;
        p = p / 2 + q, q = q / 3 + r, r = r / 4 + s, s = s / 5 + 1;
    }
    {
        uint64_t a2 = source, b2 = a2 * 3, c2 = b2 * 5, d2 = c2 * 7, e2 = d2 * 11, f2 = e2 * 13, g2 = f2 * 17,
                 h2 = g2 * 19;
        double p2 = (double)source, q2 = p2 * 1.5, r2 = q2 * 2.5, s2 = r2 * 3.5;
        for (i = 0; i < 100; i++) {
            wasm_memory_catch_trap(do_nothing, NULL, NULL);
            a2 += b2, b2 ^= c2, c2 += d2, d2 ^= e2, e2 += f2, f2 ^= g2, g2 += h2, h2 ^= a2;
            p2 = p2 / 2 + q2, q2 = q2 / 3 + r2, r2 = r2 / 4 + s2, s2 = s2 / 5 + 1;
        }
        CHECK(a == a2 && b == b2 && c == c2 && d == d2 && e == e2 && f == f2 && g == g2 && h == h2);
        CHECK(p <= p2 && p >= p2 && q <= q2 && q >= q2 && r <= r2 && r >= r2 && s <= s2 && s >= s2);
    }
    scene_delete(scene);
}

/* ---- alternate stacks ---- */

static stack_t stack_now(void) {
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    CHECK_EQ(sigaltstack(NULL, &stack), 0);
    return stack;
}

static void check_own_stack(unsigned flags) {
    stack_t mine, after;
    int i;
    memset(&mine, 0, sizeof mine);
    mine.ss_sp = host_stack;
    mine.ss_size = sizeof host_stack;
    mine.ss_flags = (int)flags;
    if (sigaltstack(&mine, NULL) != 0) return; /* an old kernel */
    for (i = 0; i < 3; i++) {
        CHECK_CATCHES();
        after = stack_now();
        CHECK(after.ss_sp == (void *)host_stack);
        CHECK_EQ(after.ss_size, sizeof host_stack);
        CHECK_EQ((unsigned)after.ss_flags, flags);
    }
}

CHILD_TEST(the_hosts_alternate_stack_is_not_replaced) {
    scene = scene_made(1, 2);
    install();
    check_own_stack(0);
    scene_delete(scene);
}

/* The kernel disarms such a stack while a handler is on it, and arms it again when the handler returns. */
CHILD_TEST(an_alternate_stack_that_disarms_itself_is_armed_again) {
    scene = scene_made(1, 2);
    install();
    check_own_stack(SS_AUTODISARM);
    scene_delete(scene);
}

CHILD_TEST(a_thread_that_turns_its_alternate_stack_off_traps_all_the_same) {
    stack_t off;
    memset(&off, 0, sizeof off);
    off.ss_flags = SS_DISABLE;
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    CHECK_EQ(sigaltstack(&off, NULL), 0);
    CHECK_CATCHES();
    CHECK_CATCHES();
    scene_delete(scene);
}

static void *trap_on_a_thread(void *times) {
    uintptr_t i;
    for (i = 0; i < (uintptr_t)times; i++)
        if (!CHECK_CATCHES()) break;
    return NULL;
}

static void *trap_with_a_stack_set_later(void *room) {
    stack_t mine;
    trap_on_a_thread((void *)(uintptr_t)3);
    memset(&mine, 0, sizeof mine);
    mine.ss_sp = room;
    mine.ss_size = 65536;
    CHECK_EQ(sigaltstack(&mine, NULL), 0);
    trap_on_a_thread((void *)(uintptr_t)3);
    CHECK(stack_now().ss_sp == room);
    return NULL;
}

static void *trap_and_turn_off(void *unused) {
    stack_t off;
    (void)unused;
    memset(&off, 0, sizeof off);
    off.ss_flags = SS_DISABLE;
    trap_on_a_thread((void *)(uintptr_t)2);
    CHECK_EQ(sigaltstack(&off, NULL), 0);
    trap_on_a_thread((void *)(uintptr_t)2);
    return NULL;
}

static void run_thread(void *(*code)(void *), void *env, size_t stack_size) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (stack_size != 0) CHECK_EQ(pthread_attr_setstacksize(&attributes, stack_size), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, code, env), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

CHILD_TEST(threads_that_have_ended_leave_nothing) {
    uint8_t *const room = (uint8_t *)malloc(65536);
    uint64_t before, size;
    int i;
    scene = scene_made(1, 2);
    install();
    for (i = 0; i < 3; i++) {
        run_thread(trap_on_a_thread, (void *)(uintptr_t)3, 0);
        run_thread(trap_with_a_stack_set_later, room, 0);
        run_thread(trap_and_turn_off, NULL, 0);
    }
    before = process_mappings();
    size = process_kib("VmSize:");
    for (i = 0; i < 200; i++) {
        run_thread(trap_on_a_thread, (void *)(uintptr_t)2, 0);
        run_thread(trap_with_a_stack_set_later, room, 0);
        run_thread(trap_and_turn_off, NULL, 0);
    }
    CHECK(is_watched() || process_mappings() <= before + 1);
    CHECK(process_kib("VmSize:") <= size + 1024);
    free(room);
    scene_delete(scene);
}

/* Whoever has a small stack cannot have the handler on it. */
CHILD_TEST(a_small_stack_is_enough) {
    scene = scene_made(1, 2);
    install();
    run_thread(trap_on_a_thread, (void *)(uintptr_t)10, (size_t)PTHREAD_STACK_MIN + 16384);
    scene_delete(scene);
}

static pthread_key_t last_key;

static void trap_at_the_end(void *unused) {
    (void)unused;
    CHECK_CATCHES();
    told[3]++;
}

static void *end_with_a_trap(void *env) {
    pthread_setspecific(last_key, env);
    trap_on_a_thread((void *)(uintptr_t)1);
    return NULL;
}

/* A destructor of another library may catch traps when the thread's own stack has gone already. */
CHILD_TEST(a_thread_that_ends_can_catch_still) {
    uint64_t before;
    int i;
    scene = scene_made(1, 2);
    install();
    CHECK_EQ(pthread_key_create(&last_key, trap_at_the_end), 0);
    for (i = 0; i < 3; i++) run_thread(end_with_a_trap, &scene, 0);
    before = process_mappings();
    for (i = 0; i < 100; i++) run_thread(end_with_a_trap, &scene, 0);
    CHECK_EQ(told[3], 103);
    CHECK(is_watched() || process_mappings() <= before + 1);
    scene_delete(scene);
}

/* ---- many threads ---- */

static void *trap_often(void *number) {
    scene_t own = scene_made(1 + (uint64_t)(uintptr_t)number % 3, 8);
    uint64_t state = random_of((uint64_t)(uintptr_t)number), i;
    const uint64_t times = steps_of(4000);
    for (i = 0; i < times; i++) {
        const scene_t *const which = random_below(&state, 2) ? &own : &scene;
        const uint64_t offset = random_below(&state, 2 * which->length);
        volatile uint8_t *const address = which->base + offset;
        wasm_memory_trap_t trap = fresh_trap();
        const wasm_memory_status_t status = wasm_memory_catch_trap(read_from, pointer(address), &trap);
        if (offset < which->length) {
            if (!CHECK_STATUS(status, WASM_MEMORY_OK) || !CHECK_NO_TRAP(trap)) break;
        } else if (!CHECK_STATUS(status, WASM_MEMORY_OUT_OF_BOUNDS) ||
                   !CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, which->memory, address)) {
            break;
        }
        if (i % 256 == 0) {
            scene_delete(own);
            own = scene_made(1 + random_below(&state, 3), 8);
        }
    }
    scene_delete(own);
    return NULL;
}

CHILD_TEST(sixteen_threads_trap_at_once) {
    pthread_t threads[16];
    uintptr_t i;
    scene = scene_made(1, 2);
    install();
    for (i = 0; i < 16; i++) CHECK_EQ(pthread_create(&threads[i], NULL, trap_often, (void *)(i + 1)), 0);
    for (i = 0; i < 16; i++) pthread_join(threads[i], NULL);
    scene_delete(scene);
}

static void *install_often(void *unused) {
    uint64_t i;
    (void)unused;
    for (i = 0; i < steps_of(3000); i++) {
        install();
        if (!CHECK_CATCHES()) break;
        uninstall();
    }
    return NULL;
}

CHILD_TEST(threads_install_and_uninstall_as_they_like) {
    const actions_t before = actions_now();
    pthread_t threads[8];
    int i;
    scene = scene_made(1, 2);
    for (i = 0; i < 8; i++) CHECK_EQ(pthread_create(&threads[i], NULL, install_often, NULL), 0);
    for (i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    CHECK_ACTIONS(&before);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    scene_delete(scene);
}

static wasm_memory_t *growing;
static volatile bool growth_ends;

static void *touch_the_end(void *unused) {
    const wasm_memory_view_t *const view = wasm_memory_view(growing);
    (void)unused;
    while (!__atomic_load_n(&growth_ends, __ATOMIC_RELAXED)) {
        const size_t length = __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
        wasm_memory_trap_t trap = fresh_trap();
        const wasm_memory_status_t status = wasm_memory_catch_trap(read_from, view->base + length, &trap);
        if (status == WASM_MEMORY_OK) {
            if (!CHECK_NO_TRAP(trap)) break;
        } else if (!CHECK_STATUS(status, WASM_MEMORY_OUT_OF_BOUNDS) || !CHECK_EQ(trap.kind, WASM_MEMORY_FAULT_GUARD) ||
                   !CHECK_EQ(trap.offset, length)) {
            break;
        }
    }
    return NULL;
}

/* A shared memory grows between the fault and the handler's question: then it was a trap still, or no fault at all, and
   nothing that ends the process. */
CHILD_TEST(a_guard_may_become_accessible_while_it_is_touched) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    const uint64_t pages = steps_of(40000);
    pthread_t threads[2];
    uint64_t i;
    growing = memory_of(host, shape(1, 65536, false, true, 16));
    if (growing == NULL) return;
    install();
    growth_ends = false;
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, touch_the_end, NULL), 0);
    for (i = 1; i < pages; i++)
        if (!CHECK_STATUS(wasm_memory_try_grow(growing, 1, NULL), WASM_MEMORY_OK)) break;
    __atomic_store_n(&growth_ends, true, __ATOMIC_RELAXED);
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    wasm_memory_delete(growing);
    host_delete(host);
}

/* ---- the library inside a body ---- */

static void use_the_library(void *unused) {
    wasm_memory_t *memory;
    uint8_t byte;
    (void)unused;
    CHECK_STATUS(wasm_memory_load_u8(scene.memory, 3 * PAGE, &byte), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5, 7), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(scene.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(scene.memory, PAGE, 9, PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_catch_trap(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    memory = memory_of(scene.host, pages_32(1, 2));
    wasm_memory_delete(memory);
    write_to(pointer(scene.base + 2 * PAGE + 11));
    _exit(92);
}

CHILD_TEST(a_body_may_use_the_library) {
    wasm_memory_trap_t trap = fresh_trap();
    scene = scene_made(1, 2);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(use_the_library, NULL, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, scene.base + 2 * PAGE + 11);
    CHECK_LAST_ERROR("131083");
    scene_delete(scene);
}

/* A file that is cut short, which the functions answer by themselves, also inside a body. */
static void read_what_is_gone(void *unused) {
    uint8_t bytes[64];
    (void)unused;
    CHECK_STATUS(wasm_memory_read(scene.memory, host_page, bytes, sizeof bytes), WASM_MEMORY_IO);
    CHECK_STATUS(wasm_memory_write(scene.memory, host_page, bytes, sizeof bytes), WASM_MEMORY_IO);
    CHECK_STATUS(wasm_memory_fill(scene.memory, host_page, 0, 64), WASM_MEMORY_IO);
    told[4]++;
}

CHILD_TEST(the_functions_answer_inside_a_body_what_they_answer_outside) {
    const int file = file_of(host_page);
    scene = scene_made(1, 2);
    install();
    CHECK_STATUS(wasm_memory_map_file(scene.memory, host_page, file, 0, host_page, WASM_MEMORY_MAP_SHARED),
                 WASM_MEMORY_OK);
    CHECK_EQ(ftruncate(file, 0), 0);
    read_what_is_gone(NULL);
    CHECK_STATUS(wasm_memory_catch_trap(read_what_is_gone, NULL, NULL), WASM_MEMORY_OK);
    CHECK_EQ(told[4], 2);
    close(file);
    scene_delete(scene);
}

/* ---- callbacks inside a body ---- */

enum {
    IN_WITH_DATA,
    IN_WITH_DATA_MUT,
    IN_LIMITER,
    IN_GROW_FAILED,
    IN_FINALIZER,
    IN_DIRTY,
    IN_CONFIG,
    IN_OLD_ALLOCATOR,
    IN_NEW_MEMORY,
    IN_GROW_TO,
    CALLBACKS
};

static int which_callback;
static bool callback_catches, callback_faults;

/* What each callback does. */
static void in_callback(void) {
    told[5]++;
    if (callback_catches) CHECK_CATCHES();
    if (callback_faults) write_to(pointer(guard()));
}

static void data_callback(void *env, uint8_t *data, size_t length) {
    (void)env, (void)data, (void)length;
    in_callback();
}
static void range_callback(void *env, uint64_t offset, uint64_t length) {
    (void)env, (void)offset, (void)length;
    in_callback();
}
static bool limiter_callback(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    (void)env, (void)current, (void)desired, (void)maximum;
    in_callback();
    return true;
}
static bool limiter_refuses(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    (void)env, (void)current, (void)desired, (void)maximum;
    return false;
}
static void failed_callback(void *env, wasm_memory_status_t status, const char *message) {
    (void)env, (void)status, (void)message;
    in_callback();
}
static void finalizer_callback(void *env) {
    (void)env;
    in_callback();
}
static wasm_memory_status_t new_memory_callback(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                                size_t reserved, size_t guard_bytes, wasm_linear_memory_t *out) {
    in_callback();
    return block_new(env, type, minimum, maximum, reserved, guard_bytes, out);
}
static wasm_memory_status_t grow_to_callback(void *env, size_t new_size) {
    in_callback();
    return block_grow_to(env, new_size);
}
static wasm_memory_status_t new_growing_memory(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                               size_t reserved, size_t guard_bytes, wasm_linear_memory_t *out) {
    const wasm_memory_status_t status = block_new(env, type, minimum, maximum, reserved, guard_bytes, out);
    out->grow_to = grow_to_callback;
    return status;
}

static void call_back(void *unused) {
    static int some;
    wasm_memory_limiter_t limiter;
    wasm_memory_allocator_t allocator;
    (void)unused;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    switch (which_callback) {
        case IN_WITH_DATA:
            CHECK_STATUS(wasm_memory_with_data(scene.memory, data_callback, NULL), WASM_MEMORY_OK);
            break;
        case IN_WITH_DATA_MUT:
            CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, data_callback, NULL), WASM_MEMORY_OK);
            break;
        case IN_LIMITER:
            limiter.memory_growing = limiter_callback;
            CHECK_STATUS(wasm_store_limiter_set(scene.host.store, &limiter), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(scene.memory, 1, NULL), WASM_MEMORY_OK);
            break;
        case IN_GROW_FAILED:
            limiter.memory_growing = limiter_refuses;
            limiter.memory_grow_failed = failed_callback;
            CHECK_STATUS(wasm_store_limiter_set(scene.host.store, &limiter), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(scene.memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
            break;
        case IN_FINALIZER:
            wasm_store_data_set(scene.host.store, &some, finalizer_callback);
            wasm_store_data_set(scene.host.store, NULL, NULL);
            break;
        case IN_DIRTY:
            CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5, 7), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, range_callback, NULL), WASM_MEMORY_OK);
            break;
        case IN_CONFIG:
        case IN_OLD_ALLOCATOR: {
            wasm_config_t *const config = wasm_config_new();
            allocator.new_memory = block_new;
            allocator.finalizer = finalizer_callback;
            wasm_config_memory_allocator_set(config, &allocator);
            if (which_callback == IN_OLD_ALLOCATOR) wasm_config_memory_allocator_set(config, NULL);
            wasm_config_delete(config);
            break;
        }
        default: {
            wasm_config_t *const config = wasm_config_new();
            wasm_memory_t *memory;
            host_t host;
            allocator.new_memory = which_callback == IN_NEW_MEMORY ? new_memory_callback : new_growing_memory;
            wasm_config_memory_allocator_set(config, &allocator);
            host = host_with(config);
            memory = memory_of(host, pages_32(1, 2));
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            wasm_memory_delete(memory);
            host_delete(host);
            break;
        }
    }
    told[6]++;
    write_to(pointer(scene.base + 2 * PAGE)); /* out of the callback again, this body is protected as before */
    _exit(92);
}

static void catch_in_a_callback(void) {
    scene = scene_made(1, 2);
    install();
    callback_catches = true;
    callback_faults = false;
    CHECK_STATUS(wasm_memory_catch_trap(call_back, NULL, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(told[5] >= 1);
    CHECK_EQ(told[6], 1);
    CHECK_CATCHES();
    scene_delete(scene);
}

TEST(a_callback_may_catch_traps_of_its_own) {
    for (which_callback = 0; which_callback < CALLBACKS; which_callback++)
        if (!CHECK_EQ(status_of(catch_in_a_callback), 0)) printf("  in callback %d\n", which_callback);
}

static void fault_in_a_callback(void) {
    no_core();
    scene = scene_made(1, 2);
    install();
    callback_catches = which_callback % 2 == 0; /* also after a trap of its own */
    callback_faults = true;
    wasm_memory_catch_trap(call_back, NULL, NULL);
    _exit(92);
}

/* The body is not left over our frames: the fault is the host's, here the default action. */
TEST(a_fault_in_a_callback_is_not_the_bodys) {
    for (which_callback = 0; which_callback < CALLBACKS; which_callback++) {
        if (!CHECK_EQ(status_of(fault_in_a_callback), -SIGSEGV)) printf("  in callback %d\n", which_callback);
        CHECK_EQ(told[5], 1);
    }
}

/* The host's handler mends it, and the callback goes on. */
static void mend_the_guard(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    host_calls++;
    if (mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(host_page - 1)), (size_t)host_page,
                 PROT_READ | PROT_WRITE) != 0)
        _exit(95);
}

static void mend_in_a_callback(void) {
    scene = scene_made(1, 1);
    set_action(SIGSEGV, NULL, mend_the_guard, SA_SIGINFO, 0);
    install();
    which_callback = IN_WITH_DATA;
    callback_catches = false;
    callback_faults = true;
    CHECK_STATUS(wasm_memory_catch_trap(call_back, NULL, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(host_calls, 1);
    CHECK_EQ(told[5], 1);
    CHECK_EQ(told[6], 1);
    scene_delete(scene);
}

TEST(a_fault_in_a_callback_goes_to_the_hosts_handler) { CHECK_EQ(status_of(mend_in_a_callback), 0); }

/* ---- fork ---- */

static void trap_in_the_child(void *unused) {
    (void)unused;
    CHECK_CATCHES();
    install();
    CHECK_CATCHES();
    uninstall();
    uninstall();
    CHECK_STATUS(wasm_memory_catch_trap(do_nothing, NULL, NULL), WASM_MEMORY_UNSUPPORTED);
}

CHILD_TEST(a_child_traps_and_so_does_its_parent) {
    int i;
    scene = scene_made(1, 2);
    install();
    CHECK_CATCHES();
    for (i = 0; i < 3; i++) CHECK_EQ(in_child(trap_in_the_child, NULL), 0);
    CHECK_CATCHES();
    scene_delete(scene);
}

static pid_t forked;

static void fork_and_trap(void *unused) {
    (void)unused;
    fflush(stdout);
    forked = fork();
    write_to(pointer(guard() + (forked == 0)));
    _exit(92);
}

CHILD_TEST(a_body_may_fork_and_both_trap) {
    wasm_memory_trap_t trap = fresh_trap();
    int status = 0;
    scene = scene_made(1, 2);
    install();
    CHECK_STATUS(wasm_memory_catch_trap(fork_and_trap, NULL, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, scene.memory, guard() + (forked == 0));
    if (forked == 0) {
        CHECK_CATCHES();
        return;
    }
    CHECK_EQ(waitpid(forked, &status, 0), forked);
    CHECK_EQ(status, 0);
    scene_delete(scene);
}

/* Of a process whose other threads trap, install and uninstall. */
CHILD_TEST(a_child_of_a_process_with_threads_traps) {
    pthread_t threads[4];
    int i;
    scene = scene_made(1, 2);
    install();
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, trap_often, (void *)(uintptr_t)(i + 1)), 0);
    for (i = 2; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, install_often, NULL), 0);
    for (i = 0; i < 20; i++) {
        int status = 0;
        pid_t child;
        fflush(stdout);
        child = fork();
        if (child == 0) {
            alarm(20);
            _exit(wasm_memory_catch_trap(write_to, pointer(guard()), NULL) != WASM_MEMORY_OUT_OF_BOUNDS);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
    for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    scene_delete(scene);
}

static volatile bool installing_ends;

static void *install_until_the_end(void *unused) {
    (void)unused;
    while (!installing_ends) {
        install();
        uninstall();
    }
    return NULL;
}

/* A thread that was installing is gone in the child, with the lock that it had: the child waited for that for ever. And the
   system copies handlers before memory: children of a fork in between counted handlers that were not there. */
CHILD_TEST(a_child_installs_whatever_other_threads_were_about) {
    pthread_t threads[2];
    int i;
    scene = scene_made(1, 2);
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, install_until_the_end, NULL), 0);
    for (i = 0; i < (is_watched() ? 20 : 300); i++) {
        int status = 0;
        pid_t child;
        fflush(stdout);
        child = fork();
        if (child == 0) {
            alarm(5);
            _exit(wasm_memory_trap_handlers_install() != WASM_MEMORY_OK ||
                  wasm_memory_catch_trap(write_to, pointer(guard()), NULL) != WASM_MEMORY_OUT_OF_BOUNDS);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        if (!CHECK_EQ(status, 0)) break;
    }
    installing_ends = true;
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    scene_delete(scene);
}

static int around_forks;

static void install_around_a_fork(void) {
    around_forks++;
    install();
    uninstall();
}

/* The host's own functions around a fork, be they called before ours or after: the library's are about to keep others from
   installing. */
CHILD_TEST(functions_around_a_fork_may_install) {
    int status = 0;
    pid_t child;
    scene = scene_made(1, 2);
    CHECK_EQ(pthread_atfork(install_around_a_fork, install_around_a_fork, install_around_a_fork), 0);
    install();
    CHECK_EQ(pthread_atfork(install_around_a_fork, install_around_a_fork, install_around_a_fork), 0);
    fflush(stdout);
    child = fork();
    CHECK_EQ(around_forks, 4);
    CHECK_CATCHES();
    if (child == 0) return;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    scene_delete(scene);
}

/* ---- every kind of memory ---- */

CHILD_TEST(the_guards_of_every_kind_are_caught) {
    size_t i;
    scene = scene_made(1, 2);
    install();
    for (i = 0; i < KINDS; i++) {
        const host_t host = host_of(&kinds[i]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 4));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        wasm_memory_trap_t trap = fresh_trap();
        if (stats_of(memory).bounds == WASM_MEMORY_BOUNDS_GUARDED) {
            CHECK_STATUS(wasm_memory_catch_trap(read_from, view->base + PAGE, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_TRAP(trap, WASM_MEMORY_FAULT_GUARD, memory, view->base + PAGE);
        }
        CHECK_STATUS(wasm_memory_catch_trap(read_from, view->base, &trap), WASM_MEMORY_OK);
        CHECK_NO_TRAP(trap);
        wasm_memory_delete(memory);
        host_delete(host);
    }
    scene_delete(scene);
}

static wasm_memory_t *doomed;

static void delete_and_trap(void *unused) {
    volatile uint8_t *const base = wasm_memory_view(doomed)->base;
    (void)unused;
    wasm_memory_delete(doomed);
    base[PAGE] = 1; /* whose guard this was is gone: a fault of the host, or of whoever has the place now */
    _exit(92);
}

static void die_of_a_deleted_guard(void) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    no_core();
    scene = scene_made(1, 2);
    install();
    doomed = memory_of(host, pages_32(1, 2));
    wasm_memory_catch_trap(delete_and_trap, NULL, NULL);
    _exit(93);
}

TEST(the_guard_of_a_deleted_memory_is_foreign) { CHECK_EQ(status_of(die_of_a_deleted_guard), -SIGSEGV); }

int main(int argc, char **argv) {
    host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    told = (volatile int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    seed_set(argc, argv);
    RUN(nothing_is_installed_unless_asked_for);
    RUN(two_signals_are_taken_and_given_back);
    RUN(any_handler_that_was_there_is_given_back_as_it_was);
    RUN(installs_are_counted);
    RUN(a_body_that_returns_is_ok);
    RUN(a_touch_of_a_guard_is_out_of_bounds);
    RUN(code_that_jumps_into_a_guard_is_caught);
    RUN(an_access_across_the_end_is_caught);
    RUN(a_protected_range_is_protected);
    RUN(a_file_that_was_cut_short_is_io);
    RUN(a_file_for_reading_that_was_cut_short_is_io);
    RUN(null_and_small_structs_are_answered);
    RUN(a_fault_that_is_not_ours_ends_the_process_as_ever);
    RUN(signals_that_are_ignored_stay_so_and_faults_cannot_be);
    RUN(a_signal_that_was_sent_ends_the_process_as_ever);
    RUN(a_stack_that_overflows_ends_the_process_as_ever);
    RUN(a_handler_of_one_argument_gets_what_is_not_ours);
    RUN(a_handler_of_three_arguments_gets_all_of_them_with_its_mask);
    RUN(a_handler_below_ours_can_unwind_to_the_fault);
    RUN(a_handler_that_mends_and_returns_does_so);
    RUN(a_handler_for_one_signal_is_called_for_one);
    RUN(signals_that_were_sent_are_not_traps);
    RUN(a_handler_set_later_that_chains_to_ours_leaves_us_our_traps);
    RUN(a_handler_set_later_that_jumps_to_ours_leaves_nothing_blocked);
    RUN(a_handler_set_later_that_does_not_chain_has_everything);
    RUN(the_last_uninstall_leaves_a_handler_above_in_place);
    RUN(reinstalling_below_another_handler_makes_no_circle);
    RUN(a_handler_that_comes_and_goes_leaves_everything_as_it_was);
    RUN(ours_put_back_after_the_last_uninstall_passes_everything_on);
    RUN(the_innermost_catches_and_the_outer_ones_go_on);
    RUN(after_an_inner_one_has_returned_the_outer_one_catches);
    RUN(a_handler_may_catch_traps_of_its_own);
    RUN(a_handler_of_faults_may_catch_traps_of_its_own);
    RUN(a_hundred_thousand_in_a_row_leave_nothing);
    RUN(the_signal_mask_is_as_before);
    RUN(errno_is_what_the_body_left);
    RUN(the_rounding_mode_is_the_callers);
    RUN(what_the_caller_has_in_registers_is_there_afterwards);
    RUN(the_hosts_alternate_stack_is_not_replaced);
    RUN(an_alternate_stack_that_disarms_itself_is_armed_again);
    RUN(a_thread_that_turns_its_alternate_stack_off_traps_all_the_same);
    RUN(threads_that_have_ended_leave_nothing);
    RUN(a_small_stack_is_enough);
    RUN(a_thread_that_ends_can_catch_still);
    RUN(sixteen_threads_trap_at_once);
    RUN(threads_install_and_uninstall_as_they_like);
    RUN(a_guard_may_become_accessible_while_it_is_touched);
    RUN(a_body_may_use_the_library);
    RUN(the_functions_answer_inside_a_body_what_they_answer_outside);
    RUN(a_callback_may_catch_traps_of_its_own);
    RUN(a_fault_in_a_callback_is_not_the_bodys);
    RUN(a_fault_in_a_callback_goes_to_the_hosts_handler);
    RUN(a_child_traps_and_so_does_its_parent);
    RUN(a_body_may_fork_and_both_trap);
    RUN(a_child_of_a_process_with_threads_traps);
    RUN(a_child_installs_whatever_other_threads_were_about);
    RUN(functions_around_a_fork_may_install);
    RUN(the_guards_of_every_kind_are_caught);
    RUN(the_guard_of_a_deleted_memory_is_foreign);
    return check_finish();
}

#endif
