/* A planted defect, for scripts/memcheck: a view is read after its memory has gone. */
#include <wasm_memory.h>

int main(void) {
    const wasm_limits_t limits = {1, 1};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    /* A use of the value, or Valgrind's own optimiser drops the read. */
    return view->byte_length == 1;
}
