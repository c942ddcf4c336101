/* Included twice here, and in twice_b.c: two translation units of one program. */
#include "wasm_memory.h"
#include "wasm_memory.h"
#include "wasm_memory_inline.h"
#include "wasm_memory_inline.h"

#ifdef __cplusplus
extern "C"
#endif
    uint64_t pages_seen_by_the_other(const wasm_memory_t *memory);

int main(void) {
    const wasm_limits_t limits = {3, wasm_limits_max_default};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    uint32_t value = 1;
    const bool works = memory != NULL && pages_seen_by_the_other(memory) == 3 &&
                       wasm_memory_data_size(memory) == 3 * MEMORY_PAGE_SIZE &&
                       wasm_inline_i32_load(wasm_memory_view(memory), 0, 4, &value) == WASM_MEMORY_OK && value == 7;
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return works ? 0 : 1;
}
