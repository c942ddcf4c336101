/* The inline functions of the C header, as functions that a test in Zig can call: the two must agree. */
#include <wasm_memory_inline.h>

#define LOAD(name, type)                                                                                 \
    wasm_memory_status_t test_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,    \
                                     type *out);                                                         \
    wasm_memory_status_t test_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,    \
                                     type *out) {                                                        \
        return wasm_inline_##name(view, index, offset, out);                                             \
    }

#define STORE(name, type)                                                                                \
    wasm_memory_status_t test_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,    \
                                     type value);                                                        \
    wasm_memory_status_t test_##name(const wasm_memory_view_t *view, uint64_t index, uint64_t offset,    \
                                     type value) {                                                       \
        return wasm_inline_##name(view, index, offset, value);                                           \
    }

LOAD(i32_load8_s, uint32_t)
LOAD(i64_load16_s, uint64_t)
LOAD(i32_load, uint32_t)
LOAD(i64_load, uint64_t)
LOAD(f64_load, double)
STORE(i32_store8, uint32_t)
STORE(i32_store16, uint32_t)
STORE(i32_store, uint32_t)
STORE(i64_store, uint64_t)
STORE(f32_store, float)
