/* mutex: the lock that a guest's C library makes of one word in a shared memory, and what it protects.
 *
 *     0  free
 *     1  held
 *     2  held, and somebody may be asleep: whoever frees it has to wake one
 *
 * Where nobody else wants it, to lock and to free it are one atomic operation each, and no system call. Needs POSIX
 * threads. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>

#include "example.h"

enum { THREADS = 4, EACH = 50000, TOTAL = THREADS * EACH };
enum { FREE, HELD, CONTENDED };
enum { MUTEX = 0, COUNTER = 64, GATE = 128 };

/* --- the lock ----------------------------------------------------------------------------------------------------- */

static void lock(wasm_memory_t *memory, uint32_t *sleeps) {
    wasm_memory_wait_result_t result;
    uint32_t before;

    EXPECT_STATUS(wasm_memory_atomic_cmpxchg32(memory, MUTEX, FREE, HELD, &before), WASM_MEMORY_OK);
    if (before == FREE) return;
    /* Whoever has slept takes the lock as contended: there may be more sleepers, and nobody counts them. */
    for (;;) {
        EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_XCHG, MUTEX, CONTENDED, &before),
                      WASM_MEMORY_OK);
        if (before == FREE) return;
        EXPECT_STATUS(wasm_memory_atomic_wait32(memory, MUTEX, CONTENDED, -1, &result), WASM_MEMORY_OK);
        if (result == WASM_MEMORY_WAIT_OK) (*sleeps)++; /* otherwise it was freed between the two calls */
    }
}

static void unlock(wasm_memory_t *memory) {
    uint32_t before;
    EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_XCHG, MUTEX, FREE, &before), WASM_MEMORY_OK);
    EXPECT(before != FREE);
    if (before == CONTENDED) EXPECT_STATUS(wasm_memory_atomic_notify(memory, MUTEX, 1, NULL), WASM_MEMORY_OK);
}

/* --- what is locked ----------------------------------------------------------------------------------------------- */

/* Not atomic: between the load and the store another thread may do the same, and then one of the two is lost. */
static void increment(wasm_memory_t *memory) {
    uint32_t count;
    EXPECT_STATUS(wasm_memory_load_u32(memory, COUNTER, &count), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_store_u32(memory, COUNTER, count + 1), WASM_MEMORY_OK);
}

typedef struct {
    pthread_t thread;
    wasm_store_t *store;
    wasm_memory_t *memory;
    bool locking;
    uint32_t sleeps;
} worker_t;

static void *work(void *env) {
    worker_t *const self = env;
    wasm_memory_wait_result_t result;
    int i;
    /* Until all are there: those who started first would be through with it before the last began. */
    EXPECT_STATUS(wasm_memory_atomic_wait32(self->memory, GATE, 0, -1, &result), WASM_MEMORY_OK);
    for (i = 0; i < EACH; i++) {
        if (self->locking) lock(self->memory, &self->sleeps);
        increment(self->memory);
        if (self->locking) unlock(self->memory);
    }
    return NULL;
}

/* What the counter says after all threads have incremented it, each through a handle in a store of its own. */
static uint32_t count(wasm_engine_t *engine, wasm_memory_t *memory, bool locking, uint32_t *sleeps) {
    wasm_shared_memory_t *const shared = wasm_memory_share(memory);
    worker_t worker[THREADS];
    uint32_t found;
    int i;

    EXPECT_STATUS(wasm_memory_store_u32(memory, COUNTER, 0), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_store32(memory, GATE, 0), WASM_MEMORY_OK);
    for (i = 0; i < THREADS; i++) {
        worker[i].store = wasm_store_new(engine);
        worker[i].memory = wasm_memory_obtain(worker[i].store, shared);
        worker[i].locking = locking;
        worker[i].sleeps = 0;
        EXPECT(worker[i].memory != NULL);
        EXPECT(pthread_create(&worker[i].thread, NULL, work, &worker[i]) == 0);
    }
    EXPECT_STATUS(wasm_memory_atomic_store32(memory, GATE, 1), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, GATE, UINT32_MAX, NULL), WASM_MEMORY_OK);
    *sleeps = 0;
    for (i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(worker[i].thread, NULL) == 0);
        *sleeps += worker[i].sleeps;
        wasm_memory_delete(worker[i].memory);
        wasm_store_delete(worker[i].store);
    }
    wasm_shared_memory_delete(shared);
    EXPECT_STATUS(wasm_memory_load_u32(memory, COUNTER, &found), WASM_MEMORY_OK);
    return found;
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    uint32_t found, sleeps, state;

    EXPECT(store != NULL);
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 1, false, true, 16, &type), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_new(store, type, &memory), WASM_MEMORY_OK); /* shared, because its type is */
    wasm_memorytype_delete(type);

    found = count(engine, memory, false, &sleeps);
    printf("%d threads count to %d each, without a lock: %" PRIu32 " of %d\n", THREADS, EACH, found, TOTAL);
    EXPECT(found >= 1 && found <= TOTAL); /* the race is allowed, and nobody knows its outcome */

    found = count(engine, memory, true, &sleeps);
    printf("with the lock: %" PRIu32 " of %d; they slept %" PRIu32 " times\n", found, TOTAL, sleeps);
    EXPECT(found == TOTAL);
    EXPECT_STATUS(wasm_memory_atomic_load32(memory, MUTEX, &state), WASM_MEMORY_OK);
    EXPECT(state == FREE);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
