/* wasm2c 1.0.39 with memories by wasm_memory. */
#include "glue.h"
#include "wasm_rt_memory.h"

void glue_make_memory(wasm_rt_memory_t *memory, bool shared) {
    if (shared) {
        wasm_rt_allocate_memory_shared((wasm_rt_shared_memory_t *)memory, 1, 2, false, 65536);
    } else {
        wasm_rt_allocate_memory(memory, 1, 2, false, 65536);
    }
}

bool glue_matches(const void *memory, uint64_t initial, uint64_t maximum, bool is64, bool shared, uint32_t page_size) {
    return wasm_rt_memory_matches(memory, initial, maximum, is64, shared, page_size);
}
