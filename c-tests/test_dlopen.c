/* The library is loaded, used on threads that live on, unloaded, and loaded again: no thread that used it may come back
 * into code that is gone. Argument: the path of the shared library. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <dlfcn.h>
#include <pthread.h>

#include "support/children.h"

#define THREADS 4
#define ROUNDS 60

static const char *library_path;

/* What the threads call, looked up anew in every round. */
static struct {
    void *library;
    wasm_engine_t *(*engine_new)(void);
    void (*engine_delete)(wasm_engine_t *);
    wasm_store_t *(*store_new)(wasm_engine_t *);
    void (*store_delete)(wasm_store_t *);
    wasm_memorytype_t *(*type_new)(const wasm_limits_t *);
    void (*type_delete)(wasm_memorytype_t *);
    wasm_memory_t *(*memory_new)(wasm_store_t *, const wasm_memorytype_t *);
    void (*memory_delete)(wasm_memory_t *);
    bool (*memory_grow)(wasm_memory_t *, wasm_memory_pages_t);
    byte_t *(*memory_data)(wasm_memory_t *);
    size_t (*last_error)(char *, size_t);
} api;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX has, and asks for this. */
#define LOOK_UP(field, name)                          \
    do {                                              \
        void *const found = dlsym(api.library, name); \
        CHECK(found != NULL);                         \
        memcpy(&api.field, &found, sizeof found);     \
    } while (0)

static bool load(void) {
    api.library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
    if (!CHECK(api.library != NULL)) {
        printf("  %s\n", dlerror());
        return false;
    }
    LOOK_UP(engine_new, "wasm_engine_new");
    LOOK_UP(engine_delete, "wasm_engine_delete");
    LOOK_UP(store_new, "wasm_store_new");
    LOOK_UP(store_delete, "wasm_store_delete");
    LOOK_UP(type_new, "wasm_memorytype_new");
    LOOK_UP(type_delete, "wasm_memorytype_delete");
    LOOK_UP(memory_new, "wasm_memory_new");
    LOOK_UP(memory_delete, "wasm_memory_delete");
    LOOK_UP(memory_grow, "wasm_memory_grow");
    LOOK_UP(memory_data, "wasm_memory_data");
    LOOK_UP(last_error, "wasm_memory_last_error");
    return true;
}

/* Uses the heap, the address space and whatever the library keeps for a thread: its last error, its warm regions. */
static bool use_on_this_thread(wasm_engine_t *engine) {
    const wasm_limits_t good = {1, 3}, bad = {2, 1};
    wasm_store_t *const store = api.store_new(engine);
    wasm_memorytype_t *const type = api.type_new(&good);
    bool works = store != NULL && type != NULL && api.type_new(&bad) == NULL && api.last_error(NULL, 0) > 0;
    int i;
    for (i = 0; i < 50 && works; i++) {
        wasm_memory_t *const memory = api.memory_new(store, type);
        byte_t *const data = memory != NULL ? api.memory_data(memory) : NULL;
        works = data != NULL && data[i] == 0 && api.memory_grow(memory, 1);
        if (works) memset(data, 1, 2 * 65536);
        api.memory_delete(memory);
    }
    api.type_delete(type);
    api.store_delete(store);
    return works;
}

static pthread_barrier_t used, unloaded;

static void *use_then_outlive(void *engine) {
    const bool works = use_on_this_thread((wasm_engine_t *)engine);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded); /* the library is unloaded; this thread ends after it */
    return works ? NULL : engine;
}

static void one_round(void) {
    pthread_t threads[THREADS];
    wasm_engine_t *engine;
    int i;
    if (!load()) return;
    engine = api.engine_new();
    pthread_barrier_init(&used, NULL, THREADS + 1);
    pthread_barrier_init(&unloaded, NULL, THREADS + 1);
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, use_then_outlive, engine), 0);
    CHECK(use_on_this_thread(engine));
    pthread_barrier_wait(&used);
    api.engine_delete(engine);
    CHECK_EQ(dlclose(api.library), 0);
    pthread_barrier_wait(&unloaded);
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    pthread_barrier_destroy(&used);
    pthread_barrier_destroy(&unloaded);
}

TEST(threads_outlive_the_library) {
    int round;
    for (round = 0; round < ROUNDS; round++) one_round();
}

TEST(loading_again_and_again_leaves_nothing) {
    uint64_t mappings, size;
    int round;
    for (round = 0; round < 10; round++) one_round();
    mappings = process_mappings();
    size = process_kib("VmSize:");
    for (round = 0; round < ROUNDS; round++) one_round();
    CHECK(process_mappings() <= mappings + 8);
    CHECK(process_kib("VmSize:") <= size + 1024);
}

static void end_while_loaded(void *unused) {
    wasm_engine_t *engine;
    (void)unused;
    if (!load()) return;
    engine = api.engine_new();
    CHECK(use_on_this_thread(engine));
    api.engine_delete(engine);
}

TEST(a_process_may_end_with_the_library_loaded) { CHECK_EQ(in_child(end_while_loaded, NULL), 0); }

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_dlopen PATH-OF-THE-SHARED-LIBRARY\n");
        return 2;
    }
    library_path = argv[1];
    RUN(threads_outlive_the_library);
    RUN(loading_again_and_again_leaves_nothing);
    RUN(a_process_may_end_with_the_library_loaded);
    return check_finish();
}
