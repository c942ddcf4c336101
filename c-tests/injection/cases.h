/* cases.h: a case for every function of the library. */
#ifndef CASES_H
#define CASES_H

#include <pthread.h>

#include "injection/scene.h"
#include "support/limiters.h"

/* ---- configs and engines ---- */

static int finalized;
static void count_finalized(void *env) { finalized += env == &finalized; }

static void config_new(const kind_t *kind) {
    wasm_config_t *config;
    (void)kind;
    ARMED_MAKES(config, wasm_config_new());
    wasm_config_delete(config);
}

static void config_delete(const kind_t *kind) {
    wasm_config_t *const config = config_of(kind);
    ARMED_ONLY(wasm_config_delete(config));
}

static void config_setters(const kind_t *kind) {
    wasm_config_t *const config = config_of(kind);
    wasm_memory_pool_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    arm();
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_AUTO);
    wasm_config_memory_reservation_set(config, MIB);
    wasm_config_memory_reservation_for_growth_set(config, MIB);
    wasm_config_memory_guard_size_set(config, MIB);
    wasm_config_guard_before_memory_set(config, false);
    wasm_config_memory_may_move_set(config, true);
    wasm_config_memory_huge_pages_set(config, true);
    wasm_config_memory_exportable_set(config, true);
    wasm_config_memory_pool_set(config, &options);
    disarm();
    wasm_config_delete(config);
}

static void config_memory_allocator_set(const kind_t *kind) {
    wasm_config_t *const config = config_of(kind);
    wasm_engine_t *engine;
    wasm_memory_allocator_t allocator;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = block_new;
    allocator.env = &finalized;
    allocator.finalizer = count_finalized;
    finalized = 0;
    ARMED_ONLY(wasm_config_memory_allocator_set(config, &allocator));
    errno = 0;
    engine = wasm_engine_new_with_config(config);
    /* It has no status of its own: the engine that is made of it has. */
    CHECK(engine != NULL || run.refused_here != 0);
    CHECK_EQ(finalized, engine == NULL);
    wasm_engine_delete(engine);
    CHECK_EQ(finalized, 1);
}

static void use_engine(wasm_engine_t *engine) {
    host_t host;
    host.engine = engine;
    host.store = wasm_store_new(engine);
    if (CHECK(host.store != NULL)) {
        wasm_memory_t *const memory = memory_of(host, usual);
        CHECK(is_zero((const uint8_t *)wasm_memory_data(memory), wasm_memory_data_size(memory)));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

static void engine_new(const kind_t *kind) {
    wasm_engine_t *engine;
    (void)kind;
    if (ARMED_MAKES(engine, wasm_engine_new())) use_engine(engine);
}

static void engine_new_with_config(const kind_t *kind) {
    wasm_config_t *const config = config_of(kind);
    wasm_engine_t *engine;
    if (ARMED_MAKES(engine, wasm_engine_new_with_config(config))) use_engine(engine);
}

/* An engine with idle memories: written ones, one that remembers an image, one that was shared. */
static host_t host_with_idle(const kind_t *kind) {
    const host_t host = host_of(kind);
    wasm_memory_image_t *const image = painted_image(100 * KIB);
    wasm_memory_t *memories[4];
    int i;
    for (i = 0; i < 3; i++) {
        memories[i] = i == 1 ? memory_from(host, shape(2, 12, false, false, 16), image) : memory_of(host, usual);
        memset(wasm_memory_data(memories[i]), 0x77, wasm_memory_data_size(memories[i]));
    }
    for (i = 0; i < 3; i++) wasm_memory_delete(memories[i]);
    wasm_memory_image_delete(image);
    return host;
}

static void engine_delete(const kind_t *kind) {
    const host_t host = host_with_idle(kind);
    wasm_store_delete(host.store);
    ARMED_ONLY(wasm_engine_delete(host.engine));
}

static void engine_pool_trim(const kind_t *kind) {
    scene_t scene;
    memset(&scene, 0, sizeof scene);
    scene.host = host_with_idle(kind);
    scene.of = usual;
    ARMED(wasm_engine_pool_trim(scene.host.engine));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    others_are_clean(&scene);
    host_delete(scene.host);
}

static void engine_pool_stats(const kind_t *kind) {
    const host_t host = host_with_idle(kind);
    wasm_memory_pool_stats_t stats;
    memset(&stats, 0xaa, sizeof stats);
    stats.struct_size = sizeof stats;
    ARMED(wasm_engine_pool_stats(host.engine, &stats));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    CHECK_EQ(stats.live, 0);
    host_delete(host);
}

/* ---- types ---- */

static void memorytype_new(const kind_t *kind) {
    const wasm_limits_t limits = {1, 2};
    wasm_memorytype_t *type;
    (void)kind;
    ARMED_MAKES(type, wasm_memorytype_new(&limits));
    wasm_memorytype_delete(type);
}

static void memorytype_try_new(const kind_t *kind) {
    wasm_memorytype_t *type = (wasm_memorytype_t *)&finalized;
    (void)kind;
    ARMED(wasm_memorytype_try_new(1, true, 2, true, true, 16, &type));
    CHECK_EQ(run_status == WASM_MEMORY_OK, type != NULL);
    wasm_memorytype_delete(type);
}

static void memorytype_copy(const kind_t *kind) {
    wasm_memorytype_t *const type = type_of(usual), *copy;
    (void)kind;
    if (ARMED_MAKES(copy, wasm_memorytype_copy(type))) CHECK_EQ(wasm_memorytype_minimum(copy), usual.minimum);
    wasm_memorytype_delete(copy);
    CHECK_EQ(wasm_memorytype_minimum(type), usual.minimum);
    wasm_memorytype_delete(type);
}

static void memorytype_questions(const kind_t *kind) {
    wasm_memorytype_t *const type = type_of(usual);
    uint64_t maximum = 77;
    (void)kind;
    arm();
    CHECK_EQ(wasm_memorytype_limits(type)->max, 12);
    CHECK_EQ(wasm_memorytype_minimum(type), 1);
    CHECK(wasm_memorytype_maximum(type, &maximum));
    CHECK(!wasm_memorytype_is64(type));
    CHECK(!wasm_memorytype_isshared(type));
    CHECK_EQ(wasm_memorytype_page_size(type), PAGE);
    CHECK_EQ(wasm_memorytype_page_size_log2(type), 16);
    CHECK(wasm_memorytype_matches(type, type));
    wasm_memorytype_delete(type);
    disarm();
    CHECK_EQ(maximum, 12);
}

static void memorytype_vec_new(const kind_t *kind) {
    wasm_memorytype_t *types[3];
    wasm_memorytype_vec_t vector = {77, (wasm_memorytype_t **)types};
    int i;
    (void)kind;
    for (i = 0; i < 3; i++) types[i] = type_of(usual);
    ARMED_ONLY(wasm_memorytype_vec_new(&vector, 3, types));
    CHECK_EQ(vector.size, vector.data == NULL ? 0 : 3);
    if (vector.data == NULL) {
        made(run.of->function, NULL, __FILE__, __LINE__);
        for (i = 0; i < 3; i++) wasm_memorytype_delete(types[i]); /* they stayed ours */
    }
    wasm_memorytype_vec_delete(&vector);
}

static void memorytype_vec_new_uninitialized(const kind_t *kind) {
    wasm_memorytype_vec_t vector = {77, NULL};
    (void)kind;
    ARMED_ONLY(wasm_memorytype_vec_new_uninitialized(&vector, 3));
    CHECK_EQ(vector.size, vector.data == NULL ? 0 : 3);
    if (vector.data == NULL) made(run.of->function, NULL, __FILE__, __LINE__);
    wasm_memorytype_vec_delete(&vector);
}

static void memorytype_vec_copy(const kind_t *kind) {
    wasm_memorytype_vec_t source, copy = {77, NULL};
    size_t i;
    (void)kind;
    wasm_memorytype_vec_new_uninitialized(&source, 3);
    for (i = 0; i < 2; i++) source.data[i] = type_of(usual); /* the third stays NULL */
    ARMED_ONLY(wasm_memorytype_vec_copy(&copy, &source));
    CHECK_EQ(copy.size, copy.data == NULL ? 0 : 3);
    if (copy.data == NULL) made(run.of->function, NULL, __FILE__, __LINE__);
    for (i = 0; i < copy.size; i++)
        CHECK_EQ(copy.data[i] == NULL ? 0 : wasm_memorytype_minimum(copy.data[i]), i < 2);
    wasm_memorytype_vec_delete(&copy);
    CHECK_EQ(wasm_memorytype_minimum(source.data[1]), 1);
    wasm_memorytype_vec_delete(&source);
}

static void memorytype_vec_others(const kind_t *kind) {
    wasm_memorytype_vec_t vector, empty;
    (void)kind;
    wasm_memorytype_vec_new_uninitialized(&vector, 2);
    vector.data[0] = type_of(usual);
    arm();
    wasm_memorytype_vec_new_empty(&empty);
    wasm_memorytype_vec_delete(&vector);
    wasm_memorytype_vec_delete(&empty);
    disarm();
}

/* ---- stores ---- */

static void store_new(const kind_t *kind) {
    host_t host = host_of(kind);
    wasm_store_delete(host.store);
    if (ARMED_MAKES(host.store, wasm_store_new(host.engine))) wasm_memory_delete(memory_of(host, usual));
    host_delete(host);
}

static void store_delete(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED_ONLY(wasm_store_delete(scene.host.store));
    is_unchanged(&scene);
    scene.host.store = wasm_store_new(scene.host.engine);
    scene_ends(&scene, false);
}

static void store_data(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    uint8_t *data;
    size_t length;
    void *own;
    finalized = 0;
    arm();
    wasm_store_data_set(scene.host.store, &finalized, count_finalized);
    CHECK(wasm_store_data(scene.host.store) == &finalized);
    CHECK_STATUS(wasm_memory_data_and_store(scene.memory, &data, &length, &own), WASM_MEMORY_OK);
    wasm_store_data_set(scene.host.store, NULL, NULL);
    disarm();
    CHECK(own == &finalized);
    CHECK_EQ(finalized, 1);
    scene_ends(&scene, false);
}

static void store_limits_set(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    const wasm_memory_limits_t limits = limits_of(MIB, 2 * MIB, 5);
    ARMED(wasm_store_limits_set(scene.host.store, &limits));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(scene.memory, 11 + 6, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void store_limiter_set(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t watch = watching(scene.host), before = watching(scene.host);
    const wasm_memory_limiter_t limiter = limiter_of(&watch);
    limiter_set(scene.host.store, &before);
    if (ARMED(wasm_store_limiter_set(scene.host.store, &limiter))) {
        CHECK_EQ(before.finalized, 1);
        CHECK_EQ(watch.finalized, 0);
    } else {
        CHECK_EQ(before.finalized, 0);
        CHECK_EQ(watch.finalized, 1);
    }
    is_unchanged(&scene);
    limiter_none(scene.host.store);
    CHECK_EQ(before.finalized + watch.finalized, 2);
    scene_ends(&scene, false);
}

static void store_limiter_async_set(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t watch = watching(scene.host), before = watching(scene.host);
    const wasm_memory_limiter_async_t limiter = limiter_async_of(&watch);
    limiter_async_set(scene.host.store, &before);
    if (ARMED(wasm_store_limiter_async_set(scene.host.store, &limiter))) {
        CHECK_EQ(before.finalized, 1);
        CHECK_EQ(watch.finalized, 0);
    } else {
        CHECK_EQ(before.finalized, 0);
        CHECK_EQ(watch.finalized, 1);
    }
    is_unchanged(&scene);
    limiter_none(scene.host.store);
    CHECK_EQ(before.finalized + watch.finalized, 2);
    scene_ends(&scene, false);
}

/* ---- creation ---- */

/* What the case's `what` points to: of which type. */
static const shape_t *shape_wanted(void) { return run.of->what != NULL ? (const shape_t *)run.of->what : &usual; }

static const shape_t of_64_bits = {2, 12, true, false, 16};
static const shape_t of_1_byte = {70000, 700000, false, false, 0};
static const shape_t of_nothing = {0, 12, false, false, 16};
static const shape_t to_share = {1, 12, false, true, 16};

static void created(scene_t *scene) {
    if (scene->memory != NULL) {
        const uint64_t length = wasm_memory_data_size(scene->memory);
        CHECK_EQ(length, scene->of.minimum * page_of(scene->of));
        CHECK(is_zero((const uint8_t *)wasm_memory_data(scene->memory), length));
        works(scene, true);
    }
    wasm_memory_delete(scene->memory);
    others_are_clean(scene);
    host_delete(scene->host);
}

static void memory_try_new(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *type;
    memset(&scene, 0, sizeof scene);
    scene.of = *shape_wanted();
    type = type_of(scene.of);
    scene.host = host_of(kind);
    scene.memory = (wasm_memory_t *)&finalized;
    ARMED(wasm_memory_try_new(scene.host.store, type, &scene.memory));
    CHECK_EQ(run_status == WASM_MEMORY_OK, scene.memory != NULL);
    wasm_memorytype_delete(type);
    created(&scene);
}

/* Of huge pages, as far as there are some. */
static void memory_try_new_huge(const kind_t *kind) {
    static const kind_t huge = {.name = "huge pages", .bounds = WASM_MEMORY_BOUNDS_AUTO, .huge_pages = true};
    memory_try_new(&huge);
    (void)kind;
}

static void memory_new(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *const type = type_of(usual);
    memset(&scene, 0, sizeof scene);
    scene.of = usual;
    scene.host = host_of(kind);
    ARMED_MAKES(scene.memory, wasm_memory_new(scene.host.store, type));
    wasm_memorytype_delete(type);
    created(&scene);
}

/* Where others were that wrote. */
static void memory_try_new_again(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *const type = type_of(usual);
    memset(&scene, 0, sizeof scene);
    scene.of = usual;
    scene.host = host_with_idle(kind);
    ARMED(wasm_memory_try_new(scene.host.store, type, &scene.memory));
    CHECK_EQ(run_status == WASM_MEMORY_OK, scene.memory != NULL);
    wasm_memorytype_delete(type);
    created(&scene);
}

static void memory_try_new_limited(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *const type = type_of(usual);
    watch_t watch;
    memset(&scene, 0, sizeof scene);
    scene.of = usual;
    scene.host = host_of(kind);
    watch = watching(scene.host);
    limiter_set(scene.host.store, &watch);
    limits_set(scene.host.store, 10 * MIB, 20 * MIB, 10);
    ARMED(wasm_memory_try_new(scene.host.store, type, &scene.memory));
    CHECK_EQ(run_status == WASM_MEMORY_OK, scene.memory != NULL);
    CHECK_EQ(watch.asked, 1);
    CHECK_EQ(watch.failed, scene.memory == NULL);
    CHECK_EQ(watch.status, run_status);
    limiter_none(scene.host.store);
    CHECK_EQ(watch.finalized, 1);
    wasm_memorytype_delete(type);
    created(&scene);
}

typedef enum { SMALL, LARGE, SNAPSHOT } image_kind_t;
static const image_kind_t small = SMALL, large = LARGE, snapshots = SNAPSHOT;

/* 4 pages hold them. */
static wasm_memory_image_t *image_kind(image_kind_t which, host_t host, uint64_t *end) {
    *end = which == SMALL ? 10 * KIB : 256 * KIB;
    if (which == SMALL) return painted_image(*end);
    if (which == LARGE) {
        /* More than is copied: it begins behind the first page. */
        static uint8_t bytes[320 * 1024];
        paint(bytes, 0, sizeof bytes);
        *end = sizeof bytes;
        return image_of(0, bytes, sizeof bytes);
    }
    {
        wasm_memory_t *const memory = memory_of(host, shape(6, 12, false, false, 16));
        wasm_memory_image_t *image;
        paint((uint8_t *)wasm_memory_data(memory), 0, *end);
        image = snapshot(memory);
        wasm_memory_delete(memory);
        return image;
    }
}

static void has_image(scene_t *scene, uint64_t end) {
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene->memory);
    CHECK(is_painted(bytes, 0, end));
    CHECK(is_zero(bytes + end, wasm_memory_data_size(scene->memory) - end));
}

static void memory_new_from_image(const kind_t *kind) {
    scene_t scene;
    uint64_t end, pages;
    const image_kind_t which = *(const image_kind_t *)run.of->what;
    wasm_memory_image_t *image;
    wasm_memorytype_t *type;
    memset(&scene, 0, sizeof scene);
    scene.of = shape(5, 12, false, false, 16);
    type = type_of(scene.of);
    scene.host = host_with_idle(kind);
    image = image_kind(which, scene.host, &end);
    pages = which == SNAPSHOT ? 6 : 5;
    ARMED(wasm_memory_new_from_image(scene.host.store, type, image, &scene.memory));
    CHECK_EQ(run_status == WASM_MEMORY_OK, scene.memory != NULL);
    if (scene.memory != NULL) {
        CHECK_EQ(wasm_memory_pages(scene.memory), pages);
        has_image(&scene, end);
        memset(wasm_memory_data(scene.memory), 0x44, (size_t)end);
        works(&scene, true);
        wasm_memory_delete(scene.memory);
    }
    /* Of the same image, in the same place. */
    scene.memory = memory_from(scene.host, scene.of, image);
    has_image(&scene, end);
    wasm_memory_delete(scene.memory);
    wasm_memory_image_delete(image);
    wasm_memorytype_delete(type);
    others_are_clean(&scene);
    host_delete(scene.host);
}

/* ---- deletion ---- */

static void memory_delete(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED_ONLY(wasm_memory_delete(scene.memory));
    others_are_clean(&scene);
    host_delete(scene.host);
}

static void memory_delete_first(const kind_t *kind) {
    run.is_first = true;
    memory_delete(kind);
    run.is_first = false;
}

static void memory_delete_with_more(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const int file = file_of_paint(64 * KIB);
    finalized = 0;
    wasm_memory_set_host_info_with_finalizer(scene.memory, &finalized, count_finalized);
    wasm_memory_map_file(scene.memory, 0, file, 0, 64 * KIB, WASM_MEMORY_MAP_READ_ONLY);
    wasm_memory_map_file(scene.memory, 2 * PAGE, file, 0, 32 * KIB, WASM_MEMORY_MAP_COPY_ON_WRITE);
    wasm_memory_protect(scene.memory, 4 * PAGE, PAGE, WASM_MEMORY_PROT_NONE);
    wasm_memory_dirty_clear(scene.memory);
    ARMED_ONLY(wasm_memory_delete(scene.memory));
    CHECK_EQ(finalized, 1);
    close(file);
    others_are_clean(&scene);
    host_delete(scene.host);
}

static void memory_delete_from_image(const kind_t *kind) {
    scene_t scene;
    uint64_t end;
    wasm_memory_image_t *image;
    memset(&scene, 0, sizeof scene);
    scene.of = shape(5, 12, false, false, 16);
    scene.host = host_of(kind);
    image = image_kind(LARGE, scene.host, &end);
    scene.memory = memory_from(scene.host, scene.of, image);
    memset(wasm_memory_data(scene.memory), 0x11, 100 * KIB);
    ARMED_ONLY(wasm_memory_delete(scene.memory));
    scene.memory = memory_from(scene.host, scene.of, image);
    has_image(&scene, end);
    wasm_memory_delete(scene.memory);
    wasm_memory_image_delete(image);
    others_are_clean(&scene);
    host_delete(scene.host);
}

/* ---- growth ---- */

static void grew(scene_t *scene, bool has, uint64_t delta) {
    const uint64_t more = has ? delta * page_of(scene->of) : 0;
    CHECK_EQ(wasm_memory_data_size(scene->memory), scene->length + more);
    CHECK(has_paint(scene, 0, scene->length));
    CHECK(is_zero((const uint8_t *)wasm_memory_data(scene->memory) + scene->length, more));
}

static const uint64_t one_page = 1, six_pages = 6;

/* Slots that are smaller refuse by themselves. */
static bool fits_slot(uint64_t bytes) { return run.kind->slots == 0 || bytes <= run.kind->slot_bytes; }

static void memory_try_grow(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    const uint64_t delta = fits_slot(7 * PAGE) && run.of->what != NULL ? *(const uint64_t *)run.of->what : 1;
    uint64_t previous = 77;
    const bool has = ARMED(wasm_memory_try_grow(scene.memory, delta, &previous));
    CHECK_EQ(previous, has ? 1 : 0);
    grew(&scene, has, delta);
    scene_ends(&scene, false);
}

static void memory_try_grow_64_bits(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(1, NO_MAXIMUM, true, false, 16));
    grew(&scene, ARMED(wasm_memory_try_grow(scene.memory, 1, NULL)), 1);
    scene_ends(&scene, false);
}

static void memory_try_grow_shared(const kind_t *kind) {
    scene_t scene = scene_with(kind, to_share);
    grew(&scene, ARMED(wasm_memory_try_grow(scene.memory, 1, NULL)), 1);
    scene_ends(&scene, false);
}

static void memory_try_grow_watched(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
    grew(&scene, ARMED(wasm_memory_try_grow(scene.memory, 1, NULL)), 1);
    scene_ends(&scene, false);
}

static void memory_try_grow_with_more(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    uint8_t byte = 0;
    CHECK_STATUS(wasm_memory_protect(scene.memory, 16 * KIB, 16 * KIB, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    grew(&scene, ARMED(wasm_memory_try_grow(scene.memory, 1, NULL)), 1);
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 17 * KIB, 1), WASM_MEMORY_PROTECTED);
    CHECK_STATUS(wasm_memory_load_u8(scene.memory, 17 * KIB, &byte), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_protect(scene.memory, 16 * KIB, 16 * KIB, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void memory_try_grow_limited(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t watch = watching(scene.host);
    limiter_set(scene.host.store, &watch);
    limits_set(scene.host.store, 10 * MIB, 20 * MIB, 10);
    grew(&scene, ARMED(wasm_memory_try_grow(scene.memory, 1, NULL)), 1);
    CHECK_EQ(watch.asked, 1);
    CHECK_EQ(watch.failed, run_status != WASM_MEMORY_OK);
    limiter_none(scene.host.store);
    CHECK_EQ(watch.finalized, 1);
    scene_ends(&scene, false);
}

static void memory_grow(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    bool has;
    arm();
    has = wasm_memory_grow(scene.memory, 1);
    disarm();
    if (!has) failure_is_told(run.of->function, __FILE__, __LINE__);
    grew(&scene, has, 1);
    scene_ends(&scene, false);
}

/* ---- futures ---- */

static bool ended_well(wasm_memory_future_t *future) { return wasm_memory_future_poll(future) == WASM_MEMORY_OK; }

static const bool is_limited = true;

/* With an asynchronous limiter, if the case says so. */
static watch_t *asked_later(host_t host) {
    static watch_t watch;
    watch = watching(host);
    if (run.of->what != NULL) limiter_async_set(host.store, &watch);
    return run.of->what != NULL ? &watch : NULL;
}

static void memory_new_async(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *const type = type_of(usual);
    wasm_memory_future_t *future;
    watch_t *watch;
    memset(&scene, 0, sizeof scene);
    scene.of = usual;
    scene.host = host_of(kind);
    watch = asked_later(scene.host);
    if (ARMED_MAKES(future, wasm_memory_new_async(scene.host.store, type))) {
        wasm_memory_status_t status;
        if (watch != NULL) watch_answer(watch, true);
        status = wasm_memory_future_poll(future);
        CHECK(status == WASM_MEMORY_OK || (run.refused_here != 0 && status == WASM_MEMORY_OUT_OF_MEMORY));
        if (status == WASM_MEMORY_OK) scene.memory = wasm_memory_future_take_memory(future);
        CHECK_EQ(scene.memory != NULL, status == WASM_MEMORY_OK);
    } else if (watch != NULL) {
        while (watch->ticket_count != 0) watch_answer(watch, true);
    }
    wasm_memory_future_delete(future);
    limiter_none(scene.host.store);
    if (watch != NULL) CHECK_EQ(watch->finalized, 1);
    wasm_memorytype_delete(type);
    created(&scene);
}

static void memory_grow_async(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t *const watch = asked_later(scene.host);
    wasm_memory_future_t *future;
    bool has = false;
    if (ARMED_MAKES(future, wasm_memory_grow_async(scene.memory, 1))) {
        if (watch != NULL) watch_answer(watch, true);
        has = ended_well(future);
        CHECK(has || run.refused_here != 0);
        CHECK_EQ(wasm_memory_future_previous_pages(future), has);
    } else if (watch != NULL) {
        while (watch->ticket_count != 0) watch_answer(watch, true);
    }
    wasm_memory_future_delete(future);
    grew(&scene, has, 1);
    limiter_none(scene.host.store);
    if (watch != NULL) CHECK_EQ(watch->finalized, 1);
    scene_ends(&scene, false);
}

/* Poll, or wait. */
static const bool by_waiting = true;

static void memory_future_poll(const kind_t *kind) {
    scene_t scene;
    wasm_memorytype_t *const type = type_of(usual);
    wasm_memory_future_t *future;
    watch_t watch;
    memset(&scene, 0, sizeof scene);
    scene.of = usual;
    scene.host = host_of(kind);
    watch = watching(scene.host);
    limiter_async_set(scene.host.store, &watch);
    future = wasm_memory_new_async(scene.host.store, type);
    if (CHECK(future != NULL)) {
        CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
        watch_answer(&watch, true);
        if (run.of->what != NULL)
            ARMED(wasm_memory_future_wait(future, -1));
        else
            ARMED(wasm_memory_future_poll(future));
        CHECK_EQ(wasm_memory_future_poll(future), run_status); /* again and again the same */
        CHECK_EQ(watch.failed, run_status != WASM_MEMORY_OK);
        scene.memory = wasm_memory_future_take_memory(future);
        CHECK_EQ(scene.memory != NULL, run_status == WASM_MEMORY_OK);
    }
    wasm_memory_future_delete(future);
    limiter_none(scene.host.store);
    CHECK_EQ(watch.finalized, 1);
    wasm_memorytype_delete(type);
    created(&scene);
}

static void memory_future_poll_growth(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t watch = watching(scene.host);
    wasm_memory_future_t *future;
    limiter_async_set(scene.host.store, &watch);
    future = wasm_memory_grow_async(scene.memory, 1);
    if (CHECK(future != NULL)) {
        bool has;
        watch_answer(&watch, true);
        if (run.of->what != NULL)
            has = ARMED(wasm_memory_future_wait(future, -1));
        else
            has = ARMED(wasm_memory_future_poll(future));
        CHECK_EQ(wasm_memory_future_previous_pages(future), has);
        grew(&scene, has, 1);
    }
    wasm_memory_future_delete(future);
    limiter_none(scene.host.store);
    CHECK_EQ(watch.finalized, 1);
    scene_ends(&scene, false);
}

static void is_ready(void *env) { ++*(int *)env; }

static void memory_future_others(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    watch_t watch = watching(scene.host);
    wasm_memory_future_t *future;
    int calls = 0;
    limiter_async_set(scene.host.store, &watch);
    future = wasm_memory_grow_async(scene.memory, 1);
    arm();
    wasm_memory_future_on_ready(future, is_ready, &calls);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    wasm_memory_ticket_resolve(watch_ticket(&watch), false);
    disarm();
    CHECK_EQ(calls, 1);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_delete(future);
    limiter_none(scene.host.store);
    scene_ends(&scene, false);
}

static void memory_future_delete(const kind_t *kind) {
    const host_t host = host_of(kind);
    wasm_memorytype_t *const type = type_of(usual);
    wasm_memory_future_t *const future = wasm_memory_new_async(host.store, type);
    CHECK(ended_well(future)); /* its memory goes with it */
    ARMED_ONLY(wasm_memory_future_delete(future));
    wasm_memorytype_delete(type);
    wasm_memory_delete(memory_of(host, usual));
    host_delete(host);
}

/* ---- handles ---- */

static void memory_handles(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    wasm_memory_t *copy;
    uint8_t *start;
    size_t length;
    uint64_t sum = 0;
    arm();
    copy = wasm_memory_copy(scene.memory);
    CHECK(wasm_memory_same(copy, scene.memory));
    CHECK(wasm_memory_get_host_info(copy) == NULL);
    sum += wasm_memory_size(copy) + wasm_memory_pages(copy) + wasm_memory_page_size(copy) +
           wasm_memory_page_size_log2(copy) + wasm_memory_initial_pages(copy) + wasm_memory_may_move(copy);
    CHECK(wasm_memory_data(copy) == (byte_t *)wasm_memory_view(copy)->base);
    CHECK_STATUS(wasm_memory_accessible(copy, &start, &length), WASM_MEMORY_OK);
    wasm_memory_delete(copy);
    disarm();
    CHECK(sum > PAGE && start != NULL && length >= wasm_memory_data_size(scene.memory));
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void memory_type(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    wasm_memorytype_t *type;
    if (ARMED_MAKES(type, wasm_memory_type(scene.memory))) CHECK_EQ(wasm_memorytype_minimum(type), 1);
    wasm_memorytype_delete(type);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void memory_set_host_info(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED_ONLY(wasm_memory_set_host_info(scene.memory, &scene));
    if (wasm_memory_get_host_info(scene.memory) == NULL)
        failure_is_told(run.of->function, __FILE__, __LINE__);
    else
        CHECK(wasm_memory_get_host_info(scene.memory) == &scene);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void memory_set_host_info_with_finalizer(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    finalized = 0;
    ARMED_ONLY(wasm_memory_set_host_info_with_finalizer(scene.memory, &finalized, count_finalized));
    if (wasm_memory_get_host_info(scene.memory) == NULL) {
        failure_is_told(run.of->function, __FILE__, __LINE__);
        CHECK_EQ(finalized, 1);
    } else {
        CHECK_EQ(finalized, 0);
    }
    is_unchanged(&scene);
    scene_ends(&scene, false);
    CHECK_EQ(finalized, 1);
}

/* ---- accesses ---- */

typedef wasm_memory_status_t access_t(wasm_memory_t *memory);
typedef struct {
    access_t *call;
    bool writes, is_atomic;
} access_case_t;

static uint64_t room_for[8];
#define ROOM ((void *)room_for)
#define ACCESS(name, call, writes, is_atomic)                                             \
    static wasm_memory_status_t access_##name(wasm_memory_t *memory) { return call; }     \
    static const access_case_t the_##name = {access_##name, writes, is_atomic};

/* Each at offset 64 in a page of 16 KiB, past what is painted; the stores store zeros. */
#define AT (64 + 8)
ACCESS(read, wasm_memory_read(memory, AT, ROOM, 40), false, false)
ACCESS(write, wasm_memory_write(memory, AT, memset(ROOM, 0, sizeof room_for), 40), true, false)
ACCESS(load_u8, wasm_memory_load_u8(memory, AT, (uint8_t *)ROOM), false, false)
ACCESS(load_u16, wasm_memory_load_u16(memory, AT, (uint16_t *)ROOM), false, false)
ACCESS(load_u32, wasm_memory_load_u32(memory, AT, (uint32_t *)ROOM), false, false)
ACCESS(load_u64, wasm_memory_load_u64(memory, AT, (uint64_t *)ROOM), false, false)
ACCESS(load_f32, wasm_memory_load_f32(memory, AT, (float *)ROOM), false, false)
ACCESS(load_f64, wasm_memory_load_f64(memory, AT, (double *)ROOM), false, false)
ACCESS(load_v128, wasm_memory_load_v128(memory, AT, (uint8_t *)ROOM), false, false)
ACCESS(store_u8, wasm_memory_store_u8(memory, AT, 0), true, false)
ACCESS(store_u16, wasm_memory_store_u16(memory, AT, 0), true, false)
ACCESS(store_u32, wasm_memory_store_u32(memory, AT, 0), true, false)
ACCESS(store_u64, wasm_memory_store_u64(memory, AT, 0), true, false)
ACCESS(store_f32, wasm_memory_store_f32(memory, AT, 0), true, false)
ACCESS(store_f64, wasm_memory_store_f64(memory, AT, 0), true, false)
ACCESS(store_v128, wasm_memory_store_v128(memory, AT, (const uint8_t *)memset(ROOM, 0, 16)), true, false)
ACCESS(fill, wasm_memory_fill(memory, AT, 0, 5000), true, false)
ACCESS(zero, wasm_memory_zero(memory, AT, 5000), true, false)
ACCESS(copy_within, wasm_memory_copy_within(memory, AT, AT + 1000, 2000), true, false)
ACCESS(copy_within_nonoverlapping, wasm_memory_copy_within_nonoverlapping(memory, AT, AT + 2000, 2000), true, false)
ACCESS(copy_between, wasm_memory_copy_between(memory, AT, memory, AT + 1000, 2000), true, false)
ACCESS(discard, wasm_memory_discard(memory, AT, 9000), true, false)
ACCESS(hexdump, wasm_memory_hexdump(memory, 0, 300, (char *)ROOM, sizeof room_for, NULL), false, false)
ACCESS(atomic_load8, wasm_memory_atomic_load8(memory, AT, (uint8_t *)ROOM), false, true)
ACCESS(atomic_load16, wasm_memory_atomic_load16(memory, AT, (uint16_t *)ROOM), false, true)
ACCESS(atomic_load32, wasm_memory_atomic_load32(memory, AT, (uint32_t *)ROOM), false, true)
ACCESS(atomic_load64, wasm_memory_atomic_load64(memory, AT, (uint64_t *)ROOM), false, true)
ACCESS(atomic_store8, wasm_memory_atomic_store8(memory, AT, 0), true, true)
ACCESS(atomic_store16, wasm_memory_atomic_store16(memory, AT, 0), true, true)
ACCESS(atomic_store32, wasm_memory_atomic_store32(memory, AT, 0), true, true)
ACCESS(atomic_store64, wasm_memory_atomic_store64(memory, AT, 0), true, true)
ACCESS(atomic_rmw8, wasm_memory_atomic_rmw8(memory, WASM_MEMORY_RMW_ADD, AT, 0, NULL), true, true)
ACCESS(atomic_rmw16, wasm_memory_atomic_rmw16(memory, WASM_MEMORY_RMW_ADD, AT, 0, NULL), true, true)
ACCESS(atomic_rmw32, wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, AT, 0, NULL), true, true)
ACCESS(atomic_rmw64, wasm_memory_atomic_rmw64(memory, WASM_MEMORY_RMW_ADD, AT, 0, NULL), true, true)
ACCESS(atomic_cmpxchg8, wasm_memory_atomic_cmpxchg8(memory, AT, 0, 0, NULL), true, true)
ACCESS(atomic_cmpxchg16, wasm_memory_atomic_cmpxchg16(memory, AT, 0, 0, NULL), true, true)
ACCESS(atomic_cmpxchg32, wasm_memory_atomic_cmpxchg32(memory, AT, 0, 0, NULL), true, true)
ACCESS(atomic_cmpxchg64, wasm_memory_atomic_cmpxchg64(memory, AT, 0, 0, NULL), true, true)
ACCESS(atomic_notify, wasm_memory_atomic_notify(memory, AT, 1, NULL), false, true)

static void access_plain(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED(((const access_case_t *)run.of->what)->call(scene.memory));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

/* What a call leaves that the kernel refuses in the middle, as the documentation of wasm_memory_map_file says. */
static bool is_painted_or_zero(const uint8_t *bytes, uint64_t from, uint64_t length) {
    uint64_t i;
    for (i = 0; i < length; i++)
        if (bytes[i] != 0 && bytes[i] != paint_of(from + i)) return false;
    return true;
}

/* In a file that is mapped, where the kernel does it. */
static void access_mapped(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    const access_case_t *const access = (const access_case_t *)run.of->what;
    const int file = file_of_paint(64 * KIB);
    uint8_t *const bytes = (uint8_t *)wasm_memory_data(scene.memory);
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 0, file, 0, 32 * KIB, WASM_MEMORY_MAP_COPY_ON_WRITE),
                 WASM_MEMORY_OK);
    CHECK(is_painted(bytes, 0, 32 * KIB));
    ARMED(access->call(scene.memory));
    if (!access->writes) {
        CHECK(is_painted(bytes, 0, 32 * KIB));
    } else if (run_status != WASM_MEMORY_OK) {
        CHECK(is_painted_or_zero(bytes, 0, 32 * KIB));
    }
    CHECK(is_painted(bytes, 0, AT));
    CHECK(has_paint(&scene, 32 * KIB, scene.length));
    CHECK_STATUS(wasm_memory_unmap(scene.memory, 0, 32 * KIB), WASM_MEMORY_OK);
    CHECK(is_zero(bytes, 32 * KIB));
    close(file);
    scene_ends(&scene, false);
}

static void memory_erase(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    if (ARMED(wasm_memory_erase(scene.memory)))
        CHECK(is_zero((const uint8_t *)wasm_memory_data(scene.memory), scene.length));
    else
        is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void memory_erase_mapped(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene.memory);
    const int file = file_of_paint(64 * KIB);
    CHECK_STATUS(wasm_memory_map_file(scene.memory, PAGE, file, 0, 64 * KIB, WASM_MEMORY_MAP_COPY_ON_WRITE),
                 WASM_MEMORY_OK);
    if (ARMED(wasm_memory_erase(scene.memory)))
        CHECK(is_zero(bytes, scene.length));
    else
        CHECK(is_painted_or_zero(bytes + PAGE, 0, PAGE));
    close(file);
    CHECK_STATUS(wasm_memory_unmap(scene.memory, PAGE, 64 * KIB), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void memory_discard_much(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene.memory);
    if (ARMED(wasm_memory_discard(scene.memory, 16 * KIB, 7 * PAGE))) {
        CHECK(has_paint(&scene, 0, 16 * KIB));
        CHECK(is_zero(bytes + 16 * KIB, 7 * PAGE));
        CHECK(has_paint(&scene, 7 * PAGE + 16 * KIB, scene.length));
    } else {
        is_unchanged(&scene);
    }
    scene_ends(&scene, false);
}

static void memory_init(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    const int file = file_of_paint(64 * KIB);
    wasm_data_segment_t *const segment = wasm_data_segment_new("some bytes", 10);
    uint8_t *const bytes = (uint8_t *)wasm_memory_data(scene.memory);
    if (run.of->what != NULL)
        CHECK_STATUS(wasm_memory_map_file(scene.memory, 0, file, 0, 32 * KIB, WASM_MEMORY_MAP_COPY_ON_WRITE),
                     WASM_MEMORY_OK);
    if (ARMED(wasm_memory_init(scene.memory, 100, segment, 0, 10)))
        CHECK(memcmp(bytes + 100, "some bytes", 10) == 0);
    else
        CHECK(is_painted(bytes, 0, 32 * KIB));
    wasm_data_segment_delete(segment);
    close(file);
    if (run.of->what != NULL) CHECK_STATUS(wasm_memory_unmap(scene.memory, 0, 32 * KIB), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void data_segment_new(const kind_t *kind) {
    wasm_data_segment_t *segment;
    (void)kind;
    ARMED_MAKES(segment, wasm_data_segment_new("some bytes", 10));
    wasm_data_segment_delete(segment);
}

static void data_segment_others(const kind_t *kind) {
    wasm_data_segment_t *const segment = wasm_data_segment_new("some bytes", 10);
    (void)kind;
    arm();
    wasm_data_segment_drop(segment);
    wasm_data_segment_delete(segment);
    disarm();
}

static void see_data(void *env, uint8_t *data, size_t length) { *(bool *)env = data != NULL && length != 0; }

static void memory_with_data(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    bool seen = false, seen_again = false;
    arm();
    CHECK_STATUS(wasm_memory_with_data(scene.memory, see_data, &seen), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, see_data, &seen_again), WASM_MEMORY_OK);
    disarm();
    CHECK(seen && seen_again);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void memory_stats(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    wasm_memory_stats_t stats;
    memset(&stats, 0xaa, sizeof stats);
    stats.struct_size = sizeof stats;
    ARMED(wasm_memory_stats(scene.memory, &stats));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    CHECK_EQ(stats.byte_length, scene.length);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

/* ---- images ---- */

static void memory_image_new(const kind_t *kind) {
    static uint8_t bytes[400 * 1024];
    const image_kind_t which = *(const image_kind_t *)run.of->what;
    const wasm_memory_segment_t segments[] = {{0, bytes, which == SMALL ? 5000 : sizeof bytes},
                                              {600 * KIB, bytes, 100},
                                              {800 * KIB, bytes, 100}};
    scene_t scene = scene_with(kind, shape(13, 13, false, false, 16));
    wasm_memory_image_t *image = (wasm_memory_image_t *)&finalized;
    paint(bytes, 0, sizeof bytes);
    if (ARMED(wasm_memory_image_new(segments, 3, &image))) {
        const uint8_t *const data = (const uint8_t *)wasm_memory_data(scene.memory);
        CHECK_STATUS(wasm_memory_reset(scene.memory, image), WASM_MEMORY_OK);
        CHECK(is_painted(data, 0, segments[0].length));
        CHECK(is_painted(data + 800 * KIB - 0, 0, 100));
        wasm_memory_image_delete(image);
    } else {
        CHECK(image == NULL);
        is_unchanged(&scene);
    }
    wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

static void memory_image_from_memory(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(6, 12, false, false, 16));
    const image_kind_t which = *(const image_kind_t *)run.of->what;
    wasm_memory_image_t *image = (wasm_memory_image_t *)&finalized;
    const int file = file_of_paint(64 * KIB);
    if (which == LARGE) {
        paint((uint8_t *)wasm_memory_data(scene.memory), 0, 300 * KIB);
    } else if (which == SNAPSHOT) {
        CHECK_STATUS(wasm_memory_map_file(scene.memory, 0, file, 0, 32 * KIB, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
    }
    if (ARMED(wasm_memory_image_from_memory(scene.memory, &image))) {
        wasm_memory_t *const other = memory_from(scene.host, scene.of, image);
        CHECK(memcmp(wasm_memory_data(other), wasm_memory_data(scene.memory), scene.length) == 0);
        wasm_memory_delete(other);
        wasm_memory_image_delete(image);
    } else {
        CHECK(image == NULL);
    }
    if (which == SMALL) is_unchanged(&scene);
    close(file);
    if (which == SNAPSHOT) CHECK_STATUS(wasm_memory_unmap(scene.memory, 0, 32 * KIB), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void memory_image_from_memory_first(const kind_t *kind) {
    run.is_first = true;
    memory_image_from_memory(kind);
    run.is_first = false;
}

/* A folder with a name that is longer than what fits on the stack of those who call the system, for the second form. */
static void image_path(char *path, size_t room, bool is_long) {
    snprintf(path, room, "%s", folder);
    while (is_long && strlen(path) < 450) snprintf(path + strlen(path), room - strlen(path), "/.");
    snprintf(path + strlen(path), room - strlen(path), "/image");
}

static int files_in_folder(void) {
    DIR *const open_folder = opendir(folder);
    int count = 0;
    while (CHECK(open_folder != NULL) && readdir(open_folder) != NULL) count++;
    closedir(open_folder);
    return count;
}

static const bool long_path = true;

static void memory_image_save(const kind_t *kind) {
    wasm_memory_image_t *const before = painted_image(5000), *const image = painted_image(300 * KIB);
    wasm_memory_image_t *loaded = NULL;
    char path[1024];
    int count;
    scene_t scene;
    memset(&scene, 0, sizeof scene);
    scene.host = host_of(kind);
    image_path(path, sizeof path, run.of->what != NULL);
    CHECK_STATUS(wasm_memory_image_save(before, path), WASM_MEMORY_OK);
    count = files_in_folder();
    ARMED(wasm_memory_image_save(image, path));
    if (run.what == ALLOCATIONS || run_status == WASM_MEMORY_OK) CHECK_EQ(files_in_folder(), count);
    /* What was there, or the new one, whole. */
    CHECK_STATUS(wasm_memory_image_load(path, &loaded), WASM_MEMORY_OK);
    scene.memory = memory_from(scene.host, shape(5, 12, false, false, 16), loaded);
    has_image(&scene, run_status == WASM_MEMORY_OK ? 300 * KIB : 5000);
    wasm_memory_delete(scene.memory);
    wasm_memory_image_delete(loaded);
    wasm_memory_image_delete(image);
    wasm_memory_image_delete(before);
    host_delete(scene.host);
}

static void memory_image_load(const kind_t *kind) {
    wasm_memory_image_t *const image = painted_image(300 * KIB);
    wasm_memory_image_t *loaded = (wasm_memory_image_t *)&finalized;
    char path[1024];
    scene_t scene;
    memset(&scene, 0, sizeof scene);
    scene.host = host_of(kind);
    image_path(path, sizeof path, run.of->what != NULL);
    CHECK_STATUS(wasm_memory_image_save(image, path), WASM_MEMORY_OK);
    if (ARMED(wasm_memory_image_load(path, &loaded))) {
        scene.memory = memory_from(scene.host, shape(5, 12, false, false, 16), loaded);
        has_image(&scene, 300 * KIB);
        wasm_memory_delete(scene.memory);
    }
    CHECK_EQ(loaded != NULL, run_status == WASM_MEMORY_OK);
    wasm_memory_image_delete(loaded);
    wasm_memory_image_delete(image);
    host_delete(scene.host);
}

static void memory_image_delete(const kind_t *kind) {
    const image_kind_t which = *(const image_kind_t *)run.of->what;
    const host_t host = host_of(kind);
    uint64_t end;
    wasm_memory_image_t *const image = image_kind(which, host, &end);
    ARMED_ONLY(wasm_memory_image_delete(image));
    host_delete(host);
}

static void memory_reset(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(5, 12, false, false, 16));
    uint64_t end = 0, pages = 5;
    wasm_memory_image_t *image = NULL;
    const bool has_grown = wasm_memory_grow(scene.memory, 4);
    CHECK(has_grown || !fits_slot(9 * PAGE) || kind->reservation != 0);
    paint_memory(&scene);
    if (run.of->what != NULL) image = image_kind(*(const image_kind_t *)run.of->what, scene.host, &end);
    if (run.of->what == &snapshots) pages = 6;
    if (kind->host_made) pages = most(pages, wasm_memory_pages(scene.memory));
    if (ARMED(wasm_memory_reset(scene.memory, image))) {
        CHECK_EQ(wasm_memory_pages(scene.memory), pages);
        has_image(&scene, end);
    } else {
        is_unchanged(&scene);
    }
    memset(wasm_memory_data(scene.memory), 0x99, wasm_memory_data_size(scene.memory));
    CHECK_STATUS(wasm_memory_reset(scene.memory, image), WASM_MEMORY_OK);
    has_image(&scene, end);
    scene_ends(&scene, true);
    wasm_memory_image_delete(image);
}

static void memory_reset_first(const kind_t *kind) {
    run.is_first = true;
    memory_reset(kind);
    run.is_first = false;
}

/* From one image to another, with mappings, protections and a watch. */
static void memory_reset_with_more(const kind_t *kind) {
    scene_t scene;
    uint64_t end, other_end;
    const int file = file_of_paint(64 * KIB);
    wasm_memory_image_t *image, *other;
    memset(&scene, 0, sizeof scene);
    scene.host = host_of(kind);
    scene.of = shape(5, 12, false, false, 16);
    image = image_kind(LARGE, scene.host, &end);
    other = image_kind(SMALL, scene.host, &other_end);
    scene.memory = memory_from(scene.host, scene.of, image);
    CHECK_STATUS(wasm_memory_map_file(scene.memory, PAGE, file, 0, 64 * KIB, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_protect(scene.memory, 3 * PAGE, PAGE, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    if (ARMED(wasm_memory_reset(scene.memory, other))) {
        has_image(&scene, other_end);
    } else {
        /* Mappings and protections may have been undone. */
        CHECK_EQ(wasm_memory_pages(scene.memory), 5);
        CHECK(is_painted((const uint8_t *)wasm_memory_data(scene.memory), 0, PAGE));
        CHECK(is_painted((const uint8_t *)wasm_memory_data(scene.memory) + 2 * PAGE, 2 * PAGE, end - 2 * PAGE));
        CHECK_STATUS(wasm_memory_reset(scene.memory, other), WASM_MEMORY_OK);
        has_image(&scene, other_end);
    }
    close(file);
    scene_ends(&scene, true);
    wasm_memory_image_delete(image);
    wasm_memory_image_delete(other);
}

/* ---- changes ---- */

static uint64_t told[64][2];
static size_t told_count;
static void tell_range(void *env, uint64_t offset, uint64_t length) {
    (void)env;
    if (told_count < 64) told[told_count][0] = offset, told[told_count++][1] = length;
}

static bool tells(uint64_t offset) {
    size_t i;
    for (i = 0; i < told_count; i++)
        if (offset >= told[i][0] && offset - told[i][0] < told[i][1]) return true;
    return false;
}

/* `what`: after a clear. */
static void memory_dirty_ranges(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    if (run.of->what != NULL) {
        CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5 * PAGE + 100, 1), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_discard(scene.memory, PAGE, PAGE), WASM_MEMORY_OK);
    }
    told_count = 0;
    if (ARMED(wasm_memory_dirty_ranges(scene.memory, tell_range, NULL))) {
        CHECK(tells(5 * PAGE + 100) || run.of->what == NULL);
        CHECK(tells(PAGE));
    } else {
        CHECK_EQ(told_count, 0);
    }
    /* What was changed is not forgotten by a failure. */
    told_count = 0;
    CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, tell_range, NULL), WASM_MEMORY_OK);
    CHECK(tells(PAGE));
    CHECK(tells(5 * PAGE + 100) || run.of->what == NULL);
    scene_ends(&scene, false);
}

static void memory_dirty_ranges_first(const kind_t *kind) {
    run.is_first = true;
    memory_dirty_ranges(kind);
    run.is_first = false;
}

static void memory_dirty_clear(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const int file = file_of_paint(64 * KIB);
    const uint64_t *const way = (const uint64_t *)run.of->what;
    if (way == &one_page) CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
    if (way == &six_pages)
        CHECK_STATUS(wasm_memory_map_file(scene.memory, PAGE, file, 0, 64 * KIB, WASM_MEMORY_MAP_COPY_ON_WRITE),
                     WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5 * PAGE + 100, 1), WASM_MEMORY_OK);
    if (!ARMED(wasm_memory_dirty_clear(scene.memory))) {
        /* Changes count from where they did. */
        told_count = 0;
        CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, tell_range, NULL), WASM_MEMORY_OK);
        CHECK(tells(5 * PAGE + 100));
    }
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 6 * PAGE + 100, 1), WASM_MEMORY_OK);
    told_count = 0;
    CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, tell_range, NULL), WASM_MEMORY_OK);
    CHECK(tells(6 * PAGE + 100));
    close(file);
    if (way == &six_pages) CHECK_STATUS(wasm_memory_unmap(scene.memory, PAGE, 64 * KIB), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void memory_dirty_clear_first(const kind_t *kind) {
    run.is_first = true;
    memory_dirty_clear(kind);
    run.is_first = false;
}

/* ---- mappings ---- */

static const uint32_t read_only = WASM_MEMORY_MAP_READ_ONLY, copy_on_write = WASM_MEMORY_MAP_COPY_ON_WRITE,
                      shared_mapping = WASM_MEMORY_MAP_SHARED;

static void memory_map_file(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const int file = file_of_paint(128 * KIB);
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene.memory);
    /* Over a part of one that is there. */
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 3 * PAGE, file, 0, PAGE, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
    if (ARMED(wasm_memory_map_file(scene.memory, 3 * PAGE + 16 * KIB, file, 16 * KIB, PAGE,
                                   *(const uint32_t *)run.of->what)))
        CHECK(is_painted(bytes + 3 * PAGE, 0, PAGE + 16 * KIB));
    else
        CHECK(has_paint(&scene, 4 * PAGE, scene.length));
    CHECK(is_painted(bytes + 3 * PAGE, 0, PAGE));
    CHECK(has_paint(&scene, 0, 3 * PAGE));
    CHECK(has_paint(&scene, 4 * PAGE + 16 * KIB, scene.length));
    close(file);
    CHECK_STATUS(wasm_memory_unmap(scene.memory, 3 * PAGE, 2 * PAGE), WASM_MEMORY_OK);
    CHECK(is_zero(bytes + 3 * PAGE, 2 * PAGE));
    scene_ends(&scene, false);
}

static void memory_unmap(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const int file = file_of_paint(64 * KIB);
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene.memory);
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 3 * PAGE, file, 0, PAGE, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
    if (ARMED(wasm_memory_unmap(scene.memory, 3 * PAGE + 16 * KIB, PAGE))) {
        CHECK(is_painted(bytes + 3 * PAGE, 0, 16 * KIB));
        CHECK(is_zero(bytes + 3 * PAGE + 16 * KIB, PAGE));
    } else {
        CHECK(is_painted(bytes + 3 * PAGE, 0, PAGE));
        CHECK(has_paint(&scene, 4 * PAGE, scene.length));
    }
    close(file);
    CHECK_STATUS(wasm_memory_unmap(scene.memory, 3 * PAGE, 2 * PAGE), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

static void memory_protect(const kind_t *kind) {
    scene_t scene = scene_with(kind, shape(8, 12, false, false, 16));
    const int file = file_of_paint(64 * KIB);
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene.memory);
    bool has;
    uint8_t byte;
    CHECK_STATUS(wasm_memory_map_file(scene.memory, 3 * PAGE, file, 0, PAGE, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
    has = ARMED(wasm_memory_protect(scene.memory, 2 * PAGE, 3 * PAGE, *(const uint32_t *)run.of->what == 1
                                                                          ? WASM_MEMORY_PROT_READ
                                                                          : WASM_MEMORY_PROT_NONE));
    if (has) {
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 4 * PAGE, 1), WASM_MEMORY_PROTECTED);
    } else {
        /* What the old or the new protection forbids may be forbidden now, and the status says so. */
        const wasm_memory_status_t status = wasm_memory_load_u8(scene.memory, 2 * PAGE, &byte);
        CHECK(!is_closed(bytes + 2 * PAGE) || status == WASM_MEMORY_PROTECTED);
    }
    CHECK_STATUS(wasm_memory_protect(scene.memory, 2 * PAGE, 3 * PAGE, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
    CHECK(has_paint(&scene, 0, 3 * PAGE));
    CHECK(is_painted(bytes + 3 * PAGE, 0, PAGE));
    CHECK(has_paint(&scene, 4 * PAGE, scene.length));
    close(file);
    CHECK_STATUS(wasm_memory_unmap(scene.memory, 3 * PAGE, PAGE), WASM_MEMORY_OK);
    scene_ends(&scene, false);
}

/* ---- shared memories ---- */

static const bool exportable = true;

static wasm_engine_t *sharing_engine(const kind_t *kind) {
    wasm_config_t *const config = config_of(kind);
    wasm_config_memory_exportable_set(config, run.of->what == &exportable);
    return wasm_engine_new_with_config(config);
}

static wasm_shared_memory_t *token_of(wasm_engine_t *engine) {
    wasm_memorytype_t *const type = type_of(to_share);
    wasm_shared_memory_t *token = NULL;
    CHECK_STATUS(wasm_shared_memory_new(engine, type, &token), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    return token;
}

/* The memory behind a token works; both go, and the engine too. */
static void token_ends(wasm_engine_t *engine, wasm_shared_memory_t *token) {
    if (token != NULL) {
        scene_t scene;
        memset(&scene, 0, sizeof scene);
        scene.of = to_share;
        scene.host.engine = engine;
        scene.host.store = wasm_store_new(engine);
        scene.memory = wasm_memory_obtain(scene.host.store, token);
        if (CHECK(scene.memory != NULL)) works(&scene, run.refused_here != 0);
        wasm_memory_delete(scene.memory);
        wasm_store_delete(scene.host.store);
    }
    wasm_shared_memory_delete(token);
    wasm_engine_delete(engine);
}

static void shared_memory_new(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_memorytype_t *const type = type_of(to_share);
    wasm_shared_memory_t *token = (wasm_shared_memory_t *)&finalized;
    ARMED(wasm_shared_memory_new(engine, type, &token));
    CHECK_EQ(run_status == WASM_MEMORY_OK, token != NULL);
    wasm_memorytype_delete(type);
    token_ends(engine, token);
}

static void shared_memory_delete(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_shared_memory_t *const token = token_of(engine);
    ARMED_ONLY(wasm_shared_memory_delete(token));
    token_ends(engine, token_of(engine));
}

static void shared_memory_handles(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_memory_t *const memory = wasm_memory_obtain(store, token);
    uint32_t interrupted = 77;
    arm();
    wasm_shared_memory_delete(wasm_shared_memory_clone(token));
    wasm_shared_memory_delete(wasm_memory_share(memory));
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &interrupted), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
    disarm();
    CHECK_EQ(interrupted, 0);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    token_ends(engine, token);
}

static void shared_memory_type(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_memorytype_t *type;
    if (ARMED_MAKES(type, wasm_shared_memory_type(token))) CHECK_EQ(wasm_memorytype_minimum(type), 1);
    wasm_memorytype_delete(type);
    token_ends(engine, token);
}

static void memory_obtain(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_memory_t *memory;
    watch_t watch;
    host_t host;
    host.engine = engine;
    host.store = store;
    watch = watching(host);
    limiter_set(store, &watch);
    ARMED_MAKES(memory, wasm_memory_obtain(store, token));
    CHECK_EQ(watch.failed, memory == NULL);
    limiter_none(store);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    token_ends(engine, token);
}

static void shared_memory_export(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_shared_memory_t *const token = token_of(engine);
    intptr_t descriptor = 77;
    if (ARMED(wasm_shared_memory_export(token, &descriptor)))
        close((int)descriptor);
    else
        CHECK_EQ(descriptor, 0);
    token_ends(engine, token);
}

static void shared_memory_import(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_shared_memory_t *other = (wasm_shared_memory_t *)&finalized;
    wasm_memorytype_t *const type = type_of(to_share);
    intptr_t descriptor = 77;
    CHECK_STATUS(wasm_shared_memory_export(token, &descriptor), WASM_MEMORY_OK);
    ARMED(wasm_shared_memory_import(engine, type, descriptor, &other));
    CHECK_EQ(run_status == WASM_MEMORY_OK, other != NULL);
    close((int)descriptor);
    wasm_memorytype_delete(type);
    wasm_shared_memory_delete(other);
    token_ends(engine, token);
}

/* ---- waits ---- */

static void wait_ends(wasm_engine_t *engine, wasm_store_t *store, wasm_memory_t *memory) {
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

/* The time passes, whatever the sleeps do. */
static void memory_atomic_wait(const kind_t *kind) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_memory_t *const memory = wasm_memory_obtain(store, token);
    wasm_memory_wait_result_t result = 77;
    const bool is_64 = strcmp(run.of->function, "wasm_memory_atomic_wait64") == 0;
    wasm_shared_memory_delete(token);
    if (is_64 ? ARMED(wasm_memory_atomic_wait64(memory, 8, 0, 1000000, &result))
              : ARMED(wasm_memory_atomic_wait32(memory, 8, 0, 1000000, &result)))
        CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    wait_ends(engine, store, memory);
}

typedef struct {
    wasm_memory_t *memory;
    wasm_memory_status_t status;
    wasm_memory_wait_result_t result;
} waiter_t;

static void *waits(void *env) {
    waiter_t *const waiter = (waiter_t *)env;
    waiter->status = wasm_memory_atomic_wait32(waiter->memory, 8, 0, -1, &waiter->result);
    return NULL;
}

/* Somebody waits, and is to be woken. `way` is what wakes. */
typedef enum { BY_NOTIFY, BY_INTERRUPT, BY_CLOSE } waking_t;

static void wake_in_way(const kind_t *kind, waking_t way) {
    wasm_engine_t *const engine = sharing_engine(kind);
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *const token = token_of(engine);
    wasm_memory_t *const memory = wasm_memory_obtain(store, token);
    waiter_t waiter = {memory, 77, 77};
    pthread_t thread;
    uint32_t woken = 77;
    const wasm_memory_status_t expected[] = {WASM_MEMORY_OK, WASM_MEMORY_INTERRUPTED, WASM_MEMORY_CLOSED};
    wasm_shared_memory_delete(token);
    CHECK_EQ(pthread_create(&thread, NULL, waits, &waiter), 0);
    while (stats_of(memory).waiters == 0) sched_yield();
    switch (way) {
    case BY_NOTIFY: ARMED(wasm_memory_atomic_notify(memory, 8, 1, &woken)); break;
    case BY_INTERRUPT: ARMED(wasm_memory_interrupt_waiters(memory, &woken)); break;
    case BY_CLOSE: ARMED(wasm_memory_close_waiters(memory)); break;
    }
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    if (way != BY_CLOSE) CHECK_EQ(woken, 1);
    pthread_join(thread, NULL);
    CHECK_EQ(waiter.status, expected[way]);
    wait_ends(engine, store, memory);
}

static void waiter_notified(const kind_t *kind) { wake_in_way(kind, BY_NOTIFY); }
static void waiter_interrupted(const kind_t *kind) { wake_in_way(kind, BY_INTERRUPT); }
static void waiter_closed(const kind_t *kind) { wake_in_way(kind, BY_CLOSE); }

/* ---- faults ---- */

static void memory_classify_fault(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    const uint8_t *const base = wasm_memory_view(scene.memory)->base;
    wasm_memory_fault_t fault;
    memset(&fault, 0xaa, sizeof fault);
    fault.struct_size = sizeof fault;
    ARMED(wasm_memory_classify_fault(base + 5, &fault));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    CHECK_EQ(fault.kind, WASM_MEMORY_FAULT_ACCESSIBLE);
    CHECK_EQ(fault.offset, 5);
    CHECK(fault.view == wasm_memory_view(scene.memory));
    scene_ends(&scene, false);
}

static void trap_handlers_install(const kind_t *kind) {
    struct sigaction before, after;
    (void)kind;
    sigaction(SIGBUS, NULL, &before);
    if (ARMED(wasm_memory_trap_handlers_install())) CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    /* Both signals are as they were, whichever was refused; and it is not counted. */
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
    sigaction(SIGBUS, NULL, &after);
    CHECK(before.sa_handler == after.sa_handler);
    sigaction(SIGSEGV, NULL, &after);
    CHECK(before.sa_handler == after.sa_handler);
}

static void trap_handlers_uninstall(const kind_t *kind) {
    (void)kind;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    ARMED(wasm_memory_trap_handlers_uninstall());
    CHECK_EQ(run_status, WASM_MEMORY_OK);
}

static void touch(void *address) { *(volatile uint8_t *)address = 1; }

static void *touches(void *env) {
    scene_t *const scene = (scene_t *)env;
    uint8_t *const base = wasm_memory_view(scene->memory)->base;
    wasm_memory_trap_t trap;
    int i;
    memset(&trap, 0xaa, sizeof trap);
    trap.struct_size = sizeof trap;
    arm();
    run_status = wasm_memory_catch_trap(touch, base + scene->length, &trap);
    disarm();
    for (i = 0; i < 2; i++) {
        if (run_status == WASM_MEMORY_OUT_OF_BOUNDS) {
            CHECK_EQ(trap.kind, WASM_MEMORY_FAULT_GUARD);
            CHECK_EQ(trap.offset, scene->length);
        } else {
            /* Refused, and then the body has not been called. */
            answered("wasm_memory_catch_trap", run_status, 0, __FILE__, __LINE__);
            CHECK(run_status != WASM_MEMORY_OK && i == 0);
            CHECK_EQ(trap.kind, 0);
        }
        run_status = wasm_memory_catch_trap(touch, base + scene->length, &trap);
    }
    CHECK_EQ(run_status, WASM_MEMORY_OUT_OF_BOUNDS);
    return NULL;
}

/* As the first of its thread, which needs a stack for the handlers. */
static void memory_catch_trap(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    pthread_t thread;
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
    CHECK_EQ(stats_of(scene.memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    if (CHECK_EQ(pthread_create(&thread, NULL, touches, &scene), 0)) pthread_join(thread, NULL);
    CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

static void all_stats(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    wasm_store_stats_t store;
    wasm_engine_stats_t engine;
    memset(&store, 0xaa, sizeof store);
    memset(&engine, 0xaa, sizeof engine);
    store.struct_size = sizeof store;
    engine.struct_size = sizeof engine;
    if (run.of->what != NULL)
        ARMED(wasm_engine_stats(scene.host.engine, &engine));
    else
        ARMED(wasm_store_stats(scene.host.store, &store));
    CHECK_EQ(run_status, WASM_MEMORY_OK);
    CHECK_EQ(run.of->what != NULL ? engine.memories : store.memories, 1);
    is_unchanged(&scene);
    scene_ends(&scene, false);
}

/* ---- texts ---- */

static void texts(const kind_t *kind) {
    (void)kind;
    arm();
    CHECK(wasm_memory_status_name(WASM_MEMORY_IO) != NULL);
    CHECK(wasm_memory_status_message(WASM_MEMORY_IO) != NULL);
    CHECK(wasm_memory_version() != NULL);
    wasm_memory_atomic_fence();
    disarm();
}

/* The sentences of failures of all kinds are made on demand; the heap may be what has run out. */
static void last_error(const kind_t *kind) {
    const host_t host = host_of(kind);
    wasm_memory_t *const memory = memory_of(host, usual);
    char detail[512], whole[512];
    int way;
    for (way = 0; way < 5; way++) {
        wasm_memory_image_t *image = NULL;
        wasm_shared_memory_t *token = NULL;
        wasm_memorytype_t *const type = type_of(to_share);
        size_t length, whole_length;
        switch (way) {
        case 0: wasm_memory_store_u8(memory, 1 << 30, 1); break;
        case 1: wasm_memory_image_load("/no/such/file", &image); break;
        case 2: wasm_shared_memory_import(host.engine, type, 63, &token); break;
        case 3: wasm_memory_try_grow(memory, 100, NULL); break;
        case 4: wasm_memory_map_file(memory, 0, 63, 0, 64 * KIB, WASM_MEMORY_MAP_SHARED); break;
        }
        whole_length = wasm_memory_last_error(whole, sizeof whole);
        plan(); /* and leave the last error alone */
        length = wasm_memory_last_error(detail, sizeof detail);
        disarm();
        CHECK_EQ(length, whole_length);
        CHECK(strcmp(detail, whole) == 0);
        wasm_memorytype_delete(type);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

#endif
