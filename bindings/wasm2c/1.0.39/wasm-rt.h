/*
 * What C code made by wasm2c of wabt 1.0.39 includes and calls, on wasm_memory. wabt publishes that translator without
 * a runtime; this one is written from what the generated code asks for. README.md tells how to use it.
 *
 * A host needs wasm-rt-impl.h (calls, traps, threads) and wasm_rt_memory.h (the memories) as well.
 *
 * Switches; generated code, runtime and host must be compiled with the same:
 *
 *   WASM_RT_MEMCHECK_GUARD_PAGES    1: 32-bit memories of 64 KiB pages rely on guards and a signal handler, all others
 *                                   are checked. 0: every access is checked. Default: 1 where addresses have 64 bits.
 *   WASM_RT_MEMCHECK_BOUNDS_CHECK   1 is the same as WASM_RT_MEMCHECK_GUARD_PAGES 0.
 *   WASM_RT_SKIP_SIGNAL_RECOVERY    1: wasm_rt_init installs no handler. The host has one, which asks
 *                                   wasm_rt_memory_is_guard and calls wasm_rt_trap.
 *   WASM_RT_STACK_DEPTH_COUNT       1: calls are counted, and the one past WASM_RT_MAX_CALL_STACK_DEPTH (default 500)
 *                                   traps. 0: the signal handler finds the end of the stack. Default: the handler, if
 *                                   there is one.
 *   WASM_RT_MAX_TABLE_ELEMENTS      the most that a table can grow to, 10000000 by default.
 *   WASM_RT_TRAP_HANDLER            the name of a function of the host, void (wasm_rt_trap_t), which takes all traps
 *                                   and must not return.
 *   WASM_RT_GROW_FAILED_HANDLER     the name of a function of the host, void (void), called when growth has failed.
 *                                   wasm_rt_host.h has more than that.
 *
 * wabt's Segue is not there: memories are addressed through their base.
 */
#ifndef WASM_MEMORY_WASM_RT_H
#define WASM_MEMORY_WASM_RT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wasm2c keeps memories reversed on big-endian machines; wasm_memory keeps them in wasm's own order"
#endif
#define WABT_BIG_ENDIAN 0

#if !defined(__GNUC__)
#error "this runtime is written for GCC and Clang"
#endif

#ifdef __cplusplus
#define WASM_RT_THREAD_LOCAL thread_local
extern "C" {
#else
#define WASM_RT_THREAD_LOCAL _Thread_local
#endif

#if !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L && !defined(__STDC_NO_ATOMICS__)
#define WASM_RT_C11_AVAILABLE
#endif

/* --- switches ----------------------------------------------------------------------------------------------------- */

#ifndef WASM_RT_MEMCHECK_GUARD_PAGES
#if (defined(WASM_RT_MEMCHECK_BOUNDS_CHECK) && WASM_RT_MEMCHECK_BOUNDS_CHECK) || UINTPTR_MAX <= 0xffffffffu
#define WASM_RT_MEMCHECK_GUARD_PAGES 0
#else
#define WASM_RT_MEMCHECK_GUARD_PAGES 1
#endif
#elif WASM_RT_MEMCHECK_GUARD_PAGES && defined(WASM_RT_MEMCHECK_BOUNDS_CHECK) && WASM_RT_MEMCHECK_BOUNDS_CHECK
#error "WASM_RT_MEMCHECK_GUARD_PAGES and WASM_RT_MEMCHECK_BOUNDS_CHECK exclude each other"
#endif
#if WASM_RT_MEMCHECK_GUARD_PAGES && UINTPTR_MAX <= 0xffffffffu
#error "guards for 32-bit memories need more address space than 32-bit addresses give"
#endif
#ifndef WASM_RT_MEMCHECK_BOUNDS_CHECK
#define WASM_RT_MEMCHECK_BOUNDS_CHECK (!WASM_RT_MEMCHECK_GUARD_PAGES)
#endif

#ifndef WASM_RT_SKIP_SIGNAL_RECOVERY
#define WASM_RT_SKIP_SIGNAL_RECOVERY 0
#endif
#define WASM_RT_INSTALL_SIGNAL_HANDLER (WASM_RT_MEMCHECK_GUARD_PAGES && !WASM_RT_SKIP_SIGNAL_RECOVERY)

#ifndef WASM_RT_STACK_DEPTH_COUNT
#define WASM_RT_STACK_DEPTH_COUNT (!WASM_RT_INSTALL_SIGNAL_HANDLER)
#endif
#ifndef WASM_RT_MAX_CALL_STACK_DEPTH
#define WASM_RT_MAX_CALL_STACK_DEPTH 500
#endif
#ifndef WASM_RT_MAX_TABLE_ELEMENTS
#define WASM_RT_MAX_TABLE_ELEMENTS 10000000
#endif
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SANITY_CHECKS 0

/* --- what generated code writes with ------------------------------------------------------------------------------ */

#ifndef __has_builtin
#define __has_builtin(name) 0
#endif
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define wasm_rt_memcpy __builtin_memcpy
#define wasm_rt_unreachable __builtin_unreachable
#define WASM_RT_NO_RETURN __attribute__((noreturn))

/* --- traps -------------------------------------------------------------------------------------------------------- */

typedef enum wasm_rt_trap_t {
    WASM_RT_TRAP_NONE,
    WASM_RT_TRAP_OOB, /* of a memory, a table, or a segment */
    WASM_RT_TRAP_INT_OVERFLOW,
    WASM_RT_TRAP_DIV_BY_ZERO,
    WASM_RT_TRAP_INVALID_CONVERSION,
    WASM_RT_TRAP_UNREACHABLE,
    WASM_RT_TRAP_CALL_INDIRECT,
    WASM_RT_TRAP_NULL_REF,
    WASM_RT_TRAP_UNCAUGHT_EXCEPTION,
    WASM_RT_TRAP_UNALIGNED, /* an atomic access */
    WASM_RT_TRAP_EXHAUSTION,
    /* Of memory.atomic.wait32 and wait64: */
    WASM_RT_TRAP_NOT_SHARED,
    WASM_RT_TRAP_TOO_MANY_WAITERS,
    WASM_RT_TRAP_INTERRUPTED, /* the host ended the wait */
    /* For a host's own use, when wasm_rt_memory_hooks_t tells that a memory could not be made. */
    WASM_RT_TRAP_NO_MEMORY
} wasm_rt_trap_t;

/* Ends the guest's call: wasm_rt_catch, or wasm_rt_impl_try, returns the reason. */
WASM_RT_NO_RETURN void wasm_rt_trap(wasm_rt_trap_t trap);
/* A text for people; never NULL. */
const char *wasm_rt_strerror(wasm_rt_trap_t trap);

/* Whether wasm_rt_init was called; generated code asserts it. */
bool wasm_rt_is_initialized(void);

#if WASM_RT_STACK_DEPTH_COUNT
extern WASM_RT_THREAD_LOCAL uint32_t wasm_rt_call_stack_depth;
#endif

/* --- functions and references ------------------------------------------------------------------------------------- */

typedef enum wasm_rt_type_t {
    WASM_RT_I32,
    WASM_RT_I64,
    WASM_RT_F32,
    WASM_RT_F64,
    WASM_RT_V128,
    WASM_RT_FUNCREF,
    WASM_RT_EXTERNREF,
    WASM_RT_EXNREF
} wasm_rt_type_t;

/* Any function; cast to what it is before the call. */
typedef void (*wasm_rt_function_ptr_t)(void);

/* One step of a chain of tail calls: each function leaves the next in `fn`, NULL at the end. */
typedef struct wasm_rt_tailcallee_t {
    void (*fn)(void **instance, void *arguments, struct wasm_rt_tailcallee_t *next);
} wasm_rt_tailcallee_t;

/* 32 bytes that stand for the parameters and results of a function. */
typedef const char *wasm_rt_func_type_t;

/* The order of the members is that of the initializers in generated code. */
typedef struct wasm_rt_funcref_t {
    wasm_rt_func_type_t func_type;
    wasm_rt_function_ptr_t func; /* NULL: the null reference */
    wasm_rt_tailcallee_t func_tailcallee;
    void *module_instance; /* the first argument of `func` */
} wasm_rt_funcref_t;

typedef void *wasm_rt_externref_t;

static const wasm_rt_funcref_t wasm_rt_funcref_null_value = {NULL, NULL, {NULL}, NULL};
static const wasm_rt_externref_t wasm_rt_externref_null_value = NULL;

/* --- memories ----------------------------------------------------------------------------------------------------- */

struct wasm_memory_t;

/*
 * Generated code reads data, pages and size. Zeros are a structure without a memory. It must stay where it is while it
 * has one.
 */
typedef struct wasm_rt_memory_t {
    uint8_t *data;
    uint64_t size; /* in bytes */
    uint64_t pages;
    uint64_t max_pages; /* the maximum of the type, or the most that an index of its width can reach */
    uint32_t page_size; /* in bytes: 65536, or 1 */
    bool is64;
    bool shared;
    bool guarded; /* accesses may go unchecked */
    struct wasm_memory_t *handle;
} wasm_rt_memory_t;

/*
 * One that other threads grow while this one looks. The code fills, copies and initializes shared memories through the
 * functions for unshared ones; both kinds are one structure for that, and the warning about it is turned off.
 */
typedef volatile wasm_rt_memory_t wasm_rt_shared_memory_t;
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wincompatible-pointer-types-discards-qualifiers"
#elif !defined(__cplusplus)
#pragma GCC diagnostic ignored "-Wdiscarded-qualifiers"
#endif

/*
 * Makes a memory. If it cannot be made, the host's hook hears why, and if that returns or there is none, the reason is
 * printed and the process aborted: generated code does not ask. wasm_rt_memory_try_allocate, in wasm_rt_memory.h, tells
 * its caller instead.
 */
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t initial_pages, uint64_t max_pages, bool is64,
                             uint32_t page_size);
void wasm_rt_allocate_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t initial_pages, uint64_t max_pages,
                                    bool is64, uint32_t page_size);
/* The pages before, or UINT64_MAX: not grown, for whatever reason. */
uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t delta_pages);
uint64_t wasm_rt_grow_memory_shared(wasm_rt_shared_memory_t *memory, uint64_t delta_pages);
/* Nothing happens to a structure without a memory. */
void wasm_rt_free_memory(wasm_rt_memory_t *memory);
void wasm_rt_free_memory_shared(wasm_rt_shared_memory_t *memory);

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* NAME is part of the names of the functions, which generated code makes of the name of the element type. */
#define WASM_RT_DECLARE_TABLE(name)                                                                                    \
    typedef struct wasm_rt_##name##_table_t {                                                                          \
        wasm_rt_##name##_t *data;                                                                                      \
        uint64_t max_size;                                                                                             \
        uint64_t size;                                                                                                 \
    } wasm_rt_##name##_table_t;                                                                                        \
    /* All elements null. Prints why and aborts if there is no memory for them. */                                     \
    void wasm_rt_allocate_##name##_table(wasm_rt_##name##_table_t *table, uint64_t elements, uint64_t max_elements);   \
    /* The elements before, or UINT64_MAX: not grown. */                                                               \
    uint64_t wasm_rt_grow_##name##_table(wasm_rt_##name##_table_t *table, uint64_t delta, wasm_rt_##name##_t value);   \
    void wasm_rt_free_##name##_table(wasm_rt_##name##_table_t *table)

WASM_RT_DECLARE_TABLE(funcref);
WASM_RT_DECLARE_TABLE(externref);

/* --- vectors on shared memories ----------------------------------------------------------------------------------- */

/* The translator writes these names and nobody defines them. A vector access may tear, so the unshared form serves. */
#include "wasm-rt-simd-shared.h"

#ifdef __cplusplus
}
#endif

#endif
