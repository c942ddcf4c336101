//! Who lives in an engine, and what its regions take: numbers for who asks, at next to no cost for who does not.
//!
//! No number is a counter that all threads share. Each thread counts in the stripe that it prefers what comes and, apart
//! from it, what goes, also where another thread has seen it come. Stores keep the books of their memories
//! themselves: they are known here, and asked.
//!
//! A sum is made stripe by stripe and store by store, what has gone first: nobody is seen to go who was not seen to come.
//! What is there from its beginning to its end is in it, once; what comes or goes meanwhile is in it once or not
//! at all.

#![forbid(unsafe_code)]

use crate::alloc::Ref;
use crate::error::Error;
use crate::try_lock::TryLock;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Threads beyond these share stripes.
const STRIPES: usize = 16;
/// A stripe that has known more stores than this gives their room back when the last is gone.
const ROOM_KEPT: usize = 1024;

/// Which part of what is divided among threads a thread prefers: they get numbers one after the other.
pub(crate) fn home() -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    let number = NUMBER.get();
    if number != 0 {
        return number as usize;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
    NUMBER.set(number);
    number as usize
}

/// The books of a store.
pub(crate) trait Books: Send + Sync {
    /// How many memories are the store's alone, and the sum of their lengths in bytes; `None` when the store is gone.
    fn own_memories(&self) -> Option<(u64, u64)>;
}

/// What is counted of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) stores: u64,
    pub(crate) memories: u64,
    pub(crate) byte_length: u64,
    pub(crate) reserved_bytes: u64,
    pub(crate) committed_bytes: u64,
    pub(crate) mappings: u64,
}

#[derive(Default)]
pub(crate) struct Census {
    stripes: [Stripe; STRIPES],
}

/// One thread's, mostly.
#[derive(Default)]
#[repr(align(128))]
struct Stripe {
    come: Sums,
    gone: Sums,
    stores: TryLock<Stores>,
}

/// Each only ever rises, round and round.
#[derive(Default)]
struct Sums {
    /// Memories that are in no store, or in several, and their lengths.
    memories: AtomicU64,
    byte_length: AtomicU64,
    reserved_bytes: AtomicU64,
    committed_bytes: AtomicU64,
    mappings: AtomicU64,
}

#[derive(Default)]
struct Stores {
    places: Vec<Option<Ref<dyn Books>>>,
    /// Which of them are empty. Has room for all.
    free: Vec<usize>,
}

/// Where a store is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    stripe: usize,
    index: usize,
}

/// What a region takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) reserved_bytes: u64,
    pub(crate) committed_bytes: u64,
    pub(crate) mappings: u64,
}

impl Stripe {
    /// A number that `of` finds in the sums was `from`, and is `to` now.
    fn change(&self, of: impl Fn(&Sums) -> &AtomicU64, from: u64, to: u64) {
        // Release: who sees that it goes sees that it has come.
        if to > from {
            of(&self.come).fetch_add(to.wrapping_sub(from), Ordering::Release);
        } else if to < from {
            of(&self.gone).fetch_add(from.wrapping_sub(to), Ordering::Release);
        }
    }
}

impl Census {
    /// The stripe of the calling thread.
    fn stripe(&self) -> Option<&Stripe> {
        self.stripes.get(home() % STRIPES)
    }

    /// A memory that no store keeps the books of comes, with so many bytes.
    pub(crate) fn memory_comes(&self, bytes: usize) {
        if let Some(stripe) = self.stripe() {
            stripe.change(|sums| &sums.memories, 0, 1);
            stripe.change(|sums| &sums.byte_length, 0, bytes as u64);
        }
    }

    /// It has another length.
    pub(crate) fn memory_changes(&self, from: usize, to: usize) {
        if let Some(stripe) = self.stripe() {
            stripe.change(|sums| &sums.byte_length, from as u64, to as u64);
        }
    }

    /// It goes.
    pub(crate) fn memory_goes(&self, bytes: usize) {
        if let Some(stripe) = self.stripe() {
            stripe.change(|sums| &sums.byte_length, bytes as u64, 0);
            stripe.change(|sums| &sums.memories, 1, 0);
        }
    }

    /// A region takes something else than before.
    pub(crate) fn region_changes(&self, from: Taken, to: Taken) {
        if let Some(stripe) = self.stripe() {
            stripe.change(|sums| &sums.reserved_bytes, from.reserved_bytes, to.reserved_bytes);
            stripe.change(|sums| &sums.committed_bytes, from.committed_bytes, to.committed_bytes);
            stripe.change(|sums| &sums.mappings, from.mappings, to.mappings);
        }
    }

    /// Makes the books of a store known. `None`: no lock was to be had, which happens in the child of a fork at most.
    pub(crate) fn enrol(&self, books: Ref<dyn Books>) -> Result<Option<Place>, Error> {
        const ATTEMPTS: usize = 20_000;
        let first = home();
        for attempt in 0..ATTEMPTS {
            let stripe = first.wrapping_add(attempt) % STRIPES;
            let Some(mut stores) = self.stripes.get(stripe).and_then(|own| own.stores.attempt())
            else {
                std::thread::yield_now();
                continue;
            };
            let stores = &mut *stores;
            let index = match stores.free.pop() {
                Some(index) => index,
                None => {
                    let index = stores.places.len();
                    let bytes = size_of::<Option<Ref<dyn Books>>>();
                    stores.places.try_reserve(1).map_err(|_| Error::OutOfHeap(bytes))?;
                    let missing = stores.places.len().saturating_add(1);
                    stores.free.try_reserve(missing).map_err(|_| Error::OutOfHeap(bytes))?;
                    stores.places.push(None);
                    index
                }
            };
            if let Some(place) = stores.places.get_mut(index) {
                *place = Some(books);
            }
            return Ok(Some(Place { stripe, index }));
        }
        Ok(None)
    }

    /// Forgets the books of a store that is gone. They are dropped under no lock.
    pub(crate) fn strike(&self, place: Place) {
        let Some(stripe) = self.stripes.get(place.stripe) else { return };
        // Where no lock is to be had, the books stay, and say themselves that the store is gone.
        let Some(mut stores) = stripe.stores.patiently() else { return };
        let books = stores.places.get_mut(place.index).and_then(Option::take);
        stores.free.push(place.index);
        if stores.free.len() == stores.places.len() && stores.places.len() > ROOM_KEPT {
            *stores = Stores::default();
        }
        drop(stores);
        drop(books);
    }

    /// The sums.
    pub(crate) fn count(&self) -> Count {
        let mut count = Count::default();
        for stripe in &self.stripes {
            let mut index = 0usize;
            // One at a time, so that nobody who makes a store waits for more than one look.
            loop {
                let Some(stores) = stripe.stores.patiently() else { break };
                let Some(place) = stores.places.get(index) else { break };
                let books = place.clone();
                drop(stores);
                index = index.wrapping_add(1);
                if let Some((memories, bytes)) = books.and_then(|books| books.own_memories()) {
                    count.stores = count.stores.wrapping_add(1);
                    count.memories = count.memories.wrapping_add(memories);
                    count.byte_length = count.byte_length.wrapping_add(bytes);
                }
            }
        }
        // After the stores: those that have memories of other processes too have just looked at them.
        let gone = self.sum(|stripe| &stripe.gone);
        let come = self.sum(|stripe| &stripe.come);
        let there = |come: u64, gone: u64| come.wrapping_sub(gone);
        count.memories = count.memories.wrapping_add(there(come.memories, gone.memories));
        count.byte_length =
            count.byte_length.wrapping_add(there(come.byte_length, gone.byte_length));
        count.reserved_bytes = there(come.reserved_bytes, gone.reserved_bytes);
        count.committed_bytes = there(come.committed_bytes, gone.committed_bytes);
        count.mappings = there(come.mappings, gone.mappings);
        count
    }

    fn sum(&self, of: impl Fn(&Stripe) -> &Sums) -> Count {
        let mut count = Count::default();
        for sums in self.stripes.iter().map(of) {
            // Acquire: see `change`.
            let add = |sum: &mut u64, counter: &AtomicU64| {
                *sum = sum.wrapping_add(counter.load(Ordering::Acquire));
            };
            add(&mut count.memories, &sums.memories);
            add(&mut count.byte_length, &sums.byte_length);
            add(&mut count.reserved_bytes, &sums.reserved_bytes);
            add(&mut count.committed_bytes, &sums.committed_bytes);
            add(&mut count.mappings, &sums.mappings);
        }
        count
    }
}

impl core::fmt::Debug for Census {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.count().fmt(f)
    }
}
