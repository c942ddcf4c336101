//! A memory in its store: what a handle refers to.

use super::limiter::{Deciding, Request};
use super::{MemoryFuture, Place, Store};
use crate::alloc::Ref;
use crate::error::Error;
use crate::memory::{Growth, Memory};
use crate::units::Pages;
use core::ops::Deref;

/// A memory and the store whose limits it obeys.
#[derive(Debug)]
pub(crate) struct Member {
    // Before the place, and so before the store: what the host attached to the memory ends before what it
    // gave to the store.
    memory: Ref<Memory>,
    place: Place,
}

impl Drop for Member {
    fn drop(&mut self) {
        // The account reads the memory's length.
        self.place.leave();
    }
}

impl Member {
    pub(super) fn admit(place: Place, memory: Ref<Memory>) -> Result<StoreMemory, Error> {
        Ok(StoreMemory(Ref::try_new(Self { memory, place })?))
    }

    #[inline]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn store(&self) -> &Store {
        &self.place.store
    }

    /// Whether both are the same memory, through whichever stores.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.memory.same(&other.memory)
    }

    /// Whether growth calls code of the host's, which may delete handles, for example.
    #[inline]
    pub(crate) fn growth_calls_host(&self) -> bool {
        self.place.store.asks()
    }

    /// See [`StoreMemory::grow`].
    pub(crate) fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        if self.growth_calls_host() { self.grow_asking(delta) } else { self.grow_unasked(delta) }
    }

    /// Grows where nobody is to be asked.
    pub(crate) fn grow_unasked(&self, delta: Pages) -> Result<Pages, Error> {
        let grown = self.memory.grow(delta);
        self.count_late();
        grown
    }

    /// The same where nothing but the length is to be changed: see [`Memory::grow_within`].
    #[inline]
    pub(crate) fn grow_within(&self, delta: Pages) -> Option<Pages> {
        let grown = self.memory.grow_within(delta);
        self.count_late();
        grown
    }

    /// For limits that were set while the memory grew without asking: their count may have been made just
    /// before.
    #[inline]
    fn count_late(&self) {
        if self.growth_calls_host() {
            self.place.set_charge(self.memory.byte_length() as u64);
        }
    }

    fn grow_asking(&self, delta: Pages) -> Result<Pages, Error> {
        self.counting(|asked| {
            loop {
                let Some(growth) = self.memory.plan_growth(delta)? else {
                    return Ok(self.memory.pages());
                };
                self.place.store.ask_now(&self.request(growth), asked)?;
                if let Some(previous) = self.perform(growth)? {
                    return Ok(previous);
                }
            }
        })
    }

    pub(super) fn request(&self, growth: Growth) -> Request {
        Request::growth(self.memory.declared_type(), growth.current, growth.wanted)
    }

    /// Does what the limiter allowed; `None` when the length has changed since it was asked.
    pub(super) fn perform(&self, growth: Growth) -> Result<Option<Pages>, Error> {
        if self.memory.pages() != growth.current {
            return Ok(None);
        }
        let before = self.place.charge(self.request(growth).desired_bytes)?;
        let grown = self.memory.perform_growth(growth);
        if grown.is_err() {
            self.place.set_charge(before);
        }
        grown.map(Some)
    }

    /// Runs a growth, and counts and tells it if it fails.
    pub(super) fn counting<T>(
        &self,
        body: impl FnOnce(&mut Option<Deciding>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.place.store.telling(|asked| {
            let done = body(asked);
            if done.is_err() {
                self.memory.count_failed_growth();
            }
            done
        })
    }
}

/// A memory of a [`Store`]. A cheap reference: clones are the same memory, which lives until the last of
/// them and of its pending futures is gone.
#[derive(Clone, Debug)]
pub struct StoreMemory(pub(crate) Ref<Member>);

impl StoreMemory {
    /// `memory.grow`, after the store's limits and limiter have been asked. Returns the size before; a failure
    /// changes nothing.
    ///
    /// Order: growth by 0 succeeds at once; then a borrow of the bytes; then the maximum of the type; the
    /// store's limits; its limiter ([`Error::AsyncRequired`] if that is asynchronous); the system. When the
    /// limiter itself made the memory grow, it is asked again.
    pub fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        self.0.grow(delta)
    }

    /// Grows as [`StoreMemory::grow`] does, when the limiter has answered.
    pub fn grow_async(&self, delta: Pages) -> Result<MemoryFuture, Error> {
        MemoryFuture::growth(&self.0, delta)
    }
}

impl Deref for StoreMemory {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.0.memory()
    }
}
