/*
 * The guest's imports (wasi.c), called as a hostile guest would: with addresses at and past the end of its memory, with
 * vectors that wrap, with descriptors it does not have. Every such call must be answered with an error, and must leave
 * the guest's memory and the streams as they were.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wasi.h"

enum { SUCCESS = 0, BADF = 8, FAULT = 21, INVAL = 28, NOTDIR = 54, NOTSUP = 58, SPIPE = 70 };

#define LENGTH UINT32_C(65536) /* of the guest's memory */
#define OUT UINT32_C(16)       /* a good place for a result, and what lies there before */
#define UNTOUCHED UINT32_C(0xa5a5a5a5)
#define VECTORS UINT32_C(32) /* where set_vector writes */

static int failures;

static void note(bool good, int line, const char *what) {
    if (!good) {
        fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
        failures++;
    }
}

#define CHECK(condition) note((condition), __LINE__, #condition)

static void set_u32(wasi_t *wasi, uint32_t address, uint32_t value) {
    CHECK(wasm_memory_store_u32(wasi->memory, address, value) == WASM_MEMORY_OK);
}

static uint32_t get_u32(const wasi_t *wasi, uint32_t address) {
    uint32_t value = 0;
    CHECK(wasm_memory_load_u32(wasi->memory, address, &value) == WASM_MEMORY_OK);
    return value;
}

static void set_vector(wasi_t *wasi, uint32_t index, uint32_t address, uint32_t length) {
    set_u32(wasi, VECTORS + 8 * index, address);
    set_u32(wasi, VECTORS + 8 * index + 4, length);
}

static void arguments_arrive_whole(wasi_t *wasi) {
    CHECK(Z_wasi_snapshot_preview1Z_args_sizes_get(wasi, OUT, OUT + 4) == SUCCESS);
    CHECK(get_u32(wasi, OUT) == 2);
    CHECK(get_u32(wasi, OUT + 4) == sizeof "guest" + sizeof "-9");
    CHECK(Z_wasi_snapshot_preview1Z_args_get(wasi, 100, 200) == SUCCESS);
    CHECK(get_u32(wasi, 100) == 200);
    CHECK(get_u32(wasi, 104) == 200 + sizeof "guest");
    char text[sizeof "guest" + sizeof "-9"];
    CHECK(wasm_memory_read(wasi->memory, 200, text, sizeof text) == WASM_MEMORY_OK);
    CHECK(memcmp(text, "guest\0-9", sizeof text) == 0);
    CHECK(Z_wasi_snapshot_preview1Z_environ_sizes_get(wasi, OUT, OUT + 4) == SUCCESS);
    CHECK(get_u32(wasi, OUT) == 0 && get_u32(wasi, OUT + 4) == 0);
    CHECK(Z_wasi_snapshot_preview1Z_environ_get(wasi, 0, 0) == SUCCESS);
}

static void results_have_to_fit(wasi_t *wasi) {
    const uint32_t bad[] = {LENGTH - 3, LENGTH, UINT32_MAX - 3, UINT32_MAX};
    set_vector(wasi, 0, 1000, 4);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(Z_wasi_snapshot_preview1Z_args_sizes_get(wasi, bad[i], OUT) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_args_sizes_get(wasi, OUT, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_args_get(wasi, bad[i], 200) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_args_get(wasi, 100, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_environ_sizes_get(wasi, bad[i], OUT) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_environ_sizes_get(wasi, OUT, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_get(wasi, 0, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, VECTORS, 1, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_fd_write(wasi, 1, VECTORS, 1, bad[i]) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_fd_seek(wasi, 0, 0, 1, bad[i]) == FAULT);
    }
}

/* A range that is not all the guest's: refused before the stream is touched, so nothing is lost. */
static void ranges_have_to_fit(wasi_t *wasi, int feed, int drain) {
    const struct {
        uint32_t address, length;
    } bad[] = {{LENGTH, 1}, {LENGTH - 1, 2}, {0, LENGTH + 1}, {UINT32_MAX, 1}, {UINT32_MAX, UINT32_MAX}, {1, UINT32_MAX}};
    CHECK(write(feed, "abcdef", 6) == 6);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set_vector(wasi, 0, bad[i].address, bad[i].length);
        set_u32(wasi, OUT, UNTOUCHED);
        CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, VECTORS, 1, OUT) == FAULT);
        CHECK(Z_wasi_snapshot_preview1Z_fd_write(wasi, 1, VECTORS, 1, OUT) == FAULT);
        CHECK(get_u32(wasi, OUT) == UNTOUCHED);
    }
    /* The array of vectors itself lies outside, wholly or in part. */
    CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, LENGTH - 4, 1, OUT) == FAULT);
    CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, UINT32_MAX, UINT32_MAX, OUT) == FAULT);

    /* A good range first and a bad one after it: the good one is served, as a short read and a short write. */
    set_vector(wasi, 0, 1000, 4);
    set_vector(wasi, 1, LENGTH, 1);
    CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, VECTORS, 2, OUT) == SUCCESS);
    CHECK(get_u32(wasi, OUT) == 4);
    CHECK(Z_wasi_snapshot_preview1Z_fd_write(wasi, 1, VECTORS, 2, OUT) == SUCCESS);
    CHECK(get_u32(wasi, OUT) == 4);
    char seen[8] = "";
    CHECK(read(drain, seen, sizeof seen) == 4);
    CHECK(memcmp(seen, "abcd", 4) == 0);

    /* The rest was not lost: up to the last byte of the memory, and no further. */
    set_vector(wasi, 0, LENGTH - 1, 1);
    set_vector(wasi, 1, 0, 1);
    CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, 0, VECTORS, 2, OUT) == SUCCESS);
    CHECK(get_u32(wasi, OUT) == 2);
    uint8_t byte = 0;
    CHECK(wasm_memory_load_u8(wasi->memory, LENGTH - 1, &byte) == WASM_MEMORY_OK && byte == 'e');
    CHECK(wasm_memory_load_u8(wasi->memory, 0, &byte) == WASM_MEMORY_OK && byte == 'f');
}

static void only_the_standard_streams_are_open(wasi_t *wasi) {
    const uint32_t none[] = {3, 4, 1000, UINT32_MAX};
    set_vector(wasi, 0, 1000, 4);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(Z_wasi_snapshot_preview1Z_fd_read(wasi, none[i], VECTORS, 1, OUT) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_write(wasi, none[i], VECTORS, 1, OUT) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_seek(wasi, none[i], 0, 0, OUT) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_get(wasi, none[i], OUT) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_set_flags(wasi, none[i], 0) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_prestat_get(wasi, none[i], OUT) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_fd_close(wasi, none[i]) == BADF);
        CHECK(Z_wasi_snapshot_preview1Z_path_open(wasi, none[i], 0, 0, 1, 0, 0, 0, 0, OUT) == BADF);
    }
    CHECK(Z_wasi_snapshot_preview1Z_path_open(wasi, 0, 0, 0, 1, 0, 0, 0, 0, OUT) == NOTDIR);
    CHECK(Z_wasi_snapshot_preview1Z_path_unlink_file(wasi, 0, 0, 1) == NOTDIR);
    CHECK(Z_wasi_snapshot_preview1Z_path_remove_directory(wasi, 0, 0, 1) == NOTDIR);
    CHECK(Z_wasi_snapshot_preview1Z_path_filestat_get(wasi, 0, 0, 0, 1, OUT) == NOTDIR);
    CHECK(Z_wasi_snapshot_preview1Z_path_filestat_set_times(wasi, 0, 0, 0, 1, 0, 0, 0) == NOTDIR);
    CHECK(Z_wasi_snapshot_preview1Z_fd_prestat_dir_name(wasi, 0, 0, 1) == NOTDIR);
}

static void streams_tell_what_they_are(wasi_t *wasi) {
    unsigned char status[24];
    CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_get(wasi, 0, 100) == SUCCESS);
    CHECK(wasm_memory_read(wasi->memory, 100, status, sizeof status) == WASM_MEMORY_OK);
    CHECK(status[0] == 0);            /* a pipe has no type in WASI */
    CHECK((status[8] & 1 << 1) != 0); /* may be read */
    CHECK((status[8] & 1 << 6) == 0); /* may not be written */
    CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_set_flags(wasi, 0, 0) == SUCCESS);
    CHECK(Z_wasi_snapshot_preview1Z_fd_fdstat_set_flags(wasi, 0, 4) == NOTSUP);
    CHECK(Z_wasi_snapshot_preview1Z_fd_seek(wasi, 0, 0, 0, 104) == SPIPE);
    CHECK(Z_wasi_snapshot_preview1Z_fd_seek(wasi, 0, 0, 3, 104) == INVAL);
}

static void a_closed_stream_stays_closed(wasi_t *wasi) {
    set_vector(wasi, 0, 1000, 4);
    CHECK(Z_wasi_snapshot_preview1Z_fd_close(wasi, 1) == SUCCESS);
    CHECK(Z_wasi_snapshot_preview1Z_fd_close(wasi, 1) == BADF);
    CHECK(Z_wasi_snapshot_preview1Z_fd_write(wasi, 1, VECTORS, 1, OUT) == BADF);
    CHECK(write(STDOUT_FILENO, "x", 1) == 1); /* for the guest only */
}

static void exit_comes_back_with_its_code(wasi_t *wasi) {
    if (setjmp(wasi->on_exit) == 0) {
        Z_wasi_snapshot_preview1Z_proc_exit(wasi, 42);
        CHECK(false);
    }
    CHECK(wasi->exit_code == 42);
}

int main(void) {
    /* The guest's standard input and output are pipes whose other ends are ours. */
    int in[2];
    int out[2];
    CHECK(pipe(in) == 0 && pipe(out) == 0);
    CHECK(dup2(in[0], STDIN_FILENO) == STDIN_FILENO && dup2(out[1], STDOUT_FILENO) == STDOUT_FILENO);

    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    CHECK(wasm_memorytype_try_new(1, true, 1, false, false, 16, &type) == WASM_MEMORY_OK);
    CHECK(wasm_memory_try_new(store, type, &memory) == WASM_MEMORY_OK);

    static wasi_t wasi;
    static char *const arguments[] = {"guest", "-9", NULL};
    CHECK(wasi_init(&wasi, 2, arguments));
    wasi.memory = memory;
    if (memory != NULL) {
        arguments_arrive_whole(&wasi);
        results_have_to_fit(&wasi);
        ranges_have_to_fit(&wasi, in[1], out[0]);
        only_the_standard_streams_are_open(&wasi);
        streams_tell_what_they_are(&wasi);
        a_closed_stream_stays_closed(&wasi);
        exit_comes_back_with_its_code(&wasi);
    }

    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return failures == 0 ? 0 : 1;
}
