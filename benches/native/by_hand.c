/* i32.load and i32.store as a careful C programmer writes them: one compare, one access. The sum of a 32-bit index and
 * a 32-bit offset cannot wrap in 64 bits, and the length is read atomically, because shared memories grow. */
#include "native.h"

#include <string.h>

static inline bool in_bounds(const bench_memory_t *memory, uint32_t index, uint32_t offset, size_t width)
{
    return (uint64_t)index + offset + width <= __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);
}

bool bench_by_hand_i32_load(const bench_memory_t *memory, uint64_t count, uint32_t *out_sum)
{
    uint32_t index = 0;
    uint32_t sum = 0;
    for (uint64_t done = 0; done < count; done++) {
        uint32_t value;
        if (!in_bounds(memory, index, BENCH_OFFSET, sizeof value)) {
            return false;
        }
        memcpy(&value, memory->base + index + BENCH_OFFSET, sizeof value);
        sum += value;
        index = (index + BENCH_STEP) & BENCH_MASK;
    }
    *out_sum = sum;
    return true;
}

bool bench_by_hand_i32_store(const bench_memory_t *memory, uint64_t count)
{
    uint32_t index = 0;
    for (uint64_t done = 0; done < count; done++) {
        uint32_t value = (uint32_t)done;
        if (!in_bounds(memory, index, BENCH_OFFSET, sizeof value)) {
            return false;
        }
        memcpy(memory->base + index + BENCH_OFFSET, &value, sizeof value);
        index = (index + BENCH_STEP) & BENCH_MASK;
    }
    return true;
}
