//! Growing by a page: each step opens a page that this memory never had.

use super::OUT_OF_LINE_LOAD;
use crate::PAGE;
use crate::probe::{Probe, consume, repeat, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::{Raw, out_of_line_load};
use crate::subjects::host_made::HostMade;
use crate::subjects::ours::{Ours, OursLimited};
#[cfg(wasm2c)]
use crate::subjects::wasm2c::{self, Wasm2c};
#[cfg(feature = "peers")]
use crate::subjects::wasmi::{self, Wasmi};
#[cfg(feature = "peers")]
use crate::subjects::wasmtime::{self, Wasmtime};
use crate::subjects::{Base, Bounds, Grow, Host, Plan};

/// The most for a memory whose code compares: nothing has to be asked of the system.
pub(super) const CHECKED: f64 = 0.1;
/// The most for a memory with guard pages: one call of the system.
const GUARDED: f64 = 1.25;
/// The most for a growth that the type forbids, in nanoseconds: a guest may ask for it in a loop.
const REFUSED: f64 = 10.0;

pub(super) const MPROTECT: &str = "mprotect of the next 64 KiB";
const MPROTECT_TOUCHED: &str = "mprotect of the next 64 KiB, touch one page of it";

/// Steps of one memory: 256 MiB.
pub(super) const STEPS: u64 = 4096;

pub fn rows() -> Vec<Row> {
    vec![
        step(Bounds::Checked, "grow/checked", "one page more, checked").goal(CHECKED),
        limited(),
        step(Bounds::Guarded, "grow/guarded", "one page more, guarded").goal(GUARDED),
        step_and_touch(Bounds::Checked, "grow/checked_touched", "the same, and touch it"),
        step_and_touch(Bounds::Guarded, "grow/guarded_touched", "the same, and touch it"),
        host_made(),
        nothing(),
        refused(),
        denied(),
    ]
}

fn step(bounds: Bounds, name: &str, about: &str) -> Row {
    let row = Row::new(name, about)
        .floor(MPROTECT, || stepped::<Raw, false>(Bounds::Default))
        .ours(move || stepped::<Ours, false>(bounds));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, move || stepped::<Wasmtime, false>(bounds));
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, move || stepped::<Wasm2c, false>(bounds));
    #[cfg(feature = "peers")]
    let row = only_checked(row, bounds, stepped::<Wasmi, false>);
    row
}

/// What limits and a limiter add.
fn limited() -> Row {
    let about = "one page more, checked, with a limit on the store's sum and a limiter that allows";
    Row::new("grow/checked_limited", about)
        .floor(MPROTECT, || stepped::<Raw, false>(Bounds::Default))
        .ours(|| stepped::<OursLimited, false>(Bounds::Checked))
}

/// No page is asked of the system: the host has them all.
fn host_made() -> Row {
    Row::new("grow/host_made", "one page more, of a memory that an allocator's table made")
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(|| stepped::<HostMade, false>(Bounds::Default))
}

fn step_and_touch(bounds: Bounds, name: &str, about: &str) -> Row {
    let row = Row::new(name, about)
        .floor(MPROTECT_TOUCHED, || stepped::<Raw, true>(Bounds::Default))
        .ours(move || stepped::<Ours, true>(bounds));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, move || stepped::<Wasmtime, true>(bounds));
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, move || stepped::<Wasm2c, true>(bounds));
    #[cfg(feature = "peers")]
    let row = only_checked(row, bounds, stepped::<Wasmi, true>);
    row
}

/// wasmi has no guard pages.
#[cfg(feature = "peers")]
fn only_checked(row: Row, bounds: Bounds, probe: fn(Bounds) -> Result<Probe>) -> Row {
    match bounds {
        Bounds::Checked => row.peer(wasmi::NAME, move || probe(bounds)),
        _ => row,
    }
}

fn nothing() -> Row {
    let row = Row::new("grow/by_zero", "grow by no page, which only asks for the size")
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(by_zero::<Ours>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, by_zero::<Wasmtime>);
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, by_zero::<Wasm2c>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, by_zero::<Wasmi>);
    row
}

fn refused() -> Row {
    let row = Row::new("grow/refused", "grow at the maximum")
        .goal_ns(REFUSED)
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(at_maximum::<Ours>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, at_maximum::<Wasmtime>);
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, at_maximum::<Wasm2c>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, at_maximum::<Wasmi>);
    row
}

fn denied() -> Row {
    Row::new("grow/denied", "grow past a limit of the store, below the maximum")
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(|| {
            let host = Ours::open(Plan { maximum: 2, ..Plan::one_page() })?;
            host.limit(PAGE as u64, u64::MAX);
            let mut memory = host.make();
            Ok(succeed(move || memory.is_denied(1)))
        })
}

fn floor() -> Result<Probe> {
    let cell = Box::new(PAGE as u64);
    Ok(repeat(move || out_of_line_load(&cell) as usize))
}

fn stepped<H: Host<Memory: Grow>, const TOUCH: bool>(bounds: Bounds) -> Result<Probe> {
    let host = H::open(Plan { bounds, minimum: 1, maximum: 65536 })?;
    let make = move || {
        host.tidy();
        (host.make(), PAGE)
    };
    Ok(consume(STEPS, make, |(memory, length)| {
        let grown = memory.grow(1);
        if TOUCH && grown {
            // SAFETY: the memory has a page more than it had, and this is its first byte.
            unsafe { memory.base().add(*length).write_volatile(1) };
            *length += PAGE;
        }
        grown
    }))
}

fn by_zero<H: Host<Memory: Grow>>() -> Result<Probe> {
    let mut memory = H::warm(Plan { maximum: 2, ..Plan::one_page() })?;
    Ok(succeed(move || memory.grow(0)))
}

fn at_maximum<H: Host<Memory: Grow>>() -> Result<Probe> {
    let mut memory = H::warm(Plan::one_page())?;
    Ok(succeed(move || !memory.grow(1)))
}
