//! What a column of a row does: an operation, run as often as asked, timed without its preparations.

use std::arch::asm;
use std::time::{Duration, Instant};

/// More steps than any sample needs: a calibration that a clever optimiser fools still ends.
pub const NO_LIMIT: u64 = 1 << 32;

/// One operation of one subject, ready to be timed.
pub struct Probe {
    /// The most steps that one sample can hold.
    pub limit: u64,
    run: Box<dyn FnMut(u64) -> Sample>,
}

/// What some steps took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub elapsed: Duration,
    /// Something that only the probe can know was not as it should be: the sample tells nothing.
    pub disturbed: bool,
}

impl From<Duration> for Sample {
    fn from(elapsed: Duration) -> Self {
        Self { elapsed, disturbed: false }
    }
}

impl Probe {
    /// Takes `count` steps, at most `limit`.
    pub fn run(&mut self, count: u64) -> Sample {
        (self.run)(count)
    }

    /// A probe that is handed the number of steps and says how long they took.
    pub fn new<S: Into<Sample>>(limit: u64, mut run: impl FnMut(u64) -> S + 'static) -> Self {
        Self { limit, run: Box::new(move |count| run(count).into()) }
    }
}

/// Keeps the optimiser from dropping what led to `value`, and from knowing any memory afterwards.
/// Unlike `black_box` it stores nothing: a store in flight can slow the copy behind it by a third.
pub fn used(value: usize) {
    // SAFETY: there is no instruction in it.
    unsafe { asm!("/* {} */", in(reg) value, options(nostack, preserves_flags)) }
}

/// Keeps the optimiser from dropping what was written to `place`.
pub fn seen<T>(place: &T) {
    used(std::ptr::from_ref(place).addr());
}

/// The same step again and again; what it returns counts as used.
pub fn repeat(mut step: impl FnMut() -> usize + 'static) -> Probe {
    Probe::new(NO_LIMIT, move |count| {
        let start = Instant::now();
        for _ in 0..count {
            used(step());
        }
        start.elapsed()
    })
}

/// The same step again and again; every one must succeed.
pub fn succeed(mut step: impl FnMut() -> bool + 'static) -> Probe {
    consume(NO_LIMIT, || (), move |()| step())
}

/// Steps that each want a preparation of the same thing, untimed: one step to a sample. Every step
/// must succeed.
pub fn prepared<T: 'static>(
    mut subject: T,
    mut prepare: impl FnMut(&mut T) + 'static,
    mut step: impl FnMut(&mut T) -> bool + 'static,
) -> Probe {
    Probe::new(1, move |_one| {
        prepare(&mut subject);
        let start = Instant::now();
        let good = step(&mut subject);
        let elapsed = start.elapsed();
        assert!(good, "a measured call failed");
        elapsed
    })
}

/// Steps that use something up: `make` provides it afresh for each sample, untimed, and one such
/// thing lasts for `limit` steps. Every step must succeed.
pub fn consume<T: 'static>(
    limit: u64,
    mut make: impl FnMut() -> T + 'static,
    mut step: impl FnMut(&mut T) -> bool + 'static,
) -> Probe {
    Probe::new(limit, move |count| {
        let mut subject = make();
        let mut good = true;
        let start = Instant::now();
        for _ in 0..count {
            good &= step(&mut subject);
            seen(&subject);
        }
        let elapsed = start.elapsed();
        assert!(good, "a measured call failed");
        elapsed
    })
}
