//! Memories whose guards are touched: what it takes to find out, and to go on.

use std::ffi::c_void;
use std::hint::black_box;
use std::mem;
use std::sync::OnceLock;
use std::time::Instant;

use crate::PAGE;
use crate::probe::{NO_LIMIT, Probe, used};
use crate::row::{Result, Row};
use crate::subjects::ours::{FaultKind, Ours, Traps, classify};
use crate::subjects::{Base, Bounds, Host, Plan};

/// A handler that asks is not the larger part of a fault.
const CLASSIFY_NS: f64 = 200.0;
/// Entering guest code costs next to nothing.
const CATCH_NS: f64 = 10.0;
/// The signal itself is most of a trap.
const TRAP: f64 = 1.2;

mod native {
    use super::c_void;

    unsafe extern "C" {
        pub safe fn bench_raw_handler_install() -> bool;
        pub safe fn bench_raw_handler_uninstall() -> bool;
        pub fn bench_raw_catch(body: unsafe extern "C" fn(*mut c_void), env: *mut c_void) -> bool;
        pub fn bench_touch(address: *mut c_void);
        pub fn bench_do_nothing(unused: *mut c_void);
    }
}

/// Those of classification come last: their memories stay.
pub fn rows(memories: u32) -> Vec<Row> {
    vec![catch(), caught(), classify_of(memories), classify_foreign(memories)]
}

fn catch() -> Row {
    Row::new("traps/catch", "wasm_memory_catch_trap of a body that does nothing")
        .goal_ns(CATCH_NS)
        .floor("sigsetjmp without the mask, and a call through a pointer", || {
            Ok(with_raw_handler(|| {
                // SAFETY: the body has no conditions.
                unsafe { native::bench_raw_catch(native::bench_do_nothing, std::ptr::null_mut()) }
            }))
        })
        .ours(|| {
            Ok(with_our_handlers(|traps| {
                // SAFETY: as above.
                unsafe { traps.catch(native::bench_do_nothing, std::ptr::null_mut()).is_none() }
            }))
        })
}

fn caught() -> Row {
    Row::new("traps/caught", "a touch of a guard in wasm_memory_catch_trap")
        .goal(TRAP)
        .floor("the same with a handler that only calls siglongjmp", || {
            let memory = guarded()?;
            Ok(with_raw_handler(move || {
                let guard = memory.base().wrapping_add(PAGE).cast();
                // SAFETY: nobody's bytes are at a guard: the handler is all that comes of it.
                unsafe { !native::bench_raw_catch(native::bench_touch, guard) }
            }))
        })
        .ours(|| {
            let memory = guarded()?;
            Ok(with_our_handlers(move |traps| {
                let guard = memory.base().wrapping_add(PAGE).cast();
                // SAFETY: as above.
                let trap = unsafe { traps.catch(native::bench_touch, guard) };
                trap == Some(PAGE as u64)
            }))
        })
}

fn classify_of(memories: u32) -> Row {
    let about = format!("wasm_memory_classify_fault of a byte of one of {memories} memories");
    Row::new("traps/classify", about)
        .goal_ns(CLASSIFY_NS)
        .floor("a binary search among their bases", move || {
            let Population { bases, asked } = Population::of(memories)?;
            Ok(each_asked(asked, |address| {
                let behind = bases.partition_point(|base| *base <= address);
                behind > 0 && address - bases[behind - 1] == OFFSET
            }))
        })
        .ours(move || {
            let population = Population::of(memories)?;
            Ok(each_asked(&population.asked, |address| {
                classify(address) == (FaultKind::Accessible, OFFSET as u64)
            }))
        })
}

fn classify_foreign(memories: u32) -> Row {
    let about = format!("the same of an address of nobody, beside {memories} memories");
    Row::new("traps/classify_foreign", about)
        .goal_ns(CLASSIFY_NS)
        .floor("a binary search among their bases", move || {
            let Population { bases, .. } = Population::of(memories)?;
            let mine = Box::new(0_u8);
            Ok(repeated(move || {
                let address = black_box(&raw const *mine).addr();
                used(bases.partition_point(|base| *base <= address));
                true
            }))
        })
        .ours(move || {
            Population::of(memories)?;
            let mine = Box::new(0_u8);
            Ok(repeated(move || {
                classify(black_box(&raw const *mine).addr()) == (FaultKind::Foreign, 0)
            }))
        })
}

/// A memory with guards, of one page.
fn guarded() -> Result<<Ours as Host>::Memory> {
    Ours::warm(Plan { bounds: Bounds::Guarded, ..Plan::one_page() })
}

/// Steps that must all succeed.
fn repeated(mut step: impl FnMut() -> bool + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| timed(count, &mut step))
}

fn timed(count: u64, mut step: impl FnMut() -> bool) -> std::time::Duration {
    let mut good = true;
    let start = Instant::now();
    for _ in 0..count {
        good &= step();
    }
    let elapsed = start.elapsed();
    assert!(good, "a measured call failed");
    elapsed
}

/// The columns take turns, so each has its handler for the time of a sample.
fn with_raw_handler(mut step: impl FnMut() -> bool + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| {
        assert!(native::bench_raw_handler_install(), "sigaction failed");
        let elapsed = timed(count, &mut step);
        assert!(native::bench_raw_handler_uninstall(), "sigaction failed");
        elapsed
    })
}

fn with_our_handlers(mut step: impl FnMut(&Traps) -> bool + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| {
        let traps = Traps::install();
        timed(count, || step(&traps))
    })
}

/// Where in each memory the byte is.
const OFFSET: usize = 4321;

/// So many addresses are asked for in turn, far more than a cache has room for.
const ASKED: usize = 1 << 16;

fn each_asked(asked: &'static [usize], mut step: impl FnMut(usize) -> bool + 'static) -> Probe {
    let mut next = 0;
    repeated(move || {
        next = (next + 1) % asked.len();
        step(asked[next])
    })
}

/// Memories that live as long as the process.
struct Population {
    /// In order.
    bases: Vec<usize>,
    /// A byte of each of many of them, in an order that jumps.
    asked: Vec<usize>,
}

impl Population {
    fn of(memories: u32) -> Result<&'static Self> {
        static MADE: OnceLock<std::result::Result<Population, String>> = OnceLock::new();
        MADE.get_or_init(|| Self::made(memories)).as_ref().map_err(|error| error.as_str().into())
    }

    fn made(memories: u32) -> std::result::Result<Self, String> {
        let host = Ours::open(Plan { bounds: Bounds::Checked, ..Plan::one_page() });
        let host = host.map_err(|error| error.to_string())?;
        let mut bases = Vec::with_capacity(memories as usize);
        for made in 0..memories {
            let memory = host.try_make();
            let memory =
                memory.ok_or_else(|| format!("{made} of {memories}; {}", Ours::refusal()))?;
            bases.push(memory.base().addr());
            mem::forget(memory);
        }
        mem::forget(host);
        let asked = (0..ASKED).map(|i| bases[i * 40_503 % bases.len()] + OFFSET).collect();
        bases.sort_unstable();
        Ok(Self { bases, asked })
    }
}
