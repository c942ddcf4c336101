/* scene.h: a memory with something in it, and what must hold for it after a call that may have failed. */
#ifndef SCENE_H
#define SCENE_H

#include "injection/runner.h"

typedef struct {
    host_t host;
    wasm_memory_t *memory;
    shape_t of;
    uint64_t length; /* as far as it was painted, which was all of it then */
    bool is_large;   /* and so its first and last pages alone */
} scene_t;

static const shape_t usual = {1, 12, false, false, 16};

static uint8_t paint_of(uint64_t offset) { return (uint8_t)(1 + (offset * 7 + (offset >> 8) * 13) % 255); }

static void paint(uint8_t *bytes, uint64_t from, uint64_t length) {
    uint64_t i;
    for (i = 0; i < length; i++) bytes[i] = paint_of(from + i);
}

static bool is_painted(const uint8_t *bytes, uint64_t from, uint64_t length) {
    uint64_t i;
    for (i = 0; i < length; i++)
        if (bytes[i] != paint_of(from + i)) return false;
    return true;
}

/* What is painted of a memory: some bytes in each of its pages. */
#define DABS 64
static void paint_memory(scene_t *scene) {
    uint8_t *const bytes = (uint8_t *)wasm_memory_data(scene->memory);
    uint64_t at;
    scene->length = wasm_memory_data_size(scene->memory);
    for (at = 0; at + DABS <= scene->length; at += 16 * KIB) paint(bytes + at, at, DABS);
}

/* From one offset to another, all that was painted is there, and zeros between. */
static bool has_paint(const scene_t *scene, uint64_t from, uint64_t to) {
    const uint8_t *const bytes = (const uint8_t *)wasm_memory_data(scene->memory);
    uint64_t at;
    for (at = from; at < to; at += 16 * KIB)
        if (!is_painted(bytes + at, at, DABS) || !is_zero(bytes + at + DABS, least(16 * KIB, to - at) - DABS))
            return false;
    return true;
}

static scene_t scene_with(const kind_t *kind, shape_t of) {
    scene_t scene;
    memset(&scene, 0, sizeof scene);
    scene.host = host_of(kind);
    scene.of = of;
    scene.memory = memory_of(scene.host, of);
    paint_memory(&scene);
    return scene;
}

static scene_t scene_of(const kind_t *kind) { return scene_with(kind, usual); }

/* Whether a byte cannot be read, found out without a signal. */
static bool is_closed(const uint8_t *address) {
    static int ends[2];
    uint8_t byte;
    if (ends[0] == 0 && !CHECK_EQ(pipe(ends), 0)) return false;
    if (write(ends[1], address, 1) != 1) return true;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    return false;
}

/* It is a memory as any other: can be read, written and grown, is guarded if it says so. Its bytes are not what they were
   after this. `may_be_small`: it was made or grown where the system refused something, and may be unable to grow. */
static void works(scene_t *scene, bool may_be_small) {
    wasm_memory_t *const memory = scene->memory;
    const uint64_t length = wasm_memory_data_size(memory);
    const wasm_memory_stats_t stats = stats_of(memory);
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t previous = 77;
    uint8_t byte = 0;
    wasm_memory_status_t grown;
    CHECK_EQ(view->byte_length, length);
    CHECK_EQ(stats.byte_length, length);
    CHECK(view->base == (const uint8_t *)wasm_memory_data(memory));
    if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED) {
        CHECK(is_closed(view->base + length));
        CHECK(is_closed(view->base + stats.reserved_bytes + stats.guard_bytes - 1));
    }
    if (length != 0) {
        CHECK_STATUS(wasm_memory_store_u8(memory, length - 1, 0x5a), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u8(memory, length - 1, &byte), WASM_MEMORY_OK);
        CHECK_EQ(byte, 0x5a);
    }
    CHECK_STATUS(wasm_memory_store_u8(memory, length, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    CHECK(is_zero(view->base, length));
    grown = wasm_memory_try_grow(memory, 1, &previous);
    if (grown == WASM_MEMORY_OK) {
        CHECK_EQ(previous, length / page_of(scene->of));
        CHECK_EQ(view->byte_length, length + page_of(scene->of));
        CHECK(is_zero(view->base, view->byte_length));
        memset(view->base, 0x33, view->byte_length);
    } else {
        const bool is_full = run.kind->slots != 0 && length + page_of(scene->of) > run.kind->slot_bytes;
        CHECK_EQ(previous, 0);
        if (length / page_of(scene->of) >= scene->of.maximum)
            CHECK_EQ(grown, WASM_MEMORY_MAXIMUM_EXCEEDED);
        else if (CHECK_EQ(grown, WASM_MEMORY_OUT_OF_MEMORY))
            CHECK(may_be_small || is_full);
    }
}

/* Memories that are made now are zeros, whatever those before have left. */
static void others_are_clean(const scene_t *scene) {
    wasm_memory_t *others[3];
    int i;
    for (i = 0; i < 3; i++) {
        others[i] = memory_of(scene->host, scene->of);
        CHECK(is_zero((const uint8_t *)wasm_memory_data(others[i]), wasm_memory_data_size(others[i])));
        CHECK_EQ(wasm_memory_pages(others[i]), scene->of.minimum);
    }
    for (i = 0; i < 3; i++) wasm_memory_delete(others[i]);
}

/* The end of most cases. */
static void scene_ends(scene_t *scene, bool may_be_small) {
    works(scene, may_be_small);
    wasm_memory_delete(scene->memory);
    others_are_clean(scene);
    host_delete(scene->host);
}

/* Nothing has changed since it was painted. */
static void is_unchanged(const scene_t *scene) {
    CHECK_EQ(wasm_memory_data_size(scene->memory), scene->length);
    CHECK(has_paint(scene, 0, scene->length));
}

/* ---- files ---- */

static char folder[64];

static int file_of_paint(uint64_t length) {
    static uint8_t bytes[256 * 1024];
    char path[128];
    int file;
    snprintf(path, sizeof path, "%s/mapped", folder);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    paint(bytes, 0, length);
    CHECK(file >= 0 && write(file, bytes, (size_t)length) == (ssize_t)length);
    return file;
}

/* ---- images ---- */

/* One that is copied, or one that is mapped. */
static wasm_memory_image_t *painted_image(uint64_t length) {
    static uint8_t bytes[512 * 1024];
    paint(bytes, 0, length);
    return image_of(0, bytes, (size_t)length);
}

#endif
