/* A planted defect, for scripts/memcheck: the only handle of a memory is forgotten. */
#include <wasm_memory.h>

static void make_and_forget(void) {
    const wasm_limits_t limits = {1, 1};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    (void)wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

int main(void) {
    make_and_forget();
    return 0;
}
