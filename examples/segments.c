/* segments: passive data segments, as memory.init and data.drop want them. */
#include <string.h>

#include "example.h"

/* The segment has bytes of its own: what it was made from may go. */
static wasm_data_segment_t *greeting(void) {
    char text[] = "Hello, linear memory!";
    wasm_data_segment_t *const segment = wasm_data_segment_new(text, sizeof text - 1);
    memset(text, 0, sizeof text);
    EXPECT(segment != NULL);
    return segment;
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;
    wasm_data_segment_t *segment;
    char text[32] = {0};
    uint64_t end;

    EXPECT(store != NULL);
    memory = example_memory(store, 1, 1);
    end = wasm_memory_data_size(memory);
    segment = greeting();

    /* All of it, and a part: thirteen bytes, after the first seven. */
    EXPECT_STATUS(wasm_memory_init(memory, 100, segment, 0, 21), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, 100, text, 21), WASM_MEMORY_OK);
    EXPECT(strcmp(text, "Hello, linear memory!") == 0);
    EXPECT_STATUS(wasm_memory_init(memory, end - 13, segment, 7, 13), WASM_MEMORY_OK);
    memset(text, 0, sizeof text);
    EXPECT_STATUS(wasm_memory_read(memory, end - 13, text, 13), WASM_MEMORY_OK);
    EXPECT(strcmp(text, "linear memory") == 0);
    printf("copied from the segment: \"%s\"\n", text);

    /* Both ranges are checked before a byte is written. */
    printf("past the end of the segment, then past that of the memory:\n");
    EXPECT_REFUSED(wasm_memory_init(memory, 200, segment, 20, 2), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_REFUSED(wasm_memory_init(memory, end - 4, segment, 0, 5), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_read(memory, end - 4, text, 4), WASM_MEMORY_OK);
    EXPECT(memcmp(text, "mory", 4) == 0);

    /* A dropped segment has length 0. To drop it again changes nothing. */
    wasm_data_segment_drop(segment);
    wasm_data_segment_drop(segment);
    printf("after the drop:\n");
    EXPECT_REFUSED(wasm_memory_init(memory, 100, segment, 0, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_init(memory, 100, segment, 0, 0), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, 100, text, 5), WASM_MEMORY_OK);
    EXPECT(memcmp(text, "Hello", 5) == 0); /* what was copied before is the memory's own */

    wasm_data_segment_delete(segment);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
