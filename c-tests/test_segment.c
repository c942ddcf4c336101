/* Data segments: memory.init and data.drop, with the rules of the specification, from any thread. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "support/memories.h"

static uint8_t pattern(uint64_t at) { return (uint8_t)(at * 5 + at / 253 + 3); }

/* A segment of so many bytes of the pattern. The bytes that it was made from are gone. */
static wasm_data_segment_t *segment_of(size_t length) {
    uint8_t *const bytes = (uint8_t *)malloc(length + 1);
    wasm_data_segment_t *segment;
    size_t at;
    if (!CHECK(bytes != NULL)) return NULL;
    for (at = 0; at < length; at++) bytes[at] = pattern(at);
    segment = wasm_data_segment_new(bytes, length);
    CHECK(segment != NULL);
    memset(bytes, 0xbb, length);
    free(bytes);
    return segment;
}

static bool is_pattern(const uint8_t *bytes, uint64_t first, uint64_t length) {
    uint64_t at;
    for (at = 0; at < length; at++)
        if (bytes[at] != pattern(first + at)) return false;
    return true;
}

static bool is_all(const uint8_t *bytes, uint8_t value, uint64_t length) {
    uint64_t at;
    for (at = 0; at < length; at++)
        if (bytes[at] != value) return false;
    return true;
}

static bool is_inside(uint64_t offset, uint64_t length, uint64_t of) { return length <= of && offset <= of - length; }

/* ---- memory.init ---- */

/* The rule, for each combination of where ranges can lie. `left` is what the segment has: its length, or 0 if it was
   dropped. */
static void check_rule(wasm_memory_t *memory, wasm_data_segment_t *segment, uint32_t left) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const uint64_t length = view->byte_length;
    const uint64_t to[] = {0,          1,          length - 1,     length,         length + 1,
                           UINT32_MAX, UINT64_MAX, UINT64_MAX - 1, length - 200,   UINT64_C(1) << 32,
                           length / 2, 200,        length - 300,   UINT64_C(1) << 63};
    const uint32_t from[] = {0, 1, 100, 299, 300, 301, UINT32_MAX, UINT32_MAX - 299, UINT32_C(1) << 31, 65536};
    const uint32_t counts[] = {0,   1,          2,          200,        299, 300,
                               301, UINT32_MAX, UINT32_MAX - 1, 0x80000000, 65537, 0xffff0000};
    size_t i, j, k;
    memset(view->base, 0x11, view->byte_length);
    for (i = 0; i < sizeof to / sizeof *to; i++) {
        for (j = 0; j < sizeof from / sizeof *from; j++) {
            for (k = 0; k < sizeof counts / sizeof *counts; k++) {
                const bool fits = is_inside(to[i], counts[k], length) && is_inside(from[j], counts[k], left);
                if (!CHECK_STATUS(wasm_memory_init(memory, to[i], segment, from[j], counts[k]),
                                  fits ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_BOUNDS))
                    printf("  %" PRIu64 " from %" PRIu32 ", %" PRIu32 "\n", to[i], from[j], counts[k]);
                if (fits && counts[k] > 0) {
                    CHECK(is_all(view->base, 0x11, to[i]));
                    CHECK(is_pattern(view->base + to[i], from[j], counts[k]));
                    CHECK(is_all(view->base + to[i] + counts[k], 0x11, length - to[i] - counts[k]));
                    memset(view->base + to[i], 0x11, counts[k]);
                } else {
                    CHECK(is_all(view->base, 0x11, length));
                }
            }
        }
    }
}

TEST(init_checks_both_ranges_before_it_writes) {
    static const shape_t shapes[] = {{0, 0, false, false, 0},   {1, 9, false, false, 0},     {300, 300, true, false, 0},
                                     {777, 777, true, false, 0}, {4099, 5000, false, false, 0}};
    const host_t host = host_default();
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        wasm_data_segment_t *const segment = segment_of(300), *const empty = segment_of(0);
        check_rule(memory, segment, 300);
        check_rule(memory, empty, 0);
        wasm_data_segment_drop(segment);
        check_rule(memory, segment, 0);
        wasm_data_segment_delete(empty);
        wasm_data_segment_delete(segment);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* memory_init.wast of the specification: a segment of 4 bytes and a memory of a page. */
TEST(init_follows_the_tests_of_the_specification) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *const segment = wasm_data_segment_new("\xaa\xbb\xcc\xdd", 4);
    const uint8_t *const base = wasm_memory_view(memory)->base;
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 1, 2), WASM_MEMORY_OK);
    CHECK(base[0] == 0xbb && base[1] == 0xcc && base[2] == 0);
    CHECK_STATUS(wasm_memory_init(memory, 0xfffc, segment, 0, 4), WASM_MEMORY_OK);
    CHECK(memcmp(base + 0xfffc, "\xaa\xbb\xcc\xdd", 4) == 0);
    CHECK_STATUS(wasm_memory_init(memory, 0xfffe, segment, 0, 3), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(memcmp(base + 0xfffc, "\xaa\xbb\xcc\xdd", 4) == 0);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 2, 3), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(base[0] == 0xbb);
    /* Nothing at the end of either is inside; nothing past it is not. */
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 4, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_init(memory, 0x10000, segment, 0, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_init(memory, 0x10000, segment, 4, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 5, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0x10001, segment, 0, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0x10001, segment, 4, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    /* Sums that would wrap in 32 or 64 bits. */
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 1, UINT32_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, UINT32_MAX, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, UINT32_MAX, 2), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, UINT32_MAX, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, UINT32_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, UINT32_MAX, UINT32_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, UINT64_MAX, segment, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, UINT64_MAX, segment, 0, 4), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, UINT64_MAX - 3, segment, 0, 4), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, UINT64_C(1) << 32, segment, 0, 4), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(base[0] == 0xbb && base[1] == 0xcc && is_all(base + 2, 0, 0xfffa));
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_refused_init_is_told_with_its_numbers) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *const segment = segment_of(4321);
    CHECK_STATUS(wasm_memory_init(memory, 65530, segment, 7, 123), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_LAST_ERROR("65530");
    CHECK_LAST_ERROR("123");
    CHECK_LAST_ERROR("65536");
    CHECK_STATUS(wasm_memory_init(memory, 7, segment, 4300, 234), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_LAST_ERROR("4300");
    CHECK_LAST_ERROR("234");
    CHECK_LAST_ERROR("4321");
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(an_address_of_64_bits_can_be_initialized) {
    const uint64_t end = 4 * GIB + 2 * PAGE;
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_64(end / PAGE, NO_MAXIMUM));
    wasm_data_segment_t *const segment = segment_of(100000);
    const uint8_t *const base = wasm_memory_view(memory)->base;
    CHECK_STATUS(wasm_memory_init(memory, end - 100000, segment, 0, 100000), WASM_MEMORY_OK);
    CHECK(is_pattern(base + end - 100000, 0, 100000));
    CHECK_EQ(base[end - 100001], 0);
    CHECK_EQ(base[2 * PAGE - 100000], 0); /* where 32 bits would have put it */
    CHECK_STATUS(wasm_memory_init(memory, end - 99999, segment, 0, 100000), WASM_MEMORY_OUT_OF_BOUNDS);
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- segments ---- */

TEST(a_segment_has_a_copy_of_the_bytes) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    uint8_t bytes[5] = {1, 2, 3, 4, 5};
    wasm_data_segment_t *const segment = wasm_data_segment_new(bytes, 5);
    memset(bytes, 9, sizeof bytes);
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 5), WASM_MEMORY_OK);
    CHECK(memcmp(wasm_memory_data(memory), "\1\2\3\4\5", 6) == 0);
    CHECK_EQ(bytes[0], 9);
    wasm_data_segment_delete(segment);
    /* What a memory got stays when the segment goes. */
    CHECK(memcmp(wasm_memory_data(memory), "\1\2\3\4\5", 6) == 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_segment_may_be_made_of_a_memory_and_go_back_into_it) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *segment;
    memcpy(wasm_memory_data(memory), "abcdefgh", 8);
    segment = wasm_data_segment_new(wasm_memory_data(memory), 8);
    CHECK_STATUS(wasm_memory_init(memory, 3, segment, 0, 8), WASM_MEMORY_OK);
    CHECK(memcmp(wasm_memory_data(memory), "abcabcdefgh", 12) == 0);
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(an_empty_segment_may_be_of_no_bytes_at_all) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *segments[2];
    size_t i;
    segments[0] = wasm_data_segment_new(NULL, 0);
    segments[1] = wasm_data_segment_new("", 0);
    for (i = 0; i < 2; i++) {
        CHECK(segments[i] != NULL);
        CHECK_STATUS(wasm_memory_init(memory, 0, segments[i], 0, 0), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_init(memory, PAGE, segments[i], 0, 0), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_init(memory, PAGE + 1, segments[i], 0, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segments[i], 1, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segments[i], 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
        wasm_data_segment_drop(segments[i]);
        CHECK_STATUS(wasm_memory_init(memory, 0, segments[i], 0, 0), WASM_MEMORY_OK);
        wasm_data_segment_delete(segments[i]);
    }
    CHECK(wasm_data_segment_new(NULL, 1) == NULL);
    CHECK(wasm_data_segment_new(NULL, SIZE_MAX) == NULL);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Nobody has an array of that length: it is refused before its bytes are looked at. */
TEST(a_segment_that_no_heap_holds_is_null) {
    CHECK(wasm_data_segment_new("", SIZE_MAX) == NULL);
    CHECK(wasm_data_segment_new("", SIZE_MAX / 2 + 1) == NULL);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
}

TEST(a_dropped_segment_is_empty_for_ever) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *const segment = segment_of(100);
    int i;
    CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 100), WASM_MEMORY_OK);
    memset(wasm_memory_data(memory), 0, 100);
    for (i = 0; i < 3; i++) {
        wasm_data_segment_drop(segment);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 0), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_init(memory, PAGE, segment, 0, 0), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_init(memory, PAGE + 1, segment, 0, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 1, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 100, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 100), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, UINT32_MAX, UINT32_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
    }
    CHECK(is_all(wasm_memory_view(memory)->base, 0, PAGE));
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_drop_concerns_one_segment_alone) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_data_segment_t *segments[3];
    size_t i;
    for (i = 0; i < 3; i++) segments[i] = segment_of(100);
    wasm_data_segment_drop(segments[1]);
    CHECK_STATUS(wasm_memory_init(memory, 0, segments[0], 0, 100), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_init(memory, 100, segments[1], 0, 100), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_init(memory, 200, segments[2], 0, 100), WASM_MEMORY_OK);
    CHECK(is_pattern(wasm_memory_view(memory)->base, 0, 100));
    CHECK(is_all(wasm_memory_view(memory)->base + 100, 0, 100));
    CHECK(is_pattern(wasm_memory_view(memory)->base + 200, 0, 100));
    for (i = 0; i < 3; i++) wasm_data_segment_delete(segments[i]);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_segment_may_be_longer_than_a_page) {
    static const size_t sizes[] = {65535, 65536, 65537, 200003, 5 * 1024 * 1024 + 3};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(96, 96));
    uint8_t *const base = wasm_memory_view(memory)->base;
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const uint32_t length = (uint32_t)sizes[i];
        wasm_data_segment_t *const segment = segment_of(length);
        memset(base, 0x22, 96 * PAGE);
        CHECK_STATUS(wasm_memory_init(memory, 13, segment, 0, length), WASM_MEMORY_OK);
        CHECK(is_all(base, 0x22, 13));
        CHECK(is_pattern(base + 13, 0, length));
        CHECK_EQ(base[13 + length], 0x22);
        CHECK_STATUS(wasm_memory_init(memory, 96 * PAGE - 5, segment, length - 5, 5), WASM_MEMORY_OK);
        CHECK(is_pattern(base + 96 * PAGE - 5, length - 5, 5));
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, length - 5, 6), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 96 * PAGE - 5, segment, 0, 6), WASM_MEMORY_OUT_OF_BOUNDS);
        wasm_data_segment_delete(segment);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_segment_belongs_to_no_engine) {
    wasm_data_segment_t *const segment = segment_of(50);
    int i;
    for (i = 0; i < 3; i++) {
        const host_t host = host_default();
        wasm_memory_t *const narrow = memory_of(host, bytes_32(60, 60));
        wasm_memory_t *const wide = memory_of(host, pages_64(1, 1));
        CHECK_STATUS(wasm_memory_init(narrow, 10, segment, 0, 50), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_init(wide, 10, segment, 0, 50), WASM_MEMORY_OK);
        CHECK(is_pattern(wasm_memory_view(narrow)->base + 10, 0, 50));
        CHECK(is_pattern(wasm_memory_view(wide)->base + 10, 0, 50));
        wasm_memory_delete(narrow);
        wasm_memory_delete(wide);
        host_delete(host);
    }
    wasm_data_segment_delete(segment);
}

TEST(new_pages_can_be_initialized_at_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    wasm_data_segment_t *const segment = segment_of(50);
    CHECK_STATUS(wasm_memory_init(memory, PAGE - 25, segment, 0, 50), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(wasm_memory_data(memory)[PAGE - 25], 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_init(memory, PAGE - 25, segment, 0, 50), WASM_MEMORY_OK);
    CHECK(is_pattern(wasm_memory_view(memory)->base + PAGE - 25, 0, 50));
    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- threads ---- */

#define THREADS 3

typedef struct {
    wasm_data_segment_t *segment;
    uint32_t length;
    int ready;   /* how many threads have had an init that succeeded */
    int dropped; /* set when the drop has returned */
} race_t;

typedef struct {
    race_t *race;
    wasm_memory_t *memory;
    const char *wrong;
    uint64_t succeeded, refused;
} racer_t;

/* Inits its own memory again and again. Each either succeeds whole or is refused and writes nothing; once refused,
   always refused; and what begins after the drop has returned is refused. */
static void *init_again_and_again(void *env) {
    racer_t *const racer = (racer_t *)env;
    race_t *const race = racer->race;
    uint8_t *const base = wasm_memory_view(racer->memory)->base;
    uint64_t round;
    for (round = 0; racer->refused < 50; round++) {
        const uint32_t first = (uint32_t)(round * 101) % 1000, count = race->length - first;
        const bool dropped = __atomic_load_n(&race->dropped, __ATOMIC_ACQUIRE) != 0;
        wasm_memory_status_t status;
        memset(base, 0xee, count);
        status = wasm_memory_init(racer->memory, 0, race->segment, first, count);
        if (status == WASM_MEMORY_OK) {
            if (racer->refused > 0 || dropped)
                racer->wrong = "a dropped segment was read";
            else if (!is_pattern(base, first, count))
                racer->wrong = "wrong bytes";
            if (racer->succeeded++ == 0) __atomic_add_fetch(&race->ready, 1, __ATOMIC_RELEASE);
        } else if (status == WASM_MEMORY_OUT_OF_BOUNDS) {
            if (!is_all(base, 0xee, count)) racer->wrong = "a refused init has written";
            racer->refused++;
        } else {
            racer->wrong = wasm_memory_status_name(status);
        }
        if (racer->wrong != NULL) break;
    }
    if (racer->succeeded == 0) __atomic_add_fetch(&race->ready, 1, __ATOMIC_RELEASE); /* nobody waits for it in vain */
    return NULL;
}

TEST(a_segment_may_be_dropped_while_threads_init_from_it) {
    const host_t host = host_default();
    wasm_memory_t *memories[THREADS];
    int round, i;
    for (i = 0; i < THREADS; i++) memories[i] = memory_of(host, pages_32(4, 4));
    for (round = 0; round < 60; round++) {
        pthread_t threads[THREADS];
        racer_t racers[THREADS];
        race_t race;
        memset(&race, 0, sizeof race);
        memset(racers, 0, sizeof racers);
        race.length = round % 2 == 0 ? 200000 : 2000;
        race.segment = segment_of(race.length);
        for (i = 0; i < THREADS; i++) {
            racers[i].race = &race;
            racers[i].memory = memories[i];
            CHECK_EQ(pthread_create(&threads[i], NULL, init_again_and_again, &racers[i]), 0);
        }
        while (__atomic_load_n(&race.ready, __ATOMIC_ACQUIRE) < THREADS) sched_yield();
        wasm_data_segment_drop(race.segment);
        __atomic_store_n(&race.dropped, 1, __ATOMIC_RELEASE);
        for (i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
            if (!CHECK(racers[i].wrong == NULL)) printf("  %s\n", racers[i].wrong);
            CHECK(racers[i].succeeded > 0);
            CHECK_EQ(racers[i].refused, 50);
        }
        wasm_data_segment_delete(race.segment);
    }
    for (i = 0; i < THREADS; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

static void *drop_it(void *segment) {
    wasm_data_segment_drop((wasm_data_segment_t *)segment);
    return NULL;
}

TEST(threads_may_drop_one_segment_at_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    int round, i;
    for (round = 0; round < 100; round++) {
        wasm_data_segment_t *const segment = segment_of(10000);
        pthread_t threads[THREADS];
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 10000), WASM_MEMORY_OK);
        for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, drop_it, segment), 0);
        for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_init(memory, 0, segment, 0, 0), WASM_MEMORY_OK);
        wasm_data_segment_delete(segment);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(init_checks_both_ranges_before_it_writes);
    RUN(init_follows_the_tests_of_the_specification);
    RUN(a_refused_init_is_told_with_its_numbers);
    RUN(an_address_of_64_bits_can_be_initialized);
    RUN(a_segment_has_a_copy_of_the_bytes);
    RUN(a_segment_may_be_made_of_a_memory_and_go_back_into_it);
    RUN(an_empty_segment_may_be_of_no_bytes_at_all);
    RUN(a_segment_that_no_heap_holds_is_null);
    RUN(a_dropped_segment_is_empty_for_ever);
    RUN(a_drop_concerns_one_segment_alone);
    RUN(a_segment_may_be_longer_than_a_page);
    RUN(a_segment_belongs_to_no_engine);
    RUN(new_pages_can_be_initialized_at_once);
    RUN(a_segment_may_be_dropped_while_threads_init_from_it);
    RUN(threads_may_drop_one_segment_at_once);
    return check_finish();
}
