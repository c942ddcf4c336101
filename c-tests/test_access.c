/* Checked access: read, write, fill, copy_within, and loads and stores of every type. */
#include "wasm_memory.h"

#include "support/memories.h"

/* Lengths with different relations to pages of the host: none, one byte, odd, a page, one more, several. */
static const shape_t lengths[] = {
    {0, 0, false, false, 0},       {1, 1, false, false, 0},       {17, 17, true, false, 0},
    {4095, 9000, false, false, 0}, {4097, 9000, false, false, 0}, {100003, 100003, false, false, 0},
    {0, 2, false, false, 16},      {1, 2, false, false, 16},      {2, NO_MAXIMUM, true, false, 16},
};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* A memory with bytes that differ from their neighbours. */
static wasm_memory_t *patterned(host_t host, shape_t of) {
    wasm_memory_t *const memory = memory_of(host, of);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    size_t at;
    for (at = 0; at < view->byte_length; at++) view->base[at] = (uint8_t)(at * 7 + at / 251 + 1);
    return memory;
}

/* Whether the memory still has the bytes of `patterned`. */
static bool is_patterned(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    size_t at, wrong = 0;
    for (at = 0; at < view->byte_length; at++) wrong += view->base[at] != (uint8_t)(at * 7 + at / 251 + 1);
    return wrong == 0;
}

/* ---- the edges that all operations share ---- */

/* An operation on `length` bytes from `offset`, with a buffer where it needs one. */
typedef wasm_memory_status_t operation_t(wasm_memory_t *memory, uint64_t offset, uint64_t length);
static uint8_t buffer[200 * 1024];

static wasm_memory_status_t op_read(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    return wasm_memory_read(memory, offset, buffer, (size_t)length);
}
static wasm_memory_status_t op_write(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    return wasm_memory_write(memory, offset, buffer, (size_t)length);
}
static wasm_memory_status_t op_fill(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    return wasm_memory_fill(memory, offset, 0xee, length);
}
static wasm_memory_status_t op_copy_to(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    return wasm_memory_copy_within(memory, offset, 0, length);
}
static wasm_memory_status_t op_copy_from(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    return wasm_memory_copy_within(memory, 0, offset, length);
}
static operation_t *const operations[] = {op_read, op_write, op_fill, op_copy_to, op_copy_from};
#define OPERATIONS (sizeof operations / sizeof *operations)

TEST(nothing_at_the_end_is_inside_and_past_it_is_not) {
    const host_t host = host_default();
    size_t i, j;
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = patterned(host, lengths[i]);
        const uint64_t length = wasm_memory_data_size(memory);
        for (j = 0; j < OPERATIONS; j++) {
            CHECK_STATUS(operations[j](memory, 0, 0), WASM_MEMORY_OK);
            CHECK_STATUS(operations[j](memory, length, 0), WASM_MEMORY_OK);
            CHECK_STATUS(operations[j](memory, length + 1, 0), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_STATUS(operations[j](memory, UINT64_MAX, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        }
        CHECK(is_patterned(memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(an_access_that_leaves_the_memory_touches_nothing) {
    const host_t host = host_default();
    size_t i, j, k;
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = patterned(host, lengths[i]);
        const uint64_t length = wasm_memory_data_size(memory);
        const uint64_t ranges[][2] = {
            {length, 1},          {length - 1, 2},          {0, length + 1},           {1, length},
            {length + 1, 1},      {length / 2 + 1, length}, {UINT64_MAX, 1},           {UINT64_MAX - 7, 8},
            {UINT64_MAX - 7, 16}, {UINT64_MAX, 2},          {UINT64_C(1) << 63, 4096}, {UINT64_C(0x100000000) + 1, 1},
        };
        memset(buffer, 0x77, sizeof buffer);
        for (j = 0; j < OPERATIONS; j++) {
            for (k = 0; k < sizeof ranges / sizeof *ranges; k++)
                CHECK_STATUS(operations[j](memory, ranges[k][0], ranges[k][1]), WASM_MEMORY_OUT_OF_BOUNDS);
        }
        /* Lengths that no buffer has: refused before the buffer is looked at. */
        CHECK_STATUS(wasm_memory_fill(memory, 0, 1, UINT64_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_fill(memory, 1, 1, UINT64_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_within(memory, 0, 0, UINT64_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_within(memory, 1, 1, UINT64_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_read(memory, 1, buffer, SIZE_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_write(memory, 1, buffer, SIZE_MAX), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(is_patterned(memory));
        for (k = 0; k < sizeof buffer; k++)
            if (buffer[k] != 0x77) break;
        CHECK_EQ(k, sizeof buffer); /* a data buffer is untouched on failure */
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(a_refused_access_says_where_and_how_long) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    CHECK_STATUS(wasm_memory_fill(memory, 65530, 0, 123), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_LAST_ERROR("65530");
    CHECK_LAST_ERROR("123");
    CHECK_LAST_ERROR("65536");
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(null_is_an_empty_buffer) {
    const host_t host = host_default();
    wasm_memory_t *const memory = patterned(host, lengths[5]);
    CHECK_STATUS(wasm_memory_read(memory, 3, NULL, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_write(memory, 3, NULL, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_read(memory, 100004, NULL, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_write(memory, 100004, NULL, 0), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_read(memory, 3, NULL, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_write(memory, 3, NULL, 1), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(is_patterned(memory));
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- read and write ---- */

TEST(what_is_written_is_read) {
    const host_t host = host_default();
    size_t i;
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = patterned(host, lengths[i]);
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        const uint64_t length = view->byte_length;
        uint8_t *const whole = (uint8_t *)malloc((size_t)length + 1);
        CHECK_STATUS(wasm_memory_read(memory, 0, whole, (size_t)length), WASM_MEMORY_OK);
        CHECK(memcmp(whole, view->base, (size_t)length) == 0);
        memset(whole, 0x33, (size_t)length);
        CHECK_STATUS(wasm_memory_write(memory, 0, whole, (size_t)length), WASM_MEMORY_OK);
        CHECK(memcmp(whole, view->base, (size_t)length) == 0);
        if (length > 2) {
            CHECK_STATUS(wasm_memory_write(memory, length - 2, "ab", 2), WASM_MEMORY_OK);
            CHECK_EQ(view->base[length - 3], 0x33);
            CHECK_EQ(view->base[length - 2], 'a');
            CHECK_EQ(view->base[length - 1], 'b');
        }
        free(whole);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(a_read_stays_in_its_buffer) {
    const host_t host = host_default();
    wasm_memory_t *const memory = patterned(host, pages_32(1, 1));
    uint8_t small[34];
    memset(small, 0x44, sizeof small);
    CHECK_STATUS(wasm_memory_read(memory, 1000, small + 1, 32), WASM_MEMORY_OK);
    CHECK_EQ(small[0], 0x44);
    CHECK_EQ(small[33], 0x44);
    CHECK(memcmp(small + 1, wasm_memory_view(memory)->base + 1000, 32) == 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- fill and copy ---- */

TEST(fill_sets_its_range_alone) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(100003, 100003));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    const uint64_t ranges[][2] = {{0, 1}, {99999, 4}, {4095, 2}, {1, 100001}, {12345, 54321}, {7, 0}};
    size_t i, at;
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        size_t wrong = 0;
        memset(view->base, 0x11, view->byte_length);
        CHECK_STATUS(wasm_memory_fill(memory, ranges[i][0], 0x9c, ranges[i][1]), WASM_MEMORY_OK);
        for (at = 0; at < view->byte_length; at++) {
            const bool inside = at >= ranges[i][0] && at < ranges[i][0] + ranges[i][1];
            wrong += view->base[at] != (inside ? 0x9c : 0x11);
        }
        CHECK_EQ(wrong, 0);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(copy_within_moves_as_if_through_a_buffer) {
    static const uint64_t copies[][3] = {
        /* destination, source, length: upwards, downwards, apart, in place, by one byte, across pages */
        {10, 0, 5000},  {0, 10, 5000}, {50000, 100, 40000}, {77, 77, 900},    {1, 0, 100002},
        {0, 1, 100002}, {99999, 3, 4}, {3, 99999, 4},       {4090, 4080, 20}, {5, 6, 0},
    };
    const host_t host = host_default();
    size_t i;
    for (i = 0; i < sizeof copies / sizeof *copies; i++) {
        wasm_memory_t *const memory = patterned(host, bytes_32(100003, 100003));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *const model = (uint8_t *)malloc(100003);
        memcpy(model, view->base, 100003);
        memmove(model + copies[i][0], model + copies[i][1], (size_t)copies[i][2]);
        CHECK_STATUS(wasm_memory_copy_within(memory, copies[i][0], copies[i][1], copies[i][2]), WASM_MEMORY_OK);
        CHECK(memcmp(model, view->base, 100003) == 0);
        free(model);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- typed loads and stores ---- */

TEST(numbers_lie_with_their_low_byte_first) {
    static const uint8_t expected[] = {0xa1, 0xb2, 0xa2, 0xc4, 0xc3, 0xc2, 0xc1, 0xd8, 0xd7,
                                       0xd6, 0xd5, 0xd4, 0xd3, 0xd2, 0xd1, 0x00, 0x00, 0x80,
                                       0x3f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0xbf};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    float f32 = 0;
    double f64 = 0;
    CHECK_STATUS(wasm_memory_store_u8(memory, 0, 0xa1), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u16(memory, 1, 0xa2b2), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u32(memory, 3, 0xc1c2c3c4), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u64(memory, 7, UINT64_C(0xd1d2d3d4d5d6d7d8)), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_f32(memory, 15, 1.0F), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_f64(memory, 19, -1.5), WASM_MEMORY_OK);
    CHECK(memcmp(wasm_memory_data(memory), expected, sizeof expected) == 0);
    CHECK_STATUS(wasm_memory_load_u8(memory, 0, &u8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u16(memory, 1, &u16), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u32(memory, 3, &u32), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(memory, 7, &u64), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_f32(memory, 15, &f32), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_f64(memory, 19, &f64), WASM_MEMORY_OK);
    CHECK_EQ(u8, 0xa1);
    CHECK_EQ(u16, 0xa2b2);
    CHECK_EQ(u32, 0xc1c2c3c4);
    CHECK_EQ(u64, UINT64_C(0xd1d2d3d4d5d6d7d8));
    CHECK(f32 == 1.0F);
    CHECK(f64 == -1.5);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Each typed pair as bytes, so that one test serves all. The out-parameter starts as 0xcc. */
typedef wasm_memory_status_t load_t(const wasm_memory_t *memory, uint64_t offset, uint8_t out[16]);
typedef wasm_memory_status_t store_t(wasm_memory_t *memory, uint64_t offset, const uint8_t value[16]);
#define TYPED(type, name)                                                                                       \
    static wasm_memory_status_t load_##name(const wasm_memory_t *memory, uint64_t offset, uint8_t out[16]) {    \
        type loaded;                                                                                            \
        wasm_memory_status_t status;                                                                            \
        memset(&loaded, 0xcc, sizeof loaded);                                                                   \
        status = wasm_memory_load_##name(memory, offset, &loaded);                                              \
        memcpy(out, &loaded, sizeof loaded);                                                                    \
        return status;                                                                                          \
    }                                                                                                           \
    static wasm_memory_status_t store_##name(wasm_memory_t *memory, uint64_t offset, const uint8_t value[16]) { \
        type stored;                                                                                            \
        memcpy(&stored, value, sizeof stored);                                                                  \
        return wasm_memory_store_##name(memory, offset, stored);                                                \
    }
TYPED(uint8_t, u8)
TYPED(uint16_t, u16)
TYPED(uint32_t, u32)
TYPED(uint64_t, u64)
TYPED(float, f32)
TYPED(double, f64)
static wasm_memory_status_t load_v128(const wasm_memory_t *memory, uint64_t offset, uint8_t out[16]) {
    memset(out, 0xcc, 16);
    return wasm_memory_load_v128(memory, offset, out);
}
static const struct {
    size_t width;
    load_t *load;
    store_t *store;
} typed[] = {
    {1, load_u8, store_u8},
    {2, load_u16, store_u16},
    {4, load_u32, store_u32},
    {8, load_u64, store_u64},
    {4, load_f32, store_f32},
    {8, load_f64, store_f64},
    {16, load_v128, wasm_memory_store_v128},
};
#define TYPES (sizeof typed / sizeof *typed)

TEST(a_typed_access_needs_all_its_bytes) {
    static const uint8_t zeros[16], ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const host_t host = host_default();
    size_t i, j;
    for (i = 0; i < LENGTHS; i++) {
        wasm_memory_t *const memory = patterned(host, lengths[i]);
        const uint64_t length = wasm_memory_data_size(memory);
        for (j = 0; j < TYPES; j++) {
            const uint64_t width = typed[j].width;
            uint64_t beyond;
            uint8_t out[16];
            if (length >= width) {
                CHECK_STATUS(typed[j].load(memory, length - width, out), WASM_MEMORY_OK);
                CHECK(is_number_at(wasm_memory_view(memory)->base + length - width, out, (size_t)width));
                CHECK_STATUS(typed[j].store(memory, length - width, out), WASM_MEMORY_OK);
            }
            for (beyond = 1; beyond <= width + 1; beyond++) {
                const uint64_t offset = length - width + beyond; /* may wrap below 0: outside as well */
                memset(out, 0, sizeof out);
                CHECK_STATUS(typed[j].load(memory, offset, out), WASM_MEMORY_OUT_OF_BOUNDS);
                CHECK(memcmp(out, zeros, (size_t)width) == 0);
                CHECK_STATUS(typed[j].store(memory, offset, ones), WASM_MEMORY_OUT_OF_BOUNDS);
                CHECK_STATUS(typed[j].load(memory, UINT64_MAX - beyond + 1, out), WASM_MEMORY_OUT_OF_BOUNDS);
                CHECK_STATUS(typed[j].store(memory, UINT64_MAX - beyond + 1, ones), WASM_MEMORY_OUT_OF_BOUNDS);
            }
        }
        CHECK(is_patterned(memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(every_alignment_works) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t offset;
    size_t j, k;
    for (j = 0; j < TYPES; j++) {
        for (offset = 4080; offset < 4112; offset++) {
            uint8_t value[16], out[16];
            for (k = 0; k < 16; k++) value[k] = (uint8_t)(offset * 3 + k * 5 + j);
            memset(view->base + 4000, 0x66, 200);
            CHECK_STATUS(typed[j].store(memory, offset, value), WASM_MEMORY_OK);
            CHECK(is_number_at(view->base + offset, value, typed[j].width));
            CHECK_EQ(view->base[offset - 1], 0x66);
            CHECK_EQ(view->base[offset + typed[j].width], 0x66);
            CHECK_STATUS(typed[j].load(memory, offset, out), WASM_MEMORY_OK);
            CHECK(memcmp(out, value, typed[j].width) == 0);
        }
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_nan_keeps_its_bits) {
    static const uint32_t narrow[] = {0x7fc00000, 0x7f800001, 0xffbfffff, 0x7fa5a5a5, 0xffffffff, 0x80000000};
    static const uint64_t wide[] = {UINT64_C(0x7ff8000000000000),
                                    UINT64_C(0x7ff0000000000001),
                                    UINT64_C(0xfff7ffffffffffff),
                                    UINT64_C(0x7ff5a5a5a5a5a5a5),
                                    UINT64_MAX,
                                    UINT64_C(1) << 63};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    size_t i;
    for (i = 0; i < sizeof narrow / sizeof *narrow; i++) {
        float f32;
        double f64;
        uint32_t bits_32 = 0;
        uint64_t bits_64 = 0;
        memcpy(&f32, &narrow[i], 4);
        memcpy(&f64, &wide[i], 8);
        CHECK_STATUS(wasm_memory_store_f32(memory, 1, f32), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_f64(memory, 9, f64), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u32(memory, 1, &bits_32), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u64(memory, 9, &bits_64), WASM_MEMORY_OK);
        CHECK_EQ(bits_32, narrow[i]);
        CHECK_EQ(bits_64, wide[i]);
        f32 = 0, f64 = 0;
        CHECK_STATUS(wasm_memory_load_f32(memory, 1, &f32), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_f64(memory, 9, &f64), WASM_MEMORY_OK);
        memcpy(&bits_32, &f32, 4);
        memcpy(&bits_64, &f64, 8);
        CHECK_EQ(bits_32, narrow[i]);
        CHECK_EQ(bits_64, wide[i]);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(new_pages_are_in_bounds_at_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_store_u32(memory, PAGE - 2, 0x01020304), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u32(memory, PAGE - 2, 0x01020304), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memory, PAGE, 1, PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_within(memory, PAGE, 0, PAGE), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* A load once zeroed its result first, and with it the bytes that it was to load. */
TEST(a_load_may_put_its_result_into_the_memory_itself) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    uint64_t *const inside = (uint64_t *)(void *)wasm_memory_view(memory)->base;
    const uint64_t number = 42;
    number_copy(inside, &number, sizeof number);
    CHECK_STATUS(wasm_memory_load_u64(memory, 0, inside), WASM_MEMORY_OK);
    CHECK_EQ(*inside, 42);
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(a_load_may_put_its_result_into_the_memory_itself);
    RUN(nothing_at_the_end_is_inside_and_past_it_is_not);
    RUN(an_access_that_leaves_the_memory_touches_nothing);
    RUN(a_refused_access_says_where_and_how_long);
    RUN(null_is_an_empty_buffer);
    RUN(what_is_written_is_read);
    RUN(a_read_stays_in_its_buffer);
    RUN(fill_sets_its_range_alone);
    RUN(copy_within_moves_as_if_through_a_buffer);
    RUN(numbers_lie_with_their_low_byte_first);
    RUN(a_typed_access_needs_all_its_bytes);
    RUN(every_alignment_works);
    RUN(a_nan_keeps_its_bits);
    RUN(new_pages_are_in_bounds_at_once);
    return check_finish();
}
