// The same as main.c, in C++: what a user of the installed library writes with its header of classes.
#include <cstdint>
#include <cstdio>

#include "wasm_memory.hpp"

namespace wm = wasm_memory;

static bool works() {
    auto engine = wm::Engine::make();
    if (!engine) return false;
    auto store = wm::Store::make(*engine);
    auto type = wm::MemoryType::make(1, 4);
    if (!store || !type) return false;
    auto memory = wm::Memory::make(*store, *type);
    if (!memory) return false;
    const auto previous = memory->grow(3);
    if (!previous || *previous != 1 || memory->grow(1)) return false;
    if (!memory->store<std::uint64_t>(4 * 65536 - 8, 42)) return false;
    const auto read = memory->load<std::uint64_t>(4 * 65536 - 8);
    return read && *read == 42;
}

int main() {
    const bool good = works();
    std::printf("wasm_memory %s %s\n", wasm_memory_version(), good ? "works" : "does not work");
    return good ? 0 : 1;
}
