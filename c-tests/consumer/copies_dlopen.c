/* copies_dlopen MODE PREFIX LIBRARY PREFIX LIBRARY...: differently prefixed copies of the library are opened at run time,
 * used at the same time, closed and opened again. MODE: local or global, what dlopen is told about their names. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_memory.h"

#define COPIES 8

struct copy {
    void *library;
    wasm_engine_t *(*engine_new)(void);
    void (*engine_delete)(wasm_engine_t *);
    wasm_store_t *(*store_new)(wasm_engine_t *);
    void (*store_delete)(wasm_store_t *);
    wasm_memorytype_t *(*memorytype_new)(const wasm_limits_t *);
    void (*memorytype_delete)(wasm_memorytype_t *);
    wasm_memory_t *(*memory_new)(wasm_store_t *, const wasm_memorytype_t *);
    void (*memory_delete)(wasm_memory_t *);
    bool (*memory_grow)(wasm_memory_t *, wasm_memory_pages_t);
    wasm_memory_status_t (*memory_store_u64)(wasm_memory_t *, uint64_t, uint64_t);
    wasm_memory_status_t (*memory_load_u64)(const wasm_memory_t *, uint64_t, uint64_t *);
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_memorytype_t *type;
    wasm_memory_t *memory;
};

static void end(const char *what, const char *why) {
    printf("%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* ISO C has no conversion from an object pointer to a function pointer; POSIX has, and asks for this. */
static void look_up(void *library, const char *prefix, const char *name, void *function) {
    char whole[128];
    snprintf(whole, sizeof whole, "%swasm_%s", prefix, name);
    void *const found = dlsym(library, whole);
    if (found == NULL) end(whole, dlerror());
    memcpy(function, &found, sizeof found);
}

static void open_copy(struct copy *it, int mode, const char *prefix, const char *path) {
    it->library = dlopen(path, RTLD_NOW | mode);
    if (it->library == NULL) end(path, dlerror());
    if (prefix[0] != '\0' && dlsym(it->library, "wasm_engine_new") != NULL) end(path, "has plain names too");
#define LOOK_UP(name) look_up(it->library, prefix, #name, &it->name)
    LOOK_UP(engine_new);
    LOOK_UP(engine_delete);
    LOOK_UP(store_new);
    LOOK_UP(store_delete);
    LOOK_UP(memorytype_new);
    LOOK_UP(memorytype_delete);
    LOOK_UP(memory_new);
    LOOK_UP(memory_delete);
    LOOK_UP(memory_grow);
    LOOK_UP(memory_store_u64);
    LOOK_UP(memory_load_u64);
    const wasm_limits_t limits = {1, 4};
    it->engine = it->engine_new();
    it->store = it->store_new(it->engine);
    it->type = it->memorytype_new(&limits);
    it->memory = it->memory_new(it->store, it->type);
    if (it->memory == NULL) end(path, "makes no memory");
}

static void close_copy(struct copy *it) {
    it->memory_delete(it->memory);
    it->memorytype_delete(it->type);
    it->store_delete(it->store);
    it->engine_delete(it->engine);
    if (dlclose(it->library) != 0) end("dlclose", dlerror());
}

int main(int count, char **arguments) {
    static struct copy copies[COPIES];
    const int all = (count - 2) / 2;
    if (count < 4 || count % 2 != 0 || all > COPIES) end("usage", "copies_dlopen local|global PREFIX LIBRARY...");
    const int mode = strcmp(arguments[1], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;

    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < all; i++) {
            open_copy(&copies[i], mode, arguments[2 + 2 * i], arguments[3 + 2 * i]);
            for (int k = 0; k < i; k++)
                if (copies[k].engine_new == copies[i].engine_new) end(arguments[3 + 2 * i], "is a copy that was there");
        }
        for (int i = 0; i < all; i++)
            if (!copies[i].memory_grow(copies[i].memory, 3) ||
                copies[i].memory_store_u64(copies[i].memory, 4 * 65536 - 8, (uint64_t)(round * all + i)) != WASM_MEMORY_OK)
                end(arguments[3 + 2 * i], "does not work");
        for (int i = 0; i < all; i++) {
            uint64_t read = 0;
            if (copies[i].memory_load_u64(copies[i].memory, 4 * 65536 - 8, &read) != WASM_MEMORY_OK ||
                read != (uint64_t)(round * all + i))
                end(arguments[3 + 2 * i], "has lost its number");
        }
        for (int i = 0; i < all; i++) close_copy(&copies[i]);
    }
    printf("%d copies work, opened %s\n", all, mode == RTLD_GLOBAL ? "for all" : "for themselves");
    return EXIT_SUCCESS;
}
