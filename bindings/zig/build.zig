//! Builds the module `wasm_memory`, its tests and its example against an installed library.
//!
//!     zig build test -Dwasm_memory_prefix=PATH [-Dlinkage=static]
//!
//! A project that depends on this package gives the same options to `b.dependency`; README.md shows it. This file only
//! looks for the library: what it does not find is an error of the steps that need it, so that `zig build --help` works
//! on every machine.

const std = @import("std");

/// Where the library was found, or why it was not.
const Installed = union(enum) {
    found: struct { include: []const u8, lib: []const u8, archive: []const u8 },
    missing: []const u8,
};

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const prefix = b.option(
        []const u8,
        "wasm_memory_prefix",
        "Where wasm_memory is installed: the directory with include/ and lib/ (default: what pkg-config says)",
    );
    const linkage = b.option(
        std.builtin.LinkMode,
        "linkage",
        "Link the shared or the static library (default: dynamic)",
    ) orelse .dynamic;

    const installed = if (prefix) |path|
        inPrefix(b, target.result, linkage, path)
    else
        byPkgConfig(b, target.result, linkage);

    // The header is translated by the build system, not by @cImport, which later versions of Zig do not have.
    const header = b.addTranslateC(.{
        .root_source_file = b.path("src/c.h"),
        .target = target,
        .optimize = optimize,
    });
    if (linkage == .static) header.defineCMacro("WASM_MEMORY_STATIC", null);
    const module = b.addModule("wasm_memory", .{
        .root_source_file = b.path("src/wasm_memory.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
        .imports = &.{.{ .name = "c", .module = header.createModule() }},
    });
    switch (installed) {
        .missing => |why| header.step.dependOn(&b.addFail(why).step),
        .found => |paths| {
            header.addIncludePath(.{ .cwd_relative = paths.include });
            module.addIncludePath(.{ .cwd_relative = paths.include });
            switch (linkage) {
                .dynamic => {
                    module.addLibraryPath(.{ .cwd_relative = paths.lib });
                    if (target.result.os.tag != .windows) module.addRPath(.{ .cwd_relative = paths.lib });
                    module.linkSystemLibrary("wasm_memory", .{
                        .use_pkg_config = .no,
                        .preferred_link_mode = .dynamic,
                        .search_strategy = .no_fallback,
                    });
                },
                .static => {
                    module.addObjectFile(.{ .cwd_relative = paths.archive });
                    // Rust's standard library wants an unwinder; Zig brings one, under this name.
                    module.linkSystemLibrary("unwind", .{ .use_pkg_config = .no });
                },
            }
        },
    }

    addTests(b, module, installed, target, optimize);
    addExample(b, module, target, optimize);
    addDocs(b, module);
}

fn addTests(
    b: *std.Build,
    module: *std.Build.Module,
    installed: Installed,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.OptimizeMode,
) void {
    const filters = b.option([]const []const u8, "test_filter", "Run the tests with this in their names") orelse &.{};
    const root = b.createModule(.{
        .root_source_file = b.path("tests/all.zig"),
        .target = target,
        .optimize = optimize,
        .imports = &.{.{ .name = "wasm_memory", .module = module }},
    });
    // The inline functions of the C header, to compare with.
    root.addCSourceFile(.{
        .file = b.path("tests/inline.c"),
        .flags = &.{ "-std=c99", "-Wall", "-Wextra", "-Werror" },
    });
    if (installed == .found) root.addIncludePath(.{ .cwd_relative = installed.found.include });
    const tests = b.addTest(.{ .root_module = root, .filters = filters });
    const run = b.addRunArtifact(tests);
    // The standard library makes the folders of tests in the current one: not among the sources.
    if (b.cache_root.path) |cache| run.setCwd(.{ .cwd_relative = cache });
    b.step("test", "Run the tests").dependOn(&run.step);
    const install = b.addInstallArtifact(tests, .{ .dest_sub_path = "wasm_memory_tests" });
    b.step("tests", "Build the tests, into the install prefix of this build").dependOn(&install.step);
}

fn addExample(
    b: *std.Build,
    module: *std.Build.Module,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.OptimizeMode,
) void {
    const example = b.addExecutable(.{
        .name = "embedder",
        .root_module = b.createModule(.{
            .root_source_file = b.path("example/embedder.zig"),
            .target = target,
            .optimize = optimize,
            .imports = &.{.{ .name = "wasm_memory", .module = module }},
        }),
    });
    const run = b.addRunArtifact(example);
    b.step("run-example", "Run the example").dependOn(&run.step);
    const install = b.addInstallArtifact(example, .{});
    b.step("example", "Build the example, into the install prefix of this build").dependOn(&install.step);
}

fn addDocs(b: *std.Build, module: *std.Build.Module) void {
    const object = b.addObject(.{ .name = "wasm_memory", .root_module = module });
    const install = b.addInstallDirectory(.{
        .source_dir = object.getEmittedDocs(),
        .install_dir = .prefix,
        .install_subdir = "docs",
    });
    b.step("docs", "Write the reference into docs of the install prefix of this build").dependOn(&install.step);
}

/// Looks in a directory that the user named.
fn inPrefix(b: *std.Build, target: std.Target, linkage: std.builtin.LinkMode, prefix: []const u8) Installed {
    // Absolute, because it becomes the run path of programs.
    const path = std.fs.cwd().realpathAlloc(b.allocator, prefix) catch |err| return .{ .missing = b.fmt(
        "wasm_memory_prefix is \"{s}\", which cannot be opened ({s}): give the directory that wasm_memory was " ++
            "installed into",
        .{ prefix, @errorName(err) },
    ) };
    const include = b.pathJoin(&.{ path, "include" });
    const triple = .{ @tagName(target.cpu.arch), @tagName(target.os.tag), @tagName(target.abi) };
    const multiarch = b.fmt("lib/{s}-{s}-{s}", triple);
    for ([_][]const u8{ "lib", "lib64", multiarch }) |name| {
        const lib = b.pathJoin(&.{ path, name });
        if (libraryIn(b, target, linkage, lib)) |archive| return checked(b, include, lib, archive);
    }
    return .{ .missing = b.fmt(
        "no {s} library ({s}) in {s}/lib, lib64 or {s}: wasm_memory_prefix must name the directory that " ++
            "wasm_memory was installed into (make install PREFIX=PATH)",
        .{ nameOf(linkage), fileNames(target, linkage)[0], path, multiarch },
    ) };
}

/// Asks pkg-config. PKG_CONFIG names another program, and PKG_CONFIG_PATH where it looks, as everywhere.
fn byPkgConfig(b: *std.Build, target: std.Target, linkage: std.builtin.LinkMode) Installed {
    const program = b.graph.env_map.get("PKG_CONFIG") orelse "pkg-config";
    const include = pkgConfigVariable(b, program, "includedir") orelse return .{ .missing = b.fmt(
        "wasm_memory was not found: -Dwasm_memory_prefix is not given, and \"{s} --variable=includedir " ++
            "wasm_memory\" fails. Give -Dwasm_memory_prefix=PATH, the directory that wasm_memory was installed into, " ++
            "or set PKG_CONFIG_PATH to its lib/pkgconfig",
        .{program},
    ) };
    const lib = pkgConfigVariable(b, program, "libdir") orelse return .{ .missing = b.fmt(
        "\"{s} --variable=libdir wasm_memory\" says nothing: its wasm_memory.pc is not the one of wasm_memory",
        .{program},
    ) };
    const archive = libraryIn(b, target, linkage, lib) orelse return .{ .missing = b.fmt(
        "no {s} library ({s}) in {s}, where pkg-config says that wasm_memory is",
        .{ nameOf(linkage), fileNames(target, linkage)[0], lib },
    ) };
    return checked(b, include, lib, archive);
}

fn pkgConfigVariable(b: *std.Build, program: []const u8, variable: []const u8) ?[]const u8 {
    var code: u8 = undefined;
    const output = b.runAllowFail(
        &.{ program, b.fmt("--variable={s}", .{variable}), "wasm_memory" },
        &code,
        .Ignore,
    ) catch return null;
    const path = std.mem.trim(u8, output, " \r\n");
    if (path.len == 0) return null;
    return std.fs.cwd().realpathAlloc(b.allocator, path) catch null;
}

fn checked(b: *std.Build, include: []const u8, lib: []const u8, archive: []const u8) Installed {
    std.fs.cwd().access(b.pathJoin(&.{ include, "wasm_memory.h" }), .{}) catch |err| return .{ .missing = b.fmt(
        "no wasm_memory.h in {s} ({s}), though {s} has the library: wasm_memory is only half installed there",
        .{ include, @errorName(err), lib },
    ) };
    return .{ .found = .{ .include = include, .lib = lib, .archive = archive } };
}

/// The library file in a directory, if it is there.
fn libraryIn(b: *std.Build, target: std.Target, linkage: std.builtin.LinkMode, directory: []const u8) ?[]const u8 {
    for (fileNames(target, linkage)) |name| {
        const path = b.pathJoin(&.{ directory, name });
        std.fs.cwd().access(path, .{}) catch continue;
        return path;
    }
    return null;
}

fn fileNames(target: std.Target, linkage: std.builtin.LinkMode) []const []const u8 {
    return switch (linkage) {
        .static => if (target.os.tag == .windows and target.abi == .msvc)
            &.{"wasm_memory_static.lib"}
        else
            &.{"libwasm_memory.a"},
        .dynamic => switch (target.os.tag) {
            .windows => &.{ "wasm_memory.lib", "wasm_memory.dll.lib", "libwasm_memory.dll.a" },
            .macos => &.{"libwasm_memory.dylib"},
            else => &.{"libwasm_memory.so"},
        },
    };
}

fn nameOf(linkage: std.builtin.LinkMode) []const u8 {
    return if (linkage == .static) "static" else "shared";
}
