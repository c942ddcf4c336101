//! A region: the piece of address space that one memory lies in, held and given back as a whole.
//!
//! A region knows where it came from (a mapping of its own, a slot of a slab, or the heap) and is released by
//! that alone. Its first `open` bytes from the base are readable and writable, and those past what its owner
//! uses hold what a new one has there: zeros, or the image that it remembers. What lies behind faults, or is not the
//! region's.

mod contents;
mod counted;
mod leftover;
mod slab;

pub(crate) use contents::{Used, clean_together, empty_together};
pub(crate) use slab::Slab;

use crate::alloc::{Ref, try_box};
use crate::directory::{Entry, Seat, SeatRef};
use crate::plan::{Bounds, Layout, Place};
use crate::sys::{
    self, FileMapping, HostCaps, HostFile, OsError, Protection, SharedFile, Unmapped,
};
use crate::units::round_up;
use contents::Contents;
use core::alloc::Layout as HeapLayout;
use core::ops::{Deref, DerefMut, Range};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use counted::Counted;

/// The address space that all regions of this process have reserved, guards included.
static RESERVED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How much address space the regions of this process have reserved.
pub(crate) fn reserved_bytes() -> u64 {
    RESERVED_BYTES.load(Ordering::Relaxed)
}

/// What releases the region.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// A mapping from `start`, `bytes` long.
    Mapping { start: NonNull<u8>, bytes: usize },
    /// The same, with a file that processes share in it, from the base on.
    File { start: NonNull<u8>, bytes: usize },
    /// A block of the global allocator.
    Heap(HeapLayout),
}

/// A piece of address space with a base. On the heap, so that it is handed on at the cost of a pointer.
#[derive(Debug)]
pub(crate) struct Region(Box<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    base: NonNull<u8>,
    /// Bytes from the base that are readable and writable; at most what the layout reserves.
    open: usize,
    /// Where its memory is announced. The entry is in `holding`.
    seat: Option<SeatRef>,
    holding: Holding,
    contents: Contents,
}

/// Whose address space it is.
#[derive(Debug)]
enum Holding {
    /// The region's own.
    Own(Box<Own>),
    /// A slot of it.
    Slab(Ref<Slab>),
}

#[derive(Debug)]
struct Own {
    layout: Layout,
    page_bytes: usize,
    origin: Origin,
    /// Whether it belongs to a pool, and another memory may have it after this one.
    is_pooled: bool,
    /// Its addresses, guards included, for who asks whose they are. None for a slab, which enters its slots itself.
    entry: Option<Entry>,
    counted: Counted,
    /// Whether what is open counts before it is touched.
    opening_commits: bool,
}

// SAFETY: a region owns its address space, and nothing of it belongs to a thread.
unsafe impl Send for Region {}

impl Deref for Region {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl Region {
    /// Makes a region of this shape with at least `needed` bytes open, all of them zero.
    pub(crate) fn new(layout: Layout, needed: usize, host: &HostCaps) -> Result<Self, OsError> {
        let mut region = Self::unlisted(layout, needed, host)?;
        region.enter()?;
        Ok(region)
    }

    /// The same for a region that is not a memory's.
    fn unlisted(layout: Layout, needed: usize, host: &HostCaps) -> Result<Self, OsError> {
        debug_assert!(needed <= layout.reserved);
        let mut region = match layout.place {
            Place::Reserved => Self::reserve(layout, host)?,
            Place::Sparse { room } => Self::map(layout, room, host)?,
            Place::Heap => Self::allocate(layout, host)?,
        };
        let everything = layout.bounds == Bounds::Checked && !host.opening_commits;
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
        if let Holding::Own(own) = &mut region.holding
            && let Origin::Mapping { start, bytes } = own.origin
        {
            own.origin = Origin::File { start, bytes };
            own.counted.file_bytes = capacity;
        }
        let everything = layout.bounds == Bounds::Checked;
        region.open_to(if everything { capacity } else { needed })?;
        if layout.huge_pages {
            sys::advise_huge_pages(region.base, capacity);
        }
        region.enter()?;
        Ok(region)
    }

    fn over(
        base: NonNull<u8>,
        open: usize,
        layout: Layout,
        host: &HostCaps,
        origin: Origin,
    ) -> Result<Self, OsError> {
        let own = Own {
            layout,
            page_bytes: host.page_bytes,
            origin,
            is_pooled: false,
            entry: None,
            counted: Counted::default(),
            opening_commits: host.opening_commits,
        };
        // Parts that are dropped release their origin; there are none as long as this box is all there is.
        let own = try_box(own).map_err(|_| {
            origin.release(base, open, layout.place == Place::Reserved);
            OsError::no_memory()
        })?;
        Self::try_new(Parts {
            base,
            open,
            seat: None,
            holding: Holding::Own(own),
            contents: Contents::default(),
        })
    }

    /// Enters the addresses of the region into the directory.
    fn enter(&mut self) -> Result<(), OsError> {
        let parts = &mut *self.0;
        let Holding::Own(own) = &mut parts.holding else { return Ok(()) };
        let base = parts.base.addr().get();
        let end = base.wrapping_add(own.layout.reserved).wrapping_add(own.layout.after);
        let entry = Entry::for_memory(base.wrapping_sub(own.layout.before)..end, base)
            .map_err(|_| OsError::no_memory())?;
        parts.seat = entry.seat(0);
        own.entry = Some(entry);
        Ok(())
    }

    /// Where the memory that the region is given to is announced.
    #[inline]
    pub(crate) fn seat(&self) -> Option<&Seat> {
        // SAFETY: the entry is in the holding, the region's own or its slab's, which lives as long as the region.
        self.seat.map(|seat| unsafe { seat.get() })
    }

    /// The same for who keeps the region and cannot reach it now.
    pub(crate) fn seat_ref(&self) -> Option<SeatRef> {
        self.seat
    }

    fn try_new(parts: Parts) -> Result<Self, OsError> {
        Ok(Self(try_box(parts).map_err(|_| OsError::no_memory())?))
    }

    fn reserve(layout: Layout, host: &HostCaps) -> Result<Self, OsError> {
        let bytes = layout.total(host).ok_or(OsError::no_memory())?.max(host.page_bytes);
        let start = sys::reserve(bytes)?;
        RESERVED_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
        let unaligned = start.addr().get().wrapping_add(layout.before);
        let aligned = round_up(unaligned, layout.alignment).unwrap_or(unaligned);
        let base = offset(start, aligned.wrapping_sub(start.addr().get()));
        Self::over(base, 0, layout, host, Origin::Mapping { start, bytes })
    }

    /// A mapping that ends where its reservation does, so that it can be extended.
    fn map(layout: Layout, room: usize, host: &HostCaps) -> Result<Self, OsError> {
        debug_assert!(layout.after == 0 && layout.reserved != 0);
        let bytes = layout.total(host).ok_or(OsError::no_memory())?;
        let start = sys::map(bytes, room)?;
        let base = offset(start, layout.before);
        let region =
            Self::over(base, layout.reserved, layout, host, Origin::Mapping { start, bytes })?;
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
        Self::over(base, layout.reserved, layout, host, Origin::Heap(heap))
    }

    /// Where the memory starts; never null, and fixed for the region's life.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The shape of the region; its reservation may have been extended.
    pub(crate) fn layout(&self) -> &Layout {
        match &self.holding {
            Holding::Own(own) => &own.layout,
            Holding::Slab(slab) => slab.layout(),
        }
    }

    /// Where its private pages are, those that are not open included; none where it has no such pages.
    pub(crate) fn pages(&self) -> Option<(NonNull<u8>, usize)> {
        self.has_pages()
            .then(|| (self.base, self.layout().reserved))
            .filter(|(_, bytes)| *bytes != 0)
    }

    fn page_bytes(&self) -> usize {
        match &self.holding {
            Holding::Own(own) => own.page_bytes,
            Holding::Slab(slab) => slab.page_bytes(),
        }
    }

    /// Whether its pages are private ones of the system's, and not a block of the heap or a file of several
    /// processes.
    pub(crate) fn has_pages(&self) -> bool {
        match &self.holding {
            Holding::Own(own) => matches!(own.origin, Origin::Mapping { .. }),
            Holding::Slab(_) => true,
        }
    }

    /// How many bytes from the base are readable and writable.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open
    }

    /// Makes at least the first `bytes` readable and writable; on failure nothing has changed.
    pub(crate) fn open_to(&mut self, bytes: usize) -> Result<(), OsError> {
        debug_assert!(bytes <= self.layout().reserved);
        let bytes = round_up(bytes, self.page_bytes()).unwrap_or(bytes);
        let Some(more) = bytes.checked_sub(self.open).filter(|more| *more != 0) else {
            return Ok(());
        };
        // SAFETY: the range lies in the reservation, right behind what is open.
        unsafe { sys::open(offset(self.base, self.open), more)? };
        self.open = bytes;
        self.recount();
        Ok(())
    }

    /// Makes everything from `bytes` on fault again, up to the end of the reservation.
    fn close_from(&mut self, bytes: usize) -> Result<(), OsError> {
        let bytes = round_up(bytes, self.page_bytes()).unwrap_or(self.open);
        let Some(less) = self.open.checked_sub(bytes).filter(|less| *less != 0) else {
            return Ok(());
        };
        // What is closed is zeros when it is opened again, and nothing of an image.
        self.clear_images_from(bytes)?;
        // SAFETY: the range is open, so it lies in the reservation; the owner uses it no more.
        unsafe { sys::close(offset(self.base, bytes), less)? };
        self.open = bytes;
        self.recount();
        Ok(())
    }

    /// The same for regions that keep their bounds by faults; the others may have more open than is used.
    pub(crate) fn close_from_guarded(&mut self, bytes: usize) -> Result<(), OsError> {
        if self.layout().bounds == Bounds::Guarded { self.close_from(bytes) } else { Ok(()) }
    }

    /// Makes a region that keeps its bounds by faults shorter: everything from `bytes` on faults again, and what was there
    /// is gone. On failure nothing has changed.
    pub(crate) fn cut_guarded(&mut self, bytes: usize) -> Result<(), OsError> {
        let bytes = round_up(bytes, self.page_bytes()).unwrap_or(self.open);
        if self.layout().bounds != Bounds::Guarded || bytes >= self.open {
            return Ok(());
        }
        let range = bytes..self.open;
        // SAFETY: the range is open, so it is the region's own, and private memory; the caller's exclusive
        // reference shows that nobody uses it.
        unsafe { sys::reserve_over(offset(self.base, range.start), range.len())? };
        self.contents.tear(&range);
        self.open = bytes;
        self.recount();
        Ok(())
    }

    /// Extends the reservation in place so that it holds `bytes`, open; the base stays.
    ///
    /// Works for sparsely placed regions whose neighbourhood is still free. Fails with `None` for
    /// all others, with the system's error when it refuses; nothing has changed then.
    pub(crate) fn extend_to(&mut self, bytes: usize) -> Result<(), Option<OsError>> {
        let parts = &mut *self.0;
        let Holding::Own(own) = &mut parts.holding else { return Err(None) };
        let Place::Sparse { .. } = own.layout.place else { return Err(None) };
        let bytes = round_up(bytes, own.page_bytes).ok_or(None)?;
        let Origin::Mapping { bytes: total, .. } = &mut own.origin else {
            return Err(None);
        };
        let more = bytes.wrapping_sub(own.layout.reserved);
        // Listed first: that can be undone.
        let list = |reserved: usize| match &own.entry {
            Some(entry) => entry.resize_to(parts.base.addr().get().wrapping_add(reserved)),
            None => Ok(()),
        };
        list(bytes).map_err(|_| Some(OsError::no_memory()))?;
        if let Err(refused) = sys::extend(offset(parts.base, own.layout.reserved), more) {
            // If this fails, the region claims what is nobody's, or another's, who then comes first.
            let _ = list(own.layout.reserved);
            return Err(refused);
        }
        *total = total.wrapping_add(more);
        own.layout.reserved = bytes;
        parts.open = bytes;
        self.recount();
        Ok(())
    }

    /// Puts zeros in the place of whatever is mapped in whole pages between two open offsets.
    pub(crate) fn zeros_over(&mut self, range: Range<usize>) -> Result<(), OsError> {
        debug_assert!(self.has_pages() && range.end <= self.open);
        self.contents.tear(&range);
        // SAFETY: the range is open, so it is the region's own, and private memory; the caller's exclusive
        // reference shows that nobody uses it.
        unsafe { sys::zeros_over(offset(self.base, range.start), range.len()) }
    }

    /// Maps a file of the host's over whole pages between two open offsets.
    pub(crate) fn map_file(
        &mut self,
        range: Range<usize>,
        file: HostFile,
        file_offset: u64,
        how: FileMapping,
    ) -> Result<(), Unmapped> {
        debug_assert!(self.has_pages() && range.end <= self.open);
        self.contents.tear(&range);
        // SAFETY: as in `zeros_over`.
        unsafe { file.map_over(offset(self.base, range.start), range.len(), file_offset, how) }
    }

    /// Sets what may be done with whole pages between two open offsets.
    pub(crate) fn protect(
        &mut self,
        range: Range<usize>,
        protection: Protection,
    ) -> Result<(), OsError> {
        debug_assert!(self.has_pages() && range.end <= self.open);
        // SAFETY: the range is open, so it is the region's own; the owner knows what it asks for.
        unsafe { sys::set_protection(offset(self.base, range.start), range.len(), protection) }
    }

    /// Whether the region is less than the options ask for, on a host that has mappings.
    pub(crate) fn is_reduced(&self, host: &HostCaps) -> bool {
        host.has_mappings && !self.is_whole()
    }

    /// Whether the region has all that the options ask for from the start, and so can never be extended.
    pub(crate) fn is_whole(&self) -> bool {
        self.layout().place == Place::Reserved
    }

    /// Whether another memory can use the region after this one, as far as its kind goes.
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_whole() && self.has_pages()
    }

    /// Makes the region one of a pool's.
    pub(crate) fn join_pool(&mut self) {
        if let Holding::Own(own) = &mut self.holding {
            own.is_pooled = true;
        }
    }

    /// Whether the region is one of a pool's.
    pub(crate) fn is_pooled(&self) -> bool {
        match &self.holding {
            Holding::Own(own) => own.is_pooled,
            Holding::Slab(_) => true,
        }
    }

    /// The address space that goes when the region goes, guards included; none for a slot, whose slab has it.
    pub(crate) fn own_address_space(&self) -> u64 {
        match &self.holding {
            Holding::Own(own) => match own.origin {
                Origin::Mapping { bytes, .. } | Origin::File { bytes, .. } => bytes as u64,
                Origin::Heap(_) => 0,
            },
            Holding::Slab(_) => 0,
        }
    }
}

impl Origin {
    /// Gives the address space of a region back, of which `open` bytes from `base` on are readable and writable.
    fn release(self, base: NonNull<u8>, open: usize, counted: bool) {
        match self {
            Self::Mapping { start, bytes } | Self::File { start, bytes } => {
                // SAFETY: the mapping was made for this region, and its owner is gone.
                if unsafe { sys::release(start, bytes) }.is_ok() {
                    if counted {
                        RESERVED_BYTES.fetch_sub(bytes as u64, Ordering::Relaxed);
                    }
                } else {
                    // Its pages at least can go now, unless others have them too; if they cannot, they go with
                    // the mapping.
                    if let Self::Mapping { .. } = self
                        && open != 0
                    {
                        // SAFETY: the open range is the region's own, and its owner is gone.
                        let _ = unsafe { sys::zero(base, open) };
                    }
                    leftover::keep(start, bytes, counted);
                }
                leftover::release_all();
            }
            // SAFETY: the block was allocated with this layout by `allocate`.
            Self::Heap(layout) => unsafe { std::alloc::dealloc(base.as_ptr(), layout) },
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // A slot that its slab has not got back is lost to it: nobody has shown that it is clean.
        if let Holding::Own(own) = &mut self.holding {
            own.counted.leave();
            // Before the addresses can be another region's.
            own.entry = None;
            let counted = own.layout.place == Place::Reserved;
            own.origin.release(self.base, self.open, counted);
        }
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
        let planner = Planner {
            policy: &policy,
            host: &host,
            ty: &ty,
            needed: 65_536,
            moving: false,
            slot_bytes: None,
        };
        let layout = planner.guarded().unwrap();
        let refused = Region::new(layout, 65_536, &host).unwrap();
        let other = Region::new(layout, 65_536, &host).unwrap();
        let Holding::Own(own) = &refused.holding else { panic!("its own") };
        let Origin::Mapping { start, .. } = own.origin else { panic!("a mapping") };
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
        let planner = Planner {
            policy: &policy,
            host: &host,
            ty: &ty,
            needed: 65_536,
            moving: false,
            slot_bytes: None,
        };
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
