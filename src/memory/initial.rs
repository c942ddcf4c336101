//! What a memory starts with, goes back to, and can be made a start for others of.

use super::host::{Backing, HostMade};
use super::shared::Shared;
use super::{Kept, Memory, host_length};
use crate::engine::{Engine, Wanted};
use crate::error::Error;
use crate::image::{MemoryImage, Snapshot};
use crate::racy;
use crate::region::Region;
use crate::sys::Purpose;
use crate::types::MemoryType;
use crate::units::Pages;
use core::cell::UnsafeCell;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::Ordering;

impl Memory {
    /// Makes a memory of zeros with the minimum of its type, under the engine's policy.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self, Error> {
        Self::starting_with(engine, ty, None)
    }

    /// Makes a memory that starts with an image. It has the minimum of its type, or the size of the
    /// snapshot if that is larger.
    pub fn from_image(engine: &Engine, ty: MemoryType, image: &MemoryImage) -> Result<Self, Error> {
        Self::starting_with(engine, ty, Some(image))
    }

    /// How many pages a memory has that starts with an image, or without one with zeros.
    pub(crate) fn initial_pages(
        ty: &MemoryType,
        image: Option<&MemoryImage>,
    ) -> Result<Pages, Error> {
        image.map_or(Ok(ty.minimum()), |image| image.pages_in(ty))
    }

    /// Makes a memory that starts with an image, or with zeros.
    pub(crate) fn starting_with(
        engine: &Engine,
        ty: MemoryType,
        image: Option<&MemoryImage>,
    ) -> Result<Self, Error> {
        Self::of_engine(engine, || Kept::Own(engine.clone()), ty, image)
    }

    /// The same for a memory that does not keep its engine.
    ///
    /// # Safety
    /// Somebody else has a reference to the engine for as long as the memory lives.
    #[inline(always)]
    pub(crate) unsafe fn in_engine_of_another(
        engine: &Engine,
        ty: MemoryType,
        image: Option<&MemoryImage>,
    ) -> Result<Self, Error> {
        // SAFETY: passed on.
        Self::of_engine(engine, || unsafe { Kept::lent(engine) }, ty, image)
    }

    #[inline(always)]
    fn of_engine(
        engine: &Engine,
        kept: impl FnOnce() -> Kept,
        ty: MemoryType,
        image: Option<&MemoryImage>,
    ) -> Result<Self, Error> {
        Self::check_kind(engine, &ty)?;
        let length = host_length(engine, &ty, Self::initial_pages(&ty, image)?)?;
        let mut memory = if ty.is_shared() {
            Self::over_shared(kept(), ty, length, Shared::new(engine, &ty, length)?)?
        } else if let Some(creator) = engine.creator() {
            let (base, made) = HostMade::new(engine, creator, &ty, length)?;
            Self::over(kept(), ty, length, base, Backing::Host(made))
        } else {
            let region = engine.acquire(&Wanted { ty: &ty, needed: length, image }, None)?;
            let base = region.base().as_ptr();
            Self::over(kept(), ty, length, base, Backing::Ours(UnsafeCell::new(Some(region))))
        };
        if let Some(image) = image {
            memory.start = Some(image.clone());
            if !matches!(memory.backing, Backing::Ours(_)) {
                memory.copy_extents(image, length);
            }
        }
        Ok(memory)
    }

    /// Copies the bytes of an image, but no zeros, to where they are in a memory of so many bytes.
    fn copy_extents(&self, image: &MemoryImage, length: usize) {
        for extent in image.extents() {
            let end = extent.end.min(length);
            // SAFETY: below the length of the memory; an image lies apart from all memories.
            let copy = |from: *const u8, to: *mut u8, bytes: usize| unsafe {
                racy::copy(from, to, bytes);
            };
            image.write(self.base(), extent.start, end, copy, |_, _| {});
        }
    }

    /// An image of the memory as it is: contents and size, without mappings and protections. Fails if a range must not
    /// be read.
    pub fn snapshot(&self) -> Result<MemoryImage, Error> {
        self.check_all_readable()?;
        let length = self.byte_length();
        let page_size = self.ty.page_size();
        let pages = Pages(length as u64 >> page_size.log2());
        let candidates = self.candidates(length, None)?;
        MemoryImage::of_memory(
            Snapshot { page_size, pages },
            length as u64,
            &candidates,
            &mut |offset, bytes| self.read(offset, bytes),
        )
    }

    /// Ranges outside of which the memory holds zeros, and `image` too; ascending, apart from each other.
    pub(super) fn candidates(
        &self,
        length: usize,
        image: Option<&MemoryImage>,
    ) -> Result<Vec<Range<u64>>, Error> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut is_known = !self.has_files();
        let mut add = |range: Range<usize>| {
            let range = range.start.min(length) as u64..range.end.min(length) as u64;
            if ranges.try_reserve(1).is_err() {
                return false;
            }
            ranges.push(range);
            true
        };
        if is_known {
            is_known = self.with_region(|region| {
                let mut has_heap = true;
                let scanned = region.written_pages(0..length, |range| has_heap &= add(range));
                let mapped = region.image().into_iter().flat_map(MemoryImage::extents);
                let extents = image.into_iter().flat_map(MemoryImage::extents);
                mapped.chain(extents).for_each(|range| has_heap &= add(range));
                scanned.is_ok() && has_heap
            });
        }
        if !is_known {
            ranges.clear();
            ranges.try_reserve_exact(1).map_err(|_| Error::OutOfHeap(size_of::<Range<u64>>()))?;
            ranges.push(0..length as u64);
            return Ok(ranges);
        }
        merge(&mut ranges);
        Ok(ranges)
    }

    /// Asks the region something; no for bytes of the host's.
    fn with_region(&self, ask: impl FnOnce(&Region) -> bool) -> bool {
        match &self.backing {
            // SAFETY: as in `shape`.
            Backing::Ours(region) => unsafe { &*region.get() }.as_ref().is_some_and(ask),
            Backing::Shared(shared) => shared.region().as_ref().is_some_and(ask),
            Backing::Host(_) => false,
        }
    }

    /// What a reset to an image, or to zeros, would make of the size: from how many pages to how many.
    pub(crate) fn plan_reset(&self, image: Option<&MemoryImage>) -> Result<(Pages, Pages), Error> {
        if self.is_shared() {
            return Err(Error::Shared(
                "other threads use its bytes and go by its size, which never falls",
            ));
        }
        self.borrow.check_writable()?;
        let current = self.pages();
        let wanted = Self::initial_pages(&self.ty, image)?;
        match &self.backing {
            // The host's block keeps its size.
            Backing::Host(_) => Ok((current, wanted.max(current))),
            Backing::Ours(_) | Backing::Shared(_) => Ok((current, wanted)),
        }
    }

    /// Brings the memory back to an image, or to zeros, in place: its contents, and its size, which is the minimum of
    /// its type or that of the snapshot. Mappings and protections are undone. Costs time with the pages that were
    /// written since. No limits of a store are asked: see [`crate::StoreMemory::reset`].
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Pages, Policy};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(8))?)?;
    /// memory.grow(Pages(1))?;
    /// memory.store(70_000, 42u64)?;
    /// let prepared = memory.snapshot()?;
    ///
    /// memory.fill(0, 0xff, 100_000)?;
    /// memory.grow(Pages(5))?;
    /// memory.reset(Some(&prepared))?;
    /// assert_eq!((memory.pages(), memory.load::<u64>(70_000)?), (Pages(2), 42));
    /// memory.reset(None)?; // zeros, at the minimum of the type
    /// assert_eq!((memory.pages(), memory.load::<u64>(0)?), (Pages(1), 0));
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn reset(&self, image: Option<&MemoryImage>) -> Result<(), Error> {
        let reset = self.reset_in_store(image);
        self.note_bypass();
        reset
    }

    /// The same for the store that the memory is in, which knows of it.
    pub(crate) fn reset_in_store(&self, image: Option<&MemoryImage>) -> Result<(), Error> {
        let (_, wanted) = self.plan_reset(image)?;
        let length = host_length(&self.engine, &self.ty, wanted)?;
        let old = self.byte_length();
        let slot = match &self.backing {
            // SAFETY: a reset has exclusive access: the memory is not Sync, and the C ABI asks it of its
            // callers. No other reference to the region is alive here.
            Backing::Ours(region) => unsafe { &mut *region.get() },
            Backing::Host(made) => {
                if length > old {
                    self.grow_host(made, length)?;
                    self.set_length_only(length);
                }
                // SAFETY: all of it lies in the memory.
                unsafe { ptr::write_bytes(self.base(), 0, length) };
                if let Some(image) = image {
                    self.copy_extents(image, length);
                }
                return Ok(());
            }
            Backing::Shared(_) => return Err(Error::Internal("a shared memory is not reset")),
        };
        let region = slot.as_mut().ok_or(Error::Internal("a live memory has no region"))?;
        let peak = if length < old { Some(&self.extras.get_or_make()?.peak) } else { None };
        if length > region.open_bytes() {
            self.check_room(region, length)?;
        }
        let refused = |os| self.engine.out_of_memory(Purpose::Map, old.max(length) as u64, os);
        self.stop_watching(region);
        let undone = self.undo_overlays(region).map_err(refused);
        let prepared = undone.and_then(|()| {
            if length > region.open_bytes() {
                return self.open_more(region, length);
            }
            // What goes is given up before anything is changed.
            region.cut_guarded(length).map_err(refused)
        });
        if let Err(error) = prepared {
            self.watch_again(region);
            return Err(error);
        }
        region.reset(old.max(length), image, self.engine.keep_resident());
        self.note_change(&(0..old.max(length)));
        self.watch_again(region);
        if let Some(peak) = peak {
            peak.fetch_max(old, Ordering::Relaxed);
        }
        self.set_length_only(length);
        Ok(())
    }

    fn set_length_only(&self, length: usize) {
        self.count_change(self.view.byte_length(), length);
        self.set_view_length(length);
        self.announce_length(length);
    }
}

/// Sorts ranges, and makes one of those that touch.
pub(super) fn merge(ranges: &mut Vec<Range<u64>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    ranges.retain(|range| !range.is_empty());
}
