/* misuse: what goes wrong elsewhere, and what it is answered with here: a status, or it is no mistake at all.
 *
 * One rule is left for you: a pointer into a memory is good until the memory's last handle is deleted, and, if
 * wasm_memory_may_move says so, until the memory grows. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

/* --- pointers and growth ------------------------------------------------------------------------------------------ */

static void pointer_kept_over_growth(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    byte_t *pointer;

    printf("a pointer kept over growth:\n");
    EXPECT(!wasm_memory_may_move(memory)); /* the default: the base stays for the memory's life */
    pointer = wasm_memory_data(memory);
    pointer[0] = 'x';
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT(wasm_memory_data(memory) == pointer && pointer[0] == 'x');
    printf("  still good: the base stayed\n");
    wasm_memory_delete(memory);
}

static void range_kept_over_growth(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const byte_t *const range = wasm_memory_data(memory) + 0x100;
    const size_t length_before = wasm_memory_data_size(memory);

    printf("a range kept over growth:\n");
    EXPECT_STATUS(wasm_memory_write(memory, 0x100, "ok", 2), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT(memcmp(range, "ok", 2) == 0);
    /* No memory shrinks: what was inside is inside. Only a length that was kept is out of date; the view's is not. */
    EXPECT(length_before == MEMORY_PAGE_SIZE && view->byte_length == 2 * MEMORY_PAGE_SIZE);
    printf("  still good: %.2s; the view has the new length, %zu\n", range, view->byte_length);
    wasm_memory_delete(memory);
}

/* Anything that was handed the memory, or a copy of its handle, may grow it. */
static void code_of_others(wasm_memory_t *memory) {
    wasm_memory_t *const copy = wasm_memory_copy(memory);
    EXPECT(wasm_memory_grow(copy, 1));
    wasm_memory_delete(copy);
}

static void pointer_kept_while_others_grow(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    const byte_t *const pointer = wasm_memory_data(memory);

    printf("a pointer kept while other code grows the memory:\n");
    code_of_others(memory);
    EXPECT(wasm_memory_pages(memory) == 2);
    EXPECT(wasm_memory_data(memory) == pointer && *pointer == 0);
    printf("  still good\n");
    wasm_memory_delete(memory);
}

/* The same with memories that may move: the old base is really gone, and reading there would be a fault or worse. */
static void memory_that_moves(void) {
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_memory_t *memory;
    const wasm_memory_view_t *view;
    uintptr_t base_before;

    printf("a memory that may move:\n");
    wasm_config_memory_reservation_set(config, 0); /* nothing is reserved beyond what the memory has */
    wasm_config_memory_reservation_for_growth_set(config, 0);
    wasm_config_memory_may_move_set(config, true);
    engine = wasm_engine_new_with_config(config);
    store = wasm_store_new(engine);
    memory = example_memory(store, 1, wasm_limits_max_default);
    view = wasm_memory_view(memory);

    EXPECT(wasm_memory_may_move(memory));
    EXPECT_STATUS(wasm_memory_write(memory, 0, "moved", 5), WASM_MEMORY_OK);
    base_before = (uintptr_t)view->base; /* a number, to compare with; as a pointer it is about to be wrong */
    EXPECT_STATUS(wasm_memory_try_grow(memory, 16, NULL), WASM_MEMORY_OK);
    EXPECT((uintptr_t)view->base != base_before);

    /* The right way: keep the view, whose address never changes, and read the base after whatever may grow. */
    EXPECT(memcmp(view->base, "moved", 5) == 0);
    EXPECT(view == wasm_memory_view(memory) && view->base == (uint8_t *)wasm_memory_data(memory));
    printf("  its base changed; the view knows the new one\n");
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

static void two_pointers_to_one_byte(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    const byte_t *const first = wasm_memory_data(memory) + 0x100;
    byte_t *const second = wasm_memory_data(memory) + 0x100;
    char text[8] = {0};

    printf("two pointers to the same bytes:\n");
    EXPECT_STATUS(wasm_memory_write(memory, 0x100, "abcdef", 6), WASM_MEMORY_OK);
    *second = *first; /* in C that is no mistake, as long as neither is `restrict` */
    EXPECT(*first == 'a');
    /* memcpy would be one, for ranges that overlap. This works like memmove: */
    EXPECT_STATUS(wasm_memory_copy_within(memory, 0x102, 0x100, 4), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, 0x100, text, 6), WASM_MEMORY_OK);
    EXPECT(strcmp(text, "ababcd") == 0);
    printf("  fine\n");
    wasm_memory_delete(memory);
}

/* --- bytes that are lent to a callback ---------------------------------------------------------------------------- */

static void write_while_lent(void *env, uint8_t *data, size_t length) {
    wasm_memory_t *const memory = env;
    uint8_t byte = 1;
    EXPECT(length == MEMORY_PAGE_SIZE && data[0] == 0);
    EXPECT_REFUSED(wasm_memory_write(memory, 0, "x", 1), WASM_MEMORY_BORROWED);
    EXPECT_STATUS(wasm_memory_zero(memory, 0, 1), WASM_MEMORY_BORROWED);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_BORROWED);
    EXPECT(data[0] == 0);
    EXPECT_STATUS(wasm_memory_read(memory, 0, &byte, 1), WASM_MEMORY_OK); /* to read is no harm */
    EXPECT(byte == 0);
}

static void read_while_lent_mutably(void *env, uint8_t *data, size_t length) {
    wasm_memory_t *const memory = env;
    uint8_t byte = 7;
    EXPECT(length == MEMORY_PAGE_SIZE);
    data[0] = 1;
    EXPECT_REFUSED(wasm_memory_read(memory, 0, &byte, 1), WASM_MEMORY_BORROWED);
    EXPECT(byte == 7);
    EXPECT_STATUS(wasm_memory_with_data(memory, write_while_lent, memory), WASM_MEMORY_BORROWED);
    EXPECT(wasm_memory_data_size(memory) == length); /* what only tells about the memory always works */
}

static void access_while_lent(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    uint8_t byte = 0;

    printf("writing inside wasm_memory_with_data:\n");
    EXPECT_STATUS(wasm_memory_with_data(memory, write_while_lent, memory), WASM_MEMORY_OK);
    printf("reading inside wasm_memory_with_data_mut:\n");
    EXPECT_STATUS(wasm_memory_with_data_mut(memory, read_while_lent_mutably, memory), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u8(memory, 0, &byte), WASM_MEMORY_OK); /* given back */
    EXPECT(byte == 1);
    wasm_memory_delete(memory);
}

/* --- limiters ----------------------------------------------------------------------------------------------------- */

static void allow_at_once(void *env, uint64_t current, uint64_t desired, uint64_t maximum,
                          wasm_memory_ticket_t *ticket) {
    (void)env, (void)current, (void)desired, (void)maximum;
    wasm_memory_ticket_resolve(ticket, true);
}

static void synchronous_under_an_async_limiter(wasm_engine_t *engine) {
    wasm_memory_limiter_async_t limiter;
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    wasm_memory_future_t *future;

    printf("synchronous growth in a store with an asynchronous limiter:\n");
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = allow_at_once;
    EXPECT_STATUS(wasm_store_limiter_async_set(store, &limiter), WASM_MEMORY_OK);
    EXPECT_REFUSED(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_ASYNC_REQUIRED);
    EXPECT(!wasm_memory_grow(memory, 1));
    EXPECT(wasm_memory_pages(memory) == 1);

    future = wasm_memory_grow_async(memory, 1);
    EXPECT_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
    wasm_memory_future_delete(future);
    EXPECT(wasm_memory_pages(memory) == 2);

    printf("asynchronous growth in a store without one:\n");
    EXPECT_STATUS(wasm_store_limiter_async_set(store, NULL), WASM_MEMORY_OK);
    future = wasm_memory_grow_async(memory, 1);
    EXPECT_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    EXPECT(wasm_memory_future_previous_pages(future) == 2);
    wasm_memory_future_delete(future);
    printf("  no mistake: the future was ready at once\n");

    wasm_memory_delete(memory);
    wasm_store_delete(store);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static void impossible_types(void) {
    const wasm_limits_t upside_down = {3, 2};
    wasm_memorytype_t *type;

    printf("a minimum above the maximum:\n");
    EXPECT_REFUSED(wasm_memorytype_try_new(3, true, 2, false, false, 16, &type), WASM_MEMORY_INVALID_TYPE);
    EXPECT(type == NULL);
    EXPECT(wasm_memorytype_new(&upside_down) == NULL); /* in the form of wasm.h */
    printf("more than 65536 pages:\n");
    EXPECT_REFUSED(wasm_memorytype_try_new(65537, false, 0, false, false, 16, &type), WASM_MEMORY_INVALID_TYPE);
    EXPECT_STATUS(wasm_memorytype_try_new(0, true, 65537, false, false, 16, &type), WASM_MEMORY_INVALID_TYPE);
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static void ranges_that_overlap(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);

    printf("a copy without overlap, of ranges that overlap:\n");
    EXPECT_REFUSED(wasm_memory_copy_within_nonoverlapping(memory, 4, 0, 5), WASM_MEMORY_OVERLAP);
    EXPECT_STATUS(wasm_memory_copy_within_nonoverlapping(memory, 5, 0, 5), WASM_MEMORY_OK); /* they touch */
    wasm_memory_delete(memory);
}

static void ranges_past_the_end(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4), *const other = example_memory(store, 1, 4);
    wasm_data_segment_t *const segment = wasm_data_segment_new("data", 4);
    const uint64_t end = wasm_memory_data_size(memory);
    char text[64] = "untouched", dump[64] = "untouched";
    size_t needed = 1;
    uint32_t number = 1;

    printf("ranges past the end:\n");
    EXPECT_REFUSED(wasm_memory_read(memory, end - 1, text, 2), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT(strcmp(text, "untouched") == 0);
    EXPECT_STATUS(wasm_memory_write(memory, end, "x", 1), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_REFUSED(wasm_memory_load_u32(memory, UINT64_MAX - 1, &number), WASM_MEMORY_OUT_OF_BOUNDS); /* never wraps */
    EXPECT(number == 0);
    EXPECT_STATUS(wasm_memory_store_u32(memory, end - 3, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_fill(memory, end - 1, 0xff, 2), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_zero(memory, 1, UINT64_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_discard(memory, 0, end + 1), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_copy_within(memory, 1, 0, end), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_copy_within_nonoverlapping(memory, 1, 0, end), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_copy_between(memory, 0, other, 1, end), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_init(memory, end - 3, segment, 0, 4), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_REFUSED(wasm_memory_init(memory, 0, segment, 1, 4), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_hexdump(memory, end, 1, dump, sizeof dump, &needed), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT(strcmp(dump, "untouched") == 0 && needed == 0);

    /* No bytes at the end are fine; no bytes behind it are not. */
    EXPECT_STATUS(wasm_memory_write(memory, end, NULL, 0), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_write(memory, end + 1, NULL, 0), WASM_MEMORY_OUT_OF_BOUNDS);

    wasm_data_segment_delete(segment);
    wasm_memory_delete(other);
    wasm_memory_delete(memory);
}

/* --- lifetimes ---------------------------------------------------------------------------------------------------- */

static void memory_kept_after_its_store(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *const memory = example_memory(store, 1, 4);

    printf("a memory used after its store and engine were deleted:\n");
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    EXPECT_STATUS(wasm_memory_write(memory, 0, "alive", 5), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT(wasm_memory_data(memory)[4] == 'e');
    printf("  no mistake: it lives until its last handle is deleted\n");
    wasm_memory_delete(memory);
}

static void nothing_at_all(void) {
    uint64_t previous = 1;

    printf("NULL:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(NULL, 1, &previous), WASM_MEMORY_NULL_ARGUMENT);
    EXPECT(previous == 0);
    EXPECT(wasm_memory_data(NULL) == NULL && wasm_memory_data_size(NULL) == 0 && wasm_store_new(NULL) == NULL);
    wasm_memory_delete(NULL); /* does nothing, so that cleaning up needs no questions */
}

/* --- memories that threads share, and those that they do not ------------------------------------------------------- */

static void no_callback(void *env, uint8_t *data, size_t length) {
    (void)env, (void)data, (void)length;
    EXPECT(!"called for a shared memory");
}

static void what_only_one_kind_can(wasm_store_t *store) {
    wasm_memory_t *const unshared = example_memory(store, 1, 4);
    wasm_memory_t *shared;
    wasm_memorytype_t *type;
    wasm_memory_wait_result_t result;

    printf("waiting where nobody could come to notify, or where it would be no use:\n");
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 4, false, true, 16, &type), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_new(store, type, &shared), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);

    EXPECT_REFUSED(wasm_memory_atomic_wait32(unshared, 0, 0, -1, &result), WASM_MEMORY_NOT_SHARED);
    EXPECT_REFUSED(wasm_memory_atomic_wait64(shared, 4, 0, -1, &result), WASM_MEMORY_UNALIGNED);
    EXPECT_REFUSED(wasm_memory_with_data_mut(shared, no_callback, NULL), WASM_MEMORY_SHARED);
    EXPECT_STATUS(wasm_memory_close_waiters(shared), WASM_MEMORY_OK);
    EXPECT_REFUSED(wasm_memory_atomic_wait32(shared, 0, 0, -1, &result), WASM_MEMORY_CLOSED);

    wasm_memory_delete(shared);
    wasm_memory_delete(unshared);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    EXPECT(store != NULL);

    pointer_kept_over_growth(store);
    range_kept_over_growth(store);
    pointer_kept_while_others_grow(store);
    memory_that_moves();
    two_pointers_to_one_byte(store);
    access_while_lent(store);
    synchronous_under_an_async_limiter(engine);
    impossible_types();
    ranges_that_overlap(store);
    ranges_past_the_end(store);
    what_only_one_kind_can(store);
    memory_kept_after_its_store();
    nothing_at_all();

    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
