//! The inline header against the same loop written by hand, both in C and compiled alike.

use std::ffi::c_void;
use std::time::Instant;

use crate::PAGE;
use crate::probe::{NO_LIMIT, Probe};
use crate::row::{Result, Row};
use crate::subjects::ours::Ours;
#[cfg(wasm2c)]
use crate::subjects::wasm2c;
use crate::subjects::{Host, Plan};

/// As cheap as by hand; the rest is what two runs of the same code may differ by.
const AS_BY_HAND: f64 = 1.1;

/// `bench_memory_t` of `native/native.h`.
#[repr(C)]
struct ByHand {
    base: *mut u8,
    length: usize,
}

mod native {
    use super::{ByHand, c_void};

    unsafe extern "C" {
        pub fn bench_by_hand_i32_load(memory: *const ByHand, count: u64, sum: *mut u32) -> bool;
        pub fn bench_by_hand_i32_store(memory: *const ByHand, count: u64) -> bool;
        pub fn bench_by_header_i32_load(view: *const c_void, count: u64, sum: *mut u32) -> bool;
        pub fn bench_by_header_i32_store(view: *const c_void, count: u64) -> bool;
    }
}

pub fn rows() -> Vec<Row> {
    vec![load(), store()]
}

fn load() -> Row {
    let row = Row::new("inline/i32_load", "wasm_inline_i32_load in a loop, per load")
        .goal(AS_BY_HAND)
        .floor("the loop by hand: one compare, one load", || {
            by_hand(|memory, count| {
                let mut sum = 0;
                // SAFETY: the memory is a live page.
                let good = unsafe { native::bench_by_hand_i32_load(memory, count, &mut sum) };
                good && is_sum_of_ones(sum, count)
            })
        })
        .ours(|| {
            by_header(|view, count| {
                let mut sum = 0;
                // SAFETY: the view is that of a live memory.
                let good = unsafe { native::bench_by_header_i32_load(view, count, &mut sum) };
                good && is_sum_of_ones(sum, count)
            })
        });
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, || {
        let mut generated = wasm2c::Generated::new()?;
        // Its memory was never written to.
        Ok(looped(move |count| generated.load(count) == 0))
    });
    row
}

fn store() -> Row {
    let row = Row::new("inline/i32_store", "wasm_inline_i32_store in a loop, per store")
        .goal(AS_BY_HAND)
        .floor("the loop by hand: one compare, one store", || {
            // SAFETY: the memory is a live page.
            by_hand(|memory, count| unsafe { native::bench_by_hand_i32_store(memory, count) })
        })
        .ours(|| {
            // SAFETY: the view is that of a live memory.
            by_header(|view, count| unsafe { native::bench_by_header_i32_store(view, count) })
        });
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, || {
        let mut generated = wasm2c::Generated::new()?;
        Ok(looped(move |count| {
            generated.store(count);
            true
        }))
    });
    row
}

/// Whether so many words of four bytes that are 1 have this sum.
fn is_sum_of_ones(sum: u32, count: u64) -> bool {
    sum == u32::from_le_bytes([1; 4]).wrapping_mul(count as u32)
}

fn by_hand(run: fn(*const ByHand, u64) -> bool) -> Result<Probe> {
    let mut bytes = vec![1_u8; PAGE];
    let memory = Box::new(ByHand { base: bytes.as_mut_ptr(), length: bytes.len() });
    Ok(looped(move |count| {
        let _lives = &bytes;
        run(&raw const *memory, count)
    }))
}

fn by_header(run: fn(*const c_void, u64) -> bool) -> Result<Probe> {
    let memory = Ours::warm(Plan::one_page())?;
    Ok(looped(move |count| run(memory.view().cast(), count)))
}

/// A probe whose loop is not ours.
fn looped(mut run: impl FnMut(u64) -> bool + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| {
        let start = Instant::now();
        let good = run(count);
        let elapsed = start.elapsed();
        assert!(good, "a loop left its memory or read what was not there");
        elapsed
    })
}
