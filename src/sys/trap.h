/* What the C part of `sys` has for its Rust part (traps.rs): one file for each family of systems. */
#ifndef WASM_MEMORY_TRAP_H
#define WASM_MEMORY_TRAP_H

#include <stdint.h>

/* What is to become of a fault in a catch. */
enum wasm_memory_trap_answer {
    /* It is not the catch's. */
    WASM_MEMORY_TRAP_PASS_ON = 0,
    /* It ends the catch. */
    WASM_MEMORY_TRAP_END = 1,
    /* What faulted would not any more: once again. */
    WASM_MEMORY_TRAP_AGAIN = 2,
};

/* Says what is to become of a fault at this address, and writes what it found there to `found`, which the catch began with.
 * Called in the handler: it takes no lock and allocates nothing. `is_bus_error`: the page is there, and what is behind it is
 * not: 1 where the system may call other faults so too, 2 where it does not. */
typedef int wasm_memory_trap_recognizer(uintptr_t address, int is_bus_error, void *found);

/* Sets the handlers. Not twice without `uninstall` between, nor by two threads at once. 0, or the system's error; EAGAIN: other
 * code has set its handlers above ours too often. */
int wasm_memory_trap_install(wasm_memory_trap_recognizer *recognizer);

/* Sets what was there before, unless somebody has set another handler since. */
void wasm_memory_trap_uninstall(void);

/* Says that this thread has what its handlers run on, or has it no more. 0, or the system's error. */
int wasm_memory_trap_set_armed(int is_armed);

enum wasm_memory_trap_outcome {
    /* The body has returned. */
    WASM_MEMORY_TRAP_RETURNED,
    /* It was left at a fault, about which `found` has something now. */
    WASM_MEMORY_TRAP_CAUGHT,
    /* It was not called: the thread has to be armed first. */
    WASM_MEMORY_TRAP_UNARMED,
};

/* Calls the body; a fault in it that is recognized ends it. */
enum wasm_memory_trap_outcome wasm_memory_trap_catch(void (*body)(void *), void *env, void *found);

/* From now on until `resume` gets what this returns, faults of this thread end no catch that was begun before. */
void *wasm_memory_trap_suspend(void);
void wasm_memory_trap_resume(void *suspended);

#endif
