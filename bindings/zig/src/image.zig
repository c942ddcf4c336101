//! What memories start with, and data segments.

const c = @import("c");
const status = @import("status.zig");
const Memory = @import("memory.zig").Memory;

/// Bytes of an image: an active data segment. The layout is that of C, so that a slice of them is passed as it is.
pub const Segment = extern struct {
    /// Where in the memory they start.
    offset: u64,
    /// The bytes.
    bytes: [*]const u8,
    /// How many there are.
    length: usize,

    /// A segment of these bytes, which must live until the image is made.
    pub fn at(offset: u64, bytes: []const u8) Segment {
        return .{ .offset = offset, .bytes = bytes.ptr, .length = bytes.len };
    }

    comptime {
        const assert = @import("std").debug.assert;
        assert(@sizeOf(Segment) == @sizeOf(c.wasm_memory_segment_t));
        assert(@offsetOf(Segment, "bytes") == @offsetOf(c.wasm_memory_segment_t, "bytes"));
        assert(@offsetOf(Segment, "length") == @offsetOf(c.wasm_memory_segment_t, "length"));
    }
};

/// What memories start with, or go back to: bytes that never change. Any thread may use an image, and any number of
/// memories of any engine may be made from it.
pub const Image = opaque {
    /// Why no image was made of segments. `error.OutOfBounds`: one ends past 2^64.
    pub const InitError = error{ OutOfBounds, OutOfMemory, Unexpected };

    /// Why no image was made of a memory.
    pub const SnapshotError = error{ Borrowed, Protected, Io, OutOfMemory, Unexpected };

    /// Why an image was not written or read. `error.InvalidArgument`: the path is not UTF-8.
    pub const FileError = error{ InvalidArgument, Io, OutOfMemory, Unexpected };

    /// Makes an image of data segments, later ones over earlier ones; between them is zero. The bytes are copied.
    ///
    ///     const image = try Image.init(&.{ .at(1024, "Hello"), .at(2048, table) });
    pub fn init(segments: []const Segment) InitError!*Image {
        var out: ?*c.wasm_memory_image_t = null;
        try status.check(InitError, c.wasm_memory_image_new(@ptrCast(segments.ptr), segments.len, &out));
        return @ptrCast(out.?);
    }

    /// Makes an image of a memory as it is now: contents, size and page size.
    pub fn snapshot(memory: *const Memory) SnapshotError!*Image {
        var out: ?*c.wasm_memory_image_t = null;
        try status.check(SnapshotError, c.wasm_memory_image_from_memory(memory.rawConst(), &out));
        return @ptrCast(out.?);
    }

    /// Reads an image that `save` wrote. What is not such a file, whole and undamaged, is `error.Io`.
    pub fn load(path: [:0]const u8) FileError!*Image {
        var out: ?*c.wasm_memory_image_t = null;
        try status.check(FileError, c.wasm_memory_image_load(path.ptr, &out));
        return @ptrCast(out.?);
    }

    /// Writes the image to a file, which appears under its name when it is whole.
    pub fn save(self: *const Image, path: [:0]const u8) FileError!void {
        try status.check(FileError, c.wasm_memory_image_save(self.rawConst(), path.ptr));
    }

    /// Deletes the image. Memories that were made from it keep what they have.
    pub fn deinit(self: *Image) void {
        c.wasm_memory_image_delete(self.raw());
    }

    /// An image that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_memory_image_t) ?*Image {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *Image) *c.wasm_memory_image_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const Image) *const c.wasm_memory_image_t {
        return @ptrCast(self);
    }
};

/// The bytes of a passive data segment, for `Memory.initFrom` (`memory.init`). Any thread may use one.
pub const DataSegment = opaque {
    /// Makes a segment. The bytes are copied.
    pub fn init(bytes: []const u8) error{OutOfMemory}!*DataSegment {
        return @ptrCast(c.wasm_data_segment_new(bytes.ptr, bytes.len) orelse return error.OutOfMemory);
    }

    /// Makes the segment empty, for good (`data.drop`). A second time changes nothing.
    pub fn drop(self: *DataSegment) void {
        c.wasm_data_segment_drop(self.raw());
    }

    /// Deletes the segment.
    pub fn deinit(self: *DataSegment) void {
        c.wasm_data_segment_delete(self.raw());
    }

    /// A segment that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_data_segment_t) ?*DataSegment {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *DataSegment) *c.wasm_data_segment_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const DataSegment) *const c.wasm_data_segment_t {
        return @ptrCast(self);
    }
};
