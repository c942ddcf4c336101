#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* --- outcomes ---------------------------------------------------------------------------------------------------- */

static _Thread_local uintptr_t cause_here;

uintptr_t wmgo_note_cause(uintptr_t cause) {
    uintptr_t before = cause_here;
    cause_here = cause;
    return before;
}

static char *sentence(void) {
    size_t length = wasm_memory_last_error(NULL, 0);
    char *message = malloc(length + 1);
    if (message != NULL) wasm_memory_last_error(message, length + 1);
    return message;
}

static wmgo_outcome outcome_of(wasm_memory_status_t status) {
    wmgo_outcome outcome = {0};
    int system = errno;
    outcome.status = status;
    outcome.cause = cause_here;
    cause_here = 0;
    if (status == WASM_MEMORY_OK) return outcome;
    if (status == WASM_MEMORY_OUT_OF_MEMORY || status == WASM_MEMORY_IO) outcome.system = system;
    outcome.message = sentence();
    return outcome;
}

/* errno says nothing about a call that did not set it, and a cause that is there still belongs to a call that had no
   outcome to put it in (a memory that was deleted, say). */
static void begin(void) {
    if (cause_here != 0) wmgoLetGo(cause_here);
    cause_here = 0;
    errno = 0;
}

#define CALL(call) (begin(), outcome_of(call))

/* Callbacks may call the library in turn, and those calls have outcomes of their own. What a callback notes is for the
   call that it was called by; the first of several it is. */
static uintptr_t set_aside(void) {
    uintptr_t cause = cause_here;
    cause_here = 0;
    return cause;
}

static void put_back(uintptr_t cause) {
    if (cause == 0) return;
    if (cause_here != 0) wmgoLetGo(cause_here);
    cause_here = cause;
}

/* A callback of the library's that calls Go. */
#define ASIDE(call)                                                                                                    \
    do {                                                                                                               \
        uintptr_t aside = set_aside();                                                                                 \
        call;                                                                                                          \
        put_back(aside);                                                                                               \
    } while (0)

static wmgo_pointer pointer_of(wmgo_outcome outcome, void *pointer) {
    wmgo_pointer result = {outcome, pointer};
    return result;
}

static wmgo_number number_of(wmgo_outcome outcome, uint64_t value) {
    wmgo_number result = {outcome, value};
    return result;
}

/* For functions that answer NULL: `why` is what the header says about that. */
static wmgo_pointer pointer_or(void *pointer, wasm_memory_status_t why) {
    return pointer_of(outcome_of(pointer != NULL ? WASM_MEMORY_OK : why), pointer);
}

#define POINTER(call, why) (begin(), pointer_or(call, why))

/* --- types ------------------------------------------------------------------------------------------------------- */

static wasm_memory_status_t make_type(wmgo_type type, wasm_memorytype_t **out) {
    return wasm_memorytype_try_new(type.minimum, type.maximum_present, type.maximum, type.is_64, type.shared,
                                   type.page_size_log2, out);
}

void wmgo_describe(const wasm_memorytype_t *type, wmgo_type *out) {
    out->minimum = wasm_memorytype_minimum(type);
    out->maximum_present = wasm_memorytype_maximum(type, &out->maximum);
    out->is_64 = wasm_memorytype_is64(type);
    out->shared = wasm_memorytype_isshared(type);
    out->page_size_log2 = wasm_memorytype_page_size_log2(type);
}

wmgo_outcome wmgo_type_check(wmgo_type type) {
    wasm_memorytype_t *made = NULL;
    wmgo_outcome outcome = CALL(make_type(type, &made));
    wasm_memorytype_delete(made);
    return outcome;
}

bool wmgo_type_matches(wmgo_type provided, wmgo_type required) {
    wasm_memorytype_t *left = NULL, *right = NULL;
    bool matches = make_type(provided, &left) == WASM_MEMORY_OK && make_type(required, &right) == WASM_MEMORY_OK &&
                   wasm_memorytype_matches(left, right);
    wasm_memorytype_delete(left);
    wasm_memorytype_delete(right);
    return matches;
}

/* Declares `made`, a type; returns from the function where there is none. */
#define WITH_TYPE(type)                                                                                                \
    wasm_memorytype_t *made = NULL;                                                                                    \
    do {                                                                                                               \
        wmgo_outcome untyped = CALL(make_type(type, &made));                                                           \
        if (untyped.status != WASM_MEMORY_OK) return pointer_of(untyped, NULL);                                        \
    } while (0)

/* --- memories that the host makes -------------------------------------------------------------------------------- */

static void let_go(void *env) { wmgoLetGo((uintptr_t)env); }

static size_t byte_size(void *env) {
    size_t size;
    ASIDE(size = wmgoHostSize((uintptr_t)env));
    return size;
}

static bool maximum_byte_size(void *env, size_t *out) {
    bool has;
    ASIDE(has = wmgoHostMaximum((uintptr_t)env, out) != 0);
    return has;
}

static wasm_memory_status_t grow_to(void *env, size_t new_size) {
    wasm_memory_status_t status;
    ASIDE(status = wmgoHostGrow((uintptr_t)env, new_size));
    return status;
}

static uint8_t *as_ptr(void *env) {
    uintptr_t base;
    ASIDE(base = wmgoHostBase((uintptr_t)env));
    return (uint8_t *)base;
}

static void accessible(void *env, uint8_t **out_start, size_t *out_length) {
    uintptr_t start = 0;
    ASIDE(wmgoHostAccessible((uintptr_t)env, &start, out_length));
    *out_start = (uint8_t *)start;
}

static void host_finalizer(void *env) { ASIDE(wmgoHostClose((uintptr_t)env)); }

void wmgo_linear_memory_fill(wasm_linear_memory_t *out, uintptr_t env) {
    wasm_linear_memory_t table = {sizeof table, (void *)env, byte_size, maximum_byte_size, grow_to,
                                  as_ptr,       accessible,  host_finalizer};
    *out = table;
}

static wasm_memory_status_t new_memory(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                       size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    wasm_memory_status_t status;
    ASIDE(status = wmgoHostNew((uintptr_t)env, (wasm_memorytype_t *)type, minimum, maximum, reserved_bytes, guard_bytes,
                               out));
    return status;
}

/* --- engines ----------------------------------------------------------------------------------------------------- */

wmgo_pointer wmgo_engine_new(wmgo_options options) {
    begin();
    wasm_config_t *config = wasm_config_new();
    if (config == NULL) {
        if (options.allocator != 0) let_go((void *)options.allocator);
        return pointer_or(NULL, WASM_MEMORY_OUT_OF_MEMORY);
    }
    if (options.has_bounds) wasm_config_memory_bounds_set(config, options.bounds);
    if (options.has_reservation) wasm_config_memory_reservation_set(config, options.reservation);
    if (options.has_reservation_for_growth)
        wasm_config_memory_reservation_for_growth_set(config, options.reservation_for_growth);
    if (options.has_guard_size) wasm_config_memory_guard_size_set(config, options.guard_size);
    if (options.no_guard_before) wasm_config_guard_before_memory_set(config, false);
    wasm_config_memory_may_move_set(config, options.may_move);
    wasm_config_memory_huge_pages_set(config, options.huge_pages);
    wasm_config_memory_exportable_set(config, options.exportable);
    if (options.has_pool) {
        options.pool.struct_size = sizeof options.pool;
        wasm_config_memory_pool_set(config, &options.pool);
    }
    if (options.allocator != 0) {
        wasm_memory_allocator_t allocator = {sizeof allocator, (void *)options.allocator, new_memory, let_go};
        wasm_config_memory_allocator_set(config, &allocator);
    }
    return POINTER(wasm_engine_new_with_config(config), WASM_MEMORY_INVALID_ARGUMENT);
}

wmgo_outcome wmgo_engine_stats(void *engine, wasm_engine_stats_t *out) {
    out->struct_size = sizeof *out;
    return CALL(wasm_engine_stats(engine, out));
}

wmgo_outcome wmgo_engine_pool_stats(void *engine, wasm_memory_pool_stats_t *out) {
    out->struct_size = sizeof *out;
    return CALL(wasm_engine_pool_stats(engine, out));
}

wmgo_outcome wmgo_engine_pool_trim(void *engine) { return CALL(wasm_engine_pool_trim(engine)); }

wmgo_pointer wmgo_engine_shared_memory_new(void *engine, wmgo_type type) {
    WITH_TYPE(type);
    wasm_shared_memory_t *shared = NULL;
    wmgo_outcome outcome = CALL(wasm_shared_memory_new(engine, made, &shared));
    wasm_memorytype_delete(made);
    return pointer_of(outcome, shared);
}

wmgo_pointer wmgo_engine_shared_memory_import(void *engine, wmgo_type type, intptr_t descriptor) {
    WITH_TYPE(type);
    wasm_shared_memory_t *shared = NULL;
    wmgo_outcome outcome = CALL(wasm_shared_memory_import(engine, made, descriptor, &shared));
    wasm_memorytype_delete(made);
    return pointer_of(outcome, shared);
}

/* --- stores ------------------------------------------------------------------------------------------------------ */

wmgo_pointer wmgo_store_new(void *engine) { return POINTER(wasm_store_new(engine), WASM_MEMORY_OUT_OF_MEMORY); }

wmgo_outcome wmgo_store_stats(void *store, wasm_store_stats_t *out) {
    out->struct_size = sizeof *out;
    return CALL(wasm_store_stats(store, out));
}

wmgo_outcome wmgo_store_limits_set(void *store, bool any, uint64_t memory, uint64_t total, uint64_t memories) {
    wasm_memory_limits_t limits = {sizeof limits, memory, total, memories};
    return CALL(wasm_store_limits_set(store, any ? &limits : NULL));
}

static bool growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    bool allow;
    ASIDE(allow = wmgoMemoryGrowing((uintptr_t)env, current, desired, maximum) != 0);
    return allow;
}

static void growing_async(void *env, uint64_t current, uint64_t desired, uint64_t maximum,
                          wasm_memory_ticket_t *ticket) {
    ASIDE(wmgoMemoryGrowingAsync((uintptr_t)env, current, desired, maximum, ticket));
}

static void grow_failed(void *env, wasm_memory_status_t status, const char *message) {
    ASIDE(wmgoMemoryGrowFailed((uintptr_t)env, status, (char *)message));
}

wmgo_outcome wmgo_store_limiter_set(void *store, uintptr_t env) {
    wasm_memory_limiter_t limiter = {sizeof limiter, (void *)env, growing, grow_failed, let_go};
    return CALL(wasm_store_limiter_set(store, env != 0 ? &limiter : NULL));
}

wmgo_outcome wmgo_store_limiter_async_set(void *store, uintptr_t env) {
    wasm_memory_limiter_async_t limiter = {sizeof limiter, (void *)env, growing_async, grow_failed, let_go};
    return CALL(wasm_store_limiter_async_set(store, env != 0 ? &limiter : NULL));
}

void wmgo_store_data_set(void *store, uintptr_t data) {
    wasm_store_data_set(store, (void *)data, data != 0 ? let_go : NULL);
}

uintptr_t wmgo_store_data(void *store) { return (uintptr_t)wasm_store_data(store); }

wmgo_pointer wmgo_memory_new(void *store, wmgo_type type) {
    WITH_TYPE(type);
    wasm_memory_t *memory = NULL;
    wmgo_outcome outcome = CALL(wasm_memory_try_new(store, made, &memory));
    wasm_memorytype_delete(made);
    return pointer_of(outcome, memory);
}

wmgo_pointer wmgo_memory_new_from_image(void *store, wmgo_type type, void *image) {
    WITH_TYPE(type);
    wasm_memory_t *memory = NULL;
    wmgo_outcome outcome = CALL(wasm_memory_new_from_image(store, made, image, &memory));
    wasm_memorytype_delete(made);
    return pointer_of(outcome, memory);
}

wmgo_pointer wmgo_memory_new_async(void *store, wmgo_type type) {
    WITH_TYPE(type);
    wmgo_pointer result = POINTER(wasm_memory_new_async(store, made), WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memorytype_delete(made);
    return result;
}

/* The standard's form of an answer has no room for the reason; the sentence has it. */
wmgo_pointer wmgo_memory_obtain(void *store, void *shared) {
    wmgo_pointer result = POINTER(wasm_memory_obtain(store, shared), WASM_MEMORY_LIMIT_DENIED);
    const char *message = result.outcome.message;
    if (result.pointer == NULL && message != NULL) {
        if (strstr(message, "asynchronous limiter") != NULL) result.outcome.status = WASM_MEMORY_ASYNC_REQUIRED;
        if (strncmp(message, "the heap refused", 16) == 0) result.outcome.status = WASM_MEMORY_OUT_OF_MEMORY;
    }
    return result;
}

/* --- memories ---------------------------------------------------------------------------------------------------- */

wmgo_pointer wmgo_memory_copy(void *memory) {
    return POINTER(wasm_memory_copy(memory), WASM_MEMORY_OUT_OF_MEMORY);
}

wmgo_pointer wmgo_memory_share(void *memory) {
    return POINTER(wasm_memory_share(memory), WASM_MEMORY_NOT_SHARED);
}

wmgo_outcome wmgo_memory_type(void *memory, wmgo_type *out) {
    wasm_memorytype_t *type = wasm_memory_type(memory);
    if (type == NULL) return outcome_of(WASM_MEMORY_OUT_OF_MEMORY);
    wmgo_describe(type, out);
    wasm_memorytype_delete(type);
    return outcome_of(WASM_MEMORY_OK);
}

wmgo_number wmgo_memory_grow(void *memory, uint64_t delta) {
    uint64_t previous;
    wmgo_outcome outcome = CALL(wasm_memory_try_grow(memory, delta, &previous));
    return number_of(outcome, previous);
}

wmgo_pointer wmgo_memory_grow_async(void *memory, uint64_t delta) {
    return POINTER(wasm_memory_grow_async(memory, delta), WASM_MEMORY_OUT_OF_MEMORY);
}

wmgo_outcome wmgo_memory_accessible(void *memory, uintptr_t *start, size_t *length) {
    uint8_t *first;
    wmgo_outcome outcome = CALL(wasm_memory_accessible(memory, &first, length));
    *start = (uintptr_t)first;
    return outcome;
}

wmgo_outcome wmgo_memory_store_data(void *memory, uintptr_t *data) {
    void *found;
    wmgo_outcome outcome = CALL(wasm_memory_data_and_store(memory, NULL, NULL, &found));
    *data = (uintptr_t)found;
    return outcome;
}

void wmgo_memory_host_info_set(void *memory, uintptr_t info) {
    wasm_memory_set_host_info_with_finalizer(memory, (void *)info, info != 0 ? let_go : NULL);
}

uintptr_t wmgo_memory_host_info(void *memory) { return (uintptr_t)wasm_memory_get_host_info(memory); }

/* Go has a pointer for an empty slice or has none; the library wants to see none. */
wmgo_outcome wmgo_memory_read(void *memory, uint64_t offset, uint8_t *buffer, size_t length) {
    return CALL(wasm_memory_read(memory, offset, length != 0 ? buffer : NULL, length));
}

wmgo_outcome wmgo_memory_write(void *memory, uint64_t offset, const uint8_t *bytes, size_t length) {
    return CALL(wasm_memory_write(memory, offset, length != 0 ? bytes : NULL, length));
}

#define PLAIN(width)                                                                                                   \
    wmgo_number wmgo_memory_load##width(void *memory, uint64_t offset) {                                               \
        uint##width##_t value;                                                                                         \
        wmgo_outcome outcome = CALL(wasm_memory_load_u##width(memory, offset, &value));                                \
        return number_of(outcome, value);                                                                              \
    }                                                                                                                  \
    wmgo_outcome wmgo_memory_store##width(void *memory, uint64_t offset, uint##width##_t value) {                      \
        return CALL(wasm_memory_store_u##width(memory, offset, value));                                                \
    }

PLAIN(8)
PLAIN(16)
PLAIN(32)
PLAIN(64)

wmgo_v128 wmgo_memory_load128(void *memory, uint64_t offset) {
    wmgo_v128 result;
    result.outcome = CALL(wasm_memory_load_v128(memory, offset, result.bytes));
    return result;
}

wmgo_outcome wmgo_memory_store128(void *memory, uint64_t offset, uint64_t low, uint64_t high) {
    uint8_t bytes[16];
    memcpy(bytes, &low, 8);
    memcpy(bytes + 8, &high, 8);
    return CALL(wasm_memory_store_v128(memory, offset, bytes));
}

wmgo_outcome wmgo_memory_fill(void *memory, uint64_t offset, uint8_t value, uint64_t length) {
    return CALL(wasm_memory_fill(memory, offset, value, length));
}

wmgo_outcome wmgo_memory_zero(void *memory, uint64_t offset, uint64_t length) {
    return CALL(wasm_memory_zero(memory, offset, length));
}

wmgo_outcome wmgo_memory_erase(void *memory) { return CALL(wasm_memory_erase(memory)); }

wmgo_outcome wmgo_memory_discard(void *memory, uint64_t offset, uint64_t length) {
    return CALL(wasm_memory_discard(memory, offset, length));
}

wmgo_outcome wmgo_memory_copy_within(void *memory, uint64_t destination, uint64_t source, uint64_t length) {
    return CALL(wasm_memory_copy_within(memory, destination, source, length));
}

wmgo_outcome wmgo_memory_copy_within_nonoverlapping(void *memory, uint64_t destination, uint64_t source,
                                                    uint64_t length) {
    return CALL(wasm_memory_copy_within_nonoverlapping(memory, destination, source, length));
}

wmgo_outcome wmgo_memory_copy_between(void *destination_memory, uint64_t destination, void *source_memory,
                                      uint64_t source, uint64_t length) {
    return CALL(wasm_memory_copy_between(destination_memory, destination, source_memory, source, length));
}

wmgo_outcome wmgo_memory_init(void *memory, uint64_t destination, void *segment, uint32_t source, uint32_t length) {
    return CALL(wasm_memory_init(memory, destination, segment, source, length));
}

static void lent(void *env, uint8_t *data, size_t length) { ASIDE(wmgoLent((uintptr_t)env, data, length)); }

wmgo_outcome wmgo_memory_with_data(void *memory, uintptr_t env, bool writing) {
    return CALL(writing ? wasm_memory_with_data_mut(memory, lent, (void *)env)
                        : wasm_memory_with_data(memory, lent, (void *)env));
}

wmgo_number wmgo_memory_hexdump(void *memory, uint64_t offset, uint64_t length, char *buffer, size_t capacity) {
    size_t needed;
    wmgo_outcome outcome =
        CALL(wasm_memory_hexdump(memory, offset, length, capacity != 0 ? buffer : NULL, capacity, &needed));
    return number_of(outcome, needed);
}

wmgo_outcome wmgo_memory_reset(void *memory, void *image) { return CALL(wasm_memory_reset(memory, image)); }

static void range(void *env, uint64_t offset, uint64_t length) { wmgoDirtyRange((uintptr_t)env, offset, length); }

wmgo_outcome wmgo_memory_dirty_ranges(void *memory, uintptr_t env) {
    return CALL(wasm_memory_dirty_ranges(memory, range, (void *)env));
}

wmgo_outcome wmgo_memory_dirty_clear(void *memory) { return CALL(wasm_memory_dirty_clear(memory)); }

wmgo_outcome wmgo_memory_map_file(void *memory, uint64_t offset, intptr_t descriptor, uint64_t file_offset,
                                  uint64_t length, uint32_t flags) {
    return CALL(wasm_memory_map_file(memory, offset, descriptor, file_offset, length, flags));
}

wmgo_outcome wmgo_memory_unmap(void *memory, uint64_t offset, uint64_t length) {
    return CALL(wasm_memory_unmap(memory, offset, length));
}

wmgo_outcome wmgo_memory_protect(void *memory, uint64_t offset, uint64_t length, int32_t protection) {
    return CALL(wasm_memory_protect(memory, offset, length, protection));
}

wmgo_outcome wmgo_memory_stats(void *memory, wasm_memory_stats_t *out) {
    return CALL(wasm_memory_stats(memory, out));
}

/* --- atomics ----------------------------------------------------------------------------------------------------- */

#define OF_WIDTH(width, call)                                                                                          \
    switch (width) {                                                                                                   \
    case 8: call(8) case 16: call(16) case 32: call(32) default: call(64)                                              \
    }

wmgo_number wmgo_memory_atomic_load(void *memory, int width, uint64_t offset) {
#define LOAD(bits)                                                                                                     \
    {                                                                                                                  \
        uint##bits##_t value;                                                                                          \
        wmgo_outcome outcome = CALL(wasm_memory_atomic_load##bits(memory, offset, &value));                            \
        return number_of(outcome, value);                                                                              \
    }
    OF_WIDTH(width, LOAD)
}

wmgo_outcome wmgo_memory_atomic_store(void *memory, int width, uint64_t offset, uint64_t value) {
#define STORE(bits) return CALL(wasm_memory_atomic_store##bits(memory, offset, (uint##bits##_t)value));
    OF_WIDTH(width, STORE)
}

wmgo_number wmgo_memory_atomic_rmw(void *memory, int width, int32_t op, uint64_t offset, uint64_t operand) {
#define RMW(bits)                                                                                                      \
    {                                                                                                                  \
        uint##bits##_t old;                                                                                            \
        wmgo_outcome outcome = CALL(wasm_memory_atomic_rmw##bits(memory, op, offset, (uint##bits##_t)operand, &old));  \
        return number_of(outcome, old);                                                                                \
    }
    OF_WIDTH(width, RMW)
}

wmgo_number wmgo_memory_atomic_cmpxchg(void *memory, int width, uint64_t offset, uint64_t expected,
                                       uint64_t replacement) {
#define COMPARE(bits)                                                                                                  \
    {                                                                                                                  \
        uint##bits##_t old;                                                                                            \
        wmgo_outcome outcome = CALL(wasm_memory_atomic_cmpxchg##bits(memory, offset, (uint##bits##_t)expected,         \
                                                                     (uint##bits##_t)replacement, &old));              \
        return number_of(outcome, old);                                                                                \
    }
    OF_WIDTH(width, COMPARE)
}

wmgo_number wmgo_memory_atomic_wait(void *memory, int width, uint64_t offset, uint64_t expected, int64_t timeout) {
    wasm_memory_wait_result_t result;
    wmgo_outcome outcome = CALL(width == 32
                                    ? wasm_memory_atomic_wait32(memory, offset, (uint32_t)expected, timeout, &result)
                                    : wasm_memory_atomic_wait64(memory, offset, expected, timeout, &result));
    return number_of(outcome, (uint64_t)result);
}

wmgo_number wmgo_memory_atomic_notify(void *memory, uint64_t offset, uint32_t count) {
    uint32_t woken;
    wmgo_outcome outcome = CALL(wasm_memory_atomic_notify(memory, offset, count, &woken));
    return number_of(outcome, woken);
}

wmgo_number wmgo_memory_interrupt_waiters(void *memory) {
    uint32_t interrupted;
    wmgo_outcome outcome = CALL(wasm_memory_interrupt_waiters(memory, &interrupted));
    return number_of(outcome, interrupted);
}

wmgo_outcome wmgo_memory_close_waiters(void *memory) { return CALL(wasm_memory_close_waiters(memory)); }

/* --- segments and images ----------------------------------------------------------------------------------------- */

wmgo_pointer wmgo_segment_new(const uint8_t *bytes, size_t length) {
    return POINTER(wasm_data_segment_new(length != 0 ? bytes : NULL, length), WASM_MEMORY_OUT_OF_MEMORY);
}

wmgo_pointer wmgo_image_new(const uint64_t *offsets, const uint64_t *lengths, size_t count, const void *bytes) {
    wasm_memory_image_t *image = NULL;
    wasm_memory_segment_t *segments = count != 0 ? malloc(count * sizeof *segments) : NULL;
    if (segments == NULL && count != 0) {
        wmgo_outcome outcome = {WASM_MEMORY_OUT_OF_MEMORY, 0, 0, NULL};
        return pointer_of(outcome, NULL);
    }
    const uint8_t *next = bytes;
    for (size_t i = 0; i < count; i++) {
        segments[i].offset = offsets[i];
        segments[i].bytes = lengths[i] != 0 ? next : NULL;
        segments[i].length = (size_t)lengths[i];
        if (lengths[i] != 0) next += lengths[i];
    }
    wmgo_outcome outcome = CALL(wasm_memory_image_new(segments, count, &image));
    free(segments);
    return pointer_of(outcome, image);
}

wmgo_pointer wmgo_image_from_memory(void *memory) {
    wasm_memory_image_t *image = NULL;
    wmgo_outcome outcome = CALL(wasm_memory_image_from_memory(memory, &image));
    return pointer_of(outcome, image);
}

wmgo_outcome wmgo_image_save(void *image, const char *path) { return CALL(wasm_memory_image_save(image, path)); }

wmgo_pointer wmgo_image_load(const char *path) {
    wasm_memory_image_t *image = NULL;
    wmgo_outcome outcome = CALL(wasm_memory_image_load(path, &image));
    return pointer_of(outcome, image);
}

/* --- shared memories --------------------------------------------------------------------------------------------- */

wmgo_pointer wmgo_shared_clone(void *shared) {
    return POINTER(wasm_shared_memory_clone(shared), WASM_MEMORY_OUT_OF_MEMORY);
}

wmgo_outcome wmgo_shared_type(void *shared, wmgo_type *out) {
    wasm_memorytype_t *type = wasm_shared_memory_type(shared);
    if (type == NULL) return outcome_of(WASM_MEMORY_OUT_OF_MEMORY);
    wmgo_describe(type, out);
    wasm_memorytype_delete(type);
    return outcome_of(WASM_MEMORY_OK);
}

wmgo_number wmgo_shared_export(void *shared) {
    intptr_t descriptor;
    wmgo_outcome outcome = CALL(wasm_shared_memory_export(shared, &descriptor));
    return number_of(outcome, (uint64_t)descriptor);
}

/* --- futures ----------------------------------------------------------------------------------------------------- */

wmgo_outcome wmgo_future_poll(void *future) { return CALL(wasm_memory_future_poll(future)); }

wmgo_outcome wmgo_future_wait(void *future, int64_t timeout) { return CALL(wasm_memory_future_wait(future, timeout)); }

wmgo_pointer wmgo_future_take_memory(void *future) {
    return POINTER(wasm_memory_future_take_memory(future), WASM_MEMORY_INVALID_ARGUMENT);
}

static void ready(void *env) { wmgoReady((uintptr_t)env); }

void wmgo_future_on_ready(void *future, uintptr_t env) {
    wasm_memory_future_on_ready(future, env != 0 ? ready : NULL, (void *)env);
}

/* --- faults and traps -------------------------------------------------------------------------------------------- */

void wmgo_classify_fault(uintptr_t address, wasm_memory_fault_t *out) {
    out->struct_size = sizeof *out;
    wasm_memory_classify_fault((const void *)address, out);
}

wmgo_outcome wmgo_trap_handlers_install(void) { return CALL(wasm_memory_trap_handlers_install()); }

wmgo_outcome wmgo_trap_handlers_uninstall(void) { return CALL(wasm_memory_trap_handlers_uninstall()); }

wmgo_outcome wmgo_catch_trap(void *body, void *env, wasm_memory_trap_t *out) {
    out->struct_size = sizeof *out;
    return CALL(wasm_memory_catch_trap((void (*)(void *))body, env, out));
}
