//! How long a thread looks for its notification before it sleeps.
//!
//! Waking a thread that sleeps costs tens of microseconds where the other core has to be woken too; one
//! that looks again and again hears of it in a tenth of one, but takes a core. So a thread looks for about
//! as long as a wake costs. What is spent in vain is paid for with time in which nobody spins, many times
//! as long; so waiting costs next to nothing where it lasts, and where the cores are busy with other
//! threads.

use super::list::SPINNING;
use super::primitives::{self, monotonic_nanoseconds};
use crate::sys;
use core::hint::spin_loop;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// The longest that a wait spins.
const BUDGET_NS: u64 = 50_000;
/// After spinning in vain nobody spins for so many times as long.
const PAUSE: u64 = 32;
/// Each failure in a row doubles the pause, so many times at most.
const DOUBLINGS: u32 = 3;
/// How often a thread looks before it looks at the clock.
const LOOKS_AT_ONCE: u32 = 32;

/// What the waits at some addresses have taught.
#[derive(Debug, Default)]
pub(super) struct Experience {
    /// When spinning may be tried again, in nanoseconds of the monotonic clock; 0: it worked the last time.
    not_before: AtomicU64,
    failures: AtomicU32,
}

impl Experience {
    /// Whether it is worth trying.
    pub(super) fn is_good(&self) -> bool {
        let not_before = self.not_before.load(Relaxed);
        not_before == 0 || monotonic_nanoseconds() >= not_before
    }

    /// Spins until the state is another one, for the whole budget at most, and not past `deadline`.
    pub(super) fn spin(&self, state: &primitives::AtomicU32, deadline: Option<u64>) {
        let start = monotonic_nanoseconds();
        let end = start.saturating_add(BUDGET_NS);
        let end = deadline.map_or(end, |deadline| end.min(deadline));
        loop {
            for _ in 0..LOOKS_AT_ONCE {
                if state.load(Acquire) != SPINNING {
                    // Written only when that changes something: other threads read it.
                    if self.not_before.load(Relaxed) != 0 {
                        self.not_before.store(0, Relaxed);
                        self.failures.store(0, Relaxed);
                    }
                    return;
                }
                spin_loop();
            }
            let now = monotonic_nanoseconds();
            if now >= end {
                let failures = self.failures.load(Relaxed);
                self.failures.store(failures.saturating_add(1).min(DOUBLINGS), Relaxed);
                let pause = now.saturating_sub(start).saturating_mul(PAUSE << failures);
                self.not_before.store(now.saturating_add(pause), Relaxed);
                return;
            }
        }
    }
}

/// How many threads can run at once.
fn processors() -> u32 {
    static KNOWN: AtomicU32 = AtomicU32::new(0);
    let known = KNOWN.load(Relaxed);
    if known != 0 {
        return known;
    }
    let asked = u32::try_from(sys::processors()).unwrap_or(u32::MAX).max(1);
    KNOWN.store(asked, Relaxed);
    asked
}

/// The threads that spin at the waits of one memory: fewer than there are processors, so that one is left for
/// whoever is to notify them.
#[derive(Debug, Default)]
pub(super) struct Spinners(AtomicU32);

impl Spinners {
    /// One more, if there is a processor for it.
    pub(super) fn enter(&self) -> bool {
        if self.0.fetch_add(1, Relaxed) < processors().saturating_sub(1) {
            return true;
        }
        self.leave();
        false
    }

    /// One less: said by whoever ends the spinning, at that moment.
    pub(super) fn leave(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
