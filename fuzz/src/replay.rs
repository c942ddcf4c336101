//! The targets without libFuzzer: committed inputs, then random ones and changed ones for a while.
//!
//! `replay TARGET [--seconds N] [--seed N] [--planted N] [--found FILE] [INPUT...]`, where an INPUT is a file or a
//! folder of files. What goes wrong ends the program; the input that it went wrong with is in FILE then.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};
use wasm_memory_fuzz::{OPERATIONS, PLANTED, Random, make_input, target};

static FOUND: OnceLock<CString> = OnceLock::new();
static INPUT: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// The longest that one input may take.
const PATIENCE: u32 = 60;

/// Keeps the input that is running. For a signal handler: it does nothing but system calls.
fn keep_input() {
    let Some(path) = FOUND.get() else { return };
    // SAFETY: the path and the input live until the process ends or the next input starts.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY, 0o644);
        let input = INPUT.load(Ordering::Relaxed);
        libc::write(file, input.cast(), LENGTH.load(Ordering::Relaxed));
        libc::close(file);
    }
}

extern "C" fn end(signal: i32) {
    keep_input();
    let words: &[u8] = match signal {
        libc::SIGALRM => b"an input does not come to its end\n",
        _ => b"a signal ended the program\n",
    };
    // SAFETY: words are static; the default action of the signal ends the process.
    unsafe {
        libc::write(2, words.as_ptr().cast(), words.len());
        libc::signal(signal, libc::SIG_DFL);
        if signal == libc::SIGALRM {
            libc::_exit(3);
        }
        libc::raise(signal);
    }
}

fn watch_signals() {
    for signal in
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE, libc::SIGALRM]
    {
        // SAFETY: the handler does only what a handler may.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = end as extern "C" fn(i32) as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, core::ptr::null_mut());
        }
    }
}

fn usage() -> ! {
    eprintln!(
        "usage: replay TARGET [--seconds N] [--seed N] [--planted N] [--found FILE] [INPUT...]"
    );
    process::exit(2)
}

fn inputs(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut all: Vec<_> = fs::read_dir(path)
            .expect("a folder of inputs")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        all.sort();
        into.extend(all.into_iter().filter(|path| path.is_file()));
    } else {
        into.push(path.to_owned());
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let Some((name, run)) = arguments.next().and_then(|name| target(&name)) else { usage() };
    let (mut seconds, mut seed, mut paths) = (0.0f64, 1u64, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| usage());
        match argument.as_str() {
            "--seconds" => seconds = value().parse().unwrap_or_else(|_| usage()),
            "--seed" => seed = value().parse().unwrap_or_else(|_| usage()),
            "--planted" => {
                PLANTED.store(value().parse().unwrap_or_else(|_| usage()), Ordering::Relaxed);
            }
            "--found" => {
                let _ = FOUND.set(CString::new(value()).unwrap_or_else(|_| usage()));
            }
            path => inputs(Path::new(path), &mut paths),
        }
    }
    watch_signals();
    let once = |input: &[u8]| {
        INPUT.store(input.as_ptr().cast_mut(), Ordering::Relaxed);
        LENGTH.store(input.len(), Ordering::Relaxed);
        // SAFETY: a call without pointers.
        unsafe { libc::alarm(PATIENCE) };
        if std::panic::catch_unwind(|| run(input)).is_err() {
            keep_input();
            let found = FOUND.get().map(|path| path.to_string_lossy().into_owned());
            eprintln!(
                "{name}: wrong; the input is in {}",
                found.as_deref().unwrap_or("no file: --found FILE")
            );
            process::exit(1);
        }
    };
    let known: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect();
    for input in &known {
        once(input);
    }
    let from_files = OPERATIONS.load(Ordering::Relaxed);
    let start = Instant::now();
    let limit = Duration::from_secs_f64(seconds);
    let (mut random, mut input, mut executions) = (Random::new(seed), Vec::new(), 0u64);
    while start.elapsed() < limit {
        make_input(&mut random, &known, &mut input);
        once(&input);
        executions += 1;
    }
    println!(
        "{name}: {} files with {from_files} operations, {executions} random inputs with {} operations, seed {seed}",
        known.len(),
        OPERATIONS.load(Ordering::Relaxed) - from_files
    );
    if name == "abi" {
        println!("abi: {}", wasm_memory_fuzz::abi::summary());
    }
}
