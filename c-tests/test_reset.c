/* test_reset [SEED]: memories that go back to zeros, to an image or to a snapshot, in place; and places that
 * memories had before, which show nothing of them. What happens at random follows from the seed, which is
 * printed. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#ifdef __linux__
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#endif

#include "support/engines.h"
#include "support/limiters.h"

/* What a call that fails must leave as it is. */
typedef struct {
    const wasm_memory_t *memory;
    uint8_t *base, *bytes;
    uint64_t length, pages, grow_count, peak_bytes, reserved_bytes;
} before_t;

static before_t before_of(wasm_memory_t *memory) {
    const wasm_memory_stats_t stats = stats_of(memory);
    before_t before;
    before.memory = memory;
    before.base = (uint8_t *)wasm_memory_data(memory);
    before.length = wasm_memory_data_size(memory);
    before.pages = wasm_memory_pages(memory);
    before.grow_count = stats.grow_count;
    before.peak_bytes = stats.peak_bytes;
    before.reserved_bytes = stats.reserved_bytes;
    before.bytes = (uint8_t *)malloc((size_t)before.length + 1);
    if (CHECK(before.bytes != NULL)) memcpy(before.bytes, before.base, (size_t)before.length);
    return before;
}

static void check_unchanged(before_t before, const char *file, int line) {
    const wasm_memory_view_t *const view = wasm_memory_view(before.memory);
    const wasm_memory_stats_t stats = stats_of(before.memory);
    check_report(view->base == before.base, file, line, "the base is the same", ": it is not");
    if (check_equal(view->byte_length, before.length, file, line, "length as before"))
        check_report(memcmp(view->base, before.bytes, (size_t)before.length) == 0, file, line,
                     "the bytes are the same", ": they are not");
    check_equal(wasm_memory_pages(before.memory), before.pages, file, line, "pages as before");
    check_equal(stats.grow_count, before.grow_count, file, line, "growths as before");
    check_equal(stats.peak_bytes, before.peak_bytes, file, line, "peak as before");
    check_equal(stats.reserved_bytes, before.reserved_bytes, file, line, "reservation as before");
    free(before.bytes);
}
#define CHECK_UNCHANGED(before) check_unchanged(before, __FILE__, __LINE__)

/* ---- what reset does ---- */

TEST(reset_to_zeros_gives_the_first_size_and_zeros_at_the_same_place) {
    const bool wide[] = {false, true};
    size_t kind, size, is_64;
    for (kind = 0; kind < KINDS; kind++)
        for (is_64 = 0; is_64 < 2; is_64++) {
            const host_t host = host_of(&kinds[kind]);
            for (size = 0; size < SIZES; size++) {
                const uint64_t minimum = sizes[size];
                /* In bytes, and in whole pages of the guest where that is possible. */
                const bool in_pages = minimum % PAGE == 0;
                const uint64_t page = in_pages ? PAGE : 1, room = most(minimum + 3 * page, 16 * page);
                const shape_t of = shape(minimum / page, room / page, wide[is_64], false, in_pages ? 16 : 0);
                wasm_memory_t *const memory = memory_of(host, of);
                const wasm_memory_view_t *const view = wasm_memory_view(memory);
                uint8_t *base = view->base;
                uint64_t grown = 0, round;
                for (round = 0; round < 3; round++) {
                    const uint64_t length = view->byte_length;
                    scribble(base, length, round + 1);
                    CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
                    CHECK_CONTENTS(memory, NULL, 0, kinds[kind].host_made ? length : minimum);
                    CHECK(view->base == base);
                    CHECK_EQ(stats_of(memory).grow_count, grown);
                    CHECK_EQ(wasm_memory_initial_pages(memory), of.minimum);
                    if (wasm_memory_try_grow(memory, 2, NULL) == WASM_MEMORY_OK) grown++;
                    base = view->base; /* where it may move */
                    CHECK(is_zero(base, view->byte_length));
                    CHECK_EQ(stats_of(memory).peak_bytes,
                             grown == 0 ? minimum : most(view->byte_length, length));
                }
                wasm_memory_delete(memory);
            }
            host_delete(host);
        }
}

TEST(reset_to_an_image_undoes_whatever_was_done) {
    size_t kind;
    uint8_t *const bytes = (uint8_t *)malloc(3 * PAGE);
    scribble(bytes, 3 * PAGE, 99);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(PAGE / 2, bytes, 2 * PAGE + 123);
        uint8_t expected[4 * PAGE], *base;
        const shape_t of = pages_32(4, 12);
        wasm_memory_t *const memory = memory_from(host, of, image);
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint64_t length = 4 * PAGE, at;
        memset(expected, 0, sizeof expected);
        memcpy(expected + PAGE / 2, bytes, 2 * PAGE + 123);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK); /* nothing was done */
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        /* A byte in each page, all bytes, none. */
        for (at = 77; at < length; at += 4096) view->base[at] ^= 1;
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        CHECK_STATUS(wasm_memory_fill(memory, 0, 0xee, length), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        CHECK_STATUS(wasm_memory_zero(memory, 0, length), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        /* What is discarded or erased is zero, not the image, until the reset. */
        CHECK_STATUS(wasm_memory_discard(memory, PAGE / 2 + 5, PAGE), WASM_MEMORY_OK);
        CHECK(is_zero(view->base + PAGE / 2 + 5, PAGE));
        CHECK(memcmp(view->base, expected, PAGE / 2 + 5) == 0);
        CHECK(memcmp(view->base + PAGE / 2 + 5 + PAGE, expected + PAGE / 2 + 5 + PAGE, PAGE) == 0);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
        CHECK(is_zero(view->base, length));
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        /* Discarded, then written here and there. */
        CHECK_STATUS(wasm_memory_discard(memory, 0, length), WASM_MEMORY_OK);
        for (at = 0; at < length; at += 3 * 4096) view->base[at] = 9;
        CHECK(is_zero(view->base + 4096, 2 * 4096));
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        /* Only read: every page of it is in the page tables then. */
        CHECK(memcmp(view->base, expected, sizeof expected) == 0);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        /* Grown, in steps, and written to the end. */
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 7, NULL), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, 12 * PAGE);
        memset(view->base, 0xdd, (size_t)view->byte_length);
        if (kinds[kind].host_made) length = 12 * PAGE;
        base = view->base;
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, length);
        CHECK(view->base == base);
        CHECK_STATUS(wasm_memory_try_grow(memory, 12 - length / PAGE, NULL), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, 12 * PAGE);
        /* To others: zeros, a snapshot, and back. */
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(view->base, view->byte_length));
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, expected, sizeof expected, view->byte_length);
        wasm_memory_image_delete(image); /* which the memory does not need */
        CHECK_CONTENTS(memory, expected, sizeof expected, view->byte_length);
        memset(view->base, 0xcc, 4 * PAGE);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK(is_zero(view->base, view->byte_length));
        wasm_memory_delete(memory);
        host_delete(host);
    }
    free(bytes);
}

TEST(reset_to_a_snapshot_gives_its_size_and_contents) {
    /* A memory that begins with two pages, and snapshots that are smaller, equal and larger than it is then. */
    const uint64_t snapshots[] = {0, 1, 2, 3, 5, 9}, lengths[] = {2, 3, 8};
    size_t kind, i, k;
    for (kind = 0; kind < KINDS; kind++) {
        host_t host;
        if (kinds[kind].slot_bytes == 128 * KIB) continue; /* too small for these; see the statuses */
        host = host_of(&kinds[kind]);
        for (i = 0; i < sizeof snapshots / sizeof *snapshots; i++)
            for (k = 0; k < sizeof lengths / sizeof *lengths; k++) {
                wasm_memory_t *const model = memory_of(host, pages_64(0, 16));
                wasm_memory_t *const memory = memory_of(host, pages_32(2, 10));
                const uint64_t end = snapshots[i] * PAGE;
                uint64_t length = most(end, 2 * PAGE), growths = lengths[k] > 2;
                wasm_memory_image_t *image;
                const wasm_memory_view_t *const view = wasm_memory_view(memory);
                uint8_t *base;
                if (end > 0) CHECK_STATUS(wasm_memory_try_grow(model, snapshots[i], NULL), WASM_MEMORY_OK);
                scribble(wasm_memory_view(model)->base, end, i + 5);
                image = snapshot(model);
                if (growths != 0)
                    CHECK_STATUS(wasm_memory_try_grow(memory, lengths[k] - 2, NULL), WASM_MEMORY_OK);
                scribble(view->base, view->byte_length, 3);
                if (kinds[kind].host_made) length = most(length, view->byte_length);
                base = view->base;
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, wasm_memory_view(model)->base, end, length);
                if (!kinds[kind].may_move) CHECK(view->base == base);
                CHECK_EQ(wasm_memory_pages(memory), length / PAGE);
                CHECK_EQ(stats_of(memory).grow_count, growths);
                CHECK_EQ(stats_of(memory).peak_bytes, most(lengths[k] * PAGE, length));
                CHECK_EQ(wasm_memory_initial_pages(memory), 2);
                /* What lies behind is zero, whatever was there. */
                CHECK_STATUS(wasm_memory_try_grow(memory, 10 - length / PAGE, NULL), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, wasm_memory_view(model)->base, end, 10 * PAGE);
                scribble(view->base, view->byte_length, 4);
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                if (kinds[kind].host_made) length = 10 * PAGE;
                CHECK_CONTENTS(memory, wasm_memory_view(model)->base, end, length);
                CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, NULL, 0, kinds[kind].host_made ? length : 2 * PAGE);
                wasm_memory_image_delete(image);
                wasm_memory_delete(memory);
                wasm_memory_delete(model);
            }
        host_delete(host);
    }
}

TEST(a_memory_goes_back_to_its_own_snapshot_again_and_again) {
    size_t kind, round;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, bytes_32(100001, 125000));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        wasm_memory_image_t *image;
        uint8_t *expected;
        scribble(view->base + 5000, 70000, 21);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1234, NULL), WASM_MEMORY_OK);
        image = snapshot(memory);
        expected = (uint8_t *)malloc(101235);
        memcpy(expected, view->base, 101235);
        for (round = 0; round < 20; round++) {
            scribble(view->base + round * 4999, 3 * round, round);
            if (round % 3 == 0) CHECK_STATUS(wasm_memory_try_grow(memory, round, NULL), WASM_MEMORY_OK);
            if (round % 4 == 1) CHECK_STATUS(wasm_memory_discard(memory, 4000, 50000), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
            CHECK_CONTENTS(memory, expected, 101235, kinds[kind].host_made ? view->byte_length : 101235);
        }
        free(expected);
        wasm_memory_image_delete(image);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(past_the_end_that_a_reset_gives_a_guarded_memory_faults) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 16));
        wasm_memory_t *const model = memory_of(host, pages_32(5, 16));
        wasm_memory_image_t *const image = snapshot(model);
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        if (stats_of(memory).bounds == WASM_MEMORY_BOUNDS_GUARDED) {
            CHECK_STATUS(wasm_memory_try_grow(memory, 15, NULL), WASM_MEMORY_OK);
            memset(view->base, 1, 16 * PAGE);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
            CHECK_EQ(view->byte_length, 5 * PAGE);
            CHECK(!faults(view->base + 5 * PAGE - 1, true));
            CHECK(faults(view->base + 5 * PAGE, false));
            CHECK(faults(view->base + 5 * PAGE, true));
            CHECK(faults(view->base + 16 * PAGE - 1, false));
            CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
            CHECK(!faults(view->base + PAGE - 1, true));
            CHECK(faults(view->base + PAGE, false));
            CHECK(faults(view->base + 5 * PAGE - 1, true));
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            CHECK(!faults(view->base + 2 * PAGE - 1, true));
            CHECK(faults(view->base + 2 * PAGE, false));
        }
        wasm_memory_image_delete(image);
        wasm_memory_delete(model);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

#ifndef _WIN32 /* no file is mapped there */
TEST(reset_undoes_protections_and_mappings) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    const uint32_t flags[] = {WASM_MEMORY_MAP_READ_ONLY, WASM_MEMORY_MAP_COPY_ON_WRITE, WASM_MEMORY_MAP_SHARED};
    uint8_t bytes[2 * PAGE], expected[4 * PAGE];
    size_t mode, flag, with_image;
    FILE *const file = tmpfile();
    scribble(bytes, sizeof bytes, 5);
    memset(expected, 0, sizeof expected);
    memcpy(expected + 100, bytes, sizeof bytes);
    if (!CHECK(file != NULL) || !CHECK_EQ(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes)) return;
    fflush(file);
    for (mode = 0; mode < 3; mode++)
        for (flag = 0; flag < 3; flag++)
            for (with_image = 0; with_image < 2; with_image++) {
                const host_t host = host_with_bounds(strategies[mode]);
                wasm_memory_image_t *const image = with_image ? image_of(100, bytes, sizeof bytes) : NULL;
                wasm_memory_t *const memory =
                    with_image ? memory_from(host, pages_32(4, 8), image) : memory_of(host, pages_32(4, 8));
                const wasm_memory_view_t *const view = wasm_memory_view(memory);
                uint8_t *const base = view->base, old[2 * PAGE];
                CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
                CHECK_STATUS(wasm_memory_map_file(memory, PAGE, fileno(file), 0, 2 * PAGE, flags[flag]),
                             WASM_MEMORY_OK);
                CHECK_STATUS(wasm_memory_protect(memory, 0, 4096, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
                CHECK_STATUS(wasm_memory_protect(memory, 4096, 4096, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
                CHECK_STATUS(wasm_memory_protect(memory, 5 * PAGE, 4096, WASM_MEMORY_PROT_NONE),
                             WASM_MEMORY_OK);
                if (flags[flag] == WASM_MEMORY_MAP_COPY_ON_WRITE) base[PAGE + 5] = 0x77;
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                CHECK(view->base == base);
                CHECK_CONTENTS(memory, expected, with_image ? sizeof expected : 0, 4 * PAGE);
                CHECK_STATUS(wasm_memory_try_grow(memory, 4, NULL), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, expected, with_image ? sizeof expected : 0, 8 * PAGE);
                CHECK_STATUS(wasm_memory_fill(memory, 0, 0x5a, 8 * PAGE), WASM_MEMORY_OK);
                memset(base, 0x5b, 8 * PAGE);
                /* Neither the reset nor these writes went into the file. */
                CHECK_EQ(pread(fileno(file), old, sizeof old, 0), sizeof old);
                CHECK(memcmp(old, bytes, sizeof old) == 0);
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, expected, with_image ? sizeof expected : 0, 4 * PAGE);
                wasm_memory_delete(memory);
                wasm_memory_image_delete(image);
                host_delete(host);
            }
    fclose(file);
}
#endif

/* ---- statuses ---- */

TEST(null_is_an_argument_error) {
    const host_t host = host_default();
    wasm_memory_image_t *const image = image_of(0, "abc", 3);
    CHECK_STATUS(wasm_memory_reset(NULL, image), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_reset(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memory_image_delete(image);
    host_delete(host);
}

TEST(a_shared_memory_is_not_reset) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(0, "abc", 3);
        wasm_memory_t *memory;
        before_t before;
        if (!kinds[kind].host_made) {
            memory = memory_of(host, shape(2, 4, false, true, 16));
            scribble(wasm_memory_view(memory)->base, 2 * PAGE, 4);
            before = before_of(memory);
            CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_SHARED);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_SHARED);
            CHECK_UNCHANGED(before);
            wasm_memory_delete(memory);
        }
        wasm_memory_image_delete(image);
        host_delete(host);
    }
}

typedef struct {
    wasm_memory_t *memory;
    wasm_memory_image_t *image;
} lent_t;

static void reset_what_is_lent(void *env, uint8_t *data, size_t length) {
    const lent_t *const lent = (const lent_t *)env;
    const uint8_t first = data[0];
    CHECK_STATUS(wasm_memory_reset(lent->memory, NULL), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_reset(lent->memory, lent->image), WASM_MEMORY_BORROWED);
    CHECK_EQ(data[0], first);
    CHECK_EQ(wasm_memory_data_size(lent->memory), length);
}

TEST(a_memory_that_is_lent_is_not_reset) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        lent_t lent;
        before_t before;
        lent.memory = memory_of(host, pages_32(2, 4));
        lent.image = image_of(0, "abc", 3);
        scribble(wasm_memory_view(lent.memory)->base, 2 * PAGE, 6);
        before = before_of(lent.memory);
        CHECK_STATUS(wasm_memory_with_data(lent.memory, reset_what_is_lent, &lent), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_with_data_mut(lent.memory, reset_what_is_lent, &lent), WASM_MEMORY_OK);
        CHECK_UNCHANGED(before);
        CHECK_STATUS(wasm_memory_reset(lent.memory, lent.image), WASM_MEMORY_OK);
        CHECK_CONTENTS(lent.memory, (const uint8_t *)"abc", 3, 2 * PAGE);
        wasm_memory_image_delete(lent.image);
        wasm_memory_delete(lent.memory);
        host_delete(host);
    }
}

TEST(an_image_that_does_not_fit_changes_nothing) {
    static const uint8_t bytes[PAGE + 1] = {1, 2, 3};
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const small = memory_of(host, bytes_32(5000, 9000));
        wasm_memory_t *const large = memory_of(host, pages_32(9, 9));
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 8)), *const fixed =
                                                                           memory_of(host, pages_32(1, 1));
        wasm_memory_image_t *const too_long = image_of(0, bytes, PAGE + 1), *const past =
                                                                                image_of(PAGE + 1, NULL, 0);
        wasm_memory_image_t *const far = image_of(UINT64_MAX, NULL, 0), *const at_end = image_of(PAGE, NULL, 0);
        wasm_memory_image_t *const in_bytes = snapshot(small), *const in_pages = snapshot(large);
        before_t before;
        watch_t watch = watching(host);
        if (CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK)) {
            scribble(wasm_memory_view(memory)->base, 2 * PAGE, 8);
            scribble(wasm_memory_view(small)->base, 5000, 9);
        }
        limiter_set(host.store, &watch);
        /* The minimum counts, not the size of the moment. */
        before = before_of(memory);
        CHECK_STATUS(wasm_memory_reset(memory, too_long), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_reset(memory, past), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_reset(memory, far), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_reset(memory, in_bytes), WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(wasm_memory_reset(memory, in_pages), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_UNCHANGED(before);
        before = before_of(small);
        CHECK_STATUS(wasm_memory_reset(small, in_pages), WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(wasm_memory_reset(small, too_long), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_UNCHANGED(before);
        before = before_of(fixed);
        CHECK_STATUS(wasm_memory_reset(fixed, in_pages), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_UNCHANGED(before);
        CHECK_EQ(watch.asked, 0);
        limiter_none(host.store);
        /* And they can be reset to what fits. */
        CHECK_STATUS(wasm_memory_reset(memory, at_end), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, NULL, 0, kinds[kind].host_made ? 2 * PAGE : PAGE);
        CHECK_STATUS(wasm_memory_reset(small, in_bytes), WASM_MEMORY_OK);
        CHECK_CONTENTS(small, NULL, 0, 5000);
        wasm_memory_image_delete(too_long);
        wasm_memory_image_delete(past);
        wasm_memory_image_delete(far);
        wasm_memory_image_delete(at_end);
        wasm_memory_image_delete(in_bytes);
        wasm_memory_image_delete(in_pages);
        wasm_memory_delete(small);
        wasm_memory_delete(large);
        wasm_memory_delete(memory);
        wasm_memory_delete(fixed);
        host_delete(host);
    }
}

/* A snapshot of a sparse memory of 64 bits that is larger than all that a memory of 32 bits can be. */
TEST(a_snapshot_beyond_four_gibibytes_is_too_large_for_32_bits) {
    const host_t host = host_default();
    wasm_memory_t *large = NULL, *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    if (!is_watched() && try_memory(host, pages_64(65537, NO_MAXIMUM), &large) == WASM_MEMORY_OK) {
        wasm_memory_image_t *image;
        before_t before;
        CHECK_STATUS(wasm_memory_store_u8(large, 4 * GIB + 7, 7), WASM_MEMORY_OK);
        image = snapshot(large);
        before = before_of(memory);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_UNCHANGED(before);
        CHECK_STATUS(wasm_memory_store_u8(large, 4 * GIB + 8, 8), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(large, 123456789, 8), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_reset(large, image), WASM_MEMORY_OK);
        CHECK_EQ(wasm_memory_view(large)->base[4 * GIB + 7], 7);
        CHECK_EQ(wasm_memory_view(large)->base[4 * GIB + 8], 0);
        CHECK_EQ(wasm_memory_view(large)->base[123456789], 0);
        wasm_memory_image_delete(image);
    } else {
        puts("skipped: no sparse memory of more than 4 GiB here");
    }
    wasm_memory_delete(large);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(where_it_grows_the_limits_of_the_store_decide) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 8));
        wasm_memory_image_t *large, *const small = image_of(0, "abc", 3);
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 8));
        before_t before;
        scribble(wasm_memory_view(model)->base, 2 * PAGE, 3);
        scribble(wasm_memory_view(memory)->base, PAGE, 2);
        large = snapshot(model);
        before = before_of(memory);
        limits_set(host.store, 2 * PAGE - 1, NO_LIMIT, NO_LIMIT);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, NO_LIMIT, 2 * PAGE - 1, NO_LIMIT);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_LIMIT_DENIED);
        CHECK_UNCHANGED(before);
        CHECK_STATUS(wasm_memory_reset(memory, small), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, (const uint8_t *)"abc", 3, PAGE);
        limits_set(host.store, 2 * PAGE, 2 * PAGE, 1); /* how many there are does not matter */
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, wasm_memory_view(model)->base, 2 * PAGE, 2 * PAGE);
        /* It is the size now: nothing grows. */
        limits_set(host.store, 1, 1, 0);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        wasm_memory_image_delete(large);
        wasm_memory_image_delete(small);
        wasm_memory_delete(memory);
        wasm_memory_delete(model);
        host_delete(other);
        host_delete(host);
    }
}

TEST(the_account_of_the_store_gets_back_what_a_reset_gives_up) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(0, 2)), *second = NULL;
        wasm_memory_image_t *image;
        uint64_t round;
        if (kinds[kind].host_made) { /* whose size stays */
            wasm_memory_delete(memory);
            host_delete(host);
            continue;
        }
        limits_set(host.store, NO_LIMIT, 2 * PAGE, NO_LIMIT);
        for (round = 0; round < 5; round++) {
            CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
            CHECK_STATUS(try_memory(host, pages_32(1, 1), &second), WASM_MEMORY_LIMIT_DENIED);
            CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
            CHECK_STATUS(try_memory(host, pages_32(2, 2), &second), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
            wasm_memory_delete(second);
        }
        CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
        image = snapshot(memory);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        second = memory_of(host, pages_32(1, 1));
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_LIMIT_DENIED);
        CHECK_EQ(wasm_memory_pages(memory), 0);
        wasm_memory_delete(second);
        CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        CHECK_EQ(wasm_memory_pages(memory), 2);
        CHECK_STATUS(try_memory(host, pages_32(1, 1), &second), WASM_MEMORY_LIMIT_DENIED);
        wasm_memory_delete(memory);
        second = memory_of(host, pages_32(2, 2)); /* all of it is back, and no more */
        CHECK_STATUS(wasm_memory_reset(second, NULL), WASM_MEMORY_OK);
        {
            wasm_memory_t *third = NULL;
            CHECK_STATUS(try_memory(host, pages_32(1, 1), &third), WASM_MEMORY_LIMIT_DENIED);
        }
        wasm_memory_delete(second);
        wasm_memory_image_delete(image);
        host_delete(host);
    }
}

TEST(where_it_grows_the_limiter_is_asked_as_for_a_growth) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 8));
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 8));
        wasm_memory_image_t *const large = snapshot(model), *const small = image_of(0, "abc", 3);
        watch_t watch = watching(host);
        before_t before;
        scribble(wasm_memory_view(memory)->base, PAGE, 2);
        limiter_set(host.store, &watch);
        watch.allow = false;
        before = before_of(memory);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_LIMIT_DENIED);
        CHECK_UNCHANGED(before);
        CHECK_ASKED(&watch, 1, PAGE, 2 * PAGE);
        CHECK_EQ(watch.maximum, 8 * PAGE);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
        CHECK_STATUS(wasm_memory_reset(memory, small), WASM_MEMORY_OK); /* nobody is asked */
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK_EQ(watch.asked, 1);
        watch.allow = true;
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
        CHECK_ASKED(&watch, 2, PAGE, 2 * PAGE);
        CHECK_CONTENTS(memory, NULL, 0, 2 * PAGE);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
        CHECK_EQ(watch.asked, 2);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        if (!kinds[kind].host_made) {
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            CHECK_ASKED(&watch, 3, PAGE, 2 * PAGE); /* from the size that the reset gave it */
        }
        CHECK_EQ(watch.failed, 1);
        wasm_memory_delete(memory);
        limiter_none(host.store);
        wasm_memory_image_delete(large);
        wasm_memory_image_delete(small);
        wasm_memory_delete(model);
        host_delete(other);
        host_delete(host);
    }
}

/* While the limiter thinks, the memory becomes another size: it is asked again, or what it allowed still fits.
 */
static void grow_meanwhile(watch_t *watch) {
    CHECK_STATUS(wasm_memory_try_grow(watch->memory, 1, NULL), WASM_MEMORY_OK);
}

static void reset_meanwhile(watch_t *watch) {
    CHECK_STATUS(wasm_memory_reset(watch->memory, NULL), WASM_MEMORY_OK);
}

TEST(a_limiter_may_grow_and_reset_the_memory_that_it_is_asked_about) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 8));
        wasm_memory_image_t *large;
        wasm_memory_t *const memory = memory_of(host, pages_32(0, 8));
        watch_t watch = watching(host);
        scribble(wasm_memory_view(model)->base, 2 * PAGE, 2);
        large = snapshot(model);
        limiter_set(host.store, &watch);
        watch.memory = memory;
        watch.growing = grow_meanwhile;
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, wasm_memory_view(model)->base, 2 * PAGE, 2 * PAGE);
        watch.growing = NULL;
        if (!kinds[kind].host_made) {
            CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            watch.growing = reset_meanwhile;
            CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OK);
            CHECK_CONTENTS(memory, wasm_memory_view(model)->base, 2 * PAGE, 2 * PAGE);
        }
        wasm_memory_delete(memory);
        limiter_none(host.store);
        wasm_memory_image_delete(large);
        wasm_memory_delete(model);
        host_delete(other);
        host_delete(host);
    }
}

TEST(where_it_grows_and_the_limiter_answers_later_the_status_says_so) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 8));
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 8));
        wasm_memory_image_t *const large = snapshot(model), *const small = image_of(0, "abc", 3);
        watch_t watch = watching(host);
        before_t before;
        scribble(wasm_memory_view(memory)->base, PAGE, 2);
        limiter_async_set(host.store, &watch);
        before = before_of(memory);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_ASYNC_REQUIRED);
        CHECK_UNCHANGED(before);
        CHECK_EQ(watch.asked, 0);
        CHECK_STATUS(wasm_memory_reset(memory, small), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, (const uint8_t *)"abc", 3, PAGE);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, NULL, 0, PAGE);
        wasm_memory_delete(memory);
        limiter_none(host.store);
        wasm_memory_image_delete(large);
        wasm_memory_image_delete(small);
        wasm_memory_delete(model);
        host_delete(other);
        host_delete(host);
    }
}

TEST(a_snapshot_past_the_reservation_or_slot_is_out_of_memory) {
    const kind_t too_small[] = {
        {.bounds = WASM_MEMORY_BOUNDS_CHECKED, .reservation = 2 * PAGE},
        {.bounds = WASM_MEMORY_BOUNDS_CHECKED, .slots = 4, .slot_bytes = 2 * PAGE, .decommit_batch = 1},
        {.bounds = WASM_MEMORY_BOUNDS_GUARDED, .slots = 4, .slot_bytes = 2 * PAGE, .decommit_batch = 1},
    };
    size_t kind;
    for (kind = 0; kind < sizeof too_small / sizeof *too_small; kind++) {
        const host_t host = host_of(&too_small[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(3, 8)), *const fits =
                                                                           memory_of(other, pages_32(2, 8));
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 8));
        wasm_memory_image_t *const large = snapshot(model), *const small = snapshot(fits);
        before_t before;
        scribble(wasm_memory_view(memory)->base, PAGE, 2);
        before = before_of(memory);
        CHECK_STATUS(wasm_memory_reset(memory, large), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR(too_small[kind].slots != 0 ? "slot_bytes" : "memory_reservation");
        CHECK_UNCHANGED(before);
        CHECK_STATUS(wasm_memory_reset(memory, small), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, NULL, 0, 2 * PAGE);
        wasm_memory_delete(memory);
        wasm_memory_image_delete(large);
        wasm_memory_image_delete(small);
        wasm_memory_delete(model);
        wasm_memory_delete(fits);
        host_delete(other);
        host_delete(host);
    }
}

TEST(a_host_that_refuses_to_grow_its_memory_refuses_the_reset) {
    const wasm_memory_status_t unknown = 4321;
    const wasm_memory_status_t answers[] = {WASM_MEMORY_OUT_OF_MEMORY, WASM_MEMORY_UNSUPPORTED, unknown};
    const host_t host = host_of(&kinds[KINDS - 1]);
    wasm_memory_t *const model = memory_of(host, pages_32(2, 8)), *const memory =
                                                                      memory_of(host, pages_32(1, 8));
    block_t *const block = last_block;
    wasm_memory_image_t *image;
    size_t i;
    scribble(wasm_memory_view(model)->base, 2 * PAGE, 1);
    image = snapshot(model);
    scribble(wasm_memory_view(memory)->base, PAGE, 2);
    for (i = 0; i < sizeof answers / sizeof *answers; i++) {
        const before_t before = before_of(memory);
        block->refuse_growth = answers[i];
        CHECK_STATUS(wasm_memory_reset(memory, image),
                     answers[i] == unknown ? WASM_MEMORY_HOST_CONTRACT : answers[i]);
        CHECK_UNCHANGED(before);
        CHECK_EQ(block->size, PAGE);
    }
    block->refuse_growth = WASM_MEMORY_OK;
    CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
    CHECK_EQ(block->size, 2 * PAGE);
    CHECK(wasm_memory_view(memory)->base == block->base);
    CHECK_CONTENTS(memory, wasm_memory_view(model)->base, 2 * PAGE, 2 * PAGE);
    wasm_memory_image_delete(image);
    wasm_memory_delete(memory);
    wasm_memory_delete(model);
    host_delete(host);
}

/* ---- writes that no page table entry of ours sees coming: by the kernel, from elsewhere ---- */

#ifdef __linux__
TEST(what_the_kernel_wrote_is_undone_too) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        static uint8_t bytes[3 * 4096];
        wasm_memory_image_t *image;
        wasm_memory_t *memory;
        const wasm_memory_view_t *view;
        int ends[2], round;
        scribble(bytes, sizeof bytes, 5);
        image = image_of(PAGE + 100, bytes, sizeof bytes);
        memory = memory_from(host, pages_32(2, 4), image);
        view = wasm_memory_view(memory);
        for (round = 0; round < 2; round++) {
            const struct iovec from = {bytes, sizeof bytes}, to = {view->base + PAGE + 3, sizeof bytes};
            if (CHECK_EQ(pipe(ends), 0)) {
                CHECK_EQ(write(ends[1], bytes, 4000), 4000);
                CHECK_EQ(read(ends[0], view->base + 77, 4000), 4000);
                close(ends[0]);
                close(ends[1]);
            }
            CHECK(memcmp(view->base + 77, bytes, 4000) == 0);
            if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)sizeof bytes)
                CHECK(memcmp(view->base + PAGE + 3, bytes, sizeof bytes) == 0);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
            CHECK(is_zero(view->base, PAGE + 100));
            CHECK(memcmp(view->base + PAGE + 100, bytes, sizeof bytes) == 0);
            CHECK(is_zero(view->base + PAGE + 100 + sizeof bytes, PAGE - 100 - sizeof bytes));
        }
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        host_delete(host);
    }
}

/* Whatever the kernel takes out of memory, or merges, comes back by the reset. */
TEST(pages_that_were_swapped_out_are_reset_too) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        static uint8_t bytes[2 * PAGE];
        wasm_memory_image_t *image;
        wasm_memory_t *memory;
        const wasm_memory_view_t *view;
        int advice;
        scribble(bytes, sizeof bytes, 5);
        image = image_of(0, bytes, sizeof bytes);
        memory = memory_from(host, pages_32(4, 4), image);
        view = wasm_memory_view(memory);
        for (advice = 20; advice <= 21; advice++) { /* MADV_COLD, MADV_PAGEOUT; a kernel may not know them */
            scribble(view->base + 4096, 3 * PAGE, 6);
            madvise(view->base, 4 * PAGE, advice);
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
            CHECK_CONTENTS(memory, bytes, sizeof bytes, 4 * PAGE);
            madvise(view->base, 4 * PAGE, advice);
            CHECK_CONTENTS(memory, bytes, sizeof bytes, 4 * PAGE);
        }
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        host_delete(host);
    }
}
#endif

/* ---- at random ---- */

/* Tenants, each a memory and what must be in it; pictures, each an image and what it shows. Whatever happens to
 * them, no tenant sees anything but what is its own. */
#define TENANTS 12
#define PICTURES 6
#define LARGEST MIB /* bytes, of a tenant or picture */

typedef struct {
    wasm_memory_t *memory; /* NULL: none */
    shape_t of;
    uint64_t length, peak, growths;
    uint8_t *base, *bytes; /* bytes: LARGEST */
    const char *last;      /* what was done with it, to be told */
} tenant_t;

typedef struct {
    wasm_memory_image_t *image; /* NULL: none */
    bool whole;                 /* a snapshot, with a size */
    uint8_t page_size_log2;
    uint64_t end;   /* of the last segment, or the size */
    uint8_t *bytes; /* LARGEST */
} picture_t;

typedef struct {
    const kind_t *kind;
    host_t host;
    uint64_t random, started_with, step;
    tenant_t tenants[TENANTS];
    picture_t pictures[PICTURES];
    uint8_t *scratch; /* LARGEST */
    char path[64];
    bool no_pictures; /* none is drawn or taken */
    bool with_others; /* other threads use the engine at the same time */
    bool in_need;     /* creation, growth and images may fail for want of memory or descriptors */
    uint64_t refused; /* how often they did */
    bool broken;      /* something was wrong: it was told, and nothing goes on */
} world_t;

/* Where address space is short, fewer live at once, and some come in vain. */
static uint64_t tenants(void) { return is_watched() ? 3 : TENANTS; }

static bool check_world(world_t *world, bool holds, const char *what, size_t who) {
    char found[200];
    if (holds) return true;
    snprintf(found, sizeof found,
             ": not so for %zu, engine \"%s\", seed %" PRIu64 " (part %" PRIu64 "), step %" PRIu64, who,
             world->kind->name, seed, world->started_with, world->step);
    world->broken = true;
    return check_report(false, __FILE__, __LINE__, what, found);
}

static bool is_want(wasm_memory_status_t status) {
    return status == WASM_MEMORY_OUT_OF_MEMORY || status == WASM_MEMORY_IO;
}

/* Whether the call did what it should. In need it may refuse instead. */
static bool went(world_t *world, wasm_memory_status_t status, const char *what, size_t who) {
    char text[400], detail[300];
    if (status == WASM_MEMORY_OK) return true;
    if (world->in_need && is_want(status)) {
        world->refused++;
        return false;
    }
    wasm_memory_last_error(detail, sizeof detail);
    snprintf(text, sizeof text, "%s succeeds, not %s (last error: %s)", what, wasm_memory_status_name(status),
             detail);
    return check_world(world, false, text, who);
}

static shape_t random_shape(world_t *world) {
    const shape_t shapes[] = {
        pages_32(1, 16),
        pages_32(0, 8),
        pages_32(4, 16),
        pages_32(2, 2),
        pages_64(2, 16),
        pages_64(0, 3),
        bytes_32(0, 300 * KIB),
        bytes_32(1, 70000),
        bytes_32(4095, 65537),
        bytes_32(4097, MIB),
        bytes_32(300 * KIB, 300 * KIB + 1),
        shape(65537, 262145, true, false, 0),
        shape(1, 4, false, true, 16),
        shape(5000, 9000, false, true, 0),
    };
    const size_t count = sizeof shapes / sizeof *shapes - (world->kind->host_made ? 2 : 0);
    return shapes[random_below(&world->random, count)];
}

/* The bytes of a memory of that length that begins with the picture. */
static void show(const picture_t *picture, uint8_t *bytes, uint64_t length) {
    const uint64_t end = picture == NULL ? 0 : least(picture->end, length);
    if (end > 0) memcpy(bytes, picture->bytes, (size_t)end);
    memset(bytes + end, 0, (size_t)(length - end));
}

/* Whether a memory of that type may answer so when it is to begin with the picture: the reasons that there are.
 */
static bool is_reason(shape_t of, const picture_t *picture, wasm_memory_status_t status) {
    if (status == WASM_MEMORY_OUT_OF_BOUNDS) return !picture->whole && picture->end > minimum_of(of);
    if (status == WASM_MEMORY_INVALID_TYPE)
        return picture->whole && picture->page_size_log2 != of.page_size_log2;
    if (status == WASM_MEMORY_MAXIMUM_EXCEEDED) return picture->whole && picture->end > maximum_of(of);
    return false;
}

static bool has_reason(shape_t of, const picture_t *picture) {
    return is_reason(of, picture, WASM_MEMORY_OUT_OF_BOUNDS) ||
           is_reason(of, picture, WASM_MEMORY_INVALID_TYPE) ||
           is_reason(of, picture, WASM_MEMORY_MAXIMUM_EXCEEDED);
}

/* The slot may be too small for that many bytes. */
static bool may_be_narrow(const world_t *world, uint64_t bytes) {
    return world->kind->slots != 0 && bytes > world->kind->slot_bytes;
}

static void tenant_check(world_t *world, size_t who) {
    tenant_t *const tenant = &world->tenants[who];
    const wasm_memory_view_t *view;
    const uint8_t *bytes;
    if (tenant->memory == NULL || world->broken) return;
    view = wasm_memory_view(tenant->memory);
    bytes = view->base;
    if (!check_world(world, view->byte_length == tenant->length, "the length is the tenant's", who)) return;
    if (!world->kind->may_move) check_world(world, view->base == tenant->base, "the base stays", who);
    tenant->base = view->base;
    if (random_below(&world->random, 3) == 0) {
        check_world(world,
                    wasm_memory_read(tenant->memory, 0, world->scratch, (size_t)tenant->length) ==
                        WASM_MEMORY_OK,
                    "all of it can be read", who);
        bytes = world->scratch;
    }
    if (tenant->length > 0 && memcmp(bytes, tenant->bytes, (size_t)tenant->length) != 0) {
        uint64_t at = 0;
        char what[100];
        while (bytes[at] == tenant->bytes[at]) at++;
        snprintf(what, sizeof what, "after %s, byte %" PRIu64 " of %" PRIu64 " is %u, not %u", tenant->last, at,
                 tenant->length, bytes[at], tenant->bytes[at]);
        check_world(world, false, what, who);
    }
    if (random_below(&world->random, 8) == 0) {
        const wasm_memory_stats_t stats = stats_of(tenant->memory);
        check_world(world, stats.peak_bytes == tenant->peak, "the peak is the largest length", who);
        check_world(world, stats.grow_count == tenant->growths, "growths are counted, resets are not", who);
        if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED && !world->with_others) /* the probe is the process's */
            check_world(world, faults(view->base + tenant->length, random_below(&world->random, 2) == 0),
                        "what lies past the end faults", who);
    }
}

/* The other way to a memory of zeros. */
static wasm_memory_status_t try_by_future(host_t host, shape_t of, wasm_memory_t **out) {
    wasm_memorytype_t *const type = type_of(of);
    wasm_memory_future_t *const future = wasm_memory_new_async(host.store, type);
    wasm_memory_status_t status = WASM_MEMORY_OUT_OF_MEMORY;
    wasm_memorytype_delete(type);
    *out = NULL;
    if (future == NULL) return status;
    status = wasm_memory_future_poll(future);
    if (status == WASM_MEMORY_OK) *out = wasm_memory_future_take_memory(future);
    wasm_memory_future_delete(future);
    return status;
}

static void tenant_leaves(tenant_t *tenant) {
    wasm_memory_delete(tenant->memory);
    tenant->memory = NULL;
}

static void tenant_comes(world_t *world, size_t who) {
    tenant_t *const tenant = &world->tenants[who];
    picture_t *const picture = &world->pictures[random_below(&world->random, PICTURES)];
    const bool from_image = picture->image != NULL && random_below(&world->random, 3) != 0;
    wasm_memory_status_t status;
    tenant_leaves(tenant);
    tenant->last = from_image ? "creation from an image" : "creation";
    tenant->of = random_shape(world);
    tenant->length = minimum_of(tenant->of);
    if (!from_image) {
        status = random_below(&world->random, 4) == 0
                     ? try_by_future(world->host, tenant->of, &tenant->memory)
                     : try_memory(world->host, tenant->of, &tenant->memory);
        if (!went(world, status, "creation", who)) return;
    } else {
        status = try_from(world->host, tenant->of, picture->image, &tenant->memory);
        if (has_reason(tenant->of, picture)) {
            check_world(world, is_reason(tenant->of, picture, status), "the refusal is for the reason", who);
            check_world(world, tenant->memory == NULL, "no memory is made", who);
            return;
        }
        if (!went(world, status, "creation from an image", who)) return;
        if (picture->whole) tenant->length = most(tenant->length, picture->end);
    }
    tenant->base = wasm_memory_view(tenant->memory)->base;
    tenant->peak = tenant->length;
    tenant->growths = 0;
    show(from_image ? picture : NULL, tenant->bytes, tenant->length);
    check_world(world, wasm_memory_initial_pages(tenant->memory) == tenant->of.minimum,
                "the initial size is the type's", who);
}

static void tenant_is_reset(world_t *world, size_t who) {
    tenant_t *const tenant = &world->tenants[who];
    picture_t *const any = &world->pictures[random_below(&world->random, PICTURES)];
    picture_t *const picture = any->image != NULL && random_below(&world->random, 4) != 0 ? any : NULL;
    const wasm_memory_status_t status =
        wasm_memory_reset(tenant->memory, picture != NULL ? picture->image : NULL);
    uint64_t length = minimum_of(tenant->of);
    if (picture != NULL && picture->whole) length = most(length, picture->end);
    if (world->kind->host_made) length = most(length, tenant->length);
    tenant->last =
        status == WASM_MEMORY_OK ? picture != NULL ? "reset to an image" : "reset" : "a reset that failed";
    if (tenant->of.shared) {
        check_world(world, status == WASM_MEMORY_SHARED, "a shared memory is not reset", who);
        return;
    }
    if (picture != NULL && has_reason(tenant->of, picture)) {
        check_world(world, is_reason(tenant->of, picture, status), "the refusal is for the reason", who);
        return;
    }
    if (status == WASM_MEMORY_OUT_OF_MEMORY && may_be_narrow(world, length)) return;
    if (!went(world, status, "reset", who)) return;
    tenant->length = length;
    tenant->peak = most(tenant->peak, length);
    if (length > 0) show(picture, tenant->bytes, length);
}

static void tenant_grows(world_t *world, size_t who) {
    tenant_t *const tenant = &world->tenants[who];
    const uint64_t page = page_of(tenant->of), room = (maximum_of(tenant->of) - tenant->length) / page;
    const uint64_t delta =
        page == 1 ? random_below(&world->random, random_below(&world->random, 2) == 0 ? 10 : room + 10)
                  : random_below(&world->random, room + 2);
    const wasm_memory_status_t status = wasm_memory_try_grow(tenant->memory, delta, NULL);
    const uint64_t length = tenant->length + delta * page;
    tenant->last = status == WASM_MEMORY_OK ? "growth" : "a growth that failed";
    if (delta > room) {
        check_world(world, status == WASM_MEMORY_MAXIMUM_EXCEEDED, "the maximum holds", who);
        return;
    }
    if (status == WASM_MEMORY_OUT_OF_MEMORY && may_be_narrow(world, length)) return;
    if (!went(world, status, "growth", who)) return;
    memset(tenant->bytes + tenant->length, 0, (size_t)(length - tenant->length));
    tenant->length = length;
    tenant->peak = most(tenant->peak, length);
    if (delta != 0) tenant->growths++;
}

static void tenant_writes(world_t *world, size_t who) {
    tenant_t *const tenant = &world->tenants[who];
    uint8_t *const base = wasm_memory_view(tenant->memory)->base;
    const uint64_t lengths[] = {1, 8, 100, 4096, 3 * 4096, 20000, tenant->length};
    const uint64_t at = random_below(&world->random, tenant->length), left = tenant->length - at;
    const uint64_t length = least(left, lengths[random_below(&world->random, 7)]);
    const uint8_t value = (uint8_t)random_below(&world->random, 256);
    wasm_memory_status_t status = WASM_MEMORY_OK;
    if (tenant->length == 0) return;
    tenant->last = "a write";
    switch (random_below(&world->random, 9)) {
    case 0:
    case 1:
        scribble(world->scratch, length, world->step);
        status = wasm_memory_write(tenant->memory, at, world->scratch, (size_t)length);
        memcpy(tenant->bytes + at, world->scratch, (size_t)length);
        break;
    case 2:
    case 3: /* as generated code does: here and there */
        scribble(world->scratch, 32, world->step);
        {
            uint64_t i, where = at;
            for (i = 0; i < 32 && tenant->length > 0; i++, where += 4096 * random_below(&world->random, 9)) {
                base[where % tenant->length] = world->scratch[i];
                tenant->bytes[where % tenant->length] = world->scratch[i];
            }
        }
        break;
    case 4:
        status = wasm_memory_fill(tenant->memory, at, value, length);
        memset(tenant->bytes + at, value, (size_t)length);
        break;
    case 5:
        status = wasm_memory_zero(tenant->memory, at, length);
        memset(tenant->bytes + at, 0, (size_t)length);
        break;
    case 6:
        status = wasm_memory_discard(tenant->memory, at, length);
        memset(tenant->bytes + at, 0, (size_t)length);
        break;
    case 7:
        if (random_below(&world->random, 3) == 0) {
            status = wasm_memory_erase(tenant->memory);
            memset(tenant->bytes, 0, (size_t)tenant->length);
            break;
        }
        memset(base, value, (size_t)tenant->length); /* everywhere */
        memset(tenant->bytes, value, (size_t)tenant->length);
        break;
    default: {
        const uint64_t from = random_below(&world->random, tenant->length - length + 1);
        status = wasm_memory_copy_within(tenant->memory, at, from, length);
        memmove(tenant->bytes + at, tenant->bytes + from, (size_t)length);
    }
    }
    check_world(world, status == WASM_MEMORY_OK, "a write succeeds", who);
}

static void picture_is_drawn(world_t *world, size_t which) {
    picture_t *const picture = &world->pictures[which];
    wasm_memory_segment_t segments[5];
    const size_t count = (size_t)random_below(&world->random, 6);
    const uint64_t ends[] = {4096, 5000, PAGE, PAGE + 1, 2 * PAGE, 300 * KIB, LARGEST};
    const uint64_t end = ends[random_below(&world->random, 7)];
    size_t i;
    wasm_memory_image_delete(picture->image);
    picture->image = NULL;
    picture->whole = false;
    picture->end = 0;
    memset(picture->bytes, 0, (size_t)LARGEST);
    scribble(world->scratch, end, world->step);
    for (i = 0; i < count; i++) {
        const uint64_t at = random_below(&world->random, end + 1);
        const uint64_t length = random_below(&world->random, end - at + 1);
        const bool zeros = random_below(&world->random, 5) == 0; /* some images have pages of nothing */
        segments[i].offset = at;
        segments[i].length = (size_t)(random_below(&world->random, 2) == 0 ? length : least(length, 200));
        segments[i].bytes = world->scratch + at;
        if (zeros) memset(world->scratch + at, 0, segments[i].length);
    }
    /* Only now are they all as they will be copied. */
    for (i = 0; i < count; i++) {
        memcpy(picture->bytes + segments[i].offset, segments[i].bytes, segments[i].length);
        picture->end = most(picture->end, segments[i].offset + segments[i].length);
    }
    went(world, wasm_memory_image_new(count == 0 ? NULL : segments, count, &picture->image), "an image", which);
}

static void picture_is_taken(world_t *world, size_t which) {
    picture_t *const picture = &world->pictures[which];
    const tenant_t *const tenant = &world->tenants[random_below(&world->random, tenants())];
    if (tenant->memory == NULL) return;
    wasm_memory_image_delete(picture->image);
    picture->image = NULL;
    if (!went(world, wasm_memory_image_from_memory(tenant->memory, &picture->image), "a snapshot", which))
        return;
    picture->whole = true;
    picture->page_size_log2 = tenant->of.page_size_log2;
    picture->end = tenant->length;
    memcpy(picture->bytes, tenant->bytes, (size_t)tenant->length);
}

static void picture_is_stored(world_t *world, size_t which) {
    picture_t *const picture = &world->pictures[which];
    if (picture->image == NULL) return;
    if (!went(world, wasm_memory_image_save(picture->image, world->path), "saving", which)) return;
    wasm_memory_image_delete(picture->image);
    picture->image = NULL;
    went(world, wasm_memory_image_load(world->path, &picture->image), "loading", which);
    remove(world->path);
}

static void nothing_with_a_range(void *env, uint64_t offset, uint64_t length) {
    (void)env, (void)offset, (void)length;
}

/* Steps of everything. */
static void world_lives(world_t *world, uint64_t steps) {
    for (; steps > 0 && !world->broken; steps--, world->step++) {
        const size_t who = (size_t)random_below(&world->random, tenants()),
                     which = (size_t)random_below(&world->random, PICTURES);
        const uint64_t chance = random_below(&world->random, 100);
        if (world->tenants[who].memory == NULL || chance < 12) {
            tenant_comes(world, who);
        } else if (chance < 37) {
            tenant_is_reset(world, who);
        } else if (chance < 47) {
            tenant_grows(world, who);
        } else if (chance < 54 && world->no_pictures) {
            tenant_writes(world, who);
        } else if (chance < 50) {
            picture_is_drawn(world, which);
        } else if (chance < 53) {
            picture_is_taken(world, which);
        } else if (chance < 54) {
            picture_is_stored(world, which);
        } else if (chance < 56) { /* which shares its means with reset */
            const wasm_memory_status_t status = wasm_memory_dirty_clear(world->tenants[who].memory);
            if (!is_want(status)) check_world(world, status == WASM_MEMORY_OK, "dirty_clear succeeds", who);
        } else if (chance < 57) {
            const wasm_memory_status_t status =
                wasm_memory_dirty_ranges(world->tenants[who].memory, nothing_with_a_range, NULL);
            if (!is_want(status)) check_world(world, status == WASM_MEMORY_OK, "dirty_ranges succeeds", who);
        } else if (chance < 58) {
            check_world(world, wasm_engine_pool_trim(world->host.engine) == WASM_MEMORY_OK, "trim succeeds",
                        who);
        } else {
            tenant_writes(world, who);
        }
        tenant_check(world, who);
        if (world->step % 64 == 0) tenant_check(world, (who + 1) % TENANTS);
    }
}

static bool world_new(world_t *world, const kind_t *kind, uint64_t part) {
    static int worlds;
    const char *const folder = getenv("TMPDIR");
    bool has_all = true;
    size_t i;
    memset(world, 0, sizeof *world);
    world->kind = kind;
    world->host = host_of(kind);
    world->started_with = part;
    world->in_need = is_watched();
    world->random = random_of(part);
    snprintf(world->path, sizeof world->path, "%.30s/reset-%ld-%d",
             folder != NULL && strlen(folder) < 30 ? folder : "/tmp", (long)getpid(), worlds++);
    world->scratch = (uint8_t *)calloc(1, (size_t)LARGEST);
    has_all = world->scratch != NULL;
    for (i = 0; i < TENANTS; i++) {
        world->tenants[i].bytes = (uint8_t *)calloc(1, (size_t)LARGEST);
        has_all = has_all && world->tenants[i].bytes != NULL;
    }
    for (i = 0; i < PICTURES; i++) {
        world->pictures[i].bytes = (uint8_t *)calloc(1, (size_t)LARGEST);
        has_all = has_all && world->pictures[i].bytes != NULL;
    }
    return CHECK(has_all);
}

/* All are looked at once more, then everything goes. */
static void world_ends(world_t *world) {
    size_t i;
    for (i = 0; i < TENANTS; i++) {
        tenant_check(world, i);
        tenant_leaves(&world->tenants[i]);
        free(world->tenants[i].bytes);
    }
    for (i = 0; i < PICTURES; i++) {
        wasm_memory_image_delete(world->pictures[i].image);
        free(world->pictures[i].bytes);
    }
    free(world->scratch);
    host_delete(world->host);
}

TEST(whatever_happens_nobody_sees_bytes_of_others) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        world_t world;
        if (world_new(&world, &kinds[kind], kind)) world_lives(&world, steps_of(6000));
        world_ends(&world);
    }
}

/* Threads with tenants of their own, on one engine: what one leaves, another gets. */
static void *live_in_a_thread(void *world) {
    world_lives((world_t *)world, is_watched() ? 250 : 2000);
    return NULL;
}

TEST(whatever_happens_in_other_threads_nobody_sees_bytes_of_others) {
    size_t kind, i;
    for (kind = 0; kind < KINDS; kind++) {
        world_t worlds[3];
        pthread_t threads[3];
        bool started[3];
        for (i = 0; i < 3; i++) {
            started[i] = world_new(&worlds[i], &kinds[kind], 1000 + 10 * kind + i);
            worlds[i].with_others = true;
            if (i > 0) { /* the engine is the first one's */
                wasm_store_delete(worlds[i].host.store);
                wasm_engine_delete(worlds[i].host.engine);
                worlds[i].host.engine = worlds[0].host.engine;
                worlds[i].host.store = wasm_store_new(worlds[0].host.engine);
            }
        }
        for (i = 0; i < 3; i++)
            started[i] =
                started[i] && CHECK_EQ(pthread_create(&threads[i], NULL, live_in_a_thread, &worlds[i]), 0);
        for (i = 0; i < 3; i++)
            if (started[i]) CHECK_EQ(pthread_join(threads[i], NULL), 0);
        for (i = 3; i-- > 0;) {
            if (i > 0) { /* a store of its own, and no engine */
                wasm_store_delete(worlds[i].host.store);
                worlds[i].host.engine = NULL;
                worlds[i].host.store = NULL;
            }
            world_ends(&worlds[i]);
        }
    }
}

/* Memories of 20 MiB with pages here and there. */
TEST(large_and_sparse_memories_are_reset_too) {
    const kind_t large[] = {
        {.name = "auto", .bounds = WASM_MEMORY_BOUNDS_AUTO},
        {.name = "huge pages", .bounds = WASM_MEMORY_BOUNDS_AUTO, .huge_pages = true},
        {.name = "checked, huge pages", .bounds = WASM_MEMORY_BOUNDS_CHECKED, .huge_pages = true},
        {.name = "slots", .bounds = WASM_MEMORY_BOUNDS_AUTO, .slots = 2, .slot_bytes = 32 * MIB},
        {.name = "slots, huge pages",
         .bounds = WASM_MEMORY_BOUNDS_CHECKED,
         .slots = 2,
         .slot_bytes = 32 * MIB,
         .keep_resident_bytes = 1,
         .decommit_batch = 1,
         .huge_pages = true},
    };
    const uint64_t size = 20 * MIB, room = 24 * MIB;
    uint8_t *const expected = (uint8_t *)calloc(1, (size_t)room), *const image_bytes = (uint8_t *)malloc(MIB);
    size_t kind;
    if (!CHECK(expected != NULL && image_bytes != NULL)) return;
    scribble(image_bytes, MIB, 3);
    for (kind = 0; kind < sizeof large / sizeof *large && !is_watched(); kind++) {
        const host_t host = host_of(&large[kind]);
        uint64_t random = (seed + kind) | 1, round, i;
        const wasm_memory_segment_t segments[] = {{5 * MIB + 3, image_bytes, MIB}, {size - 9, image_bytes, 9}};
        wasm_memory_image_t *image = NULL;
        wasm_memory_t *memory;
        CHECK_STATUS(wasm_memory_image_new(segments, 2, &image), WASM_MEMORY_OK);
        memset(expected, 0, (size_t)room);
        memcpy(expected + 5 * MIB + 3, image_bytes, MIB);
        memcpy(expected + size - 9, image_bytes, 9);
        memory = memory_from(host, pages_32(size / PAGE, room / PAGE), image);
        for (round = 0; round < 12; round++) {
            const wasm_memory_view_t *const view = wasm_memory_view(memory);
            const uint64_t pages = round % 4 == 3 ? 2000 : 16;
            CHECK_CONTENTS(memory, expected, size, size);
            for (i = 0; i < pages; i++) view->base[next_random(&random) % size] ^= (uint8_t)(i | 1);
            if (round % 3 == 0) memset(view->base + next_random(&random) % size / 2, 0x3c, 5 * MIB);
            if (round % 4 == 1) {
                CHECK_STATUS(wasm_memory_try_grow(memory, (room - size) / PAGE, NULL), WASM_MEMORY_OK);
                CHECK(is_zero(view->base + size, room - size));
                for (i = 0; i < pages; i++) view->base[size + next_random(&random) % (room - size)] = 9;
            }
            if (round % 5 == 2) CHECK_STATUS(wasm_memory_discard(memory, 5 * MIB, 3 * MIB + 1), WASM_MEMORY_OK);
            if (round % 3 == 2) { /* another in the same place */
                wasm_memory_delete(memory);
                if (round == 5) {
                    memory = memory_of(host, pages_32(size / PAGE, room / PAGE));
                    CHECK_CONTENTS(memory, NULL, 0, size);
                    wasm_memory_delete(memory);
                }
                memory = memory_from(host, pages_32(size / PAGE, room / PAGE), image);
            } else {
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
            }
        }
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        host_delete(host);
    }
    free(expected);
    free(image_bytes);
}

/* ---- processes that are not as usual ---- */

static void live_on(void *env) {
    world_t *const world = (world_t *)env;
    size_t i;
    world->random ^= (uint64_t)getpid() << 20;
    for (i = 0; i < TENANTS; i++) tenant_check(world, i);
    snprintf(world->path + strlen(world->path), 20, "-%ld", (long)getpid());
    world_lives(world, steps_of(1000));
}

static void live_on_and_end(void *env) {
    live_on(env);
    world_ends((world_t *)env);
}

static void live_on_and_fork_again(void *env) {
    live_on(env);
    both_at_once(live_on_and_end, live_on_and_end, env);
}

TEST(after_fork_parent_and_child_have_memories_of_their_own) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        world_t world;
        if (!world_new(&world, &kinds[kind], 2000 + kind)) continue;
        world_lives(&world, steps_of(500));
        both_at_once(live_on_and_fork_again, live_on_and_fork_again, &world);
    }
}

/* The child of a memory that nobody has written to, or all of which was written. */
typedef struct {
    wasm_memory_t *memory;
    wasm_memory_image_t *image;
    const uint8_t *expected;
    uint64_t written; /* bytes, before the fork */
} inherited_t;

static void reset_what_was_inherited(void *env) {
    const inherited_t *const inherited = (const inherited_t *)env;
    const wasm_memory_view_t *const view = wasm_memory_view(inherited->memory);
    uint64_t at;
    int round;
    for (at = 0; at < 4 * PAGE; at += 2 * 4096) view->base[at] = 0x21;
    for (round = 0; round < 3; round++) {
        CHECK_STATUS(wasm_memory_reset(inherited->memory, inherited->image), WASM_MEMORY_OK);
        CHECK_CONTENTS(inherited->memory, inherited->expected, 4 * PAGE, 4 * PAGE);
        for (at = 4096; at < 4 * PAGE; at += 3 * 4096) view->base[at] = 0x22;
    }
    CHECK_STATUS(wasm_memory_reset(inherited->memory, NULL), WASM_MEMORY_OK);
    CHECK(is_zero(view->base, 4 * PAGE));
}

TEST(what_was_written_before_a_fork_is_undone_after_it) {
    size_t kind, how, written;
    for (kind = 0; kind < KINDS; kind++)
        for (how = 0; how < 2; how++)
            for (written = 0; written < 3; written++) {
                const host_t host = host_of(&kinds[kind]);
                static uint8_t expected[4 * PAGE];
                inherited_t inherited;
                if (how == 0)
                    scribble(expected, sizeof expected, 7);
                else
                    memset(expected, 0, sizeof expected);
                inherited.expected = expected;
                inherited.written = written == 0 ? 0 : written == 1 ? 10000 : 4 * PAGE;
                inherited.image = how == 0 ? image_of(0, expected, sizeof expected) : NULL;
                inherited.memory = how == 0 ? memory_from(host, pages_32(4, 4), inherited.image)
                                            : memory_of(host, pages_32(4, 4));
                if (written == 2)
                    CHECK_STATUS(wasm_memory_reset(inherited.memory, inherited.image), WASM_MEMORY_OK);
                memset(wasm_memory_view(inherited.memory)->base, 0x31, (size_t)inherited.written);
                both_at_once(reset_what_was_inherited, reset_what_was_inherited, &inherited);
                wasm_memory_delete(inherited.memory);
                wasm_memory_image_delete(inherited.image);
                host_delete(host);
            }
}

/* A child that closes all that it inherited, as daemons do, and opens other files in its place. */
static void without_what_was_open(void *env) {
    int descriptor, i;
    for (descriptor = 3; descriptor < 1024; descriptor++) close(descriptor);
    for (i = 0; i < 16; i++) CHECK(open("/dev/zero", O_RDWR) >= 3);
    live_on_and_end(env);
}

TEST(after_fork_a_child_may_close_what_was_open) {
    const size_t some[] = {0, 2, 4, 6};
    size_t i;
    for (i = 0; i < sizeof some / sizeof *some && !is_watched(); i++) {
        world_t world;
        const bool is_there = world_new(&world, &kinds[some[i]], 3000 + i);
        world.no_pictures = true; /* an image needs its descriptor */
        if (is_there) world_lives(&world, steps_of(500));
        CHECK_EQ(in_child(without_what_was_open, &world), 0);
        world_ends(&world);
    }
}

/* What a child does to itself before it goes on with a world that it inherited, and with one of its own. */
typedef struct {
    world_t *world;
    const char *what;
    restriction_t *restriction;
    bool in_need;
} restricted_t;

static void live_restricted(void *env) {
    const restricted_t *const restricted = (const restricted_t *)env;
    world_t own;
    if (!restrict_process(restricted->restriction, restricted->what)) {
        world_ends(restricted->world);
        return;
    }
    restricted->world->in_need |= restricted->in_need;
    live_on_and_end(restricted->world);
    if (world_new(&own, restricted->world->kind, restricted->world->started_with + 500)) {
        own.in_need |= restricted->in_need;
        world_lives(&own, steps_of(1000));
    }
    world_ends(&own);
}

static void restrict_and_live(const char *what, restriction_t *restriction, bool in_need, uint64_t part) {
    size_t i;
    for (i = 0; i < KINDS_TO_RESTRICT && !is_watched(); i++) {
        restricted_t restricted;
        world_t world;
        if (world_new(&world, &kinds[kinds_to_restrict[i]], part + i)) world_lives(&world, steps_of(500));
        restricted.world = &world;
        restricted.what = what;
        restricted.restriction = restriction;
        restricted.in_need = in_need;
        CHECK_EQ(in_child(live_restricted, &restricted), 0);
        world_ends(&world);
    }
}

#ifdef __linux__
TEST(without_proc_reset_is_right) { restrict_and_live("hiding /proc", hide_proc, false, 4000); }

static bool refuse_madvise(void) {
    const long calls[] = {SYS_madvise, SYS_process_madvise};
    return refuse_calls(calls, 2) && CHECK(madvise(NULL, 0, MADV_NORMAL) == -1 && errno == EPERM);
}

static bool refuse_memfd(void) {
    const long calls[] = {SYS_memfd_create};
    return refuse_calls(calls, 1);
}

TEST(where_ioctl_and_process_madvise_are_refused_reset_is_right) {
    restrict_and_live("a filter of system calls", refuse_ioctl, false, 5000);
}

TEST(where_userfaultfd_is_refused_reset_is_right) {
    restrict_and_live("a filter of system calls", refuse_userfaultfd, false, 6000);
}

TEST(where_madvise_is_refused_reset_is_right) {
    restrict_and_live("a filter of system calls", refuse_madvise, false, 7000);
}

TEST(where_all_of_these_are_refused_reset_is_right) {
    restrict_and_live("a filter of system calls", refuse_all_of_them, false, 8000);
}

TEST(where_there_are_no_files_in_memory_reset_is_right) {
    restrict_and_live("a filter of system calls", refuse_memfd, true, 9000);
}

/* Pages that are locked do not go back to the system when it is asked to take them. */
static bool lock_all(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0; }

TEST(where_all_memory_is_locked_reset_is_right) { restrict_and_live("mlockall", lock_all, true, 10000); }
#endif

TEST(without_descriptors_left_reset_is_right) {
    restrict_and_live("RLIMIT_NOFILE", have_no_descriptors, true, 11000);
}

/* A limit that would kill the process, were it passed. */
#ifdef _WIN32
bool have_small_files(void);
#else
static bool have_small_files(void) {
    const struct rlimit small = {5000, 5000};
    signal(SIGXFSZ, SIG_DFL);
    return setrlimit(RLIMIT_FSIZE, &small) == 0;
}
#endif

static void reset_with_small_files(void *unused) {
    size_t kind;
    static uint8_t bytes[3 * PAGE];
    (void)unused;
    scribble(bytes, sizeof bytes, 1);
    if (!CHECK(have_small_files())) return;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        const wasm_memory_segment_t segment = {0, bytes, sizeof bytes};
        wasm_memory_image_t *image = NULL, *taken = NULL;
        wasm_memory_t *memory = NULL;
        wasm_memory_status_t status = wasm_memory_image_new(&segment, 1, &image);
        if (status == WASM_MEMORY_OK) {
            status = try_from(host, pages_32(3, 3), image, &memory);
            if (status == WASM_MEMORY_OK) {
                memset(wasm_memory_view(memory)->base, 9, 2 * PAGE);
                CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
                CHECK_CONTENTS(memory, bytes, sizeof bytes, 3 * PAGE);
                status = wasm_memory_image_from_memory(memory, &taken);
            }
        }
        if (status != WASM_MEMORY_OK) CHECK(is_want(status));
        wasm_memory_image_delete(taken);
        wasm_memory_image_delete(image);
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(a_limit_on_the_size_of_files_kills_nobody) { CHECK_EQ(in_child(reset_with_small_files, NULL), 0); }

static void reset_on_the_heap(void *unused) {
    static uint8_t bytes[2 * PAGE];
    const wasm_memory_segment_t segment = {100, bytes, PAGE};
    const host_t host = host_default();
    wasm_memory_image_t *image = NULL, *taken = NULL;
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status;
    (void)unused;
    scribble(bytes, sizeof bytes, 3);
    have_no_address_space();
    status = wasm_memory_image_new(&segment, 1, &image);
    if (status == WASM_MEMORY_OK) status = try_from(host, pages_32(2, 4), image, &memory);
    if (status == WASM_MEMORY_OK) {
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        int round;
        for (round = 0; round < 3; round++) {
            CHECK_EQ(view->byte_length, 2 * PAGE);
            CHECK(is_zero(view->base, 100));
            CHECK(memcmp(view->base + 100, bytes, PAGE) == 0);
            CHECK(is_zero(view->base + 100 + PAGE, PAGE - 100));
            memset(view->base + round * 4096, 0x61, PAGE);
            status = wasm_memory_try_grow(memory, 2, NULL);
            if (status == WASM_MEMORY_OK) {
                CHECK(is_zero(view->base + 2 * PAGE, 2 * PAGE));
                memset(view->base + 2 * PAGE, 0x62, 2 * PAGE);
            }
            CHECK_STATUS(wasm_memory_reset(memory, image), WASM_MEMORY_OK);
        }
        memset(view->base, 0x63, 2 * PAGE);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK_CONTENTS(memory, NULL, 0, 2 * PAGE);
        memset(view->base, 0x64, 2 * PAGE);
        status = wasm_memory_image_from_memory(memory, &taken);
        if (status == WASM_MEMORY_OK) {
            CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_reset(memory, taken), WASM_MEMORY_OK);
            CHECK_EQ(view->base[0], 0x64);
            CHECK_EQ(view->base[2 * PAGE - 1], 0x64);
        }
    }
    if (status != WASM_MEMORY_OK) CHECK(is_want(status));
    wasm_memory_image_delete(taken);
    wasm_memory_image_delete(image);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(where_nothing_can_be_mapped_reset_is_right) {
    if (is_watched()) return;
    CHECK_EQ(in_child(reset_on_the_heap, NULL), 0);
}

int main(int argc, char **argv) {
    seed_set(argc, argv);
    RUN(reset_to_zeros_gives_the_first_size_and_zeros_at_the_same_place);
    RUN(reset_to_an_image_undoes_whatever_was_done);
    RUN(reset_to_a_snapshot_gives_its_size_and_contents);
    RUN(a_memory_goes_back_to_its_own_snapshot_again_and_again);
    RUN(past_the_end_that_a_reset_gives_a_guarded_memory_faults);
#ifndef _WIN32
    RUN(reset_undoes_protections_and_mappings);
#endif
    RUN(null_is_an_argument_error);
    RUN(a_shared_memory_is_not_reset);
    RUN(a_memory_that_is_lent_is_not_reset);
    RUN(an_image_that_does_not_fit_changes_nothing);
    RUN(a_snapshot_beyond_four_gibibytes_is_too_large_for_32_bits);
    RUN(where_it_grows_the_limits_of_the_store_decide);
    RUN(the_account_of_the_store_gets_back_what_a_reset_gives_up);
    RUN(where_it_grows_the_limiter_is_asked_as_for_a_growth);
    RUN(a_limiter_may_grow_and_reset_the_memory_that_it_is_asked_about);
    RUN(where_it_grows_and_the_limiter_answers_later_the_status_says_so);
    RUN(a_snapshot_past_the_reservation_or_slot_is_out_of_memory);
    RUN(a_host_that_refuses_to_grow_its_memory_refuses_the_reset);
#ifdef __linux__
    RUN(what_the_kernel_wrote_is_undone_too);
    RUN(pages_that_were_swapped_out_are_reset_too);
#endif
    RUN(whatever_happens_nobody_sees_bytes_of_others);
    RUN(whatever_happens_in_other_threads_nobody_sees_bytes_of_others);
    RUN(large_and_sparse_memories_are_reset_too);
    RUN_IN_CHILDREN(after_fork_parent_and_child_have_memories_of_their_own);
    RUN_IN_CHILDREN(what_was_written_before_a_fork_is_undone_after_it);
    RUN_IN_CHILDREN(after_fork_a_child_may_close_what_was_open);
#ifdef __linux__
    RUN(without_proc_reset_is_right);
    RUN(where_ioctl_and_process_madvise_are_refused_reset_is_right);
    RUN(where_userfaultfd_is_refused_reset_is_right);
    RUN(where_madvise_is_refused_reset_is_right);
    RUN(where_all_of_these_are_refused_reset_is_right);
    RUN(where_there_are_no_files_in_memory_reset_is_right);
    RUN(where_all_memory_is_locked_reset_is_right);
#endif
    RUN_IN_CHILDREN(without_descriptors_left_reset_is_right);
    RUN_IN_CHILDREN(a_limit_on_the_size_of_files_kills_nobody);
    RUN_IN_CHILDREN(where_nothing_can_be_mapped_reset_is_right);
    return check_finish();
}
