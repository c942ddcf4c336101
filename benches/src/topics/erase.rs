//! Making memory zero by giving its pages back: what that costs follows the pages that were touched,
//! and not the size of the memory.

use crate::PAGE;
use crate::probe::{Probe, prepared};
use crate::row::{Result, Row};
use crate::subjects::floor::{Raw, RawMemory};
use crate::subjects::ours::{self, Ours};
#[cfg(feature = "peers")]
use crate::subjects::wasmi::{self, Wasmi};
use crate::subjects::{Base, Bounds, Host, Plan, Zero};

/// The most: one call of the system.
const GOAL: f64 = 1.25;

/// Bytes that are touched before each step: 256 pages of 4 KiB.
const TOUCHED: usize = 1 << 20;

/// The floor knows where the pages are. A call over the whole memory would itself take longer in a
/// larger one, and hide just what the rows of two sizes are there to show.
const MADVISE: &str = "madvise(MADV_DONTNEED) of the 256 touched pages alone";

pub fn rows() -> Vec<Row> {
    vec![erase(64 << 20, "64MiB"), erase(1 << 30, "1GiB"), discard()]
}

fn erase(size: usize, name: &str) -> Row {
    let about = format!("wasm_memory_erase of {name} with 256 touched pages in its middle");
    let row = Row::new(format!("erase/{name}"), about)
        .goal(GOAL)
        .floor(MADVISE, move || given_back(size))
        .ours(move || erased::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, move || erased::<Wasmi>(size));
    row
}

fn discard() -> Row {
    let size = 2 * TOUCHED;
    Row::new("erase/discard_1MiB", "wasm_memory_discard of 256 touched pages")
        .goal(GOAL)
        .floor(MADVISE, move || given_back(size))
        .ours(move || {
            zeroing::<Ours>(size, move |memory: &mut ours::Memory| {
                memory.discard(size / 2, TOUCHED)
            })
        })
}

fn given_back(size: usize) -> Result<Probe> {
    zeroing::<Raw>(size, move |memory: &mut RawMemory| memory.give_back(size / 2, TOUCHED))
}

fn erased<H: Host<Memory: Zero>>(size: usize) -> Result<Probe> {
    zeroing::<H>(size, |memory| memory.erase())
}

/// A memory of this size, whose touched half a step makes zero.
fn zeroing<H: Host>(
    size: usize,
    mut step: impl FnMut(&mut H::Memory) -> bool + 'static,
) -> Result<Probe> {
    let pages = (size / PAGE) as u32;
    let plan = Plan { bounds: Bounds::Default, minimum: pages, maximum: pages };
    let mut memory = H::open(plan)?.make();
    let touch = move |memory: &mut H::Memory| {
        // SAFETY: the memory has `size` bytes.
        touched(size).for_each(|offset| unsafe { memory.base().add(offset).write_volatile(1) });
    };
    touch(&mut memory);
    assert!(step(&mut memory));
    // SAFETY: as above.
    let mut bytes =
        touched(size).map(|offset| unsafe { memory.base().add(offset).read_volatile() });
    assert!(bytes.all(|byte| byte == 0), "it does not read as zero");
    Ok(prepared(memory, touch, step))
}

/// The first byte of each page that is touched: from the middle of the memory on.
fn touched(size: usize) -> impl Iterator<Item = usize> {
    (size / 2..size / 2 + TOUCHED).step_by(4096)
}
