/* injection.h: what the library exports besides, if it was built with --cfg wasm_memory_injection. */
#ifndef INJECTION_H
#define INJECTION_H

#include <stdint.h>

/* What can be refused, of the calling thread. */
enum { CALLS, ALLOCATIONS };

/* Counts anew: the next `let_through` are let through, so many after them refused; UINT64_MAX: all after them. */
void wasm_memory_injection_plan(uint32_t what, uint64_t let_through, uint64_t refuse);
/* With which errno calls of this thread are refused; 0: what is likely for each. */
void wasm_memory_injection_error(int32_t error);
/* How many there were since then, and how many of them were refused. */
uint64_t wasm_memory_injection_met(uint32_t what);
uint64_t wasm_memory_injection_refused(uint32_t what);
/* What the library has on the heap, for all threads. */
uint64_t wasm_memory_injection_live_blocks(void);
uint64_t wasm_memory_injection_live_bytes(void);

#endif
