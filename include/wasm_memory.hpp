// wasm_memory.hpp: the C library wasm_memory for C++17 and newer, in one header.
//
//     namespace wm = wasm_memory;
//     auto engine = wm::Engine::make();
//     auto store = wm::Store::make(*engine);
//     auto type = wm::MemoryType::make(1, 10);
//     auto memory = wm::Memory::make(*store, *type);
//     if (!memory) return complain(memory.message());
//     (void)memory->write(16, "hello");
//     const wm::Result<std::uint32_t> word = memory->load<std::uint32_t>(16);
//
// Handles     Each class owns one handle of the C library and gives it back in its destructor. All of them move, none
//             is copied in silence: `copy` and `share` say it. A handle that was moved from, or never made, is empty:
//             every function answers `Status::null_argument` for it (or 0, false, nothing), as the C library does for
//             NULL. `get` lends the C handle, `release` gives it away, the explicit constructor takes one over, and
//             `Borrowed` puts a class over one that stays somebody else's. Lifetimes are those of the C library:
//             engines, stores, types and images may go before what was made with them.
// Failures    What can fail returns a Result: the value, or an Error with the status and the library's sentence.
//             Nothing here throws because of the library. With exceptions on, `Result::value` throws an Exception for
//             those who like that; the standard containers that some functions return throw std::bad_alloc as ever.
//             All of it compiles with -fno-exceptions and -fno-rtti.
// Callbacks   Callables and objects that are given away (limiters, allocators, the data of stores) are owned by the
//             library, which destroys them through its finalizers. No exception passes through the library: one that
//             leaves a limiter, an allocator or a notification counts as a refusal; one that leaves a callable that
//             is called before the function returns (with_data, dirty_ranges) is caught there and thrown on to the
//             caller. To end or cancel a thread inside of a callback is not allowed.
// Threads     As wasm_memory.h says for the C functions: configs and futures one thread at a time; engines, stores,
//             types, images, segments, tokens and tickets any; a memory one thread at a time for what is not const, a
//             shared memory any thread for everything. An object itself may not be moved, assigned or destroyed while
//             another thread uses it: give each thread a `copy`.
// Details     Each function names the C function that it wraps; what that does, refuses and invalidates is told
//             there.
#ifndef WASM_MEMORY_HPP
#define WASM_MEMORY_HPP

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus > 201703L || (defined(_MSVC_LANG) && _MSVC_LANG > 201703L)
#include <version>
#endif
#if defined(__cpp_lib_span)
#include <span>
#endif

#include "wasm_memory.h"
#include "wasm_memory_inline.h"

// For this file alone, undefined at its end.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define WASM_MEMORY_HPP_EXCEPTIONS 1
#endif
#if defined(__GNUC__)
#define WASM_MEMORY_HPP_ALWAYS __attribute__((always_inline)) inline // -Os would rather call
#else
#define WASM_MEMORY_HPP_ALWAYS
#endif

namespace wasm_memory {

// With and without exceptions the same functions have other bodies: other names keep a linker from mixing them.
#if !defined(WASM_MEMORY_HPP_EXCEPTIONS)
inline namespace no_exceptions {
#endif

// ---- constants ------------------------------------------------------------------------------------------------------

/// Why a call failed: the `WASM_MEMORY_` statuses. A newer library may answer numbers that have no name here.
enum class Status : wasm_memory_status_t {
    ok = WASM_MEMORY_OK,
    null_argument = WASM_MEMORY_NULL_ARGUMENT,
    invalid_argument = WASM_MEMORY_INVALID_ARGUMENT,
    invalid_type = WASM_MEMORY_INVALID_TYPE,
    out_of_bounds = WASM_MEMORY_OUT_OF_BOUNDS,
    unaligned = WASM_MEMORY_UNALIGNED,
    not_shared = WASM_MEMORY_NOT_SHARED,
    shared = WASM_MEMORY_SHARED,
    maximum_exceeded = WASM_MEMORY_MAXIMUM_EXCEEDED,
    limit_denied = WASM_MEMORY_LIMIT_DENIED,
    out_of_memory = WASM_MEMORY_OUT_OF_MEMORY,
    overlap = WASM_MEMORY_OVERLAP,
    borrowed = WASM_MEMORY_BORROWED,
    async_required = WASM_MEMORY_ASYNC_REQUIRED,
    pending = WASM_MEMORY_PENDING,
    interrupted = WASM_MEMORY_INTERRUPTED,
    closed = WASM_MEMORY_CLOSED,
    too_many_waiters = WASM_MEMORY_TOO_MANY_WAITERS,
    is_protected = WASM_MEMORY_PROTECTED,
    unsupported = WASM_MEMORY_UNSUPPORTED,
    io = WASM_MEMORY_IO,
    internal = WASM_MEMORY_INTERNAL,
    host_contract = WASM_MEMORY_HOST_CONTRACT,
    /// The C function answers NULL for several reasons and tells no number; the message says which it was.
    unspecified = -1
};

/// The bounds strategy of an engine's memories: `WASM_MEMORY_BOUNDS_`.
enum class Bounds : wasm_memory_bounds_t {
    automatic = WASM_MEMORY_BOUNDS_AUTO,
    guarded = WASM_MEMORY_BOUNDS_GUARDED,
    checked = WASM_MEMORY_BOUNDS_CHECKED
};

/// What may be done with a range: `WASM_MEMORY_PROT_`.
enum class Protection : wasm_memory_protection_t {
    none = WASM_MEMORY_PROT_NONE,
    read = WASM_MEMORY_PROT_READ,
    read_write = WASM_MEMORY_PROT_READ_WRITE
};

/// What an address is: `WASM_MEMORY_FAULT_`.
enum class FaultKind : wasm_memory_fault_kind_t {
    /// Of no live memory.
    foreign = WASM_MEMORY_FAULT_FOREIGN,
    accessible = WASM_MEMORY_FAULT_ACCESSIBLE,
    guard = WASM_MEMORY_FAULT_GUARD,
    is_protected = WASM_MEMORY_FAULT_PROTECTED
};

/// What becomes of writes to a mapped file: `WASM_MEMORY_MAP_`.
enum class MapMode : std::uint32_t {
    read_only = WASM_MEMORY_MAP_READ_ONLY,
    copy_on_write = WASM_MEMORY_MAP_COPY_ON_WRITE,
    shared = WASM_MEMORY_MAP_SHARED
};

/// An atomic read-modify-write operation: `WASM_MEMORY_RMW_`.
enum class Rmw : wasm_memory_rmw_op_t {
    add = WASM_MEMORY_RMW_ADD,
    sub = WASM_MEMORY_RMW_SUB,
    bit_and = WASM_MEMORY_RMW_AND,
    bit_or = WASM_MEMORY_RMW_OR,
    bit_xor = WASM_MEMORY_RMW_XOR,
    exchange = WASM_MEMORY_RMW_XCHG
};

/// How a wait went: `WASM_MEMORY_WAIT_`.
enum class WaitResult : wasm_memory_wait_result_t {
    /// A notify woke the thread.
    ok = WASM_MEMORY_WAIT_OK,
    mismatch = WASM_MEMORY_WAIT_MISMATCH,
    timed_out = WASM_MEMORY_WAIT_TIMED_OUT
};

/// The name of a status, such as "WASM_MEMORY_OUT_OF_BOUNDS". Static text. Wraps wasm_memory_status_name.
inline const char *name(Status status) noexcept {
    return status == Status::unspecified ? "unspecified"
                                         : wasm_memory_status_name(static_cast<wasm_memory_status_t>(status));
}

/// What a status means, in a few words. Static text. Wraps wasm_memory_status_message.
inline const char *message(Status status) noexcept {
    return status == Status::unspecified ? "a reason without a number"
                                         : wasm_memory_status_message(static_cast<wasm_memory_status_t>(status));
}

/// The version of the library that runs, such as "1.2.3". Static text. Wraps wasm_memory_version.
inline const char *library_version() noexcept { return wasm_memory_version(); }

/// The sentence about this thread's last call of the C library that failed. An Error has its own already; this is for
/// what returns no Result. Wraps wasm_memory_last_error.
inline std::string last_error() {
    std::string sentence(wasm_memory_last_error(nullptr, 0) + 1, '\0');
    sentence.resize(std::min(wasm_memory_last_error(sentence.data(), sentence.size()), sentence.size() - 1));
    return sentence;
}

// ---- results --------------------------------------------------------------------------------------------------------

/// A status and a sentence with the numbers in it. Owns its text. Copying never throws: should the heap have no room,
/// the text is that of `message(status)`.
class [[nodiscard]] Error {
public:
    /// A failure that has nothing to say beyond its status, for callbacks.
    explicit Error(Status status) noexcept : status_(status) {}
    /// A failure with a text, which is copied.
    Error(Status status, std::string_view text) noexcept : status_(status), text_(copied(text)) {}
    Error(const Error &other) noexcept
        : status_(other.status_), text_(other.text_ ? copied(other.text_.get()) : nullptr) {}
    Error(Error &&other) noexcept = default;
    Error &operator=(const Error &other) noexcept { return *this = Error(other); }
    Error &operator=(Error &&other) noexcept = default;
    ~Error() = default;

    /// What this thread's last failed call says, for its status. errno stays as it is.
    static Error last(Status status) noexcept {
        const int error_of_the_system = errno;
        Error error(status);
        const std::size_t capacity = wasm_memory_last_error(nullptr, 0) + 1;
        error.text_.reset(new (std::nothrow) char[capacity]);
        if (error.text_) wasm_memory_last_error(error.text_.get(), capacity);
        errno = error_of_the_system;
        return error;
    }

    Status status() const noexcept { return status_; }
    /// The sentence; valid while the error lives. Never NULL.
    const char *message() const noexcept { return text_ ? text_.get() : wasm_memory::message(status_); }

private:
    static std::unique_ptr<char[]> copied(std::string_view text) noexcept {
        std::unique_ptr<char[]> copy(new (std::nothrow) char[text.size() + 1]);
        if (copy) {
            if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
            copy[text.size()] = '\0';
        }
        return copy;
    }

    Status status_;
    std::unique_ptr<char[]> text_;
};

#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
/// What `Result::value` throws.
class Exception : public std::exception {
public:
    explicit Exception(Error error) noexcept : error_(std::move(error)) {}
    const Error &error() const noexcept { return error_; }
    Status status() const noexcept { return error_.status(); }
    const char *what() const noexcept override { return error_.message(); }

private:
    Error error_;
};
#endif

/// A value, or why there is none. Moves; owns both. `*result` and `result->` want a value, as those of std::optional.
template <class T>
class [[nodiscard]] Result {
public:
    static_assert(!std::is_same_v<T, Error>, "a value that is an Error could not be told from a failure");

    Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>) // NOLINT: meant to convert
        : value_(std::move(value)), error_(Status::ok) {}
    Result(Error error) noexcept : error_(std::move(error)) { forbid_ok(); } // NOLINT: meant to convert
    /// A failure; not where the value itself is a Status.
    template <class S, std::enable_if_t<std::is_same_v<S, Status> && !std::is_same_v<T, Status>, int> = 0>
    Result(S failure) noexcept : error_(failure) { // NOLINT: meant to convert
        forbid_ok();
    }

    bool ok() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return error_.status(); }
    /// The sentence of a failure; of a success, that of `Status::ok`.
    const char *message() const noexcept { return error_.message(); }
    const Error &error() const & noexcept { return error_; }
    Error &&error() && noexcept { return std::move(error_); }

    T &operator*() & noexcept { return assert(ok()), *value_; }
    const T &operator*() const & noexcept { return assert(ok()), *value_; }
    T &&operator*() && noexcept { return assert(ok()), std::move(*value_); }
    T *operator->() noexcept { return assert(ok()), &*value_; }
    const T *operator->() const noexcept { return assert(ok()), &*value_; }
    T value_or(T otherwise) && { return ok() ? std::move(*value_) : std::move(otherwise); }
    T value_or(T otherwise) const & { return ok() ? *value_ : std::move(otherwise); }

#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
    /// The value, or an Exception.
    T &value() & { return or_throw(), *value_; }
    const T &value() const & { return or_throw(), *value_; }
    T value() && { return or_throw(), std::move(*value_); }
    /// Nothing, or an Exception.
    void or_throw() const {
        if (!ok()) throw Exception(error_);
    }
#endif

private:
    // A failure whose status is ok would be neither.
    void forbid_ok() noexcept {
        if (error_.status() == Status::ok) error_ = Error(Status::internal, "a failure was made with the status ok");
    }

    std::optional<T> value_;
    Error error_;
};

/// Success, or why not.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept : error_(Status::ok) {}
    Result(Error error) noexcept : error_(std::move(error)) {} // NOLINT: meant to convert
    Result(Status status) noexcept : error_(status) {}         // NOLINT: meant to convert

    bool ok() const noexcept { return error_.status() == Status::ok; }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return error_.status(); }
    const char *message() const noexcept { return error_.message(); }
    const Error &error() const & noexcept { return error_; }
    Error &&error() && noexcept { return std::move(error_); }

#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
    void value() const { or_throw(); }
    void or_throw() const {
        if (!ok()) throw Exception(error_);
    }
#endif

private:
    Error error_;
};

// ---- spans ----------------------------------------------------------------------------------------------------------

namespace detail {

template <class E, class T>
inline constexpr bool is_same_but_const = std::is_convertible_v<E (*)[], T (*)[]>;

// Whether an array of E may be looked at as one of T, which is a uint8_t.
template <class E, class T>
inline constexpr bool is_byte_for =
    std::is_same_v<std::remove_const_t<T>, std::uint8_t> && sizeof(E) == 1 && !std::is_volatile_v<E> &&
    (std::is_integral_v<E> || std::is_same_v<std::remove_cv_t<E>, std::byte>) &&
    !std::is_same_v<std::remove_cv_t<E>, bool> && (std::is_const_v<T> || !std::is_const_v<E>);

template <class C>
using element_of = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>;

template <class C>
inline constexpr bool is_text = std::is_convertible_v<const std::remove_reference_t<C> &, std::string_view> &&
                                !(std::is_array_v<std::remove_reference_t<C>> &&
                                  !std::is_const_v<std::remove_extent_t<std::remove_reference_t<C>>>);

} // namespace detail

/// A pointer and a length that belong to somebody else: a std::span, for C++17. It becomes one where there is
/// std::span, and is made of anything that has `data` and `size`. A Span of bytes is made of any one-byte elements;
/// one of constant bytes also of text: a string, a string_view, or a literal without its NUL.
template <class T>
class Span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using iterator = T *;

    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <class U, std::enable_if_t<detail::is_same_but_const<U, T>, int> = 0>
    constexpr Span(Span<U> other) noexcept : data_(other.data()), size_(other.size()) {} // NOLINT: meant to convert

    template <class C, class E = detail::element_of<C>,
              std::enable_if_t<(detail::is_same_but_const<E, T> || detail::is_byte_for<E, T>) &&
                                   (std::is_lvalue_reference_v<C> || std::is_const_v<T>) &&
                                   !(std::is_const_v<T> && detail::is_text<C>),
                               int> = 0>
    constexpr Span(C &&container) noexcept // NOLINT: meant to convert
        : data_(pointer(std::data(container))), size_(std::size(container)) {}

    template <
        class S, class U = T,
        std::enable_if_t<std::is_same_v<U, const std::uint8_t> && !std::is_array_v<S> && detail::is_text<S>, int> = 0>
    Span(const S &text) noexcept // NOLINT: meant to convert
        : Span(pointer(std::string_view(text).data()), std::string_view(text).size()) {}

    /// A literal, or another constant array of characters: up to its first NUL, if there is one.
    template <std::size_t N, class U = T, std::enable_if_t<std::is_same_v<U, const std::uint8_t>, int> = 0>
    Span(const char (&text)[N]) noexcept : Span(pointer(text), N) { // NOLINT: meant to convert
        if (const void *const end = std::memchr(text, '\0', N))
            size_ = static_cast<std::size_t>(static_cast<const char *>(end) - text);
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return assert(index < size_), data_[index]; }
    constexpr T &front() const noexcept { return (*this)[0]; }
    constexpr T &back() const noexcept { return (*this)[size_ - 1]; }
    /// The part from `offset` on, of `length` elements at most; cut to what is there.
    constexpr Span subspan(std::size_t offset, std::size_t length = SIZE_MAX) const noexcept {
        if (offset > size_) offset = size_;
        return Span(data_ + offset, length < size_ - offset ? length : size_ - offset);
    }

private:
    template <class E>
    static constexpr T *pointer(E *data) noexcept {
        if constexpr (detail::is_same_but_const<E, T>)
            return data;
        else
            return reinterpret_cast<T *>(data);
    }

    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Bytes to read, and bytes to write.
using Bytes = Span<const std::uint8_t>;
using MutableBytes = Span<std::uint8_t>;

/// The sixteen bytes of a v128, in the order of the memory.
using V128 = std::array<std::uint8_t, 16>;

/// A part of a memory, in bytes.
struct Range {
    std::uint64_t offset;
    std::uint64_t length;
    friend bool operator==(const Range &left, const Range &right) noexcept {
        return left.offset == right.offset && left.length == right.length;
    }
    friend bool operator!=(const Range &left, const Range &right) noexcept { return !(left == right); }
};

// ---- handles --------------------------------------------------------------------------------------------------------

namespace detail {

inline void destroy(wasm_config_t *handle) noexcept { wasm_config_delete(handle); }
inline void destroy(wasm_engine_t *handle) noexcept { wasm_engine_delete(handle); }
inline void destroy(wasm_store_t *handle) noexcept { wasm_store_delete(handle); }
inline void destroy(wasm_memorytype_t *handle) noexcept { wasm_memorytype_delete(handle); }
inline void destroy(wasm_memory_t *handle) noexcept { wasm_memory_delete(handle); }
inline void destroy(wasm_shared_memory_t *handle) noexcept { wasm_shared_memory_delete(handle); }
inline void destroy(wasm_memory_image_t *handle) noexcept { wasm_memory_image_delete(handle); }
inline void destroy(wasm_data_segment_t *handle) noexcept { wasm_data_segment_delete(handle); }
inline void destroy(wasm_memory_future_t *handle) noexcept { wasm_memory_future_delete(handle); }
inline void destroy(wasm_memory_ticket_t *handle) noexcept { wasm_memory_ticket_resolve(handle, false); }

inline Result<void> done(wasm_memory_status_t status) noexcept {
    if (status != WASM_MEMORY_OK) return Error::last(static_cast<Status>(status));
    return {};
}

template <class T>
Result<T> done(wasm_memory_status_t status, T value) noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (status != WASM_MEMORY_OK) return Error::last(static_cast<Status>(status));
    return value;
}

// A class over what a C function put out.
template <class H, class C>
Result<H> made(wasm_memory_status_t status, C *handle) noexcept {
    if (status != WASM_MEMORY_OK) return Error::last(static_cast<Status>(status));
    return H(handle);
}

// The same where NULL is all that the function answers, and the reason is known here.
template <class H, class C>
Result<H> made_or(Status why_not, C *handle) noexcept {
    if (handle == nullptr) return Error::last(why_not);
    return H(handle);
}

// The nanoseconds of a duration, rounded up; what is negative, or no number, is 0, because the library takes a negative
// number for "for ever".
template <class Rep, class Period>
std::int64_t nanoseconds(const std::chrono::duration<Rep, Period> &duration) {
    using Exact = std::chrono::duration<long double, std::nano>;
    if (!(duration > duration.zero())) return 0;
    const Exact wide = std::chrono::duration_cast<Exact>(duration);
    if (wide.count() >= 9.2e18L) return (std::numeric_limits<std::int64_t>::max)();
    // In integers the conversion multiplies before it divides: for samples at 44.1 kHz it overflows after 242 days.
    if (static_cast<long double>(duration.count()) * std::ratio_divide<Period, std::nano>::num >= 9.2e18L)
        return static_cast<std::int64_t>(wide.count()) + 1;
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::nano>>(duration).count();
}

// `call()`, or `otherwise` if an exception leaves it: for callbacks, through which none may pass.
template <class R, class F>
R guarded(R otherwise, F &&call) noexcept {
#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
    try {
        return call();
    } catch (...) {
        return otherwise;
    }
#else
    (void)otherwise;
    return call();
#endif
}

template <class F>
void guarded_void(F &&call) noexcept {
    guarded(0, [&] {
        call();
        return 0;
    });
}

// The same where a status says what went wrong.
template <class F>
wasm_memory_status_t guarded_status(F &&call) noexcept {
#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
    try {
        return static_cast<wasm_memory_status_t>(call());
    } catch (const std::bad_alloc &) {
        return WASM_MEMORY_OUT_OF_MEMORY;
    } catch (...) {
        return WASM_MEMORY_HOST_CONTRACT;
    }
#else
    return static_cast<wasm_memory_status_t>(call());
#endif
}

// An exception on its way around the C library.
class Thrown {
public:
#if defined(WASM_MEMORY_HPP_EXCEPTIONS)
    template <class F>
    void run(F &&call) noexcept {
        if (what_) return; // what came after it would not have been run
        try {
            call();
        } catch (...) {
            what_ = std::current_exception();
        }
    }
    void rethrow() {
        if (what_) std::rethrow_exception(std::move(what_));
    }

private:
    std::exception_ptr what_;
#else
    template <class F>
    void run(F &&call) noexcept {
        call();
    }
    void rethrow() {}
#endif
};

// What a callable that was lent gives back.
template <class R>
struct Returned {
    std::optional<R> value;
    template <class F>
    void keep(F &&call) {
        value.emplace(call());
    }
    Result<R> take() { return std::move(*value); }
};
template <>
struct Returned<void> {
    template <class F>
    void keep(F &&call) {
        call();
    }
    Result<void> take() { return {}; }
};

// The unsigned word of a number.
template <std::size_t Width>
struct Word;
template <>
struct Word<1> {
    using type = std::uint8_t;
};
template <>
struct Word<2> {
    using type = std::uint16_t;
};
template <>
struct Word<4> {
    using type = std::uint32_t;
};
template <>
struct Word<8> {
    using type = std::uint64_t;
};

template <class T>
inline constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8;
template <class T>
inline constexpr bool is_value =
    is_integer<T> || std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, V128>;

using M = wasm_memory_t;
using S = wasm_memory_status_t;
using At = std::uint64_t;

inline S load(const M *memory, At at, std::uint8_t *out) noexcept { return wasm_memory_load_u8(memory, at, out); }
inline S load(const M *memory, At at, std::uint16_t *out) noexcept { return wasm_memory_load_u16(memory, at, out); }
inline S load(const M *memory, At at, std::uint32_t *out) noexcept { return wasm_memory_load_u32(memory, at, out); }
inline S load(const M *memory, At at, std::uint64_t *out) noexcept { return wasm_memory_load_u64(memory, at, out); }
inline S load(const M *memory, At at, float *out) noexcept { return wasm_memory_load_f32(memory, at, out); }
inline S load(const M *memory, At at, double *out) noexcept { return wasm_memory_load_f64(memory, at, out); }
inline S load(const M *memory, At at, V128 *out) noexcept { return wasm_memory_load_v128(memory, at, out->data()); }

inline S store(M *memory, At at, std::uint8_t value) noexcept { return wasm_memory_store_u8(memory, at, value); }
inline S store(M *memory, At at, std::uint16_t value) noexcept { return wasm_memory_store_u16(memory, at, value); }
inline S store(M *memory, At at, std::uint32_t value) noexcept { return wasm_memory_store_u32(memory, at, value); }
inline S store(M *memory, At at, std::uint64_t value) noexcept { return wasm_memory_store_u64(memory, at, value); }
inline S store(M *memory, At at, float value) noexcept { return wasm_memory_store_f32(memory, at, value); }
inline S store(M *memory, At at, double value) noexcept { return wasm_memory_store_f64(memory, at, value); }
inline S store(M *memory, At at, const V128 &value) noexcept {
    return wasm_memory_store_v128(memory, at, value.data());
}

// The atomic functions of each width.
template <class W>
struct Atomic;
template <>
struct Atomic<std::uint8_t> {
    using W = std::uint8_t;
    static S load(const M *m, At at, W *out) noexcept { return wasm_memory_atomic_load8(m, at, out); }
    static S store(M *m, At at, W value) noexcept { return wasm_memory_atomic_store8(m, at, value); }
    static S rmw(M *m, wasm_memory_rmw_op_t op, At at, W operand, W *old) noexcept {
        return wasm_memory_atomic_rmw8(m, op, at, operand, old);
    }
    static S cmpxchg(M *m, At at, W expected, W replacement, W *old) noexcept {
        return wasm_memory_atomic_cmpxchg8(m, at, expected, replacement, old);
    }
};
template <>
struct Atomic<std::uint16_t> {
    using W = std::uint16_t;
    static S load(const M *m, At at, W *out) noexcept { return wasm_memory_atomic_load16(m, at, out); }
    static S store(M *m, At at, W value) noexcept { return wasm_memory_atomic_store16(m, at, value); }
    static S rmw(M *m, wasm_memory_rmw_op_t op, At at, W operand, W *old) noexcept {
        return wasm_memory_atomic_rmw16(m, op, at, operand, old);
    }
    static S cmpxchg(M *m, At at, W expected, W replacement, W *old) noexcept {
        return wasm_memory_atomic_cmpxchg16(m, at, expected, replacement, old);
    }
};
template <>
struct Atomic<std::uint32_t> {
    using W = std::uint32_t;
    static S load(const M *m, At at, W *out) noexcept { return wasm_memory_atomic_load32(m, at, out); }
    static S store(M *m, At at, W value) noexcept { return wasm_memory_atomic_store32(m, at, value); }
    static S rmw(M *m, wasm_memory_rmw_op_t op, At at, W operand, W *old) noexcept {
        return wasm_memory_atomic_rmw32(m, op, at, operand, old);
    }
    static S cmpxchg(M *m, At at, W expected, W replacement, W *old) noexcept {
        return wasm_memory_atomic_cmpxchg32(m, at, expected, replacement, old);
    }
    static S wait(M *m, At at, W expected, std::int64_t ns, wasm_memory_wait_result_t *out) noexcept {
        return wasm_memory_atomic_wait32(m, at, expected, ns, out);
    }
};
template <>
struct Atomic<std::uint64_t> {
    using W = std::uint64_t;
    static S load(const M *m, At at, W *out) noexcept { return wasm_memory_atomic_load64(m, at, out); }
    static S store(M *m, At at, W value) noexcept { return wasm_memory_atomic_store64(m, at, value); }
    static S rmw(M *m, wasm_memory_rmw_op_t op, At at, W operand, W *old) noexcept {
        return wasm_memory_atomic_rmw64(m, op, at, operand, old);
    }
    static S cmpxchg(M *m, At at, W expected, W replacement, W *old) noexcept {
        return wasm_memory_atomic_cmpxchg64(m, at, expected, replacement, old);
    }
    static S wait(M *m, At at, W expected, std::int64_t ns, wasm_memory_wait_result_t *out) noexcept {
        return wasm_memory_atomic_wait64(m, at, expected, ns, out);
    }
};

template <class T>
using word_t = typename Word<sizeof(T)>::type;

} // namespace detail

/// The owner of one handle of the C library: what all classes here have. Moves; what was moved from is empty.
template <class C>
class Handle {
public:
    using c_type = C;

    /// An empty one.
    constexpr Handle() noexcept = default;
    /// Takes over a handle of the C library, which may be NULL.
    explicit constexpr Handle(C *handle) noexcept : handle_(handle) {}
    Handle(Handle &&other) noexcept : handle_(other.release()) {}
    Handle &operator=(Handle &&other) noexcept {
        reset(other.release()); // of itself too: it has nothing to give back then
        return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { reset(); }

    /// Whether it has one.
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// The C handle, which stays this object's; NULL if it is empty.
    C *get() const noexcept { return handle_; }
    /// The C handle, which is the caller's from now on.
    [[nodiscard]] C *release() noexcept { return std::exchange(handle_, nullptr); }
    /// Gives back what it has, and takes over another handle.
    void reset(C *handle = nullptr) noexcept {
        // First forgotten, then given back: a finalizer that runs now finds this object empty.
        if (C *const old = std::exchange(handle_, handle)) detail::destroy(old);
    }

private:
    C *handle_ = nullptr;
};

/// One of the classes below over a C handle that stays somebody else's, for as long as that lives:
/// `Borrowed<Memory>(exported)->load<int>(0)`. Do not move from `*borrowed`.
template <class H>
class Borrowed {
    using Owner = std::remove_const_t<H>;
    using C = typename Owner::c_type;

public:
    explicit Borrowed(std::conditional_t<std::is_const_v<H>, const C, C> *handle) noexcept
        : owner_(const_cast<C *>(handle)) {}
    Borrowed(const Borrowed &other) noexcept : owner_(other.owner_.get()) {}
    Borrowed &operator=(const Borrowed &other) noexcept {
        (void)owner_.release();
        owner_ = Owner(other.owner_.get());
        return *this;
    }
    ~Borrowed() { (void)owner_.release(); }

    H &operator*() noexcept { return owner_; }
    H *operator->() noexcept { return &owner_; }
    const H &operator*() const noexcept { return owner_; }
    const H *operator->() const noexcept { return &owner_; }

private:
    Owner owner_;
};

// ---- types ----------------------------------------------------------------------------------------------------------

/// All that a memory type says; sizes in pages.
struct TypeDescription {
    std::uint64_t minimum = 0;
    std::optional<std::uint64_t> maximum = std::nullopt;
    bool is_64 = false;
    bool shared = false;
    /// 16 for pages of 64 KiB, 0 for such of 1 byte.
    std::uint8_t page_size_log2 = 16;
};

/// The type of a memory. Immutable: any thread may use it. It may go before the memories made with it.
class MemoryType : public Handle<wasm_memorytype_t> {
public:
    using Handle::Handle;

    /// Wraps wasm_memorytype_try_new.
    static Result<MemoryType> make(const TypeDescription &of) noexcept {
        wasm_memorytype_t *type = nullptr;
        const auto status = wasm_memorytype_try_new(of.minimum, of.maximum.has_value(), of.maximum.value_or(0),
                                                    of.is_64, of.shared, of.page_size_log2, &type);
        return detail::made<MemoryType>(status, type);
    }
    /// 32-bit addresses, pages of 64 KiB, not shared.
    static Result<MemoryType> make(std::uint64_t minimum,
                                   std::optional<std::uint64_t> maximum = std::nullopt) noexcept {
        return make(TypeDescription{minimum, maximum});
    }
    /// The same, shared: it has to have a maximum.
    static Result<MemoryType> make_shared(std::uint64_t minimum, std::uint64_t maximum) noexcept {
        return make(TypeDescription{minimum, maximum, false, true});
    }

    /// Another one that says the same. Wraps wasm_memorytype_copy.
    Result<MemoryType> copy() const noexcept {
        return detail::made_or<MemoryType>(get() == nullptr ? Status::null_argument : Status::out_of_memory,
                                           wasm_memorytype_copy(get()));
    }

    /// In pages. Wraps wasm_memorytype_minimum.
    std::uint64_t minimum() const noexcept { return wasm_memorytype_minimum(get()); }
    /// In pages, if there is one. Wraps wasm_memorytype_maximum.
    std::optional<std::uint64_t> maximum() const noexcept {
        std::uint64_t maximum = 0;
        if (!wasm_memorytype_maximum(get(), &maximum)) return std::nullopt;
        return maximum;
    }
    /// Whether addresses have 64 bits. Wraps wasm_memorytype_is64.
    bool is_64() const noexcept { return wasm_memorytype_is64(get()); }
    /// Wraps wasm_memorytype_isshared.
    bool is_shared() const noexcept { return wasm_memorytype_isshared(get()); }
    /// In bytes. Wraps wasm_memorytype_page_size.
    std::uint64_t page_size() const noexcept { return wasm_memorytype_page_size(get()); }
    /// Wraps wasm_memorytype_page_size_log2.
    std::uint8_t page_size_log2() const noexcept { return wasm_memorytype_page_size_log2(get()); }
    /// All of these.
    TypeDescription describe() const noexcept {
        return TypeDescription{minimum(), maximum(), is_64(), is_shared(), page_size_log2()};
    }
    /// Whether a memory of this type may be imported where `required` is declared. Wraps wasm_memorytype_matches.
    bool matches(const MemoryType &required) const noexcept { return wasm_memorytype_matches(get(), required.get()); }
};

/// The vector of types that wasm.h has, for code that exchanges such; others take a std::vector<MemoryType>. Owns its
/// types. One thread at a time while it is changed.
class MemoryTypeVec {
public:
    /// An empty one. Wraps wasm_memorytype_vec_new_empty.
    MemoryTypeVec() noexcept { wasm_memorytype_vec_new_empty(&vec_); }
    /// Takes over a vector of the C library; `taken` is left empty.
    explicit MemoryTypeVec(wasm_memorytype_vec_t &taken) noexcept : MemoryTypeVec() { std::swap(vec_, taken); }
    MemoryTypeVec(MemoryTypeVec &&other) noexcept : MemoryTypeVec() { std::swap(vec_, other.vec_); }
    MemoryTypeVec &operator=(MemoryTypeVec &&other) noexcept {
        MemoryTypeVec taken(std::move(other)); // of itself too
        std::swap(vec_, taken.vec_);
        return *this;
    }
    MemoryTypeVec(const MemoryTypeVec &) = delete;
    MemoryTypeVec &operator=(const MemoryTypeVec &) = delete;
    /// Wraps wasm_memorytype_vec_delete.
    ~MemoryTypeVec() { wasm_memorytype_vec_delete(&vec_); }

    /// One of these types, which pass to it; on failure they are where they were. Wraps wasm_memorytype_vec_new.
    static Result<MemoryTypeVec> make(std::vector<MemoryType> &&types) {
        std::vector<wasm_memorytype_t *> handles;
        handles.reserve(types.size());
        for (const MemoryType &type : types) handles.push_back(type.get());
        MemoryTypeVec vector;
        wasm_memorytype_vec_new(&vector.vec_, handles.size(), handles.data());
        if (vector.size() != handles.size()) return Error::last(Status::out_of_memory);
        for (MemoryType &type : types) (void)type.release();
        types.clear();
        return vector;
    }
    /// One of `size` empty places, to be filled by `set`. Wraps wasm_memorytype_vec_new_uninitialized.
    static Result<MemoryTypeVec> make(std::size_t size) noexcept {
        MemoryTypeVec vector;
        wasm_memorytype_vec_new_uninitialized(&vector.vec_, size);
        if (vector.size() != size) return Error::last(Status::out_of_memory);
        return vector;
    }
    /// Another one, with copies of the types. Wraps wasm_memorytype_vec_copy.
    Result<MemoryTypeVec> copy() const noexcept {
        MemoryTypeVec vector;
        wasm_memorytype_vec_copy(&vector.vec_, &vec_);
        if (vector.size() != size()) return Error::last(Status::out_of_memory);
        return vector;
    }

    std::size_t size() const noexcept { return vec_.size; }
    /// The type at a place that there is; it stays the vector's.
    Borrowed<const MemoryType> operator[](std::size_t index) const noexcept {
        return Borrowed<const MemoryType>((assert(index < vec_.size), vec_.data[index]));
    }
    /// Puts a type at a place that there is; the one of before is deleted.
    void set(std::size_t index, MemoryType type) noexcept {
        assert(index < vec_.size);
        MemoryType before(std::exchange(vec_.data[index], type.release()));
    }
    /// The C vector, which stays this object's.
    wasm_memorytype_vec_t *get() noexcept { return &vec_; }
    const wasm_memorytype_vec_t *get() const noexcept { return &vec_; }

private:
    wasm_memorytype_vec_t vec_;
};

// ---- host-made memories ---------------------------------------------------------------------------------------------

/// The bytes of one memory, which the host provides: wasm_linear_memory_t as a class, whose contract holds here. The
/// library owns the object and destroys it when the memory is gone. `grow_to` runs on one thread at a time, the
/// others on several at once. An exception that leaves one of them is a refusal.
class LinearMemory {
public:
    LinearMemory() = default;
    LinearMemory(const LinearMemory &) = delete;
    LinearMemory &operator=(const LinearMemory &) = delete;
    virtual ~LinearMemory() = default;

    /// How many bytes are accessible now; under GUARDED exactly as many as were asked for.
    virtual std::size_t byte_size() = 0;
    /// The most that the memory can have, if there is such.
    virtual std::optional<std::size_t> maximum_byte_size() { return std::nullopt; }
    /// Makes at least `new_size` bytes accessible, the new ones zero, or answers why not and changes nothing.
    virtual Status grow_to(std::size_t new_size) = 0;
    /// Where the bytes are: a multiple of the host's page size, which stays unless `memory_may_move` was set.
    virtual std::uint8_t *as_ptr() = 0;
    /// The addresses that belong to the memory, guards included. Under GUARDED it has to be overridden.
    virtual MutableBytes accessible() { return MutableBytes(as_ptr(), byte_size()); }
};

/// What an Allocator is asked for; sizes in bytes.
struct AllocationRequest {
    /// Valid during the call.
    Borrowed<const MemoryType> type;
    std::size_t minimum;
    /// SIZE_MAX: the type has no maximum.
    std::size_t maximum;
    /// Under GUARDED, what must be the memory's own; else 0.
    std::size_t reserved_bytes;
    std::size_t guard_bytes;
};

/// Who makes the memories of an engine: wasm_memory_allocator_t as a class, whose contract holds here. The library owns
/// the object (`Config::allocator`) and destroys it when the engine, its stores and the last of its memories are gone.
/// Several threads may call it at once.
class Allocator {
public:
    Allocator() = default;
    Allocator(const Allocator &) = delete;
    Allocator &operator=(const Allocator &) = delete;
    virtual ~Allocator() = default;

    /// Makes a memory of `minimum` zero bytes that can become `maximum` bytes large, or answers why not. An exception
    /// is a refusal: out_of_memory for a std::bad_alloc, host_contract for others; so is a null pointer.
    virtual Result<std::unique_ptr<LinearMemory>> new_memory(const AllocationRequest &request) = 0;
};

namespace detail {

inline LinearMemory &linear(void *env) noexcept { return *static_cast<LinearMemory *>(env); }

inline wasm_memory_status_t allocate(void *env, const wasm_memorytype_t *type, std::size_t minimum, std::size_t maximum,
                                     std::size_t reserved, std::size_t guard, wasm_linear_memory_t *out) {
    return guarded_status([&] {
        const AllocationRequest request{Borrowed<const MemoryType>(type), minimum, maximum, reserved, guard};
        auto made = static_cast<Allocator *>(env)->new_memory(request);
        if (!made) return made.status();
        if (*made == nullptr) return Status::host_contract;
        out->struct_size = sizeof *out;
        out->env = made->release();
        out->byte_size = [](void *memory) {
            return guarded(std::size_t{0}, [&] { return linear(memory).byte_size(); });
        };
        out->maximum_byte_size = [](void *memory, std::size_t *most) {
            const auto maximum_size =
                guarded(std::optional<std::size_t>(), [&] { return linear(memory).maximum_byte_size(); });
            *most = maximum_size.value_or(0);
            return maximum_size.has_value();
        };
        out->grow_to = [](void *memory, std::size_t size) {
            return guarded_status([&] { return linear(memory).grow_to(size); });
        };
        out->as_ptr = [](void *memory) {
            return guarded(static_cast<std::uint8_t *>(nullptr), [&] { return linear(memory).as_ptr(); });
        };
        out->wasm_accessible = [](void *memory, std::uint8_t **start, std::size_t *length) {
            const MutableBytes all = guarded(MutableBytes(), [&] { return linear(memory).accessible(); });
            *start = all.data();
            *length = all.size();
        };
        out->finalizer = [](void *memory) { delete static_cast<LinearMemory *>(memory); };
        return Status::ok;
    });
}

} // namespace detail

// ---- configs and engines --------------------------------------------------------------------------------------------

/// The options of a pool: wasm_memory_pool_options_t. 0 is the library's default.
struct PoolOptions {
    std::uint64_t slots = 0;
    std::uint64_t slot_bytes = 0;
    std::uint64_t keep_resident_bytes = 0;
    std::uint64_t decommit_batch = 0;
    bool overflow = false;
};

/// What a pool has and has done.
using PoolStats = wasm_memory_pool_stats_t;

/// The options of an engine that is to be made: `Engine::make` takes it. One thread at a time. Options may be
/// chained. A value that cannot be is told by `Engine::make`.
class Config : public Handle<wasm_config_t> {
public:
    using Handle::Handle;

    /// One with the defaults; empty if the heap is exhausted, which `Engine::make` tells. Wraps wasm_config_new.
    Config() noexcept : Handle(wasm_config_new()) {}

    /// Wraps wasm_config_memory_bounds_set.
    Config &bounds(Bounds bounds) noexcept {
        wasm_config_memory_bounds_set(get(), static_cast<wasm_memory_bounds_t>(bounds));
        return *this;
    }
    /// Wraps wasm_config_memory_reservation_set.
    Config &reservation(std::uint64_t bytes) noexcept {
        wasm_config_memory_reservation_set(get(), bytes);
        return *this;
    }
    /// Wraps wasm_config_memory_reservation_for_growth_set.
    Config &reservation_for_growth(std::uint64_t bytes) noexcept {
        wasm_config_memory_reservation_for_growth_set(get(), bytes);
        return *this;
    }
    /// Wraps wasm_config_memory_guard_size_set.
    Config &guard_size(std::uint64_t bytes) noexcept {
        wasm_config_memory_guard_size_set(get(), bytes);
        return *this;
    }
    /// Wraps wasm_config_guard_before_memory_set.
    Config &guard_before(bool enable) noexcept {
        wasm_config_guard_before_memory_set(get(), enable);
        return *this;
    }
    /// Wraps wasm_config_memory_may_move_set.
    Config &may_move(bool enable) noexcept {
        wasm_config_memory_may_move_set(get(), enable);
        return *this;
    }
    /// Wraps wasm_config_memory_huge_pages_set.
    Config &huge_pages(bool enable) noexcept {
        wasm_config_memory_huge_pages_set(get(), enable);
        return *this;
    }
    /// Wraps wasm_config_memory_exportable_set.
    Config &exportable(bool enable) noexcept {
        wasm_config_memory_exportable_set(get(), enable);
        return *this;
    }
    /// Wraps wasm_config_memory_pool_set.
    Config &pool(const PoolOptions &of) noexcept {
        const wasm_memory_pool_options_t options = {sizeof(wasm_memory_pool_options_t),
                                                    of.slots,
                                                    of.slot_bytes,
                                                    of.keep_resident_bytes,
                                                    of.decommit_batch,
                                                    of.overflow};
        wasm_config_memory_pool_set(get(), &options);
        return *this;
    }
    /// No pool, the default. Wraps wasm_config_memory_pool_set.
    Config &no_pool() noexcept {
        wasm_config_memory_pool_set(get(), nullptr);
        return *this;
    }
    /// Lets an object make the memories, which passes to the library; none: the library makes them again. Wraps
    /// wasm_config_memory_allocator_set.
    Config &allocator(std::unique_ptr<Allocator> allocator) noexcept {
        if (get() == nullptr || allocator == nullptr) {
            wasm_config_memory_allocator_set(get(), nullptr);
            return *this;
        }
        const wasm_memory_allocator_t table = {sizeof(wasm_memory_allocator_t), allocator.release(), detail::allocate,
                                               [](void *env) { delete static_cast<Allocator *>(env); }};
        wasm_config_memory_allocator_set(get(), &table);
        return *this;
    }
};

/// What an engine's stores and memories are together.
using EngineStats = wasm_engine_stats_t;

/// What memories are made under: options and idle memories. Any number of threads may use it. Its stores and memories
/// keep what they need of it.
class Engine : public Handle<wasm_engine_t> {
public:
    using Handle::Handle;

    /// Wraps wasm_engine_new.
    static Result<Engine> make() noexcept { return detail::made_or<Engine>(Status::out_of_memory, wasm_engine_new()); }
    /// Takes the config, whatever happens. A failure has the status `unspecified`, for the C function tells none. Wraps
    /// wasm_engine_new_with_config.
    static Result<Engine> make(Config &&config) noexcept {
        const Status why_not = config ? Status::unspecified : Status::null_argument;
        return detail::made_or<Engine>(why_not, wasm_engine_new_with_config(config.release()));
    }

    /// Wraps wasm_engine_stats.
    Result<EngineStats> stats() const noexcept {
        EngineStats stats = {};
        stats.struct_size = sizeof stats;
        const auto status = wasm_engine_stats(get(), &stats);
        return detail::done(status, stats);
    }
    /// Wraps wasm_engine_pool_stats.
    Result<PoolStats> pool_stats() const noexcept {
        PoolStats stats = {};
        stats.struct_size = sizeof stats;
        const auto status = wasm_engine_pool_stats(get(), &stats);
        return detail::done(status, stats);
    }
    /// Wraps wasm_engine_pool_trim.
    Result<void> pool_trim() noexcept { return detail::done(wasm_engine_pool_trim(get())); }
};

// ---- limiters and stores --------------------------------------------------------------------------------------------

/// Static limits of a store: wasm_memory_limits_t.
struct StoreLimits {
    static constexpr std::uint64_t none = UINT64_MAX;
    std::uint64_t max_memory_bytes = none;
    std::uint64_t max_total_bytes = none;
    std::uint64_t max_memories = none;
};

/// What a limiter is asked: whether a memory may have `desired_bytes`.
struct GrowthRequest {
    /// 0: a new one.
    std::uint64_t current_bytes;
    std::uint64_t desired_bytes;
    /// That of the type, if it has one.
    std::optional<std::uint64_t> maximum_bytes;
};

/// The right and the duty to answer one question of an asynchronous limiter. Any thread may answer, once; one that is
/// destroyed without an answer says no.
class Ticket : public Handle<wasm_memory_ticket_t> {
public:
    using Handle::Handle;
    /// Answers, and is empty then. Wraps wasm_memory_ticket_resolve.
    void resolve(bool allow) noexcept { wasm_memory_ticket_resolve(release(), allow); }
    void allow() noexcept { resolve(true); }
    void deny() noexcept { resolve(false); }
};

namespace detail {

inline GrowthRequest request(std::uint64_t current, std::uint64_t desired, std::uint64_t maximum) noexcept {
    return GrowthRequest{current, desired,
                         maximum == UINT64_MAX ? std::nullopt : std::optional<std::uint64_t>(maximum)};
}

// Stands for a second callable that was not given.
struct HearsNothing {};

// A limiter's two callables, as the `env` of its table.
template <class Growing, class Failed>
struct Limiter {
    Growing growing;
    Failed failed;

    static Limiter &of(void *env) noexcept { return *static_cast<Limiter *>(env); }
    static bool ask(void *env, std::uint64_t current, std::uint64_t desired, std::uint64_t maximum) {
        return guarded(false, [&] { return static_cast<bool>(of(env).growing(request(current, desired, maximum))); });
    }
    static void ask_async(void *env, std::uint64_t current, std::uint64_t desired, std::uint64_t maximum,
                          wasm_memory_ticket_t *ticket) {
        guarded_void([&] { of(env).growing(request(current, desired, maximum), Ticket(ticket)); });
    }
    static void tell(void *env, wasm_memory_status_t status, const char *message) {
        guarded_void([&] { of(env).failed(static_cast<Status>(status), std::string_view(message)); });
    }
    static constexpr auto teller() noexcept -> void (*)(void *, wasm_memory_status_t, const char *) {
        if constexpr (std::is_same_v<Failed, HearsNothing>)
            return nullptr;
        else
            return tell;
    }
    static void finalize(void *env) { delete static_cast<Limiter *>(env); }
};

template <class T>
void delete_object(void *object) {
    delete static_cast<T *>(object);
}

} // namespace detail

/// What a store's memories are together.
using StoreStats = wasm_store_stats_t;

/// What memories are made in: the owner of limits and of data of the host's. Any number of threads may use it. Memories
/// made in it live on without it, and keep its data, limits and limiter working.
class Store : public Handle<wasm_store_t> {
public:
    using Handle::Handle;

    /// Wraps wasm_store_new.
    static Result<Store> make(const Engine &engine) noexcept {
        return detail::made_or<Store>(engine ? Status::out_of_memory : Status::null_argument,
                                      wasm_store_new(engine.get()));
    }

    /// Gives the store an object, which it destroys when other data is set, or when the store and the last handle,
    /// future and ticket made in it are gone. An empty pointer: no data any more. Wraps wasm_store_data_set.
    template <class T>
    Result<void> set_data(std::unique_ptr<T> data) noexcept {
        return set_data(data ? data.get() : nullptr, data ? detail::delete_object<T> : nullptr,
                        [&]() noexcept { (void)data.release(); });
    }
    /// Gives the store a pointer that stays the caller's. Wraps wasm_store_data_set.
    Result<void> set_data(void *data) noexcept {
        return set_data(data, nullptr, []() noexcept {});
    }
    /// The data, as what was set: T has to be its type. NULL without. Wraps wasm_store_data.
    template <class T>
    T *data() const noexcept {
        return static_cast<T *>(wasm_store_data(get()));
    }

    /// Wraps wasm_store_stats.
    Result<StoreStats> stats() const noexcept {
        StoreStats stats = {};
        stats.struct_size = sizeof stats;
        const auto status = wasm_store_stats(get(), &stats);
        return detail::done(status, stats);
    }

    /// Wraps wasm_store_limits_set.
    Result<void> set_limits(const StoreLimits &of) noexcept {
        const wasm_memory_limits_t limits = {sizeof(wasm_memory_limits_t), of.max_memory_bytes, of.max_total_bytes,
                                             of.max_memories};
        return detail::done(wasm_store_limits_set(get(), &limits));
    }
    /// Wraps wasm_store_limits_set.
    Result<void> clear_limits() noexcept { return detail::done(wasm_store_limits_set(get(), nullptr)); }

    /// Gives the store a limiter: `bool growing(const GrowthRequest &)`, and what hears of failures, `void
    /// failed(Status, std::string_view message)`. Several threads may call both at once. They pass to the library,
    /// which destroys them when another limiter is set or the store and its memories are gone. An exception of
    /// `growing` means no. Wraps wasm_store_limiter_set.
    template <class Growing, class Failed = detail::HearsNothing>
    Result<void> set_limiter(Growing growing, Failed failed = Failed()) {
        using Limiter = detail::Limiter<Growing, Failed>;
        if (get() == nullptr) return detail::done(wasm_store_limiter_set(nullptr, nullptr));
        const wasm_memory_limiter_t table = {sizeof(wasm_memory_limiter_t),
                                             new Limiter{std::move(growing), std::move(failed)}, Limiter::ask,
                                             Limiter::teller(), Limiter::finalize};
        return detail::done(wasm_store_limiter_set(get(), &table));
    }
    /// Gives the store a limiter that may answer later, from any thread: `void growing(const GrowthRequest &, Ticket)`.
    /// Memories are then made and grown by the `_async` functions. A ticket that is dropped, by an exception too, means
    /// no. Otherwise as `set_limiter`. Wraps wasm_store_limiter_async_set.
    template <class Growing, class Failed = detail::HearsNothing>
    Result<void> set_limiter_async(Growing growing, Failed failed = Failed()) {
        using Limiter = detail::Limiter<Growing, Failed>;
        if (get() == nullptr) return detail::done(wasm_store_limiter_async_set(nullptr, nullptr));
        const wasm_memory_limiter_async_t table = {sizeof(wasm_memory_limiter_async_t),
                                                   new Limiter{std::move(growing), std::move(failed)},
                                                   Limiter::ask_async, Limiter::teller(), Limiter::finalize};
        return detail::done(wasm_store_limiter_async_set(get(), &table));
    }
    /// No limiter any more, of either kind. Wraps wasm_store_limiter_set.
    Result<void> clear_limiter() noexcept { return detail::done(wasm_store_limiter_set(get(), nullptr)); }

private:
    template <class Passed>
    Result<void> set_data(void *data, void (*finalizer)(void *), Passed passed) noexcept {
        wasm_store_data_set(get(), data, finalizer);
        if (get() == nullptr) return Error::last(Status::null_argument); // the data is still the caller's
        passed();
        return {};
    }
};

// ---- data segments and images ---------------------------------------------------------------------------------------

/// The bytes of a passive data segment. Any number of threads may use it.
class DataSegment : public Handle<wasm_data_segment_t> {
public:
    using Handle::Handle;

    /// The bytes are copied. Wraps wasm_data_segment_new.
    static Result<DataSegment> make(Bytes bytes) noexcept {
        return detail::made_or<DataSegment>(bytes.data() == nullptr && !bytes.empty() ? Status::null_argument
                                                                                      : Status::out_of_memory,
                                            wasm_data_segment_new(bytes.data(), bytes.size()));
    }
    /// Makes it empty for good: `data.drop`. Wraps wasm_data_segment_drop.
    void drop() noexcept { wasm_data_segment_drop(get()); }
};

/// Bytes of an image, which stay the caller's.
using Segment = wasm_memory_segment_t;

/// A segment of these bytes at an offset.
inline Segment segment(std::uint64_t offset, Bytes bytes) noexcept {
    return Segment{offset, bytes.data(), bytes.size()};
}

class Memory;

/// What memories start with, or go back to: bytes that never change. Any number of threads may use it. It may go before
/// the memories made from it.
class Image : public Handle<wasm_memory_image_t> {
public:
    using Handle::Handle;

    /// Of segments, laid down in their order, with zeros between. Wraps wasm_memory_image_new.
    static Result<Image> make(Span<const Segment> segments) noexcept {
        wasm_memory_image_t *image = nullptr;
        const auto status = wasm_memory_image_new(segments.data(), segments.size(), &image);
        return detail::made<Image>(status, image);
    }
    static Result<Image> make(std::initializer_list<Segment> segments) noexcept {
        return make(Span<const Segment>(segments.begin(), segments.size()));
    }
    /// Of a memory as it is now. Wraps wasm_memory_image_from_memory.
    static Result<Image> snapshot(const Memory &memory) noexcept;
    /// Of a file that `save` wrote; the path in UTF-8. Wraps wasm_memory_image_load.
    static Result<Image> load(const char *path) noexcept {
        wasm_memory_image_t *image = nullptr;
        const auto status = wasm_memory_image_load(path, &image);
        return detail::made<Image>(status, image);
    }
    static Result<Image> load(const std::string &path) noexcept {
        if (path.find('\0') != std::string::npos) return null_in_path();
        return load(path.c_str());
    }
    /// Writes a file, or leaves what was there; the path in UTF-8. Wraps wasm_memory_image_save.
    Result<void> save(const char *path) const noexcept { return detail::done(wasm_memory_image_save(get(), path)); }
    Result<void> save(const std::string &path) const noexcept {
        if (path.find('\0') != std::string::npos) return null_in_path();
        return save(path.c_str());
    }

private:
    static Error null_in_path() noexcept {
        return Error(Status::invalid_argument, "the path has a null character, where the name of a file would end");
    }
};

// ---- views ----------------------------------------------------------------------------------------------------------

/// What `View::load` found: a number, or nothing. A std::optional with less to do.
template <class T>
class Loaded {
public:
    // Written out so that it is not trivial: gcc puts what is trivial into one register, and picks it apart again.
    Loaded(const Loaded &other) noexcept : value_(other.value_), ok_(other.ok_) {}
    Loaded &operator=(const Loaded &other) noexcept = default;

    explicit operator bool() const noexcept { return ok_; }
    bool has_value() const noexcept { return ok_; }
    /// The number; 0 if there is none.
    T operator*() const noexcept { return value_; }
    T value_or(T otherwise) const noexcept { return ok_ ? value_ : otherwise; }

private:
    friend class View;
    Loaded(T value, bool ok) noexcept : value_(value), ok_(ok) {}

    T value_;
    bool ok_;
};

/// Base and current length of a memory, for accesses that are compiled into the caller: what wasm_memory_inline.h
/// has, for every type. Copies freely, owns nothing: valid until the memory's last handle is deleted. Only what
/// `Memory::view` returned of a memory that is not empty may be used. Threads: those of the memory; these are the
/// plain accesses of WebAssembly. Protections and files that became short are not looked at: the access faults, as
/// that of a guest.
class View {
public:
    constexpr View() noexcept = default;
    explicit constexpr View(const wasm_memory_view_t *view) noexcept : view_(view) {}

    explicit operator bool() const noexcept { return view_ != nullptr; }
    const wasm_memory_view_t *get() const noexcept { return view_; }
    std::uint8_t *base() const noexcept { return view_->base; }
    /// In bytes, read with acquire.
    std::size_t byte_length() const noexcept {
#if defined(__GNUC__)
        return __atomic_load_n(&view_->byte_length, __ATOMIC_ACQUIRE);
#else
        return *static_cast<const volatile std::size_t *>(&view_->byte_length);
#endif
    }

    /// The number at `index` plus `offset`, which never wraps; nothing if a byte of it lies past the end. Unaligned,
    /// little-endian. T: an integer of up to eight bytes, float, double or V128.
    template <class T>
    WASM_MEMORY_HPP_ALWAYS Loaded<T> load(std::uint64_t index, std::uint64_t offset = 0) const noexcept {
        static_assert(detail::is_value<T>, "an integer, float, double or V128");
        T value;
        const bool ok = wasm_inline_read(view_, index, offset, &value, sizeof value) == WASM_MEMORY_OK;
        if constexpr (!std::is_same_v<T, V128>) wasm_inline_turn(&value, sizeof value);
        return Loaded<T>(value, ok);
    }
    /// Writes a number there; false, and nothing is written, if a byte of it lies past the end.
    template <class T>
    [[nodiscard]] WASM_MEMORY_HPP_ALWAYS bool store(std::uint64_t index, T value,
                                                    std::uint64_t offset = 0) const noexcept {
        static_assert(detail::is_value<T>, "an integer, float, double or V128");
        if constexpr (!std::is_same_v<T, V128>) wasm_inline_turn(&value, sizeof value);
        return wasm_inline_write(view_, index, offset, &value, sizeof value) == WASM_MEMORY_OK;
    }

private:
    const wasm_memory_view_t *view_ = nullptr;
};

// ---- memories -------------------------------------------------------------------------------------------------------

/// What a memory is made of, and what has happened to it.
using MemoryStats = wasm_memory_stats_t;

/// The bytes of a memory and the data of its store.
template <class T>
struct DataAndStore {
    MutableBytes bytes;
    T *store_data;
};

class MemoryFuture;
class GrowthFuture;
class SharedMemory;

/// A reference to a linear memory, which lives until its last handle, token and pending future is gone. One thread at a
/// time for what is not const, any number for what is const; a shared memory: any number of threads for everything.
/// Offsets and lengths are in bytes.
class Memory : public Handle<wasm_memory_t> {
public:
    using Handle::Handle;

    // --- to make one ---

    /// One of zeros, of the minimum size of its type. Wraps wasm_memory_try_new.
    static Result<Memory> make(const Store &store, const MemoryType &type) noexcept {
        wasm_memory_t *memory = nullptr;
        const auto status = wasm_memory_try_new(store.get(), type.get(), &memory);
        return detail::made<Memory>(status, memory);
    }
    /// The same, where an asynchronous limiter decides. Wraps wasm_memory_new_async.
    static Result<MemoryFuture> make_async(const Store &store, const MemoryType &type) noexcept;
    /// One that starts with an image. Wraps wasm_memory_new_from_image.
    static Result<Memory> from_image(const Store &store, const MemoryType &type, const Image &image) noexcept {
        wasm_memory_t *memory = nullptr;
        const auto status = wasm_memory_new_from_image(store.get(), type.get(), image.get(), &memory);
        return detail::made<Memory>(status, memory);
    }
    /// Another handle of the same memory: the reference is copied, not the bytes. Wraps wasm_memory_copy.
    Result<Memory> copy() const noexcept {
        return detail::made_or<Memory>(Status::null_argument, wasm_memory_copy(get()));
    }
    /// Whether both are the same memory. Wraps wasm_memory_same.
    bool same(const Memory &other) const noexcept { return wasm_memory_same(get(), other.get()); }
    /// A token with which a shared memory goes to other stores and threads. Wraps wasm_memory_share.
    Result<SharedMemory> share() const noexcept;

    // --- what the host attaches to it ---

    /// Gives the memory an object, which it destroys when it gets another, or goes. An empty pointer: none any more.
    /// Wraps wasm_memory_set_host_info_with_finalizer.
    template <class T>
    Result<void> set_host_info(std::unique_ptr<T> info) noexcept {
        const auto finalizer = info ? detail::delete_object<T> : nullptr;
        wasm_memory_set_host_info_with_finalizer(get(), info.get(), finalizer);
        if (get() == nullptr) return Error::last(Status::null_argument); // and the info goes
        (void)info.release();
        return {};
    }
    /// Attaches a pointer that stays the caller's. Wraps wasm_memory_set_host_info.
    Result<void> set_host_info(void *info) noexcept {
        wasm_memory_set_host_info(get(), info);
        if (get() == nullptr) return Error::last(Status::null_argument);
        return {};
    }
    /// What is attached: T has to be its type. NULL without. Wraps wasm_memory_get_host_info.
    template <class T>
    T *host_info() const noexcept {
        return static_cast<T *>(wasm_memory_get_host_info(get()));
    }

    // --- sizes ---

    /// The type as it is now, with the current size as minimum. Wraps wasm_memory_type.
    Result<MemoryType> type() const noexcept {
        return detail::made_or<MemoryType>(get() == nullptr ? Status::null_argument : Status::out_of_memory,
                                           wasm_memory_type(get()));
    }
    /// Wraps wasm_memory_pages.
    std::uint64_t pages() const noexcept { return wasm_memory_pages(get()); }
    /// Wraps wasm_memory_data_size.
    std::size_t byte_length() const noexcept { return wasm_memory_data_size(get()); }
    /// In bytes. Wraps wasm_memory_page_size.
    std::uint64_t page_size() const noexcept { return wasm_memory_page_size(get()); }
    /// Wraps wasm_memory_page_size_log2.
    std::uint8_t page_size_log2() const noexcept { return wasm_memory_page_size_log2(get()); }
    /// The size that it was made with. Wraps wasm_memory_initial_pages.
    std::uint64_t initial_pages() const noexcept { return wasm_memory_initial_pages(get()); }
    /// Whether growth may move it. Wraps wasm_memory_may_move.
    bool may_move() const noexcept { return wasm_memory_may_move(get()); }
    /// Grows by pages of zeros. Returns the size before, in pages. Invalidates pointers if `may_move`. Wraps
    /// wasm_memory_try_grow.
    Result<std::uint64_t> grow(std::uint64_t delta_pages) noexcept {
        std::uint64_t previous = 0;
        const auto status = wasm_memory_try_grow(get(), delta_pages, &previous);
        return detail::done(status, previous);
    }
    /// The same, where an asynchronous limiter decides. Wraps wasm_memory_grow_async.
    Result<GrowthFuture> grow_async(std::uint64_t delta_pages) noexcept;
    /// Wraps wasm_memory_stats.
    Result<MemoryStats> stats() const noexcept { return stats_up_to(sizeof(MemoryStats)); }
    /// All but `resident_bytes`, which take time to count, and what follows them: those are 0. Wraps wasm_memory_stats.
    Result<MemoryStats> stats_without_residency() const noexcept {
        return stats_up_to(offsetof(MemoryStats, resident_bytes));
    }

    // --- the bytes in place ---

    /// Where the memory starts. Valid until its last handle is deleted, or growth moves it. Wraps wasm_memory_data.
    std::uint8_t *data() noexcept { return reinterpret_cast<std::uint8_t *>(wasm_memory_data(get())); }
    const std::uint8_t *data() const noexcept {
        return reinterpret_cast<const std::uint8_t *>(wasm_memory_data(get()));
    }
    /// All bytes, as many as there are now; valid like `data`. Nothing is checked there.
    MutableBytes bytes() noexcept { return MutableBytes(data(), byte_length()); }
    Bytes bytes() const noexcept { return Bytes(data(), byte_length()); }
    /// For accesses compiled into the caller. Wraps wasm_memory_view.
    View view() const noexcept { return View(wasm_memory_view(get())); }
    /// The addresses that are the memory's own, guards included. Not all can be read. Wraps wasm_memory_accessible.
    Result<MutableBytes> accessible() const noexcept {
        std::uint8_t *start = nullptr;
        std::size_t length = 0;
        const auto status = wasm_memory_accessible(get(), &start, &length);
        return detail::done(status, MutableBytes(start, length));
    }
    /// Lends the bytes to a callable, `R reader(Bytes)`, and returns what it returned. What writes or grows the memory
    /// meanwhile answers `borrowed`. An exception of the callable comes out of here. Wraps wasm_memory_with_data.
    template <class F>
    auto with_data(F &&reader) const {
        return lend<Bytes>(reader, [this](wasm_memory_data_callback_t callback, void *env) {
            return wasm_memory_with_data(get(), callback, env);
        });
    }
    /// Lends the bytes to a callable that may change them, `R writer(MutableBytes)`. Otherwise the same. Wraps
    /// wasm_memory_with_data_mut.
    template <class F>
    auto with_data_mut(F &&writer) {
        return lend<MutableBytes>(writer, [this](wasm_memory_data_callback_t callback, void *env) {
            return wasm_memory_with_data_mut(get(), callback, env);
        });
    }
    /// The bytes, and the data of the store in which this handle was made: T has to be its type. Valid like `data`.
    /// Wraps wasm_memory_data_and_store.
    template <class T>
    Result<DataAndStore<T>> data_and_store() noexcept {
        std::uint8_t *data = nullptr;
        std::size_t length = 0;
        void *store_data = nullptr;
        const auto status = wasm_memory_data_and_store(get(), &data, &length, &store_data);
        return detail::done(status, DataAndStore<T>{MutableBytes(data, length), static_cast<T *>(store_data)});
    }

    // --- checked accesses ---

    /// Fills a buffer; it is untouched on failure. Wraps wasm_memory_read.
    Result<void> read(std::uint64_t offset, MutableBytes buffer) const noexcept {
        return detail::done(wasm_memory_read(get(), offset, buffer.data(), buffer.size()));
    }
    /// The bytes, copied. Wraps wasm_memory_read.
    Result<std::vector<std::uint8_t>> read_vector(std::uint64_t offset, std::size_t length) const {
        return read_into<std::vector<std::uint8_t>>(offset, length);
    }
    Result<std::string> read_string(std::uint64_t offset, std::size_t length) const {
        return read_into<std::string>(offset, length);
    }
    /// Writes all bytes, or none. Wraps wasm_memory_write.
    Result<void> write(std::uint64_t offset, Bytes bytes) noexcept {
        return detail::done(wasm_memory_write(get(), offset, bytes.data(), bytes.size()));
    }
    /// A number, unaligned and little-endian. T: an integer of up to eight bytes, float, double or V128. Wraps
    /// wasm_memory_load_u8, _u16, _u32, _u64, _f32, _f64, _v128.
    template <class T>
    Result<T> load(std::uint64_t offset) const noexcept {
        static_assert(detail::is_value<T>, "an integer, float, double or V128");
        if constexpr (detail::is_integer<T>) {
            detail::word_t<T> word = 0;
            const auto status = detail::load(get(), offset, &word);
            return detail::done(status, static_cast<T>(word));
        } else {
            T value = {};
            const auto status = detail::load(get(), offset, &value);
            return detail::done(status, value);
        }
    }
    /// Writes a number there. Wraps wasm_memory_store_u8, _u16, _u32, _u64, _f32, _f64, _v128.
    template <class T>
    Result<void> store(std::uint64_t offset, T value) noexcept {
        static_assert(detail::is_value<T>, "an integer, float, double or V128");
        if constexpr (detail::is_integer<T>)
            return detail::done(detail::store(get(), offset, static_cast<detail::word_t<T>>(value)));
        else
            return detail::done(detail::store(get(), offset, value));
    }

    // --- many bytes ---

    /// Wraps wasm_memory_fill.
    Result<void> fill(std::uint64_t offset, std::uint8_t value, std::uint64_t length) noexcept {
        return detail::done(wasm_memory_fill(get(), offset, value, length));
    }
    /// Wraps wasm_memory_zero.
    Result<void> zero(std::uint64_t offset, std::uint64_t length) noexcept {
        return detail::done(wasm_memory_zero(get(), offset, length));
    }
    /// Zeros everywhere, and pages back to the system. Wraps wasm_memory_erase.
    Result<void> erase() noexcept { return detail::done(wasm_memory_erase(get())); }
    /// Zeros in a range, and its pages back to the system. Wraps wasm_memory_discard.
    Result<void> discard(std::uint64_t offset, std::uint64_t length) noexcept {
        return detail::done(wasm_memory_discard(get(), offset, length));
    }
    /// The ranges may overlap. Wraps wasm_memory_copy_within.
    Result<void> copy_within(std::uint64_t destination, std::uint64_t source, std::uint64_t length) noexcept {
        return detail::done(wasm_memory_copy_within(get(), destination, source, length));
    }
    /// Refuses ranges that overlap. Wraps wasm_memory_copy_within_nonoverlapping.
    Result<void> copy_within_nonoverlapping(std::uint64_t destination, std::uint64_t source,
                                            std::uint64_t length) noexcept {
        return detail::done(wasm_memory_copy_within_nonoverlapping(get(), destination, source, length));
    }
    /// From another memory, or this one. Wraps wasm_memory_copy_between.
    Result<void> copy_from(std::uint64_t destination, const Memory &source_memory, std::uint64_t source,
                           std::uint64_t length) noexcept {
        return detail::done(wasm_memory_copy_between(get(), destination, source_memory.get(), source, length));
    }
    /// From a data segment: `memory.init`. Wraps wasm_memory_init.
    Result<void> init(std::uint64_t destination, const DataSegment &segment, std::uint32_t source,
                      std::uint32_t length) noexcept {
        return detail::done(wasm_memory_init(get(), destination, segment.get(), source, length));
    }
    /// A range as text, sixteen bytes to a line. Wraps wasm_memory_hexdump.
    Result<std::string> hexdump(std::uint64_t offset, std::uint64_t length) const {
        std::size_t needed = 0;
        auto status = wasm_memory_hexdump(get(), offset, length, nullptr, 0, &needed);
        if (status != WASM_MEMORY_OK) return Error::last(static_cast<Status>(status));
        std::string text(needed + 1, '\0'); // the NUL too
        status = wasm_memory_hexdump(get(), offset, length, text.data(), text.size(), nullptr);
        text.resize(needed);
        return detail::done(status, std::move(text));
    }

    // --- snapshots and changes ---

    /// Wraps wasm_memory_image_from_memory.
    Result<Image> snapshot() const noexcept { return Image::snapshot(*this); }
    /// Back to an image, contents and size. Wraps wasm_memory_reset.
    Result<void> reset_to(const Image &image) noexcept {
        // An empty image would be taken for zeros.
        if (!image) return Error(Status::null_argument, "the image is NULL");
        return detail::done(wasm_memory_reset(get(), image.get()));
    }
    /// Back to zeros and the minimum size. Wraps wasm_memory_reset.
    Result<void> reset_to_zeros() noexcept { return detail::done(wasm_memory_reset(get(), nullptr)); }
    /// Tells a callable, `void range(Range)`, what has changed. It may use the memory. An exception of the callable
    /// comes out of here, and no more ranges are told. Wraps wasm_memory_dirty_ranges.
    template <class F>
    Result<void> dirty_ranges(F &&range) const {
        struct Context {
            std::remove_reference_t<F> &range;
            detail::Thrown thrown;
        } context = {range, {}};
        const auto status = wasm_memory_dirty_ranges(
            get(),
            [](void *env, std::uint64_t offset, std::uint64_t length) {
                Context &in = *static_cast<Context *>(env);
                in.thrown.run([&] { in.range(Range{offset, length}); });
            },
            &context);
        Result<void> result = detail::done(status);
        context.thrown.rethrow();
        return result;
    }
    /// All of them.
    Result<std::vector<Range>> dirty_ranges() const {
        std::vector<Range> ranges;
        Result<void> told = dirty_ranges([&](Range range) { ranges.push_back(range); });
        if (!told) return std::move(told).error();
        return ranges;
    }
    /// From now on changes count anew. Wraps wasm_memory_dirty_clear.
    Result<void> dirty_clear() noexcept { return detail::done(wasm_memory_dirty_clear(get())); }

    // --- files and protections: offsets and lengths are multiples of `map_alignment_bytes` of the stats ---

    /// The descriptor (on Windows, the HANDLE) may be closed afterwards. Wraps wasm_memory_map_file.
    Result<void> map_file(std::uint64_t offset, std::intptr_t fd, std::uint64_t file_offset, std::uint64_t length,
                          MapMode mode) noexcept {
        return detail::done(
            wasm_memory_map_file(get(), offset, fd, file_offset, length, static_cast<std::uint32_t>(mode)));
    }
    /// Wraps wasm_memory_unmap.
    Result<void> unmap(std::uint64_t offset, std::uint64_t length) noexcept {
        return detail::done(wasm_memory_unmap(get(), offset, length));
    }
    /// Wraps wasm_memory_protect.
    Result<void> protect(std::uint64_t offset, std::uint64_t length, Protection protection) noexcept {
        return detail::done(
            wasm_memory_protect(get(), offset, length, static_cast<wasm_memory_protection_t>(protection)));
    }

    // --- atomic operations: T is an integer, offsets are multiples of its size ---

    /// Wraps wasm_memory_atomic_load8, 16, 32, 64.
    template <class T>
    Result<T> atomic_load(std::uint64_t offset) const noexcept {
        using Word = atomic_word<T>;
        Word word = 0;
        const auto status = detail::Atomic<Word>::load(get(), offset, &word);
        return detail::done(status, static_cast<T>(word));
    }
    /// Wraps wasm_memory_atomic_store8, 16, 32, 64.
    template <class T>
    Result<void> atomic_store(std::uint64_t offset, T value) noexcept {
        using Word = atomic_word<T>;
        return detail::done(detail::Atomic<Word>::store(get(), offset, static_cast<Word>(value)));
    }
    /// Returns the number before. Wraps wasm_memory_atomic_rmw8, 16, 32, 64.
    template <class T>
    Result<T> atomic_rmw(Rmw op, std::uint64_t offset, T operand) noexcept {
        using Word = atomic_word<T>;
        Word old = 0;
        const auto status = detail::Atomic<Word>::rmw(get(), static_cast<wasm_memory_rmw_op_t>(op), offset,
                                                      static_cast<Word>(operand), &old);
        return detail::done(status, static_cast<T>(old));
    }
    /// Replaces the expected number. Returns the number before, which tells whether it was. Wraps
    /// wasm_memory_atomic_cmpxchg8, 16, 32, 64.
    template <class T>
    Result<T> atomic_cmpxchg(std::uint64_t offset, T expected, T replacement) noexcept {
        using Word = atomic_word<T>;
        Word old = 0;
        const auto status = detail::Atomic<Word>::cmpxchg(get(), offset, static_cast<Word>(expected),
                                                          static_cast<Word>(replacement), &old);
        return detail::done(status, static_cast<T>(old));
    }

    // --- to wait and to wake ---

    /// Waits until a notify wakes the thread, if the number is the expected one; T has four or eight bytes. Wraps
    /// wasm_memory_atomic_wait32, 64.
    template <class T>
    Result<WaitResult> wait(std::uint64_t offset, T expected) noexcept {
        return wait_ns(offset, expected, -1);
    }
    /// The same, for no longer than a time. It is rounded up to nanoseconds; a negative one is none.
    template <class T, class Rep, class Period>
    Result<WaitResult> wait_for(std::uint64_t offset, T expected,
                                const std::chrono::duration<Rep, Period> &timeout) noexcept {
        return wait_ns(offset, expected, detail::nanoseconds(timeout));
    }
    /// Wakes those who have waited longest. Returns how many. Wraps wasm_memory_atomic_notify.
    Result<std::uint32_t> notify(std::uint64_t offset, std::uint32_t count = 1) noexcept {
        std::uint32_t woken = 0;
        const auto status = wasm_memory_atomic_notify(get(), offset, count, &woken);
        return detail::done(status, woken);
    }
    Result<std::uint32_t> notify_all(std::uint64_t offset) noexcept { return notify(offset, 0xffffffffu); }
    /// Ends all waits: each answers `interrupted`. Returns how many. Wraps wasm_memory_interrupt_waiters.
    Result<std::uint32_t> interrupt_waiters() noexcept {
        std::uint32_t interrupted = 0;
        const auto status = wasm_memory_interrupt_waiters(get(), &interrupted);
        return detail::done(status, interrupted);
    }
    /// Ends all waits, now and for ever: each answers `closed`. Wraps wasm_memory_close_waiters.
    Result<void> close_waiters() noexcept { return detail::done(wasm_memory_close_waiters(get())); }

private:
    template <class T>
    struct AtomicWord {
        static_assert(detail::is_integer<T>, "an integer of 1, 2, 4 or 8 bytes");
        using type = detail::word_t<T>;
    };
    template <class T>
    using atomic_word = typename AtomicWord<T>::type;

    template <class T>
    Result<WaitResult> wait_ns(std::uint64_t offset, T expected, std::int64_t nanoseconds) noexcept {
        static_assert(sizeof(T) == 4 || sizeof(T) == 8, "an integer of 4 or 8 bytes");
        using Word = atomic_word<T>;
        wasm_memory_wait_result_t result = 0;
        const auto status =
            detail::Atomic<Word>::wait(get(), offset, static_cast<Word>(expected), nanoseconds, &result);
        return detail::done(status, static_cast<WaitResult>(result));
    }

    template <class Data, class F, class Lend>
    static auto lend(F &callable, Lend &&lend_to) {
        using R = std::decay_t<std::invoke_result_t<F &, Data>>;
        struct Context {
            F &callable;
            detail::Returned<R> returned;
            detail::Thrown thrown;
        } context = {callable, {}, {}};
        const auto status = lend_to(
            [](void *env, std::uint8_t *data, std::size_t length) {
                Context &in = *static_cast<Context *>(env);
                in.thrown.run([&] { in.returned.keep([&] { return in.callable(Data(data, length)); }); });
            },
            &context);
        if (status != WASM_MEMORY_OK) return Result<R>(Error::last(static_cast<Status>(status)));
        context.thrown.rethrow();
        return context.returned.take();
    }

    template <class Buffer>
    Result<Buffer> read_into(std::uint64_t offset, std::size_t length) const {
        Buffer buffer;
        if (length > byte_length()) {
            // So much room is not made only to be told that there are not so many bytes. A dump looks at the same
            // range.
            const auto status = wasm_memory_hexdump(get(), offset, length, nullptr, 0, nullptr);
            if (status != WASM_MEMORY_OK) return Error::last(static_cast<Status>(status));
        }
        buffer.resize(length);
        const auto status = wasm_memory_read(get(), offset, buffer.data(), length);
        return detail::done(status, std::move(buffer));
    }

    Result<MemoryStats> stats_up_to(std::size_t size) const noexcept {
        MemoryStats stats = {};
        stats.struct_size = size;
        const auto status = wasm_memory_stats(get(), &stats);
        return detail::done(status, stats);
    }
};

inline Result<Image> Image::snapshot(const Memory &memory) noexcept {
    wasm_memory_image_t *image = nullptr;
    const auto status = wasm_memory_image_from_memory(memory.get(), &image);
    return detail::made<Image>(status, image);
}

/// Orders what this thread does to memories before and after, for all threads. Wraps wasm_memory_atomic_fence.
inline void atomic_fence() noexcept { wasm_memory_atomic_fence(); }

/// A token for a shared memory: a reference that belongs to no store. Any number of threads may use it.
class SharedMemory : public Handle<wasm_shared_memory_t> {
public:
    using Handle::Handle;

    /// One of zeros, which no limit and no limiter is asked about. Wraps wasm_shared_memory_new.
    static Result<SharedMemory> make(const Engine &engine, const MemoryType &type) noexcept {
        wasm_shared_memory_t *shared = nullptr;
        const auto status = wasm_shared_memory_new(engine.get(), type.get(), &shared);
        return detail::made<SharedMemory>(status, shared);
    }
    /// One of a descriptor that `export_fd` made, in this process or another; it stays the caller's. Wraps
    /// wasm_shared_memory_import.
    static Result<SharedMemory> import_fd(const Engine &engine, const MemoryType &type, std::intptr_t fd) noexcept {
        wasm_shared_memory_t *shared = nullptr;
        const auto status = wasm_shared_memory_import(engine.get(), type.get(), fd, &shared);
        return detail::made<SharedMemory>(status, shared);
    }
    /// Another token. Wraps wasm_shared_memory_clone.
    Result<SharedMemory> copy() const noexcept {
        return detail::made_or<SharedMemory>(Status::null_argument, wasm_shared_memory_clone(get()));
    }
    /// The type as it is now, with the current size as minimum. Wraps wasm_shared_memory_type.
    Result<MemoryType> type() const noexcept {
        return detail::made_or<MemoryType>(get() == nullptr ? Status::null_argument : Status::out_of_memory,
                                           wasm_shared_memory_type(get()));
    }
    /// A handle of the memory in a store, whose limits decide on growth. Refused by those, or by the heap, it has the
    /// status `unspecified`, for the C function tells none. Wraps wasm_memory_obtain.
    Result<Memory> obtain(const Store &store) const noexcept {
        const Status why_not = get() == nullptr || !store ? Status::null_argument : Status::unspecified;
        return detail::made_or<Memory>(why_not, wasm_memory_obtain(store.get(), get()));
    }
    /// A descriptor (on Windows, a HANDLE) for another process. It is the caller's, to be closed. Wraps
    /// wasm_shared_memory_export.
    Result<std::intptr_t> export_fd() const noexcept {
        std::intptr_t fd = 0;
        const auto status = wasm_shared_memory_export(get(), &fd);
        return detail::done(status, fd);
    }
};

inline Result<SharedMemory> Memory::share() const noexcept {
    return detail::made_or<SharedMemory>(get() == nullptr ? Status::null_argument : Status::not_shared,
                                         wasm_memory_share(get()));
}

// ---- futures --------------------------------------------------------------------------------------------------------

/// A creation or growth under way: what MemoryFuture and GrowthFuture have in common. One thread at a time; for a
/// growth, also for its memory. One that is destroyed gives up what it stands for.
class Future : public Handle<wasm_memory_future_t> {
public:
    Future() noexcept = default;
    explicit Future(wasm_memory_future_t *handle) noexcept : Handle(handle) {}
    Future(Future &&other) noexcept = default;
    Future &operator=(Future &&other) noexcept {
        // A callback goes after the handle that may be calling it; with one future, nothing goes.
        std::shared_ptr<void> callback = std::exchange(other.on_ready_, nullptr);
        Handle::operator=(std::move(other));
        on_ready_.swap(callback);
        return *this;
    }
    ~Future() { Handle::reset(); }
    /// The C handle, without the callback, which would go with this object.
    [[nodiscard]] wasm_memory_future_t *release() noexcept {
        clear_on_ready();
        return Handle::release();
    }

    /// Goes on without waiting: `pending`, or the outcome. Wraps wasm_memory_future_poll.
    [[nodiscard]] Status poll() noexcept { return static_cast<Status>(wasm_memory_future_poll(get())); }
    /// Waits for the outcome. Wraps wasm_memory_future_wait.
    [[nodiscard]] Status wait() noexcept { return static_cast<Status>(wasm_memory_future_wait(get(), -1)); }
    /// Waits for a time: `pending` when it is over. It is rounded up to nanoseconds; a negative one is none.
    template <class Rep, class Period>
    [[nodiscard]] Status wait_for(const std::chrono::duration<Rep, Period> &timeout) noexcept {
        return static_cast<Status>(wasm_memory_future_wait(get(), detail::nanoseconds(timeout)));
    }
    /// Has `void callback()` called when there is something to poll for: once for each answer of the limiter, on the
    /// thread that answers; or now. It may destroy this future. It is kept until another is set or the future goes;
    /// both wait for it where it runs on another thread, except inside of such a callback: so a callback must not
    /// destroy another future whose callback may run at this moment. Its exceptions are lost. Wraps
    /// wasm_memory_future_on_ready.
    template <class F>
    Result<void> on_ready(F callback) {
        struct Callback : std::enable_shared_from_this<Callback> {
            explicit Callback(F function) : call(std::move(function)) {}
            F call;
        };
        if (get() == nullptr) {
            wasm_memory_future_on_ready(nullptr, nullptr, nullptr);
            return Error::last(Status::null_argument);
        }
        const auto fresh = std::make_shared<Callback>(std::move(callback));
        // Both stay until the call returns, which may call the new one, which may end this object.
        const std::shared_ptr<void> old = std::exchange(on_ready_, fresh);
        wasm_memory_future_on_ready(
            get(),
            [](void *env) {
                const auto self = static_cast<Callback *>(env)->shared_from_this();
                detail::guarded_void([&] { self->call(); });
            },
            fresh.get());
        return {};
    }
    /// No callback any more. Wraps wasm_memory_future_on_ready.
    void clear_on_ready() noexcept {
        wasm_memory_future_on_ready(get(), nullptr, nullptr);
        on_ready_.reset();
    }

private:
    std::shared_ptr<void> on_ready_;
};

/// A creation under way.
class MemoryFuture : public Future {
public:
    using Future::Future;

    /// The memory, once, if the outcome is there: `pending` if not. Does not wait. Wraps
    /// wasm_memory_future_take_memory.
    Result<Memory> take() noexcept { return taken(poll()); }
    /// Waits, then takes it.
    Result<Memory> get_memory() noexcept { return taken(wait()); }

private:
    Result<Memory> taken(Status outcome) noexcept {
        if (outcome != Status::ok) return Error::last(outcome);
        if (wasm_memory_t *const memory = wasm_memory_future_take_memory(get())) return Memory(memory);
        return Error(Status::invalid_argument, "the memory of this future was taken before");
    }
};

/// A growth under way.
class GrowthFuture : public Future {
public:
    using Future::Future;

    /// The size before, in pages, if the outcome is there: `pending` if not. Does not wait. Wraps
    /// wasm_memory_future_previous_pages.
    Result<std::uint64_t> previous_pages() noexcept { return previous(poll()); }
    /// Waits, then tells it.
    Result<std::uint64_t> get_previous_pages() noexcept { return previous(wait()); }

private:
    Result<std::uint64_t> previous(Status outcome) noexcept {
        if (outcome != Status::ok) return Error::last(outcome);
        return wasm_memory_future_previous_pages(get());
    }
};

inline Result<MemoryFuture> Memory::make_async(const Store &store, const MemoryType &type) noexcept {
    return detail::made_or<MemoryFuture>(store && type ? Status::out_of_memory : Status::null_argument,
                                         wasm_memory_new_async(store.get(), type.get()));
}

inline Result<GrowthFuture> Memory::grow_async(std::uint64_t delta_pages) noexcept {
    return detail::made_or<GrowthFuture>(get() != nullptr ? Status::out_of_memory : Status::null_argument,
                                         wasm_memory_grow_async(get(), delta_pages));
}

// ---- faults and traps -----------------------------------------------------------------------------------------------

/// What an address belongs to, as its memory was when it was asked.
struct Fault {
    FaultKind kind = FaultKind::foreign;
    /// From the base; it wraps before it. 0 if foreign.
    std::uint64_t offset = 0;
    std::uint64_t byte_length = 0;
    /// Which memory it is; NULL if foreign. Not to be read when the memory may be gone.
    const wasm_memory_view_t *view = nullptr;

    /// Whether it belongs to this memory.
    bool is_of(const Memory &memory) const noexcept {
        return view != nullptr && view == wasm_memory_view(memory.get());
    }
};

/// Says what an address belongs to. For the handlers of SIGSEGV and SIGBUS of a host: async-signal-safe, takes no lock,
/// any thread. Wraps wasm_memory_classify_fault.
inline Fault classify_fault(const void *address) noexcept {
    wasm_memory_fault_t found = {};
    found.struct_size = sizeof found;
    if (wasm_memory_classify_fault(address, &found) != WASM_MEMORY_OK) return {};
    return {static_cast<FaultKind>(found.kind), found.offset, found.byte_length, found.view};
}

/// While one lives, `catch_trap` works: the process has the library's handlers of SIGSEGV and SIGBUS, which pass on what
/// is not theirs to the handlers that were there before. There may be several; the last that goes restores what was
/// there. Any thread.
class TrapHandlers {
public:
    /// Has no handlers.
    TrapHandlers() noexcept = default;
    /// Wraps wasm_memory_trap_handlers_install.
    static Result<TrapHandlers> install() noexcept {
        const auto status = wasm_memory_trap_handlers_install();
        TrapHandlers handlers;
        handlers.installed_ = status == WASM_MEMORY_OK;
        return detail::done(status, std::move(handlers));
    }

    TrapHandlers(TrapHandlers &&other) noexcept : installed_(std::exchange(other.installed_, false)) {}
    TrapHandlers &operator=(TrapHandlers &&other) noexcept {
        if (this == &other) return *this;
        reset();
        installed_ = std::exchange(other.installed_, false);
        return *this;
    }
    ~TrapHandlers() { reset(); }

    explicit operator bool() const noexcept { return installed_; }
    /// Has no handlers any more. Wraps wasm_memory_trap_handlers_uninstall.
    void reset() noexcept {
        if (std::exchange(installed_, false)) (void)wasm_memory_trap_handlers_uninstall();
    }

private:
    bool installed_ = false;
};

/// The fault that ended the body of `catch_trap`, and where it happened.
struct Trap : Fault {
    std::uintptr_t address = 0;
};

/// Runs `body()`, and comes back when it touches a guard (`out_of_bounds`), a protected range (`is_protected`) or a part
/// of a mapped file that is no more (`io`); `trap` then says where. `unsupported` without TrapHandlers: the body has
/// not run. Nests; each thread has its own.
///
/// It comes back by longjmp: where the body and what it calls may fault, they hold nothing that has a destructor and no
/// lock, in no frame. Exceptions do not leave it, so it is noexcept, and one that it catches itself must not be under
/// way when it faults. Callbacks of the library are outside of it. Wraps wasm_memory_catch_trap.
template <class F>
Result<void> catch_trap(F &&body, Trap *trap = nullptr) noexcept {
    using Body = std::remove_reference_t<F>;
    static_assert(std::is_nothrow_invocable_v<Body &>, "the body of catch_trap has to be noexcept");
    static_assert(std::is_void_v<std::invoke_result_t<Body &>>, "what the body returns would be lost");
    wasm_memory_trap_t found = {};
    found.struct_size = sizeof found;
    const auto status = wasm_memory_catch_trap(
        [](void *env) { (*static_cast<Body *>(env))(); },
        const_cast<void *>(static_cast<const void *>(std::addressof(body))), &found);
    if (trap != nullptr) {
        trap->kind = static_cast<FaultKind>(found.kind);
        trap->offset = found.offset;
        trap->byte_length = found.byte_length;
        trap->view = found.view;
        trap->address = found.address;
    }
    return detail::done(status);
}

#if !defined(WASM_MEMORY_HPP_EXCEPTIONS)
} // namespace no_exceptions
#endif

} // namespace wasm_memory

#if defined(__cpp_lib_span)
// Lets a std::span be made of a Span that goes at the semicolon, as of another std::span.
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<wasm_memory::Span<T>> = true;
#endif

#undef WASM_MEMORY_HPP_EXCEPTIONS
#undef WASM_MEMORY_HPP_ALWAYS

#endif // WASM_MEMORY_HPP
