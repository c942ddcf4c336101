/* What a store lets its memories have: limits that are numbers, and a limiter that is asked. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <ctype.h>
#include <pthread.h>
#include <sched.h>

#include "support/children.h"
#include "support/limiters.h"
#include "support/memories.h"

static void count_one(void *counter) { *(int *)counter += 1; }

static wasm_memory_status_t status_of_new(host_t host, shape_t of) {
    wasm_memory_t *memory = NULL;
    const wasm_memory_status_t status = try_memory(host, of, &memory);
    CHECK((memory != NULL) == (status == WASM_MEMORY_OK));
    wasm_memory_delete(memory);
    return status;
}

/* Growth that fails: the status is returned, and nothing has changed. */
static wasm_memory_status_t status_of_failed_growth(wasm_memory_t *memory, uint64_t delta) {
    const uint64_t pages = wasm_memory_pages(memory);
    uint64_t previous = 77;
    const wasm_memory_status_t status = wasm_memory_try_grow(memory, delta, &previous);
    CHECK_EQ(previous, 0);
    CHECK_EQ(wasm_memory_pages(memory), pages);
    return status;
}

/* A creation, or a growth of `memory`, that fails: in the call, or as a future that is ready at once. */
typedef enum { NEW, GROW, NEW_ASYNC, GROW_ASYNC, REQUESTS } request_t;
static wasm_memory_status_t status_of_request(request_t request, host_t host, wasm_memory_t *memory, uint64_t pages) {
    wasm_memorytype_t *type;
    wasm_memory_future_t *future;
    wasm_memory_status_t status;
    if (request == NEW) return status_of_new(host, pages_64(pages, NO_MAXIMUM));
    if (request == GROW) return status_of_failed_growth(memory, pages);
    type = type_of(pages_64(pages, NO_MAXIMUM));
    future = request == NEW_ASYNC ? wasm_memory_new_async(host.store, type) : wasm_memory_grow_async(memory, pages);
    status = wasm_memory_future_poll(future);
    wasm_memory_future_delete(future);
    wasm_memorytype_delete(type);
    return status;
}

/* ---- limits ---- */

TEST(one_memory_has_max_memory_bytes_and_no_more) {
    const host_t host = host_default();
    wasm_memory_t *memory;
    limits_set(host.store, 2 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, pages_32(3, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_new(host, pages_32(2, NO_MAXIMUM)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_new(host, pages_64(3, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_new(host, pages_64(2, NO_MAXIMUM)), WASM_MEMORY_OK);
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK_STATUS(status_of_failed_growth(memory, 2), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u8(memory, 2 * PAGE - 1, 1), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(memory, 1), WASM_MEMORY_LIMIT_DENIED);
    CHECK(!wasm_memory_grow(memory, 1));
    CHECK_EQ(stats_of(memory).grow_failures, 3);
    CHECK_EQ(stats_of(memory).grow_count, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_limit_counts_bytes_and_not_pages) {
    const host_t host = host_default();
    wasm_memory_t *memory;
    limits_set(host.store, 1000, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, bytes_32(1000, NO_MAXIMUM)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_new(host, bytes_32(1001, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    memory = memory_of(host, shape(0, 5000, true, false, 0));
    CHECK_STATUS(status_of_failed_growth(memory, 1001), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 999, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(memory, 2), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(all_memories_of_a_store_share_max_total_bytes) {
    const host_t host = host_default();
    wasm_memory_t *one, *other, *third = NULL;
    limits_set(host.store, NO_LIMIT, 5 * PAGE, NO_LIMIT);
    one = memory_of(host, pages_32(2, NO_MAXIMUM));
    CHECK_STATUS(status_of_new(host, pages_32(4, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    other = memory_of(host, pages_64(2, NO_MAXIMUM));
    CHECK_STATUS(status_of_failed_growth(one, 2), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(one, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(other, 1), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(try_memory(host, bytes_32(1, 1), &third), WASM_MEMORY_LIMIT_DENIED);
    CHECK(third == NULL);
    third = memory_of(host, pages_32(0, NO_MAXIMUM)); /* which takes nothing */
    CHECK_STATUS(status_of_failed_growth(third, 1), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(one); /* three pages are given back */
    CHECK_STATUS(status_of_failed_growth(third, 4), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(third, 3, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(other);
    wasm_memory_delete(third);
    CHECK_STATUS(status_of_new(host, pages_32(5, NO_MAXIMUM)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_new(host, pages_32(6, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    host_delete(host);
}

TEST(memories_are_counted_and_not_their_handles) {
    const host_t host = host_default();
    wasm_memory_t *one, *copy, *other, *third = NULL;
    limits_set(host.store, NO_LIMIT, NO_LIMIT, 2);
    one = memory_of(host, pages_32(1, 2));
    copy = wasm_memory_copy(one);
    other = memory_of(host, pages_32(0, 2));
    CHECK_STATUS(try_memory(host, pages_32(0, 0), &third), WASM_MEMORY_LIMIT_DENIED);
    CHECK(third == NULL);
    CHECK_LAST_ERROR("max_memories");
    CHECK_LAST_ERROR("2");
    wasm_memory_delete(one);
    CHECK_STATUS(status_of_new(host, pages_32(0, 0)), WASM_MEMORY_LIMIT_DENIED); /* the copy keeps it */
    CHECK_STATUS(wasm_memory_try_grow(copy, 1, NULL), WASM_MEMORY_OK); /* and growth is no matter of their number */
    wasm_memory_delete(copy);
    third = memory_of(host, pages_32(0, 0));
    CHECK_STATUS(status_of_new(host, pages_32(0, 0)), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(other);
    wasm_memory_delete(third);
    host_delete(host);
}

TEST(a_limit_of_zero_is_a_limit) {
    const host_t host = host_default();
    wasm_memory_t *memory;
    limits_set(host.store, 0, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, bytes_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    memory = memory_of(host, pages_32(0, 1));
    CHECK_STATUS(status_of_failed_growth(memory, 1), WASM_MEMORY_LIMIT_DENIED);
    limits_set(host.store, NO_LIMIT, 0, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, bytes_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_new(host, bytes_32(0, 1)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(memory, 1), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(memory);
    limits_set(host.store, NO_LIMIT, NO_LIMIT, 0);
    CHECK_STATUS(status_of_new(host, pages_32(0, 0)), WASM_MEMORY_LIMIT_DENIED);
    host_delete(host);
}

TEST(the_sentence_has_the_limits_name_and_the_numbers) {
    const host_t host = host_default();
    wasm_memory_t *memory;
    limits_set(host.store, 200001, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, pages_32(4, 4)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("max_memory_bytes");
    CHECK_LAST_ERROR("200001");
    CHECK_LAST_ERROR("262144");
    memory = memory_of(host, pages_32(3, 9));
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("max_memory_bytes");
    CHECK_LAST_ERROR("200001");
    CHECK_LAST_ERROR("327680");
    limits_set(host.store, NO_LIMIT, 300007, NO_LIMIT);
    CHECK(!wasm_memory_grow(memory, 2));
    CHECK_LAST_ERROR("max_total_bytes");
    CHECK_LAST_ERROR("300007");
    CHECK_STATUS(status_of_new(host, pages_32(2, 4)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("max_total_bytes");
    CHECK_LAST_ERROR("300007");
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(memories_made_before_the_limits_count) {
    const host_t host = host_default();
    wasm_memory_t *const one = memory_of(host, pages_32(3, NO_MAXIMUM));
    wasm_memory_t *other;
    CHECK_STATUS(wasm_memory_try_grow(one, 1, NULL), WASM_MEMORY_OK);
    limits_set(host.store, NO_LIMIT, 6 * PAGE, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, pages_32(3, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    other = memory_of(host, pages_32(2, NO_MAXIMUM));
    CHECK_STATUS(status_of_failed_growth(one, 1), WASM_MEMORY_LIMIT_DENIED);
    limits_set(host.store, NO_LIMIT, NO_LIMIT, 2);
    CHECK_STATUS(status_of_new(host, pages_32(0, NO_MAXIMUM)), WASM_MEMORY_LIMIT_DENIED);
    limits_set(host.store, 4 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(status_of_failed_growth(one, 1), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(one);
    limits_set(host.store, NO_LIMIT, 6 * PAGE, 2);
    CHECK_STATUS(status_of_new(host, pages_32(4, NO_MAXIMUM)), WASM_MEMORY_OK);
    wasm_memory_delete(other);
    host_delete(host);
}

TEST(what_is_there_stays_above_a_new_limit) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(4, NO_MAXIMUM));
    wasm_memory_t *other;
    size_t which;
    CHECK_STATUS(wasm_memory_store_u8(memory, 4 * PAGE - 1, 42), WASM_MEMORY_OK);
    for (which = 0; which < 3; which++) {
        uint64_t previous = 77;
        uint8_t byte = 0;
        limits_set(host.store, which == 0 ? PAGE : NO_LIMIT, which == 1 ? PAGE : NO_LIMIT, which == 2 ? 0 : NO_LIMIT);
        CHECK_EQ(wasm_memory_pages(memory), 4);
        CHECK_STATUS(wasm_memory_load_u8(memory, 4 * PAGE - 1, &byte), WASM_MEMORY_OK);
        CHECK_EQ(byte, 42);
        CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
        CHECK_EQ(previous, 4);
        if (which < 2) CHECK_STATUS(status_of_failed_growth(memory, 1), WASM_MEMORY_LIMIT_DENIED);
        if (which > 0) CHECK_STATUS(status_of_new(host, bytes_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    }
    limits_none(host.store);
    other = memory_of(host, pages_32(4, NO_MAXIMUM));
    limits_set(host.store, NO_LIMIT, 2 * PAGE, NO_LIMIT);
    wasm_memory_delete(other); /* eight pages become four: still too many */
    CHECK_STATUS(status_of_new(host, bytes_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(memory);
    CHECK_STATUS(status_of_new(host, pages_32(2, 2)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_new(host, pages_32(3, 3)), WASM_MEMORY_LIMIT_DENIED);
    host_delete(host);
}

/* With the limits of two pages, three pages, two memories: which of them hold. 1, 2 and 4, or a sum. */
static int held(host_t host) {
    wasm_memory_t *memories[3] = {NULL, NULL, NULL};
    int mask = 0, i;
    if (status_of_new(host, pages_32(3, 3)) != WASM_MEMORY_OK) mask |= 1;
    memories[0] = memory_of(host, pages_32(2, 2));
    if (status_of_new(host, pages_32(2, 2)) != WASM_MEMORY_OK) mask |= 2;
    memories[1] = memory_of(host, pages_32(0, 0));
    if (try_memory(host, pages_32(0, 0), &memories[2]) != WASM_MEMORY_OK) mask |= 4;
    for (i = 0; i < 3; i++) wasm_memory_delete(memories[i]);
    return mask;
}

/* On the heap and no longer than `size`, for tools to see whoever reads past it. */
static wasm_memory_status_t set_in_size(host_t host, size_t size, size_t struct_size) {
    const wasm_memory_limits_t whole = limits_of(2 * PAGE, 3 * PAGE, 2);
    uint8_t *const part = (uint8_t *)malloc(size);
    wasm_memory_status_t status;
    memset(part, 0, size);
    memcpy(part, &whole, size < sizeof whole ? size : sizeof whole);
    memcpy(part, &struct_size, sizeof struct_size);
    status = wasm_store_limits_set(host.store, (const wasm_memory_limits_t *)(void *)part);
    free(part);
    return status;
}

TEST(only_the_limits_that_fit_whole_are_read) {
    const host_t host = host_default();
    const struct {
        size_t size;
        int held;
    } cases[] = {
        {sizeof(size_t), 0},
        {offsetof(wasm_memory_limits_t, max_memory_bytes) + 7, 0},
        {offsetof(wasm_memory_limits_t, max_total_bytes), 1},
        {offsetof(wasm_memory_limits_t, max_total_bytes) + 7, 1},
        {offsetof(wasm_memory_limits_t, max_memories), 3},
        {offsetof(wasm_memory_limits_t, max_memories) + 7, 3},
        {sizeof(wasm_memory_limits_t), 7},
        {sizeof(wasm_memory_limits_t) + 100, 7}, /* of a later header */
        {4096, 7},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        limits_set(host.store, 2 * PAGE, 3 * PAGE, 2); /* to be replaced, and not to be added to */
        CHECK_EQ(held(host), 7);
        CHECK_STATUS(set_in_size(host, cases[i].size, cases[i].size), WASM_MEMORY_OK);
        CHECK_EQ(held(host), cases[i].held);
    }
    host_delete(host);
}

TEST(limits_without_room_for_their_size_are_refused_and_change_nothing) {
    const host_t host = host_default();
    size_t size;
    limits_set(host.store, 2 * PAGE, 3 * PAGE, 2);
    for (size = 0; size < sizeof(size_t); size++) {
        CHECK_STATUS(set_in_size(host, sizeof(size_t), size), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_LAST_ERROR("struct_size");
        CHECK_EQ(held(host), 7);
    }
    limits_none(host.store);
    CHECK_EQ(held(host), 0);
    host_delete(host);
}

TEST(limits_concern_their_store_alone) {
    const host_t host = host_default();
    const host_t other = {host.engine, wasm_store_new(host.engine)};
    limits_set(host.store, 2 * PAGE, 3 * PAGE, 2);
    CHECK_EQ(held(host), 7);
    CHECK_EQ(held(other), 0);
    wasm_store_delete(other.store);
    host_delete(host);
}

TEST(what_was_refused_takes_nothing) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    watch_t watch;
    wasm_memory_t *memory;
    int i;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_reservation_set(config, 4 * PAGE);
    host = host_with(config);
    watch = watching(host);
    limiter_set(host.store, &watch);
    limits_set(host.store, NO_LIMIT, 50 * PAGE, 3);
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    for (i = 0; i < 100; i++) {
        watch.allow = true;
        CHECK_STATUS(status_of_failed_growth(memory, 10), WASM_MEMORY_OUT_OF_MEMORY); /* past its reservation */
        watch.allow = false;
        CHECK_STATUS(status_of_failed_growth(memory, 1), WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(status_of_new(host, pages_32(3, 3)), WASM_MEMORY_LIMIT_DENIED);
    }
    watch.allow = true;
    limits_set(host.store, NO_LIMIT, UINT64_MAX - 1, 3);
    for (i = 0; i < 10; i++)
        CHECK_STATUS(status_of_new(host, pages_64(UINT64_C(1) << 47, NO_MAXIMUM)), WASM_MEMORY_OUT_OF_MEMORY);
    limits_set(host.store, NO_LIMIT, 50 * PAGE, 2);
    CHECK_STATUS(status_of_new(host, pages_32(49, 49)), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_new(host, pages_32(50, 50)), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

/* With little address space: memories of 64 bits and no maximum take what tools need long to track. */
static host_t host_with_little_reserved(void) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_reservation_set(config, MIB);
    return host_with(config);
}

TEST(no_sum_wraps_past_a_limit) {
    const host_t host = host_with_little_reserved();
    wasm_memory_t *const one = memory_of(host, pages_64(2, NO_MAXIMUM));
    wasm_memory_t *const other = memory_of(host, shape(7, NO_MAXIMUM, true, false, 0));
    const struct {
        wasm_memory_t *memory;
        uint64_t delta;
    } cases[] = {
        {one, UINT64_C(1) << 46},       {one, UINT64_C(1) << 47}, {one, (UINT64_C(1) << 48) - 3},
        {one, (UINT64_C(1) << 48) - 2}, {other, UINT64_MAX - 7},  {other, UINT64_MAX - 8},
        {other, UINT64_MAX - 2 * PAGE}, {other, UINT64_C(1) << 63},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        limits_set(host.store, NO_LIMIT, 10 * PAGE, NO_LIMIT);
        CHECK_STATUS(status_of_failed_growth(cases[i].memory, cases[i].delta), WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, 10 * PAGE, NO_LIMIT, NO_LIMIT);
        CHECK_STATUS(status_of_failed_growth(cases[i].memory, cases[i].delta), WASM_MEMORY_LIMIT_DENIED);
    }
    wasm_memory_delete(one);
    wasm_memory_delete(other);
    host_delete(host);
}

/* All pages that 64 bits can address are one byte more than 64 bits can count. A total that stopped there on the way
   up was zero when they were taken off again, and what lived was forgotten. */
TEST(a_request_for_all_there_is_leaves_the_account_as_it_was) {
    const uint64_t all = UINT64_C(1) << 48;
    int request;
    for (request = NEW; request < REQUESTS; request++) {
        const bool growth = request == GROW || request == GROW_ASYNC;
        const host_t host = host_with_little_reserved();
        wasm_memory_t *one, *other;
        limits_set(host.store, NO_LIMIT, NO_LIMIT, 100); /* none of bytes */
        one = memory_of(host, pages_64(4, NO_MAXIMUM));
        other = memory_of(host, pages_64(3, NO_MAXIMUM));
        CHECK_STATUS(status_of_request((request_t)request, host, one, growth ? all - 4 : all),
                     WASM_MEMORY_OUT_OF_MEMORY);
        limits_set(host.store, NO_LIMIT, 7 * PAGE, 100);
        CHECK_STATUS(status_of_new(host, bytes_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(status_of_failed_growth(one, 1), WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(status_of_failed_growth(other, 1), WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, NO_LIMIT, 9 * PAGE, 100);
        CHECK_STATUS(status_of_new(host, pages_32(3, 3)), WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(status_of_new(host, pages_32(2, 2)), WASM_MEMORY_OK);
        wasm_memory_delete(one);
        CHECK_STATUS(status_of_new(host, pages_32(7, 7)), WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(status_of_new(host, pages_32(6, 6)), WASM_MEMORY_OK);
        wasm_memory_delete(other);
        host_delete(host);
    }
}

TEST(handles_that_outlive_the_store_keep_its_limits) {
    const host_t host = host_default();
    wasm_memory_t *const one = memory_of(host, pages_32(1, NO_MAXIMUM));
    wasm_memory_t *const other = memory_of(host, pages_32(1, NO_MAXIMUM));
    limits_set(host.store, 5 * PAGE, 4 * PAGE, NO_LIMIT);
    host_delete(host);
    CHECK_STATUS(status_of_failed_growth(one, 5), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_failed_growth(one, 3), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(one, 2, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(other, 1), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(one);
    CHECK_STATUS(wasm_memory_try_grow(other, 3, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(status_of_failed_growth(other, 1), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_delete(other);
}

/* ---- what the limiter is asked ---- */

TEST(a_limiter_is_asked_in_bytes) {
    const host_t host = host_with_little_reserved();
    const struct {
        shape_t shape;
        uint64_t delta, minimum_bytes, grown_bytes, maximum_bytes;
    } cases[] = {
        {pages_32(1, 10), 3, PAGE, 4 * PAGE, 10 * PAGE},
        {pages_32(2, NO_MAXIMUM), 1, 2 * PAGE, 3 * PAGE, UINT64_MAX},
        {pages_32(0, 65536), 1, 0, PAGE, 4 * GIB},
        {pages_32(0, 1), 1, 0, PAGE, PAGE},
        {pages_64(3, NO_MAXIMUM), 5, 3 * PAGE, 8 * PAGE, UINT64_MAX},
        {pages_64(1, UINT64_C(1) << 40), 1, PAGE, 2 * PAGE, UINT64_C(1) << 56},
        {bytes_32(1001, 70001), 17, 1001, 1018, 70001},
        {bytes_32(0, NO_MAXIMUM), 1, 0, 1, UINT64_MAX},
        {shape(12345, 99999, true, false, 0), 7, 12345, 12352, 99999},
    };
    watch_t watch = watching(host);
    size_t i;
    limiter_set(host.store, &watch);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        wasm_memory_t *memory;
        watch.asked = 0;
        memory = memory_of(host, cases[i].shape);
        CHECK_ASKED(&watch, 1, 0, cases[i].minimum_bytes);
        CHECK_EQ(watch.maximum, cases[i].maximum_bytes);
        CHECK_STATUS(wasm_memory_try_grow(memory, cases[i].delta, NULL), WASM_MEMORY_OK);
        CHECK_ASKED(&watch, 2, cases[i].minimum_bytes, cases[i].grown_bytes);
        CHECK_EQ(watch.maximum, cases[i].maximum_bytes);
        CHECK_EQ(wasm_memory_data_size(memory), cases[i].grown_bytes);
        wasm_memory_delete(memory);
    }
    CHECK_EQ(watch.failed, 0);
    host_delete(host);
}

TEST(the_standard_forms_ask_too) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 10));
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    memory = wasm_memory_new(host.store, type);
    CHECK_ASKED(&watch, 1, 0, PAGE);
    CHECK(wasm_memory_grow(memory, 2));
    CHECK_ASKED(&watch, 2, PAGE, 3 * PAGE);
    watch.allow = false;
    CHECK(!wasm_memory_grow(memory, 3));
    CHECK_ASKED(&watch, 3, 3 * PAGE, 6 * PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK(wasm_memory_new(host.store, type) == NULL);
    CHECK_ASKED(&watch, 4, 0, PAGE);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(wasm_memory_pages(memory), 3);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(growth_by_nothing_asks_nobody) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(3, 3));
    watch_t watch = watching(host);
    uint64_t previous = 77;
    watch.allow = false;
    limiter_set(host.store, &watch);
    limits_set(host.store, 0, 0, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 3);
    CHECK(wasm_memory_grow(memory, 0));
    CHECK_EQ(watch.asked, 0);
    CHECK_EQ(watch.failed, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED); /* it does listen */
    CHECK_FAILED(&watch, 1, WASM_MEMORY_MAXIMUM_EXCEEDED);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_of_the_store_that_is_deleted_is_no_matter_of_the_limiter) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    memory = memory_of(host, pages_32(1, 2));
    wasm_memory_delete(wasm_memory_copy(memory));
    wasm_memory_delete(memory);
    CHECK_EQ(watch.asked, 1);
    CHECK_EQ(watch.failed, 0);
    host_delete(host);
}

/* ---- failures, each told once ---- */

static bool has_digit(const char *text) {
    while (*text != 0 && !isdigit((unsigned char)*text)) text++;
    return *text != 0;
}

/* After a failure on this thread: its message is the sentence of the last error. */
static void check_message(const watch_t *watch, bool numbers) {
    char sentence[512];
    wasm_memory_last_error(sentence, sizeof sentence);
    if (numbers) CHECK(has_digit(watch->message));
    CHECK(strcmp(watch->message, sentence) == 0);
}

TEST(a_no_is_a_denial_and_is_told) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_t *memory, *other = NULL;
    limiter_set(host.store, &watch);
    memory = memory_of(host, pages_32(1, 10));
    watch.allow = false;
    CHECK_STATUS(status_of_failed_growth(memory, 2), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 2, PAGE, 3 * PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "65536") != NULL);
    CHECK(strstr(watch.message, "196608") != NULL);
    check_message(&watch, true);
    CHECK_STATUS(try_memory(host, pages_32(5, 10), &other), WASM_MEMORY_LIMIT_DENIED);
    CHECK(other == NULL);
    CHECK_ASKED(&watch, 3, 0, 5 * PAGE);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "327680") != NULL);
    check_message(&watch, true);
    watch.allow = true;
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    CHECK_EQ(watch.failed, 2);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void grow_by_one(void *memory, uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    CHECK_STATUS(status_of_failed_growth((wasm_memory_t *)memory, 1), WASM_MEMORY_BORROWED);
}

static void grow_by_many(void *memory, uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    CHECK_STATUS(status_of_failed_growth((wasm_memory_t *)memory, 1000), WASM_MEMORY_BORROWED);
    CHECK(!wasm_memory_grow((wasm_memory_t *)memory, 1000));
}

/* The order of the checks: each refuses what all behind it would refuse as well, and those are not asked. */
TEST(borrow_comes_before_type_before_limits_before_limiter_before_system) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    watch_t watch;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_reservation_set(config, 4 * PAGE);
    host = host_with(config);
    watch = watching(host);
    memory = memory_of(host, pages_32(1, 100));
    limits_set(host.store, 50 * PAGE, NO_LIMIT, NO_LIMIT);
    watch.allow = false;
    limiter_set(host.store, &watch);

    CHECK_STATUS(wasm_memory_with_data(memory, grow_by_many, memory), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, grow_by_one, memory), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_BORROWED);

    CHECK_STATUS(status_of_failed_growth(memory, 100), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 4, WASM_MEMORY_MAXIMUM_EXCEEDED);
    check_message(&watch, true);
    CHECK_STATUS(status_of_failed_growth(memory, UINT64_MAX), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 5, WASM_MEMORY_MAXIMUM_EXCEEDED);

    CHECK_STATUS(status_of_failed_growth(memory, 99), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 6, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_memory_bytes") != NULL);
    check_message(&watch, true);

    CHECK_STATUS(status_of_failed_growth(memory, 49), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 1, PAGE, 50 * PAGE);
    CHECK_FAILED(&watch, 7, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_memory_bytes") == NULL);

    watch.allow = true;
    CHECK_STATUS(status_of_failed_growth(memory, 49), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_ASKED(&watch, 2, PAGE, 50 * PAGE);
    CHECK_FAILED(&watch, 8, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(strstr(watch.message, "memory_reservation") != NULL);
    check_message(&watch, true);

    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    CHECK_EQ(watch.failed, 8);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(creation_is_refused_in_the_same_order) {
    const host_t host = host_default();
    const shape_t endless = pages_64(UINT64_C(1) << 47, NO_MAXIMUM);
    watch_t watch = watching(host);
    watch.allow = false;
    limiter_set(host.store, &watch);
    limits_set(host.store, NO_LIMIT, GIB, NO_LIMIT);
    CHECK_STATUS(status_of_new(host, endless), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 0);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_total_bytes") != NULL);
    check_message(&watch, true);
    limits_none(host.store);
    CHECK_STATUS(status_of_new(host, endless), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 1, 0, UINT64_C(1) << 63);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    watch.allow = true;
    CHECK_STATUS(status_of_new(host, endless), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_ASKED(&watch, 2, 0, UINT64_C(1) << 63);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_OUT_OF_MEMORY);
    check_message(&watch, true);
    host_delete(host);
}

TEST(a_missing_argument_is_no_failure_of_a_memory) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 2));
    watch_t watch = watching(host);
    wasm_memory_t *memory = NULL;
    limiter_set(host.store, &watch);
    CHECK_STATUS(wasm_memory_try_new(host.store, NULL, &memory), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_try_new(host.store, type, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(wasm_memory_new(host.store, NULL) == NULL);
    CHECK_EQ(watch.asked, 0);
    CHECK_EQ(watch.failed, 0);
    watch.allow = false;
    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_LIMIT_DENIED); /* this one is */
    CHECK_EQ(watch.failed, 1);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(a_shared_type_asks_like_any_other) {
    int request;
    for (request = NEW; request < REQUESTS; request += NEW_ASYNC - NEW) {
        int is_async, allow;
        for (is_async = 0; is_async < 2; is_async++) {
            for (allow = 0; allow < 2; allow++) {
                const host_t host = host_default();
                wasm_memorytype_t *const type = type_of(shape(1, 5, false, true, 16));
                const wasm_memory_status_t status = request == NEW && is_async ? WASM_MEMORY_ASYNC_REQUIRED
                                                    : allow                    ? WASM_MEMORY_OK
                                                                               : WASM_MEMORY_LIMIT_DENIED;
                watch_t watch = watching(host);
                wasm_memory_t *memory = NULL;
                watch.allow = allow != 0;
                watch.at_once = true;
                if (is_async)
                    limiter_async_set(host.store, &watch);
                else
                    limiter_set(host.store, &watch);
                if (request == NEW) {
                    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), status);
                } else {
                    wasm_memory_future_t *const future = wasm_memory_new_async(host.store, type);
                    CHECK_STATUS(wasm_memory_future_poll(future), status);
                    memory = wasm_memory_future_take_memory(future);
                    wasm_memory_future_delete(future);
                }
                CHECK((memory != NULL) == (status == WASM_MEMORY_OK));
                CHECK_ASKED(&watch, status != WASM_MEMORY_ASYNC_REQUIRED, 0, PAGE);
                if (status == WASM_MEMORY_OK) {
                    CHECK_EQ(watch.maximum, 5 * PAGE);
                    CHECK_EQ(watch.failed, 0);
                } else {
                    CHECK_FAILED(&watch, 1, status);
                    check_message(&watch, false);
                }
                wasm_memory_delete(memory);
                wasm_memorytype_delete(type);
                host_delete(host);
                CHECK_EQ(watch.finalized, 1);
            }
        }
    }
}

/* What the callback does must not hide why the call failed. */
static void fail_otherwise(watch_t *watch) {
    wasm_memorytype_t *type = NULL;
    (void)watch;
    CHECK_STATUS(wasm_memorytype_try_new(70001, false, 0, false, false, 16, &type), WASM_MEMORY_INVALID_TYPE);
    errno = EDOM;
}

static void guarded_in_little(void *unused) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memorytype_t *const type = type_of(pages_32(1, NO_MAXIMUM));
    watch_t watch = watching(host);
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status;
    int error;
    (void)unused;
    limiter_set(host.store, &watch);
    watch.failing = fail_otherwise;
    limit_address_space(process_kib("VmSize:") * KIB + GIB);
    status = wasm_memory_try_new(host.store, type, &memory);
    error = errno;
    CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(error, ENOMEM);
    CHECK_ASKED(&watch, 1, 0, PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(strstr(watch.message, "RLIMIT_AS") != NULL);
    check_message(&watch, true);
    wasm_memorytype_delete(type);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

TEST(a_refusal_of_the_system_is_told_with_its_reason) { CHECK_EQ(in_child(guarded_in_little, NULL), 0); }

TEST(the_last_error_is_of_the_call_and_not_of_the_callback) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    memory = memory_of(host, pages_32(1, 3));
    watch.failing = fail_otherwise;
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK(watch.failing == NULL);
    CHECK(!last_error_has("70001"));
    check_message(&watch, true);
    watch.growing = fail_otherwise;
    watch.allow = false;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK(watch.growing == NULL);
    CHECK(!last_error_has("70001"));
    check_message(&watch, true);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- tables ---- */

TEST(all_but_memory_growing_is_optional) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_limiter_t limiter = limiter_of(&watch);
    wasm_memory_t *memory;
    limiter.memory_grow_failed = NULL;
    limiter.finalizer = NULL;
    CHECK_STATUS(wasm_store_limiter_set(host.store, &limiter), WASM_MEMORY_OK);
    memory = memory_of(host, pages_32(1, 3));
    CHECK_EQ(watch.asked, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    watch.allow = false;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 2);
    CHECK_EQ(watch.failed, 0);
    limiter_none(host.store);
    CHECK_EQ(watch.finalized, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* On the heap and no longer than `size`, like the limits. */
static wasm_memory_status_t limiter_in_size(host_t host, watch_t *watch, size_t size, size_t struct_size) {
    const wasm_memory_limiter_t whole = limiter_of(watch);
    uint8_t *const part = (uint8_t *)malloc(size);
    wasm_memory_status_t status;
    memset(part, 0x11, size);
    memcpy(part, &whole, size < sizeof whole ? size : sizeof whole);
    memcpy(part, &struct_size, sizeof struct_size);
    status = wasm_store_limiter_set(host.store, (const wasm_memory_limiter_t *)(void *)part);
    free(part);
    return status;
}

TEST(only_the_callbacks_that_fit_whole_are_read) {
    const size_t failed_at = offsetof(wasm_memory_limiter_t, memory_grow_failed);
    const size_t finalizer_at = offsetof(wasm_memory_limiter_t, finalizer);
    const struct {
        size_t size;
        int failed, finalized;
    } cases[] = {
        {failed_at, 0, 0},
        {failed_at + 7, 0, 0},
        {finalizer_at, 1, 0},
        {finalizer_at + 7, 1, 0},
        {sizeof(wasm_memory_limiter_t), 1, 1},
        {sizeof(wasm_memory_limiter_t) + 100, 1, 1}, /* of a later header */
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const host_t host = host_default();
        watch_t watch = watching(host);
        watch.allow = false;
        CHECK_STATUS(limiter_in_size(host, &watch, cases[i].size, cases[i].size), WASM_MEMORY_OK);
        CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
        CHECK_ASKED(&watch, 1, 0, PAGE);
        CHECK_EQ(watch.failed, cases[i].failed);
        host_delete(host);
        CHECK_EQ(watch.finalized, cases[i].finalized);
    }
}

TEST(a_limiter_that_cannot_be_asked_is_refused_and_the_old_one_stays) {
    const host_t host = host_default();
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t), offsetof(wasm_memory_limiter_t, memory_growing),
                            offsetof(wasm_memory_limiter_t, memory_grow_failed) - 1};
    watch_t old = watching(host), refused = watching(host);
    wasm_memory_limiter_t limiter = limiter_of(&refused);
    size_t i;
    limiter_set(host.store, &old);
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t size = sizes[i] < sizeof(size_t) ? sizeof(size_t) : sizes[i];
        CHECK_STATUS(limiter_in_size(host, &refused, size, sizes[i]), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK(wasm_memory_last_error(NULL, 0) > 0);
    }
    limiter.memory_growing = NULL;
    CHECK_STATUS(wasm_store_limiter_set(host.store, &limiter), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_LAST_ERROR("memory_growing");
    CHECK_STATUS(wasm_store_limiter_set(NULL, &limiter), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(old.finalized, 0);
    old.allow = false;
    CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(old.asked, 1);
    CHECK_EQ(old.failed, 1);
    CHECK_EQ(refused.asked + refused.failed, 0);
    host_delete(host);
    CHECK_EQ(old.finalized, 1);
    CHECK_EQ(refused.finalized, 0);
}

/* ---- who is asked, and for how long ---- */

TEST(the_last_limiter_set_replaces_the_one_before) {
    const host_t host = host_default();
    watch_t one = watching(host), other = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &one);
    memory = memory_of(host, pages_32(1, 10));
    limiter_set(host.store, &other);
    CHECK_EQ(one.finalized, 1);
    CHECK_EQ(other.finalized, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK); /* a memory from before asks the new one */
    CHECK_EQ(one.asked, 1);
    CHECK_ASKED(&other, 1, PAGE, 2 * PAGE);
    limiter_async_set(host.store, &one); /* the same counters, as the other kind */
    one.finalized = 0;
    CHECK_EQ(other.finalized, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_ASYNC_REQUIRED);
    limiter_none(host.store); /* either function removes either kind */
    CHECK_EQ(one.finalized, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    other.finalized = 0;
    limiter_set(host.store, &other);
    CHECK_STATUS(wasm_store_limiter_async_set(host.store, NULL), WASM_MEMORY_OK);
    CHECK_EQ(other.finalized, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(other.asked, 1);
    CHECK_EQ(one.asked, 1);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(one.finalized, 1);
    CHECK_EQ(other.finalized, 1);
}

TEST(a_limiter_set_twice_is_finalized_twice) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    limiter_set(host.store, &watch);
    {
        wasm_memory_limiter_t limiter = limiter_of(&watch);
        CHECK_STATUS(wasm_store_limiter_set(host.store, &limiter), WASM_MEMORY_OK);
    }
    CHECK_EQ(watch.finalized, 1); /* the first copy's */
    watch.finalized = 0;
    CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 1);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

TEST(a_limiter_concerns_its_store_alone) {
    const host_t host = host_default();
    const host_t other = {host.engine, wasm_store_new(host.engine)};
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    watch.allow = false;
    limiter_set(host.store, &watch);
    memory = memory_of(other, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked + watch.failed, 0);
    CHECK_STATUS(status_of_new(host, pages_32(1, 2)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked + watch.failed, 2);
    wasm_memory_delete(memory);
    wasm_store_delete(other.store);
    host_delete(host);
}

/* Store, engine, two handles of one memory and another memory: in all orders. */
TEST(a_limiter_is_finalized_once_with_the_last_of_store_and_handles) {
    int order;
    for (order = 0; order < 120; order++) {
        host_t host = host_default();
        watch_t watch = watching(host);
        wasm_memory_t *handle[3];
        bool deleted[5] = {false, false, false, false, false};
        int rest = order, step, asked = 2;
        limiter_set(host.store, &watch);
        handle[0] = memory_of(host, pages_32(1, 10));
        handle[1] = wasm_memory_copy(handle[0]);
        handle[2] = memory_of(host, pages_32(0, 10));
        for (step = 5; step > 0; step--) {
            int pick = rest % step, what = 0, i;
            rest /= step;
            while (deleted[what] || pick-- > 0) what++;
            deleted[what] = true;
            if (what == 0)
                wasm_engine_delete(host.engine);
            else if (what == 1)
                wasm_store_delete(host.store);
            else
                wasm_memory_delete(handle[what - 2]);
            CHECK_EQ(watch.finalized, deleted[1] && deleted[2] && deleted[3] && deleted[4]);
            for (i = 0; i < 3; i++) {
                if (deleted[i + 2]) continue;
                CHECK_STATUS(wasm_memory_try_grow(handle[i], 1, NULL), WASM_MEMORY_OK);
                asked++;
            }
            CHECK_EQ(watch.asked, asked);
        }
        CHECK_EQ(watch.finalized, 1);
        CHECK_EQ(watch.failed, 0);
    }
}

TEST(a_limiter_says_no_and_hears_of_failures_after_its_store_is_gone) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    memory = memory_of(host, pages_32(1, 10));
    host_delete(host);
    watch.allow = false;
    CHECK_STATUS(status_of_failed_growth(memory, 4), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 2, PAGE, 5 * PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(status_of_failed_growth(memory, 10), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(watch.finalized, 0);
    wasm_memory_delete(memory);
    CHECK_EQ(watch.finalized, 1);
}

/* ---- calls from within the callbacks ---- */

static void use_the_memory(watch_t *watch) {
    uint64_t value = 0;
    CHECK_STATUS(wasm_memory_store_u64(watch->memory, 8, 0x1122334455667788), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(watch->memory, 8, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 0x1122334455667788);
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 0, NULL), WASM_MEMORY_OK);
}

static void make_another(watch_t *watch) {
    wasm_memory_t *const another = memory_of(watch->host, pages_32(2, 2));
    wasm_memory_delete(another);
}

static void grow_it(watch_t *watch) {
    uint64_t *const delta = (uint64_t *)watch->more;
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, *delta, NULL), WASM_MEMORY_OK);
}

static void delete_it(watch_t *watch) { wasm_memory_delete(watch->memory); }
static void delete_store(watch_t *watch) { wasm_store_delete(watch->host.store); }
static void delete_all(watch_t *watch) {
    wasm_memory_delete(watch->memory);
    host_delete(watch->host);
}

static void remove_limiter(watch_t *watch) {
    limiter_none(watch->host.store);
    CHECK_EQ(watch->finalized, 0); /* a call of it goes on */
}
static void set_other(watch_t *watch) {
    limiter_set(watch->host.store, (watch_t *)watch->more);
    CHECK_EQ(watch->finalized, 0);
}
static void set_other_async(watch_t *watch) {
    limiter_async_set(watch->host.store, (watch_t *)watch->more);
    CHECK_EQ(watch->finalized, 0);
}

TEST(a_limiter_may_use_the_memory_and_the_store_when_it_is_asked) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.growing = use_the_memory;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK(watch.growing == NULL);
    CHECK_EQ(watch.asked, 2);
    watch.growing = make_another;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_ASKED(&watch, 4, 0, 2 * PAGE); /* the one within was the last */
    CHECK_EQ(wasm_memory_pages(watch.memory), 3);
    watch.growing = make_another;
    CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 6);
    CHECK_EQ(watch.failed, 0);
    wasm_memory_delete(watch.memory);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

TEST(growth_within_the_question_makes_it_asked_again_with_the_new_numbers) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    uint64_t delta = 2, previous = 77;
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.more = &delta;
    watch.growing = grow_it;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 3, &previous), WASM_MEMORY_OK);
    CHECK_ASKED(&watch, 4, 3 * PAGE, 6 * PAGE); /* made, grown, grown within, and again */
    CHECK_EQ(previous, 3);
    CHECK_EQ(wasm_memory_pages(watch.memory), 6);
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

static void refuse(watch_t *watch) { watch->allow = false; }
static void grow_it_and_refuse_the_next(watch_t *watch) {
    grow_it(watch);
    watch->growing = refuse;
}

TEST(the_second_answer_counts_and_so_do_type_and_limits_again) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    uint64_t delta = 4;
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.more = &delta;
    watch.growing = grow_it_and_refuse_the_next;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 3, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 4, 5 * PAGE, 8 * PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(wasm_memory_pages(watch.memory), 5);

    watch.allow = true;
    watch.growing = grow_it; /* to nine pages of ten */
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(watch.asked, 6);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(wasm_memory_pages(watch.memory), 9);
    wasm_memory_delete(watch.memory);

    watch.memory = memory_of(host, pages_32(1, 10));
    limits_set(host.store, 6 * PAGE, NO_LIMIT, NO_LIMIT);
    watch.growing = grow_it; /* to five pages of six */
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 2, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 9);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_memory_bytes") != NULL);
    CHECK_EQ(wasm_memory_pages(watch.memory), 5);
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

static void grow_by_one_each_time(watch_t *watch) {
    if (watch->inside > 1) return;
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 1, NULL), WASM_MEMORY_OK);
    if (wasm_memory_pages(watch->memory) < 6) watch->growing = grow_by_one_each_time;
}

TEST(a_limiter_that_grows_the_memory_each_time_is_asked_until_it_stops) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    uint64_t previous = 77;
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.asked = 0;
    watch.growing = grow_by_one_each_time;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 6);
    CHECK_ASKED(&watch, 11, 6 * PAGE, 7 * PAGE); /* six for the growth, and five within them */
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

static void grow_deeper(watch_t *watch) {
    if (watch->inside < 8) watch->growing = grow_deeper;
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 1, NULL), WASM_MEMORY_OK);
}

TEST(growth_within_growth_within_growth_is_all_done) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.asked = 0;
    watch.growing = grow_deeper;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(watch.memory), 10);
    CHECK_ASKED(&watch, 17, 9 * PAGE, 10 * PAGE); /* nine growths, of which all but the innermost ask twice */
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

static void tighten(watch_t *watch) { limits_set(watch->host.store, PAGE, NO_LIMIT, NO_LIMIT); }

TEST(limits_set_within_the_question_hold_from_then_on) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_status_t status;
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 10));
    watch.growing = tighten;
    status = wasm_memory_try_grow(watch.memory, 1, NULL);
    /* Whether they concern the growth that was under way is left open; it is done or not done. */
    CHECK(status == WASM_MEMORY_OK || status == WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(wasm_memory_pages(watch.memory), status == WASM_MEMORY_OK ? 2 : 1);
    CHECK_EQ(watch.failed, status == WASM_MEMORY_OK ? 0 : 1);
    CHECK_EQ(watch.asked, 2);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 2);
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

TEST(a_limiter_replaced_within_its_question_answers_it_and_goes_after_it) {
    int allow;
    for (allow = 0; allow < 2; allow++) {
        const host_t host = host_default();
        watch_t one = watching(host), other = watching(host);
        limiter_set(host.store, &one);
        one.memory = memory_of(host, pages_32(1, 10));
        one.more = &other;
        one.growing = set_other;
        one.allow = allow;
        CHECK_STATUS(wasm_memory_try_grow(one.memory, 1, NULL), allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED);
        CHECK_EQ(one.finalized, 1);
        CHECK_EQ(one.asked, 2);
        CHECK_EQ(one.failed + other.failed, !allow);
        other.asked = 0;
        CHECK_STATUS(wasm_memory_try_grow(one.memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_EQ(other.asked, 1);
        wasm_memory_delete(one.memory);
        host_delete(host);
        CHECK_EQ(one.finalized, 1);
        CHECK_EQ(other.finalized, 1);
    }
}

TEST(a_limiter_removed_within_its_own_callbacks_goes_after_them) {
    int in_failure;
    for (in_failure = 0; in_failure < 2; in_failure++) {
        const host_t host = host_default();
        watch_t watch = watching(host);
        limiter_set(host.store, &watch);
        watch.memory = memory_of(host, pages_32(1, 10));
        watch.allow = false;
        if (in_failure)
            watch.failing = remove_limiter;
        else
            watch.growing = remove_limiter;
        CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
        CHECK_EQ(watch.finalized, 1);
        CHECK_EQ(watch.asked, 2);
        CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_EQ(watch.asked, 2);
        wasm_memory_delete(watch.memory);
        host_delete(host);
        CHECK_EQ(watch.finalized, 1);
    }
}

/* Who said no hears of it, and not who happens to be there afterwards, nor nobody. */
TEST(a_limiter_that_refuses_and_leaves_hears_of_the_failure_and_the_next_one_does_not) {
    void (*const actions[])(watch_t *) = {remove_limiter, set_other, set_other_async};
    size_t i;
    int request;
    for (i = 0; i < sizeof actions / sizeof *actions; i++)
        for (request = NEW; request < REQUESTS; request++) {
            const host_t host = host_default();
            watch_t one = watching(host), other = watching(host);
            limiter_set(host.store, &one);
            one.memory = memory_of(host, pages_64(1, 10));
            one.more = &other;
            one.growing = actions[i];
            one.allow = false;
            CHECK_STATUS(status_of_request((request_t)request, host, one.memory, 2), WASM_MEMORY_LIMIT_DENIED);
            CHECK(one.growing == NULL);
            CHECK_EQ(one.asked, 2);
            CHECK_FAILED(&one, 1, WASM_MEMORY_LIMIT_DENIED);
            CHECK_EQ(one.finalized, 1);
            CHECK_EQ(other.asked + other.failed, 0);
            wasm_memory_delete(one.memory);
            host_delete(host);
            CHECK_EQ(one.failed, 1);
            CHECK_EQ(one.finalized, 1);
            CHECK_EQ(other.failed, 0);
            CHECK_EQ(other.finalized, actions[i] != remove_limiter);
        }
}

/* The last handle, the store, or all there is, deleted by the callback of a growth. */
TEST(what_a_growth_uses_may_be_deleted_within_its_callbacks) {
    void (*const actions[])(watch_t *) = {delete_it, delete_store, delete_all};
    int action, in_failure, allow;
    for (action = 0; action < 3; action++)
        for (in_failure = 0; in_failure < 2; in_failure++)
            for (allow = 0; allow < 2 - in_failure; allow++) {
                const host_t host = host_default();
                watch_t watch = watching(host);
                uint64_t previous = 77;
                int finalized = 0;
                limiter_set(host.store, &watch);
                watch.memory = memory_of(host, pages_32(3, 10));
                wasm_memory_set_host_info_with_finalizer(watch.memory, &finalized, count_one);
                watch.allow = allow;
                if (in_failure)
                    watch.failing = actions[action];
                else
                    watch.growing = actions[action];
                CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, &previous),
                             allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED);
                CHECK_EQ(previous, allow ? 3 : 0);
                CHECK_EQ(watch.asked, 2);
                CHECK_EQ(watch.failed, !allow);
                CHECK_EQ(finalized, actions[action] != delete_store);
                CHECK_EQ(watch.finalized, actions[action] == delete_all);
                if (actions[action] == delete_it) host_delete(host);
                if (actions[action] == delete_store) {
                    wasm_memory_delete(watch.memory);
                    wasm_engine_delete(host.engine);
                }
                CHECK_EQ(finalized, 1);
                CHECK_EQ(watch.finalized, 1);
            }
}

TEST(the_store_may_be_deleted_within_the_question_about_a_new_memory) {
    int allow;
    for (allow = 0; allow < 2; allow++) {
        const host_t host = host_default();
        watch_t watch = watching(host);
        wasm_memory_t *memory = NULL;
        limiter_set(host.store, &watch);
        watch.allow = allow;
        watch.growing = delete_store;
        CHECK_STATUS(try_memory(host, pages_32(1, 10), &memory), allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED);
        CHECK((memory != NULL) == allow);
        CHECK_EQ(watch.failed, !allow);
        CHECK_EQ(watch.finalized, !allow);
        if (allow) CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_EQ(watch.asked, 1 + allow);
        wasm_memory_delete(memory);
        CHECK_EQ(watch.finalized, 1);
        wasm_engine_delete(host.engine);
    }
}

TEST(a_limiter_may_use_the_memory_and_the_store_when_it_hears_of_a_failure) {
    void (*const actions[])(watch_t *) = {use_the_memory, make_another, grow_it, tighten};
    size_t i;
    for (i = 0; i < sizeof actions / sizeof *actions; i++) {
        const host_t host = host_default();
        watch_t watch = watching(host);
        uint64_t delta = 4;
        limiter_set(host.store, &watch);
        watch.memory = memory_of(host, pages_32(1, 5));
        watch.more = &delta;
        watch.failing = actions[i];
        CHECK_STATUS(wasm_memory_try_grow(watch.memory, 5, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK(watch.failing == NULL);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(wasm_memory_pages(watch.memory), actions[i] == grow_it ? 5 : 1);
        CHECK_EQ(watch.asked, actions[i] == grow_it || actions[i] == make_another ? 2 : 1);
        if (actions[i] == tighten)
            CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
        wasm_memory_delete(watch.memory);
        host_delete(host);
        CHECK_EQ(watch.finalized, 1);
    }
}

static void fail_once_more(watch_t *watch) {
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 2, NULL), WASM_MEMORY_LIMIT_DENIED);
}

TEST(a_failure_within_the_telling_of_a_failure_is_told_too) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    limiter_set(host.store, &watch);
    watch.memory = memory_of(host, pages_32(1, 5));
    watch.allow = false;
    watch.failing = fail_once_more;
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 5, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("maximum"); /* the outer call failed last */
    wasm_memory_delete(watch.memory);
    host_delete(host);
}

static void set_third(watch_t *watch) {
    limiter_set(watch->host.store, (watch_t *)watch->more);
    CHECK_EQ(watch->finalized, 1);
}

static void grow_freely(watch_t *watch) {
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 1, NULL), WASM_MEMORY_OK);
    use_the_memory(watch);
}

TEST(a_finalizer_may_use_the_store_that_it_leaves) {
    void (*const actions[])(watch_t *) = {use_the_memory, make_another, grow_freely, set_third,
                                          delete_it,      delete_store, delete_all,  tighten};
    size_t i;
    for (i = 0; i < sizeof actions / sizeof *actions; i++) {
        const host_t host = host_default();
        watch_t watch = watching(host), third = watching(host);
        int finalized = 0;
        limiter_set(host.store, &watch);
        watch.memory = memory_of(host, pages_32(1, 5));
        wasm_memory_set_host_info_with_finalizer(watch.memory, &finalized, count_one);
        watch.more = &third;
        watch.finalizing = actions[i];
        limiter_none(host.store);
        CHECK_EQ(watch.finalized, 1);
        CHECK(watch.finalizing == NULL);
        CHECK_EQ(watch.asked, 1); /* no longer */
        CHECK_EQ(finalized, actions[i] == delete_it || actions[i] == delete_all);
        if (actions[i] == set_third) {
            CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
            CHECK_EQ(third.asked, 1);
        }
        if (actions[i] == grow_freely) CHECK_EQ(wasm_memory_pages(watch.memory), 2);
        if (actions[i] != delete_it && actions[i] != delete_all) wasm_memory_delete(watch.memory);
        if (actions[i] != delete_store && actions[i] != delete_all) wasm_store_delete(host.store);
        if (actions[i] != delete_all) wasm_engine_delete(host.engine);
        CHECK_EQ(watch.finalized, 1);
        CHECK_EQ(third.finalized, actions[i] == set_third);
        CHECK_EQ(finalized, 1);
    }
}

TEST(a_finalizer_may_replace_the_limiter_that_replaced_it) {
    const host_t host = host_default();
    watch_t first = watching(host), second = watching(host), third = watching(host);
    limiter_set(host.store, &first);
    first.more = &third;
    first.finalizing = set_third;
    limiter_set(host.store, &second);
    CHECK_EQ(first.finalized, 1);
    CHECK_EQ(second.finalized, 1);
    CHECK_EQ(third.finalized, 0);
    CHECK_STATUS(status_of_new(host, pages_32(1, 1)), WASM_MEMORY_OK);
    CHECK_EQ(first.asked + second.asked, 0);
    CHECK_EQ(third.asked, 1);
    host_delete(host);
    CHECK_EQ(first.finalized, 1);
    CHECK_EQ(second.finalized, 1);
    CHECK_EQ(third.finalized, 1);
}

/* ---- threads ---- */

#define THREADS 4
#define TOTAL_PAGES 100

static struct {
    host_t host;
    uint64_t bytes, most; /* what the threads have by their own count, which is never ahead of the library's */
    uint64_t grown, denied, wrong;
    int asked;
    pthread_barrier_t start;
} crowd;

static void crowd_add(uint64_t bytes) {
    const uint64_t now = __atomic_add_fetch(&crowd.bytes, bytes, __ATOMIC_SEQ_CST);
    uint64_t most = __atomic_load_n(&crowd.most, __ATOMIC_SEQ_CST);
    while (now > most &&
           !__atomic_compare_exchange_n(&crowd.most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

static void crowd_note(wasm_memory_status_t status, uint64_t bytes) {
    if (status == WASM_MEMORY_OK) crowd_add(bytes);
    __atomic_add_fetch(status == WASM_MEMORY_OK             ? &crowd.grown
                       : status == WASM_MEMORY_LIMIT_DENIED ? &crowd.denied
                                                            : &crowd.wrong,
                       1, __ATOMIC_SEQ_CST);
}

static bool crowd_growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    (void)env;
    if (current > desired || desired > maximum) __atomic_add_fetch(&crowd.wrong, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&crowd.asked, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void *grow_until_denied(void *memory) {
    wasm_memory_status_t status;
    pthread_barrier_wait(&crowd.start);
    do {
        status = wasm_memory_try_grow((wasm_memory_t *)memory, 1, NULL);
        crowd_note(status, PAGE);
    } while (status == WASM_MEMORY_OK);
    return NULL;
}

static void *grow_and_begin_again(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    wasm_memorytype_t *const type = type_of(pages_32(1, 2 * TOTAL_PAGES)); /* until it is denied */
    int round;
    pthread_barrier_wait(&crowd.start);
    for (round = 0; round < 400; round++) {
        wasm_memory_t *memory = NULL;
        wasm_memory_status_t status = wasm_memory_try_new(crowd.host.store, type, &memory);
        crowd_note(status, PAGE);
        while (status == WASM_MEMORY_OK) {
            uint32_t delta;
            random = random * 1664525u + 1013904223u;
            delta = 1 + (random >> 16) % 20;
            status = wasm_memory_try_grow(memory, delta, NULL);
            crowd_note(status, delta * PAGE);
        }
        __atomic_sub_fetch(&crowd.bytes, wasm_memory_data_size(memory), __ATOMIC_SEQ_CST);
        wasm_memory_delete(memory);
    }
    wasm_memorytype_delete(type);
    return NULL;
}

static void crowd_begin(bool ask) {
    memset(&crowd, 0, sizeof crowd);
    crowd.host = host_default();
    if (ask) {
        wasm_memory_limiter_t limiter;
        memset(&limiter, 0, sizeof limiter);
        limiter.struct_size = sizeof limiter;
        limiter.memory_growing = crowd_growing;
        CHECK_STATUS(wasm_store_limiter_set(crowd.host.store, &limiter), WASM_MEMORY_OK);
    }
    limits_set(crowd.host.store, NO_LIMIT, TOTAL_PAGES * PAGE, NO_LIMIT);
    pthread_barrier_init(&crowd.start, NULL, THREADS);
}

static void crowd_run(void *(*body)(void *), void *const *envs) {
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, body, envs[i]), 0);
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&crowd.start);
    CHECK_EQ(crowd.wrong, 0);
    CHECK(crowd.grown > 0 && crowd.denied > 0);
    CHECK(crowd.most <= TOTAL_PAGES * PAGE);
}

static void crowd_end(void) {
    limiter_none(crowd.host.store);
    CHECK_STATUS(status_of_new(crowd.host, pages_32(TOTAL_PAGES, TOTAL_PAGES)), WASM_MEMORY_OK); /* all of it is back */
    CHECK_STATUS(status_of_new(crowd.host, pages_32(TOTAL_PAGES + 1, 200)), WASM_MEMORY_LIMIT_DENIED);
    host_delete(crowd.host);
}

TEST(threads_get_the_total_between_them_to_the_last_page) {
    int round;
    for (round = 0; round < 40; round++) {
        void *memories[THREADS];
        int i;
        crowd_begin(round % 2 == 1);
        for (i = 0; i < THREADS; i++) memories[i] = memory_of(crowd.host, pages_32(0, 1000));
        crowd_run(grow_until_denied, memories);
        CHECK_EQ(crowd.bytes, TOTAL_PAGES * PAGE);
        CHECK_EQ(crowd.denied, THREADS);
        for (i = 0; i < THREADS; i++) wasm_memory_delete((wasm_memory_t *)memories[i]);
        crowd_end();
    }
}

TEST(threads_never_have_more_than_the_total_and_give_it_all_back) {
    int ask;
    for (ask = 0; ask < 2; ask++) {
        uint32_t seeds[THREADS] = {1, 20, 300, 4000};
        void *envs[THREADS];
        int i;
        for (i = 0; i < THREADS; i++) envs[i] = &seeds[i];
        crowd_begin(ask);
        crowd_run(grow_and_begin_again, envs);
        CHECK_EQ(crowd.bytes, 0);
        if (ask) CHECK(crowd.asked >= (int)crowd.grown);
        crowd_end();
    }
}

static void *make_until_denied(void *result) {
    wasm_memory_t **const memories = (wasm_memory_t **)result;
    wasm_memorytype_t *const type = type_of(pages_32(0, 0));
    size_t count = 0;
    wasm_memory_status_t status;
    pthread_barrier_wait(&crowd.start);
    do {
        status = wasm_memory_try_new(crowd.host.store, type, &memories[count]);
        crowd_note(status, 1);
        if (status == WASM_MEMORY_OK) count++;
    } while (status == WASM_MEMORY_OK && count < 50);
    wasm_memorytype_delete(type);
    return NULL;
}

TEST(threads_make_as_many_memories_as_there_may_be) {
    static wasm_memory_t *memories[THREADS][50];
    void *envs[THREADS];
    int round, i, j;
    for (i = 0; i < THREADS; i++) envs[i] = memories[i];
    for (round = 0; round < 40; round++) {
        memset(memories, 0, sizeof memories);
        crowd_begin(false);
        limits_set(crowd.host.store, NO_LIMIT, NO_LIMIT, 42);
        crowd_run(make_until_denied, envs);
        CHECK_EQ(crowd.bytes, 42);
        for (i = 0; i < THREADS; i++)
            for (j = 0; j < 50; j++) wasm_memory_delete(memories[i][j]);
        limits_set(crowd.host.store, NO_LIMIT, TOTAL_PAGES * PAGE, 1);
        crowd_end();
    }
}

/* Limiters come and go while threads grow: each is finalized once, and never called after that. */
#define COMERS 2000
static struct {
    int calls, finalized;
} comers[COMERS];

static bool comer_growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    const size_t which = (size_t)(uintptr_t)env;
    (void)current;
    (void)desired;
    (void)maximum;
    if (__atomic_load_n(&comers[which].finalized, __ATOMIC_SEQ_CST) != 0)
        __atomic_add_fetch(&crowd.wrong, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&comers[which].calls, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&comers[which].finalized, __ATOMIC_SEQ_CST) != 0)
        __atomic_add_fetch(&crowd.wrong, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void comer_finalized(void *env) {
    __atomic_add_fetch(&comers[(size_t)(uintptr_t)env].finalized, 1, __ATOMIC_SEQ_CST);
}

static int comers_over;
static void *come_and_go(void *unused) {
    size_t i, turn;
    (void)unused;
    pthread_barrier_wait(&crowd.start);
    for (i = 0; i < COMERS; i++) {
        wasm_memory_limiter_t limiter;
        memset(&limiter, 0, sizeof limiter);
        limiter.struct_size = sizeof limiter;
        limiter.env = (void *)(uintptr_t)i;
        limiter.memory_growing = comer_growing;
        limiter.finalizer = comer_finalized;
        if (wasm_store_limiter_set(crowd.host.store, &limiter) != WASM_MEMORY_OK)
            __atomic_add_fetch(&crowd.wrong, 1, __ATOMIC_SEQ_CST);
        if (i % 7 == 0) limits_set(crowd.host.store, NO_LIMIT, (TOTAL_PAGES + i % 3) * PAGE, NO_LIMIT);
        /* Some stay until they are asked; the bound is for a library that asks nobody. */
        for (turn = 0; i % 50 == 0 && turn < 1000000; turn++) {
            if (__atomic_load_n(&comers[i].calls, __ATOMIC_SEQ_CST) != 0) break;
            sched_yield();
        }
    }
    __atomic_store_n(&comers_over, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *grow_meanwhile(void *unused) {
    (void)unused;
    pthread_barrier_wait(&crowd.start);
    while (__atomic_load_n(&comers_over, __ATOMIC_SEQ_CST) == 0) {
        wasm_memory_t *memory = NULL;
        if (try_memory(crowd.host, pages_32(1, 2), &memory) != WASM_MEMORY_OK ||
            wasm_memory_try_grow(memory, 1, NULL) != WASM_MEMORY_OK)
            __atomic_add_fetch(&crowd.wrong, 1, __ATOMIC_SEQ_CST);
        wasm_memory_delete(memory);
    }
    return NULL;
}

TEST(limiters_may_be_replaced_while_threads_grow) {
    pthread_t threads[THREADS];
    uint64_t calls = 0;
    size_t i;
    memset(comers, 0, sizeof comers);
    comers_over = 0;
    crowd_begin(false);
    for (i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i == 0 ? come_and_go : grow_meanwhile, NULL), 0);
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&crowd.start);
    CHECK_EQ(crowd.wrong, 0);
    for (i = 0; i < COMERS; i++) {
        CHECK_EQ(comers[i].finalized, i + 1 < COMERS); /* the last one is still there */
        calls += (uint64_t)comers[i].calls;
    }
    CHECK(calls >= COMERS / 50);
    limits_set(crowd.host.store, NO_LIMIT, TOTAL_PAGES * PAGE, NO_LIMIT);
    crowd_end();
    CHECK_EQ(comers[COMERS - 1].finalized, 1);
}

/* Limits are set while memories grow in a store that had none. Each thread ends with the growth that it is in at that
   moment, so that no later one puts right what was counted of it. */
#define LATE_PAGES 500

static struct {
    pthread_barrier_t start;
    int over;
} late;

static void *grow_until_over(void *memory) {
    pthread_barrier_wait(&late.start);
    do {
        if (wasm_memory_try_grow((wasm_memory_t *)memory, 1, NULL) != WASM_MEMORY_OK) return NULL;
    } while (__atomic_load_n(&late.over, __ATOMIC_RELAXED) == 0);
    return NULL;
}

TEST(limits_set_while_threads_grow_count_every_byte) {
    const host_t hosts[] = {host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED), host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED)};
    int round, wrong = 0;
    for (round = 0; round < 300; round++) {
        const host_t host = {hosts[round % 2].engine, wasm_store_new(hosts[round % 2].engine)};
        wasm_memory_t *const rest = memory_of(host, pages_32(0, NO_MAXIMUM));
        wasm_memory_t *memories[THREADS];
        pthread_t threads[THREADS];
        uint64_t left = THREADS * LATE_PAGES;
        volatile int turn;
        int i;
        late.over = 0;
        pthread_barrier_init(&late.start, NULL, THREADS + 1);
        for (i = 0; i < THREADS; i++) {
            memories[i] = memory_of(host, pages_32(0, LATE_PAGES));
            CHECK_EQ(pthread_create(&threads[i], NULL, grow_until_over, memories[i]), 0);
        }
        pthread_barrier_wait(&late.start);
        for (turn = 0; turn < round * 37 % 5000; turn++) {
        }
        __atomic_store_n(&late.over, 1, __ATOMIC_RELAXED);
        limits_set(host.store, NO_LIMIT, THREADS * LATE_PAGES * PAGE, NO_LIMIT);
        for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
        pthread_barrier_destroy(&late.start);
        for (i = 0; i < THREADS; i++) left -= wasm_memory_pages(memories[i]);
        wrong += wasm_memory_try_grow(rest, left + 1, NULL) != WASM_MEMORY_LIMIT_DENIED ||
                 wasm_memory_try_grow(rest, left, NULL) != WASM_MEMORY_OK;
        for (i = 0; i < THREADS; i++) wasm_memory_delete(memories[i]);
        wasm_memory_delete(rest);
        wasm_store_delete(host.store);
    }
    CHECK_EQ(wrong, 0);
    host_delete(hosts[0]);
    host_delete(hosts[1]);
}

int main(void) {
    RUN(one_memory_has_max_memory_bytes_and_no_more);
    RUN(a_limit_counts_bytes_and_not_pages);
    RUN(all_memories_of_a_store_share_max_total_bytes);
    RUN(memories_are_counted_and_not_their_handles);
    RUN(a_limit_of_zero_is_a_limit);
    RUN(the_sentence_has_the_limits_name_and_the_numbers);
    RUN(memories_made_before_the_limits_count);
    RUN(what_is_there_stays_above_a_new_limit);
    RUN(only_the_limits_that_fit_whole_are_read);
    RUN(limits_without_room_for_their_size_are_refused_and_change_nothing);
    RUN(limits_concern_their_store_alone);
    RUN(what_was_refused_takes_nothing);
    RUN(no_sum_wraps_past_a_limit);
    RUN(a_request_for_all_there_is_leaves_the_account_as_it_was);
    RUN(handles_that_outlive_the_store_keep_its_limits);
    RUN(a_limiter_is_asked_in_bytes);
    RUN(the_standard_forms_ask_too);
    RUN(growth_by_nothing_asks_nobody);
    RUN(a_memory_of_the_store_that_is_deleted_is_no_matter_of_the_limiter);
    RUN(a_no_is_a_denial_and_is_told);
    RUN(borrow_comes_before_type_before_limits_before_limiter_before_system);
    RUN(creation_is_refused_in_the_same_order);
    RUN(a_missing_argument_is_no_failure_of_a_memory);
    RUN(a_shared_type_asks_like_any_other);
    RUN_IN_CHILDREN(a_refusal_of_the_system_is_told_with_its_reason);
    RUN(the_last_error_is_of_the_call_and_not_of_the_callback);
    RUN(all_but_memory_growing_is_optional);
    RUN(only_the_callbacks_that_fit_whole_are_read);
    RUN(a_limiter_that_cannot_be_asked_is_refused_and_the_old_one_stays);
    RUN(the_last_limiter_set_replaces_the_one_before);
    RUN(a_limiter_set_twice_is_finalized_twice);
    RUN(a_limiter_concerns_its_store_alone);
    RUN(a_limiter_is_finalized_once_with_the_last_of_store_and_handles);
    RUN(a_limiter_says_no_and_hears_of_failures_after_its_store_is_gone);
    RUN(a_limiter_may_use_the_memory_and_the_store_when_it_is_asked);
    RUN(growth_within_the_question_makes_it_asked_again_with_the_new_numbers);
    RUN(the_second_answer_counts_and_so_do_type_and_limits_again);
    RUN(a_limiter_that_grows_the_memory_each_time_is_asked_until_it_stops);
    RUN(growth_within_growth_within_growth_is_all_done);
    RUN(limits_set_within_the_question_hold_from_then_on);
    RUN(a_limiter_replaced_within_its_question_answers_it_and_goes_after_it);
    RUN(a_limiter_removed_within_its_own_callbacks_goes_after_them);
    RUN(a_limiter_that_refuses_and_leaves_hears_of_the_failure_and_the_next_one_does_not);
    RUN(what_a_growth_uses_may_be_deleted_within_its_callbacks);
    RUN(the_store_may_be_deleted_within_the_question_about_a_new_memory);
    RUN(a_limiter_may_use_the_memory_and_the_store_when_it_hears_of_a_failure);
    RUN(a_failure_within_the_telling_of_a_failure_is_told_too);
    RUN(a_finalizer_may_use_the_store_that_it_leaves);
    RUN(a_finalizer_may_replace_the_limiter_that_replaced_it);
    RUN(threads_get_the_total_between_them_to_the_last_page);
    RUN(threads_never_have_more_than_the_total_and_give_it_all_back);
    RUN(threads_make_as_many_memories_as_there_may_be);
    RUN(limiters_may_be_replaced_while_threads_grow);
    RUN(limits_set_while_threads_grow_count_every_byte);
    return check_finish();
}
