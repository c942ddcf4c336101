/* NULL in every argument, numbers that mean nothing, sizes that nobody has: the answer is
 * defined, what is written is zero, and nothing else changes. */
#include "wasm_memory.h"

#include "support/limiters.h"
#include "support/memories.h"

/* An address that is not NULL and must not survive in an out-parameter. */
static int nothing;
#define GARBAGE(type) ((type *)(void *)&nothing)

/* A call with NULL that gives NULL, 0 or false, and leaves a sentence. `before` is put there first, so that the
   sentence is seen to be this call's. */
static bool is_new_sentence(void) {
    char detail[512];
    wasm_memory_last_error(detail, sizeof detail);
    return strstr(detail, "70001") == NULL && detail[0] != 0;
}
static void leave_a_sentence(void) {
    wasm_memorytype_t *type;
    wasm_memorytype_try_new(70001, false, 0, false, false, 16, &type);
}
#define CHECK_NOTHING(call, none) \
    do {                          \
        leave_a_sentence();       \
        CHECK((call) == (none));  \
        CHECK(is_new_sentence()); \
    } while (0)

TEST(deleting_nothing_does_nothing) {
    leave_a_sentence();
    wasm_config_delete(NULL);
    wasm_engine_delete(NULL);
    wasm_store_delete(NULL);
    wasm_memorytype_delete(NULL);
    wasm_memorytype_vec_delete(NULL);
    wasm_memory_delete(NULL);
    wasm_data_segment_delete(NULL);
    wasm_memory_future_delete(NULL);
    wasm_memory_ticket_resolve(NULL, true); /* nor is there anything to answer */
    wasm_memory_ticket_resolve(NULL, false);
    CHECK_LAST_ERROR("70001"); /* it is no failure */
}

TEST(options_of_no_configuration_are_ignored) {
    wasm_config_memory_bounds_set(NULL, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_bounds_set(NULL, 99);
    wasm_config_memory_reservation_set(NULL, UINT64_MAX);
    wasm_config_memory_reservation_for_growth_set(NULL, UINT64_MAX);
    wasm_config_memory_guard_size_set(NULL, UINT64_MAX);
    wasm_config_guard_before_memory_set(NULL, true);
    wasm_config_memory_may_move_set(NULL, true);
    wasm_config_memory_huge_pages_set(NULL, true);
    wasm_config_memory_exportable_set(NULL, true);
    host_delete(host_default());
}

TEST(engines_and_stores_of_nothing) {
    CHECK_NOTHING(wasm_engine_new_with_config(NULL), NULL);
    CHECK_NOTHING(wasm_store_new(NULL), NULL);
}

TEST(types_of_nothing) {
    uint64_t maximum = 77;
    wasm_memorytype_t *const type = type_of(pages_32(1, 2));
    CHECK_NOTHING(wasm_memorytype_new(NULL), NULL);
    CHECK_NOTHING(wasm_memorytype_copy(NULL), NULL);
    CHECK_NOTHING(wasm_memorytype_limits(NULL), NULL);
    CHECK_NOTHING(wasm_memorytype_minimum(NULL), 0);
    CHECK_NOTHING(wasm_memorytype_maximum(NULL, &maximum), false);
    CHECK_EQ(maximum, 0);
    CHECK_NOTHING(wasm_memorytype_maximum(NULL, NULL), false);
    CHECK_NOTHING(wasm_memorytype_maximum(type, NULL), false); /* not among the optional outs */
    CHECK_NOTHING(wasm_memorytype_is64(NULL), false);
    CHECK_NOTHING(wasm_memorytype_isshared(NULL), false);
    CHECK_NOTHING(wasm_memorytype_page_size(NULL), 0);
    CHECK_NOTHING(wasm_memorytype_page_size_log2(NULL), 0);
    CHECK_NOTHING(wasm_memorytype_matches(NULL, type), false);
    CHECK_NOTHING(wasm_memorytype_matches(type, NULL), false);
    CHECK_NOTHING(wasm_memorytype_matches(NULL, NULL), false);
    CHECK_STATUS(wasm_memorytype_try_new(1, true, 2, false, false, 16, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memorytype_try_new(2, true, 1, false, false, 99, NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memorytype_delete(type);
}

TEST(vectors_of_nothing_are_empty) {
    const wasm_memorytype_vec_t garbage = {77, GARBAGE(wasm_memorytype_t *)};
    wasm_memorytype_t *types[1] = {NULL};
    wasm_memorytype_vec_t vector = garbage;
    wasm_memorytype_vec_new_empty(NULL);
    wasm_memorytype_vec_new_uninitialized(NULL, 3);
    wasm_memorytype_vec_new(NULL, 1, types);
    wasm_memorytype_vec_new(NULL, 1, NULL);
    wasm_memorytype_vec_copy(NULL, NULL);
    wasm_memorytype_vec_new_empty(&vector);
    CHECK_EQ(vector.size, 0);
    wasm_memorytype_vec_copy(NULL, &vector);
    vector = garbage;
    wasm_memorytype_vec_new(&vector, 0, NULL);
    CHECK_EQ(vector.size, 0);
    CHECK(vector.data == NULL);
    vector = garbage;
    wasm_memorytype_vec_new_uninitialized(&vector, 0);
    CHECK_EQ(vector.size, 0);
    wasm_memorytype_vec_delete(&vector);
    vector = garbage;
    wasm_memorytype_vec_new(&vector, 3, NULL);
    CHECK_EQ(vector.size, 0);
    CHECK(vector.data == NULL);
    vector = garbage;
    wasm_memorytype_vec_copy(&vector, NULL);
    CHECK_EQ(vector.size, 0);
    CHECK(vector.data == NULL);
}

TEST(a_vector_may_have_gaps) {
    wasm_memorytype_t *types[3] = {NULL, NULL, NULL};
    wasm_memorytype_vec_t vector, copy;
    types[1] = type_of(pages_32(1, 2));
    wasm_memorytype_vec_new(&vector, 3, types);
    wasm_memorytype_vec_copy(&copy, &vector);
    if (CHECK_EQ(copy.size, 3)) {
        CHECK(copy.data[0] == NULL);
        CHECK_EQ(wasm_memorytype_minimum(copy.data[1]), 1);
    }
    wasm_memorytype_vec_delete(&vector);
    wasm_memorytype_vec_delete(&copy);
    wasm_memorytype_vec_new_uninitialized(&vector, 5); /* and is deleted before it is filled */
    CHECK_EQ(vector.size, 5);
    wasm_memorytype_vec_delete(&vector);
    wasm_memorytype_vec_delete(&vector); /* it was left empty */
}

TEST(a_vector_that_no_heap_holds_is_empty) {
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 8 + 1, SIZE_MAX / 16};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wasm_memorytype_vec_t vector = {77, GARBAGE(wasm_memorytype_t *)};
        wasm_memorytype_vec_new_uninitialized(&vector, sizes[i]);
        CHECK_EQ(vector.size, 0);
        CHECK(vector.data == NULL);
        wasm_memorytype_vec_delete(&vector);
    }
}

TEST(memories_of_nothing) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 2));
    wasm_memory_t *memory = GARBAGE(wasm_memory_t);
    CHECK_NOTHING(wasm_memory_new(NULL, type), NULL);
    CHECK_NOTHING(wasm_memory_new(host.store, NULL), NULL);
    CHECK_NOTHING(wasm_memory_new(NULL, NULL), NULL);
    CHECK_STATUS(wasm_memory_try_new(NULL, type, &memory), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(memory == NULL);
    memory = GARBAGE(wasm_memory_t);
    CHECK_STATUS(wasm_memory_try_new(host.store, NULL, &memory), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(memory == NULL);
    CHECK_STATUS(wasm_memory_try_new(host.store, type, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_try_new(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(questions_about_no_memory) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    uint8_t *start = GARBAGE(uint8_t);
    size_t length = 77;
    uint64_t previous = 77;
    CHECK_NOTHING(wasm_memory_copy(NULL), NULL);
    CHECK_NOTHING(wasm_memory_same(NULL, memory), false);
    CHECK_NOTHING(wasm_memory_same(memory, NULL), false);
    CHECK_NOTHING(wasm_memory_same(NULL, NULL), false);
    CHECK_NOTHING(wasm_memory_get_host_info(NULL), NULL);
    CHECK_NOTHING(wasm_memory_type(NULL), NULL);
    CHECK_NOTHING(wasm_memory_data(NULL), NULL);
    CHECK_NOTHING(wasm_memory_data_size(NULL), 0);
    CHECK_NOTHING(wasm_memory_size(NULL), 0);
    CHECK_NOTHING(wasm_memory_grow(NULL, 0), false);
    CHECK_NOTHING(wasm_memory_pages(NULL), 0);
    CHECK_NOTHING(wasm_memory_page_size(NULL), 0);
    CHECK_NOTHING(wasm_memory_page_size_log2(NULL), 0);
    CHECK_NOTHING(wasm_memory_may_move(NULL), false);
    CHECK_NOTHING(wasm_memory_initial_pages(NULL), 0);
    CHECK_NOTHING(wasm_memory_view(NULL), NULL);
    CHECK_STATUS(wasm_memory_try_grow(NULL, 0, &previous), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(previous, 0);
    CHECK_STATUS(wasm_memory_try_grow(NULL, 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_accessible(NULL, &start, &length), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(start == NULL);
    CHECK_EQ(length, 0);
    length = 77;
    CHECK_STATUS(wasm_memory_accessible(memory, NULL, &length), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(length, 0);
    start = GARBAGE(uint8_t);
    CHECK_STATUS(wasm_memory_accessible(memory, &start, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(start == NULL);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void count_one(void *counter) { *(int *)counter += 1; }

TEST(host_info_of_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    int finalized = 0;
    wasm_memory_set_host_info(NULL, &nothing);
    wasm_memory_set_host_info_with_finalizer(NULL, &finalized, count_one);
    CHECK_EQ(finalized, 0);
    wasm_memory_set_host_info_with_finalizer(NULL, NULL, NULL);
    wasm_memory_set_host_info_with_finalizer(memory, &nothing, NULL);
    CHECK(wasm_memory_get_host_info(memory) == &nothing);
    wasm_memory_set_host_info_with_finalizer(memory, NULL, NULL);
    CHECK(wasm_memory_get_host_info(memory) == NULL);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(access_to_no_memory) {
    uint8_t bytes[16];
    memset(bytes, 0x44, sizeof bytes);
    CHECK_STATUS(wasm_memory_read(NULL, 0, bytes, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_read(NULL, 0, NULL, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_write(NULL, 0, bytes, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_write(NULL, 0, NULL, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_fill(NULL, 0, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_within(NULL, 0, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(bytes[0], 0x44); /* a data buffer is untouched */
}

/* Loads: no memory zeroes the out; no out is refused in and out of bounds. Stores: no memory is refused. */
#define CHECK_TYPED(type, name)                                                                     \
    do {                                                                                            \
        type value;                                                                                 \
        const uint8_t zeros[sizeof value] = {0};                                                    \
        memset(&value, 0xcc, sizeof value);                                                         \
        CHECK_STATUS(wasm_memory_load_##name(NULL, 0, &value), WASM_MEMORY_NULL_ARGUMENT);          \
        CHECK(memcmp(&value, zeros, sizeof value) == 0);                                            \
        CHECK_STATUS(wasm_memory_load_##name(NULL, 0, NULL), WASM_MEMORY_NULL_ARGUMENT);            \
        CHECK_STATUS(wasm_memory_load_##name(memory, 0, NULL), WASM_MEMORY_NULL_ARGUMENT);          \
        CHECK_STATUS(wasm_memory_load_##name(memory, UINT64_MAX, NULL), WASM_MEMORY_NULL_ARGUMENT); \
        CHECK_STATUS(wasm_memory_store_##name(NULL, 0, value), WASM_MEMORY_NULL_ARGUMENT);          \
    } while (0)

TEST(loads_and_stores_of_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    const uint8_t zeros[16] = {0};
    uint8_t vector[16];
    CHECK_TYPED(uint8_t, u8);
    CHECK_TYPED(uint16_t, u16);
    CHECK_TYPED(uint32_t, u32);
    CHECK_TYPED(uint64_t, u64);
    CHECK_TYPED(float, f32);
    CHECK_TYPED(double, f64);
    memset(vector, 0xcc, sizeof vector);
    CHECK_STATUS(wasm_memory_load_v128(NULL, 0, vector), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(memcmp(vector, zeros, 16) == 0);
    CHECK_STATUS(wasm_memory_load_v128(memory, 0, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_store_v128(NULL, 0, vector), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_store_v128(memory, 0, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_store_v128(NULL, 0, NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(bulk_operations_on_no_memory) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_zero(NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_zero(NULL, UINT64_MAX, UINT64_MAX), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_erase(NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_discard(NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(NULL, 0, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(NULL, 0, 0, 8), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_between(NULL, 0, memory, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_between(memory, 0, NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_between(NULL, 0, NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_between(memory, UINT64_MAX, NULL, 0, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_copy_between(NULL, 0, memory, UINT64_MAX, 1), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(segments_of_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    wasm_data_segment_t *segment;
    CHECK_NOTHING(wasm_data_segment_new(NULL, 1), NULL);
    CHECK_NOTHING(wasm_data_segment_new(NULL, SIZE_MAX), NULL);
    segment = wasm_data_segment_new(NULL, 0); /* an empty buffer */
    CHECK(segment != NULL);
    wasm_data_segment_drop(NULL);
    CHECK_STATUS(wasm_memory_init(NULL, 0, segment, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_init(memory, 0, NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_init(NULL, 0, NULL, 0, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_init(memory, UINT64_MAX, NULL, 0, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_init(NULL, 0, segment, 1, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 0), WASM_MEMORY_OK);
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void count_call(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    *(int *)env += 1;
}

TEST(borrows_of_nothing_call_nobody) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    int calls = 0;
    CHECK_STATUS(wasm_memory_with_data(NULL, count_call, &calls), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data(memory, NULL, &calls), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data_mut(NULL, count_call, &calls), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, NULL, &calls), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data_mut(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(calls, 0);
    CHECK_STATUS(wasm_memory_store_u8(memory, 0, 1), WASM_MEMORY_OK); /* nothing stayed borrowed */
    CHECK_STATUS(wasm_memory_with_data_mut(memory, count_call, &calls), WASM_MEMORY_OK);
    CHECK_EQ(calls, 1);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(data_and_store_of_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    uint8_t *data = GARBAGE(uint8_t);
    size_t length = 77;
    void *store_data = GARBAGE(void);
    CHECK_STATUS(wasm_memory_data_and_store(NULL, &data, &length, &store_data), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(data == NULL);
    CHECK_EQ(length, 0);
    CHECK(store_data == NULL);
    length = 77;
    CHECK_STATUS(wasm_memory_data_and_store(NULL, NULL, &length, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(length, 0);
    CHECK_STATUS(wasm_memory_data_and_store(NULL, NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_data_and_store(memory, NULL, NULL, NULL), WASM_MEMORY_OK); /* all of them optional */
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(dumps_of_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    char text[8] = "unmoved";
    size_t needed = 77;
    CHECK_STATUS(wasm_memory_hexdump(NULL, 0, 1, text, sizeof text, &needed), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(needed, 0);
    needed = 77;
    CHECK_STATUS(wasm_memory_hexdump(NULL, 0, 0, NULL, 0, &needed), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(needed, 0);
    needed = 77;
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 1, NULL, 8, &needed), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(needed, 0);
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 0, NULL, SIZE_MAX, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_hexdump(NULL, 0, 1, text, sizeof text, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(memcmp(text, "unmoved", 8) == 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(data_of_no_store) {
    int finalized = 0;
    CHECK_NOTHING(wasm_store_data(NULL), NULL);
    wasm_store_data_set(NULL, &finalized, count_one);
    wasm_store_data_set(NULL, NULL, NULL);
    CHECK_EQ(finalized, 0);
}

TEST(limits_and_limiters_of_nothing) {
    const host_t host = host_default();
    const wasm_memory_limits_t none = limits_of(0, 0, 0);
    watch_t watch = watching(host);
    const wasm_memory_limiter_t limiter = limiter_of(&watch);
    const wasm_memory_limiter_async_t limiter_async = limiter_async_of(&watch);
    wasm_memory_t *memory;
    CHECK_STATUS(wasm_store_limits_set(NULL, &none), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limits_set(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limiter_set(NULL, &limiter), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limiter_set(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limiter_async_set(NULL, &limiter_async), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limiter_async_set(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_store_limits_set(host.store, NULL), WASM_MEMORY_OK); /* none any more, though there were none */
    CHECK_STATUS(wasm_store_limiter_set(host.store, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_store_limiter_async_set(host.store, NULL), WASM_MEMORY_OK);
    memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(watch.asked + watch.failed + watch.finalized, 0); /* nobody has copied it */
}

TEST(futures_of_nothing) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 2));
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    int called = 0;
    limiter_set(host.store, &watch);
    CHECK_NOTHING(wasm_memory_new_async(NULL, type), NULL);
    CHECK_NOTHING(wasm_memory_new_async(host.store, NULL), NULL);
    CHECK_NOTHING(wasm_memory_new_async(NULL, NULL), NULL);
    CHECK_NOTHING(wasm_memory_grow_async(NULL, 0), NULL);
    CHECK_NOTHING(wasm_memory_grow_async(NULL, 1), NULL);
    CHECK_EQ(watch.asked + watch.failed, 0);
    CHECK_STATUS(wasm_memory_future_poll(NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_future_wait(NULL, 0), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_future_wait(NULL, -1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_future_wait(NULL, INT64_MAX), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_NOTHING(wasm_memory_future_take_memory(NULL), NULL);
    CHECK_NOTHING(wasm_memory_future_previous_pages(NULL), 0);
    wasm_memory_future_on_ready(NULL, count_one, &called);
    wasm_memory_future_on_ready(NULL, NULL, NULL);
    CHECK_EQ(called, 0);
    future = wasm_memory_new_async(host.store, type);
    wasm_memory_future_on_ready(future, NULL, &called);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(called, 0);
    wasm_memory_future_delete(future);
    wasm_memorytype_delete(type);
    host_delete(host);
}

static wasm_memory_status_t make_none(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                      size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    (void)env, (void)type, (void)minimum, (void)maximum, (void)reserved, (void)guard, (void)out;
    return WASM_MEMORY_IO;
}

TEST(allocators_of_nothing) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    wasm_memory_t *memory;
    host_t host;
    int finalized = 0;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.env = &finalized;
    allocator.new_memory = make_none;
    allocator.finalizer = count_one;
    wasm_config_memory_allocator_set(NULL, &allocator); /* ignored, and not taken */
    wasm_config_memory_allocator_set(NULL, NULL);
    CHECK_EQ(finalized, 0);
    wasm_config_memory_allocator_set(config, NULL);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 2));
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(finalized, 0);
}

TEST(reports_about_nothing) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    wasm_memory_stats_t stats, zeros;
    memset(&stats, 0xcc, sizeof stats);
    memset(&zeros, 0, sizeof zeros);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_memory_stats(NULL, &stats), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(stats.struct_size, sizeof stats);
    CHECK_EQ(stats.byte_length, 0);
    CHECK_EQ(stats.reserved_bytes, 0);
    CHECK_EQ(stats.map_alignment_bytes, 0);
    CHECK_EQ(stats.bounds, 0);
    CHECK(memcmp(&stats.may_move, &zeros.may_move, sizeof stats.may_move) == 0);
    CHECK(memcmp(&stats.shared, &zeros.shared, sizeof stats.shared) == 0);
    CHECK_EQ(stats.resident_bytes, 0);
    CHECK_STATUS(wasm_memory_stats(memory, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_stats(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(misuse_changes_no_memory) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    const wasm_memory_stats_t before = stats_of(memory);
    wasm_memory_stats_t after;
    wasm_memory_write(memory, 0, NULL, 8);
    wasm_memory_read(memory, 0, NULL, 8);
    wasm_memory_store_v128(memory, 0, NULL);
    wasm_memory_accessible(memory, NULL, NULL);
    wasm_memory_stats(memory, NULL);
    wasm_memory_copy_between(memory, 0, NULL, 0, 8);
    wasm_memory_init(memory, 0, NULL, 0, 8);
    wasm_memory_with_data_mut(memory, NULL, NULL);
    after = stats_of(memory);
    CHECK_EQ(after.byte_length, before.byte_length);
    CHECK_EQ(after.grow_failures, before.grow_failures);
    CHECK_EQ(wasm_memory_data(memory)[0], 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(deleting_nothing_does_nothing);
    RUN(options_of_no_configuration_are_ignored);
    RUN(engines_and_stores_of_nothing);
    RUN(types_of_nothing);
    RUN(vectors_of_nothing_are_empty);
    RUN(a_vector_may_have_gaps);
    RUN(a_vector_that_no_heap_holds_is_empty);
    RUN(memories_of_nothing);
    RUN(questions_about_no_memory);
    RUN(host_info_of_nothing);
    RUN(access_to_no_memory);
    RUN(loads_and_stores_of_nothing);
    RUN(bulk_operations_on_no_memory);
    RUN(segments_of_nothing);
    RUN(borrows_of_nothing_call_nobody);
    RUN(data_and_store_of_nothing);
    RUN(dumps_of_nothing);
    RUN(data_of_no_store);
    RUN(limits_and_limiters_of_nothing);
    RUN(futures_of_nothing);
    RUN(allocators_of_nothing);
    RUN(reports_about_nothing);
    RUN(misuse_changes_no_memory);
    return check_finish();
}
