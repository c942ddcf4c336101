/* What compiled programs have built in: the layout of the public structs on 64-bit hosts, and the numbers of constants.
 * A change here breaks them (docs/ABI.md). Compiling this file is the test. */
#include "wasm_memory.h"

#define PINNED(expression, value) _Static_assert((expression) == (value), #expression " is pinned to " #value)
#define FIELD(type, field, at, size)   \
    PINNED(offsetof(type, field), at); \
    PINNED(sizeof(((type *)0)->field), size)

/* wasm.h's part */
PINNED(sizeof(wasm_limits_t), 8);
FIELD(wasm_limits_t, min, 0, 4);
FIELD(wasm_limits_t, max, 4, 4);
PINNED(sizeof(wasm_memory_pages_t), 4);
PINNED(sizeof(byte_t), 1);

PINNED(sizeof(wasm_memory_status_t), 4);
PINNED(sizeof(wasm_memory_bounds_t), 4);
_Static_assert((wasm_memory_status_t)-1 < 0 && (wasm_memory_bounds_t)-1 < 0, "statuses and strategies are signed");

#if UINTPTR_MAX == UINT64_MAX
PINNED(sizeof(wasm_memorytype_vec_t), 16);
FIELD(wasm_memorytype_vec_t, size, 0, 8);
FIELD(wasm_memorytype_vec_t, data, 8, 8);

/* Generated code reads these two; fields may follow. */
_Static_assert(sizeof(wasm_memory_view_t) >= 16, "the view has its two fields");
FIELD(wasm_memory_view_t, base, 0, 8);
FIELD(wasm_memory_view_t, byte_length, 8, 8);

/* Fields may follow: the size only grows. */
_Static_assert(sizeof(wasm_memory_stats_t) >= 96, "the stats have the fields of 0.1");
FIELD(wasm_memory_stats_t, struct_size, 0, 8);
FIELD(wasm_memory_stats_t, byte_length, 8, 8);
FIELD(wasm_memory_stats_t, reserved_bytes, 16, 8);
FIELD(wasm_memory_stats_t, guard_bytes, 24, 8);
FIELD(wasm_memory_stats_t, committed_bytes, 32, 8);
FIELD(wasm_memory_stats_t, peak_bytes, 40, 8);
FIELD(wasm_memory_stats_t, grow_count, 48, 8);
FIELD(wasm_memory_stats_t, grow_failures, 56, 8);
FIELD(wasm_memory_stats_t, waiters, 64, 8);
FIELD(wasm_memory_stats_t, map_alignment_bytes, 72, 8);
FIELD(wasm_memory_stats_t, bounds, 80, 4);
FIELD(wasm_memory_stats_t, may_move, 84, 1);
FIELD(wasm_memory_stats_t, shared, 85, 1);
FIELD(wasm_memory_stats_t, resident_bytes, 88, 8);

_Static_assert(sizeof(wasm_store_stats_t) >= 48, "the stats of a store have their first fields");
FIELD(wasm_store_stats_t, struct_size, 0, 8);
FIELD(wasm_store_stats_t, memories, 8, 8);
FIELD(wasm_store_stats_t, byte_length, 16, 8);
FIELD(wasm_store_stats_t, peak_bytes, 24, 8);
FIELD(wasm_store_stats_t, grow_count, 32, 8);
FIELD(wasm_store_stats_t, grow_failures, 40, 8);

_Static_assert(sizeof(wasm_engine_stats_t) >= 56, "the stats of an engine have their first fields");
FIELD(wasm_engine_stats_t, struct_size, 0, 8);
FIELD(wasm_engine_stats_t, stores, 8, 8);
FIELD(wasm_engine_stats_t, memories, 16, 8);
FIELD(wasm_engine_stats_t, byte_length, 24, 8);
FIELD(wasm_engine_stats_t, reserved_bytes, 32, 8);
FIELD(wasm_engine_stats_t, committed_bytes, 40, 8);
FIELD(wasm_engine_stats_t, mappings, 48, 8);

_Static_assert(sizeof(wasm_memory_limits_t) >= 32, "the limits have the fields of 0.1");
FIELD(wasm_memory_limits_t, struct_size, 0, 8);
FIELD(wasm_memory_limits_t, max_memory_bytes, 8, 8);
FIELD(wasm_memory_limits_t, max_total_bytes, 16, 8);
FIELD(wasm_memory_limits_t, max_memories, 24, 8);

_Static_assert(sizeof(wasm_memory_limiter_t) >= 40, "the limiter has the fields of 0.1");
FIELD(wasm_memory_limiter_t, struct_size, 0, 8);
FIELD(wasm_memory_limiter_t, env, 8, 8);
FIELD(wasm_memory_limiter_t, memory_growing, 16, 8);
FIELD(wasm_memory_limiter_t, memory_grow_failed, 24, 8);
FIELD(wasm_memory_limiter_t, finalizer, 32, 8);

_Static_assert(sizeof(wasm_memory_limiter_async_t) >= 40, "the asynchronous limiter has the fields of 0.1");
FIELD(wasm_memory_limiter_async_t, struct_size, 0, 8);
FIELD(wasm_memory_limiter_async_t, env, 8, 8);
FIELD(wasm_memory_limiter_async_t, memory_growing, 16, 8);
FIELD(wasm_memory_limiter_async_t, memory_grow_failed, 24, 8);
FIELD(wasm_memory_limiter_async_t, finalizer, 32, 8);

_Static_assert(sizeof(wasm_linear_memory_t) >= 64, "a linear memory has the fields of 0.1");
_Static_assert(sizeof(wasm_linear_memory_t) <= 256, "a linear memory fits the room that new_memory gets");
FIELD(wasm_linear_memory_t, struct_size, 0, 8);
FIELD(wasm_linear_memory_t, env, 8, 8);
FIELD(wasm_linear_memory_t, byte_size, 16, 8);
FIELD(wasm_linear_memory_t, maximum_byte_size, 24, 8);
FIELD(wasm_linear_memory_t, grow_to, 32, 8);
FIELD(wasm_linear_memory_t, as_ptr, 40, 8);
FIELD(wasm_linear_memory_t, wasm_accessible, 48, 8);
FIELD(wasm_linear_memory_t, finalizer, 56, 8);

_Static_assert(sizeof(wasm_memory_allocator_t) >= 32, "the allocator has the fields of 0.1");
FIELD(wasm_memory_allocator_t, struct_size, 0, 8);
FIELD(wasm_memory_allocator_t, env, 8, 8);
FIELD(wasm_memory_allocator_t, new_memory, 16, 8);
FIELD(wasm_memory_allocator_t, finalizer, 24, 8);
#endif

PINNED(WASM_MEMORY_BOUNDS_AUTO, 0);
PINNED(WASM_MEMORY_BOUNDS_GUARDED, 1);
PINNED(WASM_MEMORY_BOUNDS_CHECKED, 2);

PINNED(WASM_MEMORY_OK, 0);
PINNED(WASM_MEMORY_NULL_ARGUMENT, 1);
PINNED(WASM_MEMORY_INVALID_ARGUMENT, 2);
PINNED(WASM_MEMORY_INVALID_TYPE, 3);
PINNED(WASM_MEMORY_OUT_OF_BOUNDS, 4);
PINNED(WASM_MEMORY_UNALIGNED, 5);
PINNED(WASM_MEMORY_NOT_SHARED, 6);
PINNED(WASM_MEMORY_SHARED, 7);
PINNED(WASM_MEMORY_MAXIMUM_EXCEEDED, 8);
PINNED(WASM_MEMORY_LIMIT_DENIED, 9);
PINNED(WASM_MEMORY_OUT_OF_MEMORY, 10);
PINNED(WASM_MEMORY_OVERLAP, 11);
PINNED(WASM_MEMORY_BORROWED, 12);
PINNED(WASM_MEMORY_ASYNC_REQUIRED, 13);
PINNED(WASM_MEMORY_PENDING, 14);
PINNED(WASM_MEMORY_INTERRUPTED, 15);
PINNED(WASM_MEMORY_CLOSED, 16);
PINNED(WASM_MEMORY_TOO_MANY_WAITERS, 17);
PINNED(WASM_MEMORY_PROTECTED, 18);
PINNED(WASM_MEMORY_UNSUPPORTED, 19);
PINNED(WASM_MEMORY_IO, 20);
PINNED(WASM_MEMORY_INTERNAL, 21);
PINNED(WASM_MEMORY_HOST_CONTRACT, 22);
