/* bytes_and_pages: sizes in pages and in bytes, single values, and everything that moves or clears many bytes. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

/* Whether the memory has this text at the offset. */
static bool has(const wasm_memory_t *memory, uint64_t offset, const char *text) {
    char found[64];
    const size_t length = strlen(text);
    EXPECT(length <= sizeof found);
    EXPECT_STATUS(wasm_memory_read(memory, offset, found, length), WASM_MEMORY_OK);
    return memcmp(found, text, length) == 0;
}

static void sizes(wasm_store_t *store) {
    wasm_memory_t *const memory = example_memory(store, 1, 4);
    wasm_memory_t *const open_ended = example_memory(store, 0, wasm_limits_max_default);
    wasm_memorytype_t *const open_ended_type = wasm_memory_type(open_ended);
    wasm_memorytype_t *type;
    uint64_t maximum;

    EXPECT(wasm_memory_pages(memory) * wasm_memory_page_size(memory) == wasm_memory_data_size(memory));
    EXPECT(wasm_memory_data_size(memory) == 65536);

    EXPECT_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    type = wasm_memory_type(memory);
    EXPECT(wasm_memory_initial_pages(memory) == 1 && wasm_memory_pages(memory) == 3);
    EXPECT(wasm_memorytype_maximum(type, &maximum) && maximum == 4);
    printf("made with %" PRIu64 " page; now %" PRIu64 " pages, which are %zu bytes; %" PRIu64 " pages at most\n",
           wasm_memory_initial_pages(memory), wasm_memory_pages(memory), wasm_memory_data_size(memory), maximum);

    EXPECT(wasm_memory_data_size(open_ended) == 0);
    EXPECT(!wasm_memorytype_maximum(open_ended_type, &maximum)); /* no maximum was declared */

    wasm_memorytype_delete(open_ended_type);
    wasm_memorytype_delete(type);
    wasm_memory_delete(open_ended);
    wasm_memory_delete(memory);
}

/* Numbers are little-endian in memory, on every host and at any offset. */
static void values(wasm_memory_t *memory) {
    uint32_t number;
    uint8_t lowest;
    double real;

    EXPECT_STATUS(wasm_memory_store_u32(memory, 1001, 0xcafef00d), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u32(memory, 1001, &number), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u8(memory, 1001, &lowest), WASM_MEMORY_OK);
    EXPECT(number == 0xcafef00d && lowest == 0x0d);
    EXPECT_STATUS(wasm_memory_store_f64(memory, 1008, 0.5), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_f64(memory, 1008, &real), WASM_MEMORY_OK);
    printf("a u32 at 1001: 0x%" PRIx32 ", its first byte: 0x%02x; an f64 at 1008: %g\n", number, lowest, real);
}

static void copies(wasm_store_t *store, wasm_memory_t *memory) {
    wasm_memory_t *const other = example_memory(store, 1, 1);

    /* Like memmove: the ranges may overlap. */
    EXPECT_STATUS(wasm_memory_write(memory, 0, "0123456789", 10), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_copy_within(memory, 2, 0, 8), WASM_MEMORY_OK);
    EXPECT(has(memory, 0, "0101234567"));

    /* Like memcpy, with an answer where memcpy has undefined behaviour. */
    EXPECT_STATUS(wasm_memory_copy_within_nonoverlapping(memory, 100, 0, 10), WASM_MEMORY_OK);
    EXPECT(has(memory, 100, "0101234567"));
    printf("ten bytes, copied over themselves without overlap:\n");
    EXPECT_REFUSED(wasm_memory_copy_within_nonoverlapping(memory, 105, 100, 10), WASM_MEMORY_OVERLAP);

    /* From one memory to another; with one memory twice it is copy_within. */
    EXPECT_STATUS(wasm_memory_copy_between(other, 50, memory, 100, 10), WASM_MEMORY_OK);
    EXPECT(has(other, 50, "0101234567"));
    EXPECT_STATUS(wasm_memory_copy_between(other, 52, other, 50, 8), WASM_MEMORY_OK);
    EXPECT(has(other, 50, "0101012345"));

    wasm_memory_delete(other);
}

static void sum_up(void *env, uint8_t *data, size_t length) {
    uint64_t *const sum = env;
    size_t i;
    for (i = 0; i < length; i++) *sum += data[i];
}

static void count_down(void *env, uint8_t *data, size_t length) {
    size_t i;
    (void)env;
    for (i = 0; i < length; i++) data[i] = (uint8_t)(255 - i % 256);
}

/* For the time of the callback the bytes are its own: nobody else writes, or with `_mut`, even reads. */
static uint64_t sum_of(const wasm_memory_t *memory) {
    uint64_t sum = 0;
    EXPECT_STATUS(wasm_memory_with_data(memory, sum_up, &sum), WASM_MEMORY_OK);
    return sum;
}

static void many_bytes(wasm_memory_t *memory) {
    const uint64_t length = wasm_memory_data_size(memory);

    EXPECT_STATUS(wasm_memory_fill(memory, 0, 1, length), WASM_MEMORY_OK);
    EXPECT(sum_of(memory) == length);
    EXPECT_STATUS(wasm_memory_zero(memory, 10, 100), WASM_MEMORY_OK);
    EXPECT(sum_of(memory) == length - 100);
    printf("filled with ones, then 100 of them zeroed: the sum is %" PRIu64 "\n", sum_of(memory));

    EXPECT_STATUS(wasm_memory_with_data_mut(memory, count_down, NULL), WASM_MEMORY_OK);
    EXPECT(sum_of(memory) == length / 256 * (255 * 256 / 2));

    /* Zeros again, and what the system can take back it gets: a range, or everything. The size stays. */
    EXPECT_STATUS(wasm_memory_discard(memory, 0, length / 2), WASM_MEMORY_OK);
    EXPECT(sum_of(memory) == length / 2 / 256 * (255 * 256 / 2));
    EXPECT_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    EXPECT(sum_of(memory) == 0 && wasm_memory_data_size(memory) == length);
    printf("erased: the sum is 0, the size still %" PRIu64 " bytes\n", length);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;
    EXPECT(store != NULL);

    sizes(store);
    memory = example_memory(store, 1, 4);
    values(memory);
    copies(store, memory);
    many_bytes(memory);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
