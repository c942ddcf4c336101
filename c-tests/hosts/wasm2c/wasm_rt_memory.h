/*
 * The memory half of wabt 1.0.32's runtime for wasm2c, on wasm_memory.
 *
 * Compile wasm_rt_memory.c instead of wabt's own wasm_rt_allocate_memory, wasm_rt_grow_memory and wasm_rt_free_memory
 * (README.md tells how), and every memory of every translated module is made by wasm_memory. The generated code does
 * not change. What is declared here is for the host that wants more: the handle behind a memory, for checked access,
 * statistics, snapshots and so on.
 */
#ifndef WASM2C_HOST_WASM_RT_MEMORY_H
#define WASM2C_HOST_WASM_RT_MEMORY_H

#include <wasm-rt.h>
#include <wasm_memory.h>

/*
 * The handle of a memory that wasm_rt_allocate_memory made, or NULL if it made no such memory. It stays ours and dies
 * with wasm_rt_free_memory; wasm_memory_copy gives one of your own. Any thread.
 *
 * Grow through wasm_rt_grow_memory only: the generated code believes the size in wasm_rt_memory_t, and growth through
 * the handle does not reach it. For the same reason wasm_memory_reset, which may shrink, is not for these memories
 * unless the host sets `pages` and `size` anew.
 */
wasm_memory_t *wasm_rt_memory_handle(const wasm_rt_memory_t *memory);

/*
 * Give up the engine and the store that all memories share. They are made by the first allocation and are otherwise
 * kept for the life of the process, because the engine keeps used address space ready for the next memory. Memories
 * that still live are not touched; the next allocation starts a new engine. Any thread.
 */
void wasm_rt_memory_shutdown(void);

#endif
