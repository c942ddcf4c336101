/* wasm.h gives its structs tags, and code uses them: to declare one ahead, or out of habit. So have ours. */
#include "wasm_memory.h"

static struct wasm_limits_t limits = {1, 2};
static struct wasm_memorytype_vec_t vector = {0, NULL};

int main(void) {
    struct wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memorytype_delete(type);
    wasm_memorytype_vec_delete(&vector);
    return type == NULL;
}
