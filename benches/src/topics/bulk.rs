//! Filling and copying, in warm memory. A fill begins at the first byte; a copy within a memory goes
//! behind its source, a copy from elsewhere to where such a gap ends.

use crate::PAGE;
use crate::probe::{Probe, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::{Raw, System, out_of_line_load};
use crate::subjects::ours::{self, Ours, Segment};
use crate::subjects::{Base, Bounds, Bulk, Host, Plan, Transfer, Zero};
#[cfg(feature = "peers")]
use crate::subjects::{wasmi, wasmtime};

/// The most, in calls of libc and two out-of-line calls on top.
const GOAL: f64 = 1.15;

/// The bytes between source and target. A multiple of 4 KiB would make every load of a copy look as
/// if it depended on an earlier store, and the time would tell more of that than of the copy.
pub(super) const GAP: usize = 1088;

/// The bytes of a segment, more than the heap would take from a block that it has. How a smaller one
/// lies is luck, and makes a tenth of the time that it takes to copy.
pub(super) const SEGMENT: usize = 33 << 20;
/// Where copying from a segment begins: with the 16 bytes that the heap puts before it, a cache line.
pub(super) const BEHIND: usize = 48;

const SIZES: [(usize, &str); 4] =
    [(4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB"), (16 << 20, "16MiB")];

const MEMSET: &str = "memset and two out-of-line loads";
const MEMCPY: &str = "memcpy and two out-of-line loads";

pub fn rows() -> Vec<Row> {
    let fills = SIZES.map(|(size, name)| fill(size, name));
    let copies = SIZES.map(|(size, name)| copy(size, name));
    // These would show nothing new with the largest.
    let [sizes @ .., _] = SIZES;
    let inits = sizes.map(|(size, name)| init(size, name));
    let transfers = sizes.map(|(size, name)| transfer(size, name));
    let zero = zero(64 << 10, "64KiB");
    fills.into_iter().chain([zero]).chain(copies).chain(inits).chain(transfers).collect()
}

fn fill(size: usize, name: &str) -> Row {
    let row = Row::new(format!("bulk/fill_{name}"), format!("wasm_memory_fill of {name}"))
        .goal(GOAL)
        .floor(MEMSET, move || set(7, size))
        .ours(move || filled::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, move || filled::<wasmtime::Wasmtime>(size))
        .peer(wasmi::NAME, move || filled::<wasmi::Wasmi>(size));
    row
}

fn zero(size: usize, name: &str) -> Row {
    let row = Row::new(format!("bulk/zero_{name}"), format!("wasm_memory_zero of {name}"))
        .goal(GOAL)
        .floor(MEMSET, move || set(0, size))
        .ours(move || zeroed::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, move || zeroed::<wasmi::Wasmi>(size));
    row
}

fn set(value: i32, size: usize) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    let cell = Box::new(0);
    Ok(succeed(move || {
        out_of_line_load(&cell);
        out_of_line_load(&cell);
        // SAFETY: the memory has at least `size` bytes.
        unsafe { libc::memset(memory.base().cast(), value, size) };
        true
    }))
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

fn init(size: usize, name: &str) -> Row {
    Row::new(format!("bulk/init_{name}"), format!("wasm_memory_init of {name}"))
        .goal(GOAL)
        .floor(MEMCPY, move || {
            let source = vec![7_u8; SEGMENT];
            moved(size, move || source.as_ptr().wrapping_add(BEHIND))
        })
        .ours(move || initialised::<Ours>(size))
}

fn transfer(size: usize, name: &str) -> Row {
    let about = format!("wasm_memory_copy_between of {name}");
    let row = Row::new(format!("bulk/between_{name}"), about)
        .goal(GOAL)
        .floor(MEMCPY, move || {
            // Of this size and no larger: between two reservations that lie 8 GiB apart, some
            // processors copy at half the speed, and the floor would be no floor.
            let source = System::reserve(size, libc::PROT_READ | libc::PROT_WRITE);
            // SAFETY: it is as long as that.
            unsafe { source.base().write_bytes(7, size) };
            moved(size, move || source.base())
        })
        .ours(move || transferred::<Ours>(size));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, move || transferred::<wasmi::Wasmi>(size));
    row
}

/// From a source into a memory.
fn moved(size: usize, source: impl Fn() -> *const u8 + 'static) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    let cell = Box::new(0);
    Ok(succeed(move || {
        out_of_line_load(&cell);
        out_of_line_load(&cell);
        // SAFETY: the source has `size` bytes, the memory the gap and as many.
        unsafe { libc::memcpy(memory.base().add(GAP).cast(), source().cast(), size) };
        true
    }))
}

/// Room for a source, the gap and a target.
pub(super) fn plan(size: usize) -> Plan {
    let pages = (2 * size + GAP).div_ceil(PAGE) as u32;
    Plan { bounds: Bounds::Default, minimum: pages, maximum: pages }
}

pub(super) fn filled<H: Host<Memory: Bulk>>(size: usize) -> Result<Probe> {
    let mut memory = H::warm(plan(size))?;
    assert!(memory.fill(0, 7, size));
    assert_eq!((byte(&memory, 0), byte(&memory, size - 1), byte(&memory, size)), (7, 7, 1));
    Ok(succeed(move || memory.fill(0, 7, size)))
}

pub(super) fn copied<H: Host<Memory: Bulk>>(size: usize) -> Result<Probe> {
    let mut memory = H::warm(plan(size))?;
    let target = size + GAP;
    assert!(memory.fill(0, 7, size) && memory.copy_within(target as u32, 0, size));
    assert_eq!((byte(&memory, target), byte(&memory, target + size - 1)), (7, 7));
    Ok(succeed(move || memory.copy_within(target as u32, 0, size)))
}

fn zeroed<H: Host<Memory: Zero>>(size: usize) -> Result<Probe> {
    let mut memory = H::warm(plan(size))?;
    assert!(memory.zero(0, size));
    assert_eq!((byte(&memory, 0), byte(&memory, size - 1), byte(&memory, size)), (0, 0, 1));
    Ok(succeed(move || memory.zero(0, size)))
}

pub(super) fn transferred<H: Host<Memory: Bulk + Transfer>>(size: usize) -> Result<Probe> {
    let [mut source, mut memory] = H::warm_together(plan(size))?;
    assert!(source.fill(0, 7, size) && memory.copy_from(GAP as u32, &source, 0, size));
    assert_copied(&memory, size);
    Ok(succeed(move || memory.copy_from(GAP as u32, &source, 0, size)))
}

pub(super) fn initialised<H: Host<Memory = ours::Memory>>(size: usize) -> Result<Probe> {
    let segment = Segment::new(&vec![7; SEGMENT])?;
    let mut memory = H::warm(plan(size))?;
    assert!(memory.init(GAP as u32, &segment, BEHIND as u32, size));
    assert_copied(&memory, size);
    Ok(succeed(move || memory.init(GAP as u32, &segment, BEHIND as u32, size)))
}

/// What was 1 is 7 from the gap on, and no byte before or behind is.
pub(super) fn assert_copied(memory: &impl Base, size: usize) {
    let around = [GAP - 1, GAP, GAP + size - 1, GAP + size].map(|offset| byte(memory, offset));
    assert_eq!(around, [1, 7, 7, 1]);
}

fn byte(memory: &impl Base, offset: usize) -> u8 {
    // SAFETY: the caller names a byte of the memory.
    unsafe { memory.base().add(offset).read_volatile() }
}
