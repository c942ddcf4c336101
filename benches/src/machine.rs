//! Where and with what the figures were taken.

use std::ffi::CStr;
use std::fs;

use serde_json::{Value, json};

use crate::subjects::ours;

/// Facts about the machine.
pub fn facts() -> Value {
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "architecture": std::env::consts::ARCH,
        "cpu": cpu(),
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "page_bytes": page_bytes(),
        "transparent_huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "overcommit": read("/proc/sys/vm/overcommit_memory"),
        "max_map_count": read("/proc/sys/vm/max_map_count"),
    })
}

/// Whose figures they are. A peer that was not built is absent.
pub fn versions() -> Value {
    let named = [
        ("wasm_memory", Some(ours::version())),
        ("wasmtime", option_env!("BENCH_WASMTIME_VERSION").map(str::to_owned)),
        ("wasm2c", option_env!("BENCH_WASM2C_VERSION").map(str::to_owned)),
        ("wasmi", option_env!("BENCH_WASMI_VERSION").map(str::to_owned)),
        ("libc", Some(libc_version())),
        ("rustc", Some(env!("BENCH_RUSTC_VERSION").to_owned())),
        ("cc", Some(env!("BENCH_CC_VERSION").to_owned())),
    ];
    named
        .into_iter()
        .filter_map(|(name, version)| Some((name.to_owned(), Value::String(version?))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Processes that wanted a processor during the last minute: how busy the machine is.
pub fn load() -> Option<f64> {
    read("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn cpu() -> Option<String> {
    let info = read("/proc/cpuinfo")?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn page_bytes() -> i64 {
    // SAFETY: the call has no conditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

#[cfg(target_env = "gnu")]
fn libc_version() -> String {
    // SAFETY: the call has no conditions, and its string is static.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}
