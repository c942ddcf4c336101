//! Memories that follow one another in the slots of a pool, alone and with another thread of the
//! process at work.

use std::hint;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::PAGE;
use crate::partner::{Done, Partner};
use crate::probe::{NO_LIMIT, Probe, Sample, repeat, seen, succeed, used};
use crate::processors::Place;
use crate::row::{Result, Row};
use crate::subjects::in_place::{GivenBack, InPlace};
use crate::subjects::ours::reused::{Pool, Reused};
#[cfg(feature = "peers")]
use crate::subjects::wasmtime_pool::{self, Instances, Tuning};
use crate::subjects::{Base, Bounds, Fill, Plan, Reuse};

/// The most, in a scan for written pages and what makes them clean again.
pub(super) const GOAL: f64 = 1.3;
/// The most for a slot of a batch, in nanoseconds.
const BATCHED: f64 = 250.0;
/// The most for two threads, in times of one: together they then do 1.8 times as much.
const TWO_THREADS: f64 = 0.556;

/// The way of a pool that gives all pages back.
pub(super) const DONTNEED: &str = "DONTNEED";

pub(super) const SCAN: &str = "PAGEMAP_SCAN of the memory";
pub(super) const SCAN_MEMSET: &str =
    "the touches, PAGEMAP_SCAN of the memory, memset of what it tells";
pub(super) const SCAN_MEMCPY: &str =
    "the touches of a private mapping of a memfd, PAGEMAP_SCAN, memcpy of what it tells";
const MALLOC: &str = "malloc of 64 bytes, free";

/// Slots of a batch.
const BATCH: usize = 16;

/// The memories of a row, and how many pages of 4 KiB of each are touched.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub pages: u32,
    pub fill: Fill,
    pub touched: usize,
}

impl Shape {
    pub(super) fn plan(self) -> Plan {
        Plan { bounds: Bounds::Default, minimum: self.pages, maximum: self.pages }
    }

    pub(super) fn length(self) -> usize {
        self.pages as usize * PAGE
    }

    /// Writes to that many pages, each in 64 KiB of its own.
    pub(super) fn touch(self, memory: &impl Base, value: u8) {
        if self.touched > 0 {
            let base = memory.base();
            for at in 0..self.touched {
                // SAFETY: the memory has as many pages of 64 KiB.
                unsafe { base.add(at * PAGE).write_volatile(value) };
            }
        }
    }

    /// Whether a memory holds nothing but what it should hold when it is new.
    pub(super) fn assert_clean(self, memory: &impl Base) {
        // SAFETY: the memory is as long as that.
        let bytes = unsafe { slice::from_raw_parts(memory.base(), self.length()) };
        let clean = bytes.iter().all(|byte| *byte == self.fill.byte());
        assert!(clean, "a new memory holds what another one left");
    }
}

pub fn rows() -> Vec<Row> {
    let shapes = [
        ("untouched", Shape { pages: 1, fill: Fill::Zeros, touched: 0 }),
        ("1_page", Shape { pages: 1, fill: Fill::Zeros, touched: 1 }),
        ("16_pages", Shape { pages: 16, fill: Fill::Zeros, touched: 16 }),
        ("image_untouched", Shape { pages: 16, fill: Fill::Image, touched: 0 }),
        ("image_1_page", Shape { pages: 16, fill: Fill::Image, touched: 1 }),
        ("image_16_pages", Shape { pages: 16, fill: Fill::Image, touched: 16 }),
    ];
    let each = shapes
        .iter()
        .flat_map(|(name, shape)| [cycle(name, *shape), cycle(name, *shape).spinning()]);
    let others =
        [batch(), batch().spinning(), two_threads("pool/two_threads", Some(Pool::default()))];
    [only_store()].into_iter().chain(each).chain(others).collect()
}

/// What comes with a memory and is not counted in the other rows.
fn only_store() -> Row {
    let about = "a store without a memory, new and delete; of wasmtime with an instance in it";
    let row = Row::new("pool/without_memory", about).floor(MALLOC, malloc).ours(|| {
        let host = Reused::open(Plan::one_page(), Some(Pool::default()), Fill::Zeros)?;
        Ok(succeed(move || {
            host.only_store();
            true
        }))
    });
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime_pool::NAME, || nothing(Tuning::Default))
        .peer(wasmtime_pool::NAME_TUNED, || nothing(Tuning::KeepResident));
    row
}

fn malloc() -> Result<Probe> {
    Ok(repeat(|| {
        // SAFETY: it has no conditions.
        let block = unsafe { libc::malloc(64) };
        used(block.addr());
        // SAFETY: the block is ours.
        unsafe { libc::free(block) };
        0
    }))
}

#[cfg(feature = "peers")]
fn nothing(tuning: Tuning) -> Result<Probe> {
    let host = Instances::open(1, Fill::Zeros, tuning)?;
    Ok(succeed(move || {
        host.nothing();
        true
    }))
}

fn cycle(name: &str, shape: Shape) -> Row {
    let Shape { pages, fill, touched } = shape;
    let touch = match touched {
        0 => "".into(),
        1 => " touch one page,".into(),
        _ => format!(" touch {touched} pages,"),
    };
    let about = match (fill, pages) {
        (Fill::Zeros, 1) => format!("new of 64 KiB in a pool,{touch} delete"),
        (Fill::Zeros, _) => format!("new of 1 MiB in a pool,{touch} delete"),
        (Fill::Image, _) => format!("new from an image of 1 MiB in a pool,{touch} delete"),
    };
    let row = Row::new(format!("pool/{name}"), about);
    let in_place = move || cycled(shape, move || InPlace::open(pages, fill));
    let row = match (fill, touched) {
        (Fill::Zeros, 0) => row.floor(MALLOC, malloc),
        (Fill::Image, 0) => row.scans().floor(SCAN, in_place),
        (Fill::Zeros, _) => row.scans().goal(GOAL).floor(SCAN_MEMSET, in_place),
        (Fill::Image, _) => row.scans().floor(SCAN_MEMCPY, in_place),
    };
    let pool = Some(Pool::default());
    let row = row.ours(move || cycled(shape, move || Reused::open(shape.plan(), pool, fill)));
    let row = match touched {
        0 => row,
        _ => row.peer(DONTNEED, move || cycled(shape, move || GivenBack::open(pages, fill))),
    };
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime_pool::NAME, move || instantiated(shape, Tuning::Default))
        .peer(wasmtime_pool::NAME_TUNED, move || instantiated(shape, Tuning::KeepResident));
    row
}

/// Making a memory, touching its pages and dropping it.
pub(super) fn cycled<R: Reuse>(
    shape: Shape,
    open: impl Fn() -> Result<R> + 'static,
) -> Result<Probe> {
    assert_used_again(shape, &open()?);
    let host = open()?;
    Ok(succeed(move || {
        round(shape, &host);
        true
    }))
}

fn round(shape: Shape, host: &impl Reuse) {
    let memory = host.make();
    shape.touch(&memory, 1);
    seen(&memory);
}

/// A memory is as new, also one that follows a used one. By a host of its own: the measured one
/// shall see nothing but what is measured.
pub(super) fn assert_used_again(shape: Shape, host: &impl Reuse) {
    for _ in 0..3 * BATCH {
        let memory = host.make();
        shape.assert_clean(&memory);
        shape.touch(&memory, 1);
    }
}

/// The same by wasmtime, without what its instance takes: that is measured in each sample too, of
/// as many instances, and taken off.
#[cfg(feature = "peers")]
fn instantiated(shape: Shape, tuning: Tuning) -> Result<Probe> {
    let open = move || Instances::open(shape.pages, shape.fill, tuning);
    assert_used_again(shape, &open()?);
    let host = open()?;
    Ok(Probe::new(NO_LIMIT, move |count| {
        let start = Instant::now();
        for _ in 0..count {
            round(shape, &host);
        }
        let with_memory = Instant::now();
        for _ in 0..count {
            host.nothing();
        }
        (with_memory - start).saturating_sub(with_memory.elapsed())
    }))
}

/// Many memories at once, so that what makes them clean can be shared.
fn batch() -> Row {
    let about = "a memory of 16: new of all in slots of 64 KiB, touch one page of each, delete all";
    let floor = "the touches of 16 times 64 KiB, one PAGEMAP_SCAN, memset of what it tells, each";
    Row::new("pool/batch_16", about)
        .scans()
        .goal_ns(BATCHED)
        .floor(floor, || {
            let together = Shape { pages: BATCH as u32, fill: Fill::Zeros, touched: BATCH };
            let open = move || InPlace::open(together.pages, together.fill);
            assert_used_again(together, &open()?);
            let host = open()?;
            Ok(of_batches(move || round(together, &host)))
        })
        .ours(|| {
            let open =
                || Reused::open(checked(), Some(Pool { slot_bytes: PAGE as u64 }), Fill::Zeros);
            let each = Shape { pages: 1, fill: Fill::Zeros, touched: 1 };
            assert_used_again(each, &open()?);
            let host = open()?;
            Ok(of_batches(move || {
                let memories = [(); BATCH].map(|()| host.make());
                memories.iter().for_each(|memory| each.touch(memory, 1));
                seen(&memories);
            }))
        })
}

fn checked() -> Plan {
    Plan { bounds: Bounds::Checked, ..Plan::one_page() }
}

/// The time of one slot of the batch that a step is.
fn of_batches(mut step: impl FnMut() + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| {
        let start = Instant::now();
        for _ in 0..count {
            step();
        }
        start.elapsed() / BATCH as u32
    })
}

/// What two threads do together with one engine, in times of what one does alone.
pub(super) fn two_threads(name: &str, pool: Option<Pool>) -> Row {
    const SAMPLE: Duration = Duration::from_micros(500);

    let about =
        "new, touch one page, delete on two threads that share an engine: time over steps of both";
    Row::new(name, about)
        .pinned(2)
        .samples_of(SAMPLE)
        .goal(TWO_THREADS)
        .floor("the same by one thread alone", move || {
            cycled(ONE_PAGE, move || Reused::open(ONE_PAGE.plan(), pool, Fill::Zeros))
        })
        .ours(move || together(pool))
}

const ONE_PAGE: Shape = Shape { pages: 1, fill: Fill::Zeros, touched: 1 };

/// Where two threads wait for one another before they begin.
#[derive(Default)]
struct Gate {
    ready: AtomicBool,
    open: AtomicBool,
}

fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        hint::spin_loop();
    }
}

/// Each thread takes half of the steps, in a store of its own.
fn together(pool: Option<Pool>) -> Result<Probe> {
    let host = Reused::open(ONE_PAGE.plan(), pool, Fill::Zeros)?;
    let mut of_partner = Some(host.another());
    let partner = Partner::new(Place::Second);
    Ok(Probe::new(NO_LIMIT, move |count| {
        let theirs = count / 2;
        let gate = Arc::new(Gate::default());
        let their_gate = Arc::clone(&gate);
        let Some(their_host) = of_partner.take() else { panic!("the other thread has no store") };
        let session = partner.start(move || {
            their_gate.ready.store(true, Ordering::Release);
            spin_until(&their_gate.open);
            for _ in 0..theirs {
                round(ONE_PAGE, &their_host);
            }
            (Instant::now(), their_host)
        });
        spin_until(&gate.ready);
        let start = Instant::now();
        gate.open.store(true, Ordering::Release);
        for _ in theirs..count {
            round(ONE_PAGE, &host);
        }
        let end = Instant::now();
        let Done { value: (their_end, their_host), preempted } = session.finish();
        of_partner = Some(their_host);
        Sample { elapsed: end.max(their_end) - start, disturbed: preempted }
    }))
}
