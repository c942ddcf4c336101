// Compiled twice into one program, with and without exceptions. What differs between the two must not be one function:
// a limiter that throws says no, also when a unit without exceptions has been linked first.
#include "wasm_memory.hpp"

namespace wm = wasm_memory;

using Ask = bool (*)(const wm::GrowthRequest &);

static wm::Status grow_with(Ask ask) {
    auto engine = wm::Engine::make();
    auto store = wm::Store::make(*engine);
    auto memory = wm::Memory::make(*store, *wm::MemoryType::make(1, 3));
    const auto set = store->set_limiter(ask);
    return set ? memory->grow(1).status() : set.status();
}

#if defined(__cpp_exceptions)
bool without_exceptions();

static bool throws(const wm::GrowthRequest &) { throw 5; }

int main() { return grow_with(throws) == wm::Status::limit_denied && without_exceptions() ? 0 : 1; }
#else
bool without_exceptions();

static bool agrees(const wm::GrowthRequest &) { return true; }

bool without_exceptions() { return grow_with(agrees) == wm::Status::ok; }
#endif
