/* A planted defect, for scripts/hard/sanitizers: the only handle of a memory is forgotten, by a thread that has ended, so
 * that no stack and no register has it by chance. */
#include <wasm_memory.h>

#include <pthread.h>

static void *make_and_forget(void *env) {
    const wasm_limits_t limits = {1, 1};
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    (void)wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return env;
}

int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, make_and_forget, NULL) != 0) return 2;
    (void)pthread_join(thread, NULL);
    return 0;
}
