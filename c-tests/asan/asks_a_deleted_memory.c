/* A planted defect, for scripts/hard/sanitizers: a memory is asked after its last handle was deleted. The read of what is
 * freed is in the library's Rust code, and reported only if that is built with AddressSanitizer too. */
#include <wasm_memory.h>

int main(void) {
    const wasm_limits_t limits = {1, 1};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    uint64_t pages;
    wasm_memory_delete(memory);
    pages = wasm_memory_pages(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return pages == 1;
}
