/* memory_basics: a memory from creation to deletion: its type, its bytes, its growth. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

enum { GREETING = 5 }; /* where the greeting lies */

/* One page now, two at most. The type is only needed for the call and may go right after it. */
static wasm_memory_t *create(wasm_store_t *store) {
    wasm_memorytype_t *type = NULL, *now = NULL;
    wasm_memory_t *memory = NULL;
    uint64_t maximum;

    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 2, false, false, 16, &type), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_new(store, type, &memory), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);

    now = wasm_memory_type(memory);
    EXPECT(wasm_memorytype_minimum(now) == 1);
    EXPECT(wasm_memorytype_maximum(now, &maximum) && maximum == 2);
    printf("made a memory of %" PRIu64 " page, %" PRIu64 " at most\n", wasm_memory_pages(memory), maximum);
    wasm_memorytype_delete(now);
    return memory;
}

/* Read and write check the whole range first: either all of it happens, or nothing. */
static void read_and_write(wasm_memory_t *memory) {
    const uint64_t end = wasm_memory_data_size(memory);
    char buffer[5], zeros[4] = {0};

    EXPECT_STATUS(wasm_memory_write(memory, GREETING, "hello", 5), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, GREETING, buffer, sizeof buffer), WASM_MEMORY_OK);
    EXPECT(memcmp(buffer, "hello", 5) == 0);
    printf("wrote and read \"%.5s\"\n", buffer);

    printf("five bytes, four before the end:\n");
    EXPECT_REFUSED(wasm_memory_read(memory, end - 4, buffer, sizeof buffer), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT(memcmp(buffer, "hello", 5) == 0); /* a buffer keeps what it had */
    EXPECT_STATUS(wasm_memory_write(memory, end - 4, "hello", 5), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_read(memory, end - 4, buffer, 4), WASM_MEMORY_OK);
    EXPECT(memcmp(buffer, zeros, 4) == 0); /* and so does the memory */
}

/* The bytes in place. Nobody checks here but you: compare with the length before you touch them. */
static void bytes_in_place(wasm_memory_t *memory) {
    byte_t *const data = wasm_memory_data(memory);
    const size_t length = wasm_memory_data_size(memory);
    char buffer[5];

    EXPECT(length >= GREETING + 5);
    EXPECT(memcmp(data + GREETING, "hello", 5) == 0);
    memcpy(data + GREETING, "bye!!", 5);
    EXPECT_STATUS(wasm_memory_read(memory, GREETING, buffer, sizeof buffer), WASM_MEMORY_OK);
    EXPECT(memcmp(buffer, "bye!!", 5) == 0);
    printf("changed it in place to \"%.5s\"\n", buffer);
}

/* What a host function works with: the bytes, and what the host keeps with the store. */
typedef struct {
    unsigned calls;
    size_t most_bytes;
} session_t;

static void a_host_function(wasm_memory_t *memory) {
    uint8_t *data;
    size_t length;
    void *store_data;
    session_t *session;

    EXPECT_STATUS(wasm_memory_data_and_store(memory, &data, &length, &store_data), WASM_MEMORY_OK);
    session = store_data;
    session->calls++;
    if (length > session->most_bytes) session->most_bytes = length;
    data[GREETING] = 'B';
}

static void growth(wasm_memory_t *memory) {
    uint64_t previous;

    EXPECT(wasm_memory_pages(memory) == 1);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OK);
    EXPECT(previous == 1);
    EXPECT(wasm_memory_pages(memory) == 2);
    printf("grew from %" PRIu64 " page to %" PRIu64 "; one more:\n", previous, wasm_memory_pages(memory));

    EXPECT_REFUSED(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    EXPECT(wasm_memory_pages(memory) == 2);

    EXPECT_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK); /* a way to ask for the size */
    EXPECT(previous == 2);
}

int main(void) {
    session_t session = {0, 0};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;

    EXPECT(store != NULL); /* NULL for a NULL engine as well, so one look is enough */
    wasm_store_data_set(store, &session, NULL);

    memory = create(store);
    read_and_write(memory);
    bytes_in_place(memory);
    a_host_function(memory);
    growth(memory);
    a_host_function(memory);
    EXPECT(session.calls == 2 && session.most_bytes == 2 * MEMORY_PAGE_SIZE);
    printf("the store's data counted %u calls; the most bytes were %zu\n", session.calls, session.most_bytes);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
