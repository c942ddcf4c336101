// A tour of wasm_memory.hpp: memories as C++ objects. Failures are values here, so that it also compiles with
// -fno-exceptions; with exceptions, `.value()` in the place of `need(...)` throws instead.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "wasm_memory.hpp"

namespace wm = wasm_memory;

// Ends the program with the library's sentence, or hands out the value.
template <class T>
static T need(wm::Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", wm::name(result.status()), result.message());
        std::exit(1);
    }
    return *std::move(result);
}

static void need(const wm::Result<void> &result) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", wm::name(result.status()), result.message());
        std::exit(1);
    }
}

static void check(bool holds, const char *what) {
    if (holds) return;
    std::fprintf(stderr, "it does not hold that %s\n", what);
    std::exit(1);
}

// A memory from beginning to end. Its handles give themselves back.
static void basics(const wm::Engine &engine) {
    const wm::Store store = need(wm::Store::make(engine));
    const wm::MemoryType type = need(wm::MemoryType::make(1, 10)); // 1 page of 64 KiB, at most 10
    wm::Memory memory = need(wm::Memory::make(store, type));

    need(memory.write(16, "hello"));
    need(memory.store<std::int32_t>(32, -5));
    std::printf("%s and %d\n", need(memory.read_string(16, 5)).c_str(), need(memory.load<std::int32_t>(32)));

    const wm::Result<double> outside = memory.load<double>(65530);
    std::printf("%s: %s\n", wm::name(outside.status()), outside.message());
    check(outside.status() == wm::Status::out_of_bounds, "an access past the end is refused");

    const std::uint64_t before = need(memory.grow(2));
    std::printf("grown from %u page to %u\n", static_cast<unsigned>(before), static_cast<unsigned>(memory.pages()));
    std::printf("%s", need(memory.hexdump(16, 5)).c_str());

    // What a compiler would generate: the check is compiled in here, and nothing is called.
    const wm::View view = memory.view();
    check(view.load<char>(16).value_or(0) == 'h' && !view.load<char>(3 * 65536),
          "the view sees the bytes, and their end");

    // While the bytes are lent nobody else changes them.
    const int sum = need(memory.with_data([](wm::Bytes bytes) {
        int of_all = 0;
        for (const std::uint8_t byte : bytes.subspan(16, 5)) of_all += byte;
        return of_all;
    }));
    check(sum == 'h' + 'e' + 'l' + 'l' + 'o', "the bytes were lent");
}

// A store has data of the host's and a limiter, which it owns; both go with the last of its memories.
static void limits(const wm::Engine &engine) {
    struct Tenant {
        std::uint64_t budget;
    };
    wm::Store store = need(wm::Store::make(engine));
    need(store.set_data(std::make_unique<Tenant>(Tenant{3 * 65536})));
    need(store.set_limiter([tenant = store.data<Tenant>()](
                               const wm::GrowthRequest &request) { return request.desired_bytes <= tenant->budget; },
                           [](wm::Status, std::string_view why) {
                               std::printf("the limiter hears: %.*s\n", int(why.size()), why.data());
                           }));
    wm::Memory memory = need(wm::Memory::make(store, need(wm::MemoryType::make(1))));
    store.reset();
    need(memory.grow(2));
    check(memory.grow(1).status() == wm::Status::limit_denied, "the budget is kept after its store has gone");
}

// A program is set up once; each request starts from its image.
static void images(const wm::Engine &engine) {
    const wm::Store store = need(wm::Store::make(engine));
    const wm::MemoryType type = need(wm::MemoryType::make(1));
    const wm::Image image = need(wm::Image::make({wm::segment(0, "set up"), wm::segment(4, "?!")}));
    wm::Memory memory = need(wm::Memory::from_image(store, type, image));
    need(memory.write(0, "used"));
    for (const wm::Range range : need(memory.dirty_ranges()))
        std::printf("changed: %u bytes at %u\n", static_cast<unsigned>(range.length),
                    static_cast<unsigned>(range.offset));
    need(memory.reset_to(image));
    check(need(memory.read_string(0, 6)) == "set ?!", "the memory is back where it was");
}

// Threads share a memory through tokens, and wait for each other in it.
static void threads(const wm::Engine &engine) {
    const wm::SharedMemory token = need(wm::SharedMemory::make(engine, need(wm::MemoryType::make_shared(1, 2))));
    std::thread worker([&engine, mine = need(token.copy())] {
        const wm::Store store = need(wm::Store::make(engine));
        wm::Memory memory = need(mine.obtain(store));
        need(memory.atomic_store<std::uint32_t>(0, 1));
        need(memory.notify(0));
    });
    const wm::Store store = need(wm::Store::make(engine));
    wm::Memory memory = need(token.obtain(store));
    const wm::WaitResult how = need(memory.wait_for<std::uint32_t>(0, 0, std::chrono::minutes(1)));
    std::printf("%s\n", how == wm::WaitResult::ok ? "woken" : "it was there already");
    worker.join();
    check(need(memory.atomic_load<std::uint32_t>(0)) == 1, "the other thread has written");
}

int main() {
    const wm::Engine engine = need(wm::Engine::make(std::move(wm::Config().guard_before(true))));
    std::printf("wasm_memory %s\n", wm::library_version());
    basics(engine);
    limits(engine);
    images(engine);
    threads(engine);
    return 0;
}
