/* wasmtime_module: a module in a real wasmtime whose memory is ours; the host reads what the guest wrote, and the other
 * way round, through our API.
 *
 * libwasmtime exports the names of the standard wasm.h itself, so this needs a build of the library with prefixed names:
 *
 *     make install PREFIX=/opt/prefixed WASM_MEMORY_SYMBOL_PREFIX=my_
 *     export PKG_CONFIG_PATH=/opt/prefixed/lib/pkgconfig
 *     cc wasmtime_module.c -I WASMTIME/include $(pkg-config --cflags --libs my_wasm_memory) \
 *         -L WASMTIME/lib -lwasmtime -Wl,-rpath,WASMTIME/lib:/opt/prefixed/lib
 *
 * WASMTIME is where a release of wasmtime's C API was unpacked (41 to 50). In here wasm_ and wasmtime_ are wasmtime's,
 * my_wasm_ is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm_memory_wasmtime.h>

static const char module_text[] =
    "(module"
    "  (memory (export \"memory\") 1 10)"
    "  (func (export \"write_hello\") (param i32)"
    "    (i32.store8 (local.get 0) (i32.const 72))"
    "    (i32.store8 (i32.add (local.get 0) (i32.const 1)) (i32.const 101))"
    "    (i32.store8 (i32.add (local.get 0) (i32.const 2)) (i32.const 108))"
    "    (i32.store8 (i32.add (local.get 0) (i32.const 3)) (i32.const 108))"
    "    (i32.store8 (i32.add (local.get 0) (i32.const 4)) (i32.const 111)))"
    "  (func (export \"read_byte\") (param i32) (result i32)"
    "    (i32.load8_u (local.get 0))))";

static void end(const char *what, const char *message, size_t length) {
    fflush(stdout);
    fprintf(stderr, "%s: %.*s\n", what, (int)length, message);
    exit(1);
}

static void expect(wasmtime_error_t *error, const char *what) {
    wasm_name_t message;
    if (error == NULL) return;
    wasmtime_error_message(error, &message);
    end(what, message.data, message.size);
}

static void expect_ok(my_wasm_memory_status_t status, const char *what) {
    char reason[512];
    if (status == WASM_MEMORY_OK) return;
    my_wasm_memory_last_error(reason, sizeof reason);
    end(what, reason, strlen(reason));
}

static wasmtime_extern_t exported(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name) {
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item)) end(name, "not exported", 12);
    return item;
}

/* Calls a function with one number; false: it trapped, at an address that is not the memory's. */
static bool call(wasmtime_context_t *context, wasmtime_func_t *function, int32_t argument, wasmtime_val_t *result,
                 size_t results) {
    wasmtime_val_t value;
    wasm_trap_t *trap = NULL;
    wasmtime_trap_code_t code = WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED;
    value.kind = WASMTIME_I32;
    value.of.i32 = argument;
    expect(wasmtime_func_call(context, function, &value, 1, result, results, &trap), "a call");
    if (trap == NULL) return true;
    if (!wasmtime_trap_code(trap, &code) || code != WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS)
        end("a call", "another trap than was expected", 30);
    wasm_trap_delete(trap);
    return false;
}

int main(void) {
    /* Ours: policy and pool; and what makes memories out of it for wasmtime. */
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *memories = NULL;
    wasm_config_t *const config = wasm_config_new();
    wasm_engine_t *engine;
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasm_byte_vec_t bytes;
    wasmtime_module_t *module = NULL;
    wasmtime_instance_t instance;
    wasmtime_extern_t memory_export, write_hello, read_byte;
    my_wasm_memory_t *memory;
    wasm_trap_t *trap = NULL;
    wasmtime_val_t result;
    uint64_t previous = 0;
    char hello[6] = "";
    char dump[256];

    expect(my_wasm_memory_wasmtime_new(ours, NULL, &memories), "what makes memories");
    expect(my_wasm_memory_wasmtime_configure(memories, config), "wasmtime's config");

    /* wasmtime, as usual. */
    engine = wasm_engine_new_with_config(config);
    store = wasmtime_store_new(engine, NULL, NULL);
    context = wasmtime_store_context(store);
    expect(wasmtime_wat2wasm(module_text, strlen(module_text), &bytes), "the text");
    expect(wasmtime_module_new(engine, (const uint8_t *)bytes.data, bytes.size, &module), "the module");
    wasm_byte_vec_delete(&bytes);
    expect(wasmtime_instance_new(context, module, NULL, 0, &instance, &trap), "the instance");
    if (trap != NULL) end("the instance", "it trapped", 10);
    memory_export = exported(context, &instance, "memory");
    write_hello = exported(context, &instance, "write_hello");
    read_byte = exported(context, &instance, "read_byte");

    /* Our handle of the guest's memory. */
    memory = my_wasm_memory_wasmtime_memory(memories, context, &memory_export.of.memory);
    if (memory == NULL) end("the memory", "it is not ours", 14);
    printf("the guest has %llu page of ours\n", (unsigned long long)my_wasm_memory_pages(memory));

    /* The guest writes, we read. */
    call(context, &write_hello.of.func, 100, NULL, 0);
    expect_ok(my_wasm_memory_read(memory, 100, hello, 5), "reading");
    printf("at 100: %s\n", hello);
    if (strcmp(hello, "Hello") != 0) end("at 100", "not Hello", 9);
    expect_ok(my_wasm_memory_hexdump(memory, 96, 16, dump, sizeof dump, NULL), "a dump");
    fputs(dump, stdout);

    /* We write, the guest reads. */
    expect_ok(my_wasm_memory_write(memory, 104, "!", 1), "writing");
    if (!call(context, &read_byte.of.func, 104, &result, 1)) end("read_byte", "it trapped", 10);
    printf("read_byte(104): %c\n", result.of.i32);
    if (result.of.i32 != '!') end("read_byte", "not !", 5);

    /* Past the end our guards, or the checks that wasmtime was told to make, end the call with a trap. */
    if (call(context, &read_byte.of.func, 65536, &result, 1)) end("read_byte", "no trap", 7);
    printf("read_byte(65536): a trap, out of bounds\n");

    /* It grows, and stays where it is. */
    expect(wasmtime_memory_grow(context, &memory_export.of.memory, 2, &previous), "growth");
    printf("it grew from %llu page to %llu\n", (unsigned long long)previous,
           (unsigned long long)my_wasm_memory_pages(memory));
    if (!call(context, &read_byte.of.func, 65536, &result, 1)) end("read_byte", "it trapped", 10);
    if (result.of.i32 != 0) end("read_byte", "not zero", 8);

    /* In any order. */
    my_wasm_memory_delete(memory);
    wasmtime_module_delete(module);
    wasmtime_store_delete(store);
    wasm_engine_delete(engine);
    my_wasm_memory_wasmtime_delete(memories);
    my_wasm_engine_delete(ours);
    return 0;
}
