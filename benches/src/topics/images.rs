//! Memories made from images, reset in place, and asked what was written: with an engine that was
//! told nothing, alone and with another thread of the process at work.

use std::ops::Range;

use super::pool::{self, GOAL, SCAN, SCAN_MEMCPY, SCAN_MEMSET, Shape, cycled};
use crate::PAGE;
use crate::probe::{Probe, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::System;
use crate::subjects::in_place::{GivenBack, InPlace};
use crate::subjects::ours::reused::Reused;
use crate::subjects::{Base, Fill, Reset, Reuse};

/// The most for a memory from a small image, in copies of the image.
const COPIES: f64 = 1.1;

/// What the system keeps account of.
const SYSTEM_PAGE: usize = 4096;

pub fn rows() -> Vec<Row> {
    let rows: [fn() -> Row; 5] = [new_64kib, new_1mib, reset, reset_zeros, dirty_ranges];
    rows.iter().flat_map(|row| [row(), row().spinning()]).collect()
}

fn new_64kib() -> Row {
    let shape = Shape { pages: 1, fill: Fill::Image, touched: 0 };
    Row::new("images/new_64KiB", "new from an image of 64 KiB, delete")
        .goal(COPIES)
        .floor("memcpy of 64 KiB", || {
            let image = filled(PAGE, Fill::Image.byte());
            let memory = filled(PAGE, 0);
            Ok(succeed(move || {
                // SAFETY: both are as long as that.
                unsafe { libc::memcpy(memory.base().cast(), image.base().cast(), PAGE) };
                true
            }))
        })
        .ours(move || cycled(shape, move || Reused::open(shape.plan(), None, shape.fill)))
}

fn new_1mib() -> Row {
    let shape = Shape { pages: 16, fill: Fill::Image, touched: 0 };
    Row::new("images/new_1MiB", "new from an image of 1 MiB, delete")
        .scans()
        .floor(SCAN, move || cycled(shape, move || InPlace::open(shape.pages, shape.fill)))
        .ours(move || cycled(shape, move || Reused::open(shape.plan(), None, shape.fill)))
}

fn reset() -> Row {
    let about = "touch 16 pages of a memory made from an image of 1 MiB, wasm_memory_reset to it";
    reset_to(Fill::Image, Row::new("images/reset", about), SCAN_MEMCPY)
}

fn reset_zeros() -> Row {
    let about = "touch 16 pages of a memory of 1 MiB, wasm_memory_reset to zeros";
    reset_to(Fill::Zeros, Row::new("images/reset_zeros", about), SCAN_MEMSET)
}

fn reset_to(fill: Fill, row: Row, floor: &'static str) -> Row {
    let shape = Shape { pages: 16, fill, touched: 16 };
    row.scans()
        .goal(GOAL)
        .floor(floor, move || reset_again(shape, || Ok(InPlace::open(shape.pages, fill)?.make())))
        .ours(move || {
            reset_again(shape, || Ok(Reused::open(shape.plan(), None, fill)?.resetting()))
        })
        .peer(pool::DONTNEED, move || {
            reset_again(shape, || Ok(GivenBack::open(shape.pages, fill)?.make()))
        })
}

fn reset_again<M: Reset>(shape: Shape, make: impl Fn() -> Result<M>) -> Result<Probe> {
    let mut other = make()?;
    for _ in 0..3 {
        shape.assert_clean(&other);
        shape.touch(&other, 1);
        assert!(other.reset());
    }
    let mut memory = make()?;
    Ok(succeed(move || {
        shape.touch(&memory, 1);
        memory.reset()
    }))
}

fn dirty_ranges() -> Row {
    let shape = Shape { pages: 16, fill: Fill::Zeros, touched: 16 };
    let about = "dirty_clear of 1 MiB, write to 16 pages, dirty_ranges";
    let workaround = "memcpy of the memory, the writes, memcmp of each page with the copy";
    Row::new("images/dirty_ranges", about).floor(workaround, move || compared(shape)).ours(
        move || {
            let mut memory = Reused::open(shape.plan(), None, shape.fill)?.make();
            // SAFETY: the memory is as long as that.
            unsafe { memory.base().write_bytes(1, shape.length()) };
            let mut value = 1_u8;
            let mut step = move |ranges: &mut Vec<Range<usize>>| {
                // Other bytes than were there: a page that holds the same again need not be told.
                value = value.wrapping_add(1);
                ranges.clear();
                let cleared = memory.dirty_clear();
                shape.touch(&memory, value);
                cleared
                    && memory.dirty_ranges(|offset, length| {
                        ranges.push(offset as usize..(offset + length) as usize);
                    })
            };
            let mut ranges = Vec::new();
            assert!(step(&mut ranges));
            let told = |offset: usize| ranges.iter().any(|range| range.contains(&offset));
            assert!((0..shape.touched).all(|at| told(at * PAGE)), "a change was not told");
            Ok(succeed(move || step(&mut ranges) && !ranges.is_empty()))
        },
    )
}

/// What a host does that nobody tells.
fn compared(shape: Shape) -> Result<Probe> {
    let memory = Buffer(filled(shape.length(), 1));
    let copy = filled(shape.length(), 1);
    let mut value = 1_u8;
    Ok(succeed(move || {
        value = value.wrapping_add(1);
        let (bytes, copied) = (memory.base(), copy.base());
        // SAFETY: both are as long as the memory.
        unsafe { libc::memcpy(copied.cast(), bytes.cast(), shape.length()) };
        shape.touch(&memory, value);
        let changed = (0..shape.length()).step_by(SYSTEM_PAGE).filter(|offset| {
            let (one, other) = (bytes.wrapping_add(*offset), copied.wrapping_add(*offset));
            // SAFETY: the page lies in both.
            unsafe { libc::memcmp(one.cast(), other.cast(), SYSTEM_PAGE) != 0 }
        });
        changed.count() == shape.touched
    }))
}

/// Pages that the system has provided.
fn filled(length: usize, value: u8) -> System {
    let region = System::reserve(length, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: it is as long as that.
    unsafe { region.base().write_bytes(value, length) };
    region
}

struct Buffer(System);

impl Base for Buffer {
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
}
