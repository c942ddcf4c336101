/* See wasm_rt_memory.h. */
#include "wasm_rt_memory.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wasm2c keeps memories reversed on big-endian machines; wasm_memory keeps them in wasm's own order"
#endif

/*
 * wasm2c leaves out the bounds checks when it relies on the signal handler, so the memory must fault by itself.
 * Generated code, runtime and this file must be compiled with the same value, which wasm-rt.h defaults.
 */
#define GUARDED (WASM_RT_MEMCHECK_SIGNAL_HANDLER != 0)

/* wasm_rt_memory_t counts its bytes in 32 bits, so the 65536th page, which wasm allows, cannot be told to the code. */
#define MOST_PAGES 65535u

/*
 * wasm_rt_memory_t has no room for our handle, so the handles lie in a table beside it. Its key is the address of the
 * wasm_rt_memory_t: generated code keeps it in the instance, which does not move, and passes it to all three functions.
 * The table is asked only when a memory is made, grown or freed, never by a load or store.
 */
typedef struct entry {
    const wasm_rt_memory_t *key;
    wasm_memory_t *handle;
    struct entry *next;
} entry_t;

#define BUCKETS 256u

/* Protects the table. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry_t *table[BUCKETS];

/* The link that leads to the entry of `key`, or to the NULL where it would be. Under the lock. */
static entry_t **find(const wasm_rt_memory_t *key) {
    /* The low bits are the same for all (alignment), instances differ above them. */
    uintptr_t mixed = (uintptr_t)key;
    mixed = (mixed >> 4) ^ (mixed >> 12) ^ (mixed >> 20);
    entry_t **link = &table[mixed % BUCKETS];
    while (*link != NULL && (*link)->key != key) {
        link = &(*link)->next;
    }
    return link;
}

static wasm_memory_status_t remember(const wasm_rt_memory_t *key, wasm_memory_t *handle) {
    entry_t *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) {
        return wasm_rt_host_failed(WASM_MEMORY_OUT_OF_MEMORY, "no memory for a table entry");
    }
    pthread_mutex_lock(&lock);
    entry_t **link = find(key);
    if (*link != NULL) {
        /* A second allocation into the same structure without a free would lose the first memory. */
        pthread_mutex_unlock(&lock);
        free(fresh);
        return wasm_rt_host_failed(WASM_MEMORY_INVALID_ARGUMENT, "the structure has a memory already");
    }
    fresh->key = key;
    fresh->handle = handle;
    fresh->next = NULL;
    *link = fresh;
    pthread_mutex_unlock(&lock);
    return WASM_MEMORY_OK;
}

/* Takes the handle of `key` out of the table; NULL if there is none. */
static wasm_memory_t *forget(const wasm_rt_memory_t *key) {
    pthread_mutex_lock(&lock);
    entry_t **link = find(key);
    entry_t *gone = *link;
    if (gone != NULL) {
        *link = gone->next;
    }
    pthread_mutex_unlock(&lock);
    wasm_memory_t *handle = gone != NULL ? gone->handle : NULL;
    free(gone);
    return handle;
}

wasm_memory_t *wasm_rt_memory_handle(const wasm_rt_memory_t *memory) {
    pthread_mutex_lock(&lock);
    entry_t *known = *find(memory);
    wasm_memory_t *handle = known != NULL ? known->handle : NULL;
    pthread_mutex_unlock(&lock);
    return handle;
}

/* What generated code reads. */
static void publish(wasm_rt_memory_t *memory, const wasm_memory_t *handle) {
    const wasm_memory_view_t *view = wasm_memory_view(handle);
    memory->data = view->base;
    memory->pages = (uint32_t)wasm_memory_pages(handle);
    memory->size = (uint32_t)view->byte_length;
}

void wasm_rt_memory_refresh(wasm_rt_memory_t *memory) {
    const wasm_memory_t *handle = wasm_rt_memory_handle(memory);
    if (handle != NULL) {
        publish(memory, handle);
    }
}

/* Fills in the structure, which keeps the handle; on failure the handle is deleted. */
static wasm_memory_status_t take(wasm_rt_memory_t *memory, wasm_memory_t *handle, uint32_t max_pages) {
    wasm_memory_status_t status = remember(memory, handle);
    if (status != WASM_MEMORY_OK) {
        wasm_memory_delete(handle);
        return status;
    }
    memory->max_pages = max_pages;
    publish(memory, handle);
    return WASM_MEMORY_OK;
}

wasm_memory_status_t wasm_rt_memory_try_allocate(wasm_rt_memory_t *memory, uint32_t initial_pages, uint32_t max_pages) {
    if (wasm_rt_memory_handle(memory) != NULL) {
        return wasm_rt_host_failed(WASM_MEMORY_INVALID_ARGUMENT, "the structure has a memory already");
    }
    memset(memory, 0, sizeof *memory);
    if (initial_pages > MOST_PAGES) {
        char why[96];
        snprintf(why, sizeof why, "%u pages do not fit the 32-bit size of wasm_rt_memory_t", (unsigned)initial_pages);
        return wasm_rt_host_failed(WASM_MEMORY_UNSUPPORTED, why);
    }
    /* A module without a maximum passes 65536, other hosts of this header 0xffffffff. */
    uint32_t most = max_pages < MOST_PAGES ? max_pages : MOST_PAGES;
    wasm_memorytype_t *type = NULL;
    wasm_memory_status_t status = wasm_memorytype_try_new(initial_pages, true, most, false, false, 16, &type);
    if (status != WASM_MEMORY_OK) {
        return wasm_rt_host_failed(status, NULL);
    }
    wasm_memory_t *handle = NULL;
    status = wasm_rt_host_new(type, GUARDED, &handle);
    wasm_memorytype_delete(type);
    return status == WASM_MEMORY_OK ? take(memory, handle, max_pages) : status;
}

wasm_memory_status_t wasm_rt_memory_adopt(wasm_rt_memory_t *memory, const wasm_memory_t *handle) {
    if (wasm_rt_memory_handle(memory) != NULL) {
        return wasm_rt_host_failed(WASM_MEMORY_INVALID_ARGUMENT, "the structure has a memory already");
    }
    memset(memory, 0, sizeof *memory);
    wasm_memorytype_t *type = wasm_memory_type(handle);
    if (type == NULL) {
        return wasm_rt_host_failed(handle == NULL ? WASM_MEMORY_NULL_ARGUMENT : WASM_MEMORY_OUT_OF_MEMORY, NULL);
    }
    uint64_t maximum = 0;
    if (!wasm_memorytype_maximum(type, &maximum)) {
        maximum = 65536;
    }
    const bool known = !wasm_memorytype_is64(type) && !wasm_memorytype_isshared(type) &&
                       wasm_memorytype_page_size_log2(type) == 16 && wasm_memory_pages(handle) <= MOST_PAGES;
    wasm_memorytype_delete(type);
    if (!known) {
        return wasm_rt_host_failed(WASM_MEMORY_UNSUPPORTED, "wasm2c 1.0.32 knows unshared memories of at most 65535 "
                                                            "pages of 64 KiB, with a 32-bit index");
    }
    wasm_memory_status_t status = GUARDED ? wasm_rt_host_check_guard(handle) : WASM_MEMORY_OK;
    if (status != WASM_MEMORY_OK) {
        return status;
    }
    wasm_memory_t *copy = wasm_memory_copy(handle);
    if (copy == NULL) {
        return wasm_rt_host_failed(WASM_MEMORY_OUT_OF_MEMORY, NULL);
    }
    return take(memory, copy, (uint32_t)maximum);
}

/*
 * It has no result for failure; wabt's own prints the reason and aborts, and so do we, unless the host has a hook that
 * does something else.
 */
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t initial_pages, uint32_t max_pages) {
    wasm_memory_status_t status = wasm_rt_memory_try_allocate(memory, initial_pages, max_pages);
    if (status != WASM_MEMORY_OK) {
        wasm_rt_host_allocation_failed(status);
    }
}

uint32_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t pages) {
    wasm_memory_t *handle = wasm_rt_memory_handle(memory);
    uint64_t previous = 0;
    /* The one size that the memory itself may agree to and the structure cannot tell: of an adopted one. */
    const bool untold = handle != NULL && wasm_memory_pages(handle) + pages == MOST_PAGES + 1;
    /* Whatever the reason, and also for a memory that is not ours, wasm knows one answer only. */
    if (wasm_rt_host_grow(handle, pages, untold ? MOST_PAGES : UINT64_MAX, &previous) != WASM_MEMORY_OK) {
        return UINT32_MAX;
    }
    publish(memory, handle);
    return (uint32_t)previous;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
    wasm_memory_delete(forget(memory));
    memset(memory, 0, sizeof *memory);
}
