/* Stores: their data and its finalizer, and memories that outlive them. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>

#include "support/memories.h"

static void count_one(void *counter) { *(int *)counter += 1; }

static wasm_store_t *store_with(wasm_engine_t *engine, int *counter) {
    wasm_store_t *const store = wasm_store_new(engine);
    CHECK(store != NULL);
    wasm_store_data_set(store, counter, count_one);
    CHECK(wasm_store_data(store) == counter);
    return store;
}

/* ---- data of a store ---- */

TEST(a_store_has_no_data_until_it_is_set) {
    const host_t host = host_default();
    int first, second;
    CHECK(wasm_store_data(host.store) == NULL);
    wasm_store_data_set(host.store, &first, NULL);
    CHECK(wasm_store_data(host.store) == &first);
    wasm_store_data_set(host.store, &second, NULL);
    CHECK(wasm_store_data(host.store) == &second);
    wasm_store_data_set(host.store, NULL, NULL);
    CHECK(wasm_store_data(host.store) == NULL);
    host_delete(host);
}

TEST(stores_of_one_engine_have_data_of_their_own) {
    wasm_engine_t *const engine = wasm_engine_new();
    int first = 0, second = 0;
    wasm_store_t *const left = store_with(engine, &first), *const right = store_with(engine, &second);
    CHECK(wasm_store_data(left) == &first);
    wasm_store_delete(left);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 0);
    CHECK(wasm_store_data(right) == &second);
    wasm_store_delete(right);
    CHECK_EQ(second, 1);
    wasm_engine_delete(engine);
}

TEST(data_that_is_replaced_is_finalized_now_and_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    int first = 0, second = 0, third = 0;
    wasm_store_data_set(host.store, &first, count_one);
    CHECK_EQ(first, 0);
    wasm_store_data_set(host.store, &second, count_one);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 0);
    wasm_store_data_set(host.store, NULL, NULL); /* nothing replaces as well */
    CHECK_EQ(second, 1);
    wasm_store_data_set(host.store, &third, NULL);
    wasm_store_data_set(host.store, &third, count_one); /* the finalizer is the new one's alone */
    CHECK_EQ(third, 0);
    wasm_store_data_set(host.store, &third, count_one); /* and the same data is not the same setting */
    CHECK_EQ(third, 1);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 1);
    CHECK_EQ(third, 2);
}

static int finalized_without_data;
static void count_without_data(void *data) { finalized_without_data += data == NULL; }

TEST(a_finalizer_runs_for_null_data_too) {
    host_t host = host_default();
    finalized_without_data = 0;
    wasm_store_data_set(host.store, NULL, count_without_data);
    CHECK_EQ(finalized_without_data, 0);
    wasm_store_data_set(host.store, NULL, count_without_data);
    CHECK_EQ(finalized_without_data, 1);
    host_delete(host);
    CHECK_EQ(finalized_without_data, 2);
}

/* ---- when the last finalizer runs ---- */

TEST(data_goes_with_a_store_that_has_no_memories) {
    wasm_engine_t *const engine = wasm_engine_new();
    int finalized = 0;
    wasm_store_delete(store_with(engine, &finalized));
    CHECK_EQ(finalized, 1);
    wasm_engine_delete(engine);
    CHECK_EQ(finalized, 1);
}

TEST(data_goes_with_a_store_that_outlived_its_engine) {
    wasm_engine_t *const engine = wasm_engine_new();
    int finalized = 0;
    wasm_store_t *const store = store_with(engine, &finalized);
    wasm_engine_delete(engine);
    CHECK_EQ(finalized, 0);
    CHECK(wasm_store_data(store) == &finalized);
    wasm_store_delete(store);
    CHECK_EQ(finalized, 1);
}

TEST(data_goes_with_a_store_whose_memories_are_gone) {
    const host_t host = host_default();
    int finalized = 0, i;
    wasm_store_data_set(host.store, &finalized, count_one);
    for (i = 0; i < 10; i++) wasm_memory_delete(memory_of(host, pages_32(1, 2)));
    CHECK_EQ(finalized, 0);
    host_delete(host);
    CHECK_EQ(finalized, 1);
}

/* Engine, store, a memory with a second handle, another memory: all orders of deleting the five. */
TEST(data_goes_with_the_store_and_the_last_handle_in_any_order) {
    int order;
    for (order = 0; order < 120; order++) {
        host_t host = host_default();
        wasm_memory_t *handles[3];
        bool deleted[5] = {false, false, false, false, false};
        int rest = order, step, finalized = 0, i;
        wasm_store_data_set(host.store, &finalized, count_one);
        handles[0] = memory_of(host, pages_32(1, 10));
        handles[1] = wasm_memory_copy(handles[0]);
        handles[2] = memory_of(host, bytes_32(10, 20));
        for (step = 5; step > 0; step--) {
            int pick = rest % step, what = 0;
            rest /= step;
            while (deleted[what] || pick-- > 0) what++;
            deleted[what] = true;
            if (what == 0)
                wasm_engine_delete(host.engine);
            else if (what == 1)
                wasm_store_delete(host.store);
            else
                wasm_memory_delete(handles[what - 2]);
            CHECK_EQ(finalized, deleted[1] && deleted[2] && deleted[3] && deleted[4]);
            if (!deleted[1]) CHECK(wasm_store_data(host.store) == &finalized);
            for (i = 0; i < 3; i++) {
                void *data = NULL;
                if (deleted[i + 2]) continue;
                CHECK_STATUS(wasm_memory_data_and_store(handles[i], NULL, NULL, &data), WASM_MEMORY_OK);
                CHECK(data == &finalized);
            }
        }
        CHECK_EQ(finalized, 1);
    }
}

/* Replacement while memories live, and the store's deletion after it: each data is finalized once. */
TEST(data_that_was_replaced_is_not_finalized_again_at_the_end) {
    int first = 0, second = 0;
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_t *const copy = wasm_memory_copy(memory);
    wasm_store_data_set(host.store, &first, count_one);
    wasm_store_data_set(host.store, &second, count_one);
    host_delete(host);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 0);
    wasm_memory_delete(memory);
    CHECK_EQ(second, 0);
    wasm_memory_delete(copy);
    CHECK_EQ(first, 1);
    CHECK_EQ(second, 1);
}

/* Futures whose outcome is there at once: a memory that is taken, or not; a creation that failed; growths that
   succeeded and failed. */
TEST(a_future_keeps_the_data_of_its_store) {
    static const char *const kinds[] = {"taken", "not taken", "not made", "grown", "not grown"};
    size_t kind;
    for (kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        const int failures = check_state.failures;
        const host_t host = host_default();
        wasm_memorytype_t *const type = type_of(pages_64(kind == 2 ? UINT64_C(1) << 47 : 1, NO_MAXIMUM));
        wasm_memory_t *const memory = kind >= 3 ? memory_of(host, pages_32(1, 2)) : NULL;
        wasm_memory_future_t *future;
        int finalized = 0;
        wasm_store_data_set(host.store, &finalized, count_one);
        future = memory != NULL ? wasm_memory_grow_async(memory, kind == 3 ? 1 : 2)
                                : wasm_memory_new_async(host.store, type);
        CHECK_STATUS(wasm_memory_future_poll(future), kind == 2   ? WASM_MEMORY_OUT_OF_MEMORY
                                                      : kind == 4 ? WASM_MEMORY_MAXIMUM_EXCEEDED
                                                                  : WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
        CHECK_EQ(finalized, 0);
        if (kind == 0) {
            wasm_memory_t *const taken = wasm_memory_future_take_memory(future);
            CHECK(taken != NULL);
            CHECK_EQ(finalized, 0);
            wasm_memory_delete(taken);
        }
        CHECK_EQ(finalized, 0);
        wasm_memory_future_delete(future);
        CHECK_EQ(finalized, 1);
        wasm_memorytype_delete(type);
        if (check_state.failures != failures) printf("  the memory was %s\n", kinds[kind]);
    }
}

static void keep_ticket(void *env, uint64_t current, uint64_t desired, uint64_t maximum,
                        wasm_memory_ticket_t *ticket) {
    (void)current, (void)desired, (void)maximum;
    *(wasm_memory_ticket_t **)env = ticket;
}

TEST(a_ticket_keeps_the_data_of_its_store) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 2));
    wasm_memory_ticket_t *ticket = NULL;
    wasm_memory_limiter_async_t limiter;
    int finalized = 0;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.env = &ticket;
    limiter.memory_growing = keep_ticket;
    wasm_store_data_set(host.store, &finalized, count_one);
    CHECK_STATUS(wasm_store_limiter_async_set(host.store, &limiter), WASM_MEMORY_OK);
    wasm_memory_future_delete(wasm_memory_new_async(host.store, type));
    host_delete(host);
    CHECK(ticket != NULL);
    CHECK_EQ(finalized, 0);
    wasm_memory_ticket_resolve(ticket, true);
    CHECK_EQ(finalized, 1);
    wasm_memorytype_delete(type);
}

static int turns;
static void take_turn(void *turn) { *(int *)turn = ++turns; }

/* What hangs on a memory may need what hangs on its store. */
TEST(host_info_goes_before_the_data_of_the_store_when_the_handle_outlives_it) {
    int last; /* 0: the only handle, 1: a copy of it, 2: one of two memories */
    for (last = 0; last < 3; last++) {
        const host_t host = host_default();
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        wasm_memory_t *const other = last == 1   ? wasm_memory_copy(memory)
                                     : last == 2 ? memory_of(host, pages_64(1, 2))
                                                 : NULL;
        int info = 0, other_info = 0, data = 0;
        turns = 0;
        wasm_store_data_set(host.store, &data, take_turn);
        wasm_memory_set_host_info_with_finalizer(memory, &info, take_turn);
        if (last == 2) wasm_memory_set_host_info_with_finalizer(other, &other_info, take_turn);
        host_delete(host);
        CHECK_EQ(turns, 0);
        wasm_memory_delete(other);
        CHECK_EQ(turns, last == 2);
        wasm_memory_delete(memory);
        CHECK_EQ(other_info, last == 2);
        CHECK_EQ(info, last == 2 ? 2 : 1);
        CHECK_EQ(data, last == 2 ? 3 : 2);
        CHECK_EQ(turns, data);
    }
}

/* ---- finalizers that call the library ---- */

typedef struct {
    host_t host;
    wasm_store_t *store; /* the one whose data is finalized; NULL when it is gone */
    int calls, nested;
} caller_t;

static void call_back(void *env) {
    caller_t *const caller = (caller_t *)env;
    wasm_memory_t *const memory = memory_of(caller->host, pages_32(1, 2));
    caller->calls++;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    if (caller->store == NULL) return;
    /* The data is replaced already, and may be replaced again from here. */
    CHECK(wasm_store_data(caller->store) != env);
    wasm_store_data_set(caller->store, &caller->nested, count_one);
    CHECK_EQ(caller->nested, 0);
    CHECK(wasm_store_data(caller->store) == &caller->nested);
}

TEST(a_finalizer_may_call_the_library) {
    wasm_engine_t *const engine = wasm_engine_new();
    caller_t caller;
    int other = 0;
    memset(&caller, 0, sizeof caller);
    caller.host = host_default();
    caller.store = wasm_store_new(engine);
    wasm_store_data_set(caller.store, &caller, call_back);
    wasm_store_data_set(caller.store, &other, count_one);
    CHECK_EQ(caller.calls, 1);
    CHECK_EQ(other, 1); /* replaced from the finalizer */
    wasm_store_delete(caller.store);
    CHECK_EQ(caller.nested, 1);
    CHECK_EQ(other, 1);

    caller.store = wasm_store_new(engine);
    wasm_store_data_set(caller.store, &caller, call_back);
    {
        wasm_store_t *const store = caller.store;
        caller.store = NULL;
        wasm_store_delete(store);
    }
    CHECK_EQ(caller.calls, 2);
    host_delete(caller.host);
    wasm_engine_delete(engine);
}

/* ---- threads ---- */

#define THREADS 4
#define SETTINGS 2000

typedef struct {
    wasm_store_t *store;
    int finalized[SETTINGS];
} setter_t;

static void count_atomically(void *counter) { __atomic_add_fetch((int *)counter, 1, __ATOMIC_RELAXED); }

static void *set_again_and_again(void *env) {
    setter_t *const setter = (setter_t *)env;
    int i;
    for (i = 0; i < SETTINGS; i++) {
        wasm_store_data_set(setter->store, &setter->finalized[i], count_atomically);
        if (wasm_store_data(setter->store) == NULL) return env;
    }
    return NULL;
}

TEST(threads_may_set_the_data_of_one_store) {
    static setter_t setters[THREADS];
    const host_t host = host_default();
    pthread_t threads[THREADS];
    int i, j, wrong = 0, missing = 0;
    memset(setters, 0, sizeof setters);
    for (i = 0; i < THREADS; i++) {
        setters[i].store = host.store;
        CHECK_EQ(pthread_create(&threads[i], NULL, set_again_and_again, &setters[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    for (i = 0; i < THREADS; i++)
        for (j = 0; j < SETTINGS; j++) missing += setters[i].finalized[j] == 0;
    CHECK_EQ(missing, 1); /* the one that is set */
    host_delete(host);
    for (i = 0; i < THREADS; i++)
        for (j = 0; j < SETTINGS; j++) wrong += setters[i].finalized[j] != 1;
    CHECK_EQ(wrong, 0);
}

/* ---- base, length and data at once ---- */

TEST(data_and_store_tells_all_three_or_what_is_asked) {
    static const shape_t shapes[] = {{0, 0, false, false, 16}, {1, 2, false, false, 16}, {100, 200, true, false, 0}};
    const host_t host = host_default();
    int told;
    size_t i;
    int asked;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        wasm_store_data_set(host.store, &told, NULL);
        for (asked = 0; asked < 8; asked++) {
            uint8_t *data = NULL;
            size_t length = 77;
            void *store_data = NULL;
            CHECK_STATUS(wasm_memory_data_and_store(memory, (asked & 1) != 0 ? &data : NULL,
                                                    (asked & 2) != 0 ? &length : NULL,
                                                    (asked & 4) != 0 ? &store_data : NULL),
                         WASM_MEMORY_OK);
            CHECK(data == ((asked & 1) != 0 ? wasm_memory_view(memory)->base : NULL));
            CHECK_EQ(length, (asked & 2) != 0 ? wasm_memory_data_size(memory) : 77);
            CHECK(store_data == ((asked & 4) != 0 ? &told : NULL));
        }
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(data_and_store_follows_growth_and_new_data) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10));
    uint8_t *data = NULL;
    size_t length = 0;
    int first, second;
    void *store_data = &first;
    CHECK_STATUS(wasm_memory_data_and_store(memory, &data, &length, &store_data), WASM_MEMORY_OK);
    CHECK(store_data == NULL); /* none was set */
    CHECK_EQ(length, PAGE);
    wasm_store_data_set(host.store, &first, NULL);
    CHECK_STATUS(wasm_memory_try_grow(memory, 5, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_data_and_store(memory, &data, &length, &store_data), WASM_MEMORY_OK);
    CHECK(store_data == &first);
    CHECK_EQ(length, 6 * PAGE);
    data[6 * PAGE - 1] = 9; /* it is there to be written to */
    CHECK_EQ(wasm_memory_data(memory)[6 * PAGE - 1], 9);
    wasm_store_data_set(host.store, &second, NULL);
    CHECK_STATUS(wasm_memory_data_and_store(memory, NULL, NULL, &store_data), WASM_MEMORY_OK);
    CHECK(store_data == &second);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(each_memory_tells_the_data_of_the_store_it_was_made_in) {
    wasm_engine_t *const engine = wasm_engine_new();
    int first = 0, second = 0;
    const host_t left = {engine, store_with(engine, &first)}, right = {engine, store_with(engine, &second)};
    wasm_memory_t *const in_left = memory_of(left, pages_32(1, 2));
    wasm_memory_t *const in_right = memory_of(right, pages_32(1, 2));
    wasm_memory_t *const copy = wasm_memory_copy(in_left);
    void *data = NULL;
    CHECK_STATUS(wasm_memory_data_and_store(in_left, NULL, NULL, &data), WASM_MEMORY_OK);
    CHECK(data == &first);
    CHECK_STATUS(wasm_memory_data_and_store(in_right, NULL, NULL, &data), WASM_MEMORY_OK);
    CHECK(data == &second);
    wasm_store_delete(left.store);
    wasm_store_delete(right.store);
    wasm_engine_delete(engine);
    wasm_memory_delete(in_left);
    CHECK_EQ(first, 0);
    CHECK_STATUS(wasm_memory_data_and_store(copy, NULL, NULL, &data), WASM_MEMORY_OK);
    CHECK(data == &first);
    wasm_memory_delete(in_right);
    CHECK_EQ(second, 1);
    wasm_memory_delete(copy);
    CHECK_EQ(first, 1);
}

/* ---- memories that outlive their store ---- */

static void use(wasm_memory_t *memory) {
    const uint64_t pages = wasm_memory_pages(memory), length = wasm_memory_data_size(memory);
    uint64_t previous = 77, value = 0;
    uint8_t *data = NULL;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, pages);
    CHECK_EQ(wasm_memory_pages(memory), pages + 1);
    CHECK_STATUS(wasm_memory_store_u64(memory, length + 8, 99), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_within(memory, length, length + 8, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_discard(memory, length + 8, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(memory, length, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 99);
    CHECK_STATUS(wasm_memory_load_u64(memory, length + 8, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 0);
    CHECK_STATUS(wasm_memory_data_and_store(memory, &data, NULL, NULL), WASM_MEMORY_OK);
    CHECK(data == (uint8_t *)wasm_memory_data(memory));
    CHECK(data[length] == 99 && data[length + PAGE - 1] == 0);
}

TEST(a_handle_that_outlives_store_and_engine_does_everything) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10)), *copy;
    wasm_memory_t *const wide = memory_of(host, pages_64(1, NO_MAXIMUM));
    wasm_data_segment_t *const segment = wasm_data_segment_new("data", 4);
    host_delete(host);
    use(memory);
    use(wide);
    copy = wasm_memory_copy(memory);
    use(copy);
    CHECK_EQ(wasm_memory_pages(memory), 3);
    CHECK_STATUS(wasm_memory_init(memory, 5, segment, 0, 4), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_between(wide, 0, copy, 5, 4), WASM_MEMORY_OK);
    CHECK(memcmp(wasm_memory_data(wide), "data", 5) == 0);
    CHECK_STATUS(wasm_memory_hexdump(wide, 0, 16, NULL, 0, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_erase(wide), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_data(wide)[0], 0);
    wasm_memory_delete(memory);
    use(copy);
    CHECK_STATUS(wasm_memory_try_grow(copy, 7, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(copy, 6, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(copy);
    wasm_memory_delete(wide);
    wasm_data_segment_delete(segment);
}

/* ---- sizes after growth ---- */

TEST(growth_reports_the_size_before_and_the_type_has_the_size_now) {
    static const shape_t shapes[] = {{1, 20, false, false, 16}, {3, 40, true, false, 16},
                                     {0, 20, false, false, 16}, {5, 4000, false, false, 0},
                                     {2, NO_MAXIMUM, true, false, 16}, {9, NO_MAXIMUM, true, false, 0}};
    const host_t host = host_default();
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape_t of = shapes[i];
        wasm_memory_t *const memory = memory_of(host, of);
        uint64_t pages = of.minimum, delta;
        for (delta = 0; delta < 6; delta++) {
            wasm_memorytype_t *type, *required;
            uint64_t previous = 77, maximum = 77;
            CHECK_STATUS(wasm_memory_try_grow(memory, delta, &previous), WASM_MEMORY_OK);
            CHECK_EQ(previous, pages);
            pages += delta;
            CHECK_EQ(wasm_memory_pages(memory), pages);
            CHECK_EQ(wasm_memory_size(memory), pages);
            CHECK_EQ(wasm_memory_data_size(memory), pages << of.page_size_log2);
            CHECK_EQ(wasm_memory_initial_pages(memory), of.minimum); /* as it was made */
            type = wasm_memory_type(memory);
            CHECK_EQ(wasm_memorytype_minimum(type), pages);
            CHECK(wasm_memorytype_maximum(type, &maximum) == (of.maximum != NO_MAXIMUM));
            CHECK_EQ(maximum, of.maximum != NO_MAXIMUM ? of.maximum : 0);
            CHECK(wasm_memorytype_is64(type) == of.is_64);
            CHECK(!wasm_memorytype_isshared(type));
            CHECK_EQ(wasm_memorytype_page_size_log2(type), of.page_size_log2);
            /* An import that wants the present size is served, and one that wants more is not. */
            required = type_of(shape(pages, of.maximum, of.is_64, false, of.page_size_log2));
            CHECK(wasm_memorytype_matches(type, required));
            wasm_memorytype_delete(required);
            required = type_of(shape(pages + 1, of.maximum, of.is_64, false, of.page_size_log2));
            CHECK(!wasm_memorytype_matches(type, required));
            wasm_memorytype_delete(required);
            wasm_memorytype_delete(type);
        }
        if (of.maximum != NO_MAXIMUM) {
            uint64_t previous = 77;
            CHECK_STATUS(wasm_memory_try_grow(memory, of.maximum - pages + 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
            CHECK_EQ(previous, 0);
            CHECK_STATUS(wasm_memory_try_grow(memory, of.maximum - pages, &previous), WASM_MEMORY_OK);
            CHECK_EQ(previous, pages);
        }
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

int main(void) {
    RUN(a_store_has_no_data_until_it_is_set);
    RUN(stores_of_one_engine_have_data_of_their_own);
    RUN(data_that_is_replaced_is_finalized_now_and_once);
    RUN(a_finalizer_runs_for_null_data_too);
    RUN(data_goes_with_a_store_that_has_no_memories);
    RUN(data_goes_with_a_store_that_outlived_its_engine);
    RUN(data_goes_with_a_store_whose_memories_are_gone);
    RUN(data_goes_with_the_store_and_the_last_handle_in_any_order);
    RUN(data_that_was_replaced_is_not_finalized_again_at_the_end);
    RUN(a_future_keeps_the_data_of_its_store);
    RUN(a_ticket_keeps_the_data_of_its_store);
    RUN(host_info_goes_before_the_data_of_the_store_when_the_handle_outlives_it);
    RUN(a_finalizer_may_call_the_library);
    RUN(threads_may_set_the_data_of_one_store);
    RUN(data_and_store_tells_all_three_or_what_is_asked);
    RUN(data_and_store_follows_growth_and_new_data);
    RUN(each_memory_tells_the_data_of_the_store_it_was_made_in);
    RUN(a_handle_that_outlives_store_and_engine_does_everything);
    RUN(growth_reports_the_size_before_and_the_type_has_the_size_now);
    return check_finish();
}
