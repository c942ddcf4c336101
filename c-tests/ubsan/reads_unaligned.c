/* A planted defect, for scripts/hard/sanitizers: a host reads a number of the guest's through a pointer of its type, at an
 * odd address. wasm_inline_i32_load would have copied its bytes. */
#include <wasm_memory.h>

int main(void) {
    const wasm_limits_t limits = {1, 1};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    const uint32_t *const number = (const uint32_t *)(const void *)(wasm_memory_data(memory) + 1);
    const uint32_t read = *number;
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return read != 0;
}
