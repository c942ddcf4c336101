/* planted.h: cases with a defect, which has to be found. */
#ifndef PLANTED_H
#define PLANTED_H

#include "injection/scene.h"

/* Loses a memory where a refusal was met. */
static void leaks(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED(wasm_memory_try_grow(scene.memory, 4, NULL));
    if (run_status == WASM_MEMORY_OK) wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

/* Leaves a mapping and a descriptor where a refusal was met. */
static void leaks_beside(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    ARMED(wasm_memory_try_grow(scene.memory, 4, NULL));
    if (run_status != WASM_MEMORY_OK) {
        CHECK(mmap(NULL, 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
        CHECK(dup(1) >= 0);
    }
    wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

/* Answers what the header does not list. */
static void answers_wrong(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    arm();
    run_status = wasm_memory_try_grow(scene.memory, 4, NULL);
    disarm();
    answered(run.of->function, run_status == WASM_MEMORY_OK ? run_status : WASM_MEMORY_OVERLAP, 0, __FILE__, __LINE__);
    wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

/* Changes the memory although it fails. */
static void changes(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    if (!ARMED(wasm_memory_try_grow(scene.memory, 4, NULL))) {
        wasm_memory_fill(scene.memory, 0, 0, 1);
        is_unchanged(&scene);
    }
    wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

/* Ends the process where it should fail. */
static void ends(const kind_t *kind) {
    scene_t scene = scene_of(kind);
    if (!ARMED(wasm_memory_try_grow(scene.memory, 4, NULL))) abort();
    wasm_memory_delete(scene.memory);
    host_delete(scene.host);
}

/* Says that nothing can be refused. */
static const case_t planted[] = {
    {"wasm_memory_try_grow", "leaks", leaks, 1, false, NULL},
    {"wasm_memory_try_grow", "leaks_beside", leaks_beside, 1, false, NULL},
    {"wasm_memory_try_grow", "answers_wrong", answers_wrong, 1, false, NULL},
    {"wasm_memory_try_grow", "changes", changes, 1, false, NULL},
    {"wasm_memory_try_grow", "ends", ends, 1, false, NULL},
    {"wasm_memory_try_grow", "is_not_quiet", leaks, 1, true, NULL},
};

static int run_planted(const char *defect) {
    size_t i;
    for (i = 0; i < sizeof planted / sizeof *planted; i++)
        if (strcmp(planted[i].variant, defect) == 0) {
            run_case(&planted[i], &kinds[1]);
            return total.failed != 0;
        }
    for (i = 0; i < sizeof planted / sizeof *planted; i++) puts(planted[i].variant);
    return 2;
}

#endif
