/* What the C side of the bench offers to the Rust side. */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t bench_load(const uint64_t *cell);
void bench_store(uint64_t *cell, uint64_t value);

/* One sequentially consistent access each. All but the store return what was there. */
uint64_t bench_atomic_load64(const uint64_t *cell);
void bench_atomic_store64(uint64_t *cell, uint64_t value);
uint64_t bench_atomic_add64(uint64_t *cell, uint64_t operand);
uint32_t bench_atomic_add32(uint32_t *cell, uint32_t operand);
uint64_t bench_atomic_cmpxchg64(uint64_t *cell, uint64_t expected, uint64_t replacement);

/* The loops over a memory go through its lower half page in steps of 17 words, with a static offset of 4, so that no
 * two neighbouring accesses meet in one cache line and all of them stay in the first-level cache. */
#define BENCH_STEP 68u
#define BENCH_MASK 0x7fffu
#define BENCH_OFFSET 4u

/* What a host without our header would write: base and length of a memory whose length other threads may raise. */
typedef struct {
    uint8_t *base;
    size_t length;
} bench_memory_t;

/* Each does `count` accesses and returns false if one was out of bounds. */
bool bench_by_hand_i32_load(const bench_memory_t *memory, uint64_t count, uint32_t *out_sum);
bool bench_by_hand_i32_store(const bench_memory_t *memory, uint64_t count);

/* The same by the inline header; `view` is a `const wasm_memory_view_t *`. */
bool bench_by_header_i32_load(const void *view, uint64_t count, uint32_t *out_sum);
bool bench_by_header_i32_store(const void *view, uint64_t count);

#endif
