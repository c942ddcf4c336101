//! `memory.grow`.

use super::host::{Backing, HostMade};
use super::shared::Shared;
use super::{Counters, Foreign, Memory, host_length};
use crate::creator::Breach;
use crate::engine::Wanted;
use crate::error::Error;
use crate::region::Region;
use crate::sys::Purpose;
use crate::units::Pages;
use core::sync::atomic::Ordering;

/// A growth that the type allows: more than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// The size that it starts from.
    pub(crate) current: Pages,
    /// The size that it leads to.
    pub(crate) wanted: Pages,
}

impl Memory {
    /// Grows, if there is nothing to it but a new length: what most growths of checked memories are.
    /// `None` for everything else, be it a failure or not.
    #[inline]
    pub(crate) fn grow_within(&self, delta: Pages) -> Option<Pages> {
        self.borrow.check_writable().ok()?;
        let Backing::Ours(region) = &self.backing else { return None };
        // SAFETY: as in `make_room`.
        let region = unsafe { &*region.get() }.as_ref()?;
        let open = region.open_bytes();
        let current = Pages(self.view.byte_length() as u64 >> self.ty.page_size().log2());
        let wanted = current.checked_add(delta).filter(|wanted| *wanted <= self.growth_limit)?;
        let length = wanted.host_bytes(self.ty.page_size()).filter(|length| *length <= open)?;
        if delta != Pages(0) {
            self.set_view_length(length);
            if let Some(seat) = region.seat() {
                seat.set_length(length);
            }
            Counters::add_one(&self.counters.grow_count);
        }
        Some(current)
    }

    /// Grows by `delta` pages of zeros and returns the size before; a failure changes nothing.
    ///
    /// Order: growth by 0 succeeds at once; then a borrow of the bytes; then the maximum of the type;
    /// then the system. The base stays, unless the engine's policy lets it move and the reservation
    /// does not suffice. No limits of a store are asked: see [`crate::StoreMemory::grow`].
    #[inline]
    pub fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        let grown = self.grow_in_store(delta);
        self.note_bypass();
        grown
    }

    /// The same for the store that the memory is in, which knows of it.
    #[inline]
    pub(crate) fn grow_in_store(&self, delta: Pages) -> Result<Pages, Error> {
        if let Backing::Shared(shared) = &self.backing {
            return self.grow_among_others(shared, delta);
        }
        let grown = match self.plan_growth(delta) {
            Ok(None) => return Ok(self.pages()),
            Ok(Some(growth)) => self.perform_alone(growth),
            Err(error) => Err(error),
        };
        if grown.is_err() {
            self.count_failed_growth();
        }
        grown
    }

    /// The same for a shared memory: planned again as long as another thread is faster.
    #[inline(never)]
    fn grow_among_others(&self, shared: &Shared, delta: Pages) -> Result<Pages, Error> {
        let grown = loop {
            match self.plan_growth(delta) {
                Ok(None) => return Ok(self.pages()),
                Ok(Some(growth)) => match self.grow_shared(shared, growth) {
                    Ok(None) => {}
                    Ok(Some(previous)) => break Ok(previous),
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        if grown.is_err() {
            self.count_failed_growth();
        }
        grown
    }

    /// What growing by `delta` pages would be; `None` for 0 pages.
    #[inline]
    pub(crate) fn plan_growth(&self, delta: Pages) -> Result<Option<Growth>, Error> {
        if delta == Pages(0) {
            return Ok(None);
        }
        self.borrow.check_writable()?;
        let current = self.pages();
        let maximum = self.growth_limit;
        match current.checked_add(delta).filter(|wanted| *wanted <= maximum) {
            Some(wanted) => Ok(Some(Growth { current, wanted })),
            None => Err(Error::MaximumExceeded { current, delta, maximum }),
        }
    }

    /// Does what was planned and returns the size that it started from; `None` if the memory no longer has
    /// that size, which happens to shared ones.
    #[inline]
    pub(crate) fn perform_growth(&self, growth: Growth) -> Result<Option<Pages>, Error> {
        match &self.backing {
            Backing::Shared(shared) => self.grow_shared(shared, growth),
            Backing::Ours(_) | Backing::Host(_) => self.perform_alone(growth).map(Some),
        }
    }

    /// The same where no other thread can be faster.
    #[inline]
    fn perform_alone(&self, growth: Growth) -> Result<Pages, Error> {
        debug_assert!(self.pages() == growth.current);
        let length = self.make_room(growth.wanted)?;
        self.count_change(self.view.byte_length(), length);
        self.set_length(length);
        Ok(growth.current)
    }

    fn set_length(&self, length: usize) {
        self.set_view_length(length);
        self.announce_length(length);
        Counters::add_one(&self.counters.grow_count);
    }

    pub(super) fn set_view_length(&self, length: usize) {
        // Release: who sees the length sees the pages behind it open.
        self.view.byte_length.store(length, Ordering::Release);
    }

    /// For the stats: a growth has failed.
    pub(crate) fn count_failed_growth(&self) {
        let counter = &self.counters.grow_failures;
        if self.is_shared() {
            Counters::add_one_shared(counter);
            Foreign::note_shared();
        } else {
            Counters::add_one(counter)
        }
    }

    /// Opens the bytes that `wanted` pages take, and says how many they are.
    #[inline]
    fn make_room(&self, wanted: Pages) -> Result<usize, Error> {
        let length = host_length(&self.engine, &self.ty, wanted)?;
        let slot = match &self.backing {
            // SAFETY: growth has exclusive access: the memory is not Sync, and the C ABI asks it of
            // its callers. No other reference to the region is alive here.
            Backing::Ours(region) => unsafe { &mut *region.get() },
            Backing::Host(made) => {
                self.grow_host(made, length)?;
                return Ok(length);
            }
            Backing::Shared(_) => {
                return Err(Error::Internal("a shared memory grows in another way"));
            }
        };
        let Some(region) = slot else {
            return Err(Error::Internal("a live memory has no region"));
        };
        if length > region.open_bytes() {
            self.open_more(region, length)?;
        }
        Ok(length)
    }

    /// Has the host grow its memory, during which nobody else has the bytes.
    #[cold]
    #[inline(never)]
    pub(super) fn grow_host(&self, made: &HostMade, length: usize) -> Result<(), Error> {
        let _writing = self.borrow.write()?;
        let may_move = self.may_move();
        made.grow_to(length)?;
        let (from, to) = (self.base(), made.base()?);
        // Whatever is wrong with it: should the host have moved the bytes, the old place is probably gone.
        self.view.base.store(to, Ordering::Release);
        let checked = if from != to && !may_move {
            let (from, to) = (from.addr(), to.addr());
            Err(Error::HostContract(Breach::Moved { from, to }))
        } else {
            made.check(to, length)
        };
        if checked.is_err() && from != to {
            // It is where it is, as long as it was.
            self.announce_length(self.view.byte_length());
        }
        checked
    }

    /// Fails where the options leave no room for `length` bytes, whatever the system says.
    pub(super) fn check_room(&self, region: &Region, length: usize) -> Result<(), Error> {
        let engine = &self.engine;
        if let Some(slot_bytes) = engine.slot_bytes(region).filter(|slot| length as u64 > *slot) {
            return Err(Error::SlotTooSmall { wanted: length as u64, slot_bytes });
        }
        let reserved = region.layout().reserved;
        if length > reserved && region.is_whole() && !engine.policy().may_move {
            let (wanted, reserved) = (length as u64, reserved as u64);
            return Err(Error::ReservationExceeded { wanted, reserved });
        }
        Ok(())
    }

    /// Opens `length` bytes of a region, which may mean to extend it or, unless the memory is shared, to move to
    /// another.
    #[cold]
    #[inline(never)]
    pub(super) fn open_more(&self, region: &mut Region, length: usize) -> Result<(), Error> {
        let engine = &self.engine;
        let reserved = region.layout().reserved;
        if let Some(slot_bytes) = engine.slot_bytes(region).filter(|slot| length as u64 > *slot) {
            return Err(Error::SlotTooSmall { wanted: length as u64, slot_bytes });
        }
        if length <= reserved {
            let more = length.wrapping_sub(region.open_bytes()) as u64;
            return region
                .open_to(length)
                .map_err(|os| engine.out_of_memory(Purpose::Grow, more, os));
        }
        if let Some(slot_bytes) = engine.slot_bytes(region) {
            return Err(Error::SlotTooSmall { wanted: length as u64, slot_bytes });
        }
        let refused = match region.extend_to(length) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        // Mappings of the host's files and protections cannot be moved along.
        if self.is_shared() || !engine.policy().may_move || self.borrow.is_overlaid() {
            let (wanted, reserved) = (length as u64, reserved as u64);
            return Err(match refused {
                Some(os) => {
                    let more = wanted.saturating_sub(reserved);
                    engine.out_of_memory(Purpose::Grow, more, os)
                }
                None if self.is_shared() => Error::SharedReservationExceeded { wanted, reserved },
                None if engine.policy().may_move => {
                    Error::PinnedReservationExceeded { wanted, reserved }
                }
                None if region.is_reduced(engine.host()) => {
                    Error::ReducedReservationExceeded { wanted, reserved }
                }
                None => Error::ReservationExceeded { wanted, reserved },
            });
        }
        let wanted = Wanted { ty: &self.ty, needed: length, image: None };
        let moved = engine.acquire(&wanted, Some(region.layout().bounds))?;
        self.stop_watching(region);
        let (from, to) = (self.base(), moved.base().as_ptr());
        if let (Some(old), Some(new)) = (region.seat(), moved.seat()) {
            new.occupy(old.occupant(), self.byte_length());
            old.vacate();
        }
        // SAFETY: both regions have the current length open, and a new region lies apart.
        unsafe { to.copy_from_nonoverlapping(from, self.byte_length()) };
        self.view.base.store(to, Ordering::Release);
        // Not kept warm: no other memory will have the shape that this one happened to reach.
        engine.discard(core::mem::replace(region, moved), self.byte_length());
        self.watch_again(region);
        Ok(())
    }
}
