/* protected_pages: a null page that catches null pointers of the guest, and constants that nobody can overwrite.
 *
 *     0               alignment          constants                   heap
 *      | no access     | stack, data ...  | read only                 | ... |
 *
 * WebAssembly has no such thing: address 0 is as good as any other, so a program in C that follows a null pointer there
 * goes on with whatever it finds. A host can do better. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

int main(void) {
    static const char text[] = "constants";
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    const uint64_t constants = MEMORY_PAGE_SIZE;
    wasm_memory_status_t status;
    wasm_memory_stats_t stats;
    wasm_memory_t *memory;
    uint64_t alignment;
    char found[sizeof text];
    uint32_t number;

    EXPECT(store != NULL);
    memory = example_memory(store, 2, 4);
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    alignment = stats.map_alignment_bytes;
    EXPECT_STATUS(wasm_memory_write(memory, constants, text, sizeof text), WASM_MEMORY_OK);

    status = wasm_memory_protect(memory, 0, alignment, WASM_MEMORY_PROT_NONE);
    if (status == WASM_MEMORY_UNSUPPORTED) {
        printf("skipped: no page can be protected here\n");
    } else {
        EXPECT_STATUS(status, WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_protect(memory, constants, alignment, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        printf("the first %" PRIu64 " bytes are nobody's, the constants can be read\n", alignment);

        /* Through the API, and to compiled code the processor says the same. */
        printf("a null pointer is followed:\n");
        EXPECT_REFUSED(wasm_memory_load_u32(memory, 8, &number), WASM_MEMORY_PROTECTED);
        printf("a constant is overwritten:\n");
        EXPECT_REFUSED(wasm_memory_store_u32(memory, constants, 0), WASM_MEMORY_PROTECTED);
        EXPECT_STATUS(wasm_memory_read(memory, constants, found, sizeof found), WASM_MEMORY_OK);
        EXPECT(strcmp(found, text) == 0);

        /* A write of which one byte would be lost is lost altogether. */
        printf("a fill that reaches into the constants:\n");
        EXPECT_REFUSED(wasm_memory_fill(memory, constants - 4, 0xff, 8), WASM_MEMORY_PROTECTED);
        EXPECT_STATUS(wasm_memory_load_u32(memory, constants - 4, &number), WASM_MEMORY_OK);
        EXPECT(number == 0);

        /* Growth goes on, and what it adds is plain memory. */
        EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_store_u32(memory, 2 * MEMORY_PAGE_SIZE, 1), WASM_MEMORY_OK);

        /* To patch a constant, as a dynamic linker does: open, write, close. */
        EXPECT_STATUS(wasm_memory_protect(memory, constants, alignment, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_write(memory, constants, "C", 1), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_protect(memory, constants, alignment, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_read(memory, constants, found, sizeof found), WASM_MEMORY_OK);
        EXPECT(strcmp(found, "Constants") == 0);

        /* A reset undoes it all. */
        EXPECT_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_store_u32(memory, 8, 1), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_store_u32(memory, constants, 1), WASM_MEMORY_OK);
        printf("after a reset all of it is plain memory\n");
    }
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
