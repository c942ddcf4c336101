//! Which pages have changed since the memory was made, or since the host last asked for a new start.
//!
//! Since the beginning: what was written to, if it is not what was there. Since then: the system watches for writes,
//! where it can, and what the library itself does without writing is noted; elsewhere the memory is compared with
//! what it was.

use super::Memory;
use super::host::Backing;
use super::initial::merge;
use crate::error::Error;
use crate::image::{MemoryImage, is_zero};
use crate::region::Region;
use crate::sys::WriteWatch;
use core::ops::Range;
use std::sync::{MutexGuard, PoisonError};

/// What changes are counted from.
#[derive(Debug)]
pub(super) struct Start {
    /// The length at that time: what lies behind is new.
    length: usize,
    how: How,
}

#[derive(Debug)]
enum How {
    /// The system watches.
    Watched {
        /// `None` while something else is being put in the place of pages.
        watch: Option<WriteWatch>,
        /// Changes that are known without it.
        known: Vec<Range<u64>>,
        /// Whether anything may have changed.
        anything: bool,
    },
    /// What the memory was.
    Compared(MemoryImage),
}

/// A watch sees a whole region, or as much of it as there was.
fn watch(region: &Region) -> Option<WriteWatch> {
    let (start, bytes) = region.pages()?;
    // SAFETY: the region's own pages; `Memory` gives the watch up before the region.
    unsafe { WriteWatch::new(start, bytes) }.ok()
}

impl How {
    /// The pages that a watch has seen written.
    fn harvest(&mut self, region: &Region) {
        let Self::Watched { watch, known, anything } = self else { return };
        let Some(watch) = watch else { return };
        let bytes = region.pages().map_or(0, |(_, bytes)| bytes);
        let mut has_heap = true;
        let seen = watch.written(bytes.min(region.open_bytes()), &mut |offset, length| {
            has_heap &= known.try_reserve(1).is_ok();
            if has_heap {
                known.push(offset as u64..offset.wrapping_add(length) as u64);
            }
        });
        *anything |= seen.is_err() || !has_heap;
        merge(known);
    }
}

impl Memory {
    fn start_of_changes(&self) -> Option<MutexGuard<'_, Option<Start>>> {
        let extras = self.extras.get()?;
        // Nothing panics while the lock is held; if it were otherwise, the start would be whole.
        Some(extras.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a change that no write made.
    pub(super) fn note_change(&self, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let Some(mut start) = self.start_of_changes() else { return };
        if let Some(Start { how: How::Watched { known, anything, .. }, .. }) = &mut *start {
            if known.try_reserve(1).is_err() {
                *anything = true;
                return;
            }
            known.push(range.start as u64..range.end as u64);
            if known.len().is_power_of_two() {
                merge(known);
            }
        }
    }

    /// Before something else is put in the place of pages, or the region goes: keeps what has been seen.
    pub(super) fn stop_watching(&self, region: &Region) {
        let Some(mut start) = self.start_of_changes() else { return };
        if let Some(Start { how, .. }) = &mut *start {
            how.harvest(region);
            if let How::Watched { watch, .. } = how {
                *watch = None;
            }
        }
    }

    /// Goes on watching after [`Memory::stop_watching`].
    pub(super) fn watch_again(&self, region: &Region) {
        let Some(mut start) = self.start_of_changes() else { return };
        if let Some(Start { how: How::Watched { watch: place, anything, .. }, .. }) = &mut *start {
            // A file that is mapped can change by itself, and the system does not tell all writes to it.
            *place = if self.has_files() { None } else { watch(region) };
            // Where it cannot go on, nothing is known from now on.
            *anything |= place.is_none();
        }
    }

    /// From now on, changes count anew.
    pub fn clear_dirty(&self) -> Result<(), Error> {
        self.borrow.check_writable()?;
        let extras = self.extras.get_or_make()?;
        let length = self.byte_length();
        let mut start = extras.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let has_files = self.has_files();
        if let Some(known_start) = &mut *start
            && let How::Watched { watch: Some(watch), known, anything } = &mut known_start.how
            && !has_files
        {
            // One that was made before the memory was extended in place does not see all of it.
            if length <= watch.bytes() && watch.arm(length).is_ok() {
                known.clear();
                *anything = false;
                known_start.length = length;
                return Ok(());
            }
            // It may have forgotten some of what it has seen.
            *anything = true;
        }
        let region = match &self.backing {
            // SAFETY: clearing has exclusive access: the memory is not Sync, and the C ABI asks it of its callers.
            Backing::Ours(region) if !has_files => unsafe { &*region.get() }.as_ref(),
            _ => None,
        };
        if let Some(region) = region {
            // A region is watched once.
            if let Some(Start { how: How::Watched { watch, anything, .. }, .. }) = &mut *start {
                *watch = None;
                *anything = true;
            }
            if let Some(watch) = watch(region) {
                let how = How::Watched { watch: Some(watch), known: Vec::new(), anything: false };
                *start = Some(Start { length, how });
                return Ok(());
            }
        }
        // On failure, changes count from where they did.
        let how = How::Compared(self.snapshot()?);
        *start = Some(Start { length, how });
        Ok(())
    }

    /// The ranges that have changed since [`Memory::clear_dirty`], or since the memory was made: whole pages of the host,
    /// cut at the length; ascending, apart from each other. A page that was written, but holds what it held, may
    /// be among them.
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Policy};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let ty = MemoryType::new(IndexType::I32, 16, None)?;
    /// let (memory, replica) = (Memory::new(&engine, ty)?, Memory::new(&engine, ty)?);
    /// memory.clear_dirty()?;
    /// memory.store(100_000, 1u8)?;
    /// memory.store(900_000, 2u8)?;
    ///
    /// // A replica follows by copying what has changed, and no more.
    /// let ranges = memory.dirty_ranges()?;
    /// for range in &ranges {
    ///     replica.copy_from(range.start, &memory, range.start, range.end - range.start)?;
    /// }
    /// memory.clear_dirty()?;
    /// assert_eq!((replica.load::<u8>(100_000)?, replica.load::<u8>(900_000)?), (1, 2));
    /// assert!(ranges.iter().all(|range| range.start % memory.dirty_granule_bytes() == 0));
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn dirty_ranges(&self) -> Result<Vec<Range<u64>>, Error> {
        self.check_all_readable()?;
        let length = self.byte_length();
        let page = self.engine.host().page_bytes as u64;
        let start = self.start_of_changes();
        let mut ranges = Vec::new();
        let known_length = match start.as_deref() {
            Some(Some(Start { length: known_length, how: How::Compared(image) })) => {
                self.compare(Some(image), *known_length, length, &mut ranges)?;
                *known_length
            }
            Some(Some(Start { .. })) => return self.watched_ranges(start, length, page),
            None | Some(None) => {
                let pages = Self::initial_pages(&self.ty, self.start.as_ref())?;
                let known_length = pages.host_bytes(self.ty.page_size()).unwrap_or(usize::MAX);
                self.compare(self.start.as_ref(), known_length, length, &mut ranges)?;
                known_length
            }
        };
        self.finish_ranges(ranges, known_length, length, page)
    }

    fn watched_ranges(
        &self,
        mut start: Option<MutexGuard<'_, Option<Start>>>,
        length: usize,
        page: u64,
    ) -> Result<Vec<Range<u64>>, Error> {
        let Some(Some(Start { length: known_length, how })) = start.as_deref_mut() else {
            return Ok(Vec::new());
        };
        if let Backing::Ours(region) = &self.backing
            // SAFETY: as in `shape`.
            && let Some(region) = unsafe { &*region.get() }
        {
            how.harvest(region);
        }
        let How::Watched { known, anything, .. } = how else { return Ok(Vec::new()) };
        if *anything {
            *known_length = 0;
        }
        let mut ranges = Vec::new();
        let bytes = known.len().saturating_mul(size_of::<Range<u64>>());
        ranges.try_reserve_exact(known.len()).map_err(|_| Error::OutOfHeap(bytes))?;
        ranges.extend_from_slice(known);
        let known_length = *known_length;
        self.finish_ranges(ranges, known_length, length, page)
    }

    /// Adds what is new, and makes whole pages of it all.
    fn finish_ranges(
        &self,
        mut ranges: Vec<Range<u64>>,
        known_length: usize,
        length: usize,
        page: u64,
    ) -> Result<Vec<Range<u64>>, Error> {
        let length = length as u64;
        if (known_length as u64) < length {
            ranges.try_reserve(1).map_err(|_| Error::OutOfHeap(size_of::<Range<u64>>()))?;
            ranges.push(known_length as u64..length);
        }
        let mask = page.wrapping_sub(1);
        for range in &mut ranges {
            range.start = (range.start & !mask).min(length);
            range.end = range.end.checked_add(mask).map_or(length, |end| (end & !mask).min(length));
        }
        merge(&mut ranges);
        Ok(ranges)
    }

    /// Finds the pages below `known_length` that are not what an image has there, or zeros without one.
    fn compare(
        &self,
        image: Option<&MemoryImage>,
        known_length: usize,
        length: usize,
        found: &mut Vec<Range<u64>>,
    ) -> Result<(), Error> {
        let page = self.engine.host().page_bytes;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(page).map_err(|_| Error::OutOfHeap(page))?;
        bytes.resize(page, 0u8);
        let end = known_length.min(length) as u64;
        for candidate in self.candidates(length, image)? {
            let mut at = candidate.start & !(page as u64).wrapping_sub(1);
            while at < candidate.end.min(end) {
                // Up to the length of the memory, and no further than it was.
                let part = usize::try_from(end.saturating_sub(at)).unwrap_or(page).min(page);
                let Some(bytes) = bytes.get_mut(..part) else { break };
                self.read(at, bytes)?;
                let offset = usize::try_from(at).unwrap_or(usize::MAX);
                let is_same =
                    image.map_or_else(|| is_zero(bytes), |image| image.matches(offset, bytes));
                let next = at.saturating_add(page as u64);
                if !is_same {
                    match found.last_mut() {
                        Some(last) if last.end == at => last.end = next,
                        _ => {
                            let bytes = size_of::<Range<u64>>();
                            found.try_reserve(1).map_err(|_| Error::OutOfHeap(bytes))?;
                            found.push(at..next);
                        }
                    }
                }
                at = next;
            }
        }
        Ok(())
    }

    /// What the ranges of [`Memory::dirty_ranges`] are multiples of now, in bytes: the host's page, or more where changes
    /// are not known as exactly.
    pub fn dirty_granule_bytes(&self) -> u64 {
        let page = self.engine.host().page_bytes as u64;
        match self.start_of_changes().as_deref() {
            Some(Some(Start { how: How::Watched { anything: true, .. }, .. })) => {
                (self.byte_length() as u64).checked_next_multiple_of(page).unwrap_or(page).max(page)
            }
            _ => page,
        }
    }
}
