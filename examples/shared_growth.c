/* shared_growth: a shared memory from creation to deletion: its type and sizes, its bytes, growth by several threads at
 * once, waiting and waking. mutex.c, producer_consumer.c and thread_pool.c have what programs make of it.
 *
 * Needs C11, for its atomic types, and POSIX threads. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "example.h"

#define PAGE UINT64_C(65536)
#define MILLISECOND INT64_C(1000000) /* waiting is measured in nanoseconds */

enum { THREADS = 4, GROWTHS = 4, FIRST = 1, GROWN = FIRST + THREADS * GROWTHS, MOST = GROWN + 2 };
enum { EACH = 5000 };                        /* what each thread counts to */
enum { LOCK = 0, COUNTER = 64, BELL = 128 }; /* where things lie */

/* --- type, token, handle ------------------------------------------------------------------------------------------ */

static wasm_memorytype_t *type_of(uint64_t minimum, uint64_t maximum, bool shared) {
    wasm_memorytype_t *type = NULL;
    EXPECT_STATUS(wasm_memorytype_try_new(minimum, true, maximum, false, shared, 16, &type), WASM_MEMORY_OK);
    return type;
}

/* What there is of a shared memory outside of stores: any thread may have it, and make handles of it. */
static wasm_shared_memory_t *create(wasm_engine_t *engine) {
    wasm_memorytype_t *const shared_type = type_of(FIRST, MOST, true);
    wasm_memorytype_t *const unshared_type = type_of(FIRST, MOST, false);
    wasm_memorytype_t *type = NULL;
    wasm_shared_memory_t *shared = NULL;
    uint64_t maximum;

    printf("a type that is not shared:\n");
    EXPECT_REFUSED(wasm_shared_memory_new(engine, unshared_type, &shared), WASM_MEMORY_INVALID_TYPE);
    EXPECT(shared == NULL);
    printf("a shared type without a maximum:\n");
    EXPECT_REFUSED(wasm_memorytype_try_new(FIRST, false, 0, false, true, 16, &type), WASM_MEMORY_INVALID_TYPE);

    EXPECT_STATUS(wasm_shared_memory_new(engine, shared_type, &shared), WASM_MEMORY_OK);
    wasm_memorytype_delete(unshared_type);
    wasm_memorytype_delete(shared_type);

    type = wasm_shared_memory_type(shared);
    EXPECT(wasm_memorytype_isshared(type) && wasm_memorytype_minimum(type) == FIRST);
    EXPECT(wasm_memorytype_maximum(type, &maximum) && maximum == MOST);
    wasm_memorytype_delete(type);
    return shared;
}

static wasm_memory_t *obtain(wasm_store_t *store, const wasm_shared_memory_t *shared) {
    wasm_memory_t *const memory = wasm_memory_obtain(store, shared);
    EXPECT(memory != NULL); /* NULL when the limits of the store refuse */
    return memory;
}

static void sizes_and_bytes(wasm_memory_t *memory) {
    byte_t *const data = wasm_memory_data(memory);
    uint8_t first;
    EXPECT(wasm_memory_pages(memory) == FIRST && wasm_memory_data_size(memory) == FIRST * PAGE);
    EXPECT(!wasm_memory_may_move(memory) && wasm_memory_view(memory)->base == (uint8_t *)data);
    EXPECT_STATUS(wasm_memory_write(memory, 0, "shared", 6), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_load8(memory, 0, &first), WASM_MEMORY_OK);
    EXPECT(memcmp(data, "shared", 6) == 0 && first == 's');
    EXPECT_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    printf("made: %" PRIu64 " page, %zu bytes\n", wasm_memory_pages(memory), wasm_memory_data_size(memory));
}

/* --- growth, by several threads at once --------------------------------------------------------------------------- */

typedef struct {
    pthread_t thread;
    wasm_engine_t *engine;
    wasm_shared_memory_t *shared; /* its own reference, so that it asks nobody how long it lives */
    uint8_t number;
    byte_t *base;
    uint64_t previous[GROWTHS];
} agent_t;

static void *grow(void *env) {
    agent_t *const self = env;
    wasm_store_t *const store = wasm_store_new(self->engine);
    wasm_memory_t *const memory = obtain(store, self->shared);
    int i;
    for (i = 0; i < GROWTHS; i++) {
        EXPECT_STATUS(wasm_memory_try_grow(memory, 1, &self->previous[i]), WASM_MEMORY_OK);
        /* Nobody else was told this number: the page at it is ours. */
        EXPECT_STATUS(wasm_memory_fill(memory, self->previous[i] * PAGE, self->number, PAGE), WASM_MEMORY_OK);
    }
    self->base = wasm_memory_data(memory);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_shared_memory_delete(self->shared);
    return NULL;
}

/* Runs `body` in several threads at once, and waits for them to end. */
static void run(agent_t *agents, wasm_engine_t *engine, const wasm_shared_memory_t *shared, void *(*body)(void *)) {
    uint8_t i;
    for (i = 0; i < THREADS; i++) {
        agents[i].engine = engine;
        agents[i].shared = wasm_shared_memory_clone(shared);
        agents[i].number = (uint8_t)(i + 1);
        EXPECT(pthread_create(&agents[i].thread, NULL, body, &agents[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) EXPECT(pthread_join(agents[i].thread, NULL) == 0);
}

static void growth(wasm_engine_t *engine, const wasm_shared_memory_t *shared, wasm_memory_t *memory) {
    const byte_t *const data = wasm_memory_data(memory);
    uint8_t owner[GROWN] = {0};
    agent_t agents[THREADS];
    wasm_memorytype_t *type;
    uint64_t page;
    int i, j;

    run(agents, engine, shared, grow);
    for (i = 0; i < THREADS; i++) {
        EXPECT(agents[i].base == data); /* the base of a shared memory never moves */
        for (j = 0; j < GROWTHS; j++) {
            page = agents[i].previous[j];
            EXPECT(page >= FIRST && page < GROWN && owner[page] == 0); /* each growth found another size */
            owner[page] = agents[i].number;
        }
    }
    EXPECT(wasm_memory_pages(memory) == GROWN && wasm_memory_data_size(memory) == GROWN * PAGE);
    for (page = FIRST; page < GROWN; page++)
        EXPECT(data[page * PAGE] == owner[page] && data[page * PAGE + PAGE - 1] == owner[page]);

    type = wasm_shared_memory_type(shared);
    EXPECT(wasm_memorytype_minimum(type) == GROWN);
    wasm_memorytype_delete(type);
    printf("grown by %d threads, %d times each, from %d page to %d; owners:", THREADS, GROWTHS, FIRST, GROWN);
    for (page = FIRST; page < GROWN; page++) printf(" %d", owner[page]);
    printf("\n");
}

/* Growth asks the limits of the store whose handle grows. A guest in another store may be allowed more. */
static void limits_of_growth(wasm_engine_t *engine, const wasm_shared_memory_t *shared, wasm_memory_t *memory) {
    wasm_store_t *const limited_store = wasm_store_new(engine);
    wasm_memory_t *const limited = obtain(limited_store, shared);
    wasm_memory_limits_t limits;
    uint64_t previous;

    limits.struct_size = sizeof limits;
    limits.max_memory_bytes = GROWN * PAGE;
    limits.max_total_bytes = limits.max_memories = UINT64_MAX;
    EXPECT_STATUS(wasm_store_limits_set(limited_store, &limits), WASM_MEMORY_OK);
    printf("one page more, in a store with a limit:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(limited, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OK); /* and in one without */
    EXPECT(previous == GROWN && wasm_memory_pages(limited) == GROWN + 1);

    printf("more than the maximum:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(memory, MOST, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    EXPECT(wasm_memory_pages(memory) == GROWN + 1);
    wasm_memory_delete(limited);
    wasm_store_delete(limited_store);
}

/* --- a counter under a lock, through the pointer to the bytes ----------------------------------------------------- */

/* The value that the library finds where this host has stored `number`: it reads words as WebAssembly has them,
   little-endian. */
static uint32_t as_in_memory(uint32_t number) {
    uint8_t byte[4];
    memcpy(byte, &number, 4);
    return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

/* The lock of mutex.c. Bytes that threads share are changed by atomic operations, or under a lock that is made of
   them; anything else would be a data race in C. */
static void lock(wasm_memory_t *memory, _Atomic uint32_t *word) {
    wasm_memory_wait_result_t result;
    uint32_t before = 0;
    if (atomic_compare_exchange_strong(word, &before, 1)) return;
    while (atomic_exchange(word, 2) != 0)
        EXPECT_STATUS(wasm_memory_atomic_wait32(memory, LOCK, as_in_memory(2), -1, &result), WASM_MEMORY_OK);
}

static void unlock(wasm_memory_t *memory, _Atomic uint32_t *word) {
    if (atomic_exchange(word, 0) == 2)
        EXPECT_STATUS(wasm_memory_atomic_notify(memory, LOCK, 1, NULL), WASM_MEMORY_OK);
}

static void *count(void *env) {
    agent_t *const self = env;
    wasm_store_t *const store = wasm_store_new(self->engine);
    wasm_memory_t *const memory = obtain(store, self->shared);
    byte_t *const data = wasm_memory_data(memory);
    _Atomic uint32_t *const word = (_Atomic uint32_t *)(void *)(data + LOCK);
    uint32_t *const counter = (uint32_t *)(void *)(data + COUNTER);
    int i;
    for (i = 0; i < EACH; i++) {
        lock(memory, word);
        *counter += 1;
        unlock(memory, word);
    }
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_shared_memory_delete(self->shared);
    return NULL;
}

static void counting(wasm_engine_t *engine, const wasm_shared_memory_t *shared, wasm_memory_t *memory) {
    agent_t agents[THREADS];
    uint32_t counter;

    /* The compiler's atomic word is to be one for the library as well: four bytes, and no lock beside them. */
    EXPECT(sizeof(_Atomic uint32_t) == 4 && ATOMIC_INT_LOCK_FREE == 2);
    run(agents, engine, shared, count);
    memcpy(&counter, wasm_memory_data(memory) + COUNTER, sizeof counter);
    printf("%d threads counted to %" PRIu32 " under a lock\n", THREADS, counter);
    EXPECT(counter == THREADS * EACH);
}

/* --- waiting and waking ------------------------------------------------------------------------------------------- */

/* Sleeps for a notify, and ends with what the wait answered. */
static void *sleep32(void *env) {
    wasm_memory_wait_result_t *const result = malloc(sizeof *result);
    EXPECT(result != NULL);
    EXPECT_STATUS(wasm_memory_atomic_wait32(env, BELL, 7, -1, result), WASM_MEMORY_OK);
    return result;
}

static void *sleep64(void *env) {
    wasm_memory_wait_result_t *const result = malloc(sizeof *result);
    EXPECT(result != NULL);
    EXPECT_STATUS(wasm_memory_atomic_wait64(env, BELL, 7, -1, result), WASM_MEMORY_OK);
    return result;
}

static void wait_until_asleep(const wasm_memory_t *memory, uint64_t sleepers) {
    const struct timespec a_moment = {0, 1000000};
    wasm_memory_stats_t stats;
    stats.struct_size = sizeof stats;
    for (;;) {
        EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
        if (stats.waiters == sleepers) return;
        nanosleep(&a_moment, NULL);
    }
}

static void join_woken(pthread_t thread) {
    void *result;
    EXPECT(pthread_join(thread, &result) == 0);
    EXPECT(*(wasm_memory_wait_result_t *)result == WASM_MEMORY_WAIT_OK);
    free(result);
}

static void waiting_and_waking(wasm_memory_t *memory) {
    const uint64_t end = wasm_memory_data_size(memory);
    wasm_memory_wait_result_t result;
    pthread_t sleeper[2];
    uint32_t woken;

    EXPECT_STATUS(wasm_memory_atomic_store64(memory, BELL, 7), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_wait32(memory, BELL, 8, -1, &result), WASM_MEMORY_OK);
    EXPECT(result == WASM_MEMORY_WAIT_MISMATCH); /* it is not 8 any more: no reason to wait */
    EXPECT_STATUS(wasm_memory_atomic_wait64(memory, BELL, 8, -1, &result), WASM_MEMORY_OK);
    EXPECT(result == WASM_MEMORY_WAIT_MISMATCH);
    EXPECT_STATUS(wasm_memory_atomic_wait32(memory, BELL, 7, MILLISECOND, &result), WASM_MEMORY_OK);
    EXPECT(result == WASM_MEMORY_WAIT_TIMED_OUT);
    EXPECT_STATUS(wasm_memory_atomic_wait64(memory, BELL, 7, 0, &result), WASM_MEMORY_OK);
    EXPECT(result == WASM_MEMORY_WAIT_TIMED_OUT);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, BELL, 1, &woken), WASM_MEMORY_OK);
    EXPECT(woken == 0);

    EXPECT(pthread_create(&sleeper[0], NULL, sleep32, memory) == 0);
    wait_until_asleep(memory, 1);
    EXPECT(pthread_create(&sleeper[1], NULL, sleep64, memory) == 0);
    wait_until_asleep(memory, 2);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, BELL, 1, &woken), WASM_MEMORY_OK);
    EXPECT(woken == 1);
    join_woken(sleeper[0]); /* they stand in one queue, and the first is served first */
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, BELL, UINT32_MAX, &woken), WASM_MEMORY_OK);
    EXPECT(woken == 1);
    join_woken(sleeper[1]);
    printf("two sleepers were woken, one after the other; then a word that is not aligned, and one past the end:\n");

    EXPECT_REFUSED(wasm_memory_atomic_wait64(memory, BELL + 4, 0, 0, &result), WASM_MEMORY_UNALIGNED);
    EXPECT_STATUS(wasm_memory_atomic_wait32(memory, BELL + 2, 0, 0, &result), WASM_MEMORY_UNALIGNED);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, BELL + 2, 1, &woken), WASM_MEMORY_UNALIGNED);
    EXPECT_REFUSED(wasm_memory_atomic_wait32(memory, end, 0, 0, &result), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_atomic_wait64(memory, end, 0, 0, &result), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, end, 0, &woken), WASM_MEMORY_OUT_OF_BOUNDS);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void references(wasm_engine_t *engine, wasm_memory_t *memory) {
    wasm_store_t *const another_store = wasm_store_new(engine);
    wasm_shared_memory_t *const token = wasm_memory_share(memory);
    wasm_memory_t *const another = obtain(another_store, token);
    wasm_memory_t *unshared;
    wasm_memory_stats_t stats;

    EXPECT(wasm_memory_same(memory, another)); /* whatever the store, and wherever the token came from */
    unshared = example_memory(another_store, 1, 1);
    EXPECT(wasm_memory_share(unshared) == NULL);
    wasm_memory_delete(unshared);

    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(another, &stats), WASM_MEMORY_OK);
    EXPECT(stats.shared && !stats.may_move && stats.waiters == 0 && stats.grow_count == THREADS * GROWTHS + 1);
    printf("%" PRIu64 " bytes, grown %" PRIu64 " times, refused %" PRIu64 " times, nobody waits\n", stats.byte_length,
           stats.grow_count, stats.grow_failures);

    wasm_shared_memory_delete(token);
    wasm_memory_delete(another);
    wasm_store_delete(another_store);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *shared;
    wasm_memory_t *memory;

    EXPECT(store != NULL);
    shared = create(engine);
    memory = obtain(store, shared);
    sizes_and_bytes(memory);
    growth(engine, shared, memory);
    limits_of_growth(engine, shared, memory);
    counting(engine, shared, memory);
    waiting_and_waking(memory);
    references(engine, memory);

    /* The memory goes with the last token and handle, in whichever order. */
    wasm_shared_memory_delete(shared);
    EXPECT(wasm_memory_pages(memory) == GROWN + 1);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
