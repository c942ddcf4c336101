//! What another thread of the process does while a row is measured.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::subjects::floor::System;

/// The kinds of company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// No other thread.
    Alone,
    /// A thread that computes: closing or unmapping pages must interrupt it.
    Spinning,
    /// A thread that maps, touches and unmaps 64 KiB: it also holds the lock of the address space.
    Mapping,
}

/// A thread that runs until it is dropped.
pub struct Companion {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    rounds: AtomicU64,
}

impl Companion {
    /// Starts the thread, if `company` asks for one.
    pub fn start(company: Company) -> Option<Self> {
        let round: fn() = match company {
            Company::Alone => return None,
            Company::Spinning => std::hint::spin_loop,
            Company::Mapping => map_and_unmap,
        };
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !of_thread.stop.load(Ordering::Relaxed) {
                round();
                of_thread.rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        Some(Self { shared, thread: Some(thread) })
    }

    /// Waits until the thread has done something, at most `patience`: whether it has.
    pub fn advances_within(&self, patience: Duration) -> bool {
        let before = self.shared.rounds.load(Ordering::Relaxed);
        let start = Instant::now();
        while self.shared.rounds.load(Ordering::Relaxed) == before {
            if start.elapsed() > patience {
                return false;
            }
            std::hint::spin_loop();
        }
        true
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say: it cannot fail but by a panic, which it has then printed.
            let _ = thread.join();
        }
    }
}

fn map_and_unmap() {
    let region = System::reserve(crate::PAGE, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: the region is writable and as long as a page.
    unsafe { ptr::write_volatile(region.base(), 1) };
}
