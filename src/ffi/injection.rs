//! What the tests of `c-tests/injection` call in the build that they are made for: which of the calling thread's system
//! calls and allocations are refused, and what is live.

use crate::alloc::Refusals;
use crate::alloc::injection::{ALLOCATIONS, LIVE_BLOCKS, LIVE_BYTES};
use crate::sys::injection::{CALLS, ERROR};
use core::sync::atomic::Ordering;

/// By a macro: what makes the header looks into none, so that these stay out of it.
macro_rules! for_tests {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty $body:block)*) => {
        $(#[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> $result $body)*
    };
}

/// 0: system calls, anything else: allocations.
fn with<T>(what: u32, body: impl FnOnce(&Refusals) -> T) -> T {
    if what == 0 { CALLS.with(body) } else { ALLOCATIONS.with(body) }
}

for_tests! {
    fn wasm_memory_injection_plan(what: u32, let_through: u64, refuse: u64) -> () {
        with(what, |plan| plan.plan(let_through, refuse));
    }

    fn wasm_memory_injection_error(error: i32) -> () {
        ERROR.set(error);
    }

    fn wasm_memory_injection_met(what: u32) -> u64 {
        with(what, |plan| plan.counts().0)
    }

    fn wasm_memory_injection_refused(what: u32) -> u64 {
        with(what, |plan| plan.counts().1)
    }

    fn wasm_memory_injection_refuses_call() -> i32 {
        CALLS.with(Refusals::refuses).into()
    }

    fn wasm_memory_injection_live_blocks() -> u64 {
        LIVE_BLOCKS.load(Ordering::Relaxed)
    }

    fn wasm_memory_injection_live_bytes() -> u64 {
        LIVE_BYTES.load(Ordering::Relaxed)
    }
}
