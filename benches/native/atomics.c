/* The floor of the atomic accesses: the instruction itself behind a function of a shared library. */
#include "native.h"

uint64_t bench_atomic_load64(const uint64_t *cell) { return __atomic_load_n(cell, __ATOMIC_SEQ_CST); }

void bench_atomic_store64(uint64_t *cell, uint64_t value) { __atomic_store_n(cell, value, __ATOMIC_SEQ_CST); }

uint64_t bench_atomic_add64(uint64_t *cell, uint64_t operand)
{
    return __atomic_fetch_add(cell, operand, __ATOMIC_SEQ_CST);
}

uint32_t bench_atomic_add32(uint32_t *cell, uint32_t operand)
{
    return __atomic_fetch_add(cell, operand, __ATOMIC_SEQ_CST);
}

uint64_t bench_atomic_cmpxchg64(uint64_t *cell, uint64_t expected, uint64_t replacement)
{
    (void)__atomic_compare_exchange_n(cell, &expected, replacement, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
