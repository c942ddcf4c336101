//! The queue of a memory that several processes have mapped.
//!
//! Everything lies in a block that all of them map, each somewhere else. A waiter takes one of a fixed
//! number of places in it; as long as it waits, its thread holds the lock of that place. A process may be
//! killed at any moment: the system then hands its locks over, which tells the others. The dead are never
//! counted by a notify. Who dies in the middle of a change of the queue leaves its lock to the next one,
//! who puts the queue together again from the places.

use super::list::{ASLEEP, AWAKE, CLOSED, INTERRUPTED, Link, List, NONE, NOTIFIED, Origin, Waiter};
use super::primitives::{Scope, sleep_while, wake};
use super::{Outcome, final_outcome};
use crate::sys::{Locked, OsError, RobustLock};
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};

const BUCKETS: usize = 64;
/// How many threads of all processes can wait at once.
const PLACES: usize = 32_768;

/// All zeros but for the lock, when nobody has waited yet.
#[repr(C)]
struct Control {
    /// Guards everything but `announced` and `closed`, which are also read without.
    lock: RobustLock,
    closed: AtomicU32,
    /// Threads that are in each list, or about to compare, or taken and not yet awake: never fewer than there
    /// are.
    announced: [AtomicU32; BUCKETS],
    lists: [List; BUCKETS],
    /// The first place that was used and is free.
    free: AtomicUsize,
    /// How many places have ever been used: these have their locks.
    used: AtomicUsize,
    /// What the next waiter is numbered.
    next_ticket: AtomicU64,
    places: [Place; PLACES],
    /// Room to sort in.
    order: UnsafeCell<[u32; PLACES]>,
}

#[repr(C)]
struct Place {
    waiter: Waiter,
    /// Held by the thread that waits here.
    life: RobustLock,
    /// The order of arrival.
    ticket: AtomicU64,
    is_used: AtomicU32,
    next_free: AtomicUsize,
}

/// How many bytes the block takes; the first of them is at a multiple of 64.
pub(crate) const CONTROL_BYTES: usize = size_of::<Control>();

/// The waiters of one memory, in all processes.
#[derive(Debug)]
pub(crate) struct CrossingQueue {
    control: NonNull<Control>,
}

// SAFETY: what lies in the block is atomic, or guarded by its lock.
unsafe impl Send for CrossingQueue {}
// SAFETY: as above.
unsafe impl Sync for CrossingQueue {}

/// The lock of a queue, held.
struct Held<'a>(&'a Control);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread has it, since the guard was made.
        unsafe { self.0.lock.unlock() };
    }
}

impl CrossingQueue {
    /// Makes a queue of a block of zeros that nobody else has mapped yet.
    ///
    /// # Safety
    /// As [`CrossingQueue::at`], and the block is writable and zero.
    pub(crate) unsafe fn initialise(block: NonNull<u8>) -> Result<Self, OsError> {
        // SAFETY: passed on.
        unsafe {
            let queue = Self::at(block);
            RobustLock::initialise(&raw mut (*queue.control.as_ptr()).lock)?;
            Ok(queue)
        }
    }

    /// The queue in a block that `initialise` was done on, here or in another process.
    ///
    /// # Safety
    /// The block has [`CONTROL_BYTES`], at a multiple of 64, and stays mapped as long as the queue is used.
    pub(crate) unsafe fn at(block: NonNull<u8>) -> Self {
        Self { control: block.cast() }
    }

    fn control(&self) -> &Control {
        // SAFETY: promised to `at`; everything in it is atomic, a lock, or such.
        unsafe { self.control.as_ref() }
    }

    /// Takes the lock; `None` if it is none any more.
    fn lock(&self) -> Option<Held<'_>> {
        let control = self.control();
        // SAFETY: initialised by whoever made the block.
        let held = match unsafe { control.lock.lock() } {
            Locked::No => return None,
            locked => (Held(control), locked),
        };
        if held.1 == Locked::Inherited {
            held.0.put_together();
        }
        Some(held.0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.control().closed.load(Acquire) != 0
    }

    /// See [`super::LocalQueue::wait`]. `None`: another process has destroyed the block.
    pub(crate) fn wait(
        &self,
        address: u64,
        is_equal: impl Fn() -> bool,
        deadline: Option<u64>,
    ) -> Option<Outcome> {
        let held = self.lock()?;
        let (list, announced) = held.bucket(address)?;
        if self.is_closed() {
            return Some(Outcome::Closed);
        }
        announced.fetch_add(1, Relaxed);
        // Between the announcement and the comparison, as in a local queue.
        fence(SeqCst);
        let place = if is_equal() { held.settle(address) } else { Err(Outcome::Mismatch) };
        let place = match place {
            Ok(place) => place,
            Err(outcome) => {
                announced.fetch_sub(1, Relaxed);
                return Some(outcome);
            }
        };
        let waiter = &place.waiter;
        // SAFETY: under the lock; the place is this thread's until it leaves it.
        unsafe { list.push(held.origin(), waiter) };
        drop(held);

        // Fails only if the wait is over.
        let _ = waiter.state.compare_exchange(AWAKE, ASLEEP, AcqRel, Acquire);
        loop {
            let is_over = waiter.state.load(Acquire) == ASLEEP
                && sleep_while(&waiter.state, ASLEEP, deadline, Scope::Machine);
            let outcome = final_outcome(waiter.state.load(Acquire));
            if outcome.is_none() && !is_over {
                continue;
            }
            let held = self.lock()?;
            // Again: it may have been set while the lock was waited for.
            let outcome = final_outcome(waiter.state.load(Acquire));
            if outcome.is_none() {
                // SAFETY: under the lock, and it is in this list.
                unsafe { list.remove(held.origin(), waiter) };
                announced.fetch_sub(1, Relaxed);
            }
            held.leave(place);
            return Some(outcome.unwrap_or(Outcome::TimedOut));
        }
    }

    /// See [`super::LocalQueue::notify`].
    pub(crate) fn notify(&self, address: u64, count: u32) -> Option<u32> {
        let announced = self.control().announced.get(super::bucket_of(address, BUCKETS))?;
        // Between the caller's store and the look for announcements, as in a local queue.
        fence(SeqCst);
        if announced.load(Relaxed) == 0 {
            return Some(0);
        }
        let at_address = |waiter: &Waiter| waiter.address.load(Relaxed) == address;
        let (list, announced) = self.control().bucket(address)?;
        Some(self.lock()?.end(list, announced, NOTIFIED, count, at_address))
    }

    /// See [`super::LocalQueue::interrupt`].
    pub(crate) fn interrupt(&self) -> Option<u32> {
        Some(self.lock()?.end_all(INTERRUPTED))
    }

    /// See [`super::LocalQueue::close`].
    pub(crate) fn close(&self) -> Option<()> {
        let held = self.lock()?;
        // Under the lock: should this thread die, the next one goes on with it.
        held.0.closed.store(1, SeqCst);
        held.end_all(CLOSED);
        Some(())
    }

    /// How many threads wait now.
    pub(crate) fn waiters(&self) -> Option<u64> {
        let held = self.lock()?;
        let mut waiters = 0u64;
        for (list, announced) in held.0.lists.iter().zip(&held.0.announced) {
            let count = |waiter: &Waiter| {
                if !held.bury_if_dead(list, announced, waiter) {
                    waiters = waiters.saturating_add(1);
                }
            };
            // SAFETY: under the lock.
            unsafe { list.for_each(held.origin(), count) };
        }
        Some(waiters)
    }
}

impl Control {
    fn bucket(&self, address: u64) -> Option<(&List, &AtomicU32)> {
        let bucket = super::bucket_of(address, BUCKETS);
        self.lists.get(bucket).zip(self.announced.get(bucket))
    }
}

impl<'a> Held<'a> {
    fn bucket(&self, address: u64) -> Option<(&'a List, &'a AtomicU32)> {
        self.0.bucket(address)
    }

    fn origin(&self) -> Origin {
        Origin::at(ptr::from_ref(self.0).cast())
    }

    fn link(&self, place: &Place) -> Link {
        self.origin().link_to(&raw const place.waiter)
    }

    /// The place at a link.
    fn place(&self, link: Link) -> Option<&'a Place> {
        let distance = link.checked_sub(offset_of!(Control, places))?;
        self.0.places.get(distance.checked_div(size_of::<Place>())?)
    }

    /// Gives this thread a place to wait in.
    fn settle(&self, address: u64) -> Result<&'a Place, Outcome> {
        if self.0.free.load(Relaxed) == NONE && self.0.used.load(Relaxed) >= PLACES {
            self.sweep();
        }
        let place = match self.place(self.0.free.load(Relaxed)) {
            Some(place) => {
                self.0.free.store(place.next_free.load(Relaxed), Relaxed);
                place
            }
            None => self.break_ground()?,
        };
        // SAFETY: the lock of a place that has been used is initialised. Nobody alive has it: the place was free.
        if unsafe { place.life.try_lock() } == Locked::No {
            return Err(Outcome::TooMany);
        }
        let ticket = self.0.next_ticket.fetch_add(1, Relaxed);
        place.ticket.store(ticket, Relaxed);
        place.waiter.address.store(address, Relaxed);
        place.waiter.state.store(AWAKE, Relaxed);
        place.waiter.is_queued.store(false, Relaxed);
        // Last: from here on whoever puts the queue together counts it in.
        place.is_used.store(1, SeqCst);
        Ok(place)
    }

    /// The first place that has never been used.
    fn break_ground(&self) -> Result<&'a Place, Outcome> {
        let used = self.0.used.load(Relaxed);
        let place = self.0.places.get(used).ok_or(Outcome::TooMany)?;
        // SAFETY: under the lock of the queue, and nobody has used this place.
        unsafe { RobustLock::initialise((&raw const place.life).cast_mut()) }
            .map_err(|_| Outcome::TooMany)?;
        self.0.used.store(used.saturating_add(1), Relaxed);
        Ok(place)
    }

    /// Gives back the place that this thread has waited in.
    fn leave(&self, place: &Place) {
        place.is_used.store(0, SeqCst);
        // SAFETY: this thread has had it since it settled.
        unsafe { place.life.unlock() };
        self.set_free(place);
    }

    fn set_free(&self, place: &Place) {
        place.next_free.store(self.0.free.load(Relaxed), Relaxed);
        self.0.free.store(self.link(place), Relaxed);
    }

    /// Whether nobody waits in a place that is used. Frees its lock then.
    fn is_dead(place: &Place) -> bool {
        // SAFETY: the lock of a used place is initialised.
        match unsafe { place.life.try_lock() } {
            Locked::No => false,
            Locked::Clean | Locked::Inherited => {
                // SAFETY: taken right above.
                unsafe { place.life.unlock() };
                true
            }
        }
    }

    /// Takes a waiter whose thread is dead out of its list.
    fn bury_if_dead(&self, list: &List, announced: &AtomicU32, waiter: &Waiter) -> bool {
        let place = self.place(self.origin().link_to(waiter));
        let Some(place) = place.filter(|place| Self::is_dead(place)) else { return false };
        // SAFETY: under the lock, and the caller found it in the list.
        unsafe { list.remove(self.origin(), waiter) };
        announced.fetch_sub(1, Relaxed);
        place.is_used.store(0, SeqCst);
        self.set_free(place);
        true
    }

    /// Ends the waits of the first `count` living waiters of a list that are `wanted`.
    fn end(
        &self,
        list: &List,
        announced: &AtomicU32,
        state: u32,
        count: u32,
        wanted: impl Fn(&Waiter) -> bool,
    ) -> u32 {
        let wanted =
            |waiter: &Waiter| wanted(waiter) && !self.bury_if_dead(list, announced, waiter);
        // SAFETY: under the lock. Places are not given back without it, so each stays until it is released.
        unsafe {
            let taken = list.take(self.origin(), count, wanted);
            let count = taken.count;
            taken.release_all(self.origin(), |waiter| {
                if waiter.state.swap(state, AcqRel) == ASLEEP {
                    wake(&raw const waiter.state, Scope::Machine);
                }
            });
            // Not before all are awake: should this thread die, the next notify has to find them announced.
            announced.fetch_sub(count, Relaxed);
            count
        }
    }

    /// Ends the waits of all living waiters.
    fn end_all(&self, state: u32) -> u32 {
        let buckets = self.0.lists.iter().zip(&self.0.announced);
        buckets
            .map(|(list, announced)| self.end(list, announced, state, u32::MAX, |_| true))
            .fold(0, u32::saturating_add)
    }

    /// The places that have ever been used.
    fn used_places(&self) -> impl Iterator<Item = &'a Place> + use<'a> {
        self.0.places.iter().take(self.0.used.load(Relaxed))
    }

    /// Frees the places of the dead, those that nobody has notified since, too.
    fn sweep(&self) {
        for place in self.used_places().filter(|place| place.is_used.load(SeqCst) != 0) {
            if place.waiter.is_queued.load(Relaxed) {
                if let Some((list, announced)) = self.bucket(place.waiter.address.load(Relaxed)) {
                    self.bury_if_dead(list, announced, &place.waiter);
                }
            } else if Self::is_dead(place) {
                place.is_used.store(0, SeqCst);
                self.set_free(place);
            }
        }
    }

    /// Makes the lists anew from the places, after somebody died while changing them.
    fn put_together(&self) {
        self.0.lists.iter().for_each(List::clear);
        self.0.free.store(NONE, Relaxed);
        // SAFETY: under the lock, which guards this, and here alone.
        let order = unsafe { &mut *self.0.order.get() };
        let mut waiting = 0;
        for (number, place) in (0u32..).zip(self.used_places()) {
            place.waiter.is_queued.store(false, Relaxed);
            if place.is_used.load(SeqCst) == 0 || Self::is_dead(place) {
                place.is_used.store(0, SeqCst);
                self.set_free(place);
            } else if final_outcome(place.waiter.state.load(Acquire)).is_some() {
                // Who ended its wait may have died before waking it.
                wake(&raw const place.waiter.state, Scope::Machine);
            } else if let Some(slot) = order.get_mut(waiting) {
                *slot = number;
                waiting = waiting.saturating_add(1);
            }
        }
        let Some(order) = order.get_mut(..waiting) else { return };
        let place = |number: &u32| {
            usize::try_from(*number).ok().and_then(|number| self.0.places.get(number))
        };
        // In the order of arrival.
        order.sort_unstable_by_key(|number| {
            place(number).map_or(0, |place| place.ticket.load(Relaxed))
        });
        let mut counts = [0u32; BUCKETS];
        for place in order.iter().filter_map(place) {
            let bucket = super::bucket_of(place.waiter.address.load(Relaxed), BUCKETS);
            if let Some((list, count)) = self.0.lists.get(bucket).zip(counts.get_mut(bucket)) {
                // SAFETY: under the lock; all lists were cleared, and each place is met once.
                unsafe { list.push(self.origin(), &place.waiter) };
                *count = count.saturating_add(1);
            }
        }
        // Last: until now each was too high, if anything, and notifiers look at them without the lock.
        for (announced, count) in self.0.announced.iter().zip(counts) {
            announced.store(count, SeqCst);
        }
        if self.0.closed.load(SeqCst) != 0 {
            self.end_all(CLOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;
    use core::alloc::Layout;
    use std::thread;
    use std::time::Duration;

    /// A queue in a block of this process. Its threads stand for processes: the system treats the locks of a
    /// thread that ends like those of a process that is killed.
    struct Alone {
        queue: CrossingQueue,
        block: NonNull<u8>,
    }

    // SAFETY: the block is touched by the queue alone, until it is freed.
    unsafe impl Sync for Alone {}

    const LAYOUT: Layout = match Layout::from_size_align(CONTROL_BYTES, 64) {
        Ok(layout) => layout,
        Err(_) => panic!("the block has a layout"),
    };

    impl Alone {
        /// `None` on systems without such locks.
        fn new() -> Option<Self> {
            if !sys::host().has_shared_files {
                return None;
            }
            // SAFETY: the layout has a size; the block is zero, and lives until the queue goes.
            unsafe {
                let block = NonNull::new(std::alloc::alloc_zeroed(LAYOUT)).unwrap();
                Some(Self { queue: CrossingQueue::initialise(block).unwrap(), block })
            }
        }

        /// Waits in another thread, and returns when that thread is in the queue.
        fn wait_in<'a>(
            &'a self,
            scope: &'a thread::Scope<'a, '_>,
            address: u64,
        ) -> thread::ScopedJoinHandle<'a, Option<Outcome>> {
            let before = self.queue.waiters().unwrap();
            let waiting = scope.spawn(move || self.queue.wait(address, || true, None));
            while self.queue.waiters().unwrap() == before {
                thread::yield_now();
            }
            waiting
        }

        /// Leaves a waiter behind whose thread is dead.
        fn leave_a_dead_waiter(&self, address: u64) {
            let die = || {
                let held = self.queue.lock().unwrap();
                let (list, announced) = held.bucket(address).unwrap();
                announced.fetch_add(1, Relaxed);
                let place = held.settle(address).unwrap();
                // SAFETY: under the lock, and a place stays where it is.
                unsafe { list.push(held.origin(), &place.waiter) };
            };
            thread::scope(|scope| scope.spawn(die).join()).unwrap();
        }

        fn announced(&self) -> u32 {
            self.queue.control().announced.iter().map(|bucket| bucket.load(Relaxed)).sum()
        }
    }

    impl Drop for Alone {
        fn drop(&mut self) {
            // SAFETY: allocated with this layout.
            unsafe { std::alloc::dealloc(self.block.as_ptr(), LAYOUT) };
        }
    }

    #[test]
    fn the_dead_are_not_counted_and_take_nobodys_turn() {
        let Some(alone) = Alone::new() else { return };
        thread::scope(|scope| {
            alone.leave_a_dead_waiter(8);
            alone.leave_a_dead_waiter(8);
            let living = alone.wait_in(scope, 8);
            alone.leave_a_dead_waiter(8);
            assert_eq!(alone.queue.notify(8, 1), Some(1));
            assert_eq!(living.join().unwrap(), Some(Outcome::Notified));
            assert_eq!(alone.queue.notify(8, u32::MAX), Some(0));
            assert_eq!((alone.queue.waiters(), alone.announced()), (Some(0), 0));
        });
        // Their places are used again.
        let places = alone.queue.control().used.load(Relaxed);
        for _ in 0..100 {
            alone.leave_a_dead_waiter(16);
            assert_eq!(alone.queue.interrupt(), Some(0));
        }
        assert_eq!(alone.queue.control().used.load(Relaxed), places);
    }

    #[test]
    fn who_dies_with_the_lock_loses_nobodys_place_in_the_queue() {
        let Some(alone) = Alone::new() else { return };
        thread::scope(|scope| {
            // So that the order of the places is not that of arrival.
            let early = [4, 4, 4].map(|address| alone.wait_in(scope, address));
            for waiting in early {
                alone.queue.notify(4, 1);
                waiting.join().unwrap();
            }
            let first = alone.wait_in(scope, 8);
            alone.leave_a_dead_waiter(8);
            let second = alone.wait_in(scope, 8);
            let elsewhere = alone.wait_in(scope, 4096);
            let third = alone.wait_in(scope, 8);
            let die_amid_a_change = || {
                let held = alone.queue.lock().unwrap();
                let (list, _) = held.bucket(8).unwrap();
                // SAFETY: under the lock. None of those taken is ever released.
                let taken = unsafe { list.take(held.origin(), 2, |_| true) };
                held.0.free.store(NONE, Relaxed);
                core::mem::forget((held, taken));
            };
            scope.spawn(die_amid_a_change).join().unwrap();
            for waiting in [first, second, third] {
                assert_eq!(alone.queue.notify(8, 1), Some(1));
                assert_eq!(waiting.join().unwrap(), Some(Outcome::Notified));
            }
            assert_eq!(alone.queue.notify(8, 1), Some(0));
            assert_eq!(alone.queue.notify(4096, 1), Some(1));
            assert_eq!(elsewhere.join().unwrap(), Some(Outcome::Notified));
            assert_eq!(alone.announced(), 0);
        });
    }

    #[test]
    fn whoever_was_counted_wakes_though_the_notifier_died_before_waking_it() {
        let Some(alone) = Alone::new() else { return };
        thread::scope(|scope| {
            let counted = alone.wait_in(scope, 8);
            // It should sleep, so that it hears of nothing by itself.
            thread::sleep(Duration::from_millis(20));
            let die_before_the_wake = || {
                let held = alone.queue.lock().unwrap();
                let (list, _) = held.bucket(8).unwrap();
                // SAFETY: under the lock.
                unsafe {
                    let taken = list.take(held.origin(), 1, |_| true);
                    taken.release_all(held.origin(), |waiter| {
                        waiter.state.store(NOTIFIED, SeqCst);
                    });
                }
                core::mem::forget(held);
            };
            scope.spawn(die_before_the_wake).join().unwrap();
            // The next notify does, though it finds nobody that waits.
            assert_eq!(alone.queue.notify(8, 1), Some(0));
            assert_eq!(counted.join().unwrap(), Some(Outcome::Notified));
        });
    }

    #[test]
    fn who_dies_while_closing_is_finished_for() {
        let Some(alone) = Alone::new() else { return };
        thread::scope(|scope| {
            let waiting = alone.wait_in(scope, 8);
            let die_while_closing = || {
                let held = alone.queue.lock().unwrap();
                held.0.closed.store(1, SeqCst);
                core::mem::forget(held);
            };
            scope.spawn(die_while_closing).join().unwrap();
            assert_eq!(alone.queue.notify(8, 1), Some(0));
            assert_eq!(waiting.join().unwrap(), Some(Outcome::Closed));
            assert_eq!(alone.queue.wait(8, || true, None), Some(Outcome::Closed));
        });
    }

    /// Rebuilding once counted from zero, and notifiers that looked meanwhile found nobody.
    #[test]
    fn while_the_queue_is_put_together_its_waiters_stay_announced() {
        let Some(alone) = Alone::new() else { return };
        let done = core::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting = [(); 8].map(|()| alone.wait_in(scope, 8));
            let looking = scope.spawn(|| {
                let (_, announced) = alone.queue.control().bucket(8).unwrap();
                let mut fewest = u32::MAX;
                while !done.load(Relaxed) {
                    fewest = fewest.min(announced.load(Relaxed));
                }
                fewest
            });
            for _ in 0..20_000 {
                alone.queue.lock().unwrap().put_together();
            }
            done.store(true, Relaxed);
            assert_eq!(looking.join().unwrap(), 8);
            assert_eq!(alone.queue.notify(8, u32::MAX), Some(8));
            for waiting in waiting {
                assert_eq!(waiting.join().unwrap(), Some(Outcome::Notified));
            }
        });
    }

    #[test]
    fn the_dead_whom_nobody_notifies_give_their_places_back() {
        let Some(alone) = Alone::new() else { return };
        // The system looks after no more than 2048 locks of one thread.
        const EACH: u64 = 1024;
        let die_waiting = |first: u64| {
            let held = alone.queue.lock().unwrap();
            for number in first..first + EACH {
                let (list, announced) = held.bucket(number * 4).unwrap();
                announced.fetch_add(1, Relaxed);
                let place = held.settle(number * 4).unwrap();
                // SAFETY: under the lock, and a place stays where it is.
                unsafe { list.push(held.origin(), &place.waiter) };
            }
        };
        for first in (0..PLACES as u64).step_by(EACH as usize) {
            thread::scope(|scope| scope.spawn(move || die_waiting(first)).join()).unwrap();
        }
        assert_eq!(alone.queue.wait(8, || true, Some(1)), Some(Outcome::TimedOut));
        assert_eq!(alone.announced(), 0);
    }

    #[test]
    fn whoever_was_counted_was_notified_and_nobody_else() {
        const THREADS: u64 = 3;
        let Some(alone) = Alone::new() else { return };
        let (word, left) = (AtomicU32::new(0), AtomicU64::new(THREADS));
        thread::scope(|scope| {
            let waiters = [(); THREADS as usize].map(|()| {
                scope.spawn(|| {
                    let mut notified = 0u64;
                    for round in 0..3000 {
                        // Some of them before they sleep, some long after.
                        let deadline = sys::monotonic_nanoseconds() + round % 60 * 1000;
                        let is_equal = || word.load(SeqCst) == 0;
                        let outcome = alone.queue.wait(8, is_equal, Some(deadline)).unwrap();
                        if outcome == Outcome::TimedOut {
                            assert!(sys::monotonic_nanoseconds() >= deadline);
                        }
                        notified += u64::from(outcome == Outcome::Notified);
                    }
                    left.fetch_sub(1, SeqCst);
                    notified
                })
            });
            let mut counted = 0;
            while left.load(SeqCst) != 0 {
                word.fetch_xor(1, SeqCst);
                counted += u64::from(alone.queue.notify(8, 2).unwrap());
            }
            let notified: u64 = waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum();
            assert_eq!(counted, notified);
            assert_eq!(alone.announced(), 0);
        });
    }

    #[test]
    fn when_every_place_is_taken_one_more_is_too_many() {
        let Some(alone) = Alone::new() else { return };
        let held = alone.queue.lock().unwrap();
        let (list, announced) = held.bucket(8).unwrap();
        let settle = |_| {
            let place = held.settle(8).unwrap();
            // SAFETY: under the lock, and a place stays where it is.
            unsafe { list.push(held.origin(), &place.waiter) };
            announced.fetch_add(1, Relaxed);
            place
        };
        let places: Vec<_> = (0..PLACES).map(settle).collect();
        assert_eq!(held.settle(8).map(drop), Err(Outcome::TooMany));
        drop(held);
        assert_eq!(alone.queue.wait(8, || true, None), Some(Outcome::TooMany));
        assert_eq!(alone.queue.notify(8, u32::MAX), Some(32_768));
        let held = alone.queue.lock().unwrap();
        places.into_iter().for_each(|place| held.leave(place));
        drop(held);
        assert_eq!(alone.queue.wait(8, || true, Some(1)), Some(Outcome::TimedOut));
        assert_eq!(alone.announced(), 0);
    }

    #[test]
    fn places_of_those_who_died_after_their_wait_are_found_again() {
        let Some(alone) = Alone::new() else { return };
        let die_unheard = || {
            let held = alone.queue.lock().unwrap();
            for _ in 0..PLACES {
                let place = held.settle(8).unwrap();
                place.waiter.state.store(NOTIFIED, Relaxed);
            }
        };
        thread::scope(|scope| scope.spawn(die_unheard).join()).unwrap();
        assert_eq!(alone.queue.wait(8, || true, Some(1)), Some(Outcome::TimedOut));
    }
}
