//! Compiles the part that is C, names the shared library to the linker and closes it against interposition.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WASM_MEMORY_SONAME");

    compile_traps();

    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match target.as_str() {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            // An install stages the library under a versioned name and says so here. What stays in
            // target/ is called what it is, or programs linked there would look for another file.
            // cargo-c, which sets this feature, gives it a versioned name itself.
            if std::env::var_os("CARGO_FEATURE_CAPI").is_none() {
                let soname = std::env::var("WASM_MEMORY_SONAME")
                    .unwrap_or_else(|_| "libwasm_memory.so".to_owned());
                link_arg(&format!("-Wl,-soname,{soname}"));
            }
            // Another runtime in the process may export the same standard names. Nothing in here
            // calls an exported function; should something ever do, it must reach our own.
            link_arg("-Wl,-Bsymbolic-functions");
            // Unloading would pull the code from under threads that still run the destructors of
            // thread-locals of Rust's standard library: dlclose leaves the library mapped.
            link_arg("-Wl,-z,nodelete");
        }
        "macos" | "ios" => link_arg("-Wl,-install_name,@rpath/libwasm_memory.dylib"),
        _ => {}
    }
}

/// Where there is a part in C, `src/sys/mod.rs` says; why, docs/RATIONALE.md.
fn compile_traps() {
    println!("cargo:rerun-if-changed=src/sys/trap.c");
    println!("cargo:rerun-if-changed=src/sys/trap.h");
    println!("cargo:rerun-if-changed=src/sys/trap_windows.c");
    let is_set = |name| std::env::var_os(name).is_some();
    let architecture = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let mut build = cc::Build::new();
    if is_set("CARGO_CFG_WASM_MEMORY_PORTABLE") {
        return;
    } else if is_set("CARGO_CFG_UNIX") {
        build.file("src/sys/trap.c").std("gnu11");
    } else if is_set("CARGO_CFG_WINDOWS") && matches!(architecture.as_str(), "x86_64" | "aarch64") {
        build.file("src/sys/trap_windows.c");
    } else {
        return;
    }
    if is_set("CARGO_CFG_WASM_MEMORY_INJECTION") {
        build.define("WASM_MEMORY_INJECTION", None);
    }
    build
        .warnings(true)
        .extra_warnings(true)
        .flag_if_supported("-fvisibility=hidden")
        // A debug build is for finding defects in Rust; the cost of a caught call is measured in both.
        .opt_level(2)
        .compile("wasm_memory_trap");
}

fn link_arg(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg={argument}");
}
