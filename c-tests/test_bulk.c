/* Bulk operations: zero, erase, discard, copies within a memory that must not overlap, copies between memories. What
 * they do must not depend on where a memory lies, so each property is checked in every place there is. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <stdlib.h>
#ifndef _WIN32
#include <sys/mman.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support/children.h"
#include "support/memories.h"

/* ---- places ---- */

#define LITTLE (600 * MIB)
#define HEAP_ROOM (48 * MIB)

/* Where memories lie. Those with little address space, or none, are tested in a child that has the limit. */
typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    bool moving; /* every growth moves the memory, and `memory_in` lets it grow */
    bool little; /* the whole span is refused: a mapping of what is needed */
    bool heap;   /* every mapping is refused */
} place_t;

static const place_t places[] = {
    {"GUARDED", WASM_MEMORY_BOUNDS_GUARDED, false, false, false},
    {"CHECKED", WASM_MEMORY_BOUNDS_CHECKED, false, false, false},
    {"AUTO", WASM_MEMORY_BOUNDS_AUTO, false, false, false},
    {"GUARDED, moved", WASM_MEMORY_BOUNDS_GUARDED, true, false, false},
    {"CHECKED, moved", WASM_MEMORY_BOUNDS_CHECKED, true, false, false},
    {"AUTO in 600 MB", WASM_MEMORY_BOUNDS_AUTO, false, true, false},
    {"AUTO in 600 MB, moved", WASM_MEMORY_BOUNDS_AUTO, true, true, false},
#ifdef __GLIBC__
    {"AUTO on the heap", WASM_MEMORY_BOUNDS_AUTO, false, false, true},
#endif
};

/* The room that malloc has kept when nothing more can be mapped. */
static const uint8_t *heap_start;

/* Takes all address space away but what malloc already has. */
static void live_on_the_heap(void) {
    volatile uint8_t stack[256 * 1024];
    uint8_t *room;
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
    stack[0] = stack[sizeof stack - 1] = 1; /* the stack does not grow any more either */
    room = (uint8_t *)malloc(HEAP_ROOM);
    if (!CHECK(room != NULL && stack[0] == 1)) return;
    memset(room, 0xdd, HEAP_ROOM);
    heap_start = room;
    free(room);
    limit_address_space(process_kib("VmSize:") * KIB);
}

/* Valgrind needs address space of its own, takes a second for each 8 GiB that is mapped, and counts every fault. Under
   it guards are small and not touched, and the limited places are left out. It is known by what it preloads. */
static bool under_valgrind(void) {
    const char *const preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static host_t host_of(const place_t *place) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, place->bounds);
    if (under_valgrind()) {
        wasm_config_memory_guard_size_set(config, MIB);
        wasm_config_memory_reservation_set(config, 32 * MIB);
        wasm_config_memory_reservation_for_growth_set(config, MIB);
    }
    if (place->moving) {
        wasm_config_memory_may_move_set(config, true);
        wasm_config_memory_reservation_set(config, 0);
        wasm_config_memory_reservation_for_growth_set(config, 0);
    }
    return host_with(config);
}

static wasm_memory_t *memory_in(const place_t *place, host_t host, shape_t of) {
    const uint64_t pages = of.minimum;
    wasm_memory_t *memory;
    if (place->moving) of.minimum = pages / 2;
    memory = memory_of(host, of);
    if (of.minimum < pages) CHECK_STATUS(wasm_memory_try_grow(memory, pages - of.minimum, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), pages);
    return memory;
}

typedef void body_t(const place_t *place);

typedef struct {
    body_t *body;
    const place_t *place;
} visit_t;

static void confined(void *env) {
    const visit_t *const visit = (const visit_t *)env;
    if (visit->place->heap)
        live_on_the_heap();
    else
        limit_address_space(LITTLE);
    visit->body(visit->place);
}

static void everywhere(body_t *body) {
    size_t i;
    for (i = 0; i < sizeof places / sizeof *places; i++) {
        visit_t visit;
        const int failures = check_state.failures;
        visit.body = body;
        visit.place = &places[i];
        if (!places[i].little && !places[i].heap)
            body(&places[i]);
#ifdef _WIN32
        (void)visit; /* there is no child to confine */
#else
        else if (!under_valgrind() && !under_address_sanitizer())
            CHECK_EQ(in_child(confined, &visit), 0);
#endif
        if (check_state.failures != failures) printf("  the place was: %s\n", places[i].name);
    }
}

/* That the places are what they are called. */
static void place_is_as_named(const place_t *place) {
    const host_t host = host_of(place);
    shape_t of = pages_32(4, NO_MAXIMUM);
    wasm_memory_t *const memory = memory_of(host, of);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const uint8_t *const base = view->base;
    const wasm_memory_bounds_t bounds = stats_of(memory).bounds;
    if (place->bounds != WASM_MEMORY_BOUNDS_AUTO) CHECK_EQ(bounds, place->bounds);
    if (place->little || place->heap) CHECK_EQ(bounds, WASM_MEMORY_BOUNDS_CHECKED);
    CHECK((heap_start != NULL && (uintptr_t)base - (uintptr_t)heap_start < HEAP_ROOM) == place->heap);
    CHECK(wasm_memory_may_move(memory) == place->moving);
    if (place->moving && !place->little) {
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK(view->base != base);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(memories_lie_where_these_tests_want_them) { everywhere(place_is_as_named); }

/* ---- bytes ---- */

/* Lengths with different relations to pages of the host: none, one byte, odd, a page, one more, several. */
static const shape_t lengths[] = {
    {0, 0, false, false, 0},       {1, 1, false, false, 0},       {17, 17, true, false, 0},
    {4095, 9000, false, false, 0}, {4097, 9000, false, false, 0}, {100003, 100003, false, false, 0},
    {0, 2, false, false, 16},      {1, 2, false, false, 16},      {2, NO_MAXIMUM, true, false, 16},
};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* What memories are filled with: never 0, neighbours differ, and so do memories with different salts. */
static uint8_t patterns[1024 * 1024];
static const uint8_t *pattern_of(uint64_t salt) {
    size_t at;
    if (patterns[0] == 0)
        for (at = 0; at < sizeof patterns; at++) patterns[at] = (uint8_t)((at * 7 + at / 251) % 255 + 1);
    return patterns + salt * 37;
}

static uint8_t pattern(uint64_t at, uint64_t salt) { return pattern_of(salt)[at]; }

static void pattern_fill(wasm_memory_t *memory, uint64_t salt) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    if (CHECK(view->byte_length <= sizeof patterns / 2)) memcpy(view->base, pattern_of(salt), view->byte_length);
}

static bool is_patterned(const wasm_memory_t *memory, uint64_t salt) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    return memcmp(view->base, pattern_of(salt), view->byte_length) == 0;
}

static bool is_zero(const uint8_t *bytes, uint64_t length) {
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

/* The whole of a memory against a model of the same length. */
static bool is_model(const wasm_memory_t *memory, const uint8_t *model) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    return view->byte_length == 0 || memcmp(view->base, model, view->byte_length) == 0;
}

static uint8_t *model_of(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint8_t *const model = (uint8_t *)malloc(view->byte_length + 1);
    if (CHECK(model != NULL)) memcpy(model, view->base, view->byte_length);
    return model;
}

static bool is_inside(uint64_t offset, uint64_t length, uint64_t of) { return length <= of && offset <= of - length; }

/* ---- the edges that all operations share ---- */

/* An operation on `length` bytes from `offset`; `aside` is another memory, large enough for all lengths that fit. */
typedef wasm_memory_status_t operation_t(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset, uint64_t length);

static wasm_memory_status_t op_zero(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset, uint64_t length) {
    (void)aside;
    return wasm_memory_zero(memory, offset, length);
}
static wasm_memory_status_t op_discard(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset, uint64_t length) {
    (void)aside;
    return wasm_memory_discard(memory, offset, length);
}
static wasm_memory_status_t op_apart_to(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset, uint64_t length) {
    (void)aside;
    return wasm_memory_copy_within_nonoverlapping(memory, offset, 0, length);
}
static wasm_memory_status_t op_apart_from(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset,
                                          uint64_t length) {
    (void)aside;
    return wasm_memory_copy_within_nonoverlapping(memory, 0, offset, length);
}
static wasm_memory_status_t op_between_to(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset,
                                          uint64_t length) {
    return wasm_memory_copy_between(memory, offset, aside, 0, length);
}
static wasm_memory_status_t op_between_from(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset,
                                            uint64_t length) {
    return wasm_memory_copy_between(aside, 0, memory, offset, length);
}
static wasm_memory_status_t op_itself_to(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset,
                                         uint64_t length) {
    (void)aside;
    return wasm_memory_copy_between(memory, offset, memory, 0, length);
}
static wasm_memory_status_t op_itself_from(wasm_memory_t *memory, wasm_memory_t *aside, uint64_t offset,
                                           uint64_t length) {
    (void)aside;
    return wasm_memory_copy_between(memory, 0, memory, offset, length);
}
static operation_t *const operations[] = {op_zero,       op_discard,      op_apart_to,  op_apart_from,
                                          op_between_to, op_between_from, op_itself_to, op_itself_from};
#define OPERATIONS (sizeof operations / sizeof *operations)

static void edges(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const aside = memory_in(place, host, pages_32(4, NO_MAXIMUM));
    size_t i, j, k;
    pattern_fill(aside, 1);
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = memory_in(place, host, lengths[i]);
        const uint64_t length = wasm_memory_data_size(memory);
        const uint64_t outside[][2] = {
            {length, 1},          {length - 1, 2},          {0, length + 1},           {1, length},
            {length + 1, 1},      {length / 2 + 1, length}, {UINT64_MAX, 1},           {UINT64_MAX - 7, 8},
            {UINT64_MAX - 7, 16}, {UINT64_MAX, 2},          {UINT64_C(1) << 63, 4096}, {UINT64_C(0x100000000) + 1, 1},
            {0, UINT64_MAX},      {1, UINT64_MAX},          {length, UINT64_MAX},      {UINT64_MAX, UINT64_MAX},
            {length + 1, 0},      {UINT64_MAX, 0},          {2, UINT64_MAX - 1},       {UINT64_C(1) << 32, 0},
            {1, UINT64_C(1) << 63}};
        pattern_fill(memory, 0);
        for (j = 0; j < OPERATIONS; j++) {
            CHECK_STATUS(operations[j](memory, aside, 0, 0), WASM_MEMORY_OK);
            CHECK_STATUS(operations[j](memory, aside, length, 0), WASM_MEMORY_OK);
            for (k = 0; k < sizeof outside / sizeof *outside; k++)
                CHECK_STATUS(operations[j](memory, aside, outside[k][0], outside[k][1]), WASM_MEMORY_OUT_OF_BOUNDS);
        }
        CHECK(is_patterned(memory, 0));
        CHECK(is_patterned(aside, 1));
        wasm_memory_delete(memory);
    }
    wasm_memory_delete(aside);
    host_delete(host);
}

TEST(nothing_at_the_end_is_inside_and_what_leaves_the_memory_touches_nothing) { everywhere(edges); }

/* The longest range that fits, from each offset, works; it is one byte too long from the next. */
static void exact_ends(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const memory = memory_in(place, host, bytes_32(10007, 20000));
    wasm_memory_t *const aside = memory_in(place, host, pages_64(1, 2));
    const uint64_t length = 10007;
    uint64_t offset;
    for (offset = length - 40; offset <= length; offset++) {
        const uint64_t rest = length - offset;
        size_t j;
        for (j = 0; j < OPERATIONS; j++) {
            CHECK_STATUS(operations[j](memory, aside, offset, rest + 1), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(operations[j](memory, aside, offset, rest), WASM_MEMORY_OK);
        }
    }
    wasm_memory_delete(aside);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_range_may_end_where_the_memory_does_and_not_a_byte_later) { everywhere(exact_ends); }

/* Both ranges of a copy: inside, at the end, across it, past it, wrapping. One that is outside is enough. */
TEST(a_copy_checks_both_ranges_before_it_writes) {
    static const uint64_t offsets[] = {0,    1,    100,  2900,  2996,  2997,       2999,           3000,
                                       3001, 4096, 4990, 5000,  5001,  65535,      65536,          UINT32_MAX,
                                       UINT64_MAX, UINT64_MAX - 3, UINT64_MAX - 4, UINT64_MAX - 2999};
    static const uint64_t counts[] = {0, 1, 4, 3000, 3001, 5000, 65536, UINT32_MAX, UINT64_MAX, UINT64_MAX - 2999};
    const host_t host = host_default();
    wasm_memory_t *const small = memory_of(host, bytes_32(3000, 3000));
    wasm_memory_t *const large = memory_of(host, shape(5000, NO_MAXIMUM, true, false, 0));
    size_t i, j, k;
    pattern_fill(small, 2);
    pattern_fill(large, 3);
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        for (j = 0; j < sizeof offsets / sizeof *offsets; j++) {
            for (k = 0; k < sizeof counts / sizeof *counts; k++) {
                const uint64_t to = offsets[i], from = offsets[j], count = counts[k];
                const bool to_small = is_inside(to, count, 3000), from_small = is_inside(from, count, 3000);
                const bool to_large = is_inside(to, count, 5000), from_large = is_inside(from, count, 5000);
                if (!to_small || !from_small) {
                    CHECK_STATUS(wasm_memory_copy_between(small, to, small, from, count), WASM_MEMORY_OUT_OF_BOUNDS);
                    CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(small, to, from, count),
                                 WASM_MEMORY_OUT_OF_BOUNDS);
                } else if (count > (to > from ? to - from : from - to)) {
                    CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(small, to, from, count), WASM_MEMORY_OVERLAP);
                }
                if (!to_large || !from_small)
                    CHECK_STATUS(wasm_memory_copy_between(large, to, small, from, count), WASM_MEMORY_OUT_OF_BOUNDS);
                if (!to_small || !from_large)
                    CHECK_STATUS(wasm_memory_copy_between(small, to, large, from, count), WASM_MEMORY_OUT_OF_BOUNDS);
                CHECK(is_patterned(small, 2));
                CHECK(is_patterned(large, 3));
                if (to_small && from_large) {
                    uint8_t *const model = model_of(small);
                    memcpy(model + to, wasm_memory_data(large) + from, (size_t)count);
                    CHECK_STATUS(wasm_memory_copy_between(small, to, large, from, count), WASM_MEMORY_OK);
                    CHECK(is_model(small, model));
                    free(model);
                    pattern_fill(small, 2);
                }
            }
        }
    }
    wasm_memory_delete(large);
    wasm_memory_delete(small);
    host_delete(host);
}

TEST(a_refused_range_is_told_with_its_numbers) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_t *const other = memory_of(host, pages_32(2, 2));
    size_t j;
    for (j = 0; j < OPERATIONS; j++) {
        wasm_memory_read(memory, 70011, NULL, 0); /* another sentence first */
        CHECK_STATUS(operations[j](memory, other, 65530, 123), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_LAST_ERROR("65530");
        CHECK_LAST_ERROR("123");
        CHECK_LAST_ERROR("65536");
    }
    CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(memory, 1234, 1200, 567), WASM_MEMORY_OVERLAP);
    CHECK_LAST_ERROR("1234");
    CHECK_LAST_ERROR("1200");
    CHECK_LAST_ERROR("567");
    wasm_memory_delete(other);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- zero, discard and erase ---- */

static void zeroed_ranges(const place_t *place) {
    const host_t host = host_of(place);
    const uint64_t ranges[][2] = {{0, 1},        {99999, 4}, {4095, 2},   {1, 100001},    {12345, 54321},
                                  {4096, 40960}, {7, 0},     {100003, 0}, {100002, 1}, {0, 100003}};
    wasm_memory_t *const memory = memory_in(place, host, bytes_32(100003, 200000));
    size_t i, at, which;
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (which = 0; which < 2; which++) {
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            size_t wrong = 0;
            pattern_fill(memory, i);
            if (which == 0)
                CHECK_STATUS(wasm_memory_zero(memory, ranges[i][0], ranges[i][1]), WASM_MEMORY_OK);
            else
                CHECK_STATUS(wasm_memory_discard(memory, ranges[i][0], ranges[i][1]), WASM_MEMORY_OK);
            for (at = 0; at < view->byte_length; at++) {
                const bool inside = at >= ranges[i][0] && at - ranges[i][0] < ranges[i][1];
                wrong += view->base[at] != (inside ? 0 : pattern(at, i));
            }
            CHECK_EQ(wrong, 0);
        }
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(zero_and_discard_make_their_range_zero_and_nothing_else) { everywhere(zeroed_ranges); }

/* Starts and ends two bytes around every host page, and at the ends of the memory, which end in the middle of one. */
static void discards_at_all_alignments(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const probe = memory_of(host, pages_32(0, 0));
    const uint64_t host_page = stats_of(probe).map_alignment_bytes, length = 5 * host_page + 123;
    wasm_memory_t *const memory = memory_in(place, host, shape(length, 2 * length, true, false, 0));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint8_t *const model = (uint8_t *)malloc((size_t)length);
    uint64_t cuts[64], count = 0, page, i, j;
    cuts[count++] = 0, cuts[count++] = 1, cuts[count++] = 2;
    for (page = 1; page <= 5; page++)
        for (i = 0; i < 5; i++) cuts[count++] = page * host_page + i - 2;
    cuts[count++] = length - 2, cuts[count++] = length - 1, cuts[count++] = length;
    for (i = 0; i < count; i++) {
        for (j = i; j < count; j++) {
            pattern_fill(memory, i + j);
            memcpy(model, view->base, (size_t)length);
            memset(model + cuts[i], 0, (size_t)(cuts[j] - cuts[i]));
            CHECK_STATUS(wasm_memory_discard(memory, cuts[i], cuts[j] - cuts[i]), WASM_MEMORY_OK);
            if (!CHECK(is_model(memory, model))) printf("  discarded %d to %d\n", (int)cuts[i], (int)cuts[j]);
        }
    }
    /* What lies behind the end stayed zero: growth shows it. */
    if (!place->heap) {
        pattern_fill(memory, 9);
        CHECK_STATUS(wasm_memory_discard(memory, length - 5, 5), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, length, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(view->base + length - 5, length + 5));
        CHECK_EQ(view->base[length - 6], pattern(length - 6, 9));
    }
    free(model);
    wasm_memory_delete(memory);
    wasm_memory_delete(probe);
    host_delete(host);
}

TEST(a_discard_is_exact_at_every_alignment) { everywhere(discards_at_all_alignments); }

static bool faults_past_the_end(const wasm_memory_t *memory) {
    return stats_of(memory).bounds == WASM_MEMORY_BOUNDS_GUARDED && !under_valgrind();
}

static void erased(const place_t *place) {
    const host_t host = host_of(place);
    size_t i;
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = memory_in(place, host, lengths[i]);
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        const uint64_t length = view->byte_length;
        uint8_t *const base = view->base;
        int round;
        for (round = 0; round < 3; round++) {
            pattern_fill(memory, 4);
            CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
            CHECK(view->base == base);
            CHECK_EQ(view->byte_length, length);
            CHECK_EQ(wasm_memory_pages(memory) * wasm_memory_page_size(memory), length);
            CHECK(is_zero(base, length));
        }
        if (faults_past_the_end(memory) && length % 4096 == 0) CHECK(faults(base + length, false));
        pattern_fill(memory, 5); /* all of it can still be written */
        CHECK(is_patterned(memory, 5));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(erase_makes_all_of_it_zero_and_keeps_the_size) { everywhere(erased); }

static void emptied_and_grown(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const memory = memory_in(place, host, pages_32(3, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t previous = 77;
    pattern_fill(memory, 6);
    CHECK_STATUS(wasm_memory_discard(memory, PAGE + 1, PAGE), WASM_MEMORY_OK);
    if (!place->heap) { /* where growth has no room */
        CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_OK);
        CHECK_EQ(previous, 3);
        CHECK(is_zero(view->base + 3 * PAGE, 2 * PAGE));
    }
    CHECK(is_zero(view->base + PAGE + 1, PAGE));
    CHECK_EQ(view->base[PAGE], pattern(PAGE, 6));
    CHECK_EQ(view->base[2 * PAGE + 1], pattern(2 * PAGE + 1, 6));
    CHECK_EQ(view->base[3 * PAGE - 1], pattern(3 * PAGE - 1, 6));
    pattern_fill(memory, 7);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    if (!place->heap) CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    CHECK(is_zero(view->base, view->byte_length));
    if (faults_past_the_end(memory)) CHECK(faults(view->base + view->byte_length, true));
    pattern_fill(memory, 8);
    CHECK(is_patterned(memory, 8));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_that_was_discarded_or_erased_grows_by_zeros) { everywhere(emptied_and_grown); }

/* ---- what goes back to the system ---- */

#define SLACK (4 * PAGE) /* what may be more or less: pages that are cut, tables that the kernel rounds */

static void discarded_residency(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const memory = memory_in(place, host, pages_32(320, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    int round;
    for (round = 0; round < 2; round++) {
        /* The second time the edges are in the middle of pages. */
        const uint64_t from = MIB + (round == 0 ? 0 : 1), length = 16 * MIB - (round == 0 ? 0 : 2);
        uint64_t before, after;
        memset(view->base + MIB, 0x5a, 16 * MIB);
        before = stats_of(memory).resident_bytes;
        CHECK_STATUS(wasm_memory_discard(memory, from, length), WASM_MEMORY_OK);
        after = stats_of(memory).resident_bytes;
        if (!place->heap) {
            CHECK(before >= 16 * MIB);
            CHECK(after + 16 * MIB <= before + SLACK);
        }
        CHECK(is_zero(view->base, MIB));
        CHECK(round == 0 || view->base[MIB] == 0x5a);
        CHECK(is_zero(view->base + from, length));
        CHECK(round == 0 || view->base[17 * MIB - 1] == 0x5a);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(discarded_pages_go_back_to_the_system) { everywhere(discarded_residency); }

static void erased_residency(const place_t *place) {
    const host_t host = host_of(place);
    const uint64_t step = place->heap ? PAGE : place->little ? 256 * KIB : 4 * MIB, length = 256 * step;
    wasm_memory_t *const memory = memory_of(host, pages_32(length / PAGE, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t before, after, i, at, wrong = 0;
    for (i = 0; i < 256; i++) memset(view->base + i * step + (i * 4096) % step, (int)(i % 255 + 1), 4096);
    view->base[length - 1] = 1;
    before = stats_of(memory).resident_bytes;
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    after = stats_of(memory).resident_bytes;
    if (!place->heap) {
        CHECK(before >= 256 * 4096);
        CHECK(after <= SLACK);
    }
    CHECK_EQ(view->byte_length, length);
    for (i = 0; i < 256; i++) wrong += !is_zero(view->base + i * step + (i * 4096) % step, 4096);
    for (at = 0; at < length; at += PAGE) wrong += view->base[at] != 0 || view->base[at + PAGE - 1] != 0;
    CHECK_EQ(wrong, 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(an_erased_gigabyte_keeps_none_of_the_pages_that_were_touched) { everywhere(erased_residency); }

#ifdef _WIN32
static int mlock(void *address, size_t length) { return VirtualLock(address, length) ? 0 : -1; }
static int munlock(void *address, size_t length) { return VirtualUnlock(address, length) ? 0 : -1; }
#endif

/* Pages that are locked cannot go back (a host may have called mlockall): they must be zero all the same. */
static void locked(const place_t *place) {
    const host_t host = host_of(place);
    wasm_memory_t *const memory = memory_in(place, host, pages_32(2, NO_MAXIMUM));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const bool is_locked = mlock(view->base + 3 * 4096, 4 * 4096) == 0; /* not everyone may; then it is a plain test */
    pattern_fill(memory, 1);
    CHECK_STATUS(wasm_memory_discard(memory, 5, 2 * PAGE - 10), WASM_MEMORY_OK);
    CHECK(is_zero(view->base + 5, 2 * PAGE - 10));
    CHECK_EQ(view->base[4], pattern(4, 1));
    CHECK_EQ(view->base[2 * PAGE - 5], pattern(2 * PAGE - 5, 1));
    pattern_fill(memory, 2);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    CHECK(is_zero(view->base, 2 * PAGE));
    pattern_fill(memory, 3);
    CHECK(is_patterned(memory, 3));
    if (is_locked) munlock(view->base + 3 * 4096, 4 * 4096);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_that_cannot_go_back_are_zeroed) { everywhere(locked); }

/* ---- copies ---- */

static void copies_apart(const place_t *place) {
    static const struct {
        uint64_t to, from, length;
        wasm_memory_status_t expected;
    } copies[] = {
        {50000, 100, 40000, WASM_MEMORY_OK},
        {100, 50000, 40000, WASM_MEMORY_OK},
        {1000, 0, 1000, WASM_MEMORY_OK}, /* touching ranges */
        {0, 1000, 1000, WASM_MEMORY_OK},
        {99999, 3, 4, WASM_MEMORY_OK},
        {3, 99999, 4, WASM_MEMORY_OK},
        {8, 9, 1, WASM_MEMORY_OK},
        {77, 77, 0, WASM_MEMORY_OK}, /* nothing meets nothing */
        {77, 70, 0, WASM_MEMORY_OK},
        {100003, 100003, 0, WASM_MEMORY_OK},
        {100003, 100004, 0, WASM_MEMORY_OUT_OF_BOUNDS},
        {999, 0, 1000, WASM_MEMORY_OVERLAP}, /* by one byte */
        {0, 999, 1000, WASM_MEMORY_OVERLAP},
        {77, 77, 900, WASM_MEMORY_OVERLAP},
        {77, 77, 1, WASM_MEMORY_OVERLAP},
        {1, 0, 100002, WASM_MEMORY_OVERLAP},
        {0, 1, 100002, WASM_MEMORY_OVERLAP},
        {0, 0, 100003, WASM_MEMORY_OVERLAP},
        {0, 0, 100004, WASM_MEMORY_OUT_OF_BOUNDS}, /* bounds come first */
        {1, 0, 100003, WASM_MEMORY_OUT_OF_BOUNDS},
        {0, 1, 100003, WASM_MEMORY_OUT_OF_BOUNDS},
        {100003, 100003, 1, WASM_MEMORY_OUT_OF_BOUNDS},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, WASM_MEMORY_OUT_OF_BOUNDS},
        {UINT64_MAX, 0, 1, WASM_MEMORY_OUT_OF_BOUNDS},
        {0, UINT64_MAX, 1, WASM_MEMORY_OUT_OF_BOUNDS},
    };
    const host_t host = host_of(place);
    wasm_memory_t *const memory = memory_in(place, host, bytes_32(100003, 200000));
    size_t i;
    for (i = 0; i < sizeof copies / sizeof *copies; i++) {
        uint8_t *model;
        pattern_fill(memory, i);
        model = model_of(memory);
        if (copies[i].expected == WASM_MEMORY_OK && copies[i].length != 0)
            memcpy(model + copies[i].to, model + copies[i].from, (size_t)copies[i].length);
        CHECK_STATUS(wasm_memory_copy_within_nonoverlapping(memory, copies[i].to, copies[i].from, copies[i].length),
                     copies[i].expected);
        if (!CHECK(is_model(memory, model))) printf("  copy %d\n", (int)i);
        free(model);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(ranges_that_overlap_are_refused_and_touching_ones_are_not) { everywhere(copies_apart); }

/* From each kind of memory to each other: 32-bit and 64-bit, 64 KiB and one-byte pages. */
static void copies_between_kinds(const place_t *place) {
    static const shape_t kinds[] = {
        {1, 2, false, false, 16},          {2, NO_MAXIMUM, true, false, 16},     {70001, 90000, false, false, 0},
        {5003, NO_MAXIMUM, true, false, 0}, {PAGE, PAGE + 1, true, false, 0},     {0, 4, false, false, 16},
        {2, 8, false, false, 16},
    };
    const size_t count = sizeof kinds / sizeof *kinds;
    const host_t host = host_of(place), elsewhere = host_of(place); /* engines do not matter either */
    size_t i, j, k;
    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            wasm_memory_t *const to = memory_in(place, host, kinds[i]);
            wasm_memory_t *const from = memory_in(place, (i + j) % 2 == 0 ? host : elsewhere, kinds[j]);
            const uint64_t to_length = wasm_memory_data_size(to), from_length = wasm_memory_data_size(from);
            const uint64_t less = to_length < from_length ? to_length : from_length;
            const uint64_t ranges[][3] = {
                {0, 0, less},        {to_length - less, 0, less}, {0, from_length - less, less},
                {less / 2, less / 3, less / 4}, {to_length, from_length, 0},   {to_length, 0, 0},
                {less / 3, less / 2, less / 2}, {0, from_length, 0}};
            pattern_fill(from, 5);
            for (k = 0; k < sizeof ranges / sizeof *ranges; k++) {
                uint8_t *model;
                pattern_fill(to, 6 + k);
                model = model_of(to);
                memcpy(model + ranges[k][0], wasm_memory_data(from) + ranges[k][1], (size_t)ranges[k][2]);
                CHECK_STATUS(wasm_memory_copy_between(to, ranges[k][0], from, ranges[k][1], ranges[k][2]),
                             WASM_MEMORY_OK);
                CHECK(is_model(to, model));
                free(model);
            }
            pattern_fill(to, 6);
            CHECK_STATUS(wasm_memory_copy_between(to, 0, from, 0, less + 1), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(wasm_memory_copy_between(to, to_length, from, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(wasm_memory_copy_between(to, 0, from, from_length, 1), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(wasm_memory_copy_between(to, to_length + 1, from, 0, 0), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(wasm_memory_copy_between(to, 0, from, from_length + 1, 0), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK(is_patterned(to, 6));
            CHECK(is_patterned(from, 5));
            wasm_memory_delete(from);
            wasm_memory_delete(to);
        }
    }
    host_delete(elsewhere);
    host_delete(host);
}

TEST(memories_of_different_kinds_copy_between_each_other) { everywhere(copies_between_kinds); }

static void copies_between_handles(const place_t *place) {
    static const uint64_t copies[][3] = {
        /* destination, source, length: upwards, downwards, apart, in place, by one byte, across pages */
        {10, 0, 5000},  {0, 10, 5000}, {50000, 100, 40000}, {77, 77, 900},    {1, 0, 100002}, {0, 0, 100003},
        {0, 1, 100002}, {99999, 3, 4}, {3, 99999, 4},       {4090, 4080, 20}, {5, 6, 0},      {8192, 4096, 65536},
    };
    const host_t host = host_of(place);
    wasm_memory_t *handles[3];
    size_t i, to, from;
    handles[0] = memory_in(place, host, bytes_32(100003, 200000));
    handles[1] = wasm_memory_copy(handles[0]);
    handles[2] = wasm_memory_copy(handles[1]);
    for (i = 0; i < sizeof copies / sizeof *copies; i++) {
        for (to = 0; to < 3; to++) {
            for (from = 0; from < 3; from++) {
                uint8_t *model;
                pattern_fill(handles[0], i);
                model = model_of(handles[0]);
                memmove(model + copies[i][0], model + copies[i][1], (size_t)copies[i][2]);
                CHECK_STATUS(
                    wasm_memory_copy_between(handles[to], copies[i][0], handles[from], copies[i][1], copies[i][2]),
                    WASM_MEMORY_OK);
                CHECK(is_model(handles[0], model));
                free(model);
            }
        }
    }
    CHECK_STATUS(wasm_memory_copy_between(handles[0], 1, handles[1], 0, 100003), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_between(handles[1], 0, handles[0], 1, 100003), WASM_MEMORY_OUT_OF_BOUNDS);
    for (i = 0; i < 3; i++) wasm_memory_delete(handles[i]);
    host_delete(host);
}

TEST(a_copy_between_two_handles_of_one_memory_is_a_copy_within_it) { everywhere(copies_between_handles); }

/* ---- everything, in no order ---- */

static uint64_t random_next(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

typedef struct {
    wasm_memory_t *handles[2];
    uint8_t *model;
    uint64_t length, capacity, page;
} modelled_t;

typedef struct {
    wasm_data_segment_t *segment;
    uint8_t bytes[9000];
    uint64_t length; /* 0 once it is dropped */
} modelled_segment_t;

static void modelled_new(modelled_t *of, const place_t *place, host_t host, shape_t shape) {
    of->page = shape.page_size_log2 == 0 ? 1 : PAGE;
    of->handles[0] = memory_in(place, host, shape);
    of->handles[1] = wasm_memory_copy(of->handles[0]);
    of->length = shape.minimum * of->page;
    of->capacity = shape.maximum * of->page;
    of->model = (uint8_t *)calloc(1, (size_t)of->capacity);
    CHECK(of->model != NULL);
}

static void modelled_delete(modelled_t *of) {
    wasm_memory_delete(of->handles[0]);
    wasm_memory_delete(of->handles[1]);
    free(of->model);
}

static void segment_renew(modelled_segment_t *of, uint64_t *state) {
    size_t at;
    wasm_data_segment_delete(of->segment);
    of->length = random_next(state) % sizeof of->bytes;
    for (at = 0; at < of->length; at++) of->bytes[at] = (uint8_t)random_next(state);
    of->segment = wasm_data_segment_new(of->bytes, (size_t)of->length);
    CHECK(of->segment != NULL);
}

/* An offset that is mostly inside, often close to the end, sometimes past it or nowhere. */
static uint64_t random_offset(uint64_t *state, uint64_t length) {
    const uint64_t dice = random_next(state), close = random_next(state) % 64;
    switch (dice % 32) {
    case 0: return length + close;
    case 1: return UINT64_MAX - close;
    case 2:
    case 3:
    case 4: return length - (close < length ? close : length);
    case 5:
    case 6: return random_next(state) % (length + 1) / 4096 * 4096;
    default: return random_next(state) % (length + 1);
    }
}

/* A length that is mostly small, often exactly what is left, sometimes large, too large or absurd. */
static uint64_t random_length(uint64_t *state, uint64_t offset, uint64_t length) {
    const uint64_t dice = random_next(state), rest = offset < length ? length - offset : 0;
    switch (dice % 32) {
    case 0: return rest + 1;
    case 1: return UINT64_MAX - random_next(state) % 64;
    case 2:
    case 3: return rest;
    case 4: return 0;
    case 5:
    case 6:
    case 7:
    case 8: return random_next(state) % 40000;
    case 9:
    case 10: return 4096 * (random_next(state) % 5);
    default: return random_next(state) % 200;
    }
}

static void random_sequence(const place_t *place) {
    const host_t host = host_of(place);
    static modelled_segment_t segments[4];
    modelled_t memories[2];
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15), step, refused = 0, done = 0;
    size_t i;
    modelled_new(&memories[0], place, host, pages_32(2, 6));
    modelled_new(&memories[1], place, host, shape(20011, 60000, true, false, 0));
    memset(segments, 0, sizeof segments);
    for (i = 0; i < 4; i++) segment_renew(&segments[i], &state);
    for (step = 0; step < 20000; step++) {
        modelled_t *const to = &memories[random_next(&state) % 2], *const from = &memories[random_next(&state) % 2];
        modelled_segment_t *const segment = &segments[random_next(&state) % 4];
        wasm_memory_t *const memory = to->handles[random_next(&state) % 2];
        wasm_memory_t *const source = from->handles[random_next(&state) % 2];
        const uint64_t offset = random_offset(&state, to->length), length = random_length(&state, offset, to->length);
        const uint64_t begin = random_offset(&state, from->length);
        const bool fits = is_inside(offset, length, to->length);
        const uint8_t value = (uint8_t)random_next(&state);
        wasm_memory_status_t status = WASM_MEMORY_OK, expected = fits ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_BOUNDS;
        const uint64_t operation = random_next(&state) % 64;
        if (operation < 10) {
            status = wasm_memory_fill(memory, offset, value, length);
            if (fits) memset(to->model + offset, value, (size_t)length);
        } else if (operation < 16) {
            const size_t count = (size_t)(length % sizeof segment->bytes);
            expected = is_inside(offset, count, to->length) ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_BOUNDS;
            status = wasm_memory_write(memory, offset, segment->bytes, count);
            if (expected == WASM_MEMORY_OK) memcpy(to->model + offset, segment->bytes, count);
        } else if (operation < 20) {
            status = wasm_memory_zero(memory, offset, length);
            if (fits) memset(to->model + offset, 0, (size_t)length);
        } else if (operation < 28) {
            status = wasm_memory_discard(memory, offset, length);
            if (fits) memset(to->model + offset, 0, (size_t)length);
        } else if (operation < 34) {
            if (!is_inside(begin, length, to->length)) expected = WASM_MEMORY_OUT_OF_BOUNDS;
            status = wasm_memory_copy_within(memory, offset, begin, length);
            if (expected == WASM_MEMORY_OK) memmove(to->model + offset, to->model + begin, (size_t)length);
        } else if (operation < 42) {
            const uint64_t apart = offset > begin ? offset - begin : begin - offset;
            if (!is_inside(begin, length, to->length))
                expected = WASM_MEMORY_OUT_OF_BOUNDS;
            else if (fits && length > 0 && apart < length)
                expected = WASM_MEMORY_OVERLAP;
            status = wasm_memory_copy_within_nonoverlapping(memory, offset, begin, length);
            if (expected == WASM_MEMORY_OK) memmove(to->model + offset, to->model + begin, (size_t)length);
        } else if (operation < 52) {
            if (!is_inside(begin, length, from->length)) expected = WASM_MEMORY_OUT_OF_BOUNDS;
            status = wasm_memory_copy_between(memory, offset, source, begin, length);
            if (expected == WASM_MEMORY_OK) memmove(to->model + offset, from->model + begin, (size_t)length);
        } else if (operation < 61) {
            const uint32_t first = (uint32_t)random_offset(&state, segment->length);
            const uint32_t count = (uint32_t)random_length(&state, first, segment->length);
            expected = is_inside(first, count, segment->length) && is_inside(offset, count, to->length)
                           ? WASM_MEMORY_OK
                           : WASM_MEMORY_OUT_OF_BOUNDS;
            status = wasm_memory_init(memory, offset, segment->segment, first, count);
            if (expected == WASM_MEMORY_OK) memcpy(to->model + offset, segment->bytes + first, count);
        } else if (operation == 61) {
            if (random_next(&state) % 2 == 0) {
                wasm_data_segment_drop(segment->segment);
                segment->length = 0;
            } else {
                segment_renew(segment, &state);
            }
            expected = WASM_MEMORY_OK;
        } else if (operation == 62 && random_next(&state) % 8 == 0) {
            expected = WASM_MEMORY_OK;
            status = wasm_memory_erase(memory);
            memset(to->model, 0, (size_t)to->length);
        } else if (random_next(&state) % 16 == 0 && !place->heap) {
            const uint64_t pages = random_next(&state) % (to->page == 1 ? 2000 : 2);
            expected = to->length + pages * to->page <= to->capacity ? WASM_MEMORY_OK : WASM_MEMORY_MAXIMUM_EXCEEDED;
            status = wasm_memory_try_grow(memory, pages, NULL);
            if (expected == WASM_MEMORY_OK) to->length += pages * to->page;
        } else {
            expected = WASM_MEMORY_OK;
        }
        refused += expected != WASM_MEMORY_OK;
        done += expected == WASM_MEMORY_OK;
        if (!CHECK_STATUS(status, expected) ||
            (step % 8 == 0 && !(CHECK(is_model(memories[0].handles[1], memories[0].model)) &&
                                CHECK(is_model(memories[1].handles[0], memories[1].model))))) {
            printf("  step %d, operation %d: offset %" PRIu64 ", begin %" PRIu64 ", length %" PRIu64 "\n", (int)step,
                   (int)operation, offset, begin, length);
            break;
        }
    }
    for (i = 0; i < 2; i++) {
        CHECK_EQ(wasm_memory_data_size(memories[i].handles[0]), memories[i].length);
        CHECK(is_model(memories[i].handles[0], memories[i].model));
        modelled_delete(&memories[i]);
    }
    for (i = 0; i < 4; i++) wasm_data_segment_delete(segments[i].segment);
    CHECK(refused > 2000 && done > 10000); /* the dice were good */
    host_delete(host);
}

TEST(twenty_thousand_operations_do_what_a_naive_model_does) { everywhere(random_sequence); }

int main(void) {
    RUN(memories_lie_where_these_tests_want_them);
    RUN(nothing_at_the_end_is_inside_and_what_leaves_the_memory_touches_nothing);
    RUN(a_range_may_end_where_the_memory_does_and_not_a_byte_later);
    RUN(a_copy_checks_both_ranges_before_it_writes);
    RUN(a_refused_range_is_told_with_its_numbers);
    RUN(zero_and_discard_make_their_range_zero_and_nothing_else);
    RUN(a_discard_is_exact_at_every_alignment);
    RUN(erase_makes_all_of_it_zero_and_keeps_the_size);
    RUN(a_memory_that_was_discarded_or_erased_grows_by_zeros);
    RUN_UNLESS_WINE(discarded_pages_go_back_to_the_system);
    RUN_UNLESS_WINE(an_erased_gigabyte_keeps_none_of_the_pages_that_were_touched);
    RUN(pages_that_cannot_go_back_are_zeroed);
    RUN(ranges_that_overlap_are_refused_and_touching_ones_are_not);
    RUN(memories_of_different_kinds_copy_between_each_other);
    RUN(a_copy_between_two_handles_of_one_memory_is_a_copy_within_it);
    RUN(twenty_thousand_operations_do_what_a_naive_model_does);
    return check_finish();
}
