/* One instance of loops.wat, as code that wasm2c generated. Compiled once per way of checking bounds; BENCH_NAME gives
 * every name the prefix of its way. */
#include "loops.h"

#include <stdlib.h>

Z_loops_instance_t *BENCH_NAME(loops_new)(void)
{
    Z_loops_instance_t *instance = calloc(1, sizeof *instance);
    if (instance != NULL) {
        wasm_rt_init();
        Z_loops_init_module();
        Z_loops_instantiate(instance);
    }
    return instance;
}

uint32_t BENCH_NAME(loops_load)(Z_loops_instance_t *instance, uint64_t count) { return Z_loopsZ_load(instance, count); }

void BENCH_NAME(loops_store)(Z_loops_instance_t *instance, uint64_t count) { Z_loopsZ_store(instance, count); }

void BENCH_NAME(loops_delete)(Z_loops_instance_t *instance)
{
    Z_loops_free(instance);
    free(instance);
}
