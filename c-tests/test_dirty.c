/* test_dirty [SEED]: which parts of a memory have changed, since it was made or since one has last asked to
 * count anew. What happens at random follows from the seed, which is printed. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>

#include "support/engines.h"
#include "support/limiters.h"

/* ---- what is told ---- */

#define MOST_RANGES 4096

typedef struct {
    uint64_t offset, length;
} range_t;

typedef struct {
    range_t ranges[MOST_RANGES];
    size_t count;
} ranges_t;

static void note_range(void *env, uint64_t offset, uint64_t length) {
    ranges_t *const ranges = (ranges_t *)env;
    if (ranges->count < MOST_RANGES) {
        ranges->ranges[ranges->count].offset = offset;
        ranges->ranges[ranges->count].length = length;
    }
    ranges->count++;
}

#ifdef _WIN32
static uint64_t host_page(void) { return 4096; }
#else
static uint64_t host_page(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }
#endif
static uint64_t granule_of(const wasm_memory_t *memory) { return stats_of(memory).dirty_granule_bytes; }

static bool is_covered(const ranges_t *ranges, uint64_t offset) {
    size_t i;
    for (i = 0; i < ranges->count; i++)
        if (ranges->ranges[i].offset <= offset && offset - ranges->ranges[i].offset < ranges->ranges[i].length)
            return true;
    return false;
}

/* The ranges, each as it must be: from granule to granule or to the end of the memory, the first byte's first,
   and as long as they can be. */
static bool ranges_of(const wasm_memory_t *memory, ranges_t *ranges, const char *file, int line) {
    const uint64_t length = wasm_memory_data_size(memory);
    uint64_t granule, end = 0;
    bool holds = true;
    size_t i;
    ranges->count = 0;
    if (!check_status(wasm_memory_dirty_ranges(memory, note_range, ranges), WASM_MEMORY_OK, file, line,
                      "dirty_ranges"))
        return false;
    granule = granule_of(memory); /* after the call, which may find that it cannot be exact */
    holds &= check_report(granule >= host_page() && granule % host_page() == 0, file, line,
                          "the granule is made of pages of the host", ": it is not");
    if (!holds ||
        !check_report(ranges->count <= MOST_RANGES, file, line, "few ranges", ": too many for this test"))
        return false;
    for (i = 0; i < ranges->count; i++) {
        const range_t range = ranges->ranges[i];
        char found[100];
        snprintf(found, sizeof found, ": range %zu is %" PRIu64 " + %" PRIu64 " of %" PRIu64, i, range.offset,
                 range.length, length);
        holds &= check_report(range.length > 0, file, line, "no range is empty", found);
        holds &=
            check_report(i == 0 || range.offset > end, file, line, "ranges ascend and do not touch", found);
        holds &= check_report(range.offset % granule == 0, file, line, "ranges begin with a granule", found);
        holds &= check_report(range.offset <= length && range.length <= length - range.offset, file, line,
                              "ranges lie in the memory", found);
        end = range.offset + range.length;
        holds &=
            check_report(end % granule == 0 || end == length, file, line, "ranges end with a granule", found);
    }
    return holds;
}

/* Exactly the granules of these bytes are dirty. NULL: none. */
static void check_dirty(const wasm_memory_t *memory, const range_t *expected, size_t count, const char *file,
                        int line) {
    static ranges_t ranges;
    const uint64_t length = wasm_memory_data_size(memory);
    uint64_t granule, at;
    size_t i;
    if (!ranges_of(memory, &ranges, file, line)) return;
    granule = granule_of(memory);
    for (at = 0; at < length; at += granule) {
        bool dirty = false;
        char found[100];
        for (i = 0; i < count; i++)
            dirty |= expected[i].length > 0 && expected[i].offset < at + granule &&
                     expected[i].offset + expected[i].length > at;
        snprintf(found, sizeof found, ": the granule at %" PRIu64 " is %s", at, dirty ? "missing" : "there");
        if (!check_report(is_covered(&ranges, at) == dirty, file, line,
                          "what was changed is told, nothing else", found))
            return;
    }
}
#define CHECK_DIRTY(memory, ...)                                                                  \
    do {                                                                                          \
        const range_t expected_[] = {__VA_ARGS__};                                                \
        check_dirty(memory, expected_, sizeof expected_ / sizeof *expected_, __FILE__, __LINE__); \
    } while (0)
#define CHECK_CLEAN(memory) check_dirty(memory, NULL, 0, __FILE__, __LINE__)
#define CLEAR(memory) CHECK_STATUS(wasm_memory_dirty_clear(memory), WASM_MEMORY_OK)

static const shape_t *all_shapes(size_t *out_count) {
    static shape_t shapes[6];
    shapes[0] = pages_32(2, 16);
    shapes[1] = pages_64(2, 16);
    shapes[2] = bytes_32(2 * PAGE, MIB);
    shapes[3] = bytes_32(100001, 130000);
    shapes[4] = shape(100001, 130000, true, false, 0);
    shapes[5] = shape(2, 2, false, true, 16);
    *out_count = 6;
    return shapes;
}

/* Reads all of it, which is no change. */
static void read_all(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    volatile const uint8_t *const bytes = view->base;
    uint64_t at, sum = 0;
    for (at = 0; at < view->byte_length; at += 512) sum += bytes[at];
    CHECK(sum <= UINT64_MAX);
}

TEST(nothing_has_changed_in_the_beginning) {
    static uint8_t bytes[PAGE];
    size_t kind, i, count;
    const shape_t *const shapes = all_shapes(&count);
    scribble(bytes, sizeof bytes, 1);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(1234, bytes, sizeof bytes);
        for (i = 0; i < count; i++) {
            wasm_memory_image_t *taken = NULL;
            int how, round;
            if (shapes[i].shared && kinds[kind].host_made) continue;
            for (round = 0; round < 2; round++) /* new, and in the place of others */
                for (how = 0; how < 3; how++) {
                    wasm_memory_t *const memory = how == 0   ? memory_of(host, shapes[i])
                                                  : how == 1 ? memory_from(host, shapes[i], image)
                                                             : memory_from(host, shapes[i], taken);
                    CHECK_CLEAN(memory);
                    read_all(memory);
                    CHECK_CLEAN(memory);
                    if (how == 1 && taken == NULL) taken = snapshot(memory);
                    if (round == 1) CLEAR(memory);
                    CHECK_CLEAN(memory);
                    memset(wasm_memory_view(memory)->base, 0xee, (size_t)wasm_memory_view(memory)->byte_length);
                    CHECK_DIRTY(memory, {0, wasm_memory_view(memory)->byte_length});
                    wasm_memory_delete(memory);
                }
            wasm_memory_image_delete(taken);
        }
        wasm_memory_image_delete(image);
        host_delete(host);
    }
}

/* ---- each way of changing ---- */

static wasm_data_segment_t *segment;
static wasm_memory_t *source;

typedef wasm_memory_status_t (*change_t)(wasm_memory_t *);

static const uint8_t sixteen[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Where each of them changes something: over the border of two pages of the host, of the third and fourth. */
#define BORDER (4 * host_page())
#define AT (BORDER - 4)

static wasm_memory_status_t by_write(wasm_memory_t *memory) {
    return wasm_memory_write(memory, AT, sixteen, 8);
}
static wasm_memory_status_t by_fill(wasm_memory_t *memory) { return wasm_memory_fill(memory, AT, 9, 8); }
static wasm_memory_status_t by_u64(wasm_memory_t *memory) {
    return wasm_memory_store_u64(memory, AT, UINT64_MAX / 3);
}
static wasm_memory_status_t by_v128(wasm_memory_t *memory) {
    return wasm_memory_store_v128(memory, AT, sixteen);
}
static wasm_memory_status_t by_f64(wasm_memory_t *memory) { return wasm_memory_store_f64(memory, AT, -0.3); }
static wasm_memory_status_t by_init(wasm_memory_t *memory) {
    return wasm_memory_init(memory, AT, segment, 1, 8);
}
static wasm_memory_status_t by_copy(wasm_memory_t *memory) {
    return wasm_memory_copy_within(memory, AT, 16, 8);
}
static wasm_memory_status_t by_copy_between(wasm_memory_t *memory) {
    return wasm_memory_copy_between(memory, AT, source, 3, 8);
}
static wasm_memory_status_t by_copy_apart(wasm_memory_t *memory) {
    return wasm_memory_copy_within_nonoverlapping(memory, AT, 16, 8);
}
static wasm_memory_status_t by_atomic_stores(wasm_memory_t *memory) {
    const wasm_memory_status_t status = wasm_memory_atomic_store32(memory, AT, 0x01020304);
    return status != WASM_MEMORY_OK ? status : wasm_memory_atomic_store8(memory, BORDER, 9);
}
static wasm_memory_status_t by_rmw(wasm_memory_t *memory) {
    const wasm_memory_status_t status = wasm_memory_atomic_rmw16(memory, WASM_MEMORY_RMW_XOR, AT, 0x7777, NULL);
    return status != WASM_MEMORY_OK ? status
                                    : wasm_memory_atomic_rmw64(memory, WASM_MEMORY_RMW_XCHG, BORDER, 5, NULL);
}
static void change_what_is_lent(void *env, uint8_t *data, size_t length) {
    (void)env, (void)length;
    data[AT] ^= 1;
    data[BORDER] ^= 1;
}
static wasm_memory_status_t by_lending(wasm_memory_t *memory) {
    return stats_of(memory).shared ? by_fill(memory)
                                   : wasm_memory_with_data_mut(memory, change_what_is_lent, NULL);
}
static wasm_memory_status_t by_pointer(wasm_memory_t *memory) {
    wasm_memory_view(memory)->base[BORDER - 1] ^= 0x10;
    wasm_memory_view(memory)->base[BORDER] ^= 0x10;
    return WASM_MEMORY_OK;
}
#ifndef _WIN32
static wasm_memory_status_t by_the_kernel(wasm_memory_t *memory) {
    int ends[2];
    if (!CHECK_EQ(pipe(ends), 0)) return WASM_MEMORY_OK;
    CHECK_EQ(write(ends[1], sixteen, 8), 8);
    CHECK_EQ(read(ends[0], wasm_memory_view(memory)->base + AT, 8), 8);
    close(ends[0]);
    close(ends[1]);
    return WASM_MEMORY_OK;
}
#endif

static const change_t changes[] = {by_write, by_fill,    by_u64,          by_v128,       by_f64,
                                   by_init,  by_copy,    by_copy_between, by_copy_apart, by_atomic_stores,
                                   by_rmw,   by_lending, by_pointer,
#ifndef _WIN32
                                   by_the_kernel
#endif
};

TEST(each_way_of_writing_is_a_change_of_the_pages_that_it_touches) {
    static uint8_t bytes[2 * PAGE];
    size_t kind, i, count, form, which;
    const shape_t *const shapes = all_shapes(&count);
    const host_t other = host_default();
    scribble(bytes, sizeof bytes, 3);
    segment = wasm_data_segment_new((const byte_t *)bytes, 100);
    source = memory_of(other, pages_32(1, 1));
    memset(wasm_memory_view(source)->base, 0x66, 100);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(0, bytes, 100000);
        for (i = 0; i < count; i++)
            for (form = 0; form < 4; form++) { /* from zeros or an image, before the first clear or after */
                if (shapes[i].shared && kinds[kind].host_made) continue;
                for (which = 0; which < sizeof changes / sizeof *changes; which++) {
                    wasm_memory_t *const memory =
                        form % 2 == 0 ? memory_of(host, shapes[i]) : memory_from(host, shapes[i], image);
                    const bool copies = changes[which] == by_copy || changes[which] == by_copy_apart;
                    if (copies) /* something to be copied */
                        CHECK_STATUS(wasm_memory_fill(memory, 16, 0x22, 8), WASM_MEMORY_OK);
                    if (form >= 2) CLEAR(memory);
                    CHECK_STATUS(changes[which](memory), WASM_MEMORY_OK);
                    if (copies && form < 2)
                        CHECK_DIRTY(memory, {16, 8}, {AT, 8});
                    else
                        CHECK_DIRTY(memory, {AT, 8});
                    read_all(memory);
                    CLEAR(memory);
                    CHECK_CLEAN(memory);
                    CHECK_STATUS(by_pointer(memory), WASM_MEMORY_OK);
                    CHECK_DIRTY(memory, {AT, 8});
                    wasm_memory_delete(memory);
                }
            }
        wasm_memory_image_delete(image);
        host_delete(host);
    }
    wasm_memory_delete(source);
    wasm_data_segment_delete(segment);
    host_delete(other);
}

TEST(ranges_are_as_long_as_they_can_be_and_end_with_the_memory) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, bytes_32(100001, 130000));
        uint8_t *const base = wasm_memory_view(memory)->base;
        const uint64_t page = host_page();
        static ranges_t ranges;
        int round;
        for (round = 0; round < 2; round++) { /* before the first clear, and after */
            base[100000] ^= 1;
            base[0] ^= 1;
            base[page] ^= 1; /* with the one before: one range */
            base[3 * page] ^= 1;
            base[5 * page - 1] ^= 1;
            CHECK_DIRTY(memory, {0, 1}, {page, 1}, {3 * page, 1}, {5 * page - 1, 1}, {100000, 1});
            if (granule_of(memory) == 4096 && ranges_of(memory, &ranges, __FILE__, __LINE__) &&
                CHECK_EQ(ranges.count, 3)) {
                CHECK_EQ(ranges.ranges[0].offset, 0);
                CHECK_EQ(ranges.ranges[0].length, 2 * 4096);
                CHECK_EQ(ranges.ranges[1].offset, 3 * 4096);
                CHECK_EQ(ranges.ranges[1].length, 2 * 4096);
                CHECK_EQ(ranges.ranges[2].offset, 98304);
                CHECK_EQ(ranges.ranges[2].length, 100001 - 98304);
            }
            CLEAR(memory);
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

/* ---- changes of more than bytes ---- */

TEST(growth_erasing_discarding_and_reset_are_changes) {
    static uint8_t bytes[2 * PAGE];
    size_t kind, form;
    scribble(bytes, sizeof bytes, 4);
    for (kind = 0; kind < KINDS; kind++)
        for (form = 0; form < 4; form++) {
            const host_t host = host_of(&kinds[kind]);
            wasm_memory_image_t *const image = image_of(0, bytes, sizeof bytes);
            wasm_memory_t *const memory =
                form % 2 == 0 ? memory_of(host, pages_32(2, 16)) : memory_from(host, pages_32(2, 16), image);
            const uint64_t page = host_page();
            bool grows;
            if (form % 2 == 0) CHECK_STATUS(wasm_memory_write(memory, 0, bytes, sizeof bytes), WASM_MEMORY_OK);
            if (form / 2 != 0 || form % 2 == 0) CLEAR(memory);
            CHECK_CLEAN(memory);
            CHECK_STATUS(wasm_memory_discard(memory, page + 1, 2 * page), WASM_MEMORY_OK);
            CHECK_DIRTY(memory, {page + 1, 2 * page});
            CLEAR(memory);
            CHECK_STATUS(wasm_memory_discard(memory, 5 * page, 3 * page), WASM_MEMORY_OK);
            read_all(memory);
            CHECK_DIRTY(memory, {5 * page, 3 * page});
            wasm_memory_view(memory)->base[6 * page] = 1;
            CHECK_DIRTY(memory, {5 * page, 3 * page});
            CLEAR(memory);
            CHECK_CLEAN(memory);
            /* Pages that are new are a change, zero as they are. A tiny slot has none. */
            grows = wasm_memory_try_grow(memory, 1, NULL) == WASM_MEMORY_OK;
            if (grows) {
                CHECK_DIRTY(memory, {2 * PAGE, PAGE});
                read_all(memory);
                CHECK_DIRTY(memory, {2 * PAGE, PAGE});
                wasm_memory_view(memory)->base[2 * PAGE + 1] = 1;
                CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
                CHECK_DIRTY(memory, {2 * PAGE, 3 * PAGE});
                CLEAR(memory);
                CHECK_CLEAN(memory);
                wasm_memory_view(memory)->base[3 * PAGE - 1] = 1;
                CHECK_DIRTY(memory, {3 * PAGE - 1, 1});
            }
            CLEAR(memory);
            {
                static ranges_t ranges;
                CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
                if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
                    CHECK(is_covered(&ranges, 0)); /* where there was something */
                    CHECK(is_covered(&ranges, 2 * PAGE - 1));
                }
                CLEAR(memory);
                CHECK_CLEAN(memory);
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
                    CHECK(is_covered(&ranges, 0));
                    CHECK(is_covered(&ranges, 2 * PAGE - 1));
                }
                CLEAR(memory);
                CHECK_CLEAN(memory);
                /* After it, writes are counted as before. */
                wasm_memory_view(memory)->base[page] ^= 1;
                CHECK_DIRTY(memory, {page, 1});
                CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
                if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
                    uint64_t at;
                    for (at = 0; at < 2 * PAGE; at += page) CHECK(is_covered(&ranges, at));
                }
            }
            wasm_memory_delete(memory);
            wasm_memory_image_delete(image);
            host_delete(host);
        }
}

/* A page that a reset took away and growth brought back is another page if it was something else before. */
TEST(what_a_reset_cuts_off_is_told_when_it_comes_back) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        static ranges_t ranges;
        uint64_t at;
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        memset(wasm_memory_view(memory)->base, 8, 2 * PAGE);
        CLEAR(memory);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        if (!kinds[kind].host_made) CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        if (ranges_of(memory, &ranges, __FILE__, __LINE__))
            for (at = 0; at < 2 * PAGE; at += host_page()) CHECK(is_covered(&ranges, at));
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(mapping_and_unmapping_are_changes_and_protections_are_none) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    const uint32_t flags[] = {WASM_MEMORY_MAP_READ_ONLY, WASM_MEMORY_MAP_COPY_ON_WRITE, WASM_MEMORY_MAP_SHARED};
    size_t mode, flag, cleared;
    for (mode = 0; mode < 3; mode++)
        for (flag = 0; flag < 3; flag++)
            for (cleared = 0; cleared < 2; cleared++) {
                const host_t host = host_with_bounds(strategies[mode]);
                wasm_memory_t *const memory = memory_of(host, pages_32(4, 4));
                uint8_t *const base = wasm_memory_view(memory)->base;
                static uint8_t bytes[PAGE];
                static ranges_t ranges;
                FILE *const file = tmpfile();
                if (!CHECK(file != NULL)) return;
                scribble(bytes, sizeof bytes, 3);
                CHECK_EQ(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
                fflush(file);
                if (cleared) CLEAR(memory);
                CHECK_STATUS(wasm_memory_map_file(memory, PAGE, fileno(file), 0, PAGE, flags[flag]),
                             WASM_MEMORY_OK);
                CHECK_DIRTY(memory, {PAGE, PAGE});
                base[3 * PAGE] = 1;
                CHECK_DIRTY(memory, {PAGE, PAGE}, {3 * PAGE, 1});
                CLEAR(memory);
                base[2 * PAGE] = 1; /* beside it things are counted exactly */
                if (flags[flag] != WASM_MEMORY_MAP_READ_ONLY) base[PAGE + 5 * host_page()] ^= 1;
                if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
                    uint64_t at;
                    CHECK(is_covered(&ranges, 2 * PAGE));
                    if (flags[flag] != WASM_MEMORY_MAP_READ_ONLY)
                        CHECK(is_covered(&ranges, PAGE + 5 * host_page()));
                    if (granule_of(memory) == host_page()) {
                        for (at = 0; at < PAGE; at += host_page()) CHECK(!is_covered(&ranges, at));
                        for (at = 2 * PAGE + host_page(); at < 4 * PAGE; at += host_page())
                            CHECK(!is_covered(&ranges, at));
                    }
                }
                CHECK_STATUS(wasm_memory_unmap(memory, PAGE, PAGE), WASM_MEMORY_OK);
                CHECK_DIRTY(memory, {PAGE, PAGE}, {2 * PAGE, 1});
                CLEAR(memory);
                CHECK_CLEAN(memory);
                base[PAGE + 1] = 1;
                CHECK_STATUS(wasm_memory_protect(memory, 2 * PAGE, PAGE, WASM_MEMORY_PROT_READ),
                             WASM_MEMORY_OK);
                CHECK_DIRTY(memory, {PAGE + 1, 1});
                CHECK_STATUS(wasm_memory_protect(memory, 0, host_page(), WASM_MEMORY_PROT_NONE),
                             WASM_MEMORY_OK);
                ranges.count = 0;
                CHECK_STATUS(wasm_memory_dirty_ranges(memory, note_range, &ranges), WASM_MEMORY_PROTECTED);
                CHECK_EQ(ranges.count, 0);
                CHECK_STATUS(wasm_memory_protect(memory, 0, PAGE, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
                CHECK_DIRTY(memory, {PAGE + 1, 1});
                wasm_memory_delete(memory);
                fclose(file);
                host_delete(host);
            }
}

/* ---- statuses ---- */

static int called; /* how often what must not be called was */

static void must_not_be_called(void *env, uint64_t offset, uint64_t length) {
    (void)env, (void)offset, (void)length;
    called++;
}

TEST(null_is_an_argument_error) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_view(memory)->base[0] = 1;
    CHECK_STATUS(wasm_memory_dirty_ranges(NULL, must_not_be_called, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_dirty_ranges(memory, NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_dirty_clear(NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(called, 0);
    CHECK_DIRTY(memory, {0, 1});
    wasm_memory_delete(memory);
    host_delete(host);
}

static void ask_while_lent(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    CHECK_STATUS(wasm_memory_dirty_ranges((const wasm_memory_t *)env, must_not_be_called, NULL),
                 WASM_MEMORY_BORROWED);
}

static void ask_while_read(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    CHECK_DIRTY((const wasm_memory_t *)env, {5, 1});
}

TEST(what_is_lent_to_be_changed_is_not_told) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
        wasm_memory_view(memory)->base[5] = 1;
        CHECK_STATUS(wasm_memory_with_data_mut(memory, ask_while_lent, memory), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_with_data(memory, ask_while_read, memory), WASM_MEMORY_OK);
        CHECK_EQ(called, 0);
        CHECK_DIRTY(memory, {5, 1});
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

/* A caller with a header from before the field. */
TEST(stats_of_an_older_caller_are_as_they_were) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(3, 5));
    wasm_memory_stats_t stats, whole = stats_of(memory);
    const size_t old_size = offsetof(wasm_memory_stats_t, dirty_granule_bytes);
    memset(&stats, 0x5a, sizeof stats);
    stats.struct_size = old_size;
    CHECK_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    CHECK_EQ(stats.struct_size, old_size);
    CHECK_EQ(stats.byte_length, 3 * PAGE);
    CHECK_EQ(stats.map_alignment_bytes, whole.map_alignment_bytes);
    CHECK_EQ(stats.bounds, whole.bounds);
    CHECK(stats.resident_bytes < 3 * PAGE + 1);
    CHECK_EQ(stats.dirty_granule_bytes, UINT64_C(0x5a5a5a5a5a5a5a5a)); /* not written */
    stats.struct_size = sizeof stats - 1;                              /* a field that does not fit whole */
    CHECK_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    CHECK_EQ(stats.dirty_granule_bytes, UINT64_C(0x5a5a5a5a5a5a5a5a));
    CHECK_EQ(offsetof(wasm_memory_stats_t, dirty_granule_bytes),
             offsetof(wasm_memory_stats_t, resident_bytes) + sizeof(uint64_t));
    CHECK(whole.dirty_granule_bytes >= host_page());
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- callbacks that do something ---- */

typedef struct {
    wasm_memory_t *memory;
    int calls;
    bool within;
} caller_t;

static void clear_in_call(void *env, uint64_t offset, uint64_t length) {
    caller_t *const caller = (caller_t *)env;
    (void)offset, (void)length;
    caller->calls++;
    CLEAR(caller->memory);
}

static void read_in_call(void *env, uint64_t offset, uint64_t length) {
    caller_t *const caller = (caller_t *)env;
    static uint8_t bytes[4 * PAGE];
    caller->calls++;
    if (!CHECK(length <= sizeof bytes)) return;
    CHECK_STATUS(wasm_memory_read(caller->memory, offset, bytes, (size_t)length), WASM_MEMORY_OK);
    CHECK(!is_zero(bytes, length));
}

static void ask_in_call(void *env, uint64_t offset, uint64_t length) {
    caller_t *const caller = (caller_t *)env;
    (void)offset, (void)length;
    caller->calls++;
    if (caller->within) return;
    caller->within = true;
    CHECK_STATUS(wasm_memory_dirty_ranges(caller->memory, ask_in_call, caller), WASM_MEMORY_OK);
    caller->within = false;
}

static void delete_in_call(void *env, uint64_t offset, uint64_t length) {
    caller_t *const caller = (caller_t *)env;
    (void)length;
    caller->calls++;
    if (caller->memory == NULL) return;
    CHECK_EQ(wasm_memory_view(caller->memory)->base[offset], 3);
    wasm_memory_delete(caller->memory);
    caller->memory = NULL;
}

TEST(what_is_called_with_the_ranges_may_use_the_memory) {
    size_t kind, cleared;
    for (kind = 0; kind < KINDS; kind++)
        for (cleared = 0; cleared < 2; cleared++) {
            const host_t host = host_of(&kinds[kind]);
            caller_t caller;
            uint8_t *base;
            int ranges;
            memset(&caller, 0, sizeof caller);
            caller.memory = memory_of(host, pages_32(2, 2));
            base = wasm_memory_view(caller.memory)->base;
            if (cleared) CLEAR(caller.memory);
            base[0] = base[PAGE] = base[2 * PAGE - 1] = 1;
            CHECK_STATUS(wasm_memory_dirty_ranges(caller.memory, read_in_call, &caller), WASM_MEMORY_OK);
            ranges = caller.calls;
            CHECK(ranges >= 1 && ranges <= 3);
            if (granule_of(caller.memory) <= PAGE / 4) CHECK_EQ(ranges, 3);
            caller.calls = 0;
            CHECK_STATUS(wasm_memory_dirty_ranges(caller.memory, ask_in_call, &caller), WASM_MEMORY_OK);
            CHECK_EQ(caller.calls, ranges + ranges * ranges);
            caller.calls = 0;
            CHECK_STATUS(wasm_memory_dirty_ranges(caller.memory, clear_in_call, &caller), WASM_MEMORY_OK);
            CHECK(caller.calls >= 1 && caller.calls <= ranges);
            CHECK_CLEAN(caller.memory);
            base[0] = base[PAGE] = 2;
            CHECK_DIRTY(caller.memory, {0, 1}, {PAGE, 1});
            base[0] = base[PAGE] = 3;
            caller.calls = 0;
            CHECK_STATUS(wasm_memory_dirty_ranges(caller.memory, delete_in_call, &caller), WASM_MEMORY_OK);
            CHECK(caller.memory == NULL);
            CHECK(caller.calls >= 1);
            wasm_memory_delete(caller.memory); /* nothing, if it was deleted */
            host_delete(host);
        }
}

/* ---- large ones ---- */

TEST(of_a_large_memory_the_few_pages_that_changed_are_told) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t mode, huge;
    for (mode = 0; mode < 3; mode++)
        for (huge = 0; huge < 2; huge++) {
            wasm_config_t *const config = wasm_config_new();
            host_t host;
            wasm_memory_t *memory;
            uint8_t *base;
            int round;
            wasm_config_memory_bounds_set(config, strategies[mode]);
            wasm_config_memory_huge_pages_set(config, huge != 0);
            host = host_with(config);
            memory = memory_of(host, pages_32(20 * MIB / PAGE, 30 * MIB / PAGE));
            base = wasm_memory_view(memory)->base;
            for (round = 0; round < 3; round++) {
                base[7 * MIB] ^= 1;
                base[7 * MIB + 8191] ^= 1;
                base[20 * MIB - 1] ^= 1;
                CHECK_DIRTY(memory, {7 * MIB, 8192}, {20 * MIB - 1, 1});
                CLEAR(memory);
                CHECK_CLEAN(memory);
            }
            CHECK_STATUS(wasm_memory_fill(memory, 2 * MIB, 7, 6 * MIB), WASM_MEMORY_OK);
            CHECK_DIRTY(memory, {2 * MIB, 6 * MIB});
            CLEAR(memory);
            base[3 * MIB] ^= 1;
            CHECK_DIRTY(memory, {3 * MIB, 1});
            wasm_memory_delete(memory);
            host_delete(host);
        }
}

TEST(of_a_memory_of_64_bits_the_few_pages_that_changed_are_told) {
    const host_t host = host_default();
    wasm_memory_t *memory = NULL;
    static ranges_t ranges;
    const uint64_t length = 5 * GIB;
    int round;
    if (is_watched() || try_memory(host, pages_64(length / PAGE, NO_MAXIMUM), &memory) != WASM_MEMORY_OK) {
        puts("skipped: no sparse memory of 5 GiB here");
        host_delete(host);
        return;
    }
    for (round = 0; round < 2; round++) {
        uint8_t *const base = wasm_memory_view(memory)->base;
        base[5] ^= 1;
        base[4 * GIB - 1] ^= 1;
        base[4 * GIB] ^= 1;
        base[length - 1] ^= 1;
        if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
            uint64_t sum = 0;
            size_t i;
            CHECK(is_covered(&ranges, 5));
            CHECK(is_covered(&ranges, 4 * GIB - 1));
            CHECK(is_covered(&ranges, 4 * GIB));
            CHECK(is_covered(&ranges, length - 1));
            for (i = 0; i < ranges.count; i++) sum += ranges.ranges[i].length;
            CHECK_EQ(sum, 4 * granule_of(memory));
        }
        CLEAR(memory);
    }
    CHECK(stats_of(memory).resident_bytes < 64 * MIB); /* asking touches nothing */
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- at random ---- */

#define LARGEST MIB

/* A memory, what it was like when the counting began, and which of its pages were touched since. */
typedef struct {
    const kind_t *kind;
    host_t host;
    wasm_memory_t *memory;
    wasm_memory_image_t *image; /* one that it may be reset to; NULL: none */
    shape_t of;
    uint64_t random, part, step;
    uint8_t *old;
    uint64_t old_length;
    bool *touched;   /* by page of the host */
    bool may_exceed; /* more than what was touched may be told */
    bool broken;
} diary_t;

static void count_anew(diary_t *diary) {
    const wasm_memory_view_t *const view = wasm_memory_view(diary->memory);
    memcpy(diary->old, view->base, (size_t)view->byte_length);
    diary->old_length = view->byte_length;
    memset(diary->touched, 0, (size_t)(LARGEST / host_page() + 1) * sizeof *diary->touched);
}

static void touch(diary_t *diary, uint64_t offset, uint64_t length) {
    uint64_t page;
    if (length == 0) return;
    for (page = offset / host_page(); page <= (offset + length - 1) / host_page(); page++)
        diary->touched[page] = true;
}

static void check_diary(diary_t *diary) {
    static ranges_t ranges; /* the tests with threads do not get here */
    const wasm_memory_view_t *const view = wasm_memory_view(diary->memory);
    const uint64_t page = host_page();
    const int failures = check_state.failures;
    const bool holds = ranges_of(diary->memory, &ranges, __FILE__, __LINE__);
    const uint64_t granule = granule_of(diary->memory);
    uint64_t at;
    if (holds)
        for (at = 0; at < view->byte_length && check_state.failures == failures; at += granule) {
            const bool told = is_covered(&ranges, at);
            bool changed = false, touched = false;
            uint64_t start;
            for (start = at; start < least(at + granule, view->byte_length); start += page) {
                const uint64_t end = least(least(start + page, view->byte_length), diary->old_length);
                touched |= diary->touched[start / page];
                changed |= start >= diary->old_length ||
                           memcmp(view->base + start, diary->old + start, (size_t)(end - start)) != 0;
            }
            if (changed) CHECK(told);
            if (!touched && !diary->may_exceed) CHECK(!told);
            if (check_state.failures != failures)
                printf("  at %" PRIu64 " of %" PRIu64 ", granule %" PRIu64 "\n", at, view->byte_length,
                       granule);
        }
    if (check_state.failures != failures) {
        printf("  engine \"%s\", seed %" PRIu64 " (part %" PRIu64 "), step %" PRIu64 "\n", diary->kind->name,
               seed, diary->part, diary->step);
        diary->broken = true;
    }
}

static void diary_begins(diary_t *diary) {
    const shape_t shapes[] = {
        pages_32(1, 16),
        pages_32(0, 8),
        pages_32(5, 5),
        pages_64(2, 9),
        bytes_32(0, 20000),
        bytes_32(4097, 300000),
        shape(130000, 140000, true, false, 0),
        shape(3, 6, false, true, 16),
        shape(5000, 9000, false, true, 0),
    };
    const size_t count = sizeof shapes / sizeof *shapes - (diary->kind->host_made ? 2 : 0);
    wasm_memory_delete(diary->memory);
    wasm_memory_image_delete(diary->image);
    diary->image = NULL;
    diary->of = shapes[random_below(&diary->random, count)];
    if (random_below(&diary->random, 2) == 0) {
        diary->memory = memory_of(diary->host, diary->of);
    } else {
        static uint8_t bytes[LARGEST];
        const uint64_t length = minimum_of(diary->of), start = random_below(&diary->random, length);
        scribble(bytes, length - start, diary->step);
        diary->image = image_of(start, bytes, (size_t)(length - start));
        diary->memory = memory_from(diary->host, diary->of, diary->image);
    }
    if (diary->memory == NULL) {
        diary->broken = true;
        return;
    }
    count_anew(diary);
    if (random_below(&diary->random, 3) == 0) check_diary(diary);
}

static void diary_changes(diary_t *diary) {
    wasm_memory_t *const memory = diary->memory;
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint8_t *const base = view->base;
    const uint64_t size = view->byte_length, page = page_of(diary->of);
    const uint64_t lengths[] = {1, 8, 100, host_page(), 3 * host_page(), 30000, size};
    const uint64_t at = random_below(&diary->random, size);
    const uint64_t length = least(size - at, lengths[random_below(&diary->random, 7)]);
    const uint8_t value = (uint8_t)random_below(&diary->random, 3); /* often what is there */
    wasm_memory_status_t status = WASM_MEMORY_OK;
    uint64_t i, where = at;
    if (size == 0 && random_below(&diary->random, 2) == 0) return;
    switch (size == 0 ? 0 : random_below(&diary->random, 12)) {
    case 0: {
        const uint64_t room = (maximum_of(diary->of) - size) / page;
        const uint64_t delta = random_below(&diary->random, room + 1);
        const uint64_t grown = size + (page == 1 && delta > 5000 ? delta / 9 : delta) * page;
        status = wasm_memory_try_grow(memory, (grown - size) / page, NULL);
        if (status == WASM_MEMORY_OUT_OF_MEMORY && diary->kind->slots != 0 && grown > diary->kind->slot_bytes)
            status = WASM_MEMORY_OK;
        else
            touch(diary, size, grown - size);
        break;
    }
    case 1:
        status = wasm_memory_erase(memory);
        touch(diary, 0, size);
        break;
    case 2:
        status = wasm_memory_discard(memory, at, length);
        touch(diary, at, length);
        break;
    case 3:
        if (diary->of.shared) break;
        status = wasm_memory_reset(memory, random_below(&diary->random, 2) == 0 ? diary->image : NULL);
        touch(diary, 0, most(size, view->byte_length));
        break;
    case 4:
        status = wasm_memory_zero(memory, at, length);
        touch(diary, at, length);
        break;
    case 5:
        status = wasm_memory_fill(memory, at, value, length);
        touch(diary, at, length);
        break;
    case 6: {
        const uint64_t from = random_below(&diary->random, size - length + 1);
        status = wasm_memory_copy_within(memory, at, from, length);
        touch(diary, at, length);
        break;
    }
    case 7: /* refused: nothing is touched */
        CHECK_STATUS(wasm_memory_fill(memory, at, 9, size - at + 1), WASM_MEMORY_OUT_OF_BOUNDS);
        break;
    case 8: read_all(memory); break;
    default: /* as generated code does */
        for (i = random_below(&diary->random, 20); i > 0; i--) {
            where = (where + host_page() * random_below(&diary->random, 5) + 1) % size;
            base[where] = (uint8_t)(base[where] + value);
            touch(diary, where, 1);
        }
    }
    if (!CHECK_STATUS(status, WASM_MEMORY_OK)) diary->broken = true;
}

static bool diary_new(diary_t *diary, const kind_t *kind, uint64_t part) {
    memset(diary, 0, sizeof *diary);
    diary->kind = kind;
    diary->part = part;
    diary->random = random_of(part);
    diary->host = host_of(kind);
    diary->old = (uint8_t *)malloc((size_t)LARGEST);
    diary->touched = (bool *)calloc((size_t)(LARGEST / host_page() + 1), sizeof *diary->touched);
    if (!CHECK(diary->old != NULL && diary->touched != NULL)) return false;
    diary_begins(diary);
    return !diary->broken;
}

static void diary_goes_on(diary_t *diary, uint64_t steps) {
    for (; steps > 0 && !diary->broken; steps--, diary->step++) {
        const uint64_t chance = random_below(&diary->random, 20);
        if (chance == 0) {
            diary_begins(diary);
        } else if (chance < 4) {
            check_diary(diary);
            if (!CHECK_STATUS(wasm_memory_dirty_clear(diary->memory), WASM_MEMORY_OK)) diary->broken = true;
            count_anew(diary);
            if (random_below(&diary->random, 2) == 0) check_diary(diary);
        } else {
            diary_changes(diary);
            if (random_below(&diary->random, 2) == 0) check_diary(diary);
        }
    }
}

static void diary_ends(diary_t *diary) {
    wasm_memory_delete(diary->memory);
    wasm_memory_image_delete(diary->image);
    free(diary->old);
    free(diary->touched);
    host_delete(diary->host);
}

TEST(whatever_happens_what_changed_is_told_and_nothing_else) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        diary_t diary;
        if (diary_new(&diary, &kinds[kind], kind)) diary_goes_on(&diary, steps_of(5000));
        diary_ends(&diary);
    }
}

/* ---- after fork ---- */

static void go_on(void *env) {
    diary_t *const diary = (diary_t *)env;
    diary->random ^= (uint64_t)getpid() << 20;
    check_diary(diary);
    diary_goes_on(diary, steps_of(800));
    diary_ends(diary);
}

static void go_on_in_the_child(void *env) {
    ((diary_t *)env)->may_exceed = true;
    go_on(env);
}

TEST(after_fork_both_processes_are_told_of_their_own_changes) {
    size_t kind, cleared;
    for (kind = 0; kind < KINDS; kind++)
        for (cleared = 0; cleared < 3; cleared++) {
            diary_t diary;
            if (!diary_new(&diary, &kinds[kind], 1000 + 3 * kind + cleared)) continue;
            diary_goes_on(&diary, cleared == 2 ? 0 : steps_of(100));
            if (cleared == 1) {
                CLEAR(diary.memory);
                count_anew(&diary);
            }
            both_at_once(go_on_in_the_child, go_on, &diary); /* here as exactly as ever */
        }
}

/* ---- several threads ---- */

typedef struct {
    wasm_memory_t *memory;
    uint64_t first, wrong;
    pthread_barrier_t *barrier;
    int rounds;
} member_t;

static void count_bytes(void *env, uint64_t offset, uint64_t length) {
    (void)offset;
    *(uint64_t *)env += length;
}

static void *ask_again_and_again(void *env) {
    member_t *const member = (member_t *)env;
    int round;
    for (round = 0; round < member->rounds; round++) {
        uint64_t sum = 0;
        uint8_t byte = 0;
        member->wrong += wasm_memory_dirty_ranges(member->memory, count_bytes, &sum) != WASM_MEMORY_OK;
        member->wrong += sum != member->first;
        member->wrong += wasm_memory_read(member->memory, 7, &byte, 1) != WASM_MEMORY_OK;
    }
    return NULL;
}

TEST(several_threads_may_ask_at_once) {
    size_t kind, cleared, i;
    for (kind = 0; kind < KINDS; kind++)
        for (cleared = 0; cleared < 2; cleared++) {
            const host_t host = host_of(&kinds[kind]);
            wasm_memory_t *const memory = memory_of(host, pages_32(2, 2));
            pthread_t threads[3];
            member_t members[3];
            if (cleared) CLEAR(memory);
            wasm_memory_view(memory)->base[7] = 1;
            wasm_memory_view(memory)->base[PAGE + 7] = 1;
            for (i = 0; i < 3; i++) {
                memset(&members[i], 0, sizeof members[i]);
                members[i].memory = memory;
                members[i].first = 2 * granule_of(memory);
                members[i].rounds = is_watched() ? 10 : 300;
                CHECK_EQ(pthread_create(&threads[i], NULL, ask_again_and_again, &members[i]), 0);
            }
            for (i = 0; i < 3; i++) {
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
                CHECK_EQ(members[i].wrong, 0);
            }
            CHECK_DIRTY(memory, {7, 1}, {PAGE + 7, 1});
            wasm_memory_delete(memory);
            host_delete(host);
        }
}

/* Threads that write to a shared memory beside one that counts anew and asks: what was written since is told.
 */
static void *write_between(void *env) {
    member_t *const member = (member_t *)env;
    int round;
    for (round = 0; round < member->rounds; round++) {
        pthread_barrier_wait(member->barrier); /* it was counted anew */
        wasm_memory_view(member->memory)->base[member->first + (uint64_t)round % 8 * host_page()] ^= 1;
        member->wrong += wasm_memory_atomic_rmw8(member->memory, WASM_MEMORY_RMW_ADD, member->first + PAGE / 2,
                                                 1, NULL) != WASM_MEMORY_OK;
        pthread_barrier_wait(member->barrier);
        /* Now it is asked. */
    }
    return NULL;
}

TEST(what_threads_wrote_to_a_shared_memory_is_told) {
    size_t kind, i;
    for (kind = 0; kind < KINDS; kind++) {
        host_t host;
        wasm_memory_t *memory;
        pthread_barrier_t barrier;
        pthread_t threads[2];
        member_t members[2];
        int round;
        const int rounds = is_watched() ? 5 : 100;
        if (kinds[kind].host_made) continue;
        host = host_of(&kinds[kind]);
        memory = memory_of(host, shape(2, 2, false, true, 16));
        CHECK_EQ(pthread_barrier_init(&barrier, NULL, 3), 0);
        for (i = 0; i < 2; i++) {
            memset(&members[i], 0, sizeof members[i]);
            members[i].memory = memory;
            members[i].first = i * PAGE;
            members[i].barrier = &barrier;
            members[i].rounds = rounds;
            CHECK_EQ(pthread_create(&threads[i], NULL, write_between, &members[i]), 0);
        }
        for (round = 0; round < rounds; round++) {
            const uint64_t at = (uint64_t)round % 8 * host_page();
            if (round > 0) CLEAR(memory);
            CHECK_CLEAN(memory);
            pthread_barrier_wait(&barrier);
            pthread_barrier_wait(&barrier);
            CHECK_DIRTY(memory, {at, 1}, {PAGE / 2, 1}, {PAGE + at, 1}, {PAGE + PAGE / 2, 1});
        }
        for (i = 0; i < 2; i++) {
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
            CHECK_EQ(members[i].wrong, 0);
        }
        pthread_barrier_destroy(&barrier);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

/* ---- processes that are not as usual ---- */

typedef struct {
    diary_t *diary;
    const char *what;
    restriction_t *restriction;
} restricted_t;

static void go_on_restricted(void *env) {
    const restricted_t *const restricted = (const restricted_t *)env;
    diary_t own;
    if (!restrict_process(restricted->restriction, restricted->what)) {
        diary_ends(restricted->diary);
        return;
    }
    restricted->diary->may_exceed = true;
    check_diary(restricted->diary);
    diary_goes_on(restricted->diary, steps_of(500));
    if (diary_new(&own, restricted->diary->kind, restricted->diary->part + 500)) {
        own.may_exceed = true;
        diary_goes_on(&own, steps_of(500));
    }
    diary_ends(&own);
    diary_ends(restricted->diary);
}

static void restrict_and_go_on(const char *what, restriction_t *restriction, uint64_t part) {
    size_t i;
    for (i = 0; i < KINDS_TO_RESTRICT && !is_watched(); i++) {
        restricted_t restricted;
        diary_t diary;
        if (diary_new(&diary, &kinds[kinds_to_restrict[i]], part + i)) diary_goes_on(&diary, 100);
        restricted.diary = &diary;
        restricted.what = what;
        restricted.restriction = restriction;
        CHECK_EQ(in_child(go_on_restricted, &restricted), 0);
        diary_ends(&diary);
    }
}

#ifdef __linux__
TEST(without_proc_all_that_changed_is_told) { restrict_and_go_on("hiding /proc", hide_proc, 4000); }

TEST(where_ioctl_is_refused_all_that_changed_is_told) {
    restrict_and_go_on("a filter of system calls", refuse_ioctl, 5000);
}

TEST(where_userfaultfd_is_refused_all_that_changed_is_told) {
    restrict_and_go_on("a filter of system calls", refuse_userfaultfd, 6000);
}

TEST(where_all_of_these_are_refused_all_that_changed_is_told) {
    restrict_and_go_on("a filter of system calls", refuse_all_of_them, 7000);
}
#endif

static void count_without_descriptors(void *unused) {
    size_t kind;
    (void)unused;
    if (!CHECK(have_no_descriptors())) return;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(2, 2));
        static ranges_t ranges;
        int round;
        for (round = 0; round < 3; round++) {
            wasm_memory_view(memory)->base[5] ^= 1;
            wasm_memory_view(memory)->base[PAGE + PAGE / 2] ^= 1;
            if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
                CHECK(is_covered(&ranges, 5));
                CHECK(is_covered(&ranges, PAGE + PAGE / 2));
            }
            CLEAR(memory);
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(without_descriptors_left_all_that_changed_is_told) {
    if (is_watched()) return;
    CHECK_EQ(in_child(count_without_descriptors, NULL), 0);
}

static void count_on_the_heap(void *unused) {
    const host_t host = host_default();
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status;
    static ranges_t ranges;
    int round;
    (void)unused;
    have_no_address_space();
    status = try_memory(host, pages_32(2, 4), &memory);
    for (round = 0; round < 3 && status == WASM_MEMORY_OK; round++) {
        wasm_memory_view(memory)->base[5] ^= 1;
        wasm_memory_view(memory)->base[PAGE + PAGE / 2] ^= 1;
        if (round == 2) CHECK_STATUS(wasm_memory_discard(memory, 100, 5000), WASM_MEMORY_OK);
        if (ranges_of(memory, &ranges, __FILE__, __LINE__)) {
            CHECK(is_covered(&ranges, 5));
            CHECK(is_covered(&ranges, PAGE + PAGE / 2));
        }
        status = wasm_memory_dirty_clear(memory);
    }
    if (status != WASM_MEMORY_OK) CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(where_nothing_can_be_mapped_all_that_changed_is_told) {
    if (is_watched()) return;
    CHECK_EQ(in_child(count_on_the_heap, NULL), 0);
}

int main(int argc, char **argv) {
    seed_set(argc, argv);
    RUN(nothing_has_changed_in_the_beginning);
    RUN(each_way_of_writing_is_a_change_of_the_pages_that_it_touches);
    RUN(ranges_are_as_long_as_they_can_be_and_end_with_the_memory);
    RUN(growth_erasing_discarding_and_reset_are_changes);
    RUN(what_a_reset_cuts_off_is_told_when_it_comes_back);
#ifndef _WIN32 /* no file is mapped there */
    RUN(mapping_and_unmapping_are_changes_and_protections_are_none);
#endif
    RUN(null_is_an_argument_error);
    RUN(what_is_lent_to_be_changed_is_not_told);
    RUN(stats_of_an_older_caller_are_as_they_were);
    RUN(what_is_called_with_the_ranges_may_use_the_memory);
    RUN_UNLESS_WINE(of_a_large_memory_the_few_pages_that_changed_are_told);
    RUN_UNLESS_WINE(of_a_memory_of_64_bits_the_few_pages_that_changed_are_told);
    RUN(whatever_happens_what_changed_is_told_and_nothing_else);
    RUN_IN_CHILDREN(after_fork_both_processes_are_told_of_their_own_changes);
    RUN(several_threads_may_ask_at_once);
    RUN(what_threads_wrote_to_a_shared_memory_is_told);
#ifdef __linux__
    RUN(without_proc_all_that_changed_is_told);
    RUN(where_ioctl_is_refused_all_that_changed_is_told);
    RUN(where_userfaultfd_is_refused_all_that_changed_is_told);
    RUN(where_all_of_these_are_refused_all_that_changed_is_told);
#endif
    RUN_IN_CHILDREN(without_descriptors_left_all_that_changed_is_told);
    RUN_IN_CHILDREN(where_nothing_can_be_mapped_all_that_changed_is_told);
    return check_finish();
}
