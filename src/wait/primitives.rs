//! What the queue of one process is built from, so that a model checker can put its own in their place.

#[cfg(not(all(test, loom)))]
mod real {
    pub(crate) use crate::sys::{Scope, monotonic_nanoseconds, sleep_while, wake};
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, fence};
    pub(crate) use std::sync::Mutex;
}

/// The model checker's. Its threads sleep and wake through one condition variable, and a deadline is a
/// deadline that has passed: the checker may let the thread find that out as late as it likes.
#[cfg(all(test, loom))]
mod real {
    pub(crate) use crate::sys::{Scope, monotonic_nanoseconds};
    use core::sync::atomic::Ordering;
    use loom::sync::Condvar;
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, fence};

    loom::lazy_static! {
        static ref LOCK: Mutex<()> = Mutex::new(());
        static ref CHANGED: Condvar = Condvar::new();
    }

    pub(crate) fn sleep_while(
        word: &AtomicU32,
        expected: u32,
        deadline: Option<u64>,
        _scope: Scope,
    ) -> bool {
        if deadline.is_some() {
            return true;
        }
        let guard = LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if word.load(Ordering::Acquire) == expected {
            drop(CHANGED.wait(guard));
        }
        false
    }

    pub(crate) fn wake(_word: *const AtomicU32, _scope: Scope) {
        drop(LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        CHANGED.notify_all();
    }
}

pub(super) use real::*;
