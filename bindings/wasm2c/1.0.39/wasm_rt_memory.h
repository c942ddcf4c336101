/*
 * The memories of code made by wasm2c of wabt 1.0.39, for the host: the handle behind each, for checked access, limits,
 * statistics, snapshots and so on, and memories that the host makes or takes for a guest. Hooks and stores are in
 * wasm_rt_host.h.
 *
 * What is said of wasm_rt_memory_t holds for wasm_rt_shared_memory_t too: cast to wasm_rt_memory_t *.
 */
#ifndef WASM_MEMORY_WASM_RT_MEMORY_H
#define WASM_MEMORY_WASM_RT_MEMORY_H

#include "../wasm_rt_host.h"
#include "wasm-rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The handle of a memory, NULL if the structure has none. It stays the structure's; wasm_memory_copy gives one of your
 * own. Any thread.
 *
 * Grow through wasm_rt_grow_memory: generated code believes the size in the structure. After growth through a handle,
 * or wasm_memory_reset, or growth by another process, wasm_rt_memory_refresh tells it.
 */
wasm_memory_t *wasm_rt_memory_handle(const wasm_rt_memory_t *memory);

/* Has generated code see the memory's present base and size. The threads of its guests may run only if it is shared. */
void wasm_rt_memory_refresh(wasm_rt_memory_t *memory);

/*
 * As wasm_rt_allocate_memory, but tells why not: a status, and a sentence by wasm_rt_memory_last_error. On failure the
 * structure is all zeros. The structure must not have a memory before.
 */
wasm_memory_status_t wasm_rt_memory_try_allocate(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages,
                                                 bool is64, bool shared, uint32_t page_size);

/*
 * Makes a structure for a memory that exists, for guests to import: one made from an image, say, or obtained from
 * another store. The structure takes a handle of its own; wasm_rt_free_memory gives it up. UNSUPPORTED: code without
 * checks is not safe in this memory. All guests and threads of a shared memory must use one structure, or they do not
 * see each other's growth.
 */
wasm_memory_status_t wasm_rt_memory_adopt(wasm_rt_memory_t *memory, const wasm_memory_t *handle);

/*
 * Whether a module may import this memory: `initial_pages` and the others are the constants that wasm2c writes into the
 * module's header, as wasm2c_MODULE_min_IMPORT and so on. Generated code does not check.
 */
bool wasm_rt_memory_matches(const wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64,
                            bool shared, uint32_t page_size);

/*
 * Whether an address lies in a memory whose code does not check: in its bytes, its reservation or its guards. For hosts
 * that have a signal handler of their own; may be called in it.
 */
bool wasm_rt_memory_is_guard(const void *address);

/*
 * Imports of modules that wasm2c-prepare has prepared (../prepare): the first half of each memory.atomic.wait32, wait64 and
 * notify. The second half is the growth by 0 that follows, which tells the memory. `struct w2c_waits` has no members;
 * pass NULL for it to the function that instantiates.
 */
struct w2c_waits;
void w2c_waits_wait32(struct w2c_waits *none, uint32_t index, uint32_t expected, uint64_t timeout_ns, uint64_t offset);
void w2c_waits_wait64(struct w2c_waits *none, uint32_t index, uint64_t expected, uint64_t timeout_ns, uint64_t offset);
void w2c_waits_notify(struct w2c_waits *none, uint32_t index, uint32_t count, uint64_t offset);
/* For memories with a 64-bit index. */
void w2c_waits_wait32m64(struct w2c_waits *none, uint64_t index, uint32_t expected, uint64_t timeout_ns,
                         uint64_t offset);
void w2c_waits_wait64m64(struct w2c_waits *none, uint64_t index, uint64_t expected, uint64_t timeout_ns,
                         uint64_t offset);
void w2c_waits_notifym64(struct w2c_waits *none, uint64_t index, uint32_t count, uint64_t offset);

#ifdef __cplusplus
}
#endif

#endif
