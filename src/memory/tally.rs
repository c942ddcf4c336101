//! What others want to know of a memory: its store, and its engine.

use super::{Kept, Memory};
use core::sync::atomic::{AtomicU64, Ordering};

/// What there is to see of a memory from any thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) byte_length: u64,
    pub(crate) grow_count: u64,
    pub(crate) grow_failures: u64,
}

/// How often memories have changed of which a store that has them may not know: those that are shared, and those that
/// were used past their stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Foreign {
    shared: u64,
    bypassed: u64,
}

static SHARED: AtomicU64 = AtomicU64::new(0);
static BYPASSED: AtomicU64 = AtomicU64::new(0);

impl Foreign {
    /// Up to now. What happens later may have been seen all the same.
    #[inline]
    pub(crate) fn now() -> Self {
        // Acquire: the changes themselves are seen after this.
        Self { shared: SHARED.load(Ordering::Acquire), bypassed: BYPASSED.load(Ordering::Acquire) }
    }

    /// Whether there is something newer: of shared memories too, for whom has any.
    #[inline]
    pub(crate) fn is_outdated(&self, has_shared: bool) -> bool {
        // Acquire: see `now`.
        BYPASSED.load(Ordering::Acquire) != self.bypassed
            || has_shared && SHARED.load(Ordering::Acquire) != self.shared
    }

    /// Whether memories were used past their stores since `earlier`.
    pub(crate) fn has_bypassed(&self, earlier: &Self) -> bool {
        self.bypassed != earlier.bypassed
    }

    /// A shared memory has changed.
    pub(super) fn note_shared() {
        SHARED.fetch_add(1, Ordering::Release);
    }
}

impl Memory {
    /// What there is to see of the memory. It may be called on any thread, also for a memory that is not shared: it
    /// touches nothing but what is atomic.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            byte_length: self.byte_length() as u64,
            grow_count: self.counters.grow_count.load(Ordering::Relaxed),
            grow_failures: self.counters.grow_failures.load(Ordering::Relaxed),
        }
    }

    /// Whether other processes have the memory too.
    pub(crate) fn is_exported(&self) -> bool {
        self.is_exported
    }

    /// Counts another length, where no store keeps the memory's books.
    #[inline]
    pub(super) fn count_change(&self, from: usize, to: usize) {
        if let Kept::Own(engine) = &self.engine {
            engine.census().memory_changes(from, to);
        }
    }

    /// Something may have happened to the memory that its store was not told.
    #[inline]
    pub(super) fn note_bypass(&self) {
        if let Kept::Lent(_) = &self.engine {
            BYPASSED.fetch_add(1, Ordering::Release);
        }
    }
}
