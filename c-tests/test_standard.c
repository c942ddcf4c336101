/* The standard C API's memories, by the standard's own words only. Compiled twice:
 * against wasm_memory.h, and with STANDARD_WASM_H against the wasm.h that everybody else ships. Both link to us. */
#ifdef STANDARD_WASM_H
#include <wasm.h>
#else
#include "wasm_memory.h"
#endif

#include "support/check.h"

static wasm_memorytype_t *type_of(uint32_t minimum, uint32_t maximum) {
    const wasm_limits_t limits = {minimum, maximum};
    return wasm_memorytype_new(&limits);
}

typedef struct {
    wasm_engine_t *engine;
    wasm_store_t *store;
} host_t;

static host_t host_new(void) {
    host_t host;
    host.engine = wasm_engine_new();
    CHECK(host.engine != NULL);
    host.store = wasm_store_new(host.engine);
    CHECK(host.store != NULL);
    return host;
}

static void host_delete(host_t host) {
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
}

static wasm_memory_t *memory_of(host_t host, uint32_t minimum, uint32_t maximum) {
    wasm_memorytype_t *const type = type_of(minimum, maximum);
    wasm_memory_t *const memory = wasm_memory_new(host.store, type);
    wasm_memorytype_delete(type);
    CHECK(memory != NULL);
    return memory;
}

TEST(a_type_keeps_its_limits) {
    wasm_memorytype_t *const bounded = type_of(1, 2), *const unbounded = type_of(3, wasm_limits_max_default);
    CHECK_EQ(wasm_memorytype_limits(bounded)->min, 1);
    CHECK_EQ(wasm_memorytype_limits(bounded)->max, 2);
    CHECK_EQ(wasm_memorytype_limits(unbounded)->min, 3);
    CHECK_EQ(wasm_memorytype_limits(unbounded)->max, 0xffffffff);
    wasm_memorytype_delete(bounded);
    wasm_memorytype_delete(unbounded);
}

TEST(limits_stay_where_they_are) {
    wasm_memorytype_t *const type = type_of(1, 2);
    const wasm_limits_t *const limits = wasm_memorytype_limits(type);
    CHECK(wasm_memorytype_limits(type) == limits);
    CHECK_EQ(limits->max, 2);
    wasm_memorytype_delete(type);
}

TEST(a_type_that_no_memory_has_is_refused) {
    CHECK(type_of(2, 1) == NULL);
    CHECK(type_of(65537, wasm_limits_max_default) == NULL);
    CHECK(type_of(0, 65537) == NULL);
    CHECK(wasm_memorytype_new(NULL) == NULL);
}

TEST(the_largest_type_is_made) {
    wasm_memorytype_t *const type = type_of(65536, 65536);
    CHECK(type != NULL);
    wasm_memorytype_delete(type);
}

TEST(a_copied_type_outlives_its_original) {
    wasm_memorytype_t *const original = type_of(4, 5), *const copy = wasm_memorytype_copy(original);
    wasm_memorytype_delete(original);
    CHECK_EQ(wasm_memorytype_limits(copy)->min, 4);
    CHECK_EQ(wasm_memorytype_limits(copy)->max, 5);
    wasm_memorytype_delete(copy);
}

TEST(an_empty_vector_has_nothing) {
    wasm_memorytype_vec_t vector;
    memset(&vector, 0xee, sizeof vector);
    wasm_memorytype_vec_new_empty(&vector);
    CHECK_EQ(vector.size, 0);
    wasm_memorytype_vec_delete(&vector);
}

TEST(a_vector_owns_its_types) {
    wasm_memorytype_t *types[3];
    wasm_memorytype_vec_t vector;
    types[0] = type_of(0, 1);
    types[1] = type_of(1, 2);
    types[2] = type_of(2, 3);
    wasm_memorytype_vec_new(&vector, 3, types);
    if (CHECK_EQ(vector.size, 3)) {
        CHECK(vector.data != types);
        CHECK_EQ(wasm_memorytype_limits(vector.data[0])->max, 1);
        CHECK(vector.data[2] == types[2]);
    }
    wasm_memorytype_vec_delete(&vector);
}

TEST(a_copied_vector_copies_its_types) {
    wasm_memorytype_t *types[2];
    wasm_memorytype_vec_t original, copy;
    types[0] = type_of(7, 8);
    types[1] = type_of(9, wasm_limits_max_default);
    wasm_memorytype_vec_new(&original, 2, types);
    wasm_memorytype_vec_copy(&copy, &original);
    wasm_memorytype_vec_delete(&original);
    if (CHECK_EQ(copy.size, 2)) {
        CHECK_EQ(wasm_memorytype_limits(copy.data[0])->min, 7);
        CHECK_EQ(wasm_memorytype_limits(copy.data[1])->min, 9);
    }
    wasm_memorytype_vec_delete(&copy);
}

TEST(an_uninitialized_vector_is_filled_by_its_owner) {
    wasm_memorytype_vec_t vector;
    wasm_memorytype_vec_new_uninitialized(&vector, 2);
    if (CHECK_EQ(vector.size, 2) && CHECK(vector.data != NULL)) {
        vector.data[0] = type_of(1, 1);
        vector.data[1] = type_of(2, 2);
    }
    wasm_memorytype_vec_delete(&vector);
}

TEST(a_new_memory_is_zero_and_writable) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 2, 3);
    byte_t *const data = wasm_memory_data(memory);
    size_t i, other_than_zero = 0;
    CHECK_EQ(wasm_memory_size(memory), 2);
    CHECK_EQ(wasm_memory_data_size(memory), 2 * MEMORY_PAGE_SIZE);
    if (CHECK(data != NULL)) {
        for (i = 0; i < wasm_memory_data_size(memory); i++) other_than_zero += data[i] != 0;
        CHECK_EQ(other_than_zero, 0);
        data[2 * MEMORY_PAGE_SIZE - 1] = 42;
        CHECK_EQ(wasm_memory_data(memory)[2 * MEMORY_PAGE_SIZE - 1], 42);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_of_no_pages_has_a_base) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 0, wasm_limits_max_default);
    CHECK_EQ(wasm_memory_size(memory), 0);
    CHECK_EQ(wasm_memory_data_size(memory), 0);
    CHECK(wasm_memory_data(memory) != NULL);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_keeps_the_bytes_and_adds_zeros) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 3);
    byte_t *before = wasm_memory_data(memory), *after;
    before[0] = 1;
    before[MEMORY_PAGE_SIZE - 1] = 2;
    CHECK(wasm_memory_grow(memory, 2));
    after = wasm_memory_data(memory);
    CHECK(after == before);
    CHECK_EQ(wasm_memory_size(memory), 3);
    CHECK_EQ(after[0], 1);
    CHECK_EQ(after[MEMORY_PAGE_SIZE - 1], 2);
    CHECK_EQ(after[MEMORY_PAGE_SIZE], 0);
    CHECK_EQ(after[3 * MEMORY_PAGE_SIZE - 1], 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_past_the_maximum_changes_nothing) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 2);
    CHECK(!wasm_memory_grow(memory, 2));
    CHECK(!wasm_memory_grow(memory, 0xffffffff));
    CHECK_EQ(wasm_memory_size(memory), 1);
    CHECK(wasm_memory_grow(memory, 1));
    CHECK(!wasm_memory_grow(memory, 1));
    CHECK(wasm_memory_grow(memory, 0));
    CHECK_EQ(wasm_memory_size(memory), 2);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(without_a_maximum_65536_pages_are_the_end) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 0, wasm_limits_max_default);
    CHECK(!wasm_memory_grow(memory, 65537));
    CHECK_EQ(wasm_memory_size(memory), 0);
    CHECK(wasm_memory_grow(memory, 65536));
    CHECK_EQ(wasm_memory_size(memory), 65536);
    CHECK_EQ(wasm_memory_data_size(memory), 65536 * (uint64_t)MEMORY_PAGE_SIZE);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(the_type_of_a_memory_has_its_size_as_minimum) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 5);
    wasm_memorytype_t *type;
    CHECK(wasm_memory_grow(memory, 2));
    type = wasm_memory_type(memory);
    CHECK_EQ(wasm_memorytype_limits(type)->min, 3);
    CHECK_EQ(wasm_memorytype_limits(type)->max, 5);
    wasm_memorytype_delete(type);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_copy_is_the_same_memory) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 2), *const other = memory_of(host, 1, 2);
    wasm_memory_t *const copy = wasm_memory_copy(memory);
    CHECK(wasm_memory_same(memory, copy));
    CHECK(wasm_memory_same(memory, memory));
    CHECK(!wasm_memory_same(memory, other));
    CHECK(wasm_memory_data(copy) == wasm_memory_data(memory));
    CHECK(wasm_memory_grow(copy, 1));
    CHECK_EQ(wasm_memory_size(memory), 2);
    wasm_memory_data(memory)[0] = 9;
    wasm_memory_delete(memory);
    CHECK_EQ(wasm_memory_data(copy)[0], 9);
    wasm_memory_delete(copy);
    wasm_memory_delete(other);
    host_delete(host);
}

static void count_one(void *counter) { *(int *)counter += 1; }

TEST(host_info_belongs_to_the_memory) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 2), *const copy = wasm_memory_copy(memory);
    int info = 0;
    CHECK(wasm_memory_get_host_info(memory) == NULL);
    wasm_memory_set_host_info(memory, &info);
    CHECK(wasm_memory_get_host_info(copy) == &info);
    wasm_memory_set_host_info(copy, NULL);
    CHECK(wasm_memory_get_host_info(memory) == NULL);
    wasm_memory_delete(memory);
    wasm_memory_delete(copy);
    host_delete(host);
}

TEST(its_finalizer_runs_once_after_the_last_handle) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 2), *const copy = wasm_memory_copy(memory);
    int finalized = 0;
    wasm_memory_set_host_info_with_finalizer(memory, &finalized, count_one);
    CHECK(wasm_memory_get_host_info(copy) == &finalized);
    wasm_memory_delete(memory);
    CHECK_EQ(finalized, 0);
    wasm_memory_delete(copy);
    CHECK_EQ(finalized, 1);
    host_delete(host);
    CHECK_EQ(finalized, 1);
}

TEST(an_engine_takes_its_configuration) {
    wasm_engine_t *const engine = wasm_engine_new_with_config(wasm_config_new());
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = type_of(1, 1);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    CHECK(memory != NULL);
    wasm_memorytype_delete(type);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

TEST(an_unused_configuration_is_deleted) {
    wasm_config_t *const config = wasm_config_new();
    CHECK(config != NULL);
    wasm_config_delete(config);
}

TEST(a_memory_outlives_its_store_and_engine) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, 1, 2);
    host_delete(host);
    CHECK(wasm_memory_grow(memory, 1));
    wasm_memory_data(memory)[2 * MEMORY_PAGE_SIZE - 1] = 5;
    CHECK_EQ(wasm_memory_data(memory)[2 * MEMORY_PAGE_SIZE - 1], 5);
    wasm_memory_delete(memory);
}

int main(void) {
    RUN(a_type_keeps_its_limits);
    RUN(limits_stay_where_they_are);
    RUN(a_type_that_no_memory_has_is_refused);
    RUN(the_largest_type_is_made);
    RUN(a_copied_type_outlives_its_original);
    RUN(an_empty_vector_has_nothing);
    RUN(a_vector_owns_its_types);
    RUN(a_copied_vector_copies_its_types);
    RUN(an_uninitialized_vector_is_filled_by_its_owner);
    RUN(a_new_memory_is_zero_and_writable);
    RUN(a_memory_of_no_pages_has_a_base);
    RUN(growth_keeps_the_bytes_and_adds_zeros);
    RUN(growth_past_the_maximum_changes_nothing);
    RUN(without_a_maximum_65536_pages_are_the_end);
    RUN(the_type_of_a_memory_has_its_size_as_minimum);
    RUN(a_copy_is_the_same_memory);
    RUN(host_info_belongs_to_the_memory);
    RUN(its_finalizer_runs_once_after_the_last_handle);
    RUN(an_engine_takes_its_configuration);
    RUN(an_unused_configuration_is_deleted);
    RUN(a_memory_outlives_its_store_and_engine);
    return check_finish();
}
