/* What the drivers ask of the memories, whoever makes them. Included after a runtime's headers. */
#ifndef WASM2C_SPEC_GLUE_H
#define WASM2C_SPEC_GLUE_H

#include <stdbool.h>
#include <stdint.h>

#include "wasm-rt.h"

/* Before the first memory. */
void glue_start(void);
/* How many memories wasm_memory has made. */
unsigned long glue_memories(void);
/* One for `spectest`, of 1 to 2 pages. */
void glue_make_memory(wasm_rt_memory_t *memory, bool shared);
/* Whether a module may import it. */
bool glue_matches(const void *memory, uint64_t initial, uint64_t maximum, bool is64, bool shared, uint32_t page_size);
/* Why the last trap was, if it was not the guest's doing; NULL otherwise. */
const char *glue_reason(void);

#endif
