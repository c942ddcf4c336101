//! How a context pointer of the host's travels through the `void *` of a C callback.

/// The `void *` of a pointer. Only pointers to one item can travel: a slice has a length as well.
pub fn toEnv(context: anytype) *anyopaque {
    check(@TypeOf(context));
    return @ptrCast(@constCast(context));
}

/// The pointer again.
pub fn fromEnv(comptime Context: type, env: ?*anyopaque) Context {
    check(Context);
    return @ptrCast(@alignCast(env.?));
}

fn check(comptime Context: type) void {
    const is_one = switch (@typeInfo(Context)) {
        .pointer => |info| info.size == .one,
        else => false,
    };
    if (!is_one) @compileError("a context is a pointer to one item: not " ++ @typeName(Context));
}

/// What C calls with a context and nothing else.
pub const Plain = *const fn (env: ?*anyopaque) callconv(.c) void;

/// A function of C that calls one of Zig with the context; null for none.
pub fn plain(comptime Context: type, comptime function: ?*const fn (Context) void) ?Plain {
    const called = function orelse return null;
    return struct {
        fn call(env: ?*anyopaque) callconv(.c) void {
            called(fromEnv(Context, env));
        }
    }.call;
}
