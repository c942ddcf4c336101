//! What a store's memories take, and what they may take.
//!
//! Two things are kept. The charges are what limits are compared with: kept to the byte from the moment on when
//! something limits the store. Before that, growth does not tell them, and they are made up from the lengths when
//! they are needed.
//!
//! The lengths are for the stats: how much the memories have, and the most that they ever had together. A sum of lengths is
//! largest right before one of them goes or shrinks, so all that matters is that it is known then. A memory that
//! grows has itself watched, once: from then on it is looked at whenever the sum must be right, and its next growths
//! cost nothing. Now and then the list is cleared, by those who look.

use crate::error::{Error, Limit};
use crate::memory::{self, Tally};
use crate::sys;
use core::ptr::NonNull;

use super::limiter::Deciding;
use super::member::Member;

/// The static limits of a store; `u64::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one memory may have.
    pub max_memory_bytes: u64,
    /// Bytes that all memories together may have.
    pub max_total_bytes: u64,
    /// How many memories there may be.
    pub max_memories: u64,
}

impl Limits {
    /// No limits.
    pub(crate) const NONE: Self =
        Self { max_memory_bytes: u64::MAX, max_total_bytes: u64::MAX, max_memories: u64::MAX };
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// An account that has had more memories than this gives their slots back when the last is gone.
const SLOTS_KEPT: usize = 1024;

/// So many memories are watched at most.
const WATCHED_MOST: usize = 256;
/// After so many looks at memories that are watched, the list is cleared.
const LOOKS_MOST: usize = 1024;

/// What a store's memories have and what has happened to them; sizes in bytes.
///
/// A memory is the store's from the moment on when it is made in it or, if it is shared, obtained by it, until it is
/// dropped. A reference to a shared memory counts as a memory, with the whole length, in each store that has one;
/// what happened before it was obtained does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// How many there are.
    pub memories: u64,
    /// The sum of their lengths.
    pub byte_length: u64,
    /// The largest sum of their lengths at one time so far.
    pub peak_bytes: u64,
    /// How often they grew, those that are gone included.
    pub grow_count: u64,
    /// How often their growth failed or was denied, those that are gone included.
    pub grow_failures: u64,
}

#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) limits: Limits,
    pub(super) limiter: Option<Deciding>,
    slots: Vec<Slot>,
    /// The first free slot; the others follow it.
    free: Option<usize>,
    memories: u64,
    /// The charges. A few memories can be more than 64 bits can count, while they are only asked for.
    total_bytes: u128,
    /// What was seen of the memories when they were looked at last, and the largest sum of lengths.
    own_bytes: u64,
    shared_bytes: u64,
    peak_bytes: u64,
    grow_count: u64,
    grow_failures: u64,
    /// Slots of memories that may have grown since. Has room for as many as there may be.
    watched: Vec<usize>,
    /// How often one of them was looked at.
    looks: usize,
    /// Slots of shared memories, and how many of these other processes have too, which tell nobody.
    shared: Vec<usize>,
    exported: usize,
    /// The growths of shared memories, and of those that bypassed their stores, that had happened before the last look.
    foreign: memory::Foreign,
    /// Whether the store is gone.
    is_closed: bool,
}

#[derive(Debug)]
enum Slot {
    Taken(Taken),
    Free { next: Option<usize> },
}

#[derive(Debug)]
struct Taken {
    /// The memory. The slot is left before it goes.
    member: NonNull<Member>,
    /// The bytes of it that `total_bytes` counts.
    charged: u64,
    /// What was seen of it when it was looked at last.
    seen: Tally,
    is_exported: bool,
    /// Where it is in `watched`, and in `shared`; [`NOWHERE`]: it is not there.
    watched_at: usize,
    shared_at: usize,
}

const NOWHERE: usize = usize::MAX;

// SAFETY: of a member, what is read from any thread is atomic; all else is plain data, and a limiter is
// Send and Sync.
unsafe impl Send for Account {}

impl Account {
    pub(super) fn has_memories(&self) -> bool {
        self.memories != 0
    }

    /// Whether the limits let a memory grow from `current` to `desired` bytes: the one in `slot`, or a new
    /// one. Says what it will be counted with then.
    ///
    /// Where a memory has grown through another store, or before anybody counted, what it has is counted too;
    /// and threads that grow a shared memory at the same time are counted with all that they want.
    pub(super) fn check(
        &self,
        slot: Option<usize>,
        current: u64,
        desired: u64,
    ) -> Result<u64, Error> {
        let refuse = |limit, wanted, allowed| Err(Error::LimitDenied { limit, wanted, allowed });
        let counted = match slot.map(|slot| self.slots.get(slot)) {
            Some(Some(Slot::Taken(taken))) => taken.charged,
            Some(_) => return Err(Error::Internal("a memory has no slot in its store")),
            None => {
                let memories = self.memories.saturating_add(1);
                if memories > self.limits.max_memories {
                    return refuse(Limit::Memories, memories, self.limits.max_memories);
                }
                0
            }
        };
        if desired > self.limits.max_memory_bytes {
            return refuse(Limit::MemoryBytes, desired, self.limits.max_memory_bytes);
        }
        let charge = counted.max(current).saturating_add(desired.saturating_sub(current));
        let total = self.total_bytes.saturating_sub(counted.into()).saturating_add(charge.into());
        let allowed = self.limits.max_total_bytes;
        if allowed != u64::MAX && total > allowed.into() {
            let total = u64::try_from(total).unwrap_or(u64::MAX);
            return refuse(Limit::TotalBytes, total, allowed);
        }
        Ok(charge)
    }

    /// Gives a memory a slot, if the limits let it in. It must leave the slot before it goes.
    pub(super) fn enter(
        &mut self,
        member: NonNull<Member>,
        new: &Entering,
    ) -> Result<usize, Error> {
        self.check(None, 0, new.bytes)?;
        let Entering { bytes, is_shared, is_exported, seen } = *new;
        let shared_at = if is_shared { self.shared.len() } else { NOWHERE };
        let watched_at = NOWHERE;
        let taken = Taken { member, charged: bytes, seen, is_exported, watched_at, shared_at };
        let heap = |_| Error::OutOfHeap(size_of::<Slot>());
        if is_shared {
            self.shared.try_reserve(1).map_err(heap)?;
        }
        if self.watched.capacity() < WATCHED_MOST && self.watched.capacity() <= self.slots.len() {
            let free = self.watched.capacity().wrapping_sub(self.watched.len());
            self.watched.try_reserve(free.saturating_add(1)).map_err(heap)?;
        }
        let slot = match self.free {
            Some(slot) => {
                let Some(place) = self.slots.get_mut(slot) else {
                    return Err(Error::Internal("a free slot of a store is out of range"));
                };
                if let Slot::Free { next } = core::mem::replace(place, Slot::Taken(taken)) {
                    self.free = next;
                }
                slot
            }
            None => {
                let slot = self.slots.len();
                self.slots.try_reserve(1).map_err(heap)?;
                self.slots.push(Slot::Taken(taken));
                slot
            }
        };
        self.memories = self.memories.saturating_add(1);
        self.total_bytes = self.total_bytes.saturating_add(bytes.into());
        let lengths = self.bytes_of(is_shared);
        *lengths = lengths.wrapping_add(seen.byte_length);
        if is_shared {
            self.shared.push(slot);
            self.exported = self.exported.saturating_add(is_exported.into());
            // It may have grown since it was seen, and before the last look at others.
            self.look_at(slot);
        }
        Ok(slot)
    }

    /// Counts a memory that is about to grow from `current` to `desired` bytes, if the limits let it.
    pub(super) fn charge(&mut self, slot: usize, current: u64, desired: u64) -> Result<(), Error> {
        let charge = self.check(Some(slot), current, desired)?;
        self.set_charge(slot, charge);
        Ok(())
    }

    /// Takes back what [`Account::charge`] counted for a growth that did not happen, but never below the
    /// `length` that the memory has.
    pub(super) fn uncharge(&mut self, slot: usize, bytes: u64, length: u64) {
        if let Some(Slot::Taken(Taken { charged, .. })) = self.slots.get(slot) {
            let charged = charged.saturating_sub(bytes).max(length);
            self.set_charge(slot, charged);
        }
    }

    /// Counts at least the `length` that a memory has.
    pub(super) fn charge_late(&mut self, slot: usize, length: u64) {
        if let Some(Slot::Taken(Taken { charged, .. })) = self.slots.get(slot) {
            let charged = (*charged).max(length);
            self.set_charge(slot, charged);
        }
    }

    /// Counts the length that a memory has after a reset, which may be less than it was.
    pub(super) fn charge_exactly(&mut self, slot: usize, length: u64) {
        self.set_charge(slot, length);
    }

    fn set_charge(&mut self, slot: usize, bytes: u64) {
        if let Some(Slot::Taken(Taken { charged, .. })) = self.slots.get_mut(slot) {
            let others = self.total_bytes.saturating_sub((*charged).into());
            self.total_bytes = others.saturating_add(bytes.into());
            *charged = bytes;
        }
    }

    /// Frees the slot of a memory that goes.
    pub(super) fn leave(&mut self, slot: usize) {
        // For the last time at this one too.
        self.look();
        let Some(place) = self.slots.get_mut(slot) else { return };
        if let Slot::Taken(taken) = core::mem::replace(place, Slot::Free { next: self.free }) {
            self.free = Some(slot);
            self.memories = self.memories.saturating_sub(1);
            self.total_bytes = self.total_bytes.saturating_sub(taken.charged.into());
            let bytes = self.bytes_of(taken.shared_at != NOWHERE);
            *bytes = bytes.wrapping_sub(taken.seen.byte_length);
            if taken.watched_at != NOWHERE {
                let at = taken.watched_at;
                self.unlist(at, |account| &mut account.watched, |taken| &mut taken.watched_at);
            }
            if taken.shared_at != NOWHERE {
                self.exported = self.exported.saturating_sub(taken.is_exported.into());
                let at = taken.shared_at;
                self.unlist(at, |account| &mut account.shared, |taken| &mut taken.shared_at);
            }
        }
        if self.memories == 0 && self.slots.capacity() > SLOTS_KEPT {
            self.slots = Vec::new();
            self.free = None;
            self.watched = Vec::new();
            self.shared = Vec::new();
        }
    }

    /// Takes what stands at `at` off a list, whose last takes the place.
    fn unlist(
        &mut self,
        at: usize,
        list: impl Fn(&mut Self) -> &mut Vec<usize>,
        place: impl Fn(&mut Taken) -> &mut usize,
    ) {
        let list = list(self);
        if at >= list.len() {
            return;
        }
        list.swap_remove(at);
        if let Some(moved) = list.get(at).copied()
            && let Some(Slot::Taken(taken)) = self.slots.get_mut(moved)
        {
            *place(taken) = at;
        }
    }

    /// The store is gone.
    pub(super) fn close(&mut self) -> Option<Deciding> {
        self.is_closed = true;
        self.limiter.take()
    }

    fn bytes_of(&mut self, is_shared: bool) -> &mut u64 {
        if is_shared { &mut self.shared_bytes } else { &mut self.own_bytes }
    }

    /// Counts what there is to see of a memory.
    pub(super) fn see(&mut self, slot: usize, now: Tally) {
        let Some(Slot::Taken(taken)) = self.slots.get_mut(slot) else { return };
        let before = core::mem::replace(&mut taken.seen, now);
        let is_shared = taken.shared_at != NOWHERE;
        self.grow_count =
            self.grow_count.wrapping_add(now.grow_count.wrapping_sub(before.grow_count));
        self.grow_failures =
            self.grow_failures.wrapping_add(now.grow_failures.wrapping_sub(before.grow_failures));
        let bytes = self.bytes_of(is_shared);
        *bytes = bytes.wrapping_sub(before.byte_length).wrapping_add(now.byte_length);
    }

    /// Looks at the memory in a slot.
    fn look_at(&mut self, slot: usize) {
        if let Some(Slot::Taken(taken)) = self.slots.get(slot) {
            // SAFETY: a memory leaves its slot before it goes (`enter`), under the lock that this account
            // is behind.
            let now = unsafe { taken.member.as_ref() }.tally();
            self.see(slot, now);
        }
    }

    /// Looks at every memory that may have changed, so that all sums are right, and sets the peak.
    #[inline]
    pub(super) fn look(&mut self) {
        if !self.watched.is_empty() {
            self.look_at_watched();
        }
        if self.foreign.is_outdated(!self.shared.is_empty()) || self.exported != 0 {
            self.look_at_foreign();
        }
        // Modulo 2^64: no heap holds so many references to so large a memory.
        self.peak_bytes = self.peak_bytes.max(self.own_bytes.wrapping_add(self.shared_bytes));
    }

    #[cold]
    fn look_at_watched(&mut self) {
        self.looks = self.looks.saturating_add(self.watched.len());
        if self.looks > LOOKS_MOST {
            return self.clear_watched();
        }
        for at in 0..self.watched.len() {
            let Some(slot) = self.watched.get(at).copied() else { break };
            self.look_at(slot);
        }
    }

    /// Looks at the shared memories, or at all, where any was used past its store.
    #[cold]
    fn look_at_foreign(&mut self) {
        // Before the looks: what happens after this is looked at the next time.
        let foreign = memory::Foreign::now();
        let bypassed = foreign.has_bypassed(&self.foreign);
        self.foreign = foreign;
        if bypassed {
            for slot in 0..self.slots.len() {
                self.look_at(slot);
            }
            return;
        }
        for at in 0..self.shared.len() {
            let Some(slot) = self.shared.get(at).copied() else { break };
            self.look_at(slot);
        }
    }

    /// From now on looks at a memory that has grown.
    pub(super) fn watch(&mut self, slot: usize) {
        if self.watched.len() >= WATCHED_MOST {
            self.clear_watched();
        }
        let at = self.watched.len();
        let Some(Slot::Taken(taken)) = self.slots.get_mut(slot) else { return };
        if taken.watched_at != NOWHERE {
            return;
        }
        taken.watched_at = at;
        // SAFETY: as in `look_at`.
        unsafe { taken.member.as_ref() }.set_watched(true);
        self.watched.push(slot);
    }

    /// Looks at all that are watched for the last time.
    fn clear_watched(&mut self) {
        self.looks = 0;
        let watched = core::mem::take(&mut self.watched);
        for &slot in &watched {
            if let Some(Slot::Taken(taken)) = self.slots.get_mut(slot) {
                taken.watched_at = NOWHERE;
                // SAFETY: as in `look_at`.
                unsafe { taken.member.as_ref() }.set_watched(false);
            }
        }
        // A growth that saw itself watched still does nothing after it has set its length. Its length is seen below: that
        // takes a barrier on both sides, and growth is spared its own by this one for all threads.
        sys::order_threads();
        for &slot in &watched {
            self.look_at(slot);
        }
        self.watched = watched;
        self.watched.clear();
    }

    /// What there is.
    pub(super) fn stats(&mut self) -> StoreStats {
        self.look();
        StoreStats {
            memories: self.memories,
            byte_length: self.own_bytes.wrapping_add(self.shared_bytes),
            peak_bytes: self.peak_bytes,
            grow_count: self.grow_count,
            grow_failures: self.grow_failures,
        }
    }

    /// The memories that are the store's alone: how many, and the sum of their lengths. `None` when the store is gone.
    pub(super) fn own_memories(&mut self) -> Option<(u64, u64)> {
        self.look();
        let own = self.memories.saturating_sub(self.shared.len() as u64);
        (!self.is_closed).then_some((own, self.own_bytes))
    }

    /// Charges for every memory as it is now, or as it is about to be: one whose growth is under way has been
    /// charged for it already. One that a reset makes smaller tells.
    pub(super) fn recount(&mut self) {
        let mut total = 0u128;
        for slot in &mut self.slots {
            if let Slot::Taken(Taken { member, charged, .. }) = slot {
                // SAFETY: as in `look_at`.
                let length = unsafe { member.as_ref() }.memory().view().byte_length() as u64;
                *charged = length.max(*charged);
                total = total.saturating_add((*charged).into());
            }
        }
        self.total_bytes = total;
    }
}

/// A memory that comes into a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entering {
    /// What it is charged with.
    pub(super) bytes: u64,
    pub(super) is_shared: bool,
    /// Whether other processes have it too.
    pub(super) is_exported: bool,
    /// What there is to see of it.
    pub(super) seen: Tally,
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Account {
        /// A memory that nobody asks for its length.
        fn enter_unseen(&mut self, bytes: u64) -> Result<usize, Error> {
            let seen = Tally { byte_length: bytes, ..Tally::default() };
            self.enter(
                NonNull::dangling(),
                &Entering { bytes, is_shared: false, is_exported: false, seen },
            )
        }

        fn leave_unseen(&mut self, slot: usize) {
            self.foreign = memory::Foreign::now();
            self.leave(slot);
        }
    }

    #[test]
    fn a_request_for_all_there_is_leaves_nothing_behind() {
        let mut account = Account::default();
        let live = account.enter_unseen(5).unwrap();
        let huge = account.enter_unseen(u64::MAX).unwrap();
        let more = account.enter_unseen(u64::MAX).unwrap();
        account.leave_unseen(huge);
        account.leave_unseen(more);
        assert_eq!(account.charge(live, 5, u64::MAX), Ok(()));
        account.uncharge(live, u64::MAX - 5, 5);
        assert_eq!(account.total_bytes, 5);
    }

    #[test]
    fn threads_that_grow_at_once_leave_what_the_memory_has() {
        let limits = Limits { max_total_bytes: 100, ..Limits::NONE };
        let mut account = Account { limits, ..Default::default() };
        let slot = account.enter_unseen(10).unwrap();
        // The first wants 11; the memory gets there through another store; the second wants 12.
        assert_eq!(account.charge(slot, 10, 11), Ok(()));
        assert_eq!(account.charge(slot, 11, 12), Ok(()));
        account.uncharge(slot, 1, 11);
        account.charge_late(slot, 12);
        assert_eq!(account.total_bytes, 12);
        // Both fail, and a foreign growth is known only then.
        assert_eq!(account.charge(slot, 12, 20), Ok(()));
        assert_eq!(account.charge(slot, 12, 17), Ok(()));
        assert_eq!(account.total_bytes, 25);
        account.uncharge(slot, 8, 12);
        account.uncharge(slot, 5, 14);
        assert_eq!(account.total_bytes, 14);
        // What has grown elsewhere counts at the next growth here.
        assert!(account.charge(slot, 99, 101).is_err());
        assert_eq!(account.charge(slot, 99, 100), Ok(()));
        assert_eq!(account.total_bytes, 100);
    }

    #[test]
    fn a_slot_is_used_again_and_its_bytes_come_back() {
        let limits = Limits { max_total_bytes: 10, ..Limits::NONE };
        let mut account = Account { limits, ..Default::default() };
        let first = account.enter_unseen(4).unwrap();
        let second = account.enter_unseen(6).unwrap();
        assert!(account.enter_unseen(1).is_err());
        account.leave_unseen(first);
        assert!(account.charge(second, 6, 11).is_err());
        assert_eq!(account.charge(second, 6, 7), Ok(()));
        assert_eq!(account.enter_unseen(3), Ok(first));
        account.leave_unseen(second);
        account.leave_unseen(first);
        assert_eq!((account.memories, account.total_bytes), (0, 0));
        assert_eq!(account.enter_unseen(0), Ok(first));
        assert_eq!(account.enter_unseen(0), Ok(second));
        assert_eq!(account.enter_unseen(0), Ok(2));
    }
}
