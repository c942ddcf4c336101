/* How a host calls the code that wasm2c of wabt 1.0.39 made: traps and threads. */
#ifndef WASM_MEMORY_WASM_RT_IMPL_H
#define WASM_MEMORY_WASM_RT_IMPL_H

#include "wasm-rt-exceptions.h"
#include "wasm-rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Before anything else, on any thread; a second time changes nothing. Installs the handler for SIGSEGV and SIGBUS that
 * makes traps of faults in the guards of wasm memories and at the end of a thread's stack. Every other fault goes to
 * the handler that was there, or ends the process as it would have without us.
 */
void wasm_rt_init(void);
/* Puts back the handlers that were there, unless somebody has replaced ours meanwhile: then it stays, and passes on. */
void wasm_rt_free(void);

/*
 * A thread that is to run a guest needs a signal stack of its own, or a guest that exhausts the stack ends the process.
 * wasm_rt_catch and wasm_rt_impl_try make it when they must, and it goes when the thread ends; these are for hosts that
 * want to do it themselves. A signal stack that the thread has already is used as it is.
 */
void wasm_rt_init_thread(void);
void wasm_rt_free_thread(void);

/*
 * Runs `body`, which may call guests, and answers how it ended: WASM_RT_TRAP_NONE, or the trap. Bodies may be nested: a
 * trap ends the innermost. What a trap leaves behind in frames between here and the guest is not released.
 */
wasm_rt_trap_t wasm_rt_catch(void (*body)(void *env), void *env);

/*
 * As in wabt's runtime, for hosts that have it already: 0 at first, and the trap when one happens in a guest that this
 * function, or one that it calls, then called. Valid until the function that has it returns; not nested.
 */
#define wasm_rt_impl_try() (wasm_rt_begin_try(), (wasm_rt_trap_t)setjmp(wasm_rt_jmp_buf))

/* Of wasm_rt_impl_try only. */
extern WASM_RT_THREAD_LOCAL jmp_buf wasm_rt_jmp_buf;
void wasm_rt_begin_try(void);

#ifdef __cplusplus
}
#endif

#endif
