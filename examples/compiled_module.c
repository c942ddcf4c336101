/* compiled_module: code that a WebAssembly compiler would generate, on a memory of ours; the host reads what it wrote.
 *
 *     (module
 *       (memory (export "memory") 1 10)
 *       (func (export "write_hello") (param i32)
 *         (i32.store8 (local.get 0) (i32.const 72))
 *         (i32.store8 (i32.add (local.get 0) (i32.const 1)) (i32.const 101))
 *         (i32.store8 (i32.add (local.get 0) (i32.const 2)) (i32.const 108))
 *         (i32.store8 (i32.add (local.get 0) (i32.const 3)) (i32.const 108))
 *         (i32.store8 (i32.add (local.get 0) (i32.const 4)) (i32.const 111)))
 *       (func (export "read_byte") (param i32) (result i32)
 *         (i32.load8_u (local.get 0)))) */
#include <inttypes.h>
#include <string.h>

#include <wasm_memory_inline.h>

#include "example.h"

/* --- what the compiler generates ---------------------------------------------------------------------------------- */

typedef struct {
    wasm_memory_t *memory;
    const wasm_memory_view_t *view; /* base and length, always current, at an address that never changes */
} module_t;

/* A trap ends the function at once. What it wrote before stays written. */
#define OR_TRAP(access)                             \
    do {                                            \
        const wasm_memory_status_t trap = (access); \
        if (trap != WASM_MEMORY_OK) return trap;    \
    } while (0)

static wasm_memory_status_t module_new(wasm_store_t *store, module_t *module) {
    const wasm_limits_t limits = {1, 10};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    const wasm_memory_status_t status = wasm_memory_try_new(store, type, &module->memory);
    wasm_memorytype_delete(type);
    module->view = wasm_memory_view(module->memory);
    return status;
}

static void module_delete(module_t *module) { wasm_memory_delete(module->memory); }

static wasm_memory_status_t module_write_hello(const module_t *module, uint32_t local_0) {
    OR_TRAP(wasm_inline_i32_store8(module->view, local_0, 0, 72));
    OR_TRAP(wasm_inline_i32_store8(module->view, local_0 + 1u, 0, 101)); /* i32.add wraps, as unsigned numbers do */
    OR_TRAP(wasm_inline_i32_store8(module->view, local_0 + 2u, 0, 108));
    OR_TRAP(wasm_inline_i32_store8(module->view, local_0 + 3u, 0, 108));
    OR_TRAP(wasm_inline_i32_store8(module->view, local_0 + 4u, 0, 111));
    return WASM_MEMORY_OK;
}

static wasm_memory_status_t module_read_byte(const module_t *module, uint32_t local_0, uint32_t *result) {
    OR_TRAP(wasm_inline_i32_load8_u(module->view, local_0, 0, result));
    return WASM_MEMORY_OK;
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_status_t trap;
    module_t module;
    char hello[6] = {0};
    uint32_t byte, i;

    EXPECT_STATUS(module_new(store, &module), WASM_MEMORY_OK);

    EXPECT_STATUS(module_write_hello(&module, 10), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(module.memory, 10, hello, 5), WASM_MEMORY_OK);
    EXPECT(strcmp(hello, "Hello") == 0);
    printf("the module wrote: %s\n", hello);

    for (i = 0; i < 5; i++) {
        EXPECT_STATUS(module_read_byte(&module, 10 + i, &byte), WASM_MEMORY_OK);
        EXPECT(byte == (uint8_t)hello[i]);
        printf("byte %" PRIu32 ": %3" PRIu32 " '%c'\n", 10 + i, byte, (int)byte);
    }

    /* Three bytes fit. The fourth traps, with the words that the specification has for it. */
    trap = module_write_hello(&module, 65533);
    EXPECT(trap == WASM_MEMORY_OUT_OF_BOUNDS);
    EXPECT_STATUS(wasm_memory_read(module.memory, 65533, hello, 3), WASM_MEMORY_OK);
    EXPECT(memcmp(hello, "Hel", 3) == 0);
    printf("at 65533 it traps: %s\n", wasm_memory_status_message(trap));

    /* The host grows the memory; the code sees it, for the view has the new length. */
    EXPECT_STATUS(wasm_memory_try_grow(module.memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(module_write_hello(&module, 65533), WASM_MEMORY_OK);
    printf("after growth it does not\n");

    module_delete(&module);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
