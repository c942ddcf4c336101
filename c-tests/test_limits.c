/* Little address space, and all of it used up: the ladder of AUTO, and errors that say what to do.
 * Each test runs in a child of its own, whose limits it sets. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <stdlib.h>

#include "support/children.h"
#include "support/memories.h"

#define LITTLE (600 * MIB)

/* ---- under RLIMIT_AS ---- */

static void make_grow_delete(void *unused) {
    host_t host;
    int round;
    (void)unused;
    limit_address_space(LITTLE);
    host = host_default();
    for (round = 0; round < 20; round++) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *const base = view->base;
        uint64_t pages;
        base[PAGE - 1] = 1;
        for (pages = 1; pages < 512; pages *= 2)
            CHECK_STATUS(wasm_memory_try_grow(memory, pages, NULL), WASM_MEMORY_OK);
        CHECK_EQ(view->byte_length, 32 * MIB);
        CHECK(view->base == base);
        CHECK_EQ(base[PAGE - 1], 1);
        base[32 * MIB - 1] = 2;
        CHECK_STATUS(wasm_memory_store_u8(memory, 32 * MIB, 1), WASM_MEMORY_OUT_OF_BOUNDS);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(the_default_engine_makes_grows_and_deletes_memories_in_600_mb) { CHECK_EQ(in_child(make_grow_delete, NULL), 0); }

static void two_hundred(void *shape_of_all) {
    const shape_t of = *(const shape_t *)shape_of_all;
    wasm_memory_t *memories[200];
    host_t host;
    uint64_t i;
    limit_address_space(LITTLE);
    host = host_default();
    for (i = 0; i < 200; i++) {
        memories[i] = memory_of(host, of);
        CHECK_STATUS(wasm_memory_try_grow(memories[i], 2 * PAGE / wasm_memory_page_size(memories[i]), NULL),
                     WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u64(memories[i], 3 * PAGE - 8, i), WASM_MEMORY_OK);
        CHECK(stats_of(memories[i]).bounds != WASM_MEMORY_BOUNDS_AUTO);
    }
    for (i = 0; i < 200; i++) {
        uint64_t kept = 0;
        CHECK_STATUS(wasm_memory_load_u64(memories[i], 3 * PAGE - 8, &kept), WASM_MEMORY_OK);
        CHECK_EQ(kept, i);
        wasm_memory_delete(memories[i]);
    }
    host_delete(host);
}

TEST(two_hundred_at_once_are_made_and_grown_in_600_mb) {
    shape_t of = pages_32(1, NO_MAXIMUM);
    CHECK_EQ(in_child(two_hundred, &of), 0);
    of = pages_32(1, 16);
    CHECK_EQ(in_child(two_hundred, &of), 0);
    of = pages_64(1, NO_MAXIMUM);
    CHECK_EQ(in_child(two_hundred, &of), 0);
    of = bytes_32(PAGE, NO_MAXIMUM);
    CHECK_EQ(in_child(two_hundred, &of), 0);
}

/* A guard after the memory was once in the way of its growth, and an explicit reservation was passed over in silence. */
static void options_under_a_limit(void *unused) {
    wasm_memory_t *memories[200];
    wasm_config_t *config = wasm_config_new();
    host_t host;
    size_t i;
    (void)unused;
    limit_address_space(LITTLE);
    wasm_config_memory_guard_size_set(config, PAGE);
    host = host_with(config);
    for (i = 0; i < 200; i++) memories[i] = memory_of(host, pages_32(1, NO_MAXIMUM));
    for (i = 0; i < 200; i++) CHECK_STATUS(wasm_memory_try_grow(memories[i], 10, NULL), WASM_MEMORY_OK);
    for (i = 0; i < 200; i++) wasm_memory_delete(memories[i]);
    host_delete(host);

    config = wasm_config_new();
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_reservation_set(config, 100 * MIB);
    host = host_with(config);
    memories[0] = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK_EQ(stats_of(memories[0]).reserved_bytes, 100 * MIB);
    CHECK_STATUS(wasm_memory_try_grow(memories[0], 1599, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memories[0]);
    host_delete(host);
}

TEST(options_hold_in_600_mb) { CHECK_EQ(in_child(options_under_a_limit, NULL), 0); }

static void many_by_default(void *unused) {
    static wasm_memory_t *memories[14000];
    const host_t host = host_default();
    size_t i, grown = 0, guarded = 0;
    (void)unused;
    for (i = 0; i < 14000; i++) memories[i] = memory_of(host, pages_32(1, NO_MAXIMUM));
    for (i = 0; i < 14000; i++) {
        grown += wasm_memory_try_grow(memories[i], 1, NULL) == WASM_MEMORY_OK;
        guarded += stats_of(memories[i]).bounds == WASM_MEMORY_BOUNDS_GUARDED;
    }
    /* Memories past the guarded ones lie where there is room behind them; the place is a guess, so few may be wrong. */
    CHECK(guarded > 10000 && guarded < 14000);
    CHECK(grown > 13700);
    for (i = 0; i < 14000; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

TEST(memories_beyond_the_guarded_ones_can_grow) { CHECK_EQ(in_child(many_by_default, NULL), 0); }

static void reduced_reservation(void *unused) {
    host_t host;
    wasm_memory_t *memory;
    uint64_t reserved, previous = 77;
    (void)unused;
    limit_address_space(LITTLE);
    host = host_default();
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    reserved = stats_of(memory).reserved_bytes;
    CHECK(reserved >= PAGE && reserved < LITTLE);
    CHECK(!wasm_memory_may_move(memory));
    CHECK_STATUS(wasm_memory_try_grow(memory, LITTLE / PAGE, &previous), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(previous, 0);
    CHECK(last_error_has("memory_reservation") || last_error_has("memory_may_move"));
    CHECK_EQ(wasm_memory_pages(memory), 1);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_past_a_reduced_reservation_names_the_option) { CHECK_EQ(in_child(reduced_reservation, NULL), 0); }

static void guarded_fails(void *unused) {
    host_t host;
    wasm_memory_t *memory = NULL;
    (void)unused;
    limit_address_space(LITTLE);
    host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    errno = 0;
    {
        wasm_memorytype_t *const type = type_of(pages_32(1, NO_MAXIMUM));
        const wasm_memory_status_t status = wasm_memory_try_new(host.store, type, &memory);
        CHECK_EQ(errno, ENOMEM);
        CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
        CHECK(memory == NULL);
        CHECK_LAST_ERROR("RLIMIT_AS");
        CHECK(last_error_has("memory_bounds") || last_error_has("memory_reservation") ||
              last_error_has("memory_guard_size"));
        CHECK(wasm_memory_new(host.store, type) == NULL);
        CHECK_LAST_ERROR("RLIMIT_AS");
        wasm_memorytype_delete(type);
    }
    host_delete(host);
}

TEST(guarded_fails_in_600_mb_and_names_the_limit) { CHECK_EQ(in_child(guarded_fails, NULL), 0); }

static void guarded_fails_without_files(void *unused) {
    const struct rlimit none = {0, 0};
    host_t host;
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status;
    wasm_memorytype_t *const type = type_of(pages_32(1, NO_MAXIMUM));
    (void)unused;
    limit_address_space(LITTLE);
    host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0); /* whoever looks into /proc for the reason gets EMFILE */
    errno = 0;
    status = wasm_memory_try_new(host.store, type, &memory);
    CHECK_EQ(errno, ENOMEM);
    CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(errno_is_of_the_refusal_and_not_of_the_search_for_its_reason) {
    CHECK_EQ(in_child(guarded_fails_without_files, NULL), 0);
}

static void guarded_small(void *unused) {
    wasm_config_t *config;
    host_t host;
    wasm_memory_t *memory;
    (void)unused;
    limit_address_space(LITTLE);
    config = wasm_config_new();
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, 16 * MIB);
    wasm_config_memory_guard_size_set(config, MIB);
    host = host_with(config);
    /* A 64-bit index is compared with the reservation; a 32-bit one is not, and would need 4 GiB. */
    memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    if (memory != NULL) {
        CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
        CHECK(faults(wasm_memory_view(memory)->base + PAGE, true));
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(guarded_memories_of_a_modest_size_fit_in_600_mb) { CHECK_EQ(in_child(guarded_small, NULL), 0); }

static void until_none_is_left(void *unused) {
    static wasm_memory_t *memories[100000];
    host_t host;
    size_t count = 0, again = 0, i;
    (void)unused;
    limit_address_space(LITTLE);
    host = host_default();
    for (;;) {
        const wasm_memory_status_t status = try_memory(host, pages_32(64, NO_MAXIMUM), &memories[count]);
        if (status != WASM_MEMORY_OK) {
            CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
            CHECK(memories[count] == NULL);
            CHECK_LAST_ERROR("RLIMIT_AS");
            break;
        }
        wasm_memory_view(memories[count])->base[64 * PAGE - 1] = 1;
        if (++count == 100000) break;
    }
    CHECK(count > 50 && count < LITTLE / (4 * MIB)); /* 4 MiB each: neither a fluke nor more than there is */
    for (i = 0; i < count; i++) {
        CHECK_EQ(wasm_memory_view(memories[i])->base[64 * PAGE - 1], 1);
        wasm_memory_delete(memories[i]);
    }
    while (again < count && try_memory(host, pages_32(64, NO_MAXIMUM), &memories[again]) == WASM_MEMORY_OK) again++;
    CHECK(again >= count / 2); /* what was deleted can be had again */
    for (i = 0; i < again; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

TEST(an_exhausted_address_space_is_an_answer_and_recovers) { CHECK_EQ(in_child(until_none_is_left, NULL), 0); }

static void growth_until_none_is_left(void *unused) {
    host_t host;
    wasm_memory_t *memory;
    const wasm_memory_view_t *view;
    wasm_config_t *const config = wasm_config_new();
    uint64_t previous;
    wasm_memory_status_t status;
    (void)unused;
    limit_address_space(LITTLE);
    wasm_config_memory_may_move_set(config, true);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    view = wasm_memory_view(memory);
    view->base[5] = 55;
    while ((status = wasm_memory_try_grow(memory, 100, &previous)) == WASM_MEMORY_OK)
        view->base[view->byte_length - 1] = 1;
    CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(previous, 0);
    CHECK(view->byte_length > 40 * MIB && view->byte_length < LITTLE);
    CHECK_EQ(view->byte_length % (100 * PAGE), PAGE);
    CHECK_EQ(view->base[5], 55);
    CHECK_EQ(view->base[view->byte_length - 1], 1);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(growth_that_the_system_refuses_changes_nothing) { CHECK_EQ(in_child(growth_until_none_is_left, NULL), 0); }

static void moving_in_a_squeeze(void *unused) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_memory_status_t status;
    (void)unused;
    wasm_config_memory_may_move_set(config, true);
    wasm_config_memory_reservation_set(config, 4 * PAGE);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    limit_address_space(process_kib("VmSize:") * KIB + GIB);
    status = wasm_memory_try_grow(memory, 100, NULL);
    /* Code that was generated for a guarded memory has no checks: it must fail rather than lose its guard. */
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    CHECK(faults(wasm_memory_view(memory)->base + wasm_memory_data_size(memory), true));
    CHECK(faults(wasm_memory_view(memory)->base + 8 * GIB, true));
    if (status != WASM_MEMORY_OK) CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_guarded_memory_stays_guarded_when_it_has_to_move) { CHECK_EQ(in_child(moving_in_a_squeeze, NULL), 0); }

/* ---- everything there is ---- */

static void until_the_address_bits_end(void *unused) {
    static wasm_memory_t *memories[70000];
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    const uint64_t before = process_kib("VmSize:");
    wasm_memory_status_t status = WASM_MEMORY_OK;
    size_t count = 0, i;
    (void)unused;
    while (count < 70000 && (status = try_memory(host, pages_32(1, 1), &memories[count])) == WASM_MEMORY_OK) count++;
    /* Eight gigabytes and more each: 47 bits of addresses hold fewer than 16384. */
    CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(count > 1000 && count < 16384);
    CHECK_LAST_ERROR("address");
    for (i = 0; i < count; i++) {
        wasm_memory_view(memories[i])->base[PAGE - 1] = 1;
        wasm_memory_delete(memories[i]);
    }
    host_delete(host);
    CHECK(process_kib("VmSize:") <= before + 64 * KIB);
}

TEST(guarded_memories_fill_the_address_space_and_give_it_back) {
    CHECK_EQ(in_child(until_the_address_bits_end, NULL), 0);
}

static void until_the_mappings_end(void *unused) {
    static wasm_memory_t *memories[40000];
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    const uint64_t before = process_mappings();
    wasm_memory_status_t status = WASM_MEMORY_OK;
    size_t count = 0, i;
    (void)unused;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, 2 * PAGE);
    wasm_config_memory_guard_size_set(config, PAGE);
    host = host_with(config);
    while (count < 40000 && (status = try_memory(host, pages_64(1, 1), &memories[count])) == WASM_MEMORY_OK) count++;
    if (status != WASM_MEMORY_OK) { /* 65530 mappings of Linux, two for each memory with a guard */
        CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("max_map_count");
        CHECK(count >= 30000);
    }
    for (i = 0; i < count; i++) {
        wasm_memory_view(memories[i])->base[PAGE - 1] = 1;
        wasm_memory_delete(memories[i]);
    }
    host_delete(host);
    CHECK(process_mappings() <= before + 16);
}

TEST(thirty_thousand_guarded_memories_fit_in_the_mappings_of_linux) {
    CHECK_EQ(in_child(until_the_mappings_end, NULL), 0);
}

int main(void) {
    RUN(the_default_engine_makes_grows_and_deletes_memories_in_600_mb);
    RUN(two_hundred_at_once_are_made_and_grown_in_600_mb);
    RUN(options_hold_in_600_mb);
    RUN(memories_beyond_the_guarded_ones_can_grow);
    RUN(growth_past_a_reduced_reservation_names_the_option);
    RUN(guarded_fails_in_600_mb_and_names_the_limit);
    RUN(errno_is_of_the_refusal_and_not_of_the_search_for_its_reason);
    RUN(guarded_memories_of_a_modest_size_fit_in_600_mb);
    RUN(an_exhausted_address_space_is_an_answer_and_recovers);
    RUN(growth_that_the_system_refuses_changes_nothing);
    RUN(a_guarded_memory_stays_guarded_when_it_has_to_move);
    RUN(guarded_memories_fill_the_address_space_and_give_it_back);
    RUN(thirty_thousand_guarded_memories_fit_in_the_mappings_of_linux);
    return check_finish();
}
