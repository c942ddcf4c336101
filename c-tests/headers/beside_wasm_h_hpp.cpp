// wasm_memory.hpp in a unit that has the standard wasm.h as well, before it or by WASM_MEMORY_USE_WASM_H.
#ifdef WASM_H_FIRST
#include <wasm.h>
#endif
#include "wasm_memory.hpp"

int main() {
    auto engine = wasm_memory::Engine::make();
    auto store = wasm_memory::Store::make(*engine);
    const wasm_limits_t limits = {1, 2};
    const wasm_memory::MemoryType type(wasm_memorytype_new(&limits)); // a handle of wasm.h's
    auto memory = wasm_memory::Memory::make(*store, type);
    if (!memory || memory->pages() != 1 || !memory->write(0, "x")) return 1;
    auto types = wasm_memory::MemoryTypeVec::make(2);
    return types && types->size() == 2 && wasm_memory_data(memory->get())[0] == 'x' ? 0 : 1;
}
