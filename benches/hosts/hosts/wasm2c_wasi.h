/*
 * The calls of WASI (preview 1) that the guests import, for the wasm2c host: three streams, arguments, no environment,
 * no directory, an exit. They work on wabt's wasm_rt_memory_t alone, so they are the same code and cost whoever made
 * the memory. (c-tests/hosts/wasm2c/wasi.c shows the same calls by wasm_memory's own access functions.)
 */
#ifndef HOSTS_WASM2C_WASI_H
#define HOSTS_WASM2C_WASI_H

#include <setjmp.h>
#include <stdint.h>
#include <wasm-rt.h>

/* wasm2c passes this to every import. The structure's name is wasm2c's choice. */
typedef struct Z_wasi_snapshot_preview1_instance_t {
    const wasm_rt_memory_t *memory; /* the guest's; set once it is instantiated */
    const char **arguments;
    uint32_t argument_count;
    int streams[3]; /* our descriptors of the guest's 0, 1 and 2; -1 is closed */
    jmp_buf on_exit;
    uint32_t exit_status;
} wasi_t;

#endif
