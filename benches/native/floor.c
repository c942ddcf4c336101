/* The floor of a call: one load or one store behind a function of a shared library. A call into the library under
 * test costs at least this much, because it crosses the same kind of boundary. */
#include "native.h"

uint64_t bench_load(const uint64_t *cell) { return *cell; }

void bench_store(uint64_t *cell, uint64_t value) { *cell = value; }
