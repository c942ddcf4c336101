/* The loops of by_hand.c with the library's inline header in place of the handwritten accesses. */
#include "native.h"

#include <wasm_memory.h>
#include <wasm_memory_inline.h>

bool bench_by_header_i32_load(const void *view, uint64_t count, uint32_t *out_sum)
{
    const wasm_memory_view_t *memory = view;
    uint32_t index = 0;
    uint32_t sum = 0;
    for (uint64_t done = 0; done < count; done++) {
        uint32_t value;
        if (wasm_inline_i32_load(memory, index, BENCH_OFFSET, &value) != WASM_MEMORY_OK) {
            return false;
        }
        sum += value;
        index = (index + BENCH_STEP) & BENCH_MASK;
    }
    *out_sum = sum;
    return true;
}

bool bench_by_header_i32_store(const void *view, uint64_t count)
{
    const wasm_memory_view_t *memory = view;
    uint32_t index = 0;
    for (uint64_t done = 0; done < count; done++) {
        if (wasm_inline_i32_store(memory, index, BENCH_OFFSET, (uint32_t)done) != WASM_MEMORY_OK) {
            return false;
        }
        index = (index + BENCH_STEP) & BENCH_MASK;
    }
    return true;
}
