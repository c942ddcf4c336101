//! A region: the piece of address space that one memory lies in, held and given back as a whole.
//!
//! A region knows where it came from (a mapping, or the heap) and is released by that alone. Its
//! first `open` bytes from the base are readable and writable, and those past what its owner uses
//! hold zeros; what lies behind faults, or is not the region's.

use crate::plan::{Bounds, Layout, Place};
use crate::sys::{self, HostCaps, OsError, SharedFile};
use crate::units::round_up;
use core::alloc::Layout as HeapLayout;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

/// The address space that all regions of this process have reserved, guards included.
static RESERVED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How much address space the regions of this process have reserved.
pub(crate) fn reserved_bytes() -> u64 {
    RESERVED_BYTES.load(Ordering::Relaxed)
}

/// What releases the region.
#[derive(Debug)]
enum Origin {
    /// A mapping from `start`, `bytes` long.
    Mapping { start: NonNull<u8>, bytes: usize },
    /// The same, with a file that processes share in it, from the base on.
    File { start: NonNull<u8>, bytes: usize },
    /// A block of the global allocator.
    Heap(HeapLayout),
}

/// A piece of address space with a base.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// Bytes from the base that are readable and writable; at most `layout.reserved`.
    open: usize,
    layout: Layout,
    page_bytes: usize,
    origin: Origin,
}

// SAFETY: a region owns its address space, and nothing of it belongs to a thread.
unsafe impl Send for Region {}

impl Region {
    /// Makes a region of this shape with at least `needed` bytes open, all of them zero.
    pub(crate) fn new(layout: Layout, needed: usize, host: &HostCaps) -> Result<Self, OsError> {
        debug_assert!(needed <= layout.reserved);
        let mut region = match layout.place {
            Place::Reserved => Self::reserve(layout, host)?,
            Place::Sparse { room } => Self::map(layout, room, host)?,
            Place::Heap => Self::allocate(layout, host)?,
        };
        let everything = region.layout.bounds == Bounds::Checked;
        // A strict system may refuse to open all of it; then what is needed must do.
        if !(everything && region.open_to(layout.reserved).is_ok()) {
            region.open_to(needed)?;
        }
        if layout.huge_pages {
            sys::advise_huge_pages(region.base, layout.reserved);
        }
        Ok(region)
    }

    /// Makes a region of this shape over `capacity` bytes of a file from `file_offset` on, with at least `needed`
    /// of them open; under CHECKED, all.
    pub(crate) fn over_file(
        layout: Layout,
        file: &SharedFile,
        file_offset: u64,
        capacity: usize,
        needed: usize,
        host: &HostCaps,
    ) -> Result<Self, OsError> {
        debug_assert!(needed <= capacity && capacity <= layout.reserved);
        let mut region = Self::reserve(layout, host)?;
        let mapped = match capacity {
            0 => Ok(()),
            // SAFETY: the range lies in the reservation made right above.
            _ => unsafe { file.map_over(region.base, capacity, file_offset) },
        };
        mapped?;
        if let Origin::Mapping { start, bytes } = region.origin {
            region.origin = Origin::File { start, bytes };
        }
        let everything = region.layout.bounds == Bounds::Checked;
        region.open_to(if everything { capacity } else { needed })?;
        if layout.huge_pages {
            sys::advise_huge_pages(region.base, capacity);
        }
        Ok(region)
    }

    fn reserve(layout: Layout, host: &HostCaps) -> Result<Self, OsError> {
        let bytes = layout.total(host).ok_or(OsError::no_memory())?.max(host.page_bytes);
        let start = sys::reserve(bytes)?;
        RESERVED_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
        let page_bytes = host.page_bytes;
        let unaligned = start.addr().get().wrapping_add(layout.before);
        let aligned = round_up(unaligned, layout.alignment).unwrap_or(unaligned);
        let base = offset(start, aligned.wrapping_sub(start.addr().get()));
        Ok(Self { base, open: 0, layout, page_bytes, origin: Origin::Mapping { start, bytes } })
    }

    /// A mapping that ends where its reservation does, so that it can be extended.
    fn map(layout: Layout, room: usize, host: &HostCaps) -> Result<Self, OsError> {
        debug_assert!(layout.after == 0 && layout.reserved != 0);
        let bytes = layout.total(host).ok_or(OsError::no_memory())?;
        let start = sys::map(bytes, room)?;
        let page_bytes = host.page_bytes;
        let base = offset(start, layout.before);
        let open = layout.reserved;
        let region =
            Self { base, open, layout, page_bytes, origin: Origin::Mapping { start, bytes } };
        if layout.before != 0 {
            // SAFETY: the range lies in the mapping made above, before the reservation.
            unsafe { sys::close(start, layout.before)? };
        }
        Ok(region)
    }

    fn allocate(layout: Layout, host: &HostCaps) -> Result<Self, OsError> {
        // A memory of no pages has a base too.
        let bytes = layout.reserved.max(host.page_bytes);
        let heap = HeapLayout::from_size_align(bytes, 16).map_err(|_| OsError::no_memory())?;
        // SAFETY: the size is not zero.
        let base =
            NonNull::new(unsafe { std::alloc::alloc_zeroed(heap) }).ok_or(OsError::no_memory())?;
        let open = layout.reserved;
        Ok(Self { base, open, layout, page_bytes: host.page_bytes, origin: Origin::Heap(heap) })
    }

    /// Where the memory starts; never null, and fixed for the region's life.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The shape of the region; its reservation may have been extended.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes from the base are readable and writable.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open
    }

    /// Makes at least the first `bytes` readable and writable; on failure nothing has changed.
    pub(crate) fn open_to(&mut self, bytes: usize) -> Result<(), OsError> {
        debug_assert!(bytes <= self.layout.reserved);
        let bytes = round_up(bytes, self.page_bytes).unwrap_or(bytes);
        let Some(more) = bytes.checked_sub(self.open).filter(|more| *more != 0) else {
            return Ok(());
        };
        // SAFETY: the range lies in the reservation, right behind what is open.
        unsafe { sys::open(offset(self.base, self.open), more)? };
        self.open = bytes;
        Ok(())
    }

    /// Makes everything from `bytes` on fault again, up to the end of the reservation.
    fn close_from(&mut self, bytes: usize) -> Result<(), OsError> {
        let bytes = round_up(bytes, self.page_bytes).unwrap_or(self.open);
        let Some(less) = self.open.checked_sub(bytes).filter(|less| *less != 0) else {
            return Ok(());
        };
        // SAFETY: the range is open, so it lies in the reservation; the owner uses it no more.
        unsafe { sys::close(offset(self.base, bytes), less)? };
        self.open = bytes;
        Ok(())
    }

    /// The same for regions that keep their bounds by faults; the others may have more open than is used.
    pub(crate) fn close_from_guarded(&mut self, bytes: usize) -> Result<(), OsError> {
        if self.layout.bounds == Bounds::Guarded { self.close_from(bytes) } else { Ok(()) }
    }

    /// Extends the reservation in place so that it holds `bytes`, open; the base stays.
    ///
    /// Works for sparsely placed regions whose neighbourhood is still free. Fails with `None` for
    /// all others, with the system's error when it refuses; nothing has changed then.
    pub(crate) fn extend_to(&mut self, bytes: usize) -> Result<(), Option<OsError>> {
        let Place::Sparse { .. } = self.layout.place else { return Err(None) };
        let bytes = round_up(bytes, self.page_bytes).ok_or(None)?;
        let Origin::Mapping { bytes: total, .. } = &mut self.origin else {
            return Err(None);
        };
        let more = bytes.wrapping_sub(self.layout.reserved);
        sys::extend(offset(self.base, self.layout.reserved), more)?;
        *total = total.wrapping_add(more);
        self.layout.reserved = bytes;
        self.open = bytes;
        Ok(())
    }

    /// Gives the contents up: the region is zero again, as if new, with at least `needed` bytes
    /// open, and under GUARDED no more. On failure it must not be used again.
    pub(crate) fn renew(&mut self, needed: usize) -> Result<(), OsError> {
        self.close_from_guarded(needed)?;
        self.open_to(needed)
    }

    /// Zeroes everything that was ever open and gives its pages back to the system.
    pub(crate) fn zero(&mut self) -> Result<(), OsError> {
        if self.open == 0 {
            return Ok(());
        }
        // SAFETY: the open range is the region's own, and the caller's exclusive reference shows
        // that its owner is done with it.
        unsafe { self.zero_pages(self.base, self.open) }
    }

    /// # Safety
    /// The range is open, and its contents are to be lost.
    unsafe fn zero_pages(&self, start: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
        // SAFETY: passed on; the origin says what kind of mapping it is.
        unsafe {
            match self.origin {
                Origin::File { .. } => sys::zero_shared(start, bytes),
                Origin::Mapping { .. } | Origin::Heap(_) => sys::zero(start, bytes),
            }
        }
    }

    /// Makes the whole pages between two open offsets read as zero and gives them back to the system.
    /// Says which part that was: nothing of it on the heap, or when the system refuses.
    pub(crate) fn give_back(&mut self, from: usize, to: usize) -> Range<usize> {
        debug_assert!(from <= to && to <= self.open);
        if let Origin::Heap(_) = self.origin {
            return from..from;
        }
        let Some(start) = round_up(from, self.page_bytes) else { return from..from };
        let end = to & !self.page_bytes.wrapping_sub(1);
        let Some(bytes) = end.checked_sub(start).filter(|bytes| *bytes != 0) else {
            return from..from;
        };
        // SAFETY: the pages are open, so they are the region's own; whoever else uses them, of a shared memory,
        // sees zeros from some moment on.
        match unsafe { self.zero_pages(offset(self.base, start), bytes) } {
            Ok(()) => start..end,
            Err(_) => from..from,
        }
    }

    /// Whether the region is less than the options ask for, on a host that has mappings.
    pub(crate) fn is_reduced(&self, host: &HostCaps) -> bool {
        host.has_mappings && self.layout.place != Place::Reserved
    }

    /// Whether the region is a whole reservation that another memory can use after this one.
    pub(crate) fn is_reusable(&self) -> bool {
        self.layout.place == Place::Reserved && !matches!(self.origin, Origin::File { .. })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        match self.origin {
            Origin::Mapping { start, bytes } | Origin::File { start, bytes } => {
                let counted = self.layout.place == Place::Reserved;
                // SAFETY: the mapping was made for this region, and its owner is gone.
                if unsafe { sys::release(start, bytes) }.is_ok() {
                    if counted {
                        RESERVED_BYTES.fetch_sub(bytes as u64, Ordering::Relaxed);
                    }
                } else {
                    // Its pages at least can go now, unless others have them too; if they cannot, they go with
                    // the mapping.
                    if let Origin::Mapping { .. } = self.origin {
                        let _ = self.zero();
                    }
                    leftover::keep(start, bytes, counted);
                }
                leftover::release_all();
            }
            // SAFETY: the block was allocated with this layout by `allocate`.
            Origin::Heap(layout) => unsafe { std::alloc::dealloc(self.base.as_ptr(), layout) },
        }
    }
}

/// Mappings that the system would not take back when their regions went. At the limit on mappings
/// that happens to one that the kernel had merged with its neighbours: to take it out, it would have
/// to split them. It succeeds when the neighbours are gone, so each release tries again.
mod leftover {
    use super::RESERVED_BYTES;
    use crate::alloc::try_box;
    use crate::sys;
    use core::ptr::NonNull;
    use core::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};

    struct Leftover {
        start: NonNull<u8>,
        bytes: usize,
        /// Whether it is in `RESERVED_BYTES`.
        counted: bool,
        next: Option<Box<Leftover>>,
    }

    // SAFETY: it owns its mapping, which belongs to no thread.
    unsafe impl Send for Leftover {}

    static LIST: Mutex<Option<Box<Leftover>>> = Mutex::new(None);
    /// Lets the common case, an empty list, pass without the lock.
    static ANY: AtomicBool = AtomicBool::new(false);

    /// Remembers a mapping. With no heap left for that, the mapping stays for ever.
    pub(super) fn keep(start: NonNull<u8>, bytes: usize, counted: bool) {
        if let Ok(mut new) = try_box(Leftover { start, bytes, counted, next: None }) {
            let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            new.next = list.take();
            *list = Some(new);
            ANY.store(true, Ordering::Relaxed);
        }
    }

    /// Tries to give back all that is remembered, again and again while that gets anywhere: merged
    /// mappings come off at their edges.
    pub(super) fn release_all() {
        if !ANY.load(Ordering::Relaxed) {
            return;
        }
        let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let mut progress = true;
        while progress {
            progress = false;
            let mut rest = list.take();
            while let Some(mut item) = rest {
                rest = item.next.take();
                // SAFETY: the mapping of a region that is gone; the list alone knows of it.
                if unsafe { sys::release(item.start, item.bytes) }.is_err() {
                    item.next = list.take();
                    *list = Some(item);
                    continue;
                }
                progress = true;
                if item.counted {
                    RESERVED_BYTES.fetch_sub(item.bytes as u64, Ordering::Relaxed);
                }
            }
        }
        ANY.store(list.is_some(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn is_kept(start: NonNull<u8>) -> bool {
        let list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        core::iter::successors(list.as_deref(), |item| item.next.as_deref())
            .any(|item| item.start == start)
    }
}

/// The address `bytes` further. Not a dereference: the callers say why it lies in their mapping.
fn offset(start: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    NonNull::new(start.as_ptr().wrapping_add(bytes)).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Planner, Policy};
    use crate::{IndexType, MemoryType};

    #[test]
    fn a_mapping_that_cannot_be_released_is_released_later() {
        let host = sys::host();
        if !host.can_guard {
            return;
        }
        let policy = Policy::default();
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        let planner =
            Planner { policy: &policy, host: &host, ty: &ty, needed: 65_536, moving: false };
        let layout = planner.guarded().unwrap();
        let refused = Region::new(layout, 65_536, &host).unwrap();
        let other = Region::new(layout, 65_536, &host).unwrap();
        let Origin::Mapping { start, .. } = refused.origin else { panic!("a mapping") };
        sys::injection::refuse_after(Some(0));
        drop(refused);
        sys::injection::refuse_after(None);
        // Another test's release may have taken it along already.
        let is_unmapped = || sys::resident_bytes(start, 65_536, host.page_bytes).is_none();
        assert!(leftover::is_kept(start) || is_unmapped());
        drop(other);
        assert!(!leftover::is_kept(start));
    }

    #[test]
    fn a_sparse_memory_grows_in_place() {
        if !sys::host().has_mappings {
            return;
        }
        let host = sys::host();
        let policy = Policy::default();
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        let planner =
            Planner { policy: &policy, host: &host, ty: &ty, needed: 65_536, moving: false };
        let layout = planner.fitted().unwrap();
        let mut regions: Vec<_> =
            (0..8).map(|_| Region::new(layout, 65_536, &host).unwrap()).collect();
        for region in &mut regions {
            let base = region.base();
            for pages in [2usize, 3, 100, 1000] {
                region.extend_to(pages * 65_536).unwrap();
                // SAFETY: the byte lies in what was just opened.
                unsafe { base.as_ptr().add(pages * 65_536 - 1).write(1) };
            }
            assert_eq!(region.base(), base);
        }
    }
}
