//! Names the shared library to the linker and closes it against interposition.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WASM_MEMORY_SONAME");

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

fn link_arg(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg={argument}");
}
