/* See wasm_rt_memory.h. */
#include "wasm_rt_memory.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wasm2c keeps memories reversed on big-endian machines; wasm_memory keeps them in wasm's own order"
#endif

/*
 * wasm2c leaves out the bounds checks when it relies on the signal handler, so the memory must fault by itself; the
 * engine then refuses to make one that would not. With explicit checks no guard is needed and growth costs no system
 * call. Generated code, runtime and this file must be compiled with the same value, which wasm-rt.h defaults.
 */
#if WASM_RT_MEMCHECK_SIGNAL_HANDLER
static const wasm_memory_bounds_t bounds = WASM_MEMORY_BOUNDS_GUARDED;
#else
static const wasm_memory_bounds_t bounds = WASM_MEMORY_BOUNDS_CHECKED;
#endif

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

/* Protects the three that follow it. Our engine has no callbacks, so nothing called under it can want it again. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry_t *table[BUCKETS];
static wasm_engine_t *shared_engine;
static wasm_store_t *shared_store;

/*
 * wasm_rt_allocate_memory has no result for failure; wabt's own prints the reason and aborts, and so do we. A host that
 * would rather refuse a module asks for its memory first, with wasm_memory_try_new.
 */
static _Noreturn void fail(const char *what, ...) {
    va_list values;
    va_start(values, what);
    fputs("wasm_rt_allocate_memory: ", stderr);
    vfprintf(stderr, what, values);
    fputc('\n', stderr);
    va_end(values);
    abort();
}

static _Noreturn void fail_with_reason(const char *what) {
    char reason[512] = "";
    wasm_memory_last_error(reason, sizeof reason);
    fail("%s: %s", what, reason);
}

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

static void remember(const wasm_rt_memory_t *key, wasm_memory_t *handle) {
    entry_t *fresh = malloc(sizeof *fresh);
    if (fresh == NULL) {
        fail("no memory for a table entry");
    }
    pthread_mutex_lock(&lock);
    entry_t **link = find(key);
    if (*link != NULL) {
        /* A second allocation into the same structure without a free would lose the first memory. */
        pthread_mutex_unlock(&lock);
        fail("the structure at %p holds a memory already", (const void *)key);
    }
    fresh->key = key;
    fresh->handle = handle;
    fresh->next = NULL;
    *link = fresh;
    pthread_mutex_unlock(&lock);
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

static wasm_engine_t *make_engine(void) {
    wasm_config_t *config = wasm_config_new();
    if (config == NULL) {
        fail_with_reason("no configuration");
    }
    wasm_config_memory_bounds_set(config, bounds);
    wasm_engine_t *engine = wasm_engine_new_with_config(config);
    if (engine == NULL) {
        fail_with_reason("no engine");
    }
    return engine;
}

/* Makes `handle` in the shared store. The lock is held so that no shutdown takes the store away meanwhile. */
static wasm_memory_status_t make_memory(const wasm_memorytype_t *type, wasm_memory_t **handle) {
    pthread_mutex_lock(&lock);
    if (shared_store == NULL) {
        shared_engine = make_engine();
        shared_store = wasm_store_new(shared_engine);
        if (shared_store == NULL) {
            fail_with_reason("no store");
        }
    }
    wasm_memory_status_t status = wasm_memory_try_new(shared_store, type, handle);
    pthread_mutex_unlock(&lock);
    return status;
}

void wasm_rt_memory_shutdown(void) {
    pthread_mutex_lock(&lock);
    wasm_store_t *store = shared_store;
    wasm_engine_t *engine = shared_engine;
    shared_store = NULL;
    shared_engine = NULL;
    pthread_mutex_unlock(&lock);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

/* What generated code reads. The base never moves: neither configuration allows it. */
static void publish(wasm_rt_memory_t *memory, const wasm_memory_t *handle) {
    const wasm_memory_view_t *view = wasm_memory_view(handle);
    memory->data = view->base;
    memory->pages = (uint32_t)wasm_memory_pages(handle);
    memory->size = (uint32_t)view->byte_length;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t initial_pages, uint32_t max_pages) {
    if (initial_pages > MOST_PAGES) {
        fail("%u pages do not fit the 32-bit size of wasm_rt_memory_t", (unsigned)initial_pages);
    }
    /* A module without a maximum passes 65536, other hosts of this header 0xffffffff. */
    uint32_t most = max_pages < MOST_PAGES ? max_pages : MOST_PAGES;

    wasm_memorytype_t *type = NULL;
    if (wasm_memorytype_try_new(initial_pages, true, most, false, false, 16, &type) != WASM_MEMORY_OK) {
        fail_with_reason("bad memory type");
    }
    wasm_memory_t *handle = NULL;
    wasm_memory_status_t status = make_memory(type, &handle);
    wasm_memorytype_delete(type);
    if (status != WASM_MEMORY_OK) {
        fail_with_reason(wasm_memory_status_name(status));
    }
    remember(memory, handle);
    memory->max_pages = max_pages;
    publish(memory, handle);
}

uint32_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t pages) {
    wasm_memory_t *handle = wasm_rt_memory_handle(memory);
    uint64_t previous = 0;
    /* Whatever the reason, and also for a memory that is not ours, wasm knows one answer only. */
    if (wasm_memory_try_grow(handle, pages, &previous) != WASM_MEMORY_OK) {
        return UINT32_MAX;
    }
    publish(memory, handle);
    return (uint32_t)previous;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
    wasm_memory_delete(forget(memory));
    memset(memory, 0, sizeof *memory);
}
