/* Three copies of the library in one process: the plain one, one called my_ and one called your_. Each has engines,
 * stores and memories of its own, alive at the same time and used by several threads, and a last error of its own. */
#define _POSIX_C_SOURCE 200809L
#include <wasm_memory.h>

#include <my_wasm_memory/wasm_memory.h>
#include <your_wasm_memory/wasm_memory.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 200

/* COPY(my_): the type my_set, of what my_made makes, my_works uses and my_unmade deletes. */
#define COPY(prefix)                                                                                               \
    struct prefix##set {                                                                                           \
        prefix##wasm_engine_t *engine;                                                                             \
        prefix##wasm_store_t *store;                                                                               \
        prefix##wasm_memorytype_t *type;                                                                           \
        prefix##wasm_memory_t *memory;                                                                             \
    };                                                                                                             \
    static struct prefix##set prefix##made(void) {                                                                 \
        struct prefix##set it = {NULL, NULL, NULL, NULL};                                                          \
        const prefix##wasm_limits_t limits = {1, 4};                                                               \
        it.engine = prefix##wasm_engine_new();                                                                     \
        it.store = prefix##wasm_store_new(it.engine);                                                              \
        it.type = prefix##wasm_memorytype_new(&limits);                                                            \
        it.memory = prefix##wasm_memory_new(it.store, it.type);                                                    \
        return it;                                                                                                 \
    }                                                                                                              \
    static int prefix##works(const struct prefix##set *it, uint64_t value) {                                       \
        uint64_t read = 0, previous = 0;                                                                           \
        return prefix##wasm_memory_store_u64(it->memory, 8, value) == WASM_MEMORY_OK &&                            \
               prefix##wasm_memory_load_u64(it->memory, 8, &read) == WASM_MEMORY_OK && read == value &&            \
               prefix##wasm_memory_try_grow(it->memory, 2, &previous) == WASM_MEMORY_OK && previous == 1 &&        \
               prefix##wasm_memory_view(it->memory)->byte_length == 3 * 65536;                                     \
    }                                                                                                              \
    static void prefix##unmade(struct prefix##set *it) {                                                           \
        prefix##wasm_memory_delete(it->memory);                                                                    \
        prefix##wasm_memorytype_delete(it->type);                                                                  \
        prefix##wasm_store_delete(it->store);                                                                      \
        prefix##wasm_engine_delete(it->engine);                                                                    \
    }

COPY(my_)
COPY(your_)

/* The same for the plain names: a macro cannot be given nothing to paste in C99 without a warning. */
#define plain_wasm_engine_t wasm_engine_t
#define plain_wasm_store_t wasm_store_t
#define plain_wasm_memorytype_t wasm_memorytype_t
#define plain_wasm_memory_t wasm_memory_t
#define plain_wasm_limits_t wasm_limits_t
#define plain_wasm_engine_new wasm_engine_new
#define plain_wasm_store_new wasm_store_new
#define plain_wasm_memorytype_new wasm_memorytype_new
#define plain_wasm_memory_new wasm_memory_new
#define plain_wasm_memory_store_u64 wasm_memory_store_u64
#define plain_wasm_memory_load_u64 wasm_memory_load_u64
#define plain_wasm_memory_try_grow wasm_memory_try_grow
#define plain_wasm_memory_view wasm_memory_view
#define plain_wasm_memory_delete wasm_memory_delete
#define plain_wasm_memorytype_delete wasm_memorytype_delete
#define plain_wasm_store_delete wasm_store_delete
#define plain_wasm_engine_delete wasm_engine_delete
COPY(plain_)

static int failures;

static void expect(int holds, const char *what) {
    if (holds) return;
    printf("does not hold: %s\n", what);
    failures++;
}

static void *use(void *argument) {
    uintptr_t failed = 0;
    (void)argument;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct plain_set plain = plain_made();
        struct my_set my = my_made();
        struct your_set your = your_made();
        if (!plain_works(&plain, round) || !my_works(&my, round + 1) || !your_works(&your, round + 2)) failed++;
        plain_unmade(&plain);
        my_unmade(&my);
        your_unmade(&your);
    }
    return (void *)failed;
}

int main(void) {
    struct plain_set plain = plain_made();
    struct my_set my = my_made();
    struct your_set your = your_made();
    expect(plain_works(&plain, 1) && my_works(&my, 2) && your_works(&your, 3), "each copy works");

    char of_plain[512] = "", of_my[512] = "", of_your[512] = "";
    expect(wasm_memory_store_u64(plain.memory, 111111111, 0) == WASM_MEMORY_OUT_OF_BOUNDS &&
               my_wasm_memory_store_u64(my.memory, 222222222, 0) == WASM_MEMORY_OUT_OF_BOUNDS &&
               your_wasm_memory_store_u64(your.memory, 333333333, 0) == WASM_MEMORY_OUT_OF_BOUNDS,
           "each copy refuses");
    wasm_memory_last_error(of_plain, sizeof of_plain);
    my_wasm_memory_last_error(of_my, sizeof of_my);
    your_wasm_memory_last_error(of_your, sizeof of_your);
    expect(strstr(of_plain, "111111111") && strstr(of_my, "222222222") && strstr(of_your, "333333333"),
           "each copy has its own last error");

    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, use, NULL) != 0) abort();
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        expect(failed == NULL, "threads may use all copies");
    }

    uint64_t read[3] = {0, 0, 0};
    wasm_memory_load_u64(plain.memory, 8, &read[0]);
    my_wasm_memory_load_u64(my.memory, 8, &read[1]);
    your_wasm_memory_load_u64(your.memory, 8, &read[2]);
    expect(read[0] == 1 && read[1] == 2 && read[2] == 3, "each memory has kept its number");
    plain_unmade(&plain);
    my_unmade(&my);
    your_unmade(&your);
    printf("three copies %s\n", failures == 0 ? "work" : "do not work");
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
