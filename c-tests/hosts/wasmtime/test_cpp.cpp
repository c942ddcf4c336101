// test_cpp: the adapter's header beside wasmtime's headers for C++: a module runs on memory of ours.
#include <wasmtime.hh>

#include <wasm_memory_wasmtime.h>

#include <cstdio>
#include <cstring>

static int failures = 0;

static void check(bool holds, int line) {
    if (holds) return;
    std::printf("test_cpp.cpp:%d: not so\n", line);
    failures++;
}
#define CHECK(condition) check(condition, __LINE__)

int main() {
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *memories = nullptr;
    CHECK(my_wasm_memory_wasmtime_new(ours, nullptr, &memories) == nullptr);
    {
        wasmtime::Config config;
        CHECK(my_wasm_memory_wasmtime_configure(memories, config.capi()) == nullptr);
        wasmtime::Engine engine(std::move(config));
        wasmtime::Store store(engine);
        auto module = wasmtime::Module::compile(engine,
                                                "(module (memory (export \"m\") 1 2) (data (i32.const 3) \"abc\")"
                                                " (func (export \"load\") (param i32) (result i32)"
                                                "  (i32.load8_u (local.get 0))))")
                          .unwrap();
        auto instance = wasmtime::Instance::create(store, module, {}).unwrap();
        auto exported = std::get<wasmtime::Memory>(*instance.get(store, "m"));
        auto load = std::get<wasmtime::Func>(*instance.get(store, "load"));

        my_wasm_memory_t *const memory =
            my_wasm_memory_wasmtime_memory(memories, store.context().capi(), &exported.capi());
        CHECK(memory != nullptr);
        CHECK(my_wasm_memory_write(memory, 4, "B", 1) == WASM_MEMORY_OK);
        CHECK(load.call(store, {int32_t{4}}).unwrap()[0].i32() == 'B');
        CHECK(load.call(store, {int32_t{5}}).unwrap()[0].i32() == 'c');
        CHECK(!load.call(store, {int32_t{65536}}));
        CHECK(exported.grow(store, 1).unwrap() == 1);
        CHECK(my_wasm_memory_pages(memory) == 2);
        my_wasm_memory_delete(memory);
    }
    my_wasm_memory_wasmtime_delete(memories);
    my_wasm_engine_delete(ours);
    std::printf("%d failed\n", failures);
    return failures != 0;
}
