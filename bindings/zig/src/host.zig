//! Memories that the host makes: from an arena of its own, from huge pages, over a file.

const std = @import("std");
const c = @import("c");
const callback = @import("callback.zig");
const status = @import("status.zig");
const MemoryType = @import("types.zig").MemoryType;

/// What an engine asks a host's allocator for.
pub const Request = struct {
    /// The type of the memory; valid during the call.
    memory_type: *const MemoryType,
    /// How many zero bytes to begin with.
    minimum: usize,
    /// How large it must be able to become, in bytes; null: the type has no maximum.
    maximum: ?usize,
    /// Under guarded bounds: the span of this many bytes, and `guard_bytes` behind them, must be the memory's own, and
    /// what lies in it past the size must fault. Else both are 0.
    reserved_bytes: usize,
    /// See `reserved_bytes`.
    guard_bytes: usize,
};

/// Who makes the memories of an engine (`Config.allocator`). Made by `init`, and good for one engine.
pub const MemoryAllocator = struct {
    /// What the library gets.
    table: c.wasm_memory_allocator_t,

    /// What an allocator with this context is made of.
    pub fn Callbacks(comptime Context: type) type {
        return struct {
            /// Makes a memory, or says why not. Runs on the calling thread, several at once if several threads call.
            newMemory: *const fn (Context, Request) status.HostError!LinearMemory,
            /// Called once, when the engine, its stores and the last of its memories are gone.
            finalizer: ?*const fn (Context) void = null,
        };
    }

    /// Makes the table of a context pointer and functions that are known when the program is compiled.
    pub fn init(context: anytype, comptime callbacks: Callbacks(@TypeOf(context))) MemoryAllocator {
        const Context = @TypeOf(context);
        const thunks = struct {
            fn newMemory(
                env: ?*anyopaque,
                memory_type: ?*const c.wasm_memorytype_t,
                minimum: usize,
                maximum: usize,
                reserved_bytes: usize,
                guard_bytes: usize,
                out: [*c]c.wasm_linear_memory_t,
            ) callconv(.c) c.wasm_memory_status_t {
                const made = callbacks.newMemory(callback.fromEnv(Context, env), .{
                    .memory_type = @ptrCast(memory_type.?),
                    .minimum = minimum,
                    .maximum = if (maximum == std.math.maxInt(usize)) null else maximum,
                    .reserved_bytes = reserved_bytes,
                    .guard_bytes = guard_bytes,
                }) catch |err| return @intFromEnum(status.Status.of(err));
                out.* = made.table;
                return c.WASM_MEMORY_OK;
            }
        };
        return .{ .table = .{
            .struct_size = @sizeOf(c.wasm_memory_allocator_t),
            .env = callback.toEnv(context),
            .new_memory = thunks.newMemory,
            .finalizer = callback.plain(Context, callbacks.finalizer),
        } };
    }

    /// Runs the finalizer, for an allocator that goes into no engine.
    pub fn finalize(self: MemoryAllocator) void {
        if (self.table.finalizer) |function| function(self.table.env);
    }
};

/// The bytes of one memory, which the host provides.
///
/// What the host promises: from the base on, as many bytes as `byteSize` says are readable and writable until the next
/// `growTo` or the finalizer; the base is a multiple of the host's page size and stays, unless the engine's `may_move`
/// is set; bytes that are new to the guest are zero. What can be seen of that is looked at, and a breach is
/// `error.HostContract`.
pub const LinearMemory = struct {
    /// What the library gets.
    table: c.wasm_linear_memory_t,

    /// What a memory with this context is made of. `growTo` runs on one thread at a time, the others on several at
    /// once.
    pub fn Callbacks(comptime Context: type) type {
        return struct {
            /// How many bytes are accessible now.
            byteSize: *const fn (Context) usize,
            /// The most bytes that it can have; null, or a function that answers null: there is no such limit.
            maximumByteSize: ?*const fn (Context) ?usize = null,
            /// Makes at least so many bytes accessible (exactly so many if guarded), or says why not and changes
            /// nothing.
            growTo: *const fn (Context, new_size: usize) status.HostError!void,
            /// Where the bytes are.
            base: *const fn (Context) [*]u8,
            /// The addresses that belong to the memory, guards included. Required if guarded; null: the bytes alone.
            accessible: ?*const fn (Context) []u8 = null,
            /// Called once, when the memory is gone.
            finalizer: ?*const fn (Context) void = null,
        };
    }

    /// Makes the table of a context pointer and functions that are known when the program is compiled.
    pub fn init(context: anytype, comptime callbacks: Callbacks(@TypeOf(context))) LinearMemory {
        const Context = @TypeOf(context);
        const thunks = struct {
            fn byteSize(env: ?*anyopaque) callconv(.c) usize {
                return callbacks.byteSize(callback.fromEnv(Context, env));
            }

            fn maximumByteSize(env: ?*anyopaque, out: [*c]usize) callconv(.c) bool {
                out.* = callbacks.maximumByteSize.?(callback.fromEnv(Context, env)) orelse return false;
                return true;
            }

            fn growTo(env: ?*anyopaque, new_size: usize) callconv(.c) c.wasm_memory_status_t {
                callbacks.growTo(callback.fromEnv(Context, env), new_size) catch |err|
                    return @intFromEnum(status.Status.of(err));
                return c.WASM_MEMORY_OK;
            }

            fn base(env: ?*anyopaque) callconv(.c) [*c]u8 {
                return callbacks.base(callback.fromEnv(Context, env));
            }

            fn accessible(env: ?*anyopaque, start: [*c][*c]u8, length: [*c]usize) callconv(.c) void {
                const range = callbacks.accessible.?(callback.fromEnv(Context, env));
                start.* = range.ptr;
                length.* = range.len;
            }
        };
        return .{ .table = .{
            .struct_size = @sizeOf(c.wasm_linear_memory_t),
            .env = callback.toEnv(context),
            .byte_size = thunks.byteSize,
            .maximum_byte_size = if (callbacks.maximumByteSize == null) null else thunks.maximumByteSize,
            .grow_to = thunks.growTo,
            .as_ptr = thunks.base,
            .wasm_accessible = if (callbacks.accessible == null) null else thunks.accessible,
            .finalizer = callback.plain(Context, callbacks.finalizer),
        } };
    }
};
