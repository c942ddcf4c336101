//! Where the figures were taken.

use std::fs;

use serde_json::{Value, json};

pub fn facts() -> Value {
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "architecture": std::env::consts::ARCH,
        "cpu": cpu(),
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "transparent_huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
    })
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
