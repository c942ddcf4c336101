/* direct_access: bytes and a structure in the memory through its base pointer, and the same through the checked API.
 *
 * Nothing checks direct access, so compare with the length first. Where a memory may move, get the pointer again after
 * growth (misuse.c). */
#include <inttypes.h>
#include <string.h>

#include "example.h"

/* What host and guest have agreed on. No padding: each field lies at a multiple of its size. */
typedef struct {
    uint32_t magic;
    uint16_t version, flags;
    uint32_t data_size;
} header_t;

enum { HEADER = 100 }; /* its offset: a multiple of 4, as the fields want it; the base is aligned to pages */

static bool little_endian_host(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

int main(void) {
    static const char text[] = "written through a pointer";
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;
    const wasm_memory_view_t *view;
    char found[sizeof text] = {0};
    header_t *header;
    uint32_t magic;
    uint16_t flags;
    size_t i;

    EXPECT(store != NULL);
    memory = example_memory(store, 1, wasm_limits_max_default);
    view = wasm_memory_view(memory);

    /* Bytes, one by one. */
    EXPECT(strlen(text) <= view->byte_length);
    for (i = 0; i < strlen(text); i++) view->base[i] = (uint8_t)text[i];
    EXPECT_STATUS(wasm_memory_read(memory, 0, found, strlen(text)), WASM_MEMORY_OK);
    EXPECT(strcmp(found, text) == 0);
    printf("read back: %s\n", found);

    /* A structure laid over the memory. */
    EXPECT(sizeof *header == 12 && HEADER + sizeof *header <= view->byte_length);
    header = (header_t *)(void *)(view->base + HEADER);
    header->magic = 0x12345678;
    header->version = 1;
    header->flags = 10;
    header->data_size = 1024;

    /* The API reads numbers as WebAssembly has them, little-endian. A structure has the order of the host: they agree
       where the host is little-endian too. */
    EXPECT_STATUS(wasm_memory_load_u32(memory, HEADER + offsetof(header_t, magic), &magic), WASM_MEMORY_OK);
    EXPECT(magic == (little_endian_host() ? 0x12345678 : 0x78563412));
    printf("magic: 0x%08" PRIx32 "\n", magic);

    /* On every host: */
    EXPECT_STATUS(wasm_memory_store_u32(memory, HEADER + offsetof(header_t, magic), 0x12345678), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_store_u16(memory, HEADER + offsetof(header_t, flags), 10), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u16(memory, HEADER + offsetof(header_t, flags), &flags), WASM_MEMORY_OK);
    EXPECT(view->base[HEADER] == 0x78 && view->base[HEADER + 3] == 0x12 && flags == 10);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
