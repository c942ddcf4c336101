// wasm_memory.hpp: that it does what it says beyond the C functions, which have tests of their own: who owns what,
// when it goes, what is told, and what an exception does. Built as C++17 and C++20, and without exceptions and type
// information.
//
//     test_hpp [HEADER GOLDEN_LIST]
//
// With the paths of wasm_memory.hpp and of abi/exports.txt it also looks for exported functions that the header
// leaves out.
#include "wasm_memory.hpp"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "support/check.h"

namespace wm = wasm_memory;
using namespace std::chrono_literals;
using wm::Status;

#if defined(__cpp_exceptions)
#define EXCEPTIONS 1
#else
#define EXCEPTIONS 0
#endif

static const std::uint64_t page = 65536;

// CHECK_STATUS for a Result, which has its own sentence.
#define CHECK_RESULT(result, expected) check_result(result, expected, __FILE__, __LINE__, #result)
#define CHECK_OK(result) CHECK_RESULT(result, Status::ok)
#define CHECK_VALUE(result, expected) \
    check_value(result, expected, __FILE__, __LINE__, #result, #result " == " #expected)

template <class T>
static bool check_result(const wm::Result<T> &result, Status expected, const char *file, int line, const char *what) {
    const std::string text =
        std::string(": ") + wm::name(result.status()) + ", not " + wm::name(expected) + " (" + result.message() + ")";
    return check_report(result.status() == expected, file, line, what, text.c_str());
}

template <class T, class U>
static bool check_value(const wm::Result<T> &result, U expected, const char *file, int line, const char *what,
                        const char *comparison) {
    if (!check_result(result, Status::ok, file, line, what)) return false;
    return check_equal(static_cast<std::uint64_t>(*result), static_cast<std::uint64_t>(expected), file, line,
                       comparison);
}

static bool contains(const char *text, const char *part) { return std::strstr(text, part) != nullptr; }

// What a test is done with: nothing here may fail.
template <class T>
static T sure(wm::Result<T> result) {
    if (!result) {
        std::printf("cannot go on: %s: %s\n", wm::name(result.status()), result.message());
        std::exit(1);
    }
    return *std::move(result);
}

struct World {
    wm::Engine engine = sure(wm::Engine::make());
    wm::Store store = sure(wm::Store::make(engine));
    wm::MemoryType type = sure(wm::MemoryType::make(1, 4));
    wm::Memory memory = sure(wm::Memory::make(store, type));
};

// Tells how many of its copies there are.
struct Counted {
    std::shared_ptr<int> token = std::make_shared<int>(0);
    long others() const { return token.use_count() - 1; }
};

// ---- results --------------------------------------------------------------------------------------------------------

TEST(failures_have_a_status_and_a_sentence) {
    World world;
    const wm::Result<std::uint32_t> number = world.memory.load<std::uint32_t>(65533);
    CHECK(!number && !number.ok());
    CHECK_RESULT(number, Status::out_of_bounds);
    CHECK(contains(number.message(), "65533"));
    CHECK(std::strcmp(wm::name(number.status()), "WASM_MEMORY_OUT_OF_BOUNDS") == 0);
    CHECK(std::strcmp(wm::message(number.status()), "out of bounds memory access") == 0);
    CHECK(wm::last_error() == number.message());
    // It is its own: the next failure does not change it.
    const std::string sentence = number.message();
    CHECK_RESULT(world.memory.grow(100), Status::maximum_exceeded);
    CHECK(sentence == number.message() && wm::last_error() != sentence);

    wm::Error copy = number.error(), moved = std::move(copy);
    CHECK(sentence == moved.message() && moved.status() == Status::out_of_bounds);
    copy = moved;
    CHECK(sentence == copy.message() && sentence == moved.message() && copy.message() != moved.message());
    copy = wm::Error(Status::io, "short");
    CHECK(std::strcmp(copy.message(), "short") == 0);
    CHECK(std::strcmp(wm::Error(Status::closed).message(), wm::message(Status::closed)) == 0);
    CHECK(std::strcmp(wm::name(Status::unspecified), "unspecified") == 0);
    CHECK(std::strcmp(wm::name(static_cast<Status>(12345)), "WASM_MEMORY_UNKNOWN_STATUS") == 0);
}

TEST(results_have_a_value_or_a_failure) {
    wm::Result<int> seven = 7, none = Status::io;
    CHECK_VALUE(seven, 7);
    CHECK(none.status() == Status::io && !none);
    CHECK_EQ(std::move(none).value_or(3), 3);
    CHECK_EQ(seven.value_or(3), 7);
    const wm::Result<std::string> text = std::string("abc");
    CHECK_EQ(text->size(), 3);
    CHECK(text.value_or("d") == "abc");
    // A failure that says ok is none of both, and becomes a defect.
    CHECK(wm::Result<int>(Status::ok).status() == Status::internal);
    CHECK(!wm::Result<int>(wm::Error(Status::ok)));
    CHECK(wm::Result<void>(Status::ok).ok() && wm::Result<void>().ok());
    CHECK(wm::Result<void>(Status::io).status() == Status::io);
    // A value may itself be a status.
    const wm::Result<Status> status = Status::closed;
    CHECK(status.ok() && *status == Status::closed);
    // What moves only.
    wm::Result<std::unique_ptr<int>> owner = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = *std::move(owner);
    CHECK_EQ(*taken, 5);
    static_assert(!std::is_copy_constructible_v<wm::Result<wm::Memory>>, "");
}

TEST(errno_stays_that_of_the_system) {
    World world;
    const auto loaded = wm::Image::load("/nonexistent/image");
    const int error = errno;
    CHECK_RESULT(loaded, Status::io);
    CHECK_EQ(error, ENOENT);
    errno = 77;
    CHECK_RESULT(world.memory.load<int>(page), Status::out_of_bounds);
    CHECK_EQ(errno, 77);
}

#if EXCEPTIONS
TEST(value_throws_what_the_library_says) {
    World world;
    CHECK_EQ(world.memory.grow(1).value(), 1);
    world.memory.write(0, "x").value();
    bool caught = false;
    try {
        (void)world.memory.load<int>(2 * page).value();
    } catch (const wm::Exception &exception) {
        caught = true;
        CHECK(exception.status() == Status::out_of_bounds && contains(exception.what(), "131072"));
        CHECK(std::strcmp(exception.what(), exception.error().message()) == 0);
    }
    CHECK(caught);
    caught = false;
    try {
        world.memory.write(2 * page, "x").or_throw();
    } catch (const std::exception &exception) {
        caught = contains(exception.what(), "131072");
    }
    CHECK(caught);
    const wm::Memory copy = wm::Memory(world.memory.copy().value());
    CHECK(copy.same(world.memory));
}
#endif

// ---- spans ----------------------------------------------------------------------------------------------------------

static std::size_t length_of(wm::Bytes bytes) { return bytes.size(); }

TEST(spans_are_made_of_what_has_bytes) {
    const std::vector<std::uint8_t> vector = {1, 2, 3};
    std::vector<char> characters = {'a', 'b'};
    std::array<std::byte, 4> array = {};
    const std::string text("a\0b", 3);
    std::uint8_t raw[5] = {1, 2, 3, 4, 5};
    char buffer[8] = "ab";
    const char unended[3] = {'x', 'y', 'z'};
    CHECK_EQ(length_of(vector), 3);
    CHECK_EQ(length_of(characters), 2);
    CHECK_EQ(length_of(array), 4);
    CHECK_EQ(length_of(text), 3);
    CHECK_EQ(length_of(std::string_view("four")), 4);
    CHECK_EQ(length_of(raw), 5);
    CHECK_EQ(length_of(buffer), 8); // a buffer is all of its bytes
    CHECK_EQ(length_of("literal"), 7);
    CHECK_EQ(length_of(""), 0);
    CHECK_EQ(length_of(unended), 3);
    const char *const pointer = "pointer";
    CHECK_EQ(length_of(pointer), 7);
    CHECK_EQ(length_of({}), 0);
    CHECK_EQ(length_of({raw, 2}), 2);

    wm::MutableBytes writable = raw;
    writable[1] = 9;
    CHECK_EQ(raw[1], 9);
    writable = buffer;
    CHECK(writable.size() == 8 && writable.front() == 'a' && writable.back() == 0);
    const wm::Bytes constant = writable;
    CHECK(constant.data() == writable.data() && constant.size() == 8);
    static_assert(!std::is_convertible_v<wm::Bytes, wm::MutableBytes>, "");
    static_assert(!std::is_convertible_v<const std::vector<char> &, wm::MutableBytes>, "");
    static_assert(!std::is_convertible_v<std::vector<char>, wm::MutableBytes>, "what is gone at the semicolon");
    static_assert(!std::is_convertible_v<std::vector<int> &, wm::Bytes>, "");
    static_assert(!std::is_convertible_v<std::vector<bool> &, wm::Bytes>, "");

    const wm::Bytes some = raw;
    CHECK_EQ(some.subspan(1, 2).size(), 2);
    CHECK_EQ(some.subspan(1, 2)[0], 9);
    CHECK_EQ(some.subspan(3).size(), 2);
    CHECK_EQ(some.subspan(4, 100).size(), 1);
    CHECK(some.subspan(6).empty() && some.subspan(SIZE_MAX, 1).empty());
    unsigned sum = 0;
    for (const std::uint8_t byte : some) sum += byte;
    CHECK_EQ(sum, 1 + 9 + 3 + 4 + 5);
#if defined(__cpp_lib_span)
    const std::span<const std::uint8_t> standard = some;
    CHECK(standard.data() == some.data() && standard.size() == some.size());
    const std::span<std::uint8_t> standard_mutable = writable;
    const std::span<const std::uint8_t> less = writable, none = wm::Bytes();
    const std::span<std::uint8_t> temporary = wm::MutableBytes(raw);
    CHECK(less.size() == 8 && none.empty() && temporary.data() == raw);
    CHECK_EQ(length_of(standard), 5);
    CHECK_EQ(length_of(standard_mutable), 8);
    CHECK_EQ(length_of(std::as_bytes(standard)), 5);
    const wm::MutableBytes back = standard_mutable;
    CHECK(back.data() == writable.data());
#endif
}

// ---- handles --------------------------------------------------------------------------------------------------------

// A function, so that compilers do not see that both are one.
template <class T>
static void move_into(T &to, T &from) {
    to = std::move(from);
}

TEST(handles_move) {
    static_assert(!std::is_copy_constructible_v<wm::Memory> && !std::is_copy_assignable_v<wm::Memory>, "");
    static_assert(std::is_nothrow_move_constructible_v<wm::Memory> && std::is_nothrow_move_assignable_v<wm::Memory>,
                  "");
    static_assert(std::is_nothrow_move_assignable_v<wm::MemoryFuture>, "");
    static_assert(sizeof(wm::Memory) == sizeof(void *), "");
    World world;
    wasm_memory_t *const handle = world.memory.get();
    wm::Memory moved = std::move(world.memory);
    CHECK(moved && moved.get() == handle && !world.memory && world.memory.get() == nullptr);
    move_into(moved, moved);
    CHECK(moved.get() == handle);
    CHECK_EQ(moved.pages(), 1);
    world.memory = std::move(moved);
    CHECK(world.memory.get() == handle && !moved);

    // What is assigned over goes.
    Counted counted;
    CHECK_OK(world.memory.set_host_info(std::make_unique<Counted>(counted)));
    CHECK_EQ(counted.others(), 1);
    world.memory = sure(wm::Memory::make(world.store, world.type));
    CHECK_EQ(counted.others(), 0);
    world.memory = wm::Memory();
    CHECK(!world.memory);

    // To and from the C handle.
    wm::Memory memory = sure(wm::Memory::make(world.store, world.type));
    wasm_memory_t *const raw = memory.release();
    CHECK(raw != nullptr && !memory);
    {
        const wm::Borrowed<wm::Memory> borrowed(raw), again = borrowed;
        CHECK_EQ(borrowed->pages(), 1);
        CHECK_VALUE((*again).load<int>(0), 0);
        wm::Borrowed<wm::Memory> other(nullptr);
        other = borrowed;
        CHECK_OK(other->write(0, "x"));
    }
    CHECK_EQ(wasm_memory_pages(raw), 1); // it is still there
    memory.reset(raw);
    CHECK_VALUE(memory.load<char>(0), 'x');
    memory.reset();
    CHECK(!memory);
}

TEST(empty_handles_are_null_arguments) {
    const Status null = Status::null_argument;
    World world;
    wm::Engine engine = std::move(world.engine);
    wm::Store store = std::move(world.store);
    wm::MemoryType type = std::move(world.type);
    wm::Memory memory = std::move(world.memory);
    // world.* were moved from, and are used on purpose.
    CHECK_RESULT(wm::Store::make(world.engine), null);
    CHECK_RESULT(world.engine.stats(), null);
    CHECK_RESULT(world.store.stats(), null);
    CHECK_RESULT(world.engine.pool_stats(), null);
    CHECK_RESULT(world.engine.pool_trim(), null);
    CHECK_RESULT(wm::Memory::make(world.store, type), null);
    CHECK_RESULT(wm::Memory::make(store, world.type), null);
    CHECK_RESULT(wm::Memory::make_async(world.store, type), null);
    CHECK_RESULT(world.store.set_limits({}), null);
    CHECK_RESULT(world.store.clear_limits(), null);
    CHECK_RESULT(world.store.clear_limiter(), null);
    CHECK_RESULT(world.type.copy(), null);
    CHECK_EQ(world.type.minimum(), 0);
    CHECK(!world.type.maximum() && !world.type.is_64() && !world.type.is_shared() && !world.type.matches(type));
    CHECK_RESULT(world.memory.copy(), null);
    CHECK_RESULT(world.memory.share(), null);
    CHECK_RESULT(world.memory.type(), null);
    CHECK_RESULT(world.memory.grow(1), null);
    CHECK_RESULT(world.memory.grow_async(1), null);
    CHECK_RESULT(world.memory.read_vector(0, 1), null);
    CHECK_RESULT(world.memory.write(0, "x"), null);
    CHECK_RESULT(world.memory.load<float>(0), null);
    CHECK_RESULT(world.memory.store(0, 1), null);
    CHECK_RESULT(world.memory.hexdump(0, 1), null);
    CHECK_RESULT(world.memory.atomic_load<int>(0), null);
    CHECK_RESULT(world.memory.wait(0, 1), null);
    CHECK_RESULT(world.memory.notify(0), null);
    CHECK_RESULT(world.memory.stats(), null);
    CHECK_RESULT(world.memory.accessible(), null);
    CHECK_RESULT(world.memory.snapshot(), null);
    CHECK_RESULT(world.memory.dirty_ranges(), null);
    CHECK_RESULT(world.memory.reset_to_zeros(), null);
    CHECK_RESULT(world.memory.with_data([](wm::Bytes) { return 1; }), null);
    CHECK_RESULT(world.memory.data_and_store<int>(), null);
    CHECK(world.memory.data() == nullptr && world.memory.bytes().empty() && !world.memory.view());
    CHECK_EQ(world.memory.pages() + world.memory.byte_length(), 0);
    // An empty image is not taken for "zeros".
    CHECK_OK(memory.write(0, "x"));
    CHECK_RESULT(memory.reset_to(wm::Image()), null);
    CHECK_VALUE(memory.load<char>(0), 'x');
    CHECK_RESULT(memory.init(0, wm::DataSegment(), 0, 0), null);
    CHECK_RESULT(wm::SharedMemory().copy(), null);
    CHECK_RESULT(wm::SharedMemory().obtain(store), null);
    CHECK_RESULT(wm::Image().save("nowhere"), null);
    CHECK(wm::MemoryFuture().poll() == null);
    CHECK_RESULT(wm::MemoryFuture().take(), null);
    CHECK_RESULT(wm::MemoryFuture().on_ready([] {}), null);
    wm::Ticket().allow();
    wm::Config config;
    const wm::Config used = std::move(config);
    config.bounds(wm::Bounds::checked).allocator(nullptr).no_pool();
    CHECK_RESULT(wm::Engine::make(std::move(config)), null);

    // What would have passed to the library goes, once.
    Counted counted;
    CHECK_RESULT(world.store.set_data(std::make_unique<Counted>(counted)), null);
    CHECK_RESULT(world.store.set_limiter([counted](const wm::GrowthRequest &) { return true; }), null);
    CHECK_RESULT(world.store.set_limiter_async([counted](const wm::GrowthRequest &, wm::Ticket) {}), null);
    CHECK_RESULT(world.memory.set_host_info(std::make_unique<Counted>(counted)), null);
    CHECK_EQ(counted.others(), 0);
}

TEST(memories_outlive_what_they_were_made_with) {
    Counted data, limiter, info;
    wm::Memory memory;
    {
        World world;
        CHECK_OK(world.store.set_data(std::make_unique<Counted>(data)));
        CHECK_OK(
            world.store.set_limiter([limiter](const wm::GrowthRequest &of) { return of.desired_bytes <= 2 * page; }));
        memory = sure(world.memory.copy());
        CHECK(memory.same(world.memory));
        CHECK_OK(memory.set_host_info(std::make_unique<Counted>(info)));
    }
    CHECK(data.others() == 1 && limiter.others() == 1 && info.others() == 1);
    CHECK_VALUE(memory.grow(1), 1);
    CHECK_RESULT(memory.grow(1), Status::limit_denied);
    const auto both = memory.data_and_store<Counted>();
    CHECK(CHECK_OK(both) && both->store_data->token == data.token && both->bytes.size() == 2 * page);
    memory.reset();
    CHECK(data.others() == 0 && limiter.others() == 0 && info.others() == 0);
}

// ---- types and options ----------------------------------------------------------------------------------------------

TEST(types_say_what_they_were_made_of) {
    const wm::MemoryType plain = sure(wm::MemoryType::make(2));
    CHECK(plain.minimum() == 2 && !plain.maximum() && !plain.is_64() && !plain.is_shared());
    CHECK(plain.page_size() == page && plain.page_size_log2() == 16);
    wm::TypeDescription description;
    description.maximum = 1000;
    description.is_64 = true;
    description.page_size_log2 = 0;
    const wm::MemoryType special = sure(wm::MemoryType::make(description));
    const wm::TypeDescription told = sure(special.copy()).describe();
    CHECK(told.minimum == 0 && told.maximum == 1000 && told.is_64 && !told.shared && told.page_size_log2 == 0);
    const wm::MemoryType shared = sure(wm::MemoryType::make_shared(1, 3));
    CHECK(shared.is_shared() && shared.maximum() == 3);
    CHECK(shared.matches(shared) && !shared.matches(plain));
    CHECK_RESULT(wm::MemoryType::make(2, 1), Status::invalid_type);
    const auto refused = wm::MemoryType::make(65537);
    CHECK(refused.status() == Status::invalid_type && contains(refused.message(), "65537"));
}

TEST(vectors_own_their_types) {
    std::vector<wm::MemoryType> types;
    types.push_back(sure(wm::MemoryType::make(1)));
    types.push_back(sure(wm::MemoryType::make(2)));
    wm::MemoryTypeVec vector = sure(wm::MemoryTypeVec::make(std::move(types)));
    CHECK(types.empty());
    CHECK_EQ(vector.size(), 2);
    CHECK_EQ(vector[1]->minimum(), 2);
    wm::MemoryTypeVec copy = sure(vector.copy());
    CHECK(copy.size() == 2 && copy[0]->minimum() == 1 && copy.get()->data[0] != vector.get()->data[0]);
    move_into(copy, copy);
    CHECK_EQ(copy.size(), 2);
    copy = std::move(vector);
    CHECK(copy.size() == 2 && vector.size() == 0);
    wm::MemoryTypeVec places = sure(wm::MemoryTypeVec::make(3));
    places.set(2, sure(wm::MemoryType::make(7)));
    places.set(2, sure(wm::MemoryType::make(8)));
    CHECK_EQ(places[2]->minimum(), 8);
    wm::MemoryTypeVec taken(*places.get());
    CHECK(taken.size() == 3 && places.size() == 0);
    CHECK_RESULT(wm::MemoryTypeVec::make(SIZE_MAX / 4), Status::out_of_memory);
}

TEST(options_reach_the_engine) {
    wm::Config config;
    config.bounds(wm::Bounds::checked)
        .reservation(2 * page)
        .may_move(true)
        .guard_before(false)
        .huge_pages(false)
        .reservation_for_growth(page)
        .exportable(false)
        .guard_size(page);
    const wm::Engine engine = sure(wm::Engine::make(std::move(config)));
    CHECK(!config);
    const wm::Store store = sure(wm::Store::make(engine));
    wm::Memory memory = sure(wm::Memory::make(store, sure(wm::MemoryType::make(1))));
    const wm::MemoryStats stats = sure(memory.stats());
    CHECK(stats.bounds == WASM_MEMORY_BOUNDS_CHECKED && stats.reserved_bytes == 2 * page && stats.guard_bytes == page);
    CHECK(memory.may_move() && stats.may_move);
    CHECK_VALUE(memory.grow(5), 1);
    const wm::MemoryStats quick = sure(memory.stats_without_residency());
    CHECK(quick.byte_length == 6 * page && quick.grow_count == 1 && quick.resident_bytes == 0);
    CHECK(quick.struct_size < sizeof quick && stats.dirty_granule_bytes > 0);

    wm::Config absurd;
    absurd.reservation(UINT64_MAX);
    const auto refused = wm::Engine::make(std::move(absurd));
    CHECK(refused.status() == Status::unspecified && contains(refused.message(), "memory_reservation"));
    CHECK_RESULT(wm::Engine::make(std::move(wm::Config().bounds(static_cast<wm::Bounds>(9)))), Status::unspecified);
}

TEST(pools_count) {
    wm::PoolOptions options;
    options.slots = 2;
    options.slot_bytes = 4 * page;
    wm::Engine engine = sure(wm::Engine::make(std::move(wm::Config().pool(options))));
    const wm::Store store = sure(wm::Store::make(engine));
    const wm::MemoryType type = sure(wm::MemoryType::make(1, 4));
    wm::Memory first = sure(wm::Memory::make(store, type)), second = sure(wm::Memory::make(store, type));
    CHECK_EQ(sure(engine.pool_stats()).live, 2);
    CHECK_RESULT(wm::Memory::make(store, type), Status::out_of_memory);
    first.reset();
    CHECK_OK(wm::Memory::make(store, type));
    CHECK_EQ(sure(engine.pool_stats()).hits, 1);
    CHECK_OK(engine.pool_trim());
    CHECK_EQ(sure(engine.pool_stats()).live, 1);
}

// ---- memories -------------------------------------------------------------------------------------------------------

template <class T>
static void check_number(wm::Memory &memory, T value) {
    const wm::View view = memory.view();
    const std::uint64_t end = memory.byte_length();
    T found = {};
    CHECK_OK(memory.store(3, value));
    const auto loaded = memory.load<T>(3);
    CHECK(CHECK_OK(loaded) && std::memcmp(&*loaded, &value, sizeof value) == 0);
    // Little-endian, as this host and the view have it.
    CHECK_OK(memory.read(3, wm::MutableBytes(reinterpret_cast<std::uint8_t *>(&found), sizeof found)));
    CHECK(std::memcmp(&found, &value, sizeof value) == 0);
    const auto seen = view.load<T>(1, 2);
    const T copied = *seen;
    CHECK(seen && seen.has_value() && std::memcmp(&copied, &value, sizeof value) == 0);
    const auto outside = view.load<T>(end);
    const T zero = {}, none = *outside, otherwise = outside.value_or(value);
    CHECK(!outside && std::memcmp(&none, &zero, sizeof zero) == 0 &&
          std::memcmp(&otherwise, &value, sizeof value) == 0);
    CHECK(view.store(end - sizeof(T), value) && memory.load<T>(end - sizeof(T)).ok());
    CHECK(!view.store(end - sizeof(T) + 1, value) && !view.load<T>(end - sizeof(T), 1));
    CHECK(!view.load<T>(UINT64_MAX, 1) && !view.load<T>(1, UINT64_MAX) && !view.store(UINT64_MAX, value, 1));
    CHECK_RESULT(memory.load<T>(end - sizeof(T) + 1), Status::out_of_bounds);
    CHECK_RESULT(memory.store(UINT64_MAX, value), Status::out_of_bounds);
}

TEST(numbers_of_every_type) {
    World world;
    check_number<std::uint8_t>(world.memory, 0xfe);
    check_number<std::int8_t>(world.memory, -2);
    check_number<char>(world.memory, 'c');
    check_number<std::uint16_t>(world.memory, 0xfedc);
    check_number<std::int16_t>(world.memory, -300);
    check_number<char16_t>(world.memory, u'x');
    check_number<std::uint32_t>(world.memory, 0xfedcba98);
    check_number<std::int32_t>(world.memory, -70000);
    check_number<std::uint64_t>(world.memory, 0xfedcba9876543210);
    check_number<std::int64_t>(world.memory, INT64_MIN);
    check_number<long>(world.memory, -5);
    check_number<long long>(world.memory, -6);
    check_number<float>(world.memory, -1.5F);
    check_number<double>(world.memory, 1e300);
    check_number<double>(world.memory, std::nan("1"));
    check_number<wm::V128>(world.memory, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    CHECK_OK(world.memory.store<std::uint32_t>(0, 0x01020304));
    CHECK_VALUE(world.memory.load<std::uint8_t>(0), 4);
    CHECK(world.memory.view().base() == world.memory.data());
    CHECK_EQ(world.memory.view().byte_length(), page);
}

TEST(bytes_go_in_and_out) {
    World world;
    wm::Memory &memory = world.memory;
    CHECK_OK(memory.write(5, "hello"));
    CHECK_VALUE(memory.load<char>(10), 0);
    char buffer[5];
    CHECK_OK(memory.read(5, buffer));
    CHECK(std::memcmp(buffer, "hello", 5) == 0);
    const auto text = memory.read_string(5, 5);
    CHECK(CHECK_OK(text) && *text == "hello");
    const auto vector = memory.read_vector(page - 2, 2);
    CHECK(CHECK_OK(vector) && vector->size() == 2);
    CHECK_OK(memory.read_vector(page, 0));
    // Without making room for what is not there.
    const auto absurd = memory.read_vector(7, SIZE_MAX / 2);
    CHECK(CHECK_RESULT(absurd, Status::out_of_bounds) && contains(absurd.message(), "7"));
    CHECK_RESULT(memory.read_string(page - 1, 2), Status::out_of_bounds);
    CHECK_RESULT(memory.write(page - 1, "ab"), Status::out_of_bounds);
    CHECK_VALUE(memory.load<char>(page - 1), 0);

    CHECK_OK(memory.copy_within(6, 5, 5));
    CHECK(sure(memory.read_string(5, 6)) == "hhello");
    CHECK_RESULT(memory.copy_within_nonoverlapping(6, 5, 5), Status::overlap);
    CHECK_OK(memory.fill(5, 'z', 2));
    CHECK_OK(memory.zero(6, 1));
    CHECK(sure(memory.read_string(5, 3)) == std::string("z\0e", 3));
    wm::Memory other = sure(wm::Memory::make(world.store, world.type));
    CHECK_OK(other.copy_from(0, memory, 5, 6));
    CHECK_EQ(other.bytes()[0], 'z');
    CHECK_OK(memory.discard(5, 1));
    CHECK_VALUE(memory.load<char>(5), 0);
    CHECK_OK(memory.erase());
    CHECK_VALUE(memory.load<char>(7), 0);

    const wm::Memory &constant = other;
    CHECK(constant.bytes().size() == page && constant.data()[2] == 'e');
    const auto dump = constant.hexdump(0, 2);
    CHECK(CHECK_OK(dump) &&
          *dump == "Memory dump from 0x0000 to 0x0002:\n0000: 7a 00 " + std::string(43, ' ') + "|z.|\n");
    CHECK_RESULT(constant.hexdump(page, 1), Status::out_of_bounds);
    const auto own = constant.accessible();
    CHECK(CHECK_OK(own) && own->data() <= constant.data() && own->size() >= page);
    CHECK(constant.page_size() == page && constant.page_size_log2() == 16 && constant.initial_pages() == 1);
    CHECK(!constant.may_move());
    CHECK_VALUE(other.grow(2), 1);
    CHECK_EQ(sure(other.type()).minimum(), 3);
}

TEST(segments_are_copied_and_dropped) {
    World world;
    wm::DataSegment segment;
    {
        const std::string bytes = "segment";
        segment = sure(wm::DataSegment::make(bytes));
    }
    CHECK_OK(world.memory.init(10, segment, 1, 3));
    CHECK(sure(world.memory.read_string(10, 4)) == std::string("egm\0", 4));
    CHECK_RESULT(world.memory.init(10, segment, 5, 3), Status::out_of_bounds);
    segment.drop();
    CHECK_RESULT(world.memory.init(10, segment, 0, 1), Status::out_of_bounds);
    CHECK_OK(world.memory.init(10, segment, 0, 0));
    CHECK_OK(wm::DataSegment::make({}));
    CHECK_RESULT(wm::DataSegment::make(wm::Bytes(nullptr, 1)), Status::null_argument);
}

TEST(bytes_are_lent_to_callables) {
    World world;
    wm::Memory &memory = world.memory;
    const auto written = memory.with_data_mut([&](wm::MutableBytes bytes) {
        bytes[3] = 42;
        CHECK_RESULT(memory.load<int>(0), Status::borrowed);
        CHECK_RESULT(memory.grow(1), Status::borrowed);
    });
    static_assert(std::is_same_v<decltype(written), const wm::Result<void>>, "");
    CHECK_OK(written);
    const auto sum = memory.with_data([&](wm::Bytes bytes) {
        CHECK_RESULT(memory.write(0, "x"), Status::borrowed);
        CHECK_RESULT(memory.with_data_mut([](wm::MutableBytes) {}), Status::borrowed);
        return static_cast<int>(bytes[3]) + static_cast<int>(bytes.size());
    });
    CHECK_VALUE(sum, 42 + 65536);
    // What moves only, a status, a callable with a state of its own.
    CHECK_EQ(*sure(memory.with_data([](wm::Bytes bytes) { return std::make_unique<int>(bytes[3]); })), 42);
    CHECK(sure(memory.with_data([](wm::Bytes) { return Status::closed; })) == Status::closed);
    int count = 0;
    auto counter = [&, own = 0](wm::Bytes) mutable { count += ++own; };
    CHECK_OK(memory.with_data(counter));
    CHECK_EQ(count, 1);
    const wm::Memory shared = sure(wm::Memory::make(world.store, sure(wm::MemoryType::make_shared(1, 2))));
    CHECK_RESULT(shared.with_data([](wm::Bytes) { return 1; }), Status::shared);
    // It may give up the last handle.
    CHECK_VALUE(memory.with_data([&](wm::Bytes bytes) { return memory.reset(), bytes[3]; }), 42);
    CHECK(!memory);
}

TEST(images_and_changes) {
    World world;
    const std::string path = "test_hpp_image_" + std::to_string(getpid());
    wm::Image image = sure(wm::Image::make({wm::segment(16, "first"), wm::segment(18, "RST")}));
    wm::Memory memory = sure(wm::Memory::from_image(world.store, world.type, image));
    CHECK(sure(memory.read_string(16, 5)) == "fiRST");
    CHECK_OK(image.save(path));
    image = sure(wm::Image::load(path));
    std::remove(path.c_str());
    CHECK_RESULT(wm::Image::load(path), Status::io);
    CHECK_RESULT(wm::Image::load(std::string("a\0b", 3)), Status::invalid_argument);
    CHECK_RESULT(image.save(std::string("a\0b", 3)), Status::invalid_argument);
    const std::vector<wm::Segment> far = {wm::segment(5 * page, "x")};
    CHECK_RESULT(wm::Memory::from_image(world.store, world.type, sure(wm::Image::make(far))), Status::out_of_bounds);

    CHECK_OK(memory.dirty_clear());
    CHECK(sure(memory.dirty_ranges()).empty());
    CHECK_OK(memory.write(20, "changed"));
    const std::vector<wm::Range> ranges = sure(memory.dirty_ranges());
    const std::uint64_t granule = sure(memory.stats()).dirty_granule_bytes;
    CHECK(ranges.size() == 1 && (ranges[0] == wm::Range{0, granule}) && (ranges[0] != wm::Range{1, granule}));
    unsigned told = 0;
    CHECK_OK(memory.dirty_ranges([&](wm::Range range) { told += range.length == granule; }));
    CHECK_EQ(told, 1);

    const wm::Image snapshot = sure(memory.snapshot());
    CHECK_OK(memory.reset_to(image));
    CHECK(sure(memory.read_string(16, 5)) == "fiRST");
    CHECK_OK(memory.reset_to(snapshot));
    CHECK(sure(memory.read_string(16, 6)) == "fiRSch");
    CHECK_OK(memory.reset_to_zeros());
    CHECK_VALUE(memory.load<char>(16), 0);
}

TEST(files_and_protections) {
    World world;
    wm::Memory &memory = world.memory;
    const std::uint64_t unit = sure(memory.stats()).map_alignment_bytes;
    const std::string path = "test_hpp_file_" + std::to_string(getpid());
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (!CHECK(fd >= 0)) return;
    CHECK(ftruncate(fd, static_cast<off_t>(unit)) == 0 && pwrite(fd, "file", 4, 0) == 4);
    CHECK_OK(memory.map_file(unit, fd, 0, unit, wm::MapMode::copy_on_write));
    CHECK(sure(memory.read_string(unit, 4)) == "file");
    CHECK_RESULT(memory.map_file(unit, fd, 0, unit, static_cast<wm::MapMode>(9)), Status::invalid_argument);
    CHECK_RESULT(memory.map_file(unit + 1, fd, 0, unit, wm::MapMode::shared), Status::unaligned);
    CHECK_OK(memory.unmap(unit, unit));
    CHECK_VALUE(memory.load<char>(unit), 0);
    close(fd);
    std::remove(path.c_str());
    CHECK_OK(memory.protect(0, unit, wm::Protection::read));
    CHECK_RESULT(memory.write(0, "x"), Status::is_protected);
    CHECK_VALUE(memory.load<char>(0), 0);
    CHECK_OK(memory.protect(0, unit, wm::Protection::none));
    CHECK_RESULT(memory.load<char>(0), Status::is_protected);
    CHECK_OK(memory.protect(0, unit, wm::Protection::read_write));
    CHECK_OK(memory.write(0, "x"));
}

// ---- stores and limiters --------------------------------------------------------------------------------------------

TEST(stores_own_their_data) {
    World world;
    Counted first, second;
    CHECK(world.store.data<Counted>() == nullptr);
    CHECK_OK(world.store.set_data(std::make_unique<Counted>(first)));
    CHECK(world.store.data<Counted>()->token == first.token);
    CHECK_OK(world.store.set_data(std::make_unique<Counted>(second)));
    CHECK(first.others() == 0 && second.others() == 1);
    CHECK_OK(world.store.set_data(&first)); // which stays here
    CHECK(second.others() == 0 && world.store.data<Counted>() == &first);
    CHECK_OK(world.store.set_data(std::unique_ptr<Counted>()));
    CHECK(world.store.data<Counted>() == nullptr && first.others() == 0);
    CHECK_OK(world.memory.set_host_info(&first));
    CHECK(world.memory.host_info<Counted>() == &first);
    CHECK_OK(world.memory.set_host_info(std::make_unique<Counted>(first)));
    CHECK_OK(world.memory.set_host_info(nullptr));
    CHECK(world.memory.host_info<Counted>() == nullptr && first.others() == 0);
}

TEST(limits_and_limiters_decide) {
    World world;
    wm::StoreLimits limits;
    limits.max_memory_bytes = 2 * page;
    CHECK_OK(world.store.set_limits(limits));
    CHECK_OK(world.memory.grow(1));
    CHECK_RESULT(world.memory.grow(1), Status::limit_denied);
    CHECK_OK(world.store.clear_limits());

    Counted counted;
    std::vector<wm::GrowthRequest> asked;
    std::string heard;
    CHECK_OK(world.store.set_limiter(
        [&, counted](const wm::GrowthRequest &request) {
            asked.push_back(request);
            return request.desired_bytes <= 3 * page;
        },
        [&](Status status, std::string_view message) {
            heard = std::string(wm::name(status)) + ": " + std::string(message);
        }));
    CHECK_VALUE(world.memory.grow(1), 2);
    CHECK(asked.size() == 1 && asked[0].current_bytes == 2 * page && asked[0].desired_bytes == 3 * page);
    CHECK(asked[0].maximum_bytes == 4 * page);
    CHECK_RESULT(world.memory.grow(1), Status::limit_denied);
    CHECK(contains(heard.c_str(), "WASM_MEMORY_LIMIT_DENIED: "));
    CHECK_OK(wm::Memory::make(world.store, sure(wm::MemoryType::make(0))));
    CHECK(asked.size() == 3 && asked[2].current_bytes == 0 && !asked[2].maximum_bytes);
    CHECK_EQ(counted.others(), 1);
    CHECK_OK(world.store.set_limiter([](const wm::GrowthRequest &) { return true; }));
    CHECK_EQ(counted.others(), 0);
    CHECK_VALUE(world.memory.grow(1), 3);
    CHECK_OK(world.store.set_limiter([counted](const wm::GrowthRequest &) { return counted.others() == 0; }));
    CHECK_OK(world.store.clear_limiter());
    CHECK_EQ(counted.others(), 0);
    // It may own what moves only.
    CHECK_OK(
        world.store.set_limiter([own = std::make_unique<int>(1)](const wm::GrowthRequest &) { return *own == 1; }));
    CHECK_OK(wm::Memory::make(world.store, world.type));
}

TEST(a_limiter_may_answer_later) {
    World world;
    wm::Ticket kept;
    Counted counted;
    CHECK_OK(world.store.set_limiter_async(
        [&, counted](const wm::GrowthRequest &, wm::Ticket ticket) { kept = std::move(ticket); }));
    CHECK_RESULT(world.memory.grow(1), Status::async_required);
    wm::GrowthFuture growth = sure(world.memory.grow_async(1));
    CHECK(growth.poll() == Status::pending && growth.wait_for(1ms) == Status::pending);
    CHECK_RESULT(growth.previous_pages(), Status::pending);
    kept.allow();
    CHECK(!kept);
    CHECK_VALUE(growth.get_previous_pages(), 1);
    CHECK_EQ(world.memory.pages(), 2);

    // From another thread.
    growth = sure(world.memory.grow_async(1));
    std::thread answer([&] {
        std::this_thread::sleep_for(5ms);
        kept.allow();
    });
    CHECK_VALUE(growth.get_previous_pages(), 2);
    answer.join();

    // A ticket that is dropped says no; so does one that is assigned over.
    growth = sure(world.memory.grow_async(1));
    kept = wm::Ticket();
    CHECK(growth.wait() == Status::limit_denied);
    const auto denied = growth.previous_pages();
    CHECK(CHECK_RESULT(denied, Status::limit_denied) && denied.message()[0] != '\0');

    // A memory is taken once.
    wm::MemoryFuture creation = sure(wm::Memory::make_async(world.store, world.type));
    CHECK_RESULT(creation.take(), Status::pending);
    kept.resolve(true);
    CHECK(creation.wait() == Status::ok);
    CHECK_VALUE(sure(creation.take()).load<int>(0), 0);
    const auto again = creation.take();
    CHECK(CHECK_RESULT(again, Status::invalid_argument) && contains(again.message(), "taken"));
    creation = sure(wm::Memory::make_async(world.store, world.type));
    kept.deny();
    CHECK_RESULT(creation.get_memory(), Status::limit_denied);

    // The limiter goes with its last ticket.
    creation = sure(wm::Memory::make_async(world.store, world.type));
    CHECK_OK(world.store.clear_limiter());
    CHECK_EQ(counted.others(), 1);
    creation = wm::MemoryFuture();
    kept.deny();
    CHECK_EQ(counted.others(), 0);
}

TEST(futures_call_back) {
    World world;
    wm::Ticket kept;
    CHECK_OK(
        world.store.set_limiter_async([&](const wm::GrowthRequest &, wm::Ticket ticket) { kept = std::move(ticket); }));
    Counted counted;
    int called = 0;
    wm::MemoryFuture future = sure(wm::Memory::make_async(world.store, world.type));
    CHECK_OK(future.on_ready([&, counted] { called += 100; }));
    CHECK_OK(future.on_ready([&, counted] { called++; }));
    CHECK_EQ(counted.others(), 1);
    // It goes with the future that it was set for.
    wm::MemoryFuture moved = std::move(future);
    move_into(moved, moved);
    CHECK(!future && moved);
    kept.allow();
    CHECK_EQ(called, 1);
    CHECK_OK(moved.get_memory());
    CHECK_OK(moved.on_ready([&, counted] { called += 10; })); // at once: it is ready
    CHECK_EQ(called, 11);
    moved.clear_on_ready();
    CHECK_EQ(counted.others(), 0);
    CHECK_OK(moved.on_ready([counted] {}));
    future = sure(wm::Memory::make_async(world.store, world.type));
    CHECK_OK(future.on_ready([counted] {}));
    CHECK_EQ(counted.others(), 2);
    moved = std::move(future);
    CHECK_EQ(counted.others(), 1);
    wasm_memory_future_t *const raw = moved.release();
    CHECK_EQ(counted.others(), 0);
    moved = wm::MemoryFuture(raw);
    kept.allow();
    CHECK_OK(moved.get_memory());

    // A callback may end its future, from whichever thread, and still use what it has captured.
    for (const bool elsewhere : {false, true}) {
        auto owner = std::make_unique<wm::MemoryFuture>(sure(wm::Memory::make_async(world.store, world.type)));
        bool ended = false;
        CHECK_OK(owner->on_ready([&owner, &ended, counted] {
            owner.reset();
            ended = counted.others() == 1;
        }));
        if (elsewhere)
            std::thread([&] { kept.allow(); }).join();
        else
            kept.allow();
        CHECK(ended && owner == nullptr && counted.others() == 0);
    }
    // The same where it is called by on_ready itself.
    future = sure(wm::Memory::make_async(world.store, world.type));
    kept.allow();
    CHECK(future.wait() == Status::ok);
    CHECK_OK(future.on_ready([&future, counted] { future = wm::MemoryFuture(); }));
    CHECK(!future && counted.others() == 0);

    // Whoever ends a future waits for a callback that runs on another thread.
    for (int round = 0; round < 20; round++) {
        std::atomic<bool> inside{false}, over{false};
        future = sure(wm::Memory::make_async(world.store, world.type));
        CHECK_OK(future.on_ready([&, counted] {
            inside = true;
            std::this_thread::sleep_for(1ms);
            over = true;
        }));
        std::thread answer([&] { kept.allow(); });
        while (!inside) std::this_thread::yield();
        future = wm::MemoryFuture();
        CHECK(over);
        answer.join();
        CHECK_EQ(counted.others(), 0);
    }
}

// ---- what the host makes --------------------------------------------------------------------------------------------

enum class Wrong { nothing, out_of_memory, exception, bad_alloc, null, growth, growth_exception, base_exception };

struct Shared {
    std::atomic<int> allocators{0}, memories{0};
    Wrong wrong = Wrong::nothing;
    std::uint64_t seen_minimum = 0;
    std::size_t seen_maximum = 0;
    void fail() const {
#if EXCEPTIONS
        if (wrong == Wrong::bad_alloc) throw std::bad_alloc();
        throw std::runtime_error("the host is out of order");
#endif
    }
};

class Block : public wm::LinearMemory {
public:
    Block(Shared &shared, std::size_t size) : shared_(shared), size_(size) {
        shared_.memories++;
        base_ = static_cast<std::uint8_t *>(std::aligned_alloc(page, 4 * page));
        std::memset(base_, 0, 4 * page);
    }
    ~Block() override {
        std::free(base_);
        shared_.memories--;
    }
    std::size_t byte_size() override { return size_; }
    std::optional<std::size_t> maximum_byte_size() override { return 4 * page; }
    Status grow_to(std::size_t new_size) override {
        if (shared_.wrong == Wrong::growth_exception) shared_.fail();
        if (shared_.wrong == Wrong::growth || new_size > 4 * page) return Status::io;
        size_ = new_size;
        return Status::ok;
    }
    std::uint8_t *as_ptr() override {
        if (shared_.wrong == Wrong::base_exception) shared_.fail();
        return base_;
    }

private:
    Shared &shared_;
    std::size_t size_;
    std::uint8_t *base_;
};

class Blocks : public wm::Allocator {
public:
    explicit Blocks(Shared &shared) : shared_(shared) { shared_.allocators++; }
    ~Blocks() override { shared_.allocators--; }
    wm::Result<std::unique_ptr<wm::LinearMemory>> new_memory(const wm::AllocationRequest &request) override {
        shared_.seen_minimum = request.type->minimum();
        shared_.seen_maximum = request.maximum;
        if (shared_.wrong == Wrong::exception || shared_.wrong == Wrong::bad_alloc) shared_.fail();
        if (shared_.wrong == Wrong::out_of_memory) return Status::out_of_memory;
        if (shared_.wrong == Wrong::null) return std::unique_ptr<wm::LinearMemory>();
        return std::unique_ptr<wm::LinearMemory>(std::make_unique<Block>(shared_, request.minimum));
    }

private:
    Shared &shared_;
};

TEST(an_allocator_makes_the_memories) {
    Shared shared;
    {
        wm::Config config;
        config.allocator(std::make_unique<Blocks>(shared));
        config.allocator(std::make_unique<Blocks>(shared));
        CHECK_EQ(shared.allocators, 1);
        wm::Memory memory;
        {
            const wm::Engine engine = sure(wm::Engine::make(std::move(config)));
            const wm::Store store = sure(wm::Store::make(engine));
            const wm::MemoryType type = sure(wm::MemoryType::make(1, 3)), unbounded = sure(wm::MemoryType::make(2));
            memory = sure(wm::Memory::make(store, type));
            CHECK(shared.memories == 1 && shared.seen_minimum == 1 && shared.seen_maximum == 3 * page);
            CHECK_OK(wm::Memory::make(store, unbounded));
            CHECK(shared.memories == 1 && shared.seen_minimum == 2 && shared.seen_maximum == SIZE_MAX);
            shared.wrong = Wrong::out_of_memory;
            CHECK_RESULT(wm::Memory::make(store, type), Status::out_of_memory);
            shared.wrong = Wrong::null;
            CHECK_RESULT(wm::Memory::make(store, type), Status::host_contract);
#if EXCEPTIONS
            shared.wrong = Wrong::exception;
            CHECK_RESULT(wm::Memory::make(store, type), Status::host_contract);
            shared.wrong = Wrong::bad_alloc;
            CHECK_RESULT(wm::Memory::make(store, type), Status::out_of_memory);
            shared.wrong = Wrong::base_exception;
            CHECK_RESULT(wm::Memory::make(store, type), Status::host_contract);
            shared.wrong = Wrong::growth_exception;
            CHECK_RESULT(memory.grow(1), Status::host_contract);
#endif
            shared.wrong = Wrong::growth;
            CHECK_RESULT(memory.grow(1), Status::io);
            shared.wrong = Wrong::nothing;
        }
        CHECK_EQ(shared.allocators, 1); // the memory still needs it
        CHECK_VALUE(memory.grow(2), 1);
        CHECK_OK(memory.write(3 * page - 1, "x"));
        CHECK_EQ(memory.bytes()[3 * page - 1], 'x');
        CHECK_EQ(shared.memories, 1);
    }
    CHECK(shared.memories == 0 && shared.allocators == 0);
    wm::Config unused;
    unused.allocator(std::make_unique<Blocks>(shared)).allocator(nullptr);
    CHECK_EQ(shared.allocators, 0);
    unused.allocator(std::make_unique<Blocks>(shared));
    unused = wm::Config();
    CHECK_EQ(shared.allocators, 0);
}

// ---- exceptions -----------------------------------------------------------------------------------------------------

#if EXCEPTIONS
TEST(exceptions_of_limiters_say_no) {
    World world;
    int heard = 0;
    CHECK_OK(world.store.set_limiter([](const wm::GrowthRequest &) -> bool { throw std::runtime_error("no"); },
                                     [&](Status, std::string_view) {
                                         heard++;
                                         throw 5;
                                     }));
    CHECK_RESULT(world.memory.grow(1), Status::limit_denied);
    CHECK_EQ(heard, 1);
    CHECK_EQ(world.memory.pages(), 1);

    CHECK_OK(world.store.set_limiter_async([](const wm::GrowthRequest &, wm::Ticket) { throw 5; }));
    wm::GrowthFuture growth = sure(world.memory.grow_async(1));
    CHECK(growth.wait() == Status::limit_denied);
    wm::Ticket kept;
    CHECK_OK(
        world.store.set_limiter_async([&](const wm::GrowthRequest &, wm::Ticket ticket) { kept = std::move(ticket); }));
    growth = sure(world.memory.grow_async(1));
    CHECK_OK(growth.on_ready([] { throw 5; }));
    kept.allow();
    CHECK_VALUE(growth.get_previous_pages(), 1);
}

TEST(exceptions_of_lent_callables_come_out) {
    World world;
    wm::Memory &memory = world.memory;
    std::string caught;
    try {
        (void)memory.with_data_mut([](wm::MutableBytes bytes) -> int {
            bytes[0] = 'x';
            throw std::runtime_error("from within");
        });
    } catch (const std::runtime_error &exception) {
        caught = exception.what();
    }
    CHECK(caught == "from within");
    CHECK_OK(memory.write(1, "y")); // the bytes are not lent any more
    CHECK(sure(memory.read_string(0, 2)) == "xy");
    int number = 0;
    try {
        (void)memory.with_data([](wm::Bytes) { throw 7; });
    } catch (int thrown) {
        number = thrown;
    }
    CHECK_EQ(number, 7);

    CHECK_OK(memory.dirty_clear());
    CHECK_OK(memory.write(0, "a"));
    CHECK_OK(memory.write(page - 1, "b"));
    const std::size_t there = sure(memory.dirty_ranges()).size();
    int told = 0;
    try {
        (void)memory.dirty_ranges([&](wm::Range) {
            told++;
            throw 8;
        });
    } catch (int thrown) {
        number = thrown;
    }
    CHECK(number == 8 && told == 1 && there >= 1);
    CHECK_EQ(sure(memory.dirty_ranges()).size(), there);
}
#endif

// ---- shared memories ------------------------------------------------------------------------------------------------

template <class T>
static void check_atomics(wm::Memory &memory, T first, T second) {
    CHECK_OK(memory.atomic_store<T>(8, first));
    CHECK(*memory.atomic_load<T>(8) == first);
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::exchange, 8, second) == first);
    CHECK(*memory.atomic_cmpxchg<T>(8, first, first) == second);
    CHECK(*memory.atomic_cmpxchg<T>(8, second, first) == second);
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::add, 8, 1) == first);
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::sub, 8, 1) == static_cast<T>(first + 1));
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::bit_or, 8, 3) == first);
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::bit_and, 8, 1) == static_cast<T>(first | 3));
    CHECK(*memory.atomic_rmw<T>(wm::Rmw::bit_xor, 8, 1) == 1);
    CHECK(*memory.atomic_load<T>(8) == 0);
    if (sizeof(T) > 1) CHECK_RESULT(memory.atomic_load<T>(9), Status::unaligned);
    CHECK_RESULT(memory.atomic_rmw<T>(static_cast<wm::Rmw>(77), 8, 0), Status::invalid_argument);
    CHECK_RESULT(memory.atomic_store<T>(page * 8, first), Status::out_of_bounds);
}

TEST(atomics_of_every_width) {
    World world;
    check_atomics<std::uint8_t>(world.memory, 200, 7);
    check_atomics<std::int8_t>(world.memory, -100, 7);
    check_atomics<std::uint16_t>(world.memory, 60000, 7);
    check_atomics<std::int16_t>(world.memory, -20000, 7);
    check_atomics<std::uint32_t>(world.memory, 4000000000, 7);
    check_atomics<std::int32_t>(world.memory, -2000000000, 7);
    check_atomics<std::uint64_t>(world.memory, UINT64_MAX - 9, 7);
    check_atomics<std::int64_t>(world.memory, INT64_MIN + 9, 7);
    wm::atomic_fence();
}

TEST(timeouts_are_rounded_up_and_never_wrap) {
    using wm::detail::nanoseconds;
    const std::int64_t longest = INT64_MAX;
    CHECK_EQ(nanoseconds(1ns), 1);
    CHECK_EQ(nanoseconds(3us), 3000);
    CHECK_EQ(nanoseconds(2h), INT64_C(7200000000000));
    CHECK_EQ(nanoseconds(std::chrono::duration<std::int64_t, std::pico>(1)), 1);
    CHECK_EQ(nanoseconds(std::chrono::duration<std::int64_t, std::pico>(1001)), 2);
    CHECK_EQ(nanoseconds(std::chrono::duration<double>(1e-9)), 1);
    CHECK_EQ(nanoseconds(std::chrono::duration<double>(0.5)), 500000000);
    CHECK_EQ(nanoseconds(std::chrono::duration<float, std::milli>(1.5F)), 1500000);
    CHECK_EQ(nanoseconds(0s), 0);
    CHECK_EQ(nanoseconds(-1s), 0);
    CHECK_EQ(nanoseconds((std::chrono::hours::min)()), 0);
    CHECK_EQ(nanoseconds((std::chrono::hours::max)()), longest);
    CHECK_EQ(nanoseconds((std::chrono::nanoseconds::max)()), longest);
    CHECK_EQ(nanoseconds(std::chrono::duration<std::uint64_t>(UINT64_MAX)), longest);
    // Conversions that multiply before they divide overflow, where the result does not.
    CHECK_EQ(nanoseconds(std::chrono::duration<std::int64_t, std::ratio<1, 3>>(INT64_C(27000000000))),
             INT64_C(9000000000000000001));
    CHECK_EQ(nanoseconds(std::chrono::duration<std::int64_t, std::ratio<1, 1048576>>(INT64_C(1) << 50)),
             INT64_C(1073741824000000001));
    CHECK_EQ(nanoseconds(std::chrono::duration<std::int64_t, std::ratio<1, 1048576>>(1 << 20)), 1000000000);
    CHECK_EQ(nanoseconds(std::chrono::duration<double>(INFINITY)), longest);
    CHECK_EQ(nanoseconds(std::chrono::duration<double>(NAN)), 0);
}

TEST(threads_share_wait_and_wake) {
    World world;
    const wm::MemoryType type = sure(wm::MemoryType::make_shared(1, 3));
    const wm::SharedMemory token = sure(wm::SharedMemory::make(world.engine, type));
    CHECK(sure(token.type()).is_shared());
    wm::Memory memory = sure(token.obtain(world.store));
    CHECK(sure(sure(memory.share()).obtain(world.store)).same(memory));
    CHECK_RESULT(world.memory.share(), Status::not_shared);
    CHECK_RESULT(wm::SharedMemory::make(world.engine, world.type), Status::invalid_type);

    CHECK(*memory.wait(0, 1) == wm::WaitResult::mismatch);
    CHECK(*memory.wait_for(0, 0, 1ms) == wm::WaitResult::timed_out);
    CHECK(*memory.wait_for<std::int64_t>(0, 0, -5s) == wm::WaitResult::timed_out);
    CHECK(*memory.wait_for<std::uint64_t>(8, 0, std::chrono::duration<double>(0.001)) == wm::WaitResult::timed_out);
    CHECK_RESULT(world.memory.wait(0, 0), Status::not_shared);
    CHECK_RESULT(memory.wait<std::uint32_t>(2, 0), Status::unaligned);

    // Each thread has a token of its own, a store and a handle.
    std::vector<std::thread> threads;
    std::atomic<int> woken{0};
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&, mine = sure(token.copy())] {
            const wm::Store store = sure(wm::Store::make(world.engine));
            wm::Memory handle = sure(mine.obtain(store));
            for (int turn = 0; turn < 1000; turn++) (void)handle.atomic_rmw<std::uint32_t>(wm::Rmw::add, 16, 1);
            if (*handle.wait<std::uint32_t>(32, 0) == wm::WaitResult::ok) woken++;
        });
    }
    while (sure(memory.stats_without_residency()).waiters < 4) std::this_thread::yield();
    CHECK_VALUE(memory.atomic_load<std::uint32_t>(16), 4000);
    CHECK_VALUE(memory.notify(32), 1);
    CHECK_VALUE(memory.notify_all(32), 3);
    for (std::thread &thread : threads) thread.join();
    CHECK_EQ(woken, 4);

    std::atomic<bool> interrupted{false}, closed{false};
    std::thread first([&] { interrupted = memory.wait(64, 0).status() == Status::interrupted; });
    while (sure(memory.stats_without_residency()).waiters < 1) std::this_thread::yield();
    CHECK_VALUE(memory.interrupt_waiters(), 1);
    first.join();
    std::thread second([&] { closed = memory.wait(64, 0).status() == Status::closed; });
    while (sure(memory.stats_without_residency()).waiters < 1) std::this_thread::yield();
    CHECK_OK(memory.close_waiters());
    second.join();
    CHECK(interrupted && closed);

    // A limit that refuses the handle: the C function tells no number.
    wm::StoreLimits limits;
    limits.max_memories = 0;
    const wm::Store narrow = sure(wm::Store::make(world.engine));
    wm::Store &narrowed = const_cast<wm::Store &>(narrow);
    CHECK_OK(narrowed.set_limits(limits));
    const auto refused = token.obtain(narrow);
    CHECK(CHECK_RESULT(refused, Status::unspecified) && refused.message()[0] != '\0');
}

TEST(memories_go_through_descriptors) {
    const wm::Engine engine = sure(wm::Engine::make(std::move(wm::Config().exportable(true))));
    const wm::Store store = sure(wm::Store::make(engine));
    const wm::MemoryType type = sure(wm::MemoryType::make_shared(1, 3));
    auto made = wm::SharedMemory::make(engine, type);
    if (made.status() == Status::unsupported) {
        std::printf("skipped: no memory can be exported here: %s\n", made.message());
        return;
    }
    wm::Memory memory = sure(sure(std::move(made)).obtain(store));
    const auto fd = sure(memory.share()).export_fd();
    if (!CHECK_OK(fd)) return;
    wm::Memory other = sure(sure(wm::SharedMemory::import_fd(engine, type, *fd)).obtain(store));
    close(static_cast<int>(*fd));
    CHECK_OK(memory.write(5, "over there"));
    CHECK(sure(other.read_string(5, 10)) == "over there" && !other.same(memory));
    const wm::SharedMemory plain = sure(wm::SharedMemory::make(sure(wm::Engine::make()), type));
    CHECK_RESULT(plain.export_fd(), Status::unsupported);
    CHECK_RESULT(wm::SharedMemory::import_fd(engine, type, -1), Status::io);
}

// ---- faults and traps -----------------------------------------------------------------------------------------------

TEST(engines_and_stores_add_up) {
    World world;
    const wm::Memory second = sure(wm::Memory::make(world.store, world.type));
    CHECK_OK(world.memory.grow(1));
    CHECK_RESULT(world.memory.grow(100), Status::maximum_exceeded);
    const wm::StoreStats store = sure(world.store.stats());
    CHECK_EQ(store.struct_size, sizeof store);
    CHECK_EQ(store.memories, 2);
    CHECK_EQ(store.byte_length, 3 * page);
    CHECK_EQ(store.peak_bytes, 3 * page);
    CHECK_EQ(store.grow_count, 1);
    CHECK_EQ(store.grow_failures, 1);
    const wm::EngineStats engine = sure(world.engine.stats());
    CHECK_EQ(engine.struct_size, sizeof engine);
    CHECK_EQ(engine.stores, 1);
    CHECK_EQ(engine.memories, 2);
    CHECK_EQ(engine.byte_length, 3 * page);
    CHECK(engine.committed_bytes >= 3 * page && engine.reserved_bytes >= engine.committed_bytes);
}

// A memory with guards, and one byte behind its end.
struct GuardedWorld {
    wm::Engine engine = sure(wm::Engine::make(std::move(wm::Config().bounds(wm::Bounds::guarded))));
    wm::Store store = sure(wm::Store::make(engine));
    wm::MemoryType type = sure(wm::MemoryType::make(1, 4));
    wm::Memory memory = sure(wm::Memory::make(store, type));
    volatile std::uint8_t *base = memory.data();
};

TEST(addresses_are_classified) {
    GuardedWorld world;
    const auto at = [&](std::uint64_t offset) { return const_cast<const std::uint8_t *>(world.base) + offset; };
    const wm::Fault inside = wm::classify_fault(at(77)), guard = wm::classify_fault(at(page));
    CHECK(inside.kind == wm::FaultKind::accessible && inside.is_of(world.memory));
    CHECK_EQ(inside.offset, 77);
    CHECK_EQ(inside.byte_length, page);
    CHECK(guard.kind == wm::FaultKind::guard && guard.is_of(world.memory));
    CHECK_EQ(guard.offset, page);
    CHECK(!guard.is_of(wm::Memory()));
    const wm::Fault foreign = wm::classify_fault(&world);
    CHECK(foreign.kind == wm::FaultKind::foreign && foreign.view == nullptr && !foreign.is_of(world.memory));
    CHECK(!foreign.is_of(wm::Memory()));
    CHECK(wm::classify_fault(nullptr).kind == wm::FaultKind::foreign);
    const std::uint64_t alignment = sure(world.memory.stats()).map_alignment_bytes;
    CHECK_OK(world.memory.protect(0, alignment, wm::Protection::read));
    CHECK(wm::classify_fault(at(alignment - 1)).kind == wm::FaultKind::is_protected);
    CHECK(wm::classify_fault(at(alignment)).kind == wm::FaultKind::accessible);
    world.memory.reset();
    CHECK(wm::classify_fault(at(77)).kind == wm::FaultKind::foreign);
}

TEST(handlers_go_with_the_last_object) {
    const auto catches = [] { return wm::catch_trap([]() noexcept {}).ok(); };
    CHECK(!catches());
    CHECK(!wm::TrapHandlers());
    {
        wm::TrapHandlers first = sure(wm::TrapHandlers::install()), second = sure(wm::TrapHandlers::install());
        CHECK(first && second && catches());
        const wm::TrapHandlers moved = std::move(first);
        CHECK(!first && moved); // moved from on purpose
        second.reset();
        second.reset();
        CHECK(!second && catches());
        second = sure(wm::TrapHandlers::install());
        second = wm::TrapHandlers();
        CHECK(catches());
    }
    CHECK(!catches());
    CHECK_RESULT(wm::catch_trap([]() noexcept {}), Status::unsupported);
    CHECK_EQ(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_INVALID_ARGUMENT);
}

TEST(traps_come_out_as_results) {
    GuardedWorld world;
    const wm::TrapHandlers handlers = sure(wm::TrapHandlers::install());
    volatile std::uint8_t *const base = world.base;
    const std::uint64_t offset = page + 5;
    wm::Trap trap;
    int runs = 0;
    auto touch = [base, &runs]() noexcept {
        runs++;
        base[offset] = 1;
        runs = 100;
    };
    const wm::Result<void> result = wm::catch_trap(touch, &trap);
    CHECK_RESULT(result, Status::out_of_bounds);
    CHECK(contains(result.message(), "65541"));
    CHECK_EQ(runs, 1);
    CHECK(trap.kind == wm::FaultKind::guard && trap.is_of(world.memory));
    CHECK_EQ(trap.offset, offset);
    CHECK_EQ(trap.byte_length, page);
    CHECK_EQ(trap.address, reinterpret_cast<std::uintptr_t>(base) + offset);
    // A body that returns clears it, and may be a temporary, a constant or a function.
    CHECK_OK(wm::catch_trap([base]() noexcept { base[5] = 7; }, &trap));
    CHECK(trap.kind == wm::FaultKind::foreign && trap.view == nullptr && trap.address == 0 && base[5] == 7);
    const auto constant = [base]() noexcept { base[page] = 1; };
    CHECK_RESULT(wm::catch_trap(constant), Status::out_of_bounds);
    void (*const function)() noexcept = []() noexcept {};
    CHECK_OK(wm::catch_trap(function));
    CHECK_OK(world.memory.protect(0, page, wm::Protection::read));
    CHECK_RESULT(wm::catch_trap([base]() noexcept { base[5] = 1; }, &trap), Status::is_protected);
    CHECK(trap.kind == wm::FaultKind::is_protected && trap.offset == 5);
}

#if EXCEPTIONS
// Which are thrown and caught within the body, and around it.
TEST(exceptions_within_a_body_are_its_own) {
    GuardedWorld world;
    const wm::TrapHandlers handlers = sure(wm::TrapHandlers::install());
    volatile std::uint8_t *const base = world.base;
    int caught = 0;
    const auto body = [base, &caught]() noexcept {
        try {
            throw std::runtime_error("inside");
        } catch (const std::runtime_error &) {
            caught++;
        }
        base[page] = 1;
    };
    CHECK_RESULT(wm::catch_trap(body), Status::out_of_bounds);
    CHECK_EQ(caught, 1);
    try {
        wm::catch_trap([base]() noexcept { base[page] = 1; }).or_throw();
    } catch (const wm::Exception &exception) {
        caught += exception.status() == Status::out_of_bounds;
    }
    CHECK_EQ(caught, 2);
}
#endif

// ---- all of the C API -----------------------------------------------------------------------------------------------

// What the header does not use, and why.
static const std::map<std::string, std::string> left_out = {
    {"wasm_memory_new", "wasm_memory_try_new says why not"},
    {"wasm_memory_grow", "wasm_memory_try_grow says why not, and how large it was"},
    {"wasm_memory_size", "wasm_memory_pages has 64 bits"},
    {"wasm_memorytype_new", "wasm_memorytype_try_new makes every kind, and says why not"},
    {"wasm_memorytype_limits", "wasm_memorytype_minimum and _maximum have 64 bits"},
};

static std::string text_of(const char *path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// The identifiers of a C++ file, without those in its comments.
static std::set<std::string> identifiers_of(const std::string &text) {
    std::set<std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        line = line.substr(0, line.find("//"));
        std::string word;
        for (const char c : line + ' ') {
            if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
                word += c;
            } else {
                found.insert(word);
                word.clear();
            }
        }
    }
    return found;
}

static const char *header_path, *golden_path;

TEST(every_function_is_used_or_left_out_for_a_reason) {
    const std::string header = text_of(header_path);
    std::istringstream golden(text_of(golden_path));
    const std::set<std::string> used = identifiers_of(header);
    unsigned exported = 0, covered = 0;
    CHECK(header.find("/*") == std::string::npos); // whose words would count as used
    std::set<std::string> names;
    for (std::string name; std::getline(golden, name);) {
        if (name.empty()) continue;
        exported++;
        names.insert(name);
        const bool is_used = used.count(name) != 0, is_left_out = left_out.count(name) != 0;
        covered += is_used;
        if (!is_used && !is_left_out)
            check_report(false, __FILE__, __LINE__, name.c_str(),
                         ": wasm_memory.hpp neither uses it nor leaves it out");
        if (is_used && is_left_out)
            check_report(false, __FILE__, __LINE__, name.c_str(), ": it is used, and in the list of what is left out");
    }
    for (const auto &entry : left_out) CHECK(names.count(entry.first) != 0);
    CHECK(exported >= 149 && covered + left_out.size() == exported);
    std::printf("%u of %u exported functions are used\n", covered, exported);
}

int main(int argc, char **argv) {
    RUN(failures_have_a_status_and_a_sentence);
    RUN(results_have_a_value_or_a_failure);
    RUN(errno_stays_that_of_the_system);
    RUN(spans_are_made_of_what_has_bytes);
    RUN(handles_move);
    RUN(empty_handles_are_null_arguments);
    RUN(memories_outlive_what_they_were_made_with);
    RUN(types_say_what_they_were_made_of);
    RUN(vectors_own_their_types);
    RUN(options_reach_the_engine);
    RUN(pools_count);
    RUN(numbers_of_every_type);
    RUN(bytes_go_in_and_out);
    RUN(segments_are_copied_and_dropped);
    RUN(bytes_are_lent_to_callables);
    RUN(images_and_changes);
    RUN(files_and_protections);
    RUN(stores_own_their_data);
    RUN(limits_and_limiters_decide);
    RUN(a_limiter_may_answer_later);
    RUN(futures_call_back);
    RUN(an_allocator_makes_the_memories);
#if EXCEPTIONS
    RUN(value_throws_what_the_library_says);
    RUN(exceptions_of_limiters_say_no);
    RUN(exceptions_of_lent_callables_come_out);
#endif
    RUN(atomics_of_every_width);
    RUN(timeouts_are_rounded_up_and_never_wrap);
    RUN(threads_share_wait_and_wake);
    RUN(memories_go_through_descriptors);
    RUN(engines_and_stores_add_up);
    RUN(addresses_are_classified);
    RUN(handlers_go_with_the_last_object);
    RUN(traps_come_out_as_results);
#if EXCEPTIONS
    RUN(exceptions_within_a_body_are_its_own);
#endif
    if (argc == 3) {
        header_path = argv[1], golden_path = argv[2];
        RUN(every_function_is_used_or_left_out_for_a_reason);
    }
    return check_finish();
}
