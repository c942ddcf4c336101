/* test_module: modules on memories of ours, in every kind of engine: they run, grow, trap, and the host sees the same
 * bytes through our functions. */
#define _GNU_SOURCE
#include "host.h"

#include <unistd.h>

#define REFUSED UINT64_C(0xffffffff) /* memory.grow's -1 */

/* ---- kinds of engines ---- */

typedef struct {
    const char *name;
    my_wasm_memory_bounds_t bounds, asked;
    uint64_t reservation, guard; /* 0: the default */
    uint64_t slots, slot_bytes;  /* 0: no pool */
    bool may_move;
    my_wasm_memory_bounds_t settled; /* who checks in the end; AUTO: whichever */
} kind_t;

static const kind_t kinds[] = {
    {"default", WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_AUTO, 0, 0, 0, 0, false, WASM_MEMORY_BOUNDS_GUARDED},
    {"guarded", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_GUARDED, 0, 0, 0, 0, false, WASM_MEMORY_BOUNDS_GUARDED},
    {"guarded, a small reservation", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_AUTO, 1048576, 0, 0, 0, false,
     WASM_MEMORY_BOUNDS_GUARDED},
    {"guarded, a small guard", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_AUTO, 0, 65536, 0, 0, false,
     WASM_MEMORY_BOUNDS_GUARDED},
    {"guarded, small both, moving", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_AUTO, 131072, 65536, 0, 0, true,
     WASM_MEMORY_BOUNDS_GUARDED},
    {"guarded, checked all the same", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED, 0, 0, 0, 0, false,
     WASM_MEMORY_BOUNDS_CHECKED},
    {"guarded, pool", WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_AUTO, 0, 0, 8, 16777216, false,
     WASM_MEMORY_BOUNDS_GUARDED},
    {"checked", WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_AUTO, 0, 0, 0, 0, false, WASM_MEMORY_BOUNDS_CHECKED},
    {"checked, a small reservation", WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_AUTO, 1048576, 0, 0, 0, false,
     WASM_MEMORY_BOUNDS_CHECKED},
    {"checked, moving", WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_AUTO, 65536, 0, 0, 0, true,
     WASM_MEMORY_BOUNDS_CHECKED},
    {"checked, pool", WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_AUTO, 0, 0, 8, 16777216, false,
     WASM_MEMORY_BOUNDS_CHECKED},
    {"auto, pool of little slots", WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_AUTO, 0, 0, 8, 1048576, false,
     WASM_MEMORY_BOUNDS_AUTO},
    {"pool of little slots", WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_CHECKED, 0, 0, 8, 1048576, false,
     WASM_MEMORY_BOUNDS_CHECKED},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const kind_t *kind = kinds;

static host_t host_of_kind(void) {
    my_wasm_config_t *const config = my_wasm_config_new();
    my_wasm_memory_wasmtime_options_t options = no_options();
    my_wasm_memory_wasmtime_settings_t settings;
    host_t host;
    my_wasm_config_memory_bounds_set(config, kind->bounds);
    my_wasm_config_memory_may_move_set(config, kind->may_move);
    if (kind->reservation != 0) my_wasm_config_memory_reservation_set(config, kind->reservation);
    if (kind->guard != 0) my_wasm_config_memory_guard_size_set(config, kind->guard);
    if (kind->reservation != 0) my_wasm_config_memory_reservation_for_growth_set(config, 65536);
    if (kind->slots != 0) {
        my_wasm_memory_pool_options_t pool;
        memset(&pool, 0, sizeof pool);
        pool.struct_size = sizeof pool;
        pool.slots = kind->slots;
        pool.slot_bytes = kind->slot_bytes;
        pool.overflow = true;
        my_wasm_config_memory_pool_set(config, &pool);
    }
    options.bounds = kind->asked;
    options.may_move = kind->may_move;
    host = host_as(my_wasm_engine_new_with_config(config), &options, true);
    memset(&settings, 0, sizeof settings);
    settings.struct_size = sizeof settings;
    CHECK_FINE(my_wasm_memory_wasmtime_settings(host.maker, &settings));
    if (kind->settled != WASM_MEMORY_BOUNDS_AUTO) CHECK_EQ(settings.bounds, kind->settled);
    CHECK_EQ(settings.memory_reservation == 0, settings.bounds == WASM_MEMORY_BOUNDS_CHECKED);
    CHECK_EQ(settings.memory_guard_size == 0, settings.bounds == WASM_MEMORY_BOUNDS_CHECKED);
    return host;
}

/* ---- one memory ---- */

TEST(the_host_and_the_guest_see_the_same_bytes) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    const wasmtime_memory_t theirs = memory_named(host, &instance, "m");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    char read[8] = "";

    CHECK(wasmtime_memory_data(host.context, &theirs) == my_wasm_memory_view(memory)->base);
    CHECK_EQ(wasmtime_memory_data_size(host.context, &theirs), PAGE);
    CHECK_EQ(my_wasm_memory_pages(memory), 1);

    /* What the module's data segment wrote, what we write, what the guest writes. */
    CHECK_OK(my_wasm_memory_read(memory, 100, read, 7));
    CHECK(memcmp(read, "segment", 7) == 0);
    CHECK_EQ(call1(host, &instance, "load", 102), 'g');
    CHECK_OK(my_wasm_memory_write(memory, 65535, "!", 1));
    CHECK_EQ(call1(host, &instance, "load", 65535), '!');
    call2(host, &instance, "store", 7, 0xab);
    CHECK_OK(my_wasm_memory_read(memory, 7, read, 1));
    CHECK_EQ((uint8_t)read[0], 0xab);

    /* Bulk operations of both. */
    call3(host, &instance, "copy", 200, 100, 7);
    CHECK_OK(my_wasm_memory_read(memory, 200, read, 7));
    CHECK(memcmp(read, "segment", 7) == 0);
    CHECK_OK(my_wasm_memory_copy_within(memory, 300, 100, 7));
    CHECK_EQ(call1(host, &instance, "load", 306), 't');
    call3(host, &instance, "fill", 1000, 0x77, 3000);
    CHECK_OK(my_wasm_memory_read(memory, 3999, read, 1));
    CHECK_EQ(read[0], 0x77);
    CHECK_OK(my_wasm_memory_erase(memory));
    CHECK_EQ(call1(host, &instance, "load", 3999), 0);
    CHECK_EQ(call0(host, &instance, "size"), 1);

    my_wasm_memory_delete(memory);
    host_delete(host);
}

TEST(it_grows_to_its_maximum_and_no_further) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    const wasmtime_memory_t theirs = memory_named(host, &instance, "m");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    uint64_t previous = 0;

    call2(host, &instance, "store", 65535, 1);
    CHECK_EQ(call1(host, &instance, "grow", 3), 1);
    CHECK_EQ(call0(host, &instance, "size"), 4);
    CHECK_EQ(my_wasm_memory_pages(memory), 4);
    CHECK_EQ(call1(host, &instance, "load", 4 * PAGE - 1), 0);
    call2(host, &instance, "store", 4 * PAGE - 1, 9);
    CHECK_EQ(call1(host, &instance, "load", 65535), 1);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 4 * PAGE, 0);

    /* The host, through wasmtime. */
    CHECK_FINE(wasmtime_memory_grow(host.context, &theirs, 6, &previous));
    CHECK_EQ(previous, 4);
    CHECK_EQ(my_wasm_memory_pages(memory), 10);
    CHECK_EQ(call0(host, &instance, "size"), 10);
    CHECK_EQ(call1(host, &instance, "load", 4 * PAGE - 1), 9);
    CHECK_EQ(call1(host, &instance, "load", 10 * PAGE - 1), 0);

    /* Refused: nothing changes. */
    CHECK_EQ(call1(host, &instance, "grow", 1), REFUSED);
    CHECK_EQ(call1(host, &instance, "grow", 0x10000), REFUSED);
    CHECK(!fine(wasmtime_memory_grow(host.context, &theirs, 1, &previous)));
    CHECK_EQ(call1(host, &instance, "grow", 0), 10);
    CHECK_EQ(my_wasm_memory_pages(memory), 10);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 10 * PAGE, 0);

    /* Found under the base it has now. */
    {
        my_wasm_memory_t *const again = ours_named(host, &instance, "m");
        CHECK(my_wasm_memory_same(memory, again));
        my_wasm_memory_delete(again);
    }
    my_wasm_memory_delete(memory);
    host_delete(host);
}

TEST(far_and_near_out_of_bounds_is_a_trap) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    static const uint64_t far[] = {65536, 65537, 0x20000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
    size_t i;
    for (i = 0; i < sizeof far / sizeof *far; i++) {
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "store", far[i], 1);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_far", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_64k", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_wide", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "store_far", far[i], 0);
    }
    for (i = 0; i < 8; i++) {
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_far", i, 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_64k", i, 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_wide", i, 0);
    }
    check_traps(host, &instance, "copy", 65530, 0, 7, WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, __FILE__, __LINE__);
    check_traps(host, &instance, "fill", 0, 1, 65537, WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, __FILE__, __LINE__);
    CHECK_EQ(call1(host, &instance, "load", 65535), 0);
    CHECK_EQ(call1(host, &instance, "load", 100), 's');
    host_delete(host);
}

/* ---- growth and resets that wasmtime does not hear of ---- */

TEST(growth_through_our_handle_is_seen_after_a_refresh) {
    host_t host;
    wasmtime_instance_t instance;
    wasmtime_memory_t theirs;
    my_wasm_memory_t *memory;
    uint64_t previous = 0;
    if (kind->may_move) return; /* only wasmtime may grow those */
    host = host_of_kind();
    instance = instance_of(host, plain_module);
    theirs = memory_named(host, &instance, "m");
    memory = ours_named(host, &instance, "m");

    CHECK_OK(my_wasm_memory_try_grow(memory, 2, &previous));
    CHECK_EQ(previous, 1);
    CHECK_OK(my_wasm_memory_write(memory, 3 * PAGE - 1, "x", 1));
    CHECK_EQ(call0(host, &instance, "size"), 1);
    CHECK_FINE(my_wasm_memory_wasmtime_refresh(host.context, &theirs));
    CHECK_EQ(call0(host, &instance, "size"), 3);
    CHECK_EQ(wasmtime_memory_data_size(host.context, &theirs), 3 * PAGE);
    CHECK_EQ(call1(host, &instance, "load", 3 * PAGE - 1), 'x');
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 3 * PAGE, 0);

    /* Or with the guest's next growth, which starts from what there is. */
    CHECK_OK(my_wasm_memory_try_grow(memory, 1, &previous));
    CHECK_EQ(call1(host, &instance, "grow", 2), 4);
    CHECK_EQ(call0(host, &instance, "size"), 6);

    /* Shorter again. */
    CHECK_OK(my_wasm_memory_reset(memory, NULL));
    CHECK_FINE(my_wasm_memory_wasmtime_refresh(host.context, &theirs));
    CHECK_EQ(call0(host, &instance, "size"), 1);
    CHECK_EQ(call1(host, &instance, "load", 100), 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", PAGE, 0);
    check_traps(host, &instance, "fill", 0, 1, 65537, WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, __FILE__, __LINE__);
    CHECK_EQ(call1(host, &instance, "grow", 9), 1);
    CHECK_EQ(call1(host, &instance, "load", 10 * PAGE - 1), 0);

    my_wasm_memory_delete(memory);
    host_delete(host);
}

/* A snapshot after start-up, and back to it for each request. */
TEST(an_instance_goes_back_to_a_snapshot) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    const wasmtime_memory_t theirs = memory_named(host, &instance, "m");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    my_wasm_memory_image_t *image = NULL;
    int round;
    call2(host, &instance, "store", 500, 5);
    CHECK_OK(my_wasm_memory_image_from_memory(memory, &image));
    for (round = 0; round < 3; round++) {
        CHECK_EQ(call1(host, &instance, "load", 100), 's');
        CHECK_EQ(call1(host, &instance, "load", 500), 5);
        CHECK_EQ(call1(host, &instance, "load", 600), 0);
        call3(host, &instance, "fill", 0, 0xee, 65536);
        if (!kind->may_move) CHECK_EQ(call1(host, &instance, "grow", 4), 1);
        CHECK_OK(my_wasm_memory_reset(memory, image));
        CHECK_FINE(my_wasm_memory_wasmtime_refresh(host.context, &theirs));
        CHECK_EQ(call0(host, &instance, "size"), 1);
    }
    my_wasm_memory_image_delete(image);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- what else our functions do to such a memory ---- */

TEST(protected_pages_are_traps) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    const my_wasm_memory_status_t status = my_wasm_memory_protect(memory, 0, 4096, WASM_MEMORY_PROT_READ);
    if (status == WASM_MEMORY_UNSUPPORTED) {
        printf("  protection is not for memories of this kind\n");
    } else if (CHECK_STATUS(status, WASM_MEMORY_OK)) {
        CHECK_EQ(call1(host, &instance, "load", 100), 's');
        CHECK_OUT_OF_BOUNDS(host, &instance, "store", 100, 1);
        call2(host, &instance, "store", 4096, 1);
        CHECK_OK(my_wasm_memory_protect(memory, 0, 4096, WASM_MEMORY_PROT_NONE));
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", 100, 0);
        CHECK_OK(my_wasm_memory_protect(memory, 0, 4096, WASM_MEMORY_PROT_READ_WRITE));
        call2(host, &instance, "store", 100, 'S');
        CHECK_EQ(call1(host, &instance, "load", 100), 'S');
    }
    my_wasm_memory_delete(memory);
    host_delete(host);
}

TEST(mapped_files_and_discarded_ranges_are_seen) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(host, plain_module);
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    char path[] = "/tmp/wasmtime-host-XXXXXX", page[4096];
    const int file = mkstemp(path);
    my_wasm_memory_status_t status;
    memset(page, 'f', sizeof page);
    if (!CHECK(file >= 0) || !CHECK_EQ(write(file, page, sizeof page), (ssize_t)sizeof page)) exit(1);
    unlink(path);

    call3(host, &instance, "fill", 0, 0x55, 65536);
    CHECK_OK(my_wasm_memory_discard(memory, 5000, 20000));
    CHECK_EQ(call1(host, &instance, "load", 4999), 0x55);
    CHECK_EQ(call1(host, &instance, "load", 5000), 0);
    CHECK_EQ(call1(host, &instance, "load", 24999), 0);
    CHECK_EQ(call1(host, &instance, "load", 25000), 0x55);

    status = my_wasm_memory_map_file(memory, 8192, file, 0, 4096, WASM_MEMORY_MAP_COPY_ON_WRITE);
    if (status == WASM_MEMORY_UNSUPPORTED) {
        printf("  files are not for memories of this kind\n");
    } else if (CHECK_STATUS(status, WASM_MEMORY_OK)) {
        CHECK_EQ(call1(host, &instance, "load", 8192), 'f');
        call2(host, &instance, "store", 8192, 'g');
        CHECK_EQ(call1(host, &instance, "load", 8192), 'g');
        CHECK_EQ(pread(file, page, 1, 0), 1);
        CHECK_EQ(page[0], 'f');
        CHECK_OK(my_wasm_memory_unmap(memory, 8192, 4096));
        CHECK_EQ(call1(host, &instance, "load", 8192), 0);
    }
    close(file);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

/* While the bytes are lent the guest cannot grow the memory. */
static void while_lent(void *env, uint8_t *data, size_t length) {
    void *const *const both = (void *const *)env;
    const host_t *const host = (const host_t *)both[0];
    const wasmtime_instance_t *const instance = (const wasmtime_instance_t *)both[1];
    CHECK_EQ(length, PAGE);
    CHECK_EQ(data[100], 's');
    CHECK_EQ(call1(*host, instance, "grow", 1), REFUSED);
    CHECK_EQ(call0(*host, instance, "size"), 1);
}

TEST(growth_waits_for_those_who_borrow) {
    host_t host = host_of_kind();
    wasmtime_instance_t instance = instance_of(host, plain_module);
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    void *both[2];
    both[0] = &host;
    both[1] = &instance;
    CHECK_OK(my_wasm_memory_with_data(memory, while_lent, both));
    CHECK_EQ(call1(host, &instance, "grow", 1), 1);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

/* A function of the host that the guest calls, and that finds the memory of its caller. */
static wasm_trap_t *host_function(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments, size_t count,
                                  wasmtime_val_t *results, size_t result_count) {
    my_wasm_memory_wasmtime_t *const maker = (my_wasm_memory_wasmtime_t *)env;
    wasmtime_context_t *const context = wasmtime_caller_context(caller);
    wasmtime_extern_t item;
    my_wasm_memory_t *memory;
    (void)count, (void)results, (void)result_count;
    CHECK(wasmtime_caller_export_get(caller, "m", 1, &item));
    memory = my_wasm_memory_wasmtime_memory(maker, context, &item.of.memory);
    CHECK(memory != NULL);
    CHECK_OK(my_wasm_memory_store_u32(memory, (uint64_t)(uint32_t)arguments[0].of.i32, 0x01020304));
    if (!kind->may_move) {
        CHECK_OK(my_wasm_memory_try_grow(memory, 1, NULL));
        CHECK_FINE(my_wasm_memory_wasmtime_refresh(context, &item.of.memory));
    }
    my_wasm_memory_delete(memory);
    return NULL;
}

TEST(functions_of_the_host_use_the_memory_of_their_caller) {
    const host_t host = host_of_kind();
    wasmtime_module_t *const module = module_of(
        host.engine, "(module (import \"\" \"\" (func $f (param i32))) (memory (export \"m\") 1 9)"
                     " (func (export \"run\") (param i32) (result i32) (call $f (local.get 0))"
                     "  (i32.add (i32.load8_u (local.get 0)) (i32.mul (memory.size) (i32.const 100)))))");
    wasm_functype_t *const type = wasm_functype_new_1_0(wasm_valtype_new_i32());
    wasmtime_extern_t import;
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    memset(&import, 0, sizeof import);
    import.kind = WASMTIME_EXTERN_FUNC;
    wasmtime_func_new(host.context, type, host_function, host.maker, NULL, &import.of.func);
    wasm_functype_delete(type);
    CHECK_FINE(wasmtime_instance_new(host.context, module, &import, 1, &instance, &trap));
    wasmtime_module_delete(module);
    CHECK_EQ(call1(host, &instance, "run", 1000), (kind->may_move ? 100 : 200) + 4);
    host_delete(host);
}

/* ---- other shapes ---- */

TEST(memories_of_64_bits) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(
        host, "(module (memory (export \"m\") i64 1 8) (data (i64.const 65530) \"ending\")"
              " (func (export \"load\") (param i64) (result i32) (i32.load8_u (local.get 0)))"
              " (func (export \"load_far\") (param i64) (result i32) (i32.load offset=0xffffffff0 (local.get 0)))"
              " (func (export \"store\") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))"
              " (func (export \"grow\") (param i64) (result i64) (memory.grow (local.get 0))))");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    my_wasm_memorytype_t *const type = my_wasm_memory_type(memory);
    static const uint64_t far[] = {65536, UINT64_C(1) << 32, UINT64_C(1) << 34, UINT64_C(1) << 47,
                                   UINT64_C(1) << 63, UINT64_MAX - 7, UINT64_MAX};
    size_t i;
    CHECK(my_wasm_memorytype_is64(type));
    my_wasm_memorytype_delete(type);
    CHECK_EQ(call1(host, &instance, "load", 65535), 'g');
    for (i = 0; i < sizeof far / sizeof *far; i++) {
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_far", far[i], 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "store", far[i], 0);
    }
    CHECK_EQ(call1(host, &instance, "grow", 7), 1);
    CHECK_EQ(call1(host, &instance, "load", 8 * PAGE - 1), 0);
    call2(host, &instance, "store", 8 * PAGE - 1, 3);
    CHECK_EQ(call1(host, &instance, "load", 65535), 'g');
    CHECK_EQ(my_wasm_memory_pages(memory), 8);
    CHECK_EQ(call1(host, &instance, "grow", 1), UINT64_MAX);
    CHECK_EQ(call1(host, &instance, "grow", UINT64_C(1) << 48), UINT64_MAX);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 8 * PAGE, 0);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

TEST(pages_of_one_byte) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(
        host, "(module (memory (export \"m\") 5 70000 (pagesize 1)) (data (i32.const 0) \"bytes\")"
              " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
              " (func (export \"load4\") (param i32) (result i32) (i32.load (local.get 0)))"
              " (func (export \"size\") (result i32) (memory.size))"
              " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    CHECK_EQ(my_wasm_memory_page_size(memory), 1);
    CHECK_EQ(call1(host, &instance, "load", 4), 's');
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 5, 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load4", 2, 0);
    CHECK_EQ(call1(host, &instance, "grow", 3), 5);
    CHECK_EQ(call1(host, &instance, "load4", 4), 's');
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 8, 0);
    CHECK_EQ(call1(host, &instance, "grow", 69992), 8);
    CHECK_EQ(call0(host, &instance, "size"), 70000);
    CHECK_EQ(my_wasm_memory_pages(memory), 70000);
    CHECK_EQ(call1(host, &instance, "load", 69999), 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 70000, 0);
    CHECK_EQ(call1(host, &instance, "grow", 1), REFUSED);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

TEST(several_memories_in_a_module) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(
        host, "(module (memory (export \"a\") 1 3) (memory (export \"b\") 0 2) (memory (export \"c\") i64 1)"
              " (data (memory 0) (i32.const 0) \"first\") (data (memory 2) (i64.const 0) \"third\")"
              " (func (export \"copy\") (param i32) (memory.copy 1 0 (local.get 0) (i32.const 0) (i32.const 5)))"
              " (func (export \"load\") (param i32) (result i32) (i32.load8_u 1 (local.get 0)))"
              " (func (export \"grow\") (param i32) (result i32) (memory.grow 1 (local.get 0))))");
    my_wasm_memory_t *const a = ours_named(host, &instance, "a"), *const b = ours_named(host, &instance, "b"),
                            *const c = ours_named(host, &instance, "c");
    char read[5] = "";
    CHECK(!my_wasm_memory_same(a, b) && !my_wasm_memory_same(b, c) && !my_wasm_memory_same(a, c));
    CHECK_EQ(stats_of(host).live, 3);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 0, 0);
    CHECK_EQ(call1(host, &instance, "grow", 1), 0);
    call1(host, &instance, "copy", 10);
    CHECK_OK(my_wasm_memory_read(b, 10, read, 5));
    CHECK(memcmp(read, "first", 5) == 0);
    CHECK_OK(my_wasm_memory_copy_between(b, 20, c, 0, 5));
    CHECK_EQ(call1(host, &instance, "load", 24), 'd');
    CHECK_EQ(my_wasm_memory_pages(a), 1);
    CHECK_EQ(my_wasm_memory_pages(b), 1);
    my_wasm_memory_delete(a);
    my_wasm_memory_delete(b);
    my_wasm_memory_delete(c);
    host_delete(host);
}

/* The host makes one, two instances import it. */
TEST(memories_that_are_imported) {
    const host_t host = host_of_kind();
    static const char text[] =
        "(module (import \"\" \"\" (memory 1 4))"
        " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
        " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
        " (func (export \"store\") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))";
    wasm_memorytype_t *type = NULL;
    wasmtime_extern_t item;
    wasmtime_module_t *const module = module_of(host.engine, text);
    wasmtime_instance_t first, second;
    my_wasm_memory_t *memory;
    wasm_trap_t *trap = NULL;
    CHECK_FINE(wasmtime_memorytype_new(1, true, 4, false, false, 16, &type));
    memset(&item, 0, sizeof item);
    CHECK_FINE(my_wasm_memory_wasmtime_memory_new(host.maker, host.engine, host.context, type, &item));
    CHECK_EQ(item.kind, WASMTIME_EXTERN_MEMORY);
    wasm_memorytype_delete(type);
    CHECK_FINE(wasmtime_instance_new(host.context, module, &item, 1, &first, &trap));
    CHECK_FINE(wasmtime_instance_new(host.context, module, &item, 1, &second, &trap));
    wasmtime_module_delete(module);
    memory = my_wasm_memory_wasmtime_memory(host.maker, host.context, &item.of.memory);
    CHECK(memory != NULL);
    CHECK_EQ(stats_of(host).made, 1);

    call2(host, &first, "store", 9, 99);
    CHECK_EQ(call1(host, &second, "load", 9), 99);
    CHECK_EQ(call1(host, &second, "grow", 3), 1);
    call2(host, &first, "store", 4 * PAGE - 1, 44);
    CHECK_EQ(call1(host, &second, "load", 4 * PAGE - 1), 44);
    CHECK_EQ(call1(host, &first, "grow", 1), REFUSED);
    CHECK_OUT_OF_BOUNDS(host, &first, "load", 4 * PAGE, 0);
    CHECK_EQ(my_wasm_memory_pages(memory), 4);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

/* Larger than what is reserved by default, and by some kinds. */
TEST(large_minimums) {
    const host_t host = host_of_kind();
    wasmtime_instance_t instance;
    const char *const text =
        "(module (memory (export \"m\") 40 80)"
        " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
        " (func (export \"load_64k\") (param i32) (result i32) (i32.load8_u offset=0x10000 (local.get 0)))"
        " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";
    if (!CHECK(try_instance(host, text, &instance))) {
        printf("  %s\n", last_message);
    } else {
        CHECK_EQ(call1(host, &instance, "load", 40 * PAGE - 1), 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", 40 * PAGE, 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load_64k", 39 * PAGE, 0);
        if (call1(host, &instance, "grow", 1) == 40) {
            CHECK_EQ(call1(host, &instance, "load", 41 * PAGE - 1), 0);
            CHECK_OUT_OF_BOUNDS(host, &instance, "load", 41 * PAGE, 0);
        }
    }
    host_delete(host);
}

TEST(a_memory_without_pages) {
    const host_t host = host_of_kind();
    const wasmtime_instance_t instance = instance_of(
        host, "(module (memory (export \"m\") 0)"
              " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
              " (func (export \"load_far\") (param i32) (result i32) (i32.load8_u offset=0xffffffff (local.get 0)))"
              " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    my_wasm_memory_t *const memory = ours_named(host, &instance, "m");
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 0, 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load_far", 0xffffffff, 0);
    CHECK_EQ(call1(host, &instance, "grow", 1), 0);
    CHECK_EQ(call1(host, &instance, "load", 65535), 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 65536, 0);
    my_wasm_memory_delete(memory);
    host_delete(host);
}

int main(int argc, char **argv) {
    for (kind = kinds; kind < kinds + KINDS; kind++) {
        if (argc > 1 && strcmp(argv[1], kind->name) != 0) continue;
        printf("%s\n", kind->name);
        fflush(stdout);
        RUN(the_host_and_the_guest_see_the_same_bytes);
        RUN(it_grows_to_its_maximum_and_no_further);
        RUN(far_and_near_out_of_bounds_is_a_trap);
        RUN(growth_through_our_handle_is_seen_after_a_refresh);
        RUN(an_instance_goes_back_to_a_snapshot);
        RUN(protected_pages_are_traps);
        RUN(mapped_files_and_discarded_ranges_are_seen);
        RUN(growth_waits_for_those_who_borrow);
        RUN(functions_of_the_host_use_the_memory_of_their_caller);
        RUN(memories_of_64_bits);
        RUN(pages_of_one_byte);
        RUN(several_memories_in_a_module);
        RUN(memories_that_are_imported);
        RUN(large_minimums);
        RUN(a_memory_without_pages);
    }
    return check_finish();
}
