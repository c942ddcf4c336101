//! What a store's memories take, and what they may take.
//!
//! The account is kept to the byte from the moment on when something limits the store. Before that, growth
//! does not tell it, and it asks the memories themselves when it has to know.

use crate::error::{Error, Limit};
use crate::memory::View;
use core::ptr::NonNull;

use super::limiter::Deciding;

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

#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) limits: Limits,
    pub(super) limiter: Option<Deciding>,
    slots: Vec<Slot>,
    /// The first free slot; the others follow it.
    free: Option<usize>,
    memories: u64,
    /// A few memories can be more than 64 bits can count, while they are only asked for.
    total_bytes: u128,
}

#[derive(Debug)]
enum Slot {
    Taken {
        /// Where the memory's length is. The slot is left before the memory goes.
        view: NonNull<View>,
        /// The bytes of it that `total_bytes` counts.
        charged: u64,
    },
    Free {
        next: Option<usize>,
    },
}

// SAFETY: a view is read from any thread, its fields are atomic; all else is plain data, and a limiter is
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
            Some(Some(Slot::Taken { charged, .. })) => *charged,
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
    pub(super) fn enter(&mut self, view: NonNull<View>, bytes: u64) -> Result<usize, Error> {
        self.check(None, 0, bytes)?;
        let taken = Slot::Taken { view, charged: bytes };
        let slot = match self.free {
            Some(slot) => {
                let Some(place) = self.slots.get_mut(slot) else {
                    return Err(Error::Internal("a free slot of a store is out of range"));
                };
                if let Slot::Free { next } = core::mem::replace(place, taken) {
                    self.free = next;
                }
                slot
            }
            None => {
                let slot = self.slots.len();
                self.slots.try_reserve(1).map_err(|_| Error::OutOfHeap(size_of::<Slot>()))?;
                self.slots.push(taken);
                slot
            }
        };
        self.memories = self.memories.saturating_add(1);
        self.total_bytes = self.total_bytes.saturating_add(bytes.into());
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
        if let Some(Slot::Taken { charged, .. }) = self.slots.get(slot) {
            let charged = charged.saturating_sub(bytes).max(length);
            self.set_charge(slot, charged);
        }
    }

    /// Counts at least the `length` that a memory has.
    pub(super) fn charge_late(&mut self, slot: usize, length: u64) {
        if let Some(Slot::Taken { charged, .. }) = self.slots.get(slot) {
            let charged = (*charged).max(length);
            self.set_charge(slot, charged);
        }
    }

    /// Counts the length that a memory has after a reset, which may be less than it was.
    pub(super) fn charge_exactly(&mut self, slot: usize, length: u64) {
        self.set_charge(slot, length);
    }

    fn set_charge(&mut self, slot: usize, bytes: u64) {
        if let Some(Slot::Taken { charged, .. }) = self.slots.get_mut(slot) {
            let others = self.total_bytes.saturating_sub((*charged).into());
            self.total_bytes = others.saturating_add(bytes.into());
            *charged = bytes;
        }
    }

    /// Frees the slot of a memory that goes.
    pub(super) fn leave(&mut self, slot: usize) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        if let Slot::Taken { charged, .. } =
            core::mem::replace(place, Slot::Free { next: self.free })
        {
            self.free = Some(slot);
            self.memories = self.memories.saturating_sub(1);
            self.total_bytes = self.total_bytes.saturating_sub(charged.into());
        }
        if self.memories == 0 && self.slots.capacity() > SLOTS_KEPT {
            self.slots = Vec::new();
            self.free = None;
        }
    }

    /// Counts every memory as it is now, or as it is about to be: one whose growth is under way has been
    /// charged for it already. One that a reset makes smaller tells.
    pub(super) fn recount(&mut self) {
        let mut total = 0u128;
        for slot in &mut self.slots {
            if let Slot::Taken { view, charged } = slot {
                // SAFETY: a memory leaves its slot before it goes (`enter`), under the lock that this account
                // is behind.
                let length = unsafe { view.as_ref() }.byte_length() as u64;
                *charged = length.max(*charged);
                total = total.saturating_add((*charged).into());
            }
        }
        self.total_bytes = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Account {
        /// A memory that nobody asks for its length.
        fn enter_unseen(&mut self, bytes: u64) -> Result<usize, Error> {
            self.enter(NonNull::dangling(), bytes)
        }
    }

    #[test]
    fn a_request_for_all_there_is_leaves_nothing_behind() {
        let mut account = Account::default();
        let live = account.enter_unseen(5).unwrap();
        let huge = account.enter_unseen(u64::MAX).unwrap();
        let more = account.enter_unseen(u64::MAX).unwrap();
        account.leave(huge);
        account.leave(more);
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
        account.leave(first);
        assert!(account.charge(second, 6, 11).is_err());
        assert_eq!(account.charge(second, 6, 7), Ok(()));
        assert_eq!(account.enter_unseen(3), Ok(first));
        account.leave(second);
        account.leave(first);
        assert_eq!((account.memories, account.total_bytes), (0, 0));
        assert_eq!(account.enter_unseen(0), Ok(first));
        assert_eq!(account.enter_unseen(0), Ok(second));
        assert_eq!(account.enter_unseen(0), Ok(2));
    }
}
