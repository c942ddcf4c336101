//! A memory in its store: what a handle refers to.

use super::limiter::Request;
use super::{MemoryFuture, Place, Store};
use crate::alloc::Ref;
use crate::error::Error;
use crate::memory::{Growth, Memory};
use crate::units::Pages;
use core::ops::Deref;

/// A memory and the store whose limits it obeys.
#[derive(Debug)]
pub(crate) struct Member {
    // The first: a memory leaves the store's account before it goes.
    place: Place,
    memory: Ref<Memory>,
}

impl Member {
    pub(super) fn admit(place: Place, memory: Ref<Memory>) -> Result<StoreMemory, Error> {
        Ok(StoreMemory(Ref::try_new(Self { place, memory })?))
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
    #[inline]
    pub(crate) fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        if self.growth_calls_host() { self.grow_asking(delta) } else { self.memory.grow(delta) }
    }

    #[cold]
    fn grow_asking(&self, delta: Pages) -> Result<Pages, Error> {
        self.counting(|| {
            loop {
                let Some(growth) = self.memory.plan_growth(delta)? else {
                    return Ok(self.memory.pages());
                };
                self.place.store.ask_now(&self.request(growth))?;
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
        let request = self.request(growth);
        let before = self.place.charge(request.current_bytes, request.desired_bytes)?;
        let grown = self.memory.perform_growth(growth);
        if grown.is_err() {
            self.place.set_charge(before);
        }
        grown.map(Some)
    }

    /// Runs a growth, and counts and tells it if it fails.
    pub(super) fn counting<T>(&self, body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.place.store.telling(|| {
            let done = body();
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
    pub fn grow_async(&self, delta: Pages) -> MemoryFuture {
        MemoryFuture::growth(self.0.clone(), delta)
    }
}

impl Deref for StoreMemory {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.0.memory()
    }
}
