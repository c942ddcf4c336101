/*
 * The part that all drivers have: they are written by the Rust program beside this, one for each script, and include
 * this first. SPEC_OLD is 1 for wasm2c 1.0.32.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if SPEC_SIMD
#include <simde/wasm/simd128.h>
#endif
#include <wasm-rt-impl.h>

#include "glue.h"

typedef void (*function_t)(void);

#if SPEC_OLD
/* Traps that this version does not know. */
enum { SPEC_TRAP_UNALIGNED = -1, SPEC_TRAP_NOT_SHARED = -2, SPEC_TRAP_TOO_MANY_WAITERS = -3, SPEC_TRAP_NULL_REF = -4 };
#else
enum {
    SPEC_TRAP_UNALIGNED = WASM_RT_TRAP_UNALIGNED,
    SPEC_TRAP_NOT_SHARED = WASM_RT_TRAP_NOT_SHARED,
    SPEC_TRAP_TOO_MANY_WAITERS = WASM_RT_TRAP_TOO_MANY_WAITERS,
    SPEC_TRAP_NULL_REF = WASM_RT_TRAP_NULL_REF
};
#endif

#define TRY() ((int)wasm_rt_impl_try())

/* --- results: `p ID`, or `f ID why` ------------------------------------------------------------------------------- */

static void passed(int id) {
    printf("p %d\n", id);
    fflush(stdout);
}

static void failed(int id, const char *why) {
    printf("f %d %s\n", id, why);
    fflush(stdout);
}

static void trapped(int id, int trap) {
    const char *reason = glue_reason();
    printf("f %d trap: %s\n", id, reason != NULL ? reason : wasm_rt_strerror((wasm_rt_trap_t)trap));
    fflush(stdout);
}

static void expected(int id, int trap, int good) {
    if (good && glue_reason() == NULL) {
        passed(id);
    } else {
        printf("f %d another trap: %s\n", id, wasm_rt_strerror((wasm_rt_trap_t)trap));
        fflush(stdout);
    }
}

static void differs_at(int id, int index, const void *got, size_t length) {
    const unsigned char *bytes = got;
    printf("f %d result %d is ", id, index);
    for (size_t i = length; i > 0; i--) {
        printf("%02x", bytes[i - 1]);
    }
    printf("\n");
    fflush(stdout);
}

/* --- numbers: as bits, never through a conversion ----------------------------------------------------------------- */

static float f32_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double f64_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t bits_of_f64(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static int f32_is_canonical(uint64_t bits) { return (bits & 0x7fffffffu) == 0x7fc00000u; }
static int f32_is_arithmetic(uint64_t bits) { return (bits & 0x7fc00000u) == 0x7fc00000u; }
static int f64_is_canonical(uint64_t bits) { return (bits & 0x7fffffffffffffffull) == 0x7ff8000000000000ull; }
static int f64_is_arithmetic(uint64_t bits) { return (bits & 0x7ff8000000000000ull) == 0x7ff8000000000000ull; }

static int v128_is(const void *value, uint64_t high, uint64_t low) {
    return memcmp(value, &low, 8) == 0 && memcmp((const char *)value + 8, &high, 8) == 0;
}

static uint64_t lane32(const void *value, int lane) {
    uint32_t bits;
    memcpy(&bits, (const char *)value + 4 * lane, sizeof bits);
    return bits;
}

static uint64_t lane64(const void *value, int lane) {
    uint64_t bits;
    memcpy(&bits, (const char *)value + 8 * lane, sizeof bits);
    return bits;
}

#if SPEC_SIMD
static simde_v128_t v128_of(uint64_t high, uint64_t low) {
    simde_v128_t value;
    memcpy(&value, &low, 8);
    memcpy((char *)&value + 8, &high, 8);
    return value;
}
#endif

static wasm_rt_externref_t externref_of(uintptr_t number) { return (wasm_rt_externref_t)(number + 1); }

/* 0 if the reference is null: all its bytes are. */
static uint64_t bits_of_reference(const void *reference, size_t length) {
    const unsigned char *bytes = reference;
    uint64_t all = 0;
    for (size_t i = 0; i < length; i++) {
        all |= bytes[i];
    }
    return all;
}

/* --- spectest ----------------------------------------------------------------------------------------------------- */

static void spectest_print(void *none) { (void)none; }
static void spectest_print_i32(void *none, uint32_t a) { (void)none, (void)a; }
static void spectest_print_i64(void *none, uint64_t a) { (void)none, (void)a; }
static void spectest_print_f32(void *none, float a) { (void)none, (void)a; }
static void spectest_print_f64(void *none, double a) { (void)none, (void)a; }
static void spectest_print_i32_f32(void *none, uint32_t a, float b) { (void)none, (void)a, (void)b; }
static void spectest_print_f64_f64(void *none, double a, double b) { (void)none, (void)a, (void)b; }
static uint32_t spectest_global_i32 = 666;
static uint64_t spectest_global_i64 = 666;
static float spectest_global_f32 = 666.6f;
static double spectest_global_f64 = 666.6;
static wasm_rt_funcref_table_t spectest_table;
static wasm_rt_memory_t spectest_memory;
#if !SPEC_OLD
static wasm_rt_memory_t spectest_shared_memory;
#endif

static void start(void) {
    wasm_rt_init();
    glue_start();
    wasm_rt_allocate_funcref_table(&spectest_table, 10, 20);
    glue_make_memory(&spectest_memory, false);
#if !SPEC_OLD
    glue_make_memory(&spectest_shared_memory, true);
#endif
}

static void finish(void) { printf("memories %lu\n", glue_memories()); }
