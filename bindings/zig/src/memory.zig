//! Memories.

const std = @import("std");
const c = @import("c");
const callback = @import("callback.zig");
const scalar = @import("scalar.zig");
const status = @import("status.zig");
const timeout = @import("store.zig").timeout;
const toInteger = @import("shared.zig").toInteger;

const AccessError = status.AccessError;
const AtomicError = status.AtomicError;
const Bounds = @import("engine.zig").Bounds;
const DataSegment = @import("image.zig").DataSegment;
const Descriptor = @import("shared.zig").Descriptor;
const Image = @import("image.zig").Image;
const MemoryType = @import("types.zig").MemoryType;
const SharedMemory = @import("shared.zig").SharedMemory;
const Store = @import("store.zig").Store;
const View = @import("view.zig").View;

/// A read-modify-write operation.
pub const RmwOp = enum(c.wasm_memory_rmw_op_t) {
    /// The sum, modulo 2^N.
    add = c.WASM_MEMORY_RMW_ADD,
    /// The old value less the operand, modulo 2^N.
    sub = c.WASM_MEMORY_RMW_SUB,
    /// Bitwise and.
    @"and" = c.WASM_MEMORY_RMW_AND,
    /// Bitwise or.
    @"or" = c.WASM_MEMORY_RMW_OR,
    /// Bitwise exclusive or.
    xor = c.WASM_MEMORY_RMW_XOR,
    /// The operand: an exchange.
    xchg = c.WASM_MEMORY_RMW_XCHG,
};

/// How a wait went; the numbers are the specification's.
pub const WaitResult = enum(c.wasm_memory_wait_result_t) {
    /// A notify woke the thread, and counted it.
    ok = c.WASM_MEMORY_WAIT_OK,
    /// The value was not the expected one; the thread did not wait.
    mismatch = c.WASM_MEMORY_WAIT_MISMATCH,
    /// The time was over before a notify came.
    timed_out = c.WASM_MEMORY_WAIT_TIMED_OUT,
};

/// What may be done with a range of a memory.
pub const Protection = enum(c.wasm_memory_protection_t) {
    /// Nothing: every access of the guest faults.
    none = c.WASM_MEMORY_PROT_NONE,
    /// Reading; a write of the guest faults.
    read = c.WASM_MEMORY_PROT_READ,
    /// Reading and writing.
    read_write = c.WASM_MEMORY_PROT_READ_WRITE,
};

/// What becomes of what is written to a file that is mapped into a memory.
pub const MapMode = enum(u32) {
    /// It is mapped to be read; a write of the guest faults.
    read_only = c.WASM_MEMORY_MAP_READ_ONLY,
    /// It stays in the memory.
    copy_on_write = c.WASM_MEMORY_MAP_COPY_ON_WRITE,
    /// It goes into the file.
    shared = c.WASM_MEMORY_MAP_SHARED,
};

/// A range of bytes in a memory.
pub const Range = struct {
    /// Where it starts.
    offset: u64,
    /// How many bytes it has.
    length: u64,
};

/// What a memory is made of, and what has happened to it; sizes in bytes.
pub const Stats = struct {
    /// The length of the memory.
    byte_length: u64,
    /// What it can grow to; it never moves within.
    reserved_bytes: u64,
    /// What faults after the reservation.
    guard_bytes: u64,
    /// What is readable and writable now.
    committed_bytes: u64,
    /// The largest length so far.
    peak_bytes: u64,
    /// How often growth succeeded.
    grow_count: u64,
    /// How often growth failed.
    grow_failures: u64,
    /// How many threads wait on the memory, of all processes that have it.
    waiters: u64,
    /// What offsets and lengths of mappings and protections must be multiples of: the host's page size.
    map_alignment_bytes: u64,
    /// The strategy that the memory has: guarded or checked.
    bounds: Bounds,
    /// Whether growth may move the base.
    may_move: bool,
    /// Whether several threads may use the memory at once.
    shared: bool,
};

/// What takes time to find out.
pub const DetailedStats = struct {
    /// The rest.
    stats: Stats,
    /// What is in physical memory.
    resident_bytes: u64,
    /// What the ranges of `Memory.dirtyRanges` are multiples of now.
    dirty_granule_bytes: u64,
};

/// A memory, or rather a reference to one: it lives until its last handle and token is deleted.
///
/// Threads: an unshared memory, through whichever handle, one thread at a time for functions that take it as `*Memory`,
/// any number for those that take `*const Memory`. A shared memory: any number for every function.
pub const Memory = opaque {
    /// Why a memory was not made from an image, with the reasons of the image: `error.OutOfBounds` (a segment ends
    /// past the minimum), `error.InvalidType` (a snapshot with pages of another size), `error.MaximumExceeded` (a
    /// larger snapshot).
    pub const ImageError = status.CreateError || error{ OutOfBounds, InvalidType };

    /// Why a memory was not reset; nothing has changed then.
    pub const ResetError = error{
        Shared,
        Borrowed,
        OutOfBounds,
        InvalidType,
        MaximumExceeded,
        OutOfMemory,
        LimitDenied,
        AsyncRequired,
        HostContract,
        Unsupported,
        Io,
        Unexpected,
    };

    /// Why a file was not mapped, or a range not protected.
    pub const MapError = error{
        InvalidArgument,
        Shared,
        Unsupported,
        Borrowed,
        Unaligned,
        OutOfBounds,
        Protected,
        Io,
        OutOfMemory,
        Unexpected,
    };

    /// Why it is not known what has changed.
    pub const DirtyError = error{ Borrowed, Protected, Io, OutOfMemory, Unexpected };

    // --- making and deleting -----------------------------------------------------------------------------------------

    /// Makes a memory of zeros with the minimum size of its type. A shared type makes a shared memory.
    pub fn init(owner: *Store, memory_type: *const MemoryType) status.CreateError!*Memory {
        var out: ?*c.wasm_memory_t = null;
        try status.check(status.CreateError, c.wasm_memory_try_new(owner.raw(), memory_type.rawConst(), &out));
        return @ptrCast(out.?);
    }

    /// Makes a memory that starts with an image, which it sees alone.
    pub fn initFromImage(owner: *Store, memory_type: *const MemoryType, image: *const Image) ImageError!*Memory {
        var out: ?*c.wasm_memory_t = null;
        try status.check(
            ImageError,
            c.wasm_memory_new_from_image(owner.raw(), memory_type.rawConst(), image.rawConst(), &out),
        );
        return @ptrCast(out.?);
    }

    /// Makes a handle of a shared memory in a store, whose limits and limiter are asked as for a new memory, and
    /// decide on growth through this handle. `error.Refused`: by a limit, by the limiter, because the limiter is
    /// asynchronous, or because the heap is exhausted; C gives no number for that, but `lastError` says which.
    pub fn obtain(owner: *Store, shared: *const SharedMemory) error{Refused}!*Memory {
        return @ptrCast(c.wasm_memory_obtain(owner.raw(), shared.rawConst()) orelse return error.Refused);
    }

    /// Deletes the handle. With the last one the memory goes, and every pointer into it.
    pub fn deinit(self: *Memory) void {
        c.wasm_memory_delete(self.raw());
    }

    /// Another handle of the same memory, to be deleted as well: the reference is copied, not the bytes.
    pub fn clone(self: *const Memory) *Memory {
        // NULL comes of NULL only.
        return @ptrCast(c.wasm_memory_copy(self.rawConst()).?);
    }

    /// Whether two handles refer to one memory.
    pub fn same(self: *const Memory, other: *const Memory) bool {
        return c.wasm_memory_same(self.rawConst(), other.rawConst());
    }

    /// A token for the memory behind the handle, if it is shared.
    pub fn share(self: *const Memory) ?*SharedMemory {
        return @ptrCast(c.wasm_memory_share(self.rawConst()));
    }

    /// A handle that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_memory_t) ?*Memory {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *Memory) *c.wasm_memory_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const Memory) *const c.wasm_memory_t {
        return @ptrCast(self);
    }

    // --- size and growth ---------------------------------------------------------------------------------------------

    /// Grows the memory by whole pages of zeros; the size before, in pages (`memory.grow`). On failure nothing has
    /// changed. Invalidates the base, if `mayMove`.
    pub fn grow(self: *Memory, delta_pages: u64) status.GrowError!u64 {
        var previous: u64 = 0;
        try status.check(status.GrowError, c.wasm_memory_try_grow(self.raw(), delta_pages, &previous));
        return previous;
    }

    /// The size in pages (`memory.size`).
    pub fn pages(self: *const Memory) u64 {
        return c.wasm_memory_pages(self.rawConst());
    }

    /// The size that the memory was made with, in pages.
    pub fn initialPages(self: *const Memory) u64 {
        return c.wasm_memory_initial_pages(self.rawConst());
    }

    /// The size of a page in bytes: 1 or 65536.
    pub fn pageSize(self: *const Memory) u64 {
        return c.wasm_memory_page_size(self.rawConst());
    }

    /// The length in bytes.
    pub fn byteLength(self: *const Memory) usize {
        return c.wasm_memory_data_size(self.rawConst());
    }

    /// The type as it is now: the declared one with the current size as minimum. The caller deletes it.
    pub fn memoryType(self: *const Memory) error{OutOfMemory}!*MemoryType {
        return @ptrCast(c.wasm_memory_type(self.rawConst()) orelse return error.OutOfMemory);
    }

    /// Whether some growth that the type allows may change the base.
    pub fn mayMove(self: *const Memory) bool {
        return c.wasm_memory_may_move(self.rawConst());
    }

    /// The addresses that are the memory's own, guards and reservation included. A fault in it concerns this memory;
    /// not all of it can be read, so it is no slice.
    pub fn accessible(self: *const Memory) struct { start: usize, length: usize } {
        var start: [*c]u8 = null;
        var length: usize = 0;
        if (c.wasm_memory_accessible(self.rawConst(), &start, &length) != c.WASM_MEMORY_OK) unreachable;
        return .{ .start = @intFromPtr(start), .length = length };
    }

    /// What the memory is made of, and what has happened to it.
    pub fn stats(self: *const Memory) Stats {
        // What is in physical memory costs time, and is not counted if the structure ends before it.
        return self.fill(@offsetOf(c.wasm_memory_stats_t, "resident_bytes")).stats;
    }

    /// The same, with what takes time to find out.
    pub fn detailedStats(self: *const Memory) DetailedStats {
        return self.fill(@sizeOf(c.wasm_memory_stats_t));
    }

    fn fill(self: *const Memory, struct_size: usize) DetailedStats {
        var filled: c.wasm_memory_stats_t = .{ .struct_size = struct_size };
        // It fails for NULL and for a bad size only.
        if (c.wasm_memory_stats(self.rawConst(), &filled) != c.WASM_MEMORY_OK) unreachable;
        var result: Stats = undefined;
        inline for (@typeInfo(Stats).@"struct".fields) |field| {
            const value = @field(filled, field.name);
            @field(result, field.name) = if (field.type == Bounds) @enumFromInt(value) else value;
        }
        return .{
            .stats = result,
            .resident_bytes = filled.resident_bytes,
            .dirty_granule_bytes = filled.dirty_granule_bytes,
        };
    }

    // --- access ------------------------------------------------------------------------------------------------------

    /// Loads a value, little-endian, at any alignment: integers and floats of 8 to 128 bits, `[16]u8` and vectors of
    /// 128 bits (`v128.load`), packed structs and enums that are not exhaustive.
    ///
    ///     const length = try memory.load(u32, pointer + 4);
    pub fn load(self: *const Memory, comptime T: type, offset: u64) AccessError!T {
        const Bits = scalar.Bits(T);
        if (Bits == u128) {
            var bytes: [16]u8 = undefined;
            try status.check(AccessError, c.wasm_memory_load_v128(self.rawConst(), offset, &bytes));
            return scalar.fromBits(T, std.mem.readInt(u128, &bytes, .little));
        }
        var bits: Bits = 0;
        const function = @field(c, "wasm_memory_load_" ++ @typeName(Bits));
        try status.check(AccessError, function(self.rawConst(), offset, &bits));
        return scalar.fromBits(T, bits);
    }

    /// Stores a value; the types are those of `load`. Nothing is written on failure.
    pub fn store(self: *Memory, comptime T: type, offset: u64, value: T) AccessError!void {
        const Bits = scalar.Bits(T);
        const bits = scalar.toBits(T, value);
        if (Bits == u128) {
            var bytes: [16]u8 = undefined;
            std.mem.writeInt(u128, &bytes, bits, .little);
            return status.check(AccessError, c.wasm_memory_store_v128(self.raw(), offset, &bytes));
        }
        const function = @field(c, "wasm_memory_store_" ++ @typeName(Bits));
        return status.check(AccessError, function(self.raw(), offset, bits));
    }

    /// Copies bytes of the memory into a buffer, which is untouched on failure.
    pub fn read(self: *const Memory, offset: u64, buffer: []u8) AccessError!void {
        return status.check(AccessError, c.wasm_memory_read(self.rawConst(), offset, buffer.ptr, buffer.len));
    }

    /// Copies bytes of the memory into memory of an allocator. The caller frees it. A length past the end is
    /// `error.OutOfBounds` before anything is allocated, for lengths come from guests.
    pub fn readAlloc(
        self: *const Memory,
        allocator: std.mem.Allocator,
        offset: u64,
        length: u64,
    ) (AccessError || std.mem.Allocator.Error)![]u8 {
        if (length > self.byteLength()) return error.OutOfBounds;
        const buffer = try allocator.alloc(u8, @intCast(length));
        errdefer allocator.free(buffer);
        try self.read(offset, buffer);
        return buffer;
    }

    /// Copies bytes into the memory. Nothing is written on failure.
    pub fn write(self: *Memory, offset: u64, bytes: []const u8) AccessError!void {
        return status.check(AccessError, c.wasm_memory_write(self.raw(), offset, bytes.ptr, bytes.len));
    }

    /// Sets a range of bytes to one value (`memory.fill`).
    pub fn fillBytes(self: *Memory, offset: u64, value: u8, length: u64) AccessError!void {
        return status.check(AccessError, c.wasm_memory_fill(self.raw(), offset, value, length));
    }

    /// Sets a range of bytes to zero.
    pub fn zero(self: *Memory, offset: u64, length: u64) AccessError!void {
        return status.check(AccessError, c.wasm_memory_zero(self.raw(), offset, length));
    }

    /// Sets every byte to zero; the size stays. It costs time with the pages that were touched.
    pub fn erase(self: *Memory) AccessError!void {
        return status.check(AccessError, c.wasm_memory_erase(self.raw()));
    }

    /// Makes a range read as zero, exactly that range, and gives the whole host pages in it back to the system.
    pub fn discard(self: *Memory, offset: u64, length: u64) AccessError!void {
        return status.check(AccessError, c.wasm_memory_discard(self.raw(), offset, length));
    }

    /// Copies a range to another place of the memory; the two may overlap (`memory.copy`).
    pub fn copyWithin(self: *Memory, destination: u64, source: u64, length: u64) AccessError!void {
        return status.check(AccessError, c.wasm_memory_copy_within(self.raw(), destination, source, length));
    }

    /// Copies a range to another place of the memory that it must not overlap: `error.Overlap`.
    pub fn copyWithinNonoverlapping(
        self: *Memory,
        destination: u64,
        source: u64,
        length: u64,
    ) (AccessError || error{Overlap})!void {
        return status.check(
            AccessError || error{Overlap},
            c.wasm_memory_copy_within_nonoverlapping(self.raw(), destination, source, length),
        );
    }

    /// Copies a range of another memory, or of this one, into this one (`memory.copy` with two memories).
    pub fn copyFrom(self: *Memory, destination: u64, other: *const Memory, source: u64, length: u64) AccessError!void {
        return status.check(
            AccessError,
            c.wasm_memory_copy_between(self.raw(), destination, other.rawConst(), source, length),
        );
    }

    /// Copies bytes of a data segment into the memory (`memory.init`).
    pub fn initFrom(
        self: *Memory,
        destination: u64,
        segment: *const DataSegment,
        source: u32,
        length: u32,
    ) AccessError!void {
        return status.check(
            AccessError,
            c.wasm_memory_init(self.raw(), destination, segment.rawConst(), source, length),
        );
    }

    /// A range of bytes as text, sixteen to a line, in memory of an allocator. The caller frees it.
    pub fn hexdumpAlloc(
        self: *const Memory,
        allocator: std.mem.Allocator,
        offset: u64,
        length: u64,
    ) (AccessError || std.mem.Allocator.Error)![]u8 {
        var needed: usize = 0;
        try status.check(AccessError, c.wasm_memory_hexdump(self.rawConst(), offset, length, null, 0, &needed));
        const buffer = try allocator.alloc(u8, needed + 1);
        defer allocator.free(buffer);
        const text = try self.hexdump(offset, length, buffer);
        return allocator.dupe(u8, text);
    }

    /// A range of bytes as text, sixteen to a line, cut to fit a buffer of which one byte is for a NUL.
    pub fn hexdump(self: *const Memory, offset: u64, length: u64, buffer: []u8) AccessError![]const u8 {
        var needed: usize = 0;
        try status.check(
            AccessError,
            c.wasm_memory_hexdump(self.rawConst(), offset, length, buffer.ptr, buffer.len, &needed),
        );
        return buffer[0..@min(needed, buffer.len -| 1)];
    }

    // --- the bytes themselves ----------------------------------------------------------------------------------------

    /// What inline code reads: base and length, always current, at an address that is fixed for the memory's life.
    pub fn view(self: *const Memory) *const View {
        // NULL comes of NULL only.
        return @ptrCast(c.wasm_memory_view(self.rawConst()).?);
    }

    /// The bytes as a slice, with the length of now. It stays right while the memory is not deleted, reset to a
    /// smaller size or changed by another thread; growth leaves it, only shorter than the memory.
    ///
    /// `error.MayMove`: growth may leave it dangling: use `read`, `write` and the like, `withData`, or `view`, whose
    /// base is always current. `error.Shared`: other threads may write while you read: use the copying and atomic
    /// functions, or `view`, whose accesses are those of the guest.
    pub fn slice(self: *Memory) error{ MayMove, Shared }![]u8 {
        if (self.mayMove()) return error.MayMove;
        if (self.stats().shared) return error.Shared;
        return self.view().base[0..self.byteLength()];
    }

    /// A range of the bytes as a slice, as `slice`. The numbers may come from a guest.
    pub fn sliceAt(self: *Memory, offset: u64, length: u64) error{ MayMove, Shared, OutOfBounds }![]u8 {
        const bytes = try self.slice();
        if (offset > bytes.len or length > bytes.len - offset) return error.OutOfBounds;
        return bytes[@intCast(offset)..][0..@intCast(length)];
    }

    /// Where the memory starts in this process, of whatever kind it is: valid until its last handle is deleted, or
    /// growth moves it. For those who know what they do.
    pub fn base(self: *const Memory) [*]u8 {
        return @ptrCast(c.wasm_memory_data(@constCast(self.rawConst())));
    }

    /// Lends the bytes to a function that reads them, and returns what it returns. Until then everything that writes or
    /// grows the memory answers `error.Borrowed`. Inline and generated code is not held back.
    ///
    ///     const sum = try memory.withData(&state, State.sum); // fn (*State, []const u8) u64
    pub fn withData(self: *const Memory, context: anytype, comptime function: anytype) Lent(function) {
        const Loan = LoanTo(@TypeOf(context), []const u8, function);
        var loan: Loan = .{ .context = context };
        try status.check(status.LendError, c.wasm_memory_with_data(self.rawConst(), Loan.run, &loan));
        return loan.result;
    }

    /// Lends the bytes to a function that may change them, and returns what it returns. Until then everything that
    /// reads, writes or grows the memory answers `error.Borrowed`. Inline and generated code is not held back.
    pub fn withDataMut(self: *Memory, context: anytype, comptime function: anytype) Lent(function) {
        const Loan = LoanTo(@TypeOf(context), []u8, function);
        var loan: Loan = .{ .context = context };
        try status.check(status.LendError, c.wasm_memory_with_data_mut(self.raw(), Loan.run, &loan));
        return loan.result;
    }

    /// The bytes, together with the data of the store in which this handle was made, a pointer to a `T`: what a host
    /// function starts with. The bytes are valid until growth may move them (`mayMove`).
    pub fn dataAndStore(
        self: *Memory,
        comptime T: type,
    ) error{ Borrowed, Unexpected }!struct { bytes: []u8, store_data: ?*T } {
        var bytes: [*c]u8 = null;
        var length: usize = 0;
        var store_data: ?*anyopaque = null;
        try status.check(
            error{ Borrowed, Unexpected },
            c.wasm_memory_data_and_store(self.raw(), &bytes, &length, &store_data),
        );
        return .{ .bytes = bytes[0..length], .store_data = @ptrCast(@alignCast(store_data)) };
    }

    /// What the host attached to the memory, a pointer to a `T`; null without.
    pub fn hostInfo(self: *const Memory, comptime T: type) ?*T {
        return @ptrCast(@alignCast(c.wasm_memory_get_host_info(self.rawConst()) orelse return null));
    }

    /// Attaches a pointer to the memory (not to the handle), and what is to be called with it: when other info is
    /// attached, or when the memory goes. The finalizer of what was attached before runs now.
    pub fn setHostInfo(self: *Memory, info: anytype, comptime finalizer: ?*const fn (@TypeOf(info)) void) void {
        const made = comptime callback.plain(@TypeOf(info), finalizer);
        c.wasm_memory_set_host_info_with_finalizer(self.raw(), callback.toEnv(info), made);
    }

    /// Takes the info away; its finalizer runs now.
    pub fn clearHostInfo(self: *Memory) void {
        c.wasm_memory_set_host_info(self.raw(), null);
    }

    // --- images and changes ------------------------------------------------------------------------------------------

    /// Brings the memory back to an image, or with null to zeros: contents and size. It costs time with the pages that
    /// were written, and not with the size.
    pub fn reset(self: *Memory, image: ?*const Image) ResetError!void {
        const handle = if (image) |some| some.rawConst() else null;
        return status.check(ResetError, c.wasm_memory_reset(self.raw(), handle));
    }

    /// Tells a function what has changed since the memory was made, or since the last `clearDirty`: ranges in
    /// ascending order, apart from each other, in whole pages of the host. The function may use the memory, and clear.
    ///
    /// It is `fn (@TypeOf(context), Range) void`, or one that may fail; then nothing more is told, and its error is
    /// returned.
    pub fn dirtyRanges(
        self: *const Memory,
        context: anytype,
        comptime function: anytype,
    ) (DirtyError || ErrorsOf(function))!void {
        const Told = ToldTo(@TypeOf(context), function);
        var told: Told = .{ .context = context };
        try status.check(DirtyError, c.wasm_memory_dirty_ranges(self.rawConst(), Told.run, &told));
        return told.result;
    }

    /// The same ranges in memory of an allocator. The caller frees it.
    pub fn dirtyRangesAlloc(
        self: *const Memory,
        allocator: std.mem.Allocator,
    ) (DirtyError || std.mem.Allocator.Error)![]Range {
        const Collector = struct {
            ranges: std.ArrayList(Range) = .empty,
            allocator: std.mem.Allocator,

            fn add(collector: *@This(), range: Range) std.mem.Allocator.Error!void {
                try collector.ranges.append(collector.allocator, range);
            }
        };
        var collector: Collector = .{ .allocator = allocator };
        errdefer collector.ranges.deinit(allocator);
        try self.dirtyRanges(&collector, Collector.add);
        return collector.ranges.toOwnedSlice(allocator);
    }

    /// From now on, `dirtyRanges` tells what has changed since this call.
    pub fn clearDirty(self: *Memory) DirtyError!void {
        return status.check(DirtyError, c.wasm_memory_dirty_clear(self.raw()));
    }

    // --- mappings and protections ------------------------------------------------------------------------------------

    /// Maps a file into a range, in the place of what is there. Offsets and length are multiples of
    /// `Stats.map_alignment_bytes`. The descriptor may be closed after the call.
    pub fn mapFile(
        self: *Memory,
        offset: u64,
        file: Descriptor,
        file_offset: u64,
        length: u64,
        mode: MapMode,
    ) MapError!void {
        return status.check(
            MapError,
            c.wasm_memory_map_file(self.raw(), offset, toInteger(file), file_offset, length, @intFromEnum(mode)),
        );
    }

    /// Makes a range zeros that can be read and written, whatever was there: bytes, a file, a protection.
    pub fn unmap(self: *Memory, offset: u64, length: u64) MapError!void {
        return status.check(MapError, c.wasm_memory_unmap(self.raw(), offset, length));
    }

    /// Sets what may be done with a range, by the guest and through these functions, which answer `error.Protected`
    /// where the guest would fault.
    pub fn protect(self: *Memory, offset: u64, length: u64, protection: Protection) MapError!void {
        return status.check(
            MapError,
            c.wasm_memory_protect(self.raw(), offset, length, @intFromEnum(protection)),
        );
    }

    // --- atomics, wait and notify ------------------------------------------------------------------------------------

    /// Loads a number of 8 to 64 bits atomically; sequentially consistent. The offset is a multiple of its size.
    pub fn atomicLoad(self: *const Memory, comptime T: type, offset: u64) AtomicError!T {
        var bits: AtomicBits(T) = 0;
        try status.check(AtomicError, atomic(T, "load")(self.rawConst(), offset, &bits));
        return scalar.fromBits(T, bits);
    }

    /// Stores a number atomically; sequentially consistent.
    pub fn atomicStore(self: *Memory, comptime T: type, offset: u64, value: T) AtomicError!void {
        return status.check(AtomicError, atomic(T, "store")(self.raw(), offset, scalar.toBits(T, value)));
    }

    /// Replaces a number by what an operation makes of it, as one atomic step; the number before.
    pub fn atomicRmw(self: *Memory, comptime T: type, op: RmwOp, offset: u64, operand: T) AtomicError!T {
        var old: AtomicBits(T) = 0;
        try status.check(
            AtomicError,
            atomic(T, "rmw")(self.raw(), @intFromEnum(op), offset, scalar.toBits(T, operand), &old),
        );
        return scalar.fromBits(T, old);
    }

    /// Replaces a number if it is the expected one, as one atomic step. As with `@cmpxchgStrong`: null if it was
    /// replaced, else the number that was there.
    pub fn cmpxchg(self: *Memory, comptime T: type, offset: u64, expected: T, replacement: T) AtomicError!?T {
        var old: AtomicBits(T) = 0;
        const bits = scalar.toBits(T, expected);
        try status.check(
            AtomicError,
            atomic(T, "cmpxchg")(self.raw(), offset, bits, scalar.toBits(T, replacement), &old),
        );
        return if (old == bits) null else scalar.fromBits(T, old);
    }

    /// If the number of 32 or 64 bits at an offset is the expected one, waits until a notify wakes the thread:
    /// `timeout_ns` nanoseconds at most, null for ever, 0 not at all (`memory.atomic.wait32`, `wait64`).
    pub fn wait(
        self: *Memory,
        comptime T: type,
        offset: u64,
        expected: T,
        timeout_ns: ?u64,
    ) status.WaitError!WaitResult {
        const bits = scalar.toBits(T, expected);
        const function = switch (scalar.Bits(T)) {
            u32 => c.wasm_memory_atomic_wait32,
            u64 => c.wasm_memory_atomic_wait64,
            else => @compileError("a thread waits on 32 or 64 bits: not on " ++ @typeName(T)),
        };
        var result: c.wasm_memory_wait_result_t = 0;
        try status.check(status.WaitError, function(self.raw(), offset, bits, timeout(timeout_ns), &result));
        return @enumFromInt(result);
    }

    /// Wakes the threads that have waited on an offset the longest, so many at most (`memory.atomic.notify`); how many
    /// were woken.
    pub fn notify(self: *Memory, offset: u64, count: u32) error{ Unaligned, OutOfBounds, Unexpected }!u32 {
        var woken: u32 = 0;
        try status.check(
            error{ Unaligned, OutOfBounds, Unexpected },
            c.wasm_memory_atomic_notify(self.raw(), offset, count, &woken),
        );
        return woken;
    }

    /// Wakes all threads that wait on an offset; how many.
    pub fn notifyAll(self: *Memory, offset: u64) error{ Unaligned, OutOfBounds, Unexpected }!u32 {
        return self.notify(offset, std.math.maxInt(u32));
    }

    /// Ends every wait on the memory, which returns `error.Interrupted`; how many. Later waits are not affected.
    pub fn interruptWaiters(self: *Memory) error{ NotShared, Unexpected }!u32 {
        var interrupted: u32 = 0;
        try status.check(
            error{ NotShared, Unexpected },
            c.wasm_memory_interrupt_waiters(self.raw(), &interrupted),
        );
        return interrupted;
    }

    /// Ends every wait on the memory, and lets nobody wait on it any more: `error.Closed`.
    pub fn closeWaiters(self: *Memory) error{ NotShared, Unexpected }!void {
        return status.check(error{ NotShared, Unexpected }, c.wasm_memory_close_waiters(self.raw()));
    }
};

/// Orders what the calling thread does to memories before with what it does after, for all threads (`atomic.fence`).
pub fn atomicFence() void {
    c.wasm_memory_atomic_fence();
}

fn AtomicBits(comptime T: type) type {
    const Bits = scalar.Bits(T);
    if (Bits == u128) @compileError("an atomic access has at most 64 bits: not " ++ @typeName(T));
    return Bits;
}

/// The C function of an atomic operation for the width of a type.
fn atomic(comptime T: type, comptime operation: []const u8) @TypeOf(@field(c, atomicName(T, operation))) {
    return @field(c, atomicName(T, operation));
}

fn atomicName(comptime T: type, comptime operation: []const u8) []const u8 {
    return std.fmt.comptimePrint("wasm_memory_atomic_{s}{d}", .{ operation, @bitSizeOf(AtomicBits(T)) });
}

fn ResultOf(comptime function: anytype) type {
    return @typeInfo(@TypeOf(function)).@"fn".return_type.?;
}

fn ErrorsOf(comptime function: anytype) type {
    return switch (@typeInfo(ResultOf(function))) {
        .error_union => |info| info.error_set,
        else => error{},
    };
}

/// What a function returns to which bytes are lent: its own result, or why they were not lent.
fn Lent(comptime function: anytype) type {
    return switch (@typeInfo(ResultOf(function))) {
        .error_union => |info| (status.LendError || info.error_set)!info.payload,
        else => status.LendError!ResultOf(function),
    };
}

fn LoanTo(comptime Context: type, comptime Bytes: type, comptime function: anytype) type {
    return struct {
        context: Context,
        result: ResultOf(function) = undefined,

        fn run(env: ?*anyopaque, data: [*c]u8, length: usize) callconv(.c) void {
            const loan: *@This() = @ptrCast(@alignCast(env.?));
            const bytes: Bytes = data[0..length];
            loan.result = function(loan.context, bytes);
        }
    };
}

fn ToldTo(comptime Context: type, comptime function: anytype) type {
    return struct {
        context: Context,
        result: ErrorsOf(function)!void = {},

        fn run(env: ?*anyopaque, offset: u64, length: u64) callconv(.c) void {
            const told: *@This() = @ptrCast(@alignCast(env.?));
            // C cannot be told to stop.
            _ = told.result catch return;
            told.result = function(told.context, Range{ .offset = offset, .length = length });
        }
    };
}
