//! Inline access, as a JIT's helpers and ahead-of-time code need it.

const std = @import("std");
const c = @import("c");
const scalar = @import("scalar.zig");

/// What inline code reads of a memory: always current, at an address that is fixed for the memory's life.
/// `Memory.view` yields it; only the library makes one.
///
/// The functions are the loads and stores of WebAssembly with their two operands, the index and the static offset. The
/// address is their true sum, which never wraps. They cost a load of the length and a compare (two for an index that is
/// not known to have 32 bits), and know nothing of protections and of bytes that are lent.
///
/// Threads: those of the memory. The length is read with acquire order, so that who sees the new length of a growing
/// shared memory sees zeros below it. On a shared memory these are plain accesses, which may race in the machine's
/// sense; use the atomic functions of `Memory` where that matters.
pub const View = extern struct {
    /// Where the memory starts. It changes only if `Memory.mayMove`: read it anew for each access then.
    base: [*]u8,
    /// The length in bytes; `length` reads it with acquire.
    byte_length: usize,

    comptime {
        // The two are one structure. Fields may follow in the library's, never in between.
        std.debug.assert(@offsetOf(View, "base") == @offsetOf(c.wasm_memory_view_t, "base"));
        std.debug.assert(@offsetOf(View, "byte_length") == @offsetOf(c.wasm_memory_view_t, "byte_length"));
    }

    /// The length in bytes now.
    pub inline fn length(self: *const View) usize {
        return @atomicLoad(usize, &self.byte_length, .acquire);
    }

    /// Loads a value of any type that a memory holds (see `Memory.load`). The narrow loads of WebAssembly are those of
    /// the narrow type: `i32.load8_s` is `@as(i32, try view.load(i8, index, offset))`.
    pub inline fn load(self: *const View, comptime T: type, index: u64, offset: u64) error{OutOfBounds}!T {
        const bytes = try self.at(@sizeOf(scalar.Bits(T)), index, offset);
        return scalar.fromBits(T, std.mem.readInt(scalar.Bits(T), bytes, .little));
    }

    /// Stores a value of any type that a memory holds. `i32.store8` is the store of a `u8`, the truncated value.
    pub inline fn store(
        self: *const View,
        comptime T: type,
        index: u64,
        offset: u64,
        value: T,
    ) error{OutOfBounds}!void {
        const bytes = try self.at(@sizeOf(scalar.Bits(T)), index, offset);
        std.mem.writeInt(scalar.Bits(T), bytes, scalar.toBits(T, value), .little);
    }

    inline fn at(self: *const View, comptime width: usize, index: u64, offset: u64) error{OutOfBounds}!*[width]u8 {
        const reach, const reach_wraps = @addWithOverflow(offset, width);
        const end, const end_wraps = @addWithOverflow(index, reach);
        if (reach_wraps != 0 or end_wraps != 0 or end > self.length()) {
            @branchHint(.unlikely);
            return error.OutOfBounds;
        }
        // What is below the length fits usize.
        return self.base[@intCast(index + offset)..][0..width];
    }
};
