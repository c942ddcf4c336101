/* Who lives how long: handles are references, deleted in any order, and nothing
 * stays behind. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>

#include "support/children.h"
#include "support/memories.h"

static void count_one(void *counter) { *(int *)counter += 1; }

static void use(wasm_memory_t *memory) {
    uint64_t value = 0;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u64(memory, wasm_memory_data_size(memory) - 8, 99), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(memory, wasm_memory_data_size(memory) - 8, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 99);
}

/* Engine, store, memory and a second handle of it: all twenty-four orders of deleting them. */
TEST(everything_is_deleted_in_any_order) {
    int order;
    for (order = 0; order < 24; order++) {
        host_t host = host_default();
        wasm_memory_t *handle[2];
        bool deleted[4] = {false, false, false, false};
        int rest = order, step, finalized = 0;
        handle[0] = memory_of(host, pages_32(1, 10));
        handle[1] = wasm_memory_copy(handle[0]);
        wasm_memory_set_host_info_with_finalizer(handle[0], &finalized, count_one);
        for (step = 4; step > 0; step--) {
            int pick = rest % step, what = 0;
            rest /= step;
            while (deleted[what] || pick-- > 0) what++;
            deleted[what] = true;
            if (what == 0)
                wasm_engine_delete(host.engine);
            else if (what == 1)
                wasm_store_delete(host.store);
            else
                wasm_memory_delete(handle[what - 2]);
            if (!deleted[2]) use(handle[0]);
            if (!deleted[3]) use(handle[1]);
            CHECK_EQ(finalized, deleted[2] && deleted[3]);
        }
        CHECK_EQ(finalized, 1);
    }
}

TEST(a_store_outlives_its_engine) {
    wasm_engine_t *const engine = wasm_engine_new();
    const host_t host = {NULL, wasm_store_new(engine)};
    wasm_memory_t *memory;
    wasm_engine_delete(engine);
    memory = memory_of(host, pages_32(1, 3));
    use(memory);
    wasm_store_delete(host.store);
    use(memory);
    wasm_memory_delete(memory);
}

TEST(a_type_may_go_before_its_memory) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 3));
    wasm_memory_t *memory = NULL;
    wasm_memorytype_t *again;
    uint64_t maximum = 0;
    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    again = wasm_memory_type(memory);
    wasm_memory_delete(memory);
    CHECK(wasm_memorytype_maximum(again, &maximum)); /* and the other way round */
    CHECK_EQ(maximum, 3);
    wasm_memorytype_delete(again);
    host_delete(host);
}

TEST(copies_are_the_same_and_count) {
    const host_t host = host_default();
    wasm_memory_t *handles[100];
    int i, j, finalized = 0;
    handles[0] = memory_of(host, pages_32(1, 2));
    for (i = 1; i < 100; i++) handles[i] = wasm_memory_copy(handles[i / 2]);
    wasm_memory_set_host_info_with_finalizer(handles[99], &finalized, count_one);
    for (i = 0; i < 100; i++) {
        for (j = 0; j < 100; j += 7) CHECK(wasm_memory_same(handles[i], handles[j]));
        CHECK(wasm_memory_view(handles[i]) == wasm_memory_view(handles[0]));
    }
    for (i = 0; i < 100; i++) {
        CHECK_EQ(finalized, 0);
        wasm_memory_delete(handles[i * 37 % 100]);
    }
    CHECK_EQ(finalized, 1);
    host_delete(host);
}

TEST(host_info_that_is_replaced_is_finalized_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    int first = 0, second = 0;
    wasm_memory_set_host_info_with_finalizer(memory, &first, count_one);
    wasm_memory_set_host_info_with_finalizer(memory, &second, count_one);
    CHECK(wasm_memory_get_host_info(memory) == &second);
    CHECK_EQ(second, 0);
    wasm_memory_set_host_info(memory, NULL);
    CHECK_EQ(second, 1);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 1);
}

static host_t reentered;
static void call_back(void *counter) {
    wasm_memory_t *const memory = memory_of(reentered, pages_32(1, 2));
    use(memory);
    wasm_memory_delete(memory);
    count_one(counter);
}

TEST(a_finalizer_may_call_the_library) {
    wasm_memory_t *memory;
    int finalized = 0;
    reentered = host_default();
    memory = memory_of(reentered, pages_32(1, 2));
    wasm_memory_set_host_info_with_finalizer(memory, &finalized, call_back);
    wasm_memory_delete(memory);
    CHECK_EQ(finalized, 1);
    host_delete(reentered);
}

/* ---- threads ---- */

static void *copy_and_delete(void *memory) {
    int i;
    for (i = 0; i < 20000; i++) {
        wasm_memory_t *const copy = wasm_memory_copy((wasm_memory_t *)memory);
        if (copy == NULL) return memory;
        wasm_memory_delete(copy);
    }
    return NULL;
}

TEST(handles_are_copied_and_deleted_on_any_thread) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    pthread_t threads[4];
    int i, finalized = 0;
    wasm_memory_set_host_info_with_finalizer(memory, &finalized, count_one);
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, copy_and_delete, memory), 0);
    for (i = 0; i < 4; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    use(memory);
    CHECK_EQ(finalized, 0);
    wasm_memory_delete(memory);
    CHECK_EQ(finalized, 1);
    host_delete(host);
}

static void *make_and_delete(void *engine) {
    wasm_store_t *const store = wasm_store_new((wasm_engine_t *)engine);
    const wasm_limits_t limits = {1, 4};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    void *failed = NULL;
    int i;
    for (i = 0; i < 3000 && failed == NULL; i++) {
        wasm_memory_t *const memory = wasm_memory_new(store, type);
        byte_t *const data = wasm_memory_data(memory);
        if (data == NULL || data[i] != 0 || data[65535] != 0 || !wasm_memory_grow(memory, 1) || data[65536 + i] != 0)
            failed = engine;
        else
            memset(data, 0xff, 2 * 65536);
        wasm_memory_delete(memory);
    }
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    return failed;
}

TEST(one_engine_serves_many_threads_with_clean_memories) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t strategy;
    for (strategy = 0; strategy < 2; strategy++) {
        const host_t host = host_with_bounds(strategies[strategy]);
        pthread_t threads[4];
        int i;
        for (i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, make_and_delete, host.engine), 0);
        for (i = 0; i < 4; i++) {
            void *failed = NULL;
            CHECK_EQ(pthread_join(threads[i], &failed), 0);
            CHECK(failed == NULL);
        }
        host_delete(host);
    }
}

static void *delete_it(void *memory) {
    wasm_memory_delete((wasm_memory_t *)memory);
    return NULL;
}

TEST(a_memory_may_be_deleted_by_a_thread_that_did_not_make_it) {
    const host_t host = host_default();
    int i;
    for (i = 0; i < 200; i++) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        pthread_t thread;
        CHECK_EQ(wasm_memory_data(memory)[i], 0);
        memset(wasm_memory_data(memory), 0x77, PAGE);
        CHECK_EQ(pthread_create(&thread, NULL, delete_it, memory), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    host_delete(host);
}

/* ---- nothing stays behind ---- */

typedef struct {
    uint64_t size_kib, resident_kib, mappings;
} usage_t;

static usage_t usage_now(void) {
    usage_t usage;
    usage.size_kib = process_kib("VmSize:");
    usage.resident_kib = process_kib("VmRSS:");
    usage.mappings = process_mappings();
    return usage;
}

static void check_flat(usage_t before, usage_t after) {
    CHECK(after.size_kib <= before.size_kib + 4 * KIB);
    CHECK(after.resident_kib <= before.resident_kib + 4 * KIB);
    CHECK(after.mappings <= before.mappings + 8);
}

static void rounds(host_t host, shape_t of, int count) {
    wasm_memorytype_t *const type = type_of(of);
    int i;
    for (i = 0; i < count; i++) {
        wasm_memory_t *memory = NULL;
        const wasm_memory_view_t *view;
        if (!CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_OK)) break;
        view = wasm_memory_view(memory);
        if (view->byte_length > 0) {
            if (!CHECK(view->base[0] == 0 && view->base[view->byte_length - 1] == 0)) i = count;
            view->base[0] = view->base[view->byte_length - 1] = 1;
        }
        wasm_memory_delete(memory);
    }
    wasm_memorytype_delete(type);
}

TEST(a_hundred_thousand_memories_leave_nothing) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t strategy;
    for (strategy = 0; strategy < 3; strategy++) {
        const host_t host = host_with_bounds(strategies[strategy]);
        usage_t before;
        rounds(host, pages_32(1, 10), 1000);
        before = usage_now();
        rounds(host, pages_32(1, 10), 100000);
        check_flat(before, usage_now());
        host_delete(host);
    }
}

TEST(memories_of_many_sizes_leave_nothing) {
    const host_t host = host_default();
    usage_t before;
    uint64_t round;
    for (round = 0; round < 200; round++) {
        if (round == 20) before = usage_now();
        rounds(host, pages_32(round % 20 * 7, NO_MAXIMUM), 20);
        rounds(host, pages_64(round % 5, round % 20 + 5), 20);
        rounds(host, bytes_32(round * 977, NO_MAXIMUM), 20);
    }
    check_flat(before, usage_now());
    host_delete(host);
}

TEST(engines_return_all_their_address_space) {
    usage_t before;
    int round;
    for (round = 0; round < 300; round++) {
        const host_t host = host_default();
        wasm_memory_t *memories[20];
        int i;
        for (i = 0; i < 20; i++) {
            memories[i] = memory_of(host, pages_32(1, 100));
            memset(wasm_memory_data(memories[i]), 1, PAGE);
        }
        for (i = 0; i < 20; i++) wasm_memory_delete(memories[i]);
        host_delete(host);
        if (round == 10) before = usage_now();
    }
    check_flat(before, usage_now());
}

TEST(failures_leave_nothing) {
    const host_t host = host_default();
    usage_t before;
    int round;
    for (round = 0; round < 20000; round++) {
        wasm_memorytype_t *type = NULL;
        wasm_memory_t *memory = NULL;
        wasm_config_t *const config = wasm_config_new();
        if (round == 1000) before = usage_now();
        CHECK_STATUS(try_type(pages_32(65537, NO_MAXIMUM), &type), WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(try_memory(host, pages_64(UINT64_C(1) << 47, NO_MAXIMUM), &memory), WASM_MEMORY_OUT_OF_MEMORY);
        wasm_config_memory_bounds_set(config, 99);
        CHECK(wasm_engine_new_with_config(config) == NULL);
        memory = memory_of(host, pages_32(1, 1));
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        wasm_memory_delete(memory);
    }
    check_flat(before, usage_now());
    host_delete(host);
}

int main(void) {
    RUN(everything_is_deleted_in_any_order);
    RUN(a_store_outlives_its_engine);
    RUN(a_type_may_go_before_its_memory);
    RUN(copies_are_the_same_and_count);
    RUN(host_info_that_is_replaced_is_finalized_once);
    RUN(a_finalizer_may_call_the_library);
    RUN(handles_are_copied_and_deleted_on_any_thread);
    RUN(one_engine_serves_many_threads_with_clean_memories);
    RUN(a_memory_may_be_deleted_by_a_thread_that_did_not_make_it);
    RUN(a_hundred_thousand_memories_leave_nothing);
    RUN(memories_of_many_sizes_leave_nothing);
    RUN(engines_return_all_their_address_space);
    RUN(failures_leave_nothing);
    return check_finish();
}
