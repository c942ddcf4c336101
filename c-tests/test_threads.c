/* test_threads [SEED]: what the header allows on several threads at once is done on four of them: everything that takes
 * a memory as const, copies and deletes of handles, engines, stores, types, images, segments, tokens, tickets, and
 * everything at all on a shared memory. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>

#include "support/engines.h"

enum { THREADS = 4 };

/* What each thread has. Nothing is checked on the threads themselves but into `wrong`. */
typedef struct {
    host_t host;
    wasm_memory_t *memory, *own;
    wasm_memorytype_t *type;
    wasm_memory_image_t *image;
    wasm_data_segment_t *segment;
    wasm_shared_memory_t *token;
    uint64_t random, steps;
    const char *wrong;
} worker_t;

static void expect(worker_t *worker, bool holds, const char *what) {
    if (!holds && worker->wrong == NULL) worker->wrong = what;
}

/* Four threads at once, each with a copy of what is given; what went wrong on any of them. */
static void on_all(void *(*body)(void *), const worker_t *of_all, const char *kind) {
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    uint64_t i;
    for (i = 0; i < THREADS; i++) {
        workers[i] = *of_all;
        workers[i].random = random_of(i + 100);
        CHECK_EQ(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        if (workers[i].wrong != NULL) printf("  %s: %s, seed %" PRIu64 "\n", kind, workers[i].wrong, seed);
        CHECK(workers[i].wrong == NULL);
    }
}

/* ---- const functions on one memory ---- */

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 31 + (offset >> 8) * 7 + 5); }

static void look(void *env, uint8_t *data, size_t length) {
    worker_t *const worker = (worker_t *)env;
    expect(worker, length == 2 * PAGE && data[99] == byte_at(99), "other bytes are lent");
}

static void hear(void *env, uint64_t offset, uint64_t length) {
    expect((worker_t *)env, length > 0 && offset + length <= 2 * PAGE, "a change of no bytes, or past the end");
}

static void *use_as_const(void *env) {
    worker_t *const worker = (worker_t *)env;
    const wasm_memory_t *const memory = worker->memory;
    uint64_t step;
    for (step = 0; step < worker->steps && worker->wrong == NULL; step++) {
        const uint64_t offset = random_below(&worker->random, 2 * PAGE - 64) / 8 * 8;
        uint8_t bytes[64], vector[16];
        uint16_t half = 0;
        uint32_t word = 0;
        uint64_t number = 0;
        switch (random_below(&worker->random, 16)) {
        case 0:
            expect(worker, wasm_memory_read(memory, offset, bytes, 64) == WASM_MEMORY_OK, "read");
            expect(worker, bytes[0] == byte_at(offset) && bytes[63] == byte_at(offset + 63), "other bytes are read");
            break;
        case 1:
            expect(worker, wasm_memory_load_u8(memory, offset, bytes) == WASM_MEMORY_OK, "load_u8");
            expect(worker, bytes[0] == byte_at(offset), "another byte is loaded");
            expect(worker, wasm_memory_load_v128(memory, offset, vector) == WASM_MEMORY_OK, "load_v128");
            expect(worker, vector[15] == byte_at(offset + 15), "another vector is loaded");
            break;
        case 2:
            expect(worker, wasm_memory_atomic_load16(memory, offset, &half) == WASM_MEMORY_OK, "atomic_load16");
            expect(worker, (half & 0xff) == byte_at(offset), "another half is loaded");
            expect(worker, wasm_memory_atomic_load64(memory, offset, &number) == WASM_MEMORY_OK, "atomic_load64");
            expect(worker, number >> 56 == byte_at(offset + 7), "another number is loaded");
            break;
        case 3: {
            char text[200];
            size_t needed = 0;
            expect(worker, wasm_memory_hexdump(memory, offset, 16, text, sizeof text, &needed) == WASM_MEMORY_OK,
                   "hexdump");
            expect(worker, needed > 60 && strlen(text) == needed, "another text");
            break;
        }
        case 4: {
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            expect(worker, view->byte_length == 2 * PAGE && view->base[offset] == byte_at(offset), "view");
            expect(worker, wasm_memory_data_size(memory) == 2 * PAGE, "data_size");
            expect(worker, wasm_memory_pages(memory) * wasm_memory_page_size(memory) == 2 * PAGE, "pages");
            break;
        }
        case 5: {
            wasm_memory_stats_t stats;
            memset(&stats, 0, sizeof stats);
            stats.struct_size = step % 8 == 0 ? sizeof stats : offsetof(wasm_memory_stats_t, resident_bytes);
            expect(worker, wasm_memory_stats(memory, &stats) == WASM_MEMORY_OK && stats.byte_length == 2 * PAGE,
                   "stats");
            break;
        }
        case 6: {
            wasm_memorytype_t *const type = wasm_memory_type(memory);
            expect(worker, wasm_memorytype_matches(type, worker->type), "another type");
            wasm_memorytype_delete(type);
            break;
        }
        case 7: {
            wasm_memory_t *const copy = wasm_memory_copy(memory);
            expect(worker, wasm_memory_same(copy, memory), "a copy of another");
            wasm_memory_delete(copy);
            break;
        }
        case 8: {
            wasm_memory_image_t *image = NULL;
            if (step % 8 != 0) break;
            expect(worker, wasm_memory_image_from_memory(memory, &image) == WASM_MEMORY_OK, "image_from_memory");
            expect(worker, wasm_memory_reset(worker->own, image) == WASM_MEMORY_OK, "reset to the image");
            expect(worker, wasm_memory_load_u8(worker->own, offset, bytes) == WASM_MEMORY_OK, "load");
            expect(worker, bytes[0] == byte_at(offset), "the image has other bytes");
            wasm_memory_image_delete(image);
            break;
        }
        case 9: expect(worker, wasm_memory_dirty_ranges(memory, hear, worker) == WASM_MEMORY_OK, "dirty_ranges"); break;
        case 10: expect(worker, wasm_memory_with_data(memory, look, worker) == WASM_MEMORY_OK, "with_data"); break;
        case 11:
            expect(worker, wasm_memory_copy_between(worker->own, 8, memory, offset, 64) == WASM_MEMORY_OK,
                   "copy_between");
            expect(worker, wasm_memory_load_u32(worker->own, 8, &word) == WASM_MEMORY_OK, "load_u32");
            expect(worker, (word & 0xff) == byte_at(offset), "other bytes are copied");
            break;
        case 12: {
            uint8_t *start = NULL;
            size_t length = 0;
            expect(worker, wasm_memory_accessible(memory, &start, &length) == WASM_MEMORY_OK && length >= 2 * PAGE,
                   "accessible");
            break;
        }
        case 13:
            expect(worker, wasm_memory_read(memory, 2 * PAGE - 3, bytes, 4) == WASM_MEMORY_OUT_OF_BOUNDS,
                   "past the end");
            expect(worker, wasm_memory_last_error(NULL, 0) > 0, "no sentence");
            break;
        case 14:
            expect(worker, wasm_memory_get_host_info(memory) == worker->image, "host info");
            wasm_memory_may_move(memory);
            wasm_memory_initial_pages(memory);
            break;
        default: expect(worker, wasm_memory_data(worker->memory)[7] == (byte_t)byte_at(7), "data"); break;
        }
    }
    return NULL;
}

TEST(const_functions_run_on_any_number_of_threads) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        worker_t worker;
        uint8_t bytes[2 * PAGE];
        pthread_t threads[THREADS];
        worker_t workers[THREADS];
        uint64_t i;
        memset(&worker, 0, sizeof worker);
        worker.host = host_of(&kinds[kind]);
        worker.memory = memory_of(worker.host, pages_32(2, 3));
        worker.type = type_of(pages_32(1, 4));
        worker.steps = steps_of(4000);
        for (i = 0; i < 2 * PAGE; i++) bytes[i] = byte_at(i);
        CHECK_STATUS(wasm_memory_dirty_clear(worker.memory), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_write(worker.memory, 0, bytes, 2 * PAGE), WASM_MEMORY_OK);
        for (i = 0; i < THREADS; i++) {
            workers[i] = worker;
            workers[i].random = random_of(i);
            workers[i].own = memory_of(worker.host, pages_32(2, 3));
            CHECK_EQ(pthread_create(&threads[i], NULL, use_as_const, &workers[i]), 0);
        }
        for (i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
            if (workers[i].wrong != NULL)
                printf("  %s: %s, seed %" PRIu64 "\n", kinds[kind].name, workers[i].wrong, seed);
            CHECK(workers[i].wrong == NULL);
            wasm_memory_delete(workers[i].own);
        }
        wasm_memory_delete(worker.memory);
        wasm_memorytype_delete(worker.type);
        host_delete(worker.host);
    }
}

/* ---- one engine, store, type, image and segment for all ---- */

static unsigned finalized; /* atomic */
static unsigned given;     /* atomic */
static void finalize(void *unused) {
    (void)unused;
    __atomic_add_fetch(&finalized, 1, __ATOMIC_RELAXED);
}

static bool allow(void *env, uint64_t now, uint64_t wanted, uint64_t most) {
    (void)env, (void)now, (void)most;
    return wanted % 3 != 0 || wanted > 0;
}

static void *use_what_all_have(void *env) {
    worker_t *const worker = (worker_t *)env;
    uint64_t step;
    for (step = 0; step < worker->steps && worker->wrong == NULL; step++) {
        wasm_memory_t *memory = NULL;
        uint8_t byte = 77;
        switch (random_below(&worker->random, 9)) {
        case 0:
        case 1:
            expect(worker,
                   wasm_memory_new_from_image(worker->host.store, worker->type, worker->image, &memory) ==
                       WASM_MEMORY_OK,
                   "new_from_image");
            expect(worker, wasm_memory_load_u8(memory, 100, &byte) == WASM_MEMORY_OK && byte == 9, "another image");
            expect(worker, wasm_memory_store_u64(memory, 200, UINT64_MAX) == WASM_MEMORY_OK, "store");
            expect(worker, wasm_memory_try_grow(memory, 1, NULL) == WASM_MEMORY_OK, "growth");
            wasm_memory_set_host_info_with_finalizer(memory, worker, finalize);
            __atomic_add_fetch(&given, 1, __ATOMIC_RELAXED);
            wasm_memory_delete(memory);
            break;
        case 2: {
            wasm_memory_status_t status;
            expect(worker, wasm_memory_try_new(worker->host.store, worker->type, &memory) == WASM_MEMORY_OK, "try_new");
            status = wasm_memory_init(memory, 50, worker->segment, 0, 32);
            expect(worker, status == WASM_MEMORY_OK || status == WASM_MEMORY_OUT_OF_BOUNDS, "init");
            expect(worker, wasm_memory_load_u8(memory, 50, &byte) == WASM_MEMORY_OK, "load");
            expect(worker, byte == (status == WASM_MEMORY_OK ? 4 : 0),
                   "another segment, or a place that was not clean");
            if (step == worker->steps / 2) wasm_data_segment_drop(worker->segment);
            wasm_memory_delete(memory);
            break;
        }
        case 3:
            wasm_store_data_set(worker->host.store, worker, finalize);
            __atomic_add_fetch(&given, 1, __ATOMIC_RELAXED);
            expect(worker, wasm_store_data(worker->host.store) != NULL, "no data");
            break;
        case 4: {
            wasm_memory_limiter_t limiter;
            memset(&limiter, 0, sizeof limiter);
            limiter.struct_size = sizeof limiter;
            limiter.memory_growing = allow;
            limiter.finalizer = finalize;
            __atomic_add_fetch(&given, 1, __ATOMIC_RELAXED);
            expect(worker, wasm_store_limiter_set(worker->host.store, &limiter) == WASM_MEMORY_OK, "limiter_set");
            break;
        }
        case 5: {
            wasm_memory_limits_t limits;
            memset(&limits, 0xff, sizeof limits);
            limits.struct_size = sizeof limits;
            limits.max_memories = 1000 + step;
            expect(worker, wasm_store_limits_set(worker->host.store, &limits) == WASM_MEMORY_OK, "limits_set");
            break;
        }
        case 6: {
            wasm_memory_pool_stats_t stats;
            memset(&stats, 0, sizeof stats);
            stats.struct_size = sizeof stats;
            expect(worker, wasm_engine_pool_stats(worker->host.engine, &stats) == WASM_MEMORY_OK, "pool_stats");
            if (step % 8 == 0)
                expect(worker, wasm_engine_pool_trim(worker->host.engine) == WASM_MEMORY_OK, "pool_trim");
            break;
        }
        case 7: {
            wasm_store_t *const store = wasm_store_new(worker->host.engine);
            memory = wasm_memory_new(store, worker->type);
            wasm_store_delete(store);
            expect(worker, wasm_memory_grow(memory, 1), "growth without its store");
            wasm_memory_delete(memory);
            break;
        }
        default: {
            wasm_memorytype_t *const copy = wasm_memorytype_copy(worker->type);
            expect(worker,
                   wasm_memorytype_limits(worker->type)->max == 4 && wasm_memorytype_matches(copy, worker->type),
                   "type");
            wasm_memorytype_delete(copy);
            break;
        }
        }
    }
    return NULL;
}

TEST(engines_stores_types_images_and_segments_are_for_all_threads) {
    size_t kind;
    finalized = given = 0;
    for (kind = 0; kind < KINDS; kind++) {
        static const uint8_t bytes[64] = {4, 5, 6};
        const uint8_t nine = 9;
        const wasm_memory_segment_t segment = {100, &nine, 1};
        worker_t worker;
        memset(&worker, 0, sizeof worker);
        worker.host = host_of(&kinds[kind]);
        worker.type = type_of(pages_32(1, 4));
        worker.steps = steps_of(1500);
        CHECK_STATUS(wasm_memory_image_new(&segment, 1, &worker.image), WASM_MEMORY_OK);
        worker.segment = wasm_data_segment_new(bytes, sizeof bytes);
        on_all(use_what_all_have, &worker, kinds[kind].name);
        wasm_data_segment_delete(worker.segment);
        wasm_memory_image_delete(worker.image);
        wasm_memorytype_delete(worker.type);
        host_delete(worker.host);
        CHECK_EQ(finalized, given);
    }
}

/* ---- tickets that other threads resolve ---- */

static pthread_mutex_t tickets_lock = PTHREAD_MUTEX_INITIALIZER;
static wasm_memory_ticket_t *tickets[64]; /* under the lock */
static size_t ticket_count;               /* under the lock */
static bool askers_end;                   /* under the lock */

static void keep(void *env, uint64_t now, uint64_t wanted, uint64_t most, wasm_memory_ticket_t *ticket) {
    bool is_kept;
    (void)env, (void)now, (void)wanted, (void)most;
    pthread_mutex_lock(&tickets_lock);
    is_kept = ticket_count < 64;
    if (is_kept) tickets[ticket_count++] = ticket;
    pthread_mutex_unlock(&tickets_lock);
    if (!is_kept) wasm_memory_ticket_resolve(ticket, true);
}

static void *resolve(void *unused) {
    for (;;) {
        wasm_memory_ticket_t *ticket = NULL;
        bool ends;
        pthread_mutex_lock(&tickets_lock);
        if (ticket_count > 0) ticket = tickets[--ticket_count];
        ends = askers_end && ticket == NULL;
        pthread_mutex_unlock(&tickets_lock);
        wasm_memory_ticket_resolve(ticket, true);
        if (ends) return unused;
    }
}

static void count_ready(void *env) { __atomic_add_fetch((unsigned *)env, 1, __ATOMIC_RELAXED); }

static void *ask(void *env) {
    worker_t *const worker = (worker_t *)env;
    uint64_t step;
    for (step = 0; step < worker->steps && worker->wrong == NULL; step++) {
        wasm_memory_future_t *const future = wasm_memory_new_async(worker->host.store, worker->type);
        unsigned ready = 0;
        const uint64_t how = random_below(&worker->random, 4);
        if (how == 0) wasm_memory_future_on_ready(future, count_ready, &ready);
        if (how == 1) {
            wasm_memory_future_delete(future);
            continue;
        }
        expect(worker, wasm_memory_future_wait(future, -1) == WASM_MEMORY_OK, "the outcome");
        if (how == 2) {
            wasm_memory_t *const memory = wasm_memory_future_take_memory(future);
            wasm_memory_future_t *const growth = wasm_memory_grow_async(memory, 1);
            wasm_memory_delete(memory);
            expect(worker, wasm_memory_future_wait(growth, -1) == WASM_MEMORY_OK, "growth");
            expect(worker, wasm_memory_future_previous_pages(growth) == 1, "another size before");
            wasm_memory_future_delete(growth);
        }
        wasm_memory_future_delete(future); /* waits for a callback that runs */
        expect(worker, how != 0 || __atomic_load_n(&ready, __ATOMIC_RELAXED) == 1, "called not once");
    }
    return NULL;
}

TEST(tickets_are_resolved_by_threads_that_did_not_ask) {
    worker_t worker;
    pthread_t resolvers[2];
    wasm_memory_limiter_async_t limiter;
    memset(&worker, 0, sizeof worker);
    memset(&limiter, 0, sizeof limiter);
    worker.host = host_default();
    worker.type = type_of(pages_32(1, 4));
    worker.steps = steps_of(1500);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = keep;
    askers_end = false;
    CHECK_STATUS(wasm_store_limiter_async_set(worker.host.store, &limiter), WASM_MEMORY_OK);
    CHECK_EQ(pthread_create(&resolvers[0], NULL, resolve, NULL), 0);
    CHECK_EQ(pthread_create(&resolvers[1], NULL, resolve, NULL), 0);
    on_all(ask, &worker, "tickets");
    pthread_mutex_lock(&tickets_lock);
    askers_end = true;
    pthread_mutex_unlock(&tickets_lock);
    CHECK_EQ(pthread_join(resolvers[0], NULL), 0);
    CHECK_EQ(pthread_join(resolvers[1], NULL), 0);
    wasm_memorytype_delete(worker.type);
    host_delete(worker.host);
}

/* ---- everything on a shared memory ---- */

static void *use_shared(void *env) {
    worker_t *const worker = (worker_t *)env;
    wasm_memory_t *memory = wasm_memory_obtain(worker->host.store, worker->token);
    uint64_t step, before = 0;
    for (step = 0; step < worker->steps && worker->wrong == NULL; step++) {
        const uint64_t offset = random_below(&worker->random, PAGE - 64) / 8 * 8;
        uint8_t bytes[64];
        uint64_t number = 0;
        uint32_t count = 0;
        wasm_memory_wait_result_t result = 0;
        memset(bytes, (int)step, sizeof bytes);
        switch (random_below(&worker->random, 16)) {
        case 0: expect(worker, wasm_memory_write(memory, offset, bytes, 64) == WASM_MEMORY_OK, "write"); break;
        case 1: expect(worker, wasm_memory_read(memory, offset, bytes, 64) == WASM_MEMORY_OK, "read"); break;
        case 2: expect(worker, wasm_memory_fill(memory, offset, 3, 64) == WASM_MEMORY_OK, "fill"); break;
        case 3: expect(worker, wasm_memory_copy_within(memory, offset, 8, 32) == WASM_MEMORY_OK, "copy_within"); break;
        case 4: expect(worker, wasm_memory_discard(memory, offset, 64) == WASM_MEMORY_OK, "discard"); break;
        case 5: { /* a counter of all, where nobody else writes */
            expect(worker,
                   wasm_memory_atomic_rmw64(memory, WASM_MEMORY_RMW_ADD, PAGE - 8, 1, &number) == WASM_MEMORY_OK,
                   "rmw");
            expect(worker, number >= before, "the counter went back");
            before = number;
            break;
        }
        case 6: {
            const wasm_memory_status_t status = wasm_memory_try_grow(memory, random_below(&worker->random, 2), &number);
            expect(worker, status == WASM_MEMORY_OK || status == WASM_MEMORY_MAXIMUM_EXCEEDED, "growth");
            break;
        }
        case 7: {
            const wasm_memory_status_t status = wasm_memory_atomic_wait32(memory, offset, 0, 1000, &result);
            expect(worker, status == WASM_MEMORY_OK || status == WASM_MEMORY_INTERRUPTED, "wait");
            break;
        }
        case 8: expect(worker, wasm_memory_atomic_notify(memory, offset, 2, &count) == WASM_MEMORY_OK, "notify"); break;
        case 9:
            if (step % 8 == 0)
                expect(worker, wasm_memory_interrupt_waiters(memory, &count) == WASM_MEMORY_OK, "interrupt");
            break;
        case 10: {
            wasm_memory_image_t *image = NULL;
            if (step % 8 != 0) break;
            expect(worker, wasm_memory_image_from_memory(memory, &image) == WASM_MEMORY_OK, "image_from_memory");
            wasm_memory_image_delete(image);
            break;
        }
        case 11:
            wasm_memory_delete(memory);
            memory = wasm_memory_obtain(worker->host.store, worker->token);
            expect(worker, memory != NULL, "obtain");
            break;
        case 12: {
            wasm_shared_memory_t *const token = wasm_memory_share(memory), *const clone =
                                                                               wasm_shared_memory_clone(token);
            wasm_shared_memory_delete(token);
            expect(worker, clone != NULL, "clone");
            wasm_shared_memory_delete(clone);
            break;
        }
        case 13: {
            wasm_memory_stats_t stats;
            memset(&stats, 0, sizeof stats);
            stats.struct_size = sizeof stats;
            expect(worker, wasm_memory_stats(memory, &stats) == WASM_MEMORY_OK && stats.byte_length >= PAGE, "stats");
            break;
        }
        case 14:
            expect(worker, wasm_memory_protect(memory, 0, PAGE, WASM_MEMORY_PROT_NONE) == WASM_MEMORY_SHARED,
                   "protect");
            expect(worker, wasm_memory_reset(memory, NULL) == WASM_MEMORY_SHARED, "reset");
            break;
        default: {
            const wasm_memory_status_t status = wasm_memory_dirty_clear(memory);
            expect(worker, status == WASM_MEMORY_OK, "dirty_clear");
            break;
        }
        }
    }
    wasm_memory_delete(memory);
    return NULL;
}

TEST(everything_may_be_done_to_a_shared_memory_on_all_threads) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
#if defined(_WIN32) || defined(HOST_IS_THE_HEAP)
    const size_t kinds = 2; /* nothing is exported there */
#else
    const size_t kinds = 4;
#endif
    size_t i;
    for (i = 0; i < kinds; i++) {
        wasm_config_t *const config = wasm_config_new();
        worker_t worker;
        memset(&worker, 0, sizeof worker);
        wasm_config_memory_bounds_set(config, strategies[i % 2]);
        wasm_config_memory_exportable_set(config, i >= 2);
        worker.host = host_with(config);
        worker.type = type_of(shape(1, 40, false, true, 16));
        worker.steps = steps_of(4000);
        CHECK_STATUS(wasm_shared_memory_new(worker.host.engine, worker.type, &worker.token), WASM_MEMORY_OK);
        on_all(use_shared, &worker, i < 2 ? "shared" : "exportable");
        wasm_shared_memory_delete(worker.token);
        wasm_memorytype_delete(worker.type);
        host_delete(worker.host);
    }
}

int main(int argc, char **argv) {
    seed_set(argc, argv);
    RUN(const_functions_run_on_any_number_of_threads);
    RUN(engines_stores_types_images_and_segments_are_for_all_threads);
    RUN(tickets_are_resolved_by_threads_that_did_not_ask);
    RUN(everything_may_be_done_to_a_shared_memory_on_all_threads);
    return check_finish();
}
