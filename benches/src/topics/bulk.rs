//! Filling and copying, from the first byte of warm memory; a copy goes behind its source.

use crate::PAGE;
use crate::probe::{Probe, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::{Raw, out_of_line_load};
use crate::subjects::ours::Ours;
use crate::subjects::{Base, Bounds, Bulk, Host, Plan};
#[cfg(feature = "peers")]
use crate::subjects::{wasmi, wasmtime};

/// The most, in calls of libc and two out-of-line calls on top.
const GOAL: f64 = 1.15;

/// The bytes between source and target. A multiple of 4 KiB would make every load of a copy look as
/// if it depended on an earlier store, and the time would tell more of that than of the copy.
const GAP: usize = 1088;

const SIZES: [(usize, &str); 4] =
    [(4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB"), (16 << 20, "16MiB")];

pub fn rows() -> Vec<Row> {
    let fills = SIZES.map(|(size, name)| fill(size, name));
    let copies = SIZES.map(|(size, name)| copy(size, name));
    fills.into_iter().chain(copies).collect()
}

fn fill(size: usize, name: &str) -> Row {
    let row = Row::new(format!("bulk/fill_{name}"), format!("wasm_memory_fill of {name}"))
        .goal(GOAL)
        .floor("memset and two out-of-line loads", move || {
            let memory = Raw::warm(plan(size))?;
            let cell = Box::new(0);
            Ok(succeed(move || {
                out_of_line_load(&cell);
                out_of_line_load(&cell);
                // SAFETY: the memory has at least `size` bytes.
                unsafe { libc::memset(memory.base().cast(), 7, size) };
                true
            }))
        })
        .ours(move || filled::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, move || filled::<wasmtime::Wasmtime>(size))
        .peer(wasmi::NAME, move || filled::<wasmi::Wasmi>(size));
    row
}

fn copy(size: usize, name: &str) -> Row {
    let row = Row::new(format!("bulk/copy_{name}"), format!("wasm_memory_copy_within of {name}"))
        .goal(GOAL)
        .floor("memmove and two out-of-line loads", move || {
            let memory = Raw::warm(plan(size))?;
            let (target, cell) = (size + GAP, Box::new(0));
            Ok(succeed(move || {
                out_of_line_load(&cell);
                out_of_line_load(&cell);
                let source = memory.base();
                // SAFETY: the memory has room for source, gap and target.
                unsafe { libc::memmove(source.add(target).cast(), source.cast(), size) };
                true
            }))
        })
        .ours(move || copied::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, move || copied::<wasmtime::Wasmtime>(size))
        .peer(wasmi::NAME, move || copied::<wasmi::Wasmi>(size));
    row
}

/// Room for a source, the gap and a target.
fn plan(size: usize) -> Plan {
    let pages = (2 * size + GAP).div_ceil(PAGE) as u32;
    Plan { bounds: Bounds::Default, minimum: pages, maximum: pages }
}

fn filled<H: Host<Memory: Bulk>>(size: usize) -> Result<Probe> {
    let mut memory = H::warm(plan(size))?;
    assert!(memory.fill(0, 7, size));
    assert_eq!((byte(&memory, 0), byte(&memory, size - 1), byte(&memory, size)), (7, 7, 1));
    Ok(succeed(move || memory.fill(0, 7, size)))
}

fn copied<H: Host<Memory: Bulk>>(size: usize) -> Result<Probe> {
    let mut memory = H::warm(plan(size))?;
    let target = size + GAP;
    assert!(memory.fill(0, 7, size) && memory.copy_within(target as u32, 0, size));
    assert_eq!((byte(&memory, target), byte(&memory, target + size - 1)), (7, 7));
    Ok(succeed(move || memory.copy_within(target as u32, 0, size)))
}

fn byte(memory: &impl Base, offset: usize) -> u8 {
    // SAFETY: the caller names a byte of the memory.
    unsafe { memory.base().add(offset).read_volatile() }
}
