/* arena_allocator: memories made by the host, from one static block that was there when the program started.
 *
 * For programs that must not ask the system for anything once they run: the arena has a fixed number of slots; a memory
 * is one slot, and grows inside it; a slot that comes back is zeroed and given out again. Nothing is mapped, and the
 * few small blocks that handles take come from what malloc already has.
 *
 * On Linux this is proven: after the start the process enters the strict mode of seccomp, where any system call but
 * read, write and exit kills it. Set EXAMPLE_NO_SECCOMP where valgrind or a sanitizer makes calls of its own. */
#if defined(__linux__)
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <pthread.h>
#include <string.h>

#include "example.h"

#define PAGE 65536
#define SLOTS 4
#define SLOT_BYTES (16 * PAGE)

/* --- the arena ---------------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t *base;
    size_t size; /* of the memory that has the slot; its bytes behind that are zero */
    bool taken;
} slot_t;

static uint8_t block[(SLOTS * SLOT_BYTES) + PAGE]; /* one page of WebAssembly more, to align it */
static slot_t slots[SLOTS];
static pthread_mutex_t slots_mutex = PTHREAD_MUTEX_INITIALIZER; /* memories may be made on any thread */

static size_t slot_byte_size(void *env) { return ((const slot_t *)env)->size; }

static bool slot_maximum_byte_size(void *env, size_t *out) {
    (void)env;
    *out = SLOT_BYTES;
    return true;
}

/* Asked for no more than the maximum. The new bytes are zero, because the slot was when it was given out. */
static wasm_memory_status_t slot_grow_to(void *env, size_t new_size) {
    ((slot_t *)env)->size = new_size;
    return WASM_MEMORY_OK;
}

static uint8_t *slot_as_ptr(void *env) { return ((const slot_t *)env)->base; }

/* The memory is gone: clean up for the next one. */
static void slot_finalizer(void *env) {
    slot_t *const slot = env;
    memset(slot->base, 0, slot->size);
    pthread_mutex_lock(&slots_mutex);
    slot->taken = false;
    pthread_mutex_unlock(&slots_mutex);
}

static wasm_memory_status_t arena_new_memory(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                             size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    slot_t *slot = NULL;
    size_t i;
    (void)env, (void)type, (void)maximum;

    if (reserved_bytes != 0 || guard_bytes != 0) return WASM_MEMORY_UNSUPPORTED; /* there is nothing that faults */
    if (minimum > SLOT_BYTES) return WASM_MEMORY_OUT_OF_MEMORY;
    pthread_mutex_lock(&slots_mutex);
    for (i = 0; i < SLOTS && slot == NULL; i++)
        if (!slots[i].taken) slot = &slots[i];
    if (slot != NULL) slot->taken = true;
    pthread_mutex_unlock(&slots_mutex);
    if (slot == NULL) return WASM_MEMORY_OUT_OF_MEMORY;

    slot->size = minimum;
    out->struct_size = sizeof *out;
    out->env = slot;
    out->byte_size = slot_byte_size;
    out->maximum_byte_size = slot_maximum_byte_size;
    out->grow_to = slot_grow_to;
    out->as_ptr = slot_as_ptr;
    out->finalizer = slot_finalizer;
    return WASM_MEMORY_OK;
}

static wasm_engine_t *engine_on_arena(void) {
    const size_t past_alignment = (uintptr_t)block % PAGE;
    uint8_t *const start = block + (past_alignment == 0 ? 0 : PAGE - past_alignment);
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    size_t i;

    for (i = 0; i < SLOTS; i++) slots[i].base = start + i * SLOT_BYTES;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = arena_new_memory;
    wasm_config_memory_allocator_set(config, &allocator);
    return wasm_engine_new_with_config(config);
}

/* --- the work ----------------------------------------------------------------------------------------------------- */

/* Takes every slot, fills it up, gives it back: twice, so that used slots are used again. */
static void work(wasm_engine_t *engine) {
    wasm_store_t *const store = wasm_store_new(engine);
    const wasm_limits_t limits = {1, wasm_limits_max_default};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *memories[SLOTS], *one_more;
    char reason[512];
    uint64_t previous;
    int round;
    size_t i;

    for (round = 0; round < 2; round++) {
        for (i = 0; i < SLOTS; i++) {
            const wasm_memory_view_t *view;
            uint8_t *base;
            EXPECT_STATUS(wasm_memory_try_new(store, type, &memories[i]), WASM_MEMORY_OK);
            view = wasm_memory_view(memories[i]);
            base = view->base;
            EXPECT(base >= block && base < block + sizeof block);
            EXPECT_STATUS(wasm_memory_try_grow(memories[i], 15, &previous), WASM_MEMORY_OK);
            EXPECT(previous == 1 && view->base == base && view->byte_length == SLOT_BYTES);
            /* All zero, though the slot had another memory's bytes before. */
            EXPECT(base[0] == 0 && memcmp(base, base + 1, SLOT_BYTES - 1) == 0);
            EXPECT_STATUS(wasm_memory_fill(memories[i], 0, (uint8_t)(i + 1), SLOT_BYTES), WASM_MEMORY_OK);
        }
        /* The arena is full, and so is each slot. That is an answer, not the end of the program. */
        EXPECT_STATUS(wasm_memory_try_new(store, type, &one_more), WASM_MEMORY_OUT_OF_MEMORY);
        EXPECT_STATUS(wasm_memory_try_grow(memories[0], 1, NULL), WASM_MEMORY_OUT_OF_MEMORY);
        EXPECT(wasm_memory_last_error(reason, sizeof reason) > 0);
        for (i = 0; i < SLOTS; i++) {
            uint8_t last = 0; /* nobody wrote over a neighbour */
            EXPECT_STATUS(wasm_memory_load_u8(memories[i], SLOT_BYTES - 1, &last), WASM_MEMORY_OK);
            EXPECT(last == i + 1);
            wasm_memory_delete(memories[i]);
        }
    }
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
}

/* --- the proof ---------------------------------------------------------------------------------------------------- */

static bool forbid_system_calls(void) {
#if defined(__linux__)
    if (getenv("EXAMPLE_NO_SECCOMP") != NULL) {
        printf("not in strict mode: EXAMPLE_NO_SECCOMP is set\n");
        return false;
    }
    fflush(stdout);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0) return true;
    perror("not in strict mode: seccomp");
#else
    printf("not in strict mode: this system has no seccomp\n");
#endif
    return false;
}

int main(void) {
    wasm_engine_t *const engine = engine_on_arena();
    bool forbidden;
    EXPECT(engine != NULL);

    /* The start: malloc and stdio get what they need, by doing once what is done later. */
    printf("the arena: %d slots of %d bytes\n", SLOTS, SLOT_BYTES);
    work(engine);

    forbidden = forbid_system_calls();
    work(engine);
    if (!forbidden) {
        printf("made, grew, used and deleted %d memories\n", 2 * SLOTS);
        wasm_engine_delete(engine);
        return 0;
    }
    printf("made, grew, used and deleted %d memories without a system call\n", 2 * SLOTS);
    fflush(stdout);
#if defined(__linux__)
    syscall(SYS_exit, 0); /* returning from main makes calls that the strict mode does not know */
#endif
    return 1;
}
