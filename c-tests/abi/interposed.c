/* A program that has functions of its own under every name that the library exports, as another runtime in the process
 * would: the dynamic linker prefers the program's. The library, reached by its handle, must not notice.
 *
 * Linked with interposed_names.c, which CMake writes from exports.txt: each name defined there calls `taken_over`.
 * Argument: the path of the shared library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#include "support/check.h"

static int calls_taken_over;
void taken_over(const char *name);
void taken_over(const char *name) {
    calls_taken_over++;
    printf("  the library called the program's %s\n", name);
}

/* Names that the other translation unit defines, with types that no header of ours may tell here. */
void wasm_memory_delete(void);
void wasm_memory_data(void);

static const char *library_path;
static void *library;

/* The library's own function of that name, as a pointer of the type given. */
#define OURS(result, name, parameters)                     \
    result(*name) parameters;                              \
    do {                                                   \
        void *const found = dlsym(library, "wasm_" #name); \
        CHECK(found != NULL);                              \
        memcpy(&name, &found, sizeof found);               \
    } while (0)

TEST(names_are_taken_over_at_all) {
    void (*const mine)(void) = wasm_memory_delete;
    void *seen = dlsym(RTLD_DEFAULT, "wasm_memory_delete");
    CHECK(memcmp(&mine, &seen, sizeof seen) == 0);
    CHECK(dlsym(library, "wasm_memory_delete") != seen);
    calls_taken_over = 0;
    wasm_memory_data();
    CHECK_EQ(calls_taken_over, 1);
}

typedef struct {
    uint32_t min, max;
} limits_t;

static int finalized;
static void finalizer(void *info) {
    (void)info;
    finalized++;
}

TEST(the_library_calls_none_of_them) {
    const limits_t limits = {1, 8}, bad = {2, 1};
    struct {
        size_t size;
        void **data;
    } vector, copied;
    size_t stats[64] = {sizeof stats};
    void *config, *engine, *store, *type, *memory, *second, *of_memory;
    uint64_t previous = 77;
    char detail[200];
    OURS(void *, config_new, (void));
    OURS(void, config_memory_may_move_set, (void *, bool));
    OURS(void *, engine_new_with_config, (void *));
    OURS(void, engine_delete, (void *));
    OURS(void *, store_new, (void *));
    OURS(void, store_delete, (void *));
    OURS(void *, memorytype_new, (const limits_t *));
    OURS(void *, memorytype_copy, (void *));
    OURS(void, memorytype_delete, (void *));
    OURS(void, memorytype_vec_new, (void *, size_t, void **));
    OURS(void, memorytype_vec_copy, (void *, void *));
    OURS(void, memorytype_vec_delete, (void *));
    OURS(bool, memorytype_matches, (void *, void *));
    OURS(void *, memory_new, (void *, void *));
    OURS(void *, memory_copy, (void *));
    OURS(bool, memory_same, (void *, void *));
    OURS(void, memory_delete, (void *));
    OURS(void *, memory_type, (void *));
    OURS(bool, memory_grow, (void *, uint32_t));
    OURS(int32_t, memory_try_grow, (void *, uint64_t, uint64_t *));
    OURS(char *, memory_data, (void *));
    OURS(size_t, memory_data_size, (void *));
    OURS(uint32_t, memory_size, (void *));
    OURS(int32_t, memory_fill, (void *, uint64_t, uint8_t, uint64_t));
    OURS(int32_t, memory_copy_within, (void *, uint64_t, uint64_t, uint64_t));
    OURS(void, memory_set_host_info_with_finalizer, (void *, void *, void (*)(void *)));
    OURS(int32_t, memory_stats, (void *, void *));
    OURS(size_t, memory_last_error, (char *, size_t));
    OURS(const char *, memory_status_message, (int32_t));

    calls_taken_over = 0;
    config = config_new();
    config_memory_may_move_set(config, true);
    engine = engine_new_with_config(config);
    store = store_new(engine);
    type = memorytype_new(&limits);
    CHECK(memorytype_new(&bad) == NULL);
    CHECK(memory_last_error(detail, sizeof detail) > 0);
    memory = memory_new(store, type);
    second = memory_copy(memory);
    CHECK(memory != NULL && second != NULL);
    CHECK(memory_same(memory, second));
    CHECK(memory_grow(memory, 3));
    CHECK_EQ(memory_try_grow(second, 1, &previous), 0);
    CHECK_EQ(previous, 4);
    CHECK(memory_try_grow(second, 100, &previous) != 0);
    CHECK_EQ(memory_size(memory), 5);
    CHECK_EQ(memory_data_size(memory), 5 * 65536);
    CHECK_EQ(memory_fill(memory, 10, 7, 100), 0);
    CHECK_EQ(memory_copy_within(memory, 200, 50, 100), 0);
    CHECK_EQ(memory_data(memory)[220], 7);
    CHECK(memory_fill(memory, UINT64_MAX, 7, 100) != 0);
    memory_set_host_info_with_finalizer(memory, NULL, finalizer);
    CHECK_EQ(memory_stats(memory, stats), 0);
    CHECK_EQ(stats[1], 5 * 65536);
    of_memory = memory_type(memory);
    CHECK(memorytype_matches(of_memory, type));
    {
        void *both[2] = {of_memory, memorytype_copy(type)};
        memorytype_vec_new(&vector, 2, both);
        memorytype_vec_copy(&copied, &vector);
        memorytype_vec_delete(&vector);
        memorytype_vec_delete(&copied);
    }
    CHECK(strlen(memory_status_message(4)) > 0);
    memorytype_delete(type);
    store_delete(store);
    engine_delete(engine);
    memory_delete(memory);
    CHECK_EQ(finalized, 0);
    memory_delete(second);
    CHECK_EQ(finalized, 1);
    CHECK_EQ(calls_taken_over, 0);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: interposed PATH-OF-THE-SHARED-LIBRARY\n");
        return 2;
    }
    library_path = argv[1];
    library = dlopen(library_path, RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    RUN(names_are_taken_over_at_all);
    RUN(the_library_calls_none_of_them);
    return check_finish();
}
