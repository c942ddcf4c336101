/*
 * The memory half of wabt 1.0.32's runtime for wasm2c, on wasm_memory.
 *
 * Compile wasm_rt_memory.c instead of wabt's own wasm_rt_allocate_memory, wasm_rt_grow_memory and wasm_rt_free_memory
 * (../README.md tells how), and every memory of every translated module is made by wasm_memory. The generated code does
 * not change. What is declared here is for the host that wants more: the handle behind a memory, for checked access,
 * statistics, snapshots and so on, and memories that the host makes itself. Hooks and stores are in wasm_rt_host.h.
 */
#ifndef WASM_MEMORY_WASM_RT_MEMORY_H
#define WASM_MEMORY_WASM_RT_MEMORY_H

#include <wasm-rt.h>

#include "../wasm_rt_host.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The handle of a memory that wasm_rt_allocate_memory made, or NULL if it made no such memory. It stays ours and dies
 * with wasm_rt_free_memory; wasm_memory_copy gives one of your own. Any thread.
 *
 * Grow through wasm_rt_grow_memory: the generated code believes the size in wasm_rt_memory_t. After growth through the
 * handle, or wasm_memory_reset, wasm_rt_memory_refresh tells it.
 */
wasm_memory_t *wasm_rt_memory_handle(const wasm_rt_memory_t *memory);

/* Has generated code see the memory's present base and size. No guest may run in it meanwhile. */
void wasm_rt_memory_refresh(wasm_rt_memory_t *memory);

/*
 * As wasm_rt_allocate_memory, but tells why not: a status, and a sentence by wasm_rt_memory_last_error. On failure the
 * structure is all zeros. The structure must not have a memory before.
 */
wasm_memory_status_t wasm_rt_memory_try_allocate(wasm_rt_memory_t *memory, uint32_t initial_pages, uint32_t max_pages);

/*
 * Makes a structure for a memory that exists, for guests to import. The structure takes a handle of its own;
 * wasm_rt_free_memory gives it up. UNSUPPORTED: this version's code knows only unshared memories with a 32-bit index,
 * pages of 64 KiB and at most 65535 of them now; and without checks only those with a guard.
 */
wasm_memory_status_t wasm_rt_memory_adopt(wasm_rt_memory_t *memory, const wasm_memory_t *handle);

#ifdef __cplusplus
}
#endif

#endif
