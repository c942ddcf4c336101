/* Memories, waits and notifies of the runtime for wasm2c 1.0.39. See wasm-rt.h and wasm_rt_memory.h. */
#include "wasm_rt_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PAGE 65536u

/* --- addresses of guards ------------------------------------------------------------------------------------------ */

/*
 * Where the memories lie whose code does not check. Read by the signal handler, so entries are atomic, and blocks of
 * them are never freed. An entry with `length` 0 is free.
 */
typedef struct guard {
    uintptr_t start;
    uintptr_t length;
} guard_t;

typedef struct guard_block {
    guard_t guards[63];
    struct guard_block *next;
} guard_block_t;

static guard_block_t first_block;
/* Held by who changes entries. */
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;

bool wasm_rt_memory_is_guard(const void *address) {
    const guard_block_t *block = &first_block;
    while (block != NULL) {
        for (size_t i = 0; i < sizeof block->guards / sizeof block->guards[0]; i++) {
            uintptr_t length = __atomic_load_n(&block->guards[i].length, __ATOMIC_ACQUIRE);
            uintptr_t start = __atomic_load_n(&block->guards[i].start, __ATOMIC_RELAXED);
            if ((uintptr_t)address - start < length) {
                return true;
            }
        }
        block = __atomic_load_n(&block->next, __ATOMIC_ACQUIRE);
    }
    return false;
}

/* False: no memory for another block. */
static bool add_guard(uintptr_t start, uintptr_t length) {
    bool added = false;
    pthread_mutex_lock(&guards_lock);
    guard_block_t *block = &first_block;
    while (!added) {
        for (size_t i = 0; i < sizeof block->guards / sizeof block->guards[0] && !added; i++) {
            if (block->guards[i].length == 0) {
                __atomic_store_n(&block->guards[i].start, start, __ATOMIC_RELAXED);
                __atomic_store_n(&block->guards[i].length, length, __ATOMIC_RELEASE);
                added = true;
            }
        }
        if (!added && block->next == NULL) {
            guard_block_t *fresh = calloc(1, sizeof *fresh);
            if (fresh == NULL) {
                break;
            }
            __atomic_store_n(&block->next, fresh, __ATOMIC_RELEASE);
        }
        block = added ? block : block->next;
    }
    pthread_mutex_unlock(&guards_lock);
    return added;
}

static void remove_guard(uintptr_t start) {
    pthread_mutex_lock(&guards_lock);
    for (guard_block_t *block = &first_block; block != NULL; block = block->next) {
        for (size_t i = 0; i < sizeof block->guards / sizeof block->guards[0]; i++) {
            if (block->guards[i].length != 0 && block->guards[i].start == start) {
                __atomic_store_n(&block->guards[i].length, 0, __ATOMIC_RELEASE);
                pthread_mutex_unlock(&guards_lock);
                return;
            }
        }
    }
    pthread_mutex_unlock(&guards_lock);
}

/* --- structures --------------------------------------------------------------------------------------------------- */

/* The most pages that an index of this width can reach, which is what a type without a maximum has. */
static uint64_t most_pages(bool is64, uint32_t page_size) {
    if (page_size == 1) {
        return is64 ? UINT64_MAX : UINT32_MAX;
    }
    return is64 ? UINT64_C(1) << 48 : UINT64_C(1) << 16;
}

/* Threads that grow a shared memory publish in any order: what is larger is later. */
static void raise_to(uint64_t *field, uint64_t value) {
    uint64_t seen = __atomic_load_n(field, __ATOMIC_SEQ_CST);
    while (seen < value &&
           !__atomic_compare_exchange_n(field, &seen, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

void wasm_rt_memory_refresh(wasm_rt_memory_t *memory) {
    if (memory->handle == NULL) {
        return;
    }
    const wasm_memory_view_t *view = wasm_memory_view(memory->handle);
    uint64_t size = __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
    if (memory->shared) {
        /* Its base never moves, and is not written again under the eyes of other threads. */
        raise_to(&memory->size, size);
        raise_to(&memory->pages, size / memory->page_size);
        return;
    }
    memory->data = view->base;
    memory->size = size;
    memory->pages = size / memory->page_size;
}

wasm_memory_t *wasm_rt_memory_handle(const wasm_rt_memory_t *memory) { return memory->handle; }

/* Fills in the structure; consumes the handle, also on failure. */
static wasm_memory_status_t take(wasm_rt_memory_t *memory, wasm_memory_t *handle, const wasm_memorytype_t *type) {
    memset(memory, 0, sizeof *memory);
    const bool is64 = wasm_memorytype_is64(type);
    const uint32_t page_size = (uint32_t)wasm_memorytype_page_size(type);
    /* What the code does not check: see MEMCHECK_DEFAULT32 in any translated module. */
    const bool guarded = WASM_RT_MEMCHECK_GUARD_PAGES && !is64 && page_size == DEFAULT_PAGE;
    if (guarded) {
        uint8_t *start = NULL;
        size_t length = 0;
        wasm_memory_accessible(handle, &start, &length);
        if (!add_guard((uintptr_t)start, length)) {
            wasm_memory_delete(handle);
            return wasm_rt_host_failed(WASM_MEMORY_OUT_OF_MEMORY, "no memory to remember where a memory's guard is");
        }
    }
    const wasm_memory_view_t *view = wasm_memory_view(handle);
    uint64_t maximum = 0;
    memory->data = view->base;
    memory->size = view->byte_length;
    memory->pages = wasm_memory_pages(handle);
    memory->max_pages = wasm_memorytype_maximum(type, &maximum) ? maximum : most_pages(is64, page_size);
    memory->page_size = page_size;
    memory->is64 = is64;
    memory->guarded = guarded;
    memory->shared = wasm_memorytype_isshared(type);
    memory->handle = handle;
    return WASM_MEMORY_OK;
}

wasm_memory_status_t wasm_rt_memory_try_allocate(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages,
                                                 bool is64, bool shared, uint32_t page_size) {
    memset(memory, 0, sizeof *memory);
    if (page_size != 1 && page_size != DEFAULT_PAGE) {
        return wasm_rt_host_failed(WASM_MEMORY_INVALID_TYPE, "pages have 1 or 65536 bytes");
    }
    /* A module without a maximum passes the most that there can be. */
    const bool has_maximum = shared || max_pages < most_pages(is64, page_size);
    wasm_memorytype_t *type = NULL;
    wasm_memory_status_t status = wasm_memorytype_try_new(initial_pages, has_maximum, max_pages, is64, shared,
                                                          page_size == 1 ? 0 : 16, &type);
    if (status != WASM_MEMORY_OK) {
        return wasm_rt_host_failed(status, NULL);
    }
    const bool guarded = WASM_RT_MEMCHECK_GUARD_PAGES && !is64 && page_size == DEFAULT_PAGE;
    wasm_memory_t *handle = NULL;
    status = wasm_rt_host_new(type, guarded, &handle);
    if (status == WASM_MEMORY_OK) {
        status = take(memory, handle, type);
    }
    wasm_memorytype_delete(type);
    return status;
}

wasm_memory_status_t wasm_rt_memory_adopt(wasm_rt_memory_t *memory, const wasm_memory_t *handle) {
    memset(memory, 0, sizeof *memory);
    wasm_memorytype_t *type = wasm_memory_type(handle);
    if (type == NULL) {
        return wasm_rt_host_failed(handle == NULL ? WASM_MEMORY_NULL_ARGUMENT : WASM_MEMORY_OUT_OF_MEMORY, NULL);
    }
    wasm_memory_status_t status = WASM_MEMORY_OK;
    if (WASM_RT_MEMCHECK_GUARD_PAGES && !wasm_memorytype_is64(type) &&
        wasm_memorytype_page_size(type) == DEFAULT_PAGE) {
        status = wasm_rt_host_check_guard(handle);
    }
    if (status == WASM_MEMORY_OK) {
        wasm_memory_t *copy = wasm_memory_copy(handle);
        status = copy != NULL ? take(memory, copy, type) : wasm_rt_host_failed(WASM_MEMORY_OUT_OF_MEMORY, NULL);
    }
    wasm_memorytype_delete(type);
    return status;
}

bool wasm_rt_memory_matches(const wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64,
                            bool shared, uint32_t page_size) {
    wasm_memorytype_t *provided = wasm_memory_type(memory->handle);
    wasm_memorytype_t *required = NULL;
    const bool has_maximum = shared || max_pages < most_pages(is64, page_size);
    wasm_memorytype_try_new(initial_pages, has_maximum, max_pages, is64, shared, page_size == 1 ? 0 : 16, &required);
    bool matches = provided != NULL && required != NULL && wasm_memorytype_matches(provided, required);
    wasm_memorytype_delete(required);
    wasm_memorytype_delete(provided);
    return matches;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64,
                             uint32_t page_size) {
    wasm_memory_status_t status = wasm_rt_memory_try_allocate(memory, initial_pages, max_pages, is64, false, page_size);
    if (status != WASM_MEMORY_OK) {
        wasm_rt_host_allocation_failed(status);
    }
}

/* Before other threads can know of it, and after the last of them: no need to be careful then. */
static wasm_rt_memory_t *plain(wasm_rt_shared_memory_t *memory) { return (wasm_rt_memory_t *)memory; }

void wasm_rt_allocate_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t initial_pages, uint64_t max_pages,
                                    bool is64, uint32_t page_size) {
    wasm_memory_status_t status =
        wasm_rt_memory_try_allocate(plain(memory), initial_pages, max_pages, is64, true, page_size);
    if (status != WASM_MEMORY_OK) {
        wasm_rt_host_allocation_failed(status);
    }
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
    if (memory->guarded) {
        uint8_t *start = NULL;
        size_t length = 0;
        wasm_memory_accessible(memory->handle, &start, &length);
        /* Before the address space is anybody else's. */
        remove_guard((uintptr_t)start);
    }
    wasm_memory_delete(memory->handle);
    memset(memory, 0, sizeof *memory);
}

void wasm_rt_free_memory_shared(wasm_rt_shared_memory_t *memory) { wasm_rt_free_memory(plain(memory)); }

/* --- growth, waits and notifies ----------------------------------------------------------------------------------- */

/*
 * Generated code passes an import no memory, only the host's instance of the import. Therefore a prepared module calls
 * the import, which leaves the request here, and at once grows the memory that is meant by 0, which takes it up.
 */
typedef enum request_kind { NO_REQUEST, WAIT32, WAIT64, NOTIFY } request_kind_t;

static _Thread_local struct {
    request_kind_t kind;
    bool overflowed; /* index + offset is past any memory, `address` has its low bits */
    uint64_t address;
    uint64_t expected; /* or how many to wake */
    uint64_t timeout_ns;
} request;

static void leave_request(request_kind_t kind, uint64_t index, uint64_t offset, uint64_t expected, uint64_t timeout_ns) {
    request.overflowed = __builtin_add_overflow(index, offset, &request.address);
    request.expected = expected;
    request.timeout_ns = timeout_ns;
    request.kind = kind;
}

void w2c_waits_wait32(struct w2c_waits *none, uint32_t index, uint32_t expected, uint64_t timeout_ns, uint64_t offset) {
    (void)none;
    leave_request(WAIT32, index, offset, expected, timeout_ns);
}

void w2c_waits_wait64(struct w2c_waits *none, uint32_t index, uint64_t expected, uint64_t timeout_ns, uint64_t offset) {
    (void)none;
    leave_request(WAIT64, index, offset, expected, timeout_ns);
}

void w2c_waits_notify(struct w2c_waits *none, uint32_t index, uint32_t count, uint64_t offset) {
    (void)none;
    leave_request(NOTIFY, index, offset, count, 0);
}

void w2c_waits_wait32m64(struct w2c_waits *none, uint64_t index, uint32_t expected, uint64_t timeout_ns,
                         uint64_t offset) {
    (void)none;
    leave_request(WAIT32, index, offset, expected, timeout_ns);
}

void w2c_waits_wait64m64(struct w2c_waits *none, uint64_t index, uint64_t expected, uint64_t timeout_ns,
                         uint64_t offset) {
    (void)none;
    leave_request(WAIT64, index, offset, expected, timeout_ns);
}

void w2c_waits_notifym64(struct w2c_waits *none, uint64_t index, uint32_t count, uint64_t offset) {
    (void)none;
    leave_request(NOTIFY, index, offset, count, 0);
}

static wasm_rt_trap_t trap_of(wasm_memory_status_t status) {
    switch (status) {
    case WASM_MEMORY_UNALIGNED: return WASM_RT_TRAP_UNALIGNED;
    case WASM_MEMORY_NOT_SHARED: return WASM_RT_TRAP_NOT_SHARED;
    case WASM_MEMORY_TOO_MANY_WAITERS: return WASM_RT_TRAP_TOO_MANY_WAITERS;
    case WASM_MEMORY_INTERRUPTED:
    case WASM_MEMORY_CLOSED: return WASM_RT_TRAP_INTERRUPTED;
    default: return WASM_RT_TRAP_OOB;
    }
}

/* Takes the request up; answers what the instruction does, or traps. */
static uint64_t serve_request(wasm_memory_t *memory) {
    const request_kind_t kind = request.kind;
    request.kind = NO_REQUEST;
    /* Past 2^64: another address of the same alignment that no memory has, so that the checks keep their order. */
    const uint64_t nowhere = (UINT64_C(1) << 63) | (request.address & 7);
    const uint64_t address = request.overflowed ? nowhere : request.address;
    wasm_memory_status_t status;
    wasm_memory_wait_result_t result = 0;
    uint32_t woken = 0;
    switch (kind) {
    case WAIT32:
        status = wasm_memory_atomic_wait32(memory, address, (uint32_t)request.expected, (int64_t)request.timeout_ns,
                                           &result);
        break;
    case WAIT64:
        status = wasm_memory_atomic_wait64(memory, address, request.expected, (int64_t)request.timeout_ns, &result);
        break;
    default: status = wasm_memory_atomic_notify(memory, address, (uint32_t)request.expected, &woken); break;
    }
    if (status != WASM_MEMORY_OK) {
        wasm_rt_trap(trap_of(status));
    }
    return kind == NOTIFY ? woken : (uint64_t)result;
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t delta_pages) {
    if (request.kind != NO_REQUEST) {
        return serve_request(memory->handle);
    }
    uint64_t previous = 0;
    /* Whatever the reason, and also for a structure without a memory, wasm knows one answer only. */
    if (wasm_rt_host_grow(memory->handle, delta_pages, UINT64_MAX, &previous) != WASM_MEMORY_OK) {
        return UINT64_MAX;
    }
    wasm_rt_memory_refresh(memory);
    return previous;
}

uint64_t wasm_rt_grow_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t delta_pages) {
    return wasm_rt_grow_memory(plain(memory), delta_pages);
}
