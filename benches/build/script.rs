//! Compiles the C side of the bench into shared libraries and links the program to them and to the installed library.
//!
//! Shared, because a call into the library under test crosses a shared library's boundary too, and the floor must pay
//! for the same crossing.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The release of wasm2c that the bench knows: generated code, runtime and its structures change together.
const WASM2C_RELEASE: &str = "1.0.32";

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={error}");
    }
}

fn run() -> Result<()> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=native");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-check-cfg=cfg(wasm2c)");

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let prefix = installed_library()?;

    // RPATH rather than RUNPATH: what is measured must not depend on LD_LIBRARY_PATH, which cargo itself sets.
    println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags");
    link(&prefix.join("lib"), "wasm_memory");

    let sources = ["floor.c", "by_hand.c", "by_header.c", "atomics.c", "traps.c"]
        .map(|name| Path::new("native").join(name));
    shared_library(&out, "bench_native", &sources, &[], |build| {
        build.include(prefix.join("include"));
    })?;

    if env::var_os("CARGO_FEATURE_PEERS").is_some() {
        wasm2c(&out)?;
        say("WASMTIME", &locked_version("wasmtime")?);
        say("WASMI", &locked_version("wasmi")?);
    }
    say("RUSTC", &first_line(Command::new(env::var("RUSTC")?).arg("--version"))?);
    say("CC", &first_line(cc::Build::new().try_get_compiler()?.to_command().arg("--version"))?);
    Ok(())
}

/// The prefix that `make install` filled.
fn installed_library() -> Result<PathBuf> {
    const VARIABLE: &str = "WASM_MEMORY_PREFIX";
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let given = env::var(VARIABLE).map_err(|_| {
        format!("set {VARIABLE} to the absolute prefix that `make install PREFIX=...` filled")
    })?;
    let prefix = PathBuf::from(&given);
    for file in ["include/wasm_memory.h", "include/wasm_memory_inline.h", "lib/libwasm_memory.so"] {
        let path = prefix.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            return Err(format!("{VARIABLE} is {given}, but there is no {file} in it").into());
        }
    }
    Ok(prefix.canonicalize()?)
}

/// Builds wasm2c's own runtime twice, with guard pages and with explicit checks, each with the
/// generated loops. Without it the bench simply has no such column.
fn wasm2c(out: &Path) -> Result<()> {
    println!("cargo::rerun-if-env-changed=WASM2C");
    let found = env::var_os("WASM2C").map(PathBuf::from).or_else(|| on_path("wasm2c"));
    let Some(translator) = found else {
        println!("cargo::warning=no wasm2c column: no such program on PATH or in WASM2C");
        return Ok(());
    };
    println!("cargo::rerun-if-changed={}", translator.display());
    let version = first_line(Command::new(&translator).arg("--version"))?;
    // <prefix>/bin/wasm2c has its runtime in <prefix>/share/wabt/wasm2c.
    let prefix = translator.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let runtime = prefix.join("share/wabt/wasm2c");
    let source = runtime.join("wasm-rt-impl.c");
    if version != WASM2C_RELEASE || !source.is_file() {
        println!(
            "cargo::warning=no wasm2c column: {} is {version}, and {WASM2C_RELEASE} with {} is needed",
            translator.display(),
            source.display(),
        );
        return Ok(());
    }

    let wasm = out.join("loops.wasm");
    let generated = out.join("loops.c");
    let assembler = translator.with_file_name("wat2wasm");
    check(Command::new(assembler).arg("native/loops.wat").arg("-o").arg(&wasm))?;
    check(Command::new(&translator).arg(&wasm).arg("-o").arg(&generated))?;

    for (way, guard_pages) in [("guarded", "1"), ("checked", "0")] {
        let library = format!("bench_wasm2c_{way}");
        let sources = [source.clone(), generated.clone(), PathBuf::from("native/wasm2c.c")];
        // Both libraries define the same names; each must keep to its own.
        shared_library(out, &library, &sources, &["-Wl,-Bsymbolic", "-lm"], |build| {
            build
                .warnings(false)
                .include(out)
                .include(&runtime)
                .include(prefix.join("include"))
                .define("BENCH_NAME(name)", format!("wasm2c_{way}_##name").as_str())
                .define("WASM_RT_MEMCHECK_SIGNAL_HANDLER", guard_pages)
                // The runtime's own signal handler would replace the one of another peer.
                .define("WASM_RT_SKIP_SIGNAL_RECOVERY", "1");
            for operation in ["allocate_memory", "grow_memory", "free_memory"] {
                let plain = format!("wasm_rt_{operation}");
                build.define(&plain, format!("wasm2c_{way}_{operation}").as_str());
            }
        })?;
    }
    say("WASM2C", &version);
    println!("cargo::rustc-cfg=wasm2c");
    Ok(())
}

/// The first file of that name in the folders of PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Compiles and links `lib<name>.so` in `out`. The flags are a host's: optimised, position independent.
fn shared_library(
    out: &Path,
    name: &str,
    sources: &[PathBuf],
    link_flags: &[&str],
    configure: impl Fn(&mut cc::Build),
) -> Result<()> {
    let mut build = cc::Build::new();
    build.opt_level(2).pic(true).warnings(true).include("native");
    configure(&mut build);

    let file = format!("lib{name}.so");
    let mut command = build.try_get_compiler()?.to_command();
    command
        .arg("-shared")
        .arg(format!("-Wl,-soname,{file}"))
        .args(sources)
        .args(link_flags)
        .arg("-o")
        .arg(out.join(&file));
    check(&mut command)?;
    link(out, name);
    Ok(())
}

fn link(folder: &Path, library: &str) {
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-lib=dylib={library}");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
}

fn check(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Hands a version to the program, as `BENCH_<name>_VERSION`.
fn say(name: &str, version: &str) {
    println!("cargo::rustc-env=BENCH_{name}_VERSION={version}");
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The version of a package in the lock file, so that reports cannot name another one than was measured.
fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string("Cargo.lock")?;
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version =
        lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("Cargo.lock names no {package}").into())
}
