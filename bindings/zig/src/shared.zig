//! Tokens for shared memories.

const std = @import("std");
const builtin = @import("builtin");
const c = @import("c");
const status = @import("status.zig");
const Engine = @import("engine.zig").Engine;
const MemoryType = @import("types.zig").MemoryType;

/// A descriptor of the operating system: a file descriptor, or on Windows a HANDLE.
pub const Descriptor = std.posix.fd_t;

/// A token for a shared memory: a reference that belongs to no store, for any thread. `Memory.obtain` makes a handle of
/// it, and `Memory.share` a token of a handle.
pub const SharedMemory = opaque {
    /// Why there is no memory. `error.InvalidType`: the type is not shared.
    pub const InitError = error{ InvalidType, OutOfMemory, Unsupported, Io, Unexpected };

    /// Why there is no descriptor.
    pub const ExportError = error{ Unsupported, Io, Unexpected };

    /// Makes a shared memory of zeros with the minimum size of its type, in no store yet. Nobody is asked: no limits
    /// and no limiter.
    pub fn init(engine: *Engine, memory_type: *const MemoryType) InitError!*SharedMemory {
        var out: ?*c.wasm_shared_memory_t = null;
        try status.check(InitError, c.wasm_shared_memory_new(engine.raw(), memory_type.rawConst(), &out));
        return @ptrCast(out.?);
    }

    /// Makes a shared memory of a descriptor that `exportDescriptor` made, in this process or another. The descriptor
    /// stays the caller's.
    pub fn import(engine: *Engine, memory_type: *const MemoryType, descriptor: Descriptor) InitError!*SharedMemory {
        var out: ?*c.wasm_shared_memory_t = null;
        try status.check(
            InitError,
            c.wasm_shared_memory_import(engine.raw(), memory_type.rawConst(), toInteger(descriptor), &out),
        );
        return @ptrCast(out.?);
    }

    /// Makes a descriptor from which other processes can import the memory; the caller closes it. Needs an engine with
    /// `Config.exportable`. Processes that share a memory so trust each other.
    pub fn exportDescriptor(self: *const SharedMemory) ExportError!Descriptor {
        var out: isize = 0;
        try status.check(ExportError, c.wasm_shared_memory_export(self.rawConst(), &out));
        return fromInteger(out);
    }

    /// Deletes the token. With the last token and handle the memory goes.
    pub fn deinit(self: *SharedMemory) void {
        c.wasm_shared_memory_delete(self.raw());
    }

    /// Another token for the same memory, to be deleted as well.
    pub fn clone(self: *const SharedMemory) *SharedMemory {
        // NULL comes of NULL only.
        return @ptrCast(c.wasm_shared_memory_clone(self.rawConst()).?);
    }

    /// The type of the memory as it is now: the declared one with the current size as minimum. The caller deletes it.
    pub fn memoryType(self: *const SharedMemory) error{OutOfMemory}!*MemoryType {
        return @ptrCast(c.wasm_shared_memory_type(self.rawConst()) orelse return error.OutOfMemory);
    }

    /// A token that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_shared_memory_t) ?*SharedMemory {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *SharedMemory) *c.wasm_shared_memory_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const SharedMemory) *const c.wasm_shared_memory_t {
        return @ptrCast(self);
    }
};

/// A descriptor as C has it.
pub fn toInteger(descriptor: Descriptor) isize {
    return if (builtin.os.tag == .windows) @bitCast(@intFromPtr(descriptor)) else descriptor;
}

fn fromInteger(number: isize) Descriptor {
    return if (builtin.os.tag == .windows) @ptrFromInt(@as(usize, @bitCast(number))) else @intCast(number);
}
