/* Preloaded (LD_PRELOAD), it takes the place of some functions of the library. One of them, as MISUSE_BROKEN says, has
 * a defect then, which misuse_anything has to find. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_broken(const char *what) {
    const char *const wanted = getenv("MISUSE_BROKEN");
    return wanted != NULL && strcmp(wanted, what) == 0;
}

/* The library's own. ISO C has no conversion from an object pointer to a function pointer; POSIX has. */
#define OWN(function, name)                         \
    do {                                            \
        void *const found = dlsym(RTLD_NEXT, name); \
        memcpy(&(function), &found, sizeof found);  \
    } while (0)

/* Succeeds, and leaves the bytes. */
wasm_memory_status_t wasm_memory_erase(wasm_memory_t *memory) {
    wasm_memory_status_t (*own)(wasm_memory_t *);
    OWN(own, "wasm_memory_erase");
    return is_broken("erase") ? WASM_MEMORY_OK : own(memory);
}

/* Fails in a way that the header does not list. */
wasm_memory_status_t wasm_memory_unmap(wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    wasm_memory_status_t (*own)(wasm_memory_t *, uint64_t, uint64_t);
    OWN(own, "wasm_memory_unmap");
    return is_broken("status") ? WASM_MEMORY_INTERNAL : own(memory, offset, length);
}

/* Ends the process. */
void wasm_data_segment_drop(wasm_data_segment_t *segment) {
    void (*own)(wasm_data_segment_t *);
    OWN(own, "wasm_data_segment_drop");
    if (is_broken("crash")) raise(SIGSEGV);
    own(segment);
}

/* Forgets to finalize. */
void wasm_store_delete(wasm_store_t *store) {
    void (*own)(wasm_store_t *);
    OWN(own, "wasm_store_delete");
    if (!is_broken("finalizer")) own(store);
}
