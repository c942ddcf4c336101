/* test_image [SEED]: images of memories: made of segments, taken of live memories, saved and loaded; and the
 * memories that begin with them. What happens at random follows from the seed, which is printed. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "support/engines.h"
#include "support/limiters.h"

/* ---- files ---- */

static char folder[48];

/* A path in the folder of these tests; some of them at a time. */
static const char *in_folder(const char *name) {
    static char paths[8][160];
    static int next;
    char *const path = paths[next++ % 8];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static int entries_in_folder(void) {
    int count = 0;
    DIR *const opened = opendir(folder);
    if (!CHECK(opened != NULL)) return -1;
    while (readdir(opened) != NULL) count++;
    closedir(opened);
    return count - 2;
}

static uint8_t *file_bytes(const char *path, size_t *out_length) {
    struct stat about;
    uint8_t *bytes = NULL;
    FILE *const file = fopen(path, "rb");
    *out_length = 0;
    if (!CHECK(file != NULL)) return NULL;
    if (CHECK_EQ(fstat(fileno(file), &about), 0) &&
        (bytes = (uint8_t *)malloc((size_t)about.st_size + 1)) != NULL)
        *out_length = fread(bytes, 1, (size_t)about.st_size, file);
    fclose(file);
    return bytes;
}

static void file_write(const char *path, const void *bytes, size_t length) {
    FILE *const file = fopen(path, "wb");
    if (!CHECK(file != NULL)) return;
    CHECK_EQ(fwrite(bytes, 1, length, file), length);
    CHECK_EQ(fclose(file), 0);
}

static uint64_t file_length(const char *path) {
    struct stat about;
    return CHECK_EQ(stat(path, &about), 0) ? (uint64_t)about.st_size : 0;
}

static bool file_has(const char *path, const uint8_t *bytes, size_t length) {
    size_t found_length;
    uint8_t *const found = file_bytes(path, &found_length);
    const bool same = found != NULL && found_length == length && memcmp(found, bytes, length) == 0;
    free(found);
    return same;
}

static wasm_memory_image_t *loaded(const char *path) {
    wasm_memory_image_t *image = NULL;
    CHECK_STATUS(wasm_memory_image_load(path, &image), WASM_MEMORY_OK);
    CHECK(image != NULL);
    return image;
}

static int nothing; /* of which outs hold the address before a call that fails */
static wasm_memory_image_t *no_image(void) { return (wasm_memory_image_t *)(void *)&nothing; }
static wasm_memory_t *no_memory(void) { return (wasm_memory_t *)(void *)&nothing; }

static void check_not_loaded(const char *path, const char *file, int line) {
    wasm_memory_image_t *image = no_image();
    check_status(wasm_memory_image_load(path, &image), WASM_MEMORY_IO, file, line, "the status of loading");
    check_report(image == NULL, file, line, "there is no image", ": there is");
}
/* The file is refused. */
#define CHECK_NOT_LOADED(path) check_not_loaded(path, __FILE__, __LINE__)

static void check_not_made(host_t host, shape_t of, const wasm_memory_image_t *image,
                           wasm_memory_status_t status, const char *file, int line) {
    wasm_memory_t *memory = no_memory();
    check_status(try_from(host, of, image, &memory), status, file, line,
                 "the status of a memory from the image");
    check_report(memory == NULL, file, line, "there is no memory", ": there is");
}
/* No memory can be made so. */
#define CHECK_NOT_MADE(host, of, image, status) check_not_made(host, of, image, status, __FILE__, __LINE__)

/* ---- segments ---- */

/* A type for a memory of that many bytes that can become a little larger: in pages of the guest where that is
 * possible. */
static shape_t shape_of(uint64_t bytes, bool is_64, bool shared) {
    const uint64_t page = bytes % PAGE == 0 ? PAGE : 1;
    return shape(bytes / page, bytes / page + 2, is_64, shared, page == 1 ? 0 : 16);
}

TEST(a_memory_begins_with_its_segments_and_grows_with_zeros) {
    uint8_t *const bytes = (uint8_t *)malloc(MIB), *const expected = (uint8_t *)malloc(MIB);
    size_t kind, size, form;
    if (!CHECK(bytes != NULL && expected != NULL)) return;
    scribble(bytes, MIB, 1);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        for (size = 0; size < SIZES; size++) {
            const uint64_t end = sizes[size];
            /* All of it, then something over a part, then nothing in the middle and at the end. */
            const wasm_memory_segment_t segments[] = {
                {0, bytes, (size_t)end},
                {end / 3, bytes + end / 5, (size_t)(end / 2)},
                {end / 2, NULL, 0},
                {end, bytes, 0},
            };
            wasm_memory_image_t *image = NULL;
            memcpy(expected, bytes, (size_t)end);
            memcpy(expected + end / 3, bytes + end / 5, (size_t)(end / 2));
            CHECK_STATUS(wasm_memory_image_new(segments, 4, &image), WASM_MEMORY_OK);
            for (form = 0; form < 4; form++) {
                const shape_t of = shape_of(end, form % 2 != 0, form / 2 != 0);
                wasm_memory_t *memory;
                if (of.shared && kinds[kind].host_made) continue;
                memory = memory_from(host, of, image);
                CHECK_CONTENTS(memory, expected, end, end);
                CHECK_EQ(wasm_memory_initial_pages(memory), of.minimum);
                CHECK_EQ(wasm_memory_pages(memory), of.minimum);
                CHECK_EQ(stats_of(memory).grow_count, 0);
                CHECK_EQ(stats_of(memory).peak_bytes, end);
                if (wasm_memory_try_grow(memory, 2, NULL) == WASM_MEMORY_OK) {
                    CHECK_CONTENTS(memory, expected, end, end + 2 * page_of(of));
                } else {
                    /* It fills its slot, or all of its reservation. */
                    CHECK(kinds[kind].slots != 0 || kinds[kind].reservation != 0);
                    CHECK_CONTENTS(memory, expected, end, end);
                }
                scribble(wasm_memory_view(memory)->base, wasm_memory_view(memory)->byte_length, 77);
                wasm_memory_delete(memory);
            }
            wasm_memory_image_delete(image);
        }
        host_delete(host);
    }
    free(bytes);
    free(expected);
}

TEST(later_segments_lie_over_earlier_ones) {
    const host_t host = host_default();
    const wasm_memory_segment_t segments[] = {
        {4094, "abcd", 4}, {4096, "XYZ", 3}, {4095, "-", 1}, {4095, "", 0}};
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *memory;
    CHECK_STATUS(wasm_memory_image_new(segments, 4, &image), WASM_MEMORY_OK);
    memory = memory_from(host, pages_32(1, 1), image);
    CHECK(memcmp(wasm_memory_data(memory) + 4093, "\0a-XYZ\0", 7) == 0);
    wasm_memory_delete(memory);
    wasm_memory_image_delete(image);
    host_delete(host);
}

TEST(an_image_has_copies_of_the_bytes) {
    const host_t host = host_default();
    uint8_t *const bytes = (uint8_t *)malloc(2 * PAGE);
    wasm_memory_segment_t segment;
    uint8_t expected[2 * PAGE];
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *memory;
    scribble(bytes, 2 * PAGE, 6);
    memcpy(expected, bytes, sizeof expected);
    segment.offset = 0;
    segment.bytes = bytes;
    segment.length = 2 * PAGE;
    CHECK_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
    memset(&segment, 0x11, sizeof segment);
    memset(bytes, 0x22, 2 * PAGE);
    free(bytes);
    memory = memory_from(host, pages_32(2, 2), image);
    CHECK_CONTENTS(memory, expected, sizeof expected, sizeof expected);
    wasm_memory_image_delete(image);
    CHECK_CONTENTS(memory, expected, sizeof expected, sizeof expected);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(an_image_of_nothing_is_zeros_for_any_type) {
    const shape_t shapes[] = {pages_32(0, 0),
                              pages_32(3, 4),
                              bytes_32(0, 10),
                              bytes_32(5001, 6000),
                              shape(2, 3, true, false, 16),
                              shape(1, 2, false, true, 16)};
    const wasm_memory_segment_t nowhere = {0, NULL, 0};
    const host_t host = host_default();
    size_t i, how;
    for (how = 0; how < 3; how++) {
        wasm_memory_image_t *image = NULL;
        CHECK_STATUS(wasm_memory_image_new(how == 0 ? NULL : &nowhere, how == 2, &image), WASM_MEMORY_OK);
        for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            wasm_memory_t *const memory = memory_from(host, shapes[i], image);
            CHECK_CONTENTS(memory, NULL, 0, minimum_of(shapes[i]));
            memset(wasm_memory_view(memory)->base, 5, (size_t)minimum_of(shapes[i]));
            wasm_memory_delete(memory);
        }
        wasm_memory_image_delete(image);
    }
    host_delete(host);
}

TEST(what_is_no_list_of_segments_makes_no_image) {
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const wasm_memory_segment_t good = {0, bytes, 8}, without_bytes[] = {{0, bytes, 8}, {8, NULL, 1}};
    const wasm_memory_segment_t past_all[][2] = {
        {{0, bytes, 8}, {UINT64_MAX, bytes, 2}},
        {{UINT64_MAX - 2, bytes, 8}, {0, bytes, 8}},
        {{0, NULL, 0}, {UINT64_MAX - 6, bytes, 8}},
    };
    wasm_memory_image_t *image = no_image();
    size_t i;
    CHECK_STATUS(wasm_memory_image_new(&good, 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_image_new(NULL, 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_image_new(NULL, 1, &image), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(image == NULL);
    image = no_image();
    CHECK_STATUS(wasm_memory_image_new(without_bytes, 2, &image), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(image == NULL);
    for (i = 0; i < 3; i++) {
        image = no_image();
        CHECK_STATUS(wasm_memory_image_new(past_all[i], 2, &image), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(image == NULL);
    }
    wasm_memory_image_delete(NULL);
}

TEST(a_segment_past_the_minimum_is_out_of_bounds_even_if_it_is_empty) {
    static const uint8_t bytes[PAGE + 2] = {1};
    size_t kind, i, of;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        const shape_t shapes[] = {pages_32(1, 4), pages_64(1, 4), bytes_32(65536, 70000)};
        const struct {
            wasm_memory_segment_t segment;
            bool fits;
        } cases[] = {
            {{PAGE, NULL, 0}, true},          {{PAGE - 1, bytes, 1}, true},
            {{0, bytes, PAGE}, true},         {{PAGE + 1, NULL, 0}, false},
            {{PAGE, bytes, 1}, false},        {{PAGE - 1, bytes, 2}, false},
            {{0, bytes, PAGE + 1}, false},    {{UINT64_MAX, NULL, 0}, false},
            {{4 * GIB, bytes, 1}, false},     {{UINT64_MAX - 1, bytes, 1}, false},
            {{4 * GIB - 1, bytes, 1}, false},
        };
        for (i = 0; i < sizeof cases / sizeof *cases; i++) {
            /* Others, that fit, do not help. */
            const wasm_memory_segment_t segments[] = {{0, bytes, 1}, cases[i].segment, {5, bytes, 1}};
            wasm_memory_image_t *image = NULL;
            CHECK_STATUS(wasm_memory_image_new(segments, 3, &image), WASM_MEMORY_OK);
            for (of = 0; of < 3; of++) {
                watch_t watch = watching(host);
                limiter_set(host.store, &watch);
                if (cases[i].fits) {
                    wasm_memory_t *const memory = memory_from(host, shapes[of], image);
                    CHECK_EQ(wasm_memory_data_size(memory), PAGE);
                    CHECK_EQ(watch.failed, 0);
                    wasm_memory_delete(memory);
                } else {
                    CHECK_NOT_MADE(host, shapes[of], image, WASM_MEMORY_OUT_OF_BOUNDS);
                    CHECK_EQ(watch.asked, 0);
                    CHECK_FAILED(&watch, 1, WASM_MEMORY_OUT_OF_BOUNDS); /* as of each creation that fails */
                }
                limiter_none(host.store);
            }
            wasm_memory_image_delete(image);
        }
        host_delete(host);
    }
}

TEST(null_is_an_argument_error) {
    const host_t host = host_default();
    wasm_memorytype_t *const type = type_of(pages_32(1, 1));
    wasm_memory_image_t *const image = image_of(0, "abc", 3), *taken = no_image();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1)), *made = no_memory();
    CHECK_STATUS(wasm_memory_image_from_memory(NULL, &taken), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(taken == NULL);
    CHECK_STATUS(wasm_memory_image_from_memory(memory, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_new_from_image(NULL, type, image, &made), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(made == NULL);
    made = no_memory();
    CHECK_STATUS(wasm_memory_new_from_image(host.store, NULL, image, &made), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(made == NULL);
    made = no_memory();
    CHECK_STATUS(wasm_memory_new_from_image(host.store, type, NULL, &made), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(made == NULL);
    CHECK_STATUS(wasm_memory_new_from_image(host.store, type, image, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_image_save(NULL, in_folder("null")), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_image_save(image, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(entries_in_folder(), 0);
    taken = no_image();
    CHECK_STATUS(wasm_memory_image_load(NULL, &taken), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(taken == NULL);
    CHECK_STATUS(wasm_memory_image_load(in_folder("null"), NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memory_delete(memory);
    wasm_memory_image_delete(image);
    wasm_memorytype_delete(type);
    host_delete(host);
}

/* ---- snapshots ---- */

TEST(a_snapshot_has_contents_size_and_page_size) {
    uint8_t *const expected = (uint8_t *)malloc(MIB);
    size_t kind, size, form, pattern;
    if (!CHECK(expected != NULL)) return;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        for (size = 0; size < SIZES; size++)
            for (form = 0; form < 4; form++)
                for (pattern = 0; pattern < 3; pattern++) {
                    const uint64_t length = sizes[size];
                    const shape_t of = shape_of(length, form % 2 != 0, form / 2 != 0);
                    wasm_memory_t *memory, *copy;
                    wasm_memory_image_t *image;
                    uint8_t *base;
                    if (of.shared && kinds[kind].host_made) continue;
                    memory = memory_of(host, of);
                    base = wasm_memory_view(memory)->base;
                    /* Nothing, a few bytes, everything. */
                    if (pattern == 1 && length > 0) base[length / 2] = base[length - 1] = base[0] = 7;
                    if (pattern == 2) scribble(base, length, size);
                    memcpy(expected, base, (size_t)length);
                    image = snapshot(memory);
                    memset(base, 0xf1, (size_t)length); /* it is a copy */
                    copy = memory_from(host, of, image);
                    CHECK_CONTENTS(copy, expected, length, length);
                    memset(wasm_memory_view(copy)->base, 0xf2, (size_t)length);
                    wasm_memory_delete(copy);
                    wasm_memory_delete(memory); /* and does not need the memory */
                    copy = memory_from(host, of, image);
                    CHECK_CONTENTS(copy, expected, length, length);
                    wasm_memory_delete(copy);
                    /* A type that begins with nothing takes the size of the snapshot. */
                    copy =
                        memory_from(host, shape(0, of.maximum, of.is_64, of.shared, of.page_size_log2), image);
                    CHECK_CONTENTS(copy, expected, length, length);
                    CHECK_EQ(wasm_memory_initial_pages(copy), 0);
                    wasm_memory_delete(copy);
                    /* One that begins with more has zeros behind it. */
                    copy = memory_from(
                        host, shape(of.maximum, of.maximum, of.is_64, of.shared, of.page_size_log2), image);
                    CHECK_CONTENTS(copy, expected, length, maximum_of(of));
                    CHECK_EQ(wasm_memory_initial_pages(copy), of.maximum);
                    wasm_memory_delete(copy);
                    wasm_memory_image_delete(image);
                }
        host_delete(host);
    }
    free(expected);
}

TEST(a_snapshot_is_of_the_size_of_the_moment) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_of(host, pages_32(0, 2)), *copy;
        wasm_memory_image_t *images[3];
        uint8_t expected[2 * PAGE];
        uint64_t pages;
        scribble(expected, sizeof expected, 3);
        images[0] = snapshot(memory);
        for (pages = 1; pages <= 2; pages++) {
            CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            memcpy(wasm_memory_view(memory)->base, expected, (size_t)(pages * PAGE));
            images[pages] = snapshot(memory);
        }
        for (pages = 0; pages <= 2; pages++) {
            copy = memory_from(host, pages_32(0, 2), images[pages]);
            CHECK_CONTENTS(copy, expected, pages * PAGE, pages * PAGE);
            wasm_memory_image_delete(images[pages]);
            images[pages] = snapshot(copy); /* of what came from a snapshot */
            if (pages > 0) wasm_memory_view(copy)->base[0] = 1;
            wasm_memory_delete(copy);
            copy = memory_from(host, pages_32(1, 2), images[pages]);
            CHECK_CONTENTS(copy, expected, pages * PAGE, most(pages, 1) * PAGE);
            wasm_memory_delete(copy);
            wasm_memory_image_delete(images[pages]);
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(a_snapshot_fits_types_of_its_page_size_that_have_room) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const in_pages = memory_of(host, pages_64(2, 2)), *const in_bytes = memory_of(
                                                                             host, bytes_32(5000, 5000));
        wasm_memory_t *memory;
        wasm_memory_image_t *pages, *bytes;
        watch_t watch = watching(host);
        wasm_memory_view(in_pages)->base[2 * PAGE - 1] = 8;
        wasm_memory_view(in_bytes)->base[4999] = 9;
        pages = snapshot(in_pages);
        bytes = snapshot(in_bytes);
        limiter_set(host.store, &watch);
        CHECK_NOT_MADE(host, bytes_32(2 * PAGE, 4 * PAGE), pages, WASM_MEMORY_INVALID_TYPE);
        CHECK_NOT_MADE(host, pages_32(1, 4), bytes, WASM_MEMORY_INVALID_TYPE);
        CHECK_NOT_MADE(host, pages_32(0, 1), pages, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_NOT_MADE(host, pages_64(1, 1), pages, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_NOT_MADE(host, bytes_32(0, 4999), bytes, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(watch.asked, 0);
        CHECK_FAILED(&watch, 5, WASM_MEMORY_MAXIMUM_EXCEEDED);
        limiter_none(host.store);
        memory = memory_from(host, pages_32(0, 2), pages); /* from 64 bits to 32 */
        CHECK_EQ(wasm_memory_view(memory)->base[2 * PAGE - 1], 8);
        wasm_memory_delete(memory);
        memory = memory_from(host, pages_32(1, NO_MAXIMUM), pages);
        CHECK_EQ(wasm_memory_pages(memory), 2);
        wasm_memory_delete(memory);
        memory = memory_from(host, shape(0, 5000, true, false, 0), bytes); /* and from 32 to 64 */
        CHECK_EQ(wasm_memory_view(memory)->base[4999], 9);
        wasm_memory_delete(memory);
        wasm_memory_image_delete(pages);
        wasm_memory_image_delete(bytes);
        wasm_memory_delete(in_pages);
        wasm_memory_delete(in_bytes);
        host_delete(host);
    }
}

typedef struct {
    wasm_memory_t *memory;
    wasm_memory_status_t expected;
    wasm_memory_image_t *image;
} lent_t;

static void take_while_lent(void *env, uint8_t *data, size_t length) {
    lent_t *const lent = (lent_t *)env;
    (void)data, (void)length;
    lent->image = no_image();
    CHECK_STATUS(wasm_memory_image_from_memory(lent->memory, &lent->image), lent->expected);
    if (lent->expected != WASM_MEMORY_OK) CHECK(lent->image == NULL);
}

TEST(a_memory_is_not_taken_while_its_bytes_are_lent_to_be_changed) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        lent_t lent;
        lent.memory = memory_of(host, pages_32(1, 2));
        lent.expected = WASM_MEMORY_BORROWED;
        CHECK_STATUS(wasm_memory_with_data_mut(lent.memory, take_while_lent, &lent), WASM_MEMORY_OK);
        lent.expected = WASM_MEMORY_OK; /* to be read: both read */
        CHECK_STATUS(wasm_memory_with_data(lent.memory, take_while_lent, &lent), WASM_MEMORY_OK);
        wasm_memory_image_delete(lent.image);
        wasm_memory_delete(lent.memory);
        host_delete(host);
    }
}

TEST(a_snapshot_reads_mappings_and_nothing_that_is_protected_against_it) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    const uint32_t flags[] = {WASM_MEMORY_MAP_READ_ONLY, WASM_MEMORY_MAP_COPY_ON_WRITE, WASM_MEMORY_MAP_SHARED};
    size_t mode, flag;
    for (mode = 0; mode < 3; mode++)
        for (flag = 0; flag < 3; flag++) {
            const host_t host = host_with_bounds(strategies[mode]);
            wasm_memory_t *const memory = memory_of(host, pages_32(3, 4)), *copy;
            uint8_t *const base = wasm_memory_view(memory)->base;
            uint8_t bytes[PAGE], expected[3 * PAGE];
            wasm_memory_image_t *image = no_image();
            FILE *const file = tmpfile();
            if (!CHECK(file != NULL)) continue;
            scribble(bytes, sizeof bytes, 5);
            CHECK_EQ(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
            fflush(file);
            memset(base, 0x44, 3 * PAGE);
            CHECK_STATUS(wasm_memory_map_file(memory, PAGE, fileno(file), 0, PAGE, flags[flag]),
                         WASM_MEMORY_OK);
            memset(expected, 0x44, sizeof expected);
            memcpy(expected + PAGE, bytes, PAGE);
            if (flags[flag] != WASM_MEMORY_MAP_READ_ONLY) base[PAGE + 1] = expected[PAGE + 1] = 0x55;
            CHECK_STATUS(wasm_memory_protect(memory, 2 * PAGE, 4096, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_image_from_memory(memory, &image), WASM_MEMORY_PROTECTED);
            CHECK(image == NULL);
            CHECK_STATUS(wasm_memory_protect(memory, 2 * PAGE, 4096, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
            image = snapshot(memory);
            CHECK(memcmp(base, expected, sizeof expected) == 0);
            CHECK_EQ(ftruncate(fileno(file), 0), 0);
            fclose(file);
            wasm_memory_delete(memory);
            /* Neither mappings nor protections are part of it. */
            copy = memory_from(host, pages_32(0, 4), image);
            CHECK_CONTENTS(copy, expected, sizeof expected, sizeof expected);
            CHECK_STATUS(wasm_memory_fill(copy, 0, 1, 3 * PAGE), WASM_MEMORY_OK);
            wasm_memory_delete(copy);
            wasm_memory_image_delete(image);
            host_delete(host);
        }
}

/* A thread that turns each byte of a shared memory from one of two values to the other. */
static struct {
    wasm_memory_t *memory;
    int over;
} turning;

static void *turn(void *unused) {
    uint8_t *const base = wasm_memory_view(turning.memory)->base;
    uint8_t value = 0xf0;
    uint64_t at;
    (void)unused;
    while (__atomic_load_n(&turning.over, __ATOMIC_ACQUIRE) == 0) {
        for (at = 0; at < 2 * PAGE; at++) __atomic_store_n(base + at, value, __ATOMIC_RELAXED);
        value ^= 0xff;
    }
    return NULL;
}

TEST(a_snapshot_of_a_shared_memory_has_bytes_of_some_moment) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t mode;
    for (mode = 0; mode < 3; mode++) {
        const host_t host = host_with_bounds(strategies[mode]);
        const int rounds = is_watched() ? 5 : 100;
        pthread_t thread;
        int round;
        uint64_t wrong = 0, at;
        turning.over = 0;
        turning.memory = memory_of(host, shape(2, 2, false, true, 16));
        CHECK_STATUS(wasm_memory_fill(turning.memory, 0, 0x0f, 2 * PAGE), WASM_MEMORY_OK);
        CHECK_EQ(pthread_create(&thread, NULL, turn, NULL), 0);
        for (round = 0; round < rounds; round++) {
            wasm_memory_image_t *const image = snapshot(turning.memory);
            wasm_memory_t *const copy = memory_from(host, pages_32(2, 2), image);
            const uint8_t *const bytes = wasm_memory_view(copy)->base;
            for (at = 0; at < 2 * PAGE; at++) wrong += bytes[at] != 0x0f && bytes[at] != 0xf0;
            wasm_memory_delete(copy);
            wasm_memory_image_delete(image);
        }
        __atomic_store_n(&turning.over, 1, __ATOMIC_RELEASE);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(wrong, 0);
        wasm_memory_delete(turning.memory);
        host_delete(host);
    }
}

/* Places in a memory of 64 bits that is far larger than what is in it. */
static const uint64_t places[] = {0, 4095, 4096, 4 * GIB - 1, 4 * GIB, 5 * GIB - 1};
#define PLACES (sizeof places / sizeof *places)
#define FAR_PAGES (5 * GIB / PAGE)

static wasm_memory_t *far_memory(host_t host) {
    wasm_memory_t *memory = NULL;
    size_t i;
    if (is_watched() || try_memory(host, pages_64(FAR_PAGES, NO_MAXIMUM), &memory) != WASM_MEMORY_OK) {
        puts("skipped: no sparse memory of 5 GiB here");
        return NULL;
    }
    for (i = 0; i < PLACES; i++)
        CHECK_STATUS(wasm_memory_store_u8(memory, places[i], (uint8_t)(i + 1)), WASM_MEMORY_OK);
    return memory;
}

static void check_far(const wasm_memory_t *memory) {
    const uint8_t *const base = wasm_memory_view(memory)->base;
    size_t i;
    CHECK_EQ(wasm_memory_view(memory)->byte_length, 5 * GIB);
    for (i = 0; i < PLACES; i++) CHECK_EQ(base[places[i]], i + 1);
    CHECK(is_zero(base + 1, 4094));
    CHECK(is_zero(base + 4097, MIB));
    CHECK(is_zero(base + 4 * GIB + 1, MIB));
    CHECK(stats_of(memory).resident_bytes < 64 * MIB);
}

TEST(snapshots_of_sparse_memories_of_64_bits_cost_what_is_in_them) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                               WASM_MEMORY_BOUNDS_CHECKED};
    size_t mode;
    for (mode = 0; mode < 3; mode++) {
        const host_t host = host_with_bounds(strategies[mode]);
        wasm_memory_t *memory = far_memory(host);
        wasm_memory_image_t *image;
        if (memory == NULL) {
            host_delete(host);
            continue;
        }
        image = snapshot(memory);
        check_far(memory);
        wasm_memory_delete(memory);
        memory = memory_from(host, pages_64(1, NO_MAXIMUM), image);
        check_far(memory);
        wasm_memory_delete(memory);
        CHECK_NOT_MADE(host, pages_32(1, NO_MAXIMUM), image, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_NOT_MADE(host, pages_64(1, FAR_PAGES - 1), image, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_STATUS(wasm_memory_image_save(image, in_folder("far")), WASM_MEMORY_OK);
        CHECK(file_length(in_folder("far")) < 64 * KIB);
        wasm_memory_image_delete(image);
        image = loaded(in_folder("far"));
        memory = memory_from(host, pages_64(1, NO_MAXIMUM), image);
        check_far(memory);
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        CHECK_EQ(remove(in_folder("far")), 0);
        host_delete(host);
    }
}

/* ---- creation as of any memory ---- */

TEST(the_limits_of_the_store_count_the_size_that_the_image_gives) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 2)), *first, *second;
        wasm_memory_image_t *const whole = snapshot(model), *const part = image_of(5, "abc", 3);
        limits_set(host.store, 2 * PAGE - 1, NO_LIMIT, NO_LIMIT);
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_LIMIT_DENIED);
        CHECK_NOT_MADE(host, pages_32(2, 4), part, WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, NO_LIMIT, 2 * PAGE - 1, NO_LIMIT);
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, NO_LIMIT, NO_LIMIT, 0);
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_LIMIT_DENIED);
        limits_set(host.store, 2 * PAGE, 3 * PAGE, 2);
        first = memory_from(host, pages_32(0, 4), whole);
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_LIMIT_DENIED);
        second = memory_from(host, pages_32(1, 4), part);
        CHECK_NOT_MADE(host, pages_32(1, 4), part, WASM_MEMORY_LIMIT_DENIED);
        wasm_memory_delete(first);
        first = memory_from(host, pages_32(0, 4), whole); /* all that it had was given back */
        wasm_memory_delete(first);
        wasm_memory_delete(second);
        wasm_memory_image_delete(whole);
        wasm_memory_image_delete(part);
        wasm_memory_delete(model);
        host_delete(host);
        host_delete(other);
    }
}

TEST(the_limiter_is_asked_for_the_size_that_the_image_gives) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]), other = host_default();
        wasm_memory_t *const model = memory_of(other, pages_32(2, 2)), *memory;
        wasm_memory_image_t *const whole = snapshot(model), *const part = image_of(5, "abc", 3);
        watch_t watch = watching(host);
        limiter_set(host.store, &watch);
        memory = memory_from(host, pages_32(0, 4), whole);
        CHECK_ASKED(&watch, 1, 0, 2 * PAGE);
        CHECK_EQ(watch.maximum, 4 * PAGE);
        wasm_memory_delete(memory);
        memory = memory_from(host, pages_32(1, NO_MAXIMUM), part);
        CHECK_ASKED(&watch, 2, 0, PAGE);
        CHECK_EQ(watch.maximum, UINT64_MAX);
        wasm_memory_delete(memory);
        CHECK_EQ(watch.failed, 0);
        watch.allow = false;
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_LIMIT_DENIED);
        CHECK_ASKED(&watch, 3, 0, 2 * PAGE);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
        limiter_none(host.store);
        watch = watching(host);
        limiter_async_set(host.store, &watch);
        CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_ASYNC_REQUIRED);
        CHECK_NOT_MADE(host, pages_32(1, 4), part, WASM_MEMORY_ASYNC_REQUIRED);
        CHECK_EQ(watch.asked, 0);
        limiter_none(host.store);
        wasm_memory_image_delete(whole);
        wasm_memory_image_delete(part);
        wasm_memory_delete(model);
        host_delete(host);
        host_delete(other);
    }
}

TEST(a_host_that_makes_the_memories_makes_no_shared_one_from_an_image) {
    const host_t host = host_of(&kinds[KINDS - 1]);
    wasm_memory_image_t *const image = image_of(5, "abc", 3);
    CHECK_NOT_MADE(host, shape(1, 2, false, true, 16), image, WASM_MEMORY_UNSUPPORTED);
    wasm_memory_image_delete(image);
    host_delete(host);
}

TEST(a_pool_without_room_makes_no_memory_from_an_image) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_pool_options_t options;
    host_t host;
    wasm_memory_t *first, *model;
    wasm_memory_image_t *const part = image_of(5, "abc", 3), *whole;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.slots = 1;
    options.slot_bytes = 2 * PAGE;
    options.decommit_batch = 1;
    wasm_config_memory_pool_set(config, &options);
    host = host_with(config);
    {
        const host_t other = host_default();
        model = memory_of(other, pages_32(3, 3));
        whole = snapshot(model);
        wasm_memory_delete(model);
        host_delete(other);
    }
    CHECK_NOT_MADE(host, pages_32(3, 4), part, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_LAST_ERROR("slot_bytes");
    CHECK_NOT_MADE(host, pages_32(0, 4), whole, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_LAST_ERROR("slot_bytes");
    first = memory_from(host, pages_32(1, 4), part);
    CHECK_NOT_MADE(host, pages_32(1, 4), part, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_LAST_ERROR("slots");
    memset(wasm_memory_view(first)->base, 1, PAGE);
    wasm_memory_delete(first);
    first = memory_from(host, pages_32(1, 4), part);
    CHECK(memcmp(wasm_memory_data(first), "\0\0\0\0\0abc", 9) == 0);
    CHECK(is_zero(wasm_memory_view(first)->base + 8, PAGE - 8));
    wasm_memory_delete(first);
    wasm_memory_image_delete(whole);
    wasm_memory_image_delete(part);
    host_delete(host);
}

static void guarded_in_little(void *unused) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_image_t *const image = image_of(5, "abc", 3);
    (void)unused;
    limit_address_space(process_kib("VmSize:") * KIB + 600 * MIB);
    errno = 0;
    CHECK_NOT_MADE(host, pages_32(1, 4), image, WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memory_image_delete(image);
    host_delete(host);
}

TEST(a_system_without_room_makes_no_memory_from_an_image) {
    if (is_watched()) return;
    CHECK_EQ(in_child(guarded_in_little, NULL), 0);
}

/* ---- many at once, and one after the other ---- */

TEST(memories_of_one_image_are_private) {
    enum { MANY = 40 };
    static uint8_t bytes[300 * KIB];
    const size_t many = is_watched() ? 5 : MANY;
    uint8_t *const expected = (uint8_t *)malloc(320 * KIB);
    size_t kind, i;
    scribble(bytes, sizeof bytes, 8);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(3000, bytes, sizeof bytes);
        wasm_memory_t *memories[MANY];
        for (i = 0; i < many; i++) {
            memories[i] = memory_from(host, pages_32(5, 6), image);
            /* The others write before this one is made, and after. */
            memset(wasm_memory_view(memories[i])->base + i * 7001, (int)(i + 1), 5000);
            wasm_memory_view(memories[i])->base[5 * PAGE - 1 - i] = 99;
        }
        wasm_memory_image_delete(image);
        for (i = 0; i < many; i++) {
            memset(expected, 0, 320 * KIB);
            memcpy(expected + 3000, bytes, sizeof bytes);
            memset(expected + i * 7001, (int)(i + 1), 5000);
            expected[5 * PAGE - 1 - i] = 99;
            CHECK_CONTENTS(memories[i], expected, 5 * PAGE, 5 * PAGE);
            if (i % 2 == 0) wasm_memory_delete(memories[i]);
        }
        for (i = 1; i < many; i += 2) {
            CHECK_EQ(wasm_memory_view(memories[i])->base[i * 7001], i + 1);
            wasm_memory_delete(memories[i]);
        }
        host_delete(host);
    }
    free(expected);
}

/* Threads that make memories of one image, which goes as soon as all have theirs. */
typedef struct {
    host_t host;
    const wasm_memory_image_t *image;
    const uint8_t *expected;
    pthread_barrier_t *made;
    uint8_t mark;
    int wrong;
} maker_t;

static void *make_and_write(void *env) {
    maker_t *const maker = (maker_t *)env;
    const int rounds = is_watched() ? 5 : 60;
    wasm_memory_t *memory = NULL;
    int round;
    uint64_t at;
    for (round = 0; round < rounds; round++) {
        const wasm_memory_view_t *view;
        wasm_memory_delete(memory);
        memory = memory_from(maker->host, pages_32(2, 2), maker->image);
        view = wasm_memory_view(memory);
        maker->wrong += memcmp(view->base, maker->expected, 2 * PAGE) != 0;
        for (at = 0; at < 2 * PAGE; at += round % 3 == 0 ? 1 : 9000) view->base[at] = maker->mark;
        for (at = 0; at < 2 * PAGE; at += round % 3 == 0 ? 1 : 9000)
            maker->wrong += view->base[at] != maker->mark;
        if (round % 5 == 4) {
            maker->wrong += wasm_memory_reset(memory, maker->image) != WASM_MEMORY_OK;
            maker->wrong += memcmp(view->base, maker->expected, 2 * PAGE) != 0;
        }
    }
    wasm_memory_delete(memory);
    memory = memory_from(maker->host, pages_32(2, 2), maker->image);
    pthread_barrier_wait(maker->made);
    /* Here the image may be gone. */
    pthread_barrier_wait(maker->made);
    maker->wrong += memcmp(wasm_memory_view(memory)->base, maker->expected, 2 * PAGE) != 0;
    wasm_memory_delete(memory);
    return NULL;
}

TEST(threads_make_memories_of_one_image_at_once) {
    enum { THREADS = 4 };
    static uint8_t expected[2 * PAGE];
    size_t kind, i;
    scribble(expected, sizeof expected, 9);
    memset(expected + 5 * 4096, 0, 7 * 4096);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_image_t *const image = image_of(0, expected, sizeof expected);
        pthread_t threads[THREADS];
        maker_t makers[THREADS];
        pthread_barrier_t made;
        CHECK_EQ(pthread_barrier_init(&made, NULL, THREADS + 1), 0);
        for (i = 0; i < THREADS; i++) {
            memset(&makers[i], 0, sizeof makers[i]);
            makers[i].host = host;
            makers[i].image = image;
            makers[i].expected = expected;
            makers[i].made = &made;
            makers[i].mark = (uint8_t)(0xa0 + i);
            CHECK_EQ(pthread_create(&threads[i], NULL, make_and_write, &makers[i]), 0);
        }
        pthread_barrier_wait(&made);
        wasm_memory_image_delete(image);
        pthread_barrier_wait(&made);
        for (i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
            CHECK_EQ(makers[i].wrong, 0);
        }
        pthread_barrier_destroy(&made);
        host_delete(host);
    }
}

/* Whatever was in a place before: all of it written, grown and written, partly discarded. */
static void spoil(wasm_memory_t *memory, size_t how) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t at;
    if (how % 3 != 0) wasm_memory_try_grow(memory, 1 + how % 2, NULL); /* where there is room */
    if (how % 4 == 3) {
        for (at = 0; at < view->byte_length; at += 3 * 4096) view->base[at] = 0xee;
    } else {
        memset(view->base, 0xee, (size_t)view->byte_length);
    }
    if (how % 5 == 4) CHECK_STATUS(wasm_memory_discard(memory, 1000, view->byte_length / 2), WASM_MEMORY_OK);
}

TEST(a_place_shows_nothing_of_what_was_there_before) {
    const uint64_t lengths[] = {PAGE, 2 * PAGE, 300 * KIB / PAGE * PAGE, 15 * PAGE};
    uint8_t *const first = (uint8_t *)malloc(MIB), *const second = (uint8_t *)malloc(MIB);
    size_t kind, size, round;
    if (!CHECK(first != NULL && second != NULL)) return;
    scribble(first, MIB, 11);
    scribble(second, MIB, 12);
    memset(first + 4096, 0, 2 * 4096); /* images with holes */
    memset(second + 4096 * 5, 0, 4096);
    for (kind = 0; kind < KINDS; kind++)
        for (size = 0; size < sizeof lengths / sizeof *lengths; size++) {
            const host_t host = host_of(&kinds[kind]);
            const uint64_t length = lengths[size];
            wasm_memory_image_t *const one = image_of(100, first, (size_t)(length / 2));
            wasm_memory_image_t *two = image_of(0, second, (size_t)length);
            const shape_t of = pages_32(length / PAGE, 16);
            /* Which follow each other in one place. */
            for (round = 0; round < 24; round++) {
                static const uint8_t order[] = {1, 0, 2, 1, 1, 2, 0, 0, 2, 2, 1, 0};
                const uint8_t what = order[round % sizeof order];
                wasm_memory_t *const memory = what == 0   ? memory_of(host, of)
                                              : what == 1 ? memory_from(host, of, one)
                                                          : memory_from(host, of, two);
                const wasm_memory_view_t *const view = wasm_memory_view(memory);
                if (what == 0) CHECK_CONTENTS(memory, NULL, 0, length);
                if (what == 2) CHECK_CONTENTS(memory, second, length, length);
                if (what == 1) {
                    CHECK(is_zero(view->base, 100));
                    CHECK(memcmp(view->base + 100, first, (size_t)(length / 2)) == 0);
                    CHECK(is_zero(view->base + 100 + length / 2, length - 100 - length / 2));
                }
                if (round % 2 == 1 && wasm_memory_try_grow(memory, 16 - length / PAGE, NULL) == WASM_MEMORY_OK)
                    CHECK(is_zero(view->base + length, MIB - length));
                spoil(memory, round);
                wasm_memory_delete(memory);
                if (round == 13) { /* another with the same contents, perhaps at the same address */
                    wasm_memory_image_delete(two);
                    memset(second + 2 * 4096, 0x18, 4096);
                    two = image_of(0, second, (size_t)length);
                }
            }
            wasm_memory_image_delete(one);
            wasm_memory_image_delete(two);
            host_delete(host);
        }
    free(first);
    free(second);
}

TEST(a_place_keeps_neither_mappings_nor_protections) {
    const uint32_t flags[] = {WASM_MEMORY_MAP_READ_ONLY, WASM_MEMORY_MAP_COPY_ON_WRITE, WASM_MEMORY_MAP_SHARED};
    static uint8_t bytes[PAGE], back[PAGE];
    FILE *const file = tmpfile();
    size_t kind, flag, round;
    scribble(bytes, sizeof bytes, 17);
    if (!CHECK(file != NULL) || !CHECK_EQ(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes)) return;
    fflush(file);
    for (kind = 0; kind < KINDS; kind++)
        for (flag = 0; flag < 3 && !kinds[kind].host_made; flag++) {
            const host_t host = host_of(&kinds[kind]);
            wasm_memory_image_t *const image = image_of(0, bytes, 2000);
            for (round = 0; round < 6; round++) {
                wasm_memory_t *const memory =
                    round % 3 == 2 ? memory_from(host, pages_32(2, 4), image) : memory_of(host, pages_32(2, 4));
                CHECK_CONTENTS(memory, bytes, round % 3 == 2 ? 2000 : 0, 2 * PAGE);
                CHECK_STATUS(wasm_memory_fill(memory, 0, 0x29, 2 * PAGE), WASM_MEMORY_OK);
                memset(wasm_memory_view(memory)->base, 0x2a, 2 * PAGE);
                if (round % 2 == 0) {
                    CHECK_STATUS(wasm_memory_map_file(memory, PAGE, fileno(file), 0, PAGE, flags[flag]),
                                 WASM_MEMORY_OK);
                    CHECK_STATUS(wasm_memory_protect(memory, 0, PAGE / 2, WASM_MEMORY_PROT_NONE),
                                 WASM_MEMORY_OK);
                    CHECK_STATUS(wasm_memory_protect(memory, PAGE / 2, PAGE, WASM_MEMORY_PROT_READ),
                                 WASM_MEMORY_OK);
                }
                wasm_memory_delete(memory);
            }
            wasm_memory_image_delete(image);
            host_delete(host);
        }
    CHECK_EQ(pread(fileno(file), back, sizeof back, 0), sizeof back);
    CHECK(memcmp(back, bytes, sizeof back) == 0); /* nobody wrote there */
    fclose(file);
}

/* Images that come and go: a place must not take a new one for the one it remembers. */
TEST(an_image_is_not_taken_for_one_that_was_deleted) {
    static uint8_t bytes[PAGE];
    size_t kind;
    int round;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *kept = memory_of(host, pages_32(1, 1));
        for (round = 0; round < 50; round++) {
            wasm_memory_image_t *image;
            wasm_memory_t *memory;
            memset(bytes, round + 1, sizeof bytes);
            image = image_of(0, bytes, sizeof bytes);
            memory = memory_from(host, pages_32(1, 1), image);
            CHECK_CONTENTS(memory, bytes, sizeof bytes, PAGE);
            if (round % 2 == 0) wasm_memory_image_delete(image);
            if (round % 3 == 0) memset(wasm_memory_view(memory)->base, 0xff, PAGE / 2);
            wasm_memory_delete(memory);
            if (round % 2 == 1) {
                CHECK_STATUS(wasm_memory_reset(kept, image), WASM_MEMORY_OK);
                CHECK_CONTENTS(kept, bytes, sizeof bytes, PAGE);
                wasm_memory_image_delete(image);
            }
        }
        wasm_memory_delete(kept);
        host_delete(host);
    }
}

TEST(an_image_serves_several_engines) {
    static uint8_t bytes[3 * PAGE];
    wasm_memory_image_t *image;
    size_t kind;
    scribble(bytes, sizeof bytes, 31);
    image = image_of(0, bytes, sizeof bytes);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        wasm_memory_t *const memory = memory_from(host, pages_32(3, 3), image);
        CHECK_CONTENTS(memory, bytes, sizeof bytes, sizeof bytes);
        host_delete(host);
        CHECK_CONTENTS(memory, bytes, sizeof bytes, sizeof bytes);
        wasm_memory_delete(memory);
    }
    wasm_memory_image_delete(image);
}

/* ---- after fork ---- */

typedef struct {
    host_t host;
    wasm_memory_image_t *image;
    wasm_memory_t *memory;
    const uint8_t *expected;
    const char *path;
} inherited_t;

static void use_what_was_inherited(void *env) {
    const inherited_t *const inherited = (const inherited_t *)env;
    wasm_memory_image_t *taken;
    int round;
    for (round = 0; round < 20; round++) {
        wasm_memory_t *const memory = memory_from(inherited->host, pages_32(2, 2), inherited->image);
        CHECK_CONTENTS(memory, inherited->expected, 2 * PAGE, 2 * PAGE);
        memset(wasm_memory_view(memory)->base, round, PAGE);
        wasm_memory_delete(memory);
    }
    CHECK_CONTENTS(inherited->memory, inherited->expected, 2 * PAGE, 2 * PAGE);
    taken = snapshot(inherited->memory);
    memset(wasm_memory_view(inherited->memory)->base, 0x77, 2 * PAGE);
    wasm_memory_delete(inherited->memory);
    {
        wasm_memory_t *const memory = memory_from(inherited->host, pages_32(0, 2), taken);
        CHECK_CONTENTS(memory, inherited->expected, 2 * PAGE, 2 * PAGE);
        wasm_memory_delete(memory);
    }
    CHECK_STATUS(wasm_memory_image_save(taken, inherited->path), WASM_MEMORY_OK); /* both at one path */
    wasm_memory_image_delete(taken);
    wasm_memory_image_delete(inherited->image);
    host_delete(inherited->host);
}

TEST(after_fork_both_processes_have_the_image) {
    static uint8_t expected[2 * PAGE];
    size_t kind;
    scribble(expected, sizeof expected, 41);
    for (kind = 0; kind < KINDS; kind++) {
        inherited_t inherited;
        inherited.host = host_of(&kinds[kind]);
        inherited.image = image_of(0, expected, sizeof expected);
        inherited.memory = memory_from(inherited.host, pages_32(2, 2), inherited.image);
        inherited.expected = expected;
        inherited.path = in_folder("both");
        both_at_once(use_what_was_inherited, use_what_was_inherited, &inherited);
        {
            const host_t host = host_default();
            wasm_memory_image_t *const image = loaded(in_folder("both"));
            wasm_memory_t *const memory = memory_from(host, pages_32(0, 2), image);
            CHECK_CONTENTS(memory, expected, 2 * PAGE, 2 * PAGE);
            wasm_memory_delete(memory);
            wasm_memory_image_delete(image);
            host_delete(host);
        }
        CHECK_EQ(remove(in_folder("both")), 0);
        CHECK_EQ(entries_in_folder(), 0);
    }
}

/* ---- saved and loaded ---- */

TEST(an_image_is_the_same_when_it_was_saved_and_loaded) {
    uint8_t *const bytes = (uint8_t *)malloc(MIB);
    const host_t host = host_default();
    size_t size;
    if (!CHECK(bytes != NULL)) return;
    scribble(bytes, MIB, 5);
    for (size = 0; size < SIZES; size++) {
        const uint64_t end = sizes[size];
        const wasm_memory_segment_t segments[] = {{0, bytes, (size_t)(end / 4)}, {end, NULL, 0}};
        const shape_t of = shape_of(end, false, false);
        const shape_t too_small = shape(of.minimum - 1, of.maximum, false, false, of.page_size_log2);
        const shape_t other_pages = of.page_size_log2 == 0 ? pages_32(0, 20) : bytes_32(0, 2 * MIB);
        wasm_memory_t *memory = memory_of(host, of), *copy;
        wasm_memory_image_t *image = NULL, *again;
        const char *const path = in_folder("image");
        /* Segments: how far they reach is kept. */
        CHECK_STATUS(wasm_memory_image_new(segments, 2, &image), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
        wasm_memory_image_delete(image);
        CHECK_EQ(entries_in_folder(), 1);
        image = loaded(path);
        again = loaded(path);
        CHECK_EQ(remove(path), 0);
        copy = memory_from(host, of, image);
        CHECK_CONTENTS(copy, bytes, end / 4, end);
        wasm_memory_delete(copy);
        wasm_memory_image_delete(image);
        if (end > 0) CHECK_NOT_MADE(host, too_small, again, WASM_MEMORY_OUT_OF_BOUNDS);
        wasm_memory_image_delete(again);
        /* A snapshot: its size and page size are. */
        memcpy(wasm_memory_view(memory)->base + end / 2, bytes, (size_t)(end / 8));
        image = snapshot(memory);
        CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
        wasm_memory_image_delete(image);
        image = loaded(path);
        CHECK_NOT_MADE(host, other_pages, image, WASM_MEMORY_INVALID_TYPE);
        copy = memory_from(host, shape(0, of.maximum, false, false, of.page_size_log2), image);
        CHECK_EQ(wasm_memory_data_size(copy), end);
        CHECK(memcmp(wasm_memory_data(copy), wasm_memory_data(memory), (size_t)end) == 0);
        wasm_memory_delete(copy);
        wasm_memory_delete(memory);
        /* Saved again from what was loaded. */
        CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
        wasm_memory_image_delete(image);
        image = loaded(path);
        memory = memory_from(host, shape(0, of.maximum, true, false, of.page_size_log2), image);
        CHECK_EQ(wasm_memory_data_size(memory), end);
        CHECK(is_zero(wasm_memory_view(memory)->base, end / 2));
        CHECK(memcmp(wasm_memory_view(memory)->base + end / 2, bytes, (size_t)(end / 8)) == 0);
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        CHECK_EQ(remove(path), 0);
    }
    CHECK_EQ(entries_in_folder(), 0);
    free(bytes);
    host_delete(host);
}

TEST(only_pages_that_are_not_zero_are_in_the_file) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(20 * MIB / PAGE, 400)), *copy;
    wasm_memory_image_t *image;
    uint8_t *const base = wasm_memory_view(memory)->base;
    const char *const path = in_folder("sparse");
    base[0] = base[7 * MIB + 5] = base[20 * MIB - 1] = 1;
    /* Written, and zero all the same. */
    memset(base + 10 * MIB, 1, 2 * MIB);
    memset(base + 10 * MIB, 0, 2 * MIB);
    image = snapshot(memory);
    CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
    CHECK(file_length(path) >= 3);
    CHECK(file_length(path) <=
          3 * (uint64_t)sysconf(_SC_PAGESIZE) + 4096); /* three pages, and what tells of them */
    wasm_memory_image_delete(image);
    image = loaded(path);
    copy = memory_from(host, pages_32(0, 400), image);
    CHECK_EQ(wasm_memory_data_size(copy), 20 * MIB);
    CHECK(memcmp(wasm_memory_data(copy), base, 20 * MIB) == 0);
    wasm_memory_delete(copy);
    wasm_memory_image_delete(image);
    wasm_memory_delete(memory);
    CHECK_EQ(remove(path), 0);
    host_delete(host);
}

/* An image that far beyond what any memory here can be is still one. */
TEST(segments_far_away_are_saved_and_loaded) {
    const uint64_t far = UINT64_C(1) << 62;
    const wasm_memory_segment_t segments[] = {{far - 1, "xyz", 3}, {5, "abc", 3}};
    const host_t host = host_default();
    const char *const path = in_folder("far-segments");
    wasm_memory_image_t *image = NULL;
    CHECK_STATUS(wasm_memory_image_new(segments, 2, &image), WASM_MEMORY_OK);
    CHECK_NOT_MADE(host, pages_64(1, NO_MAXIMUM), image, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
    wasm_memory_image_delete(image);
    CHECK(file_length(path) <= 3 * (uint64_t)sysconf(_SC_PAGESIZE) + 4096);
    image = loaded(path);
    CHECK_NOT_MADE(host, pages_64(1, NO_MAXIMUM), image, WASM_MEMORY_OUT_OF_BOUNDS);
    wasm_memory_image_delete(image);
    CHECK_EQ(remove(path), 0);
    host_delete(host);
}

TEST(saving_replaces_the_file_and_leaves_nothing_else) {
    const host_t host = host_default();
    static uint8_t large[5 * PAGE];
    wasm_memory_image_t *const one = image_of(0, "one", 3), *two, *image;
    wasm_memory_t *memory;
    const char *const path = in_folder("\xc3\xa4\xe6\x97\xa5 image"); /* a name beyond ASCII */
    scribble(large, sizeof large, 2);
    two = image_of(0, large, sizeof large);
    CHECK_STATUS(wasm_memory_image_save(two, path), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_image_save(one, path), WASM_MEMORY_OK);
    CHECK_EQ(entries_in_folder(), 1);
    image = loaded(path);
    memory = memory_from(host, pages_32(1, 1), image);
    CHECK_CONTENTS(memory, (const uint8_t *)"one", 3, PAGE);
    wasm_memory_delete(memory);
    /* What is loaded does not need the file any more, whatever becomes of it. */
    wasm_memory_image_delete(image);
    CHECK_STATUS(wasm_memory_image_save(two, path), WASM_MEMORY_OK);
    image = loaded(path);
    CHECK_EQ(truncate(path, 0), 0);
    file_write(path, large + PAGE, PAGE);
    memory = memory_from(host, pages_32(5, 5), image);
    CHECK_CONTENTS(memory, large, sizeof large, sizeof large);
    wasm_memory_delete(memory);
    wasm_memory_image_delete(image);
    CHECK_EQ(remove(path), 0);
    CHECK_EQ(entries_in_folder(), 0);
    wasm_memory_image_delete(one);
    wasm_memory_image_delete(two);
    host_delete(host);
}

TEST(a_path_that_cannot_be_written_is_told_and_nothing_is_left) {
    wasm_memory_image_t *const image = image_of(0, "abc", 3);
    char long_path[6000];
    struct stat about;
    errno = 0;
    CHECK_STATUS(wasm_memory_image_save(image, in_folder("no such folder/image")), WASM_MEMORY_IO);
    CHECK_EQ(errno, ENOENT);
    errno = 0;
    CHECK_STATUS(wasm_memory_image_save(image, folder), WASM_MEMORY_IO); /* a folder itself */
    CHECK_STATUS(wasm_memory_image_save(image, ""), WASM_MEMORY_IO);
    memset(long_path, 'a', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = 0;
    errno = 0;
    CHECK_STATUS(wasm_memory_image_save(image, long_path), WASM_MEMORY_IO);
    CHECK_EQ(errno, ENAMETOOLONG);
    file_write(in_folder("file"), "abc", 3);
    errno = 0;
    CHECK_STATUS(wasm_memory_image_save(image, in_folder("file/image")), WASM_MEMORY_IO);
    CHECK_EQ(errno, ENOTDIR);
    CHECK(file_has(in_folder("file"), (const uint8_t *)"abc", 3));
    CHECK_EQ(remove(in_folder("file")), 0);
    CHECK_STATUS(wasm_memory_image_save(image, in_folder("\xff")), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_STATUS(wasm_memory_image_save(image, in_folder("a\xc3")), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_EQ(entries_in_folder(), 0);
    CHECK(stat(folder, &about) == 0 && S_ISDIR(about.st_mode));
    wasm_memory_image_delete(image);
}

/* Without the rights of an administrator, for whom nothing is forbidden. */
static void save_where_that_is_forbidden(void *env) {
    size_t length;
    uint8_t *const before = file_bytes(in_folder("locked"), &length);
    wasm_memory_image_t *const image = image_of(0, "abc", 3);
    (void)env;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        puts("skipped: no other user to be");
    } else {
        errno = 0;
        CHECK_STATUS(wasm_memory_image_save(image, in_folder("locked")), WASM_MEMORY_IO);
        CHECK_EQ(errno, EACCES);
        CHECK_STATUS(wasm_memory_image_save(image, in_folder("new")), WASM_MEMORY_IO);
        CHECK(file_has(in_folder("locked"), before, length));
        CHECK_EQ(entries_in_folder(), 1);
    }
    free(before);
    wasm_memory_image_delete(image);
}

TEST(a_folder_that_cannot_be_written_keeps_what_it_has) {
    wasm_memory_image_t *const image = image_of(0, "old", 3);
    CHECK_STATUS(wasm_memory_image_save(image, in_folder("locked")), WASM_MEMORY_OK);
    CHECK_EQ(chmod(in_folder("locked"), 0666), 0);
    CHECK_EQ(chmod(folder, 0555), 0);
    CHECK_EQ(in_child(save_where_that_is_forbidden, NULL), 0);
    CHECK_EQ(chmod(folder, 0755), 0);
    CHECK_EQ(remove(in_folder("locked")), 0);
    wasm_memory_image_delete(image);
}

/* The file becomes larger than files may be: by a status, whether the signal that goes with it is ignored or
 * would kill. */
static void save_with_small_files(void *disposition) {
    const struct rlimit small = {20000, 20000};
    size_t length;
    uint8_t *const before = file_bytes(in_folder("image"), &length), *const bytes = (uint8_t *)malloc(MIB);
    const int entries = entries_in_folder();
    wasm_memory_image_t *large, *little;
    scribble(bytes, MIB, 4);
    large = image_of(0, bytes, MIB);
    little = image_of(0, "new", 3);
    signal(SIGXFSZ, disposition != NULL ? SIG_IGN : SIG_DFL);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    errno = 0;
    CHECK_STATUS(wasm_memory_image_save(large, in_folder("image")), WASM_MEMORY_IO);
    CHECK_EQ(errno, EFBIG);
    CHECK(file_has(in_folder("image"), before, length));
    CHECK_EQ(entries_in_folder(), entries);
    CHECK_STATUS(wasm_memory_image_save(little, in_folder("image")), WASM_MEMORY_OK);
    CHECK_EQ(entries_in_folder(), entries);
    free(bytes);
    free(before);
    wasm_memory_image_delete(large);
    wasm_memory_image_delete(little);
}

TEST(a_file_that_becomes_too_large_is_told_and_the_old_one_stays) {
    wasm_memory_image_t *const image = image_of(5, "old", 3);
    int ignored;
    for (ignored = 0; ignored < 2; ignored++) {
        CHECK_STATUS(wasm_memory_image_save(image, in_folder("image")), WASM_MEMORY_OK);
        CHECK_EQ(in_child(save_with_small_files, ignored ? folder : NULL), 0);
    }
    CHECK_EQ(remove(in_folder("image")), 0);
    wasm_memory_image_delete(image);
}

/* A path has a whole image at any time. */
static struct {
    const char *path;
    int over, wrong;
} saving;

static void *save_again_and_again(void *image) {
    const int rounds = is_watched() ? 10 : 50;
    int round;
    for (round = 0; round < rounds; round++)
        if (wasm_memory_image_save((const wasm_memory_image_t *)image, saving.path) != WASM_MEMORY_OK)
            __atomic_add_fetch(&saving.wrong, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&saving.over, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

TEST(while_several_save_to_one_path_there_is_a_whole_image) {
    const host_t host = host_default();
    static uint8_t large[6 * PAGE];
    wasm_memory_image_t *const one = image_of(0, "one", 3), *two;
    pthread_t threads[2];
    const int entries = entries_in_folder();
    int loads = 0;
    scribble(large, sizeof large, 2);
    two = image_of(0, large, sizeof large);
    memset(&saving, 0, sizeof saving);
    saving.path = in_folder("contended");
    CHECK_STATUS(wasm_memory_image_save(one, saving.path), WASM_MEMORY_OK);
    CHECK_EQ(pthread_create(&threads[0], NULL, save_again_and_again, one), 0);
    CHECK_EQ(pthread_create(&threads[1], NULL, save_again_and_again, two), 0);
    do {
        wasm_memory_image_t *const image = loaded(saving.path);
        wasm_memory_t *const memory = image != NULL ? memory_from(host, pages_32(6, 6), image) : NULL;
        if (memory == NULL) break;
        CHECK(memcmp(wasm_memory_data(memory), large, sizeof large) == 0 ||
              (memcmp(wasm_memory_data(memory), "one", 3) == 0 &&
               is_zero(wasm_memory_view(memory)->base + 3, sizeof large - 3)));
        wasm_memory_delete(memory);
        wasm_memory_image_delete(image);
        loads++;
    } while (__atomic_load_n(&saving.over, __ATOMIC_SEQ_CST) < 2);
    CHECK(loads > 0);
    CHECK_EQ(pthread_join(threads[0], NULL), 0);
    CHECK_EQ(pthread_join(threads[1], NULL), 0);
    CHECK_EQ(saving.wrong, 0);
    CHECK_EQ(entries_in_folder(), entries + 1);
    CHECK_EQ(remove(in_folder("contended")), 0);
    wasm_memory_image_delete(one);
    wasm_memory_image_delete(two);
    host_delete(host);
}

/* ---- files that are no intact images ---- */

TEST(what_is_no_file_is_not_loaded) {
    wasm_memory_image_t *image = no_image();
    errno = 0;
    CHECK_NOT_LOADED(in_folder("missing"));
    CHECK_EQ(errno, ENOENT);
    CHECK_NOT_LOADED(folder);
    CHECK_NOT_LOADED("");
    CHECK_NOT_LOADED("/dev/null");
    CHECK_NOT_LOADED("/dev/zero");
    CHECK_EQ(mkfifo(in_folder("fifo"), 0600), 0);
    CHECK_NOT_LOADED(in_folder("fifo")); /* and nobody is waited for */
    CHECK_EQ(remove(in_folder("fifo")), 0);
    CHECK_STATUS(wasm_memory_image_load(in_folder("\xff"), &image), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK(image == NULL);
}

TEST(a_foreign_file_is_not_loaded) {
    static const uint8_t zeros[PAGE];
    static const char text[] =
        "This is a text, of some sixty-four bytes and more, as long as it takes to be a header.";
    const char *const path = in_folder("foreign");
    file_write(path, "", 0);
    CHECK_NOT_LOADED(path);
    file_write(path, text, 1);
    CHECK_NOT_LOADED(path);
    file_write(path, text, sizeof text);
    CHECK_NOT_LOADED(path);
    CHECK_LAST_ERROR("is not an image");
    file_write(path, zeros, sizeof zeros);
    CHECK_NOT_LOADED(path);
    CHECK_LAST_ERROR("is not an image");
    CHECK_EQ(truncate(path, (off_t)1 << 40), 0); /* which nobody wants to read to its end */
    CHECK_NOT_LOADED(path);
    CHECK_EQ(remove(path), 0);
}

/* What is expected of an image that was loaded from a file that was changed. */
typedef struct {
    host_t host;
    shape_t of;        /* of a memory for it */
    shape_t too_small; /* for segments: one that they do not fit */
    const uint8_t *bytes;
    uint64_t length;
    bool whole;
} original_t;

static bool is_the_original(const original_t *original, const wasm_memory_image_t *image) {
    wasm_memory_t *memory = NULL, *other = NULL;
    bool same = try_from(original->host, original->of, image, &memory) == WASM_MEMORY_OK;
    if (same) {
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        same = view->byte_length == original->length &&
               memcmp(view->base, original->bytes, (size_t)original->length) == 0;
    }
    if (original->whole)
        same = same && try_from(original->host, original->too_small, image, &other) == WASM_MEMORY_INVALID_TYPE;
    else
        same =
            same && try_from(original->host, original->too_small, image, &other) == WASM_MEMORY_OUT_OF_BOUNDS;
    wasm_memory_delete(memory);
    wasm_memory_delete(other);
    return same;
}

static const uint8_t *letters(void) {
    static uint8_t bytes[3 * 4096];
    memset(bytes, 0, sizeof bytes);
    scribble(bytes + 100, 77, 1);
    scribble(bytes + 2 * 4096 + 5, 500, 2);
    return bytes;
}

/* An image that makes a small file, as segments or as a snapshot of bytes. */
static original_t small_file(host_t host, bool whole, const char *path) {
    original_t original;
    wasm_memory_image_t *image = NULL;
    original.host = host;
    original.bytes = letters();
    original.length = 3 * 4096;
    original.whole = whole;
    original.of = bytes_32(whole ? 0 : 3 * 4096, 4 * 4096);
    original.too_small = whole ? pages_32(1, 1) : bytes_32(3 * 4096 - 1, 4 * 4096);
    if (whole) {
        wasm_memory_t *const memory = memory_of(host, bytes_32(3 * 4096, 3 * 4096));
        memcpy(wasm_memory_data(memory), original.bytes, 3 * 4096);
        image = snapshot(memory);
        wasm_memory_delete(memory);
    } else {
        const wasm_memory_segment_t segments[] = {{100, original.bytes + 100, 77},
                                                  {2 * 4096 + 5, original.bytes + 2 * 4096 + 5, 500},
                                                  {3 * 4096, NULL, 0}};
        CHECK_STATUS(wasm_memory_image_new(segments, 3, &image), WASM_MEMORY_OK);
    }
    CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
    CHECK(is_the_original(&original, image));
    wasm_memory_image_delete(image);
    return original;
}

TEST(a_file_with_any_byte_changed_is_refused_or_means_the_same) {
    const host_t host = host_default();
    const uint8_t changes[] = {0xff, 0x01, 0x80};
    int whole;
    for (whole = 0; whole < 2; whole++) {
        const char *const path = in_folder("damaged");
        const original_t original = small_file(host, whole != 0, path);
        size_t length, at, change, refused = 0;
        uint8_t *const bytes = file_bytes(path, &length);
        const int file = open(path, O_RDWR);
        bool named = false, versioned = false, damaged = false;
        wasm_memory_image_t *image = loaded(path);
        CHECK(is_the_original(&original, image));
        wasm_memory_image_delete(image);
        if (!CHECK(bytes != NULL && file >= 0)) return;
        for (at = 0; at < length; at += is_watched() ? 1 + at / 40 : 1)
            for (change = 0; change < sizeof changes; change++) {
                const uint8_t changed = bytes[at] ^ changes[change];
                wasm_memory_status_t status;
                CHECK_EQ(pwrite(file, &changed, 1, (off_t)at), 1);
                image = no_image();
                status = wasm_memory_image_load(path, &image);
                if (status == WASM_MEMORY_OK) {
                    if (!CHECK(is_the_original(&original, image))) printf("  byte %zu of %zu\n", at, length);
                } else if (CHECK_STATUS(status, WASM_MEMORY_IO)) {
                    CHECK(image == NULL);
                    refused++;
                    named |= last_error_has("is not an image");
                    versioned |= last_error_has("version");
                    damaged |= last_error_has("does not match") || last_error_has("damaged");
                }
                wasm_memory_image_delete(image);
                CHECK_EQ(pwrite(file, &bytes[at], 1, (off_t)at), 1);
            }
        /* Each kind of damage is told by its name. */
        CHECK(refused > 0);
        CHECK(named);
        CHECK(versioned);
        CHECK(damaged);
        image = loaded(path); /* it is as it was */
        CHECK(is_the_original(&original, image));
        wasm_memory_image_delete(image);
        close(file);
        free(bytes);
        CHECK_EQ(remove(path), 0);
    }
    host_delete(host);
}

TEST(a_file_that_ends_early_or_late_is_refused) {
    const host_t host = host_default();
    int whole;
    for (whole = 0; whole < 2; whole++) {
        const char *const path = in_folder("cut");
        const original_t original = small_file(host, whole != 0, path);
        static const uint8_t more[PAGE];
        wasm_memory_image_t *image;
        size_t length, left;
        uint8_t *const bytes = file_bytes(path, &length);
        int file;
        if (!CHECK(bytes != NULL)) return;
        for (left = length; left-- > 0;) {
            if (is_watched() && left % 37 != 0) continue;
            CHECK_EQ(truncate(path, (off_t)left), 0);
            CHECK_NOT_LOADED(path);
            if (left > 64 && !last_error_has("truncated")) CHECK_LAST_ERROR("ends");
        }
        /* As long as it was, with zeros in the place of what was lost. */
        for (left = length; left-- > length - least(length, 600);) {
            const bool zero = is_zero(bytes + left, length - left);
            file_write(path, bytes, left);
            CHECK_EQ(truncate(path, (off_t)length), 0);
            if (zero) {
                image = loaded(path);
                CHECK(is_the_original(&original, image));
                wasm_memory_image_delete(image);
            } else {
                CHECK_NOT_LOADED(path);
            }
        }
        for (left = 1; left <= PAGE; left = left * 8 + 1) {
            file_write(path, bytes, length);
            file = open(path, O_WRONLY | O_APPEND);
            CHECK_EQ(write(file, more, left), left);
            close(file);
            CHECK_NOT_LOADED(path);
        }
        /* Twice the same. */
        file_write(path, bytes, length);
        file = open(path, O_WRONLY | O_APPEND);
        CHECK_EQ(write(file, bytes, length), length);
        close(file);
        CHECK_NOT_LOADED(path);
        file_write(path, bytes, length);
        image = loaded(path);
        CHECK(is_the_original(&original, image));
        wasm_memory_image_delete(image);
        free(bytes);
        CHECK_EQ(remove(path), 0);
    }
    host_delete(host);
}

TEST(a_file_of_noise_is_refused) {
    const host_t host = host_default();
    const char *const path = in_folder("noise");
    const original_t original = small_file(host, true, path);
    uint64_t random = seed | 1;
    size_t length, i;
    uint8_t *const bytes = file_bytes(path, &length), *const noise = (uint8_t *)malloc(length + 1);
    const int rounds = is_watched() ? 30 : 2000;
    int round;
    if (!CHECK(bytes != NULL && noise != NULL)) return;
    for (round = 0; round < rounds; round++) {
        /* Several bytes, mostly in front, where the counts and offsets are. */
        const uint64_t changes = 1 + next_random(&random) % 8;
        wasm_memory_image_t *image = no_image();
        wasm_memory_status_t status;
        memcpy(noise, bytes, length);
        for (i = 0; i < changes; i++) {
            const uint64_t reach = next_random(&random) % 3 == 0 ? length : least(length, 128);
            noise[next_random(&random) % reach] =
                (uint8_t)(next_random(&random) % 5 == 0 ? 0xff : next_random(&random));
        }
        file_write(path, noise, length);
        status = wasm_memory_image_load(path, &image);
        if (status == WASM_MEMORY_OK) {
            CHECK(is_the_original(&original, image));
        } else {
            CHECK_STATUS(status, WASM_MEMORY_IO);
            CHECK(image == NULL);
        }
        wasm_memory_image_delete(image);
    }
    free(noise);
    free(bytes);
    CHECK_EQ(remove(path), 0);
    host_delete(host);
}

int main(int argc, char **argv) {
    const char *const place = getenv("TMPDIR");
    seed_set(argc, argv);
    snprintf(folder, sizeof folder, "%s/image-XXXXXX", place != NULL && strlen(place) < 30 ? place : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    chmod(folder, 0755);
    RUN(a_memory_begins_with_its_segments_and_grows_with_zeros);
    RUN(later_segments_lie_over_earlier_ones);
    RUN(an_image_has_copies_of_the_bytes);
    RUN(an_image_of_nothing_is_zeros_for_any_type);
    RUN(what_is_no_list_of_segments_makes_no_image);
    RUN(a_segment_past_the_minimum_is_out_of_bounds_even_if_it_is_empty);
    RUN(null_is_an_argument_error);
    RUN(a_snapshot_has_contents_size_and_page_size);
    RUN(a_snapshot_is_of_the_size_of_the_moment);
    RUN(a_snapshot_fits_types_of_its_page_size_that_have_room);
    RUN(a_memory_is_not_taken_while_its_bytes_are_lent_to_be_changed);
    RUN(a_snapshot_reads_mappings_and_nothing_that_is_protected_against_it);
    RUN(a_snapshot_of_a_shared_memory_has_bytes_of_some_moment);
    RUN(snapshots_of_sparse_memories_of_64_bits_cost_what_is_in_them);
    RUN(the_limits_of_the_store_count_the_size_that_the_image_gives);
    RUN(the_limiter_is_asked_for_the_size_that_the_image_gives);
    RUN(a_host_that_makes_the_memories_makes_no_shared_one_from_an_image);
    RUN(a_pool_without_room_makes_no_memory_from_an_image);
    RUN(a_system_without_room_makes_no_memory_from_an_image);
    RUN(memories_of_one_image_are_private);
    RUN(threads_make_memories_of_one_image_at_once);
    RUN(a_place_shows_nothing_of_what_was_there_before);
    RUN(a_place_keeps_neither_mappings_nor_protections);
    RUN(an_image_is_not_taken_for_one_that_was_deleted);
    RUN(an_image_serves_several_engines);
    RUN(after_fork_both_processes_have_the_image);
    RUN(an_image_is_the_same_when_it_was_saved_and_loaded);
    RUN(only_pages_that_are_not_zero_are_in_the_file);
    RUN(segments_far_away_are_saved_and_loaded);
    RUN(saving_replaces_the_file_and_leaves_nothing_else);
    RUN(a_path_that_cannot_be_written_is_told_and_nothing_is_left);
    RUN(a_folder_that_cannot_be_written_keeps_what_it_has);
    RUN(a_file_that_becomes_too_large_is_told_and_the_old_one_stays);
    RUN(while_several_save_to_one_path_there_is_a_whole_image);
    RUN(what_is_no_file_is_not_loaded);
    RUN(a_foreign_file_is_not_loaded);
    RUN(a_file_with_any_byte_changed_is_refused_or_means_the_same);
    RUN(a_file_that_ends_early_or_late_is_refused);
    RUN(a_file_of_noise_is_refused);
    if (rmdir(folder) != 0) perror(folder);
    return check_finish();
}
