/* old_wasmtime: as much of a libwasmtime as the adapter calls while it is configured, but for the function that sets
 * memory creators. The structures are this file's own: nobody else looks into them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasmtime.h>

struct wasmtime_error {
    char message[1024];
};

wasmtime_error_t *wasmtime_error_new(const char *message) {
    wasmtime_error_t *const error = (wasmtime_error_t *)calloc(1, sizeof *error);
    if (error != NULL) snprintf(error->message, sizeof error->message, "%s", message);
    return error;
}

void wasmtime_error_delete(wasmtime_error_t *error) { free(error); }

void wasmtime_error_message(const wasmtime_error_t *error, wasm_name_t *message) {
    message->size = strlen(error->message);
    message->data = (char *)malloc(message->size + 1);
    if (message->data != NULL) memcpy(message->data, error->message, message->size + 1);
}

void wasm_byte_vec_delete(wasm_byte_vec_t *bytes) { free(bytes->data); }

struct wasm_config_t {
    int touched;
};

wasm_config_t *wasm_config_new(void) { return (wasm_config_t *)calloc(1, sizeof(wasm_config_t)); }
void wasm_config_delete(wasm_config_t *config) {
    if (config->touched != 0) abort(); /* a config is left as it was */
    free(config);
}
void wasmtime_config_memory_init_cow_set(wasm_config_t *config, bool enable) { (void)enable, config->touched = 1; }
void wasmtime_config_memory_reservation_set(wasm_config_t *config, uint64_t bytes) { (void)bytes, config->touched = 1; }
void wasmtime_config_memory_guard_size_set(wasm_config_t *config, uint64_t bytes) { (void)bytes, config->touched = 1; }
void wasmtime_config_memory_may_move_set(wasm_config_t *config, bool enable) { (void)enable, config->touched = 1; }

/* Asked when a memory is made, which never happens here. */
uint64_t wasmtime_memorytype_minimum(const wasm_memorytype_t *type) { (void)type, abort(); }
bool wasmtime_memorytype_maximum(const wasm_memorytype_t *type, uint64_t *out) { (void)type, (void)out, abort(); }
bool wasmtime_memorytype_is64(const wasm_memorytype_t *type) { (void)type, abort(); }
bool wasmtime_memorytype_isshared(const wasm_memorytype_t *type) { (void)type, abort(); }
uint8_t wasmtime_memorytype_page_size_log2(const wasm_memorytype_t *type) { (void)type, abort(); }
