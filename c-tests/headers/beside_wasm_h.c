/* Our header next to the standard wasm.h: after it, or before it with the macro that asks for it. */
#ifdef OURS_FIRST
#define WASM_MEMORY_USE_WASM_H
#include "wasm_memory_inline.h"
#include <wasm.h>
#else
#include <wasm.h>
#include "wasm_memory_inline.h"
#endif

/* A type of wasm.h's that is not ours shows that it is the real one. */
typedef wasm_functype_t *a_type_that_only_wasm_h_has;

int main(void) {
    const wasm_limits_t limits = {1, wasm_limits_max_default};
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_memorytype_t *type;
    wasm_memory_t *memory = NULL;
    a_type_that_only_wasm_h_has none = NULL;
    uint64_t previous = 77;
    uint32_t value = 1;
    byte_t *data;
    bool works;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    engine = wasm_engine_new_with_config(config);
    store = wasm_store_new(engine);
    type = wasm_memorytype_new(&limits);
    works = none == NULL && wasm_memory_try_new(store, type, &memory) == WASM_MEMORY_OK &&
            wasm_memory_try_grow(memory, 1, &previous) == WASM_MEMORY_OK && previous == 1 &&
            wasm_memory_grow(memory, 1);
    data = wasm_memory_data(memory);
    if (data != NULL) data[2 * MEMORY_PAGE_SIZE] = 9;
    works = works &&
            wasm_inline_i32_load(wasm_memory_view(memory), 2 * MEMORY_PAGE_SIZE, 0, &value) == WASM_MEMORY_OK &&
            value == 9;
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return works ? 0 : 1;
}
