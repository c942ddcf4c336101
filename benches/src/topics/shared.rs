//! Memories that threads share: making them, growing them, and the bytes in them in bulk.

use std::slice;
use std::sync::Arc;
use std::time::Instant;

use super::bulk::{
    BEHIND, GAP, SEGMENT, assert_copied, copied, filled, initialised, plan, transferred,
};
use super::{create, grow};
use crate::partner::Partner;
use crate::probe::{Probe, consume, repeat, seen, succeed, used};
use crate::processors::Place;
use crate::row::{Result, Row};
use crate::subjects::floor::{Raw, RawShared, System};
use crate::subjects::ours::shared::{Obtaining, OursShared, Tokens};
#[cfg(feature = "peers")]
use crate::subjects::wasmtime::{self, WasmtimeShared};
use crate::subjects::{Base, Bounds, GrowTogether, Host, Plan, SharedHost};

/// The most for many bytes, in calls of libc: four fifths of its speed.
const BULK: f64 = 1.25;

/// The most that a partner grows during a sample: together with the steps less than the maximum.
const OTHERS: u64 = 60_000;

pub fn rows() -> Vec<Row> {
    let bulk = SIZES.iter().flat_map(|(size, name)| {
        let of_size = OPERATIONS.iter().map(|operation| operation.row(*size, name));
        of_size.collect::<Vec<_>>()
    });
    [new(), obtain(), grow(), grow_together()].into_iter().chain(bulk).collect()
}

fn new() -> Row {
    let row = Row::new("shared/new", "wasm_shared_memory_new, delete")
        .floor(create::RAW, create::cycle::<Raw, false>)
        .ours(|| {
            let host = Tokens::open(Plan::one_page())?;
            Ok(succeed(move || {
                seen(&host.make());
                true
            }))
        });
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || {
        let host = WasmtimeShared::open(Plan::one_page())?;
        Ok(succeed(move || {
            seen(&host.make());
            true
        }))
    });
    row
}

fn obtain() -> Row {
    Row::new("shared/obtain", "wasm_memory_obtain, delete of the handle")
        .floor("malloc of 64 bytes, free", || {
            Ok(repeat(|| {
                // SAFETY: it has no conditions.
                let block = unsafe { libc::malloc(64) };
                used(block.addr());
                // SAFETY: the block is ours.
                unsafe { libc::free(block) };
                0
            }))
        })
        .ours(|| {
            let host = Obtaining::open()?;
            Ok(succeed(move || {
                seen(&host.obtain());
                true
            }))
        })
}

fn grow() -> Row {
    let row = Row::new("shared/grow", "one page more, checked")
        .goal(grow::CHECKED)
        .floor(grow::MPROTECT, grown::<RawShared>)
        .ours(grown::<OursShared>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, grown::<WasmtimeShared>);
    row
}

fn grow_together() -> Row {
    let about = "the same while another thread grows the same memory";
    let row = Row::new("shared/grow_together", about)
        .pinned(2)
        .goal(grow::CHECKED)
        .floor("mprotect of the next 64 KiB, which another thread does too", together::<RawShared>)
        .ours(together::<OursShared>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, together::<WasmtimeShared>);
    row
}

fn growing() -> Plan {
    Plan { bounds: Bounds::Checked, minimum: 1, maximum: 65536 }
}

fn grown<H: SharedHost<Memory: GrowTogether>>() -> Result<Probe> {
    let host = H::open(growing())?;
    Ok(consume(grow::STEPS, move || host.make(), |memory| memory.grow(1)))
}

fn together<H: SharedHost<Memory: GrowTogether>>() -> Result<Probe> {
    let host = H::open(growing())?;
    let partner = Partner::new(Place::Second);
    Ok(Probe::new(grow::STEPS, move |count| {
        let memory = Arc::new(host.make());
        let mut left = OTHERS;
        let of_partner = Arc::clone(&memory);
        let round = move || {
            let may = left > 0;
            left = left.saturating_sub(1);
            may && of_partner.grow(1)
        };
        let (sample, others) = partner.beside(round, || {
            let start = Instant::now();
            let grown = (0..count).all(|_| memory.grow(1));
            let elapsed = start.elapsed();
            assert!(grown, "a memory did not grow");
            elapsed
        });
        assert_eq!(memory.pages(), 1 + count + others, "a growth was lost, or one too many");
        sample
    }))
}

const SIZES: [(usize, &str); 6] = [
    (8, "8B"),
    (64, "64B"),
    (256, "256B"),
    (4 << 10, "4KiB"),
    (64 << 10, "64KiB"),
    (1 << 20, "1MiB"),
];

/// From here on a size has a goal: below it the calls count, and not the bytes.
const MANY: usize = 4 << 10;

struct Operation {
    name: &'static str,
    function: &'static str,
    floor_is: &'static str,
    floor: fn(usize) -> Result<Probe>,
    ours: fn(usize) -> Result<Probe>,
}

const OPERATIONS: [Operation; 6] = [
    Operation {
        name: "read",
        function: "wasm_memory_read",
        floor_is: "memcpy",
        floor: copied_out,
        ours: read,
    },
    Operation {
        name: "write",
        function: "wasm_memory_write",
        floor_is: "memcpy",
        floor: copied_in,
        ours: written,
    },
    Operation {
        name: "fill",
        function: "wasm_memory_fill",
        floor_is: "memset",
        floor: set,
        ours: filled::<OursShared>,
    },
    Operation {
        name: "copy",
        function: "wasm_memory_copy_within",
        floor_is: "memmove",
        floor: moved_within,
        ours: copied::<OursShared>,
    },
    Operation {
        name: "between",
        function: "wasm_memory_copy_between",
        floor_is: "memcpy",
        floor: copied_in,
        ours: transferred::<OursShared>,
    },
    Operation {
        name: "init",
        function: "wasm_memory_init",
        floor_is: "memcpy",
        floor: copied_from_heap,
        ours: initialised::<OursShared>,
    },
];

impl Operation {
    fn row(&self, size: usize, size_name: &str) -> Row {
        let Self { name, function, floor_is, floor, ours } = *self;
        let about = format!("{function} of {size_name} in a shared memory");
        let row = Row::new(format!("shared/{name}_{size_name}"), about)
            .floor(floor_is, move || floor(size))
            .ours(move || ours(size));
        if size >= MANY { row.goal(BULK) } else { row }
    }
}

/// Bytes outside any memory, as many and no more: see `transfer` of the topic `bulk`.
struct Buffer {
    region: System,
    size: usize,
}

impl Buffer {
    fn new(size: usize, value: u8) -> Self {
        let region = System::reserve(size, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: it is as long as that.
        unsafe { region.base().write_bytes(value, size) };
        Self { region, size }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the region is as long as that, and nobody changes it meanwhile.
        unsafe { slice::from_raw_parts(self.region.base(), self.size) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has the region.
        unsafe { slice::from_raw_parts_mut(self.region.base(), self.size) }
    }
}

fn read(size: usize) -> Result<Probe> {
    let memory = <OursShared as Host>::warm(plan(size))?;
    let mut buffer = Buffer::new(size, 7);
    assert!(memory.read_into(GAP, buffer.bytes_mut()));
    assert!(buffer.bytes().iter().all(|byte| *byte == 1));
    Ok(succeed(move || memory.read_into(GAP, buffer.bytes_mut())))
}

fn written(size: usize) -> Result<Probe> {
    let mut memory = <OursShared as Host>::warm(plan(size))?;
    let buffer = Buffer::new(size, 7);
    assert!(memory.write_from(GAP, buffer.bytes()));
    assert_copied(&memory, size);
    Ok(succeed(move || memory.write_from(GAP, buffer.bytes())))
}

fn copied_out(size: usize) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    let buffer = Buffer::new(size, 7);
    Ok(succeed(move || {
        let source = memory.base().wrapping_add(GAP);
        // SAFETY: the memory has the gap and `size` bytes, the buffer as many.
        unsafe { libc::memcpy(buffer.region.base().cast(), source.cast(), size) };
        true
    }))
}

fn copied_in(size: usize) -> Result<Probe> {
    let buffer = Buffer::new(size, 7);
    copied_from(size, move || buffer.region.base())
}

fn copied_from_heap(size: usize) -> Result<Probe> {
    let source = vec![7_u8; SEGMENT];
    copied_from(size, move || source.as_ptr().wrapping_add(BEHIND))
}

fn copied_from(size: usize, source: impl Fn() -> *const u8 + 'static) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    Ok(succeed(move || {
        let target = memory.base().wrapping_add(GAP);
        // SAFETY: the source has `size` bytes, the memory the gap and as many.
        unsafe { libc::memcpy(target.cast(), source().cast(), size) };
        true
    }))
}

fn set(size: usize) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    Ok(succeed(move || {
        // SAFETY: the memory has at least `size` bytes.
        unsafe { libc::memset(memory.base().cast(), 7, size) };
        true
    }))
}

fn moved_within(size: usize) -> Result<Probe> {
    let memory = Raw::warm(plan(size))?;
    Ok(succeed(move || {
        let (source, target) = (memory.base(), memory.base().wrapping_add(size + GAP));
        // SAFETY: the memory has room for source, gap and target.
        unsafe { libc::memmove(target.cast(), source.cast(), size) };
        true
    }))
}
