//! What an address belongs to, and traps of code that compares no addresses.

const c = @import("c");
const callback = @import("callback.zig");
const status = @import("status.zig");
const Memory = @import("memory.zig").Memory;
const View = @import("view.zig").View;

/// What an address is.
pub const FaultKind = enum(c.wasm_memory_fault_kind_t) {
    /// Of no live memory.
    foreign = c.WASM_MEMORY_FAULT_FOREIGN,
    /// A byte of a memory.
    accessible = c.WASM_MEMORY_FAULT_ACCESSIBLE,
    /// One of the addresses that a memory has around its bytes.
    guard = c.WASM_MEMORY_FAULT_GUARD,
    /// A byte of a memory that may not be read, or not be written.
    protected = c.WASM_MEMORY_FAULT_PROTECTED,
};

/// An address, and what it belongs to.
pub const Fault = struct {
    /// What it is.
    kind: FaultKind,
    /// The address.
    address: usize,
    /// Where it is from the base on; it wraps before the base. 0 if foreign.
    offset: u64,
    /// The length of the memory then. 0 if foreign.
    byte_length: u64,
    /// Which memory it is; null if foreign. Not to be read when the memory may be gone.
    view: ?*const View,

    /// Whether it belongs to this memory.
    pub fn isOf(self: Fault, memory: *const Memory) bool {
        return self.view == memory.view();
    }
};

/// Says what an address belongs to. For the handlers of SIGSEGV and SIGBUS of a host: async-signal-safe, takes no lock,
/// any thread.
pub fn classifyFault(address: usize) Fault {
    var found: c.wasm_memory_fault_t = .{ .struct_size = @sizeOf(c.wasm_memory_fault_t) };
    const answer = c.wasm_memory_classify_fault(@ptrFromInt(address), &found);
    // It fails for a bad size only.
    if (answer != c.WASM_MEMORY_OK) unreachable;
    return .{
        .kind = @enumFromInt(found.kind),
        .address = address,
        .offset = found.offset,
        .byte_length = found.byte_length,
        .view = @ptrCast(found.view),
    };
}

/// Has the library handle SIGSEGV and SIGBUS, so that `catchTrap` works. What is not its own goes to the handlers that
/// were there before. Counted: `uninstallTrapHandlers` as often. Any thread.
pub fn installTrapHandlers() error{ OutOfMemory, Unsupported, Unexpected }!void {
    try status.check(error{ OutOfMemory, Unsupported, Unexpected }, c.wasm_memory_trap_handlers_install());
}

/// The last one restores the handlers that were there before. `error.InvalidArgument`: none are installed.
pub fn uninstallTrapHandlers() error{ InvalidArgument, Unsupported, Unexpected }!void {
    const Set = error{ InvalidArgument, Unsupported, Unexpected };
    try status.check(Set, c.wasm_memory_trap_handlers_uninstall());
}

/// What `catchTrap` answers: `error.OutOfBounds` for a guard, `error.Protected` for a protected range, `error.Io` for a
/// part of a mapped file that is no more, `error.Unsupported` when no handlers are installed (the function has not run).
pub const TrapError = error{ OutOfBounds, Protected, Io, OutOfMemory, Unsupported, Unexpected };

/// Runs the function with the context, and comes back when it touches what it may not; `trap`, if given, says where.
/// Nests; each thread has its own.
///
/// It comes back by longjmp: the function and what it calls run no `defer` and release nothing then, and hold no lock.
/// Callbacks of the library are outside of it.
///
///     try wasm.catchTrap(&guest, Guest.run, null); // fn (*Guest) void
pub fn catchTrap(
    context: anytype,
    comptime function: *const fn (@TypeOf(context)) void,
    trap: ?*Fault,
) TrapError!void {
    var found: c.wasm_memory_trap_t = .{ .struct_size = @sizeOf(c.wasm_memory_trap_t) };
    const body = comptime callback.plain(@TypeOf(context), function);
    const answer = c.wasm_memory_catch_trap(body, callback.toEnv(context), &found);
    if (trap) |out| out.* = .{
        .kind = @enumFromInt(found.kind),
        .address = found.address,
        .offset = found.offset,
        .byte_length = found.byte_length,
        .view = @ptrCast(found.view),
    };
    try status.check(TrapError, answer);
}
