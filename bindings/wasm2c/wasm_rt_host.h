/*
 * What a host of wasm2c can ask of memories made by wasm_memory, whatever the version of wabt: hear of growth, have
 * them made in a store of its own, with its limits, and give address space back. Compile wasm_rt_host.c with either
 * adapter.
 */
#ifndef WASM_MEMORY_WASM_RT_HOST_H
#define WASM_MEMORY_WASM_RT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wasm_memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Callbacks, each of which may be NULL. They run on the thread that asked, under no lock, several at once if several
 * threads ask. `memory` is valid during the call. `message` has the numbers in it, and is valid during the call.
 */
typedef struct wasm_rt_memory_hooks_t {
    size_t struct_size; /* set to sizeof(wasm_rt_memory_hooks_t) */
    void *env;
    /* A memory has grown: by the guest, or by the host through wasm_rt_grow_memory. Not called for growth by 0. */
    void (*grown)(void *env, const wasm_memory_t *memory, uint64_t previous_pages, uint64_t pages);
    /* A memory has not grown; the guest is about to see -1. `memory` is NULL if the structure has none. */
    void (*grow_failed)(void *env, const wasm_memory_t *memory, uint64_t delta_pages, wasm_memory_status_t status,
                        const char *message);
    /*
     * A memory could not be made while a module is instantiated. If this returns, the reason is printed and the process
     * aborted, as by wabt's own runtime. It may leave by wasm_rt_trap instead: the host then frees the instance, which
     * must have been all zeros before.
     */
    void (*allocate_failed)(void *env, wasm_memory_status_t status, const char *message);
} wasm_rt_memory_hooks_t;

/* Sets the hooks of the process; they are copied. NULL: none any more. Any thread. */
void wasm_rt_memory_hooks_set(const wasm_rt_memory_hooks_t *hooks);

/*
 * From now on the memories that this thread makes are made in `store`: its limits and limiter (wasm_store_limits_set,
 * wasm_store_limiter_set) decide on their creation and growth, its pool gives the address space. NULL: in the stores
 * that all share. Answers what was in force before. The store must live until this thread uses another one; its
 * memories may outlive it. Code without checks needs a store of an engine that is GUARDED: others are refused, memory
 * by memory. A limiter that answers later is of no use here: generated code does not wait.
 */
wasm_store_t *wasm_rt_memory_use_store(wasm_store_t *store);

/* Why the last call of this thread that made, took or grew a memory failed. Never NULL; "" if none has. */
const char *wasm_rt_memory_last_error(void);

/*
 * Gives up the engines and stores that all threads share. They are made when first needed and otherwise kept for the
 * life of the process, because engines keep used address space ready for the next memory. Memories that still live are
 * not touched; the next one starts new engines. Any thread.
 */
void wasm_rt_memory_shutdown(void);

/* --- for the adapters --------------------------------------------------------------------------------------------- */

/*
 * Makes a memory in this thread's store or the shared one. `guarded`: the code does not check, so the memory must have
 * a guard for any 32-bit index and offset.
 */
wasm_memory_status_t wasm_rt_host_new(const wasm_memorytype_t *type, bool guarded, wasm_memory_t **out);
/* The same of a memory that exists: OK, or UNSUPPORTED if code without checks is not safe in it. */
wasm_memory_status_t wasm_rt_host_check_guard(const wasm_memory_t *memory);
/* Grows to at most `most_pages` (UINT64_MAX: what its type says) and calls the hooks. A NULL memory fails. */
wasm_memory_status_t wasm_rt_host_grow(wasm_memory_t *memory, uint64_t delta_pages, uint64_t most_pages,
                                       uint64_t *out_previous);
/* Keeps the sentence for wasm_rt_memory_last_error and returns the status; NULL: the library's own sentence. */
wasm_memory_status_t wasm_rt_host_failed(wasm_memory_status_t status, const char *message);
/* After a failure: the hook, and then the end of the process. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void wasm_rt_host_allocation_failed(wasm_memory_status_t status);

#ifdef __cplusplus
}
#endif

#endif
