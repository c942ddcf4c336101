/* test_missing: a libwasmtime that does not have what its header promises: an error, and nothing is called. The library
 * is old_wasmtime.c, so this uses no more of wasmtime than is in there. */
#include "check.h"

#include <wasm_memory_wasmtime.h>

static void check_lacks(wasmtime_error_t *error) {
    wasm_name_t message;
    if (!CHECK(error != NULL)) return;
    wasmtime_error_message(error, &message);
    CHECK(strstr(message.data, "has no wasmtime_config_host_memory_creator_set") != NULL);
    CHECK(strstr(message.data, WASMTIME_VERSION) != NULL);
    CHECK(strstr(message.data, "WASM_MEMORY_WASMTIME_STATIC") != NULL);
    wasm_byte_vec_delete(&message);
    wasmtime_error_delete(error);
}

TEST(a_library_that_is_too_old_is_found_out) {
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *maker = NULL;
    wasm_config_t *const config = wasm_config_new();
    CHECK(my_wasm_memory_wasmtime_new(ours, NULL, &maker) == NULL);
    check_lacks(my_wasm_memory_wasmtime_configure(maker, config));
    check_lacks(my_wasm_memory_wasmtime_creator_set(maker, config));
    wasm_config_delete(config);
    my_wasm_memory_wasmtime_delete(maker);
    my_wasm_engine_delete(ours);
}

int main(void) {
    RUN(a_library_that_is_too_old_is_found_out);
    return check_finish();
}
