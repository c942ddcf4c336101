//! `memory.grow`.

use super::{Counters, Memory, host_length};
use crate::error::Error;
use crate::region::Region;
use crate::sys::Purpose;
use crate::units::Pages;
use core::sync::atomic::Ordering;

impl Memory {
    /// Grows by `delta` pages of zeros and returns the size before; a failure changes nothing.
    ///
    /// Order: growth by 0 succeeds at once; then the maximum of the type; then the system. The
    /// base stays, unless the engine's policy lets it move and the reservation does not suffice.
    #[inline]
    pub fn grow(&self, delta: Pages) -> Result<Pages, Error> {
        let current = self.pages();
        if delta == Pages(0) {
            return Ok(current);
        }
        let maximum = self.ty.growth_limit();
        let Some(wanted) = current.checked_add(delta).filter(|wanted| *wanted <= maximum) else {
            Counters::add_one(&self.counters.grow_failures);
            return Err(Error::MaximumExceeded { current, delta, maximum });
        };
        match self.make_room(wanted) {
            Ok(length) => {
                // Release: who sees the length sees the pages behind it open.
                self.view.byte_length.store(length, Ordering::Release);
                Counters::add_one(&self.counters.grow_count);
                Ok(current)
            }
            Err(error) => {
                Counters::add_one(&self.counters.grow_failures);
                Err(error)
            }
        }
    }

    /// Opens the bytes that `wanted` pages take, and says how many they are.
    fn make_room(&self, wanted: Pages) -> Result<usize, Error> {
        let length = host_length(&self.engine, &self.ty, wanted)?;
        // SAFETY: growth has exclusive access: the memory is not Sync, and the C ABI asks it of
        // its callers. No reference made by `region` is alive here.
        let slot = unsafe { &mut *self.region.get() };
        let Some(region) = slot else {
            return Err(Error::Internal("a live memory has no region"));
        };
        if length > region.open_bytes() {
            self.open_more(region, length)?;
        }
        Ok(length)
    }

    #[cold]
    fn open_more(&self, region: &mut Region, length: usize) -> Result<(), Error> {
        let engine = &self.engine;
        let reserved = region.layout().reserved;
        if length <= reserved {
            let more = length.wrapping_sub(region.open_bytes()) as u64;
            return region
                .open_to(length)
                .map_err(|os| engine.out_of_memory(Purpose::Grow, more, os));
        }
        let refused = match region.extend_to(length) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        if !engine.policy().may_move {
            let (wanted, reserved) = (length as u64, reserved as u64);
            return Err(match refused {
                Some(os) => {
                    let more = wanted.saturating_sub(reserved);
                    engine.out_of_memory(Purpose::Grow, more, os)
                }
                None if region.is_reduced(engine.host()) => {
                    Error::ReducedReservationExceeded { wanted, reserved }
                }
                None => Error::ReservationExceeded { wanted, reserved },
            });
        }
        let moved = engine.acquire(&self.ty, length, Some(region.layout().bounds))?;
        let (from, to) = (self.base(), moved.base().as_ptr());
        // SAFETY: both regions have the current length open, and a new region lies apart.
        unsafe { to.copy_from_nonoverlapping(from, self.byte_length()) };
        self.view.base.store(to, Ordering::Release);
        // Not kept warm: no other memory will have the shape that this one happened to reach.
        *region = moved;
        Ok(())
    }
}
