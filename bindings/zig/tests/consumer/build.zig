//! A project that depends on the package, as a user's does. `bindings/zig/test` builds it by path and from an archive.

const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});

    const linkage = b.option(std.builtin.LinkMode, "linkage", "How to link wasm_memory") orelse .dynamic;
    const wasm_memory = if (b.option([]const u8, "wasm_memory_prefix", "Where wasm_memory is installed")) |prefix|
        b.dependency("wasm_memory", .{
            .target = target,
            .optimize = optimize,
            .linkage = linkage,
            .wasm_memory_prefix = prefix,
        })
    else
        b.dependency("wasm_memory", .{ .target = target, .optimize = optimize, .linkage = linkage });

    const program = b.addExecutable(.{
        .name = "consumer",
        .root_module = b.createModule(.{
            .root_source_file = b.path("main.zig"),
            .target = target,
            .optimize = optimize,
            .imports = &.{.{ .name = "wasm_memory", .module = wasm_memory.module("wasm_memory") }},
        }),
    });
    b.installArtifact(program);
    const run = b.addRunArtifact(program);
    b.step("run", "Run the program").dependOn(&run.step);
}
