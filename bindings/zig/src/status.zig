//! Statuses, the error sets that are made of them, and the sentence about the last failure.

const std = @import("std");
const c = @import("c");

/// What a function of the library answers. Callbacks of the host get and give these; the functions of this module turn
/// them into errors.
pub const Status = enum(c.wasm_memory_status_t) {
    ok = c.WASM_MEMORY_OK,
    null_argument = c.WASM_MEMORY_NULL_ARGUMENT,
    invalid_argument = c.WASM_MEMORY_INVALID_ARGUMENT,
    invalid_type = c.WASM_MEMORY_INVALID_TYPE,
    out_of_bounds = c.WASM_MEMORY_OUT_OF_BOUNDS,
    unaligned = c.WASM_MEMORY_UNALIGNED,
    not_shared = c.WASM_MEMORY_NOT_SHARED,
    shared = c.WASM_MEMORY_SHARED,
    maximum_exceeded = c.WASM_MEMORY_MAXIMUM_EXCEEDED,
    limit_denied = c.WASM_MEMORY_LIMIT_DENIED,
    out_of_memory = c.WASM_MEMORY_OUT_OF_MEMORY,
    overlap = c.WASM_MEMORY_OVERLAP,
    borrowed = c.WASM_MEMORY_BORROWED,
    async_required = c.WASM_MEMORY_ASYNC_REQUIRED,
    pending = c.WASM_MEMORY_PENDING,
    interrupted = c.WASM_MEMORY_INTERRUPTED,
    closed = c.WASM_MEMORY_CLOSED,
    too_many_waiters = c.WASM_MEMORY_TOO_MANY_WAITERS,
    protected = c.WASM_MEMORY_PROTECTED,
    unsupported = c.WASM_MEMORY_UNSUPPORTED,
    io = c.WASM_MEMORY_IO,
    internal = c.WASM_MEMORY_INTERNAL,
    host_contract = c.WASM_MEMORY_HOST_CONTRACT,
    _,

    /// The name of the constant in C, for example "WASM_MEMORY_OUT_OF_BOUNDS".
    pub fn name(self: Status) [:0]const u8 {
        return std.mem.span(c.wasm_memory_status_name(@intFromEnum(self)));
    }

    /// What it means, in a few words; for a trap, the specification's text.
    pub fn message(self: Status) [:0]const u8 {
        return std.mem.span(c.wasm_memory_status_message(@intFromEnum(self)));
    }

    /// The status that an error of this module stands for. `error.Unexpected` is `internal`.
    pub fn of(err: Error) Status {
        return switch (err) {
            inline else => |known| @field(status_of, @errorName(known)),
        };
    }
};

/// The status of each error, by its name.
const status_of = struct {
    const NullArgument: Status = .null_argument;
    const InvalidArgument: Status = .invalid_argument;
    const InvalidType: Status = .invalid_type;
    const OutOfBounds: Status = .out_of_bounds;
    const Unaligned: Status = .unaligned;
    const NotShared: Status = .not_shared;
    const Shared: Status = .shared;
    const MaximumExceeded: Status = .maximum_exceeded;
    const LimitDenied: Status = .limit_denied;
    const OutOfMemory: Status = .out_of_memory;
    const Overlap: Status = .overlap;
    const Borrowed: Status = .borrowed;
    const AsyncRequired: Status = .async_required;
    const Pending: Status = .pending;
    const Interrupted: Status = .interrupted;
    const Closed: Status = .closed;
    const TooManyWaiters: Status = .too_many_waiters;
    const Protected: Status = .protected;
    const Unsupported: Status = .unsupported;
    const Io: Status = .io;
    const Internal: Status = .internal;
    const HostContract: Status = .host_contract;
    const Unexpected: Status = .internal;
};

/// All errors of this module: one for each status but `ok`, with its name, and `Unexpected`. Each function has a set of
/// its own with what it can really answer.
pub const Error = error{
    /// A handle or buffer is NULL. No function of this module can be made to answer this.
    NullArgument,
    /// A number means nothing where it was given.
    InvalidArgument,
    /// A memory type outside the limits of the specification, or one that does not fit the operation.
    InvalidType,
    /// At least one byte lies past the end (a trap of the specification).
    OutOfBounds,
    /// An atomic access is not aligned (a trap), or a range is not aligned to what the host demands.
    Unaligned,
    /// A wait on a memory that is not shared (a trap).
    NotShared,
    /// The operation needs a memory that is not shared.
    Shared,
    /// Growth past the maximum of the type.
    MaximumExceeded,
    /// A limit or limiter of the store said no.
    LimitDenied,
    /// The system, the heap or a reservation has no room; `lastError` says which, and what helps.
    OutOfMemory,
    /// Source and destination overlap where they must not.
    Overlap,
    /// The memory's bytes are lent to a callback.
    Borrowed,
    /// The store has an asynchronous limiter: use the asynchronous form.
    AsyncRequired,
    /// The outcome is not there yet.
    Pending,
    /// The host interrupted a wait.
    Interrupted,
    /// The host closed the memory to waiting.
    Closed,
    /// More threads than can be counted wait at one address (a trap).
    TooManyWaiters,
    /// The range is protected against the access.
    Protected,
    /// This host, this version or this kind of memory cannot do it.
    Unsupported,
    /// A file could not be read, written or understood.
    Io,
    /// A defect of the library.
    Internal,
    /// A callback of the host broke its contract.
    HostContract,
    /// A status that the function is not known to answer: a defect, or a library that is newer than this module.
    /// `lastError` has the sentence.
    Unexpected,
};

/// What reading and writing answers.
pub const AccessError = error{ OutOfBounds, Borrowed, Protected, Io, Unexpected };

/// What atomic accesses answer.
pub const AtomicError = AccessError || error{Unaligned};

/// What `Memory.wait` answers.
pub const WaitError = error{
    Unaligned,
    NotShared,
    OutOfBounds,
    Closed,
    Interrupted,
    TooManyWaiters,
    Unexpected,
};

/// With what the host may refuse a memory, or its growth.
pub const HostError = error{ OutOfMemory, LimitDenied, MaximumExceeded, InvalidArgument, Unsupported, Io, Internal };

/// Why a memory was not made.
pub const CreateError = HostError || error{ AsyncRequired, HostContract, Unexpected };

/// Why a memory has not grown.
pub const GrowError = CreateError || error{Borrowed};

/// What lending the bytes of a memory answers.
pub const LendError = error{ Shared, Borrowed, Unexpected };

/// Turns a status into an error of the given set.
pub inline fn check(comptime Set: type, status: c.wasm_memory_status_t) Set!void {
    if (status != c.WASM_MEMORY_OK) return failure(Set, status);
}

fn failure(comptime Set: type, status: c.wasm_memory_status_t) Set {
    @branchHint(.unlikely);
    inline for (comptime @typeInfo(Set).error_set.?) |member| {
        // This one has no number of its own.
        if (comptime !std.mem.eql(u8, member.name, "Unexpected")) {
            if (status == @intFromEnum(@field(status_of, member.name))) return @field(Set, member.name);
        }
    }
    return error.Unexpected;
}

/// The sentence about this thread's last call that failed, with the numbers in it and the option that helps, cut to
/// fit the buffer. Empty when nothing failed yet. A call that succeeds leaves it alone.
pub fn lastError(buffer: []u8) []const u8 {
    const length = c.wasm_memory_last_error(buffer.ptr, buffer.len);
    return buffer[0..@min(length, buffer.len -| 1)];
}

/// The length of the whole sentence; a buffer of one byte more holds it.
pub fn lastErrorLength() usize {
    return c.wasm_memory_last_error(null, 0);
}

/// The same sentence in memory of an allocator. The caller frees it.
pub fn lastErrorAlloc(allocator: std.mem.Allocator) std.mem.Allocator.Error![]u8 {
    const buffer = try allocator.alloc(u8, lastErrorLength() + 1);
    defer allocator.free(buffer);
    return allocator.dupe(u8, lastError(buffer));
}
