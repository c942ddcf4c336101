/* The exceptions of code made by wasm2c of wabt 1.0.39. Included by that code if its module throws or catches. */
#ifndef WASM_MEMORY_WASM_RT_EXCEPTIONS_H
#define WASM_MEMORY_WASM_RT_EXCEPTIONS_H

#include "wasm-rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tag is the address of something that its module owns. */
typedef const void *wasm_rt_tag_t;

/* The bytes that the values of one exception can have; more traps as exhaustion. */
#define WASM_RT_EXCEPTION_BYTES 256

typedef struct wasm_rt_exnref_t {
    wasm_rt_tag_t tag; /* NULL: the null reference */
    uint32_t size;
    uint8_t data[WASM_RT_EXCEPTION_BYTES];
} wasm_rt_exnref_t;

static const wasm_rt_exnref_t wasm_rt_exnref_null_value = {NULL, 0, {0}};

WASM_RT_DECLARE_TABLE(exnref);

/* Where a throw jumps to, and how many calls are under way there: those that the throw ends count no more. */
typedef struct wasm_rt_unwind_target_t {
    jmp_buf place;
    uint32_t depth;
} wasm_rt_unwind_target_t;

#define WASM_RT_UNWIND_TARGET wasm_rt_unwind_target_t
#if WASM_RT_STACK_DEPTH_COUNT
#define wasm_rt_try(target) ((target).depth = wasm_rt_call_stack_depth, setjmp((target).place))
#else
#define wasm_rt_try(target) setjmp((target).place)
#endif

WASM_RT_UNWIND_TARGET *wasm_rt_get_unwind_target(void);
void wasm_rt_set_unwind_target(WASM_RT_UNWIND_TARGET *target);

/* Makes the active exception of this thread; wasm_rt_throw throws it. Not caught, it is a trap. */
void wasm_rt_load_exception(wasm_rt_tag_t tag, uint32_t size, const void *values);
WASM_RT_NO_RETURN void wasm_rt_throw(void);
wasm_rt_tag_t wasm_rt_exception_tag(void);
uint32_t wasm_rt_exception_size(void);
void *wasm_rt_exception(void);

#ifdef __cplusplus
}
#endif

#endif
