/* What a user of the installed library writes: a memory, growth, an access of each kind. */
#include <stdio.h>

#include "wasm_memory_inline.h"

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    uint64_t previous = 0, out_of_line = 0;
    uint32_t in_line = 0;
    int works = wasm_memorytype_try_new(1, true, 4, false, false, 16, &type) == WASM_MEMORY_OK &&
                wasm_memory_try_new(store, type, &memory) == WASM_MEMORY_OK &&
                wasm_memory_try_grow(memory, 3, &previous) == WASM_MEMORY_OK && previous == 1 &&
                wasm_memory_try_grow(memory, 1, NULL) == WASM_MEMORY_MAXIMUM_EXCEEDED &&
                wasm_memory_store_u64(memory, 4 * 65536 - 8, 42) == WASM_MEMORY_OK &&
                wasm_memory_load_u64(memory, 4 * 65536 - 8, &out_of_line) == WASM_MEMORY_OK && out_of_line == 42 &&
                wasm_inline_i32_load(wasm_memory_view(memory), 4 * 65536 - 12, 4, &in_line) == WASM_MEMORY_OK &&
                in_line == 42;
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    printf("wasm_memory %s %s\n", wasm_memory_version(), works ? "works" : "does not work");
    return works ? 0 : 1;
}
