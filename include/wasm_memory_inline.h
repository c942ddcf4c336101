/* wasm_memory_inline.h: WebAssembly's loads and stores as inline C, for a JIT's helpers, ahead-of-time code and hosts.
 *
 * One function for each load and store instruction of the core, and for v128.load and v128.store. Its name is the
 * instruction's, with `_` for `.`. C99 and C++17. The functions work on the view of a memory, which one call yields:
 *
 *     const wasm_memory_view_t *view = wasm_memory_view(memory);      // its address never changes
 *     uint32_t value;
 *     if (wasm_inline_i32_load(view, index, 16, &value) != WASM_MEMORY_OK)
 *         ...                                                         // the instruction traps
 *
 * Parameters  view: of a live memory. index: the operand of the instruction; a 32-bit one is passed zero-extended.
 *             offset: the static offset of the instruction, best a constant. out, value: the result or the operand to
 *             store. An i32 is a uint32_t, an i64 a uint64_t, a v128 its sixteen bytes in the order of the memory.
 *             None may be NULL: these stand for machine instructions and do not look.
 * Returns     WASM_MEMORY_OK, or WASM_MEMORY_OUT_OF_BOUNDS if a byte of the access would lie at or past the length.
 *             The address is the true sum of index and offset, it never wraps.
 * On failure  the memory is unchanged and what `out` points to is zero.
 * Bytes       little-endian on every host, at any alignment. A NaN keeps its bits, except that 32-bit x86 without SSE
 *             may quiet a signalling one while it passes a float or a double by value to a store.
 * Threads     those of the memory. The length is read with acquire order: who sees the new length of a growing shared
 *             memory sees zeros below it, and an access that races with growth succeeds or traps. On a shared memory
 *             these are the plain accesses of WebAssembly, which may race in the machine's sense; where the C
 *             compiler must not take them for the only ones, use the atomic functions of wasm_memory.h.
 * Cost        with an index that comes from 32 bits and a constant offset: a load of the length and one compare. With a
 *             64-bit index one compare more, for the carry. `scripts/inline-cost` counts the instructions.
 * Since       0.1
 */
#ifndef WASM_MEMORY_INLINE_H
#define WASM_MEMORY_INLINE_H

#include <string.h>

#include "wasm_memory.h"

#ifdef __cplusplus
#define WASM_MEMORY_INLINE_CAST(type, value) static_cast<type>(value)
#else
#define WASM_MEMORY_INLINE_CAST(type, value) ((type)(value))
#endif

#if defined(__GNUC__)
#define WASM_MEMORY_INLINE_ALWAYS __attribute__((always_inline)) /* -Os would rather call */
#define WASM_MEMORY_INLINE_RARELY(condition) __builtin_expect(condition, 0)
#define WASM_MEMORY_INLINE_ACQUIRE(length) __atomic_load_n(length, __ATOMIC_ACQUIRE)
#elif defined(_MSC_VER)
#define WASM_MEMORY_INLINE_ALWAYS
#define WASM_MEMORY_INLINE_RARELY(condition) (condition)
/* A volatile read has acquire order under /volatile:ms, the default for x86 and x64; on Arm, give that option. */
#define WASM_MEMORY_INLINE_ACQUIRE(length) (*WASM_MEMORY_INLINE_CAST(const volatile size_t *, length))
#else
#error "wasm_memory_inline.h knows an acquire load for gcc, clang and MSVC only"
#endif

/* The four functions that the instructions share. */

/* Whether a byte of the access lies at or past the length. The sums are made in this order because compilers know the
   range of a constant and of a widened 32-bit index: both tests for a carry then fold away, and one compare is left. */
static inline WASM_MEMORY_INLINE_ALWAYS bool wasm_inline_is_outside(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, size_t width) {
    const uint64_t reach = offset + width;
    const uint64_t end = index + reach;
    return reach < offset || end < index || end > WASM_MEMORY_INLINE_ACQUIRE(&view->byte_length);
}

/* Turns a number between the order of the host and that of the memory, in place. */
static inline WASM_MEMORY_INLINE_ALWAYS void wasm_inline_turn(void *number, size_t width) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    uint8_t *const bytes = WASM_MEMORY_INLINE_CAST(uint8_t *, number);
    size_t low;
    for (low = 0; low < width / 2; low++) {
        const uint8_t byte = bytes[low];
        bytes[low] = bytes[width - 1 - low];
        bytes[width - 1 - low] = byte;
    }
#else
    (void)number;
    (void)width;
#endif
}

/* Reads `width` bytes as they lie in the memory, or makes them zero. */
static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_read(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, void *out, size_t width) {
    if (WASM_MEMORY_INLINE_RARELY(wasm_inline_is_outside(view, index, offset, width))) {
        memset(out, 0, width);
        return WASM_MEMORY_OUT_OF_BOUNDS;
    }
    memcpy(out, view->base + index + offset, width);
    return WASM_MEMORY_OK;
}

/* Writes `width` bytes as they are to lie in the memory. */
static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_write(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, const void *bytes, size_t width) {
    if (WASM_MEMORY_INLINE_RARELY(wasm_inline_is_outside(view, index, offset, width))) return WASM_MEMORY_OUT_OF_BOUNDS;
    memcpy(view->base + index + offset, bytes, width);
    return WASM_MEMORY_OK;
}

/* Loads of a whole value: i32.load i64.load f32.load f64.load v128.load. */

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_load(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t *out) {
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, out, sizeof *out);
    wasm_inline_turn(out, sizeof *out);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, out, sizeof *out);
    wasm_inline_turn(out, sizeof *out);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_f32_load(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, float *out) {
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, out, sizeof *out);
    wasm_inline_turn(out, sizeof *out);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_f64_load(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, double *out) {
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, out, sizeof *out);
    wasm_inline_turn(out, sizeof *out);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_v128_load(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint8_t out[16]) {
    return wasm_inline_read(view, index, offset, out, 16);
}

/* Loads that widen to an i32, by the sign or with zeros: i32.load8_s i32.load8_u i32.load16_s i32.load16_u. */

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_load8_s(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t *out) {
    int8_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    *out = WASM_MEMORY_INLINE_CAST(uint32_t, narrow);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_load8_u(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t *out) {
    uint8_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    *out = narrow;
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_load16_s(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t *out) {
    int16_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = WASM_MEMORY_INLINE_CAST(uint32_t, narrow);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_load16_u(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t *out) {
    uint16_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = narrow;
    return status;
}

/* Loads that widen to an i64, by the sign or with zeros: i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s
   i64.load32_u. */

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load8_s(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    int8_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    *out = WASM_MEMORY_INLINE_CAST(uint64_t, narrow);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load8_u(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    uint8_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    *out = narrow;
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load16_s(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    int16_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = WASM_MEMORY_INLINE_CAST(uint64_t, narrow);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load16_u(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    uint16_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = narrow;
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load32_s(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    int32_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = WASM_MEMORY_INLINE_CAST(uint64_t, narrow);
    return status;
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_load32_u(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t *out) {
    uint32_t narrow;
    const wasm_memory_status_t status = wasm_inline_read(view, index, offset, &narrow, sizeof narrow);
    wasm_inline_turn(&narrow, sizeof narrow);
    *out = narrow;
    return status;
}

/* Stores of a whole value: i32.store i64.store f32.store f64.store v128.store. */

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_store(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, sizeof value);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_store(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, sizeof value);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_f32_store(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, float value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, sizeof value);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_f64_store(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, double value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, sizeof value);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_v128_store(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, const uint8_t value[16]) {
    return wasm_inline_write(view, index, offset, value, 16);
}

/* Stores of the low bits: i32.store8 i32.store16 i64.store8 i64.store16 i64.store32. Once turned, they come first. */

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_store8(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, 1);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i32_store16(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint32_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, 2);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_store8(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, 1);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_store16(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, 2);
}

static inline WASM_MEMORY_INLINE_ALWAYS wasm_memory_status_t wasm_inline_i64_store32(
    const wasm_memory_view_t *view, uint64_t index, uint64_t offset, uint64_t value) {
    wasm_inline_turn(&value, sizeof value);
    return wasm_inline_write(view, index, offset, &value, 4);
}

#undef WASM_MEMORY_INLINE_CAST
#undef WASM_MEMORY_INLINE_ALWAYS
#undef WASM_MEMORY_INLINE_RARELY
#undef WASM_MEMORY_INLINE_ACQUIRE

#endif /* WASM_MEMORY_INLINE_H */
