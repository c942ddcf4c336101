//! The targets under libFuzzer: FUZZ_TARGET names the one that is to be run. At the end it says how many operations
//! of the library it has run, which libFuzzer cannot know.

#![no_main]

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use wasm_memory_fuzz::{OPERATIONS, target};

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

extern "C" fn say_how_many() {
    eprintln!("operations: {}", OPERATIONS.load(Ordering::Relaxed));
}

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        let (_, run) = target(&name).expect("FUZZ_TARGET names a target");
        RUN.set(run).expect("this runs once");
        // SAFETY: a function that may be called when the process ends.
        unsafe { libc::atexit(say_how_many) };
    },
    |data: &[u8]| {
        if let Some(run) = RUN.get() {
            run(data);
        }
    }
);
