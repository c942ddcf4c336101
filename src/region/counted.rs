//! What a region takes, in the census of its engine.

use super::{Holding, Origin, Region};
use crate::alloc::Ref;
use crate::census::{Census, Taken};
use crate::units::round_up;
use core::sync::atomic::{AtomicU64, Ordering};

/// What the census has of a region.
#[derive(Debug, Default)]
pub(super) struct Counted {
    census: Option<Ref<Census>>,
    taken: Taken,
    /// Bytes of a slab that are readable and writable no longer.
    closed: AtomicU64,
    /// How many bytes from the base on are a file's that processes share.
    pub(super) file_bytes: usize,
}

impl Counted {
    fn set(&mut self, now: Taken) {
        if let Some(census) = &self.census {
            census.region_changes(self.taken, now);
        }
        self.taken = now;
    }

    /// The region goes.
    pub(super) fn leave(&mut self) {
        let closed = *self.closed.get_mut();
        self.taken.committed_bytes = self.taken.committed_bytes.wrapping_sub(closed);
        self.set(Taken::default());
    }
}

impl Region {
    /// Has the region counted from now on, until it goes. Slots are not: their slab is.
    pub(crate) fn enter_census(&mut self, census: &Ref<Census>) {
        if let Holding::Own(own) = &mut self.holding {
            own.counted.census = Some(census.clone());
        }
        self.recount();
    }

    /// Counts the region as it is now.
    pub(super) fn recount(&mut self) {
        let taken = self.taken();
        if let Holding::Own(own) = &mut self.holding
            && own.counted.census.is_some()
            && own.counted.taken != taken
        {
            own.counted.set(taken);
        }
    }

    fn taken(&self) -> Taken {
        let Holding::Own(own) = &self.holding else { return Taken::default() };
        let (start, bytes) = match own.origin {
            Origin::Mapping { start, bytes } | Origin::File { start, bytes } => (start, bytes),
            Origin::Heap(block) => {
                let bytes = block.size() as u64;
                return Taken { reserved_bytes: bytes, committed_bytes: bytes, mappings: 0 };
            }
        };
        let before = self.base.addr().get().wrapping_sub(start.addr().get());
        let pages = |bytes: usize| round_up(bytes, own.page_bytes).unwrap_or(bytes);
        // Where something else begins: the guard before, what is open, what is not, the end of a file, or of what is
        // to have huge pages.
        let file_end = pages(own.counted.file_bytes);
        let huge_end = if own.layout.huge_pages { pages(own.layout.reserved) } else { 0 };
        let end = bytes.saturating_sub(before);
        let mut mappings = u64::from(before != 0).wrapping_add(self.pieces_of_open());
        let (first, second) = (file_end.min(huge_end), file_end.max(huge_end));
        let mut at = self.open;
        for edge in [first, second, end] {
            if at < edge.min(end) {
                mappings = mappings.wrapping_add(1);
                at = edge;
            }
        }
        if self.open == 0 && before != 0 && file_end == 0 && huge_end == 0 {
            // One guard all over.
            mappings = 1;
        }
        Taken { reserved_bytes: bytes as u64, committed_bytes: self.open as u64, mappings }
    }

    /// How many mappings that is which is open: the pages of images are mappings of their own.
    fn pieces_of_open(&self) -> u64 {
        let mut pieces = 0u64;
        let mut at = 0;
        if let Some(image) = self.contents.mapped() {
            for extent in image.extents() {
                let gap = u64::from(at < extent.start);
                pieces = pieces.wrapping_add(gap).wrapping_add(1);
                at = round_up(extent.end, self.page_bytes()).unwrap_or(extent.end);
            }
        }
        pieces.wrapping_add(u64::from(at < self.open))
    }

    /// Counts bytes of a slab that are guards now.
    pub(super) fn count_closed(&self, bytes: usize) {
        if let Holding::Own(own) = &self.holding
            && let Some(census) = &own.counted.census
        {
            own.counted.closed.fetch_add(bytes as u64, Ordering::Relaxed);
            let closed = Taken { committed_bytes: bytes as u64, ..Taken::default() };
            census.region_changes(closed, Taken::default());
        }
    }
}
