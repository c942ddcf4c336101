/* Faults on Windows: whose an address is, told in an exception handler of the host's; and guards that are touched become a
 * status. What holds on every system is tested in test_fault.c and test_trap.c; here is what is this system's own. */
#include "wasm_memory.h"

#include <pthread.h>

#include "support/children.h"
#include "support/memories.h"

/* ---- memories to touch ---- */

typedef struct {
    host_t host;
    wasm_memory_t *memory;
    uint8_t *base;
    uint64_t offset;   /* where to touch, from the base */
    bool write;
    int depth;
    volatile int steps; /* what the body did */
} scene_t;

static scene_t scene_made(void) {
    scene_t scene;
    memset(&scene, 0, sizeof scene);
    scene.host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    scene.memory = memory_of(scene.host, pages_32(2, 4));
    scene.base = wasm_memory_view(scene.memory)->base;
    return scene;
}

static void scene_delete(scene_t *scene) {
    wasm_memory_delete(scene->memory);
    host_delete(scene->host);
}

static void touch(void *env) {
    scene_t *const scene = (scene_t *)env;
    volatile uint8_t *const at = scene->base + scene->offset;
    scene->steps++;
    if (scene->write)
        *at = 7;
    else
        (void)*at;
    scene->steps += 100;
}

static wasm_memory_status_t caught(scene_t *scene, uint64_t offset, bool write, wasm_memory_trap_t *trap) {
    scene->offset = offset;
    scene->write = write;
    scene->steps = 0;
    memset(trap, 0xa5, sizeof *trap);
    trap->struct_size = sizeof *trap;
    return wasm_memory_catch_trap(touch, scene, trap);
}

/* ---- whose an address is ---- */

static wasm_memory_fault_t fault_at(const void *address) {
    wasm_memory_fault_t fault;
    memset(&fault, 0, sizeof fault);
    fault.struct_size = sizeof fault;
    CHECK_STATUS(wasm_memory_classify_fault(address, &fault), WASM_MEMORY_OK);
    return fault;
}

TEST(an_address_is_told_apart) {
    scene_t scene = scene_made();
    CHECK_EQ(fault_at(&scene).kind, WASM_MEMORY_FAULT_FOREIGN);
    CHECK_EQ(fault_at(scene.base).kind, WASM_MEMORY_FAULT_ACCESSIBLE);
    CHECK_EQ(fault_at(scene.base + 2 * PAGE).kind, WASM_MEMORY_FAULT_GUARD);
    CHECK_EQ(fault_at(scene.base - 1).kind, WASM_MEMORY_FAULT_GUARD);
    CHECK_STATUS(wasm_memory_protect(scene.memory, PAGE, 4096, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_EQ(fault_at(scene.base + PAGE).kind, WASM_MEMORY_FAULT_PROTECTED);
    CHECK_EQ(fault_at(scene.base + PAGE).offset, PAGE);
    scene_delete(&scene);
}

static jmp_buf probe;
static wasm_memory_fault_t in_handler;

static LONG CALLBACK classify(EXCEPTION_POINTERS *exception) {
    const EXCEPTION_RECORD *const record = exception->ExceptionRecord;
    if (record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION) return EXCEPTION_CONTINUE_SEARCH;
    in_handler.struct_size = sizeof in_handler;
    wasm_memory_classify_fault((const void *)record->ExceptionInformation[1], &in_handler);
    longjmp(probe, 1);
}

TEST(a_handler_of_the_host_may_ask) {
    scene_t scene = scene_made();
    void *const handler = AddVectoredExceptionHandler(1, classify);
    scene.offset = 3 * PAGE + 5;
    scene.write = true;
    if (setjmp(probe) == 0) {
        without_unwinding(&probe);
        touch(&scene);
    }
    RemoveVectoredExceptionHandler(handler);
    CHECK_EQ(scene.steps, 1);
    CHECK_EQ(in_handler.kind, WASM_MEMORY_FAULT_GUARD);
    CHECK_EQ(in_handler.offset, 3 * PAGE + 5);
    CHECK(in_handler.view == wasm_memory_view(scene.memory));
    scene_delete(&scene);
}

/* ---- touches that become a status ---- */

TEST(without_handlers_nothing_is_called) {
    scene_t scene = scene_made();
    wasm_memory_trap_t trap;
    CHECK_STATUS(caught(&scene, 0, true, &trap), WASM_MEMORY_UNSUPPORTED);
    CHECK_EQ(scene.steps, 0);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    scene_delete(&scene);
}

TEST(a_touched_guard_is_out_of_bounds_and_what_is_protected_is_said_to_be) {
    scene_t scene = scene_made();
    wasm_memory_trap_t trap;
    const uint64_t guards[] = {2 * PAGE, 3 * PAGE + 1, UINT32_MAX, UINT64_C(2) * UINT32_MAX + 15, UINT64_MAX};
    size_t i;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    CHECK_STATUS(caught(&scene, PAGE, true, &trap), WASM_MEMORY_OK);
    CHECK_EQ(scene.steps, 101);
    for (i = 0; i < sizeof guards / sizeof *guards; i++) {
        CHECK_STATUS(caught(&scene, guards[i], i % 2 == 0, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(scene.steps, 1);
        CHECK_EQ(trap.offset, guards[i]);
        CHECK_EQ(trap.byte_length, 2 * PAGE);
        CHECK(trap.view == wasm_memory_view(scene.memory));
        CHECK_EQ(trap.address, (uintptr_t)(scene.base + guards[i]));
    }
    CHECK_STATUS(wasm_memory_protect(scene.memory, PAGE, 4096, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(caught(&scene, PAGE, false, &trap), WASM_MEMORY_OK);
    CHECK_STATUS(caught(&scene, PAGE, true, &trap), WASM_MEMORY_PROTECTED);
    CHECK_EQ(trap.offset, PAGE);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene_delete(&scene);
}

/* What a jump that unwinds, or forgets registers, would spoil. */
static double use_registers(scene_t *scene, int rounds) {
    double a = 1, b = 2, c = 3, d = 5, e = 7, f = 11, g = 13;
    int i;
    wasm_memory_trap_t trap;
    for (i = 0; i < rounds; i++) {
        if (caught(scene, 2 * PAGE + (uint64_t)i, true, &trap) != WASM_MEMORY_OUT_OF_BOUNDS) return 0;
        a += b, b += c, c += d, d += e, e += f, f += g, g += 1;
    }
    return a + b + c + d + e + f + g;
}

TEST(registers_survive) {
    scene_t scene = scene_made();
    double a = 1, b = 2, c = 3, d = 5, e = 7, f = 11, g = 13;
    int i;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    for (i = 0; i < 1000; i++) a += b, b += c, c += d, d += e, e += f, f += g, g += 1;
    CHECK(use_registers(&scene, 1000) == a + b + c + d + e + f + g);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene_delete(&scene);
}

/* From deep in the stack, and in a catch in a catch. */
static void dive(void *env) {
    scene_t *const scene = (scene_t *)env;
    volatile char room[2000];
    room[0] = 1;
    if (scene->depth-- > 0)
        dive(env);
    else
        touch(env);
    scene->steps += room[0] - 1;
}

static wasm_memory_status_t inner_status;

static void nest(void *env) {
    inner_status = wasm_memory_catch_trap(dive, env, NULL);
    touch(env);
}

TEST(catches_nest_and_reach_deep) {
    scene_t scene = scene_made();
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene.offset = 2 * PAGE;
    scene.depth = 200;
    CHECK_STATUS(wasm_memory_catch_trap(nest, &scene, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(inner_status, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(scene.steps, 2);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene_delete(&scene);
}

/* ---- what is not ours ---- */

static jmp_buf host_return;
static volatile int host_saw;

static LONG CALLBACK of_the_host(EXCEPTION_POINTERS *exception) {
    if (exception->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION) return EXCEPTION_CONTINUE_SEARCH;
    host_saw++;
    longjmp(host_return, 1);
}

static void touch_before_the_host(void *env) {
    if (setjmp(host_return) == 0) {
        without_unwinding(&host_return);
        touch(env);
    }
}

static void touch_what_is_foreign(void *env) {
    void *const foreign = VirtualAlloc(NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS);
    (void)env;
    if (setjmp(host_return) == 0) {
        without_unwinding(&host_return);
        *(volatile uint8_t *)foreign = 1;
    }
    VirtualFree(foreign, 0, MEM_RELEASE);
}

/* Handlers of the host's, set before ours and after it, get what is none of ours; and all, outside of a catch. */
TEST(what_is_no_memory_or_in_no_catch_goes_to_the_host) {
    scene_t scene = scene_made();
    wasm_memory_trap_t trap;
    int first;
    for (first = 0; first < 2; first++) {
        void *handler = first == 0 ? AddVectoredExceptionHandler(1, of_the_host) : NULL;
        CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
        if (first != 0) handler = AddVectoredExceptionHandler(0, of_the_host);
        host_saw = 0;
        CHECK_STATUS(wasm_memory_catch_trap(touch_what_is_foreign, NULL, NULL), WASM_MEMORY_OK);
        CHECK_EQ(host_saw, 1);
        scene.offset = 2 * PAGE;
        touch_before_the_host(&scene);
        CHECK_EQ(host_saw, 2);
        CHECK_STATUS(caught(&scene, 2 * PAGE, true, &trap), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(host_saw, 2);
        CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
        touch_before_the_host(&scene);
        CHECK_EQ(host_saw, 3);
        RemoveVectoredExceptionHandler(handler);
    }
    scene_delete(&scene);
}

/* A callback of the library's is outside of the catch that it runs in. */
static void touch_while_lent(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    touch_before_the_host(env);
}

static void lend(void *env) {
    scene_t *const scene = (scene_t *)env;
    CHECK_STATUS(wasm_memory_with_data(scene->memory, touch_while_lent, env), WASM_MEMORY_OK);
    touch(env);
}

TEST(a_callback_is_outside_of_the_catch) {
    scene_t scene = scene_made();
    void *handler;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    handler = AddVectoredExceptionHandler(0, of_the_host);
    host_saw = 0;
    scene.offset = 2 * PAGE;
    CHECK_STATUS(wasm_memory_catch_trap(lend, &scene, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(host_saw, 1);
    CHECK_EQ(scene.steps, 2);
    RemoveVectoredExceptionHandler(handler);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene_delete(&scene);
}

/* ---- threads ---- */

static void *catch_many(void *env) {
    scene_t scene = *(const scene_t *)env;
    wasm_memory_trap_t trap;
    uintptr_t right = 0;
    uint64_t i;
    for (i = 0; i < 3000; i++)
        right += caught(&scene, 2 * PAGE + i, i % 2 == 0, &trap) == WASM_MEMORY_OUT_OF_BOUNDS && trap.offset == 2 * PAGE + i;
    return (void *)right;
}

TEST(threads_catch_at_once) {
    enum { THREADS = 4 };
    scene_t scene = scene_made();
    pthread_t threads[THREADS];
    void *right = NULL;
    int i;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, catch_many, &scene), 0);
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], &right), 0);
        CHECK_EQ((uintptr_t)right, 3000);
    }
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    scene_delete(&scene);
}

int main(void) {
    RUN(an_address_is_told_apart);
    RUN(a_handler_of_the_host_may_ask);
    RUN(without_handlers_nothing_is_called);
    RUN(a_touched_guard_is_out_of_bounds_and_what_is_protected_is_said_to_be);
    RUN(registers_survive);
    RUN(catches_nest_and_reach_deep);
    RUN(what_is_no_memory_or_in_no_catch_goes_to_the_host);
    RUN(a_callback_is_outside_of_the_catch);
    RUN(threads_catch_at_once);
    return check_finish();
}
