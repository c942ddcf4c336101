/* request_per_memory_pool: a server that gives each request a memory of its own, and a pool that makes this cheap.
 *
 * A pool has slots: places for memories of a certain size. A memory that is deleted leaves its slot to the next one,
 * which finds its image and zeros there and nothing of its predecessor. After the first requests no address space is
 * mapped or unmapped any more. Needs POSIX threads. */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "example.h"

enum { SLOTS = 16, THREADS = 2, REQUESTS = 2000, COUNTER = 64, NOTES = 4096 };

static const uint64_t SLOT_BYTES = 8 * MEMORY_PAGE_SIZE;

static wasm_engine_t *engine_with_a_pool(bool overflow) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_pool_options_t options;
    wasm_engine_t *engine;

    memset(&options, 0, sizeof options); /* what is 0 has its default */
    options.struct_size = sizeof options;
    options.slots = SLOTS;
    options.slot_bytes = SLOT_BYTES;
    options.keep_resident_bytes = 256 * 1024;
    options.overflow = overflow;
    wasm_config_memory_pool_set(config, &options);
    engine = wasm_engine_new_with_config(config);
    EXPECT(engine != NULL);
    return engine;
}

static wasm_memory_pool_stats_t stats_of(const wasm_engine_t *engine) {
    wasm_memory_pool_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_engine_pool_stats(engine, &stats), WASM_MEMORY_OK);
    return stats;
}

static void print_stats(const char *when, const wasm_engine_t *engine) {
    const wasm_memory_pool_stats_t stats = stats_of(engine);
    printf("%s: %" PRIu64 " live, %" PRIu64 " warm, %" PRIu64 " cold; %" PRIu64 " hits, %" PRIu64 " misses; %" PRIu64
           " KiB resident in idle slots\n",
           when, stats.live, stats.warm, stats.cold, stats.hits, stats.misses, stats.resident_bytes / 1024);
}

/* --- the server --------------------------------------------------------------------------------------------------- */

typedef struct {
    wasm_engine_t *engine;
    const wasm_memorytype_t *type;
    const wasm_memory_image_t *image; /* any number of threads may use it */
} server_t;

/* What a guest may do: read what the image has, write, grow. */
static void handle(wasm_memory_t *memory, uint32_t request) {
    static const char secret[] = "of this request alone";
    char found[sizeof secret];
    uint32_t counter;
    size_t i;

    EXPECT_STATUS(wasm_memory_load_u32(memory, COUNTER, &counter), WASM_MEMORY_OK);
    EXPECT(counter == 1);
    EXPECT_STATUS(wasm_memory_store_u32(memory, COUNTER, counter + request), WASM_MEMORY_OK);

    EXPECT_STATUS(wasm_memory_read(memory, NOTES, found, sizeof found), WASM_MEMORY_OK);
    for (i = 0; i < sizeof found; i++) EXPECT(found[i] == 0); /* whoever had the slot before */
    EXPECT_STATUS(wasm_memory_write(memory, NOTES, secret, sizeof secret), WASM_MEMORY_OK);
    if (request % 10 == 0) {
        EXPECT_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_read(memory, MEMORY_PAGE_SIZE, found, sizeof found), WASM_MEMORY_OK);
        for (i = 0; i < sizeof found; i++) EXPECT(found[i] == 0);
        EXPECT_STATUS(wasm_memory_fill(memory, MEMORY_PAGE_SIZE, 7, 2 * MEMORY_PAGE_SIZE), WASM_MEMORY_OK);
    }
}

static void *serve(void *argument) {
    const server_t *const server = argument;
    wasm_store_t *const store = wasm_store_new(server->engine);
    uint32_t request;

    EXPECT(store != NULL);
    for (request = 0; request < REQUESTS; request++) {
        wasm_memory_t *memory;
        EXPECT_STATUS(wasm_memory_new_from_image(store, server->type, server->image, &memory), WASM_MEMORY_OK);
        handle(memory, request);
        wasm_memory_delete(memory);
    }
    wasm_store_delete(store);
    return NULL;
}

/* False where there are no slots: memories lie on the heap there. */
static bool run_server(wasm_engine_t *engine, const wasm_memorytype_t *type) {
    static const uint8_t one[] = {1, 0, 0, 0};
    const wasm_memory_segment_t segment = {COUNTER, one, sizeof one};
    wasm_memory_image_t *image;
    wasm_memory_pool_stats_t stats;
    pthread_t threads[THREADS];
    server_t server;
    int i;

    EXPECT_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
    server.engine = engine;
    server.type = type;
    server.image = image;
    for (i = 0; i < THREADS; i++) EXPECT(pthread_create(&threads[i], NULL, serve, &server) == 0);
    for (i = 0; i < THREADS; i++) EXPECT(pthread_join(threads[i], NULL) == 0);
    wasm_memory_image_delete(image);

    print_stats("after the requests", engine);
    stats = stats_of(engine);
    EXPECT(stats.live == 0 && stats.hits + stats.misses >= THREADS * REQUESTS);
    if (stats.reserved_bytes == 0) return false;
    EXPECT(stats.hits > stats.misses); /* which is what a pool is for */
    return true;
}

/* --- its limits --------------------------------------------------------------------------------------------------- */

static void fill_the_pool(wasm_store_t *store, const wasm_memorytype_t *type) {
    wasm_memory_t *memories[SLOTS], *one_more;
    wasm_memorytype_t *large;
    int i;

    for (i = 0; i < SLOTS; i++) EXPECT_STATUS(wasm_memory_try_new(store, type, &memories[i]), WASM_MEMORY_OK);
    printf("one memory more than slots:\n");
    EXPECT_REFUSED(wasm_memory_try_new(store, type, &one_more), WASM_MEMORY_OUT_OF_MEMORY);

    /* A memory grows within its slot. */
    EXPECT_STATUS(wasm_memory_try_grow(memories[0], 7, NULL), WASM_MEMORY_OK);
    printf("growth past the slot:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(memories[0], 1, NULL), WASM_MEMORY_OUT_OF_MEMORY);
    for (i = 0; i < SLOTS; i++) wasm_memory_delete(memories[i]);

    EXPECT_STATUS(wasm_memorytype_try_new(9, true, 100, false, false, 16, &large), WASM_MEMORY_OK);
    printf("a memory that is larger than a slot from the start:\n");
    EXPECT_REFUSED(wasm_memory_try_new(store, large, &one_more), WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memorytype_delete(large);
}

/* With overflow a pool refuses nothing for its own sake: past it, memories are made as without a pool. */
static void overflow(const wasm_memorytype_t *type) {
    wasm_engine_t *const engine = engine_with_a_pool(true);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memories[SLOTS + 4];
    int i;

    EXPECT(store != NULL);
    for (i = 0; i < SLOTS + 4; i++) EXPECT_STATUS(wasm_memory_try_new(store, type, &memories[i]), WASM_MEMORY_OK);
    print_stats("with overflow", engine);
    EXPECT(stats_of(engine).live == SLOTS);
    for (i = 0; i < SLOTS + 4; i++) wasm_memory_delete(memories[i]);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

int main(void) {
    wasm_engine_t *const engine = engine_with_a_pool(false);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *type;
    wasm_memory_pool_stats_t stats;

    EXPECT(store != NULL);
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 100, false, false, 16, &type), WASM_MEMORY_OK);
    if (run_server(engine, type)) {
        fill_the_pool(store, type);

        /* A quiet hour: idle slots give back what they have. The next requests make them anew. */
        EXPECT_STATUS(wasm_engine_pool_trim(engine), WASM_MEMORY_OK);
        print_stats("after a trim", engine);
        stats = stats_of(engine);
        EXPECT(stats.warm == 0 && stats.cold == 0 && stats.resident_bytes == 0);

        overflow(type);
    } else {
        printf("skipped: no pool has slots here\n");
    }
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
