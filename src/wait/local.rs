//! The queue of a memory that one process has.
//!
//! Waiters lie on the stacks of their threads, in lists by address; an address picks one of a fixed number
//! of buckets, each with a lock of its own. Nothing is allocated for a wait, and nothing stays behind.
//!
//! # Why no notification is lost
//!
//! A notifier that finds nobody announced in its bucket goes away without the lock. A waiter announces
//! itself first and compares the value after that, a notifier's value is written before it looks for
//! announcements, and each has a sequentially consistent fence in between. So either the notifier sees the
//! announcement, or the waiter sees the new value. A notifier that saw an announcement takes the lock,
//! under which waiters compare and enter the list as one step.
//!
//! # Who ends a wait
//!
//! Whoever takes a waiter off the list under the lock: a notifier, who then counts it, or the waiter itself
//! when its time is over. A waiter that finds itself taken when its time is over has been counted, and waits for
//! the final state that is about to be set. After setting it nobody touches the waiter.

use super::list::{
    ASLEEP, AWAKE, CLOSED, INTERRUPTED, List, NOTIFIED, Origin, SPINNING, Taken, Waiter,
};
use super::primitives::{AtomicBool, AtomicU32, Mutex, Scope, fence, sleep_while, wake};
use super::spin::{Experience, Spinners};
use super::{Outcome, final_outcome};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use std::sync::PoisonError;

/// How many buckets there are. Waiters of other addresses in a bucket are stepped over, so this is about
/// the number of threads that wait, not of addresses.
const BUCKETS: usize = if cfg!(all(test, loom)) { 1 } else { 64 };

const ORIGIN: Origin = Origin::THIS_PROCESS;

/// On a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Bucket {
    /// Threads that are in the list, or about to look whether they should be.
    announced: AtomicU32,
    experience: Experience,
    list: Mutex<List>,
}

/// The waiters of one memory.
#[derive(Debug)]
pub(crate) struct LocalQueue {
    closed: AtomicBool,
    spinners: Spinners,
    buckets: [Bucket; BUCKETS],
}

impl LocalQueue {
    pub(crate) fn new() -> Self {
        let bucket = |_| Bucket {
            announced: AtomicU32::new(0),
            experience: Experience::default(),
            list: Mutex::new(List::default()),
        };
        Self {
            closed: AtomicBool::new(false),
            spinners: Spinners::default(),
            buckets: core::array::from_fn(bucket),
        }
    }

    #[inline]
    fn bucket(&self, address: u64) -> &Bucket {
        let [first, ..] = &self.buckets;
        self.buckets.get(super::bucket_of(address, BUCKETS)).unwrap_or(first)
    }

    /// Whether waiting is over for good.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// Waits on `address` for a notification, if `is_equal` says that the value there is the expected one;
    /// until `deadline`, in nanoseconds of the monotonic clock, or without end.
    pub(crate) fn wait(
        &self,
        address: u64,
        is_equal: impl Fn() -> bool,
        deadline: Option<u64>,
    ) -> Outcome {
        let bucket = self.bucket(address);
        let one_more = |announced: u32| announced.checked_add(1);
        if bucket.announced.fetch_update(SeqCst, Relaxed, one_more).is_err() {
            return Outcome::TooMany;
        }
        // Between the announcement and the comparison: see above.
        fence(SeqCst);
        let spins = bucket.experience.is_good() && self.spinners.enter();
        let waiter = Waiter::new(address, if spins { SPINNING } else { AWAKE });
        let list = bucket.lock();
        let refusal = if self.closed.load(SeqCst) {
            Some(Outcome::Closed)
        } else if !is_equal() {
            Some(Outcome::Mismatch)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            drop(list);
            bucket.announced.fetch_sub(1, Relaxed);
            if spins {
                self.spinners.leave();
            }
            return refusal;
        }
        // SAFETY: under the lock; `sleep` returns when the waiter has been taken out and released.
        unsafe { list.push(ORIGIN, &waiter) };
        drop(list);
        // A model checker's threads have nothing to gain from looking twice.
        if spins && !cfg!(loom) {
            bucket.experience.spin(&waiter.state, deadline);
        }
        self.sleep(bucket, &waiter, deadline)
    }

    /// Sleeps until the waiter's state is final, or its time is over.
    fn sleep(&self, bucket: &Bucket, waiter: &Waiter, mut deadline: Option<u64>) -> Outcome {
        let state = &waiter.state;
        let before = state.load(Acquire);
        if let Some(outcome) = final_outcome(before) {
            return outcome;
        }
        if let Err(now) = state.compare_exchange(before, ASLEEP, Acquire, Acquire) {
            // Nothing but the end of the wait comes in between.
            return final_outcome(now).unwrap_or(Outcome::Interrupted);
        }
        if before == SPINNING {
            self.spinners.leave();
        }
        loop {
            let is_over = sleep_while(state, ASLEEP, deadline, Scope::Process);
            if let Some(outcome) = final_outcome(state.load(Acquire)) {
                return outcome;
            }
            if !is_over {
                continue;
            }
            let list = bucket.lock();
            if waiter.is_queued.load(Relaxed) {
                // SAFETY: under the lock, and it is in this list.
                unsafe { list.remove(ORIGIN, waiter) };
                drop(list);
                bucket.announced.fetch_sub(1, Relaxed);
                return Outcome::TimedOut;
            }
            // It has been taken, so the final state is on its way.
            deadline = None;
        }
    }

    /// Wakes the first `count` waiters of `address`, and says how many there were.
    #[inline]
    pub(crate) fn notify(&self, address: u64, count: u32) -> u32 {
        let bucket = self.bucket(address);
        // Between the caller's store and the look for announcements: see above.
        fence(SeqCst);
        if bucket.announced.load(Relaxed) == 0 {
            return 0;
        }
        self.notify_some(bucket, address, count)
    }

    #[cold]
    #[inline(never)]
    fn notify_some(&self, bucket: &Bucket, address: u64, count: u32) -> u32 {
        let taken = bucket.take(count, |waiter| waiter.address.load(Relaxed) == address);
        let count = taken.count;
        self.release(taken, NOTIFIED);
        count
    }

    /// Sets the final state of waiters, under no lock: one that wakes on this core goes on at once.
    fn release(&self, taken: Taken, state: u32) {
        let release = |waiter: &Waiter| {
            let word = &raw const waiter.state;
            // Release: what the notifier did before comes before what the waiter does after. From here on
            // the waiter may be gone, and its address is only a number.
            match waiter.state.swap(state, AcqRel) {
                ASLEEP => wake(word, Scope::Process),
                SPINNING => self.spinners.leave(),
                _ => {}
            }
        };
        // SAFETY: they came from a list with this origin.
        unsafe { taken.release_all(ORIGIN, release) };
    }

    /// Ends all waits, and says how many they were. None is released before all have been taken: a thread that
    /// waits again would be taken again.
    fn end_all(&self, state: u32) -> u32 {
        let taken = self.buckets.each_ref().map(|bucket| bucket.take(u32::MAX, |_| true));
        let count = taken.iter().map(|taken| taken.count).fold(0, u32::saturating_add);
        taken.into_iter().for_each(|taken| self.release(taken, state));
        count
    }

    /// Ends all waits as interrupted, and says how many they were.
    pub(crate) fn interrupt(&self) -> u32 {
        self.end_all(INTERRUPTED)
    }

    /// Ends all waits, and refuses later ones.
    pub(crate) fn close(&self) {
        // Before the locks: a waiter that enters a list after this has seen it.
        self.closed.store(true, SeqCst);
        self.end_all(CLOSED);
    }

    /// How many threads wait now.
    pub(crate) fn waiters(&self) -> u64 {
        let mut waiters = 0u64;
        for bucket in &self.buckets {
            // SAFETY: under the lock.
            unsafe { bucket.lock().for_each(ORIGIN, |_| waiters = waiters.saturating_add(1)) };
        }
        waiters
    }
}

impl Bucket {
    /// Takes the first `count` waiters that are `wanted`.
    fn take(&self, count: u32, wanted: impl Fn(&Waiter) -> bool) -> Taken {
        let list = self.lock();
        // SAFETY: under the lock.
        let taken = unsafe { list.take(ORIGIN, count, wanted) };
        drop(list);
        if taken.count != 0 {
            self.announced.fetch_sub(taken.count, Relaxed);
        }
        taken
    }

    #[cfg(not(all(test, loom)))]
    fn lock(&self) -> std::sync::MutexGuard<'_, List> {
        // Nothing panics while the lock is held; if it were otherwise, the list would be whole.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(all(test, loom))]
    fn lock(&self) -> loom::sync::MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl LocalQueue {
    /// Whether nothing is left of any wait.
    pub(super) fn is_as_new(&self) -> bool {
        self.waiters() == 0
            && self.spinners.count() == 0
            && self.buckets.iter().all(|bucket| bucket.announced.load(Relaxed) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_more_than_can_be_counted_is_refused() {
        let queue = LocalQueue::new();
        queue.bucket(8).announced.store(u32::MAX, Relaxed);
        assert_eq!(queue.wait(8, || true, None), Outcome::TooMany);
        queue.bucket(8).announced.store(u32::MAX - 1, Relaxed);
        assert_eq!(queue.wait(8, || true, Some(1)), Outcome::TimedOut);
        assert_eq!(queue.bucket(8).announced.load(Relaxed), u32::MAX - 1);
    }

    #[test]
    fn a_wait_that_is_over_leaves_nothing_behind() {
        let queue = LocalQueue::new();
        for address in (0..100_000u64).step_by(4) {
            assert_eq!(queue.wait(address, || true, Some(1)), Outcome::TimedOut);
            assert_eq!(queue.wait(address, || false, None), Outcome::Mismatch);
        }
        assert!(queue.is_as_new());
    }
}
