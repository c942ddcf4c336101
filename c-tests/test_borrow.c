/* Borrowing: while a memory's bytes are lent to a callback, nobody writes them or takes them away. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "support/memories.h"

/* ---- the table ---- */

/* Each function that takes a memory, as a call with one signature. `far`: with an offset or a delta that nobody has;
   BORROWED is found before that. A call checks what it got: the right result when it is OK, and that out-parameters are
   zero and buffers untouched when it is not. */
typedef struct {
    wasm_memory_t *memory, *other;
    wasm_data_segment_t *segment;
    int *store_data;
} scene_t;
typedef wasm_memory_status_t call_t(const scene_t *scene, bool far);

/* What a call answers that says no without saying why, and what it answers when a result is wrong. */
#define REFUSED 1000
#define WRONG 1001

#define NEAR 64
static uint64_t at(bool far) { return far ? UINT64_MAX - 3 : NEAR; }
static uint8_t *base_of(const scene_t *scene) { return wasm_memory_view(scene->memory)->base; }
static wasm_memory_status_t right(bool answer) { return answer ? WASM_MEMORY_OK : WRONG; }

static bool is_all(const void *bytes, uint8_t value, size_t length) {
    size_t i;
    for (i = 0; i < length; i++)
        if (((const uint8_t *)bytes)[i] != value) return false;
    return true;
}

/* Reading. */
static wasm_memory_status_t call_read(const scene_t *scene, bool far) {
    uint8_t buffer[8];
    wasm_memory_status_t status;
    memset(buffer, 0x44, sizeof buffer);
    status = wasm_memory_read(scene->memory, at(far), buffer, sizeof buffer);
    CHECK(status == WASM_MEMORY_OK ? memcmp(buffer, base_of(scene) + NEAR, 8) == 0 : is_all(buffer, 0x44, 8));
    return status;
}
static wasm_memory_status_t call_read_nothing(const scene_t *scene, bool far) {
    return wasm_memory_read(scene->memory, at(far), NULL, 0);
}
static wasm_memory_status_t call_hexdump(const scene_t *scene, bool far) {
    char text[300];
    size_t needed = 77;
    wasm_memory_status_t status;
    memset(text, 'x', sizeof text);
    status = wasm_memory_hexdump(scene->memory, at(far), 16, text, sizeof text, &needed);
    if (status == WASM_MEMORY_OK) {
        CHECK(strncmp(text, "Memory dump from 0x0040 to 0x0050:\n0040: ", 41) == 0);
        CHECK_EQ(needed, strlen(text));
    } else {
        CHECK_EQ(needed, 0);
        CHECK(is_all(text, 'x', sizeof text));
    }
    return status;
}
static wasm_memory_status_t call_hexdump_measure(const scene_t *scene, bool far) {
    size_t needed = 77;
    const wasm_memory_status_t status = wasm_memory_hexdump(scene->memory, at(far), 16, NULL, 0, &needed);
    CHECK((needed > 60 && needed < 300) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_copy_from(const scene_t *scene, bool far) {
    uint8_t *const to = wasm_memory_view(scene->other)->base;
    wasm_memory_status_t status;
    memset(to, 0x31, 16);
    status = wasm_memory_copy_between(scene->other, 0, scene->memory, at(far), 16);
    CHECK(status == WASM_MEMORY_OK ? memcmp(to, base_of(scene) + NEAR, 16) == 0 : is_all(to, 0x31, 16));
    return status;
}

typedef struct {
    int calls;
    uint8_t *data;
    size_t length;
} lent_t;
static void note_lent(void *env, uint8_t *data, size_t length) {
    lent_t *const lent = (lent_t *)env;
    lent->calls++;
    lent->data = data;
    lent->length = length;
}
static wasm_memory_status_t check_lent(const scene_t *scene, wasm_memory_status_t status, const lent_t *lent) {
    CHECK_EQ(lent->calls, status == WASM_MEMORY_OK);
    if (status == WASM_MEMORY_OK) {
        CHECK(lent->data == base_of(scene));
        CHECK_EQ(lent->length, wasm_memory_data_size(scene->memory));
    }
    return status;
}
static wasm_memory_status_t call_with_data(const scene_t *scene, bool far) {
    lent_t lent = {0, NULL, 0};
    (void)far;
    return check_lent(scene, wasm_memory_with_data(scene->memory, note_lent, &lent), &lent);
}
static wasm_memory_status_t call_with_data_mut(const scene_t *scene, bool far) {
    lent_t lent = {0, NULL, 0};
    (void)far;
    return check_lent(scene, wasm_memory_with_data_mut(scene->memory, note_lent, &lent), &lent);
}

/* Loads and stores: of a pattern that no byte of the memory has. */
#define CALL_TYPED(type, name)                                                                      \
    static wasm_memory_status_t call_load_##name(const scene_t *scene, bool far) {                  \
        type value;                                                                                 \
        wasm_memory_status_t status;                                                                \
        memset(&value, 0xcc, sizeof value);                                                         \
        status = wasm_memory_load_##name(scene->memory, at(far), &value);                           \
        CHECK(status == WASM_MEMORY_OK ? is_number_at(base_of(scene) + NEAR, &value, sizeof value)  \
                                       : is_all(&value, 0, sizeof value));                          \
        return status;                                                                              \
    }                                                                                               \
    static wasm_memory_status_t call_store_##name(const scene_t *scene, bool far) {                 \
        type value;                                                                                 \
        wasm_memory_status_t status;                                                                \
        memset(&value, 0xcc, sizeof value);                                                         \
        status = wasm_memory_store_##name(scene->memory, at(far), value);                           \
        CHECK(is_all(base_of(scene) + NEAR, 0xcc, sizeof value) == (status == WASM_MEMORY_OK));     \
        return status;                                                                              \
    }
CALL_TYPED(uint8_t, u8)
CALL_TYPED(uint16_t, u16)
CALL_TYPED(uint32_t, u32)
CALL_TYPED(uint64_t, u64)
CALL_TYPED(float, f32)
CALL_TYPED(double, f64)
static wasm_memory_status_t call_load_v128(const scene_t *scene, bool far) {
    uint8_t value[16];
    wasm_memory_status_t status;
    memset(value, 0xcc, sizeof value);
    status = wasm_memory_load_v128(scene->memory, at(far), value);
    CHECK(status == WASM_MEMORY_OK ? memcmp(value, base_of(scene) + NEAR, 16) == 0 : is_all(value, 0, 16));
    return status;
}
static wasm_memory_status_t call_store_v128(const scene_t *scene, bool far) {
    uint8_t value[16];
    wasm_memory_status_t status;
    memset(value, 0xcc, sizeof value);
    status = wasm_memory_store_v128(scene->memory, at(far), value);
    CHECK(is_all(base_of(scene) + NEAR, 0xcc, 16) == (status == WASM_MEMORY_OK));
    return status;
}

/* Writing. */
static wasm_memory_status_t call_write(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_write(scene->memory, at(far), "\xcc\xcc\xcc\xcc", 4);
    CHECK(is_all(base_of(scene) + NEAR, 0xcc, 4) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_write_nothing(const scene_t *scene, bool far) {
    return wasm_memory_write(scene->memory, at(far), NULL, 0);
}
static wasm_memory_status_t call_fill(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_fill(scene->memory, at(far), 0xcc, 100);
    CHECK(is_all(base_of(scene) + NEAR, 0xcc, 100) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_fill_nothing(const scene_t *scene, bool far) {
    return wasm_memory_fill(scene->memory, at(far), 0xcc, 0);
}
static wasm_memory_status_t call_zero(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_zero(scene->memory, at(far), 100);
    CHECK(is_all(base_of(scene) + NEAR, 0, 100) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_erase(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_erase(scene->memory);
    (void)far;
    CHECK(is_all(base_of(scene), 0, PAGE) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_discard(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_discard(scene->memory, at(far), 10000);
    CHECK(is_all(base_of(scene) + NEAR, 0, 10000) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_copy_within(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_copy_within(scene->memory, at(far), 0, 16);
    CHECK((memcmp(base_of(scene), base_of(scene) + NEAR, 16) == 0) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_copy_apart(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_copy_within_nonoverlapping(scene->memory, at(far), 0, 16);
    CHECK((memcmp(base_of(scene), base_of(scene) + NEAR, 16) == 0) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_copy_to(const scene_t *scene, bool far) {
    wasm_memory_status_t status;
    memset(wasm_memory_data(scene->other), 0x31, 16);
    status = wasm_memory_copy_between(scene->memory, at(far), scene->other, 0, 16);
    CHECK(is_all(base_of(scene) + NEAR, 0x31, 16) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_copy_itself(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_copy_between(scene->memory, at(far), scene->memory, 0, 16);
    CHECK((memcmp(base_of(scene), base_of(scene) + NEAR, 16) == 0) == (status == WASM_MEMORY_OK));
    return status;
}
/* The same where it is the range of the other that is outside. */
static wasm_memory_status_t call_copy_to_other(const scene_t *scene, bool far) {
    return wasm_memory_copy_between(scene->memory, NEAR, scene->other, at(far), 16);
}
static wasm_memory_status_t call_copy_from_other(const scene_t *scene, bool far) {
    return wasm_memory_copy_between(scene->other, at(far), scene->memory, NEAR, 16);
}
static wasm_memory_status_t call_copy_within_from(const scene_t *scene, bool far) {
    return wasm_memory_copy_within(scene->memory, NEAR, at(far), 16);
}
static wasm_memory_status_t call_init_from(const scene_t *scene, bool far) {
    return wasm_memory_init(scene->memory, NEAR, scene->segment, far ? UINT32_MAX : 0, 8);
}
/* `far`: the ranges overlap. */
static wasm_memory_status_t call_copy_onto_itself(const scene_t *scene, bool far) {
    return wasm_memory_copy_within_nonoverlapping(scene->memory, NEAR, far ? NEAR : 0, 16);
}
static wasm_memory_status_t call_init(const scene_t *scene, bool far) {
    const wasm_memory_status_t status = wasm_memory_init(scene->memory, at(far), scene->segment, 0, 8);
    CHECK((memcmp(base_of(scene) + NEAR, "segment!", 8) == 0) == (status == WASM_MEMORY_OK));
    return status;
}
static wasm_memory_status_t call_data_and_store(const scene_t *scene, bool far) {
    uint8_t garbage = 0, *data = &garbage;
    size_t length = 77;
    void *store_data = &garbage;
    const wasm_memory_status_t status = wasm_memory_data_and_store(scene->memory, &data, &length, &store_data);
    (void)far;
    if (status == WASM_MEMORY_OK) {
        CHECK(data == base_of(scene));
        CHECK_EQ(length, wasm_memory_data_size(scene->memory));
        CHECK(store_data == scene->store_data);
    } else {
        CHECK(data == NULL);
        CHECK_EQ(length, 0);
        CHECK(store_data == NULL);
    }
    return status;
}

/* Growing. */
static uint64_t by(bool far) { return far ? 1000 : 1; }
static wasm_memory_status_t call_try_grow(const scene_t *scene, bool far) {
    const uint64_t pages = wasm_memory_pages(scene->memory);
    uint64_t previous = 77;
    const wasm_memory_status_t status = wasm_memory_try_grow(scene->memory, by(far), &previous);
    CHECK_EQ(previous, status == WASM_MEMORY_OK ? pages : 0);
    CHECK_EQ(wasm_memory_pages(scene->memory), status == WASM_MEMORY_OK ? pages + 1 : pages);
    return status;
}
static wasm_memory_status_t call_grow(const scene_t *scene, bool far) {
    const uint64_t pages = wasm_memory_pages(scene->memory);
    const bool grew = wasm_memory_grow(scene->memory, (wasm_memory_pages_t)by(far));
    CHECK_EQ(wasm_memory_pages(scene->memory), grew ? pages + 1 : pages);
    return grew ? WASM_MEMORY_OK : REFUSED;
}
static wasm_memory_status_t call_grow_async(const scene_t *scene, bool far) {
    const uint64_t pages = wasm_memory_pages(scene->memory);
    wasm_memory_future_t *const future = wasm_memory_grow_async(scene->memory, by(far));
    const wasm_memory_status_t status = wasm_memory_future_poll(future);
    CHECK(future != NULL);
    CHECK_STATUS(wasm_memory_future_poll(future), status); /* again and again the same */
    CHECK_EQ(wasm_memory_future_previous_pages(future), status == WASM_MEMORY_OK ? pages : 0);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_EQ(wasm_memory_pages(scene->memory), status == WASM_MEMORY_OK ? pages + 1 : pages);
    wasm_memory_future_delete(future);
    return status;
}
static wasm_memory_status_t call_try_grow_by_0(const scene_t *scene, bool far) {
    uint64_t previous = 77;
    const wasm_memory_status_t status = wasm_memory_try_grow(scene->memory, 0, &previous);
    (void)far;
    CHECK_EQ(previous, wasm_memory_pages(scene->memory));
    return status;
}
static wasm_memory_status_t call_grow_by_0(const scene_t *scene, bool far) {
    (void)far;
    return wasm_memory_grow(scene->memory, 0) ? WASM_MEMORY_OK : REFUSED;
}
static wasm_memory_status_t call_grow_async_by_0(const scene_t *scene, bool far) {
    wasm_memory_future_t *const future = wasm_memory_grow_async(scene->memory, 0);
    const wasm_memory_status_t status = wasm_memory_future_poll(future);
    (void)far;
    CHECK_EQ(wasm_memory_future_previous_pages(future), wasm_memory_pages(scene->memory));
    wasm_memory_future_delete(future);
    return status;
}

/* Telling about the memory. */
static wasm_memory_status_t call_sizes(const scene_t *scene, bool far) {
    const uint64_t pages = wasm_memory_pages(scene->memory);
    (void)far;
    return right(pages >= 1 && wasm_memory_size(scene->memory) == pages &&
                 wasm_memory_data_size(scene->memory) == pages * PAGE && wasm_memory_page_size(scene->memory) == PAGE &&
                 wasm_memory_page_size_log2(scene->memory) == 16 && wasm_memory_initial_pages(scene->memory) == 1);
}
static wasm_memory_status_t call_data(const scene_t *scene, bool far) {
    const wasm_memory_view_t *const view = wasm_memory_view(scene->memory);
    (void)far;
    return right(view != NULL && view->base == (uint8_t *)wasm_memory_data(scene->memory) &&
                 view->byte_length == wasm_memory_data_size(scene->memory));
}
static wasm_memory_status_t call_type(const scene_t *scene, bool far) {
    wasm_memorytype_t *const type = wasm_memory_type(scene->memory);
    uint64_t maximum = 0;
    const bool same = wasm_memorytype_minimum(type) == wasm_memory_pages(scene->memory) &&
                      wasm_memorytype_maximum(type, &maximum) && maximum == 400;
    (void)far;
    wasm_memorytype_delete(type);
    return right(same);
}
static wasm_memory_status_t call_stats(const scene_t *scene, bool far) {
    const wasm_memory_stats_t stats = stats_of(scene->memory);
    (void)far;
    return right(stats.byte_length == wasm_memory_data_size(scene->memory) && stats.peak_bytes >= stats.byte_length &&
                 stats.may_move == wasm_memory_may_move(scene->memory));
}
static wasm_memory_status_t call_accessible(const scene_t *scene, bool far) {
    uint8_t *start = NULL;
    size_t length = 0;
    const wasm_memory_status_t status = wasm_memory_accessible(scene->memory, &start, &length);
    (void)far;
    CHECK(start <= base_of(scene) && start + length >= base_of(scene) + wasm_memory_data_size(scene->memory));
    return status;
}
static wasm_memory_status_t call_copy_and_delete(const scene_t *scene, bool far) {
    wasm_memory_t *const copy = wasm_memory_copy(scene->memory);
    const bool same = wasm_memory_same(copy, scene->memory) && !wasm_memory_same(copy, scene->other);
    (void)far;
    wasm_memory_delete(copy);
    return right(same);
}
static void count_one(void *counter) { *(int *)counter += 1; }
static wasm_memory_status_t call_host_info(const scene_t *scene, bool far) {
    int finalized = 0, info = 0;
    bool kept;
    (void)far;
    wasm_memory_set_host_info_with_finalizer(scene->memory, &finalized, count_one);
    kept = wasm_memory_get_host_info(scene->memory) == &finalized;
    wasm_memory_set_host_info(scene->memory, &info);
    kept = kept && finalized == 1 && wasm_memory_get_host_info(scene->memory) == &info;
    wasm_memory_set_host_info(scene->memory, NULL);
    return right(kept);
}

/* Arguments that are missing are found before the borrow. */
static wasm_memory_status_t call_null_arguments(const scene_t *scene, bool far) {
    wasm_memory_t *const memory = scene->memory;
    const wasm_memory_status_t none = WASM_MEMORY_NULL_ARGUMENT;
    size_t needed = 77;
    (void)far;
    return right(wasm_memory_read(memory, 0, NULL, 1) == none && wasm_memory_write(memory, 0, NULL, 1) == none &&
                 wasm_memory_load_u32(memory, 0, NULL) == none && wasm_memory_store_v128(memory, 0, NULL) == none &&
                 wasm_memory_init(memory, 0, NULL, 0, 0) == none &&
                 wasm_memory_copy_between(memory, 0, NULL, 0, 0) == none &&
                 wasm_memory_copy_between(NULL, 0, memory, 0, 0) == none &&
                 wasm_memory_with_data(memory, NULL, NULL) == none &&
                 wasm_memory_with_data_mut(memory, NULL, NULL) == none &&
                 wasm_memory_hexdump(memory, 0, 1, NULL, 1, &needed) == none);
}

#define OK WASM_MEMORY_OK
#define LENT WASM_MEMORY_BORROWED
#define OUTSIDE WASM_MEMORY_OUT_OF_BOUNDS
#define ROW(name, reading, writing, far) {#name, call_##name, reading, writing, far}
static const struct {
    const char *name;
    call_t *call;
    wasm_memory_status_t reading, writing; /* the answer while with_data, and with_data_mut, has the bytes */
    wasm_memory_status_t far;              /* the answer to what is outside, when nobody has */
} table[] = {
    ROW(read, OK, LENT, OUTSIDE),
    ROW(read_nothing, OK, LENT, OUTSIDE),
    ROW(hexdump, OK, LENT, OUTSIDE),
    ROW(hexdump_measure, OK, LENT, OUTSIDE),
    ROW(copy_from, OK, LENT, OUTSIDE),
    ROW(with_data, OK, LENT, OK),
    ROW(load_u8, OK, LENT, OUTSIDE),
    ROW(load_u16, OK, LENT, OUTSIDE),
    ROW(load_u32, OK, LENT, OUTSIDE),
    ROW(load_u64, OK, LENT, OUTSIDE),
    ROW(load_f32, OK, LENT, OUTSIDE),
    ROW(load_f64, OK, LENT, OUTSIDE),
    ROW(load_v128, OK, LENT, OUTSIDE),
    ROW(store_u8, LENT, LENT, OUTSIDE),
    ROW(store_u16, LENT, LENT, OUTSIDE),
    ROW(store_u32, LENT, LENT, OUTSIDE),
    ROW(store_u64, LENT, LENT, OUTSIDE),
    ROW(store_f32, LENT, LENT, OUTSIDE),
    ROW(store_f64, LENT, LENT, OUTSIDE),
    ROW(store_v128, LENT, LENT, OUTSIDE),
    ROW(write, LENT, LENT, OUTSIDE),
    ROW(write_nothing, LENT, LENT, OUTSIDE),
    ROW(fill, LENT, LENT, OUTSIDE),
    ROW(fill_nothing, LENT, LENT, OUTSIDE),
    ROW(zero, LENT, LENT, OUTSIDE),
    ROW(erase, LENT, LENT, OK),
    ROW(discard, LENT, LENT, OUTSIDE),
    ROW(copy_within, LENT, LENT, OUTSIDE),
    ROW(copy_apart, LENT, LENT, OUTSIDE),
    ROW(copy_to, LENT, LENT, OUTSIDE),
    ROW(copy_itself, LENT, LENT, OUTSIDE),
    ROW(init, LENT, LENT, OUTSIDE),
    ROW(copy_to_other, LENT, LENT, OUTSIDE),
    ROW(copy_from_other, OK, LENT, OUTSIDE),
    ROW(copy_within_from, LENT, LENT, OUTSIDE),
    ROW(init_from, LENT, LENT, OUTSIDE),
    ROW(copy_onto_itself, LENT, LENT, WASM_MEMORY_OVERLAP),
    ROW(data_and_store, LENT, LENT, OK),
    ROW(with_data_mut, LENT, LENT, OK),
    ROW(try_grow, LENT, LENT, WASM_MEMORY_MAXIMUM_EXCEEDED),
    ROW(grow, REFUSED, REFUSED, REFUSED),
    ROW(grow_async, LENT, LENT, WASM_MEMORY_MAXIMUM_EXCEEDED),
    ROW(try_grow_by_0, OK, OK, OK),
    ROW(grow_by_0, OK, OK, OK),
    ROW(grow_async_by_0, OK, OK, OK),
    ROW(sizes, OK, OK, OK),
    ROW(data, OK, OK, OK),
    ROW(type, OK, OK, OK),
    ROW(stats, OK, OK, OK),
    ROW(accessible, OK, OK, OK),
    ROW(copy_and_delete, OK, OK, OK),
    ROW(host_info, OK, OK, OK),
    ROW(null_arguments, OK, OK, OK),
};

typedef enum { FREE, READING, WRITING } borrow_t;

/* Bytes that no call of the table writes: each differs from 0, 0x31 and 0xcc, and so do ranges that are copied. */
static void pattern_fill(uint8_t *base) {
    size_t i;
    for (i = 0; i < PAGE; i++) base[i] = (uint8_t)(i * 3 % 127 + i / 509 % 11 + 50);
}

/* Makes every call of the table, and checks that those which are refused change nothing. */
static void check_table(const scene_t *scene, borrow_t borrow) {
    static uint8_t pattern[65536];
    size_t i;
    pattern_fill(pattern);
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        const int failures = check_state.failures;
        const wasm_memory_status_t near = borrow == FREE ? OK : borrow == READING ? table[i].reading : table[i].writing;
        const wasm_memory_status_t far = near == OK ? table[i].far : near;
        const uint64_t pages = wasm_memory_pages(scene->memory);
        uint8_t *const base = base_of(scene);
        pattern_fill(base);
        wasm_memory_read(scene->memory, 70012, NULL, 0); /* any sentence */
        CHECK_STATUS(table[i].call(scene, false), near);
        if (near == LENT || near == REFUSED) {
            CHECK(!last_error_has("70012"));
            CHECK(memcmp(base_of(scene), pattern, sizeof pattern) == 0);
            CHECK_EQ(wasm_memory_pages(scene->memory), pages);
            CHECK(base_of(scene) == base);
        }
        pattern_fill(base_of(scene));
        CHECK_STATUS(table[i].call(scene, true), far);
        if (far != OK) CHECK(memcmp(base_of(scene), pattern, sizeof pattern) == 0);
        if (check_state.failures != failures)
            printf("  the call was: %s, borrowed: %s\n", table[i].name,
                   borrow == FREE ? "no" : borrow == READING ? "to read" : "to write");
    }
}

/* ---- who answers BORROWED ---- */

static int store_data;

static scene_t scene_of(host_t host) {
    scene_t scene;
    wasm_store_data_set(host.store, &store_data, NULL);
    scene.memory = memory_of(host, pages_32(1, 400));
    scene.other = memory_of(host, pages_64(1, 1));
    scene.segment = wasm_data_segment_new("segment!", 8);
    scene.store_data = &store_data;
    return scene;
}

static void scene_delete(scene_t scene) {
    wasm_memory_delete(scene.memory);
    wasm_memory_delete(scene.other);
    wasm_data_segment_delete(scene.segment);
}

/* What a callback does with a scene: `depth` further callbacks around the table. */
typedef struct {
    const scene_t *scene;
    borrow_t borrow;
    int depth, calls;
    bool elsewhere; /* on another thread, while this one waits */
} visit_t;

static void *table_on_a_thread(void *env) {
    const visit_t *const visit = (const visit_t *)env;
    check_table(visit->scene, visit->borrow);
    return NULL;
}

static void visit(void *env, uint8_t *data, size_t length) {
    visit_t *const visits = (visit_t *)env;
    visits->calls++;
    CHECK(data == base_of(visits->scene));
    CHECK_EQ(length, wasm_memory_data_size(visits->scene->memory));
    if (visits->depth > 0) {
        visits->depth--;
        CHECK_STATUS(wasm_memory_with_data(visits->scene->memory, visit, visits), OK);
    }
    /* On the way back too: the callbacks around this one still have the bytes. */
    if (visits->elsewhere) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, table_on_a_thread, visits), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    } else {
        check_table(visits->scene, visits->borrow);
    }
}

static visit_t visit_of(const scene_t *scene, borrow_t borrow) {
    visit_t made;
    memset(&made, 0, sizeof made);
    made.scene = scene;
    made.borrow = borrow;
    return made;
}

static void check_borrows(host_t host) {
    const scene_t scene = scene_of(host);
    scene_t second = scene; /* through another handle */
    visit_t visits;
    second.memory = wasm_memory_copy(scene.memory);
    check_table(&scene, FREE);

    visits = visit_of(&scene, READING);
    CHECK_STATUS(wasm_memory_with_data(scene.memory, visit, &visits), OK);
    CHECK_EQ(visits.calls, 1);
    check_table(&scene, FREE);

    visits = visit_of(&scene, WRITING);
    CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, visit, &visits), OK);
    CHECK_EQ(visits.calls, 1);
    check_table(&scene, FREE);

    visits = visit_of(&second, READING);
    CHECK_STATUS(wasm_memory_with_data(scene.memory, visit, &visits), OK);
    visits = visit_of(&second, WRITING);
    CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, visit, &visits), OK);
    check_table(&second, FREE);

    visits = visit_of(&scene, READING);
    visits.elsewhere = true;
    CHECK_STATUS(wasm_memory_with_data(scene.memory, visit, &visits), OK);
    visits = visit_of(&scene, WRITING);
    visits.elsewhere = true;
    CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, visit, &visits), OK);
    CHECK_EQ(visits.calls, 1);
    check_table(&scene, FREE);

    wasm_memory_delete(second.memory);
    scene_delete(scene);
    host_delete(host);
}

TEST(borrowed_bytes_are_kept_from_everyone_whom_the_table_names) {
    check_borrows(host_default());
    check_borrows(host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED));
    check_borrows(host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED));
}

TEST(the_bytes_of_a_memory_that_may_move_stay_while_they_are_borrowed) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_may_move_set(config, true);
    wasm_config_memory_reservation_set(config, 0);
    wasm_config_memory_reservation_for_growth_set(config, 0);
    check_borrows(host_with(config));
}

TEST(with_data_nests_and_the_outermost_ends_the_borrow) {
    const host_t host = host_default();
    const scene_t scene = scene_of(host);
    visit_t visits = visit_of(&scene, READING);
    visits.depth = 5;
    CHECK_STATUS(wasm_memory_with_data(scene.memory, visit, &visits), OK);
    CHECK_EQ(visits.calls, 6);
    check_table(&scene, FREE);
    scene_delete(scene);
    host_delete(host);
}

typedef struct {
    wasm_memory_t *memory;
    int depth, deepest;
} dive_t;

static void dive(void *env, uint8_t *data, size_t length) {
    dive_t *const diver = (dive_t *)env;
    (void)data, (void)length;
    if (diver->deepest++ < diver->depth) CHECK_STATUS(wasm_memory_with_data(diver->memory, dive, diver), OK);
    CHECK_STATUS(wasm_memory_store_u8(diver->memory, 0, 1), LENT);
}

TEST(with_data_nests_a_thousand_times) {
    const host_t host = host_default();
    dive_t diver = {NULL, 1000, 0};
    diver.memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_with_data(diver.memory, dive, &diver), OK);
    CHECK_EQ(diver.deepest, 1001);
    CHECK_STATUS(wasm_memory_store_u8(diver.memory, 0, 1), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(diver.memory, note_lent, &(lent_t){0, NULL, 0}), OK);
    wasm_memory_delete(diver.memory);
    host_delete(host);
}

/* ---- what the callback gets ---- */

TEST(the_callback_gets_base_and_length_once) {
    static const shape_t shapes[] = {{0, 0, false, false, 16}, {0, 5, false, false, 0},  {1, 2, false, false, 16},
                                     {3, 9, true, false, 16},  {4099, 5000, true, false, 0}};
    const host_t host = host_default();
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        lent_t lent = {0, NULL, 77};
        CHECK_STATUS(wasm_memory_with_data(memory, note_lent, &lent), OK);
        CHECK_EQ(lent.calls, 1);
        CHECK(lent.data == wasm_memory_view(memory)->base && lent.data != NULL);
        CHECK_EQ(lent.length, wasm_memory_data_size(memory));
        lent.data = NULL, lent.length = 77;
        CHECK_STATUS(wasm_memory_with_data_mut(memory, note_lent, &lent), OK);
        CHECK_EQ(lent.calls, 2);
        CHECK(lent.data == wasm_memory_view(memory)->base && lent.data != NULL);
        CHECK_EQ(lent.length, wasm_memory_data_size(memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

static void on_this_thread(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    CHECK(pthread_equal(*(pthread_t *)env, pthread_self()));
}

TEST(the_callback_runs_on_the_calling_thread) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    pthread_t self = pthread_self();
    CHECK_STATUS(wasm_memory_with_data(memory, on_this_thread, &self), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, on_this_thread, &self), OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void copy_out(void *env, uint8_t *data, size_t length) { memcpy(env, data + length - 8, 8); }
static void copy_in(void *env, uint8_t *data, size_t length) { memcpy(data + length - 8, env, 8); }

TEST(what_is_written_in_the_callback_stays) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    char text[8];
    CHECK_STATUS(wasm_memory_with_data_mut(memory, copy_in, "borrowed"), OK);
    CHECK_STATUS(wasm_memory_read(memory, PAGE - 8, text, 8), OK);
    CHECK(memcmp(text, "borrowed", 8) == 0);
    CHECK_STATUS(wasm_memory_write(memory, PAGE - 8, "returned", 8), OK);
    CHECK_STATUS(wasm_memory_with_data(memory, copy_out, text), OK);
    CHECK(memcmp(text, "returned", 8) == 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void use_others(void *env, uint8_t *data, size_t length) {
    const host_t host = *(const host_t *)env;
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 3));
    const host_t another = host_default();
    lent_t lent = {0, NULL, 0};
    (void)data, (void)length;
    CHECK_STATUS(wasm_memory_write(memory, 0, "abc", 3), OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, note_lent, &lent), OK);
    CHECK_EQ(lent.calls, 1);
    CHECK_STATUS(wasm_memory_erase(memory), OK);
    wasm_store_data_set(host.store, env, NULL);
    wasm_memory_delete(memory);
    host_delete(another);
}

TEST(other_memories_are_not_concerned) {
    host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_with_data(memory, use_others, &host), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, use_others, &host), OK);
    CHECK(wasm_store_data(host.store) == &host);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Copies between a memory that is lent to be read and one that is lent to be written. */
typedef struct {
    wasm_memory_t *read, *written;
} pair_t;
static void copy_between_lent(void *env, uint8_t *data, size_t length) {
    const pair_t *const pair = (const pair_t *)env;
    (void)data, (void)length;
    CHECK_STATUS(wasm_memory_copy_between(pair->written, 0, pair->read, 0, 8), LENT);
    CHECK_STATUS(wasm_memory_copy_between(pair->read, 0, pair->written, 0, 8), LENT);
    CHECK_STATUS(wasm_memory_copy_between(pair->written, UINT64_MAX, pair->read, UINT64_MAX, 8), LENT);
    CHECK_STATUS(wasm_memory_with_data(pair->read, note_lent, &(lent_t){0, NULL, 0}), OK);
    CHECK_STATUS(wasm_memory_with_data(pair->written, note_lent, &(lent_t){0, NULL, 0}), LENT);
}
static void lend_the_other(void *env, uint8_t *data, size_t length) {
    const pair_t *const pair = (const pair_t *)env;
    (void)data, (void)length;
    CHECK_STATUS(wasm_memory_with_data_mut(pair->written, copy_between_lent, env), OK);
    CHECK_STATUS(wasm_memory_copy_between(pair->written, 0, pair->read, 0, 8), OK);
    CHECK_STATUS(wasm_memory_copy_between(pair->read, 0, pair->written, 0, 8), LENT);
}

TEST(two_memories_are_lent_independently) {
    const host_t host = host_default();
    pair_t pair;
    pair.read = memory_of(host, pages_32(1, 1));
    pair.written = memory_of(host, bytes_32(100, 100));
    memset(wasm_memory_data(pair.read), 7, 8);
    CHECK_STATUS(wasm_memory_with_data(pair.read, lend_the_other, &pair), OK);
    CHECK(is_all(wasm_memory_data(pair.written), 7, 8));
    CHECK_STATUS(wasm_memory_copy_between(pair.read, 8, pair.written, 0, 8), OK);
    CHECK(is_all(wasm_memory_data(pair.read), 7, 16));
    wasm_memory_delete(pair.read);
    wasm_memory_delete(pair.written);
    host_delete(host);
}

/* ---- threads ---- */

#define THREADS 4

typedef struct {
    wasm_memory_t *memory;
    int inside, leave; /* how many are in their callback, and how many of them may leave it */
} crowd_t;

/* Waits for a number to be reached; gives up after a minute, for a test that fails should end. */
static bool wait_for(const int *number, int reached) {
    const time_t begin = time(NULL);
    while (__atomic_load_n(number, __ATOMIC_ACQUIRE) < reached) {
        if (time(NULL) - begin > 60) return false;
        sched_yield();
    }
    return true;
}

static void stay_inside(void *env, uint8_t *data, size_t length) {
    crowd_t *const crowd = (crowd_t *)env;
    const int place = __atomic_add_fetch(&crowd->inside, 1, __ATOMIC_ACQ_REL);
    (void)data, (void)length;
    wait_for(&crowd->leave, place);
}

static void *enter(void *env) {
    crowd_t *const crowd = (crowd_t *)env;
    return wasm_memory_with_data(crowd->memory, stay_inside, crowd) == OK ? NULL : env;
}

TEST(several_threads_may_have_the_bytes_to_read_and_the_last_ends_the_borrow) {
    const host_t host = host_default();
    pthread_t threads[THREADS];
    crowd_t crowd = {NULL, 0, 0};
    lent_t lent = {0, NULL, 0};
    uint8_t byte = 1;
    int i;
    crowd.memory = memory_of(host, pages_32(1, 2));
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, enter, &crowd), 0);
    CHECK(wait_for(&crowd.inside, THREADS)); /* all of them at once */
    for (i = 0; i < THREADS; i++) {
        CHECK_STATUS(wasm_memory_store_u8(crowd.memory, 0, 1), LENT);
        CHECK_STATUS(wasm_memory_with_data_mut(crowd.memory, note_lent, &lent), LENT);
        CHECK_STATUS(wasm_memory_try_grow(crowd.memory, 1, NULL), LENT);
        CHECK_STATUS(wasm_memory_load_u8(crowd.memory, 0, &byte), OK);
        CHECK_EQ(byte, 0);
        __atomic_store_n(&crowd.leave, i, __ATOMIC_RELEASE); /* one after the other, but not yet the last */
    }
    CHECK_EQ(lent.calls, 0);
    __atomic_store_n(&crowd.leave, THREADS, __ATOMIC_RELEASE);
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    CHECK_STATUS(wasm_memory_store_u8(crowd.memory, 0, 1), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(crowd.memory, note_lent, &lent), OK);
    CHECK_STATUS(wasm_memory_try_grow(crowd.memory, 1, NULL), OK);
    CHECK_EQ(lent.calls, 1);
    wasm_memory_delete(crowd.memory);
    host_delete(host);
}

static void *borrow_again_and_again(void *env) {
    wasm_memory_t *const memory = (wasm_memory_t *)env;
    lent_t lent = {0, NULL, 0};
    uint8_t byte;
    int i;
    for (i = 0; i < 20000; i++)
        if (wasm_memory_with_data(memory, note_lent, &lent) != OK || wasm_memory_load_u8(memory, 9, &byte) != OK)
            return env;
    return lent.calls == 20000 ? NULL : env;
}

TEST(a_borrow_that_ends_is_never_forgotten) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, borrow_again_and_again, memory), 0);
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    CHECK_STATUS(wasm_memory_store_u8(memory, 0, 1), OK);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, note_lent, &(lent_t){0, NULL, 0}), OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- a callback that deletes ---- */

typedef struct {
    host_t host;
    wasm_memory_t *handle, *rest;
    int finalized, calls;
    bool writes;
} last_t;

static void delete_the_handle(void *env, uint8_t *data, size_t length) {
    last_t *const last = (last_t *)env;
    size_t i, sum = 0;
    last->calls++;
    wasm_memory_delete(last->handle);
    host_delete(last->host);
    CHECK_EQ(last->finalized, 0); /* the memory goes after the callback */
    for (i = 0; i < length; i++) sum += data[i];
    CHECK_EQ(sum, 3 * length);
    if (last->writes) memset(data, 4, length);
    if (last->rest != NULL) CHECK_STATUS(wasm_memory_store_u8(last->rest, 0, 1), LENT);
}

TEST(a_callback_may_delete_the_handle_that_lent_the_bytes) {
    int variant;
    for (variant = 0; variant < 8; variant++) {
        last_t last;
        const bool writes = (variant & 1) != 0, rest = (variant & 2) != 0;
        memset(&last, 0, sizeof last);
        last.host = (variant & 4) != 0 ? host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED) : host_default();
        last.handle = memory_of(last.host, pages_32(2, 3));
        last.writes = writes;
        memset(wasm_memory_data(last.handle), 3, 2 * PAGE);
        wasm_memory_set_host_info_with_finalizer(last.handle, &last.finalized, count_one);
        if (rest) last.rest = wasm_memory_copy(last.handle);
        if (writes)
            CHECK_STATUS(wasm_memory_with_data_mut(last.handle, delete_the_handle, &last), OK);
        else
            CHECK_STATUS(wasm_memory_with_data(last.handle, delete_the_handle, &last), OK);
        CHECK_EQ(last.calls, 1);
        CHECK_EQ(last.finalized, !rest);
        if (rest) {
            CHECK_EQ(wasm_memory_data(last.rest)[2 * PAGE - 1], writes ? 4 : 3);
            CHECK_STATUS(wasm_memory_store_u8(last.rest, 0, 1), OK);
            CHECK_STATUS(wasm_memory_try_grow(last.rest, 1, NULL), OK);
            wasm_memory_delete(last.rest);
        }
        CHECK_EQ(last.finalized, 1);
    }
}

int main(void) {
    RUN(borrowed_bytes_are_kept_from_everyone_whom_the_table_names);
    RUN(the_bytes_of_a_memory_that_may_move_stay_while_they_are_borrowed);
    RUN(with_data_nests_and_the_outermost_ends_the_borrow);
    RUN(with_data_nests_a_thousand_times);
    RUN(the_callback_gets_base_and_length_once);
    RUN(the_callback_runs_on_the_calling_thread);
    RUN(what_is_written_in_the_callback_stays);
    RUN(other_memories_are_not_concerned);
    RUN(two_memories_are_lent_independently);
    RUN(several_threads_may_have_the_bytes_to_read_and_the_last_ends_the_borrow);
    RUN(a_borrow_that_ends_is_never_forgotten);
    RUN(a_callback_may_delete_the_handle_that_lent_the_bytes);
    return check_finish();
}
