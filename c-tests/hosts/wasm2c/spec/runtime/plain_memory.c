/*
 * The memories of the runtime for wasm2c 1.0.39 without wasm_memory: what a runtime of wasm2c does by itself. 32-bit
 * memories of 64 KiB pages lie in 8 GiB of reserved addresses, all others on the heap and move when they grow. There
 * are no waits and notifies, as there are none in wabt's runtime. It is here to be compared with, and no more.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "glue.h"
#include "wasm-rt-impl.h"

#define RESERVED ((size_t)8 << 30)
#define DEFAULT_PAGE 65536u

enum { MOST = 1024 };
static const uint8_t *reserved[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool wasm_rt_memory_is_guard(const void *address) {
    for (size_t i = 0; i < MOST; i++) {
        const uint8_t *start = __atomic_load_n(&reserved[i], __ATOMIC_ACQUIRE);
        if (start != NULL && (uintptr_t)address - (uintptr_t)start < RESERVED) {
            return true;
        }
    }
    return false;
}

static void remember(const uint8_t *from, const uint8_t *to) {
    for (size_t i = 0; i < MOST; i++) {
        if (reserved[i] == from) {
            __atomic_store_n(&reserved[i], to, __ATOMIC_RELEASE);
            return;
        }
    }
}

static _Noreturn void fail(void) {
    perror("wasm_rt_allocate_memory");
    abort();
}

static void allocate(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64, bool shared,
                     uint32_t page_size) {
    memset(memory, 0, sizeof *memory);
    memory->page_size = page_size;
    memory->is64 = is64;
    memory->shared = shared;
    memory->pages = initial_pages;
    memory->max_pages = max_pages;
    memory->size = initial_pages * page_size;
    memory->guarded = WASM_RT_MEMCHECK_GUARD_PAGES && !is64 && page_size == DEFAULT_PAGE;
    if (memory->guarded) {
        void *start = mmap(NULL, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED || mprotect(start, (size_t)memory->size, PROT_READ | PROT_WRITE) != 0) {
            fail();
        }
        memory->data = start;
        pthread_mutex_lock(&lock);
        remember(NULL, memory->data);
        pthread_mutex_unlock(&lock);
        return;
    }
    memory->data = calloc(memory->size == 0 ? 1 : (size_t)memory->size, 1);
    if (memory->data == NULL) {
        fail();
    }
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64,
                             uint32_t page_size) {
    allocate(memory, initial_pages, max_pages, is64, false, page_size);
}

void wasm_rt_allocate_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t initial_pages, uint64_t max_pages,
                                    bool is64, uint32_t page_size) {
    allocate((wasm_rt_memory_t *)memory, initial_pages, max_pages, is64, true, page_size);
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t delta_pages) {
    const uint64_t previous = memory->pages;
    if (delta_pages == 0) {
        return previous;
    }
    if (delta_pages > memory->max_pages - previous || delta_pages > (UINT64_MAX >> 16) / memory->page_size) {
        return UINT64_MAX;
    }
    const uint64_t size = (previous + delta_pages) * memory->page_size;
    if (memory->guarded) {
        if (mprotect(memory->data, (size_t)size, PROT_READ | PROT_WRITE) != 0) {
            return UINT64_MAX;
        }
    } else {
        uint8_t *moved = realloc(memory->data, (size_t)size);
        if (moved == NULL) {
            return UINT64_MAX;
        }
        memset(moved + memory->size, 0, (size_t)(size - memory->size));
        memory->data = moved;
    }
    memory->pages = previous + delta_pages;
    memory->size = size;
    return previous;
}

uint64_t wasm_rt_grow_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t delta_pages) {
    return wasm_rt_grow_memory((wasm_rt_memory_t *)memory, delta_pages);
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
    if (memory->guarded) {
        pthread_mutex_lock(&lock);
        remember(memory->data, NULL);
        pthread_mutex_unlock(&lock);
        munmap(memory->data, RESERVED);
    } else {
        free(memory->data);
    }
    memset(memory, 0, sizeof *memory);
}

void wasm_rt_free_memory_shared(wasm_rt_shared_memory_t *memory) { wasm_rt_free_memory((wasm_rt_memory_t *)memory); }

/* --- glue --------------------------------------------------------------------------------------------------------- */

void glue_start(void) {}
unsigned long glue_memories(void) { return 0; }
const char *glue_reason(void) { return NULL; }

void glue_make_memory(wasm_rt_memory_t *memory, bool shared) { allocate(memory, 1, 2, false, shared, DEFAULT_PAGE); }

bool glue_matches(const void *memory, uint64_t initial, uint64_t maximum, bool is64, bool shared, uint32_t page_size) {
    const wasm_rt_memory_t *given = memory;
    return given->is64 == is64 && given->shared == shared && given->page_size == page_size &&
           given->pages >= initial && given->max_pages <= maximum;
}
