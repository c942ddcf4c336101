/* NULL in every argument, numbers that mean nothing, sizes that nobody has: the answer is
 * defined, what is written is zero, and nothing else changes. */
#include "wasm_memory.h"

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
    RUN(reports_about_nothing);
    RUN(misuse_changes_no_memory);
    return check_finish();
}
