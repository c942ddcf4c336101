//! What a memory lies in: a region of ours, or bytes that the host provides, watched for breaches of
//! its contract.

use crate::creator::{Breach, LinearMemory, MemoryCreator};
use crate::engine::Engine;
use crate::error::Error;
use crate::plan::Bounds;
use crate::region::Region;
use crate::types::MemoryType;
use core::cell::UnsafeCell;

/// What a memory lies in.
#[derive(Debug)]
pub(super) enum Backing {
    /// A region. Growth, discard and deletion change it; everything else goes by the view.
    Ours(UnsafeCell<Option<Region>>),
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
}

impl HostMade {
    /// Has the host make a memory of `length` bytes, and looks at it.
    pub(super) fn new(
        engine: &Engine,
        creator: &dyn MemoryCreator,
        ty: &MemoryType,
        length: usize,
    ) -> Result<Self, Error> {
        let (bounds, reserved, guard) = engine.host_made(ty, length)?;
        let maximum = ty.maximum().and_then(|maximum| maximum.host_bytes(ty.page_size()));
        let memory = creator.new_memory(ty, length, maximum, reserved, guard)?;
        let page_bytes = engine.host().page_bytes;
        let made = Self { memory, bounds, reserved, guard, page_bytes };
        made.base()?;
        made.check(length)?;
        Ok(made)
    }

    /// Where the bytes are, if they can be there.
    pub(super) fn base(&self) -> Result<*mut u8, Error> {
        let base = self.memory.as_ptr();
        if base.is_null() {
            return Err(Error::HostContract(Breach::NoBase));
        }
        let (address, page_bytes) = (base.addr(), self.page_bytes);
        if address & page_bytes.wrapping_sub(1) != 0 {
            return Err(Error::HostContract(Breach::Unaligned { address, page_bytes }));
        }
        Ok(base)
    }

    /// Whether `wanted` bytes are there, and the guards that were asked for.
    pub(super) fn check(&self, wanted: usize) -> Result<(), Error> {
        let size = self.byte_size();
        if size < wanted {
            return Err(Error::HostContract(Breach::Short { size, wanted }));
        }
        if let Some(maximum) = self.memory.maximum_byte_size()
            && maximum < wanted
        {
            return Err(Error::HostContract(Breach::MaximumBelowSize { maximum, size: wanted }));
        }
        if self.bounds == Bounds::Guarded {
            let range = self.memory.wasm_accessible();
            let wanted_start = self.memory.as_ptr().addr();
            let wanted_end = wanted_start.saturating_add(self.reserved).saturating_add(self.guard);
            if range.start > wanted_start || range.end < wanted_end {
                let (start, end) = (range.start, range.end);
                let breach = Breach::Uncovered { start, end, wanted_start, wanted_end };
                return Err(Error::HostContract(breach));
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
        self.memory.grow_to(length)
    }

    /// How many bytes the host says there are.
    pub(super) fn byte_size(&self) -> usize {
        self.memory.byte_size()
    }

    /// The addresses that belong to the memory, as start and length.
    pub(super) fn accessible(&self) -> (*mut u8, usize) {
        let range = self.memory.wasm_accessible();
        let base = self.memory.as_ptr();
        let start = base.wrapping_sub(base.addr().wrapping_sub(range.start));
        (start, range.end.saturating_sub(range.start))
    }
}
