/* Pools: options, slots and their limits, what is counted, what is kept and given back, many threads, forks,
 * and that a process in its steady state asks the kernel for no mapping. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: it counts what Linux says about a process");
    return 0;
}

#else

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

static uint64_t host_page;

static bool is_zero(const uint8_t *bytes, uint64_t length) {
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

static bool is_all(const uint8_t *bytes, uint8_t value, uint64_t length) {
    return length == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

static uint8_t *base_of(const wasm_memory_t *memory) { return wasm_memory_view(memory)->base; }

/* ---- options and stats ---- */

static wasm_memory_pool_options_t options_of(uint64_t slots, uint64_t slot_bytes, uint64_t keep_resident_bytes,
                                             uint64_t decommit_batch, bool overflow) {
    wasm_memory_pool_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.slots = slots;
    options.slot_bytes = slot_bytes;
    options.keep_resident_bytes = keep_resident_bytes;
    options.decommit_batch = decommit_batch;
    options.overflow = overflow;
    return options;
}

/* The options are overwritten once they are set: they were copied. */
static host_t host_pooled(wasm_memory_bounds_t bounds, wasm_memory_pool_options_t options) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    wasm_config_memory_pool_set(config, &options);
    memset(&options, 0xff, sizeof options);
    return host_with(config);
}

static wasm_memory_pool_stats_t pool_of(host_t host) {
    wasm_memory_pool_stats_t stats;
    memset(&stats, 0xee, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_engine_pool_stats(host.engine, &stats), WASM_MEMORY_OK);
    return stats;
}

static void trim(host_t host) {
    wasm_memory_pool_stats_t stats;
    const uint64_t live = pool_of(host).live;
    CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
    stats = pool_of(host);
    CHECK_EQ(stats.live, live);
    CHECK_EQ(stats.warm, 0);
    CHECK_EQ(stats.cold, 0);
    CHECK_EQ(stats.resident_bytes, 0);
}

/* What all tests with small slots use: slots of four pages. */
#define SLOT_PAGES 4
#define SLOT_BYTES (SLOT_PAGES * PAGE)

static host_t host_small(uint64_t slots, bool overflow) {
    return host_pooled(WASM_MEMORY_BOUNDS_CHECKED, options_of(slots, SLOT_BYTES, 0, 0, overflow));
}

TEST(options_of_nothing_are_the_defaults) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 3; i++) {
        const host_t host = host_pooled(strategies[i], options_of(0, 0, 0, 0, false));
        wasm_memory_t *memories[40];
        int j;
        for (j = 0; j < 40; j++) {
            memories[j] = memory_of(host, pages_32(1, NO_MAXIMUM));
            if (memories[j] == NULL) return;
            CHECK(is_zero(base_of(memories[j]), PAGE));
            CHECK_STATUS(wasm_memory_try_grow(memories[j], 20, NULL), WASM_MEMORY_OK);
            CHECK(is_zero(base_of(memories[j]) + PAGE, 20 * PAGE));
            CHECK_STATUS(wasm_memory_fill(memories[j], 0, (uint8_t)(j + 1), 21 * PAGE), WASM_MEMORY_OK);
        }
        CHECK_EQ(pool_of(host).live, 40);
        for (j = 0; j < 40; j++) {
            CHECK(is_all(base_of(memories[j]), (uint8_t)(j + 1), 21 * PAGE));
            wasm_memory_delete(memories[j]);
        }
        CHECK_EQ(pool_of(host).live, 0);
        host_delete(host);
    }
}

TEST(options_are_copied_and_taken_back_by_null) {
    wasm_memory_pool_options_t options = options_of(1, SLOT_BYTES, 0, 0, false);
    wasm_config_t *config = wasm_config_new();
    wasm_memory_t *first, *second = NULL;
    host_t host;
    wasm_config_memory_pool_set(NULL, &options);
    wasm_config_memory_pool_set(NULL, NULL);
    wasm_config_memory_pool_set(config, &options);
    options.slots = 50;
    host = host_with(config);
    first = memory_of(host, pages_32(1, 1));
    CHECK_STATUS(try_memory(host, pages_32(1, 1), &second), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(second == NULL);
    wasm_memory_delete(first);
    host_delete(host);

    config = wasm_config_new();
    options.slots = 1;
    wasm_config_memory_pool_set(config, &options);
    wasm_config_memory_pool_set(config, NULL);
    host = host_with(config);
    first = memory_of(host, pages_32(1, NO_MAXIMUM));
    second = memory_of(host, pages_32(1, NO_MAXIMUM));
    CHECK_STATUS(wasm_memory_try_grow(first, 2 * SLOT_PAGES, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(first);
    wasm_memory_delete(second);
    host_delete(host);
}

/* No engine, and a sentence that names the option and the field. */
static void check_refused(wasm_memory_pool_options_t options, const char *field) {
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_config_memory_pool_set(config, &options);
    engine = wasm_engine_new_with_config(config);
    if (CHECK(engine == NULL)) {
        CHECK_LAST_ERROR("memory_pool");
        CHECK_LAST_ERROR(field);
    } else {
        printf("  accepted: slots %" PRIu64 ", slot_bytes %" PRIu64 ", decommit_batch %" PRIu64 "\n",
               options.slots, options.slot_bytes, options.decommit_batch);
    }
    wasm_engine_delete(engine);
}

TEST(absurd_options_make_no_engine) {
    wasm_memory_pool_options_t options;
    size_t size;
    check_refused(options_of(1, UINT64_MAX, 0, 0, false), "slot_bytes");
    check_refused(options_of(1, UINT64_C(1) << 63, 0, 0, true), "slot_bytes");
    check_refused(options_of(0, UINT64_C(1) << 60, 0, 0, false), "slot_bytes");
    check_refused(options_of(UINT64_C(1) << 40, 4 * GIB, 0, 0, false), "slots");
    check_refused(options_of(UINT64_C(1) << 32, 4 * GIB, 0, 0, false), "slots"); /* 2^64: not 0 */
    check_refused(options_of((UINT64_C(1) << 32) + 1, 4 * GIB, 0, 0, true), "slots");
    check_refused(options_of(UINT64_MAX, PAGE, 0, 0, false), "slots");
    check_refused(options_of(UINT64_MAX, 1, 0, 0, false), "slots");
    check_refused(options_of(UINT64_MAX, 0, 0, 0, false), "slots");
    check_refused(options_of(10, PAGE, 0, 4097, false), "decommit_batch");
    check_refused(options_of(10, PAGE, 0, UINT64_MAX, false), "decommit_batch");
    options = options_of(10, PAGE, 0, 0, false);
    for (size = 0; size < sizeof(size_t); size++) {
        options.struct_size = size;
        check_refused(options, "struct_size");
    }
}

TEST(options_that_are_only_large_are_accepted) {
    const wasm_memory_pool_options_t accepted[] = {
        options_of(10, SLOT_BYTES, UINT64_MAX, 4096, false),
        options_of(10, SLOT_BYTES, 1, 1, false),
        options_of(1000000, SLOT_BYTES, 0, 0, false),
        options_of(1, 1, 0, 0, true), /* no page fits: all are made on demand */
    };
    size_t i;
    for (i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        const host_t host = host_pooled(WASM_MEMORY_BOUNDS_CHECKED, accepted[i]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        CHECK_STATUS(wasm_memory_fill(memory, 0, 1, PAGE), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

/* A caller who knows fewer fields has the defaults in the others, one who knows more is not asked for them. */
TEST(options_of_every_size_are_read_as_far_as_they_go) {
    struct {
        wasm_memory_pool_options_t options;
        uint8_t more[64];
    } sized;
    size_t size;
    for (size = sizeof(size_t); size <= sizeof sized; size++) {
        wasm_config_t *const config = wasm_config_new();
        wasm_memory_t *first, *second = NULL;
        const bool knows_slots =
            size >= offsetof(wasm_memory_pool_options_t, slots) + sizeof sized.options.slots;
        const bool knows_overflow = size > offsetof(wasm_memory_pool_options_t, overflow);
        host_t host;
        memset(&sized, 0xff, sizeof sized);
        sized.options.struct_size = size;
        sized.options.slots = 1;
        sized.options.slot_bytes = SLOT_BYTES;
        sized.options.keep_resident_bytes = 1;
        sized.options.decommit_batch = 1;
        sized.options.overflow = true;
        /* What does not fit is garbage, that would be refused. */
        memset((uint8_t *)&sized + (size < sizeof sized.options ? size : sizeof sized.options), 0xff,
               sizeof sized - (size < sizeof sized.options ? size : sizeof sized.options));
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
        wasm_config_memory_pool_set(config, &sized.options);
        host = host_with(config);
        if (host.engine == NULL) {
            printf("  struct_size %u\n", (unsigned)size);
            continue;
        }
        first = memory_of(host, pages_32(1, 1));
        CHECK_STATUS(try_memory(host, pages_32(1, 1), &second),
                     knows_slots && !knows_overflow ? WASM_MEMORY_OUT_OF_MEMORY : WASM_MEMORY_OK);
        wasm_memory_delete(first);
        wasm_memory_delete(second);
        host_delete(host);
    }
}

/* Of a slot, all that a checked memory may become is open from the start, so that growth has nothing to ask for there. A
 * reservation larger than the slot, or a slot of no whole pages, once let it grow past. */
TEST(a_checked_memory_ends_with_its_slot) {
    const struct {
        uint64_t slot_bytes, reservation, start;
        uint8_t page_size_log2;
        uint64_t last; /* in pages */
    } cases[] = {
        {4 * PAGE, 5 * PAGE, 2, 16, 4},
        {4 * PAGE, 0, 2, 16, 4},
        {100000, 0, 2, 0, (100000 + host_page - 1) / host_page * host_page},
        {100000, 10 * PAGE, 2, 0, (100000 + host_page - 1) / host_page * host_page},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        wasm_config_t *const config = wasm_config_new();
        wasm_memory_pool_options_t options;
        wasm_memory_t *memory;
        host_t host;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.slot_bytes = cases[i].slot_bytes;
        wasm_config_memory_pool_set(config, &options);
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
        if (cases[i].reservation != 0) wasm_config_memory_reservation_set(config, cases[i].reservation);
        host = host_with(config);
        memory = memory_of(host, shape(cases[i].start, NO_MAXIMUM, false, false, cases[i].page_size_log2));
        CHECK_EQ(pool_of(host).live, 1);
        CHECK_STATUS(wasm_memory_try_grow(memory, cases[i].last - cases[i].start, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("slot_bytes");
        CHECK_EQ(wasm_memory_pages(memory), cases[i].last);
        CHECK_EQ(stats_of(memory).byte_length, stats_of(memory).reserved_bytes);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(stats_of_every_size_are_written_as_far_as_they_go) {
    const size_t ends[] = {
        offsetof(wasm_memory_pool_stats_t, live),
        offsetof(wasm_memory_pool_stats_t, warm),
        offsetof(wasm_memory_pool_stats_t, cold),
        offsetof(wasm_memory_pool_stats_t, retired),
        offsetof(wasm_memory_pool_stats_t, hits),
        offsetof(wasm_memory_pool_stats_t, misses),
        offsetof(wasm_memory_pool_stats_t, reserved_bytes),
        offsetof(wasm_memory_pool_stats_t, resident_bytes),
        sizeof(wasm_memory_pool_stats_t),
    };
    const host_t host = host_small(4, false);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_pool_stats_t whole;
    uint8_t part[sizeof whole + 64];
    const size_t first = offsetof(wasm_memory_pool_stats_t, live); /* some 32-bit systems leave a gap before it */
    size_t size, i;
    memset(&whole, 0, sizeof whole);
    whole.struct_size = sizeof whole;
    CHECK_STATUS(wasm_engine_pool_stats(NULL, &whole), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_engine_pool_stats(host.engine, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_engine_pool_trim(NULL), WASM_MEMORY_NULL_ARGUMENT);
    whole = pool_of(host);
    CHECK_EQ(whole.struct_size, sizeof whole);
    for (size = 0; size <= sizeof part; size++) {
        size_t end = sizeof(size_t);
        memset(part, 0x7e, sizeof part);
        memcpy(part, &size, sizeof size);
        CHECK_STATUS(wasm_engine_pool_stats(host.engine, (wasm_memory_pool_stats_t *)(void *)part),
                     size < sizeof(size_t) ? WASM_MEMORY_INVALID_ARGUMENT : WASM_MEMORY_OK);
        CHECK(memcmp(part, &size, sizeof size) == 0);
        for (i = 0; i < sizeof ends / sizeof *ends; i++)
            if (ends[i] <= size) end = ends[i];
        if (size >= sizeof(size_t))
            CHECK(end <= first || memcmp(part + first, (uint8_t *)&whole + first, end - first) == 0);
        for (i = end; i < sizeof part && part[i] == 0x7e; i++) {
        }
        CHECK_EQ(i, sizeof part);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- slots that are all in use, and memories that do not fit ---- */

TEST(without_overflow_there_are_as_many_memories_as_slots) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 2; i++) {
        const host_t host = host_pooled(strategies[i], options_of(3, i == 0 ? 0 : SLOT_BYTES, 0, 0, false));
        wasm_memory_t *memories[3], *more = NULL;
        int j, round;
        for (j = 0; j < 3; j++) memories[j] = memory_of(host, pages_32(1, 4));
        for (round = 0; round < 10; round++) {
            more = memories[0];
            CHECK_STATUS(try_memory(host, pages_32(1, 4), &more), WASM_MEMORY_OUT_OF_MEMORY);
            CHECK(more == NULL);
            CHECK_LAST_ERROR("slots");
            CHECK_EQ(pool_of(host).live, 3);
            /* A place is free when its last handle is gone, and not before. */
            more = wasm_memory_copy(memories[round % 3]);
            wasm_memory_delete(memories[round % 3]);
            CHECK_STATUS(try_memory(host, pages_32(1, 4), &memories[round % 3]), WASM_MEMORY_OUT_OF_MEMORY);
            wasm_memory_delete(more);
            CHECK_EQ(pool_of(host).live, 2);
            memories[round % 3] = memory_of(host, pages_32((uint64_t)round % 4, 4));
            CHECK_EQ(pool_of(host).live, 3);
        }
        for (j = 0; j < 3; j++) wasm_memory_delete(memories[j]);
        host_delete(host);
    }
}

TEST(with_overflow_memories_past_the_slots_are_made_on_demand) {
    const host_t host = host_small(3, true);
    wasm_memory_t *memories[20];
    wasm_memory_pool_stats_t stats;
    uint64_t mappings = 0;
    int i, round;
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 20; i++) {
            memories[i] = memory_of(host, pages_32(1, NO_MAXIMUM));
            CHECK(is_zero(base_of(memories[i]), PAGE));
            CHECK_STATUS(wasm_memory_fill(memories[i], 0, (uint8_t)(i + 1), PAGE), WASM_MEMORY_OK);
        }
        stats = pool_of(host);
        CHECK_EQ(stats.live, 3);
        CHECK_EQ(stats.hits + stats.misses, 20 * (uint64_t)(round + 1));
        CHECK(stats.misses >= 17 * (uint64_t)(round + 1));
        for (i = 0; i < 20; i++) {
            CHECK(is_all(base_of(memories[i]), (uint8_t)(i + 1), PAGE));
            wasm_memory_delete(memories[i]);
        }
        CHECK_EQ(pool_of(host).live, 0);
        if (round == 0) mappings = process_mappings();
        if (!is_watched()) CHECK(process_mappings() <= mappings + 2);
    }
    host_delete(host);
}

TEST(memories_that_do_not_fit_a_slot) {
    int overflow;
    for (overflow = 0; overflow < 2; overflow++) {
        const host_t host = host_small(8, overflow == 1);
        wasm_memorytype_t *const type = type_of(pages_32(1, NO_MAXIMUM));
        wasm_memory_t *memory = memory_of(host, pages_32(SLOT_PAGES, NO_MAXIMUM)), *large = memory,
                      *from_image = memory;
        wasm_memory_image_t *image = NULL;
        uint64_t previous = 77;
        wasm_memory_status_t status;
        /* Exactly one slot full, and no byte more. */
        CHECK_EQ(pool_of(host).live, 1);
        CHECK_STATUS(wasm_memory_store_u8(memory, SLOT_BYTES - 1, 1), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(previous, 0);
        CHECK_LAST_ERROR("slot_bytes");
        CHECK_EQ(wasm_memory_pages(memory), SLOT_PAGES);
        CHECK(!wasm_memory_grow(memory, 1));
        wasm_memory_delete(memory);

        memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        CHECK_STATUS(wasm_memory_try_grow(memory, SLOT_PAGES, NULL), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("slot_bytes");
        CHECK_STATUS(wasm_memory_try_grow(memory, SLOT_PAGES - 1, NULL), WASM_MEMORY_OK);
        CHECK_EQ(pool_of(host).live, 1);

        status = try_memory(host, pages_32(SLOT_PAGES + 1, NO_MAXIMUM), &large);
        CHECK_STATUS(status, overflow == 1 ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_MEMORY);
        if (overflow == 0) {
            CHECK(large == NULL);
            CHECK_LAST_ERROR("slot_bytes");
        } else {
            CHECK_STATUS(wasm_memory_try_grow(large, 100, NULL), WASM_MEMORY_OK); /* it is not in a slot */
            CHECK_EQ(pool_of(host).live, 1);
            CHECK_STATUS(wasm_memory_image_from_memory(large, &image), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, &from_image), WASM_MEMORY_OK);
            CHECK_EQ(wasm_memory_pages(from_image), SLOT_PAGES + 101);
            wasm_memory_delete(from_image);
            wasm_memory_delete(large);
            wasm_memory_image_delete(image);
        }
        {
            /* A snapshot counts by its own size. */
            const host_t elsewhere = host_default();
            wasm_memory_t *const other = memory_of(elsewhere, pages_32(SLOT_PAGES + 1, NO_MAXIMUM));
            CHECK_STATUS(wasm_memory_image_from_memory(other, &image), WASM_MEMORY_OK);
            from_image = memory;
            CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, &from_image),
                         overflow == 1 ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_MEMORY);
            if (overflow == 0) {
                CHECK(from_image == NULL);
                CHECK_LAST_ERROR("slot_bytes");
            }
            wasm_memory_delete(from_image);
            /* And so it does for a reset, which leaves the memory as it is. */
            CHECK_STATUS(wasm_memory_store_u8(memory, 5, 55), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OUT_OF_MEMORY);
            CHECK_LAST_ERROR("slot_bytes");
            CHECK_EQ(base_of(memory)[5], 55);
            CHECK_EQ(wasm_memory_pages(memory), SLOT_PAGES);
            wasm_memory_image_delete(image);
            wasm_memory_delete(other);
            host_delete(elsewhere);
        }
        wasm_memory_delete(memory);
        wasm_memorytype_delete(type);
        host_delete(host);
    }
}

TEST(memories_of_no_pages_and_of_one_byte_take_slots) {
    const host_t host = host_small(4, false);
    wasm_memory_t *memories[4];
    memories[0] = memory_of(host, pages_32(0, NO_MAXIMUM));
    memories[1] = memory_of(host, pages_64(0, 0));
    memories[2] = memory_of(host, bytes_32(1, SLOT_BYTES));
    memories[3] = memory_of(host, pages_64(1, NO_MAXIMUM));
    CHECK_EQ(pool_of(host).live, 4);
    CHECK_STATUS(wasm_memory_try_grow(memories[0], SLOT_PAGES, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memories[2], SLOT_BYTES - 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memories[0], 0, 1, SLOT_BYTES), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memories[2], 0, 2, SLOT_BYTES), WASM_MEMORY_OK);
    CHECK(is_zero(base_of(memories[3]), PAGE));
    CHECK(is_all(base_of(memories[0]), 1, SLOT_BYTES));
    CHECK(is_all(base_of(memories[2]), 2, SLOT_BYTES));
    wasm_memory_delete(memories[0]);
    wasm_memory_delete(memories[1]);
    wasm_memory_delete(memories[2]);
    wasm_memory_delete(memories[3]);
    host_delete(host);
}

/* A slot may be larger than what its memory before had: guards hold for the memory that is in it now. */
TEST(what_lies_past_a_guarded_memory_in_a_slot_faults) {
    const host_t host = host_pooled(WASM_MEMORY_BOUNDS_GUARDED, options_of(1, 0, 0, 0, false));
    int round;
    for (round = 0; round < 4; round++) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        uint8_t *const base = base_of(memory);
        CHECK(faults(base + PAGE, true));
        CHECK_STATUS(wasm_memory_try_grow(memory, 3 + (uint64_t)round, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(base, (4 + (uint64_t)round) * PAGE));
        CHECK(!faults(base + 4 * PAGE - 1, true));
        CHECK(faults(base + wasm_memory_data_size(memory), true));
        CHECK(faults(base + 5 * GIB, true));
        memset(base, 0x11, (4 + (size_t)round) * PAGE);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- what is counted ---- */

TEST(hits_and_misses_add_up) {
    const host_t host = host_small(8, false);
    wasm_memory_t *memories[8], *more = NULL;
    wasm_memory_pool_stats_t stats = pool_of(host);
    int i;
    CHECK_EQ(stats.live + stats.warm + stats.retired + stats.hits + stats.misses + stats.resident_bytes, 0);
    memories[0] = memory_of(host, pages_32(1, 4));
    stats = pool_of(host);
    CHECK_EQ(stats.live, 1);
    CHECK_EQ(stats.hits, 0);
    CHECK_EQ(stats.misses, 1);
    CHECK(stats.reserved_bytes >= SLOT_BYTES);
    wasm_memory_delete(memories[0]);
    stats = pool_of(host);
    CHECK_EQ(stats.live, 0);
    CHECK(stats.warm + stats.cold >= 1);

    for (i = 0; i < 8; i++) {
        memories[i] = memory_of(host, pages_32(1, 4));
        CHECK_STATUS(wasm_memory_fill(memories[i], 0, 9, PAGE), WASM_MEMORY_OK);
    }
    stats = pool_of(host);
    CHECK_EQ(stats.live, 8);
    CHECK_EQ(stats.warm + stats.cold, 0); /* there are eight in all */
    CHECK(stats.hits >= 1);
    CHECK_EQ(stats.hits + stats.misses, 9);
    CHECK(stats.reserved_bytes >= 8 * SLOT_BYTES);
    CHECK_EQ(stats.resident_bytes, 0); /* none is idle */

    for (i = 0; i < 8; i++) wasm_memory_delete(memories[i]);
    stats = pool_of(host);
    CHECK_EQ(stats.live, 0);
    CHECK_EQ(stats.warm + stats.cold, 8);
    for (i = 0; i < 8; i++) memories[i] = memory_of(host, pages_32(1, 4));
    stats = pool_of(host);
    CHECK_EQ(stats.live, 8);
    CHECK_EQ(stats.hits + stats.misses, 17);
    CHECK(stats.hits >= 9); /* each of the eight was there */
    /* What was refused is neither. */
    CHECK_STATUS(try_memory(host, pages_32(1, 4), &more), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(pool_of(host).hits + pool_of(host).misses, 17);
    CHECK_EQ(pool_of(host).retired, 0);
    for (i = 0; i < 8; i++) wasm_memory_delete(memories[i]);
    CHECK_EQ(pool_of(host).live, 0);
    host_delete(host);
}

TEST(idle_slots_are_warm_while_they_keep_pages) {
    /* As much as a memory has may stay. */
    const host_t keeping =
        host_pooled(WASM_MEMORY_BOUNDS_CHECKED, options_of(4, SLOT_BYTES, SLOT_BYTES, 1, false));
    /* Nothing may stay. */
    const host_t giving = host_pooled(WASM_MEMORY_BOUNDS_CHECKED, options_of(4, SLOT_BYTES, 1, 1, false));
    wasm_memory_t *memory = memory_of(keeping, pages_32(1, 4));
    wasm_memory_pool_stats_t stats;
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, PAGE), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    stats = pool_of(keeping);
    CHECK_EQ(stats.warm, 1);
    CHECK(stats.resident_bytes >= PAGE);
    CHECK(stats.resident_bytes <= SLOT_BYTES + 2 * host_page);
    memory = memory_of(keeping, pages_32(1, 4));
    stats = pool_of(keeping);
    CHECK_EQ(stats.live, 1);
    CHECK_EQ(stats.warm, 0);
    CHECK_EQ(stats.resident_bytes, 0);
    CHECK_EQ(stats.hits, 1);
    CHECK(is_zero(base_of(memory), PAGE));
    wasm_memory_delete(memory);
    trim(keeping);
    CHECK_EQ(pool_of(keeping).reserved_bytes, 0);

    memory = memory_of(giving, pages_32(4, 4));
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, SLOT_BYTES), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    stats = pool_of(giving);
    CHECK(stats.warm + stats.cold >= 1);
    CHECK(stats.resident_bytes <= host_page);
    host_delete(keeping);
    host_delete(giving);
}

TEST(a_trim_leaves_what_lives_alone) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 4; i++) {
        const host_t host = i < 2 ? host_pooled(strategies[i % 2], options_of(0, 0, 0, 0, true))
                                  : host_with_bounds(strategies[i % 2]);
        wasm_memory_t *memories[30];
        int j, round;
        for (round = 0; round < 3; round++) {
            for (j = 0; j < 30; j++) {
                memories[j] = memory_of(host, pages_32(1, 4));
                CHECK(is_zero(base_of(memories[j]), PAGE));
                CHECK_STATUS(wasm_memory_try_grow(memories[j], (uint64_t)j % 4, NULL), WASM_MEMORY_OK);
                CHECK_STATUS(
                    wasm_memory_fill(memories[j], 0, (uint8_t)(j + 1), wasm_memory_data_size(memories[j])),
                    WASM_MEMORY_OK);
            }
            for (j = 0; j < 30; j += 2) wasm_memory_delete(memories[j]);
            trim(host);
            trim(host);
            for (j = 1; j < 30; j += 2) {
                CHECK(is_all(base_of(memories[j]), (uint8_t)(j + 1), wasm_memory_data_size(memories[j])));
                CHECK_STATUS(wasm_memory_reset(memories[j], NULL), WASM_MEMORY_OK);
                CHECK(is_zero(base_of(memories[j]), PAGE));
                wasm_memory_delete(memories[j]);
            }
            trim(host);
            CHECK_EQ(pool_of(host).live, 0);
            CHECK_EQ(pool_of(host).reserved_bytes, 0);
        }
        host_delete(host);
    }
}

TEST(the_default_engine_keeps_some_memories_warm_and_limits_none) {
    const host_t host = host_default();
    static wasm_memory_t *memories[3000];
    const size_t most = is_watched() ? 100 : 3000;
    wasm_memory_pool_stats_t stats;
    size_t i;
    for (i = 0; i < 100; i++) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        CHECK_STATUS(wasm_memory_store_u8(memory, 3, 1), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
    }
    stats = pool_of(host);
    CHECK_EQ(stats.live, 0);
    CHECK_EQ(stats.hits + stats.misses, 100);
    CHECK(stats.hits >= 90);
    CHECK(stats.warm + stats.cold >= 1);
    for (i = 0; i < most; i++) {
        memories[i] = memory_of(host, pages_32(1, NO_MAXIMUM));
        CHECK_STATUS(wasm_memory_store_u64(memories[i], PAGE - 8, i), WASM_MEMORY_OK);
    }
    for (i = 0; i < most; i++) {
        uint64_t value = 0;
        CHECK_STATUS(wasm_memory_load_u64(memories[i], PAGE - 8, &value), WASM_MEMORY_OK);
        CHECK_EQ(value, i);
        wasm_memory_delete(memories[i]);
    }
    CHECK_EQ(pool_of(host).live, 0);
    CHECK(pool_of(host).warm + pool_of(host).cold <= 1000); /* some, not all */
    trim(host);
    host_delete(host);
}

/* ---- what is given back ---- */

#define NOISE_KIB UINT64_C(4096)

static void heap_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

typedef struct {
    uint64_t virtual_kib, resident_kib, mappings;
} footprint_t;

static footprint_t footprint(void) {
    footprint_t now;
    heap_trim();
    now.virtual_kib = process_kib("VmSize:");
    now.resident_kib = process_kib("VmRSS:");
    now.mappings = process_mappings();
    return now;
}

static bool check_footprint(footprint_t before, const char *file, int line) {
    const footprint_t now = footprint();
    char found[200];
    const bool holds = is_watched() || (now.virtual_kib <= before.virtual_kib + NOISE_KIB &&
                                        now.resident_kib <= before.resident_kib + NOISE_KIB &&
                                        now.mappings <= before.mappings + 8);
    snprintf(found, sizeof found,
             ": %" PRIu64 " kB, %" PRIu64 " kB resident, %" PRIu64 " mappings; before %" PRIu64 ", %" PRIu64
             ", %" PRIu64,
             now.virtual_kib, now.resident_kib, now.mappings, before.virtual_kib, before.resident_kib,
             before.mappings);
    return check_report(holds, file, line, "the footprint is as before", found);
}
#define CHECK_FOOTPRINT(before) check_footprint(before, __FILE__, __LINE__)

enum { WITHOUT_POOL, POOL, POOL_OF_SMALL_SLOTS, POOL_WITH_OVERFLOW, ENGINES };

static host_t host_of(int engine, wasm_memory_bounds_t bounds) {
    switch (engine) {
    case POOL: return host_pooled(bounds, options_of(0, 0, 0, 0, true));
    case POOL_OF_SMALL_SLOTS: return host_pooled(bounds, options_of(0, SLOT_BYTES, 0, 0, true));
    case POOL_WITH_OVERFLOW: return host_pooled(bounds, options_of(4, SLOT_BYTES, 0, 0, true));
    default: return host_with_bounds(bounds);
    }
}

static const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                                  WASM_MEMORY_BOUNDS_CHECKED};

TEST(a_deleted_engine_gives_back_all_its_address_space) {
    int engine, outlived, round;
    size_t i, j;
    for (round = 0; round < 2; round++) { /* the first one fills the C library's caches */
        const footprint_t before = footprint();
        for (engine = 0; engine < ENGINES; engine++)
            for (i = 0; i < 3; i++)
                for (outlived = 0; outlived < 2; outlived++) {
                    const host_t host = host_of(engine, strategies[i]);
                    wasm_memory_t *memories[60];
                    for (j = 0; j < 60; j++) {
                        memories[j] = memory_of(host, pages_32(1, 4));
                        CHECK_STATUS(wasm_memory_fill(memories[j], 0, 1, PAGE), WASM_MEMORY_OK);
                    }
                    for (j = 0; j < 40; j++) wasm_memory_delete(memories[j]);
                    if (outlived == 0)
                        for (; j < 60; j++) wasm_memory_delete(memories[j]);
                    host_delete(host);
                    for (; j < 60; j++) { /* the last of them takes the rest along */
                        CHECK(is_all(base_of(memories[j]), 1, PAGE));
                        CHECK_STATUS(wasm_memory_try_grow(memories[j], 1, NULL), WASM_MEMORY_OK);
                        wasm_memory_delete(memories[j]);
                    }
                    if (round == 1 && !CHECK_FOOTPRINT(before))
                        printf("  engine %d, strategy %d, outlived %d\n", engine, (int)i, outlived);
                }
    }
}

static void make_dirty_delete(host_t host, const wasm_memorytype_t *type, uint64_t rounds) {
    uint64_t i, wrong = 0;
    for (i = 0; i < rounds; i++) {
        wasm_memory_t *const memory = wasm_memory_new(host.store, type);
        uint8_t *base;
        if (memory == NULL) {
            wrong++;
            break;
        }
        base = base_of(memory);
        wrong += base[i % PAGE] != 0 || base[(i * 4099) % PAGE] != 0;
        base[i % PAGE] = 1;
        base[(i * 4099) % PAGE] = 2;
        wasm_memory_delete(memory);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(i, rounds);
}

TEST(a_million_rounds_leave_nothing) {
    const uint64_t rounds = is_watched() ? 1000 : 1000000;
    const struct {
        int engine;
        wasm_memory_bounds_t bounds;
        uint64_t rounds;
    } runs[] = {
        {WITHOUT_POOL, WASM_MEMORY_BOUNDS_AUTO, rounds},
        {POOL_OF_SMALL_SLOTS, WASM_MEMORY_BOUNDS_CHECKED, rounds},
        {POOL, WASM_MEMORY_BOUNDS_GUARDED, rounds / 10},
        {WITHOUT_POOL, WASM_MEMORY_BOUNDS_CHECKED, rounds / 10},
    };
    wasm_memorytype_t *const type = type_of(pages_32(1, 4));
    size_t i;
    for (i = 0; i < sizeof runs / sizeof *runs; i++) {
        footprint_t before, warm;
        host_t host = host_of(runs[i].engine, runs[i].bounds);
        make_dirty_delete(host, type, 100);
        host_delete(host);
        before = footprint();
        host = host_of(runs[i].engine, runs[i].bounds);
        make_dirty_delete(host, type, 100);
        warm = footprint();
        make_dirty_delete(host, type, runs[i].rounds);
        CHECK_FOOTPRINT(warm); /* no more than after a hundred */
        CHECK_EQ(pool_of(host).retired, 0);
        trim(host);
        CHECK_FOOTPRINT(before);
        host_delete(host);
        CHECK_FOOTPRINT(before);
    }
    wasm_memorytype_delete(type);
}

TEST(idle_slots_keep_no_more_than_they_may) {
    enum { SLOTS = 32 };
    const uint64_t slot_bytes = 4 * MIB, dirty_bytes = 2 * MIB, keep_bytes = 64 * KIB;
    const uint64_t batches[] = {1, 16};
    size_t i;
    for (i = 0; i < 2; i++) {
        const uint64_t batch = batches[i];
        const uint64_t bound =
            SLOTS * keep_bytes + (batch - 1) * dirty_bytes; /* a batch may wait to be cleaned */
        const host_t host =
            host_pooled(WASM_MEMORY_BOUNDS_CHECKED, options_of(SLOTS, slot_bytes, keep_bytes, batch, false));
        const uint64_t before = process_kib("VmRSS:");
        wasm_memory_t *memories[SLOTS];
        int j, round;
        for (round = 0; round < 3; round++) {
            wasm_memory_pool_stats_t stats;
            for (j = 0; j < SLOTS; j++) {
                memories[j] = memory_of(host, pages_32(dirty_bytes / PAGE, NO_MAXIMUM));
                CHECK(is_zero(base_of(memories[j]), dirty_bytes));
                memset(base_of(memories[j]), 0x99, dirty_bytes);
            }
            if (!is_watched()) CHECK(process_kib("VmRSS:") >= before + SLOTS * (dirty_bytes / KIB) - NOISE_KIB);
            for (j = 0; j < SLOTS; j++) wasm_memory_delete(memories[j]);
            stats = pool_of(host);
            CHECK_EQ(stats.warm + stats.cold, SLOTS);
            CHECK(stats.resident_bytes <= bound);
            if (!is_watched()) CHECK(process_kib("VmRSS:") <= before + bound / KIB + NOISE_KIB);
        }
        trim(host);
        if (!is_watched()) CHECK(process_kib("VmRSS:") <= before + NOISE_KIB);
        host_delete(host);
    }
}

/* Every batch works, also one that never fills. */
TEST(batches_of_every_size_leave_slots_clean) {
    const uint64_t batches[] = {1, 2, 3, 15, 16, 17, 100, 4096};
    const uint64_t keeps[] = {1, PAGE / 2, 0};
    size_t i, k;
    for (i = 0; i < sizeof batches / sizeof *batches; i++)
        for (k = 0; k < 3; k++) {
            const host_t host = host_pooled(WASM_MEMORY_BOUNDS_CHECKED,
                                            options_of(24, SLOT_BYTES, keeps[k], batches[i], false));
            int round;
            for (round = 0; round < 6; round++) {
                wasm_memory_t *memories[24];
                int j;
                for (j = 0; j < 24; j++) {
                    memories[j] = memory_of(host, pages_32(1 + (uint64_t)(j + round) % 4, 4));
                    CHECK(is_zero(base_of(memories[j]), wasm_memory_data_size(memories[j])));
                    CHECK_STATUS(wasm_memory_try_grow(memories[j], 4 - wasm_memory_pages(memories[j]), NULL),
                                 WASM_MEMORY_OK);
                    CHECK(is_zero(base_of(memories[j]), SLOT_BYTES));
                    memset(base_of(memories[j]), j + 1, j % 3 == 0 ? SLOT_BYTES : PAGE);
                }
                for (j = 0; j < 24; j++) wasm_memory_delete(memories[(j * 7) % 24]);
                CHECK_EQ(pool_of(host).live, 0);
            }
            host_delete(host);
        }
}

TEST(resident_memory_falls_with_discard_reset_and_trim) {
    const uint64_t bytes = 64 * MIB, most_of_it = 48 * MIB;
    size_t i;
    if (is_watched()) return; /* they have their own ideas of what is resident */
    for (i = 0; i < 3; i++) {
        const host_t host = host_with_bounds(strategies[i]);
        wasm_memory_t *const memory = memory_of(host, pages_32(bytes / PAGE, NO_MAXIMUM));
        const uint64_t before = process_kib("VmRSS:");
        wasm_memory_image_t *image = NULL;
        uint64_t full;
        memset(base_of(memory), 1, bytes);
        full = process_kib("VmRSS:");
        CHECK(full >= before + bytes / KIB - NOISE_KIB);
        CHECK(stats_of(memory).resident_bytes >= bytes);
        CHECK_STATUS(wasm_memory_discard(memory, MIB, bytes - 2 * MIB), WASM_MEMORY_OK);
        CHECK(process_kib("VmRSS:") <= before + 2 * KIB + NOISE_KIB);
        CHECK(stats_of(memory).resident_bytes <= 2 * MIB + 2 * host_page);
        CHECK(is_zero(base_of(memory) + MIB, bytes - 2 * MIB));
        CHECK(is_all(base_of(memory), 1, MIB) && is_all(base_of(memory) + bytes - MIB, 1, MIB));

        memset(base_of(memory), 2, bytes);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK(process_kib("VmRSS:") <= full - most_of_it / KIB);
        CHECK(stats_of(memory).resident_bytes <= bytes - most_of_it);
        CHECK(is_zero(base_of(memory), bytes));

        CHECK_STATUS(wasm_memory_image_new(NULL, 0, &image), WASM_MEMORY_OK);
        memset(base_of(memory), 3, bytes);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK(process_kib("VmRSS:") <= full - most_of_it / KIB);
        CHECK(is_zero(base_of(memory), bytes));
        wasm_memory_image_delete(image);

        memset(base_of(memory), 4, bytes);
        wasm_memory_delete(memory);
        trim(host);
        CHECK(process_kib("VmRSS:") <= before + NOISE_KIB);
        host_delete(host);
    }
}

/* ---- little address space ---- */

static void live_on_little(void *unused) {
    const wasm_memory_bounds_t allowed[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_CHECKED};
    static wasm_memory_t *memories[300];
    int engine;
    size_t i, j;
    (void)unused;
    limit_address_space(600 * MIB);
    for (engine = 0; engine < ENGINES; engine++) {
        host_t host;
        wasm_memory_t *refused = NULL;
        for (i = 0; i < 2; i++) {
            host = host_of(engine, allowed[i]);
            for (j = 0; j < 300; j++) {
                memories[j] = memory_of(host, pages_32(1, j % 2 == 0 ? NO_MAXIMUM : 4));
                if (memories[j] == NULL) return;
                CHECK_STATUS(wasm_memory_try_grow(memories[j], 2, NULL), WASM_MEMORY_OK);
                CHECK(is_zero(base_of(memories[j]), 3 * PAGE));
                memset(base_of(memories[j]), (int)(j % 255 + 1), 3 * PAGE);
            }
            for (j = 0; j < 300; j++) {
                CHECK(is_all(base_of(memories[j]), (uint8_t)(j % 255 + 1), 3 * PAGE));
                wasm_memory_delete(memories[j]);
            }
            host_delete(host);
        }
        host = host_of(engine, WASM_MEMORY_BOUNDS_GUARDED);
        CHECK_STATUS(try_memory(host, pages_32(1, NO_MAXIMUM), &refused), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("RLIMIT_AS");
        CHECK_EQ(pool_of(host).live, 0);
        host_delete(host);
    }
}

TEST(pools_get_by_with_little_address_space) {
    if (!is_watched()) CHECK_EQ(in_child(live_on_little, NULL), 0);
}

/* ---- threads ---- */

typedef struct {
    host_t host;
    bool store_of_its_own;
    uint32_t random;
    uint64_t rounds, wrong, refused;
} worker_t;

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Makes, grows, resets and deletes; each byte is zero before it is scribbled on, and its own after. */
static void *scribble(void *env) {
    enum { HELD = 6 };
    worker_t *const worker = (worker_t *)env;
    host_t host = worker->host;
    wasm_memory_t *held[HELD] = {NULL};
    uint8_t marks[HELD] = {0};
    wasm_memorytype_t *const type = type_of(pages_32(1, 4));
    uint64_t round;
    size_t i;
    if (worker->store_of_its_own) host.store = wasm_store_new(host.engine);
    for (round = 0; round < worker->rounds; round++) {
        const size_t at = random_of(&worker->random) % HELD;
        const uint8_t mark = (uint8_t)(1 + random_of(&worker->random) % 255);
        if (held[at] != NULL) {
            worker->wrong += !is_all(base_of(held[at]), marks[at], wasm_memory_data_size(held[at]));
            if (random_of(&worker->random) % 4 == 0) {
                worker->wrong += wasm_memory_reset(held[at], NULL) != WASM_MEMORY_OK;
                worker->wrong += !is_zero(base_of(held[at]), PAGE);
                marks[at] = mark;
                memset(base_of(held[at]), mark, PAGE);
                continue;
            }
            wasm_memory_delete(held[at]);
            held[at] = NULL;
        }
        if (wasm_memory_try_new(host.store, type, &held[at]) != WASM_MEMORY_OK) {
            worker->refused++;
            continue;
        }
        worker->wrong += !is_zero(base_of(held[at]), PAGE);
        marks[at] = mark;
        memset(base_of(held[at]), mark, PAGE);
        if (random_of(&worker->random) % 2 == 0) {
            const uint64_t before = wasm_memory_data_size(held[at]);
            worker->wrong +=
                wasm_memory_try_grow(held[at], 1 + random_of(&worker->random) % 3, NULL) != WASM_MEMORY_OK;
            worker->wrong += !is_zero(base_of(held[at]) + before, wasm_memory_data_size(held[at]) - before);
            memset(base_of(held[at]) + before, mark, wasm_memory_data_size(held[at]) - (size_t)before);
        }
        worker->wrong += !is_all(base_of(held[at]), mark, wasm_memory_data_size(held[at]));
    }
    for (i = 0; i < HELD; i++) {
        if (held[i] != NULL)
            worker->wrong += !is_all(base_of(held[i]), marks[i], wasm_memory_data_size(held[i]));
        wasm_memory_delete(held[i]);
    }
    if (worker->store_of_its_own) wasm_store_delete(host.store);
    wasm_memorytype_delete(type);
    return NULL;
}

static uint32_t seed;

TEST(many_threads_use_one_engine_at_once) {
    enum { THREADS = 6 };
    const uint64_t rounds = is_watched() ? 40 : 600;
    int engine;
    size_t i, j;
    for (engine = 0; engine < ENGINES; engine++)
        for (i = 0; i < 3; i++) {
            const host_t host = host_of(engine, strategies[i]);
            pthread_t threads[THREADS];
            worker_t workers[THREADS];
            memset(workers, 0, sizeof workers);
            for (j = 0; j < THREADS; j++) {
                workers[j].host = host;
                workers[j].store_of_its_own = j % 2 == 0;
                workers[j].random = seed + (uint32_t)(engine * 100 + (int)i * 10 + (int)j) * 2654435761u;
                if (workers[j].random == 0) workers[j].random = 1;
                workers[j].rounds = rounds;
                CHECK_EQ(pthread_create(&threads[j], NULL, scribble, &workers[j]), 0);
            }
            for (j = 0; j < 20; j++) { /* meanwhile somebody looks, and trims */
                wasm_memory_pool_stats_t stats = pool_of(host);
                CHECK(stats.live <= THREADS * 6);
                if (j % 4 == 3) CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
            }
            for (j = 0; j < THREADS; j++) {
                CHECK_EQ(pthread_join(threads[j], NULL), 0);
                CHECK_EQ(workers[j].wrong, 0);
                CHECK_EQ(workers[j].refused, 0);
            }
            CHECK_EQ(pool_of(host).live, 0);
            CHECK_EQ(pool_of(host).retired, 0);
            trim(host);
            CHECK_EQ(pool_of(host).reserved_bytes, 0);
            host_delete(host);
        }
}

/* Takes all slots and gives them back. */
typedef struct {
    host_t host;
    int slots;
    uint64_t refused, dirty;
    pthread_barrier_t *done, *leave; /* NULL: it ends at once */
} taker_t;

static void *take_all(void *env) {
    taker_t *const taker = (taker_t *)env;
    wasm_memory_t *memories[16];
    wasm_memorytype_t *const type = type_of(pages_32(1, 4));
    int i;
    for (i = 0; i < taker->slots; i++) {
        memories[i] = NULL;
        taker->refused += wasm_memory_try_new(taker->host.store, type, &memories[i]) != WASM_MEMORY_OK;
        if (memories[i] == NULL) continue;
        taker->dirty += !is_zero(base_of(memories[i]), PAGE);
        memset(base_of(memories[i]), 0x5a, PAGE);
    }
    for (i = 0; i < taker->slots; i++) wasm_memory_delete(memories[i]);
    wasm_memorytype_delete(type);
    if (taker->done != NULL) {
        pthread_barrier_wait(taker->done);
        pthread_barrier_wait(taker->leave);
    }
    return NULL;
}

/* What a thread keeps for itself is no loss for the others, whether it lives or not. */
TEST(no_slot_is_lost_in_a_thread) {
    enum { SLOTS = 8 };
    const int rounds = is_watched() ? 10 : 100;
    const uint64_t batches[] = {1, 16};
    size_t i;
    int round;
    for (i = 0; i < 4; i++) {
        const host_t host = host_pooled(i < 2 ? WASM_MEMORY_BOUNDS_CHECKED : WASM_MEMORY_BOUNDS_GUARDED,
                                        options_of(SLOTS, i < 2 ? SLOT_BYTES : 0, 0, batches[i % 2], false));
        pthread_barrier_t done, leave;
        taker_t taker, other;
        pthread_t thread;
        memset(&taker, 0, sizeof taker);
        taker.host = host;
        taker.slots = SLOTS;
        for (round = 0; round < rounds; round++) { /* each in a thread that ends */
            CHECK_EQ(pthread_create(&thread, NULL, take_all, &taker), 0);
            CHECK_EQ(pthread_join(thread, NULL), 0);
        }
        CHECK_EQ(taker.refused, 0);
        CHECK_EQ(taker.dirty, 0);
        CHECK_EQ(pool_of(host).live, 0);
        CHECK_EQ(pool_of(host).hits + pool_of(host).misses, (uint64_t)(SLOTS * rounds));

        pthread_barrier_init(&done, NULL, 2);
        pthread_barrier_init(&leave, NULL, 2);
        taker.done = &done;
        taker.leave = &leave;
        CHECK_EQ(pthread_create(&thread, NULL, take_all, &taker), 0);
        pthread_barrier_wait(&done); /* it has had them all, and lives on */
        memset(&other, 0, sizeof other);
        other.host = host;
        other.slots = SLOTS;
        take_all(&other);
        CHECK_EQ(other.refused, 0);
        CHECK_EQ(other.dirty, 0);
        trim(host); /* what another thread keeps, too */
        CHECK_EQ(pool_of(host).reserved_bytes, 0);
        pthread_barrier_wait(&leave);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        pthread_barrier_destroy(&done);
        pthread_barrier_destroy(&leave);
        host_delete(host);
    }
}

typedef struct {
    wasm_memory_t *memories[64];
} parcel_t;

static void *delete_all(void *env) {
    parcel_t *const parcel = (parcel_t *)env;
    size_t i;
    for (i = 0; i < 64; i++) wasm_memory_delete(parcel->memories[i]);
    return NULL;
}

/* A thread that only makes and one that only deletes: what the one keeps comes to the other. */
TEST(memories_are_deleted_by_another_thread_than_made_them) {
    const host_t host = host_small(64, false);
    const int rounds = is_watched() ? 5 : 200;
    int round;
    for (round = 0; round < rounds; round++) {
        parcel_t parcel;
        pthread_t thread;
        size_t i;
        for (i = 0; i < 64; i++) {
            parcel.memories[i] = memory_of(host, pages_32(1, 4));
            if (parcel.memories[i] == NULL) return;
            CHECK(is_zero(base_of(parcel.memories[i]), PAGE));
            memset(base_of(parcel.memories[i]), 0x6b, PAGE);
        }
        CHECK_EQ(pthread_create(&thread, NULL, delete_all, &parcel), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    CHECK_EQ(pool_of(host).live, 0);
    host_delete(host);
}

/* A thread that outlives engines, and has had slots of each. */
typedef struct {
    host_t host;
    uint64_t wrong;
    pthread_barrier_t begin, end;
    bool over;
} tenant_t;

static void *use_what_there_is(void *env) {
    tenant_t *const tenant = (tenant_t *)env;
    for (;;) {
        taker_t taker;
        pthread_barrier_wait(&tenant->begin);
        if (tenant->over) return NULL;
        memset(&taker, 0, sizeof taker);
        taker.host = tenant->host;
        taker.slots = 8;
        take_all(&taker);
        tenant->wrong += taker.refused + taker.dirty;
        pthread_barrier_wait(&tenant->end);
    }
}

TEST(what_a_thread_keeps_goes_with_the_engine_and_not_to_another) {
    const int rounds = is_watched() ? 10 : 100;
    footprint_t before = footprint();
    tenant_t tenant;
    pthread_t thread;
    int round;
    memset(&tenant, 0, sizeof tenant);
    pthread_barrier_init(&tenant.begin, NULL, 2);
    pthread_barrier_init(&tenant.end, NULL, 2);
    CHECK_EQ(pthread_create(&thread, NULL, use_what_there_is, &tenant), 0);
    for (round = 0; round < rounds; round++) { /* the next engine may well lie where the last one did */
        wasm_memory_t *mine;
        wasm_memory_pool_stats_t stats;
        tenant.host = host_of(round % ENGINES, strategies[round % 3]);
        mine = memory_of(tenant.host, pages_32(1, 4));
        CHECK_EQ(pool_of(tenant.host).misses, 1);
        memset(base_of(mine), 0x7c, PAGE);
        pthread_barrier_wait(&tenant.begin);
        pthread_barrier_wait(&tenant.end);
        CHECK(is_all(base_of(mine), 0x7c, PAGE));
        stats = pool_of(tenant.host);
        CHECK_EQ(stats.live, 1);
        CHECK_EQ(stats.hits + stats.misses, 9);
        wasm_memory_delete(mine);
        host_delete(tenant.host);
        if (round == 11) before = footprint(); /* with the thread and all that is made once */
        if (round > 11 && round % 8 == 0) CHECK_FOOTPRINT(before);
    }
    tenant.over = true;
    pthread_barrier_wait(&tenant.begin);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(tenant.wrong, 0);
    pthread_barrier_destroy(&tenant.begin);
    pthread_barrier_destroy(&tenant.end);
}

TEST(many_engines_share_a_thread) {
    enum { MANY = 60 };
    host_t hosts[MANY];
    wasm_memory_t *memories[MANY];
    const footprint_t before = footprint();
    int i, round;
    for (i = 0; i < MANY; i++) hosts[i] = host_of(i % ENGINES, strategies[i % 3]);
    for (round = 0; round < 6; round++) {
        for (i = 0; i < MANY; i++) {
            memories[i] = memory_of(hosts[i], pages_32(1, 4));
            CHECK(is_zero(base_of(memories[i]), PAGE));
            memset(base_of(memories[i]), i + 1, PAGE);
        }
        for (i = 0; i < MANY; i++) {
            CHECK(is_all(base_of(memories[i]), (uint8_t)(i + 1), PAGE));
            CHECK_EQ(pool_of(hosts[i]).live, 1);
        }
        for (i = 0; i < MANY; i++) wasm_memory_delete(memories[(i * 7) % MANY]);
    }
    for (i = 0; i < MANY; i++) {
        const wasm_memory_pool_stats_t stats = pool_of(hosts[i]);
        CHECK_EQ(stats.live, 0);
        CHECK_EQ(stats.hits + stats.misses, 6);
        CHECK_EQ(stats.misses, 1);
    }
    for (i = 0; i < MANY; i++) host_delete(hosts[(i * 11) % MANY]);
    CHECK_FOOTPRINT(before);
}

/* ---- fork ---- */

typedef struct {
    host_t host;
    wasm_memory_t *memories[6];
    bool deletes_inherited;
} family_t;

static void live_on_in_the_child(void *env) {
    family_t *const family = (family_t *)env;
    int round, i;
    for (i = 0; i < 6; i++) CHECK(is_all(base_of(family->memories[i]), (uint8_t)(i + 1), PAGE));
    for (round = 0; round < 20; round++) {
        wasm_memory_t *memories[6];
        for (i = 0; i < 6; i++) {
            memories[i] = memory_of(family->host, pages_32(1, 4));
            if (memories[i] == NULL) return;
            CHECK(is_zero(base_of(memories[i]), PAGE));
            CHECK_STATUS(wasm_memory_try_grow(memories[i], 2, NULL), WASM_MEMORY_OK);
            CHECK(is_zero(base_of(memories[i]), 3 * PAGE));
            memset(base_of(memories[i]), 0xc0 + i, 3 * PAGE);
        }
        for (i = 0; i < 6; i++) {
            CHECK(is_all(base_of(memories[i]), (uint8_t)(0xc0 + i), 3 * PAGE));
            wasm_memory_delete(memories[i]);
        }
        if (round == 10) trim(family->host);
        for (i = 0; i < 6; i++) { /* those that it has from its parent are its own */
            memset(base_of(family->memories[i]), 0xd0 + i, PAGE);
            CHECK_STATUS(wasm_memory_reset(family->memories[i], NULL), WASM_MEMORY_OK);
            CHECK(is_zero(base_of(family->memories[i]), PAGE));
            memset(base_of(family->memories[i]), 0xe0 + i, PAGE);
        }
    }
    if (!family->deletes_inherited) return;
    for (i = 0; i < 6; i++) wasm_memory_delete(family->memories[i]);
    host_delete(family->host);
}

TEST(a_forked_child_goes_on_by_itself) {
    int engine, round;
    size_t i, j;
    for (engine = 0; engine < ENGINES; engine++)
        for (i = 0; i < 3; i++) {
            family_t family;
            family.host = host_of(engine, strategies[i]);
            for (j = 0; j < 6; j++) {
                wasm_memory_t *const idle = memory_of(family.host, pages_32(1, 4));
                family.memories[j] = memory_of(family.host, pages_32(1, 4));
                memset(base_of(idle), 0x77, PAGE);
                wasm_memory_delete(idle);
                memset(base_of(family.memories[j]), (int)j + 1, PAGE);
            }
            for (round = 0; round < 3; round++) {
                family.deletes_inherited = round == 1;
                CHECK_EQ(in_child(live_on_in_the_child, &family), 0);
                for (j = 0; j < 6; j++) {
                    wasm_memory_t *const fresh = memory_of(family.host, pages_32(3, 4));
                    CHECK(is_all(base_of(family.memories[j]), (uint8_t)(j + 1), PAGE));
                    CHECK(is_zero(base_of(fresh), 3 * PAGE));
                    memset(base_of(fresh), 0x78, 3 * PAGE);
                    wasm_memory_delete(fresh);
                }
            }
            for (j = 0; j < 6; j++) wasm_memory_delete(family.memories[j]);
            host_delete(family.host);
        }
}

/* Threads that have slots of their own are not there in the child. */
TEST(a_child_forked_beside_other_threads_goes_on) {
    family_t family;
    pthread_barrier_t done, leave;
    taker_t taker;
    pthread_t thread;
    int i;
    family.host = host_small(16, false);
    family.deletes_inherited = true;
    pthread_barrier_init(&done, NULL, 2);
    pthread_barrier_init(&leave, NULL, 2);
    memset(&taker, 0, sizeof taker);
    taker.host = family.host;
    taker.slots = 10;
    taker.done = &done;
    taker.leave = &leave;
    CHECK_EQ(pthread_create(&thread, NULL, take_all, &taker), 0);
    pthread_barrier_wait(&done);
    for (i = 0; i < 6; i++) {
        family.memories[i] = memory_of(family.host, pages_32(1, 4));
        memset(base_of(family.memories[i]), i + 1, PAGE);
    }
    CHECK_EQ(in_child(live_on_in_the_child, &family), 0);
    pthread_barrier_wait(&leave);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (i = 0; i < 6; i++) {
        CHECK(is_all(base_of(family.memories[i]), (uint8_t)(i + 1), PAGE));
        wasm_memory_delete(family.memories[i]);
    }
    pthread_barrier_destroy(&done);
    pthread_barrier_destroy(&leave);
    host_delete(family.host);
}

/* ---- shared memories, images, memories of the host's ---- */

TEST(shared_memories_take_slots_and_leave_them_clean) {
    const host_t host = host_small(4, false);
    const shape_t of = shape(1, 4, false, true, 16);
    wasm_memory_t *memories[4], *more = NULL;
    wasm_memorytype_t *const type = type_of(of);
    wasm_shared_memory_t *token = NULL;
    int round, i;
    for (round = 0; round < 10; round++) {
        for (i = 0; i < 4; i++) {
            memories[i] = memory_of(host, i % 2 == 0 ? of : pages_32(1, 4));
            if (memories[i] == NULL) return;
            CHECK(is_zero(base_of(memories[i]), PAGE));
            CHECK_STATUS(wasm_memory_try_grow(memories[i], 3, NULL), WASM_MEMORY_OK);
            CHECK(is_zero(base_of(memories[i]), 4 * PAGE));
            CHECK_STATUS(wasm_memory_fill(memories[i], 0, 7, 4 * PAGE), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(memories[i], 1, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        }
        CHECK_EQ(pool_of(host).live, 4);
        CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK(token == NULL);
        CHECK_LAST_ERROR("slots");
        /* It lives as long as its last token. */
        token = wasm_memory_share(memories[0]);
        wasm_memory_delete(memories[0]);
        CHECK_EQ(pool_of(host).live, 4);
        CHECK_STATUS(try_memory(host, of, &more), WASM_MEMORY_OUT_OF_MEMORY);
        wasm_shared_memory_delete(token);
        CHECK_EQ(pool_of(host).live, 3);
        for (i = 1; i < 4; i++) wasm_memory_delete(memories[i]);
    }
    /* A maximum that no slot has: it could never be reached, but the minimum fits. */
    if (try_memory(host, shape(1, 100, false, true, 16), &more) == WASM_MEMORY_OK) {
        CHECK_STATUS(wasm_memory_try_grow(more, SLOT_PAGES, NULL), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("slot_bytes");
    }
    wasm_memory_delete(more);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(exportable_memories_take_no_slots) {
    wasm_config_t *const config = wasm_config_new();
    const wasm_memory_pool_options_t options = options_of(1, SLOT_BYTES, 0, 0, false);
    wasm_memory_t *memories[4];
    host_t host;
    int i;
    wasm_config_memory_pool_set(config, &options);
    wasm_config_memory_exportable_set(config, true);
    host = host_with(config);
    for (i = 0; i < 3; i++) memories[i] = memory_of(host, shape(1, 10, false, true, 16));
    CHECK_EQ(pool_of(host).live, 0);
    CHECK_STATUS(wasm_memory_try_grow(memories[0], 9, NULL), WASM_MEMORY_OK);
    memories[3] = memory_of(host, pages_32(1, 1)); /* others do */
    CHECK_EQ(pool_of(host).live, 1);
    for (i = 0; i < 4; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

static size_t block_size(void *env) {
    (void)env;
    return PAGE;
}
static wasm_memory_status_t block_grow(void *env, size_t size) {
    (void)env;
    return size <= PAGE ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_MEMORY;
}
static uint8_t *block_start(void *env) { return (uint8_t *)env; }
static void block_free(void *env) { munmap(env, PAGE); }
static wasm_memory_status_t make_block(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                       size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    (void)env;
    (void)type;
    (void)minimum;
    (void)maximum;
    (void)reserved_bytes;
    (void)guard_bytes;
    out->struct_size = sizeof *out;
    out->env = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    out->byte_size = block_size;
    out->grow_to = block_grow;
    out->as_ptr = block_start;
    out->finalizer = block_free;
    return WASM_MEMORY_OK;
}

TEST(memories_that_the_host_makes_take_no_slots) {
    wasm_config_t *const config = wasm_config_new();
    const wasm_memory_pool_options_t options = options_of(1, SLOT_BYTES, 0, 0, false);
    wasm_memory_allocator_t allocator;
    wasm_memory_t *memories[3];
    host_t host;
    int i;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = make_block;
    wasm_config_memory_pool_set(config, &options);
    wasm_config_memory_allocator_set(config, &allocator);
    host = host_with(config);
    for (i = 0; i < 3; i++) memories[i] = memory_of(host, pages_32(1, 1));
    CHECK_EQ(pool_of(host).live, 0);
    for (i = 0; i < 3; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

/* An image of its own for each number: of some bytes in the middle, or of most of a memory. */
static wasm_memory_image_t *image_of(uint32_t number, bool large, uint8_t contents[SLOT_BYTES]) {
    wasm_memory_segment_t segment;
    wasm_memory_image_t *image = NULL;
    size_t i;
    segment.offset = large ? 100 : 5000 + number;
    segment.length = large ? 3 * PAGE : 20;
    memset(contents, 0, SLOT_BYTES);
    for (i = 0; i < segment.length; i++) contents[segment.offset + i] = (uint8_t)(number * 37 + i * 11 + 1);
    segment.bytes = contents + segment.offset;
    CHECK_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
    return image;
}

/* Slots may remember an image; whatever they remember, the next memory has its own. */
TEST(images_in_slots_are_exact) {
    enum { IMAGES = 4 };
    static uint8_t contents[IMAGES][SLOT_BYTES];
    int engine;
    size_t i;
    for (engine = 0; engine < ENGINES; engine++)
        for (i = 0; i < 3; i++) {
            const host_t host = host_of(engine, strategies[i]);
            wasm_memorytype_t *const type = type_of(pages_32(SLOT_PAGES, SLOT_PAGES));
            wasm_memory_image_t *images[IMAGES];
            uint32_t random = seed + (uint32_t)i;
            int round, k;
            for (k = 0; k < IMAGES; k++) images[k] = image_of((uint32_t)k, k % 2 == 1, contents[k]);
            if (random == 0) random = 1;
            for (round = 0; round < 60; round++) {
                wasm_memory_t *memories[3];
                int which[3];
                for (k = 0; k < 3; k++) {
                    which[k] = (int)(random_of(&random) % (IMAGES + 1)) - 1;
                    memories[k] = NULL;
                    if (which[k] < 0) {
                        memories[k] = memory_of(host, pages_32(SLOT_PAGES, SLOT_PAGES));
                        CHECK(is_zero(base_of(memories[k]), SLOT_BYTES));
                    } else {
                        CHECK_STATUS(
                            wasm_memory_new_from_image(host.store, type, images[which[k]], &memories[k]),
                            WASM_MEMORY_OK);
                        if (memories[k] == NULL) return;
                        CHECK(memcmp(base_of(memories[k]), contents[which[k]], SLOT_BYTES) == 0);
                    }
                    if (random_of(&random) % 3 != 0)
                        memset(base_of(memories[k]) + random_of(&random) % (3 * PAGE), 0xab,
                               1 + random_of(&random) % PAGE);
                }
                for (k = 0; k < 3; k++) wasm_memory_delete(memories[k]);
                if (round % 20 == 19) trim(host); /* images are forgotten, too */
                if (round == 30) { /* and another one may get the address of one that was deleted */
                    wasm_memory_image_delete(images[1]);
                    images[1] = image_of(77, true, contents[1]);
                }
            }
            for (k = 0; k < IMAGES; k++) wasm_memory_image_delete(images[k]);
            wasm_memorytype_delete(type);
            host_delete(host);
        }
}

/* ---- the steady state ---- */

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define THIS_ARCHITECTURE 0
#endif

#if !defined(__NR_mmap) /* 32-bit ARM */
#define __NR_mmap __NR_mmap2
#endif
static const long mapping_calls[] = {__NR_mmap, __NR_munmap, __NR_mprotect, __NR_mremap};

/* From here on these calls raise SIGSYS. Whether that can be had. */
static bool forbid_mapping_calls(void) {
    struct sock_filter filter[32];
    struct sock_fprog program;
    unsigned short count = 0;
    size_t i;
    if (THIS_ARCHITECTURE == 0) return false;
    filter[count++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (i = 0; i < sizeof mapping_calls / sizeof *mapping_calls; i++) {
        filter[count++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)mapping_calls[i], 0, 1);
        filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    }
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = count;
    program.filter = filter;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define WAS_CALLED 40 /* the exit status is this plus the index of the call */
#define NO_FILTERS 39

static void call_was_made(int signal, siginfo_t *information, void *context) {
    size_t i;
    (void)signal;
    (void)context;
    for (i = 0; i < sizeof mapping_calls / sizeof *mapping_calls; i++)
        if (information->si_syscall == mapping_calls[i]) _exit(WAS_CALLED + (int)i);
    _exit(WAS_CALLED - 10);
}

typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    enum { NO_POOL, SMALL_SLOTS, LARGE_SLOTS, NOTHING_KEPT } pool;
    bool shared, maximum, grows, from_image, resets;
    int held; /* at a time */
    int touched;
} steady_t;

static void steady_round(const steady_t *steady, host_t host, const wasm_memorytype_t *type,
                         const wasm_memory_image_t *image, unsigned round) {
    wasm_memory_t *memories[8];
    int i, j;
    for (i = 0; i < steady->held; i++) {
        uint8_t *base;
        memories[i] = NULL;
        if (steady->from_image)
            CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, &memories[i]), WASM_MEMORY_OK);
        else
            CHECK_STATUS(wasm_memory_try_new(host.store, type, &memories[i]), WASM_MEMORY_OK);
        if (memories[i] == NULL) _exit(3);
        base = base_of(memories[i]);
        for (j = 0; j < steady->touched; j++) base[(uint64_t)j * host_page % PAGE + round % 64] = 1;
        if (steady->grows) {
            CHECK_STATUS(wasm_memory_try_grow(memories[i], 1 + round % 3, NULL), WASM_MEMORY_OK);
            CHECK_EQ(base[PAGE + round % 64], 0);
            base[PAGE + round % 64] = 1;
        }
        if (steady->resets) {
            CHECK_STATUS(wasm_memory_reset(memories[i], round % 2 == 0 ? image : NULL), WASM_MEMORY_OK);
            base[17] = 1;
        }
    }
    for (i = 0; i < steady->held; i++) wasm_memory_delete(memories[(i + (int)round) % steady->held]);
}

static void run_steadily(void *env) {
    const steady_t *const steady = (const steady_t *)env;
    static uint8_t bytes[20000];
    const wasm_memory_segment_t segment = {1000, bytes, sizeof bytes};
    wasm_memory_image_t *image = NULL;
    wasm_memorytype_t *const type =
        type_of(shape(1, steady->maximum || steady->shared ? 4 : NO_MAXIMUM, false, steady->shared, 16));
    struct sigaction action;
    host_t host;
    unsigned round;
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0); /* malloc's own calls are not what is counted */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 8 << 20);
#endif
    memset(bytes, 0x3c, sizeof bytes);
    CHECK_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
    switch (steady->pool) {
    case SMALL_SLOTS: host = host_pooled(steady->bounds, options_of(0, SLOT_BYTES, 0, 0, false)); break;
    case LARGE_SLOTS: host = host_pooled(steady->bounds, options_of(0, 0, 0, 0, false)); break;
    case NOTHING_KEPT: host = host_pooled(steady->bounds, options_of(0, SLOT_BYTES, 1, 4, false)); break;
    default: host = host_with_bounds(steady->bounds); break;
    }
    for (round = 0; round < 200; round++) steady_round(steady, host, type, image, round);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = call_was_made;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSYS, &action, NULL);
    if (!forbid_mapping_calls()) _exit(NO_FILTERS);
    for (round = 0; round < 2000; round++) steady_round(steady, host, type, image, round);
    fflush(stdout);
    _exit(check_state.failures != 0);
}

TEST(in_the_steady_state_no_mapping_is_made_or_changed) {
#define AUTO WASM_MEMORY_BOUNDS_AUTO
#define GUARDED WASM_MEMORY_BOUNDS_GUARDED
#define CHECKED WASM_MEMORY_BOUNDS_CHECKED
    static const steady_t steadies[] = {
        {"the default engine", AUTO, NO_POOL, false, false, false, false, false, 1, 1},
        {"the default engine, untouched", AUTO, NO_POOL, false, false, false, false, false, 1, 0},
        {"the default engine, 16 pages", AUTO, NO_POOL, false, false, false, false, false, 1, 16},
        {"the default engine, several at a time", AUTO, NO_POOL, false, false, false, false, false, 5, 3},
        {"the default engine, with an image", AUTO, NO_POOL, false, false, false, true, false, 2, 3},
        {"the default engine, with resets", AUTO, NO_POOL, false, false, false, false, true, 2, 3},
        {"GUARDED, without a pool", GUARDED, NO_POOL, false, false, false, false, false, 2, 4},
        {"GUARDED, in a pool", GUARDED, LARGE_SLOTS, false, false, false, false, false, 7, 4},
        {"GUARDED, in a pool, with resets", GUARDED, LARGE_SLOTS, false, true, false, true, true, 3, 4},
        {"CHECKED, without a pool", CHECKED, NO_POOL, false, false, true, false, false, 2, 4},
        {"CHECKED and small, without a pool", CHECKED, NO_POOL, false, true, true, false, false, 4, 4},
        {"CHECKED, in a pool", CHECKED, LARGE_SLOTS, false, false, true, false, false, 7, 16},
        {"CHECKED, in small slots", CHECKED, SMALL_SLOTS, false, false, true, false, false, 7, 16},
        {"CHECKED, in small slots, with an image", CHECKED, SMALL_SLOTS, false, true, true, true, true, 7, 2},
        {"CHECKED, and nothing is kept", CHECKED, NOTHING_KEPT, false, true, true, false, false, 7, 16},
        {"shared, in a pool", CHECKED, SMALL_SLOTS, true, true, true, false, false, 7, 4},
    };
    size_t i;
    if (is_watched()) return; /* their own calls are counted, too */
    for (i = 0; i < sizeof steadies / sizeof *steadies; i++) {
        steady_t steady = steadies[i];
        const int status = in_child(run_steadily, &steady);
        static const char *const names[] = {"mmap", "munmap", "mprotect", "mremap"};
        if (status == NO_FILTERS) {
            puts("skipped: this system has no filters of system calls");
            return;
        }
        if (status >= WAS_CALLED && status < WAS_CALLED + 4)
            printf("  %s: %s was called\n", steady.name, names[status - WAS_CALLED]);
        else if (status != 0)
            printf("  %s\n", steady.name);
        CHECK_EQ(status, 0);
    }
#undef AUTO
#undef GUARDED
#undef CHECKED
}

int main(int count, char **arguments) {
    host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    seed = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : (uint32_t)getpid() * 2654435761u;
    if (seed == 0) seed = 1; /* from 0 no other number follows */
    printf("seed %" PRIu32 "\n", seed);
    fflush(stdout);
    RUN(options_of_nothing_are_the_defaults);
    RUN(options_are_copied_and_taken_back_by_null);
    RUN(absurd_options_make_no_engine);
    RUN(options_that_are_only_large_are_accepted);
    RUN(options_of_every_size_are_read_as_far_as_they_go);
    RUN(a_checked_memory_ends_with_its_slot);
    RUN(stats_of_every_size_are_written_as_far_as_they_go);
    RUN(without_overflow_there_are_as_many_memories_as_slots);
    RUN(with_overflow_memories_past_the_slots_are_made_on_demand);
    RUN(memories_that_do_not_fit_a_slot);
    RUN(memories_of_no_pages_and_of_one_byte_take_slots);
    RUN(what_lies_past_a_guarded_memory_in_a_slot_faults);
    RUN(hits_and_misses_add_up);
    RUN(idle_slots_are_warm_while_they_keep_pages);
    RUN(a_trim_leaves_what_lives_alone);
    RUN(the_default_engine_keeps_some_memories_warm_and_limits_none);
    RUN(a_deleted_engine_gives_back_all_its_address_space);
    RUN(a_million_rounds_leave_nothing);
    RUN(idle_slots_keep_no_more_than_they_may);
    RUN(batches_of_every_size_leave_slots_clean);
    RUN(resident_memory_falls_with_discard_reset_and_trim);
    RUN(pools_get_by_with_little_address_space);
    RUN(many_threads_use_one_engine_at_once);
    RUN(no_slot_is_lost_in_a_thread);
    RUN(memories_are_deleted_by_another_thread_than_made_them);
    RUN(what_a_thread_keeps_goes_with_the_engine_and_not_to_another);
    RUN(many_engines_share_a_thread);
    RUN(a_forked_child_goes_on_by_itself);
    RUN(a_child_forked_beside_other_threads_goes_on);
    RUN(shared_memories_take_slots_and_leave_them_clean);
    RUN(exportable_memories_take_no_slots);
    RUN(memories_that_the_host_makes_take_no_slots);
    RUN(images_in_slots_are_exact);
    RUN(in_the_steady_state_no_mapping_is_made_or_changed);
    return check_finish();
}

#endif
