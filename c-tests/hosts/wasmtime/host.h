/* host.h: what the tests of the wasmtime adapter make before they test: engines of ours and of wasmtime, modules from
 * text, calls. The prefix of the build is my_. Included first. */
#ifndef HOST_H
#define HOST_H

#include <stdlib.h>

/* Before the header under test: its checks of statuses are for plain names. */
#include "check.h"

#include <wasm_memory_wasmtime.h>

#define PAGE UINT64_C(65536)
#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)

/* ---- errors ---- */

static char last_message[4096]; /* of the error or trap before */
static uint8_t last_trap;       /* code of the trap before; NO_TRAP: none, or one without a code */
#define NO_TRAP 255

static inline void take_name(wasm_name_t *name) {
    const size_t length = name->size < sizeof last_message - 1 ? name->size : sizeof last_message - 1;
    memcpy(last_message, name->data, length);
    last_message[length] = '\0';
    wasm_byte_vec_delete(name);
}

/* Consumes what went wrong; whether nothing did. */
static inline bool worked(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_name_t name;
    last_message[0] = '\0';
    last_trap = NO_TRAP;
    if (error != NULL) {
        wasmtime_error_message(error, &name);
        take_name(&name);
        wasmtime_error_delete(error);
    }
    if (trap != NULL) {
        if (!wasmtime_trap_code(trap, &last_trap)) last_trap = NO_TRAP;
        wasm_trap_message(trap, &name);
        take_name(&name);
        wasm_trap_delete(trap);
    }
    return error == NULL && trap == NULL;
}

static inline bool fine(wasmtime_error_t *error) { return worked(error, NULL); }

/* CHECK_FINE(call): it returns no error. */
#define CHECK_FINE(call) check_report(fine(call), __FILE__, __LINE__, #call, last_message)

/* CHECK_SAYS(call, part): it returns an error whose message has that in it. */
static inline bool check_says(wasmtime_error_t *error, const char *part, const char *file, int line, const char *what) {
    char found[5000];
    if (fine(error)) return check_report(false, file, line, what, ": no error");
    snprintf(found, sizeof found, ": not \"%s\" in: %s", part, last_message);
    return check_report(strstr(last_message, part) != NULL, file, line, what, found);
}
#define CHECK_SAYS(call, part) check_says(call, part, __FILE__, __LINE__, #call)

static inline bool check_ok(my_wasm_memory_status_t actual, my_wasm_memory_status_t expected, const char *file, int line,
                            const char *what) {
    char found[700], detail[512];
    my_wasm_memory_last_error(detail, sizeof detail);
    snprintf(found, sizeof found, ": %s, not %s (last error: %s)", my_wasm_memory_status_name(actual),
             my_wasm_memory_status_name(expected), detail);
    return check_report(actual == expected, file, line, what, found);
}
#define CHECK_STATUS(call, expected) check_ok(call, expected, __FILE__, __LINE__, #call)
#define CHECK_OK(call) CHECK_STATUS(call, WASM_MEMORY_OK)

/* ---- engines ---- */

/* An engine of ours, what makes memories in it, an engine of wasmtime's that uses that, and one store of wasmtime's. */
typedef struct {
    my_wasm_engine_t *ours;
    my_wasm_memory_wasmtime_t *maker;
    wasm_engine_t *engine;
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    int stores_gone; /* before it was made */
} host_t;

/* How many stores of ours are gone, and all handles that were made in them. */
static int stores_gone;
static inline void store_is_gone(void *data) {
    (void)data;
    stores_gone++;
}

static inline my_wasm_engine_t *engine_with_bounds(my_wasm_memory_bounds_t bounds) {
    my_wasm_config_t *const config = my_wasm_config_new();
    my_wasm_config_memory_bounds_set(config, bounds);
    return my_wasm_engine_new_with_config(config);
}

static inline wasm_config_t *config_for_all(void) {
    wasm_config_t *const config = wasm_config_new();
    wasmtime_config_wasm_memory64_set(config, true);
    wasmtime_config_wasm_multi_memory_set(config, true);
    wasmtime_config_wasm_custom_page_sizes_set(config, true);
    wasmtime_config_wasm_threads_set(config, true);
    wasmtime_config_shared_memory_set(config, true);
    return config;
}

static inline my_wasm_memory_wasmtime_options_t no_options(void) {
    my_wasm_memory_wasmtime_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    return options;
}

/* Consumes the engine; `configured` false: wasmtime keeps its own numbers. */
static inline host_t host_as(my_wasm_engine_t *ours, const my_wasm_memory_wasmtime_options_t *options, bool configured) {
    host_t host;
    wasm_config_t *const config = config_for_all();
    memset(&host, 0, sizeof host);
    host.ours = ours;
    CHECK(ours != NULL);
    CHECK_FINE(my_wasm_memory_wasmtime_new(ours, options, &host.maker));
    if (configured)
        CHECK_FINE(my_wasm_memory_wasmtime_configure(host.maker, config));
    else
        CHECK_FINE(my_wasm_memory_wasmtime_creator_set(host.maker, config));
    host.stores_gone = stores_gone;
    my_wasm_store_data_set(my_wasm_memory_wasmtime_store(host.maker), &stores_gone, store_is_gone);
    host.engine = wasm_engine_new_with_config(config);
    host.store = wasmtime_store_new(host.engine, NULL, NULL);
    host.context = wasmtime_store_context(host.store);
    return host;
}

static inline host_t host_of(my_wasm_engine_t *ours) { return host_as(ours, NULL, true); }

static inline my_wasm_memory_wasmtime_stats_t stats_of(host_t host) {
    my_wasm_memory_wasmtime_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_FINE(my_wasm_memory_wasmtime_stats(host.maker, &stats));
    return stats;
}

/* Deletes everything, and nothing of ours is left: neither memories nor handles. */
static inline void host_delete(host_t host) {
    wasmtime_store_delete(host.store);
    CHECK_EQ(stats_of(host).live, 0);
    wasm_engine_delete(host.engine);
    CHECK_EQ(stores_gone, host.stores_gone);
    my_wasm_memory_wasmtime_delete(host.maker);
    CHECK_EQ(stores_gone, host.stores_gone + 1);
    my_wasm_engine_delete(host.ours);
}

/* ---- modules ---- */

static inline wasmtime_module_t *module_of(wasm_engine_t *engine, const char *text) {
    wasm_byte_vec_t bytes;
    wasmtime_module_t *module = NULL;
    if (!CHECK_FINE(wasmtime_wat2wasm(text, strlen(text), &bytes))) exit(1);
    if (!CHECK_FINE(wasmtime_module_new(engine, (const uint8_t *)bytes.data, bytes.size, &module))) exit(1);
    wasm_byte_vec_delete(&bytes);
    return module;
}

/* Whether it could be made; if not, the message is in last_message. */
static inline bool try_instance(host_t host, const char *text, wasmtime_instance_t *out) {
    wasmtime_module_t *const module = module_of(host.engine, text);
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *const error = wasmtime_instance_new(host.context, module, NULL, 0, out, &trap);
    wasmtime_module_delete(module);
    return worked(error, trap);
}

static inline wasmtime_instance_t instance_of(host_t host, const char *text) {
    wasmtime_instance_t instance;
    memset(&instance, 0, sizeof instance);
    if (!check_report(try_instance(host, text, &instance), __FILE__, __LINE__, text, last_message)) exit(1);
    return instance;
}

static inline wasmtime_memory_t memory_named(host_t host, const wasmtime_instance_t *instance, const char *name) {
    wasmtime_extern_t item;
    memset(&item, 0, sizeof item);
    if (!CHECK(wasmtime_instance_export_get(host.context, instance, name, strlen(name), &item))) exit(1);
    if (!CHECK_EQ(item.kind, WASMTIME_EXTERN_MEMORY)) exit(1);
    return item.of.memory;
}

/* Our handle of an exported memory. */
static inline my_wasm_memory_t *ours_named(host_t host, const wasmtime_instance_t *instance, const char *name) {
    const wasmtime_memory_t memory = memory_named(host, instance, name);
    my_wasm_memory_t *const found = my_wasm_memory_wasmtime_memory(host.maker, host.context, &memory);
    if (!CHECK(found != NULL)) exit(1);
    return found;
}

/* Calls an exported function with up to three numbers; the widths are the function's. Whether it returned. */
static inline bool try_call(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name,
                            const uint64_t *arguments, uint64_t *result) {
    wasmtime_extern_t item;
    wasmtime_val_t values[3], returned;
    wasm_functype_t *type;
    const wasm_valtype_vec_t *params;
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error;
    size_t i, results;
    memset(&item, 0, sizeof item);
    memset(&returned, 0, sizeof returned);
    if (!check_report(wasmtime_instance_export_get(context, instance, name, strlen(name), &item) &&
                          item.kind == WASMTIME_EXTERN_FUNC,
                      __FILE__, __LINE__, name, ": no such function"))
        exit(1);
    type = wasmtime_func_type(context, &item.of.func);
    params = wasm_functype_params(type);
    results = wasm_functype_results(type)->size;
    for (i = 0; i < params->size; i++) {
        const bool wide = wasm_valtype_kind(params->data[i]) == WASM_I64;
        values[i].kind = wide ? WASMTIME_I64 : WASMTIME_I32;
        if (wide)
            values[i].of.i64 = (int64_t)arguments[i];
        else
            values[i].of.i32 = (int32_t)(uint32_t)arguments[i];
    }
    error = wasmtime_func_call(context, &item.of.func, values, params->size, &returned, results, &trap);
    wasm_functype_delete(type);
    if (result != NULL)
        *result = returned.kind == WASMTIME_I64 ? (uint64_t)returned.of.i64 : (uint64_t)(uint32_t)returned.of.i32;
    return worked(error, trap);
}

static inline uint64_t call3(host_t host, const wasmtime_instance_t *instance, const char *name, uint64_t a, uint64_t b,
                             uint64_t c) {
    const uint64_t arguments[3] = {a, b, c};
    uint64_t result = 0;
    check_report(try_call(host.context, instance, name, arguments, &result), __FILE__, __LINE__, name, last_message);
    return result;
}
#define call0(host, instance, name) call3(host, instance, name, 0, 0, 0)
#define call1(host, instance, name, a) call3(host, instance, name, a, 0, 0)
#define call2(host, instance, name, a, b) call3(host, instance, name, a, b, 0)

/* The call ends with that trap. */
static inline bool check_traps(host_t host, const wasmtime_instance_t *instance, const char *name, uint64_t a, uint64_t b,
                               uint64_t c, uint8_t code, const char *file, int line) {
    const uint64_t arguments[3] = {a, b, c};
    char found[5000];
    if (!check_report(!try_call(host.context, instance, name, arguments, NULL), file, line, name, ": it does not trap"))
        return false;
    snprintf(found, sizeof found, ": trap %u, not %u: %s", (unsigned)last_trap, (unsigned)code, last_message);
    return check_report(last_trap == code, file, line, name, found);
}
#define CHECK_OUT_OF_BOUNDS(host, instance, name, a, b) \
    check_traps(host, instance, name, a, b, 0, WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, __FILE__, __LINE__)

/* The trap is one, and the guest goes on to work. */
static const char plain_module[] =
    "(module (memory (export \"m\") 1 10)"
    " (data (i32.const 100) \"segment\")"
    " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
    " (func (export \"load_far\") (param i32) (result i32) (i32.load offset=0xfffffffc (local.get 0)))"
    " (func (export \"load_64k\") (param i32) (result i32) (i32.load offset=0x10000 (local.get 0)))"
    " (func (export \"load_wide\") (param i32) (result i64) (i64.load offset=0x1fffff0 (local.get 0)))"
    " (func (export \"store\") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))"
    " (func (export \"store_far\") (param i32 i32) (i32.store offset=0xfffffffc (local.get 0) (local.get 1)))"
    " (func (export \"copy\") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))"
    " (func (export \"fill\") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))"
    " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    " (func (export \"size\") (result i32) (memory.size)))";

#endif
