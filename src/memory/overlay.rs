//! Ranges of a memory that are not like the rest: files that are mapped there, and what may be done with the bytes.
//!
//! A memory without any pays nothing for it: a bit beside the borrow sends the accesses of one that has some through
//! here. Bytes of a file are copied by the kernel, because the file can become shorter at any moment, and what then lies
//! behind its end would end a program that touches it.

use super::Memory;
use super::host::Backing;
use crate::directory::Entry;
use crate::error::Error;
use crate::region::Region;
use crate::sys::{self, FileMapping, HostFile, OsError, Protection};
use core::cell::Cell;
use core::ops::Range;

/// Why there is no address to use an access with.
pub(super) enum Denied {
    Error(Error),
    /// The bytes are there, but some of them are a file's: the kernel has to copy.
    Mapped(*mut u8),
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A range with something else in it, or with other rights, than memory has: whole pages of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overlay {
    range: Range<usize>,
    /// The file's bytes are there; `None`: the memory's own.
    file: Option<FileMapping>,
    protection: Protection,
}

impl Overlay {
    /// Makes the range what the memory is elsewhere.
    fn undo(&self, region: &mut Region) -> Result<(), OsError> {
        match self.file {
            Some(_) => region.zeros_over(self.range.clone()),
            None => region.protect(self.range.clone(), Protection::ReadWrite),
        }
    }

    /// What keeps an access away.
    fn obstacle(&self, is_write: bool) -> Option<&'static str> {
        match (self.protection, self.file) {
            (Protection::None, _) => Some("allows no access"),
            (Protection::Read, _) | (_, Some(FileMapping::ReadOnly)) if is_write => {
                Some("is read-only")
            }
            _ => None,
        }
    }
}

/// The overlays of a memory: ascending, apart from each other.
#[derive(Debug, Default)]
pub(super) struct Overlays {
    list: Vec<Overlay>,
    /// The addresses of those that are protected, for who asks what an address is.
    marks: Vec<Entry>,
}

impl Overlays {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that have bytes of a range.
    fn within(&self, range: &Range<usize>) -> impl Iterator<Item = &Overlay> {
        let first = self.list.partition_point(|overlay| overlay.range.end <= range.start);
        let end = range.end;
        let rest = self.list.get(first..).unwrap_or(&[]);
        rest.iter().take_while(move |overlay| overlay.range.start < end)
    }

    /// The same overlays outside of a range, and in it what `inside` makes of each part that is alike; `None` as what
    /// there is stands for the memory's own bytes, and as what comes of it, too.
    fn replaced(
        &self,
        range: &Range<usize>,
        mut inside: impl FnMut(Range<usize>, Option<&Overlay>) -> Option<Overlay>,
    ) -> Result<Self, Error> {
        let mut new = Vec::new();
        // Each overlay is cut into three at most, with a gap after each.
        let most = self.list.len().saturating_mul(4).saturating_add(2);
        let bytes = most.saturating_mul(size_of::<Overlay>());
        new.try_reserve_exact(most).map_err(|_| Error::OutOfHeap(bytes))?;
        let mut add = |overlay: Option<Overlay>| {
            let Some(overlay) = overlay.filter(|overlay| !overlay.range.is_empty()) else { return };
            match new.last_mut() {
                // Own bytes alone: pieces of one file do not go on in one another.
                Some(Overlay { range, file: None, protection })
                    if overlay.file.is_none()
                        && *protection == overlay.protection
                        && range.end == overlay.range.start =>
                {
                    range.end = overlay.range.end;
                }
                _ => new.push(overlay),
            }
        };
        let mut at = range.start;
        for overlay in &self.list {
            let Range { start, end } = overlay.range;
            if end <= range.start {
                add(Some(overlay.clone()));
                continue;
            }
            if start >= range.end {
                if at < range.end {
                    add(inside(at..range.end, None));
                    at = range.end;
                }
                add(Some(overlay.clone()));
                continue;
            }
            add(Some(Overlay { range: start..range.start.max(start), ..overlay.clone() }));
            let from = start.max(range.start);
            if at < from {
                add(inside(at..from, None));
            }
            at = end.min(range.end);
            add(inside(from..at, Some(overlay)));
            add(Some(Overlay { range: range.end.min(end)..end, ..overlay.clone() }));
        }
        if at < range.end {
            add(inside(at..range.end, None));
        }
        Ok(Self { list: new, marks: Vec::new() })
    }

    /// The addresses that are protected in a memory with this base; ascending.
    fn protected(&self, base: usize) -> impl Iterator<Item = Range<usize>> {
        let protected = self.list.iter().filter(|overlay| overlay.obstacle(true).is_some());
        protected.map(move |Overlay { range, .. }| {
            base.wrapping_add(range.start)..base.wrapping_add(range.end)
        })
    }

    /// Marks for what is protected here and was not, in the same piece, in `old`, which gets room for them.
    fn new_marks(&self, base: usize, old: &mut Vec<Entry>) -> Result<Vec<Entry>, Error> {
        let mut new = Vec::new();
        for range in self.protected(base) {
            let at = old.partition_point(|mark| mark.range().start < range.start);
            if old.get(at).is_none_or(|mark| mark.range() != range) {
                new.try_reserve(1).map_err(|_| Error::OutOfHeap(size_of::<Entry>()))?;
                new.push(Entry::for_protection(range)?);
            }
        }
        let bytes = new.len().saturating_mul(size_of::<Entry>());
        old.try_reserve(new.len()).map_err(|_| Error::OutOfHeap(bytes))?;
        Ok(new)
    }

    /// Takes over those of the old marks that are still right, and the new ones, for which they have room.
    fn adopt(&mut self, base: usize, mut old: Vec<Entry>, new: Vec<Entry>) {
        old.extend(new);
        old.sort_unstable_by_key(|mark| mark.range().start);
        {
            let mut protected = self.protected(base).peekable();
            old.retain(|mark| {
                while protected.next_if(|range| range.start < mark.range().start).is_some() {}
                protected.peek().is_some_and(|range| *range == mark.range())
            });
        }
        self.marks = old;
    }

    /// Nothing is known to be protected any more.
    pub(super) fn withdraw(&mut self) {
        self.marks.clear();
    }

    /// Makes the region of a memory that it goes back to what it was: on failure it must not be used again.
    pub(super) fn undo(&self, region: &mut Region) -> Result<(), OsError> {
        self.list.iter().try_for_each(|overlay| overlay.undo(region))
    }

    /// Whether a file is mapped.
    pub(super) fn has_files(&self) -> bool {
        self.list.iter().any(|overlay| overlay.file.is_some())
    }
}

impl Memory {
    fn overlays(&self) -> Option<&Overlays> {
        // SAFETY: what changes the overlays has exclusive access: the memory is not Sync, shared memories have none, and
        // the C ABI asks it of its callers; and it lets no reference of this kind live across its changes.
        self.extras.get().map(|extras| unsafe { &*extras.overlays.get() })
    }

    /// The same as `readable` where it has to be looked at which bytes those are.
    #[cold]
    #[inline(never)]
    pub(super) fn readable_part(&self, offset: u64, length: u64) -> Result<*mut u8, Denied> {
        self.borrow.check_readable()?;
        self.part(offset, length, false)
    }

    /// The same as `writable` where it has to be looked at which bytes those are.
    #[cold]
    #[inline(never)]
    pub(super) fn writable_part(&self, offset: u64, length: u64) -> Result<*mut u8, Denied> {
        self.borrow.check_writable()?;
        self.part(offset, length, true)
    }

    fn part(&self, offset: u64, length: u64, is_write: bool) -> Result<*mut u8, Denied> {
        let start = self.range(offset, length)?;
        let range = host_range(offset, length);
        let Some(overlays) = self.overlays().filter(|_| !range.is_empty()) else {
            return Ok(start);
        };
        let mut is_mapped = false;
        for overlay in overlays.within(&range) {
            if let Some(protection) = overlay.obstacle(is_write) {
                return Err(Error::Protected { offset, length, protection }.into());
            }
            is_mapped |= overlay.file.is_some();
        }
        if is_mapped { Err(Denied::Mapped(start)) } else { Ok(start) }
    }

    /// The address all the same, when the files that are mapped in the range are long enough now.
    #[cold]
    pub(super) fn after_all(
        &self,
        denied: Denied,
        offset: u64,
        length: u64,
    ) -> Result<*mut u8, Error> {
        match denied {
            Denied::Error(error) => Err(error),
            Denied::Mapped(start) => {
                self.check_files(offset, length)?;
                Ok(start)
            }
        }
    }

    /// Fails if a file that is mapped in a range has become too short for its last byte there, and so for any.
    fn check_files(&self, offset: u64, length: u64) -> Result<(), Error> {
        let range = host_range(offset, length);
        for overlay in self.overlays().into_iter().flat_map(|overlays| overlays.within(&range)) {
            let last = overlay.range.end.min(range.end).wrapping_sub(1);
            let mut byte = 0u8;
            if overlay.file.is_some() {
                // SAFETY: the byte lies in the memory, which the range does, and is mapped.
                unsafe { sys::copy_by_kernel(self.base().wrapping_add(last), &raw mut byte, 1) }
                    .map_err(|os| shrunk(overlay, os))?;
            }
        }
        Ok(())
    }

    /// The error for a copy that failed in a range.
    fn shrunk_in(&self, offset: u64, length: u64, os: OsError) -> Error {
        let range = host_range(offset, length);
        let mut files = self.overlays().into_iter().flat_map(|overlays| overlays.within(&range));
        match files.find(|overlay| overlay.file.is_some()) {
            Some(overlay) => shrunk(overlay, os),
            None => Error::FileShrunk { offset, length, os },
        }
    }

    /// A read that cannot be done by an ordinary copy.
    ///
    /// # Safety
    /// As for `read_to`.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn read_denied(
        &self,
        denied: Denied,
        offset: u64,
        to: *mut u8,
        length: usize,
    ) -> Result<(), Error> {
        let from = self.after_all(denied, offset, length as u64)?;
        // SAFETY: the range was found in the memory; the caller vouches for `to`.
        unsafe { sys::copy_by_kernel(from, to, length) }
            .map_err(|os| self.shrunk_in(offset, length as u64, os))
    }

    /// A write that cannot be done by an ordinary copy.
    ///
    /// # Safety
    /// As for `write_from`.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn write_denied(
        &self,
        denied: Denied,
        offset: u64,
        from: *const u8,
        length: usize,
    ) -> Result<(), Error> {
        let to = self.after_all(denied, offset, length as u64)?;
        // SAFETY: the range was found in the memory; the caller vouches for `from`.
        unsafe { sys::copy_by_kernel(from, to, length) }
            .map_err(|os| self.shrunk_in(offset, length as u64, os))
    }

    /// A fill that cannot be done by ordinary writes.
    #[cold]
    #[inline(never)]
    pub(super) fn fill_denied(
        &self,
        denied: Denied,
        offset: u64,
        value: u8,
        length: u64,
    ) -> Result<(), Error> {
        let start = self.after_all(denied, offset, length)?;
        let bytes = [value; CHUNK];
        chunks(host_range(0, length), false, |part| {
            // SAFETY: the range was found in the memory.
            unsafe {
                sys::copy_by_kernel(bytes.as_ptr(), start.wrapping_add(part.start), part.len())
            }
            .map_err(|os| self.shrunk_in(offset, length, os))
        })
    }

    /// A copy of which at least one side was denied: each is the memory, what became of the access, and the offset.
    #[cold]
    #[inline(never)]
    pub(super) fn copy_denied(
        (to_memory, to, to_offset): (&Self, Result<*mut u8, Denied>, u64),
        (from_memory, from, from_offset): (&Self, Result<*mut u8, Denied>, u64),
        length: u64,
    ) -> Result<(), Error> {
        let to = to.or_else(|denied| match denied {
            Denied::Error(error) => Err(error),
            Denied::Mapped(start) => Ok(start),
        })?;
        let from = from.or_else(|denied| from_memory.after_all(denied, from_offset, length))?;
        to_memory.check_files(to_offset, length)?;
        let mut bytes = [0u8; CHUNK];
        // Later bytes first where the destination would overwrite them.
        chunks(host_range(0, length), to > from, |part| {
            let (from, to) = (from.wrapping_add(part.start), to.wrapping_add(part.start));
            // SAFETY: both ranges were found in their memories.
            unsafe {
                sys::copy_by_kernel(from, bytes.as_mut_ptr(), part.len())
                    .map_err(|os| from_memory.shrunk_in(from_offset, length, os))?;
                sys::copy_by_kernel(bytes.as_ptr(), to, part.len())
                    .map_err(|os| to_memory.shrunk_in(to_offset, length, os))
            }
        })
    }

    /// Maps a file of the host's into a range, in the place of what is there. The descriptor is not kept. `file_offset`
    /// is in bytes; it, `offset` and `length` are multiples of the host's page.
    ///
    /// See [`FileMapping`] for an example.
    pub fn map_file(
        &self,
        offset: u64,
        descriptor: isize,
        file_offset: u64,
        length: u64,
        how: FileMapping,
    ) -> Result<(), Error> {
        let file_range = [("file_offset", file_offset)];
        let (region, range) = self.overlay_range(offset, length, &file_range)?;
        if !self.engine.host().maps_files {
            return Err(Error::Unsupported("this version maps no files on this system"));
        }
        let what = "the descriptor cannot be used";
        let refused = |os| Error::File { what, os };
        let what = "only regular files of ordinary pages can be mapped, and the descriptor is of something else";
        let irregular = Error::File { what, os: OsError::none() };
        let (file, file_bytes) = HostFile::new(descriptor).map_err(refused)?.ok_or(irregular)?;
        let wanted = file_offset.saturating_add(length);
        let page_bytes = self.engine.host().page_bytes as u64;
        if file_bytes.checked_next_multiple_of(page_bytes).is_some_and(|end| end < wanted) {
            return Err(Error::FileTooShort { file_bytes, wanted });
        }
        if range.is_empty() {
            return Ok(());
        }
        let protection = match how {
            FileMapping::ReadOnly => Protection::Read,
            FileMapping::CopyOnWrite | FileMapping::Shared => Protection::ReadWrite,
        };
        // One, in the place of all that is there.
        let mut new = Some(Overlay { range: range.clone(), file: Some(how), protection });
        let is_lost = Cell::new(false);
        let map = |region: &mut Region| {
            region.map_file(range.clone(), file, file_offset, how).map_err(|refused| {
                is_lost.set(refused.is_lost);
                if refused.os == OsError::no_memory() {
                    return self.engine.out_of_memory(sys::Purpose::Map, length, refused.os);
                }
                Error::File { what: "the system refused to map the file", os: refused.os }
            })
        };
        let mapped = self.overlay(region, &range, |_, _| new.take(), map, true);
        if is_lost.get() {
            // Zeros are there now.
            self.overlay(region, &range, |_, _| None, |_| Ok(()), true)?;
        }
        mapped
    }

    /// Makes a range zeros that can be read and written, whatever was there: bytes, a file, a protection.
    pub fn unmap(&self, offset: u64, length: u64) -> Result<(), Error> {
        let (region, range) = self.overlay_range(offset, length, &[])?;
        if range.is_empty() {
            return Ok(());
        }
        let map = |region: &mut Region| {
            let zeros = region.zeros_over(range.clone());
            zeros.map_err(|os| self.engine.out_of_memory(sys::Purpose::Map, length, os))
        };
        self.overlay(region, &range, |_, _| None, map, true)
    }

    /// Sets what may be done with the bytes of a range; they stay what they are.
    ///
    /// ```
    /// use wasm_memory::{Engine, Error, IndexType, Memory, MemoryType, Policy, Protection};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// # if !engine.host().has_mappings { return Ok(()) }
    /// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?;
    /// // A null page: what a guest does through a null pointer faults.
    /// memory.protect(0, memory.stats().map_alignment_bytes, Protection::None)?;
    /// assert!(matches!(memory.load::<u32>(0), Err(Error::Protected { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn protect(&self, offset: u64, length: u64, protection: Protection) -> Result<(), Error> {
        let (region, range) = self.overlay_range(offset, length, &[])?;
        if range.is_empty() {
            return Ok(());
        }
        let mut there = self.overlays().into_iter().flat_map(|overlays| overlays.within(&range));
        let is_read_only = |overlay: &Overlay| overlay.file == Some(FileMapping::ReadOnly);
        if protection == Protection::ReadWrite && there.any(is_read_only) {
            let protection = "has a file mapped for reading only";
            return Err(Error::Protected { offset, length, protection });
        }
        let with = |range, there: Option<&Overlay>, protection| {
            let file = there.and_then(|overlay| overlay.file);
            let overlay = Overlay { range, file, protection };
            (file.is_some() || protection != Protection::ReadWrite).then_some(overlay)
        };
        let is_torn = Cell::new(false);
        let protect = |region: &mut Region| {
            region.protect(range.clone(), protection).map_err(|os| {
                // The system may have done a part of it: back to what was.
                is_torn.set(!self.protect_as_known(region, &range));
                self.engine.out_of_memory(sys::Purpose::Map, length, os)
            })
        };
        let inside = |range, there: Option<&Overlay>| with(range, there, protection);
        let protected = self.overlay(region, &range, inside, protect, false);
        if is_torn.get() {
            // Nobody knows which of the two a page has now: nothing is done there that either forbids.
            let stricter = |range, there: Option<&Overlay>| {
                let old = there.map_or(Protection::ReadWrite, |overlay| overlay.protection);
                with(range, there, old.min(protection))
            };
            self.overlay(region, &range, stricter, |_| Ok(()), false)?;
        }
        protected
    }

    /// Makes the protections in a range what the overlays say; false if the system refuses that, too.
    fn protect_as_known(&self, region: &mut Region, range: &Range<usize>) -> bool {
        let mut at = range.start;
        let mut is_done = true;
        for overlay in self.overlays().into_iter().flat_map(|overlays| overlays.within(range)) {
            let from = overlay.range.start.max(range.start);
            let to = overlay.range.end.min(range.end);
            if at < from {
                is_done &= region.protect(at..from, Protection::ReadWrite).is_ok();
            }
            is_done &= region.protect(from..to, overlay.protection).is_ok();
            at = to;
        }
        if at < range.end {
            is_done &= region.protect(at..range.end, Protection::ReadWrite).is_ok();
        }
        is_done
    }

    /// The region and the offsets that a mapping or protection is for.
    #[allow(clippy::mut_from_ref, reason = "see below: exclusive access is the caller's to give")]
    fn overlay_range(
        &self,
        offset: u64,
        length: u64,
        others: &[(&'static str, u64)],
    ) -> Result<(&mut Region, Range<usize>), Error> {
        let region = match &self.backing {
            // SAFETY: mapping and protecting have exclusive access: the memory is not Sync, and the C ABI asks
            // it of its callers. No other reference to the region is alive here.
            Backing::Ours(region) => unsafe { &mut *region.get() },
            Backing::Shared(_) => {
                return Err(Error::Shared(
                    "other threads use its bytes without asking: map files into memories that are not shared, and \
                     protect those",
                ));
            }
            Backing::Host(_) => {
                return Err(Error::Unsupported(
                    "the host made this memory (wasm_config_memory_allocator_set): map and protect its bytes there",
                ));
            }
        };
        let region = region.as_mut().ok_or(Error::Internal("a live memory has no region"))?;
        if !region.has_pages() {
            return Err(Error::Unsupported(
                "this memory lies on the heap, because the process has no address space or mappings left, or the \
                 system has none: there are no pages to map or protect",
            ));
        }
        self.borrow.check_writable()?;
        let alignment = self.engine.host().page_bytes as u64;
        let own = [("offset", offset), ("length", length)];
        for &(name, value) in own.iter().chain(others) {
            if value & alignment.wrapping_sub(1) != 0 {
                return Err(Error::UnalignedRange { name, value, alignment });
            }
        }
        self.range(offset, length)?;
        Ok((region, host_range(offset, length)))
    }

    /// Changes what is in a range, by `apply`, and what is known of it.
    fn overlay(
        &self,
        region: &mut Region,
        range: &Range<usize>,
        inside: impl FnMut(Range<usize>, Option<&Overlay>) -> Option<Overlay>,
        apply: impl FnOnce(&mut Region) -> Result<(), Error>,
        replaces: bool,
    ) -> Result<(), Error> {
        let extras = self.extras.get_or_make()?;
        let base = self.base().addr();
        // SAFETY: as in `overlay_range`.
        let old = unsafe { &mut *extras.overlays.get() };
        let mut new = old.replaced(range, inside)?;
        let marks = new.new_marks(base, &mut old.marks)?;
        if replaces {
            self.stop_watching(region);
        }
        let applied = apply(region);
        if applied.is_ok() {
            self.borrow.set_overlaid(!new.is_empty());
            // SAFETY: as in `overlay_range`; no other reference to them is alive here.
            let old = unsafe { &mut *extras.overlays.get() };
            new.adopt(base, core::mem::take(&mut old.marks), marks);
            *old = new;
            if replaces {
                self.note_change(range);
            }
        }
        if replaces {
            self.watch_again(region);
        }
        applied
    }

    /// Undoes all mappings and protections; on failure some may be left.
    pub(super) fn undo_overlays(&self, region: &mut Region) -> Result<(), OsError> {
        if !self.borrow.is_overlaid() {
            return Ok(());
        }
        let Some(extras) = self.extras.get() else { return Ok(()) };
        // SAFETY: as in `overlay_range`.
        let overlays = unsafe { &mut *extras.overlays.get() };
        while let Some(last) = overlays.list.last() {
            last.undo(region)?;
            overlays.list.pop();
        }
        overlays.withdraw();
        self.borrow.set_overlaid(false);
        Ok(())
    }

    /// Fails if a range of the memory must not be read.
    pub(super) fn check_all_readable(&self) -> Result<(), Error> {
        self.borrow.check_readable()?;
        if self.borrow.is_overlaid()
            && let Err(Denied::Error(error)) = self.readable_part(0, self.byte_length() as u64)
        {
            return Err(error);
        }
        Ok(())
    }

    /// Whether a file is mapped into the memory.
    pub(super) fn has_files(&self) -> bool {
        self.overlays().is_some_and(Overlays::has_files)
    }
}

fn shrunk(overlay: &Overlay, os: OsError) -> Error {
    let (offset, length) = (overlay.range.start as u64, overlay.range.len() as u64);
    Error::FileShrunk { offset, length, os }
}

/// How many bytes go through a buffer at a time.
const CHUNK: usize = 4096;

/// The parts of a range that go through a buffer, from the end if `backwards`.
fn chunks(
    range: Range<usize>,
    backwards: bool,
    mut each: impl FnMut(Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut rest = range;
    while !rest.is_empty() {
        let bytes = rest.len().min(CHUNK);
        let part = if backwards {
            rest.end.wrapping_sub(bytes)..rest.end
        } else {
            rest.start..rest.start.wrapping_add(bytes)
        };
        if backwards {
            rest.end = part.start;
        } else {
            rest.start = part.end;
        }
        each(part)?;
    }
    Ok(())
}

/// A range that a bounds check has found in a memory, and that therefore fits the host.
#[allow(clippy::cast_possible_truncation, reason = "the length of a memory is a usize")]
fn host_range(offset: u64, length: u64) -> Range<usize> {
    let start = offset as usize;
    start..start.wrapping_add(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(overlays: &Overlays) -> Vec<Option<(Option<FileMapping>, Protection)>> {
        let mut cells = vec![None; 40];
        for overlay in &overlays.list {
            for cell in &mut cells[overlay.range.clone()] {
                assert_eq!(*cell, None, "overlays lie apart");
                *cell = Some((overlay.file, overlay.protection));
            }
        }
        assert!(overlays.list.is_sorted_by_key(|overlay| overlay.range.start));
        cells
    }

    #[test]
    fn overlays_are_what_was_set_last_cell_by_cell() {
        let mut overlays = Overlays::default();
        let mut cells = vec![None; 40];
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..3000 {
            let start = random(40);
            let range = start..start + random(40 - start) + 1;
            let file = [None, Some(FileMapping::CopyOnWrite), Some(FileMapping::Shared)][random(3)];
            let protection = [Protection::None, Protection::Read][random(2)];
            let clears = random(3) == 0;
            overlays = overlays
                .replaced(&range, |range, _| {
                    (!clears).then_some(Overlay { range, file, protection })
                })
                .unwrap();
            cells[range].fill((!clears).then_some((file, protection)));
            assert_eq!(model(&overlays), cells);
        }
    }
}
