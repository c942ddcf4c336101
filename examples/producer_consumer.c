/* producer_consumer: a ring of a few places in a shared memory, which some threads fill and others empty.
 *
 * Producers and consumers draw numbers, 0, 1, 2 and so on, each side from a counter of its own. Number n works on place
 * n % PLACES, once the word `turn` of that place lets it:
 *
 *     turn == n        the place is empty: producer n fills it, and makes it n + 1
 *     turn == n + 1    the place is full:  consumer n empties it, and makes it n + PLACES, for whoever fills it next
 *
 * Those whose turn has not come sleep on that word: nobody asks again and again, and there is no lock. Each thread has
 * a store and a handle of its own, as guests in a runtime have. Needs POSIX threads. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>

#include "example.h"

enum { PRODUCERS = 3, CONSUMERS = 2, EACH = 5000, VALUES = PRODUCERS * EACH, PLACES = 8 };

#define END UINT32_MAX /* in place of a value: there are no more */

/* Where things lie. What different threads change is 64 bytes apart, so that no processor waits for another's line. */
enum { NEXT_TO_FILL = 0, NEXT_TO_EMPTY = 64, RING = 128, PLACE_SIZE = 64, TURN = 0, VALUE = 4, RECEIVED = 1024 };

static wasm_shared_memory_t *new_shared_memory(wasm_engine_t *engine) {
    wasm_memorytype_t *type = NULL;
    wasm_shared_memory_t *shared = NULL;
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 1, false, true, 16, &type), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_shared_memory_new(engine, type, &shared), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    return shared;
}

/* --- the ring ----------------------------------------------------------------------------------------------------- */

static uint64_t place_of(uint32_t number) { return RING + PLACE_SIZE * (uint64_t)(number % PLACES); }

static void make_ring(wasm_memory_t *memory) {
    uint32_t i;
    for (i = 0; i < PLACES; i++)
        EXPECT_STATUS(wasm_memory_atomic_store32(memory, place_of(i) + TURN, i), WASM_MEMORY_OK);
}

static void wait_for_turn(wasm_memory_t *memory, uint64_t place, uint32_t turn, uint32_t *sleeps) {
    for (;;) {
        wasm_memory_wait_result_t result;
        uint32_t now;
        EXPECT_STATUS(wasm_memory_atomic_load32(memory, place + TURN, &now), WASM_MEMORY_OK);
        if (now == turn) return;
        /* Sleeps only if the word still is what it was: a change since then is not slept through. */
        EXPECT_STATUS(wasm_memory_atomic_wait32(memory, place + TURN, now, -1, &result), WASM_MEMORY_OK);
        if (result == WASM_MEMORY_WAIT_OK) (*sleeps)++;
    }
}

/* Wakes all who sleep on the word, because one of them alone might be waiting for a later turn. */
static void pass_turn(wasm_memory_t *memory, uint64_t place, uint32_t turn) {
    EXPECT_STATUS(wasm_memory_atomic_store32(memory, place + TURN, turn), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, place + TURN, UINT32_MAX, NULL), WASM_MEMORY_OK);
}

/* The value itself needs no atomic access: only the one whose turn it is touches it, and the word orders the turns. */
static void put(wasm_memory_t *memory, uint32_t value, uint32_t *sleeps) {
    uint32_t number;
    EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, NEXT_TO_FILL, 1, &number), WASM_MEMORY_OK);
    wait_for_turn(memory, place_of(number), number, sleeps);
    EXPECT_STATUS(wasm_memory_store_u32(memory, place_of(number) + VALUE, value), WASM_MEMORY_OK);
    pass_turn(memory, place_of(number), number + 1);
}

static uint32_t take(wasm_memory_t *memory, uint32_t *sleeps) {
    uint32_t number, value;
    EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, NEXT_TO_EMPTY, 1, &number), WASM_MEMORY_OK);
    wait_for_turn(memory, place_of(number), number + 1, sleeps);
    EXPECT_STATUS(wasm_memory_load_u32(memory, place_of(number) + VALUE, &value), WASM_MEMORY_OK);
    pass_turn(memory, place_of(number), number + PLACES);
    return value;
}

/* --- the threads -------------------------------------------------------------------------------------------------- */

typedef struct {
    pthread_t thread;
    wasm_store_t *store;
    wasm_memory_t *memory;
    uint32_t number, values, sleeps;
    uint64_t sum;
} party_t;

static void *produce(void *env) {
    party_t *const self = env;
    for (; self->values < EACH; self->values++) {
        const uint32_t value = self->number * EACH + self->values;
        put(self->memory, value, &self->sleeps);
        self->sum += value;
    }
    return NULL;
}

static void *consume(void *env) {
    party_t *const self = env;
    uint32_t next[PRODUCERS] = {0}; /* the least that may come from each of them */
    uint32_t value;
    while ((value = take(self->memory, &self->sleeps)) != END) {
        uint8_t before;
        EXPECT(value < VALUES && value >= next[value / EACH]); /* each producer's values come in their order */
        next[value / EACH] = value + 1;
        EXPECT_STATUS(wasm_memory_atomic_rmw8(self->memory, WASM_MEMORY_RMW_ADD, RECEIVED + value, 1, &before),
                      WASM_MEMORY_OK);
        EXPECT(before == 0); /* and each once */
        self->values++;
        self->sum += value;
    }
    return NULL;
}

static void start(party_t *party, uint32_t number, wasm_engine_t *engine, const wasm_shared_memory_t *shared,
                  void *(*work)(void *)) {
    const party_t fresh = {.number = number};
    *party = fresh;
    party->store = wasm_store_new(engine);
    party->memory = wasm_memory_obtain(party->store, shared); /* the same bytes, through a handle of this store */
    EXPECT(party->memory != NULL);
    EXPECT(pthread_create(&party->thread, NULL, work, party) == 0);
}

static void finish(party_t *party, const char *role, party_t *total) {
    EXPECT(pthread_join(party->thread, NULL) == 0);
    printf("%s %" PRIu32 ": %" PRIu32 " values, slept %" PRIu32 " times\n", role, party->number, party->values,
           party->sleeps);
    total->values += party->values;
    total->sum += party->sum;
    wasm_memory_delete(party->memory);
    wasm_store_delete(party->store);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *shared;
    wasm_memory_t *memory;
    party_t producer[PRODUCERS], consumer[CONSUMERS], sent = {0}, received = {0};
    uint32_t i;

    EXPECT(store != NULL);
    shared = new_shared_memory(engine);
    memory = wasm_memory_obtain(store, shared);
    EXPECT(memory != NULL && RECEIVED + VALUES <= wasm_memory_data_size(memory));
    make_ring(memory);

    for (i = 0; i < CONSUMERS; i++) start(&consumer[i], i, engine, shared, consume);
    for (i = 0; i < PRODUCERS; i++) start(&producer[i], i, engine, shared, produce);
    wasm_shared_memory_delete(shared); /* it was the way to the handles, and they keep the memory */

    for (i = 0; i < PRODUCERS; i++) finish(&producer[i], "producer", &sent);
    for (i = 0; i < CONSUMERS; i++) put(memory, END, &sent.sleeps); /* after the last value: one for each consumer */
    for (i = 0; i < CONSUMERS; i++) finish(&consumer[i], "consumer", &received);

    EXPECT(sent.values == VALUES && received.values == VALUES);
    EXPECT(sent.sum == (uint64_t)VALUES * (VALUES - 1) / 2 && received.sum == sent.sum);
    for (i = 0; i < VALUES; i++) {
        uint8_t times;
        EXPECT_STATUS(wasm_memory_load_u8(memory, RECEIVED + (uint64_t)i, &times), WASM_MEMORY_OK);
        EXPECT(times == 1);
    }
    printf("%" PRIu32 " values through %d places, each received once; their sum is %" PRIu64 "\n", received.values,
           PLACES, received.sum);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
