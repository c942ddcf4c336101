/* A planted defect, for scripts/test-tsan: two threads change a config at once, which the header forbids. The race is
 * in the library's code, and reported only if that is built with ThreadSanitizer too. */
#include <wasm_memory.h>

#include <pthread.h>

static void *set_often(void *config) {
    uint64_t i;
    for (i = 0; i < 10000; i++) wasm_config_memory_reservation_set((wasm_config_t *)config, i);
    return NULL;
}

int main(void) {
    wasm_config_t *const config = wasm_config_new();
    pthread_t thread;
    if (pthread_create(&thread, NULL, set_often, config) != 0) return 2;
    (void)set_often(config);
    (void)pthread_join(thread, NULL);
    wasm_config_delete(config);
    return 0;
}
