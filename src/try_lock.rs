//! A lock that is only ever tried: taking it is one atomic operation, and giving it back is a store.
//!
//! There is no queue and no sleep. Whoever finds it taken does something else, or looks again after others had
//! the processor.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

/// A value that one thread has at a time.
#[derive(Default)]
pub(crate) struct TryLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is used by one thread at a time, the one that has taken the lock.
unsafe impl<T: Send> Sync for TryLock<T> {}

impl<T> TryLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, if nobody has it.
    #[inline]
    pub(crate) fn attempt(&self) -> Option<Taken<'_, T>> {
        let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
        self.taken.compare_exchange(false, true, success, failure).ok().map(|_| Taken(self))
    }

    /// The value, when nobody has it any more. In the child of a fork that may be never, unless somebody sees to it: see
    /// [`TryLock::give_up_for_others`].
    pub(crate) fn wait(&self) -> Taken<'_, T> {
        const YIELDS: u32 = 100;
        let mut attempts = 0u32;
        loop {
            if let Some(taken) = self.attempt() {
                return taken;
            }
            if attempts < YIELDS {
                attempts = attempts.wrapping_add(1);
                std::thread::yield_now();
            } else {
                // Whoever has it does not get the processor.
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    /// Takes the lock away from whoever has it: for the child of a fork, in which that thread does not exist, and for who has
    /// forgotten what it took.
    pub(crate) fn give_up_for_others(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// The value, unless somebody has it for much longer than anybody should: in the child of a fork, whoever had it
    /// is gone.
    pub(crate) fn patiently(&self) -> Option<Taken<'_, T>> {
        const ATTEMPTS: u32 = 20_000;
        (0..ATTEMPTS).find_map(|_| {
            let taken = self.attempt();
            if taken.is_none() {
                std::thread::yield_now();
            }
            taken
        })
    }
}

impl<T> core::fmt::Debug for TryLock<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TryLock").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// The lock, taken; dropping this gives it back.
pub(crate) struct Taken<'a, T>(&'a TryLock<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this is the only one there is.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this is the only one there is.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_has_it_at_a_time() {
        let lock = TryLock::<u64>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *lock.patiently().unwrap() += 1));
            }
        });
        let taken = lock.attempt().unwrap();
        assert_eq!(*taken, 40_000);
        assert!(lock.attempt().is_none());
    }
}
