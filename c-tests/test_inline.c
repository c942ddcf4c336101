/* wasm_memory_inline.h: every instruction, against bytes computed here and against the functions of the library.
 * Compiled as C99 and, through test_inline.cpp, as C++17. */
#include "wasm_memory_inline.h"

#include "support/memories.h"

/* Every instruction behind one signature. A value is the instruction's as bits in a uint64_t; v128 comes apart below.
 */
typedef wasm_memory_status_t inline_load_t(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,
                                           uint64_t *out);
typedef wasm_memory_status_t inline_store_t(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,
                                            uint64_t value);

#define LOAD(name, value_type, bits_type, width, is_signed)                                                 \
    static wasm_memory_status_t run_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset, \
                                           uint64_t *out) {                                                 \
        value_type value;                                                                                   \
        bits_type bits;                                                                                     \
        wasm_memory_status_t status;                                                                        \
        memset(&value, 0xcc, sizeof value);                                                                 \
        status = wasm_inline_##name(view, index, offset, &value);                                           \
        memcpy(&bits, &value, sizeof bits);                                                                 \
        *out = bits;                                                                                        \
        return status;                                                                                      \
    }
#define STORE(name, value_type, bits_type, width)                                                           \
    static wasm_memory_status_t run_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset, \
                                           uint64_t value) {                                                \
        const bits_type bits = (bits_type)value;                                                            \
        value_type stored;                                                                                  \
        memcpy(&stored, &bits, sizeof stored);                                                              \
        return wasm_inline_##name(view, index, offset, stored);                                             \
    }

#define LOADS(LOAD)                                  \
    LOAD(i32_load, uint32_t, uint32_t, 4, false)     \
    LOAD(i64_load, uint64_t, uint64_t, 8, false)     \
    LOAD(f32_load, float, uint32_t, 4, false)        \
    LOAD(f64_load, double, uint64_t, 8, false)       \
    LOAD(i32_load8_s, uint32_t, uint32_t, 1, true)   \
    LOAD(i32_load8_u, uint32_t, uint32_t, 1, false)  \
    LOAD(i32_load16_s, uint32_t, uint32_t, 2, true)  \
    LOAD(i32_load16_u, uint32_t, uint32_t, 2, false) \
    LOAD(i64_load8_s, uint64_t, uint64_t, 1, true)   \
    LOAD(i64_load8_u, uint64_t, uint64_t, 1, false)  \
    LOAD(i64_load16_s, uint64_t, uint64_t, 2, true)  \
    LOAD(i64_load16_u, uint64_t, uint64_t, 2, false) \
    LOAD(i64_load32_s, uint64_t, uint64_t, 4, true)  \
    LOAD(i64_load32_u, uint64_t, uint64_t, 4, false)

#define STORES(STORE)                         \
    STORE(i32_store, uint32_t, uint32_t, 4)   \
    STORE(i64_store, uint64_t, uint64_t, 8)   \
    STORE(f32_store, float, uint32_t, 4)      \
    STORE(f64_store, double, uint64_t, 8)     \
    STORE(i32_store8, uint32_t, uint32_t, 1)  \
    STORE(i32_store16, uint32_t, uint32_t, 2) \
    STORE(i64_store8, uint64_t, uint64_t, 1)  \
    STORE(i64_store16, uint64_t, uint64_t, 2) \
    STORE(i64_store32, uint64_t, uint64_t, 4)

LOADS(LOAD)
STORES(STORE)

typedef struct {
    const char *name;
    inline_load_t *run;
    unsigned width, bits;
    bool is_signed;
} load_row_t;
typedef struct {
    const char *name;
    inline_store_t *run;
    unsigned width;
} store_row_t;
#define LOAD_ROW(name, value_type, bits_type, width, is_signed) \
    {#name, run_##name, width, 8 * sizeof(bits_type), is_signed},
#define STORE_ROW(name, value_type, bits_type, width) {#name, run_##name, width},
static const load_row_t loads[] = {LOADS(LOAD_ROW)};
static const store_row_t stores[] = {STORES(STORE_ROW)};
#define LOAD_COUNT (sizeof loads / sizeof *loads)
#define STORE_COUNT (sizeof stores / sizeof *stores)

/* What a load has to give for these bytes. */
static uint64_t model_load(const load_row_t *load, const uint8_t *bytes) {
    uint64_t value = 0;
    unsigned at;
    for (at = 0; at < load->width; at++) value |= (uint64_t)bytes[at] << (8 * at);
    if (load->is_signed && bytes[load->width - 1] >= 0x80) value |= UINT64_MAX << (8 * load->width - 1);
    return load->bits == 64 ? value : value & 0xffffffff;
}

/* A view of sixteen bytes between canaries, made here: the functions need no library. */
typedef struct {
    uint8_t bytes[64];
    wasm_memory_view_t view;
} room_t;

static void room_fill(room_t *room) {
    size_t at;
    for (at = 0; at < sizeof room->bytes; at++) room->bytes[at] = (uint8_t)(at * 37 + 0x81);
    memset(&room->view, 0, sizeof room->view);
    room->view.base = room->bytes + 24;
    room->view.byte_length = 16;
}

static bool room_is_untouched(const room_t *room) {
    room_t fresh;
    room_fill(&fresh);
    return memcmp(fresh.bytes, room->bytes, sizeof fresh.bytes) == 0;
}

TEST(every_instruction_is_in_the_tables) {
    CHECK_EQ(LOAD_COUNT, 14);
    CHECK_EQ(STORE_COUNT, 9);
}

TEST(loads_give_what_the_bytes_say) {
    room_t room;
    size_t row;
    unsigned fill;
    for (row = 0; row < LOAD_COUNT; row++) {
        for (fill = 0; fill < 256; fill++) {
            uint64_t at, offset;
            room_fill(&room);
            memset(room.bytes + 24, (int)fill, 8);
            for (at = 0; at + loads[row].width <= 16; at++) {
                const uint64_t expected = model_load(&loads[row], room.bytes + 24 + at);
                for (offset = 0; offset <= at; offset += 5) {
                    uint64_t value = 1;
                    CHECK_STATUS(loads[row].run(&room.view, at - offset, offset, &value), WASM_MEMORY_OK);
                    if (!CHECK_EQ(value, expected)) printf("  by %s\n", loads[row].name);
                }
            }
        }
    }
}

TEST(stores_write_their_bytes_and_no_others) {
    static const uint64_t values[] = {UINT64_C(0x8182838485868788), 0, UINT64_MAX, UINT64_C(0x7ff4000000000001),
                                      0x7fa00001};
    room_t room;
    size_t row, i;
    for (row = 0; row < STORE_COUNT; row++) {
        for (i = 0; i < sizeof values / sizeof *values; i++) {
            uint64_t at;
            for (at = 0; at + stores[row].width <= 16; at++) {
                room_t model;
                unsigned byte;
                room_fill(&room);
                room_fill(&model);
                for (byte = 0; byte < stores[row].width; byte++)
                    model.bytes[24 + at + byte] = (uint8_t)(values[i] >> (8 * byte));
                CHECK_STATUS(stores[row].run(&room.view, at / 2, at - at / 2, values[i]), WASM_MEMORY_OK);
                if (!CHECK(memcmp(room.bytes, model.bytes, sizeof model.bytes) == 0))
                    printf("  by %s\n", stores[row].name);
            }
        }
    }
}

/* Pairs whose true sum plus the width is past sixteen bytes; many wrap to something inside when added in 64 bits. */
static const uint64_t outside[][2] = {
    {16, 0},
    {0, 16},
    {17, 0},
    {8, 9},
    {UINT64_MAX, 0},
    {0, UINT64_MAX},
    {UINT64_MAX, 1},
    {1, UINT64_MAX},
    {UINT64_MAX, UINT64_MAX},
    {UINT64_MAX - 3, 4},
    {4, UINT64_MAX - 3},
    {UINT64_MAX - 7, 0},
    {0, UINT64_MAX - 7},
    {UINT64_MAX - 15, 0},
    {0, UINT64_MAX - 15},
    {UINT64_MAX - 16, 17},
    {UINT64_C(1) << 63, UINT64_C(1) << 63},
    {(UINT64_C(1) << 63) + 3, UINT64_C(1) << 63},
    {0xffffffff, 1},
    {0xffffffff, 0xffffffff},
    {UINT64_C(0x100000000), 0},
};
#define OUTSIDE (sizeof outside / sizeof *outside)

TEST(past_the_end_nothing_is_loaded_and_the_result_is_zero) {
    room_t room;
    size_t row, i;
    room_fill(&room);
    for (row = 0; row < LOAD_COUNT; row++) {
        uint64_t value = 1;
        for (i = 0; i < OUTSIDE; i++) {
            CHECK_STATUS(loads[row].run(&room.view, outside[i][0], outside[i][1], &value), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_EQ(value, 0);
        }
        for (i = 1; i <= loads[row].width; i++) {
            CHECK_STATUS(loads[row].run(&room.view, 16 - loads[row].width, i, &value), WASM_MEMORY_OUT_OF_BOUNDS);
            CHECK_EQ(value, 0);
        }
        CHECK_STATUS(loads[row].run(&room.view, 16 - loads[row].width, 0, &value), WASM_MEMORY_OK);
    }
}

TEST(past_the_end_nothing_is_stored) {
    room_t room;
    size_t row, i;
    room_fill(&room);
    for (row = 0; row < STORE_COUNT; row++) {
        for (i = 0; i < OUTSIDE; i++)
            CHECK_STATUS(stores[row].run(&room.view, outside[i][0], outside[i][1], 0), WASM_MEMORY_OUT_OF_BOUNDS);
        for (i = 1; i <= stores[row].width; i++)
            CHECK_STATUS(stores[row].run(&room.view, 16 - stores[row].width, i, 0), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(room_is_untouched(&room));
    }
}

TEST(an_empty_memory_has_no_byte) {
    room_t room;
    size_t row;
    uint64_t value;
    room_fill(&room);
    room.view.byte_length = 0;
    for (row = 0; row < LOAD_COUNT; row++)
        CHECK_STATUS(loads[row].run(&room.view, 0, 0, &value), WASM_MEMORY_OUT_OF_BOUNDS);
    for (row = 0; row < STORE_COUNT; row++)
        CHECK_STATUS(stores[row].run(&room.view, 0, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK(room_is_untouched(&room));
}

TEST(the_largest_length_does_not_wrap) {
    room_t room;
    size_t row;
    uint64_t value;
    room_fill(&room);
    room.view.byte_length = SIZE_MAX;
    for (row = 0; row < LOAD_COUNT; row++) {
        CHECK_STATUS(loads[row].run(&room.view, SIZE_MAX, 0, &value), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(loads[row].run(&room.view, UINT64_MAX, 1, &value), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(loads[row].run(&room.view, 0, 0, &value), WASM_MEMORY_OK);
    }
}

TEST(vectors_are_sixteen_bytes_in_the_order_of_the_memory) {
    static const uint8_t zeros[16] = {0};
    room_t room;
    uint8_t vector[16];
    uint64_t at;
    size_t i;
    room_fill(&room);
    CHECK_STATUS(wasm_inline_v128_load(&room.view, 0, 0, vector), WASM_MEMORY_OK);
    CHECK(memcmp(vector, room.bytes + 24, 16) == 0);
    for (at = 1; at < 20; at++) {
        memset(vector, 0xcc, sizeof vector);
        CHECK_STATUS(wasm_inline_v128_load(&room.view, at / 2, at - at / 2, vector), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(memcmp(vector, zeros, 16) == 0);
        CHECK_STATUS(wasm_inline_v128_store(&room.view, at / 2, at - at / 2, zeros), WASM_MEMORY_OUT_OF_BOUNDS);
    }
    for (i = 0; i < OUTSIDE; i++) {
        memset(vector, 0xcc, sizeof vector);
        CHECK_STATUS(wasm_inline_v128_load(&room.view, outside[i][0], outside[i][1], vector),
                     WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(memcmp(vector, zeros, 16) == 0);
        CHECK_STATUS(wasm_inline_v128_store(&room.view, outside[i][0], outside[i][1], zeros),
                     WASM_MEMORY_OUT_OF_BOUNDS);
    }
    CHECK(room_is_untouched(&room));
    CHECK_STATUS(wasm_inline_v128_store(&room.view, 0, 0, zeros), WASM_MEMORY_OK);
    CHECK(memcmp(room.bytes + 24, zeros, 16) == 0);
    CHECK_EQ(room.bytes[23], (uint8_t)(23 * 37 + 0x81));
    CHECK_EQ(room.bytes[40], (uint8_t)(40 * 37 + 0x81));
}

/* ---- beside the library ---- */

static uint64_t random_state = 1;
static uint64_t random_next(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 11 ^ random_state << 31;
}

/* The functions of the library by width, bits in and out. */
static wasm_memory_status_t library_load(const wasm_memory_t *memory, unsigned width, uint64_t at, uint64_t *out) {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    wasm_memory_status_t status;
    switch (width) {
    case 1: status = wasm_memory_load_u8(memory, at, &u8), *out = u8; return status;
    case 2: status = wasm_memory_load_u16(memory, at, &u16), *out = u16; return status;
    case 4: status = wasm_memory_load_u32(memory, at, &u32), *out = u32; return status;
    default: return wasm_memory_load_u64(memory, at, out);
    }
}

static wasm_memory_status_t library_store(wasm_memory_t *memory, unsigned width, uint64_t at, uint64_t value) {
    switch (width) {
    case 1: return wasm_memory_store_u8(memory, at, (uint8_t)value);
    case 2: return wasm_memory_store_u16(memory, at, (uint16_t)value);
    case 4: return wasm_memory_store_u32(memory, at, (uint32_t)value);
    default: return wasm_memory_store_u64(memory, at, value);
    }
}

TEST(they_agree_with_the_library_through_growth) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(5003, 200000));
    wasm_memory_t *const model = memory_of(host, bytes_32(5003, 200000));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    int step;
    for (step = 0; step < 200000; step++) {
        const uint64_t length = view->byte_length;
        /* One access in eight is near the end, where the answers differ. */
        const uint64_t at = random_next() % 8 == 0 ? length - random_next() % 20 : random_next() % length;
        const uint64_t offset = at == 0 ? 0 : random_next() % at;
        if (step % 5000 == 4999) {
            CHECK_STATUS(wasm_memory_try_grow(memory, 3001, NULL), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_try_grow(model, 3001, NULL), WASM_MEMORY_OK);
        } else if (step % 2 == 0) {
            const store_row_t *const store = &stores[random_next() % STORE_COUNT];
            const uint64_t value = random_next();
            CHECK_STATUS(store->run(view, at - offset, offset, value), library_store(model, store->width, at, value));
        } else {
            const load_row_t *const load = &loads[random_next() % LOAD_COUNT];
            uint64_t value = 1, raw = 1;
            CHECK_STATUS(load->run(view, at - offset, offset, &value), library_load(model, load->width, at, &raw));
            if (load->is_signed && raw >> (8 * load->width - 1) != 0) raw |= UINT64_MAX << (8 * load->width - 1);
            CHECK_EQ(value, load->bits == 64 ? raw : raw & 0xffffffff);
        }
    }
    CHECK_EQ(wasm_memory_data_size(model), view->byte_length);
    CHECK(memcmp(wasm_memory_data(model), view->base, view->byte_length) == 0);
    wasm_memory_delete(memory);
    wasm_memory_delete(model);
    host_delete(host);
}

TEST(the_last_byte_of_four_gigabytes_is_reached) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(65536, 65536));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint32_t value = 1;
    CHECK_STATUS(wasm_inline_i32_store8(view, 0xffffffff, 0, 0xfe), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_inline_i32_load8_s(view, 0xfffffffe, 1, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 0xfffffffe);
    CHECK_STATUS(wasm_inline_i32_load8_u(view, 0xffffffff, 1, &value), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(value, 0);
    CHECK_STATUS(wasm_inline_i32_load16_u(view, 0xffffffff, 0, &value), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_inline_i32_load16_u(view, 0xfffffffe, 0, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 0xfe00);
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(every_instruction_is_in_the_tables);
    RUN(loads_give_what_the_bytes_say);
    RUN(stores_write_their_bytes_and_no_others);
    RUN(past_the_end_nothing_is_loaded_and_the_result_is_zero);
    RUN(past_the_end_nothing_is_stored);
    RUN(an_empty_memory_has_no_byte);
    RUN(the_largest_length_does_not_wrap);
    RUN(vectors_are_sixteen_bytes_in_the_order_of_the_memory);
    RUN(they_agree_with_the_library_through_growth);
    RUN(the_last_byte_of_four_gigabytes_is_reached);
    return check_finish();
}
