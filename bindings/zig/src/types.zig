//! Memory types.

const c = @import("c");
const status = @import("status.zig");

/// The width of a memory's addresses.
pub const Index = enum { i32, i64 };

/// The size of a memory's pages, as its base-two logarithm. The specification allows these two; any other number is
/// `error.InvalidType`.
pub const PageSize = enum(u8) {
    /// Pages of one byte (custom page sizes).
    one_byte = 0,
    /// Pages of 64 KiB.
    kib_64 = 16,
    _,

    /// The size in bytes. At most 2^63 is told.
    pub fn bytes(self: PageSize) u64 {
        return @as(u64, 1) << @intCast(@min(@intFromEnum(self), 63));
    }
};

/// What a memory type says.
pub const Description = struct {
    /// The size that memories start with, in pages.
    minimum: u64,
    /// The most that they can have, in pages; null for none.
    maximum: ?u64 = null,
    /// The width of the addresses.
    index: Index = .i32,
    /// Whether several threads may use a memory at once. Needs a maximum.
    shared: bool = false,
    /// The size of the pages.
    page_size: PageSize = .kib_64,
};

/// A memory type: limits, index type, page size, sharedness. Immutable; any thread may use it.
pub const MemoryType = opaque {
    /// Why there is no such type. `error.InvalidType`: `lastError` says which limit of the specification was passed.
    pub const InitError = error{ InvalidType, OutOfMemory, Unexpected };

    /// Makes a type. `deinit` deletes it; memories do not need it any more once they are made.
    pub fn init(description: Description) InitError!*MemoryType {
        var out: ?*c.wasm_memorytype_t = null;
        try status.check(InitError, c.wasm_memorytype_try_new(
            description.minimum,
            description.maximum != null,
            description.maximum orelse 0,
            description.index == .i64,
            description.shared,
            @intFromEnum(description.page_size),
            &out,
        ));
        return @ptrCast(out.?);
    }

    /// Deletes the type. Memories that were made with it are not concerned.
    pub fn deinit(self: *MemoryType) void {
        c.wasm_memorytype_delete(self.raw());
    }

    /// Another type that says the same.
    pub fn clone(self: *const MemoryType) error{OutOfMemory}!*MemoryType {
        return @ptrCast(c.wasm_memorytype_copy(self.rawConst()) orelse return error.OutOfMemory);
    }

    /// What the type says.
    pub fn describe(self: *const MemoryType) Description {
        var maximum: u64 = 0;
        const has_maximum = c.wasm_memorytype_maximum(self.rawConst(), &maximum);
        return .{
            .minimum = c.wasm_memorytype_minimum(self.rawConst()),
            .maximum = if (has_maximum) maximum else null,
            .index = if (c.wasm_memorytype_is64(self.rawConst())) .i64 else .i32,
            .shared = c.wasm_memorytype_isshared(self.rawConst()),
            .page_size = @enumFromInt(c.wasm_memorytype_page_size_log2(self.rawConst())),
        };
    }

    /// The size of a page in bytes: 1 or 65536.
    pub fn pageSize(self: *const MemoryType) u64 {
        return c.wasm_memorytype_page_size(self.rawConst());
    }

    /// Whether a memory of this type may be imported where `required` is declared. For a live memory ask
    /// `Memory.memoryType` for the type, which has the current size as minimum.
    pub fn matches(self: *const MemoryType, required: *const MemoryType) bool {
        return c.wasm_memorytype_matches(self.rawConst(), required.rawConst());
    }

    /// A type that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_memorytype_t) ?*MemoryType {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *MemoryType) *c.wasm_memorytype_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const MemoryType) *const c.wasm_memorytype_t {
        return @ptrCast(self);
    }
};
