//! A memory in its store: what a handle refers to.

use super::account::Entering;
use super::limiter::{Deciding, Request};
use super::{MemoryFuture, Store};
use crate::alloc::Ref;
use crate::error::Error;
use crate::image::MemoryImage;
use crate::memory::{Growth, Memory, SharedMemory, Tally};
use crate::units::Pages;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};

/// A memory and the store whose limits it obeys.
#[derive(Debug)]
pub(crate) struct Member {
    // Before the store: what the host attached to the memory ends before what it gave to the store.
    held: Held,
    store: Store,
    /// Set once, before anybody else has the member.
    slot: AtomicUsize,
    /// Whether the account looks at the memory before it sums up. The account alone changes it.
    is_watched: AtomicBool,
}

/// Whose memory it is.
#[derive(Debug)]
pub(super) enum Held {
    /// The store's alone.
    Own(Memory),
    /// Other stores' too.
    Shared(Ref<Memory>),
}

/// The slot of a member that has none.
const NO_SLOT: usize = usize::MAX;

impl Drop for Member {
    fn drop(&mut self) {
        let slot = *self.slot.get_mut();
        if slot != NO_SLOT {
            // Before the memory goes, which the account looks at.
            self.store.account().leave(slot);
        }
    }
}

impl Member {
    /// Lets a memory of so many bytes into a store, if the limits allow them.
    #[inline(always)]
    pub(super) fn admit(store: &Store, held: Held, bytes: u64) -> Result<StoreMemory, Error> {
        let slot = AtomicUsize::new(NO_SLOT);
        let is_watched = AtomicBool::new(false);
        let is_shared = matches!(held, Held::Shared(_));
        let member = Ref::try_new(Self { held, store: store.clone(), slot, is_watched })?;
        let mut seen = Tally { byte_length: bytes, ..Tally::default() };
        if is_shared {
            seen = member.tally();
        }
        let new = Entering { bytes, is_exported: member.memory().is_exported(), is_shared, seen };
        // The memory stays where it is from now on, and leaves the slot when it is dropped.
        if let Held::Own(memory) = &member.held {
            memory.settle();
        }
        let slot = store.account().enter(NonNull::from(&*member), &new)?;
        member.slot.store(slot, Ordering::Relaxed);
        Ok(StoreMemory(member))
    }

    #[inline]
    pub(crate) fn memory(&self) -> &Memory {
        match &self.held {
            Held::Own(memory) => memory,
            Held::Shared(memory) => memory,
        }
    }

    /// What there is to see of the memory, from any thread.
    pub(super) fn tally(&self) -> Tally {
        self.memory().tally()
    }

    /// For the account, under its lock.
    pub(super) fn set_watched(&self, is_watched: bool) {
        self.is_watched.store(is_watched, Ordering::Relaxed);
    }

    /// What there is to see of the memory has changed, and the account is to know.
    #[inline]
    fn tell(&self) {
        // After the change, at least in the program; `Account::clear_watched` has the processor's part.
        compiler_fence(Ordering::SeqCst);
        if !self.is_watched.load(Ordering::Relaxed) {
            self.have_watched();
        }
    }

    #[cold]
    #[inline(never)]
    fn have_watched(&self) {
        self.store.account().watch(self.slot());
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// See [`StoreMemory::share`].
    pub(crate) fn share(&self) -> Result<SharedMemory, Error> {
        match &self.held {
            Held::Own(_) => Err(Error::NotShared),
            Held::Shared(memory) => SharedMemory::of(memory),
        }
    }

    /// Whether both are the same memory, through whichever stores.
    pub(crate) fn same(&self, other: &Self) -> bool {
        core::ptr::eq(self.memory(), other.memory())
    }

    /// Whether growth calls code of the host's, which may delete handles, for example.
    #[inline]
    pub(crate) fn growth_calls_host(&self) -> bool {
        self.store.asks()
    }

    /// See [`StoreMemory::grow`].
    pub(crate) fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        if self.growth_calls_host() { self.grow_asking(delta) } else { self.grow_unasked(delta) }
    }

    /// Grows where nobody is to be asked.
    #[inline(never)]
    pub(crate) fn grow_unasked(&self, delta: Pages) -> Result<Pages, Error> {
        let grown = self.memory().grow_in_store(delta);
        if grown.is_ok() {
            self.count_late();
        }
        self.tell();
        grown
    }

    /// The same where nothing but the length is to be changed: see [`Memory::grow_within`].
    #[inline]
    pub(crate) fn grow_within(&self, delta: Pages) -> Option<Pages> {
        let previous = self.memory().grow_within(delta)?;
        self.count_late();
        self.tell();
        Some(previous)
    }

    /// The memory's in the account of the store.
    pub(super) fn slot(&self) -> usize {
        self.slot.load(Ordering::Relaxed)
    }

    #[cold]
    #[inline(never)]
    fn charge_late(&self) {
        self.store.account().charge_late(self.slot(), self.memory().byte_length() as u64);
    }

    /// For limits that were set while the memory grew without asking: their count may have been made just
    /// before.
    #[inline]
    fn count_late(&self) {
        // After the length, at least in the program; `Store::settle` has the processor's part.
        compiler_fence(Ordering::SeqCst);
        if self.growth_calls_host() {
            self.charge_late();
        }
    }

    fn grow_asking(&self, delta: Pages) -> Result<Pages, Error> {
        self.counting(|asked| {
            loop {
                let Some(growth) = self.memory().plan_growth(delta)? else {
                    return Ok(self.memory().pages());
                };
                self.store.ask_now(Some(self.slot()), &self.request(growth), asked)?;
                if let Some(previous) = self.perform(growth)? {
                    return Ok(previous);
                }
            }
        })
    }

    pub(super) fn request(&self, growth: Growth) -> Request {
        Request::growth(self.memory().declared_type(), growth.current, growth.wanted)
    }

    /// Does what the limiter allowed; `None` when the length has changed since it was asked.
    pub(super) fn perform(&self, growth: Growth) -> Result<Option<Pages>, Error> {
        if self.memory().pages() != growth.current {
            return Ok(None);
        }
        let Request { current_bytes, desired_bytes, .. } = self.request(growth);
        self.store.account().charge(self.slot(), current_bytes, desired_bytes)?;
        let grown = self.memory().perform_growth(growth);
        if !matches!(grown, Ok(Some(_))) {
            let more = desired_bytes.saturating_sub(current_bytes);
            let length = self.memory().byte_length() as u64;
            self.store.account().uncharge(self.slot(), more, length);
        } else if self.memory().is_shared() {
            // Another thread may have taken back what it was charged for since, and what this one was with it.
            self.charge_late();
        }
        self.tell();
        grown
    }

    /// See [`StoreMemory::reset`].
    pub(crate) fn reset(&self, image: Option<&MemoryImage>) -> Result<(), Error> {
        let (current, wanted) = self.memory().plan_reset(image)?;
        let reset = || {
            if wanted < current {
                // The sum of all lengths is about to fall: this may be its peak.
                self.store.account().look();
            }
            let reset = self.memory().reset_in_store(image);
            let now = self.tally();
            let mut account = self.store.account();
            account.charge_exactly(self.slot(), now.byte_length);
            account.see(self.slot(), now);
            reset
        };
        if wanted <= current || !self.growth_calls_host() {
            return reset();
        }
        let growth = Growth { current, wanted };
        self.store.telling(|asked| {
            self.store.ask_now(Some(self.slot()), &self.request(growth), asked)?;
            let Request { current_bytes, desired_bytes, .. } = self.request(growth);
            self.store.account().charge(self.slot(), current_bytes, desired_bytes)?;
            reset()
        })
    }

    /// Runs a growth, and counts and tells it if it fails.
    pub(super) fn counting<T>(
        &self,
        body: impl FnOnce(&mut Option<Deciding>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.store.telling(|asked| {
            let done = body(asked);
            if done.is_err() {
                self.memory().count_failed_growth();
                self.tell();
            }
            done
        })
    }
}

/// A memory of a [`Store`]. A cheap reference: clones are the same memory, which lives until the last of
/// them and of its pending futures is gone.
///
/// All methods of [`Memory`] are there. Its own [`grow`](StoreMemory::grow) and [`reset`](StoreMemory::reset) ask the store; those
/// of the [`Memory`] in it do not, so what is to keep to the limits gets the `StoreMemory`.
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

    /// Brings the memory back to an image, or to zeros, as [`Memory::reset`] does. Where that makes it larger than it is,
    /// the store's limits and limiter are asked as for a growth ([`Error::AsyncRequired`] if that is asynchronous).
    pub fn reset(&self, image: Option<&MemoryImage>) -> Result<(), Error> {
        self.0.reset(image)
    }

    /// Grows as [`StoreMemory::grow`] does, when the limiter has answered.
    pub fn grow_async(&self, delta: Pages) -> Result<MemoryFuture, Error> {
        MemoryFuture::growth(&self.0, delta)
    }

    /// A reference to the memory for other stores and threads, if it is shared.
    pub fn share(&self) -> Result<SharedMemory, Error> {
        self.0.share()
    }
}

impl Deref for StoreMemory {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.0.memory()
    }
}
