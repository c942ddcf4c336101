/* The other translation unit; see twice_a.c. */
#include "wasm_memory_inline.h"
#include "wasm_memory.h"

#ifdef __cplusplus
extern "C"
#endif
    uint64_t pages_seen_by_the_other(const wasm_memory_t *memory);

uint64_t pages_seen_by_the_other(const wasm_memory_t *memory) {
    if (wasm_inline_i32_store(wasm_memory_view(memory), 4, 0, 7) != WASM_MEMORY_OK) return 0;
    return wasm_memory_pages(memory);
}
