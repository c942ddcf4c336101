/* trap: generated code does not compare its addresses, the pages behind the memory fault, and the host goes on.
 *
 *     base                 length                                    the last address that 32 bits and an offset reach
 *      | the guest's bytes  | guard: every touch raises SIGSEGV ...   |
 *
 * Two ways to get from the signal to an error:
 *
 *   ours         wasm_memory_trap_handlers_install once, and each run of guest code inside wasm_memory_catch_trap
 *   the host's   a handler of its own, which asks wasm_memory_classify_fault what was touched, and leaves by siglongjmp
 *
 * Until a host asks for it, the library touches no handler of the process. The first way is the same on every system; the
 * second is written for POSIX. On Windows it would be a vectored exception handler, which asks the same question. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include <inttypes.h>
#if !defined(_WIN32)
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#endif

#include "example.h"

/* What a compiler makes of a loop of the guest that adds up an array: the base and an index of 32 bits, no compare. */
typedef struct {
    const volatile uint8_t *base;
    uint32_t first, count;
    uint64_t sum;
} guest_t;

static void guest_sum(void *env) {
    guest_t *const guest = env;
    uint32_t i;
    guest->sum = 0;
    for (i = 0; i < guest->count; i++) guest->sum += guest->base[(uint64_t)guest->first + i];
}

static void guest_store(void *env) {
    guest_t *const guest = env;
    ((volatile uint8_t *)(uintptr_t)guest->base)[guest->first] = 1;
}

static guest_t guest_of(wasm_memory_t *memory, uint32_t first, uint32_t count) {
    guest_t guest = {NULL, 0, 0, 0};
    guest.base = (const volatile uint8_t *)wasm_memory_data(memory);
    guest.first = first;
    guest.count = count;
    return guest;
}

/* ---- the first way: our handlers ---- */

/* What the body and what it calls have when the fault comes is lost: they hold no lock and no file. */
static bool with_our_handlers(wasm_memory_t *memory) {
    const uint32_t length = (uint32_t)wasm_memory_data_size(memory);
    wasm_memory_trap_t trap;
    wasm_memory_status_t status;
    wasm_memory_stats_t stats;
    guest_t guest;

    status = wasm_memory_trap_handlers_install();
    if (status == WASM_MEMORY_UNSUPPORTED) return false;
    EXPECT_STATUS(status, WASM_MEMORY_OK);
    trap.struct_size = sizeof trap;

    guest = guest_of(memory, 0, 10);
    EXPECT_STATUS(wasm_memory_catch_trap(guest_sum, &guest, &trap), WASM_MEMORY_OK);
    EXPECT(guest.sum == 10 * 7);
    printf("a loop within the memory: the sum is %" PRIu64 "\n", guest.sum);

    printf("a loop that leaves the memory:\n");
    guest = guest_of(memory, length - 10, 11);
    EXPECT_REFUSED(wasm_memory_catch_trap(guest_sum, &guest, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT(trap.kind == WASM_MEMORY_FAULT_GUARD);
    EXPECT(trap.offset == length && trap.byte_length == length);
    EXPECT(trap.view == wasm_memory_view(memory)); /* which of the host's memories it was */

    /* A null page, as in protected_pages.c, for generated code too. */
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_protect(memory, 0, stats.map_alignment_bytes, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    printf("a null pointer is followed:\n");
    guest = guest_of(memory, 8, 1);
    EXPECT_REFUSED(wasm_memory_catch_trap(guest_store, &guest, &trap), WASM_MEMORY_PROTECTED);
    EXPECT(trap.offset == 8);
    EXPECT_STATUS(wasm_memory_protect(memory, 0, stats.map_alignment_bytes, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);

    /* The memory is as the guest left it, and goes on working. */
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    guest = guest_of(memory, length - 10, 11);
    EXPECT_STATUS(wasm_memory_catch_trap(guest_sum, &guest, NULL), WASM_MEMORY_OK);
    printf("after growth the same loop runs\n");

    EXPECT_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    return true;
}

/* ---- the second way: the host's own handler ---- */

#if !defined(_WIN32)

/* Of this thread: where to go, and what was touched. A host with threads has them in thread-local storage. */
static sigjmp_buf out_of_the_guest;
static volatile sig_atomic_t in_the_guest;
static wasm_memory_fault_t fault;

static void host_handler(int signal, siginfo_t *info, void *context) {
    struct sigaction usual;
    (void)context;
    fault.struct_size = sizeof fault;
    if (in_the_guest && wasm_memory_classify_fault(info->si_addr, &fault) == WASM_MEMORY_OK &&
        (fault.kind == WASM_MEMORY_FAULT_GUARD || fault.kind == WASM_MEMORY_FAULT_PROTECTED))
        siglongjmp(out_of_the_guest, 1);
    /* Not the guest's: a defect of this program, which must not be mistaken for a trap. With the usual handler back in
       place it faults again, and ends. */
    memset(&usual, 0, sizeof usual);
    usual.sa_handler = SIG_DFL;
    sigaction(signal, &usual, NULL);
}

static bool run_guest(void (*body)(void *), void *env) {
    const bool trapped = sigsetjmp(out_of_the_guest, 1) != 0;
    if (!trapped) {
        in_the_guest = 1;
        body(env);
    }
    in_the_guest = 0;
    return !trapped;
}

static void with_the_hosts_handler(wasm_memory_t *memory) {
    const uint32_t length = (uint32_t)wasm_memory_data_size(memory);
    struct sigaction action, before[2];
    int not_of_a_memory = 0;
    guest_t guest;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = host_handler;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    EXPECT(sigaction(SIGSEGV, &action, &before[0]) == 0);
    EXPECT(sigaction(SIGBUS, &action, &before[1]) == 0); /* what some systems raise */

    guest = guest_of(memory, 100, 10);
    EXPECT(run_guest(guest_sum, &guest));
    guest = guest_of(memory, length - 10, 11);
    EXPECT(!run_guest(guest_sum, &guest));
    EXPECT(fault.view == wasm_memory_view(memory));
    printf("by the host's own handler: offset %" PRIu64 " of %" PRIu64 " bytes was touched\n", fault.offset,
           fault.byte_length);
    EXPECT(fault.offset == length && fault.byte_length == length);

    /* It may be asked at any time. */
    EXPECT_STATUS(wasm_memory_classify_fault(wasm_memory_data(memory) + 5, &fault), WASM_MEMORY_OK);
    EXPECT(fault.kind == WASM_MEMORY_FAULT_ACCESSIBLE && fault.offset == 5);
    EXPECT_STATUS(wasm_memory_classify_fault(&not_of_a_memory, &fault), WASM_MEMORY_OK);
    EXPECT(fault.kind == WASM_MEMORY_FAULT_FOREIGN && fault.view == NULL);

    EXPECT(sigaction(SIGSEGV, &before[0], NULL) == 0);
    EXPECT(sigaction(SIGBUS, &before[1], NULL) == 0);
}

#else

static void with_the_hosts_handler(wasm_memory_t *memory) {
    (void)memory;
    printf("skipped: the host's own handler is one of POSIX here\n");
}

#endif

int main(void) {
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_memory_t *memory = NULL;
    wasm_memorytype_t *type = NULL;
    wasm_memory_status_t status;

    EXPECT(config != NULL);
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    engine = wasm_engine_new_with_config(config);
    store = wasm_store_new(engine);
    EXPECT(store != NULL);
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 4, false, false, 16, &type), WASM_MEMORY_OK);
    status = wasm_memory_try_new(store, type, &memory);
    if (memory == NULL) {
        printf("skipped: no memory has guards here (%s)\n", wasm_memory_status_name(status));
    } else {
        EXPECT_STATUS(wasm_memory_fill(memory, 0, 7, wasm_memory_data_size(memory)), WASM_MEMORY_OK);
        if (!with_our_handlers(memory)) printf("skipped: no handler can be installed here\n");
        with_the_hosts_handler(memory);
    }
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
