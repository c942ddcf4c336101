//! Stores: the owners of limits, limiters and user data.

const std = @import("std");
const c = @import("c");
const callback = @import("callback.zig");
const status = @import("status.zig");
const Engine = @import("engine.zig").Engine;
const Memory = @import("memory.zig").Memory;
const MemoryType = @import("types.zig").MemoryType;

/// Static limits of a store; null is none.
pub const Limits = struct {
    /// The length in bytes that one memory may have.
    max_memory_bytes: ?u64 = null,
    /// The bytes that all memories of the store may have together.
    max_total_bytes: ?u64 = null,
    /// How many memories the store may have.
    max_memories: ?u64 = null,
};

/// What a limiter decides on.
pub const Growth = struct {
    /// The length of the memory now; 0 for one that is to be made.
    current_bytes: u64,
    /// The length that it would have.
    desired_bytes: u64,
    /// What its type allows; null for no maximum.
    maximum_bytes: ?u64,

    fn from(current: u64, desired: u64, maximum: u64) Growth {
        return .{
            .current_bytes = current,
            .desired_bytes = desired,
            .maximum_bytes = if (maximum == std.math.maxInt(u64)) null else maximum,
        };
    }
};

/// The functions of a limiter that decides at once, for a context of this type. They run on the calling thread, several
/// at once if several threads call, under no lock; they may use the store and the memory.
pub fn Limiter(comptime Context: type) type {
    return struct {
        /// Whether a memory may be made or grow so.
        growing: *const fn (Context, Growth) bool,
        /// Hears of each creation and growth that failed, for whatever reason, once. The sentence is valid during the
        /// call.
        growFailed: ?*const fn (Context, status.Status, [:0]const u8) void = null,
        /// Called once, when the limiter is used no more.
        finalizer: ?*const fn (Context) void = null,
    };
}

/// The functions of a limiter that may decide later, from any thread, through a ticket.
pub fn AsyncLimiter(comptime Context: type) type {
    return struct {
        /// Has the question decided: the ticket must be resolved exactly once, in here or later.
        growing: *const fn (Context, Growth, *Ticket) void,
        /// As that of `Limiter`; called when the failure becomes known, in the call that asks, polls or waits.
        growFailed: ?*const fn (Context, status.Status, [:0]const u8) void = null,
        /// Called once, when the limiter is used no more and its last ticket is resolved.
        finalizer: ?*const fn (Context) void = null,
    };
}

/// What a store's memories are together; sizes in bytes.
pub const StoreStats = struct {
    /// Live memories.
    memories: u64,
    /// Their lengths.
    byte_length: u64,
    /// The most that they had together.
    peak_bytes: u64,
    /// How often growth succeeded.
    grow_count: u64,
    /// How often growth failed.
    grow_failures: u64,
};

/// What memories are made in: the owner of limits and user data. Handles of its memories and futures keep it working
/// after it was deleted. Any thread may use a store.
pub const Store = opaque {
    /// Makes a store.
    pub fn init(engine: *Engine) error{OutOfMemory}!*Store {
        return @ptrCast(c.wasm_store_new(engine.raw()) orelse return error.OutOfMemory);
    }

    /// Deletes this reference. Memories made in it live on, and keep its data, limits and limiter working.
    pub fn deinit(self: *Store) void {
        c.wasm_store_delete(self.raw());
    }

    /// Gives the store a pointer of the host's, and what is to be called with it in the end: when other data is set, or
    /// when the store and the last handle and future made in it are gone. The finalizer of the data before runs now.
    pub fn setData(self: *Store, pointer: anytype, comptime finalizer: ?*const fn (@TypeOf(pointer)) void) void {
        const made = comptime callback.plain(@TypeOf(pointer), finalizer);
        c.wasm_store_data_set(self.raw(), callback.toEnv(pointer), made);
    }

    /// Takes the data away; its finalizer runs now.
    pub fn clearData(self: *Store) void {
        c.wasm_store_data_set(self.raw(), null, null);
    }

    /// The data that `setData` gave, a pointer to a `T`; null without.
    pub fn data(self: *const Store, comptime T: type) ?*T {
        return @ptrCast(@alignCast(c.wasm_store_data(self.rawConst()) orelse return null));
    }

    /// What the store's memories are together. Any thread.
    pub fn stats(self: *const Store) StoreStats {
        var filled: c.wasm_store_stats_t = .{ .struct_size = @sizeOf(c.wasm_store_stats_t) };
        const answer = c.wasm_store_stats(self.rawConst(), &filled);
        // It fails for NULL and for a bad size only.
        if (answer != c.WASM_MEMORY_OK) unreachable;
        var made: StoreStats = undefined;
        inline for (@typeInfo(StoreStats).@"struct".fields) |field| {
            @field(made, field.name) = @field(filled, field.name);
        }
        return made;
    }

    /// Limits the memories of the store; null: no limits any more. What is there stays, even if it is more.
    pub fn setLimits(self: *Store, limits: ?Limits) void {
        const answer = if (limits) |some| c.wasm_store_limits_set(self.raw(), &.{
            .struct_size = @sizeOf(c.wasm_memory_limits_t),
            .max_memory_bytes = some.max_memory_bytes orelse std.math.maxInt(u64),
            .max_total_bytes = some.max_total_bytes orelse std.math.maxInt(u64),
            .max_memories = some.max_memories orelse std.math.maxInt(u64),
        }) else c.wasm_store_limits_set(self.raw(), null);
        // It fails for NULL and for a bad size only.
        if (answer != c.WASM_MEMORY_OK) unreachable;
    }

    /// Gives the store a limiter that decides at once, in place of the one that it has, of either kind. On failure the
    /// finalizer has run, and the limiter of before stays.
    ///
    ///     try store.setLimiter(&quota, .{ .growing = Quota.growing });
    pub fn setLimiter(
        self: *Store,
        context: anytype,
        comptime limiter: Limiter(@TypeOf(context)),
    ) error{ OutOfMemory, Unexpected }!void {
        const Context = @TypeOf(context);
        const thunks = struct {
            fn growing(env: ?*anyopaque, current: u64, desired: u64, maximum: u64) callconv(.c) bool {
                return limiter.growing(callback.fromEnv(Context, env), .from(current, desired, maximum));
            }
        };
        try status.check(error{ OutOfMemory, Unexpected }, c.wasm_store_limiter_set(self.raw(), &.{
            .struct_size = @sizeOf(c.wasm_memory_limiter_t),
            .env = callback.toEnv(context),
            .memory_growing = thunks.growing,
            .memory_grow_failed = comptime failed(Context, limiter.growFailed),
            .finalizer = comptime callback.plain(Context, limiter.finalizer),
        }));
    }

    /// Gives the store a limiter that may decide later, in place of the one that it has, of either kind. Memories are
    /// then made and grown by `Future.create` and `Future.grow`; the other forms answer `error.AsyncRequired`. On
    /// failure the finalizer has run, and the limiter of before stays.
    pub fn setAsyncLimiter(
        self: *Store,
        context: anytype,
        comptime limiter: AsyncLimiter(@TypeOf(context)),
    ) error{ OutOfMemory, Unexpected }!void {
        const Context = @TypeOf(context);
        const thunks = struct {
            fn growing(
                env: ?*anyopaque,
                current: u64,
                desired: u64,
                maximum: u64,
                ticket: ?*c.wasm_memory_ticket_t,
            ) callconv(.c) void {
                limiter.growing(callback.fromEnv(Context, env), .from(current, desired, maximum), @ptrCast(ticket.?));
            }
        };
        try status.check(error{ OutOfMemory, Unexpected }, c.wasm_store_limiter_async_set(self.raw(), &.{
            .struct_size = @sizeOf(c.wasm_memory_limiter_async_t),
            .env = callback.toEnv(context),
            .memory_growing = thunks.growing,
            .memory_grow_failed = comptime failed(Context, limiter.growFailed),
            .finalizer = comptime callback.plain(Context, limiter.finalizer),
        }));
    }

    /// Takes the limiter away, of either kind.
    pub fn clearLimiter(self: *Store) void {
        if (c.wasm_store_limiter_set(self.raw(), null) != c.WASM_MEMORY_OK) unreachable;
    }

    /// A store that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_store_t) ?*Store {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *Store) *c.wasm_store_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const Store) *const c.wasm_store_t {
        return @ptrCast(self);
    }
};

/// A function of C that tells one of Zig about a failure; null for none.
fn failed(
    comptime Context: type,
    comptime function: ?*const fn (Context, status.Status, [:0]const u8) void,
) ?*const fn (?*anyopaque, c.wasm_memory_status_t, [*c]const u8) callconv(.c) void {
    const called = function orelse return null;
    return struct {
        fn growFailed(env: ?*anyopaque, number: c.wasm_memory_status_t, message: [*c]const u8) callconv(.c) void {
            called(callback.fromEnv(Context, env), @enumFromInt(number), std.mem.span(@as([*:0]const u8, message)));
        }
    }.growFailed;
}

/// The right and the duty to answer one question of an asynchronous limiter.
pub const Ticket = opaque {
    /// Answers, from any thread, and ends the ticket. The memory is made or grown later, by the thread that polls or
    /// waits.
    pub fn resolve(self: *Ticket, allow: bool) void {
        c.wasm_memory_ticket_resolve(@ptrCast(self), allow);
    }
};

/// A creation or growth under way. One thread at a time.
pub const Future = opaque {
    /// What a future answers when it failed: whatever creation and growth can.
    pub const Failure = status.GrowError;

    /// How far it is.
    pub const Progress = enum {
        /// The limiter has not answered yet.
        pending,
        /// It is done.
        ready,
    };

    /// Makes a memory as `Memory.init` does, when an asynchronous limiter has allowed it.
    pub fn create(store: *Store, memory_type: *const MemoryType) error{OutOfMemory}!*Future {
        return @ptrCast(c.wasm_memory_new_async(store.raw(), memory_type.rawConst()) orelse return error.OutOfMemory);
    }

    /// Grows a memory as `Memory.grow` does, when an asynchronous limiter has allowed it. The handle may be deleted
    /// meanwhile.
    pub fn grow(memory: *Memory, delta_pages: u64) error{OutOfMemory}!*Future {
        return @ptrCast(c.wasm_memory_grow_async(memory.raw(), delta_pages) orelse return error.OutOfMemory);
    }

    /// Deletes the future, and gives up what it stands for. Its ticket stays valid, and must be resolved all the same.
    pub fn deinit(self: *Future) void {
        c.wasm_memory_future_delete(self.raw());
    }

    /// Goes on as far as that is possible without waiting. When the limiter has allowed it, the memory is made or grown
    /// in this call.
    pub fn poll(self: *Future) Failure!Progress {
        return progress(c.wasm_memory_future_poll(self.raw()));
    }

    /// Waits for the outcome: `timeout_ns` nanoseconds at most, null for ever. `.pending`: the time is over.
    pub fn wait(self: *Future, timeout_ns: ?u64) Failure!Progress {
        return progress(c.wasm_memory_future_wait(self.raw(), timeout(timeout_ns)));
    }

    /// Takes the memory of a creation that succeeded, once; null otherwise.
    pub fn takeMemory(self: *Future) ?*Memory {
        return @ptrCast(c.wasm_memory_future_take_memory(self.raw()));
    }

    /// The size in pages that the memory had before a growth that succeeded; 0 otherwise.
    pub fn previousPages(self: *const Future) u64 {
        return c.wasm_memory_future_previous_pages(@ptrCast(self));
    }

    /// Sets what is to be called when there is something to poll for, in place of what was set before: on the thread
    /// that resolves the ticket, or now, if there is nothing to wait for. When this, `clearOnReady` or `deinit` has
    /// returned, the callback before is not running on another thread and will not run.
    pub fn onReady(self: *Future, context: anytype, comptime function: *const fn (@TypeOf(context)) void) void {
        const made = comptime callback.plain(@TypeOf(context), function);
        c.wasm_memory_future_on_ready(self.raw(), made, callback.toEnv(context));
    }

    /// Sets nothing to be called.
    pub fn clearOnReady(self: *Future) void {
        c.wasm_memory_future_on_ready(self.raw(), null, null);
    }

    fn progress(answer: c.wasm_memory_status_t) Failure!Progress {
        if (answer == c.WASM_MEMORY_PENDING) return .pending;
        try status.check(Failure, answer);
        return .ready;
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *Future) *c.wasm_memory_future_t {
        return @ptrCast(self);
    }
};

/// Nanoseconds as C has them: negative is for ever. What does not fit is 292 years.
pub fn timeout(nanoseconds: ?u64) i64 {
    return @intCast(@min(nanoseconds orelse return -1, std.math.maxInt(i64)));
}
