/* Creation, growth, size, and the promise to generated code. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <stdlib.h>

#include "support/children.h"
#include "support/memories.h"

/* Any 32-bit index plus any 32-bit offset plus 16 bytes, and one wasm page to spare. */
#define SPAN_32 (8 * GIB + PAGE)

/* ---- sizes ---- */

TEST(a_new_memory_has_the_size_of_its_type) {
    const host_t host = host_default();
    const struct {
        shape_t shape;
        uint64_t pages, page_size, bytes;
    } cases[] = {
        {pages_32(0, NO_MAXIMUM), 0, PAGE, 0},
        {pages_32(1, 1), 1, PAGE, PAGE},
        {pages_64(3, NO_MAXIMUM), 3, PAGE, 3 * PAGE},
        {bytes_32(0, 5), 0, 1, 0},
        {bytes_32(1, 5), 1, 1, 1},
        {bytes_32(4097, NO_MAXIMUM), 4097, 1, 4097},
        {shape(100003, 200000, true, false, 0), 100003, 1, 100003},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        wasm_memory_t *const memory = memory_of(host, cases[i].shape);
        CHECK_EQ(wasm_memory_pages(memory), cases[i].pages);
        CHECK_EQ(wasm_memory_initial_pages(memory), cases[i].pages);
        CHECK_EQ(wasm_memory_size(memory), cases[i].pages);
        CHECK_EQ(wasm_memory_page_size(memory), cases[i].page_size);
        CHECK_EQ(UINT64_C(1) << wasm_memory_page_size_log2(memory), cases[i].page_size);
        CHECK_EQ(wasm_memory_data_size(memory), cases[i].bytes);
        CHECK_EQ(stats_of(memory).byte_length, cases[i].bytes);
        CHECK(wasm_memory_data(memory) != NULL);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(the_type_of_a_memory_is_the_one_it_was_made_of) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(100, 2000, true, false, 0));
    wasm_memorytype_t *const type = wasm_memory_type(memory);
    uint64_t maximum = 0;
    CHECK_EQ(wasm_memorytype_minimum(type), 100);
    CHECK(wasm_memorytype_maximum(type, &maximum));
    CHECK_EQ(maximum, 2000);
    CHECK(wasm_memorytype_is64(type));
    CHECK(!wasm_memorytype_isshared(type));
    CHECK_EQ(wasm_memorytype_page_size(type), 1);
    wasm_memorytype_delete(type);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_full_memory_of_65536_pages_works_to_its_last_byte) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(65536, 65536));
    uint64_t previous = 77;
    uint8_t byte = 1;
    CHECK_EQ(wasm_memory_pages(memory), 65536);
    CHECK_EQ(wasm_memory_size(memory), 65536);
    CHECK_EQ(wasm_memory_data_size(memory), 4 * GIB);
    CHECK_STATUS(wasm_memory_load_u8(memory, 4 * GIB - 1, &byte), WASM_MEMORY_OK);
    CHECK_EQ(byte, 0);
    CHECK_STATUS(wasm_memory_store_u8(memory, 4 * GIB - 1, 3), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u8(memory, 4 * GIB, &byte), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 65536);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(more_pages_than_32_bits_count_saturate_in_the_standard_size) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(UINT64_C(0x100000001), NO_MAXIMUM, true, false, 0));
    CHECK_EQ(wasm_memory_pages(memory), UINT64_C(0x100000001));
    CHECK_EQ(wasm_memory_data_size(memory), UINT64_C(0x100000001));
    CHECK_EQ(wasm_memory_size(memory), 0xffffffff);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- growth ---- */

TEST(growth_reports_the_size_before) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10));
    uint64_t previous = 77;
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 4);
    CHECK_STATUS(wasm_memory_try_grow(memory, 6, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), 10);
    CHECK_EQ(wasm_memory_initial_pages(memory), 1);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_that_fails_changes_nothing) {
    const host_t host = host_default();
    const uint64_t deltas[] = {10, 11, 65536, UINT32_MAX, UINT64_C(1) << 48, UINT64_MAX - 1, UINT64_MAX};
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10));
    uint8_t *const base = (uint8_t *)wasm_memory_data(memory);
    size_t i;
    base[PAGE - 1] = 9;
    for (i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        uint64_t previous = 77;
        CHECK_STATUS(wasm_memory_try_grow(memory, deltas[i], &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(previous, 0);
        CHECK_EQ(wasm_memory_pages(memory), 1);
        CHECK((uint8_t *)wasm_memory_data(memory) == base);
        CHECK_EQ(base[PAGE - 1], 9);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(without_a_maximum_the_index_is_the_limit) {
    const host_t host = host_default();
    wasm_memory_t *memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK_STATUS(wasm_memory_try_grow(memory, 65536, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 65535, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), 65536);
    wasm_memory_delete(memory);
    memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    CHECK_STATUS(wasm_memory_try_grow(memory, UINT64_C(1) << 48, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, UINT64_MAX, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, (UINT64_C(1) << 48) - 1, NULL), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(wasm_memory_pages(memory), 1);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_of_one_byte_end_at_2_to_the_32_less_1) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(1, NO_MAXIMUM));
    uint64_t previous = 77;
    uint8_t byte = 1;
    CHECK_STATUS(wasm_memory_try_grow(memory, UINT32_MAX, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, UINT32_MAX - 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, UINT32_MAX);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_load_u8(memory, UINT32_MAX - UINT64_C(1), &byte), WASM_MEMORY_OK);
    CHECK_EQ(byte, 0);
    CHECK_STATUS(wasm_memory_load_u8(memory, UINT32_MAX, &byte), WASM_MEMORY_OUT_OF_BOUNDS);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_of_one_byte_grow_by_the_byte) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(4095, 9000));
    uint64_t length;
    for (length = 4095; length < 8200; length += 1 + length % 3) {
        uint8_t byte = 1;
        CHECK_EQ(wasm_memory_data_size(memory), length);
        CHECK_STATUS(wasm_memory_load_u8(memory, length, &byte), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1 + length % 3, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u8(memory, length + length % 3, &byte), WASM_MEMORY_OK);
        CHECK_EQ(byte, 0);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_of_no_pages_grows) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(0, 2));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t previous = 77;
    CHECK(view->base != NULL);
    CHECK_EQ(view->byte_length, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 0);
    CHECK_EQ(view->byte_length, 2 * PAGE);
    view->base[2 * PAGE - 1] = 1;
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(every_byte_that_growth_adds_is_zero) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 3; i++) {
        const host_t host = host_with_bounds(strategies[i]);
        uint64_t pages;
        /* Twice: the second memory may be given what the first one wrote. */
        int round;
        for (round = 0; round < 2; round++) {
            wasm_memory_t *const memory = memory_of(host, pages_32(1, 40));
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            for (pages = 1; pages < 40; pages += 3) {
                size_t at, dirty = 0;
                memset(view->base, 0xab, view->byte_length);
                CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
                for (at = (size_t)(pages * PAGE); at < view->byte_length; at++) dirty += view->base[at] != 0;
                CHECK_EQ(dirty, 0);
                CHECK_EQ(view->base[pages * PAGE - 1], 0xab);
            }
            wasm_memory_delete(memory);
        }
        host_delete(host);
    }
}

/* ---- views ---- */

TEST(the_view_stays_and_follows_growth) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 100)), *const copy = wasm_memory_copy(memory);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint8_t *const base = view->base;
    CHECK(base == (uint8_t *)wasm_memory_data(memory));
    CHECK_EQ(view->byte_length, PAGE);
    CHECK(wasm_memory_view(copy) == view);
    CHECK_STATUS(wasm_memory_try_grow(copy, 99, NULL), WASM_MEMORY_OK);
    CHECK(wasm_memory_view(memory) == view);
    CHECK(view->base == base);
    CHECK_EQ(view->byte_length, 100 * PAGE);
    wasm_memory_delete(memory);
    CHECK_EQ(view->byte_length, 100 * PAGE);
    CHECK(wasm_memory_view(copy) == view);
    wasm_memory_delete(copy);
    host_delete(host);
}

TEST(the_base_does_not_move_unless_asked_to) {
    const shape_t shapes[] = {pages_32(1, NO_MAXIMUM), pages_64(1, NO_MAXIMUM), bytes_32(1, NO_MAXIMUM),
                              shape(1, NO_MAXIMUM, true, false, 0)};
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t i, j;
    for (i = 0; i < 3; i++) {
        const host_t host = host_with_bounds(strategies[i]);
        for (j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            wasm_memory_t *const memory = memory_of(host, shapes[j]);
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            uint8_t *const base = view->base;
            CHECK(!wasm_memory_may_move(memory));
            CHECK(!stats_of(memory).may_move);
            CHECK_STATUS(wasm_memory_try_grow(memory, 64 * MIB / wasm_memory_page_size(memory), NULL), WASM_MEMORY_OK);
            CHECK(view->base == base);
            base[64 * MIB] = 1;
            wasm_memory_delete(memory);
        }
        host_delete(host);
    }
}

static wasm_config_t *small_reservation(bool may_move) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_reservation_set(config, MIB);
    wasm_config_memory_may_move_set(config, may_move);
    return config;
}

TEST(a_memory_that_may_move_grows_past_its_reservation_and_keeps_its_bytes) {
    const host_t host = host_with(small_reservation(true));
    wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t pages, at, wrong = 0;
    CHECK(wasm_memory_may_move(memory));
    CHECK(stats_of(memory).may_move);
    memset(view->base, 0x5a, view->byte_length);
    for (pages = 1; pages < 1024; pages *= 2) CHECK_STATUS(wasm_memory_try_grow(memory, pages, NULL), WASM_MEMORY_OK);
    CHECK(wasm_memory_view(memory) == view);
    CHECK_EQ(view->byte_length, 1024 * PAGE);
    CHECK(view->base == (uint8_t *)wasm_memory_data(memory));
    for (at = 0; at < 1024 * PAGE; at += at < PAGE ? 1 : 4093) wrong += view->base[at] != (at < PAGE ? 0x5a : 0);
    CHECK_EQ(wrong, 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_that_may_not_move_stops_at_its_reservation_and_says_which_option_helps) {
    const host_t host = host_with(small_reservation(false));
    wasm_memory_t *const memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const uint64_t reserved = stats_of(memory).reserved_bytes;
    uint64_t previous = 77;
    CHECK(!wasm_memory_may_move(memory));
    if (CHECK(reserved >= MIB && reserved < UINT64_C(1) << 40)) {
        CHECK_STATUS(wasm_memory_try_grow(memory, reserved / PAGE, &previous), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(previous, 0);
        CHECK(last_error_has("memory_reservation") || last_error_has("memory_may_move"));
        CHECK_EQ(view->byte_length, PAGE);
        CHECK_STATUS(wasm_memory_try_grow(memory, reserved / PAGE - 1, &previous), WASM_MEMORY_OK);
        CHECK_EQ(view->byte_length, reserved / PAGE * PAGE);
        view->base[view->byte_length - 1] = 1;
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_shared_type_makes_a_memory_that_says_so) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(shape(1, 2, false, true, 16));
    wasm_memory_t *memory = NULL, *const other = wasm_memory_new(host.store, type);
    uint64_t previous = 77;
    CHECK(other != NULL);
    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_OK);
    CHECK(!wasm_memory_same(memory, other));
    CHECK(stats_of(memory).shared);
    CHECK(!wasm_memory_may_move(memory));
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK_STATUS(wasm_memory_store_u8(memory, 2 * PAGE - 1, 9), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(other), 1);
    wasm_memory_delete(memory);
    wasm_memory_delete(other);
    wasm_memorytype_delete(type);
    host_delete(host);
}

/* ---- the promise to generated code ---- */

/* The edges that a guarded memory promises: inside nothing faults, from the length to the end of the guard all does. */
static void check_guarded(const wasm_memory_t *memory, bool guard_before) {
    const wasm_memory_stats_t stats = stats_of(memory);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const uint64_t end = stats.reserved_bytes + stats.guard_bytes;
    uint64_t step;
    CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_GUARDED);
    CHECK(stats.reserved_bytes >= view->byte_length);
    if (view->byte_length > 0) {
        CHECK(!faults(view->base, true));
        CHECK(!faults(view->base + view->byte_length - 1, true));
    }
    CHECK(faults(view->base + view->byte_length, false));
    CHECK(faults(view->base + view->byte_length, true));
    CHECK(faults(view->base + end - 1, false));
    CHECK(faults(view->base + end - 1, true));
    for (step = 1; step < 64; step++) {
        const uint64_t at = view->byte_length + (end - view->byte_length) / 64 * step;
        CHECK(faults(view->base + at, step % 2 == 0));
    }
    if (guard_before) {
        CHECK(faults(view->base - 1, false));
        CHECK(faults(view->base - 1, true));
        CHECK(faults(view->base - 4096, true));
    }
}

TEST(guarded_memories_fault_from_their_length_to_the_end_of_the_guard) {
    const shape_t shapes[] = {pages_32(0, NO_MAXIMUM), pages_32(1, 1), pages_32(1, NO_MAXIMUM), pages_64(1, NO_MAXIMUM),
                              pages_64(0, 16)};
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        check_guarded(memory, true);
        if (wasm_memory_try_grow(memory, 5, NULL) == WASM_MEMORY_OK) check_guarded(memory, true);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(a_guarded_memory_of_32_bits_covers_any_index_plus_any_offset) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    const wasm_memory_stats_t stats = stats_of(memory);
    uint8_t *const base = wasm_memory_view(memory)->base;
    CHECK(stats.reserved_bytes + stats.guard_bytes >= SPAN_32);
    CHECK(faults(base + UINT32_MAX, false));
    CHECK(faults(base + UINT64_C(2) * UINT32_MAX + 15, false));
    CHECK(faults(base + UINT64_C(2) * UINT32_MAX + 15, true));
    CHECK(faults(base + SPAN_32 - 1, true));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_full_guarded_memory_still_has_its_guard) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(65536, 65536));
    CHECK(stats_of(memory).reserved_bytes + stats_of(memory).guard_bytes >= SPAN_32);
    check_guarded(memory, true);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_given_reservation_and_guard_are_the_promise) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_memory_stats_t stats;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, 16 * MIB);
    wasm_config_memory_guard_size_set(config, MIB);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 4));
    stats = stats_of(memory);
    CHECK(stats.reserved_bytes >= 16 * MIB);
    CHECK(stats.guard_bytes >= MIB);
    CHECK(stats.reserved_bytes + stats.guard_bytes >= 4 * GIB + MIB); /* nothing compares a 32-bit index */
    check_guarded(memory, true);
    wasm_memory_delete(memory);
    memory = memory_of(host, pages_64(1, 4));
    stats = stats_of(memory);
    CHECK(stats.reserved_bytes >= 16 * MIB);
    CHECK(stats.guard_bytes >= MIB);
    check_guarded(memory, true);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_guard_size_of_no_round_number_is_covered) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, MIB + 1);
    wasm_config_memory_guard_size_set(config, 12345);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK(stats_of(memory).guard_bytes >= 12345);
    CHECK(stats_of(memory).reserved_bytes >= MIB + 1);
    check_guarded(memory, true);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(without_a_guard_before_the_rest_holds) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_guard_before_memory_set(config, false);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 4));
    check_guarded(memory, false);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_opens_exactly_what_it_adds) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(0, 8));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t pages;
    for (pages = 0; pages < 8; pages++) {
        CHECK(faults(view->base + pages * PAGE, false));
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK(!faults(view->base + pages * PAGE, true));
        CHECK(!faults(view->base + pages * PAGE + PAGE - 1, true));
        CHECK(faults(view->base + (pages + 1) * PAGE, true));
    }
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK(faults(view->base + 8 * PAGE, true));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_reused_place_is_guarded_again) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    int round;
    for (round = 0; round < 4; round++) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        check_guarded(memory, true);
        CHECK_STATUS(wasm_memory_try_grow(memory, 200, NULL), WASM_MEMORY_OK);
        memset(wasm_memory_data(memory), 0xff, 201 * PAGE);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(guarded_memories_that_may_move_stay_guarded) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, 4 * PAGE);
    wasm_config_memory_guard_size_set(config, PAGE);
    wasm_config_memory_reservation_for_growth_set(config, 2 * PAGE);
    wasm_config_memory_may_move_set(config, true);
    host = host_with(config);
    memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    check_guarded(memory, true);
    CHECK_STATUS(wasm_memory_try_grow(memory, 40, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), 41);
    check_guarded(memory, true);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void touch(void *address) { *(volatile uint8_t *)address = 1; }

TEST(without_any_handler_the_guard_kills) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    uint8_t *const base = wasm_memory_view(memory)->base;
    CHECK(in_child(touch, base + PAGE - 1) == 0);
    CHECK(in_child(touch, base + PAGE) == -SIGSEGV);
    CHECK(in_child(touch, base - 1) == -SIGSEGV);
    CHECK(in_child(touch, base + UINT32_MAX) == -SIGSEGV);
    wasm_memory_delete(memory);
    host_delete(host);
}

#ifndef _WIN32
TEST(no_signal_handler_is_installed) {
    const int signals[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    size_t i;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    for (i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        CHECK_EQ(sigaction(signals[i], NULL, &action), 0);
        CHECK(action.sa_handler == SIG_DFL);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}
#endif

TEST(auto_says_which_strategy_it_took) {
    const host_t host = host_default();
    wasm_memory_t *memory = memory_of(host, pages_32(1, 2));
    const wasm_memory_stats_t stats = stats_of(memory);
    /* With the whole address space at hand the top of the ladder is what we get. */
    if (CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_GUARDED)) {
        CHECK(stats.reserved_bytes + stats.guard_bytes >= SPAN_32);
        check_guarded(memory, true);
    }
    wasm_memory_delete(memory);
    memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    CHECK(stats_of(memory).bounds != WASM_MEMORY_BOUNDS_AUTO);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(checked_memories_grow_to_their_maximum) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 256));
    const wasm_memory_stats_t stats = stats_of(memory);
    CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_CHECKED);
    CHECK(stats.reserved_bytes >= 256 * PAGE);
    CHECK_STATUS(wasm_memory_try_grow(memory, 255, NULL), WASM_MEMORY_OK);
    CHECK(!faults(wasm_memory_view(memory)->base + 256 * PAGE - 1, true));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_of_one_byte_are_checked_always) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 3; i++) {
        const host_t host = host_with_bounds(strategies[i]);
        wasm_memory_t *const memory = memory_of(host, bytes_32(1000, 2000));
        CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_CHECKED);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(the_accessible_range_has_the_reservation_and_the_guards) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 3; i++) {
        const host_t host = host_with_bounds(strategies[i]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        const wasm_memory_stats_t stats = stats_of(memory);
        uint8_t *const base = wasm_memory_view(memory)->base;
        uint8_t *start = NULL;
        size_t length = 0;
        CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
        CHECK(start != NULL && start <= base);
        CHECK(start + length >= base + stats.reserved_bytes + stats.guard_bytes);
        if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED && CHECK(start < base)) {
            CHECK(faults(start, false));
            CHECK(faults(start + length - 1, false));
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

/* ---- options ---- */

/* Sets one option of nine to something other than its default. */
static wasm_config_t *config_with_option(int option) {
    wasm_config_t *const config = wasm_config_new();
    switch (option) {
    case 0: break; /* all defaults */
    case 1: wasm_config_memory_reservation_set(config, 0); break;
    case 2: wasm_config_memory_reservation_set(config, GIB); break;
    case 3: wasm_config_memory_reservation_for_growth_set(config, 0); break;
    case 4: wasm_config_memory_guard_size_set(config, 0); break;
    case 5: wasm_config_guard_before_memory_set(config, false); break;
    case 6: wasm_config_memory_may_move_set(config, true); break;
    case 7: wasm_config_memory_huge_pages_set(config, true); break;
    default: wasm_config_memory_exportable_set(config, true); break;
    }
    return config;
}

TEST(every_option_gives_memories_that_work) {
    int option;
    for (option = 0; option < 9; option++) {
        const host_t host = host_with(config_with_option(option));
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 64));
        CHECK_STATUS(wasm_memory_try_grow(memory, 63, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(memory, 64 * PAGE - 1, 7), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(no_option_weakens_the_promise) {
    const shape_t shapes[] = {pages_32(3, NO_MAXIMUM), pages_32(0, 64), pages_64(3, 64)};
    int option;
    size_t i;
    for (option = 0; option < 9; option++) {
        wasm_config_t *const config = config_with_option(option);
        host_t host;
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
        host = host_with(config);
        for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            wasm_memory_t *const memory = memory_of(host, shapes[i]);
            /* Without a guard, the first byte past the reservation is another's. */
            if (option != 4 || !shapes[i].is_64) check_guarded(memory, option != 5);
            if (!shapes[i].is_64) {
                const wasm_memory_stats_t stats = stats_of(memory);
                CHECK(stats.reserved_bytes + stats.guard_bytes >= (option == 4 ? 4 * GIB : SPAN_32));
            }
            wasm_memory_delete(memory);
        }
        host_delete(host);
    }
}

TEST(an_absurd_option_gives_no_engine_but_a_sentence) {
    int option;
    for (option = 0; option < 7; option++) {
        wasm_config_t *const config = wasm_config_new();
        wasm_engine_t *engine;
        char detail[256] = "";
        const char *name = "";
        switch (option) {
        case 0: name = "memory_bounds", wasm_config_memory_bounds_set(config, 3); break;
        case 1: name = "memory_bounds", wasm_config_memory_bounds_set(config, -1); break;
        case 2: name = "memory_bounds", wasm_config_memory_bounds_set(config, INT32_MAX); break;
        case 3: name = "memory_reservation", wasm_config_memory_reservation_set(config, UINT64_MAX); break;
        case 4:
            name = "memory_reservation_for_growth", wasm_config_memory_reservation_for_growth_set(config, UINT64_MAX);
            break;
        case 5: name = "memory_guard_size", wasm_config_memory_guard_size_set(config, UINT64_MAX); break;
        default:
            name = "memory_bounds";
            wasm_config_memory_bounds_set(config, 99);
            wasm_config_memory_reservation_set(config, GIB);
            break;
        }
        engine = wasm_engine_new_with_config(config);
        if (!CHECK(engine == NULL)) wasm_engine_delete(engine);
        CHECK(wasm_memory_last_error(detail, sizeof detail) > 0);
        CHECK_LAST_ERROR(name);
    }
}

TEST(a_bad_option_that_is_mended_is_forgotten) {
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_config_memory_bounds_set(config, 99);
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    engine = wasm_engine_new_with_config(config);
    CHECK(engine != NULL);
    wasm_engine_delete(engine);
}

TEST(a_guarded_reservation_that_no_machine_has_is_refused) {
    unsigned log2;
    for (log2 = 48; log2 < 64; log2++) {
        wasm_config_t *const config = wasm_config_new();
        wasm_engine_t *engine;
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
        if (log2 % 2 == 0)
            wasm_config_memory_reservation_set(config, UINT64_C(1) << log2);
        else
            wasm_config_memory_guard_size_set(config, UINT64_C(1) << log2);
        engine = wasm_engine_new_with_config(config);
        if (engine != NULL) { /* not bad as a number: then the memory must fail, as its promise cannot be kept */
            const host_t host = {engine, wasm_store_new(engine)};
            wasm_memory_t *memory = NULL;
            CHECK_STATUS(try_memory(host, pages_32(1, 1), &memory), WASM_MEMORY_OUT_OF_MEMORY);
            CHECK(memory == NULL);
            host_delete(host);
        }
    }
}

TEST(two_memories_of_a_store_do_not_touch) {
    const host_t host = host_default();
    wasm_memory_t *const first = memory_of(host, pages_32(1, 2)), *const second = memory_of(host, pages_32(1, 2));
    memset(wasm_memory_data(first), 1, PAGE);
    CHECK_EQ(wasm_memory_data(second)[0], 0);
    CHECK_EQ(wasm_memory_data(second)[PAGE - 1], 0);
    CHECK_STATUS(wasm_memory_try_grow(second, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(first), 1);
    CHECK(!wasm_memory_same(first, second));
    wasm_memory_delete(first);
    wasm_memory_delete(second);
    host_delete(host);
}

int main(void) {
    RUN(a_new_memory_has_the_size_of_its_type);
    RUN(the_type_of_a_memory_is_the_one_it_was_made_of);
    RUN(a_full_memory_of_65536_pages_works_to_its_last_byte);
    RUN(more_pages_than_32_bits_count_saturate_in_the_standard_size);
    RUN(growth_reports_the_size_before);
    RUN(growth_that_fails_changes_nothing);
    RUN(without_a_maximum_the_index_is_the_limit);
    RUN(pages_of_one_byte_end_at_2_to_the_32_less_1);
    RUN(pages_of_one_byte_grow_by_the_byte);
    RUN(a_memory_of_no_pages_grows);
    RUN(every_byte_that_growth_adds_is_zero);
    RUN(the_view_stays_and_follows_growth);
    RUN(the_base_does_not_move_unless_asked_to);
    RUN(a_memory_that_may_move_grows_past_its_reservation_and_keeps_its_bytes);
    RUN(a_memory_that_may_not_move_stops_at_its_reservation_and_says_which_option_helps);
    RUN(a_shared_type_makes_a_memory_that_says_so);
    RUN(guarded_memories_fault_from_their_length_to_the_end_of_the_guard);
    RUN(a_guarded_memory_of_32_bits_covers_any_index_plus_any_offset);
    RUN_UNLESS_WINE(a_full_guarded_memory_still_has_its_guard);
    RUN(a_given_reservation_and_guard_are_the_promise);
    RUN(a_guard_size_of_no_round_number_is_covered);
    RUN(without_a_guard_before_the_rest_holds);
    RUN(growth_opens_exactly_what_it_adds);
    RUN(a_reused_place_is_guarded_again);
    RUN(guarded_memories_that_may_move_stay_guarded);
    RUN_IN_CHILDREN(without_any_handler_the_guard_kills);
#ifndef _WIN32
    RUN(no_signal_handler_is_installed);
#endif
    RUN(auto_says_which_strategy_it_took);
    RUN(checked_memories_grow_to_their_maximum);
    RUN(pages_of_one_byte_are_checked_always);
    RUN(the_accessible_range_has_the_reservation_and_the_guards);
    RUN(every_option_gives_memories_that_work);
    RUN(no_option_weakens_the_promise);
    RUN(an_absurd_option_gives_no_engine_but_a_sentence);
    RUN(a_bad_option_that_is_mended_is_forgotten);
    RUN(a_guarded_reservation_that_no_machine_has_is_refused);
    RUN(two_memories_of_a_store_do_not_touch);
    return check_finish();
}
