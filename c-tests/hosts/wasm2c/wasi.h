/*
 * The part of WASI (preview 1) that the guest program imports: the three standard streams, its arguments, an empty
 * environment, and an exit. No directory is open to it, so every call on a path is refused.
 *
 * All traffic with the guest's memory goes through wasm_memory_read, wasm_memory_write and their typed forms: a guest
 * that passes a bad pointer gets WASI's `fault`, and no byte outside its memory is touched.
 *
 * The function names are those that wasm2c gives to imports of a module called "wasi_snapshot_preview1".
 */
#ifndef WASM2C_HOST_WASI_H
#define WASM2C_HOST_WASI_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wasm_memory.h>

/* wasm2c passes this to every import. The structure's name is wasm2c's choice. */
typedef struct Z_wasi_snapshot_preview1_instance_t {
    wasm_memory_t *memory; /* the guest's, borrowed; set once the guest is instantiated, before it runs */
    char *const *arguments;
    uint32_t argument_count;
    bool closed[3];        /* the guest's view of the standard streams; ours stay open */
    jmp_buf on_exit;       /* where proc_exit goes; setjmp before the guest runs */
    uint32_t exit_code;
    unsigned char transfer[65536]; /* between a stream and the guest's memory */
} wasi_t;

/* Arguments are borrowed, the first is the program's name. False if there are more than a guest could address. */
bool wasi_init(wasi_t *wasi, int argument_count, char *const *arguments);

uint32_t Z_wasi_snapshot_preview1Z_args_get(wasi_t *wasi, uint32_t pointers, uint32_t bytes);
uint32_t Z_wasi_snapshot_preview1Z_args_sizes_get(wasi_t *wasi, uint32_t out_count, uint32_t out_bytes);
uint32_t Z_wasi_snapshot_preview1Z_environ_get(wasi_t *wasi, uint32_t pointers, uint32_t bytes);
uint32_t Z_wasi_snapshot_preview1Z_environ_sizes_get(wasi_t *wasi, uint32_t out_count, uint32_t out_bytes);
uint32_t Z_wasi_snapshot_preview1Z_fd_close(wasi_t *wasi, uint32_t fd);
uint32_t Z_wasi_snapshot_preview1Z_fd_fdstat_get(wasi_t *wasi, uint32_t fd, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_fd_fdstat_set_flags(wasi_t *wasi, uint32_t fd, uint32_t flags);
uint32_t Z_wasi_snapshot_preview1Z_fd_prestat_get(wasi_t *wasi, uint32_t fd, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_fd_prestat_dir_name(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length);
uint32_t Z_wasi_snapshot_preview1Z_fd_read(wasi_t *wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_fd_seek(wasi_t *wasi, uint32_t fd, uint64_t offset, uint32_t whence, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_fd_write(wasi_t *wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_path_filestat_get(wasi_t *wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                                     uint32_t length, uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_path_filestat_set_times(wasi_t *wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                                           uint32_t length, uint64_t accessed, uint64_t modified,
                                                           uint32_t which);
uint32_t Z_wasi_snapshot_preview1Z_path_open(wasi_t *wasi, uint32_t fd, uint32_t lookup, uint32_t path, uint32_t length,
                                             uint32_t how, uint64_t rights, uint64_t inherited, uint32_t flags,
                                             uint32_t out);
uint32_t Z_wasi_snapshot_preview1Z_path_remove_directory(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length);
uint32_t Z_wasi_snapshot_preview1Z_path_unlink_file(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length);
void Z_wasi_snapshot_preview1Z_proc_exit(wasi_t *wasi, uint32_t code);

#endif
