//! Many bytes at once. Every range is checked before anything is written.

use super::Memory;
use super::host::Backing;
use super::overlay::Denied;
use crate::error::Error;
use crate::racy;
use core::ptr;

/// Copies between ranges that may overlap: as fast as libc where nobody else uses them.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `length` bytes; others use them only if `is_racy`.
#[inline]
pub(super) unsafe fn copy_many(from: *const u8, to: *mut u8, length: usize, is_racy: bool) {
    // SAFETY: the caller's ranges.
    unsafe { if is_racy { racy::copy(from, to, length) } else { from.copy_to(to, length) } }
}

/// Sets a range.
///
/// # Safety
/// `to` is valid for writes of `length` bytes; others use them only if `is_racy`.
#[inline]
unsafe fn fill_many(to: *mut u8, value: u8, length: usize, is_racy: bool) {
    // SAFETY: the caller's range.
    unsafe { if is_racy { racy::fill(to, value, length) } else { to.write_bytes(value, length) } }
}

/// A length that a bounds check has found in a memory, and that therefore fits the host.
#[allow(clippy::cast_possible_truncation, reason = "the length of a memory is a usize")]
#[inline]
const fn in_host(length: u64) -> usize {
    length as usize
}

impl Memory {
    /// `memory.fill`: sets `length` bytes at `offset` to `value`.
    #[inline]
    pub fn fill(&self, offset: u64, value: u8, length: u64) -> Result<(), Error> {
        match self.writable(offset, length) {
            // SAFETY: `writable` found all bytes in the memory.
            Ok(start) => unsafe { fill_many(start, value, in_host(length), self.is_shared()) },
            Err(denied) => return self.fill_denied(denied, offset, value, length),
        }
        Ok(())
    }

    /// Sets every byte to zero and keeps the size. Costs time with the pages that were touched, which go
    /// back to the system; where the memory lies on the heap or is the host's, with the size.
    pub fn erase(&self) -> Result<(), Error> {
        self.discard(0, self.byte_length() as u64)
    }

    /// Makes `length` bytes at `offset` read as zero, exactly those, and gives the whole host pages
    /// among them back to the system. Where it does not take them, zeros are written.
    pub fn discard(&self, offset: u64, length: u64) -> Result<(), Error> {
        let start = match self.writable(offset, length) {
            Ok(start) => start,
            // Files keep their pages.
            Err(denied) => return self.fill_denied(denied, offset, 0, length),
        };
        let (from, to) = (in_host(offset), in_host(offset).wrapping_add(in_host(length)));
        let given_back = match &self.backing {
            // SAFETY: discarding has exclusive access: the memory is not Sync, and the C ABI asks it of
            // its callers. No other reference to the region is alive here.
            Backing::Ours(region) => match unsafe { &mut *region.get() } {
                Some(region) => region.give_back(from, to, false),
                None => from..from,
            },
            Backing::Shared(shared) => match shared.region().as_mut() {
                Some(region) => region.give_back(from, to, true),
                None => from..from,
            },
            Backing::Host(_) => from..from,
        };
        self.note_change(&given_back);
        let before = given_back.start.wrapping_sub(from);
        let after = to.wrapping_sub(given_back.end);
        // SAFETY: `writable` found all of from..to in the memory, and what was given back lies between.
        unsafe {
            fill_many(start, 0, before, self.is_shared());
            fill_many(self.base().add(given_back.end), 0, after, self.is_shared());
        }
        Ok(())
    }

    /// `memory.copy` within one memory: as if through a buffer, so the ranges may overlap.
    #[inline]
    pub fn copy_within(&self, destination: u64, source: u64, length: u64) -> Result<(), Error> {
        let to = self.writable(destination, length);
        let from = self.readable(source, length);
        match (to, from) {
            // SAFETY: both ranges were found in the memory.
            (Ok(to), Ok(from)) => unsafe {
                copy_many(from, to, in_host(length), self.is_shared());
            },
            (to, from) => {
                return Self::copy_denied((self, to, destination), (self, from, source), length);
            }
        }
        Ok(())
    }

    /// Copies within one memory between ranges that do not overlap; those that do are refused.
    #[inline]
    pub fn copy_within_nonoverlapping(
        &self,
        destination: u64,
        source: u64,
        length: u64,
    ) -> Result<(), Error> {
        let to = match self.writable(destination, length) {
            Err(Denied::Error(error)) => return Err(error),
            to => to,
        };
        let from = match self.readable(source, length) {
            Err(Denied::Error(error)) => return Err(error),
            from => from,
        };
        if length > destination.abs_diff(source) {
            return Err(Error::Overlap { destination, source_offset: source, length });
        }
        match (to, from) {
            // SAFETY: both ranges were found in the memory.
            (Ok(to), Ok(from)) => unsafe {
                copy_many(from, to, in_host(length), self.is_shared());
            },
            (to, from) => {
                return Self::copy_denied((self, to, destination), (self, from, source), length);
            }
        }
        Ok(())
    }

    /// `memory.copy` between memories, of whatever index types and page sizes. With twice the same memory
    /// it is `copy_within`.
    #[inline]
    pub fn copy_from(
        &self,
        destination: u64,
        source_memory: &Self,
        source: u64,
        length: u64,
    ) -> Result<(), Error> {
        if ptr::eq(self, source_memory) {
            return self.copy_within(destination, source, length);
        }
        self.borrow.check_writable()?;
        let from = match source_memory.readable(source, length) {
            Err(Denied::Error(error)) => return Err(error),
            from => from,
        };
        let to = self.writable(destination, length);
        let is_racy = self.is_shared() || source_memory.is_shared();
        match (to, from) {
            // SAFETY: each range was found in its memory. A host may have made both memories of the same
            // bytes, so they may overlap.
            (Ok(to), Ok(from)) => unsafe { copy_many(from, to, in_host(length), is_racy) },
            (to, from) => {
                let from = (source_memory, from, source);
                return Self::copy_denied((self, to, destination), from, length);
            }
        }
        Ok(())
    }
}
