/* bounds_and_growth: what does not fit fails and changes nothing; after growth it fits. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

int main(void) {
    static const char second_page[] = "on the second page";
    const uint64_t page = MEMORY_PAGE_SIZE;
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;
    uint64_t previous;
    char found[sizeof second_page] = {0};
    uint8_t last;

    EXPECT(store != NULL);
    memory = example_memory(store, 1, 3);

    /* Most of the first page. */
    EXPECT_STATUS(wasm_memory_fill(memory, 0, 'A', page - 100), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u8(memory, page - 101, &last), WASM_MEMORY_OK);
    EXPECT(last == 'A');
    EXPECT_STATUS(wasm_memory_load_u8(memory, page - 100, &last), WASM_MEMORY_OK);
    EXPECT(last == 0);

    printf("%" PRIu64 " page; writing on the second:\n", wasm_memory_pages(memory));
    EXPECT_REFUSED(wasm_memory_write(memory, page + 1000, second_page, strlen(second_page)), WASM_MEMORY_OUT_OF_BOUNDS);
    printf("writing across the end of the first:\n");
    EXPECT_REFUSED(wasm_memory_write(memory, page - 4, second_page, strlen(second_page)), WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_load_u8(memory, page - 4, &last), WASM_MEMORY_OK);
    EXPECT(last == 0); /* not even the part that fits was written */

    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_OK);
    EXPECT(previous == 1 && wasm_memory_pages(memory) == 2);
    EXPECT_STATUS(wasm_memory_write(memory, page + 100, second_page, strlen(second_page)), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, page + 100, found, strlen(second_page)), WASM_MEMORY_OK);
    EXPECT(strcmp(found, second_page) == 0);
    printf("grown from %" PRIu64 " page to %" PRIu64 "; read there: %s\n", previous, wasm_memory_pages(memory), found);

    printf("five pages more:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(memory, 5, &previous), WASM_MEMORY_MAXIMUM_EXCEEDED);
    EXPECT(wasm_memory_pages(memory) == 2);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
