/* What stores and engines say of themselves, compared with sums made here and with what the system tells. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>
/* Windows tells a process nothing like /proc of its pages: what is compared with that is left out there. */
#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>
#endif

#include "support/limiters.h"
#include "support/memories.h"

static wasm_store_stats_t of_store(const wasm_store_t *store) {
    wasm_store_stats_t stats;
    memset(&stats, 0xa5, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_store_stats(store, &stats), WASM_MEMORY_OK);
    CHECK_EQ(stats.struct_size, sizeof stats);
    return stats;
}

static wasm_engine_stats_t of_engine(const wasm_engine_t *engine) {
    wasm_engine_stats_t stats;
    memset(&stats, 0xa5, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_engine_stats(engine, &stats), WASM_MEMORY_OK);
    CHECK_EQ(stats.struct_size, sizeof stats);
    return stats;
}

static bool is_all_zero(const wasm_engine_stats_t *stats) {
    return (stats->stores | stats->memories | stats->byte_length | stats->reserved_bytes | stats->committed_bytes |
            stats->mappings) == 0;
}

static shape_t shared_pages(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 16); }

/* ---- arguments ---- */

/* Where the first field after struct_size is; some 32-bit systems leave a gap before it, which is nobody's. */
#define FIRST_FIELD offsetof(wasm_store_stats_t, memories)

TEST(nothing_and_too_small_structs_are_refused) {
    const host_t host = host_default();
    union {
        size_t struct_size;
        wasm_store_stats_t store;
        wasm_engine_stats_t engine;
        uint8_t bytes[256];
    } out;
    size_t size, i;
    CHECK_STATUS(wasm_store_stats(host.store, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_engine_stats(host.engine, NULL), WASM_MEMORY_NULL_ARGUMENT);
    for (size = 0; size < sizeof(size_t); size++) {
        memset(&out, 0xa5, sizeof out);
        out.struct_size = size;
        CHECK_STATUS(wasm_store_stats(host.store, &out.store), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_STATUS(wasm_engine_stats(host.engine, &out.engine), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_EQ(out.struct_size, size);
        for (i = sizeof(size_t); i < sizeof out; i++) CHECK_EQ(out.bytes[i], 0xa5);
    }
    memset(&out, 0xa5, sizeof out);
    out.struct_size = sizeof out.store;
    CHECK_STATUS(wasm_store_stats(NULL, &out.store), WASM_MEMORY_NULL_ARGUMENT);
    for (i = FIRST_FIELD; i < sizeof out; i++) CHECK_EQ(out.bytes[i], i < sizeof out.store ? 0 : 0xa5);
    memset(&out, 0xa5, sizeof out);
    out.struct_size = sizeof out.engine;
    CHECK_STATUS(wasm_engine_stats(NULL, &out.engine), WASM_MEMORY_NULL_ARGUMENT);
    for (i = FIRST_FIELD; i < sizeof out; i++) CHECK_EQ(out.bytes[i], i < sizeof out.engine ? 0 : 0xa5);
    host_delete(host);
}

TEST(fields_are_written_as_far_as_they_fit) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    union {
        size_t struct_size;
        wasm_store_stats_t store;
        wasm_engine_stats_t engine;
        uint8_t bytes[256];
    } whole, part;
    size_t size, i;
    int which;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    for (which = 0; which < 2; which++) {
        const size_t fields = which == 0 ? sizeof(wasm_store_stats_t) : sizeof(wasm_engine_stats_t);
        memset(&whole, 0xa5, sizeof whole);
        whole.struct_size = fields;
        CHECK_STATUS(which == 0 ? wasm_store_stats(host.store, &whole.store)
                                : wasm_engine_stats(host.engine, &whole.engine), WASM_MEMORY_OK);
        for (size = sizeof(size_t); size <= sizeof part; size++) {
            size_t written = size < FIRST_FIELD ? 0 : FIRST_FIELD + (size - FIRST_FIELD) / 8 * 8, wrong = 0;
            if (written > fields) written = fields;
            memset(&part, 0xa5, sizeof part);
            part.struct_size = size;
            CHECK_STATUS(which == 0 ? wasm_store_stats(host.store, &part.store)
                                    : wasm_engine_stats(host.engine, &part.engine), WASM_MEMORY_OK);
            CHECK_EQ(part.struct_size, size);
            for (i = FIRST_FIELD; i < sizeof part; i++)
                wrong += part.bytes[i] != (i < written ? whole.bytes[i] : 0xa5);
            CHECK_EQ(wrong, 0);
        }
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- stores ---- */

TEST(stats_of_a_store_follow_its_memories) {
    const host_t host = host_default();
    wasm_store_stats_t stats = of_store(host.store);
    wasm_memory_t *first, *second, *handle;
    CHECK_EQ(stats.memories | stats.byte_length | stats.peak_bytes | stats.grow_count | stats.grow_failures, 0);
    first = memory_of(host, pages_32(1, 10));
    second = memory_of(host, pages_32(2, 10));
    handle = wasm_memory_copy(first); /* no memory more */
    stats = of_store(host.store);
    CHECK_EQ(stats.memories, 2);
    CHECK_EQ(stats.byte_length, 3 * PAGE);
    CHECK_EQ(stats.peak_bytes, 3 * PAGE);
    CHECK_STATUS(wasm_memory_try_grow(first, 5, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(second, 5, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(second, 4, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(second, 0, NULL), WASM_MEMORY_OK); /* asks for the size */
    wasm_memory_delete(first);
    CHECK_EQ(of_store(host.store).memories, 2);
    wasm_memory_delete(handle);
    /* Nobody asked while there were 13 pages. */
    stats = of_store(host.store);
    CHECK_EQ(stats.memories, 1);
    CHECK_EQ(stats.byte_length, 7 * PAGE);
    CHECK_EQ(stats.peak_bytes, 13 * PAGE);
    CHECK_EQ(stats.grow_count, 2 + 0);
    CHECK_EQ(stats.grow_failures, 1);
    CHECK_STATUS(wasm_memory_try_grow(second, 3, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_reset(second, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(second);
    stats = of_store(host.store);
    CHECK_EQ(stats.memories, 0);
    CHECK_EQ(stats.byte_length, 0);
    CHECK_EQ(stats.peak_bytes, 13 * PAGE);
    CHECK_EQ(stats.grow_count, 3);
    CHECK_EQ(stats.grow_failures, 1);
    host_delete(host);
}

TEST(growth_that_is_denied_counts_whoever_denies_it) {
    const host_t host = host_default();
    wasm_memory_limits_t limits = {sizeof limits, 4 * PAGE, UINT64_MAX, 1};
    watch_t watch = watching(host);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 100));
    wasm_memory_t *none = NULL;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_store_limits_set(host.store, &limits), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(of_store(host.store).grow_failures, 1);
    CHECK_STATUS(try_memory(host, pages_32(1, 1), &none), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(of_store(host.store).grow_failures, 1); /* that is no growth */
    limiter_set(host.store, &watch);
    watch.allow = false;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(of_store(host.store).grow_failures, 2);
    watch.allow = true;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 98, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_EQ(of_store(host.store).grow_failures, 3);
    CHECK_EQ(of_store(host.store).grow_count, 2);
    CHECK_EQ(of_store(host.store).peak_bytes, 3 * PAGE);
    wasm_memory_delete(memory);
    CHECK_EQ(of_store(host.store).grow_failures, 3);
    CHECK_EQ(of_store(host.store).grow_count, 2);
    host_delete(host);
}

TEST(a_shared_memory_counts_in_each_store_and_once_in_the_engine) {
    const host_t host = host_default();
    wasm_store_t *const other = wasm_store_new(host.engine);
    wasm_memory_t *const here = memory_of(host, shared_pages(1, 10));
    wasm_shared_memory_t *const token = wasm_memory_share(here);
    wasm_memory_t *there, *again;
    wasm_store_stats_t stats;
    CHECK_STATUS(wasm_memory_try_grow(here, 2, NULL), WASM_MEMORY_OK);
    there = wasm_memory_obtain(other, token);
    stats = of_store(other);
    CHECK_EQ(stats.memories, 1);
    CHECK_EQ(stats.byte_length, 3 * PAGE);
    CHECK_EQ(stats.grow_count, 0); /* it grew before */
    CHECK_STATUS(wasm_memory_try_grow(here, 1, NULL), WASM_MEMORY_OK);
    again = wasm_memory_obtain(other, token);
    CHECK_STATUS(wasm_memory_try_grow(here, 20, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    wasm_memory_delete(again);
    stats = of_store(other);
    CHECK_EQ(stats.memories, 1);
    CHECK_EQ(stats.byte_length, 4 * PAGE);
    CHECK_EQ(stats.peak_bytes, 8 * PAGE);
    CHECK_EQ(stats.grow_count, 1);
    CHECK_EQ(stats.grow_failures, 2); /* through both references */
    CHECK_EQ(of_store(host.store).grow_count, 2);
    CHECK_EQ(of_engine(host.engine).memories, 1);
    CHECK_EQ(of_engine(host.engine).byte_length, 4 * PAGE);
    CHECK_EQ(of_engine(host.engine).stores, 2);
    wasm_memory_delete(here);
    wasm_memory_delete(there);
    CHECK_EQ(of_engine(host.engine).memories, 1); /* in no store */
    CHECK_EQ(of_store(other).memories, 0);
    wasm_shared_memory_delete(token);
    CHECK_EQ(of_engine(host.engine).memories, 0);
    wasm_store_delete(other);
    host_delete(host);
}

TEST(a_deleted_store_counts_as_long_as_something_keeps_it) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10));
    wasm_store_delete(host.store);
    CHECK_EQ(of_engine(host.engine).stores, 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    CHECK_EQ(of_engine(host.engine).byte_length, 3 * PAGE);
    wasm_memory_delete(memory);
    CHECK_EQ(of_engine(host.engine).stores, 0);
    wasm_engine_delete(host.engine);
}

/* ---- engines, and what the system says ---- */

#if !defined(_WIN32)

static uint64_t host_page(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

/* What /proc/self/maps has between two addresses. */
typedef struct {
    uint64_t mappings, writable;
} mapped_t;

static mapped_t mapped_between(uintptr_t start, uintptr_t end) {
    mapped_t sum = {0, 0};
    FILE *const maps = fopen("/proc/self/maps", "r");
    char line[512];
    if (!CHECK(maps != NULL)) return sum;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from, to;
        char rights[8];
        if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) != 3 || to <= start || from >= end) continue;
        if (from < start) from = start;
        if (to > end) to = end;
        sum.mappings++;
        if (rights[1] == 'w') sum.writable += to - from;
    }
    fclose(maps);
    return sum;
}

static mapped_t mapped_of(const wasm_memory_t *memory) {
    uint8_t *start = NULL;
    size_t length = 0;
    CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
    return mapped_between((uintptr_t)start, (uintptr_t)start + length);
}

/* The engine has these memories and nothing else, each with a mapping of its own. Those for huge pages lie at multiples of
   2 MiB, in more address space than is theirs: `gaps` is how many mappings each may have more or less then. */
#define CHECK_MAPPED(host, gaps, ...)                                                  \
    do {                                                                               \
        const wasm_memory_t *const all[] = {__VA_ARGS__};                              \
        const wasm_engine_stats_t told = of_engine((host).engine);                     \
        mapped_t sum = {0, 0};                                                         \
        uint64_t reserved = 0;                                                         \
        size_t at;                                                                     \
        for (at = 0; at < sizeof all / sizeof *all; at++) {                            \
            const mapped_t one = mapped_of(all[at]);                                   \
            uint8_t *start;                                                            \
            size_t length;                                                             \
            wasm_memory_accessible(all[at], &start, &length);                          \
            sum.mappings += one.mappings;                                              \
            sum.writable += one.writable;                                              \
            reserved += length;                                                        \
        }                                                                              \
        CHECK(told.mappings + (gaps) * at >= sum.mappings);                            \
        CHECK(told.mappings <= sum.mappings + (gaps) * at);                            \
        CHECK_EQ(told.committed_bytes, sum.writable);                                  \
        CHECK(told.reserved_bytes >= reserved);                                        \
        CHECK(told.reserved_bytes <= reserved + (gaps) * at * (2 * MIB + PAGE));       \
    } while (0)

static wasm_config_t *config_of(wasm_memory_bounds_t bounds, bool guard_before, bool huge, bool exportable) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    wasm_config_guard_before_memory_set(config, guard_before);
    wasm_config_memory_huge_pages_set(config, huge);
    wasm_config_memory_exportable_set(config, exportable);
    return config;
}

TEST(mappings_are_those_that_the_system_tells) {
    int kind;
    for (kind = 0; kind < 16; kind++) {
        const bool guarded = (kind & 1) != 0, before = (kind & 2) != 0, huge = (kind & 4) != 0;
        const bool exportable = (kind & 8) != 0;
        const uint64_t gaps = huge ? 2 : 0;
        const wasm_memory_bounds_t bounds = guarded ? WASM_MEMORY_BOUNDS_GUARDED : WASM_MEMORY_BOUNDS_CHECKED;
        const host_t host = host_with(config_of(bounds, before, huge, exportable));
        /* Checked ones are too large for a slab. */
        const shape_t of = exportable ? shared_pages(1, 50000) : pages_32(1, 50000);
        wasm_memory_t *const first = memory_of(host, of);
        wasm_memory_t *second;
        CHECK_MAPPED(host, gaps, first);
        CHECK_STATUS(wasm_memory_try_grow(first, 3, NULL), WASM_MEMORY_OK);
        CHECK_MAPPED(host, gaps, first);
        second = memory_of(host, of);
        CHECK_MAPPED(host, gaps, first, second);
        if (!exportable) {
            CHECK_STATUS(wasm_memory_reset(first, NULL), WASM_MEMORY_OK);
            CHECK_MAPPED(host, gaps, first, second);
        }
        wasm_memory_delete(first);
        CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
        CHECK_MAPPED(host, gaps, second);
        wasm_memory_delete(second);
        CHECK_EQ(of_engine(host.engine).memories, 0);
        CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
        CHECK_EQ(of_engine(host.engine).reserved_bytes, 0);
        wasm_store_delete(host.store);
        {
            const wasm_engine_stats_t stats = of_engine(host.engine);
            CHECK(is_all_zero(&stats));
        }
        wasm_engine_delete(host.engine);
    }
}

TEST(memories_without_pages_count_as_one_guard) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(0, 10));
    CHECK_MAPPED(host, UINT64_C(0), memory);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    CHECK_MAPPED(host, UINT64_C(0), memory);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_of_images_are_mappings_of_their_own) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const prepared = memory_of(host, pages_32(64, 100));
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *memory = NULL;
    wasm_memorytype_t *const type = type_of(pages_32(64, 100));
    uint64_t part;
    for (part = 0; part < 5; part++)
        CHECK_STATUS(wasm_memory_fill(prepared, part * 12 * PAGE, 0x77, 4 * PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_image_from_memory(prepared, &image), WASM_MEMORY_OK);
    wasm_memory_delete(prepared);
    CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, &memory), WASM_MEMORY_OK);
    CHECK(of_engine(host.engine).mappings > 6);
    CHECK_MAPPED(host, UINT64_C(0), memory);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    CHECK_MAPPED(host, UINT64_C(0), memory);
    CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
    CHECK_MAPPED(host, UINT64_C(0), memory);
    CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
    CHECK_MAPPED(host, UINT64_C(0), memory);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_memory_image_delete(image);
    host_delete(host);
}

TEST(a_slab_is_one_mapping_for_many_memories_and_stays_until_it_is_trimmed) {
    enum { COUNT = 50 };
    wasm_memory_pool_options_t options;
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_t *memories[COUNT];
    wasm_memory_pool_stats_t pool;
    wasm_engine_stats_t stats;
    host_t host;
    uintptr_t lowest = UINTPTR_MAX, highest = 0;
    int i;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.slot_bytes = 16 * PAGE;
    options.slots = COUNT;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_pool_set(config, &options);
    host = host_with(config);
    for (i = 0; i < COUNT; i++) {
        uintptr_t base;
        memories[i] = memory_of(host, pages_32(1, 16));
        base = (uintptr_t)wasm_memory_data(memories[i]);
        if (base < lowest) lowest = base;
        if (base + 16 * PAGE > highest) highest = base + 16 * PAGE;
    }
    pool.struct_size = sizeof pool;
    CHECK_STATUS(wasm_engine_pool_stats(host.engine, &pool), WASM_MEMORY_OK);
    stats = of_engine(host.engine);
    CHECK_EQ(stats.memories, COUNT);
    CHECK_EQ(stats.byte_length, COUNT * PAGE);
    CHECK_EQ(stats.reserved_bytes, pool.reserved_bytes);
    CHECK(stats.committed_bytes >= COUNT * 16 * PAGE);
    CHECK(stats.committed_bytes <= stats.reserved_bytes);
    CHECK_EQ(stats.mappings, mapped_between(lowest, highest).mappings);
    for (i = 0; i < COUNT; i++) wasm_memory_delete(memories[i]);
    CHECK_EQ(of_engine(host.engine).memories, 0);
    CHECK_EQ(of_engine(host.engine).byte_length, 0);
    CHECK_EQ(of_engine(host.engine).reserved_bytes, stats.reserved_bytes); /* idle */
    CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
    stats = of_engine(host.engine);
    CHECK_EQ(stats.stores, 1);
    CHECK_EQ(stats.reserved_bytes | stats.committed_bytes | stats.mappings, 0);
    host_delete(host);
}

/* ---- what is in physical memory ---- */

/* Of each host page that the bytes touch, whether the process has it in memory: summed in bytes, those that lie in the
   range. Pages of zeros that were only read are told apart by nobody without privileges, so tests do not read first. */
static uint64_t present_between(uintptr_t start, uintptr_t end) {
    const uint64_t page = host_page();
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t at, sum = 0;
    if (!CHECK(pagemap >= 0)) return 0;
    for (at = start / page; at * page < end; at++) {
        uint64_t entry = 0;
        CHECK_EQ(pread(pagemap, &entry, sizeof entry, (off_t)(at * sizeof entry)), sizeof entry);
        if ((entry >> 63) != 0) {
            const uint64_t from = at * page < start ? start : at * page;
            const uint64_t to = (at + 1) * page > end ? end : (at + 1) * page;
            sum += to - from;
        }
    }
    close(pagemap);
    return sum;
}

/* `Rss` of the mappings that lie between two addresses. */
static uint64_t rss_between(uintptr_t start, uintptr_t end) {
    FILE *const smaps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool within = false;
    uint64_t sum = 0;
    if (!CHECK(smaps != NULL)) return 0;
    while (fgets(line, sizeof line, smaps) != NULL) {
        unsigned long long from, to, kib;
        char rights[8];
        if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) == 3) within = from >= start && to <= end;
        if (within && sscanf(line, "Rss: %llu kB", &kib) == 1) sum += kib * KIB;
    }
    fclose(smaps);
    return sum;
}

static void check_resident(wasm_memory_t *memory, const char *what) {
    const wasm_memory_stats_t stats = stats_of(memory);
    const uintptr_t base = (uintptr_t)wasm_memory_data(memory);
    const uint64_t present = present_between(base, base + stats.byte_length);
    const uint64_t apart =
        present > stats.resident_bytes ? present - stats.resident_bytes : stats.resident_bytes - present;
    if (!CHECK(apart <= host_page()))
        printf("    %s: %" PRIu64 " told, %" PRIu64 " present of %" PRIu64 "\n", what, stats.resident_bytes, present,
               stats.byte_length);
    CHECK(stats.resident_bytes <= stats.byte_length);
    CHECK(stats.peak_bytes >= stats.byte_length);
}

/* Writes pages here and there, grows, discards, erases and resets, and compares after each step. */
static void live_through_it(wasm_memory_t *memory, bool can_reset) {
    const uint64_t page = host_page(), before = stats_of(memory).byte_length;
    uint64_t at;
    check_resident(memory, "new");
    for (at = 0; at < before; at += 7 * page)
        CHECK_STATUS(wasm_memory_store_u8(memory, at, 1), WASM_MEMORY_OK);
    check_resident(memory, "written");
    CHECK_STATUS(wasm_memory_try_grow(memory, 8, NULL), WASM_MEMORY_OK);
    check_resident(memory, "grown");
    CHECK_STATUS(wasm_memory_fill(memory, before, 5, 3 * PAGE), WASM_MEMORY_OK);
    check_resident(memory, "written where it has grown");
    CHECK(stats_of(memory).resident_bytes >= 3 * PAGE);
    CHECK_STATUS(wasm_memory_discard(memory, 100, before), WASM_MEMORY_OK);
    check_resident(memory, "discarded");
    CHECK_EQ(stats_of(memory).peak_bytes, before + 8 * PAGE);
    if (can_reset) {
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        check_resident(memory, "reset");
        CHECK_EQ(stats_of(memory).peak_bytes, before + 8 * PAGE);
        CHECK_EQ(stats_of(memory).byte_length, before);
    }
    CHECK_STATUS(wasm_memory_fill(memory, 0, 7, before), WASM_MEMORY_OK);
    check_resident(memory, "full");
    CHECK(stats_of(memory).resident_bytes + page >= before);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    check_resident(memory, "erased");
}

TEST(resident_bytes_are_those_of_the_system_for_every_kind_of_memory) {
    int kind;
    for (kind = 0; kind < 6; kind++) {
        wasm_config_t *const config = config_of(kind % 2 == 0 ? WASM_MEMORY_BOUNDS_GUARDED : WASM_MEMORY_BOUNDS_CHECKED,
                                                true, false, kind >= 4);
        const host_t host = host_with(config);
        wasm_memory_t *const memory = memory_of(host, kind < 2 ? pages_32(64, 100) : shared_pages(64, 100));
        live_through_it(memory, kind < 2);
        wasm_memory_delete(memory);
        if (kind < 2) { /* in the place of the one before, also where it does not use all */
            wasm_memory_t *const next = memory_of(host, pages_32(16, 100));
            live_through_it(next, true);
            wasm_memory_delete(next);
        }
        host_delete(host);
    }
}

TEST(memories_that_end_within_a_page_have_no_more_than_they_are) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(5001, 100000));
    check_resident(memory, "new");
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, 5001), WASM_MEMORY_OK);
    CHECK_EQ(stats_of(memory).resident_bytes, 5001);
    check_resident(memory, "written");
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Linux 6.7 and later tell what a process has touched; before that, all that is in memory for anybody counts. */
static bool touching_is_told(void) {
    struct utsname system;
    unsigned major = 0, minor = 0;
    uname(&system);
    sscanf(system.release, "%u.%u", &major, &minor);
    if (major > 6 || (major == 6 && minor >= 7)) return true;
    printf("  skipped: Linux %s does not tell what was touched\n", system.release);
    return false;
}

static void reading_makes_nothing_resident_where_that_is_told(void) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(64, 64));
    const uintptr_t base = (uintptr_t)wasm_memory_data(memory);
    uint64_t at, before = stats_of(memory).resident_bytes;
    uint8_t byte, sum = 0;
    for (at = 0; at < 64 * PAGE; at += 512) {
        CHECK_STATUS(wasm_memory_load_u8(memory, at, &byte), WASM_MEMORY_OK);
        sum = (uint8_t)(sum | byte);
    }
    CHECK_EQ(sum, 0);
    CHECK_EQ(stats_of(memory).resident_bytes, before);
    CHECK_EQ(stats_of(memory).resident_bytes, rss_between(base, base + 64 * PAGE));
    CHECK_STATUS(wasm_memory_store_u8(memory, 9 * PAGE, 1), WASM_MEMORY_OK);
    CHECK_EQ(stats_of(memory).resident_bytes, before + host_page());
    CHECK_EQ(stats_of(memory).resident_bytes, rss_between(base, base + 64 * PAGE));
    wasm_memory_delete(memory);
    host_delete(host);
}

static void pages_are_resident_once_they_are_touched(void) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const prepared = memory_of(host, pages_32(64, 100));
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *memory = NULL;
    wasm_memorytype_t *const type = type_of(pages_32(64, 100));
    const int file = memfd_create("resident", MFD_CLOEXEC);
    uintptr_t base;
    uint64_t at;
    CHECK_STATUS(wasm_memory_fill(prepared, 0, 0x77, 32 * PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_image_from_memory(prepared, &image), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, &memory), WASM_MEMORY_OK);
    base = (uintptr_t)wasm_memory_data(memory);
    check_resident(memory, "new from an image");
    CHECK(stats_of(memory).resident_bytes <= PAGE); /* the pages are the image's, for all memories */
    for (at = 0; at < 16 * PAGE; at += host_page())
        CHECK_STATUS(wasm_memory_store_u8(memory, at, 1), WASM_MEMORY_OK);
    check_resident(memory, "with an image, written");
    CHECK_EQ(stats_of(memory).resident_bytes, rss_between(base, base + 64 * PAGE));
    CHECK(stats_of(memory).resident_bytes >= 16 * PAGE);
    CHECK_EQ(ftruncate(file, (off_t)(8 * PAGE)), 0);
    CHECK_EQ(pwrite(file, "x", 1, 5 * (off_t)PAGE), 1);
    CHECK_STATUS(wasm_memory_map_file(memory, 40 * PAGE, file, 0, 8 * PAGE, WASM_MEMORY_MAP_COPY_ON_WRITE),
                 WASM_MEMORY_OK);
    check_resident(memory, "with a file");
    CHECK_STATUS(wasm_memory_fill(memory, 41 * PAGE, 9, PAGE), WASM_MEMORY_OK);
    check_resident(memory, "with a file, written");
    CHECK_EQ(stats_of(memory).resident_bytes, rss_between(base, base + 64 * PAGE));
    CHECK_STATUS(wasm_memory_protect(memory, 0, 4 * PAGE, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    check_resident(memory, "protected");
    CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
    check_resident(memory, "reset");
    wasm_memory_delete(memory);
    wasm_memory_delete(prepared);
    wasm_memorytype_delete(type);
    wasm_memory_image_delete(image);
    close(file);
    host_delete(host);
}

TEST(reading_makes_nothing_resident) {
    if (touching_is_told()) reading_makes_nothing_resident_where_that_is_told();
}

TEST(pages_of_images_and_files_are_resident_once_they_are_touched) {
    if (touching_is_told()) pages_are_resident_once_they_are_touched();
}

/* A host's memory: a block of its own. */
static uint8_t *block;
static size_t block_size;

static size_t block_bytes(void *env) {
    (void)env;
    return block_size;
}
static wasm_memory_status_t block_grow(void *env, size_t size) {
    (void)env;
    block_size = size;
    return WASM_MEMORY_OK;
}
static uint8_t *block_pointer(void *env) {
    (void)env;
    return block;
}
static wasm_memory_status_t block_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                      size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    (void)env, (void)type, (void)maximum, (void)reserved, (void)guard;
    block_size = minimum;
    out->struct_size = sizeof *out;
    out->byte_size = block_bytes;
    out->grow_to = block_grow;
    out->as_ptr = block_pointer;
    return WASM_MEMORY_OK;
}

TEST(memories_of_the_host_are_resident_where_they_were_written_and_in_no_mapping_of_ours) {
    wasm_memory_allocator_t allocator;
    wasm_config_t *const config = wasm_config_new();
    const size_t room = 32 * PAGE;
    uint8_t *const mapped = (uint8_t *)mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    wasm_memory_t *memory;
    wasm_engine_stats_t stats;
    host_t host;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = block_new;
    wasm_config_memory_allocator_set(config, &allocator);
    block = mapped + PAGE;
    host = host_with(config);
    memory = memory_of(host, pages_32(16, 30));
    check_resident(memory, "new of the host");
    CHECK_STATUS(wasm_memory_fill(memory, 2 * PAGE, 1, 4 * PAGE), WASM_MEMORY_OK);
    check_resident(memory, "written of the host");
    CHECK(stats_of(memory).resident_bytes <= 5 * PAGE);
    CHECK_STATUS(wasm_memory_try_grow(memory, 4, NULL), WASM_MEMORY_OK);
    check_resident(memory, "grown of the host");
    stats = of_engine(host.engine);
    CHECK_EQ(stats.memories, 1);
    CHECK_EQ(stats.byte_length, 20 * PAGE);
    CHECK_EQ(stats.reserved_bytes | stats.committed_bytes | stats.mappings, 0);
    CHECK_EQ(of_store(host.store).byte_length, 20 * PAGE);
    CHECK_EQ(of_store(host.store).grow_count, 1);
    wasm_memory_delete(memory);
    host_delete(host);
    munmap(mapped, room);
}

#endif

/* ---- many threads ---- */

enum { WORKERS = 3, ROUNDS = 3000 };

static host_t busy;
static wasm_shared_memory_t *busy_token;
static bool busy_done;

static void *work(void *unused) {
    wasm_store_t *const own = wasm_store_new(busy.engine);
    const host_t here = {busy.engine, own};
    int i;
    (void)unused;
    for (i = 0; i < ROUNDS; i++) {
        wasm_memory_t *const first = memory_of(busy, pages_32(1, 4));
        wasm_memory_t *const second = memory_of(here, pages_32(1, 4));
        wasm_memory_t *const third = wasm_memory_obtain(busy.store, busy_token);
        CHECK_STATUS(wasm_memory_try_grow(first, 2, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(first, 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_STATUS(wasm_memory_try_grow(second, 1, NULL), WASM_MEMORY_OK);
        wasm_memory_delete(third);
        wasm_memory_delete(second);
        wasm_memory_delete(first);
    }
    CHECK_EQ(of_store(own).grow_count, ROUNDS);
    CHECK_EQ(of_store(own).peak_bytes, 2 * PAGE);
    wasm_store_delete(own);
    return NULL;
}

static void *poll(void *unused) {
    uint64_t peak = 0, grown = 0, failed = 0, wrong = 0;
    (void)unused;
    while (!__atomic_load_n(&busy_done, __ATOMIC_ACQUIRE)) {
        const wasm_store_stats_t store = of_store(busy.store);
        const wasm_engine_stats_t engine = of_engine(busy.engine);
        wrong += store.memories > 2 * WORKERS || store.byte_length > 4 * WORKERS * PAGE;
        wrong += store.byte_length < store.memories * PAGE || store.peak_bytes < store.byte_length;
        wrong += store.peak_bytes < peak || store.grow_count < grown || store.grow_failures < failed;
        wrong += store.peak_bytes > 4 * WORKERS * PAGE;
        wrong += engine.stores < 1 || engine.stores > 1 + WORKERS;
        wrong += engine.memories < 1 || engine.memories > 1 + 2 * WORKERS * 100;
        wrong += engine.byte_length < PAGE || engine.byte_length > GIB;
        wrong += engine.committed_bytes > engine.reserved_bytes || engine.mappings > 100000;
        peak = store.peak_bytes, grown = store.grow_count, failed = store.grow_failures;
    }
    CHECK_EQ(wrong, 0);
    return NULL;
}

TEST(answers_are_possible_ones_while_others_work_and_exact_when_they_are_done) {
    pthread_t threads[WORKERS + 2];
    wasm_memorytype_t *const type = type_of(shared_pages(1, 1));
    int i;
    busy = host_default();
    busy_done = false;
    CHECK_STATUS(wasm_shared_memory_new(busy.engine, type, &busy_token), WASM_MEMORY_OK);
    for (i = 0; i < WORKERS + 2; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i < WORKERS ? work : poll, NULL), 0);
    for (i = 0; i < WORKERS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    __atomic_store_n(&busy_done, true, __ATOMIC_RELEASE);
    for (; i < WORKERS + 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(of_store(busy.store).memories, 0);
    CHECK_EQ(of_store(busy.store).byte_length, 0);
    CHECK_EQ(of_store(busy.store).grow_count, WORKERS * ROUNDS);
    CHECK_EQ(of_store(busy.store).grow_failures, WORKERS * ROUNDS);
    CHECK(of_store(busy.store).peak_bytes >= 4 * PAGE);
    CHECK_EQ(of_engine(busy.engine).stores, 1);
    CHECK_EQ(of_engine(busy.engine).memories, 1);
    CHECK_EQ(of_engine(busy.engine).byte_length, PAGE);
    wasm_shared_memory_delete(busy_token);
    wasm_memorytype_delete(type);
    host_delete(busy);
}

/* ---- the cost ---- */

static double microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

TEST(asking_costs_little_however_many_memories_there_are) {
    enum { COUNT = 10000 };
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t **const memories = (wasm_memory_t **)calloc(COUNT, sizeof *memories);
    double best = 1e9, first, started;
    int i;
    for (i = 0; i < COUNT; i++) memories[i] = memory_of(host, pages_32(1, 4));
    for (i = 0; i < COUNT; i++) CHECK_STATUS(wasm_memory_try_grow(memories[i], 1, NULL), WASM_MEMORY_OK);
    started = microseconds();
    CHECK_EQ(of_store(host.store).byte_length, 2 * COUNT * PAGE);
    first = microseconds() - started;
    for (i = 0; i < 100; i++) {
        double took;
        started = microseconds();
        CHECK_EQ(of_store(host.store).memories, COUNT);
        CHECK_EQ(of_engine(host.engine).memories, COUNT);
        took = microseconds() - started;
        if (took < best) best = took;
    }
    printf("  %d memories: %.1f us for the first look, %.1f us for store and engine\n", COUNT, first, best);
    CHECK(best < 50);
    for (i = 0; i < COUNT; i++) wasm_memory_delete(memories[i]);
    CHECK_EQ(of_store(host.store).peak_bytes, 2 * COUNT * PAGE);
    CHECK_EQ(of_store(host.store).byte_length, 0);
    free(memories);
    host_delete(host);
}

int main(void) {
    RUN(nothing_and_too_small_structs_are_refused);
    RUN(fields_are_written_as_far_as_they_fit);
    RUN(stats_of_a_store_follow_its_memories);
    RUN(growth_that_is_denied_counts_whoever_denies_it);
    RUN(a_shared_memory_counts_in_each_store_and_once_in_the_engine);
    RUN(a_deleted_store_counts_as_long_as_something_keeps_it);
#if !defined(_WIN32)
    RUN(mappings_are_those_that_the_system_tells);
    RUN(memories_without_pages_count_as_one_guard);
    RUN(pages_of_images_are_mappings_of_their_own);
    RUN(a_slab_is_one_mapping_for_many_memories_and_stays_until_it_is_trimmed);
    RUN(resident_bytes_are_those_of_the_system_for_every_kind_of_memory);
    RUN(memories_that_end_within_a_page_have_no_more_than_they_are);
    RUN(reading_makes_nothing_resident);
    RUN(pages_of_images_and_files_are_resident_once_they_are_touched);
    RUN(memories_of_the_host_are_resident_where_they_were_written_and_in_no_mapping_of_ours);
#endif
    RUN(answers_are_possible_ones_while_others_work_and_exact_when_they_are_done);
    RUN(asking_costs_little_however_many_memories_there_are);
    return check_finish();
}
