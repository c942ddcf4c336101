/*
 * wasm_memory: linear memories for WebAssembly runtimes.
 *
 * Generated from the Rust source by cbindgen: edit src/ffi and run `make header`.
 *
 * Model: a config (options) makes an engine (policy and pool, shared by all threads), an
 * engine makes stores (owners of limits and user data), a store makes memories. A memory type
 * describes a memory. A view is what inline or generated code reads: base and current length. A
 * limiter decides on creation and growth; one that may take its time answers through tickets, and
 * futures stand for what it has not decided yet. An allocator lets the host make the memories.
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
 * Lifetimes. Handles are references: a memory lives until its last handle, token and pending future is
 * deleted, whatever has become of its store and engine, and no longer. A store's data, limits and
 * limiter live until the store and the last handle, future and ticket made in it are gone. Deleting
 * the last reference to an engine returns all its address space.
 *
 * Threads. Configs and futures: one thread at a time. Engines, stores, types, data segments and
 * tickets, tokens: any thread. A memory, through whichever handle: one thread at a time for functions that
 * take it non-const, any number for const ones (wasm_memory_data counts as const). A shared memory: any
 * number of threads for every function, whatever is said there. Different handles may be copied and
 * deleted on any thread at any time.
 *
 * Shared memories. A type that is shared makes one, in a store or by wasm_shared_memory_new. Tokens
 * (wasm_shared_memory_t) take it to other stores, threads and processes. Its base never moves. Reads,
 * writes, fills and copies may race with the guest and with each other: then some mixture of old and
 * new bytes is read or left, nothing worse, and a fence or an atomic operation is what orders them.
 * An aligned number of up to eight bytes does not tear.
 *
 * Mappings and protections. What touches a range that does not allow it (wasm_memory_protect, wasm_memory_map_file)
 * answers PROTECTED and does nothing. What touches a mapped file that has become too short answers IO.
 *
 * Callbacks run on the calling thread under no lock, several at once if several threads call, may
 * call back into the library, and must return: no exception, longjmp or thread exit through the
 * library's frames. A finalizer is called exactly once.
 *
 * Borrowing. While the bytes of a memory are lent to a callback (wasm_memory_with_data and
 * wasm_memory_with_data_mut, or the grow_to of a host-made memory), what may not use them answers
 * BORROWED. What only tells about the memory (size, type, base, view, stats) always works.
 *
 * Structures that start with size_t struct_size: set it to sizeof. Fields may be added at their ends.
 * What the library fills: fields that do not fit are not written. What it reads: fields past
 * struct_size have their default (no callback, no limit), fields that it does not know are ignored.
 *
 * The library never ends or unwinds into its host, prints nothing, and installs no signal handler
 * unless it is asked to (wasm_memory_trap_handlers_install).
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


/**
 * A file is mapped to be read; a write of the guest faults.
 */
#define WASM_MEMORY_MAP_READ_ONLY 1

/**
 * What is written stays in the memory.
 */
#define WASM_MEMORY_MAP_COPY_ON_WRITE 2

/**
 * What is written goes into the file.
 */
#define WASM_MEMORY_MAP_SHARED 3

#if !defined(WASM_H)
/**
 * The options of an engine that is to be made.
 */
typedef struct wasm_config_t wasm_config_t;
#endif

/**
 * The bytes of a passive data segment.
 */
typedef struct wasm_data_segment_t wasm_data_segment_t;

#if !defined(WASM_H)
/**
 * What memories are made under: policy and pool, shared by all stores and threads.
 */
typedef struct wasm_engine_t wasm_engine_t;
#endif

/**
 * A creation or growth under way.
 */
typedef struct wasm_memory_future_t wasm_memory_future_t;

/**
 * What memories start with, or go back to: bytes that never change. Any thread may use an image, and any number of
 * memories of any engine may be made from it.
 */
typedef struct wasm_memory_image_t wasm_memory_image_t;

#if !defined(WASM_H)
/**
 * A reference to a memory. Copies refer to the same memory, which lives until the last is deleted.
 */
typedef struct wasm_memory_t wasm_memory_t;
#endif

/**
 * The right and the duty to answer one question of an asynchronous limiter.
 */
typedef struct wasm_memory_ticket_t wasm_memory_ticket_t;

#if !defined(WASM_H)
/**
 * A memory type: limits, index type, page size, sharedness. Immutable.
 */
typedef struct wasm_memorytype_t wasm_memorytype_t;
#endif

/**
 * A token for a shared memory: a reference that belongs to no store. `wasm_memory_obtain` makes a handle of it.
 */
typedef struct wasm_shared_memory_t wasm_shared_memory_t;

#if !defined(WASM_H)
/**
 * What memories are made in: the owner of limits and user data. Handles of its memories, futures and
 * tickets keep it working after it was deleted.
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

/**
 * The bytes of one memory, which the host provides. Its callbacks run on the calling thread, under no
 * lock; `grow_to` on one thread at a time, the others on several at once.
 *
 * What the host promises: from `as_ptr` on, `byte_size` bytes are readable and writable until the next
 * `grow_to` or the finalizer; `as_ptr` is a multiple of the host's page size (`map_alignment_bytes` in the
 * stats) and stays, unless `memory_may_move` was set; bytes that are new to the guest are zero.
 */
typedef struct wasm_linear_memory_t {
    /**
     * Set to `sizeof(wasm_linear_memory_t)`.
     */
    size_t struct_size;
    /**
     * Passed to the callbacks.
     */
    void *env;
    /**
     * How many bytes are accessible now; under GUARDED exactly as many as were asked for. Required.
     */
    size_t (*byte_size)(void *env);
    /**
     * Whether there is a most that the memory can have, and which. May be NULL: there is none.
     */
    bool (*maximum_byte_size)(void *env, size_t *out);
    /**
     * Makes at least `new_size` bytes accessible (exactly so many under GUARDED), or answers why not and changes
     * nothing; `PENDING` and `ASYNC_REQUIRED` are no answers. While it runs the memory's bytes count as lent:
     * what reads or writes them answers `BORROWED`. Required.
     */
    wasm_memory_status_t (*grow_to)(void *env, size_t new_size);
    /**
     * Where the bytes are. Required.
     */
    uint8_t *(*as_ptr)(void *env);
    /**
     * The addresses that belong to the memory, guards included. Required under GUARDED, where what lies in
     * them past `byte_size` must fault; else it may be NULL: the bytes alone.
     */
    void (*wasm_accessible)(void *env, uint8_t **out_start, size_t *out_length);
    /**
     * Called once, when the memory is gone. May be NULL.
     */
    void (*finalizer)(void *env);
} wasm_linear_memory_t;

/**
 * Who makes the memories of an engine. Its callbacks run on the calling thread, several at once if several
 * threads call, under no lock.
 */
typedef struct wasm_memory_allocator_t {
    /**
     * Set to `sizeof(wasm_memory_allocator_t)`.
     */
    size_t struct_size;
    /**
     * Passed to the callbacks.
     */
    void *env;
    /**
     * Makes a memory of `minimum` zero bytes that can become `maximum` bytes large (`SIZE_MAX`: the type has no
     * maximum), or answers why not (never `PENDING` or `ASYNC_REQUIRED`). Under GUARDED the span of `reserved_bytes` and, behind them,
     * `guard_bytes` must be the memory's own, and what lies in it past the size must fault; else both are 0.
     * It fills `out`, which has 256 zeroed bytes, and sets its `struct_size`. `type` is valid during the
     * call. Required.
     */
    wasm_memory_status_t (*new_memory)(void *env,
                                       const struct wasm_memorytype_t *type,
                                       size_t minimum,
                                       size_t maximum,
                                       size_t reserved_bytes,
                                       size_t guard_bytes,
                                       struct wasm_linear_memory_t *out);
    /**
     * Called once, when the engine, its stores and the last of its memories are gone. May be NULL.
     */
    void (*finalizer)(void *env);
} wasm_memory_allocator_t;

/**
 * Static limits of a store. `UINT64_MAX` is none, and so is a field that `struct_size` does not reach.
 */
typedef struct wasm_memory_limits_t {
    /**
     * Set to `sizeof(wasm_memory_limits_t)`.
     */
    size_t struct_size;
    /**
     * The length in bytes that one memory may have.
     */
    uint64_t max_memory_bytes;
    /**
     * The bytes that all memories of the store may have together.
     */
    uint64_t max_total_bytes;
    /**
     * How many memories the store may have.
     */
    uint64_t max_memories;
} wasm_memory_limits_t;

/**
 * A limiter: decides at once on each creation and growth in a store. Its callbacks run on the calling
 * thread, several at once if several threads call, under no lock; they may use the store and the memory.
 */
typedef struct wasm_memory_limiter_t {
    /**
     * Set to `sizeof(wasm_memory_limiter_t)`.
     */
    size_t struct_size;
    /**
     * Passed to the callbacks.
     */
    void *env;
    /**
     * Decides: whether a memory of `current_bytes` (0: a new one) may have `desired_bytes`. `maximum_bytes`
     * is that of the type, `UINT64_MAX` if it has none. Required.
     */
    bool (*memory_growing)(void *env,
                           uint64_t current_bytes,
                           uint64_t desired_bytes,
                           uint64_t maximum_bytes);
    /**
     * Hears of each creation and growth that failed, for whatever reason, once. `message` is valid during
     * the call. May be NULL.
     */
    void (*memory_grow_failed)(void *env, wasm_memory_status_t status, const char *message);
    /**
     * Called once with `env` when the limiter is used no more. May be NULL.
     */
    void (*finalizer)(void *env);
} wasm_memory_limiter_t;

/**
 * A limiter that may decide later, from any thread, through a ticket. Otherwise as
 * `wasm_memory_limiter_t`.
 */
typedef struct wasm_memory_limiter_async_t {
    /**
     * Set to `sizeof(wasm_memory_limiter_async_t)`.
     */
    size_t struct_size;
    /**
     * Passed to the callbacks.
     */
    void *env;
    /**
     * Has the question decided: `wasm_memory_ticket_resolve` must be called with the ticket exactly once,
     * in here or later. The numbers are those of `wasm_memory_limiter_t`. Required.
     */
    void (*memory_growing)(void *env,
                           uint64_t current_bytes,
                           uint64_t desired_bytes,
                           uint64_t maximum_bytes,
                           struct wasm_memory_ticket_t *ticket);
    /**
     * Hears of each creation and growth that failed, for whatever reason, once, when that becomes known:
     * in the call that asks, polls or waits. (A limiter that has been replaced by then hears no more; the
     * store's new one does.) `message` is valid during the call. May be NULL.
     */
    void (*memory_grow_failed)(void *env, wasm_memory_status_t status, const char *message);
    /**
     * Called once with `env` when the limiter is used no more: when it was replaced or its store is gone,
     * and its last ticket is resolved. May be NULL.
     */
    void (*finalizer)(void *env);
} wasm_memory_limiter_async_t;

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
     * Where the memory starts. Never NULL; changes only if `wasm_memory_may_move`, or if a host-made
     * memory breaks its contract.
     */
    uint8_t *base;
    /**
     * The length in bytes: read it with acquire.
     */
    size_t byte_length;
} wasm_memory_view_t;

/**
 * Gets the bytes of a memory, valid until it returns.
 */
typedef void (*wasm_memory_data_callback_t)(void *env, uint8_t *data, size_t length);

/**
 * Bytes of an image: an active data segment. This structure is frozen.
 */
typedef struct wasm_memory_segment_t {
    /**
     * Where in the memory they start, in bytes.
     */
    uint64_t offset;
    /**
     * The bytes; NULL only with a `length` of 0.
     */
    const void *bytes;
    /**
     * How many there are.
     */
    size_t length;
} wasm_memory_segment_t;

/**
 * The options of a pool. 0, and a field that `struct_size` does not reach, is the default.
 */
typedef struct wasm_memory_pool_options_t {
    /**
     * Set to `sizeof(wasm_memory_pool_options_t)`.
     */
    size_t struct_size;
    /**
     * The most memories that are kept or live in the pool. Default: 1000.
     */
    uint64_t slots;
    /**
     * The largest memory that it serves, in bytes, rounded up to whole pages of the host. Default: 4 GiB.
     */
    uint64_t slot_bytes;
    /**
     * How many bytes of what a deleted memory wrote stay in physical memory, for the next one. Default: 1 MiB. The copy of
     * an image of at most 256 KiB stays besides, in a slot that remembers it.
     */
    uint64_t keep_resident_bytes;
    /**
     * How many deleted memories may wait to be cleaned together; 1 cleans each at once. Default: 16.
     */
    uint64_t decommit_batch;
    /**
     * Whether memories are made on demand that find no slot, or start larger than one. Default: false.
     */
    bool overflow;
} wasm_memory_pool_options_t;

/**
 * What a pool has and has done.
 */
typedef struct wasm_memory_pool_stats_t {
    /**
     * Set to `sizeof(wasm_memory_pool_stats_t)` before the call.
     */
    size_t struct_size;
    /**
     * Memories in slots.
     */
    uint64_t live;
    /**
     * Idle slots that have pages in physical memory, or wait to be cleaned.
     */
    uint64_t warm;
    /**
     * Idle slots without pages.
     */
    uint64_t cold;
    /**
     * Slots that were given up, ever, because they could not be shown to be clean.
     */
    uint64_t retired;
    /**
     * Memories that were made in an idle slot, or moved into one.
     */
    uint64_t hits;
    /**
     * Memories that needed something new when they were made or moved, on demand or as a slot.
     */
    uint64_t misses;
    /**
     * The address space of all slots, guards included, in bytes.
     */
    uint64_t reserved_bytes;
    /**
     * What idle slots have in physical memory, in bytes.
     */
    uint64_t resident_bytes;
} wasm_memory_pool_stats_t;

/**
 * What may be done with a range: `WASM_MEMORY_PROT_NONE`, `_READ` or `_READ_WRITE`.
 */
typedef int32_t wasm_memory_protection_t;

/**
 * A read-modify-write operation: one of the `WASM_MEMORY_RMW_` constants.
 */
typedef int32_t wasm_memory_rmw_op_t;

/**
 * How a wait went: one of the `WASM_MEMORY_WAIT_` constants, the numbers of the specification.
 */
typedef int32_t wasm_memory_wait_result_t;

/**
 * What an address is to the memories that live now.
 */
typedef int32_t wasm_memory_fault_kind_t;

/**
 * What an address is: see `wasm_memory_classify_fault`.
 */
typedef struct wasm_memory_fault_t {
    /**
     * Set to `sizeof(wasm_memory_fault_t)` before the call.
     */
    size_t struct_size;
    /**
     * One of the `WASM_MEMORY_FAULT_` constants.
     */
    wasm_memory_fault_kind_t kind;
    /**
     * The address from the base of the memory, in bytes; an address before the base wraps. 0 for FOREIGN.
     */
    uint64_t offset;
    /**
     * The length of the memory in bytes; 0 for FOREIGN.
     */
    uint64_t byte_length;
    /**
     * The memory's (`wasm_memory_view`), which tells which memory it is; NULL for FOREIGN. Not to be read after the memory
     * was deleted.
     */
    const struct wasm_memory_view_t *view;
} wasm_memory_fault_t;

/**
 * What ended a call: see `wasm_memory_catch_trap`.
 */
typedef struct wasm_memory_trap_t {
    /**
     * Set to `sizeof(wasm_memory_trap_t)` before the call.
     */
    size_t struct_size;
    /**
     * GUARD or PROTECTED; ACCESSIBLE for a mapped file that was cut short.
     */
    wasm_memory_fault_kind_t kind;
    /**
     * The address from the base of the memory, in bytes; an address before the base wraps.
     */
    uint64_t offset;
    /**
     * The length of the memory in bytes.
     */
    uint64_t byte_length;
    /**
     * The address that was touched. Processors of s390x tell its page alone: there it is the page's first, and so is `offset`'s.
     */
    uintptr_t address;
    /**
     * The memory's (`wasm_memory_view`), which tells which memory it is.
     */
    const struct wasm_memory_view_t *view;
} wasm_memory_trap_t;

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
     * How many threads wait on the memory, of all processes that have it.
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
    /**
     * What the ranges of `wasm_memory_dirty_ranges` are multiples of now: the host's page, or all of the memory where it is
     * not known what has changed.
     */
    uint64_t dirty_granule_bytes;
} wasm_memory_stats_t;

/**
 * What a store's memories have, and what has happened to them; sizes in bytes.
 *
 * A memory is the store's from the moment on when it is made in it or, if it is shared, obtained by it, until its last
 * handle and pending future in that store are gone. A shared memory counts with its whole length in each store that
 * has it, once for each `wasm_memory_obtain`, as it does for limits; what happened to it before does not count.
 */
typedef struct wasm_store_stats_t {
    /**
     * Set to `sizeof(wasm_store_stats_t)` before the call.
     */
    size_t struct_size;
    /**
     * How many memories there are.
     */
    uint64_t memories;
    /**
     * The sum of their lengths.
     */
    uint64_t byte_length;
    /**
     * The largest sum of their lengths at one time so far.
     */
    uint64_t peak_bytes;
    /**
     * How often they grew, the deleted ones included.
     */
    uint64_t grow_count;
    /**
     * How often their growth failed or was denied, the deleted ones included.
     */
    uint64_t grow_failures;
} wasm_store_stats_t;

/**
 * What an engine has; sizes in bytes. It is added up while memories come and go: what is there all the time counts once,
 * what comes or goes meanwhile counts once or not at all.
 */
typedef struct wasm_engine_stats_t {
    /**
     * Set to `sizeof(wasm_engine_stats_t)` before the call.
     */
    size_t struct_size;
    /**
     * How many stores there are: the deleted ones that a memory, a future or a ticket keeps included.
     */
    uint64_t stores;
    /**
     * How many memories there are, in stores or in none. A shared memory is one, however many stores have it.
     */
    uint64_t memories;
    /**
     * The sum of their lengths.
     */
    uint64_t byte_length;
    /**
     * The address space that the engine holds for memories: those that there are, and those that lie idle or unused in its
     * pool, with their guards. Where there are no mappings, the blocks of the heap. What an allocator of the host's
     * provides does not count here and below.
     */
    uint64_t reserved_bytes;
    /**
     * What is readable and writable of that now, whether it is in physical memory or not.
     */
    uint64_t committed_bytes;
    /**
     * How many mappings of the system's that is, where the system does not merge neighbours: one for a slab of a pool or
     * what is readable and writable as a whole; up to three for what has guards; and what the pages of images
     * divide. What `wasm_memory_map_file` and `wasm_memory_protect` divide does not count.
     */
    uint64_t mappings;
} wasm_engine_stats_t;

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

/**
 * Nothing: every access of the guest faults.
 */
#define WASM_MEMORY_PROT_NONE 0

/**
 * Reading; a write of the guest faults.
 */
#define WASM_MEMORY_PROT_READ 1

/**
 * Reading and writing.
 */
#define WASM_MEMORY_PROT_READ_WRITE 2

/**
 * The sum, modulo 2^N.
 */
#define WASM_MEMORY_RMW_ADD 0

/**
 * The old value less the operand, modulo 2^N.
 */
#define WASM_MEMORY_RMW_SUB 1

/**
 * Bitwise and.
 */
#define WASM_MEMORY_RMW_AND 2

/**
 * Bitwise or.
 */
#define WASM_MEMORY_RMW_OR 3

/**
 * Bitwise exclusive or.
 */
#define WASM_MEMORY_RMW_XOR 4

/**
 * The operand: an exchange.
 */
#define WASM_MEMORY_RMW_XCHG 5

/**
 * A notify woke the thread, and counted it.
 */
#define WASM_MEMORY_WAIT_OK 0

/**
 * The value was not the expected one; the thread did not wait.
 */
#define WASM_MEMORY_WAIT_MISMATCH 1

/**
 * The time was over before a notify came.
 */
#define WASM_MEMORY_WAIT_TIMED_OUT 2

/**
 * Of no live memory.
 */
#define WASM_MEMORY_FAULT_FOREIGN 0

/**
 * In a memory, where nothing that the library knows of keeps an access away.
 */
#define WASM_MEMORY_FAULT_ACCESSIBLE 1

/**
 * In the range that `wasm_memory_accessible` tells of a memory, but not in the memory.
 */
#define WASM_MEMORY_FAULT_GUARD 2

/**
 * In a memory, in a range that `wasm_memory_protect` has protected or that a file is mapped in for reading only.
 */
#define WASM_MEMORY_FAULT_PROTECTED 3

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
 * reserve no more than their maximum. Shared memories, which never move, reserve no less than theirs, up to
 * 2 TiB or a sixteenth of the address space.
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
 * Sets whether the engine's shared memories can be given to other processes (`wasm_shared_memory_export`). Default:
 * false. Those of an engine that sets it lie in a file without a name from the start, and waits on them never spin.
 * On systems where this version cannot, no shared memory is made then. Other memories are not concerned.
 *
 * Parameters: `config`: NULL is ignored. `enable`: whether memories are to be exportable.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_exportable_set(struct wasm_config_t *config,
                                       bool enable);

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
 * Parameters: `minimum`, `maximum`: in pages. `maximum_present`: whether there is a maximum; it is
 * ignored otherwise. `is_64`: whether addresses have 64 bits. `shared`: whether several threads may use the memory at
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
 * Parameters: `type`: not consumed. `out`: the maximum in pages; 0 without one.
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

/**
 * Lets the host make all memories of the engine: from an arena of its own, from huge pages, over a file.
 *
 * Under `WASM_MEMORY_BOUNDS_GUARDED` the host is asked for the reservation and the guards that the engine's
 * options say; under AUTO and CHECKED it is not, and the memories are CHECKED. What the host makes is looked
 * at when it is made and each time it has grown, and is refused with `HOST_CONTRACT` when it cannot be
 * right. (A base that moved without leave is the memory's base from then on all the same, for the old place
 * may be gone; such a memory should be deleted.) Shared types are `UNSUPPORTED`. Erasing and discarding write zeros.
 *
 * Parameters: `config`: NULL is ignored, and the finalizer does not run. `allocator`: copied, in place of the
 * one set before; NULL: the library makes the memories again. One without `new_memory`, or with a
 * `struct_size` that does not reach it, makes `wasm_engine_new_with_config` return NULL
 * (`INVALID_ARGUMENT`), and its finalizer does not run.
 * Returns: nothing.
 * Ownership: `env` passes to the finalizer, which is called exactly once: when another allocator is set, when
 * the config is deleted or makes no engine, or when the engine, its stores and its memories are gone.
 * Threads: one at a time for one config.
 * Invalidates: the allocator before.
 */
WASM_MEMORY_API
void wasm_config_memory_allocator_set(struct wasm_config_t *config,
                                      const struct wasm_memory_allocator_t *allocator);

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
 * Deletes a reference to a store. Memories made in it live on, until their last handle is deleted, and
 * keep its data, limits and limiter working.
 *
 * Parameters: `store`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the store passes to the library. The finalizers of its data and its limiter run when the last
 * handle, future and ticket made in it are gone too.
 * Threads: any, as long as no other call uses this pointer.
 * Invalidates: the pointer.
 * Specification: wasm.h.
 */
WASM_MEMORY_API
void wasm_store_delete(struct wasm_store_t *store);
#endif

/**
 * The host's data of a store.
 *
 * Parameters: `store`: not consumed.
 * Returns: what `wasm_store_data_set` set last; NULL without, or for NULL (`NULL_ARGUMENT`).
 * Ownership: the host's.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API void *wasm_store_data(const struct wasm_store_t *store);

/**
 * Gives a store data of the host's, and what is to be called with it in the end. The finalizer of the data
 * that it replaces runs now.
 *
 * Parameters: `store`: not consumed; NULL does nothing (`NULL_ARGUMENT`), and the finalizer does not run.
 * `data`: anything. `finalizer`: called exactly once: when other data is set, or when the store and the last
 * handle, future and ticket made in it are gone; NULL for none.
 * Returns: nothing.
 * Ownership: the data passes to the finalizer.
 * Threads: any; a finalizer runs on the thread of the call that ends the data, under no lock.
 * Invalidates: the data before.
 */
WASM_MEMORY_API
void wasm_store_data_set(struct wasm_store_t *store,
                         void *data,
                         void (*finalizer)(void *data));

/**
 * Limits the memories of a store. They count those that it has already; what is there stays, even if it is
 * more. A growth that another thread has begun at this moment may not be asked about, but counts when it is
 * done.
 *
 * Parameters: `store`: not consumed. `limits`: copied; NULL: no limits any more.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself; the limits stay
 * as they were).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_store_limits_set(struct wasm_store_t *store,
                                           const struct wasm_memory_limits_t *limits);

/**
 * Gives a store a limiter that decides at once, in place of the one that it has, of either kind.
 *
 * Who has a say on a creation or growth, in this order: the type of the memory (`MAXIMUM_EXCEEDED`); the
 * limits of the store (`LIMIT_DENIED`); its limiter (`LIMIT_DENIED`); the system (`OUT_OF_MEMORY`) or the host
 * that makes the memories. Creation is asked with 0 current bytes, growth by 0 asks nobody, and if the length
 * changed while the limiter was deciding, it is asked again.
 *
 * Parameters: `store`: not consumed. `limiter`: copied; NULL: no limiter any more, of either kind.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no `memory_growing`, or a `struct_size` that does not
 * reach it: nothing is copied, the finalizer does not run, and the limiter of before stays),
 * `OUT_OF_MEMORY` (the heap is exhausted; the finalizer has run, and the limiter of before stays).
 * Ownership: `env` passes to the finalizer, which is called exactly once: when another limiter is set or
 * the store is gone, and no call of this one is under way.
 * Threads: any.
 * Invalidates: the limiter before.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_store_limiter_set(struct wasm_store_t *store,
                                            const struct wasm_memory_limiter_t *limiter);

/**
 * Gives a store a limiter that may decide later, in place of the one that it has, of either kind. Memories
 * are then made and grown by `wasm_memory_new_async` and `wasm_memory_grow_async`; the synchronous forms
 * answer `ASYNC_REQUIRED` where the limiter would have to be asked.
 *
 * Parameters: `store`: not consumed. `limiter`: copied; NULL: no limiter any more, of either kind.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no `memory_growing`, or a `struct_size` that does not
 * reach it: nothing is copied, the finalizer does not run, and the limiter of before stays),
 * `OUT_OF_MEMORY` (the heap is exhausted; the finalizer has run, and the limiter of before stays).
 * Ownership: `env` passes to the finalizer, which is called exactly once: when another limiter is set or
 * the store is gone, and no call and no ticket of this one is left.
 * Threads: any.
 * Invalidates: the limiter before.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_store_limiter_async_set(struct wasm_store_t *store,
                                                  const struct wasm_memory_limiter_async_t *limiter);

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
 * Makes a memory of zeros with the minimum size of its type, or says why not. A shared type makes a shared memory;
 * `wasm_memory_share` gives it to other stores and threads.
 *
 * Parameters: `store`, `type`: not consumed; the type may be deleted after the call. `out`: the
 * memory, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `LIMIT_DENIED` (a limit of the store, or its limiter),
 * `ASYNC_REQUIRED` (the store has an asynchronous limiter), `OUT_OF_MEMORY` (errno is the system's; the
 * sentence names the likely limit and the option that helps), `UNSUPPORTED` (GUARDED on a host that
 * cannot guard; a shared type under an allocator, or where `memory_exportable` is set and this version cannot),
 * `IO` (a shared type, `memory_exportable`, and no descriptor is to be had), `HOST_CONTRACT` (the engine's allocator
 * made something that is no memory) or the status with which that allocator refused. A limiter that the
 * store has hears of every failure but `NULL_ARGUMENT`.
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
 * Returns: nothing. With an exhausted heap (`OUT_OF_MEMORY`) what was attached stays.
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
 * Returns: nothing. With an exhausted heap (`OUT_OF_MEMORY`) what was attached stays, and the new finalizer has run.
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
 * `out_previous_pages`: the size before, in pages, 0 on failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (the bytes are lent to a callback), `MAXIMUM_EXCEEDED`,
 * `LIMIT_DENIED` (a limit of the store, or its limiter), `ASYNC_REQUIRED` (the store has an asynchronous
 * limiter), `OUT_OF_MEMORY` (a reservation that is too small, or the system; errno is the system's, and
 * the sentence names the option that helps), `HOST_CONTRACT` (a host-made memory broke its contract) or
 * the status with which its host refused. They are looked for in this order, and growth by 0 looks for
 * none. On failure nothing has changed; but after `HOST_CONTRACT` the base is where the host says that it
 * is. A limiter that the store has hears of it.
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
 * Makes a memory as `wasm_memory_try_new` does, when an asynchronous limiter has allowed it.
 *
 * The limiter's `memory_growing` is called before this returns. Without an asynchronous limiter the
 * memory is made before this returns, and the future is ready.
 *
 * Parameters: `store`, `type`: not consumed; both may be deleted after the call.
 * Returns: the future; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`). Whatever else
 * fails is the future's outcome.
 * Ownership: the future is the caller's, until `wasm_memory_future_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: allocation of memories.
 */
WASM_MEMORY_API
struct wasm_memory_future_t *wasm_memory_new_async(struct wasm_store_t *store,
                                                   const struct wasm_memorytype_t *type);

/**
 * Grows a memory as `wasm_memory_try_grow` does, when an asynchronous limiter of the store in which the
 * handle was made has allowed it.
 *
 * The limiter's `memory_growing` is called before this returns. Without an asynchronous limiter, or for
 * 0 pages, the memory is grown before this returns, and the future is ready.
 *
 * Parameters: `memory`: not consumed; the handle may be deleted after the call, and a future that is pending
 * keeps the memory alive. `delta_pages`: in pages.
 * Returns: the future; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`). Whatever else
 * fails is the future's outcome.
 * Ownership: the future is the caller's, until `wasm_memory_future_delete`.
 * Threads: one at a time for one memory.
 * Invalidates: the base, if `wasm_memory_may_move`.
 * Specification: `memory.grow`.
 */
WASM_MEMORY_API
struct wasm_memory_future_t *wasm_memory_grow_async(struct wasm_memory_t *memory,
                                                    uint64_t delta_pages);

/**
 * Goes on with a creation or growth as far as that is possible without waiting. When the limiter has
 * allowed it, the memory is made or grown in this call.
 *
 * Parameters: `future`: not consumed.
 * Returns: `PENDING` as long as the limiter has not answered, and to a callback that was called from within a
 * poll or wait of the same future; else the outcome, again and again the same: `OK`, or any status of
 * `wasm_memory_try_new` or `wasm_memory_try_grow`. `NULL_ARGUMENT`.
 * Ownership: none passes.
 * Threads: one at a time for one future; for a growth, also for its memory.
 * Invalidates: for a growth, the base, if `wasm_memory_may_move`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_future_poll(struct wasm_memory_future_t *future);

/**
 * Waits for the outcome of a creation or growth, then answers like `wasm_memory_future_poll`.
 *
 * Parameters: `future`: not consumed. `timeout_ns`: how long to wait at most, in nanoseconds; 0: not at all;
 * negative: for ever.
 * Returns: what `wasm_memory_future_poll` returns; `PENDING` when the time is over, not before.
 * Ownership: none passes.
 * Threads: one at a time for one future; for a growth, also for its memory.
 * Invalidates: for a growth, the base, if `wasm_memory_may_move`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_future_wait(struct wasm_memory_future_t *future,
                                             int64_t timeout_ns);

/**
 * Takes the memory of a creation that succeeded.
 *
 * Parameters: `future`: not consumed.
 * Returns: the memory, once; NULL before the outcome is known (`PENDING`), when it was taken, for a growth or
 * NULL, and for a creation that failed (its reason is the last error then).
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: one at a time for one future.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
struct wasm_memory_t *wasm_memory_future_take_memory(struct wasm_memory_future_t *future);

/**
 * The size that a memory had before a growth that succeeded.
 *
 * Parameters: `future`: not consumed.
 * Returns: the size in pages; 0 for a creation, before the outcome is known, for a growth that failed, and
 * for NULL (`NULL_ARGUMENT`).
 * Ownership: none passes.
 * Threads: one at a time for one future.
 * Invalidates: nothing.
 * Specification: the result of `memory.grow`.
 */
WASM_MEMORY_API
uint64_t wasm_memory_future_previous_pages(const struct wasm_memory_future_t *future);

/**
 * Sets what is to be called when there is something to poll for: once for each answer of the limiter, on
 * the thread that resolves the ticket (inside a poll or wait, if the limiter is asked again there and
 * answers at once); or now, on this thread, when there is nothing to wait for.
 *
 * Parameters: `future`: not consumed; NULL does nothing (`NULL_ARGUMENT`). `callback`: takes the place of the
 * one set before; NULL: none. `env`: passed to it.
 * Returns: nothing.
 * Ownership: `env` stays the caller's. When this or `wasm_memory_future_delete` has returned, the callback
 * before is not running on another thread and will not run, so that its `env` may go. (Either waits for a
 * callback that is running on another thread; so a callback must not wait for the thread that uses the
 * future. Called from within such a callback, be it of this future or of another, neither waits.)
 * Threads: one at a time for one future.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_memory_future_on_ready(struct wasm_memory_future_t *future,
                                 void (*callback)(void *env),
                                 void *env);

/**
 * Deletes a future, and gives up what it stands for: a request that is not decided is dropped, a memory
 * that was not taken is deleted. Its ticket stays valid, and must be resolved all the same.
 *
 * Parameters: `future`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the future passes to the library.
 * Threads: any, as long as no other thread uses the future. A callback may delete the future that it is
 * called for, also from within its poll or wait. That ends there, with `PENDING`, if the limiter was being
 * asked again; else it has its outcome.
 * Invalidates: the future.
 */
WASM_MEMORY_API
void wasm_memory_future_delete(struct wasm_memory_future_t *future);

/**
 * Answers a question of an asynchronous limiter, and calls what `wasm_memory_future_on_ready` set. The
 * memory is made or grown later, by the thread that polls or waits.
 *
 * Parameters: `ticket`: to be resolved exactly once; NULL does nothing. Its future, store and engine may be
 * deleted already. `allow`: the answer.
 * Returns: nothing.
 * Ownership: the ticket passes to the library.
 * Threads: any.
 * Invalidates: the ticket.
 */
WASM_MEMORY_API
void wasm_memory_ticket_resolve(struct wasm_memory_ticket_t *ticket,
                                bool allow);

/**
 * Copies bytes of the memory into a buffer.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `buffer`: untouched on failure; NULL only
 * with length 0. `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
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
 * Loads an unsigned 8-bit integer. It needs no alignment and is little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
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
 * Sets a range of bytes to one value.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`, `length`: in bytes.
 * `value`: for each byte.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
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
 * Sets a range of bytes to zero. To give its pages back to the system as well, see `wasm_memory_discard`.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`, `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `memory.fill` with 0.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_zero(struct wasm_memory_t *memory,
                                      uint64_t offset,
                                      uint64_t length);

/**
 * Sets every byte of the memory to zero; the size stays. It costs time with the pages that were touched,
 * which go back to the system, and not with the size; where the memory lies on the heap, or is the host's,
 * zeros are written.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `PROTECTED`, `IO`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_erase(struct wasm_memory_t *memory);

/**
 * Makes a range of bytes read as zero, exactly that range, and gives the whole host pages in it back to the
 * system: `resident_bytes` in the stats falls. Where the system does not take them, and where the memory
 * lies on the heap or is the host's, zeros are written. The size stays.
 *
 * Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, of any
 * alignment.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: `memory.discard` of the memory-control proposal, to the byte.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_discard(struct wasm_memory_t *memory,
                                         uint64_t offset,
                                         uint64_t length);

/**
 * Copies a range of bytes to another place of the same memory, as if through a buffer: the ranges
 * may overlap.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `destination`, `source`,
 * `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
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
 * Copies a range of bytes to another place of the same memory that it does not overlap.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `destination`, `source`,
 * `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end),
 * `OVERLAP` (the ranges have a byte in common), `PROTECTED`, `IO`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_copy_within_nonoverlapping(struct wasm_memory_t *memory,
                                                            uint64_t destination,
                                                            uint64_t source,
                                                            uint64_t length);

/**
 * Copies a range of bytes from one memory to another, or the same, as if through a buffer. Index types and
 * page sizes may differ.
 *
 * Parameters: `destination_memory`: not consumed; nothing is written on failure. `destination`: in bytes.
 * `source_memory`: not consumed; may be the same memory. `source`, `length`: in bytes.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
 * the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time for the destination; for the source, any number that call const functions.
 * Invalidates: nothing.
 * Specification: `memory.copy` with two memories.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_copy_between(struct wasm_memory_t *destination_memory,
                                              uint64_t destination,
                                              const struct wasm_memory_t *source_memory,
                                              uint64_t source,
                                              uint64_t length);

/**
 * Makes a data segment.
 *
 * Parameters: `bytes`: copied; NULL only with length 0. `length`: in bytes.
 * Returns: the segment; NULL for NULL bytes (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the segment is the caller's, until `wasm_data_segment_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: allocation of data segments.
 */
WASM_MEMORY_API
struct wasm_data_segment_t *wasm_data_segment_new(const void *bytes,
                                                  size_t length);

/**
 * Makes a segment empty, for good: after this, `wasm_memory_init` can take no bytes from it. The bytes are
 * freed by `wasm_data_segment_delete`, so that this never waits for a copy on another thread.
 *
 * Parameters: `segment`: not consumed; NULL does nothing. A second time changes nothing.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: any. A copy that another thread has begun goes on.
 * Invalidates: nothing.
 * Specification: `data.drop`.
 */
WASM_MEMORY_API
void wasm_data_segment_drop(struct wasm_data_segment_t *segment);

/**
 * Deletes a data segment.
 *
 * Parameters: `segment`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the segment passes to the library.
 * Threads: any, as long as no other call uses the segment.
 * Invalidates: the segment.
 */
WASM_MEMORY_API void wasm_data_segment_delete(struct wasm_data_segment_t *segment);

/**
 * Copies bytes of a data segment into the memory. Both ranges are checked before anything is written.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `destination`: in bytes. `segment`: not
 * consumed; a dropped one has no bytes. `source`, `length`: in bytes of the segment.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (of the memory or of the segment; also for no bytes at an
 * offset past the end of either), `PROTECTED`, `IO`.
 * Ownership: none passes.
 * Threads: one at a time for the memory, any for the segment.
 * Invalidates: nothing.
 * Specification: `memory.init`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_init(struct wasm_memory_t *memory,
                                      uint64_t destination,
                                      const struct wasm_data_segment_t *segment,
                                      uint32_t source,
                                      uint32_t length);

/**
 * Lends the bytes to a callback that reads them.
 *
 * Until it returns, everything that writes or grows the memory answers `BORROWED`; reading goes on, also by
 * another `wasm_memory_with_data`. Inline and generated code is not held back.
 *
 * Parameters: `memory`: not consumed; the callback may delete the handle, and the memory lives until it has
 * returned. `callback`: gets `env`, the base and the length in bytes, and must not write. `env`: passed to it.
 * Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory: other threads would not be held back), `BORROWED`
 * (inside `wasm_memory_with_data_mut`).
 * Ownership: the bytes stay the memory's.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_with_data(const struct wasm_memory_t *memory,
                                           wasm_memory_data_callback_t callback,
                                           void *env);

/**
 * Lends the bytes to a callback that may change them.
 *
 * Until it returns, everything that reads, writes or grows the memory answers `BORROWED`. Inline and
 * generated code is not held back.
 *
 * Parameters: `memory`: not consumed; the callback may delete the handle, and the memory lives until it has
 * returned. `callback`: gets `env`, the base and the length in bytes. `env`: passed to it.
 * Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory), `BORROWED` (inside another such call, or
 * `wasm_memory_with_data`).
 * Ownership: the bytes stay the memory's.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_with_data_mut(struct wasm_memory_t *memory,
                                               wasm_memory_data_callback_t callback,
                                               void *env);

/**
 * The bytes of a memory together with the data of its store: what a host function starts with.
 *
 * Parameters: `memory`: not consumed. `out_data`: the base, never NULL on success. `out_length`: the length in
 * bytes. `out_store_data`: what `wasm_store_data_set` gave to the store in which this handle was made, which
 * may have been deleted. Each may be NULL; on failure they are NULL and 0.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (the bytes are lent to a callback).
 * Ownership: the bytes stay the memory's, the data the host's.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_data_and_store(struct wasm_memory_t *memory,
                                                uint8_t **out_data,
                                                size_t *out_length,
                                                void **out_store_data);

/**
 * Writes a range of bytes as text: a title, then sixteen bytes to a line, in hexadecimal and ASCII.
 *
 * ```text
 * Memory dump from 0x0000 to 0x0013:
 * 0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|
 * 0010: 6c 79 21                                         |ly!|
 * ```
 *
 * Parameters: `memory`: not consumed. `offset`, `length`: in bytes. `buffer`: the text, cut to fit and ended by
 * a NUL; untouched on failure; NULL only with capacity 0. `capacity`: bytes of `buffer`, the NUL included.
 * `out_needed`: the length of the whole text in bytes without the NUL, 0 on failure; may be NULL.
 * Returns: `OK` (also when the text was cut), `NULL_ARGUMENT`, `BORROWED` (inside
 * `wasm_memory_with_data_mut`), `OUT_OF_BOUNDS`, `PROTECTED`, `IO` (see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_hexdump(const struct wasm_memory_t *memory,
                                         uint64_t offset,
                                         uint64_t length,
                                         char *buffer,
                                         size_t capacity,
                                         size_t *out_needed);

/**
 * Makes an image of data segments. They are put in in their order, later ones over earlier ones; between them is
 * zero. The image goes with memories of any size that it fits, and of any page size.
 *
 * Parameters: `segments`: copied; NULL only without any, which makes an image of zeros. `count`: how many. `out`: the
 * image, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (a segment ends past 2^64), `OUT_OF_MEMORY`.
 * Ownership: the image is the caller's, until `wasm_memory_image_delete`; the segments stay the caller's.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: active data segments.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_image_new(const struct wasm_memory_segment_t *segments,
                                           size_t count,
                                           struct wasm_memory_image_t **out);

/**
 * Makes an image of a memory as it is now, a snapshot: contents, size and page size. Mappings and protections are no
 * part of it; a file that is mapped is copied as it reads. It costs time and memory with the pages that
 * are not zero. Other threads may change a shared memory meanwhile; the image then has each byte as it was at some
 * moment.
 *
 * Parameters: `memory`: not consumed, of any kind. `out`: the image, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (its bytes are lent for writing), `PROTECTED` (a range allows no
 * access), `IO` (a file that is mapped has become too short), `OUT_OF_MEMORY`.
 * Ownership: the image is the caller's, until `wasm_memory_image_delete`.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_image_from_memory(const struct wasm_memory_t *memory,
                                                   struct wasm_memory_image_t **out);

/**
 * Writes an image to a file. The file appears under its name when it is whole, in the place of what was there; a call
 * that fails leaves that. Where more than a few pages of zeros follow one another, they take no room in it. docs/ABI.md says which versions of the library read it.
 *
 * Parameters: `image`: not consumed. `path`: in UTF-8.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (not UTF-8), `IO` (errno is the system's), `OUT_OF_MEMORY`.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_image_save(const struct wasm_memory_image_t *image,
                                            const char *path);

/**
 * Reads an image that `wasm_memory_image_save` wrote. What is not such a file, whole and undamaged, is refused.
 *
 * Parameters: `path`: in UTF-8. `out`: the image, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (not UTF-8), `IO` (there is no such file, it is no image, one of
 * another version, truncated or damaged: the sentence says which), `OUT_OF_MEMORY`.
 * Ownership: the image is the caller's, until `wasm_memory_image_delete`. The file is not kept.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_image_load(const char *path,
                                            struct wasm_memory_image_t **out);

/**
 * Deletes an image. Memories that were made from it keep what they have. Idle memories of an engine may remember the
 * image, and keep its bytes alive, until they are used otherwise or `wasm_engine_pool_trim` gives them up.
 *
 * Parameters: `image`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the image passes to the library.
 * Threads: any, as long as no other call uses this pointer.
 * Invalidates: the pointer.
 */
WASM_MEMORY_API
void wasm_memory_image_delete(struct wasm_memory_image_t *image);

/**
 * Makes a memory that starts with an image, which it sees alone. It has the minimum size of its type, or that of the
 * snapshot if the image is one and larger. Bytes outside of the image are zero.
 *
 * Parameters: `store`, `type`, `image`: not consumed; all may be deleted after the call. `out`: the memory, NULL on
 * failure.
 * Returns: what `wasm_memory_try_new` returns, and `OUT_OF_BOUNDS` (a segment, an empty one too, ends past the minimum of
 * the type), `INVALID_TYPE` (a snapshot of a memory with pages of another size), `MAXIMUM_EXCEEDED` (a snapshot
 * larger than the type allows).
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: instantiation: allocation of memories, then active data segments.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_new_from_image(struct wasm_store_t *store,
                                                const struct wasm_memorytype_t *type,
                                                const struct wasm_memory_image_t *image,
                                                struct wasm_memory_t **out);

/**
 * Brings a memory back to an image, or to zeros, in place: contents and size. The size becomes the minimum of the type, or
 * that of the snapshot if the image is one and larger. Mappings and protections are undone. It costs time with the
 * pages that were written, and not with the size; of those, as many stay in memory as the engine keeps for an idle one
 * (`wasm_config_memory_pool_set`; 1 MiB by default), and the others go back to the system. A host-made memory keeps
 * its size, unless the snapshot is larger.
 *
 * Parameters: `memory`: not consumed. `image_or_null`: not consumed; NULL for zeros.
 * Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory cannot be reset), `BORROWED`, `OUT_OF_BOUNDS` (a segment ends
 * past the minimum of the type), `INVALID_TYPE` (a snapshot with pages of another size), `MAXIMUM_EXCEEDED` (a
 * snapshot larger than the type allows), `OUT_OF_MEMORY`; and where it makes the memory larger than it is,
 * `LIMIT_DENIED` and `ASYNC_REQUIRED`, as for a growth. Nothing has changed then, but that mappings and protections
 * may have been undone where the system refuses memory (`OUT_OF_MEMORY`, errno is the system's).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: pointers past the new length; the base, where `wasm_memory_may_move` and the snapshot is larger than the
 * reservation.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_reset(struct wasm_memory_t *memory,
                                       const struct wasm_memory_image_t *image_or_null);

/**
 * Tells what has changed since the memory was made, or since the last `wasm_memory_dirty_clear`: by writes of the guest or
 * of the host, and by erase, discard, reset, mapping and growth.
 *
 * Ranges are told in ascending order, apart from each other, in whole pages of the host (`dirty_granule_bytes` of the
 * stats), the last one cut at the length of the memory. A page that was written but holds the bytes that it
 * held may be told or not. Where the system cannot tell which pages were written, the memory is compared with a copy
 * of what it was. While it is not known which pages have changed (in the child of a fork, and with a shared mapping of a
 * file in the memory), everything is told, and `dirty_granule_bytes` says so after the call.
 *
 * Parameters: `memory`: not consumed, of any kind. `range`: called for each range, with `offset` and `length` in bytes; it
 * may use the memory, and clear. `env`: passed to it.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (its bytes are lent for writing), `PROTECTED` (a range allows no
 * access), `IO` (a file that is mapped has become too short), `OUT_OF_MEMORY`. `range` is not called on failure.
 * Ownership: none passes.
 * Threads: any number that call const functions.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_dirty_ranges(const struct wasm_memory_t *memory,
                                              void (*range)(void *env,
                                                            uint64_t offset,
                                                            uint64_t length),
                                              void *env);

/**
 * From now on, `wasm_memory_dirty_ranges` tells what has changed since this call. The first call costs a mapping of the
 * process, or where the system cannot watch for writes, a copy of the memory; the first write to each page costs more
 * after each.
 *
 * Parameters: `memory`: not consumed, of any kind.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_MEMORY`; and where a copy has to be made, `PROTECTED` (a range allows
 * no access) and `IO` (a file that is mapped has become too short). On failure, changes count from where they did.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_dirty_clear(struct wasm_memory_t *memory);

/**
 * Makes the engine take its memories from a pool. Default: none; the engine then keeps a few deleted memories for the
 * next ones, and nothing limits how many there are.
 *
 * A memory whose minimum (or snapshot) fits `slot_bytes` takes a slot and grows within it; past that, growth is
 * `OUT_OF_MEMORY`. Larger memories, and those that find no slot, are made on demand with `overflow`, and
 * are `OUT_OF_MEMORY` without. Shared memories take slots too, but not those that can be exported; nor do memories that
 * an allocator of the host's makes. Address space is taken slot by slot as it is needed, and memory as it is written.
 * Where a limit on the process leaves no room for a slot, AUTO and CHECKED make memories without one, as they do without
 * a pool, and so do all on systems without mappings: neither `slots` nor `slot_bytes` limits those.
 *
 * Parameters: `config`: NULL is ignored. `options`: copied; NULL for no pool. A value that no host could honour makes
 * `wasm_engine_new_with_config` fail with a sentence that names it: a `struct_size` too small for itself, slots that
 * take more than the address space, a `decommit_batch` above 4096.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: one at a time for one config.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
void wasm_config_memory_pool_set(struct wasm_config_t *config,
                                 const struct wasm_memory_pool_options_t *options);

/**
 * Fills in what an engine's idle memories are, and how often they were of use. Works with and without a pool.
 *
 * Parameters: `engine`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are written whole,
 * all 0 on failure, and `struct_size` is left alone.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing is written).
 * Ownership: none passes.
 * Threads: any. While other threads make and delete memories, the figures need not be of one moment.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_engine_pool_stats(const struct wasm_engine_t *engine,
                                            struct wasm_memory_pool_stats_t *out);

/**
 * Gives back to the system what an engine's idle memories have, pages and address space, and the images that they
 * remember. (Small checked memories share slabs: the address space of one goes when none of its memories is live.) Live
 * memories are not concerned. Memories made afterwards need something new.
 *
 * Parameters: `engine`: not consumed.
 * Returns: `OK`, `NULL_ARGUMENT`.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_engine_pool_trim(struct wasm_engine_t *engine);

/**
 * Maps a file into a range of a memory, in the place of what is there: bytes, other mappings, protections.
 *
 * The mapping stays when the memory grows, and goes with `wasm_memory_unmap`, `wasm_memory_reset`, another mapping or the
 * memory. While there is one, the memory does not move. Discard and erase write zeros into it
 * (`WASM_MEMORY_MAP_SHARED`: into the file) and keep it. Reads, writes, fills and copies through this interface are
 * done by the kernel there: should the file become shorter than its mapping, they answer `IO`, and atomic accesses are
 * preceded by a look. (Should that happen, or the kernel refuse, in the middle of a call, some of the bytes have been written.)
 * The guest, and the host through pointers, is then ended by a signal, as with any
 * mapping of a file.
 *
 * Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `file_offset`, `length`: in bytes, multiples of
 * `map_alignment_bytes` (stats). `fd`: a regular file, open for reading, and for `WASM_MEMORY_MAP_SHARED` for writing.
 * `flags`: one of `WASM_MEMORY_MAP_READ_ONLY`, `WASM_MEMORY_MAP_COPY_ON_WRITE`, `WASM_MEMORY_MAP_SHARED`.
 * Returns: `OK` (for no bytes too, which changes nothing), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (flags), `SHARED` (not in
 * shared memories), `UNSUPPORTED` (host-made memories; those on the heap, where the process had no address space left;
 * systems on which this version cannot), `BORROWED`, `UNALIGNED`, `OUT_OF_BOUNDS`, `IO` (the descriptor is closed, not of a
 * regular file of ordinary pages or not open for this; the file ends before `file_offset + length`, its last page filled
 * up; the file system refuses), `OUT_OF_MEMORY`.
 * Ownership: the descriptor stays the caller's and may be closed after the call.
 * Threads: one at a time.
 * Invalidates: the contents of the range.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_map_file(struct wasm_memory_t *memory,
                                          uint64_t offset,
                                          intptr_t fd,
                                          uint64_t file_offset,
                                          uint64_t length,
                                          uint32_t flags);

/**
 * Makes a range zeros that can be read and written, whatever was there: bytes, a file, a protection.
 *
 * Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, multiples of
 * `map_alignment_bytes` (stats).
 * Returns: `OK`, `NULL_ARGUMENT`, `SHARED`, `UNSUPPORTED` (host-made memories; those on the heap), `BORROWED`,
 * `UNALIGNED`, `OUT_OF_BOUNDS`, `OUT_OF_MEMORY`.
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: the contents of the range.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_unmap(struct wasm_memory_t *memory,
                                       uint64_t offset,
                                       uint64_t length);

/**
 * Sets what may be done with a range, by the guest and through this interface, whose functions answer `PROTECTED` where
 * the guest would fault. The bytes stay. Protections stay when the memory grows, and go with another protection,
 * `wasm_memory_unmap`, `wasm_memory_map_file` or `wasm_memory_reset`. While there is one, the memory does not move.
 *
 * Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, multiples of
 * `map_alignment_bytes` (stats). `protection`: a constant.
 * Returns: `OK` (for no bytes too), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (protection), `SHARED`, `UNSUPPORTED` (host-made
 * memories; those on the heap), `BORROWED`, `UNALIGNED`, `OUT_OF_BOUNDS`, `PROTECTED` (a file is mapped there for
 * reading only, which cannot become writable), `OUT_OF_MEMORY` (each range takes mappings of the process; should the
 * system have done half of it and refuse to undo that, what the old or the new protection forbids stays forbidden).
 * Ownership: none passes.
 * Threads: one at a time.
 * Invalidates: nothing.
 * Specification: the memory control proposal, `memory.protect`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_protect(struct wasm_memory_t *memory,
                                         uint64_t offset,
                                         uint64_t length,
                                         wasm_memory_protection_t protection);

/**
 * Makes a shared memory of zeros with the minimum size of its type, in no store yet. Nobody is asked: no limits
 * and no limiter.
 *
 * Parameters: `engine`, `type`: not consumed; both may be deleted after the call. `out`: the token, NULL
 * on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (the type is not shared), `OUT_OF_MEMORY` (errno is the
 * system's; the sentence names the likely limit and the option that helps), `UNSUPPORTED` (an engine whose
 * memories the host makes; GUARDED on a host that cannot guard; `memory_exportable` on a system where this
 * version cannot), `IO` (`memory_exportable`, and the system refuses a descriptor; errno says why).
 * Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: allocation of memories; the threads proposal.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_shared_memory_new(struct wasm_engine_t *engine,
                                            const struct wasm_memorytype_t *type,
                                            struct wasm_shared_memory_t **out);

/**
 * Makes another token for the same memory.
 *
 * Parameters: `shared`: not consumed.
 * Returns: the token, which may be the same pointer and must be deleted all the same; NULL for NULL
 * (`NULL_ARGUMENT`).
 * Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
struct wasm_shared_memory_t *wasm_shared_memory_clone(const struct wasm_shared_memory_t *shared);

/**
 * Deletes a token. With the last token and handle the memory goes.
 *
 * Parameters: `shared`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the token passes to the library.
 * Threads: any, as long as no other call uses this token.
 * Invalidates: the token; with the last reference to the memory, the base, the view and every pointer into it.
 */
WASM_MEMORY_API
void wasm_shared_memory_delete(struct wasm_shared_memory_t *shared);

/**
 * The type of the memory as it is now: the declared one with the current size as minimum.
 *
 * Parameters: `shared`: not consumed.
 * Returns: a type; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
 * Ownership: the type is the caller's, until `wasm_memorytype_delete`.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
struct wasm_memorytype_t *wasm_shared_memory_type(const struct wasm_shared_memory_t *shared);

/**
 * A token for the memory behind a handle, if it is shared.
 *
 * Parameters: `memory`: not consumed.
 * Returns: the token; NULL for NULL (`NULL_ARGUMENT`) or a memory that is not shared (`NOT_SHARED`).
 * Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
struct wasm_shared_memory_t *wasm_memory_share(const struct wasm_memory_t *memory);

/**
 * A handle of a shared memory in a store, whose limits and limiter decide on growth through this handle.
 *
 * Limits and limiter are asked as for a new memory with the bytes that this one has now. Each handle
 * obtained counts as one memory with those bytes, until it and its copies are deleted; growth through
 * other stores is added when this one grows it.
 *
 * Parameters: `store`, `shared`: not consumed; the store may be one of another engine.
 * Returns: the handle; NULL for NULL (`NULL_ARGUMENT`), when a limit of the store or its limiter refuses
 * (`LIMIT_DENIED`), when the limiter is asynchronous (`ASYNC_REQUIRED`), or when the heap is exhausted
 * (`OUT_OF_MEMORY`). A limiter that the store has hears of every failure but the first.
 * Ownership: the handle is the caller's, until `wasm_memory_delete`.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
struct wasm_memory_t *wasm_memory_obtain(struct wasm_store_t *store,
                                         const struct wasm_shared_memory_t *shared);

/**
 * Makes a descriptor from which other processes can import the memory, for example one that is inherited or sent
 * through a socket. They see the same bytes, its growth, and each other's waits and notifies.
 *
 * Processes that share a memory in this way trust each other. The memory lives as long as any process has
 * it, or a descriptor. One that is killed leaves the others sound, unless that happens while it changes
 * the queue of waiters (a matter of nanoseconds): then a thread that it was about to wake may wait until
 * the queue is used again.
 *
 * Parameters: `shared`: not consumed; made by an engine with `wasm_config_memory_exportable_set`, or
 * imported. `out_fd`: a descriptor that is closed on exec (on Windows, a HANDLE); 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNSUPPORTED` (another memory, or a system where this version cannot),
 * `IO` (the system has no descriptor left; errno says so).
 * Ownership: the descriptor is the caller's, to be closed.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_shared_memory_export(const struct wasm_shared_memory_t *shared,
                                               intptr_t *out_fd);

/**
 * Makes a shared memory of a descriptor that `wasm_shared_memory_export` made, in this process or another.
 *
 * Growth by another process is seen at the next call that asks for the size, grows, or would fail its
 * bounds check; until then the length here, in the view too, is the smaller one of before. Two imports in
 * one process are two memories over the same bytes.
 *
 * Parameters: `engine`: not consumed; its options decide on bounds and reservation, and it need not have
 * `memory_exportable`. `type`: not consumed; what the memory is wanted as. `fd`: a descriptor. `out`: the
 * token, NULL on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (a type that is not shared; one that the memory does not
 * match as an import: the same index type and page size, at least the minimum in size, at most the
 * maximum), `UNSUPPORTED` (as `wasm_shared_memory_new`), `IO` (no descriptor: errno is EBADF; one of
 * something else, or of another version; one that is damaged), `OUT_OF_MEMORY`. Nothing is mapped then.
 * Ownership: the token is the caller's, until `wasm_shared_memory_delete`; the descriptor stays the
 * caller's and is not needed any more.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: import matching.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_shared_memory_import(struct wasm_engine_t *engine,
                                               const struct wasm_memorytype_t *type,
                                               intptr_t fd,
                                               struct wasm_shared_memory_t **out);

/**
 * Loads an 8-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: any number that call const functions; any at all on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.load8_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_load8(const struct wasm_memory_t *memory,
                                              uint64_t offset,
                                              uint8_t *out);

/**
 * Stores an 8-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`: the
 * number.
 * Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.store8`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_store8(struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint8_t value);

/**
 * Replaces an 8-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
 * constants. `offset`: in bytes. `operand`: the other number. `out_old`: the number before, 0 on
 * failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`,
 * looked for in this order.
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw8.*_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_rmw8(struct wasm_memory_t *memory,
                                             wasm_memory_rmw_op_t op,
                                             uint64_t offset,
                                             uint8_t operand,
                                             uint8_t *out_old);

/**
 * Replaces an 8-bit integer if it is the expected one, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `expected`: what
 * is to be replaced. `replacement`: by what. `out_old`: the number before, which tells whether it was
 * replaced; 0 on failure; may be NULL.
 * Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw8.cmpxchg_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_cmpxchg8(struct wasm_memory_t *memory,
                                                 uint64_t offset,
                                                 uint8_t expected,
                                                 uint8_t replacement,
                                                 uint8_t *out_old);

/**
 * Loads a 16-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 2. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: any number that call const functions; any at all on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.load16_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_load16(const struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint16_t *out);

/**
 * Stores a 16-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 2.
 * `value`: the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.store16`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_store16(struct wasm_memory_t *memory,
                                                uint64_t offset,
                                                uint16_t value);

/**
 * Replaces a 16-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
 * constants. `offset`: in bytes, a multiple of 2. `operand`: the other number. `out_old`: the number
 * before, 0 on failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
 * `PROTECTED`, `IO`, looked for in this order.
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw16.*_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_rmw16(struct wasm_memory_t *memory,
                                              wasm_memory_rmw_op_t op,
                                              uint64_t offset,
                                              uint16_t operand,
                                              uint16_t *out_old);

/**
 * Replaces a 16-bit integer if it is the expected one, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 2.
 * `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
 * whether it was replaced; 0 on failure; may be NULL.
 * Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
 * `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw16.cmpxchg_u`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_cmpxchg16(struct wasm_memory_t *memory,
                                                  uint64_t offset,
                                                  uint16_t expected,
                                                  uint16_t replacement,
                                                  uint16_t *out_old);

/**
 * Loads a 32-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 4. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: any number that call const functions; any at all on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_load32(const struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint32_t *out);

/**
 * Stores a 32-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 4.
 * `value`: the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_store32(struct wasm_memory_t *memory,
                                                uint64_t offset,
                                                uint32_t value);

/**
 * Replaces a 32-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
 * constants. `offset`: in bytes, a multiple of 4. `operand`: the other number. `out_old`: the number
 * before, 0 on failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
 * `PROTECTED`, `IO`, looked for in this order.
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw.*`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_rmw32(struct wasm_memory_t *memory,
                                              wasm_memory_rmw_op_t op,
                                              uint64_t offset,
                                              uint32_t operand,
                                              uint32_t *out_old);

/**
 * Replaces a 32-bit integer if it is the expected one, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 4.
 * `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
 * whether it was replaced; 0 on failure; may be NULL.
 * Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
 * `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i32.atomic.rmw.cmpxchg`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_cmpxchg32(struct wasm_memory_t *memory,
                                                  uint64_t offset,
                                                  uint32_t expected,
                                                  uint32_t replacement,
                                                  uint32_t *out_old);

/**
 * Loads a 64-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 8. `out`: the number, 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: any number that call const functions; any at all on a shared memory.
 * Invalidates: nothing.
 * Specification: `i64.atomic.load`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_load64(const struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint64_t *out);

/**
 * Stores a 64-bit integer atomically; sequentially consistent, little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 8.
 * `value`: the number.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
 * for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i64.atomic.store`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_store64(struct wasm_memory_t *memory,
                                                uint64_t offset,
                                                uint64_t value);

/**
 * Replaces a 64-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
 * constants. `offset`: in bytes, a multiple of 8. `operand`: the other number. `out_old`: the number
 * before, 0 on failure; may be NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
 * `PROTECTED`, `IO`, looked for in this order.
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i64.atomic.rmw.*`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_rmw64(struct wasm_memory_t *memory,
                                              wasm_memory_rmw_op_t op,
                                              uint64_t offset,
                                              uint64_t operand,
                                              uint64_t *out_old);

/**
 * Replaces a 64-bit integer if it is the expected one, as one atomic step; sequentially consistent,
 * little-endian in memory.
 *
 * Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 8.
 * `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
 * whether it was replaced; 0 on failure; may be NULL.
 * Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
 * `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
 * Ownership: none passes.
 * Threads: one at a time; any number on a shared memory.
 * Invalidates: nothing.
 * Specification: `i64.atomic.rmw.cmpxchg`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_cmpxchg64(struct wasm_memory_t *memory,
                                                  uint64_t offset,
                                                  uint64_t expected,
                                                  uint64_t replacement,
                                                  uint64_t *out_old);

/**
 * Orders what the calling thread does to memories before with what it does after, for all threads:
 * sequentially consistent.
 *
 * Parameters: none.
 * Returns: nothing.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: `atomic.fence`.
 */
WASM_MEMORY_API void wasm_memory_atomic_fence(void);

/**
 * If the 32-bit integer at an offset is the expected one, waits until a notify wakes the thread. Comparing and
 * starting to wait are one step for every notify. It wakes for no other reason than those named here.
 *
 * Parameters: `memory`: not consumed; the handle may be deleted while the thread waits. `offset`: in
 * bytes, a multiple of 4; waits of both widths on an offset share one queue, first come first served.
 * `expected`: the number. `timeout_ns`: the longest wait, in nanoseconds of a clock that never jumps,
 * never cut short; negative: for ever; 0: not at all. `out`: `WASM_MEMORY_WAIT_OK` (a notify counted the
 * thread), `_MISMATCH` (another number was there), `_TIMED_OUT`; 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `NOT_SHARED`, `OUT_OF_BOUNDS`, `CLOSED` (by
 * `wasm_memory_close_waiters`, before or while it waited), `INTERRUPTED` (by
 * `wasm_memory_interrupt_waiters`), `TOO_MANY_WAITERS` (2^32 - 1 threads, or 32768 of all processes on an
 * exported memory). The first five are looked for in this order, before the comparison.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: `memory.atomic.wait32`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_wait32(struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint32_t expected,
                                               int64_t timeout_ns,
                                               wasm_memory_wait_result_t *out);

/**
 * If the 64-bit integer at an offset is the expected one, waits until a notify wakes the thread. Comparing and
 * starting to wait are one step for every notify. It wakes for no other reason than those named here.
 *
 * Parameters: `memory`: not consumed; the handle may be deleted while the thread waits. `offset`: in
 * bytes, a multiple of 8; waits of both widths on an offset share one queue, first come first served.
 * `expected`: the number. `timeout_ns`: the longest wait, in nanoseconds of a clock that never jumps,
 * never cut short; negative: for ever; 0: not at all. `out`: `WASM_MEMORY_WAIT_OK` (a notify counted the
 * thread), `_MISMATCH` (another number was there), `_TIMED_OUT`; 0 on failure.
 * Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `NOT_SHARED`, `OUT_OF_BOUNDS`, `CLOSED` (by
 * `wasm_memory_close_waiters`, before or while it waited), `INTERRUPTED` (by
 * `wasm_memory_interrupt_waiters`), `TOO_MANY_WAITERS` (2^32 - 1 threads, or 32768 of all processes on an
 * exported memory). The first five are looked for in this order, before the comparison.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 * Specification: `memory.atomic.wait64`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_wait64(struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint64_t expected,
                                               int64_t timeout_ns,
                                               wasm_memory_wait_result_t *out);

/**
 * Wakes the threads that have waited on an offset the longest, of either width. Each of them returns
 * `WASM_MEMORY_WAIT_OK`, even if its time is over at this moment, and no other does.
 *
 * Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 4. `count`: how many to wake at most;
 * 0xffffffff: all. `out_woken`: how many were woken, 0 on failure; may be NULL.
 * Returns: `OK` (also for a memory that is not shared, on which nobody waits), `NULL_ARGUMENT`, `UNALIGNED`,
 * `OUT_OF_BOUNDS`, looked for in this order.
 * Ownership: none passes.
 * Threads: any on a shared memory; one at a time on others.
 * Invalidates: nothing.
 * Specification: `memory.atomic.notify`.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_atomic_notify(struct wasm_memory_t *memory,
                                               uint64_t offset,
                                               uint32_t count,
                                               uint32_t *out_woken);

/**
 * Ends every wait on the memory, at whatever offset and through whichever handle: each returns `INTERRUPTED`.
 * Later waits are not affected. For hosts that must have a thread back: to stop it, or to let it do something
 * else before it waits again.
 *
 * Parameters: `memory`: not consumed. `out_interrupted`: how many waits were ended, 0 on failure; may be
 * NULL.
 * Returns: `OK`, `NULL_ARGUMENT`, `NOT_SHARED`.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_interrupt_waiters(struct wasm_memory_t *memory,
                                                   uint32_t *out_interrupted);

/**
 * Ends every wait on the memory, and lets nobody wait on it any more: each of these waits returns `CLOSED`.
 * For hosts that shut down. A second time changes nothing.
 *
 * Parameters: `memory`: not consumed. All its handles and tokens are affected, in other processes too.
 * Returns: `OK`, `NULL_ARGUMENT`, `NOT_SHARED`.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_close_waiters(struct wasm_memory_t *memory);

/**
 * What an address is to the memories that live now, for a handler of faults that asks whether a fault is a guest's trap.
 *
 * It is async-signal-safe: it takes no lock, waits for nobody, allocates nothing and leaves `errno` alone, whatever it has
 * interrupted. All memories are known: guarded, checked, on the heap, shared, imported, made by the host. A memory that
 * another thread makes or deletes at the moment is or is not there. Where a host says that several of its memories have
 * the same bytes, any of them is told.
 *
 * Parameters: `address`: any, for example `si_addr`; it is not read. `out`: the caller sets its `struct_size`; the fields that
 * fit are written whole, `struct_size` is left alone.
 * Returns: `OK` (also for an address of no memory, which is FOREIGN), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a
 * `struct_size` below that of itself: nothing is written).
 * Ownership: none passes; `view` belongs to the memory.
 * Threads: any, also in signal handlers.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_classify_fault(const void *address,
                                                struct wasm_memory_fault_t *out);

/**
 * Installs handlers of faults for the process (SIGSEGV and SIGBUS; on Windows, a vectored exception handler), which
 * `wasm_memory_catch_trap` needs. Nothing else in this library installs any.
 *
 * They are installed once: further calls count. Each fault that is not a trap goes to what was there before, with its
 * mask and its flags, be that a handler or the default; but a handler without SA_ONSTACK runs on the alternate stack, as ours
 * does. A handler that is set later gets the faults first, and should
 * hand on what is not its own to the one that it has replaced. A further call does not put ours on top again; uninstalling as
 * often and installing anew does.
 *
 * Parameters: none.
 * Returns: `OK`, `UNSUPPORTED` (this build knows no way to on this system), `OUT_OF_MEMORY` (the system refused, with
 * `errno`; EAGAIN if the last uninstall has left ours below another's handler eight times).
 * Ownership: each call is to be undone by one of `wasm_memory_trap_handlers_uninstall`.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_trap_handlers_install(void);

/**
 * Undoes one `wasm_memory_trap_handlers_install`. The last one brings back what was there before.
 *
 * Where another handler was set above ours meanwhile, that one stays. Ours is then below it for good, and hands
 * everything on to what was there before: so the library must not be unloaded (its shared
 * form never is; a static one in a plugin is, and must stay, too, as long as threads live that have caught traps).
 *
 * Parameters: none.
 * Returns: `OK`, `INVALID_ARGUMENT` (nothing is installed).
 * Ownership: see `wasm_memory_trap_handlers_install`.
 * Threads: any.
 * Invalidates: with the last one, the catching by `wasm_memory_catch_trap` that is going on: faults there go to the host.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_trap_handlers_uninstall(void);

/**
 * Calls `body(env)`, and ends it when it touches what belongs to a memory and may not be touched: a guard, a protected range,
 * what lies behind the end of a mapped file. All other faults go to whoever handled them before.
 *
 * The body is left by `longjmp`. So neither it nor what it calls may hold what has to be released: no lock, no C++ object with a
 * destructor, no frame of Go or Rust. It must return on the thread and stack that it was called on, and not be left in
 * another way. The body may call this library, and this function; what functions of the library touch or call back
 * is not ended: a callback that is to be needs a `wasm_memory_catch_trap` of its own. (Only the functions for single
 * numbers, which hold nothing, end the body when the pointer for their result leads into a guard.) A signal handler that interrupts the body
 * must not touch guards. When the body is ended, what it has done to the signal mask stays, rounding modes are the caller's
 * again, and what it has stored last in ordinary variables may be there or not: what must be known afterwards is `volatile`.
 *
 * A thread without an alternate signal stack gets one with its first call, for as long as it lives.
 *
 * Parameters: `body`: what is called, on this thread. `env`: passed to it. `out_or_null`: may be NULL; otherwise the caller sets its
 * `struct_size`, and the fields that fit are written whole, all 0 unless something was touched.
 * Returns: `OK` (the body has returned), `OUT_OF_BOUNDS` (it touched a guard), `PROTECTED` (it touched a protected
 * range), `IO` (it touched a mapped file behind the end that the file has now), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size`
 * below that of itself), `UNSUPPORTED` (no handlers are installed), `OUT_OF_MEMORY` (the thread cannot get what it
 * needs). With the last four the body was not called.
 * Ownership: none passes.
 * Threads: any, several at once.
 * Invalidates: nothing.
 * Specification: the trap of an access out of bounds.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_memory_catch_trap(void (*body)(void *env),
                                            void *env,
                                            struct wasm_memory_trap_t *out_or_null);

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

/**
 * Fills in what a store's memories have and what has happened to them. For polling: it takes about a microsecond, however many
 * memories there are, and holds up nobody who makes, grows or deletes one for longer. After the growth of a shared memory, or if
 * other processes have one, it takes about ten nanoseconds more for each shared memory that the store has.
 *
 * Parameters: `store`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are
 * written whole, all 0 on failure, and `struct_size` is left alone.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
 * is written).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_store_stats(const struct wasm_store_t *store,
                                      struct wasm_store_stats_t *out);

/**
 * Fills in what an engine has. For polling: it takes time with the stores there are, a fraction of a microsecond for each, and
 * holds up nobody who makes or deletes anything.
 *
 * Parameters: `engine`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are
 * written whole, all 0 on failure, and `struct_size` is left alone.
 * Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
 * is written).
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
WASM_MEMORY_API
wasm_memory_status_t wasm_engine_stats(const struct wasm_engine_t *engine,
                                       struct wasm_engine_stats_t *out);

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WASM_MEMORY_H */
