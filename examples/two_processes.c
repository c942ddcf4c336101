/* two_processes: a shared memory that two processes have: one exports it as a descriptor, the other, a program that it
 * starts, imports it. They play ping-pong, each sees the other's growth, and the first sends the second home.
 *
 * Processes that share a memory trust each other: either can write all of it. Needs POSIX, and a library and a system
 * that have such descriptors (Linux); elsewhere it says so and ends well. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "example.h"

#define PAGE UINT64_C(65536)
#define TOO_LONG INT64_C(60000000000) /* a minute: the other must have died */

enum { ROUNDS = 2000, FIRST = 1, MOST = 4 };
enum { BALL = 0, MAIL = 64 }; /* the ball is a number, even where the first process has it and odd at the second */

static wasm_memorytype_t *shared_type(void) {
    wasm_memorytype_t *type = NULL;
    EXPECT_STATUS(wasm_memorytype_try_new(FIRST, true, MOST, false, true, 16, &type), WASM_MEMORY_OK);
    return type;
}

/* --- what both do ------------------------------------------------------------------------------------------------- */

/* Waits for the ball to come to the side that wants it even, or odd. False once the game is closed. */
static bool receive(wasm_memory_t *memory, uint32_t side, uint32_t *ball) {
    for (;;) {
        wasm_memory_wait_result_t result;
        wasm_memory_status_t status;
        EXPECT_STATUS(wasm_memory_atomic_load32(memory, BALL, ball), WASM_MEMORY_OK);
        if (*ball % 2 == side) return true;
        status = wasm_memory_atomic_wait32(memory, BALL, *ball, TOO_LONG, &result);
        if (status == WASM_MEMORY_CLOSED) return false;
        EXPECT(status == WASM_MEMORY_OK && result != WASM_MEMORY_WAIT_TIMED_OUT);
    }
}

static void send(wasm_memory_t *memory, uint32_t ball) {
    EXPECT_STATUS(wasm_memory_atomic_store32(memory, BALL, ball), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, BALL, 1, NULL), WASM_MEMORY_OK);
}

/* --- the second process ------------------------------------------------------------------------------------------- */

static int second(int descriptor) {
    wasm_engine_t *const engine = wasm_engine_new(); /* to import needs no option */
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *const type = shared_type();
    wasm_shared_memory_t *shared = NULL;
    wasm_memory_t *memory;
    uint32_t ball, returned = 0;
    char text[32] = {0};

    EXPECT(store != NULL);
    EXPECT_STATUS(wasm_shared_memory_import(engine, type, descriptor, &shared), WASM_MEMORY_OK);
    close(descriptor); /* ours; the memory does not need it any more */
    wasm_memorytype_delete(type);
    memory = wasm_memory_obtain(store, shared);
    EXPECT(memory != NULL);
    EXPECT_STATUS(wasm_memory_read(memory, MAIL, text, 11), WASM_MEMORY_OK);
    EXPECT(strcmp(text, "from parent") == 0);

    while (receive(memory, 1, &ball)) {
        if (ball == 1) { /* with the first ball comes a page */
            EXPECT(wasm_memory_pages(memory) == FIRST + 1);
            EXPECT_STATUS(wasm_memory_read(memory, FIRST * PAGE, text, 8), WASM_MEMORY_OK);
            EXPECT(memcmp(text, "new page", 8) == 0);
            EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
            EXPECT_STATUS(wasm_memory_write(memory, (FIRST + 1) * PAGE, "from child", 10), WASM_MEMORY_OK);
        }
        returned++;
        send(memory, ball + 1);
    }
    EXPECT(returned == ROUNDS);
    printf("second process: returned the ball %" PRIu32 " times, then the game was closed\n", returned);

    wasm_memory_delete(memory);
    wasm_shared_memory_delete(shared);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* --- the first process -------------------------------------------------------------------------------------------- */

/* Only an engine with this option makes memories that can be exported. NULL where there are none. */
static wasm_shared_memory_t *exportable_memory(intptr_t *descriptor) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memorytype_t *const type = shared_type();
    wasm_engine_t *engine;
    wasm_shared_memory_t *shared = NULL;
    wasm_memory_status_t status;

    wasm_config_memory_exportable_set(config, true);
    engine = wasm_engine_new_with_config(config);
    EXPECT(engine != NULL);
    status = wasm_shared_memory_new(engine, type, &shared);
    if (status == WASM_MEMORY_OK) status = wasm_shared_memory_export(shared, descriptor);
    if (status == WASM_MEMORY_UNSUPPORTED) {
        printf("skipped: no memory can be exported here\n");
        example_print_refusal(status);
        wasm_shared_memory_delete(shared);
        shared = NULL;
    } else {
        EXPECT_STATUS(status, WASM_MEMORY_OK);
    }
    wasm_memorytype_delete(type);
    wasm_engine_delete(engine); /* the memory keeps what it needs of it */
    return shared;
}

static pid_t start_second(const char *program, int descriptor) {
    char number[16];
    pid_t child;
    snprintf(number, sizeof number, "%d", descriptor);
    fflush(stdout); /* or both would print what is in its buffer */
    child = fork();
    if (child == 0) {
        /* A descriptor of the library is closed when a program is started. This one is to stay open, in the child. */
        if (fcntl(descriptor, F_SETFD, 0) == 0) execlp(program, program, "second", number, (char *)NULL);
        _exit(127);
    }
    EXPECT(child > 0);
    return child;
}

static int first(const char *program) {
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_shared_memory_t *shared;
    wasm_memory_t *memory;
    intptr_t descriptor = 0;
    uint32_t ball = 0;
    char text[10];
    pid_t child;
    int status = 0;

    shared = exportable_memory(&descriptor);
    if (shared == NULL) return 0;
    engine = wasm_engine_new();
    store = wasm_store_new(engine);
    memory = wasm_memory_obtain(store, shared);
    EXPECT(memory != NULL);
    EXPECT_STATUS(wasm_memory_write(memory, MAIL, "from parent", 11), WASM_MEMORY_OK);

    child = start_second(program, (int)descriptor);
    close((int)descriptor); /* ours, as exporting made it */

    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_write(memory, FIRST * PAGE, "new page", 8), WASM_MEMORY_OK);
    while (ball < 2 * ROUNDS) {
        send(memory, ball + 1);
        EXPECT(receive(memory, 0, &ball));
    }
    printf("first process: the ball went to and fro %" PRIu32 " times\n", ball / 2);

    EXPECT(wasm_memory_pages(memory) == FIRST + 2);
    EXPECT_STATUS(wasm_memory_read(memory, (FIRST + 1) * PAGE, text, sizeof text), WASM_MEMORY_OK);
    EXPECT(memcmp(text, "from child", sizeof text) == 0);
    printf("first process: %" PRIu64 " pages, of which the second process made one\n", wasm_memory_pages(memory));

    fflush(stdout);
    EXPECT_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK); /* reaches the waiters of all processes */
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    wasm_memory_delete(memory);
    wasm_shared_memory_delete(shared);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "second") == 0) return second(atoi(argv[2]));
    return first(argv[0]);
}
