/* wasm2c 1.0.32 with memories by wasm_memory. */
#include "glue.h"
#include "wasm_rt_memory.h"

void glue_make_memory(wasm_rt_memory_t *memory, bool shared) {
    (void)shared;
    wasm_rt_allocate_memory(memory, 1, 2);
}

bool glue_matches(const void *memory, uint64_t initial, uint64_t maximum, bool is64, bool shared, uint32_t page_size) {
    wasm_memorytype_t *provided = wasm_memory_type(wasm_rt_memory_handle(memory));
    wasm_memorytype_t *required = NULL;
    /* A type without a maximum is told as the largest that there is. */
    bool has_maximum = maximum < 65536;
    wasm_memorytype_try_new(initial, has_maximum, maximum, is64, shared, page_size == 1 ? 0 : 16, &required);
    bool matches = provided != NULL && required != NULL && wasm_memorytype_matches(provided, required);
    wasm_memorytype_delete(required);
    wasm_memorytype_delete(provided);
    return matches;
}
