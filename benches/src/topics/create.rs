//! Making memories and deleting them, alone and with another thread of the process at work.

use std::slice;
use std::time::Instant;

use super::pool;
use crate::PAGE;
use crate::companion::Company;
use crate::probe::Probe;
use crate::row::{Result, Row};
use crate::subjects::floor::Raw;
use crate::subjects::ours::{Ours, OursWithStore};
#[cfg(wasm2c)]
use crate::subjects::wasm2c::{self, Wasm2c};
#[cfg(feature = "peers")]
use crate::subjects::wasmi::{self, Wasmi};
#[cfg(feature = "peers")]
use crate::subjects::wasmtime::{self, Wasmtime};
use crate::subjects::{Base, Host, Plan};

/// The most, in mmap, mprotect, touch and munmap.
const GOAL: f64 = 0.15;
/// The same while another thread holds the lock of the address space for most of the time.
const GOAL_MAPPING: f64 = 0.5;

pub(super) const RAW: &str = "mmap of 8 GiB without rights, mprotect of 64 KiB, munmap";
const RAW_TOUCHED: &str = "mmap of 8 GiB without rights, mprotect of 64 KiB, touch, munmap";

pub fn rows() -> Vec<Row> {
    vec![
        untouched(),
        touched("create/touched", "new, touch one page, delete").goal(GOAL),
        touched("create/touched_spinning", "the same while a thread computes")
            .company(Company::Spinning)
            .goal(GOAL),
        touched("create/touched_mapping", "the same while a thread maps memory")
            .company(Company::Mapping)
            .goal(GOAL_MAPPING),
        with_store(),
        pool::two_threads("create/two_threads", None),
    ]
}

fn untouched() -> Row {
    let row = Row::new("create/untouched", "new, delete")
        .floor(RAW, cycle::<Raw, false>)
        .ours(cycle::<Ours, false>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, cycle::<Wasmtime, false>);
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, cycle::<Wasm2c, false>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, cycle::<Wasmi, false>);
    row
}

fn touched(name: &str, about: &str) -> Row {
    let row =
        Row::new(name, about).floor(RAW_TOUCHED, cycle::<Raw, true>).ours(cycle::<Ours, true>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, cycle::<Wasmtime, true>);
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, cycle::<Wasm2c, true>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, cycle::<Wasmi, true>);
    row
}

/// What wasmtime does in every row of this topic.
fn with_store() -> Row {
    let row = Row::new("create/touched_with_store", "new store, new, touch one page, delete both")
        .floor(RAW_TOUCHED, cycle::<Raw, true>)
        .ours(cycle::<OursWithStore, true>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, cycle::<Wasmtime, true>);
    row
}

pub(super) fn cycle<H: Host, const TOUCH: bool>() -> Result<Probe> {
    // By a host of its own: the measured one shall see nothing but cycles.
    assert_clean(&H::open(Plan::one_page())?);
    let host = H::open(Plan::one_page())?;
    Ok(Probe::new(H::CYCLES, move |count| {
        let start = Instant::now();
        for _ in 0..count {
            let memory = host.make();
            if TOUCH {
                // SAFETY: the memory has one page.
                unsafe { memory.base().write_volatile(1) };
            }
        }
        let elapsed = start.elapsed();
        host.tidy();
        elapsed
    }))
}

/// A memory reads as zero, also one that follows a used one. It is only fast to make if it is right.
fn assert_clean(host: &impl Host) {
    for _ in 0..2 {
        let memory = host.make();
        // SAFETY: the memory has one page.
        let bytes = unsafe { slice::from_raw_parts_mut(memory.base(), PAGE) };
        assert!(bytes.iter().all(|byte| *byte == 0), "a new memory holds what another one left");
        bytes.fill(1);
    }
    host.tidy();
}
