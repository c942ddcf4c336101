//! Which Zig types can be loaded and stored, and how they lie in a memory: little-endian, at any alignment.

const std = @import("std");
const builtin = @import("builtin");

/// The unsigned integer with the bits of a type, or a compile error for one that has no such form.
///
/// Integers and floats of 8 to 128 bits; `[16]u8`, and vectors of 128 bits, for a v128; packed structs, and enums that
/// are not exhaustive, because a guest may write any bits. The same holds for the fields of packed structs.
pub fn Bits(comptime T: type) type {
    const bits = switch (@typeInfo(T)) {
        .int => |info| info.bits,
        .float => |info| info.bits,
        .vector => if (@sizeOf(T) == 16 and @bitSizeOf(T) == 128) 128 else 0,
        .array => |info| if (info.child == u8 and info.len == 16) 128 else 0,
        .@"struct" => if (anyBits(T)) @bitSizeOf(T) else 0,
        .@"enum" => |info| if (info.is_exhaustive) 0 else @bitSizeOf(info.tag_type),
        else => 0,
    };
    return switch (bits) {
        8, 16, 32, 64, 128 => std.meta.Int(.unsigned, bits),
        else => @compileError("a wasm memory holds integers, floats, packed structs and open enums of 8, 16, 32, 64 " ++
            "or 128 bits, and [16]u8: not " ++ @typeName(T)),
    };
}

/// Whether a type, as a field of a packed struct, has a meaning for whatever bits there are.
fn anyBits(comptime T: type) bool {
    return switch (@typeInfo(T)) {
        .int, .float, .bool, .void => true,
        .@"enum" => |info| !info.is_exhaustive,
        .@"struct" => |info| info.layout == .@"packed" and fieldsHaveAnyBits(info.fields),
        .@"union" => |info| info.layout == .@"packed" and fieldsHaveAnyBits(info.fields),
        else => false,
    };
}

fn fieldsHaveAnyBits(comptime fields: anytype) bool {
    inline for (fields) |field| {
        if (!anyBits(field.type)) return false;
    }
    return true;
}

/// The value whose bits these are.
pub inline fn fromBits(comptime T: type, bits: Bits(T)) T {
    switch (@typeInfo(T)) {
        .@"enum" => |info| return @enumFromInt(@as(info.tag_type, @bitCast(bits))),
        .array => {
            var bytes: [16]u8 = undefined;
            std.mem.writeInt(u128, &bytes, bits, .little);
            return bytes;
        },
        .vector => |info| {
            if (builtin.cpu.arch.endian() == .little) return @bitCast(bits);
            var lanes: [info.len]info.child = undefined;
            for (&lanes, 0..) |*lane, index| lane.* = fromBits(info.child, @truncate(bits >> laneShift(T, index)));
            return lanes;
        },
        else => return @bitCast(bits),
    }
}

/// The bits of a value.
pub inline fn toBits(comptime T: type, value: T) Bits(T) {
    switch (@typeInfo(T)) {
        .@"enum" => return @bitCast(@intFromEnum(value)),
        .array => return std.mem.readInt(u128, &value, .little),
        .vector => |info| {
            if (builtin.cpu.arch.endian() == .little) return @bitCast(value);
            var bits: u128 = 0;
            const lanes: [info.len]info.child = value;
            for (lanes, 0..) |lane, index| bits |= @as(u128, toBits(info.child, lane)) << laneShift(T, index);
            return bits;
        },
        else => return @bitCast(value),
    }
}

fn laneShift(comptime T: type, index: usize) u7 {
    return @intCast(index * (128 / @typeInfo(T).vector.len));
}
