/* Shared memories: tokens and handles, whose limits count, growth by several threads at once, and bytes that stay right
 * while others change their neighbours. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support/children.h"
#include "support/limiters.h"
#include "support/memories.h"
#include "support/watched.h"

static int load(const int *of) { return __atomic_load_n(of, __ATOMIC_SEQ_CST); }
static void store(int *to, int value) { __atomic_store_n(to, value, __ATOMIC_SEQ_CST); }
static int add(int *to, int value) { return __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); }
static void count_one(void *counter) { *(int *)counter += 1; }

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static shape_t shared_32(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 16); }
static shape_t shared_64(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, true, true, 16); }
static shape_t shared_bytes(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 0); }

/* Whether the memories of these tests are made so that they can be exported, which is to change nothing here. */
static bool exportable;

static host_t host_as(wasm_config_t *config, wasm_memory_bounds_t bounds) {
    wasm_config_memory_exportable_set(config, exportable);
    wasm_config_memory_bounds_set(config, bounds);
    return host_with(config);
}

static host_t host_of(wasm_memory_bounds_t bounds) { return host_as(wasm_config_new(), bounds); }
static host_t host_new(void) { return host_of(WASM_MEMORY_BOUNDS_AUTO); }

static wasm_shared_memory_t *token_of(host_t host, shape_t of) {
    wasm_memorytype_t *const type = type_of(of);
    wasm_shared_memory_t *token = NULL;
    CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_OK);
    CHECK(token != NULL);
    wasm_memorytype_delete(type);
    return token;
}

static wasm_memory_t *obtained(host_t host, const wasm_shared_memory_t *token) {
    wasm_memory_t *const memory = wasm_memory_obtain(host.store, token);
    CHECK(memory != NULL);
    return memory;
}

static bool is_zero(const uint8_t *bytes, uint64_t length) {
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

static const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                                  WASM_MEMORY_BOUNDS_CHECKED};

/* ---- tokens ---- */

static void check_type(wasm_memorytype_t *type, shape_t of) {
    uint64_t maximum = 77;
    CHECK_EQ(wasm_memorytype_minimum(type), of.minimum);
    CHECK(wasm_memorytype_maximum(type, &maximum));
    CHECK_EQ(maximum, of.maximum);
    CHECK(wasm_memorytype_is64(type) == of.is_64);
    CHECK(wasm_memorytype_isshared(type));
    CHECK_EQ(wasm_memorytype_page_size_log2(type), of.page_size_log2);
    wasm_memorytype_delete(type);
}

TEST(a_token_stands_for_a_memory_of_its_type) {
    const shape_t shapes[] = {
        shared_32(0, 0),         shared_32(0, 3),         shared_32(1, 65536),
        shared_64(2, 70000),     shared_bytes(0, 1),      shared_bytes(4097, 9000),
        {3, 77, true, true, 0},
    };
    const host_t host = host_new();
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        shape_t of = shapes[i];
        wasm_shared_memory_t *const token = token_of(host, of), *const clone = wasm_shared_memory_clone(token);
        wasm_memory_t *const memory = obtained(host, token);
        check_type(wasm_shared_memory_type(token), of);
        check_type(wasm_shared_memory_type(clone), of);
        check_type(wasm_memory_type(memory), of);
        CHECK_EQ(wasm_memory_pages(memory), of.minimum);
        CHECK_EQ(wasm_memory_initial_pages(memory), of.minimum);
        CHECK(wasm_memory_data(memory) != NULL);
        CHECK(!wasm_memory_may_move(memory));
        CHECK(is_zero(wasm_memory_view(memory)->base, wasm_memory_data_size(memory)));
        if (of.minimum < of.maximum) { /* the type is that of the moment, through whatever one looks */
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            CHECK_EQ(wasm_memory_initial_pages(memory), of.minimum);
            of.minimum++;
            check_type(wasm_shared_memory_type(token), of);
            check_type(wasm_shared_memory_type(clone), of);
        }
        wasm_shared_memory_delete(token);
        check_type(wasm_shared_memory_type(clone), of);
        wasm_memory_delete(memory);
        check_type(wasm_shared_memory_type(clone), of);
        wasm_shared_memory_delete(clone);
    }
    host_delete(host);
}

/* A call with NULL that gives NULL and leaves a sentence of its own. */
static void leave_a_sentence(void) {
    wasm_memorytype_t *type;
    wasm_memorytype_try_new(70001, false, 0, false, false, 16, &type);
}
#define CHECK_NONE(call)                                                       \
    do {                                                                       \
        leave_a_sentence();                                                    \
        CHECK((call) == NULL);                                                 \
        CHECK(wasm_memory_last_error(NULL, 0) > 0 && !last_error_has("70001")); \
    } while (0)

static int nothing; /* its address must not survive in an out-parameter */

TEST(tokens_of_nothing) {
    const host_t host = host_new();
    wasm_memorytype_t *const type = type_of(shared_32(1, 2)), *const unshared = type_of(pages_32(1, 2));
    wasm_shared_memory_t *token = (wasm_shared_memory_t *)(void *)&nothing;
    CHECK_STATUS(wasm_shared_memory_new(NULL, type, &token), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(token == NULL);
    token = (wasm_shared_memory_t *)(void *)&nothing;
    CHECK_STATUS(wasm_shared_memory_new(host.engine, NULL, &token), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(token == NULL);
    CHECK_STATUS(wasm_shared_memory_new(host.engine, type, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_shared_memory_new(host.engine, unshared, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_shared_memory_new(NULL, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    token = (wasm_shared_memory_t *)(void *)&nothing;
    CHECK_STATUS(wasm_shared_memory_new(host.engine, unshared, &token), WASM_MEMORY_INVALID_TYPE);
    CHECK(token == NULL);
    CHECK_LAST_ERROR("shared");
    leave_a_sentence();
    wasm_shared_memory_delete(NULL);
    CHECK_LAST_ERROR("70001"); /* which is no failure */
    CHECK_NONE(wasm_shared_memory_clone(NULL));
    CHECK_NONE(wasm_shared_memory_type(NULL));
    CHECK_NONE(wasm_memory_share(NULL));
    CHECK_NONE(wasm_memory_obtain(NULL, NULL));
    CHECK_NONE(wasm_memory_obtain(host.store, NULL));
    token = token_of(host, shared_32(1, 2));
    CHECK_NONE(wasm_memory_obtain(NULL, token));
    wasm_shared_memory_delete(token);
    wasm_memorytype_delete(unshared);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(an_unshared_memory_has_no_token) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_NONE(wasm_memory_share(memory));
    CHECK_LAST_ERROR("shared");
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_shared_type_given_to_a_store_makes_a_shared_memory) {
    const host_t host = host_new();
    wasm_memorytype_t *const type = type_of(shared_32(1, 3));
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 3)), *const other = wasm_memory_new(host.store, type);
    wasm_shared_memory_t *const token = wasm_memory_share(memory);
    wasm_memory_t *const handle = obtained(host, token);
    CHECK(other != NULL);
    CHECK(stats_of(memory).shared && stats_of(other).shared && stats_of(handle).shared);
    check_type(wasm_memory_type(memory), shared_32(1, 3));
    check_type(wasm_shared_memory_type(token), shared_32(1, 3));
    CHECK(wasm_memory_same(memory, handle));
    CHECK(!wasm_memory_same(memory, other));
    wasm_memory_delete(memory);
    CHECK_STATUS(wasm_memory_store_u8(handle, PAGE - 1, 3), WASM_MEMORY_OK);
    wasm_memory_delete(handle);
    wasm_shared_memory_delete(token);
    wasm_memory_delete(other);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(a_future_makes_a_shared_memory_too) {
    const host_t host = host_new();
    wasm_memorytype_t *const type = type_of(shared_32(1, 3));
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    wasm_memory_t *memory;
    wasm_shared_memory_t *token;
    limiter_async_set(host.store, &watch);
    future = wasm_memory_new_async(host.store, type);
    CHECK_ASKED(&watch, 1, 0, PAGE);
    CHECK_EQ(watch.maximum, 3 * PAGE);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    wasm_memory_future_delete(future);
    token = wasm_memory_share(memory);
    CHECK(token != NULL);
    CHECK(stats_of(memory).shared);
    wasm_shared_memory_delete(token);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

/* An engine whose memories the host makes; it is never asked for a shared one. */
static wasm_memory_status_t make_nothing(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                         size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    (void)type, (void)minimum, (void)maximum, (void)reserved_bytes, (void)guard_bytes, (void)out;
    count_one(env);
    return WASM_MEMORY_IO;
}

TEST(a_host_that_makes_memories_makes_no_shared_ones_but_its_stores_obtain_them) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    wasm_memorytype_t *const type = type_of(shared_32(1, 2));
    const host_t other = host_new();
    wasm_shared_memory_t *token = (wasm_shared_memory_t *)(void *)&nothing;
    wasm_memory_t *memory = NULL;
    host_t host;
    int asked = 0;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.env = &asked;
    allocator.new_memory = make_nothing;
    wasm_config_memory_allocator_set(config, &allocator);
    host = host_with(config);
    CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_UNSUPPORTED);
    CHECK(token == NULL);
    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_UNSUPPORTED);
    CHECK(memory == NULL);
    token = token_of(other, shared_32(1, 2));
    memory = obtained(host, token);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u32(memory, 2 * PAGE - 4, 1), WASM_MEMORY_OK);
    CHECK_EQ(asked, 0);
    wasm_shared_memory_delete(token);
    host_delete(other);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(a_memory_too_large_for_the_machine_is_out_of_memory) {
    const host_t host = host_of(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memorytype_t *const type = type_of(shared_64(UINT64_C(1) << 47, UINT64_C(1) << 48));
    wasm_shared_memory_t *token = (wasm_shared_memory_t *)(void *)&nothing;
    CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(token == NULL);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    wasm_memorytype_delete(type);
    host_delete(host);
}

/* ---- who keeps what ---- */

/* Everything through which a memory can be reached, and what it lives in. */
enum { ENGINE, STORE_A, STORE_B, TOKEN, CLONE, HANDLE_A, HANDLE_B, OBJECTS };

static void in_an_order(const int *order) {
    const host_t host = host_new();
    wasm_engine_t *const engine = host.engine;
    wasm_store_t *const a = host.store, *const b = wasm_store_new(engine);
    wasm_shared_memory_t *const token = token_of(host, shared_32(1, 4));
    wasm_shared_memory_t *const clone = wasm_shared_memory_clone(token);
    wasm_memory_t *const in_a = wasm_memory_obtain(a, token), *const in_b = wasm_memory_obtain(b, clone);
    int of_a = 0, of_b = 0, of_memory = 0, step;
    bool gone[OBJECTS] = {false};
    uint32_t written = 0;
    wasm_store_data_set(a, &of_a, count_one);
    wasm_store_data_set(b, &of_b, count_one);
    wasm_memory_set_host_info_with_finalizer(in_b, &of_memory, count_one);
    for (step = 0; step < OBJECTS; step++) {
        wasm_memory_t *handles[3] = {NULL, NULL, NULL}; /* all that can be had now */
        const wasm_shared_memory_t *const left = !gone[TOKEN] ? token : !gone[CLONE] ? clone : NULL;
        int i;
        if (!gone[HANDLE_A]) handles[0] = in_a;
        if (!gone[HANDLE_B]) handles[1] = in_b;
        if (left != NULL && (!gone[STORE_A] || !gone[STORE_B]))
            handles[2] = wasm_memory_obtain(!gone[STORE_A] ? a : b, left);
        for (i = 0; i < 3; i++) {
            uint32_t found = 77;
            if (handles[i] == NULL) continue;
            CHECK_STATUS(wasm_memory_atomic_rmw32(handles[i], WASM_MEMORY_RMW_ADD, 64, 1, &found), WASM_MEMORY_OK);
            CHECK_EQ(found, written);
            written++;
            CHECK(wasm_memory_get_host_info(handles[i]) == &of_memory);
        }
        wasm_memory_delete(handles[2]);
        if (left != NULL) check_type(wasm_shared_memory_type(left), shared_32(1, 4));
        switch (order[step]) {
        case ENGINE: wasm_engine_delete(engine); break;
        case STORE_A: wasm_store_delete(a); break;
        case STORE_B: wasm_store_delete(b); break;
        case TOKEN: wasm_shared_memory_delete(token); break;
        case CLONE: wasm_shared_memory_delete(clone); break;
        case HANDLE_A: wasm_memory_delete(in_a); break;
        default: wasm_memory_delete(in_b);
        }
        gone[order[step]] = true;
        CHECK_EQ(of_a, gone[STORE_A] && gone[HANDLE_A]);
        CHECK_EQ(of_b, gone[STORE_B] && gone[HANDLE_B]);
        CHECK_EQ(of_memory, gone[TOKEN] && gone[CLONE] && gone[HANDLE_A] && gone[HANDLE_B]);
    }
}

/* Every order of `order[from..]`. */
static int permute(int *order, int from, int every) {
    static int number;
    int i, count = 0;
    if (from == 0) number = 0;
    if (from == OBJECTS) {
        const int failures = check_state.failures;
        if (number++ % every == 0) in_an_order(order);
        if (check_state.failures != failures) {
            printf("  the order was:");
            for (i = 0; i < OBJECTS; i++) printf(" %d", order[i]);
            printf("\n");
        }
        return 1;
    }
    for (i = from; i < OBJECTS && check_state.failures < 20; i++) {
        int swapped = order[from];
        order[from] = order[i], order[i] = swapped;
        count += permute(order, from + 1, every);
        swapped = order[from];
        order[from] = order[i], order[i] = swapped;
    }
    return count;
}

TEST(a_memory_lives_until_its_last_token_and_handle_are_gone_in_whichever_order) {
    int order[OBJECTS], i;
    uint64_t mappings;
    for (i = 0; i < OBJECTS; i++) order[i] = i;
    in_an_order(order);
    mappings = process_mappings();
    CHECK_EQ(permute(order, 0, is_watched() ? 100 : exportable ? 10 : 1), 5040);
    CHECK(process_mappings() <= mappings + 4);
}

TEST(a_future_keeps_a_memory_of_which_nothing_else_is_left) {
    const host_t host = host_new(), other = host_new();
    wasm_shared_memory_t *const token = token_of(other, shared_32(1, 9));
    wasm_memory_t *const memory = obtained(host, token);
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    int gone = 0;
    wasm_memory_set_host_info_with_finalizer(memory, &gone, count_one);
    limiter_async_set(host.store, &watch);
    future = wasm_memory_grow_async(memory, 3);
    wasm_memory_delete(memory);
    wasm_shared_memory_delete(token);
    host_delete(other);
    host_delete(host);
    CHECK_EQ(gone, 0);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 1);
    wasm_memory_future_delete(future);
    CHECK_EQ(gone, 1);
    CHECK_EQ(watch.finalized, 1);
}

TEST(handles_in_all_stores_are_the_same_memory) {
    const host_t first = host_new(), second = host_of(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_shared_memory_t *const token = token_of(first, shared_32(1, 4));
    wasm_shared_memory_t *const apart = token_of(first, shared_32(1, 4));
    wasm_memory_t *const a = obtained(first, token), *const again = obtained(first, token);
    wasm_memory_t *const b = obtained(second, token), *const copy = wasm_memory_copy(b);
    wasm_memory_t *const c = obtained(first, apart);
    wasm_shared_memory_t *const of_copy = wasm_memory_share(copy);
    wasm_memory_t *const d = obtained(second, of_copy);
    const wasm_memory_view_t *const view = wasm_memory_view(a);
    const wasm_memory_t *const handles[] = {a, again, b, copy, d};
    uint8_t *const base = view->base;
    size_t i, j;
    for (i = 0; i < 5; i++) {
        for (j = 0; j < 5; j++) CHECK(wasm_memory_same(handles[i], handles[j]));
        CHECK(!wasm_memory_same(handles[i], c));
        CHECK(!wasm_memory_same(c, handles[i]));
        CHECK(wasm_memory_view(handles[i])->base == base);
    }
    CHECK_STATUS(wasm_memory_try_grow(d, 2, NULL), WASM_MEMORY_OK);
    for (i = 0; i < 5; i++) {
        CHECK_EQ(wasm_memory_pages(handles[i]), 3);
        CHECK_EQ(wasm_memory_view(handles[i])->byte_length, 3 * PAGE);
        CHECK_EQ(stats_of(handles[i]).bounds, stats_of(a).bounds); /* of the engine that made it */
    }
    CHECK_EQ(wasm_memory_pages(c), 1);
    CHECK_STATUS(wasm_memory_store_u32(copy, 3 * PAGE - 4, 99), WASM_MEMORY_OK);
    wasm_memory_delete(copy);
    wasm_memory_delete(d);
    wasm_memory_delete(b);
    CHECK_EQ(base[3 * PAGE - 4], 99);
    CHECK_EQ(view->byte_length, 3 * PAGE);
    wasm_shared_memory_delete(of_copy);
    wasm_shared_memory_delete(apart);
    wasm_shared_memory_delete(token);
    wasm_memory_delete(a);
    wasm_memory_delete(again);
    wasm_memory_delete(c);
    host_delete(second);
    host_delete(first);
}

TEST(host_info_belongs_to_the_memory_and_not_to_a_handle_or_store) {
    const host_t first = host_new(), second = host_new();
    wasm_shared_memory_t *const token = token_of(first, shared_32(1, 4));
    wasm_memory_t *const a = obtained(first, token), *const b = obtained(second, token);
    wasm_memory_t *later;
    int one = 0, two = 0;
    CHECK(wasm_memory_get_host_info(b) == NULL);
    wasm_memory_set_host_info_with_finalizer(a, &one, count_one);
    CHECK(wasm_memory_get_host_info(b) == &one);
    wasm_memory_set_host_info_with_finalizer(b, &two, count_one);
    CHECK_EQ(one, 1);
    CHECK(wasm_memory_get_host_info(a) == &two);
    wasm_memory_delete(a);
    wasm_memory_delete(b);
    CHECK_EQ(two, 0); /* the token has it still */
    later = obtained(second, token);
    CHECK(wasm_memory_get_host_info(later) == &two);
    wasm_shared_memory_delete(token);
    CHECK_EQ(two, 0);
    wasm_memory_delete(later);
    CHECK_EQ(two, 1);
    CHECK_EQ(one, 1);
    host_delete(second);
    host_delete(first);
}

TEST(each_handle_tells_the_data_of_its_own_store) {
    const host_t first = host_new(), second = host_new();
    wasm_shared_memory_t *const token = token_of(first, shared_32(1, 4));
    wasm_memory_t *const a = obtained(first, token), *const b = obtained(second, token);
    wasm_memory_t *const copy = wasm_memory_copy(b);
    uint8_t *data = NULL;
    size_t length = 77;
    void *of_store = NULL;
    int one, two;
    wasm_store_data_set(first.store, &one, NULL);
    wasm_store_data_set(second.store, &two, NULL);
    CHECK_STATUS(wasm_memory_data_and_store(a, &data, &length, &of_store), WASM_MEMORY_OK);
    CHECK(data == wasm_memory_view(a)->base);
    CHECK_EQ(length, PAGE);
    CHECK(of_store == &one);
    CHECK_STATUS(wasm_memory_data_and_store(b, NULL, NULL, &of_store), WASM_MEMORY_OK);
    CHECK(of_store == &two);
    CHECK_STATUS(wasm_memory_data_and_store(copy, NULL, NULL, &of_store), WASM_MEMORY_OK);
    CHECK(of_store == &two);
    wasm_memory_delete(a);
    wasm_memory_delete(b);
    wasm_memory_delete(copy);
    wasm_shared_memory_delete(token);
    host_delete(second);
    host_delete(first);
}

static void call_nobody(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    count_one(env);
}

TEST(the_bytes_of_a_shared_memory_cannot_be_lent) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 4));
    int called = 0;
    CHECK_STATUS(wasm_memory_with_data(memory, call_nobody, &called), WASM_MEMORY_SHARED);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, call_nobody, &called), WASM_MEMORY_SHARED);
    CHECK_STATUS(wasm_memory_with_data(memory, NULL, &called), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, NULL, &called), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(called, 0);
    CHECK_STATUS(wasm_memory_store_u8(memory, 0, 1), WASM_MEMORY_OK); /* nothing counts as lent */
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- limits and limiters ---- */

static bool can_obtain(host_t host, const wasm_shared_memory_t *token) {
    wasm_memory_t *const memory = wasm_memory_obtain(host.store, token);
    wasm_memory_delete(memory);
    return memory != NULL;
}

TEST(each_obtained_handle_counts_as_a_memory_until_it_and_its_copies_are_gone) {
    const host_t host = host_new(), maker = host_new();
    wasm_shared_memory_t *const token = token_of(maker, shared_32(1, 4));
    wasm_memory_t *first, *second, *copy, *other = NULL;
    limits_set(host.store, NO_LIMIT, NO_LIMIT, 2);
    first = obtained(host, token);
    second = obtained(host, token);
    CHECK_NONE(wasm_memory_obtain(host.store, token));
    CHECK_LAST_ERROR("max_memories");
    CHECK_STATUS(try_memory(host, pages_32(0, 0), &other), WASM_MEMORY_LIMIT_DENIED);
    copy = wasm_memory_copy(first); /* counts with the first */
    CHECK(copy != NULL);
    CHECK(!can_obtain(host, token));
    wasm_memory_delete(first);
    CHECK(!can_obtain(host, token));
    wasm_memory_delete(copy);
    CHECK(can_obtain(host, token));
    CHECK(can_obtain(host, token)); /* what was refused or deleted is not counted */
    first = obtained(host, token);
    CHECK(!can_obtain(host, token));
    wasm_memory_delete(first);
    wasm_memory_delete(second);
    other = memory_of(host, shared_32(1, 1)); /* made here, it counts once */
    CHECK(can_obtain(host, token));
    wasm_memory_delete(other);
    CHECK(can_obtain(maker, token)); /* others have no such limit */
    wasm_shared_memory_delete(token);
    host_delete(host);
    host_delete(maker);
}

TEST(an_obtained_handle_counts_with_the_bytes_of_that_moment) {
    const host_t host = host_new(), maker = host_new();
    wasm_shared_memory_t *const token = token_of(maker, shared_32(2, 20));
    wasm_memory_t *const grower = obtained(maker, token);
    wasm_memory_t *first, *second;
    limits_set(host.store, NO_LIMIT, 5 * PAGE, NO_LIMIT);
    first = obtained(host, token);
    second = obtained(host, token);
    CHECK_NONE(wasm_memory_obtain(host.store, token));
    CHECK_LAST_ERROR("max_total_bytes");
    wasm_memory_delete(second);
    wasm_memory_delete(first);
    CHECK_STATUS(wasm_memory_try_grow(grower, 1, NULL), WASM_MEMORY_OK);
    first = obtained(host, token);
    CHECK(!can_obtain(host, token)); /* three pages each by now */
    wasm_memory_delete(first);
    CHECK_STATUS(wasm_memory_try_grow(grower, 2, NULL), WASM_MEMORY_OK);
    CHECK(can_obtain(host, token));
    CHECK_STATUS(wasm_memory_try_grow(grower, 1, NULL), WASM_MEMORY_OK);
    CHECK(!can_obtain(host, token));
    limits_set(host.store, 6 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK(can_obtain(host, token));
    CHECK_STATUS(wasm_memory_try_grow(grower, 1, NULL), WASM_MEMORY_OK);
    CHECK_NONE(wasm_memory_obtain(host.store, token));
    CHECK_LAST_ERROR("max_memory_bytes");
    limits_none(host.store);
    CHECK(can_obtain(host, token));
    wasm_memory_delete(grower);
    wasm_shared_memory_delete(token);
    host_delete(host);
    host_delete(maker);
}

/* Whether the store has room for exactly so many pages. */
static bool has_room_for(host_t host, uint64_t pages) {
    wasm_memory_t *memory = NULL;
    const bool fits = try_memory(host, pages_32(pages, NO_MAXIMUM), &memory) == WASM_MEMORY_OK;
    wasm_memory_delete(memory);
    if (try_memory(host, pages_32(pages + 1, NO_MAXIMUM), &memory) == WASM_MEMORY_OK) {
        wasm_memory_delete(memory);
        return false;
    }
    return fits;
}

TEST(what_was_counted_is_given_back_however_the_memory_grew) {
    const host_t first = host_new(), second = host_new();
    int round;
    limits_set(first.store, NO_LIMIT, 30 * PAGE, NO_LIMIT);
    limits_set(second.store, NO_LIMIT, 30 * PAGE, NO_LIMIT);
    for (round = 0; round < 4; round++) {
        wasm_memory_t *const a = memory_of(first, shared_32(2, 40));
        wasm_shared_memory_t *const token = wasm_memory_share(a);
        wasm_memory_t *const b = obtained(second, token), *const copy = wasm_memory_copy(b);
        if (round & 1) CHECK_STATUS(wasm_memory_try_grow(a, 3, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(copy, 4, NULL), WASM_MEMORY_OK);
        if (round & 1) CHECK_STATUS(wasm_memory_try_grow(a, 1, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(a, 40, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_STATUS(wasm_memory_try_grow(b, 29, NULL), WASM_MEMORY_LIMIT_DENIED);
        wasm_memory_delete(round & 2 ? a : b);
        wasm_memory_delete(round & 2 ? b : a);
        wasm_memory_delete(copy);
        CHECK(has_room_for(first, 30)); /* the token counts nowhere */
        CHECK(has_room_for(second, 30));
        wasm_shared_memory_delete(token);
        CHECK(has_room_for(first, 30));
        CHECK(has_room_for(second, 30));
    }
    host_delete(second);
    host_delete(first);
}

TEST(the_store_of_the_handle_decides_on_growth) {
    const host_t tight = host_new(), wide = host_new(), stern = host_new();
    wasm_shared_memory_t *const token = token_of(wide, shared_32(2, 20));
    wasm_memory_t *const in_tight = obtained(tight, token), *const in_wide = obtained(wide, token);
    wasm_memory_t *const in_stern = obtained(stern, token);
    watch_t watch = watching(wide), no = watching(stern);
    uint64_t previous = 77;
    limits_set(tight.store, 3 * PAGE, NO_LIMIT, NO_LIMIT);
    limiter_set(wide.store, &watch);
    limiter_set(stern.store, &no);
    no.allow = false;
    CHECK_STATUS(wasm_memory_try_grow(in_tight, 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 2);
    CHECK_STATUS(wasm_memory_try_grow(in_tight, 1, &previous), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(previous, 0);
    CHECK_ASKED(&watch, 0, 0, 0);
    CHECK_STATUS(wasm_memory_try_grow(in_stern, 1, &previous), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&no, 1, 3 * PAGE, 4 * PAGE);
    CHECK_EQ(no.maximum, 20 * PAGE);
    CHECK_FAILED(&no, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(in_wide, 5, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 3);
    CHECK_ASKED(&watch, 1, 3 * PAGE, 8 * PAGE);
    CHECK_EQ(wasm_memory_pages(in_tight), 8); /* what others made of it */
    CHECK_STATUS(wasm_memory_try_grow(in_tight, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(in_tight, 0, &previous), WASM_MEMORY_OK); /* asks nobody */
    CHECK_EQ(previous, 8);
    CHECK_STATUS(wasm_memory_try_grow(in_stern, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 8);
    CHECK_STATUS(wasm_memory_try_grow(in_stern, 13, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED); /* before any question */
    CHECK_EQ(no.asked, 1);
    CHECK_FAILED(&no, 2, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(watch.failed, 0);
    wasm_memory_delete(in_tight);
    wasm_memory_delete(in_wide);
    wasm_memory_delete(in_stern);
    wasm_shared_memory_delete(token);
    host_delete(tight);
    host_delete(wide);
    host_delete(stern);
    CHECK_EQ(watch.finalized, 1);
    CHECK_EQ(no.finalized, 1);
}

TEST(obtaining_asks_like_a_creation_and_tells_of_a_refusal) {
    const host_t host = host_new(), maker = host_new();
    wasm_shared_memory_t *const token = token_of(maker, shared_32(2, 20));
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    memory = obtained(host, token);
    CHECK_ASKED(&watch, 1, 0, 2 * PAGE);
    CHECK_EQ(watch.maximum, 20 * PAGE);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    CHECK_ASKED(&watch, 2, 2 * PAGE, 5 * PAGE);
    watch.allow = false;
    CHECK_NONE(wasm_memory_obtain(host.store, token));
    CHECK_ASKED(&watch, 3, 0, 5 * PAGE);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    watch.allow = true;
    limits_set(host.store, NO_LIMIT, 9 * PAGE, NO_LIMIT);
    CHECK_NONE(wasm_memory_obtain(host.store, token)); /* limits come first */
    CHECK_EQ(watch.asked, 3);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    limits_set(host.store, NO_LIMIT, 10 * PAGE, NO_LIMIT);
    CHECK(can_obtain(host, token));
    CHECK_ASKED(&watch, 4, 0, 5 * PAGE);
    CHECK_NONE(wasm_memory_obtain(host.store, NULL)); /* no failure of a memory */
    CHECK_EQ(watch.failed, 2);
    wasm_shared_memory_delete(wasm_memory_share(memory)); /* neither is this a question */
    wasm_memory_delete(wasm_memory_copy(memory));
    CHECK_EQ(watch.asked, 4);
    wasm_memory_delete(memory);
    wasm_shared_memory_delete(token);
    host_delete(host);
    host_delete(maker);
    CHECK_EQ(watch.finalized, 1);
}

TEST(a_store_that_answers_later_cannot_obtain_but_grow) {
    const host_t host = host_new(), maker = host_new();
    wasm_shared_memory_t *const token = token_of(maker, shared_32(2, 20));
    wasm_memory_t *const memory = obtained(host, token), *const other = obtained(maker, token);
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    uint64_t previous = 77;
    limiter_async_set(host.store, &watch);
    watch.at_once = true; /* whatever it would say */
    CHECK_NONE(wasm_memory_obtain(host.store, token));
    CHECK_FAILED(&watch, 1, WASM_MEMORY_ASYNC_REQUIRED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_ASYNC_REQUIRED);
    CHECK_EQ(previous, 0);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_ASYNC_REQUIRED);
    CHECK_EQ(watch.asked, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 2);
    watch.at_once = false;
    future = wasm_memory_grow_async(memory, 3);
    CHECK_ASKED(&watch, 1, 2 * PAGE, 5 * PAGE);
    CHECK_EQ(watch.maximum, 20 * PAGE);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    CHECK_STATUS(wasm_memory_try_grow(other, 1, &previous), WASM_MEMORY_OK); /* others need not wait for it */
    CHECK_EQ(previous, 2);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING); /* it was another question */
    CHECK_ASKED(&watch, 2, 3 * PAGE, 6 * PAGE);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 3);
    CHECK_EQ(wasm_memory_pages(other), 6);
    wasm_memory_future_delete(future);
    future = wasm_memory_grow_async(memory, 3);
    watch_answer(&watch, false);
    CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_delete(future);
    CHECK_EQ(wasm_memory_pages(memory), 6);
    wasm_memory_delete(memory);
    wasm_memory_delete(other);
    wasm_shared_memory_delete(token);
    host_delete(host);
    host_delete(maker);
    CHECK_EQ(watch.finalized, 1);
}

/* Through the handle of another store, where nobody asks. */
static void grow_elsewhere(watch_t *watch) {
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 2, NULL), WASM_MEMORY_OK);
}

TEST(what_another_store_did_meanwhile_leads_to_another_question) {
    const host_t host = host_new(), maker = host_new();
    wasm_shared_memory_t *const token = token_of(maker, shared_32(2, 20));
    wasm_memory_t *const memory = obtained(host, token), *const other = obtained(maker, token);
    watch_t watch = watching(host);
    uint64_t previous = 77;
    limiter_set(host.store, &watch);
    watch.memory = other;
    watch.growing = grow_elsewhere;
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 4);
    CHECK_ASKED(&watch, 2, 4 * PAGE, 7 * PAGE);
    /* Type and limits are looked at again too. */
    watch.growing = grow_elsewhere;
    CHECK_STATUS(wasm_memory_try_grow(memory, 12, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(previous, 0);
    CHECK_EQ(watch.asked, 3);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(wasm_memory_pages(memory), 9);
    limits_set(host.store, 12 * PAGE, NO_LIMIT, NO_LIMIT);
    watch.growing = grow_elsewhere;
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 4);
    CHECK_EQ(wasm_memory_pages(memory), 11);
    wasm_memory_delete(memory);
    wasm_memory_delete(other);
    wasm_shared_memory_delete(token);
    host_delete(host);
    host_delete(maker);
}

/* ---- growth ---- */

TEST(growth_that_fails_leaves_a_shared_memory_as_it_is) {
    const uint64_t deltas[] = {10, 11, 65536, UINT32_MAX, UINT64_C(1) << 48, UINT64_MAX - 1, UINT64_MAX};
    size_t i, j;
    for (i = 0; i < 3; i++) {
        const host_t host = host_of(strategies[i]);
        wasm_memory_t *const memory = memory_of(host, shared_32(1, 10));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *const base = view->base;
        uint64_t previous = 77;
        base[PAGE - 1] = 9;
        for (j = 0; j < sizeof deltas / sizeof *deltas; j++) {
            previous = 77;
            CHECK_STATUS(wasm_memory_try_grow(memory, deltas[j], &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
            CHECK_EQ(previous, 0);
            CHECK_EQ(view->byte_length, PAGE);
        }
        CHECK(!wasm_memory_grow(memory, 10));
        CHECK_EQ(stats_of(memory).grow_failures, sizeof deltas / sizeof *deltas + 1);
        CHECK_EQ(stats_of(memory).grow_count, 0);
        CHECK_STATUS(wasm_memory_try_grow(memory, 9, &previous), WASM_MEMORY_OK);
        CHECK_EQ(previous, 1);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
        CHECK_EQ(previous, 10);
        CHECK(view->base == base && wasm_memory_view(memory) == view);
        CHECK_EQ(base[PAGE - 1], 9);
        CHECK(is_zero(base + PAGE, 9 * PAGE));
        base[10 * PAGE - 1] = 1;
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(stats_of_a_shared_memory_are_the_same_through_every_handle) {
    const host_t first = host_of(WASM_MEMORY_BOUNDS_CHECKED), second = host_new();
    wasm_shared_memory_t *const token = token_of(first, shared_32(1, 10));
    wasm_memory_t *const a = obtained(first, token), *const b = obtained(second, token);
    wasm_memory_stats_t stats = stats_of(a), other;
    CHECK(stats.shared);
    CHECK(!stats.may_move);
    CHECK_EQ(stats.waiters, 0);
    CHECK_EQ(stats.byte_length, PAGE);
    CHECK_EQ(stats.peak_bytes, PAGE);
    CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_CHECKED);
    CHECK(stats.reserved_bytes >= 10 * PAGE); /* where it will stay */
    CHECK_STATUS(wasm_memory_try_grow(a, 2, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(b, 3, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(b, 5, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    memset(wasm_memory_data(b), 1, 6 * PAGE);
    stats = stats_of(a);
    other = stats_of(b);
    CHECK_EQ(stats.byte_length, 6 * PAGE);
    CHECK_EQ(stats.peak_bytes, 6 * PAGE);
    CHECK_EQ(stats.grow_count, 2);
    CHECK_EQ(stats.grow_failures, 1);
    CHECK(stats.committed_bytes >= 6 * PAGE);
    CHECK(stats.resident_bytes >= 6 * PAGE);
    CHECK_EQ(other.byte_length, stats.byte_length);
    CHECK_EQ(other.peak_bytes, stats.peak_bytes);
    CHECK_EQ(other.grow_count, stats.grow_count);
    CHECK_EQ(other.grow_failures, stats.grow_failures);
    CHECK_EQ(other.committed_bytes, stats.committed_bytes);
    CHECK_EQ(other.reserved_bytes, stats.reserved_bytes);
    CHECK_EQ(other.guard_bytes, stats.guard_bytes);
    CHECK_EQ(other.map_alignment_bytes, stats.map_alignment_bytes);
    CHECK(other.shared && !other.may_move);
    wasm_memory_delete(a);
    wasm_memory_delete(b);
    wasm_shared_memory_delete(token);
    host_delete(first);
    host_delete(second);
}

/* The sentence about growth past the reservation has its size, and no advice that does not help. */
static void check_says_the_end(const wasm_memory_t *memory) {
    char reserved[32];
    snprintf(reserved, sizeof reserved, "%" PRIu64, stats_of(memory).reserved_bytes);
    CHECK_LAST_ERROR(reserved);
    CHECK(!last_error_has("memory_may_move"));
}

TEST(a_shared_memory_never_moves_whatever_the_options_say) {
    const struct {
        uint64_t reservation, for_growth;
        wasm_memory_bounds_t bounds;
        bool is_64;
    } cases[] = {
        {0, 0, WASM_MEMORY_BOUNDS_CHECKED, false},          {0, 0, WASM_MEMORY_BOUNDS_AUTO, true},
        {0, 0, WASM_MEMORY_BOUNDS_GUARDED, true},           {4 * PAGE, 2 * PAGE, WASM_MEMORY_BOUNDS_CHECKED, true},
        {4 * PAGE, 2 * PAGE, WASM_MEMORY_BOUNDS_AUTO, false}, {0, 8 * PAGE, WASM_MEMORY_BOUNDS_CHECKED, false},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        wasm_config_t *const config = wasm_config_new();
        host_t host;
        wasm_memory_t *memory;
        const wasm_memory_view_t *view;
        uint8_t *base;
        uint64_t pages;
        wasm_memory_status_t status = WASM_MEMORY_OK;
        wasm_config_memory_may_move_set(config, true);
        wasm_config_memory_reservation_set(config, cases[i].reservation);
        wasm_config_memory_reservation_for_growth_set(config, cases[i].for_growth);
        host = host_as(config, cases[i].bounds);
        memory = memory_of(host, shape(1, 64, cases[i].is_64, true, 16));
        CHECK(!wasm_memory_may_move(memory));
        CHECK(!stats_of(memory).may_move);
        view = wasm_memory_view(memory);
        base = view->base;
        base[7] = 8;
        for (pages = 1; pages < 64 && status == WASM_MEMORY_OK; pages++) {
            status = wasm_memory_try_grow(memory, 1, NULL);
            if (status == WASM_MEMORY_OK) {
                CHECK_STATUS(wasm_memory_store_u8(memory, (pages + 1) * PAGE - 1, 1), WASM_MEMORY_OK);
            } else { /* at the end of the reservation it ends */
                CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
                check_says_the_end(memory);
                CHECK_EQ(stats_of(memory).byte_length, pages * PAGE);
                CHECK((pages + 1) * PAGE > stats_of(memory).reserved_bytes);
            }
            CHECK(view->base == base);
            CHECK(wasm_memory_view(memory) == view);
        }
        CHECK_EQ(base[7], 8);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(an_enormous_maximum_reserves_what_can_be_had) {
    const shape_t shapes[] = {
        shared_32(1, 65536),          shared_64(0, 65537),
        shared_64(1, UINT64_C(1) << 48), shared_bytes(10, UINT32_MAX),
        {10, UINT64_MAX - 1, true, true, 0},
    };
    size_t i, j;
    if (is_watched()) return; /* it needs the address space */
    for (i = 0; i < 3; i++) {
        const host_t host = host_of(strategies[i]);
        for (j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            const shape_t of = shapes[j];
            wasm_memory_t *const memory = memory_of(host, of);
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            uint8_t *const base = view->base;
            const wasm_memory_stats_t stats = stats_of(memory);
            const uint64_t reserved = stats.reserved_bytes >> of.page_size_log2;
            uint64_t previous = 77, pages;
            CHECK(!stats.may_move);
            CHECK(reserved > of.minimum);
            CHECK_STATUS(wasm_memory_try_grow(memory, 3, &previous), WASM_MEMORY_OK);
            CHECK_EQ(previous, of.minimum);
            pages = of.minimum + 3;
            if (reserved < of.maximum) {
                CHECK_STATUS(wasm_memory_try_grow(memory, reserved - pages + 1, &previous), WASM_MEMORY_OUT_OF_MEMORY);
                CHECK_EQ(previous, 0);
                check_says_the_end(memory);
            }
            CHECK_STATUS(wasm_memory_try_grow(memory, of.maximum - pages + 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
            /* Far out, where nothing was touched before. */
            if (reserved > pages + 1000) {
                CHECK_STATUS(wasm_memory_try_grow(memory, 1000, &previous), WASM_MEMORY_OK);
                CHECK_EQ(previous, pages);
                pages += 1000;
            }
            CHECK_EQ(view->byte_length, pages << of.page_size_log2);
            CHECK_EQ(base[view->byte_length - 1], 0);
            base[view->byte_length - 1] = 1;
            CHECK(view->base == base);
            wasm_memory_delete(memory);
        }
        host_delete(host);
    }
}

/* ---- growth by several threads ---- */

#define GROWERS 4

typedef struct {
    wasm_memory_t *memory;
    uint64_t maximum; /* where this thread stops, in pages */
    uint8_t *base;
    const wasm_memory_view_t *view;
    uint8_t *grown; /* how often each page was handed out, to whomever */
    uint32_t random;
    uint64_t successes, failures, wrong;
    int *ready;
    pthread_t thread;
} grower_t;

static void meet(int *ready, int all) {
    unsigned spins = 0;
    add(ready, 1);
    while (load(ready) < all)
        if (++spins % 1024 == 0) sched_yield();
}

static void put(uint8_t *byte, uint8_t value) { __atomic_store_n(byte, value, __ATOMIC_RELAXED); }

static void *grow_on(void *env) {
    grower_t *const grower = (grower_t *)env;
    const uint64_t page_size = wasm_memory_page_size(grower->memory);
    meet(grower->ready, GROWERS + 1);
    for (;;) {
        uint64_t delta = 1 + random_of(&grower->random) % 3, previous = 77, page;
        wasm_memory_status_t status = wasm_memory_try_grow(grower->memory, delta, &previous);
        if (status != WASM_MEMORY_OK && delta > 1) { /* a smaller one may fit */
            grower->failures++;
            grower->wrong += previous != 0;
            delta = 1;
            status = wasm_memory_try_grow(grower->memory, delta, &previous);
        }
        if (status != WASM_MEMORY_OK) {
            grower->failures++;
            /* The type has its say first, and others may have come as far as it allows. */
            grower->wrong += previous != 0;
            grower->wrong += status != WASM_MEMORY_LIMIT_DENIED && status != WASM_MEMORY_MAXIMUM_EXCEEDED;
            return NULL;
        }
        grower->successes++;
        if (previous + delta > grower->maximum) {
            grower->wrong++;
            return NULL;
        }
        for (page = previous; page < previous + delta; page++) {
            uint8_t *const start = grower->base + page * page_size;
            grower->wrong += __atomic_add_fetch(&grower->grown[page], 1, __ATOMIC_SEQ_CST) != 1;
            grower->wrong += !is_zero(start, page_size);
            put(start, 7); /* mine alone, but others look */
            put(start + page_size - 1, 7);
        }
        grower->wrong += __atomic_load_n(&grower->view->byte_length, __ATOMIC_ACQUIRE) < (previous + delta) * page_size;
        grower->wrong += grower->view->base != grower->base || wasm_memory_view(grower->memory) != grower->view;
        grower->wrong += wasm_memory_pages(grower->memory) < previous + delta;
    }
}

/* What generated code on another thread sees. */
typedef struct {
    wasm_memory_t *memory;
    int over;
    uint64_t wrong, seen;
    int *ready;
    pthread_t thread;
} reader_t;

static void *read_on(void *env) {
    reader_t *const reader = (reader_t *)env;
    const wasm_memory_view_t *const view = wasm_memory_view(reader->memory);
    uint8_t *const base = view->base;
    const uint64_t page_size = wasm_memory_page_size(reader->memory);
    size_t length = __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
    bool over;
    meet(reader->ready, GROWERS + 1);
    do {
        size_t now;
        over = load(&reader->over) != 0; /* one look after the last growth */
        now = __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
        reader->wrong += now < length || now % page_size != 0 || view->base != base;
        reader->wrong += wasm_memory_data_size(reader->memory) < now;
        reader->seen += now != length;
        length = now;
        if (length > 0) { /* inside nothing faults, and nothing is refused */
            uint8_t byte = 99;
            const uint8_t last = __atomic_load_n(base + length - 1, __ATOMIC_RELAXED);
            reader->wrong += last != 0 && last != 7;
            reader->wrong += wasm_memory_load_u8(reader->memory, length - 1, &byte) != WASM_MEMORY_OK;
            reader->wrong += byte != 0 && byte != 7;
        }
    } while (!over);
    return NULL;
}

typedef struct {
    wasm_memory_bounds_t bounds;
    shape_t shape;
} growth_case_t;

static void check_racing_growth(const growth_case_t *of) {
    const host_t maker = host_of(of->bounds);
    const uint64_t maximum = of->shape.maximum, page_size = UINT64_C(1) << of->shape.page_size_log2;
    wasm_shared_memory_t *const token = token_of(maker, of->shape);
    uint8_t *const grown = (uint8_t *)calloc((size_t)maximum, 1);
    host_t hosts[GROWERS];
    grower_t growers[GROWERS];
    reader_t reader;
    uint64_t successes = 0, failures = 0, page, wrong = 0;
    uint8_t *base;
    wasm_memory_stats_t stats;
    int ready = 0, i;
    memset(&reader, 0, sizeof reader);
    memset(growers, 0, sizeof growers);
    reader.memory = obtained(maker, token);
    reader.ready = &ready;
    base = wasm_memory_view(reader.memory)->base;
    for (i = 0; i < GROWERS; i++) {
        hosts[i] = host_new();
        growers[i].memory = obtained(hosts[i], token);
        growers[i].view = wasm_memory_view(growers[i].memory);
        growers[i].base = base;
        growers[i].maximum = maximum;
        growers[i].grown = grown;
        growers[i].random = (uint32_t)i + 1;
        growers[i].ready = &ready;
    }
    CHECK_EQ(pthread_create(&reader.thread, NULL, read_on, &reader), 0);
    for (i = 0; i < GROWERS; i++) CHECK_EQ(pthread_create(&growers[i].thread, NULL, grow_on, &growers[i]), 0);
    for (i = 0; i < GROWERS; i++) {
        CHECK_EQ(pthread_join(growers[i].thread, NULL), 0);
        CHECK_EQ(growers[i].wrong, 0);
        successes += growers[i].successes;
        failures += growers[i].failures;
    }
    store(&reader.over, 1);
    CHECK_EQ(pthread_join(reader.thread, NULL), 0);
    CHECK_EQ(reader.wrong, 0);
    CHECK_EQ(wasm_memory_pages(reader.memory), maximum);
    for (page = 0; page < maximum; page++) wrong += grown[page] != (page >= of->shape.minimum);
    CHECK_EQ(wrong, 0); /* each page was handed out once */
    stats = stats_of(reader.memory);
    CHECK_EQ(stats.byte_length, maximum * page_size);
    CHECK_EQ(stats.peak_bytes, maximum * page_size);
    CHECK_EQ(stats.grow_count, successes);
    CHECK_EQ(stats.grow_failures, failures);
    if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED) {
        CHECK(!faults(base + stats.byte_length - 1, true));
        CHECK(faults(base + stats.byte_length, false));
        CHECK(faults(base + stats.byte_length, true));
        CHECK(faults(base + stats.byte_length + PAGE, true));
    }
    for (i = 0; i < GROWERS; i++) {
        wasm_memory_delete(growers[i].memory);
        host_delete(hosts[i]);
    }
    free(grown);
    wasm_memory_delete(reader.memory);
    wasm_shared_memory_delete(token);
    host_delete(maker);
}

TEST(threads_that_grow_one_memory_each_get_pages_of_their_own) {
    const shape_t shapes[] = {
        shared_32(1, 400), shared_64(0, 400), shared_bytes(5, 40000), {4096, 30000, true, true, 0}};
    size_t i, j;
    int round, rounds = is_watched() ? 1 : 3;
    for (round = 0; round < rounds; round++)
        for (i = 0; i < 3; i++)
            for (j = 0; j < sizeof shapes / sizeof *shapes; j++) {
                growth_case_t of;
                const int failures = check_state.failures;
                of.bounds = strategies[i];
                of.shape = shapes[j];
                check_racing_growth(&of);
                if (check_state.failures != failures) printf("  bounds %d, shape %d\n", (int)i, (int)j);
            }
}

/* Limits and limiters that several threads ask. */
typedef struct {
    uint64_t bytes; /* what it allows */
    int asked, failed, wrong;
} stern_t;

static bool stern_growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    stern_t *const stern = (stern_t *)env;
    add(&stern->asked, 1);
    if (current >= desired || desired > maximum) add(&stern->wrong, 1);
    return desired <= stern->bytes;
}

static void stern_failed(void *env, wasm_memory_status_t status, const char *message) {
    stern_t *const stern = (stern_t *)env;
    add(&stern->failed, 1);
    if (status != WASM_MEMORY_LIMIT_DENIED && status != WASM_MEMORY_MAXIMUM_EXCEEDED) add(&stern->wrong, 1);
    if (message == NULL || message[0] == 0) add(&stern->wrong, 1);
}

TEST(no_store_grows_a_memory_past_what_it_allows_however_others_race) {
    const uint64_t maximum = 600;
    int round, rounds = is_watched() ? 1 : 6;
    for (round = 0; round < rounds; round++) {
        const host_t maker = host_of(strategies[round % 3]);
        wasm_shared_memory_t *const token = token_of(maker, shared_32(1, maximum));
        uint8_t *const grown = (uint8_t *)calloc((size_t)maximum, 1);
        host_t hosts[GROWERS];
        grower_t growers[GROWERS];
        stern_t stern = {100 * PAGE, 0, 0, 0};
        wasm_memory_limiter_t limiter;
        uint64_t page, wrong = 0;
        int ready = 1, i;
        memset(&limiter, 0, sizeof limiter);
        memset(growers, 0, sizeof growers);
        limiter.struct_size = sizeof limiter;
        limiter.env = &stern;
        limiter.memory_growing = stern_growing;
        limiter.memory_grow_failed = stern_failed;
        for (i = 0; i < GROWERS; i++) {
            hosts[i] = host_new();
            growers[i].memory = obtained(hosts[i], token);
            growers[i].view = wasm_memory_view(growers[i].memory);
            growers[i].base = growers[i].view->base;
            growers[i].grown = grown;
            growers[i].random = (uint32_t)(round * GROWERS + i) + 1;
            growers[i].ready = &ready;
        }
        growers[0].maximum = 100; /* by its limiter */
        CHECK_STATUS(wasm_store_limiter_set(hosts[0].store, &limiter), WASM_MEMORY_OK);
        growers[1].maximum = 200; /* by a limit */
        limits_set(hosts[1].store, 200 * PAGE, NO_LIMIT, NO_LIMIT);
        growers[2].maximum = growers[3].maximum = maximum; /* by the type */
        for (i = 0; i < GROWERS; i++) CHECK_EQ(pthread_create(&growers[i].thread, NULL, grow_on, &growers[i]), 0);
        for (i = 0; i < GROWERS; i++) {
            CHECK_EQ(pthread_join(growers[i].thread, NULL), 0);
            CHECK_EQ(growers[i].wrong, 0);
        }
        for (page = 1; page < maximum; page++) wrong += grown[page] != 1;
        CHECK_EQ(wrong, 0);
        CHECK_EQ(stern.wrong, 0);
        CHECK_EQ(stern.failed, growers[0].failures);
        CHECK(stern.asked >= (int)growers[0].successes);
        for (i = 0; i < GROWERS; i++) {
            wasm_memory_delete(growers[i].memory);
            host_delete(hosts[i]);
        }
        free(grown);
        wasm_shared_memory_delete(token);
        host_delete(maker);
    }
}

/* One that may go to 50 pages and one that may go anywhere, from 30, by 20 and by 10. When the second is first, the
   first is refused at last; it must not have opened a page by then. */
typedef struct {
    wasm_memory_t *memory;
    uint64_t delta;
    int *ready;
    wasm_memory_status_t status;
    pthread_t thread;
} once_t;

static void *grow_once(void *env) {
    once_t *const once = (once_t *)env;
    meet(once->ready, 2);
    once->status = wasm_memory_try_grow(once->memory, once->delta, NULL);
    return NULL;
}

TEST(who_is_refused_after_a_race_has_opened_nothing) {
    const host_t tight = host_of(WASM_MEMORY_BOUNDS_GUARDED), free_one = host_new();
    int round, rounds = is_watched() ? 50 : 4000;
    limits_set(tight.store, 50 * PAGE, NO_LIMIT, NO_LIMIT);
    for (round = 0; round < rounds && check_state.failures == 0; round++) {
        wasm_shared_memory_t *const token = token_of(tight, shared_32(30, 100));
        once_t both[2];
        uint64_t length;
        uint8_t *base;
        int ready = 0, i;
        memset(both, 0, sizeof both);
        both[0].memory = obtained(tight, token);
        both[0].delta = 20;
        both[1].memory = obtained(free_one, token);
        both[1].delta = 10;
        both[0].ready = both[1].ready = &ready;
        CHECK_EQ(pthread_create(&both[1].thread, NULL, grow_once, &both[1]), 0);
        (void)grow_once(&both[0]);
        CHECK_EQ(pthread_join(both[1].thread, NULL), 0);
        CHECK_STATUS(both[1].status, WASM_MEMORY_OK);
        length = both[0].status == WASM_MEMORY_OK ? 60 * PAGE : 40 * PAGE;
        if (both[0].status != WASM_MEMORY_OK) CHECK_STATUS(both[0].status, WASM_MEMORY_LIMIT_DENIED);
        CHECK_EQ(wasm_memory_data_size(both[0].memory), length);
        base = wasm_memory_view(both[0].memory)->base;
        CHECK(!faults(base + length - 1, true));
        CHECK(faults(base + length, true));
        for (i = 0; i < 2; i++) wasm_memory_delete(both[i].memory);
        wasm_shared_memory_delete(token);
    }
    host_delete(tight);
    host_delete(free_one);
}

/* Handles that come and go on all threads, beside growth, in stores with little room. */
static struct {
    wasm_shared_memory_t *token;
    host_t host;
    int over, inside, wrong, obtained;
} visit;

static void *come_and_go(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    while (!load(&visit.over)) {
        wasm_shared_memory_t *const clone = wasm_shared_memory_clone(visit.token);
        wasm_memory_t *const memory = wasm_memory_obtain(visit.host.store, clone);
        if (memory != NULL) {
            wasm_memory_t *const copy = wasm_memory_copy(memory);
            if (add(&visit.inside, 1) > 2) add(&visit.wrong, 1);
            add(&visit.obtained, 1);
            if (wasm_memory_atomic_rmw32(copy, WASM_MEMORY_RMW_ADD, 0, 1, NULL) != WASM_MEMORY_OK) add(&visit.wrong, 1);
            if (random_of(&random) % 8 == 0) (void)wasm_memory_try_grow(memory, 1, NULL);
            if (random_of(&random) % 2 == 0) sched_yield();
            add(&visit.inside, -1);
            wasm_memory_delete(memory);
            wasm_memory_delete(copy);
        }
        wasm_shared_memory_delete(clone);
    }
    return NULL;
}

TEST(handles_come_and_go_on_all_threads) {
    pthread_t threads[4];
    uint32_t seeds[4] = {11, 22, 33, 44}, found = 0;
    wasm_memory_t *memory;
    int i;
    memset(&visit, 0, sizeof visit);
    visit.host = host_new();
    visit.token = token_of(visit.host, shared_32(1, 30));
    limits_set(visit.host.store, 40 * PAGE, 80 * PAGE, 2);
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, come_and_go, &seeds[i]), 0);
    usleep(300000);
    store(&visit.over, 1);
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(visit.wrong, 0);
    CHECK(visit.obtained > 0);
    CHECK(has_room_for(visit.host, 40)); /* by the limit of one memory */
    limits_set(visit.host.store, NO_LIMIT, 80 * PAGE, 2);
    CHECK(has_room_for(visit.host, 80));
    memory = obtained(visit.host, visit.token);
    CHECK_STATUS(wasm_memory_atomic_load32(memory, 0, &found), WASM_MEMORY_OK);
    CHECK_EQ(found, visit.obtained);
    wasm_memory_delete(memory);
    wasm_shared_memory_delete(visit.token);
    host_delete(visit.host);
}

/* ---- little address space ---- */

#define LITTLE (600 * MIB)

static void race_in_little(void *unused) {
    const growth_case_t cases[] = {{WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 400)},
                                   {WASM_MEMORY_BOUNDS_AUTO, shared_64(1, 400)},
                                   {WASM_MEMORY_BOUNDS_CHECKED, shared_32(1, 400)},
                                   {WASM_MEMORY_BOUNDS_AUTO, shared_bytes(5, 40000)}};
    size_t i;
    (void)unused;
    limit_address_space(LITTLE);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) check_racing_growth(&cases[i]);
}

static void step_down(void *unused) {
    const shape_t shapes[] = {shared_32(1, 65536), shared_64(1, UINT64_C(1) << 40)};
    host_t host;
    size_t i;
    (void)unused;
    limit_address_space(LITTLE);
    host = host_new();
    for (i = 0; i < 2; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *const base = view->base;
        uint64_t previous = 77;
        const wasm_memory_stats_t stats = stats_of(memory);
        CHECK(stats.reserved_bytes < LITTLE);
        CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_CHECKED);
        CHECK(stats.shared && !stats.may_move);
        CHECK_STATUS(wasm_memory_try_grow(memory, 99, &previous), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, LITTLE / PAGE, &previous), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(previous, 0);
        CHECK(!last_error_has("memory_may_move"));
        CHECK_EQ(view->byte_length, 100 * PAGE);
        CHECK(view->base == base);
        base[100 * PAGE - 1] = 1;
        wasm_memory_delete(memory);
    }
    host_delete(host);
    host = host_of(WASM_MEMORY_BOUNDS_GUARDED);
    {
        wasm_memorytype_t *const type = type_of(shared_32(1, 2));
        wasm_shared_memory_t *token = (wasm_shared_memory_t *)(void *)&nothing;
        errno = 0;
        CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(errno, ENOMEM);
        CHECK(token == NULL);
        wasm_memorytype_delete(type);
    }
    host_delete(host);
}

TEST(in_600_mb_shared_memories_step_down_and_do_not_move) {
    if (is_watched() || exportable) return; /* what lies in a file wants all of its reservation */
    CHECK_EQ(in_child(step_down, NULL), 0);
    CHECK_EQ(in_child(race_in_little, NULL), 0);
}

/* Nothing can be mapped any more: such a memory lies on the heap, and stays there, or there is none. */
static void on_the_heap(void *unused) {
    const host_t host = host_new();
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status;
    void *room;
    (void)unused;
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
    room = malloc(48 * MIB);
    free(room);
    limit_address_space(process_kib("VmSize:") * KIB);
    status = try_memory(host, shared_32(1, 16), &memory);
    if (status == WASM_MEMORY_OK) {
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *const base = view->base;
        uint64_t pages;
        CHECK(!wasm_memory_may_move(memory));
        for (pages = 1; pages < 16 && status == WASM_MEMORY_OK; pages++) {
            status = wasm_memory_try_grow(memory, 1, NULL);
            if (status == WASM_MEMORY_OK) CHECK(is_zero(base + pages * PAGE, PAGE));
            if (status == WASM_MEMORY_OK) memset(base + pages * PAGE, 9, PAGE);
            CHECK(view->base == base);
        }
        if (status != WASM_MEMORY_OK) CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
        CHECK(is_zero(base, view->byte_length));
    } else {
        CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(where_nothing_can_be_mapped_a_shared_memory_does_not_move_either) {
    if (is_watched() || exportable) return;
    CHECK_EQ(in_child(on_the_heap, NULL), 0);
}

/* ---- guards ---- */

static void touch(void *address) { *(volatile uint8_t *)address = 1; }

/* Tools have something to say about a child that dies, and exit in its place. */
static bool kills(uint8_t *address) {
#ifdef _WIN32
    return faults(address, true);
#else
    return is_watched() ? faults(address, true) : in_child(touch, address) == -SIGSEGV;
#endif
}

TEST(a_byte_past_the_length_faults_and_growth_opens_it) {
    const host_t host = host_of(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 3));
    uint8_t *const base = wasm_memory_view(memory)->base;
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    CHECK(stats_of(memory).reserved_bytes + stats_of(memory).guard_bytes >= 8 * GIB + PAGE);
    CHECK(!kills(base + PAGE - 1));
    CHECK(kills(base + PAGE));
    CHECK(kills(base - 1));
    CHECK(kills(base + UINT32_MAX));
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK(!kills(base + PAGE));
    CHECK(!kills(base + 2 * PAGE - 1));
    CHECK(kills(base + 2 * PAGE));
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK(kills(base + 2 * PAGE));
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK(kills(base + 3 * PAGE)); /* the maximum is no end of the guard */
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_place_that_a_shared_memory_had_is_clean_and_guarded_again) {
    const host_t host = host_of(WASM_MEMORY_BOUNDS_GUARDED);
    int round;
    for (round = 0; round < 8; round++) {
        const bool shared = round % 2 == 0;
        wasm_memory_t *const memory = memory_of(host, shape(1, 300, false, shared, 16));
        uint8_t *const base = wasm_memory_view(memory)->base;
        CHECK(stats_of(memory).shared == shared);
        CHECK(faults(base + PAGE, true));
        CHECK(is_zero(base, PAGE));
        CHECK_STATUS(wasm_memory_try_grow(memory, 200, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(base + PAGE, 200 * PAGE));
        CHECK(faults(base + 201 * PAGE, true));
        memset(base, 0xff, 201 * PAGE);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- bytes ---- */

#define ROOM 1024 /* a part of a memory, and the same part of a copy of it that plain C changes */

typedef struct {
    wasm_memory_t *memory, *other; /* the other one is the source or the destination between memories */
    uint8_t *base, *other_base;
    uint8_t bytes[ROOM], other_bytes[ROOM];
    uint32_t random;
} twin_t;

static void twin_fill(twin_t *twin) {
    size_t i;
    for (i = 0; i < ROOM; i++) {
        twin->bytes[i] = (uint8_t)(random_of(&twin->random) | 1); /* no zeros: zeroing shows */
        twin->other_bytes[i] = (uint8_t)(random_of(&twin->random) | 2);
    }
    memcpy(twin->base, twin->bytes, ROOM);
    memcpy(twin->other_base, twin->other_bytes, ROOM);
}

static bool twin_agrees(const twin_t *twin) {
    return memcmp(twin->base, twin->bytes, ROOM) == 0 && memcmp(twin->other_base, twin->other_bytes, ROOM) == 0;
}

/* All operations on `length` bytes, from offset `to`, with bytes of offset `from` where they need some. */
static void check_all_operations(twin_t *twin, uint64_t to, uint64_t from, uint64_t length,
                                 const wasm_data_segment_t *segment, const uint8_t *segment_bytes) {
    uint8_t buffer[ROOM];
    const uint8_t value = (uint8_t)(random_of(&twin->random) | 1);
    const int failures = check_state.failures;

    CHECK_STATUS(wasm_memory_write(twin->memory, to, segment_bytes + from, length), WASM_MEMORY_OK);
    memcpy(twin->bytes + to, segment_bytes + from, length);
    CHECK(twin_agrees(twin));

    memset(buffer, 0x77, sizeof buffer);
    CHECK_STATUS(wasm_memory_read(twin->memory, to, buffer + from % 16, length), WASM_MEMORY_OK);
    CHECK(memcmp(buffer + from % 16, twin->bytes + to, length) == 0);
    CHECK_EQ(buffer[from % 16 + length], 0x77);

    CHECK_STATUS(wasm_memory_copy_within(twin->memory, to, from, length), WASM_MEMORY_OK);
    memmove(twin->bytes + to, twin->bytes + from, length);
    CHECK(twin_agrees(twin));

    CHECK_STATUS(wasm_memory_copy_between(twin->memory, to, twin->other, from, length), WASM_MEMORY_OK);
    memcpy(twin->bytes + to, twin->other_bytes + from, length);
    CHECK(twin_agrees(twin));

    CHECK_STATUS(wasm_memory_copy_between(twin->memory, from, twin->memory, to, length), WASM_MEMORY_OK);
    memmove(twin->bytes + from, twin->bytes + to, length);
    CHECK(twin_agrees(twin));

    CHECK_STATUS(wasm_memory_copy_between(twin->other, from, twin->memory, to, length), WASM_MEMORY_OK);
    memcpy(twin->other_bytes + from, twin->bytes + to, length);
    CHECK(twin_agrees(twin));

    CHECK_STATUS(wasm_memory_fill(twin->memory, to, value, length), WASM_MEMORY_OK);
    memset(twin->bytes + to, value, length);
    CHECK(twin_agrees(twin));

    CHECK_STATUS(wasm_memory_init(twin->memory, to, segment, (uint32_t)from, (uint32_t)length), WASM_MEMORY_OK);
    memcpy(twin->bytes + to, segment_bytes + from, length);
    CHECK(twin_agrees(twin));

    {
        const bool apart = length == 0 || to + length <= from || from + length <= to;
        CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(twin->memory, to, from, length),
                     apart ? WASM_MEMORY_OK : WASM_MEMORY_OVERLAP);
        if (apart) memcpy(twin->bytes + to, twin->bytes + from, length);
        CHECK(twin_agrees(twin));
    }

    if (from % 2 == 0)
        CHECK_STATUS(wasm_memory_zero(twin->memory, to, length), WASM_MEMORY_OK);
    else
        CHECK_STATUS(wasm_memory_discard(twin->memory, to, length), WASM_MEMORY_OK);
    memset(twin->bytes + to, 0, length);
    CHECK(twin_agrees(twin));

    if (check_state.failures != failures)
        printf("  to %d, from %d, %d bytes\n", (int)to, (int)from, (int)length);
}

TEST(short_operations_do_what_plain_c_does_at_every_alignment_and_length) {
    const shape_t shapes[] = {shared_32(1, 2), shared_bytes(ROOM, ROOM), shared_64(1, 1)};
    const shape_t others[] = {shared_32(1, 2), pages_32(1, 2), shared_bytes(ROOM, 2 * ROOM)};
    const host_t host = host_new();
    uint8_t segment_bytes[ROOM];
    wasm_data_segment_t *segment;
    size_t kind, i;
    for (i = 0; i < ROOM; i++) segment_bytes[i] = (uint8_t)(i * 7 + 3);
    segment = wasm_data_segment_new(segment_bytes, sizeof segment_bytes);
    for (kind = 0; kind < 3; kind++) {
        twin_t twin;
        uint64_t to, from, length;
        memset(&twin, 0, sizeof twin);
        twin.random = (uint32_t)kind + 1;
        twin.memory = memory_of(host, shapes[kind]);
        twin.other = memory_of(host, others[kind]);
        twin.base = wasm_memory_view(twin.memory)->base;
        twin.other_base = wasm_memory_view(twin.other)->base;
        for (length = 0; length <= 300 && check_state.failures < 20; length += is_watched() ? 37 : 1) {
            twin_fill(&twin);
            for (to = 320; to < 336; to++) {
                /* Overlapping from before and from behind, by all there is, by one byte, and not at all. */
                const uint64_t distances[] = {0,  1,  2,  3,  4,          7,      8,
                                              9, 15, 16, 17, length / 2, length, length - (length > 0)};
                const uint64_t distance = distances[(to * 5 + length) % (sizeof distances / sizeof *distances)];
                from = (to + length) % 2 == 0 ? to - distance : to + distance;
                check_all_operations(&twin, to, from, length, segment, segment_bytes);
            }
            for (from = 640; from < 648; from++)
                check_all_operations(&twin, 320 + (from * 3 + length) % 8, from, length, segment, segment_bytes);
            /* To the very end, and from it. */
            if (wasm_memory_data_size(twin.memory) == ROOM)
                check_all_operations(&twin, ROOM - length, length, length, segment, segment_bytes);
        }
        wasm_memory_delete(twin.memory);
        wasm_memory_delete(twin.other);
    }
    wasm_data_segment_delete(segment);
    host_delete(host);
}

TEST(copies_overlap_in_both_directions_by_every_distance) {
    const host_t host = host_new();
    twin_t twin;
    uint64_t length;
    int distance;
    memset(&twin, 0, sizeof twin);
    twin.random = 5;
    twin.memory = memory_of(host, shared_32(1, 1));
    twin.other = memory_of(host, shared_32(1, 1));
    twin.base = wasm_memory_view(twin.memory)->base;
    twin.other_base = wasm_memory_view(twin.other)->base;
    for (length = 0; length <= 300 && check_state.failures < 20; length += is_watched() ? 23 : 1) {
        for (distance = -40; distance <= 40; distance++) {
            const uint64_t from = 350 + length % 16, to = from + (uint64_t)(int64_t)distance;
            if (distance % 16 == 0) twin_fill(&twin);
            CHECK_STATUS(wasm_memory_copy_within(twin.memory, to, from, length), WASM_MEMORY_OK);
            memmove(twin.bytes + to, twin.bytes + from, length);
            if (!CHECK(twin_agrees(&twin))) printf("  %d bytes by %d\n", (int)length, distance);
        }
    }
    wasm_memory_delete(twin.memory);
    wasm_memory_delete(twin.other);
    host_delete(host);
}

TEST(large_copies_overlap_in_both_directions) {
    static const uint64_t lengths[] = {4095, 65536, 200003, 700001};
    static const int64_t distances[] = {1, 7, 8, 9, 63, 64, 4095, 4096, 4097, 65536, 100003};
    const uint64_t size = 16 * PAGE;
    size_t mode, i, j;
    uint64_t at;
    uint8_t *const model = (uint8_t *)malloc((size_t)size);
    if (!CHECK(model != NULL)) return;
    for (mode = 1; mode < 3; mode++) {
        const host_t host = host_of(strategies[mode]);
        wasm_memory_t *const memory = memory_of(host, shared_32(16, 16));
        uint8_t *const base = wasm_memory_view(memory)->base;
        for (at = 0; at < size; at++) base[at] = model[at] = (uint8_t)(at * 7 + at / 251);
        for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            for (j = 0; j < 2 * sizeof distances / sizeof *distances; j++) {
                const uint64_t distance = (uint64_t)distances[j / 2], low = 1 + j;
                const uint64_t to = j % 2 == 0 ? low : low + distance, from = j % 2 == 0 ? low + distance : low;
                CHECK_STATUS(wasm_memory_copy_within(memory, to, from, lengths[i]), WASM_MEMORY_OK);
                memmove(model + to, model + from, (size_t)lengths[i]);
                if (!CHECK(memcmp(base, model, (size_t)size) == 0))
                    printf("  %d bytes from %d to %d\n", (int)lengths[i], (int)from, (int)to);
                model[low] ^= 0x55, base[low] ^= 0x55;
            }
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
    free(model);
}

/* The same calls on a shared and an unshared memory: the same answers, the same bytes. */
TEST(edges_are_those_of_an_unshared_memory) {
    const host_t host = host_new();
    const uint64_t length = 61;
    wasm_memory_t *const shared = memory_of(host, shape(length, length, true, true, 0));
    wasm_memory_t *const plain = memory_of(host, shape(length, length, true, false, 0));
    wasm_memory_t *const both[2] = {shared, plain};
    const uint64_t offsets[] = {0, 1, 13, 44, 45, 46, 53, 57, 60, 61, 62, 63, UINT32_MAX, UINT64_MAX - 15, UINT64_MAX};
    const uint64_t counts[] = {0, 1, 2, 4, 8, 16, 17, 61, 62, UINT64_C(1) << 40, UINT64_MAX};
    static const char letters[61] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567";
    uint8_t bytes[64];
    wasm_data_segment_t *segment;
    size_t i, j;
    memset(bytes, 0x3c, sizeof bytes);
    segment = wasm_data_segment_new(bytes, sizeof bytes);
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        for (j = 0; j < sizeof counts / sizeof *counts; j++) {
            wasm_memory_status_t statuses[2][24];
            uint8_t seen[2][64];
            char text[2][600];
            size_t needed[2] = {77, 77}, k;
            memset(statuses, 0, sizeof statuses);
            memset(seen, 0, sizeof seen);
            memset(text, 0, sizeof text);
            for (k = 0; k < 2; k++) {
                wasm_memory_t *const memory = both[k];
                const uint64_t at = offsets[i], count = counts[j];
                const uint32_t narrow = (uint32_t)(count < UINT32_MAX ? count : UINT32_MAX);
                uint8_t u8 = 1, v128[16];
                uint16_t u16 = 1;
                uint32_t u32 = 1;
                uint64_t u64 = 1;
                float f32 = 1;
                double f64 = 1;
                int s = 0;
                CHECK_STATUS(wasm_memory_write(memory, 0, letters, sizeof letters), WASM_MEMORY_OK);
                if (count <= sizeof bytes) statuses[k][s++] = wasm_memory_read(memory, at, seen[k], (size_t)count);
                statuses[k][s++] = wasm_memory_hexdump(memory, at, count, text[k], sizeof text[k], &needed[k]);
                statuses[k][s++] = wasm_memory_fill(memory, at, 0x11, count);
                statuses[k][s++] = wasm_memory_copy_within(memory, at, 3, count);
                statuses[k][s++] = wasm_memory_copy_within(memory, 5, at, count);
                statuses[k][s++] = wasm_memory_copy_within_nonoverlapping(memory, at, 7, count);
                statuses[k][s++] = wasm_memory_copy_between(memory, at, both[1 - k], 2, count);
                statuses[k][s++] = wasm_memory_init(memory, at, segment, 1, narrow);
                statuses[k][s++] = wasm_memory_zero(memory, at, count);
                statuses[k][s++] = wasm_memory_store_u8(memory, at, 0x81);
                statuses[k][s++] = wasm_memory_store_u16(memory, at, 0x8182);
                statuses[k][s++] = wasm_memory_store_u32(memory, at, 0x81828384);
                statuses[k][s++] = wasm_memory_store_u64(memory, at, UINT64_C(0x8182838485868788));
                statuses[k][s++] = wasm_memory_store_f32(memory, at, 1.25f);
                statuses[k][s++] = wasm_memory_store_f64(memory, at, -2.5);
                statuses[k][s++] = wasm_memory_store_v128(memory, at, bytes);
                statuses[k][s++] = wasm_memory_load_u8(memory, at, &u8);
                statuses[k][s++] = wasm_memory_load_u16(memory, at, &u16);
                statuses[k][s++] = wasm_memory_load_u32(memory, at, &u32);
                statuses[k][s++] = wasm_memory_load_u64(memory, at, &u64);
                statuses[k][s++] = wasm_memory_load_f32(memory, at, &f32);
                statuses[k][s++] = wasm_memory_load_f64(memory, at, &f64);
                statuses[k][s++] = wasm_memory_load_v128(memory, at, v128);
                statuses[k][s] = wasm_memory_discard(memory, at, count / 2);
            }
            CHECK(memcmp(statuses[0], statuses[1], sizeof statuses[0]) == 0);
            CHECK(memcmp(seen[0], seen[1], sizeof seen[0]) == 0);
            CHECK(strcmp(text[0], text[1]) == 0);
            CHECK_EQ(needed[0], needed[1]);
        }
    }
    wasm_data_segment_delete(segment);
    wasm_memory_delete(shared);
    wasm_memory_delete(plain);
    host_delete(host);
}

TEST(typed_access_finds_its_bytes_at_every_alignment) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    uint8_t *const base = wasm_memory_view(memory)->base;
    uint8_t model[64];
    uint64_t at;
    memset(base, 0x99, sizeof model);
    memset(model, 0x99, sizeof model);
    for (at = 0; at < 32; at++) {
        const uint8_t sixteen[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, (uint8_t)at};
        uint8_t found[16] = {0};
        uint16_t u16 = 0;
        uint32_t u32 = 0;
        uint64_t u64 = 0;
        float f32 = 0;
        double f64 = 0;
        CHECK_STATUS(wasm_memory_store_v128(memory, at, sixteen), WASM_MEMORY_OK);
        memcpy(model + at, sixteen, 16);
        CHECK(memcmp(base, model, sizeof model) == 0);
        CHECK_STATUS(wasm_memory_load_v128(memory, at, found), WASM_MEMORY_OK);
        CHECK(memcmp(found, sixteen, 16) == 0);
        CHECK_STATUS(wasm_memory_load_u64(memory, at, &u64), WASM_MEMORY_OK);
        CHECK_EQ(u64, UINT64_C(0x0807060504030201));
        CHECK_STATUS(wasm_memory_load_u32(memory, at + 1, &u32), WASM_MEMORY_OK);
        CHECK_EQ(u32, 0x05040302);
        CHECK_STATUS(wasm_memory_load_u16(memory, at + 2, &u16), WASM_MEMORY_OK);
        CHECK_EQ(u16, 0x0403);
        CHECK_STATUS(wasm_memory_store_f64(memory, at, 1.5), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_f64(memory, at, &f64), WASM_MEMORY_OK);
        CHECK(f64 == 1.5);
        CHECK_STATUS(wasm_memory_store_f32(memory, at, -0.25f), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_f32(memory, at, &f32), WASM_MEMORY_OK);
        CHECK(f32 == -0.25f);
        CHECK_STATUS(wasm_memory_store_u16(memory, at, 0xabcd), WASM_MEMORY_OK);
        CHECK(base[at] == 0xcd && base[at + 1] == 0xab);
        memcpy(model, base, sizeof model);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

static uint64_t resident_of(const wasm_memory_t *memory) { return stats_of(memory).resident_bytes; }

TEST(what_is_discarded_or_erased_is_zero_and_goes_back_to_the_system) {
    const uint64_t size = 128 * PAGE; /* 8 MiB */
    uint8_t *const model = (uint8_t *)malloc((size_t)size);
    size_t mode;
    if (!CHECK(model != NULL)) return;
    for (mode = 0; mode < 3; mode++) {
        const host_t host = host_of(strategies[mode]);
        wasm_memory_t *const memory = memory_of(host, shared_32(128, 256));
        uint8_t *const base = wasm_memory_view(memory)->base;
        const uint64_t from = 4 * PAGE + 123, length = 64 * PAGE + 17;
        memset(base, 0xc3, (size_t)size);
        memset(model, 0xc3, (size_t)size);
        CHECK(resident_of(memory) >= size);
        CHECK_STATUS(wasm_memory_discard(memory, from, length), WASM_MEMORY_OK);
        CHECK(resident_of(memory) <= size - 63 * PAGE);
        memset(model + from, 0, (size_t)length);
        CHECK(memcmp(base, model, (size_t)size) == 0);
        memset(base, 0xc4, (size_t)size);
        CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
        CHECK(resident_of(memory) <= size / 8);
        CHECK_EQ(wasm_memory_pages(memory), 128);
        CHECK(is_zero(base, size));
        memset(base, 0xc5, (size_t)size); /* it can be used again, and grown */
        CHECK_STATUS(wasm_memory_discard(memory, size - 5, 5), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(base + size - 5, PAGE + 5));
        CHECK_EQ(base[size - 6], 0xc5);
        CHECK_STATUS(wasm_memory_discard(memory, 0, size + PAGE + 1), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(base[0], 0xc5);
        wasm_memory_delete(memory);
        host_delete(host);
    }
    free(model);
}

/* Threads that grow, and write into what they got, beside one that empties all or some of it. */
static struct {
    wasm_memory_t *memory;
    int over, wrong;
} erasure;

static void *grow_and_write(void *env) {
    uint8_t *const base = wasm_memory_view(erasure.memory)->base;
    uint64_t previous = 77;
    (void)env;
    while (wasm_memory_try_grow(erasure.memory, 1, &previous) == WASM_MEMORY_OK) {
        uint8_t *const start = base + previous * PAGE;
        uint64_t at;
        for (at = 0; at < PAGE; at += 1024) {
            const uint8_t found = __atomic_exchange_n(start + at, 7, __ATOMIC_RELAXED);
            if (found != 0) add(&erasure.wrong, 1);
        }
    }
    return NULL;
}

static void *erase_and_discard(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    while (!load(&erasure.over)) {
        const uint64_t length = wasm_memory_data_size(erasure.memory), start = random_of(&random) % length;
        const wasm_memory_status_t status = random_of(&random) % 2 == 0
                                                ? wasm_memory_erase(erasure.memory)
                                                : wasm_memory_discard(erasure.memory, start, length - start);
        if (status != WASM_MEMORY_OK) add(&erasure.wrong, 1);
    }
    return NULL;
}

TEST(what_is_emptied_while_it_grows_keeps_its_length_and_its_guard) {
    const uint64_t maximum = 300;
    size_t mode, i;
    for (mode = 0; mode < 3; mode++) {
        const host_t host = host_of(strategies[mode]);
        pthread_t threads[3];
        uint32_t seed = 99 + (uint32_t)mode;
        const wasm_memory_view_t *view;
        uint8_t *base;
        uint64_t at, wrong = 0;
        memset(&erasure, 0, sizeof erasure);
        erasure.memory = memory_of(host, shared_32(1, maximum));
        view = wasm_memory_view(erasure.memory);
        base = view->base;
        CHECK_EQ(pthread_create(&threads[2], NULL, erase_and_discard, &seed), 0);
        for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, grow_and_write, NULL), 0);
        for (i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
        store(&erasure.over, 1);
        CHECK_EQ(pthread_join(threads[2], NULL), 0);
        CHECK_EQ(erasure.wrong, 0);
        CHECK(view->base == base);
        CHECK_EQ(view->byte_length, maximum * PAGE);
        for (at = 0; at < maximum * PAGE; at++) wrong += base[at] != 0 && (base[at] != 7 || at % 1024 != 0);
        CHECK_EQ(wrong, 0);
        memset(base, 8, (size_t)(maximum * PAGE)); /* all of it can be written */
        if (stats_of(erasure.memory).bounds == WASM_MEMORY_BOUNDS_GUARDED) CHECK(faults(base + maximum * PAGE, true));
        CHECK_STATUS(wasm_memory_erase(erasure.memory), WASM_MEMORY_OK);
        CHECK(is_zero(base, maximum * PAGE));
        wasm_memory_delete(erasure.memory);
        host_delete(host);
    }
}

/* ---- bytes beside those of others ---- */

/* Blocks with a range that bulk operations change: all alignments, many lengths, some over whole pages of the host. The
   bytes before and after each are another thread's. */
#define BLOCKS 344
#define BLOCK 128
#define LARGE_BLOCKS 6
#define LARGE_BLOCK (6 * 4096)

typedef struct {
    uint64_t start, length;
} range_t;

static struct {
    range_t ranges[BLOCKS + LARGE_BLOCKS];
    int current; /* the block that is being changed */
    wasm_memory_t *memory;
    int over;
} beside;

typedef struct {
    uint64_t rounds, wrong;
    pthread_t thread;
} neighbour_t;

/* Counts in both bytes, by all means there are; each time what it left must be there. */
static void *count_beside(void *env) {
    neighbour_t *const neighbour = (neighbour_t *)env;
    uint8_t mine[BLOCKS + LARGE_BLOCKS][2];
    memset(mine, 0, sizeof mine);
    while (!load(&beside.over)) {
        const int block = load(&beside.current);
        const range_t range = beside.ranges[block];
        const bool after = neighbour->rounds % 2 != 0;
        const uint64_t at = after ? range.start + range.length : range.start - 1;
        const uint8_t left = mine[block][after], next = (uint8_t)(left + 1);
        uint8_t old = 0;
        switch (neighbour->rounds % 3) {
        case 0: wasm_memory_atomic_rmw8(beside.memory, WASM_MEMORY_RMW_ADD, at, 1, &old); break;
        case 1: wasm_memory_atomic_cmpxchg8(beside.memory, at, left, next, &old); break;
        default:
            wasm_memory_atomic_load8(beside.memory, at, &old);
            wasm_memory_atomic_store8(beside.memory, at, next);
        }
        neighbour->wrong += old != left;
        mine[block][after] = (uint8_t)(old + 1);
        neighbour->rounds++;
    }
    return NULL;
}

/* One of the operations on a range. */
static wasm_memory_status_t change(range_t range, uint64_t which, wasm_memory_t *source,
                                   const wasm_data_segment_t *segment, uint8_t *bytes) {
    wasm_memory_t *const memory = beside.memory;
    const uint64_t start = range.start, length = range.length, shift = which / 10 % 8;
    switch (which % 10) {
    case 0: return wasm_memory_fill(memory, start, 0xdd, length);
    case 1: return wasm_memory_zero(memory, start, length);
    case 2: return wasm_memory_discard(memory, start, length);
    case 3: return wasm_memory_write(memory, start, bytes + shift, (size_t)length);
    case 4: return wasm_memory_copy_between(memory, start, source, shift, length);
    case 5: return wasm_memory_init(memory, start, segment, (uint32_t)shift, (uint32_t)length);
    /* Within the range, upwards and downwards. */
    case 6: return wasm_memory_copy_within(memory, start + length / 4, start, length - length / 4);
    case 7: return wasm_memory_copy_within(memory, start, start + length / 3, length - length / 3);
    case 8: /* the widest that fit at either end */
        if (length >= 16) return wasm_memory_store_v128(memory, start, bytes);
        return length >= 4 ? wasm_memory_store_u32(memory, start, 1) : WASM_MEMORY_OK;
    default:
        if (length >= 8) return wasm_memory_store_u64(memory, start + length - 8, 1);
        return length >= 2 ? wasm_memory_store_u16(memory, start + length - 2, 1) : WASM_MEMORY_OK;
    }
}

TEST(bulk_operations_leave_the_bytes_beside_their_range_to_others) {
    const host_t host = host_new();
    wasm_memory_t *const source = memory_of(host, shared_32(1, 1));
    wasm_data_segment_t *segment;
    neighbour_t neighbour;
    static uint8_t bytes[LARGE_BLOCK];
    uint64_t at = BLOCK, round;
    int block;
    memset(&beside, 0, sizeof beside);
    memset(&neighbour, 0, sizeof neighbour);
    beside.memory = memory_of(host, shared_32(8, 8));
    for (block = 0; block < BLOCKS; block++, at += BLOCK) {
        beside.ranges[block].start = at + 8 + (uint64_t)block % 8;
        beside.ranges[block].length = (uint64_t)block / 8;
    }
    at = 4 * PAGE;
    for (; block < BLOCKS + LARGE_BLOCKS; block++, at += LARGE_BLOCK) {
        beside.ranges[block].start = at + 4096 - (uint64_t)block % 3;
        beside.ranges[block].length = 4 * 4096 + (uint64_t)block % 5;
    }
    memset(bytes, 0xee, sizeof bytes);
    CHECK_STATUS(wasm_memory_write(source, 0, bytes, sizeof bytes), WASM_MEMORY_OK);
    segment = wasm_data_segment_new(bytes, sizeof bytes);
    CHECK_EQ(pthread_create(&neighbour.thread, NULL, count_beside, &neighbour), 0);
    for (block = 0; block < BLOCKS + LARGE_BLOCKS; block++) {
        const range_t range = beside.ranges[block];
        const uint64_t rounds = is_watched() ? 20 : block < BLOCKS ? 6000 : 2000;
        store(&beside.current, block);
        for (round = 0; round < rounds; round++)
            CHECK_STATUS(change(range, round, source, segment, bytes), WASM_MEMORY_OK);
    }
    store(&beside.over, 1);
    CHECK_EQ(pthread_join(neighbour.thread, NULL), 0);
    CHECK_EQ(neighbour.wrong, 0);
    CHECK(neighbour.rounds > 0);
    wasm_data_segment_delete(segment);
    wasm_memory_delete(source);
    wasm_memory_delete(beside.memory);
    host_delete(host);
}

/* A byte that is only ever one of two values is never seen as anything else, whatever writes it. */
static void *look_for_others(void *env) {
    neighbour_t *const neighbour = (neighbour_t *)env;
    uint8_t bytes[256];
    size_t i;
    while (!load(&beside.over)) {
        if (wasm_memory_read(beside.memory, 61, bytes, sizeof bytes) != WASM_MEMORY_OK) neighbour->wrong++;
        for (i = 0; i < sizeof bytes; i++) neighbour->wrong += bytes[i] != 0x0f && bytes[i] != 0xf0;
        neighbour->rounds++;
    }
    return NULL;
}

TEST(a_racing_read_sees_bytes_that_somebody_wrote) {
    const host_t host = host_new();
    wasm_memory_t *source;
    neighbour_t neighbours[2];
    int round, rounds = is_watched() ? 100 : 500000;
    size_t i;
    memset(&beside, 0, sizeof beside);
    memset(neighbours, 0, sizeof neighbours);
    beside.memory = memory_of(host, shared_32(1, 1));
    source = memory_of(host, shared_32(1, 1));
    CHECK_STATUS(wasm_memory_fill(beside.memory, 0, 0x0f, PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(source, 0, 0xf0, PAGE), WASM_MEMORY_OK);
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&neighbours[i].thread, NULL, look_for_others, &neighbours[i]), 0);
    for (round = 0; round < rounds; round++) {
        const uint64_t at = 40 + (uint64_t)round % 64, length = (uint64_t)round % 300;
        switch (round % 4) {
        case 0: wasm_memory_fill(beside.memory, at, 0x0f, length); break;
        case 1: wasm_memory_copy_between(beside.memory, at, source, 3, length); break;
        case 2: wasm_memory_copy_within(beside.memory, at, at + 5, length); break;
        default: wasm_memory_copy_within(beside.memory, at + 7, at, length);
        }
    }
    store(&beside.over, 1);
    for (i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(neighbours[i].thread, NULL), 0);
        CHECK_EQ(neighbours[i].wrong, 0);
    }
    wasm_memory_delete(source);
    wasm_memory_delete(beside.memory);
    host_delete(host);
}

/* test_shared [exportable] */
int main(int argc, char **argv) {
    exportable = argc > 1 && strcmp(argv[1], "exportable") == 0;
    RUN(a_token_stands_for_a_memory_of_its_type);
    RUN(tokens_of_nothing);
    RUN(an_unshared_memory_has_no_token);
    RUN(a_shared_type_given_to_a_store_makes_a_shared_memory);
    RUN(a_future_makes_a_shared_memory_too);
    RUN(a_host_that_makes_memories_makes_no_shared_ones_but_its_stores_obtain_them);
    RUN(a_memory_too_large_for_the_machine_is_out_of_memory);
    RUN_IN_CHILDREN(a_memory_lives_until_its_last_token_and_handle_are_gone_in_whichever_order);
    RUN(a_future_keeps_a_memory_of_which_nothing_else_is_left);
    RUN(handles_in_all_stores_are_the_same_memory);
    RUN(host_info_belongs_to_the_memory_and_not_to_a_handle_or_store);
    RUN(each_handle_tells_the_data_of_its_own_store);
    RUN(the_bytes_of_a_shared_memory_cannot_be_lent);
    RUN(each_obtained_handle_counts_as_a_memory_until_it_and_its_copies_are_gone);
    RUN(an_obtained_handle_counts_with_the_bytes_of_that_moment);
    RUN(what_was_counted_is_given_back_however_the_memory_grew);
    RUN(the_store_of_the_handle_decides_on_growth);
    RUN(obtaining_asks_like_a_creation_and_tells_of_a_refusal);
    RUN(a_store_that_answers_later_cannot_obtain_but_grow);
    RUN(what_another_store_did_meanwhile_leads_to_another_question);
    RUN(growth_that_fails_leaves_a_shared_memory_as_it_is);
    RUN(stats_of_a_shared_memory_are_the_same_through_every_handle);
    RUN(a_shared_memory_never_moves_whatever_the_options_say);
    RUN(an_enormous_maximum_reserves_what_can_be_had);
    RUN(threads_that_grow_one_memory_each_get_pages_of_their_own);
    RUN(no_store_grows_a_memory_past_what_it_allows_however_others_race);
    RUN(who_is_refused_after_a_race_has_opened_nothing);
    RUN(handles_come_and_go_on_all_threads);
    RUN_IN_CHILDREN(in_600_mb_shared_memories_step_down_and_do_not_move);
    RUN_IN_CHILDREN(where_nothing_can_be_mapped_a_shared_memory_does_not_move_either);
    RUN(a_byte_past_the_length_faults_and_growth_opens_it);
    RUN(a_place_that_a_shared_memory_had_is_clean_and_guarded_again);
    RUN(short_operations_do_what_plain_c_does_at_every_alignment_and_length);
    RUN(copies_overlap_in_both_directions_by_every_distance);
    RUN(large_copies_overlap_in_both_directions);
    RUN(edges_are_those_of_an_unshared_memory);
    RUN(typed_access_finds_its_bytes_at_every_alignment);
#ifndef _WIN32 /* pages that others use stay in memory there */
    RUN(what_is_discarded_or_erased_is_zero_and_goes_back_to_the_system);
#endif
    RUN(what_is_emptied_while_it_grows_keeps_its_length_and_its_guard);
    RUN(bulk_operations_leave_the_bytes_beside_their_range_to_others);
    RUN(a_racing_read_sees_bytes_that_somebody_wrote);
    return check_finish();
}
