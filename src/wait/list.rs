//! Waiters in the order in which they came: a list through the waiters themselves, so that nothing is
//! allocated for one.
//!
//! The same list serves waiters on the stacks of this process's threads and waiters in memory that several
//! processes map, each at another address: it links them by their distance from an [`Origin`].

use super::primitives::AtomicU32;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// The distance of a waiter from the origin.
pub(super) type Link = usize;

/// No waiter is there.
pub(super) const NONE: Link = 0;

/// Where distances are counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(*const u8);

impl Origin {
    /// Links are addresses of this process.
    pub(super) const THIS_PROCESS: Self = Self(ptr::null());

    /// Links are offsets into something that lies here.
    pub(super) const fn at(start: *const u8) -> Self {
        Self(start)
    }

    pub(super) fn link_to(self, waiter: *const Waiter) -> Link {
        waiter.expose_provenance().wrapping_sub(self.0.addr())
    }

    fn waiter(self, link: Link) -> *const Waiter {
        if self.0.is_null() {
            ptr::with_exposed_provenance(link)
        } else {
            self.0.wrapping_add(link).cast()
        }
    }

    /// # Safety
    /// The link is one of a list, whose lock the caller has, or of [`Taken`] ones not yet released.
    pub(super) unsafe fn resolve<'a>(self, link: Link) -> &'a Waiter {
        // SAFETY: a waiter leaves its list, or is released, before it goes.
        unsafe { &*self.waiter(link) }
    }
}

/// What a waiter does, or how its wait ended. The states from [`NOTIFIED`] on are final: whoever sets one
/// must not touch the waiter any more.
pub(super) const AWAKE: u32 = 0;
/// Looks at its state again and again, and counts as one that does.
pub(super) const SPINNING: u32 = 1;
/// Sleeps on its state, or is about to.
pub(super) const ASLEEP: u32 = 2;
/// A notify has counted it.
pub(super) const NOTIFIED: u32 = 3;
/// The host ended the wait.
pub(super) const INTERRUPTED: u32 = 4;
/// The host closed the memory to waiting.
pub(super) const CLOSED: u32 = 5;

/// One wait. Its links and flags are read and written under the lock of the list; of one that has been taken, by whoever
/// took it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Waiter {
    pub(super) state: AtomicU32,
    /// Whether it is in a list. One that is not, and whose state is not final, has been taken.
    pub(super) is_queued: AtomicBool,
    /// What it waits on: an offset into the memory.
    pub(super) address: AtomicU64,
    previous: AtomicUsize,
    next: AtomicUsize,
}

impl Waiter {
    pub(super) fn new(address: u64, state: u32) -> Self {
        Self {
            state: AtomicU32::new(state),
            is_queued: AtomicBool::new(false),
            address: AtomicU64::new(address),
            previous: AtomicUsize::new(NONE),
            next: AtomicUsize::new(NONE),
        }
    }
}

/// The waiters of some addresses, first come first.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct List {
    first: AtomicUsize,
    last: AtomicUsize,
}

/// Waiters that have been taken off their list together, still linked; each is to be released once.
#[derive(Debug)]
#[must_use = "they wait until they are released"]
pub(super) struct Taken {
    first: Link,
    pub(super) count: u32,
}

impl List {
    /// Appends a waiter.
    ///
    /// # Safety
    /// The caller has the lock of the list; the waiter is in no list and stays where it is until it has left
    /// this one.
    pub(super) unsafe fn push(&self, origin: Origin, waiter: &Waiter) {
        let link = origin.link_to(waiter);
        let last = self.last.load(Relaxed);
        waiter.previous.store(last, Relaxed);
        waiter.next.store(NONE, Relaxed);
        waiter.is_queued.store(true, Relaxed);
        if last == NONE {
            self.first.store(link, Relaxed);
        } else {
            // SAFETY: the caller has the lock.
            unsafe { origin.resolve(last) }.next.store(link, Relaxed);
        }
        self.last.store(link, Relaxed);
    }

    /// Takes a waiter out.
    ///
    /// # Safety
    /// The caller has the lock of the list, and the waiter is in it.
    pub(super) unsafe fn remove(&self, origin: Origin, waiter: &Waiter) {
        let (previous, next) = (waiter.previous.load(Relaxed), waiter.next.load(Relaxed));
        // SAFETY: the caller has the lock.
        unsafe {
            if previous == NONE {
                self.first.store(next, Relaxed);
            } else {
                origin.resolve(previous).next.store(next, Relaxed);
            }
            if next == NONE {
                self.last.store(previous, Relaxed);
            } else {
                origin.resolve(next).previous.store(previous, Relaxed);
            }
        }
        waiter.is_queued.store(false, Relaxed);
    }

    /// Takes the first `count` waiters that `wanted` says yes to. Asked about a waiter, `wanted` may take it
    /// out itself and say no.
    ///
    /// # Safety
    /// The caller has the lock of the list.
    pub(super) unsafe fn take(
        &self,
        origin: Origin,
        count: u32,
        mut wanted: impl FnMut(&Waiter) -> bool,
    ) -> Taken {
        let mut taken = Taken { first: NONE, count: 0 };
        let mut last_taken: Option<&Waiter> = None;
        let mut link = self.first.load(Relaxed);
        while link != NONE && taken.count < count {
            // SAFETY: the caller has the lock.
            let waiter = unsafe { origin.resolve(link) };
            let next = waiter.next.load(Relaxed);
            if wanted(waiter) {
                // SAFETY: the caller has the lock, and the waiter was found in the list.
                unsafe { self.remove(origin, waiter) };
                waiter.next.store(NONE, Relaxed);
                match last_taken {
                    None => taken.first = link,
                    Some(last) => last.next.store(link, Relaxed),
                }
                last_taken = Some(waiter);
                taken.count = taken.count.saturating_add(1);
            }
            link = next;
        }
        taken
    }

    /// Visits every waiter.
    ///
    /// # Safety
    /// The caller has the lock of the list.
    pub(super) unsafe fn for_each(&self, origin: Origin, mut visit: impl FnMut(&Waiter)) {
        let mut link = self.first.load(Relaxed);
        while link != NONE {
            // SAFETY: the caller has the lock.
            let waiter = unsafe { origin.resolve(link) };
            // Before the visit, which may take the waiter out.
            link = waiter.next.load(Relaxed);
            visit(waiter);
        }
    }

    /// Forgets all waiters.
    pub(super) fn clear(&self) {
        self.first.store(NONE, Relaxed);
        self.last.store(NONE, Relaxed);
    }
}

impl Taken {
    /// Tells each waiter how its wait ended. `release` sets the final state and may wake it.
    ///
    /// # Safety
    /// The waiters came from a list with this origin.
    pub(super) unsafe fn release_all(self, origin: Origin, mut release: impl FnMut(&Waiter)) {
        let mut link = self.first;
        while link != NONE {
            // SAFETY: it was taken, and nobody has released it yet.
            let waiter = unsafe { origin.resolve(link) };
            link = waiter.next.load(Relaxed);
            release(waiter);
        }
    }
}
