/*
 * A guest in wasmtime, through its C API: `wasmtime MODULE`. The memories it knows:
 *
 *     own         wasmtime as it is when nobody tells it anything
 *     own-pool    wasmtime's pooling allocator, as it is when nobody tells it anything
 *     own-tuned   the same, told to keep 1 MiB of each memory resident
 *     ours        one of our engines as memory creator, as it is when nobody tells it anything
 *     ours-pool   the same with our pool
 *     ours-kept   the same with a pool that keeps 64 MiB of a deleted memory for the next
 *
 * See serve.h for how it is used. Modules are compiled before anything is timed, once for each engine.
 */
#include <pthread.h>

#include <wasi.h>
#include <wasm.h>
#include <wasmtime.h>

#include "wasm_memory_wasmtime.h"

#include "serve.h"

/* An engine of each kind of memory, with the module ready to be instantiated; made when it is first asked for. */
typedef struct kind {
    const char *name;
    bool is_ours;
    bool pool;
    bool kept;
    bool tuned;
    wasm_engine_t *engine;
    my_wasm_engine_t *our_engine; /* the one behind it, or NULL */
    wasmtime_module_t *module;
    wasmtime_instance_pre_t *ready;
} kind_t;

static kind_t kinds[] = {
    {.name = "own"},
    {.name = "own-pool", .pool = true},
    {.name = "own-tuned", .pool = true, .tuned = true},
    {.name = "ours", .is_ours = true},
    {.name = "ours-pool", .is_ours = true, .pool = true},
    {.name = "ours-kept", .is_ours = true, .pool = true, .kept = true},
};

static const char *module_path;

/* --- making engines ---------------------------------------------------------------------------------------------- */

static void need(wasmtime_error_t *error, wasm_trap_t *trap, const char *what) {
    wasm_byte_vec_t message = {0, NULL};
    if (error != NULL) {
        wasmtime_error_message(error, &message);
    } else if (trap != NULL) {
        wasm_trap_message(trap, &message);
    } else {
        return;
    }
    give_up("wasmtime: %s: %.*s", what, (int)message.size, message.data);
}

static _Noreturn void give_up_ours(const char *what) {
    char reason[512] = "";
    my_wasm_memory_last_error(reason, sizeof reason);
    give_up("wasm_memory: %s: %s", what, reason);
}

static my_wasm_engine_t *make_our_engine(const kind_t *kind) {
    my_wasm_config_t *config = my_wasm_config_new();
    if (config == NULL) {
        give_up_ours("no configuration");
    }
    my_wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    if (kind->pool) {
        my_wasm_memory_pool_options_t options = {.struct_size = sizeof options, .overflow = true};
        if (kind->kept) {
            options.keep_resident_bytes = KEPT_BYTES;
            /* Large memories that wait to be cleaned are not there for the next. */
            options.decommit_batch = 1;
        }
        my_wasm_config_memory_pool_set(config, &options);
    }
    my_wasm_engine_t *engine = my_wasm_engine_new_with_config(config);
    if (engine == NULL) {
        give_up_ours("no engine");
    }
    return engine;
}

static void read_file(const char *path, wasm_byte_vec_t *out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        give_up("%s cannot be read", path);
    }
    long length = ftell(file);
    rewind(file);
    wasm_byte_vec_new_uninitialized(out, (size_t)length);
    if (fread(out->data, 1, out->size, file) != out->size) {
        give_up("%s cannot be read", path);
    }
    fclose(file);
}

static void make_ready(kind_t *kind) {
    wasm_config_t *config = wasm_config_new();
    if (kind->is_ours) {
        kind->our_engine = make_our_engine(kind);
        /* What makes the memories lives as long as the engine of wasmtime, which has a reference of its own. */
        my_wasm_memory_wasmtime_t *memories = NULL;
        need(my_wasm_memory_wasmtime_new(kind->our_engine, NULL, &memories), NULL, "take our engine");
        need(my_wasm_memory_wasmtime_configure(memories, config), NULL, "configure");
        my_wasm_memory_wasmtime_delete(memories);
    } else if (kind->pool) {
        wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
        if (kind->tuned) {
            wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, 1 << 20);
        }
        wasmtime_pooling_allocation_strategy_set(config, pool);
        wasmtime_pooling_allocation_config_delete(pool);
    }
    kind->engine = wasm_engine_new_with_config(config);
    if (kind->engine == NULL) {
        give_up("wasmtime: no engine");
    }
    wasm_byte_vec_t bytes;
    read_file(module_path, &bytes);
    need(wasmtime_module_new(kind->engine, (const uint8_t *)bytes.data, bytes.size, &kind->module), NULL, "compile");
    wasm_byte_vec_delete(&bytes);

    wasmtime_linker_t *linker = wasmtime_linker_new(kind->engine);
    need(wasmtime_linker_define_wasi(linker), NULL, "define WASI");
    need(wasmtime_linker_instantiate_pre(linker, kind->module, &kind->ready), NULL, "link");
    wasmtime_linker_delete(linker);
}

static kind_t *find_kind(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            if (kinds[i].engine == NULL) {
                make_ready(&kinds[i]);
            }
            return &kinds[i];
        }
    }
    give_up("wasmtime has no memory called %s", name);
}

static void drop(kind_t *kind) {
    if (kind->engine != NULL) {
        wasmtime_instance_pre_delete(kind->ready);
        wasmtime_module_delete(kind->module);
        wasm_engine_delete(kind->engine);
        my_wasm_engine_delete(kind->our_engine);
    }
}

/* How many memories our library has made for this engine, ever. */
static uint64_t made_for(const kind_t *kind) {
    if (kind->our_engine == NULL) {
        return 0;
    }
    my_wasm_memory_pool_stats_t stats = {.struct_size = sizeof stats};
    if (my_wasm_engine_pool_stats(kind->our_engine, &stats) != WASM_MEMORY_OK) {
        give_up_ours("no figures of the engine");
    }
    return stats.hits + stats.misses;
}

static wasmtime_extern_t export_of(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name,
                                   wasmtime_extern_kind_t wanted) {
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item) || item.kind != wanted) {
        give_up("wasmtime: %s exports no %s of the kind that is wanted", module_path, name);
    }
    return item;
}

/* --- one run ----------------------------------------------------------------------------------------------------- */

/* What the guest writes is kept until the clock stands still. */
typedef struct text {
    unsigned char *bytes;
    size_t length;
    size_t room;
} text_t;

static ptrdiff_t append(void *to, const unsigned char *bytes, size_t length) {
    text_t *text = to;
    if (length > text->room - text->length) {
        text->room = 2 * text->room + length;
        text->bytes = realloc(text->bytes, text->room);
        if (text->bytes == NULL) {
            give_up("no memory for %zu bytes of output", text->room);
        }
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return (ptrdiff_t)length;
}

static ran_t host_run(const char *memory, const char *input, const char *output, int count, const char **arguments) {
    ran_t ran = {0};
    kind_t *kind = find_kind(memory);
    text_t text = {NULL, 0, 0};
    wasm_byte_vec_t bytes;
    read_file(input, &bytes);
    uint64_t made_before = made_for(kind);

    uint64_t faults = faults_now();
    uint64_t cpu = cpu_now();
    uint64_t start = now_ns();
    wasmtime_store_t *store = wasmtime_store_new(kind->engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    wasi_config_t *wasi = wasi_config_new();
    if (!wasi_config_set_argv(wasi, (size_t)count, arguments)) {
        give_up("wasmtime: the arguments are refused");
    }
    wasi_config_set_stdin_bytes(wasi, &bytes);
    wasi_config_set_stdout_custom(wasi, append, &text, NULL);
    wasi_config_inherit_stderr(wasi);
    need(wasmtime_context_set_wasi(context, wasi), NULL, "set WASI");
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    need(wasmtime_instance_pre_instantiate(kind->ready, context, &instance, &trap), trap, "instantiate");
    wasmtime_extern_t entry = export_of(context, &instance, "_start", WASMTIME_EXTERN_FUNC);
    uint64_t before_run = now_ns();

    wasmtime_error_t *error = wasmtime_func_call(context, &entry.of.func, NULL, 0, NULL, 0, &trap);

    ran.run_ns = now_ns() - before_run;
    /* A WASI program may end by an exit, which is an error here. */
    if (error == NULL || !wasmtime_error_exit_status(error, &ran.exit_status)) {
        need(error, trap, "run");
    } else {
        wasmtime_error_delete(error);
    }
    wasmtime_extern_t linear = export_of(context, &instance, "memory", WASMTIME_EXTERN_MEMORY);
    ran.pages = wasmtime_memory_size(context, &linear.of.memory);
    wasmtime_store_delete(store);
    ran.whole_ns = now_ns() - start;
    ran.cpu_ns = cpu_now() - cpu;
    ran.faults = faults_now() - faults;
    ran.made = made_for(kind) - made_before;

    FILE *file = fopen(output, "wb");
    if (file == NULL || fwrite(text.bytes, 1, text.length, file) != text.length || fclose(file) != 0) {
        give_up("%s cannot be written", output);
    }
    free(text.bytes);
    return ran;
}

/* --- many instances ---------------------------------------------------------------------------------------------- */

typedef struct worker {
    kind_t *kind;
    pthread_barrier_t *begin;
    uint64_t nanoseconds; /* in: how long; out: how long it was */
    uint64_t count;
} worker_t;

/* A store, an instance in it, a byte of its memory written; all dropped. */
static void make_one(kind_t *kind) {
    wasmtime_store_t *store = wasmtime_store_new(kind->engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    need(wasmtime_instance_pre_instantiate(kind->ready, context, &instance, &trap), trap, "instantiate");
    wasmtime_extern_t touch = export_of(context, &instance, "touch", WASMTIME_EXTERN_FUNC);
    wasmtime_val_t address = {.kind = WASMTIME_I32, .of.i32 = 0};
    need(wasmtime_func_call(context, &touch.of.func, &address, 1, NULL, 0, &trap), trap, "touch");
    wasmtime_store_delete(store);
}

static void *work(void *argument) {
    worker_t *worker = argument;
    make_one(worker->kind);
    pthread_barrier_wait(worker->begin);
    uint64_t start = now_ns();
    uint64_t passed = 0;
    while (passed < worker->nanoseconds) {
        for (int i = 0; i < 16; i++) {
            make_one(worker->kind);
        }
        worker->count += 16;
        passed = now_ns() - start;
    }
    worker->nanoseconds = passed;
    return NULL;
}

static rate_t host_rate(const char *memory, unsigned threads, unsigned milliseconds) {
    enum { MOST_THREADS = 64 };
    if (threads < 1 || threads > MOST_THREADS) {
        give_up("%u threads are not between 1 and %d", threads, MOST_THREADS);
    }
    kind_t *kind = find_kind(memory);
    uint64_t made_before = made_for(kind);
    pthread_barrier_t begin;
    pthread_barrier_init(&begin, NULL, threads);
    worker_t workers[MOST_THREADS];
    pthread_t handles[MOST_THREADS];
    /* The first works here: a process of one thread has it easier in the kernel. */
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (worker_t){.kind = kind, .begin = &begin, .nanoseconds = (uint64_t)milliseconds * 1000000u};
        if (i > 0 && pthread_create(&handles[i], NULL, work, &workers[i]) != 0) {
            give_up("no thread");
        }
    }
    work(&workers[0]);
    rate_t rate = {.nanoseconds = workers[0].nanoseconds, .count = workers[0].count};
    for (unsigned i = 1; i < threads; i++) {
        pthread_join(handles[i], NULL);
        rate.count += workers[i].count;
        if (workers[i].nanoseconds > rate.nanoseconds) {
            rate.nanoseconds = workers[i].nanoseconds;
        }
    }
    pthread_barrier_destroy(&begin);
    rate.made = made_for(kind) - made_before;
    return rate;
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        give_up("usage: wasmtime MODULE");
    }
    module_path = arguments[1];
    serve();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        drop(&kinds[i]);
    }
    return 0;
}
