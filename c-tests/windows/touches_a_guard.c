/* A planted defect: it reads behind a guarded memory, which has to end it, and scripts/hard/windows has to notice. */
#include <wasm_memory.h>

#include <stdio.h>

int main(void) {
    const wasm_limits_t limits = {1, wasm_limits_max_default};
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_memorytype_t *type;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    engine = wasm_engine_new_with_config(config);
    store = wasm_store_new(engine);
    type = wasm_memorytype_new(&limits);
    memory = wasm_memory_new(store, type);
    if (memory == NULL) return 0; /* which is not what is expected of this program */
    puts("about to touch a guard");
    fflush(stdout);
    return *(volatile char *)(wasm_memory_data(memory) + wasm_memory_data_size(memory)) & 0;
}
