/* A memory of ours beside another static library that is written in Rust: each has a standard library of its own. */
#include <stdio.h>
#include <stdlib.h>

#include "wasm_memory.h"

long long other_sum(uint32_t count);

/* Its caller is ours, so what unwinds in here unwinds through code of the other one's, and stops there. */
static void sum_inside(void *env, uint8_t *data, size_t size) {
    long long *const sum = env;
    (void)data;
    *sum = other_sum(size == 65536 ? 13 : 0);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    const wasm_limits_t limits = {1, 4};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *const memory = wasm_memory_new(store, type);
    long long inside = 0;
    const int ours = wasm_memory_store_u64(memory, 65536 - 8, 42) == WASM_MEMORY_OK &&
                     wasm_memory_store_u64(memory, 65536 - 7, 42) == WASM_MEMORY_OUT_OF_BOUNDS &&
                     wasm_memory_with_data_mut(memory, sum_inside, &inside) == WASM_MEMORY_OK && inside == -1 &&
                     wasm_memory_grow(memory, 2);
    const int others = other_sum(100) == 4950 && other_sum(13) == -1;
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    printf("ours %s, the other %s\n", ours ? "works" : "does not work", others ? "works" : "does not work");
    return ours && others ? EXIT_SUCCESS : EXIT_FAILURE;
}
