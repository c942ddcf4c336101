//! What a memory lies in: a region of ours, or bytes that the host provides, watched for breaches of
//! its contract.

use super::shared::Shared;
use crate::creator::{Breach, LinearMemory, MemoryCreator};
use crate::directory::Entry;
use crate::engine::Engine;
use crate::error::Error;
use crate::plan::Bounds;
use crate::region::Region;
use crate::types::MemoryType;
use core::cell::{RefCell, UnsafeCell};
use core::ops::Range;

/// What a memory lies in.
#[derive(Debug)]
pub(super) enum Backing {
    /// A region. Growth, discard and deletion change it; everything else goes by the view.
    Ours(UnsafeCell<Option<Region>>),
    /// A region that several threads use.
    Shared(Box<Shared>),
    /// Bytes of the host's.
    Host(HostMade),
}

/// A linear memory that the host made.
#[derive(Debug)]
pub(super) struct HostMade {
    memory: Box<dyn LinearMemory>,
    pub(super) bounds: Bounds,
    /// What the host was asked to reserve from the base on; 0 for checked memories.
    pub(super) reserved: usize,
    /// What the host was asked to have fault behind that.
    pub(super) guard: usize,
    page_bytes: usize,
    /// Its addresses, for who asks whose they are; changed by growth alone.
    entry: RefCell<Option<Entry>>,
}

impl HostMade {
    /// Has the host make a memory of `length` bytes, and looks at it.
    pub(super) fn new(
        engine: &Engine,
        creator: &dyn MemoryCreator,
        ty: &MemoryType,
        length: usize,
    ) -> Result<(*mut u8, Self), Error> {
        let (bounds, reserved, guard) = engine.host_made(ty, length)?;
        let maximum = ty.maximum().and_then(|maximum| maximum.host_bytes(ty.page_size()));
        let memory = creator.new_memory(ty, length, maximum, reserved, guard)?;
        let page_bytes = engine.host().page_bytes;
        let entry = RefCell::new(None);
        let made = Self { memory, bounds, reserved, guard, page_bytes, entry };
        let base = made.base()?;
        made.check(base, length)?;
        Ok((base, made))
    }

    /// Where the bytes are.
    pub(super) fn base(&self) -> Result<*mut u8, Error> {
        let base = self.memory.as_ptr();
        if base.is_null() { Err(Error::HostContract(Breach::NoBase)) } else { Ok(base) }
    }

    /// Whether `wanted` bytes are there, at a base that can be, and the guards that were asked for.
    pub(super) fn check(&self, base: *mut u8, wanted: usize) -> Result<(), Error> {
        let breach = |breach| Err(Error::HostContract(breach));
        let (address, page_bytes) = (base.addr(), self.page_bytes);
        if address & page_bytes.wrapping_sub(1) != 0 {
            return breach(Breach::Unaligned { address, page_bytes });
        }
        let bytes = self.reserved.saturating_add(self.guard).max(wanted);
        let Some(end) = address.checked_add(bytes) else {
            return breach(Breach::TooHigh { address, bytes });
        };
        let size = self.byte_size();
        if size < wanted {
            return breach(Breach::Short { size, wanted });
        }
        if let Some(maximum) = self.memory.maximum_byte_size()
            && maximum < wanted
        {
            return breach(Breach::MaximumBelowSize { maximum, size: wanted });
        }
        if self.bounds == Bounds::Guarded {
            if size != wanted {
                return breach(Breach::Unguarded { size, wanted });
            }
            let (wanted_start, wanted_end) = (address, end);
            let Range { start, end } = self.memory.wasm_accessible();
            if start > wanted_start || end < wanted_end {
                return breach(Breach::Uncovered { start, end, wanted_start, wanted_end });
            }
        }
        Ok(())
    }

    /// Has the host grow its memory. What became of it, `base` and `check` tell.
    pub(super) fn grow_to(&self, length: usize) -> Result<(), Error> {
        if let Some(maximum) = self.memory.maximum_byte_size()
            && length > maximum
        {
            let (wanted, maximum) = (length as u64, maximum as u64);
            return Err(Error::HostMaximumExceeded { wanted, maximum });
        }
        if self.bounds == Bounds::Guarded && length > self.reserved {
            let (wanted, reserved) = (length as u64, self.reserved as u64);
            return Err(Error::ReservationExceeded { wanted, reserved });
        }
        self.memory.grow_to(length)
    }

    /// How many bytes the host says there are.
    pub(super) fn byte_size(&self) -> usize {
        self.memory.byte_size()
    }

    /// Announces the memory with this view, which has so many bytes from `base` on. Without heap for that it is not known.
    pub(super) fn announce(&self, view: usize, base: usize, length: usize) {
        let (start, accessible) = self.accessible();
        let end = start.addr().saturating_add(accessible);
        let mut range = base..base.saturating_add(length);
        // What the host says, unless it makes no sense.
        if start.addr() <= range.start && range.end <= end {
            range = start.addr()..end;
        }
        let is_there = |entry: &Entry| entry.is_for(&range, base);
        let entry = self.entry.take().filter(is_there);
        let entry = entry.or_else(|| Entry::for_claim(range, base).ok());
        if let Some(seat) = entry.as_ref().and_then(|entry| entry.seat(0)) {
            // SAFETY: the entry is kept below, and by nobody else.
            unsafe { seat.get() }.occupy(view, length);
        }
        self.entry.replace(entry);
    }

    /// The memory has another length or another base. One that was never announced is not.
    pub(super) fn announce_again(&self, base: usize, length: usize) {
        let entry = self.entry.take();
        let seat = entry.as_ref().and_then(|entry| entry.seat(0));
        // SAFETY: the entry is right here.
        let view = seat.map_or(0, |seat| unsafe { seat.get() }.occupant());
        self.entry.replace(entry);
        if view != 0 {
            self.announce(view, base, length);
        }
    }

    /// The memory goes.
    pub(super) fn withdraw(&self) {
        self.entry.replace(None);
    }

    /// The addresses that belong to the memory, as start and length.
    pub(super) fn accessible(&self) -> (*mut u8, usize) {
        let range = self.memory.wasm_accessible();
        let base = self.memory.as_ptr();
        let start = base.wrapping_sub(base.addr().wrapping_sub(range.start));
        (start, range.end.saturating_sub(range.start))
    }
}
