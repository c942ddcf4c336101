/*
 * wasm_memory: linear memories for WebAssembly runtimes.
 *
 * Generated from the Rust source by cbindgen: edit src/ffi and run `make header`.
 *
 * Model: a config (options) makes an engine (policy and warm regions, shared by all threads), an
 * engine makes stores (owners of limits and user data), a store makes memories. A memory type
 * describes a memory. A view is what inline or generated code reads: base and current length.
 *
 * Status codes. A function that can fail returns wasm_memory_status_t: WASM_MEMORY_OK (0) or a
 * positive reason, pinned for ever. The forms of the standard wasm.h answer NULL, 0 or false
 * instead. Either way wasm_memory_last_error has a sentence with the numbers in it, and when the
 * system refused memory, errno is the system's. A call that fails changes nothing.
 *
 * Out-parameters are always written: 0 or NULL on failure. A buffer for data is untouched then.
 *
 * NULL is defined everywhere. A NULL handle or required out-parameter is NULL_ARGUMENT, or NULL, 0
 * or false for the standard forms. The delete functions do nothing with NULL. (NULL, 0) is an
 * empty buffer. Any other pointer must point to what its type says.
 *
 * Lifetimes. Handles are references: a memory lives until its last handle is deleted, whatever
 * has become of its store and engine, and no longer. Deleting the last reference to an engine
 * returns all its address space.
 *
 * Threads. Configs: one thread at a time. Engines, stores and types: any thread. A memory, through
 * whichever handle: one thread at a time for functions that take it non-const, any number for
 * const ones (wasm_memory_data counts as const). Different handles may be copied and deleted on
 * any thread at any time.
 *
 * Callbacks (finalizers) run on the calling thread under no lock, may call back into the library,
 * and must return: no exception, longjmp or thread exit through the library's frames.
 *
 * Structures that start with size_t struct_size: set it to sizeof before the call. Fields may be
 * added at their ends; what does not fit is not written.
 *
 * The library never ends or unwinds into its host, prints nothing, and installs no signal handler.
 *
 * Beside the standard wasm.h: include wasm.h first, or define WASM_MEMORY_USE_WASM_H, which makes
 * this header include it. Its declarations of memories are then used instead of the same ones here.
 */

#ifndef WASM_MEMORY_H
#define WASM_MEMORY_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(WASM_MEMORY_USE_WASM_H) && !defined(WASM_H)
#include <wasm.h>
#endif

/* The version of this header; wasm_memory_version() is that of the library. */
#define WASM_MEMORY_VERSION "0.1.0"
#define WASM_MEMORY_VERSION_MAJOR 0
#define WASM_MEMORY_VERSION_MINOR 1
#define WASM_MEMORY_VERSION_PATCH 0

/* Define WASM_MEMORY_STATIC on Windows to link the static library. */
#if defined(_WIN32) && !defined(WASM_MEMORY_STATIC)
#define WASM_MEMORY_API __declspec(dllimport)
#else
#define WASM_MEMORY_API
#endif

#if !defined(WASM_H)
#if defined(__GNUC__)
#define WASM_MEMORY_UNUSED __attribute__((unused))
#else
#define WASM_MEMORY_UNUSED
#endif
/* The constants that the standard wasm.h has. */
/** The `max` of limits without a maximum. */
static const uint32_t wasm_limits_max_default WASM_MEMORY_UNUSED = 0xffffffff;
/** The size in bytes of a page of the core specification. */
static const size_t MEMORY_PAGE_SIZE WASM_MEMORY_UNUSED = 0x10000;
#undef WASM_MEMORY_UNUSED
#endif


#if !defined(WASM_H)
/**
 * The options of an engine that is to be made.
 */
typedef struct wasm_config_t wasm_config_t;
#endif

#if !defined(WASM_H)
/**
 * What memories are made under: policy and warm regions, shared by all stores and threads.
 */
typedef struct wasm_engine_t wasm_engine_t;
#endif

#if !defined(WASM_H)
/**
 * A reference to a memory. Copies refer to the same memory, which lives until the last is deleted.
 */
typedef struct wasm_memory_t wasm_memory_t;
#endif

#if !defined(WASM_H)
/**
 * A memory type: limits, index type, page size, sharedness. Immutable.
 */
typedef struct wasm_memorytype_t wasm_memorytype_t;
#endif

#if !defined(WASM_H)
/**
 * What memories are made in: the owner of limits and user data.
 */
typedef struct wasm_store_t wasm_store_t;
#endif

/**
 * What a function that can fail returns: `WASM_MEMORY_OK` (0), or the reason, a positive number.
 * Numbers are pinned for ever; new ones are added at the end.
 */
typedef int32_t wasm_memory_status_t;

/**
 * A bounds strategy: `WASM_MEMORY_BOUNDS_AUTO`, `_GUARDED` or `_CHECKED`.
 */
typedef int32_t wasm_memory_bounds_t;

#if !defined(WASM_H)
/**
 * Limits as wasm.h has them: in pages, 32 bits; `max` is `wasm_limits_max_default` for none.
 */
typedef struct wasm_limits_t {
    /**
     * The minimum.
     */
    uint32_t min;
    /**
     * The maximum.
     */
    uint32_t max;
} wasm_limits_t;
#endif

#if !defined(WASM_H)
/**
 * A vector of memory types that owns them.
 */
typedef struct wasm_memorytype_vec_t {
    /**
     * How many there are.
     */
    size_t size;
    /**
     * The types; NULL when there are none.
     */
    struct wasm_memorytype_t **data;
} wasm_memorytype_vec_t;
#endif

#if !defined(WASM_H)
/**
 * A byte, as wasm.h has it.
 */
typedef char byte_t;
#endif

#if !defined(WASM_H)
/**
 * A number of pages, as wasm.h has it.
 */
typedef uint32_t wasm_memory_pages_t;
#endif

/**
 * What a JIT or inline code reads of a memory: always current, at an address that is fixed for the
 * memory's life. Only the library makes one; fields may follow these.
 */
typedef struct wasm_memory_view_t {
    /**
     * Where the memory starts. Never NULL; changes only if `wasm_memory_may_move`.
     */
    uint8_t *base;
    /**
     * The length in bytes: read it with acquire.
     */
    size_t byte_length;
} wasm_memory_view_t;

/**
 * What a memory is made of, and what has happened to it; sizes in bytes.
 */
typedef struct wasm_memory_stats_t {
    /**
     * Set to `sizeof(wasm_memory_stats_t)` before the call.
     */
    size_t struct_size;
    /**
     * The length of the memory.
     */
    uint64_t byte_length;
    /**
     * What it can grow to; it never moves within.
     */
    uint64_t reserved_bytes;
    /**
     * What faults after the reservation.
     */
    uint64_t guard_bytes;
    /**
     * What is readable and writable now.
     */
    uint64_t committed_bytes;
    /**
     * The largest length so far.
     */
    uint64_t peak_bytes;
    /**
     * How often growth succeeded.
     */
    uint64_t grow_count;
    /**
     * How often growth failed.
     */
    uint64_t grow_failures;
    /**
     * How many threads wait on the memory.
     */
    uint64_t waiters;
    /**
     * What offsets and lengths of mappings must be multiples of: the host's page size.
     */
    uint64_t map_alignment_bytes;
    /**
     * The strategy that the memory has: GUARDED or CHECKED.
     */
    wasm_memory_bounds_t bounds;
    /**
     * Whether growth may move the base.
     */
    bool may_move;
    /**
     * Whether several threads may use the memory at once.
     */
    bool shared;
    /**
     * What is in physical memory; counted only if `struct_size` reaches it, for it costs time.
     */
    uint64_t resident_bytes;
} wasm_memory_stats_t;

/**
 * The operation succeeded.
 */
#define WASM_MEMORY_OK 0

/**
 * A handle, buffer or required out-parameter is NULL.
 */
#define WASM_MEMORY_NULL_ARGUMENT 1

/**
 * A number means nothing where it was given.
 */
#define WASM_MEMORY_INVALID_ARGUMENT 2

/**
 * A memory type outside the limits of the specification, or one that does not fit the operation.
 */
#define WASM_MEMORY_INVALID_TYPE 3

/**
 * At least one byte lies past the end (a trap of the specification).
 */
#define WASM_MEMORY_OUT_OF_BOUNDS 4

/**
 * An atomic access is not aligned (a trap), or a range is not aligned to what the host demands.
 */
#define WASM_MEMORY_UNALIGNED 5

/**
 * A wait on an unshared memory (a trap).
 */
#define WASM_MEMORY_NOT_SHARED 6

/**
 * The operation needs a memory that is not shared.
 */
#define WASM_MEMORY_SHARED 7

/**
 * Growth past the maximum of the type.
 */
#define WASM_MEMORY_MAXIMUM_EXCEEDED 8

/**
 * A limit or limiter of the store said no.
 */
#define WASM_MEMORY_LIMIT_DENIED 9

/**
 * The system, the heap or a reservation has no room; `wasm_memory_last_error` says which.
 */
#define WASM_MEMORY_OUT_OF_MEMORY 10

/**
 * Source and destination overlap where they must not.
 */
#define WASM_MEMORY_OVERLAP 11

/**
 * The memory's bytes are lent to a callback.
 */
#define WASM_MEMORY_BORROWED 12

/**
 * The store has an asynchronous limiter: use the asynchronous form.
 */
#define WASM_MEMORY_ASYNC_REQUIRED 13

/**
 * The outcome is not there yet.
 */
#define WASM_MEMORY_PENDING 14

/**
 * The host interrupted a wait.
 */
#define WASM_MEMORY_INTERRUPTED 15

/**
 * The host closed the memory to waiting.
 */
#define WASM_MEMORY_CLOSED 16

/**
 * More threads than can be counted wait at one address (a trap).
 */
#define WASM_MEMORY_TOO_MANY_WAITERS 17

/**
 * The range is protected against the access.
 */
#define WASM_MEMORY_PROTECTED 18

/**
 * This host, this version or this kind of memory cannot do it.
 */
#define WASM_MEMORY_UNSUPPORTED 19

/**
 * A file could not be read, written or understood.
 */
#define WASM_MEMORY_IO 20

/**
 * A defect of this library.
 */
#define WASM_MEMORY_INTERNAL 21

/**
 * A callback of the host broke its contract.
 */
#define WASM_MEMORY_HOST_CONTRACT 22

/**
 * Guarded when the host gives the address space, checked otherwise; `wasm_memory_stats` says which.
 */
#define WASM_MEMORY_BOUNDS_AUTO 0

/**
 * Everything that unchecked generated code can reach past the length faults, or creation fails.
 */
#define WASM_MEMORY_BOUNDS_GUARDED 1

/**
 * Generated code compares with the length; growth needs no system call.
 */
#define WASM_MEMORY_BOUNDS_CHECKED 2

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The sentence about this thread's last call that failed, or that returned NULL, 0 or false for a
 * reason, with the numbers in it and the option that helps.
 *
 * A call that succeeds leaves it alone. A caller whose code may change threads between two calls
 * (a goroutine) must fetch it in the same C function as the call that failed.
 *
 * Parameters: `buffer`: where to copy the sentence; NULL to ask for its length only. `capacity`:
 * bytes of `buffer`, the NUL included; the sentence is cut to fit.
 * Returns: the length of the whole sentence in bytes without the NUL; 0 when nothing failed yet.
 * Ownership: none passes.
 * Threads: any; each has its own.
 * Invalidates: nothing.
 */
WASM_MEMORY_API size_t wasm_memory_last_error(char *buffer, size_t capacity);

/**
 * The name of a status, for example `"WASM_MEMORY_OUT_OF_BOUNDS"`.
 *
 * Parameters: `status`: any number.
 * Returns: the constant's name; `"WASM_MEMORY_UNKNOWN_STATUS"` for a number that is none. Never NULL.
 * Ownership: static text, valid while the library is loaded.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
const char *wasm_memory_status_name(wasm_memory_status_t status);

/**
 * What a status means, in a few words; for a trap, the message that the specification gives it.
 *
 * Parameters: `status`: any number.
 * Returns: the message; `"unknown status"` for a number that is none. Never NULL.
 * Ownership: static text, valid while the library is loaded.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: the texts of the traps (`OUT_OF_BOUNDS`, `UNALIGNED`, `NOT_SHARED`, `TOO_MANY_WAITERS`).
 */
WASM_MEMORY_API
const char *wasm_memory_status_message(wasm_memory_status_t status);

#if !defined(WASM_H)
/**
 * Makes a config with the defaults.
 *
 * Parameters: none.
 * Returns: the config; NULL when the heap is exhausted.
 * Ownership: the caller's, until `wasm_engine_new_with_config` or `wasm_config_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API struct wasm_config_t *wasm_config_new(void);
#endif

#if !defined(WASM_H)
/**
 * Deletes a config that no engine was made with.
 *
 * Parameters: `config`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the config passes to the library.
 * Threads: any, as long as no other call uses the config.
 * Invalidates: the config.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_config_delete(struct wasm_config_t *config);
#endif

/**
 * Chooses the bounds strategy of the engine's memories. Default: `WASM_MEMORY_BOUNDS_AUTO`.
 *
 * AUTO makes GUARDED memories while the host gives the address space and CHECKED ones otherwise,
 * and promises no fault: code without checks sets GUARDED, or looks at `bounds` in the stats of
 * each memory. GUARDED holds or creation fails with `OUT_OF_MEMORY` (`UNSUPPORTED` on a host that
 * cannot guard): every byte from `byte_length` to `reserved_bytes + guard_bytes` faults, and for a
 * 32-bit index that span is at least 8 GiB + 64 KiB (any index, any offset, 16 bytes) unless a
 * guard size was set. Memories with 1-byte pages are always CHECKED.
 *
 * Parameters: `config`: NULL is ignored. `bounds`: a constant; any other number makes
 * `wasm_engine_new_with_config` fail.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_bounds_set(struct wasm_config_t *config,
                                   wasm_memory_bounds_t bounds);

/**
 * Sets how many bytes of address space to reserve for each memory, so that it grows within them
 * without moving. Default: 4 GiB for 32-bit memories, 16 GiB for 64-bit ones; CHECKED memories
 * reserve no more than their maximum.
 *
 * Growth past the reservation fails with `OUT_OF_MEMORY`, unless `memory_may_move` is set; the
 * sentence names this option. Under GUARDED a memory has at least this reservation; generated
 * code for a 64-bit index compares with `reserved_bytes` first.
 *
 * Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
 * address makes `wasm_engine_new_with_config` fail. 0 reserves the minimum and
 * `memory_reservation_for_growth`.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_reservation_set(struct wasm_config_t *config,
                                        uint64_t bytes);

/**
 * Sets how many bytes to reserve beyond the length when a memory moves, or when its minimum
 * exceeds the reservation. Default: 2 GiB, and no more than the maximum.
 *
 * Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
 * address makes `wasm_engine_new_with_config` fail.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_reservation_for_growth_set(struct wasm_config_t *config,
                                                   uint64_t bytes);

/**
 * Sets how many bytes fault after the reservation. Default: for GUARDED, what any 32-bit index and
 * any 32-bit offset can reach (and 4 GiB + 64 KiB for a 64-bit index); for CHECKED, none.
 *
 * With a smaller guard a GUARDED memory covers accesses whose static offset plus width is at most
 * this size; the code checks the others itself.
 *
 * Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
 * address makes `wasm_engine_new_with_config` fail.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_guard_size_set(struct wasm_config_t *config,
                                       uint64_t bytes);

/**
 * Sets whether bytes before the base fault too. Default: true. It catches generated code that
 * sign-extends an index by mistake: GUARDED memories have 2 GiB there (no more than
 * `memory_guard_size`, if that was set), CHECKED ones 64 KiB.
 *
 * Parameters: `config`: NULL is ignored. `enable`: whether to guard.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API void wasm_config_guard_before_memory_set(struct wasm_config_t *config, bool enable);

/**
 * Sets whether growth past the reservation may move the base. Default: false, so that a base, once
 * read, stays right for the memory's life.
 *
 * Parameters: `config`: NULL is ignored. `enable`: whether to allow it.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API void wasm_config_memory_may_move_set(struct wasm_config_t *config, bool enable);

/**
 * Sets whether to ask the system for huge pages in reservations of 2 MiB and more, which are then
 * aligned to 2 MiB where the whole reservation is to be had. Default: false. Advice: a system
 * without them ignores it.
 *
 * Parameters: `config`: NULL is ignored. `enable`: whether to ask.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API void wasm_config_memory_huge_pages_set(struct wasm_config_t *config, bool enable);

/**
 * Sets whether shared memories can be exported as a descriptor. Default: false. It concerns shared
 * memories alone, which this version does not make yet.
 *
 * Parameters: `config`: NULL is ignored. `enable`: whether memories are to be exportable.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API void wasm_config_memory_exportable_set(struct wasm_config_t *config, bool enable);

#if !defined(WASM_H)
/**
 * Makes an engine with the default options.
 *
 * Parameters: none.
 * Returns: the engine; NULL when the heap is exhausted.
 * Ownership: the caller's, until `wasm_engine_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API struct wasm_engine_t *wasm_engine_new(void);
#endif

#if !defined(WASM_H)
/**
 * Makes an engine with the options of a config.
 *
 * Parameters: `config`: consumed whatever happens.
 * Returns: the engine; NULL for a NULL config (`NULL_ARGUMENT`), an option with an absurd value
 * (`INVALID_ARGUMENT`; the sentence names it), or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the config passes to the library; the engine is the caller's, until
 * `wasm_engine_delete`.
 * Threads: any, as long as no other call uses the config.
 * Invalidates: the config.
 * Specification: wasm.h.
 */
WASM_MEMORY_API struct wasm_engine_t *wasm_engine_new_with_config(struct wasm_config_t *config);
#endif

#if !defined(WASM_H)
/**
 * Deletes a reference to an engine. Its stores and memories keep working; with the last of them
 * the engine returns all its address space.
 *
 * Parameters: `engine`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the engine passes to the library.
 * Threads: any, as long as no other call uses this pointer.
 * Invalidates: the pointer.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_engine_delete(struct wasm_engine_t *engine);
#endif

#if !defined(WASM_H)
/**
 * Makes a store in an engine.
 *
 * Parameters: `engine`: not consumed.
 * Returns: the store; NULL for a NULL engine (`NULL_ARGUMENT`) or an exhausted heap
 * (`OUT_OF_MEMORY`).
 * Ownership: the store is the caller's, until `wasm_store_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API struct wasm_store_t *wasm_store_new(struct wasm_engine_t *engine);
#endif

#if !defined(WASM_H)
/**
 * Deletes a reference to a store. Memories made in it live on, until their last handle is deleted.
 *
 * Parameters: `store`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the store passes to the library.
 * Threads: any, as long as no other call uses this pointer.
 * Invalidates: the pointer.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_store_delete(struct wasm_store_t *store);
#endif

#if !defined(WASM_H)
/**
 * Makes the type of an unshared memory with a 32-bit index and 64 KiB pages.
 *
 * Parameters: `limits`: minimum and maximum in pages, copied.
 * Returns: the type; NULL for NULL limits (`NULL_ARGUMENT`), limits that the specification does
 * not allow (`INVALID_TYPE`) or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the type is the caller's, until `wasm_memorytype_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h; validation of limits.
 */
WASM_MEMORY_API struct wasm_memorytype_t *wasm_memorytype_new(const struct wasm_limits_t *limits);
#endif

/**
 * Makes a memory type of any kind.
 *
 * Parameters: `minimum`, `maximum`: in pages; the maximum is ignored unless `maximum_present`.
 * `is_64`: whether addresses have 64 bits. `shared`: whether several threads may use the memory at
 * once; needs a maximum. `page_size_log2`: 16 for 64 KiB, 0 for 1 byte. `out`: the type, NULL on
 * failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (the sentence says which limit was passed),
 * `OUT_OF_MEMORY`.
 * Ownership: the type is the caller's, until `wasm_memorytype_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: validation of memory types; memory64, threads, custom page sizes.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memorytype_try_new(uint64_t minimum,
                                             bool maximum_present,
                                             uint64_t maximum,
                                             bool is_64,
                                             bool shared,
                                             uint8_t page_size_log2,
                                             struct wasm_memorytype_t **out);

#if !defined(WASM_H)
/**
 * Deletes a memory type. Memories made with it are not concerned.
 *
 * Parameters: `type`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the type passes to the library.
 * Threads: any, as long as no other call uses the type.
 * Invalidates: the type and the limits it gave out.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_memorytype_delete(struct wasm_memorytype_t *type);
#endif

#if !defined(WASM_H)
/**
 * Copies a memory type.
 *
 * Parameters: `type`: not consumed.
 * Returns: the copy; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the copy is the caller's, until `wasm_memorytype_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
struct wasm_memorytype_t *wasm_memorytype_copy(const struct wasm_memorytype_t *type);
#endif

#if !defined(WASM_H)
/**
 * The limits of a memory type, in pages; what does not fit 32 bits is 0xffffffff.
 *
 * Parameters: `type`: not consumed.
 * Returns: the limits; NULL for NULL (`NULL_ARGUMENT`).
 * Ownership: the type's; valid while it lives.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
const struct wasm_limits_t *wasm_memorytype_limits(const struct wasm_memorytype_t *type);
#endif

/**
 * The minimum of a memory type, in pages.
 *
 * Parameters: `type`: not consumed.
 * Returns: the minimum; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API uint64_t wasm_memorytype_minimum(const struct wasm_memorytype_t *type);

/**
 * The maximum of a memory type, in pages.
 *
 * Parameters: `type`: not consumed. `out`: the maximum; 0 without one.
 * Returns: whether there is a maximum; false when an argument is NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API bool wasm_memorytype_maximum(const struct wasm_memorytype_t *type, uint64_t *out);

/**
 * Whether memories of the type have 64-bit addresses.
 *
 * Parameters: `type`: not consumed.
 * Returns: the answer; false for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: memory64.
 */
WASM_MEMORY_API bool wasm_memorytype_is64(const struct wasm_memorytype_t *type);

/**
 * Whether memories of the type are shared between threads.
 *
 * Parameters: `type`: not consumed.
 * Returns: the answer; false for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: threads.
 */
WASM_MEMORY_API bool wasm_memorytype_isshared(const struct wasm_memorytype_t *type);

/**
 * The size of a page of such memories, in bytes: 1 or 65536.
 *
 * Parameters: `type`: not consumed.
 * Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: custom page sizes.
 */
WASM_MEMORY_API uint64_t wasm_memorytype_page_size(const struct wasm_memorytype_t *type);

/**
 * The base-two logarithm of the size of a page of such memories: 0 or 16.
 *
 * Parameters: `type`: not consumed.
 * Returns: the logarithm; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: custom page sizes.
 */
WASM_MEMORY_API uint8_t wasm_memorytype_page_size_log2(const struct wasm_memorytype_t *type);

/**
 * Whether a memory of type `provided` may be imported where `required` is declared. For a live
 * memory ask `wasm_memory_type` for the type, which has its current size as minimum.
 *
 * Parameters: `provided`, `required`: not consumed.
 * Returns: the answer; false when one is NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: matching of memory types.
 */
WASM_MEMORY_API
bool wasm_memorytype_matches(const struct wasm_memorytype_t *provided,
                             const struct wasm_memorytype_t *required);

#if !defined(WASM_H)
/**
 * Makes an empty vector.
 *
 * Parameters: `out`: the vector; NULL does nothing (`NULL_ARGUMENT`).
 * Returns: nothing.
 * Ownership: the vector is the caller's, until `wasm_memorytype_vec_delete`.
 * Threads: any.
 * Invalidates: nothing; what `out` held before is overwritten.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_memorytype_vec_new_empty(struct wasm_memorytype_vec_t *out);
#endif

#if !defined(WASM_H)
/**
 * Makes a vector of `size` types, for the caller to fill in; they are NULL until then.
 *
 * Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `size`: how
 * many; more than the heap can hold is `OUT_OF_MEMORY`.
 * Returns: nothing.
 * Ownership: the vector is the caller's, until `wasm_memorytype_vec_delete`; it owns what is put in.
 * Threads: any.
 * Invalidates: nothing; what `out` held before is overwritten.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
void wasm_memorytype_vec_new_uninitialized(struct wasm_memorytype_vec_t *out,
                                           size_t size);
#endif

#if !defined(WASM_H)
/**
 * Makes a vector of the types that an array holds.
 *
 * Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `size`: how
 * many. `data`: the types; NULL only with size 0.
 * Returns: nothing.
 * Ownership: on success the types pass to the vector, which is the caller's until
 * `wasm_memorytype_vec_delete`; on failure they stay the caller's. The array stays the caller's.
 * Threads: any.
 * Invalidates: nothing; what `out` held before is overwritten.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
void wasm_memorytype_vec_new(struct wasm_memorytype_vec_t *out,
                             size_t size,
                             struct wasm_memorytype_t *const *data);
#endif

#if !defined(WASM_H)
/**
 * Makes a vector of copies of the types in another.
 *
 * Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `source`:
 * not consumed; NULL is `NULL_ARGUMENT`.
 * Returns: nothing.
 * Ownership: the vector and its types are the caller's, until `wasm_memorytype_vec_delete`.
 * Threads: any, as long as no other call changes `source`.
 * Invalidates: nothing; what `out` held before is overwritten.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
void wasm_memorytype_vec_copy(struct wasm_memorytype_vec_t *out,
                              const struct wasm_memorytype_vec_t *source);
#endif

#if !defined(WASM_H)
/**
 * Deletes a vector and the types in it.
 *
 * Parameters: `vector`: left empty; NULL does nothing.
 * Returns: nothing.
 * Ownership: the types pass to the library; the structure itself stays the caller's.
 * Threads: any, as long as no other call uses the vector.
 * Invalidates: the types.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_memorytype_vec_delete(struct wasm_memorytype_vec_t *vector);
#endif

#if !defined(WASM_H)
/**
 * Makes a memory of zeros with the minimum size of its type.
 *
 * Parameters: `store`, `type`: not consumed; the type may be deleted after the call.
 * Returns: the memory; NULL on failure, for the reasons of `wasm_memory_try_new`.
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h; allocation of memories.
 */
WASM_MEMORY_API
struct wasm_memory_t *wasm_memory_new(struct wasm_store_t *store,
                                      const struct wasm_memorytype_t *type);
#endif

/**
 * Makes a memory of zeros with the minimum size of its type, or says why not.
 *
 * Parameters: `store`, `type`: not consumed; the type may be deleted after the call. `out`: the
 * memory, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_MEMORY` (errno is the system's; the sentence names the
 * likely limit and the option that helps), `UNSUPPORTED` (GUARDED on a host that cannot guard; a
 * shared type, which this version does not make).
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: allocation of memories.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_try_new(struct wasm_store_t *store,
                                         const struct wasm_memorytype_t *type,
                                         struct wasm_memory_t **out);

#if !defined(WASM_H)
/**
 * Deletes a handle. With the last one the memory goes, and its host info's finalizer runs.
 *
 * Parameters: `memory`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the handle passes to the library.
 * Threads: any, as long as no other call uses this handle.
 * Invalidates: the handle; with the last one, the base, the view and every pointer into the memory.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_memory_delete(struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * Makes another handle of the same memory: the reference is copied, not the bytes.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the handle, which may be the same pointer and must be deleted all the same; NULL for
 * NULL (`NULL_ARGUMENT`).
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API struct wasm_memory_t *wasm_memory_copy(const struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * Whether two handles refer to one memory.
 *
 * Parameters: `left`, `right`: not consumed.
 * Returns: the answer; false when one is NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
bool wasm_memory_same(const struct wasm_memory_t *left,
                      const struct wasm_memory_t *right);
#endif

#if !defined(WASM_H)
/**
 * What the host attached to the memory.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the info last set, through whichever handle; NULL without one, or for NULL
 * (`NULL_ARGUMENT`).
 * Ownership: the host's.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void *wasm_memory_get_host_info(const struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * Attaches a pointer of the host's to the memory (not to the handle). The finalizer of what was
 * attached before runs now.
 *
 * Parameters: `memory`: not consumed; NULL does nothing (`NULL_ARGUMENT`). `info`: anything.
 * Returns: nothing.
 * Ownership: the info stays the host's.
 * Threads: any; a finalizer that runs now runs on this thread, under no lock.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API void wasm_memory_set_host_info(struct wasm_memory_t *memory, void *info);
#endif

#if !defined(WASM_H)
/**
 * Attaches a pointer of the host's to the memory, and what is to be called with it: when other
 * info is attached, or when the memory goes with its last handle, whichever is first.
 *
 * Parameters: `memory`: not consumed; NULL does nothing (`NULL_ARGUMENT`), and the finalizer does
 * not run. `info`: anything. `finalizer`: called exactly once; NULL for none.
 * Returns: nothing.
 * Ownership: the info passes to the finalizer.
 * Threads: any; a finalizer runs on the thread of the call that ends the info, under no lock.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
void wasm_memory_set_host_info_with_finalizer(struct wasm_memory_t *memory,
                                              void *info,
                                              void (*finalizer)(void*));
#endif

#if !defined(WASM_H)
/**
 * The type of the memory as it is now: the declared one with the current size as minimum.
 *
 * Parameters: `memory`: not consumed.
 * Returns: a type; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the type is the caller's, until `wasm_memorytype_delete`.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: wasm.h; a memory instance's type changes with growth.
 */
WASM_MEMORY_API struct wasm_memorytype_t *wasm_memory_type(const struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * Where the memory starts in this process.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the base, for a memory of no bytes too; NULL for NULL (`NULL_ARGUMENT`).
 * Ownership: the memory's; valid until its last handle is deleted, or growth moves it.
 * Threads: any number that call const functions; this one counts as const.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API byte_t *wasm_memory_data(struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * The length of the memory in bytes.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the length; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: wasm.h.
 */
WASM_MEMORY_API size_t wasm_memory_data_size(const struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * The size of the memory in its pages; 0xffffffff when it does not fit (`wasm_memory_pages` does).
 *
 * Parameters: `memory`: not consumed.
 * Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: wasm.h; `memory.size`.
 */
WASM_MEMORY_API wasm_memory_pages_t wasm_memory_size(const struct wasm_memory_t *memory);
#endif

#if !defined(WASM_H)
/**
 * Grows the memory by whole pages of zeros. `wasm_memory_try_grow` says why not, and how large the
 * memory was.
 *
 * Parameters: `memory`: not consumed. `delta`: in pages; 0 succeeds.
 * Returns: whether it grew; false for the reasons of `wasm_memory_try_grow`, and then nothing has
 * changed.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: the base, if `wasm_memory_may_move`.
 * Specification: wasm.h; `memory.grow`.
 */
WASM_MEMORY_API bool wasm_memory_grow(struct wasm_memory_t *memory, wasm_memory_pages_t delta);
#endif

/**
 * Grows the memory by whole pages of zeros.
 *
 * Parameters: `memory`: not consumed. `delta_pages`: in pages; 0 succeeds and reports the size.
 * `out_previous_pages`: the size before, 0 on failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `MAXIMUM_EXCEEDED`, `OUT_OF_MEMORY` (a reservation that is too
 * small, or the system; errno is the system's, and the sentence names the option that helps). On
 * failure nothing has changed.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: the base, if `wasm_memory_may_move`.
 * Specification: `memory.grow`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_try_grow(struct wasm_memory_t *memory,
                                          uint64_t delta_pages,
                                          uint64_t *out_previous_pages);

/**
 * The size of the memory in its pages.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `memory.size`.
 */
WASM_MEMORY_API uint64_t wasm_memory_pages(const struct wasm_memory_t *memory);

/**
 * The size of one of the memory's pages in bytes: 1 or 65536.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: custom page sizes.
 */
WASM_MEMORY_API uint64_t wasm_memory_page_size(const struct wasm_memory_t *memory);

/**
 * The base-two logarithm of the size of one of the memory's pages: 0 or 16.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the logarithm; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: custom page sizes.
 */
WASM_MEMORY_API uint8_t wasm_memory_page_size_log2(const struct wasm_memory_t *memory);

/**
 * Whether some growth that the type allows may change the base: the option `memory_may_move` is
 * set, and the reservation is smaller than the memory can become.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the answer; false for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API bool wasm_memory_may_move(const struct wasm_memory_t *memory);

/**
 * The size that the memory was made with, in pages: the minimum of its type at that moment.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API uint64_t wasm_memory_initial_pages(const struct wasm_memory_t *memory);

/**
 * The address range that is the memory's own: guard before, reservation and guard after included. A
 * fault in it concerns this memory. Not all of it can be read.
 *
 * Parameters: `memory`: not consumed. `out_start`: where it starts, NULL on failure. `out_length`:
 * its length in bytes, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`.
 * Ownership: the range is the memory's.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_accessible(const struct wasm_memory_t *memory,
                                            uint8_t **out_start,
                                            size_t *out_length);

/**
 * Base and length for inline code, always current.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the view, at an address that is fixed for the memory's life; NULL for NULL
 * (`NULL_ARGUMENT`).
 * Ownership: the memory's; valid until its last handle is deleted.
 * Threads: any number that call const functions; generated code reads the length with acquire.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
const struct wasm_memory_view_t *wasm_memory_view(const struct wasm_memory_t *memory);

/**
 * Copies bytes of the memory into a buffer.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `buffer`: untouched on failure; NULL only
 * with length 0. `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_read(const struct wasm_memory_t *memory,
                                      uint64_t offset,
                                      void *buffer,
                                      size_t length);

/**
 * Copies bytes into the memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `bytes`:
 * NULL only with length 0. `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_write(struct wasm_memory_t *memory,
                                       uint64_t offset,
                                       const void *bytes,
                                       size_t length);

/**
 * Sets a range of bytes to one value.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`, `length`: in bytes.
 * `value`: for each byte.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `memory.fill`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_fill(struct wasm_memory_t *memory,
                                      uint64_t offset,
                                      uint8_t value,
                                      uint64_t length);

/**
 * Copies a range of bytes to another place of the same memory, as if through a buffer: the ranges
 * may overlap.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `destination`, `source`,
 * `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `memory.copy`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_copy_within(struct wasm_memory_t *memory,
                                             uint64_t destination,
                                             uint64_t source,
                                             uint64_t length);

/**
 * Loads an unsigned 8-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `i32.load8_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_u8(const struct wasm_memory_t *memory,
                                         uint64_t offset,
                                         uint8_t *out);

/**
 * Stores an unsigned 8-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `i32.store8`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_u8(struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          uint8_t value);

/**
 * Loads an unsigned 16-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `i32.load16_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_u16(const struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          uint16_t *out);

/**
 * Stores an unsigned 16-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `i32.store16`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_u16(struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           uint16_t value);

/**
 * Loads an unsigned 32-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `i32.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_u32(const struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          uint32_t *out);

/**
 * Stores an unsigned 32-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `i32.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_u32(struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           uint32_t value);

/**
 * Loads an unsigned 64-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `i64.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_u64(const struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          uint64_t *out);

/**
 * Stores an unsigned 64-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `i64.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_u64(struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           uint64_t value);

/**
 * Loads a 32-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `f32.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_f32(const struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          float *out);

/**
 * Stores a 32-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `f32.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_f32(struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           float value);

/**
 * Loads a 64-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `f64.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_f64(const struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          double *out);

/**
 * Stores a 64-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `f64.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_f64(struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           double value);

/**
 * Loads the sixteen bytes of a v128, in memory order. They need no alignment.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: sixteen bytes, all 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 * Specification: `v128.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_load_v128(const struct wasm_memory_t *memory,
                                           uint64_t offset,
                                           uint8_t *out);

/**
 * Stores the sixteen bytes of a v128, in memory order. They need no alignment.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
 * sixteen bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `v128.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_store_v128(struct wasm_memory_t *memory,
                                            uint64_t offset,
                                            const uint8_t *value);

/**
 * The version of the library that runs, for example `"1.2.3"`; it equals the macro
 * `WASM_MEMORY_VERSION` of the header that belongs to it.
 *
 * Parameters: none.
 * Returns: the version. Never NULL.
 * Ownership: static text, valid while the library is loaded.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API const char *wasm_memory_version(void);

/**
 * Fills in what a memory is made of and what has happened to it.
 *
 * Parameters: `memory`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit
 * are written whole, all 0 on failure, and `struct_size` is left alone.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
 * is written).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_stats(const struct wasm_memory_t *memory,
                                       struct wasm_memory_stats_t *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WASM_MEMORY_H */
